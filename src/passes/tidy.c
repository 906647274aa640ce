/* Nodes that change nothing go; view operators (Reshape, Flatten, Squeeze, Unsqueeze, Transposes that
 * move only dimensions of size 1) in a row become one Reshape, Transposes in a row one Transpose. */
#include "passes/rewrite.h"

static bool same_shape(const AxcGraph *g, const AxcNode *n)
{
	return axc_shape_equal(&g->values.at[n->in[0]].shape, &g->values.at[n->out[0]].shape);
}

static bool ints_all(const AxcGraph *g, AxcId value, int64_t wanted)
{
	const int64_t *v;
	int64_t count;
	if (!axc_const_ints(g, value, g->arena, &v, &count))
		return false;
	for (int64_t i = 0; i < count; i++)
		if (v[i] != wanted)
			return false;
	return true;
}

static bool floats_all(const AxcGraph *g, AxcId value, float wanted)
{
	const float *v = axc_const_floats(g, value);
	for (int64_t i = 0; v && i < axc_shape_count(&g->values.at[value].shape); i++)
		if (v[i] != wanted)
			return false;
	return v != NULL;
}

static bool steps_positive(const AxcGraph *g, const AxcNode *n)
{
	const int64_t *v;
	int64_t count;
	if (n->n_in < 5 || !n->in[4])
		return true;
	if (!axc_const_ints(g, n->in[4], g->arena, &v, &count))
		return false;
	for (int64_t i = 0; i < count; i++)
		if (v[i] < 1)
			return false;
	return true;
}

static bool resize_is_noop(const AxcGraph *g, const AxcNode *n)
{
	const char *mode = axc_attr_string(n, "coordinate_transformation_mode", "half_pixel");
	if (strcmp(mode, "tf_crop_and_resize") == 0)
		return false;
	bool scales = n->n_in > 2 && n->in[2] && axc_shape_count(&g->values.at[n->in[2]].shape) > 0;
	return !scales || floats_all(g, n->in[2], 1.0f);
}

static bool pool_is_noop(const AxcNode *n)
{
	uint32_t count;
	const int64_t *v = axc_attr_ints(n, "kernel_shape", &count);
	for (uint32_t i = 0; i < count; i++)
		if (v[i] != 1)
			return false;
	v = axc_attr_ints(n, "pads", &count);
	for (uint32_t i = 0; i < count; i++)
		if (v[i] != 0)
			return false;
	v = axc_attr_ints(n, "strides", &count);
	for (uint32_t i = 0; i < count; i++)
		if (v[i] != 1)
			return false;
	return true;
}

static bool clip_is_noop(const AxcGraph *g, const AxcNode *n)
{
	bool lo = n->n_in > 1 && n->in[1] && !floats_all(g, n->in[1], -__builtin_inff());
	bool hi = n->n_in > 2 && n->in[2] && !floats_all(g, n->in[2], __builtin_inff());
	return !lo && !hi;
}

static bool transpose_is_identity(const AxcNode *n)
{
	uint32_t count;
	const int64_t *perm = axc_attr_ints(n, "perm", &count);
	for (uint32_t i = 0; i < count; i++)
		if (perm[i] != i)
			return false;
	return count > 0;
}

