/* Where values lie: views of int8 values (u8, channel-last unless their maker says otherwise), dense
 * buffers of float values, and the places of values that are parts of a concatenation. */
#include "lower/lower.h"

static size_t view_bytes(const AxcView *v, size_t elem_bytes)
{
	return (size_t)axc_shape_count(&v->shape) * elem_bytes;
}

AxcView axc_view_temp(AxcLowering *l, const AxcShape *shape, bool channel_last, size_t elem_bytes)
{
	AxcView v = {.shape = *shape};
	if (channel_last)
		axc_view_channel_last(&v);
	else
		axc_view_row_major(&v);
	v.buf = axc_buf_add(l, AXC_SPACE_WS, "temporary", view_bytes(&v, elem_bytes));
	return v;
}

static void view_const(AxcLowering *l, AxcId value, AxcView *v)
{
	const AxcValue *c = &l->g->values.at[value];
	size_t n = (size_t)axc_shape_count(&c->shape);
	uint8_t *u = axc_alloc(l->arena, n);
	for (size_t i = 0; i < n; i++)
		u[i] = ((const uint8_t *)c->data)[i] ^ 0x80;
	*v = (AxcView){.shape = c->shape};
	axc_view_row_major(v);
	v->buf = axc_buf_const(l, c->name, u, n);
}

bool axc_view_of(AxcLowering *l, AxcId value, AxcView *ret)
{
	AxcView *v = &l->view[value];
	if (!v->buf && l->g->values.at[value].data)
		view_const(l, value, v);
	if (!v->buf)
		return axc_fail(l->d, "tensor '%s' is read before it is computed", l->g->values.at[value].name);
	*ret = *v;
	return true;
}

/* The slice of a concatenation's memory that belongs to a value. Places nest at most 16 deep (below). */
static bool view_in_concat(AxcLowering *l, AxcId value, AxcView *ret)
{
	const AxcPlace *place = &l->place[value];
	AxcView whole = l->view[place->concat];
	if (!whole.buf && !axc_view_new(l, place->concat, NULL, &whole))
		return false;
	*ret = whole;
	ret->shape = l->g->values.at[value].shape;
	ret->offset += (size_t)(place->begin * whole.stride[place->axis]);
	return true;
}

bool axc_view_new(AxcLowering *l, AxcId value, const AxcView *like, AxcView *ret)
{
	const AxcValue *val = &l->g->values.at[value];
	AxcView v = {.shape = val->shape};
	if (l->place[value].concat) {
		if (!view_in_concat(l, value, &v))
			return false;
	} else {
		if (like && like->shape.rank == val->shape.rank)
			axc_view_like(&v, like);
		else if (val->shape.rank >= 3)
			axc_view_channel_last(&v);
		else
			axc_view_row_major(&v);
		v.buf = axc_buf_add(l, AXC_SPACE_WS, val->name, view_bytes(&v, 1));
	}
	l->view[value] = v;
	*ret = v;
	return true;
}

bool axc_view_channels(AxcLowering *l, AxcId value, AxcView *ret, int64_t *ret_ld)
{
	AxcView v;
	if (!axc_view_of(l, value, &v))
		return false;
	if (!axc_view_is_channel_last(&v, ret_ld)) {
		AxcView t = axc_view_temp(l, &v.shape, true, 1);
		if (!axc_step_copy(l, &t, &v, 1, 0))
			return false;
		(void)axc_view_is_channel_last(&t, ret_ld);
		v = l->view[value] = t; /* later readers find the copy */
	}
	*ret = v;
	return true;
}

bool axc_view_rows(AxcLowering *l, AxcId value, AxcView *ret, int64_t *ret_ld)
{
	AxcView v;
	if (!axc_view_of(l, value, &v))
		return false;
	if (!axc_view_is_rows(&v, ret_ld)) {
		AxcView t = axc_view_temp(l, &v.shape, false, 1);
		if (!axc_step_copy(l, &t, &v, 1, 0))
			return false;
		(void)axc_view_is_rows(&t, ret_ld);
		v = t;
	}
	*ret = v;
	return true;
}

