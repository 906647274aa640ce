/* Observers and the choice of ranges: histograms merge exactly in any order, ranges are where they should
 * be, axc_calibrate gives the same for any number of threads and names what is not finite.
 */
#include "calib/observe.h"
#include "calib/samples.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void scan(void **state)
{
	(void)state;
	float lo, hi;
	const float x[] = {-0.0f, 1.5f, -2.25f, 3e38f, 1e-45f};
	assert_true(axc_scan(x, 5, &lo, &hi));
	assert_float_equal(lo, -2.25f, 0);
	assert_true(hi == 3e38f);
	assert_true(axc_scan(x, 1, &lo, &hi) && lo == 0 && !signbit(lo) && !signbit(hi));
	static const float bad[] = {INFINITY, -INFINITY, NAN, -NAN};
	for (size_t i = 0; i < AXC_COUNT(bad); i++) {
		const float y[] = {1, bad[i], -1};
		assert_false(axc_scan(y, 3, &lo, &hi));
	}
	const float most[] = {3.4028235e38f, -3.4028235e38f};
	assert_true(axc_scan(most, 2, &lo, &hi));
}

/* Slices of wildly different magnitude: merged in two orders and computed at once. */
static void merging(void **state)
{
	(void)state;
	enum { SLICES = 24, N = 777 };
	static float x[SLICES][N];
	static AxcHist a, b, one, whole;
	uint64_t seed = 3;
	float amin = 0, amax = 0, bmin = 0, bmax = 0;
	for (int s = 0; s < SLICES; s++) {
		axc_random_normal(&seed, x[s], N);
		float scale = ldexpf(1, (int)(axc_random_next(&seed) % 60) - 40);
		int shape = (int)(axc_random_next(&seed) % 3); /* any sign, positive, negative */
		for (int i = 0; i < N; i++) {
			x[s][i] *= i % 7 ? scale : 0;
			x[s][i] = shape == 1 ? fabsf(x[s][i]) : shape == 2 ? -fabsf(x[s][i]) : x[s][i];
		}
	}
	for (int s = 0; s < SLICES; s++) {
		float lo, hi;
		assert_true(axc_scan(x[s], N, &lo, &hi));
		axc_hist_fill(&one, x[s], N, lo, hi);
		axc_hist_merge(&a, amin, amax, &one, lo, hi, s == 0);
		amin = s ? AXC_MIN(amin, lo) : lo;
		amax = s ? AXC_MAX(amax, hi) : hi;
		int r = SLICES - 1 - s;
		assert_true(axc_scan(x[r], N, &lo, &hi));
		axc_hist_fill(&one, x[r], N, lo, hi);
		axc_hist_merge(&b, bmin, bmax, &one, lo, hi, s == 0);
		bmin = s ? AXC_MIN(bmin, lo) : lo;
		bmax = s ? AXC_MAX(bmax, hi) : hi;
	}
	float lo, hi;
	assert_true(axc_scan(x[0], SLICES * N, &lo, &hi));
	axc_hist_fill(&whole, x[0], SLICES * N, lo, hi);
	assert_memory_equal(&a, &b, sizeof a);
	assert_memory_equal(&a, &whole, sizeof a);
	uint64_t sum = 0;
	for (int i = 0; i < AXC_HIST_BINS; i++)
		sum += a.count[i];
	assert_int_equal(sum, SLICES * N);
	assert_true(a.zeros >= SLICES * (N / 7));
}

