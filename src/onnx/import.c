/* Messages to Graph: names, constants, inputs, nodes, outputs, and the check that the opset is known.
 * What the messages own (names, lists) is borrowed: they live as long as the arena.
 *
 * All mistakes of a file are told at once. A constant, an input or a node that is wrong leaves a tensor
 * without a type, of which shape inference then says nothing. */
#include "onnx/internal.h"
#include "ops/op.h"

typedef struct Import {
	OnnxFile f;
	AxcArena *arena;
	AxcDiag *d;
	const AxcImportOptions *opt;
	const Onnx__ModelProto *model;
	const Onnx__GraphProto *graph;
	AxcGraph *g;
	const char **node_names; /* one per node of the file */
	AxcMap values;           /* tensor name -> AxcId */
	int64_t opset;
	uint32_t wrong; /* mistakes told */
} Import;

static const char *text(const char *s)
{
	return s ? s : "";
}

static const char *safe(Import *im, const char *name)
{
	return axc_safe_name(im->d->arena, name);
}

/* What is wrong is told and the rest looked at for more: one run tells all. False when there is too much. */
static bool told(Import *im)
{
	return ++im->wrong < AXC_ONNX_MAX_TOLD;
}

/* ---- names ---- */

static const char *free_name(Import *im, AxcMap *taken, AxcMap *next, const char *base)
{
	uint32_t k = AXC_MAX(axc_map_get(next, base), 2);
	const char *name = base;
	if (axc_map_get(taken, base)) {
		do
			name = axc_format(im->arena, "%s_%u", base, k++);
		while (axc_map_get(taken, name));
		axc_map_put(next, im->arena, base, k);
	}
	axc_map_put(taken, im->arena, name, 1);
	return name;
}

/* Names in the file keep their owner (the first one); "OP_K" and "_2" make room around them. */
static void name_nodes(Import *im)
{
	AxcMap taken = {0}, next = {0};
	size_t n = im->graph->n_node;
	im->node_names = AXC_NEW_ARRAY(im->arena, const char *, n);
	for (size_t i = 0; i < n; i++) {
		const char *name = text(im->graph->node[i]->name);
		if (!*name || axc_map_get(&taken, name))
			continue;
		axc_map_put(&taken, im->arena, name, 1);
		im->node_names[i] = name;
	}
	for (size_t i = 0; i < n; i++) {
		const Onnx__NodeProto *node = im->graph->node[i];
		if (im->node_names[i])
			continue;
		const char *base = text(node->name);
		if (!*base)
			base = axc_format(im->arena, "%s_%zu", text(node->op_type), i);
		im->node_names[i] = free_name(im, &taken, &next, base);
	}
}

/* ---- operators, domains, opsets ---- */

static bool find_opset(Import *im)
{
	bool found = false;
	im->opset = 1; /* of models from before operator sets */
	for (size_t i = 0; i < im->model->n_opset_import; i++) {
		const Onnx__OperatorSetIdProto *o = im->model->opset_import[i];
		if (*axc_onnx_domain(o->domain))
			continue;
		if (found && o->version != im->opset)
			return axc_fail(im->d,
					"the model imports two opsets of ai.onnx: %lld and %lld",
					(long long)im->opset, (long long)o->version);
		found = true;
		im->opset = o->version;
	}
	if (im->opset >= AXC_ONNX_MIN_OPSET && im->opset <= AXC_ONNX_MAX_OPSET)
		return true;
	axc_fail(im->d, found ? "the model uses opset %lld of ai.onnx; %d to %d are supported"
			      : "the model imports no opset of ai.onnx, which means %lld; %d to %d are supported",
		 (long long)im->opset, AXC_ONNX_MIN_OPSET, AXC_ONNX_MAX_OPSET);
	return axc_diag_hint(
		im->d,
		"export it again, or convert it with onnx.version_converter, to one of these");
}

/* ---- constants, inputs, outputs ---- */

