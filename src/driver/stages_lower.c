/* The lower half: quantized_model/ to compiled_model/. Numbers do not change here any more. */
#include "driver/run.h"

#include "lower/tile.h"
#include "report/lowered.h"

#include <stdlib.h>

/* ---- quantized_model/ read back ---- */

/* In a one-step run too, so that both ways have the same input. */
bool axc_stage_frontend(AxcRun *run)
{
	const char *manifest = run->input;
	if (run->mode != AXC_MODE_LOWER_ONLY)
		manifest = axc_outdir_path(&run->out, "quantized_model/quantized_model_manifest.json");
	if (!run->read_back && !axc_model_read_files(run->arena, &run->d, manifest, run->model_files, &run->quantized))
		return false;
	if (*AXC_CFG_TEXT(&run->cfg, model_name)) /* also of a model that was quantized under another */
		run->quantized->model_name = axc_identifier(run->arena, AXC_CFG_TEXT(&run->cfg, model_name));
	run->report.model.name = axc_strdup(run->keep, run->quantized->model_name);
	AxcQuantSummary s = axc_quant_summary(run->quantized);
	run->report.coverage.known = true;
	run->report.coverage.int8_macs = s.int8_macs;
	run->report.coverage.float_macs = s.float_macs;
	run->report.coverage.int8_nodes = s.int8_nodes;
	run->report.coverage.float_nodes = s.float_nodes;
	return axc_run_dump_graph(run, "frontend", run->quantized);
}

/* ---- program ---- */

/* Bytes a pool may have: the least of its constraint and its sizes (those that were set), times resources_used. */
static void budget(const AxcConfig *cfg, AxcPlanConfig *config, AxcPool pool, const AxcPropId *ids, int n)
{
	int64_t most = INT64_MAX;
	for (int i = 0; i < n; i++) {
		if (axc_config_is_default(cfg, ids[i]) || cfg->at[ids[i]].null || cfg->at[ids[i]].integer >= most)
			continue;
		most = cfg->at[ids[i]].integer;
		config->budget_name[pool] = axc_property(ids[i])->name;
	}
	if (most == INT64_MAX)
		return;
	config->budget_bytes[pool] = AXC_MAX((size_t)1, (size_t)((double)most * AXC_CFG_REAL(cfg, resources_used)));
	if (AXC_CFG_REAL(cfg, resources_used) < 1.0)
		config->budget_part = "resources_used";
}

static AxcPool pool_of(const char *name)
{
	return strcmp(name, "global.l1") == 0 ? AXC_POOL_L1 : strcmp(name, "global.l2") == 0 ? AXC_POOL_L2 : AXC_POOL_DDR;
}

/* multicore_mode and what else model.json tells the runtime. */
static AxcRunPlan run_plan(const AxcConfig *cfg)
{
	AxcRunPlan plan = {
		.cores = (int)AXC_CFG_INT(cfg, aipu_cores_used),
		.double_buffer = AXC_CFG_BOOL(cfg, double_buffer),
		.input_dmabuf = AXC_CFG_BOOL(cfg, input_dmabuf),
		.output_dmabuf = AXC_CFG_BOOL(cfg, output_dmabuf),
		.profiling_drop = AXC_CFG_REAL(cfg, profiling_drop_percentile),
	};
	while (strcmp(axc_multicore_name(plan.mode), AXC_CFG_TEXT(cfg, multicore_mode)) != 0)
		plan.mode++;
	return plan;
}

static AxcPlanConfig plan_config(const AxcConfig *cfg)
{
	AxcPlanConfig config = {
		.workspaces = axc_program_workspaces(&(AxcProgram){.run = run_plan(cfg)}),
		.promote = AXC_CFG_BOOL(cfg, enable_buffer_promotion),
		.tiled = AXC_CFG_INT(cfg, tiling_depth) > 1,
		.attempts = (int)AXC_MIN(AXC_CFG_INT(cfg, max_memplan_attempts), 1000),
		.workspace_home = pool_of(AXC_CFG_TEXT(cfg, workspace_memory_pool)),
		.io_home = pool_of(AXC_CFG_TEXT(cfg, io_memory_pool)),
		.const_home = pool_of(AXC_CFG_TEXT(cfg, constant_memory_pool)),
	};
	budget(cfg, &config, AXC_POOL_DDR, (AxcPropId[]){AXC_P_ddr_constraint, AXC_P_ddr_size_used, AXC_P_ddr_size_max}, 3);
	budget(cfg, &config, AXC_POOL_L2, (AxcPropId[]){AXC_P_l2_constraint, AXC_P_l2_size_used}, 2);
	budget(cfg, &config, AXC_POOL_L1, (AxcPropId[]){AXC_P_l1_constraint, AXC_P_l1_size_used}, 2);
	return config;
}

