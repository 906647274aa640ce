/* Trigonometric and hyperbolic functions and their inverses, through double, rounded once. Unit:
 * 4096 elements. */
#include "kernels/axk.h"
#include "kernels/ref/math64.h"

AXK_INLINE double axk_sqrt_64(double d)
{
	if (d <= 0.0)
		return 0.0;
	uint64_t u;
	memcpy(&u, &d, sizeof u);
	u = 0x5fe6eb50c7b537a9u - (u >> 1);
	double y;
	memcpy(&y, &u, sizeof y);
	for (int i = 0; i < 5; i++)
		y = y * (1.5 - 0.5 * d * y * y);
	return d * y;
}

AXK_INLINE double axk_ln_64(double x)
{
	return axk_log2_64(x) * 0.69314718055994530942;
}

AXK_INLINE double axk_atan_64(double x)
{
	double a = x < 0.0 ? -x : x, base = 0.0, sign = x < 0.0 ? -1.0 : 1.0, flip = 1.0, p = 0.0;
	if (a > 1.0) {
		base = 1.57079632679489661923;
		flip = -1.0;
		a = 1.0 / a;
	}
	if (a > 0.41421356237309504880) {
		base += flip * 0.78539816339744830962;
		a = (a - 1.0) / (a + 1.0);
	}
	for (int i = 41; i >= 3; i -= 2)
		p = (1.0 / i - p) * a * a;
	return sign * (base + flip * (a - a * p));
}

AXK_INLINE float axk_sinhcosh(float x, int cosine)
{
	float ax = axk_absf(x);
	if (!cosine && ax < 1e-4f)
		return x == 0.0f ? x : (float)(x + (double)x * x * x * (1.0 / 6));
	if (ax > 100.0f)
		return cosine ? ax * 3.4028235e38f : x * 3.4028235e38f;
	double e = axk_exp2_64((double)x * 1.4426950408889634074), f = 1.0 / e;
	return (float)(cosine ? (e + f) * 0.5 : (e - f) * 0.5);
}

AXK_INLINE float axk_inverse_hyperbolic(int op, float x)
{
	double a = axk_absf(x), r;
	if (op == AXK_U_ACOSH)
		return x < 1.0f ? 0.0f / (x - x)
		       : x > 3.4028235e38f
			       ? x
			       : (float)axk_ln_64(a + axk_sqrt_64((a - 1.0) * (a + 1.0)));
	if (op == AXK_U_ATANH && a >= 1.0)
		return a > 1.0 ? 0.0f / (x - x) : x / 0.0f;
	if (a > 3.4028235e38)
		return x;
	if (a < 1e-4)
		r = a - a * a * a * (op == AXK_U_ATANH ? -1.0 / 3 : 1.0 / 6);
	else
		r = op == AXK_U_ATANH ? 0.5 * axk_ln_64((1.0 + a) / (1.0 - a))
				      : axk_ln_64(a + axk_sqrt_64(a * a + 1.0));
	return axk_copysignf((float)r, x);
}

AXK_INLINE float axk_trig(int op, float x)
{
	if (x != x)
		return x;
	switch (op) {
	case AXK_U_SIN:
	case AXK_U_COS:
		return axk_sincosf(x, op == AXK_U_COS);
	case AXK_U_TAN:
		if (x == 0.0f || axk_absf(x) > 3.4028235e38f)
			return x == 0.0f ? x : x - x;
		return (float)(axk_sincos_64(x, 0) / axk_sincos_64(x, 1));
	case AXK_U_ATAN:
		return axk_copysignf((float)axk_atan_64(axk_absf(x)), x);
	case AXK_U_ASIN:
	case AXK_U_ACOS: {
		if (axk_absf(x) > 1.0f)
			return 0.0f / 0.0f;
		double c = axk_sqrt_64((1.0 - x) * (1.0 + x));
		double s = c > 0.0    ? axk_atan_64(x / c)
			   : x < 0.0f ? -1.57079632679489661923
				      : 1.57079632679489661923;
		return op == AXK_U_ASIN ? axk_copysignf((float)axk_absf((float)s), x)
					: (float)(1.57079632679489661923 - s);
	}
	case AXK_U_SINH:
	case AXK_U_COSH:
		return axk_sinhcosh(x, op == AXK_U_COSH);
	default:
		return axk_inverse_hyperbolic(op, x);
	}
}

AXK_FN void AXK_NAME(axk_unary_trig_f32_c)(const void *params, void *const *buf, void *scratch,
					   int begin, int end)
{
	const struct axk_unary_f32 *p = params;
	const float *x = buf[1];
	float *y = buf[0];
	int from = begin * 4096, to = end * 4096 < p->n ? end * 4096 : p->n;
	(void)scratch;
	for (int i = from; i < to; i++)
		y[i] = axk_trig(p->op, x[i]);
}
