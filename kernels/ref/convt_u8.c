/* Transposed convolution u8 x s8, the specification: each output element gathers the taps that
 * reach it, out[iy * sh - pt + ky * dh] += (in[iy] - zp_in) * w. Unit: one output row. Packed:
 * int32 bias[oc], float m[oc], int8 w[oc][kh][kw][ic/groups]; the zero point is subtracted from the
 * input, since which taps reach an element depends on where it is. */
#include "kernels/axk.h"
#include "kernels/ref/epilogue.h"
#include "kernels/ref/math.h"
#include "kernels/ref/round.h"

/* The input row or column that tap k brings to output position o, or -1. */
AXK_INLINE int axk_convt_u8_c_source(int o, int k, int pad, int stride, int dilation, int size)
{
	int t = o + pad - k * dilation;
	return t >= 0 && t % stride == 0 && t / stride < size ? t / stride : -1;
}

AXK_INLINE int32_t axk_convt_u8_c_dot(const struct axk_conv *p, const uint8_t *x, const int8_t *w,
				      int oy, int ox)
{
	const int icg = p->ic / p->groups;
	int32_t acc = 0;
	for (int ky = 0; ky < p->kh; ky++) {
		int iy = axk_convt_u8_c_source(oy, ky, p->pt, p->sh, p->dh, p->ih);
		for (int kx = 0; kx < p->kw && iy >= 0; kx++) {
			int ix = axk_convt_u8_c_source(ox, kx, p->pl, p->sw, p->dw, p->iw);
			if (ix < 0)
				continue;
			const uint8_t *px = x + ((size_t)iy * p->iw + ix) * p->in_ld;
			const int8_t *wk = w + (size_t)(ky * p->kw + kx) * icg;
			for (int i = 0; i < icg; i++)
				acc += (px[i] - p->zp_in) * wk[i];
		}
	}
	return acc;
}

AXK_FN void AXK_NAME(axk_convt_u8_c)(const void *params, void *const *buf, void *scratch, int begin,
				     int end)
{
	const struct axk_conv *p = params;
	const int icg = p->ic / p->groups, ocg = p->oc / p->groups;
	const int32_t *bias = buf[2];
	const float *m = (const float *)(bias + p->oc);
	const int8_t *w = (const int8_t *)(m + p->oc);
	(void)scratch;
	for (int row = begin; row < end; row++) {
		const uint8_t *x =
			(const uint8_t *)buf[1] + (size_t)(row / p->oh) * p->ih * p->iw * p->in_ld;
		for (int ox = 0; ox < p->ow; ox++) {
			size_t pixel = (size_t)row * p->ow + ox;
			for (int c = 0; c < p->oc; c++) {
				size_t at = pixel * p->out_ld + c;
				int32_t acc = bias[c] + axk_convt_u8_c_dot(
								p, x + c / ocg * icg,
								w + (size_t)c * p->kh * p->kw * icg,
								row % p->oh, ox);
				axk_epilogue(p, &acc, m + c, 1,
					     p->out_f32 ? (void *)((float *)buf[0] + at)
							: (void *)((uint8_t *)buf[0] + at),
					     buf[3],
					     p->add ? (const uint8_t *)buf[4] + pixel * p->res_ld +
							      c
						    : NULL);
			}
		}
	}
}
