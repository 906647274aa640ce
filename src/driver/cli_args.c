/* cli_args.json: the options of a run, so that another run can have the same. One key per option, null
 * where it was not given. Shorthands win over --set on the same side (stored, or given now), so where a
 * --set given now names what a stored shorthand sets, the stored one is dropped, and the new file says
 * what was meant. */
#include "driver/options.h"

#include "base/json.h"

/* ---- out ---- */

void axc_options_print(const AxcOptions *o, AxcText *out)
{
	AxcJsonOut j = axc_json(out);
	axc_json_object(&j, NULL);
	axc_json_int(&j, "format_version", AXC_CLI_ARGS_FORMAT);
	for (AxcOptionId id = 0; id < AXC_O_COUNT; id++) {
		const AxcOption *opt = axc_option(id);
		const AxcOptionValue *v = &o->at[id];
		if (opt->not_stored)
			continue;
		if (!v->given && !(opt->kind == AXC_OPT_LIST && o->set.n)) {
			axc_json_null(&j, opt->id);
			continue;
		}
		switch (opt->kind) {
		case AXC_OPT_FLAG: axc_json_bool(&j, opt->id, v->flag); break;
		case AXC_OPT_INT: axc_json_int(&j, opt->id, v->integer); break;
		case AXC_OPT_LIST: axc_json_strs(&j, opt->id, o->set.at, o->set.n); break;
		case AXC_OPT_TEXT:
		case AXC_OPT_PATH:
		case AXC_OPT_CHOICE: axc_json_str(&j, opt->id, v->text); break;
		}
	}
	axc_json_end(&j);
}

/* ---- in ---- */

typedef struct Loader {
	AxcArena *arena;
	AxcDiag *d;
	const char *file;
	AxcOptions *o;
} Loader;

static bool wrong(Loader *l, const AxcJsonValue *v, const char *wanted)
{
	return axc_fail(l->d, "%s:%d:%d: \"%s\" must be %s or null, found %s", l->file, v->line, v->column,
	                v->key, wanted, axc_json_kind_name(v->kind));
}

static bool load_list(Loader *l, const AxcJsonValue *v)
{
	for (uint32_t i = 0; i < v->n; i++) {
		if (v->item[i].kind != AXC_JSON_STRING)
			return wrong(l, v, "a list of texts");
		if (!strchr(v->item[i].string, '='))
			return axc_fail(l->d, "%s:%d:%d: \"set\" is a list of KEY=VALUE, found '%s'", l->file, v->item[i].line,
			                v->item[i].column, axc_safe_name(l->arena, v->item[i].string));
		AXC_PUSH(l->arena, &l->o->set, v->item[i].string);
		AXC_PUSH(l->arena, &l->o->set_origin,
		         axc_format(l->arena, "%s:%d:%d", l->file, v->item[i].line, v->item[i].column));
	}
	return true;
}

/* One option into a set of options of its own; merging comes later. */
static bool load_value(Loader *l, AxcOptionId id, const AxcJsonValue *v)
{
	const AxcOption *opt = axc_option(id);
	const char *origin = axc_format(l->arena, "%s:%d:%d: \"%s\"", l->file, v->line, v->column, v->key);
	if (v->kind == AXC_JSON_NULL)
		return true;
	if (opt->kind == AXC_OPT_FLAG) {
		l->o->at[id] = (AxcOptionValue){.given = true, .flag = v->boolean};
		return v->kind == AXC_JSON_BOOL || wrong(l, v, "true, false");
	}
	if (opt->kind == AXC_OPT_LIST)
		return v->kind == AXC_JSON_ARRAY ? load_list(l, v) : wrong(l, v, "a list of texts");
	if (opt->kind == AXC_OPT_INT) {
		if (v->kind != AXC_JSON_INT)
			return wrong(l, v, "an integer");
		const char *text = axc_format(l->arena, "%lld", (long long)v->integer);
		return axc_option_set(l->arena, l->d, origin, id, text, l->o);
	}
	if (v->kind != AXC_JSON_STRING)
		return wrong(l, v, "a text");
	return axc_option_set(l->arena, l->d, origin, id, v->string, l->o);
}

