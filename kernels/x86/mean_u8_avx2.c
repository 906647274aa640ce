/* Mean over rows on u8 with AVX2: 16 channels at a time, 16-bit sums of up to 256 rows.
 * Unit: one block of 64 channels of one n. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/ref/round.h"

/* Exact sums of 16 channels. */
AXK_INLINE void axk_mean_avx2_sum(const uint8_t *x, size_t ld, int rows, int32_t sum[16])
{
	__m256i lo = _mm256_setzero_si256(), hi = lo;
	for (int r = 0; r < rows;) {
		__m256i part = _mm256_setzero_si256();
		for (int last = rows - r < 256 ? rows : r + 256; r < last; r++, x += ld)
			part = _mm256_add_epi16(
				part, _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)x)));
		lo = _mm256_add_epi32(lo, _mm256_cvtepu16_epi32(_mm256_castsi256_si128(part)));
		hi = _mm256_add_epi32(hi, _mm256_cvtepu16_epi32(_mm256_extracti128_si256(part, 1)));
	}
	_mm256_storeu_si256((__m256i *)sum, lo);
	_mm256_storeu_si256((__m256i *)(sum + 8), hi);
}

AXK_FN void axk_mean_u8_avx2(const void *params, void *const *buf, void *scratch, int begin,
			     int end)
{
	const struct axk_mean *p = params;
	const int blocks = (p->c + 63) / 64;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int n = u / blocks, c0 = u % blocks * 64, c1 = c0 + 64 < p->c ? c0 + 64 : p->c;
		const uint8_t *x = (const uint8_t *)buf[1] + (size_t)n * p->rows * p->in_ld;
		for (int c = c0; c < c1; c += 16) {
			int32_t sum[16];
			axk_mean_avx2_sum(x + c, (size_t)p->in_ld, p->rows, sum);
			for (int i = 0; i < 16 && c + i < c1; i++) {
				size_t at = (size_t)n * p->out_ld + c + i;
				float v = (float)(sum[i] - p->zp_in * p->rows) * p->m;
				if (p->out_f32)
					((float *)buf[0])[at] = v;
				else
					((uint8_t *)buf[0])[at] =
						(uint8_t)(int)(axk_rintf(axk_clampf(v, p->lo,
										    p->hi)) +
							       p->zp);
			}
		}
	}
}
