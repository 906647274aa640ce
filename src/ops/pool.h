/* Pooling in int8 (pool_i8.c). */
#ifndef AXC_OPS_POOL_H
#define AXC_OPS_POOL_H

#include "ops/window.h"

AxcEvalI8Fn axc_eval_maxpool_i8, axc_eval_avgpool_i8, axc_eval_gavgpool_i8, axc_eval_gmaxpool_i8;

#endif
