/* Shell completion for compile and axrunmodel, from the tables of options and properties. */
#include "driver/doc.h"

#include "lower/program.h"

static void add_words(AxcText *out, const char *separated)
{
	for (const char *c = separated; *c; c++)
		axc_text_add(out, *c == '|' ? " " : c, 1);
}

static void add_targets(AxcText *out)
{
	const char *const *names = axc_target_names();
	for (size_t i = 0; names[i]; i++)
		axc_text_f(out, "%s%s", i ? " " : "", names[i]);
}

/* The values of a property, separated by blanks; nothing where there is no list. */
static void add_property_values(AxcText *out, const AxcProperty *p)
{
	if (p->kind == AXC_PROP_BOOL)
		axc_text_str(out, "true false");
	else if (strcmp(p->name, "target") == 0)
		add_targets(out);
	else if (p->kind == AXC_PROP_ENUM)
		add_words(out, p->allowed);
}

static bool property_has_values(const AxcProperty *p)
{
	return p->kind == AXC_PROP_BOOL || p->kind == AXC_PROP_ENUM || strcmp(p->name, "target") == 0;
}

static bool is_set(const AxcOption *o)
{
	return strcmp(o->id, "set") == 0;
}

/* ---- bash ---- */

/* One branch of `case $option`: what may follow the option. Files are left to readline, which knows quotes. */
static void add_bash_case(AxcText *out, const AxcOption *o)
{
	if (o->kind == AXC_OPT_FLAG)
		return;
	axc_text_str(out, "\t");
	if (o->letter)
		axc_text_f(out, "-%c|", o->letter);
	axc_text_f(out, "%s) ", axc_option_name(out->arena, o));
	if (o->kind == AXC_OPT_CHOICE || (o->property && strcmp(o->property, "target") == 0)) {
		axc_text_str(out, "words=\"");
		if (o->choices)
			add_words(out, o->choices);
		else
			add_targets(out);
		axc_text_str(out, "\" ;;\n");
	} else if (is_set(o)) {
		axc_text_str(out, "compopt -o nospace; words=\"");
		for (AxcPropId id = 0; id < AXC_P_COUNT; id++)
			axc_text_f(out, "%s%s=", id ? " " : "", axc_property(id)->name);
		axc_text_str(out, "\" ;;\n");
	} else if (o->kind == AXC_OPT_PATH || o->kind == AXC_OPT_LIST) {
		axc_text_str(out, "return ;;\n");
	} else {
		axc_text_str(out, "compopt +o default; return ;;\n");
	}
}

static void add_bash_values(AxcText *out)
{
	for (AxcPropId id = 0; id < AXC_P_COUNT; id++) {
		const AxcProperty *p = axc_property(id);
		if (!property_has_values(p))
			continue;
		axc_text_f(out, "\t%s) words=\"", p->name);
		add_property_values(out, p);
		axc_text_str(out, "\" ;;\n");
	}
}

static void add_bash_options(AxcText *out, const AxcDocProgram *p)
{
	for (int i = 0; i < p->n; i++) {
		const AxcOption *o = &p->options[i];
		const char *name = axc_option_name(out->arena, o);
		axc_text_f(out, "%s%s", i ? " " : "", name);
		if (o->letter)
			axc_text_f(out, " -%c", o->letter);
		if (o->kind == AXC_OPT_FLAG)
			axc_text_f(out, " --no-%s", name + 2);
	}
}

static void add_bash(AxcText *out, const AxcDocProgram *p)
{
	axc_text_f(out, "# bash completion for %s; made by axc-doc\n_%s()\n{\n\tlocal all=\"", p->names, p->function);
	add_bash_options(out, p);
	/* "--option=value" arrives as three words, since "=" separates words in bash */
	axc_text_str(out, "\"\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} at=$((COMP_CWORD - 1)) option words=\n"
	                  "\tif [[ $cur == = ]]; then cur=; elif [[ ${COMP_WORDS[at]} == = ]]; then at=$((at - 1)); fi\n"
	                  "\toption=${COMP_WORDS[at]}\n\tCOMPREPLY=()\n\tcase $option in\n");
	for (int i = 0; i < p->n; i++)
		add_bash_case(out, &p->options[i]);
	axc_text_str(out, "\t*)\n");
	if (p->properties) {
		axc_text_str(out, "\tlocal before=${COMP_WORDS[at - 1]}\n\t[[ $before == = ]] && before=${COMP_WORDS[at - 2]}\n"
		                  "\tif ((at > 1)) && [[ $before == --set ]]; then case $option in\n");
		add_bash_values(out);
		axc_text_str(out, "\t*) compopt +o default ;;\n\tesac; fi\n");
	}
	axc_text_str(out, "\t[[ $cur == -* ]] && words=$all ;;\n\tesac\n"
	                  "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n");
	axc_text_f(out, "complete -o default -F _%s %s\n", p->function, p->names);
}

