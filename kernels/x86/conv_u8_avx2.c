/* Convolution u8 x s8 with AVX2. vpmaddubsw saturates, so this works on 16-bit integers, exactly:
 * the input of a band is widened into scratch (and padded), weights are widened as they are loaded;
 * a step multiplies 2 elements of up to 6 pixels, broadcast, with 2 of each of 16 channels. Unit: a
 * band of pixels (conv_geometry.h), of one block of 16 channels where bands are few. Packed, per
 * block of 16 channels: int32 bias[16] (zero point folded in), float m[16], int8
 * w[tap][quad][16][2]. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/x86/conv_geometry.h"
#include "kernels/x86/post_avx2.h"
#include "kernels/x86/u8_avx2.h"

enum { AXK_CV2_PIXELS = 6 };

/* What stays the same over the tiles of one band and block. */
typedef struct axk_conv_avx2 {
	const struct axk_conv *p;
	const axk_conv_geometry *g;
	const int32_t *bias;
	const float *m;
	const int8_t *w;
	int n;        /* channels */
	uint8_t *out; /* of the first channel; at pixel 0 of the image */
	const uint8_t *res, *lut;
} axk_conv_avx2;

AXK_INLINE __m256i axk_cv2_bcast(const uint8_t *x)
{
	int32_t v;
	memcpy(&v, x, 4);
	return _mm256_set1_epi32(v);
}

AXK_INLINE __m256 axk_cv2_scaled(const int32_t *acc, const float *m)
{
	return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)acc)),
			     _mm256_loadu_ps(m));
}

AXK_INLINE void axk_cv2_floats(const axk_conv_avx2 *t, const int32_t *acc, size_t pixel, int pixels)
{
	float *out = (float *)t->out + pixel * t->p->out_ld;
	for (int i = 0; i < pixels; i++, acc += 16, out += t->p->out_ld) {
		float y[16];
		_mm256_storeu_ps(y, axk_cv2_scaled(acc, t->m));
		_mm256_storeu_ps(y + 8, axk_cv2_scaled(acc + 8, t->m + 8));
		memcpy(out, y, (size_t)t->n * sizeof *out);
	}
}

/* acc: 16 per pixel. */
AXK_INLINE void axk_cv2_store(const axk_conv_avx2 *t, const int32_t *acc, size_t pixel, int pixels)
{
	const struct axk_conv *p = t->p;
	const __m128i zp = _mm_set1_epi8((char)(int)p->zp);
	uint8_t *out = t->out + pixel * p->out_ld;
	if (p->out_f32) {
		axk_cv2_floats(t, acc, pixel, pixels);
		return;
	}
	for (int i = 0; i < pixels; i++, acc += 16, out += p->out_ld) {
		/* between lo and hi, so that adding zp in bytes cannot wrap out of 0..255 */
		__m256i a = axk_clamp_round_avx2(axk_cv2_scaled(acc, t->m), p->lo, p->hi);
		__m256i b = axk_clamp_round_avx2(axk_cv2_scaled(acc + 8, t->m + 8), p->lo, p->hi);
		a = _mm256_and_si256(a, _mm256_set1_epi32(255));
		b = _mm256_and_si256(b, _mm256_set1_epi32(255));
		__m128i q = _mm_add_epi8(axk_pack2_avx2(a, b), zp);
		q = axk_post_avx2(p, q, t->lut,
				  t->res ? t->res + (pixel + (size_t)i) * p->res_ld : NULL);
		axk_put16_avx2(out, q, t->n, NULL);
	}
}

