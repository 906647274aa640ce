/* Convolution u8 x s8, the specification: any kernel, stride, dilation, padding, groups.
 * Unit: one output row of one block of 8 output channels (blocks do not straddle groups).
 * Packed: int32 bias[blocks][8] (zero point folded in), float m[blocks][8],
 * int8 w[blocks][kh][kw][ic/groups][8]. */
#include "kernels/axk.h"
#include "kernels/ref/epilogue.h"
#include "kernels/ref/math.h"
#include "kernels/ref/round.h"

/* One tap: adds n input channels to 8 output channels; x is NULL outside of the image, where every
 * channel is zp. The sums are named so that any compiler keeps them in registers. */
AXK_INLINE const int8_t *axk_conv_u8_c_tap(int32_t acc[8], const uint8_t *x, int zp,
					   const int8_t *w, int n)
{
	int32_t a0 = acc[0], a1 = acc[1], a2 = acc[2], a3 = acc[3];
	int32_t a4 = acc[4], a5 = acc[5], a6 = acc[6], a7 = acc[7];
	for (int i = 0; i < n; i++, w += 8) {
		const int v = x ? x[i] : zp;
		a0 += v * w[0];
		a1 += v * w[1];
		a2 += v * w[2];
		a3 += v * w[3];
		a4 += v * w[4];
		a5 += v * w[5];
		a6 += v * w[6];
		a7 += v * w[7];
	}
	acc[0] = a0;
	acc[1] = a1;
	acc[2] = a2;
	acc[3] = a3;
	acc[4] = a4;
	acc[5] = a5;
	acc[6] = a6;
	acc[7] = a7;
	return w;
}

/* One pixel: adds all taps of 8 channels. x: the image at the group's first channel. */
AXK_INLINE void axk_conv_u8_c_pixel(const struct axk_conv *p, const uint8_t *x, const int8_t *w,
				    int oy, int ox, int32_t acc[8])
{
	const int icg = p->ic / p->groups;
	for (int ky = 0; ky < p->kh; ky++) {
		int iy = oy * p->sh - p->pt + ky * p->dh;
		for (int kx = 0; kx < p->kw; kx++) {
			int ix = ox * p->sw - p->pl + kx * p->dw;
			int inside = iy >= 0 && iy < p->ih && ix >= 0 && ix < p->iw;
			const uint8_t *px =
				inside ? x + ((size_t)iy * p->iw + ix) * p->in_ld : NULL;
			w = axk_conv_u8_c_tap(acc, px, p->zp_in, w, icg);
		}
	}
}

AXK_FN void AXK_NAME(axk_conv_u8_c)(const void *params, void *const *buf, void *scratch, int begin,
				    int end)
{
	const struct axk_conv *p = params;
	const int icg = p->ic / p->groups, ocg = p->oc / p->groups;
	const int group_blocks = (ocg + 7) / 8, blocks = group_blocks * p->groups;
	const int32_t *bias = buf[2];
	const float *m = (const float *)(bias + (size_t)blocks * 8);
	const int8_t *w = (const int8_t *)(m + (size_t)blocks * 8);
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int row = u / blocks, block = u % blocks, g = block / group_blocks;
		int c0 = g * ocg + block % group_blocks * 8;
		int n = (g + 1) * ocg - c0 < 8 ? (g + 1) * ocg - c0 : 8;
		const uint8_t *x = (const uint8_t *)buf[1] +
				   (size_t)(row / p->oh) * p->ih * p->iw * p->in_ld + g * icg;
		for (int ox = 0; ox < p->ow; ox++) {
			size_t pixel = (size_t)row * p->ow + ox, at = pixel * p->out_ld + c0;
			int32_t acc[8];
			memcpy(acc, bias + (size_t)block * 8, sizeof acc);
			axk_conv_u8_c_pixel(p, x, w + (size_t)block * 8 * p->kh * p->kw * icg,
					    row % p->oh, ox, acc);
			axk_epilogue(p, acc, m + (size_t)block * 8, n,
				     p->out_f32 ? (void *)((float *)buf[0] + at)
						: (void *)((uint8_t *)buf[0] + at),
				     buf[3],
				     p->add ? (const uint8_t *)buf[4] + pixel * p->res_ld + c0
					    : NULL);
		}
	}
}
