/* quantized_model/report.json: what was quantized and how, what stayed float and why, what it cost. */
#include "base/json.h"
#include "passes/passes.h"
#include "quant/plan.h"

typedef struct Report {
	AxcJsonOut j;
	AxcArena *arena;
	const AxcGraph *clean, *q;
	const AxcRanges *ranges;
	const AxcQuantConfig *config;
	AxcId *clean_value; /* of a quantized value: the clean one of its name, 0: none */
} Report;

static bool is_transfer(const AxcNode *n)
{
	return strcmp(n->op_type, "QuantizeLinear") == 0 || strcmp(n->op_type, "DequantizeLinear") == 0;
}

/* The clean value behind each value of the quantized graph, by name; behind a Quantize, by its input. */
static void match_values(Report *r)
{
	AxcMap names = {0};
	for (AxcId v = 1; v < r->clean->values.n; v++)
		if (!r->clean->values.at[v].dead)
			axc_map_put(&names, r->arena, r->clean->values.at[v].name, v);
	r->clean_value = AXC_NEW_ARRAY(r->arena, AxcId, r->q->values.n);
	for (AxcId v = 1; v < r->q->values.n; v++)
		r->clean_value[v] = axc_map_get(&names, r->q->values.at[v].name);
	for (AxcId i = 1; i < r->q->nodes.n; i++) {
		const AxcNode *n = &r->q->nodes.at[i];
		if (n->dead || !is_transfer(n))
			continue;
		AxcId *in = &r->clean_value[n->in[0]], *out = &r->clean_value[n->out[0]];
		*in = *in ? *in : *out;
		*out = *out ? *out : *in;
	}
}

static void coverage(Report *r)
{
	AxcQuantSummary s = axc_quant_summary(r->q);
	axc_json_int(&r->j, "int8_macs", s.int8_macs);
	axc_json_int(&r->j, "float_macs", s.float_macs);
	axc_json_uint(&r->j, "int8_node_count", s.int8_nodes);
	axc_json_uint(&r->j, "float_node_count", s.float_nodes);
	AxcMap index = {0};
	typedef struct Row {
		const char *op;
		uint32_t int8, flt;
	} Row;
	AXC_ARRAY(Row) rows = {0};
	for (AxcId i = 1; i < r->q->nodes.n; i++) {
		const AxcNode *n = &r->q->nodes.at[i];
		if (n->dead || is_transfer(n))
			continue;
		uint32_t at = axc_map_get(&index, n->op_type);
		if (!at) {
			Row row = {.op = n->op_type};
			AXC_PUSH(r->arena, &rows, row);
			at = rows.n;
			axc_map_put(&index, r->arena, n->op_type, at);
		}
		*(axc_node_is_int8(r->q, n) ? &rows.at[at - 1].int8 : &rows.at[at - 1].flt) += 1;
	}
	axc_json_array(&r->j, "operators");
	for (uint32_t i = 0; i < rows.n; i++) {
		axc_json_object_row(&r->j, NULL);
		axc_json_str(&r->j, "op", rows.at[i].op);
		axc_json_uint(&r->j, "int8", rows.at[i].int8);
		axc_json_uint(&r->j, "float", rows.at[i].flt);
		axc_json_end(&r->j);
	}
	axc_json_end(&r->j);
}

static void float_nodes(Report *r)
{
	axc_json_array(&r->j, "float_nodes");
	for (AxcId i = 1; i < r->q->nodes.n; i++) {
		const AxcNode *n = &r->q->nodes.at[i];
		if (n->dead || is_transfer(n) || axc_node_is_int8(r->q, n))
			continue;
		axc_json_object_row(&r->j, NULL);
		axc_json_str(&r->j, "name", n->name);
		axc_json_str(&r->j, "op", n->op_type);
		axc_json_str(&r->j, "reason", n->float_reason);
		axc_json_int(&r->j, "macs", axc_node_macs(r->q, n));
		axc_json_end(&r->j);
	}
	axc_json_end(&r->j);
}

