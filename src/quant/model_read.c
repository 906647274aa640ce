/* Reading quantized_model/ back. The files may come from anywhere: every key, type and size is checked here,
 * what the graph means in model_check.c. Messages name file, line and key.
 */
#include "quant/model.h"

#include "base/json_read.h"
#include "quant/model_check.h"

#include <math.h>

enum { MAX_JSON = 512 << 20, MAX_TENSORS = 1 << 20, MAX_ATTRS = 256, MAX_TEXT = 65536 };

typedef struct Reader {
	AxcArena *arena;
	AxcDiag *d;
	const char *file; /* for messages */
	AxcGraph *g;
	AxcMap values, nodes; /* by name; node names only to see duplicates */
	const uint8_t *bin;
	size_t bin_bytes;
} Reader;

static bool bad(Reader *r, const AxcJsonValue *v, const char *format, ...) AXC_PRINTF(3, 4);

static bool bad(Reader *r, const AxcJsonValue *v, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const char *text = axc_vformat(r->d->arena, format, args);
	va_end(args);
	return axc_fail(r->d, "%s:%d:%d: %s", r->file, v->line, v->column, text);
}

static bool want(Reader *r, const AxcJsonValue *object, const char *key, AxcJsonKind kind, const AxcJsonValue **ret)
{
	if (!axc_json_want(r->d, r->file, object, key, kind, ret))
		return false;
	if (kind == AXC_JSON_STRING && strlen((*ret)->string) > MAX_TEXT)
		return bad(r, *ret, "key '%s': the text is longer than %d bytes", key, MAX_TEXT);
	return true;
}

/* A string or null. */
static bool want_text(Reader *r, const AxcJsonValue *object, const char *key, const char **ret)
{
	const AxcJsonValue *v = axc_json_get(object, key);
	*ret = NULL;
	if (v && v->kind == AXC_JSON_NULL)
		return true;
	if (!want(r, object, key, AXC_JSON_STRING, &v))
		return false;
	*ret = v->string;
	return true;
}

static bool elements(Reader *r, const AxcJsonValue *list, AxcJsonKind kind)
{
	for (uint32_t i = 0; i < list->n; i++) {
		AxcJsonKind k = list->item[i].kind;
		bool ok = k == kind || (kind == AXC_JSON_REAL && k == AXC_JSON_INT);
		if (!ok)
			return bad(r, &list->item[i], "key '%s', element %u: %s found, %s wanted",
			           list->key ? list->key : "", i, axc_json_kind_name(k), axc_json_kind_name(kind));
	}
	return true;
}

/* ---- numbers: finite floats are numbers, the others their names ---- */

static bool read_float(Reader *r, const AxcJsonValue *v, float *ret)
{
	if (v->kind == AXC_JSON_STRING) {
		bool inf = strcmp(v->string, "inf") == 0, minus = strcmp(v->string, "-inf") == 0;
		*ret = inf ? INFINITY : minus ? -INFINITY : NAN;
		return inf || minus || strcmp(v->string, "nan") == 0 ||
		       bad(r, v, "the text '%.20s' is no number", axc_safe_name(r->d->arena, v->string));
	}
	if (v->kind != AXC_JSON_INT && v->kind != AXC_JSON_REAL)
		return bad(r, v, "%s found, a number wanted", axc_json_kind_name(v->kind));
	*ret = (float)v->real;
	return isfinite(*ret) || bad(r, v, "the number does not fit float32");
}

static bool read_ints(Reader *r, const AxcJsonValue *list, const int64_t **ret)
{
	int64_t *ints = AXC_NEW_ARRAY(r->arena, int64_t, list->n);
	if (!elements(r, list, AXC_JSON_INT))
		return false;
	for (uint32_t i = 0; i < list->n; i++)
		ints[i] = list->item[i].integer;
	*ret = ints;
	return true;
}

static bool read_floats(Reader *r, const AxcJsonValue *list, const float **ret)
{
	float *floats = AXC_NEW_ARRAY(r->arena, float, list->n);
	for (uint32_t i = 0; i < list->n; i++)
		if (!read_float(r, &list->item[i], &floats[i]))
			return false;
	*ret = floats;
	return true;
}

/* ---- tensors ---- */

