/* Depthwise float convolution with AVX-512 (dwconv_f32.h says how). A unit is one output channel of
 * one image. Packed: w[oc][kh][kw], bias[oc]. Scratch: the phase images, then the flat output. */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/x86/dwconv_f32.h"

#define AXK_DWF_TAP(v) acc##v = _mm512_fmadd_ps(wt, _mm512_loadu_ps(x + 16 * (v)), acc##v);
#define AXK_DWF_KEEP(v)                                                                            \
	_mm512_storeu_ps(y + i + 16 * (v), _mm512_min_ps(hi, _mm512_max_ps(lo, acc##v)));

AXK_FN void axk_dwconv_f32_avx512(const void *params, void *const *buf, void *scratch, int begin,
				  int end)
{
	const struct axk_conv_f32 *p = params;
	const axk_dw_f32 s = axk_dw_f32_shape(p);
	const int taps = p->kh * p->kw, times = p->oc / p->ic;
	const float *weights = buf[2], *bias = weights + (size_t)p->oc * taps, *tap[AXK_DWF_TAPS];
	float *y = (float *)scratch + s.phase * p->sh * p->sw;
	const __m512 lo = _mm512_set1_ps(p->lo), hi = _mm512_set1_ps(p->hi);
	axk_dw_f32_taps(p, &s, scratch, tap);
	for (int u = begin; u < end; u++) {
		int oc = u % p->oc, image = u / p->oc;
		const float *w = weights + (size_t)oc * taps;
		float *out = (float *)buf[0] + (size_t)u * p->oh * p->ow;
		axk_dw_f32_phases(p, &s,
				  (const float *)buf[1] +
					  ((size_t)image * p->ic + oc / times) * p->ih * p->iw,
				  scratch);
		for (size_t i = 0; i < s.flat; i += 64) {
			__m512 acc0 = _mm512_set1_ps(bias[oc]), acc1 = acc0, acc2 = acc0,
			       acc3 = acc0;
			for (int t = 0; t < taps; t++) {
				const __m512 wt = _mm512_set1_ps(w[t]);
				const float *x = tap[t] + i;
				AXK_DWF_TAP(0) AXK_DWF_TAP(1) AXK_DWF_TAP(2) AXK_DWF_TAP(3)
			}
			AXK_DWF_KEEP(0) AXK_DWF_KEEP(1) AXK_DWF_KEEP(2) AXK_DWF_KEEP(3)
		}
		for (int r = 0; r < p->oh; r++)
			memcpy(out + (size_t)r * p->ow, y + (size_t)r * s.pitch,
			       (size_t)p->ow * sizeof *out);
	}
}

#undef AXK_DWF_TAP
#undef AXK_DWF_KEEP
