/* Multicore modes, double_buffer and file descriptors through the API: what runs at the same time, what a call
 * gives, what is refused. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "fixture.h"

static axrModelInstance *load_mode(Fixture *f, const char *mode, int cores, const char *properties)
{
	TinyModel model = {.kernel = TINY_KERNEL, .mode = mode, .cores = cores, .profiling = true};
	assert_int_equal(tiny_model_write(f->dir, &model, 2), 0);
	return load(f, properties);
}

static void fill(int8_t *x, int first)
{
	memset(x, 0, 16);
	x[0] = (int8_t)first;
	x[1] = 5;
}

/* A frame in a thread of its own; its output's first element is the thread's result. */
typedef struct Frame {
	axrModelInstance *instance;
	int first;
	int8_t y[4];
	axrResult result;
	pthread_t thread;
} Frame;

static void *run_frame(void *arg)
{
	Frame *frame = arg;
	int8_t x[16];
	fill(x, frame->first);
	axrArgument in = {.ptr = x, .size = 16}, out = {.ptr = frame->y, .size = 4};
	frame->result = axr_run_model_instance(frame->instance, &in, 1, &out, 1);
	return NULL;
}

static void run_two(axrModelInstance *instance, int first, int second, Frame frames[2])
{
	for (int i = 0; i < 2; i++) {
		frames[i] = (Frame){.instance = instance, .first = i ? second : first};
		assert_int_equal(pthread_create(&frames[i].thread, NULL, run_frame, &frames[i]), 0);
		usleep(20000);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(frames[i].thread, NULL);
		assert_int_equal(frames[i].result, AXR_SUCCESS);
	}
}

static axrxInstanceInfo info_of(axrModelInstance *instance)
{
	axrxInstanceInfo info;
	assert_int_equal(axrx_get_instance_info(instance, &info), AXR_SUCCESS);
	return info;
}

static void test_multithread(void **state)
{
	Fixture *f = *state;
	Frame frames[2];
	axrModelInstance *instance = load_mode(f, "multithread", 2, NULL);
	axrxInstanceInfo info = info_of(instance);
	assert_int_equal(info.calls_at_once, 2);
	assert_int_equal(info.workspace_bytes, 2 * 3000064);
	run_two(instance, 97, 97, frames);
	assert_int_equal(frames[0].y[0] + frames[1].y[0], 2); /* each met the other */
	assert_int_equal(info_of(load_mode(f, "multithread", 2, "aipu_cores=5")).calls_at_once, 5);
	assert_int_equal(info_of(load_mode(f, "multithread", 2, "num_sub_devices=3")).calls_at_once, 3);
}

static void test_multiprocess(void **state)
{
	axrxInstanceInfo info = info_of(load_mode(*state, "multiprocess", 4, "aipu_cores=4"));
	assert_int_equal(info.calls_at_once, 1);
	assert_int_equal(info.cores, 1);
	assert_int_equal(info.workspace_bytes, 3000064);
}

static void test_cooperative(void **state)
{
	axrModelInstance *instance = load_mode(*state, "cooperative", 3, NULL);
	axrxInstanceInfo info = info_of(instance);
	assert_int_equal(info.calls_at_once, 1);
	assert_int_equal(info.cores, 3);
	assert_int_equal(info.workspace_bytes, 3000064);
	Frame frame = {.instance = instance, .first = 7};
	run_frame(&frame);
	assert_int_equal(frame.y[0], 14);
}

