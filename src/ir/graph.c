/* Building and editing graphs; attributes with their defaults. */
#include "ops/op.h"

#include <stdlib.h>

static const struct {
	const char *name;
	size_t bytes;
} dtypes[AXC_DTYPE_COUNT] = {
	[AXC_DT_NONE] = {"none", 0}, [AXC_F32] = {"float32", 4}, [AXC_I8] = {"int8", 1},
	[AXC_U8] = {"uint8", 1},     [AXC_I16] = {"int16", 2},   [AXC_I32] = {"int32", 4},
	[AXC_I64] = {"int64", 8},    [AXC_BOOL] = {"bool", 1},
};

const char *axc_dtype_name(AxcDType dtype)
{
	return dtype < AXC_DTYPE_COUNT ? dtypes[dtype].name : "?";
}

AxcDType axc_dtype_parse(const char *name)
{
	for (int i = 1; i < AXC_DTYPE_COUNT; i++)
		if (strcmp(dtypes[i].name, name) == 0)
			return (AxcDType)i;
	return AXC_DT_NONE;
}

size_t axc_dtype_bytes(AxcDType dtype)
{
	return dtype < AXC_DTYPE_COUNT ? dtypes[dtype].bytes : 0;
}

bool axc_shape_static(const AxcShape *shape)
{
	for (int i = 0; i < shape->rank; i++)
		if (shape->dim[i] < 0)
			return false;
	return shape->rank >= 0;
}

bool axc_shape_equal(const AxcShape *a, const AxcShape *b)
{
	if (a->rank != b->rank)
		return false;
	for (int i = 0; i < a->rank; i++)
		if (a->dim[i] != b->dim[i])
			return false;
	return true;
}

int64_t axc_shape_count(const AxcShape *shape)
{
	int64_t n = 1;
	for (int i = 0; i < shape->rank; i++)
		if (shape->dim[i] == 0)
			return 0;
	for (int i = 0; i < shape->rank; i++)
		if (__builtin_mul_overflow(n, shape->dim[i], &n))
			return INT64_MAX;
	return n;
}

const char *axc_shape_text(AxcArena *arena, const AxcShape *shape)
{
	if (shape->rank < 0)
		return "?";
	if (shape->rank == 0)
		return "scalar";
	AxcText t = {.arena = arena};
	for (int i = 0; i < shape->rank; i++) {
		if (i)
			axc_text_str(&t, "x");
		if (shape->dim[i] < 0)
			axc_text_str(&t, "?");
		else
			axc_text_f(&t, "%lld", (long long)shape->dim[i]);
	}
	return t.at;
}

AxcShape axc_shape_of(int rank, const int64_t *dims)
{
	AxcShape s = {.rank = rank};
	for (int i = 0; i < rank && i < AXC_MAX_RANK; i++)
		s.dim[i] = dims[i];
	return s;
}

/* Name tables live beside the graph so that AxcGraph stays plain data for passes. */
typedef struct GraphBox {
	AxcGraph g;
	AxcMap value_names, node_names;
} GraphBox;

AxcGraph *axc_graph_new(AxcArena *arena, const char *name)
{
	GraphBox *box = AXC_NEW(arena, GraphBox);
	AxcGraph *g = &box->g;
	g->arena = arena;
	g->name = axc_strdup(arena, name ? name : "");
	g->model_name = "network";
	AXC_PUSH(arena, &g->values, (AxcValue){0});
	AXC_PUSH(arena, &g->nodes, (AxcNode){0});
	return g;
}

static const char *unique_name(AxcGraph *g, AxcMap *names, const char *name, uint32_t id)
{
	const char *base = name, *full = axc_strdup(g->arena, name);
	for (uint32_t k = 2; axc_map_get(names, full); k++) {
		/* the next free suffix is remembered under a key no name can have */
		const char *key = axc_format(g->arena, "%s\n#", base);
		uint32_t from = axc_map_get(names, key);
		k = AXC_MAX(k, from);
		full = axc_format(g->arena, "%s_%u", base, k);
		axc_map_put(names, g->arena, key, k + 1);
	}
	axc_map_put(names, g->arena, full, id);
	return full;
}

