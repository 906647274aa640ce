/* The command-line parser: works from the table alone. */
#include "driver/options.h"

#include <strings.h>

#define AXC_OPTION(id_, kind_, letter_, group_, meta_, help_, ...) \
	[AXC_O_##id_] = {.id = #id_, .kind = AXC_OPT_##kind_, .letter = letter_, .group = group_, \
	                 .meta = meta_, .help = help_, __VA_ARGS__},

static const AxcOption table[AXC_O_COUNT] = {
#include "driver/options.def"
};

const AxcOption *axc_option(AxcOptionId id)
{
	return &table[id];
}

const char *axc_option_name(AxcArena *arena, const AxcOption *o)
{
	char *name = axc_format(arena, "--%s", o->id);
	for (char *c = name; *c; c++)
		if (*c == '_')
			*c = '-';
	return name;
}

/* ---- one value ---- */

static bool set_choice(AxcArena *arena, AxcDiag *d, const char *origin, const AxcOption *o,
                       const char *value, AxcOptionValue *v)
{
	AxcText shown = {.arena = arena};
	for (char *c = axc_strdup(arena, o->choices), *next; c; c = next) {
		next = strchr(c, '|');
		if (next)
			*next++ = 0;
		if (strcasecmp(c, value) == 0) {
			v->text = c;
			return true;
		}
		axc_text_f(&shown, "%s%s", shown.n == 0 ? "" : next ? ", " : " or ", c);
	}
	return axc_fail(d, "%s wants %s, found '%s'", origin, shown.at, axc_safe_name(arena, value));
}

bool axc_option_set(AxcArena *arena, AxcDiag *d, const char *origin, AxcOptionId id, const char *value,
                    AxcOptions *o)
{
	const AxcOption *opt = &table[id];
	AxcOptionValue v = {.given = true, .text = value, .origin = origin};
	switch (opt->kind) {
	case AXC_OPT_FLAG:
		v.flag = true;
		break;
	case AXC_OPT_INT:
		if (!axc_parse_int64(value, &v.integer) || v.integer < opt->min || v.integer > opt->max)
			return axc_fail(d, "%s wants an integer from %lld to %lld, found '%s'", origin,
			                (long long)opt->min, (long long)opt->max, axc_safe_name(arena, value));
		break;
	case AXC_OPT_CHOICE:
		if (!set_choice(arena, d, origin, opt, value, &v))
			return false;
		break;
	case AXC_OPT_PATH:
		if (!*value)
			return axc_fail(d, "%s wants a path, found an empty text", origin);
		if (!opt->program || strchr(value, '/'))
			v.text = axc_path_absolute(arena, value);
		break;
	case AXC_OPT_LIST:
		AXC_PUSH(arena, &o->set, value);
		AXC_PUSH(arena, &o->set_origin, origin);
		break;
	case AXC_OPT_TEXT:
		break;
	}
	o->at[id] = v;
	return true;
}

/* ---- the command line ---- */

typedef struct Parser {
	AxcArena *arena;
	AxcDiag *d;
	int argc, at;
	char **argv;
	AxcOptions *o;
} Parser;

