/* NumPy's .npy files, format versions 1 to 3, C order, the element types of axrxType, and float16
 * and float64 read as float32: read through a mapping, written frame by frame. */
#ifndef AXRUNMODEL_NPY_H
#define AXRUNMODEL_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "axruntime/axruntime_ext.h"

enum { NPY_MAX_DIMS = AXR_MAX_TENSOR_DIMS + 1 };

typedef struct Npy {
	axrxType type;
	size_t dims[NPY_MAX_DIMS];
	size_t ndims;
	const void *data;
	size_t bytes; /* of the data */
	size_t stored; /* bytes of an element in the file where they are turned into float32, else 0 */
	float *floats; /* that */
	void *map;
	size_t mapped;
} Npy;

/* False: `problem` is one sentence without the file's name. */
bool npy_open(Npy *npy, const char *path, char *problem, size_t problem_bytes);
void npy_close(Npy *npy);
/* The data follow by fwrite. */
bool npy_write_header(FILE *file, axrxType type, const size_t *dims, size_t ndims);
const char *npy_type_name(axrxType type);

#endif
