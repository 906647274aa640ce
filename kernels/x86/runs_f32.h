/* Short runs of floats, copied without a call: what building matrices out of images is made of.
 * AVX2. */
#ifndef AXK_RUNS_F32_H
#define AXK_RUNS_F32_H

#include <immintrin.h>

#include "kernels/axk.h"

/* The last 0 to 7 of n elements. */
AXK_INLINE void axk_run_tail_f32(float *dst, __m256 v, int n)
{
	__m128 x = _mm256_castps256_ps128(v);
	if (n & 4) {
		_mm_storeu_ps(dst, x);
		dst += 4;
		x = _mm256_extractf128_ps(v, 1);
	}
	if (n & 2) {
		_mm_storel_pi((__m64 *)(void *)dst, x);
		dst += 2;
		x = _mm_movehl_ps(x, x);
	}
	if (n & 1)
		_mm_store_ss(dst, x);
}

/* Reads whole vectors: up to 7 elements behind the run. */
AXK_INLINE void axk_copy_run_f32(float *dst, const float *x, int n)
{
	int i = 0;
	for (; i + 8 <= n; i += 8)
		_mm256_storeu_ps(dst + i, _mm256_loadu_ps(x + i));
	if (i < n)
		axk_run_tail_f32(dst + i, _mm256_loadu_ps(x + i), n - i);
}

AXK_INLINE void axk_zero_run_f32(float *dst, int n)
{
	int i = 0;
	for (; i + 8 <= n; i += 8)
		_mm256_storeu_ps(dst + i, _mm256_setzero_ps());
	if (i < n)
		axk_run_tail_f32(dst + i, _mm256_setzero_ps(), n - i);
}

/* Every second element. Reads up to 15 elements behind the last one taken. */
AXK_INLINE __m256 axk_even_f32(const float *x)
{
	__m256 v = _mm256_shuffle_ps(_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8), 0x88);
	return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0xd8));
}

/* dst[i] = x[i * step]. */
AXK_INLINE void axk_strided_run_f32(float *dst, const float *x, int n, int step)
{
	int i = 0;
	if (step == 1) {
		axk_copy_run_f32(dst, x, n);
		return;
	}
	if (step == 2) {
		for (; i + 8 <= n; i += 8)
			_mm256_storeu_ps(dst + i, axk_even_f32(x + 2 * i));
		if (i < n)
			axk_run_tail_f32(dst + i, axk_even_f32(x + 2 * i), n - i);
		return;
	}
	for (; i < n; i++)
		dst[i] = x[(ptrdiff_t)i * step];
}

/* dst[i * step] = x[i]. */
AXK_INLINE void axk_scatter_run_f32(float *dst, const float *x, int n, int step)
{
	if (step == 1) {
		axk_copy_run_f32(dst, x, n);
		return;
	}
	for (int i = 0; i < n; i++)
		dst[(ptrdiff_t)i * step] = x[i];
}

#endif
