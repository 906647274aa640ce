/* Operators that move elements without computing: Transpose, Slice, Split, Pad, Expand, Tile,
 * DepthToSpace, SpaceToDepth, Concat (those that keep the order are in view.c). In int8 they copy
 * (rule 5: equal parameters), or rescale by a table where the parameters differ. */
#include "ops/move.h"

#define SHAPE_OF(v) (&g->values.at[v].shape)

/* ---- Transpose ---- */

static bool read_perm(const AxcGraph *g, const AxcNode *n, AxcDiag *d, int perm[AXC_MAX_RANK])
{
	int rank = axc_in_shape(g, n, 0)->rank;
	uint32_t given, seen = 0;
	const int64_t *p = axc_attr_ints(n, "perm", &given);
	if (p && (int64_t)given != rank)
		return axc_misfit(g, n, d, NULL, "attribute perm has %u values, wanted %d", given,
				  rank);
	for (int i = 0; i < rank; i++) {
		int64_t from = p ? p[i] : rank - 1 - i;
		if (from < 0 || from >= rank || (seen >> from & 1))
			return axc_misfit(g, n, d, NULL, "value %d of attribute perm is %lld, wanted each of 0 to %d once",
					  i, (long long)from, rank - 1);
		seen |= 1u << from;
		perm[i] = (int)from;
	}
	return true;
}

static bool infer_transpose(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcShape *x = axc_in_shape(g, n, 0);
	AxcShape y = {.rank = x->rank};
	int perm[AXC_MAX_RANK];
	if (!read_perm(g, n, d, perm))
		return false;
	for (int i = 0; i < y.rank; i++)
		y.dim[i] = x->dim[perm[i]];
	return axc_set_out(g, node, d, 0, axc_value(g, n->in[0])->dtype, &y);
}

/* Output dimensions of the graph, and row-major strides of input 0 where the ranks agree. */
static void start(const AxcGraph *g, const AxcNode *n, uint32_t out, AxcMove *m)
{
	const AxcShape *y = SHAPE_OF(n->out[out]);
	m->rank = y->rank;
	memcpy(m->dim, y->dim, sizeof m->dim);
	axc_row_major(axc_in_shape(g, n, 0), m->stride);
}

static bool describe_transpose(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d,
			       uint32_t out, AxcMove *m)
{
	int64_t stride[AXC_MAX_RANK];
	int perm[AXC_MAX_RANK];
	(void)arena;
	if (!read_perm(g, n, d, perm))
		return false;
	start(g, n, out, m);
	memcpy(stride, m->stride, sizeof stride);
	for (int i = 0; i < m->rank; i++)
		m->stride[i] = stride[perm[i]];
	return true;
}

/* ---- Slice ---- */

typedef struct Cut {
	int64_t start[AXC_MAX_RANK], step[AXC_MAX_RANK], count[AXC_MAX_RANK];
} Cut;

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

static bool cut_axis(const AxcGraph *g, const AxcNode *n, AxcDiag *d, int axis, int64_t from,
		     int64_t to, int64_t step, Cut *c)
{
	int64_t dim = axc_in_shape(g, n, 0)->dim[axis];
	if (step == 0)
		return axc_misfit(g, n, d, "a step other than 0", "the step of axis %d is 0", axis);
	step = clamp(step, -INT32_MAX, INT32_MAX);
	from = from < 0 ? from + dim : from;
	to = to < 0 ? to + dim : to;
	from = step > 0 ? clamp(from, 0, dim) : clamp(from, -1, dim - 1);
	to = step > 0 ? clamp(to, 0, dim) : clamp(to, -1, dim);
	int64_t span = step > 0 ? to - from : from - to, size = step > 0 ? step : -step;
	c->start[axis] = AXC_MAX(from, 0);
	c->step[axis] = step;
	c->count[axis] = span > 0 ? (span + size - 1) / size : 0;
	return true;
}

