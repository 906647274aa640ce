/* Random calibration data: normal (0, 1), seeded; the same bits on every machine and for any --jobs.
 *
 * Sample i, input k starts its own splitmix64 sequence from (seed, i, k). Two numbers come from one
 * accepted point of Marsaglia's polar method; the logarithm it needs is computed here from + - * / alone
 * (the series of artanh), because libm's differs between machines.
 * Integer inputs get 0 or 1, booleans too: the only values that are valid indices almost everywhere.
 */
#include "calib/samples.h"

#include <math.h>

/* ln x for 0 < x < 1, to about 1e-15. */
static double log_exact(double x)
{
	int exponent;
	double m = frexp(x, &exponent); /* 0.5 <= m < 1 */
	if (m < 0.70710678118654752) {
		m *= 2;
		exponent--;
	}
	double z = (m - 1) / (m + 1), zz = z * z, sum = 0;
	for (int k = 21; k >= 1; k -= 2)
		sum = sum * zz + 1.0 / k;
	return 2 * z * sum + exponent * 0.69314718055994531;
}

static double uniform(uint64_t *state) /* in (-1, 1), 53 bits */
{
	return (double)((int64_t)axc_random_next(state) >> 11) * 0x1p-52;
}

void axc_random_normal(uint64_t *state, float *out, int64_t n)
{
	for (int64_t i = 0; i < n;) {
		double u = uniform(state), v = uniform(state), r = u * u + v * v;
		if (r >= 1 || r < 0x1p-100)
			continue;
		double f = sqrt(-2 * log_exact(r) / r);
		out[i++] = (float)(u * f);
		if (i < n)
			out[i++] = (float)(v * f);
	}
}

static void fill(uint64_t *state, const AxcValue *v, void *out)
{
	int64_t n = axc_shape_count(&v->shape);
	size_t size = axc_dtype_bytes(v->dtype);
	if (v->dtype == AXC_F32) {
		axc_random_normal(state, out, n);
		return;
	}
	memset(out, 0, (size_t)n * size);
	for (int64_t i = 0; i < n; i++)
		((uint8_t *)out)[(size_t)i * size] = axc_random_next(state) >> 63; /* little-endian */
}

static AxcTake receive(AxcSamples *s, AxcDiag *d, int worker, int64_t i, const AxcInputs *into)
{
	(void)d;
	(void)worker;
	for (uint32_t k = 0; k < s->n_inputs; k++) {
		uint64_t state = s->cfg->has_seed ? s->cfg->seed : 0;
		uint64_t mix = axc_random_next(&state) ^ (uint64_t)i;
		state = mix;
		state = axc_random_next(&state) ^ ((uint64_t)k << 32);
		fill(&state, &s->g->values.at[s->g->inputs.at[k]], into->at[k]);
	}
	return AXC_TAKE_OK;
}

static const char *name(const AxcSamples *s, AxcArena *arena, int64_t i)
{
	(void)s;
	return axc_format(arena, "random sample %lld", (long long)i);
}

bool axc_random_open(AxcSamples *s, AxcDiag *d)
{
	static const AxcSource source = {.receive = receive, .name = name};
	s->source = &source;
	s->random = true;
	s->n = s->limit = s->cfg->dataset_len > 0 ? s->cfg->dataset_len : 100;
	axc_log(d, AXC_DEBUG, "calibration data: %lld random samples", (long long)s->n);
	return true;
}
