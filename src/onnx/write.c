/* The wire format and the pieces of a model; see write.h. */
#include "onnx/write.h"

/* ---- the wire format ---- */

static void put_varint(AxcText *t, uint64_t v)
{
	char bytes[10];
	size_t n = 0;
	do {
		bytes[n++] = (char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		v >>= 7;
	} while (v);
	axc_text_add(t, bytes, n);
}

static void put_tag(AxcText *t, int field, unsigned wire)
{
	put_varint(t, (uint64_t)field << 3 | wire);
}

void axc_pb_int(AxcText *t, int field, int64_t value)
{
	put_tag(t, field, 0);
	put_varint(t, (uint64_t)value);
}

void axc_pb_float(AxcText *t, int field, float value)
{
	put_tag(t, field, 5);
	axc_text_add(t, (const char *)&value, 4);
}

void axc_pb_bytes(AxcText *t, int field, const void *data, size_t bytes)
{
	put_tag(t, field, 2);
	put_varint(t, bytes);
	axc_text_add(t, data, bytes);
}

void axc_pb_str(AxcText *t, int field, const char *s)
{
	axc_pb_bytes(t, field, s, strlen(s));
}

size_t axc_pb_begin(AxcText *t, int field)
{
	put_tag(t, field, 2);
	axc_text_add(t, "", 1);
	return t->n;
}

/* One byte was kept for the length; longer ones push the message along. */
void axc_pb_end(AxcText *t, size_t mark)
{
	AxcText length = {.arena = t->arena};
	size_t n = t->n - mark;
	put_varint(&length, n);
	if (length.n > 1) {
		axc_text_add(t, "\0\0\0\0\0\0\0\0", length.n - 1);
		memmove(t->at + mark - 1 + length.n, t->at + mark, n);
	}
	memcpy(t->at + mark - 1, length.at, length.n);
}

/* ---- pieces ---- */

static void put_tensor(AxcText *t, int field, const char *name, int elem_type, int rank,
		       const int64_t *dims, const void *data, size_t bytes)
{
	size_t mark = axc_pb_begin(t, field);
	for (int i = 0; i < rank; i++)
		axc_pb_int(t, 1, dims[i]);
	axc_pb_int(t, 2, elem_type);
	if (name)
		axc_pb_str(t, 8, name);
	axc_pb_bytes(t, 9, data, bytes);
	axc_pb_end(t, mark);
}

void axc_onnx_put_const(OnnxWriter *w, const char *name, int elem_type, int rank,
			const int64_t *dims, const void *data, size_t bytes)
{
	put_tensor(&w->constants, 5, name, elem_type, rank, dims, data, bytes);
}

static void put_attr_list(AxcText *t, const AxcAttr *a)
{
	for (uint32_t i = 0; i < a->n; i++) {
		if (a->kind == AXC_ATTR_INTS)
			axc_pb_int(t, 8, a->ints[i]);
		else if (a->kind == AXC_ATTR_FLOATS)
			axc_pb_float(t, 7, a->floats[i]);
		else
			axc_pb_str(t, 9, a->strings[i]);
	}
}

static void put_attr(OnnxWriter *w, const AxcAttr *a)
{
	static const int types[] = {
		[AXC_ATTR_INT] = ATTR_INT,       [AXC_ATTR_FLOAT] = ATTR_FLOAT,
		[AXC_ATTR_STRING] = ATTR_STRING, [AXC_ATTR_INTS] = ATTR_INTS,
		[AXC_ATTR_FLOATS] = ATTR_FLOATS, [AXC_ATTR_STRINGS] = ATTR_STRINGS,
		[AXC_ATTR_TENSOR] = ATTR_TENSOR,
	};
	AxcText *t = &w->nodes;
	size_t mark = axc_pb_begin(t, 5);
	axc_pb_str(t, 1, a->name);
	switch (a->kind) {
	case AXC_ATTR_INT:
		axc_pb_int(t, 3, a->i);
		break;
	case AXC_ATTR_FLOAT:
		axc_pb_float(t, 2, a->f);
		break;
	case AXC_ATTR_STRING:
		axc_pb_str(t, 4, a->s);
		break;
	case AXC_ATTR_INTS:
	case AXC_ATTR_FLOATS:
	case AXC_ATTR_STRINGS:
		put_attr_list(t, a);
		break;
	case AXC_ATTR_TENSOR: {
		const AxcValue *v = &w->g->values.at[a->tensor];
		put_tensor(t, 5, NULL, axc_onnx_elem_type(v->dtype), v->shape.rank, v->shape.dim,
			   v->data, v->data_bytes);
		break;
	}
	}
	axc_pb_int(t, 20, types[a->kind]);
	axc_pb_end(t, mark);
}

void axc_onnx_put_node(OnnxWriter *w, const char *op_type, const char *name, uint32_t n_in,
		       const char *const *in, uint32_t n_out, const char *const *out,
		       const AxcNode *attrs_of, int axis)
{
	AxcText *t = &w->nodes;
	size_t mark = axc_pb_begin(t, 1);
	for (uint32_t i = 0; i < n_in; i++)
		axc_pb_str(t, 1, in[i] ? in[i] : "");
	for (uint32_t i = 0; i < n_out; i++)
		axc_pb_str(t, 2, out[i] ? out[i] : "");
	axc_pb_str(t, 3, name);
	axc_pb_str(t, 4, op_type);
	for (uint32_t i = 0; attrs_of && i < attrs_of->n_attrs; i++)
		put_attr(w, &attrs_of->attrs[i]);
	if (axis >= 0)
		put_attr(w, &(AxcAttr){.name = "axis", .kind = AXC_ATTR_INT, .i = axis});
	axc_pb_end(t, mark);
}

/* ---- graph nodes ---- */

static bool is_old_reduce(const char *op)
{
	return strncmp(op, "Reduce", 6) == 0 && strcmp(op, "ReduceSum") != 0;
}

static void drop_attr(AxcNode *n, const char *name)
{
	for (uint32_t i = 0; i < n->n_attrs; i++) {
		if (strcmp(n->attrs[i].name, name) != 0)
			continue;
		memmove(&n->attrs[i], &n->attrs[i + 1], (n->n_attrs - i - 1) * sizeof *n->attrs);
		n->n_attrs--;
		return;
	}
}

bool axc_onnx_drops_input(const OnnxWriter *w, const AxcNode *n, uint32_t k)
{
	return w->opset < 18 && k == 1 && is_old_reduce(n->op_type);
}

/* Opset 17 has the axes of Reduce operators as an attribute and no num_outputs. */
static bool to_opset_17(OnnxWriter *w, AxcNode *n)
{
	AxcAttr *attrs = AXC_NEW_ARRAY(w->arena, AxcAttr, n->n_attrs + 1);
	if (n->n_attrs)
		memcpy(attrs, n->attrs, n->n_attrs * sizeof *attrs);
	n->attrs = attrs;
	drop_attr(n, "num_outputs");
	if (!is_old_reduce(n->op_type) || n->n_in < 2 || !n->in[1]) {
		if (is_old_reduce(n->op_type))
			drop_attr(n, "noop_with_empty_axes");
		return true;
	}
	const int64_t *axes;
	int64_t count;
	if (!axc_const_ints(w->g, n->in[1], w->arena, &axes, &count)) {
		axc_fail(w->d,
			 "node '%s' (%s): axes that are computed cannot be written at opset %d",
			 axc_safe_name(w->d->arena, n->name), n->op_type, w->opset);
		return axc_diag_node(w->d, n->name, n->op_type);
	}
	n->n_in = 1;
	drop_attr(n, "noop_with_empty_axes");
	attrs[n->n_attrs++] = (AxcAttr){
		.name = "axes", .kind = AXC_ATTR_INTS, .n = (uint32_t)count, .ints = axes};
	return true;
}

bool axc_onnx_put_graph_node(OnnxWriter *w, const AxcNode *n, const char *const *in,
			     const char *const *out)
{
	AxcNode copy = *n;
	if (n->domain && *n->domain) {
		axc_fail(w->d,
			 "node '%s': the operator '%s' of domain '%s' cannot be written as ONNX",
			 axc_safe_name(w->d->arena, n->name), n->op_type, n->domain);
		return axc_diag_node(w->d, n->name, n->op_type);
	}
	if (w->opset < 18 && !to_opset_17(w, &copy))
		return false;
	if (strcmp(n->op_type, "MatMul") == 0 && n->n_in == 3 && n->in[2]) { /* of ours: with a bias */
		const char *product = axc_onnx_fresh(w, axc_format(w->arena, "%s_product", n->name));
		const char *sum[2] = {product, in[2]};
		axc_onnx_put_node(w, "MatMul", n->name, 2, in, 1, &product, NULL, -1);
		axc_onnx_put_node(w, "Add", axc_onnx_fresh(w, axc_format(w->arena, "%s_bias", n->name)), 2, sum, 1,
				  out, NULL, -1);
		return true;
	}
	axc_onnx_put_node(w, copy.op_type, copy.name, copy.n_in, in, copy.n_out, out, &copy, -1);
	return true;
}

/* ---- the model ---- */

/* The value gets another name in a copy of the graph, and its own stays for the graph input or output. */
static void rename_narrow(OnnxWriter *w, AxcId id)
{
	if (!w->g->values.at[id].onnx_narrow || (w->outside && w->outside[id]))
		return;
	if (!w->outside) {
		AxcGraph *copy = axc_memdup(w->arena, w->g, sizeof *w->g);
		copy->values.at = axc_memdup(w->arena, w->g->values.at, w->g->values.n * sizeof *w->g->values.at);
		w->outside = AXC_NEW_ARRAY(w->arena, const char *, copy->values.n);
		w->g = copy;
	}
	AxcValue *v = &((AxcGraph *)(uintptr_t)w->g)->values.at[id];
	w->outside[id] = v->name;
	v->name = axc_onnx_fresh(w, axc_format(w->arena, "%s_wide", v->name));
}

static void put_boundary_cast(OnnxWriter *w, AxcId id, bool input)
{
	const AxcValue *v = &w->g->values.at[id];
	if (!w->outside || !w->outside[id] || v->is_input != input)
		return;
	const char *in = input ? w->outside[id] : v->name, *out = input ? v->name : w->outside[id];
	AxcAttr to = {.name = "to", .kind = AXC_ATTR_INT, .i = input ? axc_onnx_elem_type(v->dtype) : v->onnx_narrow};
	AxcNode attrs = {.n_attrs = 1, .attrs = &to};
	axc_onnx_put_node(w, "Cast", axc_onnx_fresh(w, axc_format(w->arena, "%s_Cast", w->outside[id])), 1, &in, 1,
			  &out, &attrs, -1);
}

OnnxWriter *axc_onnx_writer(AxcDiag *d, const AxcGraph *g, int opset)
{
	OnnxWriter *w = AXC_NEW(d->arena, OnnxWriter);
	*w = (OnnxWriter){.arena = axc_arena_child(d->arena), .d = d, .g = g, .opset = opset};
	w->nodes.arena = w->constants.arena = w->arena;
	w->read = AXC_NEW_ARRAY(d->arena, bool, g->values.n);
	size_t bytes = 1 << 16;
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++)
			w->read[n->in[k]] |= !axc_onnx_drops_input(w, n, k);
		if (!n->dead)
			axc_map_put(&w->names, w->arena, n->name, 1);
	}
	for (uint32_t i = 0; i < g->outputs.n; i++)
		w->read[g->outputs.at[i]] = true;
	for (AxcId i = 1; i < g->values.n; i++) {
		const AxcValue *v = &g->values.at[i];
		if (!v->dead)
			axc_map_put(&w->names, w->arena, v->name, 1);
		bytes += w->read[i] ? v->data_bytes + 256 : 0;
	}
	/* the weights in one go, rather than by doubling */
	w->constants.at = axc_alloc(w->arena, bytes);
	w->constants.cap = bytes;
	for (uint32_t i = 0; i < g->inputs.n; i++)
		rename_narrow(w, g->inputs.at[i]);
	for (uint32_t i = 0; i < g->outputs.n; i++)
		rename_narrow(w, g->outputs.at[i]);
	for (uint32_t i = 0; i < g->inputs.n; i++)
		put_boundary_cast(w, g->inputs.at[i], true);
	return w;
}

