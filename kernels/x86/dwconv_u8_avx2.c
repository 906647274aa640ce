/* Depthwise convolution u8 x s8 with AVX2: two taps of 32 channels are interleaved to pairs of
 * 16-bit integers and multiplied exactly; packing the results back to bytes undoes the order that
 * interleaving leaves. Unit: one output row.
 * Packed, per block of 32 lanes in the order of interleaving: int32 bias[32] (zero point folded
 * in), float m[32], int16 w[pair of taps][32][2]. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/x86/dwconv_geometry.h"
#include "kernels/x86/post_avx2.h"
#include "kernels/x86/u8_avx2.h"

/* What stays the same over the rows of one block of channels. */
typedef struct axk_dw2 {
	const struct axk_conv *p;
	const axk_dw_geometry *g;
	int c0, n; /* first channel, channels */
	const int32_t *bias;
	const float *m;
	const int8_t *w;
	uint8_t *out; /* of the first channel; at pixel 0 */
	const uint8_t *res, *lut;
} axk_dw2;

AXK_INLINE __m256i axk_dw2_load(const void *from)
{
	return _mm256_loadu_si256((const __m256i *)from);
}

/* 32 float outputs. */
static __attribute__((noinline, unused)) void
axk_dw2_floats(const axk_dw2 *t, __m256i v0, __m256i v1, __m256i v2, __m256i v3, size_t pixel)
{
	int32_t acc[32];
	float *out = (float *)t->out + pixel * t->p->out_ld;
	_mm256_storeu_si256((__m256i *)acc, v0);
	_mm256_storeu_si256((__m256i *)(acc + 8), v1);
	_mm256_storeu_si256((__m256i *)(acc + 16), v2);
	_mm256_storeu_si256((__m256i *)(acc + 24), v3);
	for (int c = 0; c < t->n; c++) {
		int lane = c % 16 / 4 * 8 + c / 16 * 4 + c % 4;
		out[c] = (float)acc[lane] * t->m[lane];
	}
}

/* Table and residual. The residual of a remainder may lie at the end of its buffer. */
static __attribute__((noinline, unused)) __m256i axk_dw2_post(const axk_dw2 *t, __m256i q,
							      size_t pixel)
{
	const uint8_t *res = t->res ? t->res + pixel * t->p->res_ld : NULL;
	__m128i l = axk_post_avx2(t->p, _mm256_castsi256_si128(q), t->lut, res);
	__m128i h =
		axk_post_avx2(t->p, _mm256_extracti128_si256(q, 1), t->lut, res ? res + 16 : NULL);
	return _mm256_inserti128_si256(_mm256_castsi128_si256(l), h, 1);
}

#define AXK_DW2_HOT static inline __attribute__((always_inline, unused))

AXK_DW2_HOT __m256i axk_dw2_quantize(__m256i acc, const float *m, __m256 lo, __m256 hi)
{
	__m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(acc), _mm256_loadu_ps(m));
	return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(v, lo), hi));
}

/* The first n <= 32 bytes. */
AXK_DW2_HOT void axk_dw2_put(uint8_t *to, __m256i v, int n)
{
	__m128i part = _mm256_castsi256_si128(v);
	if (n == 32) {
		_mm256_storeu_si256((__m256i *)to, v);
		return;
	}
	if (n & 16) {
		_mm_storeu_si128((__m128i *)to, part);
		part = _mm256_extracti128_si256(v, 1);
		to += 16;
	}
	if (n & 8) {
		_mm_storel_epi64((__m128i *)to, part);
		part = _mm_srli_si128(part, 8);
		to += 8;
	}
	for (uint64_t rest = (uint64_t)_mm_cvtsi128_si64(part); n & 7; n--, rest >>= 8)
		*to++ = (uint8_t)rest;
}

#define AXK_DW2_DOT(v, pairs, i)                                                                   \
	v = _mm256_add_epi32(v, _mm256_madd_epi16(pairs, axk_dw2_load(t->w + 64 * k + 32 * (i))))

/* One output row; r: where each of an even number of taps reads. */
AXK_DW2_HOT void axk_dw2_row(const axk_dw2 *t, const uint8_t *const *r, int taps, size_t pixel)
{
	const struct axk_conv *p = t->p;
	const __m256i zero = _mm256_setzero_si256(), zp = _mm256_set1_epi16((short)p->zp);
	const __m256 lo = _mm256_set1_ps(p->lo), hi = _mm256_set1_ps(p->hi);
	const int floats = p->out_f32, post = p->has_lut || p->add, n = t->n;
	const float *m = t->m;
	uint8_t *out = t->out + pixel * p->out_ld;
	for (size_t i = 0; i < (size_t)p->ow; i++, out += p->out_ld) {
		__m256i v0 = axk_dw2_load(t->bias), v1 = axk_dw2_load(t->bias + 8);
		__m256i v2 = axk_dw2_load(t->bias + 16), v3 = axk_dw2_load(t->bias + 24);
		for (int k = 0; k < taps; k += 2) {
			__m256i a = axk_dw2_load(r[k] + 32 * i),
				b = axk_dw2_load(r[k + 1] + 32 * i);
			__m256i l = _mm256_unpacklo_epi8(a, b), h = _mm256_unpackhi_epi8(a, b);
			AXK_DW2_DOT(v0, _mm256_unpacklo_epi8(l, zero), 0);
			AXK_DW2_DOT(v1, _mm256_unpackhi_epi8(l, zero), 1);
			AXK_DW2_DOT(v2, _mm256_unpacklo_epi8(h, zero), 2);
			AXK_DW2_DOT(v3, _mm256_unpackhi_epi8(h, zero), 3);
		}
		if (floats) {
			axk_dw2_floats(t, v0, v1, v2, v3, pixel + i);
			continue;
		}
		__m256i x = _mm256_packs_epi32(axk_dw2_quantize(v0, m, lo, hi),
					       axk_dw2_quantize(v1, m + 8, lo, hi));
		__m256i y = _mm256_packs_epi32(axk_dw2_quantize(v2, m + 16, lo, hi),
					       axk_dw2_quantize(v3, m + 24, lo, hi));
		__m256i q = _mm256_packus_epi16(_mm256_add_epi16(x, zp), _mm256_add_epi16(y, zp));
		if (post)
			q = axk_dw2_post(t, q, pixel + i);
		axk_dw2_put(out, q, n);
	}
}

