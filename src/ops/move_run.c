/* Descriptions of moves, carried out: as kernel calls, and as the loops that define int8. */
#include "ops/move.h"
#include "ops/requant.h"

void axc_row_major(const AxcShape *shape, int64_t stride[AXC_MAX_RANK])
{
	int64_t run = 1;
	for (int d = shape->rank - 1; d >= 0; d--) {
		stride[d] = run;
		run *= shape->dim[d];
	}
}

static bool has_table(const AxcMove *m)
{
	for (int d = 0; d < m->rank; d++)
		if (m->table[d])
			return true;
	return false;
}

static bool copy_call(AxcBuild *b, const AxcMove *m, size_t elem_bytes, AxcRef out, AxcRef in)
{
	struct axk_copy p = {.elem_bytes = (int)elem_bytes, .dims = {1, 1, 1, 1, 1, 1, 1, 1}};
	int64_t run = 1;
	AxcRef buf[2] = {out, in};
	for (int d = m->rank - 1, at = 7; d >= 0; d--, at--) {
		p.dims[at] = (int)m->dim[d];
		p.sx[at] = (int)m->stride[d];
		p.sy[at] = (int)run;
		run *= m->dim[d];
	}
	buf[1].offset += (size_t)m->base * elem_bytes;
	return run == 0 || axc_build_call(b, AXK_COPY, &p, sizeof p, 0, 2, buf);
}

/* Dimension d of the tables of AXK_MOVE: never negative but for fills, so the least offset goes
 * into *base. */
static void fill_table(const AxcMove *m, int d, int32_t *to, int64_t *base)
{
	int64_t least = INT64_MAX;
	for (int64_t i = 0; i < m->dim[d]; i++) {
		int64_t at = m->table[d] ? m->table[d][i] : m->stride[d] * i;
		if (!m->table[d] || at >= 0)
			least = AXC_MIN(least, at);
	}
	if (m->table[d] || least == INT64_MAX)
		least = 0;
	for (int64_t i = 0; i < m->dim[d]; i++)
		to[i] = (int32_t)(m->table[d] ? m->table[d][i] : m->stride[d] * i - least);
	*base += least;
}

bool axc_move_build(AxcBuild *b, const AxcMove *m, size_t elem_bytes, AxcRef out, AxcRef in,
		    AxcRef fill)
{
	struct axk_move p = {.elem_bytes = (int)elem_bytes, .dims = {1, 1, 1, 1, 1, 1, 1, 1}};
	int64_t base = m->base, run = 1, total = 8 - m->rank;
	void *data;
	if (!has_table(m))
		return copy_call(b, m, elem_bytes, out, in);
	for (int d = 0; d < m->rank; d++)
		total += m->dim[d];
	AxcRef tables = axc_build_const_new(b, (size_t)total * sizeof(int32_t), &data);
	int32_t *t = data;
	t += 8 - m->rank; /* leading dimensions of 1: offset 0 */
	for (int d = 0; d < m->rank; d++) {
		fill_table(m, d, t, &base);
		t += m->dim[d];
	}
	for (int d = m->rank - 1, at = 7; d >= 0; d--, at--) {
		p.dims[at] = (int)m->dim[d];
		p.sy[at] = (int)run;
		run *= m->dim[d];
	}
	AxcRef buf[4] = {out, in, tables, fill};
	buf[1].offset += (size_t)base * elem_bytes;
	return run == 0 || axc_build_call(b, AXK_MOVE, &p, sizeof p, 0, 4, buf);
}

void axc_move_i8(const AxcMove *m, const AxcTensor *in, const AxcTensor *out, float fill)
{
	const int8_t *x = in->data;
	int8_t *y = out->data;
	uint8_t table[256];
	int64_t count = 1, index[AXC_MAX_RANK] = {0};
	float v = fill / out->q.scale[0];
	int8_t filled = axc_requant_value(v, out->q.zero_point[0] + 128);
	axc_table_rescale(&in->q, &out->q, table);
	for (int d = 0; d < m->rank; d++)
		count *= m->dim[d];
	for (int64_t i = 0; i < count; i++) {
		int64_t from = m->base;
		bool pad = false;
		for (int d = 0; d < m->rank; d++) {
			int64_t at = m->table[d] ? m->table[d][index[d]] : m->stride[d] * index[d];
			pad = pad || (m->table[d] && at < 0);
			from += at;
		}
		y[i] = pad ? filled : (int8_t)(table[(uint8_t)(x[from] + 128)] - 128);
		for (int d = m->rank - 1; d >= 0 && ++index[d] == m->dim[d]; d--)
			index[d] = 0;
	}
}

/* ---- whole nodes ---- */

bool axc_move_build_node(const AxcGraph *g, const AxcNode *n, AxcBuild *b, AxcDescribeFn *describe)
{
	static const uint8_t zeros[8] = {0};
	size_t bytes = axc_dtype_bytes(g->values.at[n->in[0]].dtype);
	for (uint32_t k = 0; k < n->n_out; k++) {
		AxcMove m = {0};
		if (!n->out[k])
			continue;
		if (!describe(g, n, b->arena, b->d, k, &m))
			return false;
		bool pads = strcmp(n->op_type, "Pad") == 0;
		AxcRef fill =
			pads && axc_has_in(n, 2) ? axc_ref_in(2) : axc_build_const(b, zeros, bytes);
		if (!axc_move_build(b, &m, bytes, axc_ref_out(k), axc_ref_in(0), fill))
			return false;
	}
	return true;
}

static float fill_value(const AxcNode *n, const AxcTensor *const *in)
{
	float v = 0.0f;
	if (strcmp(n->op_type, "Pad") != 0 || !axc_has_in(n, 2) || !in[2])
		return v;
	if (in[2]->dtype == AXC_F32)
		memcpy(&v, in[2]->data, sizeof v);
	else if (in[2]->dtype == AXC_I8 && in[2]->q.n == 1)
		v = (float)(*(const int8_t *)in[2]->data - in[2]->q.zero_point[0]) *
		    in[2]->q.scale[0];
	return v;
}

/* Runs are many, so the tables live in an arena of their own for the length of one. */
bool axc_move_eval_node(const AxcGraph *g, const AxcNode *n, const AxcTensor *const *in,
			AxcTensor *const *out, AxcDiag *d, AxcDescribeFn *describe)
{
	jmp_buf oom;
	AxcArena *volatile arena = NULL;
	volatile bool ok = true;
	if (setjmp(oom)) {
		axc_arena_free(arena);
		axc_out_of_memory(d->arena);
	}
	arena = axc_arena_new(&oom);
	if (!arena)
		axc_out_of_memory(d->arena);
	for (uint32_t k = 0; k < n->n_out && ok; k++) {
		AxcMove m = {0};
		if (!out[k])
			continue;
		ok = describe(g, n, arena, d, k, &m);
		if (ok)
			axc_move_i8(&m, in[0], out[k], fill_value(n, in));
	}
	axc_arena_free(arena);
	return ok;
}
