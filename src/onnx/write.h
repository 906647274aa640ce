/* Writing ONNX: the wire format (write.c) and what export.c and qdq.c share. Fields are written in
 * a fixed order and lengths in their shortest form, so equal graphs give equal bytes. */
#ifndef AXC_ONNX_WRITE_H
#define AXC_ONNX_WRITE_H

#include "onnx/internal.h"

/* ---- the wire format ---- */

void axc_pb_int(AxcText *t, int field, int64_t value);
void axc_pb_float(AxcText *t, int field, float value);
void axc_pb_bytes(AxcText *t, int field, const void *data, size_t bytes);
void axc_pb_str(AxcText *t, int field, const char *s);
/* A nested message: everything written between the two. */
size_t axc_pb_begin(AxcText *t, int field);
void axc_pb_end(AxcText *t, size_t mark);

/* ---- a model being written ---- */

typedef struct OnnxWriter {
	AxcArena *arena; /* until the file is written */
	AxcDiag *d;
	const AxcGraph *g;
	int opset;
	bool *read;        /* values that something reads */
	AxcText nodes;     /* NodeProto fields, in order */
	AxcText constants; /* initializer fields */
	AxcMap names;      /* tensor and node names given out */
	const char **outside; /* by value: the graph input's or output's own name where its type is
				 narrower than what is computed with, else NULL */
} OnnxWriter;

/* Graph inputs and outputs keep the types of the model: where those are narrower, w->g is a copy of
 * `g` in which the values have other names, and Cast nodes stand between. */
OnnxWriter *axc_onnx_writer(AxcDiag *d, const AxcGraph *g, int opset);
/* `base`, or with "_2", "_3" …, not used before. */
const char *axc_onnx_fresh(OnnxWriter *w, const char *base);
/* A constant; data is row-major. */
void axc_onnx_put_const(OnnxWriter *w, const char *name, int elem_type, int rank,
			const int64_t *dims, const void *data, size_t bytes);
/* A node with tensor names (NULL or "": left out) and, from `attrs_of`, attributes (NULL: none).
 * `axis`
 * >= 0 adds an attribute of that name. */
void axc_onnx_put_node(OnnxWriter *w, const char *op_type, const char *name, uint32_t n_in,
		       const char *const *in, uint32_t n_out, const char *const *out,
		       const AxcNode *attrs_of, int axis);
/* A node of the graph, in the form of the opset written. */
bool axc_onnx_put_graph_node(OnnxWriter *w, const AxcNode *n, const char *const *in,
			     const char *const *out);
/* In the opset written, input k of the node is an attribute. */
bool axc_onnx_drops_input(const OnnxWriter *w, const AxcNode *n, uint32_t k);
/* The model: nodes, constants, inputs and outputs under the names of the values. */
bool axc_onnx_finish(OnnxWriter *w, const char *path);

#endif
