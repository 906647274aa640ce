/* u8 or int8 to float, strided: rule 7. Unit: a block of rows (plan2d.h). */
#include "kernels/axk.h"
#include "kernels/ref/plan2d.h"

AXK_FN void AXK_NAME(axk_dequantize_c)(const void *params, void *const *buf, void *scratch,
				       int begin, int end)
{
	const struct axk_quant *p = params;
	const struct axk_plan2d q = axk_plan2d_of(p->dims, p->sy, p->sx);
	const float s = p->s;
	const int flip = p->flip, zp = p->zp;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		ptrdiff_t at_y, at_x;
		int rows = axk_plan_unit(&q, u, &at_y, &at_x);
		for (int r = 0; r < rows; r++) {
			float *y = (float *)buf[0] + at_y + (ptrdiff_t)r * q.sy1;
			const uint8_t *x = (const uint8_t *)buf[1] + at_x + (ptrdiff_t)r * q.sx1;
			if (q.sy0 == 1 && q.sx0 == 1)
				for (int i = 0; i < q.n0; i++)
					y[i] = (float)((x[i] ^ flip) - zp) * s;
			else
				for (int i = 0; i < q.n0; i++)
					y[(ptrdiff_t)i * q.sy0] =
						(float)((x[(ptrdiff_t)i * q.sx0] ^ flip) - zp) * s;
		}
	}
}
