/* Biases corrected against the quantized network itself (after Nagel et al. 2019, section 4.2, measured
 * instead of derived): a few samples go through the quantized graph side by side, node by node. In front
 * of each multiply-accumulate node the mean of every input channel is known as it really arrives, with all
 * rounding and clipping upstream, and in float as it should; the bias makes up for the difference that
 * makes in the mean of each output channel, before the samples go on. weights.c has corrected for the
 * rounding of the weights, with the means of all samples; this adds what the activations lost.
 *
 * A few samples tell a mean only roughly. Each correction is therefore shrunk by 1 - (2 standard errors /
 * correction)^2, to nothing where chance explains it (after the positive-part James-Stein estimator; on
 * mobilenet_v2 one standard error let in enough chance to lose 1.8 dB).
 *
 * Sums are integers, or doubles added in sample order: the result does not depend on the threads.
 */
#include "quant/quant.h"

#include "calib/calib.h"
#include "quant/mac.h"

#include <math.h>

enum { MOST_SAMPLES = 48, LEAST_SAMPLES = 4, LEAST_ELEMENTS = 64 };
static const double mac_budget = 6e9; /* of the interpreter, in all */

typedef struct Bench { /* one sample */
	AxcEval *eval;
	AxcArena *arena; /* of its messages */
	AxcDiag d;
	jmp_buf oom;
	bool failed, out_of_memory;
} Bench;

typedef struct Correct {
	AxcArena *arena, *scratch; /* scratch: of the interpreters */
	const AxcGraph *clean;
	AxcGraph *quantized;
	AxcId *clean_node; /* by quantized node: of the same name, 0 for those not corrected */
	int *axis;         /* by clean value: of its channels */
	double **mean;     /* by clean value: [sample][channel]; NULL: not needed */
	AxcEval *clean_eval;
	int n;
	Bench *benches;
	uint32_t step;
	int sample; /* that runs in float */
	AxcSamples *samples;
	double started, shown; /* progress */
} Correct;

/* ---- which nodes ---- */

static int mean_axis(const AxcNode *n, const AxcShape *x)
{
	return n->op_type[0] == 'C' ? 1 : x->rank - 1; /* Conv, ConvTranspose; Gemm, MatMul */
}

static int64_t per_channel(const AxcShape *x, int axis)
{
	return x->dim[axis] ? axc_shape_count(x) / x->dim[axis] : 0;
}

static bool correctable(const Correct *c, const AxcNode *q, const AxcNode *f)
{
	const AxcGraph *g = c->quantized, *cg = c->clean;
	if (q->dead || !q->op || q->op->quant != AXC_QR_MAC || q->n_in < 3 || !q->in[2] || f->n_in < 2)
		return false;
	const AxcValue *x = &g->values.at[q->in[0]], *w = &g->values.at[q->in[1]], *b = &g->values.at[q->in[2]];
	const AxcValue *fx = &cg->values.at[f->in[0]], *fw = &cg->values.at[f->in[1]];
	if (x->dtype != AXC_I8 || x->q.n == 0 || !w->data || w->dtype != AXC_I8 || !b->data || b->dtype != AXC_I32)
		return false;
	if (!fw->data || fw->dtype != AXC_F32 || fw->data_bytes != w->data_bytes * 4 || x->shape.rank < 2)
		return false;
	int64_t seen = per_channel(&x->shape, mean_axis(q, &x->shape)) * c->n;
	return axc_shape_equal(&x->shape, &fx->shape) && !axc_attr_int(f, "transA", 0) && seen >= LEAST_ELEMENTS;
}

