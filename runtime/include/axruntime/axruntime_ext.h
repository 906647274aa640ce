/* What our networks offer beyond the documented API: the float entry point (the whole ONNX model, with the
 * model's own names, types and shapes), exact times, per-layer times, memory, cores. axrunmodel is
 * written with this.
 *
 * Which entry point an instance runs is property `io` of axr_load_model_instance: "int8" or "float"; by
 * default int8 where there is one.
 */
#ifndef AXRUNTIME_EXT_H
#define AXRUNTIME_EXT_H

#include <stdint.h>

#include "axruntime/axruntime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum axrxIo { AXRX_INT8, AXRX_FLOAT } axrxIo;

typedef enum axrxType {
	AXRX_TYPE_INT8,
	AXRX_TYPE_UINT8,
	AXRX_TYPE_INT16,
	AXRX_TYPE_INT32,
	AXRX_TYPE_INT64,
	AXRX_TYPE_FLOAT32,
	AXRX_TYPE_BOOL
} axrxType;

/* A tensor of either entry point. Strings live as long as the model. */
typedef struct axrxTensor {
	const char *name;
	const char *dtype; /* "int8" … */
	axrxType type;
	const char *layout;
	size_t dims[AXR_MAX_TENSOR_DIMS];
	size_t ndims; /* 0: a scalar */
	size_t element_bytes;
	size_t bytes;
} axrxTensor;

typedef struct axrxModelInfo {
	const char *name, *target;
	size_t workspace_bytes; /* all pools, for one frame */
	size_t const_bytes;
	unsigned cores; /* compiled for */
	size_t num_layers;
	int profiling; /* the code counts per-layer time */
	const char *multicore_mode; /* "batch" … */
	unsigned frames_per_run;    /* batch: cores; else 1 */
	/* as compiled */
	int double_buffer, input_dmabuf, output_dmabuf;
	double profiling_drop_percentile;
} axrxModelInfo;

typedef struct axrxInstanceInfo {
	unsigned cores;         /* that compute for it in this process */
	unsigned calls_at_once; /* calls that run at the same time; further ones wait */
	unsigned frames_per_run;
	int double_buffer, input_dmabuf, output_dmabuf;
	size_t workspace_bytes; /* all pools of all workspaces */
	size_t buffer_bytes;    /* of double_buffer */
} axrxInstanceInfo;

/* What a call gave. The caller sets layer_ns (NULL or room for num_layers numbers) and num_layers. */
typedef struct axrxRunInfo {
	int has_result;     /* 0: the outputs were not touched (double_buffer: nothing was running) */
	uint64_t device_ns; /* inside the entry point; batch: until the last frame was done */
	uint64_t *layer_ns; /* sum over the frames of the call; untouched without profiling */
	size_t num_layers;
} axrxRunInfo;

/* 1 when the model has that entry point. */
AXR_EXPORT int axrx_has_io(axrModel *model, axrxIo io);
AXR_EXPORT axrResult axrx_get_model_info(axrModel *model, axrxModelInfo *ret_info);
/* output 0: inputs, 1: outputs. A tensor is that of one frame, in batch mode too. */
AXR_EXPORT size_t axrx_num_tensors(axrModel *model, axrxIo io, int output);
AXR_EXPORT axrResult axrx_get_tensor(axrModel *model, axrxIo io, int output, size_t n, axrxTensor *ret_tensor);
/* NULL when out of range; lives as long as the model. */
AXR_EXPORT const char *axrx_layer_name(axrModel *model, size_t n);
AXR_EXPORT const char *axrx_layer_kernel(axrModel *model, size_t n);

AXR_EXPORT axrResult axrx_get_instance_info(axrModelInstance *instance, axrxInstanceInfo *ret_info);

/* axr_run_model_instance that tells times of the frames whose results it gives (ret_info may be NULL). */
AXR_EXPORT axrResult axrx_run_model_instance(axrModelInstance *instance, const axrArgument *inputs,
                                             size_t num_inputs, const axrArgument *outputs, size_t num_outputs,
                                             axrxRunInfo *ret_info);
/* double_buffer: waits for the frame that is still running and gives its results; has_result is 0 when there
 * is none. */
AXR_EXPORT axrResult axrx_finish(axrModelInstance *instance, const axrArgument *outputs, size_t num_outputs,
                                 axrxRunInfo *ret_info);

/* Nanoseconds inside the entry point during the last run of the instance that gave results. */
AXR_EXPORT uint64_t axrx_device_ns(axrModelInstance *instance);
/* Nanoseconds per layer, summed over all frames whose results were given since the instance was loaded or the last reset; at most n
 * values are written. Zero without profiling. */
AXR_EXPORT axrResult axrx_layer_ns(axrModelInstance *instance, uint64_t *ret_ns, size_t n);
AXR_EXPORT axrResult axrx_reset_layer_ns(axrModelInstance *instance);

#ifdef __cplusplus
}
#endif

#endif
