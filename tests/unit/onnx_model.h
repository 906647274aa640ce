/* Models written by hand for the tests of src/onnx, a small operator table of their own (import
 * must not depend on which operators exist), and the frame of a test: an arena and a diagnostic. */
#ifndef ONNX_MODEL_H
#define ONNX_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "onnx/write.h"
#include "ops/op.h"

/* ---- the operator table of these tests ---- */

static const AxcOp known_ops[] = {
	{.name = "Add", .domain = "", .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1},
	{.name = "BatchNormalization",
	 .domain = "",
	 .min_in = 5,
	 .max_in = 5,
	 .min_out = 1,
	 .max_out = 1},
	{.name = "Cast", .domain = "", .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1},
	{.name = "Clip", .domain = "", .min_in = 1, .max_in = 3, .min_out = 1, .max_out = 1},
	{.name = "Conv",
	 .domain = "",
	 .min_in = 2,
	 .max_in = 3,
	 .min_out = 1,
	 .max_out = 1,
	 .quant = AXC_QR_MAC},
	{.name = "Flatten", .domain = "", .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1},
	{.name = "Identity", .domain = "", .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1},
	{.name = "LeakyRelu", .domain = "", .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1},
	{.name = "MatMul",
	 .domain = "",
	 .min_in = 2,
	 .max_in = 3,
	 .min_out = 1,
	 .max_out = 1,
	 .quant = AXC_QR_MAC},
	{.name = "Pad", .domain = "", .min_in = 2, .max_in = 4, .min_out = 1, .max_out = 1},
	{.name = "QuantizeLinear",
	 .domain = "",
	 .min_in = 1,
	 .max_in = 3,
	 .min_out = 1,
	 .max_out = 1},
	{.name = "DequantizeLinear",
	 .domain = "",
	 .min_in = 1,
	 .max_in = 3,
	 .min_out = 1,
	 .max_out = 1},
	{.name = "ReduceMean", .domain = "", .min_in = 1, .max_in = 2, .min_out = 1, .max_out = 1},
	{.name = "Relu", .domain = "", .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1},
	{.name = "Reshape", .domain = "", .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1},
	{.name = "Resize", .domain = "", .min_in = 1, .max_in = 4, .min_out = 1, .max_out = 1},
	{.name = "Shape", .domain = "", .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1},
	{.name = "Slice", .domain = "", .min_in = 3, .max_in = 5, .min_out = 1, .max_out = 1},
	{.name = "Softmax", .domain = "", .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1},
	{.name = "Split", .domain = "", .min_in = 1, .max_in = 2, .min_out = 1, .max_out = -1},
	{.name = "Squeeze", .domain = "", .min_in = 1, .max_in = 2, .min_out = 1, .max_out = 1},
	{.name = "TopK", .domain = "", .min_in = 2, .max_in = 2, .min_out = 2, .max_out = 2},
};

const AxcOp *axc_op_find(const char *domain, const char *name)
{
	for (size_t i = 0; i < AXC_COUNT(known_ops); i++)
		if (!*domain && strcmp(known_ops[i].name, name) == 0)
			return &known_ops[i];
	return NULL;
}

const AxcOp *const *axc_op_all(size_t *ret_n)
{
	static const AxcOp *all[AXC_COUNT(known_ops)];
	for (size_t i = 0; i < AXC_COUNT(known_ops); i++)
		all[i] = &known_ops[i];
	*ret_n = AXC_COUNT(known_ops);
	return all;
}

/* ---- a test's frame ---- */

typedef struct Frame {
	AxcArena *arena;
	AxcDiag d;
	AxcText model;
	const char *dir; /* a temporary directory */
	AxcOnnxInfo info;
} Frame;

