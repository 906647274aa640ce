/* A 256-entry table applied to u8 with AVX2, inner strides 1: sixteen shuffles of 16 entries each, where
 * a byte that belongs to another sixteenth gives 0. Unit: see ref/strided.h. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/ref/strided.h"

AXK_INLINE __m256i axk_lut2_32(const __m256i *table, __m256i x)
{
	const __m256i range = _mm256_set1_epi8(0x70);
	__m256i y = _mm256_setzero_si256();
	for (int h = 0; h < 16; h++) {
		/* 0x70..0x7f where the high half of the byte is h, at least 0x80 elsewhere */
		__m256i index = _mm256_adds_epu8(_mm256_xor_si256(x, _mm256_set1_epi8((char)(h << 4))), range);
		y = _mm256_or_si256(y, _mm256_shuffle_epi8(table[h], index));
	}
	return y;
}

AXK_FN void axk_lut_u8_avx2(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_lut *p = params;
	const uint8_t *lut = buf[2];
	const int chunks = axk_chunks(p->dims);
	__m256i table[16];
	(void)scratch;
	for (int h = 0; h < 16; h++)
		table[h] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)(lut + 16 * h)));
	for (int u = begin; u < end; u++) {
		int outer = u / chunks, chunk = u % chunks, n = axk_chunk_len(p->dims, chunk), i = 0;
		uint8_t *y = (uint8_t *)buf[0] + axk_chunk_at(p->dims, p->sy, outer, chunk);
		const uint8_t *x = (const uint8_t *)buf[1] + axk_chunk_at(p->dims, p->sx, outer, chunk);
		for (; i + 32 <= n; i += 32)
			_mm256_storeu_si256((__m256i *)(void *)(y + i),
					    axk_lut2_32(table, _mm256_loadu_si256((const __m256i *)(const void *)(x + i))));
		for (; i < n; i++)
			y[i] = lut[x[i]];
	}
}
