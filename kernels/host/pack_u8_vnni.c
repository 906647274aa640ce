/* Companions of the AVX-512 VNNI convolution: units, scratch, weights in blocks of 4-byte steps. */
#include "kernels/host/host.h"
#include "kernels/x86/conv_geometry.h"

int axk_units_conv_vnni(const void *params)
{
	axk_conv_geometry g = axk_conv_geometry_of(params, 64, 1);
	return g.images * g.bands * g.split;
}

size_t axk_scratch_conv_vnni(const void *params)
{
	axk_conv_geometry g = axk_conv_geometry_of(params, 64, 1);
	return g.copy ? (size_t)axk_conv_band_rows(&g, params) * g.row + AXK_SLACK : 0;
}

static size_t vector_bytes(const axk_conv_geometry *g)
{
	return 128 + 64 * (size_t)g->taps * g->quads;
}

size_t axk_pack_bytes_conv_vnni(const void *params)
{
	const struct axk_conv *p = params;
	axk_conv_geometry g = axk_conv_geometry_of(p, 64, 1);
	return 64 + (size_t)p->groups * axk_div_up(g.ocg, 16) * vector_bytes(&g);
}

AxkTaps axk_taps_of(const struct axk_conv *p)
{
	const ptrdiff_t icg = p->ic / p->groups;
	return (AxkTaps){p->kh * p->kw * icg, p->kw * icg, icg};
}

/* Weight bytes of one output channel into its lane, `step` bytes between 4-byte steps; returns
 * their sum. */
static int64_t pack_lane(const axk_conv_geometry *g, const struct axk_conv *p, const int8_t *w,
			 AxkTaps taps, int8_t *dst, size_t step)
{
	int64_t sum = 0;
	for (int ky = 0; ky < p->kh; ky++) {
		for (int kx = 0; kx < p->kw; kx++) {
			const int8_t *from = w + ky * taps.row + kx * taps.col;
			size_t tap = g->merged ? (size_t)ky : (size_t)ky * p->kw + kx;
			size_t at = g->merged ? (size_t)kx * g->pixel : 0;
			for (int i = 0; i < g->icg; i++, at++) {
				dst[(tap * g->quads + at / 4) * step + at % 4] = from[i];
				sum += from[i];
			}
		}
	}
	return sum;
}

void axk_pack_conv_vnni_taps(const struct axk_conv *p, const AxkPackIn *in, AxkTaps taps, void *dst)
{
	axk_conv_geometry g = axk_conv_geometry_of(p, 64, 1);
	int32_t clamp = 0; /* |acc * m| may leave int32 */
	memset(dst, 0, axk_pack_bytes_conv_vnni(p));
	for (int c = 0; c < p->oc; c++) {
		int in_group = c % g.ocg, block = in_group / 64 * 64;
		int lane = in_group % 16, vector = in_group % 64 / 16;
		int vectors = g.ocg - block < 64 ? axk_div_up(g.ocg - block, 16) : 4;
		size_t before = (size_t)(c / g.ocg) * axk_div_up(g.ocg, 16) + (size_t)block / 16;
		int32_t *bias = (int32_t *)((uint8_t *)dst + 64 + before * vector_bytes(&g));
		float *m = (float *)(bias + vectors * 16);
		int8_t *w = (int8_t *)(m + vectors * 16);
		int64_t sum = pack_lane(&g, p, (const int8_t *)in->weights + c * taps.channel, taps,
					w + vector * 64 + lane * 4, (size_t)vectors * 64);
		bias[vector * 16 + lane] = (int32_t)(in->bias[c] - p->zp_in * sum);
		m[vector * 16 + lane] = in->m[c];
		clamp |= !(in->m[c] < 1.0f && in->m[c] > -1.0f);
	}
	memcpy(dst, &clamp, sizeof clamp);
}

void axk_pack_conv_vnni(const void *params, const AxkPackIn *in, void *dst)
{
	axk_pack_conv_vnni_taps(params, in, axk_taps_of(params), dst);
}