static bool new_value(Import *im, const char *name, AxcId *ret)
{
	if (axc_map_get(&im->values, name))
		return axc_fail(im->d, "the tensor name '%s' is defined twice", safe(im, name));
	*ret = axc_value_add(im->g, name, AXC_DT_NONE, NULL);
	axc_map_put(&im->values, im->arena, name, *ret);
	return true;
}

static void make_constant(Import *im, AxcId id, const OnnxConst *c)
{
	AxcValue *v = axc_value(im->g, id);
	v->dtype = c->dtype;
	v->shape = c->shape;
	v->data = c->data;
	v->data_bytes = (size_t)axc_shape_count(&c->shape) * axc_dtype_bytes(c->dtype);
}

static bool import_initializers(Import *im)
{
	if (im->graph->n_sparse_initializer)
		return axc_fail(im->d,
				"the model has sparse initializers, which are not supported");
	for (size_t i = 0; i < im->graph->n_initializer; i++) {
		const Onnx__TensorProto *t = im->graph->initializer[i];
		OnnxConst c = {0};
		AxcId id;
		if (!*text(t->name))
			return axc_fail(im->d, "initializer %zu has no name", i);
		if (new_value(im, t->name, &id) && axc_onnx_tensor(&im->f, t, t->name, &c))
			make_constant(im, id, &c);
		else if (!told(im))
			return false;
	}
	return true;
}

static void input_shape(Import *im, AxcValue *v, const Onnx__TensorShapeProto *s)
{
	const char **names = AXC_NEW_ARRAY(im->arena, const char *, s->n_dim + 1);
	v->shape.rank = (int)s->n_dim;
	v->dim_names = names;
	for (size_t i = 0; i < s->n_dim; i++) {
		const Onnx__TensorShapeProto__Dimension *dim = s->dim[i];
		bool sized =
			dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
		bool named =
			dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
		/* 0 and -1 are how some exporters write "any" */
		v->shape.dim[i] = sized && dim->dim_value > 0 ? dim->dim_value : AXC_DIM_UNKNOWN;
		/* "?" is no name: each one is unknown on its own */
		if (named && *text(dim->dim_param) && strcmp(dim->dim_param, "?") != 0)
			names[i] = dim->dim_param;
	}
}

static bool import_input(Import *im, const Onnx__ValueInfoProto *info)
{
	const Onnx__TypeProto__Tensor *t = info->type ? info->type->tensor_type : NULL;
	AxcId id;
	if (!*text(info->name))
		return axc_fail(im->d, "an input of the graph has no name");
	AxcId known = axc_map_get(&im->values, info->name);
	if (known && axc_is_const(im->g, known))
		return true; /* an initializer listed as input, IR version 3 */
	static const char without[] = "compile the part of the model behind what reads it (onnx.utils.extract_model)";
	if (!t) {
		axc_fail(im->d, "input '%s' is not a tensor", safe(im, info->name));
		return axc_diag_hint(im->d, "%s", without);
	}
	AxcDType dtype = axc_onnx_dtype(t->elem_type);
	if (dtype == AXC_DT_NONE) {
		axc_fail(im->d, "input '%s' is of type %s (%d), which is not supported", safe(im, info->name),
			 axc_onnx_type_name(t->elem_type), t->elem_type);
		return axc_diag_hint(im->d, "%s", without);
	}
	if (t->shape && t->shape->n_dim > AXC_MAX_RANK)
		return axc_fail(im->d, "input '%s' has %zu dimensions; at most %d are supported",
				safe(im, info->name), t->shape->n_dim, AXC_MAX_RANK);
	if (!new_value(im, info->name, &id))
		return false;
	AxcValue *v = axc_value(im->g, id);
	v->is_input = true;
	v->dtype = v->onnx_dtype_tag = dtype;
	if (t->shape)
		input_shape(im, v, t->shape);
	AXC_PUSH(im->arena, &im->g->inputs, id);
	if (axc_onnx_elem_type(dtype) != t->elem_type) {
		v->onnx_narrow = t->elem_type;
		const char *note = axc_format(
			im->arena, "input '%s' is %s in the model and %s in the compiled one",
			safe(im, info->name), axc_onnx_type_name(t->elem_type),
			axc_dtype_name(dtype));
		AXC_PUSH(im->arena, &im->f.info->notes, note);
		axc_log(im->d, AXC_INFO, "%s", note);
	}
	return true;
}

