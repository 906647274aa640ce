/* The reference interpreter: runs a Graph. Float and integer nodes run the kernel calls that their
 * operator literal builds; int8 nodes run the literal's plain loops. It defines what the emitted C
 * must give, bit for bit. An AxcEval is made once per graph and worker thread, and run per sample.
 */
#ifndef AXC_EVAL_H
#define AXC_EVAL_H

#include "ops/op.h"

typedef struct AxcEval AxcEval;

/* Plans buffers (liveness, one block), builds kernel calls and packs weights. `isa` is usually
 * axk_cpu_isa(). keep_all: every value keeps its own memory so that it can be read after the run
 * (calibration observes through the callback below instead, and needs no keep_all). `share` (may be
 * NULL): another AxcEval of the same graph whose packed constants are reused (worker threads). */
AXC_CHECKED bool axc_eval_new(AxcArena *arena, AxcDiag *d, const AxcGraph *g, unsigned isa, bool keep_all,
                              const AxcEval *share, AxcEval **ret_eval);
/* inputs[i]: data of graph input i in its dtype and static shape. observe (may be NULL) is called for
 * every value right after it was computed (graph inputs too), with its data. */
AXC_CHECKED bool axc_eval_run(AxcEval *ev, AxcDiag *d, const void *const *inputs,
                              void (*observe)(void *ctx, AxcId value, const void *data), void *ctx);
/* The same in steps, one per live node in order: bias correction runs many samples side by side. */
void axc_eval_begin(AxcEval *ev, const void *const *inputs);
uint32_t axc_eval_steps(const AxcEval *ev);
AxcId axc_eval_step_node(const AxcEval *ev, uint32_t step);
AXC_CHECKED bool axc_eval_step(AxcEval *ev, AxcDiag *d, uint32_t step);
/* After a run: data of a graph output, or with keep_all of any value. Constants always. */
const void *axc_eval_data(const AxcEval *ev, AxcId value);
/* One node on its own, for constant folding: all inputs constant; outputs allocated in g->arena. */
AXC_CHECKED bool axc_eval_node(AxcGraph *g, AxcId node, AxcDiag *d, const void **ret_outputs);

#endif
