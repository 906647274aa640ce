/* Shapes and constants in one sweep: each node's outputs get dtype and shape from its literal, a node
 * whose inputs are all constant is computed on the spot, so that shape arithmetic (Shape, Gather,
 * Concat … into Reshape) is gone before its reader asks for it. Linear in nodes plus folded work. */
#include "eval/eval.h"
#include "passes/rewrite.h"

/* Above these a node of constants stays in the graph: folding must not eat the memory of the machine. */
static const size_t max_fold_bytes = (size_t)256 << 20, max_fold_total = (size_t)1 << 30;
enum { MAX_VALUE_BYTES = 0x7fffffff };

/* A lone symbolic first dimension is the batch: 1. Any other unknown dimension is an error. */
static bool fix_input(AxcGraph *g, AxcId input, AxcDiag *d)
{
	AxcValue *v = axc_value(g, input);
	const char *name = axc_safe_name(d->arena, v->name);
	if (v->shape.rank < 0) {
		axc_fail(d, "the shape of input \"%s\" is unknown", name);
		return axc_diag_hint(d, "give it: --input-shape \"%s:1,3,224,224\" (its own numbers)", name);
	}
	int unknown = 0, last = 0;
	for (int i = 0; i < v->shape.rank; i++)
		if (v->shape.dim[i] < 0) {
			unknown++;
			last = i;
		}
	if (unknown == 1 && last == 0) {
		v->shape.dim[0] = 1;
		axc_log(d, AXC_INFO, "input \"%s\": the batch size is not fixed in the model, taken as 1", name);
		unknown = 0;
	}
	if (!unknown)
		return true;
	const char *dim = v->dim_names && v->dim_names[last] ? axc_safe_name(d->arena, v->dim_names[last]) : "?";
	axc_fail(d, "dimension %d (\"%s\") of input \"%s\" is unknown: shape %s", last, dim, name,
	         axc_shape_text(d->arena, &v->shape));
	return axc_diag_hint(d, "give the whole shape: --input-shape \"%s:…\" or the dimension: --input-shape \"%s=N\"",
	                     name, dim);
}

/* Shape and Size are known from the input's shape alone, whatever its data. */
static bool shape_constant(AxcGraph *g, const AxcNode *n, const void **ret)
{
	bool is_shape = axc_is_op(n, "Shape");
	if ((!is_shape && !axc_is_op(n, "Size")) || n->domain[0])
		return false;
	const AxcShape *s = &axc_value(g, n->in[0])->shape;
	int64_t out[AXC_MAX_RANK] = {axc_shape_count(s)};
	int count = 1;
	if (is_shape) {
		int64_t from = axc_attr_int(n, "start", 0), to = axc_attr_int(n, "end", s->rank);
		from = AXC_MIN(AXC_MAX(from < 0 ? from + s->rank : from, 0), s->rank);
		to = AXC_MIN(AXC_MAX(to < 0 ? to + s->rank : to, 0), s->rank);
		count = (int)AXC_MAX(to - from, 0);
		for (int i = 0; i < count; i++)
			out[i] = s->dim[from + i];
	}
	*ret = axc_memdup(g->arena, out, (size_t)count * sizeof *out);
	return true;
}

static bool check_output(AxcGraph *g, const AxcNode *n, AxcId out, AxcDiag *d)
{
	const AxcValue *v = axc_value(g, out);
	size_t bytes = 0;
	if (v->dtype == AXC_DT_NONE || !axc_shape_static(&v->shape)) {
		axc_fail(d, "the shape of \"%s\" cannot be known before the network runs",
		         axc_safe_name(d->arena, v->name));
		return axc_diag_node(d, n->name, n->op_type);
	}
	if (!axc_mul_size((size_t)axc_shape_count(&v->shape), axc_dtype_bytes(v->dtype), &bytes) ||
	    bytes > MAX_VALUE_BYTES) {
		axc_fail_as(d, AXC_FRONTEND_TO_MIDEND_ERROR, "\"%s\" of shape %s is larger than 2^31 bytes",
		            axc_safe_name(d->arena, v->name), axc_shape_text(d->arena, &v->shape));
		return axc_diag_node(d, n->name, n->op_type);
	}
	return true;
}

