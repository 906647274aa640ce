/* Gather by a table of offsets per dimension. Unit: a chunk of the innermost dimension (strided.h). */
#include "kernels/axk.h"
#include "kernels/ref/strided.h"

/* Offset of the outer seven coordinates in the input, or -1 where one of them is padding. */
AXK_INLINE ptrdiff_t axk_move_from(const int *dims, const int32_t *tables, int outer)
{
	ptrdiff_t from = 0;
	int pad = 0;
	const int32_t *t = tables;
	for (int d = 0; d < 7; d++)
		t += dims[d];
	for (int d = 6; d >= 0; d--) {
		t -= dims[d];
		int32_t at = t[outer % dims[d]];
		outer /= dims[d];
		pad |= at < 0;
		from += at;
	}
	return pad ? -1 : from;
}

#define AXK_ROW(T) \
	for (int i = 0; i < n; i++) \
		((T *)y)[(ptrdiff_t)i * sy] = from < 0 || t[i] < 0 ? *(const T *)buf[3] : ((const T *)buf[1])[from + t[i]]; \
	break

AXK_FN void AXK_NAME(axk_move_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_move *p = params;
	const int chunks = axk_chunks(p->dims), sy = p->sy[7];
	const int32_t *inner = buf[2];
	for (int d = 0; d < 7; d++)
		inner += p->dims[d];
	int run = sy == 1 && inner[0] >= 0; /* is the innermost table a plain run? */
	for (int i = 1; i < p->dims[7] && run; i++)
		run = inner[i] == inner[0] + i;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int outer = u / chunks, chunk = u % chunks, n = axk_chunk_len(p->dims, chunk);
		char *y = (char *)buf[0] + axk_chunk_at(p->dims, p->sy, outer, chunk) * p->elem_bytes;
		const int32_t *t = inner + (ptrdiff_t)chunk * AXK_CHUNK;
		ptrdiff_t from = axk_move_from(p->dims, buf[2], outer);
		if (run && from >= 0) {
			memcpy(y, (const char *)buf[1] + (from + t[0]) * p->elem_bytes, (size_t)n * (size_t)p->elem_bytes);
			continue;
		}
		switch (p->elem_bytes) {
		case 1: AXK_ROW(uint8_t);
		case 2: AXK_ROW(uint16_t);
		case 4: AXK_ROW(uint32_t);
		default: AXK_ROW(uint64_t);
		}
	}
}

#undef AXK_ROW