static bool read_cut(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d, Cut *c)
{
	const AxcShape *x = axc_in_shape(g, n, 0);
	const int64_t *from, *to, *axes = NULL, *steps = NULL;
	int64_t count, n_to, n_axes = 0, n_steps = 0;
	for (int i = 0; i < x->rank; i++) {
		c->start[i] = 0;
		c->step[i] = 1;
		c->count[i] = x->dim[i];
	}
	if (!axc_need_ints(g, n, arena, d, 1, "starts", &from, &count) ||
	    !axc_need_ints(g, n, arena, d, 2, "ends", &to, &n_to) ||
	    (axc_has_in(n, 3) && !axc_need_ints(g, n, arena, d, 3, "axes", &axes, &n_axes)) ||
	    (axc_has_in(n, 4) && !axc_need_ints(g, n, arena, d, 4, "steps", &steps, &n_steps)))
		return false;
	if (n_to != count || (axes && n_axes != count) || (steps && n_steps != count) ||
	    (!axes && count > x->rank))
		return axc_misfit(
			g, n, d, NULL,
			"starts, ends, axes and steps have %lld, %lld, %lld and %lld values",
			(long long)count, (long long)n_to, (long long)n_axes, (long long)n_steps);
	for (int64_t i = 0; i < count; i++) {
		int axis;
		if (!axc_axis(g, n, d, "an axis", axes ? axes[i] : i, x->rank, &axis) ||
		    !cut_axis(g, n, d, axis, from[i], to[i], steps ? steps[i] : 1, c))
			return false;
	}
	return true;
}

static bool infer_slice(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	AxcShape y = {.rank = axc_in_shape(g, n, 0)->rank};
	Cut c;
	if (!read_cut(g, n, d->arena, d, &c))
		return false;
	memcpy(y.dim, c.count, sizeof(int64_t) * (size_t)y.rank);
	return axc_set_out(g, node, d, 0, axc_value(g, n->in[0])->dtype, &y);
}

static bool describe_slice(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d,
			   uint32_t out, AxcMove *m)
{
	Cut c;
	if (!read_cut(g, n, arena, d, &c))
		return false;
	start(g, n, out, m);
	for (int i = 0; i < m->rank; i++) {
		if (m->dim[i] > 0)
			m->base += c.start[i] * m->stride[i];
		m->stride[i] = m->dim[i] > 1 ? m->stride[i] * c.step[i] : 0;
	}
	return true;
}

/* ---- Split ---- */

/* Sizes of the parts: input 1, or as equal as possible with the last one smaller. All into `sizes` if it is not
 * NULL; *ret_before: of those before part `out`. */
static bool read_split(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d, uint32_t out,
		       int *ret_axis, int64_t *sizes, int64_t *ret_before)
{
	const AxcShape *x = axc_in_shape(g, n, 0);
	const int64_t *given = NULL;
	int64_t count = n->n_out, sum = 0;
	if (!axc_axis(g, n, d, "attribute axis", axc_attr_int(n, "axis", 0), x->rank, ret_axis) ||
	    (axc_has_in(n, 1) && !axc_need_ints(g, n, arena, d, 1, "split", &given, &count)))
		return false;
	int64_t dim = x->dim[*ret_axis], parts = n->n_out, part = (dim + parts - 1) / parts;
	if (count != parts || (!given && axc_attr_int(n, "num_outputs", parts) != parts))
		return axc_misfit(
			g, n, d, NULL, "split into %lld parts, wanted as many as outputs, %lld",
			(long long)(given ? count : axc_attr_int(n, "num_outputs", parts)),
			(long long)parts);
	*ret_before = 0;
	for (int64_t i = 0; i < parts; i++) {
		int64_t size = given ? given[i] : clamp(dim - i * part, 0, part);
		if (size < 0 || size > dim)
			return axc_misfit(g, n, d, NULL, "part %lld has size %lld, wanted 0 to %lld", (long long)i,
					  (long long)size, (long long)dim);
		if (sizes)
			sizes[i] = size;
		*ret_before += i < (int64_t)out ? size : 0;
		sum += size;
	}
	return sum == dim ||
	       axc_misfit(g, n, d, NULL, "the parts have %lld together, wanted the dimension's %lld",
			  (long long)sum, (long long)dim);
}

static bool infer_split(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	int64_t *sizes = AXC_NEW_ARRAY(d->arena, int64_t, n->n_out);
	AxcShape y = *axc_in_shape(g, n, 0);
	int64_t before;
	int axis;
	if (!read_split(g, n, d->arena, d, 0, &axis, sizes, &before))
		return false;
	for (uint32_t k = 0; k < n->n_out; k++) {
		y.dim[axis] = sizes[k];
		if (!axc_set_out(g, node, d, k, axc_value(g, n->in[0])->dtype, &y))
			return false;
	}
	return true;
}

static bool describe_split(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d,
			   uint32_t out, AxcMove *m)
{
	int64_t before;
	int axis;
	if (!read_split(g, n, arena, d, out, &axis, NULL, &before))
		return false;
	start(g, n, out, m);
	m->base += before * m->stride[axis];
	return true;
}

