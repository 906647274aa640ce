/* Reading and checking the window attributes of Conv, ConvTranspose and the pools. */
#include "ops/window.h"

enum {
	LIMIT = 1 << 24
}; /* of any attribute value: what kernels compute with ints stays in range */

/* "1x3x8x8, int64 4": float32 needs no word. */
static const char *input_shapes(const AxcGraph *g, const AxcNode *node, AxcArena *arena)
{
	AxcText t = {.arena = arena};
	for (uint32_t i = 0; i < node->n_in; i++) {
		const AxcValue *v = &g->values.at[node->in[i]];
		axc_text_str(&t, i ? ", " : "");
		if (node->in[i] && v->dtype != AXC_F32)
			axc_text_f(&t, "%s ", axc_dtype_name(v->dtype));
		axc_text_str(&t, node->in[i] ? axc_shape_text(arena, &v->shape) : "none");
	}
	return t.at;
}

/* What stands behind ", wanted " at the end of a message, or NULL. */
static const char *wanted_in(const char *message)
{
	static const char mark[] = ", wanted ";
	const char *at = NULL;
	for (const char *p = strstr(message, mark); p; p = strstr(p + 1, mark))
		at = p + sizeof mark - 1;
	return at;
}

bool axc_misfit(const AxcGraph *g, const AxcNode *node, AxcDiag *d, const char *wanted,
		const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const char *message = axc_vformat(d->arena, format, args);
	va_end(args);
	axc_fail(d, "%s", message);
	axc_diag_node(d, node->name, node->op_type);
	return axc_diag_shapes(d, input_shapes(g, node, d->arena), wanted ? wanted : wanted_in(message));
}

bool axc_not_constant(const AxcGraph *g, const AxcNode *node, AxcDiag *d, uint32_t i, const char *what,
		      const char *wanted)
{
	AxcId id = i < node->n_in ? node->in[i] : 0;
	const AxcValue *v = &g->values.at[id];
	if (!id || v->data)
		return axc_misfit(g, node, d, NULL, "input %u (%s) is %s, wanted %s", i, what,
				  id ? axc_format(d->arena, "%s %s", axc_dtype_name(v->dtype),
						  axc_shape_text(d->arena, &v->shape)) : "missing", wanted);
	axc_misfit(g, node, d, NULL, "input %u (%s) is %s, wanted %s", i, what,
		   v->is_input ? "an input of the network" : "computed by the network", wanted);
	if (v->is_input)
		return axc_diag_hint(d, "sizes and the like are fixed when compiling: make '%s' an initializer with the value "
					"that it will have", axc_safe_name(d->arena, v->name));
	return axc_diag_hint(d, "sizes and the like are fixed when compiling: export the model with fixed ones, or simplify it "
				"for fixed input shapes first (onnxsim)");
}

bool axc_check_f32(const AxcGraph *g, const AxcNode *node, AxcDiag *d, uint32_t inputs)
{
	for (uint32_t i = 0; i < node->n_in && i < inputs; i++) {
		AxcDType t = node->in[i] ? g->values.at[node->in[i]].dtype : AXC_F32;
		if (t == AXC_F32)
			continue;
		axc_fail_as(d, AXC_LOWER_FRONTEND_ERROR,
			    "input %u of %s is %s; only float32 can be compiled", i, node->op_type,
			    axc_dtype_name(t));
		axc_diag_node(d, node->name, node->op_type);
		return axc_diag_shapes(d, input_shapes(g, node, d->arena), "float32");
	}
	return true;
}

