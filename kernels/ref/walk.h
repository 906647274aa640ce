/* An odometer over up to 8 strided dimensions, outermost first. */
#ifndef AXK_WALK_H
#define AXK_WALK_H

#include "kernels/axk.h"

/* Offset of the i-th place (row-major) of `count` dimensions. */
AXK_INLINE ptrdiff_t axk_place(const int *dims, const int *strides, int count, int i)
{
	ptrdiff_t at = 0;
	for (int d = count - 1; d >= 0 && i; d--) {
		at += (ptrdiff_t)(i % dims[d]) * strides[d];
		i /= dims[d];
	}
	return at;
}

/* Steps index[0..count-1] on; returns the change of the offset. */
AXK_INLINE ptrdiff_t axk_step(const int *dims, const int *strides, int count, int *index)
{
	ptrdiff_t change = 0;
	for (int d = count - 1; d >= 0; d--) {
		change += strides[d];
		if (++index[d] < dims[d])
			return change;
		change -= (ptrdiff_t)dims[d] * strides[d];
		index[d] = 0;
	}
	return change;
}

AXK_INLINE int axk_product(const int *dims, int count)
{
	int n = 1;
	for (int d = 0; d < count; d++)
		n *= dims[d];
	return n;
}

#endif
