/* Normalizations: batch (inference form), instance, layer, group, and local response. They stay in
 * float; clean folds a BatchNormalization behind a convolution away. */
#include "ops/window.h"

static const AxcShape *shape_of(const AxcGraph *g, const AxcNode *n, uint32_t i)
{
	return &g->values.at[n->in[i]].shape;
}

static bool has_input(const AxcNode *n, uint32_t i)
{
	return n->n_in > i && n->in[i];
}

static void like_input(AxcGraph *g, const AxcNode *n)
{
	const AxcValue *x = axc_value(g, n->in[0]);
	axc_value(g, n->out[0])->dtype = x->dtype;
	axc_value(g, n->out[0])->shape = x->shape;
}

static int64_t product(const AxcShape *s, int from, int to)
{
	int64_t n = 1;
	for (int i = from; i < to; i++)
		n *= s->dim[i];
	return n;
}

/* Inputs first..last are vectors of `count` elements. */
static bool vectors_fit(AxcGraph *g, const AxcNode *n, uint32_t first, uint32_t last, int64_t count,
			AxcDiag *d)
{
	for (uint32_t i = first; i <= last; i++)
		if (has_input(n, i) && axc_shape_count(shape_of(g, n, i)) != count)
			return axc_misfit(g, n, d, NULL, "input %u has %lld elements, wanted %lld",
					  i, (long long)axc_shape_count(shape_of(g, n, i)),
					  (long long)count);
	return true;
}

static bool check_f32(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	return axc_check_f32(g, n, d, n->n_in);
}

/* ---- BatchNormalization ---- */

static bool infer_batchnorm(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcShape *x = shape_of(g, n, 0);
	if (x->rank < 1)
		return axc_misfit(g, n, d, "batch and channels", "the input's rank does not fit");
	if (!vectors_fit(g, n, 1, 4, x->rank > 1 ? x->dim[1] : 1, d))
		return false;
	like_input(g, n);
	for (uint32_t i = 1; i < n->n_out;
	     i++) { /* statistics of the training form, which check() refuses */
		axc_value(g, n->out[i])->dtype = AXC_F32;
		axc_value(g, n->out[i])->shape = *shape_of(g, n, 3);
	}
	return true;
}

static bool build_batchnorm(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcShape *x = shape_of(g, n, 0);
	struct axk_batchnorm_f32 p = {.n = (int)x->dim[0],
				      .c = x->rank > 1 ? (int)x->dim[1] : 1,
				      .inner = (int)product(x, 2, x->rank),
				      .epsilon = axc_attr_float(n, "epsilon", 1e-5f)};
	AxcRef buf[6] = {axc_ref_out(0), axc_ref_in(0), axc_ref_in(1),
			 axc_ref_in(2),  axc_ref_in(3), axc_ref_in(4)};
	return axc_build_call(b, AXK_BATCHNORM_F32, &p, sizeof p, 0, 6, buf);
}

static bool check_batchnorm(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	if (axc_attr_int(n, "training_mode", 0)) {
		axc_fail_as(d, AXC_LOWER_FRONTEND_ERROR,
			    "attribute training_mode of BatchNormalization has the value %lld; "
			    "only 0 can be compiled",
			    (long long)axc_attr_int(n, "training_mode", 0));
		return axc_diag_node(d, n->name, n->op_type);
	}
	return check_f32(g, n, d);
}

/* ---- InstanceNormalization, LayerNormalization, GroupNormalization ---- */

static bool call_norm(const AxcNode *n, AxcBuild *b, const struct axk_norm_f32 *p)
{
	AxcRef buf[6] = {axc_ref_out(0), axc_ref_in(0)};
	for (uint32_t i = 1; i < 3; i++)
		if (has_input(n, i))
			buf[i + 1] = axc_ref_in(i);
	for (uint32_t i = 1; i < 3; i++)
		if (n->n_out > i && n->out[i])
			buf[i + 3] = axc_ref_out(i);
	return axc_build_call(b, AXK_NORM_F32, p, sizeof *p, 0, 6, buf);
}

static bool infer_instance(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcShape *x = shape_of(g, n, 0);
	if (x->rank < 2)
		return axc_misfit(g, n, d, "batch, channels and spatial dimensions",
				  "the input's rank does not fit");
	if (!vectors_fit(g, n, 1, 2, x->dim[1], d))
		return false;
	like_input(g, n);
	return true;
}

static bool build_instance(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcShape *x = shape_of(g, n, 0);
	int count = (int)product(x, 2, x->rank);
	struct axk_norm_f32 p = {.rows = (int)(x->dim[0] * x->dim[1]),
				 .count = count,
				 .row_mod = (int)x->dim[1],
				 .row_step = 1,
				 .inner = count,
				 .epsilon = axc_attr_float(n, "epsilon", 1e-5f)};
	return call_norm(n, b, &p);
}

static int layer_axis(const AxcGraph *g, const AxcNode *n)
{
	int64_t axis = axc_attr_int(n, "axis", -1), rank = shape_of(g, n, 0)->rank;
	axis = axis < 0 ? axis + rank : axis;
	return axis >= 0 && axis < rank ? (int)axis : -1;
}

