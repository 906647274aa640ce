/* A quantized graph from a file, checked until interpreter and lowering may trust it: the invariants of
 * ir.h, every shape inferred again and compared, the operators' own checks, and that quantized operators
 * have quantized operands.
 */
#include "quant/model_check.h"

typedef struct Check {
	const AxcGraph *g;
	AxcDiag *d;
	const char *file;
} Check;

static bool bad(Check *c, const AxcNode *n, const char *format, ...) AXC_PRINTF(3, 4);

static bool bad(Check *c, const AxcNode *n, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const char *text = axc_vformat(c->d->arena, format, args);
	va_end(args);
	axc_fail(c->d, "%s: node '%s' (%s): %s", c->file, axc_safe_name(c->d->arena, n->name),
	         axc_safe_name(c->d->arena, n->op_type), text);
	return axc_diag_node(c->d, n->name, n->op_type);
}

static bool is_int8(const AxcValue *v)
{
	return v->dtype == AXC_I8 && v->q.n > 0;
}

static bool is_transfer(const AxcNode *n)
{
	return strcmp(n->op_type, "QuantizeLinear") == 0 || strcmp(n->op_type, "DequantizeLinear") == 0;
}

/* ---- shapes, as the float graph would have them ---- */

static AxcGraph *as_float(AxcArena *arena, const AxcGraph *g)
{
	AxcGraph *copy = axc_memdup(arena, g, sizeof *g);
	copy->values.at = axc_memdup(arena, g->values.at, g->values.n * sizeof *g->values.at);
	for (AxcId i = 1; i < g->values.n; i++)
		if (g->values.at[i].q.n > 0)
			copy->values.at[i].dtype = AXC_F32;
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		bool bias = n->op->quant == AXC_QR_MAC && n->n_in > 2 && copy->values.at[n->in[2]].dtype == AXC_I32;
		if (bias)
			copy->values.at[n->in[2]].dtype = AXC_F32;
	}
	return copy;
}

/* What the operator says about itself when its message comes from another place. */
static bool said(Check *c, const AxcNode *n, const AxcDiag *own, const char *otherwise)
{
	return bad(c, n, "%s", own->failed ? own->error.message : otherwise);
}

static bool check_inference(Check *c, AxcGraph *f, AxcId id)
{
	const AxcNode *n = &c->g->nodes.at[id];
	AxcDiag own;
	axc_diag_init(&own, c->d->arena);
	uint32_t n_out = n->n_out;
	AxcValue *want = axc_alloc_array(c->d->arena, AXC_MAX(n_out, 1u), sizeof *want);
	for (uint32_t k = 0; k < n_out; k++)
		want[k] = f->values.at[n->out[k]];
	if (!n->op->infer || !n->op->infer(f, id, &own))
		return said(c, n, &own, "its shape cannot be inferred");
	for (uint32_t k = 0; k < n_out; k++) {
		const AxcValue *v = &f->values.at[n->out[k]];
		if (n->out[k] && (!axc_shape_equal(&v->shape, &want[k].shape) || v->dtype != want[k].dtype)) {
			bad(c, n, "its output '%s' does not have the shape and type that its inputs give it",
			    axc_safe_name(c->d->arena, v->name));
			return axc_diag_shapes(c->d,
			                       axc_format(c->d->arena, "%s %s", axc_dtype_name(want[k].dtype),
			                                  axc_shape_text(c->d->arena, &want[k].shape)),
			                       axc_format(c->d->arena, "%s %s", axc_dtype_name(v->dtype),
			                                  axc_shape_text(c->d->arena, &v->shape)));
		}
	}
	if (n->op->check && !n->op->check(f, &f->nodes.at[id], &own))
		return said(c, n, &own, "it has an attribute that cannot be compiled");
	return true;
}

/* ---- types ---- */

static bool check_transfer(Check *c, const AxcNode *n)
{
	bool quantize = n->op_type[0] == 'Q';
	if (n->n_in != 1 || n->n_out != 1 || !n->in[0] || !n->out[0])
		return bad(c, n, "one input and one output are wanted");
	const AxcValue *in = &c->g->values.at[n->in[0]], *out = &c->g->values.at[n->out[0]];
	if (!axc_shape_equal(&in->shape, &out->shape) || !is_int8(quantize ? out : in) ||
	    (quantize ? in : out)->dtype != AXC_F32)
		return bad(c, n, "it takes %s of one shape", quantize ? "float32 to int8" : "int8 to float32");
	return true;
}

