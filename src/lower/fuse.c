/* Which nodes run inside another node's kernel. Two shapes are recognised behind a convolution or
 * dense product whose result nobody else reads:
 *   table      any element-wise int8 expression of that one tensor (Sigmoid; x * sigmoid(x); hard-swish
 *              as a chain) is a function of a byte, so a 256-entry table that composes the nodes' own
 *              integer meanings gives exactly their bits
 *   residual   an Add/Sub with another tensor of the same shape
 * Both keep every rounding of the unfused chain. Where no such operator stands in front, expressions with an activation
 * in them still become one table. Property simplify_mac_before_after_lut = false: tables hold activations only, the
 * multiplications and additions around them run as steps of their own.
 */
#include "lower/lower.h"

/* An element-wise int8 node whose only non-constant input is int8 and whose constants are scalars. */
static bool unary_in_effect(const AxcLowering *l, const AxcNode *n, AxcId *ret_in)
{
	if (!n->op || n->n_out != 1 || !axc_is_int8(l->g, n->out[0]) || !n->op->eval_i8)
		return false;
	if (n->op->lower != AXC_LK_TABLE && n->op->lower != AXC_LK_ADD && n->op->lower != AXC_LK_MUL)
		return false;
	AxcId in = 0;
	for (uint32_t k = 0; k < n->n_in; k++) {
		const AxcValue *v = &l->g->values.at[n->in[k]];
		if (!n->in[k])
			continue;
		if (v->data) {
			if (axc_shape_count(&v->shape) != 1 && n->op->lower != AXC_LK_TABLE)
				return false;
		} else if (in || v->dtype != AXC_I8 || v->q.n != 1) {
			return false;
		} else {
			in = n->in[k];
		}
	}
	*ret_in = in;
	return in && l->g->values.at[n->out[0]].q.n == 1;
}

/* Runs the node's integer meaning on all 256 bytes: x[i] for its variable inputs. Tables are kept in
 * the u8 domain: table[u] = q + 128. */
static bool run_on_bytes(const AxcLowering *l, const AxcNode *n, const AxcId *var, int n_var,
                         const uint8_t (*x)[256], uint8_t out[256])
{
	AxcTensor in[4], y;
	const AxcTensor *ins[4] = {NULL};
	int8_t bytes[2][256], result[256];
	AxcShape shape = {.rank = 1, .dim = {256}};
	if (n->n_in > 4)
		return false;
	for (uint32_t k = 0; k < n->n_in; k++) {
		const AxcValue *v = &l->g->values.at[n->in[k]];
		if (!n->in[k])
			continue;
		in[k] = (AxcTensor){.dtype = v->dtype, .shape = v->shape, .q = v->q};
		in[k].data = (void *)(uintptr_t)v->data;
		ins[k] = &in[k];
		for (int j = 0; j < n_var; j++) {
			if (n->in[k] != var[j])
				continue;
			for (int i = 0; i < 256; i++)
				bytes[j][i] = (int8_t)(x[j][i] - 128);
			in[k].shape = shape;
			in[k].data = bytes[j];
		}
	}
	y = (AxcTensor){.dtype = AXC_I8, .shape = shape, .q = l->g->values.at[n->out[0]].q, .data = result};
	AxcTensor *outs[1] = {&y};
	if (!n->op->eval_i8(l->g, n, ins, outs, l->d))
		return false;
	for (int i = 0; i < 256; i++)
		out[i] = (uint8_t)(result[i] + 128);
	return true;
}

bool axc_node_table(const AxcLowering *l, const AxcNode *n, uint8_t table[256])
{
	AxcId in;
	uint8_t identity[1][256];
	if (!unary_in_effect(l, n, &in))
		return false;
	for (int i = 0; i < 256; i++)
		identity[0][i] = (uint8_t)i;
	return run_on_bytes(l, n, &in, 1, identity, table);
}

/* The node may become part of a table with others. */
static bool joins_table(const AxcLowering *l, const AxcNode *n, AxcId *ret_in)
{
	return unary_in_effect(l, n, ret_in) && (l->config->lut_takes_mac || n->op->lower == AXC_LK_TABLE);
}

static AxcId only_output(const AxcNode *n)
{
	return n->n_out >= 1 ? n->out[0] : 0;
}

/* The node that alone reads v (once, and v is no graph output), or 0. */
static AxcId sole_reader(const AxcLowering *l, AxcId v)
{
	if (axc_n_readers(l, v) != 1 || axc_is_graph_output(l->g, v))
		return 0;
	return l->uses.node[l->uses.first[v]];
}

/* v is read by a chain of unary nodes and by the binary node that the chain ends in: v -> t1 -> … -> tk,
 * then binary(v, tk). Fills table (over v) and the nodes; returns the binary node or 0. */
