/* Mean of whole planes: one chain of additions each. A unit is a plane; four are added side by
 * side. */
#include "kernels/axk.h"

AXK_FN void AXK_NAME(axk_gavgpool_f32_c)(const void *params, void *const *buf, void *scratch,
					 int begin, int end)
{
	const struct axk_gpool_f32 *p = params;
	const size_t count = (size_t)p->count;
	(void)scratch;
	for (int u = begin; u < end; u += 4) {
		int n = end - u < 4 ? end - u : 4;
		const float *in = (const float *)buf[1] + (size_t)u * count;
		const float *x1 = in + (n > 1 ? 1 : 0) * count, *x2 = in + (n > 2 ? 2 : 0) * count;
		const float *x3 = in + (n > 3 ? 3 : 0) * count;
		float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
		for (size_t i = 0; i < count; i++) {
			sum[0] += in[i];
			sum[1] += x1[i];
			sum[2] += x2[i];
			sum[3] += x3[i];
		}
		for (int i = 0; i < n; i++)
			((float *)buf[0])[u + i] = sum[i] / (float)p->count;
	}
}
