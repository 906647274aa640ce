/* Softmax and LogSoftmax of float tensors. Where `inner` is more than 1 a lane is a column; rows of
 * contiguous c are taken a vector of them at a time, so that their sums, each in its own order, run
 * side by side. Results may lie in the caller's memory: nothing behind their end is read back. Unit: up to 64 columns of
 * `inner` at one place of `outer`. */
#include "kernels/x86/vec/elementary.h"

enum { AXK_SOFTMAX_VEC_BLOCK = 64 };

/* The first n of a vector. */
AXK_VEC axk_vf axk_softmax_vec_load(const float *y, int n)
{
	return n >= AXK_VN ? axk_vf_load(y) : axk_vf_load_if(axk_vm_range(0, n), y);
}

AXK_INLINE void axk_softmax_vec_columns(const struct axk_softmax_f32 *p, float *y, const float *x,
					int n)
{
	const ptrdiff_t step = p->inner;
	axk_vf top = axk_vf_load(x), sum = axk_vf_set(0.0f);
	for (int k = 1; k < p->c; k++)
		top = axk_vf_max(axk_vf_load(x + k * step), top);
	for (int k = 0; k < p->c; k++) {
		axk_vf e = axk_vf_exp(axk_vf_sub(axk_vf_load(x + k * step), top));
		sum = axk_vf_add(sum, e);
		if (!p->is_log)
			axk_vf_store_n(y + k * step, e, n);
	}
	if (p->is_log)
		sum = axk_vf_log(sum);
	for (int k = 0; k < p->c; k++)
		if (p->is_log)
			axk_vf_store_n(y + k * step,
				       axk_vf_sub(axk_vf_sub(axk_vf_load(x + k * step), top), sum),
				       n);
		else
			axk_vf_store_n(y + k * step,
				       axk_vf_div(axk_softmax_vec_load(y + k * step, n), sum), n);
}

/* The largest element; of NaN only what the sum will make of it matters. */
AXK_VEC float axk_softmax_vec_top(const float *x, int n)
{
	float lane[AXK_VN], top = x[0];
	int i = 0;
	if (n >= AXK_VN) {
		axk_vf max = axk_vf_load(x);
		for (i = AXK_VN; i + AXK_VN <= n; i += AXK_VN)
			max = axk_vf_max(axk_vf_load(x + i), max);
		axk_vf_store(lane, max);
		for (int k = 0; k < AXK_VN; k++)
			top = lane[k] > top ? lane[k] : top;
	}
	for (; i < n; i++)
		top = x[i] > top ? x[i] : top;
	return top;
}

/* Sums of AXK_VN rows (or of one), each in increasing order. */
AXK_VEC axk_vf axk_softmax_vec_sums(const float *e, int c, int rows)
{
	axk_vf sum = axk_vf_set(0.0f), column[AXK_VN];
	float one = 0.0f;
	int k = 0;
	for (; k + AXK_VN <= c && rows == AXK_VN; k += AXK_VN) {
		axk_vf_columns(column, e + k, c);
		for (int i = 0; i < AXK_VN; i++)
			sum = axk_vf_add(sum, column[i]);
	}
	for (; k < c && rows == AXK_VN; k++)
		sum = axk_vf_add(sum, axk_vf_load_step(e + k, c));
	for (; k < c; k++)
		one = one + e[k];
	return rows == AXK_VN ? sum : axk_vf_set(one);
}

/* 1 or AXK_VN rows of contiguous c. */
AXK_VEC void axk_softmax_vec_rows(const struct axk_softmax_f32 *p, float *y, const float *x,
				  int rows)
{
	const int c = p->c;
	float top[AXK_VN], sums[AXK_VN];
	for (int r = 0; r < rows; r++) {
		top[r] = axk_softmax_vec_top(x + (ptrdiff_t)r * c, c);
		for (int k = 0; k < c; k += AXK_VN) {
			axk_vf v = axk_vf_sub(axk_vf_load(x + (ptrdiff_t)r * c + k),
					      axk_vf_set(top[r]));
			axk_vf_store_n(y + (ptrdiff_t)r * c + k, axk_vf_exp(v), c - k);
		}
	}
	axk_vf sum = axk_softmax_vec_sums(y, c, rows);
	axk_vf_store(sums, p->is_log ? axk_vf_log(sum) : sum);
	for (int r = 0; r < rows; r++, y += c, x += c) {
		const axk_vf s = axk_vf_set(sums[r]), t = axk_vf_set(top[r]);
		for (int k = 0; k < c; k += AXK_VN)
			axk_vf_store_n(y + k,
				       p->is_log ? axk_vf_sub(axk_vf_sub(axk_vf_load(x + k), t), s)
						 : axk_vf_div(axk_softmax_vec_load(y + k, c - k), s),
				       c - k);
	}
}

AXK_FN void AXK_VEC_NAME(axk_softmax_f32)(const void *params, void *const *buf, void *scratch,
					  int begin, int end)
{
	const struct axk_softmax_f32 *p = params;
	const int blocks = (p->inner + AXK_SOFTMAX_VEC_BLOCK - 1) / AXK_SOFTMAX_VEC_BLOCK;
	int u = begin;
	(void)scratch;
	for (; p->inner == 1 && u + AXK_VN <= end; u += AXK_VN)
		axk_softmax_vec_rows(p, (float *)buf[0] + (ptrdiff_t)u * p->c,
				     (const float *)buf[1] + (ptrdiff_t)u * p->c, AXK_VN);
	for (; p->inner == 1 && u < end; u++)
		axk_softmax_vec_rows(p, (float *)buf[0] + (ptrdiff_t)u * p->c,
				     (const float *)buf[1] + (ptrdiff_t)u * p->c, 1);
	for (; u < end; u++) {
		int at = u % blocks * AXK_SOFTMAX_VEC_BLOCK, last = at + AXK_SOFTMAX_VEC_BLOCK;
		ptrdiff_t from = (ptrdiff_t)(u / blocks) * p->c * p->inner;
		last = last < p->inner ? last : p->inner;
		for (; at < last; at += AXK_VN)
			axk_softmax_vec_columns(p, (float *)buf[0] + from + at,
						(const float *)buf[1] + from + at, last - at);
	}
}
