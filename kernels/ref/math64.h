/* pow, sin and cos of floats through double: reduction and Taylor series in double precision, rounded
 * once at the end, so correctly rounded but for about one argument in a million. */
#ifndef AXK_MATH64_H
#define AXK_MATH64_H

#include "kernels/ref/scalar.h"

AXK_INLINE double axk_pow2_64(int k) /* -1022..1023 */
{
	uint64_t u = (uint64_t)(k + 1023) << 52;
	double d;
	memcpy(&d, &u, sizeof d);
	return d;
}

/* log2(x) of a normal positive double. */
AXK_INLINE double axk_log2_64(double x)
{
	uint64_t u;
	memcpy(&u, &x, sizeof u);
	int64_t k = (int64_t)(u - 0x3fe6a09e667f3bcdu) >> 52;
	u -= (uint64_t)k << 52;
	memcpy(&x, &u, sizeof x);
	double s = (x - 1.0) / (x + 1.0), z = s * s, p = 0.0;
	for (int i = 25; i >= 1; i -= 2)
		p = p * z + 1.0 / i;
	return s * p * 2.8853900817779268147 + (double)k;
}

/* 2^x, |x| <= 1000. */
AXK_INLINE double axk_exp2_64(double x)
{
	static const double c[14] = {1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040,
	                             1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800,
	                             1.0 / 479001600, 1.0 / 6227020800.0};
	double n = (x + 6755399441055744.0) - 6755399441055744.0;
	double r = (x - n) * 0.69314718055994530942, p = 0.0;
	for (int i = 13; i >= 0; i--)
		p = p * r + c[i];
	return p * axk_pow2_64((int)n);
}

/* C's powf with its special cases. */
AXK_INLINE float axk_powf(float x, float y)
{
	if (y == 0.0f || x == 1.0f)
		return 1.0f;
	if (x != x || y != y)
		return x + y;
	float ax = axk_absf(x), ay = axk_absf(y);
	int whole = ay >= 8388608.0f || axk_roundevenf(ay) == ay;
	int odd = whole && ay < 16777216.0f && ((int32_t)ay & 1);
	float sign = x < 0.0f || axk_bits(x) == 0x80000000u ? (odd ? -1.0f : 1.0f) : 1.0f;
	if (ay > 3.4028235e38f)
		return ax == 1.0f ? 1.0f : ((ax > 1.0f) == (y > 0.0f) ? ay : 0.0f);
	if (ax == 0.0f || ax > 3.4028235e38f)
		return (ax == 0.0f) == (y > 0.0f) ? sign * 0.0f : sign * (1.0f / 0.0f);
	if (x < 0.0f && !whole)
		return (x - x) / 0.0f;
	if (y == 2.0f)
		return x * x;
	double e = (double)y * axk_log2_64((double)ax);
	e = e < -200.0 ? -200.0 : e > 200.0 ? 200.0 : e;
	return sign * (float)axk_exp2_64(e);
}

/* x - n * pi/2 for the nearest n; returns n modulo 4. Large arguments take the bits of 2/pi that matter
 * (Payne and Hanek, 1983): 24 bits of x times 96 bits of 2/pi. */
AXK_INLINE int axk_reduce_pi2(float x, double *ret)
{
	static const uint32_t two_pi[] = {0x00000000, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599,
	                                  0x3c439041, 0xfe5163ab};
	float a = axk_absf(x);
	if (a < 100000.0f) {
		double n = ((double)x * 0.63661977236758134308 + 6755399441055744.0) - 6755399441055744.0;
		*ret = (x - n * 1.5707963109016418) - n * 1.5893254773528196e-8;
		return (int)n & 3;
	}
	uint32_t u = axk_bits(a), m = (u & 0x7fffff) | 0x800000;
	int e = (int)(u >> 23) - 150, at = e + 32 - 2; /* a = m * 2^e; drop the bits worth multiples of 4 */
	uint64_t w[3];
	for (int i = 0; i < 3; i++) {
		int word = (at >> 5) + i, shift = at & 31;
		w[i] = shift ? (two_pi[word] << shift) | (two_pi[word + 1] >> (32 - shift)) : two_pi[word];
	}
	uint64_t hi = (uint64_t)m * w[0] << 32, mid = (uint64_t)m * w[1], low = (uint64_t)m * w[2] >> 32;
	uint64_t f = hi + mid + low; /* a * 2/pi modulo 4, 62 bits of fraction */
	uint64_t n = (f + ((uint64_t)1 << 61)) >> 62;
	double r = (double)(int64_t)(f - (n << 62)) * 3.4061215800865546e-19; /* pi/2 * 2^-62 */
	int k = (int)n & 3;
	*ret = x < 0.0f ? -r : r;
	return x < 0.0f ? (4 - k) & 3 : k;
}

/* sin(x + quarter * pi/2) in double; x finite. */
AXK_INLINE double axk_sincos_64(float x, int quarter)
{
	double r, z, p = 0.0;
	int n = axk_reduce_pi2(x, &r) + quarter;
	z = r * r;
	if (n & 1) {
		for (int i = 16; i >= 2; i -= 2)
			p = (1.0 - p) * z / (i * (i - 1));
		p = 1.0 - p;
	} else {
		for (int i = 17; i >= 3; i -= 2)
			p = (1.0 - p) * z / (i * (i - 1));
		p = r - r * p;
	}
	return n & 2 ? -p : p;
}

AXK_INLINE float axk_sincosf(float x, int quarter)
{
	if (!(axk_absf(x) <= 3.4028235e38f))
		return x - x;
	if (x == 0.0f && !(quarter & 1))
		return x;
	return (float)axk_sincos_64(x, quarter);
}

#endif
