/* How the vector reductions see their parameters: outputs next to each other along the innermost
 * kept dimension that has any, and chains that end in runs along the innermost reduced one. Unit:
 * 64 outputs. */
#ifndef AXK_REDUCE_ROWS_H
#define AXK_REDUCE_ROWS_H

#include "kernels/ref/walk.h"

enum { AXK_REDUCE_ROWS_BLOCK = 64 };

typedef struct axk_reduce_rows {
	int kept, run; /* dimensions */
	int n, blocks; /* outputs along `kept`, blocks of them */
	int outer;     /* places of the dimensions before it */
} axk_reduce_rows;

AXK_INLINE axk_reduce_rows axk_reduce_rows_of(const struct axk_reduce *p)
{
	axk_reduce_rows r = {7, 7, 0, 0, 0};
	while (r.kept > 0 && p->kdims[r.kept] == 1)
		r.kept--;
	while (r.run > 0 && p->rdims[r.run] == 1)
		r.run--;
	r.n = p->kdims[r.kept];
	r.blocks = (r.n + AXK_REDUCE_ROWS_BLOCK - 1) / AXK_REDUCE_ROWS_BLOCK;
	r.outer = axk_product(p->kdims, r.kept);
	return r;
}

#endif
