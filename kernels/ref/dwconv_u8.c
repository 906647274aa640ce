/* Depthwise convolution u8 x s8, the specification; oc = ic * multiplier, zero point per tensor or
 * per channel. Unit: one output row.
 * Packed: int32 bias[oc] (zero point folded in), float m[oc], int8 w[kh][kw][oc]. */
#include "kernels/axk.h"
#include "kernels/ref/epilogue.h"
#include "kernels/ref/math.h"
#include "kernels/ref/round.h"

enum { AXK_DWCONV_U8_C_BLOCK = 16 };

/* One pixel, channels [c0, c0 + n). */
AXK_INLINE void axk_dwconv_u8_c_pixel(const struct axk_conv *p, const uint8_t *x, const int8_t *w,
				      const uint8_t *zp, int oy, int ox, int c0, int n,
				      int32_t *acc)
{
	const int mult = p->oc / p->ic;
	for (int ky = 0; ky < p->kh; ky++) {
		int iy = oy * p->sh - p->pt + ky * p->dh;
		for (int kx = 0; kx < p->kw; kx++) {
			int ix = ox * p->sw - p->pl + kx * p->dw;
			int inside = iy >= 0 && iy < p->ih && ix >= 0 && ix < p->iw;
			const uint8_t *px = inside ? x + ((size_t)iy * p->iw + ix) * p->in_ld : zp;
			const int8_t *wk = w + (size_t)(ky * p->kw + kx) * p->oc + c0;
			if (!px)
				for (int i = 0; i < n; i++)
					acc[i] += p->zp_in * wk[i];
			else if (mult == 1)
				for (int i = 0; i < n; i++)
					acc[i] += px[c0 + i] * wk[i];
			else
				for (int i = 0; i < n; i++)
					acc[i] += px[(c0 + i) / mult] * wk[i];
		}
	}
}

AXK_FN void AXK_NAME(axk_dwconv_u8_c)(const void *params, void *const *buf, void *scratch,
				      int begin, int end)
{
	const struct axk_conv *p = params;
	const int32_t *bias = buf[2];
	const float *m = (const float *)(bias + p->oc);
	const int8_t *w = (const int8_t *)(m + p->oc);
	const uint8_t *zp = p->zp_in < 0 ? buf[5] : NULL;
	(void)scratch;
	for (int row = begin; row < end; row++) {
		const uint8_t *x =
			(const uint8_t *)buf[1] + (size_t)(row / p->oh) * p->ih * p->iw * p->in_ld;
		for (int ox = 0; ox < p->ow; ox++) {
			size_t pixel = (size_t)row * p->ow + ox;
			for (int c0 = 0; c0 < p->oc; c0 += AXK_DWCONV_U8_C_BLOCK) {
				int n = p->oc - c0 < AXK_DWCONV_U8_C_BLOCK ? p->oc - c0
									   : AXK_DWCONV_U8_C_BLOCK;
				size_t at = pixel * p->out_ld + c0;
				int32_t acc[AXK_DWCONV_U8_C_BLOCK];
				memcpy(acc, bias + c0, (size_t)n * sizeof *acc);
				axk_dwconv_u8_c_pixel(p, x, w, zp, row % p->oh, ox, c0, n, acc);
				axk_epilogue(p, acc, m + c0, n,
					     p->out_f32 ? (void *)((float *)buf[0] + at)
							: (void *)((uint8_t *)buf[0] + at),
					     buf[3],
					     p->add ? (const uint8_t *)buf[4] + pixel * p->res_ld +
							      c0
						    : NULL);
			}
		}
	}
}