static void test_batch(void **state)
{
	Fixture *f = *state;
	axrModelInstance *instance = load_mode(f, "batch", 3, NULL);
	axrTensorInfo t = axr_get_model_input(f->model, 0);
	assert_int_equal(t.dims[0], 3);
	assert_int_equal(axr_tensor_size(&t), 48);
	assert_int_equal(axr_get_model_output(f->model, 0).dims[0], 3);
	axrxTensor one;
	assert_int_equal(axrx_get_tensor(f->model, AXRX_INT8, 0, 0, &one), AXR_SUCCESS);
	assert_int_equal(one.bytes, 16);
	assert_int_equal(info_of(instance).workspace_bytes, 3 * 3000064);
	assert_int_equal(info_of(instance).frames_per_run, 3);
	int8_t x[48] = {0}, y[12];
	for (int i = 0; i < 3; i++)
		fill(x + 16 * i, 10 * i);
	uint64_t layers[2] = {0};
	axrxRunInfo run = {.layer_ns = layers, .num_layers = 2};
	axrArgument in = {.ptr = x, .size = 48}, out = {.ptr = y, .size = 12};
	assert_int_equal(axrx_run_model_instance(instance, &in, 1, &out, 1, &run), AXR_SUCCESS);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(y[4 * i], 20 * i);
		assert_int_equal(y[4 * i + 1], 10);
	}
	assert_int_equal(layers[1], 3000);
	assert_true(run.device_ns > 0 && run.has_result == 1);
	in.size = 16; /* one frame */
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_INVALID_ARGUMENT);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "input 0: 16 bytes, wanted 48");
	in.size = 48;
	x[32] = 99; /* one frame fails: the call does */
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_INTERNAL_ERROR);
	expect_error(f, AXR_ERROR_INTERNAL_ERROR, "-7");
	instance = load_mode(f, "batch", 2, NULL);
	x[0] = x[16] = 97;
	in.size = 32;
	out.size = 8;
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_SUCCESS);
	assert_int_equal(y[0] + y[4], 2); /* the frames met */
}

static void test_pipeline(void **state)
{
	Fixture *f = *state;
	Frame frames[2];
	axrModelInstance *instance = load_mode(f, "pipeline", 2, NULL);
	assert_int_equal(info_of(instance).calls_at_once, 2);
	assert_int_equal(info_of(instance).workspace_bytes, 2 * 3000064);
	run_two(instance, 95, 94, frames); /* the first is in stage 1 while the second is in stage 0 */
	assert_int_equal(frames[0].y[0], 1);
	run_two(instance, 3, 4, frames);
	assert_int_equal(frames[0].y[0], 6);
	assert_int_equal(frames[1].y[0], 8);
	Frame bad = {.instance = instance, .first = 99};
	run_frame(&bad);
	assert_int_equal(bad.result, AXR_ERROR_INTERNAL_ERROR);
	instance = load_mode(f, "pipeline", 2, "aipu_cores=1"); /* one thread has both stages */
	assert_int_equal(info_of(instance).cores, 1);
	run_two(instance, 3, 4, frames);
	assert_int_equal(frames[0].y[0], 6);
	assert_null(load_mode(f, "pipeline", 3, NULL));
	expect_error(f, AXR_ERROR_VALUE_ERROR, "does not match model.json: it has not 3 pipeline stages");
	assert_null(load_mode(f, "pipeline", 1, NULL));
	expect_error(f, AXR_ERROR_VALUE_ERROR, "it has not 1 pipeline stages");
	assert_null(load_mode(f, "pipeline", 2, "io=float")); /* the hand-written network has no stages of run_f32 */
	expect_error(f, AXR_ERROR_VALUE_ERROR, "has no function tiny_run_f32_stage");
}

static void count_warnings(void *arg, axrLogLevel level, const char *message)
{
	if (level == AXR_LOG_WARNING && strstr(message, "double_buffer has no effect"))
		++*(int *)arg;
}

