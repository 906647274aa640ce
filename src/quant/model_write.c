/* Writing quantized_model/: .json, .bin, manifest (the listing for people: model_text.c). */
#include "quant/model.h"

#include "base/json.h"
#include "ops/op.h"

enum { BIN_ALIGN = 64 };

/* Values that the graph consists of: sources and everything that is read or written. */
static bool *used_values(AxcArena *arena, const AxcGraph *g)
{
	bool *used = AXC_NEW_ARRAY(arena, bool, g->values.n);
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++)
			used[n->in[k]] = true;
		for (uint32_t k = 0; k < n->n_out && !n->dead; k++)
			used[n->out[k]] = true;
		for (uint32_t k = 0; k < n->n_attrs && !n->dead; k++)
			used[n->attrs[k].tensor] = true;
	}
	for (uint32_t i = 0; i < g->inputs.n; i++)
		used[g->inputs.at[i]] = true;
	for (uint32_t i = 0; i < g->outputs.n; i++)
		used[g->outputs.at[i]] = true;
	used[0] = false;
	return used;
}

/* ---- layouts: what the dimensions mean, where an operator says so ---- */

static bool is_one_of(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(name, *list) == 0)
			return true;
	return false;
}

static const char *const *layouts(AxcArena *arena, const AxcGraph *g)
{
	static const char *const spatial[] = {"Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool",
	                                      "GlobalMaxPool", "Resize", "DepthToSpace", "SpaceToDepth",
	                                      "InstanceNormalization", "BatchNormalization", NULL};
	static const char *const activation[] = {"NCW", "NCHW", "NCDHW"};
	static const char *const weights[2][3] = {{"OIW", "OIHW", "OIDHW"}, {"IOW", "IOHW", "IODHW"}};
	const char **layout = AXC_NEW_ARRAY(arena, const char *, g->values.n);
	for (AxcId i = 1; i < g->nodes.n; i++) {
		const AxcNode *n = &g->nodes.at[i];
		if (n->dead || !is_one_of(n->op_type, spatial))
			continue;
		bool conv = strncmp(n->op_type, "Conv", 4) == 0, transposed = conv && n->op_type[4];
		for (int side = 0; side < 2; side++) {
			AxcId id = side ? (n->n_out ? n->out[0] : 0) : (n->n_in ? n->in[0] : 0);
			int rank = g->values.at[id].shape.rank;
			if (id && rank >= 3 && rank <= 5)
				layout[id] = activation[rank - 3];
		}
		AxcId w = conv && n->n_in > 1 ? n->in[1] : 0;
		if (w && g->values.at[w].shape.rank >= 3 && g->values.at[w].shape.rank <= 5)
			layout[w] = weights[transposed][g->values.at[w].shape.rank - 3];
	}
	return layout;
}

/* ---- quantized_model.json and .bin ---- */

static void write_quant(AxcJsonOut *j, const AxcQuant *q)
{
	axc_json_floats(j, "scale", q->scale, (size_t)q->n);
	axc_json_ints32(j, "zero_point", q->zero_point, (size_t)q->n);
	if (q->axis >= 0 && q->n > 0)
		axc_json_int(j, "axis", q->axis);
	else
		axc_json_null(j, "axis");
}

static void write_tensor(AxcJsonOut *j, const AxcValue *v, const char *layout, AxcText *bin)
{
	axc_json_object_row(j, NULL);
	axc_json_str(j, "name", v->name);
	axc_json_str(j, "dtype", axc_dtype_name(v->dtype));
	axc_json_ints(j, "shape", v->shape.dim, (size_t)v->shape.rank);
	axc_json_str(j, "layout", layout);
	write_quant(j, &v->q);
	if (v->onnx_dtype_tag)
		axc_json_str(j, "onnx_dtype", axc_dtype_name(v->onnx_dtype_tag));
	if (v->data) {
		static const char zeros[BIN_ALIGN];
		axc_text_add(bin, zeros, axc_align_up(bin->n, BIN_ALIGN) - bin->n);
		axc_json_uint(j, "offset", bin->n);
		axc_json_uint(j, "bytes", v->data_bytes);
		axc_text_add(bin, v->data, v->data_bytes);
	}
	axc_json_end(j);
}

static void write_attr(AxcJsonOut *j, const AxcGraph *g, const AxcAttr *a)
{
	static const char *const kinds[] = {[AXC_ATTR_INT] = "int",       [AXC_ATTR_FLOAT] = "float",
	                                    [AXC_ATTR_STRING] = "string", [AXC_ATTR_INTS] = "ints",
	                                    [AXC_ATTR_FLOATS] = "floats", [AXC_ATTR_STRINGS] = "strings",
	                                    [AXC_ATTR_TENSOR] = "tensor"};
	axc_json_object_row(j, NULL);
	axc_json_str(j, "name", a->name);
	axc_json_str(j, "type", kinds[a->kind]);
	switch (a->kind) {
	case AXC_ATTR_INT:
		axc_json_int(j, "value", a->i);
		break;
	case AXC_ATTR_FLOAT:
		axc_json_float(j, "value", a->f);
		break;
	case AXC_ATTR_STRING:
		axc_json_str(j, "value", a->s);
		break;
	case AXC_ATTR_INTS:
		axc_json_ints(j, "value", a->ints, a->n);
		break;
	case AXC_ATTR_FLOATS:
		axc_json_floats(j, "value", a->floats, a->n);
		break;
	case AXC_ATTR_STRINGS:
		axc_json_strs(j, "value", a->strings, a->n);
		break;
	case AXC_ATTR_TENSOR:
		axc_json_str(j, "value", g->values.at[a->tensor].name);
		break;
	}
	axc_json_end(j);
}

