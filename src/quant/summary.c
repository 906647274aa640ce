/* What the reports say about a quantized graph. */
#include "passes/passes.h"
#include "quant/plan.h"

bool axc_node_is_int8(const AxcGraph *quantized, const AxcNode *node)
{
	if (strcmp(node->op_type, "QuantizeLinear") == 0 || strcmp(node->op_type, "DequantizeLinear") == 0)
		return false;
	const AxcValue *in = node->n_in && node->in[0] ? &quantized->values.at[node->in[0]] : NULL;
	return in && in->dtype == AXC_I8 && in->q.n > 0;
}

AxcQuantSummary axc_quant_summary(const AxcGraph *quantized)
{
	AxcQuantSummary s = {0};
	for (AxcId i = 1; i < quantized->nodes.n; i++) {
		const AxcNode *n = &quantized->nodes.at[i];
		bool int8 = !n->dead && axc_node_is_int8(quantized, n);
		if (n->dead || strcmp(n->op_type, "QuantizeLinear") == 0 || strcmp(n->op_type, "DequantizeLinear") == 0)
			continue;
		*(int8 ? &s.int8_macs : &s.float_macs) += axc_node_macs(quantized, n);
		*(int8 ? &s.int8_nodes : &s.float_nodes) += 1;
	}
	return s;
}
