/* Elementwise addition on u8 with broadcasting, the specification: rule 2. Unit: see strided.h. */
#include "kernels/axk.h"
#include "kernels/ref/math.h"
#include "kernels/ref/round.h"
#include "kernels/ref/strided.h"

AXK_FN void AXK_NAME(axk_add_u8_c)(const void *params, void *const *buf, void *scratch, int begin,
				   int end)
{
	const struct axk_binary_u8 *p = params;
	const uint8_t *lut = p->has_lut ? buf[3] : NULL;
	const int chunks = axk_chunks(p->dims), ly = p->sy[7], la = p->sa[7], lb = p->sb[7];
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int outer = u / chunks, chunk = u % chunks, n = axk_chunk_len(p->dims, chunk);
		uint8_t *y = (uint8_t *)buf[0] + axk_chunk_at(p->dims, p->sy, outer, chunk);
		const uint8_t *a =
			(const uint8_t *)buf[1] + axk_chunk_at(p->dims, p->sa, outer, chunk);
		const uint8_t *b =
			(const uint8_t *)buf[2] + axk_chunk_at(p->dims, p->sb, outer, chunk);
		for (int i = 0; i < n; i++) {
			float t = axk_fmaf((float)b[(ptrdiff_t)i * lb], p->rb, p->fx);
			t = axk_fmaf((float)a[(ptrdiff_t)i * la], p->ra, t);
			int q = (int)axk_rintf(axk_clampf(t, p->lo, p->hi));
			y[(ptrdiff_t)i * ly] = lut ? lut[q] : (uint8_t)q;
		}
	}
}
