/* Conv and ConvTranspose in int8: rule 1 of docs/numerics.md. The inputs of a block of output
 * positions are gathered once per group, zero points taken off; padding is the zero point, so it
 * adds nothing. */
#include "ops/conv.h"
#include "ops/mac_i8.h"

#include <stdlib.h>

typedef struct Layer {
	AxcWindow w; /* two spatial dimensions */
	bool transposed;
	int64_t n, ic, oc, groups, taps;
	const AxcTensor *x, *weights, *bias, *y;
	int16_t *col;   /* [ic/groups * taps][AXC_MAC_BLOCK] */
	int32_t *at;    /* [taps][AXC_MAC_BLOCK]: where a tap reads in its plane; -1: outside */
	int8_t *turned; /* ConvTranspose: one output channel's weights as [ic/groups][taps] */
} Layer;

/* Input coordinate that kernel position k brings to output o of dimension dim, or -1. */
static int64_t input_at(const Layer *l, int dim, int64_t o, int64_t k)
{
	const AxcWindow *w = &l->w;
	if (!l->transposed) {
		int64_t i = o * w->stride[dim] + k * w->dilation[dim] - w->begin[dim];
		return i < w->in[dim] ? i : -1;
	}
	int64_t i = o + w->begin[dim] - k * w->dilation[dim];
	if (i < 0 || i % w->stride[dim] || i / w->stride[dim] >= w->in[dim])
		return -1;
	return i / w->stride[dim];
}

/* Where positions p0 .. p0 + n - 1 read for one kernel tap. */
static void tap_offsets(const Layer *l, int64_t tap, int64_t p0, int n)
{
	int64_t ky = tap / l->w.kernel[1], kx = tap % l->w.kernel[1];
	int64_t oy = p0 / l->w.out[1], ox = p0 % l->w.out[1], row = input_at(l, 0, oy, ky);
	int32_t *at = l->at + tap * AXC_MAC_BLOCK;
	for (int i = 0; i < n; i++) {
		int64_t ix = input_at(l, 1, ox, kx);
		at[i] = row < 0 || ix < 0 ? -1 : (int32_t)(row * l->w.in[1] + ix);
		if (++ox == l->w.out[1]) {
			ox = 0;
			row = input_at(l, 0, ++oy, ky);
		}
	}
}

/* Fills col with n positions of image `image`, channels of group `group`. */
static void gather(const Layer *l, int64_t image, int64_t group, int n)
{
	int64_t icg = l->ic / l->groups, plane = l->w.in[0] * l->w.in[1];
	const int8_t *x = (const int8_t *)l->x->data + (image * l->ic + group * icg) * plane;
	for (int64_t c = 0; c < icg; c++, x += plane) {
		int zero = axc_channel_zero(l->x, group * icg + c);
		for (int64_t tap = 0; tap < l->taps; tap++) {
			const int32_t *at = l->at + tap * AXC_MAC_BLOCK;
			int16_t *col = l->col + (c * l->taps + tap) * AXC_MAC_BLOCK;
			for (int i = 0; i < n; i++)
				col[i] = at[i] < 0 ? 0 : (int16_t)(x[at[i]] - zero);
		}
	}
}

/* Weights of one output channel in the order of col. */
static const int8_t *channel_weights(const Layer *l, int64_t oc)
{
	int64_t icg = l->ic / l->groups, ocg = l->oc / l->groups, group = oc / ocg;
	const int8_t *w = l->weights->data;
	if (!l->transposed)
		return w + oc * icg * l->taps;
	for (int64_t c = 0; c < icg; c++)
		memcpy(l->turned + c * l->taps, w + ((group * icg + c) * ocg + oc % ocg) * l->taps,
		       (size_t)l->taps);
	return l->turned;
}

static void run_block(const Layer *l, int64_t image, int64_t group, int64_t p0, int n)
{
	int64_t icg = l->ic / l->groups, ocg = l->oc / l->groups,
		pixels = l->w.out[0] * l->w.out[1];
	int32_t acc[AXC_MAC_BLOCK];
	gather(l, image, group, n);
	for (int64_t oc = group * ocg; oc < (group + 1) * ocg; oc++) {
		int32_t start = l->bias ? ((const int32_t *)l->bias->data)[oc] : 0;
		axc_mac_i8(l->col, channel_weights(l, oc), icg * l->taps, n, start, acc);
		axc_mac_i8_store(acc, n, axc_channel_scale(l->x, group * icg),
				 axc_weight_scale(l->weights, oc), l->y, oc,
				 (image * l->oc + oc) * pixels + p0, 1);
	}
}

static bool run(const AxcGraph *g, const AxcNode *node, const AxcTensor *const *in,
		AxcTensor *const *out, bool transposed, AxcDiag *d)
{
	AxcWindow w;
	if (!axc_conv_window(g, node, &w, d))
		return false;
	if (w.rank > 2)
		return axc_misfit(g, node, d, "one or two spatial dimensions",
				  "no int8 form with three spatial dimensions");
	Layer l = {.w = axc_window_widen(&w, 2),
		   .transposed = transposed,
		   .x = in[0],
		   .weights = in[1],
		   .bias = node->n_in > 2 ? in[2] : NULL,
		   .y = out[0]};
	l.n = in[0]->shape.dim[0];
	l.ic = in[0]->shape.dim[1];
	l.oc = out[0]->shape.dim[1];
	l.groups = axc_attr_int(node, "group", 1);
	l.taps = l.w.kernel[0] * l.w.kernel[1];
	size_t k = (size_t)(l.ic / l.groups * l.taps);
	int64_t pixels = l.w.out[0] * l.w.out[1];
	char *scratch =
		malloc((k * sizeof *l.col + (size_t)l.taps * sizeof *l.at) * AXC_MAC_BLOCK + k);
	if (!scratch)
		axc_out_of_memory(d->arena);
	l.at = (int32_t *)scratch;
	l.col = (int16_t *)(l.at + l.taps * AXC_MAC_BLOCK);
	l.turned = (int8_t *)(l.col + k * AXC_MAC_BLOCK);
	for (int64_t p0 = 0; p0 < pixels; p0 += AXC_MAC_BLOCK) {
		int n = (int)AXC_MIN(pixels - p0, AXC_MAC_BLOCK);
		for (int64_t tap = 0; tap < l.taps; tap++)
			tap_offsets(&l, tap, p0, n);
		for (int64_t i = 0; i < l.n * l.groups; i++)
			run_block(&l, i / l.groups, i % l.groups, p0, n);
	}
	free(scratch);
	return true;
}

bool axc_eval_conv_i8(const AxcGraph *g, const AxcNode *node, const AxcTensor *const *in,
		      AxcTensor *const *out, AxcDiag *d)
{
	return run(g, node, in, out, false, d);
}

bool axc_eval_convt_i8(const AxcGraph *g, const AxcNode *node, const AxcTensor *const *in,
		       AxcTensor *const *out, AxcDiag *d)
{
	return run(g, node, in, out, true, d);
}
