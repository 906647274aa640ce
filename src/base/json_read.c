/* A recursive-descent JSON reader with positions; see json_read.h for what it accepts. */
#include "base/json_read.h"

typedef struct Reader {
	AxcArena *arena;
	AxcDiag *d;
	const char *file;
	const char *at, *end;
	const char *line_start;
	int line;
	int depth;
} Reader;

static bool read_value(Reader *r, AxcJsonValue *v);

const char *axc_json_kind_name(AxcJsonKind kind)
{
	switch (kind) {
	case AXC_JSON_NULL: return "null";
	case AXC_JSON_BOOL: return "true or false";
	case AXC_JSON_INT: return "an integer";
	case AXC_JSON_REAL: return "a number";
	case AXC_JSON_STRING: return "a string";
	case AXC_JSON_ARRAY: return "a list";
	case AXC_JSON_OBJECT: return "an object";
	}
	return "?";
}

static int column(const Reader *r)
{
	return (int)AXC_MIN(r->at - r->line_start, 1 << 30) + 1;
}

static bool bad(Reader *r, const char *what)
{
	const char *found = "the end of the file";
	if (r->at < r->end) {
		char one[2] = {*r->at, 0};
		bool plain = *r->at >= 0x20 && *r->at < 0x7f;
		found = axc_format(r->d->arena, "'%s'", plain ? one : axc_safe_name(r->d->arena, one));
		if (*r->at == '\n' || *r->at == '\r')
			found = "the end of the line";
	}
	return axc_fail(r->d, "%s:%d:%d: not valid JSON: %s, found %s", r->file, r->line, column(r), what,
	                found);
}

static void skip_space(Reader *r)
{
	for (; r->at < r->end; r->at++) {
		if (*r->at == '\n') {
			r->line++;
			r->line_start = r->at + 1;
		} else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r') {
			return;
		}
	}
}

static bool word(Reader *r, const char *text)
{
	size_t n = strlen(text);
	if ((size_t)(r->end - r->at) < n || memcmp(r->at, text, n) != 0)
		return bad(r, "expected a value");
	r->at += n;
	return true;
}

static bool digits(Reader *r)
{
	if (r->at == r->end || *r->at < '0' || *r->at > '9')
		return bad(r, "expected a digit");
	while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
		r->at++;
	return true;
}

static bool read_number(Reader *r, AxcJsonValue *v)
{
	const char *start = r->at;
	bool integer = true;
	if (*r->at == '-')
		r->at++;
	if (r->at < r->end && *r->at == '0')
		r->at++;
	else if (!digits(r))
		return false;
	if (r->at < r->end && *r->at == '.') {
		integer = false;
		r->at++;
		if (!digits(r))
			return false;
	}
	if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
		integer = false;
		r->at++;
		if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
			r->at++;
		if (!digits(r))
			return false;
	}
	char small[64];
	size_t n = (size_t)(r->at - start);
	const char *text = n < sizeof small ? small : axc_strndup(r->arena, start, n);
	if (n < sizeof small) {
		memcpy(small, start, n);
		small[n] = 0;
	}
	v->kind = integer && axc_parse_int64(text, &v->integer) ? AXC_JSON_INT : AXC_JSON_REAL;
	if (!axc_parse_double(text, &v->real))
		return bad(r, "expected a number");
	return true;
}

static bool hex4(Reader *r, uint32_t *ret)
{
	uint32_t v = 0;
	for (int i = 0; i < 4; i++, r->at++) {
		char c = r->at < r->end ? *r->at : 0;
		int digit = c >= '0' && c <= '9' ? c - '0' :
		            c >= 'a' && c <= 'f' ? c - 'a' + 10 :
		            c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
		if (digit < 0)
			return bad(r, "expected four hexadecimal digits after \\u");
		v = v * 16 + (uint32_t)digit;
	}
	*ret = v;
	return true;
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 63));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 63));
		*out++ = (char)(0x80 | (c & 63));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 63));
		*out++ = (char)(0x80 | (c >> 6 & 63));
		*out++ = (char)(0x80 | (c & 63));
	}
	return out;
}

static bool read_unicode(Reader *r, char **out)
{
	uint32_t c, low;
	if (!hex4(r, &c))
		return false;
	if (c >= 0xd800 && c < 0xdc00) {
		if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u')
			return bad(r, "expected the second half of a surrogate pair");
		r->at += 2;
		if (!hex4(r, &low))
			return false;
		if (low < 0xdc00 || low > 0xdfff)
			return bad(r, "expected the second half of a surrogate pair");
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c == 0 || (c >= 0xdc00 && c <= 0xdfff)) {
		return bad(r, "\\u0000 and lone surrogates are not accepted");
	}
	*out = put_utf8(*out, c);
	return true;
}

static bool read_escape(Reader *r, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	if (r->at == r->end)
		return bad(r, "expected an escape");
	if (*r->at == 'u') {
		r->at++;
		return read_unicode(r, out);
	}
	const char *p = strchr(from, *r->at);
	if (!p || !*r->at)
		return bad(r, "expected an escape");
	*(*out)++ = to[p - from];
	r->at++;
	return true;
}

