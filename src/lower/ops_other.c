/* The remaining int8 operators: tables, Add/Sub/Mul, pooling, means, softmax, linear resize. */
#include "lower/lower.h"
#include "ops/resize.h"
#include "ops/window.h"

#include <math.h>

AxcBinaryRule axc_binary_rule(const AxcNode *n, const AxcQuant *a, const AxcQuant *b, const AxcQuant *y)
{
	AxcBinaryRule r = {.za = a->zero_point[0] + 128, .zb = b->zero_point[0] + 128};
	float sa = a->scale[0], sb = b->scale[0], sy = y->scale[0], zy = (float)(y->zero_point[0] + 128);
	if (n->op->lower == AXC_LK_MUL) {
		float product = sa * sb;
		r.ra = product / sy;
		r.fx = zy;
		return r;
	}
	r.ra = sa / sy;
	r.rb = sb / sy;
	if (strcmp(n->op_type, "Sub") == 0)
		r.rb = -r.rb;
	float rbz = r.rb * (float)r.zb;
	r.fx = zy - fmaf(r.ra, (float)r.za, rbz);
	return r;
}

bool axc_lower_table(AxcLowering *l, AxcId node)
{
	const AxcNode *n = &l->g->nodes.at[node];
	const AxcFusion *f = &l->fusion[node];
	AxcView x, y;
	uint8_t table[256];
	AxcId in = 0;
	for (uint32_t k = 0; k < n->n_in && !in; k++)
		in = axc_is_int8(l->g, n->in[k]) && !l->g->values.at[n->in[k]].data ? n->in[k] : 0;
	if (f->lut) {
		memcpy(table, f->lut, sizeof table);
	} else if (!axc_node_table(l, n, table)) {
		axc_fail_as(l->d, AXC_MIDEND_TO_TIR_ERROR, "this int8 node is no function of one tensor");
		return axc_diag_node(l->d, n->name, n->op_type);
	}
	return axc_view_of(l, in, &x) && axc_view_new(l, f->out, &x, &y) && axc_step_lut(l, &y, &x, table);
}

/* Strides of an operand broadcast to the output's rank. */
static void broadcast_strides(const AxcView *x, const AxcShape *y, int64_t stride[AXC_MAX_RANK])
{
	for (int d = 0; d < y->rank; d++) {
		int from = d - (y->rank - x->shape.rank);
		stride[d] = from >= 0 && x->shape.dim[from] != 1 ? x->stride[from] : 0;
	}
}

bool axc_lower_binary(AxcLowering *l, AxcId node)
{
	const AxcNode *n = &l->g->nodes.at[node];
	const AxcValue *y = &l->g->values.at[n->out[0]];
	struct axk_binary_u8 p = {.lo = 0.0f, .hi = 255.0f};
	AxcView a, b, out;
	if (l->fusion[node].lut || n->n_in != 2 || !axc_is_int8(l->g, n->in[0]) || !axc_is_int8(l->g, n->in[1]))
		return axc_lower_table(l, node);
	if (!axc_view_of(l, n->in[0], &a) || !axc_view_of(l, n->in[1], &b))
		return false;
	const AxcView *like = axc_shape_equal(&a.shape, &y->shape) && !l->g->values.at[n->in[0]].data ? &a : &b;
	if (!axc_view_new(l, n->out[0], axc_shape_equal(&like->shape, &y->shape) ? like : NULL, &out))
		return false;
	int64_t sa[AXC_MAX_RANK], sb[AXC_MAX_RANK];
	broadcast_strides(&a, &y->shape, sa);
	broadcast_strides(&b, &y->shape, sb);
	const int64_t *const strides[3] = {out.stride, sa, sb};
	int s[3][8];
	axc_loop_dims(y->shape.rank, y->shape.dim, 3, strides, p.dims, s);
	memcpy(p.sy, s[0], sizeof p.sy);
	memcpy(p.sa, s[1], sizeof p.sa);
	memcpy(p.sb, s[2], sizeof p.sb);
	AxcBinaryRule r = axc_binary_rule(n, &l->g->values.at[n->in[0]].q, &l->g->values.at[n->in[1]].q, &y->q);
	p.ra = r.ra;
	p.rb = r.rb;
	p.fx = r.fx;
	p.za = r.za;
	p.zb = r.zb;
	AxcArg args[4] = {axc_view_arg(&out, 1), axc_view_arg(&a, 1), axc_view_arg(&b, 1)};
	return axc_step_add(l, n->op->lower == AXC_LK_MUL ? AXK_MUL_U8 : AXK_ADD_U8, &p, 4, args, NULL);
}

