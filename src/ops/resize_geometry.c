/* Which input elements an output element of Resize is made of, axis by axis. */
#include "ops/resize.h"
#include "ops/window.h"

#include <math.h>

static const char *const modes[] = {"nearest", "linear", "cubic", NULL};

enum {
	ASYMMETRIC,
	PYTORCH_HALF_PIXEL,
	TF_HALF_PIXEL_FOR_NN,
	ALIGN_CORNERS,
	TF_CROP,
	HALF_PIXEL,
	HALF_PIXEL_SYMMETRIC
};
static const char *const coordinate_modes[] = {
	"asymmetric",         "pytorch_half_pixel", "tf_half_pixel_for_nn", "align_corners",
	"tf_crop_and_resize", "half_pixel",         "half_pixel_symmetric", NULL};

enum { ROUND_PREFER_FLOOR, ROUND_PREFER_CEIL, FLOOR, CEIL };
static const char *const nearest_modes[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
					    "ceil", NULL};

static const char *const policies[] = {"stretch", "not_larger", "not_smaller", NULL};

static bool read_choice(const AxcGraph *g, const AxcNode *n, const char *name, const char *absent,
			const char *const *names, int *ret, AxcDiag *d)
{
	const char *text = axc_attr_string(n, name, absent);
	for (*ret = 0; names[*ret]; ++*ret)
		if (strcmp(text, names[*ret]) == 0)
			return true;
	AxcText all = {.arena = d->arena};
	for (int i = 0; names[i]; i++)
		axc_text_f(&all, "%s%s", !i ? "" : names[i + 1] ? ", " : " or ", names[i]);
	return axc_misfit(g, n, d, NULL, "attribute %s has the value %s, wanted %s", name,
			  axc_safe_name(d->arena, text), all.at);
}

static const AxcValue *input(const AxcGraph *g, const AxcNode *n, uint32_t i)
{
	const AxcValue *v = n->n_in > i && n->in[i] ? &g->values.at[n->in[i]] : NULL;
	return v && axc_shape_count(&v->shape) > 0 ? v : NULL;
}

/* The axes that scales, sizes and roi speak of. */
static bool read_axes(const AxcGraph *g, const AxcNode *n, int rank, int *axes, int *ret_n,
		      AxcDiag *d)
{
	uint32_t given;
	const int64_t *list = axc_attr_ints(n, "axes", &given);
	*ret_n = list && given ? (int)given : rank;
	if (*ret_n > rank)
		return axc_misfit(g, n, d, NULL, "attribute axes has %u values for a rank of %d",
				  given, rank);
	for (int i = 0; i < *ret_n; i++) {
		int64_t a = list && given ? list[i] : i;
		a = a < 0 ? a + rank : a;
		if (a < 0 || a >= rank)
			return axc_misfit(g, n, d, NULL,
					  "attribute axes has the value %lld for a rank of %d",
					  (long long)list[i], rank);
		axes[i] = (int)a;
	}
	return true;
}

/* A constant float input of exactly `count` values. */
static bool read_floats(const AxcGraph *g, const AxcNode *n, uint32_t i, int count, float *out,
			AxcDiag *d)
{
	const AxcValue *v = input(g, n, i);
	if (!v->data || v->dtype != AXC_F32)
		return axc_not_constant(g, n, d, i, i == 1 ? "roi" : "scales", "a float32 constant");
	if (axc_shape_count(&v->shape) != count)
		return axc_misfit(g, n, d, NULL, "input %u of Resize has %lld values, wanted %d", i,
				  (long long)axc_shape_count(&v->shape), count);
	memcpy(out, v->data, (size_t)count * sizeof *out);
	return true;
}

static bool apply_scales(const AxcGraph *g, const AxcNode *n, AxcResize *r, const int *axes,
			 int n_axes, AxcDiag *d)
{
	float scales[AXC_MAX_RANK];
	if (!read_floats(g, n, 2, n_axes, scales, d))
		return false;
	for (int i = 0; i < n_axes; i++) {
		AxcResizeAxis *a = &r->axis[axes[i]];
		a->scale = scales[i];
		float span = r->coordinates == TF_CROP ? a->roi_end - a->roi_start : 1.0f;
		float out = floorf((float)a->in * span * scales[i]);
		if (!(scales[i] > 0.0f) || !(out >= 1.0f) || out > 2147483520.0f)
			return axc_misfit(g, n, d, NULL,
					  "scale %g of dimension %d leaves no output",
					  (double)scales[i], axes[i]);
		a->out = (int64_t)out;
	}
	return true;
}

