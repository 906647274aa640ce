/* Samples as the run's options say: opened once, used for calibration, for the report's signal-to-noise and
 * for --verify. */
#include "driver/run.h"

static void show_progress(void *ctx, const AxcCalibProgress *p)
{
	AxcRun *run = ctx;
	if (p->done >= p->total)
		axc_log_progress(&run->log, "", 0, 0, 0, 0);
	else
		axc_log_progress(&run->log, run->d.stage, p->done, p->total, p->per_second, p->seconds_left);
}

static bool option_is(AxcRun *run, const AxcOptionValue *v, const char *text)
{
	(void)run;
	return v->given && strcmp(v->text, text) == 0;
}

static AxcCalibMethod calibration_method(const AxcConfig *cfg)
{
	const char *name = AXC_CFG_TEXT(cfg, calibration_method);
	return strcmp(name, "min_max") == 0      ? AXC_CALIB_MIN_MAX
	       : strcmp(name, "percentile") == 0 ? AXC_CALIB_PERCENTILE
	       : strcmp(name, "mse") == 0        ? AXC_CALIB_MSE
	                                         : AXC_CALIB_AUTO;
}

static AxcQuantScheme quantization_scheme(const AxcConfig *cfg)
{
	const char *name = AXC_CFG_TEXT(cfg, quantization_scheme);
	return strcmp(name, "per_tensor_min_max") == 0 ? AXC_SCHEME_PER_TENSOR_MIN_MAX
	       : strcmp(name, "hybrid_per_tensor_per_channel") == 0 ? AXC_SCHEME_HYBRID
	                                                            : AXC_SCHEME_PER_TENSOR_HISTOGRAM;
}

AxcCalibConfig axc_run_calib_config(AxcRun *run)
{
	const AxcOptions *o = &run->opt;
	const AxcConfig *cfg = &run->cfg;
	return (AxcCalibConfig){
		.imageset = AXC_OPT_TEXT_OF(o, imageset),
		.data = AXC_OPT_TEXT_OF(o, calibration_data),
		.transform = AXC_OPT_TEXT_OF(o, transform),
		.python = AXC_OPT_TEXT_OF(o, python),
		.color = option_is(run, AXC_OPT(o, color_format), "BGR")    ? AXC_COLOR_BGR
		         : option_is(run, AXC_OPT(o, color_format), "GRAY") ? AXC_COLOR_GRAY
		                                                            : AXC_COLOR_RGB,
		.reader = option_is(run, AXC_OPT(o, imreader_backend), "OPENCV") ? AXC_READER_OPENCV : AXC_READER_PIL,
		.layout = option_is(run, AXC_OPT(o, input_data_layout), "NHWC") ? AXC_LAYOUT_NHWC : AXC_LAYOUT_NCHW,
		.dataset_len = AXC_OPT(o, dataset_len)->given ? AXC_OPT(o, dataset_len)->integer : 0,
		.has_seed = !AXC_CFG_NULL(cfg, cal_seed),
		.seed = (uint64_t)AXC_CFG_INT(cfg, cal_seed),
		.scheme = quantization_scheme(cfg),
		.method = calibration_method(cfg),
		.percentile = AXC_CFG_REAL(cfg, calibration_percentile),
		.jobs = run->jobs,
		.progress = show_progress,
		.progress_ctx = run,
	};
}

bool axc_run_open_samples(AxcRun *run, const AxcGraph *g)
{
	run->calib = axc_run_calib_config(run);
	return run->samples || axc_samples_open(run->arena, &run->d, g, &run->calib, &run->samples);
}

/* ---- kept for --verify ---- */

typedef struct Keep {
	AxcRun *run;
	const AxcGraph *g;
	int n;
} Keep;

static bool keep_one(void *ctx, const AxcSample *sample, int worker, AxcDiag *d)
{
	Keep *k = ctx;
	AxcArena *arena = k->run->arena;
	(void)worker, (void)d;
	if (k->n == k->run->n_verify)
		return true;
	void **inputs = AXC_NEW_ARRAY(arena, void *, k->g->inputs.n);
	for (uint32_t i = 0; i < k->g->inputs.n; i++) {
		const AxcValue *v = &k->g->values.at[k->g->inputs.at[i]];
		inputs[i] = axc_memdup(arena, sample->inputs[i],
		                       (size_t)axc_shape_count(&v->shape) * axc_dtype_bytes(v->dtype));
	}
	k->run->verify_inputs[k->n++] = inputs;
	return true;
}

bool axc_run_keep_samples(AxcRun *run, const AxcGraph *g)
{
	int64_t want = AXC_OPT(&run->opt, verify)->given ? AXC_OPT(&run->opt, verify)->integer : 1;
	if (want == 0 || run->n_verify)
		return true;
	Keep k = {run, g, 0};
	int64_t used;
	run->n_verify = (int)want;
	run->verify_inputs = AXC_NEW_ARRAY(run->arena, void **, (size_t)want);
	if (!axc_samples_run(run->samples, &run->d, want, 1, keep_one, &k, &used))
		return false;
	if (k.n < want)
		axc_log(&run->d, AXC_INFO, k.n == 1 ? "--verify: there is only %d sample" : "--verify: there are only %d samples", k.n);
	run->n_verify = k.n;
	return true;
}
