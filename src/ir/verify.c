/* The invariants G1..G9 of ir.h, checked one after the other; a message quotes the number. */
#include "ops/op.h"

#include <math.h>

typedef struct Verify {
	const AxcGraph *g;
	AxcForm form;
	AxcDiag *d;
	bool *read; /* values that a live node or the graph reads */
} Verify;

static bool broken(Verify *v, const AxcNode *node, const char *format, ...) AXC_PRINTF(3, 4);

static bool broken(Verify *v, const AxcNode *node, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const char *text = axc_vformat(v->d->arena, format, args);
	va_end(args);
	axc_fail(v->d, "internal: the graph breaks %s", text);
	if (node && node->name)
		axc_diag_node(v->d, node->name, node->op_type);
	return false;
}

static const char *safe(Verify *v, const char *name)
{
	return axc_safe_name(v->d->arena, name ? name : "");
}

/* ---- G1: ids ---- */

static bool check_id(Verify *v, const AxcNode *node, AxcId id, const char *what)
{
	if (id >= v->g->values.n)
		return broken(v, node, "G1: %s is value %u of %u", what, id, v->g->values.n);
	if (id && v->g->values.at[id].dead)
		return broken(v, node, "G1: %s '%s' is dead", what,
			      safe(v, v->g->values.at[id].name));
	return true;
}

static bool check_g1(Verify *v)
{
	const AxcGraph *g = v->g;
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++) {
			if (!check_id(v, n, n->in[k], "an input"))
				return false;
			v->read[n->in[k]] = true;
		}
		for (uint32_t k = 0; k < n->n_out && !n->dead; k++)
			if (!check_id(v, n, n->out[k], "an output"))
				return false;
		for (uint32_t k = 0; k < n->n_attrs && !n->dead; k++)
			if (!check_id(v, n, n->attrs[k].tensor, "an attribute"))
				return false;
	}
	for (uint32_t i = 0; i < g->inputs.n; i++)
		if (!g->inputs.at[i] || !check_id(v, NULL, g->inputs.at[i], "a graph input"))
			return broken(v, NULL, "G1: graph input %u is no value", i);
	for (uint32_t i = 0; i < g->outputs.n; i++) {
		if (!g->outputs.at[i] || !check_id(v, NULL, g->outputs.at[i], "a graph output"))
			return broken(v, NULL, "G1: graph output %u is no value", i);
		v->read[g->outputs.at[i]] = true;
	}
	v->read[0] = false;
	return true;
}

/* ---- G2, G3: one source each, sources first ---- */

static bool check_outputs(Verify *v, AxcId id)
{
	const AxcNode *n = &v->g->nodes.at[id];
	for (uint32_t k = 0; k < n->n_out; k++) {
		const AxcValue *out = n->out[k] ? &v->g->values.at[n->out[k]] : NULL;
		if (out && (out->producer != id || out->producer_index != (int)k))
			return broken(v, n,
				      "G2: its output '%s' says it comes from node %u, output %d",
				      safe(v, out->name), out->producer, out->producer_index);
	}
	return true;
}

static bool check_g2(Verify *v)
{
	const AxcGraph *g = v->g;
	for (AxcId i = 1; i < g->nodes.n; i++)
		if (!g->nodes.at[i].dead && !check_outputs(v, i))
			return false;
	for (AxcId i = 1; i < g->values.n; i++) {
		const AxcValue *a = &g->values.at[i];
		int sources = (a->producer != 0) + a->is_input + (a->data != NULL);
		if (a->dead)
			continue;
		if (a->producer >= g->nodes.n || (a->producer && g->nodes.at[a->producer].dead))
			return broken(v, NULL,
				      "G2: '%s' comes from a node that is dead or does not exist",
				      safe(v, a->name));
		if (sources > 1 || (sources == 0 && v->read[i]))
			return broken(v, NULL,
				      "G2: '%s' has %d sources (node, graph input, constant); one "
				      "is wanted",
				      safe(v, a->name), sources);
	}
	for (uint32_t i = 0; i < g->inputs.n; i++)
		if (!g->values.at[g->inputs.at[i]].is_input)
			return broken(v, NULL, "G2: graph input '%s' is not marked as one",
				      safe(v, g->values.at[g->inputs.at[i]].name));
	return true;
}

