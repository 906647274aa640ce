/* Every form that an operator had in opsets 7 to 21, rewritten to its newest one, so that the rest
 * of the compiler knows a single form. What changed over the years is in one table at the end:
 * attributes became inputs, operators were renamed or merged, defaults moved.
 *
 * Beyond the specification's changes: Split always says num_outputs or has its sizes; empty
 * constant inputs of Resize are left out; Dropout is Identity; Softmax over "all from axis on"
 * (before opset 13) becomes Flatten, Softmax, Reshape; com.microsoft.FusedConv becomes Conv, Add
 * and the activation.
 */
#include "onnx/internal.h"
#include "ops/op.h"

typedef struct Modernize {
	AxcGraph *g;
	AxcDiag *d;
	AxcUses uses;   /* of the imported graph */
	AxcId n_values; /* at import */
} Modernize;

/* ---- helpers ---- */

static bool unable(Modernize *m, AxcId id, const char *format, ...) AXC_PRINTF(3, 4);

/* A known operator in a form that nothing here compiles. */
static bool unable(Modernize *m, AxcId id, const char *format, ...)
{
	const AxcNode *n = axc_node(m->g, id);
	va_list args;
	va_start(args, format);
	const char *text = axc_vformat(m->d->arena, format, args);
	va_end(args);
	axc_fail_as(m->d, AXC_LOWER_FRONTEND_ERROR, "node '%s' (%s): %s",
		    axc_safe_name(m->d->arena, n->name), n->op_type, text);
	return axc_diag_node(m->d, n->name, n->op_type);
}

static bool is_used(const Modernize *m, AxcId v)
{
	return v && v < m->n_values &&
	       (m->uses.first[v + 1] > m->uses.first[v] || axc_is_graph_output(m->g, v));
}

static AxcId input(const AxcNode *n, uint32_t i)
{
	return i < n->n_in ? n->in[i] : 0;
}

static void set_inputs(Modernize *m, AxcId id, uint32_t n_in, const AxcId *in)
{
	AxcNode *n = axc_node(m->g, id);
	while (n_in && !in[n_in - 1])
		n_in--;
	n->in = axc_memdup(m->g->arena, in, n_in * sizeof *in);
	n->n_in = n_in;
}

/* Puts `value` at input i, leaving out what lies between. */
static void set_input(Modernize *m, AxcId id, uint32_t i, AxcId value)
{
	const AxcNode *n = axc_node(m->g, id);
	uint32_t n_in = AXC_MAX(n->n_in, i + 1);
	AxcId *in = AXC_NEW_ARRAY(m->g->arena, AxcId, n_in);
	memcpy(in, n->in, n->n_in * sizeof *in);
	in[i] = value;
	set_inputs(m, id, n_in, in);
}

static void rename_op(Modernize *m, AxcId id, const char *op_type)
{
	AxcNode *n = axc_node(m->g, id);
	n->op_type = op_type;
	n->domain = "";
	n->op = axc_op_find("", op_type);
}

static const char *derived(Modernize *m, AxcId id, const char *suffix)
{
	return axc_format(m->g->arena, "%s_%s", axc_node(m->g, id)->name, suffix);
}

static AxcId const_ints(Modernize *m, AxcId id, const char *suffix, const int64_t *values,
			uint32_t n)
{
	return axc_const_i64(m->g, derived(m, id, suffix), values, (int)n);
}

static AxcId const_float(Modernize *m, AxcId id, const char *suffix, float value)
{
	return axc_const_f32(m->g, derived(m, id, suffix), value);
}

static AxcId const_floats(Modernize *m, AxcId id, const char *suffix, const float *values,
			  uint32_t n)
{
	AxcShape shape = {.rank = 1, .dim = {n}};
	return axc_const_add(m->g, derived(m, id, suffix), AXC_F32, &shape,
			     axc_memdup(m->g->arena, values, n * sizeof *values));
}

/* A node that stands for (part of) `of`. */
static AxcId add_node(Modernize *m, AxcId of, const char *op_type, uint32_t n_in, const AxcId *in,
		      AxcId out)
{
	const char *name = derived(m, of, op_type);
	AxcId id = axc_node_add(m->g, op_type, name, n_in, in, 1, &out);
	const char **origins = AXC_NEW_ARRAY(m->g->arena, const char *, 1);
	origins[0] = axc_node(m->g, of)->name;
	axc_node(m->g, id)->origins = origins;
	axc_node(m->g, id)->n_origins = 1;
	return id;
}

static AxcId new_value(Modernize *m, AxcId of, const char *suffix)
{
	return axc_value_add(m->g, derived(m, of, suffix), AXC_DT_NONE, NULL);
}

