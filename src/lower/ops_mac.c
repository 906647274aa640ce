/* Convolutions and dense products: geometry, epilogue constants, weights in the order the kernels
 * pack from. A result that leaves the core as float is computed twice over the same input: as float for
 * run_f32 and as int8 for run_i8. */
#include "lower/lower.h"
#include "ops/conv.h"

static bool int_param(AxcLowering *l, int64_t value, const char *what, int *ret)
{
	if (value < INT32_MIN || value > INT32_MAX)
		return axc_fail_as(l->d, AXC_FRONTEND_TO_MIDEND_ERROR, "%s of %lld is beyond 32 bits", what,
		                   (long long)value);
	*ret = (int)value;
	return true;
}

static bool conv_geometry(AxcLowering *l, const AxcNode *n, struct axk_conv *p)
{
	const AxcShape *x = &l->g->values.at[n->in[0]].shape, *y = &l->g->values.at[n->out[0]].shape;
	AxcWindow w;
	if (!axc_conv_window(l->g, n, &w, l->d))
		return false;
	if (w.rank > 2) {
		axc_fail_as(l->d, AXC_MIDEND_TO_TIR_ERROR, "an int8 convolution has one or two spatial dimensions");
		axc_diag_shapes(l->d, axc_shape_text(l->arena, x), "rank 3 or 4");
		return false;
	}
	w = axc_window_widen(&w, 2);
	*p = (struct axk_conv){
		.n = (int)x->dim[0], .ic = (int)x->dim[1], .oc = (int)y->dim[1],
		.ih = (int)w.in[0], .iw = (int)w.in[1], .oh = (int)w.out[0], .ow = (int)w.out[1],
		.kh = (int)w.kernel[0], .kw = (int)w.kernel[1], .sh = (int)w.stride[0], .sw = (int)w.stride[1],
		.dh = (int)w.dilation[0], .dw = (int)w.dilation[1], .pt = (int)w.begin[0], .pl = (int)w.begin[1],
	};
	return int_param(l, axc_attr_int(n, "group", 1), "group", &p->groups);
}

static bool dense_geometry(AxcLowering *l, const AxcNode *n, struct axk_conv *p)
{
	const AxcShape *x = &l->g->values.at[n->in[0]].shape, *y = &l->g->values.at[n->out[0]].shape;
	int64_t k = x->dim[x->rank - 1], m = axc_shape_count(x) / AXC_MAX(k, 1);
	*p = (struct axk_conv){.n = 1, .iw = 1, .ow = 1, .kh = 1, .kw = 1, .sh = 1, .sw = 1, .dh = 1, .dw = 1,
	                       .groups = 1};
	if (!int_param(l, m, "the number of rows", &p->ih) || !int_param(l, k, "the inner dimension", &p->ic))
		return false;
	p->oh = p->ih;
	return int_param(l, y->dim[y->rank - 1], "the number of columns", &p->oc);
}

/* ONNX weights to [oc][kh][kw][ic/groups]. For ConvTranspose ONNX has [ic][oc/groups][kh][kw]. */
static const int8_t *weights_ohwi(AxcLowering *l, const AxcNode *n, const struct axk_conv *p)
{
	const AxcValue *w = &l->g->values.at[n->in[1]];
	const int8_t *from = w->data;
	int icg = p->ic / p->groups, ocg = p->oc / p->groups, taps = p->kh * p->kw;
	bool transposed = n->op->lower == AXC_LK_CONV_TRANSPOSE;
	int8_t *to = axc_alloc(l->arena, (size_t)p->oc * (size_t)taps * (size_t)icg);
	size_t at = 0;
	for (int oc = 0; oc < p->oc; oc++)
		for (int t = 0; t < taps; t++)
			for (int ic = 0; ic < icg; ic++) {
				size_t i = transposed
				                   ? ((size_t)(oc / ocg * icg + ic) * (size_t)ocg + (size_t)(oc % ocg))
				                   : ((size_t)oc * (size_t)icg + (size_t)ic);
				to[at++] = from[i * (size_t)taps + (size_t)t];
			}
	return to;
}

/* Gemm / MatMul weights to [N][K]. */
static const int8_t *weights_dense(AxcLowering *l, const AxcNode *n, const struct axk_conv *p)
{
	const int8_t *from = l->g->values.at[n->in[1]].data;
	if (axc_attr_int(n, "transB", 0))
		return from;
	size_t N = (size_t)p->oc, K = (size_t)p->ic;
	int8_t *to = axc_alloc(l->arena, N * K);
	for (size_t o = 0; o < N; o++)
		for (size_t k = 0; k < K; k++)
			to[o * K + k] = from[k * N + o];
	return to;
}

