/* A node that multiplies by constant weights (Conv, ConvTranspose, Gemm, MatMul) as quantize sees it: which
 * weight belongs to which channels and taps. Shared by weights.c and bias.c. */
#ifndef AXC_QUANT_MAC_H
#define AXC_QUANT_MAC_H

#include "quant/scales.h"

#define AXC_ACC_LIMIT 2147483520.0 /* largest float below 2^31 */

typedef struct AxcQuantMac {
	const float *w;
	int64_t n_weights;
	int64_t n_scales;   /* entries of q: output channels, per group for ConvTranspose */
	int64_t stride;     /* elements between two of them */
	int64_t channels;   /* output channels */
	int axis;           /* of the weight tensor */
	double alpha, beta; /* Gemm */
	const float *bias;
	int64_t n_bias;
	const AxcQuant *x;
	bool bias_always;
	const float *out_gain;
	double *factor;     /* of the weights and bias of each entry of q by gains; NULL: 1 */
	double *correction; /* of the bias of each output channel */
} AxcQuantMac;

/* Without gains and correction. */
AxcQuantMac axc_quant_mac(const AxcGraph *g, const AxcNode *n, const AxcQuant *x);
int64_t axc_quant_in_channels(const AxcQuantMac *m, const AxcGraph *g, const AxcNode *n);
int64_t axc_quant_taps(const AxcGraph *g, const AxcNode *n); /* of the kernel */
/* Share of the output positions at which each kernel tap lies inside the input. */
double *axc_quant_tap_shares(const AxcGraph *g, const AxcNode *n, int64_t taps, AxcArena *arena);
/* Input and output channel of weight i. */
void axc_quant_channels(const AxcQuantMac *m, const AxcShape *w, int64_t i, int64_t taps, int64_t groups,
                        int64_t *ret_in, int64_t *ret_out);

#endif
