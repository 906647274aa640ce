/* The quantize half: clean graph to quantized_model/. */
#include "driver/run.h"

#include <fnmatch.h>

AxcQuantConfig axc_run_quant_config(const AxcRun *run)
{
	const AxcConfig *cfg = &run->cfg;
	const char *condition = AXC_CFG_TEXT(cfg, graph_cleaner_condition);
	bool chosen = AXC_CFG_BOOL(cfg, run_graph_cleaner);
	bool hybrid = strcmp(AXC_CFG_TEXT(cfg, quantization_scheme), "hybrid_per_tensor_per_channel") == 0;
	return (AxcQuantConfig){
		.float32 = strcmp(AXC_CFG_TEXT(cfg, precision), "float32") == 0,
		.float_outputs = AXC_CFG_BOOL(cfg, float_outputs),
		.per_channel_dw = hybrid || AXC_CFG_BOOL(cfg, quantize_dw_channel_wise),
		.keep_float = AXC_CFG(cfg, keep_float)->list,
		.n_keep_float = AXC_CFG(cfg, keep_float)->n_list,
		.last_op = chosen ? AXC_CFG_TEXT(cfg, graph_cleaner_node) : NULL,
		.last_by_first_dimension = condition && strstr(condition, "first_dimension") != NULL,
		.last_threshold = AXC_CFG_INT(cfg, graph_cleaner_threshold),
	};
}

AxcSplit axc_run_split(const AxcRun *run)
{
	return (AxcSplit){
		.whole = !AXC_CFG_BOOL(&run->cfg, run_graph_cleaner),
		.bare_layout = AXC_CFG_BOOL(&run->cfg, remove_layout_transform_from_preamble),
	};
}

/* ---- calibrate ---- */

static bool dump_ranges(AxcRun *run)
{
	AxcText text = {.arena = run->arena};
	if (!axc_run_dumps(run, "calibrate"))
		return true;
	axc_text_str(&text, "# value: range chosen, seen, method\n");
	for (AxcId v = 1; v < run->ranges->n; v++) {
		const AxcRange *r = &run->ranges->at[v];
		if (!r->observed)
			continue;
		axc_text_f(&text, "%s: ", axc_safe_name(run->arena, run->graph->values.at[v].name));
		axc_text_float(&text, r->lo);
		axc_text_str(&text, "..");
		axc_text_float(&text, r->hi);
		axc_text_str(&text, ", ");
		axc_text_float(&text, r->min);
		axc_text_str(&text, "..");
		axc_text_float(&text, r->max);
		axc_text_f(&text, ", %s\n", r->method ? r->method : "-");
	}
	return axc_run_dump_text(run, "calibrate", &text);
}

bool axc_stage_calibrate(AxcRun *run)
{
	if (!axc_run_open_samples(run, run->graph))
		return false;
	if (axc_run_quant_config(run).float32) {
		run->ranges = AXC_NEW(run->arena, AxcRanges);
		axc_run_note(run, "nothing is calibrated: precision is float32");
		return true;
	}
	axc_log(&run->d, AXC_INFO, "calibrating with up to %lld sample%s%s", (long long)axc_samples_count(run->samples),
	        axc_samples_count(run->samples) == 1 ? "" : "s", axc_samples_random(run->samples) ? " of random data" : "");
	if (!axc_calibrate_samples(run->arena, &run->d, run->graph, &run->calib, run->samples, &run->ranges))
		return false;
	run->report.calibration.known = true;
	run->report.calibration.random = run->ranges->random;
	run->report.calibration.samples = run->ranges->samples;
	run->report.calibration.skipped = run->ranges->skipped;
	return dump_ranges(run);
}

/* ---- quantize ---- */

enum { ROUNDING_SAMPLES = 200 };

/* Weights are rounded by what real samples show; random data would teach nothing. */
static bool learn_from_samples(AxcRun *run, AxcQuantConfig *config)
{
	if (config->float32 || !run->samples || run->ranges->random)
		return true;
	return axc_quant_moments(run->arena, &run->d, run->graph, run->ranges, config, run->samples, ROUNDING_SAMPLES,
	                         &config->moments);
}

/* Patterns and names that nothing in the network answers to. */
static void warn_unmatched(AxcRun *run, const AxcQuantConfig *config)
{
	const AxcGraph *g = run->graph;
	for (uint32_t p = 0; p < config->n_keep_float; p++) {
		bool found = false;
		for (AxcId i = 1; i < g->nodes.n && !found; i++)
			found = !g->nodes.at[i].dead && fnmatch(config->keep_float[p], g->nodes.at[i].name, 0) == 0;
		if (!found)
			axc_warn(&run->d, "keep_float: no node of the cleaned network matches '%s'",
			         axc_safe_name(run->keep, config->keep_float[p]));
	}
	bool any = !config->last_op;
	for (AxcId i = 1; i < g->nodes.n && !any; i++)
		any = !g->nodes.at[i].dead && strcmp(g->nodes.at[i].op_type, config->last_op) == 0;
	if (!any)
		axc_warn(&run->d, "graph_cleaner_node: the cleaned network has no node of the operator '%s'",
		         axc_safe_name(run->keep, config->last_op));
	else if (config->last_op && !axc_quant_last(g, config))
		axc_warn(&run->d, "graph_cleaner_node: no %s of the cleaned network has a weight tensor above "
		         "graph_cleaner_threshold=%lld", axc_safe_name(run->keep, config->last_op),
		         (long long)config->last_threshold);
}

