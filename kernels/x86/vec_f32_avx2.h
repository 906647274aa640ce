/* The vectors that x86/vec/ is written in, here 8 floats of AVX2: one text makes the AVX2 and the
 * AVX-512 kernel. Both headers have the same guard and names, since an emitted file is for one of
 * the two: there the first row that is pasted decides. Loads read whole vectors (AXK_SLACK), stores
 * with a count write no more than it. */
#ifndef AXK_VEC_F32_H
#define AXK_VEC_F32_H

#include <immintrin.h>

#include "kernels/axk.h"

#define AXK_VEC static inline __attribute__((always_inline, unused))
#define AXK_VEC_NAME(name) name##_avx2
enum { AXK_VN = 8, AXK_VR = 4 }; /* lanes; rows of a tile of the product */
#define AXK_VEC_ROWS(M) M(0) M(1) M(2) M(3)
/* The empty asm keeps v in a register: compilers would rather load it again for each use. */
#define AXK_VEC_HOLD(v) __asm__("" : "+x"(v));

typedef __m256 axk_vf;
typedef __m256i axk_vi;
typedef __m256 axk_vm; /* a mask: every lane all ones or zero */

/* clang-format off: one operation a line */
AXK_VEC axk_vf axk_vf_set(float x)
{
	return _mm256_set1_ps(x);
}
AXK_VEC axk_vf axk_vf_load(const float *x)
{
	return _mm256_loadu_ps(x);
}
AXK_VEC void axk_vf_store(float *y, axk_vf v)
{
	_mm256_storeu_ps(y, v);
}
AXK_VEC axk_vf axk_vf_add(axk_vf a, axk_vf b)
{
	return _mm256_add_ps(a, b);
}
AXK_VEC axk_vf axk_vf_sub(axk_vf a, axk_vf b)
{
	return _mm256_sub_ps(a, b);
}
AXK_VEC axk_vf axk_vf_mul(axk_vf a, axk_vf b)
{
	return _mm256_mul_ps(a, b);
}
AXK_VEC axk_vf axk_vf_div(axk_vf a, axk_vf b)
{
	return _mm256_div_ps(a, b);
}
AXK_VEC axk_vf axk_vf_fma(axk_vf a, axk_vf b, axk_vf c)
{
	return _mm256_fmadd_ps(a, b, c);
}
AXK_VEC axk_vf axk_vf_sqrt(axk_vf a)
{
	return _mm256_sqrt_ps(a);
}
/* a < b ? a : b and a > b ? a : b: b where either is NaN. */
AXK_VEC axk_vf axk_vf_min(axk_vf a, axk_vf b)
{
	return _mm256_min_ps(a, b);
}
AXK_VEC axk_vf axk_vf_max(axk_vf a, axk_vf b)
{
	return _mm256_max_ps(a, b);
}
AXK_VEC axk_vf axk_vf_round(axk_vf a)
{
	return _mm256_round_ps(a, 8);
}
AXK_VEC axk_vf axk_vf_floor(axk_vf a)
{
	return _mm256_round_ps(a, 9);
}
AXK_VEC axk_vf axk_vf_ceil(axk_vf a)
{
	return _mm256_round_ps(a, 10);
}

AXK_VEC axk_vm axk_vf_lt(axk_vf a, axk_vf b)
{
	return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}
AXK_VEC axk_vm axk_vf_gt(axk_vf a, axk_vf b)
{
	return _mm256_cmp_ps(a, b, _CMP_GT_OQ);
}
AXK_VEC axk_vm axk_vf_ge(axk_vf a, axk_vf b)
{
	return _mm256_cmp_ps(a, b, _CMP_GE_OQ);
}
AXK_VEC axk_vm axk_vf_eq(axk_vf a, axk_vf b)
{
	return _mm256_cmp_ps(a, b, _CMP_EQ_OQ);
}
AXK_VEC axk_vm axk_vf_nan(axk_vf a)
{
	return _mm256_cmp_ps(a, a, _CMP_UNORD_Q);
}
AXK_VEC axk_vf axk_vf_if(axk_vm m, axk_vf yes, axk_vf no)
{
	return _mm256_blendv_ps(no, yes, m);
}

