/* axruntime: loads what `compile` produced and runs it on this machine's CPU.
 *
 * The names, types, results and property keys are those of the Voyager SDK's axruntime C API, so
 * that source written for it compiles and runs unchanged. What that API calls a device is the CPU; its
 * sub-devices are cores. A program is:
 *
 *     axrContext *context = axr_create_context();
 *     axrModel *model = axr_load_model(context, "compiled_model/model.json");
 *     axrConnection *connection = axr_device_connect(context, NULL, 1, NULL);
 *     axrModelInstance *instance = axr_load_model_instance(connection, model, NULL);
 *     ... fill axrArgument arrays: axr_num_model_inputs, axr_get_model_input, axr_tensor_size ...
 *     axr_run_model_instance(instance, inputs, num_inputs, outputs, num_outputs);
 *     axr_destroy(AXR_OBJECT(context));
 *
 * Objects. A context owns all objects made from it; destroying it destroys them. A handle is never
 * dereferenced: using a destroyed object, or anything that is no object of the expected type, gives
 * AXR_ERROR_INVALID_ARGUMENT. An instance stays usable when its model is destroyed, not when its
 * connection is.
 *
 * Errors. Functions that return axrResult return it; the others return NULL, 0 or ndims 0. Either way the
 * result and one sentence are kept for the context and the calling thread: axr_last_error() and
 * axr_last_error_string() with the context or any of its objects. A successful call resets them.
 *
 * Threads. Every function may be called from any thread at any time. Different instances run at the same
 * time; calls of one instance one after the other, or in multicore modes multithread and pipeline
 * as many at a time as it has cores. An object destroyed while another thread uses it lives until
 * that call returns. A text from axr_get_property or axr_list_properties is valid until that object changes.
 *
 * Tensors are those of the compiled network's int8 entry point (a network with nothing quantized: of
 * the ONNX model, as AXR_FLOAT): padded, in the layout of property input_tensor_layout;
 * real = (value - zero_point) * scale; padding of an input is filled with its zero_point. A network compiled
 * for N cores in multicore mode batch takes N frames per call, behind each other: dims[0] is N times as large.
 */
#ifndef AXRUNTIME_H
#define AXRUNTIME_H

#include <stddef.h>

#ifndef AXR_EXPORT
#define AXR_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define AXR_MAX_TENSOR_DIMS 8
#define AXR_API_VERSION_MAJOR 1
#define AXR_API_VERSION_MINOR 0

enum AXR_TENSOR_DATA_TYPE {
	AXR_UNSIGNED = 0, /* bool is 8 bits of this */
	AXR_SIGNED = 1,
	AXR_FLOAT = 2,
};

typedef enum axrResult {
	AXR_SUCCESS,
	AXR_ERROR_RUNTIME_ERROR,         /* the system: a file cannot be read, memory is short */
	AXR_ERROR_VALUE_ERROR,           /* a file or property holds a value that is not allowed */
	AXR_ERROR_INVALID_ARGUMENT,      /* NULL, destroyed object, wrong count or size */
	AXR_ERROR_CONNECTION_ERROR,      /* no such device; the connection was destroyed */
	AXR_ERROR_DEVICE_IN_USE,
	AXR_ERROR_INCOMPATIBLE_DEVICE,   /* the CPU lacks a feature, or is another architecture */
	AXR_ERROR_INVALID_CONFIGURATION, /* unknown configuration name */
	AXR_ERROR_NOT_IMPLEMENTED,       /* known, but not on this device */
	AXR_ERROR_INTERNAL_ERROR,        /* the network's code returned an error */
	AXR_ERROR_PENDING_ERROR,
	AXR_ERROR_UNKNOWN_ERROR
} axrResult;
#define AXR_ERROR_NOT_SUPPORTED AXR_ERROR_NOT_IMPLEMENTED /* the documentation uses both names */

typedef enum axrLogLevel {
	AXR_LOG_TRACE,
	AXR_LOG_LOG,
	AXR_LOG_DEBUG,
	AXR_LOG_INFO,
	AXR_LOG_FIXME,
	AXR_LOG_WARNING,
	AXR_LOG_ERROR
} axrLogLevel;

