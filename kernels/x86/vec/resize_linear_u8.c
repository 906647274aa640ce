/* Bilinear resize on u8 NHWC, a vector of channels at a time. Unit: one output row. */
#include "kernels/x86/vec_f32.h"

/* The corners of one output pixel and their weights. */
typedef struct axk_resize_vec_corners {
	const uint8_t *x11, *x21, *x12, *x22;
	float w11, w21, w12, w22;
} axk_resize_vec_corners;

AXK_VEC axk_vf axk_resize_vec_term(const struct axk_resize_u8 *p, const uint8_t *x, float w)
{
	axk_vf v = axk_vi_convert(axk_vi_sub(axk_vi_load_u8(x), axk_vi_set(p->zp_in)));
	return axk_vf_mul(axk_vf_set(w), axk_vf_mul(v, axk_vf_set(p->s_in)));
}

AXK_INLINE void axk_resize_vec_pixel(const struct axk_resize_u8 *p, uint8_t *y,
				     const axk_resize_vec_corners *k)
{
	const axk_vf lo = axk_vf_set(-(float)p->zp_out), hi = axk_vf_set(255.0f - (float)p->zp_out);
	const axk_vf s_out = axk_vf_set(p->s_out);
	for (int c = 0; c < p->c; c += AXK_VN) {
		axk_vf v = axk_vf_add(axk_resize_vec_term(p, k->x11 + c, k->w11),
				      axk_resize_vec_term(p, k->x21 + c, k->w21));
		v = axk_vf_add(v, axk_resize_vec_term(p, k->x12 + c, k->w12));
		v = axk_vf_div(axk_vf_add(v, axk_resize_vec_term(p, k->x22 + c, k->w22)), s_out);
		axk_vi q = axk_vf_rint(axk_vf_min(axk_vf_max(v, lo), hi));
		axk_vi_store_u8_n(y + c, axk_vi_add(q, axk_vi_set(p->zp_out)), p->c - c);
	}
}

AXK_FN void AXK_VEC_NAME(axk_resize_linear_u8)(const void *params, void *const *buf, void *scratch,
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
			axk_resize_vec_corners k = {top + left,        top + right,
						    bottom + left,     bottom + right,
						    dx2[ox] * dy2[oy], dx1[ox] * dy2[oy],
						    dx2[ox] * dy1[oy], dx1[ox] * dy1[oy]};
			axk_resize_vec_pixel(
				p, (uint8_t *)buf[0] + ((size_t)row * p->ow + ox) * p->out_ld, &k);
		}
	}
}
