/* The planner. Two allocators, the smaller result wins: greedy by size (each buffer, largest first, at
 * the lowest offset where nothing alive at the same time lies; after Pisarchyk and Lee, "Efficient
 * memory management for deep neural net inference", 2020) and, also for very long programs, a linear
 * scan over the steps with a sorted free list. */
#include "plan/plan.h"

#include <stdlib.h>

#include "plan/live.h"

enum { MAX_GREEDY_BUFS = 6000 };

static void touch(AxcProgram *p, uint32_t buf, int step)
{
	AxcBuf *b = &p->bufs.at[buf];
	if (!buf || b->space != AXC_SPACE_WS)
		return;
	if (b->first < 0)
		b->first = step;
	b->last = step;
}

static void liveness(AxcProgram *p)
{
	for (uint32_t i = 1; i < p->bufs.n; i++)
		p->bufs.at[i].first = p->bufs.at[i].last = -1;
	for (uint32_t s = 0; s < p->steps.n; s++) {
		const AxcStep *step = &p->steps.at[s];
		for (uint32_t k = 0; k < step->n_args; k++)
			touch(p, step->arg[k].buf, (int)s);
		touch(p, step->scratch, (int)s);
	}
}

size_t axc_plan_live_bytes(const AxcProgram *p, int *ret_step)
{
	int64_t *delta = AXC_NEW_ARRAY(p->arena, int64_t, p->steps.n + 1);
	int64_t now = 0, most = 0;
	*ret_step = 0;
	for (uint32_t i = 1; i < p->bufs.n; i++) {
		const AxcBuf *b = &p->bufs.at[i];
		if (b->space != AXC_SPACE_WS || b->first < 0)
			continue;
		delta[b->first] += (int64_t)axc_plan_room(b);
		delta[b->last + 1] -= (int64_t)axc_plan_room(b);
	}
	for (uint32_t s = 0; s < p->steps.n; s++) {
		now += delta[s];
		if (now > most) {
			most = now;
			*ret_step = (int)s;
		}
	}
	return (size_t)most;
}

/* ---- greedy by size ---- */

static _Thread_local const AxcProgram *sort_program;

