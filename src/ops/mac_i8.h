/* The integer product behind Conv, ConvTranspose, Gemm and MatMul: columns of int16 inputs (zero
 * point taken off) times int8 weights, int32 sums, then rule 1 or the float form. */
#ifndef AXC_OPS_MAC_I8_H
#define AXC_OPS_MAC_I8_H

#include "ops/op.h"

enum { AXC_MAC_BLOCK = 256 }; /* output positions computed at once */

/* acc[i] = start + sum over k of w[k] * col[k * AXC_MAC_BLOCK + i], i < n. */
void axc_mac_i8(const int16_t *col, const int8_t *w, int64_t k, int n, int32_t start, int32_t *acc);
/* Rule 1 into output channel c, or f32(acc) * f32(sx*sw) when y is float32. Element i of the block
 * is y->data[at + i * step]. */
void axc_mac_i8_store(const int32_t *acc, int n, float sx, float sw, const AxcTensor *y, int64_t c,
		      int64_t at, int64_t step);
/* Scale of output channel c: one for all, one per channel, or one per channel within the group. */
float axc_weight_scale(const AxcTensor *w, int64_t c);
/* Of an activation: per tensor or per channel. */
float axc_channel_scale(const AxcTensor *x, int64_t c);
int axc_channel_zero(const AxcTensor *x, int64_t c);

#endif
