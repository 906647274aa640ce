/* Pictures through Python workers: what the transform receives, what it may return, and everything that
 * can go wrong with a worker. Pictures are PPM and PGM files written here; transforms likewise. Skipped
 * with a message where /usr/bin/python3 has no numpy and Pillow.
 */
#include "calib/samples.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[] = "/tmp/axc-images-XXXXXX";
static bool have_python, have_cv2;

typedef struct Case {
	AxcArena *arena;
	AxcDiag d;
	AxcGraph *g;
	AxcCalibConfig cfg;
	AxcText log;
} Case;

static void sink(void *ctx, AxcLevel level, const char *text)
{
	(void)level;
	Case *c = ctx;
	axc_text_f(&c->log, "%s\n", text);
}

static void add_input(Case *c, const char *name, AxcDType dtype, int rank, const int64_t *dims)
{
	AxcShape shape = axc_shape_of(rank, dims);
	AxcId v = axc_value_add(c->g, name, dtype, &shape);
	axc_value(c->g, v)->is_input = true;
	AXC_PUSH(c->arena, &c->g->inputs, v);
}

static void path_of(char *buf, size_t n, const char *name)
{
	snprintf(buf, n, "%s/%s", dir, name);
}

static void write_text(const char *name, const char *text, size_t n)
{
	char path[256];
	path_of(path, sizeof path, name);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
}

/* 2x1 pixels: (10, 20, 30) and (40, 50, 60). */
static void write_ppm(const char *name)
{
	write_text(name, "P6 2 1 255\n\x0a\x14\x1e\x28\x32\x3c", 17);
}

static Case *new_case(void **state, const char *images, const char *transform_body)
{
	static int n;
	Case *c = *state;
	char name[64], path[256];
	c->cfg = (AxcCalibConfig){.jobs = 2, .python = "/usr/bin/python3"};
	path_of(path, sizeof path, images);
	c->cfg.imageset = axc_strdup(c->arena, path);
	if (transform_body) {
		snprintf(name, sizeof name, "transform_%d.py", n++);
		const char *text = axc_format(c->arena, "import numpy as np\n"
		                              "def get_preprocess_transform(image):\n%s", transform_body);
		write_text(name, text, strlen(text));
		path_of(path, sizeof path, name);
		c->cfg.transform = axc_strdup(c->arena, path);
	}
	return c;
}

static int set_up(void **state)
{
	Case *c = calloc(1, sizeof *c);
	c->arena = axc_arena_new(NULL);
	c->log.arena = c->arena;
	axc_text_str(&c->log, "");
	axc_diag_init(&c->d, c->arena);
	c->d.stage_status = AXC_QTOOLS_ERROR;
	c->d.sink = sink;
	c->d.sink_ctx = c;
	c->g = axc_graph_new(c->arena, "test");
	*state = c;
	return 0;
}

static int tear_down(void **state)
{
	Case *c = *state;
	axc_arena_free(c->arena);
	free(c);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no worker is left */
	return 0;
}

#define NEED_PYTHON() \
	if (!have_python) { \
		print_message("skipped: /usr/bin/python3 cannot import numpy and PIL\n"); \
		skip(); \
	}

typedef struct Seen {
	float first[64][8];
	char name[64][32];
	int64_t n;
	int count;
} Seen;

static bool look(void *ctx, const AxcSample *sample, int worker, AxcDiag *d)
{
	(void)worker;
	(void)d;
	Seen *seen = ctx;
	if (sample->index < 64) {
		memcpy(seen->first[sample->index], sample->inputs[0], (size_t)seen->n * sizeof(float));
		snprintf(seen->name[sample->index], 32, "%s", sample->name);
	}
	__atomic_fetch_add(&seen->count, 1, __ATOMIC_SEQ_CST);
	return true;
}

static bool run(Case *c, Seen *seen)
{
	AxcSamples *s;
	int64_t used = 0;
	bool ok = axc_samples_open(c->arena, &c->d, c->g, &c->cfg, &s) &&
	          axc_samples_run(s, &c->d, 0, 0, look, seen, &used);
	if (ok) {
		assert_int_equal(used, seen->count);
		axc_samples_close(s);
	}
	return ok;
}

