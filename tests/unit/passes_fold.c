/* Folding into weights: the cleaned graph has fewer nodes and computes the same. */
#include "passes_help.h"

static AxcId batch_norm(Fixture *f, const char *name, AxcId x, int64_t channels)
{
	AxcShape c = SHAPE(channels);
	AxcId scale = weights(f, axc_format(f->arena, "%s.scale", name), c, 1.0f, 0.5f);
	AxcId shift = weights(f, axc_format(f->arena, "%s.shift", name), c, 0.0f, 0.5f);
	AxcId mean = weights(f, axc_format(f->arena, "%s.mean", name), c, 0.0f, 0.5f);
	AxcId var = weights(f, axc_format(f->arena, "%s.var", name), c, 1.0f, 0.5f);
	return op(f, "BatchNormalization", name, IDS(x, scale, shift, mean, var));
}

static void bn_behind_conv(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 4, 6, 7));
	output(f, batch_norm(f, "bn", conv(f, "conv", x, SHAPE(8, 2, 3, 3), 2, 1), 8));
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, NULL), 1);
	assert_int_equal(axc_node(g, 1)->n_origins, 2);
}

static void bn_behind_conv_transpose(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 4, 3, 3)), w = weights(f, "w", SHAPE(4, 3, 2, 2), 0.0f, 1.0f);
	AxcId y = op(f, "ConvTranspose", "up", IDS(x, w));
	axc_attr_set_int(f->g, f->last, "group", 2);
	axc_attr_set_ints(f->g, f->last, "strides", (int64_t[]){2, 2}, 2);
	output(f, batch_norm(f, "bn", y, 6));
	assert_int_equal(count_nodes(clean_and_compare(f, true), NULL), 1);
}

static void bn_in_front_needs_no_padding(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 4, 6, 6));
	output(f, conv(f, "conv", batch_norm(f, "bn", x, 4), SHAPE(8, 2, 3, 3), 2, 0));
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, NULL), 1);
}

static void bn_in_front_of_padding_is_depthwise(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 4, 6, 6));
	output(f, conv(f, "conv", batch_norm(f, "bn", x, 4), SHAPE(8, 4, 3, 3), 1, 1));
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, "Conv"), 2);
	assert_int_equal(count_nodes(g, NULL), 2);
	assert_int_equal(axc_attr_int(axc_node(g, 1), "group", 1), 4);
}

static void gemm_factors_and_bn(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(3, 5)), w = weights(f, "w", SHAPE(7, 5), 0.0f, 1.0f);
	AxcId c = weights(f, "c", SHAPE(1), 0.3f, 0.0f);
	AxcId y = op(f, "Gemm", "fc", IDS(x, w, c));
	axc_attr_set_int(f->g, f->last, "transB", 1);
	axc_attr_set_float(f->g, f->last, "alpha", 0.5f);
	axc_attr_set_float(f->g, f->last, "beta", -2.0f);
	output(f, batch_norm(f, "bn", y, 7));
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, NULL), 1);
	assert_true(axc_attr_float(axc_node(g, 1), "alpha", 0.0f) == 1.0f);
	assert_int_equal(axc_value(g, axc_node(g, 1)->in[2])->shape.dim[0], 7);
}

/* The convolution's output is read twice: its weights must not change. */
static void shared_output_is_left(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 4, 6, 6)), y = conv(f, "conv", x, SHAPE(4, 4, 1, 1), 1, 0);
	output(f, y);
	output(f, batch_norm(f, "bn", y, 4));
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, "Conv"), 2);
}

/* Conv, Mul [C,1,1], Add scalar, Div [1,C,1,1], Sub: all in the weights, in one application. */
static void chain_behind_conv(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 4, 6, 6)), y = conv(f, "conv", x, SHAPE(8, 4, 3, 3), 1, 1);
	y = op(f, "Mul", "mul", IDS(y, weights(f, "m", SHAPE(8, 1, 1), 1.0f, 0.5f)));
	y = op(f, "Add", "add", IDS(weights(f, "a", SHAPE(1), 0.3f, 0.0f), y));
	y = op(f, "Div", "div", IDS(y, weights(f, "d", SHAPE(1, 8, 1, 1), 2.0f, 0.5f)));
	y = op(f, "Sub", "sub", IDS(weights(f, "s", SHAPE(8, 1, 1), 0.0f, 1.0f), y));
	output(f, y);
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, NULL), 1);
	assert_int_equal(axc_node(g, 1)->n_origins, 5);
}

