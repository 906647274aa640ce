/* Unary float functions made of arithmetic only. Unit: 4096 elements. */
#include "kernels/x86/vec/elementary.h"

#define AXK_EACH(expression)                                                                       \
	for (int i = 0; i < n; i += AXK_VN) {                                                      \
		axk_vf v = axk_vf_load(x + i);                                                     \
		axk_vf_store_n(y + i, expression, n - i);                                          \
	}                                                                                          \
	break

AXK_VEC axk_vf axk_vf_clip(axk_vf v, axk_vf lo, axk_vf hi)
{
	return axk_vf_min(hi, axk_vf_max(lo, v));
}

AXK_VEC axk_vf axk_vf_sign(axk_vf v)
{
	const axk_vf zero = axk_vf_set(0.0f);
	return axk_vf_if(axk_vf_gt(v, zero), axk_vf_set(1.0f),
			 axk_vf_if(axk_vf_lt(v, zero), axk_vf_set(-1.0f), v));
}

AXK_VEC axk_vf axk_vf_hardswish(axk_vf v)
{
	axk_vf t = axk_vf_add(axk_vf_mul(v, axk_vf_set(1.0f / 6.0f)), axk_vf_set(0.5f));
	return axk_vf_mul(v, axk_vf_clip(t, axk_vf_set(0.0f), axk_vf_set(1.0f)));
}

AXK_VEC axk_vf axk_vf_shrink(axk_vf v, axk_vf a, axk_vf b)
{
	axk_vf inner = axk_vf_if(axk_vf_gt(v, a), axk_vf_sub(v, b), axk_vf_set(0.0f));
	return axk_vf_if(axk_vf_lt(v, axk_vf_neg(a)), axk_vf_add(v, b), inner);
}

AXK_INLINE void axk_unary_vec_run(int op, float alpha, float beta, int n, float *y, const float *x)
{
	const axk_vf a = axk_vf_set(alpha), b = axk_vf_set(beta), zero = axk_vf_set(0.0f),
		     one = axk_vf_set(1.0f);
	const axk_vf most = axk_vf_set(3.4028235e38f);
	switch (op) {
	case AXK_U_ABS:
		AXK_EACH(axk_vf_abs(v));
	case AXK_U_NEG:
		AXK_EACH(axk_vf_neg(v));
	case AXK_U_SIGN:
		AXK_EACH(axk_vf_sign(v));
	case AXK_U_RECIPROCAL:
		AXK_EACH(axk_vf_div(one, v));
	case AXK_U_SQRT:
		AXK_EACH(axk_vf_sqrt(v));
	case AXK_U_SQUARE:
		AXK_EACH(axk_vf_mul(v, v));
	case AXK_U_FLOOR:
		AXK_EACH(axk_vf_floor(v));
	case AXK_U_CEIL:
		AXK_EACH(axk_vf_ceil(v));
	case AXK_U_ROUND:
		AXK_EACH(axk_vf_round(v));
	case AXK_U_CLIP:
		AXK_EACH(axk_vf_clip(v, a, b));
	case AXK_U_LEAKY:
		AXK_EACH(axk_vf_if(axk_vf_lt(v, zero), axk_vf_mul(a, v), v));
	case AXK_U_THRESHOLD:
		AXK_EACH(axk_vf_if(axk_vf_gt(v, a), v, zero));
	case AXK_U_HARDSIGMOID:
		AXK_EACH(axk_vf_clip(axk_vf_add(axk_vf_mul(a, v), b), zero, one));
	case AXK_U_HARDSWISH:
		AXK_EACH(axk_vf_hardswish(v));
	case AXK_U_SOFTSIGN:
		AXK_EACH(axk_vf_div(v, axk_vf_add(one, axk_vf_abs(v))));
	case AXK_U_SHRINK:
		AXK_EACH(axk_vf_shrink(v, a, b));
	case AXK_U_ISNAN:
		AXK_EACH(axk_vf_if(axk_vf_nan(v), one, zero));
	case AXK_U_ISINF:
		AXK_EACH(axk_vf_if(axk_vf_gt(v, most), b,
				   axk_vf_if(axk_vf_lt(v, axk_vf_neg(most)), a, zero)));
	default:
		break;
	}
}

#undef AXK_EACH

AXK_FN void AXK_VEC_NAME(axk_unary_f32)(const void *params, void *const *buf, void *scratch,
					int begin, int end)
{
	const struct axk_unary_f32 *p = params;
	int from = begin * 4096, to = end * 4096 < p->n ? end * 4096 : p->n;
	(void)scratch;
	if (to > from)
		axk_unary_vec_run(p->op, p->alpha, p->beta, to - from, (float *)buf[0] + from,
				  (const float *)buf[1] + from);
}