static void bins(void **state)
{
	(void)state;
	static AxcHist h;
	const float x[] = {-1.0f, -0.0625f, -1e-40f, -0.0f, 0.0f, 0.0624f, 0.0625f, 1.0f};
	axc_hist_fill(&h, x, 8, -1, 1);
	assert_int_equal(h.exponent, -9); /* 1024 + 1 bins above, 1025 below would not fit at 2^-10 */
	assert_int_equal(h.first, -513);
	assert_int_equal(h.zeros, 2);
	assert_int_equal(h.count[513], 2);         /* 0 and -0 */
	assert_int_equal(h.count[512], 1);         /* -1e-40 */
	assert_int_equal(h.count[513 + 32], 1);    /* 0.0625 */
	assert_int_equal(h.count[513 + 31], 1);    /* 0.0624 */
	assert_int_equal(h.count[512 - 32], 1);    /* -0.0625 */
	assert_int_equal(h.count[0], 1);           /* -1 */
	assert_int_equal(h.count[513 + 512], 1);   /* 1 */
}

static AxcRange range_of(const float *x, int64_t n)
{
	static AxcHist h;
	AxcRange r = {.elements = (uint64_t)n, .hist = &h};
	assert_true(axc_scan(x, n, &r.min, &r.max));
	axc_hist_fill(&h, x, n, r.min, r.max);
	return r;
}

/* Squared error of quantizing x to 256 steps of lo..hi. */
static double true_error(const float *x, int n, double lo, double hi)
{
	double s = (hi - lo) / 255, sum = 0;
	for (int i = 0; i < n; i++) {
		double q = rint(((double)x[i] - lo) / s);
		double e = (double)x[i] - (fmin(fmax(q, 0), 255) * s + lo);
		sum += e * e;
	}
	return sum;
}

static void choosing(void **state)
{
	(void)state;
	enum { N = 100000 };
	float *x = malloc(N * sizeof *x);
	uint64_t seed = 9;
	for (int i = 0; i < N; i++)
		x[i] = (float)((double)(axc_random_next(&seed) >> 11) * 0x1p-53) * 6; /* uniform: nothing to gain */
	AxcRange r = range_of(x, N);
	axc_choose_range(&r, AXC_CALIB_MSE, 0, false);
	assert_true(r.lo == 0 && r.hi > 5.95f && r.hi <= r.max);
	assert_string_equal(r.method, "mse");
	axc_random_normal(&seed, x, N);
	x[17] = 60; /* an outlier */
	r = range_of(x, N);
	axc_choose_range(&r, AXC_CALIB_MSE, 0, false);
	assert_true(r.hi < 60 && r.lo < -2.5f && r.clipped > 0 && r.clipped < 0.01);
	double best = true_error(x, N, (double)r.lo, (double)r.hi);
	for (double hi = 1; hi < 60; hi *= 1.1) /* no other pair on a rough grid is clearly better */
		for (double lo = -5; lo < -1; lo += 0.25)
			assert_true(true_error(x, N, lo, hi) > 0.97 * best);
	axc_choose_range(&r, AXC_CALIB_PERCENTILE, 99, false);
	assert_true(fabsf(r.hi - 2.326f) < 0.1f && fabsf(r.lo + 2.326f) < 0.1f);
	assert_true(fabs(r.clipped - 0.02) < 0.004);
	axc_choose_range(&r, AXC_CALIB_MIN_MAX, 0, false);
	assert_true(r.hi == 60 && r.lo == r.min && r.clipped == 0);
	axc_choose_range(&r, AXC_CALIB_MSE, 0, true);
	assert_true(r.hi == 60);
	free(x);
}

/* Pixels scaled to -1..1: zero lies between two of them. At the plain range each falls half a step off. */
static void pixels(void **state)
{
	(void)state;
	enum { N = 25600 };
	float *x = malloc(N * sizeof *x);
	for (int i = 0; i < N; i++)
		x[i] = (float)(i % 256) / 127.5f - 1;
	AxcRange r = range_of(x, N);
	axc_choose_range(&r, AXC_CALIB_MIN_MAX, 0, false);
	double s = ((double)r.hi - (double)r.lo) / 255, zero = rint(-(double)r.lo / s);
	double plain = true_error(x, N, -zero * s, (255 - zero) * s);
	axc_choose_range(&r, AXC_CALIB_MSE, 0, false);
	s = ((double)r.hi - (double)r.lo) / 255;
	zero = rint(-(double)r.lo / s);
	assert_true(true_error(x, N, -zero * s, (255 - zero) * s) < 0.6 * plain);
	assert_true(r.clipped < 0.02);
	free(x);
}

