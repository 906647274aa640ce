/* A 256-entry table applied to u8, the specification: rule 5. Unit: see strided.h. */
#include "kernels/axk.h"
#include "kernels/ref/strided.h"

AXK_FN void AXK_NAME(axk_lut_u8_c)(const void *params, void *const *buf, void *scratch, int begin,
				   int end)
{
	const struct axk_lut *p = params;
	const uint8_t *lut = buf[2];
	const int chunks = axk_chunks(p->dims);
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int outer = u / chunks, chunk = u % chunks, n = axk_chunk_len(p->dims, chunk);
		uint8_t *y = (uint8_t *)buf[0] + axk_chunk_at(p->dims, p->sy, outer, chunk);
		const uint8_t *x =
			(const uint8_t *)buf[1] + axk_chunk_at(p->dims, p->sx, outer, chunk);
		for (int i = 0; i < n; i++)
			y[(ptrdiff_t)i * p->sy[7]] = lut[x[(ptrdiff_t)i * p->sx[7]]];
	}
}
