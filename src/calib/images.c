/* Pictures: every regular file below --imageset, in lexicographic order of the relative path (or
 * shuffled with --cal-seed), handed to the Python workers. What is no picture is found out by them.
 */
#include "calib/samples.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 4 * 1000 * 1000, MAX_DEPTH = 64 };

typedef struct Walk {
	AxcArena *arena;
	AxcDiag *d;
	AXC_ARRAY(const char *) files;
	struct {
		dev_t dev;
		ino_t ino;
	} above[MAX_DEPTH]; /* directories we are in: a link to one of them is not followed */
} Walk;

static bool walk_dir(Walk *w, int fd, const char *prefix, int depth);

void axc_close_dir(void *held)
{
	DIR **dir = held;
	if (*dir)
		closedir(*dir);
	*dir = NULL;
}

static bool enter(Walk *w, int dir_fd, const char *name, const char *path, const struct stat *st, int depth)
{
	for (int i = 0; i < depth; i++)
		if (w->above[i].dev == st->st_dev && w->above[i].ino == st->st_ino)
			return true;
	if (depth >= MAX_DEPTH)
		return axc_fail(w->d, "'%s': more than %d directories deep", axc_safe_name(w->d->arena, path),
		                MAX_DEPTH);
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		axc_warn(w->d, "the directory '%s' is skipped: %s", axc_safe_name(w->d->arena, path),
		         strerror(errno));
		return true;
	}
	w->above[depth].dev = st->st_dev;
	w->above[depth].ino = st->st_ino;
	return walk_dir(w, fd, path, depth + 1);
}

static bool walk_dir(Walk *w, int fd, const char *prefix, int depth)
{
	DIR **held = AXC_NEW(w->arena, DIR *);
	axc_arena_defer(w->arena, axc_close_dir, held);
	DIR *dir = *held = fdopendir(fd);
	if (!dir) {
		close(fd);
		return axc_fail(w->d, "cannot list '%s': %s", axc_safe_name(w->d->arena, prefix),
		                strerror(errno));
	}
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(dir));) {
		struct stat st;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    fstatat(dirfd(dir), e->d_name, &st, 0) != 0)
			continue;
		const char *path = axc_path_join(w->arena, prefix, e->d_name);
		if (S_ISDIR(st.st_mode))
			ok = enter(w, dirfd(dir), e->d_name, path, &st, depth);
		else if (S_ISREG(st.st_mode))
			AXC_PUSH(w->arena, &w->files, path);
		if (w->files.n > MAX_FILES)
			ok = axc_fail(w->d, "more than %d files below the image directory", MAX_FILES);
	}
	axc_close_dir(held);
	return ok;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool list_files(AxcSamples *s, AxcDiag *d)
{
	Walk w = {.arena = s->arena, .d = d};
	const char *root = s->cfg->imageset, *safe = axc_safe_name(d->arena, root);
	struct stat st;
	if (stat(root, &st) != 0)
		return axc_fail(d, "cannot open the image directory '%s': %s", safe, strerror(errno));
	if (!S_ISDIR(st.st_mode)) {
		axc_fail(d, "the image set '%s' is not a directory", safe);
		return axc_diag_hint(d, "--imageset takes a directory of images");
	}
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return axc_fail(d, "cannot open the image directory '%s': %s", safe, strerror(errno));
	w.above[0].dev = st.st_dev;
	w.above[0].ino = st.st_ino;
	if (!walk_dir(&w, fd, "", 1))
		return false;
	if (w.files.n == 0)
		return axc_fail(d, "the image directory '%s' has no file", safe);
	qsort(w.files.at, w.files.n, sizeof *w.files.at, by_path);
	if (s->cfg->has_seed) {
		uint64_t state = s->cfg->seed;
		for (uint32_t i = w.files.n - 1; i > 0; i--) {
			uint32_t k = (uint32_t)(axc_random_next(&state) % (i + 1));
			const char *swap = w.files.at[i];
			w.files.at[i] = w.files.at[k];
			w.files.at[k] = swap;
		}
	}
	s->paths = w.files.at;
	s->n = w.files.n;
	return true;
}

static bool request(AxcSamples *s, AxcDiag *d, int worker, int64_t i)
{
	const char *path = axc_path_join(d->arena, s->cfg->imageset, s->paths[i]);
	return axc_worker_request(s->workers[worker], s, d, i, path);
}

static const char *name(const AxcSamples *s, AxcArena *arena, int64_t i)
{
	return axc_safe_name(arena, s->paths[i]);
}

static AxcTake receive(AxcSamples *s, AxcDiag *d, int worker, int64_t i, const AxcInputs *into)
{
	const char *who = name(s, d->arena, i);
	AxcWorkerReply r = axc_worker_receive(s->workers[worker], s, d, who, into);
	if (r.take == AXC_TAKE_UNUSABLE) {
		axc_log(d, AXC_DEBUG, "skipped '%s': %s", who, r.unusable);
		axc_samples_unusable(s, i, who, r.unusable);
	} else if (r.warning) {
		pthread_mutex_lock(&s->lock);
		snprintf(s->late_warning, sizeof s->late_warning, "%s", r.warning);
		pthread_mutex_unlock(&s->lock);
	}
	return r.take;
}

void axc_images_close(AxcSamples *s, bool politely)
{
	for (int i = 0; i < s->jobs; i++)
		axc_worker_end(s->workers[i], politely);
}

bool axc_images_open(AxcSamples *s, AxcDiag *d)
{
	static const AxcSource source = {.request = request, .receive = receive, .name = name};
	s->source = &source;
	if (!list_files(s, d))
		return false;
	s->limit = AXC_MIN(s->n, s->cfg->dataset_len > 0 ? s->cfg->dataset_len : 200);
	s->unusable = AXC_NEW_ARRAY(s->arena, bool, (size_t)s->n);
	s->jobs = (int)AXC_MIN(s->jobs, (s->limit + 3) / 4); /* a Python costs more than a few images */
	if (!s->cfg->transform)
		axc_warn(d, "no --transform given: images are resized to the model's input and scaled to 0..1, "
		            "which may not be what the network was trained with");
	return axc_python_start(s, d);
}
