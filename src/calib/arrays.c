/* --calibration-data: a .npy (first axis: samples), a .npz (arrays named after the inputs) or a directory
 * of them in lexicographic order. With several inputs and no .npz a directory holds one .npy per input,
 * NAME.npy with everything outside [A-Za-z0-9._-] as '_' (as axrunmodel writes them).
 *
 * Nothing is loaded whole: samples of a .npy are read at their offset by any thread, those of a .npz are
 * decompressed in order as a stream.
 */
#include "calib/samples.h"

#include "base/npy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

enum { MAX_PARTS = 1000 * 1000, SKIP_BYTES = 64 * 1024 };

typedef struct Array { /* what one file or member gives to one input */
	const char *path; /* of the .npy; NULL for a member */
	const char *text; /* file or "file:member", for messages */
	zip_int64_t member;
	AxcNpy npy;
	size_t sample_bytes; /* in the file */
} Array;

typedef struct Part { /* a file, or the files of one sample set */
	const char *path; /* of the .npz, else NULL */
	const char *text;
	int64_t first, n; /* samples */
	Array *arrays;    /* per graph input */
} Part;

typedef struct Arrays {
	AXC_ARRAY(Part) parts;
	/* the .npz being read: one at a time */
	uint32_t open_part; /* UINT32_MAX: none */
	zip_t *zip;
	zip_file_t **streams; /* per input */
	int64_t at;           /* next sample of the part in the streams */
	bool told;            /* that an array of another name was taken */
} Arrays;

/* ---- geometry and types ---- */

static bool fit(AxcDiag *d, const AxcValue *v, Array *a, int64_t *ret_n)
{
	const AxcNpy *npy = &a->npy;
	const AxcShape *w = &v->shape;
	int64_t elements = axc_shape_count(w), n = -1;
	int skip = npy->rank == w->rank + 1 ? 1 : 0;
	bool same = npy->rank == w->rank + skip && (skip || w->rank > 0);
	for (int i = skip ? 0 : 1; same && i < w->rank; i++)
		same = npy->dim[i + skip] == w->dim[i];
	if (same && skip)
		n = npy->dim[0];
	else if (same && w->dim[0] > 0 && npy->dim[0] % w->dim[0] == 0)
		n = npy->dim[0] / w->dim[0];
	if (n <= 0) {
		axc_fail(d, "'%s' does not fit the input '%s'", a->text, axc_safe_name(d->arena, v->name));
		axc_diag_shapes(d, axc_npy_text(d->arena, npy),
		                axc_format(d->arena, "%s %s with one more axis in front, the samples",
		                           axc_dtype_name(v->dtype), axc_shape_text(d->arena, w)));
		return false;
	}
	bool is_int = npy->kind == 'i' || npy->kind == 'u';
	bool converts = v->dtype == AXC_F32    ? npy->kind == 'f' || (npy->kind == 'u' && npy->size == 1)
	                : v->dtype == AXC_BOOL ? npy->kind == 'b'
	                                       : is_int;
	if (!converts) {
		axc_fail(d, "'%s' has the wrong element type for the input '%s'", a->text,
		         axc_safe_name(d->arena, v->name));
		return axc_diag_shapes(d, axc_npy_text(d->arena, npy), axc_dtype_name(v->dtype));
	}
	if (npy->fortran && npy->rank > 1) {
		axc_fail(d, "'%s' is in Fortran order, so its samples do not lie together", a->text);
		return axc_diag_hint(d, "save numpy.ascontiguousarray(array)");
	}
	a->sample_bytes = (size_t)elements * (size_t)npy->size;
	*ret_n = n;
	return true;
}

