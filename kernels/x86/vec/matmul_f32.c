/* Float matrix product. A unit is a run of 3 vectors of columns of one batch.
 * Packed: b in runs of 3 vectors of columns, [runs][k][3 * AXK_VN], the last one filled up with
 * zeros. */
#include "kernels/x86/vec/gemm_f32.h"

AXK_FN void AXK_VEC_NAME(axk_matmul_f32)(const void *params, void *const *buf, void *scratch,
					 int begin, int end)
{
	const struct axk_matmul_f32 *p = params;
	const int runs = (p->n + AXK_TILE_COLUMNS - 1) / AXK_TILE_COLUMNS;
	float zeros[AXK_TILE_COLUMNS] = {0}, start[AXK_TILE_COLUMNS];
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int batch = u / runs, j0 = u % runs * AXK_TILE_COLUMNS;
		const float *a = buf[1], *b = buf[2], *c = p->has_c ? (const float *)buf[3] : NULL;
		float *y = (float *)buf[0] + (size_t)batch * p->m * p->n + j0;
		for (int d = 5; d >= 0; d--) {
			a += (size_t)(batch % p->batch[d]) * p->sa[d];
			b += (size_t)(batch % p->batch[d]) * p->sb[d];
			batch /= p->batch[d];
		}
		axk_tile_f32 t = {.sam = p->sam,
				  .sak = p->sak,
				  .k = p->k,
				  .ldc = p->n,
				  .lo = -1.0f / 0.0f,
				  .hi = 1.0f / 0.0f};
		t.b = p->packed ? b + (size_t)j0 * p->k : b + j0;
		t.ldb = p->packed ? AXK_TILE_COLUMNS : p->sbk;
		t.columns = p->n - j0 < AXK_TILE_COLUMNS ? p->n - j0 : AXK_TILE_COLUMNS;
		t.column_start = zeros;
		for (int j = 0; c && p->scn == 0 && j < AXK_TILE_COLUMNS; j++)
			start[j] = c[0];
		if (c)
			t.column_start = p->scn ? c + j0 : start;
		for (int i = 0; i < p->m; i += AXK_VR) {
			t.rows = p->m - i < AXK_VR ? p->m - i : AXK_VR;
			t.a = a + (ptrdiff_t)i * p->sam;
			t.c = y + (ptrdiff_t)i * p->n;
			axk_tile_f32_run(&t);
		}
	}
}
