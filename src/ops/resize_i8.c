/* Resize in int8: nearest moves elements (rule 5 if the scale changes), linear is rule 9 of
 * docs/numerics.md. */
#include "ops/requant.h"
#include "ops/resize.h"

#include <stdlib.h>

static void nearest(const AxcResize *r, const AxcTensor *x, const AxcTensor *y, int32_t *tables)
{
	int32_t *t[AXC_MAX_RANK];
	int64_t stride[AXC_MAX_RANK], sx = 1, at[AXC_MAX_RANK] = {0},
				      count = axc_shape_count(&y->shape);
	int8_t map[256], *out = y->data;
	float fill = r->extrapolate / y->q.scale[0];
	int8_t fill_q = axc_requant_value(fill, y->q.zero_point[0] + 128);
	axc_rescale_table(&x->q, &y->q, map);
	for (int i = r->rank - 1; i >= 0; i--) {
		t[i] = tables;
		tables += r->axis[i].out;
		axc_resize_nearest(r, i, t[i]);
		stride[i] = sx;
		sx *= r->axis[i].in;
	}
	for (int64_t o = 0; o < count; o++) {
		int64_t from = 0;
		bool inside = true;
		for (int i = 0; i < r->rank; i++) {
			inside = inside && t[i][at[i]] >= 0;
			from += t[i][at[i]] * stride[i];
		}
		out[o] = inside ? map[((const int8_t *)x->data)[from] + 128] : fill_q;
		for (int i = r->rank - 1; i >= 0 && ++at[i] == r->axis[i].out; i--)
			at[i] = 0;
	}
}

static void linear(const AxcResize *r, const AxcTensor *x, const AxcTensor *y, int32_t *tables)
{
	int64_t ih = r->axis[2].in, iw = r->axis[3].in, oh = r->axis[2].out, ow = r->axis[3].out;
	int32_t *y1 = tables, *y2 = y1 + oh, *x1 = y2 + oh, *x2 = x1 + ow;
	float *dy1 = (float *)(x2 + ow), *dy2 = dy1 + oh, *dx1 = dy2 + oh, *dx2 = dx1 + ow;
	float s = x->q.scale[0], out_s = y->q.scale[0];
	int z = x->q.zero_point[0], out_z = y->q.zero_point[0] + 128;
	int8_t *out = y->data;
	axc_resize_corners(r, 2, y1, y2, dy1, dy2);
	axc_resize_corners(r, 3, x1, x2, dx1, dx2);
	for (int64_t c = 0; c < r->axis[0].in * r->axis[1].in; c++) {
		const int8_t *plane = (const int8_t *)x->data + c * ih * iw;
		for (int64_t oy = 0; oy < oh; oy++) {
			const int8_t *top = plane + y1[oy] * iw, *bottom = plane + y2[oy] * iw;
			for (int64_t ox = 0; ox < ow; ox++) {
				float t11 = dx2[ox] * dy2[oy] * ((float)(top[x1[ox]] - z) * s);
				float t21 = dx1[ox] * dy2[oy] * ((float)(top[x2[ox]] - z) * s);
				float t12 = dx2[ox] * dy1[oy] * ((float)(bottom[x1[ox]] - z) * s);
				float t22 = dx1[ox] * dy1[oy] * ((float)(bottom[x2[ox]] - z) * s);
				*out++ = axc_requant_value((((t11 + t21) + t12) + t22) / out_s,
							   out_z);
			}
		}
	}
}

bool axc_eval_resize_i8(const AxcGraph *g, const AxcNode *node, const AxcTensor *const *in,
			AxcTensor *const *out, AxcDiag *d)
{
	AxcResize r;
	if (!axc_resize_read(g, node, d->arena, &r, d))
		return false;
	size_t entries = 0;
	for (int i = 0; i < r.rank; i++)
		entries += 4 * (size_t)r.axis[i].out;
	int32_t *tables = malloc(entries * sizeof *tables + 1);
	if (!tables)
		axc_out_of_memory(d->arena);
	if (r.mode == AXC_RESIZE_NEAREST)
		nearest(&r, in[0], out[0], tables);
	else
		linear(&r, in[0], out[0], tables);
	free(tables);
	return true;
}