static int by_size(const void *a, const void *b)
{
	const AxcBuf *x = &sort_program->bufs.at[*(const uint32_t *)a];
	const AxcBuf *y = &sort_program->bufs.at[*(const uint32_t *)b];
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int by_first(const void *a, const void *b)
{
	const AxcBuf *x = &sort_program->bufs.at[*(const uint32_t *)a];
	const AxcBuf *y = &sort_program->bufs.at[*(const uint32_t *)b];
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x < y ? -1 : x > y;
}

static size_t greedy(const AxcProgram *p, const uint32_t *order, uint32_t n, size_t *offset)
{
	uint32_t *placed = AXC_NEW_ARRAY(p->arena, uint32_t, n + 1), n_placed = 0; /* sorted by offset */
	size_t peak = 0;
	for (uint32_t i = 0; i < n; i++) {
		const AxcBuf *b = &p->bufs.at[order[i]];
		size_t at = 0, room = axc_plan_room(b);
		for (uint32_t k = 0; k < n_placed; k++) {
			const AxcBuf *o = &p->bufs.at[placed[k]];
			if (o->last < b->first || o->first > b->last)
				continue;
			if (offset[placed[k]] >= at + room)
				break;
			at = AXC_MAX(at, offset[placed[k]] + axc_plan_room(o));
		}
		offset[order[i]] = at;
		peak = AXC_MAX(peak, at + room);
		uint32_t k = n_placed++;
		for (; k > 0 && offset[placed[k - 1]] > at; k--)
			placed[k] = placed[k - 1];
		placed[k] = order[i];
	}
	return peak;
}

/* ---- linear scan ---- */

typedef struct Hole {
	size_t at, bytes;
} Hole;

typedef struct Holes {
	AxcArena *arena;
	AXC_ARRAY(Hole) list; /* sorted by offset, the last one reaches to the end of memory */
} Holes;

static size_t take_hole(Holes *h, size_t bytes)
{
	uint32_t best = h->list.n - 1;
	for (uint32_t i = 0; i < h->list.n; i++)
		if (h->list.at[i].bytes >= bytes && h->list.at[i].bytes < h->list.at[best].bytes)
			best = i;
	size_t at = h->list.at[best].at;
	h->list.at[best].at += bytes;
	h->list.at[best].bytes -= bytes;
	if (h->list.at[best].bytes == 0) {
		memmove(&h->list.at[best], &h->list.at[best + 1], (h->list.n - best - 1) * sizeof(Hole));
		h->list.n--;
	}
	return at;
}

static void give_hole(Holes *h, size_t at, size_t bytes)
{
	uint32_t i = 0;
	while (i < h->list.n && h->list.at[i].at < at)
		i++;
	AXC_PUSH(h->arena, &h->list, (Hole){0});
	memmove(&h->list.at[i + 1], &h->list.at[i], (h->list.n - 1 - i) * sizeof(Hole));
	h->list.at[i] = (Hole){at, bytes};
	if (i + 1 < h->list.n && at + bytes == h->list.at[i + 1].at) {
		h->list.at[i].bytes += h->list.at[i + 1].bytes;
		memmove(&h->list.at[i + 1], &h->list.at[i + 2], (h->list.n - i - 2) * sizeof(Hole));
		h->list.n--;
	}
	if (i > 0 && h->list.at[i - 1].at + h->list.at[i - 1].bytes == h->list.at[i].at) {
		h->list.at[i - 1].bytes += h->list.at[i].bytes;
		memmove(&h->list.at[i], &h->list.at[i + 1], (h->list.n - i - 1) * sizeof(Hole));
		h->list.n--;
	}
}

/* order: by first use. Buffers that end before a step are freed when it begins. */
static size_t linear_scan(const AxcProgram *p, const uint32_t *order, uint32_t n, size_t *offset)
{
	Holes h = {.arena = p->arena};
	uint32_t *ends = AXC_NEW_ARRAY(p->arena, uint32_t, p->bufs.n); /* next buffer ending at the same step */
	uint32_t *ending = AXC_NEW_ARRAY(p->arena, uint32_t, p->steps.n + 1);
	size_t peak = 0;
	uint32_t i = 0;
	AXC_PUSH(h.arena, &h.list, ((Hole){0, SIZE_MAX / 2}));
	for (uint32_t s = 0; s < p->steps.n; s++) {
		for (uint32_t b = s ? ending[s - 1] : 0; b; b = ends[b])
			give_hole(&h, offset[b], axc_plan_room(&p->bufs.at[b]));
		for (; i < n && p->bufs.at[order[i]].first == (int)s; i++) {
			const AxcBuf *b = &p->bufs.at[order[i]];
			offset[order[i]] = take_hole(&h, axc_plan_room(b));
			peak = AXC_MAX(peak, offset[order[i]] + axc_plan_room(b));
			ends[order[i]] = ending[b->last];
			ending[b->last] = order[i];
		}
	}
	return peak;
}

/* ---- constants ---- */

/* Constants in order of first use; equal contents share one place. */
static void place_consts(AxcProgram *p)
{
	AxcMap seen = {0};
	size_t at = 0;
	for (uint32_t i = 1; i < p->bufs.n; i++) {
		AxcBuf *b = &p->bufs.at[i];
		if (b->space != AXC_SPACE_CONST)
			continue;
		const char *key = axc_format(p->arena, "%zu-%016llx", b->bytes,
		                             (unsigned long long)axc_hash(b->data, b->bytes));
		uint32_t twin = axc_map_get(&seen, key);
		if (twin && memcmp(p->bufs.at[twin].data, b->data, b->bytes) == 0) {
			b->offset = p->bufs.at[twin].offset;
			continue;
		}
		b->offset = at;
		at += axc_plan_room(b);
		if (!twin)
			axc_map_put(&seen, p->arena, key, i);
	}
	p->const_bytes = at + AXK_SLACK;
}

static bool fits(AxcProgram *p, const AxcPlanConfig *config, AxcDiag *d)
{
	static const char *const names[] = {"ddr", "l2", "l1"};
	for (int pool = 0; pool < AXC_POOL_COUNT; pool++) {
		size_t budget = config->budget_bytes[pool];
		if (!budget || p->ws_bytes[pool] <= budget)
			continue;
		const AxcStep *s = &p->steps.at[p->peak_step];
		const AxcLayer *layer = &p->layers.at[s->layer];
		axc_fail_as(d, AXC_LOWER_MIDEND_ERROR,
		            "the workspace needs %zu bytes of %s but only %zu may be used: %zu too many; the peak is at %s",
		            p->ws_bytes[pool], names[pool], budget, p->ws_bytes[pool] - budget, layer->text);
		axc_diag_node(d, layer->node, NULL);
		return axc_diag_hint(d, "raise %s_constraint or choose a smaller input shape", names[pool]);
	}
	return true;
}

bool axc_plan(AxcProgram *p, const AxcPlanConfig *config, AxcDiag *d)
{
	uint32_t n = 0, *order = AXC_NEW_ARRAY(p->arena, uint32_t, p->bufs.n);
	liveness(p);
	for (uint32_t i = 1; i < p->bufs.n; i++)
		if (p->bufs.at[i].space == AXC_SPACE_WS && p->bufs.at[i].first >= 0)
			order[n++] = i;
	size_t *best = AXC_NEW_ARRAY(p->arena, size_t, p->bufs.n), *other = AXC_NEW_ARRAY(p->arena, size_t, p->bufs.n);
	sort_program = p;
	qsort(order, n, sizeof *order, by_first);
	size_t peak = linear_scan(p, order, n, best);
	if (n <= MAX_GREEDY_BUFS) {
		qsort(order, n, sizeof *order, by_size);
		size_t second = greedy(p, order, n, other);
		if (second < peak) {
			peak = second;
			best = other;
		}
	}
	for (uint32_t i = 0; i < n; i++)
		p->bufs.at[order[i]].offset = best[order[i]];
	p->ws_bytes[AXC_POOL_DDR] = peak + AXK_SLACK;
	(void)axc_plan_live_bytes(p, &p->peak_step);
	place_consts(p);
	return fits(p, config, d);
}
