/* Every old form of an operator comes out in its newest one. */
#include "onnx_model.h"

static const int64_t shape_1_4[] = {1, 4};

/* A model of one node: inputs x and b, initializers s (float [2.0, 0.5]) and e (empty), output y.
 */
static size_t one_node(Frame *f, int64_t opset, const char *op, const char *in, const char *out,
		       size_t *graph)
{
	float scales[2] = {2.0f, 0.5f};
	*graph = model_begin(f, opset);
	put_input(f, "x", 2, shape_1_4);
	put_input(f, "b", 2, shape_1_4);
	put_tensor(f, 5, "s", ONNX_FLOAT, 1, (int64_t[]){2}, scales, sizeof scales);
	put_tensor(f, 5, "e", ONNX_FLOAT, 1, (int64_t[]){0}, scales, 0);
	put_tensor(f, 5, "yes", ONNX_BOOL, 0, NULL, "\1", 1);
	put_tensor(f, 5, "no", ONNX_BOOL, 0, NULL, "\0", 1);
	put_output(f, "y");
	return node_begin(f, op, "n", in, out);
}

static AxcGraph *done(Frame *f, size_t node, size_t graph)
{
	node_end(f, node);
	model_end(f, graph);
	return import_ok(f);
}

static void refused(Frame *f, size_t node, size_t graph, const char *message)
{
	AxcGraph *g;
	node_end(f, node);
	model_end(f, graph);
	f->d.failed = false;
	f->d.more.n = 0;
	assert_false(import_shaped(f, NULL, &g));
	assert_int_equal(f->d.error.status, AXC_LOWER_FRONTEND_ERROR);
	assert_string_equal(f->d.error.node, "n");
	if (!strstr(f->d.error.message, message))
		fail_msg("'%s' is not in: %s", message, f->d.error.message);
}

static void attributes_to_inputs(void **state)
{
	Frame *f = *state;
	size_t g, n = one_node(f, 7, "Clip", "x", "y", &g);
	attr_float(f, "max", 6);
	AxcGraph *graph = done(f, n, g);
	dump_has(f, graph, "node \"n\" Clip (\"x\",_,\"n_max\") -> (\"y\")   #");
	dump_has(f, graph, "value \"n_max\" float32 [] data {6.0}");
	n = one_node(f, 10, "Pad", "x", "y", &g);
	attr_ints(f, "pads", 4, (int64_t[]){0, 1, 0, 2});
	attr_string(f, "mode", "constant");
	attr_float(f, "value", 0.5f);
	graph = done(f, n, g);
	dump_has(f, graph,
		 "Pad (\"x\",\"n_pads\",\"n_value\") -> (\"y\") {mode: string \"constant\"}");
	dump_has(f, graph, "value \"n_pads\" int64 [4] data {0,1,0,2}");
	n = one_node(f, 9, "Slice", "x", "y", &g);
	attr_ints(f, "ends", 1, (int64_t[]){INT64_MAX});
	attr_ints(f, "starts", 1, (int64_t[]){1});
	graph = done(f, n, g);
	dump_has(f, graph, "Slice (\"x\",\"n_starts\",\"n_ends\") -> (\"y\")   #");
	n = one_node(f, 12, "Squeeze", "x", "y", &g);
	attr_ints(f, "axes", 1, (int64_t[]){0});
	dump_has(f, done(f, n, g), "Squeeze (\"x\",\"n_axes\") -> (\"y\")   #");
	n = one_node(f, 17, "ReduceMean", "x", "y", &g);
	attr_ints(f, "axes", 2, (int64_t[]){-1, 0});
	attr_int(f, "keepdims", 0);
	graph = done(f, n, g);
	dump_has(f, graph, "ReduceMean (\"x\",\"n_axes\") -> (\"y\") {keepdims: int 0}");
	dump_has(f, graph, "value \"n_axes\" int64 [2] data {-1,0}");
	n = one_node(f, 9, "TopK", "x", "y z", &g);
	attr_int(f, "k", 3);
	graph = done(f, n, g);
	dump_has(f, graph, "TopK (\"x\",\"n_k\") -> (\"y\",\"z\")   #");
	dump_has(f, graph, "value \"n_k\" int64 [1] data {3}");
}

