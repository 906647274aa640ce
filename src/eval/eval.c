/* The interpreter: a plan made once (buffers by liveness, kernel calls with packed constants), run
 * once per sample. The plan is read-only after it is made, so worker threads share it and own only
 * their block of memory.
 *
 * Packed constants double the memory of the weights, so there is a budget for them: once it is used up, a node
 * with large ones has them packed for each run, and given back. The pages of a mapped file that large constants
 * were packed from go back at once. */
#include "eval/eval.h"
#include "eval/quantize.h"

#define PACKED_BUDGET ((size_t)512 << 20)  /* of all nodes */
#define LARGE_PACKED ((size_t)32 << 20)    /* of one */

typedef struct Step {
	AxcId node;
	bool late; /* calls and constants are made for each run */
	enum { STEP_CALLS, STEP_I8, STEP_QUANTIZE, STEP_DEQUANTIZE } kind;
	uint32_t n_calls;
	const AxcCall *calls;
	const void *const *consts; /* of the calls */
	const size_t *temps;       /* offsets in the block */
} Step;

typedef struct Plan {
	const AxcGraph *g;
	bool keep_all;
	uint32_t n_steps;
	Step *steps;
	size_t *offset;     /* by value: in the block; SIZE_MAX: none */
	bool *from_file;    /* by value: large constants in a mapped file */
	const void **fixed; /* by value: constants, 64-byte aligned with slack where a kernel reads
			       them */
	size_t block_bytes, scratch_bytes, packed_bytes;
	unsigned isa;
} Plan;

struct AxcEval {
	const Plan *plan;
	char *block, *scratch;
};

/* ---- memory by liveness: best fit among the holes of a growing block ---- */

typedef struct Hole {
	size_t at, bytes;
} Hole;

typedef struct Holes {
	AxcArena *arena;
	AXC_ARRAY(Hole) list; /* by address, never touching */
	size_t end;
} Holes;

static size_t room_for(size_t bytes)
{
	return axc_align_up(bytes + AXK_SLACK, AXK_ALIGN);
}

static size_t take(Holes *h, size_t bytes)
{
	uint32_t best = UINT32_MAX;
	for (uint32_t i = 0; i < h->list.n; i++)
		if (h->list.at[i].bytes >= bytes &&
		    (best == UINT32_MAX || h->list.at[i].bytes < h->list.at[best].bytes))
			best = i;
	if (best == UINT32_MAX) {
		size_t at = h->end;
		if (h->list.n &&
		    h->list.at[h->list.n - 1].at + h->list.at[h->list.n - 1].bytes == at)
			at = h->list.at[--h->list.n].at;
		h->end = at + bytes;
		return at;
	}
	Hole *hole = &h->list.at[best];
	size_t at = hole->at;
	hole->at += bytes;
	hole->bytes -= bytes;
	if (!hole->bytes) {
		memmove(hole, hole + 1, (h->list.n - best - 1) * sizeof *hole);
		h->list.n--;
	}
	return at;
}

static void give_back(Holes *h, size_t at, size_t bytes)
{
	uint32_t i = h->list.n;
	AXC_PUSH(h->arena, &h->list, ((Hole){at, bytes}));
	for (; i && h->list.at[i - 1].at > at; i--)
		h->list.at[i] = h->list.at[i - 1];
	h->list.at[i] = (Hole){at, bytes};
	for (uint32_t k = i ? i - 1 : 0; k <= i && k + 1 < h->list.n;) {
		Hole *a = &h->list.at[k];
		if (a->at + a->bytes != a[1].at) {
			k++;
			continue;
		}
		a->bytes += a[1].bytes;
		memmove(a + 1, a + 2, (h->list.n - k - 2) * sizeof *a);
		h->list.n--;
		i = k;
	}
}

/* ---- the plan ---- */

static size_t value_bytes(const AxcValue *v)
{
	return (size_t)axc_shape_count(&v->shape) * axc_dtype_bytes(v->dtype);
}

static bool is_quantized(const AxcGraph *g, AxcId v)
{
	return v && g->values.at[v].dtype == AXC_I8 && g->values.at[v].q.n > 0;
}

static bool touches_int8(const AxcGraph *g, const AxcNode *n)
{
	for (uint32_t i = 0; i < n->n_in; i++)
		if (is_quantized(g, n->in[i]))
			return true;
	for (uint32_t i = 0; i < n->n_out; i++)
		if (is_quantized(g, n->out[i]))
			return true;
	return false;
}

