/* Transposed float convolution with AVX2 (convt_f32.h says how). A unit is a run of 24 positions of
 * one phase of one group of one image. Packed: bias per group and block of 4 channels; then per
 * phase, group and block w[ic/groups * taps of the phase][4]. Scratch: the matrix, then a tile of
 * results. */
#include "kernels/axk.h"
#include "kernels/x86/convt_f32.h"
#include "kernels/x86/gemm_f32_avx2.h"

/* The run of positions from p0 of one phase; weights: of the phase's first group. */
AXK_INLINE void axk_convt_f32_avx2_run(const struct axk_conv_f32 *p, const axk_ct_f32 *c,
				       void *const *buf, float *scratch, size_t tile_at,
				       const float *weights, int image, int g, int p0)
{
	const int icg = p->ic / p->groups, ocg = p->oc / p->groups, blocks = (ocg + 3) / 4,
		  k = icg * c->taps;
	const int left = c->rows * c->cols - p0;
	const float *bias = (const float *)buf[2] + (size_t)g * blocks * 4;
	const float *in =
		(const float *)buf[1] + ((size_t)image * p->ic + (size_t)g * icg) * p->ih * p->iw;
	float *tile = scratch + tile_at;
	axk_tile2_f32 t = {.sam = 1,
			   .sak = 4,
			   .k = k,
			   .b = scratch,
			   .ldb = 24,
			   .c = tile,
			   .ldc = 24,
			   .lo = p->lo,
			   .hi = p->hi,
			   .columns = left < 24 ? left : 24};
	axk_ct_f32_im2col(p, c, in, icg, p0, t.columns, scratch, 24);
	for (int block = 0; block < blocks; block++) {
		int oc = g * ocg + block * 4;
		t.rows = ocg - block * 4 < 4 ? ocg - block * 4 : 4;
		t.a = weights + ((size_t)g * blocks + block) * 4 * k;
		t.row_start = bias + block * 4;
		axk_tile_f32_avx2(&t);
		for (int i = 0; i < t.rows; i++)
			axk_ct_f32_store(p, c, tile + i * 24, p0, t.columns,
					 (float *)buf[0] +
						 ((size_t)image * p->oc + oc + i) * p->oh * p->ow);
	}
}

AXK_FN void axk_convt_f32_avx2(const void *params, void *const *buf, void *scratch, int begin,
			       int end)
{
	const struct axk_conv_f32 *p = params;
	const size_t blocks = (size_t)p->groups * ((p->oc / p->groups + 3) / 4),
		     all = p->kh * p->kw;
	const float *weights = (const float *)buf[2] + blocks * 4;
	for (int phase = 0, first = 0; phase < p->sh * p->sw; phase++) {
		const axk_ct_f32 c = axk_ct_f32_phase(p, phase);
		const int runs = (c.rows * c.cols + 23) / 24, units = runs * p->n * p->groups;
		for (int u = begin > first ? begin : first; u < end && u < first + units; u++) {
			int at = (u - first) / runs;
			axk_convt_f32_avx2_run(
				p, &c, buf, scratch, (size_t)(p->ic / p->groups) * all * 24,
				weights, at / p->groups, at % p->groups, (u - first) % runs * 24);
		}
		first += units;
		weights += blocks * 4 * (size_t)(p->ic / p->groups * c.taps);
	}
}
