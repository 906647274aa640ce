/* What is no living object of the right kind is refused by every public function, with
 * AXR_ERROR_INVALID_ARGUMENT and a text that names the function and what is wrong: one row per function. */
#include "fixture.h"

static int8_t x[16], y[4];
static axrArgument in = {.ptr = x}, out = {.ptr = y};

/* ---- functions: each tells whether it returned what it returns when it refuses ---- */

static bool get_context(void *h)
{
	return !axr_get_context(h);
}
static bool set_logger(void *h)
{
	axr_set_logger(h, AXR_LOG_ERROR, NULL, NULL);
	return true;
}
static bool create_properties(void *h)
{
	return !axr_create_properties(h, "a=1");
}
static bool set_property(void *h)
{
	axr_set_property(h, "a", "1");
	return true;
}
static bool del_property(void *h)
{
	axr_del_property(h, "a");
	return true;
}
static bool get_property(void *h)
{
	return !axr_get_property(h, "a");
}
static bool list_properties(void *h)
{
	return !axr_list_properties(h);
}
static bool list_devices(void *h)
{
	axrDeviceInfo *devices = NULL;
	return axr_list_devices(h, &devices) == 0 && !devices;
}
static bool device_connect(void *h)
{
	return !axr_device_connect(h, NULL, 1, NULL);
}
static bool configure_device(void *h)
{
	return axr_configure_device(h, NULL, NULL) == AXR_ERROR_INVALID_ARGUMENT;
}
static bool device_ready(void *h)
{
	return axr_device_ready(h, NULL) == AXR_ERROR_INVALID_ARGUMENT;
}
static bool read_device_configuration(void *h)
{
	return !axr_read_device_configuration(h, NULL);
}
static bool load_model(void *h)
{
	return !axr_load_model(h, "model.json");
}
static bool num_model_inputs(void *h)
{
	return axr_num_model_inputs(h) == 0;
}
static bool num_model_outputs(void *h)
{
	return axr_num_model_outputs(h) == 0;
}
static bool get_model_input(void *h)
{
	return axr_get_model_input(h, 0).ndims == 0;
}
static bool get_model_output(void *h)
{
	return axr_get_model_output(h, 0).ndims == 0;
}
static bool get_model_properties(void *h)
{
	return !axr_get_model_properties(h);
}
static bool load_model_instance(void *h)
{
	return !axr_load_model_instance(h, NULL, NULL);
}
static bool run_model_instance(void *h)
{
	return axr_run_model_instance(h, &in, 1, &out, 1) == AXR_ERROR_INVALID_ARGUMENT;
}
static bool x_has_io(void *h)
{
	return !axrx_has_io(h, AXRX_INT8);
}
static bool x_get_model_info(void *h)
{
	axrxModelInfo info;
	return axrx_get_model_info(h, &info) == AXR_ERROR_INVALID_ARGUMENT;
}
static bool x_get_instance_info(void *h)
{
	axrxInstanceInfo info;
	return axrx_get_instance_info(h, &info) == AXR_ERROR_INVALID_ARGUMENT;
}
static bool x_num_tensors(void *h)
{
	return axrx_num_tensors(h, AXRX_INT8, 0) == 0;
}
static bool x_get_tensor(void *h)
{
	axrxTensor tensor;
	return axrx_get_tensor(h, AXRX_INT8, 0, 0, &tensor) == AXR_ERROR_INVALID_ARGUMENT;
}
static bool x_layer_name(void *h)
{
	return !axrx_layer_name(h, 0);
}
static bool x_layer_kernel(void *h)
{
	return !axrx_layer_kernel(h, 0);
}
static bool x_run_model_instance(void *h)
{
	axrxRunInfo info = {0};
	return axrx_run_model_instance(h, &in, 1, &out, 1, &info) == AXR_ERROR_INVALID_ARGUMENT;
}
static bool x_finish(void *h)
{
	return axrx_finish(h, &out, 1, NULL) == AXR_ERROR_INVALID_ARGUMENT;
}
static bool x_device_ns(void *h)
{
	return axrx_device_ns(h) == 0;
}
static bool x_layer_ns(void *h)
{
	uint64_t ns[2];
	return axrx_layer_ns(h, ns, 2) == AXR_ERROR_INVALID_ARGUMENT;
}
static bool x_reset_layer_ns(void *h)
{
	return axrx_reset_layer_ns(h) == AXR_ERROR_INVALID_ARGUMENT;
}

