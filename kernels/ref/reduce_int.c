/* Reductions of integer tensors in 64-bit arithmetic, cut to the type's width. Unit: one output. */
#include "kernels/axk.h"
#include "kernels/ref/int_at.h"
#include "kernels/ref/walk.h"

AXK_INLINE int64_t axk_reduce_int_step(int op, int64_t s, int64_t v)
{
	uint64_t a = (uint64_t)s, b = (uint64_t)v;
	switch (op) {
	case AXK_R_MAX: return v > s ? v : s;
	case AXK_R_MIN: return v < s ? v : s;
	case AXK_R_PROD: return (int64_t)(a * b);
	case AXK_R_L1: return (int64_t)(v < 0 ? a - b : a + b);
	case AXK_R_SUMSQUARE: return (int64_t)(a + b * b);
	default: return (int64_t)(a + b);
	}
}

AXK_FN void AXK_NAME(axk_reduce_int_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_reduce *p = params;
	const int chain = axk_product(p->rdims, 8), op = p->op;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int index[8] = {0};
		ptrdiff_t x = axk_place(p->kdims, p->ks, 8, u);
		int64_t s = op == AXK_R_MAX ? INT64_MIN : op == AXK_R_MIN ? INT64_MAX : op == AXK_R_PROD;
		for (int k = 0; k < chain; k++) {
			s = axk_reduce_int_step(op, s, axk_int_at(buf[1], p->type, x));
			x += axk_step(p->rdims, p->rs, 8, index);
		}
		if (op == AXK_R_MEAN && chain)
			s /= chain;
		axk_int_put(buf[0], p->type, u, s);
	}
}
