/* The steps of a Program as C. Up to MANY_STEPS: one small function each, with the address of its constant
 * parameter struct, so that the C compiler can specialise a kernel for its only use. Beyond: rows of a table and
 * one loop, because a compiler's time grows faster than the number of functions (GCC 12: 10,000 take seconds,
 * 100,000 half an hour), and because a network of so many layers has no large ones. Steps with the same
 * parameters share the struct in both. */
#include "emit/emit_c.h"

enum { STEPS_PER_FUNCTION = 200, MANY_STEPS = 5000 };

bool axc_step_used(const AxcProgram *p, const AxcStep *s)
{
	return (p->has_i8 && (s->entries & AXC_ENTRY_I8)) || (p->has_f32 && (s->entries & AXC_ENTRY_F32));
}

static void emit_float(AxcText *c, float v)
{
	if (v != v)
		axc_text_str(c, "AXK_NAN");
	else if (v > 3.4028234e38f || v < -3.4028234e38f)
		axc_text_str(c, v > 0 ? "AXK_INF" : "-AXK_INF");
	else if (v == (float)(int)v && v > -100000.0f && v < 100000.0f && !(v == 0 && __builtin_signbit(v)))
		axc_text_f(c, "%d.0f", (int)v);
	else
		axc_text_f(c, "%af", (double)v);
}

/* The earlier step whose parameters are the same: tiles of one step mostly share them. */
static bool same_params(AxcEmitC *e, const AxcStep *s, uint32_t index, uint32_t *ret_index)
{
	AxkKind kind = s->kernel->kind;
	size_t bytes = axk_kind_params_bytes(kind);
	const char *key = axc_format(e->p->arena, "%s-%016llx", axk_kind_struct(kind),
	                             (unsigned long long)axc_hash(s->params, bytes));
	uint32_t twin = axc_map_get(&e->params, key);
	if (!twin)
		axc_map_put(&e->params, e->p->arena, key, index + 1);
	*ret_index = twin ? twin - 1 : index;
	return twin && memcmp(e->p->steps.at[twin - 1].params, s->params, bytes) == 0;
}

/* Prints the step's parameters unless a step before had the same; returns whose they are. */
static uint32_t emit_params(AxcEmitC *e, const AxcStep *s, uint32_t index)
{
	int n;
	uint32_t twin;
	if (same_params(e, s, index, &twin))
		return twin;
	const AxkField *f = axk_kind_fields(s->kernel->kind, &n);
	axc_text_f(e->c, "static const struct %s axk_p%u = {", axk_kind_struct(s->kernel->kind), index);
	for (int i = 0; i < n; i++) {
		const char *at = (const char *)s->params + f[i].offset;
		axc_text_f(e->c, "%s.%s = ", i % 8 == 0 ? "\n\t" : " ", f[i].name);
		if (f[i].type == AXK_FIELD_FLOAT) {
			emit_float(e->c, *(const float *)(const void *)at);
		} else if (f[i].type == AXK_FIELD_INT) {
			axc_text_f(e->c, "%d", *(const int *)(const void *)at);
		} else {
			for (int k = 0; k < f[i].count; k++)
				axc_text_f(e->c, "%s%d", k ? ", " : "{", ((const int *)(const void *)at)[k]);
			axc_text_str(e->c, "}");
		}
		axc_text_str(e->c, ",");
	}
	axc_text_str(e->c, "\n};\n");
	return index;
}

/* ---- as functions ---- */

static void emit_arg(AxcEmitC *e, AxcArg a)
{
	const AxcBuf *b = &e->p->bufs.at[a.buf];
	switch (b->space) {
	case AXC_SPACE_NONE:
		axc_text_str(e->c, "NULL");
		break;
	case AXC_SPACE_WS:
		axc_text_f(e->c, "f->ws[%d] + %zu", b->pool, b->offset + a.offset);
		break;
	case AXC_SPACE_CONST:
		axc_text_f(e->c, "(void *)(f->consts + %zu)", b->offset + a.offset);
		break;
	case AXC_SPACE_IN:
		axc_text_f(e->c, "(void *)((uintptr_t)f->in[%d] + %zu)", b->index, a.offset);
		break;
	case AXC_SPACE_OUT:
		axc_text_f(e->c, "(char *)f->out[%d] + %zu", b->index, a.offset);
		break;
	}
}

