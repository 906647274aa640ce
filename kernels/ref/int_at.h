/* Integers of any width read and written as int64. */
#ifndef AXK_INT_AT_H
#define AXK_INT_AT_H

#include "kernels/axk.h"

AXK_INLINE int64_t axk_int_at(const void *x, int type, ptrdiff_t i)
{
	switch (type) {
	case AXK_T_I8: return ((const int8_t *)x)[i];
	case AXK_T_U8: return ((const uint8_t *)x)[i];
	case AXK_T_BOOL: return ((const uint8_t *)x)[i] != 0;
	case AXK_T_I16: return ((const int16_t *)x)[i];
	case AXK_T_I32: return ((const int32_t *)x)[i];
	default: return ((const int64_t *)x)[i];
	}
}

/* Keeps the low bits. */
AXK_INLINE void axk_int_put(void *y, int type, ptrdiff_t i, int64_t v)
{
	switch (type) {
	case AXK_T_I8:
	case AXK_T_U8: ((uint8_t *)y)[i] = (uint8_t)v; break;
	case AXK_T_BOOL: ((uint8_t *)y)[i] = v != 0; break;
	case AXK_T_I16: ((uint16_t *)y)[i] = (uint16_t)v; break;
	case AXK_T_I32: ((uint32_t *)y)[i] = (uint32_t)v; break;
	default: ((int64_t *)y)[i] = v; break;
	}
}

/* An index into an extent: negative counts from the end; clamped into range. */
AXK_INLINE int axk_index_at(const void *x, int type, ptrdiff_t i, int extent)
{
	int64_t v = type == AXK_T_I32 ? ((const int32_t *)x)[i] : ((const int64_t *)x)[i];
	v = v < 0 ? v + extent : v;
	v = v < 0 ? 0 : v >= extent ? extent - 1 : v;
	return (int)v;
}

#endif