static void assert_error(Case *c, const char *part)
{
	assert_true(c->d.failed);
	assert_int_equal(c->d.error.status, AXC_QTOOLS_ERROR);
	if (!strstr(c->d.error.message, part))
		fail_msg("'%s' is not in '%s'", part, c->d.error.message);
}

#define PLAIN_BODY "    return np.asarray(image).astype(np.float32)[None]\n"

static void readers_and_colours(void **state)
{
	NEED_PYTHON();
	static const float want[3][6] = {
		{10, 20, 30, 40, 50, 60}, {30, 20, 10, 60, 50, 40}, {18, 48} /* ITU-R 601 */};
	for (int reader = 0; reader < 1 + have_cv2; reader++)
		for (int color = 0; color < 3; color++) {
			Case *c = new_case(state, "one", PLAIN_BODY);
			c->g = axc_graph_new(c->arena, "test");
			if (color == AXC_COLOR_GRAY)
				add_input(c, "x", AXC_F32, 3, (const int64_t[]){1, 1, 2});
			else
				add_input(c, "x", AXC_F32, 4, (const int64_t[]){1, 1, 2, 3});
			c->cfg.color = (AxcColor)color;
			c->cfg.reader = (AxcReader)reader;
			Seen seen = {.n = color == AXC_COLOR_GRAY ? 2 : 6};
			assert_true(run(c, &seen));
			assert_int_equal(seen.count, 1);
			for (int i = 0; i < seen.n; i++)
				assert_float_equal(seen.first[0][i], want[color][i], 0);
		}
}

static void default_transform(void **state)
{
	NEED_PYTHON();
	Case *c = new_case(state, "one", NULL);
	add_input(c, "x", AXC_F32, 4, (const int64_t[]){1, 3, 1, 1});
	Seen seen = {.n = 3};
	assert_true(run(c, &seen));
	for (int i = 0; i < 3; i++) /* both pixels weigh the same */
		assert_float_equal(seen.first[0][i], (float)(25 + 10 * i) / 255.0f, 1e-6);
	assert_int_equal(c->d.warnings.n, 1);
}

static void default_transform_misfit(void **state)
{
	NEED_PYTHON();
	Case *c = new_case(state, "one", NULL);
	add_input(c, "x", AXC_F32, 4, (const int64_t[]){1, 2, 2, 3});
	Seen seen = {.n = 3};
	assert_false(run(c, &seen));
	assert_error(c, "does not take RGB pictures in NCHW layout");
	assert_non_null(strstr(c->d.error.hint, "--input-data-layout NHWC"));
}

static void skips_and_order(void **state)
{
	NEED_PYTHON();
	for (int jobs = 1; jobs <= 2; jobs++) {
		Case *c = new_case(state, "many", PLAIN_BODY);
		c->g = axc_graph_new(c->arena, "test");
		add_input(c, "x", AXC_F32, 4, (const int64_t[]){1, 1, 2, 3});
		c->cfg.jobs = jobs;
		c->cfg.dataset_len = 9; /* a0 … a4 unreadable among b*: the first nine readable ones */
		Seen seen = {.n = 6};
		assert_true(run(c, &seen));
		assert_int_equal(seen.count, 9);
		assert_string_equal(seen.name[0], "");
		assert_string_equal(seen.name[5], "sub/b0.ppm");
		assert_string_equal(seen.name[13], "sub/b8.ppm");
		assert_string_equal(seen.name[14], "");
		assert_int_equal(c->d.warnings.n, 1); /* the second run says the same */
		assert_non_null(strstr(c->d.warnings.at[0], "skipped 5 files"));
	}
}