const char *axc_onnx_fresh(OnnxWriter *w, const char *base)
{
	const char *name = base;
	for (int k = 2; axc_map_get(&w->names, name); k++)
		name = axc_format(w->arena, "%s_%d", base, k);
	axc_map_put(&w->names, w->arena, name, 1);
	return name;
}

static void put_shape(AxcText *t, const AxcValue *v)
{
	size_t mark = axc_pb_begin(t, 2);
	for (int i = 0; i < v->shape.rank; i++) {
		size_t dim = axc_pb_begin(t, 1);
		if (v->shape.dim[i] >= 0)
			axc_pb_int(t, 1, v->shape.dim[i]);
		else if (v->dim_names && v->dim_names[i])
			axc_pb_str(t, 2, v->dim_names[i]);
		axc_pb_end(t, dim);
	}
	axc_pb_end(t, mark);
}

static void put_value_info(const OnnxWriter *w, AxcText *t, int field, AxcId id)
{
	const AxcValue *v = &w->g->values.at[id];
	const char *outside = w->outside ? w->outside[id] : NULL;
	AxcDType dtype = v->dtype == AXC_I8 && v->q.n ? AXC_F32
			 : v->dtype                   ? v->dtype
						      : v->onnx_dtype_tag;
	size_t mark = axc_pb_begin(t, field);
	axc_pb_str(t, 1, outside ? outside : v->name);
	if (dtype != AXC_DT_NONE) {
		size_t type = axc_pb_begin(t, 2), tensor = axc_pb_begin(t, 1);
		axc_pb_int(t, 1, outside ? v->onnx_narrow : axc_onnx_elem_type(dtype));
		if (v->shape.rank >= 0)
			put_shape(t, v);
		axc_pb_end(t, tensor);
		axc_pb_end(t, type);
	}
	axc_pb_end(t, mark);
}

