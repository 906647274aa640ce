/* .npy: "\x93NUMPY", version, header length, a Python dictionary as text, then the data. The dictionary is
 * read by a parser that knows just the three keys the format has. */
#include "npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAGIC_BYTES = 6, MAX_HEADER_BYTES = 65536, ALIGN = 64 };

typedef struct TypeName {
	const char *descr, *name;
	size_t bytes;
} TypeName;

/* by axrxType */
static const TypeName types[] = {
	{"|i1", "int8", 1}, {"|u1", "uint8", 1},   {"<i2", "int16", 2}, {"<i4", "int32", 4},
	{"<i8", "int64", 8}, {"<f4", "float32", 4}, {"|b1", "bool", 1},
};
enum { NUM_TYPES = sizeof types / sizeof *types };
/* read as float32: what networks with such inputs are compiled to */
static const TypeName wider[] = {{"<f2", "float16", 2}, {"<f8", "float64", 8}};

const char *npy_type_name(axrxType type)
{
	return types[type].name;
}

typedef struct Parser {
	const char *at, *end;
	char *problem;
	size_t problem_bytes;
} Parser;

static bool fail(Parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(Parser *p, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(p->problem, p->problem_bytes, format, args);
	va_end(args);
	return false;
}

static void skip_space(Parser *p)
{
	while (p->at < p->end && strchr(" \t\r\n", *p->at) && *p->at)
		p->at++;
}

static bool accept(Parser *p, char c)
{
	skip_space(p);
	if (p->at >= p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

static bool parse_string(Parser *p, char *ret, size_t bytes)
{
	skip_space(p);
	if (p->at >= p->end || (*p->at != '\'' && *p->at != '"'))
		return fail(p, "damaged header: wanted a quoted text");
	char quote = *p->at++;
	const char *stop = memchr(p->at, quote, (size_t)(p->end - p->at));
	if (!stop || (size_t)(stop - p->at) >= bytes)
		return fail(p, "damaged header: text without end");
	memcpy(ret, p->at, (size_t)(stop - p->at));
	ret[stop - p->at] = '\0';
	p->at = stop + 1;
	return true;
}

static bool parse_type(Parser *p, Npy *npy)
{
	char descr[16];
	skip_space(p);
	if (p->at < p->end && *p->at == '[')
		return fail(p, "holds records, wanted a plain array");
	if (!parse_string(p, descr, sizeof descr))
		return false;
	for (int i = 0; i < NUM_TYPES; i++) {
		if (strcmp(descr, types[i].descr) == 0) {
			npy->type = (axrxType)i;
			return true;
		}
	}
	for (int i = 0; i < 2; i++) {
		if (strcmp(descr, wider[i].descr) == 0) {
			npy->type = AXRX_TYPE_FLOAT32;
			npy->stored = wider[i].bytes;
			return true;
		}
	}
	return fail(p, "holds elements of type '%s', wanted one of int8, uint8, int16, int32, int64, float16, float32, "
	               "float64, bool",
	            descr);
}

static bool parse_shape(Parser *p, Npy *npy)
{
	if (!accept(p, '('))
		return fail(p, "damaged header: shape");
	while (!accept(p, ')')) {
		size_t dim = 0;
		skip_space(p);
		const char *start = p->at;
		while (p->at < p->end && *p->at >= '0' && *p->at <= '9') {
			if (__builtin_mul_overflow(dim, (size_t)10, &dim) ||
			    __builtin_add_overflow(dim, (size_t)(*p->at++ - '0'), &dim))
				return fail(p, "a dimension is too large");
		}
		if (p->at == start)
			return fail(p, "damaged header: shape");
		if (npy->ndims == NPY_MAX_DIMS)
			return fail(p, "more than %d dimensions", NPY_MAX_DIMS);
		npy->dims[npy->ndims++] = dim;
		if (!accept(p, ',') && (p->at >= p->end || *p->at != ')'))
			return fail(p, "damaged header: shape");
	}
	return true;
}

static bool parse_order(Parser *p)
{
	skip_space(p);
	if (p->end - p->at >= 5 && memcmp(p->at, "False", 5) == 0) {
		p->at += 5;
		return true;
	}
	return fail(p, "is in Fortran order; save numpy.ascontiguousarray(array)");
}

static bool parse_header(Parser *p, Npy *npy)
{
	bool have_type = false, have_shape = false, have_order = false;
	if (!accept(p, '{'))
		return fail(p, "damaged header");
	while (!accept(p, '}')) {
		char key[16];
		if (!parse_string(p, key, sizeof key))
			return false;
		if (!accept(p, ':'))
			return fail(p, "damaged header");
		bool ok;
		if (strcmp(key, "descr") == 0 && !have_type)
			ok = have_type = parse_type(p, npy);
		else if (strcmp(key, "shape") == 0 && !have_shape)
			ok = have_shape = parse_shape(p, npy);
		else if (strcmp(key, "fortran_order") == 0 && !have_order)
			ok = have_order = parse_order(p);
		else
			return fail(p, "damaged header: key '%s'", key);
		if (!ok)
			return false;
		if (!accept(p, ',') && (p->at >= p->end || *p->at != '}'))
			return fail(p, "damaged header");
	}
	return (have_type && have_shape && have_order) || fail(p, "damaged header: a key is missing");
}

/* binary16 to binary32 by bits; exact */
static float from_float16(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 1023;
	float f;
	if (exponent == 0) { /* zero or subnormal */
		f = (float)mantissa * 0x1p-24f;
		return sign ? -f : f;
	}
	uint32_t bits = sign | (exponent == 31 ? 255u : exponent + 112u) << 23 | mantissa << 13;
	memcpy(&f, &bits, sizeof f);
	return f;
}

static bool to_float32(Parser *p, Npy *npy)
{
	size_t n = npy->bytes / npy->stored;
	const unsigned char *from = npy->data;
	if (n > SIZE_MAX / sizeof(float) - 1 || !(npy->floats = malloc(n * sizeof(float) + 1)))
		return fail(p, "is larger than memory");
	for (size_t i = 0; i < n; i++) {
		uint16_t half;
		double wide;
		if (npy->stored == sizeof half) {
			memcpy(&half, from + i * sizeof half, sizeof half);
			npy->floats[i] = from_float16(half);
		} else {
			memcpy(&wide, from + i * sizeof wide, sizeof wide);
			npy->floats[i] = (float)wide;
		}
	}
	npy->data = npy->floats;
	npy->bytes = n * sizeof(float);
	return true;
}

static bool parse_file(Parser *p, Npy *npy)
{
	const unsigned char *data = npy->map;
	if (npy->mapped < MAGIC_BYTES + 4 || memcmp(data, "\x93NUMPY", MAGIC_BYTES) != 0)
		return fail(p, "is not an .npy file");
	size_t prefix = data[6] == 1 ? 10 : 12;
	if (data[6] < 1 || data[6] > 3 || npy->mapped < prefix)
		return fail(p, "has .npy version %d, wanted 1 to 3", data[6]);
	size_t header = (size_t)data[8] | (size_t)data[9] << 8;
	if (prefix == 12)
		header |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
	if (header > MAX_HEADER_BYTES || header > npy->mapped - prefix)
		return fail(p, "damaged header: its length is %zu bytes", header);
	p->at = (const char *)data + prefix;
	p->end = p->at + header;
	if (!parse_header(p, npy))
		return false;
	npy->bytes = npy->stored ? npy->stored : types[npy->type].bytes;
	for (size_t i = 0; i < npy->ndims; i++) {
		if (__builtin_mul_overflow(npy->bytes, npy->dims[i], &npy->bytes))
			return fail(p, "is larger than memory");
	}
	npy->data = data + prefix + header;
	size_t rest = npy->mapped - prefix - header;
	if (rest != npy->bytes)
		return fail(p, "has %zu bytes of data, wanted %zu", rest, npy->bytes);
	return !npy->stored || to_float32(p, npy);
}

bool npy_open(Npy *npy, const char *path, char *problem, size_t problem_bytes)
{
	Parser p = {NULL, NULL, problem, problem_bytes};
	struct stat st;
	*npy = (Npy){0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0) {
		fail(&p, "%s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	if (S_ISREG(st.st_mode) && st.st_size > 0) {
		npy->mapped = (size_t)st.st_size;
		npy->map = mmap(NULL, npy->mapped, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	int error = errno;
	close(fd);
	if (!npy->map)
		return fail(&p, "is not an .npy file");
	if (npy->map == MAP_FAILED) {
		npy->map = NULL;
		return fail(&p, "%s", strerror(error));
	}
	if (parse_file(&p, npy))
		return true;
	npy_close(npy);
	return false;
}

void npy_close(Npy *npy)
{
	if (npy->map)
		munmap(npy->map, npy->mapped);
	free(npy->floats);
	*npy = (Npy){0};
}

bool npy_write_header(FILE *file, axrxType type, const size_t *dims, size_t ndims)
{
	char text[512];
	int n = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (", types[type].descr);
	for (size_t i = 0; i < ndims; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, ndims == 1 ? "%zu," : i ? ", %zu" : "%zu", dims[i]);
	n += snprintf(text + n, sizeof text - (size_t)n, "), }");
	while ((10 + n + 1) % ALIGN)
		text[n++] = ' ';
	text[n++] = '\n';
	unsigned char prefix[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)n, (unsigned char)(n >> 8)};
	return fwrite(prefix, sizeof prefix, 1, file) == 1 && fwrite(text, (size_t)n, 1, file) == 1;
}