/* ---- Pad ---- */

typedef enum PadMode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP } PadMode;

static bool read_pads(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d,
		      int64_t begin[AXC_MAX_RANK], int64_t end[AXC_MAX_RANK])
{
	const AxcShape *x = axc_in_shape(g, n, 0);
	const int64_t *pads, *axes = NULL;
	int64_t count, n_axes = x->rank;
	memset(begin, 0, sizeof(int64_t) * AXC_MAX_RANK);
	memset(end, 0, sizeof(int64_t) * AXC_MAX_RANK);
	if (!axc_need_ints(g, n, arena, d, 1, "pads", &pads, &count) ||
	    (axc_has_in(n, 3) && !axc_need_ints(g, n, arena, d, 3, "axes", &axes, &n_axes)))
		return false;
	if (count != 2 * n_axes)
		return axc_misfit(g, n, d, NULL, "%lld pads for %lld axes, wanted two each",
				  (long long)count, (long long)n_axes);
	for (int64_t i = 0; i < n_axes; i++) {
		int a;
		if (!axc_axis(g, n, d, "an axis", axes ? axes[i] : i, x->rank, &a))
			return false;
		begin[a] = pads[i];
		end[a] = pads[i + n_axes];
		if (begin[a] > INT32_MAX || end[a] > INT32_MAX || begin[a] < -x->dim[a] ||
		    end[a] < -x->dim[a] || x->dim[a] + begin[a] + end[a] < 0)
			return axc_misfit(
				g, n, d, NULL, "pads of %lld and %lld on dimension %d of %lld",
				(long long)begin[a], (long long)end[a], a, (long long)x->dim[a]);
	}
	return true;
}

static bool read_pad_mode(const AxcGraph *g, const AxcNode *n, AxcDiag *d, PadMode *ret)
{
	static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
	const char *mode = axc_attr_string(n, "mode", "constant");
	for (size_t i = 0; i < AXC_COUNT(modes); i++)
		if (strcmp(mode, modes[i]) == 0) {
			*ret = (PadMode)i;
			return true;
		}
	return axc_misfit(g, n, d, NULL,
			  "attribute mode is \"%s\", wanted constant, reflect, edge or wrap", mode);
}

static bool infer_pad(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcValue *x = axc_value(g, n->in[0]);
	AxcShape y = x->shape;
	int64_t begin[AXC_MAX_RANK], end[AXC_MAX_RANK];
	PadMode mode;
	if (!read_pads(g, n, d->arena, d, begin, end) || !read_pad_mode(g, n, d, &mode))
		return false;
	for (int i = 0; i < y.rank; i++) {
		y.dim[i] += begin[i] + end[i];
		if (mode != PAD_CONSTANT && x->shape.dim[i] == 0 && y.dim[i] > 0)
			return axc_misfit(g, n, d, NULL,
					  "dimension %d is empty, there is nothing to pad with", i);
	}
	if (axc_has_in(n, 2) && (axc_shape_count(axc_in_shape(g, n, 2)) != 1 ||
				 axc_real_type(g, n, 2) != axc_real_type(g, n, 0)))
		return axc_misfit(
			g, n, d, NULL, "the fill value has %lld elements of type %s, wanted one %s",
			(long long)axc_shape_count(axc_in_shape(g, n, 2)),
			axc_dtype_name(axc_value(g, n->in[2])->dtype), axc_dtype_name(x->dtype));
	return axc_set_out(g, node, d, 0, x->dtype, &y);
}

/* Which element of a dimension stands at i (counted from the first element), or -1. */
static int64_t padded_from(PadMode mode, int64_t i, int64_t dim)
{
	int64_t period;
	if (i >= 0 && i < dim)
		return i;
	switch (mode) {
	case PAD_CONSTANT:
		return -1;
	case PAD_EDGE:
		return i < 0 ? 0 : dim - 1;
	case PAD_WRAP:
		return (i % dim + dim) % dim;
	case PAD_REFLECT:
		break;
	}
	period = AXC_MAX(2 * (dim - 1), 1);
	i = (i % period + period) % period;
	return i < dim ? i : period - i;
}

