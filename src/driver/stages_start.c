/* The stages in front of the network: what the run was asked, the input file, its import. */
#include "driver/run.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool write_cli_args(AxcRun *run)
{
	AxcText text = {.arena = run->keep};
	axc_options_print(&run->opt, &text);
	return axc_outdir_write(&run->out, &run->d, "cli_args.json", text.at, text.n, true);
}

/* What the run uses, with `host` as what it is here. */
static bool write_conf(AxcRun *run)
{
	AxcText text = {.arena = run->keep};
	AxcConfig recorded = run->cfg;
	if (strcmp(AXC_CFG_TEXT(&recorded, target), "host") == 0)
		AXC_CFG(&recorded, target)->text = run->target->name;
	axc_config_print(&recorded, &text);
	return axc_outdir_write(&run->out, &run->d, "conf.json", text.at, text.n, false);
}

bool axc_stage_start(AxcRun *run)
{
	const uint8_t *data;
	size_t bytes;
	if (!axc_map_file(run->arena, &run->d, run->mode == AXC_MODE_LOWER_ONLY ? "manifest" : "model", run->input,
	                  SIZE_MAX / 2, &data, &bytes))
		return axc_diag_hint(&run->d, "-i names the input file");
	run->report.model.file = axc_path_base(run->input);
	run->report.model.bytes = bytes;
	run->report.model.hash = axc_hash(data, bytes);
	return !run->has_out || (write_cli_args(run) && write_conf(run));
}

static bool clean(AxcRun *run)
{
	double neutral = AXC_CFG_REAL(&run->cfg, softmax_neutral_value);
	AxcPassConfig config = {
		.only_needed = !AXC_CFG_BOOL(&run->cfg, run_graph_cleaner),
		.softmax_neutral = &neutral,
		.check_operators = AXC_CFG_BOOL(&run->cfg, validate_operators),
		.arithmetic_simplification = AXC_CFG_BOOL(&run->cfg, apply_arithmetic_simplification),
		.model_name = AXC_CFG_TEXT(&run->cfg, model_name),
		.trace = &run->trace,
	};
	return axc_clean(run->graph, &config, &run->d);
}

/* What to try where the error itself does not say it. */
static void add_hint(AxcRun *run, AxcError *e)
{
	if (e->hint)
		return;
	if (e->status == AXC_LOWER_FRONTEND_ERROR || e->status == AXC_FRONTEND_TO_MIDEND_ERROR)
		e->hint = "change the node when exporting, or compile the part of the model without it "
			  "(onnx.utils.extract_model)";
	else if (e->status == AXC_ONNX_GRAPH_CLEANER_ERROR && e->node && AXC_OPT_TEXT_OF(&run->opt, input_shape))
		e->hint = "--input-shape may not be what the network was made for; without it, onnx.checker tells whether "
			  "the file is valid (check_model with full_check=True)";
	else if (e->status == AXC_ONNX_GRAPH_CLEANER_ERROR && e->node)
		e->hint = "onnx.checker tells whether the file is valid (check_model with full_check=True); if it is, compile the "
			  "part of the model without this node (onnx.utils.extract_model)";
	else if (e->status == AXC_ONNX_GRAPH_CLEANER_ERROR)
		e->hint = "onnx.checker tells whether the file is valid (check_model with full_check=True); export it again";
}

static bool add_hints(AxcRun *run, bool ok)
{
	if (run->d.failed)
		add_hint(run, &run->d.error);
	for (uint32_t i = 0; i < run->d.more.n; i++)
		add_hint(run, &run->d.more.at[i]);
	return ok;
}

bool axc_stage_import(AxcRun *run)
{
	AxcImportOptions options = {.input_shape = AXC_OPT_TEXT_OF(&run->opt, input_shape)};
	if (!axc_onnx_import(run->arena, &run->d, run->input, &options, &run->info, &run->graph)) {
		bool more = run->graph && clean(run); /* all that is wrong, at once */
		run->graph = NULL;
		return add_hints(run, more);
	}
	run->report.model.producer = axc_strdup(run->keep, run->info.producer_name);
	run->report.model.opset = run->graph->opset;
	run->report.model.nodes = run->graph->nodes.n - 1;
	for (uint32_t i = 0; i < run->info.notes.n; i++) {
		const char *note = axc_strdup(run->keep, run->info.notes.at[i]);
		AXC_PUSH(run->keep, &run->report.notes, note);
	}
	return axc_run_dump_graph(run, "import", run->graph);
}

