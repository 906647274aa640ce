/* Accumulators that a convolution left as float, times m: rule 1, or float. Unit: one row. */
#include "kernels/axk.h"
#include "kernels/ref/round.h"

AXK_FN void AXK_NAME(axk_requant_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_requant *p = params;
	const float *m = buf[2], *zp = buf[3];
	(void)scratch;
	for (int r = begin; r < end; r++) {
		const float *x = (const float *)buf[1] + (size_t)r * p->in_ld;
		float *f = (float *)buf[0] + (size_t)r * p->out_ld;
		uint8_t *q = (uint8_t *)buf[0] + (size_t)r * p->out_ld;
		for (int i = 0; i < p->c && p->out_f32; i++)
			f[i] = x[i] * m[i];
		for (int i = 0; i < p->c && p->per_channel; i++)
			q[i] = (uint8_t)(int)(axk_rintf(axk_clampf(x[i] * m[i], 0.0f - zp[i], 255.0f - zp[i])) + zp[i]);
		for (int i = 0; i < p->c && !p->out_f32 && !p->per_channel; i++)
			q[i] = (uint8_t)(int)(axk_rintf(axk_clampf(x[i] * m[i], p->lo, p->hi)) + p->zp);
	}
}
