/* Float convolution: 3 vectors of output positions at a time become a matrix (im2col) in
 * scratch, times the packed weights. A unit is such a run of positions of one group of one image.
 * Packed: per group and block of AXK_VR channels w[ic/groups * kh * kw][AXK_VR], then
 * bias[blocks][AXK_VR]. */
#include "kernels/x86/im2col_f32.h"
#include "kernels/x86/vec/gemm_f32.h"

AXK_FN void AXK_VEC_NAME(axk_conv_f32)(const void *params, void *const *buf, void *scratch,
				       int begin, int end)
{
	const struct axk_conv_f32 *p = params;
	const int icg = p->ic / p->groups, ocg = p->oc / p->groups, k = icg * p->kh * p->kw;
	const int blocks = (ocg + AXK_VR - 1) / AXK_VR, pixels = p->oh * p->ow;
	const int runs = (pixels + AXK_TILE_COLUMNS - 1) / AXK_TILE_COLUMNS;
	const size_t in_plane = (size_t)p->ih * p->iw;
	const float *weights = buf[2], *bias = weights + (size_t)p->groups * blocks * AXK_VR * k;
	for (int u = begin; u < end; u++) {
		int p0 = u % runs * AXK_TILE_COLUMNS, image = u / runs / p->groups,
		    g = u / runs % p->groups;
		const float *in = (const float *)buf[1] +
				  ((size_t)image * p->ic + (size_t)g * icg) * in_plane;
		axk_tile_f32 t = {.sam = 1,
				  .sak = AXK_VR,
				  .k = k,
				  .b = scratch,
				  .ldb = AXK_TILE_COLUMNS,
				  .ldc = pixels,
				  .lo = p->lo,
				  .hi = p->hi};
		t.columns = pixels - p0 < AXK_TILE_COLUMNS ? pixels - p0 : AXK_TILE_COLUMNS;
		if (axk_conv_f32_is_pointwise(p)) {
			t.b = in + p0;
			t.ldb = (ptrdiff_t)in_plane;
		} else {
			axk_im2col_f32(p, in, icg, p0, t.columns, scratch, AXK_TILE_COLUMNS);
		}
		for (int block = 0; block < blocks; block++) {
			int oc = g * ocg + block * AXK_VR;
			size_t at = (size_t)g * blocks + block;
			t.rows = ocg - block * AXK_VR < AXK_VR ? ocg - block * AXK_VR : AXK_VR;
			t.a = weights + at * AXK_VR * k;
			t.row_start = bias + at * AXK_VR;
			t.c = (float *)buf[0] + ((size_t)image * p->oc + oc) * pixels + p0;
			axk_tile_f32_run(&t);
		}
	}
}
