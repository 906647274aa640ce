/* The list of passes, the runner that checks what each needs and verifies what it left, and the trace. */
#include "passes/passes.h"

#include <time.h>

#include "passes/rewrite.h"

static const AxcPass *const all_passes[] = {
	&axc_pass_infer, &axc_pass_tidy, &axc_pass_explicit, &axc_pass_means, &axc_pass_pads, &axc_pass_affine,
	&axc_pass_affine_in, &axc_pass_scale, &axc_pass_flush, &axc_pass_dense, &axc_pass_dce, &axc_pass_outputs,
	&axc_pass_neutral,
};

static const char *const fact_names[] = {"shapes", "folded", "live", "explicit pads", "no BatchNormalization",
                                         "outputs"};

const AxcPass *axc_pass_find(const char *name)
{
	for (size_t i = 0; i < AXC_COUNT(all_passes); i++)
		if (strcmp(all_passes[i]->name, name) == 0)
			return all_passes[i];
	return NULL;
}

const AxcPass *const *axc_pass_all(size_t *ret_n)
{
	*ret_n = AXC_COUNT(all_passes);
	return all_passes;
}

double axc_pass_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static AxcPassTiming *add_timing(AxcPassTrace *trace, const char *pass, const char *parent, double start,
                                 double end)
{
	if (!trace->entries.n)
		trace->origin_ms = start;
	AxcPassTiming t = {.pass = pass, .parent = parent};
	t.start_ms = start - trace->origin_ms;
	t.end_ms = end - trace->origin_ms;
	AXC_PUSH(trace->arena, &trace->entries, t);
	return &trace->entries.at[trace->entries.n - 1];
}

void axc_pass_trace_add(AxcPassTrace *trace, const char *pass, const char *parent, double start_ms,
                        double end_ms)
{
	if (trace)
		add_timing(trace, pass, parent, start_ms, end_ms);
}

static uint32_t live_nodes(const AxcGraph *g)
{
	uint32_t n = 0;
	for (AxcId i = 1; i < g->nodes.n; i++)
		n += !g->nodes.at[i].dead;
	return n;
}

static bool check_needs(const AxcPass *pass, unsigned facts, AxcDiag *d)
{
	unsigned missing = pass->needs & ~facts;
	for (unsigned i = 0; i < AXC_COUNT(fact_names); i++)
		if (missing & 1u << i)
			return axc_fail(d, "pass %s needs a graph with \"%s\" established first", pass->name,
			                fact_names[i]);
	return true;
}

bool axc_passes_run(AxcGraph *g, const AxcPass *const *passes, size_t n, const char *parent,
                    const AxcPassConfig *config, unsigned *facts, AxcDiag *d)
{
	for (size_t i = 0; i < n; i++) {
		const AxcPass *pass = passes[i];
		if (!check_needs(pass, *facts, d))
			return false;
		uint32_t before = live_nodes(g);
		double start = axc_pass_now_ms();
		if (!pass->run(g, config, d))
			return false;
		*facts = (*facts & ~pass->breaks) | pass->gives;
		axc_graph_compact(g);
		AxcForm form = *facts & AXC_FACT_SHAPES ? AXC_FORM_CLEAN : AXC_FORM_IMPORTED;
		if (!axc_graph_verify(g, form, d))
			return axc_diag_hint(d, "the pass %s left an invalid graph; please report this", pass->name);
		double end = axc_pass_now_ms();
		uint32_t after = live_nodes(g);
		axc_log(d, AXC_DEBUG, "pass %s: %u -> %u nodes, %.1f ms", pass->name, before, after, end - start);
		if (config->trace) {
			AxcPassTiming *t = add_timing(config->trace, pass->name, parent, start, end);
			t->nodes_before = before;
			t->nodes_after = after;
		}
	}
	return true;
}

void axc_pass_trace_json(const AxcPassTrace *trace, AxcText *out)
{
	axc_text_str(out, "{\n  \"format_version\": 1,\n  \"passes\": [");
	for (uint32_t i = 0; i < trace->entries.n; i++) {
		const AxcPassTiming *t = &trace->entries.at[i];
		axc_text_f(out, "%s\n    {\"pass\": \"%s\", \"parent\": \"%s\", \"nodes_before\": %u, \"nodes_after\": %u, "
		                "\"time\": {\"start_ms\": ", i ? "," : "", t->pass, t->parent, t->nodes_before, t->nodes_after);
		axc_text_double(out, t->start_ms);
		axc_text_str(out, ", \"end_ms\": ");
		axc_text_double(out, t->end_ms);
		axc_text_str(out, "}}");
	}
	axc_text_str(out, "\n  ]\n}\n");
}
