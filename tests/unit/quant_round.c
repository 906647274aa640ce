/* Rounding with knowledge of the inputs: less error of the sums than rounding to the nearest, the mean
 * taken back by the shift, the same bytes whatever the threads. */
#include "passes_help.h"

#include "quant/moments.h"

enum { VECTORS = 600, GROUPS = 2, GROUP_K = 40, K = GROUPS * GROUP_K, CHANNELS = 6 };

typedef struct Problem {
	int8_t x[VECTORS * K], zero[K];
	double mean[K], mean_q[K];
	float w[CHANNELS * GROUP_K], scale[CHANNELS];
	AxcMacInputs in;
	AxcWeightRows rows;
} Problem;

/* Inputs that move together: a few hidden directions and a little noise. */
static Problem *make(Fixture *f, bool columns)
{
	Problem *p = AXC_NEW(f->arena, Problem);
	float mix[4][K];
	for (int h = 0; h < 4; h++)
		for (int k = 0; k < K; k++)
			mix[h][k] = noise(&f->seed);
	for (int k = 0; k < K; k++)
		p->zero[k] = (int8_t)(k % 2 ? -128 : 3);
	for (int v = 0; v < VECTORS; v++) {
		float hidden[4];
		for (int h = 0; h < 4; h++)
			hidden[h] = 30.0f * noise(&f->seed);
		for (int k = 0; k < K; k++) {
			float x = 20.0f + 3.0f * noise(&f->seed);
			for (int h = 0; h < 4; h++)
				x += hidden[h] * mix[h][k];
			int q = (int)x + p->zero[k];
			p->x[v * K + k] = (int8_t)(q < -128 ? -128 : q > 127 ? 127 : q);
			p->mean_q[k] += (double)(p->x[v * K + k] - p->zero[k]) / VECTORS;
		}
	}
	memcpy(p->mean, p->mean_q, sizeof p->mean); /* inputs are exact: scale 1 */
	p->rows = (AxcWeightRows){.w = p->w, .row = columns ? 1 : GROUP_K, .column = columns ? CHANNELS : 1,
	                          .channels = CHANNELS, .scale = p->scale};
	for (int i = 0; i < CHANNELS * GROUP_K; i++)
		p->w[i] = noise(&f->seed);
	for (int c = 0; c < CHANNELS; c++)
		p->scale[c] = 1.0f / 20.0f; /* coarse, so that rounding matters */
	p->in = (AxcMacInputs){.k = K, .group_k = GROUP_K, .n = VECTORS, .x = p->x, .zero = p->zero,
	                       .mean = p->mean, .mean_q = p->mean_q};
	return p;
}

/* Mean squared error of all sums; shift may be NULL. */
static double error_of(const Problem *p, const int8_t *q, const double *shift)
{
	double sum = 0.0;
	for (int v = 0; v < VECTORS; v++)
		for (int c = 0; c < CHANNELS; c++) {
			int first = c / (CHANNELS / GROUPS) * GROUP_K;
			double e = shift ? shift[c] : 0.0;
			for (int j = 0; j < GROUP_K; j++) {
				int64_t at = c * p->rows.row + j * p->rows.column;
				e += (q[at] * (double)p->scale[c] - p->w[at]) * (p->x[v * K + first + j] - p->zero[first + j]);
			}
			sum += e * e;
		}
	return sum / VECTORS / CHANNELS;
}

static void check_layout(void **state, bool columns)
{
	Fixture *f = *state;
	Problem *p = make(f, columns);
	int8_t q[CHANNELS * GROUP_K], again[CHANNELS * GROUP_K], nearest[CHANNELS * GROUP_K];
	float ones[CHANNELS] = {1, 1, 1, 1, 1, 1};
	double shift[CHANNELS];
	for (int i = 0; i < CHANNELS * GROUP_K; i++)
		nearest[i] = (int8_t)nearbyintf(p->w[i] * 20.0f);
	axc_quant_round(f->arena, &p->in, &p->rows, 1, q);
	axc_quant_round(f->arena, &p->in, &p->rows, 3, again);
	assert_memory_equal(q, again, sizeof q);
	double plain = error_of(p, nearest, NULL), better = error_of(p, q, NULL);
	assert_true(better < 0.4 * plain);
	axc_quant_mean_shift(&p->in, &p->rows, q, ones, shift);
	assert_true(error_of(p, q, shift) <= better);
	axc_quant_mean_shift(&p->in, &p->rows, nearest, ones, shift);
	assert_true(error_of(p, nearest, shift) < plain);
}

static void a_row_per_channel(void **state)
{
	check_layout(state, false);
}

/* Weights that are multiples of their scale stay what they are. */
static void exact_weights_stay(void **state)
{
	Fixture *f = *state;
	Problem *p = make(f, false);
	int8_t want[CHANNELS * GROUP_K], q[CHANNELS * GROUP_K];
	for (int i = 0; i < CHANNELS * GROUP_K; i++) {
		want[i] = (int8_t)(i % 41 - 20);
		p->w[i] = (float)want[i] * p->scale[0];
	}
	axc_quant_round(f->arena, &p->in, &p->rows, 1, q);
	assert_memory_equal(q, want, sizeof q);
}

static void a_column_per_channel(void **state)
{
	check_layout(state, true);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
	const struct CMUnitTest tests[] = {T(a_row_per_channel), T(a_column_per_channel), T(exact_weights_stay)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
