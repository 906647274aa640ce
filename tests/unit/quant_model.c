/* quantized_model/ written and read back: the same bytes again; every damaged file is refused with file and
 * key; no mutation of a byte makes the reader do anything but read or refuse.
 */
#include "quant/model.h"

#include "base/json_read.h"
#include "ops/op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[] = "/tmp/axc-model-XXXXXX";

typedef struct Case {
	AxcArena *arena;
	AxcDiag d;
} Case;

static int set_up(void **state)
{
	Case *c = calloc(1, sizeof *c);
	c->arena = axc_arena_new(NULL);
	axc_diag_init(&c->d, c->arena);
	c->d.stage_status = AXC_TVM_FRONTEND_ERROR;
	*state = c;
	return 0;
}

static int tear_down(void **state)
{
	Case *c = *state;
	axc_arena_free(c->arena);
	free(c);
	return 0;
}

static AxcId tensor(AxcGraph *g, const char *name, AxcDType dtype, AxcShape shape, AxcQuant q, const void *data)
{
	AxcId id = data ? axc_const_add(g, name, dtype, &shape, data) : axc_value_add(g, name, dtype, &shape);
	axc_value(g, id)->q = q;
	return id;
}

/* int8 x -> Conv (per channel) -> MaxPool, and a float Conv beside it; names as hostile as they come. */
static AxcGraph *make_graph(AxcArena *arena)
{
	static const float half = 0.5f, scales[2] = {0.1f, 1.17549435e-38f}, third = 1.0f / 3;
	static const int32_t zeros[2] = {0, 0}, low = -128, bias[2] = {1000, -7};
	static const int8_t w[6] = {1, -127, 127, 3, 4, 5};
	static const float fw[3] = {0.1f, -0.0f, 3e38f};
	const AxcQuant none = {.axis = -1};
	AxcGraph *g = axc_graph_new(arena, "graph */ ?\?/ \n\033[31m \xff");
	g->model_name = "tiny";
	g->opset = 17;
	AxcShape x = axc_shape_of(4, (const int64_t[]){1, 3, 4, 4}), y = axc_shape_of(4, (const int64_t[]){1, 2, 4, 4});
	AxcShape p = axc_shape_of(4, (const int64_t[]){1, 2, 2, 2}), ws = axc_shape_of(4, (const int64_t[]){2, 3, 1, 1});
	AxcShape b = axc_shape_of(1, (const int64_t[]){2}), fs = axc_shape_of(4, (const int64_t[]){1, 3, 1, 1});
	AxcShape fo = axc_shape_of(4, (const int64_t[]){1, 1, 4, 4});
	AxcId in = tensor(g, "x*/", AXC_I8, x, (AxcQuant){1, -1, &half, &low}, NULL);
	AxcId in2 = tensor(g, "f\xc3\xa9", AXC_F32, x, none, NULL);
	AxcId weight = tensor(g, "w", AXC_I8, ws, (AxcQuant){2, 0, scales, zeros}, w);
	AxcId biases = tensor(g, "b", AXC_I32, b, none, bias);
	AxcId mid = tensor(g, "mid", AXC_I8, y, (AxcQuant){1, -1, &third, &low}, NULL);
	AxcId out = tensor(g, "out", AXC_I8, p, (AxcQuant){1, -1, &third, &low}, NULL);
	AxcId fweight = tensor(g, "fw", AXC_F32, fs, none, fw);
	AxcId fout = tensor(g, "fout", AXC_F32, fo, none, NULL);
	axc_value(g, in)->is_input = axc_value(g, in2)->is_input = true;
	axc_value(g, in2)->onnx_dtype_tag = AXC_F32;
	AXC_PUSH(arena, &g->inputs, in);
	AXC_PUSH(arena, &g->inputs, in2);
	AxcId conv = axc_node_add(g, "Conv", "conv\n\"1\"", 3, (const AxcId[]){in, weight, biases}, 1, &mid);
	axc_attr_set_ints(g, conv, "kernel_shape", (const int64_t[]){1, 1}, 2);
	axc_attr_set_string(g, conv, "auto_pad", "NOTSET");
	static const char *const origins[] = {"conv_1", "relu*/"};
	axc_node(g, conv)->origins = origins;
	axc_node(g, conv)->n_origins = 2;
	AxcId pool = axc_node_add(g, "MaxPool", "pool", 1, &mid, 1, &out);
	axc_attr_set_ints(g, pool, "kernel_shape", (const int64_t[]){2, 2}, 2);
	axc_attr_set_ints(g, pool, "strides", (const int64_t[]){2, 2}, 2);
	AxcId fconv = axc_node_add(g, "Conv", "fconv", 2, (const AxcId[]){in2, fweight}, 1, &fout);
	axc_node(g, fconv)->float_reason = "for the test";
	AXC_PUSH(arena, &g->outputs, out);
	AXC_PUSH(arena, &g->outputs, fout);
	return g;
}

