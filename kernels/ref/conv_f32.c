/* Float convolution, NCHW, the specification. A unit is one output row of one channel.
 * Packed: the weights as they are, [oc][ic/groups][kh][kw], then bias[oc]. */
#include "kernels/axk.h"
#include "kernels/ref/math.h"

enum { AXK_CONV_F32_CHUNK = 64 };

/* acc[i] = fmaf(x at output column x0 + i, w, acc[i]); row is NULL above and below the image. */
AXK_INLINE void axk_conv_f32_c_tap(const struct axk_conv_f32 *p, const float *row, int kx, float w,
				   int x0, int n, float *acc)
{
	const int sw = p->sw, at = x0 * sw + kx * p->dw - p->pl;
	int first = at < 0 ? (-at + sw - 1) / sw : 0;
	int end = at < p->iw ? (p->iw - 1 - at) / sw + 1 : 0;
	first = first < n && row ? first : n;
	end = end < n ? end : n;
	end = end < first ? first : end;
	for (int i = 0; i < first; i++)
		acc[i] = axk_fmaf(0.0f, w, acc[i]);
	const float *x = row ? row + at : row;
	if (sw == 1)
		for (int i = first; i < end; i++)
			acc[i] = axk_fmaf(x[i], w, acc[i]);
	else
		for (int i = first; i < end; i++)
			acc[i] = axk_fmaf(x[i * sw], w, acc[i]);
	for (int i = end; i < n; i++)
		acc[i] = axk_fmaf(0.0f, w, acc[i]);
}

/* n output columns from x0 of row oy; in: the group's first channel, w: the weights of this output
 * channel. */
AXK_INLINE void axk_conv_f32_c_chunk(const struct axk_conv_f32 *p, const float *in, const float *w,
				     int oy, int x0, int n, float *acc)
{
	for (int ic = 0; ic < p->ic / p->groups; ic++, in += (size_t)p->ih * p->iw)
		for (int ky = 0; ky < p->kh; ky++) {
			int iy = oy * p->sh + ky * p->dh - p->pt;
			const float *row = iy >= 0 && iy < p->ih ? in + (size_t)iy * p->iw : NULL;
			for (int kx = 0; kx < p->kw; kx++)
				axk_conv_f32_c_tap(p, row, kx, *w++, x0, n, acc);
		}
}

AXK_FN void AXK_NAME(axk_conv_f32_c)(const void *params, void *const *buf, void *scratch, int begin,
				     int end)
{
	const struct axk_conv_f32 *p = params;
	const int icg = p->ic / p->groups, ocg = p->oc / p->groups;
	const size_t taps = (size_t)icg * p->kh * p->kw;
	const float *w = buf[2], *bias = w + taps * p->oc;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int plane = u / p->oh, oy = u % p->oh, oc = plane % p->oc;
		const float *in =
			(const float *)buf[1] +
			((size_t)(plane / p->oc) * p->ic + oc / ocg * icg) * p->ih * p->iw;
		float *out = (float *)buf[0] + (size_t)u * p->ow;
		for (int x0 = 0; x0 < p->ow; x0 += AXK_CONV_F32_CHUNK) {
			int n = p->ow - x0 < AXK_CONV_F32_CHUNK ? p->ow - x0 : AXK_CONV_F32_CHUNK;
			float acc[AXK_CONV_F32_CHUNK];
			for (int i = 0; i < n; i++)
				acc[i] = bias[oc];
			axk_conv_f32_c_chunk(p, in, w + taps * oc, oy, x0, n, acc);
			for (int i = 0; i < n; i++) {
				float v = acc[i] < p->lo ? p->lo : acc[i];
				out[x0 + i] = v > p->hi ? p->hi : v;
			}
		}
	}
}
