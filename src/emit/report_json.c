/* compiled_model/report.json: what was compiled how (docs/artifacts.md). */
#include "base/json.h"
#include "emit/emit.h"
#include "ops/op.h"

static bool int8_node(const AxcGraph *g, const AxcNode *n)
{
	for (uint32_t k = 0; k < n->n_in; k++) {
		const AxcValue *v = &g->values.at[n->in[k]];
		if (n->in[k] && !v->data && v->dtype == AXC_I8)
			return true;
	}
	return false;
}

static bool boundary_node(const AxcNode *n)
{
	return strcmp(n->op_type, "QuantizeLinear") == 0 || strcmp(n->op_type, "DequantizeLinear") == 0;
}

static void macs_and_float_nodes(AxcJsonOut *j, const AxcGraph *g)
{
	int64_t int8_macs = 0, float_macs = 0;
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		if (n->dead || !n->op || !n->op->macs)
			continue;
		*(int8_node(g, n) ? &int8_macs : &float_macs) += n->op->macs(g, n);
	}
	axc_json_int(j, "int8_macs", int8_macs);
	axc_json_int(j, "float_macs", float_macs);
	axc_json_array(j, "float_nodes");
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		if (n->dead || int8_node(g, n) || boundary_node(n))
			continue;
		axc_json_object_row(j, NULL);
		axc_json_str(j, "name", n->name);
		axc_json_str(j, "op", n->op_type);
		axc_json_str(j, "reason", n->float_reason ? n->float_reason : "computes in float");
		axc_json_end(j);
	}
	axc_json_end(j);
}

bool axc_emit_report(AxcArena *arena, AxcDiag *d, const AxcProgram *p, const AxcGraph *quantized,
                     const AxcVerify *verify, const char *dir)
{
	AxcText t = {.arena = arena};
	AxcJsonOut j = axc_json(&t);
	axc_json_object(&j, NULL);
	axc_json_int(&j, "format_version", 1);
	axc_json_str(&j, "model_name", p->name);
	axc_json_str(&j, "target", p->target->name);
	macs_and_float_nodes(&j, quantized);
	axc_json_int(&j, "cores", p->run.cores);
	axc_json_str(&j, "multicore_mode", axc_multicore_name(p->run.mode));
	axc_json_int(&j, "workspaces", axc_program_workspaces(p));
	axc_json_uint(&j, "workspace_bytes",
	              (p->ws_bytes[0] + p->ws_bytes[1] + p->ws_bytes[2]) * (size_t)axc_program_workspaces(p));
	axc_json_uint(&j, "const_bytes", p->const_bytes);
	axc_json_int(&j, "steps", p->steps.n);
	if (p->steps.n)
		axc_json_str(&j, "workspace_peak_layer", p->layers.at[p->steps.at[p->peak_step].layer].text);
	axc_json_array(&j, "kernels");
	for (uint32_t s = 0; s < p->steps.n; s++) {
		axc_json_object_row(&j, NULL);
		axc_json_str(&j, "node", p->layers.at[p->steps.at[s].layer].node);
		axc_json_str(&j, "kernel", p->steps.at[s].kernel->name);
		axc_json_end(&j);
	}
	axc_json_end(&j);
	axc_json_object(&j, "verify");
	axc_json_int(&j, "samples", verify->samples);
	if (verify->skipped)
		axc_json_null(&j, "equal");
	else
		axc_json_bool(&j, "equal", verify->equal);
	if (verify->note)
		axc_json_str(&j, "note", verify->note);
	axc_json_end(&j);
	axc_json_end(&j);
	return axc_write_file(d, axc_path_join(arena, dir, "report.json"), t.at, t.n);
}
