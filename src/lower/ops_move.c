/* Operators that only move elements. What such a node does is found by running its own integer meaning
 * on element numbers: that gives, for every output element, the input element it comes from (or the
 * fill value). If the map is a strided view of the input nothing is emitted; else one gather
 * kernel with a table per dimension; else a table per element. No operator needs code of its own here. */
#include "lower/lower.h"

enum { FILL = -1 };

/* One int8 plane through the node's int8 meaning; scale 1 and zero point 0 on both sides, so that moves copy. */
static bool run_plane(const AxcLowering *l, const AxcNode *n, const int8_t *plane, int8_t *const *outs)
{
	static const float one = 1.0f;
	static const int32_t zero = 0;
	AxcQuant q = {.n = 1, .axis = -1, .scale = &one, .zero_point = &zero};
	AxcTensor *in = AXC_NEW_ARRAY(l->arena, AxcTensor, n->n_in), *out = AXC_NEW_ARRAY(l->arena, AxcTensor, n->n_out);
	const AxcTensor **ins = AXC_NEW_ARRAY(l->arena, const AxcTensor *, n->n_in);
	AxcTensor **outp = AXC_NEW_ARRAY(l->arena, AxcTensor *, n->n_out);
	for (uint32_t k = 0; k < n->n_in; k++) {
		const AxcValue *v = &l->g->values.at[n->in[k]];
		if (!n->in[k])
			continue;
		in[k] = (AxcTensor){v->dtype, v->shape, v->q, (void *)(uintptr_t)v->data};
		if (k == 0) {
			in[k].data = (void *)(uintptr_t)plane;
			in[k].q = q;
		}
		ins[k] = &in[k];
	}
	for (uint32_t k = 0; k < n->n_out; k++) {
		if (!n->out[k])
			continue;
		out[k] = (AxcTensor){AXC_I8, l->g->values.at[n->out[k]].shape, q, outs[k]};
		outp[k] = &out[k];
	}
	return n->op->eval_i8(l->g, n, ins, outp, l->d);
}

/* ret_map[k][i]: number of the input element that output k's element i is, or FILL. */
static bool element_maps(const AxcLowering *l, const AxcNode *n, int32_t **ret_map)
{
	size_t count = (size_t)axc_shape_count(&l->g->values.at[n->in[0]].shape);
	int8_t *plane = axc_alloc(l->arena, count);
	int8_t **outs = AXC_NEW_ARRAY(l->arena, int8_t *, n->n_out);
	for (uint32_t k = 0; k < n->n_out; k++) {
		size_t m = n->out[k] ? (size_t)axc_shape_count(&l->g->values.at[n->out[k]].shape) : 0;
		outs[k] = axc_alloc(l->arena, m);
		ret_map[k] = AXC_NEW_ARRAY(l->arena, int32_t, m);
	}
	/* four planes of the number's bytes, then two constant planes that only a fill value survives */
	for (int step = 0; step < 6; step++) {
		if (step < 4 && step * 8 < 32 && count >> (8 * step) == 0)
			continue;
		for (size_t i = 0; i < count; i++)
			plane[i] = step < 4 ? (int8_t)(uint8_t)(i >> (8 * step)) : (int8_t)(step == 4 ? 1 : 2);
		if (!run_plane(l, n, plane, outs))
			return false;
		for (uint32_t k = 0; k < n->n_out; k++) {
			size_t m = n->out[k] ? (size_t)axc_shape_count(&l->g->values.at[n->out[k]].shape) : 0;
			for (size_t i = 0; i < m; i++) {
				if (step < 4)
					ret_map[k][i] |= (int32_t)((uint32_t)(uint8_t)outs[k][i] << (8 * step));
				else if (outs[k][i] != (step == 4 ? 1 : 2))
					ret_map[k][i] = FILL;
			}
		}
	}
	return true;
}

/* Position of element number i of `v` in its buffer, relative to the view's offset. */
static int64_t element_offset(const AxcView *v, int64_t i)
{
	int64_t at = 0;
	for (int d = v->shape.rank - 1; d >= 0; d--) {
		int64_t dim = AXC_MAX(v->shape.dim[d], 1);
		at += i % dim * v->stride[d];
		i /= dim;
	}
	return at;
}

