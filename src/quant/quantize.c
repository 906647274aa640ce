/* Builds the quantized graph: a copy of the clean one with int8 types on the values that the plan names,
 * QuantizeLinear and DequantizeLinear where float meets int8, int8 weights, folded ReLUs gone.
 *
 * Names: a value keeps its name in the form its producer gives it; the other form is called
 * NAME_quantized or NAME_dequantized. Graph inputs and outputs keep theirs as float.
 */
#include "passes/rewrite.h"
#include "quant/moments.h"
#include "quant/scales.h"

typedef struct Build {
	const AxcGraph *clean; /* ids below n_values are the same in r.g */
	const AxcQuantPlan *plan;
	const AxcRanges *ranges;
	const AxcMoments *moments;
	const AxcQuant *q;
	const float **gain;
	AxcRewrite r;
	AxcDiag *d;
	AxcId *as_int8, *as_float; /* of a clean value: the value that holds it in this form, 0: not made yet */
} Build;

static AxcId add_transfer(Build *b, AxcId before, const char *op, const char *suffix, AxcId from, AxcDType dtype,
                          const AxcQuant *q)
{
	AxcGraph *g = b->r.g;
	AxcShape shape = axc_value(g, from)->shape;
	const char *name = axc_format(g->arena, "%s_%s", axc_value(g, from)->name, suffix);
	AxcId out = axc_rewrite_insert(&b->r, before, op, axc_format(g->arena, "%s_%s", axc_value(g, from)->name, op),
	                               1, &from, name, dtype, &shape);
	if (q)
		axc_value(g, out)->q = *q;
	return out;
}

/* The value in int8, for a reader at node `before`. */
static AxcId int8_form(Build *b, AxcId v, AxcId before)
{
	if (!b->as_int8[v])
		b->as_int8[v] = add_transfer(b, before, "QuantizeLinear", "quantized", v, AXC_I8, &b->q[v]);
	return b->as_int8[v];
}

static AxcId float_form(Build *b, AxcId v, AxcId before)
{
	if (!b->as_float[v])
		b->as_float[v] = add_transfer(b, before, "DequantizeLinear", "dequantized", b->as_int8[v], AXC_F32, NULL);
	return b->as_float[v];
}

static void read_activations(Build *b, AxcId id)
{
	AxcGraph *g = b->r.g;
	for (uint32_t k = 0; k < axc_quant_activations(axc_node(g, id)); k++) {
		AxcNode *n = axc_node(g, id);
		AxcId v = n->in[k], to;
		if (!v)
			continue;
		if (axc_is_const(b->clean, v)) {
			const float *c = b->clean->values.at[v].data;
			float lo = 0.0f, hi = 0.0f;
			for (int64_t i = 0; i < axc_shape_count(&b->clean->values.at[v].shape); i++) {
				lo = c[i] < lo ? c[i] : lo;
				hi = c[i] > hi ? c[i] : hi;
			}
			AxcQuant q = n->op->quant == AXC_QR_CONCAT ? axc_value(g, n->out[0])->q
			                                           : axc_quant_of_range(g->arena, lo, hi);
			to = axc_quant_constant(b->clean, v, &q, g);
		} else {
			to = int8_form(b, v, id);
		}
		axc_node(g, id)->in[k] = to;
	}
}

static bool quantize_mac(Build *b, AxcId id)
{
	AxcGraph *g = b->r.g;
	const AxcNode *clean = &b->clean->nodes.at[id];
	AxcQuant x = axc_value(g, axc_node(g, id)->in[0])->q;
	AxcId in[3] = {axc_node(g, id)->in[0], 0, 0};
	AxcId before = b->clean->nodes.at[id].in[0];
	const AxcRange *r = &b->ranges->at[before];
	AxcMacTune tune = {.in_gain = b->gain[before], .out_gain = b->gain[axc_node(g, id)->out[0]]};
	if (!b->ranges->random) {
		tune.mean = r->mean;
		tune.n_mean = r->n_means;
	}
	if (b->moments && id < b->moments->n_nodes) {
		tune.inputs = b->moments->at[id];
		tune.jobs = b->moments->jobs;
	}
	if (!axc_quant_weights(b->clean, clean, &x, &tune, g, b->d, &in[1], &in[2]))
		return false;
	axc_rewrite_inputs(&b->r, id, in[2] ? 3 : 2, in);
	if (axc_is_op(clean, "Gemm")) {
		axc_attr_set_float(g, id, "alpha", 1.0f);
		axc_attr_set_float(g, id, "beta", 1.0f);
	}
	return true;
}

/* The node's outputs take their int8 form (or the float accumulator). */
static void set_outputs(Build *b, AxcId id)
{
	AxcGraph *g = b->r.g;
	const AxcNode *n = axc_node(g, id);
	for (uint32_t k = 0; k < n->n_out; k++) {
		AxcId v = n->out[k];
		if (!v)
			continue;
		axc_value(g, v)->q = b->q[v];
		axc_value(g, v)->gain = b->gain[v];
		if (b->plan->float_out[v]) {
			b->as_float[v] = v;
			continue;
		}
		axc_value(g, v)->dtype = AXC_I8;
		b->as_int8[v] = v;
	}
}

