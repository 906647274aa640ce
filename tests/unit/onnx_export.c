/* Writing: plain graphs come back equal, twice the same bytes; a quantized graph becomes the QDQ
 * form. */
#include "onnx_model.h"

static const int64_t shape_1_4[] = {1, 4};

static const char *out_path(Frame *f)
{
	return axc_path_join(f->arena, f->dir, "out.onnx");
}

static const char *written(Frame *f, const char *path, size_t *ret_bytes)
{
	const uint8_t *data;
	assert_true(axc_map_file(f->arena, &f->d, "file", path, 1 << 20, &data, ret_bytes));
	return (const char *)data;
}

/* One node of each attribute kind, symbolic and known dimensions, constants of several types. */
static AxcGraph *some_graph(Frame *f)
{
	float w[4] = {1, 2, 3, 4};
	size_t g = model_begin(f, 17);
	put_io(f, 11, "x", ONNX_FLOAT, 2, (int64_t[]){-1, 4}, "N-");
	put_tensor(f, 5, "w", ONNX_FLOAT, 2, shape_1_4, w, sizeof w);
	put_tensor(f, 5, "unused", ONNX_FLOAT, 2, shape_1_4, w, sizeof w);
	put_tensor(f, 5, "axes", ONNX_INT64, 1, (int64_t[]){1}, &(int64_t){-1}, 8);
	size_t n = node_begin(f, "Add", "add", "x w", "a");
	attr_int(f, "i", -5);
	attr_float(f, "f", 0.1f);
	attr_string(f, "s", "text");
	attr_ints(f, "is", 2, (int64_t[]){INT64_MIN, 7});
	attr_floats(f, "fs", 2, (float[]){1, 2});
	size_t a = axc_pb_begin(&f->model, 5);
	axc_pb_str(&f->model, 1, "t");
	put_tensor(f, 5, "", ONNX_INT32, 1, (int64_t[]){2}, (int32_t[]){3, 4}, 8);
	axc_pb_int(&f->model, 20, ATTR_TENSOR);
	axc_pb_end(&f->model, a);
	node_end(f, n);
	n = node_begin(f, "ReduceMean", "mean", "a", "b");
	attr_ints(f, "axes", 1, (int64_t[]){-1});
	node_end(f, n);
	put_node(f, "Split", "split", "b", "c - y");
	put_node(f, "Clip", "clip", "c - w", "z");
	put_output(f, "y");
	put_output(f, "z");
	model_end(f, g);
	return import_ok(f);
}

static AxcGraph *import_again(Frame *f)
{
	AxcGraph *g = NULL;
	if (!axc_onnx_import(f->arena, &f->d, out_path(f), NULL, NULL, &g))
		fail_msg("%s", f->d.error.message);
	return g;
}

static void lines_are_equal(Frame *f, const AxcGraph *a, const AxcGraph *b, const char *kind)
{
	const char *x = dump(f, a), *y = dump(f, b);
	for (;;) {
		x = strstr(x, kind);
		y = strstr(y, kind);
		if (!x || !y)
			break;
		size_t n = strcspn(x, "\n");
		if (n != strcspn(y, "\n") || memcmp(x, y, n) != 0)
			fail_msg("%.*s\n%.*s", (int)n, x, (int)strcspn(y, "\n"), y);
		x++;
		y++;
	}
	assert_true(!x && !y);
}

static void round_trip(void **state)
{
	static const int opsets[] = {17, 18, 21};
	Frame *f = *state;
	AxcGraph *g = some_graph(f);
	for (size_t i = 0; i < AXC_COUNT(opsets); i++) {
		assert_true(axc_onnx_write(&f->d, g, opsets[i], out_path(f)));
		AxcGraph *back = import_again(f);
		assert_int_equal(back->opset, opsets[i]);
		if (opsets[i] >= 18)
			lines_are_equal(f, g, back, "\nnode ");
		else
			dump_has(f, back,
				 "node \"mean\" ReduceMean (\"a\",\"mean_axes\") -> (\"b\")   #");
		lines_are_equal(f, g, back, "\ninputs ");
		lines_are_equal(f, g, back, "\noutputs ");
		assert_int_equal(axc_value_find(back, "unused"), 0);
		AxcId w = axc_value_find(back, "w");
		assert_true(((const float *)axc_value(back, w)->data)[3] == 4.0f);
	}
	assert_false(axc_onnx_write(&f->d, g, 16, out_path(f)));
	assert_non_null(strstr(f->d.error.message, "opset 17 to 21, not 16"));
}