static bool infer_layer(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcShape *x = shape_of(g, n, 0);
	int axis = layer_axis(g, n);
	if (axis < 0)
		return axc_misfit(
			g, n, d, NULL,
			"attribute axis has the value %lld, which the input does not have",
			(long long)axc_attr_int(n, "axis", -1));
	if (!vectors_fit(g, n, 1, 2, product(x, axis, x->rank), d))
		return false;
	like_input(g, n);
	for (uint32_t i = 1; i < n->n_out; i++) {
		AxcValue *y = axc_value(g, n->out[i]);
		y->dtype = AXC_F32;
		y->shape = *x;
		for (int k = axis; k < x->rank; k++)
			y->shape.dim[k] = 1;
	}
	return true;
}

static bool build_layer(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcShape *x = shape_of(g, n, 0);
	int axis = layer_axis(g, n);
	struct axk_norm_f32 p = {.rows = (int)product(x, 0, axis),
				 .count = (int)product(x, axis, x->rank),
				 .row_mod = 1,
				 .inner = 1,
				 .epsilon = axc_attr_float(n, "epsilon", 1e-5f)};
	return call_norm(n, b, &p);
}

static bool infer_group(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcShape *x = shape_of(g, n, 0);
	int64_t groups = axc_attr_int(n, "num_groups", 0);
	if (x->rank < 2 || groups < 1 || x->dim[1] % groups)
		return axc_misfit(g, n, d, NULL,
				  "attribute num_groups has the value %lld, which does not divide "
				  "the channels",
				  (long long)groups);
	/* one scale per channel, or (before opset 21) one per group */
	if (!vectors_fit(g, n, 1, 2,
			 axc_shape_count(shape_of(g, n, 1)) == groups ? groups : x->dim[1], d))
		return false;
	like_input(g, n);
	return true;
}

static bool build_group(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcShape *x = shape_of(g, n, 0);
	int64_t groups = axc_attr_int(n, "num_groups", 1), channels = x->dim[1] / groups;
	int64_t inner = product(x, 2, x->rank);
	bool per_group = axc_shape_count(shape_of(g, n, 1)) == groups;
	struct axk_norm_f32 p = {.rows = (int)(x->dim[0] * groups),
				 .count = (int)(channels * inner),
				 .row_mod = (int)groups,
				 .row_step = per_group ? 1 : (int)channels,
				 .inner = (int)(per_group ? channels * inner : inner),
				 .epsilon = axc_attr_float(n, "epsilon", 1e-5f)};
	return call_norm(n, b, &p);
}

/* ---- LRN ---- */

static bool infer_lrn(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	int64_t size = axc_attr_int(n, "size", 0);
	if (shape_of(g, n, 0)->rank < 2)
		return axc_misfit(g, n, d, "batch and channels", "the input's rank does not fit");
	if (size < 1 || size > INT32_MAX / 2)
		return axc_misfit(g, n, d, NULL,
				  "attribute size has the value %lld, wanted 1 or more",
				  (long long)size);
	like_input(g, n);
	return true;
}

static bool build_lrn(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcShape *x = shape_of(g, n, 0);
	struct axk_lrn_f32 p = {.n = (int)x->dim[0],
				.c = (int)x->dim[1],
				.inner = (int)product(x, 2, x->rank),
				.size = (int)axc_attr_int(n, "size", 1),
				.alpha = axc_attr_float(n, "alpha", 1e-4f),
				.beta = axc_attr_float(n, "beta", 0.75f),
				.bias = axc_attr_float(n, "bias", 1.0f)};
	AxcRef buf[2] = {axc_ref_out(0), axc_ref_in(0)};
	return axc_build_call(b, AXK_LRN_F32, &p, sizeof p, 0, 2, buf);
}

static const AxcOp batchnorm = {
	.name = "BatchNormalization",
	.min_in = 5,
	.max_in = 5,
	.min_out = 1,
	.max_out = 5,
	.attrs = "epsilon momentum spatial training_mode",
	.infer = infer_batchnorm,
	.build = build_batchnorm,
	.quant = AXC_QR_FLOAT,
	.check = check_batchnorm,
};

static const AxcOp instance = {
	.name = "InstanceNormalization",
	.min_in = 3,
	.max_in = 3,
	.min_out = 1,
	.max_out = 1,
	.attrs = "epsilon",
	.infer = infer_instance,
	.build = build_instance,
	.quant = AXC_QR_FLOAT,
	.check = check_f32,
};

static const AxcOp layer = {
	.name = "LayerNormalization",
	.min_in = 2,
	.max_in = 3,
	.min_out = 1,
	.max_out = 3,
	.attrs = "axis epsilon stash_type",
	.infer = infer_layer,
	.build = build_layer,
	.quant = AXC_QR_FLOAT,
	.check = check_f32,
};

static const AxcOp group = {
	.name = "GroupNormalization",
	.min_in = 3,
	.max_in = 3,
	.min_out = 1,
	.max_out = 1,
	.attrs = "epsilon num_groups stash_type",
	.infer = infer_group,
	.build = build_group,
	.quant = AXC_QR_FLOAT,
	.check = check_f32,
};

static const AxcOp lrn = {
	.name = "LRN",
	.min_in = 1,
	.max_in = 1,
	.min_out = 1,
	.max_out = 1,
	.attrs = "alpha beta bias size",
	.infer = infer_lrn,
	.build = build_lrn,
	.quant = AXC_QR_FLOAT,
	.check = check_f32,
};

const AxcOp *const axc_ops_norm[] = {&batchnorm, &instance, &layer, &group, &lrn, NULL};
