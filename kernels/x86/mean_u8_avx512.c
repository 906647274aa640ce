/* Mean over rows on u8 with AVX-512: 64 channels at a time, 16-bit sums of up to 256 rows.
 * Unit: one block of 64 channels of one n. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/x86/u8_avx512.h"

/* Adds the sums of `rows` <= 256 rows of 64 channels; sum[v]: lane l dword j is channel 16 * l + 4
 * * v + j. */
AXK_INLINE void axk_mean_avx512_rows(const uint8_t *x, size_t ld, int rows, __m512i sum[4])
{
	const __m512i zero = _mm512_setzero_si512();
	__m512i lo = zero, hi = zero;
	for (int r = 0; r < rows; r++, x += ld) {
		__m512i v = _mm512_loadu_si512(x);
		lo = _mm512_add_epi16(lo, _mm512_unpacklo_epi8(v, zero));
		hi = _mm512_add_epi16(hi, _mm512_unpackhi_epi8(v, zero));
	}
	sum[0] = _mm512_add_epi32(sum[0], _mm512_unpacklo_epi16(lo, zero));
	sum[1] = _mm512_add_epi32(sum[1], _mm512_unpackhi_epi16(lo, zero));
	sum[2] = _mm512_add_epi32(sum[2], _mm512_unpacklo_epi16(hi, zero));
	sum[3] = _mm512_add_epi32(sum[3], _mm512_unpackhi_epi16(hi, zero));
}

AXK_FN void axk_mean_u8_avx512(const void *params, void *const *buf, void *scratch, int begin,
			       int end)
{
	const struct axk_mean *p = params;
	const int blocks = (p->c + 63) / 64;
	const __m512 m = _mm512_set1_ps(p->m), lo = _mm512_set1_ps(p->lo),
		     hi = _mm512_set1_ps(p->hi);
	const __m512i zero_sum = _mm512_set1_epi32(-p->zp_in * p->rows);
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int n = u / blocks, c = u % blocks * 64;
		const uint8_t *x = (const uint8_t *)buf[1] + (size_t)n * p->rows * p->in_ld + c;
		size_t at = (size_t)n * p->out_ld + c;
		__m512i q[4], sum[4] = {zero_sum, zero_sum, zero_sum, zero_sum};
		float value[64];
		for (int r = 0; r < p->rows; r += 256)
			axk_mean_avx512_rows(x + (size_t)r * p->in_ld, (size_t)p->in_ld,
					     p->rows - r < 256 ? p->rows - r : 256, sum);
		for (int v = 0; v < 4; v++) {
			__m512 f = _mm512_mul_ps(_mm512_cvtepi32_ps(sum[v]), m);
			q[v] = axk_clamp_round_512(f, lo, hi);
			for (int l = 0; l < 4; l++)
				_mm_storeu_ps(value + 16 * l + 4 * v,
					      l == 0   ? _mm512_castps512_ps128(f)
					      : l == 1 ? _mm512_extractf32x4_ps(f, 1)
					      : l == 2 ? _mm512_extractf32x4_ps(f, 2)
						       : _mm512_extractf32x4_ps(f, 3));
		}
		if (p->out_f32) {
			memcpy((float *)buf[0] + at, value,
			       (size_t)(p->c - c < 64 ? p->c - c : 64) * sizeof(float));
			continue;
		}
		const __m512i zp = _mm512_set1_epi16((short)p->zp);
		__m512i y =
			_mm512_packus_epi16(_mm512_add_epi16(_mm512_packs_epi32(q[0], q[1]), zp),
					    _mm512_add_epi16(_mm512_packs_epi32(q[2], q[3]), zp));
		_mm512_mask_storeu_epi8((uint8_t *)buf[0] + at, axk_mask64(p->c - c), y);
	}
}