static void same_bytes(void **state)
{
	Frame *f = *state;
	AxcGraph *g = some_graph(f);
	size_t first, second;
	assert_true(axc_onnx_write(&f->d, g, 18, out_path(f)));
	const char *a = written(f, out_path(f), &first);
	assert_true(axc_onnx_write(&f->d, g, 18, axc_path_join(f->arena, f->dir, "again.onnx")));
	const char *b = written(f, axc_path_join(f->arena, f->dir, "again.onnx"), &second);
	assert_int_equal(first, second);
	assert_memory_equal(a, b, first);
}

static void foreign_operators(void **state)
{
	Frame *f = *state;
	AxcGraph *g = some_graph(f);
	axc_node(g, 1)->domain = "axc";
	assert_false(axc_onnx_write(&f->d, g, 18, out_path(f)));
	assert_string_equal(f->d.error.node, "add");
}

/* Inputs and outputs of types that are not computed with keep them, behind a Cast. */
static void narrow_types(void **state)
{
	Frame *f = *state;
	size_t g = model_begin(f, 17);
	put_io(f, 11, "x", ONNX_FLOAT16, 2, shape_1_4, NULL);
	put_node(f, "Relu", "relu", "x", "y");
	put_io(f, 12, "y", ONNX_FLOAT16, 2, shape_1_4, NULL);
	model_end(f, g);
	AxcGraph *graph = import_ok(f);
	assert_int_equal(axc_value(graph, graph->inputs.at[0])->dtype, AXC_F32);
	assert_true(axc_onnx_write(&f->d, graph, 17, out_path(f)));
	AxcGraph *back = import_again(f);
	dump_has(f, back, "\nnode \"x_Cast\" Cast (\"x\") -> (\"x_wide\")");
	dump_has(f, back, "\nnode \"relu\" Relu (\"x_wide\") -> (\"y_wide\")");
	dump_has(f, back, "\nnode \"y_Cast\" Cast (\"y_wide\") -> (\"y\")");
	for (int i = 0; i < 2; i++) {
		AxcId id = i ? back->outputs.at[0] : back->inputs.at[0];
		assert_string_equal(axc_value(back, id)->name, i ? "y" : "x");
		assert_int_equal(axc_value(back, id)->onnx_narrow, ONNX_FLOAT16);
	}
}

/* ---- QDQ ---- */

static const char quantized[] =
	"graph \"g\" model \"m\" opset 17\n"
	"value \"x\" float32 [1,2,2,2] input\n"
	"value \"x_quantized\" int8 [1,2,2,2] q axis -1 scale [0.5] zero [-28]\n"
	"value \"w\" int8 [2,2,1,1] data {1,-127,3,127} q axis 0 scale [0.25,2.0] zero [0,0]\n"
	"value \"b\" int32 [2] data {5,-6} q axis 0 scale [0.125,1.0] zero [0,0]\n"
	"value \"c\" int8 [1] data {-128} q axis -1 scale [0.5] zero [-128]\n"
	"value \"y\" int8 [1,2,2,2] q axis -1 scale [4.0] zero [-128]\n"
	"value \"z_quantized\" int8 [1,2,2,2] q axis -1 scale [1.0] zero [127]\n"
	"value \"z\" float32 [1,2,2,2]\n"
	"value \"f\" float32 [1,2,2,2] q axis -1 scale [1.0] zero [0]\n"
	"node \"q\" QuantizeLinear (\"x\") -> (\"x_quantized\")\n"
	"node \"conv\" Conv (\"x_quantized\",\"w\",\"b\") -> (\"y\") {group: int 1}\n"
	"node \"add\" Add (\"y\",\"c\") -> (\"z_quantized\")\n"
	"node \"d\" DequantizeLinear (\"z_quantized\") -> (\"z\")\n"
	"node \"last\" Conv (\"y\",\"w\",\"b\") -> (\"f\")\n"
	"inputs [\"x\"]\n"
	"outputs [\"z\",\"f\"]\n";

