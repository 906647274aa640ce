/* Binary float functions with broadcasting, inner strides 0 and 1 (any for a single element). Unit:
 * a chunk of the innermost dimension (ref/strided.h). */
#include "kernels/ref/strided.h"
#include "kernels/x86/vec_f32.h"

/* One loop per pattern of strides. */
#define AXK_EACH(expression)                                                                       \
	if (la && lb) {                                                                            \
		for (int i = 0; i < n; i += AXK_VN) {                                              \
			axk_vf v = axk_vf_load(a + i), w = axk_vf_load(b + i);                     \
			axk_vf_store_n(y + i, expression, n - i);                                  \
		}                                                                                  \
	} else if (la) {                                                                           \
		const axk_vf w = axk_vf_set(*b);                                                   \
		for (int i = 0; i < n; i += AXK_VN) {                                              \
			axk_vf v = axk_vf_load(a + i);                                             \
			axk_vf_store_n(y + i, expression, n - i);                                  \
		}                                                                                  \
	} else {                                                                                   \
		const axk_vf v = axk_vf_set(*a);                                                   \
		for (int i = 0; i < n; i += AXK_VN) {                                              \
			axk_vf w = lb ? axk_vf_load(b + i) : axk_vf_set(*b);                       \
			axk_vf_store_n(y + i, expression, n - i);                                  \
		}                                                                                  \
	}                                                                                          \
	break

AXK_INLINE void axk_binary_vec_run(int op, int n, float *y, const float *a, int la, const float *b,
				   int lb)
{
	const axk_vf zero = axk_vf_set(0.0f);
	switch (op) {
	case AXK_B_ADD:
		AXK_EACH(axk_vf_add(v, w));
	case AXK_B_SUB:
		AXK_EACH(axk_vf_sub(v, w));
	case AXK_B_MUL:
		AXK_EACH(axk_vf_mul(v, w));
	case AXK_B_DIV:
		AXK_EACH(axk_vf_div(v, w));
	case AXK_B_MIN:
		AXK_EACH(axk_vf_if(axk_vf_nan(v), v, axk_vf_min(v, w)));
	case AXK_B_MAX:
		AXK_EACH(axk_vf_if(axk_vf_nan(v), v, axk_vf_max(v, w)));
	case AXK_B_PRELU:
		AXK_EACH(axk_vf_if(axk_vf_lt(v, zero), axk_vf_mul(v, w), v));
	default:
		break;
	}
}

#undef AXK_EACH

/* The place of a unit in the dimensions before the chunks, and one step on. */
typedef struct axk_binary_vec_at {
	int chunk, index[7];
	ptrdiff_t y, a, b;
} axk_binary_vec_at;

AXK_INLINE void axk_binary_vec_next(const struct axk_binary_f32 *p, axk_binary_vec_at *at)
{
	if (++at->chunk < axk_chunks(p->dims))
		return;
	at->chunk = 0;
	at->y += p->dims[7];
	for (int d = 6; d >= 0; d--) {
		at->a += p->sa[d];
		at->b += p->sb[d];
		if (++at->index[d] < p->dims[d])
			return;
		at->a -= (ptrdiff_t)p->dims[d] * p->sa[d];
		at->b -= (ptrdiff_t)p->dims[d] * p->sb[d];
		at->index[d] = 0;
	}
}

AXK_FN void AXK_VEC_NAME(axk_binary_f32)(const void *params, void *const *buf, void *scratch,
					 int begin, int end)
{
	const struct axk_binary_f32 *p = params;
	int outer = begin / axk_chunks(p->dims);
	axk_binary_vec_at at = {.chunk = begin % axk_chunks(p->dims),
				.y = (ptrdiff_t)outer * p->dims[7]};
	(void)scratch;
	at.a = axk_chunk_at(p->dims, p->sa, outer, 0);
	at.b = axk_chunk_at(p->dims, p->sb, outer, 0);
	for (int d = 6; d >= 0 && outer; outer /= p->dims[d], d--)
		at.index[d] = outer % p->dims[d];
	for (int u = begin; u < end; u++, axk_binary_vec_next(p, &at)) {
		ptrdiff_t skip = (ptrdiff_t)at.chunk * AXK_CHUNK;
		axk_binary_vec_run(p->op, axk_chunk_len(p->dims, at.chunk),
				   (float *)buf[0] + at.y + skip,
				   (const float *)buf[1] + at.a + skip * p->sa[7], p->sa[7],
				   (const float *)buf[2] + at.b + skip * p->sb[7], p->sb[7]);
	}
}
