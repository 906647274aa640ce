/* What axrunmodel and libaxruntime ask of the system, made to fail on demand: in the fault-injection build the linker
 * leads their calls here (--wrap). They count as src/base/fault.c counts. */
#include "base/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fails(int error)
{
	if (!axc_fault_now())
		return false;
	errno = error;
	return true;
}

#define WRAP(type, name, params, args, value, error) \
	type __real_##name params;                   \
	type __wrap_##name params;                   \
	type __wrap_##name params                    \
	{                                            \
		return fails(error) ? (value) : __real_##name args; \
	}

WRAP(void *, malloc, (size_t n), (n), NULL, ENOMEM)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), NULL, ENOMEM)
WRAP(void *, realloc, (void *p, size_t n), (p, n), NULL, ENOMEM)
WRAP(void *, aligned_alloc, (size_t align, size_t n), (align, n), NULL, ENOMEM)
WRAP(char *, strdup, (const char *s), (s), NULL, ENOMEM)
WRAP(char *, realpath, (const char *path, char *to), (path, to), NULL, ENOMEM)
WRAP(void *, mmap, (void *at, size_t n, int prot, int flags, int fd, off_t from), (at, n, prot, flags, fd, from),
     MAP_FAILED, ENOMEM)
WRAP(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, EMFILE)
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), -1, ENOSPC)
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at), -1, ENOSPC)
WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
WRAP(size_t, fwrite, (const void *data, size_t size, size_t n, FILE *f), (data, size, n, f), 0, ENOSPC)
WRAP(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n), -1, EIO)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, ENOSPC)
WRAP(pid_t, fork, (void), (), -1, EAGAIN)

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	return fails(EAGAIN) ? EAGAIN : __real_pthread_create(thread, attr, start, arg);
}

int __real_fclose(FILE *f);
int __wrap_fclose(FILE *f);
int __wrap_fclose(FILE *f) /* what it wrote did not arrive */
{
	bool failed = fails(ENOSPC);
	int code = __real_fclose(f);
	if (failed)
		errno = ENOSPC;
	return failed ? EOF : code;
}

int __wrap_asprintf(char **ret, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_asprintf(char **ret, const char *format, ...)
{
	va_list args;
	if (fails(ENOMEM))
		return -1;
	va_start(args, format);
	int n = vasprintf(ret, format, args);
	va_end(args);
	return n;
}
