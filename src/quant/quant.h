/* From the clean float graph and the calibrated ranges to the quantized graph: which nodes compute in
 * int8, which stay in float and why, the scale and zero point of every value, int8 weights and int32
 * biases. The form of the result is in ir/ir.h ("after quantize"); the arithmetic it stands for is
 * docs/numerics.md. After this nothing changes a number.
 */
#ifndef AXC_QUANT_H
#define AXC_QUANT_H

#include "calib/calib.h"

typedef struct AxcQuantConfig {
	bool float32;           /* property precision = float32: nothing is quantized */
	bool float_outputs;     /* the last MAC or average in front of a float tail gives its accumulator in float */
	bool per_channel_dw;    /* scheme hybrid_per_tensor_per_channel or quantize_dw_channel_wise: values between a
	                           Conv (or the input) and depthwise Convs have a scale per channel */
	const char *const *keep_float; /* fnmatch patterns of node names that stay in float */
	uint32_t n_keep_float;
	/* The core's last node by hand (graph_cleaner_node, _condition, _threshold): of the nodes of this operator
	 * whose weight tensor's size (or first dimension) is above the threshold, the one where it is
	 * largest; what it does not need stays float. NULL: found by the rule of plan.c. */
	const char *last_op;
	bool last_by_first_dimension;
	int64_t last_threshold;
	const struct AxcMoments *moments; /* NULL: weights are rounded to the nearest */
} AxcQuantConfig;

/* ---- plan.c: decided before calibration, so that observers know what is needed ---- */

typedef struct AxcQuantPlan {
	uint32_t n_nodes, n_values;   /* of the clean graph the plan is for (arrays are indexed by its ids) */
	const bool *node_int8;        /* the node computes on int8 */
	const char *const *reason;    /* why a node stays float: NULL for int8 nodes */
	const bool *folded;           /* ReLU/Clip that disappears into its producer's range */
	const bool *value_int8;       /* the value exists in int8 */
	const bool *float_out;        /* MAC/average output given as float accumulator */
	const bool *per_channel;      /* the value gets a scale per channel (axis 1) */
	const bool *equalized;        /* not that, but its channels may be carried with gains (gains.c) */
} AxcQuantPlan;

/* The node that the configuration chooses as the core's last; 0 if it names none or none fits. */
AxcId axc_quant_last(const AxcGraph *clean, const AxcQuantConfig *config);
/* Never fails: whatever cannot be int8 stays float with a reason. */
const AxcQuantPlan *axc_quant_plan(AxcArena *arena, const AxcGraph *clean, const AxcQuantConfig *config);

/* ---- moments.c: what the products read, so that weights are rounded for the output's sake ---- */

typedef struct AxcMoments AxcMoments;

/* Runs the clean graph on the first `want` samples and keeps, for every int8 product, some of the vectors
 * it multiplies, quantized as they will be. Give the result to axc_quantize in config->moments.
 * Independent of threads; memory is bounded. */
AXC_CHECKED bool axc_quant_moments(AxcArena *arena, AxcDiag *d, const AxcGraph *clean, const AxcRanges *ranges,
                                   const AxcQuantConfig *config, AxcSamples *samples, int64_t want,
                                   const AxcMoments **ret);
/* Gives the memory of the vectors back (hundreds of megabytes); the arena does it at the latest. */
void axc_quant_moments_release(const AxcMoments *moments);

/* ---- quantize.c ---- */

/* The clean graph is only read. ret lives in clean->arena. */
AXC_CHECKED bool axc_quantize(AxcGraph *clean, const AxcRanges *ranges, const AxcQuantConfig *config,
                              AxcDiag *d, AxcGraph **ret);

/* ---- bias.c ---- */

typedef struct AxcSamples AxcSamples; /* calib/calib.h */

/* Corrects the int32 biases of `quantized`, made from `clean`, so that on a few of the `used` calibration samples
 * every output channel has the mean that it has in float. Nothing happens with random data. */
AXC_CHECKED bool axc_correct_biases(AxcArena *arena, AxcDiag *d, const AxcGraph *clean, AxcGraph *quantized,
                                    AxcSamples *samples, int64_t used, int jobs);

/* ---- summary.c: what the reports say about a quantized graph ---- */

typedef struct AxcQuantSummary {
	int64_t int8_macs, float_macs;
	uint32_t int8_nodes, float_nodes;
} AxcQuantSummary;

AxcQuantSummary axc_quant_summary(const AxcGraph *quantized);
/* Text of quantized_model/report.json: coverage, float nodes with reasons, ranges, clipping, parameters
 * of every int8 value, and what each layer lost (n_layers 0: not measured). */
void axc_quant_report(const AxcGraph *clean, const AxcGraph *quantized, const AxcRanges *ranges,
                      const AxcQuantConfig *config, const AxcLayerSnr *layers, uint32_t n_layers,
                      AxcArena *arena, AxcText *out);
/* The node computes on int8 values (not a QuantizeLinear/DequantizeLinear). */
bool axc_node_is_int8(const AxcGraph *quantized, const AxcNode *node);

#endif
