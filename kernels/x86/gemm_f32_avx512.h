/* The float product in registers, AVX-512: 8 rows by 1 to 3 vectors of 16 columns, one fmaf chain
 * per element in increasing k. a is read one element at a time and broadcast, b by whole vectors:
 * up to a vector less one element is read behind its columns (AXK_SLACK). */
#ifndef AXK_GEMM_F32_AVX512_H
#define AXK_GEMM_F32_AVX512_H

#include <immintrin.h>

/* One tile. Element (i, j) starts at row_start[i] or column_start[j], whichever is not
 * NULL; column_start is read by whole vectors. */
typedef struct axk_tile_f32 {
	const float *a, *b;
	ptrdiff_t sam, sak, ldb; /* a at i*sam + k*sak, b at k*ldb */
	int rows, columns, k;    /* 1..8, 1..48 */
	const float *row_start, *column_start;
	float *c;
	ptrdiff_t ldc;
	float lo, hi;
} axk_tile_f32;

#define AXK_GF_R8(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7)
#define AXK_GF_ROW(i) const float *a##i = t->a + ((i) < t->rows ? (i) : t->rows - 1) * t->sam;
#define AXK_GF_START(i, v)                                                                         \
	t->row_start ? _mm512_set1_ps(t->row_start[(i) < t->rows ? (i) : 0])                       \
		     : _mm512_loadu_ps(t->column_start + 16 * (v))
#define AXK_GF_KEEP(i, v)                                                                          \
	if ((i) < t->rows)                                                                         \
		_mm512_mask_storeu_ps(t->c + (i)*t->ldc + 16 * (v), v == last ? tail : 0xffff,     \
				      _mm512_min_ps(hi, _mm512_max_ps(lo, c##i##v)));

#define AXK_GF_INIT_1(i) __m512 c##i##0 = AXK_GF_START(i, 0);
#define AXK_GF_INIT_2(i) AXK_GF_INIT_1(i) __m512 c##i##1 = AXK_GF_START(i, 1);
#define AXK_GF_INIT_3(i) AXK_GF_INIT_2(i) __m512 c##i##2 = AXK_GF_START(i, 2);
#define AXK_GF_LOAD_1 const __m512 b0 = _mm512_loadu_ps(b);
#define AXK_GF_LOAD_2 AXK_GF_LOAD_1 const __m512 b1 = _mm512_loadu_ps(b + 16);
#define AXK_GF_LOAD_3 AXK_GF_LOAD_2 const __m512 b2 = _mm512_loadu_ps(b + 32);
#define AXK_GF_STEP_1(i)                                                                           \
	const __m512 w##i = _mm512_set1_ps(a##i[at]);                                              \
	c##i##0 = _mm512_fmadd_ps(w##i, b0, c##i##0);
#define AXK_GF_STEP_2(i) AXK_GF_STEP_1(i) c##i##1 = _mm512_fmadd_ps(w##i, b1, c##i##1);
#define AXK_GF_STEP_3(i) AXK_GF_STEP_2(i) c##i##2 = _mm512_fmadd_ps(w##i, b2, c##i##2);
#define AXK_GF_SAVE_1(i) AXK_GF_KEEP(i, 0)
#define AXK_GF_SAVE_2(i) AXK_GF_SAVE_1(i) AXK_GF_KEEP(i, 1)
#define AXK_GF_SAVE_3(i) AXK_GF_SAVE_2(i) AXK_GF_KEEP(i, 2)

/* Not inlined: the loops around it would take its registers. */
#define AXK_GF_TILE(name, V, vectors)                                                              \
	static __attribute__((noinline, unused)) void name(const axk_tile_f32 *t)                  \
	{                                                                                          \
		enum { last = (vectors)-1 };                                                       \
		const ptrdiff_t sak = t->sak, ldb = t->ldb, end = t->k * sak;                      \
		const float *b = t->b;                                                             \
		AXK_GF_R8(AXK_GF_ROW)                                                              \
		AXK_GF_R8(AXK_GF_INIT_##V)                                                         \
		for (ptrdiff_t at = 0; at < end; at += sak, b += ldb) {                            \
			AXK_GF_LOAD_##V AXK_GF_R8(AXK_GF_STEP_##V)                                 \
		}                                                                                  \
		const __mmask16 tail = (__mmask16)(0xffffu >> (16 * (vectors)-t->columns));        \
		const __m512 lo = _mm512_set1_ps(t->lo), hi = _mm512_set1_ps(t->hi);               \
		AXK_GF_R8(AXK_GF_SAVE_##V)                                                         \
	}

AXK_GF_TILE(axk_tile_f32_avx512_1, 1, 1)
AXK_GF_TILE(axk_tile_f32_avx512_2, 2, 2)
AXK_GF_TILE(axk_tile_f32_avx512_3, 3, 3)

AXK_INLINE void axk_tile_f32_avx512(const axk_tile_f32 *t)
{
	if (t->columns > 32)
		axk_tile_f32_avx512_3(t);
	else if (t->columns > 16)
		axk_tile_f32_avx512_2(t);
	else
		axk_tile_f32_avx512_1(t);
}

#undef AXK_GF_TILE
#undef AXK_GF_R8
#undef AXK_GF_ROW
#undef AXK_GF_START
#undef AXK_GF_KEEP
#undef AXK_GF_INIT_1
#undef AXK_GF_INIT_2
#undef AXK_GF_INIT_3
#undef AXK_GF_LOAD_1
#undef AXK_GF_LOAD_2
#undef AXK_GF_LOAD_3
#undef AXK_GF_STEP_1
#undef AXK_GF_STEP_2
#undef AXK_GF_STEP_3
#undef AXK_GF_SAVE_1
#undef AXK_GF_SAVE_2
#undef AXK_GF_SAVE_3

#endif