static void emit_step(AxcEmitC *e, const AxcStep *s, uint32_t index)
{
	const AxcBuf *scratch = &e->p->bufs.at[s->scratch];
	axc_text_f(e->c, "\n/* %s */\n", e->p->layers.at[s->layer].text);
	uint32_t params = emit_params(e, s, index);
	axc_text_f(e->c, "\nstatic void axk_s%u(void *frame, int i)\n{\n\tconst struct axk_frame *f = frame;\n"
	                 "\tvoid *const b[] = {\n", index);
	for (uint32_t k = 0; k < s->n_args; k++) {
		axc_text_str(e->c, "\t\t");
		emit_arg(e, s->arg[k]);
		axc_text_str(e->c, ",\n");
	}
	axc_text_str(e->c, "\t};\n");
	if (s->chunks == 1)
		axc_text_f(e->c, "\t(void)i;\n\t%s(&axk_p%u, b, ", s->kernel->name, params);
	else
		axc_text_f(e->c, "\t%s(&axk_p%u, b, ", s->kernel->name, params);
	if (!s->scratch)
		axc_text_str(e->c, "NULL");
	else if (s->chunks == 1)
		axc_text_f(e->c, "f->ws[%d] + %zu", scratch->pool, scratch->offset);
	else
		axc_text_f(e->c, "f->ws[%d] + %zu + (size_t)i * %zu", scratch->pool, scratch->offset, s->scratch_bytes);
	if (s->chunks == 1)
		axc_text_f(e->c, ", 0, %d);\n}\n", s->units);
	else
		axc_text_f(e->c, ", (int)((int64_t)%d * i / %d), (int)((int64_t)%d * (i + 1) / %d));\n}\n", s->units,
		           s->chunks, s->units, s->chunks);
}

static void emit_runner(AxcEmitC *e)
{
	axc_text_str(e->c, "\n/* One step: n pieces at once if the caller can, timed if it wants. */\n"
	                   "static __attribute__((unused)) int axk_run(const axk_env *env, void (*fn)(void *, int),\n"
	                   "\tvoid *arg, int n, int layer)\n{\n"
	                   "\tint i, bad = 0;\n"
	                   "\tuint64_t begin = env && env->layer_ticks && env->now ? env->now(env->ctx) : 0;\n\n"
	                   "\tif (env && env->parallel && n > 1)\n\t\tbad = env->parallel(env->ctx, fn, arg, n);\n"
	                   "\telse\n\t\tfor (i = 0; i < n; i++)\n\t\t\tfn(arg, i);\n"
	                   "\tif (env && env->layer_ticks && env->now)\n"
	                   "\t\tenv->layer_ticks[layer] += env->now(env->ctx) - begin;\n\treturn bad;\n}\n");
}

static uint32_t emit_functions(AxcEmitC *e, const char *entry, unsigned mask, uint32_t *stage_end)
{
	const AxcProgram *p = e->p;
	int which = mask == AXC_ENTRY_F32, stage = 0;
	uint32_t in_function = 0, parts = 0;
	for (uint32_t i = 0; i < p->steps.n; i++) {
		const AxcStep *s = &p->steps.at[i];
		if (!(s->entries & mask))
			continue;
		if (s->stage[which] != stage) {
			if (in_function)
				axc_text_str(e->c, "\treturn bad;\n}\n");
			in_function = 0;
			stage_end[stage] = parts;
			stage = s->stage[which];
		}
		if (in_function == 0)
			axc_text_f(e->c, "\nstatic int axk_%s_%u(struct axk_frame *f)\n{\n\tint bad = 0;\n\n", entry, parts++);
		if (s->chunks == 1 && !p->profile)
			axc_text_f(e->c, "\taxk_s%u(f, 0);\n", i);
		else
			axc_text_f(e->c, "\tbad |= axk_run(f->env, axk_s%u, f, %d, %d);\n", i, s->chunks, s->layer);
		if (++in_function == STEPS_PER_FUNCTION) {
			axc_text_str(e->c, "\treturn bad;\n}\n");
			in_function = 0;
		}
	}
	if (in_function)
		axc_text_str(e->c, "\treturn bad;\n}\n");
	stage_end[stage] = parts;
	return parts;
}

