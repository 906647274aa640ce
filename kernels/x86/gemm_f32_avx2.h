/* The float product in registers, AVX2: 4 rows by 1 to 3 vectors of 8 columns, one fmaf chain per
 * element in increasing k. a is read one element at a time and broadcast, b by whole vectors: up to
 * a vector less one element is read behind its columns (AXK_SLACK). */
#ifndef AXK_GEMM_F32_AVX2_H
#define AXK_GEMM_F32_AVX2_H

#include <immintrin.h>

/* One tile. Element (i, j) starts at row_start[i] or column_start[j], whichever is not
 * NULL; column_start is read by whole vectors. */
typedef struct axk_tile2_f32 {
	const float *a, *b;
	ptrdiff_t sam, sak, ldb; /* a at i*sam + k*sak, b at k*ldb */
	int rows, columns, k;    /* 1..4, 1..24 */
	const float *row_start, *column_start;
	float *c;
	ptrdiff_t ldc;
	float lo, hi;
} axk_tile2_f32;

#define AXK_GF_R4(M) M(0) M(1) M(2) M(3)
#define AXK_GF_ROW(i) const float *a##i = t->a + ((i) < t->rows ? (i) : t->rows - 1) * t->sam;
#define AXK_GF_START(i, v)                                                                         \
	t->row_start ? _mm256_set1_ps(t->row_start[(i) < t->rows ? (i) : 0])                       \
		     : _mm256_loadu_ps(t->column_start + 8 * (v))
#define AXK_GF_KEEP(i, v)                                                                          \
	if ((i) < t->rows) {                                                                       \
		const __m256 y = _mm256_min_ps(hi, _mm256_max_ps(lo, c##i##v));                    \
		if (v == last && partial)                                                          \
			_mm256_maskstore_ps(t->c + (i)*t->ldc + 8 * (v), tail, y);                 \
		else                                                                               \
			_mm256_storeu_ps(t->c + (i)*t->ldc + 8 * (v), y);                          \
	}

#define AXK_GF_INIT_1(i) __m256 c##i##0 = AXK_GF_START(i, 0);
#define AXK_GF_INIT_2(i) AXK_GF_INIT_1(i) __m256 c##i##1 = AXK_GF_START(i, 1);
#define AXK_GF_INIT_3(i) AXK_GF_INIT_2(i) __m256 c##i##2 = AXK_GF_START(i, 2);
/* The empty asm keeps b in registers: compilers would rather load it again for each row. */
#define AXK_GF_LOAD(v)                                                                             \
	__m256 b##v = _mm256_loadu_ps(b + 8 * (v));                                                \
	__asm__("" : "+x"(b##v));
#define AXK_GF_LOAD_1 AXK_GF_LOAD(0)
#define AXK_GF_LOAD_2 AXK_GF_LOAD_1 AXK_GF_LOAD(1)
#define AXK_GF_LOAD_3 AXK_GF_LOAD_2 AXK_GF_LOAD(2)
#define AXK_GF_STEP_1(i)                                                                           \
	const __m256 w##i = _mm256_set1_ps(a##i[at]);                                              \
	c##i##0 = _mm256_fmadd_ps(w##i, b0, c##i##0);
#define AXK_GF_STEP_2(i) AXK_GF_STEP_1(i) c##i##1 = _mm256_fmadd_ps(w##i, b1, c##i##1);
#define AXK_GF_STEP_3(i) AXK_GF_STEP_2(i) c##i##2 = _mm256_fmadd_ps(w##i, b2, c##i##2);
#define AXK_GF_SAVE_1(i) AXK_GF_KEEP(i, 0)
#define AXK_GF_SAVE_2(i) AXK_GF_SAVE_1(i) AXK_GF_KEEP(i, 1)
#define AXK_GF_SAVE_3(i) AXK_GF_SAVE_2(i) AXK_GF_KEEP(i, 2)

/* Not inlined: the loops around it would take its registers. */
#define AXK_GF_TILE(name, V, vectors)                                                              \
	static __attribute__((noinline, unused)) void name(const axk_tile2_f32 *t)                 \
	{                                                                                          \
		enum { last = (vectors)-1 };                                                       \
		const ptrdiff_t sak = t->sak, ldb = t->ldb, end = t->k * sak;                      \
		const float *b = t->b;                                                             \
		AXK_GF_R4(AXK_GF_ROW)                                                              \
		AXK_GF_R4(AXK_GF_INIT_##V)                                                         \
		for (ptrdiff_t at = 0; at < end; at += sak, b += ldb) {                            \
			AXK_GF_LOAD_##V AXK_GF_R4(AXK_GF_STEP_##V)                                 \
		}                                                                                  \
		const int partial = t->columns < 8 * (vectors);                                    \
		const __m256i tail =                                                               \
			_mm256_cmpgt_epi32(_mm256_set1_epi32(t->columns - 8 * last),               \
					   _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));             \
		const __m256 lo = _mm256_set1_ps(t->lo), hi = _mm256_set1_ps(t->hi);               \
		AXK_GF_R4(AXK_GF_SAVE_##V)                                                         \
	}

AXK_GF_TILE(axk_tile_f32_avx2_1, 1, 1)
AXK_GF_TILE(axk_tile_f32_avx2_2, 2, 2)
AXK_GF_TILE(axk_tile_f32_avx2_3, 3, 3)

AXK_INLINE void axk_tile_f32_avx2(const axk_tile2_f32 *t)
{
	if (t->columns > 16)
		axk_tile_f32_avx2_3(t);
	else if (t->columns > 8)
		axk_tile_f32_avx2_2(t);
	else
		axk_tile_f32_avx2_1(t);
}

#undef AXK_GF_TILE
#undef AXK_GF_R4
#undef AXK_GF_ROW
#undef AXK_GF_START
#undef AXK_GF_KEEP
#undef AXK_GF_INIT_1
#undef AXK_GF_INIT_2
#undef AXK_GF_INIT_3
#undef AXK_GF_LOAD
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
