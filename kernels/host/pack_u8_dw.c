/* Companions of the vector depthwise convolutions: scratch, weights interleaved in groups of four
 * taps. */
#include "kernels/host/host.h"
#include "kernels/x86/dwconv_geometry.h"

int axk_fits_dwconv_vnni(const void *params)
{
	const struct axk_conv *p = params;
	return 4 * axk_dw_geometry_of(p, 64).groups <= AXK_DW_TAPS;
}

size_t axk_scratch_dwconv_vnni(const void *params)
{
	const struct axk_conv *p = params;
	axk_dw_geometry g = axk_dw_geometry_of(p, 64);
	size_t outputs =
		p->has_lut || p->add ? (size_t)p->ow * 64 : 0; /* a row, 64 bytes per pixel */
	return (size_t)g.ring * g.row + outputs + AXK_SLACK;
}

size_t axk_pack_bytes_dwconv_vnni(const void *params)
{
	axk_dw_geometry g = axk_dw_geometry_of(params, 64);
	return 64 + (size_t)g.blocks * 256 * (size_t)(2 + g.groups);
}

/* Fills lane `at` of a block (channel `at % lanes` of it) with what belongs to output channel c. */
static void pack_lane(const struct axk_conv *p, const axk_dw_geometry *g, const AxkPackIn *in,
		      uint8_t *block, int at, int c)
{
	const size_t taps = (size_t)p->kh * p->kw;
	const int8_t *from = (const int8_t *)in->weights + (size_t)c * taps;
	int zp = p->zp_in < 0 ? in->zp_in[c / (p->oc / p->ic)] : p->zp_in;
	size_t lane =
		(size_t)(at % 16 / 4 * 16 + at / 16 * 4 + at % 4); /* where interleaving puts it */
	int32_t *bias = (int32_t *)block;
	float *m = (float *)(bias + 64);
	int8_t *w = (int8_t *)(m + 64);
	bias[lane] = axk_folded_bias(in->bias[c], from, taps, zp);
	m[lane] = in->m[c];
	for (int i = 0; i < 4 * g->groups; i++) {
		int tap = axk_dw_tap(g, p, i / 4, i % 4);
		w[((size_t)(i / 4) * 64 + lane) * 4 + i % 4] = tap < 0 ? 0 : from[tap];
	}
}

void axk_pack_dwconv_vnni(const void *params, const AxkPackIn *in, void *dst)
{
	const struct axk_conv *p = params;
	axk_dw_geometry g = axk_dw_geometry_of(p, 64);
	int32_t clamp = 0; /* |acc * m| may leave int32 */
	memset(dst, 0, axk_pack_bytes_dwconv_vnni(p));
	for (int b = 0; b < g.blocks; b++) {
		uint8_t *block = (uint8_t *)dst + 64 + (size_t)b * 256 * (size_t)(2 + g.groups);
		int lanes = axk_dw_lanes(p, b * 64);
		for (int at = 0; at < 64; at++)
			if (b * 64 + at % lanes < p->oc)
				pack_lane(p, &g, in, block, at, b * 64 + at % lanes);
	}
	for (int c = 0; c < p->oc; c++)
		clamp |= !(in->m[c] < 1.0f && in->m[c] > -1.0f);
	memcpy(dst, &clamp, sizeof clamp);
}

int axk_fits_dwconv_avx2(const void *params)
{
	const struct axk_conv *p = params;
	return 2 * axk_dw_geometry_of(p, 32).groups <= AXK_DW_TAPS;
}

size_t axk_scratch_dwconv_avx2(const void *params)
{
	axk_dw_geometry g = axk_dw_geometry_of(params, 32);
	return (size_t)g.ring * g.row + AXK_SLACK;
}

size_t axk_pack_bytes_dwconv_avx2(const void *params)
{
	axk_dw_geometry g = axk_dw_geometry_of(params, 32);
	return (size_t)g.blocks * 128 * (size_t)(2 + g.groups);
}

void axk_pack_dwconv_avx2(const void *params, const AxkPackIn *in, void *dst)
{
	const struct axk_conv *p = params;
	const size_t taps = (size_t)p->kh * p->kw;
	axk_dw_geometry g = axk_dw_geometry_of(p, 32);
	memset(dst, 0, axk_pack_bytes_dwconv_avx2(p));
	for (int c = 0; c < p->oc; c++) {
		int32_t *bias = (int32_t *)((uint8_t *)dst +
					    (size_t)(c / 32) * 128 * (size_t)(2 + g.groups));
		float *m = (float *)(bias + 32);
		int16_t *w = (int16_t *)(m + 32);
		int at = c % 32,
		    lane = at % 16 / 4 * 8 + at / 16 * 4 + at % 4; /* where interleaving puts it */
		const int8_t *from = (const int8_t *)in->weights + (size_t)c * taps;
		int zp = p->zp_in < 0 ? in->zp_in[c / (p->oc / p->ic)] : p->zp_in;
		bias[lane] = axk_folded_bias(in->bias[c], from, taps, zp);
		m[lane] = in->m[c];
		for (size_t k = 0; k < taps; k++)
			w[(k / 2 * 32 + (size_t)lane) * 2 + k % 2] = from[k];
	}
}