bool axc_stage_quantize(AxcRun *run)
{
	AxcQuantConfig config = axc_run_quant_config(run);
	warn_unmatched(run, &config);
	if (!learn_from_samples(run, &config) || !axc_quantize(run->graph, run->ranges, &config, &run->d, &run->quantized))
		return false;
	axc_quant_moments_release(config.moments);
	if (!config.float32 && run->samples && !axc_correct_biases(run->arena, &run->d, run->graph, run->quantized, run->samples,
	                                           run->ranges->samples, run->jobs))
		return false;
	AxcQuantSummary s = axc_quant_summary(run->quantized);
	run->report.coverage.known = true;
	run->report.coverage.int8_macs = s.int8_macs;
	run->report.coverage.float_macs = s.float_macs;
	run->report.coverage.int8_nodes = s.int8_nodes;
	run->report.coverage.float_nodes = s.float_nodes;
	int64_t macs = s.int8_macs + s.float_macs;
	axc_log(&run->d, AXC_INFO, "quantized: %u nodes in int8 (%.2f %% of the MACs), %u in float", s.int8_nodes,
	        macs ? 100.0 * (double)s.int8_macs / (double)macs : 100.0, s.float_nodes);
	return axc_run_dump_graph(run, "quantize", run->quantized);
}

/* ---- quantized_model/ ---- */

enum { SNR_SAMPLES = 4 };

/* What each layer lost, measured on the first samples. */
static bool write_report(AxcRun *run, const char *dir)
{
	AxcQuantConfig config = axc_run_quant_config(run);
	AxcLayerSnr *layers = NULL;
	uint32_t n_layers = 0;
	AxcText text = {.arena = run->arena};
	int64_t want = AXC_MIN((int64_t)SNR_SAMPLES, axc_samples_count(run->samples));
	if (!config.float32 && !axc_layer_snr(run->arena, &run->d, run->graph, run->quantized, run->samples, want,
	                                      &layers, &n_layers))
		return false;
	axc_quant_report(run->graph, run->quantized, run->ranges, &config, layers, n_layers, run->arena, &text);
	return axc_write_file(&run->d, axc_path_join(run->arena, dir, "report.json"), text.at, text.n);
}

static bool write_quantized(AxcRun *run, const char *dir)
{
	const char *onnx = axc_path_join(run->arena, dir, "quantized_model.onnx");
	if (!axc_model_write(run->arena, &run->d, run->quantized, dir) || !write_report(run, dir))
		return false;
	axc_map_forget(run->arena); /* the float weights, which only the report is about */
	return axc_onnx_write_qdq(&run->d, run->quantized, (int)AXC_CFG_INT(&run->cfg, onnx_opset_version), onnx);
}

/* Property quantized_graph_export = false: the lower half reads the graph back first, then its files go. */
static bool withhold_graph(AxcRun *run, const char *dir)
{
	AxcText manifest = {.arena = run->arena};
	const char *path = axc_path_join(run->arena, dir, "quantized_model_manifest.json");
	axc_model_manifest(run->arena, run->quantized, false, &manifest);
	if (run->mode == AXC_MODE_BOTH && !axc_model_read(run->arena, &run->d, path, &run->quantized))
		return false;
	run->read_back = true;
	return axc_remove_tree(axc_path_join(run->arena, dir, "quantized_model.json")) &&
	       axc_remove_tree(axc_path_join(run->arena, dir, "quantized_model.bin")) &&
	       axc_write_file(&run->d, path, manifest.at, manifest.n);
}

/* Samples are not needed any more behind this stage: --verify has its copies, and the Python workers end. */
bool axc_stage_export(AxcRun *run)
{
	const char *temp;
	if (!axc_outdir_temp(&run->out, &run->d, "quantized_model", &temp) || !write_quantized(run, temp) ||
	    !axc_run_keep_samples(run, run->graph) || !axc_run_quantization_debug(run))
		return false;
	axc_samples_close(run->samples);
	run->samples = NULL;
	if (!AXC_CFG_BOOL(&run->cfg, quantized_graph_export) && !withhold_graph(run, temp))
		return run->d.failed ? false : axc_fail(&run->d, "cannot remove quantized_model.json");
	return axc_outdir_publish(&run->out, &run->d, "quantized_model");
}