static bool read_shape(Reader *r, const AxcJsonValue *t, AxcShape *ret)
{
	const AxcJsonValue *list;
	if (!want(r, t, "shape", AXC_JSON_ARRAY, &list) || !elements(r, list, AXC_JSON_INT))
		return false;
	if (list->n > AXC_MAX_RANK)
		return bad(r, list, "key 'shape': rank %u, at most %d is possible", list->n, AXC_MAX_RANK);
	*ret = (AxcShape){.rank = (int)list->n};
	int64_t count = 1;
	for (uint32_t i = 0; i < list->n; i++) {
		int64_t dim = list->item[i].integer;
		if (dim < 0 || dim > INT32_MAX || __builtin_mul_overflow(count, dim, &count) || count > INT32_MAX)
			return bad(r, &list->item[i], "key 'shape': the dimension %lld, or the number of elements, "
			           "is out of range", (long long)dim);
		ret->dim[i] = dim;
	}
	return true;
}

static bool read_quant(Reader *r, const AxcJsonValue *t, AxcQuant *ret)
{
	const AxcJsonValue *scale, *zero, *axis = axc_json_get(t, "axis");
	if (!want(r, t, "scale", AXC_JSON_ARRAY, &scale) || !want(r, t, "zero_point", AXC_JSON_ARRAY, &zero) ||
	    !elements(r, zero, AXC_JSON_INT))
		return false;
	if (scale->n != zero->n || scale->n > INT32_MAX)
		return bad(r, zero, "key 'zero_point': %u zero points for %u scales", zero->n, scale->n);
	ret->axis = -1;
	if (!axis || axis->kind != AXC_JSON_NULL) {
		if (!want(r, t, "axis", AXC_JSON_INT, &axis))
			return false;
		if (axis->integer < 0 || axis->integer >= AXC_MAX_RANK)
			return bad(r, axis, "key 'axis': %lld is no axis", (long long)axis->integer);
		ret->axis = (int)axis->integer;
	}
	int32_t *points = AXC_NEW_ARRAY(r->arena, int32_t, zero->n);
	for (uint32_t i = 0; i < zero->n; i++) {
		if (zero->item[i].integer < -128 || zero->item[i].integer > 127)
			return bad(r, &zero->item[i], "key 'zero_point': %lld is not in -128..127",
			           (long long)zero->item[i].integer);
		points[i] = (int32_t)zero->item[i].integer;
	}
	ret->n = (int)scale->n;
	ret->zero_point = points;
	if (!read_floats(r, scale, &ret->scale))
		return false;
	for (int i = 0; i < ret->n; i++)
		if (!isnormal(ret->scale[i]) || ret->scale[i] < 0)
			return bad(r, &scale->item[i], "key 'scale': a scale is a normal positive float32");
	return true;
}

static bool read_dtype(Reader *r, const AxcJsonValue *t, const char *key, AxcDType *ret)
{
	const AxcJsonValue *v;
	if (!want(r, t, key, AXC_JSON_STRING, &v))
		return false;
	*ret = axc_dtype_parse(v->string);
	return *ret != AXC_DT_NONE ||
	       bad(r, v, "key '%s': '%s' is no type", key, axc_safe_name(r->d->arena, v->string));
}

/* The constant's bytes in the .bin, if the tensor is one. */
static bool read_data(Reader *r, const AxcJsonValue *t, AxcValue *v)
{
	const AxcJsonValue *offset = axc_json_get(t, "offset"), *bytes;
	if (!offset)
		return true;
	if (!want(r, t, "offset", AXC_JSON_INT, &offset) || !want(r, t, "bytes", AXC_JSON_INT, &bytes))
		return false;
	size_t size = (size_t)axc_shape_count(&v->shape) * axc_dtype_bytes(v->dtype);
	if (bytes->integer < 0 || (uint64_t)bytes->integer != size)
		return bad(r, bytes, "key 'bytes': %lld found, %zu wanted for %s %s", (long long)bytes->integer, size,
		           axc_dtype_name(v->dtype), axc_shape_text(r->d->arena, &v->shape));
	if (offset->integer < 0 || offset->integer % 64 || (uint64_t)offset->integer > r->bin_bytes ||
	    size > r->bin_bytes - (uint64_t)offset->integer)
		return bad(r, offset, "key 'offset': %lld with %zu bytes is not in the .bin of %zu bytes, or no "
		           "multiple of 64", (long long)offset->integer, size, r->bin_bytes);
	v->data = r->bin + offset->integer;
	v->data_bytes = size;
	return true;
}

