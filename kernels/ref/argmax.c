/* Index of the largest or smallest element; a NaN wins over every number, the first of them. Unit: one
 * place of `outer`. */
#include "kernels/axk.h"
#include "kernels/ref/int_at.h"

AXK_INLINE int axk_beats(const struct axk_argmax *p, const void *x, ptrdiff_t a, ptrdiff_t b)
{
	if (p->type == AXK_T_F32) {
		float v = ((const float *)x)[a], w = ((const float *)x)[b];
		if (w != w || v != v)
			return w == w;
		return (p->is_min ? v < w : v > w) || (p->take_last && v == w);
	}
	int64_t v = axk_int_at(x, p->type, a), w = axk_int_at(x, p->type, b);
	return (p->is_min ? v < w : v > w) || (p->take_last && v == w);
}

AXK_FN void AXK_NAME(axk_argmax_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_argmax *p = params;
	int64_t *y = buf[0];
	(void)scratch;
	for (int o = begin; o < end; o++)
		for (int i = 0; i < p->inner; i++) {
			ptrdiff_t x = (ptrdiff_t)o * p->c * p->inner + i;
			int best = 0;
			for (int k = 1; k < p->c; k++)
				if (axk_beats(p, buf[1], x + (ptrdiff_t)k * p->inner, x + (ptrdiff_t)best * p->inner))
					best = k;
			y[(ptrdiff_t)o * p->inner + i] = best;
		}
}
