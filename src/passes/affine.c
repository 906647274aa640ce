/* Recognising per-channel scale-and-shift nodes and rewriting weights with them; see affine.h. */
#include "passes/affine.h"

#include <math.h>

/* Which single dimension of the output a constant operand varies along: -1 none (scalar), -2 several. */
static int varying_axis(const AxcShape *constant, const AxcShape *out)
{
	int axis = -1, shift = out->rank - constant->rank;
	if (shift < 0)
		return axc_shape_count(constant) == 1 ? -1 : -2;
	for (int i = 0; i < constant->rank; i++) {
		if (constant->dim[i] == 1)
			continue;
		if (axis >= 0)
			return -2;
		axis = i + shift;
	}
	return axis;
}

static void alloc_affine(AxcGraph *g, AxcAffine *a, int axis, int64_t n)
{
	a->axis = axis;
	a->n = n;
	a->scale = AXC_NEW_ARRAY(g->arena, double, (size_t)n);
	a->shift = AXC_NEW_ARRAY(g->arena, double, (size_t)n);
}

static bool small(double v)
{
	return isfinite(v) && fabs(v) <= 1e30;
}

static bool all_small(const AxcAffine *a)
{
	for (int64_t i = 0; i < a->n; i++)
		if (!small(a->scale[i]) || !small(a->shift[i]))
			return false;
	return true;
}

static bool batch_norm(AxcGraph *g, const AxcNode *n, AxcAffine *ret)
{
	const float *p[4];
	const AxcShape *s = &axc_value(g, n->in[0])->shape;
	if (n->n_in < 5 || s->rank < 2)
		return false;
	int64_t count = s->dim[1];
	for (uint32_t k = 0; k < 4; k++) {
		p[k] = axc_const_floats(g, n->in[k + 1]);
		if (!p[k] || axc_shape_count(&axc_value(g, n->in[k + 1])->shape) != count)
			return false;
	}
	double epsilon = axc_attr_float(n, "epsilon", 1e-5f);
	alloc_affine(g, ret, 1, count);
	for (int64_t c = 0; c < count; c++) {
		ret->scale[c] = p[0][c] / sqrt((double)p[3][c] + epsilon);
		ret->shift[c] = p[1][c] - p[2][c] * ret->scale[c];
	}
	return true;
}

static bool binary(AxcGraph *g, const AxcNode *n, AxcAffine *ret)
{
	bool mul = axc_is_op(n, "Mul"), add = axc_is_op(n, "Add"), sub = axc_is_op(n, "Sub");
	bool div = axc_is_op(n, "Div");
	if (n->n_in != 2 || !(mul || add || sub || div))
		return false;
	uint32_t which = axc_const_floats(g, n->in[1]) ? 1 : 0;
	const float *c = axc_const_floats(g, n->in[which]);
	ret->input = n->in[1 - which];
	const AxcValue *x = axc_value(g, ret->input), *out = axc_value(g, n->out[0]);
	if (!c || x->data || (which == 0 && div) || !axc_shape_equal(&x->shape, &out->shape))
		return false;
	int axis = varying_axis(&axc_value(g, n->in[which])->shape, &out->shape);
	if (axis == -2)
		return false;
	alloc_affine(g, ret, axis, axis < 0 ? 1 : out->shape.dim[axis]);
	for (int64_t i = 0; i < ret->n; i++) {
		ret->scale[i] = mul ? c[i] : div ? 1.0 / c[i] : sub && which == 0 ? -1.0 : 1.0;
		ret->shift[i] = add || (sub && which == 0) ? c[i] : sub ? -(double)c[i] : 0.0;
	}
	return true;
}

bool axc_affine_of(AxcGraph *g, const AxcNode *n, bool only_bn, AxcAffine *ret)
{
	if (!n || n->dead || n->domain[0] || n->n_in < 2 || !n->n_out || !n->out[0] || !n->in[0] ||
	    axc_value(g, n->out[0])->dtype != AXC_F32 || axc_shape_count(&axc_value(g, n->out[0])->shape) == 0)
		return false;
	*ret = (AxcAffine){.input = n->in[0]};
	bool found = axc_is_op(n, "BatchNormalization") ? batch_norm(g, n, ret) : !only_bn && binary(g, n, ret);
	return found && all_small(ret);
}

