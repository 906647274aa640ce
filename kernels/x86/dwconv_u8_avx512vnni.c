/* Depthwise convolution u8 x s8 with AVX-512 VNNI. The bytes of four taps are interleaved, so that
 * one dot product instruction adds four taps of 16 channels; packing the results back to bytes
 * undoes the order that interleaving leaves. Unit: one output row. Packed: int32 clamp flag,
 * padding to 64 bytes; per block of 64 lanes (dwconv_geometry.h), lanes in the order of
 * interleaving: int32 bias[64] (zero point folded in), float m[64], int8 w[group][64][4]. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/x86/dwconv_geometry.h"
#include "kernels/x86/epilogue_avx512.h"
#include "kernels/x86/u8_avx512.h"

/* What stays the same over the rows of one block of channels. */
typedef struct axk_dw_vnni {
	const struct axk_conv *p;
	const axk_dw_geometry *g;
	int lanes, n; /* channels per pixel in a vector, and how many of them are real */
	int special;  /* outputs need axk_epilogue_512 */
	const int32_t *bias;
	const float *m;
	const int8_t *w;
	uint8_t *out; /* of the block's first channel; at pixel 0 */
	const uint8_t *res, *lut;
} axk_dw_vnni;

/* Four vectors of one block: lane l of vector q holds channels 16 * l + 4 * q + 0..3. */
typedef struct axk_dw_quad {
	__m512i v0, v1, v2, v3;
} axk_dw_quad;

AXK_HOT axk_dw_quad axk_dw_interleave(__m512i r0, __m512i r1, __m512i r2, __m512i r3)
{
	__m512i l = _mm512_unpacklo_epi8(r0, r1), l2 = _mm512_unpacklo_epi8(r2, r3);
	__m512i h = _mm512_unpackhi_epi8(r0, r1), h2 = _mm512_unpackhi_epi8(r2, r3);
	axk_dw_quad q = {_mm512_unpacklo_epi16(l, l2), _mm512_unpackhi_epi16(l, l2),
			 _mm512_unpacklo_epi16(h, h2), _mm512_unpackhi_epi16(h, h2)};
	return q;
}

AXK_HOT axk_dw_quad axk_dw_dot(axk_dw_quad acc, axk_dw_quad x, axk_dw_quad w)
{
	axk_dw_quad q = {
		_mm512_dpbusd_epi32(acc.v0, x.v0, w.v0), _mm512_dpbusd_epi32(acc.v1, x.v1, w.v1),
		_mm512_dpbusd_epi32(acc.v2, x.v2, w.v2), _mm512_dpbusd_epi32(acc.v3, x.v3, w.v3)};
	return q;
}

AXK_HOT axk_dw_quad axk_dw_load(const void *from)
{
	const uint8_t *b = from;
	axk_dw_quad q = {_mm512_loadu_si512(b), _mm512_loadu_si512(b + 64),
			 _mm512_loadu_si512(b + 128), _mm512_loadu_si512(b + 192)};
	return q;
}

/* Where plain outputs go, and the constants that make them. */
typedef struct axk_dw_out {
	uint8_t *to;
	size_t ld;
	__mmask64 mask;
	__m512i zp, lo, hi;
	axk_dw_quad m;
} axk_dw_out;

AXK_HOT axk_dw_out axk_dw_out_of(const axk_dw_vnni *t, uint8_t *to, size_t ld)
{
	const struct axk_conv *p = t->p;
	axk_dw_out o = {to,
			ld,
			axk_mask64(t->n),
			_mm512_set1_epi16((short)p->zp),
			_mm512_set1_epi8((char)(int)(p->lo + p->zp)),
			_mm512_set1_epi8((char)(int)(p->hi + p->zp)),
			axk_dw_load(t->m)};
	return o;
}

