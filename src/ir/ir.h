/* The Graph: what every stage from import to lowering reads and rewrites.
 *
 * Values and nodes are entries of two arrays, named by index (AxcId); index 0 is "none". Nothing is
 * ever removed from the arrays while a pass runs: a dead node has `dead` set and axc_graph_compact
 * drops it later, so ids stay valid inside a pass. Names, attribute arrays and constants live in the
 * graph's arena or in memory mapped for its whole life (weights straight from the ONNX file).
 *
 * One Graph type serves all stages. What changes is what the values are:
 *   after import     ONNX operators in their newest form (see onnx/modernize.c), shapes maybe unknown
 *   after clean      every shape and type known and static, constants folded
 *   after quantize   activations of dtype AXC_I8 carry `q`; QuantizeLinear / DequantizeLinear nodes
 *                    stand where float meets int8; weights are AXC_I8 constants with per-channel
 *                    `q` (axis 0 of OIHW), biases AXC_I32 constants with scale s_x*s_w.
 *                    A value of dtype AXC_F32 that carries `q` is a float output of the core: run_f32
 *                    gets accumulator * s_x*s_w, run_i8 gets int8 with these parameters.
 *
 * Invariants, checked by axc_graph_verify after every pass and quoted by number in its messages:
 *   G1  every id is in range; a live node reads and writes no dead value
 *   G2  a value is produced by at most one node, or is a graph input, or a constant: exactly one of these
 *   G3  nodes stand in topological order
 *   G4  node names and value names are unique, non-empty
 *   G5  every node's operator is in the operator table; its input and output counts are within arity
 *   G6  (after clean) every value has a known dtype and a static shape, rank <= 8, < 2^31 bytes
 *   G7  a constant's data has exactly the bytes its dtype and shape say
 *   G8  an int8 activation has `q` with one scale (axis -1) or one per channel of `axis`; scales are normal
 *       positive floats, zero points -128..127; int8 weights: zero points 0, values -127..127
 *   G9  (after quantize) an operator reads int8 only if its table entry has an int8 meaning
 */
#ifndef AXC_IR_H
#define AXC_IR_H

#include "base/base.h"

typedef uint32_t AxcId;

enum { AXC_MAX_RANK = 8 };

typedef enum AxcDType {
	AXC_DT_NONE,
	AXC_F32,
	AXC_I8,
	AXC_U8,
	AXC_I16,
	AXC_I32,
	AXC_I64,
	AXC_BOOL, /* one byte, 0 or 1 */
	AXC_DTYPE_COUNT
} AxcDType;
/* Import converts float16, bfloat16 and double to AXC_F32, uint16/uint32 to AXC_I32/AXC_I64. */

const char *axc_dtype_name(AxcDType dtype); /* "float32", "int8", … as in the JSON artifacts */
AxcDType axc_dtype_parse(const char *name); /* AXC_DT_NONE if unknown */
size_t axc_dtype_bytes(AxcDType dtype);

enum { AXC_DIM_UNKNOWN = -1, AXC_RANK_UNKNOWN = -1 };

typedef struct AxcShape {
	int rank;                  /* AXC_RANK_UNKNOWN or 0..8 */
	int64_t dim[AXC_MAX_RANK]; /* AXC_DIM_UNKNOWN or >= 0 */
} AxcShape;

bool axc_shape_static(const AxcShape *shape);
bool axc_shape_equal(const AxcShape *a, const AxcShape *b);
/* Number of elements; the shape must be static (a scalar has 1). Saturates at INT64_MAX. */
int64_t axc_shape_count(const AxcShape *shape);
const char *axc_shape_text(AxcArena *arena, const AxcShape *shape); /* "1x3x224x224", "?", "scalar" */
AxcShape axc_shape_of(int rank, const int64_t *dims);

/* Quantization: real = (q - zero_point[c]) * scale[c]; n == 0: not quantized. */
typedef struct AxcQuant {
	int n;            /* 0, 1, or the size of dimension `axis` */
	int axis;         /* -1 when n <= 1 */
	const float *scale;
	const int32_t *zero_point; /* in the int8 domain, -128..127 */
} AxcQuant;

