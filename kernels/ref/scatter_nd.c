/* Slices written at index tuples, in order. Unit: all of it (later updates win). */
#include "kernels/axk.h"
#include "kernels/ref/scatter.h"

AXK_FN void AXK_NAME(axk_scatter_nd_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_scatter_nd *p = params;
	(void)scratch;
	for (int i = 0; i < p->n && begin < end; i++) {
		ptrdiff_t y = 0;
		for (int k = 0; k < p->k; k++)
			y += (ptrdiff_t)axk_index_at(buf[1], p->index_type, (ptrdiff_t)i * p->k + k, p->dims[k]) * p->sy[k];
		for (int j = 0; j < p->inner; j++)
			axk_scatter_one(p->op, p->type, buf[0], y + j, buf[2], (ptrdiff_t)i * p->inner + j);
	}
}