/* ---- clean ---- */

static void describe_model(AxcRun *run)
{
	const AxcGraph *g = run->graph;
	run->report.model.name = axc_strdup(run->keep, g->model_name);
	for (AxcId i = 1; i < g->nodes.n; i++)
		if (!g->nodes.at[i].dead)
			run->report.model.macs += axc_node_macs(g, &g->nodes.at[i]);
	for (AxcId i = 1; i < g->values.n; i++)
		if (!g->values.at[i].dead && g->values.at[i].data && g->values.at[i].dtype == AXC_F32)
			run->report.model.parameters += axc_shape_count(&g->values.at[i].shape);
}

/* Properties graph_cleaner_dump_…_onnx. */
static bool write_dump(AxcRun *run, AxcPropId property, const AxcGraph *g)
{
	const char *name = run->cfg.at[property].text, *key = axc_property(property)->name;
	const char *path = axc_outdir_path(&run->out, name);
	if (axc_exists(path) && !axc_earlier_has(&run->out, name))
		return axc_fail(&run->d, "%s: '%s' exists", key, axc_safe_name(run->keep, path));
	axc_outdir_list(&run->out, name, 0, 0, true);
	return axc_run_journal(run) &&
	       axc_onnx_write(&run->d, g, (int)AXC_CFG_INT(&run->cfg, onnx_opset_version), path) &&
	       axc_outdir_measure(&run->out, &run->d, name);
}

/* What will compute in int8 and what lies between. */
static AxcGraph *float_core(AxcRun *run)
{
	AxcQuantConfig config = axc_run_quant_config(run);
	const AxcQuantPlan *plan = axc_quant_plan(run->arena, run->graph, &config);
	bool *in_int8 = AXC_NEW_ARRAY(run->arena, bool, run->graph->values.n);
	for (AxcId v = 1; v < run->graph->values.n; v++)
		in_int8[v] = (plan->value_int8[v] || plan->float_out[v]) && !run->graph->values.at[v].data;
	return axc_float_core_graph(run->graph, in_int8, axc_run_split(run), run->arena);
}

static bool write_dumps(AxcRun *run)
{
	const char *full = AXC_CFG_TEXT(&run->cfg, graph_cleaner_dump_full_opt_onnx);
	const char *core = AXC_CFG_TEXT(&run->cfg, graph_cleaner_dump_core_onnx);
	if (!run->has_out)
		return true;
	return (!full || write_dump(run, AXC_P_graph_cleaner_dump_full_opt_onnx, run->graph)) &&
	       (!core || write_dump(run, AXC_P_graph_cleaner_dump_core_onnx, float_core(run)));
}

bool axc_stage_clean(AxcRun *run)
{
	if (!clean(run))
		return add_hints(run, false);
	describe_model(run);
	axc_log(&run->d, AXC_INFO, "%s: %u nodes, %.1f million MACs, %.2f million parameters",
	        run->graph->model_name, run->report.model.nodes, (double)run->report.model.macs / 1e6,
	        (double)run->report.model.parameters / 1e6);
	return write_dumps(run) && axc_run_dump_graph(run, "clean", run->graph);
}

bool axc_stage_check(AxcRun *run)
{
	return !AXC_CFG_BOOL(&run->cfg, validate_operators) || axc_lower_check(run->graph, &run->d) ||
	       add_hints(run, false);
}

/* ---- before anything costs time ---- */

bool axc_stage_find_cc(AxcRun *run)
{
	return !AXC_CFG_BOOL(&run->cfg, build_kernel) ||
	       axc_find_cc(run->keep, &run->d, AXC_CFG_TEXT(&run->cfg, cc), &run->cc_path);
}

static bool copy_file(AxcRun *run, const char *from, const char *to)
{
	return axc_make_dir(&run->d, axc_path_dir(run->keep, to)) && axc_copy_file(&run->d, "model", from, to);
}

