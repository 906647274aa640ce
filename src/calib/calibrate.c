/* axc_calibrate: the fp32 interpreter over all samples, an observer behind every float activation. */
#include "calib/observe.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

typedef struct Observed { /* one value, all samples */
	pthread_mutex_t lock;
	bool any;
	AxcHist *hist;
	float *channel_min, *channel_max; /* NULL: per tensor only */
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
	pthread_mutex_lock(&o->lock);
	axc_hist_merge(o->hist, r->min, r->max, &look->hist, lo, hi, !o->any);
	r->min = o->any ? AXC_MIN(r->min, lo) : lo;
	r->max = o->any ? AXC_MAX(r->max, hi) : hi;
	r->elements += (uint64_t)n;
	o->any = true;
	if (o->channel_min)
		channels(o, v, data);
	pthread_mutex_unlock(&o->lock);
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
	axc_fail(d, "node '%s' (%s) gives NaN or infinity in float32 on sample '%s', in its output '%s'",
	         axc_safe_name(d->arena, n->name), n->op_type, sample->name, what);
	return axc_diag_node(d, n->name, n->op_type);
}

static bool one_sample(void *ctx, const AxcSample *sample, int worker, AxcDiag *d)
{
	Calibration *c = ctx;
	Look *look = AXC_NEW(d->arena, Look);
	look->c = c;
	look->sample = sample;
	if (!axc_eval_run(c->evals[worker], d, sample->inputs, observe, look))
		return false;
	return !look->bad || not_finite(c->g, sample, look->bad, d);
}

/* ---- which values, which of them per channel ---- */

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

static void prepare(AxcArena *arena, Calibration *c, bool per_channel)
{
	AxcUses uses = axc_graph_uses(c->g, arena);
	c->at = AXC_NEW_ARRAY(arena, Observed, c->ranges->n);
	axc_arena_defer(arena, destroy_locks, c);
	for (AxcId id = 1; id < c->ranges->n; id++) {
		const AxcValue *v = &c->g->values.at[id];
		if (v->dead || v->data || v->dtype != AXC_F32 || (!v->producer && !v->is_input))
			continue;
		bool depthwise = per_channel && uses.first[id] < uses.first[id + 1] && !axc_is_graph_output(c->g, id);
		for (uint32_t k = uses.first[id]; depthwise && k < uses.first[id + 1]; k++)
			depthwise = is_depthwise(c->g, &c->g->nodes.at[uses.node[k]], id);
		Observed *o = &c->at[id];
		AxcHist *hist = AXC_NEW(arena, AxcHist);
		if (depthwise) {
			size_t n = (size_t)v->shape.dim[1];
			c->ranges->at[id].n_channels = (int)n;
			o->channel_min = AXC_NEW_ARRAY(arena, float, n);
			o->channel_max = AXC_NEW_ARRAY(arena, float, n);
			c->ranges->at[id].channel_min = o->channel_min;
			c->ranges->at[id].channel_max = o->channel_max;
		}
		pthread_mutex_init(&o->lock, NULL);
		o->hist = hist;
	}
}

/* ---- the whole ---- */

static AxcCalibMethod method_of(const AxcCalibConfig *cfg)
{
	if (cfg->method != AXC_CALIB_AUTO)
		return cfg->method;
	return cfg->scheme == AXC_SCHEME_PER_TENSOR_MIN_MAX ? AXC_CALIB_MIN_MAX : AXC_CALIB_MSE;
}

static bool bounded(const AxcGraph *g, AxcId id)
{
	AxcId producer = g->values.at[id].producer;
	const AxcNode *n = producer ? &g->nodes.at[producer] : NULL;
	float lo, hi;
	return n && n->op && n->op->bounds && n->op->bounds(g, n, &lo, &hi);
}

static void finish(Calibration *c, const AxcCalibConfig *cfg)
{
	for (AxcId id = 1; id < c->ranges->n; id++) {
		AxcRange *r = &c->ranges->at[id];
		r->observed = c->at[id].any;
		if (!r->observed)
			continue;
		r->hist = c->at[id].hist;
		axc_choose_range(r, method_of(cfg), cfg->percentile,
		                 cfg->method == AXC_CALIB_AUTO && bounded(c->g, id));
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
	for (int i = 0; i < jobs; i++)
		if (!axc_eval_new(arena, d, g, axk_cpu_isa(), false, i ? c->evals[0] : NULL, &c->evals[i]))
			return false;
	prepare(arena, c, cfg->scheme == AXC_SCHEME_HYBRID || cfg->dw_channel_wise);
	if (c->ranges->random)
		axc_warn(d, "no calibration images or data were given: ranges come from random numbers, and "
		            "accuracy was not measured on real data");
	axc_samples_progress(samples, true);
	bool ok = axc_samples_run(samples, d, 0, jobs, one_sample, c, &c->ranges->samples);
	axc_samples_progress(samples, false);
	if (!ok)
		return false;
	c->ranges->skipped = axc_samples_skipped(samples);
	finish(c, cfg);
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
