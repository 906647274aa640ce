/* Files: mapped for reading; written beside their place, synced, renamed. */
#include "base/base.h"
#include "base/fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20 };

typedef struct Mapping {
	void *at;
	size_t bytes;
} Mapping;

static void unmap(void *arg)
{
	Mapping *m = arg;
	munmap(m->at, m->bytes);
}

static void forget(void *arg, void *ctx)
{
	Mapping *m = arg;
	(void)ctx;
	madvise(m->at, m->bytes, MADV_DONTNEED);
}

void axc_map_forget(const AxcArena *arena)
{
	axc_arena_each_deferred(arena, unmap, forget, NULL);
}

typedef struct Range {
	uintptr_t begin, end;
	bool found;
} Range;

static void look(void *arg, void *ctx)
{
	const Mapping *m = arg;
	Range *r = ctx;
	r->found |= r->begin >= (uintptr_t)m->at && r->end <= (uintptr_t)m->at + m->bytes;
}

bool axc_map_has(const AxcArena *arena, const void *data, size_t bytes)
{
	Range r = {(uintptr_t)data, (uintptr_t)data + bytes, false};
	axc_arena_each_deferred(arena, unmap, look, &r);
	return r.found;
}

void axc_map_drop(const void *data, size_t bytes)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = ((uintptr_t)data + page - 1) / page * page, end = ((uintptr_t)data + bytes) / page * page;
	if (begin < end)
		madvise((void *)begin, end - begin, MADV_DONTNEED);
}