/* Quantizes one vector and stores the pixels in it, at most `count`. */
AXK_HOT void axk_dw_put(axk_dw_out *o, axk_dw_quad acc, int lanes, int count)
{
	__m512i ab = _mm512_packs_epi32(axk_round_512(acc.v0, _mm512_castsi512_ps(o->m.v0)),
					axk_round_512(acc.v1, _mm512_castsi512_ps(o->m.v1)));
	__m512i cd = _mm512_packs_epi32(axk_round_512(acc.v2, _mm512_castsi512_ps(o->m.v2)),
					axk_round_512(acc.v3, _mm512_castsi512_ps(o->m.v3)));
	__m512i q = _mm512_packus_epi16(_mm512_adds_epi16(ab, o->zp), _mm512_adds_epi16(cd, o->zp));
	q = _mm512_min_epu8(_mm512_max_epu8(q, o->lo), o->hi);
	if (lanes == 64) {
		_mm512_mask_storeu_epi8(o->to, o->mask, q);
	} else if (lanes == 32) {
		_mm256_mask_storeu_epi8(o->to, (__mmask32)o->mask, _mm512_castsi512_si256(q));
		if (count > 1)
			_mm256_mask_storeu_epi8(o->to + o->ld, (__mmask32)o->mask,
						_mm512_extracti64x4_epi64(q, 1));
	} else {
		const __mmask16 mask = (__mmask16)o->mask;
		_mm_mask_storeu_epi8(o->to, mask, _mm512_castsi512_si128(q));
		if (count > 1)
			_mm_mask_storeu_epi8(o->to + o->ld, mask, _mm512_extracti32x4_epi32(q, 1));
		if (count > 2)
			_mm_mask_storeu_epi8(o->to + 2 * o->ld, mask,
					     _mm512_extracti32x4_epi32(q, 2));
		if (count > 3)
			_mm_mask_storeu_epi8(o->to + 3 * o->ld, mask,
					     _mm512_extracti32x4_epi32(q, 3));
	}
	o->to += o->ld * (size_t)(64 / lanes);
}

/* The interleaved window column at `at` of three rows. */
#define AXK_DW_COLUMN(at)                                                                          \
	axk_dw_interleave(_mm512_loadu_si512(r0 + (at)), _mm512_loadu_si512(r1 + (at)),            \
			  _mm512_loadu_si512(r2 + (at)), _mm512_setzero_si512())

/* 3x3 where the next output's window is one vector further: an interleaved column serves three
 * outputs. */
static __attribute__((noinline, unused)) void
axk_dw_vnni_roll1(const axk_dw_vnni *t, const uint8_t *const *r, uint8_t *to, size_t ld)
{
	const uint8_t *r0 = r[0], *r1 = r[1], *r2 = r[2];
	const axk_dw_quad bias = axk_dw_load(t->bias), w0 = axk_dw_load(t->w);
	const axk_dw_quad w1 = axk_dw_load(t->w + 256), w2 = axk_dw_load(t->w + 512);
	axk_dw_out o = axk_dw_out_of(t, to, ld);
	axk_dw_quad x = AXK_DW_COLUMN(0), now = axk_dw_dot(bias, x, w0), next;
	x = AXK_DW_COLUMN(64);
	now = axk_dw_dot(now, x, w1);
	next = axk_dw_dot(bias, x, w0);
	for (size_t at = 128, end = at + 64 * (size_t)t->p->ow; at < end; at += 64) {
		x = AXK_DW_COLUMN(at);
		axk_dw_put(&o, axk_dw_dot(now, x, w2), 64, 1);
		now = axk_dw_dot(next, x, w1);
		next = axk_dw_dot(bias, x, w0);
	}
}

/* 3x3 where every other column is shared: stride 2, or two pixels in a vector. Middle columns are
 * `mid` bytes behind the left ones. */
AXK_HOT void axk_dw_vnni_roll2(const axk_dw_vnni *t, const uint8_t *const *r, size_t mid, int lanes,
			       uint8_t *to, size_t ld)
{
	const uint8_t *r0 = r[0], *r1 = r[1], *r2 = r[2];
	const axk_dw_quad bias = axk_dw_load(t->bias), w0 = axk_dw_load(t->w);
	const axk_dw_quad w1 = axk_dw_load(t->w + 256), w2 = axk_dw_load(t->w + 512);
	axk_dw_out o = axk_dw_out_of(t, to, ld);
	axk_dw_quad x = AXK_DW_COLUMN(0);
	size_t at = 0;
	for (int left = t->p->ow; left > 0; left -= 64 / lanes, at += 64) {
		axk_dw_quad acc = axk_dw_dot(bias, x, w0);
		x = AXK_DW_COLUMN(at + mid);
		acc = axk_dw_dot(acc, x, w1);
		x = AXK_DW_COLUMN(at + 64);
		axk_dw_put(&o, axk_dw_dot(acc, x, w2), lanes, left);
	}
}

