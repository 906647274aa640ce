/* The quantized graph: types, scales, Q/DQ, folded ReLU, weights within the accumulator; and that it
 * computes about what the float graph does. */
#include "passes_help.h"

#include "quant/quant.h"

typedef struct Seen {
	AxcRanges *r;
	const AxcGraph *g;
} Seen;

static void observe(void *ctx, AxcId v, const void *data)
{
	Seen *s = ctx;
	const float *x = data;
	AxcRange *r = &s->r->at[v];
	if (s->g->values.at[v].dtype != AXC_F32)
		return;
	r->observed = true;
	for (int64_t i = 0; i < axc_shape_count(&s->g->values.at[v].shape); i++) {
		r->lo = fminf(r->lo, x[i]);
		r->hi = fmaxf(r->hi, x[i]);
	}
}

/* Min-max of a few random samples. */
static AxcRanges *ranges_of(Fixture *f, const AxcGraph *g)
{
	AxcRanges *r = AXC_NEW(f->arena, AxcRanges);
	AxcEval *ev;
	r->n = g->values.n;
	r->at = AXC_NEW_ARRAY(f->arena, AxcRange, r->n);
	Seen seen = {r, g};
	expect_ok(f, axc_eval_new(f->arena, &f->d, g, axk_cpu_isa(), true, NULL, &ev));
	for (uint32_t seed = 7; seed < 10; seed++)
		expect_ok(f, axc_eval_run(ev, &f->d, random_inputs(f, g, seed), observe, &seen));
	return r;
}

static AxcGraph *quantized(Fixture *f, const AxcQuantConfig *config)
{
	AxcPassConfig passes = {.arithmetic_simplification = true};
	AxcGraph *q;
	expect_ok(f, axc_clean(f->g, &passes, &f->d));
	expect_ok(f, axc_quantize(f->g, ranges_of(f, f->g), config, &f->d, &q));
	return q;
}

/* 10 log10 of signal over noise of output 0 between the clean and the quantized graph. */
static double snr_db(Fixture *f, const AxcGraph *q)
{
	AxcEval *a = evaluate(f, f->g, 7), *b = evaluate(f, q, 7);
	const float *x = axc_eval_data(a, f->g->outputs.at[0]), *y = axc_eval_data(b, q->outputs.at[0]);
	double signal = 0.0, noise_sum = 1e-30;
	for (int64_t i = 0; i < axc_shape_count(&q->values.at[q->outputs.at[0]].shape); i++) {
		signal += (double)x[i] * x[i];
		noise_sum += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
	}
	return 10.0 * log10(signal / noise_sum);
}

static const AxcQuantConfig plain = {.float_outputs = true};
static const AxcQuantConfig integer = {.float_outputs = false};

static void residual_network(Fixture *f)
{
	AxcId x = input(f, "x", SHAPE(1, 3, 8, 8)), y = conv(f, "c1", x, SHAPE(8, 3, 3, 3), 1, 1);
	y = op(f, "Relu", "r1", IDS(y));
	AxcId z = conv(f, "c2", y, SHAPE(8, 8, 3, 3), 1, 1);
	z = op(f, "Relu", "r2", IDS(op(f, "Add", "sum", IDS(z, y))));
	output(f, conv(f, "fc", z, SHAPE(5, 8, 1, 1), 1, 0));
}

static void residual(void **state)
{
	Fixture *f = *state;
	residual_network(f);
	AxcGraph *q = quantized(f, &plain);
	assert_int_equal(count_nodes(q, "Relu"), 0);
	assert_int_equal(count_nodes(q, "QuantizeLinear"), 1);
	assert_int_equal(count_nodes(q, "DequantizeLinear"), 0);
	const AxcValue *out = axc_value(q, q->outputs.at[0]);
	assert_true(out->dtype == AXC_F32 && out->q.n == 1);
	assert_string_equal(out->name, "fc:0");
	const AxcValue *r1 = axc_value(q, axc_value_find(q, "r1:0"));
	assert_true(r1->dtype == AXC_I8 && r1->q.zero_point[0] == -128);
	assert_string_equal(axc_node(q, r1->producer)->op_type, "Conv");
	assert_true(snr_db(f, q) > 30.0);
	AxcQuantSummary s = axc_quant_summary(q);
	assert_int_equal(s.float_nodes, 0);
	assert_int_equal(s.float_macs, 0);
	assert_true(s.int8_macs > 0);
}