static inline int frame_open(void **state)
{
	char dir[] = "/tmp/axc-onnx-XXXXXX";
	Frame *f = calloc(1, sizeof *f);
	f->arena = axc_arena_new(NULL);
	axc_diag_init(&f->d, f->arena);
	f->model.arena = f->arena;
	f->dir = axc_strdup(f->arena, mkdtemp(dir));
	*state = f;
	return 0;
}

static inline int frame_close(void **state)
{
	Frame *f = *state;
	axc_remove_tree(f->dir);
	axc_arena_free(f->arena);
	free(f);
	return 0;
}

#define ONNX_TEST(fn) cmocka_unit_test_setup_teardown(fn, frame_open, frame_close)

/* ---- pieces of a model; fields of a message may come in any order ---- */

static inline size_t model_begin(Frame *f, int64_t opset)
{
	f->model.n = 0;
	axc_pb_int(&f->model, 1, 8);
	size_t o = axc_pb_begin(&f->model, 8);
	axc_pb_int(&f->model, 2, opset);
	axc_pb_end(&f->model, o);
	size_t graph = axc_pb_begin(&f->model, 7);
	axc_pb_str(&f->model, 2, "g");
	return graph;
}

/* dims: -1 = symbolic, named after its letter in `names`. */
static inline void put_io(Frame *f, int field, const char *name, int type, int rank,
			  const int64_t *dims, const char *names)
{
	AxcText *t = &f->model;
	size_t info = axc_pb_begin(t, field);
	axc_pb_str(t, 1, name);
	size_t m = axc_pb_begin(t, 2), tensor = axc_pb_begin(t, 1);
	axc_pb_int(t, 1, type);
	size_t shape = rank >= 0 ? axc_pb_begin(t, 2) : 0;
	for (int i = 0; i < rank; i++) {
		size_t dim = axc_pb_begin(t, 1);
		if (dims[i] >= 0)
			axc_pb_int(t, 1, dims[i]);
		else if (names && names[i] != '-')
			axc_pb_str(t, 2, (char[]){names[i], 0});
		axc_pb_end(t, dim);
	}
	if (rank >= 0)
		axc_pb_end(t, shape);
	axc_pb_end(t, tensor);
	axc_pb_end(t, m);
	axc_pb_end(t, info);
}

static inline void put_input(Frame *f, const char *name, int rank, const int64_t *dims)
{
	put_io(f, 11, name, ONNX_FLOAT, rank, dims, NULL);
}

static inline void put_output(Frame *f, const char *name)
{
	put_io(f, 12, name, ONNX_FLOAT, -1, NULL, NULL);
}

/* Tensor names are words in `in` and `out`; "-" is an empty name. */
static inline void put_words(AxcText *t, int field, const char *words)
{
	for (const char *p = words; *p;) {
		size_t n = strcspn(p, " ");
		bool none = n == 1 && *p == '-';
		axc_pb_bytes(t, field, p, none ? 0 : n);
		p += n + (p[n] == ' ');
	}
}

static inline size_t node_begin(Frame *f, const char *op, const char *name, const char *in,
				const char *out)
{
	AxcText *t = &f->model;
	size_t node = axc_pb_begin(t, 1);
	put_words(t, 1, in);
	put_words(t, 2, out);
	if (*name)
		axc_pb_str(t, 3, name);
	axc_pb_str(t, 4, op);
	return node;
}

static inline void node_end(Frame *f, size_t node)
{
	axc_pb_end(&f->model, node);
}

static inline void put_node(Frame *f, const char *op, const char *name, const char *in,
			    const char *out)
{
	node_end(f, node_begin(f, op, name, in, out));
}

static inline void attr_int(Frame *f, const char *name, int64_t value)
{
	size_t a = axc_pb_begin(&f->model, 5);
	axc_pb_str(&f->model, 1, name);
	axc_pb_int(&f->model, 3, value);
	axc_pb_int(&f->model, 20, ATTR_INT);
	axc_pb_end(&f->model, a);
}

