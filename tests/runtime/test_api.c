/* Every function of axruntime.h: what it gives, and what it says when it is misused. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "fixture.h"

static void test_context(void **state)
{
	Fixture *f = *state;
	assert_non_null(f->context);
	assert_int_equal(axr_api_version() >> 16, AXR_API_VERSION_MAJOR);
	assert_int_equal(axr_last_error(AXR_OBJECT(f->context)), AXR_SUCCESS);
	assert_string_equal(axr_last_error_string(AXR_OBJECT(f->context)), "");
	assert_ptr_equal(axr_get_context(AXR_OBJECT(f->context)), f->context);
	assert_null(axr_get_context(NULL));
	for (int r = AXR_SUCCESS; r <= AXR_ERROR_UNKNOWN_ERROR + 1; r++)
		assert_true(strlen(axr_error_string((axrResult)r)) > 0);
	assert_string_equal(axr_board_type_string(AXR_BOARD_CPU), "cpu");
	assert_string_equal(axr_board_type_string(AXR_BOARD_METIS_MAX), "unknown");
	axr_destroy(NULL);
}

static void test_properties(void **state)
{
	Fixture *f = *state;
	axrProperties *p = axr_create_properties(f->context, " a = 1 ;b=x=y\nc=\n\n;d=4;a=2");
	assert_int_equal(axr_last_error(AXR_OBJECT(f->context)), AXR_SUCCESS);
	assert_string_equal(axr_list_properties(p), "a;b;c;d");
	assert_string_equal(axr_get_property(p, "a"), "2");
	assert_string_equal(axr_get_property(p, "b"), "x=y");
	assert_string_equal(axr_get_property(p, "c"), "");
	assert_null(axr_get_property(p, "e"));
	axr_del_property(p, "b");
	axr_del_property(p, "none");
	axr_set_property(p, "e", "5");
	assert_string_equal(axr_list_properties(p), "a;c;d;e");
	axr_set_property(p, "", "5");
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "wanted a key");
	assert_ptr_equal(axr_get_context(AXR_OBJECT(p)), f->context);
	p = axr_create_properties(f->context, "a=1;broken;b=2");
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "'broken'");
	assert_string_equal(axr_list_properties(p), "a;b");
	assert_non_null(axr_create_properties(f->context, NULL));
	assert_null(axr_create_properties(NULL, "a=1"));
}

static void test_devices(void **state)
{
	Fixture *f = *state;
	axrDeviceInfo *devices = NULL;
	assert_int_equal(axr_list_devices(f->context, NULL), 1);
	assert_int_equal(axr_list_devices(f->context, &devices), 1);
	assert_string_equal(devices[0].name, "cpu-0:0:0");
	assert_true(devices[0].subdevice_count >= 1);
	assert_int_equal(devices[0].max_memory, 0);
	axrDeviceInfo device = devices[0], other = device;
	strcpy(other.name, "metis-0:1:0");
	assert_int_equal(axr_device_ready(f->context, &device), AXR_SUCCESS);
	assert_int_equal(axr_device_ready(f->context, &other), AXR_ERROR_CONNECTION_ERROR);
	assert_non_null(axr_device_connect(f->context, &device, 4, NULL));
	assert_null(axr_device_connect(f->context, &other, 1, NULL));
	expect_error(f, AXR_ERROR_CONNECTION_ERROR, "metis-0:1:0");
	assert_null(axr_device_connect(f->context, NULL, 0, NULL));
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "sub-devices");
	axrProperties *p = axr_create_properties(f->context, "device_firmware_check=0\ndevice_name=cpu-0:0:0");
	assert_non_null(axr_device_connect(f->context, NULL, 1, p));
	axr_set_property(p, "device_firmware_check", "maybe");
	assert_null(axr_device_connect(f->context, NULL, 1, p));
	expect_error(f, AXR_ERROR_VALUE_ERROR, "maybe");
}

static void test_configuration(void **state)
{
	Fixture *f = *state;
	axrProperties *p = axr_read_device_configuration(f->context, NULL);
	assert_string_equal(axr_get_property(p, "clock_profile"), "800");
	assert_int_equal(axr_configure_device(f->context, NULL, p), AXR_SUCCESS);
	axr_set_property(p, "clock_profile", "400");
	assert_int_equal(axr_configure_device(f->context, NULL, p), AXR_ERROR_NOT_SUPPORTED);
	axr_set_property(p, "clock_profile", "fast");
	assert_int_equal(axr_configure_device(f->context, NULL, p), AXR_ERROR_VALUE_ERROR);
	expect_error(f, AXR_ERROR_VALUE_ERROR, "'fast'");
	p = axr_create_properties(f->context, "colour=1");
	assert_int_equal(axr_configure_device(f->context, NULL, p), AXR_ERROR_INVALID_CONFIGURATION);
	assert_int_equal(axr_configure_device(f->context, NULL, NULL), AXR_ERROR_INVALID_ARGUMENT);
}

static void test_model(void **state)
{
	Fixture *f = *state;
	axrModel *model = axr_load_model(f->context, f->json);
	assert_non_null(model);
	assert_int_equal(axr_num_model_inputs(model), 1);
	assert_int_equal(axr_num_model_outputs(model), 1);
	axrTensorInfo t = axr_get_model_input(model, 0);
	assert_string_equal(t.name, "x:0/a");
	assert_int_equal(t.ndims, 4);
	assert_int_equal(t.dims[3], 4);
	assert_int_equal(t.bits, 8);
	assert_int_equal(t.type, AXR_SIGNED);
	assert_int_equal(t.padding[3][1], 1);
	assert_true(t.scale == 0.5 && t.zero_point == -3);
	assert_int_equal(axr_tensor_size(&t), 16);
	assert_int_equal(axr_tensor_size(NULL), 0);
	t.dims[0] = t.dims[1] = SIZE_MAX / 2;
	assert_int_equal(axr_tensor_size(&t), 0);
	t = axr_get_model_output(model, 1);
	assert_int_equal(t.ndims, 0);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "no tensor 1");
	axrProperties *p = axr_get_model_properties(model);
	assert_string_equal(axr_get_property(p, "input_tensor_layout"), "NHWC");
	assert_string_equal(axr_get_property(p, "preamble_graph"), "pre.onnx");
	assert_null(axr_get_property(p, "postamble_graph"));
	assert_null(axr_load_model(f->context, NULL));
	assert_null(axr_load_model(f->context, "/nonexistent/model.json"));
	expect_error(f, AXR_ERROR_RUNTIME_ERROR, "/nonexistent/model.json");
	axr_destroy(AXR_OBJECT(model));
	assert_null(axr_get_property(p, "input_tensor_layout"));
}

static const int8_t input[16] = {1, 10, -20, 0, 2, 10, -20, 0, 3, 10, -20, 0, 4, 10, -20, 0};

static void test_run(void **state)
{
	Fixture *f = *state;
	axrModelInstance *instance = load(f, "input_dmabuf=0;output_dmabuf=0;num_sub_devices=1;aipu_cores=1");
	assert_non_null(instance);
	int8_t x[16], y[4] = {9, 9, 9, 9};
	memcpy(x, input, sizeof x);
	axrArgument in = {.ptr = x, .size = sizeof x}, out = {.ptr = y, .fd = -1};
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_SUCCESS);
	assert_int_equal(y[0], 20);
	assert_int_equal(y[1], 80);
	assert_int_equal(y[2], -128);
	assert_int_equal(y[3], 0);
	assert_true(axrx_device_ns(instance) > 0);
	x[0] = 99;
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_INTERNAL_ERROR);
	expect_error(f, AXR_ERROR_INTERNAL_ERROR, "-7");
	x[0] = 1;
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_SUCCESS);
	assert_int_equal(axr_last_error(AXR_OBJECT(instance)), AXR_SUCCESS);
}

/* Counts, sizes, offsets and pointers of a run, on both sides: each refused with a text that says what was
 * found and what is wanted; the instance works on. */
