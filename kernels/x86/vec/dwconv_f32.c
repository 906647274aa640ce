/* Depthwise float convolution (dwconv_f32.h says how). A unit is one output channel of
 * one image. Packed: w[oc][kh][kw], bias[oc]. Scratch: the phase images, then the flat output. */
#include "kernels/x86/dwconv_f32.h"
#include "kernels/x86/vec_f32.h"

#define AXK_DWF_TAP(v) acc##v = axk_vf_fma(wt, axk_vf_load(x + AXK_VN * (v)), acc##v);
#define AXK_DWF_KEEP(v) axk_vf_store(y + i + AXK_VN * (v), axk_vf_min(hi, axk_vf_max(lo, acc##v)));

AXK_FN void AXK_VEC_NAME(axk_dwconv_f32)(const void *params, void *const *buf, void *scratch,
					 int begin, int end)
{
	const struct axk_conv_f32 *p = params;
	const axk_dw_f32 s = axk_dw_f32_shape(p);
	const int taps = p->kh * p->kw, times = p->oc / p->ic;
	const float *weights = buf[2], *bias = weights + (size_t)p->oc * taps, *tap[AXK_DWF_TAPS];
	float *y = (float *)scratch + s.phase * p->sh * p->sw;
	const axk_vf lo = axk_vf_set(p->lo), hi = axk_vf_set(p->hi);
	axk_dw_f32_taps(p, &s, scratch, tap);
	for (int u = begin; u < end; u++) {
		int oc = u % p->oc, image = u / p->oc;
		const float *w = weights + (size_t)oc * taps;
		float *out = (float *)buf[0] + (size_t)u * p->oh * p->ow;
		axk_dw_f32_phases(p, &s,
				  (const float *)buf[1] +
					  ((size_t)image * p->ic + oc / times) * p->ih * p->iw,
				  scratch);
		for (size_t i = 0; i < s.flat; i += 4 * AXK_VN) {
			axk_vf acc0 = axk_vf_set(bias[oc]), acc1 = acc0, acc2 = acc0, acc3 = acc0;
			for (int t = 0; t < taps; t++) {
				const axk_vf wt = axk_vf_set(w[t]);
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
