/* Bilinear resize on u8 NHWC, the specification: rule 9. Unit: one output row. */
#include "kernels/axk.h"
#include "kernels/ref/round.h"

/* The corners of one output pixel and their weights. */
typedef struct axk_resize_u8_c_corners {
	const uint8_t *x11, *x21, *x12, *x22;
	float w11, w21, w12, w22;
} axk_resize_u8_c_corners;

AXK_INLINE void axk_resize_linear_u8_c_pixel(const struct axk_resize_u8 *p, uint8_t *y,
					     const axk_resize_u8_c_corners *k)
{
	for (int c = 0; c < p->c; c++) {
		float t11 = k->w11 * ((float)(k->x11[c] - p->zp_in) * p->s_in);
		float t21 = k->w21 * ((float)(k->x21[c] - p->zp_in) * p->s_in);
		float t12 = k->w12 * ((float)(k->x12[c] - p->zp_in) * p->s_in);
		float t22 = k->w22 * ((float)(k->x22[c] - p->zp_in) * p->s_in);
		float v = (((t11 + t21) + t12) + t22) / p->s_out, zp = (float)p->zp_out;
		y[c] = (uint8_t)(int)(axk_rintf(axk_clampf(v, -zp, 255.0f - zp)) + zp);
	}
}

AXK_FN void AXK_NAME(axk_resize_linear_u8_c)(const void *params, void *const *buf, void *scratch,
					     int begin, int end)
{
	const struct axk_resize_u8 *p = params;
	const int32_t *y0 = buf[2], *y1 = y0 + p->oh, *x0 = y1 + p->oh, *x1 = x0 + p->ow;
	const float *dy1 = buf[3], *dy2 = dy1 + p->oh, *dx1 = dy2 + p->oh, *dx2 = dx1 + p->ow;
	(void)scratch;
	for (int row = begin; row < end; row++) {
		int oy = row % p->oh;
		const uint8_t *x =
			(const uint8_t *)buf[1] + (size_t)(row / p->oh) * p->ih * p->iw * p->in_ld;
		const uint8_t *top = x + (size_t)y0[oy] * p->iw * p->in_ld;
		const uint8_t *bottom = x + (size_t)y1[oy] * p->iw * p->in_ld;
		for (int ox = 0; ox < p->ow; ox++) {
			size_t left = (size_t)x0[ox] * p->in_ld, right = (size_t)x1[ox] * p->in_ld;
			axk_resize_u8_c_corners k = {top + left,        top + right,
						     bottom + left,     bottom + right,
						     dx2[ox] * dy2[oy], dx1[ox] * dy2[oy],
						     dx2[ox] * dy1[oy], dx1[ox] * dy1[oy]};
			axk_resize_linear_u8_c_pixel(
				p, (uint8_t *)buf[0] + ((size_t)row * p->ow + ox) * p->out_ld, &k);
		}
	}
}
