/* Pooling in int8: rule 4 of docs/numerics.md for averages; maxima on the integers, moved into the
 * output's scale by rule 5 where a folded activation made it another one. */
#include "ops/pool.h"
#include "ops/requant.h"

typedef struct Plane {
	AxcWindow w; /* two spatial dimensions */
	const int8_t *x;
	int64_t oy, ox;
	int64_t y0, y1, x0, x1; /* taps [y0, y1) x [x0, x1) that fall inside the input */
} Plane;

/* Taps k of dimension dim with lo <= o*stride - begin + k*dilation < hi. */
static void tap_range(const AxcWindow *w, int dim, int64_t o, int64_t lo, int64_t hi,
		      int64_t *first, int64_t *end)
{
	int64_t at = o * w->stride[dim] - w->begin[dim], step = w->dilation[dim];
	*first = at < lo ? (lo - at + step - 1) / step : 0;
	*end = at < hi ? (hi - 1 - at) / step + 1 : 0;
	*end = AXC_MIN(*end, w->kernel[dim]);
	*end = AXC_MAX(*end, *first);
}

static int8_t at_tap(const Plane *p, int64_t ky, int64_t kx)
{
	int64_t iy = p->oy * p->w.stride[0] - p->w.begin[0] + ky * p->w.dilation[0];
	int64_t ix = p->ox * p->w.stride[1] - p->w.begin[1] + kx * p->w.dilation[1];
	return p->x[iy * p->w.in[1] + ix];
}

/* Runs one(p, ctx, out index) over every output element. */
static bool each_output(const AxcGraph *g, const AxcNode *node, const AxcTensor *in, AxcDiag *d,
			void (*one)(const Plane *p, const void *ctx, int64_t out), const void *ctx)
{
	AxcWindow narrow;
	if (!axc_window_read(g, node, NULL, &narrow, d))
		return false;
	if (narrow.rank > 2)
		return axc_misfit(g, node, d, "one or two spatial dimensions",
				  "no int8 form with three spatial dimensions");
	Plane p = {.w = axc_window_widen(&narrow, 2), .x = in->data};
	int64_t planes = in->shape.dim[0] * in->shape.dim[1], out = 0;
	for (int64_t c = 0; c < planes; c++, p.x += p.w.in[0] * p.w.in[1])
		for (p.oy = 0; p.oy < p.w.out[0]; p.oy++) {
			tap_range(&p.w, 0, p.oy, 0, p.w.in[0], &p.y0, &p.y1);
			for (p.ox = 0; p.ox < p.w.out[1]; p.ox++) {
				tap_range(&p.w, 1, p.ox, 0, p.w.in[1], &p.x0, &p.x1);
				one(&p, ctx, out++);
			}
		}
	return true;
}

typedef struct Max {
	int8_t table[256];
	int8_t *out;
} Max;

static void one_max(const Plane *p, const void *ctx, int64_t out)
{
	const Max *m = ctx;
	int8_t max = -128;
	for (int64_t ky = p->y0; ky < p->y1; ky++)
		for (int64_t kx = p->x0; kx < p->x1; kx++)
			max = AXC_MAX(max, at_tap(p, ky, kx));
	m->out[out] = m->table[max + 128];
}

bool axc_eval_maxpool_i8(const AxcGraph *g, const AxcNode *node, const AxcTensor *const *in,
			 AxcTensor *const *out, AxcDiag *d)
{
	Max m = {.out = out[0]->data};
	axc_rescale_table(&in[0]->q, &out[0]->q, m.table);
	return each_output(g, node, in[0], d, one_max, &m);
}

typedef struct Average {
	bool count_pad;
	float sx;
	int zx;
	const AxcTensor *y;
} Average;

/* Positions that count: inside the input, or with count_include_pad inside the padded input. */
static int64_t average_count(const Plane *p, bool count_pad)
{
	int64_t y0 = p->y0, y1 = p->y1, x0 = p->x0, x1 = p->x1;
	if (count_pad) {
		tap_range(&p->w, 0, p->oy, -p->w.begin[0], p->w.in[0] + p->w.end[0], &y0, &y1);
		tap_range(&p->w, 1, p->ox, -p->w.begin[1], p->w.in[1] + p->w.end[1], &x0, &x1);
	}
	return AXC_MAX((y1 - y0) * (x1 - x0), 1);
}

static void one_average(const Plane *p, const void *ctx, int64_t out)
{
	const Average *a = ctx;
	float n = (float)average_count(p, a->count_pad), sum = 0.0f;
	int32_t exact = 0;
	for (int64_t ky = p->y0; ky < p->y1; ky++)
		for (int64_t kx = p->x0; kx < p->x1; kx++) {
			int v = at_tap(p, ky, kx) - a->zx;
			exact += v;
			sum += (float)v * a->sx;
		}
	if (a->y->dtype == AXC_F32)
		((float *)a->y->data)[out] = (float)exact * (a->sx / n);
	else
		((int8_t *)a->y->data)[out] = axc_round_u8(sum / n / a->y->q.scale[0] +
							   (float)(a->y->q.zero_point[0] + 128));
}

bool axc_eval_avgpool_i8(const AxcGraph *g, const AxcNode *node, const AxcTensor *const *in,
			 AxcTensor *const *out, AxcDiag *d)
{
	Average a = {.count_pad = axc_attr_int(node, "count_include_pad", 0) != 0,
		     .sx = in[0]->q.scale[0],
		     .zx = in[0]->q.zero_point[0],
		     .y = out[0]};
	return each_output(g, node, in[0], d, one_average, &a);
}

bool axc_eval_gavgpool_i8(const AxcGraph *g, const AxcNode *node, const AxcTensor *const *in,
			  AxcTensor *const *out, AxcDiag *d)
{
	const AxcShape *s = &in[0]->shape;
	int64_t planes = s->dim[0] * s->dim[1], count = axc_shape_count(s) / AXC_MAX(planes, 1);
	const int8_t *x = in[0]->data;
	float sx = in[0]->q.scale[0];
	int zx = in[0]->q.zero_point[0];
	(void)g, (void)node, (void)d;
	for (int64_t c = 0; c < planes; c++) {
		int64_t sum = 0;
		for (int64_t i = 0; i < count; i++)
			sum += *x++ - zx;
		if (out[0]->dtype == AXC_F32) {
			((float *)out[0]->data)[c] = (float)sum * (sx / (float)count);
			continue;
		}
		float m = sx / (out[0]->q.scale[0] * (float)count);
		((int8_t *)out[0]->data)[c] =
			axc_requant_value((float)sum * m, out[0]->q.zero_point[0] + 128);
	}
	return true;
}

bool axc_eval_gmaxpool_i8(const AxcGraph *g, const AxcNode *node, const AxcTensor *const *in,
			  AxcTensor *const *out, AxcDiag *d)
{
	const AxcShape *s = &in[0]->shape;
	int64_t planes = s->dim[0] * s->dim[1], count = axc_shape_count(s) / AXC_MAX(planes, 1);
	const int8_t *x = in[0]->data;
	int8_t table[256], *y = out[0]->data;
	(void)g, (void)node, (void)d;
	axc_rescale_table(&in[0]->q, &out[0]->q, table);
	for (int64_t c = 0; c < planes; c++) {
		int8_t max = -128;
		for (int64_t i = 0; i < count; i++, x++)
			max = AXC_MAX(max, *x);
		y[c] = table[max + 128];
	}
	return true;
}
