/* Weights to int8, symmetric -127..127 by the largest of each output channel; biases to int32 at the
 * accumulator's scale. A scale is raised where the accumulator could otherwise leave int32, and a dead
 * channel gets the tensor's largest, so that its bias stays representable. */
#include <math.h>
#include <stdlib.h>

#include "quant/scales.h"

static const double acc_limit = 2147483520.0; /* largest float below 2^31 */

typedef struct Mac {
	const float *w;
	int64_t n_weights;
	int64_t n_scales;   /* entries of q: output channels, per group for ConvTranspose */
	int64_t stride;     /* elements between two of them */
	int64_t channels;   /* output channels */
	int axis;           /* of the weight tensor */
	double alpha, beta; /* Gemm */
	const float *bias;
	int64_t n_bias;
	const AxcQuant *x;
	bool bias_always;
} Mac;

static Mac describe(const AxcGraph *g, const AxcNode *n, const AxcQuant *x)
{
	const AxcValue *w = &g->values.at[n->in[1]];
	const AxcShape *out = &g->values.at[n->out[0]].shape;
	bool gemm = strcmp(n->op_type, "Gemm") == 0, matmul = strcmp(n->op_type, "MatMul") == 0;
	Mac m = {.w = w->data, .n_weights = axc_shape_count(&w->shape), .alpha = 1.0, .beta = 1.0, .x = x};
	if (gemm || matmul) {
		m.axis = gemm && axc_attr_int(n, "transB", 0) ? 0 : 1;
		m.channels = out->dim[out->rank - 1];
	} else {
		m.axis = strcmp(n->op_type, "ConvTranspose") == 0 ? 1 : 0;
		m.channels = out->dim[1];
	}
	m.n_scales = w->shape.dim[m.axis];
	m.stride = 1;
	for (int i = m.axis + 1; i < w->shape.rank; i++)
		m.stride *= w->shape.dim[i];
	if (gemm) {
		m.alpha = axc_attr_float(n, "alpha", 1.0f);
		m.beta = axc_attr_float(n, "beta", 1.0f);
	}
	m.bias_always = !matmul;
	if (n->n_in > 2 && n->in[2]) {
		m.bias = g->values.at[n->in[2]].data;
		m.n_bias = axc_shape_count(&g->values.at[n->in[2]].shape);
	}
	return m;
}

/* Scale of the input that output channel c sees (per-channel inputs: depthwise only). */
static float input_scale(const Mac *m, int64_t c)
{
	return m->x->n > 1 ? m->x->scale[c / AXC_MAX(m->channels / m->x->n, 1)] : m->x->scale[0];
}

static double bias_of(const Mac *m, int64_t c)
{
	return m->bias ? m->beta * m->bias[m->n_bias == 1 ? 0 : c] : 0.0;
}

static int8_t round_weight(double w, float scale)
{
	double q = nearbyint(w / scale);
	return (int8_t)(q < -127.0 ? -127.0 : q > 127.0 ? 127.0 : q);
}

static void first_scales(const Mac *m, float *scale)
{
	float top = 0.0f;
	for (int64_t i = 0; i < m->n_weights; i++) {
		float a = (float)fabs(m->alpha * m->w[i]);
		float *s = &scale[i / m->stride % m->n_scales];
		*s = a > *s ? a : *s;
	}
	for (int64_t c = 0; c < m->n_scales; c++) {
		scale[c] = fminf(scale[c] / 127.0f, AXC_SCALE_MAX);
		top = fmaxf(top, scale[c]);
	}
	top = top >= AXC_SCALE_MIN ? top : 1.0f;
	for (int64_t c = 0; c < m->n_scales; c++)
		scale[c] = scale[c] == 0.0f ? top : fmaxf(scale[c], AXC_SCALE_MIN);
}

/* sum[c] of |weights| in int8; a ConvTranspose channel sums over all groups, an upper bound. */
static void abs_sums(const Mac *m, const float *scale, double *sum)
{
	for (int64_t c = 0; c < m->n_scales; c++)
		sum[c] = 0.0;
	for (int64_t i = 0; i < m->n_weights; i++) {
		int64_t c = i / m->stride % m->n_scales;
		sum[c] += abs(round_weight(m->alpha * m->w[i], scale[c]));
	}
}

/* Largest accumulator of each scale's channels over the limit; raises scales until none exceeds 1. */
static void raise_scales(const Mac *m, float *scale, double *sum)
{
	for (int round = 0; round < 64; round++) {
		bool raised = false;
		abs_sums(m, scale, sum);
		for (int64_t c = 0; c < m->n_scales; c++) {
			double worst = 0.0;
			for (int64_t o = c; o < m->channels; o += m->n_scales) {
				float unit = input_scale(m, o) * scale[c];
				worst = fmax(worst, fabs(bias_of(m, o)) / unit + 1.0);
			}
			double ratio = (worst + 255.0 * sum[c]) / acc_limit;
			if (ratio <= 1.0)
				continue;
			scale[c] = (float)(scale[c] * fmax(ratio, 1.001) * 1.001);
			raised = true;
		}
		if (!raised)
			return;
	}
}

