/* Elements written at an index each, in row-major order. Unit: all of it (later updates win). */
#include "kernels/axk.h"
#include "kernels/ref/scatter.h"
#include "kernels/ref/walk.h"

AXK_FN void AXK_NAME(axk_scatter_elements_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_scatter_elements *p = params;
	const int n = axk_product(p->dims, 8);
	int strides[8];
	(void)scratch;
	memcpy(strides, p->sy, sizeof strides);
	strides[p->axis] = 0; /* that coordinate comes from the index */
	for (int i = 0; i < n && begin < end; i++) {
		ptrdiff_t y = axk_place(p->dims, strides, 8, i);
		y += (ptrdiff_t)axk_index_at(buf[1], p->index_type, i, p->extent) * p->sy[p->axis];
		axk_scatter_one(p->op, p->type, buf[0], y, buf[2], i);
	}
}