/* No channel's accumulator can leave int32 (docs/numerics.md, rule 1). */
static bool check_sums(Check *c, const AxcNode *n, const AxcValue *w, const AxcValue *b)
{
	int rank = w->shape.rank, axis = w->q.n > 1 ? w->q.axis : -1;
	if (axis < 0)
		axis = strcmp(n->op_type, "Conv") == 0          ? 0
		       : strcmp(n->op_type, "ConvTranspose") == 0 ? 1
		       : axc_attr_int(n, "transB", 0)             ? 0
		                                                  : rank - 1;
	int64_t channels = rank > axis ? w->shape.dim[axis] : 1, inner = 1;
	for (int i = axis + 1; i < rank; i++)
		inner *= w->shape.dim[i];
	int64_t *sum = axc_alloc_array(c->d->arena, (size_t)AXC_MAX(channels, (int64_t)1), sizeof *sum);
	for (size_t i = 0; i < w->data_bytes; i++) {
		int q = ((const int8_t *)w->data)[i];
		sum[(int64_t)i / inner % channels] += q < 0 ? -q : q;
	}
	int64_t most = 0, biases = b ? axc_shape_count(&b->shape) : 0;
	for (int64_t i = 0; i < biases; i++) {
		int64_t v = ((const int32_t *)b->data)[i];
		most = biases == channels ? most : AXC_MAX(most, v < 0 ? -v : v); /* any bias may meet any channel */
		if (biases == channels)
			sum[i] = 255 * sum[i] + (v < 0 ? -v : v);
	}
	for (int64_t i = 0; i < channels; i++)
		if ((biases == channels ? sum[i] : 255 * sum[i] + most) > INT32_MAX)
			return bad(c, n, "the accumulator of channel %lld can leave int32", (long long)i);
	return true;
}

static bool check_mac(Check *c, const AxcNode *n)
{
	const AxcValue *x = &c->g->values.at[n->in[0]], *w = n->n_in > 1 ? &c->g->values.at[n->in[1]] : NULL;
	const AxcValue *b = n->n_in > 2 && n->in[2] ? &c->g->values.at[n->in[2]] : NULL;
	if (!is_int8(x) || !w || !w->data || !is_int8(w))
		return bad(c, n, "an int8 activation and a constant int8 weight with scales are wanted");
	if (b && (b->dtype != AXC_I32 || !b->data))
		return bad(c, n, "a constant int32 bias is wanted");
	return check_sums(c, n, w, b);
}

/* A node that touches int8 activations: then all its activations are, and it has an int8 meaning. */
static bool check_types(Check *c, const AxcNode *n)
{
	bool int8 = false;
	for (uint32_t k = 0; k < n->n_in; k++)
		int8 = int8 || (!c->g->values.at[n->in[k]].data && is_int8(&c->g->values.at[n->in[k]]));
	for (uint32_t k = 0; k < n->n_out; k++)
		int8 = int8 || is_int8(&c->g->values.at[n->out[k]]);
	if (!int8)
		return true;
	if (!n->op->eval_i8)
		return bad(c, n, "it has no int8 meaning");
	for (uint32_t k = 0; k < n->n_in; k++) {
		const AxcValue *v = &c->g->values.at[n->in[k]];
		if (n->in[k] && !v->data && !is_int8(v))
			return bad(c, n, "its input '%s' is not int8 as the others are",
			           axc_safe_name(c->d->arena, v->name));
	}
	for (uint32_t k = 0; k < n->n_out; k++) {
		const AxcValue *v = &c->g->values.at[n->out[k]];
		if (n->out[k] && !is_int8(v) && v->dtype != AXC_F32 && v->dtype != AXC_I64)
			return bad(c, n, "its output '%s' is %s", axc_safe_name(c->d->arena, v->name),
			           axc_dtype_name(v->dtype));
		if (n->out[k] && v->dtype == AXC_F32 && v->q.n == 0)
			return bad(c, n, "its output '%s' is float32 without the scale of a float output",
			           axc_safe_name(c->d->arena, v->name));
	}
	return n->op->quant != AXC_QR_MAC || check_mac(c, n);
}

bool axc_model_check(const AxcGraph *g, AxcDiag *d, const char *file)
{
	Check c = {g, d, file};
	AxcDiag own;
	axc_diag_init(&own, d->arena);
	if (!axc_graph_verify(g, AXC_FORM_QUANTIZED, &own)) {
		static const char ours[] = "internal: "; /* of a file it is not */
		bool skip = strncmp(own.error.message, ours, sizeof ours - 1) == 0;
		axc_fail(d, "%s: %s", file, own.error.message + (skip ? sizeof ours - 1 : 0));
		return axc_diag_node(d, own.error.node, own.error.op);
	}
	AxcGraph *f = as_float(d->arena, g);
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		bool ok = is_transfer(n) ? check_transfer(&c, n) : check_inference(&c, f, i) && check_types(&c, n);
		if (!ok)
			return false;
	}
	return true;
}
