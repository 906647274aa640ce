/* Unary float functions over exp, log and erf. Unit: 4096 elements. */
#include "kernels/x86/vec/elementary.h"

#define AXK_EACH(expression)                                                                       \
	for (int i = 0; i < n; i += AXK_VN) {                                                      \
		axk_vf v = axk_vf_load(x + i);                                                     \
		axk_vf_store_n(y + i, expression, n - i);                                          \
	}                                                                                          \
	break

AXK_VEC axk_vf axk_vf_elu(axk_vf v, axk_vf a)
{
	axk_vf e = axk_vf_mul(a, axk_vf_sub(axk_vf_exp(v), axk_vf_set(1.0f)));
	return axk_vf_if(axk_vf_lt(v, axk_vf_set(0.0f)), e, v);
}

AXK_VEC axk_vf axk_vf_selu(axk_vf v, axk_vf a, axk_vf g)
{
	axk_vf e = axk_vf_sub(axk_vf_mul(a, axk_vf_exp(v)), a);
	return axk_vf_mul(g, axk_vf_if(axk_vf_gt(v, axk_vf_set(0.0f)), v, e));
}

AXK_VEC axk_vf axk_vf_celu(axk_vf v, axk_vf a)
{
	axk_vf e = axk_vf_mul(a, axk_vf_sub(axk_vf_exp(axk_vf_div(v, a)), axk_vf_set(1.0f)));
	return axk_vf_if(axk_vf_gt(v, axk_vf_set(0.0f)), v, e);
}

AXK_VEC axk_vf axk_vf_mish(axk_vf v)
{
	axk_vf e = axk_vf_exp(axk_vf_min(axk_vf_set(20.0f), v)), two = axk_vf_set(2.0f);
	axk_vf t = axk_vf_mul(e, axk_vf_add(e, two));
	return axk_vf_mul(v, axk_vf_div(t, axk_vf_add(t, two)));
}

AXK_VEC axk_vf axk_vf_gelu(axk_vf v)
{
	axk_vf t = axk_vf_add(axk_vf_set(1.0f), axk_vf_erf(axk_vf_mul(v, axk_vf_set(0.70710678f))));
	return axk_vf_mul(axk_vf_mul(axk_vf_set(0.5f), v), t);
}

AXK_VEC axk_vf axk_vf_gelu_tanh(axk_vf v)
{
	axk_vf t = axk_vf_mul(axk_vf_set(0.044715f), axk_vf_mul(axk_vf_mul(v, v), v));
	return axk_vf_mul(v, axk_vf_sigmoid(axk_vf_mul(axk_vf_set(1.59576912f), axk_vf_add(v, t))));
}

AXK_INLINE void axk_unary_exp_vec_run(int op, float alpha, float beta, int n, float *y,
				      const float *x)
{
	const axk_vf a = axk_vf_set(alpha), b = axk_vf_set(beta);
	switch (op) {
	case AXK_U_EXP:
		AXK_EACH(axk_vf_exp(v));
	case AXK_U_LOG:
		AXK_EACH(axk_vf_log(v));
	case AXK_U_SIGMOID:
		AXK_EACH(axk_vf_sigmoid(v));
	case AXK_U_TANH:
		AXK_EACH(axk_vf_tanh(v));
	case AXK_U_ERF:
		AXK_EACH(axk_vf_erf(v));
	case AXK_U_SOFTPLUS:
		AXK_EACH(axk_vf_softplus(v));
	case AXK_U_ELU:
		AXK_EACH(axk_vf_elu(v, a));
	case AXK_U_SELU:
		AXK_EACH(axk_vf_selu(v, a, b));
	case AXK_U_CELU:
		AXK_EACH(axk_vf_celu(v, a));
	case AXK_U_SWISH:
		AXK_EACH(axk_vf_mul(v, axk_vf_sigmoid(axk_vf_mul(a, v))));
	case AXK_U_MISH:
		AXK_EACH(axk_vf_mish(v));
	case AXK_U_GELU:
		AXK_EACH(axk_vf_gelu(v));
	case AXK_U_GELU_TANH:
		AXK_EACH(axk_vf_gelu_tanh(v));
	default:
		break;
	}
}

#undef AXK_EACH

AXK_FN void AXK_VEC_NAME(axk_unary_exp_f32)(const void *params, void *const *buf, void *scratch,
					    int begin, int end)
{
	const struct axk_unary_f32 *p = params;
	int from = begin * 4096, to = end * 4096 < p->n ? end * 4096 : p->n;
	(void)scratch;
	if (to > from)
		axk_unary_exp_vec_run(p->op, p->alpha, p->beta, to - from, (float *)buf[0] + from,
				      (const float *)buf[1] + from);
}