static bool unknown_key(Loader *l, const AxcJsonValue *v)
{
	const char *names[AXC_O_COUNT];
	size_t n = 0;
	for (AxcOptionId id = 0; id < AXC_O_COUNT; id++)
		if (!axc_option(id)->not_stored)
			names[n++] = axc_option(id)->id;
	axc_fail(l->d, "%s:%d:%d: there is no option \"%s\"", l->file, v->line, v->column,
	         axc_safe_name(l->arena, v->key));
	const char *closest = axc_closest(v->key, names, n);
	return closest ? axc_diag_hint(l->d, "did you mean \"%s\"?", closest) : false;
}

/* Does a --set given now set this property? */
static bool set_now(const AxcOptions *o, const char *property)
{
	size_t n = strlen(property);
	for (uint32_t i = 0; i < o->set.n; i++)
		if (strncmp(o->set.at[i], property, n) == 0 && o->set.at[i][n] == '=')
			return true;
	return false;
}

static void add_sets(AxcArena *arena, const AxcOptions *from, AxcOptions *to)
{
	for (uint32_t i = 0; i < from->set.n; i++) {
		AXC_PUSH(arena, &to->set, from->set.at[i]);
		AXC_PUSH(arena, &to->set_origin, from->set_origin.at[i]);
	}
}

static void merge(AxcArena *arena, const AxcOptions *stored, AxcOptions *o)
{
	bool new_conf = o->at[AXC_O_conf].given;
	for (AxcOptionId id = 0; id < AXC_O_COUNT; id++) {
		const AxcOption *opt = axc_option(id);
		bool configures = opt->property || id == AXC_O_conf;
		const char *property = id == AXC_O_output          ? "output_dir"
		                       : id == AXC_O_quantize_only ? "compiler_mode"
		                                                   : opt->property;
		if (o->at[id].given || !stored->at[id].given || id == AXC_O_overwrite ||
		    opt->kind == AXC_OPT_LIST || (new_conf && configures) ||
		    (property && set_now(o, property)))
			continue;
		o->at[id] = stored->at[id];
		o->at[id].stored = true;
	}
	if (new_conf)
		return;
	AxcOptions now = *o;
	memset(&o->set, 0, sizeof o->set);
	memset(&o->set_origin, 0, sizeof o->set_origin);
	add_sets(arena, stored, o);
	o->n_stored_set = o->set.n;
	add_sets(arena, &now, o);
}

bool axc_options_load(AxcArena *arena, AxcDiag *d, const char *path, AxcOptions *o)
{
	const AxcJsonValue *root;
	AxcOptions stored = {0};
	Loader l = {arena, d, axc_safe_name(arena, path), &stored};
	if (!axc_json_load(arena, d, "arguments file", path, AXC_CONFIG_MAX_BYTES, &root))
		return false;
	if (root->kind != AXC_JSON_OBJECT)
		return axc_fail(d, "%s:%d:%d: arguments are an object, found %s", l.file, root->line, root->column,
		                axc_json_kind_name(root->kind));
	for (uint32_t i = 0; i < root->n; i++) {
		const AxcJsonValue *v = &root->item[i];
		if (strcmp(v->key, "format_version") == 0) {
			if (v->kind != AXC_JSON_INT || v->integer != AXC_CLI_ARGS_FORMAT)
				return axc_fail(d, "%s:%d:%d: \"format_version\" must be %d", l.file, v->line,
				                v->column, AXC_CLI_ARGS_FORMAT);
			continue;
		}
		AxcOptionId id = 0;
		while (id < AXC_O_COUNT && strcmp(axc_option(id)->id, v->key) != 0)
			id++;
		if (id == AXC_O_COUNT)
			return unknown_key(&l, v);
		if (axc_option(id)->not_stored)
			return axc_fail(d, "%s:%d:%d: the option \"%s\" is never taken from a file: give %s on the command line",
			                l.file, v->line, v->column, v->key, axc_option_name(arena, axc_option(id)));
		if (!load_value(&l, id, v))
			return false;
	}
	merge(arena, &stored, o);
	return true;
}
