/* One-node graphs for the tests of operators and interpreter: random tensors in, shapes inferred,
 * run. */
#ifndef NODES_HELP_H
#define NODES_HELP_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "eval/eval.h"

typedef struct Bench {
	AxcArena *arena;
	AxcDiag d;
	AxcGraph *g;
	uint32_t seed;
} Bench;

static inline void bench_new(Bench *b)
{
	*b = (Bench){.arena = axc_arena_new(NULL), .seed = 1};
	axc_diag_init(&b->d, b->arena);
	b->g = axc_graph_new(b->arena, "test");
}

static inline void bench_free(Bench *b)
{
	axc_arena_free(b->arena);
}

static inline uint32_t dice(Bench *b)
{
	b->seed = b->seed * 1664525u + 1013904223u;
	return b->seed >> 8;
}

static inline int between(Bench *b, int lo, int hi)
{
	return lo + (int)(dice(b) % (uint32_t)(hi - lo + 1));
}

static inline float *random_floats(Bench *b, int64_t n)
{
	float *x = AXC_NEW_ARRAY(b->arena, float, (size_t)n + 1);
	for (int64_t i = 0; i < n; i++)
		x[i] = (float)between(b, -1000, 1000) / 500.0f;
	return x;
}

static inline int8_t *random_int8(Bench *b, int64_t n, int lo)
{
	int8_t *x = AXC_NEW_ARRAY(b->arena, int8_t, (size_t)n + 1);
	for (int64_t i = 0; i < n; i++)
		x[i] = (int8_t)between(b, lo, 127);
	return x;
}

#define SHAPE(...)                                                                                 \
	axc_shape_of((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                    \
		     (const int64_t[]){__VA_ARGS__})

static inline AxcId graph_input(Bench *b, AxcDType dtype, AxcShape shape)
{
	AxcId v = axc_value_add(b->g, NULL, dtype, &shape);
	axc_value(b->g, v)->is_input = true;
	AXC_PUSH(b->arena, &b->g->inputs, v);
	return v;
}

static inline AxcId float_const(Bench *b, AxcShape shape)
{
	return axc_const_add(b->g, NULL, AXC_F32, &shape,
			     random_floats(b, axc_shape_count(&shape)));
}

/* The node and its output, not yet inferred. */
static inline AxcId node_of(Bench *b, const char *op, uint32_t n_in, const AxcId *in,
			    AxcId *ret_out)
{
	*ret_out = axc_value_add(b->g, NULL, AXC_DT_NONE, NULL);
	return axc_node_add(b->g, op, NULL, n_in, in, 1, ret_out);
}

static inline void want(Bench *b, bool ok)
{
	if (!ok)
		print_message("%s\n", b->d.error.message);
	assert_true(ok);
}

static inline void infer_node(Bench *b, AxcId node)
{
	want(b, axc_node(b->g, node)->op->infer(b->g, node, &b->d));
}

/* Runs the graph with every value kept. */
static inline AxcEval *run_graph(Bench *b, unsigned isa, const void *const *inputs)
{
	AxcEval *ev;
	want(b, axc_eval_new(b->arena, &b->d, b->g, isa, true, NULL, &ev));
	want(b, axc_eval_run(ev, &b->d, inputs, NULL, NULL));
	return ev;
}

static inline AxcQuant quant_one(Bench *b, float scale, int zero_point)
{
	int32_t zp = zero_point;
	return (AxcQuant){1, -1, axc_memdup(b->arena, &scale, sizeof scale),
			  axc_memdup(b->arena, &zp, sizeof zp)};
}

#endif
