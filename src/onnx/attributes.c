/* The types of attributes, and those that must be there. In the standard operators an attribute of one name has
 * one type, so a file that gives another is told so, instead of being read as if the attribute were not there. */
#include "onnx/internal.h"

typedef struct Expected {
	const char *name;
	int type;
} Expected;

/* "value" and those of operators that do not exist here are absent: theirs differ or do not matter. */
static const Expected expected[] = {
	{"allowzero", ATTR_INT}, {"alpha", ATTR_FLOAT}, {"antialias", ATTR_INT}, {"approximate", ATTR_STRING},
	{"auto_pad", ATTR_STRING}, {"axes", ATTR_INTS}, {"axis", ATTR_INT}, {"batch_dims", ATTR_INT},
	{"beta", ATTR_FLOAT}, {"bias", ATTR_FLOAT}, {"blocksize", ATTR_INT}, {"ceil_mode", ATTR_INT},
	{"coordinate_transformation_mode", ATTR_STRING}, {"count_include_pad", ATTR_INT},
	{"cubic_coeff_a", ATTR_FLOAT}, {"detect_negative", ATTR_INT}, {"detect_positive", ATTR_INT},
	{"dilations", ATTR_INTS}, {"dtype", ATTR_INT}, {"ends", ATTR_INTS}, {"epsilon", ATTR_FLOAT},
	{"equation", ATTR_STRING}, {"exclude_outside", ATTR_INT}, {"exclusive", ATTR_INT},
	{"extrapolation_value", ATTR_FLOAT}, {"fmod", ATTR_INT}, {"gamma", ATTR_FLOAT}, {"group", ATTR_INT},
	{"keep_aspect_ratio_policy", ATTR_STRING}, {"keepdims", ATTR_INT}, {"kernel_shape", ATTR_INTS},
	{"lambd", ATTR_FLOAT}, {"largest", ATTR_INT}, {"max", ATTR_FLOAT}, {"min", ATTR_FLOAT},
	{"mode", ATTR_STRING}, {"nearest_mode", ATTR_STRING}, {"noop_with_empty_axes", ATTR_INT},
	{"num_groups", ATTR_INT}, {"num_outputs", ATTR_INT}, {"output_padding", ATTR_INTS},
	{"output_shape", ATTR_INTS}, {"p", ATTR_INT}, {"padding_mode", ATTR_STRING}, {"pads", ATTR_INTS},
	{"perm", ATTR_INTS}, {"ratio", ATTR_FLOAT}, {"reduction", ATTR_STRING}, {"reverse", ATTR_INT},
	{"scales", ATTR_FLOATS}, {"select_last_index", ATTR_INT}, {"shape", ATTR_INTS}, {"size", ATTR_INT},
	{"sorted", ATTR_INT}, {"split", ATTR_INTS}, {"starts", ATTR_INTS}, {"storage_order", ATTR_INT},
	{"strides", ATTR_INTS}, {"to", ATTR_INT}, {"transA", ATTR_INT}, {"transB", ATTR_INT},
	{"upper", ATTR_INT},
};

static const char *type_name(int type)
{
	static const char *const names[] = {
		[ATTR_FLOAT] = "a float", [ATTR_INT] = "an integer", [ATTR_STRING] = "a text",
		[ATTR_TENSOR] = "a tensor", [ATTR_GRAPH] = "a subgraph", [ATTR_FLOATS] = "a list of floats",
		[ATTR_INTS] = "a list of integers", [ATTR_STRINGS] = "a list of texts"};
	const char *name = type > 0 && type < (int)AXC_COUNT(names) ? names[type] : NULL;
	return name ? name : "of another type";
}

bool axc_onnx_attribute_type_fits(AxcDiag *d, const char *name, int type)
{
	for (size_t i = 0; i < AXC_COUNT(expected); i++)
		if (strcmp(expected[i].name, name) == 0 && expected[i].type != type)
			return axc_fail(d, "the attribute '%s' is %s, wanted %s", name, type_name(type),
					type_name(expected[i].type));
	return true;
}

/* Attributes without a default, up to the opset in which they became inputs. */
static const struct Required {
	const char *op, *attribute;
	int before;
} required[] = {
	{"AveragePool", "kernel_shape", 99}, {"Cast", "to", 99}, {"Concat", "axis", 99},
	{"DepthToSpace", "blocksize", 99}, {"Einsum", "equation", 99}, {"GroupNormalization", "num_groups", 99},
	{"LRN", "size", 99}, {"LpPool", "kernel_shape", 99}, {"MaxPool", "kernel_shape", 99}, {"Pad", "pads", 11},
	{"Slice", "ends", 10}, {"Slice", "starts", 10}, {"SpaceToDepth", "blocksize", 99}, {"TopK", "k", 10},
	{"Unsqueeze", "axes", 13}, {"Upsample", "scales", 9},
};

bool axc_onnx_attributes_present(AxcDiag *d, const AxcNode *n, int64_t opset)
{
	for (size_t i = 0; i < AXC_COUNT(required); i++) {
		const struct Required *r = &required[i];
		if (*n->domain || opset >= r->before || strcmp(r->op, n->op_type) != 0 || axc_attr(n, r->attribute))
			continue;
		return axc_fail(d, "%s lacks the attribute '%s', which has no default", n->op_type, r->attribute);
	}
	return true;
}
