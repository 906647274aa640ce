/* Reductions over dimensions, ArgMax and ArgMin, CumSum. In int8: ReduceMean is rule 4, ReduceMax
 * compares integers; the others stay float. */
#include "ops/move.h"
#include "ops/requant.h"

/* ---- which dimensions ---- */

typedef struct Axes {
	bool reduced[AXC_MAX_RANK];
	bool keep;
	int64_t count; /* elements per output */
} Axes;

/* Constant axes only; no allocation, so that runs of the interpreter may call it. */
static bool read_axes(const AxcGraph *g, const AxcNode *n, AxcDiag *d, Axes *ret)
{
	const AxcShape *x = axc_in_shape(g, n, 0);
	const AxcValue *axes = axc_has_in(n, 1) ? &g->values.at[n->in[1]] : NULL;
	int64_t n_axes = axes ? axc_shape_count(&axes->shape) : 0;
	*ret = (Axes){.keep = axc_attr_int(n, "keepdims", 1) != 0, .count = 1};
	if (n_axes && (!axes->data || (axes->dtype != AXC_I64 && axes->dtype != AXC_I32)))
		return axc_not_constant(g, n, d, 1, "axes", "a constant integer tensor");
	for (int64_t i = 0; i < n_axes; i++) {
		int a;
		if (!axc_axis(g, n, d, "an axis", axc_int_element(axes, i), x->rank, &a))
			return false;
		ret->reduced[a] = true;
	}
	if (n_axes == 0 && !axc_attr_int(n, "noop_with_empty_axes", 0))
		for (int i = 0; i < x->rank; i++)
			ret->reduced[i] = true;
	for (int i = 0; i < x->rank; i++) {
		ret->count *= ret->reduced[i] ? x->dim[i] : 1;
	}
	return true;
}

static bool infer_reduce(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcValue *x = axc_value(g, n->in[0]);
	AxcShape y = {0};
	Axes a;
	if (!read_axes(g, n, d, &a))
		return false;
	for (int i = 0; i < x->shape.rank; i++) {
		if (!a.reduced[i])
			y.dim[y.rank++] = x->shape.dim[i];
		else if (a.keep)
			y.dim[y.rank++] = 1;
	}
	return axc_set_out(g, node, d, 0, x->dtype, &y);
}

/* ---- kernel calls ---- */

static const struct {
	const char *op;
	int code;
} codes[] = {
	{"ReduceSum", AXK_R_SUM},       {"ReduceMean", AXK_R_MEAN},
	{"ReduceMax", AXK_R_MAX},       {"ReduceMin", AXK_R_MIN},
	{"ReduceProd", AXK_R_PROD},     {"ReduceL1", AXK_R_L1},
	{"ReduceL2", AXK_R_L2},         {"ReduceSumSquare", AXK_R_SUMSQUARE},
	{"ReduceLogSum", AXK_R_LOGSUM}, {"ReduceLogSumExp", AXK_R_LOGSUMEXP},
};

static int code_of(const AxcNode *n)
{
	for (size_t i = 0; i < AXC_COUNT(codes); i++)
		if (strcmp(codes[i].op, n->op_type) == 0)
			return codes[i].code;
	return AXK_R_SUM;
}

/* The dimensions with reduced[d] == want, merged where they run on, into 8 from the right. */
static void dims_of(const AxcShape *x, const bool *reduced, bool want, int dims[8], int strides[8])
{
	int64_t stride[AXC_MAX_RANK];
	int at = 8, before = -1;
	axc_row_major(x, stride);
	for (int i = 0; i < 8; i++) {
		dims[i] = 1;
		strides[i] = 0;
	}
	for (int d = x->rank - 1; d >= 0; d--) {
		if (reduced[d] != want || x->dim[d] == 1)
			continue;
		if (at < 8 && before >= 0 && stride[d] == (int64_t)strides[at] * dims[at]) {
			dims[at] *= (int)x->dim[d];
		} else {
			dims[--at] = (int)x->dim[d];
			strides[at] = (int)stride[d];
		}
		before = d;
	}
}

