/* float to u8 or int8, strided: rule 7. Unit: a block of rows (plan2d.h). */
#include "kernels/axk.h"
#include "kernels/ref/plan2d.h"
#include "kernels/ref/round.h"

AXK_INLINE uint8_t axk_quantize_one(float x, float s, float lo, float hi, float zp, int flip)
{
	float v = x / s;
	v = v > lo ? v : lo; /* NaN: the minimum */
	v = v < hi ? v : hi;
	return (uint8_t)((int)(axk_rintf(v) + zp) ^ flip);
}

AXK_FN void AXK_NAME(axk_quantize_c)(const void *params, void *const *buf, void *scratch, int begin,
				     int end)
{
	const struct axk_quant *p = params;
	const struct axk_plan2d q = axk_plan2d_of(p->dims, p->sy, p->sx);
	const float s = p->s, lo = (float)-p->zp, hi = (float)(255 - p->zp), zp = (float)p->zp;
	const int flip = p->flip;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		ptrdiff_t at_y, at_x;
		int rows = axk_plan_unit(&q, u, &at_y, &at_x);
		for (int r = 0; r < rows; r++) {
			uint8_t *y = (uint8_t *)buf[0] + at_y + (ptrdiff_t)r * q.sy1;
			const float *x = (const float *)buf[1] + at_x + (ptrdiff_t)r * q.sx1;
			if (q.sy0 == 1 && q.sx0 == 1)
				for (int i = 0; i < q.n0; i++)
					y[i] = axk_quantize_one(x[i], s, lo, hi, zp, flip);
			else
				for (int i = 0; i < q.n0; i++)
					y[(ptrdiff_t)i * q.sy0] = axk_quantize_one(
						x[(ptrdiff_t)i * q.sx0], s, lo, hi, zp, flip);
		}
	}
}