typedef enum Kind { CONTEXT, PROPERTIES, CONNECTION, MODEL, INSTANCE, KINDS } Kind;

static const char *const kind_names[KINDS] = {"context", "properties object", "connection", "model", "model instance"};

typedef struct Row {
	const char *name;
	Kind kind; /* KINDS: any */
	bool (*refused)(void *handle);
} Row;

static const Row rows[] = {
	{"axr_get_context", KINDS, get_context},
	{"axr_set_logger", CONTEXT, set_logger},
	{"axr_create_properties", CONTEXT, create_properties},
	{"axr_set_property", PROPERTIES, set_property},
	{"axr_del_property", PROPERTIES, del_property},
	{"axr_get_property", PROPERTIES, get_property},
	{"axr_list_properties", PROPERTIES, list_properties},
	{"axr_list_devices", CONTEXT, list_devices},
	{"axr_device_connect", CONTEXT, device_connect},
	{"axr_configure_device", CONTEXT, configure_device},
	{"axr_device_ready", CONTEXT, device_ready},
	{"axr_read_device_configuration", CONTEXT, read_device_configuration},
	{"axr_load_model", CONTEXT, load_model},
	{"axr_num_model_inputs", MODEL, num_model_inputs},
	{"axr_num_model_outputs", MODEL, num_model_outputs},
	{"axr_get_model_input", MODEL, get_model_input},
	{"axr_get_model_output", MODEL, get_model_output},
	{"axr_get_model_properties", MODEL, get_model_properties},
	{"axr_load_model_instance", CONNECTION, load_model_instance},
	{"axr_run_model_instance", INSTANCE, run_model_instance},
	{"axrx_has_io", MODEL, x_has_io},
	{"axrx_get_model_info", MODEL, x_get_model_info},
	{"axrx_get_instance_info", INSTANCE, x_get_instance_info},
	{"axrx_num_tensors", MODEL, x_num_tensors},
	{"axrx_get_tensor", MODEL, x_get_tensor},
	{"axrx_layer_name", MODEL, x_layer_name},
	{"axrx_layer_kernel", MODEL, x_layer_kernel},
	{"axrx_run_model_instance", INSTANCE, x_run_model_instance},
	{"axrx_finish", INSTANCE, x_finish},
	{"axrx_device_ns", INSTANCE, x_device_ns},
	{"axrx_layer_ns", INSTANCE, x_layer_ns},
	{"axrx_reset_layer_ns", INSTANCE, x_reset_layer_ns},
};
enum { NUM_ROWS = sizeof rows / sizeof *rows };

typedef struct Objects {
	void *at[KINDS];
} Objects;

/* One of each kind, of a context of their own. */
static Objects make_objects(Fixture *f)
{
	axrContext *context = axr_create_context();
	axrModel *model = axr_load_model(context, f->json);
	axrConnection *connection = axr_device_connect(context, NULL, 1, NULL);
	Objects o = {{context, axr_create_properties(context, "a=1"), connection, model,
	              axr_load_model_instance(connection, model, NULL)}};
	for (int k = 0; k < KINDS; k++)
		assert_non_null(o.at[k]);
	return o;
}

static void check(Fixture *f, const Row *row, void *handle, const char *reason)
{
	axr_api_version();
	assert_int_equal(axr_num_model_inputs(f->model), 1); /* resets the last error */
	if (!row->refused(handle))
		fail_msg("%s did not refuse", row->name);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, row->name);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, reason);
}