static bool pool_steps(AxcLowering *l, const AxcNode *n, AxkKind kind, struct axk_pool p)
{
	AxcView in, out, direct;
	int64_t ld;
	if (!axc_view_channels(l, n->in[0], &in, &ld) || !axc_view_new(l, n->out[0], NULL, &out))
		return false;
	p.in_ld = (int)ld;
	direct = out;
	if (!axc_view_is_channel_last(&out, &ld)) {
		direct = axc_view_temp(l, &out.shape, true, 1);
		(void)axc_view_is_channel_last(&direct, &ld);
	}
	p.out_ld = (int)ld;
	AxcArg args[2] = {axc_view_arg(&direct, 1), axc_view_arg(&in, 1)};
	return axc_step_add(l, kind, &p, 2, args, NULL) &&
	       (direct.buf == out.buf || axc_step_copy(l, &out, &direct, 1, 0));
}

bool axc_lower_pool(AxcLowering *l, AxcId node)
{
	const AxcNode *n = &l->g->nodes.at[node];
	const AxcValue *x = &l->g->values.at[n->in[0]], *y = &l->g->values.at[n->out[0]];
	AxcWindow w = {.rank = x->shape.rank - 2};
	if (strcmp(n->op_type, "GlobalMaxPool") == 0 && w.rank >= 1 && w.rank <= 3) {
		for (int i = 0; i < w.rank; i++) {
			w.in[i] = w.kernel[i] = x->shape.dim[i + 2];
			w.out[i] = w.stride[i] = w.dilation[i] = 1;
		}
	} else if (!axc_window_read(l->g, n, NULL, &w, l->d)) {
		return false;
	}
	if (w.rank > 2) {
		axc_fail_as(l->d, AXC_MIDEND_TO_TIR_ERROR, "an int8 pool has one or two spatial dimensions");
		return axc_diag_node(l->d, n->name, n->op_type);
	}
	w = axc_window_widen(&w, 2);
	struct axk_pool p = {
		.n = (int)x->shape.dim[0], .c = (int)x->shape.dim[1],
		.ih = (int)w.in[0], .iw = (int)w.in[1], .oh = (int)w.out[0], .ow = (int)w.out[1],
		.kh = (int)w.kernel[0], .kw = (int)w.kernel[1], .sh = (int)w.stride[0], .sw = (int)w.stride[1],
		.dh = (int)w.dilation[0], .dw = (int)w.dilation[1], .pt = (int)w.begin[0], .pl = (int)w.begin[1],
		.pb = (int)w.end[0], .pr = (int)w.end[1],
		.count_pad = (int)axc_attr_int(n, "count_include_pad", 0),
		.zp_in = x->q.zero_point[0] + 128, .zp_out = y->q.zero_point[0] + 128,
		.s_in = x->q.scale[0], .s_out = y->q.scale[0],
	};
	return pool_steps(l, n, n->op->lower == AXC_LK_MAXPOOL ? AXK_MAXPOOL_U8 : AXK_AVGPOOL_U8, p);
}

/* A reduction over a block of neighbouring dimensions: the input seen as [n][rows][c] with the reduced
 * rows in the middle and `ld` between rows. */
typedef struct Block {
	int n, rows, c, ld;
} Block;

static bool is_reduce(const AxcNode *n)
{
	return strncmp(n->op_type, "Reduce", 6) == 0;
}

static void reduced_dims(AxcLowering *l, const AxcNode *n, int rank, bool reduced[AXC_MAX_RANK])
{
	const int64_t *axes;
	int64_t count;
	if (is_reduce(n) && n->n_in > 1 && axc_const_ints(l->g, n->in[1], l->arena, &axes, &count) && count) {
		for (int64_t i = 0; i < count; i++)
			reduced[axes[i] < 0 ? axes[i] + rank : axes[i]] = true;
		return;
	}
	for (int d = is_reduce(n) ? 0 : 2; d < rank; d++)
		reduced[d] = true;
}