static const Onnx__ModelProto *write_quantized(Frame *f, const char *text)
{
	AxcGraph *g = NULL;
	AxcText skeleton;
	const Onnx__ModelProto *m;
	size_t bytes;
	if (!axc_graph_parse(f->arena, &f->d, text, strlen(text), NULL, 0, &g) ||
	    !axc_onnx_write_qdq(&f->d, g, 17, out_path(f)))
		fail_msg("%s", f->d.error.message);
	const char *data = written(f, out_path(f), &bytes);
	f->model.at = (char *)data; /* payload offsets count from here */
	assert_true(axc_onnx_scan(f->arena, &f->d, "out", (const uint8_t *)data, bytes, &skeleton));
	assert_true(axc_onnx_unpack(f->arena, &f->d, &skeleton, 1 << 20, &m));
	return m;
}

static const char *node_text(Frame *f, const Onnx__NodeProto *n)
{
	AxcText t = {.arena = f->arena};
	axc_text_f(&t, "%s", n->op_type);
	for (size_t i = 0; i < n->n_input; i++)
		axc_text_f(&t, "%s%s", i ? "," : " ", n->input[i]);
	for (size_t i = 0; i < n->n_output; i++)
		axc_text_f(&t, "%s%s", i ? "," : " -> ", n->output[i]);
	for (size_t i = 0; i < n->n_attribute; i++)
		axc_text_f(&t, " %s=%lld", n->attribute[i]->name, (long long)n->attribute[i]->i);
	return t.at;
}

static void nodes_are(Frame *f, const Onnx__ModelProto *m, size_t n, const char *const *want)
{
	for (size_t i = 0; i < AXC_MIN(n, m->graph->n_node); i++)
		assert_string_equal(node_text(f, m->graph->node[i]), want[i]);
	assert_int_equal(m->graph->n_node, n);
}

static const void *constant(Frame *f, const Onnx__ModelProto *m, const char *name, int type,
			    size_t bytes)
{
	for (size_t i = 0; i < m->graph->n_initializer; i++) {
		const Onnx__TensorProto *t = m->graph->initializer[i];
		if (strcmp(t->name, name) != 0)
			continue;
		assert_int_equal(t->data_type, type);
		assert_int_equal(t->payload[2], bytes);
		return f->model.at + t->payload[1];
	}
	fail_msg("no constant '%s'", name);
	return NULL;
}

