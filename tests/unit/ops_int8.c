/* The int8 meaning of the element-wise operators, reductions, softmax and moves against formulas
 * written out here a second time (docs/numerics.md), and the refusals of shape inference. */
#include "ops/util.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct Fixture {
	AxcArena *arena;
	AxcDiag d;
	AxcGraph *g;
} Fixture;

static int setup(void **state)
{
	Fixture *f = calloc(1, sizeof *f);
	f->arena = axc_arena_new(NULL);
	axc_diag_init(&f->d, f->arena);
	f->d.stage_status = AXC_ONNX_GRAPH_CLEANER_ERROR;
	f->g = axc_graph_new(f->arena, "test");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	Fixture *f = *state;
	axc_arena_free(f->arena);
	free(f);
	return 0;
}

static AxcId value(Fixture *f, AxcDType dtype, int rank, const int64_t *dims, float scale, int zp)
{
	AxcShape shape = axc_shape_of(rank, dims);
	AxcId id = axc_value_add(f->g, NULL, dtype, &shape);
	float *s = axc_memdup(f->arena, &scale, sizeof scale);
	int32_t z = zp;
	if (scale > 0)
		axc_value(f->g, id)->q = (AxcQuant){1, -1, s, axc_memdup(f->arena, &z, sizeof z)};
	return id;
}

static AxcTensor tensor(Fixture *f, AxcId id)
{
	const AxcValue *v = axc_value(f->g, id);
	AxcTensor t = {.dtype = v->dtype,
		       .shape = v->shape,
		       .q = v->q,
		       .data = (void *)(uintptr_t)v->data};
	if (!t.data)
		t.data = axc_alloc(f->arena,
				   (size_t)axc_shape_count(&v->shape) * axc_dtype_bytes(v->dtype));
	return t;
}

static uint32_t seed = 7;

static int8_t any_byte(void)
{
	seed = seed * 1664525u + 1013904223u;
	return (int8_t)(seed >> 24);
}

/* Node with its inputs; the output takes the inferred shape and the given parameters; random int8
 * inputs. */
static AxcTensor *run(Fixture *f, AxcId node, AxcDType dtype, float scale, int zp, AxcTensor *in)
{
	const AxcNode *n = axc_node(f->g, node);
	const AxcTensor *ins[4] = {NULL};
	AxcTensor *out = AXC_NEW(f->arena, AxcTensor), *outs[1] = {out};
	assert_true(n->op->infer(f->g, node, &f->d));
	AxcId q = value(f, AXC_I8, 0, NULL, scale, zp);
	AxcValue *y = axc_value(f->g, n->out[0]);
	y->q = axc_value(f->g, q)->q;
	y->dtype = dtype;
	for (uint32_t i = 0; i < n->n_in; i++) {
		in[i] = tensor(f, n->in[i]);
		ins[i] = &in[i];
		if (axc_value(f->g, n->in[i])->data)
			continue;
		for (int64_t k = 0; k < axc_shape_count(&in[i].shape); k++)
			((int8_t *)in[i].data)[k] = any_byte();
	}
	*out = tensor(f, n->out[0]);
	assert_true(n->op->eval_i8(f->g, n, ins, outs, &f->d));
	return out;
}

static AxcId node(Fixture *f, const char *op, uint32_t n_in, const AxcId *in)
{
	AxcId out = axc_value_add(f->g, NULL, AXC_DT_NONE, NULL);
	return axc_node_add(f->g, op, NULL, n_in, in, 1, &out);
}

static int8_t saturate(double q)
{
	q = nearbyint(q);
	return (int8_t)(q < 0 ? -128 : q > 255 ? 127 : q - 128);
}

static int8_t byte(const AxcTensor *t, int64_t i)
{
	return ((const int8_t *)t->data)[i];
}

