/* The wire scanner: what is no model, what is cut off, what nests too deep, what a skeleton holds.
 */
#include "onnx_model.h"

static const int64_t dims[] = {1, 4};

static void small_model(Frame *f)
{
	float w[4] = {1, 2, 3, 4};
	size_t g = model_begin(f, 17);
	put_input(f, "x", 2, dims);
	put_tensor(f, 5, "w", ONNX_FLOAT, 2, dims, w, sizeof w);
	put_node(f, "Add", "add", "x w", "y");
	put_output(f, "y");
	model_end(f, g);
}

static bool scan(Frame *f, const void *data, size_t bytes, AxcText *out)
{
	f->d.failed = false;
	return axc_onnx_scan(f->arena, &f->d, "m.onnx", data, bytes, out);
}

static void not_a_model(void **state)
{
	static const char *const files[] = {
		"hello world, this is text",
		"{\"json\": 1}",
		"\xff\xd8\xff\xe0 JPEG",
		"\x89PNG\r\n\x1a\n",
		"PK\x03\x04 zip",
		("\x7f"
		 "ELF"),
		"\n\n\n",
		"   ",
		"#!/bin/sh\n",
	};
	Frame *f = *state;
	AxcText out;
	for (size_t i = 0; i < AXC_COUNT(files); i++) {
		assert_false(scan(f, files[i], strlen(files[i]), &out));
		assert_non_null(strstr(f->d.error.message, "is not an ONNX model"));
	}
	assert_false(scan(f, "", 0, &out));
	assert_non_null(strstr(f->d.error.message, "it is empty"));
	assert_false(scan(f, "\x08\x08", 2, &out));
	assert_non_null(strstr(f->d.error.message, "it has no graph"));
}

/* Cut anywhere, it is an error and never a crash; behind the first field it is called truncated. */
static void truncated(void **state)
{
	Frame *f = *state;
	AxcText out;
	small_model(f);
	assert_true(scan(f, f->model.at, f->model.n, &out));
	uint32_t said_so = 0;
	for (size_t n = 1; n < f->model.n; n++) {
		char *copy = malloc(n); /* so that a sanitizer sees a read behind the end */
		memcpy(copy, f->model.at, n);
		f->d.more.n = 0;
		assert_false(scan(f, copy, n, &out));
		said_so += strstr(f->d.error.message, "is truncated") != NULL;
		f->d.error.message = NULL;
		free(copy);
	}
	assert_true(said_so + 8 >= f->model.n);
}

static void skeleton_has_no_payload(void **state)
{
	Frame *f = *state;
	AxcText out;
	const Onnx__ModelProto *m;
	float w[4] = {1, 2, 3, 4};
	small_model(f);
	assert_true(scan(f, f->model.at, f->model.n, &out));
	assert_null(memmem(out.at, out.n, w, sizeof w));
	assert_true(axc_onnx_unpack(f->arena, &f->d, &out, 1 << 20, &m));
	assert_int_equal(m->graph->n_initializer, 1);
	const Onnx__TensorProto *t = m->graph->initializer[0];
	assert_int_equal(t->n_payload, 3);
	assert_int_equal(t->payload[0], TENSOR_RAW_DATA);
	assert_memory_equal(f->model.at + t->payload[1], w, t->payload[2]);
	assert_false(axc_onnx_unpack(f->arena, &f->d, &out, 500, &m));
	assert_non_null(strstr(f->d.error.message, "more than the 500 bytes"));
}

/* A field with the number of the scanner's own must not get through. */
static void forged_payload(void **state)
{
	Frame *f = *state;
	AxcText out;
	const Onnx__ModelProto *m;
	uint64_t forged[3] = {TENSOR_RAW_DATA, 1u << 30, 16};
	size_t g = model_begin(f, 17), t = axc_pb_begin(&f->model, 5);
	axc_pb_str(&f->model, 8, "w");
	axc_pb_bytes(&f->model, 1000, forged, sizeof forged);
	axc_pb_end(&f->model, t);
	model_end(f, g);
	assert_true(scan(f, f->model.at, f->model.n, &out));
	assert_true(axc_onnx_unpack(f->arena, &f->d, &out, 1 << 20, &m));
	assert_int_equal(m->graph->initializer[0]->n_payload, 0);
}