static bool reduce_block(AxcLowering *l, const AxcNode *n, AxcView *in, Block *b)
{
	const AxcShape *x = &l->g->values.at[n->in[0]].shape;
	bool reduced[AXC_MAX_RANK] = {false};
	int64_t ld, outer = 1, rows = 1, c = 1;
	reduced_dims(l, n, x->rank, reduced);
	bool spatial = x->rank >= 3 && !reduced[0] && !reduced[1];
	for (int d = 2; d < x->rank; d++)
		spatial = spatial && reduced[d];
	if (spatial) { /* all spatial dimensions: the natural case in channel-last */
		if (!axc_view_channels(l, n->in[0], in, &ld))
			return false;
		int64_t pixels = axc_shape_count(x) / AXC_MAX(x->dim[0] * x->dim[1], 1);
		*b = (Block){(int)x->dim[0], (int)pixels, (int)x->dim[1], (int)ld};
		return true;
	}
	/* otherwise over a row-major copy, where the reduced dimensions must be neighbours */
	AxcView v;
	int d = 0;
	for (; d < x->rank && !reduced[d]; d++)
		outer *= x->dim[d];
	for (; d < x->rank && (reduced[d] || x->dim[d] == 1); d++)
		rows *= x->dim[d];
	for (; d < x->rank && !reduced[d]; d++)
		c *= x->dim[d];
	if (d < x->rank) {
		axc_fail_as(l->d, AXC_MIDEND_TO_TIR_ERROR, "an int8 reduction over dimensions that are not neighbours");
		return axc_diag_node(l->d, n->name, n->op_type);
	}
	if (!axc_view_of(l, n->in[0], &v))
		return false;
	*in = v;
	if (!axc_view_is_row_major(&v)) {
		*in = axc_view_temp(l, x, false, 1);
		if (!axc_step_copy(l, in, &v, 1, 0))
			return false;
	}
	*b = (Block){(int)outer, (int)rows, (int)c, (int)c};
	return true;
}

/* ReduceMax over a block is a max pool with one window per column. */
bool axc_lower_reduce_max(AxcLowering *l, AxcId node)
{
	const AxcNode *n = &l->g->nodes.at[node];
	AxcView in, out;
	Block b;
	if (!reduce_block(l, n, &in, &b) || !axc_view_new(l, n->out[0], NULL, &out))
		return false;
	AxcView direct = out;
	if (!axc_view_is_row_major(&out))
		direct = axc_view_temp(l, &out.shape, false, 1);
	struct axk_pool p = {.n = b.n, .ih = b.rows, .iw = 1, .c = b.c, .in_ld = b.ld, .oh = 1, .ow = 1, .out_ld = b.c,
	                     .kh = b.rows, .kw = 1, .sh = 1, .sw = 1, .dh = 1, .dw = 1};
	AxcArg args[2] = {axc_view_arg(&direct, 1), axc_view_arg(&in, 1)};
	return axc_step_add(l, AXK_MAXPOOL_U8, &p, 2, args, NULL) &&
	       (direct.buf == out.buf || axc_step_copy(l, &out, &direct, 1, 0));
}

bool axc_lower_mean(AxcLowering *l, AxcId node)
{
	const AxcNode *n = &l->g->nodes.at[node];
	const AxcValue *x = &l->g->values.at[n->in[0]], *y = &l->g->values.at[n->out[0]];
	AxcView in, out;
	Block b;
	if (strcmp(n->op_type, "AveragePool") == 0)
		return axc_lower_pool(l, node);
	if (!reduce_block(l, n, &in, &b))
		return false;
	struct axk_mean p = {.n = b.n, .rows = b.rows, .c = b.c, .in_ld = b.ld, .out_ld = b.c};
	float count = (float)p.rows;
	p.zp_in = x->q.zero_point[0] + 128;
	unsigned entries = l->entries;
	bool to_float = y->dtype == AXC_F32, in_core = to_float && axc_float_in_core(l, n->out[0]);
	if (to_float && (in_core || (entries & AXC_ENTRY_F32))) {
		struct axk_mean pf = p;
		AxcView f = axc_view_temp(l, &y->shape, false, 4);
		pf.out_f32 = 1;
		pf.m = x->q.scale[0] / count;
		AxcArg args[2] = {axc_view_arg(&f, 4), axc_view_arg(&in, 1)};
		l->entries = in_core ? entries : AXC_ENTRY_F32;
		if (!axc_step_add(l, AXK_MEAN_U8, &pf, 2, args, NULL) || !axc_store_float(l, n->out[0], &f))
			return false;
		if (in_core)
			return axc_store_port_of(l, n->out[0]);
	}
	l->entries = to_float ? entries & AXC_ENTRY_I8 : entries;
	float scaled = y->q.scale[0] * count;
	p.m = x->q.scale[0] / scaled;
	p.zp = (float)(y->q.zero_point[0] + 128);
	p.lo = 0.0f - p.zp;
	p.hi = 255.0f - p.zp;
	bool ok = true;
	if (l->entries) {
		AxcView direct = {.shape = y->shape};
		ok = axc_view_new(l, n->out[0], NULL, &out);
		axc_view_row_major(&direct);
		/* [n][c] rows: what a channel-last tensor with one pixel is, too */
		bool same = ok && axc_view_is_row_major(&out);
		if (same)
			direct = out;
		else if (ok)
			direct = axc_view_temp(l, &y->shape, false, 1);
		AxcArg args[2] = {axc_view_arg(&direct, 1), axc_view_arg(&in, 1)};
		ok = ok && axc_step_add(l, AXK_MEAN_U8, &p, 2, args, NULL) &&
		     (same || axc_step_copy(l, &out, &direct, 1, 0)) &&
		     (!to_float || axc_store_port(l, n->out[0], &out));
	}
	l->entries = entries;
	return ok;
}

