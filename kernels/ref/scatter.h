/* One element stored or combined, for the scatter kernels. */
#ifndef AXK_SCATTER_H
#define AXK_SCATTER_H

#include "kernels/axk.h"
#include "kernels/ref/int_at.h"

AXK_INLINE void axk_scatter_one(int op, int type, void *y, ptrdiff_t at, const void *x, ptrdiff_t from)
{
	if (type == AXK_T_F32) {
		float v = ((const float *)x)[from], *w = (float *)y + at;
		switch (op) {
		case AXK_S_SET: *w = v; break;
		case AXK_S_ADD: *w = *w + v; break;
		case AXK_S_MUL: *w = *w * v; break;
		case AXK_S_MIN: *w = v < *w ? v : *w; break;
		default: *w = v > *w ? v : *w; break;
		}
		return;
	}
	int64_t v = axk_int_at(x, type, from), w = axk_int_at(y, type, at);
	switch (op) {
	case AXK_S_SET: break;
	case AXK_S_ADD: v = (int64_t)((uint64_t)w + (uint64_t)v); break;
	case AXK_S_MUL: v = (int64_t)((uint64_t)w * (uint64_t)v); break;
	case AXK_S_MIN: v = v < w ? v : w; break;
	default: v = v > w ? v : w; break;
	}
	axk_int_put(y, type, at, v);
}

#endif