/* Per-dimension tables t_d with offset(i0, i1, …) = base + Σ t_d[i_d]; false if the map is not such a sum. A
 * dimension whose index decides a fill has FILL_TABLE there. */
#define FILL_TABLE INT32_MIN

typedef struct Separated {
	int64_t base;
	int32_t *t[AXC_MAX_RANK];
	bool fills;
} Separated;

static void strides_of(const AxcShape *y, int64_t *stride)
{
	int64_t s = 1;
	for (int d = y->rank - 1; d >= 0; d--) {
		stride[d] = s;
		s *= y->dim[d];
	}
}

/* An element that is no fill, as the anchor of the tables. */
static int64_t anchor_of(const int32_t *map, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		if (map[i] != FILL)
			return i;
	return -1;
}

static bool separate(const AxcLowering *l, const AxcView *x, const AxcShape *y, const int32_t *map, Separated *ret)
{
	int64_t stride[AXC_MAX_RANK], count = axc_shape_count(y), anchor = anchor_of(map, count);
	*ret = (Separated){0};
	if (anchor < 0)
		return false;
	strides_of(y, stride);
	ret->base = element_offset(x, map[anchor]);
	for (int d = 0; d < y->rank; d++) {
		ret->t[d] = AXC_NEW_ARRAY(l->arena, int32_t, (size_t)y->dim[d]);
		int64_t line = anchor - anchor / stride[d] % y->dim[d] * stride[d];
		for (int64_t i = 0; i < y->dim[d]; i++) {
			int32_t m = map[line + i * stride[d]];
			ret->t[d][i] = m == FILL ? FILL_TABLE : (int32_t)(element_offset(x, m) - ret->base);
			ret->fills = ret->fills || m == FILL;
		}
	}
	int64_t index[AXC_MAX_RANK] = {0};
	for (int64_t i = 0; i < count; i++) {
		int64_t sum = ret->base;
		bool fill = false;
		for (int d = 0; d < y->rank; d++) {
			fill = fill || ret->t[d][index[d]] == FILL_TABLE;
			sum += ret->t[d][index[d]];
		}
		if (fill != (map[i] == FILL) || (!fill && element_offset(x, map[i]) != sum))
			return false;
		for (int d = y->rank - 1; d >= 0 && ++index[d] == y->dim[d]; d--)
			index[d] = 0;
	}
	return true;
}

/* Tables that are arithmetic progressions of non-negative step make a view of the input. */
static bool as_view(const Separated *s, const AxcView *x, const AxcShape *y, AxcView *ret)
{
	AxcView v = {.buf = x->buf, .shape = *y};
	int64_t offset = s->base;
	if (s->fills)
		return false;
	for (int d = 0; d < y->rank; d++) {
		int64_t step = y->dim[d] > 1 ? s->t[d][1] - s->t[d][0] : 0;
		for (int64_t i = 1; i < y->dim[d]; i++)
			if (s->t[d][i] - s->t[d][i - 1] != step)
				return false;
		if (step < 0 || (step == 0 && y->dim[d] > 1))
			return false;
		offset += y->dim[d] > 0 ? s->t[d][0] : 0;
		v.stride[d] = step;
	}
	v.offset = x->offset + (size_t)offset;
	*ret = v;
	return true;
}

