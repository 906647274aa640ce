/* AVX2 building blocks of the u8 kernels, 16 outputs at a time. */
#ifndef AXK_X86_U8_AVX2_H
#define AXK_X86_U8_AVX2_H

#include <immintrin.h>

#include "kernels/axk.h"

AXK_INLINE __m256 axk_u8_to_f32_avx2(__m128i x)
{
	return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(x));
}

AXK_INLINE __m256i axk_clamp_round_avx2(__m256 v, float lo, float hi)
{
	return _mm256_cvtps_epi32(
		_mm256_min_ps(_mm256_max_ps(v, _mm256_set1_ps(lo)), _mm256_set1_ps(hi)));
}

/* Two vectors of integers 0..255 to 16 bytes in order. */
AXK_INLINE __m128i axk_pack2_avx2(__m256i a, __m256i b)
{
	__m256i w = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
	return _mm_packus_epi16(_mm256_castsi256_si128(w), _mm256_extracti128_si256(w, 1));
}

/* q = rint(clamp(fmaf(a, ra, fmaf(b, rb, fx)), lo, hi)) for 16 pairs. */
AXK_INLINE __m128i axk_add_avx2(__m128i a, __m128i b, float ra, float rb, float fx, float lo,
				float hi)
{
	const __m256 va = _mm256_set1_ps(ra), vb = _mm256_set1_ps(rb), vf = _mm256_set1_ps(fx);
	__m256 l = _mm256_fmadd_ps(axk_u8_to_f32_avx2(b), vb, vf);
	__m256 h = _mm256_fmadd_ps(axk_u8_to_f32_avx2(_mm_srli_si128(b, 8)), vb, vf);
	l = _mm256_fmadd_ps(axk_u8_to_f32_avx2(a), va, l);
	h = _mm256_fmadd_ps(axk_u8_to_f32_avx2(_mm_srli_si128(a, 8)), va, h);
	return axk_pack2_avx2(axk_clamp_round_avx2(l, lo, hi), axk_clamp_round_avx2(h, lo, hi));
}

AXK_INLINE __m128i axk_lut_avx2(__m128i x, const uint8_t *lut)
{
	uint8_t bytes[16];
	_mm_storeu_si128((__m128i *)bytes, x);
	for (int i = 0; i < 16; i++)
		bytes[i] = lut[bytes[i]];
	return _mm_loadu_si128((const __m128i *)bytes);
}

/* The first n <= 16 bytes, through a table if there is one. */
AXK_INLINE void axk_put16_avx2(uint8_t *to, __m128i v, int n, const uint8_t *lut)
{
	uint8_t bytes[16];
	if (n >= 16 && !lut) {
		_mm_storeu_si128((__m128i *)to, v);
		return;
	}
	_mm_storeu_si128((__m128i *)bytes, v);
	for (int i = 0; i < n && i < 16; i++)
		to[i] = lut ? lut[bytes[i]] : bytes[i];
}

#endif
