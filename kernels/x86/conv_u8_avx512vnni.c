/* Convolution u8 x s8 with AVX-512 VNNI. Output-stationary: a tile of up to 64 channels (vectors of
 * 16) by 1 to 12 pixels stays in registers while all taps pass; each step multiplies 4 bytes of
 * every pixel, broadcast, with 4 bytes of every channel. Weights stream in the order they are
 * packed. Unit: a band of pixels (conv_geometry.h), of one block of 64 channels where bands are
 * few. Packed: int32 clamp flag, padding to 64 bytes; per block of up to 4 vectors of 16 channels:
 * int32 bias[v][16] (zero point folded in), float m[v][16], int8 w[tap][quad][v][16][4]. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/x86/conv_geometry.h"
#include "kernels/x86/epilogue_avx512.h"
#include "kernels/x86/u8_avx512.h"

/* What stays the same over the tiles of one band and block. */
typedef struct axk_conv_vnni {
	const struct axk_conv *p;
	const axk_conv_geometry *g;
	const int32_t *bias;
	const float *m;
	const int8_t *w;
	int n;              /* channels */
	int special, post;  /* outputs need axk_epilogue_512; a table or residual follows */
	__mmask64 mask;     /* of the channels, in bytes */
	__m512i zp, lo, hi; /* words, bytes, bytes */
	uint8_t *out;       /* of the first channel; at pixel 0 of the image */
	const uint8_t *res, *lut;
} axk_conv_vnni;

/* Where a run of tiles has come to: x is the window of `pixel`, which is in column `col`. */
typedef struct axk_conv_walk {
	const uint8_t *x;
	size_t pixel, last;
	int col;
} axk_conv_walk;

/* The windows of the next n pixels; rows wrap at ow. */
AXK_HOT void axk_conv_windows(const axk_conv_vnni *t, axk_conv_walk *k, const uint8_t **at, int n)
{
	const size_t right = (size_t)t->p->sw * t->g->pixel;
	if (t->g->ow - k->col > n) {
		for (int i = 0; i < n; i++)
			at[i] = k->x + (size_t)i * right;
		k->x += (size_t)n * right;
		k->col += n;
		return;
	}
	for (int i = 0; i < n; i++) {
		at[i] = k->x;
		k->x += right;
		if (++k->col == t->g->ow) {
			k->col = 0;
			k->x += (size_t)t->p->sh * t->g->row - right * (size_t)t->g->ow;
		}
	}
}

AXK_INLINE __m512i axk_bcast4(const uint8_t *x)
{
	int32_t v;
	memcpy(&v, x, 4);
	return _mm512_set1_epi32(v);
}

static __attribute__((noinline, unused)) void
axk_conv_vnni_special(const axk_conv_vnni *t, const int32_t *acc, size_t pixel, int pixels)
{
	const struct axk_conv *p = t->p;
	for (int i = 0; i < pixels; i++, pixel++)
		axk_epilogue_512(p, acc + i * 64, t->m, t->n,
				 t->out + pixel * p->out_ld * (p->out_f32 ? sizeof(float) : 1),
				 t->lut, t->res ? t->res + pixel * p->res_ld : NULL);
}

/* Table and residual for the plain outputs of some pixels, `width` bytes apart. */
static __attribute__((noinline, unused)) void
axk_conv_vnni_post(const axk_conv_vnni *t, uint8_t *bytes, int width, size_t pixel, int pixels)
{
	const struct axk_conv *p = t->p;
	uint8_t r[512];
	for (int i = 0; i < pixels && p->add; i++)
		_mm512_storeu_si512(
			r + i * width,
			_mm512_maskz_loadu_epi8(t->mask, t->res + (pixel + i) * p->res_ld));
	for (int i = 0; i < pixels * width; i += 64) {
		__m512i y = _mm512_loadu_si512(bytes + i);
		if (p->has_lut)
			y = axk_lut_512(y, t->lut);
		if (p->add == 1)
			y = axk_add_512(y, _mm512_loadu_si512(r + i), p->ra, p->rb, p->rfx, p->alo,
					p->ahi);
		else if (p->add == 2)
			y = axk_add_512(_mm512_loadu_si512(r + i), y, p->ra, p->rb, p->rfx, p->alo,
					p->ahi);
		_mm512_storeu_si512(bytes + i, y);
	}
	for (int i = 0; i < pixels; i++)
		_mm512_mask_storeu_epi8(t->out + (pixel + i) * p->out_ld, t->mask,
					_mm512_loadu_si512(bytes + i * width));
}

