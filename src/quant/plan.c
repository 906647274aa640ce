/* Which nodes compute in int8. The rule: everything upstream of a MAC (Conv, Gemm, MatMul with constant
 * weights) that has an int8 meaning; behind the last MACs only a global average and the ReLU between.
 * What lies only behind the last MACs (box decoding, final Softmax and Sigmoid, final Transposes) stays
 * float: it costs little and its precision is what the user sees. In the middle, an operator without
 * an int8 meaning is a float island, and cheap nodes that touch nothing but islands join them.
 */
#include "quant/plan.h"

#include <fnmatch.h>

/* Functions whose slope is unbounded over their range: 256 levels do not describe them. */
static const char *const not_by_table[] = {"Exp",  "Log",  "Sqrt", "Reciprocal", "Pow", "Floor", "Ceil",
                                           "Round", "Sign", "Sin",  "Cos",        "Tan", "Not"};

static bool is_op(const AxcNode *n, const char *op_type)
{
	return n && !n->domain[0] && strcmp(n->op_type, op_type) == 0;
}

/* Activation inputs: not weights, bias, bounds, pads … */
uint32_t axc_quant_activations(const AxcNode *n)
{
	switch (axc_quant_rule(n)) {
	case AXC_QR_ADD:
	case AXC_QR_MUL:
		return AXC_MIN(n->n_in, 2u);
	case AXC_QR_CONCAT:
		return n->n_in;
	case AXC_QR_FLOAT:
		return 0;
	case AXC_QR_MAC:
	case AXC_QR_TABLE:
	case AXC_QR_SAME:
	case AXC_QR_AVERAGE:
	case AXC_QR_SOFTMAX:
	case AXC_QR_LINEAR:
		return AXC_MIN(n->n_in, 1u);
	}
	return 0;
}

static bool float_types(const AxcGraph *g, const AxcNode *n)
{
	bool variable = false;
	for (uint32_t k = 0; k < axc_quant_activations(n); k++) {
		const AxcValue *v = &g->values.at[n->in[k]];
		if (!n->in[k] || v->dtype != AXC_F32 || axc_shape_count(&v->shape) == 0)
			return false;
		variable = variable || !v->data;
	}
	for (uint32_t k = 0; k < n->n_out; k++) {
		const AxcValue *v = &g->values.at[n->out[k]];
		if (n->out[k] && (v->dtype != AXC_F32 || axc_shape_count(&v->shape) == 0))
			return false;
	}
	return variable;
}

static bool mac_weights_constant(const AxcGraph *g, const AxcNode *n)
{
	if (n->n_in < 2 || !axc_is_const(g, n->in[1]) || g->values.at[n->in[1]].dtype != AXC_F32)
		return false;
	bool dense = is_op(n, "Gemm") || is_op(n, "MatMul");
	if (dense && (g->values.at[n->in[1]].shape.rank != 2 || axc_attr_int(n, "transA", 0)))
		return false;
	if (n->n_in < 3 || !n->in[2])
		return true;
	const AxcShape *b = &g->values.at[n->in[2]].shape, *out = &g->values.at[n->out[0]].shape;
	int64_t channels = dense ? out->dim[out->rank - 1] : out->dim[1], count = axc_shape_count(b);
	return axc_is_const(g, n->in[2]) && g->values.at[n->in[2]].dtype == AXC_F32 &&
	       (count == 1 || (count == channels && b->dim[b->rank - 1] == channels));
}

static const char *kept_by_user(const AxcNode *n, const AxcQuantConfig *config)
{
	for (uint32_t i = 0; i < config->n_keep_float; i++)
		if (fnmatch(config->keep_float[i], n->name, 0) == 0)
			return config->keep_float[i];
	return NULL;
}

