/* Elementwise product on u8 with AVX-512, inner strides 1 or 0. The differences and their product
 * are integers below 2^24, exact in float. Unit: see ref/strided.h. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/ref/strided.h"
#include "kernels/x86/u8_avx512.h"

AXK_INLINE __m512i axk_mul_avx512_64(const struct axk_binary_u8 *p, __m512i a, __m512i b)
{
	const __m512 za = _mm512_set1_ps((float)p->za), zb = _mm512_set1_ps((float)p->zb);
	const __m512 m = _mm512_set1_ps(p->ra), fx = _mm512_set1_ps(p->fx);
	const __m512 lo = _mm512_set1_ps(p->lo), hi = _mm512_set1_ps(p->hi);
#define AXK_MUL_PART(part)                                                                         \
	axk_clamp_round_512(                                                                       \
		_mm512_add_ps(                                                                     \
			_mm512_mul_ps(                                                             \
				_mm512_mul_ps(_mm512_sub_ps(AXK_U8_TO_F32_512(a, part), za),       \
					      _mm512_sub_ps(AXK_U8_TO_F32_512(b, part), zb)),      \
				m),                                                                \
			fx),                                                                       \
		lo, hi)
	return axk_pack4_512(AXK_MUL_PART(0), AXK_MUL_PART(1), AXK_MUL_PART(2), AXK_MUL_PART(3),
			     _mm512_setzero_si512());
#undef AXK_MUL_PART
}

AXK_FN void axk_mul_u8_avx512(const void *params, void *const *buf, void *scratch, int begin,
			      int end)
{
	const struct axk_binary_u8 *p = params;
	const int chunks = axk_chunks(p->dims);
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int outer = u / chunks, chunk = u % chunks, n = axk_chunk_len(p->dims, chunk);
		uint8_t *y = (uint8_t *)buf[0] + axk_chunk_at(p->dims, p->sy, outer, chunk);
		const uint8_t *a =
			(const uint8_t *)buf[1] + axk_chunk_at(p->dims, p->sa, outer, chunk);
		const uint8_t *b =
			(const uint8_t *)buf[2] + axk_chunk_at(p->dims, p->sb, outer, chunk);
		for (int i = 0; i < n; i += 64) {
			__m512i va =
				p->sa[7] ? _mm512_loadu_si512(a + i) : _mm512_set1_epi8((char)*a);
			__m512i vb =
				p->sb[7] ? _mm512_loadu_si512(b + i) : _mm512_set1_epi8((char)*b);
			__m512i q = axk_mul_avx512_64(p, va, vb);
			if (p->has_lut)
				q = axk_lut_512(q, buf[3]);
			_mm512_mask_storeu_epi8(y + i, axk_mask64(n - i), q);
		}
	}
}
