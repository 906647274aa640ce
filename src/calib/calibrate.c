/* axc_calibrate: the fp32 interpreter over all samples, an observer behind every float activation. */
#include "calib/observe.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

/* Means are added as integers of 2^-60, which is exact and order-free whatever the threads do. */
__extension__ typedef __int128 Fixed;
static const double fixed_one = 0x1p60, fixed_most = 0x1p40;

typedef struct Observed { /* one value, all samples */
	pthread_mutex_t lock;
	bool any;
	AxcHist *hist;
	float *channel_min, *channel_max; /* NULL: per tensor only */
	Fixed *mean;                      /* NULL: nobody multiplies it by weights */
	int mean_axis;
} Observed;

typedef struct Calibration {
	const AxcGraph *g;
	AxcRanges *ranges;
	Observed *at; /* by value */
	AxcEval **evals; /* per worker */
} Calibration;

typedef struct Look { /* one sample on one worker */
	Calibration *c;
	const AxcSample *sample;
	AxcArena *arena;
	AxcHist hist; /* of the tensor at hand */
	AxcId bad;    /* the first value with NaN or infinity */
} Look;

/* ---- one tensor ---- */

static void channels(Observed *o, const AxcValue *v, const float *x)
{
	int64_t n = v->shape.dim[1], outer = v->shape.dim[0], inner = 1;
	for (int i = 2; i < v->shape.rank; i++)
		inner *= v->shape.dim[i];
	for (int64_t i = 0; i < outer * n; i++) {
		float lo, hi;
		axc_scan(x + i * inner, inner, &lo, &hi);
		o->channel_min[i % n] = AXC_MIN(o->channel_min[i % n], lo);
		o->channel_max[i % n] = AXC_MAX(o->channel_max[i % n], hi);
	}
}

static void split(const AxcShape *s, int axis, int64_t *ret_outer, int64_t *ret_inner)
{
	*ret_outer = *ret_inner = 1;
	for (int i = 0; i < s->rank; i++)
		*(i < axis ? ret_outer : ret_inner) *= i == axis ? 1 : s->dim[i];
}

/* The mean of each channel of this sample. */
static double *channel_means(const Observed *o, const AxcValue *v, const float *x, AxcArena *arena)
{
	int64_t outer, inner, n = v->shape.dim[o->mean_axis];
	split(&v->shape, o->mean_axis, &outer, &inner);
	double *mean = AXC_NEW_ARRAY(arena, double, (size_t)n);
	axc_channel_sums(x, outer, n, inner, mean);
	for (int64_t c = 0; c < n; c++)
		mean[c] = fmax(-fixed_most, fmin(mean[c] / (double)(outer * inner), fixed_most));
	return mean;
}

static void observe(void *ctx, AxcId id, const void *data)
{
	Look *look = ctx;
	Calibration *c = look->c;
	const AxcValue *v = &c->g->values.at[id];
	AxcRange *r = &c->ranges->at[id];
	Observed *o = &c->at[id];
	int64_t n = o->hist ? axc_shape_count(&v->shape) : 0;
	if (n == 0 || look->bad)
		return;
	float lo, hi;
	if (!axc_scan(data, n, &lo, &hi)) {
		look->bad = id;
		return;
	}
	axc_hist_fill(&look->hist, data, n, lo, hi);
	double *mean = o->mean ? channel_means(o, v, data, look->arena) : NULL;
	pthread_mutex_lock(&o->lock);
	axc_hist_merge(o->hist, r->min, r->max, &look->hist, lo, hi, !o->any);
	r->min = o->any ? AXC_MIN(r->min, lo) : lo;
	r->max = o->any ? AXC_MAX(r->max, hi) : hi;
	r->elements += (uint64_t)n;
	o->any = true;
	if (o->channel_min)
		channels(o, v, data);
	for (int64_t i = 0; mean && i < v->shape.dim[o->mean_axis]; i++)
		o->mean[i] += (Fixed)(mean[i] * fixed_one);
	pthread_mutex_unlock(&o->lock);
}

/* A constant of the node that no calculation can be made with, or NULL. */
static const AxcValue *constant_not_finite(const AxcGraph *g, const AxcNode *n)
{
	for (uint32_t k = 0; k < n->n_in; k++) {
		const AxcValue *v = &g->values.at[n->in[k]];
		const float *x = v->dtype == AXC_F32 ? v->data : NULL;
		int64_t count = x ? axc_shape_count(&v->shape) : 0;
		for (int64_t i = 0; i < count; i++)
			if (!isfinite(x[i]))
				return v;
	}
	return NULL;
}

