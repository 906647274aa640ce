/* Batch normalization with given statistics. A unit is one channel of one image. */
#include "kernels/ref/math.h"
#include "kernels/ref/scalar.h"
#include "kernels/x86/vec_f32.h"

AXK_FN void AXK_VEC_NAME(axk_batchnorm_f32)(const void *params, void *const *buf, void *scratch,
					    int begin, int end)
{
	const struct axk_batchnorm_f32 *p = params;
	const float *scale = buf[2], *bias = buf[3], *mean = buf[4], *var = buf[5];
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int c = u % p->c;
		float a = scale[c] / axk_sqrtf(var[c] + p->epsilon),
		      b = axk_fmaf(-mean[c], a, bias[c]);
		const axk_vf va = axk_vf_set(a), vb = axk_vf_set(b);
		const float *x = (const float *)buf[1] + (size_t)u * p->inner;
		float *y = (float *)buf[0] + (size_t)u * p->inner;
		for (int i = 0; i < p->inner; i += AXK_VN)
			axk_vf_store_n(y + i, axk_vf_fma(axk_vf_load(x + i), va, vb), p->inner - i);
	}
}