/* The workspace of a program when there are no budgets. */
static size_t planned_bytes(void *ctx, AxcProgram *p)
{
	AxcRun *run = ctx;
	AxcPlanConfig config = plan_config(&run->cfg);
	size_t bytes = 0;
	config.promote = false;
	memset(config.budget_bytes, 0, sizeof config.budget_bytes);
	if (!axc_plan(p, &config, &run->d))
		return SIZE_MAX;
	for (int k = 0; k < AXC_POOL_COUNT; k++)
		bytes += p->ws_bytes[k];
	return bytes;
}

static int tiles(const AxcConfig *cfg, AxcPropId id)
{
	return cfg->at[id].null ? 0 : (int)AXC_MIN(cfg->at[id].integer, AXC_TILE_MAX_TILES);
}

static void tile(AxcRun *run)
{
	const AxcConfig *cfg = &run->cfg;
	AxcTileConfig config = {
		.depth = (int)AXC_MIN(AXC_CFG_INT(cfg, tiling_depth), AXC_TILE_MAX_DEPTH),
		.attempts = (int)AXC_MIN(AXC_CFG_INT(cfg, max_tiling_attempts), AXC_TILE_MAX_TILES),
		.force_rows = tiles(cfg, AXC_P_force_h_tiling),
		.force_channels = tiles(cfg, AXC_P_force_oc_tiling),
		.workspace_bytes = planned_bytes,
		.ctx = run,
	};
	axc_tile(run->program, &config, &run->d);
}

bool axc_stage_midend(AxcRun *run)
{
	const AxcConfig *cfg = &run->cfg;
	AxcRunPlan plan = run_plan(cfg);
	AxcLowerConfig config = {
		.target = run->target,
		.cores = plan.mode == AXC_COOPERATIVE ? plan.cores : 1,
		.run_f32 = !AXC_CFG_BOOL(cfg, remove_io_quantization),
		.io_padding = AXC_CFG_BOOL(cfg, apply_pword_padding),
		.io_nhwc = AXC_CFG_BOOL(cfg, remove_io_padding_and_layout_transform),
		.dense_as_conv = AXC_CFG_BOOL(cfg, rewrite_dense_to_conv2d),
		.lut_takes_mac = AXC_CFG_BOOL(cfg, simplify_mac_before_after_lut),
		.split = axc_run_split(run),
		.profile = AXC_CFG(cfg, profiling_levels)->n_list > 0,
	};
	AxcText text = {.arena = run->arena};
	if (!AXC_CFG_BOOL(cfg, propagate_span_information))
		run->quantized = axc_unnamed_graph(run->quantized, run->arena);
	if (!axc_lower(run->arena, &run->d, run->quantized, &config, &run->program))
		return false;
	run->program->run = plan;
	if (!config.run_f32 && run->program->has_f32)
		axc_run_note(run, "remove_io_quantization=true has no effect: nothing is quantized, and the float entry point is the "
		                  "only one");
	tile(run);
	if (!axc_run_dumps(run, "midend"))
		return true;
	axc_program_print(run->program, &text);
	return axc_run_dump_text(run, "midend", &text);
}