static bool read_tensor(Reader *r, const AxcJsonValue *t)
{
	const AxcJsonValue *name;
	const char *layout;
	AxcValue v = {.q = {.axis = -1}};
	if (!want(r, t, "name", AXC_JSON_STRING, &name) || !read_dtype(r, t, "dtype", &v.dtype) ||
	    !read_shape(r, t, &v.shape) || !want_text(r, t, "layout", &layout) || !read_quant(r, t, &v.q))
		return false;
	if (axc_json_get(t, "onnx_dtype") && !read_dtype(r, t, "onnx_dtype", &v.onnx_dtype_tag))
		return false;
	if (axc_shape_count(&v.shape) * (int64_t)axc_dtype_bytes(v.dtype) > INT32_MAX)
		return bad(r, t, "a tensor of 2^31 bytes or more");
	if (!read_data(r, t, &v))
		return false;
	if (!*name->string || axc_map_get(&r->values, name->string))
		return bad(r, name, "key 'name': a tensor's name is empty or stands twice: '%s'",
		           axc_safe_name(r->d->arena, name->string));
	AxcId id = axc_value_add(r->g, name->string, v.dtype, &v.shape);
	v.name = axc_value(r->g, id)->name;
	*axc_value(r->g, id) = v;
	axc_map_put(&r->values, r->arena, v.name, id);
	return true;
}

static bool read_tensors(Reader *r, const AxcJsonValue *root)
{
	const AxcJsonValue *list;
	if (!want(r, root, "tensors", AXC_JSON_ARRAY, &list) || !elements(r, list, AXC_JSON_OBJECT))
		return false;
	if (list->n > MAX_TENSORS)
		return bad(r, list, "key 'tensors': %u tensors, at most %d are possible", list->n, MAX_TENSORS);
	for (uint32_t i = 0; i < list->n; i++)
		if (!read_tensor(r, &list->item[i]))
			return false;
	return true;
}

/* ---- nodes ---- */

/* Names of values; "" is an optional one left out if `optional`. */
static bool read_ids(Reader *r, const AxcJsonValue *object, const char *key, bool optional, uint32_t *ret_n,
                     AxcId **ret)
{
	const AxcJsonValue *list;
	if (!want(r, object, key, AXC_JSON_ARRAY, &list) || !elements(r, list, AXC_JSON_STRING))
		return false;
	AxcId *ids = AXC_NEW_ARRAY(r->arena, AxcId, list->n);
	for (uint32_t i = 0; i < list->n; i++) {
		const char *name = list->item[i].string;
		ids[i] = *name ? axc_map_get(&r->values, name) : 0;
		if (!ids[i] && (*name || !optional))
			return bad(r, &list->item[i], "key '%s': there is no tensor '%s'", key,
			           axc_safe_name(r->d->arena, name));
	}
	*ret_n = list->n;
	*ret = ids;
	return true;
}

static bool read_strings(Reader *r, const AxcJsonValue *list, const char *const **ret)
{
	const char **strings = AXC_NEW_ARRAY(r->arena, const char *, list->n);
	if (!elements(r, list, AXC_JSON_STRING))
		return false;
	for (uint32_t i = 0; i < list->n; i++)
		strings[i] = list->item[i].string;
	*ret = strings;
	return true;
}

