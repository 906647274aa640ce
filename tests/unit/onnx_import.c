/* Import: names, constants of every kind and type, inputs and outputs, external data, and the
 * errors. */
#include <math.h>

#include "onnx_model.h"

static const int64_t shape_2[] = {2}, shape_1_4[] = {1, 4};

static const AxcValue *find(AxcGraph *g, const char *name)
{
	AxcId id = axc_value_find(g, name);
	if (!id)
		fail_msg("no value '%s'", name);
	return axc_value(g, id);
}

/* x -> Relu -> y, around what a test adds before. */
static void put_frame(Frame *f)
{
	put_input(f, "x", 2, shape_1_4);
	put_node(f, "Relu", "relu", "x", "y");
	put_output(f, "y");
}

/* ---- names ---- */

static void names(void **state)
{
	Frame *f = *state;
	size_t g = model_begin(f, 17);
	put_input(f, "x", 2, shape_1_4);
	put_node(f, "Relu", "", "x", "a"); /* Relu_0 is taken by the third: Relu_0_2 */
	put_node(f, "Relu", "same", "a", "b");
	put_node(f, "Relu", "Relu_0", "b", "c");
	put_node(f, "Relu", "same", "c", "d"); /* same_2 is taken: same_3 */
	put_node(f, "Relu", "same_2", "d", "e");
	put_node(f, "Relu", "", "e", "y"); /* Relu_5 */
	put_output(f, "y");
	model_end(f, g);
	AxcGraph *graph = import_ok(f);
	static const char *const want[] = {"Relu_0_2", "same",   "Relu_0",
					   "same_3",   "same_2", "Relu_5"};
	for (AxcId i = 0; i < AXC_COUNT(want); i++)
		assert_string_equal(axc_node(graph, i + 1)->name, want[i]);
	assert_string_equal(graph->name, "g");
	assert_int_equal(graph->opset, 17);
	assert_int_equal(f->info.ir_version, 8);
}

static void hostile_names(void **state)
{
	static const char name[] = "*/ ?\?/ \n \x1b[31m \" \\";
	Frame *f = *state;
	size_t g = model_begin(f, 17);
	put_input(f, "x", 2, shape_1_4);
	put_node(f, "Relu", name, "x", "y");
	put_output(f, "y");
	model_end(f, g);
	AxcGraph *graph = import_ok(f);
	assert_string_equal(axc_node(graph, 1)->name, name);
	dump_has(f, graph, "node \"*/ ?\?/ \\x0a \\x1b[31m \\\" \\\\\" Relu");
}

/* ---- constants ---- */