/* Kernels may read a little past their buffers, so a constant they read gets a copy with room
 * behind. */
static void fix_constants(const Plan *p, const void **fixed, AxcArena *arena, const AxcNode *n, uint32_t n_calls,
			  const AxcCall *calls)
{
	for (uint32_t c = 0; c < n_calls; c++) {
		for (uint32_t k = 0; k < calls[c].n_buf; k++) {
			AxcRef ref = calls[c].buf[k];
			if (ref.kind != AXC_REF_IN || ref.index >= n->n_in || !n->in[ref.index])
				continue;
			const AxcValue *v = &p->g->values.at[n->in[ref.index]];
			if (!v->data || fixed[n->in[ref.index]] != v->data)
				continue;
			void *copy = axc_alloc(arena, room_for(v->data_bytes));
			if (v->data_bytes)
				memcpy(copy, v->data, v->data_bytes);
			fixed[n->in[ref.index]] = copy;
		}
	}
}

/* About what packing or copying a node's constants takes. */
static size_t constant_bytes(const AxcGraph *g, const AxcNode *n)
{
	size_t bytes = 0;
	for (uint32_t i = 0; i < n->n_in; i++)
		bytes += n->in[i] && g->values.at[n->in[i]].data ? g->values.at[n->in[i]].data_bytes : 0;
	return bytes;
}

/* The node's constants were packed. */
static void drop_pages(const Plan *p, const AxcNode *n)
{
	for (uint32_t i = 0; i < n->n_in; i++)
		if (p->from_file[n->in[i]])
			axc_map_drop(p->g->values.at[n->in[i]].data, p->g->values.at[n->in[i]].data_bytes);
}

static bool no_kernel(AxcDiag *d, const AxcNode *n)
{
	axc_fail(d, "operator %s has no float or integer kernel and did not fold away", n->op_type);
	return axc_diag_node(d, n->name, n->op_type);
}

/* Kernel calls of one node; temps get their sizes only, the planner places them. */
static bool plan_step(Plan *p, AxcArena *arena, AxcDiag *d, unsigned isa, AxcId id, Step *s,
		      AxcBuild *b)
{
	const AxcNode *n = &p->g->nodes.at[id];
	*s = (Step){.node = id};
	*b = (AxcBuild){.arena = arena, .d = d, .isa = isa};
	bool int8 = touches_int8(p->g, n);
	if (int8 && n->n_in == 1 && strcmp(n->op_type, "QuantizeLinear") == 0) {
		s->kind = STEP_QUANTIZE;
		return true;
	}
	if (int8 && n->n_in == 1 && strcmp(n->op_type, "DequantizeLinear") == 0) {
		s->kind = STEP_DEQUANTIZE;
		return true;
	}
	if (int8 && n->op && n->op->eval_i8) {
		s->kind = STEP_I8;
		return true;
	}
	if (!n->op || !n->op->build)
		return no_kernel(d, n);
	s->kind = STEP_CALLS;
	size_t packed = constant_bytes(p->g, n);
	s->late = packed >= LARGE_PACKED && p->packed_bytes + packed > PACKED_BUDGET;
	if (s->late)
		b->arena = axc_arena_child(arena);
	else
		p->packed_bytes += packed;
	if (!n->op->build(p->g, n, b))
		return axc_diag_node(d, n->name, n->op_type);
	drop_pages(p, n);
	s->n_calls = b->calls.n;
	s->calls = b->calls.at;
	s->consts = b->consts.at;
	for (uint32_t c = 0; c < s->n_calls; c++) {
		const AxcCall *call = &s->calls[c];
		size_t bytes =
			call->kernel->scratch_bytes ? call->kernel->scratch_bytes(call->params) : 0;
		p->scratch_bytes = AXC_MAX(p->scratch_bytes, bytes);
	}
	if (s->late) { /* only what the planner must know stays */
		b->temps.at = axc_memdup(arena, b->temps.at, b->temps.n * sizeof *b->temps.at);
		axc_arena_child_free(b->arena);
		return true;
	}
	fix_constants(p, p->fixed, arena, n, s->n_calls, s->calls);
	return true;
}