static void test_every_function(void **state)
{
	Fixture *f = *state;
	int8_t local[64] = {0};
	char reason[100];
	f->model = axr_load_model(f->context, f->json);
	Objects gone = make_objects(f), alive = make_objects(f);
	for (int k = KINDS - 1; k >= 0; k--)
		axr_destroy(gone.at[k]);
	for (int i = 0; i < NUM_ROWS; i++) {
		const Row *row = &rows[i];
		check(f, row, NULL, "is NULL");
		check(f, row, local, "is no living object (destroyed, or never one)");
		for (int k = 0; k < KINDS; k++) {
			check(f, row, gone.at[k], "is no living object");
			if (row->kind == KINDS || (int)row->kind == k)
				continue;
			snprintf(reason, sizeof reason, "wanted a %s, found a %s", kind_names[row->kind], kind_names[k]);
			/* the error is recorded where the object belongs; this thread sees it through either */
			assert_true(row->refused(alive.at[k]));
			assert_int_equal(axr_last_error(alive.at[k]), AXR_ERROR_INVALID_ARGUMENT);
			if (!strstr(axr_last_error_string(alive.at[k]), reason))
				fail_msg("%s: '%s'", row->name, axr_last_error_string(alive.at[k]));
		}
	}
	/* none of that hurt the living */
	assert_int_equal(axr_run_model_instance(alive.at[INSTANCE], &in, 1, &out, 1), AXR_SUCCESS);
	for (int k = 0; k < KINDS; k++)
		axr_destroy(gone.at[k]);
	axr_destroy(alive.at[CONTEXT]);
	for (int k = 0; k < KINDS; k++)
		assert_null(axr_get_context(alive.at[k]));
}

static void test_last_error_of_the_dead(void **state)
{
	Fixture *f = *state;
	axrProperties *p = axr_create_properties(f->context, NULL);
	axr_destroy(AXR_OBJECT(p));
	assert_int_equal(axr_last_error(AXR_OBJECT(p)), AXR_ERROR_INVALID_ARGUMENT);
	assert_non_null(strstr(axr_last_error_string(AXR_OBJECT(p)), "no living object"));
	assert_int_equal(axr_last_error(NULL), AXR_ERROR_INVALID_ARGUMENT);
}

/* Objects that a call takes beside its first. */
static void test_second_objects(void **state)
{
	Fixture *f = *state;
	axrModelInstance *instance = load(f, NULL);
	Objects other = make_objects(f);
	axrModel *dead_model = axr_load_model(f->context, f->json);
	axrProperties *dead = axr_create_properties(f->context, "a=1");
	axr_destroy(AXR_OBJECT(dead_model));
	axr_destroy(AXR_OBJECT(dead));
	struct {
		void *model, *properties;
		const char *reason;
	} const loads[] = {
		{NULL, NULL, "the model is NULL"},
		{dead_model, NULL, "the model is no living object"},
		{other.at[MODEL], NULL, "the model belongs to another context"},
		{instance, NULL, "wanted a model, found a model instance"},
		{f->model, dead, "the properties object is no living object"},
		{f->model, other.at[PROPERTIES], "the properties object belongs to another context"},
		{f->model, f->model, "wanted a properties object, found a model"},
	};
	for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
		assert_null(axr_load_model_instance(f->connection, loads[i].model, loads[i].properties));
		expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axr_load_model_instance: ");
		expect_error(f, AXR_ERROR_INVALID_ARGUMENT, loads[i].reason);
		if (i < 4)
			continue;
		assert_null(axr_device_connect(f->context, NULL, 1, loads[i].properties));
		expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axr_device_connect: ");
		expect_error(f, AXR_ERROR_INVALID_ARGUMENT, loads[i].reason);
		assert_int_equal(axr_configure_device(f->context, NULL, loads[i].properties), AXR_ERROR_INVALID_ARGUMENT);
		expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axr_configure_device: ");
		expect_error(f, AXR_ERROR_INVALID_ARGUMENT, loads[i].reason);
	}
	axr_destroy(AXR_OBJECT(f->connection));
	assert_int_equal(axr_run_model_instance(instance, &in, 1, &out, 1), AXR_ERROR_CONNECTION_ERROR);
	expect_error(f, AXR_ERROR_CONNECTION_ERROR, "axr_run_model_instance: the instance's connection was destroyed");
	assert_int_equal(axrx_finish(instance, &out, 1, NULL), AXR_ERROR_CONNECTION_ERROR);
	axr_destroy(other.at[CONTEXT]);
}