/* Rule 2, with the second operand broadcast over channels. */
static void test_add(void **state)
{
	Fixture *f = *state;
	AxcTensor in[2];
	for (int sub = 0; sub < 2; sub++) {
		AxcId ids[2] = {value(f, AXC_I8, 4, (int64_t[]){1, 3, 5, 7}, 0.031f, 5),
				value(f, AXC_I8, 3, (int64_t[]){3, 1, 1}, 0.017f, -20)};
		AxcTensor *y = run(f, node(f, sub ? "Sub" : "Add", 2, ids), AXC_I8, 0.04f, 11, in);
		float ra = 0.031f / 0.04f, rb = 0.017f / 0.04f;
		rb = sub ? -rb : rb;
		float rbzb = rb * 108.0f, fx = 139.0f - fmaf(ra, 133.0f, rbzb);
		for (int64_t i = 0; i < 105; i++) {
			float t = fmaf((float)(byte(&in[1], i / 35) + 128), rb, fx);
			assert_int_equal(
				byte(y, i),
				saturate((double)fmaf((float)(byte(&in[0], i) + 128), ra, t)));
		}
	}
}

/* Rule 3. */
static void test_mul(void **state)
{
	Fixture *f = *state;
	AxcTensor in[2];
	AxcId ids[2] = {value(f, AXC_I8, 2, (int64_t[]){4, 60}, 0.02f, 3),
			value(f, AXC_I8, 2, (int64_t[]){1, 60}, 0.5f, -7)};
	AxcTensor *y = run(f, node(f, "Mul", 2, ids), AXC_I8, 0.3f, -9, in);
	float product = 0.02f * 0.5f, m = product / 0.3f;
	for (int64_t i = 0; i < 240; i++) {
		float v = (float)((byte(&in[0], i) - 3) * (byte(&in[1], i % 60) + 7)) * m;
		v = v + 119.0f;
		assert_int_equal(byte(y, i), saturate((double)v));
	}
}

/* Rule 5: x in float, the function in double, the quotient in float. */
static void expect_table(Fixture *f, AxcId id, double (*want)(double))
{
	AxcTensor in[3];
	AxcTensor *y = run(f, id, AXC_I8, 0.023f, -30, in);
	const AxcTensor *x = in[0].dtype == AXC_I8 ? &in[0] : &in[1];
	for (int64_t i = 0; i < axc_shape_count(&x->shape); i++) {
		float real = (float)(byte(x, i) - 4) * 0.05f,
		      v = (float)want((double)real) / 0.023f;
		double q = nearbyint((double)v) + 98;
		assert_int_equal(byte(y, i), (int8_t)(q < 0 ? -128 : q > 255 ? 127 : (int)q - 128));
	}
}

static double sigmoid(double x)
{
	return 1 / (1 + exp(-x));
}
static double hard_swish(double x)
{
	return x * fmin(1, fmax(0, x / 6 + 0.5));
}
static double plus(double x)
{
	return x + 1.5;
}
static double over(double x)
{
	return 1.5 / x;
}
static double least(double x)
{
	return fmin(x, 1.5);
}
static double clipped(double x)
{
	return fmin(fmax(x, -1), 1.5);
}

static void test_tables(void **state)
{
	Fixture *f = *state;
	int64_t dims[] = {600};
	AxcId x = value(f, AXC_I8, 1, dims, 0.05f, 4), c = axc_const_f32(f->g, NULL, 1.5f);
	AxcId lo = axc_const_f32(f->g, NULL, -1.0f);
	expect_table(f, node(f, "Sigmoid", 1, &x), sigmoid);
	expect_table(f, node(f, "HardSwish", 1, &x), hard_swish);
	expect_table(f, node(f, "Tanh", 1, &x), tanh);
	expect_table(f, node(f, "Add", 2, (AxcId[]){x, c}), plus);
	expect_table(f, node(f, "Min", 2, (AxcId[]){x, c}), least);
	expect_table(f, node(f, "Clip", 3, (AxcId[]){x, lo, c}), clipped);
	/* the constant on the left; infinities saturate */
	uint32_t vary;
	AxcId id = node(f, "Div", 2, (AxcId[]){c, x});
	assert_true(axc_unary_in_effect(f->g, axc_node(f->g, id), &vary));
	assert_int_equal(vary, 1);
	uint8_t table[256];
	AxcQuant q = axc_value(f->g, x)->q;
	axc_table_make(f->g, axc_node(f->g, id), &q, &q, table);
	assert_int_equal(table[132], 255); /* 1.5 / 0 */
	assert_int_equal(
		table[133],
		(int)fmin(255, nearbyint((double)((float)over((double)0.05f) / 0.05f)) + 132));
	assert_int_equal(table[0],
			 (int)nearbyint((double)((float)over((double)(-132.0f * 0.05f)) / 0.05f)) +
				 132);
}

