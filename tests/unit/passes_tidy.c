/* Shape arithmetic folded away, no-ops and chains of moves merged, pads and means in one form, errors for
 * what cannot be known. */
#include "passes_help.h"

static AxcId ints(Fixture *f, const char *name, int n, const int64_t *v)
{
	return axc_const_i64(f->g, name, v, n);
}
#define INTS(name, ...) \
	ints(f, name, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})

static AxcId transpose(Fixture *f, const char *name, AxcId x, int64_t a, int64_t b, int64_t c, int64_t e)
{
	AxcId y = op(f, "Transpose", name, IDS(x));
	axc_attr_set_ints(f->g, f->last, "perm", (int64_t[]){a, b, c, e}, 4);
	return y;
}

/* x.view(x.size(0), -1): Shape, Gather, Unsqueeze, Concat, Reshape become one Reshape. */
static void shape_arithmetic(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(2, 3, 4, 5)), shape = op(f, "Shape", "shape", IDS(x));
	int64_t zero = 0;
	AxcShape scalar = {.rank = 0};
	AxcId index = axc_const_add(f->g, "zero", AXC_I64, &scalar, axc_memdup(f->arena, &zero, sizeof zero));
	AxcId n = op(f, "Gather", "gather", IDS(shape, index));
	n = op(f, "Unsqueeze", "unsqueeze", IDS(n, INTS("axes", 0)));
	n = op(f, "Concat", "concat", IDS(n, INTS("rest", -1)));
	axc_attr_set_int(f->g, f->last, "axis", 0);
	output(f, op(f, "Reshape", "reshape", IDS(x, n)));
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, NULL), 1);
	AxcShape want = SHAPE(2, 60);
	assert_true(axc_shape_equal(&axc_value(g, g->outputs.at[0])->shape, &want));
}

static void transposes_cancel(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 3, 4, 5)), y = transpose(f, "a", x, 0, 2, 3, 1);
	y = op(f, "Identity", "i", IDS(y));
	y = transpose(f, "b", y, 0, 3, 1, 2);
	y = op(f, "Relu", "relu", IDS(y));
	y = transpose(f, "c", y, 0, 2, 3, 1);
	output(f, transpose(f, "d", y, 0, 2, 1, 3));
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, "Transpose"), 1);
	assert_int_equal(count_nodes(g, NULL), 2);
}

static void views_merge(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 6, 1, 1)), y = transpose(f, "nhwc", x, 0, 2, 3, 1);
	y = op(f, "Reshape", "r", IDS(y, INTS("s1", 6, 1)));
	y = op(f, "Squeeze", "q", IDS(y, INTS("s2", 1)));
	output(f, op(f, "Unsqueeze", "u", IDS(y, INTS("s3", 0))));
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, NULL), 1);
	assert_int_equal(count_nodes(g, "Reshape"), 1);
}

static void nothing_left_but_the_names(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 2, 4, 4)), y = op(f, "Relu", "relu", IDS(x));
	y = op(f, "Identity", "i", IDS(y));
	y = op(f, "Mul", "one", IDS(y, axc_const_f32(f->g, "c1", 1.0f)));
	y = op(f, "Add", "zero", IDS(axc_const_f32(f->g, "c0", 0.0f), y));
	y = op(f, "Pad", "pad", IDS(y, INTS("none", 0, 0, 0, 0, 0, 0, 0, 0)));
	y = op(f, "Slice", "slice", IDS(y, INTS("from", 0), INTS("to", 100), INTS("axis", 2)));
	y = op(f, "Concat", "cat", IDS(y));
	axc_attr_set_int(f->g, f->last, "axis", 1);
	output(f, op(f, "Reshape", "same", IDS(y, INTS("shape", 0, 2, -1, 4))));
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, NULL), 1);
	assert_string_equal(axc_value(g, g->outputs.at[0])->name, "same:0");
	assert_string_equal(axc_node(g, 1)->name, "relu");
}

/* Outputs that no node makes, or one value twice, keep their names through Identity nodes. */
static void outputs_have_producers(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 4)), y = op(f, "Relu", "relu", IDS(x));
	output(f, op(f, "Identity", "a", IDS(y)));
	output(f, op(f, "Identity", "b", IDS(y)));
	output(f, op(f, "Identity", "c", IDS(x)));
	output(f, op(f, "Neg", "d", IDS(weights(f, "w", SHAPE(3), 0.0f, 1.0f))));
	AxcGraph *g = clean_and_compare(f, true);
	for (uint32_t i = 0; i < g->outputs.n; i++)
		assert_true(axc_value(g, g->outputs.at[i])->producer != 0);
	assert_int_equal(count_nodes(g, "Relu"), 1);
}

