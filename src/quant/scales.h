/* Scale and zero point of every int8 value, and int8 weights with int32 biases. Internal to src/quant. */
#ifndef AXC_QUANT_SCALES_H
#define AXC_QUANT_SCALES_H

#include "quant/plan.h"

/* Scales are kept within these, so that products and ratios of them are normal floats. */
#define AXC_SCALE_MIN 1e-12f
#define AXC_SCALE_MAX 1e12f

/* Per-tensor parameters for the range (zero is included). */
AxcQuant axc_quant_of_range(AxcArena *arena, float lo, float hi);

/* One per value of the clean graph; n == 0 where the value is neither int8 nor a float output. */
const AxcQuant *axc_quant_scales(AxcArena *arena, const AxcGraph *clean, const AxcQuantPlan *plan,
                                 const AxcRanges *ranges);

/* gains.c: one per value of the clean graph, NULL where the value is carried as it is. */
const float **axc_quant_gains(AxcArena *arena, const AxcGraph *clean, const AxcQuantPlan *plan,
                              const AxcRanges *ranges, const AxcQuant *q);

/* What is known of a MAC node's surroundings, all may be NULL or 0. */
typedef struct AxcMacTune {
	const float *in_gain, *out_gain; /* of its input's and its output's channels */
	const float *mean; /* of its input's channels, in float: biases are corrected for rounded weights */
	int64_t n_mean;
	const struct AxcMacInputs *inputs; /* vectors it reads (moments.h): weights are rounded for these */
	int jobs;                          /* threads for that */
} AxcMacTune;

/* int8 weights (q per output channel) and int32 bias of a MAC node of `clean`, added to `out` as constants.
 * x is its input's quantization. *ret_bias is 0 for a MatMul without one. */
AXC_CHECKED bool axc_quant_weights(const AxcGraph *clean, const AxcNode *n, const AxcQuant *x,
                                   const AxcMacTune *tune, AxcGraph *out, AxcDiag *d, AxcId *ret_weights,
                                   AxcId *ret_bias);
/* A float constant as int8 with these parameters. */
AxcId axc_quant_constant(const AxcGraph *clean, AxcId value, const AxcQuant *q, AxcGraph *out);

#endif