typedef struct AxcValue {
	const char *name;
	AxcDType dtype;
	AxcShape shape;
	const void *data;   /* constants: row-major, little-endian; NULL otherwise */
	size_t data_bytes;
	AxcQuant q;
	const float *gain;  /* after quantize, may be NULL: per channel of dimension 1 the factor that its int8 form
	                       carries, real = (q - zero_point) * scale / gain; neighbours' weights undo it */
	AxcId producer;     /* node, or 0 */
	int producer_index; /* which of its outputs */
	bool is_input;      /* of the graph */
	bool dead;
	const char *const *dim_names; /* inputs: name of each symbolic dimension or NULL; may be NULL */
	AxcDType onnx_dtype_tag;      /* dtype the ONNX file gave a graph input/output before conversion, as is */
	int onnx_narrow; /* graph input/output of an ONNX element type that none here is (float16 …): its number; else 0 */
} AxcValue;

typedef enum AxcAttrKind {
	AXC_ATTR_INT,
	AXC_ATTR_FLOAT,
	AXC_ATTR_STRING,
	AXC_ATTR_INTS,
	AXC_ATTR_FLOATS,
	AXC_ATTR_STRINGS,
	AXC_ATTR_TENSOR, /* value: id of a constant */
} AxcAttrKind;

typedef struct AxcAttr {
	const char *name;
	AxcAttrKind kind;
	int64_t i;
	float f;
	const char *s;
	uint32_t n; /* elements of the lists below */
	const int64_t *ints;
	const float *floats;
	const char *const *strings;
	AxcId tensor;
} AxcAttr;

typedef struct AxcOp AxcOp; /* one literal per operator: ops/op.h */

typedef struct AxcNode {
	const char *name;    /* ONNX name, "OP_K" if empty, "_2" if a duplicate; see DESIGN section 2 */
	const char *op_type; /* "Conv"; operators of ours start with "axc." */
	const char *domain;  /* "" for ai.onnx */
	const AxcOp *op;     /* NULL only between import and the operator check */
	uint32_t n_in, n_out;
	AxcId *in; /* 0 = optional input left out */
	AxcId *out; /* 0 = unused optional output */
	uint32_t n_attrs;
	AxcAttr *attrs;
	bool dead;
	uint32_t n_origins;         /* ONNX nodes a pass made this one from; 0: just itself */
	const char *const *origins;
	const char *float_reason;   /* why it stays in float after quantize, for the reports */
} AxcNode;

typedef struct AxcGraph {
	AxcArena *arena;
	const char *name;      /* ONNX graph name */
	const char *model_name; /* as an identifier; set by clean */
	int64_t opset;          /* of ai.onnx in the file */
	AXC_ARRAY(AxcValue) values; /* [0] unused */
	AXC_ARRAY(AxcNode) nodes;   /* [0] unused */
	AXC_ARRAY(AxcId) inputs;    /* in model order, initializers not among them */
	AXC_ARRAY(AxcId) outputs;
} AxcGraph;

/* ---- building and editing (graph.c) ---- */

AxcGraph *axc_graph_new(AxcArena *arena, const char *name);
/* The name is made unique by "_2", "_3" …; NULL makes "t<id>". */
AxcId axc_value_add(AxcGraph *g, const char *name, AxcDType dtype, const AxcShape *shape);
/* Borrows data (arena or mapping). */
AxcId axc_const_add(AxcGraph *g, const char *name, AxcDType dtype, const AxcShape *shape, const void *data);
AxcId axc_const_i64(AxcGraph *g, const char *name, const int64_t *values, int n); /* rank 1 */
AxcId axc_const_f32(AxcGraph *g, const char *name, float value);                  /* rank 0 */
/* Appends a node; `op` is looked up in the operator table. Inserting before others: then axc_graph_sort. */
AxcId axc_node_add(AxcGraph *g, const char *op_type, const char *name, uint32_t n_in, const AxcId *in,
                   uint32_t n_out, const AxcId *out);
