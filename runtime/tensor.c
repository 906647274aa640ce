/* Tensor descriptions: from model.json's objects to what the API shows. */
#include "runtime.h"

#include <jansson.h>
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

static bool is_list(json_t *json, size_t max)
{
	return json_is_array(json) && json_array_size(json) <= max;
}

static bool parse_names(json_t *json, RtTensor *t, Problem *problem)
{
	const char *name = json_string_value(json_object_get(json, "name"));
	const char *dtype = json_string_value(json_object_get(json, "dtype"));
	const char *layout = json_string_value(json_object_get(json, "layout"));
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

static bool parse_shape(json_t *json, RtTensor *t, Problem *problem)
{
	json_t *shape = json_object_get(json, "shape");
	if (!is_list(shape, AXR_MAX_TENSOR_DIMS))
		return fail(problem, "shape: wanted a list of at most 8 numbers");
	size_t bytes = t->ext.element_bytes;
	t->info.ndims = t->ext.ndims = json_array_size(shape);
	for (size_t i = 0; i < t->info.ndims; i++) {
		json_t *value = json_array_get(shape, i);
		json_int_t dim = json_integer_value(value);
		if (!json_is_integer(value) || dim < 0 || dim > INT32_MAX)
			return fail(problem, "shape: wanted numbers from 0 to 2147483647");
		t->info.dims[i] = t->ext.dims[i] = (size_t)dim;
		if (__builtin_mul_overflow(bytes, (size_t)dim, &bytes) || bytes > (size_t)1 << 40)
			return fail(problem, "shape: larger than this runtime allows (2^40 bytes)");
	}
	t->ext.bytes = bytes;
	return true;
}

static bool parse_padding(json_t *json, RtTensor *t, Problem *problem)
{
	json_t *padding = json_object_get(json, "padding");
	if (!is_list(padding, AXR_MAX_TENSOR_DIMS) || json_array_size(padding) != t->info.ndims)
		return fail(problem, "padding: wanted one [before, after] per dimension");
	for (size_t i = 0; i < t->info.ndims; i++) {
		json_t *pair = json_array_get(padding, i);
		size_t rest = t->info.dims[i];
		for (size_t k = 0; k < 2; k++) {
			json_t *value = json_array_get(pair, k);
			json_int_t n = json_integer_value(value);
			if (json_array_size(pair) != 2 || !json_is_integer(value) || n < 0 || (size_t)n > rest)
				return fail(problem, "padding: wanted [before, after], within the dimension");
			t->info.padding[i][k] = (size_t)n;
			rest -= (size_t)n;
		}
	}
	return true;
}

/* The API has room for one scale: per-channel tensors show the first. */
static bool parse_quantization(json_t *json, RtTensor *t, Problem *problem)
{
	json_t *scale = json_object_get(json, "scale"), *zero_point = json_object_get(json, "zero_point");
	t->info.scale = 1.0;
	if (!json_is_array(scale) || !json_is_array(zero_point) ||
	    json_array_size(scale) != json_array_size(zero_point))
		return fail(problem, "scale, zero_point: wanted two lists of the same length");
	for (size_t i = json_array_size(scale); i-- > 0;) {
		json_t *s = json_array_get(scale, i), *z = json_array_get(zero_point, i);
		if (!json_is_number(s) || !isfinite(json_number_value(s)) || json_number_value(s) <= 0)
			return fail(problem, "scale: wanted numbers above 0");
		if (!json_is_integer(z) || json_integer_value(z) < INT32_MIN || json_integer_value(z) > INT32_MAX)
			return fail(problem, "zero_point: wanted whole numbers");
		t->info.scale = (float)json_number_value(s); /* scales are float32; the text is the shortest for one */
		t->info.zero_point = (int)json_integer_value(z);
	}
	json_t *axis = json_object_get(json, "axis");
	if (!json_is_null(axis) && (!json_is_integer(axis) || json_integer_value(axis) < 0 ||
	                            (size_t)json_integer_value(axis) >= t->info.ndims))
		return fail(problem, "axis: wanted null or a dimension");
	json_t *original = json_object_get(json, "shape_original");
	if (!json_is_array(original))
		return fail(problem, "shape_original: wanted a list");
	return true;
}

bool rt_parse_tensor(json_t *json, RtTensor *ret, char *problem, size_t problem_bytes)
{
	Problem p = {problem, problem_bytes};
	RtTensor t = {0};
	if (!json_is_object(json))
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
