/* Float average pooling over up to three dimensions. A unit is one plane. */
#include "kernels/x86/vec/pool_f32.h"

/* How many taps of dimension `dim` count at output o. */
AXK_INLINE int axk_avgpool_vec_count(const struct axk_pool_f32 *p, int dim, int o)
{
	int lo = p->count_pad ? -p->pb[dim] : 0, hi = p->in[dim] + (p->count_pad ? p->pe[dim] : 0), n = 0;
	for (int k = 0; k < p->k[dim]; k++) {
		int at = o * p->s[dim] + k * p->d[dim] - p->pb[dim];
		n += at >= lo && at < hi;
	}
	return n;
}

/* A column at the border; n: taps that count in the other dimensions. */
AXK_INLINE float axk_avgpool_vec_border(const struct axk_pool_f32 *p, const axk_pool_vec_row *r, int ox, int n)
{
	int count = n * axk_avgpool_vec_count(p, 2, ox);
	return count ? axk_pool_vec_column(p, r, ox, 0.0f, 0) / (float)count : 0.0f;
}

AXK_FN void AXK_VEC_NAME(axk_avgpool_f32)(const void *params, void *const *buf, void *scratch, int begin,
					  int end)
{
	const struct axk_pool_f32 *p = params;
	const axk_vf zero = axk_vf_set(0.0f);
	axk_pool_vec_row r;
	(void)scratch;
	axk_pool_vec_inside(p, &r.lo, &r.hi);
	for (int u = begin; u < end; u++) {
		float *y = (float *)buf[0] + (size_t)u * p->out[0] * p->out[1] * p->out[2];
		r.in = (const float *)buf[1] + (size_t)u * p->in[0] * p->in[1] * p->in[2];
		for (int o = 0; o < p->out[0] * p->out[1]; o++, y += p->out[2]) {
			r.oz = o / p->out[1];
			r.oy = o % p->out[1];
			int n = axk_avgpool_vec_count(p, 0, r.oz) * axk_avgpool_vec_count(p, 1, r.oy);
			const axk_vf count = axk_vf_set((float)(n * p->k[2]));
			for (int i = 0; i < r.lo; i++)
				y[i] = axk_avgpool_vec_border(p, &r, i, n);
			for (int i = r.lo; i < r.hi; i += AXK_VN) {
				axk_vf v = n ? axk_vf_div(axk_pool_vec_columns(p, &r, i, r.hi - i, zero, 0), count)
					     : zero;
				axk_vf_store_n(y + i, v, r.hi - i);
			}
			for (int i = r.hi; i < p->out[2]; i++)
				y[i] = axk_avgpool_vec_border(p, &r, i, n);
		}
	}
}