static bool check_g3(Verify *v)
{
	for (AxcId i = 1; i < v->g->nodes.n; i++) {
		const AxcNode *n = &v->g->nodes.at[i];
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++)
			if (n->in[k] && v->g->values.at[n->in[k]].producer >= i)
				return broken(v, n,
					      "G3: it stands before what computes its input '%s'",
					      safe(v, v->g->values.at[n->in[k]].name));
	}
	return true;
}

/* ---- G4: names ---- */

static bool check_name(Verify *v, AxcMap *names, const char *name, const char *what)
{
	if (!name || !*name)
		return broken(v, NULL, "G4: a %s has no name", what);
	if (axc_map_get(names, name))
		return broken(v, NULL, "G4: two %ss are named '%s'", what, safe(v, name));
	axc_map_put(names, v->d->arena, name, 1);
	return true;
}

static bool check_g4(Verify *v)
{
	AxcMap nodes = {0}, values = {0};
	for (AxcId i = 1; i < v->g->nodes.n; i++)
		if (!v->g->nodes.at[i].dead &&
		    !check_name(v, &nodes, v->g->nodes.at[i].name, "node"))
			return false;
	for (AxcId i = 1; i < v->g->values.n; i++)
		if (!v->g->values.at[i].dead &&
		    !check_name(v, &values, v->g->values.at[i].name, "value"))
			return false;
	return true;
}

/* ---- G5, G8 of weights, G9: operators ---- */

static bool check_weights(Verify *v, const AxcValue *a)
{
	const int8_t *w = a->data;
	for (size_t i = 0; i < a->data_bytes; i++)
		if (w[i] == -128)
			return broken(v, NULL, "G8: the int8 weight '%s' has a -128 at %zu",
				      safe(v, a->name), i);
	for (int i = 0; i < a->q.n; i++)
		if (a->q.zero_point[i])
			return broken(v, NULL, "G8: the weight '%s' has zero point %d",
				      safe(v, a->name), a->q.zero_point[i]);
	return true;
}

static bool check_count(Verify *v, const AxcNode *n, uint32_t have, int least, int most,
			const char *what)
{
	if ((int64_t)have < least || (most >= 0 && (int64_t)have > most))
		return broken(v, n, "G5: %s '%s' has %u %s; %d to %d are possible", n->op_type,
			      safe(v, n->name), have, what, least, most);
	return true;
}

static bool check_operators(Verify *v)
{
	for (AxcId i = 1; i < v->g->nodes.n; i++) {
		const AxcNode *n = &v->g->nodes.at[i];
		if (n->dead)
			continue;
		if (!n->op)
			return broken(v, n, "G5: the operator %s of '%s' is not in the table",
				      n->op_type, safe(v, n->name));
		if (!check_count(v, n, n->n_in, n->op->min_in, n->op->max_in, "inputs") ||
		    !check_count(v, n, n->n_out, n->op->min_out, n->op->max_out, "outputs"))
			return false;
		const AxcValue *w = n->op->quant == AXC_QR_MAC && n->n_in > 1
					    ? &v->g->values.at[n->in[1]]
					    : NULL;
		if (v->form == AXC_FORM_QUANTIZED && w && w->dtype == AXC_I8 && w->data &&
		    !check_weights(v, w))
			return false;
		bool moves = strcmp(n->op_type, "QuantizeLinear") == 0 ||
			     strcmp(n->op_type, "DequantizeLinear") == 0;
		for (uint32_t k = 0; k < n->n_in && v->form == AXC_FORM_QUANTIZED && !moves; k++)
			if (v->g->values.at[n->in[k]].dtype == AXC_I8 &&
			    v->g->values.at[n->in[k]].q.n && !n->op->eval_i8)
				return broken(v, n,
					      "G9: %s '%s' reads int8 and has no int8 meaning",
					      n->op_type, safe(v, n->name));
	}
	return true;
}

