/* Conv and ConvTranspose: shapes, float kernel calls, costs. One to three spatial dimensions; one
 * is run as two with a height of 1. */
#include "ops/conv.h"

#include <math.h>

static const AxcShape *shape_of(const AxcGraph *g, const AxcNode *n, uint32_t i)
{
	return &g->values.at[n->in[i]].shape;
}

static bool is_transposed(const AxcNode *n)
{
	return strcmp(n->op_type, "ConvTranspose") == 0;
}

static bool has_bias(const AxcNode *n)
{
	return n->n_in > 2 && n->in[2];
}

/* Channels: weights are [oc][ic/group] for Conv, [ic][oc/group] for ConvTranspose. */
static int64_t out_channels(const AxcGraph *g, const AxcNode *n)
{
	const AxcShape *w = shape_of(g, n, 1);
	return is_transposed(n) ? w->dim[1] * axc_attr_int(n, "group", 1) : w->dim[0];
}

bool axc_conv_window(const AxcGraph *g, const AxcNode *node, AxcWindow *ret, AxcDiag *d)
{
	const int64_t *kernel = shape_of(g, node, 1)->dim + 2;
	return is_transposed(node) ? axc_window_read_transposed(g, node, kernel, ret, d)
				   : axc_window_read(g, node, kernel, ret, d);
}

static bool check_channels(AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	const AxcShape *x = shape_of(g, n, 0), *w = shape_of(g, n, 1);
	int64_t group = axc_attr_int(n, "group", 1);
	if (x->rank < 3 || w->rank != x->rank)
		return axc_misfit(g, n, d, "input and weights of the same rank, 3 or more",
				  "input and weights do not fit");
	for (int i = 0; i < w->rank; i++)
		if (w->dim[i] < 1)
			return axc_misfit(g, n, d, "1 or more", "the weights have a dimension of %lld",
					  (long long)w->dim[i]);
	if (group < 1 || x->dim[1] % group ||
	    (is_transposed(n) ? w->dim[0] : w->dim[1] * group) != x->dim[1] ||
	    (!is_transposed(n) && w->dim[0] % group))
		return axc_misfit(
			g, n, d, "weights whose channels are those of a group's input",
			"%lld input channels in %lld groups do not fit weights of %lld x %lld",
			(long long)x->dim[1], (long long)group, (long long)w->dim[0],
			(long long)w->dim[1]);
	if (has_bias(n) && axc_shape_count(shape_of(g, n, 2)) != out_channels(g, n))
		return axc_misfit(g, n, d, NULL, "the bias has %lld values, wanted %lld",
				  (long long)axc_shape_count(shape_of(g, n, 2)),
				  (long long)out_channels(g, n));
	return true;
}

static bool infer_conv(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcValue *x = axc_value(g, n->in[0]);
	AxcValue *y = axc_value(g, n->out[0]);
	AxcWindow w;
	if (!check_channels(g, n, d) || !axc_conv_window(g, n, &w, d))
		return false;
	y->dtype = x->dtype;
	y->shape = (AxcShape){.rank = x->shape.rank, .dim = {x->shape.dim[0], out_channels(g, n)}};
	for (int i = 0; i < w.rank; i++)
		y->shape.dim[i + 2] = w.out[i];
	return true;
}

/* ---- float kernel calls ---- */

static struct axk_conv_f32 params_2d(const AxcGraph *g, const AxcNode *n, const AxcWindow *window)
{
	const AxcShape *x = shape_of(g, n, 0);
	AxcWindow w = axc_window_widen(window, 2);
	return (struct axk_conv_f32){.n = (int)x->dim[0],
				     .ic = (int)x->dim[1],
				     .ih = (int)w.in[0],
				     .iw = (int)w.in[1],
				     .oc = (int)out_channels(g, n),
				     .oh = (int)w.out[0],
				     .ow = (int)w.out[1],
				     .kh = (int)w.kernel[0],
				     .kw = (int)w.kernel[1],
				     .sh = (int)w.stride[0],
				     .sw = (int)w.stride[1],
				     .dh = (int)w.dilation[0],
				     .dw = (int)w.dilation[1],
				     .pt = (int)w.begin[0],
				     .pl = (int)w.begin[1],
				     .groups = (int)axc_attr_int(n, "group", 1),
				     .lo = -INFINITY,
				     .hi = INFINITY};
}

static struct axk_conv3d_f32 params_3d(const AxcGraph *g, const AxcNode *n, const AxcWindow *w)
{
	const AxcShape *x = shape_of(g, n, 0);
	struct axk_conv3d_f32 p = {.n = (int)x->dim[0],
				   .ic = (int)x->dim[1],
				   .oc = (int)out_channels(g, n),
				   .groups = (int)axc_attr_int(n, "group", 1),
				   .transposed = is_transposed(n)};
	for (int i = 0; i < 3; i++) {
		p.in[i] = (int)w->in[i];
		p.out[i] = (int)w->out[i];
		p.k[i] = (int)w->kernel[i];
		p.s[i] = (int)w->stride[i];
		p.d[i] = (int)w->dilation[i];
		p.p[i] = (int)w->begin[i];
	}
	return p;
}

