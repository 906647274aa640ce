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
	if (!model)
		return AXR_ERROR_INVALID_ARGUMENT;
	if (!ret_info) {
		rt_error(model->object.context, AXR_ERROR_INVALID_ARGUMENT, "axrx_get_model_info: ret_info is NULL");
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
		.multicore_mode = rt_mode_name(model->mode),
		.frames_per_run = rt_frames_per_run(model),
		.double_buffer = model->double_buffer,
		.input_dmabuf = model->input_dmabuf,
		.output_dmabuf = model->output_dmabuf,
		.profiling_drop_percentile = model->profiling_drop,
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

axrResult axrx_get_instance_info(axrModelInstance *handle, axrxInstanceInfo *ret_info)
{
	RtInstance *in = rt_enter(handle, RT_INSTANCE, "axrx_get_instance_info");
	if (!in)
		return AXR_ERROR_INVALID_ARGUMENT;
	if (!ret_info) {
		rt_error(in->object.context, AXR_ERROR_INVALID_ARGUMENT, "axrx_get_instance_info: ret_info is NULL");
		rt_leave(in);
		return AXR_ERROR_INVALID_ARGUMENT;
	}
	*ret_info = (axrxInstanceInfo){
		.cores = in->cores,
		.calls_at_once = in->num_calls,
		.frames_per_run = in->frames,
		.double_buffer = in->overlap != NULL,
		.input_dmabuf = in->input_dmabuf,
		.output_dmabuf = in->output_dmabuf,
		.buffer_bytes = rt_overlap_bytes(in),
	};
	for (int i = 0; i < RT_POOLS; i++)
		ret_info->workspace_bytes += in->model->workspace_bytes[i] * in->num_calls * in->frames;
	rt_leave(in);
	return AXR_SUCCESS;
}

uint64_t axrx_device_ns(axrModelInstance *handle)
{
	RtInstance *in = rt_enter(handle, RT_INSTANCE, "axrx_device_ns");
	uint64_t ns = 0;
	if (in) {
		pthread_mutex_lock(&in->lock);
		ns = in->device_ns;
		pthread_mutex_unlock(&in->lock);
	}
	rt_leave(in);
	return ns;
}

axrResult axrx_layer_ns(axrModelInstance *handle, uint64_t *ret_ns, size_t n)
{
	RtInstance *in = rt_enter(handle, RT_INSTANCE, "axrx_layer_ns");
	if (!in)
		return AXR_ERROR_INVALID_ARGUMENT;
	if (n > 0 && !ret_ns) {
		rt_error(in->object.context, AXR_ERROR_INVALID_ARGUMENT, "axrx_layer_ns: ret_ns is NULL");
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
