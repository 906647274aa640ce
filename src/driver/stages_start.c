/* The stages in front of the network: what the run was asked, the input file, its import. */
#include "driver/run.h"

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

bool axc_stage_import(AxcRun *run)
{
	AxcImportOptions options = {.input_shape = AXC_OPT_TEXT_OF(&run->opt, input_shape)};
	if (!axc_onnx_import(run->arena, &run->d, run->input, &options, &run->info, &run->graph))
		return false;
	run->report.model.producer = axc_strdup(run->keep, run->info.producer_name);
	run->report.model.opset = run->graph->opset;
	run->report.model.nodes = run->graph->nodes.n - 1;
	for (uint32_t i = 0; i < run->info.notes.n; i++) {
		const char *note = axc_strdup(run->keep, run->info.notes.at[i]);
		AXC_PUSH(run->keep, &run->report.notes, note);
	}
	return true;
}