AxcNode *axc_node(AxcGraph *g, AxcId id);
AxcValue *axc_value(AxcGraph *g, AxcId id);
AxcId axc_value_find(const AxcGraph *g, const char *name); /* 0 if none; linear */
AxcId axc_node_find(const AxcGraph *g, const char *name);
void axc_attr_set_int(AxcGraph *g, AxcId node, const char *name, int64_t value);
void axc_attr_set_float(AxcGraph *g, AxcId node, const char *name, float value);
void axc_attr_set_string(AxcGraph *g, AxcId node, const char *name, const char *value);
void axc_attr_set_ints(AxcGraph *g, AxcId node, const char *name, const int64_t *values, uint32_t n);
void axc_attr_set_floats(AxcGraph *g, AxcId node, const char *name, const float *values, uint32_t n);
void axc_attr_remove(AxcGraph *g, AxcId node, const char *name);
/* All readers of `from` (nodes and graph outputs) read `to` instead. */
void axc_value_replace(AxcGraph *g, AxcId from, AxcId to);
/* Marks the node dead and its outputs no longer produced. */
void axc_node_kill(AxcGraph *g, AxcId node);
/* Nodes back into topological order, stable; false (with message) on a cycle. */
AXC_CHECKED bool axc_graph_sort(AxcGraph *g, AxcDiag *d);
/* Marks nodes and values that no output needs as dead; returns how many nodes. */
uint32_t axc_graph_dce(AxcGraph *g);
/* A graph of its own with the same ids; names, shapes and constants are shared with `g`. */
AxcGraph *axc_graph_copy(const AxcGraph *g, AxcArena *arena);
/* Drops dead entries; ids change. */
void axc_graph_compact(AxcGraph *g);
/* Readers of every value, as one CSR table valid until the graph changes. */
typedef struct AxcUses {
	uint32_t *first; /* first[v]..first[v+1]-1 index into node */
	AxcId *node;     /* live reader nodes, once per reading input */
} AxcUses;
AxcUses axc_graph_uses(const AxcGraph *g, AxcArena *arena);
bool axc_is_graph_output(const AxcGraph *g, AxcId value);

/* ---- attributes with defaults from the operator's table entry (graph.c) ---- */

const AxcAttr *axc_attr(const AxcNode *node, const char *name); /* NULL if not given */
int64_t axc_attr_int(const AxcNode *node, const char *name, int64_t absent);
float axc_attr_float(const AxcNode *node, const char *name, float absent);
const char *axc_attr_string(const AxcNode *node, const char *name, const char *absent);
/* The list and its length; (NULL, 0) if absent. */
const int64_t *axc_attr_ints(const AxcNode *node, const char *name, uint32_t *ret_n);
const float *axc_attr_floats(const AxcNode *node, const char *name, uint32_t *ret_n);

/* Constant inputs as int64 (from I64 or I32); false if absent or not constant. */
bool axc_const_ints(const AxcGraph *g, AxcId value, AxcArena *arena, const int64_t **ret, int64_t *ret_n);
bool axc_is_const(const AxcGraph *g, AxcId value);

/* ---- verify.c, print.c, parse.c ---- */

typedef enum AxcForm { AXC_FORM_IMPORTED, AXC_FORM_CLEAN, AXC_FORM_QUANTIZED } AxcForm;
AXC_CHECKED bool axc_graph_verify(const AxcGraph *g, AxcForm form, AxcDiag *d);
/* Text that axc_graph_parse reads back to an equal graph. Constants above 64 bytes go into `blob`
 * (appended, 64-byte aligned) and are printed as offset and size; with blob NULL they are printed as
 * "..." and cannot be read back. */
void axc_graph_print(const AxcGraph *g, AxcText *text, AxcText *blob);
/* For people whom the weights do not concern: of constants only shapes (short int64 ones) have their data, and
 * none has its scales. */
void axc_graph_print_bare(const AxcGraph *g, AxcText *text);
AXC_CHECKED bool axc_graph_parse(AxcArena *arena, AxcDiag *d, const char *text, size_t bytes,
                                 const uint8_t *blob, size_t blob_bytes, AxcGraph **ret_graph);

#endif
