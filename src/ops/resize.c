/* Resize: nearest is a gather (AXK_MOVE), linear and cubic run axis by axis, last axis first. */
#include "ops/resize.h"
#include "ops/window.h"

static bool infer(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	const AxcValue *x = axc_value(g, n->in[0]);
	AxcValue *y = axc_value(g, n->out[0]);
	AxcResize r;
	if (!axc_resize_read(g, n, g->arena, &r, d))
		return false;
	y->dtype = x->dtype;
	y->shape = x->shape;
	for (int i = 0; i < r.rank; i++)
		y->shape.dim[i] = r.axis[i].out;
	return true;
}

/* The extrapolation value as an element of the tensor's type. */
static void fill_element(const AxcResize *r, AxcDType dtype, uint8_t element[8])
{
	float f = r->extrapolate;
	int64_t i = f > -9e18f && f < 9e18f ? (int64_t)f : 0;
	memset(element, 0, 8);
	if (dtype == AXC_F32)
		memcpy(element, &f, sizeof f);
	else
		memcpy(element, &i, axc_dtype_bytes(dtype));
}

static bool build_nearest(const AxcResize *r, AxcDType dtype, AxcBuild *b)
{
	struct axk_move p = {.elem_bytes = (int)axc_dtype_bytes(dtype)};
	size_t entries = (size_t)(8 - r->rank);
	uint8_t fill[8];
	for (int i = 0; i < r->rank; i++)
		entries += (size_t)r->axis[i].out;
	int32_t *table = AXC_NEW_ARRAY(b->arena, int32_t, entries), *at = table + entries;
	int64_t sx = 1, sy = 1;
	for (int i = 7; i >= 0; i--) {
		int k = i - (8 - r->rank);
		p.dims[i] = k < 0 ? 1 : (int)r->axis[k].out;
		p.sy[i] = (int)sy;
		at -= p.dims[i];
		if (k < 0)
			continue;
		axc_resize_nearest(r, k, at);
		for (int o = 0; o < p.dims[i]; o++)
			at[o] = at[o] < 0 ? INT32_MIN : (int32_t)(at[o] * sx);
		sx *= r->axis[k].in;
		sy *= r->axis[k].out;
	}
	fill_element(r, dtype, fill);
	AxcRef buf[4] = {axc_ref_out(0), axc_ref_in(0),
			 axc_build_const(b, table, entries * sizeof *table),
			 axc_build_const(b, fill, sizeof fill)};
	return axc_build_call(b, AXK_MOVE, &p, sizeof p, 0, 4, buf);
}

/* One axis from `from` to `to`; dims: the tensor before it, changed to the one behind it. */
static bool build_axis(const AxcResize *r, int axis, int64_t *dims, AxcRef to, AxcRef from,
		       AxcBuild *b)
{
	struct axk_resize_f32 p = {.outer = 1,
				   .in = (int)r->axis[axis].in,
				   .out = (int)r->axis[axis].out,
				   .inner = 1,
				   .extrapolate = r->extrapolate};
	int32_t *index;
	float *w;
	for (int i = 0; i < r->rank; i++) {
		p.outer *= i < axis ? (int)dims[i] : 1;
		p.inner *= i > axis ? (int)dims[i] : 1;
	}
	p.taps = axc_resize_taps(r, axis, b->arena, &index, &w);
	dims[axis] = p.out;
	size_t entries = (size_t)p.out * (size_t)p.taps;
	AxcRef buf[4] = {to, from, axc_build_const(b, index, entries * sizeof *index),
			 axc_build_const(b, w, entries * sizeof *w)};
	return axc_build_call(b, AXK_RESIZE_F32, &p, sizeof p, 0, 4, buf);
}

static bool build_copy(const AxcResize *r, AxcBuild *b)
{
	struct axk_copy p = {.elem_bytes = 4};
	int64_t count = 1;
	for (int i = 0; i < r->rank; i++)
		count *= r->axis[i].out;
	for (int i = 0; i < 8; i++)
		p.dims[i] = 1;
	p.dims[7] = (int)count;
	p.sx[7] = p.sy[7] = 1;
	AxcRef buf[2] = {axc_ref_out(0), axc_ref_in(0)};
	return axc_build_call(b, AXK_COPY, &p, sizeof p, 0, 2, buf);
}

static bool build(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	AxcResize r;
	int64_t dims[AXC_MAX_RANK], left = 0;
	if (!axc_resize_read(g, n, b->arena, &r, b->d))
		return false;
	if (r.mode == AXC_RESIZE_NEAREST)
		return build_nearest(&r, g->values.at[n->in[0]].dtype, b);
	for (int i = 0; i < r.rank; i++) {
		dims[i] = r.axis[i].in;
		left += !axc_resize_identity(&r, i);
	}
	AxcRef from = axc_ref_in(0);
	if (!left)
		return build_copy(&r, b);
	for (int i = r.rank - 1; i >= 0; i--) {
		if (axc_resize_identity(&r, i))
			continue;
		AxcRef to = axc_ref_out(0);
		if (--left) {
			int64_t count = r.axis[i].out;
			for (int k = 0; k < r.rank; k++)
				count *= k == i ? 1 : dims[k];
			if (count > INT32_MAX)
				return axc_misfit(g, n, b->d, NULL,
						  "an intermediate tensor would have %lld elements",
						  (long long)count);
			to = axc_build_temp(b, (size_t)count * sizeof(float));
		}
		if (!build_axis(&r, i, dims, to, from, b))
			return false;
		from = to;
	}
	return true;
}

static bool is_mode(const AxcNode *n, const char *mode)
{
	return strcmp(axc_attr_string(n, "mode", "nearest"), mode) == 0;
}

static bool moves(const AxcNode *n)
{
	return is_mode(n, "nearest");
}

/* Nearest anywhere; linear over the last two dimensions of four, inside the image. */
static bool quantizable(const AxcGraph *g, const AxcNode *n)
{
	const AxcShape *x = &g->values.at[n->in[0]].shape, *y = &g->values.at[n->out[0]].shape;
	if (is_mode(n, "nearest"))
		return true;
	bool inside = strcmp(axc_attr_string(n, "coordinate_transformation_mode", "half_pixel"),
			     "tf_crop_and_resize");
	return is_mode(n, "linear") && inside && !axc_attr_int(n, "antialias", 0) && x->rank == 4 &&
	       x->dim[0] == y->dim[0] && x->dim[1] == y->dim[1];
}

static bool check(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	return is_mode(n, "nearest") || axc_check_f32(g, n, d, 1);
}

static const AxcOp resize = {
	.name = "Resize",
	.min_in = 1,
	.max_in = 4,
	.min_out = 1,
	.max_out = 1,
	.attrs = "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside "
		 "extrapolation_value "
		 "keep_aspect_ratio_policy mode nearest_mode",
	.infer = infer,
	.build = build,
	.eval_i8 = axc_eval_resize_i8,
	.quant = AXC_QR_LINEAR,
	.lower = AXC_LK_RESIZE_LINEAR,
	.moves = moves,
	.quantizable = quantizable,
	.check = check,
};

const AxcOp *const axc_ops_resize[] = {&resize, NULL};
