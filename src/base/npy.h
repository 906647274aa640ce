/* The .npy format (NumPy's NEP 1, versions 1 to 3): one array of numbers in a file. Own parser: the header
 * is a Python dictionary literal of exactly three keys, everything in it is bounded and checked.
 */
#ifndef AXC_NPY_H
#define AXC_NPY_H

#include "base/base.h"

enum { AXC_NPY_RANK = 16, AXC_NPY_HEADER = 64 * 1024 };

typedef struct AxcNpy {
	char kind;      /* 'f' float, 'i' signed, 'u' unsigned, 'b' bool */
	int size;       /* bytes of an element: f 2 4 8, i u 1 2 4 8, b 1 */
	bool big;       /* big-endian */
	bool fortran;   /* first index fastest */
	int rank;
	int64_t dim[AXC_NPY_RANK];
	int64_t count;  /* elements */
	size_t offset;  /* of the first element in the file */
} AxcNpy;

/* Parses the beginning of a .npy file: `bytes` at `data` are there (the whole header must be), the file
 * has total_bytes. `what` names it in messages. Checks that the file holds all elements. */
AXC_CHECKED bool axc_npy_parse(AxcDiag *d, const char *what, const void *data, size_t bytes,
                               uint64_t total_bytes, AxcNpy *ret);
/* Bytes of the header when its first 12 bytes are there; 0: not a .npy file. */
size_t axc_npy_header_bytes(const void *data);
/* Text such as "float32 8x3x224x224". */
const char *axc_npy_text(AxcArena *arena, const AxcNpy *npy);
/* Elements [first, first + n) in row-major order as doubles or int64 (truncating); `data` is the first
 * element. Handles byte order and Fortran order; data need not be aligned. */
void axc_npy_doubles(const AxcNpy *npy, const void *data, int64_t first, int64_t n, double *out);
void axc_npy_ints(const AxcNpy *npy, const void *data, int64_t first, int64_t n, int64_t *out);
/* Little-endian, row-major, and 'f' 4: elements can be copied as they are. The same for any kind and size. */
bool axc_npy_plain(const AxcNpy *npy, char kind, int size);
/* The header for an array that is written: little-endian, row-major. */
void axc_npy_header(AxcText *text, char kind, int size, int rank, const int64_t *dims);

#endif
