/* The classifier that was written as a 1x1 Conv behind the global average becomes a Gemm: as the last
 * product of the network it gives its accumulator in float, and ONNX Runtime has a quantized Gemm with
 * float output but no such Conv. Only where no other product follows. */
#include "passes/affine.h"

static bool pointwise_on_point(const AxcGraph *g, const AxcNode *n)
{
	if (!axc_is_op(n, "Conv") || !axc_mac_foldable(g, n) || axc_attr_int(n, "group", 1) != 1)
		return false;
	const AxcShape *x = &g->values.at[n->in[0]].shape, *w = &g->values.at[n->in[1]].shape;
	const AxcShape *y = &g->values.at[n->out[0]].shape;
	for (int i = 2; i < 4; i++)
		if (x->rank != 4 || x->dim[i] != 1 || w->dim[i] != 1 || y->dim[i] != 1)
			return false;
	uint32_t count;
	const int64_t *pads = axc_attr_ints(n, "pads", &count);
	for (uint32_t i = 0; i < count; i++)
		if (pads[i] != 0)
			return false;
	return true;
}

static AxcId shape_const(AxcGraph *g, const char *name, const AxcShape *shape)
{
	return axc_const_i64(g, axc_format(g->arena, "%s.shape", name), shape->dim, shape->rank);
}

/* Reshape to [N, C], Gemm under the convolution's name, and the node itself reshapes back. */
static void become_gemm(AxcRewrite *r, AxcId id)
{
	AxcGraph *g = r->g;
	const AxcNode conv = *axc_node(g, id);
	AxcShape x = axc_value(g, conv.in[0])->shape, y = axc_value(g, conv.out[0])->shape;
	AxcShape rows = {.rank = 2, .dim = {x.dim[0], x.dim[1]}}, columns = {.rank = 2, .dim = {y.dim[0], y.dim[1]}};
	AxcShape w = {.rank = 2, .dim = {y.dim[1], x.dim[1]}};
	const char *name = conv.name;
	AxcId view[2] = {conv.in[0], shape_const(g, name, &rows)};
	AxcId flat = axc_rewrite_insert(r, id, "Reshape", axc_format(g->arena, "%s.flatten", name), 2, view, NULL,
	                                AXC_F32, &rows);
	AxcId in[3] = {flat, axc_new_const(g, axc_value(g, conv.in[1])->name, "matrix", &w,
	                                   axc_value(g, conv.in[1])->data),
	               conv.n_in > 2 ? conv.in[2] : 0};
	AxcId sum = axc_rewrite_insert(r, id, "Gemm", axc_format(g->arena, "%s.reshape", name), in[2] ? 3 : 2, in, NULL,
	                               AXC_F32, &columns);
	AxcId gemm = axc_value(g, sum)->producer, back[2] = {sum, shape_const(g, name, &y)};
	axc_attr_set_int(g, gemm, "transB", 1);
	axc_node(g, gemm)->n_origins = conv.n_origins;
	axc_node(g, gemm)->origins = conv.origins;
	axc_rewrite_op(r, id, "Reshape");
	axc_rewrite_inputs(r, id, 2, back);
	axc_node(g, id)->n_origins = 0;
	axc_node(g, id)->name = axc_node(g, gemm)->name;
	axc_node(g, gemm)->name = name;
}

static bool run(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d)
{
	AxcRewrite r;
	if (!config->arithmetic_simplification)
		return true;
	axc_rewrite_begin(&r, g, d);
	bool *leads = AXC_NEW_ARRAY(g->arena, bool, g->values.n); /* to a product */
	for (AxcId i = r.n_old - 1; i >= 1; i--) {
		const AxcNode *n = axc_node(g, i);
		bool follows = false;
		for (uint32_t k = 0; k < n->n_out && !n->dead; k++)
			follows = follows || (n->out[k] && leads[n->out[k]]);
		bool product = n->op && n->op->quant == AXC_QR_MAC;
		for (uint32_t k = 0; k < n->n_in && !n->dead && (follows || product); k++)
			leads[n->in[k]] = true;
		if (!n->dead && !follows && pointwise_on_point(g, n))
			become_gemm(&r, i);
	}
	axc_rewrite_end(&r);
	return true;
}

const AxcPass axc_pass_dense = {
	.name = "dense-head",
	.what = "a last 1x1 Conv on a 1x1 picture becomes a Gemm",
	.needs = AXC_FACT_SHAPES | AXC_FACT_EXPLICIT,
	.gives = AXC_FACT_LIVE,
	.run = run,
};
