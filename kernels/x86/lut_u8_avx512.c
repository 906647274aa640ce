/* A 256-entry table applied to u8 with AVX-512, inner strides 1. Unit: see ref/strided.h. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/ref/strided.h"
#include "kernels/x86/u8_avx512.h"

AXK_FN void axk_lut_u8_avx512(const void *params, void *const *buf, void *scratch, int begin,
			      int end)
{
	const struct axk_lut *p = params;
	const int chunks = axk_chunks(p->dims);
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int outer = u / chunks, chunk = u % chunks, n = axk_chunk_len(p->dims, chunk);
		uint8_t *y = (uint8_t *)buf[0] + axk_chunk_at(p->dims, p->sy, outer, chunk);
		const uint8_t *x =
			(const uint8_t *)buf[1] + axk_chunk_at(p->dims, p->sx, outer, chunk);
		for (int i = 0; i < n; i += 64)
			_mm512_mask_storeu_epi8(y + i, axk_mask64(n - i),
						axk_lut_512(_mm512_loadu_si512(x + i), buf[2]));
	}
}
