/* A JSON writer: objects, arrays, indentation, escapes; the same calls give the same bytes anywhere.
 *
 *     AxcText text = {.arena = arena};
 *     AxcJson j = axc_json(&text);
 *     axc_json_object(&j, NULL);
 *     axc_json_int(&j, "format_version", 1);
 *     axc_json_row(&j, "shape");              // an array on one line
 *     axc_json_int(&j, NULL, 3);
 *     axc_json_end(&j);
 *     axc_json_end(&j);                       // the last end adds a newline
 *
 * Keys are given in objects and NULL in arrays; misuse aborts (it is our bug, never the input's).
 * Two spaces per level. Strings: everything but printable ASCII is \uXXXX, bytes that are no UTF-8 as
 * if they were Latin-1, so any byte string gives valid JSON. Floats have the shortest text that reads
 * back to the same bits; NaN and infinities, which JSON lacks, become the strings "nan", "inf", "-inf".
 */
#ifndef AXC_JSON_H
#define AXC_JSON_H

#include "base/base.h"

enum { AXC_JSON_DEPTH = 64 };

typedef struct AxcJson {
	AxcText *text;
	int depth;
	struct {
		char close; /* '}' or ']' */
		bool row;   /* on one line */
		bool any;   /* has a member */
	} level[AXC_JSON_DEPTH];
} AxcJson;

AxcJson axc_json(AxcText *text);
void axc_json_object(AxcJson *j, const char *key);
void axc_json_object_row(AxcJson *j, const char *key); /* on one line */
void axc_json_array(AxcJson *j, const char *key);
void axc_json_row(AxcJson *j, const char *key); /* an array on one line */
void axc_json_end(AxcJson *j);                  /* of the innermost object or array */
void axc_json_str(AxcJson *j, const char *key, const char *value); /* NULL gives null */
void axc_json_int(AxcJson *j, const char *key, int64_t value);
void axc_json_uint(AxcJson *j, const char *key, uint64_t value);
void axc_json_bool(AxcJson *j, const char *key, bool value);
void axc_json_float(AxcJson *j, const char *key, float value);
void axc_json_double(AxcJson *j, const char *key, double value);
void axc_json_null(AxcJson *j, const char *key);
/* Lists on one line. */
void axc_json_ints(AxcJson *j, const char *key, const int64_t *values, size_t n);
void axc_json_ints32(AxcJson *j, const char *key, const int32_t *values, size_t n);
void axc_json_floats(AxcJson *j, const char *key, const float *values, size_t n);
void axc_json_strs(AxcJson *j, const char *key, const char *const *values, size_t n);
/* Text that is JSON already (trusted), for instance a number's spelling. */
void axc_json_raw(AxcJson *j, const char *key, const char *json);

#endif