/* Multipliers of rule 1: s_x*s_w/s_y, or s_x*s_w for a float result. */
static const float *multipliers(AxcLowering *l, const AxcNode *n, const struct axk_conv *p, bool to_float)
{
	const AxcQuant *x = &l->g->values.at[n->in[0]].q, *w = &l->g->values.at[n->in[1]].q;
	const AxcQuant *y = &l->g->values.at[n->out[0]].q;
	float *m = AXC_NEW_ARRAY(l->arena, float, (size_t)p->oc);
	for (int o = 0; o < p->oc; o++) {
		int ic = x->n > 1 ? o / (p->oc / p->groups) * (p->ic / p->groups) : 0;
		float s = x->scale[ic] * w->scale[o % w->n]; /* ConvTranspose: groups share the scales */
		m[o] = to_float ? s : s / y->scale[y->n > 1 ? o : 0];
	}
	return m;
}

static void epilogue(AxcLowering *l, const AxcNode *n, const AxcFusion *f, struct axk_conv *p)
{
	const AxcQuant *y = &l->g->values.at[n->out[0]].q;
	p->zp = (float)(y->zero_point[0] + 128);
	p->lo = 0.0f - p->zp;
	p->hi = 255.0f - p->zp;
	p->has_lut = f->lut != NULL;
	if (!f->add)
		return;
	const AxcNode *a = &l->g->nodes.at[f->add];
	AxcBinaryRule r = axc_binary_rule(a, &l->g->values.at[a->in[0]].q, &l->g->values.at[a->in[1]].q,
	                                  &l->g->values.at[a->out[0]].q);
	p->add = f->residual_is_a ? 2 : 1;
	p->ra = r.ra;
	p->rb = r.rb;
	p->rfx = r.fx;
	p->alo = 0.0f;
	p->ahi = 255.0f;
}

static AxkKind mac_kind(const AxcLowering *l, const AxcNode *n, const struct axk_conv *p)
{
	if (n->op->lower == AXC_LK_CONV_TRANSPOSE)
		return AXK_CONVT_U8;
	if (n->op->lower == AXC_LK_DENSE)
		return l->config->dense_as_conv ? AXK_CONV_U8 : AXK_DENSE_U8;
	return p->groups > 1 && p->groups == p->ic ? AXK_DWCONV_U8 : AXK_CONV_U8;
}

/* Weights, bias and per-channel zero points: the same for both entries. */
static void pack_input(AxcLowering *l, const AxcNode *n, const struct axk_conv *p, AxkPackIn *pack, AxcArg *zp)
{
	const AxcValue *x = &l->g->values.at[n->in[0]];
	pack->weights = n->op->lower == AXC_LK_DENSE ? weights_dense(l, n, p) : weights_ohwi(l, n, p);
	pack->bias = n->n_in > 2 && n->in[2] ? l->g->values.at[n->in[2]].data
	                                     : AXC_NEW_ARRAY(l->arena, int32_t, (size_t)p->oc);
	if (x->q.n > 1) {
		uint8_t *z = axc_alloc(l->arena, (size_t)x->q.n);
		for (int i = 0; i < x->q.n; i++)
			z[i] = (uint8_t)(x->q.zero_point[i] + 128);
		pack->zp_in = z;
		*zp = (AxcArg){axc_buf_const(l, "zero points", z, (size_t)x->q.n), 0};
	}
}

static bool mac_to_int8(AxcLowering *l, const AxcNode *n, const AxcFusion *f, struct axk_conv p,
                        AxkPackIn pack, AxcArg in, AxcArg zp, AxcView *ret_out)
{
	bool dense = n->op->lower == AXC_LK_DENSE;
	AxcArg args[6] = {[1] = in, [5] = zp};
	AxcView out, res, rows = {.shape = l->g->values.at[f->out].shape};
	int64_t ld;
	if (f->residual) {
		if (dense ? !axc_view_rows(l, f->residual, &res, &ld)
		          : !axc_view_channels(l, f->residual, &res, &ld))
			return false;
		p.res_ld = (int)ld;
		args[4] = axc_view_arg(&res, 1);
	}
	axc_view_row_major(&rows);
	if (!axc_view_new(l, f->out, dense ? &rows : NULL, &out))
		return false;
	bool fits = dense ? axc_view_is_rows(&out, &ld) : axc_view_is_channel_last(&out, &ld);
	AxcView direct = fits ? out : axc_view_temp(l, &out.shape, !dense, 1);
	if (!fits && (dense ? !axc_view_is_rows(&direct, &ld) : !axc_view_is_channel_last(&direct, &ld)))
		return axc_fail(l->d, "no layout for the result");
	epilogue(l, n, f, &p);
	p.out_ld = (int)ld;
	args[0] = axc_view_arg(&direct, 1);
	if (f->lut)
		args[3] = (AxcArg){axc_buf_const(l, "table", f->lut, 256), 0};
	pack.m = multipliers(l, n, &p, false);
	*ret_out = out;
	return axc_step_add(l, mac_kind(l, n, &p), &p, AXC_COUNT(args), args, &pack) &&
	       (fits || axc_step_copy(l, &out, &direct, 1, 0));
}

