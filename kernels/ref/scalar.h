/* Scalar building blocks of the float kernels: bit casts, rounding over the full range, square root,
 * saturating conversions. No libm, the same bits with every compiler and ISA (round to nearest,
 * contraction off), free of branches where that lets loops vectorise. Fused multiply-add is in math.h,
 * elementary functions in elementary.h, pow, sin and cos in math64.h.
 *
 * A kernel row that uses this lists "ref/scalar.h" in its files before its own source. */
#ifndef AXK_SCALAR_H
#define AXK_SCALAR_H

#include "kernels/axk.h"

AXK_INLINE uint32_t axk_bits(float x)
{
	uint32_t u;
	memcpy(&u, &x, sizeof u);
	return u;
}

AXK_INLINE float axk_from_bits(uint32_t u)
{
	float x;
	memcpy(&x, &u, sizeof x);
	return x;
}

AXK_INLINE float axk_absf(float x)
{
	return axk_from_bits(axk_bits(x) & 0x7fffffffu);
}

/* Magnitude of x, sign of s. */
AXK_INLINE float axk_copysignf(float x, float s)
{
	return axk_from_bits((axk_bits(x) & 0x7fffffffu) | (axk_bits(s) & 0x80000000u));
}

/* Nearest integer, ties to even; keeps the sign of zero, infinities and NaN. */
AXK_INLINE float axk_roundevenf(float x)
{
#if defined(__SSE4_1__) || defined(__aarch64__)
	return __builtin_rintf(x);
#else
	float a = axk_absf(x), r = (a + 8388608.0f) - 8388608.0f;
	return axk_copysignf(a < 8388608.0f ? r : a, x);
#endif
}

AXK_INLINE float axk_floorf(float x)
{
	float r = axk_roundevenf(x);
	return axk_copysignf(r > x ? r - 1.0f : r, x);
}

AXK_INLINE float axk_ceilf(float x)
{
	float r = axk_roundevenf(x);
	return axk_copysignf(r < x ? r + 1.0f : r, x);
}

AXK_INLINE float axk_truncf(float x)
{
	float a = axk_absf(x), r = axk_roundevenf(a);
	return axk_copysignf(r > a ? r - 1.0f : r, x);
}

/* Correctly rounded. The portable form: Newton in double, whose result is within 2^-51 of the root, and
 * no float's root lies that close to the middle of two floats. */
AXK_INLINE float axk_sqrtf(float x)
{
#if defined(__SSE__)
	float y;
	__asm__("sqrtss %1, %0" : "=x"(y) : "x"(x));
	return y;
#elif defined(__aarch64__)
	float y;
	__asm__("fsqrt %s0, %s1" : "=w"(y) : "w"(x));
	return y;
#else
	if (!(x > 0.0f) || x > 3.4028235e38f)
		return x < 0.0f ? (x - x) / 0.0f : x; /* NaN; zeros, infinity and NaN are their own roots */
	double d = x, y;
	uint64_t u;
	memcpy(&u, &d, sizeof u);
	u = 0x5fe6eb50c7b537a9u - (u >> 1);
	memcpy(&y, &u, sizeof y);
	for (int i = 0; i < 4; i++)
		y = y * (1.5 - 0.5 * d * y * y);
	double r = d * y;
	return (float)(0.5 * (r + d / r));
#endif
}

/* Saturating conversions of an integral float; NaN gives 0. */
AXK_INLINE int32_t axk_to_i32(float x)
{
	if (!(x >= -2147483648.0f))
		return x < 0.0f ? INT32_MIN : 0;
	return x < 2147483648.0f ? (int32_t)x : INT32_MAX;
}

AXK_INLINE int64_t axk_to_i64(float x)
{
	if (!(x >= -9223372036854775808.0f))
		return x < 0.0f ? INT64_MIN : 0;
	return x < 9223372036854775808.0f ? (int64_t)x : INT64_MAX;
}

#endif
