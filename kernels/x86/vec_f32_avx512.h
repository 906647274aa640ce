/* The vectors that x86/vec/ is written in, here 16 floats of AVX-512; vec_f32_avx2.h has the rules.
 */
#ifndef AXK_VEC_F32_H
#define AXK_VEC_F32_H

#include <immintrin.h>

#include "kernels/axk.h"

#define AXK_VEC static inline __attribute__((always_inline, unused))
#define AXK_VEC_NAME(name) name##_avx512
enum { AXK_VN = 16, AXK_VR = 8 };
#define AXK_VEC_ROWS(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7)
#define AXK_VEC_HOLD(v)

typedef __m512 axk_vf;
typedef __m512i axk_vi;
typedef __mmask16 axk_vm;

/* clang-format off: one operation a line */
AXK_VEC axk_vf axk_vf_set(float x)
{
	return _mm512_set1_ps(x);
}
AXK_VEC axk_vf axk_vf_load(const float *x)
{
	return _mm512_loadu_ps(x);
}
AXK_VEC void axk_vf_store(float *y, axk_vf v)
{
	_mm512_storeu_ps(y, v);
}
AXK_VEC axk_vf axk_vf_add(axk_vf a, axk_vf b)
{
	return _mm512_add_ps(a, b);
}
AXK_VEC axk_vf axk_vf_sub(axk_vf a, axk_vf b)
{
	return _mm512_sub_ps(a, b);
}
AXK_VEC axk_vf axk_vf_mul(axk_vf a, axk_vf b)
{
	return _mm512_mul_ps(a, b);
}
AXK_VEC axk_vf axk_vf_div(axk_vf a, axk_vf b)
{
	return _mm512_div_ps(a, b);
}
AXK_VEC axk_vf axk_vf_fma(axk_vf a, axk_vf b, axk_vf c)
{
	return _mm512_fmadd_ps(a, b, c);
}
AXK_VEC axk_vf axk_vf_sqrt(axk_vf a)
{
	return _mm512_sqrt_ps(a);
}
/* a < b ? a : b and a > b ? a : b: b where either is NaN. */
AXK_VEC axk_vf axk_vf_min(axk_vf a, axk_vf b)
{
	return _mm512_min_ps(a, b);
}
AXK_VEC axk_vf axk_vf_max(axk_vf a, axk_vf b)
{
	return _mm512_max_ps(a, b);
}
AXK_VEC axk_vf axk_vf_round(axk_vf a)
{
	return _mm512_roundscale_ps(a, 8);
}
AXK_VEC axk_vf axk_vf_floor(axk_vf a)
{
	return _mm512_roundscale_ps(a, 9);
}
AXK_VEC axk_vf axk_vf_ceil(axk_vf a)
{
	return _mm512_roundscale_ps(a, 10);
}