typedef enum axrBoardType {
	AXR_BOARD_METIS_UNUSED1,
	AXR_BOARD_METIS_UNUSED2,
	AXR_BOARD_METIS_OMEGA_PCIE,
	AXR_BOARD_METIS_OMEGA_M2,
	AXR_BOARD_METIS_UNUSED3,
	AXR_BOARD_METIS_MAX,
	AXR_BOARD_CPU = AXR_BOARD_METIS_UNUSED1 /* what this runtime's only device is */
} axrBoardType;

typedef struct axrObject axrObject;
typedef struct axrContext axrContext;
typedef struct axrProperties axrProperties;
typedef struct axrConnection axrConnection;
typedef struct axrModel axrModel;
typedef struct axrModelInstance axrModelInstance;

#define AXR_OBJECT(x) ((axrObject *)(x))

/* One input or output of a run. */
typedef struct axrArgument {
	void *ptr;     /* host memory, aligned to the element size; NULL: the data is in fd */
	int fd;        /* instead of ptr with input_dmabuf/output_dmabuf: DMA buffer, memfd or any file that can be
	                * mapped; else 0 or -1 */
	size_t offset; /* must be 0 */
	size_t size;   /* bytes; 0: not checked, else must equal axr_tensor_size() */
} axrArgument;

typedef struct axrTensorInfo {
	size_t dims[AXR_MAX_TENSOR_DIMS]; /* as run: padding included */
	size_t ndims;
	size_t bits; /* of an element */
	size_t type; /* AXR_TENSOR_DATA_TYPE */
	char name[256]; /* in the ONNX model */
	size_t padding[AXR_MAX_TENSOR_DIMS][2]; /* elements before and after, per dimension */
	double scale;   /* 1.0 when not quantized */
	int zero_point; /* 0 when not quantized */
} axrTensorInfo;

typedef struct axrDeviceInfo {
	char name[256];         /* "cpu-0:0:0" */
	size_t subdevice_count; /* cores this process may use */
	size_t max_memory;      /* always 0 */
	int in_use;             /* always 0: any number of programs share the CPU */
	char in_use_by[256];    /* always empty */
	axrBoardType board_type;
	char firmware_version[256]; /* of this library */
	int board_revision;
	char flashed_firmware_version[256];
	char board_controller_firmware_version[256];
	char board_controller_board_type[256]; /* the processor's own name, where known */
} axrDeviceInfo;

typedef void (*axr_logger_fn)(void *arg, axrLogLevel level, const char *msg);

/* ---- context, errors, log ---- */

/* Major version in the upper 16 bits, minor in the lower. */
AXR_EXPORT unsigned int axr_api_version(void);
/* Never NULL. (Without memory for one the handle is not valid, and every call with it says so.) */
AXR_EXPORT axrContext *axr_create_context(void);
/* Needed for the context alone; others may go earlier. NULL and destroyed objects are ignored. */
AXR_EXPORT void axr_destroy(const axrObject *obj);
AXR_EXPORT axrContext *axr_get_context(axrObject *obj);
AXR_EXPORT axrResult axr_last_error(const axrObject *obj);
/* Valid until the next call in this thread; never NULL, empty after success. */
AXR_EXPORT const char *axr_last_error_string(const axrObject *obj);
/* Static text, never NULL. */
AXR_EXPORT const char *axr_error_string(axrResult result);
AXR_EXPORT const char *axr_board_type_string(axrBoardType type);
/* Messages of `level` and above go to `logger`, one call at a time; NULL: to nobody (the default). */
AXR_EXPORT void axr_set_logger(axrContext *context, axrLogLevel level, axr_logger_fn logger, void *arg);

/* ---- properties: keys and values; integers in decimal, truth values 0 or 1 ---- */

/* `initial`: key=value pairs separated by ";" or newlines, or NULL. NULL for an invalid context or without memory; an
 * entry without "=" is left out and reported as AXR_ERROR_INVALID_ARGUMENT. */
AXR_EXPORT axrProperties *axr_create_properties(axrContext *context, const char *initial);
AXR_EXPORT void axr_set_property(axrProperties *properties, const char *key, const char *value);
AXR_EXPORT void axr_del_property(axrProperties *properties, const char *key);
/* NULL when absent; valid until this property is changed. */
AXR_EXPORT const char *axr_get_property(axrProperties *properties, const char *key);
/* The keys, separated by ";"; valid until the next call with these properties. */
AXR_EXPORT const char *axr_list_properties(axrProperties *properties);

