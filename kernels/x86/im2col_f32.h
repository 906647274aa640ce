/* The inputs of a run of output positions as a matrix: one row per (ic, ky, kx), one column per
 * position, padding as zeros. Shared by the float convolutions for AVX2 and AVX-512. */
#ifndef AXK_IM2COL_F32_H
#define AXK_IM2COL_F32_H

#include "kernels/x86/runs_f32.h"

/* One kernel row of one channel: n outputs of row oy from column x0, for every kx; dst rows are
 * `ld` apart. */
AXK_INLINE void axk_im2col_f32_row(const struct axk_conv_f32 *p, const float *row, int x0, int n,
				   float *dst, int ld)
{
	const int sw = p->sw;
	for (int kx = 0; kx < p->kw; kx++, dst += ld) {
		int at = x0 * sw + kx * p->dw - p->pl; /* of the first output */
		int first = at < 0 ? (-at + sw - 1) / sw : 0;
		int end = at < p->iw ? (p->iw - 1 - at) / sw + 1 : 0;
		first = first < n && row ? first : n;
		end = end < n ? end : n;
		end = end < first ? first : end;
		axk_zero_run_f32(dst, first);
		if (end > first)
			axk_strided_run_f32(dst + first, row + at + (ptrdiff_t)first * sw,
					    end - first, sw);
		axk_zero_run_f32(dst + end, n - end);
	}
}

/* Positions p0 .. p0 + n - 1 of the output plane, all `channels` of `in`. */
AXK_INLINE void axk_im2col_f32(const struct axk_conv_f32 *p, const float *in, int channels, int p0,
			       int n, float *dst, int ld)
{
	const size_t plane = (size_t)p->ih * p->iw, step = (size_t)ld * p->kw;
	for (int done = 0; done < n;) {
		int oy = (p0 + done) / p->ow, x0 = (p0 + done) % p->ow;
		int len = p->ow - x0 < n - done ? p->ow - x0 : n - done;
		float *to = dst + done;
		for (int ic = 0; ic < channels; ic++)
			for (int ky = 0; ky < p->kh; ky++, to += step) {
				int iy = oy * p->sh + ky * p->dh - p->pt;
				const float *row = iy >= 0 && iy < p->ih
							   ? in + ic * plane + (size_t)iy * p->iw
							   : NULL;
				axk_im2col_f32_row(p, row, x0, len, to, ld);
			}
		done += len;
	}
}

/* The output plane is the input plane: a 1x1 kernel that skips nothing. */
AXK_INLINE int axk_conv_f32_is_pointwise(const struct axk_conv_f32 *p)
{
	return p->kh == 1 && p->kw == 1 && p->sh == 1 && p->sw == 1 && p->pt == 0 && p->pl == 0 &&
	       p->oh == p->ih && p->ow == p->iw;
}

#endif