static __attribute__((noinline, unused)) void axk_dw_vnni_stride2(const axk_dw_vnni *t,
								  const uint8_t *const *r,
								  size_t mid, uint8_t *to,
								  size_t ld)
{
	axk_dw_vnni_roll2(t, r, mid, 64, to, ld);
}

static __attribute__((noinline, unused)) void
axk_dw_vnni_pairs(const axk_dw_vnni *t, const uint8_t *const *r, uint8_t *to, size_t ld)
{
	axk_dw_vnni_roll2(t, r, 32, 32, to, ld);
}

/* The accumulators of any window; r: where each place of each group reads. */
AXK_HOT axk_dw_quad axk_dw_vnni_window(const axk_dw_vnni *t, const uint8_t *const *r, size_t at)
{
	axk_dw_quad acc = axk_dw_load(t->bias);
	for (int k = 0; k < t->g->groups; k++, r += 4) {
		axk_dw_quad x = axk_dw_interleave(
			_mm512_loadu_si512(r[0] + at), _mm512_loadu_si512(r[1] + at),
			_mm512_loadu_si512(r[2] + at), _mm512_loadu_si512(r[3] + at));
		acc = axk_dw_dot(acc, x, axk_dw_load(t->w + 256 * k));
	}
	return acc;
}

static __attribute__((noinline, unused)) void
axk_dw_vnni_any(const axk_dw_vnni *t, const uint8_t *const *r, uint8_t *to, size_t ld)
{
	axk_dw_out o = axk_dw_out_of(t, to, ld);
	size_t at = 0;
	for (int left = t->p->ow; left > 0; left -= 64 / t->lanes, at += 64) {
		axk_dw_quad acc = axk_dw_vnni_window(t, r, at);
		if (t->lanes == 64)
			axk_dw_put(&o, acc, 64, left);
		else if (t->lanes == 32)
			axk_dw_put(&o, acc, 32, left);
		else
			axk_dw_put(&o, acc, 16, left);
	}
}

/* To the order of channels. */
AXK_INLINE void axk_dw_unpermute(int32_t *to, axk_dw_quad q)
{
	int32_t from[64];
	_mm512_storeu_si512(from, q.v0);
	_mm512_storeu_si512(from + 16, q.v1);
	_mm512_storeu_si512(from + 32, q.v2);
	_mm512_storeu_si512(from + 48, q.v3);
	for (int i = 0; i < 16; i++)
		memcpy(to + (i % 4 * 4 + i / 4) * 4, from + i * 4, 16);
}

/* A row of outputs that are float or whose product with m may leave int32. */
static __attribute__((noinline, unused)) void
axk_dw_vnni_special(const axk_dw_vnni *t, const uint8_t *const *r, size_t pixel)
{
	const struct axk_conv *p = t->p;
	const int step = 64 / t->lanes;
	int32_t a[64], m[64];
	axk_dw_unpermute(m, axk_dw_load(t->m));
	for (int x = 0; x < p->ow; x++, pixel++) {
		if (x % step == 0)
			axk_dw_unpermute(a, axk_dw_vnni_window(t, r, (size_t)(x / step) * 64));
		axk_epilogue_512(p, a + x % step * t->lanes, (const float *)m + x % step * t->lanes,
				 t->n,
				 t->out + pixel * p->out_ld * (p->out_f32 ? sizeof(float) : 1),
				 t->lut, t->res ? t->res + pixel * p->res_ld : NULL);
	}
}

/* Table and residual for a row of plain outputs 64 bytes apart. */
static __attribute__((noinline, unused)) void axk_dw_vnni_post(const axk_dw_vnni *t,
							       const uint8_t *from, size_t pixel)
{
	const struct axk_conv *p = t->p;
	const __mmask64 mask = axk_mask64(t->n);
	for (int x = 0; x < p->ow; x++, pixel++, from += 64) {
		__m512i y = _mm512_loadu_si512(from);
		if (p->has_lut)
			y = axk_lut_512(y, t->lut);
		if (p->add) {
			__m512i q = _mm512_maskz_loadu_epi8(mask, t->res + pixel * p->res_ld);
			y = p->add == 1 ? axk_add_512(y, q, p->ra, p->rb, p->rfx, p->alo, p->ahi)
					: axk_add_512(q, y, p->ra, p->rb, p->rfx, p->alo, p->ahi);
		}
		_mm512_mask_storeu_epi8(t->out + pixel * p->out_ld, mask, y);
	}
}

