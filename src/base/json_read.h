/* Reading JSON: configuration, arguments, manifests, reports. The whole text becomes a tree in the
 * arena, every value remembers its line and column, so that a message about a wrong value can say
 * where it stands. Strict RFC 8259: UTF-8, no comments, no trailing commas, no NaN; duplicate keys
 * and \u0000 are refused. Depth is limited to 64, so recursion is bounded. (Writing: base/json.h.)
 */
#ifndef AXC_BASE_JSON_READ_H
#define AXC_BASE_JSON_READ_H

#include "base/base.h"

typedef enum AxcJsonKind {
	AXC_JSON_NULL,
	AXC_JSON_BOOL,
	AXC_JSON_INT,  /* a number without fraction or exponent that fits int64 */
	AXC_JSON_REAL, /* any other number */
	AXC_JSON_STRING,
	AXC_JSON_ARRAY,
	AXC_JSON_OBJECT,
} AxcJsonKind;

typedef struct AxcJsonValue AxcJsonValue;
struct AxcJsonValue {
	AxcJsonKind kind;
	bool boolean;
	int64_t integer;
	double real; /* also set for AXC_JSON_INT */
	const char *string;
	const char *key; /* this value's name when it is a member of an object */
	AxcJsonValue *item;   /* elements or members, in file order */
	uint32_t n;
	int line, column; /* of the value's first character (of the key for a member), from 1 */
};

enum { AXC_JSON_MAX_DEPTH = 64 };

const char *axc_json_kind_name(AxcJsonKind kind); /* "null", "true or false", "an integer", … */
/* `file` names the text in messages: "FILE:LINE:COLUMN: …". */
AXC_CHECKED bool axc_json_parse(AxcArena *arena, AxcDiag *d, const char *file, const char *text,
                                size_t bytes, const AxcJsonValue **ret_value);
/* Reads and parses a file of at most max_bytes; `what` as in axc_map_file. */
AXC_CHECKED bool axc_json_load(AxcArena *arena, AxcDiag *d, const char *what, const char *path,
                               size_t max_bytes, const AxcJsonValue **ret_value);
/* The member `key`, or NULL if absent or if `object` is no object (or NULL). */
const AxcJsonValue *axc_json_get(const AxcJsonValue *object, const char *key);
/* The member `key` of this kind; otherwise an error naming file, line, key, found and wanted.
 * AXC_JSON_REAL accepts integers too. */
AXC_CHECKED bool axc_json_want(AxcDiag *d, const char *file, const AxcJsonValue *object, const char *key,
                               AxcJsonKind kind, const AxcJsonValue **ret_value);

#endif
