/* Where the core of the network is: between the first and the last int8 tensor on each path. Gives
 * every node its part, and the parts as graphs of their own (verification runs the core, the SDK's
 * readers get the rest as ONNX). */
#include "lower/program.h"

#include <stdlib.h>

static bool quantized(const AxcValue *v)
{
	return !v->data && (v->dtype == AXC_I8 || (v->dtype == AXC_F32 && v->q.n));
}

static const bool *quantized_values(const AxcGraph *g, AxcArena *arena)
{
	bool *in_int8 = AXC_NEW_ARRAY(arena, bool, g->values.n);
	for (AxcId v = 1; v < g->values.n; v++)
		in_int8[v] = quantized(&g->values.at[v]);
	return in_int8;
}

static bool is_op(const AxcNode *n, const char *op)
{
	return strcmp(n->op_type, op) == 0;
}

/* ---- parts ---- */

/* after[v]: v is int8 or comes from an int8 value; before[v]: v is int8 or leads to one. */
static void mark(const AxcGraph *g, const bool *in_int8, bool *after, bool *before)
{
	for (uint32_t i = 0; i < g->inputs.n; i++)
		after[g->inputs.at[i]] = in_int8[g->inputs.at[i]];
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		bool any = false;
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++)
			any = any || after[n->in[k]];
		for (uint32_t k = 0; k < n->n_out && !n->dead; k++)
			after[n->out[k]] = n->out[k] && (any || in_int8[n->out[k]]);
	}
	for (AxcId i = g->nodes.n - 1; i >= 1; i--) {
		const AxcNode *n = &g->nodes.at[i];
		bool any = false;
		for (uint32_t k = 0; k < n->n_out && !n->dead; k++) {
			AxcId v = n->out[k];
			before[v] = v && (before[v] || in_int8[v]);
			any = any || before[v];
		}
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++)
			before[n->in[k]] = n->in[k] && (before[n->in[k]] || any || in_int8[n->in[k]]);
	}
}

/* Property run_graph_cleaner is false: all but what turns inputs into int8 and outputs back. */
static void all_core(const AxcGraph *g, const AxcUses *uses, AxcPart *part)
{
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		bool quantizes = !n->dead && is_op(n, "QuantizeLinear") && g->values.at[n->in[0]].is_input;
		part[i] = AXC_PART_CORE;
		for (uint32_t u = quantizes ? uses->first[n->in[0]] : 0; quantizes && u < uses->first[n->in[0] + 1]; u++)
			quantizes = is_op(&g->nodes.at[uses->node[u]], "QuantizeLinear");
		if (quantizes && !axc_is_graph_output(g, n->in[0]))
			part[i] = AXC_PART_PRE;
		if (!n->dead && is_op(n, "DequantizeLinear") && axc_is_graph_output(g, n->out[0]) &&
		    uses->first[n->out[0]] == uses->first[n->out[0] + 1])
			part[i] = AXC_PART_POST;
	}
}

static void between_int8(const AxcGraph *g, const bool *in_int8, AxcArena *arena, AxcPart *part)
{
	bool *after = AXC_NEW_ARRAY(arena, bool, g->values.n);
	bool *before = AXC_NEW_ARRAY(arena, bool, g->values.n);
	mark(g, in_int8, after, before);
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		bool from = false, to = false;
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++)
			from = from || (n->in[k] && after[n->in[k]]);
		for (uint32_t k = 0; k < n->n_out && !n->dead; k++)
			to = to || (n->out[k] && before[n->out[k]]);
		/* an int8 operator whose inputs are all quantized here is core even if nothing follows */
		part[i] = !from ? AXC_PART_PRE : to ? AXC_PART_CORE : AXC_PART_POST;
	}
}

/* [n][h][w][c] to [n][c][h][w]: as Transpose, or as a Reshape where no element changes its place. */
static bool to_channels_first(const AxcGraph *g, const AxcNode *n)
{
	const AxcShape *x = &g->values.at[n->in[0]].shape, *y = &g->values.at[n->out[0]].shape;
	static const int64_t wanted[4] = {0, 3, 1, 2};
	uint32_t count = 0;
	const int64_t *perm = is_op(n, "Transpose") ? axc_attr_ints(n, "perm", &count) : NULL;
	if (n->domain[0] || x->rank != 4 || y->rank != 4)
		return false;
	if (perm)
		return count == 4 && memcmp(perm, wanted, sizeof wanted) == 0;
	for (int i = 0; i < 4; i++)
		if (y->dim[i] != x->dim[wanted[i]])
			return false;
	return is_op(n, "Reshape") && (x->dim[3] == 1 || x->dim[1] * x->dim[2] == 1);
}

