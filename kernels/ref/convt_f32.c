/* Transposed float convolution, NCHW: scattered into the output plane, so each element's chain runs over
 * ic, ky, kx. A unit is one output channel of one image. Packed: w[ic][oc/groups][kh][kw], bias[oc]. */
#include "kernels/axk.h"
#include "kernels/ref/math.h"

/* One tap of one input row into one output row. */
AXK_INLINE void axk_convt_f32_c_row(const struct axk_conv_f32 *p, const float *x, float w, int kx,
				    float *y)
{
	const int sw = p->sw, at = kx * p->dw - p->pl;
	int first = at < 0 ? (-at + sw - 1) / sw : 0;
	int end = at < p->ow ? (p->ow - 1 - at) / sw + 1 : 0;
	end = end < p->iw ? end : p->iw;
	if (sw == 1)
		for (int i = first; i < end; i++)
			y[i + at] = axk_fmaf(x[i], w, y[i + at]);
	else
		for (int i = first; i < end; i++)
			y[i * sw + at] = axk_fmaf(x[i], w, y[i * sw + at]);
}

AXK_INLINE void axk_convt_f32_c_plane(const struct axk_conv_f32 *p, const float *in, const float *w,
				      float *out)
{
	for (int ky = 0; ky < p->kh; ky++)
		for (int kx = 0; kx < p->kw; kx++, w++)
			for (int iy = 0; iy < p->ih; iy++) {
				int oy = iy * p->sh + ky * p->dh - p->pt;
				if (oy >= 0 && oy < p->oh)
					axk_convt_f32_c_row(p, in + (size_t)iy * p->iw, *w, kx,
							    out + (size_t)oy * p->ow);
			}
}

AXK_FN void AXK_NAME(axk_convt_f32_c)(const void *params, void *const *buf, void *scratch, int begin,
				      int end)
{
	const struct axk_conv_f32 *p = params;
	const int icg = p->ic / p->groups, ocg = p->oc / p->groups;
	const size_t taps = (size_t)p->kh * p->kw, in_plane = (size_t)p->ih * p->iw;
	const size_t plane = (size_t)p->oh * p->ow;
	const float *weights = buf[2], *bias = weights + (size_t)p->ic * ocg * taps;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int oc = u % p->oc, g = oc / ocg;
		float *out = (float *)buf[0] + (size_t)u * plane;
		const float *in = (const float *)buf[1] + ((size_t)(u / p->oc) * p->ic + g * icg) * in_plane;
		for (size_t i = 0; i < plane; i++)
			out[i] = bias[oc];
		for (int ic = 0; ic < icg; ic++)
			axk_convt_f32_c_plane(p, in + ic * in_plane,
					      weights + ((size_t)(g * icg + ic) * ocg + oc % ocg) * taps, out);
		for (size_t i = 0; i < plane; i++) {
			float v = out[i] < p->lo ? p->lo : out[i];
			out[i] = v > p->hi ? p->hi : v;
		}
	}
}