static bool read_attr(Reader *r, const AxcJsonValue *o, AxcAttr *a)
{
	static const char *const kinds[] = {"int", "float", "string", "ints", "floats", "strings", "tensor"};
	const AxcJsonValue *name, *type, *v;
	if (!want(r, o, "name", AXC_JSON_STRING, &name) || !want(r, o, "type", AXC_JSON_STRING, &type))
		return false;
	int kind = 0;
	while (kind < (int)AXC_COUNT(kinds) && strcmp(kinds[kind], type->string) != 0)
		kind++;
	a->name = name->string;
	a->kind = (AxcAttrKind)kind;
	if (kind == (int)AXC_COUNT(kinds))
		return bad(r, type, "key 'type': '%s' is no kind of attribute", axc_safe_name(r->d->arena, type->string));
	if (kind == AXC_ATTR_FLOAT) {
		v = axc_json_get(o, "value");
		return v ? read_float(r, v, &a->f) : want(r, o, "value", AXC_JSON_REAL, &v);
	}
	AxcJsonKind json = kind == AXC_ATTR_INT                                ? AXC_JSON_INT
	                   : kind == AXC_ATTR_STRING || kind == AXC_ATTR_TENSOR ? AXC_JSON_STRING
	                                                                        : AXC_JSON_ARRAY;
	if (!want(r, o, "value", json, &v))
		return false;
	a->i = v->integer;
	a->s = v->string;
	a->n = v->n;
	if (kind == AXC_ATTR_TENSOR) {
		a->tensor = axc_map_get(&r->values, v->string);
		return a->tensor || bad(r, v, "there is no tensor '%s'", axc_safe_name(r->d->arena, v->string));
	}
	return kind == AXC_ATTR_INTS      ? read_ints(r, v, &a->ints)
	       : kind == AXC_ATTR_FLOATS  ? read_floats(r, v, &a->floats)
	       : kind == AXC_ATTR_STRINGS ? read_strings(r, v, &a->strings)
	                                  : true;
}

static bool read_attrs(Reader *r, const AxcJsonValue *o, AxcNode *n)
{
	const AxcJsonValue *list;
	if (!want(r, o, "attributes", AXC_JSON_ARRAY, &list) || !elements(r, list, AXC_JSON_OBJECT))
		return false;
	if (list->n > MAX_ATTRS)
		return bad(r, list, "key 'attributes': %u, at most %d are possible", list->n, MAX_ATTRS);
	n->attrs = AXC_NEW_ARRAY(r->arena, AxcAttr, list->n);
	n->n_attrs = list->n;
	for (uint32_t i = 0; i < list->n; i++) {
		if (!read_attr(r, &list->item[i], &n->attrs[i]))
			return false;
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(n->attrs[k].name, n->attrs[i].name) == 0)
				return bad(r, &list->item[i], "the attribute '%s' stands twice",
				           axc_safe_name(r->d->arena, n->attrs[i].name));
	}
	return true;
}

static bool claim_outputs(Reader *r, const AxcJsonValue *o, const AxcId *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const AxcValue *v = axc_value(r->g, out[i]);
		bool twice = false;
		for (uint32_t k = 0; k < i; k++)
			twice = twice || (out[i] && out[k] == out[i]);
		if (out[i] && (twice || v->producer || v->is_input || v->data))
			return bad(r, o, "key 'outputs': '%s' is a constant, an input, or another output",
			           axc_safe_name(r->d->arena, v->name));
	}
	return true;
}

static bool read_node(Reader *r, const AxcJsonValue *o)
{
	const AxcJsonValue *name, *op, *domain, *origins;
	AxcNode n = {0};
	if (!want(r, o, "name", AXC_JSON_STRING, &name) || !want(r, o, "op", AXC_JSON_STRING, &op) ||
	    !want(r, o, "domain", AXC_JSON_STRING, &domain) || !read_ids(r, o, "inputs", true, &n.n_in, &n.in) ||
	    !read_ids(r, o, "outputs", true, &n.n_out, &n.out) || !read_attrs(r, o, &n) ||
	    !want(r, o, "origins", AXC_JSON_ARRAY, &origins) || !read_strings(r, origins, &n.origins) ||
	    !want_text(r, o, "float_reason", &n.float_reason) || !claim_outputs(r, o, n.out, n.n_out))
		return false;
	if (!*name->string || axc_map_get(&r->nodes, name->string))
		return bad(r, name, "key 'name': a node's name is empty or stands twice: '%s'",
		           axc_safe_name(r->d->arena, name->string));
	AxcId id = axc_node_add(r->g, op->string, name->string, n.n_in, n.in, n.n_out, n.out);
	AxcNode *to = axc_node(r->g, id);
	axc_map_put(&r->nodes, r->arena, to->name, id);
	to->attrs = n.attrs;
	to->n_attrs = n.n_attrs;
	to->origins = n.origins;
	to->n_origins = origins->n;
	to->float_reason = n.float_reason;
	if (strcmp(to->domain, domain->string) != 0) {
		to->domain = domain->string;
		to->op = axc_op_find(to->domain, to->op_type);
	}
	return to->op || bad(r, op, "key 'op': the operator '%s' of domain '%s' is not known",
	                     axc_safe_name(r->d->arena, op->string), axc_safe_name(r->d->arena, domain->string));
}

