/* Windows that slide over one to three spatial dimensions: what Conv, ConvTranspose and the pools
 * have in common. Attributes are read and checked here once; auto_pad and missing kernel shapes are
 * resolved. */
#ifndef AXC_OPS_WINDOW_H
#define AXC_OPS_WINDOW_H

#include "ops/op.h"

typedef struct AxcWindow {
	int rank; /* spatial dimensions, 1..3 */
	int64_t in[3], out[3], kernel[3], stride[3], dilation[3], begin[3], end[3];
} AxcWindow;

/* Conv and pools over the spatial dimensions of input 0. kernel: of the weights, or NULL (then the
 * attribute kernel_shape is required). Sets everything, out included; false (with message) on a
 * misfit. */
AXC_CHECKED bool axc_window_read(const AxcGraph *g, const AxcNode *node, const int64_t *kernel,
				 AxcWindow *ret, AxcDiag *d);
/* ConvTranspose: out from output_shape, auto_pad, output_padding; begin and end resolved, never
 * negative. */
AXC_CHECKED bool axc_window_read_transposed(const AxcGraph *g, const AxcNode *node,
					    const int64_t *kernel, AxcWindow *ret, AxcDiag *d);
/* The same window with leading dimensions of size 1 so that it has `rank` of them. */
AxcWindow axc_window_widen(const AxcWindow *w, int rank);

/* Input i, whose meaning is `what`, is not the constant that it has to be. Always false. */
bool axc_not_constant(const AxcGraph *g, const AxcNode *node, AxcDiag *d, uint32_t i, const char *what,
		      const char *wanted);
/* Messages that name the node. Always false. */
bool axc_misfit(const AxcGraph *g, const AxcNode *node, AxcDiag *d, const char *wanted,
		const char *format, ...) AXC_PRINTF(5, 6);
/* check(): the operator's inputs listed must be float32. */
bool axc_check_f32(const AxcGraph *g, const AxcNode *node, AxcDiag *d, uint32_t inputs);

#endif
