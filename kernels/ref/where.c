/* Element-wise choice with broadcasting. Unit: a chunk of the innermost dimension (strided.h). */
#include "kernels/axk.h"
#include "kernels/ref/strided.h"

#define AXK_CHOOSE(T) \
	for (int i = 0; i < n; i++) \
		((T *)buf[0])[y + i] = ((const uint8_t *)buf[1])[c + (ptrdiff_t)i * p->sc[7]] \
					       ? ((const T *)buf[2])[a + (ptrdiff_t)i * p->sa[7]] \
					       : ((const T *)buf[3])[b + (ptrdiff_t)i * p->sb[7]]; \
	break

AXK_FN void AXK_NAME(axk_where_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_where *p = params;
	const int chunks = axk_chunks(p->dims);
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int outer = u / chunks, chunk = u % chunks, n = axk_chunk_len(p->dims, chunk);
		ptrdiff_t y = (ptrdiff_t)outer * p->dims[7] + (ptrdiff_t)chunk * AXK_CHUNK;
		ptrdiff_t c = axk_chunk_at(p->dims, p->sc, outer, chunk);
		ptrdiff_t a = axk_chunk_at(p->dims, p->sa, outer, chunk);
		ptrdiff_t b = axk_chunk_at(p->dims, p->sb, outer, chunk);
		switch (p->elem_bytes) {
		case 1: AXK_CHOOSE(uint8_t);
		case 2: AXK_CHOOSE(uint16_t);
		case 4: AXK_CHOOSE(uint32_t);
		default: AXK_CHOOSE(uint64_t);
		}
	}
}

#undef AXK_CHOOSE