static void reading_one(void **state)
{
	NEED_PYTHON();
	Case *c = new_case(state, "many", "    return np.asarray(image).astype(np.float32)[None]\n");
	add_input(c, "x", AXC_F32, 4, (const int64_t[]){1, 1, 2, 3});
	AxcSamples *s;
	float x[6] = {0};
	void *const inputs[] = {x};
	assert_true(axc_samples_open(c->arena, &c->d, c->g, &c->cfg, &s));
	for (int64_t i = 0; i < 12; i++)
		assert_true(axc_samples_read(s, &c->d, i, inputs) && x[5] == 60);
	assert_true(axc_samples_read(s, &c->d, 0, inputs));
	assert_false(axc_samples_read(s, &c->d, 12, inputs));
	assert_error(c, "sample 12 was asked for, and there are 12");
}

static void none_readable(void **state)
{
	NEED_PYTHON();
	Case *c = new_case(state, "texts", PLAIN_BODY);
	add_input(c, "x", AXC_F32, 4, (const int64_t[]){1, 1, 2, 3});
	Seen seen = {.n = 6};
	assert_false(run(c, &seen));
	assert_error(c, "no readable image");
	assert_error(c, "2 files tried");
}

static void empty_directory(void **state)
{
	Case *c = new_case(state, "empty", PLAIN_BODY);
	add_input(c, "x", AXC_F32, 4, (const int64_t[]){1, 1, 2, 3});
	Seen seen = {.n = 6};
	assert_false(run(c, &seen));
	assert_error(c, "has no file");
}

static void conversions(void **state)
{
	NEED_PYTHON();
	static const char *const bodies[] = {
		"    return np.asarray(image)\n",                             /* uint8, no batch */
		"    return np.asarray(image).astype(np.float64)[None]\n",    /* float64 */
		"    return np.asarray(image).astype(np.float16)\n",          /* float16 */
		"    return (np.asarray(image).astype(np.float32),)\n",       /* a tuple of one */
		"    return np.asarray(image).astype(np.float32).transpose(2, 0, 1)\n", /* NCHW */
		"    print('hello ' * 20000)\n    return np.asarray(image)\n", /* more than a pipe holds */
	};
	for (size_t i = 0; i < AXC_COUNT(bodies); i++) {
		Case *c = new_case(state, "one", bodies[i]);
		c->g = axc_graph_new(c->arena, "test");
		add_input(c, "x", AXC_F32, 4, (const int64_t[]){1, 1, 2, 3});
		Seen seen = {.n = 6};
		assert_true(run(c, &seen));
		for (int k = 0; k < 6; k++)
			assert_float_equal(seen.first[0][k], 10.0f * (float)(k + 1), 0);
	}
	Case *c = *state;
	assert_int_equal(c->d.warnings.n, 1);
	assert_non_null(strstr(c->d.warnings.at[0], "axes permuted"));
	assert_non_null(strstr(c->log.at, "hello hello"));
}

/* Each body fails with this in the message; `trace`: and this in the traceback. */
static const struct Failure {
	const char *body, *message, *trace, *found, *wanted;
} failures[] = {
	{"    raise ValueError('no\\x1b[31m')\n", "image 'a.ppm': the transform failed: ValueError: no",
         "transform_", NULL, NULL},
	{"    return np.zeros((1, 3, 9, 9), np.float32)\n", "wrong shape", NULL, "1x3x9x9", "1x1x2x3"},
	{"    return np.zeros((1, 1, 2, 3), np.int32)\n", "wrong element type", NULL, "int32", "float32"},
	{"    return 'text'\n", "neither a tensor nor an array", NULL, "builtins.str", "1x1x2x3"},
	{"    return None\n", "neither a tensor nor an array", NULL, "NoneType", "1x1x2x3"},
	{"    return [np.zeros(3), np.zeros(3)]\n", "wrong number of tensors", NULL, "2", "1 (x)"},
	{"    import sys; sys.exit(3)\n", "the transform failed: SystemExit", "sys.exit", NULL, NULL},
	{"    import no_such_module_here\n", "ModuleNotFoundError", "no_such_module_here", NULL, NULL},
	{"    import os; print('last words', flush=True); os._exit(7)\n", "exited with status 7 on image 'a.ppm'",
         "last words", NULL, NULL},
	{"    import os; os.kill(os.getpid(), 9)\n", "was killed by signal 9", NULL, NULL, NULL},
	{"    import ctypes; ctypes.string_at(8)\n", "was killed by signal 11", "Segmentation fault", NULL, NULL},
	{"    import time; print('zzz', flush=True); time.sleep(99)\n",
         "took longer than 1 seconds on image 'a.ppm'", "zzz", NULL, NULL},
	{"    import os; os.closerange(3, 99); return image\n", "the Python worker", NULL, NULL, NULL},
};