/* A list attribute of `n` values in lo..LIMIT; absent: all `absent`. */
static bool read_list(const AxcGraph *g, const AxcNode *node, const char *name, int n, int64_t lo,
		      int64_t absent, int64_t *out, AxcDiag *d)
{
	uint32_t found;
	const int64_t *values = axc_attr_ints(node, name, &found);
	for (int i = 0; i < n; i++)
		out[i] = absent;
	if (!values || !found)
		return true;
	if (found != (uint32_t)n)
		return axc_misfit(g, node, d, NULL, "attribute %s has %u values, wanted %d", name,
				  found, n);
	for (int i = 0; i < n; i++) {
		if (values[i] < lo || values[i] > LIMIT)
			return axc_misfit(g, node, d, NULL,
					  "attribute %s has the value %lld, wanted %lld to %d",
					  name, (long long)values[i], (long long)lo, LIMIT);
		out[i] = values[i];
	}
	return true;
}

static bool read_kernel(const AxcGraph *g, const AxcNode *node, const int64_t *kernel, AxcWindow *w,
			AxcDiag *d)
{
	if (!read_list(g, node, "kernel_shape", w->rank, 1, 0, w->kernel, d))
		return false;
	for (int i = 0; i < w->rank; i++) {
		if (!w->kernel[i] && !kernel)
			return axc_misfit(g, node, d, NULL, "attribute kernel_shape is missing");
		if (w->kernel[i] && kernel && w->kernel[i] != kernel[i])
			return axc_misfit(
				g, node, d, NULL,
				"attribute kernel_shape has %lld where the weights have %lld",
				(long long)w->kernel[i], (long long)kernel[i]);
		if (kernel)
			w->kernel[i] = kernel[i];
		if (w->kernel[i] < 1 || w->kernel[i] > LIMIT)
			return axc_misfit(g, node, d, NULL,
					  "a kernel dimension is %lld, wanted 1 to %d",
					  (long long)w->kernel[i], LIMIT);
	}
	return true;
}

typedef enum AutoPad { NOTSET, SAME_UPPER, SAME_LOWER, VALID } AutoPad;

static bool read_auto_pad(const AxcGraph *g, const AxcNode *node, AutoPad *ret, AxcDiag *d)
{
	static const char *const names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
	const char *text = axc_attr_string(node, "auto_pad", "NOTSET");
	for (int i = 0; i < 4; i++)
		if (strcmp(text, names[i]) == 0) {
			*ret = (AutoPad)i;
			return true;
		}
	return axc_misfit(g, node, d, NULL,
			  "attribute auto_pad has the value %s, wanted NOTSET, SAME_UPPER, "
			  "SAME_LOWER or VALID",
			  axc_safe_name(d->arena, text));
}

static bool read_common(const AxcGraph *g, const AxcNode *node, const int64_t *kernel, AxcWindow *w,
			AutoPad *pad, AxcDiag *d)
{
	const AxcShape *x = &g->values.at[node->in[0]].shape;
	int64_t pads[6];
	*w = (AxcWindow){.rank = x->rank - 2};
	if (x->rank < 3 || x->rank > 5)
		return axc_misfit(g, node, d, "rank 3 to 5", "the input has rank %d, wanted 3 to 5",
				  x->rank);
	for (int i = 0; i < x->rank; i++)
		if (x->dim[i] < 1)
			return axc_misfit(g, node, d, NULL, "the input has a dimension of %lld",
					  (long long)x->dim[i]);
	for (int i = 0; i < w->rank; i++)
		w->in[i] = x->dim[i + 2];
	if (!read_kernel(g, node, kernel, w, d) || !read_auto_pad(g, node, pad, d) ||
	    !read_list(g, node, "strides", w->rank, 1, 1, w->stride, d) ||
	    !read_list(g, node, "dilations", w->rank, 1, 1, w->dilation, d) ||
	    !read_list(g, node, "pads", 2 * w->rank, 0, 0, pads, d))
		return false;
	for (int i = 0; i < w->rank && *pad == NOTSET; i++) {
		w->begin[i] = pads[i];
		w->end[i] = pads[w->rank + i];
	}
	return true;
}

static int64_t extent(const AxcWindow *w, int i)
{
	return (w->kernel[i] - 1) * w->dilation[i] + 1;
}

static void split_padding(AxcWindow *w, int i, int64_t total, AutoPad pad)
{
	total = AXC_MAX(total, 0);
	w->begin[i] = pad == SAME_UPPER ? total / 2 : total - total / 2;
	w->end[i] = total - w->begin[i];
}

