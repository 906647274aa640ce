/* Bilinear resize on u8 NHWC with AVX-512: 16 channels at a time. Unit: one output row. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/x86/u8_avx512.h"

/* The corners of one output pixel and their weights. */
typedef struct axk_resize_avx512_corners {
	const uint8_t *x11, *x21, *x12, *x22;
	float w11, w21, w12, w22;
} axk_resize_avx512_corners;

AXK_INLINE __m512 axk_resize_avx512_term(const struct axk_resize_u8 *p, const uint8_t *x, float w)
{
	__m512i v = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)x));
	__m512 f = _mm512_cvtepi32_ps(_mm512_sub_epi32(v, _mm512_set1_epi32(p->zp_in)));
	return _mm512_mul_ps(_mm512_set1_ps(w), _mm512_mul_ps(f, _mm512_set1_ps(p->s_in)));
}

AXK_INLINE void axk_resize_avx512_pixel(const struct axk_resize_u8 *p, uint8_t *y,
					const axk_resize_avx512_corners *k)
{
	const __m512 lo = _mm512_set1_ps(-(float)p->zp_out),
		     hi = _mm512_set1_ps(255.0f - (float)p->zp_out);
	const __m512 s_out = _mm512_set1_ps(p->s_out);
	const __m512i zp = _mm512_set1_epi32(p->zp_out);
	for (int c = 0; c < p->c; c += 16) {
		__m512 v = _mm512_add_ps(axk_resize_avx512_term(p, k->x11 + c, k->w11),
					 axk_resize_avx512_term(p, k->x21 + c, k->w21));
		v = _mm512_add_ps(v, axk_resize_avx512_term(p, k->x12 + c, k->w12));
		v = _mm512_add_ps(v, axk_resize_avx512_term(p, k->x22 + c, k->w22));
		__m512i q =
			_mm512_add_epi32(axk_clamp_round_512(_mm512_div_ps(v, s_out), lo, hi), zp);
		_mm_mask_storeu_epi8(y + c, axk_mask16(p->c - c), _mm512_cvtepi32_epi8(q));
	}
}

AXK_FN void axk_resize_linear_u8_avx512(const void *params, void *const *buf, void *scratch,
					int begin, int end)
{
	const struct axk_resize_u8 *p = params;
	const int32_t *y0 = buf[2], *y1 = y0 + p->oh, *x0 = y1 + p->oh, *x1 = x0 + p->ow;
	const float *dy1 = buf[3], *dy2 = dy1 + p->oh, *dx1 = dy2 + p->oh, *dx2 = dx1 + p->ow;
	(void)scratch;
	for (int row = begin; row < end; row++) {
		int oy = row % p->oh;
		const uint8_t *x =
			(const uint8_t *)buf[1] + (size_t)(row / p->oh) * p->ih * p->iw * p->in_ld;
		const uint8_t *top = x + (size_t)y0[oy] * p->iw * p->in_ld;
		const uint8_t *bottom = x + (size_t)y1[oy] * p->iw * p->in_ld;
		for (int ox = 0; ox < p->ow; ox++) {
			size_t left = (size_t)x0[ox] * p->in_ld, right = (size_t)x1[ox] * p->in_ld;
			axk_resize_avx512_corners k = {top + left,        top + right,
						       bottom + left,     bottom + right,
						       dx2[ox] * dy2[oy], dx1[ox] * dy2[oy],
						       dx2[ox] * dy1[oy], dx1[ox] * dy1[oy]};
			axk_resize_avx512_pixel(
				p, (uint8_t *)buf[0] + ((size_t)row * p->ow + ox) * p->out_ld, &k);
		}
	}
}