static void test_run_arguments(void **state)
{
	Fixture *f = *state;
	axrModelInstance *instance = load(f, NULL), *floats = load(f, "io=float");
	_Alignas(16) int8_t x[64] = {0}, y[32];
	const axrArgument in = {.ptr = x}, out = {.ptr = y};
	const struct Case {
		size_t num_in, num_out;
		axrArgument in, out;
		bool null_in, null_out;
		const char *text;
	} cases[] = {
		{2, 1, in, out, false, false, "axr_run_model_instance: found 2 inputs, wanted 1"},
		{0, 1, in, out, false, false, "axr_run_model_instance: found 0 inputs, wanted 1"},
		{1, 0, in, out, false, false, "axr_run_model_instance: found 0 outputs, wanted 1"},
		{1, 2, in, out, false, false, "axr_run_model_instance: found 2 outputs, wanted 1"},
		{SIZE_MAX, 1, in, out, false, false, "inputs, wanted 1"},
		{1, 1, in, out, true, false, "axr_run_model_instance: found 1 inputs (NULL), wanted 1"},
		{1, 1, in, out, false, true, "axr_run_model_instance: found 1 outputs (NULL), wanted 1"},
		{1, 1, {.ptr = x, .size = 15}, out, false, false, "input 0: 15 bytes, wanted 16"},
		{1, 1, {.ptr = x, .size = 17}, out, false, false, "input 0: 17 bytes, wanted 16"},
		{1, 1, in, {.ptr = y, .size = 3}, false, false, "output 0: 3 bytes, wanted 4"},
		{1, 1, in, {.ptr = y, .size = SIZE_MAX}, false, false, "output 0: "},
		{1, 1, {.ptr = x, .offset = 1}, out, false, false, "input 0: the offset must be 0"},
		{1, 1, in, {.ptr = y, .offset = 4}, false, false, "output 0: the offset must be 0"},
		{1, 1, {.fd = -1}, out, false, false, "input 0: neither a pointer nor a file descriptor"},
		{1, 1, in, {.fd = 0}, false, false, "output 0: neither a pointer nor a file descriptor"},
		{1, 1, {.fd = 12345}, out, false, false, "input 0: a file descriptor, but the instance has input_dmabuf=0"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct Case *c = &cases[i];
		axrArgument ins[2] = {c->in, c->in}, outs[2] = {c->out, c->out};
		assert_int_equal(axr_run_model_instance(instance, c->null_in ? NULL : ins, c->num_in, c->null_out ? NULL : outs,
		                                        c->num_out),
		                 AXR_ERROR_INVALID_ARGUMENT);
		expect_error(f, AXR_ERROR_INVALID_ARGUMENT, c->text);
		assert_string_equal(axr_error_string(axr_last_error(AXR_OBJECT(instance))), "Invalid argument");
		ins[0] = in;
		outs[0] = out;
		assert_int_equal(axr_run_model_instance(instance, ins, 1, outs, 1), AXR_SUCCESS);
		assert_int_equal(axr_last_error(AXR_OBJECT(instance)), AXR_SUCCESS);
	}
	axrArgument odd = {.ptr = y + 2}, fine = {.ptr = x};
	assert_int_equal(axr_run_model_instance(floats, &fine, 1, &odd, 1), AXR_ERROR_INVALID_ARGUMENT);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "output 0: the pointer is not aligned to 4 bytes");
}