/* ---- G6, G7, G8: values ---- */

static bool check_shape(Verify *v, const AxcValue *a)
{
	int64_t bytes;
	if (a->dtype == AXC_DT_NONE || !axc_shape_static(&a->shape) || a->shape.rank > AXC_MAX_RANK)
		return broken(v, NULL, "G6: '%s' has type %s and shape %s; both must be known",
			      safe(v, a->name), axc_dtype_name(a->dtype),
			      axc_shape_text(v->d->arena, &a->shape));
	if (__builtin_mul_overflow(axc_shape_count(&a->shape), (int64_t)axc_dtype_bytes(a->dtype),
				   &bytes) ||
	    bytes > INT32_MAX)
		return broken(v, NULL, "G6: '%s' of shape %s has 2^31 bytes or more",
			      safe(v, a->name), axc_shape_text(v->d->arena, &a->shape));
	return true;
}

static bool check_data(Verify *v, const AxcValue *a)
{
	bool known = a->dtype != AXC_DT_NONE && axc_shape_static(&a->shape);
	size_t want = known ? (size_t)axc_shape_count(&a->shape) * axc_dtype_bytes(a->dtype) : 0;
	if (!known || a->data_bytes != want)
		return broken(v, NULL,
			      "G7: the constant '%s' (%s, %s) has %zu bytes, %zu are wanted",
			      safe(v, a->name), axc_dtype_name(a->dtype),
			      axc_shape_text(v->d->arena, &a->shape), a->data_bytes, want);
	return true;
}

static bool check_quant(Verify *v, const AxcValue *a)
{
	const AxcQuant *q = &a->q;
	bool int8_activation = a->dtype == AXC_I8 && !a->data;
	if (int8_activation && v->form == AXC_FORM_QUANTIZED && q->n < 1)
		return broken(v, NULL, "G8: the int8 value '%s' has no quantization",
			      safe(v, a->name));
	if (q->n < 1)
		return true;
	bool axis_fits = q->n == 1 ? q->axis == -1 || (q->axis < a->shape.rank && q->axis >= 0 &&
						       a->shape.dim[q->axis] == 1)
				   : q->axis >= 0 && q->axis < a->shape.rank &&
					     a->shape.dim[q->axis] == q->n;
	if (!axis_fits || !q->scale || !q->zero_point)
		return broken(v, NULL, "G8: '%s' of shape %s has %d scales on axis %d",
			      safe(v, a->name), axc_shape_text(v->d->arena, &a->shape), q->n,
			      q->axis);
	for (int i = 0; i < q->n; i++) {
		if (!isnormal(q->scale[i]) || q->scale[i] < 0) {
			AxcText t = {.arena = v->d->arena};
			axc_text_float(&t, q->scale[i]);
			return broken(v, NULL, "G8: '%s' has the scale %s", safe(v, a->name), t.at);
		}
		if (q->zero_point[i] < -128 || q->zero_point[i] > 127)
			return broken(v, NULL, "G8: '%s' has the zero point %d", safe(v, a->name),
				      q->zero_point[i]);
	}
	return true;
}

static bool check_values(Verify *v)
{
	for (AxcId i = 1; i < v->g->values.n; i++) {
		const AxcValue *a = &v->g->values.at[i];
		bool counts = v->read[i] || a->producer || a->is_input;
		if (a->dead)
			continue;
		if ((v->form != AXC_FORM_IMPORTED && counts && !check_shape(v, a)) ||
		    (a->data && !check_data(v, a)) || !check_quant(v, a))
			return false;
	}
	return true;
}

bool axc_graph_verify(const AxcGraph *g, AxcForm form, AxcDiag *d)
{
	Verify v = {g, form, d, AXC_NEW_ARRAY(d->arena, bool, g->values.n)};
	return check_g1(&v) && check_g2(&v) && check_g3(&v) && check_g4(&v) &&
	       check_operators(&v) && check_values(&v);
}