static void tensor(Report *r, AxcId v)
{
	const AxcValue *t = &r->q->values.at[v];
	AxcId c = r->clean_value[v];
	const AxcRange *range = c && c < r->ranges->n ? &r->ranges->at[c] : NULL;
	axc_json_object_row(&r->j, NULL);
	axc_json_str(&r->j, "name", t->name);
	axc_json_bool(&r->j, "float_output", t->dtype == AXC_F32);
	axc_json_floats(&r->j, "scale", t->q.scale, (size_t)t->q.n);
	axc_json_ints32(&r->j, "zero_point", t->q.zero_point, (size_t)t->q.n);
	if (t->q.n > 1)
		axc_json_int(&r->j, "axis", t->q.axis);
	else
		axc_json_null(&r->j, "axis");
	if (range && range->observed) {
		axc_json_float(&r->j, "lo", range->lo);
		axc_json_float(&r->j, "hi", range->hi);
		axc_json_float(&r->j, "seen_min", range->min);
		axc_json_float(&r->j, "seen_max", range->max);
		axc_json_double(&r->j, "clipped", range->clipped);
		axc_json_str(&r->j, "method", range->method);
	}
	axc_json_end(&r->j);
}

static void tensors(Report *r)
{
	axc_json_array(&r->j, "tensors");
	for (AxcId v = 1; v < r->q->values.n; v++)
		if (!r->q->values.at[v].dead && !r->q->values.at[v].data && r->q->values.at[v].q.n)
			tensor(r, v);
	axc_json_end(&r->j);
}

/* Values that a depthwise convolution reads at one scale although channels of their own were asked for. */
static void per_tensor_depthwise(Report *r)
{
	if (!r->config->per_channel_dw)
		return;
	axc_json_array(&r->j, "per_tensor_depthwise");
	for (AxcId i = 1; i < r->q->nodes.n; i++) {
		const AxcNode *n = &r->q->nodes.at[i];
		if (n->dead || !axc_is_depthwise(r->q, n) || !axc_node_is_int8(r->q, n) ||
		    r->q->values.at[n->in[0]].q.n > 1)
			continue;
		axc_json_object_row(&r->j, NULL);
		axc_json_str(&r->j, "node", n->name);
		axc_json_str(&r->j, "input", r->q->values.at[n->in[0]].name);
		axc_json_end(&r->j);
	}
	axc_json_end(&r->j);
}

static void snr(Report *r, const AxcLayerSnr *layers, uint32_t n)
{
	axc_json_array(&r->j, "layers");
	for (uint32_t i = 0; i < n; i++) {
		axc_json_object_row(&r->j, NULL);
		axc_json_str(&r->j, "name", layers[i].name);
		axc_json_str(&r->j, "node", layers[i].node);
		axc_json_double(&r->j, "snr_db", layers[i].db);
		axc_json_double(&r->j, "max_error", layers[i].max_error);
		axc_json_end(&r->j);
	}
	axc_json_end(&r->j);
}

void axc_quant_report(const AxcGraph *clean, const AxcGraph *quantized, const AxcRanges *ranges,
                      const AxcQuantConfig *config, const AxcLayerSnr *layers, uint32_t n_layers,
                      AxcArena *arena, AxcText *out)
{
	Report r = {.j = axc_json(out), .arena = arena, .clean = clean, .q = quantized, .ranges = ranges, .config = config};
	static const AxcRanges none = {0};
	r.ranges = ranges ? ranges : &none;
	match_values(&r);
	axc_json_object(&r.j, NULL);
	axc_json_int(&r.j, "format_version", 1);
	axc_json_str(&r.j, "model_name", quantized->model_name);
	axc_json_object(&r.j, "calibration");
	axc_json_int(&r.j, "samples", r.ranges->samples);
	axc_json_int(&r.j, "skipped", r.ranges->skipped);
	axc_json_bool(&r.j, "random", r.ranges->random);
	axc_json_end(&r.j);
	coverage(&r);
	float_nodes(&r);
	tensors(&r);
	per_tensor_depthwise(&r);
	snr(&r, layers, n_layers);
	axc_json_end(&r.j);
}