static void test_run_descriptors(void **state)
{
	Fixture *f = *state;
	axrModelInstance *instance = load(f, "input_dmabuf=1;output_dmabuf=1");
	int fd_in = memfd_create("in", 0), fd_out = memfd_create("out", 0);
	axrArgument in = {.fd = fd_in}, out = {.fd = fd_out};
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_INVALID_ARGUMENT);
	assert_int_equal(pwrite(fd_in, input, sizeof input, 0), sizeof input);
	assert_int_equal(ftruncate(fd_out, 4), 0);
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_SUCCESS);
	int8_t y[4] = {0};
	assert_int_equal(pread(fd_out, y, sizeof y, 0), sizeof y);
	assert_int_equal(y[1], 80);
	close(fd_in);
	close(fd_out);
}

static void test_float_entry(void **state)
{
	Fixture *f = *state;
	axrModelInstance *instance = load(f, "io=float");
	assert_non_null(instance);
	float x[12], y[3];
	for (int i = 0; i < 12; i++)
		x[i] = (float)i;
	axrArgument in = {.ptr = x}, out = {.ptr = y};
#if defined(__x86_64__)
	_mm_setcsr(_mm_getcsr() | 0x8040); /* the caller flushes subnormals: the network must not */
#endif
	axrResult result = axr_run_model_instance(instance, &in, 1, &out, 1);
#if defined(__x86_64__)
	assert_int_equal(_mm_getcsr() & 0x8040, 0x8040);
	_mm_setcsr(0x1f80);
#endif
	assert_int_equal(result, AXR_SUCCESS);
	assert_true(y[0] == 12 && y[1] == 44 && y[2] == 76);
	in.ptr = (char *)x + 1;
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_INVALID_ARGUMENT);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "aligned");
	axrxTensor t;
	assert_int_equal(axrx_num_tensors(f->model, AXRX_FLOAT, 0), 1);
	assert_int_equal(axrx_get_tensor(f->model, AXRX_FLOAT, 0, 0, &t), AXR_SUCCESS);
	assert_string_equal(t.dtype, "float32");
	assert_string_equal(t.layout, "NCHW");
	assert_int_equal(t.bytes, 48);
	assert_int_equal(axrx_get_tensor(f->model, AXRX_FLOAT, 2, 0, &t), AXR_ERROR_INVALID_ARGUMENT);
}

