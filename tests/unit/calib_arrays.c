/* Samples from .npy, .npz and the random generator: what fits an input, what is refused, that the numbers
 * are the same for any number of threads and on every machine.
 */
#include "calib/samples.h"

#include "base/npy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>
#include <cmocka.h>

static char dir[] = "/tmp/axc-arrays-XXXXXX";

typedef struct Case {
	AxcArena *arena;
	AxcDiag d;
	AxcGraph *g;
	AxcCalibConfig cfg;
} Case;

static int set_up(void **state)
{
	Case *c = calloc(1, sizeof *c);
	c->arena = axc_arena_new(NULL);
	axc_diag_init(&c->d, c->arena);
	c->d.stage_status = AXC_QTOOLS_ERROR;
	c->g = axc_graph_new(c->arena, "test");
	c->cfg.jobs = 3;
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

static void add_input(Case *c, const char *name, AxcDType dtype, int rank, const int64_t *dims)
{
	AxcShape shape = axc_shape_of(rank, dims);
	AxcId v = axc_value_add(c->g, name, dtype, &shape);
	axc_value(c->g, v)->is_input = true;
	AXC_PUSH(c->arena, &c->g->inputs, v);
}

static const char *in_dir(Case *c, const char *name)
{
	return axc_path_join(c->arena, dir, name);
}

/* The bytes of a .npy. */
static AxcText npy(Case *c, char kind, int size, int rank, const int64_t *dims, const void *data, size_t bytes)
{
	AxcText t = {.arena = c->arena};
	axc_npy_header(&t, kind, size, rank, dims);
	axc_text_add(&t, data, bytes);
	return t;
}

static const char *write_bytes(Case *c, const char *name, const AxcText *t)
{
	const char *path = in_dir(c, name);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(t->at, 1, t->n, f), t->n);
	fclose(f);
	return path;
}

typedef struct Seen {
	uint64_t hash[512];
	double first[512];
	size_t bytes;
	int input;
	AxcDType dtype;
} Seen;

static bool look(void *ctx, const AxcSample *sample, int worker, AxcDiag *d)
{
	(void)worker;
	(void)d;
	Seen *seen = ctx;
	const void *data = sample->inputs[seen->input];
	seen->hash[sample->index] = axc_hash(data, seen->bytes);
	seen->first[sample->index] = seen->dtype == AXC_F32 ? (double)*(const float *)data
	                                                    : (double)*(const int64_t *)data;
	return true;
}

static bool run(Case *c, Seen *seen, int64_t *ret_used)
{
	AxcSamples *s;
	if (!axc_samples_open(c->arena, &c->d, c->g, &c->cfg, &s) ||
	    !axc_samples_run(s, &c->d, 0, 0, look, seen, ret_used))
		return false;
	Seen again = *seen; /* a second run starts over and sees the same */
	memset(again.hash, 0, sizeof again.hash);
	assert_true(axc_samples_run(s, &c->d, 0, 1, look, &again, NULL));
	assert_memory_equal(seen->hash, again.hash, sizeof again.hash);
	axc_samples_close(s);
	return true;
}

static void assert_error(Case *c, const char *part)
{
	assert_true(c->d.failed);
	if (!strstr(c->d.error.message, part))
		fail_msg("'%s' is not in '%s'", part, c->d.error.message);
}

static void random_numbers(void **state)
{
	Case *c = *state;
	add_input(c, "x", AXC_F32, 2, (const int64_t[]){1, 1000});
	add_input(c, "n", AXC_I64, 1, (const int64_t[]){4});
	Seen a = {.bytes = 4000, .dtype = AXC_F32}, b = a;
	int64_t used = 0;
	assert_true(run(c, &a, &used));
	assert_int_equal(used, 100);
	c->cfg.jobs = 1;
	assert_true(run(c, &b, &used));
	assert_memory_equal(&a, &b, sizeof a);
	assert_true(a.hash[0] == 0xfdd63bb827d5ce1bu); /* the same on every machine */
	assert_float_equal(a.first[0], 2.1986624512251027, 1e-6);
	c->cfg.seed = 1;
	c->cfg.has_seed = true;
	assert_true(run(c, &b, &used));
	assert_true(a.hash[0] != b.hash[0]);
	assert_true(a.hash[0] != a.hash[1]);
}