/* NULL: it may compute in int8; else the reason why not. */
static const char *why_float(AxcArena *arena, const AxcGraph *g, const AxcNode *n, const AxcQuantConfig *config)
{
	if (config->float32)
		return "precision is float32";
	const char *pattern = kept_by_user(n, config);
	if (pattern)
		return axc_format(arena, "kept in float by keep_float \"%s\"", pattern);
	if (!n->op || n->op->quant == AXC_QR_FLOAT || !n->op->eval_i8)
		return "the operator has no int8 form";
	if (!float_types(g, n))
		return "it does not compute on float values";
	if (n->op->quant == AXC_QR_MAC && !mac_weights_constant(g, n))
		return "its weights are not constant";
	if (n->op->quantizable && !n->op->quantizable(g, n))
		return "this form of the operator has no int8 meaning";
	for (size_t i = 0; i < AXC_COUNT(not_by_table); i++)
		if (n->op->quant == AXC_QR_TABLE && is_op(n, not_by_table[i]))
			return "256 levels do not describe this function";
	if (n->op->quant == AXC_QR_SAME && n->n_out > 1 && !is_op(n, "Split"))
		return "its second output has no int8 meaning";
	return NULL;
}

/* ---- the working state ---- */

typedef struct Plan {
	const AxcGraph *g;
	const AxcQuantConfig *config;
	AxcArena *arena;
	AxcUses uses;
	bool *is_output; /* values */
	bool *int8;      /* nodes */
	const char **reason;
	bool *folded;
} Plan;

static bool is_mac(const AxcNode *n)
{
	return n && n->op && n->op->quant == AXC_QR_MAC;
}

static uint32_t readers(const Plan *p, AxcId v)
{
	return p->uses.first[v + 1] - p->uses.first[v];
}

static bool single(const Plan *p, AxcId v)
{
	return readers(p, v) == 1 && !p->is_output[v];
}

/* The MAC weighs the bins of a Softmax (expected box distance of detectors): Softmax, moves, MAC. */
static bool behind_softmax(const Plan *p, const AxcNode *n)
{
	for (int steps = 0; steps < 16; steps++) {
		AxcId producer = p->g->values.at[n->in[0]].producer;
		n = producer ? &p->g->nodes.at[producer] : NULL;
		if (is_op(n, "Softmax"))
			return true;
		if (!n || !n->op || !n->n_in || axc_quant_rule(n) != AXC_QR_SAME)
			return false;
	}
	return false;
}

static void exclude_box_decoding(Plan *p)
{
	int64_t total = 0;
	for (AxcId i = 1; i < p->g->nodes.n; i++) {
		const AxcNode *n = &p->g->nodes.at[i];
		if (!n->dead && n->op && n->op->macs)
			total += n->op->macs(p->g, n);
	}
	for (AxcId i = 1; i < p->g->nodes.n; i++) {
		const AxcNode *n = &p->g->nodes.at[i];
		if (n->dead || !is_mac(n) || p->reason[i] || !n->op->macs)
			continue;
		if (n->op->macs(p->g, n) * 400 < total && behind_softmax(p, n))
			p->reason[i] = "it takes the mean of a Softmax (box decoding)";
	}
}

/* Largest constant input of the node, in elements or by its first dimension. */
static int64_t weight_measure(const AxcGraph *g, const AxcNode *n, bool first_dimension)
{
	int64_t most = 0;
	for (uint32_t k = 0; k < n->n_in; k++) {
		const AxcValue *v = &g->values.at[n->in[k]];
		int64_t size = !axc_is_const(g, n->in[k]) ? 0
		               : first_dimension          ? (v->shape.rank > 0 ? v->shape.dim[0] : 1)
		                                          : axc_shape_count(&v->shape);
		most = AXC_MAX(most, size);
	}
	return most;
}