bool axc_affine_compose(AxcGraph *g, AxcAffine *inner, const AxcAffine *outer)
{
	if (inner->axis >= 0 && outer->axis >= 0 && (inner->axis != outer->axis || inner->n != outer->n))
		return false;
	if (inner->axis < 0 && outer->axis >= 0) { /* spread the scalar */
		double scale = inner->scale[0], shift = inner->shift[0];
		alloc_affine(g, inner, outer->axis, outer->n);
		for (int64_t i = 0; i < inner->n; i++) {
			inner->scale[i] = scale;
			inner->shift[i] = shift;
		}
	}
	/* first whether it can be written, then in place: chains are long and must not cost memory */
	for (int64_t i = 0; i < inner->n; i++) {
		int64_t o = outer->axis < 0 ? 0 : i;
		if (!small(inner->scale[i] * outer->scale[o]) ||
		    !small(inner->shift[i] * outer->scale[o] + outer->shift[o]))
			return false;
	}
	for (int64_t i = 0; i < inner->n; i++) {
		int64_t o = outer->axis < 0 ? 0 : i;
		inner->scale[i] *= outer->scale[o];
		inner->shift[i] = inner->shift[i] * outer->scale[o] + outer->shift[o];
	}
	return true;
}

int64_t axc_mac_channels(const AxcGraph *g, const AxcNode *n, int *ret_axis)
{
	const AxcShape *out = &g->values.at[n->out[0]].shape;
	*ret_axis = axc_is_op(n, "MatMul") ? out->rank - 1 : 1;
	return out->dim[*ret_axis];
}

bool axc_mac_foldable(const AxcGraph *g, const AxcNode *n)
{
	if (!n || n->dead || n->domain[0] || n->n_in < 2 || n->n_out != 1 || !n->in[0] || !n->in[1])
		return false;
	bool matmul = axc_is_op(n, "MatMul");
	bool dense = matmul || axc_is_op(n, "Gemm");
	if (!dense && !axc_is_op(n, "Conv") && !axc_is_op(n, "ConvTranspose"))
		return false;
	const AxcShape *w = &g->values.at[n->in[1]].shape, *out = &g->values.at[n->out[0]].shape;
	if (!axc_const_floats(g, n->in[1]) || axc_is_const(g, n->in[0]) || (dense && w->rank != 2) ||
	    out->rank < 2 || axc_shape_count(out) == 0 || axc_shape_count(w) == 0)
		return false;
	if (n->n_in < 3 || !n->in[2])
		return true;
	int axis;
	int64_t oc = axc_mac_channels(g, n, &axis);
	const AxcShape *b = &g->values.at[n->in[2]].shape;
	int64_t count = axc_shape_count(b);
	bool per_channel = count == oc && (b->rank == 0 || b->dim[b->rank - 1] == oc || oc == 1);
	return axc_const_floats(g, n->in[2]) && (count == 1 || per_channel);
}

/* Where the weights' element i belongs: its output and its input channel. */
typedef struct WeightMap {
	int64_t per_out, per_in, outs, ins; /* strides and sizes of the two channel dimensions of the tensor */
	int64_t group_outs, group_ins;      /* channels per group */
	bool transposed_conv;
	int64_t block; /* elements per group along the first dimension */
} WeightMap;

static WeightMap weight_map(const AxcGraph *g, const AxcNode *n)
{
	const AxcShape *s = &g->values.at[n->in[1]].shape;
	WeightMap m = {0};
	int64_t total = axc_shape_count(s), groups = axc_attr_int(n, "group", 1);
	if (axc_is_op(n, "Gemm") || axc_is_op(n, "MatMul")) {
		bool trans = axc_is_op(n, "Gemm") && axc_attr_int(n, "transB", 0);
		m.outs = s->dim[trans ? 0 : 1];
		m.ins = s->dim[trans ? 1 : 0];
		m.per_out = trans ? m.ins : 1;
		m.per_in = trans ? 1 : m.outs;
		groups = 1;
	} else {
		bool ct = axc_is_op(n, "ConvTranspose");
		int64_t taps = total / (s->dim[0] * s->dim[1]);
		m.transposed_conv = ct;
		m.outs = s->dim[ct ? 1 : 0];
		m.ins = s->dim[ct ? 0 : 1];
		m.per_out = ct ? taps : taps * s->dim[1];
		m.per_in = ct ? taps * s->dim[1] : taps;
	}
	groups = AXC_MAX(groups, 1);
	m.group_outs = m.transposed_conv ? m.outs : m.outs / groups;
	m.group_ins = m.transposed_conv ? m.ins / groups : m.ins;
	m.group_outs = AXC_MAX(m.group_outs, 1);
	m.group_ins = AXC_MAX(m.group_ins, 1);
	return m;
}

static int64_t out_channel(const WeightMap *m, int64_t i)
{
	int64_t o = i / m->per_out % m->outs;
	return m->transposed_conv ? i / m->per_in % m->ins / m->group_ins * m->outs + o : o;
}

