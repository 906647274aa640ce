/* Softmax on u8 by rule 8. Where `inner` is the innermost dimension a lane is a row, so sums keep
 * their order; where c is, four rows are summed side by side and the rest is vectors along c. Unit:
 * one outer. Scratch: the exponentials. */
#include "kernels/x86/vec_f32.h"

AXK_VEC axk_vi axk_softmax_u8_quantize(axk_vf e, axk_vf sum)
{
	axk_vf q = axk_vf_mul(axk_vf_div(e, sum), axk_vf_set(256.0f));
	return axk_vf_rint(axk_vf_min(q, axk_vf_set(255.0f)));
}

AXK_INLINE void axk_softmax_u8_columns(const struct axk_softmax_u8 *p, uint8_t *y, const uint8_t *x,
				       const float *table, float *e, int n)
{
	axk_vi max = axk_vi_set(0);
	axk_vf sum = axk_vf_set(0.0f);
	for (int c = 0; c < p->c; c++)
		max = axk_vi_max(max, axk_vi_load_u8(x + (ptrdiff_t)c * p->x_c));
	for (int c = 0; c < p->c; c++) {
		axk_vi at = axk_vi_sub(max, axk_vi_load_u8(x + (ptrdiff_t)c * p->x_c));
		axk_vf v = axk_vf_gather(table, at);
		axk_vf_store(e + (ptrdiff_t)c * AXK_VN, v);
		sum = axk_vf_add(sum, v);
	}
	for (int c = 0; c < p->c; c++)
		axk_vi_store_u8_n(
			y + (ptrdiff_t)c * p->y_c,
			axk_softmax_u8_quantize(axk_vf_load(e + (ptrdiff_t)c * AXK_VN), sum), n);
}

AXK_INLINE int axk_softmax_u8_max(const uint8_t *x, int n)
{
	__m128i max = _mm_setzero_si128();
	int i = 0, m = 0;
	for (; i + 16 <= n; i += 16)
		max = _mm_max_epu8(max, _mm_loadu_si128((const __m128i *)(const void *)(x + i)));
	for (; i < n; i++)
		m = x[i] > m ? x[i] : m;
	max = _mm_max_epu8(max, _mm_srli_si128(max, 8));
	max = _mm_max_epu8(max, _mm_srli_si128(max, 4));
	max = _mm_max_epu8(max, _mm_srli_si128(max, 2));
	max = _mm_max_epu8(max, _mm_srli_si128(max, 1));
	return (_mm_cvtsi128_si32(max) & 255) > m ? _mm_cvtsi128_si32(max) & 255 : m;
}

/* Up to 4 rows of contiguous c. */
AXK_INLINE void axk_softmax_u8_rows(int c, uint8_t *const y[4], const uint8_t *const x[4],
				    const float *table, float *e, int rows)
{
	float s0 = 0.0f, s1 = 0.0f, s2 = 0.0f, s3 = 0.0f;
	int max[4];
	for (int r = 0; r < 4; r++)
		max[r] = r < rows ? axk_softmax_u8_max(x[r], c) : max[0];
	const uint8_t *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
	const float *t0 = table + max[0], *t1 = table + max[1], *t2 = table + max[2],
		    *t3 = table + max[3];
	if (rows > 1)
		for (int i = 0; i < c; i++) {
			s0 += e[i] = t0[-(ptrdiff_t)x0[i]];
			s1 += e[c + i] = t1[-(ptrdiff_t)x1[i]];
			s2 += e[2 * c + i] = t2[-(ptrdiff_t)x2[i]];
			s3 += e[3 * c + i] = t3[-(ptrdiff_t)x3[i]];
		}
	else
		for (int i = 0; i < c; i++)
			s0 += e[i] = t0[-(ptrdiff_t)x0[i]];
	const float sum[4] = {s0, s1, s2, s3};
	for (int r = 0; r < rows; r++) {
		const axk_vf s = axk_vf_set(sum[r]);
		for (int i = 0; i < c; i += AXK_VN)
			axk_vi_store_u8_n(
				y[r] + i,
				axk_softmax_u8_quantize(axk_vf_load(e + (ptrdiff_t)r * c + i), s),
				c - i);
	}
}

AXK_FN void AXK_VEC_NAME(axk_softmax_u8)(const void *params, void *const *buf, void *scratch,
					 int begin, int end)
{
	const struct axk_softmax_u8 *p = params;
	if (p->x_c == 1 && p->y_c == 1) {
		for (int r = begin * p->inner, last = end * p->inner; r < last; r += 4) {
			const uint8_t *x[4];
			uint8_t *y[4];
			for (int i = 0; i < 4; i++) {
				int row = r + i < last ? r + i : r, o = row / p->inner,
				    k = row % p->inner;
				x[i] = (const uint8_t *)buf[1] + (ptrdiff_t)o * p->x_outer +
				       (ptrdiff_t)k * p->x_inner;
				y[i] = (uint8_t *)buf[0] + (ptrdiff_t)o * p->y_outer +
				       (ptrdiff_t)k * p->y_inner;
			}
			axk_softmax_u8_rows(p->c, y, x, buf[2], scratch,
					    last - r < 4 ? last - r : 4);
		}
		return;
	}
	for (int o = begin; o < end; o++)
		for (int i = 0; i < p->inner; i += AXK_VN)
			axk_softmax_u8_columns(p, (uint8_t *)buf[0] + (ptrdiff_t)o * p->y_outer + i,
					       (const uint8_t *)buf[1] + (ptrdiff_t)o * p->x_outer +
						       i,
					       buf[2], scratch, p->inner - i);
}