/* The list attribute `name` becomes input i. */
static void ints_to_input(Modernize *m, AxcId id, const char *name, uint32_t i)
{
	uint32_t n;
	const int64_t *values = axc_attr_ints(axc_node(m->g, id), name, &n);
	if (values || axc_attr(axc_node(m->g, id), name))
		set_input(m, id, i, const_ints(m, id, name, values, n));
	axc_attr_remove(m->g, id, name);
}

static bool empty_const(const Modernize *m, AxcId v)
{
	return axc_is_const(m->g, v) && axc_shape_count(&axc_value(m->g, v)->shape) == 0;
}

/* ---- attributes that became inputs ---- */

static bool clip(Modernize *m, AxcId id)
{
	static const char *const names[] = {"min", "max"};
	for (uint32_t i = 0; i < 2; i++) {
		if (axc_attr(axc_node(m->g, id), names[i]))
			set_input(m, id, i + 1,
				  const_float(m, id, names[i],
					      axc_attr_float(axc_node(m->g, id), names[i], 0)));
		axc_attr_remove(m->g, id, names[i]);
	}
	return true;
}

static bool pad(Modernize *m, AxcId id)
{
	float value = axc_attr_float(axc_node(m->g, id), "value", 0);
	ints_to_input(m, id, "pads", 1);
	if (value != 0)
		set_input(m, id, 2, const_float(m, id, "value", value));
	axc_attr_remove(m->g, id, "value");
	return true;
}

static bool slice(Modernize *m, AxcId id)
{
	ints_to_input(m, id, "starts", 1);
	ints_to_input(m, id, "ends", 2);
	ints_to_input(m, id, "axes", 3);
	return true;
}

static bool axes(Modernize *m, AxcId id)
{
	ints_to_input(m, id, "axes", 1);
	return true;
}

static bool split(Modernize *m, AxcId id)
{
	if (m->g->opset < 13)
		ints_to_input(m, id, "split", 1);
	const AxcNode *n = axc_node(m->g, id);
	if (!input(n, 1) && !axc_attr(n, "num_outputs"))
		axc_attr_set_int(m->g, id, "num_outputs", n->n_out);
	return true;
}

static bool topk(Modernize *m, AxcId id)
{
	int64_t k = axc_attr_int(axc_node(m->g, id), "k", 0);
	set_input(m, id, 1, const_ints(m, id, "k", &k, 1));
	axc_attr_remove(m->g, id, "k");
	return true;
}

/* ---- forms that differ in meaning ---- */

static bool batch_norm(Modernize *m, AxcId id)
{
	AxcNode *n = axc_node(m->g, id);
	if (axc_attr_int(n, "training_mode", 0) || !axc_attr_int(n, "spatial", 1))
		return unable(m, id,
			      "only the inference form is supported, found training_mode %lld, "
			      "spatial %lld",
			      (long long)axc_attr_int(n, "training_mode", 0),
			      (long long)axc_attr_int(n, "spatial", 1));
	for (uint32_t i = 1; i < n->n_out; i++)
		if (is_used(m, n->out[i]))
			return unable(m, id, "its output %u exists only in training", i);
	n->n_out = AXC_MIN(n->n_out, 1);
	axc_attr_remove(m->g, id, "training_mode");
	axc_attr_remove(m->g, id, "spatial");
	axc_attr_remove(m->g, id, "momentum");
	return true;
}

static bool dropout(Modernize *m, AxcId id)
{
	AxcNode *n = axc_node(m->g, id);
	AxcId training = input(n, 2);
	if (n->n_out > 1 && is_used(m, n->out[1]))
		return unable(m, id, "its mask output is in use");
	if (training &&
	    (!axc_is_const(m->g, training) || axc_value(m->g, training)->dtype != AXC_BOOL ||
	     empty_const(m, training) || *(const uint8_t *)axc_value(m->g, training)->data))
		return unable(m, id, "training_mode is not a constant false");
	n->n_out = AXC_MIN(n->n_out, 1);
	n->n_in = AXC_MIN(n->n_in, 1);
	n->n_attrs = 0;
	rename_op(m, id, "Identity");
	return true;
}

/* Before opset 13 the input counts as a matrix: rows are all before `axis`, columns all from it on.
 */
static bool softmax(Modernize *m, AxcId id)
{
	AxcNode *n = axc_node(m->g, id);
	int64_t axis = axc_attr_int(n, "axis", 1);
	axc_attr_set_int(m->g, id, "axis", -1);
	if (axis == -1 || !n->n_in)
		return true;
	AxcId x = n->in[0], y = n->out[0];
	AxcId flat = new_value(m, id, "flat"), result = new_value(m, id, "rows"),
	      shape = new_value(m, id, "shape");
	AxcId flatten = add_node(m, id, "Flatten", 1, &x, flat);
	axc_attr_set_int(m->g, flatten, "axis", axis);
	add_node(m, id, "Shape", 1, &x, shape);
	set_input(m, id, 0, flat);
	axc_node(m->g, id)->out[0] = result;
	axc_value(m->g, result)->producer = id;
	add_node(m, id, "Reshape", 2, (AxcId[]){result, shape}, y);
	return true;
}

