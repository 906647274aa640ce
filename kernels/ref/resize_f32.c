/* One axis of a linear or cubic resize. A unit is one outer index. */
#include "kernels/axk.h"
#include "kernels/ref/math.h"

AXK_INLINE void axk_resize_f32_c_row(const struct axk_resize_f32 *p, const float *x,
				     const int32_t *index, const float *w, float *y)
{
	const int n = p->inner;
	for (int i = 0; i < n; i++)
		y[i] = w[0] * x[(size_t)index[0] * n + i];
	for (int t = 1; t < p->taps; t++) {
		const float *xt = x + (size_t)index[t] * n;
		for (int i = 0; i < n; i++)
			y[i] = axk_fmaf(w[t], xt[i], y[i]);
	}
}

AXK_FN void AXK_NAME(axk_resize_f32_c)(const void *params, void *const *buf, void *scratch,
				       int begin, int end)
{
	const struct axk_resize_f32 *p = params;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		const float *x = (const float *)buf[1] + (size_t)u * p->in * p->inner;
		float *y = (float *)buf[0] + (size_t)u * p->out * p->inner;
		const int32_t *index = buf[2];
		const float *w = buf[3];
		for (int o = 0; o < p->out; o++, y += p->inner, index += p->taps, w += p->taps) {
			if (index[0] >= 0)
				axk_resize_f32_c_row(p, x, index, w, y);
			else
				for (int i = 0; i < p->inner; i++)
					y[i] = p->extrapolate;
		}
	}
}
