/* Parameter structs of the float and integer kernels of element-wise operators, reductions, softmax
 * and data movement (ONNX layout, row-major). Included by axk_f32.h. Codes of functions and element
 * types are in ref/opcodes.h. Index tensors are int32 or int64 (index_type); indices count from the
 * end when negative and are clamped into range, so no input makes a kernel leave its buffers. */
#ifndef AXK_ELEM_H
#define AXK_ELEM_H

#include "kernels/ref/opcodes.h"

/* y[i] = op(x[i]), i in 0..n-1; alpha and beta as opcodes.h says. buf: 0 out, 1 in. */
#define AXK_UNARY_F32_FIELDS(I, F, A) I(op) I(n) F(alpha) F(beta)
AXK_STRUCT(axk_unary_f32, AXK_UNARY_F32_FIELDS)

/* y = op(a, b), y contiguous over dims (outermost first, unused ones 1), operands with a stride per
 * dimension (0: broadcast). The innermost is fast with strides 0 and 1. buf: 0 out, 1 a, 2 b. */
#define AXK_BINARY_F32_FIELDS(I, F, A) I(op) A(dims, 8) A(sa, 8) A(sb, 8)
AXK_STRUCT(axk_binary_f32, AXK_BINARY_F32_FIELDS)

/* The same on integers; overflow wraps, a division by zero gives 0. AXK_COMPARE: y is bool, one
 * byte. */
#define AXK_BINARY_INT_FIELDS(I, F, A) I(op) I(type) A(dims, 8) A(sa, 8) A(sb, 8)
AXK_STRUCT(axk_binary_int, AXK_BINARY_INT_FIELDS)

/* y = condition ? a : b. buf: 0 out, 1 condition (bool), 2 a, 3 b. */
#define AXK_WHERE_FIELDS(I, F, A) I(elem_bytes) A(dims, 8) A(sc, 8) A(sa, 8) A(sb, 8)
AXK_STRUCT(axk_where, AXK_WHERE_FIELDS)

/* Types are AXK_T_…; float to integer truncates and saturates, NaN gives 0. buf: 0 out, 1 in. */
#define AXK_CAST_FIELDS(I, F, A) I(from) I(to) I(n)
AXK_STRUCT(axk_cast, AXK_CAST_FIELDS)

/* y over kdims (contiguous), each the chain over rdims in row-major order; ks, rs: strides of x.
 * count is the divisor of the mean. buf: 0 out, 1 in, 2 (LOGSUMEXP only) the maxima over rdims. */
#define AXK_REDUCE_FIELDS(I, F, A) I(op) I(type) F(count) A(kdims, 8) A(ks, 8) A(rdims, 8) A(rs, 8)
AXK_STRUCT(axk_reduce, AXK_REDUCE_FIELDS)

/* Index (int64) of the largest, or with is_min the smallest, along the middle of [outer][c][inner];
 * of equals the first, or with take_last the last. buf: 0 out, 1 in. */
#define AXK_ARGMAX_FIELDS(I, F, A) I(type) I(is_min) I(take_last) I(outer) I(c) I(inner)
AXK_STRUCT(axk_argmax, AXK_ARGMAX_FIELDS)

/* Softmax over the middle of [outer][c][inner]: e^(x - max) / sum, the sum sequential in c; with
 * is_log x - max - log(sum). buf: 0 out, 1 in. */
#define AXK_SOFTMAX_F32_FIELDS(I, F, A) I(is_log) I(outer) I(c) I(inner)
AXK_STRUCT(axk_softmax_f32, AXK_SOFTMAX_F32_FIELDS)

/* Running sum along the middle of [outer][c][inner], float32, int32 or int64. buf: 0 out, 1 in. */
#define AXK_CUMSUM_FIELDS(I, F, A) I(type) I(exclusive) I(reverse) I(outer) I(c) I(inner)
AXK_STRUCT(axk_cumsum, AXK_CUMSUM_FIELDS)

/* y[outer][n][inner] = x[outer][index[n]][inner]; axis is x's extent there. buf: 0 out, 1 in, 2
 * indices. */
#define AXK_GATHER_FIELDS(I, F, A) I(elem_bytes) I(index_type) I(outer) I(axis) I(n) I(inner)
AXK_STRUCT(axk_gather, AXK_GATHER_FIELDS)

/* y[i] = x[i with dimension `axis` replaced by index[i]]: dims of index and y (contiguous), sx
 * strides of x, extent that of x along axis. buf: 0 out, 1 in, 2 indices. */
#define AXK_GATHER_ELEMENTS_FIELDS(I, F, A)                                                        \
	I(elem_bytes) I(index_type) I(axis) I(extent) A(dims, 8) A(sx, 8)
AXK_STRUCT(axk_gather_elements, AXK_GATHER_ELEMENTS_FIELDS)

/* y[b][i][inner] = x[b][index[b][i][0..k-1]][inner]; dims: extents indexed, sx their strides in x.
 * buf: 0 out, 1 in, 2 indices. */
#define AXK_GATHER_ND_FIELDS(I, F, A)                                                              \
	I(elem_bytes) I(index_type) I(batch) I(batch_stride) I(n) I(k) I(inner) A(dims, 8) A(sx, 8)
AXK_STRUCT(axk_gather_nd, AXK_GATHER_ND_FIELDS)

/* y (already a copy of the data) at [index[i][0..k-1]][inner] set to or combined with the updates,
 * in order of i. op AXK_S_…; type of the elements. buf: 0 out, 1 indices, 2 updates. */
#define AXK_SCATTER_ND_FIELDS(I, F, A)                                                             \
	I(op) I(type) I(index_type) I(n) I(k) I(inner) A(dims, 8) A(sy, 8)
AXK_STRUCT(axk_scatter_nd, AXK_SCATTER_ND_FIELDS)

/* The counterpart of AXK_GATHER_ELEMENTS: dims of index and updates (contiguous), sy strides of y
 * (already a copy of the data). buf: 0 out, 1 indices, 2 updates. */
#define AXK_SCATTER_ELEMENTS_FIELDS(I, F, A)                                                       \
	I(op) I(type) I(index_type) I(axis) I(extent) A(dims, 8) A(sy, 8)
AXK_STRUCT(axk_scatter_elements, AXK_SCATTER_ELEMENTS_FIELDS)

/* The k largest (or smallest) along the middle of [outer][c][inner], sorted, of equals the lower
 * index first. float32, int32 or int64. buf: 0 values, 1 indices (int64), 2 in. */
#define AXK_TOPK_FIELDS(I, F, A) I(type) I(smallest) I(outer) I(c) I(inner) I(k)
AXK_STRUCT(axk_topk, AXK_TOPK_FIELDS)

#endif