/* ReLU or Clip whose producer took over: the producer writes its output. */
static void fold_clip(Build *b, AxcId id)
{
	AxcGraph *g = b->r.g;
	AxcNode *clip = axc_node(g, id);
	AxcId before = axc_value(g, clip->in[0])->producer, out = clip->out[0];
	const AxcNode gone = *clip;
	axc_node_kill(g, id);
	axc_node(g, before)->out[0] = out;
	axc_value(g, out)->producer = before;
	axc_value(g, out)->producer_index = 0;
	axc_rewrite_origin(&b->r, before, &gone);
}

/* A graph output made in int8 becomes float under its own name. */
static void restore_output(Build *b, AxcId v, AxcId before)
{
	AxcGraph *g = b->r.g;
	AxcId out = add_transfer(b, before, "DequantizeLinear", "quantized", v, AXC_F32, NULL);
	AxcValue *q = axc_value(g, v), *f = axc_value(g, out);
	const char *name = q->name;
	q->name = f->name;
	f->name = name;
	f->onnx_dtype_tag = q->onnx_dtype_tag;
	f->onnx_narrow = q->onnx_narrow;
	b->as_float[v] = out;
	for (uint32_t i = 0; i < g->outputs.n; i++)
		if (g->outputs.at[i] == v)
			g->outputs.at[i] = out;
}

/* A node that stays float reads float: what comes from int8 nodes is dequantized in front of it. */
static void build_float(Build *b, AxcId id)
{
	AxcGraph *g = b->r.g;
	axc_node(g, id)->float_reason = b->plan->reason[id];
	for (uint32_t k = 0; k < axc_node(g, id)->n_in; k++) {
		AxcId v = axc_node(g, id)->in[k];
		if (!v || b->as_int8[v] != v)
			continue;
		AxcId f = float_form(b, v, id);
		axc_node(g, id)->in[k] = f;
	}
}

static bool build_int8(Build *b, AxcId id, const bool *is_output)
{
	AxcGraph *g = b->r.g;
	set_outputs(b, id);
	read_activations(b, id);
	if (axc_node(g, id)->op->quant == AXC_QR_MAC && !quantize_mac(b, id))
		return false;
	for (uint32_t k = 0; k < axc_node(g, id)->n_out; k++) {
		AxcId v = axc_node(g, id)->out[k];
		if (v && is_output[v] && b->as_int8[v] == v)
			restore_output(b, v, id + 1);
	}
	return true;
}

/* int8 is what the quantizer makes; a tensor of the model itself that is int8 would be taken for it. */
static bool refuse_int8(const AxcGraph *g, AxcDiag *d)
{
	for (AxcId i = 1; i < g->values.n; i++) {
		const AxcValue *v = &g->values.at[i];
		if (v->dead || v->data || v->dtype != AXC_I8 || (!v->producer && !v->is_input))
			continue;
		axc_fail_as(d, AXC_LOWER_FRONTEND_ERROR,
		            "the tensor '%s' is int8 in the model; tensors of integers can be uint8, int32 or int64",
		            axc_safe_name(d->arena, v->name));
		axc_diag_hint(d, "use int32 in its place");
		if (!v->producer)
			return false;
		const AxcNode *n = &g->nodes.at[v->producer];
		return axc_diag_node(d, n->name, n->op_type);
	}
	return true;
}

bool axc_quantize(AxcGraph *clean, const AxcRanges *ranges, const AxcQuantConfig *config, AxcDiag *d,
                  AxcGraph **ret)
{
	if (!refuse_int8(clean, d))
		return false;
	AxcGraph *g = axc_graph_copy(clean, clean->arena);
	Build b = {.clean = clean, .d = d, .plan = axc_quant_plan(clean->arena, clean, config)};
	bool *is_output = AXC_NEW_ARRAY(clean->arena, bool, clean->values.n);
	if (!config->float32 && ranges->n != clean->values.n)
		return axc_fail(d, "the ranges are of another graph: %u values, not %u", ranges->n, clean->values.n);
	b.q = config->float32 ? NULL : axc_quant_scales(clean->arena, clean, b.plan, ranges);
	b.ranges = ranges;
	b.moments = config->moments;
	b.gain = config->float32 ? NULL : axc_quant_gains(clean->arena, clean, b.plan, ranges, b.q);
	b.as_int8 = AXC_NEW_ARRAY(clean->arena, AxcId, clean->values.n);
	b.as_float = AXC_NEW_ARRAY(clean->arena, AxcId, clean->values.n);
	for (uint32_t i = 0; i < clean->outputs.n; i++)
		is_output[clean->outputs.at[i]] = true;
	axc_rewrite_begin(&b.r, g, d);
	for (AxcId i = 1; i < b.r.n_old; i++)
		if (b.plan->folded[i])
			fold_clip(&b, i);
	for (AxcId i = 1; i < b.r.n_old; i++) {
		if (axc_node(g, i)->dead)
			continue;
		if (!b.plan->node_int8[i])
			build_float(&b, i);
		else if (!build_int8(&b, i, is_output))
			return false;
	}
	axc_rewrite_end(&b.r);
	axc_graph_compact(g);
	if (!axc_graph_verify(g, AXC_FORM_QUANTIZED, d))
		return false;
	*ret = g;
	return true;
}
