/* Collecting the input vectors of products: a pass of the float interpreter over some samples; of every
 * picture a few positions per layer, chosen by a hash, are gathered as the layer reads them and
 * quantized with the scales that the layer will get. */
#include "quant/moments.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "ops/conv.h"
#include "quant/scales.h"

/* Vectors per layer, about. Depthwise layers have few columns per channel and many channels. */
enum { VECTORS = 8192, VECTORS_NARROW = 4096, NARROW = 64 };
static const size_t max_bytes = (size_t)256 << 20; /* of all vectors */

typedef struct Layer {
	AxcId node, value;
	uint32_t next; /* layer that reads the same value, + 1 */
	bool dense;
	AxcWindow w; /* two spatial dimensions */
	int64_t k, group_k, taps, plane, positions;
	int64_t images; /* leading dimension of the picture */
	int per_sample;
	const AxcQuant *q;
	const float *gain; /* per channel, or NULL */
	int8_t *x;   /* [slots * per_sample][k] */
	int8_t *zero;
	double *sum; /* [slots][k] */
} Layer;

typedef struct Collect {
	const AxcGraph *g;
	AxcEval **evals;
	AXC_ARRAY(Layer) layers;
	uint32_t *of_value; /* first layer that reads it, + 1 */
	int64_t slots;
	int64_t *index; /* of the sample in each slot */
	_Atomic int64_t used;
	void **memory; /* of all vectors */
} Collect;

typedef struct Look {
	Collect *c;
	int64_t slot, index;
} Look;

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static int8_t quantized(const AxcQuant *q, int64_t channel, float x)
{
	int64_t c = q->n > 1 ? channel : 0;
	float lo = (float)(-128 - q->zero_point[c]), hi = (float)(127 - q->zero_point[c]), v = x / q->scale[c];
	return (int8_t)((int)rintf(v < lo ? lo : v > hi ? hi : v) + q->zero_point[c]);
}

static void put(const Layer *l, int8_t *to, double *sum, int64_t column, int64_t channel, float x)
{
	x *= l->gain ? l->gain[channel] : 1.0f;
	to[column] = quantized(l->q, channel, x);
	sum[column] += x;
}

static void gather_patch(const Layer *l, const float *x, int64_t position, int8_t *to, double *sum)
{
	int64_t pixels = l->w.out[0] * l->w.out[1], channels = l->k / l->taps;
	memcpy(to, l->zero, (size_t)l->k);
	int64_t oy = position % pixels / l->w.out[1], ox = position % l->w.out[1];
	x += position / pixels * channels * l->plane;
	for (int64_t tap = 0; tap < l->taps; tap++) {
		int64_t iy = oy * l->w.stride[0] - l->w.begin[0] + tap / l->w.kernel[1] * l->w.dilation[0];
		int64_t ix = ox * l->w.stride[1] - l->w.begin[1] + tap % l->w.kernel[1] * l->w.dilation[1];
		if (iy < 0 || ix < 0 || iy >= l->w.in[0] || ix >= l->w.in[1])
			continue; /* padding */
		for (int64_t c = 0; c < channels; c++)
			put(l, to, sum, c * l->taps + tap, c, x[c * l->plane + iy * l->w.in[1] + ix]);
	}
}

static void observe(void *ctx, AxcId value, const void *data)
{
	const Look *look = ctx;
	const Collect *c = look->c;
	for (uint32_t i = c->of_value[value]; i; i = c->layers.at[i - 1].next) {
		const Layer *l = &c->layers.at[i - 1];
		double *sum = l->sum + look->slot * l->k;
		for (int p = 0; p < l->per_sample; p++) {
			int8_t *to = l->x + (look->slot * l->per_sample + p) * l->k;
			uint64_t key = (uint64_t)l->node << 40 ^ (uint64_t)look->index << 16 ^ (uint64_t)p;
			int64_t position = l->per_sample == l->positions ? p : (int64_t)(mix(key) % (uint64_t)l->positions);
			if (!l->dense) {
				gather_patch(l, data, position, to, sum);
				continue;
			}
			const float *row = (const float *)data + position * l->k;
			for (int64_t k = 0; k < l->k; k++)
				put(l, to, sum, k, k, row[k]);
		}
	}
}

static bool one_sample(void *ctx, const AxcSample *sample, int worker, AxcDiag *d)
{
	Collect *c = ctx;
	Look look = {.c = c, .index = sample->index, .slot = atomic_fetch_add(&c->used, 1)};
	if (look.slot >= c->slots)
		return true;
	c->index[look.slot] = sample->index;
	return axc_eval_run(c->evals[worker], d, sample->inputs, observe, &look);
}