/* The byte that the node fills with, in the u8 domain: its constant through the output's quantization. */
static bool fill_byte(const AxcLowering *l, const AxcNode *n, const AxcView *x, const int32_t *map, uint32_t k,
                      uint8_t *ret)
{
	size_t count = (size_t)axc_shape_count(&x->shape);
	int8_t **outs = AXC_NEW_ARRAY(l->arena, int8_t *, n->n_out);
	const AxcValue *in = &l->g->values.at[n->in[0]];
	AxcTensor tin = {AXC_I8, in->shape, in->q, axc_alloc(l->arena, count)};
	const AxcTensor **ins = AXC_NEW_ARRAY(l->arena, const AxcTensor *, n->n_in);
	AxcTensor **outp = AXC_NEW_ARRAY(l->arena, AxcTensor *, n->n_out);
	ins[0] = &tin;
	for (uint32_t i = 1; i < n->n_in; i++) {
		const AxcValue *v = &l->g->values.at[n->in[i]];
		AxcTensor *t = AXC_NEW(l->arena, AxcTensor);
		*t = (AxcTensor){v->dtype, v->shape, v->q, (void *)(uintptr_t)v->data};
		ins[i] = n->in[i] ? t : NULL;
	}
	for (uint32_t i = 0; i < n->n_out; i++) {
		const AxcValue *v = &l->g->values.at[n->out[i]];
		AxcTensor *t = AXC_NEW(l->arena, AxcTensor);
		outs[i] = axc_alloc(l->arena, n->out[i] ? (size_t)axc_shape_count(&v->shape) : 0);
		*t = (AxcTensor){AXC_I8, v->shape, v->q, outs[i]};
		outp[i] = n->out[i] ? t : NULL;
	}
	if (!n->op->eval_i8(l->g, n, ins, outp, l->d))
		return false;
	int64_t m = axc_shape_count(&l->g->values.at[n->out[k]].shape);
	for (int64_t i = 0; i < m; i++)
		if (map[i] == FILL) {
			*ret = (uint8_t)(outs[k][i] + 128);
			return true;
		}
	return true;
}

/* Dimensions by output stride, the smallest last: the innermost run is long where channels are last. */
static void order_by_stride(int n, const int64_t *dims, const int64_t *sy, int order[AXC_MAX_RANK])
{
	for (int d = 0; d < n; d++) {
		int at = d;
		int64_t key = dims[d] == 1 ? INT64_MAX : sy[d];
		for (; at > 0 && dims[order[at - 1]] != 1 && sy[order[at - 1]] < key; at--)
			order[at] = order[at - 1];
		order[at] = d;
	}
}

/* A gather step from per-dimension tables (n_dims of them, dims and strides of the output). */
static bool emit_move(AxcLowering *l, const AxcView *out, const AxcView *x, int n_dims, const int64_t *dims,
                      const int64_t *sy, int32_t *const *tables, int64_t base, uint8_t fill)
{
	struct axk_move p = {.elem_bytes = 1};
	size_t total = 0;
	int order[AXC_MAX_RANK];
	order_by_stride(n_dims, dims, sy, order);
	for (int d = 0; d < 8; d++) {
		int from = d - (8 - n_dims) >= 0 ? order[d - (8 - n_dims)] : -1;
		p.dims[d] = from >= 0 ? (int)dims[from] : 1;
		p.sy[d] = from >= 0 ? (int)sy[from] : 0;
		total += (size_t)p.dims[d];
	}
	int32_t *t = AXC_NEW_ARRAY(l->arena, int32_t, total);
	size_t at = 0;
	for (int d = 0; d < 8; d++) {
		int from = d - (8 - n_dims) >= 0 ? order[d - (8 - n_dims)] : -1;
		int64_t lowest = 0;
		if (from < 0) {
			t[at++] = 0;
			continue;
		}
		/* tables must not be negative: move each table's minimum into the base */
		for (int i = 0; i < p.dims[d]; i++)
			if (tables[from][i] != FILL_TABLE)
				lowest = AXC_MIN(lowest, tables[from][i]);
		base += lowest;
		for (int i = 0; i < p.dims[d]; i++)
			t[at++] = tables[from][i] == FILL_TABLE ? -1 : (int32_t)(tables[from][i] - lowest);
	}
	AxcView src = *x;
	src.offset += (size_t)base;
	AxcArg args[4] = {axc_view_arg(out, 1), axc_view_arg(&src, 1),
	                  {axc_buf_const(l, "gather tables", t, total * sizeof *t), 0},
	                  {axc_buf_const(l, "fill", axc_memdup(l->arena, &fill, 1), 1), 0}};
	return axc_step_add(l, AXK_MOVE, &p, 4, args, NULL);
}

