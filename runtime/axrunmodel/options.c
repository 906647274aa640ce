/* The command line of axrunmodel: parser and help from options.def. */
#include "axrunmodel.h"

#include <errno.h>
#include <getopt.h>
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
enum { CODE = 256, NEGATED = 512 }; /* of getopt: CODE + index, + NEGATED for a --no- form */

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
		return option == OPT_help; /* --no-help */
	}
}

/* getopt's tables from ours. Each long option stands once, flags a second time with --no-. */
typedef struct Getopt {
	struct option at[2 * NUM_OPTIONS + 1];
	char names[2 * NUM_OPTIONS][32], letters[2 * NUM_OPTIONS + 1];
} Getopt;

static void fill(Getopt *g)
{
	int n = 0, letters = 0;
	*g = (Getopt){0};
	for (int i = 0; i < NUM_OPTIONS; i++) {
		bool flag = table[i].kind == KIND_FLAG;
		for (int negated = 0; negated <= flag; negated++, n++) {
			dashed(g->names[n], sizeof g->names[n], negated ? "no-" : "", table[i].id);
			g->at[n] = (struct option){g->names[n], flag ? no_argument : required_argument, NULL,
			                           CODE + i + (negated ? NEGATED : 0)};
		}
		if (!table[i].letter)
			continue;
		g->letters[letters++] = table[i].letter;
		if (!flag)
			g->letters[letters++] = ':';
	}
}

static int index_of(int code)
{
	for (int i = 0; code < CODE && i < NUM_OPTIONS; i++)
		if (table[i].letter == code)
			return i;
	return (code - CODE) % NEGATED;
}

bool parse_options(Options *o, int argc, char **argv, int *ret_exit)
{
	Getopt g;
	fill(&g);
	*o = (Options){.seconds = 10, .double_buffer = -1, .input_dmabuf = -1, .output_dmabuf = -1};
	*ret_exit = EXIT_USAGE;
	for (;;) {
		int code = getopt_long(argc, argv, g.letters, g.at, NULL);
		if (code == -1)
			break;
		bool known = code != '?', on = code < CODE + NEGATED;
		int option = known ? index_of(code) : 0;
		if (known && option == OPT_help && on) {
			print_help();
			*ret_exit = 0;
			return false;
		}
		if (!known || !set_option(o, option, on, optarg)) {
			fputs("Try 'axrunmodel --help'.\n", stderr);
			return false;
		}
	}
	if (optind != argc - 1) {
		complain("wanted one MODEL.json, found %d arguments", argc - optind);
		fputs("Try 'axrunmodel --help'.\n", stderr);
		return false;
	}
	o->model = argv[optind];
	return true;
}
