/* Operators that take elements by index: Gather and GatherElements, GatherND, their scattering
 * counterparts, TopK. Gather with constant indices moves elements like Slice does, and so has an
 * int8 meaning; with indices known at run time these are kernels of their own, in float and
 * integers. */
#include "ops/move.h"

static const AxcShape *shape_in(const AxcGraph *g, const AxcNode *n, uint32_t i)
{
	return &g->values.at[n->in[i]].shape;
}

static bool check_indices(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	AxcDType t = g->values.at[n->in[1]].dtype;
	return t == AXC_I32 || t == AXC_I64 ||
	       axc_misfit(g, n, d, NULL, "the indices are %s, wanted int32 or int64",
			  axc_dtype_name(t));
}

static int index_type(const AxcGraph *g, const AxcNode *n)
{
	return axc_type_code(g->values.at[n->in[1]].dtype);
}

static int axis_of(const AxcNode *n, int rank, int64_t absent)
{
	int64_t a = axc_attr_int(n, "axis", absent);
	return (int)(a < 0 ? a + rank : a);
}

static int elem_bytes(const AxcGraph *g, const AxcNode *n)
{
	return (int)axc_dtype_bytes(g->values.at[n->in[0]].dtype);
}

/* ---- Gather ---- */

/* Constant indices must lie within the dimension; those known at run time are clamped by the
 * kernel. */
static bool check_range(const AxcGraph *g, const AxcNode *n, AxcDiag *d, int64_t extent)
{
	const AxcValue *v = &g->values.at[n->in[1]];
	int64_t count = axc_shape_count(&v->shape);
	for (int64_t i = 0; v->data && i < count; i++) {
		int64_t at = axc_int_element(v, i);
		if (at < -extent || at >= extent)
			return axc_misfit(g, n, d, NULL, "index %lld lies outside the dimension, wanted %lld to %lld",
					  (long long)at, (long long)-extent, (long long)(extent - 1));
	}
	return true;
}

static bool infer_gather(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcShape *x = shape_in(g, n, 0), *k = shape_in(g, n, 1);
	AxcShape y = {0};
	int axis;
	if (!axc_axis(g, n, d, "attribute axis", axc_attr_int(n, "axis", 0), x->rank, &axis) ||
	    !check_indices(g, n, d))
		return false;
	if (x->rank + k->rank - 1 > AXC_MAX_RANK)
		return axc_misfit(g, n, d, NULL,
				  "the result would have rank %d, at most 8 is supported",
				  x->rank + k->rank - 1);
	if ((x->dim[axis] == 0 && axc_shape_count(k) > 0) || !check_range(g, n, d, x->dim[axis]))
		return x->dim[axis] == 0
			       ? axc_misfit(g, n, d, NULL, "the dimension gathered from is empty")
			       : false;
	for (int i = 0; i < axis; i++)
		y.dim[y.rank++] = x->dim[i];
	for (int i = 0; i < k->rank; i++)
		y.dim[y.rank++] = k->dim[i];
	for (int i = axis + 1; i < x->rank; i++)
		y.dim[y.rank++] = x->dim[i];
	return axc_set_out(g, node, d, 0, axc_value(g, n->in[0])->dtype, &y);
}

/* [outer][indices][inner], the indices as a table; evenly spaced ones as a stride. */
static bool describe_gather(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d,
			    uint32_t out, AxcMove *m)
{
	const AxcValue *v = &g->values.at[n->in[1]];
	const AxcShape *x = shape_in(g, n, 0);
	int64_t count = axc_shape_count(&v->shape);
	int outer, c, inner;
	(void)d;
	(void)out;
	axc_split_at(x, axis_of(n, x->rank, 0), &outer, &c, &inner);
	m->rank = 3;
	memcpy(m->dim, (int64_t[3]){outer, count, inner}, 3 * sizeof(int64_t));
	memcpy(m->stride, (int64_t[3]){(int64_t)c * inner, 0, 1}, 3 * sizeof(int64_t));
	int32_t *t = AXC_NEW_ARRAY(arena, int32_t, (size_t)count);
	bool even = true;
	for (int64_t i = 0; i < count; i++) {
		int64_t at = axc_int_element(v, i);
		t[i] = (int32_t)((at < 0 ? at + c : at) * inner);
		even = even && (i < 2 || t[i] - t[i - 1] == t[1] - t[0]);
	}
	if (count && even) {
		m->base = t[0];
		m->stride[1] = count > 1 ? t[1] - t[0] : 0;
	} else {
		m->table[1] = t;
	}
	return true;
}