static void failing_transforms(void **state)
{
	NEED_PYTHON();
	axc_worker_image_seconds = 1;
	for (size_t i = 0; i < AXC_COUNT(failures); i++) {
		const struct Failure *f = &failures[i];
		tear_down(state);
		set_up(state);
		Case *c = new_case(state, "one", f->body);
		add_input(c, "x", AXC_F32, 4, (const int64_t[]){1, 1, 2, 3});
		Seen seen = {.n = 6};
		assert_false(run(c, &seen));
		assert_error(c, f->message);
		assert_null(strchr(c->d.error.message, '\033'));
		if (f->trace) {
			assert_non_null(c->d.error.traceback);
			assert_non_null(strstr(c->d.error.traceback, f->trace));
			assert_null(strchr(c->d.error.traceback, '\033'));
		}
		if (f->found) {
			assert_non_null(strstr(c->d.error.found, f->found));
			assert_non_null(strstr(c->d.error.wanted, f->wanted));
		}
	}
	axc_worker_image_seconds = 60;
}

static bool open_only(Case *c)
{
	AxcSamples *s;
	add_input(c, "x", AXC_F32, 4, (const int64_t[]){1, 1, 2, 3});
	return axc_samples_open(c->arena, &c->d, c->g, &c->cfg, &s);
}

static void failing_starts(void **state)
{
	NEED_PYTHON();
	Case *c = new_case(state, "one", PLAIN_BODY "raise RuntimeError('at import')\n");
	assert_false(open_only(c));
	assert_error(c, "the transform file cannot be imported: RuntimeError: at import");
	assert_non_null(strstr(c->d.error.traceback, "at import"));

	tear_down(state);
	set_up(state);
	c = new_case(state, "one", PLAIN_BODY);
	c->cfg.transform = axc_format(c->arena, "%s:other", c->cfg.transform);
	assert_false(open_only(c));
	assert_error(c, "no function 'other'");
	assert_non_null(strstr(c->d.error.found, "get_preprocess_transform"));

	tear_down(state);
	set_up(state);
	c = new_case(state, "one", NULL);
	c->cfg.transform = "no/such/file.py";
	assert_false(open_only(c));
	assert_error(c, "cannot read the transform");

	tear_down(state);
	set_up(state);
	c = new_case(state, "one", NULL);
	c->cfg.transform = "/dev/zero"; /* Python would read it for ever */
	assert_false(open_only(c));
	assert_error(c, "not a regular file");

	tear_down(state);
	set_up(state);
	c = new_case(state, "one", PLAIN_BODY "import torchvisionx, numpy\n");
	assert_false(open_only(c));
	assert_error(c, "No module named 'torchvisionx'");

	tear_down(state);
	set_up(state);
	c = new_case(state, "one", PLAIN_BODY "raise ImportError('x', name='skimage')\n");
	assert_false(open_only(c));
	assert_non_null(strstr(c->d.error.hint, "python3-skimage"));

	tear_down(state);
	set_up(state);
	axc_worker_start_seconds = 1;
	c = new_case(state, "one", PLAIN_BODY "import time; time.sleep(99)\n");
	assert_false(open_only(c));
	assert_error(c, "took longer than 1 seconds to start");
	axc_worker_start_seconds = 180;
}

