/* float to u8 or int8 with AVX2: contiguous rows, and channel-first to channel-last in tiles of 16 pixels;
 * other strides element by element. Unit: a block of rows (ref/plan2d.h). The input may be the caller's: nothing
 * behind its end is read. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/ref/plan2d.h"
#include "kernels/x86/transpose_avx2.h"

struct axk_quantizer_avx2 {
	__m256 s, lo, hi;
	__m256i zp;
	__m128i flip;
};

AXK_INLINE __m256i axk_quantize_8(const struct axk_quantizer_avx2 *k, __m256 x)
{
	__m256 v = _mm256_div_ps(x, k->s);
	v = _mm256_min_ps(_mm256_max_ps(v, k->lo), k->hi); /* NaN: lo */
	return _mm256_add_epi32(_mm256_cvtps_epi32(v), k->zp);
}

/* The first n (1..16) of 16 floats; what lies behind them is not read. */
AXK_INLINE __m128i axk_quantize_16(const struct axk_quantizer_avx2 *k, const float *x, int n)
{
	const __m256i first = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), left = _mm256_set1_epi32(n);
	__m256 a, b;
	if (n == 16) {
		a = _mm256_loadu_ps(x);
		b = _mm256_loadu_ps(x + 8);
	} else {
		a = _mm256_maskload_ps(x, _mm256_cmpgt_epi32(left, first));
		b = _mm256_maskload_ps(x + 8, _mm256_cmpgt_epi32(left, _mm256_add_epi32(first, _mm256_set1_epi32(8))));
	}
	__m256i words = _mm256_packs_epi32(axk_quantize_8(k, a), axk_quantize_8(k, b));
	words = _mm256_permute4x64_epi64(words, 0xd8);
	__m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
	return _mm_xor_si128(bytes, k->flip);
}

/* 16 pixels of 3 channels interleaved without gaps: 48 bytes. */
AXK_INLINE void axk_put_rgb(uint8_t *y, __m128i r, __m128i g, __m128i b)
{
	const __m128i squeeze = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
	__m128i lo = _mm_unpacklo_epi8(r, g), hi = _mm_unpackhi_epi8(r, g);
	__m128i blo = _mm_unpacklo_epi8(b, b), bhi = _mm_unpackhi_epi8(b, b);
	__m128i p0 = _mm_shuffle_epi8(_mm_unpacklo_epi16(lo, blo), squeeze);
	__m128i p1 = _mm_shuffle_epi8(_mm_unpackhi_epi16(lo, blo), squeeze);
	__m128i p2 = _mm_shuffle_epi8(_mm_unpacklo_epi16(hi, bhi), squeeze);
	__m128i p3 = _mm_shuffle_epi8(_mm_unpackhi_epi16(hi, bhi), squeeze);
	_mm_storeu_si128((__m128i *)(void *)y, _mm_or_si128(p0, _mm_slli_si128(p1, 12)));
	_mm_storeu_si128((__m128i *)(void *)(y + 16), _mm_or_si128(_mm_srli_si128(p1, 4), _mm_slli_si128(p2, 8)));
	_mm_storeu_si128((__m128i *)(void *)(y + 32), _mm_or_si128(_mm_srli_si128(p2, 8), _mm_slli_si128(p3, 4)));
}

/* Pictures: 3 planes into pixels of 3 bytes. */
AXK_INLINE void axk_quantize_rgb(const struct axk_quantizer_avx2 *k, ptrdiff_t plane, uint8_t *y, const float *x,
				 int rows)
{
	for (int r = 0; r < rows; r += 16, x += 16, y += 48) {
		uint8_t all[48];
		int n = rows - r < 16 ? rows - r : 16;
		axk_put_rgb(n == 16 ? y : all, axk_quantize_16(k, x, n), axk_quantize_16(k, x + plane, n),
			    axk_quantize_16(k, x + 2 * plane, n));
		if (n < 16)
			memcpy(y, all, (size_t)n * 3);
	}
}

/* Output contiguous over columns (channels), input over rows (pixels). */
AXK_INLINE void axk_quantize_transposed(const struct axk_quantizer_avx2 *k, const struct axk_plan2d *q, uint8_t *y,
					const float *x, int rows)
{
	for (int r = 0; r < rows; r += 16) {
		int n = rows - r < 16 ? rows - r : 16;
		for (int c = 0; c < q->n0; c += 16) {
			int m = q->n0 - c < 16 ? q->n0 - c : 16;
			uint8_t *to = y + (ptrdiff_t)r * q->sy1 + c;
			__m128i t[16];
			AXK_UNROLL
			for (int i = 0; i < 16; i++)
				t[i] = i < m ? axk_quantize_16(k, x + (ptrdiff_t)(c + i) * q->sx0 + r, n) : _mm_setzero_si128();
			axk_transpose_16x16(t);
			for (int i = 0; i < n; i++)
				axk_put_bytes(to + (ptrdiff_t)i * q->sy1, t[i], m);
		}
	}
}

AXK_INLINE void axk_quantize_element(const struct axk_quant *p, uint8_t *y, float x)
{
	float lo = (float)-p->zp, hi = (float)(255 - p->zp), v = x / p->s;
	v = v > lo ? v : lo;
	v = v < hi ? v : hi;
	*y = (uint8_t)((_mm_cvtss_si32(_mm_set_ss(v)) + p->zp) ^ p->flip);
}

AXK_FN void axk_quantize_avx2(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_quant *p = params;
	const struct axk_plan2d q = axk_plan2d_of(p->dims, p->sy, p->sx);
	const struct axk_quantizer_avx2 k = {_mm256_set1_ps(p->s), _mm256_set1_ps((float)-p->zp),
					     _mm256_set1_ps((float)(255 - p->zp)), _mm256_set1_epi32(p->zp),
					     _mm_set1_epi8((char)p->flip)};
	(void)scratch;
	for (int u = begin; u < end; u++) {
		ptrdiff_t at_y, at_x;
		int rows = axk_plan_unit(&q, u, &at_y, &at_x);
		uint8_t *y = (uint8_t *)buf[0] + at_y;
		const float *x = (const float *)buf[1] + at_x;
		if (q.sy0 == 1 && q.sx1 == 1 && q.n0 == 3 && q.sy1 == 3) {
			axk_quantize_rgb(&k, q.sx0, y, x, rows);
			continue;
		}
		if (q.sy0 == 1 && q.sx0 != 1 && q.sx1 == 1) {
			axk_quantize_transposed(&k, &q, y, x, rows);
			continue;
		}
		for (int r = 0; r < rows; r++, y += q.sy1, x += q.sx1) {
			if (q.sy0 == 1 && q.sx0 == 1)
				for (int i = 0; i < q.n0; i += 16) {
					int n = q.n0 - i < 16 ? q.n0 - i : 16;
					axk_put_bytes(y + i, axk_quantize_16(&k, x + i, n), n);
				}
			else
				for (int i = 0; i < q.n0; i++)
					axk_quantize_element(p, y + (ptrdiff_t)i * q.sy0, x[(ptrdiff_t)i * q.sx0]);
		}
	}
}