static bool check_count(const AxcNode *n, uint32_t have, int least, int most, const char *what, AxcDiag *d)
{
	if ((int64_t)have >= least && (most < 0 || (int64_t)have <= most))
		return true;
	axc_fail(d, "operator %s has %u %s%s", axc_safe_name(d->arena, n->op_type), have, what, have == 1 ? "" : "s");
	axc_diag_shapes(d, axc_format(d->arena, "%u", have),
	                most < 0        ? axc_format(d->arena, "at least %d", least)
	                : most == least ? axc_format(d->arena, "%d", least)
	                                : axc_format(d->arena, "%d to %d", least, most));
	return axc_diag_node(d, n->name, n->op_type);
}

/* What operators may rely on: as many inputs and outputs as they have, and none of the required left out. */
static bool check_arity(const AxcNode *n, AxcDiag *d)
{
	if (!check_count(n, n->n_in, n->op->min_in, n->op->max_in, "input", d) ||
	    !check_count(n, n->n_out, n->op->min_out, n->op->max_out, "output", d))
		return false;
	for (int k = 0; k < n->op->min_in; k++) {
		if (n->in[k])
			continue;
		axc_fail(d, "operator %s lacks its input %d, which is not optional", axc_safe_name(d->arena, n->op_type), k);
		return axc_diag_node(d, n->name, n->op_type);
	}
	return true;
}

static bool infer_node(AxcGraph *g, AxcId id, AxcDiag *d)
{
	AxcNode *n = axc_node(g, id);
	if (!n->op || !n->op->infer) {
		axc_fail(d, "operator %s is not supported", axc_safe_name(d->arena, n->op_type));
		return axc_diag_node(d, n->name, n->op_type);
	}
	if (!check_arity(n, d) || !n->op->infer(g, id, d))
		return false;
	n = axc_node(g, id);
	for (uint32_t k = 0; k < n->n_out; k++)
		if (n->out[k] && !check_output(g, n, n->out[k], d))
			return false;
	return true;
}

static size_t output_bytes(const AxcGraph *g, const AxcNode *n)
{
	size_t bytes = 0;
	for (uint32_t k = 0; k < n->n_out; k++) {
		const AxcValue *v = &g->values.at[n->out[k]];
		if (n->out[k])
			bytes += (size_t)axc_shape_count(&v->shape) * axc_dtype_bytes(v->dtype);
	}
	return bytes;
}

static bool all_constant(const AxcGraph *g, const AxcNode *n)
{
	for (uint32_t k = 0; k < n->n_in; k++)
		if (n->in[k] && !axc_is_const(g, n->in[k]))
			return false;
	return n->n_in > 0;
}

static void become_constant(AxcGraph *g, AxcId id, const void *const *data)
{
	AxcNode *n = axc_node(g, id);
	axc_node_kill(g, id);
	for (uint32_t k = 0; k < n->n_out; k++) {
		if (!n->out[k])
			continue;
		AxcValue *v = axc_value(g, n->out[k]);
		v->data = data[k];
		v->data_bytes = (size_t)axc_shape_count(&v->shape) * axc_dtype_bytes(v->dtype);
	}
}

static bool fold_node(AxcGraph *g, AxcId id, size_t *total, AxcDiag *d)
{
	AxcNode *n = axc_node(g, id);
	const void *data[64] = {0};
	if (n->n_out > AXC_COUNT(data))
		return true;
	if (shape_constant(g, n, &data[0])) {
		become_constant(g, id, data);
		return true;
	}
	if (!all_constant(g, n))
		return true;
	if (n->op->lower == AXC_LK_VIEW && n->n_out == 1) {
		data[0] = axc_value(g, n->in[0])->data;
		become_constant(g, id, data);
		return true;
	}
	size_t bytes = output_bytes(g, n);
	if (!n->op->build || bytes > max_fold_bytes || *total + bytes > max_fold_total)
		return true;
	*total += bytes;
	if (!axc_eval_node(g, id, d, data))
		return false;
	become_constant(g, id, data);
	return true;
}

/* Values that nothing can be said of, since what makes them is wrong. */
typedef struct Unknown {
	bool *at;
	uint32_t n;
} Unknown;

static bool reads_unknown(const Unknown *u, const AxcNode *n)
{
	for (uint32_t k = 0; k < n->n_in; k++)
		if (n->in[k] < u->n && u->at[n->in[k]])
			return true;
	return false;
}

static bool makes_unknown(const Unknown *u, const AxcNode *n)
{
	for (uint32_t k = 0; k < n->n_out; k++)
		if (n->out[k] && n->out[k] < u->n && u->at[n->out[k]])
			return true;
	return false;
}

static void make_unknown(Unknown *u, const AxcNode *n)
{
	for (uint32_t k = 0; k < n->n_out; k++)
		if (n->out[k] && n->out[k] < u->n)
			u->at[n->out[k]] = true;
}

