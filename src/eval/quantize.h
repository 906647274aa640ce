/* Where float meets int8 in the interpreter: rule 7 of docs/numerics.md, per tensor or per channel.
 */
#ifndef AXC_EVAL_QUANTIZE_H
#define AXC_EVAL_QUANTIZE_H

#include "ops/op.h"

/* out->q says how; int8 out. NaN gives the minimum, infinities saturate. */
void axc_eval_quantize(const AxcTensor *in, const AxcTensor *out);
/* in->q says how; float32 out. */
void axc_eval_dequantize(const AxcTensor *in, const AxcTensor *out);

#endif