#define AXK_CV2_R1(M) M(0)
#define AXK_CV2_R2(M) M(0) M(1)
#define AXK_CV2_R6(M) M(0) M(1) M(2) M(3) M(4) M(5)
#define AXK_CV2_POINTER(i) const uint8_t *x##i = x[i];
#define AXK_CV2_INIT(i) __m256i c##i##0 = b0, c##i##1 = b1;
#define AXK_CV2_STEP(i)                                                                            \
	{                                                                                          \
		const __m256i a = axk_cv2_bcast(x##i + off);                                       \
		c##i##0 = _mm256_add_epi32(c##i##0, _mm256_madd_epi16(a, w0));                     \
		c##i##1 = _mm256_add_epi32(c##i##1, _mm256_madd_epi16(a, w1));                     \
	}
#define AXK_CV2_SAVE(i)                                                                            \
	_mm256_storeu_si256((__m256i *)(acc + 16 * (i)), c##i##0);                                 \
	_mm256_storeu_si256((__m256i *)(acc + 16 * (i) + 8), c##i##1);
#define AXK_CV2_TILE(np)                                                                           \
	static __attribute__((noinline, unused)) void axk_conv_avx2_##np(                          \
		const axk_conv_avx2 *t, const uint8_t *const *x, size_t pixel)                     \
	{                                                                                          \
		AXK_CV2_R##np(AXK_CV2_POINTER) const __m256i b0 =                                  \
			_mm256_loadu_si256((const __m256i *)t->bias);                              \
		const __m256i b1 = _mm256_loadu_si256((const __m256i *)(t->bias + 8));             \
		AXK_CV2_R##np(AXK_CV2_INIT) const int8_t *w = t->w;                                \
		int32_t acc[16 * np];                                                              \
		for (int tap = 0, kx = 0, ky = 0; tap < t->g->taps; tap++) {                       \
			size_t off = (size_t)ky * t->g->tap_down + (size_t)kx * t->g->tap_right;   \
			const size_t end = off + 4 * (size_t)t->g->quads;                          \
			kx = kx + 1 < t->g->tap_cols ? kx + 1 : 0;                                 \
			ky += kx == 0;                                                             \
			for (; off < end; off += 4, w += 32) {                                     \
				const __m256i w0 =                                                 \
					_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)w)); \
				const __m256i w1 = _mm256_cvtepi8_epi16(                           \
					_mm_loadu_si128((const __m128i *)(w + 16)));               \
				AXK_CV2_R##np(AXK_CV2_STEP)                                        \
			}                                                                          \
		}                                                                                  \
		AXK_CV2_R##np(AXK_CV2_SAVE) axk_cv2_store(t, acc, pixel, np);                      \
	}

AXK_CV2_TILE(6)
AXK_CV2_TILE(2)
AXK_CV2_TILE(1)

/* n bytes to n 16-bit integers; writes up to 15 more. Returns behind the n. */
AXK_INLINE uint8_t *axk_cv2_widen(uint8_t *to, const uint8_t *from, size_t n)
{
	for (size_t i = 0; i < n; i += 16)
		_mm256_storeu_si256((__m256i *)(to + 2 * i), _mm256_cvtepu8_epi16(_mm_loadu_si128(
								     (const __m128i *)(from + i))));
	return to + 2 * n;
}

AXK_INLINE uint8_t *axk_cv2_pad(uint8_t *to, int zp, size_t n)
{
	const __m256i v = _mm256_set1_epi16((short)zp);
	for (size_t i = 0; i < n; i += 16)
		_mm256_storeu_si256((__m256i *)(to + 2 * i), v);
	return to + 2 * n;
}

/* Rows of `cols` columns from row iy and column ix of the image (which has iw columns) on. */
AXK_INLINE void axk_cv2_copy(const axk_conv_geometry *g, const struct axk_conv *p,
			     const uint8_t *in, int ih, int iw, int rows, int iy, int ix,
			     uint8_t *to)
{
	const size_t ic = (size_t)p->ic, ld = (size_t)p->in_ld;
	const int left = ix < 0 ? -ix < g->cols ? -ix : g->cols : 0, first = ix < 0 ? 0 : ix;
	int count = iw - first < g->cols - left ? iw - first : g->cols - left;
	count = count < 0 ? 0 : count;
	for (; rows > 0; rows--, iy++) {
		uint8_t *at = to;
		to += g->row;
		if (iy >= 0 && iy < ih) {
			const uint8_t *from = in + ((size_t)iy * iw + first) * ld;
			at = axk_cv2_pad(at, p->zp_in, (size_t)left * ic);
			if (ld == ic)
				at = axk_cv2_widen(at, from, (size_t)count * ic);
			else
				for (int c = 0; c < count; c++, from += ld)
					at = axk_cv2_widen(at, from, ic);
		}
		axk_cv2_pad(at, p->zp_in, (size_t)(to - at) / 2);
	}
}