static const char *sub(Case *c, const char *name)
{
	const char *path = axc_path_join(c->arena, dir, name);
	mkdir(path, 0777);
	return path;
}

static void write_to(Case *c, const AxcGraph *g, const char *to)
{
	if (axc_exists(axc_path_join(c->arena, to, "quantized_model.json")))
		return; /* every write is synced to disk: once is enough */
	if (!axc_model_write(c->arena, &c->d, g, to))
		fail_msg("%s", c->d.error.message);
}

static bool read_from(Case *c, const char *from, AxcGraph **ret)
{
	return axc_model_read(c->arena, &c->d, axc_path_join(c->arena, from, "quantized_model_manifest.json"), ret);
}

static void load(Case *c, const char *from, const char *name, const uint8_t **data, size_t *bytes)
{
	assert_true(axc_map_file(c->arena, &c->d, "file", axc_path_join(c->arena, from, name), 1 << 30, data, bytes));
}

static void round_trip(void **state)
{
	static const char *const files[] = {"quantized_model.json", "quantized_model.bin", "quantized_model.txt",
	                                    "quantized_model_manifest.json"};
	Case *c = *state;
	const char *a = sub(c, "a"), *b = sub(c, "b");
	AxcGraph *g = make_graph(c->arena), *back;
	write_to(c, g, a);
	if (!read_from(c, a, &back))
		fail_msg("%s", c->d.error.message);
	write_to(c, back, b);
	for (size_t i = 0; i < AXC_COUNT(files); i++) {
		const uint8_t *x, *y;
		size_t nx, ny;
		load(c, a, files[i], &x, &nx);
		load(c, b, files[i], &y, &ny);
		assert_int_equal(nx, ny);
		if (i != 0) /* the graph's name was no UTF-8 once */
			assert_memory_equal(x, y, nx);
	}
	assert_string_equal(back->model_name, "tiny");
	assert_int_equal(back->opset, 17);
	const AxcNode *conv = &back->nodes.at[1];
	assert_string_equal(conv->name, "conv\n\"1\"");
	assert_string_equal(conv->origins[1], "relu*/");
	assert_string_equal(axc_attr_string(conv, "auto_pad", ""), "NOTSET");
	const AxcValue *w = &back->values.at[conv->in[1]];
	assert_true(w->q.n == 2 && w->q.axis == 0 && w->q.scale[1] == 1.17549435e-38f && w->q.scale[0] == 0.1f);
	assert_memory_equal(w->data, g->values.at[3].data, 6);
	assert_string_equal(back->nodes.at[3].float_reason, "for the test");
	const float *fw = back->values.at[back->nodes.at[3].in[1]].data;
	assert_true(signbit(fw[1]) && fw[2] == 3e38f);
}

static void manifest_keys(void **state)
{
	static const char *const keys[] = {
		"manifest_version", "quantized_model_file", "quantize_params", "dequantize_params", "input_shapes",
		"output_shapes", "n_padded_ch_inputs", "n_padded_ch_outputs", "input_tensor_layout", "model_lib_file",
		"model_params_file", "preprocess_graph", "postprocess_graph", "input_dtypes", "output_dtypes",
		"input_shapes_original", "output_shapes_original"};
	Case *c = *state;
	AxcText t = {.arena = c->arena};
	axc_model_manifest(c->arena, make_graph(c->arena), true, &t);
	const AxcJsonValue *root;
	assert_true(axc_json_parse(c->arena, &c->d, "manifest", t.at, t.n, &root));
	assert_int_equal(root->n, AXC_COUNT(keys));
	for (size_t i = 0; i < AXC_COUNT(keys); i++)
		assert_string_equal(root->item[i].key, keys[i]);
	assert_int_equal(axc_json_get(root, "output_shapes")->item[0].item[3].integer, 64);
	assert_int_equal(axc_json_get(root, "n_padded_ch_outputs")->item[0].item[7].integer, 62);
	assert_int_equal(axc_json_get(root, "model_lib_file")->kind, AXC_JSON_NULL);
}

