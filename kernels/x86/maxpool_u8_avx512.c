/* Max pooling on u8 with AVX-512: 64 channels at a time. Unit: one output row. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/x86/u8_avx512.h"

/* Of the k taps from position `at`, those inside: [*first, *last). */
AXK_INLINE void axk_maxpool_avx512_inside(int at, int k, int dilation, int size, int *first,
					  int *last)
{
	*first = at < 0 ? (-at + dilation - 1) / dilation : 0;
	*last = at >= size ? 0 : (size - at + dilation - 1) / dilation;
	*last = *last < k ? *last : k;
}

/* One window of rows x cols taps, `down` and `right` bytes apart, over c channels. */
AXK_HOT void axk_maxpool_avx512_window(uint8_t *y, const uint8_t *x, int c, int rows, int cols,
				       size_t down, size_t right)
{
	for (; c > 0; c -= 64, x += 64, y += 64) {
		const uint8_t *row = x;
		__m512i max = _mm512_setzero_si512();
		for (int ky = 0; ky < rows; ky++, row += down) {
			const uint8_t *at = row;
			for (int kx = 0; kx < cols; kx++, at += right)
				max = _mm512_max_epu8(max, _mm512_loadu_si512(at));
		}
		if (c >= 64)
			_mm512_storeu_si512(y, max);
		else
			_mm512_mask_storeu_epi8(y, axk_mask64(c), max);
	}
}

/* 3x3, unrolled. */
AXK_HOT void axk_maxpool_avx512_3x3(uint8_t *y, const uint8_t *x, int c, size_t down, size_t right)
{
	for (; c > 0; c -= 64, x += 64, y += 64) {
		__m512i max[3];
		for (int ky = 0; ky < 3; ky++) {
			const uint8_t *at = x + (size_t)ky * down;
			max[ky] = _mm512_max_epu8(_mm512_max_epu8(_mm512_loadu_si512(at),
								  _mm512_loadu_si512(at + right)),
						  _mm512_loadu_si512(at + 2 * right));
		}
		max[0] = _mm512_max_epu8(_mm512_max_epu8(max[0], max[1]), max[2]);
		if (c >= 64)
			_mm512_storeu_si512(y, max[0]);
		else
			_mm512_mask_storeu_epi8(y, axk_mask64(c), max[0]);
	}
}

AXK_FN void axk_maxpool_u8_avx512(const void *params, void *const *buf, void *scratch, int begin,
				  int end)
{
	const struct axk_pool *p = params;
	const size_t ld = (size_t)p->in_ld, row_bytes = (size_t)p->iw * ld;
	const size_t down = (size_t)p->dh * row_bytes, right = (size_t)p->dw * ld;
	(void)scratch;
	for (int row = begin; row < end; row++) {
		const uint8_t *in =
			(const uint8_t *)buf[1] + (size_t)(row / p->oh) * p->ih * row_bytes;
		uint8_t *y = (uint8_t *)buf[0] + (size_t)row * p->ow * p->out_ld;
		int y0 = row % p->oh * p->sh - p->pt, ky0, ky1, kx0, kx1;
		axk_maxpool_avx512_inside(y0, p->kh, p->dh, p->ih, &ky0, &ky1);
		in += (ptrdiff_t)(y0 + ky0 * p->dh) * (ptrdiff_t)row_bytes;
		for (int ox = 0; ox < p->ow; ox++, y += p->out_ld) {
			int x0 = ox * p->sw - p->pl,
			    inside = x0 >= 0 && x0 + (p->kw - 1) * p->dw < p->iw;
			const uint8_t *at = in + (ptrdiff_t)x0 * p->in_ld;
			if (inside && ky1 - ky0 == 3 && p->kw == 3) {
				axk_maxpool_avx512_3x3(y, at, p->c, down, right);
			} else if (inside) {
				axk_maxpool_avx512_window(y, at, p->c, ky1 - ky0, p->kw, down,
							  right);
			} else {
				axk_maxpool_avx512_inside(x0, p->kw, p->dw, p->iw, &kx0, &kx1);
				axk_maxpool_avx512_window(y, at + (ptrdiff_t)kx0 * p->dw * p->in_ld,
							  p->c, ky1 - ky0, kx1 - kx0, down, right);
			}
		}
	}
}
