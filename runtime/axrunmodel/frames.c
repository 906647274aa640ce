/* Frames: which entry point runs, where its input comes from, where its output goes. */
#include "axrunmodel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_ALIGN = 64 };

static void *allocate(size_t bytes)
{
	void *at = aligned_alloc(BUFFER_ALIGN, (bytes + BUFFER_ALIGN) / BUFFER_ALIGN * BUFFER_ALIGN);
	if (at)
		memset(at, 0, bytes);
	return at;
}

static const char *shape_text(const size_t *dims, size_t ndims, char *text, size_t bytes)
{
	size_t n = 0;
	text[0] = '\0';
	for (size_t i = 0; i < ndims && n < bytes; i++)
		n += (size_t)snprintf(text + n, bytes - n, i ? ",%zu" : "%zu", dims[i]);
	return text;
}

/* ---- --input: NAME and file ---- */

typedef struct Source {
	const char *name; /* as long as name_bytes; NULL: none given */
	size_t name_bytes;
	const char *path;
	Npy npy;
} Source;

/* Splits at the first '=' behind which an existing file is named; an existing whole is a file. */
static void split_input(const char *text, Source *s)
{
	*s = (Source){.path = text};
	if (access(text, F_OK) == 0)
		return;
	for (const char *equals = strchr(text, '='); equals; equals = strchr(equals + 1, '=')) {
		if (access(equals + 1, F_OK) == 0) {
			*s = (Source){.name = text, .name_bytes = (size_t)(equals - text), .path = equals + 1};
			return;
		}
	}
}

static bool open_sources(const Options *o, Source *sources)
{
	char problem[1000];
	for (size_t i = 0; i < o->num_inputs; i++) {
		split_input(o->inputs[i], &sources[i]);
		if (!npy_open(&sources[i].npy, sources[i].path, problem, sizeof problem))
			return complain("--input: %s", problem);
	}
	return true;
}

/* The source of tensor `n` named `name`: by name, else the n-th without a name. */
static Source *source_of(const Options *o, Source *sources, const char *name, size_t n)
{
	for (size_t i = 0; i < o->num_inputs; i++) {
		if (sources[i].name && strlen(name) == sources[i].name_bytes &&
		    memcmp(name, sources[i].name, sources[i].name_bytes) == 0)
			return &sources[i];
	}
	for (size_t i = 0; i < o->num_inputs; i++) {
		if (!sources[i].name && n-- == 0)
			return &sources[i];
	}
	return NULL;
}

/* Frames of shape t that the file holds; 0: it does not fit. */
static size_t frames_in(const Npy *npy, const axrxTensor *t)
{
	size_t n = t->ndims;
	if (npy->ndims == n && memcmp(npy->dims, t->dims, n * sizeof *t->dims) == 0)
		return 1;
	if (npy->ndims == n + 1 && memcmp(npy->dims + 1, t->dims, n * sizeof *t->dims) == 0)
		return npy->dims[0];
	if (npy->ndims == n && n > 0 && t->dims[0] > 0 && npy->dims[0] % t->dims[0] == 0 &&
	    memcmp(npy->dims + 1, t->dims + 1, (n - 1) * sizeof *t->dims) == 0)
		return npy->dims[0] / t->dims[0];
	return 0;
}

static bool fits(const Options *o, Source *sources, axrModel *model, axrxIo io)
{
	axrxTensor t;
	for (size_t i = 0; i < axrx_num_tensors(model, io, 0); i++) {
		axrx_get_tensor(model, io, 0, i, &t);
		Source *s = source_of(o, sources, t.name, i);
		if (!s || s->npy.type != t.type || frames_in(&s->npy, &t) == 0)
			return false;
	}
	return true;
}

/* int8 unless the inputs are for the ONNX model's entry point. */
static bool choose_io(Frames *f, const Options *o, Source *sources, axrModel *model)
{
	f->io = o->io;
	if (!o->io_given) {
		f->io = AXRX_INT8;
		if (o->num_inputs > 0 && !fits(o, sources, model, AXRX_INT8))
			f->io = AXRX_FLOAT;
		if (!axrx_has_io(model, f->io))
			f->io = f->io == AXRX_INT8 ? AXRX_FLOAT : AXRX_INT8;
	}
	return axrx_has_io(model, f->io) ||
	       complain("--io %s: the model has no such entry point", f->io == AXRX_INT8 ? "int8" : "float");
}

