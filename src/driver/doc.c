/* docs/config.md, the manual page and shell completion, from the tables. */
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

/* ---- compile(1) ---- */

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

void axc_doc_man(AxcText *out)
{
	const char *group = "";
	axc_text_str(out, ".TH COMPILE 1 \"\" \"axcompile\" \"User Commands\"\n"
	                  ".SH NAME\ncompile, axcompile \\- compile a trained ONNX network to INT8 C\n"
	                  ".SH SYNOPSIS\n.B compile\n\\fB\\-i\\fR \\fIMODEL.onnx\\fR \\fB\\-o\\fR \\fIDIR\\fR "
	                  "[\\fIoption\\fR ...]\n.SH DESCRIPTION\nQuantizes the network on calibration data and writes "
	                  "one C file and one constants file that run it in INT8,\ntogether with reports and manifests, "
	                  "into \\fIDIR\\fR.\n.SH OPTIONS\n");
	for (AxcOptionId id = 0; id < AXC_O_COUNT; id++) {
		const AxcOption *o = axc_option(id);
		if (strcmp(group, o->group) != 0)
			axc_text_f(out, ".SS %s\n", o->group);
		group = o->group;
		add_man_option(out, o);
	}
	axc_text_str(out, ".SH EXIT STATUS\n0: done; 2: wrong options, configuration or input; 1: any other error; "
	                  "128+N: ended by signal N.\n.SH FILES\n.TP\n\\fIDIR\\fR/compilation_report.json\nhow the run "
	                  "ended, in every case\n.SH SEE ALSO\n.BR axrunmodel (1)\n");
}

/* ---- completion ---- */

void axc_doc_bash(AxcText *out)
{
	AxcText words = {.arena = out->arena}, cases = {.arena = out->arena};
	axc_text_str(&cases, "");
	for (AxcOptionId id = 0; id < AXC_O_COUNT; id++) {
		const AxcOption *o = axc_option(id);
		const char *name = axc_option_name(out->arena, o);
		axc_text_f(&words, " %s", name);
		if (o->kind == AXC_OPT_FLAG)
			axc_text_f(&words, " --no-%s", name + 2);
		if (o->kind == AXC_OPT_PATH)
			axc_text_f(&cases, "\t%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", name);
		if (o->kind != AXC_OPT_CHOICE)
			continue;
		char *choices = axc_strdup(out->arena, o->choices);
		for (char *c = choices; *c; c++)
			if (*c == '|')
				*c = ' ';
		axc_text_f(&cases, "\t%s) COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); return ;;\n", name, choices);
	}
	axc_text_str(&cases, "\t--set) COMPREPLY=($(compgen -S = -W \"");
	for (AxcPropId id = 0; id < AXC_P_COUNT; id++)
		axc_text_f(&cases, "%s%s", id ? " " : "", axc_property(id)->name);
	axc_text_str(&cases, "\" -- \"$cur\")); return ;;\n");
	axc_text_f(out, "# bash completion for compile and axcompile; made by axc-doc bash\n_axcompile()\n{\n"
	                "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n\tcase $prev in\n");
	axc_text_str(out, "\t-i|-o) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
	axc_text_str(out, cases.at);
	axc_text_f(out, "\tesac\n\tCOMPREPLY=($(compgen -W \"%s\" -- \"$cur\"))\n}\n", words.at + 1);
	axc_text_str(out, "complete -o filenames -F _axcompile compile axcompile\n");
}

static void add_zsh_text(AxcText *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		if (*c == '\'')
			axc_text_str(out, "'\\'");
		else if (strchr("[]:\\", *c))
			axc_text_str(out, "\\");
		axc_text_add(out, c, 1);
	}
}

void axc_doc_zsh(AxcText *out)
{
	axc_text_str(out, "#compdef compile axcompile\n# made by axc-doc zsh\n_arguments \\\n");
	for (AxcOptionId id = 0; id < AXC_O_COUNT; id++) {
		const AxcOption *o = axc_option(id);
		const char *name = axc_option_name(out->arena, o);
		axc_text_f(out, "\t'%s%s%s[", o->kind == AXC_OPT_LIST ? "*" : "", name,
		           o->kind == AXC_OPT_FLAG ? "" : "=");
		add_zsh_text(out, o->help);
		axc_text_str(out, "]");
		if (o->kind == AXC_OPT_PATH)
			axc_text_f(out, ":%s:_files", o->meta[0] == '[' ? "file" : o->meta);
		else if (o->kind == AXC_OPT_CHOICE) {
			axc_text_f(out, ":%s:(", o->meta);
			for (const char *c = o->choices; *c; c++)
				axc_text_add(out, *c == '|' ? " " : c, 1);
			axc_text_str(out, ")");
		} else if (o->kind != AXC_OPT_FLAG)
			axc_text_f(out, ":%s:", o->meta);
		axc_text_f(out, "'%s\n", id + 1 < AXC_O_COUNT ? " \\" : "");
	}
}