static bool call_reduce(const AxcGraph *g, const AxcNode *n, AxcBuild *b, int op, AxcRef out,
			AxcRef top)
{
	const AxcValue *x = &g->values.at[n->in[0]];
	struct axk_reduce p = {.op = op, .type = axc_type_code(x->dtype)};
	Axes a;
	if (!read_axes(g, n, b->d, &a))
		return false;
	p.count = (float)a.count;
	dims_of(&x->shape, a.reduced, false, p.kdims, p.ks);
	dims_of(&x->shape, a.reduced, true, p.rdims, p.rs);
	AxcRef buf[3] = {out, axc_ref_in(0), top};
	return axc_build_call(b, x->dtype == AXC_F32 ? AXK_REDUCE_F32 : AXK_REDUCE_INT, &p,
			      sizeof p, 0, 3, buf);
}

static bool build_reduce(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	AxcRef none = {AXC_REF_NONE, 0, 0};
	int op = code_of(n);
	if (op != AXK_R_LOGSUMEXP)
		return call_reduce(g, n, b, op, axc_ref_out(0), none);
	AxcRef top = axc_build_temp(b, (size_t)axc_shape_count(&g->values.at[n->out[0]].shape) *
					       sizeof(float));
	return call_reduce(g, n, b, AXK_R_MAX, top, none) &&
	       call_reduce(g, n, b, op, axc_ref_out(0), top);
}

static bool check_reduce(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	int op = code_of(n);
	AxcDType t = g->values.at[n->in[0]].dtype;
	if (t == AXC_F32 || (op < AXK_R_L2 && t != AXC_BOOL) || op == AXK_R_SUMSQUARE)
		return true;
	if (t == AXC_BOOL && (op == AXK_R_MAX || op == AXK_R_MIN))
		return true;
	return axc_check_f32(g, n, d, 1);
}

/* ---- int8 ---- */

static bool wrong_types(const AxcNode *n, AxcDiag *d)
{
	axc_fail(d, "%s in int8 wants one int8 input and output with one scale each", n->op_type);
	return axc_diag_node(d, n->name, n->op_type);
}

/* Offset of place number i (row-major) of strided dimensions. */
static int64_t place(const int dims[8], const int strides[8], int64_t i)
{
	int64_t at = 0;
	for (int d = 7; d >= 0 && i; d--) {
		at += i % dims[d] * strides[d];
		i /= dims[d];
	}
	return at;
}

typedef struct Int8Reduce {
	Axes axes;
	int kdims[8], ks[8], rdims[8], rs[8];
	int64_t n_out;
} Int8Reduce;

static bool start_i8(const AxcGraph *g, const AxcNode *n, const AxcTensor *x, const AxcTensor *y,
		     AxcDiag *d, Int8Reduce *r)
{
	if (x->dtype != AXC_I8 || x->q.n != 1 || (y->dtype == AXC_I8 && y->q.n != 1))
		return wrong_types(n, d);
	if (!read_axes(g, n, d, &r->axes))
		return false;
	dims_of(&x->shape, r->axes.reduced, false, r->kdims, r->ks);
	dims_of(&x->shape, r->axes.reduced, true, r->rdims, r->rs);
	r->n_out = axc_shape_count(&y->shape);
	return true;
}

/* Rule 4. */
static bool eval_mean_i8(const AxcGraph *g, const AxcNode *n, const AxcTensor *const *in,
			 AxcTensor *const *out, AxcDiag *d)
{
	const AxcTensor *x = in[0], *y = out[0];
	Int8Reduce r;
	if (!start_i8(g, n, x, y, d, &r))
		return false;
	float size = (float)r.axes.count, sx = x->q.scale[0];
	float divisor = y->dtype == AXC_I8 ? y->q.scale[0] * size : size, m = sx / divisor;
	for (int64_t i = 0; i < r.n_out; i++) {
		const int8_t *from = (const int8_t *)x->data + place(r.kdims, r.ks, i);
		int32_t sum = 0;
		for (int64_t k = 0; k < r.axes.count; k++)
			sum += from[place(r.rdims, r.rs, k)] - x->q.zero_point[0];
		if (y->dtype == AXC_F32)
			((float *)y->data)[i] = (float)sum * m;
		else
			((int8_t *)y->data)[i] = axc_requant(sum, m, y->q.zero_point[0] + 128);
	}
	return true;
}

