/* The quantized graph as ONNX QuantizeLinear / DequantizeLinear (QDQ): every int8 operator stands
 * between DequantizeLinear and QuantizeLinear, which is the form that ONNX Runtime fuses to
 * QLinearConv and its relatives, with the numbers of docs/numerics.md.
 *
 * Activations are uint8 at zero point + 128. The int8 operand of a MAC operator stays int8 (per
 * channel on its axis), its bias int32; every other int8 constant becomes uint8 like the activation
 * beside it. A float output (dtype F32 that carries q) has no QuantizeLinear. Names: what the
 * operator computes keeps the value's name; NAME_quantized is the uint8 form, NAME_dequantized what
 * its readers get. A MatMul that took over a bias is written as Gemm, on uint8 reshaped to two
 * dimensions if it has more.
 */
#include "onnx/write.h"
#include "ops/op.h"

typedef struct Qdq {
	OnnxWriter *w;
	const AxcGraph *g;
	const char **quantized;     /* uint8 tensor of a value */
	const char **dequantized;   /* float tensor of a value, once it was needed */
	const char **weights;       /* the same of an int8 constant read as weights */
	const char **scale, **zero; /* names of the parameters as uint8 */
	bool *written;              /* constants already in the file */
} Qdq;

static const AxcValue *value(const Qdq *q, AxcId v)
{
	return &q->g->values.at[v];
}

static bool is_int8(const Qdq *q, AxcId v)
{
	return v && value(q, v)->dtype == AXC_I8 && value(q, v)->q.n > 0;
}

static const char *suffixed(Qdq *q, const char *name, const char *suffix)
{
	static const char old[] = "_quantized";
	size_t n = strlen(name), cut = sizeof old - 1;
	if (n > cut && strcmp(name + n - cut, old) == 0)
		name = axc_strndup(q->w->arena, name, n - cut);
	return axc_onnx_fresh(q->w, axc_format(q->w->arena, "%s%s", name, suffix));
}

/* ---- parameters ---- */

static size_t store_zero(int elem_type, int32_t zero, void *out, int i)
{
	switch (elem_type) {
	case ONNX_UINT8:
		((uint8_t *)out)[i] = (uint8_t)(zero + 128);
		return 1;
	case ONNX_INT8:
		((int8_t *)out)[i] = (int8_t)zero;
		return 1;
	default:
		((int32_t *)out)[i] = zero;
		return 4;
	}
}

static void put_params(Qdq *q, AxcId v, int elem_type, const char **ret_scale,
		       const char **ret_zero)
{
	const AxcQuant *p = &value(q, v)->q;
	int rank = p->n > 1;
	int64_t n = p->n;
	size_t bytes = 0;
	void *zeros = axc_alloc_array(q->w->arena, (size_t)n, 4);
	for (int i = 0; i < n; i++)
		bytes += store_zero(elem_type, p->zero_point[i], zeros, i);
	*ret_scale = suffixed(q, value(q, v)->name, "_scale");
	*ret_zero = suffixed(q, value(q, v)->name, "_zero_point");
	axc_onnx_put_const(q->w, *ret_scale, ONNX_FLOAT, rank, &n, p->scale, (size_t)n * 4);
	axc_onnx_put_const(q->w, *ret_zero, elem_type, rank, &n, zeros, bytes);
}

static void uint8_params(Qdq *q, AxcId v)
{
	if (!q->scale[v])
		put_params(q, v, ONNX_UINT8, &q->scale[v], &q->zero[v]);
}

static int axis_of(const Qdq *q, AxcId v)
{
	return value(q, v)->q.n > 1 ? value(q, v)->q.axis : -1;
}

static void put_quantize(Qdq *q, AxcId v, const char *name, const char *from)
{
	uint8_params(q, v);
	const char *in[3] = {from, q->scale[v], q->zero[v]};
	axc_onnx_put_node(q->w, "QuantizeLinear", name, 3, in, 1, &q->quantized[v], NULL,
			  axis_of(q, v));
}

static void put_dequantize(Qdq *q, AxcId v, const char *name, const char *to)
{
	uint8_params(q, v);
	const char *in[3] = {q->quantized[v], q->scale[v], q->zero[v]};
	axc_onnx_put_node(q->w, "DequantizeLinear", name, 3, in, 1, &to, NULL, axis_of(q, v));
}

/* ---- constants ---- */

static void put_plain_const(Qdq *q, AxcId id)
{
	const AxcValue *v = value(q, id);
	if (!v->data || q->written[id])
		return;
	q->written[id] = true;
	axc_onnx_put_const(q->w, v->name, axc_onnx_elem_type(v->dtype), v->shape.rank, v->shape.dim,
			   v->data, v->data_bytes);
}

