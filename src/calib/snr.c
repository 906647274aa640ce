/* What quantization cost, layer by layer: both graphs on the same samples, every activation that has one
 * name in both compared. The quantized graph runs first and its values are kept (int8 is a quarter of
 * float32), then the float graph runs and is compared as it goes. Where all values together are too large, a group
 * of them after the other. Sums are per sample, in double, added in sample order, so the figures do not depend on
 * the threads.
 */
#include "calib/calib.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct Row { /* one sample */
	int64_t index;
	double *signal, *noise, *max_error; /* per layer */
} Row;

typedef struct Pair {
	AxcId clean, quantized;
	size_t offset, bytes; /* of the quantized value in a worker's store */
	uint32_t group;       /* those of one group are in it at the same time */
} Pair;

typedef struct Bench { /* one worker */
	AxcEval *clean, *quantized;
	char *store;
	Row *row;
} Bench;

typedef struct Snr {
	const AxcGraph *clean, *quantized;
	uint32_t n, groups;
	Pair *pairs;
	uint32_t *by_clean, *by_quantized; /* value -> pair + 1 */
	Bench *benches;
	Row *rows;
	_Atomic uint32_t used;
} Snr;

typedef struct Look {
	Snr *s;
	Bench *bench;
	uint32_t group;
} Look;

size_t axc_snr_store_bytes = 1 << 30;

static void keep(void *ctx, AxcId value, const void *data)
{
	Look *look = ctx;
	uint32_t p = look->s->by_quantized[value];
	if (p && look->s->pairs[p - 1].group == look->group)
		memcpy(look->bench->store + look->s->pairs[p - 1].offset, data, look->s->pairs[p - 1].bytes);
}

/* Element i of a quantized graph's value as the float it means. */
static double meaning(const AxcValue *v, const void *data, int64_t i, int64_t inner)
{
	if (v->dtype == AXC_F32)
		return (double)((const float *)data)[i];
	int64_t channel = v->q.n > 1 ? i / inner % v->q.n : 0;
	double x = (double)((float)(((const int8_t *)data)[i] - v->q.zero_point[channel]) * v->q.scale[channel]);
	return v->gain ? x / (double)v->gain[i / inner % v->shape.dim[1]] : x;
}

static void compare(void *ctx, AxcId value, const void *data)
{
	Look *look = ctx;
	Snr *s = look->s;
	uint32_t p = s->by_clean[value];
	if (!p || s->pairs[p - 1].group != look->group)
		return;
	const AxcValue *v = &s->quantized->values.at[s->pairs[p - 1].quantized];
	const void *q = look->bench->store + s->pairs[p - 1].offset;
	int64_t n = axc_shape_count(&v->shape), inner = 1;
	int axis = v->gain ? 1 : v->q.n > 1 ? v->q.axis : v->shape.rank;
	for (int k = axis + 1; k < v->shape.rank; k++)
		inner *= v->shape.dim[k];
	double signal = 0, noise = 0, most = 0;
	for (int64_t i = 0; i < n; i++) {
		double x = (double)((const float *)data)[i], e = x - meaning(v, q, i, inner);
		signal += x * x;
		noise += e * e;
		most = fabs(e) > most ? fabs(e) : most;
	}
	look->bench->row->signal[p - 1] = signal;
	look->bench->row->noise[p - 1] = noise;
	look->bench->row->max_error[p - 1] = most;
}

static bool one_sample(void *ctx, const AxcSample *sample, int worker, AxcDiag *d)
{
	Snr *s = ctx;
	Bench *bench = &s->benches[worker];
	bench->row = &s->rows[atomic_fetch_add(&s->used, 1)];
	bench->row->index = sample->index;
	for (uint32_t group = 0; group < s->groups; group++) {
		Look look = {s, bench, group};
		if (!axc_eval_run(bench->quantized, d, sample->inputs, keep, &look) ||
		    !axc_eval_run(bench->clean, d, sample->inputs, compare, &look))
			return false;
	}
	return true;
}

/* ---- pairs ---- */

