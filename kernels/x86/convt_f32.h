/* Transposed float convolution as sh * sw ordinary ones: the outputs whose coordinates leave the same remainders
 * (a phase) use the same taps, and neighbours among them read neighbours of the input. Shared by AVX2,
 * AVX-512 and the packing. */
#ifndef AXK_CONVT_F32_H
#define AXK_CONVT_F32_H

typedef struct axk_ct_f32 {
	int ry, rx;     /* remainders of oy + pt, ox + pl */
	int y0, x0;     /* first output */
	int rows, cols; /* outputs */
	int taps;       /* kernel positions */
} axk_ct_f32;

AXK_INLINE int axk_ct_f32_taps(int k, int d, int s, int remainder)
{
	int n = 0;
	for (int i = 0; i < k; i++)
		n += i * d % s == remainder;
	return n;
}

AXK_INLINE axk_ct_f32 axk_ct_f32_phase(const struct axk_conv_f32 *p, int phase)
{
	axk_ct_f32 c;
	c.ry = phase / p->sw;
	c.rx = phase % p->sw;
	c.y0 = ((c.ry - p->pt) % p->sh + p->sh) % p->sh;
	c.x0 = ((c.rx - p->pl) % p->sw + p->sw) % p->sw;
	c.rows = p->oh > c.y0 ? (p->oh - c.y0 + p->sh - 1) / p->sh : 0;
	c.cols = p->ow > c.x0 ? (p->ow - c.x0 + p->sw - 1) / p->sw : 0;
	c.taps = axk_ct_f32_taps(p->kh, p->dh, p->sh, c.ry) * axk_ct_f32_taps(p->kw, p->dw, p->sw, c.rx);
	return c;
}

/* n positions of row j from column i of the phase, all channels: rows of dst are ld apart. */
AXK_INLINE void axk_ct_f32_row(const struct axk_conv_f32 *p, const axk_ct_f32 *c, const float *in, int channels, int j,
			       int i, int n, float *dst, int ld)
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
				int first = ix < 0 ? -ix : 0, end = p->iw - ix, k = 0;
				first = first < n && iy >= 0 && iy < p->ih ? first : n;
				end = end < n ? end : n;
				for (; k < first; k++)
					dst[k] = 0.0f;
				if (end > k) {
					memcpy(dst + k, in + (ptrdiff_t)iy * p->iw + ix + k,
					       (size_t)(end - k) * sizeof *dst);
					k = end;
				}
				for (; k < n; k++)
					dst[k] = 0.0f;
				dst += ld;
			}
		}
}

AXK_INLINE void axk_ct_f32_im2col(const struct axk_conv_f32 *p, const axk_ct_f32 *c, const float *in, int channels,
				  int p0, int n, float *dst, int ld)
{
	for (int done = 0; done < n;) {
		int j = (p0 + done) / c->cols, i = (p0 + done) % c->cols;
		int len = c->cols - i < n - done ? c->cols - i : n - done;
		axk_ct_f32_row(p, c, in, channels, j, i, len, dst + done, ld);
		done += len;
	}
}

/* One channel's positions p0 .. p0 + n - 1 of the phase into its plane. */
AXK_INLINE void axk_ct_f32_store(const struct axk_conv_f32 *p, const axk_ct_f32 *c, const float *from, int p0, int n,
				 float *out)
{
	for (int done = 0; done < n;) {
		int j = (p0 + done) / c->cols, i = (p0 + done) % c->cols;
		int len = c->cols - i < n - done ? c->cols - i : n - done;
		float *to = out + (size_t)(c->y0 + j * p->sh) * p->ow + c->x0 + (ptrdiff_t)i * p->sw;
		for (int k = 0; k < len; k++)
			to[(ptrdiff_t)k * p->sw] = from[done + k];
		done += len;
	}
}

#endif