/* The newest forms pass through as they are. */
static void newest_forms(void **state)
{
	Frame *f = *state;
	size_t g, n = one_node(f, 18, "ReduceMean", "x s", "y", &g);
	dump_has(f, done(f, n, g), "ReduceMean (\"x\",\"s\") -> (\"y\")   #");
	n = one_node(f, 13, "Softmax", "x", "y", &g);
	attr_int(f, "axis", 1);
	dump_has(f, done(f, n, g), "Softmax (\"x\") -> (\"y\") {axis: int 1}");
	n = one_node(f, 12, "Softmax", "x", "y", &g);
	attr_int(f, "axis", -1);
	dump_has(f, done(f, n, g), "Softmax (\"x\") -> (\"y\") {axis: int -1}");
}

static void split(void **state)
{
	Frame *f = *state;
	size_t g, n = one_node(f, 11, "Split", "x", "y z", &g);
	attr_ints(f, "split", 2, (int64_t[]){1, 3});
	AxcGraph *graph = done(f, n, g);
	dump_has(f, graph, "Split (\"x\",\"n_split\") -> (\"y\",\"z\")   #");
	n = one_node(f, 11, "Split", "x", "y z", &g);
	attr_int(f, "axis", 1);
	dump_has(f, done(f, n, g),
		 "Split (\"x\") -> (\"y\",\"z\") {axis: int 1, num_outputs: int 2}");
}

static void softmax(void **state)
{
	Frame *f = *state;
	size_t g, n = one_node(f, 11, "Softmax", "x", "y", &g);
	AxcGraph *graph = done(f, n, g); /* axis 1 is the default */
	dump_has(f, graph, "Flatten (\"x\") -> (\"n_flat\") {axis: int 1} origins [\"n\"]");
	dump_has(f, graph, "node \"n\" Softmax (\"n_flat\") -> (\"n_rows\") {axis: int -1}");
	dump_has(f, graph, "Shape (\"x\") -> (\"n_shape\") origins [\"n\"]");
	dump_has(f, graph, "Reshape (\"n_rows\",\"n_shape\") -> (\"y\") origins [\"n\"]");
}

static void resize(void **state)
{
	Frame *f = *state;
	size_t g, n = one_node(f, 9, "Upsample", "x s", "y", &g);
	attr_string(f, "mode", "linear");
	dump_has(f, done(f, n, g),
		 "node \"n\" Resize (\"x\",_,\"s\") -> (\"y\") {mode: string \"linear\", "
		 "coordinate_transformation_mode: string \"asymmetric\", nearest_mode: string "
		 "\"floor\"}");
	n = one_node(f, 7, "Upsample", "x", "y", &g);
	attr_floats(f, "scales", 2, (float[]){1, 3});
	AxcGraph *graph = done(f, n, g);
	dump_has(f, graph, "Resize (\"x\",_,\"n_scales\")");
	dump_has(f, graph, "value \"n_scales\" float32 [2] data {1.0,3.0}");
	n = one_node(f, 10, "Resize", "x s", "y", &g);
	dump_has(f, done(f, n, g), "nearest_mode: string \"floor\"}");
	n = one_node(f, 13, "Resize", "x e s e", "y", &g);
	dump_has(f, done(f, n, g), "Resize (\"x\",_,\"s\") -> (\"y\")   #");
	n = one_node(f, 13, "Resize", "x s - b", "y", &g);
	attr_string(f, "coordinate_transformation_mode", "tf_crop_and_resize");
	dump_has(f, done(f, n, g), "Resize (\"x\",\"s\",_,\"b\")");
	n = one_node(f, 9, "Upsample", "x", "y", &g);
	refused(f, n, g, "it has no scales");
}

/* Opset 10 shrinking rounds up, as ONNX Runtime does. */
static void resize_10_shrinks(void **state)
{
	Frame *f = *state;
	float half[2] = {1.0f, 0.5f};
	size_t g, n = one_node(f, 10, "Resize", "x half", "y", &g);
	node_end(f, n);
	put_tensor(f, 5, "half", ONNX_FLOAT, 1, (int64_t[]){2}, half, sizeof half);
	model_end(f, g);
	dump_has(f, import_ok(f), "nearest_mode: string \"ceil\"}");
}

