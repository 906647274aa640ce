/* Companions of the AVX2 convolution: units, scratch, weights in blocks of 16 channels and steps
 * of 2. */
#include "kernels/host/host.h"
#include "kernels/x86/conv_geometry.h"

int axk_units_conv_avx2(const void *params)
{
	axk_conv_geometry g = axk_conv_geometry_of(params, 16, 2);
	return g.images * g.bands * g.split;
}

size_t axk_scratch_conv_avx2(const void *params)
{
	axk_conv_geometry g = axk_conv_geometry_of(params, 16, 2);
	return (size_t)axk_conv_band_rows(&g, params) * g.row + AXK_SLACK;
}

size_t axk_pack_bytes_conv_avx2(const void *params)
{
	axk_conv_geometry g = axk_conv_geometry_of(params, 16, 2);
	return (size_t)g.blocks * (128 + 32 * (size_t)g.taps * g.quads);
}

void axk_pack_conv_avx2_taps(const struct axk_conv *p, const AxkPackIn *in, AxkTaps taps, void *dst)
{
	axk_conv_geometry g = axk_conv_geometry_of(p, 16, 2);
	memset(dst, 0, axk_pack_bytes_conv_avx2(p));
	for (int c = 0; c < p->oc; c++) {
		int in_group = c % g.ocg,
		    block = c / g.ocg * (g.blocks / p->groups) + in_group / 16,
		    lane = in_group % 16;
		int32_t *bias = (int32_t *)((uint8_t *)dst +
					    (size_t)block * (128 + 32 * (size_t)g.taps * g.quads));
		float *m = (float *)(bias + 16);
		int8_t *w = (int8_t *)(m + 16);
		int64_t sum = 0;
		for (int t = 0; t < p->kh * p->kw; t++) {
			const int8_t *from = (const int8_t *)in->weights + c * taps.channel +
					     t / p->kw * taps.row + t % p->kw * taps.col;
			size_t tap = g.merged ? (size_t)(t / p->kw) : (size_t)t;
			size_t at = g.merged ? (size_t)(t % p->kw) * g.icg : 0;
			for (int i = 0; i < g.icg; i++, at++) {
				w[(tap * g.quads + at / 2) * 32 + (size_t)lane * 2 + at % 2] =
					from[i];
				sum += from[i];
			}
		}
		bias[lane] = (int32_t)(in->bias[c] - p->zp_in * sum);
		m[lane] = in->m[c];
	}
}

void axk_pack_conv_avx2(const void *params, const AxkPackIn *in, void *dst)
{
	axk_pack_conv_avx2_taps(params, in, axk_taps_of(params), dst);
}