static bool map_fd(AxcArena *arena, AxcDiag *d, const char *what, const char *path, int fd,
                   size_t max_bytes, const uint8_t **ret_data, size_t *ret_bytes)
{
	const char *safe = axc_safe_name(d->arena, path);
	struct stat st;
	if (fstat(fd, &st) != 0)
		return axc_fail(d, "cannot read the %s '%s': %s", what, safe, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return axc_fail(d, "the %s '%s' is not a regular file", what, safe);
	if ((uint64_t)st.st_size > max_bytes)
		return axc_fail(d, "the %s '%s' has %lld bytes; at most %zu are accepted", what, safe,
		                (long long)st.st_size, max_bytes);
	*ret_bytes = (size_t)st.st_size;
	if (st.st_size == 0) {
		*ret_data = axc_alloc(arena, 16);
		return true;
	}
	Mapping *m = AXC_NEW(arena, Mapping);
	m->bytes = (size_t)st.st_size;
	m->at = axc_fault_now() ? MAP_FAILED : mmap(NULL, m->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	if (m->at == MAP_FAILED)
		return axc_fail(d, "cannot map the %s '%s': %s", what, safe, strerror(errno));
	axc_arena_defer(arena, unmap, m);
	*ret_data = m->at;
	return true;
}

bool axc_map_file(AxcArena *arena, AxcDiag *d, const char *what, const char *path, size_t max_bytes,
                  const uint8_t **ret_data, size_t *ret_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return axc_fail(d, "cannot open the %s '%s': %s", what, axc_safe_name(d->arena, path),
		                strerror(errno));
	bool ok = map_fd(arena, d, what, path, fd, max_bytes, ret_data, ret_bytes);
	close(fd);
	return ok;
}

static bool write_all(int fd, const char *data, size_t bytes)
{
	while (bytes) {
		ssize_t n = axc_fault_now() ? (errno = ENOSPC, -1)
		                            : write(fd, data, AXC_MIN(bytes, (size_t)1 << 30));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		bytes -= (size_t)n;
	}
	return true;
}

static bool sync_file(int fd)
{
	if (axc_fault_now()) {
		errno = EIO;
		return false;
	}
	return fsync(fd) == 0 || errno == EINVAL || errno == EROFS;
}

/* A file being written. Its names are made before it is: memory that runs out later leaves no file behind. */
typedef struct Temp {
	const char *path, *safe, *temp;
} Temp;

/* Ends what `temp` was opened for; `ok` with errno says how it went so far. */
static bool finish_file(AxcDiag *d, int fd, const Temp *t, bool ok)
{
	ok = ok && sync_file(fd);
	int error = errno;
	if (close(fd) != 0 && ok) {
		ok = false;
		error = errno;
	}
	if (!ok) {
		unlink(t->temp);
		axc_fail(d, "cannot write '%s': %s", t->safe, strerror(error));
		if (error == ENOSPC || error == EDQUOT)
			axc_diag_hint(d, "free some space or choose another output directory");
		return false;
	}
	if (!axc_rename(d, t->temp, t->path)) {
		unlink(t->temp);
		return false;
	}
	return true;
}

static int open_temp(AxcDiag *d, const char *path, Temp *t)
{
	*t = (Temp){path, axc_safe_name(d->arena, path), axc_format(d->arena, "%s.tmp-%ld", path, (long)getpid())};
	int fd = open(t->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0)
		axc_fail(d, "cannot write '%s': %s", t->safe, strerror(errno));
	return fd;
}

bool axc_write_pieces(AxcDiag *d, const char *path, const AxcPiece *pieces, int n)
{
	Temp t;
	int fd = open_temp(d, path, &t);
	bool ok = fd >= 0;
	for (int i = 0; i < n && ok; i++)
		ok = write_all(fd, pieces[i].data, pieces[i].bytes);
	return fd >= 0 && finish_file(d, fd, &t, ok);
}

bool axc_write_file(AxcDiag *d, const char *path, const void *data, size_t bytes)
{
	return axc_write_pieces(d, path, &(AxcPiece){data, bytes}, 1);
}

/* All of `from` into `to`; *ret_read says that it was reading that failed. */
static bool copy_all(int from, int to, char *buf, bool *ret_read)
{
	for (;;) {
		ssize_t n = read(from, buf, COPY_BYTES);
		*ret_read = n < 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		if (!write_all(to, buf, (size_t)n))
			return false;
	}
}

static bool copy_to(AxcDiag *d, const char *what, int in, const char *from, const char *path)
{
	struct stat st;
	const char *safe = axc_safe_name(d->arena, from);
	Temp t;
	if (fstat(in, &st) != 0 || !S_ISREG(st.st_mode))
		return axc_fail(d, "the %s '%s' is not a regular file", what, safe);
	char *buf = axc_alloc(d->arena, COPY_BYTES);
	int fd = open_temp(d, path, &t);
	bool read_failed = false;
	if (fd < 0)
		return false;
	bool ok = copy_all(in, fd, buf, &read_failed);
	axc_free_large(d->arena, buf, COPY_BYTES);
	if (!read_failed)
		return finish_file(d, fd, &t, ok);
	int error = errno;
	close(fd);
	unlink(t.temp);
	return axc_fail(d, "cannot read the %s '%s': %s", what, safe, strerror(error));
}

bool axc_copy_file(AxcDiag *d, const char *what, const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (in < 0)
		return axc_fail(d, "cannot open the %s '%s': %s", what, axc_safe_name(d->arena, from), strerror(errno));
	bool ok = copy_to(d, what, in, from, to);
	close(in);
	return ok;
}

bool axc_rename(AxcDiag *d, const char *from, const char *to)
{
	int failed = axc_fault_now() ? (errno = EIO, -1) : rename(from, to);
	if (failed)
		return axc_fail(d, "cannot rename '%s' to '%s': %s", axc_safe_name(d->arena, from),
		                axc_safe_name(d->arena, to), strerror(errno));
	return true;
}

bool axc_make_dir(AxcDiag *d, const char *path)
{
	char *p = axc_strdup(d->arena, path);
	for (size_t i = 1; p[0] && i <= strlen(path); i++) {
		if (path[i] && path[i] != '/')
			continue;
		p[i] = 0;
		struct stat st;
		if (mkdir(p, 0777) != 0 && (errno != EEXIST || stat(p, &st) != 0 || !S_ISDIR(st.st_mode)))
			return axc_fail(d, "cannot create the directory '%s': %s",
			                axc_safe_name(d->arena, p), strerror(errno ? errno : ENOTDIR));
		p[i] = path[i];
	}
	return true;
}

static bool remove_at(int dir_fd, const char *name, int depth)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return true;
	if ((errno != EISDIR && errno != EPERM) || depth > 64)
		return false;
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	bool ok = true;
	for (struct dirent *e; (e = readdir(dir));)
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			ok = remove_at(dirfd(dir), e->d_name, depth + 1) && ok;
	closedir(dir);
	return unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 && ok;
}

bool axc_remove_tree(const char *path)
{
	return remove_at(AT_FDCWD, path, 0);
}

bool axc_exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

const char *axc_path_join(AxcArena *arena, const char *dir, const char *name)
{
	size_t n = strlen(dir);
	if (name[0] == '/' || n == 0)
		return axc_strdup(arena, name);
	return axc_format(arena, dir[n - 1] == '/' ? "%s%s" : "%s/%s", dir, name);
}

const char *axc_path_dir(AxcArena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return ".";
	return slash == path ? "/" : axc_strndup(arena, path, (size_t)(slash - path));
}

const char *axc_path_base(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

const char *axc_path_absolute(AxcArena *arena, const char *path)
{
	char cwd[PATH_MAX];
	if (path[0] == '/' || !getcwd(cwd, sizeof cwd))
		return axc_strdup(arena, path);
	return axc_path_join(arena, cwd, path);
}
