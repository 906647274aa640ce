/* Claiming an output directory and writing into it; outdir.h has the rules. */
#include "driver/outdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *axc_outdir_path(const AxcOutDir *out, const char *name)
{
	return axc_path_join(out->arena, out->path, name);
}

/* ---- claiming ---- */

/* A compile that was killed may hold its lock for some milliseconds more, in a child process that is about to end:
 * tried for a second. */
static bool lock(int fd)
{
	enum { TRIES = 50 };
	const struct timespec pause = {.tv_nsec = 20000000};
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || i == TRIES)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static bool open_and_lock(AxcOutDir *out, AxcDiag *d)
{
	const char *safe = axc_safe_name(d->arena, out->path);
	struct stat st;
	if (stat(out->path, &st) == 0 && !S_ISDIR(st.st_mode))
		return axc_fail(d, "the output '%s' is a file, not a directory", safe);
	if (!axc_make_dir(d, out->path))
		return axc_diag_hint(d, "choose another output directory with -o");
	out->fd = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->fd < 0)
		return axc_fail(d, "cannot open the output directory '%s': %s", safe, strerror(errno));
	if (faccessat(out->fd, ".", W_OK | X_OK, AT_EACCESS) != 0) {
		axc_fail(d, "cannot write into the output directory '%s': %s", safe, strerror(errno));
		return axc_diag_hint(d, "choose another output directory with -o");
	}
	if (lock(out->fd))
		return true;
	if (errno == EWOULDBLOCK)
		return axc_fail(d, "another compile is writing into the output directory '%s'", safe);
	axc_warn(d, "the output directory cannot be locked (%s); do not run two compiles into it at once",
	         strerror(errno));
	return true;
}

/* What is there, leftovers of killed runs aside. */
typedef struct Content {
	bool only_default_conf;
	AxcNames names;
} Content;

static bool list_content(AxcOutDir *out, AxcDiag *d, Content *c)
{
	AxcNames names;
	if (!axc_outdir_names(out->arena, out->fd, ".", &names))
		return axc_fail(d, "cannot list the output directory '%s': %s",
		                axc_safe_name(d->arena, out->path), strerror(errno));
	*c = (Content){.only_default_conf = true};
	for (uint32_t i = 0; i < names.n; i++) {
		if (axc_outdir_is_temp(out, names.at[i]))
			continue;
		c->only_default_conf = c->only_default_conf && strcmp(names.at[i], "default_conf.json") == 0;
		AXC_PUSH(out->arena, &c->names, names.at[i]);
	}
	return true;
}

typedef struct Foreign {
	AxcOutDir *out;
	const char *found; /* first file that no earlier run made */
} Foreign;

static bool check_known(void *ctx, const char *path)
{
	Foreign *f = ctx;
	if (!axc_earlier_has(f->out, path) && strcmp(path, "default_conf.json") != 0 && !axc_outdir_is_temp(f->out, path))
		f->found = axc_strdup(f->out->arena, path);
	return f->found == NULL;
}

/* Artifacts will be written over; so each one there must be the earlier run's. With `all`, so must every
 * other file. */
