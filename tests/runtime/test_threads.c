/* The thread pool (every item exactly once, nested calls, many small jobs) and the API's thread rules. */
#include <pthread.h>
#include <stdatomic.h>

#include "fixture.h"

enum { THREADS = 4, ROUNDS = 200, RUNS = 300 };

/* The pool is internal to the library; an instance with cores shows it: the hand-written network runs its
 * four channels through axk_env.parallel. */
static void *run_many(void *arg)
{
	axrModelInstance *instance = arg;
	for (int i = 0; i < RUNS; i++) {
		int8_t x[16], y[4] = {0};
		for (int k = 0; k < 16; k++)
			x[k] = (int8_t)((i + k) % 7);
		axrArgument in = {.ptr = x}, out = {.ptr = y};
		if (axr_run_model_instance(instance, &in, 1, &out, 1) != AXR_SUCCESS)
			return arg;
		for (int c = 0; c < 4; c++) {
			int sum = x[c] + x[4 + c] + x[8 + c] + x[12 + c];
			if (y[c] != 2 * sum)
				return arg;
		}
	}
	return NULL;
}

static void run_in_threads(axrModelInstance **instances)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_many, instances[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

static void test_one_instance(void **state)
{
	axrModelInstance *instance = load(*state, "aipu_cores=3");
	assert_non_null(instance);
	axrModelInstance *instances[THREADS] = {instance, instance, instance, instance};
	run_in_threads(instances);
}

static void test_many_instances(void **state)
{
	axrModelInstance *instances[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_non_null(instances[i] = load(*state, i % 2 ? "aipu_cores=2" : NULL));
	run_in_threads(instances);
}

/* The modes that have several frames in progress: each thread's results are its own. */
static void test_modes(void **state)
{
	static const char *const modes[] = {"multithread", "pipeline"};
	Fixture *f = *state;
	for (int i = 0; i < 2; i++) {
		TinyModel model = {.kernel = TINY_KERNEL, .mode = modes[i], .cores = 2, .profiling = true};
		assert_int_equal(tiny_model_write(f->dir, &model, 2), 0);
		axrModelInstance *instance = load(f, NULL);
		assert_non_null(instance);
		axrModelInstance *instances[THREADS] = {instance, instance, instance, instance};
		run_in_threads(instances);
		uint64_t ns[2];
		assert_int_equal(axrx_layer_ns(instance, ns, 2), AXR_SUCCESS);
		assert_int_equal(ns[1], 1000 * THREADS * RUNS);
	}
}

/* double_buffer: the calls of several threads are one sequence; every frame's result comes once. */
static void *run_sequence(void *arg)
{
	axrModelInstance *instance = arg;
	uintptr_t sum = 0;
	for (int i = 0; i < RUNS; i++) {
		int8_t x[16] = {1}, y[4] = {0};
		axrArgument in = {.ptr = x}, out = {.ptr = y};
		if (axr_run_model_instance(instance, &in, 1, &out, 1) != AXR_SUCCESS)
			return NULL;
		sum += (uintptr_t)y[0];
	}
	return (void *)sum;
}

static void test_double_buffer(void **state)
{
	axrModelInstance *instance = load(*state, "aipu_cores=2;double_buffer=1");
	pthread_t threads[THREADS];
	uintptr_t sum = 0;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_sequence, instance), 0);
	for (int i = 0; i < THREADS; i++) {
		void *part;
		pthread_join(threads[i], &part);
		sum += (uintptr_t)part;
	}
	assert_int_equal(sum, 2 * (THREADS * RUNS - 1)); /* the last one is still to come */
}

/* A logger is called by one thread at a time, and may itself call the library; properties are changed and
 * read meanwhile. */
static void count_message(void *arg, axrLogLevel level, const char *message)
{
	int *count = arg;
	(void)level, (void)message;
	axr_api_version();
	++*count;
}

