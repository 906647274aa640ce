/* Tiles turned over in registers: 16 x 16 bytes, 8 x 8 words. */
#ifndef AXK_TRANSPOSE_AVX2_H
#define AXK_TRANSPOSE_AVX2_H

#include <immintrin.h>

/* Tiles live in registers only when their loops are unrolled; GCC does so at -O2 when told. */
#if defined(__GNUC__) && !defined(__clang__)
#define AXK_UNROLL _Pragma("GCC unroll 16")
#else
#define AXK_UNROLL
#endif

/* r[i] byte j becomes r[j] byte i: four rounds that interleave rows i and i + 8. */
AXK_INLINE void axk_transpose_16x16(__m128i r[16])
{
	__m128i t[16];
	AXK_UNROLL
	for (int round = 0; round < 4; round += 2) {
		AXK_UNROLL
		for (int i = 0; i < 8; i++) {
			t[2 * i] = _mm_unpacklo_epi8(r[i], r[i + 8]);
			t[2 * i + 1] = _mm_unpackhi_epi8(r[i], r[i + 8]);
		}
		AXK_UNROLL
		for (int i = 0; i < 8; i++) {
			r[2 * i] = _mm_unpacklo_epi8(t[i], t[i + 8]);
			r[2 * i + 1] = _mm_unpackhi_epi8(t[i], t[i + 8]);
		}
	}
}

/* The same for 8 x 8 words of 4 bytes. */
AXK_INLINE void axk_transpose_8x8(__m256i r[8])
{
	__m256i t[8], s[8];
	AXK_UNROLL
	for (int i = 0; i < 4; i++) {
		t[2 * i] = _mm256_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
		t[2 * i + 1] = _mm256_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
	}
	AXK_UNROLL
	for (int i = 0; i < 2; i++) {
		s[4 * i] = _mm256_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
		s[4 * i + 1] = _mm256_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
		s[4 * i + 2] = _mm256_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
		s[4 * i + 3] = _mm256_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
	}
	AXK_UNROLL
	for (int i = 0; i < 4; i++) {
		r[i] = _mm256_permute2x128_si256(s[i], s[i + 4], 0x20);
		r[i + 4] = _mm256_permute2x128_si256(s[i], s[i + 4], 0x31);
	}
}

/* The first n (0..16) bytes of v. */
AXK_INLINE void axk_put_bytes(uint8_t *y, __m128i v, int n)
{
	uint8_t all[16];
	if (n == 16) {
		_mm_storeu_si128((__m128i *)(void *)y, v);
		return;
	}
	_mm_storeu_si128((__m128i *)(void *)all, v);
	if (n & 8)
		memcpy(y, all, 8);
	if (n & 4)
		memcpy(y + (n & 8), all + (n & 8), 4);
	if (n & 2)
		memcpy(y + (n & 12), all + (n & 12), 2);
	if (n & 1)
		y[n & 14] = all[n & 14];
}

#endif