/* ---- Resize and Upsample ---- */

static void old_resize_mode(Modernize *m, AxcId id)
{
	if (strcmp(axc_attr_string(axc_node(m->g, id), "mode", "nearest"), "bilinear") == 0)
		axc_attr_set_string(m->g, id, "mode", "linear");
	axc_attr_set_string(m->g, id, "coordinate_transformation_mode", "asymmetric");
	axc_attr_set_string(m->g, id, "nearest_mode", "floor");
}

static bool upsample(Modernize *m, AxcId id)
{
	uint32_t n;
	const float *scales = axc_attr_floats(axc_node(m->g, id), "scales", &n);
	AxcId in[3] = {input(axc_node(m->g, id), 0), 0, input(axc_node(m->g, id), 1)};
	if (scales)
		in[2] = const_floats(m, id, "scales", scales, n);
	if (!in[2])
		return unable(m, id, "it has no scales");
	axc_attr_remove(m->g, id, "scales");
	set_inputs(m, id, 3, in);
	old_resize_mode(m, id);
	rename_op(m, id, "Resize");
	return true;
}

/* The specification of opset 10 leaves rounding open; ONNX Runtime rounds down, and up when it
 * shrinks. */
static void old_nearest(Modernize *m, AxcId id, AxcId scales)
{
	const AxcValue *v = axc_value(m->g, scales);
	bool shrinks = false, grows = false;
	if (!axc_is_const(m->g, scales) || v->dtype != AXC_F32)
		return;
	for (int64_t i = 0; i < axc_shape_count(&v->shape); i++) {
		shrinks |= ((const float *)v->data)[i] < 1;
		grows |= ((const float *)v->data)[i] > 1;
	}
	if (shrinks && !grows)
		axc_attr_set_string(m->g, id, "nearest_mode", "ceil");
}

static bool resize(Modernize *m, AxcId id)
{
	const AxcNode *n = axc_node(m->g, id);
	AxcId in[4] = {input(n, 0), input(n, 1), input(n, 2), input(n, 3)};
	if (m->g->opset < 11) {
		AxcId old[3] = {in[0], 0, in[1]};
		set_inputs(m, id, 3, old);
		old_resize_mode(m, id);
		old_nearest(m, id, in[1]);
		return true;
	}
	const char *coordinates =
		axc_attr_string(n, "coordinate_transformation_mode", "half_pixel");
	if (strcmp(coordinates, "tf_crop_and_resize") != 0 || empty_const(m, in[1]))
		in[1] = 0;
	for (int i = 2; i < 4; i++)
		if (empty_const(m, in[i]))
			in[i] = 0;
	set_inputs(m, id, 4, in);
	return true;
}

/* ---- names ---- */

static bool scatter(Modernize *m, AxcId id)
{
	rename_op(m, id, "ScatterElements");
	return true;
}

static bool cast(Modernize *m, AxcId id)
{
	axc_attr_remove(m->g, id, "saturate"); /* of float8 only */
	return true;
}

static bool group_norm(Modernize *m, AxcId id)
{
	return unable(m, id, "its form before opset 21 (one scale per group) is not supported");
}

/* ---- com.microsoft.FusedConv: Conv, optional Add of a fourth input, activation ---- */

static const float *activation_params(const AxcNode *n, uint32_t wanted)
{
	uint32_t have;
	const float *p = axc_attr_floats(n, "activation_params", &have);
	return have >= wanted ? p : NULL;
}

static bool add_activation(Modernize *m, AxcId id, AxcId x, AxcId y)
{
	const AxcNode *n = axc_node(m->g, id);
	const char *kind = axc_attr_string(n, "activation", "");
	if (strcmp(kind, "Relu") == 0 || strcmp(kind, "Tanh") == 0 ||
	    strcmp(kind, "Sigmoid") == 0) {
		add_node(m, id, kind, 1, &x, y);
		return true;
	}
	if (strcmp(kind, "LeakyRelu") == 0) {
		const float *p = activation_params(n, 1);
		AxcId a = add_node(m, id, kind, 1, &x, y);
		axc_attr_set_float(m->g, a, "alpha", p ? p[0] : 0.01f);
		return true;
	}
	const float *p = activation_params(n, 2);
	if (strcmp(kind, "Clip") == 0 && p) {
		AxcId lo = const_float(m, id, "min", p[0]), hi = const_float(m, id, "max", p[1]);
		add_node(m, id, kind, 3, (AxcId[]){x, lo, hi}, y);
		return true;
	}
	if (strcmp(kind, "HardSigmoid") == 0) {
		AxcId a = add_node(m, id, kind, 1, &x, y);
		axc_attr_set_float(m->g, a, "alpha", p ? p[0] : 0.2f);
		axc_attr_set_float(m->g, a, "beta", p ? p[1] : 0.5f);
		return true;
	}
	return unable(m, id, "its activation '%s' is not supported",
		      axc_safe_name(m->d->arena, kind));
}

