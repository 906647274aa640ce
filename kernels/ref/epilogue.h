/* The epilogue of the u8 kernels that accumulate in int32: accumulator to output element, as the
 * comment at AXK_EPI_FIELDS says. */
#ifndef AXK_REF_EPILOGUE_H
#define AXK_REF_EPILOGUE_H

#include "kernels/axk.h"
#include "kernels/ref/math.h"
#include "kernels/ref/round.h"

AXK_INLINE float axk_residual(const struct axk_conv *p, float q, float r)
{
	float a = p->add == 1 ? q : r, b = p->add == 1 ? r : q;
	return axk_rintf(
		axk_clampf(axk_fmaf(a, p->ra, axk_fmaf(b, p->rb, p->rfx)), p->alo, p->ahi));
}

/* Writes n outputs of one pixel; out and res point at the first of them. */
AXK_INLINE void axk_epilogue(const struct axk_conv *p, const int32_t *acc, const float *m, int n,
			     void *out, const uint8_t *lut, const uint8_t *res)
{
	if (p->out_f32) {
		float *y = out;
		for (int i = 0; i < n; i++)
			y[i] = (float)acc[i] * m[i];
		return;
	}
	uint8_t *y = out;
	for (int i = 0; i < n; i++) {
		float q = axk_rintf(axk_clampf((float)acc[i] * m[i], p->lo, p->hi)) + p->zp;
		if (p->has_lut)
			q = lut[(int)q];
		if (p->add)
			q = axk_residual(p, q, res[i]);
		y[i] = (uint8_t)(int)q;
	}
}

#endif
