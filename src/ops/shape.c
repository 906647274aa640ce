/* Tensors made from shapes and constants: Shape, Size, ConstantOfShape, Range, NonZero. Their
 * values are known when the network is compiled, so the kernel call is a copy of a constant (or a
 * fill). */
#include "ops/util.h"

#include <math.h>

static bool copy_const(AxcBuild *b, const void *data, size_t bytes)
{
	return axc_build_bytes(b, axc_ref_out(0), axc_build_const(b, data, bytes), bytes);
}

/* ---- Shape, Size ---- */

static int clamp_axis(int64_t a, int rank)
{
	a = a < 0 ? a + rank : a;
	return (int)(a < 0 ? 0 : a > rank ? rank : a);
}

static void shape_range(const AxcGraph *g, const AxcNode *n, int *ret_from, int *ret_to)
{
	int rank = axc_in_shape(g, n, 0)->rank;
	*ret_from = clamp_axis(axc_attr_int(n, "start", 0), rank);
	*ret_to = clamp_axis(axc_attr_int(n, "end", rank), rank);
	*ret_to = AXC_MAX(*ret_to, *ret_from);
}

static bool infer_shape(AxcGraph *g, AxcId node, AxcDiag *d)
{
	int from, to;
	shape_range(g, axc_node(g, node), &from, &to);
	AxcShape y = {.rank = 1, .dim = {to - from}};
	return axc_set_out(g, node, d, 0, AXC_I64, &y);
}

static bool build_shape(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	int from, to;
	shape_range(g, n, &from, &to);
	return copy_const(b, axc_in_shape(g, n, 0)->dim + from,
			  (size_t)(to - from) * sizeof(int64_t));
}

static bool infer_size(AxcGraph *g, AxcId node, AxcDiag *d)
{
	AxcShape y = {0};
	return axc_set_out(g, node, d, 0, AXC_I64, &y);
}

static bool build_size(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	int64_t count = axc_shape_count(axc_in_shape(g, n, 0));
	return copy_const(b, &count, sizeof count);
}

/* ---- ConstantOfShape ---- */

static const AxcValue *fill_value(const AxcGraph *g, const AxcNode *n)
{
	const AxcAttr *a = axc_attr(n, "value");
	return a && a->kind == AXC_ATTR_TENSOR && a->tensor ? &g->values.at[a->tensor] : NULL;
}

static bool infer_constant_of_shape(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcValue *fill = fill_value(g, n);
	const int64_t *dims;
	int64_t rank;
	if (!axc_need_ints(g, n, d->arena, d, 0, "shape", &dims, &rank))
		return false;
	if (rank > AXC_MAX_RANK)
		return axc_misfit(g, n, d, NULL, "the shape has rank %lld, at most 8 is supported",
				  (long long)rank);
	AxcShape y = axc_shape_of((int)rank, dims);
	for (int i = 0; i < y.rank; i++)
		if (y.dim[i] < 0)
			return axc_misfit(g, n, d, NULL, "dimension %d of the shape is %lld", i,
					  (long long)y.dim[i]);
	if (fill && (!fill->data || axc_shape_count(&fill->shape) != 1))
		return axc_misfit(g, n, d, NULL, "attribute value is no tensor of one element");
	return axc_set_out(g, node, d, 0, fill ? fill->dtype : AXC_F32, &y);
}

static bool build_constant_of_shape(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	static const float zero = 0.0f;
	const AxcValue *fill = fill_value(g, n), *y = &g->values.at[n->out[0]];
	struct axk_fill p = {.elem_bytes = (int)axc_dtype_bytes(y->dtype), .sy = {[7] = 1}};
	memcpy(p.dims, (int[8]){1, 1, 1, 1, 1, 1, 1, (int)axc_shape_count(&y->shape)},
	       sizeof p.dims);
	AxcRef buf[2] = {axc_ref_out(0),
			 axc_build_const(b, fill ? fill->data : &zero, (size_t)p.elem_bytes)};
	return axc_build_call(b, AXK_FILL, &p, sizeof p, 0, 2, buf);
}

/* ---- Range ---- */

/* start, limit, delta as doubles (int64 exact up to 2^53, which range_count refuses to exceed). */
static bool range_inputs(const AxcGraph *g, const AxcNode *n, AxcDiag *d, double v[3])
{
	for (uint32_t i = 0; i < 3; i++) {
		const AxcValue *x = &g->values.at[n->in[i]];
		float f;
		if (!x->data || axc_shape_count(&x->shape) != 1 ||
		    x->dtype != g->values.at[n->in[0]].dtype)
			return axc_not_constant(g, n, d, i, i == 0 ? "start" : i == 1 ? "limit" : "delta",
						"a constant of one element, of one type all three");
		if (x->dtype == AXC_F32) {
			memcpy(&f, x->data, sizeof f);
			v[i] = (double)f;
		} else if (x->dtype == AXC_I64 || x->dtype == AXC_I32) {
			v[i] = (double)axc_int_element(x, 0);
		} else {
			return axc_misfit(g, n, d, NULL, "the type %s is not supported",
					  axc_dtype_name(x->dtype));
		}
	}
	return true;
}