static bool build_gather(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcShape *x = shape_in(g, n, 0);
	struct axk_gather p = {.elem_bytes = elem_bytes(g, n), .index_type = index_type(g, n)};
	AxcRef buf[3] = {axc_ref_out(0), axc_ref_in(0), axc_ref_in(1)};
	if (axc_is_const(g, n->in[1]))
		return axc_move_build_node(g, n, b, describe_gather);
	p.n = (int)axc_shape_count(shape_in(g, n, 1));
	axc_split_at(x, axis_of(n, x->rank, 0), &p.outer, &p.axis, &p.inner);
	return axc_build_call(b, AXK_GATHER, &p, sizeof p, 0, 3, buf);
}

static bool eval_gather_i8(const AxcGraph *g, const AxcNode *n, const AxcTensor *const *in,
			   AxcTensor *const *out, AxcDiag *d)
{
	return axc_move_eval_node(g, n, in, out, d, describe_gather);
}

static bool indices_constant(const AxcGraph *g, const AxcNode *n)
{
	return axc_is_const(g, n->in[1]);
}

/* ---- GatherElements, ScatterElements ---- */

/* Dimensions of `small` and strides of `big`, into 8 from the right; the axis moves along. */
static void eight_dims(const AxcShape *small, const AxcShape *big, int axis, int dims[8],
		       int strides[8], int *ret_axis)
{
	int64_t stride[AXC_MAX_RANK];
	int shift = 8 - small->rank;
	axc_row_major(big, stride);
	for (int i = 0; i < 8; i++) {
		dims[i] = i < shift ? 1 : (int)small->dim[i - shift];
		strides[i] = i < shift ? 0 : (int)stride[i - shift];
	}
	*ret_axis = axis + shift;
}

/* Index and data of the same rank, index no larger but on the axis. */
static bool fits_elements(AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	const AxcShape *x = shape_in(g, n, 0), *k = shape_in(g, n, 1);
	int axis;
	if (!axc_axis(g, n, d, "attribute axis", axc_attr_int(n, "axis", 0), x->rank, &axis) ||
	    !check_indices(g, n, d))
		return false;
	if (k->rank != x->rank)
		return axc_misfit(g, n, d, NULL, "the indices have rank %d, wanted %d", k->rank,
				  x->rank);
	for (int i = 0; i < x->rank; i++)
		if (i != axis && k->dim[i] > x->dim[i])
			return axc_misfit(g, n, d, NULL,
					  "the indices are larger than the data in dimension %d",
					  i);
	return x->dim[axis] > 0 || axc_shape_count(k) == 0 ||
	       axc_misfit(g, n, d, NULL, "the dimension indexed is empty");
}

static bool infer_gather_elements(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	AxcShape y = *shape_in(g, n, 1);
	return fits_elements(g, n, d) &&
	       axc_set_out(g, node, d, 0, axc_value(g, n->in[0])->dtype, &y);
}

static bool build_gather_elements(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcShape *x = shape_in(g, n, 0);
	struct axk_gather_elements p = {.elem_bytes = elem_bytes(g, n),
					.index_type = index_type(g, n)};
	AxcRef buf[3] = {axc_ref_out(0), axc_ref_in(0), axc_ref_in(1)};
	int axis = axis_of(n, x->rank, 0);
	p.extent = (int)x->dim[axis];
	eight_dims(shape_in(g, n, 1), x, axis, p.dims, p.sx, &p.axis);
	return axc_build_call(b, AXK_GATHER_ELEMENTS, &p, sizeof p, 0, 3, buf);
}

static bool read_reduction(const AxcGraph *g, const AxcNode *n, AxcDiag *d, int *ret)
{
	static const char *const names[] = {"none", "add", "mul", "min", "max"};
	const char *s = axc_attr_string(n, "reduction", "none");
	for (int i = 0; i < (int)AXC_COUNT(names); i++)
		if (strcmp(s, names[i]) == 0) {
			*ret = i;
			return true;
		}
	return axc_misfit(g, n, d, NULL,
			  "attribute reduction is \"%s\", wanted none, add, mul, min or max", s);
}

static bool infer_scatter_elements(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	int op;
	if (!read_reduction(g, n, d, &op) || !fits_elements(g, n, d))
		return false;
	if (!axc_shape_equal(shape_in(g, n, 1), shape_in(g, n, 2)) ||
	    axc_value(g, n->in[0])->dtype != axc_value(g, n->in[2])->dtype)
		return axc_misfit(g, n, d, "updates shaped like the indices, of the data's type",
				  "the updates do not fit");
	return axc_infer_same(g, node, d);
}

