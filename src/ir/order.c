/* Orders and clean-up of whole graphs: topological sort, dead code, compaction. All iterative and
 * linear, so that a chain of 100,000 nodes is nothing special. */
#include "ir/ir.h"

#include <stdlib.h>

/* Readiness by counting unproduced inputs; ready nodes leave in their present order (a heap of ids). */
typedef struct Heap {
	AxcId *at;
	uint32_t n;
} Heap;

static void heap_put(Heap *h, AxcId id)
{
	uint32_t i = h->n++;
	while (i && h->at[(i - 1) / 2] > id) {
		h->at[i] = h->at[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	h->at[i] = id;
}

static AxcId heap_take(Heap *h)
{
	AxcId top = h->at[0], last = h->at[--h->n];
	uint32_t i = 0;
	for (;;) {
		uint32_t c = 2 * i + 1;
		if (c >= h->n)
			break;
		if (c + 1 < h->n && h->at[c + 1] < h->at[c])
			c++;
		if (h->at[c] >= last)
			break;
		h->at[i] = h->at[c];
		i = c;
	}
	h->at[i] = last;
	return top;
}

static void permute_nodes(AxcGraph *g, const AxcId *order, uint32_t n_order)
{
	AxcNode *nodes = AXC_NEW_ARRAY(g->arena, AxcNode, g->nodes.n);
	AxcId at = 1;
	for (uint32_t i = 0; i < n_order; i++)
		nodes[at++] = g->nodes.at[order[i]];
	for (AxcId i = 1; i < g->nodes.n; i++)
		if (g->nodes.at[i].dead)
			nodes[at++] = g->nodes.at[i];
	memcpy(g->nodes.at, nodes, g->nodes.n * sizeof *nodes);
	for (AxcId i = 1; i < g->nodes.n; i++) {
		AxcNode *n = axc_node(g, i);
		for (uint32_t k = 0; k < n->n_out && !n->dead; k++)
			if (n->out[k])
				axc_value(g, n->out[k])->producer = i;
	}
}

/* The node whose output this one still waits for. */
static AxcId waits_for(const AxcGraph *g, const uint32_t *waiting, AxcId node)
{
	const AxcNode *n = &g->nodes.at[node];
	for (uint32_t k = 0; k < n->n_in; k++) {
		AxcId from = n->in[k] ? g->values.at[n->in[k]].producer : 0;
		if (from && waiting[from])
			return from;
	}
	return 0;
}

/* From any waiting node back as far as there are nodes: then one is certainly on a cycle, which is told whole
 * as long as it is short. */
static bool tell_cycle(const AxcGraph *g, const uint32_t *waiting, AxcDiag *d)
{
	enum { MOST_SHOWN = 8 };
	AxcText way = {.arena = d->arena};
	AxcId on = 1, next;
	while (g->nodes.at[on].dead || !waiting[on])
		on++;
	for (uint32_t i = 0; i < g->nodes.n && (next = waits_for(g, waiting, on)) != 0; i++)
		on = next;
	AxcId at = on;
	for (int shown = 0; shown < MOST_SHOWN && (at != on || !shown); shown++) {
		axc_text_f(&way, "%s reads ", axc_safe_name(d->arena, g->nodes.at[at].name));
		at = waits_for(g, waiting, at);
	}
	axc_fail(d, "the graph has a cycle, a node needs its own output: %s%s", way.at,
	         at == on ? axc_safe_name(d->arena, g->nodes.at[on].name) : "further ones");
	return axc_diag_node(d, g->nodes.at[on].name, g->nodes.at[on].op_type);
}

bool axc_graph_sort(AxcGraph *g, AxcDiag *d)
{
	AxcUses uses = axc_graph_uses(g, g->arena);
	uint32_t *waiting = AXC_NEW_ARRAY(g->arena, uint32_t, g->nodes.n);
	AxcId *order = AXC_NEW_ARRAY(g->arena, AxcId, g->nodes.n);
	Heap ready = {AXC_NEW_ARRAY(g->arena, AxcId, g->nodes.n), 0};
	uint32_t live = 0, done = 0;
	for (AxcId i = 1; i < g->nodes.n; i++) {
		AxcNode *n = axc_node(g, i);
		if (n->dead)
			continue;
		live++;
		for (uint32_t k = 0; k < n->n_in; k++)
			waiting[i] += n->in[k] && axc_value(g, n->in[k])->producer != 0;
		if (!waiting[i])
			heap_put(&ready, i);
	}
	while (ready.n) {
		AxcId i = heap_take(&ready);
		order[done++] = i;
		AxcNode *n = axc_node(g, i);
		for (uint32_t k = 0; k < n->n_out; k++) {
			AxcId v = n->out[k];
			if (!v)
				continue;
			for (uint32_t u = uses.first[v]; u < uses.first[v + 1]; u++)
				if (--waiting[uses.node[u]] == 0)
					heap_put(&ready, uses.node[u]);
		}
	}
	if (done != live)
		return tell_cycle(g, waiting, d);
	permute_nodes(g, order, done);
	return true;
}

uint32_t axc_graph_dce(AxcGraph *g)
{
	bool *needed = AXC_NEW_ARRAY(g->arena, bool, g->nodes.n);
	bool *used = AXC_NEW_ARRAY(g->arena, bool, g->values.n);
	AxcId *stack = AXC_NEW_ARRAY(g->arena, AxcId, g->nodes.n + 1);
	uint32_t n_stack = 0, killed = 0;
	for (uint32_t i = 0; i < g->outputs.n; i++) {
		AxcId v = g->outputs.at[i], p = axc_value(g, v)->producer;
		used[v] = true;
		if (p && !needed[p]) {
			needed[p] = true;
			stack[n_stack++] = p;
		}
	}
	while (n_stack) {
		AxcNode *n = axc_node(g, stack[--n_stack]);
		for (uint32_t k = 0; k < n->n_in; k++) {
			used[n->in[k]] = true;
			AxcId p = axc_value(g, n->in[k])->producer;
			if (n->in[k] && p && !needed[p]) {
				needed[p] = true;
				stack[n_stack++] = p;
			}
		}
	}
	for (AxcId i = 1; i < g->nodes.n; i++) {
		if (!axc_node(g, i)->dead && !needed[i]) {
			axc_node_kill(g, i);
			killed++;
		}
		for (uint32_t k = 0; k < axc_node(g, i)->n_out && needed[i]; k++)
			used[axc_node(g, i)->out[k]] = true;
	}
	for (AxcId v = 1; v < g->values.n; v++)
		axc_value(g, v)->dead = !used[v] && !axc_value(g, v)->is_input;
	return killed;
}

void axc_graph_compact(AxcGraph *g)
{
	AxcId *value_map = AXC_NEW_ARRAY(g->arena, AxcId, g->values.n);
	AxcId *node_map = AXC_NEW_ARRAY(g->arena, AxcId, g->nodes.n);
	AxcId nv = 1, nn = 1;
	for (AxcId v = 1; v < g->values.n; v++)
		if (!axc_value(g, v)->dead)
			value_map[v] = nv++;
	for (AxcId i = 1; i < g->nodes.n; i++)
		if (!axc_node(g, i)->dead)
			node_map[i] = nn++;
	for (AxcId i = 1; i < g->nodes.n; i++) {
		if (!node_map[i])
			continue;
		AxcNode n = *axc_node(g, i);
		for (uint32_t k = 0; k < n.n_in; k++)
			n.in[k] = value_map[n.in[k]];
		for (uint32_t k = 0; k < n.n_out; k++)
			n.out[k] = value_map[n.out[k]];
		for (uint32_t k = 0; k < n.n_attrs; k++)
			n.attrs[k].tensor = value_map[n.attrs[k].tensor];
		*axc_node(g, node_map[i]) = n;
	}
	for (AxcId v = 1; v < g->values.n; v++) {
		if (!value_map[v])
			continue;
		AxcValue value = *axc_value(g, v);
		value.producer = node_map[value.producer];
		*axc_value(g, value_map[v]) = value;
	}
	for (uint32_t i = 0; i < g->inputs.n; i++)
		g->inputs.at[i] = value_map[g->inputs.at[i]];
	for (uint32_t i = 0; i < g->outputs.n; i++)
		g->outputs.at[i] = value_map[g->outputs.at[i]];
	g->values.n = nv;
	g->nodes.n = nn;
}