AXK_VEC axk_vm axk_vf_lt(axk_vf a, axk_vf b)
{
	return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
AXK_VEC axk_vm axk_vf_gt(axk_vf a, axk_vf b)
{
	return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}
AXK_VEC axk_vm axk_vf_ge(axk_vf a, axk_vf b)
{
	return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}
AXK_VEC axk_vm axk_vf_eq(axk_vf a, axk_vf b)
{
	return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
AXK_VEC axk_vm axk_vf_nan(axk_vf a)
{
	return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
}
AXK_VEC axk_vf axk_vf_if(axk_vm m, axk_vf yes, axk_vf no)
{
	return _mm512_mask_blend_ps(m, no, yes);
}

AXK_VEC axk_vi axk_vi_set(int32_t x)
{
	return _mm512_set1_epi32(x);
}
AXK_VEC axk_vi axk_vf_bits(axk_vf a)
{
	return _mm512_castps_si512(a);
}
AXK_VEC axk_vf axk_vi_float(axk_vi a)
{
	return _mm512_castsi512_ps(a);
}
AXK_VEC axk_vi axk_vi_add(axk_vi a, axk_vi b)
{
	return _mm512_add_epi32(a, b);
}
AXK_VEC axk_vi axk_vi_sub(axk_vi a, axk_vi b)
{
	return _mm512_sub_epi32(a, b);
}
AXK_VEC axk_vi axk_vi_and(axk_vi a, axk_vi b)
{
	return _mm512_and_si512(a, b);
}
AXK_VEC axk_vi axk_vi_or(axk_vi a, axk_vi b)
{
	return _mm512_or_si512(a, b);
}
AXK_VEC axk_vi axk_vi_xor(axk_vi a, axk_vi b)
{
	return _mm512_xor_si512(a, b);
}
AXK_VEC axk_vi axk_vi_max(axk_vi a, axk_vi b)
{
	return _mm512_max_epi32(a, b);
}
#define axk_vi_shl(a, n) _mm512_slli_epi32(a, n)
#define axk_vi_shr(a, n) _mm512_srli_epi32(a, n)
#define axk_vi_sar(a, n) _mm512_srai_epi32(a, n)
AXK_VEC axk_vf axk_vi_convert(axk_vi a)
{
	return _mm512_cvtepi32_ps(a);
}
AXK_VEC axk_vi axk_vf_rint(axk_vf a)
{
	return _mm512_cvtps_epi32(a);
}
AXK_VEC axk_vf axk_vf_gather(const float *x, axk_vi at)
{
	return _mm512_i32gather_ps(at, x, 4);
}
/* clang-format on */

AXK_VEC __mmask16 axk_vec_first(int n)
{
	return (__mmask16)(n >= 16 ? 0xffff : (1 << n) - 1);
}

/* The first n elements; all where n is larger. */
AXK_VEC void axk_vf_store_n(float *y, axk_vf v, int n)
{
	_mm512_mask_storeu_ps(y, axk_vec_first(n), v);
}

/* x[0], x[2], x[4], ... of which n >= 1 count: reads up to 15 elements behind those. */
AXK_VEC axk_vf axk_vf_load_even(const float *x, int n)
{
	const __m512i even =
		_mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
	return _mm512_permutex2var_ps(_mm512_loadu_ps(x), even,
				      _mm512_maskz_loadu_ps(n > 8 ? 0xffff : 0, x + 16));
}

/* Lanes lo..hi-1. */
AXK_VEC axk_vm axk_vm_range(int lo, int hi)
{
	return (__mmask16)(axk_vec_first(hi < 0 ? 0 : hi) & ~axk_vec_first(lo < 0 ? 0 : lo));
}

/* The lanes of the mask, the others 0 and not read. */
AXK_VEC axk_vf axk_vf_load_if(axk_vm m, const float *x)
{
	return _mm512_maskz_loadu_ps(m, x);
}

/* Elements 0, 2, .. and 1, 3, .. of a then b, in an order that axk_vf_unzip() sets right. */
AXK_VEC axk_vf axk_vf_evens(axk_vf a, axk_vf b)
{
	return _mm512_shuffle_ps(a, b, 0x88);
}
AXK_VEC axk_vf axk_vf_odds(axk_vf a, axk_vf b)
{
	return _mm512_shuffle_ps(a, b, 0xdd);
}

AXK_VEC axk_vf axk_vf_unzip(axk_vf a)
{
	const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
	return _mm512_castpd_ps(_mm512_permutexvar_pd(order, _mm512_castps_pd(a)));
}

/* x[0], x[step], ... */
AXK_VEC axk_vf axk_vf_load_step(const float *x, ptrdiff_t step)
{
	return _mm512_setr_ps(x[0], x[step], x[2 * step], x[3 * step], x[4 * step], x[5 * step],
			      x[6 * step], x[7 * step], x[8 * step], x[9 * step], x[10 * step],
			      x[11 * step], x[12 * step], x[13 * step], x[14 * step], x[15 * step]);
}

AXK_VEC axk_vi axk_vi_load_u8(const uint8_t *x)
{
	return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)x));
}