static bool same_name(const char *id, const char *name, size_t n)
{
	if (strlen(id) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((id[i] == '_' ? '-' : id[i]) != name[i])
			return false;
	return true;
}

static AxcOptionId find_long(const char *name, size_t n, bool *ret_negated)
{
	*ret_negated = false;
	AxcOptionId id = 0;
	while (id < AXC_O_COUNT && !same_name(table[id].id, name, n))
		id++;
	if (id < AXC_O_COUNT || n < 4 || strncmp(name, "no-", 3) != 0)
		return id;
	for (id = 0; id < AXC_O_COUNT; id++)
		if (table[id].kind == AXC_OPT_FLAG && same_name(table[id].id, name + 3, n - 3))
			break;
	*ret_negated = true;
	return id;
}

static bool unknown_option(Parser *p, const char *arg)
{
	const char *names[AXC_O_COUNT];
	for (AxcOptionId id = 0; id < AXC_O_COUNT; id++)
		names[id] = axc_option_name(p->arena, &table[id]);
	axc_fail(p->d, "there is no option '%s'", axc_safe_name(p->arena, arg));
	size_t n = strcspn(arg, "=");
	const char *closest = axc_closest(axc_strndup(p->arena, arg, n), names, AXC_O_COUNT);
	return closest ? axc_diag_hint(p->d, "did you mean %s?", closest)
	               : axc_diag_hint(p->d, "see --help for the options");
}

/* The value of an option that wants one: what is attached to it, or the next argument. */
static bool take_value(Parser *p, AxcOptionId id, const char *origin, const char *attached)
{
	const char *value = attached;
	bool negated;
	if (!value && p->at < p->argc) {
		const char *next = p->argv[p->at];
		bool is_option = strncmp(next, "--", 2) == 0 &&
		                 find_long(next + 2, strcspn(next + 2, "="), &negated) < AXC_O_COUNT;
		if (!is_option) {
			value = next;
			p->at++;
		}
	}
	if (!value)
		return axc_fail(p->d, "%s wants a value: %s %s", origin, origin, table[id].meta);
	return axc_option_set(p->arena, p->d, origin, id, value, p->o);
}

static bool parse_long(Parser *p, const char *arg)
{
	size_t n = strcspn(arg + 2, "=");
	const char *attached = arg[2 + n] ? arg + 2 + n + 1 : NULL;
	bool negated;
	AxcOptionId id = find_long(arg + 2, n, &negated);
	if (id == AXC_O_COUNT)
		return unknown_option(p, arg);
	const char *origin = axc_option_name(p->arena, &table[id]);
	if (table[id].kind != AXC_OPT_FLAG)
		return take_value(p, id, origin, attached);
	if (attached)
		return axc_fail(p->d, "%s%s takes no value, found '%s'", negated ? "--no-" : "",
		                negated ? origin + 2 : origin, axc_safe_name(p->arena, attached));
	p->o->at[id] = (AxcOptionValue){.given = true, .flag = !negated};
	return true;
}

static bool parse_short(Parser *p, const char *arg)
{
	bool negated;
	if (arg[2] && find_long(arg + 1, strcspn(arg + 1, "="), &negated) < AXC_O_COUNT)
		return unknown_option(p, arg); /* a dash is missing: -overwrite is not -o verwrite */
	for (const char *c = arg + 1; *c; c++) {
		AxcOptionId id = 0;
		while (id < AXC_O_COUNT && table[id].letter != *c)
			id++;
		if (id == AXC_O_COUNT)
			return unknown_option(p, arg);
		if (table[id].kind != AXC_OPT_FLAG)
			return take_value(p, id, axc_format(p->arena, "-%c", *c), c[1] ? c + 1 : NULL);
		p->o->at[id] = (AxcOptionValue){.given = true, .flag = true};
	}
	return true;
}

bool axc_options_parse(AxcArena *arena, AxcDiag *d, int argc, char **argv, AxcOptions *ret)
{
	AxcOptions o = {0};
	Parser p = {arena, d, argc, 1, argv, &o};
	while (p.at < argc) {
		const char *arg = argv[p.at++];
		bool ok;
		if (strcmp(arg, "--") == 0 && p.at == argc) /* the end of the options; nothing else can follow */
			break;
		if (arg[0] == '-' && arg[1] == '-' && arg[2])
			ok = parse_long(&p, arg);
		else if (arg[0] == '-' && arg[1] && arg[1] != '-')
			ok = parse_short(&p, arg);
		else
			ok = axc_fail(d, "unexpected argument '%s'", axc_safe_name(arena, arg)) ||
			     axc_diag_hint(d, "the network is given as -i FILE");
		if (!ok)
			return false;
	}
	*ret = o;
	return true;
}

/* ---- the configuration they make ---- */

/* A --set of the same side that a shorthand wins over. */
static void warn_outdone(AxcArena *arena, AxcDiag *d, const AxcOptions *o, const AxcOption *shorthand, bool stored)
{
	uint32_t first = stored ? 0 : o->n_stored_set, end = stored ? o->n_stored_set : o->set.n;
	size_t n = strlen(shorthand->property);
	for (uint32_t i = first; i < end; i++)
		if (strncmp(o->set.at[i], shorthand->property, n) == 0 && o->set.at[i][n] == '=')
			axc_warn(d, "%s wins over --set %s", axc_option_name(arena, shorthand), axc_safe_name(arena, o->set.at[i]));
}

static bool set_shorthands(AxcArena *arena, AxcDiag *d, const AxcOptions *o, bool stored, AxcConfig *cfg)
{
	for (AxcOptionId id = 0; id < AXC_O_COUNT; id++) {
		const AxcOptionValue *v = &o->at[id];
		if (!table[id].property || !v->given || v->stored != stored)
			continue;
		warn_outdone(arena, d, o, &table[id], stored);
		if (!axc_config_set_value(arena, d, v->origin,
		                          axc_property_find(table[id].property), v->text, cfg))
			return false;
	}
	return true;
}

bool axc_options_config(AxcArena *arena, AxcDiag *d, const AxcOptions *o, AxcConfig *ret)
{
	AxcConfig cfg;
	axc_config_defaults(&cfg);
	if (AXC_OPT(o, conf)->given && !axc_config_load(arena, d, AXC_OPT(o, conf)->text, &cfg))
		return false;
	for (uint32_t i = 0; i < o->set.n; i++) {
		if (i == o->n_stored_set && !set_shorthands(arena, d, o, true, &cfg))
			return false;
		if (!axc_config_set(arena, d, o->set_origin.at[i], o->set.at[i], &cfg))
			return false;
	}
	if (o->n_stored_set >= o->set.n && !set_shorthands(arena, d, o, true, &cfg))
		return false;
	if (!set_shorthands(arena, d, o, false, &cfg))
		return false;
	*ret = cfg;
	return true;
}