/* Raw sample -> the input's dtype. False if an integer does not fit. */
static bool convert(const AxcNpy *npy, const void *raw, const AxcValue *v, void *out)
{
	int64_t n = axc_shape_count(&v->shape);
	size_t size = axc_dtype_bytes(v->dtype);
	int64_t ints[256];
	double doubles[256];
	for (int64_t i = 0; i < n; i += 256) {
		int64_t some = AXC_MIN(n - i, (int64_t)256);
		if (v->dtype == AXC_F32)
			axc_npy_doubles(npy, raw, i, some, doubles);
		else
			axc_npy_ints(npy, raw, i, some, ints);
		for (int64_t k = 0; k < some; k++) {
			if (v->dtype == AXC_F32) {
				((float *)out)[i + k] = (float)doubles[k];
				continue;
			}
			memcpy((char *)out + (size_t)(i + k) * size, &ints[k], size);
			int unused = (int)(64 - 8 * size);
			bool is_unsigned = v->dtype == AXC_U8 || v->dtype == AXC_BOOL;
			int64_t back = is_unsigned ? (int64_t)((uint64_t)ints[k] << unused >> unused)
			                           : (int64_t)((uint64_t)ints[k] << unused) >> unused;
			if (back != ints[k] || (npy->kind == 'u' && ints[k] < 0))
				return false;
		}
	}
	return true;
}

static bool deliver(AxcDiag *d, const Array *a, const AxcValue *v, const void *raw, const char *name, void *out)
{
	if (convert(&a->npy, raw, v, out))
		return true;
	return axc_fail(d, "%s: an integer does not fit the input's type %s", name, axc_dtype_name(v->dtype));
}

/* ---- .npy ---- */

static bool plain(const Array *a, const AxcValue *v)
{
	char kind = v->dtype == AXC_F32 ? 'f' : v->dtype == AXC_U8 ? 'u' : v->dtype == AXC_BOOL ? 'b' : 'i';
	return v->dtype != AXC_BOOL && axc_npy_plain(&a->npy, kind, (int)axc_dtype_bytes(v->dtype));
}

static bool open_npy(AxcSamples *s, AxcDiag *d, const char *path, Array *a)
{
	a->path = path;
	a->text = axc_safe_name(s->arena, path);
	uint8_t *head = axc_alloc(d->arena, AXC_NPY_HEADER);
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = -1;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = pread(fd, head, AXC_NPY_HEADER, 0);
	int error = errno;
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return axc_fail(d, "cannot read the calibration data '%s': %s", a->text,
		                fd < 0 || !S_ISREG(st.st_mode) ? (fd < 0 ? strerror(error) : "no regular file")
		                                               : strerror(error));
	return axc_npy_parse(d, a->text, head, (size_t)n, (uint64_t)st.st_size, &a->npy);
}