/* Arguments that are no objects. */
static void test_other_arguments(void **state)
{
	Fixture *f = *state;
	axrModelInstance *instance = load(f, NULL);
	axrProperties *p = axr_create_properties(f->context, "a=1");
	axrDeviceInfo device = {.name = "metis-0:1:0"};
	const char *const no_device = "there is no device 'metis-0:1:0', only 'cpu-0:0:0'";
	axr_set_logger(f->context, (axrLogLevel)(AXR_LOG_ERROR + 1), NULL, NULL);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axr_set_logger: there is no level 7");
	axr_set_property(p, NULL, "1");
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axr_set_property: ");
	axr_set_property(p, "a;b", "1");
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axr_set_property: ");
	axr_set_property(p, "a", NULL);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axr_set_property: ");
	assert_null(axr_get_property(p, NULL));
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axr_get_property: the key is NULL");
	axr_del_property(p, NULL);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axr_del_property: the key is NULL");
	assert_string_equal(axr_list_properties(p), "a");
	assert_null(axr_load_model(f->context, NULL));
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axr_load_model: the path is NULL");
	assert_null(axr_device_connect(f->context, &device, 1, NULL));
	expect_error(f, AXR_ERROR_CONNECTION_ERROR, no_device);
	assert_int_equal(axr_device_ready(f->context, &device), AXR_ERROR_CONNECTION_ERROR);
	expect_error(f, AXR_ERROR_CONNECTION_ERROR, no_device);
	assert_int_equal(axr_configure_device(f->context, &device, p), AXR_ERROR_CONNECTION_ERROR);
	expect_error(f, AXR_ERROR_CONNECTION_ERROR, no_device);
	assert_null(axr_read_device_configuration(f->context, &device));
	expect_error(f, AXR_ERROR_CONNECTION_ERROR, no_device);
	assert_null(axr_device_connect(f->context, NULL, 257, NULL));
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axr_device_connect: wanted 1 to 256 sub-devices, found 257");
	assert_int_equal(axr_get_model_input(f->model, 1).ndims, 0);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axr_get_model_input: there is no tensor 1, the model has 1");
	assert_int_equal(axr_get_model_output(f->model, SIZE_MAX).ndims, 0);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axr_get_model_output: there is no tensor");
	assert_int_equal(axrx_get_model_info(f->model, NULL), AXR_ERROR_INVALID_ARGUMENT);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axrx_get_model_info: ret_info is NULL");
	assert_int_equal(axrx_get_instance_info(instance, NULL), AXR_ERROR_INVALID_ARGUMENT);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axrx_get_instance_info: ret_info is NULL");
	assert_int_equal(axrx_get_tensor(f->model, AXRX_INT8, 0, 0, NULL), AXR_ERROR_INVALID_ARGUMENT);
	assert_int_equal(axrx_layer_ns(instance, NULL, 1), AXR_ERROR_INVALID_ARGUMENT);
	expect_error(f, AXR_ERROR_INVALID_ARGUMENT, "axrx_layer_ns: ret_ns is NULL");
	assert_int_equal(axr_last_error(AXR_OBJECT(axr_get_context(AXR_OBJECT(p)))), AXR_SUCCESS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_every_function),
		TEST(test_last_error_of_the_dead),
		TEST(test_second_objects),
		TEST(test_other_arguments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