bool axc_window_read(const AxcGraph *g, const AxcNode *node, const int64_t *kernel, AxcWindow *ret,
		     AxcDiag *d)
{
	AutoPad pad;
	AxcWindow *w = ret;
	bool ceil = axc_attr_int(node, "ceil_mode", 0) != 0;
	if (!read_common(g, node, kernel, w, &pad, d))
		return false;
	for (int i = 0; i < w->rank; i++) {
		int64_t s = w->stride[i];
		if (pad == SAME_UPPER || pad == SAME_LOWER)
			split_padding(w, i,
				      ((w->in[i] + s - 1) / s - 1) * s + extent(w, i) - w->in[i],
				      pad);
		int64_t room = w->in[i] + w->begin[i] + w->end[i] - extent(w, i);
		if (room < 0)
			return axc_misfit(g, node, d, "a kernel within the padded input",
					  "the kernel spans %lld elements of dimension %d, which "
					  "has %lld with its padding",
					  (long long)extent(w, i), i + 2,
					  (long long)(room + extent(w, i)));
		w->out[i] = (room + (ceil ? s - 1 : 0)) / s + 1;
		if (ceil && (w->out[i] - 1) * s >= w->in[i] + w->begin[i])
			w->out[i]--; /* a window that starts behind the input does not count */
	}
	return true;
}

bool axc_window_read_transposed(const AxcGraph *g, const AxcNode *node, const int64_t *kernel,
				AxcWindow *ret, AxcDiag *d)
{
	AutoPad pad;
	AxcWindow *w = ret;
	int64_t extra[3], given[3];
	uint32_t n_given;
	const int64_t *shape = axc_attr_ints(node, "output_shape", &n_given);
	if (!read_common(g, node, kernel, w, &pad, d) ||
	    !read_list(g, node, "output_padding", w->rank, 0, 0, extra, d))
		return false;
	if (shape && n_given == (uint32_t)w->rank + 2)
		shape += 2; /* some exporters give batch and channels as well */
	else if (shape && n_given && n_given != (uint32_t)w->rank)
		return axc_misfit(g, node, d, NULL,
				  "attribute output_shape has %u values, wanted %d", n_given,
				  w->rank);
	for (int i = 0; i < w->rank; i++) {
		int64_t full = (w->in[i] - 1) * w->stride[i] + extra[i] + extent(w, i);
		bool same = pad == SAME_UPPER || pad == SAME_LOWER;
		given[i] = shape && n_given ? shape[i] : same ? w->in[i] * w->stride[i] : 0;
		if (given[i] < 0 || given[i] > INT32_MAX)
			return axc_misfit(g, node, d, NULL, "attribute output_shape has the value %lld",
					  (long long)given[i]);
		if (given[i])
			split_padding(w, i, full - given[i], pad);
		w->out[i] = given[i] ? given[i] : full - w->begin[i] - w->end[i];
		if (w->out[i] < 1 || w->out[i] > INT32_MAX)
			return axc_misfit(g, node, d, NULL,
					  "output dimension %d would have %lld elements", i + 2,
					  (long long)w->out[i]);
	}
	return true;
}

AxcWindow axc_window_widen(const AxcWindow *w, int rank)
{
	AxcWindow r = {.rank = rank};
	int lead = rank - w->rank;
	for (int i = 0; i < rank; i++) {
		int k = i - lead;
		r.in[i] = k < 0 ? 1 : w->in[k];
		r.out[i] = k < 0 ? 1 : w->out[k];
		r.kernel[i] = k < 0 ? 1 : w->kernel[k];
		r.stride[i] = k < 0 ? 1 : w->stride[k];
		r.dilation[i] = k < 0 ? 1 : w->dilation[k];
		r.begin[i] = k < 0 ? 0 : w->begin[k];
		r.end[i] = k < 0 ? 0 : w->end[k];
	}
	return r;
}