static bool read_nodes(Reader *r, const AxcJsonValue *root)
{
	const AxcJsonValue *list;
	if (!want(r, root, "nodes", AXC_JSON_ARRAY, &list) || !elements(r, list, AXC_JSON_OBJECT))
		return false;
	for (uint32_t i = 0; i < list->n; i++)
		if (!read_node(r, &list->item[i]))
			return false;
	return true;
}

/* ---- the whole ---- */

static bool read_bin(Reader *r, const AxcJsonValue *root, const char *dir)
{
	const AxcJsonValue *bin, *file, *bytes, *hash;
	if (!want(r, root, "bin", AXC_JSON_OBJECT, &bin) || !want(r, bin, "file", AXC_JSON_STRING, &file) ||
	    !want(r, bin, "bytes", AXC_JSON_INT, &bytes) || !want(r, bin, "hash", AXC_JSON_STRING, &hash))
		return false;
	if (!*file->string || strchr(file->string, '/') || file->string[0] == '.')
		return bad(r, file, "key 'file': the name of a file in the same directory is wanted");
	const char *path = axc_path_join(r->arena, dir, file->string);
	if (!axc_map_file(r->arena, r->d, "weights", path, (size_t)1 << 40, &r->bin, &r->bin_bytes))
		return false;
	if (bytes->integer < 0 || (uint64_t)bytes->integer != r->bin_bytes)
		return bad(r, bytes, "key 'bytes': '%s' has %zu bytes, %lld are wanted: it was cut off or changed",
		           axc_safe_name(r->d->arena, path), r->bin_bytes, (long long)bytes->integer);
	char found[24];
	snprintf(found, sizeof found, "%016llx", (unsigned long long)axc_hash(r->bin, r->bin_bytes));
	if (strcmp(found, hash->string) != 0)
		return bad(r, hash, "key 'hash': '%s' has the hash %s, %.32s is wanted: it was changed",
		           axc_safe_name(r->d->arena, path), found, axc_safe_name(r->d->arena, hash->string));
	return true;
}