static bool apply_sizes(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcResize *r,
			const int *axes, int n_axes, AxcDiag *d)
{
	const int64_t *sizes;
	int64_t count;
	int policy;
	if (!axc_const_ints(g, n->in[3], arena, &sizes, &count))
		return axc_not_constant(g, n, d, 3, "sizes", "a constant integer tensor");
	if (count != n_axes)
		return axc_misfit(g, n, d, NULL, "input 3 of Resize has %lld values, wanted %d",
				  (long long)count, n_axes);
	if (!read_choice(g, n, "keep_aspect_ratio_policy", "stretch", policies, &policy, d))
		return false;
	float common = 0.0f;
	for (int i = 0; i < n_axes; i++) {
		AxcResizeAxis *a = &r->axis[axes[i]];
		if (sizes[i] < 1 || sizes[i] > INT32_MAX)
			return axc_misfit(g, n, d, NULL,
					  "size %lld of dimension %d leaves no output",
					  (long long)sizes[i], axes[i]);
		a->out = sizes[i];
		a->scale = (float)a->out / (float)a->in;
		bool first = i == 0, smaller = a->scale < common;
		common = first || (policy == 1 ? smaller : !smaller) ? a->scale : common;
	}
	for (int i = 0; i < n_axes && policy != 0; i++) {
		AxcResizeAxis *a = &r->axis[axes[i]];
		a->scale = common;
		a->out = AXC_MAX((int64_t)floorf(common * (float)a->in + 0.5f), 1);
	}
	return true;
}

bool axc_resize_read(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcResize *ret,
		     AxcDiag *d)
{
	const AxcShape *x = &g->values.at[n->in[0]].shape;
	AxcResize *r = ret;
	int mode, axes[AXC_MAX_RANK], n_axes;
	*r = (AxcResize){.rank = x->rank,
			 .antialias = axc_attr_int(n, "antialias", 0) != 0,
			 .exclude_outside = axc_attr_int(n, "exclude_outside", 0) != 0,
			 .cubic_a = axc_attr_float(n, "cubic_coeff_a", -0.75f),
			 .extrapolate = axc_attr_float(n, "extrapolation_value", 0.0f)};
	if (!read_choice(g, n, "mode", "nearest", modes, &mode, d) ||
	    !read_choice(g, n, "coordinate_transformation_mode", "half_pixel", coordinate_modes,
			 &r->coordinates, d) ||
	    !read_choice(g, n, "nearest_mode", "round_prefer_floor", nearest_modes, &r->nearest,
			 d) ||
	    !read_axes(g, n, x->rank, axes, &n_axes, d))
		return false;
	r->mode = (AxcResizeMode)mode;
	for (int i = 0; i < x->rank; i++) {
		r->axis[i] = (AxcResizeAxis){x->dim[i], x->dim[i], 1.0f, 0.0f, 1.0f};
		if (x->dim[i] < 1)
			return axc_misfit(g, n, d, NULL, "the input has a dimension of %lld",
					  (long long)x->dim[i]);
	}
	if (r->coordinates == TF_CROP && input(g, n, 1)) {
		float roi[2 * AXC_MAX_RANK];
		if (!read_floats(g, n, 1, 2 * n_axes, roi, d))
			return false;
		for (int i = 0; i < n_axes; i++) {
			r->axis[axes[i]].roi_start = roi[i];
			r->axis[axes[i]].roi_end = roi[n_axes + i];
		}
	}
	if (input(g, n, 3))
		return apply_sizes(g, n, arena, r, axes, n_axes, d);
	if (input(g, n, 2))
		return apply_scales(g, n, r, axes, n_axes, d);
	return axc_misfit(g, n, d, NULL, "Resize has neither scales nor sizes");
}

bool axc_resize_identity(const AxcResize *r, int axis)
{
	const AxcResizeAxis *a = &r->axis[axis];
	return a->in == a->out && a->scale == 1.0f &&
	       (r->coordinates != TF_CROP || (a->roi_start == 0.0f && a->roi_end == 1.0f));
}

/* Position in the input of output element o. */
static float coordinate(const AxcResize *r, int axis, int64_t o)
{
	const AxcResizeAxis *a = &r->axis[axis];
	float x = (float)o, in = (float)a->in, out = (float)a->out;
	if (axc_resize_identity(r, axis))
		return x;
	switch (r->coordinates) {
	case ASYMMETRIC:
		return x / a->scale;
	case PYTORCH_HALF_PIXEL:
		return a->out > 1 ? (x + 0.5f) / a->scale - 0.5f : 0.0f;
	case TF_HALF_PIXEL_FOR_NN:
		return (x + 0.5f) / a->scale;
	case ALIGN_CORNERS:
		return a->out == 1 ? 0.0f : x * (in - 1.0f) / (out - 1.0f);
	case TF_CROP:
		return a->out > 1 ? a->roi_start * (in - 1.0f) + x * (a->roi_end - a->roi_start) *
									 (in - 1.0f) / (out - 1.0f)
				  : 0.5f * (a->roi_start + a->roi_end) * (in - 1.0f);
	case HALF_PIXEL_SYMMETRIC: {
		float adjustment = out / (a->scale * in), centre = in / 2.0f;
		return centre * (1.0f - adjustment) + (x + 0.5f) / a->scale - 0.5f;
	}
	default:
		return (x + 0.5f) / a->scale - 0.5f;
	}
}

