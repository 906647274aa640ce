/* Average pooling on u8 with AVX-512: 16 channels at a time, each a float sum in window order.
 * Unit: one output row. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/x86/u8_avx512.h"

/* Of the k taps from position `at`, those inside [lo, hi): [*first, *last). */
AXK_INLINE void axk_avgpool_avx512_inside(int at, int k, int dilation, int lo, int hi, int *first,
					  int *last)
{
	*first = at < lo ? (lo - at + dilation - 1) / dilation : 0;
	*first = *first < k ? *first : k;
	*last = at >= hi ? 0 : (hi - at + dilation - 1) / dilation;
	*last = *last < k ? *last : k;
	*last = *last > *first ? *last : *first;
}

/* How many taps the divisor counts along one axis. */
AXK_INLINE int axk_avgpool_avx512_count(int at, int k, int dilation, int size, int before,
					int after, int count_pad)
{
	int first, last;
	axk_avgpool_avx512_inside(at, k, dilation, count_pad ? -before : 0,
				  count_pad ? size + after : size, &first, &last);
	return last - first;
}

AXK_INLINE __m128i axk_avgpool_avx512_window(const struct axk_pool *p, const uint8_t *x, int rows,
					     int cols, float count)
{
	const __m512i zp_in = _mm512_set1_epi32(p->zp_in);
	const __m512 s_in = _mm512_set1_ps(p->s_in), s_out = _mm512_set1_ps(p->s_out);
	const __m512 zp_out = _mm512_set1_ps((float)p->zp_out);
	__m512 sum = _mm512_setzero_ps();
	for (int ky = 0; ky < rows; ky++, x += (size_t)p->dh * p->iw * p->in_ld) {
		for (int kx = 0; kx < cols; kx++) {
			const uint8_t *at = x + (size_t)kx * p->dw * p->in_ld;
			__m512i v = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)at));
			sum = _mm512_add_ps(
				sum, _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(v, zp_in)),
						   s_in));
		}
	}
	if (count > 0.0f)
		sum = _mm512_div_ps(_mm512_div_ps(sum, _mm512_set1_ps(count)), s_out);
	__m512 q = _mm512_add_ps(sum, zp_out);
	return _mm512_cvtepi32_epi8(
		axk_clamp_round_512(q, _mm512_setzero_ps(), _mm512_set1_ps(255.0f)));
}

AXK_FN void axk_avgpool_u8_avx512(const void *params, void *const *buf, void *scratch, int begin,
				  int end)
{
	const struct axk_pool *p = params;
	(void)scratch;
	for (int row = begin; row < end; row++) {
		const uint8_t *x =
			(const uint8_t *)buf[1] + (size_t)(row / p->oh) * p->ih * p->iw * p->in_ld;
		int y0 = row % p->oh * p->sh - p->pt, ky0, ky1, kx0, kx1;
		int rows = axk_avgpool_avx512_count(y0, p->kh, p->dh, p->ih, p->pt, p->pb,
						    p->count_pad);
		axk_avgpool_avx512_inside(y0, p->kh, p->dh, 0, p->ih, &ky0, &ky1);
		for (int ox = 0; ox < p->ow; ox++) {
			uint8_t *y = (uint8_t *)buf[0] + ((size_t)row * p->ow + ox) * p->out_ld;
			int x0 = ox * p->sw - p->pl;
			int cols = axk_avgpool_avx512_count(x0, p->kw, p->dw, p->iw, p->pl, p->pr,
							    p->count_pad);
			axk_avgpool_avx512_inside(x0, p->kw, p->dw, 0, p->iw, &kx0, &kx1);
			const uint8_t *at = x;
			if (ky1 > ky0 && kx1 > kx0)
				at += ((size_t)(y0 + ky0 * p->dh) * p->iw +
				       (size_t)(x0 + kx0 * p->dw)) *
				      p->in_ld;
			for (int c = 0; c < p->c; c += 16)
				_mm_mask_storeu_epi8(
					y + c, axk_mask16(p->c - c),
					axk_avgpool_avx512_window(p, at + c, ky1 - ky0, kx1 - kx0,
								  (float)(rows * cols)));
		}
	}
}
