/* --check: would this network compile, and what would become of each node? After import, cleaning and the
 * operators' own checks, the lower half is tried too, on ranges of -1..1 in place of calibrated ones:
 * whether a kernel exists and a plan fits does not depend on the numbers. */
#include "driver/run.h"

#include <errno.h>
#include <stdlib.h>

enum { MAX_FLOAT_NODES = 40 };

typedef struct Row {
	const char *op;
	uint32_t nodes, int8, folded;
	int64_t macs;
} Row;

typedef AXC_ARRAY(Row) Rows;

static int by_op(const void *a, const void *b)
{
	return strcmp(((const Row *)a)->op, ((const Row *)b)->op);
}

static Row *row_of(AxcArena *arena, Rows *rows, const char *op)
{
	for (uint32_t i = 0; i < rows->n; i++)
		if (strcmp(rows->at[i].op, op) == 0)
			return &rows->at[i];
	Row row = {.op = op};
	AXC_PUSH(arena, rows, row);
	return &rows->at[rows->n - 1];
}

static void print_operators(AxcRun *run, const AxcQuantPlan *plan, AxcText *out)
{
	const AxcGraph *g = run->graph;
	Rows rows = {0};
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		if (n->dead)
			continue;
		Row *row = row_of(run->arena, &rows, n->op_type);
		row->nodes++;
		row->int8 += plan->node_int8[i] && !plan->folded[i];
		row->folded += plan->folded[i];
		row->macs += axc_node_macs(g, n);
	}
	if (rows.n)
		qsort(rows.at, rows.n, sizeof *rows.at, by_op);
	axc_text_f(out, "%-24s %6s %6s %6s %6s %14s\n", "operator", "nodes", "int8", "folded", "float", "MACs");
	for (uint32_t i = 0; i < rows.n; i++) {
		const Row *r = &rows.at[i];
		axc_text_f(out, "%-24s %6u %6u %6u %6u %14lld\n", axc_safe_name(run->arena, r->op), r->nodes, r->int8,
		           r->folded, r->nodes - r->int8 - r->folded, (long long)r->macs);
	}
}

static void print_float_nodes(AxcRun *run, const AxcQuantPlan *plan, AxcText *out)
{
	const AxcGraph *g = run->graph;
	uint32_t shown = 0, all = 0;
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		if (n->dead || plan->node_int8[i] || plan->folded[i])
			continue;
		if (all++ == 0)
			axc_text_str(out, "\nin float:\n");
		if (shown < MAX_FLOAT_NODES && ++shown)
			axc_text_f(out, "  %s (%s): %s\n", axc_safe_name(run->arena, n->name),
			           axc_safe_name(run->arena, n->op_type),
			           plan->reason[i] ? plan->reason[i] : "computes in float");
	}
	if (all > shown)
		axc_text_f(out, "  and %u more\n", all - shown);
}

static bool print(AxcRun *run, const char *text)
{
	if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
		return true;
	return axc_fail(&run->d, "cannot write to the standard output: %s", strerror(errno));
}

bool axc_stage_describe(AxcRun *run)
{
	AxcText out = {.arena = run->arena};
	AxcQuantConfig config = axc_run_quant_config(run);
	const AxcQuantPlan *plan = axc_quant_plan(run->arena, run->graph, &config);
	axc_text_f(&out, "%s: opset %lld, %u nodes in the file, %lld MACs, %lld parameters\n\n",
	           run->graph->model_name, (long long)run->report.model.opset, run->report.model.nodes,
	           (long long)run->report.model.macs, (long long)run->report.model.parameters);
	print_operators(run, plan, &out);
	print_float_nodes(run, plan, &out);
	return print(run, out.at);
}

bool axc_stage_try_quantize(AxcRun *run)
{
	const AxcGraph *g = run->graph;
	AxcRanges *ranges = AXC_NEW(run->arena, AxcRanges);
	ranges->n = g->values.n;
	ranges->samples = 1;
	ranges->at = AXC_NEW_ARRAY(run->arena, AxcRange, ranges->n);
	for (AxcId v = 1; v < ranges->n; v++) {
		const AxcValue *value = &g->values.at[v];
		if (value->dead || value->data || value->dtype != AXC_F32)
			continue;
		ranges->at[v] = (AxcRange){.observed = true, .lo = -1, .hi = 1, .min = -1, .max = 1,
		                           .elements = 1, .method = "assumed"};
	}
	run->ranges = ranges;
	return axc_stage_quantize(run);
}

bool axc_stage_verdict(AxcRun *run)
{
	return print(run, axc_format(run->arena, "\nIt can be compiled for %s: workspace %llu bytes, constants %llu bytes.\n",
	                             run->target->name, (unsigned long long)run->report.kernel.workspace_bytes,
	                             (unsigned long long)run->report.kernel.const_bytes));
}
