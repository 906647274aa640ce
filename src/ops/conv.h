/* Conv and ConvTranspose in int8 (conv_i8.c), and what lowering wants to know of their geometry. */
#ifndef AXC_OPS_CONV_H
#define AXC_OPS_CONV_H

#include "ops/window.h"

AxcEvalI8Fn axc_eval_conv_i8, axc_eval_convt_i8;
/* The node's window, input 0 and weights 1 known; works for Conv and ConvTranspose. */
AXC_CHECKED bool axc_conv_window(const AxcGraph *g, const AxcNode *node, AxcWindow *ret,
				 AxcDiag *d);

#endif