static bool describe_pad(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d,
			 uint32_t out, AxcMove *m)
{
	const AxcShape *x = axc_in_shape(g, n, 0);
	int64_t begin[AXC_MAX_RANK], end[AXC_MAX_RANK];
	PadMode mode;
	if (!read_pads(g, n, arena, d, begin, end) || !read_pad_mode(g, n, d, &mode))
		return false;
	start(g, n, out, m);
	for (int i = 0; i < m->rank; i++) {
		if (begin[i] == 0 && end[i] == 0)
			continue;
		int32_t *t = AXC_NEW_ARRAY(arena, int32_t, (size_t)m->dim[i]);
		for (int64_t k = 0; k < m->dim[i]; k++) {
			int64_t from = padded_from(mode, k - begin[i], x->dim[i]);
			t[k] = from < 0 ? -1 : (int32_t)(from * m->stride[i]);
		}
		m->table[i] = t;
	}
	return true;
}

static bool pad_is_constant(const AxcGraph *g, const AxcNode *n)
{
	return !axc_has_in(n, 2) || axc_is_const(g, n->in[2]);
}

/* ---- Expand, Tile ---- */

static bool infer_expand(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const int64_t *want;
	int64_t rank;
	AxcShape y, other = {0};
	const AxcShape *shapes[2] = {axc_in_shape(g, n, 0), &other};
	if (!axc_need_ints(g, n, d->arena, d, 1, "shape", &want, &rank))
		return false;
	if (rank > AXC_MAX_RANK)
		return axc_misfit(g, n, d, NULL, "the shape has rank %lld, at most 8 is supported",
				  (long long)rank);
	other = axc_shape_of((int)rank, want);
	for (int i = 0; i < other.rank; i++)
		if (other.dim[i] < 0)
			return axc_misfit(g, n, d, NULL, "dimension %d of the shape is %lld", i,
					  (long long)other.dim[i]);
	if (!axc_broadcast(2, shapes, &y))
		return axc_misfit(g, n, d, axc_shape_text(d->arena, &other),
				  "the input does not broadcast to %s",
				  axc_shape_text(d->arena, &other));
	return axc_set_out(g, node, d, 0, axc_value(g, n->in[0])->dtype, &y);
}

static bool describe_expand(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d,
			    uint32_t out, AxcMove *m)
{
	const AxcShape *x = axc_in_shape(g, n, 0);
	int64_t stride[AXC_MAX_RANK];
	(void)arena;
	(void)d;
	start(g, n, out, m);
	axc_row_major(x, stride);
	for (int i = 0; i < m->rank; i++) {
		int from = i - (m->rank - x->rank);
		m->stride[i] = from >= 0 && x->dim[from] != 1 ? stride[from] : 0;
	}
	return true;
}

static bool infer_tile(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	AxcShape y = *axc_in_shape(g, n, 0);
	const int64_t *times;
	int64_t count;
	if (!axc_need_ints(g, n, d->arena, d, 1, "repeats", &times, &count))
		return false;
	if (count != y.rank)
		return axc_misfit(g, n, d, NULL, "%lld repeats, wanted %d", (long long)count,
				  y.rank);
	for (int i = 0; i < y.rank; i++)
		if (times[i] < 0 || __builtin_mul_overflow(y.dim[i], times[i], &y.dim[i]))
			return axc_misfit(g, n, d, NULL, "dimension %d is repeated %lld times, wanted 0 or more", i,
					  (long long)times[i]);
	return axc_set_out(g, node, d, 0, axc_value(g, n->in[0])->dtype, &y);
}

static bool describe_tile(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d,
			  uint32_t out, AxcMove *m)
{
	const AxcShape *x = axc_in_shape(g, n, 0);
	(void)d;
	start(g, n, out, m);
	for (int i = 0; i < m->rank; i++) {
		if (m->dim[i] == x->dim[i])
			continue;
		int32_t *t = AXC_NEW_ARRAY(arena, int32_t, (size_t)m->dim[i]);
		for (int64_t k = 0; k < m->dim[i]; k++)
			t[k] = (int32_t)(k % x->dim[i] * m->stride[i]);
		m->table[i] = t;
	}
	return true;
}

/* ---- DepthToSpace, SpaceToDepth ---- */

static bool is_to_space(const AxcNode *n)
{
	return strcmp(n->op_type, "DepthToSpace") == 0;
}