static bool fused_conv(Modernize *m, AxcId id)
{
	AxcNode *n = axc_node(m->g, id);
	AxcId y = n->out[0], residual = input(n, 3);
	bool has_activation = *axc_attr_string(n, "activation", "") != 0;
	if (has_activation) {
		AxcId x = new_value(m, id, residual ? "sum" : "conv");
		if (!add_activation(m, id, x, y))
			return false;
		y = x;
	}
	if (residual) {
		AxcId conv = new_value(m, id, "conv");
		add_node(m, id, "Add", 2, (AxcId[]){conv, residual}, y);
		y = conv;
		axc_node(m->g, id)->n_in = 3;
	}
	n = axc_node(m->g, id);
	n->out[0] = y;
	axc_value(m->g, y)->producer = id;
	axc_attr_remove(m->g, id, "activation");
	axc_attr_remove(m->g, id, "activation_params");
	rename_op(m, id, "Conv");
	return true;
}

/* ---- the table: models whose opset is below `before` are rewritten ---- */

static const struct Change {
	const char *domain, *op;
	int before;
	bool (*fn)(Modernize *m, AxcId id);
	bool renames; /* the operator does not exist afterwards */
} changes[] = {
	{"", "BatchNormalization", 99, batch_norm, false},
	{"", "Cast", 99, cast, false},
	{"", "Clip", 11, clip, false},
	{"", "Constant", 0, NULL, true}, /* import.c */
	{"", "Dropout", 99, dropout, true},
	{"", "GroupNormalization", 21, group_norm, false},
	{"", "Hardmax", 13, softmax, false},
	{"", "LogSoftmax", 13, softmax, false},
	{"", "Pad", 11, pad, false},
	{"", "ReduceL1", 18, axes, false},
	{"", "ReduceL2", 18, axes, false},
	{"", "ReduceLogSum", 18, axes, false},
	{"", "ReduceLogSumExp", 18, axes, false},
	{"", "ReduceMax", 18, axes, false},
	{"", "ReduceMean", 18, axes, false},
	{"", "ReduceMin", 18, axes, false},
	{"", "ReduceProd", 18, axes, false},
	{"", "ReduceSum", 13, axes, false},
	{"", "ReduceSumSquare", 18, axes, false},
	{"", "Resize", 99, resize, false},
	{"", "Scatter", 99, scatter, true},
	{"", "Slice", 10, slice, false},
	{"", "Softmax", 13, softmax, false},
	{"", "Split", 99, split, false},
	{"", "Squeeze", 13, axes, false},
	{"", "TopK", 10, topk, false},
	{"", "Unsqueeze", 13, axes, false},
	{"", "Upsample", 99, upsample, true},
	{"com.microsoft", "FusedConv", 99, fused_conv, true},
};

static const struct Change *find_change(const char *domain, const char *op_type)
{
	for (size_t i = 0; i < AXC_COUNT(changes); i++)
		if (strcmp(changes[i].op, op_type) == 0 && strcmp(changes[i].domain, domain) == 0)
			return &changes[i];
	return NULL;
}

bool axc_onnx_rewritten(const char *domain, const char *op_type)
{
	const struct Change *c = find_change(domain, op_type);
	return c && c->renames;
}

static bool rewrite(Modernize *m, AxcId id, const struct Change *c)
{
	const AxcNode *n = axc_node(m->g, id);
	if (n->n_in && n->n_out && n->in[0] && n->out[0])
		return c->fn(m, id);
	axc_fail(m->d, "node '%s' (%s) needs at least an input and its first output",
		 axc_safe_name(m->d->arena, n->name), n->op_type);
	return axc_diag_node(m->d, n->name, n->op_type);
}

bool axc_onnx_modernize(AxcGraph *g, AxcDiag *d, uint32_t *wrong)
{
	Modernize m = {
		.g = g, .d = d, .uses = axc_graph_uses(g, g->arena), .n_values = g->values.n};
	AxcId n_nodes = g->nodes.n;
	for (AxcId id = 1; id < n_nodes; id++) {
		const AxcNode *n = axc_node(g, id);
		const struct Change *c = find_change(n->domain, n->op_type);
		if (n->dead || !c || !c->fn || g->opset >= c->before || rewrite(&m, id, c))
			continue;
		axc_node_kill(g, id);
		if (++*wrong >= AXC_ONNX_MAX_TOLD)
			return false;
	}
	return true;
}
