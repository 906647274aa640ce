/* The bookkeeping of a rewriting sweep: aliases, use counts, places of inserted nodes. */
#include "passes/rewrite.h"

static void reserve(AxcRewrite *r)
{
	uint32_t need = r->g->values.n;
	if (need <= r->cap)
		return;
	uint32_t cap = AXC_MAX(need + 16, r->cap + r->cap / 2);
	AxcId *alias = AXC_NEW_ARRAY(r->g->arena, AxcId, cap);
	uint32_t *uses = AXC_NEW_ARRAY(r->g->arena, uint32_t, cap);
	bool *is_output = AXC_NEW_ARRAY(r->g->arena, bool, cap);
	if (r->cap) {
		memcpy(alias, r->alias, r->cap * sizeof *alias);
		memcpy(uses, r->uses, r->cap * sizeof *uses);
		memcpy(is_output, r->is_output, r->cap * sizeof *is_output);
	}
	r->alias = alias;
	r->uses = uses;
	r->is_output = is_output;
	r->cap = cap;
}

void axc_rewrite_begin(AxcRewrite *r, AxcGraph *g, AxcDiag *d)
{
	*r = (AxcRewrite){.g = g, .d = d, .n_old = g->nodes.n};
	reserve(r);
	for (AxcId i = 1; i < g->nodes.n; i++)
		for (uint32_t k = 0; k < g->nodes.at[i].n_in && !g->nodes.at[i].dead; k++)
			r->uses[g->nodes.at[i].in[k]]++;
	for (uint32_t i = 0; i < g->outputs.n; i++)
		r->is_output[g->outputs.at[i]] = true;
}

AxcId axc_rewrite_value(AxcRewrite *r, AxcId value)
{
	reserve(r);
	AxcId root = value;
	while (r->alias[root])
		root = r->alias[root];
	while (r->alias[value]) {
		AxcId next = r->alias[value];
		r->alias[value] = root;
		value = next;
	}
	return root;
}

static void resolve_inputs(AxcRewrite *r, AxcNode *n)
{
	for (uint32_t k = 0; k < n->n_in; k++)
		if (n->in[k])
			n->in[k] = axc_rewrite_value(r, n->in[k]);
}

AxcNode *axc_rewrite_visit(AxcRewrite *r, AxcId node)
{
	AxcNode *n = axc_node(r->g, node);
	if (n->dead)
		return NULL;
	resolve_inputs(r, n);
	return n;
}

AxcNode *axc_rewrite_producer(AxcRewrite *r, AxcId value)
{
	AxcId p = axc_value(r->g, axc_rewrite_value(r, value))->producer;
	return p ? axc_rewrite_visit(r, p) : NULL;
}

bool axc_rewrite_single(AxcRewrite *r, AxcId value)
{
	value = axc_rewrite_value(r, value);
	return r->uses[value] == 1 && !r->is_output[value];
}

static void drop_inputs(AxcRewrite *r, AxcNode *n)
{
	for (uint32_t k = 0; k < n->n_in; k++)
		if (n->in[k])
			r->uses[axc_rewrite_value(r, n->in[k])]--;
}

/* All that reads `from` shall read `to`; the uses move along. */
static void set_alias(AxcRewrite *r, AxcId from, AxcId to)
{
	r->alias[from] = to;
	r->uses[to] += r->uses[from];
	r->uses[from] = 0;
}

bool axc_rewrite_bypass(AxcRewrite *r, AxcId node, AxcId value)
{
	AxcGraph *g = r->g;
	AxcNode *n = axc_rewrite_visit(r, node);
	value = axc_rewrite_value(r, value);
	AxcId out = n->out[0], p = axc_value(g, value)->producer;
	if (r->is_output[out] && (r->is_output[value] || !p)) {
		if (axc_is_op(n, "Identity"))
			return false;
		axc_rewrite_op(r, node, "Identity");
		axc_rewrite_inputs(r, node, 1, &value);
		return true;
	}
	drop_inputs(r, n);
	axc_node_kill(g, node);
	if (!r->is_output[out]) {
		set_alias(r, out, value);
		return true;
	}
	/* the graph output keeps its name: the producer of `value` writes it */
	int index = axc_value(g, value)->producer_index;
	axc_node(g, p)->out[index] = out;
	axc_value(g, out)->producer = p;
	axc_value(g, out)->producer_index = index;
	axc_value(g, value)->producer = 0;
	set_alias(r, value, out);
	return true;
}

void axc_rewrite_op(AxcRewrite *r, AxcId node, const char *op_type)
{
	AxcNode *n = axc_node(r->g, node);
	n->op_type = axc_strdup(r->g->arena, op_type);
	n->domain = "";
	n->op = axc_op_find("", op_type);
	n->n_attrs = 0;
}

void axc_rewrite_inputs(AxcRewrite *r, AxcId node, uint32_t n_in, const AxcId *in)
{
	AxcNode *n = axc_node(r->g, node);
	AxcId *copy = axc_memdup(r->g->arena, in, n_in * sizeof *in);
	drop_inputs(r, n);
	n->in = copy;
	n->n_in = n_in;
	for (uint32_t k = 0; k < n_in; k++) {
		if (!copy[k])
			continue;
		copy[k] = axc_rewrite_value(r, copy[k]);
		r->uses[copy[k]]++;
	}
}

