/* Gather by a table of offsets per dimension. Unit: a chunk of the innermost dimension (strided.h).
 */
#include "kernels/axk.h"
#include "kernels/ref/strided.h"

/* A place of the outer seven dimensions, with the offsets summed up to each of them. */
struct axk_move_at {
	const int32_t *table[7];
	int index[7];
	ptrdiff_t x[8], y[8]; /* x[d + 1]: up to dimension d */
	int pads[8];
};

AXK_INLINE void axk_move_sum(const struct axk_move *p, struct axk_move_at *at, int from)
{
	for (int d = from; d < 7; d++) {
		int32_t t = at->table[d][at->index[d]];
		at->x[d + 1] = at->x[d] + t;
		at->y[d + 1] = at->y[d] + (ptrdiff_t)at->index[d] * p->sy[d];
		at->pads[d + 1] = at->pads[d] | (t < 0);
	}
}

AXK_INLINE void axk_move_start(const struct axk_move *p, struct axk_move_at *at,
			       const int32_t *tables, int outer)
{
	memset(at, 0, sizeof *at);
	for (int d = 0; d < 7; d++) {
		at->table[d] = tables;
		tables += p->dims[d];
	}
	for (int d = 6; d >= 0; d--) {
		at->index[d] = outer % p->dims[d];
		outer /= p->dims[d];
	}
	axk_move_sum(p, at, 0);
}

AXK_INLINE void axk_move_next(const struct axk_move *p, struct axk_move_at *at)
{
	int d = 6;
	while (d > 0 && at->index[d] == p->dims[d] - 1)
		at->index[d--] = 0;
	if (++at->index[d] < p->dims[d])
		axk_move_sum(p, at, d);
}

#define AXK_ROW(T)                                                                                 \
	for (int i = 0; i < n; i++)                                                                \
		((T *)y)[(ptrdiff_t)i * sy] =                                                      \
			pad || t[i] < 0 ? *(const T *)buf[3] : ((const T *)x)[t[i]];               \
	break

AXK_FN void AXK_NAME(axk_move_c)(const void *params, void *const *buf, void *scratch, int begin,
				 int end)
{
	const struct axk_move *p = params;
	const int chunks = axk_chunks(p->dims), sy = p->sy[7], bytes = p->elem_bytes;
	const int32_t *inner = buf[2];
	struct axk_move_at at;
	(void)scratch;
	if (begin >= end)
		return;
	for (int d = 0; d < 7; d++)
		inner += p->dims[d];
	int run = sy == 1 && inner[0] >= 0; /* is the innermost table a plain run? */
	for (int i = 1; i < p->dims[7] && run; i++)
		run = inner[i] == inner[0] + i;
	axk_move_start(p, &at, buf[2], begin / chunks);
	for (int u = begin; u < end; u++) {
		int chunk = u % chunks, n = axk_chunk_len(p->dims, chunk), pad = at.pads[7];
		char *y = (char *)buf[0] + (at.y[7] + (ptrdiff_t)chunk * AXK_CHUNK * sy) * bytes;
		const char *x = (const char *)buf[1] + (pad ? 0 : at.x[7]) * bytes;
		const int32_t *t = inner + (ptrdiff_t)chunk * AXK_CHUNK;
		if (chunk == chunks - 1)
			axk_move_next(p, &at);
		if (run && !pad) {
			memcpy(y, x + (ptrdiff_t)t[0] * bytes, (size_t)n * (size_t)bytes);
			continue;
		}
		switch (bytes) {
		case 1:
			AXK_ROW(uint8_t);
		case 2:
			AXK_ROW(uint16_t);
		case 4:
			AXK_ROW(uint32_t);
		default:
			AXK_ROW(uint64_t);
		}
	}
}

#undef AXK_ROW
