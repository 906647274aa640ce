/* Shared by the files of this folder; see onnx.h for the map. */
#ifndef AXC_ONNX_INTERNAL_H
#define AXC_ONNX_INTERNAL_H

#include "onnx/limits.h"
#include "onnx/onnx.h"

#include "onnx.pb-c.h"

/* TensorProto.DataType */
enum {
	ONNX_FLOAT = 1,
	ONNX_UINT8,
	ONNX_INT8,
	ONNX_UINT16,
	ONNX_INT16,
	ONNX_INT32,
	ONNX_INT64,
	ONNX_STRING,
	ONNX_BOOL,
	ONNX_FLOAT16,
	ONNX_DOUBLE,
	ONNX_UINT32,
	ONNX_UINT64,
	ONNX_COMPLEX64,
	ONNX_COMPLEX128,
	ONNX_BFLOAT16
};

/* TensorProto fields that the scanner replaces by payload references. */
enum { TENSOR_FLOAT_DATA = 4, TENSOR_RAW_DATA = 9, TENSOR_DOUBLE_DATA = 10 };

/* AttributeProto.AttributeType */
enum {
	ATTR_UNDEFINED,
	ATTR_FLOAT,
	ATTR_INT,
	ATTR_STRING,
	ATTR_TENSOR,
	ATTR_GRAPH,
	ATTR_FLOATS,
	ATTR_INTS,
	ATTR_STRINGS,
	ATTR_TENSORS,
	ATTR_GRAPHS
};

/* ---- scan.c: the wire format, once, iteratively ---- */

/* Checks the whole file and gives the same message without tensor payloads and without all fields
 * that onnx.proto does not name. */
bool axc_onnx_scan(AxcArena *arena, AxcDiag *d, const char *path, const uint8_t *data, size_t bytes,
		   AxcText *ret_skeleton);

/* ---- message.c: unpacking within a budget; the message is freed with the arena ---- */

bool axc_onnx_unpack(AxcArena *arena, AxcDiag *d, const AxcText *skeleton, size_t budget,
		     const Onnx__ModelProto **ret_model);

/* ---- the open model ---- */

typedef struct ExternalFile {
	const char *location; /* as the model writes it */
	const uint8_t *data;
	size_t bytes;
} ExternalFile;

typedef struct OnnxFile {
	AxcArena *arena;
	AxcDiag *d;
	AxcOnnxInfo *info;
	const char *path, *dir;
	const uint8_t *data;
	size_t bytes;
	AXC_ARRAY(ExternalFile) external;
	AxcMap external_by_name; /* location -> index + 1 */
	size_t copied_bytes;
} OnnxFile;

/* ---- external.c ---- */

/* The bytes of a tensor that lives in another file; `where` names it in messages, `want` is what its type and
 * shape ask for. */
bool axc_onnx_external(OnnxFile *f, const Onnx__TensorProto *t, const char *where, size_t want, const uint8_t **ret);

/* ---- tensor.c ---- */

typedef struct OnnxConst {
	AxcDType dtype;
	AxcShape shape;
	const void *data;
} OnnxConst;

/* `where` names the tensor in messages. */
bool axc_onnx_tensor(OnnxFile *f, const Onnx__TensorProto *t, const char *where, OnnxConst *ret);

/* ---- attributes.c ---- */

/* An attribute of a standard operator has the type that its name has in all of them. */
bool axc_onnx_attribute_type_fits(AxcDiag *d, const char *name, int type);
/* The attributes that the operator has no default for are there. */
bool axc_onnx_attributes_present(AxcDiag *d, const AxcNode *n, int64_t opset);

/* ---- operators.c ---- */

/* "ai.onnx" and "" are one domain. */
const char *axc_onnx_domain(const char *domain);
bool axc_onnx_known(const Onnx__NodeProto *node);
/* Tells all operators that are not known. *ret_quantized: the model is quantized already, and nothing else about
 * it is worth telling. */
bool axc_onnx_check_operators(AxcDiag *d, const Onnx__ModelProto *model, const char *const *node_names,
			      bool *ret_quantized);

/* ---- shapes.c: static shapes for the graph inputs, dim_names kept ---- */

bool axc_onnx_bind_shapes(AxcGraph *g, AxcDiag *d, AxcOnnxInfo *info, const char *text);

/* ---- modernize.c ---- */

/* Is this operator rewritten into others (and so need not be in the operator table)? */
bool axc_onnx_rewritten(const char *domain, const char *op_type);
/* Every node in the form of opset 21; g->opset says what they are in now. Nodes that have no such form are told,
 * counted in *wrong and taken out; false when there are too many of them. */
bool axc_onnx_modernize(AxcGraph *g, AxcDiag *d, uint32_t *wrong);

#endif
