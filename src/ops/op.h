/* One ONNX operator is one AxcOp literal in a family file of this folder; op_table.c lists them.
 * The literal says everything: arity, attributes, shape inference, meaning in float (as kernel
 * calls), meaning in int8 (plain loops), how it is quantized, how it is lowered, what it costs.
 *
 * Nodes arrive in one form: import rewrites every opset from 7 to 21 to the newest one
 * (onnx/modernize.c: attributes that became inputs, Upsample to Resize, ...), so a literal handles
 * only that form. `axc_op_supported_opsets` is 7..21.
 */
#ifndef AXC_OPS_OP_H
#define AXC_OPS_OP_H

#include "ir/ir.h"
#include "kernels/axk.h"

/* ---- shape inference ---- */

/* All input shapes and dtypes of the node are known and static. Sets dtype and shape of each output
 * through axc_value(g, node->out[i]); reports a misfit with axc_fail + axc_diag_node/_shapes.
 * Constant inputs are readable through axc_const_ints / axc_value()->data. */
typedef bool AxcInferFn(AxcGraph *g, AxcId node, AxcDiag *d);

/* ---- float and integer meaning: a list of kernel calls ---- */

/* Buffers of a call are references: inputs and outputs of the node, constants made here, temporaries. */
typedef struct AxcRef {
	enum { AXC_REF_NONE, AXC_REF_IN, AXC_REF_OUT, AXC_REF_CONST, AXC_REF_TEMP } kind;
	uint32_t index;
	size_t offset; /* bytes */
} AxcRef;

typedef struct AxcCall {
	const AxkInfo *kernel;
	const void *params; /* the kernel's parameter struct, in the arena */
	uint32_t n_buf;
	AxcRef buf[AXK_MAX_BUFS];
	int units; /* the kernel is run over [0, units) */
} AxcCall;

typedef struct AxcBuild {
	AxcArena *arena;
	AxcDiag *d;
	unsigned isa; /* AXK_ISA_… mask of the target (the interpreter: of this CPU) */
	AXC_ARRAY(AxcCall) calls;
	AXC_ARRAY(size_t) temps; /* bytes of each temporary; a temp lives within the node only */
	struct {
		const void **at;
		size_t *bytes;
		uint32_t n, cap;
	} consts; /* packed weights, tables: built once */
} AxcBuild;

AxcRef axc_build_temp(AxcBuild *b, size_t bytes);
/* A copy of data, aligned and with AXK_SLACK bytes behind, as kernels want their buffers. */
AxcRef axc_build_const(AxcBuild *b, const void *data, size_t bytes);
/* The same for data still to be made (packed weights): fill *ret_data. */
AxcRef axc_build_const_new(AxcBuild *b, size_t bytes, void **ret_data);
static inline AxcRef axc_ref_in(uint32_t i) { return (AxcRef){AXC_REF_IN, i, 0}; }
static inline AxcRef axc_ref_out(uint32_t i) { return (AxcRef){AXC_REF_OUT, i, 0}; }
/* Picks the best kernel of `kind` for b->isa that fits params (a struct axk_… of that kind, copied)
 * and appends a call over [0, units); units 0: as many as the chosen kernel says. No kernel:
 * axc_fail_as(MIDEND_TO_TIR_ERROR). */
AXC_CHECKED bool axc_build_call(AxcBuild *b, AxkKind kind, const void *params, size_t params_bytes,
                                int units, uint32_t n_buf, const AxcRef *buf);
/* The kernel axc_build_call will choose, for packing weights in its order first; NULL after axc_fail_as. */
const AxkInfo *axc_build_select(AxcBuild *b, AxkKind kind, const void *params);

/* Float/integer operators: append the calls that compute the outputs from the inputs. Tensors are
 * row-major in ONNX layout. The same calls serve constant folding, calibration, the interpreter
 * and the emitted C, so float outputs are the same bits everywhere. */
typedef bool AxcBuildFn(const AxcGraph *g, const AxcNode *node, AxcBuild *b);

/* ---- int8 meaning: plain loops, the specification (reference/numerics.md) ---- */

typedef struct AxcTensor {
	AxcDType dtype;
	AxcShape shape;
	AxcQuant q;
	void *data;
} AxcTensor;

/* `in[i]` is NULL for an absent input. int8 data is int8 here, rules are evaluated on q + 128. ONNX
 * layout. An output of dtype F32 with int8 inputs: accumulator * f32(s_x*s_w[c]) (MAC operators),
 * exact sum * f32(s_x/n) (averages). */
typedef bool AxcEvalI8Fn(const AxcGraph *g, const AxcNode *node, const AxcTensor *const *in,
                         AxcTensor *const *out, AxcDiag *d);

/* ---- how quantize treats it (quant/rule.h has the rules behind these names) ---- */

