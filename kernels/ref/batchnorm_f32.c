/* Batch normalization with given statistics. A unit is one channel of one image. */
#include "kernels/axk.h"
#include "kernels/ref/math.h"
#include "kernels/ref/scalar.h"

AXK_FN void AXK_NAME(axk_batchnorm_f32_c)(const void *params, void *const *buf, void *scratch,
					  int begin, int end)
{
	const struct axk_batchnorm_f32 *p = params;
	const float *scale = buf[2], *bias = buf[3], *mean = buf[4], *var = buf[5];
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int c = u % p->c;
		float a = scale[c] / axk_sqrtf(var[c] + p->epsilon),
		      b = axk_fmaf(-mean[c], a, bias[c]);
		const float *x = (const float *)buf[1] + (size_t)u * p->inner;
		float *y = (float *)buf[0] + (size_t)u * p->inner;
		for (int i = 0; i < p->inner; i++)
			y[i] = axk_fmaf(x[i], a, b);
	}
}