static bool not_finite(const AxcGraph *g, const AxcSample *sample, AxcId bad, AxcDiag *d)
{
	const AxcValue *v = &g->values.at[bad];
	const char *what = axc_safe_name(d->arena, v->name);
	if (!v->producer) {
		axc_fail(d, "the input '%s' has NaN or infinity in sample '%s'", what, sample->name);
		return axc_diag_hint(d, "look at what the transform returns for it");
	}
	const AxcNode *n = &g->nodes.at[v->producer];
	const AxcValue *c = constant_not_finite(g, n);
	axc_fail(d, "node '%s' (%s) gives NaN or infinity in float32 on sample '%s', in its output '%s'",
	         axc_safe_name(d->arena, n->name), n->op_type, sample->name, what);
	axc_diag_node(d, n->name, n->op_type);
	if (c)
		return axc_diag_hint(d, "its constant '%s' holds NaN or infinity: the training failed, or the file is damaged",
		                     axc_safe_name(d->arena, c->name));
	return axc_diag_hint(d, "look whether ONNX Runtime gives it too; if not for real data, calibrate with such "
	                        "(--imageset, --calibration-data)");
}

static bool one_sample(void *ctx, const AxcSample *sample, int worker, AxcDiag *d)
{
	Calibration *c = ctx;
	Look *look = AXC_NEW(d->arena, Look);
	look->c = c;
	look->sample = sample;
	look->arena = d->arena;
	if (!axc_eval_run(c->evals[worker], d, sample->inputs, observe, look))
		return false;
	return !look->bad || not_finite(c->g, sample, look->bad, d);
}

/* ---- which values, which of them per channel ---- */

/* The dimension of `input` along which this reader multiplies it by weights, -1: it does not. */
static int weighted_axis(const AxcGraph *g, const AxcNode *n, AxcId input)
{
	bool conv = strcmp(n->op_type, "Conv") == 0 || strcmp(n->op_type, "ConvTranspose") == 0;
	bool dense = strcmp(n->op_type, "Gemm") == 0 || strcmp(n->op_type, "MatMul") == 0;
	int rank = g->values.at[input].shape.rank;
	if (n->n_in < 2 || n->in[0] != input || !g->values.at[n->in[1]].data || rank < 2)
		return -1;
	return conv && rank >= 3 ? 1 : dense && !axc_attr_int(n, "transA", 0) ? rank - 1 : -1;
}

static bool is_depthwise(const AxcGraph *g, const AxcNode *n, AxcId input)
{
	if (strcmp(n->op_type, "Conv") != 0 || n->n_in < 2 || n->in[0] != input || n->in[1] == input)
		return false;
	const AxcShape *x = &g->values.at[input].shape;
	return x->rank >= 3 && axc_attr_int(n, "group", 1) == x->dim[1] && x->dim[1] > 1;
}

static void destroy_locks(void *ctx)
{
	Calibration *c = ctx;
	for (uint32_t i = 0; i < c->ranges->n; i++)
		if (c->at[i].hist)
			pthread_mutex_destroy(&c->at[i].lock);
}

static void prepare_value(AxcArena *arena, Calibration *c, const AxcUses *uses, AxcId id)
{
	const AxcValue *v = &c->g->values.at[id];
	Observed *o = &c->at[id];
	AxcRange *r = &c->ranges->at[id];
	AxcHist *hist = AXC_NEW(arena, AxcHist);
	bool depthwise = uses->first[id] < uses->first[id + 1] && !axc_is_graph_output(c->g, id);
	o->mean_axis = -1;
	for (uint32_t k = uses->first[id]; k < uses->first[id + 1]; k++) {
		const AxcNode *reader = &c->g->nodes.at[uses->node[k]];
		depthwise = depthwise && is_depthwise(c->g, reader, id);
		o->mean_axis = AXC_MAX(o->mean_axis, weighted_axis(c->g, reader, id));
	}
	if (depthwise) {
		r->n_channels = (int)v->shape.dim[1];
		r->channel_min = o->channel_min = AXC_NEW_ARRAY(arena, float, (size_t)r->n_channels);
		r->channel_max = o->channel_max = AXC_NEW_ARRAY(arena, float, (size_t)r->n_channels);
	}
	if (o->mean_axis >= 0)
		o->mean = AXC_NEW_ARRAY(arena, Fixed, (size_t)v->shape.dim[o->mean_axis]);
	pthread_mutex_init(&o->lock, NULL);
	o->hist = hist;
}

