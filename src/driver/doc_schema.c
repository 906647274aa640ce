/* docs/schema/conf.schema.json and cli_args.schema.json, from the tables. */
#include "driver/doc.h"

#include "base/json.h"

static void begin(AxcJsonOut *j, const char *title, int format_version)
{
	axc_json_object(j, NULL);
	axc_json_str(j, "$schema", "https://json-schema.org/draft/2020-12/schema");
	axc_json_str(j, "title", title);
	axc_json_str(j, "type", "object");
	axc_json_bool(j, "additionalProperties", false);
	axc_json_object(j, "properties");
	axc_json_object_row(j, "format_version");
	axc_json_int(j, "const", format_version);
	axc_json_end(j);
}

/* "a|b" as a list; with null where that is possible. */
static void put_choices(AxcJsonOut *j, const char *choices, bool nullable)
{
	axc_json_row(j, "enum");
	for (const char *c = choices; *c; c += c[strcspn(c, "|")] == '|' ? strcspn(c, "|") + 1 : strcspn(c, "|"))
		axc_json_str(j, NULL, axc_strndup(j->text->arena, c, strcspn(c, "|")));
	if (nullable)
		axc_json_null(j, NULL);
	axc_json_end(j);
}

static void put_type(AxcJsonOut *j, const char *type, bool nullable)
{
	if (nullable)
		axc_json_strs(j, "type", (const char *const[]){type, "null"}, 2);
	else
		axc_json_str(j, "type", type);
}

/* ---- conf.json ---- */

static void put_bounds(AxcJsonOut *j, const AxcProperty *p)
{
	if (p->kind == AXC_PROP_INT && p->has_min)
		axc_json_int(j, "minimum", p->min);
	if (p->kind == AXC_PROP_INT && p->has_max)
		axc_json_int(j, "maximum", p->max);
	if (p->kind == AXC_PROP_FLOAT && p->has_min)
		axc_json_double(j, p->above_min ? "exclusiveMinimum" : "minimum", p->real_min);
	if (p->kind == AXC_PROP_FLOAT && p->has_max)
		axc_json_double(j, p->below_max ? "exclusiveMaximum" : "maximum", p->real_max);
}

static void put_property(AxcJsonOut *j, const AxcProperty *p)
{
	axc_json_object_row(j, p->name);
	switch (p->kind) {
	case AXC_PROP_BOOL: put_type(j, "boolean", p->nullable); break;
	case AXC_PROP_INT: put_type(j, "integer", p->nullable); break;
	case AXC_PROP_FLOAT: put_type(j, "number", p->nullable); break;
	case AXC_PROP_ENUM: put_choices(j, p->allowed, p->nullable); break;
	case AXC_PROP_TEXT:
	case AXC_PROP_PATH: put_type(j, "string", p->nullable); break;
	case AXC_PROP_LIST:
		put_type(j, "array", p->nullable);
		axc_json_object_row(j, "items");
		if (p->allowed)
			put_choices(j, p->allowed, false);
		else
			axc_json_str(j, "type", "string");
		axc_json_end(j);
		break;
	}
	put_bounds(j, p);
	axc_json_end(j);
}

void axc_doc_schema_conf(AxcText *out)
{
	AxcJsonOut j = axc_json(out);
	begin(&j, "conf.json, default_conf.json: any subset of the properties", AXC_CONFIG_FORMAT);
	for (AxcPropId id = 0; id < AXC_P_COUNT; id++)
		put_property(&j, axc_property(id));
	axc_json_end(&j);
	axc_json_end(&j);
}

/* ---- cli_args.json ---- */

static void put_option(AxcJsonOut *j, const AxcOption *o)
{
	axc_json_object_row(j, o->id);
	switch (o->kind) {
	case AXC_OPT_FLAG: put_type(j, "boolean", true); break;
	case AXC_OPT_TEXT: put_type(j, "string", true); break;
	case AXC_OPT_PATH:
		put_type(j, "string", true);
		axc_json_int(j, "minLength", 1);
		break;
	case AXC_OPT_INT:
		put_type(j, "integer", true);
		axc_json_int(j, "minimum", o->min);
		axc_json_int(j, "maximum", o->max);
		break;
	case AXC_OPT_CHOICE: put_choices(j, o->choices, true); break;
	case AXC_OPT_LIST:
		put_type(j, "array", true);
		axc_json_object_row(j, "items");
		axc_json_str(j, "type", "string");
		axc_json_end(j);
		break;
	}
	axc_json_end(j);
}

void axc_doc_schema_cli_args(AxcText *out)
{
	AxcJsonOut j = axc_json(out);
	begin(&j, "cli_args.json: the options of a run; null where one was not given", AXC_CLI_ARGS_FORMAT);
	for (AxcOptionId id = 0; id < AXC_O_COUNT; id++)
		if (!axc_option(id)->not_stored)
			put_option(&j, axc_option(id));
	axc_json_end(&j);
	axc_json_end(&j);
}