/* ---- as a table ---- */

/* Where a buffer is: space 0: nowhere (NULL), 1: workspace, 2: constants, 3: in[], 4: out[]. */
static void table_ref(AxcEmitC *e, AxcArg a)
{
	const AxcBuf *b = &e->p->bufs.at[a.buf];
	int space = 0, index = 0;
	size_t offset = a.offset;
	switch (b->space) {
	case AXC_SPACE_NONE:
		offset = 0;
		break;
	case AXC_SPACE_WS:
		space = 1;
		index = b->pool;
		offset += b->offset;
		break;
	case AXC_SPACE_CONST:
		space = 2;
		offset += b->offset;
		break;
	case AXC_SPACE_IN:
		space = 3;
		index = b->index;
		break;
	case AXC_SPACE_OUT:
		space = 4;
		index = b->index;
		break;
	}
	axc_text_f(e->c, "{%d, %d, %zu},", space, index, offset);
}

/* The scratch buffer (or NULL) and the arguments of every step in use. */
static void table_refs(AxcEmitC *e)
{
	const AxcProgram *p = e->p;
	axc_text_str(e->c, "\nstruct axk_ref {\n\tint space, index;\n\tsize_t offset;\n};\n\n"
	                   "static const struct axk_ref axk_refs[] = {\n");
	for (uint32_t i = 0; i < p->steps.n; i++) {
		const AxcStep *s = &p->steps.at[i];
		if (!axc_step_used(p, s))
			continue;
		axc_text_str(e->c, "\t");
		table_ref(e, (AxcArg){.buf = s->scratch});
		for (uint32_t k = 0; k < s->n_args; k++)
			table_ref(e, s->arg[k]);
		axc_text_str(e->c, "\n");
	}
	axc_text_str(e->c, "};\n");
}

static void emit_table(AxcEmitC *e)
{
	const AxcProgram *p = e->p;
	uint32_t *params = AXC_NEW_ARRAY(p->arena, uint32_t, p->steps.n), row = 0, ref = 0;
	for (uint32_t i = 0; i < p->steps.n; i++)
		if (axc_step_used(p, &p->steps.at[i]))
			params[i] = emit_params(e, &p->steps.at[i], i);
	table_refs(e);
	axc_text_str(e->c, "\nstruct axk_step {\n"
	                   "\tvoid (*kernel)(const void *params, void *const *buf, void *scratch, int begin, int end);\n"
	                   "\tconst void *params;\n\tsize_t scratch_bytes;\n"
	                   "\tint ref, n_refs, units, chunks, layer, entries;\n};\n\n"
	                   "static const struct axk_step axk_steps[] = {\n");
	e->row = AXC_NEW_ARRAY(p->arena, uint32_t, p->steps.n + 1);
	for (uint32_t i = 0; i < p->steps.n; i++) {
		const AxcStep *s = &p->steps.at[i];
		e->row[i] = row;
		if (!axc_step_used(p, s))
			continue;
		axc_text_f(e->c, "\t{%s, &axk_p%u, %zu, %u, %u, %d, %d, %d, %u}, /* %s */\n", s->kernel->name, params[i],
		           s->scratch_bytes, ref, s->n_args, s->units, s->chunks, s->layer, s->entries,
		           p->layers.at[s->layer].text);
		ref += s->n_args + 1;
		row++;
	}
	e->row[p->steps.n] = row;
	axc_text_str(e->c, "};\n");
}

