/* Rounding of the int8 operators, as the rules of docs/numerics.md write it: on the uint8 form (q +
 * 128), f32 throughout, clamped in float before the conversion, half to even. Shared by every
 * eval_i8. */
#ifndef AXC_OPS_REQUANT_H
#define AXC_OPS_REQUANT_H

#include "ops/op.h"

#include <math.h>

/* rint(clamp(v, lo, hi)) + zp as int8; zp in the uint8 domain, lo and hi bounds minus zp. */
static inline int8_t axc_requant_value(float v, int zp)
{
	float lo = (float)(0 - zp), hi = (float)(255 - zp);
	v = v > lo ? v : lo;
	v = v < hi ? v : hi;
	return (int8_t)((int)rintf(v) + zp - 128);
}

/* Rule 1: an int32 accumulator times m = f32(f32(sx*sw)/sy). zp in the uint8 domain. */
static inline int8_t axc_requant(int32_t acc, float m, int zp)
{
	return axc_requant_value((float)acc * m, zp);
}

/* Rules 2 to 5: v already has the zero point added. sat(rint(v)) as int8. */
static inline int8_t axc_round_u8(float v)
{
	return axc_requant_value(v, 0);
}

/* Rule 5 with the identity as function: operators that move elements into another scale. table[q +
 * 128]; equal parameters give a copy. */
static inline void axc_rescale_table(const AxcQuant *x, const AxcQuant *y, int8_t table[256])
{
	bool same = x->scale[0] == y->scale[0] && x->zero_point[0] == y->zero_point[0];
	for (int q = -128; q < 128; q++) {
		float real = (float)(q - x->zero_point[0]) * x->scale[0];
		table[q + 128] =
			same ? (int8_t)q
			     : axc_requant_value(real / y->scale[0], y->zero_point[0] + 128);
	}
}

#endif
