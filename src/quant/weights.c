/* Weights to int8, symmetric -127..127 by the largest of each output channel; biases to int32 at the
 * accumulator's scale. A scale is raised where the accumulator could otherwise leave int32, and a dead
 * channel gets the tensor's largest, so that its bias stays representable.
 *
 * Bias correction (Nagel et al. 2019, section 4.2): rounding the weights shifts the mean of an output
 * channel by sum (rounded - exact) * mean(input); calibration knows the means, the bias takes the shift
 * back. Networks with large weights and biases that cancel lose most of their accuracy without it.
 *
 * Where samples of the input are at hand (moments.c) the weights are rounded for the least error of the
 * sums over them instead (round.c), and the bias takes back what the mean lost there. */
#include <math.h>
#include <stdlib.h>

#include "quant/moments.h"
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
	const float *out_gain;
	double *factor;     /* of the weights and bias of each entry of q by gains; NULL: 1 */
	double *correction; /* of the bias of each output channel */
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

/* Gains are of convolutions only, whose output channels are the entries of q. */
static void set_factors(Mac *m, const AxcMacTune *tune, int64_t in_channels, AxcArena *arena)
{
	if (!tune->in_gain && !tune->out_gain)
		return;
	m->factor = AXC_NEW_ARRAY(arena, double, (size_t)m->n_scales);
	for (int64_t c = 0; c < m->n_scales; c++) {
		double in = tune->in_gain ? (double)tune->in_gain[c / AXC_MAX(m->channels / in_channels, 1)] : 1.0;
		m->factor[c] = (tune->out_gain ? (double)tune->out_gain[c] : 1.0) / in;
	}
	m->out_gain = tune->out_gain;
}

static double bias_of(const Mac *m, int64_t c)
{
	double b = m->bias ? m->beta * m->bias[m->n_bias == 1 ? 0 : c] : 0.0;
	return b * (m->out_gain ? (double)m->out_gain[c] : 1.0) - m->correction[c];
}

static double weight_of(const Mac *m, int64_t i)
{
	double w = m->alpha * m->w[i];
	return m->factor ? w * m->factor[i / m->stride % m->n_scales] : w;
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
		float a = (float)fabs(weight_of(m, i));
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
		sum[c] += abs(round_weight(weight_of(m, i), scale[c]));
	}
}

/* ---- bias correction ---- */

/* Share of the output positions at which each kernel tap lies inside the input. */
static double *tap_shares(const AxcGraph *g, const AxcNode *n, int64_t taps, AxcArena *arena)
{
	double *share = AXC_NEW_ARRAY(arena, double, (size_t)taps);
	const AxcShape *in = &g->values.at[n->in[0]].shape, *out = &g->values.at[n->out[0]].shape;
	const AxcShape *w = &g->values.at[n->in[1]].shape;
	bool transposed = strcmp(n->op_type, "ConvTranspose") == 0;
	uint32_t n_strides, n_dilations, n_pads;
	const int64_t *strides = axc_attr_ints(n, "strides", &n_strides);
	const int64_t *dilations = axc_attr_ints(n, "dilations", &n_dilations);
	const int64_t *pads = axc_attr_ints(n, "pads", &n_pads);
	for (int64_t t = 0; t < taps; t++) {
		int64_t rest = t;
		share[t] = 1;
		for (int d = w->rank - 1; d >= 2; d--) {
			int64_t k = rest % w->dim[d], hits = 0;
			int64_t step = n_strides > (uint32_t)d - 2 ? strides[d - 2] : 1;
			int64_t wide = n_dilations > (uint32_t)d - 2 ? dilations[d - 2] : 1;
			int64_t pad = n_pads > (uint32_t)d - 2 ? pads[d - 2] : 0;
			rest /= w->dim[d];
			for (int64_t o = 0; o < out->dim[d]; o++)
				hits += o * step - pad + k * wide >= 0 && o * step - pad + k * wide < in->dim[d];
			share[t] *= transposed ? 1.0 / (double)step : (double)hits / (double)AXC_MAX(out->dim[d], 1);
		}
	}
	return share;
}

/* Input and output channel of weight i. */
static void channels_of(const Mac *m, const AxcShape *w, int64_t i, int64_t taps, int64_t groups, int64_t *ret_in,
                        int64_t *ret_out)
{
	int64_t inner = i / taps % w->dim[1], outer = i / taps / w->dim[1];
	int64_t group = w->rank > 2 ? outer / AXC_MAX(w->dim[0] / groups, 1) : 0;
	bool second = m->axis == 1; /* output channels on axis 1: ConvTranspose, MatMul, Gemm */
	*ret_in = second ? outer : group * w->dim[1] + inner;
	*ret_out = second ? group * w->dim[1] + inner : outer;
}

