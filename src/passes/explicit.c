/* auto_pad spelled out: SAME_UPPER, SAME_LOWER and VALID become numbers in `pads`, so that nothing behind
 * has to know the three names. ConvTranspose keeps its own (its output_shape belongs to it). */
#include "passes/rewrite.h"

static int64_t list_item(const AxcNode *n, const char *name, uint32_t i, int64_t absent)
{
	uint32_t count;
	const int64_t *v = axc_attr_ints(n, name, &count);
	return i < count ? v[i] : absent;
}

static void spell_out(AxcGraph *g, AxcId id)
{
	AxcNode *n = axc_node(g, id);
	bool conv = axc_is_op(n, "Conv");
	const char *mode = axc_attr_string(n, "auto_pad", "NOTSET");
	const AxcShape *in = &axc_value(g, n->in[0])->shape, *out = &axc_value(g, n->out[0])->shape;
	const AxcShape *kernel = conv ? &axc_value(g, n->in[1])->shape : NULL;
	int spatial = in->rank - 2;
	int64_t pads[2 * AXC_MAX_RANK] = {0};
	if (!axc_attr(n, "auto_pad") || spatial < 1)
		return;
	if (strncmp(mode, "SAME", 4) == 0) {
		for (int i = 0; i < spatial; i++) {
			uint32_t u = (uint32_t)i;
			int64_t k = kernel ? kernel->dim[i + 2] : list_item(n, "kernel_shape", u, 1);
			int64_t reach = (k - 1) * list_item(n, "dilations", u, 1) + 1;
			int64_t total = (out->dim[i + 2] - 1) * list_item(n, "strides", u, 1) + reach - in->dim[i + 2];
			total = AXC_MAX(total, 0);
			int64_t small = total / 2, large = total - small;
			bool upper = strcmp(mode, "SAME_UPPER") == 0;
			pads[i] = upper ? small : large;
			pads[i + spatial] = upper ? large : small;
		}
	}
	bool given = strcmp(mode, "NOTSET") == 0;
	axc_attr_remove(g, id, "auto_pad");
	if (!given)
		axc_attr_set_ints(g, id, "pads", pads, 2 * (uint32_t)spatial);
}

static bool run(AxcGraph *g, const AxcPassConfig *config, AxcDiag *d)
{
	(void)config;
	(void)d;
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = axc_node(g, i);
		if (!n->dead && !n->domain[0] &&
		    (axc_is_op(n, "Conv") || axc_is_op(n, "MaxPool") || axc_is_op(n, "AveragePool")))
			spell_out(g, i);
	}
	return true;
}

const AxcPass axc_pass_explicit = {
	.name = "explicit-pads",
	.what = "auto_pad of Conv, MaxPool and AveragePool becomes pads",
	.needs = AXC_FACT_SHAPES,
	.gives = AXC_FACT_EXPLICIT,
	.run = run,
};