static void test_double_buffer(void **state)
{
	Fixture *f = *state;
	axrModelInstance *instance = load_mode(f, "cooperative", 2, "double_buffer=1");
	assert_int_equal(info_of(instance).double_buffer, 1);
	assert_int_equal(info_of(instance).buffer_bytes, 2 * (16 + 4));
	int8_t x[16], y[4] = {77, 77, 77, 77};
	uint64_t layers[2] = {0};
	axrxRunInfo run = {.layer_ns = layers, .num_layers = 2};
	axrArgument in = {.ptr = x}, out = {.ptr = y};
	fill(x, 1);
	assert_int_equal(axrx_run_model_instance(instance, &in, 1, &out, 1, &run), AXR_SUCCESS);
	assert_int_equal(run.has_result, 0);
	assert_int_equal(y[0], 77); /* there is no result yet */
	for (int i = 2; i < 20; i++) {
		fill(x, i);
		assert_int_equal(axrx_run_model_instance(instance, &in, 1, &out, 1, &run), AXR_SUCCESS);
		fill(x, 99); /* the caller's again */
		assert_int_equal(run.has_result, 1);
		assert_int_equal(y[0], 2 * (i - 1));
		assert_int_equal(layers[1], 1000);
	}
	assert_int_equal(axrx_finish(instance, &out, 1, &run), AXR_SUCCESS);
	assert_int_equal(y[0], 2 * 19);
	assert_int_equal(axrx_finish(instance, &out, 1, &run), AXR_SUCCESS);
	assert_int_equal(run.has_result, 0);
	/* an error is that of the call whose results are missing */
	fill(x, 99);
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_SUCCESS);
	fill(x, 4);
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_INTERNAL_ERROR);
	in.size = 3; /* refused at once, and nothing is lost */
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_INVALID_ARGUMENT);
	assert_int_equal(axrx_finish(instance, &out, 1, &run), AXR_SUCCESS);
	assert_int_equal(y[0], 8);
	assert_int_equal(axrx_finish(instance, &out, 2, &run), AXR_ERROR_INVALID_ARGUMENT);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axrx_finish: found 2 outputs, wanted 1");
	/* destroyed while a frame is running */
	in.size = 0;
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_SUCCESS);
	axr_destroy(AXR_OBJECT(instance));
}

static void test_double_buffer_modes(void **state)
{
	Fixture *f = *state;
	int warnings = 0;
	axr_set_logger(f->context, AXR_LOG_WARNING, count_warnings, &warnings);
	assert_int_equal(info_of(load_mode(f, "multithread", 2, "double_buffer=1")).double_buffer, 0);
	assert_int_equal(info_of(load_mode(f, "pipeline", 2, "double_buffer=1")).double_buffer, 0);
	assert_int_equal(warnings, 2);
	axr_set_logger(f->context, AXR_LOG_WARNING, NULL, NULL);
	/* as compiled it is for axrunmodel: a program must ask for it */
	TinyModel model = {.kernel = TINY_KERNEL, .mode = "batch", .cores = 2, .runtime = "{\"double_buffer\": true}"};
	assert_int_equal(tiny_model_write(f->dir, &model, 2), 0);
	assert_int_equal(info_of(load(f, NULL)).double_buffer, 0);
	axrModelInstance *instance = load(f, "double_buffer=1");
	int8_t x[32] = {0}, y[8];
	axrArgument in = {.ptr = x}, out = {.ptr = y};
	for (int i = 0; i < 5; i++) {
		fill(x, i);
		fill(x + 16, 10 * i);
		assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_SUCCESS);
		if (i > 0) {
			assert_int_equal(y[0], 2 * (i - 1));
			assert_int_equal(y[4], 20 * (i - 1));
		}
	}
}

