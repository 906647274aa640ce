/* Scale-and-shift nodes into the weights next to them: behind a Conv/ConvTranspose/Gemm/MatMul
 * (fold-affine), in front of one (fold-affine-in). What is left becomes a depthwise 1x1 Conv where it
 * works per channel of a picture, so that int8 has one rounding and a scale per channel (lower-scale). */
#include "passes/affine.h"

#include <math.h>

/* ---- behind ---- */

static bool out_axis_fits(const AxcGraph *g, const AxcNode *mac, const AxcAffine *a)
{
	int axis;
	int64_t channels = axc_mac_channels(g, mac, &axis);
	return a->axis < 0 || (a->axis == axis && a->n == channels);
}

/* A Gemm with factors or a bias that is not one number per column becomes one with alpha = beta = 1. */
static void normalize_gemm(AxcGraph *g, const AxcNode *n, AxcAffine *pending)
{
	int axis;
	if (!axc_is_op(n, "Gemm") || !axc_mac_foldable(g, n))
		return;
	bool has_bias = n->n_in > 2 && n->in[2];
	int64_t channels = axc_mac_channels(g, n, &axis);
	bool plain = !has_bias || (axc_shape_count(&axc_value(g, n->in[2])->shape) == channels &&
	                           axc_value(g, n->in[2])->shape.rank > 0);
	if (plain && axc_attr_float(n, "alpha", 1.0f) == 1.0f && (!has_bias || axc_attr_float(n, "beta", 1.0f) == 1.0f))
		return;
	*pending = (AxcAffine){.axis = -1, .n = 1};
	pending->scale = AXC_NEW(g->arena, double);
	pending->shift = AXC_NEW(g->arena, double);
	pending->scale[0] = 1.0;
}

/* pending[m]: what node m has yet to absorb; one application per node however long the chain is. */
static bool run_out(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d)
{
	AxcRewrite r;
	axc_rewrite_begin(&r, g, d);
	AxcAffine *pending = AXC_NEW_ARRAY(g->arena, AxcAffine, r.n_old);
	for (AxcId i = 1; i < r.n_old; i++) {
		AxcNode *n = axc_rewrite_visit(&r, i);
		AxcAffine a;
		if (n)
			normalize_gemm(g, n, &pending[i]);
		if (!n || !axc_affine_of(g, n, !config->arithmetic_simplification, &a) ||
		    !axc_rewrite_single(&r, a.input))
			continue;
		AxcNode *mac = axc_rewrite_producer(&r, a.input);
		if (!axc_mac_foldable(g, mac) || !out_axis_fits(g, mac, &a))
			continue;
		AxcId m = axc_node_id(g, mac);
		AxcAffine all = a;
		if (pending[m].n) {
			all = pending[m];
			if (!axc_affine_compose(g, &all, &a))
				continue;
		}
		const AxcNode absorbed = *n;
		if (axc_rewrite_bypass(&r, i, a.input)) {
			pending[m] = all;
			axc_rewrite_origin(&r, m, &absorbed);
		}
	}
	for (AxcId i = 1; i < r.n_old; i++)
		if (pending[i].n)
			axc_mac_absorb_out(&r, i, &pending[i]);
	axc_rewrite_end(&r);
	return true;
}

const AxcPass axc_pass_affine = {
	.name = "fold-affine",
	.what = "BatchNormalization, Mul, Add, Sub, Div by constants folded into the weights before them",
	.needs = AXC_FACT_SHAPES,
	.gives = AXC_FACT_LIVE,
	.run = run_out,
};

/* ---- in front ---- */

static bool in_fits(const AxcGraph *g, const AxcNode *mac, const AxcAffine *a)
{
	const AxcShape *in = &g->values.at[mac->in[0]].shape;
	bool conv = axc_is_op(mac, "Conv");
	int axis = axc_is_op(mac, "MatMul") ? in->rank - 1 : 1;
	if (axc_is_op(mac, "ConvTranspose") || (axc_is_op(mac, "Gemm") && axc_attr_int(mac, "transA", 0)))
		return false;
	if (a->axis >= 0 && a->axis != axis)
		return false;
	bool shifts = false;
	for (int64_t i = 0; i < a->n; i++)
		shifts = shifts || a->shift[i] != 0.0;
	if (!conv || !shifts)
		return true;
	uint32_t n;
	const int64_t *pads = axc_attr_ints(mac, "pads", &n);
	for (uint32_t i = 0; i < n; i++)
		if (pads[i] != 0)
			return false;
	return true;
}

/* Walks back from the MAC over scale-and-shift nodes that only it reads. */
static void absorb_chain(AxcRewrite *r, AxcId id, bool only_bn)
{
	AxcGraph *g = r->g;
	AxcAffine all = {0};
	for (;;) {
		AxcNode *mac = axc_rewrite_visit(r, id);
		AxcId x = mac->in[0];
		AxcNode *p = axc_rewrite_producer(r, x);
		AxcAffine a;
		if (!p || !axc_rewrite_single(r, x) || !axc_affine_of(g, p, only_bn, &a) || a.input == x)
			break;
		AxcAffine both = a;
		if (all.n && !axc_affine_compose(g, &both, &all))
			break;
		if (!in_fits(g, mac, &both))
			break;
		const AxcNode absorbed = *p;
		if (!axc_rewrite_bypass(r, axc_node_id(g, p), a.input))
			break;
		all = both;
		axc_rewrite_origin(r, id, &absorbed);
	}
	if (all.n)
		axc_mac_absorb_in(r, id, &all);
}

static bool run_in(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d)
{
	AxcRewrite r;
	axc_rewrite_begin(&r, g, d);
	for (AxcId i = 1; i < r.n_old; i++)
		if (axc_mac_foldable(g, axc_rewrite_visit(&r, i)))
			absorb_chain(&r, i, !config->arithmetic_simplification);
	axc_rewrite_end(&r);
	return true;
}

