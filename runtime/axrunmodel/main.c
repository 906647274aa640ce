/* axrunmodel: load, measure, report. */
#include "axrunmodel.h"

#include <stdlib.h>

static void print_log(void *arg, axrLogLevel level, const char *message)
{
	(void)arg;
	if (level < AXR_LOG_ERROR) /* errors are printed where they matter */
		complain("%s", message);
}

static axrModelInstance *load_instance(axrContext *context, axrModel *model, const Options *o, axrxIo io)
{
	char properties[64];
	axrxModelInfo info;
	if (axrx_get_model_info(model, &info) != AXR_SUCCESS)
		return NULL;
	unsigned cores = o->cores ? o->cores : info.cores;
	axrConnection *connection = axr_device_connect(context, NULL, cores, NULL);
	if (!connection)
		return NULL;
	snprintf(properties, sizeof properties, "aipu_cores=%u;io=%s", cores, io == AXRX_FLOAT ? "float" : "int8");
	return axr_load_model_instance(connection, model, axr_create_properties(context, properties));
}

static bool read_profile(Measure *m, axrModel *model, axrModelInstance *instance)
{
	axrxModelInfo info;
	if (axrx_get_model_info(model, &info) != AXR_SUCCESS)
		return false;
	if (!info.profiling) {
		complain("note: the kernel was built without profiling, so there are no times per layer");
		return true;
	}
	m->layer_ns = calloc(info.num_layers + 1, sizeof *m->layer_ns);
	m->num_layers = info.num_layers;
	if (!m->layer_ns)
		return complain("no memory for %zu layers", info.num_layers);
	return axrx_layer_ns(instance, m->layer_ns, info.num_layers) == AXR_SUCCESS;
}

static bool run(axrContext *context, const Options *o, Frames *f, Measure *m)
{
	axrModel *model = axr_load_model(context, o->model);
	if (!model)
		return complain("%s", axr_last_error_string(AXR_OBJECT(context)));
	if (!frames_open(f, o, model))
		return false;
	axrModelInstance *instance = load_instance(context, model, o, f->io);
	if (!instance)
		return complain("%s", axr_last_error_string(AXR_OBJECT(context)));
	if (!measure(m, f, o, context, instance))
		return false;
	if (!m->interrupted && !frames_finish(f))
		return false;
	if (o->profile && !read_profile(m, model, instance))
		return false;
	if (o->json)
		return report_json(m, f, o, model);
	report_text(m, f, o, model);
	return true;
}

int main(int argc, char **argv)
{
	Options options;
	int status;
	if (!parse_options(&options, argc, argv, &status))
		return status;
	axrContext *context = axr_create_context();
	axr_set_logger(context, AXR_LOG_WARNING, print_log, NULL);
	Frames frames = {0};
	Measure m = {0};
	bool ok = run(context, &options, &frames, &m);
	frames_close(&frames);
	free(m.samples);
	free(m.layer_ns);
	axr_destroy(AXR_OBJECT(context));
	if (fflush(stdout) != 0)
		ok = complain("cannot write to standard output");
	return !ok ? 1 : m.interrupted ? 130 : 0;
}
