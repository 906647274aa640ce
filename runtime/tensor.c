/* Tensor descriptions: from model.json's objects to what the API shows. */
#include "json.h"
#include "runtime.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct DType {
	const char *name;
	axrxType type;
	size_t bytes, axr_type;
} DType;

static const DType dtypes[] = {
	{"int8", AXRX_TYPE_INT8, 1, AXR_SIGNED},      {"uint8", AXRX_TYPE_UINT8, 1, AXR_UNSIGNED},
	{"int16", AXRX_TYPE_INT16, 2, AXR_SIGNED},    {"int32", AXRX_TYPE_INT32, 4, AXR_SIGNED},
	{"int64", AXRX_TYPE_INT64, 8, AXR_SIGNED},    {"float32", AXRX_TYPE_FLOAT32, 4, AXR_FLOAT},
	{"bool", AXRX_TYPE_BOOL, 1, AXR_UNSIGNED},
};
enum { NUM_DTYPES = sizeof dtypes / sizeof *dtypes };

typedef struct Problem {
	char *text;
	size_t bytes;
} Problem;

static bool fail(Problem *problem, const char *text)
{
	snprintf(problem->text, problem->bytes, "%s", text);
	return false;
}

static bool is_list(const AxcJsonValue *json, size_t max)
{
	return rt_json_is(json, AXC_JSON_ARRAY) && rt_json_count(json) <= max;
}

static bool parse_names(const AxcJsonValue *json, RtTensor *t, Problem *problem)
{
	const char *name = rt_json_string(axc_json_get(json, "name"));
	const char *dtype = rt_json_string(axc_json_get(json, "dtype"));
	const char *layout = rt_json_string(axc_json_get(json, "layout"));
	if (!name)
		return fail(problem, "name: wanted a string");
	if (!layout)
		return fail(problem, "layout: wanted a string");
	const DType *type = NULL;
	for (int i = 0; i < NUM_DTYPES; i++) {
		if (dtype && strcmp(dtypes[i].name, dtype) == 0)
			type = &dtypes[i];
	}
	if (!type)
		return fail(problem, "dtype: wanted int8, uint8, int16, int32, int64, float32 or bool");
	t->ext.name = name;
	t->ext.layout = layout;
	t->ext.dtype = type->name;
	t->ext.type = type->type;
	t->ext.element_bytes = type->bytes;
	t->info.bits = type->bytes * 8;
	t->info.type = type->axr_type;
	size_t n = strlen(name);
	if (n >= sizeof t->info.name) { /* cut between UTF-8 characters */
		n = sizeof t->info.name - 1;
		while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(t->info.name, name, n);
	return true;
}

static bool parse_shape(const AxcJsonValue *json, RtTensor *t, Problem *problem)
{
	const AxcJsonValue *shape = axc_json_get(json, "shape");
	if (!is_list(shape, AXR_MAX_TENSOR_DIMS))
		return fail(problem, "shape: wanted a list of at most 8 numbers");
	size_t bytes = t->ext.element_bytes;
	t->info.ndims = t->ext.ndims = rt_json_count(shape);
	for (size_t i = 0; i < t->info.ndims; i++) {
		const AxcJsonValue *value = rt_json_item(shape, i);
		int64_t dim = rt_json_int(value);
		if (!rt_json_is(value, AXC_JSON_INT) || dim < 0 || dim > INT32_MAX)
			return fail(problem, "shape: wanted numbers from 0 to 2147483647");
		t->info.dims[i] = t->ext.dims[i] = (size_t)dim;
		if (__builtin_mul_overflow(bytes, (size_t)dim, &bytes) || bytes > (size_t)1 << 40)
			return fail(problem, "shape: larger than this runtime allows (2^40 bytes)");
	}
	t->ext.bytes = bytes;
	return true;
}

static bool parse_padding(const AxcJsonValue *json, RtTensor *t, Problem *problem)
{
	const AxcJsonValue *padding = axc_json_get(json, "padding");
	if (!is_list(padding, AXR_MAX_TENSOR_DIMS) || rt_json_count(padding) != t->info.ndims)
		return fail(problem, "padding: wanted one [before, after] per dimension");
	for (size_t i = 0; i < t->info.ndims; i++) {
		const AxcJsonValue *pair = rt_json_item(padding, i);
		size_t rest = t->info.dims[i];
		for (size_t k = 0; k < 2; k++) {
			const AxcJsonValue *value = rt_json_item(pair, k);
			int64_t n = rt_json_int(value);
			if (rt_json_count(pair) != 2 || !rt_json_is(value, AXC_JSON_INT) || n < 0 || (size_t)n > rest)
				return fail(problem, "padding: wanted [before, after], within the dimension");
			t->info.padding[i][k] = (size_t)n;
			rest -= (size_t)n;
		}
	}
	return true;
}

/* The API has room for one scale: per-channel tensors show the first. */
static bool parse_quantization(const AxcJsonValue *json, RtTensor *t, Problem *problem)
{
	const AxcJsonValue *scale = axc_json_get(json, "scale"), *zero_point = axc_json_get(json, "zero_point");
	t->info.scale = 1.0;
	if (!rt_json_is(scale, AXC_JSON_ARRAY) || !rt_json_is(zero_point, AXC_JSON_ARRAY) ||
	    rt_json_count(scale) != rt_json_count(zero_point))
		return fail(problem, "scale, zero_point: wanted two lists of the same length");
	for (size_t i = rt_json_count(scale); i-- > 0;) {
		const AxcJsonValue *s = rt_json_item(scale, i), *z = rt_json_item(zero_point, i);
		if (!rt_json_is_number(s) || !isfinite(rt_json_number(s)) || rt_json_number(s) <= 0)
			return fail(problem, "scale: wanted numbers above 0");
		if (!rt_json_is(z, AXC_JSON_INT) || rt_json_int(z) < INT32_MIN || rt_json_int(z) > INT32_MAX)
			return fail(problem, "zero_point: wanted whole numbers");
		t->info.scale = (float)rt_json_number(s); /* scales are float32; the text is the shortest for one */
		t->info.zero_point = (int)rt_json_int(z);
	}
	const AxcJsonValue *axis = axc_json_get(json, "axis");
	if (!rt_json_is(axis, AXC_JSON_NULL) && (!rt_json_is(axis, AXC_JSON_INT) || rt_json_int(axis) < 0 ||
	                            (size_t)rt_json_int(axis) >= t->info.ndims))
		return fail(problem, "axis: wanted null or a dimension");
	const AxcJsonValue *original = axc_json_get(json, "shape_original");
	if (!rt_json_is(original, AXC_JSON_ARRAY))
		return fail(problem, "shape_original: wanted a list");
	return true;
}

bool rt_parse_tensor(const AxcJsonValue *json, RtTensor *ret, char *problem, size_t problem_bytes)
{
	Problem p = {problem, problem_bytes};
	RtTensor t = {0};
	if (!rt_json_is(json, AXC_JSON_OBJECT))
		return fail(&p, "wanted an object");
	if (!parse_names(json, &t, &p) || !parse_shape(json, &t, &p) || !parse_padding(json, &t, &p) ||
	    !parse_quantization(json, &t, &p))
		return false;
	*ret = t;
	return true;
}

size_t axr_tensor_size(const axrTensorInfo *info)
{
	if (!info || info->ndims > AXR_MAX_TENSOR_DIMS)
		return 0;
	size_t bytes = info->bits / 8;
	for (size_t i = 0; i < info->ndims; i++) {
		if (__builtin_mul_overflow(bytes, info->dims[i], &bytes))
			return 0;
	}
	return bytes;
}