const AxcPass axc_pass_affine_in = {
	.name = "fold-affine-in",
	.what = "scale-and-shift nodes folded into the weights behind them, where padding allows",
	.needs = AXC_FACT_SHAPES | AXC_FACT_EXPLICIT,
	.gives = AXC_FACT_LIVE,
	.run = run_in,
};

/* ---- what is left ---- */

static AxcId vector(AxcGraph *g, const char *base, const char *what, const AxcShape *shape, const double *v,
                    int64_t n)
{
	float *data = AXC_NEW_ARRAY(g->arena, float, (size_t)n);
	for (int64_t i = 0; i < n; i++)
		data[i] = (float)v[i];
	return axc_new_const(g, base, what, shape, data);
}

static void become_depthwise(AxcRewrite *r, AxcId id, const AxcAffine *a)
{
	AxcGraph *g = r->g;
	const char *name = axc_node(g, id)->name;
	int rank = axc_value(g, a->input)->shape.rank;
	AxcShape w = {.rank = rank, .dim = {a->n, 1, 1, 1, 1, 1, 1, 1}}, b = {.rank = 1, .dim = {a->n}};
	int64_t ones[AXC_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1}, zeros[2 * AXC_MAX_RANK] = {0};
	uint32_t spatial = (uint32_t)rank - 2;
	AxcId in[3] = {a->input, vector(g, name, "weight", &w, a->scale, a->n),
	               vector(g, name, "bias", &b, a->shift, a->n)};
	axc_rewrite_op(r, id, "Conv");
	axc_rewrite_inputs(r, id, 3, in);
	axc_attr_set_int(g, id, "group", a->n);
	axc_attr_set_ints(g, id, "kernel_shape", ones, spatial);
	axc_attr_set_ints(g, id, "strides", ones, spatial);
	axc_attr_set_ints(g, id, "dilations", ones, spatial);
	axc_attr_set_ints(g, id, "pads", zeros, 2 * spatial);
}

/* A BatchNormalization of a rank that convolutions do not have: Mul, then the node itself as Add. */
static void become_mul_add(AxcRewrite *r, AxcId id, const AxcAffine *a)
{
	AxcGraph *g = r->g;
	const char *name = axc_node(g, id)->name;
	AxcShape x = axc_value(g, a->input)->shape, c = {.rank = x.rank};
	for (int i = 0; i < x.rank; i++)
		c.dim[i] = i == a->axis ? a->n : 1;
	AxcId in[2] = {a->input, vector(g, name, "scale", &c, a->scale, a->n)};
	AxcId scaled = axc_rewrite_insert(r, id, "Mul", axc_format(g->arena, "%s.mul", name), 2, in, NULL, AXC_F32, &x);
	axc_rewrite_origin(r, axc_value(g, scaled)->producer, axc_node(g, id));
	AxcId add[2] = {scaled, vector(g, name, "shift", &c, a->shift, a->n)};
	axc_rewrite_op(r, id, "Add");
	axc_rewrite_inputs(r, id, 2, add);
}

static void reciprocal(AxcRewrite *r, AxcId id)
{
	AxcGraph *g = r->g;
	const AxcNode *n = axc_node(g, id);
	const float *c = axc_const_floats(g, n->in[1]);
	AxcShape shape = axc_value(g, n->in[1])->shape;
	int64_t count = axc_shape_count(&shape);
	float *inverse = AXC_NEW_ARRAY(g->arena, float, (size_t)count);
	for (int64_t i = 0; i < count; i++) {
		inverse[i] = 1.0f / c[i];
		if (!isnormal(inverse[i]))
			return;
	}
	AxcId in[2] = {n->in[0], axc_new_const(g, axc_value(g, n->in[1])->name, "inverse", &shape, inverse)};
	axc_rewrite_op(r, id, "Mul");
	axc_rewrite_inputs(r, id, 2, in);
}

static void lower_node(AxcRewrite *r, AxcId id, bool arithmetic)
{
	AxcGraph *g = r->g;
	AxcNode *n = axc_rewrite_visit(r, id);
	AxcAffine a;
	if (!n || n->domain[0])
		return;
	bool bn = axc_is_op(n, "BatchNormalization");
	if (arithmetic && axc_is_op(n, "Div") && axc_const_floats(g, n->in[1]) && !axc_is_const(g, n->in[0])) {
		reciprocal(r, id);
		n = axc_node(g, id);
	}
	if (!axc_affine_of(g, n, !arithmetic, &a) || (!bn && a.axis != 1))
		return;
	int rank = axc_value(g, a.input)->shape.rank;
	/* the second run of fold-affine takes what follows a convolution just made */
	if (!bn && axc_mac_foldable(g, axc_rewrite_producer(r, a.input)) && axc_rewrite_single(r, a.input))
		return;
	if (rank == 4 || (bn && rank == 3))
		become_depthwise(r, id, &a);
	else if (bn)
		become_mul_add(r, id, &a);
}

static bool run_scale(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d)
{
	AxcRewrite r;
	axc_rewrite_begin(&r, g, d);
	for (AxcId i = 1; i < r.n_old; i++)
		lower_node(&r, i, config->arithmetic_simplification);
	axc_rewrite_end(&r);
	return true;
}

const AxcPass axc_pass_scale = {
	.name = "lower-scale",
	.what = "scale-and-shift per channel becomes a depthwise 1x1 Conv, Div by a constant a Mul",
	.needs = AXC_FACT_SHAPES | AXC_FACT_EXPLICIT,
	.gives = AXC_FACT_LIVE | AXC_FACT_NO_BN,
	.run = run_scale,
};