static void interpreters(void **state)
{
	NEED_PYTHON();
	Case *c = new_case(state, "one", PLAIN_BODY);
	c->cfg.python = "/no/such/python";
	assert_false(open_only(c));
	assert_error(c, "cannot run the calibration: /no/such/python");

	tear_down(state);
	set_up(state);
	c = new_case(state, "one", PLAIN_BODY);
	c->cfg.python = "/bin/false";
	assert_false(open_only(c));
	assert_error(c, "/bin/false: it exited with status 1");

	/* a python3 on PATH that does not work is passed over */
	tear_down(state);
	set_up(state);
	write_text("python3", "#!/bin/sh\necho broken shim; exit 5\n", 34);
	char path[512];
	path_of(path, sizeof path, "python3");
	chmod(path, 0755);
	c = new_case(state, "one", PLAIN_BODY);
	c->cfg.python = NULL;
	char *old = strdup(getenv("PATH"));
	setenv("PATH", dir, 1);
	unsetenv("VIRTUAL_ENV");
	assert_true(open_only(c));
	assert_non_null(strstr(c->log.at, "broken shim"));
	setenv("PATH", old, 1);
	free(old);
}

static void interrupted(void **state)
{
	NEED_PYTHON();
	static volatile sig_atomic_t stop;
	Case *c = new_case(state, "one", "    import time; time.sleep(99)\n");
	c->cfg.stop = &stop;
	add_input(c, "x", AXC_F32, 4, (const int64_t[]){1, 1, 2, 3});
	AxcSamples *s;
	assert_true(axc_samples_open(c->arena, &c->d, c->g, &c->cfg, &s));
	stop = 1;
	time_t start = time(NULL);
	Seen seen = {.n = 6};
	assert_false(axc_samples_run(s, &c->d, 0, 0, look, &seen, NULL));
	assert_error(c, "interrupted");
	assert_true(time(NULL) - start <= 2);
}

static void random_transforms_are_repeatable(void **state)
{
	NEED_PYTHON();
	float first[2] = {0, 0};
	for (int jobs = 1; jobs <= 2; jobs++) {
		Case *c = new_case(state, "many", "    import random\n    return np.full((1, 1, 2, 3), "
		                                  "random.random() + np.random.rand(), np.float32)\n");
		c->g = axc_graph_new(c->arena, "test");
		add_input(c, "x", AXC_F32, 4, (const int64_t[]){1, 1, 2, 3});
		c->cfg.jobs = jobs;
		Seen seen = {.n = 6};
		assert_true(run(c, &seen));
		first[jobs - 1] = seen.first[9][0];
		assert_float_not_equal(seen.first[9][0], seen.first[10][0], 1e-9);
	}
	assert_float_equal(first[0], first[1], 0);
}

static void make_files(void)
{
	char path[256];
	assert_non_null(mkdtemp(dir));
	static const char *const dirs[] = {"one", "many", "many/sub", "texts", "empty"};
	for (size_t i = 0; i < AXC_COUNT(dirs); i++) {
		path_of(path, sizeof path, dirs[i]);
		mkdir(path, 0777);
	}
	write_ppm("one/a.ppm");
	write_text("texts/readme.txt", "text", 4);
	write_text("texts/empty.jpg", "", 0);
	for (int i = 0; i < 12; i++) {
		char name[64];
		snprintf(name, sizeof name, "many/sub/b%x.ppm", i);
		write_ppm(name);
		snprintf(name, sizeof name, "many/a%d.ppm", i);
		if (i < 5)
			write_text(name, "P6 2 1 255\nxy", 13);
	}
}

int main(void)
{
	have_python = system("/usr/bin/python3 -c 'import numpy, PIL' 2>/dev/null") == 0;
	have_cv2 = have_python && system("/usr/bin/python3 -c 'import cv2' 2>/dev/null") == 0;
	make_files();
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		TEST(readers_and_colours), TEST(default_transform), TEST(default_transform_misfit),
		TEST(skips_and_order), TEST(reading_one), TEST(none_readable), TEST(empty_directory), TEST(conversions),
		TEST(failing_transforms), TEST(failing_starts), TEST(interpreters), TEST(interrupted),
		TEST(random_transforms_are_repeatable),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	axc_remove_tree(dir);
	return failed;
}
