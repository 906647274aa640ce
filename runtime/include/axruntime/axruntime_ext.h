/* What our networks offer beyond the documented API: the float entry point (the whole ONNX model, with the
 * model's own names, types and shapes), exact times, per-layer times, memory. axrunmodel is
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
	size_t workspace_bytes; /* all pools */
	size_t const_bytes;
	unsigned cores; /* compiled for */
	size_t num_layers;
	int profiling; /* the code counts per-layer time */
} axrxModelInfo;

/* 1 when the model has that entry point. */
AXR_EXPORT int axrx_has_io(axrModel *model, axrxIo io);
AXR_EXPORT axrResult axrx_get_model_info(axrModel *model, axrxModelInfo *ret_info);
/* output 0: inputs, 1: outputs. */
AXR_EXPORT size_t axrx_num_tensors(axrModel *model, axrxIo io, int output);
AXR_EXPORT axrResult axrx_get_tensor(axrModel *model, axrxIo io, int output, size_t n, axrxTensor *ret_tensor);
/* NULL when out of range; lives as long as the model. */
AXR_EXPORT const char *axrx_layer_name(axrModel *model, size_t n);
AXR_EXPORT const char *axrx_layer_kernel(axrModel *model, size_t n);

/* Nanoseconds inside the entry point during the last run of the instance. */
AXR_EXPORT uint64_t axrx_device_ns(axrModelInstance *instance);
/* Nanoseconds per layer, summed over all runs since the instance was loaded or the last reset; at most n
 * values are written. Zero without profiling. */
AXR_EXPORT axrResult axrx_layer_ns(axrModelInstance *instance, uint64_t *ret_ns, size_t n);
AXR_EXPORT axrResult axrx_reset_layer_ns(axrModelInstance *instance);

#ifdef __cplusplus
}
#endif

#endif
