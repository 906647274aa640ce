/* a to the power of b with broadcasting. Unit: a chunk of the innermost dimension (strided.h). */
#include "kernels/axk.h"
#include "kernels/ref/math64.h"
#include "kernels/ref/strided.h"

AXK_FN void AXK_NAME(axk_pow_f32_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_binary_f32 *p = params;
	const int chunks = axk_chunks(p->dims);
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int outer = u / chunks, chunk = u % chunks, n = axk_chunk_len(p->dims, chunk);
		float *y = (float *)buf[0] + (ptrdiff_t)outer * p->dims[7] + (ptrdiff_t)chunk * AXK_CHUNK;
		const float *a = (const float *)buf[1] + axk_chunk_at(p->dims, p->sa, outer, chunk);
		const float *b = (const float *)buf[2] + axk_chunk_at(p->dims, p->sb, outer, chunk);
		if (p->sb[7] == 0 && *b == 2.0f) { /* what axk_powf gives there, and common */
			for (int i = 0; i < n; i++)
				y[i] = a[(ptrdiff_t)i * p->sa[7]] * a[(ptrdiff_t)i * p->sa[7]];
			continue;
		}
		for (int i = 0; i < n; i++)
			y[i] = axk_powf(a[(ptrdiff_t)i * p->sa[7]], b[(ptrdiff_t)i * p->sb[7]]);
	}
}
