/* The planner. Each pool on its own: several orders of the buffers are tried, the smallest plan wins.
 * By size, each buffer goes to the lowest offset where nothing alive at the same time lies (after Pisarchyk and
 * Lee, "Efficient memory management for deep neural net inference", 2020); a linear scan over the steps
 * with a sorted free list serves very long programs alone. Before that, buffers move to faster pools as far
 * as their budgets reach: the most used bytes first. */
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
	b->uses++;
}

static void liveness(AxcProgram *p)
{
	for (uint32_t i = 1; i < p->bufs.n; i++)
		p->bufs.at[i].first = p->bufs.at[i].last = -1, p->bufs.at[i].uses = 0;
	for (uint32_t s = 0; s < p->steps.n; s++) {
		const AxcStep *step = &p->steps.at[s];
		for (uint32_t k = 0; k < step->n_args; k++)
			touch(p, step->arg[k].buf, (int)s);
		touch(p, step->scratch, (int)s);
	}
}

/* pools: bit per pool that counts. */
static size_t live_bytes(const AxcProgram *p, unsigned pools, int *ret_step)
{
	int64_t *delta = AXC_NEW_ARRAY(p->arena, int64_t, p->steps.n + 1);
	int64_t now = 0, most = 0;
	*ret_step = 0;
	for (uint32_t i = 1; i < p->bufs.n; i++) {
		const AxcBuf *b = &p->bufs.at[i];
		if (b->space != AXC_SPACE_WS || b->first < 0 || !(pools & 1u << b->pool))
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

size_t axc_plan_live_bytes(const AxcProgram *p, int *ret_step)
{
	return live_bytes(p, ~0u, ret_step);
}

/* ---- orders ---- */

static _Thread_local const AxcProgram *sort_program;

typedef int Compare(const AxcBuf *x, const AxcBuf *y);

static int duration(const AxcBuf *b)
{
	return b->last - b->first + 1;
}

static int descending(double x, double y)
{
	return x < y ? 1 : x > y ? -1 : 0;
}

static int by_first(const AxcBuf *x, const AxcBuf *y)
{
	return x->first - y->first;
}

static int by_size(const AxcBuf *x, const AxcBuf *y)
{
	int c = descending((double)x->bytes, (double)y->bytes);
	return c ? c : x->first - y->first;
}

static int by_area(const AxcBuf *x, const AxcBuf *y)
{
	return descending((double)x->bytes * duration(x), (double)y->bytes * duration(y));
}

static int by_duration(const AxcBuf *x, const AxcBuf *y)
{
	int c = duration(y) - duration(x);
	return c ? c : by_size(x, y);
}

static int by_size_of_last(const AxcBuf *x, const AxcBuf *y)
{
	int c = descending((double)x->bytes, (double)y->bytes);
	return c ? c : y->last - x->last;
}

/* Uses per byte: what a fast pool is for. */
static int by_heat(const AxcBuf *x, const AxcBuf *y)
{
	return descending((double)x->uses / (double)(x->bytes + 1), (double)y->uses / (double)(y->bytes + 1));
}

static _Thread_local Compare *sort_compare;

static int compare_ids(const void *a, const void *b)
{
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	int c = sort_compare(&sort_program->bufs.at[i], &sort_program->bufs.at[j]);
	return c ? c : i < j ? -1 : i > j;
}

static void sort(const AxcProgram *p, uint32_t *order, uint32_t n, Compare *compare)
{
	sort_program = p;
	sort_compare = compare;
	qsort(order, n, sizeof *order, compare_ids);
}

/* ---- lowest gap ---- */

typedef struct Placed { /* sorted by offset */
	uint32_t *at, n;
} Placed;

static size_t lowest_gap(const AxcProgram *p, const Placed *placed, const size_t *offset, const AxcBuf *b)
{
	size_t at = 0, room = axc_plan_room(b);
	for (uint32_t k = 0; k < placed->n; k++) {
		const AxcBuf *o = &p->bufs.at[placed->at[k]];
		if (o->last < b->first || o->first > b->last)
			continue;
		if (offset[placed->at[k]] >= at + room)
			break;
		at = AXC_MAX(at, offset[placed->at[k]] + axc_plan_room(o));
	}
	return at;
}

static void place(Placed *placed, size_t *offset, uint32_t buf, size_t at)
{
	uint32_t k = placed->n++;
	offset[buf] = at;
	for (; k > 0 && offset[placed->at[k - 1]] > at; k--)
		placed->at[k] = placed->at[k - 1];
	placed->at[k] = buf;
}

static size_t greedy(const AxcProgram *p, const uint32_t *order, uint32_t n, size_t *offset)
{
	Placed placed = {AXC_NEW_ARRAY(p->arena, uint32_t, n + 1), 0};
	size_t peak = 0;
	for (uint32_t i = 0; i < n; i++) {
		const AxcBuf *b = &p->bufs.at[order[i]];
		size_t at = lowest_gap(p, &placed, offset, b);
		place(&placed, offset, order[i], at);
		peak = AXC_MAX(peak, at + axc_plan_room(b));
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

/* ---- pools ---- */

/* Every live workspace buffer into its first pool; buffers that a step of in[] or out[] touches are I/O. */
static void choose_homes(AxcProgram *p, const AxcPlanConfig *config)
{
	for (uint32_t i = 1; i < p->bufs.n; i++)
		p->bufs.at[i].pool = config->workspace_home;
	for (uint32_t s = 0; s < p->steps.n; s++) {
		const AxcStep *step = &p->steps.at[s];
		bool io = false;
		for (uint32_t k = 0; k < step->n_args; k++) {
			AxcSpace space = p->bufs.at[step->arg[k].buf].space;
			io = io || space == AXC_SPACE_IN || space == AXC_SPACE_OUT;
		}
		for (uint32_t k = 0; k < step->n_args && io; k++)
			p->bufs.at[step->arg[k].buf].pool = config->io_home;
	}
}

static uint32_t in_pool(const AxcProgram *p, AxcPool pool, uint32_t *order)
{
	uint32_t n = 0;
	for (uint32_t i = 1; i < p->bufs.n; i++)
		if (p->bufs.at[i].space == AXC_SPACE_WS && p->bufs.at[i].first >= 0 && p->bufs.at[i].pool == pool)
			order[n++] = i;
	return n;
}

/* Moves buffers of slower pools into `pool` while its budget has room for them beside what lives there. False:
 * none was moved, and nothing is placed. */
static bool promote_into(AxcProgram *p, AxcPool pool, size_t budget, Compare *first)
{
	bool moved = false;
	uint32_t *order = AXC_NEW_ARRAY(p->arena, uint32_t, p->bufs.n);
	size_t *offset = AXC_NEW_ARRAY(p->arena, size_t, p->bufs.n);
	Placed placed = {AXC_NEW_ARRAY(p->arena, uint32_t, p->bufs.n), 0};
	uint32_t n = in_pool(p, pool, order);
	sort(p, order, n, by_size);
	for (uint32_t i = 0; i < n; i++)
		place(&placed, offset, order[i], lowest_gap(p, &placed, offset, &p->bufs.at[order[i]]));
	for (uint32_t i = 0; i < n; i++) /* no room at all: other orders may need less */
		if (offset[order[i]] + axc_plan_room(&p->bufs.at[order[i]]) + AXK_SLACK > budget)
			return false;
	n = 0;
	for (AxcPool slower = AXC_POOL_DDR; slower < pool; slower++)
		n += in_pool(p, slower, order + n);
	sort(p, order, n, first);
	for (uint32_t i = 0; i < n; i++) {
		AxcBuf *b = &p->bufs.at[order[i]];
		size_t at = lowest_gap(p, &placed, offset, b);
		if (at + axc_plan_room(b) + AXK_SLACK > budget)
			continue;
		place(&placed, offset, order[i], at);
		b->pool = pool;
		moved = true;
	}
	/* the order that made them fit is kept: offsets of this pool are final */
	for (uint32_t k = 0; k < placed.n && moved; k++) {
		AxcBuf *b = &p->bufs.at[placed.at[k]];
		b->offset = offset[placed.at[k]];
		p->ws_bytes[pool] = AXC_MAX(p->ws_bytes[pool], b->offset + axc_plan_room(b) + AXK_SLACK);
	}
	return moved;
}

static void plan_pool(AxcProgram *p, AxcPool pool, int attempts)
{
	static Compare *const orders[] = {by_size, by_area, by_size_of_last, by_duration};
	uint32_t *order = AXC_NEW_ARRAY(p->arena, uint32_t, p->bufs.n), n = in_pool(p, pool, order);
	size_t *best = AXC_NEW_ARRAY(p->arena, size_t, p->bufs.n), *next = AXC_NEW_ARRAY(p->arena, size_t, p->bufs.n);
	p->ws_bytes[pool] = 0;
	if (!n)
		return;
	sort(p, order, n, by_first);
	size_t peak = linear_scan(p, order, n, best);
	for (size_t k = 0; k < AXC_COUNT(orders) && (int)k + 1 < attempts && n <= MAX_GREEDY_BUFS; k++) {
		sort(p, order, n, orders[k]);
		size_t other = greedy(p, order, n, next);
		if (other < peak) {
			size_t *t = best;
			best = next;
			next = t;
			peak = other;
		}
	}
	for (uint32_t i = 0; i < n; i++)
		p->bufs.at[order[i]].offset = best[order[i]];
	p->ws_bytes[pool] = peak + AXK_SLACK;
}

static size_t workspaces(const AxcPlanConfig *config)
{
	return config->workspaces > 1 ? (size_t)config->workspaces : 1;
}

static size_t consts_in(const AxcProgram *p, const AxcPlanConfig *config, int pool)
{
	return (AxcPool)pool == config->const_home ? p->const_bytes : 0;
}

/* The pool that needs more than its budget; AXC_POOL_COUNT: none. */
static int too_small(const AxcProgram *p, const AxcPlanConfig *config)
{
	int pool = 0;
	while (pool < AXC_POOL_COUNT && (!config->budget_bytes[pool] ||
	                                 p->ws_bytes[pool] * workspaces(config) + consts_in(p, config, pool) <=
	                                         config->budget_bytes[pool]))
		pool++;
	return pool;
}

static bool refuse(const AxcProgram *p, const AxcPlanConfig *config, int pool, AxcDiag *d)
{
	static const char *const names[] = {"ddr", "l2", "l1"};
	static const char *const others[] = {"global.l2", "global.ddr", "global.ddr"};
	size_t budget = config->budget_bytes[pool], consts = consts_in(p, config, pool);
	size_t need = p->ws_bytes[pool] * workspaces(config) + consts;
	int peak;
	if (!live_bytes(p, 1u << pool, &peak))
		peak = p->peak_step;
	const AxcLayer *layer = &p->layers.at[p->steps.at[peak].layer];
	const char *name = config->budget_name[pool], *part = config->budget_part;
	const char *raise = axc_format(d->arena, "raise %s%s%s", name ? name : axc_format(d->arena, "%s_constraint", names[pool]),
	                               part ? " or " : "", part ? part : "");
	bool only_consts = consts + AXK_SLACK > budget;
	bool only_io = pool == (int)config->io_home && config->workspace_home != config->io_home;
	axc_fail_as(d, AXC_LOWER_MIDEND_ERROR,
	            "the network needs %zu bytes of %s (workspace %zu, constants %zu) but only %zu may be used: %zu too many%s; "
	            "the workspace is fullest at %s",
	            need, names[pool], need - consts, consts, budget, need - budget,
	            only_consts ? " (the constants alone are more)" : "", layer->text);
	if (layer->node && *layer->node)
		axc_diag_node(d, layer->node, axc_strndup(d->arena, layer->text, strcspn(layer->text, " ")));
	axc_diag_shapes(d, axc_format(d->arena, "%zu bytes", need), axc_format(d->arena, "at most %zu bytes", budget));
	if (only_consts)
		return axc_diag_hint(d, "%s, or set constant_memory_pool=%s", raise, others[pool]);
	if (workspaces(config) > 1)
		return axc_diag_hint(d, "%s, or use fewer cores: each of the %d has a workspace of its own (only "
		                     "multicore_mode=cooperative shares one)", raise, config->workspaces);
	if (only_io)
		return axc_diag_hint(d, "%s, or set io_memory_pool=%s", raise, others[pool]);
	return axc_diag_hint(d, config->tiled ? "%s, or choose a smaller input shape"
	                                      : "%s, set tiling_depth=6, or choose a smaller input shape", raise);
}

/* Homes, promotion in the given order, then every pool that has no final offsets yet. */
static void plan_pools(AxcProgram *p, const AxcPlanConfig *config, Compare *first)
{
	bool fixed[AXC_POOL_COUNT] = {false};
	choose_homes(p, config);
	memset(p->ws_bytes, 0, sizeof p->ws_bytes);
	for (int pool = AXC_POOL_COUNT - 1; pool > AXC_POOL_DDR && config->promote; pool--) {
		size_t budget = config->budget_bytes[pool], consts = consts_in(p, config, pool);
		if (budget > consts)
			fixed[pool] = promote_into(p, (AxcPool)pool, (budget - consts) / workspaces(config), first);
	}
	for (int pool = 0; pool < AXC_POOL_COUNT; pool++)
		if (!fixed[pool])
			plan_pool(p, (AxcPool)pool, config->attempts);
}

/* The most used bytes move to the fast pools first, unless a slower pool fits only when the largest do. */
bool axc_plan(AxcProgram *p, const AxcPlanConfig *config, AxcDiag *d)
{
	static Compare *const promotions[] = {by_heat, by_size};
	liveness(p);
	place_consts(p);
	plan_pools(p, config, promotions[0]);
	int pool = too_small(p, config);
	if (pool < AXC_POOL_COUNT && config->promote) {
		plan_pools(p, config, promotions[1]);
		pool = too_small(p, config);
	}
	(void)axc_plan_live_bytes(p, &p->peak_step);
	return pool == AXC_POOL_COUNT || refuse(p, config, pool, d);
}