static bool eval_max_i8(const AxcGraph *g, const AxcNode *n, const AxcTensor *const *in,
			AxcTensor *const *out, AxcDiag *d)
{
	const AxcTensor *x = in[0], *y = out[0];
	uint8_t table[256];
	Int8Reduce r;
	if (y->dtype != AXC_I8)
		return wrong_types(n, d);
	if (!start_i8(g, n, x, y, d, &r))
		return false;
	axc_table_rescale(&x->q, &y->q, table);
	for (int64_t i = 0; i < r.n_out; i++) {
		const int8_t *from = (const int8_t *)x->data + place(r.kdims, r.ks, i);
		int8_t best = -128;
		for (int64_t k = 0; k < r.axes.count; k++)
			best = AXC_MAX(best, from[place(r.rdims, r.rs, k)]);
		((int8_t *)y->data)[i] = (int8_t)(table[(uint8_t)(best + 128)] - 128);
	}
	return true;
}

/* Lowering wants the reduced dimensions to be neighbours (but for dimensions of 1 between them). */
static bool neighbours(const AxcGraph *g, const AxcNode *n)
{
	const AxcShape *x = axc_in_shape(g, n, 0);
	AxcDiag quiet = {.arena = g->arena};
	int runs = 0;
	bool inside = false;
	Axes a;
	if (!read_axes(g, n, &quiet, &a))
		return false;
	for (int d = 0; d < x->rank; d++) {
		if (x->dim[d] == 1)
			continue;
		runs += a.reduced[d] && !inside;
		inside = a.reduced[d];
	}
	return runs == 1;
}

/* ---- ArgMax, ArgMin ---- */

static bool infer_arg(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcShape *x = axc_in_shape(g, n, 0);
	AxcShape y = {0};
	int axis;
	if (!axc_axis(g, n, d, "attribute axis", axc_attr_int(n, "axis", 0), x->rank, &axis))
		return false;
	if (x->dim[axis] == 0)
		return axc_misfit(g, n, d, NULL, "the axis searched is empty");
	for (int i = 0; i < x->rank; i++) {
		if (i != axis)
			y.dim[y.rank++] = x->dim[i];
		else if (axc_attr_int(n, "keepdims", 1))
			y.dim[y.rank++] = 1;
	}
	return axc_set_out(g, node, d, 0, AXC_I64, &y);
}

static bool build_arg(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcValue *x = &g->values.at[n->in[0]];
	struct axk_argmax p = {.type = axc_type_code(x->dtype),
			       .is_min = strcmp(n->op_type, "ArgMin") == 0};
	int64_t axis = axc_attr_int(n, "axis", 0);
	p.take_last = axc_attr_int(n, "select_last_index", 0) != 0;
	axc_split_at(&x->shape, (int)(axis < 0 ? axis + x->shape.rank : axis), &p.outer, &p.c,
		     &p.inner);
	AxcRef buf[2] = {axc_ref_out(0), axc_ref_in(0)};
	return axc_build_call(b, AXK_ARGMAX, &p, sizeof p, 0, 2, buf);
}

/* ---- CumSum ---- */

static bool cumsum_axis(const AxcGraph *g, const AxcNode *n, AxcDiag *d, int *ret)
{
	const int64_t *axis;
	int64_t count;
	return axc_need_ints(g, n, d->arena, d, 1, "axis", &axis, &count) &&
	       (count == 1 || axc_misfit(g, n, d, NULL, "the axis has %lld values, wanted 1",
					 (long long)count)) &&
	       axc_axis(g, n, d, "the axis", axis[0], axc_in_shape(g, n, 0)->rank, ret);
}