static void emit_table_runner(AxcEmitC *e)
{
	axc_text_f(e->c,
	           "\nstatic void *axk_at(const struct axk_frame *f, const struct axk_ref *r)\n{\n"
	           "\tswitch (r->space) {\n"
	           "\tcase 1: return f->ws[r->index] + r->offset;\n"
	           "\tcase 2: return (void *)(uintptr_t)(f->consts + r->offset);\n"
	           "\tcase 3: return (void *)((uintptr_t)f->in[r->index] + r->offset);\n"
	           "\tcase 4: return (char *)f->out[r->index] + r->offset;\n"
	           "\tdefault: return NULL;\n\t}\n}\n"
	           "\nstruct axk_call {\n\tconst struct axk_step *s;\n\tchar *scratch;\n\tvoid *buf[%d];\n};\n"
	           "\nstatic void axk_piece(void *arg, int i)\n{\n\tconst struct axk_call *c = arg;\n"
	           "\tconst struct axk_step *s = c->s;\n\n"
	           "\ts->kernel(s->params, c->buf, c->scratch ? c->scratch + (size_t)i * s->scratch_bytes : NULL,\n"
	           "\t\t(int)((int64_t)s->units * i / s->chunks), (int)((int64_t)s->units * (i + 1) / s->chunks));\n}\n",
	           AXK_MAX_BUFS);
	axc_text_f(e->c,
	           "\n/* Steps first to last - 1, those of the entry. */\n"
	           "static int axk_walk(struct axk_frame *f, int first, int last, int entry)\n{\n"
	           "\tstruct axk_call c;\n\tint i, k, bad = 0;\n\n"
	           "\tfor (i = first; i < last; i++) {\n\t\tconst struct axk_step *s = &axk_steps[i];\n"
	           "\t\tconst struct axk_ref *r = axk_refs + s->ref;\n\n"
	           "\t\tif (!(s->entries & entry))\n\t\t\tcontinue;\n"
	           "\t\tc.s = s;\n\t\tc.scratch = axk_at(f, r);\n"
	           "\t\tfor (k = 0; k < s->n_refs; k++)\n\t\t\tc.buf[k] = axk_at(f, r + 1 + k);\n%s"
	           "\t}\n\treturn bad;\n}\n",
	           e->p->profile ? "\t\tbad |= axk_run(f->env, axk_piece, &c, s->chunks, s->layer);\n"
	                         : "\t\tif (s->chunks == 1)\n\t\t\taxk_piece(&c, 0);\n\t\telse\n"
	                           "\t\t\tbad |= axk_run(f->env, axk_piece, &c, s->chunks, s->layer);\n");
}

/* A function per stage. */
static uint32_t emit_walks(AxcEmitC *e, const char *entry, unsigned mask, uint32_t *stage_end)
{
	const AxcProgram *p = e->p;
	int which = mask == AXC_ENTRY_F32, stage = 0;
	uint32_t first = 0;
	for (uint32_t i = 0; i <= p->steps.n; i++) {
		const AxcStep *s = i < p->steps.n ? &p->steps.at[i] : NULL;
		if (s && (!(s->entries & mask) || s->stage[which] == stage))
			continue;
		axc_text_f(e->c, "\nstatic int axk_%s_%d(struct axk_frame *f)\n{\n\treturn axk_walk(f, %u, %u, %u);\n}\n",
		           entry, stage, first, e->row[i], mask);
		first = e->row[i];
		stage_end[stage] = (uint32_t)stage + 1;
		stage = s ? s->stage[which] : stage + 1;
	}
	return (uint32_t)stage;
}

/* ---- either ---- */

static bool as_table(const AxcProgram *p)
{
	return p->steps.n > MANY_STEPS;
}

void axc_emit_steps(AxcEmitC *e)
{
	bool table = as_table(e->p);
	if (table)
		emit_table(e);
	for (uint32_t i = 0; !table && i < e->p->steps.n; i++)
		if (axc_step_used(e->p, &e->p->steps.at[i]))
			emit_step(e, &e->p->steps.at[i], i);
	emit_runner(e);
	if (table)
		emit_table_runner(e);
}

uint32_t axc_emit_parts(AxcEmitC *e, const char *entry, unsigned mask, uint32_t *stage_end)
{
	return as_table(e->p) ? emit_walks(e, entry, mask, stage_end)
	                                : emit_functions(e, entry, mask, stage_end);
}