static bool find_nodes(Correct *c)
{
	AxcMap names = {0};
	bool any = false;
	for (AxcId i = 1; i < c->clean->nodes.n; i++)
		if (!c->clean->nodes.at[i].dead)
			axc_map_put(&names, c->arena, c->clean->nodes.at[i].name, i);
	c->clean_node = AXC_NEW_ARRAY(c->arena, AxcId, c->quantized->nodes.n);
	c->axis = AXC_NEW_ARRAY(c->arena, int, c->clean->values.n);
	c->mean = AXC_NEW_ARRAY(c->arena, double *, c->clean->values.n);
	for (AxcId i = 1; i < c->quantized->nodes.n; i++) {
		const AxcNode *q = &c->quantized->nodes.at[i];
		AxcId id = q->dead ? 0 : axc_map_get(&names, q->name);
		if (!id || !correctable(c, q, &c->clean->nodes.at[id]))
			continue;
		AxcId x = c->clean->nodes.at[id].in[0];
		const AxcShape *s = &c->clean->values.at[x].shape;
		if (c->mean[x] && c->axis[x] != mean_axis(q, s))
			continue; /* read by a Conv and a MatMul along different dimensions */
		c->clean_node[i] = id;
		any = true;
		if (c->mean[x])
			continue;
		c->axis[x] = mean_axis(q, s);
		c->mean[x] = AXC_NEW_ARRAY(c->arena, double, (size_t)(s->dim[c->axis[x]] * c->n));
	}
	return any;
}

/* ---- the float means ---- */

static void add_float_means(void *ctx, AxcId value, const void *data)
{
	Correct *c = ctx;
	const AxcShape *s = &c->clean->values.at[value].shape;
	if (!c->mean[value])
		return;
	double *mean = c->mean[value] + s->dim[c->axis[value]] * c->sample;
	int axis = c->axis[value];
	int64_t inner = 1, count = per_channel(s, axis);
	for (int i = axis + 1; i < s->rank; i++)
		inner *= s->dim[i];
	const float *x = data;
	for (int64_t o = 0, k = 0; o < axc_shape_count(s) / (s->dim[axis] * inner); o++)
		for (int64_t ch = 0; ch < s->dim[axis]; ch++) {
			double sum = 0;
			for (int64_t i = 0; i < inner; i++)
				sum += (double)x[k++];
			mean[ch] += sum / (double)count;
		}
}

/* ---- one node ---- */

/* What float has and int8 lacks in the mean of each channel of the node's input, in a sample. */
static void missing_means(const Correct *c, const AxcNode *q, AxcId clean_value, int sample, double *missing)
{
	const AxcValue *x = &c->quantized->values.at[q->in[0]];
	int axis = mean_axis(q, &x->shape);
	int64_t channels = x->shape.dim[axis], inner = 1, total = axc_shape_count(&x->shape);
	int64_t *sum = axc_alloc_array(c->arena, (size_t)channels, sizeof *sum);
	const int8_t *data = axc_eval_data(c->benches[sample].eval, q->in[0]);
	const double *wanted = c->mean[clean_value] + channels * sample;
	for (int i = axis + 1; i < x->shape.rank; i++)
		inner *= x->shape.dim[i];
	for (int64_t i = 0; i < total; i += inner)
		for (int64_t k = 0; k < inner; k++)
			sum[i / inner % channels] += data[i + k];
	for (int64_t ch = 0; ch < channels; ch++) {
		int64_t p = x->q.n > 1 ? ch : 0;
		double average = (double)sum[ch] / (double)(total / channels);
		double found = (average - x->q.zero_point[p]) * (double)x->q.scale[p];
		missing[ch] = wanted[ch] * (x->gain ? (double)x->gain[ch] : 1.0) - found;
	}
}

/* One weight matrix entry per pair of channels: the taps added up, each by its share of the outputs. */
typedef struct Pairs {
	double *w;        /* [out][inputs of its group] */
	int64_t *first;   /* [out]: the first input channel of its group */
	int64_t *most;    /* [out]: largest accumulator without bias */
	int64_t per_group;
} Pairs;

