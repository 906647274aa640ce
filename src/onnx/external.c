/* Tensor data in files beside the model. A model may name only files inside its own directory: not
 * absolute, not through "..", not through a link that leads out. */
#include "onnx/internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

static bool leaves_directory(const char *location)
{
	if (location[0] == '/')
		return true;
	for (const char *p = location; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return true;
		p += n + (p[n] == '/');
	}
	return false;
}

/* The file behind all links, which must still be below the model's directory. */
static bool resolve(OnnxFile *f, const char *where, const char *location, const char **ret_path)
{
	const char *safe = axc_safe_name(f->d->arena, location);
	char *dir = realpath(f->dir, NULL);
	char *full = dir ? realpath(axc_path_join(f->d->arena, f->dir, location), NULL) : NULL;
	int error = errno;
	size_t n = dir ? strlen(dir) : 0;
	bool inside =
		full && strncmp(full, dir, n) == 0 && (full[n] == '/' || strcmp(dir, "/") == 0);
	char kept[PATH_MAX] = "";
	if (inside && strlen(full) < sizeof kept)
		strcpy(kept, full);
	bool found = full != NULL;
	free(dir);
	free(full);
	if (!found) {
		axc_fail(f->d, "the external data file '%s' of the tensor '%s' cannot be read: %s", safe, where,
			 strerror(error));
		return axc_diag_hint(f->d, "it must lie beside the model, under this name");
	}
	if (!kept[0]) {
		axc_fail(f->d, "the external data file '%s' of the tensor '%s' is a link out of the model's directory",
			 safe, where);
		return axc_diag_hint(f->d, "copy the file itself beside the model");
	}
	*ret_path = axc_strdup(f->arena, kept);
	return true;
}

static bool open_external(OnnxFile *f, const char *where, const char *location, const ExternalFile **ret)
{
	uint32_t known = axc_map_get(&f->external_by_name, location);
	if (known) {
		*ret = &f->external.at[known - 1];
		return true;
	}
	if (leaves_directory(location)) {
		axc_fail(f->d, "the external data file '%s' of the tensor '%s' is outside the model's directory",
			 axc_safe_name(f->d->arena, location), where);
		return axc_diag_hint(f->d, "save the model again with its data beside it (onnx.save_model with "
					   "save_as_external_data and a location)");
	}
	if (f->external.n == AXC_ONNX_MAX_EXTERNAL_FILES)
		return axc_fail(
			f->d,
			"the model uses more than the %d external data files that are accepted",
			AXC_ONNX_MAX_EXTERNAL_FILES);
	ExternalFile e = {.location = location};
	const char *path = NULL;
	if (!resolve(f, where, location, &path) ||
	    !axc_map_file(f->arena, f->d, "external data file", path, AXC_ONNX_MAX_EXTERNAL_BYTES,
			  &e.data, &e.bytes))
		return false;
	AXC_PUSH(f->arena, &f->external, e);
	AXC_PUSH(f->arena, &f->info->external_files, location);
	axc_map_put(&f->external_by_name, f->arena, location, f->external.n);
	*ret = &f->external.at[f->external.n - 1];
	return true;
}

static bool parse_size(OnnxFile *f, const char *where, const char *key, const char *text, uint64_t *ret)
{
	int64_t v;
	if (!axc_parse_int64(text, &v) || v < 0)
		return axc_fail(f->d, "the %s of the external data of the tensor '%s' is '%s', wanted a number of bytes",
				key, where, axc_safe_name(f->d->arena, text));
	*ret = (uint64_t)v;
	return true;
}

bool axc_onnx_external(OnnxFile *f, const Onnx__TensorProto *t, const char *where, size_t want, const uint8_t **ret)
{
	const char *location = NULL;
	uint64_t offset = 0, length = want;
	for (size_t i = 0; i < t->n_external_data; i++) {
		const char *key = t->external_data[i]->key ? t->external_data[i]->key : "";
		const char *value = t->external_data[i]->value ? t->external_data[i]->value : "";
		if (strcmp(key, "location") == 0)
			location = value;
		else if (strcmp(key, "offset") == 0 && !parse_size(f, where, key, value, &offset))
			return false;
		else if (strcmp(key, "length") == 0 && !parse_size(f, where, key, value, &length))
			return false;
	}
	if (!location || !*location)
		return axc_fail(f->d, "the tensor '%s' has external data and names no file", where);
	const ExternalFile *e = NULL;
	if (!open_external(f, where, location, &e))
		return false;
	if (length != want)
		return axc_fail(f->d, "the tensor '%s' has external data of %llu bytes; its type and shape want %zu",
				where, (unsigned long long)length, want);
	if (offset > e->bytes || want > e->bytes - offset) {
		axc_fail(f->d, "the external data file '%s' has %zu bytes; the tensor '%s' wants %zu at offset %llu",
			 axc_safe_name(f->d->arena, location), e->bytes, where, want, (unsigned long long)offset);
		return axc_diag_hint(f->d, "the file is cut off, or of another model");
	}
	*ret = e->data + offset;
	return true;
}