/* The pixels [first, last) of an image, x at the window of `first`; rows wrap at ow. */
AXK_INLINE void axk_cv2_band(const axk_conv_avx2 *t, const uint8_t *x, size_t first, size_t last)
{
	const axk_conv_geometry *g = t->g;
	const size_t right = (size_t)t->p->sw * g->pixel;
	const size_t down = (size_t)t->p->sh * g->row - right * (size_t)g->ow;
	int col = 0, n;
	for (size_t pixel = first; pixel < last; pixel += (size_t)n) {
		const uint8_t *at[AXK_CV2_PIXELS];
		n = last - pixel >= 6 ? 6 : last - pixel >= 2 ? 2 : 1;
		for (int i = 0; i < n; i++) {
			at[i] = x;
			x += right;
			if (++col == g->ow) {
				col = 0;
				x += down;
			}
		}
		if (n == 6)
			axk_conv_avx2_6(t, at, pixel);
		else if (n == 2)
			axk_conv_avx2_2(t, at, pixel);
		else
			axk_conv_avx2_1(t, at, pixel);
	}
}

/* One block of channels of one band; x: the window of the band's first pixel, channel 0. */
AXK_INLINE void axk_cv2_block(axk_conv_avx2 *t, void *const *buf, const uint8_t *x, int image,
			      int band, int block)
{
	const struct axk_conv *p = t->p;
	const axk_conv_geometry *g = t->g;
	const int blocks = g->blocks / p->groups, group = block / blocks, c0 = block % blocks * 16;
	const size_t channel = (size_t)group * g->ocg + c0, pixels = (size_t)g->oh * g->ow;
	const size_t first = (size_t)band * g->band, last = first + g->band;
	t->n = g->ocg - c0 < 16 ? g->ocg - c0 : 16;
	t->bias = (const int32_t *)((const uint8_t *)buf[2] +
				    (size_t)block * (128 + 32 * (size_t)g->taps * g->quads));
	t->m = (const float *)(t->bias + 16);
	t->w = (const int8_t *)(t->m + 16);
	t->out = (uint8_t *)buf[0] +
		 (pixels * image * p->out_ld + channel) * (p->out_f32 ? sizeof(float) : 1);
	t->res = p->add ? (const uint8_t *)buf[4] + pixels * image * p->res_ld + channel : NULL;
	axk_cv2_band(t, x + 2 * (size_t)group * g->icg, first, last < pixels ? last : pixels);
}

AXK_FN void axk_conv_u8_avx2(const void *params, void *const *buf, void *scratch, int begin,
			     int end)
{
	const struct axk_conv *p = params;
	const axk_conv_geometry g = axk_conv_geometry_of(p, 16, 2);
	axk_conv_avx2 t = {p, &g, NULL, NULL, NULL, 0, NULL, NULL, buf[3]};
	for (int u = begin, held = -1; u < end; u++) {
		int at = u / g.split, image = at / g.bands, band = at % g.bands;
		if (at != held && g.long_row) {
			axk_cv2_copy(&g, p, buf[1], 1, g.ow, 1, 0, band * g.band, scratch);
		} else if (at != held) {
			const uint8_t *in =
				(const uint8_t *)buf[1] + (size_t)image * p->ih * p->iw * p->in_ld;
			axk_cv2_copy(&g, p, in, p->ih, p->iw, axk_conv_band_rows(&g, p),
				     band * g.band / g.ow * p->sh - p->pt, -p->pl, scratch);
		}
		held = at;
		for (int block = g.split > 1 ? u % g.split : 0, i = 0; i < g.blocks / g.split;
		     i++, block++)
			axk_cv2_block(&t, buf, scratch, image, band, block);
	}
}
