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

#include "quant/mac.h"
#include "quant/moments.h"

/* Scale of the input that output channel c sees (per-channel inputs: depthwise only). */
static float input_scale(const AxcQuantMac *m, int64_t c)
{
	return m->x->n > 1 ? m->x->scale[c / AXC_MAX(m->channels / m->x->n, 1)] : m->x->scale[0];
}

/* Gains are of convolutions only, whose output channels are the entries of q. */
static void set_factors(AxcQuantMac *m, const AxcMacTune *tune, int64_t in_channels, AxcArena *arena)
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

static double bias_of(const AxcQuantMac *m, int64_t c)
{
	double b = m->bias ? m->beta * m->bias[m->n_bias == 1 ? 0 : c] : 0.0;
	return b * (m->out_gain ? (double)m->out_gain[c] : 1.0) - m->correction[c];
}

static double weight_of(const AxcQuantMac *m, int64_t i)
{
	double w = m->alpha * m->w[i];
	return m->factor ? w * m->factor[i / m->stride % m->n_scales] : w;
}

static int8_t round_weight(double w, float scale)
{
	double q = nearbyint(w / scale);
	return (int8_t)(q < -127.0 ? -127.0 : q > 127.0 ? 127.0 : q);
}

static void first_scales(const AxcQuantMac *m, float *scale)
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
static void abs_sums(const AxcQuantMac *m, const float *scale, double *sum)
{
	for (int64_t c = 0; c < m->n_scales; c++)
		sum[c] = 0.0;
	for (int64_t i = 0; i < m->n_weights; i++) {
		int64_t c = i / m->stride % m->n_scales;
		sum[c] += abs(round_weight(weight_of(m, i), scale[c]));
	}
}

/* ---- bias correction ---- */

static void correct_bias(const AxcQuantMac *m, const AxcGraph *g, const AxcNode *n, const AxcMacTune *tune,
                         const float *scale, AxcArena *arena)
{
	const AxcShape *w = &g->values.at[n->in[1]].shape;
	int64_t taps = axc_quant_taps(g, n), groups = AXC_MAX(axc_attr_int(n, "group", 1), 1);
	memset(m->correction, 0, (size_t)m->channels * sizeof *m->correction);
	if (!tune->mean || tune->n_mean != axc_quant_in_channels(m, g, n) || m->n_weights == 0)
		return;
	const double *share = axc_quant_tap_shares(g, n, taps, arena);
	for (int64_t i = 0; i < m->n_weights; i++) {
		int64_t in, out;
		axc_quant_channels(m, w, i, taps, groups, &in, &out);
		float s = scale[i / m->stride % m->n_scales];
		double error = (double)round_weight(weight_of(m, i), s) * (double)s - weight_of(m, i);
		double mean = (double)tune->mean[in] * (tune->in_gain ? (double)tune->in_gain[in] : 1.0);
		m->correction[out] += error * mean * share[i % taps];
	}
}

/* Largest accumulator of each scale's channels over the limit; raises scales until none exceeds 1. */
static void raise_scales(const AxcQuantMac *m, const AxcGraph *g, const AxcNode *n, const AxcMacTune *tune, float *scale,
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
			double ratio = (worst + 255.0 * sum[c]) / AXC_ACC_LIMIT;
			if (ratio <= 1.0)
				continue;
			scale[c] = (float)(scale[c] * fmax(ratio, 1.001) * 1.001);
			raised = true;
		}
		if (!raised)
			return;
	}
}

static int8_t *nearest_weights(const AxcQuantMac *m, const float *scale, AxcArena *arena)
{
	int8_t *q = AXC_NEW_ARRAY(arena, int8_t, (size_t)m->n_weights);
	for (int64_t i = 0; i < m->n_weights; i++)
		q[i] = round_weight(weight_of(m, i), scale[i / m->stride % m->n_scales]);
	return q;
}

/* No accumulator of these weights can leave int32. */
static bool fits(const AxcQuantMac *m, const float *scale, const AxcWeightRows *rows, const int8_t *q, int64_t row_length)
{
	for (int64_t c = 0; c < m->channels; c++) {
		double sum = fabs(bias_of(m, c)) / (input_scale(m, c) * scale[c]) + 1.0;
		for (int64_t j = 0; j < row_length; j++)
			sum += 255.0 * abs(q[c * rows->row + j * rows->column]);
		if (sum > AXC_ACC_LIMIT)
			return false;
	}
	return true;
}

/* Rounded for the sums over sampled inputs; NULL where there are none. Sets the bias correction. */
static int8_t *rounded_weights(AxcQuantMac *m, const AxcMacTune *tune, const float *scale, AxcArena *arena)
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

static AxcId add_weights(const AxcQuantMac *m, const AxcValue *old, const float *scale, const int8_t *q, AxcGraph *out)
{
	AxcId id = axc_const_add(out, axc_format(out->arena, "%s_quantized", old->name), AXC_I8, &old->shape, q);
	int32_t *zero = AXC_NEW_ARRAY(out->arena, int32_t, (size_t)m->n_scales);
	axc_value(out, id)->q = (AxcQuant){
		.n = (int)m->n_scales, .axis = m->n_scales > 1 ? m->axis : -1, .scale = scale, .zero_point = zero};
	return id;
}

static AxcId add_bias(const AxcQuantMac *m, const char *base, const float *scale, AxcGraph *out)
{
	int32_t *b = AXC_NEW_ARRAY(out->arena, int32_t, (size_t)m->channels);
	float *unit = AXC_NEW_ARRAY(out->arena, float, (size_t)m->channels);
	for (int64_t c = 0; c < m->channels; c++) {
		unit[c] = input_scale(m, c) * scale[c % m->n_scales];
		double q = nearbyint(bias_of(m, c) / unit[c]);
		b[c] = (int32_t)(q > AXC_ACC_LIMIT ? AXC_ACC_LIMIT : q < -AXC_ACC_LIMIT ? -AXC_ACC_LIMIT : q);
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
	AxcQuantMac m = axc_quant_mac(clean, n, x);
	const AxcValue *w = &clean->values.at[n->in[1]];
	float *scale = AXC_NEW_ARRAY(out->arena, float, (size_t)m.n_scales);
	double *sum = AXC_NEW_ARRAY(out->arena, double, (size_t)m.n_scales);
	for (int64_t i = 0; i < m.n_weights; i++)
		if (!isfinite(m.w[i])) {
			axc_fail(d, "the weights \"%s\" hold a value that is not finite", axc_safe_name(d->arena, w->name));
			axc_diag_node(d, n->name, n->op_type);
			return axc_diag_hint(d, "its constant '%s' holds NaN or infinity: the training failed, or the file is damaged",
			                     axc_safe_name(d->arena, w->name));
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
