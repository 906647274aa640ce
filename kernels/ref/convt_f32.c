/* Transposed float convolution, NCHW, the specification. A unit is one output row of one channel.
 * Packed: w[ic][oc/groups][kh][kw], bias[oc]. */
#include "kernels/axk.h"
#include "kernels/ref/math.h"

/* One tap over one output row; row is NULL above and below the input. */
AXK_INLINE void axk_convt_f32_c_tap(const struct axk_conv_f32 *p, const float *row, float w, int kx,
				    float *out)
{
	int at = p->pl - kx * p->dw,
	    first = -at % p->sw; /* first: smallest ox >= 0 with ox + at divisible by sw */
	first = first < 0 ? first + p->sw : first;
	for (int ox = first; ox < p->ow; ox += p->sw) {
		int ix = ox + at >= 0 ? (ox + at) / p->sw : -1;
		out[ox] = axk_fmaf(row && ix >= 0 && ix < p->iw ? row[ix] : 0.0f, w, out[ox]);
	}
}

AXK_INLINE void axk_convt_f32_c_channel(const struct axk_conv_f32 *p, const float *in,
					const float *w, int oy, float *out)
{
	for (int ky = 0; ky < p->kh; ky++) {
		int y = oy + p->pt - ky * p->dh;
		if (y % p->sh)
			continue;
		const float *row =
			y >= 0 && y / p->sh < p->ih ? in + (size_t)(y / p->sh) * p->iw : NULL;
		for (int kx = 0; kx < p->kw; kx++)
			axk_convt_f32_c_tap(p, row, w[ky * p->kw + kx], kx, out);
	}
}

AXK_FN void AXK_NAME(axk_convt_f32_c)(const void *params, void *const *buf, void *scratch,
				      int begin, int end)
{
	const struct axk_conv_f32 *p = params;
	const int icg = p->ic / p->groups, ocg = p->oc / p->groups;
	const size_t taps = (size_t)p->kh * p->kw, in_plane = (size_t)p->ih * p->iw;
	const float *weights = buf[2], *bias = weights + (size_t)p->ic * ocg * taps;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int plane = u / p->oh, oy = u % p->oh, oc = plane % p->oc, g = oc / ocg;
		float *out = (float *)buf[0] + (size_t)u * p->ow;
		const float *in = (const float *)buf[1] +
				  ((size_t)(plane / p->oc) * p->ic + g * icg) * in_plane;
		for (int i = 0; i < p->ow; i++)
			out[i] = bias[oc];
		for (int ic = 0; ic < icg; ic++)
			axk_convt_f32_c_channel(
				p, in + ic * in_plane,
				weights + ((size_t)(g * icg + ic) * ocg + oc % ocg) * taps, oy,
				out);
		for (int i = 0; i < p->ow; i++) {
			float v = out[i] < p->lo ? p->lo : out[i];
			out[i] = v > p->hi ? p->hi : v;
		}
	}
}
