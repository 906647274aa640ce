/* Zero padding in front of Conv, MaxPool and AveragePool moves into their `pads`. For MaxPool the padded
 * value must never beat a real one, so the input must be known not to be negative. */
#include "passes/rewrite.h"

enum { MAX_SPATIAL = AXC_MAX_RANK - 2 };

/* Begin and end pads of the spatial dimensions, if the node is a Pad by constant zeros of nothing else. */
static bool spatial_zero_pad(const AxcGraph *g, const AxcNode *n, int64_t *ret_pads)
{
	const int64_t *pads, *axes;
	int64_t count, n_axes;
	double value;
	if (!axc_is_op(n, "Pad") || n->domain[0] || strcmp(axc_attr_string(n, "mode", "constant"), "constant") != 0)
		return false;
	if (n->n_in < 2 || !axc_const_ints(g, n->in[1], g->arena, &pads, &count))
		return false;
	if (n->n_in > 2 && n->in[2] && (!axc_const_scalar(g, n->in[2], &value) || value != 0.0))
		return false;
	const AxcValue *in = &g->values.at[n->in[0]];
	int rank = in->shape.rank;
	int64_t full[2 * AXC_MAX_RANK] = {0};
	if (n->n_in > 3 && n->in[3]) {
		if (!axc_const_ints(g, n->in[3], g->arena, &axes, &n_axes) || count != 2 * n_axes)
			return false;
		for (int64_t i = 0; i < n_axes; i++) {
			int64_t a = axes[i] < 0 ? axes[i] + rank : axes[i];
			if (a < 0 || a >= rank)
				return false;
			full[a] = pads[i];
			full[a + rank] = pads[i + n_axes];
		}
	} else if (count == 2 * rank) {
		memcpy(full, pads, (size_t)count * sizeof *full);
	} else {
		return false;
	}
	if (in->dtype != AXC_F32 || rank < 3 || full[0] || full[1] || full[rank] || full[rank + 1])
		return false;
	for (int i = 2; i < rank; i++) {
		ret_pads[i - 2] = full[i];
		ret_pads[i - 2 + rank - 2] = full[i + rank];
		if (full[i] < 0 || full[i + rank] < 0)
			return false;
	}
	return true;
}

/* No element of the value can be negative. */
static bool not_negative(AxcRewrite *r, AxcId value)
{
	const AxcNode *n = axc_rewrite_producer(r, value);
	float lo, hi;
	if (!n || n->domain[0])
		return false;
	return axc_is_op(n, "Relu") || (n->op && n->op->bounds && n->op->bounds(r->g, n, &lo, &hi) && lo >= 0.0f);
}

static bool pool_accepts(AxcRewrite *r, const AxcNode *n, const AxcNode *pad, const int64_t *sum, int spatial)
{
	uint32_t count, n_pads;
	const int64_t *kernel = axc_attr_ints(n, "kernel_shape", &count);
	const int64_t *own = axc_attr_ints(n, "pads", &n_pads);
	bool own_pads = false;
	for (uint32_t i = 0; i < n_pads; i++)
		own_pads = own_pads || own[i] != 0;
	if (axc_attr_int(n, "ceil_mode", 0) || count != (uint32_t)spatial)
		return false;
	for (int i = 0; i < spatial; i++)
		if (sum[i] >= kernel[i] || sum[i + spatial] >= kernel[i])
			return false;
	if (axc_is_op(n, "AveragePool"))
		return !own_pads || axc_attr_int(n, "count_include_pad", 0);
	return n->n_out == 1 && not_negative(r, pad->in[0]);
}

static void fold(AxcRewrite *r, AxcId id)
{
	AxcGraph *g = r->g;
	AxcNode *n = axc_node(g, id);
	bool conv = axc_is_op(n, "Conv");
	if (n->domain[0] || !(conv || axc_is_op(n, "MaxPool") || axc_is_op(n, "AveragePool")))
		return;
	const AxcNode *pad = axc_rewrite_producer(r, n->in[0]);
	int64_t sum[2 * MAX_SPATIAL];
	uint32_t n_own;
	if (!pad || axc_attr(n, "auto_pad") || !spatial_zero_pad(g, pad, sum))
		return;
	int spatial = axc_value(g, n->in[0])->shape.rank - 2;
	const int64_t *own = axc_attr_ints(n, "pads", &n_own);
	for (uint32_t i = 0; i < n_own && i < 2 * (uint32_t)spatial; i++)
		if (__builtin_add_overflow(sum[i], own[i], &sum[i]))
			return;
	if (!conv && !pool_accepts(r, n, pad, sum, spatial))
		return;
	if (r->uses[n->in[0]] == 1)
		axc_rewrite_origin(r, id, pad);
	bool average = axc_is_op(n, "AveragePool");
	AxcId in[8] = {0};
	uint32_t n_in = AXC_MIN(n->n_in, 8u);
	memcpy(in, n->in, n_in * sizeof *in);
	in[0] = pad->in[0];
	axc_rewrite_inputs(r, id, n_in, in);
	axc_attr_set_ints(g, id, "pads", sum, 2 * (uint32_t)spatial);
	if (average)
		axc_attr_set_int(g, id, "count_include_pad", 1);
}

static bool run(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d)
{
	(void)config;
	AxcRewrite r;
	axc_rewrite_begin(&r, g, d);
	for (AxcId i = 1; i < r.n_old; i++)
		if (axc_rewrite_visit(&r, i))
			fold(&r, i);
	axc_rewrite_end(&r);
	return true;
}

const AxcPass axc_pass_pads = {
	.name = "fold-pads",
	.what = "zero Pad moved into Conv, MaxPool, AveragePool",
	.needs = AXC_FACT_SHAPES | AXC_FACT_EXPLICIT,
	.gives = AXC_FACT_LIVE,
	.run = run,
};
