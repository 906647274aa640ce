/* Reductions of float tensors: one chain per output in row-major order of the reduced dimensions,
 * 64 outputs side by side. Unit: 64 outputs of the innermost kept dimension. */
#include "kernels/axk.h"
#include "kernels/ref/elementary.h"
#include "kernels/ref/walk.h"

enum { AXK_REDUCE_BLOCK = 64 };

#define AXK_EACH(expression)                                                                       \
	for (int i = 0; i < n; i++) {                                                              \
		float v = x[(ptrdiff_t)i * step], s = acc[i];                                      \
		acc[i] = (expression);                                                             \
	}                                                                                          \
	break

AXK_INLINE void axk_reduce_row(int op, int n, const float *x, int step, const float *top,
			       float *acc)
{
	switch (op) {
	case AXK_R_MAX:
		AXK_EACH(v > s || v != v ? v : s);
	case AXK_R_MIN:
		AXK_EACH(v < s || v != v ? v : s);
	case AXK_R_PROD:
		AXK_EACH(s * v);
	case AXK_R_L1:
		AXK_EACH(s + axk_absf(v));
	case AXK_R_L2:
	case AXK_R_SUMSQUARE:
		AXK_EACH(s + v * v);
	case AXK_R_LOGSUMEXP:
		AXK_EACH(s + axk_expf(v - top[i]));
	default:
		AXK_EACH(s + v);
	}
}

#undef AXK_EACH

AXK_INLINE float axk_reduce_end(int op, float s, float count, float top)
{
	switch (op) {
	case AXK_R_MEAN:
		return s / count;
	case AXK_R_L2:
		return axk_sqrtf(s);
	case AXK_R_LOGSUM:
		return axk_logf(s);
	case AXK_R_LOGSUMEXP:
		return axk_logf(s) + top;
	default:
		return s;
	}
}

AXK_FN void AXK_NAME(axk_reduce_f32_c)(const void *params, void *const *buf, void *scratch,
				       int begin, int end)
{
	const struct axk_reduce *p = params;
	const int blocks = (p->kdims[7] + AXK_REDUCE_BLOCK - 1) / AXK_REDUCE_BLOCK;
	const int chain = axk_product(p->rdims, 8), op = p->op;
	const float start = op == AXK_R_MAX   ? -1.0f / 0.0f
			    : op == AXK_R_MIN ? 1.0f / 0.0f
					      : op == AXK_R_PROD;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int outer = u / blocks, at = u % blocks * AXK_REDUCE_BLOCK, index[8] = {0};
		int n = p->kdims[7] - at < AXK_REDUCE_BLOCK ? p->kdims[7] - at : AXK_REDUCE_BLOCK;
		const float *x = (const float *)buf[1] + axk_place(p->kdims, p->ks, 7, outer) +
				 (ptrdiff_t)at * p->ks[7];
		ptrdiff_t out = (ptrdiff_t)outer * p->kdims[7] + at;
		float acc[AXK_REDUCE_BLOCK], top[AXK_REDUCE_BLOCK] = {0};
		for (int i = 0; i < n; i++) {
			acc[i] = start;
			if (op == AXK_R_LOGSUMEXP) {
				float t = ((const float *)buf[2])[out + i];
				top[i] = t - t == 0.0f ? t
						       : 0.0f; /* infinities are not subtracted */
			}
		}
		for (int k = 0; k < chain; k++) {
			axk_reduce_row(op, n, x, p->ks[7], top, acc);
			x += axk_step(p->rdims, p->rs, 8, index);
		}
		for (int i = 0; i < n; i++)
			((float *)buf[0])[out + i] = axk_reduce_end(op, acc[i], p->count, top[i]);
	}
}
