/* Graphs as text: printing and reading back give an equal graph; damaged text is an error with line
 * and column, never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>

#include "ir/ir.h"

typedef struct Frame {
	AxcArena *arena;
	AxcDiag d;
} Frame;

static int open_frame(void **state)
{
	Frame *f = calloc(1, sizeof *f);
	f->arena = axc_arena_new(NULL);
	axc_diag_init(&f->d, f->arena);
	*state = f;
	return 0;
}

static int close_frame(void **state)
{
	Frame *f = *state;
	axc_arena_free(f->arena);
	free(f);
	return 0;
}

static AxcId value(AxcGraph *g, const char *name, AxcDType dtype, int rank, const int64_t *dims)
{
	AxcShape s = axc_shape_of(rank, dims);
	return axc_value_add(g, name, dtype, &s);
}

/* Everything a graph can hold. */
static AxcGraph *rich_graph(Frame *f)
{
	AxcArena *a = f->arena;
	AxcGraph *g = axc_graph_new(a, "a \"graph\"\n");
	g->model_name = "net";
	g->opset = 17;
	AxcId x = value(g, "x", AXC_F32, 2, (int64_t[]){AXC_DIM_UNKNOWN, 3});
	axc_value(g, x)->is_input = true;
	axc_value(g, x)->onnx_dtype_tag = AXC_F32;
	const char **names = AXC_NEW_ARRAY(a, const char *, 2);
	names[0] = "N,\\";
	axc_value(g, x)->dim_names = names;
	AXC_PUSH(a, &g->inputs, x);
	float floats[] = {0.1f, -0.0f, INFINITY, 1e-45f, 3.4028235e38f};
	uint32_t nan_bits = 0x7fc12345;
	AxcShape five = {.rank = 1, .dim = {6}};
	float *data = axc_alloc(a, 24);
	memcpy(data, floats, 20);
	memcpy(data + 5, &nan_bits, 4);
	AxcId odd = axc_const_add(g, "odd floats", AXC_F32, &five, data);
	AxcShape big = {.rank = 2, .dim = {33, 3}};
	int8_t *w = axc_alloc(a, 99);
	for (int i = 0; i < 99; i++)
		w[i] = (int8_t)(i * 7);
	AxcId weights = axc_const_add(g, "w", AXC_I8, &big, w);
	float *scales = axc_alloc(a, 12);
	scales[0] = 0.1f;
	scales[1] = 1e-10f;
	scales[2] = 3.0f;
	axc_value(g, weights)->q = (AxcQuant){3, 1, scales, axc_alloc(a, 12)};
	AxcId ints = axc_const_i64(g, "\x1b[31m", (int64_t[]){INT64_MIN, INT64_MAX}, 2);
	AxcId dead = value(g, "dead", AXC_F32, 0, NULL);
	axc_value(g, dead)->dead = true;
	AxcId y = axc_value_add(g, "y", AXC_I8, NULL), z = value(g, "z", AXC_U8, 0, NULL);
	int32_t *zero = axc_alloc(a, 4);
	*zero = -128;
	axc_value(g, y)->q = (AxcQuant){1, -1, axc_memdup(a, (float[]){0.25f}, 4), zero};
	AxcId n = axc_node_add(g, "Conv", "conv */", 4, (AxcId[]){x, weights, 0, odd}, 2,
			       (AxcId[]){y, 0});
	axc_attr_set_int(g, n, "group", -3);
	axc_attr_set_float(g, n, "odd name!", 1e-45f);
	axc_attr_set_string(g, n, "mode", "a\"b\\\x01");
	axc_attr_set_ints(g, n, "pads", (int64_t[]){0, INT64_MIN}, 2);
	axc_attr_set_floats(g, n, "scales", floats, 5);
	const char *origins[] = {"p", "q \"r\""};
	axc_node(g, n)->origins = axc_memdup(a, origins, sizeof origins);
	axc_node(g, n)->n_origins = 2;
	axc_node(g, n)->float_reason = "no kernel";
	AxcId m = axc_node_add(g, "axc.view", "v", 2, (AxcId[]){y, ints}, 1, (AxcId[]){z});
	axc_attr_set_ints(g, m, "none", NULL, 0);
	AxcNode *gone = axc_node(g, axc_node_add(g, "Relu", "gone", 1, (AxcId[]){y}, 0, NULL));
	gone->dead = true;
	AXC_PUSH(a, &g->outputs, z);
	AXC_PUSH(a, &g->outputs, y);
	return g;
}

static void round_trip(void **state)
{
	Frame *f = *state;
	AxcGraph *g = rich_graph(f), *back = NULL;
	AxcText text = {.arena = f->arena}, blob = {.arena = f->arena}, again = text,
		again_blob = blob;
	axc_graph_print(g, &text, &blob);
	if (!axc_graph_parse(f->arena, &f->d, text.at, text.n, (const uint8_t *)blob.at, blob.n,
			     &back))
		fail_msg("%s\n%s", f->d.error.message, text.at);
	axc_graph_print(back, &again, &again_blob);
	assert_string_equal(text.at, again.at);
	assert_int_equal(blob.n, again_blob.n);
	assert_memory_equal(blob.at, again_blob.at, blob.n);
	AxcId odd = axc_value_find(back, "odd floats");
	assert_memory_equal(axc_value(back, odd)->data,
			    axc_value(g, axc_value_find(g, "odd floats"))->data, 24);
	assert_string_equal(axc_node(back, 2)->domain, "axc");
	assert_int_equal(axc_value(back, axc_value_find(back, "y"))->producer, 1);
}