AxcId axc_quant_last(const AxcGraph *g, const AxcQuantConfig *config)
{
	AxcId found = 0;
	int64_t most = config->last_threshold;
	for (AxcId i = 1; i < g->nodes.n && config->last_op; i++) {
		const AxcNode *n = &g->nodes.at[i];
		if (n->dead || !is_op(n, config->last_op))
			continue;
		int64_t size = weight_measure(g, n, config->last_by_first_dimension);
		if (size > most) {
			most = size;
			found = i;
		}
	}
	return found;
}

/* Everything that `last` does not need stays float. Returns last. */
static AxcId cut_behind_chosen(Plan *p)
{
	AxcId last = axc_quant_last(p->g, p->config);
	bool *needed = AXC_NEW_ARRAY(p->arena, bool, p->g->values.n);
	for (AxcId i = p->g->nodes.n - 1; last && i >= 1; i--) {
		const AxcNode *n = &p->g->nodes.at[i];
		bool need = i == last;
		for (uint32_t k = 0; k < n->n_out && !n->dead; k++)
			need = need || (n->out[k] && needed[n->out[k]]);
		for (uint32_t k = 0; k < n->n_in && need; k++)
			needed[n->in[k]] = true;
		if (!need && !n->dead && !p->reason[i])
			p->reason[i] = "it lies behind the node that graph_cleaner_node chose";
	}
	return last;
}

/* int8: MACs, and what may be int8 and has an int8 MAC downstream. */
static void mark_upstream(Plan *p, AxcId last)
{
	bool *leads = AXC_NEW_ARRAY(p->arena, bool, p->g->values.n);
	for (AxcId i = p->g->nodes.n - 1; i >= 1; i--) {
		const AxcNode *n = &p->g->nodes.at[i];
		bool down = (is_mac(n) || i == last) && !p->reason[i];
		for (uint32_t k = 0; k < n->n_out && !n->dead; k++)
			down = down || leads[n->out[k]];
		if (n->dead)
			continue;
		p->int8[i] = down && !p->reason[i];
		if (!down && !p->reason[i])
			p->reason[i] = "it lies behind the last convolution or matrix product";
		for (uint32_t k = 0; k < n->n_in && down; k++)
			leads[n->in[k]] = n->in[k] != 0;
	}
}

static bool clip_bounds(const AxcGraph *g, const AxcNode *n, float *lo, float *hi)
{
	*lo = is_op(n, "Relu") ? 0.0f : -__builtin_inff();
	*hi = __builtin_inff();
	if (is_op(n, "Relu"))
		return true;
	if (!is_op(n, "Clip"))
		return false;
	for (uint32_t k = 1; k < n->n_in && k < 3; k++) {
		if (!n->in[k])
			continue;
		if (!axc_is_const(g, n->in[k]) || axc_shape_count(&g->values.at[n->in[k]].shape) != 1)
			return false;
		memcpy(k == 1 ? lo : hi, g->values.at[n->in[k]].data, sizeof(float));
	}
	return *lo <= 0.0f && *hi >= 0.0f && *lo < *hi;
}

/* ReLU and Clip vanish into the range of the node in front. */
static bool takes_clip(const AxcNode *n)
{
	if (!n || !n->op)
		return false;
	AxcQuantRule rule = axc_quant_rule(n);
	return rule == AXC_QR_MAC || rule == AXC_QR_ADD || rule == AXC_QR_MUL || rule == AXC_QR_AVERAGE ||
	       rule == AXC_QR_LINEAR;
}

static bool clip_folds(const Plan *p, const AxcNode *n)
{
	float lo, hi;
	AxcId in = n->n_in ? n->in[0] : 0, before = in ? p->g->values.at[in].producer : 0;
	return before && p->int8[before] && takes_clip(&p->g->nodes.at[before]) && single(p, in) &&
	       clip_bounds(p->g, n, &lo, &hi);
}

