/* Which nodes compute in int8, which stay float and why. */
#include "passes_help.h"

#include "quant/quant.h"

static const AxcQuantPlan *plan_of(Fixture *f, const AxcQuantConfig *config)
{
	AxcPassConfig passes = {.arithmetic_simplification = true};
	expect_ok(f, axc_clean(f->g, &passes, &f->d));
	return axc_quant_plan(f->arena, f->g, config);
}

static AxcId node_of(Fixture *f, const char *name)
{
	AxcId id = axc_node_find(f->g, name);
	assert_true(id != 0);
	return id;
}

static void assert_int8(Fixture *f, const AxcQuantPlan *p, const char *name, bool wanted)
{
	AxcId id = node_of(f, name);
	if (p->node_int8[id] != wanted)
		print_message("%s: %s\n", name, p->reason[id] ? p->reason[id] : "int8");
	assert_true(p->node_int8[id] == wanted);
	assert_true((p->reason[id] == NULL) == wanted);
}

static const AxcQuantConfig plain = {.float_outputs = true};

static void classifier(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 3, 8, 8)), y = conv(f, "c1", x, SHAPE(8, 3, 3, 3), 1, 1);
	y = op(f, "Relu", "r1", IDS(y));
	y = conv(f, "c2", y, SHAPE(4, 8, 3, 3), 1, 1);
	y = op(f, "Sigmoid", "last", IDS(y));
	output(f, y);
	const AxcQuantPlan *p = plan_of(f, &plain);
	assert_int8(f, p, "c1", true);
	assert_int8(f, p, "r1", true);
	assert_true(p->folded[node_of(f, "r1")]);
	assert_int8(f, p, "c2", true);
	assert_int8(f, p, "last", false);
	assert_true(p->float_out[axc_node(f->g, node_of(f, "c2"))->out[0]]);
	assert_false(p->value_int8[axc_node(f->g, node_of(f, "c1"))->out[0]]);
	assert_true(p->value_int8[axc_value_find(f->g, "x")]);
}

static void pool_behind_the_last_conv(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 3, 8, 8)), y = conv(f, "c1", x, SHAPE(8, 3, 3, 3), 1, 1);
	y = op(f, "Relu", "r1", IDS(y));
	y = op(f, "GlobalAveragePool", "gap", IDS(y));
	output(f, op(f, "Sigmoid", "last", IDS(y)));
	const AxcQuantPlan *p = plan_of(f, &plain);
	assert_int8(f, p, "gap", true);
	assert_true(p->folded[node_of(f, "r1")]);
	assert_true(p->float_out[axc_node(f->g, node_of(f, "gap"))->out[0]]);
	assert_int8(f, p, "last", false);
}

/* A ReLU behind the last convolution is float when that gives its accumulator, folded when it gives int8. */
static void float_outputs_switch(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 3, 8, 8)), y = conv(f, "c1", x, SHAPE(8, 3, 3, 3), 1, 1);
	output(f, op(f, "Relu", "r1", IDS(y)));
	const AxcQuantPlan *p = plan_of(f, &plain);
	assert_int8(f, p, "r1", false);
	static const AxcQuantConfig integer = {.float_outputs = false};
	p = axc_quant_plan(f->arena, f->g, &integer);
	assert_true(p->folded[node_of(f, "r1")]);
	assert_false(p->float_out[axc_node(f->g, node_of(f, "c1"))->out[0]]);
}

static void island_and_its_neighbours(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 3, 8, 8)), y = conv(f, "c1", x, SHAPE(8, 3, 3, 3), 1, 1);
	AxcId a = op(f, "Exp", "exp", IDS(y));
	a = op(f, "Tanh", "tanh", IDS(a)); /* between a float node and a float node */
	a = op(f, "Floor", "floor", IDS(a));
	output(f, conv(f, "c2", a, SHAPE(4, 8, 1, 1), 1, 0));
	const AxcQuantPlan *p = plan_of(f, &plain);
	assert_int8(f, p, "c1", true);
	assert_int8(f, p, "exp", false);
	assert_int8(f, p, "tanh", false);
	assert_int8(f, p, "floor", false);
	assert_int8(f, p, "c2", true);
	assert_true(p->value_int8[axc_node(f->g, node_of(f, "floor"))->out[0]]);
}

