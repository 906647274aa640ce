/* Local response normalization over channels. A unit is one image. */
#include "kernels/axk.h"
#include "kernels/ref/math.h"
#include "kernels/ref/math64.h"
#include "kernels/ref/scalar.h"

AXK_FN void AXK_NAME(axk_lrn_f32_c)(const void *params, void *const *buf, void *scratch, int begin,
				    int end)
{
	const struct axk_lrn_f32 *p = params;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		const float *in = (const float *)buf[1] + (size_t)u * p->c * p->inner;
		float *out = (float *)buf[0] + (size_t)u * p->c * p->inner;
		for (int c = 0; c < p->c; c++) {
			int first = c - (p->size - 1) / 2, last = c + p->size / 2;
			first = first < 0 ? 0 : first;
			last = last < p->c ? last : p->c - 1;
			for (int i = 0; i < p->inner; i++) {
				float sum = 0.0f;
				for (int k = first; k <= last; k++) {
					float x = in[(size_t)k * p->inner + i];
					sum = axk_fmaf(x, x, sum);
				}
				float base = axk_fmaf(p->alpha / (float)p->size, sum, p->bias);
				out[(size_t)c * p->inner + i] =
					in[(size_t)c * p->inner + i] / axk_powf(base, p->beta);
			}
		}
	}
}
