/* Transposed float convolution (convt_f32.h says how). A unit is a run of 3 vectors of positions
 * of one phase of one group of one image. Packed: bias per group and block of AXK_VR channels; then
 * per phase, group and block w[ic/groups * taps of the phase][AXK_VR]. Scratch: the matrix, then a
 * tile of results. */
#include "kernels/x86/convt_f32.h"
#include "kernels/x86/vec/gemm_f32.h"

/* The run of positions from p0 of one phase; weights: of the phase's first group. */
AXK_INLINE void axk_convt_f32_run(const struct axk_conv_f32 *p, const axk_ct_f32 *c,
				  void *const *buf, float *scratch, size_t tile_at,
				  const float *weights, int image, int g, int p0)
{
	const int icg = p->ic / p->groups, ocg = p->oc / p->groups,
		  blocks = (ocg + AXK_VR - 1) / AXK_VR, k = icg * c->taps;
	const int left = c->rows * c->cols - p0;
	const float *bias = (const float *)buf[2] + (size_t)g * blocks * AXK_VR;
	const float *in =
		(const float *)buf[1] + ((size_t)image * p->ic + (size_t)g * icg) * p->ih * p->iw;
	float *tile = scratch + tile_at;
	axk_tile_f32 t = {.sam = 1,
			  .sak = AXK_VR,
			  .k = k,
			  .b = scratch,
			  .ldb = AXK_TILE_COLUMNS,
			  .c = tile,
			  .ldc = AXK_TILE_COLUMNS,
			  .lo = p->lo,
			  .hi = p->hi,
			  .columns = left < AXK_TILE_COLUMNS ? left : AXK_TILE_COLUMNS};
	axk_ct_f32_im2col(p, c, in, icg, p0, t.columns, scratch, AXK_TILE_COLUMNS);
	for (int block = 0; block < blocks; block++) {
		int oc = g * ocg + block * AXK_VR;
		t.rows = ocg - block * AXK_VR < AXK_VR ? ocg - block * AXK_VR : AXK_VR;
		t.a = weights + ((size_t)g * blocks + block) * AXK_VR * k;
		t.row_start = bias + block * AXK_VR;
		axk_tile_f32_run(&t);
		for (int i = 0; i < t.rows; i++)
			axk_ct_f32_store(p, c, tile + i * AXK_TILE_COLUMNS, p0, t.columns,
					 (float *)buf[0] +
						 ((size_t)image * p->oc + oc + i) * p->oh * p->ow);
	}
}

AXK_FN void AXK_VEC_NAME(axk_convt_f32)(const void *params, void *const *buf, void *scratch,
					int begin, int end)
{
	const struct axk_conv_f32 *p = params;
	const size_t blocks = (size_t)p->groups * ((p->oc / p->groups + AXK_VR - 1) / AXK_VR),
		     all = p->kh * p->kw;
	const float *weights = (const float *)buf[2] + blocks * AXK_VR;
	for (int phase = 0, first = 0; phase < p->sh * p->sw; phase++) {
		const axk_ct_f32 c = axk_ct_f32_phase(p, phase);
		const int runs = (c.rows * c.cols + AXK_TILE_COLUMNS - 1) / AXK_TILE_COLUMNS;
		const int units = runs * p->n * p->groups;
		for (int u = begin > first ? begin : first; u < end && u < first + units; u++) {
			int at = (u - first) / runs;
			axk_convt_f32_run(p, &c, buf, scratch,
					  (size_t)(p->ic / p->groups) * all * AXK_TILE_COLUMNS,
					  weights, at / p->groups, at % p->groups,
					  (u - first) % runs * AXK_TILE_COLUMNS);
		}
		first += units;
		weights += blocks * AXK_VR * (size_t)(p->ic / p->groups * c.taps);
	}
}