/* Length of the well-formed UTF-8 sequence at p, 0 if it is none. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 :
	           (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static bool read_string(Reader *r, const char **ret)
{
	if (r->at == r->end || *r->at != '"')
		return bad(r, "expected a string");
	r->at++;
	const char *close = r->at;
	while (close < r->end && *close != '"')
		close += *close == '\\' && close + 1 < r->end ? 2 : 1;
	char *text = axc_alloc(r->arena, (size_t)(AXC_MIN(close, r->end) - r->at) + 1), *out = text;
	for (;;) {
		if (r->at == r->end || (unsigned char)*r->at < 0x20)
			return bad(r, "expected a closing quotation mark");
		if (*r->at == '"')
			break;
		if (*r->at == '\\') {
			r->at++;
			if (!read_escape(r, &out))
				return false;
			continue;
		}
		size_t n = utf8_length((const unsigned char *)r->at, (size_t)(r->end - r->at));
		if (n == 0)
			return bad(r, "expected UTF-8");
		memcpy(out, r->at, n);
		out += n;
		r->at += n;
	}
	r->at++;
	*out = 0;
	*ret = text;
	return true;
}

static bool check_duplicates(Reader *r, const AxcJsonValue *v)
{
	AxcMap seen = {0};
	for (uint32_t i = 0; i < v->n; i++) {
		const char *key = v->item[i].key;
		uint32_t before = axc_map_get(&seen, key);
		if (before)
			return axc_fail(r->d, "%s:%d:%d: the key \"%s\" stands here a second time (first in line %d)",
			                r->file, v->item[i].line, v->item[i].column,
			                axc_safe_name(r->d->arena, key), v->item[before - 1].line);
		axc_map_put(&seen, r->arena, key, i + 1);
	}
	return true;
}

static bool read_items(Reader *r, AxcJsonValue *v, char close)
{
	AXC_ARRAY(AxcJsonValue) items = {0};
	r->at++;
	skip_space(r);
	bool more = !(r->at < r->end && *r->at == close);
	while (more) {
		AxcJsonValue item = {.line = r->line, .column = column(r)};
		if (close == '}') {
			if (!read_string(r, &item.key))
				return false;
			skip_space(r);
			if (r->at == r->end || *r->at != ':')
				return bad(r, "expected ':' after a key");
			r->at++;
		}
		if (!read_value(r, &item))
			return false;
		AXC_PUSH(r->arena, &items, item);
		skip_space(r);
		more = r->at < r->end && *r->at == ',';
		if (!more && (r->at == r->end || *r->at != close))
			return bad(r, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
		if (more) {
			r->at++;
			skip_space(r);
		}
	}
	r->at++;
	v->item = items.at;
	v->n = items.n;
	return close == ']' || check_duplicates(r, v);
}

static bool read_value(Reader *r, AxcJsonValue *v)
{
	skip_space(r);
	if (!v->key) {
		v->line = r->line;
		v->column = column(r);
	}
	char c = r->at < r->end ? *r->at : 0;
	if (c == '{' || c == '[') {
		if (r->depth == AXC_JSON_MAX_DEPTH)
			return bad(r, "nested more than 64 deep");
		r->depth++;
		v->kind = c == '{' ? AXC_JSON_OBJECT : AXC_JSON_ARRAY;
		bool ok = read_items(r, v, c == '{' ? '}' : ']');
		r->depth--;
		return ok;
	}
	if (c == '"') {
		v->kind = AXC_JSON_STRING;
		return read_string(r, &v->string);
	}
	if (c == '-' || (c >= '0' && c <= '9'))
		return read_number(r, v);
	if (c == 'n')
		return word(r, "null");
	v->kind = AXC_JSON_BOOL;
	v->boolean = c == 't';
	return word(r, v->boolean ? "true" : "false");
}

bool axc_json_parse(AxcArena *arena, AxcDiag *d, const char *file, const char *text, size_t bytes,
                    const AxcJsonValue **ret_value)
{
	Reader r = {.arena = arena, .d = d, .file = axc_safe_name(arena, file), .at = text,
	            .end = text + bytes, .line_start = text, .line = 1};
	AxcJsonValue *v = AXC_NEW(arena, AxcJsonValue);
	if (!read_value(&r, v))
		return false;
	skip_space(&r);
	if (r.at != r.end)
		return bad(&r, "expected nothing more");
	*ret_value = v;
	return true;
}

bool axc_json_load(AxcArena *arena, AxcDiag *d, const char *what, const char *path, size_t max_bytes,
                   const AxcJsonValue **ret_value)
{
	const uint8_t *data;
	size_t bytes;
	return axc_map_file(arena, d, what, path, max_bytes, &data, &bytes) &&
	       axc_json_parse(arena, d, path, (const char *)data, bytes, ret_value);
}

const AxcJsonValue *axc_json_get(const AxcJsonValue *object, const char *key)
{
	if (!object || object->kind != AXC_JSON_OBJECT)
		return NULL;
	for (uint32_t i = 0; i < object->n; i++)
		if (strcmp(object->item[i].key, key) == 0)
			return &object->item[i];
	return NULL;
}

bool axc_json_want(AxcDiag *d, const char *file, const AxcJsonValue *object, const char *key,
                   AxcJsonKind kind, const AxcJsonValue **ret_value)
{
	const char *safe = axc_safe_name(d->arena, file);
	if (object->kind != AXC_JSON_OBJECT)
		return axc_fail(d, "%s:%d:%d: expected an object with the key \"%s\", found %s", safe,
		                object->line, object->column, key, axc_json_kind_name(object->kind));
	const AxcJsonValue *v = axc_json_get(object, key);
	if (!v)
		return axc_fail(d, "%s:%d:%d: the key \"%s\" is missing", safe, object->line, object->column,
		                key);
	if (v->kind != kind && !(kind == AXC_JSON_REAL && v->kind == AXC_JSON_INT))
		return axc_fail(d, "%s:%d:%d: \"%s\" must be %s, found %s", safe, v->line, v->column, key,
		                axc_json_kind_name(kind), axc_json_kind_name(v->kind));
	*ret_value = v;
	return true;
}
