/* Accumulators that a convolution left as float, times m: rule 1, or float. Unit: one row. */
#include "kernels/x86/vec_f32.h"

AXK_INLINE void axk_requant_vec_u8(const struct axk_requant *p, uint8_t *q, const float *x,
				   const float *m, const float *zps)
{
	axk_vf zp = axk_vf_set(p->zp), lo = axk_vf_set(p->lo), hi = axk_vf_set(p->hi);
	for (int i = 0; i < p->c; i += AXK_VN) {
		if (p->per_channel) {
			zp = axk_vf_load(zps + i);
			lo = axk_vf_sub(axk_vf_set(0.0f), zp);
			hi = axk_vf_sub(axk_vf_set(255.0f), zp);
		}
		axk_vf v = axk_vf_mul(axk_vf_load(x + i), axk_vf_load(m + i));
		v = axk_vf_round(axk_vf_min(axk_vf_max(v, lo), hi));
		axk_vi_store_u8_n(q + i, axk_vf_rint(axk_vf_add(v, zp)), p->c - i);
	}
}

AXK_FN void AXK_VEC_NAME(axk_requant)(const void *params, void *const *buf, void *scratch,
				      int begin, int end)
{
	const struct axk_requant *p = params;
	const float *m = buf[2];
	(void)scratch;
	for (int r = begin; r < end; r++) {
		const float *x = (const float *)buf[1] + (size_t)r * p->in_ld;
		float *f = (float *)buf[0] + (size_t)r * p->out_ld;
		if (!p->out_f32)
			axk_requant_vec_u8(p, (uint8_t *)buf[0] + (size_t)r * p->out_ld, x, m,
					   buf[3]);
		for (int i = 0; i < p->c && p->out_f32; i += AXK_VN)
			axk_vf_store_n(f + i, axk_vf_mul(axk_vf_load(x + i), axk_vf_load(m + i)),
				       p->c - i);
	}
}