static bool infer_depth_space(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	AxcShape y = *axc_in_shape(g, n, 0);
	int64_t block = axc_attr_int(n, "blocksize", 0);
	const char *mode = axc_attr_string(n, "mode", "DCR");
	if (y.rank != 4 || block < 1 || block > 4096)
		return axc_misfit(g, n, d, NULL,
				  "rank %d and blocksize %lld, wanted rank 4 and 1 or more", y.rank,
				  (long long)block);
	if (strcmp(mode, "DCR") != 0 && strcmp(mode, "CRD") != 0)
		return axc_misfit(g, n, d, NULL, "attribute mode is \"%s\", wanted DCR or CRD",
				  mode);
	if (is_to_space(n) ? y.dim[1] % (block * block) : y.dim[2] % block || y.dim[3] % block)
		return axc_misfit(g, n, d, "dimensions that the blocks fill",
				  "the dimensions cannot be divided by blocksize %lld",
				  (long long)block);
	y.dim[1] = is_to_space(n) ? y.dim[1] / (block * block) : y.dim[1] * block * block;
	for (int i = 2; i < 4; i++)
		y.dim[i] = is_to_space(n) ? y.dim[i] * block : y.dim[i] / block;
	return axc_set_out(g, node, d, 0, axc_value(g, n->in[0])->dtype, &y);
}

static bool describe_depth_space(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d,
				 uint32_t out, AxcMove *m)
{
	const int64_t *x = axc_in_shape(g, n, 0)->dim, *y = SHAPE_OF(n->out[out])->dim;
	int64_t b = axc_attr_int(n, "blocksize", 0), plane = x[2] * x[3], c = y[1];
	(void)arena;
	(void)d;
	m->rank = 6;
	if (is_to_space(n)) {
		bool dcr = strcmp(axc_attr_string(n, "mode", "DCR"), "DCR") == 0;
		int64_t row = dcr ? b * c * plane : b * plane, column = dcr ? c * plane : plane;
		memcpy(m->dim, (int64_t[6]){y[0], c, x[2], b, x[3], b}, 6 * sizeof(int64_t));
		memcpy(m->stride,
		       (int64_t[6]){x[1] * plane, dcr ? plane : b * b * plane, x[3], row, 1,
				    column},
		       6 * sizeof(int64_t));
		return true;
	}
	memcpy(m->dim, (int64_t[6]){y[0], b, b, x[1], y[2], y[3]}, 6 * sizeof(int64_t));
	memcpy(m->stride, (int64_t[6]){x[1] * plane, x[3], 1, plane, b * x[3], b},
	       6 * sizeof(int64_t));
	return true;
}

/* ---- Concat ---- */

static bool infer_concat(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	AxcDType dtype = axc_value(g, n->in[0])->dtype;
	AxcShape y = *axc_in_shape(g, n, 0);
	int axis;
	if (!axc_axis(g, n, d, "attribute axis", axc_attr_int(n, "axis", 0), y.rank, &axis))
		return false;
	for (uint32_t k = 1; k < n->n_in; k++) {
		AxcShape x = *axc_in_shape(g, n, k);
		int64_t part = x.rank == y.rank ? x.dim[axis] : 0;
		if (x.rank == y.rank)
			x.dim[axis] = y.dim[axis];
		if (!axc_shape_equal(&x, &y) || axc_value(g, n->in[k])->dtype != dtype)
			return axc_misfit(g, n, d, "equal types and shapes but for the axis",
					  "input %u does not fit input 0 on axis %d", k, axis);
		if (__builtin_add_overflow(y.dim[axis], part, &y.dim[axis]))
			return axc_misfit(g, n, d, NULL, "the result is too large");
	}
	return axc_set_out(g, node, d, 0, dtype, &y);
}

static int concat_axis(const AxcNode *n, int rank)
{
	int64_t axis = axc_attr_int(n, "axis", 0);
	return (int)(axis < 0 ? axis + rank : axis);
}

static bool build_concat(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcValue *y = &g->values.at[n->out[0]];
	size_t bytes = axc_dtype_bytes(y->dtype), done = 0;
	int axis = concat_axis(n, y->shape.rank), outer, c, inner;
	axc_split_at(&y->shape, axis, &outer, &c, &inner);
	for (uint32_t k = 0; k < n->n_in; k++) {
		int part = (int)axc_in_shape(g, n, k)->dim[axis];
		struct axk_copy p = {.elem_bytes = (int)bytes,
				     .dims = {1, 1, 1, 1, 1, 1, outer, part * inner}};
		p.sy[6] = c * inner;
		p.sx[6] = part * inner;
		p.sy[7] = p.sx[7] = 1;
		AxcRef buf[2] = {axc_ref_out(0), axc_ref_in(k)};
		buf[0].offset = done;
		done += (size_t)part * (size_t)inner * bytes;
		if (part && outer && inner && !axc_build_call(b, AXK_COPY, &p, sizeof p, 0, 2, buf))
			return false;
	}
	return true;
}

