/* QuantizeLinear and DequantizeLinear in the compiler's own form: one input, one output, the
 * parameters are those of the int8 value. They stand where float meets int8. Per channel they are
 * one call per channel. */
#include "ops/requant.h"
#include "ops/util.h"

/* The int8 side. */
static const AxcValue *quantized(const AxcGraph *g, const AxcNode *n)
{
	return &g->values.at[strcmp(n->op_type, "QuantizeLinear") == 0 ? n->out[0] : n->in[0]];
}

static bool infer_quantize(AxcGraph *g, AxcId node, AxcDiag *d)
{
	AxcShape shape = *axc_in_shape(g, axc_node(g, node), 0);
	return axc_set_out(g, node, d, 0, AXC_I8, &shape);
}

static bool infer_dequantize(AxcGraph *g, AxcId node, AxcDiag *d)
{
	AxcShape shape = *axc_in_shape(g, axc_node(g, node), 0);
	return axc_set_out(g, node, d, 0, AXC_F32, &shape);
}

static bool build_quant(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcValue *q = quantized(g, n);
	bool quantize = n->out[0] && q == &g->values.at[n->out[0]];
	int outer = 1, c = 1, inner = (int)axc_shape_count(&q->shape);
	if (q->q.n < 1 || q->dtype != AXC_I8) {
		axc_fail(b->d, "%s without quantization parameters", n->op_type);
		return axc_diag_node(b->d, n->name, n->op_type);
	}
	if (q->q.n > 1)
		axc_split_at(&q->shape, q->q.axis, &outer, &c, &inner);
	for (int k = 0; k < c; k++) {
		struct axk_quant p = {.s = q->q.scale[k],
				      .zp = q->q.zero_point[k] + 128,
				      .flip = 128,
				      .dims = {1, 1, 1, 1, 1, 1, outer, inner}};
		p.sy[7] = p.sx[7] = 1;
		p.sy[6] = p.sx[6] = c * inner;
		AxcRef buf[2] = {axc_ref_out(0), axc_ref_in(0)};
		buf[0].offset = (size_t)k * (size_t)inner * (quantize ? 1 : sizeof(float));
		buf[1].offset = (size_t)k * (size_t)inner * (quantize ? sizeof(float) : 1);
		if (!axc_build_call(b, quantize ? AXK_QUANTIZE : AXK_DEQUANTIZE, &p, sizeof p, 0, 2,
				    buf))
			return false;
	}
	return true;
}

/* Rule 7, element by element. */
static bool eval_quant(const AxcGraph *g, const AxcNode *n, const AxcTensor *const *in,
		       AxcTensor *const *out, AxcDiag *d)
{
	bool quantize = strcmp(n->op_type, "QuantizeLinear") == 0;
	const AxcTensor *t = quantize ? out[0] : in[0];
	int64_t count = axc_shape_count(&t->shape);
	int outer = 1, c = 1, inner = (int)count;
	(void)g;
	(void)d;
	if (t->q.n > 1)
		axc_split_at(&t->shape, t->q.axis, &outer, &c, &inner);
	for (int64_t i = 0; i < count; i++) {
		int64_t k = i / inner % c;
		int zp = t->q.zero_point[k] + 128;
		if (quantize)
			((int8_t *)t->data)[i] = axc_requant_value(
				((const float *)in[0]->data)[i] / t->q.scale[k], zp);
		else
			((float *)out[0]->data)[i] =
				(float)(((const int8_t *)t->data)[i] + 128 - zp) * t->q.scale[k];
	}
	return true;
}

static const AxcOp quantize_linear = {.name = "QuantizeLinear",
				      .domain = "",
				      .min_in = 1,
				      .max_in = 1,
				      .min_out = 1,
				      .max_out = 1,
				      .attrs = "",
				      .infer = infer_quantize,
				      .build = build_quant,
				      .eval_i8 = eval_quant};
static const AxcOp dequantize_linear = {.name = "DequantizeLinear",
					.domain = "",
					.min_in = 1,
					.max_in = 1,
					.min_out = 1,
					.max_out = 1,
					.attrs = "",
					.infer = infer_dequantize,
					.build = build_quant,
					.eval_i8 = eval_quant};

const AxcOp *const axc_ops_quant[] = {&quantize_linear, &dequantize_linear, NULL};