/* The only output that is read is the first, and it equals the first input element by element. */
static bool is_noop(AxcRewrite *r, const AxcNode *n)
{
	static const char *const moves[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile"};
	const AxcGraph *g = r->g;
	if (n->domain[0] || n->n_in < 1 || n->n_out < 1 || !n->out[0] || !n->in[0] || !same_shape(g, n))
		return false;
	for (uint32_t k = 1; k < n->n_out; k++)
		if (n->out[k] && (r->uses[n->out[k]] || r->is_output[n->out[k]]))
			return false;
	if (g->values.at[n->in[0]].dtype != g->values.at[n->out[0]].dtype)
		return false;
	for (size_t i = 0; i < AXC_COUNT(moves); i++)
		if (axc_is_op(n, moves[i]))
			return true;
	if (axc_is_op(n, "Identity") || axc_is_op(n, "Dropout") || axc_is_op(n, "Cast") ||
	    axc_is_op(n, "DepthToSpace") || axc_is_op(n, "SpaceToDepth"))
		return true;
	if (axc_is_op(n, "Concat") || axc_is_op(n, "Sum"))
		return n->n_in == 1;
	if (axc_is_op(n, "Split"))
		return n->n_out == 1;
	if (axc_is_op(n, "Pad"))
		return n->n_in > 1 && ints_all(g, n->in[1], 0);
	if (axc_is_op(n, "Slice"))
		return steps_positive(g, n);
	if (axc_is_op(n, "Transpose"))
		return transpose_is_identity(n);
	if (axc_is_op(n, "Resize"))
		return resize_is_noop(g, n);
	if (axc_is_op(n, "MaxPool") || axc_is_op(n, "AveragePool"))
		return pool_is_noop(n);
	return axc_is_op(n, "Clip") && clip_is_noop(g, n);
}

/* x * 1, x + 0, x / 1, x - 0: the input that stays, or 0. */
static AxcId neutral_operand(const AxcGraph *g, const AxcNode *n)
{
	bool mul = axc_is_op(n, "Mul"), add = axc_is_op(n, "Add");
	bool div = axc_is_op(n, "Div"), sub = axc_is_op(n, "Sub"), power = axc_is_op(n, "Pow");
	if (n->domain[0] || n->n_in != 2 || !(mul || add || div || sub || power))
		return 0;
	float neutral = mul || div || power ? 1.0f : 0.0f;
	for (uint32_t k = 0; k < 2; k++) {
		AxcId keep = n->in[k];
		const AxcValue *kept = &g->values.at[keep], *out = &g->values.at[n->out[0]];
		if (k == 1 && !(mul || add))
			break;
		if (kept->dtype == AXC_F32 && axc_shape_equal(&kept->shape, &out->shape) &&
		    floats_all(g, n->in[1 - k], neutral))
			return keep;
	}
	return 0;
}

static bool is_view(const AxcGraph *g, const AxcNode *n)
{
	if (!n || n->domain[0] || n->n_out != 1 || !n->in[0])
		return false;
	if (axc_is_op(n, "Reshape") || axc_is_op(n, "Flatten") || axc_is_op(n, "Squeeze") ||
	    axc_is_op(n, "Unsqueeze"))
		return true;
	if (!axc_is_op(n, "Transpose"))
		return false;
	/* dimensions larger than 1 keep their order */
	uint32_t count;
	const int64_t *perm = axc_attr_ints(n, "perm", &count);
	const AxcShape *s = &g->values.at[n->in[0]].shape;
	int64_t last = -1;
	for (uint32_t i = 0; i < count; i++) {
		if (s->dim[perm[i]] == 1)
			continue;
		if (perm[i] < last)
			return false;
		last = perm[i];
	}
	return count > 0 && count == (uint32_t)s->rank;
}

/* The node becomes Reshape(from) to its own, static output shape. */
static void become_reshape(AxcRewrite *r, AxcId id, AxcId from)
{
	AxcGraph *g = r->g;
	AxcShape shape = axc_value(g, axc_node(g, id)->out[0])->shape;
	AxcId in[2] = {from, axc_const_i64(g, axc_format(g->arena, "%s.shape", axc_node(g, id)->name), shape.dim,
	                                   shape.rank)};
	bool has_zero = axc_shape_count(&shape) == 0;
	axc_rewrite_op(r, id, "Reshape");
	axc_rewrite_inputs(r, id, 2, in);
	if (has_zero)
		axc_attr_set_int(g, id, "allowzero", 1);
}

static void merge_views(AxcRewrite *r, AxcId id)
{
	AxcNode *n = axc_node(r->g, id);
	AxcNode *before = axc_rewrite_producer(r, n->in[0]);
	bool chained = is_view(r->g, before);
	if (!chained && !axc_is_op(n, "Transpose"))
		return;
	AxcId from = chained ? before->in[0] : n->in[0];
	if (chained && r->uses[n->in[0]] == 1)
		axc_rewrite_origin(r, id, before);
	become_reshape(r, id, from);
}

static void merge_transposes(AxcRewrite *r, AxcId id)
{
	AxcGraph *g = r->g;
	AxcNode *n = axc_node(g, id), *before = axc_rewrite_producer(r, n->in[0]);
	uint32_t count, count_before;
	const int64_t *perm = axc_attr_ints(n, "perm", &count);
	if (!axc_is_op(before, "Transpose") || before->domain[0])
		return;
	const int64_t *first = axc_attr_ints(before, "perm", &count_before);
	int64_t merged[AXC_MAX_RANK];
	if (!count || count != count_before || count > AXC_MAX_RANK)
		return;
	for (uint32_t i = 0; i < count; i++)
		merged[i] = first[perm[i]];
	if (r->uses[n->in[0]] == 1)
		axc_rewrite_origin(r, id, before);
	AxcId from = before->in[0];
	axc_rewrite_inputs(r, id, 1, &from);
	axc_attr_set_ints(g, id, "perm", merged, count);
}

static void spell_out_perm(AxcGraph *g, AxcId id)
{
	AxcNode *n = axc_node(g, id);
	int64_t perm[AXC_MAX_RANK];
	int rank = axc_value(g, n->in[0])->shape.rank;
	if (axc_attr(n, "perm"))
		return;
	for (int i = 0; i < rank; i++)
		perm[i] = rank - 1 - i;
	axc_attr_set_ints(g, id, "perm", perm, (uint32_t)rank);
}

static void tidy_node(AxcRewrite *r, AxcId id, bool arithmetic)
{
	AxcNode *n = axc_rewrite_visit(r, id);
	if (!n || !n->n_out || !n->out[0])
		return;
	if (axc_is_op(n, "Transpose") && !n->domain[0]) {
		spell_out_perm(r->g, id);
		merge_transposes(r, id);
		n = axc_node(r->g, id);
	}
	if (is_view(r->g, n)) {
		merge_views(r, id);
		n = axc_node(r->g, id);
	}
	AxcId keep = is_noop(r, n) ? n->in[0] : arithmetic ? neutral_operand(r->g, n) : 0;
	if (keep)
		axc_rewrite_bypass(r, id, keep);
}

static bool run(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d)
{
	AxcRewrite r;
	axc_rewrite_begin(&r, g, d);
	for (AxcId i = 1; i < r.n_old; i++)
		tidy_node(&r, i, config->arithmetic_simplification);
	axc_rewrite_end(&r);
	return true;
}

const AxcPass axc_pass_tidy = {
	.name = "tidy",
	.what = "no-op nodes removed, Reshapes and Transposes in a row merged",
	.needs = AXC_FACT_SHAPES,
	.gives = AXC_FACT_LIVE,
	.run = run,
};
