/* The interpreter itself: memory reused over a network gives what separate memory gives, workers
 * share a plan, observers see every value once and in order, single nodes fold, and what cannot run
 * says so. */
#include "nodes_help.h"

/* A small network with branches: convolutions, a sum of two of them, pools, a product. */
typedef struct Net {
	Bench b;
	AxcId x, y;
} Net;

static AxcId layer(Bench *b, const char *op, uint32_t n_in, const AxcId *in)
{
	AxcId y, node = node_of(b, op, n_in, in, &y);
	if (strcmp(op, "MaxPool") == 0)
		axc_attr_set_ints(b->g, node, "kernel_shape", (int64_t[]){2, 2}, 2);
	infer_node(b, node);
	return y;
}

static void net_new(Net *n)
{
	Bench *b = &n->b;
	bench_new(b);
	n->x = graph_input(b, AXC_F32, SHAPE(1, 3, 9, 9));
	AxcId a = layer(b, "Conv", 2, (AxcId[]){n->x, float_const(b, SHAPE(8, 3, 3, 3))});
	AxcId c = layer(b, "Conv", 2, (AxcId[]){a, float_const(b, SHAPE(8, 8, 1, 1))});
	AxcId e = layer(b, "Conv", 2, (AxcId[]){a, float_const(b, SHAPE(8, 8, 1, 1))});
	AxcId pc = layer(b, "MaxPool", 1, &c), pe = layer(b, "MaxPool", 1, &e);
	AxcId gc = layer(b, "GlobalAveragePool", 1, &pc), ge = layer(b, "GlobalMaxPool", 1, &pe);
	AxcId m = layer(b, "MatMul", 2, (AxcId[]){gc, float_const(b, SHAPE(1, 8, 1, 5))});
	n->y = layer(b, "MatMul", 2, (AxcId[]){ge, m});
	AXC_PUSH(b->arena, &b->g->outputs, n->y);
}

static void reuse_changes_nothing(void **state)
{
	(void)state;
	Net n;
	AxcEval *reused, *second;
	net_new(&n);
	size_t bytes = (size_t)axc_shape_count(&axc_value(n.b.g, n.y)->shape) * sizeof(float);
	const void *in[] = {random_floats(&n.b, 243)}, *other[] = {random_floats(&n.b, 243)};
	const float *kept = axc_eval_data(run_graph(&n.b, axk_cpu_isa(), in), n.y);
	want(&n.b, axc_eval_new(n.b.arena, &n.b.d, n.b.g, axk_cpu_isa(), false, NULL, &reused));
	want(&n.b, axc_eval_new(n.b.arena, &n.b.d, n.b.g, axk_cpu_isa(), false, reused, &second));
	want(&n.b, axc_eval_run(second, &n.b.d, other, NULL, NULL));
	want(&n.b, axc_eval_run(reused, &n.b.d, in, NULL, NULL));
	assert_memory_equal(kept, axc_eval_data(reused, n.y), bytes);
	assert_memory_not_equal(kept, axc_eval_data(second, n.y), bytes);
	want(&n.b, axc_eval_run(second, &n.b.d, in, NULL,
				NULL)); /* nothing is left over from the run before */
	assert_memory_equal(kept, axc_eval_data(second, n.y), bytes);
	bench_free(&n.b);
}

typedef struct Seen {
	AxcId value[64];
	int n;
	const AxcEval *kept;
	const AxcGraph *g;
} Seen;

static void see(void *ctx, AxcId value, const void *data)
{
	Seen *s = ctx;
	size_t bytes = (size_t)axc_shape_count(&s->g->values.at[value].shape) * sizeof(float);
	assert_memory_equal(data, axc_eval_data(s->kept, value), bytes);
	s->value[s->n++] = value;
}

static void observers_see_all(void **state)
{
	(void)state;
	Net n;
	AxcEval *ev;
	net_new(&n);
	const void *in[] = {random_floats(&n.b, 243)};
	Seen s = {.kept = run_graph(&n.b, axk_cpu_isa(), in), .g = n.b.g};
	want(&n.b, axc_eval_new(n.b.arena, &n.b.d, n.b.g, axk_cpu_isa(), false, NULL, &ev));
	want(&n.b, axc_eval_run(ev, &n.b.d, in, see, &s));
	assert_int_equal(s.n, 1 + (int)n.b.g->nodes.n - 1);
	assert_int_equal(s.value[0], n.x);
	for (int i = 1; i < s.n; i++)
		assert_int_equal(axc_value(n.b.g, s.value[i])->producer, i);
	bench_free(&n.b);
}