/* ---- input data ---- */

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* int8 and uint8: any byte; float32: -1 to 1; others 0 or 1, which indices and conditions can bear. */
static void fill_random(void *data, const axrxTensor *t, uint64_t *state)
{
	size_t n = t->element_bytes ? t->bytes / t->element_bytes : 0;
	unsigned char *bytes = data;
	for (size_t i = 0; i < n; i++) {
		uint64_t r = next_random(state);
		if (t->type == AXRX_TYPE_INT8 || t->type == AXRX_TYPE_UINT8) {
			bytes[i] = (unsigned char)(r >> 32);
		} else if (t->type == AXRX_TYPE_FLOAT32) {
			float value = (float)(int32_t)(r >> 32) * (1.0f / 2147483648.0f);
			memcpy(bytes + i * sizeof value, &value, sizeof value);
		} else {
			memset(bytes + i * t->element_bytes, 0, t->element_bytes);
			bytes[i * t->element_bytes] = (unsigned char)(r >> 63);
		}
	}
}

static bool wrong_input(const Source *s, const axrxTensor *t)
{
	char found[256], wanted[256];
	return complain("--input: %s: holds %s [%s], input '%s' wants %s [%s]", s->path, npy_type_name(s->npy.type),
	                shape_text(s->npy.dims, s->npy.ndims, found, sizeof found), t->name, t->dtype,
	                shape_text(t->dims, t->ndims, wanted, sizeof wanted));
}

static bool open_input(Frames *f, Input *in, size_t n, const Options *o, Source *sources, uint64_t *state)
{
	const axrxTensor *t = &in->tensor;
	in->frames = 1;
	if (o->num_inputs == 0) {
		in->random = allocate(t->bytes);
		if (!in->random)
			return complain("no memory for input '%s'", t->name);
		fill_random(in->random, t, state);
		in->data = in->random;
		return true;
	}
	Source *s = source_of(o, sources, t->name, n);
	if (!s)
		return complain("--input: nothing given for input '%s'", t->name);
	in->frames = s->npy.type == t->type ? frames_in(&s->npy, t) : 0;
	if (in->frames == 0)
		return wrong_input(s, t);
	in->data = s->npy.data;
	in->file = s->npy;
	s->npy = (Npy){0}; /* the mapping is the input's now */
	if (in->frames > f->distinct)
		f->distinct = in->frames;
	return true;
}

/* Every NAME of --input is that of an input. */
static bool check_names(const Frames *f, const Options *o, const Source *sources)
{
	for (size_t i = 0; i < o->num_inputs; i++) {
		const Source *s = &sources[i];
		bool found = s->name == NULL;
		char there[512] = "";
		for (size_t k = 0, n = 0; k < f->num_in; k++) {
			const char *name = f->in[k].tensor.name;
			found |= s->name && strlen(name) == s->name_bytes && memcmp(name, s->name, s->name_bytes) == 0;
			if (n < sizeof there)
				n += (size_t)snprintf(there + n, sizeof there - n, "%s'%s'", k ? ", " : "", name);
		}
		if (!found)
			return complain("--input: the model has no input '%.*s'; it has %s", (int)s->name_bytes, s->name, there);
	}
	return true;
}

static bool check_inputs(Frames *f, const Options *o, const Source *sources)
{
	for (size_t i = 0; i < o->num_inputs; i++) {
		if (sources[i].npy.arena && sources[i].name)
			return complain("--input %s: this input has a file already", o->inputs[i]);
		if (sources[i].npy.arena)
			return complain("--input %s: the model has no such input (it has %zu)", o->inputs[i], f->num_in);
	}
	for (size_t i = 0; i < f->num_in; i++) {
		if (f->in[i].frames != 1 && f->in[i].frames != f->distinct)
			return complain("--input: '%s' has %zu frames, another input has %zu", f->in[i].tensor.name,
			                f->in[i].frames, f->distinct);
	}
	return true;
}

static bool open_tensors(Frames *f, const Options *o, Source *sources, axrModel *model)
{
	uint64_t state = 0x9e3779b97f4a7c15u;
	f->num_in = axrx_num_tensors(model, f->io, 0);
	f->num_out = axrx_num_tensors(model, f->io, 1);
	f->in = calloc(f->num_in + 1, sizeof *f->in);
	f->out = calloc(f->num_out + 1, sizeof *f->out);
	if (!f->in || !f->out)
		return complain("no memory");
	f->distinct = 1;
	for (size_t i = 0; i < f->num_in; i++)
		axrx_get_tensor(model, f->io, 0, i, &f->in[i].tensor);
	if (!check_names(f, o, sources))
		return false;
	for (size_t i = 0; i < f->num_in; i++) {
		if (!open_input(f, &f->in[i], i, o, sources, &state))
			return false;
	}
	for (size_t i = 0; i < f->num_out; i++) {
		Output *out = &f->out[i];
		axrx_get_tensor(model, f->io, 1, i, &out->tensor);
		out->concatenated = f->num_in > 0 && out->tensor.ndims > 0 && f->in[0].tensor.ndims > 0 &&
		                    out->tensor.dims[0] == f->in[0].tensor.dims[0];
	}
	return check_inputs(f, o, sources);
}