static bool import_inputs(Import *im)
{
	if (im->graph->n_input > AXC_ONNX_MAX_INPUTS + im->graph->n_initializer)
		return axc_fail(im->d, "the model has more than the %d inputs that are accepted",
				AXC_ONNX_MAX_INPUTS);
	const char *shapes = im->opt ? im->opt->input_shape : NULL;
	uint32_t wrong = im->wrong;
	for (size_t i = 0; i < im->graph->n_input; i++) {
		const char *name = text(im->graph->input[i]->name);
		AxcId id;
		if (import_input(im, im->graph->input[i]))
			continue;
		if (!told(im) || (*name && !axc_map_get(&im->values, name) && !new_value(im, name, &id)))
			return false;
	}
	if (im->wrong > wrong && shapes)
		return true; /* they may be meant for an input that was left out */
	return axc_onnx_bind_shapes(im->g, im->d, im->f.info, shapes) || told(im);
}

/* What the model says of an output's shape, for inference to compare with what comes out. */
static void declare_shape(AxcValue *v, const Onnx__TensorShapeProto *s)
{
	if (v->data || v->is_input || !s || s->n_dim > AXC_MAX_RANK)
		return;
	v->shape.rank = (int)s->n_dim;
	for (size_t i = 0; i < s->n_dim; i++)
		v->shape.dim[i] = s->dim[i]->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
						  s->dim[i]->dim_value > 0
					  ? s->dim[i]->dim_value
					  : AXC_DIM_UNKNOWN;
}

static bool import_outputs(Import *im)
{
	if (!im->graph->n_output)
		return axc_fail(im->d, "the model has no outputs");
	for (size_t i = 0; i < im->graph->n_output; i++) {
		const Onnx__ValueInfoProto *info = im->graph->output[i];
		AxcId id = axc_map_get(&im->values, text(info->name));
		if (!id) {
			axc_fail(im->d, "nothing computes the graph's output '%s'", safe(im, text(info->name)));
			if (!told(im))
				return false;
			continue;
		}
		if (info->type && info->type->tensor_type) {
			int elem = info->type->tensor_type->elem_type;
			AxcDType dtype = axc_onnx_dtype(elem);
			axc_value(im->g, id)->onnx_dtype_tag = dtype;
			if (dtype != AXC_DT_NONE && axc_onnx_elem_type(dtype) != elem)
				axc_value(im->g, id)->onnx_narrow = elem;
			declare_shape(axc_value(im->g, id), info->type->tensor_type->shape);
		}
		AXC_PUSH(im->arena, &im->g->outputs, id);
	}
	return true;
}

/* ---- attributes ---- */

static int attribute_type(const Onnx__AttributeProto *a)
{
	if (a->type != ATTR_UNDEFINED)
		return a->type;
	/* written before the type was: the field in use says it */
	return a->has_f       ? ATTR_FLOAT
	       : a->has_i     ? ATTR_INT
	       : a->has_s     ? ATTR_STRING
	       : a->t         ? ATTR_TENSOR
	       : a->g         ? ATTR_GRAPH
	       : a->n_floats  ? ATTR_FLOATS
	       : a->n_strings ? ATTR_STRINGS
	       : a->n_tensors ? ATTR_TENSORS
	       : a->n_graphs  ? ATTR_GRAPHS
			      : ATTR_INTS;
}

static const char *bytes_text(Import *im, ProtobufCBinaryData b)
{
	return axc_strndup(im->arena, (const char *)b.data, b.data ? b.len : 0);
}

