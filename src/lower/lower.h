/* Shared state of the lowering: which value lies where, what was fused into what, and the helpers
 * that append steps. Internal to src/lower.
 */
#ifndef AXC_LOWER_H
#define AXC_LOWER_H

#include "lower/view.h"
#include "ops/op.h"

/* What a node's int8 result goes through before it is stored (fuse.c). Steps of the chain happen in the
 * kernel's epilogue: requantize, table, residual add. */
typedef struct AxcFusion {
	AxcId out;            /* value that is stored in the end (the node's own output if nothing is fused) */
	const uint8_t *lut;   /* 256 entries in the u8 domain, or NULL */
	AxcId add;            /* fused Add/Sub node, or 0 */
	AxcId residual;       /* its other operand */
	bool residual_is_a;   /* the other operand is the Add's first */
	AxcId at;             /* node at whose place the fused step runs */
} AxcFusion;

/* A value that is written straight into its place inside a concatenation. */
typedef struct AxcPlace {
	AxcId concat; /* output value of the Concat, or 0 */
	int axis;
	int64_t begin;
	int depth;
} AxcPlace;

typedef struct AxcLowering {
	AxcArena *arena;
	AxcDiag *d;
	const AxcGraph *g;
	const AxcLowerConfig *config;
	AxcProgram *p;
	AxcUses uses;
	const AxcPart *part;
	AxcFusion *fusion;  /* per node */
	bool *layout;       /* per node: a leading change of layout that only run_f32 does */
	bool *absorbed;     /* per node: runs inside another node's step */
	AxcId *deferred;    /* per node: MAC node that runs here instead of at its own place, or 0 */
	AxcPlace *place;    /* per value */
	AxcView *view;      /* per value: where an int8 value lies as u8 */
	uint32_t *dense;    /* per value: buffer of a float/integer value in ONNX layout, or 0 */
	unsigned entries;   /* of the steps being appended */
	int layer;
} AxcLowering;

/* fuse.c */
void axc_fuse(AxcLowering *l);
/* Table of an element-wise int8 node with one non-constant input, in the u8 domain; false if it has none. */
bool axc_node_table(const AxcLowering *l, const AxcNode *n, uint8_t table[256]);

/* steps.c: buffers and steps */
uint32_t axc_buf_add(AxcLowering *l, AxcSpace space, const char *name, size_t bytes);
uint32_t axc_buf_const(AxcLowering *l, const char *name, const void *data, size_t bytes);
/* Picks a kernel for params of `kind`, packs `pack` (may be NULL) into argument 2, appends the step. */
AXC_CHECKED bool axc_step_add(AxcLowering *l, AxkKind kind, const void *params, uint32_t n_args,
                              const AxcArg *args, const AxkPackIn *pack);
/* dst = src element by element, both of elem_bytes; flip 128 converts between int8 and u8. */
AXC_CHECKED bool axc_step_copy(AxcLowering *l, const AxcView *dst, const AxcView *src, int elem_bytes, int flip);
AXC_CHECKED bool axc_step_lut(AxcLowering *l, const AxcView *dst, const AxcView *src, const uint8_t table[256]);
static inline AxcArg axc_view_arg(const AxcView *v, size_t elem_bytes)
{
	return (AxcArg){v->buf, v->offset * elem_bytes};
}

/* values.c: where values lie */
/* The view of an int8 value (constants get a buffer on first use). */
AXC_CHECKED bool axc_view_of(AxcLowering *l, AxcId value, AxcView *ret);
/* Memory for a value about to be written: its place in a concatenation, else a new buffer in channel-last
 * layout (`like` NULL) or in the dimension order of `like`. Records it as the value's view. */
AXC_CHECKED bool axc_view_new(AxcLowering *l, AxcId value, const AxcView *like, AxcView *ret);
/* The value's view, copied first if it is not channel-last / rows. */
AXC_CHECKED bool axc_view_channels(AxcLowering *l, AxcId value, AxcView *ret, int64_t *ret_ld);
AXC_CHECKED bool axc_view_rows(AxcLowering *l, AxcId value, AxcView *ret, int64_t *ret_ld);
/* A temporary of the given shape. */
AxcView axc_view_temp(AxcLowering *l, const AxcShape *shape, bool channel_last, size_t elem_bytes);
void axc_place_concats(AxcLowering *l);
/* A float/integer value's buffer in ONNX layout, and a view of it. */
AxcView axc_dense_view(AxcLowering *l, AxcId value);

/* ops_mac.c, ops_move.c, ops_other.c: int8 nodes by lowering kind */
AXC_CHECKED bool axc_lower_mac(AxcLowering *l, AxcId node);
AXC_CHECKED bool axc_lower_move(AxcLowering *l, AxcId node);
AXC_CHECKED bool axc_lower_concat(AxcLowering *l, AxcId node);
AXC_CHECKED bool axc_lower_table(AxcLowering *l, AxcId node);
AXC_CHECKED bool axc_lower_binary(AxcLowering *l, AxcId node);
AXC_CHECKED bool axc_lower_pool(AxcLowering *l, AxcId node);
AXC_CHECKED bool axc_lower_mean(AxcLowering *l, AxcId node);
AXC_CHECKED bool axc_lower_softmax(AxcLowering *l, AxcId node);
AXC_CHECKED bool axc_lower_resize(AxcLowering *l, AxcId node);
AXC_CHECKED bool axc_lower_reduce_max(AxcLowering *l, AxcId node);
/* Stores a u8 kernel's float result [view: channel-last floats] as the float value in ONNX layout. */
AXC_CHECKED bool axc_store_float(AxcLowering *l, AxcId value, const AxcView *from);
/* Float nodes of the core read the float result of an int8 operator: both entries have it. */
bool axc_float_in_core(const AxcLowering *l, AxcId value);
/* run_i8 only: copies a float or integer value to its output port, if it has one. */
AXC_CHECKED bool axc_store_port_of(AxcLowering *l, AxcId value);
/* run_i8 only: copies an int8 value to its output port. */
AXC_CHECKED bool axc_store_port(AxcLowering *l, AxcId value, const AxcView *from);

/* Parameters of rule 2 and 3 for an Add/Sub/Mul node on u8 operands (a, b in operand order). */
typedef struct AxcBinaryRule {
	float ra, rb, fx; /* add; mul: ra = m, fx = zy */
	int za, zb;
} AxcBinaryRule;
AxcBinaryRule axc_binary_rule(const AxcNode *n, const AxcQuant *a, const AxcQuant *b, const AxcQuant *y);

static inline bool axc_is_int8(const AxcGraph *g, AxcId v)
{
	return v && g->values.at[v].dtype == AXC_I8;
}
static inline bool axc_same_quant(const AxcQuant *a, const AxcQuant *b)
{
	return a->n == 1 && b->n == 1 && a->scale[0] == b->scale[0] && a->zero_point[0] == b->zero_point[0];
}
static inline uint32_t axc_n_readers(const AxcLowering *l, AxcId v)
{
	return l->uses.first[v + 1] - l->uses.first[v];
}

#endif
