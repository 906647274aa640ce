/* The compiler on one screen: every stage in order, and what an error in it is called. */
#include "driver/run.h"

static bool read_model(AxcRun *run)
{
	return axc_stage(run, "import", AXC_ONNX_GRAPH_CLEANER_ERROR, axc_stage_import) &&
	       axc_stage(run, "clean", AXC_ONNX_GRAPH_CLEANER_ERROR, axc_stage_clean) &&
	       axc_stage(run, "check", AXC_LOWER_FRONTEND_ERROR, axc_stage_check);
}

static bool quantize(AxcRun *run)
{
	return axc_stage(run, "calibrate", AXC_QTOOLS_ERROR, axc_stage_calibrate) &&
	       axc_stage(run, "quantize", AXC_QTOOLS_ERROR, axc_stage_quantize) &&
	       axc_stage(run, "export", AXC_GRAPH_EXPORTER_ERROR, axc_stage_export);
}

static bool frontend(AxcRun *run)
{
	return axc_stage(run, "frontend", AXC_TVM_FRONTEND_ERROR, axc_stage_frontend);
}

static bool lower(AxcRun *run)
{
	return axc_stage(run, "midend", AXC_TOP_LEVEL_LOWER_ERROR, axc_stage_midend) &&
	       axc_stage(run, "plan", AXC_LOWER_MIDEND_ERROR, axc_stage_plan) &&
	       axc_stage(run, "emit", AXC_TIR_TO_RUNTIME_ERROR, axc_stage_emit) &&
	       axc_stage(run, "verify", AXC_TIR_TO_RUNTIME_ERROR, axc_stage_verify) &&
	       axc_stage(run, "publish", AXC_TIR_TO_RUNTIME_ERROR, axc_stage_publish);
}

static bool check(AxcRun *run)
{
	return axc_stage(run, "replace", AXC_INITIALIZE_CLI_ERROR, axc_stage_replace) &&
	       axc_stage(run, "describe", AXC_TOP_LEVEL_QUANTIZE_ERROR, axc_stage_describe) &&
	       axc_stage(run, "quantize", AXC_TOP_LEVEL_QUANTIZE_ERROR, axc_stage_try_quantize) &&
	       axc_stage(run, "midend", AXC_TOP_LEVEL_LOWER_ERROR, axc_stage_midend) &&
	       axc_stage(run, "plan", AXC_LOWER_MIDEND_ERROR, axc_stage_plan) &&
	       axc_stage(run, "verdict", AXC_TOP_LEVEL_LOWER_ERROR, axc_stage_verdict);
}

/* The input is read whole before the earlier run's files go, and the C compiler is looked for before
 * minutes of calibration. */
bool axc_pipeline(AxcRun *run)
{
	bool from_onnx = run->mode != AXC_MODE_LOWER_ONLY, to_c = run->mode != AXC_MODE_QUANTIZE_ONLY;
	if (!axc_stage(run, "start", AXC_INITIALIZE_CLI_ERROR, axc_stage_start) ||
	    !(from_onnx ? read_model(run) : frontend(run)) ||
	    (to_c && !axc_stage(run, "find_cc", AXC_TIR_TO_RUNTIME_ERROR, axc_stage_find_cc)))
		return false;
	if (run->mode == AXC_MODE_CHECK)
		return check(run);
	return axc_stage(run, "replace", AXC_INITIALIZE_CLI_ERROR, axc_stage_replace) &&
	       (!from_onnx || quantize(run)) &&
	       (!to_c || ((!from_onnx || frontend(run)) && lower(run)));
}