/* Copies `count` floats of `from` to `to`. */
static bool copy_floats(AxcBuild *b, AxcRef to, AxcRef from, int64_t count)
{
	struct axk_copy p = {.elem_bytes = 4};
	for (int i = 0; i < 8; i++)
		p.dims[i] = 1;
	p.dims[7] = (int)count;
	p.sx[7] = p.sy[7] = 1;
	AxcRef buf[2] = {to, from};
	return axc_build_call(b, AXK_COPY, &p, sizeof p, 0, 2, buf);
}

/* Weights or bias computed by the network: the portable kernel takes them side by side as they are.
 */
static bool call_dynamic(const AxcGraph *g, const AxcNode *n, AxcBuild *b, AxkKind kind,
			 const void *params, size_t bytes)
{
	int64_t weights = axc_shape_count(shape_of(g, n, 1)), oc = out_channels(g, n);
	AxcRef packed = axc_build_temp(b, (size_t)(weights + oc) * sizeof(float)), bias = packed,
	       zeros;
	void *zero_data;
	bias.offset = (size_t)weights * sizeof(float);
	if (has_bias(n)) {
		zeros = axc_ref_in(2);
	} else {
		zeros = axc_build_const_new(b, (size_t)oc * sizeof(float), &zero_data);
	}
	if (!copy_floats(b, packed, axc_ref_in(1), weights) || !copy_floats(b, bias, zeros, oc))
		return false;
	AxcRef buf[3] = {axc_ref_out(0), axc_ref_in(0), packed};
	unsigned isa = b->isa;
	b->isa = AXK_ISA_C;
	bool ok = axc_build_call(b, kind, params, bytes, 0, 3, buf);
	b->isa = isa;
	return ok;
}

/* Constant data where floats can be read; weights may come unaligned from the file. */
static const float *floats_of(const AxcGraph *g, AxcId v, AxcArena *arena)
{
	const AxcValue *val = &g->values.at[v];
	if ((uintptr_t)val->data % _Alignof(float) == 0)
		return val->data;
	return axc_memdup(arena, val->data, val->data_bytes);
}

static bool call_packed(const AxcGraph *g, const AxcNode *n, AxcBuild *b, AxkKind kind,
			const void *params, size_t bytes)
{
	if (!axc_is_const(g, n->in[1]) || (has_bias(n) && !axc_is_const(g, n->in[2])))
		return call_dynamic(g, n, b, kind, params, bytes);
	const AxkInfo *k = axc_build_select(b, kind, params);
	if (!k)
		return false;
	AxkPackIn in = {.weights = floats_of(g, n->in[1], b->arena)};
	if (has_bias(n))
		in.bias_f32 = floats_of(g, n->in[2], b->arena);
	void *packed;
	AxcRef buf[3] = {axc_ref_out(0), axc_ref_in(0)};
	buf[2] = axc_build_const_new(b, k->pack_bytes(params), &packed);
	k->pack(params, &in, packed);
	return axc_build_call(b, kind, params, bytes, 0, 3, buf);
}

static bool build_conv(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	AxcWindow w;
	if (!axc_conv_window(g, n, &w, b->d))
		return false;
	if (w.rank == 3) {
		struct axk_conv3d_f32 p = params_3d(g, n, &w);
		return call_packed(g, n, b, AXK_CONV3D_F32, &p, sizeof p);
	}
	struct axk_conv_f32 p = params_2d(g, n, &w);
	return call_packed(g, n, b, is_transposed(n) ? AXK_CONVT_F32 : AXK_CONV_F32, &p, sizeof p);
}

/* ---- costs and limits ---- */

static int64_t macs(const AxcGraph *g, const AxcNode *n)
{
	const AxcShape *w = shape_of(g, n, 1);
	int64_t per_channel = axc_shape_count(w) / AXC_MAX(w->dim[0], 1);
	return axc_shape_count(is_transposed(n) ? shape_of(g, n, 0)
						: &g->values.at[n->out[0]].shape) *
	       per_channel;
}

static bool check(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	return axc_check_f32(g, n, d, 3);
}

static bool quantizable(const AxcGraph *g, const AxcNode *n)
{
	int rank = shape_of(g, n, 0)->rank;
	return (rank == 3 || rank == 4) && axc_is_const(g, n->in[1]) &&
	       (!has_bias(n) || axc_is_const(g, n->in[2]));
}

static const AxcOp conv = {
	.name = "Conv",
	.min_in = 2,
	.max_in = 3,
	.min_out = 1,
	.max_out = 1,
	.attrs = "auto_pad dilations group kernel_shape pads strides",
	.infer = infer_conv,
	.build = build_conv,
	.eval_i8 = axc_eval_conv_i8,
	.quant = AXC_QR_MAC,
	.lower = AXC_LK_CONV,
	.quantizable = quantizable,
	.macs = macs,
	.check = check,
};

static const AxcOp conv_transpose = {
	.name = "ConvTranspose",
	.min_in = 2,
	.max_in = 3,
	.min_out = 1,
	.max_out = 1,
	.attrs = "auto_pad dilations group kernel_shape output_padding output_shape pads strides",
	.infer = infer_conv,
	.build = build_conv,
	.eval_i8 = axc_eval_convt_i8,
	.quant = AXC_QR_MAC,
	.lower = AXC_LK_CONV_TRANSPOSE,
	.quantizable = quantizable,
	.macs = macs,
	.check = check,
};

const AxcOp *const axc_ops_conv[] = {&conv, &conv_transpose, NULL};
