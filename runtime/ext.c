/* axruntime_ext.h: questions about models and times. */
#include "runtime.h"

#include <string.h>

int axrx_has_io(axrModel *handle, axrxIo io)
{
	RtModel *model = rt_enter(handle, RT_MODEL, "axrx_has_io");
	int has = model && (io == AXRX_INT8 || io == AXRX_FLOAT) && model->has_io[io];
	rt_leave(model);
	return has;
}

axrResult axrx_get_model_info(axrModel *handle, axrxModelInfo *ret_info)
{
	RtModel *model = rt_enter(handle, RT_MODEL, "axrx_get_model_info");
	if (!model || !ret_info) {
		rt_leave(model);
		return AXR_ERROR_INVALID_ARGUMENT;
	}
	*ret_info = (axrxModelInfo){
		.name = model->name,
		.target = model->target,
		.const_bytes = model->constants.bytes,
		.cores = model->cores,
		.num_layers = model->num_layers,
		.profiling = model->profiling,
	};
	for (int i = 0; i < RT_POOLS; i++)
		ret_info->workspace_bytes += model->workspace_bytes[i];
	rt_leave(model);
	return AXR_SUCCESS;
}

static const RtTensors *tensors_of(const RtModel *model, axrxIo io, int output)
{
	return (io == AXRX_INT8 || io == AXRX_FLOAT) && (output == 0 || output == 1) ? &model->tensors[io][output]
	                                                                             : NULL;
}

size_t axrx_num_tensors(axrModel *handle, axrxIo io, int output)
{
	RtModel *model = rt_enter(handle, RT_MODEL, "axrx_num_tensors");
	const RtTensors *tensors = model ? tensors_of(model, io, output) : NULL;
	size_t n = tensors ? tensors->n : 0;
	rt_leave(model);
	return n;
}

axrResult axrx_get_tensor(axrModel *handle, axrxIo io, int output, size_t n, axrxTensor *ret_tensor)
{
	RtModel *model = rt_enter(handle, RT_MODEL, "axrx_get_tensor");
	const RtTensors *tensors = model ? tensors_of(model, io, output) : NULL;
	axrResult result = AXR_ERROR_INVALID_ARGUMENT;
	if (tensors && n < tensors->n && ret_tensor) {
		*ret_tensor = tensors->at[n].ext;
		result = AXR_SUCCESS;
	} else if (model) {
		rt_error(model->object.context, result, "axrx_get_tensor: there is no such tensor");
	}
	rt_leave(model);
	return result;
}

const char *axrx_layer_name(axrModel *handle, size_t n)
{
	RtModel *model = rt_enter(handle, RT_MODEL, "axrx_layer_name");
	const char *name = model && n < model->num_layers ? model->layer_names[n] : NULL;
	rt_leave(model);
	return name;
}

const char *axrx_layer_kernel(axrModel *handle, size_t n)
{
	RtModel *model = rt_enter(handle, RT_MODEL, "axrx_layer_kernel");
	const char *name = model && n < model->num_layers ? model->layer_kernels[n] : NULL;
	rt_leave(model);
	return name;
}

uint64_t axrx_device_ns(axrModelInstance *handle)
{
	RtInstance *in = rt_enter(handle, RT_INSTANCE, "axrx_device_ns");
	uint64_t ns = in ? atomic_load_explicit(&in->device_ns, memory_order_relaxed) : 0;
	rt_leave(in);
	return ns;
}

axrResult axrx_layer_ns(axrModelInstance *handle, uint64_t *ret_ns, size_t n)
{
	RtInstance *in = rt_enter(handle, RT_INSTANCE, "axrx_layer_ns");
	if (!in || (n > 0 && !ret_ns)) {
		rt_leave(in);
		return AXR_ERROR_INVALID_ARGUMENT;
	}
	pthread_mutex_lock(&in->lock);
	for (size_t i = 0; i < n && i < in->model->num_layers; i++)
		ret_ns[i] = in->layer_ns ? in->layer_ns[i] : 0;
	pthread_mutex_unlock(&in->lock);
	rt_leave(in);
	return AXR_SUCCESS;
}

axrResult axrx_reset_layer_ns(axrModelInstance *handle)
{
	RtInstance *in = rt_enter(handle, RT_INSTANCE, "axrx_reset_layer_ns");
	if (!in)
		return AXR_ERROR_INVALID_ARGUMENT;
	pthread_mutex_lock(&in->lock);
	if (in->layer_ns)
		memset(in->layer_ns, 0, in->model->num_layers * sizeof *in->layer_ns);
	pthread_mutex_unlock(&in->lock);
	rt_leave(in);
	return AXR_SUCCESS;
}