/* An int8 constant beside an activation: its uint8 form. */
static void put_uint8_const(Qdq *q, AxcId id)
{
	const AxcValue *v = value(q, id);
	if (!v->data || q->quantized[id])
		return;
	uint8_t *copy = axc_alloc(q->w->arena, v->data_bytes);
	for (size_t i = 0; i < v->data_bytes; i++)
		copy[i] = (uint8_t)(((const int8_t *)v->data)[i] + 128);
	/* the same constant may also be read as weights: then that form has the name */
	q->quantized[id] = q->weights[id] ? suffixed(q, v->name, "_uint8") : v->name;
	axc_onnx_put_const(q->w, q->quantized[id], ONNX_UINT8, v->shape.rank, v->shape.dim, copy,
			   v->data_bytes);
}

/* int8 weights or an int32 bias, dequantized. */
static const char *weights_as_float(Qdq *q, AxcId id)
{
	const AxcValue *v = value(q, id);
	const char *scale, *zero;
	int elem_type = axc_onnx_elem_type(v->dtype);
	if (q->weights[id])
		return q->weights[id];
	const char *name = q->quantized[id] ? suffixed(q, v->name, "_weights") : v->name;
	q->weights[id] = suffixed(q, v->name, "_dequantized");
	axc_onnx_put_const(q->w, name, elem_type, v->shape.rank, v->shape.dim, v->data,
			   v->data_bytes);
	put_params(q, id, elem_type, &scale, &zero);
	const char *in[3] = {name, scale, zero};
	axc_onnx_put_node(q->w, "DequantizeLinear", suffixed(q, v->name, "_DequantizeLinear"), 3,
			  in, 1, &q->weights[id], NULL, axis_of(q, id));
	return q->weights[id];
}

/* ---- what a node reads and writes ---- */

static const char *float_input(Qdq *q, const AxcNode *n, uint32_t k)
{
	AxcId id = n->in[k];
	const AxcValue *v = value(q, id);
	bool mac = n->op && n->op->quant == AXC_QR_MAC;
	if (!id)
		return NULL;
	if (v->data && v->q.n > 0 && mac && k > 0)
		return weights_as_float(q, id);
	if (!is_int8(q, id)) {
		put_plain_const(q, id);
		return v->name;
	}
	put_uint8_const(q, id);
	if (!q->dequantized[id]) {
		q->dequantized[id] = suffixed(q, v->name, "_dequantized");
		put_dequantize(q, id, suffixed(q, v->name, "_DequantizeLinear"),
			       q->dequantized[id]);
	}
	return q->dequantized[id];
}

/* The name under which the node computes an output; int8 outputs are quantized behind it. */
static const char *float_output(Qdq *q, AxcId id)
{
	const char *name = id ? value(q, id)->name : NULL;
	if (!is_int8(q, id))
		return name;
	size_t n = strlen(name);
	if (n > 10 && strcmp(name + n - 10, "_quantized") == 0) {
		q->quantized[id] = name;
		return suffixed(q, name, "_float");
	}
	q->quantized[id] = suffixed(q, name, "_quantized");
	return name;
}

static bool put_int8_node(Qdq *q, const AxcNode *n)
{
	AxcArena *arena = q->w->arena;
	const char **in = AXC_NEW_ARRAY(arena, const char *, n->n_in);
	const char **out = AXC_NEW_ARRAY(arena, const char *, n->n_out);
	for (uint32_t k = 0; k < n->n_in; k++)
		in[k] = axc_onnx_drops_input(q->w, n, k) ? NULL : float_input(q, n, k);
	for (uint32_t k = 0; k < n->n_out; k++)
		out[k] = float_output(q, n->out[k]);
	if (!axc_onnx_put_graph_node(q->w, n, in, out))
		return false;
	for (uint32_t k = 0; k < n->n_out; k++)
		if (is_int8(q, n->out[k]))
			put_quantize(q, n->out[k],
				     suffixed(q, value(q, n->out[k])->name, "_QuantizeLinear"),
				     out[k]);
	return true;
}

/* ---- MatMul with a bias ---- */

static void put_reshape(Qdq *q, const char *base, const char *from, const char *to, int rank,
			const int64_t *dims)
{
	int64_t n = rank;
	const char *in[2] = {from, suffixed(q, base, "_shape")};
	axc_onnx_put_const(q->w, in[1], ONNX_INT64, 1, &n, dims, (size_t)rank * sizeof *dims);
	axc_onnx_put_node(q->w, "Reshape", suffixed(q, base, "_Reshape"), 2, in, 1, &to, NULL, -1);
}

/* Rows of the matrix are all dimensions but the last; uint8 is reshaped, so the Gemm still fuses.
 */
