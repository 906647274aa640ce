/* AVX-512 building blocks of the u8 kernels, 64 outputs at a time. */
#ifndef AXK_X86_U8_AVX512_H
#define AXK_X86_U8_AVX512_H

#include <immintrin.h>

#include "kernels/axk.h"

#define AXK_HOT                                                                                    \
	static inline __attribute__((always_inline, unused)) /* loops would pay for the call */

/* Packs 4 vectors of int32 into 64 bytes in order, saturating. */
AXK_HOT __m512i axk_pack4_512(__m512i a, __m512i b, __m512i c, __m512i d, __m512i zp16)
{
	const __m512i order =
		_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
	__m512i ab = _mm512_adds_epi16(_mm512_packs_epi32(a, b), zp16);
	__m512i cd = _mm512_adds_epi16(_mm512_packs_epi32(c, d), zp16);
	return _mm512_permutexvar_epi32(order, _mm512_packus_epi16(ab, cd));
}

AXK_HOT __m512i axk_round_512(__m512i acc, __m512 m)
{
	return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(acc), m));
}

AXK_HOT __m512i axk_clamp_round_512(__m512 v, __m512 lo, __m512 hi)
{
	return _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(v, lo), hi));
}

/* Table lookup of 64 bytes. The table is 128 words: a word is chosen by the upper 7 bits, the byte
 * in it by the lowest. */
AXK_HOT __m512i axk_lut_512(__m512i x, const uint8_t *lut)
{
	const __m512i t0 = _mm512_loadu_si512(lut), t1 = _mm512_loadu_si512(lut + 64);
	const __m512i t2 = _mm512_loadu_si512(lut + 128), t3 = _mm512_loadu_si512(lut + 192);
	const __m512i one = _mm512_set1_epi16(1), bit6 = _mm512_set1_epi16(64);
	__m512i even = _mm512_srli_epi16(_mm512_slli_epi16(x, 8), 9), odd = _mm512_srli_epi16(x, 9);
	__m512i we = _mm512_mask_blend_epi16(_mm512_test_epi16_mask(even, bit6),
					     _mm512_permutex2var_epi16(t0, even, t1),
					     _mm512_permutex2var_epi16(t2, even, t3));
	__m512i wo = _mm512_mask_blend_epi16(_mm512_test_epi16_mask(odd, bit6),
					     _mm512_permutex2var_epi16(t0, odd, t1),
					     _mm512_permutex2var_epi16(t2, odd, t3));
	__m512i se = _mm512_slli_epi16(_mm512_and_si512(x, one), 3);
	__m512i so = _mm512_slli_epi16(_mm512_and_si512(_mm512_srli_epi16(x, 8), one), 3);
	we = _mm512_and_si512(_mm512_srlv_epi16(we, se), _mm512_set1_epi16(255));
	return _mm512_or_si512(we, _mm512_slli_epi16(_mm512_srlv_epi16(wo, so), 8));
}

/* 16 bytes of a 64-byte vector as floats. */
#define AXK_U8_TO_F32_512(x, part)                                                                 \
	_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(x, part)))

/* q = rint(clamp(fmaf(a, ra, fmaf(b, rb, fx)), lo, hi)) for 64 pairs. */
AXK_HOT __m512i axk_add_512(__m512i a, __m512i b, float ra, float rb, float fx, float lo, float hi)
{
	const __m512 va = _mm512_set1_ps(ra), vb = _mm512_set1_ps(rb), vf = _mm512_set1_ps(fx);
	const __m512 vlo = _mm512_set1_ps(lo), vhi = _mm512_set1_ps(hi);
#define AXK_ADD_PART(part)                                                                         \
	axk_clamp_round_512(_mm512_fmadd_ps(AXK_U8_TO_F32_512(a, part), va,                        \
					    _mm512_fmadd_ps(AXK_U8_TO_F32_512(b, part), vb, vf)),  \
			    vlo, vhi)
	return axk_pack4_512(AXK_ADD_PART(0), AXK_ADD_PART(1), AXK_ADD_PART(2), AXK_ADD_PART(3),
			     _mm512_setzero_si512());
#undef AXK_ADD_PART
}

/* Mask of the first n of 64 bytes, and of the first n - 16 * v of 16 lanes. */
AXK_HOT __mmask64 axk_mask64(int n)
{
	return n >= 64 ? ~(__mmask64)0 : n <= 0 ? 0 : ((__mmask64)1 << n) - 1;
}

AXK_HOT __mmask16 axk_mask16(int n)
{
	return (__mmask16)(n >= 16 ? 0xffff : n <= 0 ? 0 : (1 << n) - 1);
}

#endif
