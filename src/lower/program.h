/* The Program: what the network is when nothing is left to decide but addresses. A flat list of
 * steps, each one kernel call over buffers; plan gives the buffers offsets; emit prints it as C.
 *
 * Two entry points share it. A step belongs to run_i8, run_f32 or both:
 *   run_f32 only   what lies before the first and behind the last int8 tensor, quantizing inputs,
 *                  float outputs of the last layers
 *   run_i8 only    copies between the caller's int8 tensors and the workspace, requantizing last layers
 *   both           the core
 * Each entry runs its steps in list order, so one liveness over the list serves both.
 */
#ifndef AXC_PROGRAM_H
#define AXC_PROGRAM_H

#include "ir/ir.h"
#include "kernels/axk.h"

typedef enum AxcSpace {
	AXC_SPACE_NONE,
	AXC_SPACE_WS,    /* workspace; offset by plan */
	AXC_SPACE_CONST, /* pool_l2_const.bin; offset by plan */
	AXC_SPACE_IN,    /* in[index] of the entry */
	AXC_SPACE_OUT,   /* out[index] of the entry */
} AxcSpace;

enum { AXC_ENTRY_I8 = 1, AXC_ENTRY_F32 = 2, AXC_ENTRY_BOTH = 3 };

typedef enum AxcPool { AXC_POOL_DDR, AXC_POOL_L2, AXC_POOL_L1, AXC_POOL_COUNT } AxcPool;

typedef struct AxcBuf {
	const char *name; /* of the tensor it holds, for comments and the memory map */
	AxcSpace space;
	size_t bytes;     /* without slack */
	int index;        /* IN, OUT: argument number */
	const void *data; /* CONST */
	AxcPool pool;     /* WS */
	size_t offset;    /* WS, CONST: plan's answer */
	int first, last;  /* WS: steps that touch it first and last (plan) */
	int uses;         /* how often steps touch it */
} AxcBuf;

typedef struct AxcArg {
	uint32_t buf; /* 0: NULL */
	size_t offset;
} AxcArg;

typedef struct AxcStep {
	const AxkInfo *kernel;
	const void *params;
	uint32_t n_args;
	AxcArg arg[AXK_MAX_BUFS];
	int units;
	int chunks;           /* how many pieces run at once */
	size_t scratch_bytes; /* per chunk */
	uint32_t scratch;     /* buffer of chunks * scratch_bytes, or 0 */
	unsigned entries;
	int stage[2];         /* AXC_PIPELINE: of run_i8, of run_f32 */
	int layer;            /* index into AxcProgram.layers: steps of one ONNX node share it */
	const AxkPackIn *pack; /* what argument 2 was packed from, or NULL */
} AxcStep;

/* One entry per lowered node, for comments, profiling and reports. */
typedef struct AxcLayer {
	const char *text; /* "Conv /features/0/conv + Clip": operators and ONNX names, already safe */
	const char *node; /* first ONNX node name */
	bool is_float;
	int64_t macs;
} AxcLayer;

/* An argument of an entry point. */
typedef struct AxcPort {
	const char *name;      /* ONNX tensor name */
	AxcDType dtype;
	AxcShape shape;        /* in `layout`, padded */
	AxcShape original;     /* the ONNX tensor's shape */
	bool channels_last;    /* the ONNX tensor is NHWC itself: an input in front of a Transpose to NCHW */
	const char *layout;    /* "NHWC" or "ONNX" */
	int64_t pad_lo[AXC_MAX_RANK], pad_hi[AXC_MAX_RANK]; /* in layout order */
	float scale;           /* int8 quantities; 0 otherwise */
	int32_t zero_point;
	AxcId value;           /* in the quantized graph */
} AxcPort;

/* What belongs to the core (core.c). All false: what lies between the first and the last int8 tensors. */
typedef struct AxcSplit {
	bool whole;       /* property run_graph_cleaner is false: everything but the quantizing of inputs and
	                     the dequantizing of outputs; where the network begins or ends in float, run_i8 does too */
	bool bare_layout; /* property remove_layout_transform_from_preamble: a first Transpose of an NHWC input to
	                     NCHW belongs to run_f32 alone, and to no preprocess graph */
} AxcSplit;

/* How the cores share work (multicore_mode), as the runtime does it; the emitted code has one frame per
 * call in all of them. */
typedef enum AxcMulticore {
	AXC_MULTIPROCESS, /* a process per core, each with its own frames */
	AXC_MULTITHREAD,  /* a thread per core, each with its own frames */
	AXC_BATCH,        /* a call has a frame per core */
	AXC_COOPERATIVE,  /* steps are cut into a piece per core */
	AXC_PIPELINE,     /* a run of steps per core, frames pass through */
} AxcMulticore;

/* What model.json records for the runtime. */
typedef struct AxcRunPlan {
	AxcMulticore mode;
	int cores; /* aipu_cores_used */
	bool double_buffer, input_dmabuf, output_dmabuf;
	double profiling_drop; /* profiling_drop_percentile */
} AxcRunPlan;