static bool mac_to_float(AxcLowering *l, const AxcNode *n, struct axk_conv p, AxkPackIn pack, AxcArg in,
                         AxcArg zp)
{
	AxcArg args[6] = {[1] = in, [5] = zp};
	AxcView out = axc_view_temp(l, &l->g->values.at[n->out[0]].shape, n->op->lower != AXC_LK_DENSE, 4);
	p.out_f32 = 1;
	p.out_ld = p.oc;
	args[0] = axc_view_arg(&out, 4);
	pack.m = multipliers(l, n, &p, true);
	return axc_step_add(l, mac_kind(l, n, &p), &p, AXC_COUNT(args), args, &pack) &&
	       axc_store_float(l, n->out[0], &out);
}

/* run_i8 has the float result of an int8 operator as it is: float nodes of the core read it. */
bool axc_float_in_core(const AxcLowering *l, AxcId value)
{
	for (uint32_t u = l->uses.first[value]; u < l->uses.first[value + 1]; u++)
		if (l->part[l->uses.node[u]] == AXC_PART_CORE)
			return true;
	return false;
}

/* Both results of a float output from one set of packed weights: the accumulators as float, then m of either
 * entry. Worth a pass over the result only where the weights are much larger than it. */
static bool share_weights(const AxcLowering *l, const AxcNode *n, const struct axk_conv *p)
{
	const AxkInfo *k = axk_select(mac_kind(l, n, p), l->config->target->isa, p);
	size_t result = (size_t)axc_shape_count(&l->g->values.at[n->out[0]].shape);
	return l->entries == AXC_ENTRY_BOTH && k && k->pack_bytes && k->pack_bytes(p) / 16 > result;
}

static bool mac_to_both(AxcLowering *l, const AxcNode *n, struct axk_conv p, AxkPackIn pack, AxcArg in, AxcArg zp)
{
	bool dense = n->op->lower == AXC_LK_DENSE;
	const AxcValue *y = &l->g->values.at[n->out[0]];
	AxcView acc = axc_view_temp(l, &y->shape, !dense, 4), f = axc_view_temp(l, &y->shape, !dense, 4);
	AxcView q = axc_view_temp(l, &y->shape, !dense, 1);
	AxcArg args[6] = {axc_view_arg(&acc, 4), in, [5] = zp};
	float *one = AXC_NEW_ARRAY(l->arena, float, (size_t)p.oc);
	for (int o = 0; o < p.oc; o++)
		one[o] = 1.0f;
	pack.m = one;
	p.out_f32 = 1;
	p.out_ld = p.oc;
	if (!axc_step_add(l, mac_kind(l, n, &p), &p, AXC_COUNT(args), args, &pack))
		return false;
	struct axk_requant r = {.c = p.oc, .in_ld = p.oc, .out_ld = p.oc, .out_f32 = 1};
	r.rows = (int)(axc_shape_count(&y->shape) / AXC_MAX(p.oc, 1));
	size_t bytes = (size_t)p.oc * sizeof(float);
	AxcArg to_float[4] = {axc_view_arg(&f, 4), axc_view_arg(&acc, 4),
	                      {axc_buf_const(l, "multipliers", multipliers(l, n, &p, true), bytes), 0}};
	l->entries = AXC_ENTRY_F32;
	if (!axc_step_add(l, AXK_REQUANT, &r, 4, to_float, NULL) || !axc_store_float(l, n->out[0], &f))
		return false;
	r.out_f32 = 0;
	r.zp = (float)(y->q.zero_point[0] + 128);
	r.lo = 0.0f - r.zp;
	r.hi = 255.0f - r.zp;
	AxcArg to_int8[4] = {axc_view_arg(&q, 1), axc_view_arg(&acc, 4),
	                     {axc_buf_const(l, "multipliers", multipliers(l, n, &p, false), bytes), 0}};
	l->entries = AXC_ENTRY_I8;
	bool ok = axc_step_add(l, AXK_REQUANT, &r, 4, to_int8, NULL) && axc_store_port(l, n->out[0], &q);
	l->entries = AXC_ENTRY_BOTH;
	return ok;
}

