/* The kernels' elementary functions against the C library in double: error in units of the last place
 * over a sample of all floats (every bit pattern with AXC_TEST_STEP=1), special values, and the software
 * fused multiply-add against the library's. */
#include "kernels/ref/elementary.h"
#include "kernels/ref/math.h"
#include "kernels/ref/math64.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static float softplus(float x)
{
	return axk_softplusf(x);
}
static double softplus_true(double x)
{
	return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}
static double sigmoid_true(double x)
{
	return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}
static float sin_f(float x)
{
	return axk_sincosf(x, 0);
}
static float cos_f(float x)
{
	return axk_sincosf(x, 1);
}
static float pow_f(float x)
{
	return axk_powf(x, 2.7f);
}
static double pow_true(double x)
{
	return pow(x, 2.7f);
}
static float powx_f(float x)
{
	return axk_powf(0.7f, x);
}
static double powx_true(double x)
{
	return pow(0.7f, x);
}

static const struct {
	const char *name;
	float (*f)(float);
	double (*want)(double);
	double max_ulp;
} functions[] = {
	{"exp", axk_expf, exp, 1.6},
	{"log", axk_logf, log, 1.6},
	{"sigmoid", axk_sigmoidf, sigmoid_true, 3.0},
	{"tanh", axk_tanhf, tanh, 2.0},
	{"erf", axk_erff, erf, 2.0},
	{"softplus", softplus, softplus_true, 3.0},
	{"sqrt", axk_sqrtf, sqrt, 0.5},
	{"rint", axk_roundevenf, rint, 0.0},
	{"floor", axk_floorf, floor, 0.0},
	{"ceil", axk_ceilf, ceil, 0.0},
	{"trunc", axk_truncf, trunc, 0.0},
	{"sin", sin_f, sin, 0.501},
	{"cos", cos_f, cos, 0.501},
	{"pow(x,2.7)", pow_f, pow_true, 0.501},
	{"pow(0.7,x)", powx_f, powx_true, 0.501},
};

static double ulp_error(float got, double want)
{
	float near = (float)want;
	if (want != want || got != got)
		return want != want && got != got ? 0 : INFINITY;
	if (isinf(near) || isinf(got))
		return near == got ? 0 : (fabsf(got) >= 3.4028234e38f && fabs(want) >= 3.4028234e38 ? 0 : INFINITY);
	if (signbit(near) != signbit(got) && near == 0 && got == 0)
		return INFINITY;
	int e;
	frexp(want, &e);
	return fabs((double)got - want) / ldexp(1.0, (e < -125 ? -125 : e) - 24);
}

static void test_ulp(void **state)
{
	(void)state;
	const char *text = getenv("AXC_TEST_STEP");
	uint64_t step = text ? strtoull(text, NULL, 10) : 4001;
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
		double worst = 0;
		uint32_t at = 0;
		for (uint64_t u = 0; u < (uint64_t)1 << 32; u += step) {
			float x = axk_from_bits((uint32_t)u);
			double e = ulp_error(functions[i].f(x), functions[i].want(x));
			if (e > worst) {
				worst = e;
				at = (uint32_t)u;
			}
		}
		printf("%-12s %.3f ulp at %a\n", functions[i].name, worst, (double)axk_from_bits(at));
		assert_true(worst <= functions[i].max_ulp);
	}
}

static void test_special(void **state)
{
	(void)state;
	static const float values[] = {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, -2.0f, 3.0f, 2.0f, INFINITY, -INFINITY, NAN,
	                               1e-45f, 3.4028234e38f, -3.4028234e38f, 8388607.5f, 16777217.0f, -2.5f};
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
		for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
			double e = ulp_error(functions[i].f(values[k]), functions[i].want(values[k]));
			if (e > functions[i].max_ulp)
				fail_msg("%s(%g) = %g, %.3f ulp", functions[i].name, (double)values[k],
				         (double)functions[i].f(values[k]), e);
		}
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
			float x = values[i], y = values[k];
			if (ulp_error(axk_powf(x, y), pow((double)x, (double)y)) > 0.501)
				fail_msg("pow(%g, %g) = %g", (double)x, (double)y, (double)axk_powf(x, y));
		}
}

static uint64_t seed = 1;

static uint32_t next(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 32);
}

static void test_fma(void **state)
{
	(void)state;
	for (int i = 0; i < 2000000; i++) {
		float a = axk_from_bits(next()), b = axk_from_bits(next()), c = axk_from_bits(next());
		if (i & 1) /* a sum near cancellation */
			c = -a * b * (1.0f + (float)(int)(next() % 64) * 1e-7f);
		float want = fmaf(a, b, c), got = axk_fmaf(a, b, c);
		if (want != got && (want == want || got == got))
			fail_msg("fma(%a, %a, %a) = %a, want %a", (double)a, (double)b, (double)c, (double)got,
			         (double)want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ulp),
		cmocka_unit_test(test_special),
		cmocka_unit_test(test_fma),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