typedef struct AxcProgram {
	AxcArena *arena;
	const char *name;   /* identifier used in the C file */
	const struct AxcTarget *target;
	AXC_ARRAY(AxcBuf) bufs;   /* [0] unused */
	AXC_ARRAY(AxcStep) steps;
	AXC_ARRAY(AxcLayer) layers;
	AXC_ARRAY(AxcPort) in_i8;
	AXC_ARRAY(AxcPort) out_i8;
	AXC_ARRAY(AxcPort) in_f32;
	AXC_ARRAY(AxcPort) out_f32;
	bool has_i8, has_f32;
	bool profile;       /* per-layer ticks */
	AxcSplit split;
	int cores;          /* that work on one frame: 1 in all modes but AXC_COOPERATIVE */
	AxcRunPlan run;
	/* plan */
	size_t ws_bytes[AXC_POOL_COUNT];
	size_t const_bytes;
	int peak_step;      /* step at which the workspace is fullest */
} AxcProgram;

/* ---- targets (target.c): one struct each ---- */

typedef struct AxcTarget {
	const char *name;       /* "x86-64-avx512vnni" */
	unsigned isa;           /* AXK_ISA_… */
	const char *gcc_target; /* of #pragma GCC target / clang attribute, "" = none */
	const char *features;   /* what the runtime must find, comma-separated as in model.json, "" = none */
	bool has_fma;           /* fmaf is one instruction */
	const char *arch;       /* "x86-64", "aarch64", "any" */
} AxcTarget;

/* "host" resolves to the best target of this CPU; NULL if the name is unknown. */
const AxcTarget *axc_target_find(const char *name);
bool axc_target_runs_here(const AxcTarget *target);
/* Names of all targets, for messages; NULL-terminated. */
const char *const *axc_target_names(void);

/* ---- lowering ---- */

typedef struct AxcLowerConfig {
	const AxcTarget *target;
	int cores;              /* that work on one frame */
	bool run_f32;           /* false: remove_io_quantization */
	bool io_padding;        /* apply_pword_padding */
	bool io_nhwc;           /* remove_io_padding_and_layout_transform */
	bool profile;           /* profiling_levels not empty */
	bool dense_as_conv;     /* rewrite_dense_to_conv2d: products run as 1x1 convolutions */
	bool lut_takes_mac;     /* simplify_mac_before_after_lut: tables take in multiplications and additions around them */
	AxcSplit split;
} AxcLowerConfig;

/* The quantized graph (as read back from quantized_model/) as a Program without addresses. */
AXC_CHECKED bool axc_lower(AxcArena *arena, AxcDiag *d, const AxcGraph *quantized,
                           const AxcLowerConfig *config, AxcProgram **ret_program);

/* Which part of the network a node belongs to (core.c). */
typedef enum AxcPart { AXC_PART_PRE, AXC_PART_CORE, AXC_PART_POST } AxcPart;
/* part[node id]; everything is PRE when nothing is quantized. */
const AxcPart *axc_parts(const AxcGraph *quantized, AxcSplit split, AxcArena *arena);
/* The core as a graph of its own: int8 inputs and outputs in ONNX layout (a float output that carries
 * q becomes int8), in the order of the int8 ports. NULL-sized (no outputs) if nothing is quantized. */
AxcGraph *axc_core_graph(const AxcGraph *quantized, AxcSplit split, AxcArena *arena);
/* The same part of the clean float graph, in float; in_int8[value]: it will be int8, or the float result of an
 * int8 operator. The whole graph if there is none. */
AxcGraph *axc_float_core_graph(const AxcGraph *clean, const bool *in_int8, AxcSplit split, AxcArena *arena);
/* The Transpose (or Reshape that is one) from NHWC to NCHW that alone reads the graph input, quantized or not;
 * 0 if there is none. */
AxcId axc_leading_layout(const AxcGraph *g, const AxcUses *uses, AxcId input);
/* The input is [n][h][w][c]: behind element-wise nodes at most (normalization) it is transposed to [n][c][h][w]. */
bool axc_is_channels_last(const AxcGraph *g, const AxcUses *uses, AxcId input);
/* What the float tensor v is called outside the core: one that is dequantized there has the name of the ONNX tensor. */
const char *axc_outer_name(const AxcGraph *g, const AxcUses *uses, const AxcPart *part, AxcId v);
/* The float part before / behind the core as a graph (dequantized values as inputs); NULL if there is
 * nothing in it but QuantizeLinear / DequantizeLinear. */
AxcGraph *axc_outer_graph(const AxcGraph *quantized, AxcSplit split, AxcArena *arena, AxcPart part);

/* "batch", as in the configuration. */
const char *axc_multicore_name(AxcMulticore mode);
/* Workspaces that exist at once when the runtime uses all cores. */
int axc_program_workspaces(const AxcProgram *p);
/* Pipeline mode (stages.c): steps get stages 0..cores-1 of about equal work. An entry with fewer steps than
 * cores: LOWER_TIR_ERROR. */
AXC_CHECKED bool axc_split_stages(AxcProgram *p, AxcDiag *d);
/* propagate_span_information=false: a copy whose nodes and inner tensors are called by operator and number. */
AxcGraph *axc_unnamed_graph(const AxcGraph *quantized, AxcArena *arena);

void axc_program_print(const AxcProgram *p, AxcText *text);
void axc_program_memory_map(const AxcProgram *p, AxcText *text);

#endif
