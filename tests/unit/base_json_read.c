/* The JSON reader: values, positions in messages, refusal of what RFC 8259 does not allow. */
#include "base/json_read.h"

#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

static AxcArena *arena;
static AxcDiag diag;

static const AxcJsonValue *parse(const char *text)
{
	axc_diag_init(&diag, arena);
	const AxcJsonValue *v = NULL;
	return axc_json_parse(arena, &diag, "f.json", text, strlen(text), &v) ? v : NULL;
}

static void refuses(const char *text, const char *message)
{
	assert_null(parse(text));
	if (!strstr(diag.error.message, message))
		fail_msg("for <%s> found '%s', wanted '%s'", text, diag.error.message, message);
}

static void test_values(void **state)
{
	(void)state;
	const AxcJsonValue *v = parse("{\"a\": [1, -2.5e1, true, null],\n  \"b\\u00e9\": \"x\\n\\ud83d\\ude00\"}\n");
	assert_non_null(v);
	assert_int_equal(v->n, 2);
	const AxcJsonValue *a = axc_json_get(v, "a");
	assert_int_equal(a->n, 4);
	assert_int_equal(a->item[0].kind, AXC_JSON_INT);
	assert_int_equal(a->item[0].integer, 1);
	assert_true(a->item[1].kind == AXC_JSON_REAL && a->item[1].real == -25.0);
	assert_true(a->item[2].kind == AXC_JSON_BOOL && a->item[2].boolean);
	assert_int_equal(a->item[3].kind, AXC_JSON_NULL);
	const AxcJsonValue *b = axc_json_get(v, "b\xc3\xa9");
	assert_string_equal(b->string, "x\n\xf0\x9f\x98\x80");
	assert_int_equal(b->line, 2);
	assert_int_equal(b->column, 3);
	v = parse("99999999999999999999");
	assert_true(v && v->kind == AXC_JSON_REAL && v->real == 1e20);
}

static void test_refusals(void **state)
{
	(void)state;
	refuses("", "f.json:1:1: not valid JSON: expected a value, found the end of the file");
	refuses("{\"a\": 1,}", "f.json:1:9: not valid JSON: expected a string, found '}'");
	refuses("{\"a\": 1\n \"b\": 2}", "f.json:2:2: not valid JSON: expected ',' or '}'");
	refuses("[01]", "f.json:1:3");
	refuses("[1.]", "expected a digit");
	refuses("\"a", "closing quotation mark");
	refuses("\"\\u0000\"", "\\u0000");
	refuses("\"\\ud800x\"", "surrogate");
	refuses("\"\xff\"", "expected UTF-8");
	refuses("\"\xed\xa0\x80\"", "expected UTF-8");
	refuses("nul", "expected a value");
	refuses("1 2", "expected nothing more");
	refuses("{\"a\": 1,\n\"a\": 2}", "f.json:2:1: the key \"a\" stands here a second time (first in line 1)");
}

static void test_depth(void **state)
{
	(void)state;
	char text[300] = {0};
	memset(text, '[', 65);
	refuses(text, "nested more than 64 deep");
	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	text[128] = 0;
	assert_non_null(parse(text));
}

static void test_want(void **state)
{
	(void)state;
	const AxcJsonValue *v = parse("{\n \"a\": 1}"), *a;
	assert_true(axc_json_want(&diag, "f.json", v, "a", AXC_JSON_INT, &a));
	assert_true(axc_json_want(&diag, "f.json", v, "a", AXC_JSON_REAL, &a));
	assert_false(axc_json_want(&diag, "f.json", v, "a", AXC_JSON_STRING, &a));
	assert_string_equal(diag.error.message, "f.json:2:2: \"a\" must be a string, found an integer");
	axc_diag_init(&diag, arena);
	assert_false(axc_json_want(&diag, "f.json", v, "b", AXC_JSON_INT, &a));
	assert_string_equal(diag.error.message, "f.json:1:1: the key \"b\" is missing");
}

int main(void)
{
	arena = axc_arena_new(NULL);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_want),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	axc_arena_free(arena);
	return failed;
}
