/* Index of the largest or smallest element; a NaN wins over every number, the first of them. Unit: up to 64
 * columns of `inner` at one place of `outer`. */
#include "kernels/axk.h"
#include "kernels/ref/int_at.h"

enum { AXK_ARG_BLOCK = 64 };

/* Floats: the best so far of all columns side by side. */
AXK_INLINE void axk_argmax_floats(const struct axk_argmax *p, int n, const float *x, int32_t *at)
{
	float best[AXK_ARG_BLOCK];
	const float sign = p->is_min ? -1.0f : 1.0f;
	for (int i = 0; i < n; i++)
		best[i] = x[i] * sign;
	for (int k = 1; k < p->c; k++) {
		x += p->inner;
		for (int i = 0; i < n; i++) {
			float v = x[i] * sign, w = best[i];
			int take = (v > w) | (p->take_last & (v == w)) | ((v != v) & (w == w));
			best[i] = take ? v : w;
			at[i] = take ? k : at[i];
		}
	}
}

AXK_INLINE void axk_argmax_ints(const struct axk_argmax *p, int n, const void *x, ptrdiff_t from, int32_t *at)
{
	for (int i = 0; i < n; i++)
		for (int k = 1; k < p->c; k++) {
			int64_t v = axk_int_at(x, p->type, from + i + (ptrdiff_t)k * p->inner);
			int64_t w = axk_int_at(x, p->type, from + i + (ptrdiff_t)at[i] * p->inner);
			if ((p->is_min ? v < w : v > w) || (p->take_last && v == w))
				at[i] = k;
		}
}

AXK_FN void AXK_NAME(axk_argmax_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_argmax *p = params;
	const int blocks = (p->inner + AXK_ARG_BLOCK - 1) / AXK_ARG_BLOCK;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int first = u % blocks * AXK_ARG_BLOCK, outer = u / blocks;
		int n = p->inner - first < AXK_ARG_BLOCK ? p->inner - first : AXK_ARG_BLOCK;
		ptrdiff_t from = (ptrdiff_t)outer * p->c * p->inner + first;
		int32_t at[AXK_ARG_BLOCK] = {0};
		if (p->type == AXK_T_F32)
			axk_argmax_floats(p, n, (const float *)buf[1] + from, at);
		else
			axk_argmax_ints(p, n, buf[1], from, at);
		for (int i = 0; i < n; i++)
			((int64_t *)buf[0])[(ptrdiff_t)outer * p->inner + first + i] = at[i];
	}
}
