/* Comparisons of float or integer tensors, with broadcasting, into bool. Unit: a chunk of the innermost
 * dimension (strided.h). */
#include "kernels/axk.h"
#include "kernels/ref/int_at.h"
#include "kernels/ref/strided.h"

AXK_INLINE int axk_compare_int(int op, int64_t a, int64_t b)
{
	switch (op) {
	case AXK_C_EQ: return a == b;
	case AXK_C_LT: return a < b;
	case AXK_C_LE: return a <= b;
	case AXK_C_GT: return a > b;
	default: return a >= b;
	}
}

AXK_INLINE int axk_compare_float(int op, float a, float b)
{
	switch (op) {
	case AXK_C_EQ: return a == b;
	case AXK_C_LT: return a < b;
	case AXK_C_LE: return a <= b;
	case AXK_C_GT: return a > b;
	default: return a >= b;
	}
}

AXK_FN void AXK_NAME(axk_compare_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_binary_int *p = params;
	const int chunks = axk_chunks(p->dims), la = p->sa[7], lb = p->sb[7];
	const float *fa = buf[1], *fb = buf[2];
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int outer = u / chunks, chunk = u % chunks, n = axk_chunk_len(p->dims, chunk);
		uint8_t *y = (uint8_t *)buf[0] + (ptrdiff_t)outer * p->dims[7] + (ptrdiff_t)chunk * AXK_CHUNK;
		ptrdiff_t a = axk_chunk_at(p->dims, p->sa, outer, chunk);
		ptrdiff_t b = axk_chunk_at(p->dims, p->sb, outer, chunk);
		for (int i = 0; i < n && p->type == AXK_T_F32; i++)
			y[i] = (uint8_t)axk_compare_float(p->op, fa[a + (ptrdiff_t)i * la], fb[b + (ptrdiff_t)i * lb]);
		for (int i = 0; i < n && p->type != AXK_T_F32; i++)
			y[i] = (uint8_t)axk_compare_int(p->op, axk_int_at(buf[1], p->type, a + (ptrdiff_t)i * la),
							axk_int_at(buf[2], p->type, b + (ptrdiff_t)i * lb));
	}
}
