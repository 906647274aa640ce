/* NumPy's .npy files over the project's reader (src/base/npy.h): arrays of the element types of axrxType, and
 * float16 and float64 read as float32, in any byte and index order: read through a mapping, written frame by
 * frame. */
#ifndef AXRUNMODEL_NPY_H
#define AXRUNMODEL_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "axruntime/axruntime_ext.h"

enum { NPY_MAX_DIMS = AXR_MAX_TENSOR_DIMS + 1 };

typedef struct Npy {
	struct AxcArena *arena; /* holds the mapping or the converted elements; NULL: not open */
	axrxType type;
	size_t dims[NPY_MAX_DIMS];
	size_t ndims;
	const void *data; /* little-endian, row-major */
	size_t bytes;     /* of the data */
} Npy;

/* False: `problem` is one sentence with the file's name. */
bool npy_open(Npy *npy, const char *path, char *problem, size_t problem_bytes);
void npy_close(Npy *npy);
/* The data follow by fwrite. */
bool npy_write_header(FILE *file, axrxType type, const size_t *dims, size_t ndims);
const char *npy_type_name(axrxType type);

#endif