/* The model byte for byte, its external data beside it under the same relative names. */
static bool copy_onnx(AxcRun *run, const char *dir)
{
	const char *source = axc_path_dir(run->keep, run->input);
	if (!copy_file(run, run->input, axc_path_join(run->keep, dir, "fp32_model.onnx")))
		return false;
	for (uint32_t i = 0; i < run->info.external_files.n; i++) {
		const char *name = run->info.external_files.at[i];
		if (strcmp(name, "fp32_model.onnx") == 0)
			return axc_fail(&run->d, "external data called fp32_model.onnx cannot lie beside the copy of "
			                "the model");
		if (!copy_file(run, axc_path_join(run->keep, source, name), axc_path_join(run->keep, dir, name)))
			return false;
	}
	return true;
}

typedef struct Copy {
	AxcRun *run;
	const char *from, *to;
} Copy;

static bool copy_one(void *ctx, const char *path)
{
	Copy *c = ctx;
	return copy_file(c->run, axc_path_join(c->run->keep, c->from, path),
	                 axc_path_join(c->run->keep, c->to, path));
}

/* A directory beside the manifest's own, as it is. */
static bool copy_tree(AxcRun *run, const char *from, const char *to)
{
	Copy c = {run, from, to};
	int fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return axc_fail(&run->d, "cannot open '%s': %s", axc_safe_name(run->keep, from), strerror(errno));
	bool ok = axc_outdir_walk(run->keep, fd, ".", copy_one, &c);
	close(fd);
	return ok || run->d.failed ? ok : axc_fail(&run->d, "cannot copy '%s'", axc_safe_name(run->keep, from));
}

/* What quantized_model/ has, and nothing else that lies beside the manifest: that may be anywhere. */
static bool copy_model_files(AxcRun *run, const char *from, const char *to)
{
	static const char *const others[] = {"quantized_model.txt", "quantized_model.onnx", "report.json"};
	for (size_t i = 0; i < AXC_MODEL_FILES; i++)
		if (!copy_file(run, axc_path_join(run->keep, from, run->model_files[i]),
		               axc_path_join(run->keep, to, run->model_files[i])))
			return false;
	for (size_t i = 0; i < AXC_COUNT(others); i++) {
		const char *file = axc_path_join(run->keep, from, others[i]), *copy = axc_path_join(run->keep, to, others[i]);
		if (axc_exists(file) && !axc_exists(copy) && !copy_file(run, file, copy))
			return false;
	}
	return true;
}

static bool copy_quantized(AxcRun *run, bool *ret_input_model)
{
	const char *temp, *source = axc_path_dir(run->keep, run->input);
	const char *model = axc_path_join(run->keep, axc_path_dir(run->keep, source), "input_model");
	*ret_input_model = axc_exists(axc_path_join(run->keep, model, "fp32_model.onnx"));
	if (!*ret_input_model)
		axc_run_note(run, "no input_model/ beside the quantized model: it is not copied");
	return axc_outdir_temp(&run->out, &run->d, "quantized_model", &temp) && copy_model_files(run, source, temp) &&
	       (!*ret_input_model || (axc_outdir_temp(&run->out, &run->d, "input_model", &temp) &&
	                              copy_tree(run, model, temp)));
}

/* What is kept of the input is copied before the earlier run's files go: it may be among them. */
bool axc_stage_replace(AxcRun *run)
{
	const char *temp;
	bool manifest = run->mode == AXC_MODE_LOWER_ONLY, input_model = !run->out.in_place;
	if (!run->has_out)
		return true;
	if (run->out.in_place || run->mode == AXC_MODE_CHECK)
		return axc_outdir_clear(&run->out, &run->d);
	if (!manifest && !(axc_outdir_temp(&run->out, &run->d, "input_model", &temp) && copy_onnx(run, temp)))
		return false;
	if (manifest && !copy_quantized(run, &input_model))
		return false;
	return axc_outdir_clear(&run->out, &run->d) &&
	       (!input_model || axc_outdir_publish(&run->out, &run->d, "input_model")) &&
	       (!manifest || axc_outdir_publish(&run->out, &run->d, "quantized_model"));
}
