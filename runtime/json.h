/* model.json's values as the runtime asks for them, over the project's JSON reader (src/base/json_read.h): that one
 * survives a failed allocation, which jansson does not (its issue 362), and knows where a value stands. */
#ifndef AXR_JSON_H
#define AXR_JSON_H

#include "base/json_read.h"

/* All take NULL (a missing member) for a value of no kind. */
static inline bool rt_json_is(const AxcJsonValue *v, AxcJsonKind kind)
{
	return v && v->kind == kind;
}

static inline bool rt_json_is_number(const AxcJsonValue *v)
{
	return rt_json_is(v, AXC_JSON_INT) || rt_json_is(v, AXC_JSON_REAL);
}

static inline bool rt_json_true(const AxcJsonValue *v)
{
	return rt_json_is(v, AXC_JSON_BOOL) && v->boolean;
}

/* 0 for anything else. */
static inline int64_t rt_json_int(const AxcJsonValue *v)
{
	return rt_json_is(v, AXC_JSON_INT) ? v->integer : 0;
}

static inline double rt_json_number(const AxcJsonValue *v)
{
	return rt_json_is_number(v) ? v->real : 0;
}

/* NULL for anything else. */
static inline const char *rt_json_string(const AxcJsonValue *v)
{
	return rt_json_is(v, AXC_JSON_STRING) ? v->string : NULL;
}

/* Elements of an array; 0 for anything else. */
static inline size_t rt_json_count(const AxcJsonValue *v)
{
	return rt_json_is(v, AXC_JSON_ARRAY) ? v->n : 0;
}

static inline const AxcJsonValue *rt_json_item(const AxcJsonValue *list, size_t i)
{
	return i < rt_json_count(list) ? &list->item[i] : NULL;
}

#endif