static AxcId only_reader(const AxcGraph *g, const AxcUses *uses, AxcId v)
{
	bool alone = uses->first[v + 1] - uses->first[v] == 1 && !axc_is_graph_output(g, v);
	return alone ? uses->node[uses->first[v]] : 0;
}

AxcId axc_leading_layout(const AxcGraph *g, const AxcUses *uses, AxcId input)
{
	AxcId i = only_reader(g, uses, input);
	if (i && is_op(&g->nodes.at[i], "QuantizeLinear"))
		i = only_reader(g, uses, g->nodes.at[i].out[0]);
	return i && to_channels_first(g, &g->nodes.at[i]) && !axc_is_graph_output(g, g->nodes.at[i].out[0]) ? i : 0;
}

/* Computes element by element on the first input, keeping its shape: the second, if any, is constant. */
static bool keeps_layout(const AxcGraph *g, const AxcNode *n)
{
	static const char *const ops[] = {"QuantizeLinear", "Mul", "Div", "Add", "Sub", "Clip", "Relu", "Identity", "Cast"};
	bool known = false;
	for (size_t k = 0; k < AXC_COUNT(ops) && !n->domain[0]; k++)
		known = known || is_op(n, ops[k]);
	for (uint32_t k = 0, variable = 0; k < n->n_in && known; k++)
		known = !n->in[k] || axc_is_const(g, n->in[k]) || variable++ == 0;
	return known && n->n_out == 1 && g->values.at[n->out[0]].shape.rank == 4;
}

bool axc_is_channels_last(const AxcGraph *g, const AxcUses *uses, AxcId input)
{
	for (AxcId v = input, i = only_reader(g, uses, v); i; i = only_reader(g, uses, v)) {
		if (to_channels_first(g, &g->nodes.at[i]))
			return true;
		if (!keeps_layout(g, &g->nodes.at[i]))
			return false;
		v = g->nodes.at[i].out[0];
	}
	return false;
}

static const AxcPart *parts(const AxcGraph *g, const bool *in_int8, AxcSplit split, AxcArena *arena)
{
	AxcPart *part = AXC_NEW_ARRAY(arena, AxcPart, g->nodes.n);
	AxcUses uses = axc_graph_uses(g, arena);
	bool any = false;
	for (AxcId v = 1; v < g->values.n; v++)
		any = any || (in_int8[v] && !g->values.at[v].dead);
	if (split.whole && any)
		all_core(g, &uses, part);
	else
		between_int8(g, in_int8, arena, part);
	for (uint32_t i = 0; i < g->inputs.n && split.bare_layout; i++) {
		AxcId layout = axc_leading_layout(g, &uses, g->inputs.at[i]);
		if (layout)
			part[layout] = AXC_PART_PRE;
	}
	return part;
}

const AxcPart *axc_parts(const AxcGraph *g, AxcSplit split, AxcArena *arena)
{
	return parts(g, quantized_values(g, arena), split, arena);
}

/* ---- parts as graphs ---- */

/* Values that enter or leave the part: producer outside / reader outside. */
static void boundary(AxcGraph *c, const AxcGraph *g, const AxcPart *part, AxcPart keep, bool *is_in,
                     bool *is_out)
{
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++) {
			AxcId v = n->in[k], p = g->values.at[v].producer;
			if (!v || g->values.at[v].data)
				continue;
			bool made_inside = p && part[p] == keep;
			if (part[i] == keep && !made_inside)
				is_in[v] = true;
			if (part[i] != keep && made_inside)
				is_out[v] = true;
		}
	}
	for (uint32_t i = 0; i < g->outputs.n; i++) {
		AxcId v = g->outputs.at[i], p = g->values.at[v].producer;
		if (p && part[p] == keep)
			is_out[v] = true;
	}
	c->inputs.n = c->outputs.n = 0;
	for (uint32_t i = 0; i < g->inputs.n; i++)
		if (is_in[g->inputs.at[i]])
			AXC_PUSH(c->arena, &c->inputs, g->inputs.at[i]);
	for (AxcId i = 1; i < g->nodes.n; i++)
		for (uint32_t k = 0; k < g->nodes.at[i].n_out && !g->nodes.at[i].dead; k++) {
			AxcId v = g->nodes.at[i].out[k];
			if (v && is_in[v])
				AXC_PUSH(c->arena, &c->inputs, v);
		}
	/* outputs of the model first, in its order, then the others in node order */
	bool *done = AXC_NEW_ARRAY(c->arena, bool, g->values.n);
	for (uint32_t i = 0; i < g->outputs.n; i++) {
		AxcId v = g->outputs.at[i];
		if (is_out[v] && !done[v])
			AXC_PUSH(c->arena, &c->outputs, v);
		done[v] = true;
	}
	for (AxcId i = 1; i < g->nodes.n; i++)
		for (uint32_t k = 0; k < g->nodes.at[i].n_out && !g->nodes.at[i].dead; k++) {
			AxcId v = g->nodes.at[i].out[k];
			if (v && is_out[v] && !done[v])
				AXC_PUSH(c->arena, &c->outputs, v);
		}
}