AxcId axc_value_add(AxcGraph *g, const char *name, AxcDType dtype, const AxcShape *shape)
{
	GraphBox *box = (GraphBox *)g;
	AxcId id = g->values.n;
	AxcValue v = {.dtype = dtype, .shape = {.rank = AXC_RANK_UNKNOWN}, .q = {.axis = -1}};
	if (shape)
		v.shape = *shape;
	if (!name || !*name)
		name = axc_format(g->arena, "t%u", id);
	v.name = unique_name(g, &box->value_names, name, id);
	AXC_PUSH(g->arena, &g->values, v);
	return id;
}

AxcId axc_const_add(AxcGraph *g, const char *name, AxcDType dtype, const AxcShape *shape, const void *data)
{
	AxcId id = axc_value_add(g, name, dtype, shape);
	AxcValue *v = axc_value(g, id);
	v->data = data;
	v->data_bytes = (size_t)axc_shape_count(shape) * axc_dtype_bytes(dtype);
	return id;
}

AxcId axc_const_i64(AxcGraph *g, const char *name, const int64_t *values, int n)
{
	AxcShape shape = {.rank = 1, .dim = {n}};
	return axc_const_add(g, name, AXC_I64, &shape,
	                     axc_memdup(g->arena, values, (size_t)n * sizeof *values));
}

AxcId axc_const_f32(AxcGraph *g, const char *name, float value)
{
	AxcShape shape = {.rank = 0};
	return axc_const_add(g, name, AXC_F32, &shape, axc_memdup(g->arena, &value, sizeof value));
}

AxcId axc_node_add(AxcGraph *g, const char *op_type, const char *name, uint32_t n_in, const AxcId *in,
                   uint32_t n_out, const AxcId *out)
{
	GraphBox *box = (GraphBox *)g;
	AxcId id = g->nodes.n;
	AxcNode n = {.op_type = axc_strdup(g->arena, op_type), .n_in = n_in, .n_out = n_out};
	n.domain = strncmp(op_type, "axc.", 4) == 0 ? "axc" : "";
	n.op = axc_op_find(n.domain, op_type);
	if (!name || !*name)
		name = axc_format(g->arena, "%s_%u", op_type, id);
	n.name = unique_name(g, &box->node_names, name, id);
	n.in = axc_memdup(g->arena, in, n_in * sizeof *in);
	n.out = axc_memdup(g->arena, out, n_out * sizeof *out);
	for (uint32_t i = 0; i < n_out; i++) {
		if (!out[i])
			continue;
		axc_value(g, out[i])->producer = id;
		axc_value(g, out[i])->producer_index = (int)i;
	}
	AXC_PUSH(g->arena, &g->nodes, n);
	return id;
}

AxcNode *axc_node(AxcGraph *g, AxcId id)
{
	return &g->nodes.at[id];
}

AxcValue *axc_value(AxcGraph *g, AxcId id)
{
	return &g->values.at[id];
}

AxcId axc_value_find(const AxcGraph *g, const char *name)
{
	for (AxcId i = 1; i < g->values.n; i++)
		if (!g->values.at[i].dead && strcmp(g->values.at[i].name, name) == 0)
			return i;
	return 0;
}

AxcId axc_node_find(const AxcGraph *g, const char *name)
{
	for (AxcId i = 1; i < g->nodes.n; i++)
		if (!g->nodes.at[i].dead && strcmp(g->nodes.at[i].name, name) == 0)
			return i;
	return 0;
}

static AxcAttr *attr_slot(AxcGraph *g, AxcId node, const char *name)
{
	AxcNode *n = axc_node(g, node);
	for (uint32_t i = 0; i < n->n_attrs; i++)
		if (strcmp(n->attrs[i].name, name) == 0)
			return &n->attrs[i];
	AxcAttr *attrs = AXC_NEW_ARRAY(g->arena, AxcAttr, n->n_attrs + 1);
	if (n->n_attrs)
		memcpy(attrs, n->attrs, n->n_attrs * sizeof *attrs);
	n->attrs = attrs;
	attrs[n->n_attrs].name = axc_strdup(g->arena, name);
	return &attrs[n->n_attrs++];
}