/* Which step reads each value last; graph outputs are never given back. */
static uint32_t *last_uses(const AxcGraph *g, AxcArena *arena, const Step *steps, uint32_t n_steps)
{
	uint32_t *last = AXC_NEW_ARRAY(arena, uint32_t, g->values.n);
	for (uint32_t s = 0; s < n_steps; s++) {
		const AxcNode *n = &g->nodes.at[steps[s].node];
		for (uint32_t i = 0; i < n->n_in; i++)
			last[n->in[i]] = s;
		for (uint32_t i = 0; i < n->n_out; i++)
			last[n->out[i]] = s;
	}
	for (uint32_t i = 0; i < g->outputs.n; i++)
		last[g->outputs.at[i]] = UINT32_MAX;
	return last;
}

static void give_back_value(Plan *p, Holes *h, uint32_t *last, AxcId v, uint32_t step)
{
	if (!v || p->offset[v] == SIZE_MAX || last[v] != step || p->keep_all)
		return;
	give_back(h, p->offset[v], room_for(value_bytes(&p->g->values.at[v])));
	last[v] = UINT32_MAX; /* once */
}

static void place_temps(Step *s, Holes *h, AxcArena *arena, const AxcBuild *b)
{
	size_t *at = AXC_NEW_ARRAY(arena, size_t, b->temps.n);
	for (uint32_t i = 0; i < b->temps.n; i++)
		at[i] = take(h, room_for(b->temps.at[i]));
	for (uint32_t i = 0; i < b->temps.n; i++)
		give_back(h, at[i], room_for(b->temps.at[i]));
	s->temps = at;
}

static void place(Plan *p, AxcArena *arena, AxcBuild *builds)
{
	const AxcGraph *g = p->g;
	Holes holes = {.arena = arena};
	uint32_t *last = last_uses(g, arena, p->steps, p->n_steps);
	for (uint32_t i = 0; i < g->inputs.n; i++) {
		AxcId v = g->inputs.at[i];
		p->offset[v] = take(&holes, room_for(value_bytes(&g->values.at[v])));
	}
	for (uint32_t s = 0; s < p->n_steps; s++) {
		const AxcNode *n = &g->nodes.at[p->steps[s].node];
		for (uint32_t i = 0; i < n->n_out; i++)
			if (n->out[i])
				p->offset[n->out[i]] = take(
					&holes, room_for(value_bytes(&g->values.at[n->out[i]])));
		place_temps(&p->steps[s], &holes, arena, &builds[s]);
		for (uint32_t i = 0; i < n->n_in; i++)
			give_back_value(p, &holes, last, n->in[i], s);
		for (uint32_t i = 0; i < n->n_out; i++)
			give_back_value(p, &holes, last, n->out[i], s);
	}
	p->block_bytes = holes.end;
}

static bool check_value(AxcDiag *d, const AxcNode *n, const AxcValue *v)
{
	if (v->dtype != AXC_DT_NONE && axc_shape_static(&v->shape) &&
	    axc_shape_count(&v->shape) <= INT32_MAX)
		return true;
	axc_fail(d, "value %s has no known type and size (%s, %s)", v->name,
		 axc_dtype_name(v->dtype), axc_shape_text(d->arena, &v->shape));
	return n ? axc_diag_node(d, n->name, n->op_type) : false;
}

static bool check_shapes(const AxcGraph *g, AxcDiag *d)
{
	for (uint32_t i = 0; i < g->inputs.n; i++)
		if (!check_value(d, NULL, &g->values.at[g->inputs.at[i]]))
			return false;
	for (AxcId k = 1; k < g->nodes.n; k++) {
		const AxcNode *n = &g->nodes.at[k];
		for (uint32_t i = 0; i < n->n_out && !n->dead; i++)
			if (n->out[i] && !check_value(d, n, &g->values.at[n->out[i]]))
				return false;
	}
	return true;
}