/* ---- zsh ---- */

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

/* ":message:action" of an option's value */
static void add_zsh_value(AxcText *out, const AxcOption *o)
{
	if (o->kind == AXC_OPT_FLAG)
		return;
	axc_text_str(out, ":");
	add_zsh_text(out, o->meta);
	axc_text_str(out, ":");
	if (is_set(o)) {
		axc_text_str(out, "_axcompile_set");
	} else if (o->kind == AXC_OPT_PATH || o->kind == AXC_OPT_LIST) {
		axc_text_str(out, "_files");
	} else if (o->choices || (o->property && strcmp(o->property, "target") == 0)) {
		axc_text_str(out, "(");
		if (o->choices)
			add_words(out, o->choices);
		else
			add_targets(out);
		axc_text_str(out, ")");
	}
}

static void add_zsh_spec(AxcText *out, const AxcOption *o, const char *name)
{
	axc_text_f(out, "\t'%s%s", o->kind == AXC_OPT_LIST ? "*" : "", name);
	if (o->kind != AXC_OPT_FLAG)
		axc_text_str(out, name[1] == '-' ? "=" : "+");
	axc_text_str(out, "[");
	add_zsh_text(out, o->help);
	axc_text_str(out, "]");
	add_zsh_value(out, o);
	axc_text_str(out, "' \\\n");
}

static void add_zsh_set(AxcText *out)
{
	axc_text_str(out, "_axcompile_set() {\n\tif compset -P '(#b)(*)='; then\n\t\tcase ${${IPREFIX%=}##*=} in\n");
	for (AxcPropId id = 0; id < AXC_P_COUNT; id++) {
		const AxcProperty *p = axc_property(id);
		if (!property_has_values(p))
			continue;
		axc_text_f(out, "\t\t%s) compadd -- ", p->name);
		add_property_values(out, p);
		axc_text_str(out, " ;;\n");
	}
	axc_text_str(out, "\t\tesac\n\telse\n\t\tcompadd -q -S = --");
	for (AxcPropId id = 0; id < AXC_P_COUNT; id++)
		axc_text_f(out, " %s", axc_property(id)->name);
	axc_text_str(out, "\n\tfi\n}\n");
}

static void add_zsh(AxcText *out, const AxcDocProgram *p)
{
	axc_text_f(out, "#compdef %s\n# made by axc-doc\nsetopt localoptions extendedglob\n", p->names);
	if (p->properties)
		add_zsh_set(out);
	axc_text_str(out, "_arguments -s \\\n");
	for (int i = 0; i < p->n; i++) {
		const AxcOption *o = &p->options[i];
		const char *name = axc_option_name(out->arena, o);
		add_zsh_spec(out, o, name);
		if (o->letter)
			add_zsh_spec(out, o, axc_format(out->arena, "-%c", o->letter));
		if (o->kind == AXC_OPT_FLAG)
			add_zsh_spec(out, o, axc_format(out->arena, "--no-%s", name + 2));
	}
	axc_text_f(out, "\t'*:%s:_files'\n", p->properties ? "file" : "model");
}

void axc_doc_bash(AxcText *out)
{
	add_bash(out, axc_doc_compile());
}

void axc_doc_zsh(AxcText *out)
{
	add_zsh(out, axc_doc_compile());
}

void axc_doc_run_bash(AxcText *out)
{
	add_bash(out, axc_doc_axrunmodel());
}

void axc_doc_run_zsh(AxcText *out)
{
	add_zsh(out, axc_doc_axrunmodel());
}