static bool infer_cumsum(AxcGraph *g, AxcId node, AxcDiag *d)
{
	int axis;
	return cumsum_axis(g, axc_node(g, node), d, &axis) && axc_infer_same(g, node, d);
}

static bool build_cumsum(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcValue *x = &g->values.at[n->in[0]];
	struct axk_cumsum p = {.type = axc_type_code(x->dtype),
			       .exclusive = axc_attr_int(n, "exclusive", 0) != 0,
			       .reverse = axc_attr_int(n, "reverse", 0) != 0};
	AxcRef buf[2] = {axc_ref_out(0), axc_ref_in(0)};
	int axis;
	if (!cumsum_axis(g, n, b->d, &axis))
		return false;
	axc_split_at(&x->shape, axis, &p.outer, &p.c, &p.inner);
	return axc_build_call(b, AXK_CUMSUM, &p, sizeof p, 0, 2, buf);
}

/* ---- the literals ---- */

#define REDUCE(id, onnx, ...)                                                                      \
	static const AxcOp id = {.name = onnx,                                                     \
				 .domain = "",                                                     \
				 .min_in = 1,                                                      \
				 .max_in = 2,                                                      \
				 .min_out = 1,                                                     \
				 .max_out = 1,                                                     \
				 .attrs = "keepdims noop_with_empty_axes",                         \
				 .infer = infer_reduce,                                            \
				 .build = build_reduce,                                            \
				 .check = check_reduce,                                            \
				 __VA_ARGS__}
REDUCE(reduce_mean, "ReduceMean", .eval_i8 = eval_mean_i8, .quant = AXC_QR_AVERAGE,
       .lower = AXC_LK_AVGPOOL, .quantizable = neighbours);
REDUCE(reduce_max, "ReduceMax", .eval_i8 = eval_max_i8, .quant = AXC_QR_SAME,
       .lower = AXC_LK_REDUCE_MAX, .quantizable = neighbours);
REDUCE(reduce_sum, "ReduceSum", );
REDUCE(reduce_min, "ReduceMin", );
REDUCE(reduce_prod, "ReduceProd", );
REDUCE(reduce_l1, "ReduceL1", );
REDUCE(reduce_l2, "ReduceL2", );
REDUCE(reduce_sumsquare, "ReduceSumSquare", );
REDUCE(reduce_logsum, "ReduceLogSum", );
REDUCE(reduce_logsumexp, "ReduceLogSumExp", );

static const AxcOp argmax = {.name = "ArgMax",
			     .domain = "",
			     .min_in = 1,
			     .max_in = 1,
			     .min_out = 1,
			     .max_out = 1,
			     .attrs = "axis keepdims select_last_index",
			     .infer = infer_arg,
			     .build = build_arg};
static const AxcOp argmin = {.name = "ArgMin",
			     .domain = "",
			     .min_in = 1,
			     .max_in = 1,
			     .min_out = 1,
			     .max_out = 1,
			     .attrs = "axis keepdims select_last_index",
			     .infer = infer_arg,
			     .build = build_arg};
static const AxcOp cumsum = {.name = "CumSum",
			     .domain = "",
			     .min_in = 2,
			     .max_in = 2,
			     .min_out = 1,
			     .max_out = 1,
			     .attrs = "exclusive reverse",
			     .infer = infer_cumsum,
			     .build = build_cumsum};

const AxcOp *const axc_ops_reduce[] = {&reduce_mean,   &reduce_max,
				       &reduce_sum,    &reduce_min,
				       &reduce_prod,   &reduce_l1,
				       &reduce_l2,     &reduce_sumsquare,
				       &reduce_logsum, &reduce_logsumexp,
				       &argmax,        &argmin,
				       &cumsum,        NULL};