static void chain_stays_without_simplification(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 4, 6, 6)), y = conv(f, "conv", x, SHAPE(8, 4, 3, 3), 1, 1);
	y = op(f, "Mul", "mul", IDS(y, weights(f, "m", SHAPE(8, 1, 1), 1.0f, 0.5f)));
	output(f, batch_norm(f, "bn", y, 8));
	AxcGraph *g = clean_and_compare(f, false);
	assert_int_equal(count_nodes(g, "Mul"), 1);
	assert_int_equal(count_nodes(g, "BatchNormalization"), 0);
}

/* A constant that varies along the width, or one that widens the shape, is no channel factor. */
static void other_axes_are_left(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 4, 6, 8)), y = conv(f, "conv", x, SHAPE(8, 4, 1, 1), 1, 0);
	y = op(f, "Mul", "mul", IDS(y, weights(f, "m", SHAPE(8), 1.0f, 0.5f)));
	AxcId p = input(f, "p", SHAPE(1, 4, 1, 1)), z = conv(f, "conv2", p, SHAPE(8, 4, 1, 1), 1, 0);
	z = op(f, "Add", "add", IDS(z, weights(f, "a", SHAPE(1, 8, 6, 8), 1.0f, 0.5f)));
	output(f, op(f, "Add", "sum", IDS(y, z)));
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, "Mul"), 1);
	assert_int_equal(count_nodes(g, "Add"), 2);
}

static void normalization_of_the_input(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 3, 6, 6));
	AxcId y = op(f, "Sub", "mean", IDS(x, weights(f, "m", SHAPE(3, 1, 1), 0.5f, 0.2f)));
	y = op(f, "Div", "std", IDS(y, weights(f, "s", SHAPE(3, 1, 1), 0.5f, 0.2f)));
	AxcId a = conv(f, "padded", y, SHAPE(4, 3, 3, 3), 1, 1);
	output(f, a);
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, NULL), 2); /* one depthwise 1x1 for both, then the padded one */
	assert_int_equal(count_nodes(g, "Conv"), 2);
}

static void matmul_takes_the_bias(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(2, 3, 5)), w = weights(f, "w", SHAPE(5, 4), 0.0f, 1.0f);
	AxcId y = op(f, "MatMul", "mm", IDS(x, w));
	output(f, op(f, "Add", "bias", IDS(weights(f, "b", SHAPE(4), 0.0f, 1.0f), y)));
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, NULL), 1);
	assert_int_equal(axc_node(g, 1)->n_in, 3);
}

/* Linear time and memory, no recursion. */
static void long_chain(void **state)
{
	Fixture *f = *state;
	enum { N = 100000 };
	AxcId x = input(f, "x", SHAPE(1, 2, 2, 2)), y = conv(f, "conv", x, SHAPE(2, 2, 1, 1), 1, 0);
	AxcId c = axc_const_f32(f->g, "c", 1e-5f);
	for (int i = 0; i < N; i++)
		y = op(f, "Add", axc_format(f->arena, "a%d", i), IDS(y, c));
	output(f, y);
	AxcPassConfig config = {.arithmetic_simplification = true};
	expect_ok(f, axc_clean(f->g, &config, &f->d));
	assert_int_equal(count_nodes(f->g, NULL), 1);
	const float *bias = axc_value(f->g, axc_node(f->g, 1)->in[2])->data;
	assert_true(fabsf(bias[0] - 1.0f) < 1e-4f);
	assert_true(axc_arena_peak_bytes(f->arena) < (size_t)1 << 29);
}

static void dead_weights_are_flushed(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 1, 2, 2));
	static const float w[4] = {1.0f, 1e-39f, 1e-31f, 1e-20f};
	AxcShape shape = SHAPE(4, 1, 1, 1);
	AxcId k = axc_const_add(f->g, "w", AXC_F32, &shape, w);
	output(f, op(f, "Conv", "conv", IDS(x, k)));
	AxcGraph *g = clean_and_compare(f, true);
	const float *now = axc_value(g, axc_node(g, 1)->in[1])->data;
	assert_true(now[0] == 1.0f && now[1] == 0.0f && now[2] == 0.0f && now[3] == 1e-20f);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
	const struct CMUnitTest tests[] = {
		T(bn_behind_conv), T(bn_behind_conv_transpose), T(bn_in_front_needs_no_padding),
		T(bn_in_front_of_padding_is_depthwise), T(gemm_factors_and_bn), T(shared_output_is_left),
		T(chain_behind_conv), T(chain_stays_without_simplification), T(other_axes_are_left),
		T(normalization_of_the_input), T(matmul_takes_the_bias), T(long_chain), T(dead_weights_are_flushed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