static void choosing_corners(void **state)
{
	(void)state;
	const float zeros[4] = {0}, edge[4] = {1, 1, 1, 1}, negative[3] = {-4, -4, -3};
	AxcRange r = range_of(zeros, 4);
	axc_choose_range(&r, AXC_CALIB_MSE, 0, false);
	assert_true(r.lo == 0 && r.hi == 0 && r.clipped == 0);
	r = range_of(edge, 4);
	axc_choose_range(&r, AXC_CALIB_MSE, 0, false);
	assert_true(r.lo == 0 && r.hi > 0.9f && r.hi <= 1.04f);
	r = range_of(negative, 3);
	axc_choose_range(&r, AXC_CALIB_MSE, 0, false);
	assert_true(r.hi == 0 && !signbit(r.hi) && r.lo >= -4.13f && r.lo < -3.8f);
	const float huge[2] = {-3e38f, 3e38f};
	r = range_of(huge, 2);
	axc_choose_range(&r, AXC_CALIB_MIN_MAX, 0, false);
	assert_true(r.lo == -3e38f && r.hi == 3e38f);
}

/* ---- axc_calibrate on conv -> depthwise conv ---- */

typedef struct Net {
	AxcArena *arena;
	AxcDiag d;
	AxcGraph *g;
	AxcId x, mid, out;
	float *weights;
} Net;

static Net make_net(void)
{
	Net n = {.arena = axc_arena_new(NULL)};
	axc_diag_init(&n.d, n.arena);
	n.d.stage_status = AXC_QTOOLS_ERROR;
	n.g = axc_graph_new(n.arena, "net");
	AxcShape xs = axc_shape_of(4, (const int64_t[]){1, 3, 12, 10}), ms = axc_shape_of(4, (const int64_t[]){1, 4, 12, 10});
	AxcShape ws = axc_shape_of(4, (const int64_t[]){4, 3, 1, 1}), ds = axc_shape_of(4, (const int64_t[]){4, 1, 1, 1});
	n.x = axc_value_add(n.g, "x", AXC_F32, &xs);
	axc_value(n.g, n.x)->is_input = true;
	AXC_PUSH(n.arena, &n.g->inputs, n.x);
	n.weights = AXC_NEW_ARRAY(n.arena, float, 16);
	for (int i = 0; i < 16; i++)
		n.weights[i] = (float)(i % 5) - 1.5f;
	AxcId w = axc_const_add(n.g, "w", AXC_F32, &ws, n.weights), dw = axc_const_add(n.g, "dw", AXC_F32, &ds, n.weights + 12);
	n.mid = axc_value_add(n.g, "mid", AXC_F32, &ms);
	n.out = axc_value_add(n.g, "out", AXC_F32, &ms);
	axc_node_add(n.g, "Conv", "first", 2, (const AxcId[]){n.x, w}, 1, &n.mid);
	AxcId second = axc_node_add(n.g, "Conv", "second", 2, (const AxcId[]){n.mid, dw}, 1, &n.out);
	axc_attr_set_int(n.g, second, "group", 4);
	AXC_PUSH(n.arena, &n.g->outputs, n.out);
	return n;
}

