/* Average pooling on u8: a vector of channels at a time, each a float sum in window order.
 * Unit: one output row. */
#include "kernels/x86/vec_f32.h"

/* Of the k taps from position `at`, those inside [lo, hi): [*first, *last). */
AXK_INLINE void axk_avgpool_u8_inside(int at, int k, int dilation, int lo, int hi, int *first,
				      int *last)
{
	*first = at < lo ? (lo - at + dilation - 1) / dilation : 0;
	*first = *first < k ? *first : k;
	*last = at >= hi ? 0 : (hi - at + dilation - 1) / dilation;
	*last = *last < k ? *last : k;
	*last = *last > *first ? *last : *first;
}

/* How many taps the divisor counts along one axis. */
AXK_INLINE int axk_avgpool_u8_count(int at, int k, int dilation, int size, int before, int after,
				    int count_pad)
{
	int first, last;
	axk_avgpool_u8_inside(at, k, dilation, count_pad ? -before : 0,
			      count_pad ? size + after : size, &first, &last);
	return last - first;
}

AXK_VEC axk_vi axk_avgpool_u8_window(const struct axk_pool *p, const uint8_t *x, int rows, int cols,
				     float count)
{
	const axk_vi zp_in = axk_vi_set(p->zp_in);
	const axk_vf s_in = axk_vf_set(p->s_in);
	axk_vf q = axk_vf_set(0.0f);
	for (int ky = 0; ky < rows; ky++, x += (size_t)p->dh * p->iw * p->in_ld)
		for (int kx = 0; kx < cols; kx++) {
			axk_vi v = axk_vi_load_u8(x + (size_t)kx * p->dw * p->in_ld);
			q = axk_vf_add(q, axk_vf_mul(axk_vi_convert(axk_vi_sub(v, zp_in)), s_in));
		}
	if (count > 0.0f)
		q = axk_vf_div(axk_vf_div(q, axk_vf_set(count)), axk_vf_set(p->s_out));
	q = axk_vf_add(q, axk_vf_set((float)p->zp_out));
	return axk_vf_rint(axk_vf_min(axk_vf_max(q, axk_vf_set(0.0f)), axk_vf_set(255.0f)));
}

AXK_FN void AXK_VEC_NAME(axk_avgpool_u8)(const void *params, void *const *buf, void *scratch,
					 int begin, int end)
{
	const struct axk_pool *p = params;
	(void)scratch;
	for (int row = begin; row < end; row++) {
		const uint8_t *x =
			(const uint8_t *)buf[1] + (size_t)(row / p->oh) * p->ih * p->iw * p->in_ld;
		int y0 = row % p->oh * p->sh - p->pt, ky0, ky1, kx0, kx1;
		int rows =
			axk_avgpool_u8_count(y0, p->kh, p->dh, p->ih, p->pt, p->pb, p->count_pad);
		axk_avgpool_u8_inside(y0, p->kh, p->dh, 0, p->ih, &ky0, &ky1);
		for (int ox = 0; ox < p->ow; ox++) {
			uint8_t *y = (uint8_t *)buf[0] + ((size_t)row * p->ow + ox) * p->out_ld;
			int x0 = ox * p->sw - p->pl;
			int cols = axk_avgpool_u8_count(x0, p->kw, p->dw, p->iw, p->pl, p->pr,
							p->count_pad);
			axk_avgpool_u8_inside(x0, p->kw, p->dw, 0, p->iw, &kx0, &kx1);
			const uint8_t *at = x;
			if (ky1 > ky0 && kx1 > kx0)
				at += ((size_t)(y0 + ky0 * p->dh) * p->iw +
				       (size_t)(x0 + kx0 * p->dw)) *
				      p->in_ld;
			for (int c = 0; c < p->c; c += AXK_VN)
				axk_vi_store_u8_n(y + c,
						  axk_avgpool_u8_window(p, at + c, ky1 - ky0,
									kx1 - kx0,
									(float)(rows * cols)),
						  p->c - c);
		}
	}
}
