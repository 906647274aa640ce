/* The order of the passes that make a graph clean, the last touches, and the check that follows. */
#include "passes/passes.h"

#include <ctype.h>

#include "passes/rewrite.h"

static bool run_dce(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d)
{
	(void)config;
	(void)d;
	axc_graph_dce(g);
	return true;
}

const AxcPass axc_pass_dce = {
	.name = "dead-code",
	.what = "nodes and values that no output needs removed",
	.gives = AXC_FACT_LIVE,
	.run = run_dce,
};

/* A graph output that no node makes, or that stands in the list twice, gets an Identity. */
static bool run_outputs(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d)
{
	(void)config;
	(void)d;
	bool *seen = AXC_NEW_ARRAY(g->arena, bool, g->values.n);
	for (uint32_t i = 0; i < g->outputs.n; i++) {
		AxcId v = g->outputs.at[i];
		AxcValue from = *axc_value(g, v);
		if (from.producer && !seen[v]) {
			seen[v] = true;
			continue;
		}
		AxcId out = axc_value_add(g, axc_format(g->arena, "%s_output", from.name), from.dtype, &from.shape);
		axc_value(g, out)->onnx_dtype_tag = from.onnx_dtype_tag;
		axc_value(g, out)->onnx_narrow = from.onnx_narrow;
		if (from.data) { /* the name belongs to the output */
			axc_value(g, v)->name = axc_value(g, out)->name;
			axc_value(g, out)->name = from.name;
		}
		axc_node_add(g, "Identity", axc_format(g->arena, "%s.identity", from.name), 1, &v, 1, &out);
		g->outputs.at[i] = out;
	}
	return true;
}

const AxcPass axc_pass_outputs = {
	.name = "outputs",
	.what = "every graph output gets a producer of its own",
	.needs = AXC_FACT_SHAPES,
	.gives = AXC_FACT_OUTPUTS,
	.run = run_outputs,
};

static const AxcPass *const clean_passes[] = {
	&axc_pass_infer,     &axc_pass_tidy,  &axc_pass_explicit, &axc_pass_neutral, &axc_pass_means, &axc_pass_pads,
	&axc_pass_affine,    &axc_pass_affine_in, &axc_pass_scale, &axc_pass_affine, &axc_pass_dense, &axc_pass_tidy,
	&axc_pass_flush,     &axc_pass_dce,   &axc_pass_outputs,
};

/* What the stages behind rely on: shapes, numbers for pads, BatchNormalization gone, no subnormal constants. */
static const AxcPass *const needed_passes[] = {
	&axc_pass_infer, &axc_pass_explicit, &axc_pass_neutral, &axc_pass_affine,
	&axc_pass_scale, &axc_pass_flush,    &axc_pass_dce,     &axc_pass_outputs,
};

const char *axc_identifier(AxcArena *arena, const char *name)
{
	char *id = axc_format(arena, "%s%s", isdigit((unsigned char)name[0]) ? "n" : "", name);
	size_t n = 0;
	bool any = false;
	for (size_t i = 0; id[i] && n < 63; i++) {
		bool plain = (id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'z') ||
		             (id[i] >= 'A' && id[i] <= 'Z');
		any = any || plain;
		id[n++] = plain ? id[i] : '_';
	}
	id[n] = 0;
	return any ? id : "network";
}

bool axc_clean(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d)
{
	unsigned facts = 0;
	bool named = config->model_name && config->model_name[0];
	g->model_name = axc_identifier(g->arena, named ? config->model_name : g->name);
	if (config->only_needed)
		return axc_passes_run(g, needed_passes, AXC_COUNT(needed_passes), "clean", config, &facts, d);
	return axc_passes_run(g, clean_passes, AXC_COUNT(clean_passes), "clean", config, &facts, d);
}

bool axc_lower_check(const AxcGraph *g, AxcDiag *d)
{
	bool ok = true;
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		if (n->dead)
			continue;
		AxcStatus stage = d->stage_status;
		d->stage_status = AXC_LOWER_FRONTEND_ERROR;
		if (!n->op || (!n->op->build && !n->op->eval_i8)) {
			axc_fail(d, "operator %s has inputs that are not constant, and no kernel computes it",
			         axc_safe_name(d->arena, n->op_type));
			ok = axc_diag_node(d, n->name, n->op_type);
		} else if (n->op->check && !n->op->check(g, n, d)) {
			ok = false;
		}
		d->stage_status = stage;
	}
	return ok;
}

int64_t axc_node_macs(const AxcGraph *g, const AxcNode *node)
{
	return node->op && node->op->macs ? node->op->macs(g, node) : 0;
}