/* The first n of lanes 0..255 as bytes; all where n is larger. */
AXK_VEC void axk_vi_store_u8_n(uint8_t *y, axk_vi v, int n)
{
	_mm_mask_storeu_epi8(y, axk_vec_first(n), _mm512_cvtepi32_epi8(v));
}

/* Rows x, x + step, ... of 16 elements to columns: lane i of to[k] is x[i * step + k]. */
AXK_VEC __m512 axk_vf_quarters(const float *x, ptrdiff_t step)
{
	__m512 v = _mm512_castps128_ps512(_mm_loadu_ps(x));
	v = _mm512_insertf32x4(v, _mm_loadu_ps(x + step), 1);
	v = _mm512_insertf32x4(v, _mm_loadu_ps(x + 2 * step), 2);
	return _mm512_insertf32x4(v, _mm_loadu_ps(x + 3 * step), 3);
}

/* Columns at, at + 1, .. at + 3: written out, since compilers keep arrays that loops index in
 * memory. */
AXK_VEC void axk_vf_columns4(axk_vf to[4], const float *x, ptrdiff_t step)
{
	const __m512 r0 = axk_vf_quarters(x, 4 * step), r1 = axk_vf_quarters(x + step, 4 * step);
	const __m512 r2 = axk_vf_quarters(x + 2 * step, 4 * step),
		     r3 = axk_vf_quarters(x + 3 * step, 4 * step);
	const __m512 a = _mm512_unpacklo_ps(r0, r1), b = _mm512_unpackhi_ps(r0, r1);
	const __m512 c = _mm512_unpacklo_ps(r2, r3), d = _mm512_unpackhi_ps(r2, r3);
	to[0] = _mm512_shuffle_ps(a, c, 0x44);
	to[1] = _mm512_shuffle_ps(a, c, 0xee);
	to[2] = _mm512_shuffle_ps(b, d, 0x44);
	to[3] = _mm512_shuffle_ps(b, d, 0xee);
}

AXK_VEC void axk_vf_columns(axk_vf to[AXK_VN], const float *x, ptrdiff_t step)
{
	axk_vf_columns4(to, x, step);
	axk_vf_columns4(to + 4, x + 4, step);
	axk_vf_columns4(to + 8, x + 8, step);
	axk_vf_columns4(to + 12, x + 12, step);
}

/* As many doubles: for sums that keep more digits. */
typedef struct axk_vd {
	__m512d lo, hi;
} axk_vd;

AXK_VEC axk_vd axk_vd_from(axk_vf a)
{
	return (axk_vd){_mm512_cvtps_pd(_mm512_castps512_ps256(a)),
			_mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1))};
}

AXK_VEC axk_vd axk_vd_set(double x)
{
	return (axk_vd){_mm512_set1_pd(x), _mm512_set1_pd(x)};
}
AXK_VEC axk_vd axk_vd_load(const double *x)
{
	return (axk_vd){_mm512_loadu_pd(x), _mm512_loadu_pd(x + 8)};
}

AXK_VEC void axk_vd_store(double *y, axk_vd a)
{
	_mm512_storeu_pd(y, a.lo);
	_mm512_storeu_pd(y + 8, a.hi);
}

AXK_VEC axk_vd axk_vd_add(axk_vd a, axk_vd b)
{
	return (axk_vd){_mm512_add_pd(a.lo, b.lo), _mm512_add_pd(a.hi, b.hi)};
}

AXK_VEC axk_vd axk_vd_sub(axk_vd a, axk_vd b)
{
	return (axk_vd){_mm512_sub_pd(a.lo, b.lo), _mm512_sub_pd(a.hi, b.hi)};
}

AXK_VEC axk_vd axk_vd_mul(axk_vd a, axk_vd b)
{
	return (axk_vd){_mm512_mul_pd(a.lo, b.lo), _mm512_mul_pd(a.hi, b.hi)};
}

#endif
