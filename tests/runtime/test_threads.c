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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_one_instance),
		TEST(test_many_instances),
		TEST(test_objects),
		TEST(test_destroy_while_running),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