/* Rule 4, as int8 and as float. */
static void test_mean(void **state)
{
	Fixture *f = *state;
	AxcTensor in[2];
	AxcId axes = axc_const_i64(f->g, NULL, (int64_t[]){2, 3}, 2);
	AxcId ids[2] = {value(f, AXC_I8, 4, (int64_t[]){2, 5, 7, 7}, 0.05f, -12), axes};
	AxcTensor *y = run(f, node(f, "ReduceMean", 2, ids), AXC_I8, 0.013f, 40, in);
	float divisor = 0.013f * 49.0f, m = 0.05f / divisor;
	for (int64_t i = 0; i < 10; i++) {
		int sum = 0;
		for (int64_t k = 0; k < 49; k++)
			sum += byte(&in[0], i * 49 + k) + 12;
		float v = (float)sum * m;
		v = v > -168.0f ? v : -168.0f;
		v = v < 87.0f ? v : 87.0f;
		assert_int_equal(byte(y, i), (int)nearbyintf(v) + 40);
	}
	y = run(f, node(f, "ReduceMean", 2, ids), AXC_F32, 0.013f, 40, in);
	m = 0.05f / 49.0f;
	for (int64_t i = 0; i < 10; i++) {
		int sum = 0;
		for (int64_t k = 0; k < 49; k++)
			sum += byte(&in[0], i * 49 + k) + 12;
		float v = (float)sum * m;
		assert_memory_equal(&((float *)y->data)[i], &v, sizeof v);
	}
}

static void test_softmax(void **state)
{
	Fixture *f = *state;
	AxcTensor in[1];
	AxcId x = value(f, AXC_I8, 2, (int64_t[]){3, 10}, 0.1f, 0);
	AxcTensor *y = run(f, node(f, "Softmax", 1, &x), AXC_I8, 1.0f / 256, -128, in);
	for (int row = 0; row < 3; row++) {
		int top = -128;
		float sum = 0;
		for (int k = 0; k < 10; k++)
			top = byte(&in[0], row * 10 + k) > top ? byte(&in[0], row * 10 + k) : top;
		for (int k = 0; k < 10; k++)
			sum += (float)exp(-(double)0.1f * (top - byte(&in[0], row * 10 + k)));
		for (int k = 0; k < 10; k++) {
			float e = (float)exp(-(double)0.1f * (top - byte(&in[0], row * 10 + k))) /
				  sum;
			assert_int_equal(byte(y, row * 10 + k), saturate((double)(e * 256.0f)));
		}
	}
}

/* Equal parameters: a copy. Others: rescaled; a pad is the constant through the output's
 * parameters. */
static void test_moves(void **state)
{
	Fixture *f = *state;
	AxcTensor in[4];
	AxcId x = value(f, AXC_I8, 2, (int64_t[]){4, 6}, 0.05f, 4);
	AxcId t = node(f, "Transpose", 1, &x);
	AxcTensor *y = run(f, t, AXC_I8, 0.05f, 4, in);
	for (int r = 0; r < 6; r++)
		for (int c = 0; c < 4; c++)
			assert_int_equal(byte(y, r * 4 + c), byte(&in[0], c * 6 + r));
	AxcId pads = axc_const_i64(f->g, NULL, (int64_t[]){0, 1, 0, 1}, 4),
	      fill = axc_const_f32(f->g, NULL, 2.0f);
	AxcId p = node(f, "Pad", 3, (AxcId[]){x, pads, fill});
	assert_true(axc_node(f->g, p)->op->infer(f->g, p, &f->d));
	const AxcNode *n = axc_node(f->g, p);
	AxcValue *yv = axc_value(f->g, n->out[0]);
	yv->q = axc_value(f->g, x)->q;
	AxcTensor tx = in[0], tp = tensor(f, pads), tf = tensor(f, fill), ty = tensor(f, n->out[0]);
	const AxcTensor *ins[3] = {&tx, &tp, &tf};
	AxcTensor *outs[1] = {&ty};
	assert_true(n->op->eval_i8(f->g, n, ins, outs, &f->d));
	for (int r = 0; r < 4; r++)
		for (int c = 0; c < 8; c++)
			assert_int_equal(byte(&ty, r * 8 + c),
					 c == 0 || c == 7 ? 44 : byte(&tx, r * 6 + c - 1));
	AxcId other = value(f, AXC_I8, 2, (int64_t[]){4, 2}, 0.1f, -3),
	      cat = node(f, "Concat", 2, (AxcId[]){x, other});
	axc_attr_set_int(f->g, cat, "axis", 1);
	y = run(f, cat, AXC_I8, 0.05f, 4, in);
	for (int r = 0; r < 4; r++)
		for (int c = 0; c < 8; c++) {
			int want = byte(&in[c < 6 ? 0 : 1], c < 6 ? r * 6 + c : r * 2 + c - 6);
			float v = (float)(want + 3) * 0.1f;
			if (c >= 6)
				want = saturate(nearbyint((double)(v / 0.05f)) + 132);
			assert_int_equal(byte(y, r * 8 + c), want);
		}
}

