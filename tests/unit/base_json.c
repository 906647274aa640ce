/* The JSON writer: layout, escapes, numbers that read back. */
#include "base/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void layout(void **state)
{
	(void)state;
	AxcArena *arena = axc_arena_new(NULL);
	AxcText t = {.arena = arena};
	AxcJsonOut j = axc_json(&t);
	axc_json_object(&j, NULL);
	axc_json_int(&j, "a", INT64_MIN);
	axc_json_uint(&j, "b", UINT64_MAX);
	axc_json_ints(&j, "shape", (const int64_t[]){1, 3}, 2);
	axc_json_array(&j, "nodes");
	axc_json_object_row(&j, NULL);
	axc_json_bool(&j, "yes", true);
	axc_json_row(&j, "none");
	axc_json_end(&j);
	axc_json_end(&j);
	axc_json_str(&j, NULL, NULL);
	axc_json_end(&j);
	axc_json_object(&j, "empty");
	axc_json_end(&j);
	axc_json_end(&j);
	assert_string_equal(t.at, "{\n  \"a\": -9223372036854775808,\n  \"b\": 18446744073709551615,\n"
	                          "  \"shape\": [1, 3],\n  \"nodes\": [\n    {\"yes\": true, \"none\": []},\n"
	                          "    null\n  ],\n  \"empty\": {}\n}\n");
	axc_arena_free(arena);
}

static const char *text_of(AxcArena *arena, const char *string)
{
	AxcText t = {.arena = arena};
	AxcJsonOut j = axc_json(&t);
	axc_json_str(&j, NULL, string);
	return t.at;
}

static void escapes(void **state)
{
	(void)state;
	AxcArena *arena = axc_arena_new(NULL);
	assert_string_equal(text_of(arena, "*/\"\\\n\t\033[0m"), "\"*/\\\"\\\\\\n\\t\\u001b[0m\"");
	assert_string_equal(text_of(arena, "\xc3\xa9 \xf0\x9f\x98\x80"), "\"\\u00e9 \\ud83d\\ude00\"");
	/* not UTF-8: lone byte, overlong, surrogate, cut short at the end */
	assert_string_equal(text_of(arena, "\xe9x"), "\"\\u00e9x\"");
	assert_string_equal(text_of(arena, "\xc0\xaf"), "\"\\u00c0\\u00af\"");
	assert_string_equal(text_of(arena, "\xed\xa0\x80"), "\"\\u00ed\\u00a0\\u0080\"");
	assert_string_equal(text_of(arena, "\xf0\x9f"), "\"\\u00f0\\u009f\"");
	axc_arena_free(arena);
}

static void numbers(void **state)
{
	(void)state;
	AxcArena *arena = axc_arena_new(NULL);
	AxcText t = {.arena = arena};
	AxcJsonOut j = axc_json(&t);
	axc_json_floats(&j, NULL, (const float[]){0.1f, -0.0f, 1e-45f, 3.4028235e38f, INFINITY, NAN}, 6);
	assert_string_equal(t.at, "[0.1, -0.0, 1.4013e-45, 3.4028235e+38, \"inf\", \"nan\"]\n");
	t.n = 0;
	j = axc_json(&t);
	axc_json_double(&j, NULL, 0.1);
	assert_string_equal(t.at, "0.1");
	axc_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(layout), cmocka_unit_test(escapes),
	                                   cmocka_unit_test(numbers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