AXK_VEC axk_vi axk_vi_set(int32_t x)
{
	return _mm256_set1_epi32(x);
}
AXK_VEC axk_vi axk_vf_bits(axk_vf a)
{
	return _mm256_castps_si256(a);
}
AXK_VEC axk_vf axk_vi_float(axk_vi a)
{
	return _mm256_castsi256_ps(a);
}
AXK_VEC axk_vi axk_vi_add(axk_vi a, axk_vi b)
{
	return _mm256_add_epi32(a, b);
}
AXK_VEC axk_vi axk_vi_sub(axk_vi a, axk_vi b)
{
	return _mm256_sub_epi32(a, b);
}
AXK_VEC axk_vi axk_vi_and(axk_vi a, axk_vi b)
{
	return _mm256_and_si256(a, b);
}
AXK_VEC axk_vi axk_vi_or(axk_vi a, axk_vi b)
{
	return _mm256_or_si256(a, b);
}
AXK_VEC axk_vi axk_vi_xor(axk_vi a, axk_vi b)
{
	return _mm256_xor_si256(a, b);
}
AXK_VEC axk_vi axk_vi_max(axk_vi a, axk_vi b)
{
	return _mm256_max_epi32(a, b);
}
#define axk_vi_shl(a, n) _mm256_slli_epi32(a, n)
#define axk_vi_shr(a, n) _mm256_srli_epi32(a, n)
#define axk_vi_sar(a, n) _mm256_srai_epi32(a, n)
AXK_VEC axk_vf axk_vi_convert(axk_vi a)
{
	return _mm256_cvtepi32_ps(a);
}
AXK_VEC axk_vi axk_vf_rint(axk_vf a)
{
	return _mm256_cvtps_epi32(a);
}
AXK_VEC axk_vf axk_vf_gather(const float *x, axk_vi at)
{
	return _mm256_i32gather_ps(x, at, 4);
}
/* clang-format on */

/* The first n elements; all where n is larger. (AMD's masked stores are slow.) */
AXK_VEC void axk_vf_store_n(float *y, axk_vf v, int n)
{
	__m128 x = _mm256_castps256_ps128(v);
	if (n >= AXK_VN) {
		_mm256_storeu_ps(y, v);
		return;
	}
	if (n & 4) {
		_mm_storeu_ps(y, x);
		y += 4;
		x = _mm256_extractf128_ps(v, 1);
	}
	if (n & 2) {
		_mm_storel_pi((__m64 *)(void *)y, x);
		y += 2;
		x = _mm_movehl_ps(x, x);
	}
	if (n & 1)
		_mm_store_ss(y, x);
}

/* x[0], x[2], x[4], ... of which n >= 1 count: reads up to 15 elements behind those. */
AXK_VEC axk_vf axk_vf_load_even(const float *x, int n)
{
	(void)n;
	__m256 v = _mm256_shuffle_ps(_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8), 0x88);
	return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0xd8));
}

/* Lanes lo..hi-1. */
AXK_VEC axk_vm axk_vm_range(int lo, int hi)
{
	const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
	__m256i below = _mm256_cmpgt_epi32(_mm256_set1_epi32(lo), lanes);
	return _mm256_castsi256_ps(
		_mm256_andnot_si256(below, _mm256_cmpgt_epi32(_mm256_set1_epi32(hi), lanes)));
}

/* The lanes of the mask, the others 0 and not read. */
AXK_VEC axk_vf axk_vf_load_if(axk_vm m, const float *x)
{
	return _mm256_maskload_ps(x, _mm256_castps_si256(m));
}

/* Elements 0, 2, .. and 1, 3, .. of a then b, in an order that axk_vf_unzip() sets right. */
AXK_VEC axk_vf axk_vf_evens(axk_vf a, axk_vf b)
{
	return _mm256_shuffle_ps(a, b, 0x88);
}
AXK_VEC axk_vf axk_vf_odds(axk_vf a, axk_vf b)
{
	return _mm256_shuffle_ps(a, b, 0xdd);
}

AXK_VEC axk_vf axk_vf_unzip(axk_vf a)
{
	return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(a), 0xd8));
}