static Pairs make_pairs(const Correct *c, const AxcQuantMac *m, const AxcNode *f, const AxcNode *q, int64_t n_in)
{
	const AxcShape *shape = &c->clean->values.at[f->in[1]].shape;
	const AxcValue *w = &c->quantized->values.at[q->in[1]];
	int64_t taps = axc_quant_taps(c->clean, f), groups = AXC_MAX(axc_attr_int(f, "group", 1), 1);
	const double *share = axc_quant_tap_shares(c->clean, f, taps, c->arena);
	Pairs p = {.per_group = n_in / groups};
	p.w = AXC_NEW_ARRAY(c->arena, double, (size_t)(m->channels * p.per_group));
	p.first = AXC_NEW_ARRAY(c->arena, int64_t, (size_t)m->channels);
	p.most = AXC_NEW_ARRAY(c->arena, int64_t, (size_t)m->channels);
	for (int64_t i = 0; i < m->n_weights; i++) {
		int64_t in, out;
		axc_quant_channels(m, shape, i, taps, groups, &in, &out);
		int rounded = ((const int8_t *)w->data)[i];
		double scale = (double)w->q.scale[w->q.n > 1 ? i / m->stride % m->n_scales : 0];
		p.first[out] = in / p.per_group * p.per_group;
		p.w[out * p.per_group + in % p.per_group] += rounded * scale * share[i % taps];
		p.most[out] += 255 * (int64_t)(rounded < 0 ? -rounded : rounded);
	}
	return p;
}

/* The correction of one output channel from what each sample lacks. */
static double shrunk(const double *lack, int n)
{
	double mean = 0, square = 0;
	for (int i = 0; i < n; i++)
		mean += lack[i] / n;
	for (int i = 0; i < n; i++)
		square += (lack[i] - mean) * (lack[i] - mean);
	double error = square / ((double)n * (n - 1)); /* squared standard error of the mean */
	return mean == 0 ? 0 : mean * fmax(0, 1 - 4 * error / (mean * mean));
}

static void correct_node(Correct *c, AxcId id)
{
	const AxcNode *q = &c->quantized->nodes.at[id], *f = &c->clean->nodes.at[c->clean_node[id]];
	const AxcValue *x = &c->quantized->values.at[q->in[0]], *b = &c->quantized->values.at[q->in[2]];
	AxcQuantMac m = axc_quant_mac(c->clean, f, &x->q);
	int64_t n_in = axc_quant_in_channels(&m, c->clean, f);
	if (n_in != x->shape.dim[mean_axis(q, &x->shape)] || axc_shape_count(&b->shape) != m.channels)
		return;
	double *missing = AXC_NEW_ARRAY(c->arena, double, (size_t)(n_in * c->n));
	Pairs p = make_pairs(c, &m, f, q, n_in);
	for (int s = 0; s < c->n; s++)
		missing_means(c, q, f->in[0], s, missing + n_in * s);
	int32_t *bias = (int32_t *)(uintptr_t)b->data;
	for (int64_t o = 0; o < m.channels; o++) {
		double lack[MOST_SAMPLES] = {0};
		for (int s = 0; s < c->n; s++)
			for (int64_t k = 0; k < p.per_group; k++)
				lack[s] += p.w[o * p.per_group + k] * missing[n_in * s + p.first[o] + k];
		double v = nearbyint(bias[o] + shrunk(lack, c->n) / (double)b->q.scale[b->q.n > 1 ? o : 0]);
		if (fabs(v) + (double)p.most[o] < AXC_ACC_LIMIT)
			bias[o] = (int32_t)v;
	}
}

/* ---- the run ---- */

static void step_one(void *ctx, int64_t i, int worker)
{
	(void)worker;
	Correct *c = ctx;
	Bench *b = &c->benches[i];
	if (setjmp(b->oom)) {
		b->out_of_memory = true;
		return;
	}
	b->failed = b->failed || !axc_eval_step(b->eval, &b->d, c->step);
}

static void free_arena(void *arena)
{
	axc_arena_free(arena);
}