static AxcGraph *part_graph(const AxcGraph *g, const AxcPart *part, AxcArena *arena, AxcPart keep)
{
	AxcGraph *c = axc_graph_copy(g, arena);
	bool *is_in = AXC_NEW_ARRAY(arena, bool, g->values.n);
	bool *is_out = AXC_NEW_ARRAY(arena, bool, g->values.n);
	boundary(c, g, part, keep, is_in, is_out);
	for (AxcId i = 1; i < c->nodes.n; i++)
		if (!c->nodes.at[i].dead && part[i] != keep)
			axc_node_kill(c, i);
	for (AxcId v = 1; v < c->values.n; v++)
		c->values.at[v].is_input = is_in[v];
	return c;
}

typedef struct Place {
	uint32_t place, at;
	AxcId value;
} Place;

static int by_place(const void *a, const void *b)
{
	const Place *x = a, *y = b;
	return x->place != y->place ? (x->place < y->place ? -1 : 1) : (x->at > y->at) - (x->at < y->at);
}

/* Each value's place among the model's inputs or outputs; n: it is none. */
static const uint32_t *places(const AxcGraph *g, const AxcId *list, uint32_t n, AxcArena *arena)
{
	uint32_t *place = AXC_NEW_ARRAY(arena, uint32_t, g->values.n);
	for (AxcId v = 0; v < g->values.n; v++)
		place[v] = n;
	for (uint32_t i = n; i-- > 0;)
		place[list[i]] = i;
	return place;
}

/* Of the model's input that v is quantized from. */
static uint32_t input_place(const AxcGraph *g, const uint32_t *place, AxcId v)
{
	for (int steps = 0; steps < 2 && g->values.at[v].producer; steps++) { /* QuantizeLinear, a layout transform */
		const AxcNode *n = &g->nodes.at[g->values.at[v].producer];
		if (!n->n_in || (!is_op(n, "QuantizeLinear") && !to_channels_first(g, n)))
			break;
		v = n->in[0];
	}
	return place[v];
}

/* Of the model's output that v is dequantized to. */
static uint32_t output_place(const AxcGraph *g, const AxcUses *uses, const uint32_t *place, AxcId v)
{
	uint32_t at = place[v];
	for (uint32_t u = uses->first[v]; u < uses->first[v + 1]; u++) {
		const AxcNode *n = &g->nodes.at[uses->node[u]];
		if (is_op(n, "DequantizeLinear"))
			at = AXC_MIN(at, place[n->out[0]]);
	}
	return at;
}

/* Inputs and outputs that are the model's own, but for quantizing, stand in the model's order, the others behind them. */
static void order_as_model(const AxcGraph *g, AxcGraph *core, AxcArena *arena)
{
	AxcUses uses = axc_graph_uses(g, arena);
	const uint32_t *in = places(g, g->inputs.at, g->inputs.n, arena), *out = places(g, g->outputs.at, g->outputs.n, arena);
	Place *p = AXC_NEW_ARRAY(arena, Place, AXC_MAX(core->inputs.n, core->outputs.n) + 1);
	for (uint32_t i = 0; i < core->inputs.n; i++)
		p[i] = (Place){input_place(g, in, core->inputs.at[i]), i, core->inputs.at[i]};
	qsort(p, core->inputs.n, sizeof *p, by_place);
	for (uint32_t i = 0; i < core->inputs.n; i++)
		core->inputs.at[i] = p[i].value;
	for (uint32_t i = 0; i < core->outputs.n; i++)
		p[i] = (Place){output_place(g, &uses, out, core->outputs.at[i]), i, core->outputs.at[i]};
	qsort(p, core->outputs.n, sizeof *p, by_place);
	for (uint32_t i = 0; i < core->outputs.n; i++)
		core->outputs.at[i] = p[i].value;
}

