/* Gather with an index per element. Unit: a place of all dimensions but the innermost. */
#include "kernels/axk.h"
#include "kernels/ref/int_at.h"
#include "kernels/ref/walk.h"

AXK_FN void AXK_NAME(axk_gather_elements_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_gather_elements *p = params;
	const size_t bytes = (size_t)p->elem_bytes;
	int strides[8];
	(void)scratch;
	memcpy(strides, p->sx, sizeof strides);
	strides[p->axis] = 0; /* that coordinate comes from the index */
	for (int u = begin; u < end; u++)
		for (int i = 0; i < p->dims[7]; i++) {
			ptrdiff_t at = (ptrdiff_t)u * p->dims[7] + i;
			ptrdiff_t x = axk_place(p->dims, strides, 7, u) + (ptrdiff_t)i * strides[7];
			x += (ptrdiff_t)axk_index_at(buf[2], p->index_type, at, p->extent) * p->sx[p->axis];
			memcpy((char *)buf[0] + at * p->elem_bytes, (const char *)buf[1] + x * p->elem_bytes, bytes);
		}
}