static void training_forms(void **state)
{
	Frame *f = *state;
	size_t g, n = one_node(f, 9, "BatchNormalization", "x s s s s", "y m v", &g);
	attr_float(f, "epsilon", 0.5f);
	attr_float(f, "momentum", 0.9f);
	dump_has(f, done(f, n, g),
		 "(\"x\",\"s\",\"s\",\"s\",\"s\") -> (\"y\") {epsilon: float 0.5}");
	n = one_node(f, 14, "BatchNormalization", "x s s s s", "y", &g);
	attr_int(f, "training_mode", 1);
	refused(f, n, g, "training_mode 1");
	n = one_node(f, 9, "BatchNormalization", "x s s s s", "a y", &g);
	refused(f, n, g, "output 1 exists only in training");
	n = one_node(f, 7, "Dropout", "x", "y mask", &g);
	attr_float(f, "ratio", 0.3f);
	dump_has(f, done(f, n, g), "node \"n\" Identity (\"x\") -> (\"y\")   #");
	n = one_node(f, 12, "Dropout", "x s no", "y", &g);
	dump_has(f, done(f, n, g), "Identity (\"x\") -> (\"y\")   #");
	n = one_node(f, 12, "Dropout", "x s yes", "y", &g);
	refused(f, n, g, "training_mode is not a constant false");
	n = one_node(f, 12, "Dropout", "x", "a y", &g);
	refused(f, n, g, "mask output");
}

static void types_in_attributes(void **state)
{
	static const struct {
		int from, to;
	} rows[] = {{ONNX_FLOAT16, 1}, {ONNX_DOUBLE, 1}, {ONNX_BFLOAT16, 1}, {ONNX_UINT16, 6},
		    {ONNX_UINT32, 7},  {ONNX_UINT64, 7}, {ONNX_INT8, 3},     {ONNX_FLOAT, 1}};
	Frame *f = *state;
	for (size_t i = 0; i < AXC_COUNT(rows); i++) {
		size_t g, n = one_node(f, 19, "Cast", "x", "y", &g);
		attr_int(f, "to", rows[i].from);
		attr_int(f, "saturate", 1);
		dump_has(f, done(f, n, g), axc_format(f->arena, "{to: int %d}", rows[i].to));
	}
}

static size_t fused_conv(Frame *f, const char *in, const char *activation, size_t *g)
{
	size_t n = one_node(f, 13, "FusedConv", in, "y", g);
	axc_pb_str(&f->model, 7, "com.microsoft");
	if (activation)
		attr_string(f, "activation", activation);
	return n;
}

static void fused_convolutions(void **state)
{
	Frame *f = *state;
	size_t g, n = fused_conv(f, "x b s", "Relu", &g);
	attr_int(f, "group", 1);
	AxcGraph *graph = done(f, n, g);
	dump_has(f, graph,
		 "node \"n\" Conv (\"x\",\"b\",\"s\") -> (\"n_conv\") {group: int 1}   #");
	dump_has(f, graph, "node \"n_Relu\" Relu (\"n_conv\") -> (\"y\") origins [\"n\"]");
	n = fused_conv(f, "x b - x", "LeakyRelu", &g);
	attr_floats(f, "activation_params", 1, (float[]){0.25f});
	graph = done(f, n, g);
	dump_has(f, graph, "Conv (\"x\",\"b\",_) -> (\"n_conv\")");
	dump_has(f, graph, "Add (\"n_conv\",\"x\") -> (\"n_sum\")");
	dump_has(f, graph, "LeakyRelu (\"n_sum\") -> (\"y\") {alpha: float 0.25}");
	n = fused_conv(f, "x b", "Clip", &g);
	attr_floats(f, "activation_params", 2, (float[]){0, 6});
	dump_has(f, done(f, n, g), "Clip (\"n_conv\",\"n_min\",\"n_max\") -> (\"y\")");
	n = fused_conv(f, "x b", NULL, &g);
	dump_has(f, done(f, n, g), "Conv (\"x\",\"b\") -> (\"y\")   #");
	n = fused_conv(f, "x b", "Swish", &g);
	refused(f, n, g, "activation 'Swish'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONNX_TEST(attributes_to_inputs),
		ONNX_TEST(newest_forms),
		ONNX_TEST(split),
		ONNX_TEST(softmax),
		ONNX_TEST(resize),
		ONNX_TEST(resize_10_shrinks),
		ONNX_TEST(training_forms),
		ONNX_TEST(types_in_attributes),
		ONNX_TEST(fused_convolutions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
