/* Elementwise addition on u8 with AVX2, inner strides 1 or 0. Unit: see ref/strided.h. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/ref/strided.h"
#include "kernels/x86/u8_avx2.h"

AXK_FN void axk_add_u8_avx2(const void *params, void *const *buf, void *scratch, int begin, int end)
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
			axk_put16_avx2(y + i,
				       axk_add_avx2(va, vb, p->ra, p->rb, p->fx, p->lo, p->hi),
				       n - i, lut);
		}
	}
}