static void correct_bias(const Mac *m, const AxcGraph *g, const AxcNode *n, const AxcMacTune *tune,
                         const float *scale, AxcArena *arena)
{
	const AxcShape *w = &g->values.at[n->in[1]].shape;
	int64_t taps = 1, groups = AXC_MAX(axc_attr_int(n, "group", 1), 1);
	for (int d = 2; d < w->rank; d++)
		taps *= w->dim[d];
	int64_t in_channels = w->rank == 2 ? w->dim[m->axis == 1 ? 0 : 1]
	                                   : m->axis == 1 ? w->dim[0] : w->dim[1] * groups;
	memset(m->correction, 0, (size_t)m->channels * sizeof *m->correction);
	if (!tune->mean || tune->n_mean != in_channels || m->n_weights == 0)
		return;
	const double *share = tap_shares(g, n, taps, arena);
	for (int64_t i = 0; i < m->n_weights; i++) {
		int64_t in, out;
		channels_of(m, w, i, taps, groups, &in, &out);
		float s = scale[i / m->stride % m->n_scales];
		double error = (double)round_weight(weight_of(m, i), s) * (double)s - weight_of(m, i);
		double mean = (double)tune->mean[in] * (tune->in_gain ? (double)tune->in_gain[in] : 1.0);
		m->correction[out] += error * mean * share[i % taps];
	}
}

/* Largest accumulator of each scale's channels over the limit; raises scales until none exceeds 1. */
static void raise_scales(const Mac *m, const AxcGraph *g, const AxcNode *n, const AxcMacTune *tune, float *scale,
                         double *sum, AxcArena *arena)
{
	for (int round = 0; round < 64; round++) {
		bool raised = false;
		abs_sums(m, scale, sum);
		correct_bias(m, g, n, tune, scale, arena);
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

static int8_t *nearest_weights(const Mac *m, const float *scale, AxcArena *arena)
{
	int8_t *q = AXC_NEW_ARRAY(arena, int8_t, (size_t)m->n_weights);
	for (int64_t i = 0; i < m->n_weights; i++)
		q[i] = round_weight(weight_of(m, i), scale[i / m->stride % m->n_scales]);
	return q;
}

/* No accumulator of these weights can leave int32. */
static bool fits(const Mac *m, const float *scale, const AxcWeightRows *rows, const int8_t *q, int64_t row_length)
{
	for (int64_t c = 0; c < m->channels; c++) {
		double sum = fabs(bias_of(m, c)) / (input_scale(m, c) * scale[c]) + 1.0;
		for (int64_t j = 0; j < row_length; j++)
			sum += 255.0 * abs(q[c * rows->row + j * rows->column]);
		if (sum > acc_limit)
			return false;
	}
	return true;
}

/* Rounded for the sums over sampled inputs; NULL where there are none. Sets the bias correction. */
static int8_t *rounded_weights(Mac *m, const AxcMacTune *tune, const float *scale, AxcArena *arena)
{
	const AxcMacInputs *in = tune->inputs;
	if (!in || in->n < 1 || m->n_scales != m->channels || in->group_k * m->channels != m->n_weights)
		return NULL;
	float *w = AXC_NEW_ARRAY(arena, float, (size_t)m->n_weights), *input = AXC_NEW_ARRAY(arena, float, (size_t)m->channels);
	int8_t *q = AXC_NEW_ARRAY(arena, int8_t, (size_t)m->n_weights);
	double *old = axc_memdup(arena, m->correction, (size_t)m->channels * sizeof *old);
	double *shift = AXC_NEW_ARRAY(arena, double, (size_t)m->channels);
	AxcWeightRows rows = {.w = w, .channels = m->channels, .scale = scale};
	rows.row = m->axis == 1 ? 1 : in->group_k; /* [K, N] or one row per channel */
	rows.column = m->axis == 1 ? m->channels : 1;
	for (int64_t i = 0; i < m->n_weights; i++)
		w[i] = (float)weight_of(m, i);
	for (int64_t c = 0; c < m->channels; c++)
		input[c] = input_scale(m, c);
	axc_quant_round(arena, in, &rows, tune->jobs, q);
	axc_quant_mean_shift(in, &rows, q, input, shift);
	for (int64_t c = 0; c < m->channels; c++)
		m->correction[c] = -shift[c];
	if (fits(m, scale, &rows, q, in->group_k))
		return q;
	memcpy(m->correction, old, (size_t)m->channels * sizeof *old);
	return NULL;
}

static AxcId add_weights(const Mac *m, const AxcValue *old, const float *scale, const int8_t *q, AxcGraph *out)
{
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

bool axc_quant_weights(const AxcGraph *clean, const AxcNode *n, const AxcQuant *x, const AxcMacTune *tune,
                       AxcGraph *out, AxcDiag *d, AxcId *ret_weights, AxcId *ret_bias)
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
	m.correction = AXC_NEW_ARRAY(out->arena, double, (size_t)m.channels);
	set_factors(&m, tune, clean->values.at[n->in[0]].shape.dim[1], out->arena);
	first_scales(&m, scale);
	raise_scales(&m, clean, n, tune, scale, sum, out->arena);
	const int8_t *q = rounded_weights(&m, tune, scale, out->arena);
	*ret_weights = add_weights(&m, w, scale, q ? q : nearest_weights(&m, scale, out->arena), out);
	*ret_bias = 0;
	bool corrected = false;
	for (int64_t c = 0; c < m.channels; c++)
		corrected = corrected || m.correction[c] != 0.0;
	if (m.bias || m.bias_always || corrected) {
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
