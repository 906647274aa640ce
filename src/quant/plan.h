/* Helpers of plan.c that quantize.c shares. */
#ifndef AXC_QUANT_PLAN_H
#define AXC_QUANT_PLAN_H

#include "ops/op.h"
#include "quant/quant.h"

/* How many leading inputs of the node are activations (the rest are weights, bounds, axes …). */
uint32_t axc_quant_activations(const AxcNode *n);
bool axc_is_depthwise(const AxcGraph *g, const AxcNode *n);

#endif