static bool range_count(const AxcGraph *g, const AxcNode *n, AxcDiag *d, double v[3], int64_t *ret)
{
	if (!range_inputs(g, n, d, v))
		return false;
	double count = ceil((v[1] - v[0]) / v[2]);
	if (v[2] == 0 || !(count <= (double)(INT32_MAX / 8)) || fabs(v[0]) > 0x1p53 ||
	    fabs(v[1]) > 0x1p53)
		return axc_misfit(g, n, d, NULL,
				  "a range from %g to %g in steps of %g is too large", v[0], v[1],
				  v[2]);
	*ret = count > 0 ? (int64_t)count : 0;
	return true;
}

static bool infer_range(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	AxcShape y = {.rank = 1};
	double v[3];
	return range_count(g, n, d, v, &y.dim[0]) &&
	       axc_set_out(g, node, d, 0, axc_value(g, n->in[0])->dtype, &y);
}

static bool build_range(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	AxcDType dtype = g->values.at[n->in[0]].dtype;
	size_t bytes = axc_dtype_bytes(dtype);
	int64_t count;
	double v[3];
	void *data;
	if (!range_count(g, n, b->d, v, &count))
		return false;
	AxcRef made = axc_build_const_new(b, (size_t)count * bytes, &data);
	for (int64_t i = 0; i < count; i++) {
		double x = v[0] + (double)i * v[2];
		if (dtype == AXC_F32)
			((float *)data)[i] = (float)x;
		else if (dtype == AXC_I32)
			((int32_t *)data)[i] = (int32_t)x;
		else
			((int64_t *)data)[i] = (int64_t)x;
	}
	return axc_build_bytes(b, axc_ref_out(0), made, (size_t)count * bytes);
}

/* ---- NonZero, of constants only ---- */

static bool is_zero(const AxcValue *x, int64_t i)
{
	static const uint8_t zeros[8] = {0};
	size_t bytes = axc_dtype_bytes(x->dtype);
	float f;
	if (x->dtype != AXC_F32)
		return memcmp((const char *)x->data + (size_t)i * bytes, zeros, bytes) == 0;
	memcpy(&f, (const char *)x->data + i * 4, sizeof f);
	return f == 0.0f;
}

static int64_t count_nonzero(const AxcValue *x)
{
	int64_t count = axc_shape_count(&x->shape), found = 0;
	for (int64_t i = 0; i < count; i++)
		found += !is_zero(x, i);
	return found;
}

static bool infer_nonzero(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcValue *x = axc_value(g, n->in[0]);
	if (!x->data) {
		axc_misfit(g, n, d, "a constant input", "the size of the result depends on data computed by the network");
		return axc_diag_hint(d, "all sizes are fixed when compiling; leave this node and what follows to a program "
					"of your own (onnx.utils.extract_model)");
	}
	AxcShape y = {.rank = 2, .dim = {x->shape.rank, count_nonzero(x)}};
	return axc_set_out(g, node, d, 0, AXC_I64, &y);
}

static bool build_nonzero(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcValue *x = &g->values.at[n->in[0]];
	int64_t count = axc_shape_count(&x->shape), found = x->data ? count_nonzero(x) : 0, at = 0;
	size_t bytes = (size_t)(found * x->shape.rank) * sizeof(int64_t);
	void *data;
	AxcRef made = axc_build_const_new(b, bytes, &data);
	for (int64_t i = 0; i < count && x->data; i++) {
		int64_t rest = i;
		if (is_zero(x, i))
			continue;
		for (int k = x->shape.rank - 1; k >= 0; k--) {
			((int64_t *)data)[k * found + at] = rest % x->shape.dim[k];
			rest /= x->shape.dim[k];
		}
		at++;
	}
	return axc_build_bytes(b, axc_ref_out(0), made, bytes);
}

#define LITERAL(id, onnx, inputs, names, infer_fn, build_fn)                                       \
	static const AxcOp id = {.name = onnx,                                                     \
				 .domain = "",                                                     \
				 .min_in = inputs,                                                 \
				 .max_in = inputs,                                                 \
				 .min_out = 1,                                                     \
				 .max_out = 1,                                                     \
				 .attrs = names,                                                   \
				 .infer = infer_fn,                                                \
				 .build = build_fn}
LITERAL(shape, "Shape", 1, "start end", infer_shape, build_shape);
LITERAL(size, "Size", 1, "", infer_size, build_size);
LITERAL(constant_of_shape, "ConstantOfShape", 1, "value", infer_constant_of_shape,
	build_constant_of_shape);
LITERAL(range, "Range", 3, "", infer_range, build_range);
LITERAL(nonzero, "NonZero", 1, "", infer_nonzero, build_nonzero);

const AxcOp *const axc_ops_shape[] = {&shape, &size, &constant_of_shape, &range, &nonzero, NULL};
