/* Max pooling on u8 with AVX2: 32 channels at a time. Unit: one output row. */
#include <immintrin.h>

#include "kernels/axk.h"

/* Of the k taps from position `at`, those inside: [*first, *last). */
AXK_INLINE void axk_maxpool_avx2_inside(int at, int k, int dilation, int size, int *first,
					int *last)
{
	*first = at < 0 ? (-at + dilation - 1) / dilation : 0;
	*last = at >= size ? 0 : (size - at + dilation - 1) / dilation;
	*last = *last < k ? *last : k;
}

AXK_INLINE void axk_maxpool_avx2_put(uint8_t *to, __m256i v, int n)
{
	uint8_t bytes[32];
	if (n >= 32) {
		_mm256_storeu_si256((__m256i *)to, v);
		return;
	}
	_mm256_storeu_si256((__m256i *)bytes, v);
	for (int i = 0; i < n; i++)
		to[i] = bytes[i];
}

AXK_FN void axk_maxpool_u8_avx2(const void *params, void *const *buf, void *scratch, int begin,
				int end)
{
	const struct axk_pool *p = params;
	const size_t row_bytes = (size_t)p->iw * p->in_ld;
	(void)scratch;
	for (int row = begin; row < end; row++) {
		const uint8_t *x =
			(const uint8_t *)buf[1] + (size_t)(row / p->oh) * p->ih * row_bytes;
		int y0 = row % p->oh * p->sh - p->pt, ky0, ky1, kx0, kx1;
		axk_maxpool_avx2_inside(y0, p->kh, p->dh, p->ih, &ky0, &ky1);
		for (int ox = 0; ox < p->ow; ox++) {
			uint8_t *y = (uint8_t *)buf[0] + ((size_t)row * p->ow + ox) * p->out_ld;
			int x0 = ox * p->sw - p->pl;
			axk_maxpool_avx2_inside(x0, p->kw, p->dw, p->iw, &kx0, &kx1);
			for (int c = 0; c < p->c; c += 32) {
				__m256i max = _mm256_setzero_si256();
				for (int ky = ky0; ky < ky1; ky++) {
					const uint8_t *at =
						x + (size_t)(y0 + ky * p->dh) * row_bytes + c;
					for (int kx = kx0; kx < kx1; kx++)
						max = _mm256_max_epu8(
							max,
							_mm256_loadu_si256(
								(const __m256i
									 *)(at +
									    (size_t)(x0 +
										     kx * p->dw) *
										    p->in_ld)));
				}
				axk_maxpool_avx2_put(y + c, max, p->c - c);
			}
		}
	}
}
