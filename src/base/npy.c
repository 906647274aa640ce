/* Reading and writing .npy headers; element conversion. */
#include "base/npy.h"

#include <math.h>

/* ---- header ---- */

size_t axc_npy_header_bytes(const void *data)
{
	const uint8_t *p = data;
	if (memcmp(p, "\x93NUMPY", 6) != 0 || p[6] < 1 || p[6] > 3)
		return 0;
	if (p[6] == 1)
		return 10 + (size_t)(p[8] | p[9] << 8);
	return 12 + (p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16 | (size_t)p[11] << 24);
}

typedef struct Scan {
	const char *p, *end;
} Scan;

static void skip_space(Scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n'))
		s->p++;
}

static bool eat(Scan *s, char c)
{
	skip_space(s);
	if (s->p >= s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

/* 'text' in either quote, at most cap - 1 characters, no escapes. */
static bool eat_string(Scan *s, char *buf, size_t cap)
{
	skip_space(s);
	char quote = s->p < s->end ? *s->p : 0;
	if (quote != '\'' && quote != '"')
		return false;
	const char *start = ++s->p;
	while (s->p < s->end && *s->p != quote && *s->p != '\\')
		s->p++;
	size_t n = (size_t)(s->p - start);
	if (s->p >= s->end || *s->p != quote || n >= cap)
		return false;
	memcpy(buf, start, n);
	buf[n] = 0;
	s->p++;
	return true;
}

static bool eat_bool(Scan *s, bool *ret)
{
	skip_space(s);
	size_t left = (size_t)(s->end - s->p);
	*ret = left >= 4 && memcmp(s->p, "True", 4) == 0;
	if (!*ret && !(left >= 5 && memcmp(s->p, "False", 5) == 0))
		return false;
	s->p += *ret ? 4 : 5;
	return true;
}

static bool eat_number(Scan *s, int64_t *ret)
{
	skip_space(s);
	const char *start = s->p;
	int64_t v = 0;
	for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *s->p - '0', &v))
			return false;
	*ret = v;
	return s->p > start;
}

static bool eat_shape(Scan *s, AxcNpy *npy)
{
	if (!eat(s, '('))
		return false;
	npy->rank = 0;
	while (!eat(s, ')')) {
		if (npy->rank == AXC_NPY_RANK || !eat_number(s, &npy->dim[npy->rank++]))
			return false;
		if (!eat(s, ',') && !eat(s, ')'))
			return false;
		else if (s->p[-1] == ')')
			break;
	}
	return true;
}

static bool parse_descr(const char *descr, AxcNpy *npy)
{
	if (!strchr("<>|=", descr[0]) || !descr[0] || !descr[1] || descr[2] < '1' || descr[2] > '8' || descr[3])
		return false;
	npy->big = descr[0] == '>';
	npy->kind = descr[1];
	npy->size = descr[2] - '0';
	switch (npy->kind) {
	case 'f':
		return npy->size == 2 || npy->size == 4 || npy->size == 8;
	case 'i':
	case 'u':
		return npy->size == 1 || npy->size == 2 || npy->size == 4 || npy->size == 8;
	case 'b':
		return npy->size == 1;
	}
	return false;
}

/* {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } in any order. */
static bool parse_dictionary(Scan *s, AxcNpy *npy, char *descr, size_t descr_cap)
{
	unsigned seen = 0;
	if (!eat(s, '{'))
		return false;
	while (!eat(s, '}')) {
		char key[24];
		if (!eat_string(s, key, sizeof key) || !eat(s, ':'))
			return false;
		unsigned bit = strcmp(key, "descr") == 0           ? 1
		               : strcmp(key, "fortran_order") == 0 ? 2
		               : strcmp(key, "shape") == 0         ? 4
		                                                   : 8;
		bool ok = bit == 1   ? eat_string(s, descr, descr_cap)
		          : bit == 2 ? eat_bool(s, &npy->fortran)
		          : bit == 4 ? eat_shape(s, npy)
		                     : false;
		if (!ok || (seen & bit))
			return false;
		seen |= bit;
		if (!eat(s, ',')) {
			if (!eat(s, '}'))
				return false;
			break;
		}
	}
	skip_space(s);
	return seen == 7 && s->p == s->end;
}

bool axc_npy_parse(AxcDiag *d, const char *what, const void *data, size_t bytes, uint64_t total_bytes,
                   AxcNpy *ret)
{
	AxcNpy npy = {0};
	size_t header = bytes >= 12 ? axc_npy_header_bytes(data) : 0;
	if (header == 0)
		return axc_fail(d, "'%s' is no .npy array", what);
	if (header > AXC_NPY_HEADER || header > bytes)
		return axc_fail(d, "'%s': the .npy header of %zu bytes is cut off or too long", what, header);
	Scan s = {(const char *)data + (((const uint8_t *)data)[6] == 1 ? 10 : 12), (const char *)data + header};
	char descr[16] = "";
	if (!parse_dictionary(&s, &npy, descr, sizeof descr))
		return axc_fail(d, "'%s': the .npy header is malformed (or holds no plain array of numbers)", what);
	if (!parse_descr(descr, &npy))
		return axc_fail(d, "'%s': elements of type '%s' found, numbers wanted", what,
		                axc_safe_name(d->arena, descr));
	npy.count = 1;
	for (int i = 0; i < npy.rank; i++)
		if (__builtin_mul_overflow(npy.count, npy.dim[i], &npy.count))
			return axc_fail(d, "'%s': the array's size overflows", what);
	npy.offset = header;
	if ((uint64_t)npy.count > (total_bytes - header) / (uint64_t)npy.size)
		return axc_fail(d, "'%s' is cut off: %s need %llu bytes, %llu are there", what,
		                axc_npy_text(d->arena, &npy),
		                (unsigned long long)npy.count * (unsigned)npy.size,
		                (unsigned long long)(total_bytes - header));
	*ret = npy;
	return true;
}

