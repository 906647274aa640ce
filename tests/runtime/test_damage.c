/* Damaged and mismatched files: each is refused with the documented result and a text that names the file
 * and the key. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

static char *read_text(const char *path)
{
	static char text[16384];
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	return text;
}

static void write_text(const char *path, const char *text, size_t bytes)
{
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
}

/* model.json with the first `old` replaced by `new` is refused with a text that holds `part`. */
static void check_edit(Fixture *f, const char *old, const char *new, const char *part)
{
	char edited[20000];
	char *text = read_text(f->json), *at = strstr(text, old);
	if (!at)
		fail_msg("'%s' is not in model.json", old);
	int n = snprintf(edited, sizeof edited, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
	char copy[16384];
	strcpy(copy, text);
	write_text(f->json, edited, (size_t)n);
	axrModel *model = axr_load_model(f->context, f->json);
	write_text(f->json, copy, strlen(copy));
	if (model)
		fail_msg("accepted: %s -> %s", old, new);
	expect_error(f, AXR_ERROR_VALUE_ERROR, part);
	expect_error(f, AXR_ERROR_VALUE_ERROR, "model.json");
}

static void test_json_keys(void **state)
{
	static const char *const edits[][3] = {
		{"\"format_version\": 1", "\"format_version\": 2", "format_version is 2"},
		{"\"format_version\": 1", "\"format_version\": \"1\"", "format_version"},
		{"\"model_name\"", "\"model_nam\"", "model_name"},
		{"\"entry_prefix\": \"tiny\"", "\"entry_prefix\": \"ti ny\"", "entry_prefix"},
		{"\"entry_prefix\": \"tiny\"", "\"entry_prefix\": \"1tiny\"", "entry_prefix"},
		{"\"cpu_features\": []", "\"cpu_features\": {}", "cpu_features"},
		{"\"kernel_function.so\"", "\"../kernel_function.so\"", "beside model.json"},
		{"\"kernel_function.so\"", "\"/lib/libc.so.6\"", "beside model.json"},
		{"\"pool_l2_const.bin\"", "\"..\"", "constants"},
		{"\"hash\": \"", "\"hash\": \"x", "hash"},
		{"\"bytes\": 4096", "\"bytes\": -1", "bytes"},
		{"\"bytes\": 4096", "\"bytes\": 1e3", "bytes"},
		{"[64, 0, 3000000]", "[64, 0]", "workspace_bytes"},
		{"[64, 0, 3000000]", "[64, 0, 9223372036854775807]", "workspace_bytes"},
		{"\"align\": 64", "\"align\": 96", "align"},
		{"\"align\": 64", "\"align\": 16", "align"},
		{"\"cores\": 1", "\"cores\": 0", "cores"},
		{"\"run_i8\"", "\"run_i4\"", "entry_points"},
		{"[\"run_i8\", \"run_f32\"]", "[]", "entry_points"},
		{"\"dtype\": \"int8\"", "\"dtype\": \"int7\"", "inputs[0]: dtype"},
		{"[1, 2, 2, 4]", "[1, 2, 2, -4]", "inputs[0]: shape"},
		{"[1, 2, 2, 4]", "[1, 2, 2, 2147483648]", "inputs[0]: shape"},
		{"[1, 2, 2, 4]", "[2147483647, 2147483647, 2147483647, 4]", "inputs[0]: shape"},
		{"[1, 2, 2, 4]", "[1, 1, 1, 1, 1, 1, 2, 2, 4]", "inputs[0]: shape"},
		{"[1, 2, 2, 4]", "[1, 2, 4]", "inputs[0]: padding"},
		{"[0, 1]", "[0, 5]", "inputs[0]: padding"},
		{"[0, 1]", "[0]", "inputs[0]: padding"},
		{"\"scale\": [0.5]", "\"scale\": [0]", "inputs[0]: scale"},
		{"\"scale\": [0.5]", "\"scale\": [0.5, 0.5]", "scale, zero_point"},
		{"\"zero_point\": [-3]", "\"zero_point\": [0.5]", "inputs[0]: zero_point"},
		{"\"axis\": null", "\"axis\": 4", "inputs[0]: axis"},
		{"\"layers\": [", "\"layers\": [3, ", "layers"},
		{"\"profiling\": false", "\"profiling\": 0", "profiling"},
		{"\"NHWC\", \"preamble_graph\"", "1, \"preamble_graph\"", "properties"},
		{"{\n", "[\n", "not valid JSON"},
	};
	Fixture *f = *state;
	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
		check_edit(f, edits[i][0], edits[i][1], edits[i][2]);
}

/* Every truncation, and nesting as deep as it comes. */
static void test_json_truncated(void **state)
{
	Fixture *f = *state;
	char copy[16384];
	strcpy(copy, read_text(f->json));
	size_t n = strlen(copy);
	while (n > 0 && copy[n - 1] != '}')
		n--;
	for (size_t i = 0; i < n; i += 7) {
		write_text(f->json, copy, i);
		assert_null(axr_load_model(f->context, f->json));
		expect_error(f, AXR_ERROR_VALUE_ERROR, "model.json");
	}
	char *deep = malloc(1 << 20);
	memset(deep, '[', 1 << 20);
	write_text(f->json, deep, 1 << 20);
	free(deep);
	assert_null(axr_load_model(f->context, f->json));
	assert_null(axr_load_model(f->context, f->dir));
	expect_error(f, AXR_ERROR_RUNTIME_ERROR, "not a regular file");
	remove(f->json);
	assert_int_equal(mkfifo(f->json, 0666), 0);
	assert_null(axr_load_model(f->context, f->json));
	expect_error(f, AXR_ERROR_RUNTIME_ERROR, "not a regular file");
}

/* One byte changed in a file that model.json describes. */
static void flip(Fixture *f, const char *name, long at)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", f->dir, name);
	FILE *file = fopen(path, "r+b");
	assert_non_null(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	int c = fgetc(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	assert_true(fputc(c ^ 1, file) != EOF);
	assert_int_equal(fclose(file), 0);
}

static void test_files_altered(void **state)
{
	Fixture *f = *state;
	char path[128];
	flip(f, "pool_l2_const.bin", 4095);
	assert_null(load(f, NULL));
	expect_error(f, AXR_ERROR_VALUE_ERROR, "pool_l2_const.bin: the constants file does not match model.json");
	assert_int_equal(tiny_model_write(f->dir, &(TinyModel){.kernel = TINY_KERNEL}, 2), 0);
	flip(f, "kernel_function.so", 1000);
	assert_null(load(f, NULL));
	expect_error(f, AXR_ERROR_VALUE_ERROR, "kernel_function.so: the kernel library does not match model.json");
	assert_int_equal(tiny_model_write(f->dir, &(TinyModel){.kernel = TINY_KERNEL}, 2), 0);
	snprintf(path, sizeof path, "%s/pool_l2_const.bin", f->dir);
	write_text(path, "short", 5);
	assert_null(load(f, NULL));
	expect_error(f, AXR_ERROR_VALUE_ERROR, "5 bytes, wanted 4096");
	remove(path);
	assert_null(load(f, NULL));
	expect_error(f, AXR_ERROR_RUNTIME_ERROR, "pool_l2_const.bin");
}

/* Files that are whole but not those of this model, or no files at all. */
static void test_files_exchanged(void **state)
{
	static const char *const names[] = {"pool_l2_const.bin", "kernel_function.so"};
	static const char *const what[] = {"constants file", "kernel library"};
	Fixture *f = *state;
	char path[128], text[200], *grown = malloc(1 << 20);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
		FILE *file = fopen(path, "rb");
		size_t n = fread(grown, 1, (1 << 20) - 1, file);
		fclose(file);
		snprintf(text, sizeof text, "%s: the %s does not match model.json: ", names[i], what[i]);
		remove(path);
		write_text(path, grown, n + 1); /* a byte more */
		assert_null(load(f, NULL));
		expect_error(f, AXR_ERROR_VALUE_ERROR, text);
		write_text(path, "", 0);
		assert_null(load(f, NULL));
		expect_error(f, AXR_ERROR_VALUE_ERROR, text);
		expect_error(f, AXR_ERROR_VALUE_ERROR, "0 bytes, wanted");
		remove(path);
		assert_null(load(f, NULL));
		expect_error(f, AXR_ERROR_RUNTIME_ERROR, "No such file");
		assert_int_equal(mkdir(path, 0777), 0);
		assert_null(load(f, NULL));
		expect_error(f, AXR_ERROR_RUNTIME_ERROR, "not a regular file");
		assert_int_equal(rmdir(path), 0);
		assert_int_equal(mkfifo(path, 0666), 0); /* must not wait for a writer */
		assert_null(load(f, NULL));
		expect_error(f, AXR_ERROR_RUNTIME_ERROR, "not a regular file");
		remove(path);
		write_text(path, grown, n);
		assert_non_null(load(f, NULL));
	}
	free(grown);
	/* the constants of another network of the same shape */
	char keep[16384];
	strcpy(keep, read_text(f->json));
	assert_int_equal(tiny_model_write(f->dir, &(TinyModel){.kernel = TINY_KERNEL}, 3), 0);
	write_text(f->json, keep, strlen(keep));
	assert_null(load(f, NULL));
	expect_error(f, AXR_ERROR_VALUE_ERROR, "pool_l2_const.bin: the constants file does not match model.json: hash ");
	assert_string_equal(axr_error_string(AXR_ERROR_VALUE_ERROR), "Value error");
}

/* Puts the library and something else at its path in turns. */
typedef struct Swap {
	char path[128], good[136], bad[136];
	atomic_bool stop;
} Swap;

static void *swap_files(void *arg)
{
	Swap *s = arg;
	char next[136];
	snprintf(next, sizeof next, "%s.next", s->path);
	for (int i = 0; !atomic_load(&s->stop); i++) {
		unlink(next);
		if (link(i % 2 ? s->good : s->bad, next) != 0 || rename(next, s->path) != 0)
			break;
	}
	return NULL;
}

/* What was checked is what is loaded, also when another file is put at its path meanwhile. */
static void test_library_swapped(void **state)
{
	Fixture *f = *state;
	Swap swap = {0};
	pthread_t thread;
	int loaded = 0, refused = 0;
	snprintf(swap.path, sizeof swap.path, "%s/kernel_function.so", f->dir);
	snprintf(swap.good, sizeof swap.good, "%s.good", swap.path);
	snprintf(swap.bad, sizeof swap.bad, "%s.bad", swap.path);
	assert_int_equal(rename(swap.path, swap.good), 0);
	write_text(swap.bad, "not a library", 13);
	assert_int_equal(link(swap.bad, swap.path), 0);
	assert_int_equal(pthread_create(&thread, NULL, swap_files, &swap), 0);
	for (int i = 0; i < 3000 && (loaded < 100 || refused < 100); i++) {
		axrModelInstance *instance = load(f, NULL);
		if (instance)
			loaded++;
		else if (axr_last_error(AXR_OBJECT(f->context)) == AXR_ERROR_VALUE_ERROR)
			refused++;
		else
			fail_msg("load %d: %s", i, axr_last_error_string(AXR_OBJECT(f->context)));
		axr_destroy(AXR_OBJECT(instance));
		axr_destroy(AXR_OBJECT(f->connection));
		axr_destroy(AXR_OBJECT(f->model));
	}
	atomic_store(&swap.stop, true);
	pthread_join(thread, NULL);
	assert_true(loaded > 0 && refused > 0);
}

static void test_library(void **state)
{
	Fixture *f = *state;
	char path[128];
	TinyModel model = {.kernel = TINY_KERNEL, .unbuilt = true, .no_library = true};
	snprintf(path, sizeof path, "%s/kernel_function.so", f->dir);
	remove(path);
	assert_int_equal(tiny_model_write(f->dir, &model, 2), 0);
	assert_null(load(f, NULL));
	expect_error(f, AXR_ERROR_RUNTIME_ERROR, "cc -O2 -shared");
	model.no_library = false;
	assert_int_equal(tiny_model_write(f->dir, &model, 2), 0);
	assert_non_null(load(f, NULL));
	remove(path); /* the loaded one stays whole */
	write_text(path, "not a library", 13);
	assert_null(load(f, NULL));
	expect_error(f, AXR_ERROR_RUNTIME_ERROR, "kernel_function.so");
	check_edit(f, "\"entry_prefix\": \"tiny\"", "\"entry_prefix\": \"\"", "entry_prefix");
}

static void test_cpu(void **state)
{
	Fixture *f = *state;
	char path[128];
	TinyModel model = {.kernel = TINY_KERNEL, .arch = "s390x"};
	assert_int_equal(tiny_model_write(f->dir, &model, 2), 0);
	assert_null(load(f, NULL));
	expect_error(f, AXR_ERROR_INCOMPATIBLE_DEVICE, "the model was compiled for s390x (target c), this machine is ");
	assert_string_equal(axr_error_string(AXR_ERROR_INCOMPATIBLE_DEVICE), "Incompatible device");
	model = (TinyModel){.kernel = TINY_KERNEL, .features = "[\"avx9000\"]"};
	assert_int_equal(tiny_model_write(f->dir, &model, 2), 0);
	assert_null(load(f, NULL));
	expect_error(f, AXR_ERROR_INCOMPATIBLE_DEVICE, "CPU feature avx9000, which target c needs, is unknown to this runtime");
	/* said before any file is opened */
	snprintf(path, sizeof path, "%s/pool_l2_const.bin", f->dir);
	remove(path);
	assert_null(load(f, NULL));
	expect_error(f, AXR_ERROR_INCOMPATIBLE_DEVICE, "avx9000");
#if defined(__x86_64__)
	/* every name that targets use is known: present, or missing by that name */
	static const char *const names[] = {"avx2",    "fma",      "f16c",     "bmi1",     "bmi2",       "lzcnt",    "movbe",
	                                    "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni", "amx-tile", "amx-int8"};
	char features[40], text[100];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(features, sizeof features, "[\"%s\"]", names[i]);
		snprintf(text, sizeof text, "this CPU lacks %s, which target c needs", names[i]);
		model.features = features;
		assert_int_equal(tiny_model_write(f->dir, &model, 2), 0);
		if (!load(f, NULL) && !strstr(axr_last_error_string(AXR_OBJECT(f->context)), "refuses the use of AMX"))
			expect_error(f, AXR_ERROR_INCOMPATIBLE_DEVICE, text);
	}
	/* the two answers a feature can get are those of the compiler's own detection */
	model.features = "[\"avx2\", \"fma\"]";
	assert_int_equal(tiny_model_write(f->dir, &model, 2), 0);
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
		assert_non_null(load(f, NULL));
	} else {
		assert_null(load(f, NULL));
		expect_error(f, AXR_ERROR_INCOMPATIBLE_DEVICE, "this CPU lacks ");
		expect_error(f, AXR_ERROR_INCOMPATIBLE_DEVICE, ", which target c needs");
	}
#endif
}

/* With an argument: the tests that match it. Under an emulator of a small CPU test_cpu sees what lacks. */
int main(int argc, char **argv)
{
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_json_keys), TEST(test_json_truncated), TEST(test_files_altered),
		TEST(test_library),   TEST(test_cpu),            TEST(test_files_exchanged),
		TEST(test_library_swapped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
