/* Gather of slices by index tuples. Unit: one tuple. */
#include "kernels/axk.h"
#include "kernels/ref/int_at.h"

AXK_FN void AXK_NAME(axk_gather_nd_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_gather_nd *p = params;
	const size_t run = (size_t)p->inner * (size_t)p->elem_bytes;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		ptrdiff_t x = (ptrdiff_t)(u / p->n) * p->batch_stride;
		for (int k = 0; k < p->k; k++)
			x += (ptrdiff_t)axk_index_at(buf[2], p->index_type, (ptrdiff_t)u * p->k + k, p->dims[k]) * p->sx[k];
		memcpy((char *)buf[0] + (size_t)u * run, (const char *)buf[1] + x * p->elem_bytes, run);
	}
}