/* Behind the last MACs: MAC, optional ReLU, GlobalAveragePool; without float outputs any ReLU too. */
static void extend_behind(Plan *p)
{
	const char *behind = "it lies behind the last convolution or matrix product";
	for (AxcId i = 1; i < p->g->nodes.n; i++) {
		const AxcNode *n = &p->g->nodes.at[i];
		if (n->dead || p->int8[i] || !p->reason[i] || strcmp(p->reason[i], behind) != 0)
			continue;
		if (!p->config->float_outputs && clip_folds(p, n) && is_mac(&p->g->nodes.at[p->g->values.at[n->in[0]].producer])) {
			p->int8[i] = true;
			continue;
		}
		if (!is_op(n, "GlobalAveragePool") || !single(p, n->in[0]))
			continue;
		AxcId before = p->g->values.at[n->in[0]].producer;
		const AxcNode *b = before ? &p->g->nodes.at[before] : NULL;
		bool clip = b && clip_folds(p, b);
		AxcId mac = clip ? p->g->values.at[b->in[0]].producer : before;
		if (!mac || !p->int8[mac] || !is_mac(&p->g->nodes.at[mac]))
			continue;
		p->int8[i] = true;
		if (clip)
			p->int8[before] = true;
	}
}

/* ---- islands ---- */

static bool inputs_float(const Plan *p, const AxcNode *n)
{
	for (uint32_t k = 0; k < axc_quant_activations(n); k++) {
		const AxcValue *v = &p->g->values.at[n->in[k]];
		if (v->is_input || (v->producer && p->int8[v->producer]))
			return false;
	}
	return true;
}

static bool readers_float(const Plan *p, const AxcNode *n)
{
	for (uint32_t k = 0; k < n->n_out; k++) {
		AxcId v = n->out[k];
		for (uint32_t u = p->uses.first[v]; v && u < p->uses.first[v + 1]; u++)
			if (p->int8[p->uses.node[u]])
				return false;
	}
	return true;
}

static bool join_islands(Plan *p, bool forward)
{
	bool changed = false;
	AxcId n_nodes = p->g->nodes.n;
	for (AxcId j = 1; j < n_nodes; j++) {
		AxcId i = forward ? j : n_nodes - j;
		const AxcNode *n = &p->g->nodes.at[i];
		if (n->dead || !p->int8[i] || is_mac(n) || is_op(n, "GlobalAveragePool"))
			continue;
		if (!forward && !p->config->float_outputs && clip_folds(p, n))
			continue;
		if (forward ? !inputs_float(p, n) : !readers_float(p, n))
			continue;
		p->int8[i] = false;
		p->reason[i] = "it stands between nodes that compute in float";
		changed = true;
	}
	return changed;
}

static void find_islands(Plan *p)
{
	for (int round = 0; round < 8; round++) {
		bool a = join_islands(p, true), b = join_islands(p, false);
		if (!a && !b)
			return;
	}
}

/* ---- values ---- */

/* No int8 node reads it or anything made from it, so it may leave as the float accumulator. */
static void mark_float_outputs(Plan *p, bool *float_out)
{
	bool *leads = AXC_NEW_ARRAY(p->arena, bool, p->g->values.n);
	for (AxcId i = p->g->nodes.n - 1; i >= 1; i--) {
		const AxcNode *n = &p->g->nodes.at[i];
		bool down = p->int8[i];
		if (n->dead)
			continue;
		for (uint32_t k = 0; k < n->n_out; k++)
			down = down || (n->out[k] && leads[n->out[k]]);
		bool accumulates = is_mac(n) || is_op(n, "GlobalAveragePool");
		if (p->int8[i] && accumulates && !leads[n->out[0]] && p->config->float_outputs)
			float_out[n->out[0]] = true;
		for (uint32_t k = 0; k < n->n_in && down; k++)
			leads[n->in[k]] = n->in[k] != 0;
	}
}

bool axc_is_depthwise(const AxcGraph *g, const AxcNode *n)
{
	if (!is_op(n, "Conv"))
		return false;
	int64_t ic = g->values.at[n->in[0]].shape.dim[1], oc = g->values.at[n->out[0]].shape.dim[1];
	return ic > 1 && axc_attr_int(n, "group", 1) == ic && oc % ic == 0;
}

