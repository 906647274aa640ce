/* Average pooling on u8, the specification: rule 4 (AveragePool), in float and in window order.
 * Unit: one output row. */
#include "kernels/axk.h"
#include "kernels/ref/round.h"

/* How many taps of a window starting at `at` the divisor counts: with count_pad those inside the
 * padded input, else those inside the input. */
AXK_INLINE int axk_avgpool_u8_c_count(int at, int k, int dilation, int size, int pad_before,
				      int pad_after, int count_pad)
{
	int n = 0;
	for (int i = 0; i < k; i++) {
		int pos = at + i * dilation;
		n += count_pad ? pos >= -pad_before && pos < size + pad_after
			       : pos >= 0 && pos < size;
	}
	return n;
}

AXK_INLINE uint8_t axk_avgpool_u8_c_window(const struct axk_pool *p, const uint8_t *x, int y0,
					   int x0, float count)
{
	float sum = 0.0f;
	for (int ky = 0; ky < p->kh; ky++) {
		int iy = y0 + ky * p->dh;
		for (int kx = 0; kx < p->kw && iy >= 0 && iy < p->ih; kx++) {
			int ix = x0 + kx * p->dw;
			if (ix >= 0 && ix < p->iw)
				sum += (float)(x[((size_t)iy * p->iw + ix) * p->in_ld] - p->zp_in) *
				       p->s_in;
		}
	}
	float q = count > 0.0f ? sum / count / p->s_out + (float)p->zp_out : (float)p->zp_out;
	return (uint8_t)(int)axk_rintf(axk_clampf(q, 0.0f, 255.0f));
}

AXK_FN void AXK_NAME(axk_avgpool_u8_c)(const void *params, void *const *buf, void *scratch,
				       int begin, int end)
{
	const struct axk_pool *p = params;
	(void)scratch;
	for (int row = begin; row < end; row++) {
		const uint8_t *x =
			(const uint8_t *)buf[1] + (size_t)(row / p->oh) * p->ih * p->iw * p->in_ld;
		int y0 = row % p->oh * p->sh - p->pt;
		int rows =
			axk_avgpool_u8_c_count(y0, p->kh, p->dh, p->ih, p->pt, p->pb, p->count_pad);
		for (int ox = 0; ox < p->ow; ox++) {
			uint8_t *y = (uint8_t *)buf[0] + ((size_t)row * p->ow + ox) * p->out_ld;
			int x0 = ox * p->sw - p->pl;
			int cols = axk_avgpool_u8_c_count(x0, p->kw, p->dw, p->iw, p->pl, p->pr,
							  p->count_pad);
			for (int c = 0; c < p->c; c++)
				y[c] = axk_avgpool_u8_c_window(p, x + c, y0, x0,
							       (float)(rows * cols));
		}
	}
}
