/* Mean of whole planes. A unit is a plane. */
#include "kernels/x86/vec/gpool_f32.h"

AXK_FN void AXK_VEC_NAME(axk_gavgpool_f32)(const void *params, void *const *buf, void *scratch,
					   int begin, int end)
{
	const struct axk_gpool_f32 *p = params;
	const float *x = (const float *)buf[1] + (size_t)begin * p->count;
	float *y = buf[0], n = (float)p->count;
	int u = begin;
	(void)scratch;
	for (; u + AXK_VN <= end; u += AXK_VN, x += (size_t)p->count * AXK_VN)
		axk_vf_store(y + u,
			     axk_vf_div(axk_gpool_vec_planes(x, p->count, axk_vf_set(0.0f), 0),
					axk_vf_set(n)));
	for (; u < end; u++, x += p->count)
		y[u] = axk_gpool_vec_plane(x, p->count, 0.0f, 0) / n;
}
