/* Softmax on u8, the specification: rule 8; the sum is float, in the order of c. Unit: one outer.
 */
#include "kernels/axk.h"
#include "kernels/ref/round.h"

AXK_INLINE void axk_softmax_u8_c_row(const struct axk_softmax_u8 *p, uint8_t *y, const uint8_t *x,
				     const float *table)
{
	int max = 0;
	for (int c = 0; c < p->c; c++) {
		int v = x[(ptrdiff_t)c * p->x_c];
		max = v > max ? v : max;
	}
	float sum = 0.0f;
	for (int c = 0; c < p->c; c++)
		sum += table[max - x[(ptrdiff_t)c * p->x_c]];
	for (int c = 0; c < p->c; c++) {
		float q = table[max - x[(ptrdiff_t)c * p->x_c]] / sum * 256.0f;
		y[(ptrdiff_t)c * p->y_c] = (uint8_t)(int)axk_rintf(q < 255.0f ? q : 255.0f);
	}
}

AXK_FN void AXK_NAME(axk_softmax_u8_c)(const void *params, void *const *buf, void *scratch,
				       int begin, int end)
{
	const struct axk_softmax_u8 *p = params;
	(void)scratch;
	for (int o = begin; o < end; o++)
		for (int i = 0; i < p->inner; i++)
			axk_softmax_u8_c_row(p,
					     (uint8_t *)buf[0] + (ptrdiff_t)o * p->y_outer +
						     (ptrdiff_t)i * p->y_inner,
					     (const uint8_t *)buf[1] + (ptrdiff_t)o * p->x_outer +
						     (ptrdiff_t)i * p->x_inner,
					     buf[2]);
}
