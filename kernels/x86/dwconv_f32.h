/* Depthwise float convolution as sums over shifted flat images. The padded input is split by stride
 * into sh * sw phase images; in a phase image every tap is a constant shift, rows run into each
 * other, and the few columns between rows are computed for nothing. Shared by AVX2 and AVX-512. */
#ifndef AXK_DWCONV_F32_H
#define AXK_DWCONV_F32_H

#include "kernels/x86/phases_f32.h"
#include "kernels/x86/runs_f32.h"

/* Columns px, px + sw, ... of one padded input row (NULL: padding). */
AXK_INLINE void axk_dw_f32_row(const struct axk_conv_f32 *p, const float *row, int px, int pitch,
			       float *dst)
{
	const int sw = p->sw, at = px - p->pl;
	int first = at < 0 ? (-at + sw - 1) / sw : 0,
	    end = at < p->iw ? (p->iw - 1 - at) / sw + 1 : 0;
	first = first < pitch && row ? first : pitch;
	end = end < pitch ? end : pitch;
	end = end < first ? first : end;
	axk_zero_run_f32(dst, first);
	if (end > first)
		axk_strided_run_f32(dst + first, row + at + (ptrdiff_t)first * sw, end - first, sw);
	axk_zero_run_f32(dst + end, pitch - end);
}

AXK_INLINE void axk_dw_f32_phases(const struct axk_conv_f32 *p, const axk_dw_f32 *s,
				  const float *in, float *dst)
{
	for (int py = 0; py < p->sh; py++)
		for (int px = 0; px < p->sw; px++, dst += s->phase) {
			for (int r = 0; r < s->rows; r++) {
				int iy = r * p->sh + py - p->pt;
				const float *row =
					iy >= 0 && iy < p->ih ? in + (size_t)iy * p->iw : NULL;
				axk_dw_f32_row(p, row, px, s->pitch, dst + (size_t)r * s->pitch);
			}
			axk_zero_run_f32(dst + (size_t)s->rows * s->pitch,
					 (int)(s->phase - (size_t)s->rows * s->pitch));
		}
}

/* Where every tap starts. */
AXK_INLINE void axk_dw_f32_taps(const struct axk_conv_f32 *p, const axk_dw_f32 *s,
				const float *phases, const float **tap)
{
	for (int ky = 0; ky < p->kh; ky++)
		for (int kx = 0; kx < p->kw; kx++) {
			int y = ky * p->dh, x = kx * p->dw;
			size_t image = (size_t)(y % p->sh) * p->sw + x % p->sw;
			*tap++ = phases + image * s->phase + (size_t)(y / p->sh) * s->pitch +
				 x / p->sw;
		}
}

#endif