static const struct Damage {
	const char *file, *from, *to, *message;
} damages[] = {
	{"quantized_model.json", "\"format_version\": 1", "\"format_version\": 2", "key 'format_version': 2 found, 1 is"},
	{"quantized_model.json", "\"format_version\": 1", "\"format_version\": \"1\"", "format_version"},
	{"quantized_model.json", "\"format_version\": 1,", "", "format_version"},
	{"quantized_model.json", "\"model_name\": \"tiny\"", "\"model_name\": \"a b\"", "key 'model_name'"},
	{"quantized_model.json", "\"shape\": [1, 2, 2, 2]", "\"shape\": [1, 2, 3, 2]", "its output 'out'"},
	{"quantized_model.json", "\"shape\": [1, 2, 2, 2]", "\"shape\": [1, 2, -2, 2]", "key 'shape'"},
	{"quantized_model.json", "\"shape\": [1, 2, 2, 2]", "\"shape\": [99999, 99999, 99999, 2]", "key 'shape'"},
	{"quantized_model.json", "\"shape\": [1, 2, 2, 2]", "\"shape\": [1,1,1,1,1,1,1,1,1]", "rank 9"},
	{"quantized_model.json", "\"int8\", \"shape\": [1, 2, 2, 2], \"layout\": \"NCHW\", \"scale\": [0.33333334], \"zero_point\": [-128]",
	 "\"float32\", \"shape\": [1, 2, 2, 2], \"layout\": null, \"scale\": [], \"zero_point\": []", "without the scale of a float output"},
	{"quantized_model.json", "\"shape\": [2, 3, 1, 1]", "\"shape\": [2, 3, 1, 9]", "key 'bytes'"},
	{"quantized_model.json", "\"scale\": [0.1, ", "\"scale\": [-0.1, ", "key 'scale'"},
	{"quantized_model.json", "\"scale\": [0.1, ", "\"scale\": [\"nan\", ", "key 'scale'"},
	{"quantized_model.json", "\"scale\": [0.1, ", "\"scale\": [1e-40, ", "key 'scale'"},
	{"quantized_model.json", "\"scale\": [0.1, ", "\"scale\": [1e300, ", "does not fit float32"},
	{"quantized_model.json", "\"scale\": [0.1, ", "\"scale\": [", "key 'zero_point': 2 zero points for 1"},
	{"quantized_model.json", "\"zero_point\": [-128]", "\"zero_point\": [-129]", "key 'zero_point': -129"},
	{"quantized_model.json", "\"axis\": 0", "\"axis\": 1", "json: the graph breaks G8"},
	{"quantized_model.json", "\"axis\": 0", "\"axis\": 77", "key 'axis'"},
	{"quantized_model.json", "\"dtype\": \"int8\"", "\"dtype\": \"int4\"", "key 'dtype': 'int4'"},
	{"quantized_model.json", "\"offset\": 0", "\"offset\": 64000", "key 'offset': 64000"},
	{"quantized_model.json", "\"offset\": 0", "\"offset\": 1", "key 'offset'"},
	{"quantized_model.json", "\"offset\": 0", "\"offset\": -64", "key 'offset'"},
	{"quantized_model.json", "\"offset\": 0", "\"offset\": 1e30", "offset"},
	{"quantized_model.json", "\"bytes\": 6", "\"bytes\": 7", "key 'bytes'"},
	{"quantized_model.json", "\"op\": \"MaxPool\"", "\"op\": \"MaxPoul\"", "key 'op': the operator 'MaxPoul'"},
	{"quantized_model.json", "\"outputs\": [\"mid\"]", "\"outputs\": [\"w\"]", "key 'outputs'"},
	{"quantized_model.json", "\"outputs\": [\"mid\"]", "\"outputs\": [\"no\"]", "there is no tensor 'no'"},
	{"quantized_model.json", "\"inputs\": [\"mid\"]", "\"inputs\": [\"out\"]", "G3"},
	{"quantized_model.json", "\"inputs\": [\"mid\"]", "\"inputs\": [3]", "key 'inputs', element 0: an integer found"},
	{"quantized_model.json", "\"type\": \"ints\"", "\"type\": \"float\"", "a number wanted"},
	{"quantized_model.json", "\"type\": \"ints\"", "\"type\": \"many\"", "key 'type'"},
	{"quantized_model.json", "\"name\": \"pool\"", "\"name\": \"fconv\"", "stands twice"},
	{"quantized_model.json", "\"name\": \"mid\"", "\"name\": \"b\"", "stands twice"},
	{"quantized_model.json", "\"file\": \"quantized_model.bin\"", "\"file\": \"../x\"", "key 'file'"},
	{"quantized_model.json", "\"file\": \"quantized_model.bin\"", "\"file\": \"absent\"", "cannot open the weights"},
	{"quantized_model.json", "\"hash\": \"", "\"hash\": \"0", "key 'hash'"},
	{"quantized_model.json", "\"nodes\": [", "\"nodes\": [}", "quantized_model.json:"},
	{"quantized_model.bin", "\x01\x81\x7f", "\x01\x81\x7e", "key 'hash'"},
	{"quantized_model_manifest.json", "\"quantized_model_file\": \"", "\"quantized_model_file\": \"/", "key 'quantized"},
	{"quantized_model_manifest.json", "\"model_lib_file\": null", "\"model_lib_file\": \"model.json\"", "compiled model"},
	{"quantized_model_manifest.json", "\"input_dtypes\"", "\"input_types\"", "'input_dtypes' is missing"},
	{"quantized_model_manifest.json", "\"1.0\"", "\"9.0\"", "key 'manifest_version'"},
};

