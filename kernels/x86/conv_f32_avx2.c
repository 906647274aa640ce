/* Float convolution with AVX2: 24 output positions at a time become a matrix (im2col) in scratch,
 * times the packed weights. A unit is such a run of positions of one group of one image. Packed:
 * per group and block of 4 channels w[ic/groups * kh * kw][4], then bias[blocks][4]. */
#include "kernels/axk.h"
#include "kernels/x86/gemm_f32_avx2.h"
#include "kernels/x86/im2col_f32.h"

AXK_FN void axk_conv_f32_avx2(const void *params, void *const *buf, void *scratch, int begin,
			      int end)
{
	const struct axk_conv_f32 *p = params;
	const int icg = p->ic / p->groups, ocg = p->oc / p->groups, k = icg * p->kh * p->kw;
	const int blocks = (ocg + 3) / 4, pixels = p->oh * p->ow, runs = (pixels + 23) / 24;
	const size_t in_plane = (size_t)p->ih * p->iw;
	const float *weights = buf[2], *bias = weights + (size_t)p->groups * blocks * 4 * k;
	for (int u = begin; u < end; u++) {
		int p0 = u % runs * 24, image = u / runs / p->groups, g = u / runs % p->groups;
		const float *in = (const float *)buf[1] +
				  ((size_t)image * p->ic + (size_t)g * icg) * in_plane;
		axk_tile2_f32 t = {.sam = 1,
				   .sak = 4,
				   .k = k,
				   .b = scratch,
				   .ldb = 24,
				   .ldc = pixels,
				   .lo = p->lo,
				   .hi = p->hi};
		t.columns = pixels - p0 < 24 ? pixels - p0 : 24;
		if (axk_conv_f32_is_pointwise(p)) {
			t.b = in + p0;
			t.ldb = (ptrdiff_t)in_plane;
		} else {
			axk_im2col_f32(p, in, icg, p0, t.columns, scratch, 24);
		}
		for (int block = 0; block < blocks; block++) {
			int oc = g * ocg + block * 4;
			size_t at = (size_t)g * blocks + block;
			t.rows = ocg - block * 4 < 4 ? ocg - block * 4 : 4;
			t.a = weights + at * 4 * k;
			t.row_start = bias + at * 4;
			t.c = (float *)buf[0] + ((size_t)image * p->oc + oc) * pixels + p0;
			axk_tile_f32_avx2(&t);
		}
	}
}
