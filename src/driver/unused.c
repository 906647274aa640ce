/* Nothing is accepted and ignored: options and properties that this run will not look at are told, each once,
 * before the work begins. What describes hardware that CPUs lack is config.c's business (axc_config_warn). */
#include "driver/run.h"

static bool given(const AxcRun *run, AxcOptionId id)
{
	return run->opt.at[id].given;
}

static bool is_set(const AxcRun *run, AxcPropId id)
{
	return !axc_config_is_default(&run->cfg, id);
}

static void options(AxcRun *run, const AxcOptionId *ids, size_t n, const char *why)
{
	for (size_t i = 0; i < n; i++)
		if (given(run, ids[i]))
			axc_warn(&run->d, "%s is not used%s", axc_option_name(run->keep, axc_option(ids[i])), why);
}

static void properties(AxcRun *run, const AxcPropId *ids, size_t n, const char *why)
{
	for (size_t i = 0; i < n; i++)
		if (is_set(run, ids[i]))
			axc_warn(&run->d, "the property %s is not used: %s", axc_property(ids[i])->name, why);
}

#define OPTIONS(run, why, ...) \
	options(run, (AxcOptionId[]){__VA_ARGS__}, AXC_COUNT(((AxcOptionId[]){__VA_ARGS__})), why)
#define PROPERTIES(run, why, ...) \
	properties(run, (AxcPropId[]){__VA_ARGS__}, AXC_COUNT(((AxcPropId[]){__VA_ARGS__})), why)

/* ---- data ---- */

static void pictures(AxcRun *run)
{
	if (!given(run, AXC_O_imageset))
		OPTIONS(run, " without --imageset", AXC_O_transform, AXC_O_input_data_layout, AXC_O_color_format,
		        AXC_O_imreader_backend, AXC_O_python);
	if (given(run, AXC_O_calibration_data) && is_set(run, AXC_P_cal_seed))
		axc_warn(&run->d, "the property cal_seed is not used: the arrays of --calibration-data have their order");
}

/* Of a run that neither calibrates nor verifies. */
static void samples(AxcRun *run, const char *why)
{
	OPTIONS(run, why, AXC_O_imageset, AXC_O_calibration_data, AXC_O_dataset_len, AXC_O_cal_seed);
	if (given(run, AXC_O_imageset))
		OPTIONS(run, why, AXC_O_transform, AXC_O_input_data_layout, AXC_O_color_format, AXC_O_imreader_backend,
		        AXC_O_python);
}

/* ---- what a mode leaves out ---- */

static const char *const reached[] = {
	[AXC_MODE_BOTH] = "import clean calibrate quantize frontend midend program all",
	[AXC_MODE_QUANTIZE_ONLY] = "import clean calibrate quantize all",
	[AXC_MODE_LOWER_ONLY] = "frontend midend program all",
	[AXC_MODE_CHECK] = "import clean quantize midend program all",
};

/* --check without a directory. */
static void of_writing_nothing(AxcRun *run)
{
	OPTIONS(run, " without -o", AXC_O_dump_after, AXC_O_overwrite);
	PROPERTIES(run, "without -o nothing is written", AXC_P_trace_tvm_passes, AXC_P_save_error_artifact,
	           AXC_P_graph_cleaner_dump_core_onnx, AXC_P_graph_cleaner_dump_full_opt_onnx, AXC_P_remove_output_dir);
}

static void dumps(AxcRun *run)
{
	const char *stage = AXC_OPT_TEXT_OF(&run->opt, dump_after);
	bool float32 = strcmp(AXC_CFG_TEXT(&run->cfg, precision), "float32") == 0;
	if (stage && (!strstr(reached[run->mode], stage) || (float32 && strcmp(stage, "calibrate") == 0)))
		axc_warn(&run->d, "--dump-after=%s writes nothing: this run has no such stage", stage);
}

static void of_quantizing_alone(AxcRun *run)
{
	const AxcTarget *host = axc_target_find("host");
	static const char why[] = "--quantize-only ends before lowering";
	OPTIONS(run, ": --quantize-only ends before there is anything to verify", AXC_O_verify);
	PROPERTIES(run, why, AXC_P_apply_pword_padding, AXC_P_rewrite_dense_to_conv2d, AXC_P_remove_io_quantization,
	           AXC_P_remove_io_padding_and_layout_transform, AXC_P_simplify_mac_before_after_lut,
	           AXC_P_graph_cleaner_split_pre_post_processing, AXC_P_aipu_cores_used, AXC_P_multicore_mode,
	           AXC_P_double_buffer, AXC_P_max_memplan_attempts, AXC_P_max_tiling_attempts, AXC_P_force_h_tiling,
	           AXC_P_force_oc_tiling, AXC_P_tiling_depth, AXC_P_enable_buffer_promotion, AXC_P_io_memory_pool,
	           AXC_P_constant_memory_pool, AXC_P_workspace_memory_pool, AXC_P_l1_constraint, AXC_P_l2_constraint,
	           AXC_P_ddr_constraint, AXC_P_l1_size_used, AXC_P_l2_size_used, AXC_P_ddr_size_max, AXC_P_ddr_size_used,
	           AXC_P_resources_used, AXC_P_input_dmabuf, AXC_P_output_dmabuf, AXC_P_profiling_levels,
	           AXC_P_profiling_drop_percentile, AXC_P_propagate_span_information, AXC_P_cc, AXC_P_cflags,
	           AXC_P_build_kernel);
	if (axc_target_find(AXC_CFG_TEXT(&run->cfg, target)) != host) /* conf.json names what `host` was */
		PROPERTIES(run, why, AXC_P_target);
	if (AXC_CFG_NULL(&run->cfg, graph_cleaner_dump_core_onnx))
		PROPERTIES(run, why, AXC_P_remove_layout_transform_from_preamble);
}