static void test_float_only(void **state)
{
	Fixture *f = *state;
	assert_int_equal(tiny_model_write(f->dir, &(TinyModel){.kernel = TINY_KERNEL, .entries = "[\"run_f32\"]"}, 3), 0);
	axrModelInstance *instance = load(f, NULL);
	assert_non_null(instance);
	assert_int_equal(axr_get_model_input(f->model, 0).type, AXR_FLOAT);
	assert_true(axr_get_model_input(f->model, 0).scale == 1.0);
	float x[12] = {1}, y[3];
	axrArgument in = {.ptr = x}, out = {.ptr = y};
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_SUCCESS);
	assert_true(y[0] == 3);
	assert_null(load(f, "io=int8"));
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "no int8 entry point");
}

static void test_instance_options(void **state)
{
	Fixture *f = *state;
	assert_null(load(f, "aipu_cores=many"));
	expect_error(f, AXR_ERROR_VALUE_ERROR, "many");
	assert_null(load(f, "double_buffer=2"));
	expect_error(f, AXR_ERROR_VALUE_ERROR, "double_buffer");
	assert_null(load(f, "io=int4"));
	assert_non_null(load(f, "elf_in_ddr=1\nhost_profiling=0\ndevice_profiling=1\nunheard_of=1"));
}

static void test_profile(void **state)
{
	Fixture *f = *state;
	assert_int_equal(tiny_model_write(f->dir, &(TinyModel){.kernel = TINY_KERNEL, .profiling = true}, 2), 0);
	axrModelInstance *instance = load(f, NULL);
	int8_t x[16] = {0}, y[4];
	axrArgument in = {.ptr = x}, out = {.ptr = y};
	uint64_t ns[2] = {5, 5};
	for (int i = 0; i < 3; i++)
		assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_SUCCESS);
	assert_int_equal(axrx_layer_ns(instance, ns, 2), AXR_SUCCESS);
	assert_int_equal(ns[1], 3000);
	assert_int_equal(axrx_reset_layer_ns(instance), AXR_SUCCESS);
	assert_int_equal(axrx_layer_ns(instance, ns, 2), AXR_SUCCESS);
	assert_int_equal(ns[1], 0);
	assert_string_equal(axrx_layer_name(f->model, 0), "sum");
	assert_string_equal(axrx_layer_kernel(f->model, 1), "k2");
	assert_null(axrx_layer_name(f->model, 2));
}

