/* Transposed convolution u8 x s8 by the AVX-512 VNNI convolution. Unit: one phase of one image. */
#include "kernels/axk.h"
#include "kernels/ref/epilogue.h"
#include "kernels/ref/math.h"
#include "kernels/ref/round.h"
#include "kernels/x86/conv_geometry.h"
#include "kernels/x86/convt_phases.h"

AXK_FN void axk_conv_u8_avx512vnni(const void *params, void *const *buf, void *scratch, int begin,
				   int end);

AXK_INLINE int axk_convt_avx512vnni_units(const struct axk_conv *q)
{
	const axk_conv_geometry g = axk_conv_geometry_of(q, 64, 1);
	return g.images * g.bands * g.split;
}

AXK_FN void axk_convt_u8_avx512vnni(const void *params, void *const *buf, void *scratch, int begin,
				    int end)
{
	axk_convt_units(params, buf, scratch, begin, end, axk_conv_u8_avx512vnni,
			axk_convt_avx512vnni_units);
}
