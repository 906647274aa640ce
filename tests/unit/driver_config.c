/* The configuration: defaults as documented, checks with place, key, value and what is allowed. */
#include "driver/config.h"

#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static AxcArena *arena;
static AxcDiag diag;
static AxcConfig cfg;

static bool set(const char *text)
{
	axc_diag_init(&diag, arena);
	return axc_config_set(arena, &diag, "--set", text, &cfg);
}

static void refuses(const char *text, const char *message)
{
	assert_false(set(text));
	if (strcmp(diag.error.message, message) != 0)
		fail_msg("for <%s> found '%s', wanted '%s'", text, diag.error.message, message);
}

static void test_defaults(void **state)
{
	(void)state;
	axc_config_defaults(&cfg);
	assert_int_equal(AXC_P_COUNT, 93 + 10);
	assert_string_equal(AXC_CFG_TEXT(&cfg, quantization_scheme), "per_tensor_histogram");
	assert_true(AXC_CFG_NULL(&cfg, l2_constraint));
	assert_int_equal(AXC_CFG_INT(&cfg, l1_virtual_address), 206175207424);
	for (AxcPropId id = 0; id < AXC_P_COUNT; id++)
		assert_true(axc_config_is_default(&cfg, id));
}

static void test_set(void **state)
{
	(void)state;
	axc_config_defaults(&cfg);
	assert_true(set("cal_seed=7") && AXC_CFG_INT(&cfg, cal_seed) == 7 && !AXC_CFG_NULL(&cfg, cal_seed));
	assert_true(set("cal_seed=null") && AXC_CFG_NULL(&cfg, cal_seed));
	assert_true(set("cflags=-O1 -g=3"));
	assert_string_equal(AXC_CFG_TEXT(&cfg, cflags), "-O1 -g=3");
	assert_true(set("model_name=true")); /* a text needs no quotation marks */
	assert_string_equal(AXC_CFG_TEXT(&cfg, model_name), "true");
	assert_true(set("keep_float=a*,b") && AXC_CFG(&cfg, keep_float)->n_list == 2);
	assert_true(set("keep_float=[\"x,y\"]") && AXC_CFG(&cfg, keep_float)->n_list == 1);
	assert_true(set("resources_used=1") && AXC_CFG_REAL(&cfg, resources_used) == 1.0);
	assert_true(set("graph_cleaner_node=Gemm") && set("graph_cleaner_node=null"));
	refuses("cal_seed", "--set wants KEY=VALUE, found 'cal_seed'");
	refuses("cal_sed=1", "--set: there is no property \"cal_sed\"");
	assert_string_equal(diag.error.hint, "did you mean \"cal_seed\"?");
	refuses("tiling_depth=0", "--set: the property \"tiling_depth\" is an integer of at least 1, found 0");
	refuses("aipu_cores_used=257", "--set: the property \"aipu_cores_used\" is an integer from 1 to 256, found 257");
	refuses("aipu_cores_used=1.5", "--set: the property \"aipu_cores_used\" is an integer from 1 to 256, found a number, 1.5");
	refuses("resources_used=0", "--set: the property \"resources_used\" is a number above 0.0, at most 1.0, found 0.0");
	refuses("build_kernel=yes", "--set: the property \"build_kernel\" is true or false, found \"yes\"");
	refuses("precision=int9", "--set: the property \"precision\" is int8, float32, found \"int9\"");
	assert_string_equal(diag.error.hint, "did you mean \"int8\"?");
}

static void test_file(void **state)
{
	(void)state;
	char path[] = "/tmp/axc-conf-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	const char text[] = "{\n  \"precision\": \"float32\",\n  \"l2_constraint\": 0\n}\n";
	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	close(fd);
	axc_config_defaults(&cfg);
	axc_diag_init(&diag, arena);
	assert_false(axc_config_load(arena, &diag, path, &cfg));
	assert_non_null(strstr(diag.error.message,
	                       ":3:3: the property \"l2_constraint\" is an integer of at least 1 or null, found 0"));
	assert_string_equal(AXC_CFG_TEXT(&cfg, precision), "float32");
	unlink(path);
}

static void test_round_trip(void **state)
{
	(void)state;
	axc_config_defaults(&cfg);
	assert_true(set("profiling_levels=[B],[K]") && set("calibration_percentile=99.9"));
	AxcText once = {.arena = arena}, twice = {.arena = arena};
	axc_config_print(&cfg, &once);
	char path[] = "/tmp/axc-conf-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, once.at, once.n) == (ssize_t)once.n);
	close(fd);
	AxcConfig back;
	axc_config_defaults(&back);
	assert_true(axc_config_load(arena, &diag, path, &back));
	axc_config_print(&back, &twice);
	assert_string_equal(once.at, twice.at);
	unlink(path);
}

int main(void)
{
	arena = axc_arena_new(NULL);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_round_trip),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	axc_arena_free(arena);
	return failed;
}