static void test_destroyed(void **state)
{
	Fixture *f = *state;
	axrModelInstance *instance = load(f, NULL);
	int8_t x[16] = {0}, y[4];
	axrArgument in = {.ptr = x}, out = {.ptr = y};
	axr_destroy(AXR_OBJECT(f->model));
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_SUCCESS);
	assert_int_equal(axr_num_model_inputs(f->model), 0);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axr_num_model_inputs: the model is no living object");
	axr_destroy(AXR_OBJECT(f->connection));
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_CONNECTION_ERROR);
	axr_destroy(AXR_OBJECT(instance));
	axr_destroy(AXR_OBJECT(instance));
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_INVALID_ARGUMENT);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "destroyed");
	/* a new object in the same slot is not mistaken for the old one */
	axrProperties *old = axr_create_properties(f->context, "a=1");
	axr_destroy(AXR_OBJECT(old));
	axrProperties *young = axr_create_properties(f->context, "a=2");
	assert_ptr_not_equal(old, young);
	assert_null(axr_get_property(old, "a"));
	assert_string_equal(axr_get_property(young, "a"), "2");
	/* nor one of another kind */
	assert_int_equal(axr_num_model_inputs((axrModel *)young), 0);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "wanted a model, found a properties object");
	int local;
	assert_null(axr_list_properties((axrProperties *)&local));
}

static void test_other_context(void **state)
{
	Fixture *f = *state;
	axrContext *other = axr_create_context();
	axrModel *model = axr_load_model(f->context, f->json);
	axrConnection *connection = axr_device_connect(other, NULL, 1, NULL);
	assert_null(axr_load_model_instance(connection, model, NULL));
	assert_int_equal(axr_last_error(AXR_OBJECT(other)), AXR_ERROR_INVALID_ARGUMENT);
	axr_destroy(AXR_OBJECT(other));
	assert_null(axr_device_connect(other, NULL, 1, NULL));
	assert_int_equal(axr_last_error(AXR_OBJECT(other)), AXR_ERROR_INVALID_ARGUMENT);
}

static void count_messages(void *arg, axrLogLevel level, const char *message)
{
	int *counts = arg;
	assert_true(strlen(message) > 0);
	counts[level]++;
}

static void test_logger(void **state)
{
	Fixture *f = *state;
	int counts[AXR_LOG_ERROR + 1] = {0};
	axr_set_logger(f->context, AXR_LOG_WARNING, count_messages, counts);
	assert_non_null(load(f, "unheard_of=1"));
	assert_null(axr_load_model(f->context, "/nonexistent"));
	assert_int_equal(counts[AXR_LOG_WARNING], 1);
	assert_int_equal(counts[AXR_LOG_ERROR], 1);
	assert_int_equal(counts[AXR_LOG_INFO], 0);
	axr_set_logger(f->context, AXR_LOG_TRACE, count_messages, counts);
	assert_non_null(axr_load_model(f->context, f->json));
	assert_int_equal(counts[AXR_LOG_INFO], 1);
	axr_set_logger(f->context, AXR_LOG_TRACE, NULL, NULL);
}

/* A library replaced on disk while its predecessor is loaded: both instances run their own code. */
static void test_replaced_library(void **state)
{
	Fixture *f = *state;
	int8_t x[16], y[4], z[4];
	memcpy(x, input, sizeof x);
	axrArgument in = {.ptr = x}, out = {.ptr = y}, out2 = {.ptr = z};
	axrModelInstance *first = load(f, NULL);
	assert_non_null(first);
	assert_int_equal(tiny_model_write(f->dir, &(TinyModel){.kernel = TINY_KERNEL}, 1), 0);
	axrModelInstance *second = load(f, NULL);
	assert_non_null(second);
	assert_int_equal(axr_run_model_instance(first, &in, 1, &out, 1), AXR_SUCCESS);
	assert_int_equal(axr_run_model_instance(second, &in, 1, &out2, 1), AXR_SUCCESS);
	assert_int_equal(y[0], 20);
	assert_int_equal(z[0], 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_context),       TEST(test_properties),     TEST(test_devices),
		TEST(test_configuration), TEST(test_model),          TEST(test_run),
		TEST(test_run_arguments), TEST(test_run_descriptors), TEST(test_float_entry),
		TEST(test_float_only),    TEST(test_instance_options), TEST(test_profile),
		TEST(test_destroyed),     TEST(test_other_context),  TEST(test_logger),
		TEST(test_replaced_library),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