AxcGraph *axc_core_graph(const AxcGraph *g, AxcSplit split, AxcArena *arena)
{
	AxcGraph *c = part_graph(g, axc_parts(g, split, arena), arena, AXC_PART_CORE);
	AxcUses uses = axc_graph_uses(c, arena);
	order_as_model(g, c, arena);
	for (uint32_t i = 0; i < c->outputs.n; i++) {
		AxcId id = c->outputs.at[i];
		AxcValue *v = axc_value(c, id);
		if (v->dtype == AXC_F32 && v->q.n && uses.first[id] == uses.first[id + 1])
			v->dtype = AXC_I8;
	}
	axc_graph_dce(c);
	return c;
}

AxcGraph *axc_float_core_graph(const AxcGraph *clean, const bool *in_int8, AxcSplit split, AxcArena *arena)
{
	AxcGraph *c = part_graph(clean, parts(clean, in_int8, split, arena), arena, AXC_PART_CORE);
	if (!c->outputs.n)
		c = axc_graph_copy(clean, arena);
	axc_graph_dce(c);
	axc_graph_compact(c);
	return c;
}

const char *axc_outer_name(const AxcGraph *g, const AxcUses *uses, const AxcPart *part, AxcId v)
{
	const AxcValue *value = &g->values.at[v];
	AxcId from = value->producer ? g->nodes.at[value->producer].in[0] : 0;
	if (!from || !is_op(&g->nodes.at[value->producer], "DequantizeLinear") || axc_is_graph_output(g, v))
		return value->name;
	for (uint32_t u = uses->first[from]; u < uses->first[from + 1]; u++)
		if (part[uses->node[u]] == AXC_PART_POST && uses->node[u] != value->producer)
			return value->name; /* the integers are read there too */
	return g->values.at[from].name;
}

/* The graph's input `from` begins behind the node instead, under its own name. */
static void begin_behind(AxcGraph *c, AxcId node, AxcId from)
{
	AxcId to = axc_node(c, node)->out[0];
	bool direct = axc_node(c, node)->in[0] == from;
	axc_node_kill(c, node);
	for (uint32_t k = 0; k < c->outputs.n; k++)
		if (c->outputs.at[k] == to)
			c->outputs.at[k] = from;
	if (!direct) /* it was quantized first: nothing of the part reads it */
		return;
	for (uint32_t k = 0; k < c->inputs.n; k++)
		if (c->inputs.at[k] == from)
			c->inputs.at[k] = to;
	AxcValue *x = axc_value(c, from), *y = axc_value(c, to);
	const char *name = x->name;
	x->name = y->name;
	y->name = name;
	x->is_input = false;
	y->is_input = true;
}

AxcGraph *axc_outer_graph(const AxcGraph *g, AxcSplit split, AxcArena *arena, AxcPart keep)
{
	const AxcPart *part = axc_parts(g, split, arena);
	AxcGraph *c = part_graph(g, part, arena, keep);
	AxcUses uses = axc_graph_uses(g, arena);
	bool any = false;
	/* quantizing and dequantizing is the caller's part of the boundary: the graph is float on both sides */
	for (AxcId i = 1; i < c->nodes.n; i++) {
		AxcNode *n = axc_node(c, i);
		if (n->dead)
			continue;
		bool q = is_op(n, "QuantizeLinear"), dq = is_op(n, "DequantizeLinear");
		if (!q && !dq)
			continue;
		AxcId from = n->in[0], to = n->out[0];
		axc_node_kill(c, i);
		if (q) {
			for (uint32_t k = 0; k < c->outputs.n; k++)
				if (c->outputs.at[k] == to)
					c->outputs.at[k] = from;
		} else {
			axc_value(c, to)->is_input = true;
			axc_value(c, to)->name = axc_outer_name(g, &uses, part, to);
			for (uint32_t k = 0; k < c->inputs.n; k++)
				if (c->inputs.at[k] == from)
					c->inputs.at[k] = to;
		}
	}
	for (uint32_t i = 0; i < g->inputs.n && split.bare_layout && keep == AXC_PART_PRE; i++) {
		AxcId layout = axc_leading_layout(g, &uses, g->inputs.at[i]);
		if (layout && !axc_node(c, layout)->dead)
			begin_behind(c, layout, g->inputs.at[i]);
	}
	for (AxcId i = 1; i < c->nodes.n; i++)
		any = any || !c->nodes.at[i].dead;
	if (!any)
		return NULL;
	for (uint32_t i = 0; i < c->inputs.n; i++)
		axc_value(c, c->inputs.at[i])->q = (AxcQuant){.axis = -1};
	axc_graph_dce(c);
	axc_graph_compact(c);
	return c;
}
