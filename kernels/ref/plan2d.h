/* A strided copy over up to 8 dimensions seen as rows: dimensions of extent 1 dropped, neighbours
 * that run on in both operands merged, the output's contiguous dimension innermost (0) and the
 * input's next (1). The order of copying is free, so this is only about speed. A unit is a block of
 * at most AXK_PLAN_ROWS indices of dimension 1 at one place of the outer ones. */
#ifndef AXK_PLAN2D_H
#define AXK_PLAN2D_H

#include "kernels/axk.h"

enum { AXK_PLAN_ROWS = 64 };

struct axk_plan2d {
	int n0, sy0, sx0, n1, sy1, sx1; /* elements and strides of the two inner dimensions */
	int m, dims[8], sy[8], sx[8];   /* the outer ones, innermost first */
	int blocks, units;
};

AXK_INLINE void axk_plan_take(struct axk_plan2d *p, int i, int *n, int *sy, int *sx)
{
	*n = p->dims[i];
	*sy = p->sy[i];
	*sx = p->sx[i];
	p->m--;
	for (; i < p->m; i++) {
		p->dims[i] = p->dims[i + 1];
		p->sy[i] = p->sy[i + 1];
		p->sx[i] = p->sx[i + 1];
	}
}

AXK_INLINE struct axk_plan2d axk_plan2d_of(const int *dims, const int *sy, const int *sx)
{
	struct axk_plan2d p = {1, 1, 1, 1, 0, 0, 0, {0}, {0}, {0}, 0, 0};
	for (int d = 7; d >= 0; d--) {
		int last = p.m - 1;
		if (dims[d] == 1)
			continue;
		if (p.m && sy[d] == p.sy[last] * p.dims[last] &&
		    sx[d] == p.sx[last] * p.dims[last]) {
			p.dims[last] *= dims[d];
			continue;
		}
		p.dims[p.m] = dims[d];
		p.sy[p.m] = sy[d];
		p.sx[p.m++] = sx[d];
	}
	int inner = 0, next = 0;
	for (int i = p.m - 1; i >= 0; i--)
		inner = p.sy[i] == 1 ? i : inner;
	if (p.m)
		axk_plan_take(&p, inner, &p.n0, &p.sy0, &p.sx0);
	for (int i = p.m - 1; i >= 0; i--)
		next = p.sx[i] == 1 ? i : next;
	if (p.m)
		axk_plan_take(&p, next, &p.n1, &p.sy1, &p.sx1);
	p.blocks = (p.n1 + AXK_PLAN_ROWS - 1) / AXK_PLAN_ROWS;
	p.units = p.n0 ? p.blocks : 0;
	for (int i = 0; i < p.m; i++)
		p.units *= p.dims[i];
	return p;
}

/* Offsets and number of rows of a unit. */
AXK_INLINE int axk_plan_unit(const struct axk_plan2d *p, int u, ptrdiff_t *y, ptrdiff_t *x)
{
	int block = u % p->blocks, from = block * AXK_PLAN_ROWS;
	*y = (ptrdiff_t)from * p->sy1;
	*x = (ptrdiff_t)from * p->sx1;
	u /= p->blocks;
	for (int i = 0; i < p->m && u; i++) {
		*y += (ptrdiff_t)(u % p->dims[i]) * p->sy[i];
		*x += (ptrdiff_t)(u % p->dims[i]) * p->sx[i];
		u /= p->dims[i];
	}
	return p->n1 - from < AXK_PLAN_ROWS ? p->n1 - from : AXK_PLAN_ROWS;
}

#endif