void axc_attr_set_int(AxcGraph *g, AxcId node, const char *name, int64_t value)
{
	AxcAttr *a = attr_slot(g, node, name);
	*a = (AxcAttr){.name = a->name, .kind = AXC_ATTR_INT, .i = value};
}

void axc_attr_set_float(AxcGraph *g, AxcId node, const char *name, float value)
{
	AxcAttr *a = attr_slot(g, node, name);
	*a = (AxcAttr){.name = a->name, .kind = AXC_ATTR_FLOAT, .f = value};
}

void axc_attr_set_string(AxcGraph *g, AxcId node, const char *name, const char *value)
{
	AxcAttr *a = attr_slot(g, node, name);
	*a = (AxcAttr){.name = a->name, .kind = AXC_ATTR_STRING, .s = axc_strdup(g->arena, value)};
}

void axc_attr_set_ints(AxcGraph *g, AxcId node, const char *name, const int64_t *values, uint32_t n)
{
	AxcAttr *a = attr_slot(g, node, name);
	*a = (AxcAttr){.name = a->name, .kind = AXC_ATTR_INTS, .n = n};
	a->ints = axc_memdup(g->arena, values, n * sizeof *values);
}

void axc_attr_set_floats(AxcGraph *g, AxcId node, const char *name, const float *values, uint32_t n)
{
	AxcAttr *a = attr_slot(g, node, name);
	*a = (AxcAttr){.name = a->name, .kind = AXC_ATTR_FLOATS, .n = n};
	a->floats = axc_memdup(g->arena, values, n * sizeof *values);
}

void axc_attr_remove(AxcGraph *g, AxcId node, const char *name)
{
	AxcNode *n = axc_node(g, node);
	for (uint32_t i = 0; i < n->n_attrs; i++) {
		if (strcmp(n->attrs[i].name, name) != 0)
			continue;
		memmove(&n->attrs[i], &n->attrs[i + 1], (n->n_attrs - i - 1) * sizeof *n->attrs);
		n->n_attrs--;
		return;
	}
}

void axc_value_replace(AxcGraph *g, AxcId from, AxcId to)
{
	for (AxcId i = 1; i < g->nodes.n; i++) {
		AxcNode *n = axc_node(g, i);
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++)
			if (n->in[k] == from)
				n->in[k] = to;
	}
	for (uint32_t i = 0; i < g->outputs.n; i++)
		if (g->outputs.at[i] == from)
			g->outputs.at[i] = to;
}

void axc_node_kill(AxcGraph *g, AxcId node)
{
	AxcNode *n = axc_node(g, node);
	n->dead = true;
	for (uint32_t i = 0; i < n->n_out; i++)
		if (n->out[i] && axc_value(g, n->out[i])->producer == node)
			axc_value(g, n->out[i])->producer = 0;
}

bool axc_is_graph_output(const AxcGraph *g, AxcId value)
{
	for (uint32_t i = 0; i < g->outputs.n; i++)
		if (g->outputs.at[i] == value)
			return true;
	return false;
}

AxcUses axc_graph_uses(const AxcGraph *g, AxcArena *arena)
{
	AxcUses u = {0};
	uint32_t *first = AXC_NEW_ARRAY(arena, uint32_t, g->values.n + 2);
	for (AxcId i = 1; i < g->nodes.n; i++)
		for (uint32_t k = 0; k < g->nodes.at[i].n_in && !g->nodes.at[i].dead; k++)
			first[g->nodes.at[i].in[k] + 2]++;
	for (uint32_t v = 2; v < g->values.n + 2; v++)
		first[v] += first[v - 1];
	u.node = AXC_NEW_ARRAY(arena, AxcId, first[g->values.n + 1] + 1);
	for (AxcId i = 1; i < g->nodes.n; i++)
		for (uint32_t k = 0; k < g->nodes.at[i].n_in && !g->nodes.at[i].dead; k++)
			u.node[first[g->nodes.at[i].in[k] + 1]++] = i;
	u.first = first;
	return u;
}

