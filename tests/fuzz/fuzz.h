/* What fuzz targets share: the input as a file without touching a disk; an input of several files, in a
 * directory of its own; and hashes that fit, because no fuzzer finds those by itself. */
#ifndef FUZZ_H
#define FUZZ_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static inline void fuzz_write(int fd, const uint8_t *data, size_t bytes)
{
	if (fd < 0)
		abort();
	for (size_t done = 0; done < bytes;) {
		ssize_t n = write(fd, data + done, bytes - done);
		if (n <= 0)
			abort();
		done += (size_t)n;
	}
}

/* Makes the data readable under `path` (64 bytes); close the result. */
static inline int fuzz_file(const uint8_t *data, size_t bytes, char *path)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	fuzz_write(fd, data, bytes);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

/* ---- several files ---- */

#define FUZZ_CUT "\n%%%%\n" /* stands between the files of one input */

typedef struct FuzzPart {
	const uint8_t *data;
	size_t bytes;
} FuzzPart;

/* The next part of *rest; an empty one when nothing is left. */
static inline FuzzPart fuzz_part(FuzzPart *rest)
{
	const size_t cut = sizeof FUZZ_CUT - 1;
	const uint8_t *at = rest->bytes ? memmem(rest->data, rest->bytes, FUZZ_CUT, cut) : NULL;
	FuzzPart part = {rest->data, at ? (size_t)(at - rest->data) : rest->bytes};
	size_t used = at ? part.bytes + cut : rest->bytes;
	*rest = (FuzzPart){rest->data + used, rest->bytes - used};
	return part;
}

static char fuzz_dir_path[64];

static void fuzz_dir_remove(void)
{
	axc_remove_tree(fuzz_dir_path);
}

/* A directory of this process, removed when it ends. */
static inline const char *fuzz_dir(void)
{
	if (!fuzz_dir_path[0]) {
		strcpy(fuzz_dir_path, access("/dev/shm", W_OK) == 0 ? "/dev/shm/axc-fuzz-XXXXXX" : "/tmp/axc-fuzz-XXXXXX");
		if (!mkdtemp(fuzz_dir_path))
			abort();
		atexit(fuzz_dir_remove);
	}
	return fuzz_dir_path;
}

static inline void fuzz_put(const char *name, const uint8_t *data, size_t bytes)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", fuzz_dir(), name);
	unlink(path); /* an earlier one may still be mapped */
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	fuzz_write(fd, data, bytes);
	close(fd);
}

/* Where `json` says "bytes": N, "hash": "0000000000000000" behind `key`, the blob is cut or filled with zeros
 * to N bytes (if N is small) and the zeros become its hash. Both results are allocated with malloc. */
static inline void fuzz_fit_blob(const char *key, FuzzPart *json, FuzzPart *blob)
{
	static const char zeros[] = "0000000000000000";
	char *text = malloc(json->bytes + 1), *end;
	if (!text)
		abort();
	memcpy(text, json->data, json->bytes);
	text[json->bytes] = 0;
	char *at = strstr(text, key), *bytes = at ? strstr(at, "\"bytes\": ") : NULL, *hash = at ? strstr(at, zeros) : NULL;
	unsigned long long n = bytes ? strtoull(bytes + 9, &end, 10) : 0;
	if (!bytes || n > 1 << 16)
		n = blob->bytes;
	uint8_t *data = calloc(1, (size_t)n + 1);
	if (!data)
		abort();
	memcpy(data, blob->data, blob->bytes < n ? blob->bytes : (size_t)n);
	*blob = (FuzzPart){data, (size_t)n};
	if (hash) {
		char digits[17];
		snprintf(digits, sizeof digits, "%016llx", (unsigned long long)axc_hash(data, (size_t)n));
		memcpy(hash, digits, 16);
	}
	json->data = (uint8_t *)text;
}

#endif