/* Copies n channels of `count` pixels that are `ld` apart to `lanes` apart; may write up to 63
 * bytes more. */
AXK_INLINE void axk_dw_vnni_copy(uint8_t *to, const uint8_t *from, size_t ld, int count, int lanes)
{
	if (lanes == 64)
		for (int i = 0; i < count; i++, to += 64, from += ld)
			_mm512_storeu_si512(to, _mm512_loadu_si512(from));
	else if (lanes == 32)
		for (int i = 0; i < count; i++, to += 32, from += ld)
			_mm256_storeu_si256((__m256i *)to,
					    _mm256_loadu_si256((const __m256i *)from));
	else
		for (int i = 0; i < count; i++, to += 16, from += ld)
			_mm_storeu_si128((__m128i *)to, _mm_loadu_si128((const __m128i *)from));
}

/* Channels of a multiplier above 1: each input channel serves several outputs. */
AXK_INLINE void axk_dw_vnni_spread(const axk_dw_vnni *t, uint8_t *to, const uint8_t *image_pixel,
				   size_t ld, int count, int c0)
{
	const int multiplier = t->p->oc / t->p->ic;
	for (int i = 0; i < count; i++, to += t->lanes, image_pixel += ld)
		for (int c = 0; c < t->n; c++)
			to[c] = image_pixel[(c0 + c) / multiplier];
}

/* One input row into its place in scratch; row: the image's row or NULL outside of it. */
AXK_INLINE void axk_dw_vnni_fetch(const axk_dw_vnni *t, const uint8_t *row, uint8_t *to,
				  __m512i pad, int c0)
{
	const struct axk_conv *p = t->p;
	const int cols = (int)t->g->cols, lanes = t->lanes;
	for (int f = 0; f < p->sw; f++, to += (size_t)cols * lanes) {
		int first = p->pl > f ? (p->pl - f + p->sw - 1) / p->sw : 0;
		int last = p->iw + p->pl - f > 0 ? (p->iw + p->pl - f + p->sw - 1) / p->sw : 0;
		first = first < cols ? first : cols;
		last = !row || last < first ? first : last < cols ? last : cols;
		size_t bytes = (size_t)cols * lanes, from = (size_t)last * lanes;
		for (size_t i = 0; i < (size_t)first * lanes; i += 64)
			_mm512_storeu_si512(to + i, pad);
		if (last > first) {
			const uint8_t *pixel =
				row + ((ptrdiff_t)first * p->sw + f - p->pl) * p->in_ld;
			uint8_t *at = to + (size_t)first * lanes;
			if (p->oc == p->ic)
				axk_dw_vnni_copy(at, pixel + c0, (size_t)p->sw * p->in_ld,
						 last - first, lanes);
			else
				axk_dw_vnni_spread(t, at, pixel, (size_t)p->sw * p->in_ld,
						   last - first, c0);
		}
		for (; from < bytes; from += 64)
			_mm512_storeu_si512(to + from, pad);
	}
}

/* The vector that stands for a pixel outside of the image. */
AXK_INLINE __m512i axk_dw_vnni_pad(const axk_dw_vnni *t, const uint8_t *zp, int c0)
{
	uint8_t bytes[64];
	if (t->p->zp_in >= 0)
		return _mm512_set1_epi8((char)t->p->zp_in);
	for (int i = 0; i < 64; i++)
		bytes[i] =
			i % t->lanes < t->n ? zp[(c0 + i % t->lanes) / (t->p->oc / t->p->ic)] : 0;
	return _mm512_loadu_si512(bytes);
}