static bool is_identifier(const char *text)
{
	bool ok = *text && !(*text >= '0' && *text <= '9') && strlen(text) <= 200;
	for (const char *p = text; *p; p++)
		ok = ok && (*p == '_' || (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'));
	return ok;
}

static bool read_head(Reader *r, const AxcJsonValue *root)
{
	const AxcJsonValue *version, *model, *name, *opset;
	if (!want(r, root, "format_version", AXC_JSON_INT, &version))
		return false;
	if (version->integer != AXC_MODEL_FORMAT_VERSION)
		return bad(r, version, "key 'format_version': %lld found, %d is what this version reads",
		           (long long)version->integer, AXC_MODEL_FORMAT_VERSION);
	if (!want(r, root, "model_name", AXC_JSON_STRING, &model) ||
	    !want(r, root, "graph_name", AXC_JSON_STRING, &name) || !want(r, root, "opset", AXC_JSON_INT, &opset))
		return false;
	if (!is_identifier(model->string))
		return bad(r, model, "key 'model_name': an identifier of at most 200 characters is wanted");
	r->g = axc_graph_new(r->arena, name->string);
	r->g->model_name = model->string;
	r->g->opset = opset->integer;
	return true;
}

static bool read_ports(Reader *r, const AxcJsonValue *root)
{
	AxcId *in, *out;
	uint32_t n_in, n_out;
	if (!read_ids(r, root, "inputs", false, &n_in, &in) || !read_ids(r, root, "outputs", false, &n_out, &out))
		return false;
	for (uint32_t i = 0; i < n_in; i++) {
		AxcValue *v = axc_value(r->g, in[i]);
		if (v->is_input || v->data)
			return bad(r, root, "key 'inputs': '%s' stands twice or is a constant",
			           axc_safe_name(r->d->arena, v->name));
		v->is_input = true;
		AXC_PUSH(r->arena, &r->g->inputs, in[i]);
	}
	for (uint32_t i = 0; i < n_out; i++)
		AXC_PUSH(r->arena, &r->g->outputs, out[i]);
	return n_out > 0 || bad(r, root, "key 'outputs': the graph has none");
}

static bool read_json(AxcArena *arena, AxcDiag *d, const char *path, const char *dir, const char **ret_bin,
                      AxcGraph **ret)
{
	Reader r = {.arena = arena, .d = d, .file = axc_safe_name(arena, path)};
	const AxcJsonValue *root;
	if (!axc_json_load(arena, d, "quantized model", path, MAX_JSON, &root))
		return false;
	if (root->kind != AXC_JSON_OBJECT)
		return bad(&r, root, "%s found, an object wanted", axc_json_kind_name(root->kind));
	if (!read_head(&r, root) || !read_bin(&r, root, dir) || !read_tensors(&r, root) || !read_ports(&r, root) ||
	    !read_nodes(&r, root) || !axc_model_check(r.g, d, r.file))
		return false;
	*ret_bin = axc_json_get(axc_json_get(root, "bin"), "file")->string;
	*ret = r.g;
	return true;
}

bool axc_model_read(AxcArena *arena, AxcDiag *d, const char *manifest_path, AxcGraph **ret_graph)
{
	const char *names[AXC_MODEL_FILES];
	return axc_model_read_files(arena, d, manifest_path, names, ret_graph);
}

bool axc_model_read_files(AxcArena *arena, AxcDiag *d, const char *manifest_path,
                          const char *ret_names[AXC_MODEL_FILES], AxcGraph **ret_graph)
{
	static const char *const keys[] = {
		"quantize_params", "dequantize_params", "input_shapes", "output_shapes", "n_padded_ch_inputs",
		"n_padded_ch_outputs", "input_tensor_layout", "model_params_file", "preprocess_graph",
		"postprocess_graph", "input_dtypes", "output_dtypes", "input_shapes_original", "output_shapes_original"};
	Reader r = {.arena = arena, .d = d, .file = axc_safe_name(arena, manifest_path)};
	const AxcJsonValue *root, *version, *file, *lib;
	if (!axc_json_load(arena, d, "manifest", manifest_path, MAX_JSON, &root) ||
	    !want(&r, root, "manifest_version", AXC_JSON_STRING, &version))
		return false;
	file = axc_json_get(root, "quantized_model_file");
	if (file && file->kind == AXC_JSON_NULL) {
		bad(&r, file, "key 'quantized_model_file': null; the quantized graph was not written");
		return axc_diag_hint(d, "quantize again without quantized_graph_export=false");
	}
	if (!want(&r, root, "quantized_model_file", AXC_JSON_STRING, &file))
		return false;
	if (strcmp(version->string, "1.0") != 0)
		return bad(&r, version, "key 'manifest_version': '%s' found, '1.0' is what this version reads",
		           axc_safe_name(d->arena, version->string));
	for (size_t i = 0; i < AXC_COUNT(keys); i++)
		if (!axc_json_get(root, keys[i]))
			return bad(&r, root, "the key '%s' is missing", keys[i]);
	lib = axc_json_get(root, "model_lib_file");
	if (!lib)
		return bad(&r, root, "the key 'model_lib_file' is missing");
	if (lib->kind != AXC_JSON_NULL) {
		bad(&r, lib, "key 'model_lib_file': null wanted; this is the manifest of a compiled model");
		return axc_diag_hint(d, "give the quantized_model_manifest.json in quantized_model/");
	}
	if (!*file->string || strchr(file->string, '/') || file->string[0] == '.')
		return bad(&r, file, "key 'quantized_model_file': the name of a file in the same directory is wanted");
	const char *dir = axc_path_dir(arena, manifest_path);
	ret_names[0] = axc_path_base(manifest_path);
	ret_names[1] = file->string;
	return read_json(arena, d, axc_path_join(arena, dir, file->string), dir, &ret_names[2], ret_graph);
}