AxcId axc_rewrite_insert(AxcRewrite *r, AxcId before, const char *op_type, const char *name, uint32_t n_in,
                         const AxcId *in, const char *out_name, AxcDType dtype, const AxcShape *shape)
{
	AxcGraph *g = r->g;
	AxcId out = axc_value_add(g, out_name ? out_name : axc_format(g->arena, "%s_out", name), dtype, shape);
	reserve(r);
	axc_node_add(g, op_type, name, n_in, in, 1, &out);
	for (uint32_t k = 0; k < n_in; k++)
		if (in[k])
			r->uses[axc_rewrite_value(r, in[k])]++;
	if (r->n_new == r->cap_new)
		r->anchor = axc_grow(g->arena, r->anchor, r->n_new, &r->cap_new, sizeof *r->anchor);
	r->anchor[r->n_new++] = before;
	return out;
}

void axc_rewrite_origin(AxcRewrite *r, AxcId node, const AxcNode *other)
{
	enum { MAX_ORIGINS = 16 }; /* a chain of thousands of folded nodes is not told in full */
	AxcNode *n = axc_node(r->g, node);
	const char *const *from = other->n_origins ? other->origins : &other->name;
	uint32_t n_from = AXC_MAX(other->n_origins, 1u), n_own = AXC_MAX(n->n_origins, 1u);
	if (n_own >= MAX_ORIGINS)
		return;
	n_from = AXC_MIN(n_from, MAX_ORIGINS - n_own);
	const char **all = AXC_NEW_ARRAY(r->g->arena, const char *, n_own + n_from);
	memcpy(all, n->n_origins ? n->origins : &n->name, n_own * sizeof *all);
	memcpy(all + n_own, from, n_from * sizeof *all);
	n->origins = all;
	n->n_origins = n_own + n_from;
}

/* Old nodes in their order, each after the new nodes anchored to it. */
static void place_new_nodes(AxcRewrite *r)
{
	AxcGraph *g = r->g;
	uint32_t *first = AXC_NEW_ARRAY(g->arena, uint32_t, r->n_old + 1);
	uint32_t *next = AXC_NEW_ARRAY(g->arena, uint32_t, r->n_new + 1);
	for (uint32_t i = r->n_new; i-- > 0;) {
		next[i] = first[r->anchor[i]];
		first[r->anchor[i]] = i + 1;
	}
	AxcNode *nodes = AXC_NEW_ARRAY(g->arena, AxcNode, g->nodes.n);
	AxcId at = 1;
	for (AxcId i = 1; i <= r->n_old; i++) {
		for (uint32_t k = first[i]; k; k = next[k - 1])
			nodes[at++] = g->nodes.at[r->n_old + k - 1];
		if (i < r->n_old)
			nodes[at++] = g->nodes.at[i];
	}
	memcpy(g->nodes.at, nodes, g->nodes.n * sizeof *nodes);
	for (AxcId i = 1; i < g->nodes.n; i++) {
		AxcNode *n = axc_node(g, i);
		for (uint32_t k = 0; k < n->n_out && !n->dead; k++)
			if (n->out[k])
				axc_value(g, n->out[k])->producer = i;
	}
}

void axc_rewrite_end(AxcRewrite *r)
{
	AxcGraph *g = r->g;
	for (AxcId i = 1; i < g->nodes.n; i++)
		if (!g->nodes.at[i].dead)
			resolve_inputs(r, &g->nodes.at[i]);
	for (uint32_t i = 0; i < g->outputs.n; i++)
		g->outputs.at[i] = axc_rewrite_value(r, g->outputs.at[i]);
	if (r->n_new)
		place_new_nodes(r);
	axc_graph_dce(g);
}

const float *axc_const_floats(const AxcGraph *g, AxcId value)
{
	return axc_is_const(g, value) && g->values.at[value].dtype == AXC_F32 ? g->values.at[value].data : NULL;
}

bool axc_const_scalar(const AxcGraph *g, AxcId value, double *ret)
{
	const AxcValue *v = &g->values.at[value];
	if (!axc_is_const(g, value) || axc_shape_count(&v->shape) != 1)
		return false;
	float f;
	int64_t i64;
	int32_t i32;
	if (v->dtype == AXC_F32) {
		memcpy(&f, v->data, sizeof f);
		*ret = f;
	} else if (v->dtype == AXC_I64) {
		memcpy(&i64, v->data, sizeof i64);
		*ret = (double)i64;
	} else if (v->dtype == AXC_I32) {
		memcpy(&i32, v->data, sizeof i32);
		*ret = i32;
	} else {
		return false;
	}
	return true;
}

AxcId axc_new_const(AxcGraph *g, const char *base, const char *what, const AxcShape *shape, const float *data)
{
	return axc_const_add(g, axc_format(g->arena, "%s.%s", base, what), AXC_F32, shape, data);
}
