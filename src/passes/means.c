/* Means over all spatial positions in one form: ReduceMean over the trailing axes of a rank-4 tensor and
 * AveragePool over the whole picture become GlobalAveragePool, an exact integer sum in int8. */
#include "passes/rewrite.h"

/* ReduceMean over exactly axes 2 and 3 of rank 4. */
static bool reduces_picture(const AxcGraph *g, const AxcNode *n)
{
	const AxcShape *in = &g->values.at[n->in[0]].shape;
	const int64_t *axes;
	int64_t count;
	if (!axc_is_op(n, "ReduceMean") || in->rank != 4 || n->n_in < 2 || !n->in[1] ||
	    !axc_const_ints(g, n->in[1], g->arena, &axes, &count) || count != 2)
		return false;
	int64_t a = axes[0] < 0 ? axes[0] + 4 : axes[0], b = axes[1] < 0 ? axes[1] + 4 : axes[1];
	return (a == 2 && b == 3) || (a == 3 && b == 2);
}

static bool pools_picture(const AxcGraph *g, const AxcNode *n)
{
	const AxcShape *in = &g->values.at[n->in[0]].shape, *out = &g->values.at[n->out[0]].shape;
	uint32_t nk, np, nd;
	const int64_t *kernel = axc_attr_ints(n, "kernel_shape", &nk), *pads = axc_attr_ints(n, "pads", &np);
	const int64_t *dilations = axc_attr_ints(n, "dilations", &nd);
	if (!axc_is_op(n, "AveragePool") || in->rank != 4 || nk != 2)
		return false;
	for (uint32_t i = 0; i < np; i++)
		if (pads[i] != 0)
			return false;
	for (uint32_t i = 0; i < 2; i++)
		if (kernel[i] != in->dim[i + 2] || out->dim[i + 2] != 1 || (i < nd && dilations[i] != 1))
			return false;
	return true;
}

static void become_global(AxcRewrite *r, AxcId id)
{
	AxcGraph *g = r->g;
	AxcId from = axc_node(g, id)->in[0], out = axc_node(g, id)->out[0];
	AxcShape in = axc_value(g, from)->shape, shape = axc_value(g, out)->shape;
	if (shape.rank == 4) {
		axc_rewrite_op(r, id, "GlobalAveragePool");
		axc_rewrite_inputs(r, id, 1, &from);
		return;
	}
	/* keepdims = 0: pool in front, the node itself becomes the Reshape */
	const char *name = axc_format(g->arena, "%s.pool", axc_node(g, id)->name);
	AxcShape pooled = {.rank = 4, .dim = {in.dim[0], in.dim[1], 1, 1}};
	AxcId mean = axc_rewrite_insert(r, id, "GlobalAveragePool", name, 1, &from, NULL, AXC_F32, &pooled);
	axc_rewrite_origin(r, axc_value(g, mean)->producer, axc_node(g, id));
	AxcId args[2] = {mean, axc_const_i64(g, axc_format(g->arena, "%s.shape", axc_node(g, id)->name), shape.dim,
	                                     shape.rank)};
	axc_rewrite_op(r, id, "Reshape");
	axc_rewrite_inputs(r, id, 2, args);
}

static bool run(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d)
{
	AxcRewrite r;
	if (!config->arithmetic_simplification)
		return true;
	axc_rewrite_begin(&r, g, d);
	for (AxcId i = 1; i < r.n_old; i++) {
		const AxcNode *n = axc_rewrite_visit(&r, i);
		if (!n || n->domain[0] || !n->n_in || !n->in[0] || axc_value(g, n->in[0])->dtype != AXC_F32)
			continue;
		if (reduces_picture(g, n) || pools_picture(g, n))
			become_global(&r, i);
	}
	axc_rewrite_end(&r);
	return true;
}

const AxcPass axc_pass_means = {
	.name = "means",
	.what = "ReduceMean and AveragePool over the whole picture become GlobalAveragePool",
	.needs = AXC_FACT_SHAPES | AXC_FACT_EXPLICIT,
	.gives = AXC_FACT_LIVE,
	.run = run,
};
