/* Unary float functions over exp, log and erf. Unit: 4096 elements. */
#include "kernels/axk.h"
#include "kernels/ref/elementary.h"

#define AXK_EACH(expression) \
	for (int i = 0; i < n; i++) { \
		float v = x[i]; \
		y[i] = (expression); \
	} \
	break

AXK_INLINE float axk_selu(float v, float a, float g)
{
	float e = a * axk_expf(v) - a;
	return g * (v > 0.0f ? v : e);
}

AXK_INLINE float axk_elu(float v, float a)
{
	float e = a * (axk_expf(v) - 1.0f);
	return v < 0.0f ? e : v;
}

AXK_INLINE float axk_celu(float v, float a)
{
	float e = a * (axk_expf(v / a) - 1.0f);
	return v > 0.0f ? v : e;
}

/* tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2) for e = exp(x); 1 from x = 20 on. */
AXK_INLINE float axk_mish(float v)
{
	float e = axk_expf(v > 20.0f ? 20.0f : v), t = e * (e + 2.0f);
	return v * (t / (t + 2.0f));
}

AXK_INLINE float axk_gelu_tanh(float v)
{
	return v * axk_sigmoidf(1.59576912f * (v + 0.044715f * (v * v * v)));
}

AXK_INLINE void axk_unary_exp_run(int op, float a, float b, int n, float *y, const float *x)
{
	switch (op) {
	case AXK_U_EXP: AXK_EACH(axk_expf(v));
	case AXK_U_LOG: AXK_EACH(axk_logf(v));
	case AXK_U_SIGMOID: AXK_EACH(axk_sigmoidf(v));
	case AXK_U_TANH: AXK_EACH(axk_tanhf(v));
	case AXK_U_ERF: AXK_EACH(axk_erff(v));
	case AXK_U_SOFTPLUS: AXK_EACH(axk_softplusf(v));
	case AXK_U_ELU: AXK_EACH(axk_elu(v, a));
	case AXK_U_SELU: AXK_EACH(axk_selu(v, a, b));
	case AXK_U_CELU: AXK_EACH(axk_celu(v, a));
	case AXK_U_SWISH: AXK_EACH(v * axk_sigmoidf(a * v));
	case AXK_U_MISH: AXK_EACH(axk_mish(v));
	case AXK_U_GELU: AXK_EACH(0.5f * v * (1.0f + axk_erff(v * 0.70710678f)));
	case AXK_U_GELU_TANH: AXK_EACH(axk_gelu_tanh(v));
	default: break;
	}
}

#undef AXK_EACH

AXK_FN void AXK_NAME(axk_unary_exp_f32_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_unary_f32 *p = params;
	int from = begin * 4096, to = end * 4096 < p->n ? end * 4096 : p->n;
	(void)scratch;
	if (to > from)
		axk_unary_exp_run(p->op, p->alpha, p->beta, to - from, (float *)buf[0] + from,
				  (const float *)buf[1] + from);
}
