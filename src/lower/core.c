/* Where the core of the network is: between the first and the last int8 tensor on each path. Gives
 * every node its part, and the parts as graphs of their own (verification runs the core, the SDK's
 * readers get the rest as ONNX). */
#include "lower/program.h"

static bool quantized(const AxcValue *v)
{
	return !v->data && (v->dtype == AXC_I8 || (v->dtype == AXC_F32 && v->q.n));
}

/* after[v]: v is int8 or comes from an int8 value; before[v]: v is int8 or leads to one. */
static void mark(const AxcGraph *g, bool *after, bool *before)
{
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		bool any = false;
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++)
			any = any || after[n->in[k]];
		for (uint32_t k = 0; k < n->n_out && !n->dead; k++)
			after[n->out[k]] = n->out[k] && (any || quantized(&g->values.at[n->out[k]]));
	}
	for (AxcId i = g->nodes.n - 1; i >= 1; i--) {
		const AxcNode *n = &g->nodes.at[i];
		bool any = false;
		for (uint32_t k = 0; k < n->n_out && !n->dead; k++) {
			AxcId v = n->out[k];
			before[v] = v && (before[v] || quantized(&g->values.at[v]));
			any = any || before[v];
		}
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++) {
			const AxcValue *v = &g->values.at[n->in[k]];
			before[n->in[k]] = n->in[k] && (before[n->in[k]] || any || quantized(v));
		}
	}
}

static bool is_op(const AxcNode *n, const char *op)
{
	return strcmp(n->op_type, op) == 0;
}

const AxcPart *axc_parts(const AxcGraph *g, AxcArena *arena)
{
	AxcPart *part = AXC_NEW_ARRAY(arena, AxcPart, g->nodes.n);
	bool *after = AXC_NEW_ARRAY(arena, bool, g->values.n);
	bool *before = AXC_NEW_ARRAY(arena, bool, g->values.n);
	for (uint32_t i = 0; i < g->inputs.n; i++)
		after[g->inputs.at[i]] = quantized(&g->values.at[g->inputs.at[i]]);
	mark(g, after, before);
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
	return part;
}

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

static AxcGraph *part_graph(const AxcGraph *g, AxcArena *arena, AxcPart keep)
{
	const AxcPart *part = axc_parts(g, arena);
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

AxcGraph *axc_core_graph(const AxcGraph *g, AxcArena *arena)
{
	AxcGraph *c = part_graph(g, arena, AXC_PART_CORE);
	for (uint32_t i = 0; i < c->outputs.n; i++) {
		AxcValue *v = axc_value(c, c->outputs.at[i]);
		if (v->dtype == AXC_F32 && v->q.n)
			v->dtype = AXC_I8;
	}
	axc_graph_dce(c);
	return c;
}

AxcGraph *axc_outer_graph(const AxcGraph *g, AxcArena *arena, AxcPart keep)
{
	AxcGraph *c = part_graph(g, arena, keep);
	bool any = false;
	/* quantizing and dequantizing is the caller's part of the boundary: the graph is float on both sides */
	for (AxcId i = 1; i < c->nodes.n; i++) {
		AxcNode *n = axc_node(c, i);
		if (n->dead)
			continue;
		bool q = is_op(n, "QuantizeLinear"), dq = is_op(n, "DequantizeLinear");
		any = any || !(q || dq);
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
			for (uint32_t k = 0; k < c->inputs.n; k++)
				if (c->inputs.at[k] == from)
					c->inputs.at[k] = to;
		}
	}
	if (!any)
		return NULL;
	for (uint32_t i = 0; i < c->inputs.n; i++)
		axc_value(c, c->inputs.at[i])->q = (AxcQuant){.axis = -1};
	axc_graph_dce(c);
	axc_graph_compact(c);
	return c;
}
