/* Depthwise float convolution as sums over shifted flat images. The padded input is split by stride into sh * sw
 * phase images; in a phase image every tap is a constant shift, rows run into each other, and the few
 * columns between rows are computed for nothing. Shared by AVX2 and AVX-512. */
#ifndef AXK_DWCONV_F32_H
#define AXK_DWCONV_F32_H

enum { AXK_DWF_TAPS = 128 };

typedef struct axk_dw_f32 {
	int pitch, rows;   /* of a phase image, and of the flat output */
	size_t phase;      /* elements of a phase image */
	size_t flat;       /* elements of the flat output, rounded up */
} axk_dw_f32;

AXK_INLINE axk_dw_f32 axk_dw_f32_shape(const struct axk_conv_f32 *p)
{
	axk_dw_f32 s;
	s.pitch = p->ow + (p->kw - 1) * p->dw / p->sw;
	s.rows = p->oh + (p->kh - 1) * p->dh / p->sh;
	s.flat = ((size_t)(p->oh - 1) * s.pitch + p->ow + 63) / 64 * 64;
	s.phase = ((size_t)s.rows * s.pitch + 64 + 63) / 64 * 64;
	return s;
}

/* Columns px, px + sw, ... of one padded input row (NULL: padding). */
AXK_INLINE void axk_dw_f32_row(const struct axk_conv_f32 *p, const float *row, int px, int pitch, float *dst)
{
	const int sw = p->sw, at = px - p->pl;
	int first = at < 0 ? (-at + sw - 1) / sw : 0, end = at < p->iw ? (p->iw - 1 - at) / sw + 1 : 0, i = 0;
	first = first < pitch && row ? first : pitch;
	end = end < pitch ? end : pitch;
	for (; i < first; i++)
		dst[i] = 0.0f;
	const float *x = row + at;
	if (sw == 1 && end > i) {
		memcpy(dst + i, x + i, (size_t)(end - i) * sizeof *dst);
		i = end;
	}
	for (; i < end; i++)
		dst[i] = x[(ptrdiff_t)i * sw];
	for (; i < pitch; i++)
		dst[i] = 0.0f;
}

AXK_INLINE void axk_dw_f32_phases(const struct axk_conv_f32 *p, const axk_dw_f32 *s, const float *in, float *dst)
{
	for (int py = 0; py < p->sh; py++)
		for (int px = 0; px < p->sw; px++, dst += s->phase) {
			for (int r = 0; r < s->rows; r++) {
				int iy = r * p->sh + py - p->pt;
				const float *row = iy >= 0 && iy < p->ih ? in + (size_t)iy * p->iw : NULL;
				axk_dw_f32_row(p, row, px, s->pitch, dst + (size_t)r * s->pitch);
			}
			for (size_t i = (size_t)s->rows * s->pitch; i < s->phase; i++)
				dst[i] = 0.0f;
		}
}

/* Where every tap starts. */
AXK_INLINE void axk_dw_f32_taps(const struct axk_conv_f32 *p, const axk_dw_f32 *s, const float *phases,
				const float **tap)
{
	for (int ky = 0; ky < p->kh; ky++)
		for (int kx = 0; kx < p->kw; kx++) {
			int y = ky * p->dh, x = kx * p->dw;
			size_t image = (size_t)(y % p->sh) * p->sw + x % p->sw;
			*tap++ = phases + image * s->phase + (size_t)(y / p->sh) * s->pitch + x / p->sw;
		}
}

#endif