AxcView axc_dense_view(AxcLowering *l, AxcId value)
{
	const AxcValue *val = &l->g->values.at[value];
	AxcView v = {.shape = val->shape};
	axc_view_row_major(&v);
	if (!l->dense[value]) {
		if (val->data)
			l->dense[value] = axc_buf_const(l, val->name, val->data, val->data_bytes);
		else
			l->dense[value] = axc_buf_add(l, AXC_SPACE_WS, val->name,
			                              view_bytes(&v, axc_dtype_bytes(val->dtype)));
	}
	v.buf = l->dense[value];
	return v;
}

/* ---- concatenation without copies ---- */

/* The node whose step writes `value` into memory of its own choice, so that it may be told where. */
static bool writes_fresh(const AxcLowering *l, AxcId value)
{
	AxcId p = l->g->values.at[value].producer;
	if (!p)
		return false;
	const AxcNode *n = &l->g->nodes.at[p];
	switch (axc_lower_kind(n)) {
	case AXC_LK_CONV:
	case AXC_LK_CONV_TRANSPOSE:
	case AXC_LK_TABLE:
	case AXC_LK_ADD:
	case AXC_LK_MUL:
	case AXC_LK_MAXPOOL:
	case AXC_LK_AVGPOOL:
	case AXC_LK_CONCAT:
	case AXC_LK_RESIZE_LINEAR:
		return true;
	case AXC_LK_NONE:
		return strcmp(n->op_type, "QuantizeLinear") == 0;
	case AXC_LK_DENSE:
	case AXC_LK_MOVE:
	case AXC_LK_VIEW:
	case AXC_LK_SOFTMAX:
	case AXC_LK_REDUCE_MAX:
		return false;
	}
	return false;
}

static void place_one(AxcLowering *l, AxcId value, AxcId concat, int axis, int64_t begin)
{
	enum { MAX_NESTING = 16 };
	const AxcValue *v = &l->g->values.at[value], *y = &l->g->values.at[concat];
	AxcView whole = {.shape = y->shape}, part;
	int64_t ld;
	int depth = l->place[concat].concat ? l->place[concat].depth + 1 : 1;
	if (l->place[value].concat || !writes_fresh(l, value) || !axc_same_quant(&v->q, &y->q) ||
	    y->shape.rank < 2 || depth > MAX_NESTING)
		return;
	if (y->shape.rank >= 3)
		axc_view_channel_last(&whole);
	else
		axc_view_row_major(&whole);
	part = whole;
	part.shape = v->shape;
	if (!axc_view_is_channel_last(&part, &ld))
		return;
	l->place[value] = (AxcPlace){concat, axis, begin, depth};
}

/* Inputs k.. of the concat are all outputs of one Split along the same axis, in order: then the split
 * tensor itself can lie in the concatenation. Returns that tensor or 0. */
static AxcId whole_split(const AxcLowering *l, const AxcNode *n, uint32_t k, int axis)
{
	AxcId p = l->g->values.at[n->in[k]].producer;
	const AxcNode *s = &l->g->nodes.at[p];
	if (!p || strcmp(s->op_type, "Split") != 0 || !axc_is_int8(l->g, s->in[0]) || k + s->n_out > n->n_in)
		return 0;
	int rank = l->g->values.at[s->in[0]].shape.rank;
	int64_t a = axc_attr_int(s, "axis", 0);
	if ((a < 0 ? a + rank : a) != axis)
		return 0;
	for (uint32_t i = 0; i < s->n_out; i++)
		if (n->in[k + i] != s->out[i])
			return 0;
	return s->in[0];
}

void axc_place_concats(AxcLowering *l)
{
	/* last concats first: an inner one finds out whether its own output has a place */
	for (AxcId i = l->g->nodes.n - 1; i >= 1; i--) {
		const AxcNode *n = &l->g->nodes.at[i];
		if (n->dead || n->op->lower != AXC_LK_CONCAT || !axc_is_int8(l->g, n->out[0]))
			continue;
		const AxcValue *y = &l->g->values.at[n->out[0]];
		int64_t a = axc_attr_int(n, "axis", 0), begin = 0;
		int axis = (int)(a < 0 ? a + y->shape.rank : a);
		for (uint32_t k = 0; k < n->n_in; k++) {
			AxcId s = whole_split(l, n, k, axis);
			place_one(l, s ? s : n->in[k], n->out[0], axis, begin);
			begin += l->g->values.at[n->in[k]].shape.dim[axis];
		}
	}
}
