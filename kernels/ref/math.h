/* Exact fused multiply-add without libm: the hardware's where there is one, else in double. */
#ifndef AXK_REF_MATH_H
#define AXK_REF_MATH_H

#include "kernels/axk.h"

#if defined(AXK_HAS_FMA) || defined(__FMA__) || defined(__aarch64__)
AXK_INLINE float axk_fmaf(float a, float b, float c)
{
	return __builtin_fmaf(a, b, c);
}
#else
/* The product is exact in double; the sum is rounded to odd there, so that rounding it once more to
 * float is the same as rounding the exact sum once. */
AXK_INLINE float axk_fmaf(float a, float b, float c)
{
	double p = (double)a * b, s = p + c, back = s - p, err = (p - (s - back)) + (c - back);
	if (err != 0.0) { /* false for infinities and NaN as well: their err is NaN or the sum exact */
		uint64_t bits;
		memcpy(&bits, &s, sizeof bits);
		if (s - s == 0.0 && (bits & 1) == 0) {
			bits += (err > 0.0) == (s > 0.0) ? 1 : (uint64_t)-1;
			memcpy(&s, &bits, sizeof s);
		}
	}
	return (float)s;
}
#endif

#endif
