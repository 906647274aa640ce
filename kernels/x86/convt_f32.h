/* Transposed float convolution, phase by phase (phases_f32.h): its matrices, and results to where
 * they belong. Shared by AVX2 and AVX-512. */
#ifndef AXK_CONVT_F32_H
#define AXK_CONVT_F32_H

#include "kernels/x86/phases_f32.h"
#include "kernels/x86/runs_f32.h"

/* n positions of row j from column i of the phase, all channels: rows of dst are ld apart. */
AXK_INLINE void axk_ct_f32_row(const struct axk_conv_f32 *p, const axk_ct_f32 *c, const float *in,
			       int channels, int j, int i, int n, float *dst, int ld)
{
	for (int ic = 0; ic < channels; ic++, in += (size_t)p->ih * p->iw)
		for (int ky = 0; ky < p->kh; ky++) {
			if (ky * p->dh % p->sh != c->ry)
				continue;
			/* both divisions are exact */
			int iy = (c->y0 + p->pt - ky * p->dh) / p->sh + j;
			for (int kx = 0; kx < p->kw; kx++) {
				if (kx * p->dw % p->sw != c->rx)
					continue;
				int ix = (c->x0 + p->pl - kx * p->dw) / p->sw + i;
				int first = ix < 0 ? -ix : 0, end = p->iw - ix;
				first = first < n && iy >= 0 && iy < p->ih ? first : n;
				end = end < n ? end : n;
				end = end < first ? first : end;
				axk_zero_run_f32(dst, first);
				if (end > first)
					axk_copy_run_f32(dst + first,
							 in + (ptrdiff_t)iy * p->iw + ix + first,
							 end - first);
				axk_zero_run_f32(dst + end, n - end);
				dst += ld;
			}
		}
}

AXK_INLINE void axk_ct_f32_im2col(const struct axk_conv_f32 *p, const axk_ct_f32 *c,
				  const float *in, int channels, int p0, int n, float *dst, int ld)
{
	for (int done = 0; done < n;) {
		int j = (p0 + done) / c->cols, i = (p0 + done) % c->cols;
		int len = c->cols - i < n - done ? c->cols - i : n - done;
		axk_ct_f32_row(p, c, in, channels, j, i, len, dst + done, ld);
		done += len;
	}
}

/* One channel's positions p0 .. p0 + n - 1 of the phase into its plane. */
AXK_INLINE void axk_ct_f32_store(const struct axk_conv_f32 *p, const axk_ct_f32 *c,
				 const float *from, int p0, int n, float *out)
{
	for (int done = 0; done < n;) {
		int j = (p0 + done) / c->cols, i = (p0 + done) % c->cols;
		int len = c->cols - i < n - done ? c->cols - i : n - done;
		float *to =
			out + (size_t)(c->y0 + j * p->sh) * p->ow + c->x0 + (ptrdiff_t)i * p->sw;
		axk_scatter_run_f32(to, from + done, len, p->sw);
		done += len;
	}
}

#endif
