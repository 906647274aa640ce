/* --help: the options in groups, wrapped to 100 columns, from the table. */
#include "driver/options.h"

enum { INDENT = 28, WIDTH = 100 };

void axc_options_usage(AxcText *out)
{
	axc_text_str(out, "usage: compile -i MODEL.onnx -o DIR [option ...]\n"
	                  "       compile -i DIR/quantized_model/quantized_model_manifest.json -o DIR [option ...]\n"
	                  "       compile --generate-config DIR\n"
	                  "       compile --help\n");
}

/* Words of `text` from column INDENT on; `column` is where the line stands now. */
static void add_wrapped(AxcText *out, const char *text, size_t column)
{
	while (*text) {
		size_t n = strcspn(text, " ");
		if (column > INDENT && column + 1 + n > WIDTH) {
			axc_text_f(out, "\n%*s", INDENT, "");
			column = INDENT;
		}
		if (column > INDENT) {
			axc_text_str(out, " ");
			column++;
		}
		axc_text_add(out, text, n);
		column += n;
		text += n;
		text += strspn(text, " ");
	}
}

static void add_option(AxcText *out, const AxcOption *o)
{
	size_t start = out->n;
	if (o->letter)
		axc_text_f(out, "  -%c, ", o->letter);
	else
		axc_text_str(out, "      ");
	const char *name = axc_option_name(out->arena, o);
	axc_text_f(out, o->kind == AXC_OPT_FLAG ? "--[no-]%s" : "--%s", name + 2);
	if (o->meta)
		axc_text_f(out, " %s", o->meta);
	if (out->n - start > INDENT - 2)
		axc_text_f(out, "\n%*s", INDENT, "");
	else
		axc_text_f(out, "%*s", (int)(INDENT - (out->n - start)), "");
	const char *help = o->help;
	if (o->fallback)
		help = axc_format(out->arena, "%s (default: %s)", help, o->fallback);
	add_wrapped(out, help, INDENT);
	axc_text_str(out, "\n");
}

void axc_options_help(AxcText *out)
{
	axc_options_usage(out);
	axc_text_str(out, "\nCompiles a trained ONNX network into one C file and one constants file that run it "
	                  "in INT8.\n");
	const char *group = "";
	for (AxcOptionId id = 0; id < AXC_O_COUNT; id++) {
		const AxcOption *o = axc_option(id);
		if (strcmp(group, o->group) != 0)
			axc_text_f(out, "\n%s:\n", o->group);
		group = o->group;
		add_option(out, o);
	}
	axc_text_str(out, "\nLong options also take their value as --option=VALUE. Of an option given twice the last one counts.\n"
	                  "Exit status: 0 done; 2 wrong options, configuration or input (INITIALIZE_CLI_ERROR); 1 any other\n"
	                  "error; 128+N ended by signal N. The outcome is in DIR/compilation_report.json.\n");
}