/* Types that do not exist here become those that stand for them. */
static int64_t own_type(const char *name, int64_t value)
{
	bool is_type = strcmp(name, "to") == 0 || strcmp(name, "dtype") == 0 ||
		       strcmp(name, "output_dtype") == 0;
	AxcDType dtype = is_type ? axc_onnx_dtype(value) : AXC_DT_NONE;
	return dtype != AXC_DT_NONE ? axc_onnx_elem_type(dtype) : value;
}

static bool import_tensor_attribute(Import *im, const char *node, const Onnx__AttributeProto *a,
				    AxcAttr *ret)
{
	const char *name = axc_format(im->arena, "%s.%s", node, ret->name);
	OnnxConst c = {0};
	if (!a->t)
		return axc_fail(im->d, "the attribute '%s' has no tensor", safe(im, ret->name));
	if (!axc_onnx_tensor(&im->f, a->t, name, &c))
		return false;
	ret->kind = AXC_ATTR_TENSOR;
	ret->tensor = axc_value_add(im->g, NULL, c.dtype, &c.shape);
	make_constant(im, ret->tensor, &c);
	return true;
}

static bool import_attribute(Import *im, const char *node, const Onnx__AttributeProto *a,
			     AxcAttr *ret)
{
	const char **strings;
	*ret = (AxcAttr){.name = text(a->name)};
	if (!*ret->name)
		return axc_fail(im->d, "an attribute has no name");
	if (*text(a->ref_attr_name))
		return axc_fail(im->d, "the attribute '%s' refers to a function's, outside one",
				safe(im, ret->name));
	switch (attribute_type(a)) {
	case ATTR_FLOAT:
		ret->kind = AXC_ATTR_FLOAT;
		ret->f = a->f;
		return true;
	case ATTR_INT:
		ret->kind = AXC_ATTR_INT;
		ret->i = own_type(ret->name, a->i);
		return true;
	case ATTR_STRING:
		ret->kind = AXC_ATTR_STRING;
		ret->s = bytes_text(im, a->s);
		return true;
	case ATTR_TENSOR:
		return import_tensor_attribute(im, node, a, ret);
	case ATTR_FLOATS:
		ret->kind = AXC_ATTR_FLOATS;
		ret->n = (uint32_t)a->n_floats;
		ret->floats = a->floats;
		return true;
	case ATTR_INTS:
		ret->kind = AXC_ATTR_INTS;
		ret->n = (uint32_t)a->n_ints;
		ret->ints = a->ints;
		return true;
	case ATTR_STRINGS:
		ret->kind = AXC_ATTR_STRINGS;
		ret->n = (uint32_t)a->n_strings;
		ret->strings = strings = AXC_NEW_ARRAY(im->arena, const char *, a->n_strings);
		for (size_t i = 0; i < a->n_strings; i++)
			strings[i] = bytes_text(im, a->strings[i]);
		return true;
	case ATTR_GRAPH:
	case ATTR_GRAPHS:
		return axc_fail(im->d, "the attribute '%s' is a subgraph, which is not supported",
				safe(im, ret->name));
	default:
		return axc_fail(im->d, "the attribute '%s' is of a type (%d) that is not supported",
				safe(im, ret->name), a->type);
	}
}

/* ---- nodes ---- */

/* Constant: its output becomes a constant. */
static bool import_constant(Import *im, const Onnx__NodeProto *node, const char *name, AxcId out)
{
	if (node->n_attribute != 1)
		return axc_fail(im->d, "a Constant needs exactly one attribute, this one has %zu",
				node->n_attribute);
	const Onnx__AttributeProto *a = node->attribute[0];
	const char *kind = text(a->name);
	OnnxConst c = {0};
	if (strcmp(kind, "value") == 0 && a->t) {
		if (!axc_onnx_tensor(&im->f, a->t, name, &c))
			return false;
	} else if (strcmp(kind, "value_float") == 0) {
		c = (OnnxConst){AXC_F32, {.rank = 0}, axc_memdup(im->arena, &a->f, sizeof a->f)};
	} else if (strcmp(kind, "value_int") == 0) {
		c = (OnnxConst){AXC_I64, {.rank = 0}, axc_memdup(im->arena, &a->i, sizeof a->i)};
	} else if (strcmp(kind, "value_floats") == 0) {
		c = (OnnxConst){AXC_F32, {.rank = 1, .dim = {(int64_t)a->n_floats}}, NULL};
		c.data = axc_memdup(im->arena, a->floats, a->n_floats * sizeof *a->floats);
	} else if (strcmp(kind, "value_ints") == 0) {
		c = (OnnxConst){AXC_I64, {.rank = 1, .dim = {(int64_t)a->n_ints}}, NULL};
		c.data = axc_memdup(im->arena, a->ints, a->n_ints * sizeof *a->ints);
	} else {
		return axc_fail(im->d, "a Constant with '%s' is not supported", safe(im, kind));
	}
	make_constant(im, out, &c);
	return true;
}

