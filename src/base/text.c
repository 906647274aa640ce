/* Text building and number text that does not depend on the locale. */
#include "base/base.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

void axc_text_add(AxcText *text, const char *data, size_t bytes)
{
	size_t need;
	if (!axc_add_size(text->n, bytes, &need) || !axc_add_size(need, 1, &need))
		axc_out_of_memory(text->arena);
	if (need > text->cap) {
		size_t cap = AXC_MAX(need, text->cap * 2);
		cap = AXC_MAX(cap, (size_t)256);
		char *at = axc_alloc(text->arena, cap);
		if (text->n)
			memcpy(at, text->at, text->n);
		if (bytes)
			memcpy(at + text->n, data, bytes); /* which may lie in the old memory */
		axc_free_large(text->arena, text->at, text->cap);
		text->at = at;
		text->cap = cap;
	} else if (bytes) {
		memcpy(text->at + text->n, data, bytes);
	}
	text->n += bytes;
	text->at[text->n] = 0;
}

void axc_text_str(AxcText *text, const char *string)
{
	axc_text_add(text, string, strlen(string));
}

void axc_text_f(AxcText *text, const char *format, ...)
{
	char small[256];
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(small, sizeof small, format, args);
	if (n >= 0 && (size_t)n < sizeof small)
		axc_text_add(text, small, (size_t)n);
	else if (n >= 0)
		axc_text_str(text, axc_vformat(text->arena, format, again));
	va_end(again);
	va_end(args);
}

static locale_t c_locale(void)
{
	static locale_t c;
	if (!c)
		c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	return c;
}

static void add_number(AxcText *text, double value, int digits, int most, bool is_float)
{
	if (isnan(value) || isinf(value)) {
		axc_text_str(text, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
		return;
	}
	locale_t old = uselocale(c_locale());
	char buf[64];
	for (;; digits++) {
		snprintf(buf, sizeof buf, "%.*g", digits, value);
		double direct = strtod(buf, NULL); /* a float must survive the way by double too */
		double back = is_float ? (double)strtof(buf, NULL) : direct;
		if (digits >= most || (back == value && (!is_float || (double)(float)direct == value)))
			break;
	}
	uselocale(old);
	axc_text_str(text, buf);
	if (!strpbrk(buf, ".e"))
		axc_text_str(text, ".0");
}

void axc_text_float(AxcText *text, float value)
{
	add_number(text, value, 6, 9, true);
}

void axc_text_double(AxcText *text, double value)
{
	add_number(text, value, 15, 17, false);
}

bool axc_parse_double(const char *text, double *ret_value)
{
	char *end;
	double v = strtod_l(text, &end, c_locale());
	if (end == text || *end)
		return false;
	*ret_value = v;
	return true;
}

bool axc_parse_int64(const char *text, int64_t *ret_value)
{
	const char *p = text;
	bool negative = *p == '-';
	p += negative || *p == '+';
	if (!*p)
		return false;
	int64_t v = 0;
	for (; *p; p++) {
		if (*p < '0' || *p > '9' || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_sub_overflow(v, *p - '0', &v))
			return false;
	}
	if (!negative && __builtin_sub_overflow(0, v, &v))
		return false;
	*ret_value = v;
	return true;
}

const char *axc_safe_name(AxcArena *arena, const char *name)
{
	AxcText t = {.arena = arena};
	axc_text_str(&t, "");
	for (const char *p = name; *p && t.n < 200; p++) {
		unsigned char c = (unsigned char)*p;
		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		    strchr("_.:/-", c))
			axc_text_add(&t, p, 1);
		else
			axc_text_f(&t, "\\x%02x", c);
	}
	if (t.n > 200)
		t.at[200] = 0;
	return t.at;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Letters that differ in case alone count as equal. */
static size_t edit_distance(const char *a, const char *b)
{
	enum { MOST = 80 };
	size_t n = strlen(a), m = strlen(b), row[MOST + 1];
	if (n > MOST || m > MOST)
		return MOST;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t up = row[j];
			size_t best = AXC_MIN(up, row[j - 1]) + 1;
			row[j] = AXC_MIN(best, diagonal + (lower(a[i - 1]) != lower(b[j - 1])));
			diagonal = up;
		}
	}
	return row[m];
}

const char *axc_closest(const char *text, const char *const *candidates, size_t n)
{
	const char *best = NULL;
	size_t best_distance = strlen(text) / 3 + 2;
	for (size_t i = 0; i < n; i++) {
		size_t d = edit_distance(text, candidates[i]);
		if (d < best_distance) {
			best_distance = d;
			best = candidates[i];
		}
	}
	return best;
}