static void expect_refusal(Fixture *f, AxcId id, const char *part)
{
	axc_diag_init(&f->d, f->arena);
	f->d.stage_status = AXC_ONNX_GRAPH_CLEANER_ERROR;
	assert_false(axc_node(f->g, id)->op->infer(f->g, id, &f->d));
	if (!strstr(f->d.error.message, part))
		fail_msg("\"%s\" does not say \"%s\"", f->d.error.message, part);
	assert_string_equal(f->d.error.node, axc_node(f->g, id)->name);
}

static void test_refusals(void **state)
{
	Fixture *f = *state;
	AxcId x = value(f, AXC_F32, 2, (int64_t[]){4, 6}, 0, 0),
	      y = value(f, AXC_F32, 2, (int64_t[]){4, 5}, 0, 0);
	AxcId big = value(f, AXC_F32, 2, (int64_t[]){40000, 1}, 0, 0),
	      wide = value(f, AXC_F32, 2, (int64_t[]){1, 40000}, 0, 0);
	AxcId whole = value(f, AXC_I64, 2, (int64_t[]){4, 6}, 0, 0);
	expect_refusal(f, node(f, "Add", 2, (AxcId[]){x, y}), "do not fit");
	expect_refusal(f, node(f, "Add", 2, (AxcId[]){x, whole}), "int64");
	expect_refusal(f, node(f, "Mul", 2, (AxcId[]){big, wide}), "2^31 bytes");
	expect_refusal(f,
		       node(f, "Reshape", 2,
			    (AxcId[]){x, axc_const_i64(f->g, NULL, (int64_t[]){5, -1}, 2)}),
		       "cannot be reshaped");
	expect_refusal(f, node(f, "Reshape", 2, (AxcId[]){x, whole}), "constant integer");
	expect_refusal(
		f,
		node(f, "Squeeze", 2, (AxcId[]){x, axc_const_i64(f->g, NULL, (int64_t[]){0}, 1)}),
		"wanted 1");
	expect_refusal(
		f, node(f, "Gather", 2, (AxcId[]){x, axc_const_i64(f->g, NULL, (int64_t[]){4}, 1)}),
		"outside");
	expect_refusal(
		f,
		node(f, "Tile", 2, (AxcId[]){x, axc_const_i64(f->g, NULL, (int64_t[]){1, -1}, 2)}),
		"repeated");
	AxcId t = node(f, "Transpose", 1, &x);
	axc_attr_set_ints(f->g, t, "perm", (int64_t[]){0, 0}, 2);
	expect_refusal(f, t, "wanted each of 0 to 1 once");
	AxcId c = node(f, "Concat", 2, (AxcId[]){x, y});
	expect_refusal(f, c, "does not fit");
	AxcId s = node(f, "Softmax", 1, &x);
	axc_attr_set_int(f->g, s, "axis", 2);
	expect_refusal(f, s, "axis is 2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mul, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mean, setup, teardown),
		cmocka_unit_test_setup_teardown(test_softmax, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
