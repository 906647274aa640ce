/* Operators that keep the elements in order and change the shape only: Reshape, Flatten, Squeeze,
 * Unsqueeze. */
#include "ops/util.h"

static bool infer_reshape(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcShape *x = axc_in_shape(g, n, 0);
	const int64_t *want;
	int64_t rank, known = 1, count = axc_shape_count(x);
	int free_dim = -1;
	AxcShape y = {0};
	if (!axc_need_ints(g, n, d->arena, d, 1, "shape", &want, &rank))
		return false;
	if (rank > AXC_MAX_RANK)
		return axc_misfit(g, n, d, NULL, "the shape has rank %lld, at most 8 is supported",
				  (long long)rank);
	y.rank = (int)rank;
	for (int i = 0; i < y.rank; i++) {
		y.dim[i] = want[i];
		if (want[i] == 0 && !axc_attr_int(n, "allowzero", 0)) {
			if (i >= x->rank)
				return axc_misfit(g, n, d, NULL,
						  "the shape copies dimension %d, which the input "
						  "does not have",
						  i);
			y.dim[i] = x->dim[i];
		}
		if (want[i] < -1 || (want[i] == -1 && free_dim >= 0))
			return axc_misfit(g, n, d, NULL, "dimension %d of the shape is %lld", i,
					  (long long)want[i]);
		if (want[i] == -1)
			free_dim = i;
		else if (__builtin_mul_overflow(known, y.dim[i], &known))
			return axc_misfit(g, n, d, NULL, "the shape is too large");
	}
	if (free_dim >= 0)
		y.dim[free_dim] = known ? count / known : 0;
	if (axc_shape_count(&y) != count)
		return axc_misfit(g, n, d, "a shape of as many elements",
				  "%lld elements cannot be reshaped to %s", (long long)count,
				  axc_shape_text(d->arena, &y));
	return axc_set_out(g, node, d, 0, axc_value(g, n->in[0])->dtype, &y);
}

static bool infer_flatten(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcShape *x = axc_in_shape(g, n, 0);
	int64_t axis = axc_attr_int(n, "axis", 1);
	AxcShape y = {.rank = 2, .dim = {1, 1}};
	if (axis < -x->rank || axis > x->rank)
		return axc_misfit(g, n, d, NULL, "attribute axis is %lld, wanted %d to %d",
				  (long long)axis, -x->rank, x->rank);
	axis += axis < 0 ? x->rank : 0;
	for (int i = 0; i < x->rank; i++)
		y.dim[i >= axis] *= x->dim[i];
	return axc_set_out(g, node, d, 0, axc_value(g, n->in[0])->dtype, &y);
}

/* The axes of input 1 in a tensor of this rank. */
static bool read_axes(AxcGraph *g, const AxcNode *n, AxcDiag *d, int rank,
		      bool on[2 * AXC_MAX_RANK])
{
	const int64_t *axes;
	int64_t count;
	if (!axc_need_ints(g, n, d->arena, d, 1, "axes", &axes, &count))
		return false;
	for (int64_t i = 0; i < count; i++) {
		int a;
		if (!axc_axis(g, n, d, "an axis", axes[i], rank, &a))
			return false;
		if (on[a])
			return axc_misfit(g, n, d, NULL, "axis %d is named twice", a);
		on[a] = true;
	}
	return true;
}

static bool infer_squeeze(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcShape *x = axc_in_shape(g, n, 0);
	bool drop[2 * AXC_MAX_RANK] = {false};
	AxcShape y = {0};
	if (axc_has_in(n, 1) && !read_axes(g, n, d, x->rank, drop))
		return false;
	for (int i = 0; i < x->rank; i++) {
		if (drop[i] && x->dim[i] != 1)
			return axc_misfit(g, n, d, NULL, "dimension %d is %lld, wanted 1", i,
					  (long long)x->dim[i]);
		if (!drop[i] && (axc_has_in(n, 1) || x->dim[i] != 1))
			y.dim[y.rank++] = x->dim[i];
	}
	return axc_set_out(g, node, d, 0, axc_value(g, n->in[0])->dtype, &y);
}

static bool infer_unsqueeze(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcShape *x = axc_in_shape(g, n, 0);
	int64_t added = axc_has_in(n, 1) ? axc_shape_count(axc_in_shape(g, n, 1)) : 0;
	bool fresh[2 * AXC_MAX_RANK] = {false};
	AxcShape y = {0};
	if (added > AXC_MAX_RANK - x->rank)
		return axc_misfit(g, n, d, NULL,
				  "the result would have rank %lld, at most 8 is supported",
				  (long long)(x->rank + added));
	if (!read_axes(g, n, d, x->rank + (int)added, fresh))
		return false;
	y.rank = x->rank + (int)added;
	for (int i = 0, from = 0; i < y.rank; i++)
		y.dim[i] = fresh[i] ? 1 : x->dim[from++];
	return axc_set_out(g, node, d, 0, axc_value(g, n->in[0])->dtype, &y);
}

#define VIEW(id, onnx, inputs_min, inputs_max, names, infer_fn)                                    \
	static const AxcOp id = {.name = onnx,                                                     \
				 .domain = "",                                                     \
				 .min_in = inputs_min,                                             \
				 .max_in = inputs_max,                                             \
				 .min_out = 1,                                                     \
				 .max_out = 1,                                                     \
				 .attrs = names,                                                   \
				 .infer = infer_fn,                                                \
				 .build = axc_build_view,                                          \
				 .eval_i8 = axc_eval_view_i8,                                      \
				 .quant = AXC_QR_SAME,                                             \
				 .lower = AXC_LK_VIEW}
VIEW(reshape, "Reshape", 2, 2, "allowzero", infer_reshape);
VIEW(flatten, "Flatten", 1, 1, "axis", infer_flatten);
VIEW(squeeze, "Squeeze", 1, 2, "", infer_squeeze);
VIEW(unsqueeze, "Unsqueeze", 2, 2, "", infer_unsqueeze);

const AxcOp *const axc_ops_view[] = {&reshape, &flatten, &squeeze, &unsqueeze, NULL};
