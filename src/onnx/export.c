/* The plain float graph as ONNX: for the pre- and postprocess graphs and for looking at passes. */
#include "onnx/write.h"

static const char *name_of(const AxcGraph *g, AxcId id)
{
	return id ? g->values.at[id].name : NULL;
}

static bool put_node(OnnxWriter *w, const AxcNode *n)
{
	const char **in = AXC_NEW_ARRAY(w->arena, const char *, n->n_in);
	const char **out = AXC_NEW_ARRAY(w->arena, const char *, n->n_out);
	for (uint32_t k = 0; k < n->n_in; k++)
		in[k] = name_of(w->g, n->in[k]);
	for (uint32_t k = 0; k < n->n_out; k++)
		out[k] = name_of(w->g, n->out[k]);
	return axc_onnx_put_graph_node(w, n, in, out);
}

bool axc_onnx_write(AxcDiag *d, const AxcGraph *g, int opset, const char *path)
{
	if (opset < 17 || opset > AXC_ONNX_MAX_OPSET)
		return axc_fail(d, "ONNX is written at opset 17 to %d, not %d", AXC_ONNX_MAX_OPSET,
				opset);
	OnnxWriter *w = axc_onnx_writer(d, g, opset);
	g = w->g;
	for (AxcId i = 1; i < g->nodes.n; i++)
		if (!g->nodes.at[i].dead && !put_node(w, &g->nodes.at[i]))
			return false;
	for (AxcId i = 1; i < g->values.n; i++) {
		const AxcValue *v = &g->values.at[i];
		if (v->data && w->read[i] && !v->dead)
			axc_onnx_put_const(w, v->name, axc_onnx_elem_type(v->dtype), v->shape.rank,
					   v->shape.dim, v->data, v->data_bytes);
	}
	return axc_onnx_finish(w, path);
}
