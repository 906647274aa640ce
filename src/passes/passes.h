/* Graph -> Graph rewrites between import and lowering, and the runner that orders and checks them.
 *
 * A pass is one AxcPass: a name, what it needs to be true of the graph (facts), what it makes true and
 * what it may destroy. axc_passes_run checks `needs` before, runs the pass, sorts and verifies the graph
 * after it, and records its time. axc_clean runs the list `axc_clean_passes`; the tool axc-pass runs any
 * pass by name on a printed graph.
 *
 * After axc_clean:
 *   - every value has a dtype and a static shape, every node whose inputs are constant is folded;
 *   - no dead code, no Identity/Dropout/no-op nodes, no two Transposes or Reshapes in a row. The one
 *     exception: a graph output that is a graph input, a constant, or a value that is another graph
 *     output too, is written by an Identity node (so every graph output has a producer of its own);
 *   - Conv, MaxPool and AveragePool carry explicit `pads` and no auto_pad;
 *   - BatchNormalization is folded into its neighbours or became a depthwise 1x1 Conv or Mul + Add;
 *   - Conv and ConvTranspose may have absorbed Mul/Add/Sub/Div by constants, Gemm and MatMul too. A MatMul
 *     with a third input is a MatMul plus bias [N] (the bias of the Add behind it);
 *   - means over all spatial positions are GlobalAveragePool (with a Reshape where dimensions went).
 * The rewrites keep the meaning; they may change float rounding, which is why they run before calibration.
 */
#ifndef AXC_PASSES_H
#define AXC_PASSES_H

#include "ir/ir.h"

/* ---- one pass ---- */

enum {
	AXC_FACT_SHAPES = 1 << 0,   /* every dtype and shape is known and static (G6) */
	AXC_FACT_FOLDED = 1 << 1,   /* no live node has constant inputs only */
	AXC_FACT_LIVE = 1 << 2,     /* no dead code */
	AXC_FACT_EXPLICIT = 1 << 3, /* no auto_pad on Conv, MaxPool, AveragePool */
	AXC_FACT_NO_BN = 1 << 4,    /* no BatchNormalization */
	AXC_FACT_OUTPUTS = 1 << 5,  /* every graph output has a producer of its own */
};

typedef struct AxcPassTiming {
	const char *pass, *parent; /* parent: the list it ran in, "clean" */
	double start_ms, end_ms;   /* since the trace began */
	uint32_t nodes_before, nodes_after;
} AxcPassTiming;

typedef struct AxcPassTrace {
	AxcArena *arena;
	double origin_ms; /* set by the first entry */
	AXC_ARRAY(AxcPassTiming) entries;
} AxcPassTrace;

typedef struct AxcPassConfig {
	bool only_needed; /* property run_graph_cleaner is false: only what the stages behind cannot do without */
	const double *softmax_neutral;  /* property softmax_neutral_value; NULL: padding keeps its value */
	bool check_operators; /* property validate_operators: axc_lower_check is told together with mistakes of shapes */
	bool arithmetic_simplification; /* property apply_arithmetic_simplification: rewrites that may change rounding */
	const char *model_name;         /* "" or NULL: from the graph's name */
	AxcPassTrace *trace;            /* NULL: not recorded */
} AxcPassConfig;

typedef struct AxcPass {
	const char *name;
	const char *what; /* one line for axc-pass --list */
	unsigned needs, gives, breaks; /* AXC_FACT_… */
	bool (*run)(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d);
} AxcPass;

/* ---- runner.c ---- */

const AxcPass *axc_pass_find(const char *name); /* NULL if there is none */
const AxcPass *const *axc_pass_all(size_t *ret_n);
/* Runs passes in order; *facts (may start as 0) is what holds before and after. */
AXC_CHECKED bool axc_passes_run(AxcGraph *g, const AxcPass *const *passes, size_t n, const char *parent,
                                const AxcPassConfig *config, unsigned *facts, AxcDiag *d);
/* One entry of a trace made by hand, e.g. for the stages behind the passes. */
void axc_pass_trace_add(AxcPassTrace *trace, const char *pass, const char *parent, double start_ms,
                        double end_ms);
double axc_pass_now_ms(void);
/* Text of pass_dependency_graph.json (property trace_tvm_passes). */
void axc_pass_trace_json(const AxcPassTrace *trace, AxcText *out);

/* ---- clean.c ---- */

AXC_CHECKED bool axc_clean(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d);
/* Nodes that nothing can compile: a literal's check() says no, or there is neither a float kernel nor was
 * it folded. All are collected (d->error, d->more) as LOWER_FRONTEND_ERROR; true if there is none. */
AXC_CHECKED bool axc_lower_check(const AxcGraph *g, AxcDiag *d);
/* `name` as a C identifier, "network" if nothing is left of it. */
const char *axc_identifier(AxcArena *arena, const char *name);
/* Multiply-accumulates of one node by its literal, 0 if it has none. */
int64_t axc_node_macs(const AxcGraph *g, const AxcNode *node);

#endif
