/* Maximum of whole planes. A unit is a plane. */
#include "kernels/axk.h"

AXK_FN void AXK_NAME(axk_gmaxpool_f32_c)(const void *params, void *const *buf, void *scratch,
					 int begin, int end)
{
	const struct axk_gpool_f32 *p = params;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		const float *in = (const float *)buf[1] + (size_t)u * p->count;
		float max = -1.0f / 0.0f;
		for (int i = 0; i < p->count; i++)
			max = in[i] > max ? in[i] : max;
		((float *)buf[0])[u] = max;
	}
}
