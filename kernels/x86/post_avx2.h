/* What follows quantization in axk_conv, for AVX2: table and residual; needs u8_avx2.h. */
#ifndef AXK_X86_POST_AVX2_H
#define AXK_X86_POST_AVX2_H

#include "kernels/x86/u8_avx2.h"

/* 16 outputs; res: the 16 bytes that are added, if any are. */
AXK_INLINE __m128i axk_post_avx2(const struct axk_conv *p, __m128i q, const uint8_t *lut,
				 const uint8_t *res)
{
	if (p->has_lut)
		q = axk_lut_avx2(q, lut);
	if (p->add) {
		__m128i r = _mm_loadu_si128((const __m128i *)res);
		q = p->add == 1 ? axk_add_avx2(q, r, p->ra, p->rb, p->rfx, p->alo, p->ahi)
				: axk_add_avx2(r, q, p->ra, p->rb, p->rfx, p->alo, p->ahi);
	}
	return q;
}

#endif
