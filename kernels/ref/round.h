/* Rounding shared by every kernel that makes u8 values: half to even, after clamping, without libm.
 */
#ifndef AXK_REF_ROUND_H
#define AXK_REF_ROUND_H

#include "kernels/axk.h"

AXK_INLINE float axk_clampf(float x, float lo, float hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

/* |x| <= 2^22: adding 1.5 * 2^23 leaves no bits behind the point, so the FPU's rounding does the
 * work. */
AXK_INLINE float axk_rintf(float x)
{
	return (x + 12582912.0f) - 12582912.0f;
}

#endif