/* ---- which layers ---- */

static bool describe(const AxcGraph *g, AxcId id, Layer *l, AxcDiag *d)
{
	const AxcNode *n = &g->nodes.at[id];
	const AxcShape *x = &g->values.at[n->in[0]].shape;
	*l = (Layer){.node = id, .value = n->in[0]};
	if (strcmp(n->op_type, "Conv") == 0) {
		AxcWindow narrow;
		if (!axc_conv_window(g, n, &narrow, d) || narrow.rank > 2)
			return false;
		l->w = axc_window_widen(&narrow, 2);
		l->taps = l->w.kernel[0] * l->w.kernel[1];
		l->plane = l->w.in[0] * l->w.in[1];
		l->k = x->dim[1] * l->taps;
		l->group_k = l->k / AXC_MAX(axc_attr_int(n, "group", 1), 1);
		l->positions = x->dim[0] * l->w.out[0] * l->w.out[1];
		return true;
	}
	if (strcmp(n->op_type, "Gemm") != 0 && strcmp(n->op_type, "MatMul") != 0)
		return false;
	l->dense = true;
	l->k = l->group_k = x->dim[x->rank - 1];
	l->positions = axc_shape_count(x) / AXC_MAX(l->k, 1);
	return true;
}

static void find_layers(AxcArena *arena, Collect *c, const AxcQuantPlan *plan, const AxcRanges *ranges, AxcDiag *d)
{
	const AxcQuant *q = axc_quant_scales(arena, c->g, plan, ranges);
	const float **gain = axc_quant_gains(arena, c->g, plan, ranges, q);
	for (AxcId i = 1; i < c->g->nodes.n; i++) {
		const AxcNode *n = &c->g->nodes.at[i];
		Layer l;
		if (n->dead || !plan->node_int8[i] || n->op->quant != AXC_QR_MAC || !describe(c->g, i, &l, d) ||
		    l.k < 1 || l.positions < 1)
			continue;
		l.q = &q[l.value];
		l.gain = gain[l.value];
		int64_t vectors = l.group_k <= NARROW && l.group_k < l.k ? VECTORS_NARROW : VECTORS;
		l.per_sample = (int)AXC_MIN(AXC_MAX(vectors / c->slots, 1), l.positions);
		AXC_PUSH(arena, &c->layers, l);
	}
}

static size_t vector_bytes(const Collect *c, const Layer *l)
{
	return (size_t)(l->k * c->slots) * (size_t)l->per_sample;
}

static void free_vectors(void *memory)
{
	void **at = memory;
	free(*at);
	*at = NULL;
}

/* All vectors in one block outside the arena. */
static void allocate(AxcArena *arena, Collect *c)
{
	size_t total = 0, used = 0;
	for (uint32_t i = 0; i < c->layers.n; i++)
		total += vector_bytes(c, &c->layers.at[i]);
	for (uint32_t i = 0; i < c->layers.n; i++) {
		Layer *l = &c->layers.at[i];
		if (total > max_bytes)
			l->per_sample = AXC_MAX(1, (int)((double)l->per_sample * (double)max_bytes / (double)total));
		used += vector_bytes(c, l);
	}
	c->memory = AXC_NEW(arena, void *);
	axc_arena_defer(arena, free_vectors, c->memory);
	*c->memory = calloc(used + 1, 1);
	if (!*c->memory)
		axc_out_of_memory(arena);
	int8_t *next = *c->memory;
	for (uint32_t i = 0; i < c->layers.n; i++) {
		Layer *l = &c->layers.at[i];
		l->x = next;
		next += vector_bytes(c, l);
		l->zero = AXC_NEW_ARRAY(arena, int8_t, (size_t)l->k);
		for (int64_t k = 0; k < l->k; k++)
			l->zero[k] = (int8_t)l->q->zero_point[l->q->n > 1 ? k / AXC_MAX(l->taps, 1) : 0];
		l->sum = AXC_NEW_ARRAY(arena, double, (size_t)(l->k * c->slots));
		l->next = c->of_value[l->value];
		c->of_value[l->value] = i + 1;
	}
}

void axc_quant_moments_release(const AxcMoments *moments)
{
	if (moments)
		free_vectors(moments->memory);
}

static int by_index(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return (x[0] > y[0]) - (x[0] < y[0]);
}

/* Slots were taken as threads came; here the vectors get the order of the samples, so that sums over them
 * round the same way in every run. Follows the cycles of the permutation with one slot aside. */
