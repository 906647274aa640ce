/* Chains over whole planes, a plane per lane; the last planes, fewer than a vector, one by one. */
#ifndef AXK_VEC_GPOOL_F32_H
#define AXK_VEC_GPOOL_F32_H

#include "kernels/x86/vec_f32.h"

AXK_VEC axk_vf axk_gpool_vec_step(axk_vf acc, axk_vf x, int max)
{
	return max ? axk_vf_max(x, acc) : axk_vf_add(acc, x);
}

/* The chains of `count` elements of AXK_VN planes. */
AXK_VEC axk_vf axk_gpool_vec_planes(const float *x, int count, axk_vf acc, int max)
{
	int i = 0;
	axk_vf column[AXK_VN];
	for (; i + AXK_VN <= count; i += AXK_VN) {
		axk_vf_columns(column, x + i, count);
		for (int k = 0; k < AXK_VN; k++)
			acc = axk_gpool_vec_step(acc, column[k], max);
	}
	for (; i < count; i++)
		acc = axk_gpool_vec_step(acc, axk_vf_load_step(x + i, count), max);
	return acc;
}

AXK_VEC float axk_gpool_vec_plane(const float *x, int count, float acc, int max)
{
	for (int i = 0; i < count; i++)
		acc = max ? (x[i] > acc ? x[i] : acc) : acc + x[i];
	return acc;
}

#endif
