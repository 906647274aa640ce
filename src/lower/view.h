/* Strided views: how a logical (ONNX-shaped) tensor lies in a buffer. Reshape, transpose, slice,
 * split and concat mostly only change the view; when they cannot, a copy is made. Strides and offsets
 * are in elements.
 */
#ifndef AXC_VIEW_H
#define AXC_VIEW_H

#include "lower/program.h"

typedef struct AxcView {
	uint32_t buf; /* 0: nothing yet */
	size_t offset;
	AxcShape shape;                /* logical */
	int64_t stride[AXC_MAX_RANK];
} AxcView;

/* Dense strides with dimensions laid out in `order` (outermost first). */
void axc_view_dense(AxcView *view, const int *order);
/* Row-major; channel-last (rank >= 3: dimension 1 innermost, else row-major). */
void axc_view_row_major(AxcView *view);
void axc_view_channel_last(AxcView *view);
bool axc_view_is_row_major(const AxcView *view);
/* NHWC with a pixel stride: dimension 1 has stride 1, the others are dense around `*ret_ld`. Also rank 2. */
bool axc_view_is_channel_last(const AxcView *view, int64_t *ret_ld);
/* Rows: last dimension has stride 1, the others are dense around `*ret_ld`. */
bool axc_view_is_rows(const AxcView *view, int64_t *ret_ld);
/* The same order of dimensions as `like`, dense, for view->shape of the same rank. */
void axc_view_like(AxcView *view, const AxcView *like);
/* The view under a new shape of equal count, if that needs no copy. */
bool axc_view_reshape(const AxcView *view, const AxcShape *shape, AxcView *ret_view);
/* Splits two views of equal count into the same dimensions (at most 8), if their shapes have a common
 * refinement; dims outermost first. */
bool axc_view_refine(const AxcView *a, const AxcView *b, int *ret_n, int64_t dims[AXC_MAX_RANK],
                     int64_t sa[AXC_MAX_RANK], int64_t sb[AXC_MAX_RANK]);
/* Loop dimensions for element-wise kernels: sorted so that the operand 0 is walked in memory order, merged
 * where all operands allow. strides[k][dim]; writes exactly 8 dims (leading ones 1). */
void axc_loop_dims(int rank, const int64_t *dims, int n_operands, const int64_t *const *strides,
                   int ret_dims[8], int (*ret_strides)[8]);

#endif
