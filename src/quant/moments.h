/* What a product reads on real samples (moments.c), and rounding with it (round.c). */
#ifndef AXC_QUANT_MOMENTS_H
#define AXC_QUANT_MOMENTS_H

#include "quant/plan.h"

/* The input vectors of one product. Columns are in the order of a row of its weights: input channel, kernel
 * row, kernel column; all groups side by side. */
typedef struct AxcMacInputs {
	int64_t k;        /* columns of all groups */
	int64_t group_k;  /* of one group: what one output channel reads */
	int64_t n;        /* vectors */
	const int8_t *x;  /* [n][k]: quantized */
	const int8_t *zero; /* [k]: zero point of each column */
	const double *mean;   /* [k]: of the float inputs */
	const double *mean_q; /* [k]: of x - zero */
} AxcMacInputs;

struct AxcMoments {
	uint32_t n_nodes; /* of the clean graph; at[] by node id */
	const AxcMacInputs *const *at; /* NULL: nothing known */
	int jobs;
	void **memory; /* of all vectors; *memory is NULL once released */
};

/* Row-major access to the weights: element (channel o, column j) is w[o * row + j * column]. */
typedef struct AxcWeightRows {
	const float *w;
	int64_t row, column;
	int64_t channels;
	const float *scale; /* of each channel */
} AxcWeightRows;

/* Rounds the weights to int8 so that the error of the sums over the sampled vectors is small: nearest plane
 * (Babai 1986; GPTQ, Frantar et al. 2023, is the same in another order). q has the layout of w. */
void axc_quant_round(AxcArena *arena, const AxcMacInputs *in, const AxcWeightRows *w, int jobs, int8_t *q);
/* shift[o]: what the mean of output o lost through quantizing inputs and weights, to be added to its bias;
 * input_scale[o]: scale of the input that channel o reads. */
void axc_quant_mean_shift(const AxcMacInputs *in, const AxcWeightRows *w, const int8_t *q,
                          const float *input_scale, double *shift);

#endif
