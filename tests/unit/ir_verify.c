/* Every invariant G1..G9, broken once in a graph that was good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>

#include "ops/op.h"

/* A table of this test's own: Conv has an int8 meaning, Relu has none. */
static bool no_meaning(const AxcGraph *g, const AxcNode *n, const AxcTensor *const *in,
		       AxcTensor *const *out, AxcDiag *d)
{
	(void)g, (void)n, (void)in, (void)out;
	return axc_fail(d, "not for running");
}

static const AxcOp ops[] = {
	{.name = "Conv",
	 .min_in = 2,
	 .max_in = 3,
	 .min_out = 1,
	 .max_out = 1,
	 .quant = AXC_QR_MAC,
	 .eval_i8 = no_meaning},
	{.name = "Relu", .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1},
	{.name = "QuantizeLinear", .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1},
};

const AxcOp *axc_op_find(const char *domain, const char *name)
{
	for (size_t i = 0; i < AXC_COUNT(ops); i++)
		if (!*domain && strcmp(ops[i].name, name) == 0)
			return &ops[i];
	return NULL;
}

/* x -quantize-> xq -Conv(w)-> y, ids in this order. */
enum { X = 1, XQ, W, Y, QUANTIZE = 1, CONV };

typedef struct Test {
	AxcArena *arena;
	AxcDiag d;
	AxcGraph *g;
	int8_t *w;
	float *scale;
	int32_t *zero, *weight_zero;
} Test;

static void good_graph(Test *t)
{
	t->arena = axc_arena_new(NULL);
	axc_diag_init(&t->d, t->arena);
	AxcGraph *g = t->g = axc_graph_new(t->arena, "g");
	AxcShape image = axc_shape_of(4, (int64_t[]){1, 2, 1, 1});
	AxcShape filter = axc_shape_of(4, (int64_t[]){2, 2, 1, 1});
	AxcId x = axc_value_add(g, "x", AXC_F32, &image),
	      xq = axc_value_add(g, "xq", AXC_I8, &image);
	t->w = axc_alloc(t->arena, 4);
	t->scale = axc_alloc(t->arena, 8);
	t->zero = axc_alloc(t->arena, 8);
	t->weight_zero = axc_alloc(t->arena, 8);
	t->scale[0] = t->scale[1] = 0.5f;
	AxcId w = axc_const_add(g, "w", AXC_I8, &filter, t->w),
	      y = axc_value_add(g, "y", AXC_I8, &image);
	axc_value(g, x)->is_input = true;
	axc_value(g, w)->q = (AxcQuant){2, 0, t->scale, t->weight_zero};
	axc_value(g, xq)->q = axc_value(g, y)->q = (AxcQuant){1, -1, t->scale, t->zero};
	axc_node_add(g, "QuantizeLinear", "quantize", 1, &x, 1, &xq);
	axc_node_add(g, "Conv", "conv", 2, (AxcId[]){xq, w}, 1, &y);
	AXC_PUSH(t->arena, &g->inputs, x);
	AXC_PUSH(t->arena, &g->outputs, y);
}

static void g1_id(Test *t)
{
	axc_node(t->g, CONV)->in[0] = 77;
}
static void g1_dead(Test *t)
{
	axc_value(t->g, XQ)->dead = true;
}
static void g1_output(Test *t)
{
	t->g->outputs.at[0] = 0;
}
static void g2_two(Test *t)
{
	axc_value(t->g, XQ)->is_input = true;
}
static void g2_none(Test *t)
{
	axc_value(t->g, X)->is_input = false;
}
static void g2_back(Test *t)
{
	axc_value(t->g, Y)->producer_index = 1;
}
static void g2_dead(Test *t)
{
	axc_node(t->g, QUANTIZE)->dead = true;
}

static void g3_order(Test *t)
{
	AxcNode n = *axc_node(t->g, CONV);
	*axc_node(t->g, CONV) = *axc_node(t->g, QUANTIZE);
	*axc_node(t->g, QUANTIZE) = n;
	axc_value(t->g, Y)->producer = QUANTIZE;
	axc_value(t->g, XQ)->producer = CONV;
}