const AxcAttr *axc_attr(const AxcNode *node, const char *name)
{
	for (uint32_t i = 0; i < node->n_attrs; i++)
		if (strcmp(node->attrs[i].name, name) == 0)
			return &node->attrs[i];
	return NULL;
}

int64_t axc_attr_int(const AxcNode *node, const char *name, int64_t absent)
{
	const AxcAttr *a = axc_attr(node, name);
	return a && a->kind == AXC_ATTR_INT ? a->i : absent;
}

float axc_attr_float(const AxcNode *node, const char *name, float absent)
{
	const AxcAttr *a = axc_attr(node, name);
	return a && a->kind == AXC_ATTR_FLOAT ? a->f : absent;
}

const char *axc_attr_string(const AxcNode *node, const char *name, const char *absent)
{
	const AxcAttr *a = axc_attr(node, name);
	return a && a->kind == AXC_ATTR_STRING ? a->s : absent;
}

const int64_t *axc_attr_ints(const AxcNode *node, const char *name, uint32_t *ret_n)
{
	const AxcAttr *a = axc_attr(node, name);
	bool ok = a && a->kind == AXC_ATTR_INTS;
	*ret_n = ok ? a->n : 0;
	return ok ? a->ints : NULL;
}

const float *axc_attr_floats(const AxcNode *node, const char *name, uint32_t *ret_n)
{
	const AxcAttr *a = axc_attr(node, name);
	bool ok = a && a->kind == AXC_ATTR_FLOATS;
	*ret_n = ok ? a->n : 0;
	return ok ? a->floats : NULL;
}

bool axc_is_const(const AxcGraph *g, AxcId value)
{
	return value && g->values.at[value].data;
}

bool axc_const_ints(const AxcGraph *g, AxcId value, AxcArena *arena, const int64_t **ret, int64_t *ret_n)
{
	const AxcValue *v = &g->values.at[value];
	if (!axc_is_const(g, value) || (v->dtype != AXC_I64 && v->dtype != AXC_I32))
		return false;
	int64_t n = axc_shape_count(&v->shape);
	int64_t *out = AXC_NEW_ARRAY(arena, int64_t, (size_t)n);
	for (int64_t i = 0; i < n; i++) {
		int32_t narrow;
		if (v->dtype == AXC_I64) {
			memcpy(&out[i], (const char *)v->data + i * 8, 8);
		} else {
			memcpy(&narrow, (const char *)v->data + i * 4, 4);
			out[i] = narrow;
		}
	}
	*ret = out;
	*ret_n = n;
	return true;
}

AxcGraph *axc_graph_copy(const AxcGraph *g, AxcArena *arena)
{
	AxcGraph *c = axc_graph_new(arena, g->name);
	GraphBox *box = (GraphBox *)c;
	c->model_name = g->model_name;
	c->opset = g->opset;
	for (AxcId v = 1; v < g->values.n; v++) {
		AXC_PUSH(arena, &c->values, g->values.at[v]);
		axc_map_put(&box->value_names, arena, g->values.at[v].name, v);
	}
	for (AxcId i = 1; i < g->nodes.n; i++) {
		AxcNode n = g->nodes.at[i];
		n.in = axc_memdup(arena, n.in, n.n_in * sizeof *n.in);
		n.out = axc_memdup(arena, n.out, n.n_out * sizeof *n.out);
		n.attrs = axc_memdup(arena, n.attrs, n.n_attrs * sizeof *n.attrs);
		AXC_PUSH(arena, &c->nodes, n);
		axc_map_put(&box->node_names, arena, n.name, i);
	}
	for (uint32_t i = 0; i < g->inputs.n; i++)
		AXC_PUSH(arena, &c->inputs, g->inputs.at[i]);
	for (uint32_t i = 0; i < g->outputs.n; i++)
		AXC_PUSH(arena, &c->outputs, g->outputs.at[i]);
	return c;
}
