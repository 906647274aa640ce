/* Elementary functions in float: exp, log, tanh, sigmoid, erf and what activations are made of. Only
 * + - * / and comparisons: the same bits on every target. Arguments are reduced exactly and the
 * polynomials were fitted for this file (relative minimax, Lawson's iteration); each function says its
 * error in ulp, measured over all floats by tests/unit/ops_math.c. Free of branches, so loops vectorise.
 * pow, sin and cos, which need more than a float's precision on the way, are in math64.h. */
#ifndef AXK_ELEMENTARY_H
#define AXK_ELEMENTARY_H

#include "kernels/ref/scalar.h"

/* 2^k for k in -126..127. */
AXK_INLINE float axk_pow2i(int32_t k)
{
	return axk_from_bits((uint32_t)(k + 127) << 23);
}

/* e^x; overflow gives infinity, underflow goes through the subnormals to 0. */
AXK_INLINE float axk_expf(float x)
{
	float c = x < -104.0f ? -104.0f : x;
	c = c > 89.0f ? 89.0f : c;
	float t = c * 1.44269504f + 12582912.0f; /* n in the low bits of t */
	float n = t - 12582912.0f;
	float r = (c - n * 0.693359375f) - n * -2.12194440e-4f;
	float p = 0x1.6db5bap-10f;
	p = p * r + 0x1.123c78p-7f;
	p = p * r + 0x1.55545cp-5f;
	p = p * r + 0x1.55548ep-3f;
	p = p * r + 0.5f;
	p = p * (r * r) + r + 1.0f;
	uint32_t k = axk_bits(t) - 0x4b400000u + 512; /* n + 512, even when x is NaN no overflow */
	uint32_t k1 = k >> 1, k2 = k - k1;
	return p * axk_from_bits((k1 - 256 + 127) << 23) * axk_from_bits((k2 - 256 + 127) << 23);
}

/* Natural logarithm; -inf at 0, NaN below. */
AXK_INLINE float axk_logf(float x)
{
	float big = x < 1.17549435e-38f ? x * 8388608.0f : x;
	int32_t bias = x < 1.17549435e-38f ? 23 : 0;
	uint32_t u = axk_bits(big);
	int32_t k = (int32_t)(u - 0x3f3504f3u) >> 23;
	float f = axk_from_bits(u - ((uint32_t)k << 23)) - 1.0f;
	float e = (float)(k - bias), z = f * f;
	float p = 0x1.1b61d6p-4f;
	p = p * f + -0x1.e32204p-4f;
	p = p * f + 0x1.e660d8p-4f;
	p = p * f + -0x1.fb3b50p-4f;
	p = p * f + 0x1.23313ap-3f;
	p = p * f + -0x1.55630cp-3f;
	p = p * f + 0x1.99a558p-3f;
	p = p * f + -0x1.ffffeep-3f;
	p = p * f + 0x1.555546p-2f;
	p = p * f * z + e * -2.12194440e-4f - 0.5f * z;
	float y = (f + p) + e * 0.693359375f;
	y = x > 3.4028235e38f ? x : y;
	y = x == 0.0f ? -1.0f / 0.0f : y;
	return x >= 0.0f ? y : (x - x) / 0.0f;
}

/* log(1 + x) for 0 <= x <= 1. */
AXK_INLINE float axk_log1p_unit(float x)
{
	float s = x / (2.0f + x), z = s * s;
	float p = 0x1.be4eecp-4f;
	p = p * z + 0x1.5f301ep-4f;
	p = p * z + 0x1.c8bc18p-4f;
	p = p * z + 0x1.248a56p-3f;
	p = p * z + 0x1.9999bep-3f;
	p = p * z + 0x1.555556p-2f;
	s = s + s;
	return s + s * (z * p);
}

/* 1 / (1 + e^-x) */
AXK_INLINE float axk_sigmoidf(float x)
{
	float e = axk_expf(-axk_absf(x));
	return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

AXK_INLINE float axk_tanhf(float x)
{
	float a = axk_absf(x), z = x * x;
	float p = -0x1.76abf6p-8f;
	p = p * z + 0x1.5256cep-6f;
	p = p * z + -0x1.b84448p-5f;
	p = p * z + 0x1.110768p-3f;
	p = p * z + -0x1.555534p-2f;
	p = a + a * (z * p);
	float q = 1.0f - 2.0f / (axk_expf(a + a) + 1.0f);
	return axk_copysignf(a < 0.625f ? p : q, x);
}

AXK_INLINE float axk_erff(float x)
{
	float a = axk_absf(x), z = x * x, t = a < 5.0f ? a : 5.0f;
	float p = 0x1.5e062cp-14f;
	p = p * z + -0x1.aaa2d6p-11f;
	p = p * z + 0x1.54d42ap-8f;
	p = p * z + -0x1.b80ff2p-6f;
	p = p * z + 0x1.ce2e1cp-4f;
	p = p * z + -0x1.812744p-2f;
	p = p * z + 0x1.06eba8p-3f;
	p = a + a * p;
	float r = -0x1.78dd8ep-17f;
	r = r * t + 0x1.527c6ap-12f;
	r = r * t + -0x1.dd6cd8p-9f;
	r = r * t + 0x1.85515ep-6f;
	r = r * t + -0x1.b32574p-4f;
	r = r * t + -0x1.45328ep-1f;
	r = r * t + -0x1.0778dcp-3f;
	r = 1.0f - axk_expf(r * t - t);
	r = a < 3.9375f ? r : 1.0f;
	r = a < 0.9225f ? p : r;
	return x == x ? axk_copysignf(r, x) : x;
}

/* log(1 + e^x) */
AXK_INLINE float axk_softplusf(float x)
{
	return (x < 0.0f ? 0.0f : x) + axk_log1p_unit(axk_expf(-axk_absf(x)));
}

#endif
