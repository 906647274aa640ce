/* Strided copy. Unit: a block of rows (plan2d.h). */
#include "kernels/axk.h"
#include "kernels/ref/plan2d.h"

/* 64 columns at a time, so that a transpose stays in the cache. */
#define AXK_ROWS(T, flip)                                                                          \
	for (int c = 0; c < q.n0; c += 64) {                                                       \
		int last = q.n0 - c < 64 ? q.n0 : c + 64;                                          \
		for (int r = 0; r < rows; r++)                                                     \
			for (int i = c; i < last; i++)                                             \
				((T *)buf[0])[y + (ptrdiff_t)r * q.sy1 + (ptrdiff_t)i * q.sy0] =   \
					((const T *)buf[1])[x + (ptrdiff_t)r * q.sx1 +             \
							    (ptrdiff_t)i * q.sx0] flip;            \
	}                                                                                          \
	break

AXK_FN void AXK_NAME(axk_copy_c)(const void *params, void *const *buf, void *scratch, int begin,
				 int end)
{
	const struct axk_copy *p = params;
	const struct axk_plan2d q = axk_plan2d_of(p->dims, p->sy, p->sx);
	const int bytes = p->elem_bytes;
	const uint8_t flip = (uint8_t)p->flip;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		ptrdiff_t y, x;
		int rows = axk_plan_unit(&q, u, &y, &x);
		if (q.sy0 == 1 && q.sx0 == 1 && !flip) {
			for (int r = 0; r < rows; r++)
				memcpy((char *)buf[0] + (y + (ptrdiff_t)r * q.sy1) * bytes,
				       (const char *)buf[1] + (x + (ptrdiff_t)r * q.sx1) * bytes,
				       (size_t)q.n0 * (size_t)bytes);
			continue;
		}
		switch (bytes) {
		case 1:
			AXK_ROWS(uint8_t, ^flip);
		case 2:
			AXK_ROWS(uint16_t, );
		case 4:
			AXK_ROWS(uint32_t, );
		default:
			AXK_ROWS(uint64_t, );
		}
	}
}

#undef AXK_ROWS