static bool is_constant_node(const Onnx__NodeProto *node)
{
	return strcmp(text(node->op_type), "Constant") == 0 && !*axc_onnx_domain(node->domain);
}

static bool declare_outputs(Import *im, const Onnx__NodeProto *node, const char *name)
{
	AxcId id = 0;
	for (size_t k = 0; k < node->n_output; k++) {
		if (!*text(node->output[k]))
			continue;
		if (axc_map_get(&im->values, node->output[k]))
			return axc_fail(im->d, "the tensor '%s' is written a second time",
					safe(im, node->output[k]));
		if (!new_value(im, node->output[k], &id))
			return false;
	}
	if (!is_constant_node(node))
		return true;
	if (node->n_output != 1 || !id)
		return axc_fail(im->d, "a Constant needs one output");
	return import_constant(im, node, name, id);
}

static bool import_attributes(Import *im, const Onnx__NodeProto *node, AxcNode *n)
{
	n->attrs = AXC_NEW_ARRAY(im->arena, AxcAttr, node->n_attribute);
	for (size_t i = 0; i < node->n_attribute; i++) {
		AxcAttr a;
		if (!import_attribute(im, n->name, node->attribute[i], &a))
			return false;
		if (!*n->domain && node->attribute[i]->type != ATTR_UNDEFINED &&
		    !axc_onnx_attribute_type_fits(im->d, a.name, node->attribute[i]->type))
			return false;
		if (axc_attr(n, a.name))
			return axc_fail(im->d, "the attribute '%s' is given twice",
					safe(im, a.name));
		n->attrs[n->n_attrs++] = a;
	}
	return true;
}

static bool import_node(Import *im, const Onnx__NodeProto *node, const char *name)
{
	size_t n_in = node->n_input, n_out = node->n_output;
	bool missing = false;
	AxcId *in = AXC_NEW_ARRAY(im->arena, AxcId, n_in),
	      *out = AXC_NEW_ARRAY(im->arena, AxcId, n_out);
	while (n_in && !*text(node->input[n_in - 1]))
		n_in--;
	while (n_out && !*text(node->output[n_out - 1]))
		n_out--;
	if (!n_out)
		return true; /* computes nothing that could be used */
	for (size_t k = 0; k < n_in; k++) {
		const char *tensor = text(node->input[k]);
		in[k] = *tensor ? axc_map_get(&im->values, tensor) : 0;
		if (!*tensor || in[k])
			continue;
		axc_fail(im->d, "node '%s' reads the tensor '%s', which nothing computes", safe(im, name),
			 safe(im, tensor));
		axc_diag_node(im->d, name, text(node->op_type));
		if (!new_value(im, tensor, &in[k]))
			return false;
		missing = true; /* told once */
	}
	for (size_t k = 0; k < n_out; k++)
		out[k] = *text(node->output[k]) ? axc_map_get(&im->values, node->output[k]) : 0;
	AxcId id = axc_node_add(im->g, text(node->op_type), name, (uint32_t)n_in, in,
				(uint32_t)n_out, out);
	AxcNode *n = axc_node(im->g, id);
	n->domain = axc_onnx_domain(node->domain);
	n->op = axc_op_find(n->domain, n->op_type);
	if (!axc_onnx_known(node))
		return true; /* told */
	if (import_attributes(im, node, n) && axc_onnx_attributes_present(im->d, n, im->opset))
		return !missing;
	axc_node_kill(im->g, id);
	return false;
}

