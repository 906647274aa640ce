/* What of the .npy format axrunmodel takes: the element types of axrxType and what becomes float32. */
#include "npy.h"
#include "base/npy.h"

static const struct Type {
	const char *name;
	char kind;
	int size;
} types[] = {
	/* by axrxType */
	{"int8", 'i', 1},  {"uint8", 'u', 1},   {"int16", 'i', 2}, {"int32", 'i', 4},
	{"int64", 'i', 8}, {"float32", 'f', 4}, {"bool", 'b', 1},
};

const char *npy_type_name(axrxType type)
{
	return types[type].name;
}

/* Networks with float16 and float64 inputs are compiled to float32. */
static bool find_type(const AxcNpy *file, axrxType *ret)
{
	*ret = AXRX_TYPE_FLOAT32;
	for (size_t i = 0; i < AXC_COUNT(types) && file->kind != 'f'; i++)
		if (types[i].kind == file->kind && types[i].size == file->size)
			*ret = (axrxType)i;
	return file->kind == 'f' || *ret != AXRX_TYPE_FLOAT32;
}

/* The elements in little-endian, row-major order. */
static const void *converted(AxcArena *arena, const AxcNpy *file, const void *data, axrxType type)
{
	enum { SOME = 256 };
	double reals[SOME];
	int64_t ints[SOME];
	size_t size = (size_t)types[type].size;
	unsigned char *to = axc_alloc_array(arena, (size_t)file->count, size);
	for (int64_t at = 0; at < file->count; at += SOME) {
		int64_t n = AXC_MIN(file->count - at, (int64_t)SOME);
		if (type == AXRX_TYPE_FLOAT32)
			axc_npy_doubles(file, data, at, n, reals);
		else
			axc_npy_ints(file, data, at, n, ints);
		for (int64_t i = 0; i < n; i++) {
			float real = type == AXRX_TYPE_FLOAT32 ? (float)reals[i] : 0;
			memcpy(to + (size_t)(at + i) * size, type == AXRX_TYPE_FLOAT32 ? (void *)&real : (void *)&ints[i], size);
		}
	}
	return to;
}

static bool read_array(Npy *npy, AxcDiag *d, const char *path)
{
	AxcNpy file;
	const uint8_t *data;
	size_t bytes;
	const char *safe = axc_safe_name(npy->arena, path);
	if (!axc_map_file(npy->arena, d, ".npy file", path, SIZE_MAX / 2, &data, &bytes) ||
	    !axc_npy_parse(d, safe, data, bytes, bytes, &file))
		return false;
	if (!find_type(&file, &npy->type) || file.rank > NPY_MAX_DIMS)
		return axc_fail(d, "'%s' holds %s; wanted are at most %d dimensions of int8, uint8, int16, int32, int64, float16, "
		                   "float32, float64 or bool",
		                safe, axc_npy_text(npy->arena, &file), NPY_MAX_DIMS);
	npy->ndims = (size_t)file.rank;
	for (size_t i = 0; i < npy->ndims; i++)
		npy->dims[i] = (size_t)file.dim[i];
	npy->bytes = (size_t)file.count * (size_t)types[npy->type].size;
	data += file.offset;
	npy->data = axc_npy_plain(&file, types[npy->type].kind, types[npy->type].size)
	                    ? data
	                    : converted(npy->arena, &file, data, npy->type);
	return true;
}

bool npy_open(Npy *npy, const char *path, char *problem, size_t problem_bytes)
{
	jmp_buf oom;
	AxcDiag d;
	bool ok = false;
	*npy = (Npy){.arena = axc_arena_new(&oom)};
	snprintf(problem, problem_bytes, "no memory for '%.200s'", path);
	if (!npy->arena || setjmp(oom)) {
		npy_close(npy);
		return false;
	}
	axc_diag_init(&d, npy->arena);
	ok = read_array(npy, &d, path);
	if (!ok) {
		snprintf(problem, problem_bytes, "%s", d.error.message);
		npy_close(npy);
	}
	return ok;
}

void npy_close(Npy *npy)
{
	axc_arena_free(npy->arena);
	*npy = (Npy){0};
}

bool npy_write_header(FILE *file, axrxType type, const size_t *dims, size_t ndims)
{
	jmp_buf oom;
	int64_t signed_dims[NPY_MAX_DIMS];
	AxcArena *arena = axc_arena_new(&oom);
	bool ok = arena && setjmp(oom) == 0;
	if (ok) {
		AxcText text = {.arena = arena};
		for (size_t i = 0; i < ndims; i++)
			signed_dims[i] = (int64_t)dims[i];
		axc_npy_header(&text, types[type].kind, types[type].size, (int)ndims, signed_dims);
		ok = fwrite(text.at, text.n, 1, file) == 1;
	}
	axc_arena_free(arena);
	return ok;
}