const char *axc_npy_text(AxcArena *arena, const AxcNpy *npy)
{
	AxcText t = {.arena = arena};
	const char *kind = npy->kind == 'f' ? "float" : npy->kind == 'i' ? "int" : npy->kind == 'u' ? "uint" : "bool";
	axc_text_str(&t, kind);
	if (npy->kind != 'b')
		axc_text_f(&t, "%d", npy->size * 8);
	axc_text_str(&t, npy->rank ? " " : " scalar");
	for (int i = 0; i < npy->rank; i++)
		axc_text_f(&t, "%s%lld", i ? "x" : "", (long long)npy->dim[i]);
	return t.at;
}

void axc_npy_header(AxcText *text, char kind, int size, int rank, const int64_t *dims)
{
	AxcText t = {.arena = text->arena};
	axc_text_f(&t, "{'descr': '%c%c%d', 'fortran_order': False, 'shape': (", size == 1 ? '|' : '<', kind, size);
	for (int i = 0; i < rank; i++)
		axc_text_f(&t, i + 1 < rank ? "%lld, " : rank == 1 ? "%lld," : "%lld", (long long)dims[i]);
	axc_text_str(&t, "), }");
	while ((10 + t.n + 1) % 64)
		axc_text_str(&t, " ");
	axc_text_str(&t, "\n");
	const char head[10] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, (char)(t.n & 255), (char)(t.n >> 8)};
	axc_text_add(text, head, sizeof head);
	axc_text_add(text, t.at, t.n);
}

/* ---- elements ---- */

bool axc_npy_plain(const AxcNpy *npy, char kind, int size)
{
	return npy->kind == kind && npy->size == size && (!npy->big || size == 1) &&
	       (!npy->fortran || npy->rank <= 1);
}

/* Where element i of the row-major order lies. */
static int64_t place(const AxcNpy *npy, int64_t i)
{
	if (!npy->fortran || npy->rank <= 1)
		return i;
	int64_t at = 0, stride = npy->count;
	for (int k = npy->rank - 1; k >= 0; k--) {
		stride /= npy->dim[k];
		at += i % npy->dim[k] * stride;
		i /= npy->dim[k];
	}
	return at;
}

static uint64_t raw_bits(const AxcNpy *npy, const void *data, int64_t i)
{
	const uint8_t *p = (const uint8_t *)data + place(npy, i) * npy->size;
	uint64_t v = 0;
	for (int k = 0; k < npy->size; k++)
		v |= (uint64_t)p[k] << 8 * (npy->big ? npy->size - 1 - k : k);
	return v;
}

static double half_value(uint64_t bits)
{
	int exponent = (int)(bits >> 10 & 31);
	double fraction = (double)(bits & 1023);
	double v = exponent == 0    ? fraction * 0x1p-24
	           : exponent == 31 ? (fraction != 0 ? NAN : INFINITY)
	                            : ldexp(1024 + fraction, exponent - 25);
	return bits >> 15 ? -v : v;
}

static int64_t int_value(const AxcNpy *npy, uint64_t bits)
{
	int unused = 64 - 8 * npy->size;
	return npy->kind == 'i' ? (int64_t)(bits << unused) >> unused : (int64_t)bits;
}

static double double_value(const AxcNpy *npy, uint64_t bits)
{
	if (npy->kind != 'f')
		return npy->kind == 'u' ? (double)bits : (double)int_value(npy, bits);
	if (npy->size == 2)
		return half_value(bits);
	float f;
	double v;
	uint32_t low = (uint32_t)bits;
	memcpy(&f, &low, sizeof f);
	memcpy(&v, &bits, sizeof v);
	return npy->size == 4 ? (double)f : v;
}

void axc_npy_doubles(const AxcNpy *npy, const void *data, int64_t first, int64_t n, double *out)
{
	for (int64_t i = 0; i < n; i++)
		out[i] = double_value(npy, raw_bits(npy, data, first + i));
}

void axc_npy_ints(const AxcNpy *npy, const void *data, int64_t first, int64_t n, int64_t *out)
{
	for (int64_t i = 0; i < n; i++) {
		uint64_t bits = raw_bits(npy, data, first + i);
		if (npy->kind == 'f') {
			double v = double_value(npy, bits);
			out[i] = v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : 0;
		} else {
			out[i] = int_value(npy, bits);
		}
	}
}