static AxcId add_weights(const Mac *m, const AxcValue *old, const float *scale, AxcGraph *out)
{
	int8_t *q = AXC_NEW_ARRAY(out->arena, int8_t, (size_t)m->n_weights);
	for (int64_t i = 0; i < m->n_weights; i++)
		q[i] = round_weight(m->alpha * m->w[i], scale[i / m->stride % m->n_scales]);
	AxcId id = axc_const_add(out, axc_format(out->arena, "%s_quantized", old->name), AXC_I8, &old->shape, q);
	int32_t *zero = AXC_NEW_ARRAY(out->arena, int32_t, (size_t)m->n_scales);
	axc_value(out, id)->q = (AxcQuant){
		.n = (int)m->n_scales, .axis = m->n_scales > 1 ? m->axis : -1, .scale = scale, .zero_point = zero};
	return id;
}

static AxcId add_bias(const Mac *m, const char *base, const float *scale, AxcGraph *out)
{
	int32_t *b = AXC_NEW_ARRAY(out->arena, int32_t, (size_t)m->channels);
	float *unit = AXC_NEW_ARRAY(out->arena, float, (size_t)m->channels);
	for (int64_t c = 0; c < m->channels; c++) {
		unit[c] = input_scale(m, c) * scale[c % m->n_scales];
		double q = nearbyint(bias_of(m, c) / unit[c]);
		b[c] = (int32_t)(q > acc_limit ? acc_limit : q < -acc_limit ? -acc_limit : q);
	}
	AxcShape shape = {.rank = 1, .dim = {m->channels}};
	AxcId id = axc_const_add(out, axc_format(out->arena, "%s_quantized", base), AXC_I32, &shape, b);
	axc_value(out, id)->q = (AxcQuant){.n = (int)m->channels,
	                                   .axis = m->channels > 1 ? 0 : -1,
	                                   .scale = unit,
	                                   .zero_point = AXC_NEW_ARRAY(out->arena, int32_t, (size_t)m->channels)};
	return id;
}

bool axc_quant_weights(const AxcGraph *clean, const AxcNode *n, const AxcQuant *x, AxcGraph *out, AxcDiag *d,
                       AxcId *ret_weights, AxcId *ret_bias)
{
	Mac m = describe(clean, n, x);
	const AxcValue *w = &clean->values.at[n->in[1]];
	float *scale = AXC_NEW_ARRAY(out->arena, float, (size_t)m.n_scales);
	double *sum = AXC_NEW_ARRAY(out->arena, double, (size_t)m.n_scales);
	for (int64_t i = 0; i < m.n_weights; i++)
		if (!isfinite(m.w[i])) {
			axc_fail(d, "the weights \"%s\" hold a value that is not finite", axc_safe_name(d->arena, w->name));
			axc_diag_node(d, n->name, n->op_type);
			return axc_diag_hint(d, "keep the node in float: --set 'keep_float=[\"%s\"]'",
			                     axc_safe_name(d->arena, n->name));
		}
	first_scales(&m, scale);
	raise_scales(&m, scale, sum);
	*ret_weights = add_weights(&m, w, scale, out);
	*ret_bias = 0;
	if (m.bias || m.bias_always) {
		const char *base = n->n_in > 2 && n->in[2] ? clean->values.at[n->in[2]].name
		                                           : axc_format(out->arena, "%s.bias", n->name);
		*ret_bias = add_bias(&m, base, scale, out);
	}
	return true;
}

AxcId axc_quant_constant(const AxcGraph *clean, AxcId value, const AxcQuant *q, AxcGraph *out)
{
	const AxcValue *v = &clean->values.at[value];
	const float *data = v->data;
	int64_t n = axc_shape_count(&v->shape);
	int8_t *copy = AXC_NEW_ARRAY(out->arena, int8_t, (size_t)n);
	for (int64_t i = 0; i < n; i++) {
		float x = rintf(fminf(fmaxf(data[i] / q->scale[0], -512.0f), 512.0f)) + (float)q->zero_point[0];
		copy[i] = (int8_t)(x < -128.0f ? -128.0f : x > 127.0f ? 127.0f : x);
	}
	AxcId id = axc_const_add(out, axc_format(out->arena, "%s_quantized", v->name), AXC_I8, &v->shape, copy);
	axc_value(out, id)->q = *q;
	return id;
}