#define AXK_CV_R1(M) M(0)
#define AXK_CV_R2(M) M(0) M(1)
#define AXK_CV_R4(M) M(0) M(1) M(2) M(3)
#define AXK_CV_R6(M) AXK_CV_R4(M) M(4) M(5)
#define AXK_CV_R8(M) AXK_CV_R6(M) M(6) M(7)
#define AXK_CV_R12(M) AXK_CV_R8(M) M(8) M(9) M(10) M(11)
#define AXK_CV_POINTER(i) const uint8_t *x##i = x[i];

#define AXK_CV_START(v) _mm512_loadu_si512(t->bias + 16 * (v))
#define AXK_CV_WEIGHT(v) _mm512_loadu_si512(w + 64 * (v))
#define AXK_CV_DOT(i, v) c##i##v = _mm512_dpbusd_epi32(c##i##v, a, w##v);
#define AXK_CV_SAVE(i, v) _mm512_storeu_si512(acc + 64 * (i) + 16 * (v), c##i##v);

#define AXK_CV_INIT_1(i) __m512i c##i##0 = b0;
#define AXK_CV_INIT_2(i) AXK_CV_INIT_1(i) __m512i c##i##1 = b1;
#define AXK_CV_INIT_3(i) AXK_CV_INIT_2(i) __m512i c##i##2 = b2;
#define AXK_CV_INIT_4(i) AXK_CV_INIT_3(i) __m512i c##i##3 = b3;
#define AXK_CV_BIAS_1 const __m512i b0 = AXK_CV_START(0);
#define AXK_CV_BIAS_2 AXK_CV_BIAS_1 const __m512i b1 = AXK_CV_START(1);
#define AXK_CV_BIAS_3 AXK_CV_BIAS_2 const __m512i b2 = AXK_CV_START(2);
#define AXK_CV_BIAS_4 AXK_CV_BIAS_3 const __m512i b3 = AXK_CV_START(3);
#define AXK_CV_LOAD_1 const __m512i w0 = AXK_CV_WEIGHT(0);
#define AXK_CV_LOAD_2 AXK_CV_LOAD_1 const __m512i w1 = AXK_CV_WEIGHT(1);
#define AXK_CV_LOAD_3 AXK_CV_LOAD_2 const __m512i w2 = AXK_CV_WEIGHT(2);
#define AXK_CV_LOAD_4 AXK_CV_LOAD_3 const __m512i w3 = AXK_CV_WEIGHT(3);
#define AXK_CV_DOTS_1(i) AXK_CV_DOT(i, 0)
#define AXK_CV_DOTS_2(i) AXK_CV_DOTS_1(i) AXK_CV_DOT(i, 1)
#define AXK_CV_DOTS_3(i) AXK_CV_DOTS_2(i) AXK_CV_DOT(i, 2)
#define AXK_CV_DOTS_4(i) AXK_CV_DOTS_3(i) AXK_CV_DOT(i, 3)
#define AXK_CV_STEP_1(i)                                                                           \
	{                                                                                          \
		const __m512i a = axk_bcast4(x##i + off);                                          \
		AXK_CV_DOTS_1(i)                                                                   \
	}
#define AXK_CV_STEP_2(i)                                                                           \
	{                                                                                          \
		const __m512i a = axk_bcast4(x##i + off);                                          \
		AXK_CV_DOTS_2(i)                                                                   \
	}
#define AXK_CV_STEP_3(i)                                                                           \
	{                                                                                          \
		const __m512i a = axk_bcast4(x##i + off);                                          \
		AXK_CV_DOTS_3(i)                                                                   \
	}
#define AXK_CV_STEP_4(i)                                                                           \
	{                                                                                          \
		const __m512i a = axk_bcast4(x##i + off);                                          \
		AXK_CV_DOTS_4(i)                                                                   \
	}
#define AXK_CV_SAVE_1(i) AXK_CV_SAVE(i, 0)
#define AXK_CV_SAVE_2(i) AXK_CV_SAVE_1(i) AXK_CV_SAVE(i, 1)
#define AXK_CV_SAVE_3(i) AXK_CV_SAVE_2(i) AXK_CV_SAVE(i, 2)
#define AXK_CV_SAVE_4(i) AXK_CV_SAVE_3(i) AXK_CV_SAVE(i, 3)

/* As many tiles of nv vectors by np pixels as are left; FAST stores the outputs where nothing
 * special is asked for. */
#define AXK_CV_TILE(nv, np, FAST)                                                                  \
	static __attribute__((noinline, unused)) void axk_conv_vnni_##nv##x##np(                   \
		const axk_conv_vnni *t, axk_conv_walk *k)                                          \
	{                                                                                          \
		const axk_conv_geometry *g = t->g;                                                 \
		const size_t out_ld = (size_t)t->p->out_ld, run = 4 * (size_t)g->quads;            \
		for (; k->last - k->pixel >= np; k->pixel += np) {                                 \
			const uint8_t *x[np];                                                      \
			axk_conv_windows(t, k, x, np);                                             \
			AXK_CV_R##np(AXK_CV_POINTER)                                               \
				AXK_CV_BIAS_##nv AXK_CV_R##np(AXK_CV_INIT_##nv) const int8_t *w =  \
					t->w;                                                      \
			for (int ky = 0; ky < g->tap_rows; ky++) {                                 \
				for (int kx = 0; kx < g->tap_cols; kx++) {                         \
					size_t off = (size_t)ky * g->tap_down +                    \
						     (size_t)kx * g->tap_right,                    \
					       end = off + run;                                    \
					for (; off < end; off += 4, w += 64 * nv) {                \
						AXK_CV_LOAD_##nv AXK_CV_R##np(AXK_CV_STEP_##nv)    \
					}                                                          \
				}                                                                  \
			}                                                                          \
			if (t->special) {                                                          \
				int32_t acc[64 * np];                                              \
				AXK_CV_R##np(AXK_CV_SAVE_##nv)                                     \
					axk_conv_vnni_special(t, acc, k->pixel, np);               \
				continue;                                                          \
			}                                                                          \
			uint8_t bytes[16 * nv * np + 64];                                          \
			uint8_t *out = t->post ? bytes : t->out + k->pixel * out_ld;               \
			const size_t ld = t->post ? 16 * nv : out_ld;                              \
			(void)ld; /* a single pixel does not ask */                                \
			FAST(out)                                                                  \
			if (t->post)                                                               \
				axk_conv_vnni_post(t, bytes, 16 * nv, k->pixel, np);               \
		}                                                                                  \
	}

#define AXK_CV_PACK(a, b, c, d)                                                                    \
	_mm512_min_epu8(_mm512_max_epu8(axk_pack4_512(a, b, c, d, t->zp), t->lo), t->hi)
#define AXK_CV_M(v) _mm512_loadu_ps(t->m + 16 * (v))
#define AXK_CV_OUT(i, v) axk_round_512(c##i##v, m##v)

#define AXK_CV_PIXEL_4(i)                                                                          \
	_mm512_mask_storeu_epi8(out + (i)*ld, t->mask,                                             \
				AXK_CV_PACK(AXK_CV_OUT(i, 0), AXK_CV_OUT(i, 1), AXK_CV_OUT(i, 2),  \
					    AXK_CV_OUT(i, 3)));
#define AXK_CV_PIXEL_3(i)                                                                          \
	_mm512_mask_storeu_epi8(                                                                   \
		out + (i)*ld, t->mask,                                                             \
		AXK_CV_PACK(AXK_CV_OUT(i, 0), AXK_CV_OUT(i, 1), AXK_CV_OUT(i, 2), t->zp));
#define AXK_CV_PAIR(i, j)                                                                          \
	{                                                                                          \
		const __m512i q = AXK_CV_PACK(AXK_CV_OUT(i, 0), AXK_CV_OUT(i, 1),                  \
					      AXK_CV_OUT(j, 0), AXK_CV_OUT(j, 1));                 \
		_mm256_mask_storeu_epi8(out + (i)*ld, (__mmask32)t->mask,                          \
					_mm512_castsi512_si256(q));                                \
		_mm256_mask_storeu_epi8(out + (j)*ld, (__mmask32)t->mask,                          \
					_mm512_extracti64x4_epi64(q, 1));                          \
	}
#define AXK_CV_QUAD(i, j, k, l)                                                                    \
	{                                                                                          \
		const __m512i q = AXK_CV_PACK(AXK_CV_OUT(i, 0), AXK_CV_OUT(j, 0),                  \
					      AXK_CV_OUT(k, 0), AXK_CV_OUT(l, 0));                 \
		_mm_mask_storeu_epi8(out + (i)*ld, (__mmask16)t->mask, _mm512_castsi512_si128(q)); \
		_mm_mask_storeu_epi8(out + (j)*ld, (__mmask16)t->mask,                             \
				     _mm512_extracti32x4_epi32(q, 1));                             \
		_mm_mask_storeu_epi8(out + (k)*ld, (__mmask16)t->mask,                             \
				     _mm512_extracti32x4_epi32(q, 2));                             \
		_mm_mask_storeu_epi8(out + (l)*ld, (__mmask16)t->mask,                             \
				     _mm512_extracti32x4_epi32(q, 3));                             \
	}
#define AXK_CV_M_1 const __m512 m0 = AXK_CV_M(0);
#define AXK_CV_M_2 AXK_CV_M_1 const __m512 m1 = AXK_CV_M(1);
#define AXK_CV_M_3 AXK_CV_M_2 const __m512 m2 = AXK_CV_M(2);
#define AXK_CV_M_4 AXK_CV_M_3 const __m512 m3 = AXK_CV_M(3);
#define AXK_CV_FAST_4x6(out) AXK_CV_M_4 AXK_CV_R6(AXK_CV_PIXEL_4)
#define AXK_CV_FAST_4x2(out) AXK_CV_M_4 AXK_CV_R2(AXK_CV_PIXEL_4)
#define AXK_CV_FAST_4x1(out) AXK_CV_M_4 AXK_CV_R1(AXK_CV_PIXEL_4)
#define AXK_CV_FAST_3x8(out) AXK_CV_M_3 AXK_CV_R8(AXK_CV_PIXEL_3)
#define AXK_CV_FAST_3x2(out) AXK_CV_M_3 AXK_CV_R2(AXK_CV_PIXEL_3)
#define AXK_CV_FAST_3x1(out) AXK_CV_M_3 AXK_CV_R1(AXK_CV_PIXEL_3)
#define AXK_CV_FAST_2x12(out)                                                                      \
	AXK_CV_M_2 AXK_CV_PAIR(0, 1) AXK_CV_PAIR(2, 3) AXK_CV_PAIR(4, 5) AXK_CV_PAIR(6, 7)         \
		AXK_CV_PAIR(8, 9) AXK_CV_PAIR(10, 11)
#define AXK_CV_FAST_2x4(out) AXK_CV_M_2 AXK_CV_PAIR(0, 1) AXK_CV_PAIR(2, 3)
#define AXK_CV_FAST_2x1(out)                                                                       \
	AXK_CV_M_2 _mm512_mask_storeu_epi8(                                                        \
		out, t->mask, AXK_CV_PACK(AXK_CV_OUT(0, 0), AXK_CV_OUT(0, 1), t->zp, t->zp));
#define AXK_CV_FAST_1x12(out)                                                                      \
	AXK_CV_M_1 AXK_CV_QUAD(0, 1, 2, 3) AXK_CV_QUAD(4, 5, 6, 7) AXK_CV_QUAD(8, 9, 10, 11)
#define AXK_CV_FAST_1x4(out) AXK_CV_M_1 AXK_CV_QUAD(0, 1, 2, 3)
#define AXK_CV_FAST_1x1(out)                                                                       \
	AXK_CV_M_1 _mm512_mask_storeu_epi8(out, t->mask,                                           \
					   AXK_CV_PACK(AXK_CV_OUT(0, 0), t->zp, t->zp, t->zp));

AXK_CV_TILE(4, 6, AXK_CV_FAST_4x6)
AXK_CV_TILE(4, 2, AXK_CV_FAST_4x2)
AXK_CV_TILE(4, 1, AXK_CV_FAST_4x1)
AXK_CV_TILE(3, 8, AXK_CV_FAST_3x8)
AXK_CV_TILE(3, 2, AXK_CV_FAST_3x2)
AXK_CV_TILE(3, 1, AXK_CV_FAST_3x1)
AXK_CV_TILE(2, 12, AXK_CV_FAST_2x12)
AXK_CV_TILE(2, 4, AXK_CV_FAST_2x4)
AXK_CV_TILE(2, 1, AXK_CV_FAST_2x1)
AXK_CV_TILE(1, 12, AXK_CV_FAST_1x12)
AXK_CV_TILE(1, 4, AXK_CV_FAST_1x4)
AXK_CV_TILE(1, 1, AXK_CV_FAST_1x1)

/* Pixels of ic channels, ld apart, to ic apart. Writes up to 63 bytes behind the last one. */
AXK_INLINE void axk_conv_vnni_squeeze(uint8_t *to, const uint8_t *from, size_t ic, size_t ld,
				      int pixels)
{
	for (; pixels > 0; pixels--, to += ic, from += ld)
		for (size_t i = 0; i < ic; i += 64)
			_mm512_storeu_si512(to + i, _mm512_loadu_si512(from + i));
}

/* Copies the input rows of the band that starts at output row oy into `to`, padded. */
AXK_INLINE void axk_conv_vnni_copy(const axk_conv_geometry *g, const struct axk_conv *p,
				   const uint8_t *image, int oy, uint8_t *to)
{
	const size_t ic = (size_t)p->ic, ld = (size_t)p->in_ld;
	const int rows = axk_conv_band_rows(g, p), left = p->pl < 0         ? 0
							  : p->pl < g->cols ? p->pl
									    : g->cols;
	int from_col = p->pl < 0 ? -p->pl : 0, count = p->iw - from_col;
	count = count > g->cols - left ? g->cols - left : count < 0 ? 0 : count;
	for (int r = 0; r < rows; r++, to += g->row) {
		int iy = oy * p->sh - p->pt + r;
		if (iy < 0 || iy >= p->ih) {
			memset(to, p->zp_in, g->row);
			continue;
		}
		const uint8_t *from = image + ((size_t)iy * p->iw + from_col) * ld;
		uint8_t *at = to + (size_t)left * ic, *end = at + (size_t)count * ic;
		memset(to, p->zp_in, (size_t)left * ic);
		if (ld == ic)
			memcpy(at, from, (size_t)count * ic);
		else
			axk_conv_vnni_squeeze(at, from, ic, ld, count);
		memset(end, p->zp_in, (size_t)(to + g->row - end));
	}
}

/* The pixels [first, last) of an image, x at the window of `first`. */
AXK_INLINE void axk_conv_vnni_band(const axk_conv_vnni *t, const uint8_t *x, size_t first,
				   size_t last)
{
	axk_conv_walk k = {x, first, last, 0};
	if (t->n > 48) {
		axk_conv_vnni_4x6(t, &k);
		axk_conv_vnni_4x2(t, &k);
		axk_conv_vnni_4x1(t, &k);
	} else if (t->n > 32) {
		axk_conv_vnni_3x8(t, &k);
		axk_conv_vnni_3x2(t, &k);
		axk_conv_vnni_3x1(t, &k);
	} else if (t->n > 16) {
		axk_conv_vnni_2x12(t, &k);
		axk_conv_vnni_2x4(t, &k);
		axk_conv_vnni_2x1(t, &k);
	} else {
		axk_conv_vnni_1x12(t, &k);
		axk_conv_vnni_1x4(t, &k);
		axk_conv_vnni_1x1(t, &k);
	}
}

/* One block of channels of one band; x: the window of the band's first pixel, channel 0. */
AXK_INLINE void axk_conv_vnni_block(axk_conv_vnni *t, void *const *buf, const uint8_t *x, int image,
				    int band, int block)
{
	const struct axk_conv *p = t->p;
	const axk_conv_geometry *g = t->g;
	const int blocks = g->blocks / p->groups, group = block / blocks, c0 = block % blocks * 64;
	const size_t vectors = (size_t)group * axk_div_up(g->ocg, 16) + c0 / 16,
		     channel = (size_t)group * g->ocg + c0;
	const size_t pixels = (size_t)g->oh * g->ow, steps = (size_t)g->taps * g->quads;
	const size_t first = (size_t)band * g->band, last = first + g->band;
	t->n = g->ocg - c0 < 64 ? g->ocg - c0 : 64;
	t->mask = axk_mask64(t->n);
	const size_t nv = (size_t)axk_div_up(t->n, 16);
	t->bias = (const int32_t *)((const uint8_t *)buf[2] + 64 + vectors * (128 + 64 * steps));
	t->m = (const float *)(t->bias + nv * 16);
	t->w = (const int8_t *)(t->m + nv * 16);
	t->out = (uint8_t *)buf[0] +
		 (pixels * image * p->out_ld + channel) * (p->out_f32 ? sizeof(float) : 1);
	t->res = p->add ? (const uint8_t *)buf[4] + pixels * image * p->res_ld + channel : NULL;
	axk_conv_vnni_band(t, x + (size_t)group * g->icg, first, last < pixels ? last : pixels);
}

AXK_FN void axk_conv_u8_avx512vnni(const void *params, void *const *buf, void *scratch, int begin,
				   int end)
{
	const struct axk_conv *p = params;
	const axk_conv_geometry g = axk_conv_geometry_of(p, 64, 1);
	axk_conv_vnni t;
	memset(&t, 0, sizeof t);
	t.p = p;
	t.g = &g;
	t.special = p->out_f32 || *(const int32_t *)buf[2];
	t.post = p->has_lut || p->add;
	t.zp = _mm512_set1_epi16((short)p->zp);
	t.lo = _mm512_set1_epi8((char)(int)(p->lo + p->zp));
	t.hi = _mm512_set1_epi8((char)(int)(p->hi + p->zp));
	t.lut = buf[3];
	const uint8_t *x = NULL;
	for (int u = begin, held = -1; u < end; u++) {
		int at = u / g.split, image = at / g.bands, band = at % g.bands;
		if (at != held) {
			const uint8_t *in =
				(const uint8_t *)buf[1] + (size_t)image * p->ih * p->iw * p->in_ld;
			int oy = g.long_row ? 0 : band * g.band / g.ow;
			if (g.copy)
				axk_conv_vnni_copy(&g, p, in, oy, scratch);
			x = g.copy       ? scratch
			    : g.long_row ? in + (size_t)band * g.band * g.pixel
					 : in + (ptrdiff_t)(oy * p->sh - p->pt) * (ptrdiff_t)g.row -
						   p->pl * (ptrdiff_t)g.pixel;
			held = at;
		}
		for (int block = g.split > 1 ? u % g.split : 0, i = 0; i < g.blocks / g.split;
		     i++, block++)
			axk_conv_vnni_block(&t, buf, x, image, band, block);
	}
}