bool axc_lower_softmax(AxcLowering *l, AxcId node)
{
	const AxcNode *n = &l->g->nodes.at[node];
	const AxcValue *x = &l->g->values.at[n->in[0]];
	const AxcShape *s = &x->shape;
	int64_t a = axc_attr_int(n, "axis", -1);
	int axis = (int)(a < 0 ? a + s->rank : a);
	AxcView in, out, rows;
	if (!axc_view_of(l, n->in[0], &in))
		return false;
	rows = in;
	if (!axc_view_is_row_major(&in)) {
		rows = axc_view_temp(l, s, false, 1);
		if (!axc_step_copy(l, &rows, &in, 1, 0))
			return false;
	}
	if (!axc_view_new(l, n->out[0], &rows, &out))
		return false;
	AxcView direct = axc_view_is_row_major(&out) ? out : axc_view_temp(l, s, false, 1);
	struct axk_softmax_u8 p = {.outer = 1, .c = (int)s->dim[axis], .inner = 1, .x_inner = 1, .y_inner = 1};
	for (int d = 0; d < axis; d++)
		p.outer *= (int)s->dim[d];
	for (int d = axis + 1; d < s->rank; d++)
		p.inner *= (int)s->dim[d];
	p.x_c = p.y_c = p.inner;
	p.x_outer = p.y_outer = p.c * p.inner;
	float *table = AXC_NEW_ARRAY(l->arena, float, 256);
	for (int i = 0; i < 256; i++)
		table[i] = (float)exp(-(double)i * (double)x->q.scale[0]);
	AxcArg args[3] = {axc_view_arg(&direct, 1), axc_view_arg(&rows, 1),
	                  {axc_buf_const(l, "exp table", table, 256 * sizeof *table), 0}};
	return axc_step_add(l, AXK_SOFTMAX_U8, &p, 3, args, NULL) &&
	       (direct.buf == out.buf || axc_step_copy(l, &out, &direct, 1, 0));
}

/* Resize linear over the last two dimensions of four (resize.c lets no other be int8). */
bool axc_lower_resize(AxcLowering *l, AxcId node)
{
	const AxcNode *n = &l->g->nodes.at[node];
	const AxcValue *x = &l->g->values.at[n->in[0]], *y = &l->g->values.at[n->out[0]];
	AxcResize r;
	AxcView in, out, direct;
	int64_t ld;
	if (!axc_resize_read(l->g, n, l->arena, &r, l->d) || !axc_view_channels(l, n->in[0], &in, &ld))
		return false;
	struct axk_resize_u8 p = {
		.n = (int)x->shape.dim[0], .c = (int)x->shape.dim[1], .in_ld = (int)ld,
		.ih = (int)x->shape.dim[2], .iw = (int)x->shape.dim[3], .oh = (int)y->shape.dim[2], .ow = (int)y->shape.dim[3],
		.zp_in = x->q.zero_point[0] + 128, .zp_out = y->q.zero_point[0] + 128,
		.s_in = x->q.scale[0], .s_out = y->q.scale[0],
	};
	size_t count = 2 * (size_t)(p.oh + p.ow);
	int32_t *index = AXC_NEW_ARRAY(l->arena, int32_t, count);
	float *weight = AXC_NEW_ARRAY(l->arena, float, count);
	axc_resize_corners(&r, 2, index, index + p.oh, weight, weight + p.oh);
	axc_resize_corners(&r, 3, index + 2 * p.oh, index + 2 * p.oh + p.ow, weight + 2 * p.oh, weight + 2 * p.oh + p.ow);
	if (!axc_view_new(l, n->out[0], NULL, &out))
		return false;
	direct = out;
	if (!axc_view_is_channel_last(&out, &ld)) {
		direct = axc_view_temp(l, &out.shape, true, 1);
		(void)axc_view_is_channel_last(&direct, &ld);
	}
	p.out_ld = (int)ld;
	AxcArg args[4] = {axc_view_arg(&direct, 1), axc_view_arg(&in, 1),
	                  {axc_buf_const(l, "corners", index, count * sizeof *index), 0},
	                  {axc_buf_const(l, "corner weights", weight, count * sizeof *weight), 0}};
	return axc_step_add(l, AXK_RESIZE_LINEAR_U8, &p, 4, args, NULL) &&
	       (direct.buf == out.buf || axc_step_copy(l, &out, &direct, 1, 0));
}