bool frames_open(Frames *f, const Options *o, axrModel *model)
{
	Source *sources = calloc(o->num_inputs + 1, sizeof *sources);
	if (!sources)
		return complain("no memory");
	bool ok = open_sources(o, sources) && choose_io(f, o, sources, model) && open_tensors(f, o, sources, model);
	for (size_t i = 0; i < o->num_inputs; i++)
		npy_close(&sources[i].npy);
	free(sources);
	return ok;
}

/* ---- output files ---- */

static void safe_name(const char *name, char *text, size_t bytes)
{
	size_t n = 0;
	for (; *name && n + 1 < bytes; name++) {
		bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
		             (*name >= '0' && *name <= '9') || *name == '.' || *name == '_' || *name == '-';
		text[n++] = plain ? *name : '_';
	}
	if (n == 0 || text[0] == '.')
		text[n ? 0 : n++] = '_';
	text[n] = '\0';
}

/* Output i's file name: the first of NAME.npy, NAME_2.npy, … that no earlier output has. */
static char *file_name(const Frames *f, size_t i)
{
	char name[201], *text = NULL;
	safe_name(f->out[i].tensor.name, name, sizeof name);
	for (size_t k = 1;; k++) {
		if ((k == 1 ? asprintf(&text, "%s.npy", name) : asprintf(&text, "%s_%zu.npy", name, k)) < 0)
			return NULL;
		bool taken = false;
		for (size_t j = 0; j < i && !taken; j++)
			taken = strcmp(f->out[j].file_name, text) == 0;
		if (!taken)
			return text;
		free(text);
	}
}

static bool create_output(Frames *f, size_t i, const char *dir, uint64_t frames)
{
	Output *out = &f->out[i];
	const axrxTensor *t = &out->tensor;
	size_t dims[NPY_MAX_DIMS], n = 0;
	out->file_name = file_name(f, i);
	if (!out->file_name || asprintf(&out->path, "%s/%s", dir, out->file_name) < 0) {
		out->path = NULL;
		return complain("no memory");
	}
	if (!out->concatenated)
		dims[n++] = (size_t)frames;
	memcpy(dims + n, t->dims, t->ndims * sizeof *dims);
	n += t->ndims;
	if (out->concatenated)
		dims[0] *= (size_t)frames;
	out->file = fopen(out->path, "wbe");
	if (!out->file || !npy_write_header(out->file, t->type, dims, n) || fflush(out->file) != 0)
		return complain("%s: %s", out->path, strerror(errno));
	out->header_bytes = (size_t)ftell(out->file);
	return true;
}

bool frames_create_outputs(Frames *f, const Options *o, uint64_t frames)
{
	f->written = frames;
	if (mkdir(o->output_dir, 0777) != 0 && errno != EEXIST)
		return complain("--output-dir: %s: %s", o->output_dir, strerror(errno));
	for (size_t i = 0; i < f->num_out; i++) {
		if (!create_output(f, i, o->output_dir, frames))
			return false;
	}
	return true;
}

bool frames_finish(Frames *f)
{
	bool ok = true;
	for (size_t i = 0; i < f->num_out; i++) {
		Output *out = &f->out[i];
		if (!out->file)
			continue;
		FILE *file = out->file;
		out->file = NULL;
		if (fclose(file) != 0) {
			ok = complain("%s: %s", out->path, strerror(errno));
			unlink(out->path);
		}
	}
	return ok;
}

void frames_close(Frames *f)
{
	for (size_t i = 0; f->in && i < f->num_in; i++) {
		npy_close(&f->in[i].file);
		free(f->in[i].random);
	}
	for (size_t i = 0; f->out && i < f->num_out; i++) {
		Output *out = &f->out[i];
		if (out->file) {
			fclose(out->file);
			unlink(out->path);
		}
		free(out->path);
		free(out->file_name);
	}
	free(f->in);
	free(f->out);
	*f = (Frames){0};
}
