/* model.json as the runtime reads it; a model that loads is asked everything. */
#include "fuzz.h"

#include "axruntime/axruntime_ext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char path[64];
	int fd = fuzz_file(data, bytes, path);
	axrContext *context = axr_create_context();
	axrModel *model = axr_load_model(context, path);
	if (model) {
		axrTensorInfo t = axr_get_model_input(model, 0);
		axr_tensor_size(&t);
		for (int io = 0; io < 2; io++) {
			axrxTensor tensor;
			for (size_t i = 0; i < axrx_num_tensors(model, (axrxIo)io, 1); i++) {
				if (axrx_get_tensor(model, (axrxIo)io, 1, i, &tensor) != AXR_SUCCESS || !tensor.name)
					abort();
			}
		}
		axr_list_properties(axr_get_model_properties(model));
		axrConnection *connection = axr_device_connect(context, NULL, 1, NULL);
		if (axr_load_model_instance(connection, model, NULL))
			abort(); /* the files it names are not in /proc/self/fd */
	} else if (axr_last_error(AXR_OBJECT(context)) == AXR_SUCCESS) {
		abort();
	}
	axr_destroy(AXR_OBJECT(context));
	close(fd);
	return 0;
}
