/* The JSON writer of base/json.h: every JSON file of ours comes from here. */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>

AxcJsonOut axc_json(AxcText *text)
{
	return (AxcJsonOut){.text = text};
}

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* Length of the UTF-8 sequence at p, its code point in *ret; 0 if it is none (overlong, surrogate). */
static size_t utf8_at(const unsigned char *p, uint32_t *ret)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	if (n == 0)
		return 0;
	uint32_t c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if ((n == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) || (n == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	*ret = c;
	return n;
}

static void add_string(AxcText *t, const char *string)
{
	axc_text_add(t, "\"", 1);
	for (const unsigned char *p = (const unsigned char *)string; *p;) {
		uint32_t c = *p;
		size_t n = utf8_at(p, &c);
		p += n ? n : 1;
		if (c == '"' || c == '\\')
			axc_text_f(t, "\\%c", (int)c);
		else if (c == '\n')
			axc_text_str(t, "\\n");
		else if (c == '\t')
			axc_text_str(t, "\\t");
		else if (c >= 0x20 && c < 0x7f)
			axc_text_add(t, (const char[]){(char)c}, 1);
		else if (c < 0x10000)
			axc_text_f(t, "\\u%04x", c);
		else
			axc_text_f(t, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
	}
	axc_text_add(t, "\"", 1);
}

static void new_line(AxcJsonOut *j)
{
	axc_text_f(j->text, "\n%*s", 2 * j->depth, "");
}

/* Comma, line and key of the next member. */
static void begin(AxcJsonOut *j, const char *key)
{
	if (j->depth == 0) {
		require(!key);
		return;
	}
	require((j->level[j->depth - 1].close == '}') == (key != NULL));
	bool row = j->level[j->depth - 1].row;
	if (j->level[j->depth - 1].any)
		axc_text_str(j->text, row ? ", " : ",");
	if (!row)
		new_line(j);
	j->level[j->depth - 1].any = true;
	if (key) {
		add_string(j->text, key);
		axc_text_str(j->text, ": ");
	}
}

static void open_level(AxcJsonOut *j, const char *key, const char *open, char close, bool row)
{
	begin(j, key);
	require(j->depth < AXC_JSON_DEPTH);
	row = row || (j->depth && j->level[j->depth - 1].row);
	axc_text_str(j->text, open);
	j->level[j->depth].close = close;
	j->level[j->depth].row = row;
	j->level[j->depth].any = false;
	j->depth++;
}

void axc_json_object(AxcJsonOut *j, const char *key)
{
	open_level(j, key, "{", '}', false);
}

void axc_json_object_row(AxcJsonOut *j, const char *key)
{
	open_level(j, key, "{", '}', true);
}

void axc_json_array(AxcJsonOut *j, const char *key)
{
	open_level(j, key, "[", ']', false);
}

void axc_json_row(AxcJsonOut *j, const char *key)
{
	open_level(j, key, "[", ']', true);
}

void axc_json_end(AxcJsonOut *j)
{
	require(j->depth > 0);
	j->depth--;
	if (j->level[j->depth].any && !j->level[j->depth].row)
		new_line(j);
	axc_text_add(j->text, &j->level[j->depth].close, 1);
	if (j->depth == 0)
		axc_text_str(j->text, "\n");
}

void axc_json_raw(AxcJsonOut *j, const char *key, const char *json)
{
	begin(j, key);
	axc_text_str(j->text, json);
}

void axc_json_null(AxcJsonOut *j, const char *key)
{
	axc_json_raw(j, key, "null");
}

void axc_json_str(AxcJsonOut *j, const char *key, const char *value)
{
	begin(j, key);
	if (value)
		add_string(j->text, value);
	else
		axc_text_str(j->text, "null");
}

void axc_json_int(AxcJsonOut *j, const char *key, int64_t value)
{
	begin(j, key);
	axc_text_f(j->text, "%lld", (long long)value);
}

void axc_json_uint(AxcJsonOut *j, const char *key, uint64_t value)
{
	begin(j, key);
	axc_text_f(j->text, "%llu", (unsigned long long)value);
}

void axc_json_bool(AxcJsonOut *j, const char *key, bool value)
{
	axc_json_raw(j, key, value ? "true" : "false");
}

void axc_json_float(AxcJsonOut *j, const char *key, float value)
{
	begin(j, key);
	const char *quote = isfinite(value) ? "" : "\"";
	axc_text_str(j->text, quote);
	axc_text_float(j->text, value);
	axc_text_str(j->text, quote);
}

void axc_json_double(AxcJsonOut *j, const char *key, double value)
{
	begin(j, key);
	const char *quote = isfinite(value) ? "" : "\"";
	axc_text_str(j->text, quote);
	axc_text_double(j->text, value);
	axc_text_str(j->text, quote);
}

void axc_json_ints(AxcJsonOut *j, const char *key, const int64_t *values, size_t n)
{
	axc_json_row(j, key);
	for (size_t i = 0; i < n; i++)
		axc_json_int(j, NULL, values[i]);
	axc_json_end(j);
}

void axc_json_ints32(AxcJsonOut *j, const char *key, const int32_t *values, size_t n)
{
	axc_json_row(j, key);
	for (size_t i = 0; i < n; i++)
		axc_json_int(j, NULL, values[i]);
	axc_json_end(j);
}

void axc_json_floats(AxcJsonOut *j, const char *key, const float *values, size_t n)
{
	axc_json_row(j, key);
	for (size_t i = 0; i < n; i++)
		axc_json_float(j, NULL, values[i]);
	axc_json_end(j);
}

void axc_json_strs(AxcJsonOut *j, const char *key, const char *const *values, size_t n)
{
	axc_json_row(j, key);
	for (size_t i = 0; i < n; i++)
		axc_json_str(j, NULL, values[i]);
	axc_json_end(j);
}
