/* Reductions of float tensors: one chain per output in row-major order of the reduced dimensions, a
 * lane per output. Where outputs are rows apart and the chain is contiguous, blocks of rows are
 * turned into columns. Unit: 64 outputs of the innermost kept dimension that has any
 * (ref/reduce_rows.h). */
#include "kernels/ref/reduce_rows.h"
#include "kernels/x86/vec/elementary.h"

AXK_VEC axk_vf axk_reduce_vec_step(int op, axk_vf s, axk_vf v, axk_vf top)
{
	switch (op) {
	case AXK_R_MAX:
		return axk_vf_if(axk_vf_nan(v), v, axk_vf_max(v, s));
	case AXK_R_MIN:
		return axk_vf_if(axk_vf_nan(v), v, axk_vf_min(v, s));
	case AXK_R_PROD:
		return axk_vf_mul(s, v);
	case AXK_R_L1:
		return axk_vf_add(s, axk_vf_abs(v));
	case AXK_R_SUMSQUARE:
		return axk_vf_add(s, axk_vf_mul(v, v));
	case AXK_R_LOGSUMEXP:
		return axk_vf_add(s, axk_vf_exp(axk_vf_sub(v, top)));
	default:
		return axk_vf_add(s, v);
	}
}

/* The elements of up to n outputs, `step` apart. */
AXK_VEC axk_vf axk_reduce_vec_load(const float *x, ptrdiff_t step, int n)
{
	float lane[AXK_VN];
	if (step == 1)
		return axk_vf_load(x);
	if (n == 1)
		return axk_vf_set(*x);
	if (n >= AXK_VN)
		return axk_vf_load_step(x, step);
	for (int i = 0; i < AXK_VN; i++)
		lane[i] = i < n ? x[i * step] : 0.0f;
	return axk_vf_load(lane);
}

/* The chains of the outputs at x, of which n count. */
AXK_VEC axk_vf axk_reduce_vec_chain(const struct axk_reduce *p, const axk_reduce_rows *r,
				    const float *x, int n, axk_vf s, axk_vf top, int op)
{
	const ptrdiff_t step = p->ks[r->kept], next = p->rs[r->run];
	const int length = p->rdims[r->run], runs = axk_product(p->rdims, r->run);
	int index[8] = {0};
	for (int i = 0; i < runs; i++) {
		int k = 0;
		for (; step != 1 && next == 1 && n >= AXK_VN && k + AXK_VN <= length; k += AXK_VN) {
			axk_vf column[AXK_VN];
			axk_vf_columns(column, x + k, step);
			for (int j = 0; j < AXK_VN; j++)
				s = axk_reduce_vec_step(op, s, column[j], top);
		}
		for (; k < length; k++)
			s = axk_reduce_vec_step(op, s, axk_reduce_vec_load(x + k * next, step, n),
						top);
		x += axk_step(p->rdims, p->rs, r->run, index);
	}
	return s;
}

#define AXK_CHAIN(op, start)                                                                       \
	case op:                                                                                   \
		return axk_reduce_vec_chain(p, r, x, n, axk_vf_set(start), top, op)

AXK_INLINE axk_vf axk_reduce_vec_run(const struct axk_reduce *p, const axk_reduce_rows *r,
				     const float *x, int n, axk_vf top)
{
	switch (p->op) {
		AXK_CHAIN(AXK_R_MAX, -1.0f / 0.0f);
		AXK_CHAIN(AXK_R_MIN, 1.0f / 0.0f);
		AXK_CHAIN(AXK_R_PROD, 1.0f);
		AXK_CHAIN(AXK_R_L1, 0.0f);
		AXK_CHAIN(AXK_R_LOGSUMEXP, 0.0f);
	case AXK_R_L2:
		AXK_CHAIN(AXK_R_SUMSQUARE, 0.0f);
	default:
		return axk_reduce_vec_chain(p, r, x, n, axk_vf_set(0.0f), top, AXK_R_SUM);
	}
}

#undef AXK_CHAIN

AXK_VEC axk_vf axk_reduce_vec_end(const struct axk_reduce *p, axk_vf s, axk_vf top)
{
	switch (p->op) {
	case AXK_R_MEAN:
		return axk_vf_div(s, axk_vf_set(p->count));
	case AXK_R_L2:
		return axk_vf_sqrt(s);
	case AXK_R_LOGSUM:
		return axk_vf_log(s);
	case AXK_R_LOGSUMEXP:
		return axk_vf_add(axk_vf_log(s), top);
	default:
		return s;
	}
}

AXK_FN void AXK_VEC_NAME(axk_reduce_f32)(const void *params, void *const *buf, void *scratch,
					 int begin, int end)
{
	const struct axk_reduce *p = params;
	const axk_reduce_rows r = axk_reduce_rows_of(p);
	const axk_vf zero = axk_vf_set(0.0f);
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int outer = u / r.blocks, at = u % r.blocks * AXK_REDUCE_ROWS_BLOCK,
		    last = at + AXK_REDUCE_ROWS_BLOCK;
		const float *x = (const float *)buf[1] + axk_place(p->kdims, p->ks, r.kept, outer);
		ptrdiff_t out = (ptrdiff_t)outer * r.n;
		last = last < r.n ? last : r.n;
		for (; at < last; at += AXK_VN) {
			axk_vf top = zero;
			if (p->op == AXK_R_LOGSUMEXP) { /* infinities are not subtracted */
				axk_vf t = axk_vf_load((const float *)buf[2] + out + at);
				top = axk_vf_if(axk_vf_eq(axk_vf_sub(t, t), zero), t, zero);
			}
			axk_vf s = axk_reduce_vec_run(p, &r, x + (ptrdiff_t)at * p->ks[r.kept],
						      last - at, top);
			axk_vf_store_n((float *)buf[0] + out + at, axk_reduce_vec_end(p, s, top),
				       last - at);
		}
	}
}