/* Output row oy from the ring of input rows; behind the ring is room for a row of outputs. */
AXK_INLINE void axk_dw_vnni_row(const axk_dw_vnni *t, uint8_t *ring, int oy, size_t pixel)
{
	const struct axk_conv *p = t->p;
	const axk_dw_geometry *g = t->g;
	const uint8_t *place[AXK_DW_TAPS];
	const size_t phase = g->cols * (size_t)t->lanes;
	const int post = p->has_lut || p->add;
	uint8_t *row = ring + (size_t)g->ring * g->row,
		*to = post ? row : t->out + pixel * p->out_ld;
	const size_t ld = post ? 64 : (size_t)p->out_ld;
	if (!t->special && g->columns && p->dw == 1 &&
	    ((t->lanes == 64 && p->sw <= 2) || (t->lanes == 32 && p->sw == 1))) {
		for (int k = 0; k < 3; k++)
			place[k] = ring + (size_t)((oy * p->sh + k * p->dh) % g->ring) * g->row;
		if (t->lanes == 32)
			axk_dw_vnni_pairs(t, place, to, ld);
		else if (p->sw == 1)
			axk_dw_vnni_roll1(t, place, to, ld);
		else
			axk_dw_vnni_stride2(t, place, phase, to, ld);
	} else {
		for (int i = 0; i < 4 * g->groups; i++) {
			int tap = axk_dw_tap(g, p, i / 4, i % 4),
			    x = tap < 0 ? 0 : tap % p->kw * p->dw;
			int y = oy * p->sh + (tap < 0 ? 0 : tap / p->kw * p->dh);
			place[i] = ring + (size_t)(y % g->ring) * g->row +
				   (size_t)(x % p->sw) * phase + (size_t)(x / p->sw) * t->lanes;
		}
		if (t->special) {
			axk_dw_vnni_special(t, place, pixel);
			return;
		}
		axk_dw_vnni_any(t, place, to, ld);
	}
	if (post)
		axk_dw_vnni_post(t, row, pixel);
}

/* Output rows [first, last) of one image, one block of channels. */
AXK_INLINE void axk_dw_vnni_block(axk_dw_vnni *t, void *const *buf, uint8_t *ring, int image,
				  int first, int last, int c0)
{
	const struct axk_conv *p = t->p;
	const axk_dw_geometry *g = t->g;
	const uint8_t *in = (const uint8_t *)buf[1] + (size_t)image * p->ih * p->iw * p->in_ld;
	const size_t pixels = (size_t)image * p->oh * p->ow;
	t->lanes = axk_dw_lanes(p, c0);
	t->n = p->oc - c0 < 64 ? p->oc - c0 : 64;
	t->bias = (const int32_t *)((const uint8_t *)buf[2] + 64 +
				    (size_t)(c0 / 64) * 256 * (size_t)(2 + g->groups));
	t->m = (const float *)(t->bias + 64);
	t->w = (const int8_t *)(t->m + 64);
	t->out = (uint8_t *)buf[0] + (size_t)c0 * (p->out_f32 ? sizeof(float) : 1);
	t->res = p->add ? (const uint8_t *)buf[4] + c0 : NULL;
	const __m512i pad = axk_dw_vnni_pad(t, buf[5], c0);
	for (int oy = first, have = first * p->sh; oy < last; oy++) {
		have = have > oy * p->sh ? have : oy * p->sh;
		for (; have < oy * p->sh + g->ring; have++) {
			int iy = have - p->pt, inside = iy >= 0 && iy < p->ih;
			axk_dw_vnni_fetch(t, inside ? in + (size_t)iy * p->iw * p->in_ld : NULL,
					  ring + (size_t)(have % g->ring) * g->row, pad, c0);
		}
		axk_dw_vnni_row(t, ring, oy, pixels + (size_t)oy * p->ow);
	}
}

AXK_FN void axk_dwconv_u8_avx512vnni(const void *params, void *const *buf, void *scratch, int begin,
				     int end)
{
	const struct axk_conv *p = params;
	const axk_dw_geometry g = axk_dw_geometry_of(p, 64);
	axk_dw_vnni t = {p,     &g,   0,    0,    p->out_f32 || *(const int32_t *)buf[2],
			 NULL,  NULL, NULL, NULL, NULL,
			 buf[3]};
	while (begin < end) {
		int image = begin / p->oh, first = begin % p->oh;
		int rows = p->oh - first < end - begin ? p->oh - first : end - begin;
		rows = rows < g.band ? rows : g.band;
		for (int block = 0; block < g.blocks; block++)
			axk_dw_vnni_block(&t, buf, scratch, image, first, first + rows, block * 64);
		begin += rows;
	}
}