static bool move_output(AxcLowering *l, const AxcNode *n, uint32_t k, const AxcView *x, const int32_t *map)
{
	const AxcShape *y = &l->g->values.at[n->out[k]].shape;
	Separated s;
	AxcView out;
	uint8_t fill = 0;
	int64_t count = axc_shape_count(y);
	bool separable = separate(l, x, y, map, &s);
	if (separable && as_view(&s, x, y, &l->view[n->out[k]]))
		return true;
	if (!fill_byte(l, n, x, map, k, &fill))
		return false;
	if (!axc_view_new(l, n->out[k], x, &out))
		return false;
	if (separable)
		return emit_move(l, &out, x, y->rank, y->dim, out.stride, s.t, s.base, fill);
	/* element by element, into row-major order first */
	AxcView flat = axc_view_temp(l, y, false, 1);
	int32_t *t = AXC_NEW_ARRAY(l->arena, int32_t, (size_t)count);
	int64_t one = 1;
	for (int64_t i = 0; i < count; i++)
		t[i] = map[i] == FILL ? FILL_TABLE : (int32_t)element_offset(x, map[i]);
	return emit_move(l, &flat, x, 1, &count, &one, &t, 0, fill) && axc_step_copy(l, &out, &flat, 1, 0);
}

bool axc_lower_move(AxcLowering *l, AxcId node)
{
	const AxcNode *n = &l->g->nodes.at[node];
	AxcView x, v;
	if (!axc_view_of(l, n->in[0], &x))
		return false;
	if (n->op->lower == AXC_LK_VIEW) {
		const AxcShape *y = &l->g->values.at[n->out[0]].shape;
		if (axc_view_reshape(&x, y, &v)) {
			l->view[n->out[0]] = v;
			return true;
		}
		return axc_view_new(l, n->out[0], NULL, &v) && axc_step_copy(l, &v, &x, 1, 0);
	}
	int32_t **map = AXC_NEW_ARRAY(l->arena, int32_t *, n->n_out);
	if (!element_maps(l, n, map))
		return false;
	for (uint32_t k = 0; k < n->n_out; k++)
		if (n->out[k] && !move_output(l, n, k, &x, map[k]))
			return false;
	return true;
}

bool axc_lower_concat(AxcLowering *l, AxcId node)
{
	const AxcNode *n = &l->g->nodes.at[node];
	const AxcValue *y = &l->g->values.at[n->out[0]];
	AxcView whole = l->view[n->out[0]], x;
	int64_t a = axc_attr_int(n, "axis", 0), begin = 0;
	int axis = (int)(a < 0 ? a + y->shape.rank : a);
	if (!whole.buf && !axc_view_new(l, n->out[0], NULL, &whole))
		return false;
	for (uint32_t k = 0; k < n->n_in; k++) {
		const AxcValue *v = &l->g->values.at[n->in[k]];
		AxcView part = whole;
		part.shape = v->shape;
		part.offset += (size_t)(begin * whole.stride[axis]);
		begin += v->shape.dim[axis];
		if (!axc_view_of(l, n->in[k], &x))
			return false;
		bool there = x.buf == part.buf && x.offset == part.offset;
		for (int d = 0; d < part.shape.rank; d++)
			there = there && (part.shape.dim[d] == 1 || x.stride[d] == part.stride[d]);
		if (there || axc_shape_count(&v->shape) == 0)
			continue;
		if (axc_same_quant(&v->q, &y->q)) {
			if (!axc_step_copy(l, &part, &x, 1, 0))
				return false;
			continue;
		}
		/* a change of scale is a table: the node's own meaning on this input alone */
		uint8_t table[256];
		AxcNode single = *n;
		single.n_in = 1;
		single.in = &n->in[k];
		int8_t bytes[256], result[256];
		AxcShape shape = {.rank = y->shape.rank};
		for (int d = 0; d < shape.rank; d++)
			shape.dim[d] = d == axis ? 256 : 1;
		for (int i = 0; i < 256; i++)
			bytes[i] = (int8_t)(i - 128);
		AxcTensor in = {AXC_I8, shape, v->q, bytes}, out = {AXC_I8, shape, y->q, result};
		const AxcTensor *ins[1] = {&in};
		AxcTensor *outs[1] = {&out};
		if (!n->op->eval_i8(l->g, &single, ins, outs, l->d))
			return false;
		for (int i = 0; i < 256; i++)
			table[i] = (uint8_t)(result[i] + 128);
		if (!axc_step_lut(l, &part, &x, table))
			return false;
	}
	return true;
}
