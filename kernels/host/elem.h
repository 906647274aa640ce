/* Companions of the element-wise, reduction, softmax and data movement kernels: which function a
 * row serves, how many units a call has. */
#ifndef AXK_HOST_ELEM_H
#define AXK_HOST_ELEM_H

#include "kernels/axk.h"

/* AXK_UNARY_F32 and AXK_BINARY_F32 have one row per family of functions. */
int axk_fits_unary_simple(const void *params);
int axk_fits_unary_exp(const void *params);
int axk_fits_unary_trig(const void *params);
int axk_fits_binary_simple(const void *params);
int axk_fits_binary_pow(const void *params);
int axk_fits_binary_f32_vector(const void *params); /* up to AXK_B_PRELU, inner strides 0 and 1 */

int axk_units_unary_f32(const void *params); /* blocks of 4096 elements */
int axk_units_cast(const void *params);
int axk_units_binary_f32(const void *params); /* chunks of the innermost dimension */
int axk_units_binary_int(const void *params);
int axk_units_where(const void *params);
int axk_units_move(const void *params);
int axk_units_copy(const void *params); /* blocks of rows, plan2d.h */
int axk_units_fill(const void *params);
int axk_units_quant(const void *params);
int axk_units_reduce_f32(const void *params);  /* blocks of 64 outputs */
int axk_units_reduce_rows(const void *params); /* the same along another dimension: ref/reduce_rows.h */
int axk_units_reduce_int(const void *params);  /* outputs */
int axk_units_softmax_f32(const void *params); /* outer * blocks of 64 columns */
int axk_units_argmax(const void *params);
int axk_units_topk(const void *params); /* outer */
int axk_units_cumsum(const void *params);
int axk_units_gather(const void *params);
int axk_units_gather_elements(const void *params); /* places of all dimensions but the innermost */
int axk_units_gather_nd(const void *params);       /* tuples */
int axk_units_one(const void *params); /* all of it: later updates win */

#endif