static bool wants_channels(const Plan *p, AxcId v)
{
	AxcId producer = p->g->values.at[v].producer;
	const AxcNode *w = producer ? &p->g->nodes.at[producer] : NULL;
	if (w && p->folded[producer]) {
		producer = p->g->values.at[w->in[0]].producer;
		w = &p->g->nodes.at[producer];
	}
	if (!is_op(w, "Conv") || !p->int8[producer] || p->is_output[v] || !readers(p, v))
		return false;
	for (uint32_t u = p->uses.first[v]; u < p->uses.first[v + 1]; u++) {
		AxcId r = p->uses.node[u];
		if (!p->int8[r] || !axc_is_depthwise(p->g, &p->g->nodes.at[r]))
			return false;
	}
	return true;
}

static const AxcQuantPlan *finish(Plan *p)
{
	const AxcGraph *g = p->g;
	bool *value_int8 = AXC_NEW_ARRAY(p->arena, bool, g->values.n);
	bool *float_out = AXC_NEW_ARRAY(p->arena, bool, g->values.n);
	bool *per_channel = AXC_NEW_ARRAY(p->arena, bool, g->values.n);
	mark_float_outputs(p, float_out);
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		if (n->dead || !p->int8[i])
			continue;
		p->reason[i] = NULL;
		p->folded[i] = clip_folds(p, n) && !float_out[n->in[0]];
		for (uint32_t k = 0; k < axc_quant_activations(n); k++)
			value_int8[n->in[k]] = true;
		for (uint32_t k = 0; k < n->n_out; k++)
			value_int8[n->out[k]] = n->out[k] && !float_out[n->out[k]];
	}
	for (AxcId i = 1; i < g->nodes.n; i++) /* between a node and its folded clip nothing exists */
		if (p->folded[i])
			value_int8[g->nodes.at[i].in[0]] = false;
	bool *equalized = AXC_NEW_ARRAY(p->arena, bool, g->values.n);
	for (AxcId v = 1; v < g->values.n; v++)
		(p->config->per_channel_dw ? per_channel : equalized)[v] = value_int8[v] && wants_channels(p, v);
	AxcQuantPlan *plan = AXC_NEW(p->arena, AxcQuantPlan);
	*plan = (AxcQuantPlan){
		.n_nodes = g->nodes.n,
		.n_values = g->values.n,
		.node_int8 = p->int8,
		.reason = p->reason,
		.folded = p->folded,
		.value_int8 = value_int8,
		.float_out = float_out,
		.per_channel = per_channel,
		.equalized = equalized,
	};
	return plan;
}

const AxcQuantPlan *axc_quant_plan(AxcArena *arena, const AxcGraph *clean, const AxcQuantConfig *config)
{
	Plan p = {.g = clean, .config = config, .arena = arena, .uses = axc_graph_uses(clean, arena)};
	p.is_output = AXC_NEW_ARRAY(arena, bool, clean->values.n);
	p.int8 = AXC_NEW_ARRAY(arena, bool, clean->nodes.n);
	p.reason = AXC_NEW_ARRAY(arena, const char *, clean->nodes.n);
	p.folded = AXC_NEW_ARRAY(arena, bool, clean->nodes.n);
	for (uint32_t i = 0; i < clean->outputs.n; i++)
		p.is_output[clean->outputs.at[i]] = true;
	for (AxcId i = 1; i < clean->nodes.n; i++)
		if (!clean->nodes.at[i].dead)
			p.reason[i] = why_float(arena, clean, &clean->nodes.at[i], config);
	exclude_box_decoding(&p);
	mark_upstream(&p, cut_behind_chosen(&p));
	extend_behind(&p);
	find_islands(&p);
	return finish(&p);
}
