/* Float matrix product, batched, the specification. A unit is one row of the output. Packed: b as
 * it is, row-major. */
#include "kernels/axk.h"
#include "kernels/ref/math.h"

enum { AXK_MATMUL_F32_CHUNK = 64 };

/* Columns j0 .. j0 + n - 1 of one row; the stores are y's. */
AXK_INLINE void axk_matmul_f32_c_chunk(const struct axk_matmul_f32 *p, const float *a,
				       const float *b, const float *c, int n, float *y)
{
	const int sbk = p->packed ? p->n : p->sbk, sbn = p->packed ? 1 : p->sbn;
	float acc[AXK_MATMUL_F32_CHUNK], scaled[AXK_MATMUL_F32_CHUNK];
	for (int j = 0; j < n; j++) {
		scaled[j] = !c                ? 0.0f
			    : p->beta == 1.0f ? c[(size_t)j * p->scn]
					      : p->beta * c[(size_t)j * p->scn];
		acc[j] = p->alpha == 1.0f ? scaled[j] : 0.0f;
	}
	for (int k = 0; k < p->k; k++) {
		const float av = a[(size_t)k * p->sak], *row = b + (size_t)k * sbk;
		if (sbn == 1)
			for (int j = 0; j < n; j++)
				acc[j] = axk_fmaf(av, row[j], acc[j]);
		else
			for (int j = 0; j < n; j++)
				acc[j] = axk_fmaf(av, row[(size_t)j * sbn], acc[j]);
	}
	for (int j = 0; j < n; j++)
		y[j] = p->alpha == 1.0f ? acc[j] : axk_fmaf(p->alpha, acc[j], scaled[j]);
}

AXK_FN void AXK_NAME(axk_matmul_f32_c)(const void *params, void *const *buf, void *scratch,
				       int begin, int end)
{
	const struct axk_matmul_f32 *p = params;
	const int step = p->packed ? 1 : p->sbn;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int i = u % p->m, batch = u / p->m;
		const float *a = (const float *)buf[1] + (size_t)i * p->sam, *b = buf[2];
		for (int d = 5; d >= 0; d--) {
			a += (size_t)(batch % p->batch[d]) * p->sa[d];
			b += (size_t)(batch % p->batch[d]) * p->sb[d];
			batch /= p->batch[d];
		}
		const float *c = p->has_c ? (const float *)buf[3] + (size_t)i * p->scm : NULL;
		float *y = (float *)buf[0] + (size_t)u * p->n;
		for (int j = 0; j < p->n; j += AXK_MATMUL_F32_CHUNK) {
			int n = p->n - j < AXK_MATMUL_F32_CHUNK ? p->n - j : AXK_MATMUL_F32_CHUNK;
			axk_matmul_f32_c_chunk(p, a, b + (size_t)j * step,
					       c ? c + (size_t)j * p->scn : NULL, n, y + j);
		}
	}
}
