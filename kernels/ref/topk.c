/* The k largest or smallest, sorted, by insertion into the sorted front. Unit: one place of
 * `outer`. */
#include "kernels/axk.h"
#include "kernels/ref/int_at.h"

/* Does the element at a stand before the one at b? NaN counts as largest. */
AXK_INLINE int axk_topk_before(const struct axk_topk *p, const void *x, ptrdiff_t a, ptrdiff_t b)
{
	if (p->type == AXK_T_F32) {
		float v = ((const float *)x)[a], w = ((const float *)x)[b];
		if (v != v || w != w)
			return p->smallest ? v == v : w == w;
		return p->smallest ? v < w : v > w;
	}
	int64_t v = axk_int_at(x, p->type, a), w = axk_int_at(x, p->type, b);
	return p->smallest ? v < w : v > w;
}

AXK_INLINE void axk_topk_column(const struct axk_topk *p, const void *x, ptrdiff_t base,
				int64_t *order, ptrdiff_t step)
{
	int n = 0;
	for (int c = 0; c < p->c; c++) {
		ptrdiff_t at = base + (ptrdiff_t)c * p->inner;
		if (n == p->k &&
		    !axk_topk_before(p, x, at, base + (ptrdiff_t)order[(n - 1) * step] * p->inner))
			continue;
		int i = n < p->k ? n++ : n - 1;
		for (; i > 0 && axk_topk_before(p, x, at,
						base + (ptrdiff_t)order[(i - 1) * step] * p->inner);
		     i--)
			order[i * step] = order[(i - 1) * step];
		order[i * step] = c;
	}
}

AXK_FN void AXK_NAME(axk_topk_c)(const void *params, void *const *buf, void *scratch, int begin,
				 int end)
{
	const struct axk_topk *p = params;
	(void)scratch;
	for (int o = begin; o < end && p->k > 0; o++)
		for (int i = 0; i < p->inner; i++) {
			ptrdiff_t base = (ptrdiff_t)o * p->c * p->inner + i,
				  out = (ptrdiff_t)o * p->k * p->inner + i;
			int64_t *order = (int64_t *)buf[1] + out;
			axk_topk_column(p, buf[2], base, order, p->inner);
			for (int k = 0; k < p->k; k++) {
				ptrdiff_t from =
					base + (ptrdiff_t)order[(ptrdiff_t)k * p->inner] * p->inner;
				ptrdiff_t to = out + (ptrdiff_t)k * p->inner;
				if (p->type == AXK_T_F32)
					((float *)buf[0])[to] = ((const float *)buf[2])[from];
				else
					axk_int_put(buf[0], p->type, to,
						    axk_int_at(buf[2], p->type, from));
			}
		}
}
