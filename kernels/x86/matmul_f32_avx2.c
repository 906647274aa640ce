/* Float matrix product with AVX2. A unit is a run of 24 columns of one batch.
 * Packed: b in runs of 24 columns, [runs][k][24], the last one filled up with zeros. */
#include "kernels/axk.h"
#include "kernels/x86/gemm_f32_avx2.h"

AXK_FN void axk_matmul_f32_avx2(const void *params, void *const *buf, void *scratch, int begin,
				int end)
{
	const struct axk_matmul_f32 *p = params;
	const int runs = (p->n + 23) / 24;
	float zeros[24] = {0}, start[24];
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int batch = u / runs, j0 = u % runs * 24;
		const float *a = buf[1], *b = buf[2], *c = p->has_c ? (const float *)buf[3] : NULL;
		float *y = (float *)buf[0] + (size_t)batch * p->m * p->n + j0;
		for (int d = 5; d >= 0; d--) {
			a += (size_t)(batch % p->batch[d]) * p->sa[d];
			b += (size_t)(batch % p->batch[d]) * p->sb[d];
			batch /= p->batch[d];
		}
		axk_tile2_f32 t = {.sam = p->sam,
				   .sak = p->sak,
				   .k = p->k,
				   .ldc = p->n,
				   .lo = -1.0f / 0.0f,
				   .hi = 1.0f / 0.0f};
		t.b = p->packed ? b + (size_t)j0 * p->k : b + j0;
		t.ldb = p->packed ? 24 : p->sbk;
		t.columns = p->n - j0 < 24 ? p->n - j0 : 24;
		t.column_start = zeros;
		for (int j = 0; c && p->scn == 0 && j < 24; j++)
			start[j] = c[0];
		if (c)
			t.column_start = p->scn ? c + j0 : start;
		for (int i = 0; i < p->m; i += 4) {
			t.rows = p->m - i < 4 ? p->m - i : 4;
			t.a = a + (ptrdiff_t)i * p->sam;
			t.c = y + (ptrdiff_t)i * p->n;
			axk_tile_f32_avx2(&t);
		}
	}
}
