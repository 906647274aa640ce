/* Dead weights to zero. Networks trained with weight decay carry channels of denormal weights that cost
 * float speed (a factor of six measured) and mean nothing. A weight goes only if it is denormal, or below
 * 1e-30 and below 1e-12 of the largest weight of its tensor. */
#include "passes/rewrite.h"

#include <float.h>
#include <math.h>

static float largest(const float *w, int64_t n)
{
	float top = 0.0f;
	for (int64_t i = 0; i < n; i++)
		top = fabsf(w[i]) > top ? fabsf(w[i]) : top;
	return top;
}

/* The constant itself if nothing is to be flushed. */
static AxcId flushed(AxcGraph *g, AxcId value)
{
	const float *w = axc_const_floats(g, value);
	int64_t n = w ? axc_shape_count(&axc_value(g, value)->shape) : 0;
	float limit = fminf(1e-30f, largest(w, n) * 1e-12f);
	float *copy = NULL;
	limit = fmaxf(limit, FLT_MIN);
	for (int64_t i = 0; i < n; i++) {
		if (w[i] == 0.0f || !(fabsf(w[i]) < limit)) /* NaN stays */
			continue;
		if (!copy)
			copy = axc_memdup(g->arena, w, (size_t)n * sizeof *w);
		copy[i] = 0.0f;
	}
	if (!copy)
		return value;
	AxcShape shape = axc_value(g, value)->shape;
	return axc_new_const(g, axc_value(g, value)->name, "flushed", &shape, copy);
}

static bool run(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d)
{
	(void)config;
	(void)d;
	uint32_t n_values = g->values.n;
	AxcId *done = AXC_NEW_ARRAY(g->arena, AxcId, n_values);
	for (AxcId i = 1; i < g->nodes.n; i++) {
		AxcNode *n = axc_node(g, i);
		if (n->dead || !n->op || n->op->quant != AXC_QR_MAC)
			continue;
		for (uint32_t k = 1; k < n->n_in && k < 3; k++) {
			AxcId v = n->in[k];
			if (!v || v >= n_values)
				continue;
			if (!done[v])
				done[v] = flushed(g, v);
			n->in[k] = done[v];
		}
	}
	axc_graph_dce(g);
	return true;
}

const AxcPass axc_pass_flush = {
	.name = "flush-dead",
	.what = "denormal and dead weights to zero",
	.needs = AXC_FACT_SHAPES,
	.gives = AXC_FACT_LIVE,
	.run = run,
};