static void tensor_types(void **state)
{
	const struct {
		const char *name;
		int type;
		const void *data;
		size_t bytes;
		AxcDType dtype;
		double want[2];
	} rows[] = {
		{"half", ONNX_FLOAT16, "\x00\x3c\x01\x80", 4, AXC_F32, {1.0, -0x1p-24}},
		{"half_big", ONNX_FLOAT16, "\xff\x7b\x00\xfc", 4, AXC_F32, {65504.0, -HUGE_VAL}},
		{"bfloat", ONNX_BFLOAT16, "\x80\x3f\x00\xc0", 4, AXC_F32, {1.0, -2.0}},
		{"double", ONNX_DOUBLE, (double[]){0.1, -1e300}, 16, AXC_F32, {0.1f, -HUGE_VAL}},
		{"uint16", ONNX_UINT16, "\xff\xff\x01\x00", 4, AXC_I32, {65535, 1}},
		{"uint32", ONNX_UINT32, "\xff\xff\xff\xff\x01\0\0", 8, AXC_I64, {4294967295.0, 1}},
		{"uint64",
		 ONNX_UINT64,
		 (uint64_t[]){7, UINT64_MAX},
		 16,
		 AXC_I64,
		 {7, (double)INT64_MAX}},
		{"int8", ONNX_INT8, "\x80\x7f", 2, AXC_I8, {-128, 127}},
		{"uint8", ONNX_UINT8, "\x80\xff", 2, AXC_U8, {128, 255}},
		{"int16", ONNX_INT16, "\x00\x80\x01\x00", 4, AXC_I16, {-32768, 1}},
		{"int32", ONNX_INT32, (int32_t[]){-5, 6}, 8, AXC_I32, {-5, 6}},
		{"int64",
		 ONNX_INT64,
		 (int64_t[]){-5, INT64_C(1) << 40},
		 16,
		 AXC_I64,
		 {-5, 1099511627776.0}},
		{"bool", ONNX_BOOL, "\x00\x07", 2, AXC_BOOL, {0, 1}},
		{"float", ONNX_FLOAT, (float[]){1.5f, -0.0f}, 8, AXC_F32, {1.5, -0.0}},
	};
	Frame *f = *state;
	size_t g = model_begin(f, 17);
	for (size_t i = 0; i < AXC_COUNT(rows); i++)
		put_tensor(f, 5, rows[i].name, rows[i].type, 1, shape_2, rows[i].data,
			   rows[i].bytes);
	put_frame(f);
	model_end(f, g);
	AxcGraph *graph = import_ok(f);
	for (size_t i = 0; i < AXC_COUNT(rows); i++) {
		const AxcValue *v = find(graph, rows[i].name);
		assert_int_equal(v->dtype, rows[i].dtype);
		assert_int_equal((uintptr_t)v->data % axc_dtype_bytes(v->dtype), 0);
		for (int k = 0; k < 2; k++) {
			double have = v->dtype == AXC_F32   ? ((const float *)v->data)[k]
				      : v->dtype == AXC_I64 ? (double)((const int64_t *)v->data)[k]
				      : v->dtype == AXC_I32 ? ((const int32_t *)v->data)[k]
				      : v->dtype == AXC_I16 ? ((const int16_t *)v->data)[k]
				      : v->dtype == AXC_I8  ? ((const int8_t *)v->data)[k]
							    : ((const uint8_t *)v->data)[k];
			if (have != rows[i].want[k])
				fail_msg("%s[%d]: %g, not %g", rows[i].name, k, have,
					 rows[i].want[k]);
		}
	}
}