static void every_isa_gives_the_same_bits(void **state)
{
	(void)state;
	Net n;
	net_new(&n);
	size_t bytes = (size_t)axc_shape_count(&axc_value(n.b.g, n.y)->shape) * sizeof(float);
	const void *in[] = {random_floats(&n.b, 243)};
	const void *c = axc_eval_data(run_graph(&n.b, AXK_ISA_C, in), n.y);
	assert_memory_equal(c, axc_eval_data(run_graph(&n.b, axk_cpu_isa(), in), n.y), bytes);
	assert_memory_equal(
		c, axc_eval_data(run_graph(&n.b, axk_cpu_isa() & AXK_ISA_AVX2, in), n.y), bytes);
	bench_free(&n.b);
}

static void a_constant_node_folds(void **state)
{
	(void)state;
	Bench b;
	AxcId y;
	const void *out[1];
	bench_new(&b);
	AxcId a = float_const(&b, SHAPE(2, 3)), w = float_const(&b, SHAPE(3, 4));
	AxcId node = node_of(&b, "MatMul", 2, (AxcId[]){a, w}, &y);
	infer_node(&b, node);
	want(&b, axc_eval_node(b.g, node, &b.d, out));
	const float *x = axc_value(b.g, a)->data, *m = axc_value(b.g, w)->data;
	for (int i = 0; i < 8; i++) {
		float sum = 0.0f;
		for (int k = 0; k < 3; k++)
			sum = fmaf(x[i / 4 * 3 + k], m[k * 4 + i % 4], sum);
		assert_float_equal(((const float *)out[0])[i], sum, 0.0f);
	}
	AxcId v = graph_input(&b, AXC_F32, SHAPE(3, 4));
	axc_node(b.g, node)->in[1] = v;
	assert_false(axc_eval_node(b.g, node, &b.d, out));
	assert_string_equal(b.d.error.message, "input 1 is not a constant");
	bench_free(&b);
}

static void quantize_rounds_half_to_even(void **state)
{
	(void)state;
	Bench b;
	AxcId q, y;
	bench_new(&b);
	AxcId x = graph_input(&b, AXC_F32, SHAPE(8));
	node_of(&b, "QuantizeLinear", 1, &x, &q);
	node_of(&b, "DequantizeLinear", 1, &q, &y);
	axc_value(b.g, q)->dtype = AXC_I8;
	axc_value(b.g, y)->dtype = AXC_F32;
	axc_value(b.g, q)->shape = axc_value(b.g, y)->shape = SHAPE(8);
	axc_value(b.g, q)->q = quant_one(&b, 0.5f, 3);
	static const float in[8] = {0.25f, 0.75f, -0.25f, 1e30f, -INFINITY, NAN, 62.1f, -0.0f};
	static const int8_t wanted[8] = {3, 5, 3, 127, -128, -128, 127, 3};
	const void *inputs[] = {in};
	AxcEval *ev = run_graph(&b, axk_cpu_isa(), inputs);
	assert_memory_equal(axc_eval_data(ev, q), wanted, 8);
	for (int i = 0; i < 8; i++)
		assert_float_equal(((const float *)axc_eval_data(ev, y))[i],
				   (float)(wanted[i] - 3) * 0.5f, 0.0f);
	bench_free(&b);
}

static void unknown_shapes_are_an_error(void **state)
{
	(void)state;
	Bench b;
	AxcId y;
	AxcEval *ev;
	bench_new(&b);
	AxcId x = graph_input(&b, AXC_F32, SHAPE(1, 1, 4, 4));
	AxcId node = node_of(&b, "GlobalMaxPool", 1, &x, &y);
	assert_false(axc_eval_new(b.arena, &b.d, b.g, axk_cpu_isa(), false, NULL, &ev));
	assert_non_null(strstr(b.d.error.message, "has no known type and size"));
	assert_string_equal(b.d.error.node, axc_node(b.g, node)->name);
	bench_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reuse_changes_nothing),
		cmocka_unit_test(observers_see_all),
		cmocka_unit_test(every_isa_gives_the_same_bits),
		cmocka_unit_test(a_constant_node_folds),
		cmocka_unit_test(quantize_rounds_half_to_even),
		cmocka_unit_test(unknown_shapes_are_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