static void *cause_messages(void *arg)
{
	Fixture *f = arg;
	axrProperties *own = axr_create_properties(f->context, "a=1");
	for (int i = 0; i < ROUNDS; i++) {
		axr_load_model(f->context, "/nonexistent");
		if (axr_last_error(AXR_OBJECT(f->context)) != AXR_ERROR_RUNTIME_ERROR)
			return arg;
		axr_set_property(own, "a", i % 2 ? "1" : "2");
		if (strcmp(axr_get_property(own, "a"), i % 2 ? "1" : "2") != 0)
			return arg;
	}
	return NULL;
}

static void test_logger(void **state)
{
	Fixture *f = *state;
	pthread_t threads[THREADS];
	int count = 0;
	axr_set_logger(f->context, AXR_LOG_ERROR, count_message, &count);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, cause_messages, f), 0);
	for (int i = 0; i < THREADS; i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	axr_set_logger(f->context, AXR_LOG_ERROR, NULL, NULL);
	assert_int_equal(count, THREADS * ROUNDS);
}

/* Objects made and destroyed by several threads, errors seen by the thread that caused them alone. */
static void *make_and_destroy(void *arg)
{
	Fixture *f = arg;
	for (int i = 0; i < ROUNDS; i++) {
		axrModel *model = axr_load_model(f->context, f->json);
		if (!model || axr_last_error(AXR_OBJECT(f->context)) != AXR_SUCCESS)
			return arg;
		axr_get_model_input(model, 7);
		if (axr_last_error(AXR_OBJECT(model)) != AXR_ERROR_INVALID_ARGUMENT)
			return arg;
		axr_destroy(AXR_OBJECT(model));
	}
	return NULL;
}

static void test_objects(void **state)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_and_destroy, *state), 0);
	for (int i = 0; i < THREADS; i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

/* An instance destroyed while another thread runs it: that thread gets results, then the error. */
static void *run_until_gone(void *arg)
{
	axrModelInstance *instance = arg;
	int8_t x[16] = {0}, y[4];
	axrArgument in = {.ptr = x}, out = {.ptr = y};
	axrResult result;
	while ((result = axr_run_model_instance(instance, &in, 1, &out, 1)) == AXR_SUCCESS)
		;
	return result == AXR_ERROR_INVALID_ARGUMENT || result == AXR_ERROR_CONNECTION_ERROR ? NULL : arg;
}

static void test_destroy_while_running(void **state)
{
	Fixture *f = *state;
	for (int i = 0; i < 20; i++) {
		axrModelInstance *instance = load(f, "aipu_cores=2");
		pthread_t thread;
		void *failed;
		assert_int_equal(pthread_create(&thread, NULL, run_until_gone, instance), 0);
		axr_destroy(i % 2 ? AXR_OBJECT(instance) : AXR_OBJECT(f->connection));
		pthread_join(thread, &failed);
		assert_null(failed);
	}
}

typedef struct Making {
	const Fixture *f;
	axrContext *context;
	atomic_int started;
} Making;

static void *make_objects(void *arg)
{
	Making *m = arg;
	atomic_store(&m->started, 1);
	for (int i = 0; i < 20; i++) {
		axrModel *model = axr_load_model(m->context, m->f->json);
		axrConnection *connection = axr_device_connect(m->context, NULL, 1, NULL);
		axrProperties *properties = axr_create_properties(m->context, "aipu_cores=1");
		axr_read_device_configuration(m->context, NULL);
		axr_load_model_instance(connection, model, properties);
	}
	return NULL;
}

/* The context goes while another thread makes objects in it: they stay until made, and go with it. */
static void test_destroy_while_making(void **state)
{
	const Fixture *f = *state;
	for (int i = 0; i < ROUNDS; i++) {
		Making m = {f, axr_create_context(), 0};
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, make_objects, &m), 0);
		while (!atomic_load(&m.started))
			;
		for (volatile int spin = 0; spin < i * 300; spin++)
			;
		axr_destroy(AXR_OBJECT(m.context));
		pthread_join(thread, NULL);
		assert_null(axr_load_model(m.context, f->json));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_one_instance),
		TEST(test_many_instances),
		TEST(test_modes),
		TEST(test_double_buffer),
		TEST(test_logger),
		TEST(test_objects),
		TEST(test_destroy_while_running),
		TEST(test_destroy_while_making),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
