/* ONNX in and out: file -> Graph, Graph -> file.
 *
 * In:  model.onnx --scan.c--> skeleton --protobuf-c--> messages --import.c--> Graph
 * --modernize.c--> Graph scan.c     walks the wire format once before anything is allocated
 * (limits.h), and drops what is not needed; tensor payloads become (offset, bytes) in the mapped
 * file tensor.c   payloads to constants: borrowed from the mapping when aligned, else one copy;
 *                 float16, bfloat16 and double become float32, uint16/32/64 the next signed type
 *      shapes.c   --input-shape
 *      import.c   names, inputs, nodes, operator, domain and opset checks
 *      modernize.c  every form of opsets 7 to 21 to the newest one, so that the rest knows only
 * that Out: write.c    deterministic bytes, written without protobuf-c; export.c the plain float
 * graph; qdq.c      the quantized graph as ONNX QuantizeLinear / DequantizeLinear
 *
 * After import every attribute is as in ONNX; `to`, `dtype` and `output_dtype` stay numbers of
 * TensorProto.DataType (axc_onnx_dtype / axc_onnx_elem_type convert), with the types that do not
 * exist here already replaced (float16, bfloat16, double -> 1; uint16 -> 6; uint32, uint64 -> 7).
 */
#ifndef AXC_ONNX_H
#define AXC_ONNX_H

#include "ir/ir.h"

/* What the file says beside its graph. Strings are never NULL. */
typedef struct AxcOnnxInfo {
	int64_t ir_version;
	const char *producer_name, *producer_version, *domain;
	int64_t model_version;
	/* External data files in use, as the model names them: relative to the model's directory,
	 * inside it. */
	AXC_ARRAY(const char *) external_files;
	/* Notes for the user: batch taken as 1, types converted. Also logged at INFO. */
	AXC_ARRAY(const char *) notes;
} AxcOnnxInfo;

typedef struct AxcImportOptions {
	const char *input_shape; /* text of --input-shape; NULL or "": none */
} AxcImportOptions;

/* Reads a model. The mapping of the file lives as long as the arena. Errors: file unreadable:
 * INITIALIZE_CLI_ERROR; all else ONNX_GRAPH_CLEANER_ERROR, whatever d->stage_status is. Unsupported
 * operators are all collected: the first is the error, the others are in d->more; where nothing else
 * is wrong with the file *ret_graph is the graph all the same, for axc_clean to tell what more is wrong
 * with it (else NULL). Graph inputs come out with static shapes; all other shapes and types are
 * unknown. `opt` and `info` may be NULL. */
AXC_CHECKED bool axc_onnx_import(AxcArena *arena, AxcDiag *d, const char *path,
				 const AxcImportOptions *opt, AxcOnnxInfo *info,
				 AxcGraph **ret_graph);

/* Writes a float graph (shapes known or not) at opset 17..21. */
AXC_CHECKED bool axc_onnx_write(AxcDiag *d, const AxcGraph *g, int opset, const char *path);
/* Writes a quantized graph as QDQ: activations uint8 at zero point + 128, weights int8 per channel,
 * biases int32, each behind a DequantizeLinear; original names, types and layout, static shapes; an
 * output of dtype F32 that carries q has no Q/DQ. */
AXC_CHECKED bool axc_onnx_write_qdq(AxcDiag *d, const AxcGraph *quantized, int opset,
				    const char *path);

/* TensorProto.DataType <-> AxcDType; AXC_DT_NONE and 0 for types that do not exist here. Types that
 * import converts map to what they become. */
AxcDType axc_onnx_dtype(int64_t elem_type);
int axc_onnx_elem_type(AxcDType dtype);
/* "float16", "string", … for messages. */
const char *axc_onnx_type_name(int64_t elem_type);

#endif