static bool import_nodes(Import *im)
{
	const Onnx__GraphProto *pg = im->graph;
	bool *wrong = AXC_NEW_ARRAY(im->arena, bool, pg->n_node);
	for (int declare = 1; declare >= 0; declare--)
		for (size_t i = 0; i < pg->n_node; i++) {
			const char *name = im->node_names[i];
			if (wrong[i] || (!declare && is_constant_node(pg->node[i])) ||
			    (declare ? declare_outputs(im, pg->node[i], name) : import_node(im, pg->node[i], name)))
				continue;
			wrong[i] = true;
			axc_diag_node(im->d, name, text(pg->node[i]->op_type));
			if (!told(im))
				return false;
		}
	return true;
}

/* ---- the whole ---- */

static bool open_model(Import *im, const char *path)
{
	AxcStatus stage = im->d->stage_status;
	im->f = (OnnxFile){.arena = im->arena, .d = im->d, .info = im->f.info, .path = path};
	im->f.dir = axc_path_dir(im->arena, path);
	im->d->stage_status = AXC_INITIALIZE_CLI_ERROR;
	bool ok = axc_map_file(im->arena, im->d, "model", path, AXC_ONNX_MAX_FILE_BYTES,
			       &im->f.data, &im->f.bytes);
	im->d->stage_status = stage;
	return ok;
}

static bool read_messages(Import *im)
{
	AxcText skeleton = {0};
	if (!axc_onnx_scan(im->arena, im->d, im->f.path, im->f.data, im->f.bytes, &skeleton) ||
	    !axc_onnx_unpack(im->arena, im->d, &skeleton, AXC_ONNX_UNPACK_BUDGET, &im->model))
		return false;
	im->graph = im->model->graph;
	AxcOnnxInfo *info = im->f.info;
	info->ir_version = im->model->ir_version;
	info->producer_name = text(im->model->producer_name);
	info->producer_version = text(im->model->producer_version);
	info->domain = text(im->model->domain);
	info->model_version = im->model->model_version;
	axc_log(im->d, AXC_DEBUG,
		"model: IR version %lld, made by '%s' %s, %zu nodes, %zu initializers",
		(long long)info->ir_version, safe(im, info->producer_name),
		safe(im, info->producer_version), im->graph->n_node, im->graph->n_initializer);
	return true;
}

static bool build_graph(Import *im)
{
	im->g = axc_graph_new(im->arena, text(im->graph->name));
	im->g->opset = im->opset;
	return import_initializers(im) && import_inputs(im) && import_nodes(im) &&
	       import_outputs(im) && axc_onnx_modernize(im->g, im->d, &im->wrong) &&
	       axc_graph_sort(im->g, im->d);
}

bool axc_onnx_import(AxcArena *arena, AxcDiag *d, const char *path, const AxcImportOptions *opt,
		     AxcOnnxInfo *info, AxcGraph **ret_graph)
{
	AxcStatus stage = d->stage_status;
	Import *im = AXC_NEW(arena, Import);
	*im = (Import){.arena = arena, .d = d, .opt = opt};
	im->f.info = info ? info : AXC_NEW(arena, AxcOnnxInfo);
	*im->f.info = (AxcOnnxInfo){.producer_name = "", .producer_version = "", .domain = ""};
	d->stage_status = AXC_ONNX_GRAPH_CLEANER_ERROR;
	bool ok = open_model(im, path) && read_messages(im) && find_opset(im);
	if (ok)
		name_nodes(im);
	bool quantized = false;
	bool known = ok && axc_onnx_check_operators(d, im->model, im->node_names, &quantized);
	bool built = ok && (known || !quantized) && build_graph(im);
	d->stage_status = stage;
	*ret_graph = built ? im->g : NULL;
	return known && built && !im->wrong;
}