/* x[0], x[step], ... */
AXK_VEC axk_vf axk_vf_load_step(const float *x, ptrdiff_t step)
{
	return _mm256_setr_ps(x[0], x[step], x[2 * step], x[3 * step], x[4 * step], x[5 * step],
			      x[6 * step], x[7 * step]);
}

AXK_VEC axk_vi axk_vi_load_u8(const uint8_t *x)
{
	return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)x));
}

/* The first n of lanes 0..255 as bytes; all where n is larger. */
AXK_VEC void axk_vi_store_u8_n(uint8_t *y, axk_vi v, int n)
{
	__m128i w = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
	int64_t bytes = _mm_cvtsi128_si64(_mm_packus_epi16(w, w));
	if (n >= AXK_VN)
		memcpy(y, &bytes, AXK_VN);
	else
		for (int i = 0; i < n; i++, bytes >>= 8)
			y[i] = (uint8_t)bytes;
}

/* Rows x, x + step, ... of 8 elements to columns: lane i of to[k] is x[i * step + k]. */
AXK_VEC __m256 axk_vf_halves(const float *lo, const float *hi)
{
	return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(lo)), _mm_loadu_ps(hi), 1);
}

/* Columns at, at + 1, .. at + 3: written out, since compilers keep arrays that loops index in
 * memory. */
AXK_VEC void axk_vf_columns4(axk_vf to[4], const float *x, ptrdiff_t step)
{
	const __m256 r0 = axk_vf_halves(x, x + 4 * step),
		     r1 = axk_vf_halves(x + step, x + 5 * step);
	const __m256 r2 = axk_vf_halves(x + 2 * step, x + 6 * step),
		     r3 = axk_vf_halves(x + 3 * step, x + 7 * step);
	const __m256 a = _mm256_unpacklo_ps(r0, r1), b = _mm256_unpackhi_ps(r0, r1);
	const __m256 c = _mm256_unpacklo_ps(r2, r3), d = _mm256_unpackhi_ps(r2, r3);
	to[0] = _mm256_shuffle_ps(a, c, 0x44);
	to[1] = _mm256_shuffle_ps(a, c, 0xee);
	to[2] = _mm256_shuffle_ps(b, d, 0x44);
	to[3] = _mm256_shuffle_ps(b, d, 0xee);
}

AXK_VEC void axk_vf_columns(axk_vf to[AXK_VN], const float *x, ptrdiff_t step)
{
	axk_vf_columns4(to, x, step);
	axk_vf_columns4(to + 4, x + 4, step);
}

/* As many doubles: for sums that keep more digits. */
typedef struct axk_vd {
	__m256d lo, hi;
} axk_vd;

AXK_VEC axk_vd axk_vd_from(axk_vf a)
{
	return (axk_vd){_mm256_cvtps_pd(_mm256_castps256_ps128(a)),
			_mm256_cvtps_pd(_mm256_extractf128_ps(a, 1))};
}

AXK_VEC axk_vd axk_vd_set(double x)
{
	return (axk_vd){_mm256_set1_pd(x), _mm256_set1_pd(x)};
}
AXK_VEC axk_vd axk_vd_load(const double *x)
{
	return (axk_vd){_mm256_loadu_pd(x), _mm256_loadu_pd(x + 4)};
}

AXK_VEC void axk_vd_store(double *y, axk_vd a)
{
	_mm256_storeu_pd(y, a.lo);
	_mm256_storeu_pd(y + 4, a.hi);
}

AXK_VEC axk_vd axk_vd_add(axk_vd a, axk_vd b)
{
	return (axk_vd){_mm256_add_pd(a.lo, b.lo), _mm256_add_pd(a.hi, b.hi)};
}

AXK_VEC axk_vd axk_vd_sub(axk_vd a, axk_vd b)
{
	return (axk_vd){_mm256_sub_pd(a.lo, b.lo), _mm256_sub_pd(a.hi, b.hi)};
}

AXK_VEC axk_vd axk_vd_mul(axk_vd a, axk_vd b)
{
	return (axk_vd){_mm256_mul_pd(a.lo, b.lo), _mm256_mul_pd(a.hi, b.hi)};
}

#endif
