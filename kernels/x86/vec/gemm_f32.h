/* The float product in registers: AXK_VR rows by 1 to 3 vectors of columns, one fmaf chain per
 * element in increasing k. a is read one element at a time and broadcast, b by whole vectors: up to
 * a vector less one element is read behind its columns (AXK_SLACK). */
#ifndef AXK_VEC_GEMM_F32_H
#define AXK_VEC_GEMM_F32_H

#include "kernels/x86/vec_f32.h"

enum { AXK_TILE_COLUMNS = 3 * AXK_VN };

/* One tile. Element (i, j) starts at row_start[i] or column_start[j], whichever is not
 * NULL; column_start is read by whole vectors. */
typedef struct axk_tile_f32 {
	const float *a, *b;
	ptrdiff_t sam, sak, ldb; /* a at i*sam + k*sak, b at k*ldb */
	int rows, columns, k;    /* 1..AXK_VR, 1..AXK_TILE_COLUMNS */
	const float *row_start, *column_start;
	float *c;
	ptrdiff_t ldc;
	float lo, hi;
} axk_tile_f32;

#define AXK_GF_ROW(i) const float *a##i = t->a + ((i) < t->rows ? (i) : t->rows - 1) * t->sam;
#define AXK_GF_START(i, v)                                                                         \
	t->row_start ? axk_vf_set(t->row_start[(i) < t->rows ? (i) : 0])                           \
		     : axk_vf_load(t->column_start + AXK_VN * (v))
#define AXK_GF_KEEP(i, v)                                                                          \
	if ((i) < t->rows)                                                                         \
		axk_vf_store_n(t->c + (i)*t->ldc + AXK_VN * (v),                                   \
			       axk_vf_min(hi, axk_vf_max(lo, c##i##v)),                            \
			       v == last ? tail : AXK_VN);

#define AXK_GF_INIT_1(i) axk_vf c##i##0 = AXK_GF_START(i, 0);
#define AXK_GF_INIT_2(i) AXK_GF_INIT_1(i) axk_vf c##i##1 = AXK_GF_START(i, 1);
#define AXK_GF_INIT_3(i) AXK_GF_INIT_2(i) axk_vf c##i##2 = AXK_GF_START(i, 2);
#define AXK_GF_LOAD(v)                                                                             \
	axk_vf b##v = axk_vf_load(b + AXK_VN * (v));                                               \
	AXK_VEC_HOLD(b##v)
#define AXK_GF_LOAD_1 AXK_GF_LOAD(0)
#define AXK_GF_LOAD_2 AXK_GF_LOAD_1 AXK_GF_LOAD(1)
#define AXK_GF_LOAD_3 AXK_GF_LOAD_2 AXK_GF_LOAD(2)
#define AXK_GF_STEP_1(i)                                                                           \
	const axk_vf w##i = axk_vf_set(a##i[at]);                                                  \
	c##i##0 = axk_vf_fma(w##i, b0, c##i##0);
#define AXK_GF_STEP_2(i) AXK_GF_STEP_1(i) c##i##1 = axk_vf_fma(w##i, b1, c##i##1);
#define AXK_GF_STEP_3(i) AXK_GF_STEP_2(i) c##i##2 = axk_vf_fma(w##i, b2, c##i##2);
#define AXK_GF_SAVE_1(i) AXK_GF_KEEP(i, 0)
#define AXK_GF_SAVE_2(i) AXK_GF_SAVE_1(i) AXK_GF_KEEP(i, 1)
#define AXK_GF_SAVE_3(i) AXK_GF_SAVE_2(i) AXK_GF_KEEP(i, 2)

/* Not inlined: the loops around it would take its registers. */
#define AXK_GF_TILE(V)                                                                             \
	static __attribute__((noinline, unused)) void axk_tile_f32_##V(const axk_tile_f32 *t)      \
	{                                                                                          \
		enum { last = (V)-1 };                                                             \
		const ptrdiff_t sak = t->sak, ldb = t->ldb, end = t->k * sak;                      \
		const float *b = t->b;                                                             \
		AXK_VEC_ROWS(AXK_GF_ROW)                                                           \
		AXK_VEC_ROWS(AXK_GF_INIT_##V)                                                      \
		for (ptrdiff_t at = 0; at < end; at += sak, b += ldb) {                            \
			AXK_GF_LOAD_##V AXK_VEC_ROWS(AXK_GF_STEP_##V)                              \
		}                                                                                  \
		const int tail = t->columns - AXK_VN * last;                                       \
		const axk_vf lo = axk_vf_set(t->lo), hi = axk_vf_set(t->hi);                       \
		AXK_VEC_ROWS(AXK_GF_SAVE_##V)                                                      \
	}

AXK_GF_TILE(1)
AXK_GF_TILE(2)
AXK_GF_TILE(3)

AXK_INLINE void axk_tile_f32_run(const axk_tile_f32 *t)
{
	if (t->columns > 2 * AXK_VN)
		axk_tile_f32_3(t);
	else if (t->columns > AXK_VN)
		axk_tile_f32_2(t);
	else
		axk_tile_f32_1(t);
}

#undef AXK_GF_TILE
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