static bool make_benches(Correct *c, AxcDiag *d)
{
	c->benches = AXC_NEW_ARRAY(c->arena, Bench, (size_t)c->n);
	for (int i = 0; i < c->n; i++) {
		Bench *b = &c->benches[i];
		b->arena = axc_arena_new(&b->oom);
		if (!b->arena)
			axc_out_of_memory(c->arena);
		axc_arena_defer(c->arena, free_arena, b->arena);
		axc_diag_init(&b->d, b->arena);
		b->d.stage_status = d->stage_status;
		if (!axc_eval_new(c->scratch, d, c->quantized, axk_cpu_isa(), false, i ? c->benches[0].eval : NULL,
		                  &b->eval))
			return false;
	}
	return axc_eval_new(c->scratch, d, c->clean, axk_cpu_isa(), false, NULL, &c->clean_eval);
}

/* Reading the samples counts as half of the work, the steps as the rest. */
static void show_progress(Correct *c)
{
	uint32_t steps = axc_eval_steps(c->benches[0].eval);
	int64_t done = c->sample, total = 2 * (int64_t)c->n;
	if (c->step == steps)
		done = total;
	else if (c->step)
		done = c->n + (int64_t)c->n * c->step / AXC_MAX(steps, 1);
	axc_samples_progress(c->samples, done, total, c->started, &c->shown);
}

static bool load_samples(Correct *c, AxcDiag *d, AxcSamples *samples)
{
	uint32_t n = c->clean->inputs.n;
	void **inputs = AXC_NEW_ARRAY(c->arena, void *, n);
	for (uint32_t i = 0; i < n; i++) {
		const AxcValue *v = &c->clean->values.at[c->clean->inputs.at[i]];
		inputs[i] = axc_alloc(c->arena, (size_t)axc_shape_count(&v->shape) * axc_dtype_bytes(v->dtype) + AXK_SLACK);
	}
	for (int s = 0; s < c->n; s++) {
		c->sample = s;
		show_progress(c);
		if (!axc_samples_read(samples, d, s, inputs) ||
		    !axc_eval_run(c->clean_eval, d, (const void *const *)inputs, add_float_means, c))
			return false;
		axc_eval_begin(c->benches[s].eval, (const void *const *)inputs);
	}
	return true;
}

static bool run_steps(Correct *c, AxcDiag *d, int jobs)
{
	for (c->step = 0; c->step < axc_eval_steps(c->benches[0].eval); c->step++) {
		AxcId node = axc_eval_step_node(c->benches[0].eval, c->step);
		if (c->clean_node[node])
			correct_node(c, node);
		axc_parallel(jobs, c->n, step_one, c);
		for (int i = 0; i < c->n; i++) {
			if (c->benches[i].out_of_memory)
				axc_out_of_memory(c->arena);
			if (c->benches[i].failed)
				return axc_fail(d, "%s", c->benches[i].d.error.message);
		}
		show_progress(c);
	}
	show_progress(c);
	return true;
}

bool axc_correct_biases(AxcArena *arena, AxcDiag *d, const AxcGraph *clean, AxcGraph *quantized,
                        AxcSamples *samples, int64_t used, int jobs)
{
	Correct c = {.arena = arena, .clean = clean, .quantized = quantized, .samples = samples,
	             .started = axc_samples_clock()};
	double macs = (double)axc_quant_summary(quantized).int8_macs;
	if (axc_samples_random(samples) || used < LEAST_SAMPLES)
		return true;
	c.n = (int)fmax(LEAST_SAMPLES, fmin(MOST_SAMPLES, mac_budget / fmax(macs, 1)));
	c.n = (int)AXC_MIN((int64_t)c.n, used);
	if (!find_nodes(&c))
		return true;
	c.scratch = axc_arena_child(arena);
	bool ok = make_benches(&c, d) && load_samples(&c, d, samples) && run_steps(&c, d, jobs);
	axc_arena_child_free(c.scratch);
	return ok;
}
