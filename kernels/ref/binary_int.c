/* Binary integer functions with broadcasting, in 64-bit arithmetic, cut to the type's width. Unit: a chunk
 * of the innermost dimension (strided.h). */
#include "kernels/axk.h"
#include "kernels/ref/int_at.h"
#include "kernels/ref/strided.h"

AXK_INLINE int64_t axk_int_div(int64_t a, int64_t b)
{
	if (b == 0)
		return 0;
	return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

AXK_INLINE int64_t axk_int_mod(int64_t a, int64_t b, int python)
{
	if (b == 0 || b == -1)
		return 0;
	int64_t r = a % b;
	return python && r && (r < 0) != (b < 0) ? r + b : r;
}

AXK_INLINE int64_t axk_int_pow(int64_t a, int64_t b)
{
	if (b < 0)
		return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
	uint64_t r = 1, f = (uint64_t)a;
	for (; b; b >>= 1, f *= f)
		r = b & 1 ? r * f : r;
	return (int64_t)r;
}

AXK_INLINE int64_t axk_int_op(int op, int64_t a, int64_t b)
{
	uint64_t u = (uint64_t)a, w = (uint64_t)b;
	switch (op) {
	case AXK_B_ADD: return (int64_t)(u + w);
	case AXK_B_SUB: return (int64_t)(u - w);
	case AXK_B_MUL: return (int64_t)(u * w);
	case AXK_B_DIV: return axk_int_div(a, b);
	case AXK_B_MIN: return a < b ? a : b;
	case AXK_B_MAX: return a > b ? a : b;
	case AXK_B_PRELU: return a < 0 ? (int64_t)(u * w) : a;
	case AXK_B_MOD: return axk_int_mod(a, b, 1);
	case AXK_B_FMOD: return axk_int_mod(a, b, 0);
	case AXK_B_POW: return axk_int_pow(a, b);
	case AXK_B_AND: return a & b;
	case AXK_B_OR: return a | b;
	case AXK_B_XOR: return a ^ b;
	case AXK_B_SHL: return w < 64 ? (int64_t)(u << w) : 0;
	case AXK_B_SHR: return w < 64 ? (int64_t)(u >> w) : 0;
	case AXK_B_ABS: return a < 0 ? (int64_t)(0 - u) : a;
	case AXK_B_SIGN: return a > 0 ? 1 : a < 0 ? -1 : 0;
	default: return 0;
	}
}

AXK_FN void AXK_NAME(axk_binary_int_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_binary_int *p = params;
	const int chunks = axk_chunks(p->dims);
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int outer = u / chunks, chunk = u % chunks, n = axk_chunk_len(p->dims, chunk);
		ptrdiff_t y = (ptrdiff_t)outer * p->dims[7] + (ptrdiff_t)chunk * AXK_CHUNK;
		ptrdiff_t a = axk_chunk_at(p->dims, p->sa, outer, chunk);
		ptrdiff_t b = axk_chunk_at(p->dims, p->sb, outer, chunk);
		for (int i = 0; i < n; i++)
			axk_int_put(buf[0], p->type, y + i,
				    axk_int_op(p->op, axk_int_at(buf[1], p->type, a + (ptrdiff_t)i * p->sa[7]),
					       axk_int_at(buf[2], p->type, b + (ptrdiff_t)i * p->sb[7])));
	}
}
