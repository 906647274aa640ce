/* Strided fill with one element. Unit: a block of rows (plan2d.h). */
#include "kernels/axk.h"
#include "kernels/ref/plan2d.h"

#define AXK_ROWS(T) \
	for (int r = 0; r < rows; r++) \
		for (int i = 0; i < q.n0; i++) \
			((T *)buf[0])[y + (ptrdiff_t)r * q.sy1 + (ptrdiff_t)i * q.sy0] = *(const T *)buf[1]; \
	break

AXK_FN void AXK_NAME(axk_fill_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_fill *p = params;
	const struct axk_plan2d q = axk_plan2d_of(p->dims, p->sy, p->sy);
	(void)scratch;
	for (int u = begin; u < end; u++) {
		ptrdiff_t y, same;
		int rows = axk_plan_unit(&q, u, &y, &same);
		switch (p->elem_bytes) {
		case 1: AXK_ROWS(uint8_t);
		case 2: AXK_ROWS(uint16_t);
		case 4: AXK_ROWS(uint32_t);
		default: AXK_ROWS(uint64_t);
		}
	}
}

#undef AXK_ROWS
