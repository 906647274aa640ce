/* Float max pooling over up to three dimensions. A unit is one plane. */
#include "kernels/x86/vec/pool_f32.h"

AXK_FN void AXK_VEC_NAME(axk_maxpool_f32)(const void *params, void *const *buf, void *scratch, int begin,
					  int end)
{
	const struct axk_pool_f32 *p = params;
	const float low = -1.0f / 0.0f;
	axk_pool_vec_row r;
	(void)scratch;
	axk_pool_vec_inside(p, &r.lo, &r.hi);
	for (int u = begin; u < end; u++) {
		float *y = (float *)buf[0] + (size_t)u * p->out[0] * p->out[1] * p->out[2];
		r.in = (const float *)buf[1] + (size_t)u * p->in[0] * p->in[1] * p->in[2];
		for (int o = 0; o < p->out[0] * p->out[1]; o++, y += p->out[2]) {
			r.oz = o / p->out[1];
			r.oy = o % p->out[1];
			for (int i = 0; i < r.lo; i++)
				y[i] = axk_pool_vec_column(p, &r, i, low, 1);
			for (int i = r.lo; i < r.hi; i += AXK_VN)
				axk_vf_store_n(y + i,
					       axk_pool_vec_columns(p, &r, i, r.hi - i, axk_vf_set(low), 1),
					       r.hi - i);
			for (int i = r.hi; i < p->out[2]; i++)
				y[i] = axk_pool_vec_column(p, &r, i, low, 1);
		}
	}
}
