/* A JSON writer: objects, arrays, indentation, escapes; the same calls give the same bytes anywhere.
 *
 *     AxcText text = {.arena = arena};
 *     AxcJsonOut j = axc_json(&text);
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

typedef struct AxcJsonOut {
	AxcText *text;
	int depth;
	struct {
		char close; /* '}' or ']' */
		bool row;   /* on one line */
		bool any;   /* has a member */
	} level[AXC_JSON_DEPTH];
} AxcJsonOut;

AxcJsonOut axc_json(AxcText *text);
void axc_json_object(AxcJsonOut *j, const char *key);
void axc_json_object_row(AxcJsonOut *j, const char *key); /* on one line */
void axc_json_array(AxcJsonOut *j, const char *key);
void axc_json_row(AxcJsonOut *j, const char *key); /* an array on one line */
void axc_json_end(AxcJsonOut *j);                  /* of the innermost object or array */
void axc_json_str(AxcJsonOut *j, const char *key, const char *value); /* NULL gives null */
void axc_json_int(AxcJsonOut *j, const char *key, int64_t value);
void axc_json_uint(AxcJsonOut *j, const char *key, uint64_t value);
void axc_json_bool(AxcJsonOut *j, const char *key, bool value);
void axc_json_float(AxcJsonOut *j, const char *key, float value);
void axc_json_double(AxcJsonOut *j, const char *key, double value);
void axc_json_null(AxcJsonOut *j, const char *key);
/* Lists on one line. */
void axc_json_ints(AxcJsonOut *j, const char *key, const int64_t *values, size_t n);
void axc_json_ints32(AxcJsonOut *j, const char *key, const int32_t *values, size_t n);
void axc_json_floats(AxcJsonOut *j, const char *key, const float *values, size_t n);
void axc_json_strs(AxcJsonOut *j, const char *key, const char *const *values, size_t n);
/* Text that is JSON already (trusted), for instance a number's spelling. */
void axc_json_raw(AxcJsonOut *j, const char *key, const char *json);

#endif
