/* Padding in front of a Softmax: what stands for "not there" is written as minus infinity or the lowest float, as a
 * Pad's value, as the other branch of a Where, or as a mask that is added. Such values ruin every range that
 * calibration sees. They take the value of property softmax_neutral_value instead, which counts for as little.
 * Values above it mean something and stay. Looked for through nodes that only move elements. */
#include "passes/rewrite.h"

static const char *const movers[] = {"Reshape",  "Flatten", "Squeeze", "Unsqueeze", "Transpose",
                                     "Identity", "Dropout", "Expand",  "Slice"};

static bool moves(const AxcNode *n)
{
	for (size_t i = 0; i < AXC_COUNT(movers) && !n->domain[0]; i++)
		if (axc_is_op(n, movers[i]))
			return true;
	return false;
}

static const char *padding_mode(const AxcNode *n)
{
	return axc_attr_string(n, "mode", "constant");
}

/* The node's inputs that may hold padding: bit k. */
static unsigned padding_inputs(const AxcNode *n)
{
	if (n->domain[0])
		return 0;
	if (axc_is_op(n, "Pad"))
		return strcmp(padding_mode(n), "constant") == 0 ? 1u << 2 : 0;
	if (axc_is_op(n, "Where"))
		return 1u << 1 | 1u << 2;
	return axc_is_op(n, "Add") ? 1u << 0 | 1u << 1 : 0;
}

/* `value` with everything below `least` raised to it; the value itself if there is nothing. */
static AxcId raised(AxcGraph *g, AxcId value, float least)
{
	const float *from = axc_const_floats(g, value);
	int64_t count = from ? axc_shape_count(&axc_value(g, value)->shape) : 0, low = 0;
	for (int64_t i = 0; i < count; i++)
		low += from[i] < least;
	if (!low)
		return value;
	float *to = AXC_NEW_ARRAY(g->arena, float, (size_t)count);
	for (int64_t i = 0; i < count; i++)
		to[i] = from[i] < least ? least : from[i];
	AxcShape shape = axc_value(g, value)->shape;
	return axc_new_const(g, axc_value(g, value)->name, "neutral", &shape, to);
}

static bool run(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d)
{
	AxcRewrite r;
	if (!config->softmax_neutral)
		return true;
	axc_rewrite_begin(&r, g, d);
	bool *leads = AXC_NEW_ARRAY(g->arena, bool, g->values.n); /* to a Softmax, element by element */
	for (AxcId i = r.n_old - 1; i >= 1; i--) {
		const AxcNode *n = axc_node(g, i);
		if (n->dead || !n->n_in || !n->n_out)
			continue;
		bool softmax = axc_is_op(n, "Softmax") || axc_is_op(n, "LogSoftmax");
		unsigned padding = leads[n->out[0]] ? padding_inputs(n) : 0;
		if (softmax || (leads[n->out[0]] && (moves(n) || axc_is_op(n, "Pad"))))
			leads[n->in[0]] = true;
		for (uint32_t k = 0; k < n->n_in; k++) {
			if (!(padding & 1u << k) || !axc_node(g, i)->in[k])
				continue;
			if (!axc_is_op(n, "Pad"))
				leads[n->in[k]] = true;
			AxcId to = raised(g, n->in[k], (float)*config->softmax_neutral);
			n = axc_node(g, i);
			axc_node(g, i)->in[k] = to;
		}
	}
	axc_rewrite_end(&r);
	return true;
}

const AxcPass axc_pass_neutral = {
	.name = "softmax-padding",
	.what = "padding in front of a Softmax takes softmax_neutral_value where it is lower",
	.needs = AXC_FACT_SHAPES,
	.gives = AXC_FACT_LIVE,
	.run = run,
};
