/* Unary float functions made of arithmetic only. Unit: 4096 elements. */
#include "kernels/axk.h"
#include "kernels/ref/scalar.h"

#define AXK_EACH(expression) \
	for (int i = 0; i < n; i++) { \
		float v = x[i]; \
		y[i] = (expression); \
	} \
	break

AXK_INLINE float axk_clip_f32(float v, float lo, float hi)
{
	v = v < lo ? lo : v;
	return v > hi ? hi : v;
}

AXK_INLINE void axk_unary_run(int op, float a, float b, int n, float *y, const float *x)
{
	switch (op) {
	case AXK_U_ABS: AXK_EACH(axk_absf(v));
	case AXK_U_NEG: AXK_EACH(-v);
	case AXK_U_SIGN: AXK_EACH(v > 0.0f ? 1.0f : v < 0.0f ? -1.0f : v);
	case AXK_U_RECIPROCAL: AXK_EACH(1.0f / v);
	case AXK_U_SQRT: AXK_EACH(axk_sqrtf(v));
	case AXK_U_SQUARE: AXK_EACH(v * v);
	case AXK_U_FLOOR: AXK_EACH(axk_floorf(v));
	case AXK_U_CEIL: AXK_EACH(axk_ceilf(v));
	case AXK_U_ROUND: AXK_EACH(axk_roundevenf(v));
	case AXK_U_CLIP: AXK_EACH(axk_clip_f32(v, a, b));
	case AXK_U_LEAKY: AXK_EACH(v < 0.0f ? a * v : v);
	case AXK_U_THRESHOLD: AXK_EACH(v > a ? v : 0.0f);
	case AXK_U_HARDSIGMOID: AXK_EACH(axk_clip_f32(a * v + b, 0.0f, 1.0f));
	case AXK_U_HARDSWISH: AXK_EACH(v * axk_clip_f32(v * (1.0f / 6.0f) + 0.5f, 0.0f, 1.0f));
	case AXK_U_SOFTSIGN: AXK_EACH(v / (1.0f + axk_absf(v)));
	case AXK_U_SHRINK: AXK_EACH(v < -a ? v + b : v > a ? v - b : 0.0f);
	case AXK_U_ISNAN: AXK_EACH(v != v ? 1.0f : 0.0f);
	case AXK_U_ISINF: AXK_EACH(v > 3.4028235e38f ? b : v < -3.4028235e38f ? a : 0.0f);
	default: break;
	}
}

#undef AXK_EACH

AXK_FN void AXK_NAME(axk_unary_f32_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_unary_f32 *p = params;
	int from = begin * 4096, to = end * 4096 < p->n ? end * 4096 : p->n;
	(void)scratch;
	if (to > from)
		axk_unary_run(p->op, p->alpha, p->beta, to - from, (float *)buf[0] + from,
			      (const float *)buf[1] + from);
}
