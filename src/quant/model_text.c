/* quantized_model.txt: the quantized graph as a listing for people, one node after the other in the order
 * they run. Nothing reads it back.
 */
#include "quant/model.h"
#include "quant/quant.h"

#include "ops/op.h"

enum { MOST_VALUES = 8 };

typedef struct Listing {
	AxcArena *arena;
	const AxcGraph *g;
	AxcText *t;
} Listing;

static void quantization(Listing *l, const AxcQuant *q)
{
	if (q->n == 0)
		return;
	float lo = q->scale[0], hi = q->scale[0];
	for (int i = 1; i < q->n; i++) {
		lo = AXC_MIN(lo, q->scale[i]);
		hi = AXC_MAX(hi, q->scale[i]);
	}
	axc_text_str(l->t, "  scale ");
	axc_text_float(l->t, lo);
	if (q->n == 1) {
		axc_text_f(l->t, " zero point %d", q->zero_point[0]);
		return;
	}
	axc_text_str(l->t, " .. ");
	axc_text_float(l->t, hi);
	axc_text_f(l->t, " (%d along axis %d)", q->n, q->axis);
}

static void value(Listing *l, const char *what, AxcId id)
{
	if (!id) {
		axc_text_f(l->t, "    %-3s (left out)\n", what);
		return;
	}
	const AxcValue *v = &l->g->values.at[id];
	axc_text_f(l->t, "    %-3s %s%s  %s %s", what, v->data ? "constant " : "", axc_safe_name(l->arena, v->name),
	           axc_dtype_name(v->dtype), axc_shape_text(l->arena, &v->shape));
	quantization(l, &v->q);
	axc_text_str(l->t, "\n");
}

static void list(Listing *l, const AxcAttr *a)
{
	axc_text_str(l->t, "[");
	for (uint32_t i = 0; i < AXC_MIN(a->n, (uint32_t)MOST_VALUES); i++) {
		axc_text_str(l->t, i ? ", " : "");
		if (a->kind == AXC_ATTR_INTS)
			axc_text_f(l->t, "%lld", (long long)a->ints[i]);
		else if (a->kind == AXC_ATTR_FLOATS)
			axc_text_float(l->t, a->floats[i]);
		else
			axc_text_str(l->t, axc_safe_name(l->arena, a->strings[i]));
	}
	axc_text_f(l->t, a->n > MOST_VALUES ? ", ... %u in all]" : "]", a->n);
}

static void attribute(Listing *l, const AxcAttr *a)
{
	axc_text_f(l->t, "    %s = ", axc_safe_name(l->arena, a->name));
	switch (a->kind) {
	case AXC_ATTR_INT:
		axc_text_f(l->t, "%lld", (long long)a->i);
		break;
	case AXC_ATTR_FLOAT:
		axc_text_float(l->t, a->f);
		break;
	case AXC_ATTR_STRING:
		axc_text_str(l->t, axc_safe_name(l->arena, a->s));
		break;
	case AXC_ATTR_INTS:
	case AXC_ATTR_FLOATS:
	case AXC_ATTR_STRINGS:
		list(l, a);
		break;
	case AXC_ATTR_TENSOR:
		axc_text_str(l->t, axc_safe_name(l->arena, l->g->values.at[a->tensor].name));
		break;
	}
	axc_text_str(l->t, "\n");
}

static void node(Listing *l, const AxcNode *n)
{
	bool int8 = n->op && axc_node_is_int8(l->g, n);
	axc_text_f(l->t, "\n%s  %s  [%s]\n", axc_safe_name(l->arena, n->name), axc_safe_name(l->arena, n->op_type),
	           int8 ? "int8" : strstr(n->op_type, "quantizeLinear") || strstr(n->op_type, "QuantizeLinear")
	                           ? "transfer" : "float or integer");
	if (n->float_reason)
		axc_text_f(l->t, "    stays in float: %s\n", axc_safe_name(l->arena, n->float_reason));
	for (uint32_t i = 0; i < n->n_origins; i++)
		axc_text_f(l->t, "    from %s\n", axc_safe_name(l->arena, n->origins[i]));
	for (uint32_t i = 0; i < n->n_attrs; i++)
		attribute(l, &n->attrs[i]);
	for (uint32_t i = 0; i < n->n_in; i++)
		value(l, "in", n->in[i]);
	for (uint32_t i = 0; i < n->n_out; i++)
		value(l, "out", n->out[i]);
}

void axc_model_text(AxcArena *arena, const AxcGraph *g, AxcText *text)
{
	Listing l = {arena, g, text};
	AxcQuantSummary s = axc_quant_summary(g);
	axc_text_f(text, "quantized model %s\n", axc_safe_name(arena, g->model_name ? g->model_name : "network"));
	axc_text_f(text, "%u nodes in int8 (%lld MACs), %u in float (%lld MACs)\n", s.int8_nodes,
	           (long long)s.int8_macs, s.float_nodes, (long long)s.float_macs);
	axc_text_str(text, "real = (q - zero point) * scale\n\n");
	for (uint32_t i = 0; i < g->inputs.n; i++)
		value(&l, "input", g->inputs.at[i]);
	for (uint32_t i = 0; i < g->outputs.n; i++)
		value(&l, "output", g->outputs.at[i]);
	for (AxcId i = 1; i < g->nodes.n; i++)
		if (!g->nodes.at[i].dead)
			node(&l, &g->nodes.at[i]);
}
