/* The command line of axrunmodel: parser and help from options.def. */
#include "axrunmodel.h"
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct Option {
	const char *id, *group, *meta, *help, *choices, *fallback;
	enum { KIND_FLAG, KIND_TEXT, KIND_PATH, KIND_INT, KIND_CHOICE, KIND_LIST } kind;
	char letter;
} Option;

#define AXRX_OPTION(id_, kind_, letter_, group_, meta_, help_, ...) \
	{.id = #id_, .kind = KIND_##kind_, .letter = letter_, .group = group_, .meta = meta_, .help = help_, __VA_ARGS__},
static const Option table[] = {
#include "options.def"
};
#undef AXRX_OPTION
#define AXRX_OPTION(id_, ...) OPT_##id_,
enum {
#include "options.def"
	NUM_OPTIONS
};
#undef AXRX_OPTION

/* ---- help ---- */

/* "double-buffer" of "double_buffer" */
static void dashed(char *to, size_t bytes, const char *prefix, const char *id)
{
	snprintf(to, bytes, "%s%s", prefix, id);
	for (; *to; to++)
		if (*to == '_')
			*to = '-';
}

/* `text` in columns 26 to 100; the line stands at `column`. */
static void print_wrapped(const char *text, int column)
{
	enum { INDENT = 26, WIDTH = 100 };
	if (column > INDENT - 2)
		printf("\n%*s", INDENT, "");
	else
		printf("%*s", INDENT - column, "");
	column = INDENT;
	while (*text) {
		int n = (int)strcspn(text, " ");
		if (column > INDENT && column + 1 + n > WIDTH)
			column = printf("\n%*s", INDENT, "") - 1;
		else if (column > INDENT)
			column += printf(" ");
		column += printf("%.*s", n, text);
		text += n + (text[n] == ' ');
	}
	puts("");
}

static void print_help(void)
{
	const char *group = "";
	puts("usage: axrunmodel MODEL.json [options]\n\nRuns a compiled model (compiled_model/model.json) and reports its "
	     "speed. Without --input every\nframe has the same seeded random data.");
	for (int i = 0; i < NUM_OPTIONS; i++) {
		const Option *o = &table[i];
		char name[64], letter[8] = "", text[1024];
		if (strcmp(group, o->group) != 0)
			printf("\n%s:\n", o->group);
		group = o->group;
		dashed(name, sizeof name, o->kind == KIND_FLAG ? "--[no-]" : "--", o->id);
		if (o->letter)
			snprintf(letter, sizeof letter, "-%c, ", o->letter);
		snprintf(text, sizeof text, o->fallback ? "%s (default: %s)" : "%s", o->help, o->fallback);
		print_wrapped(text, printf("  %s%s%s%s", letter, name, o->meta ? " " : "", o->meta ? o->meta : ""));
	}
}

bool complain(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("axrunmodel: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return false;
}

/* ---- values ---- */

static bool number(const char *option, const char *text, double min, double max, bool whole, double *ret)
{
	char *end;
	errno = 0;
	double value = strtod(text, &end);
	if (end == text || *end || errno || !(value >= min && value <= max) || (whole && value != (double)(long long)value))
		return complain("%s: wanted a %snumber from %.17g to %.17g, found '%s'", option, whole ? "whole " : "",
		                min, max, text);
	*ret = value;
	return true;
}

static bool check_devices(const char *list)
{
	for (const char *at = list;; at++) {
		char *end;
		long index = strtol(at, &end, 10);
		if (end == at || (*end && *end != ','))
			return complain("--devices: wanted indices separated by commas, found '%s'", list);
		if (index != 0)
			return complain("--devices: there is no device %ld, only 0 (the CPU)", index);
		if (!*end)
			return true;
		at = end;
	}
}

static bool set_option(Options *o, int option, bool on, const char *value)
{
	double n;
	switch (option) {
	case OPT_input:
		if (o->num_inputs == MAX_INPUTS)
			return complain("--input: more than %d", MAX_INPUTS);
		o->inputs[o->num_inputs++] = value;
		return true;
	case OPT_output_dir:
		o->output_dir = value;
		return true;
	case OPT_io:
		if (strcmp(value, "float") != 0 && strcmp(value, "int8") != 0)
			return complain("--io: wanted float or int8, found '%s'", value);
		o->io = value[0] == 'f' ? AXRX_FLOAT : AXRX_INT8;
		return o->io_given = true;
	case OPT_seconds:
		return o->seconds_given = number("--seconds", value, 0, 1e9, false, &o->seconds);
	case OPT_frames:
		if (!number("--frames", value, 1, 1e15, true, &n))
			return false;
		o->frames = (uint64_t)n;
		return true;
	case OPT_throttle_fps:
		return number("--throttle-fps", value, 1e-3, 1e9, false, &o->throttle_fps);
	case OPT_aipu_cores:
		if (!number("--aipu-cores", value, 1, 256, true, &n))
			return false;
		o->cores = (unsigned)n;
		return true;
	case OPT_devices:
		return check_devices(value);
	case OPT_json:
		o->json = on;
		return true;
	case OPT_profile:
		o->profile = on;
		return true;
	case OPT_show_histogram:
		o->histogram = on;
		return true;
	case OPT_show_bar_chart:
		o->bar_chart = on;
		return true;
	case OPT_double_buffer:
		o->double_buffer = on;
		return true;
	case OPT_input_dmabuf:
		o->input_dmabuf = on;
		return true;
	case OPT_output_dmabuf:
		o->output_dmabuf = on;
		return true;
	default:
		return true;
	}
}

/* ---- the command line ---- */

typedef struct Parser {
	Options *o;
	int argc, at;
	char **argv;
	int num_models;
	bool help;
} Parser;

/* The option called name[0..n) without its dashes; NUM_OPTIONS: none. Only whole names count. */
static int find_long(const char *name, size_t n, bool *ret_negated)
{
	char text[64];
	for (int i = 0; i < NUM_OPTIONS; i++) {
		for (int negated = 0; negated <= (table[i].kind == KIND_FLAG); negated++) {
			dashed(text, sizeof text, negated ? "no-" : "", table[i].id);
			*ret_negated = negated;
			if (strlen(text) == n && memcmp(text, name, n) == 0)
				return i;
		}
	}
	return NUM_OPTIONS;
}

enum { LONGEST = 40 }; /* option name */

/* The only option that begins with `name`, or the closest; NULL: none is like it. names: where they are kept. */
static const char *closest(const char *name, char names[2 * NUM_OPTIONS][LONGEST])
{
	const char *candidates[2 * NUM_OPTIONS], *begins = NULL;
	size_t n = 0, num_begins = 0;
	for (int i = 0; i < NUM_OPTIONS; i++) {
		for (int negated = 0; negated <= (table[i].kind == KIND_FLAG); negated++) {
			dashed(names[n], LONGEST, negated ? "--no-" : "--", table[i].id);
			candidates[n] = names[n];
			if (strlen(name) > 2 && !negated && strncmp(names[n], name, strlen(name)) == 0) {
				begins = names[n];
				num_begins++;
			}
			n++;
		}
	}
	return num_begins == 1 ? begins : axc_closest(name, candidates, n);
}

static bool unknown_option(const char *arg)
{
	char name[LONGEST + 1], names[2 * NUM_OPTIONS][LONGEST];
	snprintf(name, sizeof name, "%.*s", (int)strcspn(arg, "="), arg);
	const char *found = closest(name, names);
	if (found)
		return complain("there is no option '%s'; did you mean %s?", arg, found);
	return complain("there is no option '%s'", arg);
}

/* The value attached to the option called `name`, or the next argument. */
static bool take_value(Parser *p, int option, const char *name, const char *attached)
{
	const char *value = attached;
	bool negated;
	if (!value && p->at < p->argc) {
		const char *next = p->argv[p->at];
		if (strncmp(next, "--", 2) != 0 || find_long(next + 2, strcspn(next + 2, "="), &negated) == NUM_OPTIONS) {
			value = next;
			p->at++;
		}
	}
	if (!value)
		return complain("%s wants a value: %s %s", name, name, table[option].meta);
	return set_option(p->o, option, true, value);
}

static bool parse_long(Parser *p, const char *arg)
{
	size_t n = strcspn(arg + 2, "=");
	const char *attached = arg[2 + n] ? arg + 2 + n + 1 : NULL;
	char name[64];
	bool negated;
	int option = find_long(arg + 2, n, &negated);
	if (option == NUM_OPTIONS)
		return unknown_option(arg);
	dashed(name, sizeof name, negated ? "--no-" : "--", table[option].id);
	if (table[option].kind != KIND_FLAG)
		return take_value(p, option, name, attached);
	if (attached)
		return complain("%s takes no value, found '%s'", name, attached);
	p->help |= option == OPT_help && !negated;
	return option == OPT_help || set_option(p->o, option, !negated, NULL);
}

static bool parse_short(Parser *p, const char *arg)
{
	for (const char *c = arg + 1; *c; c++) {
		int option = 0;
		while (option < NUM_OPTIONS && table[option].letter != *c)
			option++;
		if (option == NUM_OPTIONS)
			return unknown_option(arg);
		const char name[] = {'-', *c, '\0'};
		if (table[option].kind != KIND_FLAG)
			return take_value(p, option, name, c[1] ? c + 1 : NULL);
		p->help |= option == OPT_help;
		if (option != OPT_help && !set_option(p->o, option, true, NULL))
			return false;
	}
	return true;
}

/* All arguments up to --help; behind "--" there are no options. */
static bool parse_all(Parser *p)
{
	bool options = true;
	while (p->at < p->argc && !p->help) {
		const char *arg = p->argv[p->at++];
		bool ok = true;
		if (options && strcmp(arg, "--") == 0) {
			options = false;
		} else if (options && strncmp(arg, "--", 2) == 0) {
			ok = parse_long(p, arg);
		} else if (options && arg[0] == '-' && arg[1]) {
			ok = parse_short(p, arg);
		} else {
			p->o->model = arg;
			p->num_models++;
		}
		if (!ok)
			return false;
	}
	return p->help || p->num_models == 1 || complain("wanted one MODEL.json, found %d arguments", p->num_models);
}

bool parse_options(Options *o, int argc, char **argv, int *ret_exit)
{
	Parser p = {.o = o, .argc = argc, .at = 1, .argv = argv};
	*o = (Options){.seconds = 10, .double_buffer = -1, .input_dmabuf = -1, .output_dmabuf = -1};
	bool ok = parse_all(&p);
	*ret_exit = ok ? 0 : EXIT_USAGE;
	if (!ok)
		fputs("Try 'axrunmodel --help'.\n", stderr);
	else if (p.help)
		print_help();
	return ok && !p.help;
}