static AxcId self_gated(AxcLowering *l, AxcId v, uint8_t table[256], AxcId *nodes, int *n_nodes)
{
	if (axc_n_readers(l, v) != 2 || axc_is_graph_output(l->g, v))
		return 0;
	const AxcId *r = &l->uses.node[l->uses.first[v]];
	for (int side = 0; side < 2; side++) {
		AxcId at = r[side], end = r[1 - side], in;
		uint8_t x[2][256], next[256];
		int n = 0;
		for (int i = 0; i < 256; i++)
			x[0][i] = x[1][i] = (uint8_t)i;
		while (at && at != end && n < 8 && !l->absorbed[at] &&
		       unary_in_effect(l, &l->g->nodes.at[at], &in)) {
			if (!run_on_bytes(l, &l->g->nodes.at[at], &in, 1, (const uint8_t(*)[256])x[1], next))
				return 0;
			memcpy(x[1], next, 256);
			nodes[n++] = at;
			at = sole_reader(l, only_output(&l->g->nodes.at[at]));
		}
		const AxcNode *b = &l->g->nodes.at[end];
		if (!n || at != end || b->n_in != 2 || !axc_is_int8(l->g, only_output(b)) || !b->op ||
		    l->absorbed[end] || (b->op->lower != AXC_LK_ADD && b->op->lower != AXC_LK_MUL))
			continue;
		AxcId var[2] = {v, only_output(&l->g->nodes.at[nodes[n - 1]])};
		if (l->g->values.at[b->out[0]].q.n != 1)
			continue;
		if (!run_on_bytes(l, b, var, 2, (const uint8_t(*)[256])x, table))
			return 0;
		*n_nodes = n;
		return end;
	}
	return 0;
}

/* Extends `table` (over the MAC's result) as far as the expression goes; returns its last value. */
static AxcId absorb_tables(AxcLowering *l, AxcId v, uint8_t *table, bool *ret_any, AxcId *ret_last)
{
	for (;;) {
		uint8_t next[256], composed[256];
		AxcId nodes[8], in;
		int n_nodes = 0;
		AxcId r = sole_reader(l, v), end = 0;
		if (r && !l->absorbed[r] && joins_table(l, &l->g->nodes.at[r], &in)) {
			if (!axc_node_table(l, &l->g->nodes.at[r], next))
				return v;
			end = r;
		} else if (!r && l->config->lut_takes_mac) {
			end = self_gated(l, v, next, nodes, &n_nodes);
		}
		if (!end)
			return v;
		for (int i = 0; i < 256; i++)
			composed[i] = next[table[i]];
		memcpy(table, composed, 256);
		for (int i = 0; i < n_nodes; i++)
			l->absorbed[nodes[i]] = true;
		l->absorbed[end] = true;
		*ret_any = true;
		*ret_last = end;
		v = only_output(&l->g->nodes.at[end]);
	}
}

static bool fusable_mac(const AxcLowering *l, const AxcNode *n)
{
	return n->op && (n->op->lower == AXC_LK_CONV || n->op->lower == AXC_LK_DENSE) &&
	       axc_is_int8(l->g, only_output(n)) && l->g->values.at[n->out[0]].q.n == 1;
}

static void absorb_add(AxcLowering *l, AxcFusion *f)
{
	AxcId r = sole_reader(l, f->out);
	if (!r || l->absorbed[r])
		return;
	const AxcNode *n = &l->g->nodes.at[r];
	if (n->op->lower != AXC_LK_ADD || n->n_in != 2 || !axc_is_int8(l->g, only_output(n)))
		return;
	AxcId other = n->in[0] == f->out ? n->in[1] : n->in[0];
	const AxcValue *o = &l->g->values.at[other], *y = &l->g->values.at[n->out[0]];
	if (o->dtype != AXC_I8 || o->q.n != 1 || y->q.n != 1 ||
	    !axc_shape_equal(&o->shape, &l->g->values.at[f->out].shape))
		return;
	f->add = r;
	f->residual = other;
	f->residual_is_a = n->in[0] == other;
	f->out = n->out[0];
	f->at = r;
	l->absorbed[r] = true;
}

/* An expression of one tensor that no convolution or product makes: its first node runs it all as one table. */
static void join_tables(AxcLowering *l, AxcId i)
{
	AxcFusion *f = &l->fusion[i];
	const AxcNode *n = &l->g->nodes.at[i];
	uint8_t table[256];
	AxcId nodes[8], in, last = i;
	int n_nodes = 0;
	bool any = false;
	if (!unary_in_effect(l, n, &in))
		return;
	AxcId end = n->n_in == 1 ? self_gated(l, in, table, nodes, &n_nodes) : 0;
	if (end && nodes[0] == i) {
		for (int k = 1; k < n_nodes; k++)
			l->absorbed[nodes[k]] = true;
		l->absorbed[end] = any = true;
		f->out = only_output(&l->g->nodes.at[end]);
	} else if (!axc_node_table(l, n, table)) {
		return;
	}
	f->out = absorb_tables(l, f->out, table, &any, &last);
	if (any)
		f->lut = axc_memdup(l->arena, table, sizeof table);
}

void axc_fuse(AxcLowering *l)
{
	/* from the end: of two convolutions that meet in an Add the later one takes it */
	for (AxcId i = l->g->nodes.n - 1; i >= 1; i--) {
		const AxcNode *n = &l->g->nodes.at[i];
		AxcFusion *f = &l->fusion[i];
		if (n->dead)
			continue;
		*f = (AxcFusion){.out = only_output(n), .at = i};
		if (!fusable_mac(l, n))
			continue;
		uint8_t table[256];
		bool any = false;
		for (int k = 0; k < 256; k++)
			table[k] = (uint8_t)k;
		f->out = absorb_tables(l, f->out, table, &any, &f->at);
		if (any)
			f->lut = axc_memdup(l->arena, table, sizeof table);
		absorb_add(l, f);
		if (f->at != i)
			l->deferred[f->at] = i;
	}
	for (AxcId i = 1; i < l->g->nodes.n && l->config->lut_takes_mac; i++)
		if (!l->g->nodes.at[i].dead && !l->absorbed[i] && !fusable_mac(l, &l->g->nodes.at[i]))
			join_tables(l, i);
}
