/* Matrix product u8 x s8, the specification: rows of the input times rows of the weights. Unit: one row of the
 * input times one block of 8 weight rows. Packed: int32 bias[oc] (zero point folded in), float m[oc],
 * int8 w[oc][ic]. */
#include "kernels/axk.h"
#include "kernels/ref/epilogue.h"
#include "kernels/ref/math.h"
#include "kernels/ref/round.h"

AXK_INLINE int32_t axk_dense_u8_c_dot(const uint8_t *x, const int8_t *w, int n)
{
	int32_t a = 0, b = 0, c = 0, d = 0;
	int i = 0;
	for (; i + 4 <= n; i += 4) {
		a += x[i] * w[i];
		b += x[i + 1] * w[i + 1];
		c += x[i + 2] * w[i + 2];
		d += x[i + 3] * w[i + 3];
	}
	for (; i < n; i++)
		a += x[i] * w[i];
	return a + b + (c + d);
}

AXK_FN void AXK_NAME(axk_dense_u8_c)(const void *params, void *const *buf, void *scratch, int begin,
				     int end)
{
	const struct axk_conv *p = params;
	const int blocks = (p->oc + 7) / 8;
	const int32_t *bias = buf[2];
	const float *m = (const float *)(bias + p->oc);
	const int8_t *w = (const int8_t *)(m + p->oc);
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int row = u / blocks, c0 = u % blocks * 8, n = p->oc - c0 < 8 ? p->oc - c0 : 8;
		const uint8_t *x = (const uint8_t *)buf[1] + (size_t)row * p->in_ld;
		size_t at = (size_t)row * p->out_ld + c0;
		int32_t acc[8];
		for (int i = 0; i < n; i++)
			acc[i] = bias[c0 + i] + axk_dense_u8_c_dot(x, w + (size_t)(c0 + i) * p->ic, p->ic);
		axk_epilogue(p, acc, m + c0, n,
			     p->out_f32 ? (void *)((float *)buf[0] + at) : (void *)((uint8_t *)buf[0] + at),
			     buf[3], p->add ? (const uint8_t *)buf[4] + (size_t)row * p->res_ld + c0 : NULL);
	}
}