static void put_matmul_bias(Qdq *q, const AxcNode *n)
{
	AxcArena *arena = q->w->arena;
	AxcId x = n->in[0], y = n->out[0];
	const AxcShape *xs = &value(q, x)->shape, *ys = &value(q, y)->shape;
	const char *in[3], *gemm = float_output(q, y), *flat_q = NULL;
	in[1] = float_input(q, n, 1);
	in[2] = float_input(q, n, 2);
	if (xs->rank == 2) {
		in[0] = float_input(q, n, 0);
	} else {
		uint8_params(q, x);
		int64_t rows[2] = {-1, xs->dim[xs->rank - 1]};
		const char *u8 = suffixed(q, n->name, "_rows"),
			   *f = suffixed(q, n->name, "_rows_dequantized");
		put_reshape(q, n->name, q->quantized[x], u8, 2, rows);
		const char *dq[3] = {u8, q->scale[x], q->zero[x]};
		axc_onnx_put_node(q->w, "DequantizeLinear",
				  suffixed(q, n->name, "_rows_DequantizeLinear"), 3, dq, 1, &f,
				  NULL, -1);
		in[0] = f;
		gemm = suffixed(q, n->name, "_gemm");
	}
	axc_onnx_put_node(q->w, "Gemm", n->name, 3, in, 1, &gemm, NULL, -1);
	const char *quantize = axc_format(arena, "%s_QuantizeLinear", value(q, y)->name);
	if (is_int8(q, y) && xs->rank == 2) {
		put_quantize(q, y, suffixed(q, quantize, ""), gemm);
	} else if (is_int8(q, y)) {
		uint8_params(q, y);
		flat_q = suffixed(q, n->name, "_gemm_quantized");
		const char *qin[3] = {gemm, q->scale[y], q->zero[y]};
		axc_onnx_put_node(q->w, "QuantizeLinear", suffixed(q, quantize, ""), 3, qin, 1,
				  &flat_q, NULL, -1);
		put_reshape(q, value(q, y)->name, flat_q, q->quantized[y], ys->rank, ys->dim);
	} else if (xs->rank != 2) {
		put_reshape(q, value(q, y)->name, gemm, value(q, y)->name, ys->rank, ys->dim);
	}
}

/* ---- the whole ---- */

static bool put_node(Qdq *q, const AxcNode *n)
{
	bool one = n->n_in == 1 && n->n_out == 1;
	if (one && strcmp(n->op_type, "QuantizeLinear") == 0 && is_int8(q, n->out[0])) {
		put_plain_const(q, n->in[0]);
		q->quantized[n->out[0]] = value(q, n->out[0])->name;
		put_quantize(q, n->out[0], n->name, value(q, n->in[0])->name);
		return true;
	}
	if (one && strcmp(n->op_type, "DequantizeLinear") == 0 && is_int8(q, n->in[0])) {
		put_uint8_const(q, n->in[0]);
		put_dequantize(q, n->in[0], n->name, value(q, n->out[0])->name);
		return true;
	}
	if (strcmp(n->op_type, "MatMul") == 0 && n->n_in == 3 && n->in[2] && is_int8(q, n->in[0])) {
		put_uint8_const(q, n->in[0]);
		put_matmul_bias(q, n);
		return true;
	}
	return put_int8_node(q, n);
}

bool axc_onnx_write_qdq(AxcDiag *d, const AxcGraph *g, int opset, const char *path)
{
	if (opset < 17 || opset > AXC_ONNX_MAX_OPSET)
		return axc_fail(d, "ONNX is written at opset 17 to %d, not %d", AXC_ONNX_MAX_OPSET,
				opset);
	Qdq q = {.w = axc_onnx_writer(d, g, opset)};
	q.g = g = q.w->g;
	q.quantized = AXC_NEW_ARRAY(d->arena, const char *, g->values.n);
	q.dequantized = AXC_NEW_ARRAY(d->arena, const char *, g->values.n);
	q.weights = AXC_NEW_ARRAY(d->arena, const char *, g->values.n);
	q.scale = AXC_NEW_ARRAY(d->arena, const char *, g->values.n);
	q.zero = AXC_NEW_ARRAY(d->arena, const char *, g->values.n);
	q.written = AXC_NEW_ARRAY(d->arena, bool, g->values.n);
	for (uint32_t i = 0; i < g->inputs.n + g->outputs.n; i++) {
		AxcId v = i < g->inputs.n ? g->inputs.at[i] : g->outputs.at[i - g->inputs.n];
		if (is_int8(&q, v))
			return axc_fail(d,
					"the graph's input or output '%s' is int8; QDQ keeps the "
					"model's own types",
					axc_safe_name(d->arena, g->values.at[v].name));
	}
	for (AxcId i = 1; i < g->nodes.n; i++)
		if (!g->nodes.at[i].dead && !put_node(&q, &g->nodes.at[i]))
			return false;
	for (uint32_t i = 0; i < g->outputs.n; i++)
		put_plain_const(&q, g->outputs.at[i]);
	return axc_onnx_finish(q.w, path);
}
