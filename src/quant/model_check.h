/* Whether a quantized graph that was read from a file means something (model_check.c). */
#ifndef AXC_QUANT_MODEL_CHECK_H
#define AXC_QUANT_MODEL_CHECK_H

#include "ops/op.h"

/* Invariants, shapes inferred again, types of quantized operators; `file` begins every message. */
AXC_CHECKED bool axc_model_check(const AxcGraph *g, AxcDiag *d, const char *file);

#endif
