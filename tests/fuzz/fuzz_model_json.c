/* model.json and the constants file (one input, cut in two) as the runtime reads them; a model that loads is
 * asked everything, and if the library beside them fits it, run. */
#include "fuzz.h"

#include "axruntime/axruntime_ext.h"

enum { MAX_MEMORY = 1 << 22, MAX_TENSORS = 16 };

static void ask(axrModel *model)
{
	axrTensorInfo t = axr_get_model_input(model, 0);
	axrxModelInfo info;
	axrxTensor tensor;
	axr_tensor_size(&t);
	if (axrx_get_model_info(model, &info) != AXR_SUCCESS)
		abort();
	for (size_t i = 0; i < info.num_layers; i++)
		if (!axrx_layer_name(model, i) || !axrx_layer_kernel(model, i))
			abort();
	for (int io = 0; io < 2; io++)
		for (size_t i = 0; i < axrx_num_tensors(model, (axrxIo)io, 1); i++)
			if (axrx_get_tensor(model, (axrxIo)io, 1, i, &tensor) != AXR_SUCCESS || !tensor.name)
				abort();
	axr_list_properties(axr_get_model_properties(model));
}

/* Buffers of the sizes that the model says; false: too many or too large for a quick run. */
static bool buffers(axrModel *model, axrxIo io, int output, unsigned frames, axrArgument *args, size_t *ret_n)
{
	axrxTensor tensor;
	size_t total = 0;
	*ret_n = axrx_num_tensors(model, io, output);
	if (*ret_n > MAX_TENSORS)
		return false;
	for (size_t i = 0; i < *ret_n; i++) {
		if (axrx_get_tensor(model, io, output, i, &tensor) != AXR_SUCCESS)
			abort();
		if (tensor.bytes > MAX_MEMORY || (total += tensor.bytes * frames) > MAX_MEMORY)
			return false;
		tensor.bytes *= frames;
		args[i] = (axrArgument){.ptr = calloc(1, tensor.bytes + 1), .size = tensor.bytes};
		if (!args[i].ptr)
			abort();
	}
	return true;
}

static void run(axrContext *context, axrModel *model)
{
	axrxIo io = axrx_has_io(model, AXRX_INT8) ? AXRX_INT8 : AXRX_FLOAT;
	axrArgument in[MAX_TENSORS] = {{0}}, out[MAX_TENSORS] = {{0}};
	size_t n_in = 0, n_out = 0;
	axrxModelInfo info;
	if (axrx_get_model_info(model, &info) == AXR_SUCCESS && info.workspace_bytes <= MAX_MEMORY / info.cores &&
	    buffers(model, io, 0, info.frames_per_run, in, &n_in) && buffers(model, io, 1, info.frames_per_run, out, &n_out)) {
		axrConnection *connection = axr_device_connect(context, NULL, 1, NULL);
		axrProperties *one_core =
			axr_create_properties(context, "aipu_cores=1;input_dmabuf=0;output_dmabuf=0;double_buffer=0");
		axrModelInstance *instance = axr_load_model_instance(connection, model, one_core);
		if (!instance && axr_last_error(AXR_OBJECT(context)) == AXR_SUCCESS)
			abort();
		if (instance)
			axr_run_model_instance(instance, in, n_in, out, n_out);
	}
	for (size_t i = 0; i < MAX_TENSORS; i++) {
		free(in[i].ptr);
		free(out[i].ptr);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static bool linked;
	char path[128];
	FuzzPart rest = {data, bytes}, json = fuzz_part(&rest), constants = rest;
	fuzz_fit_blob("\"constants\"", &json, &constants);
	fuzz_put("model.json", json.data, json.bytes);
	fuzz_put("pool_l2_const.bin", constants.data, constants.bytes);
	free((void *)json.data);
	free((void *)constants.data);
	snprintf(path, sizeof path, "%s/kernel_function.so", fuzz_dir());
	if (!linked && symlink(FUZZ_KERNEL, path) != 0)
		abort();
	linked = true;
	snprintf(path, sizeof path, "%s/model.json", fuzz_dir());
	axrContext *context = axr_create_context();
	axrModel *model = axr_load_model(context, path);
	if (model) {
		ask(model);
		run(context, model);
	} else if (axr_last_error(AXR_OBJECT(context)) == AXR_SUCCESS) {
		abort();
	}
	axr_destroy(AXR_OBJECT(context));
	return 0;
}
