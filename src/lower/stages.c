/* What depends on how cores share the work, and on what the network may tell of itself: multicore modes,
 * the stages of a pipeline, names left out. */
#include "lower/program.h"

#include "base/base.h"

const char *axc_multicore_name(AxcMulticore mode)
{
	switch (mode) {
	case AXC_MULTIPROCESS: return "multiprocess";
	case AXC_MULTITHREAD: return "multithread";
	case AXC_BATCH: return "batch";
	case AXC_COOPERATIVE: return "cooperative";
	case AXC_PIPELINE: return "pipeline";
	}
	return "?";
}

int axc_program_workspaces(const AxcProgram *p)
{
	return p->run.mode == AXC_COOPERATIVE ? 1 : AXC_MAX(1, p->run.cores);
}

/* ---- pipeline ---- */

/* Work of a step, in multiply-adds: its share of the layer's, and one per byte that it may touch. */
static double work(const AxcProgram *p, const AxcStep *s, const uint32_t *steps_of_layer)
{
	double bytes = 0;
	for (uint32_t k = 0; k < s->n_args; k++)
		bytes += (double)p->bufs.at[s->arg[k].buf].bytes;
	return 1 + bytes + (double)p->layers.at[s->layer].macs / steps_of_layer[s->layer];
}

/* Cuts where the sum of work passes k/n of all, but leaves a step to every stage. */
static bool split_entry(AxcProgram *p, AxcDiag *d, unsigned entry, int which, const double *cost)
{
	int stages = p->run.cores, left = 0, stage = 0, in_stage = 0;
	double all = 0, sum = 0;
	for (uint32_t i = 0; i < p->steps.n; i++)
		if (p->steps.at[i].entries & entry) {
			left++;
			all += cost[i];
		}
	if (left < stages) {
		axc_fail_as(d, AXC_LOWER_TIR_ERROR,
		            "a pipeline of %d stages (aipu_cores_used) needs as many steps, but %s of this network has %d", stages,
		            which ? "run_f32" : "run_i8", left);
		return axc_diag_hint(d, "use at most %d cores, or another multicore_mode", left);
	}
	for (uint32_t i = 0; i < p->steps.n; i++) {
		AxcStep *s = &p->steps.at[i];
		if (!(s->entries & entry))
			continue;
		bool full = sum + cost[i] / 2 > all * (stage + 1) / stages, must = left == stages - 1 - stage;
		if (in_stage && stage + 1 < stages && (full || must)) {
			stage++;
			in_stage = 0;
		}
		s->stage[which] = stage;
		sum += cost[i];
		in_stage++;
		left--;
	}
	return true;
}

bool axc_split_stages(AxcProgram *p, AxcDiag *d)
{
	uint32_t *steps = AXC_NEW_ARRAY(p->arena, uint32_t, p->layers.n + 1);
	double *cost = AXC_NEW_ARRAY(p->arena, double, p->steps.n + 1);
	for (uint32_t i = 0; i < p->steps.n; i++)
		steps[p->steps.at[i].layer]++;
	for (uint32_t i = 0; i < p->steps.n; i++)
		cost[i] = work(p, &p->steps.at[i], steps);
	return (!p->has_i8 || split_entry(p, d, AXC_ENTRY_I8, 0, cost)) &&
	       (!p->has_f32 || split_entry(p, d, AXC_ENTRY_F32, 1, cost));
}

/* ---- names ---- */

static bool is_port(const AxcGraph *g, AxcId value)
{
	for (uint32_t i = 0; i < g->inputs.n; i++)
		if (g->inputs.at[i] == value)
			return true;
	for (uint32_t i = 0; i < g->outputs.n; i++)
		if (g->outputs.at[i] == value)
			return true;
	return false;
}

AxcGraph *axc_unnamed_graph(const AxcGraph *quantized, AxcArena *arena)
{
	AxcGraph *g = axc_graph_copy(quantized, arena);
	AxcMap taken = {0};
	for (AxcId i = 1; i < g->values.n; i++)
		if (is_port(g, i))
			axc_map_put(&taken, arena, g->values.at[i].name, 1);
	for (AxcId i = 1; i < g->values.n; i++) {
		if (is_port(g, i))
			continue;
		const char *name = axc_format(arena, "t%u", i);
		while (axc_map_get(&taken, name))
			name = axc_format(arena, "%s_", name);
		g->values.at[i].name = name;
	}
	for (AxcId i = 1; i < g->nodes.n; i++) {
		AxcNode *n = &g->nodes.at[i];
		n->name = axc_format(arena, "%s_%u", n->op_type, i);
		if (n->float_reason)
			n->float_reason = "computes in float";
	}
	return g;
}
