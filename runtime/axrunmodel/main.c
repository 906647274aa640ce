/* axrunmodel: load, measure, report. */
#include "axrunmodel.h"

static void print_log(void *arg, axrLogLevel level, const char *message)
{
	(void)arg;
	if (level < AXR_LOG_ERROR) /* errors are printed where they matter */
		complain("%s", message);
}

static bool run(axrContext *context, const Options *o, Frames *f, Measure *m)
{
	Plan plan;
	axrModel *model = axr_load_model(context, o->model);
	if (!model)
		return complain("%s", axr_last_error_string(AXR_OBJECT(context)));
	if (!frames_open(f, o, model) || !make_plan(&plan, o, model) || !measure(m, f, o, &plan, context, model))
		return false;
	if (!m->interrupted && !frames_finish(f))
		return false;
	if (o->json)
		return report_json(m, f, &plan, model);
	report_text(m, f, o, &plan, model);
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
	measure_release(&m);
	axr_destroy(AXR_OBJECT(context));
	if (fflush(stdout) != 0)
		ok = complain("cannot write to standard output");
	return !ok ? 1 : m.interrupted ? 130 : 0;
}
