/* What stands in an output directory, and which of it an earlier run made. The report that says so is
 * input like any other: paths that leave the directory are not believed. */
#include "driver/outdir.h"

#include "base/json_read.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const artifacts[] = {
	"cli_args.json", "conf.json", "input_model", "quantized_model", "compiled_model", "report.html",
	"compilation_report.json", "compilation_log.txt", "dumps", "pass_dependency_graph.json",
	"error_artifact.zip", "default_conf.json", "quantization_debug",
};

bool axc_outdir_is_artifact(const char *name)
{
	for (size_t i = 0; i < AXC_COUNT(artifacts); i++)
		if (strcmp(artifacts[i], name) == 0)
			return true;
	return false;
}

/* The length of what stands in front of ".tmp-DIGITS"; 0: the name does not end so. */
static size_t before_temp(const char *name)
{
	const char *end = NULL;
	for (const char *at = name; (at = strstr(at, ".tmp-")); at += 5)
		end = at;
	return end && end[5] && !end[5 + strspn(end + 5, "0123456789")] ? (size_t)(end - name) : 0;
}

bool axc_outdir_is_temp(const AxcOutDir *out, const char *path)
{
	size_t n = before_temp(path);
	if (!n)
		return false;
	if (strncmp(path, "dumps/", 6) == 0)
		return n > 10 && (strncmp(path + n - 4, ".txt", 4) == 0 || strncmp(path + n - 4, ".bin", 4) == 0);
	n -= *path == '.';
	path += *path == '.';
	for (size_t i = 0; i < AXC_COUNT(artifacts); i++)
		if (strlen(artifacts[i]) == n && strncmp(artifacts[i], path, n) == 0)
			return true;
	for (uint32_t i = 0; i < out->listed.n; i++)
		if (strlen(out->listed.at[i]) == n && strncmp(out->listed.at[i], path, n) == 0)
			return true;
	return false;
}

/* ---- walking ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void close_dir(void *arg)
{
	DIR **dir = arg;
	if (*dir)
		closedir(*dir);
	*dir = NULL;
}

bool axc_outdir_names(AxcArena *arena, int dir_fd, const char *path, AxcNames *ret)
{
	DIR **dir = AXC_NEW(arena, DIR *);
	axc_arena_defer(arena, close_dir, dir); /* in case a name does not fit into memory */
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	*dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!*dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	AxcNames names = {0};
	for (struct dirent *e; (e = readdir(*dir));)
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			AXC_PUSH(arena, &names, axc_strdup(arena, e->d_name));
	close_dir(dir);
	if (names.n)
		qsort(names.at, names.n, sizeof *names.at, by_name);
	*ret = names;
	return true;
}

static bool walk(AxcArena *arena, int dir_fd, const char *dir, int depth,
                 bool (*fn)(void *ctx, const char *path), void *ctx)
{
	AxcNames names;
	if (depth > AXC_PATH_DEPTH || !axc_outdir_names(arena, dir_fd, dir, &names))
		return false;
	for (uint32_t i = 0; i < names.n; i++) {
		struct stat st;
		const char *path = strcmp(dir, ".") == 0 ? names.at[i] : axc_path_join(arena, dir, names.at[i]);
		if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		bool ok = S_ISDIR(st.st_mode) ? walk(arena, dir_fd, path, depth + 1, fn, ctx) : fn(ctx, path);
		if (!ok)
			return false;
	}
	return true;
}

bool axc_outdir_walk(AxcArena *arena, int dir_fd, const char *dir, bool (*fn)(void *ctx, const char *path),
                     void *ctx)
{
	return walk(arena, dir_fd, dir, 0, fn, ctx);
}

/* ---- the earlier report ---- */

/* Relative, without empty, "." or ".." components. */
static bool believable(const char *path)
{
	if (!*path || strlen(path) > 4096)
		return false;
	int depth = 0;
	for (const char *c = path;; c++) {
		size_t n = strcspn(c, "/");
		if (n == 0 || (n == 1 && c[0] == '.') || (n == 2 && c[0] == '.' && c[1] == '.'))
			return false;
		c += n;
		if (!*c)
			return true;
		if (++depth > AXC_PATH_DEPTH)
			return false;
	}
}

static uint64_t hash_of(const AxcJsonValue *file)
{
	const AxcJsonValue *hash = axc_json_get(file, "hash");
	return hash && hash->kind == AXC_JSON_STRING ? strtoull(hash->string, NULL, 16) : 0;
}

static void add_files(AxcOutDir *out, const AxcJsonValue *list)
{
	if (!list || list->kind != AXC_JSON_ARRAY)
		return;
	for (uint32_t i = 0; i < list->n; i++) {
		const AxcJsonValue *path = axc_json_get(&list->item[i], "path");
		const AxcJsonValue *bytes = axc_json_get(&list->item[i], "bytes");
		if (!path || path->kind != AXC_JSON_STRING || !believable(path->string) ||
		    axc_earlier_has(out, path->string))
			continue;
		struct stat st;
		AXC_PUSH(out->arena, &out->listed, path->string);
		if (fstatat(out->fd, path->string, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		bool known = bytes && bytes->kind == AXC_JSON_INT && bytes->integer >= 0;
		AxcReportFile f = {.path = path->string, .bytes = known ? (uint64_t)bytes->integer : 0,
		                   .hash = hash_of(&list->item[i]), .varies = !known};
		AXC_PUSH(out->arena, out->earlier, f);
	}
}

void axc_earlier_read(AxcOutDir *out, AxcEarlier *ret)
{
	AxcDiag quiet;
	const AxcJsonValue *root, *status, *mode;
	*ret = (AxcEarlier){.mode = ""};
	axc_diag_init(&quiet, out->arena);
	if (!axc_json_load(out->arena, &quiet, "report", axc_outdir_path(out, "compilation_report.json"),
	                   AXC_REPORT_MAX_BYTES, &root))
		return;
	const AxcJsonValue *version = axc_json_get(root, "format_version");
	status = axc_json_get(root, "status");
	mode = axc_json_get(root, "mode");
	if (!version || version->kind != AXC_JSON_INT || version->integer != AXC_REPORT_FORMAT || !status ||
	    status->kind != AXC_JSON_STRING || !axc_json_get(root, "files"))
		return;
	ret->exists = true;
	ret->succeeded = strcmp(status->string, "SUCCEEDED") == 0;
	if (mode && mode->kind == AXC_JSON_STRING)
		ret->mode = mode->string;
	add_files(out, axc_json_get(root, "files"));
	add_files(out, axc_json_get(root, "earlier_files"));
}

bool axc_earlier_has(const AxcOutDir *out, const char *path)
{
	for (uint32_t i = 0; i < out->earlier->n; i++)
		if (strcmp(out->earlier->at[i].path, path) == 0)
			return true;
	return false;
}
