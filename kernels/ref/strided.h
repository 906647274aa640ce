/* Walking up to 8 strided dimensions. A unit of the u8 elementwise kernels is a chunk of at most
 * AXK_CHUNK elements of the innermost dimension at one place of the outer seven. */
#ifndef AXK_REF_STRIDED_H
#define AXK_REF_STRIDED_H

#include "kernels/axk.h"

enum { AXK_CHUNK = 4096 };

AXK_INLINE int axk_chunks(const int *dims)
{
	return (dims[7] + AXK_CHUNK - 1) / AXK_CHUNK;
}

AXK_INLINE int axk_chunk_len(const int *dims, int chunk)
{
	int left = dims[7] - chunk * AXK_CHUNK;
	return left < AXK_CHUNK ? left : AXK_CHUNK;
}

/* Offset of the given outer place and chunk for an operand with these strides. */
AXK_INLINE ptrdiff_t axk_chunk_at(const int *dims, const int *strides, int outer, int chunk)
{
	ptrdiff_t at = (ptrdiff_t)chunk * AXK_CHUNK * strides[7];
	for (int d = 6; d >= 0 && outer; d--) {
		at += (ptrdiff_t)(outer % dims[d]) * strides[d];
		outer /= dims[d];
	}
	return at;
}

#endif
