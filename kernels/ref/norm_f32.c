/* Rows to mean 0 and variance 1, then scale and bias: instance, layer and group normalization. Sums
 * are chains in double, so long rows lose nothing. A unit is a row. */
#include "kernels/axk.h"
#include "kernels/ref/math.h"
#include "kernels/ref/scalar.h"

AXK_INLINE void axk_norm_f32_c_moments(const float *x, int n, float epsilon, float *mean,
				       float *inv)
{
	double sum = 0.0, squares = 0.0;
	for (int i = 0; i < n; i++)
		sum += (double)x[i];
	double m = sum / n;
	for (int i = 0; i < n; i++) {
		double d = (double)x[i] - m;
		squares += d * d;
	}
	*mean = (float)m;
	*inv = 1.0f / axk_sqrtf((float)(squares / n) + epsilon);
}

AXK_FN void AXK_NAME(axk_norm_f32_c)(const void *params, void *const *buf, void *scratch, int begin,
				     int end)
{
	const struct axk_norm_f32 *p = params;
	const float *scale = buf[2], *bias = buf[3];
	(void)scratch;
	for (int u = begin; u < end; u++) {
		const float *x = (const float *)buf[1] + (size_t)u * p->count;
		float *y = (float *)buf[0] + (size_t)u * p->count, mean, inv;
		axk_norm_f32_c_moments(x, p->count, p->epsilon, &mean, &inv);
		int base = u % p->row_mod * p->row_step;
		for (int i = 0, c = base; i < p->count; c++)
			for (int end_c = i + p->inner; i < end_c; i++) {
				float v = (x[i] - mean) * inv;
				y[i] = scale && bias ? axk_fmaf(v, scale[c], bias[c])
				       : scale       ? v * scale[c]
				       : bias        ? v + bias[c]
						     : v;
			}
		if (buf[4])
			((float *)buf[4])[u] = mean;
		if (buf[5])
			((float *)buf[5])[u] = inv;
	}
}