static void prepare(AxcArena *arena, Calibration *c)
{
	AxcUses uses = axc_graph_uses(c->g, arena);
	c->at = AXC_NEW_ARRAY(arena, Observed, c->ranges->n);
	axc_arena_defer(arena, destroy_locks, c);
	for (AxcId id = 1; id < c->ranges->n; id++) {
		const AxcValue *v = &c->g->values.at[id];
		if (!v->dead && !v->data && v->dtype == AXC_F32 && (v->producer || v->is_input))
			prepare_value(arena, c, &uses, id);
	}
}

/* ---- the whole ---- */

static AxcCalibMethod method_of(const AxcCalibConfig *cfg)
{
	if (cfg->method != AXC_CALIB_AUTO)
		return cfg->method;
	return cfg->scheme == AXC_SCHEME_PER_TENSOR_MIN_MAX ? AXC_CALIB_MIN_MAX : AXC_CALIB_MSE;
}

/* The operator's bound is what limits the value. That of a Clip that was never reached limits nothing. */
static bool bounded(const AxcGraph *g, AxcId id, const AxcRange *r)
{
	AxcId producer = g->values.at[id].producer;
	const AxcNode *n = producer ? &g->nodes.at[producer] : NULL;
	float lo, hi;
	if (!n || !n->op || !n->op->bounds || !n->op->bounds(g, n, &lo, &hi))
		return false;
	return strcmp(n->op_type, "Clip") != 0 || r->max >= hi || (lo < 0 && r->min <= lo);
}

static void finish_means(AxcArena *arena, Calibration *c, AxcId id)
{
	const Observed *o = &c->at[id];
	AxcRange *r = &c->ranges->at[id];
	if (!o->mean)
		return;
	r->n_means = (int)c->g->values.at[id].shape.dim[o->mean_axis];
	float *mean = AXC_NEW_ARRAY(arena, float, (size_t)r->n_means);
	for (int i = 0; i < r->n_means; i++)
		mean[i] = (float)((double)o->mean[i] / fixed_one / (double)c->ranges->samples);
	r->mean = mean;
}

static void finish(AxcArena *arena, Calibration *c, const AxcCalibConfig *cfg)
{
	for (AxcId id = 1; id < c->ranges->n; id++) {
		AxcRange *r = &c->ranges->at[id];
		r->observed = c->at[id].any;
		if (!r->observed)
			continue;
		r->hist = c->at[id].hist;
		finish_means(arena, c, id);
		axc_choose_range(r, method_of(cfg), cfg->percentile,
		                 cfg->method == AXC_CALIB_AUTO && bounded(c->g, id, r));
	}
}

bool axc_calibrate_samples(AxcArena *arena, AxcDiag *d, const AxcGraph *g, const AxcCalibConfig *cfg,
                           AxcSamples *samples, AxcRanges **ret_ranges)
{
	int jobs = axc_samples_jobs(samples);
	Calibration *c = AXC_NEW(arena, Calibration);
	c->g = g;
	c->ranges = AXC_NEW(arena, AxcRanges);
	c->ranges->n = g->values.n;
	c->ranges->at = AXC_NEW_ARRAY(arena, AxcRange, g->values.n);
	c->ranges->random = axc_samples_random(samples);
	c->evals = AXC_NEW_ARRAY(arena, AxcEval *, (size_t)jobs);
	AxcArena *scratch = axc_arena_child(arena); /* weights packed, values */
	for (int i = 0; i < jobs; i++)
		if (!axc_eval_new(scratch, d, g, axk_cpu_isa(), false, i ? c->evals[0] : NULL, &c->evals[i]))
			return false;
	prepare(arena, c);
	if (c->ranges->random)
		axc_warn(d, "no calibration images or data were given: ranges come from random numbers, and "
		            "accuracy was not measured on real data");
	bool ok = axc_samples_run(samples, d, 0, jobs, one_sample, c, &c->ranges->samples);
	axc_arena_child_free(scratch);
	if (!ok)
		return false;
	c->ranges->skipped = axc_samples_skipped(samples);
	finish(arena, c, cfg);
	*ret_ranges = c->ranges;
	return true;
}

bool axc_calibrate(AxcArena *arena, AxcDiag *d, const AxcGraph *g, const AxcCalibConfig *cfg,
                   AxcRanges **ret_ranges)
{
	AxcSamples *samples;
	if (!axc_samples_open(arena, d, g, cfg, &samples))
		return false;
	bool ok = axc_calibrate_samples(arena, d, g, cfg, samples, ret_ranges);
	axc_samples_close(samples);
	return ok;
}