static void pads_fold(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 2, 6, 6));
	AxcId y = conv(f, "conv", op(f, "Pad", "p1", IDS(x, INTS("n1", 0, 0, 1, 0, 0, 0, 0, 2))), SHAPE(4, 2, 3, 3), 1, 1);
	AxcId relu = op(f, "Relu", "relu", IDS(y));
	AxcId m = op(f, "MaxPool", "max", IDS(op(f, "Pad", "p2", IDS(relu, INTS("n2", 0, 0, 1, 1, 0, 0, 1, 1)))));
	axc_attr_set_ints(f->g, f->last, "kernel_shape", (int64_t[]){3, 3}, 2);
	output(f, m);
	AxcId a = op(f, "AveragePool", "avg", IDS(op(f, "Pad", "p3", IDS(y, INTS("n3", 0, 0, 1, 1, 0, 0, 0, 0)))));
	axc_attr_set_ints(f->g, f->last, "kernel_shape", (int64_t[]){2, 2}, 2);
	output(f, a);
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, "Pad"), 0);
}

/* A padded zero would beat negative numbers in a maximum. */
static void pad_before_max_stays(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 2, 6, 6));
	output(f, op(f, "MaxPool", "max", IDS(op(f, "Pad", "p", IDS(x, INTS("n", 0, 0, 1, 1, 0, 0, 1, 1))))));
	axc_attr_set_ints(f->g, f->last, "kernel_shape", (int64_t[]){3, 3}, 2);
	assert_int_equal(count_nodes(clean_and_compare(f, true), "Pad"), 1);
}

static void means_are_global(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 3, 4, 6));
	AxcId y = op(f, "ReduceMean", "mean", IDS(x, INTS("axes", -1, 2)));
	axc_attr_set_int(f->g, f->last, "keepdims", 0);
	output(f, y);
	AxcId z = op(f, "AveragePool", "avg", IDS(x));
	axc_attr_set_ints(f->g, f->last, "kernel_shape", (int64_t[]){4, 6}, 2);
	output(f, z);
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, "GlobalAveragePool"), 2);
	assert_int_equal(count_nodes(g, "Reshape"), 1);
}

static void same_pads_are_spelled_out(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(1, 2, 7, 8)), w = weights(f, "w", SHAPE(3, 2, 3, 3), 0.0f, 1.0f);
	AxcId y = op(f, "Conv", "conv", IDS(x, w));
	axc_attr_set_string(f->g, f->last, "auto_pad", "SAME_UPPER");
	axc_attr_set_ints(f->g, f->last, "strides", (int64_t[]){2, 2}, 2);
	output(f, y);
	AxcGraph *g = clean_and_compare(f, true);
	uint32_t n;
	const int64_t *pads = axc_attr_ints(axc_node(g, 1), "pads", &n), want[4] = {1, 0, 1, 1};
	assert_int_equal(n, 4);
	assert_memory_equal(pads, want, sizeof want);
	assert_null(axc_attr(axc_node(g, 1), "auto_pad"));
}

static void last_pointwise_conv_is_gemm(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "x", SHAPE(2, 3, 4, 6)), y = op(f, "GlobalAveragePool", "gap", IDS(x));
	y = conv(f, "fc", y, SHAPE(5, 3, 1, 1), 1, 0);
	output(f, op(f, "Flatten", "flat", IDS(y)));
	AxcGraph *g = clean_and_compare(f, true);
	assert_int_equal(count_nodes(g, NULL), 3);
	assert_string_equal(axc_node(g, axc_node_find(g, "fc"))->op_type, "Gemm");
}

static void unknown_dimension_is_named(void **state)
{
	Fixture *f = *state;
	AxcId x = input(f, "picture", SHAPE(1, 3, -1, 8));
	static const char *const names[] = {NULL, NULL, "height", NULL};
	axc_value(f->g, x)->dim_names = names;
	output(f, op(f, "Relu", "relu", IDS(x)));
	AxcPassConfig config = {.arithmetic_simplification = true};
	assert_false(axc_clean(f->g, &config, &f->d));
	assert_int_equal(f->d.error.status, AXC_ONNX_GRAPH_CLEANER_ERROR);
	assert_non_null(strstr(f->d.error.message, "height"));
	assert_non_null(strstr(f->d.error.hint, "--input-shape"));
}

static void model_names(void **state)
{
	Fixture *f = *state;
	assert_string_equal(axc_identifier(f->arena, "torch-jit export"), "torch_jit_export");
	assert_string_equal(axc_identifier(f->arena, "3ddfa"), "n3ddfa");
	assert_string_equal(axc_identifier(f->arena, "*/"), "network");
	assert_string_equal(axc_identifier(f->arena, ""), "network");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
	const struct CMUnitTest tests[] = {
		T(shape_arithmetic), T(transposes_cancel), T(views_merge), T(nothing_left_but_the_names),
		T(outputs_have_producers), T(pads_fold), T(pad_before_max_stays), T(means_are_global),
		T(same_pads_are_spelled_out), T(last_pointwise_conv_is_gemm), T(unknown_dimension_is_named),
		T(model_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