static int64_t in_channel(const WeightMap *m, int64_t i)
{
	int64_t c = i / m->per_in % m->ins;
	return m->transposed_conv ? c : i / m->per_out % m->outs / m->group_outs * m->ins + c;
}

/* Bias of channel c as it acts now (Gemm: times beta). */
static double old_bias(const AxcGraph *g, const AxcNode *n, int64_t c)
{
	const float *b = n->n_in > 2 ? axc_const_floats(g, n->in[2]) : NULL;
	double beta = axc_is_op(n, "Gemm") ? axc_attr_float(n, "beta", 1.0f) : 1.0;
	if (!b)
		return 0.0;
	return beta * b[axc_shape_count(&g->values.at[n->in[2]].shape) == 1 ? 0 : c];
}

static void install(AxcRewrite *r, AxcId node, float *weights, const double *bias, int64_t channels)
{
	AxcGraph *g = r->g;
	AxcNode *n = axc_node(g, node);
	bool any = n->n_in > 2 && n->in[2];
	for (int64_t c = 0; c < channels; c++)
		any = any || bias[c] != 0.0;
	AxcShape shape = axc_value(g, n->in[1])->shape, one = {.rank = 1, .dim = {channels}};
	AxcId in[3] = {n->in[0], axc_new_const(g, axc_value(g, n->in[1])->name, "folded", &shape, weights), 0};
	if (any) {
		float *b = AXC_NEW_ARRAY(g->arena, float, (size_t)channels);
		for (int64_t c = 0; c < channels; c++)
			b[c] = (float)bias[c];
		const char *base = n->n_in > 2 && n->in[2] ? axc_value(g, n->in[2])->name : n->name;
		in[2] = axc_new_const(g, base, n->n_in > 2 && n->in[2] ? "folded" : "bias", &one, b);
	}
	axc_rewrite_inputs(r, node, any ? 3 : 2, in);
	if (axc_is_op(axc_node(g, node), "Gemm")) {
		axc_attr_set_float(g, node, "alpha", 1.0f);
		axc_attr_set_float(g, node, "beta", 1.0f);
	}
}

void axc_mac_absorb_out(AxcRewrite *r, AxcId node, const AxcAffine *a)
{
	AxcGraph *g = r->g;
	const AxcNode *n = axc_node(g, node);
	int axis;
	int64_t channels = axc_mac_channels(g, n, &axis), total = axc_shape_count(&axc_value(g, n->in[1])->shape);
	const float *w = axc_const_floats(g, n->in[1]);
	double alpha = axc_is_op(n, "Gemm") ? axc_attr_float(n, "alpha", 1.0f) : 1.0;
	WeightMap m = weight_map(g, n);
	float *weights = AXC_NEW_ARRAY(g->arena, float, (size_t)total);
	double *bias = AXC_NEW_ARRAY(g->arena, double, (size_t)channels);
	for (int64_t i = 0; i < total; i++) {
		int64_t c = out_channel(&m, i);
		weights[i] = (float)(alpha * w[i] * a->scale[a->axis < 0 ? 0 : c]);
	}
	for (int64_t c = 0; c < channels; c++) {
		int64_t k = a->axis < 0 ? 0 : c;
		bias[c] = old_bias(g, n, c) * a->scale[k] + a->shift[k];
	}
	install(r, node, weights, bias, channels);
}

void axc_mac_absorb_in(AxcRewrite *r, AxcId node, const AxcAffine *a)
{
	AxcGraph *g = r->g;
	const AxcNode *n = axc_node(g, node);
	int axis;
	int64_t channels = axc_mac_channels(g, n, &axis), total = axc_shape_count(&axc_value(g, n->in[1])->shape);
	const float *w = axc_const_floats(g, n->in[1]);
	double alpha = axc_is_op(n, "Gemm") ? axc_attr_float(n, "alpha", 1.0f) : 1.0;
	WeightMap m = weight_map(g, n);
	float *weights = AXC_NEW_ARRAY(g->arena, float, (size_t)total);
	double *bias = AXC_NEW_ARRAY(g->arena, double, (size_t)channels);
	for (int64_t c = 0; c < channels; c++)
		bias[c] = old_bias(g, n, c);
	for (int64_t i = 0; i < total; i++) {
		int64_t k = a->axis < 0 ? 0 : in_channel(&m, i);
		weights[i] = (float)(alpha * w[i] * a->scale[k]);
		bias[out_channel(&m, i)] += alpha * w[i] * a->shift[k];
	}
	install(r, node, weights, bias, channels);
}
