/* What fuzz targets share: the input as a file without touching a disk. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Makes the data readable under `path` (64 bytes); close the result. */
static inline int fuzz_file(const uint8_t *data, size_t bytes, char *path)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0)
		abort();
	for (size_t done = 0; done < bytes;) {
		ssize_t n = write(fd, data + done, bytes - done);
		if (n <= 0)
			abort();
		done += (size_t)n;
	}
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

#endif
