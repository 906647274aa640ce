/* Biases against the quantized network itself: a fault put into one layer is made up for by the next, for
 * any number of threads alike; random data and too few samples change nothing.
 */
#include "calib/calib.h"
#include "base/npy.h"
#include "quant/quant.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static char file[] = "/tmp/axc-bias-XXXXXX.npy";

typedef struct Net {
	AxcArena *arena;
	AxcDiag d;
	AxcGraph *clean, *quantized;
	AxcCalibConfig cfg;
	AxcSamples *samples;
	AxcRanges *ranges;
} Net;

static AxcId conv(AxcGraph *g, const char *name, AxcId x, int64_t in, int64_t out, bool relu, uint32_t *seed)
{
	AxcShape ws = axc_shape_of(4, (const int64_t[]){out, in, 1, 1}), ys = axc_shape_of(4, (const int64_t[]){1, out, 8, 8});
	AxcShape bs = axc_shape_of(1, (const int64_t[]){out});
	float *w = AXC_NEW_ARRAY(g->arena, float, (size_t)(in * out)), *b = AXC_NEW_ARRAY(g->arena, float, (size_t)out);
	for (int64_t i = 0; i < in * out; i++)
		w[i] = (float)((*seed = *seed * 1664525u + 1013904223u) >> 8) * 0x1p-24f - 0.4f;
	AxcId wid = axc_const_add(g, axc_format(g->arena, "%s.w", name), AXC_F32, &ws, w);
	AxcId bid = axc_const_add(g, axc_format(g->arena, "%s.b", name), AXC_F32, &bs, b);
	AxcId y = axc_value_add(g, axc_format(g->arena, "%s.y", name), AXC_F32, &ys);
	AxcId n = axc_node_add(g, "Conv", name, 3, (const AxcId[]){x, wid, bid}, 1, &y);
	axc_attr_set_ints(g, n, "pads", (const int64_t[]){0, 0, 0, 0}, 4);
	if (!relu)
		return y;
	AxcId r = axc_value_add(g, axc_format(g->arena, "%s.r", name), AXC_F32, &ys);
	axc_node_add(g, "Relu", axc_format(g->arena, "%s.relu", name), 1, &y, 1, &r);
	return r;
}

static Net make_net(bool random, int64_t samples, int jobs)
{
	Net n = {.arena = axc_arena_new(NULL)};
	axc_diag_init(&n.d, n.arena);
	AxcGraph *g = n.clean = axc_graph_new(n.arena, "net");
	AxcShape xs = axc_shape_of(4, (const int64_t[]){1, 4, 8, 8});
	uint32_t seed = 5;
	AxcId x = axc_value_add(g, "x", AXC_F32, &xs);
	axc_value(g, x)->is_input = true;
	AXC_PUSH(n.arena, &g->inputs, x);
	AxcId y = conv(g, "b", conv(g, "a", x, 4, 6, true, &seed), 6, 5, false, &seed);
	AXC_PUSH(n.arena, &g->outputs, y);
	n.cfg = (AxcCalibConfig){.jobs = jobs, .dataset_len = samples, .data = random ? NULL : file};
	const AxcQuantConfig quant = {.float_outputs = true};
	if (!axc_samples_open(n.arena, &n.d, g, &n.cfg, &n.samples) ||
	    !axc_calibrate_samples(n.arena, &n.d, g, &n.cfg, n.samples, &n.ranges) ||
	    !axc_quantize(g, n.ranges, &quant, &n.d, &n.quantized))
		fail_msg("%s", n.d.error.message);
	return n;
}

static int32_t *bias_of(Net *n, const char *node)
{
	const AxcNode *c = &n->quantized->nodes.at[axc_node_find(n->quantized, node)];
	return (int32_t *)(uintptr_t)n->quantized->values.at[c->in[2]].data;
}

/* Signal to noise of the output, dB. */
static double quality(Net *n)
{
	AxcLayerSnr *layers;
	uint32_t count;
	if (!axc_layer_snr(n->arena, &n->d, n->clean, n->quantized, n->samples, 20, &layers, &count))
		fail_msg("%s", n->d.error.message);
	assert_true(count >= 2);
	return layers[count - 1].db;
}

static void correct(Net *n, int jobs)
{
	if (!axc_correct_biases(n->arena, &n->d, n->clean, n->quantized, n->samples, n->ranges->samples, jobs))
		fail_msg("%s", n->d.error.message);
}

static void fault_is_made_up_for(void **state)
{
	(void)state;
	int32_t first[5] = {0};
	for (int jobs = 1; jobs <= 3; jobs += 2) {
		Net n = make_net(false, 20, jobs);
		double whole = quality(&n);
		const AxcNode *a = &n.quantized->nodes.at[axc_node_find(n.quantized, "a")];
		const AxcValue *b = &n.quantized->values.at[a->in[2]];
		/* as if the first layer's channels had been quantized with a shift */
		for (int64_t i = 0; i < 6; i++)
			bias_of(&n, "a")[i] += (int32_t)(0.3f / b->q.scale[b->q.n > 1 ? i : 0]);
		const int32_t kept = bias_of(&n, "a")[0];
		double broken = quality(&n);
		assert_true(broken < whole - 6);
		correct(&n, jobs);
		assert_true(quality(&n) > broken + 6);
		assert_true(abs(bias_of(&n, "a")[0] - kept) < abs(kept) / 2 + 100); /* its own input is right */
		if (jobs == 1)
			memcpy(first, bias_of(&n, "b"), sizeof first);
		assert_memory_equal(first, bias_of(&n, "b"), sizeof first);
		axc_arena_free(n.arena);
	}
}

static void a_good_network_stays_good(void **state)
{
	(void)state;
	Net n = make_net(false, 20, 2);
	double before = quality(&n);
	correct(&n, 2);
	assert_true(quality(&n) > before - 0.5);
	axc_arena_free(n.arena);
}

static void nothing_without_data(void **state)
{
	(void)state;
	for (int few = 0; few < 2; few++) {
		Net n = make_net(!few, few ? 3 : 20, 2);
		int32_t before[5];
		bias_of(&n, "a")[0] += 100000;
		memcpy(before, bias_of(&n, "b"), sizeof before);
		correct(&n, 2);
		assert_memory_equal(before, bias_of(&n, "b"), sizeof before);
		axc_arena_free(n.arena);
	}
}

static void write_data(void)
{
	int fd = mkstemps(file, 4);
	assert_true(fd >= 0);
	AxcArena *arena = axc_arena_new(NULL);
	AxcText t = {.arena = arena};
	axc_npy_header(&t, 'f', 4, 4, (const int64_t[]){20, 4, 8, 8});
	uint32_t seed = 1;
	for (int i = 0; i < 20 * 256; i++) {
		float v = (float)((seed = seed * 1664525u + 1013904223u) >> 8) * 0x1p-23f;
		axc_text_add(&t, (const char *)&v, sizeof v);
	}
	assert_int_equal(write(fd, t.at, t.n), (ssize_t)t.n);
	close(fd);
	axc_arena_free(arena);
}

int main(void)
{
	write_data();
	const struct CMUnitTest tests[] = {cmocka_unit_test(fault_is_made_up_for),
	                                   cmocka_unit_test(a_good_network_stays_good),
	                                   cmocka_unit_test(nothing_without_data)};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file);
	return failed;
}