static void qdq(void **state)
{
	static const char *const want[] = {
		"QuantizeLinear x,x_scale,x_zero_point -> x_quantized",
		"DequantizeLinear x_quantized,x_scale,x_zero_point -> x_dequantized",
		"DequantizeLinear w,w_scale,w_zero_point -> w_dequantized axis=0",
		"DequantizeLinear b,b_scale,b_zero_point -> b_dequantized axis=0",
		"Conv x_dequantized,w_dequantized,b_dequantized -> y group=1",
		"QuantizeLinear y,y_scale,y_zero_point -> y_quantized",
		"DequantizeLinear y_quantized,y_scale,y_zero_point -> y_dequantized",
		"DequantizeLinear c,c_scale,c_zero_point -> c_dequantized",
		"Add y_dequantized,c_dequantized -> z_float",
		"QuantizeLinear z_float,z_scale,z_zero_point -> z_quantized",
		"DequantizeLinear z_quantized,z_scale,z_zero_point -> z",
		"Conv y_dequantized,w_dequantized,b_dequantized -> f",
	};
	Frame *f = *state;
	const Onnx__ModelProto *m = write_quantized(f, quantized);
	nodes_are(f, m, AXC_COUNT(want), want);
	assert_int_equal(*(const uint8_t *)constant(f, m, "x_zero_point", ONNX_UINT8, 1), 100);
	assert_int_equal(*(const uint8_t *)constant(f, m, "z_zero_point", ONNX_UINT8, 1), 255);
	assert_int_equal(*(const uint8_t *)constant(f, m, "c", ONNX_UINT8, 1), 0);
	assert_memory_equal(constant(f, m, "w", ONNX_INT8, 4), "\x01\x81\x03\x7f", 4);
	assert_memory_equal(constant(f, m, "w_zero_point", ONNX_INT8, 2), "\0\0", 2);
	assert_memory_equal(constant(f, m, "b", ONNX_INT32, 8), ((int32_t[]){5, -6}), 8);
	assert_memory_equal(constant(f, m, "b_scale", ONNX_FLOAT, 8), ((float[]){0.125f, 1}), 8);
	assert_memory_equal(constant(f, m, "b_zero_point", ONNX_INT32, 8), "\0\0\0\0\0\0\0\0", 8);
	const Onnx__ValueInfoProto *in = m->graph->input[0];
	assert_int_equal(in->type->tensor_type->elem_type, ONNX_FLOAT);
	assert_int_equal(in->type->tensor_type->shape->n_dim, 4);
	assert_int_equal(m->opset_import[0]->version, 17);
}

/* A MatMul with a bias is a Gemm; with more than two dimensions on reshaped uint8. */
static void qdq_matmul_bias(void **state)
{
	static const char text[] =
		"graph \"g\" model \"m\" opset 17\n"
		"value \"x\" float32 [1,5,2] input\n"
		"value \"x_quantized\" int8 [1,5,2] q axis -1 scale [0.5] zero [0]\n"
		"value \"w\" int8 [2,2] data {1,-127,3,127} q axis 1 scale [0.25,2.0] zero [0,0]\n"
		"value \"b\" int32 [2] data {5,-6} q axis 0 scale [0.125,1.0] zero [0,0]\n"
		"value \"y_quantized\" int8 [1,5,2] q axis -1 scale [4.0] zero [0]\n"
		"value \"y\" float32 [1,5,2]\n"
		"node \"q\" QuantizeLinear (\"x\") -> (\"x_quantized\")\n"
		"node \"mm\" MatMul (\"x_quantized\",\"w\",\"b\") -> (\"y_quantized\")\n"
		"node \"d\" DequantizeLinear (\"y_quantized\") -> (\"y\")\n"
		"inputs [\"x\"]\noutputs [\"y\"]\n";
	static const char *const want[] = {
		"QuantizeLinear x,x_scale,x_zero_point -> x_quantized",
		"DequantizeLinear w,w_scale,w_zero_point -> w_dequantized axis=1",
		"DequantizeLinear b,b_scale,b_zero_point -> b_dequantized axis=0",
		"Reshape x_quantized,mm_shape -> mm_rows",
		"DequantizeLinear mm_rows,x_scale,x_zero_point -> mm_rows_dequantized",
		"Gemm mm_rows_dequantized,w_dequantized,b_dequantized -> mm_gemm",
		"QuantizeLinear mm_gemm,y_scale,y_zero_point -> mm_gemm_quantized",
		"Reshape mm_gemm_quantized,y_shape -> y_quantized",
		"DequantizeLinear y_quantized,y_scale,y_zero_point -> y",
	};
	Frame *f = *state;
	const Onnx__ModelProto *m = write_quantized(f, text);
	nodes_are(f, m, AXC_COUNT(want), want);
	assert_memory_equal(constant(f, m, "mm_shape", ONNX_INT64, 16), ((int64_t[]){-1, 2}), 16);
	assert_memory_equal(constant(f, m, "y_shape", ONNX_INT64, 24), ((int64_t[]){1, 5, 2}), 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONNX_TEST(round_trip), ONNX_TEST(same_bytes),      ONNX_TEST(foreign_operators),
		ONNX_TEST(narrow_types), ONNX_TEST(qdq), ONNX_TEST(qdq_matmul_bias),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