static bool mixed_zero_points(const AxcQuant *q)
{
	for (int c = 1; c < q->n; c++)
		if (q->zero_point[c] != q->zero_point[0])
			return true;
	return false;
}

/* An int8 result whose zero point differs per channel (hybrid scheme): the epilogue has one zero point, so the
 * accumulators pass through float. */
static bool mac_to_channels(AxcLowering *l, const AxcNode *n, struct axk_conv p, AxkPackIn pack, AxcArg in, AxcArg zp)
{
	const AxcValue *y = &l->g->values.at[n->out[0]];
	AxcView acc = axc_view_temp(l, &y->shape, true, 4), out;
	AxcArg args[6] = {axc_view_arg(&acc, 4), in, [5] = zp};
	float *one = AXC_NEW_ARRAY(l->arena, float, (size_t)p.oc), *zero = AXC_NEW_ARRAY(l->arena, float, (size_t)p.oc);
	int64_t ld;
	for (int o = 0; o < p.oc; o++) {
		one[o] = 1.0f;
		zero[o] = (float)(y->q.zero_point[o] + 128);
	}
	pack.m = one;
	p.out_f32 = 1;
	p.out_ld = p.oc;
	if (!axc_step_add(l, mac_kind(l, n, &p), &p, AXC_COUNT(args), args, &pack) || !axc_view_new(l, n->out[0], NULL, &out))
		return false;
	AxcView direct = out;
	if (!axc_view_is_channel_last(&out, &ld)) {
		direct = axc_view_temp(l, &out.shape, true, 1);
		(void)axc_view_is_channel_last(&direct, &ld);
	}
	struct axk_requant r = {.c = p.oc, .in_ld = p.oc, .out_ld = (int)ld, .per_channel = 1};
	r.rows = (int)(axc_shape_count(&y->shape) / AXC_MAX(p.oc, 1));
	size_t bytes = (size_t)p.oc * sizeof(float);
	AxcArg to_int8[4] = {axc_view_arg(&direct, 1), axc_view_arg(&acc, 4),
	                     {axc_buf_const(l, "multipliers", multipliers(l, n, &p, false), bytes), 0},
	                     {axc_buf_const(l, "zero points", zero, bytes), 0}};
	return axc_step_add(l, AXK_REQUANT, &r, 4, to_int8, NULL) &&
	       (direct.buf == out.buf || axc_step_copy(l, &out, &direct, 1, 0));
}

bool axc_lower_mac(AxcLowering *l, AxcId node)
{
	const AxcNode *n = &l->g->nodes.at[node];
	const AxcFusion *f = &l->fusion[node];
	const AxcQuant *x = &l->g->values.at[n->in[0]].q;
	bool dense = n->op->lower == AXC_LK_DENSE;
	struct axk_conv p = {0};
	AxkPackIn pack = {0};
	AxcView in, out;
	AxcArg zp = {0};
	int64_t ld;
	if (dense ? !dense_geometry(l, n, &p) : !conv_geometry(l, n, &p))
		return false;
	if (dense ? !axc_view_rows(l, n->in[0], &in, &ld) : !axc_view_channels(l, n->in[0], &in, &ld))
		return false;
	p.in_ld = (int)ld;
	p.zp_in = x->n > 1 ? -1 : x->zero_point[0] + 128;
	pack_input(l, n, &p, &pack, &zp);
	if (l->g->values.at[n->out[0]].dtype == AXC_I8 && mixed_zero_points(&l->g->values.at[n->out[0]].q))
		return mac_to_channels(l, n, p, pack, axc_view_arg(&in, 1), zp);
	if (l->g->values.at[n->out[0]].dtype == AXC_I8)
		return mac_to_int8(l, n, f, p, pack, axc_view_arg(&in, 1), zp, &out);
	if (axc_float_in_core(l, n->out[0]))
		return mac_to_float(l, n, p, pack, axc_view_arg(&in, 1), zp) && axc_store_port_of(l, n->out[0]);
	if (share_weights(l, n, &p))
		return mac_to_both(l, n, p, pack, axc_view_arg(&in, 1), zp);
	unsigned entries = l->entries;
	l->entries = entries & AXC_ENTRY_F32;
	if (l->entries && !mac_to_float(l, n, p, pack, axc_view_arg(&in, 1), zp))
		return false;
	l->entries = entries & AXC_ENTRY_I8;
	if (l->entries && (!mac_to_int8(l, n, f, p, pack, axc_view_arg(&in, 1), zp, &out) ||
	                   !axc_store_port(l, n->out[0], &out)))
		return false;
	l->entries = entries;
	return true;
}