static bool check_foreign(AxcOutDir *out, AxcDiag *d, const Content *c, bool all)
{
	Foreign f = {out, NULL};
	for (uint32_t i = 0; i < c->names.n && !f.found; i++) {
		const char *name = c->names.at[i];
		struct stat st;
		if ((!all && !axc_outdir_is_artifact(name)) ||
		    fstatat(out->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISDIR(st.st_mode))
			axc_outdir_walk(out->arena, out->fd, name, check_known, &f);
		else
			check_known(&f, name);
	}
	if (!f.found)
		return true;
	axc_fail(d, "the output directory '%s' holds '%s', which no earlier run made", axc_safe_name(d->arena, out->path),
	         axc_safe_name(d->arena, f.found));
	return axc_diag_hint(d, "move it away or choose another output directory with -o");
}

static bool is_own_manifest(const AxcOutDir *out, const char *input)
{
	struct stat a, b;
	return input && stat(input, &a) == 0 &&
	       fstatat(out->fd, "quantized_model/quantized_model_manifest.json", &b, 0) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* May the run of `claim` have this directory? */
static bool judge(AxcOutDir *out, AxcDiag *d, const AxcClaim *claim)
{
	Content c;
	if (!list_content(out, d, &c))
		return false;
	if (c.names.n == 0 || c.only_default_conf)
		return true;
	if (claim->only_new)
		return axc_fail(d, "the output directory '%s' is not empty", axc_safe_name(d->arena, out->path));
	AxcEarlier earlier;
	axc_earlier_read(out, &earlier);
	out->in_place = is_own_manifest(out, claim->input) && earlier.exists;
	bool compiled = faccessat(out->fd, "compiled_model", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	bool continues = out->in_place && !compiled &&
	                 ((strcmp(earlier.mode, "quantize_only") == 0 && earlier.succeeded) ||
	                  strcmp(earlier.mode, "lower_only") == 0);
	if (continues || claim->overwrite || claim->remove_output_dir)
		return check_foreign(out, d, &c, claim->remove_output_dir);
	axc_fail(d, "the output directory '%s' is not empty", axc_safe_name(d->arena, out->path));
	return axc_diag_hint(d, earlier.exists
	                                ? "--overwrite removes what the earlier run wrote there, and nothing else"
	                                : "choose an empty or a new directory with -o");
}

bool axc_outdir_claim(AxcArena *arena, AxcDiag *d, const AxcClaim *claim, AxcReportFiles *files,
                      AxcReportFiles *earlier, AxcOutDir *ret)
{
	AxcOutDir out = {.arena = arena, .path = axc_path_absolute(arena, claim->path), .fd = -1,
	                 .files = files, .earlier = earlier};
	if (!open_and_lock(&out, d) || !judge(&out, d, claim)) {
		if (out.fd >= 0)
			close(out.fd);
		earlier->n = 0;
		return false;
	}
	*ret = out;
	return true;
}

/* ---- removing what an earlier run left ---- */

static bool starts_with(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

/* Removes PATH and the directories it leaves empty, never through a link. */
static bool remove_file(AxcOutDir *out, const char *path)
{
	int fd[AXC_PATH_DEPTH + 1], n = 0;
	const char *name[AXC_PATH_DEPTH + 1];
	char *rest = axc_strdup(out->arena, path);
	bool ok = true;
	fd[0] = out->fd;
	name[0] = rest;
	for (char *slash; ok && (slash = strchr(rest, '/')); rest = slash + 1) {
		*slash = 0;
		int next = openat(fd[n], rest, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		ok = next >= 0 && n + 1 <= AXC_PATH_DEPTH;
		if (!ok && next >= 0)
			close(next);
		if (ok) {
			fd[++n] = next;
			name[n] = slash + 1;
		}
	}
	int error = 0;
	if (ok && unlinkat(fd[n], name[n], 0) != 0)
		error = errno;
	for (; n > 0; n--) {
		close(fd[n]);
		if (ok)
			unlinkat(fd[n - 1], name[n - 1], AT_REMOVEDIR);
	}
	errno = error;
	return error == 0 || error == ENOENT;
}

bool axc_outdir_clear(AxcOutDir *out, AxcDiag *d)
{
	AxcReportFiles kept = {0};
	for (uint32_t i = 0; i < out->earlier->n; i++) {
		const AxcReportFile *f = &out->earlier->at[i];
		bool keep = out->in_place && (starts_with(f->path, "quantized_model") ||
		                              starts_with(f->path, "input_model"));
		bool of_this_run = false;
		for (uint32_t k = 0; k < out->files->n && !of_this_run; k++)
			of_this_run = strcmp(out->files->at[k].path, f->path) == 0;
		if (keep)
			AXC_PUSH(out->arena, &kept, *f);
		else if (!of_this_run && !remove_file(out, f->path))
			return axc_fail(d, "cannot remove '%s' of the earlier run from '%s': %s",
			                axc_safe_name(d->arena, f->path), axc_safe_name(d->arena, out->path),
			                strerror(errno));
	}
	*out->earlier = kept;
	return true;
}

/* ---- writing ---- */

void axc_outdir_list(AxcOutDir *out, const char *name, uint64_t bytes, uint64_t hash, bool varies)
{
	AxcReportFile f = {axc_strdup(out->arena, name), bytes, hash, varies};
	for (uint32_t i = 0; i < out->files->n; i++) {
		if (strcmp(out->files->at[i].path, name) == 0) {
			out->files->at[i] = f;
			return;
		}
	}
	AXC_PUSH(out->arena, out->files, f);
	/* what is written over is the earlier run's no more */
	for (uint32_t i = 0; i < out->earlier->n; i++)
		if (strcmp(out->earlier->at[i].path, name) == 0)
			out->earlier->at[i] = out->earlier->at[--out->earlier->n];
}

static bool journal(AxcOutDir *out)
{
	return !out->journal || out->journal(out->journal_ctx);
}

bool axc_outdir_write(AxcOutDir *out, AxcDiag *d, const char *name, const void *data, size_t bytes, bool varies)
{
	axc_outdir_list(out, name, bytes, axc_hash(data, bytes), varies);
	return journal(out) && axc_write_file(d, axc_outdir_path(out, name), data, bytes);
}

static const char *temp_path(AxcOutDir *out, const char *name)
{
	return axc_outdir_path(out, axc_format(out->arena, ".%s.tmp-%ld", name, (long)getpid()));
}

bool axc_outdir_temp(AxcOutDir *out, AxcDiag *d, const char *name, const char **ret_path)
{
	const char *path = temp_path(out, name);
	if (!axc_remove_tree(path))
		return axc_fail(d, "cannot remove '%s'", axc_safe_name(d->arena, path));
	*ret_path = path;
	return axc_make_dir(d, path);
}

/* Lists NAME with the size and hash of the file at `path`. */
static bool list_content_of(AxcOutDir *out, AxcDiag *d, const char *path, const char *name)
{
	const uint8_t *data;
	size_t bytes;
	AxcArena *scratch = axc_arena_child(out->arena); /* for the mapping */
	bool ok = axc_map_file(scratch, d, "artifact", path, SIZE_MAX / 2, &data, &bytes);
	if (ok)
		axc_outdir_list(out, name, bytes, axc_hash(data, bytes), false);
	axc_arena_child_free(scratch);
	return ok;
}

bool axc_outdir_measure(AxcOutDir *out, AxcDiag *d, const char *name)
{
	return list_content_of(out, d, axc_outdir_path(out, name), name);
}

typedef struct Listing {
	AxcOutDir *out;
	AxcDiag *d;
	const char *temp, *name;
} Listing;

static bool list_file(void *ctx, const char *path)
{
	Listing *l = ctx;
	return list_content_of(l->out, l->d, axc_path_join(l->out->arena, l->temp, path),
	                       axc_path_join(l->out->arena, l->name, path));
}

/* What is listed below NAME/ is not there. */
static void forget(AxcOutDir *out, const char *name)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < out->files->n; i++)
		if (!starts_with(out->files->at[i].path, name))
			out->files->at[kept++] = out->files->at[i];
	out->files->n = kept;
}

bool axc_outdir_publish(AxcOutDir *out, AxcDiag *d, const char *name)
{
	Listing l = {out, d, temp_path(out, name), name};
	int fd = open(l.temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return axc_fail(d, "cannot open '%s': %s", axc_safe_name(d->arena, l.temp), strerror(errno));
	bool ok = axc_outdir_walk(out->arena, fd, ".", list_file, &l);
	fsync(fd);
	close(fd);
	if (!ok)
		return d->failed ? false : axc_fail(d, "cannot list '%s'", axc_safe_name(d->arena, l.temp));
	ok = journal(out) && axc_rename(d, l.temp, axc_outdir_path(out, name));
	if (ok)
		fsync(out->fd);
	else
		forget(out, name);
	return ok;
}

/* ---- temporary files ---- */

static void remove_below(int dir_fd, const char *name, int depth)
{
	if (unlinkat(dir_fd, name, 0) == 0 || depth > AXC_PATH_DEPTH)
		return;
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *e; (e = readdir(dir));)
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			remove_below(dirfd(dir), e->d_name, depth + 1);
	closedir(dir);
	unlinkat(dir_fd, name, AT_REMOVEDIR);
}

void axc_outdir_withdraw(AxcOutDir *out, const char *name)
{
	remove_below(out->fd, name, 0);
	forget(out, name);
}

static void sweep(const AxcOutDir *out, const char *name, const char *prefix)
{
	int fd = openat(out->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *e; (e = readdir(dir));) {
		char path[sizeof e->d_name + 8];
		snprintf(path, sizeof path, "%s%s", prefix, e->d_name);
		if (axc_outdir_is_temp(out, path))
			remove_below(dirfd(dir), e->d_name, 0);
	}
	closedir(dir);
}

void axc_outdir_sweep(const AxcOutDir *out)
{
	sweep(out, ".", "");
	sweep(out, "dumps", "dumps/");
}