static void integer_output_is_dequantized(void **state)
{
	Fixture *f = *state;
	residual_network(f);
	AxcGraph *q = quantized(f, &integer);
	assert_int_equal(count_nodes(q, "DequantizeLinear"), 1);
	const AxcValue *out = axc_value(q, q->outputs.at[0]);
	assert_true(out->dtype == AXC_F32 && out->q.n == 0);
	assert_string_equal(out->name, "fc:0");
	assert_string_equal(axc_node(q, out->producer)->op_type, "DequantizeLinear");
	assert_true(snr_db(f, q) > 30.0);
}

static void concat_shares_its_scale(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 3, 8, 8));
	AxcId a = conv(f, "a", x, SHAPE(4, 3, 3, 3), 1, 1), b = conv(f, "b", x, SHAPE(4, 3, 1, 1), 1, 0);
	AxcId c = op(f, "Concat", "cat", IDS(a, b));
	axc_attr_set_int(f->g, f->last, "axis", 1);
	output(f, conv(f, "last", c, SHAPE(4, 8, 1, 1), 1, 0));
	AxcGraph *q = quantized(f, &plain);
	const AxcValue *va = axc_value(q, axc_value_find(q, "a:0")), *vc = axc_value(q, axc_value_find(q, "cat:0"));
	assert_true(va->q.scale[0] == vc->q.scale[0] && va->q.zero_point[0] == vc->q.zero_point[0]);
	assert_true(snr_db(f, q) > 30.0);
}

/* A dead channel with a large bias, weights of 1e-9 beside weights of 1, and a long sum: the worst
 * accumulator stays below 2^31 and the scales are normal floats. */
static void accumulator_is_bounded(void **state)
{
	Fixture *f = *state;
	enum { IC = 70, OC = 3 };
	AxcId x = input(f, "x", SHAPE(1, IC, 4, 4));
	float *w = AXC_NEW_ARRAY(f->arena, float, OC * IC);
	for (int i = 0; i < IC; i++) {
		w[IC + i] = 1e-9f * noise(&f->seed);
		w[2 * IC + i] = noise(&f->seed);
	}
	static const float b[OC] = {100.0f, -50.0f, 0.5f};
	AxcShape ws = SHAPE(OC, IC, 1, 1), bs = SHAPE(OC);
	AxcId wi = axc_const_add(f->g, "w", AXC_F32, &ws, w), bi = axc_const_add(f->g, "b", AXC_F32, &bs, b);
	output(f, op(f, "Conv", "conv", IDS(x, wi, bi)));
	AxcGraph *q = quantized(f, &plain);
	const AxcNode *n = axc_node(q, axc_node_find(q, "conv"));
	const AxcValue *qw = axc_value(q, n->in[1]), *qb = axc_value(q, n->in[2]);
	float sx = axc_value(q, n->in[0])->q.scale[0];
	assert_int_equal(qw->q.n, OC);
	assert_true(qw->q.scale[0] == qw->q.scale[2]);
	for (int c = 0; c < OC; c++) {
		double worst = fabs((double)((const int32_t *)qb->data)[c]);
		for (int i = 0; i < IC; i++)
			worst += 255.0 * abs(((const int8_t *)qw->data)[c * IC + i]);
		assert_true(worst < 2147483648.0);
		assert_true(isnormal(qw->q.scale[c]) && isnormal(sx * qw->q.scale[c]));
		assert_true(qb->q.scale[c] == sx * qw->q.scale[c]);
		assert_true(fabs(((const int32_t *)qb->data)[c] * (double)qb->q.scale[c] - b[c]) < 1e-2 * fabs(b[c]));
	}
	assert_true(snr_db(f, q) > 30.0);
}

static void float32_changes_nothing(void **state)
{
	Fixture *f = *state;
	residual_network(f);
	static const AxcQuantConfig config = {.float32 = true};
	AxcGraph *q = quantized(f, &config);
	assert_int_equal(count_nodes(q, NULL), count_nodes(f->g, NULL));
	assert_true(snr_db(f, q) > 200.0);
	assert_int_equal(axc_quant_summary(q).int8_macs, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
	const struct CMUnitTest tests[] = {
		T(residual), T(integer_output_is_dequantized), T(concat_shares_its_scale), T(accumulator_is_bounded),
		T(float32_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
