/* Resize: its geometry, read once, and the tables that kernels, interpreter and lowering take from
 * it. Coordinates are computed in float as ONNX Runtime does, so that exported models agree with
 * ours. */
#ifndef AXC_OPS_RESIZE_H
#define AXC_OPS_RESIZE_H

#include "ops/op.h"

typedef struct AxcResizeAxis {
	int64_t in, out;
	float scale;              /* out / in, or as given */
	float roi_start, roi_end; /* tf_crop_and_resize */
} AxcResizeAxis;

typedef enum AxcResizeMode {
	AXC_RESIZE_NEAREST,
	AXC_RESIZE_LINEAR,
	AXC_RESIZE_CUBIC
} AxcResizeMode;

typedef struct AxcResize {
	int rank;
	AxcResizeMode mode;
	AxcResizeAxis axis[AXC_MAX_RANK];
	int coordinates, nearest; /* indices into the lists of names in resize.c */
	bool antialias, exclude_outside;
	float cubic_a, extrapolate;
} AxcResize;

AXC_CHECKED bool axc_resize_read(const AxcGraph *g, const AxcNode *node, AxcArena *arena,
				 AxcResize *ret, AxcDiag *d);
/* The axis stays as it is. */
bool axc_resize_identity(const AxcResize *r, int axis);
/* Mode nearest: index[out] of the input element, -1 where the extrapolation value stands. */
void axc_resize_nearest(const AxcResize *r, int axis, int32_t *index);
/* Mode linear, rule 9 of docs/numerics.md: i1[out], i2[out] the lower and upper neighbour, d1[out],
 * d2[out] the distances to them (the lower one weighs d2, the upper one d1; both 0.5 where they are
 * the same element). */
void axc_resize_corners(const AxcResize *r, int axis, int32_t *i1, int32_t *i2, float *d1,
			float *d2);
/* Modes linear and cubic in float: index[out][taps] and w[out][taps] in the arena; index -1 in the
 * first tap where the extrapolation value stands. Returns taps. */
int axc_resize_taps(const AxcResize *r, int axis, AxcArena *arena, int32_t **ret_index,
		    float **ret_w);

AxcEvalI8Fn axc_eval_resize_i8;

#endif
