/* A node that only moves elements, described dimension by dimension: what Transpose, Slice, Pad,
 * Gather by constants, DepthToSpace, Resize nearest and the like have in common. One description
 * serves the float and integer kernel calls (AXK_COPY, AXK_MOVE) and the int8 meaning. */
#ifndef AXC_OPS_MOVE_H
#define AXC_OPS_MOVE_H

#include "ops/util.h"

/* y[i0][i1]… = x[base + Σ (table[d] ? table[d][i_d] : stride[d] * i_d)], y row-major over dim;
 * where a table entry is negative, y is the fill element. */
typedef struct AxcMove {
	int rank; /* 0..8 */
	int64_t dim[AXC_MAX_RANK], stride[AXC_MAX_RANK], base;
	const int32_t *table[AXC_MAX_RANK]; /* offsets in elements */
} AxcMove;

/* Strides of a row-major tensor. */
void axc_row_major(const AxcShape *shape, int64_t stride[AXC_MAX_RANK]);
/* Output `out` from input `in`; fill (may be AXC_REF_NONE when nothing is filled) is one element.
 */
AXC_CHECKED bool axc_move_build(AxcBuild *b, const AxcMove *m, size_t elem_bytes, AxcRef out,
				AxcRef in, AxcRef fill);
/* int8: elements are copied when the parameters are equal, else rescaled by a table; `fill` is a
 * real number, quantized by the output's parameters. */
void axc_move_i8(const AxcMove *m, const AxcTensor *in, const AxcTensor *out, float fill);

/* Describes output `out` of the node; the shapes in the graph are final. Tables go into `arena`. */
typedef bool AxcDescribeFn(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d,
			   uint32_t out, AxcMove *ret);
/* build and eval_i8 of a node that a description covers: every used output. The fill is input 2
 * where there is one (Pad), else 0. */
AXC_CHECKED bool axc_move_build_node(const AxcGraph *g, const AxcNode *n, AxcBuild *b,
				     AxcDescribeFn *describe);
AXC_CHECKED bool axc_move_eval_node(const AxcGraph *g, const AxcNode *n, const AxcTensor *const *in,
				    AxcTensor *const *out, AxcDiag *d, AxcDescribeFn *describe);

#endif
