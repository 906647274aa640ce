/* u8 or int8 to float with AVX2: contiguous rows, and channel-last to channel-first in tiles of 16 x 16;
 * other strides element by element. Unit: a block of rows (ref/plan2d.h). */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/ref/plan2d.h"
#include "kernels/x86/transpose_avx2.h"

struct axk_dequantizer_avx2 {
	__m256 s;
	__m256i zp;
	__m128i flip;
};

AXK_INLINE __m256 axk_dequantize_8(const struct axk_dequantizer_avx2 *k, __m128i bytes)
{
	__m256i v = _mm256_sub_epi32(_mm256_cvtepu8_epi32(bytes), k->zp);
	return _mm256_mul_ps(_mm256_cvtepi32_ps(v), k->s);
}

/* The first n of 16. */
AXK_INLINE void axk_dequantize_16(const struct axk_dequantizer_avx2 *k, float *y, __m128i bytes, int n)
{
	float all[16];
	float *to = n == 16 ? y : all;
	bytes = _mm_xor_si128(bytes, k->flip);
	_mm256_storeu_ps(to, axk_dequantize_8(k, bytes));
	_mm256_storeu_ps(to + 8, axk_dequantize_8(k, _mm_srli_si128(bytes, 8)));
	if (n < 16)
		memcpy(y, all, (size_t)n * sizeof *y);
}

/* Output contiguous over columns (pixels), input over rows (channels). */
AXK_INLINE void axk_dequantize_transposed(const struct axk_dequantizer_avx2 *k, const struct axk_plan2d *q, float *y,
					  const uint8_t *x, int rows)
{
	for (int c = 0; c < q->n0; c += 16) {
		int n = q->n0 - c < 16 ? q->n0 - c : 16;
		for (int r = 0; r < rows; r += 16) {
			int m = rows - r < 16 ? rows - r : 16;
			__m128i t[16];
			AXK_UNROLL
			for (int i = 0; i < 16; i++)
				t[i] = i < n ? _mm_loadu_si128((const __m128i *)(const void *)(x + (ptrdiff_t)(c + i) * q->sx0 + r))
					     : _mm_setzero_si128();
			axk_transpose_16x16(t);
			for (int i = 0; i < m; i++)
				axk_dequantize_16(k, y + (ptrdiff_t)(r + i) * q->sy1 + c, t[i], n);
		}
	}
}

AXK_FN void axk_dequantize_avx2(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_quant *p = params;
	const struct axk_plan2d q = axk_plan2d_of(p->dims, p->sy, p->sx);
	const struct axk_dequantizer_avx2 k = {_mm256_set1_ps(p->s), _mm256_set1_epi32(p->zp),
					       _mm_set1_epi8((char)p->flip)};
	(void)scratch;
	for (int u = begin; u < end; u++) {
		ptrdiff_t at_y, at_x;
		int rows = axk_plan_unit(&q, u, &at_y, &at_x);
		float *y = (float *)buf[0] + at_y;
		const uint8_t *x = (const uint8_t *)buf[1] + at_x;
		if (q.sy0 == 1 && q.sx0 != 1 && q.sx1 == 1) {
			axk_dequantize_transposed(&k, &q, y, x, rows);
			continue;
		}
		for (int r = 0; r < rows; r++, y += q.sy1, x += q.sx1) {
			if (q.sy0 == 1 && q.sx0 == 1)
				for (int i = 0; i < q.n0; i += 16)
					axk_dequantize_16(&k, y + i, _mm_loadu_si128((const __m128i *)(const void *)(x + i)),
							  q.n0 - i < 16 ? q.n0 - i : 16);
			else
				for (int i = 0; i < q.n0; i++)
					y[(ptrdiff_t)i * q.sy0] = (float)((x[(ptrdiff_t)i * q.sx0] ^ p->flip) - p->zp) * p->s;
		}
	}
}