static void random_is_normal(void **state)
{
	(void)state;
	enum { N = 200000 };
	float *x = malloc(N * sizeof *x);
	uint64_t seed = 5;
	axc_random_normal(&seed, x, N);
	double sum = 0, square = 0, fourth = 0;
	int beyond = 0;
	for (int i = 0; i < N; i++) {
		double v = (double)x[i];
		sum += v;
		square += v * v;
		fourth += v * v * v * v;
		beyond += fabs(v) > 3;
	}
	assert_true(fabs(sum / N) < 0.01);
	assert_true(fabs(square / N - 1) < 0.01);
	assert_true(fabs(fourth / N - 3) < 0.1);
	assert_true(abs(beyond - 540) < 100); /* 0.27 % */
	free(x);
}

static void one_npy(void **state)
{
	Case *c = *state;
	const float data[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
	AxcText t = npy(c, 'f', 4, 3, (const int64_t[]){3, 2, 2}, data, sizeof data);
	c->cfg.data = write_bytes(c, "a.npy", &t);
	add_input(c, "x", AXC_F32, 3, (const int64_t[]){1, 2, 2});
	Seen seen = {.bytes = 16, .dtype = AXC_F32};
	int64_t used;
	assert_true(run(c, &seen, &used));
	assert_int_equal(used, 3);
	assert_float_equal(seen.first[2], 8, 0);
	/* the same with a batch axis of its own */
	t = npy(c, 'f', 4, 4, (const int64_t[]){3, 1, 2, 2}, data, sizeof data);
	c->cfg.data = write_bytes(c, "a.npy", &t);
	c->cfg.dataset_len = 2;
	Seen second = {.bytes = 16, .dtype = AXC_F32};
	assert_true(run(c, &second, &used));
	assert_int_equal(used, 2);
	assert_true(second.hash[1] == seen.hash[1]);
}

static void npy_types(void **state)
{
	static const struct {
		char kind;
		int size;
		AxcDType dtype;
		bool good;
	} types[] = {{'u', 1, AXC_F32, true},  {'f', 8, AXC_F32, true},  {'f', 2, AXC_F32, true},
	             {'i', 4, AXC_F32, false}, {'b', 1, AXC_F32, false}, {'i', 4, AXC_I64, true},
	             {'u', 8, AXC_I64, true},  {'f', 4, AXC_I64, false}};
	for (size_t i = 0; i < AXC_COUNT(types); i++) {
		tear_down(state);
		set_up(state);
		Case *c = *state;
		const uint64_t u = types[i].kind == 'f' ? types[i].size == 8   ? 0x4004000000000000u /* 2.5 */
		                                          : types[i].size == 2 ? 0x4100
		                                                               : 0x40200000
		                                        : 7;
		AxcText t = npy(c, types[i].kind, types[i].size, 1, (const int64_t[]){1}, &u, (size_t)types[i].size);
		c->cfg.data = write_bytes(c, "t.npy", &t);
		add_input(c, "x", types[i].dtype, 1, (const int64_t[]){1});
		Seen seen = {.bytes = axc_dtype_bytes(types[i].dtype), .dtype = types[i].dtype};
		assert_int_equal(run(c, &seen, NULL), types[i].good);
		if (types[i].good)
			assert_float_equal(seen.first[0], types[i].kind == 'f' ? 2.5 : 7, 0);
		else
			assert_error(c, "wrong element type");
	}
}

static void integer_too_large(void **state)
{
	Case *c = *state;
	const uint64_t u = UINT64_MAX;
	AxcText t = npy(c, 'u', 8, 1, (const int64_t[]){1}, &u, 8);
	c->cfg.data = write_bytes(c, "t.npy", &t);
	add_input(c, "x", AXC_I64, 1, (const int64_t[]){1});
	Seen seen = {.bytes = 8, .dtype = AXC_I64};
	assert_false(run(c, &seen, NULL));
	assert_error(c, "[0]: an integer does not fit");
}

static void hostile_npy(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"", "no .npy array"},
		{"\x93NUMPY\x04\x00v\x00", "no .npy array"},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 9999999999), }", "overflows"},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (1000,), }", "is cut off"},
		{"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "'\\x7cO' found"},
		{"{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }", "elements of type"},
		{"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "malformed"},
		{"{'descr': '<f4', 'fortran_order': False, }", "malformed"},
		{"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", "malformed"},
		{"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "malformed"},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "malformed"},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1), }",
	         "malformed"},
		{"{'descr': '<f4', 'fortran_order': True, 'shape': (1,1), }", "Fortran order"},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }x", "malformed"},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (1,", "malformed"},
	};
	for (size_t i = 0; i < AXC_COUNT(bad); i++) {
		tear_down(state);
		set_up(state);
		Case *c = *state;
		AxcText t = {.arena = c->arena};
		size_t n = strlen(bad[i].text);
		if (i >= 2)
			axc_text_add(&t, (const char[]){'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, (char)n, 0}, 10);
		axc_text_add(&t, bad[i].text, n);
		if (i == 12)
			axc_text_add(&t, "data", 4);
		c->cfg.data = write_bytes(c, "bad.npy", &t);
		add_input(c, "x", AXC_F32, 2, (const int64_t[]){1, 1});
		Seen seen = {.bytes = 4, .dtype = AXC_F32};
		assert_false(run(c, &seen, NULL));
		assert_error(c, bad[i].message);
	}
}

static const char *write_npz(Case *c, const char *name, const AxcText *x, const AxcText *y, bool store)
{
	const char *path = in_dir(c, name);
	zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
	assert_non_null(zip);
	const AxcText *members[] = {y, x};
	const char *names[] = {"in/y.npy", "x.npy"};
	for (int i = 0; i < 2; i++) {
		zip_source_t *source = zip_source_buffer(zip, members[i]->at, members[i]->n, 0);
		zip_int64_t k = zip_file_add(zip, names[i], source, ZIP_FL_ENC_UTF_8);
		assert_true(k >= 0);
		zip_set_file_compression(zip, (zip_uint64_t)k, store ? ZIP_CM_STORE : ZIP_CM_DEFLATE, 9);
	}
	assert_int_equal(zip_close(zip), 0);
	return path;
}

static void npz_of_two(void **state)
{
	Case *c = *state;
	enum { N = 300 };
	float *x = axc_alloc(c->arena, N * 64 * sizeof *x);
	int64_t y[N];
	for (int i = 0; i < N * 64; i++)
		x[i] = (float)i;
	for (int i = 0; i < N; i++)
		y[i] = -i;
	AxcText tx = npy(c, 'f', 4, 2, (const int64_t[]){N, 64}, x, N * 64 * sizeof *x);
	AxcText ty = npy(c, 'i', 8, 1, (const int64_t[]){N}, y, sizeof y);
	add_input(c, "x", AXC_F32, 2, (const int64_t[]){1, 64});
	add_input(c, "in/y", AXC_I64, 0, NULL);
	for (int store = 0; store < 2; store++) {
		c->cfg.data = write_npz(c, "a.npz", &tx, &ty, store);
		Seen seen = {.bytes = 256, .dtype = AXC_F32}, other = {.bytes = 8, .input = 1, .dtype = AXC_I64};
		int64_t used;
		assert_true(run(c, &seen, &used));
		assert_int_equal(used, N);
		assert_float_equal(seen.first[N - 1], (N - 1) * 64, 0);
		assert_true(run(c, &other, &used));
		assert_float_equal(other.first[N - 1], 1 - N, 0);
	}
	/* a directory of .npz: one after the other */
	mkdir(in_dir(c, "d"), 0777);
	write_npz(c, "d/1.npz", &tx, &ty, true);
	write_npz(c, "d/2.npz", &tx, &ty, false);
	c->cfg.data = in_dir(c, "d");
	c->cfg.dataset_len = N + 2;
	Seen seen = {.bytes = 256, .dtype = AXC_F32};
	int64_t used;
	assert_true(run(c, &seen, &used));
	assert_int_equal(used, N + 2);
	assert_float_equal(seen.first[N + 1], 64, 0);
	/* not enough names, and a damaged archive */
	add_input(c, "z", AXC_F32, 0, NULL);
	assert_false(run(c, &seen, &used));
	assert_error(c, "no array for the input 'z'");
	assert_non_null(strstr(c->d.error.found, "in/y, x"));
}

static void named_npy_directory(void **state)
{
	Case *c = *state;
	const float data[4] = {1, 2, 3, 4};
	mkdir(in_dir(c, "named"), 0777);
	AxcText t = npy(c, 'f', 4, 1, (const int64_t[]){2}, data, 8);
	write_bytes(c, "named/a_b.npy", &t);
	t = npy(c, 'f', 4, 2, (const int64_t[]){2, 2}, data, 16);
	write_bytes(c, "named/c.npy", &t);
	add_input(c, "a/b", AXC_F32, 1, (const int64_t[]){1});
	add_input(c, "c", AXC_F32, 2, (const int64_t[]){1, 2});
	c->cfg.data = in_dir(c, "named");
	Seen seen = {.bytes = 8, .input = 1, .dtype = AXC_F32};
	int64_t used;
	assert_true(run(c, &seen, &used));
	assert_int_equal(used, 2);
	assert_float_equal(seen.first[1], 3, 0);
}

static void shapes_and_counts_differ(void **state)
{
	Case *c = *state;
	const float data[6] = {0};
	AxcText t = npy(c, 'f', 4, 2, (const int64_t[]){2, 3}, data, sizeof data);
	c->cfg.data = write_bytes(c, "a.npy", &t);
	add_input(c, "x", AXC_F32, 2, (const int64_t[]){1, 2});
	Seen seen = {.bytes = 8};
	assert_false(run(c, &seen, NULL));
	assert_error(c, "does not fit the input 'x'");
	assert_string_equal(c->d.error.found, "float32 2x3");
}

static void elements(void **state)
{
	Case *c = *state;
	AxcNpy n = {.kind = 'i', .size = 2, .big = true, .fortran = true, .rank = 2, .dim = {2, 3}, .count = 6};
	const uint8_t data[12] = {0, 0, 0, 3, 0, 1, 0, 4, 0xff, 0xff, 0x80, 0};
	int64_t ints[6];
	double doubles[6];
	axc_npy_ints(&n, data, 0, 6, ints);
	axc_npy_doubles(&n, data, 0, 6, doubles);
	const int64_t want[6] = {0, 1, -1, 3, 4, -32768};
	for (int i = 0; i < 6; i++) {
		assert_int_equal(ints[i], want[i]);
		assert_float_equal(doubles[i], (double)want[i], 0);
	}
	assert_string_equal(axc_npy_text(c->arena, &n), "int16 2x3");
	AxcNpy half = {.kind = 'f', .size = 2, .rank = 1, .dim = {4}, .count = 4};
	const uint8_t halves[8] = {1, 0, 0xff, 0x7b, 0, 0xfc, 1, 0x7c};
	axc_npy_doubles(&half, halves, 0, 4, doubles);
	assert_float_equal(doubles[0], 0x1p-24, 0);
	assert_float_equal(doubles[1], 65504, 0);
	assert_true(doubles[2] == -INFINITY && isnan(doubles[3]));
}

int main(void)
{
	assert_non_null(mkdtemp(dir));
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		TEST(random_numbers), TEST(random_is_normal), TEST(one_npy), TEST(npy_types),
		TEST(integer_too_large), TEST(hostile_npy), TEST(npz_of_two), TEST(named_npy_directory),
		TEST(shapes_and_counts_differ), TEST(elements),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	axc_remove_tree(dir);
	return failed;
}
