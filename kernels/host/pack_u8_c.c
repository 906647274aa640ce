/* Packing for the reference u8 kernels: bias, multipliers, weights in the order they are read. */
#include "kernels/host/host.h"

#include <string.h>

int32_t axk_folded_bias(int32_t bias, const int8_t *w, size_t k, int zp)
{
	int64_t sum = 0;
	for (size_t i = 0; i < k; i++)
		sum += w[i];
	return (int32_t)(bias - zp * sum);
}

static size_t taps_of(const struct axk_conv *p)
{
	return (size_t)p->kh * p->kw * (p->ic / p->groups);
}

static size_t blocks_of(const struct axk_conv *p)
{
	return (size_t)((p->oc / p->groups + 7) / 8) * p->groups;
}

size_t axk_pack_bytes_conv_u8_c(const void *params)
{
	const struct axk_conv *p = params;
	return blocks_of(p) * 8 * (8 + taps_of(p));
}

void axk_pack_conv_u8_c(const void *params, const AxkPackIn *in, void *dst)
{
	const struct axk_conv *p = params;
	const size_t blocks = blocks_of(p), taps = taps_of(p);
	const int ocg = p->oc / p->groups, group_blocks = (ocg + 7) / 8;
	memset(dst, 0, axk_pack_bytes_conv_u8_c(p));
	int32_t *bias = dst;
	float *m = (float *)(bias + blocks * 8);
	int8_t *w = (int8_t *)(m + blocks * 8);
	for (int c = 0; c < p->oc; c++) {
		size_t lane = (size_t)(c / ocg * group_blocks + c % ocg / 8) * 8 + c % ocg % 8;
		const int8_t *from = (const int8_t *)in->weights + (size_t)c * taps;
		bias[lane] = axk_folded_bias(in->bias[c], from, taps, p->zp_in);
		m[lane] = in->m[c];
		for (size_t k = 0; k < taps; k++)
			w[lane / 8 * 8 * taps + k * 8 + lane % 8] = from[k];
	}
}

size_t axk_pack_bytes_dense_u8_c(const void *params)
{
	const struct axk_conv *p = params;
	return (size_t)p->oc * (8 + (size_t)p->ic);
}

void axk_pack_dense_u8_c(const void *params, const AxkPackIn *in, void *dst)
{
	const struct axk_conv *p = params;
	const int8_t *from = in->weights;
	int32_t *bias = dst;
	float *m = (float *)(bias + p->oc);
	for (int c = 0; c < p->oc; c++) {
		bias[c] = axk_folded_bias(in->bias[c], from + (size_t)c * p->ic, (size_t)p->ic, p->zp_in);
		m[c] = in->m[c];
	}
	memcpy(m + p->oc, from, (size_t)p->oc * (size_t)p->ic);
}

size_t axk_pack_bytes_dwconv_u8_c(const void *params)
{
	const struct axk_conv *p = params;
	return (size_t)p->oc * (8 + (size_t)p->kh * p->kw);
}

void axk_pack_dwconv_u8_c(const void *params, const AxkPackIn *in, void *dst)
{
	const struct axk_conv *p = params;
	const size_t taps = (size_t)p->kh * p->kw;
	int32_t *bias = dst;
	float *m = (float *)(bias + p->oc);
	int8_t *w = (int8_t *)(m + p->oc);
	for (int c = 0; c < p->oc; c++) {
		const int8_t *from = (const int8_t *)in->weights + (size_t)c * taps;
		int zp = p->zp_in < 0 ? in->zp_in[c / (p->oc / p->ic)] : p->zp_in;
		bias[c] = axk_folded_bias(in->bias[c], from, taps, zp);
		m[c] = in->m[c];
		for (size_t k = 0; k < taps; k++)
			w[k * p->oc + c] = from[k];
	}
}

size_t axk_pack_bytes_convt_u8_c(const void *params)
{
	const struct axk_conv *p = params;
	return (size_t)p->oc * (8 + taps_of(p));
}

void axk_pack_convt_u8_c(const void *params, const AxkPackIn *in, void *dst)
{
	const struct axk_conv *p = params;
	int32_t *bias = dst;
	float *m = (float *)(bias + p->oc);
	memcpy(bias, in->bias, (size_t)p->oc * sizeof *bias);
	memcpy(m, in->m, (size_t)p->oc * sizeof *m);
	memcpy(m + p->oc, in->weights, (size_t)p->oc * taps_of(p));
}