static bool build_scatter_elements(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcValue *x = &g->values.at[n->in[0]];
	struct axk_scatter_elements p = {.type = axc_type_code(x->dtype),
					 .index_type = index_type(g, n)};
	AxcRef buf[3] = {axc_ref_out(0), axc_ref_in(1), axc_ref_in(2)};
	int axis = axis_of(n, x->shape.rank, 0);
	p.extent = (int)x->shape.dim[axis];
	eight_dims(shape_in(g, n, 1), &x->shape, axis, p.dims, p.sy, &p.axis);
	return read_reduction(g, n, b->d, &p.op) && axc_build_view(g, n, b) &&
	       axc_build_call(b, AXK_SCATTER_ELEMENTS, &p, sizeof p, 1, 3, buf);
}

/* ---- GatherND, ScatterND ---- */

static bool infer_gather_nd(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcShape *x = shape_in(g, n, 0), *k = shape_in(g, n, 1);
	int64_t batch = axc_attr_int(n, "batch_dims", 0);
	AxcShape y = {0};
	int64_t depth = k->rank ? k->dim[k->rank - 1] : 0;
	if (!check_indices(g, n, d))
		return false;
	if (batch < 0 || batch >= k->rank || batch > x->rank || depth < 1 ||
	    batch + depth > x->rank || k->rank - 1 + x->rank - batch - depth > AXC_MAX_RANK)
		return axc_misfit(g, n, d, NULL,
				  "index tuples of %lld behind %lld batch dimensions do not fit",
				  (long long)depth, (long long)batch);
	for (int i = 0; i < k->rank - 1; i++) {
		if (i < batch && k->dim[i] != x->dim[i])
			return axc_misfit(g, n, d, NULL, "batch dimension %d differs", i);
		y.dim[y.rank++] = k->dim[i];
	}
	for (int i = (int)(batch + depth); i < x->rank; i++)
		y.dim[y.rank++] = x->dim[i];
	return axc_set_out(g, node, d, 0, axc_value(g, n->in[0])->dtype, &y);
}

static bool build_gather_nd(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcShape *x = shape_in(g, n, 0), *k = shape_in(g, n, 1);
	struct axk_gather_nd p = {.elem_bytes = elem_bytes(g, n),
				  .index_type = index_type(g, n),
				  .batch = 1,
				  .n = 1,
				  .inner = 1};
	int first = (int)axc_attr_int(n, "batch_dims", 0);
	int64_t stride[AXC_MAX_RANK];
	AxcRef buf[3] = {axc_ref_out(0), axc_ref_in(0), axc_ref_in(1)};
	axc_row_major(x, stride);
	p.k = (int)k->dim[k->rank - 1];
	for (int i = 0; i < k->rank - 1; i++)
		*(i < first ? &p.batch : &p.n) *= (int)k->dim[i];
	p.batch_stride = first ? (int)(stride[first - 1]) : 0;
	for (int i = 0; i < p.k; i++) {
		p.dims[i] = (int)x->dim[first + i];
		p.sx[i] = (int)stride[first + i];
	}
	for (int i = first + p.k; i < x->rank; i++)
		p.inner *= (int)x->dim[i];
	return axc_build_call(b, AXK_GATHER_ND, &p, sizeof p, 0, 3, buf);
}

static bool infer_scatter_nd(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcShape *x = shape_in(g, n, 0), *k = shape_in(g, n, 1), *u = shape_in(g, n, 2);
	int64_t depth = k->rank ? k->dim[k->rank - 1] : 0;
	AxcShape want = {0};
	int op;
	if (!check_indices(g, n, d) || !read_reduction(g, n, d, &op))
		return false;
	if (depth < 1 || depth > x->rank || k->rank - 1 + x->rank - depth > AXC_MAX_RANK)
		return axc_misfit(g, n, d, NULL, "index tuples of %lld do not fit",
				  (long long)depth);
	for (int i = 0; i < k->rank - 1; i++)
		want.dim[want.rank++] = k->dim[i];
	for (int i = (int)depth; i < x->rank; i++)
		want.dim[want.rank++] = x->dim[i];
	for (int i = 0; i < (int)depth; i++)
		if (x->dim[i] == 0 && axc_shape_count(u) > 0)
			return axc_misfit(g, n, d, NULL, "dimension %d is empty", i);
	if (!axc_shape_equal(u, &want) ||
	    axc_value(g, n->in[0])->dtype != axc_value(g, n->in[2])->dtype)
		return axc_misfit(g, n, d, axc_shape_text(d->arena, &want),
				  "the updates do not fit");
	return axc_infer_same(g, node, d);
}

