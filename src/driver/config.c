/* Configuration values: defaults, one check for every way in, and printing. */
#include "driver/config.h"

#include "lower/program.h"

#include "base/json.h"

#define AXC_AT_LEAST(n) .has_min = true, .min = n
#define AXC_AT_MOST(n) .has_max = true, .max = n
#define AXC_MIN_REAL(n) .has_min = true, .real_min = n
#define AXC_MAX_REAL(n) .has_max = true, .real_max = n
#define AXC_ABOVE(n) .has_min = true, .above_min = true, .real_min = n
#define AXC_BELOW(n) .has_max = true, .below_max = true, .real_max = n
#define AXC_PROPERTY(name_, kind_, group_, effect_, help_, ...) \
	[AXC_P_##name_] = {.name = #name_, .kind = AXC_PROP_##kind_, .group = group_, \
	                   .effect = AXC_EFFECT_##effect_, .help = help_, __VA_ARGS__},

static const AxcProperty table[AXC_P_COUNT] = {
#include "driver/config.def"
};

const AxcProperty *axc_property(AxcPropId id)
{
	return &table[id];
}

AxcPropId axc_property_find(const char *name)
{
	AxcPropId id = 0;
	while (id < AXC_P_COUNT && strcmp(table[id].name, name) != 0)
		id++;
	return id;
}

static bool is_textual(AxcPropKind kind)
{
	return kind == AXC_PROP_ENUM || kind == AXC_PROP_TEXT || kind == AXC_PROP_PATH;
}

void axc_config_defaults(AxcConfig *cfg)
{
	for (AxcPropId id = 0; id < AXC_P_COUNT; id++) {
		const AxcProperty *p = &table[id];
		cfg->at[id] = (AxcPropValue){.null = p->nullable, .boolean = p->boolean, .integer = p->integer,
		                             .real = p->real,
		                             .text = is_textual(p->kind) && !p->nullable ? p->text : NULL};
	}
}

/* ---- what is allowed ---- */

static void add_bound(AxcText *t, const AxcProperty *p, bool upper)
{
	if (p->kind == AXC_PROP_FLOAT)
		axc_text_double(t, upper ? p->real_max : p->real_min);
	else
		axc_text_f(t, "%lld", (long long)(upper ? p->max : p->min));
}

static void add_range(AxcText *t, const AxcProperty *p)
{
	axc_text_str(t, p->kind == AXC_PROP_INT ? "an integer" : "a number");
	if (p->has_min) {
		axc_text_str(t, p->above_min ? " above " : p->has_max ? " from " : " of at least ");
		add_bound(t, p, false);
	}
	if (p->has_max) {
		axc_text_str(t, !p->has_min ? " of at most " : p->above_min ? ", at most " :
		                p->below_max ? " to below " : " to ");
		add_bound(t, p, true);
	}
}

const char *axc_property_range(AxcArena *arena, const AxcProperty *p)
{
	AxcText t = {.arena = arena};
	switch (p->kind) {
	case AXC_PROP_BOOL: axc_text_str(&t, "true or false"); break;
	case AXC_PROP_INT:
	case AXC_PROP_FLOAT: add_range(&t, p); break;
	case AXC_PROP_TEXT: axc_text_str(&t, "a text"); break;
	case AXC_PROP_PATH: axc_text_str(&t, "a path"); break;
	case AXC_PROP_ENUM:
	case AXC_PROP_LIST:
		if (p->kind == AXC_PROP_LIST)
			axc_text_str(&t, p->allowed ? "a list of " : "a list of texts");
		for (const char *c = p->allowed ? p->allowed : ""; *c; c++) {
			if (*c == '|')
				axc_text_str(&t, ", ");
			else
				axc_text_add(&t, c, 1);
		}
		break;
	}
	if (p->nullable)
		axc_text_str(&t, " or null");
	return t.at;
}

static bool in_allowed(const char *allowed, const char *text)
{
	size_t n = strlen(text);
	for (const char *c = allowed; c; c = strchr(c, '|')) {
		c += *c == '|';
		if (strncmp(c, text, n) == 0 && (c[n] == '|' || c[n] == 0))
			return true;
	}
	return false;
}

/* ---- one check for every way in ---- */

/* The place a value stands at, for messages: "conf.json:3:5" or "--set". */
typedef struct Place {
	AxcArena *arena;
	AxcDiag *d;
	const char *where;
} Place;

static const char *shown(Place *at, const AxcProperty *p, const AxcPropValue *v)
{
	AxcText t = {.arena = at->arena};
	axc_prop_value_print(at->arena, p, v, &t);
	return t.n > 120 ? axc_strndup(at->arena, t.at, 120) : t.at;
}

static bool wrong(Place *at, const AxcProperty *p, const char *found)
{
	axc_fail(at->d, "%s: the property \"%s\" is %s, found %s", at->where, p->name,
	         axc_property_range(at->arena, p), found);
	return axc_diag_shapes(at->d, found, axc_property_range(at->arena, p));
}

static bool check_number(Place *at, const AxcProperty *p, const AxcPropValue *v)
{
	bool ok;
	if (p->kind == AXC_PROP_INT)
		ok = !(p->has_min && v->integer < p->min) && !(p->has_max && v->integer > p->max);
	else
		ok = !(p->has_min && (v->real < p->real_min || (p->above_min && v->real == p->real_min))) &&
		     !(p->has_max && (v->real > p->real_max || (p->below_max && v->real == p->real_max))) &&
		     v->real - v->real == 0;
	return ok || wrong(at, p, shown(at, p, v));
}

static bool check_allowed(Place *at, const AxcProperty *p, const char *text)
{
	if (in_allowed(p->allowed, text))
		return true;
	wrong(at, p, axc_format(at->arena, "\"%s\"", axc_safe_name(at->arena, text)));
	const char *names[16];
	size_t n = 0;
	for (char *c = axc_strdup(at->arena, p->allowed), *next; c && n < AXC_COUNT(names); c = next) {
		next = strchr(c, '|');
		if (next)
			*next++ = 0;
		names[n++] = c;
	}
	const char *closest = axc_closest(text, names, n);
	return closest ? axc_diag_hint(at->d, "did you mean \"%s\"?", closest) : false;
}

static bool check_list(Place *at, const AxcProperty *p, const AxcPropValue *v)
{
	for (uint32_t i = 0; i < v->n_list; i++)
		if (p->allowed && !check_allowed(at, p, v->list[i]))
			return false;
	return true;
}

static bool list_from_json(Place *at, const AxcProperty *p, const AxcJsonValue *json, AxcPropValue *v)
{
	v->list = AXC_NEW_ARRAY(at->arena, const char *, json->n);
	for (uint32_t i = 0; i < json->n; i++) {
		if (json->item[i].kind != AXC_JSON_STRING)
			return wrong(at, p, axc_format(at->arena, "%s in the list",
			                               axc_json_kind_name(json->item[i].kind)));
		v->list[v->n_list++] = json->item[i].string;
	}
	return check_list(at, p, v);
}

static bool check_target(Place *at, const char *name)
{
	const char *const *names = axc_target_names();
	AxcText all = {.arena = at->arena};
	size_t n = 0;
	for (; names[n]; n++)
		axc_text_f(&all, "%s%s", n ? ", " : "", names[n]);
	if (axc_target_find(name))
		return true;
	axc_fail(at->d, "%s: there is no target '%s'; there are %s", at->where, axc_safe_name(at->arena, name), all.at);
	const char *closest = axc_closest(name, names, n);
	return closest ? axc_diag_hint(at->d, "did you mean %s?", closest) : false;
}

/* Kind and, where it is short, value: "an integer 5". */
static const char *found_of(AxcArena *arena, const AxcJsonValue *json)
{
	AxcText t = {.arena = arena};
	const char *kind = axc_json_kind_name(json->kind);
	switch (json->kind) {
	case AXC_JSON_BOOL:
		return json->boolean ? "true" : "false";
	case AXC_JSON_INT:
		return axc_format(arena, "%s, %lld", kind, (long long)json->integer);
	case AXC_JSON_REAL:
		axc_text_f(&t, "%s, ", kind);
		axc_text_double(&t, json->real);
		return t.at;
	case AXC_JSON_STRING:
		return axc_format(arena, "%s, \"%s\"", kind, axc_safe_name(arena, json->string));
	default:
		return kind;
	}
}

static bool value_from_json(Place *at, const AxcProperty *p, const AxcJsonValue *json, AxcPropValue *ret)
{
	AxcPropValue v = {0};
	const char *found = found_of(at->arena, json);
	if (json->kind == AXC_JSON_NULL) {
		v.null = true;
		*ret = v;
		return p->nullable || wrong(at, p, found);
	}
	bool ok = false;
	switch (p->kind) {
	case AXC_PROP_BOOL:
		v.boolean = json->boolean;
		ok = json->kind == AXC_JSON_BOOL || wrong(at, p, found);
		break;
	case AXC_PROP_INT:
		v.integer = json->integer;
		ok = json->kind == AXC_JSON_INT ? check_number(at, p, &v) : wrong(at, p, found);
		break;
	case AXC_PROP_FLOAT:
		v.real = json->real;
		ok = json->kind == AXC_JSON_INT || json->kind == AXC_JSON_REAL ? check_number(at, p, &v)
		                                                               : wrong(at, p, found);
		break;
	case AXC_PROP_ENUM:
	case AXC_PROP_TEXT:
	case AXC_PROP_PATH:
		v.text = json->string;
		ok = json->kind != AXC_JSON_STRING ? wrong(at, p, found) :
		     p->kind == AXC_PROP_ENUM ? check_allowed(at, p, v.text) :
		     p->kind == AXC_PROP_PATH && !*v.text ? wrong(at, p, "an empty text") :
		     strcmp(p->name, "target") != 0 || check_target(at, v.text);
		break;
	case AXC_PROP_LIST:
		ok = json->kind == AXC_JSON_ARRAY ? list_from_json(at, p, json, &v) : wrong(at, p, found);
		break;
	}
	if (ok)
		*ret = v;
	return ok;
}

/* ---- from a file ---- */

static bool unknown_key(AxcArena *arena, AxcDiag *d, const char *where, const char *key)
{
	const char *names[AXC_P_COUNT];
	for (AxcPropId id = 0; id < AXC_P_COUNT; id++)
		names[id] = table[id].name;
	axc_fail(d, "%s: there is no property \"%s\"", where, axc_safe_name(arena, key));
	const char *closest = axc_closest(key, names, AXC_P_COUNT);
	return closest ? axc_diag_hint(d, "did you mean \"%s\"?", closest)
	               : axc_diag_hint(d, "--generate-config writes a file with all properties");
}

bool axc_config_load(AxcArena *arena, AxcDiag *d, const char *path, AxcConfig *cfg)
{
	const AxcJsonValue *root;
	if (!axc_json_load(arena, d, "configuration", path, AXC_CONFIG_MAX_BYTES, &root))
		return false;
	const char *safe = axc_safe_name(arena, path);
	if (root->kind != AXC_JSON_OBJECT)
		return axc_fail(d, "%s:%d:%d: a configuration is an object, found %s", safe, root->line,
		                root->column, axc_json_kind_name(root->kind));
	for (uint32_t i = 0; i < root->n; i++) {
		const AxcJsonValue *item = &root->item[i];
		Place at = {arena, d, axc_format(arena, "%s:%d:%d", safe, item->line, item->column)};
		if (strcmp(item->key, "format_version") == 0) {
			if (item->kind != AXC_JSON_INT || item->integer != AXC_CONFIG_FORMAT)
				return axc_fail(d, "%s: \"format_version\" must be %d", at.where, AXC_CONFIG_FORMAT);
			continue;
		}
		AxcPropId id = axc_property_find(item->key);
		if (id == AXC_P_COUNT)
			return unknown_key(arena, d, at.where, item->key);
		if (!value_from_json(&at, &table[id], item, &cfg->at[id]))
			return false;
	}
	return true;
}

/* ---- from KEY=VALUE ---- */

/* Texts need no quotation marks; a list may be written a,b. */
static AxcJsonValue plain_value(AxcArena *arena, const AxcProperty *p, const char *value)
{
	AxcJsonValue json = {.kind = AXC_JSON_STRING, .string = axc_strdup(arena, value)};
	if (p->kind != AXC_PROP_LIST)
		return json;
	AxcJsonValue list = {.kind = AXC_JSON_ARRAY};
	AXC_ARRAY(AxcJsonValue) items = {0};
	for (char *c = axc_strdup(arena, value), *next; c && *value; c = next) {
		next = strchr(c, ',');
		if (next)
			*next++ = 0;
		json.string = c;
		AXC_PUSH(arena, &items, json);
	}
	list.item = items.at;
	list.n = items.n;
	return list;
}

bool axc_config_set_value(AxcArena *arena, AxcDiag *d, const char *origin, AxcPropId id, const char *value,
                          AxcConfig *cfg)
{
	const AxcProperty *p = &table[id];
	Place at = {arena, d, origin};
	AxcDiag quiet;
	axc_diag_init(&quiet, arena);
	const AxcJsonValue *json;
	AxcJsonValue plain;
	bool textual = is_textual(p->kind) || p->kind == AXC_PROP_LIST;
	bool is_json = axc_json_parse(arena, &quiet, origin, value, strlen(value), &json);
	if (is_json && textual)
		is_json = json->kind == AXC_JSON_STRING || (json->kind == AXC_JSON_NULL && p->nullable) ||
		          (p->kind == AXC_PROP_LIST && json->kind == AXC_JSON_ARRAY);
	if (!is_json && textual) {
		plain = plain_value(arena, p, value);
		json = &plain;
	} else if (!is_json) {
		return wrong(&at, p, axc_format(arena, "\"%s\"", axc_safe_name(arena, value)));
	} else if (p->kind == AXC_PROP_LIST && json->kind == AXC_JSON_STRING) {
		plain = plain_value(arena, p, json->string);
		json = &plain;
	}
	return value_from_json(&at, p, json, &cfg->at[id]);
}

bool axc_config_set(AxcArena *arena, AxcDiag *d, const char *origin, const char *key_value, AxcConfig *cfg)
{
	const char *equals = strchr(key_value, '=');
	if (!equals)
		return axc_fail(d, "%s wants KEY=VALUE, found '%s'", origin, axc_safe_name(arena, key_value));
	const char *key = axc_strndup(arena, key_value, (size_t)(equals - key_value));
	AxcPropId id = axc_property_find(key);
	if (id == AXC_P_COUNT)
		return unknown_key(arena, d, origin, key);
	return axc_config_set_value(arena, d, origin, id, equals + 1, cfg);
}

/* ---- out ---- */

static bool same_value(const AxcProperty *p, const AxcPropValue *a, const AxcPropValue *b)
{
	if (a->null || b->null)
		return a->null == b->null;
	switch (p->kind) {
	case AXC_PROP_BOOL: return a->boolean == b->boolean;
	case AXC_PROP_INT: return a->integer == b->integer;
	case AXC_PROP_FLOAT: return a->real == b->real;
	case AXC_PROP_ENUM:
	case AXC_PROP_TEXT:
	case AXC_PROP_PATH: return strcmp(a->text, b->text) == 0;
	case AXC_PROP_LIST: return a->n_list == 0 && b->n_list == 0;
	}
	return false;
}

bool axc_config_is_default(const AxcConfig *cfg, AxcPropId id)
{
	AxcConfig defaults;
	axc_config_defaults(&defaults);
	return same_value(&table[id], &cfg->at[id], &defaults.at[id]);
}

void axc_config_warn(AxcDiag *d, const AxcConfig *cfg)
{
	for (AxcPropId id = 0; id < AXC_P_COUNT; id++) {
		const AxcProperty *p = &table[id];
		if (p->effect == AXC_EFFECT_FULL || axc_config_is_default(cfg, id))
			continue;
		AxcText t = {.arena = d->arena};
		axc_prop_value_print(d->arena, p, &cfg->at[id], &t);
		axc_warn(d, "the property %s=%s has no effect on the target %s: it describes hardware that "
		         "CPUs lack", p->name, t.at, axc_safe_name(d->arena, AXC_CFG_TEXT(cfg, target)));
	}
}

static void print_value(AxcJsonOut *j, const char *key, const AxcProperty *p, const AxcPropValue *v)
{
	if (v->null) {
		axc_json_null(j, key);
		return;
	}
	switch (p->kind) {
	case AXC_PROP_BOOL: axc_json_bool(j, key, v->boolean); break;
	case AXC_PROP_INT: axc_json_int(j, key, v->integer); break;
	case AXC_PROP_FLOAT: axc_json_double(j, key, v->real); break;
	case AXC_PROP_ENUM:
	case AXC_PROP_TEXT:
	case AXC_PROP_PATH: axc_json_str(j, key, v->text); break;
	case AXC_PROP_LIST: axc_json_strs(j, key, v->list, v->n_list); break;
	}
}

void axc_prop_value_print(AxcArena *arena, const AxcProperty *p, const AxcPropValue *v, AxcText *out)
{
	AxcText t = {.arena = arena};
	AxcJsonOut j = axc_json(&t);
	axc_json_row(&j, NULL);
	print_value(&j, NULL, p, v);
	axc_json_end(&j);
	/* "[VALUE]\n" */
	size_t end = t.n;
	while (end && t.at[end - 1] != ']')
		end--;
	axc_text_add(out, t.at + 1, end - 2);
}

void axc_config_print(const AxcConfig *cfg, AxcText *out)
{
	AxcJsonOut j = axc_json(out);
	axc_json_object(&j, NULL);
	axc_json_int(&j, "format_version", AXC_CONFIG_FORMAT);
	for (AxcPropId id = 0; id < AXC_P_COUNT; id++)
		print_value(&j, table[id].name, &table[id], &cfg->at[id]);
	axc_json_end(&j);
}
