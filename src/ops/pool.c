/* MaxPool, AveragePool and their global forms: shapes, float kernel calls, costs. Fewer than three
 * spatial dimensions are run as three. */
#include "ops/pool.h"

static const AxcShape *in_shape(const AxcGraph *g, const AxcNode *n)
{
	return &g->values.at[n->in[0]].shape;
}

static bool infer_window(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcValue *x = axc_value(g, n->in[0]);
	AxcWindow w;
	if (!axc_window_read(g, n, NULL, &w, d))
		return false;
	for (uint32_t i = 0; i < n->n_out; i++) {
		AxcValue *y = axc_value(g, n->out[i]);
		y->dtype = i ? AXC_I64 : x->dtype;
		y->shape = x->shape;
		for (int k = 0; k < w.rank; k++)
			y->shape.dim[k + 2] = w.out[k];
	}
	return true;
}

static bool infer_global(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcValue *x = axc_value(g, n->in[0]);
	AxcValue *y = axc_value(g, n->out[0]);
	if (x->shape.rank < 2 || axc_shape_count(&x->shape) == 0)
		return axc_misfit(g, n, d, "batch, channels and spatial dimensions, none empty",
				  "the input's shape does not fit");
	y->dtype = x->dtype;
	y->shape = x->shape;
	for (int i = 2; i < y->shape.rank; i++)
		y->shape.dim[i] = 1;
	return true;
}

static bool build_window(const AxcGraph *g, const AxcNode *n, AxcBuild *b, AxkKind kind)
{
	AxcWindow narrow;
	if (!axc_window_read(g, n, NULL, &narrow, b->d))
		return false;
	AxcWindow w = axc_window_widen(&narrow, 3);
	struct axk_pool_f32 p = {.count_pad = axc_attr_int(n, "count_include_pad", 0) != 0};
	p.planes = (int)(in_shape(g, n)->dim[0] * in_shape(g, n)->dim[1]);
	for (int i = 0; i < 3; i++) {
		p.in[i] = (int)w.in[i];
		p.out[i] = (int)w.out[i];
		p.k[i] = (int)w.kernel[i];
		p.s[i] = (int)w.stride[i];
		p.d[i] = (int)w.dilation[i];
		p.pb[i] = (int)w.begin[i];
		p.pe[i] = (int)w.end[i];
	}
	AxcRef buf[2] = {axc_ref_out(0), axc_ref_in(0)};
	return axc_build_call(b, kind, &p, sizeof p, 0, 2, buf);
}

static bool build_maxpool(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	return build_window(g, n, b, AXK_MAXPOOL_F32);
}

static bool build_avgpool(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	return build_window(g, n, b, AXK_AVGPOOL_F32);
}

static bool build_global(const AxcGraph *g, const AxcNode *n, AxcBuild *b, AxkKind kind)
{
	const AxcShape *x = in_shape(g, n);
	struct axk_gpool_f32 p = {.planes = (int)(x->dim[0] * x->dim[1])};
	p.count = (int)(axc_shape_count(x) / p.planes);
	AxcRef buf[2] = {axc_ref_out(0), axc_ref_in(0)};
	return axc_build_call(b, kind, &p, sizeof p, 0, 2, buf);
}

static bool build_gavgpool(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	return build_global(g, n, b, AXK_GAVGPOOL_F32);
}

static bool build_gmaxpool(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	return build_global(g, n, b, AXK_GMAXPOOL_F32);
}

static bool check_f32(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	return axc_check_f32(g, n, d, 1);
}

static bool check_maxpool(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	if (n->n_out > 1 && n->out[1]) {
		axc_fail_as(d, AXC_LOWER_FRONTEND_ERROR,
			    "the second output of MaxPool, Indices, cannot be compiled");
		axc_diag_node(d, n->name, n->op_type);
		return axc_diag_hint(d, "export the model so that nothing reads it; MaxUnpool is often replaced by Resize");
	}
	return check_f32(g, n, d);
}

static bool quantizable(const AxcGraph *g, const AxcNode *n)
{
	int rank = in_shape(g, n)->rank;
	return rank == 3 || rank == 4;
}

static const AxcOp maxpool = {
	.name = "MaxPool",
	.min_in = 1,
	.max_in = 1,
	.min_out = 1,
	.max_out = 2,
	.attrs = "auto_pad ceil_mode dilations kernel_shape pads storage_order strides",
	.infer = infer_window,
	.build = build_maxpool,
	.eval_i8 = axc_eval_maxpool_i8,
	.quant = AXC_QR_SAME,
	.lower = AXC_LK_MAXPOOL,
	.quantizable = quantizable,
	.check = check_maxpool,
};

static const AxcOp avgpool = {
	.name = "AveragePool",
	.min_in = 1,
	.max_in = 1,
	.min_out = 1,
	.max_out = 1,
	.attrs = "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides",
	.infer = infer_window,
	.build = build_avgpool,
	.eval_i8 = axc_eval_avgpool_i8,
	.quant = AXC_QR_AVERAGE,
	.lower = AXC_LK_AVGPOOL,
	.quantizable = quantizable,
	.check = check_f32,
};

static const AxcOp gavgpool = {
	.name = "GlobalAveragePool",
	.min_in = 1,
	.max_in = 1,
	.min_out = 1,
	.max_out = 1,
	.attrs = "",
	.infer = infer_global,
	.build = build_gavgpool,
	.eval_i8 = axc_eval_gavgpool_i8,
	.quant = AXC_QR_AVERAGE,
	.lower = AXC_LK_AVGPOOL,
	.quantizable = quantizable,
	.check = check_f32,
};

static const AxcOp gmaxpool = {
	.name = "GlobalMaxPool",
	.min_in = 1,
	.max_in = 1,
	.min_out = 1,
	.max_out = 1,
	.attrs = "",
	.infer = infer_global,
	.build = build_gmaxpool,
	.eval_i8 = axc_eval_gmaxpool_i8,
	.quant = AXC_QR_SAME,
	.lower = AXC_LK_REDUCE_MAX,
	.quantizable = quantizable,
	.check = check_f32,
};

const AxcOp *const axc_ops_pool[] = {&maxpool, &avgpool, &gavgpool, &gmaxpool, NULL};
