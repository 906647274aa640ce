/* What is taken out of texts for error_artifact.zip, and what stays. */
#include "driver/reduce.h"

#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

static AxcReduce r;

static void gives(const char *text, const char *wanted)
{
	const char *found = axc_reduce_text(&r, text);
	if (strcmp(found, wanted) != 0)
		fail_msg("for <%s> found <%s>, wanted <%s>", text, found, wanted);
}

static void test_paths(void **state)
{
	(void)state;
	gives("", "");
	gives("/usr/share/x.c:3:5: error", "x.c:3:5: error");
	gives("cc -I/usr/inc -o /tmp/a.o '/usr/my own/b.c' --sysroot=/usr/q/", "cc -Iinc -o a.o 'b.c' --sysroot=q");
	gives("at /model.22/Concat and model/usr/y, 3/4, a / b, /", "at /model.22/Concat and model/usr/y, 3/4, a / b, /");
	gives("https://example.org/usr/a file:///usr/lib/b", "https://example.org/usr/a file:b");
	gives("two\n/usr/a\n\n/usr/b/c", "two\na\n\nc");
	gives("/home /usr", "home usr");
}

static void test_known(void **state)
{
	(void)state;
	gives("cannot open /none/the user/my dir/x.py.", "cannot open x.py.");
	gives("/none/the\\x20user/my\\x20dir/x.py", "x.py");
	gives("/none/the user", "~");
	gives("'/none/the user/other one/y z.txt' is", "'y z.txt' is");
	gives("/none/the users/y", "/none/the users/y"); /* another directory, of a root that is not there */
	gives("/none/out/compiled_model/kernel_function.c", "compiled_model/kernel_function.c");
	gives("/none/out/.compiled_model.tmp-7/k.c /none/out", ".compiled_model.tmp-7/k.c out");
	gives("/none/out/own/file", "file");
	gives("found /none/pics/sub/me.jpeg", "found *.jpeg");
	assert_string_equal(axc_reduce_path(&r, "/none/anything/at all"), "at all");
	assert_string_equal(axc_reduce_path(&r, "/none/the user"), "~");
	assert_string_equal(axc_reduce_path(&r, "plain"), "plain");
	assert_null(axc_reduce_path(&r, NULL));
	assert_null(axc_reduce_text(&r, NULL));
}

static void test_own_words(void **state)
{
	(void)state;
	gives("x DEBUG   python 31: printed\nnext", "x DEBUG   python 31:\nnext");
	gives("/usr/bin/python3: Python 3.11.2", "python3: Python 3.11.2");
	gives("image 'me/you.png': the transform failed: KeyError: 'pin'", "image '*.png': the transform failed: KeyError");
	gives("skipped 'notes': no", "skipped '*': no");
	assert_string_equal(axc_reduce_traceback(&r, "Traceback (most recent call last):\n  File \"/usr/a/t.py\", line 4, "
	                                             "in f\n    secret()\nmod.Error: told\nmore of it\n"),
	                    "Traceback (most recent call last):\n  File \"t.py\", line 4, in f\nmod.Error\n");
	assert_string_equal(axc_reduce_traceback(&r, "printed\n\nTraceback (most recent call last):\n  File \"a.py\", line 1\n"
	                                             "    x = (\n        ^\nSyntaxError: x\nsecond: line\n"),
	                    "Traceback (most recent call last):\n  File \"a.py\", line 1\nSyntaxError\n");
	assert_null(axc_reduce_traceback(&r, "printed\nsecret: 5\n"));
	assert_null(axc_reduce_traceback(&r, NULL));
}

int main(void)
{
	r.arena = axc_arena_new(NULL);
	axc_reduce_know(&r, (AxcKnownPath){.path = "/none/the user/", .home = true});
	axc_reduce_know(&r, (AxcKnownPath){.path = "/none/the user/my dir"});
	axc_reduce_know(&r, (AxcKnownPath){.path = "/none/out", .output = true});
	axc_reduce_know(&r, (AxcKnownPath){.path = "/none/pics", .pictures = true});
	axc_reduce_know(&r, (AxcKnownPath){.path = "/"});
	axc_reduce_know(&r, (AxcKnownPath){.path = NULL});
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_own_words),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	axc_arena_free(r.arena);
	return failed;
}