bool axc_stage_plan(AxcRun *run)
{
	AxcText text = {.arena = run->arena};
	AxcPlanConfig config = plan_config(&run->cfg);
	if (!axc_plan(run->program, &config, &run->d) || !axc_plan_check(run->program, &run->d))
		return false;
	if (run->program->run.mode == AXC_PIPELINE && !axc_split_stages(run->program, &run->d))
		return false;
	run->report.kernel.target = run->target->name;
	run->report.kernel.cores = run->program->run.cores;
	run->report.kernel.multicore_mode = axc_multicore_name(run->program->run.mode);
	for (int k = 0; k < AXC_POOL_COUNT; k++)
		run->report.kernel.workspace_bytes += run->program->ws_bytes[k] * (size_t)config.workspaces;
	run->report.kernel.const_bytes = run->program->const_bytes;
	if (!axc_run_dumps(run, "program"))
		return true;
	axc_program_print(run->program, &text);
	axc_program_memory_map(run->program, &text);
	return axc_run_dump_text(run, "program", &text);
}

/* ---- files ---- */

bool axc_stage_emit(AxcRun *run)
{
	AxcEmitConfig config = {
		.cc_path = run->cc_path,
		.cflags = AXC_CFG_TEXT(&run->cfg, cflags),
		.onnx_opset = (int)AXC_CFG_INT(&run->cfg, onnx_opset_version),
		.split_graphs = AXC_CFG_BOOL(&run->cfg, graph_cleaner_split_pre_post_processing),
	};
	if (!axc_outdir_temp(&run->out, &run->d, "compiled_model", &run->compiled_temp))
		return false;
	/* what the C compiler leaves when it is killed goes with the directory */
	const char *old = getenv("TMPDIR");
	old = old ? axc_strdup(run->keep, old) : NULL;
	setenv("TMPDIR", run->compiled_temp, 1);
	bool ok = axc_emit(run->arena, &run->d, run->program, run->quantized, &config, run->compiled_temp);
	if (old)
		setenv("TMPDIR", old, 1);
	else
		unsetenv("TMPDIR");
	return ok;
}

static bool verify_sample(void *ctx, AxcDiag *d, int i, void *const *inputs)
{
	AxcRun *run = ctx;
	(void)d;
	for (uint32_t k = 0; k < run->quantized->inputs.n; k++) {
		const AxcValue *v = &run->quantized->values.at[run->quantized->inputs.at[k]];
		memcpy(inputs[k], run->verify_inputs[i][k],
		       (size_t)axc_shape_count(&v->shape) * axc_dtype_bytes(v->dtype));
	}
	return true;
}

bool axc_stage_verify(AxcRun *run)
{
	bool wanted = !AXC_OPT(&run->opt, verify)->given || AXC_OPT(&run->opt, verify)->integer > 0;
	bool can = run->cc_path && axc_target_runs_here(run->target); /* if not, axc_verify says so */
	/* from a manifest nothing was calibrated, so there are no samples yet */
	if (wanted && can && !run->n_verify &&
	    (!axc_run_open_samples(run, run->quantized) || !axc_run_keep_samples(run, run->quantized)))
		return false;
	int n = !wanted ? 0 : can ? run->n_verify : 1;
	if (!axc_verify(run->arena, &run->d, run->program, run->quantized, run->compiled_temp, n, verify_sample, run,
	                &run->verify))
		return false;
	run->report.verify.known = true;
	run->report.verify.equal = run->verify.equal;
	run->report.verify.skipped = run->verify.skipped;
	run->report.verify.samples = run->verify.samples;
	if (run->verify.note)
		run->report.verify.note = axc_strdup(run->keep, run->verify.note);
	if (run->verify.skipped)
		axc_run_note(run, "not verified: %s", run->verify.note ? run->verify.note : "no samples");
	else
		axc_log(&run->d, AXC_INFO, "verified: %d sample%s through the kernel and the interpreter, every byte equal",
		        run->verify.samples, run->verify.samples == 1 ? "" : "s");
	return true;
}

bool axc_stage_publish(AxcRun *run)
{
	AxcText lowered = {.arena = run->arena};
	axc_report_lowered(run->program, &lowered);
	run->published =
		axc_write_file(&run->d, axc_path_join(run->arena, run->compiled_temp, "quantized_model.json"),
	                       lowered.at, lowered.n) &&
		axc_emit_report(run->arena, &run->d, run->program, run->quantized, &run->verify,
	                        run->compiled_temp) &&
		axc_outdir_publish(&run->out, &run->d, "compiled_model");
	return run->published;
}