static inline void attr_float(Frame *f, const char *name, float value)
{
	size_t a = axc_pb_begin(&f->model, 5);
	axc_pb_str(&f->model, 1, name);
	axc_pb_float(&f->model, 2, value);
	axc_pb_int(&f->model, 20, ATTR_FLOAT);
	axc_pb_end(&f->model, a);
}

static inline void attr_string(Frame *f, const char *name, const char *value)
{
	size_t a = axc_pb_begin(&f->model, 5);
	axc_pb_str(&f->model, 1, name);
	axc_pb_str(&f->model, 4, value);
	axc_pb_int(&f->model, 20, ATTR_STRING);
	axc_pb_end(&f->model, a);
}

static inline void attr_ints(Frame *f, const char *name, int n, const int64_t *values)
{
	size_t a = axc_pb_begin(&f->model, 5);
	axc_pb_str(&f->model, 1, name);
	for (int i = 0; i < n; i++)
		axc_pb_int(&f->model, 8, values[i]);
	axc_pb_int(&f->model, 20, ATTR_INTS);
	axc_pb_end(&f->model, a);
}

static inline void attr_floats(Frame *f, const char *name, int n, const float *values)
{
	size_t a = axc_pb_begin(&f->model, 5);
	axc_pb_str(&f->model, 1, name);
	for (int i = 0; i < n; i++)
		axc_pb_float(&f->model, 7, values[i]);
	axc_pb_int(&f->model, 20, ATTR_FLOATS);
	axc_pb_end(&f->model, a);
}

/* raw_data */
static inline void put_tensor(Frame *f, int field, const char *name, int type, int rank,
			      const int64_t *dims, const void *data, size_t bytes)
{
	size_t m = axc_pb_begin(&f->model, field);
	for (int i = 0; i < rank; i++)
		axc_pb_int(&f->model, 1, dims[i]);
	axc_pb_int(&f->model, 2, type);
	axc_pb_str(&f->model, 8, name);
	axc_pb_bytes(&f->model, 9, data, bytes);
	axc_pb_end(&f->model, m);
}

static inline void model_end(Frame *f, size_t graph)
{
	axc_pb_end(&f->model, graph);
}

/* ---- running import ---- */

static inline const char *model_path(Frame *f)
{
	return axc_path_join(f->arena, f->dir, "model.onnx");
}

static inline bool import_shaped(Frame *f, const char *input_shape, AxcGraph **ret)
{
	AxcImportOptions opt = {.input_shape = input_shape};
	assert_true(axc_write_file(&f->d, model_path(f), f->model.at, f->model.n));
	return axc_onnx_import(f->arena, &f->d, model_path(f), &opt, &f->info, ret);
}

static inline AxcGraph *import_ok(Frame *f)
{
	AxcGraph *g = NULL;
	if (!import_shaped(f, NULL, &g))
		fail_msg("import failed: %s", f->d.error.message);
	if (!axc_graph_verify(g, AXC_FORM_IMPORTED, &f->d))
		fail_msg("verify failed: %s", f->d.error.message);
	return g;
}

/* Import must fail with this text somewhere in its message. */
static inline void import_fails(Frame *f, const char *input_shape, const char *text)
{
	AxcGraph *g = NULL;
	assert_false(import_shaped(f, input_shape, &g));
	assert_int_equal(f->d.error.status, AXC_ONNX_GRAPH_CLEANER_ERROR);
	if (!strstr(f->d.error.message, text))
		fail_msg("'%s' is not in: %s", text, f->d.error.message);
}

static inline const char *dump(Frame *f, const AxcGraph *g)
{
	AxcText t = {.arena = f->arena};
	axc_graph_print(g, &t, NULL);
	return t.at;
}

static inline void dump_has(Frame *f, const AxcGraph *g, const char *line)
{
	const char *text = dump(f, g);
	if (!strstr(text, line))
		fail_msg("no line '%s' in:\n%s", line, text);
}

#endif