static int ir_version(int opset)
{
	return opset <= 18 ? 8 : opset <= 20 ? 9 : 10;
}

bool axc_onnx_finish(OnnxWriter *w, const char *path)
{
	const AxcGraph *g = w->g;
	AxcText head = {.arena = w->arena}, name = head, tail = head;
	for (uint32_t i = 0; i < g->outputs.n; i++)
		put_boundary_cast(w, g->outputs.at[i], false);
	axc_pb_str(&name, 2, *g->name ? g->name : g->model_name);
	for (uint32_t i = 0; i < g->inputs.n; i++)
		put_value_info(w, &tail, 11, g->inputs.at[i]);
	for (uint32_t i = 0; i < g->outputs.n; i++)
		put_value_info(w, &tail, 12, g->outputs.at[i]);
	size_t graph_bytes = w->nodes.n + name.n + w->constants.n + tail.n;
	if (graph_bytes + 65536 >= AXC_ONNX_MAX_FILE_BYTES)
		return axc_fail(w->d,
				"the model would have %zu bytes; an ONNX file holds less than 2^31",
				graph_bytes);
	axc_pb_int(&head, 1, ir_version(w->opset));
	axc_pb_str(&head, 2, "axcompile");
	put_tag(&head, 7, 2);
	put_varint(&head, graph_bytes);
	size_t opset = axc_pb_begin(&tail, 8);
	axc_pb_str(&tail, 1, "");
	axc_pb_int(&tail, 2, w->opset);
	axc_pb_end(&tail, opset);
	const AxcPiece pieces[] = {{head.at, head.n},
				   {w->nodes.at, w->nodes.n},
				   {name.at, name.n},
				   {w->constants.at, w->constants.n},
				   {tail.at, tail.n}};
	bool ok = axc_write_pieces(w->d, path, pieces, AXC_COUNT(pieces));
	axc_arena_child_free(w->arena);
	return ok;
}