/* ---- devices ---- */

/* Number of devices; *ret_devices (may be NULL) points to an array of them, valid until the next call. */
AXR_EXPORT size_t axr_list_devices(axrContext *context, axrDeviceInfo **ret_devices);
/* device NULL: the first. Properties: device_name; device_firmware_check has no effect on a CPU. More
 * sub-devices than cores are allowed (at most 256) and share them. */
AXR_EXPORT axrConnection *axr_device_connect(axrContext *context, axrDeviceInfo *device,
                                             size_t num_sub_devices, axrProperties *properties);
/* Keys clock_profile, clock_profile_core_0..3, mvm_utilisation_core_0..3, ddr_size: a CPU has none of
 * them to change, so a value other than the one read is AXR_ERROR_NOT_IMPLEMENTED; what is no
 * integer AXR_ERROR_VALUE_ERROR; another key AXR_ERROR_INVALID_CONFIGURATION. */
AXR_EXPORT axrResult axr_configure_device(axrContext *context, axrDeviceInfo *device,
                                          axrProperties *properties);
AXR_EXPORT axrResult axr_device_ready(axrContext *context, axrDeviceInfo *device);
AXR_EXPORT axrProperties *axr_read_device_configuration(axrContext *context, axrDeviceInfo *device);

/* ---- models ---- */

/* Reads and checks model.json; NULL on failure. */
AXR_EXPORT axrModel *axr_load_model(axrContext *context, const char *path);
AXR_EXPORT size_t axr_num_model_inputs(axrModel *model);
AXR_EXPORT size_t axr_num_model_outputs(axrModel *model);
/* n out of range: ndims 0 and AXR_ERROR_INVALID_ARGUMENT. */
AXR_EXPORT axrTensorInfo axr_get_model_input(axrModel *model, size_t n);
AXR_EXPORT axrTensorInfo axr_get_model_output(axrModel *model, size_t n);
/* preamble_graph, postamble_graph (file names), input_tensor_layout; others may follow. */
AXR_EXPORT axrProperties *axr_get_model_properties(axrModel *model);
/* Bytes, or 0 when that exceeds size_t. */
AXR_EXPORT size_t axr_tensor_size(const axrTensorInfo *info);

/* ---- running ---- */

/* Loads code and constants and starts the threads, of which the network's multicore mode has so many as it needs.
 * Refused with AXR_ERROR_VALUE_ERROR: constants or library that are not those of model.json; with
 * AXR_ERROR_INCOMPATIBLE_DEVICE: another architecture, a feature that this CPU lacks. Properties, all optional:
 *
 *   aipu_cores, num_sub_devices  cores to use, 0 = as compiled; the first counts if both are given
 *   input_dmabuf, output_dmabuf  1: inputs (outputs) are file descriptors, 0: pointers; default: as compiled
 *   double_buffer                1: results come one call later, see axr_run_model_instance; default 0
 *   device_profiling, host_profiling, elf_in_ddr
 *                                0 or 1, without effect on a CPU: times are there when the network was compiled
 *                                with profiling_levels
 *
 * axruntime_ext.h adds one. An unknown key is ignored with a warning in the log. */
AXR_EXPORT axrModelInstance *axr_load_model_instance(axrConnection *connection, axrModel *model,
                                                     axrProperties *properties);
/* Runs one frame (batch: one per core) and returns when it is done. With double_buffer it takes over the inputs,
 * waits for the frame of the call before, gives that one's outputs and result, and leaves the new frame running:
 * the first call does not touch the outputs (axrx_finish of axruntime_ext.h gets the last ones).
 * AXR_ERROR_INVALID_ARGUMENT: wrong number, size, offset, alignment or kind of arguments, and nothing was run;
 * AXR_ERROR_CONNECTION_ERROR: the connection was destroyed; AXR_ERROR_INTERNAL_ERROR: the network's code failed. */
AXR_EXPORT axrResult axr_run_model_instance(axrModelInstance *instance, axrArgument *inputs,
                                            size_t num_inputs, axrArgument *outputs, size_t num_outputs);

#ifdef __cplusplus
}
#endif

#endif