static void calibrating(void **state)
{
	(void)state;
	AxcRange first = {0};
	AxcHist first_hist;
	for (int jobs = 1; jobs <= 3; jobs++) {
		Net n = make_net();
		AxcCalibConfig cfg = {.jobs = jobs, .dataset_len = 20, .scheme = AXC_SCHEME_HYBRID};
		AxcRanges *ranges;
		assert_true(axc_calibrate(n.arena, &n.d, n.g, &cfg, &ranges));
		assert_int_equal(ranges->samples, 20);
		assert_true(ranges->random && n.d.warnings.n == 1);
		const AxcRange *mid = &ranges->at[n.mid], *x = &ranges->at[n.x], *out = &ranges->at[n.out];
		assert_true(x->observed && x->elements == 20 * 360 && mid->n_channels == 4);
		assert_true(x->n_channels == 0 && out->n_channels == 0 && out->observed);
		float lo = 0, hi = 0;
		for (int i = 0; i < 4; i++) {
			lo = AXC_MIN(lo, mid->channel_min[i]);
			hi = AXC_MAX(hi, mid->channel_max[i]);
		}
		assert_true(lo == mid->min && hi == mid->max);
		if (jobs == 1) {
			first = *mid;
			first_hist = *mid->hist;
		}
		assert_true(first.lo == mid->lo && first.hi == mid->hi && first.min == mid->min);
		assert_memory_equal(&first_hist, mid->hist, sizeof first_hist);
		axc_arena_free(n.arena);
	}
}

static void not_a_number(void **state)
{
	(void)state;
	Net n = make_net();
	n.weights[13] = INFINITY;
	AxcCalibConfig cfg = {.jobs = 2, .dataset_len = 20};
	AxcRanges *ranges;
	assert_false(axc_calibrate(n.arena, &n.d, n.g, &cfg, &ranges));
	assert_string_equal(n.d.error.node, "second");
	assert_non_null(strstr(n.d.error.message, "on sample 'random sample 0'"));
	axc_arena_free(n.arena);
}

static int shown, last_done;

static void progress(void *ctx, const AxcCalibProgress *p)
{
	(void)ctx;
	shown++;
	assert_true(p->done <= p->total && p->per_second > 0 && p->seconds_left >= 0);
	last_done = (int)p->done;
}

static void snr_of_itself(void **state)
{
	(void)state;
	Net n = make_net();
	AxcCalibConfig cfg = {.jobs = 2, .dataset_len = 6, .progress = progress};
	AxcSamples *s;
	AxcLayerSnr *layers;
	uint32_t count;
	AxcRanges *ranges;
	assert_true(axc_samples_open(n.arena, &n.d, n.g, &cfg, &s));
	assert_true(axc_calibrate_samples(n.arena, &n.d, n.g, &cfg, s, &ranges));
	assert_true(shown >= 1 && last_done == 6);
	Net other = make_net(); /* the same network, its second layer halved */
	for (int i = 12; i < 16; i++)
		other.weights[i] *= 0.5f;
	assert_true(axc_layer_snr(n.arena, &n.d, n.g, other.g, s, 4, &layers, &count));
	assert_int_equal(count, 2);
	assert_string_equal(layers[0].name, "mid");
	assert_string_equal(layers[0].node, "first");
	assert_true(isinf(layers[0].db) && layers[0].signal > 0);
	assert_true(fabs(layers[1].db - 20 * log10(2)) < 1e-9);
	assert_true(layers[1].max_error > 0);
	/* one value at a time gives the same */
	AxcLayerSnr *again;
	size_t before = axc_snr_store_bytes;
	axc_snr_store_bytes = 1;
	assert_true(axc_layer_snr(n.arena, &n.d, n.g, other.g, s, 4, &again, &count));
	axc_snr_store_bytes = before;
	assert_int_equal(count, 2);
	for (int i = 0; i < 2; i++) {
		assert_true(again[i].signal == layers[i].signal && again[i].noise == layers[i].noise);
		assert_true(again[i].max_error == layers[i].max_error && again[i].value == layers[i].value);
	}
	axc_samples_close(s);
	axc_arena_free(other.arena);
	axc_arena_free(n.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scan), cmocka_unit_test(merging), cmocka_unit_test(bins),
		cmocka_unit_test(choosing), cmocka_unit_test(choosing_corners), cmocka_unit_test(pixels), cmocka_unit_test(calibrating),
		cmocka_unit_test(not_a_number), cmocka_unit_test(snr_of_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