static void of_lowering_alone(AxcRun *run)
{
	static const char why[] = "the model is quantized already";
	const AxcOptionValue *verify = AXC_OPT(&run->opt, verify);
	OPTIONS(run, ": the quantized model has its shapes", AXC_O_input_shape);
	PROPERTIES(run, why, AXC_P_quantization_scheme, AXC_P_quantize_dw_channel_wise, AXC_P_quantization_debug,
	           AXC_P_model_debug_save_dir, AXC_P_calibration_method, AXC_P_calibration_percentile, AXC_P_keep_float,
	           AXC_P_precision, AXC_P_float_outputs, AXC_P_softmax_neutral_value,
	           AXC_P_apply_arithmetic_simplification, AXC_P_graph_cleaner_node, AXC_P_graph_cleaner_dump_core_onnx,
	           AXC_P_graph_cleaner_dump_full_opt_onnx, AXC_P_quantized_graph_export, AXC_P_validate_operators);
	if (verify->given && verify->integer == 0)
		samples(run, ": nothing is calibrated, and --verify is 0");
}

static void of_checking(AxcRun *run)
{
	static const char why[] = " by --check";
	samples(run, why);
	OPTIONS(run, why, AXC_O_verify, AXC_O_quantize_only);
	PROPERTIES(run, "--check does not calibrate", AXC_P_quantization_debug, AXC_P_calibration_method);
}

/* ---- what is looked at together with something else only ---- */

static bool has_budget(const AxcRun *run)
{
	return is_set(run, AXC_P_ddr_constraint) || is_set(run, AXC_P_l2_constraint) || is_set(run, AXC_P_l1_constraint) ||
	       is_set(run, AXC_P_ddr_size_used) || is_set(run, AXC_P_ddr_size_max) || is_set(run, AXC_P_l2_size_used) ||
	       is_set(run, AXC_P_l1_size_used);
}

static void of_quantizing(AxcRun *run)
{
	const AxcConfig *cfg = &run->cfg;
	const char *method = AXC_CFG_TEXT(cfg, calibration_method);
	if (AXC_CFG_NULL(cfg, graph_cleaner_node))
		PROPERTIES(run, "graph_cleaner_node is null", AXC_P_graph_cleaner_condition, AXC_P_graph_cleaner_threshold);
	else if (!AXC_CFG_BOOL(cfg, run_graph_cleaner))
		PROPERTIES(run, "run_graph_cleaner is false", AXC_P_graph_cleaner_node, AXC_P_graph_cleaner_condition,
		           AXC_P_graph_cleaner_threshold);
	if (!AXC_CFG_BOOL(cfg, quantization_debug))
		PROPERTIES(run, "quantization_debug is false", AXC_P_model_debug_save_dir);
	if (strcmp(AXC_CFG_TEXT(cfg, precision), "float32") == 0)
		PROPERTIES(run, "precision is float32", AXC_P_quantization_scheme, AXC_P_quantize_dw_channel_wise,
		           AXC_P_calibration_method, AXC_P_calibration_percentile, AXC_P_keep_float, AXC_P_float_outputs);
	else if (strcmp(method, "percentile") != 0)
		PROPERTIES(run, "calibration_method is not percentile", AXC_P_calibration_percentile);
	if (strcmp(AXC_CFG_TEXT(cfg, quantization_scheme), "per_tensor_min_max") == 0 && strcmp(method, "auto") != 0 &&
	    strcmp(method, "min_max") != 0)
		PROPERTIES(run, axc_format(run->keep, "calibration_method is %s", method), AXC_P_quantization_scheme);
}

static void of_lowering(AxcRun *run)
{
	const AxcConfig *cfg = &run->cfg;
	if (!AXC_CFG_BOOL(cfg, build_kernel))
		PROPERTIES(run, "build_kernel is false", AXC_P_cc, AXC_P_cflags);
	if (AXC_CFG_INT(cfg, tiling_depth) == 1)
		PROPERTIES(run, "tiling_depth is 1", AXC_P_max_tiling_attempts);
	if (AXC_CFG(cfg, profiling_levels)->n_list == 0)
		PROPERTIES(run, "profiling_levels is empty", AXC_P_profiling_drop_percentile);
	if (!has_budget(run))
		PROPERTIES(run, "no memory budget is set (a constraint, or a size other than the default)",
		           AXC_P_resources_used);
}

void axc_run_warn_unused(AxcRun *run, bool has_directory)
{
	bool quantizes = run->mode != AXC_MODE_LOWER_ONLY, lowers = run->mode != AXC_MODE_QUANTIZE_ONLY;
	pictures(run);
	if (has_directory)
		dumps(run);
	else
		of_writing_nothing(run);
	if (!quantizes)
		of_lowering_alone(run);
	if (!lowers)
		of_quantizing_alone(run);
	if (run->mode == AXC_MODE_CHECK)
		of_checking(run);
	if (quantizes)
		of_quantizing(run);
	if (lowers)
		of_lowering(run);
	if (!AXC_CFG_BOOL(&run->cfg, save_error_artifact))
		PROPERTIES(run, "save_error_artifact is false", AXC_P_randomize_onnx_model);
}
