/* The epilogue of axk_conv with every feature, for AVX-512; needs u8_avx512.h. */
#ifndef AXK_X86_EPILOGUE_AVX512_H
#define AXK_X86_EPILOGUE_AVX512_H

#include "kernels/x86/u8_avx512.h"

/* The whole epilogue for n <= 64 channels of one pixel, every feature: acc and m hold 64 elements
 * of which those behind n may be anything. */
static __attribute__((noinline, unused)) void axk_epilogue_512(const struct axk_conv *p,
							       const int32_t *acc, const float *m,
							       int n, void *out, const uint8_t *lut,
							       const uint8_t *res)
{
	const __m512 lo = _mm512_set1_ps(p->lo), hi = _mm512_set1_ps(p->hi);
	__m512i q[4];
	for (int v = 0; v < 4; v++) {
		__mmask16 mask = axk_mask16(n - 16 * v);
		__m512 s = _mm512_mul_ps(
			_mm512_cvtepi32_ps(_mm512_maskz_loadu_epi32(mask, acc + 16 * v)),
			_mm512_maskz_loadu_ps(mask, m + 16 * v));
		if (p->out_f32)
			_mm512_mask_storeu_ps((float *)out + 16 * v, mask, s);
		q[v] = axk_clamp_round_512(s, lo, hi);
	}
	if (p->out_f32)
		return;
	__m512i y = axk_pack4_512(q[0], q[1], q[2], q[3], _mm512_set1_epi16((short)p->zp));
	if (p->has_lut)
		y = axk_lut_512(y, lut);
	if (p->add) {
		__m512i r = _mm512_maskz_loadu_epi8(axk_mask64(n), res);
		y = p->add == 1 ? axk_add_512(y, r, p->ra, p->rb, p->rfx, p->alo, p->ahi)
				: axk_add_512(r, y, p->ra, p->rb, p->rfx, p->alo, p->ahi);
	}
	_mm512_mask_storeu_epi8(out, axk_mask64(n), y);
}

#endif