static bool eval_concat_i8(const AxcGraph *g, const AxcNode *n, const AxcTensor *const *in,
			   AxcTensor *const *out, AxcDiag *d)
{
	int axis = concat_axis(n, out[0]->shape.rank), outer, c, inner;
	int64_t done = 0;
	(void)g;
	axc_split_at(&out[0]->shape, axis, &outer, &c, &inner);
	for (uint32_t k = 0; k < n->n_in; k++) {
		const int8_t *x = in[k]->data;
		int64_t run = in[k]->shape.dim[axis] * inner;
		uint8_t table[256];
		if (in[k]->dtype != AXC_I8 || in[k]->q.n != 1 || out[0]->q.n != 1) {
			axc_fail(d, "Concat in int8 wants int8 inputs with one scale each");
			return axc_diag_node(d, n->name, n->op_type);
		}
		axc_table_rescale(&in[k]->q, &out[0]->q, table);
		for (int64_t o = 0; o < outer; o++)
			for (int64_t i = 0; i < run; i++)
				((int8_t *)out[0]->data)[o * c * inner + done + i] =
					(int8_t)(table[(uint8_t)(x[o * run + i] + 128)] - 128);
		done += run;
	}
	return true;
}

/* ---- the literals ---- */

static const struct {
	const char *op;
	AxcDescribeFn *describe;
} descriptions[] = {
	{"Transpose", describe_transpose},
	{"Slice", describe_slice},
	{"Split", describe_split},
	{"Pad", describe_pad},
	{"Expand", describe_expand},
	{"Tile", describe_tile},
	{"DepthToSpace", describe_depth_space},
	{"SpaceToDepth", describe_depth_space},
};

static AxcDescribeFn *describe_of(const AxcNode *n)
{
	for (size_t i = 0; i < AXC_COUNT(descriptions); i++)
		if (strcmp(descriptions[i].op, n->op_type) == 0)
			return descriptions[i].describe;
	return describe_transpose;
}

static bool build_move(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	return axc_move_build_node(g, n, b, describe_of(n));
}

static bool eval_move_i8(const AxcGraph *g, const AxcNode *n, const AxcTensor *const *in,
			 AxcTensor *const *out, AxcDiag *d)
{
	return axc_move_eval_node(g, n, in, out, d, describe_of(n));
}

#define MOVE(id, onnx, inputs_min, inputs_max, outputs, names, infer_fn, ...)                      \
	static const AxcOp id = {.name = onnx,                                                     \
				 .domain = "",                                                     \
				 .min_in = inputs_min,                                             \
				 .max_in = inputs_max,                                             \
				 .min_out = 1,                                                     \
				 .max_out = outputs,                                               \
				 .attrs = names,                                                   \
				 .infer = infer_fn,                                                \
				 .build = build_move,                                              \
				 .eval_i8 = eval_move_i8,                                          \
				 .quant = AXC_QR_SAME,                                             \
				 .lower = AXC_LK_MOVE,                                             \
				 __VA_ARGS__}
MOVE(transpose, "Transpose", 1, 1, 1, "perm", infer_transpose, );
MOVE(slice, "Slice", 3, 5, 1, "", infer_slice, );
MOVE(split, "Split", 1, 2, -1, "axis num_outputs", infer_split, );
MOVE(pad, "Pad", 2, 4, 1, "mode", infer_pad, .quantizable = pad_is_constant);
MOVE(expand, "Expand", 2, 2, 1, "", infer_expand, );
MOVE(tile, "Tile", 2, 2, 1, "", infer_tile, );
MOVE(depth_to_space, "DepthToSpace", 1, 1, 1, "blocksize mode", infer_depth_space, );
MOVE(space_to_depth, "SpaceToDepth", 1, 1, 1, "blocksize", infer_depth_space, );
static const AxcOp concat = {.name = "Concat",
			     .domain = "",
			     .min_in = 1,
			     .max_in = -1,
			     .min_out = 1,
			     .max_out = 1,
			     .attrs = "axis",
			     .infer = infer_concat,
			     .build = build_concat,
			     .eval_i8 = eval_concat_i8,
			     .quant = AXC_QR_CONCAT,
			     .lower = AXC_LK_CONCAT};

const AxcOp *const axc_ops_move[] = {&transpose, &slice,          &split,          &pad,    &expand,
				     &tile,      &depth_to_space, &space_to_depth, &concat, NULL};
