/* docs/config.md and the manual pages, from the tables. */
#include "driver/doc.h"

/* ---- docs/config.md ---- */

/* `|` would end the cell. */
static void add_cell(AxcText *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		if (*c == '|')
			axc_text_str(out, "\\");
		axc_text_add(out, c, 1);
	}
}

static void add_property(AxcText *out, const AxcConfig *defaults, AxcPropId id)
{
	const AxcProperty *p = axc_property(id);
	axc_text_f(out, "| `%s` | `", p->name);
	axc_prop_value_print(out->arena, p, &defaults->at[id], out);
	axc_text_str(out, "` | ");
	add_cell(out, axc_property_range(out->arena, p));
	axc_text_str(out, " | ");
	add_cell(out, p->help);
	if (p->effect == AXC_EFFECT_HW)
		axc_text_str(out, " *(Effect: none: describes hardware that CPUs lack.)*");
	axc_text_str(out, " |\n");
}

void axc_doc_config(AxcText *out)
{
	AxcConfig defaults;
	const char *group = "";
	axc_config_defaults(&defaults);
	axc_text_str(out, "# The configuration\n\n"
	                  "Made from `src/driver/config.def` by `axc-doc config`; do not edit.\n\n"
	                  "A configuration is one flat JSON object. `compile --generate-config DIR` writes all properties "
	                  "with their\ndefaults; a file given with `--conf` may name any of them; `--set KEY=VALUE` sets "
	                  "one. The values of a run are in\nits `conf.json`. A property without effect is accepted, "
	                  "checked and kept, and a warning says so when it is set.\n");
	for (AxcPropId id = 0; id < AXC_P_COUNT; id++) {
		const AxcProperty *p = axc_property(id);
		if (strcmp(group, p->group) != 0)
			axc_text_f(out, "\n## %s\n\n| property | default | allowed | meaning |\n| --- | --- | --- | --- |\n",
			           p->group);
		group = p->group;
		add_property(out, &defaults, id);
	}
}

/* ---- compile(1), axrunmodel(1) ---- */

static void add_roff(AxcText *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		if (*c == '\\' || *c == '-')
			axc_text_str(out, "\\");
		axc_text_add(out, c, 1);
	}
}

static void add_man_option(AxcText *out, const AxcOption *o)
{
	axc_text_str(out, ".TP\n\\fB");
	if (o->letter)
		axc_text_f(out, "\\-%c\\fR, \\fB", o->letter);
	add_roff(out, axc_option_name(out->arena, o));
	axc_text_str(out, "\\fR");
	if (o->kind == AXC_OPT_FLAG) {
		axc_text_str(out, ", \\fB\\-\\-no\\-");
		add_roff(out, axc_option_name(out->arena, o) + 2);
		axc_text_str(out, "\\fR");
	}
	if (o->meta)
		axc_text_f(out, " \\fI%s\\fR", o->meta);
	axc_text_str(out, "\n");
	add_roff(out, o->help);
	axc_text_str(out, ".\n");
	if (o->fallback) {
		axc_text_str(out, "Default: ");
		add_roff(out, o->fallback);
		axc_text_str(out, ".\n");
	}
}

const AxcDocProgram *axc_doc_compile(void)
{
	static AxcDocProgram p = {
		.names = "compile axcompile", .function = "axcompile", .title = "COMPILE", .n = AXC_O_COUNT, .properties = true,
		.line = "compile, axcompile \\- compile a trained ONNX network to INT8 C",
		.synopsis = ".B compile\n\\fB\\-i\\fR \\fIMODEL.onnx\\fR \\fB\\-o\\fR \\fIDIR\\fR [\\fIoption\\fR ...]\n",
		.description = "Quantizes the network on calibration data and writes one C file and one constants file that run it "
		               "in INT8,\ntogether with reports and manifests, into \\fIDIR\\fR.\n",
		.rest = ".SH EXIT STATUS\n0: done; 2: wrong options, configuration or input; 1: any other error; 128+N: ended by "
		        "signal N.\n.SH FILES\n.TP\n\\fIDIR\\fR/compilation_report.json\nhow the run ended, in every case\n"
		        ".SH SEE ALSO\n.BR axrunmodel (1)\n"};
	p.options = axc_option(0);
	return &p;
}

const AxcDocProgram *axc_doc_axrunmodel(void)
{
#define AXRX_OPTION(id_, kind_, letter_, group_, meta_, help_, ...)                                                   \
	{.id = #id_, .kind = AXC_OPT_##kind_, .letter = letter_, .group = group_, .meta = meta_, .help = help_, __VA_ARGS__},
	static const AxcOption options[] = {
#include "runtime/axrunmodel/options.def"
	};
#undef AXRX_OPTION
	static const AxcDocProgram p = {
		.names = "axrunmodel", .function = "axrunmodel", .title = "AXRUNMODEL",
		.line = "axrunmodel \\- run a compiled network and report its speed",
		.synopsis = ".B axrunmodel\n\\fIMODEL.json\\fR [\\fIoption\\fR ...]\n",
		.description = "Runs compiled_model/model.json. Without \\fB\\-\\-input\\fR every frame has the same seeded random data.\n",
		.rest = ".SH EXIT STATUS\n0: done; 2: wrong options; 1: any other error.\n.SH SEE ALSO\n.BR compile (1)\n",
		.options = options, .n = AXC_COUNT(options)};
	return &p;
}

static void add_man(AxcText *out, const AxcDocProgram *p)
{
	const char *group = "";
	axc_text_f(out, ".TH %s 1 \"\" \"axcompile\" \"User Commands\"\n.SH NAME\n%s\n.SH SYNOPSIS\n%s.SH DESCRIPTION\n%s"
	                ".SH OPTIONS\n", p->title, p->line, p->synopsis, p->description);
	for (int i = 0; i < p->n; i++) {
		if (strcmp(group, p->options[i].group) != 0)
			axc_text_f(out, ".SS %s\n", p->options[i].group);
		group = p->options[i].group;
		add_man_option(out, &p->options[i]);
	}
	axc_text_str(out, p->rest);
}

void axc_doc_man(AxcText *out)
{
	add_man(out, axc_doc_compile());
}

void axc_doc_run_man(AxcText *out)
{
	add_man(out, axc_doc_axrunmodel());
}