static bool read_npy(AxcDiag *d, const Array *a, int64_t k, void *raw)
{
	int fd = open(a->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t done = 0;
	off_t at = (off_t)(a->npy.offset + (size_t)k * a->sample_bytes);
	while (fd >= 0 && done < a->sample_bytes) {
		ssize_t n = pread(fd, (char *)raw + done, a->sample_bytes - done, at + (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (fd >= 0)
		close(fd);
	if (done < a->sample_bytes)
		return axc_fail(d, "cannot read sample %lld of '%s' (did the file change?)", (long long)k, a->text);
	return true;
}

static bool has_suffix(const char *path, const char *suffix)
{
	size_t n = strlen(path), k = strlen(suffix);
	return n > k && strcmp(path + n - k, suffix) == 0;
}

/* ---- .npz ---- */

static void close_streams(AxcSamples *s)
{
	Arrays *all = s->arrays;
	for (uint32_t k = 0; k < s->n_inputs; k++)
		if (all->streams[k])
			zip_fclose(all->streams[k]);
	memset(all->streams, 0, s->n_inputs * sizeof *all->streams);
	if (all->zip)
		zip_discard(all->zip);
	all->zip = NULL;
	all->open_part = UINT32_MAX;
}

static void close_streams_later(void *samples)
{
	close_streams(samples);
}

static bool open_zip(AxcSamples *s, AxcDiag *d, uint32_t part, const char *path, const char *text)
{
	Arrays *all = s->arrays;
	close_streams(s);
	int error = 0;
	all->zip = zip_open(path, ZIP_RDONLY, &error);
	if (!all->zip) {
		zip_error_t e;
		zip_error_init_with_code(&e, error);
		axc_fail(d, "cannot read the calibration data '%s': %s", text, zip_error_strerror(&e));
		zip_error_fini(&e);
		return false;
	}
	all->open_part = part;
	all->at = 0;
	return true;
}

static bool stream_read(zip_file_t *f, void *out, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		zip_int64_t n = zip_fread(f, (char *)out + done, AXC_MIN(bytes - done, (size_t)1 << 30));
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static bool stream_skip(AxcArena *arena, zip_file_t *f, size_t bytes)
{
	void *buf = axc_alloc(arena, SKIP_BYTES);
	for (; bytes; bytes -= AXC_MIN(bytes, (size_t)SKIP_BYTES))
		if (!stream_read(f, buf, AXC_MIN(bytes, (size_t)SKIP_BYTES)))
			return false;
	return true;
}

/* The member for an input: its name with ".npy", or the only one there is. */
static zip_int64_t find_member(AxcSamples *s, AxcDiag *d, const AxcValue *v, const char *text)
{
	zip_t *zip = ((Arrays *)s->arrays)->zip;
	zip_int64_t n = zip_get_num_entries(zip, 0);
	if (n == 1 && s->n_inputs == 1) {
		Arrays *all = s->arrays;
		const char *name = zip_get_name(zip, 0, ZIP_FL_ENC_RAW);
		size_t stem = name && has_suffix(name, ".npy") ? strlen(name) - 4 : 0;
		if (!all->told && (stem != strlen(v->name) || memcmp(name, v->name, stem) != 0))
			axc_log(d, AXC_INFO, "'%s' holds one array, '%s', taken for the input '%s'", text,
			        axc_safe_name(d->arena, name ? name : ""), axc_safe_name(d->arena, v->name));
		all->told = true;
		return 0;
	}
	AxcText have = {.arena = d->arena};
	axc_text_str(&have, "");
	for (zip_int64_t i = 0; i < n; i++) {
		const char *member = zip_get_name(zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
		size_t length = member ? strlen(member) : 0;
		if (length < 4 || strcmp(member + length - 4, ".npy") != 0)
			continue;
		if (length - 4 == strlen(v->name) && memcmp(member, v->name, length - 4) == 0)
			return i;
		if (have.n < 500)
			axc_text_f(&have, "%s%s", have.n ? ", " : "",
			           axc_safe_name(d->arena, axc_strndup(d->arena, member, length - 4)));
	}
	axc_fail(d, "'%s' has no array for the input '%s'", text, axc_safe_name(d->arena, v->name));
	axc_diag_shapes(d, have.at, axc_safe_name(d->arena, v->name));
	return -1;
}

static bool open_member(AxcSamples *s, AxcDiag *d, const AxcValue *v, const char *text, Array *a)
{
	zip_t *zip = ((Arrays *)s->arrays)->zip;
	a->member = find_member(s, d, v, text);
	if (a->member < 0)
		return false;
	a->text = axc_format(s->arena, "%s:%s", text, axc_safe_name(s->arena, v->name));
	zip_stat_t st;
	zip_file_t *f = NULL;
	uint8_t *head = axc_alloc(d->arena, AXC_NPY_HEADER);
	size_t n = 0;
	if (zip_stat_index(zip, (zip_uint64_t)a->member, 0, &st) == 0 && (st.valid & ZIP_STAT_SIZE))
		f = zip_fopen_index(zip, (zip_uint64_t)a->member, 0);
	for (zip_int64_t got; f && n < AXC_NPY_HEADER; n += (size_t)got)
		if ((got = zip_fread(f, head + n, AXC_NPY_HEADER - n)) <= 0)
			break;
	if (f)
		zip_fclose(f);
	if (n == 0)
		return axc_fail(d, "cannot read the array '%s': %s", a->text, zip_strerror(zip));
	return axc_npy_parse(d, a->text, head, n, st.size, &a->npy);
}

/* Positions the streams of part p at sample k of it. */
static bool seek_streams(AxcSamples *s, AxcDiag *d, uint32_t p, int64_t k)
{
	Arrays *all = s->arrays;
	const Part *part = &all->parts.at[p];
	if (all->open_part == p && all->at == k && all->streams[0])
		return true;
	if (!open_zip(s, d, p, part->path, part->text))
		return false;
	for (uint32_t i = 0; i < s->n_inputs; i++) {
		const Array *a = &part->arrays[i];
		all->streams[i] = zip_fopen_index(all->zip, (zip_uint64_t)a->member, 0);
		if (!all->streams[i] ||
		    !stream_skip(d->arena, all->streams[i], a->npy.offset + (size_t)k * a->sample_bytes))
			return axc_fail(d, "cannot read sample %lld of '%s'", (long long)k, a->text);
	}
	all->at = k;
	return true;
}

/* ---- the source ---- */

static uint32_t find_part(const Arrays *all, int64_t i)
{
	uint32_t lo = 0, hi = all->parts.n - 1;
	while (lo < hi) {
		uint32_t middle = (lo + hi + 1) / 2;
		if (all->parts.at[middle].first <= i)
			lo = middle;
		else
			hi = middle - 1;
	}
	return lo;
}

static const char *name(const AxcSamples *s, AxcArena *arena, int64_t i)
{
	const Arrays *all = s->arrays;
	const Part *part = &all->parts.at[find_part(all, i)];
	return axc_format(arena, "%s[%lld]", part->text, (long long)(i - part->first));
}

static AxcTake receive(AxcSamples *s, AxcDiag *d, int worker, int64_t i, const AxcInputs *into)
{
	(void)worker;
	Arrays *all = s->arrays;
	uint32_t p = find_part(all, i);
	const Part *part = &all->parts.at[p];
	int64_t k = i - part->first;
	if (part->path && !seek_streams(s, d, p, k))
		return AXC_TAKE_FAILED;
	for (uint32_t j = 0; j < s->n_inputs; j++) {
		const Array *a = &part->arrays[j];
		const AxcValue *v = &s->g->values.at[s->g->inputs.at[j]];
		void *raw = plain(a, v) ? into->at[j] : axc_alloc(d->arena, a->sample_bytes);
		bool ok = part->path ? stream_read(all->streams[j], raw, a->sample_bytes)
		                     : read_npy(d, a, k, raw);
		if (!ok && part->path)
			axc_fail(d, "cannot read sample %lld of '%s': the archive is damaged", (long long)k, a->text);
		if (!ok || (raw != into->at[j] && !deliver(d, a, v, raw, name(s, d->arena, i), into->at[j])))
			return AXC_TAKE_FAILED;
	}
	all->at += part->path != NULL;
	return AXC_TAKE_OK;
}

/* ---- opening ---- */

static bool add_part(AxcSamples *s, AxcDiag *d, Part part)
{
	Arrays *all = s->arrays;
	for (uint32_t j = 0; j < s->n_inputs; j++) {
		const AxcValue *v = &s->g->values.at[s->g->inputs.at[j]];
		int64_t n = 0;
		if ((part.path && !open_member(s, d, v, part.text, &part.arrays[j])) ||
		    !fit(d, v, &part.arrays[j], &n))
			return false;
		if (j && n != part.n)
			return axc_fail(d, "'%s' has %lld samples and '%s' has %lld", part.arrays[0].text,
			                (long long)part.n, part.arrays[j].text, (long long)n);
		part.n = n;
	}
	part.first = s->n;
	if (all->parts.n >= MAX_PARTS || __builtin_add_overflow(s->n, part.n, &s->n))
		return axc_fail(d, "too many calibration arrays");
	AXC_PUSH(s->arena, &all->parts, part);
	return true;
}

static bool add_file(AxcSamples *s, AxcDiag *d, const char *path)
{
	Part part = {.text = axc_safe_name(s->arena, path)};
	part.arrays = AXC_NEW_ARRAY(s->arena, Array, AXC_MAX(s->n_inputs, 1u));
	if (has_suffix(path, ".npz")) {
		part.path = path;
		((AxcSource *)(uintptr_t)s->source)->ordered = true;
		return open_zip(s, d, UINT32_MAX, path, part.text) && add_part(s, d, part);
	}
	if (s->n_inputs != 1) {
		axc_fail(d, "'%s' is one array, and the model has %u inputs", part.text, s->n_inputs);
		return axc_diag_hint(d, "give a .npz with an array per input, or a directory with NAME.npy each");
	}
	return open_npy(s, d, path, &part.arrays[0]) && add_part(s, d, part);
}

/* A directory with one .npy per input. */
static bool add_named(AxcSamples *s, AxcDiag *d, const char *dir)
{
	Part part = {.text = axc_safe_name(s->arena, dir)};
	part.arrays = AXC_NEW_ARRAY(s->arena, Array, s->n_inputs);
	for (uint32_t j = 0; j < s->n_inputs; j++) {
		char *file = axc_format(s->arena, "%s.npy", s->g->values.at[s->g->inputs.at[j]].name);
		for (char *p = file; *p; p++)
			if (!strchr("._-", *p) && !(*p >= '0' && *p <= '9') && !(*p >= 'A' && *p <= 'Z') &&
			    !(*p >= 'a' && *p <= 'z'))
				*p = '_';
		if (!open_npy(s, d, axc_path_join(s->arena, dir, file), &part.arrays[j]))
			return false;
	}
	return add_part(s, d, part);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool add_directory(AxcSamples *s, AxcDiag *d, const char *path)
{
	AXC_ARRAY(const char *) files = {0};
	DIR **held = AXC_NEW(s->arena, DIR *);
	axc_arena_defer(s->arena, axc_close_dir, held);
	DIR *dir = *held = opendir(path);
	if (!dir)
		return axc_fail(d, "cannot list '%s': %s", axc_safe_name(d->arena, path), strerror(errno));
	bool archives = false;
	for (struct dirent *e; (e = readdir(dir)) && files.n < MAX_PARTS;) {
		if (!has_suffix(e->d_name, ".npy") && !has_suffix(e->d_name, ".npz"))
			continue;
		archives = archives || has_suffix(e->d_name, ".npz");
		AXC_PUSH(s->arena, &files, axc_path_join(s->arena, path, e->d_name));
	}
	axc_close_dir(held);
	if (files.n == 0)
		return axc_fail(d, "the directory '%s' has no .npy or .npz file", axc_safe_name(d->arena, path));
	if (s->n_inputs > 1 && !archives)
		return add_named(s, d, path);
	qsort(files.at, files.n, sizeof *files.at, by_text);
	for (uint32_t i = 0; i < files.n; i++)
		if ((s->n_inputs == 1 || has_suffix(files.at[i], ".npz")) && !add_file(s, d, files.at[i]))
			return false;
	return true;
}

bool axc_arrays_open(AxcSamples *s, AxcDiag *d)
{
	const char *path = s->cfg->data, *safe = axc_safe_name(d->arena, path);
	AxcSource *source = AXC_NEW(s->arena, AxcSource);
	*source = (AxcSource){.receive = receive, .name = name};
	s->source = source;
	Arrays *all = AXC_NEW(s->arena, Arrays);
	all->open_part = UINT32_MAX;
	all->streams = AXC_NEW_ARRAY(s->arena, zip_file_t *, AXC_MAX(s->n_inputs, 1u));
	s->arrays = all;
	axc_arena_defer(s->arena, close_streams_later, s);
	struct stat st;
	if (stat(path, &st) != 0)
		return axc_fail(d, "cannot read the calibration data '%s': %s", safe, strerror(errno));
	if (!S_ISDIR(st.st_mode) && !has_suffix(path, ".npy") && !has_suffix(path, ".npz"))
		return axc_fail(d, "the calibration data '%s' is neither .npy, .npz nor a directory of them", safe);
	bool ok = S_ISDIR(st.st_mode) ? add_directory(s, d, path) : add_file(s, d, axc_path_absolute(s->arena, path));
	close_streams(s);
	if (!ok)
		return false;
	s->limit = s->cfg->dataset_len > 0 ? AXC_MIN(s->n, s->cfg->dataset_len) : s->n;
	return true;
}