static void g4_same(Test *t)
{
	axc_node(t->g, CONV)->name = "quantize";
}
static void g4_none(Test *t)
{
	axc_value(t->g, W)->name = "";
}
static void g5_table(Test *t)
{
	axc_node(t->g, CONV)->op = NULL;
}
static void g5_arity(Test *t)
{
	axc_node(t->g, CONV)->n_in = 1;
}
static void g6_dim(Test *t)
{
	axc_value(t->g, Y)->shape.dim[0] = AXC_DIM_UNKNOWN;
}
static void g6_type(Test *t)
{
	axc_value(t->g, X)->dtype = AXC_DT_NONE;
}
static void g6_size(Test *t)
{
	axc_value(t->g, Y)->shape.dim[2] = 1 << 30;
}
static void g7_bytes(Test *t)
{
	axc_value(t->g, W)->data_bytes = 3;
}
static void g8_none(Test *t)
{
	axc_value(t->g, Y)->q.n = 0;
}
static void g8_axis(Test *t)
{
	axc_value(t->g, W)->q.axis = 2;
}
static void g8_scale(Test *t)
{
	t->scale[0] = 1e-40f;
}
static void g8_nan(Test *t)
{
	t->scale[1] = NAN;
}
static void g8_zero(Test *t)
{
	t->zero[0] = 128;
}
static void g8_weight(Test *t)
{
	t->w[3] = -128;
}
static void g8_weight_zero(Test *t)
{
	t->weight_zero[1] = 1;
}

static void g9_no_int8(Test *t)
{
	AxcNode *n = axc_node(t->g, CONV);
	n->op_type = "Relu";
	n->op = &ops[1];
	n->n_in = 1;
}

static void good(void **state)
{
	(void)state;
	Test t = {0};
	good_graph(&t);
	for (AxcForm form = AXC_FORM_IMPORTED; form <= AXC_FORM_QUANTIZED; form++)
		if (!axc_graph_verify(t.g, form, &t.d))
			fail_msg("%s", t.d.error.message);
	/* before clean, shapes may be unknown */
	g6_dim(&t);
	assert_true(axc_graph_verify(t.g, AXC_FORM_IMPORTED, &t.d));
	/* a quantized constant beside an activation may use the whole range */
	t.w[3] = -128;
	axc_value(t.g, Y)->shape.dim[0] = 1;
	axc_node(t.g, CONV)->in[1] = XQ;
	assert_true(axc_graph_verify(t.g, AXC_FORM_QUANTIZED, &t.d));
	axc_arena_free(t.arena);
}

static void broken(void **state)
{
	static const struct {
		const char *g;
		void (*damage)(Test *t);
	} rows[] = {
		{"G1: an input is value 77", g1_id},
		{"G1: an output 'xq' is dead", g1_dead},
		{"G1: graph output 0", g1_output},
		{"G2: 'xq' has 2 sources", g2_two},
		{"G2: 'x' has 0 sources", g2_none},
		{"G2: its output 'y' says", g2_back},
		{"G2: 'xq' comes from a node that is dead", g2_dead},
		{"G3: ", g3_order},
		{"G4: two nodes are named 'quantize'", g4_same},
		{"G4: a value has no name", g4_none},
		{"G5: the operator Conv", g5_table},
		{"G5: Conv 'conv' has 1 inputs; 2 to 3", g5_arity},
		{"G6: 'y' has type int8 and shape ?x2", g6_dim},
		{"G6: 'x' has type none", g6_type},
		{"2^31 bytes or more", g6_size},
		{"G7: the constant 'w'", g7_bytes},
		{"G8: the int8 value 'y' has no", g8_none},
		{"G8: 'w' of shape 2x2x1x1 has 2 scales on axis 2", g8_axis},
		{"has the scale 9.99995e-41", g8_scale},
		{"G8: 'w' has the scale nan", g8_nan},
		{"has the zero point 128", g8_zero},
		{"G8: the int8 weight 'w' has a -128 at 3", g8_weight},
		{"G8: the weight 'w' has zero point 1", g8_weight_zero},
		{"G9: Relu 'conv' reads int8", g9_no_int8},
	};
	(void)state;
	for (size_t i = 0; i < AXC_COUNT(rows); i++) {
		Test t = {0};
		good_graph(&t);
		rows[i].damage(&t);
		if (axc_graph_verify(t.g, AXC_FORM_QUANTIZED, &t.d))
			fail_msg("row %zu (%s) was found good", i, rows[i].g);
		if (!strstr(t.d.error.message, rows[i].g))
			fail_msg("'%s' is not in: %s", rows[i].g, t.d.error.message);
		axc_arena_free(t.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(good), cmocka_unit_test(broken)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
