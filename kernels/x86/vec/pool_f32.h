/* Windows of float pooling: one output row, the columns whose windows lie inside the image a vector at a
 * time with all taps in a register, the others one by one. */
#ifndef AXK_VEC_POOL_F32_H
#define AXK_VEC_POOL_F32_H

#include "kernels/ref/window_f32.h"
#include "kernels/x86/vec_f32.h"

/* One output row: the image rows its windows reach, in order. */
typedef struct axk_pool_vec_row {
	const float *in;
	int oz, oy;
	int lo, hi; /* columns whose windows lie inside the image */
} axk_pool_vec_row;

AXK_VEC axk_vf axk_pool_vec_step(axk_vf acc, axk_vf x, int max)
{
	return max ? axk_vf_max(x, acc) : axk_vf_add(acc, x);
}

/* Columns ox.. of which n count. */
AXK_VEC axk_vf axk_pool_vec_columns(const struct axk_pool_f32 *p, const axk_pool_vec_row *r, int ox, int n,
				    axk_vf acc, int max)
{
	const int s = p->s[2];
	for (int kz = 0; kz < p->k[0]; kz++)
		for (int ky = 0; ky < p->k[1]; ky++) {
			const float *x = axk_window_f32_row(p, r->in, r->oz, r->oy, kz, ky);
			if (!x)
				continue;
			x += (ptrdiff_t)ox * s - p->pb[2];
			for (int kx = 0; kx < p->k[2]; kx++, x += p->d[2])
				acc = axk_pool_vec_step(acc,
							s == 1   ? axk_vf_load(x)
							: s == 2 ? axk_vf_load_even(x, n)
								 : axk_vf_load_step(x, s),
							max);
		}
	return acc;
}

/* One column, taps outside the image left out. */
AXK_VEC float axk_pool_vec_column(const struct axk_pool_f32 *p, const axk_pool_vec_row *r, int ox, float acc,
				  int max)
{
	for (int kz = 0; kz < p->k[0]; kz++)
		for (int ky = 0; ky < p->k[1]; ky++) {
			const float *x = axk_window_f32_row(p, r->in, r->oz, r->oy, kz, ky);
			for (int kx = 0; kx < p->k[2] && x; kx++) {
				int at = ox * p->s[2] + kx * p->d[2] - p->pb[2];
				if (at >= 0 && at < p->in[2])
					acc = max ? (x[at] > acc ? x[at] : acc) : acc + x[at];
			}
		}
	return acc;
}

/* Columns [*lo, *hi) whose windows lie inside the image; where vectors of three or more apart do not fit, whole
 * ones only. */
AXK_VEC void axk_pool_vec_inside(const struct axk_pool_f32 *p, int *lo, int *hi)
{
	int first, end;
	axk_window_f32_span(p, 2, 0, 0, p->in[2], lo, &end);
	axk_window_f32_span(p, 2, p->k[2] - 1, 0, p->in[2], &first, hi);
	*hi = *hi < end ? *hi : end;
	*lo = *lo > first ? *lo : first;
	*hi = *hi < *lo ? *lo : *hi;
	if (p->s[2] > 2)
		*hi = *lo + (*hi - *lo) / AXK_VN * AXK_VN;
}

#endif