static void write_names(AxcJsonOut *j, const char *key, const AxcGraph *g, const AxcId *ids, uint32_t n)
{
	axc_json_row(j, key);
	for (uint32_t i = 0; i < n; i++)
		axc_json_str(j, NULL, ids[i] ? g->values.at[ids[i]].name : "");
	axc_json_end(j);
}

static void write_node(AxcJsonOut *j, const AxcGraph *g, const AxcNode *n)
{
	axc_json_object(j, NULL);
	axc_json_str(j, "name", n->name);
	axc_json_str(j, "op", n->op_type);
	axc_json_str(j, "domain", n->domain ? n->domain : "");
	write_names(j, "inputs", g, n->in, n->n_in);
	write_names(j, "outputs", g, n->out, n->n_out);
	axc_json_array(j, "attributes");
	for (uint32_t i = 0; i < n->n_attrs; i++)
		write_attr(j, g, &n->attrs[i]);
	axc_json_end(j);
	axc_json_strs(j, "origins", n->origins, n->n_origins);
	axc_json_str(j, "float_reason", n->float_reason);
	axc_json_end(j);
}

void axc_model_json(AxcArena *arena, const AxcGraph *g, AxcText *json, AxcText *bin)
{
	const bool *used = used_values(arena, g);
	const char *const *layout = layouts(arena, g);
	AxcJsonOut j = axc_json(json);
	axc_text_add(bin, "", 0);
	axc_json_object(&j, NULL);
	axc_json_int(&j, "format_version", AXC_MODEL_FORMAT_VERSION);
	axc_json_str(&j, "model_name", g->model_name ? g->model_name : "network");
	axc_json_str(&j, "graph_name", g->name ? g->name : "");
	axc_json_int(&j, "opset", g->opset);
	write_names(&j, "inputs", g, g->inputs.at, g->inputs.n);
	write_names(&j, "outputs", g, g->outputs.at, g->outputs.n);
	axc_json_array(&j, "tensors");
	for (AxcId i = 1; i < g->values.n; i++)
		if (used[i])
			write_tensor(&j, &g->values.at[i], layout[i], bin);
	axc_json_end(&j);
	axc_json_array(&j, "nodes");
	for (AxcId i = 1; i < g->nodes.n; i++)
		if (!g->nodes.at[i].dead)
			write_node(&j, g, &g->nodes.at[i]);
	axc_json_end(&j);
	axc_json_object(&j, "bin"); /* behind the tensors: the hash is of what they put there */
	axc_json_str(&j, "file", "quantized_model.bin");
	axc_json_uint(&j, "bytes", bin->n);
	axc_json_str(&j, "hash", axc_format(arena, "%016llx", (unsigned long long)axc_hash(bin->at, bin->n)));
	axc_json_end(&j);
	axc_json_end(&j);
}

/* ---- the manifest: the network's own inputs and outputs, as the int8 entry point would have them ---- */

typedef struct Port {
	const AxcValue *v; /* the graph's input or output: name, ONNX shape */
	AxcQuant q;        /* n == 0: not quantized */
	bool image;        /* rank 4: NHWC with padded channels */
} Port;

static Port input_port(const AxcGraph *g, AxcId id)
{
	Port p = {.v = &g->values.at[id]};
	for (AxcId i = 1; i < g->nodes.n && p.q.n == 0; i++) {
		const AxcNode *n = &g->nodes.at[i];
		if (!n->dead && n->n_in && n->n_out && n->in[0] == id && strcmp(n->op_type, "QuantizeLinear") == 0)
			p.q = g->values.at[n->out[0]].q;
	}
	p.image = p.q.n == 1 && p.v->shape.rank == 4;
	return p;
}

static Port output_port(const AxcGraph *g, AxcId id)
{
	Port p = {.v = &g->values.at[id]};
	const AxcNode *n = p.v->producer ? &g->nodes.at[p.v->producer] : NULL;
	p.q = p.v->q;
	if (p.q.n == 0 && n && n->n_in && n->in[0] && strcmp(n->op_type, "DequantizeLinear") == 0)
		p.q = g->values.at[n->in[0]].q;
	p.image = p.q.n == 1 && p.v->shape.rank == 4;
	return p;
}

static int64_t padded_channels(int64_t c)
{
	return c <= 4 ? 4 : (c + 63) / 64 * 64;
}