static void nested(Frame *f, int levels)
{
	size_t marks[300];
	int n = 0;
	marks[n++] = model_begin(f, 17);
	for (int i = 0; i < levels; i++) {
		marks[n++] = axc_pb_begin(&f->model, 1); /* node */
		marks[n++] = axc_pb_begin(&f->model, 5); /* attribute */
		marks[n++] = axc_pb_begin(&f->model, 6); /* graph */
	}
	while (n)
		axc_pb_end(&f->model, marks[--n]);
}

static void nesting(void **state)
{
	Frame *f = *state;
	AxcText out;
	nested(f, 20);
	assert_true(scan(f, f->model.at, f->model.n, &out));
	nested(f, 21);
	assert_false(scan(f, f->model.at, f->model.n, &out));
	assert_non_null(strstr(f->d.error.message, "deeper than the 64 levels"));
}

static void bad_names(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} names[] = {{"a\0b", 3},
		     {"\xc3", 1},
		     {"\xc0\x80", 2},
		     {"\xed\xa0\x80", 3},
		     {"\xf5\x80\x80\x80", 4},
		     {"\x80", 1}};
	Frame *f = *state;
	AxcText out;
	for (size_t i = 0; i < AXC_COUNT(names); i++) {
		size_t g = model_begin(f, 17);
		axc_pb_bytes(&f->model, 2, names[i].bytes, names[i].n);
		model_end(f, g);
		f->d.error.message = NULL;
		assert_false(scan(f, f->model.at, f->model.n, &out));
		f->d.more.n = 0;
		assert_non_null(strstr(f->d.error.message, "not UTF-8"));
	}
	size_t g = model_begin(f, 17);
	axc_pb_str(&f->model, 2, "\xe2\x82\xac \xf0\x9f\x98\x80 \xc3\xa4*/");
	model_end(f, g);
	assert_true(scan(f, f->model.at, f->model.n, &out));
}

static void wrong_kinds(void **state)
{
	Frame *f = *state;
	AxcText out;
	size_t g = model_begin(f, 17);
	axc_pb_int(&f->model, 1, 5); /* a node is no number */
	model_end(f, g);
	assert_false(scan(f, f->model.at, f->model.n, &out));
	assert_non_null(strstr(f->d.error.message, "malformed: a field of the wrong kind"));
	f->d.failed = false;
	g = model_begin(f, 17);
	model_end(f, g);
	g = axc_pb_begin(&f->model, 7);
	model_end(f, g);
	assert_false(scan(f, f->model.at, f->model.n, &out));
	assert_non_null(strstr(f->d.error.message, "only once, twice"));
	axc_text_str(&f->model, "\x73"); /* group */
	assert_false(scan(f, f->model.at, f->model.n, &out));
}

static void too_many(void **state)
{
	Frame *f = *state;
	AxcText out;
	size_t g = model_begin(f, 17), t = axc_pb_begin(&f->model, 5);
	char *ones = axc_alloc(f->arena, AXC_ONNX_MAX_DIMS + 1);
	axc_pb_bytes(&f->model, 1, ones, AXC_ONNX_MAX_DIMS + 1);
	axc_pb_end(&f->model, t);
	model_end(f, g);
	assert_false(scan(f, f->model.at, f->model.n, &out));
	assert_non_null(strstr(f->d.error.message, "dimensions that are accepted"));
	for (int more = 0; more < 2; more++) {
		f->d.failed = false;
		g = model_begin(f, 17);
		size_t n = node_begin(f, "Relu", "relu", "x", "y");
		for (int i = 0; i < AXC_ONNX_MAX_NODE_ATTRIBUTES + more; i++)
			attr_int(f, "a", i);
		node_end(f, n);
		model_end(f, g);
		out = (AxcText){.arena = f->arena};
		assert_int_equal(scan(f, f->model.at, f->model.n, &out), !more);
	}
	assert_non_null(strstr(f->d.error.message, "a node with more than the 256 attributes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONNX_TEST(not_a_model),    ONNX_TEST(truncated), ONNX_TEST(skeleton_has_no_payload),
		ONNX_TEST(forged_payload), ONNX_TEST(nesting),   ONNX_TEST(bad_names),
		ONNX_TEST(wrong_kinds),    ONNX_TEST(too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