/* Returns the bytes of the largest group. */
static size_t make_pairs(AxcArena *arena, Snr *s)
{
	AxcMap names = {0};
	size_t store = 0, most = 0;
	for (AxcId id = 1; id < s->clean->values.n; id++) {
		const AxcValue *v = &s->clean->values.at[id];
		if (!v->dead && v->producer && v->dtype == AXC_F32)
			axc_map_put(&names, arena, v->name, id);
	}
	s->pairs = AXC_NEW_ARRAY(arena, Pair, s->quantized->values.n);
	s->by_clean = AXC_NEW_ARRAY(arena, uint32_t, s->clean->values.n);
	s->by_quantized = AXC_NEW_ARRAY(arena, uint32_t, s->quantized->values.n);
	for (AxcId node = 1; node < s->quantized->nodes.n; node++) {
		const AxcNode *n = &s->quantized->nodes.at[node];
		for (uint32_t k = 0; !n->dead && k < n->n_out; k++) {
			const AxcValue *v = &s->quantized->values.at[n->out[k]];
			AxcId id = n->out[k] ? axc_map_get(&names, v->name) : 0;
			bool comparable = v->dtype == AXC_F32 || (v->dtype == AXC_I8 && v->q.n > 0);
			if (!id || !comparable || !axc_shape_equal(&v->shape, &s->clean->values.at[id].shape))
				continue;
			size_t bytes = (size_t)axc_shape_count(&v->shape) * axc_dtype_bytes(v->dtype);
			bool next = store > 0 && store + bytes > axc_snr_store_bytes;
			s->groups += next;
			store = next ? 0 : store;
			s->pairs[s->n++] = (Pair){id, n->out[k], store, bytes, s->groups};
			store += axc_align_up(bytes, 64);
			most = AXC_MAX(most, store);
			s->by_clean[id] = s->by_quantized[n->out[k]] = s->n;
		}
	}
	s->groups++;
	return most;
}

static int by_index(const void *a, const void *b)
{
	int64_t x = ((const Row *)a)->index, y = ((const Row *)b)->index;
	return (x > y) - (x < y);
}

static void add_up(AxcArena *arena, Snr *s, AxcLayerSnr **ret)
{
	AxcLayerSnr *layers = AXC_NEW_ARRAY(arena, AxcLayerSnr, s->n);
	uint32_t rows = atomic_load(&s->used);
	qsort(s->rows, rows, sizeof *s->rows, by_index);
	for (uint32_t i = 0; i < s->n; i++) {
		AxcLayerSnr *l = &layers[i];
		const AxcValue *v = &s->quantized->values.at[s->pairs[i].quantized];
		l->value = s->pairs[i].quantized;
		l->name = v->name;
		l->node = v->producer ? s->quantized->nodes.at[v->producer].name : NULL;
		for (uint32_t r = 0; r < rows; r++) {
			l->signal += s->rows[r].signal[i];
			l->noise += s->rows[r].noise[i];
			l->max_error = fmax(l->max_error, s->rows[r].max_error[i]);
		}
		l->db = l->noise > 0 ? 10 * log10(l->signal / l->noise) : INFINITY;
	}
	*ret = layers;
}

bool axc_layer_snr(AxcArena *arena, AxcDiag *d, const AxcGraph *clean, const AxcGraph *quantized,
                   AxcSamples *samples, int64_t want, AxcLayerSnr **ret_layers, uint32_t *ret_n)
{
	Snr *s = AXC_NEW(arena, Snr);
	s->clean = clean;
	s->quantized = quantized;
	size_t store = make_pairs(arena, s);
	want = AXC_MIN(want, axc_samples_count(samples));
	int jobs = (int)AXC_MAX(1, AXC_MIN((int64_t)axc_samples_jobs(samples), want));
	s->benches = AXC_NEW_ARRAY(arena, Bench, (size_t)jobs);
	s->rows = AXC_NEW_ARRAY(arena, Row, (size_t)want);
	for (int64_t i = 0; i < want; i++) {
		s->rows[i].signal = AXC_NEW_ARRAY(arena, double, s->n);
		s->rows[i].noise = AXC_NEW_ARRAY(arena, double, s->n);
		s->rows[i].max_error = AXC_NEW_ARRAY(arena, double, s->n);
	}
	AxcArena *scratch = axc_arena_child(arena); /* weights packed, values */
	for (int i = 0; i < jobs; i++) {
		Bench *b = &s->benches[i], *first = i ? &s->benches[0] : NULL;
		b->store = axc_alloc(scratch, store);
		if (!axc_eval_new(scratch, d, clean, axk_cpu_isa(), false, first ? first->clean : NULL, &b->clean) ||
		    !axc_eval_new(scratch, d, quantized, axk_cpu_isa(), false, first ? first->quantized : NULL,
		                  &b->quantized))
			return false;
	}
	bool ok = axc_samples_run(samples, d, want, jobs, one_sample, s, NULL);
	axc_arena_child_free(scratch);
	if (!ok)
		return false;
	add_up(arena, s, ret_layers);
	*ret_n = s->n;
	return true;
}
