/* One axis of a linear or cubic resize. Runs of `inner` elements are vectors; where inner is 1 a
 * vector of outer rows is turned into columns in scratch (in, then out columns), so that every tap
 * is one load. A unit is one outer index. */
#include "kernels/x86/vec_f32.h"

AXK_VEC axk_vf axk_resize_f32_vec_taps(const float *x, ptrdiff_t step, const int32_t *index,
				       const float *w, int taps)
{
	axk_vf v = axk_vf_mul(axk_vf_set(w[0]), axk_vf_load(x + index[0] * step));
	for (int t = 1; t < taps; t++)
		v = axk_vf_fma(axk_vf_set(w[t]), axk_vf_load(x + index[t] * step), v);
	return v;
}

/* One outer index. */
AXK_INLINE void axk_resize_f32_vec_runs(const struct axk_resize_f32 *p, float *y, const float *x,
					const int32_t *index, const float *w)
{
	for (int o = 0; o < p->out; o++, y += p->inner, index += p->taps, w += p->taps)
		for (int i = 0; i < p->inner; i += AXK_VN)
			axk_vf_store_n(y + i,
				       index[0] < 0 ? axk_vf_set(p->extrapolate)
						    : axk_resize_f32_vec_taps(x + i, p->inner,
									      index, w, p->taps),
				       p->inner - i);
}

/* Rows of n elements, AXK_VN of them, to columns. */
AXK_INLINE void axk_resize_f32_vec_turn(float *to, const float *x, int n)
{
	axk_vf column[AXK_VN];
	int i = 0;
	for (; i + AXK_VN <= n; i += AXK_VN) {
		axk_vf_columns(column, x + i, n);
		for (int k = 0; k < AXK_VN; k++)
			axk_vf_store(to + (ptrdiff_t)(i + k) * AXK_VN, column[k]);
	}
	for (; i < n; i++)
		axk_vf_store(to + (ptrdiff_t)i * AXK_VN, axk_vf_load_step(x + i, n));
}

/* AXK_VN outer indices with inner 1. */
AXK_INLINE void axk_resize_f32_vec_rows(const struct axk_resize_f32 *p, float *y, const float *x,
					const int32_t *index, const float *w, float *columns)
{
	float *turned = columns + (ptrdiff_t)p->in * AXK_VN;
	axk_vf row[AXK_VN];
	axk_resize_f32_vec_turn(columns, x, p->in);
	for (int o = 0; o < p->out; o++, index += p->taps, w += p->taps)
		axk_vf_store(turned + (ptrdiff_t)o * AXK_VN,
			     index[0] < 0
				     ? axk_vf_set(p->extrapolate)
				     : axk_resize_f32_vec_taps(columns, AXK_VN, index, w, p->taps));
	for (int o = 0; o < p->out; o += AXK_VN) {
		axk_vf_columns(row, turned + (ptrdiff_t)o * AXK_VN, AXK_VN);
		for (int r = 0; r < AXK_VN; r++)
			axk_vf_store_n(y + (ptrdiff_t)r * p->out + o, row[r], p->out - o);
	}
}

AXK_FN void AXK_VEC_NAME(axk_resize_f32)(const void *params, void *const *buf, void *scratch,
					 int begin, int end)
{
	const struct axk_resize_f32 *p = params;
	const size_t from = (size_t)p->in * p->inner, to = (size_t)p->out * p->inner;
	int u = begin;
	for (; p->inner == 1 && u + AXK_VN <= end; u += AXK_VN)
		axk_resize_f32_vec_rows(p, (float *)buf[0] + (size_t)u * to,
					(const float *)buf[1] + (size_t)u * from, buf[2], buf[3],
					scratch);
	for (; u < end; u++)
		axk_resize_f32_vec_runs(p, (float *)buf[0] + (size_t)u * to,
					(const float *)buf[1] + (size_t)u * from, buf[2], buf[3]);
}
