/* Small graphs for the tests of passes and quantization: built by a line per node, evaluated before and
 * after a rewrite, compared. */
#ifndef PASSES_HELP_H
#define PASSES_HELP_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "eval/eval.h"
#include "passes/passes.h"

typedef struct Fixture {
	AxcArena *arena;
	AxcDiag d;
	AxcGraph *g;
	uint32_t seed;
	AxcId last; /* the node added last */
} Fixture;

static int fixture_new(void **state)
{
	Fixture *f = calloc(1, sizeof *f);
	f->arena = axc_arena_new(NULL);
	axc_diag_init(&f->d, f->arena);
	f->d.stage_status = AXC_ONNX_GRAPH_CLEANER_ERROR;
	f->g = axc_graph_new(f->arena, "test");
	f->seed = 1;
	*state = f;
	return 0;
}

static int fixture_free(void **state)
{
	Fixture *f = *state;
	axc_arena_free(f->arena);
	free(f);
	return 0;
}

/* -1 .. 1 */
static inline float noise(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (float)(int32_t)*seed / 2147483648.0f;
}

#define SHAPE(...) \
	axc_shape_of((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})
#define IDS(...) (uint32_t)(sizeof((AxcId[]){__VA_ARGS__}) / sizeof(AxcId)), (const AxcId[]){__VA_ARGS__}

static inline AxcId input(Fixture *f, const char *name, AxcShape shape)
{
	AxcId v = axc_value_add(f->g, name, AXC_F32, &shape);
	axc_value(f->g, v)->is_input = true;
	AXC_PUSH(f->arena, &f->g->inputs, v);
	return v;
}

/* Random numbers, low .. low + 2 * spread around the middle. */
static inline AxcId weights(Fixture *f, const char *name, AxcShape shape, float middle, float spread)
{
	int64_t n = axc_shape_count(&shape);
	float *w = AXC_NEW_ARRAY(f->arena, float, (size_t)n);
	for (int64_t i = 0; i < n; i++)
		w[i] = middle + spread * noise(&f->seed);
	return axc_const_add(f->g, name, AXC_F32, &shape, w);
}

static inline AxcId op(Fixture *f, const char *op_type, const char *name, uint32_t n_in, const AxcId *in)
{
	AxcId out = axc_value_add(f->g, axc_format(f->arena, "%s:0", name), AXC_DT_NONE, NULL);
	f->last = axc_node_add(f->g, op_type, name, n_in, in, 1, &out);
	assert_non_null(axc_node(f->g, f->last)->op);
	return out;
}

static inline AxcId conv(Fixture *f, const char *name, AxcId x, AxcShape w_shape, int64_t group, int64_t pad)
{
	AxcId w = weights(f, axc_format(f->arena, "%s.w", name), w_shape, 0.0f, 0.5f);
	AxcId y = op(f, "Conv", name, IDS(x, w));
	axc_attr_set_int(f->g, f->last, "group", group);
	axc_attr_set_ints(f->g, f->last, "pads", (int64_t[]){pad, pad, pad, pad}, 4);
	return y;
}

static inline void output(Fixture *f, AxcId v)
{
	AXC_PUSH(f->arena, &f->g->outputs, v);
}

static inline void expect_ok(Fixture *f, bool ok)
{
	if (!ok)
		print_message("%s (node %s) found %s wanted %s\n", f->d.error.message,
		              f->d.error.node ? f->d.error.node : "-", f->d.error.found ? f->d.error.found : "-",
		              f->d.error.wanted ? f->d.error.wanted : "-");
	assert_true(ok);
}

static inline uint32_t count_nodes(const AxcGraph *g, const char *op_type)
{
	uint32_t n = 0;
	for (AxcId i = 1; i < g->nodes.n; i++)
		n += !g->nodes.at[i].dead && (!op_type || strcmp(g->nodes.at[i].op_type, op_type) == 0);
	return n;
}

/* Random inputs for a graph, the same for the same seed. */
static inline const void *const *random_inputs(Fixture *f, const AxcGraph *g, uint32_t seed)
{
	const void **in = AXC_NEW_ARRAY(f->arena, const void *, g->inputs.n + 1);
	for (uint32_t i = 0; i < g->inputs.n; i++) {
		int64_t n = axc_shape_count(&g->values.at[g->inputs.at[i]].shape);
		float *x = AXC_NEW_ARRAY(f->arena, float, (size_t)n + 16);
		for (int64_t k = 0; k < n; k++)
			x[k] = 2.0f * noise(&seed);
		in[i] = x;
	}
	return in;
}

static inline AxcEval *evaluate(Fixture *f, const AxcGraph *g, uint32_t seed)
{
	AxcEval *ev;
	expect_ok(f, axc_eval_new(f->arena, &f->d, g, axk_cpu_isa(), true, NULL, &ev));
	expect_ok(f, axc_eval_run(ev, &f->d, random_inputs(f, g, seed), NULL, NULL));
	return ev;
}

/* Cleans f->g; its outputs equal those of the graph before, up to float rounding. */
static inline AxcGraph *clean_and_compare(Fixture *f, bool arithmetic)
{
	AxcPassConfig config = {.arithmetic_simplification = arithmetic};
	AxcGraph *before = axc_graph_copy(f->g, f->arena), *after = f->g;
	const AxcPass *infer = axc_pass_find("infer-fold");
	unsigned facts = 0;
	expect_ok(f, axc_passes_run(before, &infer, 1, "test", &config, &facts, &f->d));
	expect_ok(f, axc_clean(after, &config, &f->d));
	assert_int_equal(before->outputs.n, after->outputs.n);
	AxcEval *a = evaluate(f, before, 7), *b = evaluate(f, after, 7);
	for (uint32_t i = 0; i < before->outputs.n; i++) {
		const AxcValue *va = axc_value(before, before->outputs.at[i]), *vb = axc_value(after, after->outputs.at[i]);
		assert_string_equal(va->name, vb->name);
		assert_true(axc_shape_equal(&va->shape, &vb->shape));
		const float *x = axc_eval_data(a, before->outputs.at[i]), *y = axc_eval_data(b, after->outputs.at[i]);
		for (int64_t k = 0; k < axc_shape_count(&va->shape); k++)
			assert_true(fabsf(x[k] - y[k]) <= 1e-4f * (1.0f + fabsf(x[k])));
	}
	return after;
}

#endif