static bool make_plan(AxcArena *arena, AxcDiag *d, const AxcGraph *g, unsigned isa, bool keep_all,
		      Plan **ret)
{
	Plan *p = AXC_NEW(arena, Plan);
	*p = (Plan){.g = g, .keep_all = keep_all, .isa = isa};
	if (!check_shapes(g, d))
		return false;
	p->offset = AXC_NEW_ARRAY(arena, size_t, g->values.n);
	p->fixed = AXC_NEW_ARRAY(arena, const void *, g->values.n);
	p->from_file = AXC_NEW_ARRAY(arena, bool, g->values.n);
	for (AxcId v = 0; v < g->values.n; v++) {
		const AxcValue *value = &g->values.at[v];
		p->offset[v] = SIZE_MAX;
		p->fixed[v] = value->data;
		p->from_file[v] = v && value->data && value->data_bytes >= LARGE_PACKED &&
				  axc_map_has(g->arena, value->data, value->data_bytes);
	}
	p->steps = AXC_NEW_ARRAY(arena, Step, g->nodes.n);
	AxcBuild *builds = AXC_NEW_ARRAY(arena, AxcBuild, g->nodes.n);
	for (AxcId i = 1; i < g->nodes.n; i++) {
		if (g->nodes.at[i].dead)
			continue;
		if (!plan_step(p, arena, d, isa, i, &p->steps[p->n_steps], &builds[p->n_steps]))
			return false;
		p->n_steps++;
	}
	place(p, arena, builds);
	*ret = p;
	return true;
}

bool axc_eval_new(AxcArena *arena, AxcDiag *d, const AxcGraph *g, unsigned isa, bool keep_all,
		  const AxcEval *share, AxcEval **ret_eval)
{
	AxcEval *ev = AXC_NEW(arena, AxcEval);
	Plan *p = NULL;
	if (share && share->plan->g == g && share->plan->keep_all == keep_all)
		ev->plan = share->plan;
	else if (make_plan(arena, d, g, isa, keep_all, &p))
		ev->plan = p;
	else
		return false;
	ev->block = axc_alloc(arena, AXC_MAX(ev->plan->block_bytes, (size_t)AXK_ALIGN));
	ev->scratch = axc_alloc(arena, room_for(ev->plan->scratch_bytes));
	*ret_eval = ev;
	return true;
}

/* ---- the run ---- */

static void *data_of(const AxcEval *ev, AxcId v)
{
	const Plan *p = ev->plan;
	if (!v)
		return NULL;
	if (p->offset[v] != SIZE_MAX)
		return ev->block + p->offset[v];
	return (void *)(uintptr_t)p->fixed[v];
}

/* A step with everything to run it: its own, or made for this run. */
typedef struct Calls {
	const Step *s;
	const AxcNode *n;
	uint32_t n_calls;
	const AxcCall *calls;
	const void *const *consts;
	const void *const *fixed; /* by value */
} Calls;

static char *resolve(const AxcEval *ev, const Calls *r, AxcRef ref)
{
	const AxcNode *n = r->n;
	switch (ref.kind) {
	case AXC_REF_NONE:
		break;
	case AXC_REF_IN:
		if (ref.index < n->n_in && n->in[ref.index] && ev->plan->offset[n->in[ref.index]] == SIZE_MAX)
			return (char *)(uintptr_t)r->fixed[n->in[ref.index]];
		return ref.index < n->n_in ? data_of(ev, n->in[ref.index]) : NULL;
	case AXC_REF_OUT:
		return ref.index < n->n_out ? data_of(ev, n->out[ref.index]) : NULL;
	case AXC_REF_CONST:
		return (char *)(uintptr_t)r->consts[ref.index];
	case AXC_REF_TEMP:
		return ev->block + r->s->temps[ref.index];
	}
	return NULL;
}

static void run_calls(const AxcEval *ev, const Calls *r)
{
	for (uint32_t c = 0; c < r->n_calls; c++) {
		const AxcCall *call = &r->calls[c];
		void *buf[AXK_MAX_BUFS] = {0};
		for (uint32_t k = 0; k < call->n_buf && k < AXK_MAX_BUFS; k++) {
			char *at = resolve(ev, r, call->buf[k]);
			buf[k] = at ? at + call->buf[k].offset : NULL;
		}
		axk_run_fn(call->kernel)(call->params, buf, ev->scratch, 0, call->units);
	}
}

static bool run_late(const AxcEval *ev, const Step *s, const AxcNode *n, AxcDiag *d)
{
	const Plan *p = ev->plan;
	AxcArena *own = axc_arena_child(d->arena);
	AxcBuild b = {.arena = own, .d = d, .isa = p->isa};
	bool ok = n->op->build(p->g, n, &b);
	drop_pages(p, n);
	if (ok) {
		const void **fixed = axc_memdup(own, p->fixed, p->g->values.n * sizeof *p->fixed);
		fix_constants(p, fixed, own, n, b.calls.n, b.calls.at);
		run_calls(ev, &(Calls){s, n, b.calls.n, b.calls.at, b.consts.at, fixed});
	}
	axc_arena_child_free(own);
	return ok || axc_diag_node(d, n->name, n->op_type);
}