/* The coordinate lies where the extrapolation value stands. */
static bool outside(const AxcResize *r, int axis, float x)
{
	return r->coordinates == TF_CROP && (x < 0.0f || x > (float)(r->axis[axis].in - 1));
}

static int64_t clamp_index(int64_t i, int64_t n)
{
	return i < 0 ? 0 : i >= n ? n - 1 : i;
}

void axc_resize_nearest(const AxcResize *r, int axis, int32_t *index)
{
	for (int64_t o = 0; o < r->axis[axis].out; o++) {
		float x = coordinate(r, axis, o), i;
		if (outside(r, axis, x)) {
			index[o] = -1;
			continue;
		}
		if (r->nearest == FLOOR)
			i = floorf(x);
		else if (r->nearest == CEIL)
			i = ceilf(x);
		else if (r->nearest == ROUND_PREFER_FLOOR && x == floorf(x) + 0.5f)
			i = floorf(x);
		else
			i = roundf(x);
		index[o] = (int32_t)clamp_index((int64_t)i, r->axis[axis].in);
	}
}

void axc_resize_corners(const AxcResize *r, int axis, int32_t *i1, int32_t *i2, float *d1,
			float *d2)
{
	int64_t last = r->axis[axis].in - 1;
	for (int64_t o = 0; o < r->axis[axis].out; o++) {
		float x = coordinate(r, axis, o);
		x = fmaxf(0.0f, fminf(x, (float)last));
		i1[o] = (int32_t)AXC_MIN((int64_t)x, last);
		i2[o] = (int32_t)AXC_MIN(i1[o] + 1, last);
		d1[o] = i1[o] == i2[o] ? 0.5f : fabsf(x - (float)i1[o]);
		d2[o] = i1[o] == i2[o] ? 0.5f : fabsf(x - (float)i2[o]);
	}
}

/* Weight of an element at distance t. */
static float filter(const AxcResize *r, float t)
{
	float a = r->cubic_a;
	t = fabsf(t);
	if (r->mode == AXC_RESIZE_LINEAR)
		return t < 1.0f ? 1.0f - t : 0.0f;
	if (t <= 1.0f)
		return ((a + 2.0f) * t - (a + 3.0f)) * t * t + 1.0f;
	return t < 2.0f ? ((a * t - 5.0f * a) * t + 8.0f * a) * t - 4.0f * a : 0.0f;
}

/* One output element: `taps` neighbours from floor(x) + first. */
static void fill_taps(const AxcResize *r, int axis, float x, int first, int taps, float stretch,
		      int32_t *index, float *w)
{
	int64_t in = r->axis[axis].in, base = (int64_t)floorf(x);
	float ratio = x - floorf(x), sum = 0.0f;
	for (int t = 0; t < taps; t++) {
		int64_t i = base + first + t;
		bool dropped = r->exclude_outside && (i < 0 || i >= in);
		w[t] = dropped ? 0.0f : filter(r, ((float)(first + t) - ratio) * stretch);
		index[t] = (int32_t)clamp_index(i, in);
		sum += w[t];
	}
	bool normalise = (r->exclude_outside || stretch != 1.0f) && sum != 0.0f;
	for (int t = 0; t < taps && normalise; t++)
		w[t] /= sum;
}

int axc_resize_taps(const AxcResize *r, int axis, AxcArena *arena, int32_t **ret_index,
		    float **ret_w)
{
	const AxcResizeAxis *a = &r->axis[axis];
	float reach = r->mode == AXC_RESIZE_LINEAR ? 1.0f : 2.0f;
	float stretch = r->antialias && a->scale < 1.0f ? a->scale : 1.0f;
	float span = fminf(reach / stretch, (float)a->in + 2.0f);
	int first = (int)floorf(-span) + 1,
	    taps = (int)(2.0f * reach) - 2 * (first + (int)reach - 1);
	*ret_index = AXC_NEW_ARRAY(arena, int32_t, (size_t)(a->out * taps));
	*ret_w = AXC_NEW_ARRAY(arena, float, (size_t)(a->out * taps));
	for (int64_t o = 0; o < a->out; o++) {
		float x = coordinate(r, axis, o);
		int32_t *index = *ret_index + o * taps;
		x = fmaxf(-span, fminf(x, (float)a->in + span)); /* further out nothing changes */
		fill_taps(r, axis, x, first, taps, stretch, index, *ret_w + o * taps);
		if (outside(r, axis, coordinate(r, axis, o)))
			index[0] = -1;
	}
	return taps;
}