static void write_shapes(AxcJsonOut *j, const char *key, const Port *ports, uint32_t n, bool input, bool original)
{
	axc_json_array(j, key);
	for (uint32_t i = 0; i < n; i++) {
		const int64_t *d = ports[i].v->shape.dim;
		int64_t c = input ? padded_channels(d[1]) : (d[1] + 63) / 64 * 64;
		const int64_t nhwc[4] = {d[0], d[2], d[3], c};
		if (ports[i].image && !original)
			axc_json_ints(j, NULL, nhwc, 4);
		else
			axc_json_ints(j, NULL, d, (size_t)ports[i].v->shape.rank);
	}
	axc_json_end(j);
}

static void write_pads(AxcJsonOut *j, const char *key, const Port *ports, uint32_t n, bool input)
{
	axc_json_array(j, key);
	for (uint32_t i = 0; i < n; i++) {
		int64_t c = ports[i].v->shape.dim[1], wide = input ? padded_channels(c) : (c + 63) / 64 * 64;
		axc_json_row(j, NULL);
		for (int k = 0; k < 2 * ports[i].v->shape.rank; k++)
			axc_json_int(j, NULL, ports[i].image && k == 7 ? wide - c : 0);
		axc_json_end(j);
	}
	axc_json_end(j);
}

static void write_params(AxcJsonOut *j, const char *key, const Port *ports, uint32_t n)
{
	axc_json_array(j, key);
	for (uint32_t i = 0; i < n; i++) {
		axc_json_row(j, NULL);
		axc_json_float(j, NULL, ports[i].q.n ? ports[i].q.scale[0] : 1.0f);
		axc_json_int(j, NULL, ports[i].q.n ? ports[i].q.zero_point[0] : 0);
		axc_json_end(j);
	}
	axc_json_end(j);
}

static void write_dtypes(AxcJsonOut *j, const char *key, const Port *ports, uint32_t n)
{
	axc_json_row(j, key);
	for (uint32_t i = 0; i < n; i++)
		axc_json_str(j, NULL, axc_dtype_name(ports[i].q.n ? AXC_I8 : ports[i].v->dtype));
	axc_json_end(j);
}

void axc_model_manifest(AxcArena *arena, const AxcGraph *g, bool graph, AxcText *json)
{
	uint32_t n_in = g->inputs.n, n_out = g->outputs.n;
	Port *in = AXC_NEW_ARRAY(arena, Port, n_in), *out = AXC_NEW_ARRAY(arena, Port, n_out);
	for (uint32_t i = 0; i < n_in; i++)
		in[i] = input_port(g, g->inputs.at[i]);
	for (uint32_t i = 0; i < n_out; i++)
		out[i] = output_port(g, g->outputs.at[i]);
	AxcJsonOut j = axc_json(json);
	axc_json_object(&j, NULL);
	axc_json_str(&j, "manifest_version", "1.0");
	if (graph)
		axc_json_str(&j, "quantized_model_file", "quantized_model.json");
	else
		axc_json_null(&j, "quantized_model_file");
	write_params(&j, "quantize_params", in, n_in);
	write_params(&j, "dequantize_params", out, n_out);
	write_shapes(&j, "input_shapes", in, n_in, true, false);
	write_shapes(&j, "output_shapes", out, n_out, false, false);
	write_pads(&j, "n_padded_ch_inputs", in, n_in, true);
	write_pads(&j, "n_padded_ch_outputs", out, n_out, false);
	axc_json_str(&j, "input_tensor_layout", "NHWC");
	axc_json_null(&j, "model_lib_file");
	axc_json_null(&j, "model_params_file");
	axc_json_null(&j, "preprocess_graph");
	axc_json_null(&j, "postprocess_graph");
	write_dtypes(&j, "input_dtypes", in, n_in);
	write_dtypes(&j, "output_dtypes", out, n_out);
	write_shapes(&j, "input_shapes_original", in, n_in, true, true);
	write_shapes(&j, "output_shapes_original", out, n_out, false, true);
	axc_json_end(&j);
}

/* ---- the files ---- */

bool axc_model_write(AxcArena *arena, AxcDiag *d, const AxcGraph *g, const char *dir)
{
	AxcArena *scratch = axc_arena_child(arena);
	AxcText json = {.arena = scratch}, bin = json, manifest = json, text = json;
	axc_model_json(scratch, g, &json, &bin);
	axc_model_manifest(scratch, g, true, &manifest);
	axc_model_text(scratch, g, &text);
	bool ok = axc_write_file(d, axc_path_join(scratch, dir, "quantized_model.bin"), bin.at, bin.n) &&
	          axc_write_file(d, axc_path_join(scratch, dir, "quantized_model.json"), json.at, json.n) &&
	          axc_write_file(d, axc_path_join(scratch, dir, "quantized_model.txt"), text.at, text.n) &&
	          axc_write_file(d, axc_path_join(scratch, dir, "quantized_model_manifest.json"), manifest.at, manifest.n);
	axc_arena_child_free(scratch);
	return ok;
}