static void without_data(void **state)
{
	Frame *f = *state;
	AxcGraph *back = NULL;
	AxcText text = {.arena = f->arena};
	axc_graph_print(rich_graph(f), &text, NULL);
	assert_non_null(strstr(text.at, "value \"w\" int8 [33,3] data ... q axis 1"));
	assert_false(axc_graph_parse(f->arena, &f->d, text.at, text.n, NULL, 0, &back));
	assert_non_null(strstr(f->d.error.message, "made without its data"));
}

static const char head[] = "graph \"g\" model \"m\" opset 17\nvalue \"x\" float32 [2] input\n";

static void errors(void **state)
{
	static const struct {
		const char *line, *message;
	} rows[] = {
		{"value \"x\" float32 [2]",
		 "line 3, column 22: a value's name is empty or stands twice"},
		{"value \"a\" float33 [2]", "an unknown type"},
		{"value \"a\" float32 [-2]", "a number from 0 on"},
		{"value \"a\" float32 [1,2", "',' is expected"},
		{"value \"a\" float32 [1,1,1,1,1,1,1,1,1]", "too many dimensions"},
		{"value \"a\" float32 [2] data {1.0}", "the number of elements does not fit"},
		{"value \"a\" float32 [2] data @0+8", "outside the data file"},
		{"value \"a\" float32 [2] data @64+9", "do not fit type and shape"},
		{"value \"a\" float32 ? data {1}", "a constant needs a type and a shape"},
		{"value \"a\" float32 [9223372036854775807,9223372036854775807] data {1}",
		 "less than 2^31 elements"},
		{"value \"a\" float32 [2] q axis 0 scale [1] zero []", "do not fit each other"},
		{"value \"a float32", "a string is not closed"},
		{"value \"\\x00\" float32", "an escape is"},
		{"node \"n\" Relu (\"q\") -> ()", "there is no value 'q'"},
		{"node \"n\" Relu (\"x\") -> (\"x\")", "or an input"},
		{"node \"n\" Relu (\"x\") -> () {a: int 1, a: int 2}", "an attribute stands twice"},
		{"node \"n\" Relu (\"x\") -> () {a: float 1..2}", "a number is expected"},
		{"node \"n\" Relu (\"x\") -> () {a: thing 1}", "an unknown kind of attribute"},
		{"node \"n\" Relu (\"x\") -> () nonsense", "the end of the line is expected"},
		{"inputs [_]", "the name of a graph input"},
		{"wibble", "value, node, inputs or outputs is expected"},
		{"", "ends before the graph's outputs"},
	};
	Frame *f = *state;
	for (size_t i = 0; i < AXC_COUNT(rows); i++) {
		AxcGraph *g;
		const char *text = axc_format(f->arena, "%s%s\n", head, rows[i].line);
		f->d.failed = false;
		assert_false(axc_graph_parse(f->arena, &f->d, text, strlen(text), NULL, 0, &g));
		if (!strstr(f->d.error.message, rows[i].message))
			fail_msg("'%s' is not in: %s", rows[i].message, f->d.error.message);
	}
}

/* Any damage to a good text is read or refused, without a crash; cut text is always refused. */
static void damaged(void **state)
{
	Frame *f = *state;
	AxcGraph *g = rich_graph(f);
	AxcText text = {.arena = f->arena}, blob = {.arena = f->arena};
	axc_graph_print(g, &text, &blob);
	uint32_t seed = 1;
	for (size_t n = 0; n < text.n - 2; n += 3) {
		Frame t = {.arena = axc_arena_new(NULL)};
		axc_diag_init(&t.d, t.arena);
		char *copy = malloc(n + 1);
		memcpy(copy, text.at, n);
		assert_false(axc_graph_parse(t.arena, &t.d, copy, n, (const uint8_t *)blob.at,
					     blob.n, &g));
		free(copy);
		axc_arena_free(t.arena);
	}
	for (int round = 0; round < 3000; round++) {
		Frame t = {.arena = axc_arena_new(NULL)};
		axc_diag_init(&t.d, t.arena);
		char *copy = axc_memdup(t.arena, text.at, text.n);
		seed = seed * 1664525 + 1013904223;
		copy[(seed >> 8) % text.n] = (char)(seed >> 3 & 0x7f);
		if (axc_graph_parse(t.arena, &t.d, copy, text.n, (const uint8_t *)blob.at, blob.n,
				    &g)) {
			AxcText out = {.arena = t.arena}, out_blob = out;
			axc_graph_print(g, &out, &out_blob);
		} else {
			assert_true(t.d.failed);
		}
		axc_arena_free(t.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trip, open_frame, close_frame),
		cmocka_unit_test_setup_teardown(without_data, open_frame, close_frame),
		cmocka_unit_test_setup_teardown(errors, open_frame, close_frame),
		cmocka_unit_test_setup_teardown(damaged, open_frame, close_frame),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