static void sort_slots(AxcArena *arena, const Layer *l, const int64_t *order, int64_t used)
{
	size_t bytes = (size_t)l->k * (size_t)l->per_sample;
	bool *done = AXC_NEW_ARRAY(arena, bool, (size_t)used);
	int8_t *aside = malloc(bytes + 1);
	if (!aside)
		axc_out_of_memory(arena);
	for (int64_t first = 0; first < used; first++) {
		if (done[first] || order[2 * first + 1] == first)
			continue;
		memcpy(aside, l->x + (size_t)first * bytes, bytes);
		for (int64_t to = first; !done[to];) {
			int64_t from = order[2 * to + 1];
			done[to] = true;
			memcpy(l->x + (size_t)to * bytes, from == first ? aside : l->x + (size_t)from * bytes, bytes);
			to = from;
		}
	}
	free(aside);
}

static const AxcMacInputs *summarize(AxcArena *arena, const Collect *c, const Layer *l, const int64_t *order)
{
	int64_t used = AXC_MIN(c->used, c->slots), n = used * l->per_sample;
	double *mean = AXC_NEW_ARRAY(arena, double, (size_t)l->k), *mean_q = AXC_NEW_ARRAY(arena, double, (size_t)l->k);
	int64_t *sum_q = AXC_NEW_ARRAY(arena, int64_t, (size_t)l->k);
	for (int64_t s = 0; s < used; s++)
		for (int64_t k = 0; k < l->k; k++)
			mean[k] += l->sum[order[2 * s + 1] * l->k + k];
	for (int64_t v = 0; v < n; v++)
		for (int64_t k = 0; k < l->k; k++)
			sum_q[k] += l->x[v * l->k + k] - l->zero[k];
	for (int64_t k = 0; k < l->k; k++) {
		mean[k] /= (double)n;
		mean_q[k] = (double)sum_q[k] / (double)n;
	}
	AxcMacInputs *in = AXC_NEW(arena, AxcMacInputs);
	*in = (AxcMacInputs){.k = l->k, .group_k = l->group_k, .n = n, .x = l->x, .zero = l->zero, .mean = mean, .mean_q = mean_q};
	return in;
}

bool axc_quant_moments(AxcArena *arena, AxcDiag *d, const AxcGraph *clean, const AxcRanges *ranges,
                       const AxcQuantConfig *config, AxcSamples *samples, int64_t want, const AxcMoments **ret)
{
	const AxcQuantPlan *plan = axc_quant_plan(arena, clean, config);
	Collect c = {.g = clean, .slots = AXC_MIN(want, axc_samples_count(samples))};
	int jobs = axc_samples_jobs(samples);
	c.of_value = AXC_NEW_ARRAY(arena, uint32_t, clean->values.n);
	c.index = AXC_NEW_ARRAY(arena, int64_t, (size_t)c.slots);
	c.evals = AXC_NEW_ARRAY(arena, AxcEval *, (size_t)jobs);
	find_layers(arena, &c, plan, ranges, d);
	allocate(arena, &c);
	AxcArena *scratch = axc_arena_child(arena); /* weights packed, values */
	for (int i = 0; i < jobs; i++)
		if (!axc_eval_new(scratch, d, clean, axk_cpu_isa(), false, i ? c.evals[0] : NULL, &c.evals[i]))
			return false;
	bool ok = axc_samples_run(samples, d, c.slots, jobs, one_sample, &c, NULL);
	axc_arena_child_free(scratch);
	if (!ok)
		return false;
	int64_t used = AXC_MIN(c.used, c.slots), *order = AXC_NEW_ARRAY(arena, int64_t, 2 * (size_t)used + 2);
	for (int64_t s = 0; s < used; s++) {
		order[2 * s] = c.index[s];
		order[2 * s + 1] = s;
	}
	qsort(order, (size_t)used, 2 * sizeof *order, by_index);
	const AxcMacInputs **at = AXC_NEW_ARRAY(arena, const AxcMacInputs *, clean->nodes.n);
	for (uint32_t i = 0; i < c.layers.n; i++) {
		sort_slots(arena, &c.layers.at[i], order, used);
		at[c.layers.at[i].node] = summarize(arena, &c, &c.layers.at[i], order);
	}
	AxcMoments *m = AXC_NEW(arena, AxcMoments);
	*m = (AxcMoments){.n_nodes = clean->nodes.n, .at = at, .jobs = jobs, .memory = c.memory};
	*ret = m;
	return true;
}
