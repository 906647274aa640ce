/* Elementwise product on u8 with AVX2, inner strides 1 or 0. The differences and their product are
 * integers below 2^24, exact in float. Unit: see ref/strided.h. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/ref/strided.h"
#include "kernels/x86/u8_avx2.h"

AXK_INLINE __m256i axk_mul_avx2_8(const struct axk_binary_u8 *p, __m128i a, __m128i b)
{
	__m256 da = _mm256_sub_ps(axk_u8_to_f32_avx2(a), _mm256_set1_ps((float)p->za));
	__m256 db = _mm256_sub_ps(axk_u8_to_f32_avx2(b), _mm256_set1_ps((float)p->zb));
	__m256 t = _mm256_mul_ps(_mm256_mul_ps(da, db), _mm256_set1_ps(p->ra));
	return axk_clamp_round_avx2(_mm256_add_ps(t, _mm256_set1_ps(p->fx)), p->lo, p->hi);
}

AXK_FN void axk_mul_u8_avx2(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_binary_u8 *p = params;
	const int chunks = axk_chunks(p->dims);
	const uint8_t *lut = p->has_lut ? buf[3] : NULL;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int outer = u / chunks, chunk = u % chunks, n = axk_chunk_len(p->dims, chunk);
		uint8_t *y = (uint8_t *)buf[0] + axk_chunk_at(p->dims, p->sy, outer, chunk);
		const uint8_t *a =
			(const uint8_t *)buf[1] + axk_chunk_at(p->dims, p->sa, outer, chunk);
		const uint8_t *b =
			(const uint8_t *)buf[2] + axk_chunk_at(p->dims, p->sb, outer, chunk);
		for (int i = 0; i < n; i += 16) {
			__m128i va = p->sa[7] ? _mm_loadu_si128((const __m128i *)(a + i))
					      : _mm_set1_epi8((char)*a);
			__m128i vb = p->sb[7] ? _mm_loadu_si128((const __m128i *)(b + i))
					      : _mm_set1_epi8((char)*b);
			__m128i q = axk_pack2_avx2(
				axk_mul_avx2_8(p, va, vb),
				axk_mul_avx2_8(p, _mm_srli_si128(va, 8), _mm_srli_si128(vb, 8)));
			axk_put16_avx2(y + i, q, n - i, lut);
		}
	}
}
