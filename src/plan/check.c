/* Proves a plan, from the steps alone and without the planner's code: walks the steps with a list of
 * the byte ranges that hold live data, and complains when a step writes into one that is still needed. */
#include "plan/plan.h"

typedef struct Span {
	size_t begin, end;
	uint32_t buf;
	int last;
} Span;


static bool enter(const AxcProgram *p, Span *spans, uint32_t *n, uint32_t buf, int step, const int *cache, AxcDiag *d)
{
	const AxcBuf *b = &p->bufs.at[buf];
	if (b->offset % AXK_ALIGN)
		return axc_fail(d, "plan: buffer '%s' is not aligned", b->name);
	if (b->offset + b->bytes + AXK_SLACK > p->ws_bytes[b->pool])
		return axc_fail(d, "plan: buffer '%s' lies outside its pool", b->name);
	for (uint32_t i = 0; i < *n; i++)
		if (spans[i].begin < b->offset + b->bytes && b->offset < spans[i].end &&
		    p->bufs.at[spans[i].buf].pool == b->pool)
			return axc_fail(d, "plan: at step %d buffer '%s' overlaps live '%s'", step, b->name,
			                p->bufs.at[spans[i].buf].name);
	spans[(*n)++] = (Span){b->offset, b->offset + b->bytes, buf, cache[buf]};
	return true;
}

bool axc_plan_check(const AxcProgram *p, AxcDiag *d)
{
	int *last = AXC_NEW_ARRAY(p->arena, int, p->bufs.n);
	bool *live = AXC_NEW_ARRAY(p->arena, bool, p->bufs.n);
	Span *spans = AXC_NEW_ARRAY(p->arena, Span, p->bufs.n + 1);
	uint32_t n = 0;
	for (uint32_t s = 0; s < p->steps.n; s++) {
		for (uint32_t k = 0; k < p->steps.at[s].n_args; k++)
			last[p->steps.at[s].arg[k].buf] = (int)s;
		last[p->steps.at[s].scratch] = (int)s;
	}
	for (uint32_t s = 0; s < p->steps.n; s++) {
		const AxcStep *step = &p->steps.at[s];
		for (uint32_t k = 0; k <= step->n_args; k++) {
			uint32_t b = k < step->n_args ? step->arg[k].buf : step->scratch;
			if (!b || p->bufs.at[b].space != AXC_SPACE_WS || live[b])
				continue;
			if (!enter(p, spans, &n, b, (int)s, last, d))
				return false;
			live[b] = true;
		}
		for (uint32_t i = 0; i < n;) {
			if (spans[i].last > (int)s)
				i++;
			else
				spans[i] = spans[--n];
		}
	}
	return true;
}
