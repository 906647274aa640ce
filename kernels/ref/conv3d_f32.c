/* Convolution and transposed convolution over three spatial dimensions. A unit is one output
 * channel of one image. Packed: w[oc][ic/groups][kd][kh][kw] (transposed: w[ic][oc/groups]...),
 * then bias[oc]. */
#include "kernels/axk.h"
#include "kernels/ref/math.h"

/* Input coordinate that tap k brings to output o, or -1. */
AXK_INLINE int axk_conv3d_f32_c_at(const struct axk_conv3d_f32 *p, int dim, int o, int k)
{
	if (!p->transposed) {
		int i = o * p->s[dim] + k * p->d[dim] - p->p[dim];
		return i < p->in[dim] ? i : -1;
	}
	int i = o + p->p[dim] - k * p->d[dim];
	return i >= 0 && i % p->s[dim] == 0 && i / p->s[dim] < p->in[dim] ? i / p->s[dim] : -1;
}

AXK_INLINE float axk_conv3d_f32_c_dot(const struct axk_conv3d_f32 *p, const float *in,
				      const float *w, const int o[3], float acc)
{
	for (int kz = 0; kz < p->k[0]; kz++)
		for (int ky = 0; ky < p->k[1]; ky++)
			for (int kx = 0; kx < p->k[2]; kx++, w++) {
				int z = axk_conv3d_f32_c_at(p, 0, o[0], kz);
				int y = axk_conv3d_f32_c_at(p, 1, o[1], ky);
				int x = axk_conv3d_f32_c_at(p, 2, o[2], kx);
				if (z >= 0 && y >= 0 && x >= 0)
					acc = axk_fmaf(
						in[((size_t)z * p->in[1] + y) * p->in[2] + x], *w,
						acc);
			}
	return acc;
}

AXK_FN void AXK_NAME(axk_conv3d_f32_c)(const void *params, void *const *buf, void *scratch,
				       int begin, int end)
{
	const struct axk_conv3d_f32 *p = params;
	const int icg = p->ic / p->groups, ocg = p->oc / p->groups;
	const size_t taps = (size_t)p->k[0] * p->k[1] * p->k[2];
	const size_t plane = (size_t)p->in[0] * p->in[1] * p->in[2];
	const float *weights = buf[2],
		    *bias = weights +
			    taps * (p->transposed ? (size_t)p->ic * ocg : (size_t)p->oc * icg);
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int oc = u % p->oc, g = oc / ocg, o[3];
		const float *in =
			(const float *)buf[1] + ((size_t)(u / p->oc) * p->ic + g * icg) * plane;
		float *out = (float *)buf[0] + (size_t)u * p->out[0] * p->out[1] * p->out[2];
		for (o[0] = 0; o[0] < p->out[0]; o[0]++)
			for (o[1] = 0; o[1] < p->out[1]; o[1]++)
				for (o[2] = 0; o[2] < p->out[2]; o[2]++) {
					float acc = bias[oc];
					for (int ic = 0; ic < icg; ic++) {
						size_t at = p->transposed
								    ? (size_t)(g * icg + ic) * ocg +
									      oc % ocg
								    : (size_t)oc * icg + ic;
						acc = axk_conv3d_f32_c_dot(p, in + ic * plane,
									   weights + at * taps, o,
									   acc);
					}
					*out++ = acc;
				}
	}
}