static AxcTensor tensor_of(const AxcEval *ev, AxcId v)
{
	const AxcValue *val = &ev->plan->g->values.at[v];
	return (AxcTensor){
		.dtype = val->dtype, .shape = val->shape, .q = val->q, .data = data_of(ev, v)};
}

enum { FEW = 16 };

static bool run_i8(const AxcEval *ev, const AxcNode *n, AxcDiag *d)
{
	AxcTensor few[2 * FEW], *t = few;
	AxcTensor *few_p[2 * FEW], **p = few_p;
	uint32_t total = n->n_in + n->n_out;
	if (total > 2 * FEW) {
		t = AXC_NEW_ARRAY(d->arena, AxcTensor, total);
		p = AXC_NEW_ARRAY(d->arena, AxcTensor *, total);
	}
	for (uint32_t i = 0; i < total; i++) {
		AxcId v = i < n->n_in ? n->in[i] : n->out[i - n->n_in];
		t[i] = v ? tensor_of(ev, v) : (AxcTensor){0};
		p[i] = v ? &t[i] : NULL;
	}
	if (n->op->eval_i8(ev->plan->g, n, (const AxcTensor *const *)p, p + n->n_in, d))
		return true;
	return axc_diag_node(d, n->name, n->op_type);
}

static bool run_step(const AxcEval *ev, const Step *s, AxcDiag *d)
{
	const AxcNode *n = &ev->plan->g->nodes.at[s->node];
	switch (s->kind) {
	case STEP_CALLS:
		if (s->late)
			return run_late(ev, s, n, d);
		run_calls(ev, &(Calls){s, n, s->n_calls, s->calls, s->consts, ev->plan->fixed});
		return true;
	case STEP_I8:
		return run_i8(ev, n, d);
	case STEP_QUANTIZE: {
		AxcTensor in = tensor_of(ev, n->in[0]), out = tensor_of(ev, n->out[0]);
		axc_eval_quantize(&in, &out);
		return true;
	}
	case STEP_DEQUANTIZE: {
		AxcTensor in = tensor_of(ev, n->in[0]), out = tensor_of(ev, n->out[0]);
		axc_eval_dequantize(&in, &out);
		return true;
	}
	}
	return true;
}

void axc_eval_begin(AxcEval *ev, const void *const *inputs)
{
	const AxcGraph *g = ev->plan->g;
	for (uint32_t i = 0; i < g->inputs.n; i++) {
		AxcId v = g->inputs.at[i];
		size_t bytes = value_bytes(&g->values.at[v]);
		if (bytes)
			memcpy(data_of(ev, v), inputs[i], bytes);
	}
}

uint32_t axc_eval_steps(const AxcEval *ev)
{
	return ev->plan->n_steps;
}

AxcId axc_eval_step_node(const AxcEval *ev, uint32_t step)
{
	return ev->plan->steps[step].node;
}

bool axc_eval_step(AxcEval *ev, AxcDiag *d, uint32_t step)
{
	return run_step(ev, &ev->plan->steps[step], d);
}

bool axc_eval_run(AxcEval *ev, AxcDiag *d, const void *const *inputs,
		  void (*observe)(void *ctx, AxcId value, const void *data), void *ctx)
{
	const AxcGraph *g = ev->plan->g;
	axc_eval_begin(ev, inputs);
	for (uint32_t i = 0; i < g->inputs.n && observe; i++)
		observe(ctx, g->inputs.at[i], data_of(ev, g->inputs.at[i]));
	for (uint32_t s = 0; s < ev->plan->n_steps; s++) {
		const AxcNode *n = &g->nodes.at[ev->plan->steps[s].node];
		if (!run_step(ev, &ev->plan->steps[s], d))
			return false;
		for (uint32_t i = 0; i < n->n_out && observe; i++)
			if (n->out[i])
				observe(ctx, n->out[i], data_of(ev, n->out[i]));
	}
	return true;
}

const void *axc_eval_data(const AxcEval *ev, AxcId value)
{
	return data_of(ev, value);
}