static void test_descriptors(void **state)
{
	Fixture *f = *state;
	TinyModel model = {.kernel = TINY_KERNEL, .mode = "batch", .cores = 1, .runtime = "{\"input_dmabuf\": true}"};
	assert_int_equal(tiny_model_write(f->dir, &model, 2), 0);
	axrModelInstance *instance = load(f, NULL);
	assert_int_equal(info_of(instance).input_dmabuf, 1);
	assert_int_equal(info_of(instance).output_dmabuf, 0);
	int8_t x[16], y[4] = {0};
	int fd = memfd_create("x", 0), plain = open(f->json, O_RDONLY);
	fill(x, 4);
	assert_int_equal(write(fd, x, sizeof x), sizeof x);
	axrArgument in = {.fd = fd, .size = 16}, out = {.ptr = y};
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_SUCCESS);
	assert_int_equal(y[0], 8);
	in = (axrArgument){.ptr = x};
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_INVALID_ARGUMENT);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "input 0: a pointer, but the instance has input_dmabuf=1");
	in = (axrArgument){.fd = fd};
	out = (axrArgument){.fd = fd};
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_INVALID_ARGUMENT);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "output 0: a file descriptor, but the instance has output_dmabuf=0");
	instance = load(f, "input_dmabuf=0\noutput_dmabuf=1");
	in = (axrArgument){.ptr = x};
	out = (axrArgument){.fd = plain}; /* read-only */
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_INVALID_ARGUMENT);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "output 0: the file descriptor cannot be mapped");
	close(plain);
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_INVALID_ARGUMENT);
	out = (axrArgument){.fd = fd};
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_SUCCESS);
	assert_int_equal(pread(fd, y, 4, 0), 4);
	assert_int_equal(y[0], 8);
	assert_int_equal(ftruncate(fd, 3), 0); /* shorter than the tensor */
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_INVALID_ARGUMENT);
	close(fd);
}

/* Threads of the library do not take over the floating-point mode of the thread that loaded the instance. */
static void test_float_mode(void **state)
{
#if defined(__x86_64__)
	static const char *const modes[] = {"cooperative", "batch", "cooperative"};
	int8_t x[64], y[16];
	axrArgument in = {.ptr = x}, out = {.ptr = y};
	for (int m = 0; m < 3; m++) {
		_mm_setcsr(_mm_getcsr() | 0x8040);
		axrModelInstance *instance = load_mode(*state, modes[m], 4, m == 2 ? "double_buffer=1" : NULL);
		_mm_setcsr(0x1f80);
		for (int i = 0; i < 50; i++) {
			memset(x, 93, sizeof x);
			memset(y, 2, sizeof y);
			assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_SUCCESS);
			for (int k = 0; k < (m == 1 ? 16 : 4); k++)
				assert_int_equal(y[k], 2);
		}
	}
#else
	(void)state;
	skip();
#endif
}

static void test_model_keys(void **state)
{
	static const char *const bad[][3] = {
		{"sideways", "{}", "multicore_mode: wanted multiprocess, multithread, batch, cooperative or pipeline"},
		{"", "{}", "multicore_mode"},
		{"batch", "[]", "runtime: wanted an object"},
		{"batch", "{\"double_buffer\": 1}", "runtime: wanted true or false"},
		{"batch", "{\"input_dmabuf\": \"yes\"}", "runtime: wanted true or false"},
		{"batch", "{\"output_dmabuf\": null}", "runtime: wanted true or false"},
		{"batch", "{\"profiling_drop_percentile\": 1}", "runtime: wanted a number from 0 to below 1"},
		{"batch", "{\"profiling_drop_percentile\": -0.1}", "runtime: wanted a number"},
	};
	Fixture *f = *state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		TinyModel model = {.kernel = TINY_KERNEL, .mode = bad[i][0], .runtime = bad[i][1]};
		assert_int_equal(tiny_model_write(f->dir, &model, 2), 0);
		assert_null(axr_load_model(f->context, f->json));
		expect_error(f, AXR_ERROR_VALUE_ERROR, bad[i][2]);
	}
	axrxModelInfo info;
	TinyModel model = {.kernel = TINY_KERNEL, .cores = 2}; /* neither key */
	assert_int_equal(tiny_model_write(f->dir, &model, 2), 0);
	assert_int_equal(axrx_get_model_info(axr_load_model(f->context, f->json), &info), AXR_SUCCESS);
	assert_string_equal(info.multicore_mode, "cooperative");
	assert_false(info.double_buffer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_multithread),   TEST(test_multiprocess),   TEST(test_cooperative),
		TEST(test_batch),         TEST(test_pipeline),       TEST(test_double_buffer),
		TEST(test_double_buffer_modes), TEST(test_descriptors), TEST(test_float_mode),
		TEST(test_model_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
