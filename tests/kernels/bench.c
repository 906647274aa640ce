/* Speed of the rows on layers of real networks; minimum of many runs. */
#include "tests/kernels/check.h"

#include <stdio.h>
#include <time.h>

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

/* At least 20 runs and 20 ms, at most 2000 runs. */
static double measure(const Case *c, const AxkInfo *row, axk_fn *fn)
{
	Run r;
	run_new(&r, c, row, 1);
	int units = run_unit_count(c, row);
	double best = 1e30, start = now_us();
	for (int i = 0; i < 2000 && (i < 20 || now_us() - start < 20e3); i++) {
		double t = now_us();
		run_units(&r, c, fn, 0, units);
		t = now_us() - t;
		best = t < best ? t : best;
	}
	run_free(&r);
	return best;
}

/* Portable rows as an emitted file for AVX2 has them: compiled with -O2 (CMakeLists.txt). */
#ifdef AXK_BENCH_EMITTED
#define AXK_KERNEL_REF(function, ...) extern axk_fn function##_emitted;
#define AXK_KERNEL_X86(...)
#include "kernels/kernels.def"
#undef AXK_KERNEL_REF
#endif

static axk_fn *emitted(const AxkInfo *row)
{
#ifdef AXK_BENCH_EMITTED
#define AXK_KERNEL_REF(function, ...)                                                              \
	if (strcmp(row->name, #function) == 0)                                                     \
		return function##_emitted;
#include "kernels/kernels.def"
#undef AXK_KERNEL_REF
#undef AXK_KERNEL_X86
#endif
	return row->isa == AXK_ISA_C ? axk_run_fn(row) : row->fn;
}

static double bench_layer(const Layer *l, const AxkInfo *k)
{
	Case c = {0};
	double us = 0.0;
	rng_state = 1;
	bench_case(&c, l);
	c.aligned = true;
	if (!k->fits || k->fits(&c.p)) {
		us = measure(&c, k, axk_run_fn(k));
		double rate = c.macs / us / 1e3, peak = fma_peak(k->isa);
		printf("%-28s %-10s %d times %3dx%-3d %4d -> %-4d %dx%d/%d %10.1f us %8.1f G/s",
		       k->name, l->from, l->times, l->size, l->size, l->ic, l->oc, l->k, l->k, l->s,
		       us, rate);
		if (peak > 0.0 && (k->kind == AXK_CONV_F32 || k->kind == AXK_MATMUL_F32))
			printf(" %5.1f %% of peak", 100.0 * rate / peak);
		printf("\n");
	}
	case_free(&c);
	return us;
}

static bool wanted(const AxkInfo *k, AxkKind kind, const char *filter)
{
	return k->kind == kind && !(k->isa & ~axk_cpu_isa()) && k->fn &&
	       (!filter || strstr(k->name, filter));
}

static void bench_element_rows(const char *filter)
{
	for (int i = 0; i < n_bench_rows; i++)
		for (const AxkInfo *k = axk_table; k->name; k++) {
			Case c = {0};
			rng_state = 1;
			bench_row_case(&c, &bench_rows[i]);
			c.aligned = true;
			if (wanted(k, bench_rows[i].kind, filter) && (!k->fits || k->fits(&c.p))) {
				double us = measure(&c, k, emitted(k));
				printf("%-28s %-34s %10.1f us %8.2f elements/ns\n", k->name,
				       bench_rows[i].what, us, c.macs / us / 1e3);
			}
			case_free(&c);
		}
}

/* filter: part of the names of the rows; the sums are over whole networks where one row of each
 * kind matches. */
int bench(const char *filter)
{
	double sum = 0.0;
	printf("float multiply-add peak of this core: AVX2 %.1f G/s, AVX-512 %.1f G/s\n",
	       fma_peak(AXK_ISA_AVX2), fma_peak(AXK_ISA_AVX512));
	for (int i = 0; i < n_bench_layers; i++) {
		const Layer *l = &bench_layers[i];
		double best = 0.0;
		for (const AxkInfo *k = axk_table; k->name; k++) {
			double us = wanted(k, l->kind, filter) ? bench_layer(l, k) : 0.0;
			best = us > 0.0 && (best == 0.0 || us < best) ? us : best;
		}
		sum += best * l->times;
		if (i + 1 == n_bench_layers || strcmp(l->from, l[1].from) != 0) {
			printf("%s: %.1f us\n", l->from, sum);
			sum = 0.0;
		}
	}
	bench_element_rows(filter);
	return 0;
}
