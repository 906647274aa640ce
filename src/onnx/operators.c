/* Which operators of a file are known, and what to tell of the others: all of them, each with what to try. */
#include "onnx/internal.h"
#include "ops/op.h"

#include <strings.h>

typedef struct Look {
	AxcDiag *d;
	const Onnx__ModelProto *model;
	const char *const *names; /* of the nodes */
} Look;

static const char *text(const char *s)
{
	return s ? s : "";
}

const char *axc_onnx_domain(const char *domain)
{
	return strcmp(text(domain), "ai.onnx") == 0 ? "" : text(domain);
}

bool axc_onnx_known(const Onnx__NodeProto *node)
{
	const char *op = text(node->op_type), *domain = axc_onnx_domain(node->domain);
	return axc_onnx_rewritten(domain, op) || (strcmp(domain, "axc") != 0 && axc_op_find(domain, op));
}

/* Operators of models that are quantized already. */
static bool is_quantized_op(const char *op)
{
	static const char *const ops[] = {
		"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger",
		"MatMulInteger",  "QLinearConv",      "QLinearMatMul"};
	for (size_t i = 0; i < AXC_COUNT(ops); i++)
		if (strcmp(op, ops[i]) == 0)
			return true;
	return strncmp(op, "QLinear", 7) == 0;
}

static bool is_function(const Look *l, const Onnx__NodeProto *node)
{
	for (size_t i = 0; i < l->model->n_functions && i < 1000; i++) {
		const Onnx__FunctionProto *fn = l->model->functions[i];
		if (strcmp(text(fn->name), text(node->op_type)) == 0 &&
		    strcmp(axc_onnx_domain(fn->domain), axc_onnx_domain(node->domain)) == 0)
			return true;
	}
	return false;
}

static bool is_one_of(const char *op, const char *const *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(op, ops[i]) == 0)
			return true;
	return false;
}

/* Equal but for the case of letters, or for one letter: other operators have names that differ by two. */
static bool misspelt(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b), head = 0, tail = 0, least = AXC_MIN(na, nb);
	if (strcasecmp(a, b) == 0)
		return true;
	while (head < least && a[head] == b[head])
		head++;
	while (tail < least - head && a[na - 1 - tail] == b[nb - 1 - tail])
		tail++;
	return na - head - tail <= 1 && nb - head - tail <= 1 && least > 2;
}

/* The operator of that domain that is meant, or NULL. */
static const char *alike(const char *domain, const char *op)
{
	size_t n;
	const AxcOp *const *ops = axc_op_all(&n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(ops[i]->domain ? ops[i]->domain : "", domain) == 0 && misspelt(op, ops[i]->name))
			return ops[i]->name;
	return NULL;
}

static void hint(const Look *l, const char *domain, const char *op)
{
	static const char *const flow[] = {"If", "Loop", "Scan"}, *const recurrent[] = {"LSTM", "GRU", "RNN"};
	const char *close = alike(domain, op);
	if (!*domain && is_one_of(op, flow, AXC_COUNT(flow)))
		axc_diag_hint(l->d, "operators with subgraphs are not supported; export the model without "
				    "control flow, or fold it for fixed inputs first");
	else if (!*domain && is_one_of(op, recurrent, AXC_COUNT(recurrent)))
		axc_diag_hint(l->d, "recurrent operators are not supported; compile the part of the model without them "
				    "(onnx.utils.extract_model), or a model without them");
	else if (close)
		axc_diag_hint(l->d, "did you mean %s?", close);
	else if (*domain)
		axc_diag_hint(l->d, "export the model with operators of ai.onnx alone, or compile the part of it without "
				    "this node (onnx.utils.extract_model)");
	else
		axc_diag_hint(l->d, "express it with other operators when exporting, or compile the part of the model "
				    "without this node (onnx.utils.extract_model)");
}

/* "opset 13"; a domain may be used without being imported. */
static const char *opset_of(const Look *l, const char *domain)
{
	for (size_t i = 0; i < l->model->n_opset_import; i++)
		if (strcmp(axc_onnx_domain(l->model->opset_import[i]->domain), domain) == 0)
			return axc_format(l->d->arena, "opset %lld", (long long)l->model->opset_import[i]->version);
	return "no opset imported";
}

static void unsupported(const Look *l, size_t i)
{
	const Onnx__NodeProto *node = l->model->graph->node[i];
	const char *name = axc_safe_name(l->d->arena, l->names[i]), *domain = axc_onnx_domain(node->domain);
	const char *op = axc_safe_name(l->d->arena, text(node->op_type));
	const char *in_domain = *domain ? axc_safe_name(l->d->arena, domain) : "ai.onnx";
	bool function = is_function(l, node);
	if (function)
		axc_fail(l->d,
			 "node '%s': the operator '%s' of domain '%s' is a function of the model, and those are not "
			 "supported", name, op, in_domain);
	else
		axc_fail(l->d, "node '%s': the operator '%s' of domain '%s' (%s) is not supported", name, op, in_domain,
			 opset_of(l, domain));
	axc_diag_node(l->d, l->names[i], text(node->op_type));
	if (function)
		axc_diag_hint(l->d, "inline the model's functions (onnx.inliner) before compiling");
	else
		hint(l, domain, text(node->op_type));
}

bool axc_onnx_check_operators(AxcDiag *d, const Onnx__ModelProto *model, const char *const *node_names,
			      bool *ret_quantized)
{
	Look l = {d, model, node_names};
	uint32_t bad = 0;
	bool quantized = false;
	for (size_t i = 0; i < model->graph->n_node; i++) {
		const Onnx__NodeProto *node = model->graph->node[i];
		const char *op = text(node->op_type);
		bool is_quant = !*axc_onnx_domain(node->domain) && is_quantized_op(op);
		if (!is_quant && axc_onnx_known(node))
			continue;
		if (bad++ >= AXC_ONNX_MAX_TOLD || (is_quant && quantized))
			continue;
		if (!is_quant) {
			unsupported(&l, i);
			continue;
		}
		quantized = true;
		axc_fail(d,
			 "node '%s': the operator '%s' says that the model is quantized already; "
			 "a model in float is wanted",
			 axc_safe_name(d->arena, node_names[i]), op);
		axc_diag_node(d, node_names[i], op);
		axc_diag_hint(d, "compile the float model that this one was made from");
	}
	*ret_quantized = quantized;
	return bad == 0;
}