/* What the model declares of its outputs before anything is inferred. */
static AxcShape *declared_shapes(const AxcGraph *g, AxcArena *arena)
{
	AxcShape *shapes = AXC_NEW_ARRAY(arena, AxcShape, g->outputs.n);
	for (uint32_t i = 0; i < g->outputs.n; i++)
		shapes[i] = g->values.at[g->outputs.at[i]].shape;
	return shapes;
}

/* Another shape than declared is a warning: exporters often leave an old one. Another type is an error. */
static bool compare_outputs(const AxcGraph *g, const AxcShape *declared, AxcDiag *d)
{
	bool ok = true;
	for (uint32_t i = 0; i < g->outputs.n; i++) {
		const AxcValue *v = &g->values.at[g->outputs.at[i]];
		const char *name = axc_safe_name(d->arena, v->name);
		bool fits = declared[i].rank < 0 || declared[i].rank == v->shape.rank;
		for (int k = 0; fits && k < declared[i].rank; k++)
			fits = declared[i].dim[k] < 0 || declared[i].dim[k] == v->shape.dim[k];
		if (!fits)
			axc_warn(d, "output '%s' is %s in the model, the network gives %s", name,
			         axc_shape_text(d->arena, &declared[i]), axc_shape_text(d->arena, &v->shape));
		if (!v->producer || v->onnx_dtype_tag == AXC_DT_NONE || v->onnx_dtype_tag == v->dtype)
			continue;
		axc_fail(d, "output '%s' is %s in the model, the network gives %s", name, axc_dtype_name(v->onnx_dtype_tag),
		         axc_dtype_name(v->dtype));
		axc_diag_shapes(d, axc_dtype_name(v->dtype), axc_dtype_name(v->onnx_dtype_tag));
		ok = axc_diag_node(d, g->nodes.at[v->producer].name, g->nodes.at[v->producer].op_type);
	}
	return ok;
}

enum { MOST_TOLD = 1000 };

/* After a mistake that import told: tensors that are wrong there have no type, inputs may lack a shape. */
static void mark_untyped(const AxcGraph *g, Unknown *u)
{
	for (AxcId v = 1; v < u->n; v++) {
		const AxcValue *value = &g->values.at[v];
		u->at[v] = !value->producer &&
		           (value->dtype == AXC_DT_NONE || (value->is_input && !axc_shape_static(&value->shape)));
	}
}

/* The operators' own checks of what is known, so that they are told together with the mistakes. */
static void check_known(AxcGraph *g, const Unknown *u, AxcDiag *d)
{
	for (AxcId i = 1; i < g->nodes.n; i++) {
		AxcNode *n = axc_node(g, i);
		n->dead = n->dead || reads_unknown(u, n) || makes_unknown(u, n);
	}
	(void)!axc_lower_check(g, d);
}

/* All mistakes are told at once; nodes behind a wrong one are left out, and so are operators that import has
 * told are not supported. */
static bool run(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d)
{
	size_t folded = 0;
	bool told = d->failed, ok = true;
	const AxcShape *declared = declared_shapes(g, d->arena);
	Unknown u = {AXC_NEW_ARRAY(d->arena, bool, g->values.n), g->values.n};
	if (told)
		mark_untyped(g, &u);
	for (uint32_t i = 0; i < g->inputs.n; i++)
		if (!u.at[g->inputs.at[i]] && !fix_input(g, g->inputs.at[i], d)) {
			u.at[g->inputs.at[i]] = true;
			ok = false;
		}
	for (AxcId i = 1; i < g->nodes.n && d->more.n < MOST_TOLD; i++) {
		const AxcNode *n = axc_node(g, i);
		if (n->dead)
			continue;
		if (reads_unknown(&u, n) || (told && !n->op)) {
			make_unknown(&u, n);
		} else if (!infer_node(g, i, d) || !fold_node(g, i, &folded, d)) {
			make_unknown(&u, axc_node(g, i));
			ok = false;
		}
	}
	ok = ok && !told && compare_outputs(g, declared, d);
	if (!ok && config->check_operators && d->more.n < MOST_TOLD)
		check_known(g, &u, d);
	if (!ok)
		return false;
	axc_graph_dce(g);
	return true;
}

const AxcPass axc_pass_infer = {
	.name = "infer-fold",
	.what = "dtype and static shape of every value; nodes of constants computed",
	.gives = AXC_FACT_SHAPES | AXC_FACT_FOLDED | AXC_FACT_LIVE,
	.run = run,
};