/* Data outside raw_data: float_data whole, in pieces and one by one, int32_data, int64_data. */
static void typed_data(void **state)
{
	Frame *f = *state;
	float four[4] = {1, 2, 3, 4};
	AxcText *t = &f->model;
	size_t g = model_begin(f, 17), m = axc_pb_begin(t, 5);
	axc_pb_str(t, 8, "pieces");
	axc_pb_int(t, 1, 4);
	axc_pb_int(t, 2, ONNX_FLOAT);
	axc_pb_bytes(t, 4, four, 8);
	axc_pb_float(t, 4, 3);
	axc_pb_float(t, 4, 4);
	axc_pb_end(t, m);
	m = axc_pb_begin(t, 5);
	axc_pb_str(t, 8, "whole");
	axc_pb_int(t, 1, 4);
	axc_pb_int(t, 2, ONNX_FLOAT);
	axc_pb_bytes(t, 4, four, 16);
	axc_pb_end(t, m);
	m = axc_pb_begin(t, 5);
	axc_pb_str(t, 8, "half");
	axc_pb_int(t, 1, 1);
	axc_pb_int(t, 2, ONNX_FLOAT16);
	axc_pb_int(t, 5, 0x3c00);
	axc_pb_end(t, m);
	m = axc_pb_begin(t, 5);
	axc_pb_str(t, 8, "long");
	axc_pb_int(t, 1, 2);
	axc_pb_int(t, 2, ONNX_INT64);
	axc_pb_bytes(t, 7, "\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
	axc_pb_end(t, m);
	put_frame(f);
	model_end(f, g);
	AxcGraph *graph = import_ok(f);
	assert_memory_equal(find(graph, "pieces")->data, four, 16);
	assert_memory_equal(find(graph, "whole")->data, four, 16);
	assert_true(*(const float *)find(graph, "half")->data == 1.0f);
	assert_int_equal(((const int64_t *)find(graph, "long")->data)[1], -1);
}

static void bad_tensors(void **state)
{
	static const struct {
		int type;
		int64_t dim;
		size_t bytes;
		const char *message;
	} rows[] = {
		{ONNX_FLOAT, 2, 4, "has 4 bytes of data; its type and shape want 8"},
		{ONNX_FLOAT, -1, 4, "a negative dimension: -1"},
		{ONNX_FLOAT, INT64_MAX, 4, "larger than 2^31 bytes"},
		{ONNX_STRING, 1, 4, "of type string (8), which is not supported"},
		{99, 1, 4, "of type unknown (99)"},
		{17, 1, 1, "of type float8e4m3fn"},
	};
	Frame *f = *state;
	for (size_t i = 0; i < AXC_COUNT(rows); i++) {
		size_t g = model_begin(f, 17);
		put_tensor(f, 5, "w", rows[i].type, 1, &rows[i].dim, "\0\0\0\0", rows[i].bytes);
		put_frame(f);
		model_end(f, g);
		f->d.failed = false;
		import_fails(f, NULL, rows[i].message);
	}
}

static void constant_node(Frame *f, const char *out, void (*attribute)(Frame *))
{
	size_t n = node_begin(f, "Constant", "", "", out);
	attribute(f);
	node_end(f, n);
}

static void value_tensor(Frame *f)
{
	size_t a = axc_pb_begin(&f->model, 5);
	axc_pb_str(&f->model, 1, "value");
	put_tensor(f, 5, "", ONNX_INT64, 0, NULL, &(int64_t){42}, 8);
	axc_pb_end(&f->model, a);
}

static void value_ints(Frame *f)
{
	attr_ints(f, "value_ints", 3, (int64_t[]){1, 2, 3});
}

static void value_float(Frame *f)
{
	attr_float(f, "value_float", 0.25f);
}

static void value_text(Frame *f)
{
	attr_string(f, "value_string", "no");
}

static void constants(void **state)
{
	Frame *f = *state;
	size_t g = model_begin(f, 13);
	constant_node(f, "a", value_tensor);
	constant_node(f, "b", value_ints);
	constant_node(f, "c", value_float);
	put_frame(f);
	model_end(f, g);
	AxcGraph *graph = import_ok(f);
	assert_int_equal(graph->nodes.n, 2); /* the Relu alone */
	dump_has(f, graph, "value \"a\" int64 [] data {42}");
	dump_has(f, graph, "value \"b\" int64 [3] data {1,2,3}");
	dump_has(f, graph, "value \"c\" float32 [] data {0.25}");
	g = model_begin(f, 13);
	constant_node(f, "a", value_text);
	put_frame(f);
	model_end(f, g);
	import_fails(f, NULL, "a Constant with 'value_string'");
	assert_string_equal(f->d.error.node, "Constant_0");
}

/* ---- inputs, outputs ---- */

static void optional_and_unused(void **state)
{
	Frame *f = *state;
	float w[4] = {0};
	size_t g = model_begin(f, 13);
	put_tensor(f, 5, "w", ONNX_FLOAT, 2, shape_1_4, w, sizeof w);
	put_input(f, "x", 2, shape_1_4);
	put_input(f, "w", 2, shape_1_4); /* an initializer listed as input */
	size_t n = node_begin(f, "Clip", "clip", "x - w", "a");
	node_end(f, n);
	put_node(f, "TopK", "top", "a w", "- y");
	put_output(f, "y");
	model_end(f, g);
	AxcGraph *graph = import_ok(f);
	assert_int_equal(graph->inputs.n, 1);
	dump_has(f, graph, "node \"clip\" Clip (\"x\",_,\"w\") -> (\"a\")");
	dump_has(f, graph, "node \"top\" TopK (\"a\",\"w\") -> (_,\"y\")");
}

static void unsorted_nodes(void **state)
{
	Frame *f = *state;
	size_t g = model_begin(f, 13);
	put_input(f, "x", 2, shape_1_4);
	put_node(f, "Relu", "second", "a", "y");
	put_node(f, "Relu", "first", "x", "a");
	put_output(f, "y");
	model_end(f, g);
	assert_string_equal(axc_node(import_ok(f), 1)->name, "first");
}

static void broken_graphs(void **state)
{
	static const struct {
		const char *in[2], *out[2], *message;
	} rows[] = {
		{{"x", "nothing"},
		 {"a", "y"},
		 "reads the tensor 'nothing', which nothing computes"},
		{{"x", "a"}, {"a", "a"}, "'a' is written a second time"},
		{{"x", "a"}, {"x", "y"}, "'x' is written a second time"},
		{{"y", "a"}, {"a", "y"}, "a cycle"},
		{{"x", "a"}, {"a", "b"}, "nothing computes the graph's output 'y'"},
	};
	Frame *f = *state;
	for (size_t i = 0; i < AXC_COUNT(rows); i++) {
		size_t g = model_begin(f, 17);
		put_input(f, "x", 2, shape_1_4);
		put_node(f, "Relu", "one", rows[i].in[0], rows[i].out[0]);
		put_node(f, "Relu", "two", rows[i].in[1], rows[i].out[1]);
		put_output(f, "y");
		model_end(f, g);
		f->d.failed = false;
		import_fails(f, NULL, rows[i].message);
	}
}

static void attribute_types(void **state)
{
	Frame *f = *state;
	size_t g = model_begin(f, 17);
	put_input(f, "x", 2, shape_1_4);
	size_t n = node_begin(f, "Relu", "relu", "x", "y");
	attr_float(f, "axis", 1.5f);
	node_end(f, n);
	put_output(f, "y");
	model_end(f, g);
	import_fails(f, NULL, "the attribute 'axis' is a float, wanted an integer");
	assert_string_equal(f->d.error.node, "relu");
}

/* ---- operators, domains, opsets ---- */

static void unsupported_operators(void **state)
{
	Frame *f = *state;
	size_t g = model_begin(f, 13);
	put_input(f, "x", 2, shape_1_4);
	put_node(f, "Wibble", "w", "x", "a");
	put_node(f, "Relu", "r", "a", "b");
	size_t n = node_begin(f, "Relu", "other", "b", "c");
	axc_pb_str(&f->model, 7, "com.example");
	node_end(f, n);
	put_node(f, "If", "", "c", "y");
	put_output(f, "y");
	model_end(f, g);
	import_fails(
		f, NULL,
		"node 'w': the operator 'Wibble' of domain 'ai.onnx' (opset 13) is not supported");
	assert_string_equal(f->d.error.node, "w");
	assert_string_equal(f->d.error.op, "Wibble");
	assert_int_equal(f->d.more.n, 2);
	assert_string_equal(f->d.more.at[0].node, "other");
	assert_non_null(strstr(f->d.more.at[0].message, "'com.example'"));
	assert_string_equal(f->d.more.at[1].node, "If_3");
	assert_non_null(strstr(f->d.more.at[1].hint, "subgraphs"));
}

static void opsets(void **state)
{
	static const struct {
		int64_t opset;
		bool ok;
	} rows[] = {{6, false}, {7, true}, {21, true}, {22, false}, {-1, false}};
	Frame *f = *state;
	for (size_t i = 0; i < AXC_COUNT(rows); i++) {
		size_t g = model_begin(f, rows[i].opset);
		put_frame(f);
		model_end(f, g);
		f->d.failed = false;
		if (rows[i].ok)
			import_ok(f);
		else
			import_fails(f, NULL, "7 to 21 are supported");
	}
}

static void quantized_models(void **state)
{
	Frame *f = *state;
	size_t g = model_begin(f, 13);
	put_input(f, "x", 2, shape_1_4);
	put_node(f, "QuantizeLinear", "q", "x", "a");
	put_node(f, "DequantizeLinear", "d", "a", "y");
	put_output(f, "y");
	model_end(f, g);
	import_fails(f, NULL, "quantized already");
	assert_int_equal(f->d.more.n, 0);
}

/* ---- external data ---- */

static void external_model(Frame *f, const char *location, const char *offset, const char *length)
{
	const char *const keys[] = {"location", "offset", "length"}, *const values[] = {location,
											offset,
											length};
	AxcText *t = &f->model;
	size_t g = model_begin(f, 17), m = axc_pb_begin(t, 5);
	axc_pb_int(t, 1, 2);
	axc_pb_int(t, 2, ONNX_FLOAT);
	axc_pb_str(t, 8, "w");
	axc_pb_int(t, 14, 1);
	for (int i = 0; i < 3; i++) {
		size_t e = axc_pb_begin(t, 13);
		axc_pb_str(t, 1, keys[i]);
		axc_pb_str(t, 2, values[i] ? values[i] : "");
		if (values[i])
			axc_pb_end(t, e);
		else
			t->n = e - 2; /* this entry is left out */
	}
	axc_pb_end(t, m);
	put_frame(f);
	model_end(f, g);
	f->d.failed = false;
}

static void external_data(void **state)
{
	Frame *f = *state;
	float data[4] = {1, 2, 3, 4};
	const char *sub = axc_path_join(f->arena, f->dir, "sub");
	assert_true(axc_make_dir(&f->d, sub));
	assert_true(
		axc_write_file(&f->d, axc_path_join(f->arena, sub, "w.bin"), data, sizeof data));
	external_model(f, "sub/w.bin", "8", "8");
	AxcGraph *g = import_ok(f);
	assert_memory_equal(find(g, "w")->data, data + 2, 8);
	assert_int_equal(f->info.external_files.n, 1);
	assert_string_equal(f->info.external_files.at[0], "sub/w.bin");
	external_model(f, "sub/../sub/w.bin", "0", NULL);
	import_fails(f, NULL, "outside the model's directory");
	external_model(f, "/etc/passwd", "0", "8");
	import_fails(f, NULL, "outside the model's directory");
	external_model(f, "sub/w.bin", "12", "8");
	import_fails(f, NULL, "has 16 bytes; the tensor 'w' wants 8 at offset 12");
	external_model(f, "sub/w.bin", "9223372036854775807", "8");
	import_fails(f, NULL, "wants 8 at offset");
	external_model(f, "sub/w.bin", "0", "7");
	import_fails(f, NULL, "has external data of 7 bytes; its type and shape want 8");
	external_model(f, "sub/w.bin", "-8", "8");
	import_fails(f, NULL, "is '-8', wanted a number of bytes");
	external_model(f, "missing.bin", "0", "8");
	import_fails(f, NULL, "'missing.bin' of the tensor 'w' cannot be read");
	external_model(f, "sub", "0", "8");
	import_fails(f, NULL, "not a regular file");
	const char *link = axc_path_join(f->arena, f->dir, "link.bin");
	assert_int_equal(symlink("/etc/passwd", link), 0);
	external_model(f, "link.bin", "0", "8");
	import_fails(f, NULL, "a link out of the model's directory");
	assert_int_equal(symlink("w.bin", axc_path_join(f->arena, sub, "inside")), 0);
	external_model(f, "sub/inside", "0", "8");
	import_ok(f);
}

static void missing_file(void **state)
{
	Frame *f = *state;
	AxcGraph *g;
	f->d.stage_status = AXC_ONNX_GRAPH_CLEANER_ERROR;
	assert_false(axc_onnx_import(f->arena, &f->d, "/nonexistent/m.onnx", NULL, NULL, &g));
	assert_int_equal(f->d.error.status, AXC_INITIALIZE_CLI_ERROR);
	assert_int_equal(f->d.stage_status, AXC_ONNX_GRAPH_CLEANER_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONNX_TEST(names),
		ONNX_TEST(hostile_names),
		ONNX_TEST(tensor_types),
		ONNX_TEST(typed_data),
		ONNX_TEST(bad_tensors),
		ONNX_TEST(constants),
		ONNX_TEST(optional_and_unused),
		ONNX_TEST(unsorted_nodes),
		ONNX_TEST(broken_graphs),
		ONNX_TEST(unsupported_operators),
		ONNX_TEST(opsets),
		ONNX_TEST(quantized_models),
		ONNX_TEST(external_data),
		ONNX_TEST(attribute_types), ONNX_TEST(missing_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
