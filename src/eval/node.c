/* One node evaluated on its own, for constant folding: the same kernel calls as in a run, in a
 * throw-away arena; only the outputs stay. */
#include "eval/eval.h"

typedef struct Holder {
	AxcArena *arena;
} Holder;

/* The throw-away arena hangs on the graph's, so it goes even when the diagnostics run out of
 * memory. */
static void drop(void *holder)
{
	Holder *h = holder;
	axc_arena_free(h->arena);
	h->arena = NULL;
}

static size_t padded(size_t bytes)
{
	return axc_align_up(bytes + AXK_SLACK, AXK_ALIGN);
}

static const void *fixed_input(AxcArena *arena, const AxcGraph *g, AxcId v)
{
	if (!v)
		return NULL;
	const AxcValue *val = &g->values.at[v];
	void *copy = axc_alloc(arena, padded(val->data_bytes));
	if (val->data_bytes)
		memcpy(copy, val->data, val->data_bytes);
	return copy;
}

static void *resolve(const AxcBuild *b, AxcRef ref, const void *const *in, void *const *out,
		     void *const *temps)
{
	switch (ref.kind) {
	case AXC_REF_NONE:
		return NULL;
	case AXC_REF_IN:
		return (void *)(uintptr_t)in[ref.index];
	case AXC_REF_OUT:
		return out[ref.index];
	case AXC_REF_CONST:
		return (void *)(uintptr_t)b->consts.at[ref.index];
	case AXC_REF_TEMP:
		return temps[ref.index];
	}
	return NULL;
}

static bool run_node(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d,
		     void *const *out)
{
	AxcBuild b = {.arena = arena, .d = d, .isa = axk_cpu_isa()};
	if (!n->op->build(g, n, &b))
		return axc_diag_node(d, n->name, n->op_type);
	const void **in = AXC_NEW_ARRAY(arena, const void *, n->n_in);
	void **temps = AXC_NEW_ARRAY(arena, void *, b.temps.n);
	for (uint32_t i = 0; i < n->n_in; i++)
		in[i] = fixed_input(arena, g, n->in[i]);
	for (uint32_t i = 0; i < b.temps.n; i++)
		temps[i] = axc_alloc(arena, padded(b.temps.at[i]));
	for (uint32_t c = 0; c < b.calls.n; c++) {
		const AxcCall *call = &b.calls.at[c];
		size_t bytes =
			call->kernel->scratch_bytes ? call->kernel->scratch_bytes(call->params) : 0;
		void *buf[AXK_MAX_BUFS] = {0}, *scratch = axc_alloc(arena, padded(bytes));
		for (uint32_t k = 0; k < call->n_buf && k < AXK_MAX_BUFS; k++) {
			char *at = resolve(&b, call->buf[k], in, out, temps);
			buf[k] = at ? at + call->buf[k].offset : NULL;
		}
		axk_run_fn(call->kernel)(call->params, buf, scratch, 0, call->units);
	}
	return true;
}

bool axc_eval_node(AxcGraph *g, AxcId node, AxcDiag *d, const void **ret_outputs)
{
	const AxcNode *n = &g->nodes.at[node];
	if (!n->op || !n->op->build) {
		axc_fail(d, "operator %s has no kernel to fold it with", n->op_type);
		return axc_diag_node(d, n->name, n->op_type);
	}
	for (uint32_t i = 0; i < n->n_in; i++)
		if (n->in[i] && !axc_is_const(g, n->in[i])) {
			axc_fail(d, "input %u is not a constant", i);
			return axc_diag_node(d, n->name, n->op_type);
		}
	void **out = AXC_NEW_ARRAY(g->arena, void *, n->n_out);
	for (uint32_t i = 0; i < n->n_out; i++) {
		const AxcValue *v = &g->values.at[n->out[i]];
		if (n->out[i])
			out[i] = axc_alloc(g->arena, padded((size_t)axc_shape_count(&v->shape) *
							    axc_dtype_bytes(v->dtype)));
	}
	Holder *h = AXC_NEW(g->arena, Holder);
	axc_arena_defer(g->arena, drop, h);
	jmp_buf oom;
	if (setjmp(oom)) {
		drop(h);
		axc_out_of_memory(g->arena);
	}
	h->arena = axc_arena_new(&oom);
	if (!h->arena)
		axc_out_of_memory(g->arena);
	bool ok = run_node(g, n, h->arena, d, out);
	drop(h);
	for (uint32_t i = 0; ok && i < n->n_out; i++)
		ret_outputs[i] = out[i];
	return ok;
}
