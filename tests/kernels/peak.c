/* The peak of float multiply-add on the core this runs on, in 10^9 multiply-adds per second: what
 * the speed of convolutions and products is compared with. 12 independent chains hide the latency.
 */
#include "tests/kernels/check.h"

#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>

enum { CHAINS = 12, STEPS = 20000 };

/* The empty asm keeps the compiler from seeing that the sums are equal, and that nobody needs them.
 */
#define CHAIN(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11)
#define START(i)                                                                                   \
	T s##i = a;                                                                                \
	__asm__ volatile("" : CLASS("+", s##i));
#define STEP(i) s##i = FMA(a, b, s##i);
#define KEEP(i) __asm__ volatile("" : CLASS("+", s##i));
#define CLASS(io, s) io "x"(s)

#define T __m256
#define FMA _mm256_fmadd_ps
__attribute__((target("avx2,fma"))) static void chains_avx2(void)
{
	const T a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
	CHAIN(START)
	for (int i = 0; i < STEPS; i++) {
		CHAIN(STEP)
	}
	CHAIN(KEEP)
}
#undef T
#undef FMA
#undef CLASS

#define T __m512
#define FMA _mm512_fmadd_ps
#define CLASS(io, s) io "v"(s)
__attribute__((target("avx512f"))) static void chains_avx512(void)
{
	const T a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
	CHAIN(START)
	for (int i = 0; i < STEPS; i++) {
		CHAIN(STEP)
	}
	CHAIN(KEEP)
}

static double rate(void (*chains)(void), int lanes)
{
	double best = 0.0;
	for (int i = 0; i < 100; i++) {
		struct timespec t, u;
		clock_gettime(CLOCK_MONOTONIC, &t);
		chains();
		clock_gettime(CLOCK_MONOTONIC, &u);
		double ns = (double)(u.tv_sec - t.tv_sec) * 1e9 + (double)(u.tv_nsec - t.tv_nsec);
		double g = (double)CHAINS * STEPS * lanes / ns;
		best = g > best ? g : best;
	}
	return best;
}

double fma_peak(unsigned isa)
{
	static double avx2, avx512;
	unsigned here = axk_cpu_isa() & isa;
	if (here & AXK_ISA_AVX512)
		return avx512 > 0.0 ? avx512 : (avx512 = rate(chains_avx512, 16));
	if (here & AXK_ISA_AVX2)
		return avx2 > 0.0 ? avx2 : (avx2 = rate(chains_avx2, 8));
	return 0.0;
}
#else
double fma_peak(unsigned isa)
{
	(void)isa;
	return 0.0;
}
#endif
