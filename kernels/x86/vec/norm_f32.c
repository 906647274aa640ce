/* Rows to mean 0 and variance 1, then scale and bias. The two sums of a row are chains in double; a
 * vector of rows has its chains side by side. A unit is a row. */
#include "kernels/ref/math.h"
#include "kernels/ref/scalar.h"
#include "kernels/x86/vec_f32.h"

/* One step of the sum, or of that of the squares of deviations from m. */
AXK_VEC axk_vd axk_norm_vec_step(axk_vd sum, axk_vf x, axk_vd m, int squares)
{
	axk_vd v = axk_vd_from(x), d;
	if (!squares)
		return axk_vd_add(sum, v);
	d = axk_vd_sub(v, m);
	return axk_vd_add(sum, axk_vd_mul(d, d));
}

AXK_VEC axk_vd axk_norm_vec_sum(const float *x, int n, axk_vd m, int squares)
{
	axk_vd sum = axk_vd_set(0.0);
	axk_vf column[AXK_VN];
	int i = 0;
	for (; i + AXK_VN <= n; i += AXK_VN) {
		axk_vf_columns(column, x + i, n);
		for (int k = 0; k < AXK_VN; k++)
			sum = axk_norm_vec_step(sum, column[k], m, squares);
	}
	for (; i < n; i++)
		sum = axk_norm_vec_step(sum, axk_vf_load_step(x + i, n), m, squares);
	return sum;
}

/* Mean and 1 / deviation of AXK_VN rows. */
AXK_INLINE void axk_norm_vec_moments(const float *x, int n, float epsilon, float *mean, float *inv)
{
	double m[AXK_VN], squares[AXK_VN];
	axk_vd_store(m, axk_norm_vec_sum(x, n, axk_vd_set(0.0), 0));
	for (int r = 0; r < AXK_VN; r++)
		m[r] /= n;
	axk_vd_store(squares, axk_norm_vec_sum(x, n, axk_vd_load(m), 1));
	for (int r = 0; r < AXK_VN; r++) {
		mean[r] = (float)m[r];
		inv[r] = 1.0f / axk_sqrtf((float)(squares[r] / n) + epsilon);
	}
}

AXK_INLINE void axk_norm_vec_moment(const float *x, int n, float epsilon, float *mean, float *inv)
{
	double sum = 0.0, squares = 0.0, m;
	for (int i = 0; i < n; i++)
		sum += (double)x[i];
	m = sum / n;
	for (int i = 0; i < n; i++) {
		double d = (double)x[i] - m;
		squares += d * d;
	}
	*mean = (float)m;
	*inv = 1.0f / axk_sqrtf((float)(squares / n) + epsilon);
}

/* n elements; scale and bias: NULL, one (step 0) or one each (step 1). */
AXK_INLINE void axk_norm_vec_run(float *y, const float *x, int n, float mean, float inv,
				 const float *scale, const float *bias, int step)
{
	const axk_vf m = axk_vf_set(mean), r = axk_vf_set(inv);
	axk_vf s = axk_vf_set(scale ? *scale : 0.0f), b = axk_vf_set(bias ? *bias : 0.0f);
	for (int i = 0; i < n; i += AXK_VN) {
		axk_vf v = axk_vf_mul(axk_vf_sub(axk_vf_load(x + i), m), r);
		if (step && scale)
			s = axk_vf_load(scale + i);
		if (step && bias)
			b = axk_vf_load(bias + i);
		v = scale && bias ? axk_vf_fma(v, s, b)
		    : scale       ? axk_vf_mul(v, s)
		    : bias        ? axk_vf_add(v, b)
				  : v;
		axk_vf_store_n(y + i, v, n - i);
	}
}

AXK_INLINE void axk_norm_vec_row(const struct axk_norm_f32 *p, void *const *buf, int u, float mean,
				 float inv)
{
	const float *scale = buf[2], *bias = buf[3],
		    *x = (const float *)buf[1] + (size_t)u * p->count;
	float *y = (float *)buf[0] + (size_t)u * p->count;
	int c = u % p->row_mod * p->row_step;
	if (p->inner == 1)
		axk_norm_vec_run(y, x, p->count, mean, inv, scale ? scale + c : NULL,
				 bias ? bias + c : NULL, 1);
	else
		for (int i = 0; i < p->count; i += p->inner, c++)
			axk_norm_vec_run(y + i, x + i, p->inner, mean, inv,
					 scale ? scale + c : NULL, bias ? bias + c : NULL, 0);
	if (buf[4])
		((float *)buf[4])[u] = mean;
	if (buf[5])
		((float *)buf[5])[u] = inv;
}

AXK_FN void AXK_VEC_NAME(axk_norm_f32)(const void *params, void *const *buf, void *scratch,
				       int begin, int end)
{
	const struct axk_norm_f32 *p = params;
	float mean[AXK_VN], inv[AXK_VN];
	int u = begin;
	(void)scratch;
	for (; u + AXK_VN <= end; u += AXK_VN) {
		axk_norm_vec_moments((const float *)buf[1] + (size_t)u * p->count, p->count,
				     p->epsilon, mean, inv);
		for (int r = 0; r < AXK_VN; r++)
			axk_norm_vec_row(p, buf, u + r, mean[r], inv[r]);
	}
	for (; u < end; u++) {
		axk_norm_vec_moment((const float *)buf[1] + (size_t)u * p->count, p->count,
				    p->epsilon, mean, inv);
		axk_norm_vec_row(p, buf, u, *mean, *inv);
	}
}