static void put(Case *c, const char *to, const char *name, const void *data, size_t n)
{
	const char *path = axc_path_join(c->arena, to, name);
	unlink(path); /* the old one may be mapped */
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, n, f), n);
	fclose(f);
}

/* A copy of directory "a" with one file changed. */
static void damage(Case *c, const char *to, const struct Damage *how)
{
	static const char *const files[] = {"quantized_model.json", "quantized_model.bin",
	                                    "quantized_model_manifest.json"};
	for (size_t i = 0; i < AXC_COUNT(files); i++) {
		const uint8_t *data;
		size_t n;
		load(c, sub(c, "a"), files[i], &data, &n);
		if (strcmp(files[i], how->file) != 0) {
			put(c, to, files[i], data, n);
			continue;
		}
		const char *at = memmem(data, n, how->from, strlen(how->from));
		if (!at)
			fail_msg("'%s' is not in %s", how->from, how->file);
		AxcText t = {.arena = c->arena};
		axc_text_add(&t, (const char *)data, (size_t)(at - (const char *)data));
		axc_text_str(&t, how->to);
		at += strlen(how->from);
		axc_text_add(&t, at, n - (size_t)(at - (const char *)data));
		put(c, to, files[i], t.at, t.n);
	}
}

static void damaged(void **state)
{
	for (size_t i = 0; i < AXC_COUNT(damages); i++) {
		tear_down(state);
		set_up(state);
		Case *c = *state;
		AxcGraph *g;
		write_to(c, make_graph(c->arena), sub(c, "a"));
		damage(c, sub(c, "damaged"), &damages[i]);
		if (read_from(c, sub(c, "damaged"), &g))
			fail_msg("read in spite of: %s", damages[i].to);
		assert_int_equal(c->d.error.status, AXC_TVM_FRONTEND_ERROR);
		if (!strstr(c->d.error.message, damages[i].message))
			fail_msg("'%s' is not in '%s'", damages[i].message, c->d.error.message);
		assert_non_null(strstr(c->d.error.message, "/damaged/"));
	}
}

static void truncated(void **state)
{
	Case *c = *state;
	AxcGraph *g;
	const uint8_t *data;
	size_t n;
	write_to(c, make_graph(c->arena), sub(c, "a"));
	const struct Damage nothing = {"quantized_model.txt", "", "", ""};
	damage(c, sub(c, "damaged"), &nothing);
	load(c, sub(c, "a"), "quantized_model.bin", &data, &n);
	put(c, sub(c, "damaged"), "quantized_model.bin", data, n - 1);
	assert_false(read_from(c, sub(c, "damaged"), &g));
	assert_non_null(strstr(c->d.error.message, "cut off"));
	put(c, sub(c, "damaged"), "quantized_model.bin", data, n);
	load(c, sub(c, "a"), "quantized_model.json", &data, &n);
	for (size_t cut = 0; cut < n - 1; cut += 97) {
		put(c, sub(c, "damaged"), "quantized_model.json", data, cut);
		assert_false(read_from(c, sub(c, "damaged"), &g));
	}
}

static void any_byte(void **state)
{
	Case *c = *state;
	const uint8_t *data;
	size_t n;
	write_to(c, make_graph(c->arena), sub(c, "a"));
	const struct Damage nothing = {"quantized_model.txt", "", "", ""};
	damage(c, sub(c, "damaged"), &nothing);
	load(c, sub(c, "a"), "quantized_model.json", &data, &n);
	uint8_t *copy = axc_memdup(c->arena, data, n);
	uint64_t seed = 1;
	int read = 0, refused = 0;
	for (int i = 0; i < 1500; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		size_t at = (size_t)(seed >> 33) % n;
		copy[at] = "0123456789-\"[]{},:nx"[(seed >> 13) % 20];
		char path[256];
		snprintf(path, sizeof path, "%s/damaged/quantized_model.json", dir);
		FILE *f = fopen(path, "wb");
		fwrite(copy, 1, n, f);
		fclose(f);
		copy[at] = data[at];
		AxcArena *arena = axc_arena_new(NULL);
		AxcDiag d;
		AxcGraph *g;
		axc_diag_init(&d, arena);
		snprintf(path, sizeof path, "%s/damaged/quantized_model_manifest.json", dir);
		if (axc_model_read(arena, &d, path, &g))
			read++;
		else
			refused++;
		axc_arena_free(arena);
	}
	assert_true(refused > 500 && read > 10);
}

int main(void)
{
	assert_non_null(mkdtemp(dir));
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		TEST(round_trip), TEST(manifest_keys), TEST(damaged), TEST(truncated), TEST(any_byte),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	axc_remove_tree(dir);
	return failed;
}
