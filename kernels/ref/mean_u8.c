/* Mean over rows on u8, the specification: exact integer sum, then as rule 1.
 * Unit: one block of 64 channels of one n. */
#include "kernels/axk.h"
#include "kernels/ref/round.h"

AXK_FN void AXK_NAME(axk_mean_u8_c)(const void *params, void *const *buf, void *scratch, int begin,
				    int end)
{
	const struct axk_mean *p = params;
	const int blocks = (p->c + 63) / 64;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int n = u / blocks, c0 = u % blocks * 64, count = p->c - c0 < 64 ? p->c - c0 : 64;
		const uint8_t *x = (const uint8_t *)buf[1] + (size_t)n * p->rows * p->in_ld + c0;
		size_t at = (size_t)n * p->out_ld + c0;
		int32_t sum[64] = {0};
		for (int r = 0; r < p->rows; r++, x += p->in_ld)
			for (int i = 0; i < count; i++)
				sum[i] += x[i] - p->zp_in;
		for (int i = 0; i < count; i++) {
			float v = (float)sum[i] * p->m;
			if (p->out_f32)
				((float *)buf[0])[at + i] = v;
			else
				((uint8_t *)buf[0])[at + i] =
					(uint8_t)(int)(axk_rintf(axk_clampf(v, p->lo, p->hi)) +
						       p->zp);
		}
	}
}
