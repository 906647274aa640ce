/* Float matrix product with AVX-512. A unit is a run of 48 columns of one batch.
 * Packed: b in runs of 48 columns, [runs][k][48], the last one filled up with zeros. */
#include "kernels/axk.h"
#include "kernels/x86/gemm_f32_avx512.h"

AXK_FN void axk_matmul_f32_avx512(const void *params, void *const *buf, void *scratch, int begin,
				  int end)
{
	const struct axk_matmul_f32 *p = params;
	const int runs = (p->n + 47) / 48;
	float zeros[48] = {0}, start[48];
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int batch = u / runs, j0 = u % runs * 48;
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
		t.ldb = p->packed ? 48 : p->sbk;
		t.columns = p->n - j0 < 48 ? p->n - j0 : 48;
		t.column_start = zeros;
		for (int j = 0; c && p->scn == 0 && j < 48; j++)
			start[j] = c[0];
		if (c)
			t.column_start = p->scn ? c + j0 : start;
		for (int i = 0; i < p->m; i += 8) {
			t.rows = p->m - i < 8 ? p->m - i : 8;
			t.a = a + (ptrdiff_t)i * p->sam;
			t.c = y + (ptrdiff_t)i * p->n;
			axk_tile_f32_avx512(&t);
		}
	}
}