typedef enum AxcQuantRule {
	AXC_QR_FLOAT,   /* no int8 meaning: stays float32 / int64 */
	AXC_QR_MAC,     /* Conv, ConvTranspose, Gemm, MatMul with a constant: int8 x int8 weights + int32 bias */
	AXC_QR_TABLE,   /* unary function of one element: 256-entry table */
	AXC_QR_ADD,     /* Add, Sub of two activations (or with a constant, quantized per tensor) */
	AXC_QR_MUL,     /* Mul of two activations or with a constant */
	AXC_QR_SAME,    /* moves elements: output has the input's scale (MaxPool, Reshape, Transpose, Slice, …) */
	AXC_QR_CONCAT,  /* several inputs into one scale */
	AXC_QR_AVERAGE, /* AveragePool, GlobalAveragePool, ReduceMean */
	AXC_QR_SOFTMAX, /* output scale 1/256, zero point -128 */
	AXC_QR_LINEAR,  /* Resize linear */
} AxcQuantRule;

/* ---- how the int8 form is lowered (src/lower has one function per name) ---- */

typedef enum AxcLowerKind {
	AXC_LK_NONE, /* no int8 form */
	AXC_LK_CONV,
	AXC_LK_CONV_TRANSPOSE,
	AXC_LK_DENSE, /* Gemm, MatMul */
	AXC_LK_TABLE,
	AXC_LK_ADD,
	AXC_LK_MUL,
	AXC_LK_MAXPOOL,
	AXC_LK_AVGPOOL, /* AveragePool, GlobalAveragePool, ReduceMean */
	AXC_LK_MOVE,    /* any gather of elements: Transpose, Slice, Split, Gather, Pad, Resize nearest, DepthToSpace … */
	AXC_LK_VIEW,    /* same elements in the same order: Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout */
	AXC_LK_CONCAT,
	AXC_LK_SOFTMAX,
	AXC_LK_RESIZE_LINEAR,
	AXC_LK_REDUCE_MAX,
} AxcLowerKind;

/* ---- the literal ---- */

struct AxcOp {
	const char *name;
	const char *domain; /* "" = ai.onnx, "axc" = made by our passes */
	int min_in, max_in, min_out, max_out; /* -1 = any number */
	const char *attrs;  /* space-separated names it knows; another one is LOWER_FRONTEND_ERROR */
	AxcInferFn *infer;
	AxcBuildFn *build;      /* NULL: no float kernel (then it must fold away) */
	AxcEvalI8Fn *eval_i8;   /* NULL: no int8 meaning */
	AxcQuantRule quant; /* of a node: axc_quant_rule() */
	AxcLowerKind lower; /* of a node: axc_lower_kind() */
	/* The node moves elements unchanged although the operator in general computes (Resize nearest): then
	 * AXC_QR_SAME and AXC_LK_MOVE. NULL: no. */
	bool (*moves)(const AxcNode *node);
	/* May this node be quantized as it is written (e.g. MatMul only with a constant)? NULL: yes. */
	bool (*quantizable)(const AxcGraph *g, const AxcNode *node);
	/* The range of the output is bounded by the operator: then min-max, not the observer. NULL: no.
	 * Returns false if this node's is not. */
	bool (*bounds)(const AxcGraph *g, const AxcNode *node, float *ret_lo, float *ret_hi);
	/* Unary functions for tables: f in double; alpha, beta … read from the node. NULL unless AXC_QR_TABLE. */
	double (*unary)(const AxcGraph *g, const AxcNode *node, double x);
	int64_t (*macs)(const AxcGraph *g, const AxcNode *node); /* NULL: 0 */
	/* Attribute, type or shape that nothing here can compile: LOWER_FRONTEND_ERROR naming node, attribute
	 * and value. Called after clean. NULL: nothing to check. */
	bool (*check)(const AxcGraph *g, const AxcNode *node, AxcDiag *d);
};

static inline AxcQuantRule axc_quant_rule(const AxcNode *n)
{
	if (!n->op)
		return AXC_QR_FLOAT;
	return n->op->moves && n->op->moves(n) ? AXC_QR_SAME : n->op->quant;
}

static inline AxcLowerKind axc_lower_kind(const AxcNode *n)
{
	if (!n->op)
		return AXC_LK_NONE;
	return n->op->moves && n->op->moves(n) ? AXC_LK_MOVE : n->op->lower;
}

/* NULL if the operator is not in the table. */
const AxcOp *axc_op_find(const char *domain, const char *name);
/* The whole table, for docs/ops.md and --check. */
const AxcOp *const *axc_op_all(size_t *ret_n);
/* Each family file: a NULL-terminated list, joined by op_table.c. */
extern const AxcOp *const axc_ops_conv[], *const axc_ops_pool[], *const axc_ops_matmul[], *const axc_ops_norm[],
	*const axc_ops_resize[], *const axc_ops_unary[], *const axc_ops_binary[], *const axc_ops_reduce[],
	*const axc_ops_softmax[], *const axc_ops_view[], *const axc_ops_move[], *const axc_ops_index[], *const axc_ops_shape[], *const axc_ops_quant[];

#endif