static bool build_scatter_nd(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcValue *x = &g->values.at[n->in[0]];
	const AxcShape *k = shape_in(g, n, 1);
	struct axk_scatter_nd p = {.type = axc_type_code(x->dtype),
				   .index_type = index_type(g, n),
				   .n = 1,
				   .inner = 1};
	int64_t stride[AXC_MAX_RANK];
	AxcRef buf[3] = {axc_ref_out(0), axc_ref_in(1), axc_ref_in(2)};
	axc_row_major(&x->shape, stride);
	p.k = (int)k->dim[k->rank - 1];
	for (int i = 0; i < k->rank - 1; i++)
		p.n *= (int)k->dim[i];
	for (int i = 0; i < p.k; i++) {
		p.dims[i] = (int)x->shape.dim[i];
		p.sy[i] = (int)stride[i];
	}
	for (int i = p.k; i < x->shape.rank; i++)
		p.inner *= (int)x->shape.dim[i];
	return read_reduction(g, n, b->d, &p.op) && axc_build_view(g, n, b) &&
	       axc_build_call(b, AXK_SCATTER_ND, &p, sizeof p, 1, 3, buf);
}

/* ---- TopK ---- */

static bool infer_topk(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	AxcShape y = *shape_in(g, n, 0);
	const int64_t *k;
	int64_t count;
	int axis;
	if (!axc_axis(g, n, d, "attribute axis", axc_attr_int(n, "axis", -1), y.rank, &axis) ||
	    !axc_need_ints(g, n, d->arena, d, 1, "k", &k, &count))
		return false;
	if (count != 1 || k[0] < 0 || k[0] > y.dim[axis])
		return axc_misfit(g, n, d, NULL, "k is %lld, wanted 0 to %lld",
				  count == 1 ? (long long)k[0] : -1LL, (long long)y.dim[axis]);
	y.dim[axis] = k[0];
	return axc_set_out(g, node, d, 0, axc_value(g, n->in[0])->dtype, &y) &&
	       axc_set_out(g, node, d, 1, AXC_I64, &y);
}

static bool build_topk(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcValue *x = &g->values.at[n->in[0]];
	struct axk_topk p = {.type = axc_type_code(x->dtype),
			     .smallest = axc_attr_int(n, "largest", 1) == 0};
	int axis = axis_of(n, x->shape.rank, -1);
	axc_split_at(&x->shape, axis, &p.outer, &p.c, &p.inner);
	p.k = (int)axc_int_element(&g->values.at[n->in[1]], 0);
	size_t count = (size_t)p.outer * (size_t)p.k * (size_t)p.inner;
	AxcRef buf[3] = {axc_ref_out(0), axc_ref_out(1), axc_ref_in(0)};
	if (!n->out[0])
		buf[0] = axc_build_temp(b, count * axc_dtype_bytes(x->dtype));
	if (n->n_out < 2 || !n->out[1])
		buf[1] = axc_build_temp(b, count * sizeof(int64_t));
	return axc_build_call(b, AXK_TOPK, &p, sizeof p, 0, 3, buf);
}

/* ---- the literals ---- */

static const AxcOp gather = {.name = "Gather",
			     .domain = "",
			     .min_in = 2,
			     .max_in = 2,
			     .min_out = 1,
			     .max_out = 1,
			     .attrs = "axis",
			     .infer = infer_gather,
			     .build = build_gather,
			     .eval_i8 = eval_gather_i8,
			     .quant = AXC_QR_SAME,
			     .lower = AXC_LK_MOVE,
			     .quantizable = indices_constant};
static const AxcOp gather_elements = {.name = "GatherElements",
				      .domain = "",
				      .min_in = 2,
				      .max_in = 2,
				      .min_out = 1,
				      .max_out = 1,
				      .attrs = "axis",
				      .infer = infer_gather_elements,
				      .build = build_gather_elements};
static const AxcOp gather_nd = {.name = "GatherND",
				.domain = "",
				.min_in = 2,
				.max_in = 2,
				.min_out = 1,
				.max_out = 1,
				.attrs = "batch_dims",
				.infer = infer_gather_nd,
				.build = build_gather_nd};
static const AxcOp scatter_elements = {.name = "ScatterElements",
				       .domain = "",
				       .min_in = 3,
				       .max_in = 3,
				       .min_out = 1,
				       .max_out = 1,
				       .attrs = "axis reduction",
				       .infer = infer_scatter_elements,
				       .build = build_scatter_elements};
static const AxcOp scatter_nd = {.name = "ScatterND",
				 .domain = "",
				 .min_in = 3,
				 .max_in = 3,
				 .min_out = 1,
				 .max_out = 1,
				 .attrs = "reduction",
				 .infer = infer_scatter_nd,
				 .build = build_scatter_nd};
static const AxcOp topk = {.name = "TopK",
			   .domain = "",
			   .min_in = 2,
			   .max_in = 2,
			   .min_out = 1,
			   .max_out = 2,
			   .attrs = "axis largest sorted",
			   .infer = infer_topk,
			   .build = build_topk};

const AxcOp *const axc_ops_index[] = {
	&gather, &gather_elements, &gather_nd, &scatter_elements, &scatter_nd, &topk, NULL};