static void keep_float_patterns(void **state)
{
	Fixture *f = *state;
	static const char *const patterns[] = {"head/*"};
	AxcQuantConfig config = {.float_outputs = true, .keep_float = patterns, .n_keep_float = 1};
	AxcId x = input(f, "x", SHAPE(1, 3, 8, 8)), y = conv(f, "body/c", x, SHAPE(8, 3, 3, 3), 1, 1);
	output(f, conv(f, "head/c", y, SHAPE(4, 8, 1, 1), 1, 0));
	const AxcQuantPlan *p = plan_of(f, &config);
	assert_int8(f, p, "body/c", true);
	assert_int8(f, p, "head/c", false);
	assert_non_null(strstr(p->reason[node_of(f, "head/c")], "head/*"));
	config.float32 = true;
	p = axc_quant_plan(f->arena, f->g, &config);
	assert_int8(f, p, "body/c", false);
}

static void channels_for_depthwise_only(void **state)
{
	Fixture *f = *state;
	AxcQuantConfig config = {.float_outputs = true, .per_channel_dw = true};
	AxcId x = input(f, "x", SHAPE(1, 3, 8, 8)), a = conv(f, "c1", x, SHAPE(8, 3, 1, 1), 1, 0);
	AxcId b = op(f, "Relu", "r1", IDS(a));
	AxcId c = conv(f, "dw", b, SHAPE(8, 1, 3, 3), 8, 1), e = conv(f, "c2", c, SHAPE(8, 8, 1, 1), 1, 0);
	AxcId h = conv(f, "dw2", e, SHAPE(8, 1, 3, 3), 8, 1);
	output(f, op(f, "Add", "sum", IDS(h, e)));
	const AxcQuantPlan *p = plan_of(f, &config);
	assert_true(p->per_channel[axc_node(f->g, node_of(f, "r1"))->out[0]]);
	assert_false(p->per_channel[axc_node(f->g, node_of(f, "dw"))->out[0]]); /* read by a dense Conv */
	assert_false(p->per_channel[axc_node(f->g, node_of(f, "c2"))->out[0]]); /* read by the Add too */
	assert_false(p->per_channel[axc_value_find(f->g, "x")]);
}

static void last_node_by_hand(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 12)), w1 = weights(f, "w1", SHAPE(12, 30), 0.0f, 1.0f);
	AxcId w2 = weights(f, "w2", SHAPE(30, 4), 0.0f, 1.0f), w3 = weights(f, "w3", SHAPE(4, 2), 0.0f, 1.0f);
	AxcId y = op(f, "MatMul", "m1", IDS(x, w1));
	y = op(f, "MatMul", "m2", IDS(op(f, "Relu", "r1", IDS(y)), w2));
	output(f, op(f, "MatMul", "m3", IDS(op(f, "Relu", "r2", IDS(y)), w3)));
	AxcQuantConfig config = {.float_outputs = true, .last_op = "MatMul", .last_threshold = 100};
	const AxcQuantPlan *p = plan_of(f, &config);
	assert_int8(f, p, "m1", true); /* 360 weights */
	assert_int8(f, p, "m2", false);
	assert_int8(f, p, "m3", false);
	config.last_by_first_dimension = true;
	config.last_threshold = 20;
	p = axc_quant_plan(f->arena, f->g, &config);
	assert_int8(f, p, "m2", true); /* 30 rows */
	assert_int8(f, p, "m3", false);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
	const struct CMUnitTest tests[] = {
		T(classifier), T(pool_behind_the_last_conv), T(float_outputs_switch), T(island_and_its_neighbours),
		T(keep_float_patterns), T(channels_for_depthwise_only), T(last_node_by_hand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
