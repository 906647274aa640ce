/* Max pooling on u8, the specification. Padding never wins; a window wholly outside gives 0.
 * Unit: one output row. */
#include "kernels/axk.h"

AXK_FN void AXK_NAME(axk_maxpool_u8_c)(const void *params, void *const *buf, void *scratch,
				       int begin, int end)
{
	const struct axk_pool *p = params;
	(void)scratch;
	for (int row = begin; row < end; row++) {
		const uint8_t *x =
			(const uint8_t *)buf[1] + (size_t)(row / p->oh) * p->ih * p->iw * p->in_ld;
		for (int ox = 0; ox < p->ow; ox++) {
			uint8_t *y = (uint8_t *)buf[0] + ((size_t)row * p->ow + ox) * p->out_ld;
			memset(y, 0, (size_t)p->c);
			for (int k = 0; k < p->kh * p->kw; k++) {
				int iy = row % p->oh * p->sh - p->pt + k / p->kw * p->dh;
				int ix = ox * p->sw - p->pl + k % p->kw * p->dw;
				if (iy < 0 || iy >= p->ih || ix < 0 || ix >= p->iw)
					continue;
				const uint8_t *px = x + ((size_t)iy * p->iw + ix) * p->in_ld;
				for (int c = 0; c < p->c; c++)
					y[c] = px[c] > y[c] ? px[c] : y[c];
			}
		}
	}
}
