/* The command line's options (options.def) and their values; cli_args.json in and out. */
#ifndef AXC_DRIVER_OPTIONS_H
#define AXC_DRIVER_OPTIONS_H

#include "driver/config.h"

typedef enum AxcOptionKind {
	AXC_OPT_FLAG,
	AXC_OPT_TEXT,
	AXC_OPT_PATH,   /* made absolute when parsed */
	AXC_OPT_INT,
	AXC_OPT_CHOICE, /* any case accepted, spelled as in the table afterwards */
	AXC_OPT_LIST,   /* repeatable text */
} AxcOptionKind;

typedef struct AxcOption {
	const char *id, *group, *meta, *help;
	AxcOptionKind kind;
	char letter;          /* short form, or 0 */
	bool not_stored;      /* never in cli_args.json */
	bool program;         /* a path that is searched on PATH when it has no slash */
	const char *choices;  /* separated by | */
	const char *fallback; /* what holds when not given, for people */
	const char *property; /* shorthand of this property */
	int64_t min, max;
} AxcOption;

#define AXC_OPTION(id, ...) AXC_O_##id,
typedef enum AxcOptionId {
#include "driver/options.def"
	AXC_O_COUNT
} AxcOptionId;
#undef AXC_OPTION

typedef struct AxcOptionValue {
	bool given;
	bool stored; /* comes from --cli-args, not from the command line */
	bool flag;
	int64_t integer;
	const char *text; /* also the spelling of an integer */
	const char *origin; /* for messages: "--target" or its place in the file */
} AxcOptionValue;

typedef struct AxcOptions {
	AxcOptionValue at[AXC_O_COUNT];
	AXC_ARRAY(const char *) set;
	AXC_ARRAY(const char *) set_origin; /* of each, for messages: "--set" or its place in the file */
	uint32_t n_stored_set; /* the first ones of `set` come from --cli-args */
} AxcOptions;

#define AXC_OPT(o, name) (&(o)->at[AXC_O_##name])
#define AXC_OPT_TEXT_OF(o, name) (AXC_OPT(o, name)->given ? AXC_OPT(o, name)->text : NULL)
#define AXC_OPT_ON(o, name) (AXC_OPT(o, name)->given && AXC_OPT(o, name)->flag)

enum { AXC_CLI_ARGS_FORMAT = 1 };

const AxcOption *axc_option(AxcOptionId id);
/* "--input-shape" */
const char *axc_option_name(AxcArena *arena, const AxcOption *o);

/* argv[1..] into ret; an error is a wrong command line (usage is worth showing). */
AXC_CHECKED bool axc_options_parse(AxcArena *arena, AxcDiag *d, int argc, char **argv, AxcOptions *ret);
/* Adds what a cli_args.json says and the command line does not (cli_args.c). */
AXC_CHECKED bool axc_options_load(AxcArena *arena, AxcDiag *d, const char *path, AxcOptions *o);
/* The text of cli_args.json. */
void axc_options_print(const AxcOptions *o, AxcText *out);
/* Checks and stores one value as if given on the command line; `origin` names it in messages. */
AXC_CHECKED bool axc_option_set(AxcArena *arena, AxcDiag *d, const char *origin, AxcOptionId id,
                                const char *value, AxcOptions *o);

/* defaults < --conf < stored --set and shorthands < --set and shorthands given now. */
AXC_CHECKED bool axc_options_config(AxcArena *arena, AxcDiag *d, const AxcOptions *o, AxcConfig *ret);

/* --help (help.c). */
void axc_options_help(AxcText *out);
void axc_options_usage(AxcText *out);

#endif
