/* What "y = scale[c] * x + shift[c]" means to the passes that fold it: recognised in Mul, Add, Sub, Div by
 * constants and BatchNormalization; absorbed by the weights and bias of Conv, ConvTranspose, Gemm, MatMul.
 * Everything is computed in double and rounded once per weight.
 */
#ifndef AXC_AFFINE_H
#define AXC_AFFINE_H

#include "passes/rewrite.h"

typedef struct AxcAffine {
	AxcId input; /* x */
	int axis;    /* dimension that c counts; -1: one scale and shift for all */
	int64_t n;   /* channels; 1 when axis is -1 */
	double *scale, *shift;
} AxcAffine;

/* The node computes that (all factors finite, output shape = input shape). `only_bn`: BatchNormalization. */
bool axc_affine_of(AxcGraph *g, const AxcNode *n, bool only_bn, AxcAffine *ret);
/* outer(inner(x)) into inner, in place; false (inner unchanged in meaning) when axes do not fit or numbers overflow. */
bool axc_affine_compose(AxcGraph *g, AxcAffine *inner, const AxcAffine *outer);

/* A node with constant float weights and (if any) a bias that is constant per output channel. */
bool axc_mac_foldable(const AxcGraph *g, const AxcNode *n);
/* Output channels, and the dimension of the output that counts them. */
int64_t axc_mac_channels(const AxcGraph *g, const AxcNode *n, int *ret_axis);
/* New weights and bias so that the node computes scale[c] * y + shift[c] of what it did. */
void axc_mac_absorb_out(AxcRewrite *r, AxcId node, const AxcAffine *a);
/* New weights and bias so that the node, fed x, computes what it did fed scale[c] * x + shift[c]. Not for
 * ConvTranspose, nor for a shift in front of padding. */
void axc_mac_absorb_in(AxcRewrite *r, AxcId node, const AxcAffine *a);

#endif