static __attribute__((noinline, unused)) void axk_dw2_row_any(const axk_dw2 *t,
							      const uint8_t *const *r, size_t pixel)
{
	axk_dw2_row(t, r, 2 * t->g->groups, pixel);
}

static __attribute__((noinline, unused)) void axk_dw2_row_3x3(const axk_dw2 *t,
							      const uint8_t *const *r, size_t pixel)
{
	axk_dw2_row(t, r, 10, pixel);
}

/* One input row into its place in scratch, columns sorted by remainder; row: NULL outside of the
 * image. */
AXK_INLINE void axk_dw2_fetch(const axk_dw2 *t, const uint8_t *row, uint8_t *to, __m256i pad)
{
	const struct axk_conv *p = t->p;
	const int multiplier = p->oc / p->ic, cols = (int)t->g->cols;
	for (int f = 0; f < p->sw; f++) {
		for (int i = 0; i < cols; i++, to += 32) {
			int x = i * p->sw + f - p->pl;
			if (!row || x < 0 || x >= p->iw) {
				_mm256_storeu_si256((__m256i *)to, pad);
				continue;
			}
			const uint8_t *from = row + (size_t)x * p->in_ld;
			if (multiplier == 1)
				_mm256_storeu_si256((__m256i *)to, axk_dw2_load(from + t->c0));
			else
				for (int c = 0; c < t->n; c++)
					to[c] = from[(t->c0 + c) / multiplier];
		}
	}
}

AXK_INLINE __m256i axk_dw2_pad(const axk_dw2 *t, const uint8_t *zp)
{
	uint8_t bytes[32];
	if (t->p->zp_in >= 0)
		return _mm256_set1_epi8((char)t->p->zp_in);
	for (int i = 0; i < 32; i++)
		bytes[i] = i < t->n ? zp[(t->c0 + i) / (t->p->oc / t->p->ic)] : 0;
	return axk_dw2_load(bytes);
}

/* Output rows [first, last) of one image, one block of channels. */
AXK_INLINE void axk_dw2_block(const axk_dw2 *t, void *const *buf, uint8_t *ring, int image,
			      int first, int last)
{
	const struct axk_conv *p = t->p;
	const axk_dw_geometry *g = t->g;
	const uint8_t *in = (const uint8_t *)buf[1] + (size_t)image * p->ih * p->iw * p->in_ld;
	const __m256i pad = axk_dw2_pad(t, buf[5]);
	for (int oy = first, have = first * p->sh; oy < last; oy++) {
		const uint8_t *place[AXK_DW_TAPS];
		have = have > oy * p->sh ? have : oy * p->sh;
		for (; have < oy * p->sh + g->ring; have++) {
			int iy = have - p->pt, inside = iy >= 0 && iy < p->ih;
			axk_dw2_fetch(t, inside ? in + (size_t)iy * p->iw * p->in_ld : NULL,
				      ring + (size_t)(have % g->ring) * g->row, pad);
		}
		for (int i = 0; i < 2 * g->groups; i++) {
			int tap = i < p->kh * p->kw ? i : 0, x = tap % p->kw * p->dw;
			int y = oy * p->sh + tap / p->kw * p->dh;
			place[i] = ring + (size_t)(y % g->ring) * g->row +
				   ((size_t)(x % p->sw) * g->cols + (size_t)(x / p->sw)) * 32;
		}
		if (g->groups == 5)
			axk_dw2_row_3x3(t, place, ((size_t)image * p->oh + (size_t)oy) * p->ow);
		else
			axk_dw2_row_any(t, place, ((size_t)image * p->oh + (size_t)oy) * p->ow);
	}
}

AXK_FN void axk_dwconv_u8_avx2(const void *params, void *const *buf, void *scratch, int begin,
			       int end)
{
	const struct axk_conv *p = params;
	const axk_dw_geometry g = axk_dw_geometry_of(p, 32);
	while (begin < end) {
		int image = begin / p->oh, first = begin % p->oh;
		int rows = p->oh - first < end - begin ? p->oh - first : end - begin;
		rows = rows < g.band ? rows : g.band;
		for (int c0 = 0; c0 < p->oc; c0 += 32) {
			axk_dw2 t = {p,    &g,    c0,   p->oc - c0 < 32 ? p->oc - c0 : 32,
				     NULL, NULL,  NULL, NULL,
				     NULL, buf[3]};
			t.bias =
				(const int32_t *)((const uint8_t *)buf[2] +
						  (size_t)(c0 / 32) * 128 * (size_t)(2 + g.groups));
			t.m = (const float *)(t.bias + 32);
			t.w = (const int8_t *)(t.m + 32);
			t.out = (uint8_t *)buf[0] + (size_t)c0 * (p->out_f32 ? sizeof(float) : 1);
			t.res = p->add ? (const uint8_t *)buf[4] + c0 : NULL;
			axk_dw2_block(&t, buf, scratch, image, first, first + rows);
		}
		begin += rows;
	}
}
