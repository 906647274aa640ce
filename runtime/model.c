/* model.json (docs/model_json.md): read and checked as a whole before anything is loaded. A message names
 * the file, the key, and what was wanted. */
#include "json.h"
#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_JSON_BYTES = 64 << 20, FORMAT_VERSION = 1 };

typedef struct Reader {
	RtContext *context;
	const char *path; /* of model.json */
	const AxcJsonValue *root;
	RtModel *model;
} Reader;

static bool bad(Reader *r, const char *key, const char *wanted)
{
	rt_error(r->context, AXR_ERROR_VALUE_ERROR, "%.300s: %s: %s", r->path, key, wanted);
	return false;
}

static bool no_memory(Reader *r)
{
	rt_error(r->context, AXR_ERROR_RUNTIME_ERROR, "%.300s: no memory for the model", r->path);
	return false;
}

static bool read_string(Reader *r, const AxcJsonValue *object, const char *key, const char **ret)
{
	*ret = rt_json_string(axc_json_get(object, key));
	return *ret || bad(r, key, "wanted a string");
}

static bool read_int(Reader *r, const AxcJsonValue *object, const char *key, int64_t min, int64_t max, int64_t *ret)
{
	char wanted[80];
	const AxcJsonValue *value = axc_json_get(object, key);
	*ret = rt_json_int(value);
	if (rt_json_is(value, AXC_JSON_INT) && *ret >= min && *ret <= max)
		return true;
	snprintf(wanted, sizeof wanted, "wanted a number from %lld to %lld", (long long)min, (long long)max);
	return bad(r, key, wanted);
}

static bool is_identifier(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	size_t n = strlen(text);
	return n >= 1 && n <= 200 && strspn(text, letters) == n && !(text[0] >= '0' && text[0] <= '9');
}

/* ---- parts ---- */

static bool read_identity(Reader *r)
{
	int64_t version;
	if (!read_int(r, r->root, "format_version", 0, INT32_MAX, &version))
		return false;
	if (version != FORMAT_VERSION) {
		rt_error(r->context, AXR_ERROR_VALUE_ERROR,
		         "%.300s: format_version is %lld, this runtime reads %d; compile the model again", r->path,
		         (long long)version, FORMAT_VERSION);
		return false;
	}
	RtModel *m = r->model;
	if (!read_string(r, r->root, "model_name", &m->name) ||
	    !read_string(r, r->root, "entry_prefix", &m->prefix) ||
	    !read_string(r, r->root, "target", &m->target) || !read_string(r, r->root, "arch", &m->arch))
		return false;
	if (strlen(m->name) > 1000)
		return bad(r, "model_name", "wanted at most 1000 bytes");
	return is_identifier(m->prefix) || bad(r, "entry_prefix", "wanted a C identifier");
}

static bool read_features(Reader *r)
{
	const AxcJsonValue *list = axc_json_get(r->root, "cpu_features");
	if (!rt_json_is(list, AXC_JSON_ARRAY) || rt_json_count(list) > RT_MAX_FEATURES)
		return bad(r, "cpu_features", "wanted a list of at most 64 names");
	for (size_t i = 0; i < rt_json_count(list); i++) {
		const char *name = rt_json_string(rt_json_item(list, i));
		if (!name)
			return bad(r, "cpu_features", "wanted strings");
		r->model->features[r->model->num_features++] = name;
	}
	return true;
}

/* The file's path beside model.json. */
static bool sibling(Reader *r, const char *key, const char *name, char **ret)
{
	if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return bad(r, key, "file: wanted the name of a file beside model.json");
	const char *slash = strrchr(r->path, '/');
	int dir = slash ? (int)(slash - r->path) : 1;
	const char *base = slash ? r->path : ".";
	if (asprintf(ret, "%.*s/%s", dir, base, name) < 0) {
		*ret = NULL;
		return no_memory(r);
	}
	return true;
}

static bool read_hash(Reader *r, const char *key, const AxcJsonValue *object, uint64_t *ret)
{
	const char *text = rt_json_string(axc_json_get(object, "hash"));
	if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
		return bad(r, key, "hash: wanted 16 hexadecimal digits");
	*ret = strtoull(text, NULL, 16);
	return true;
}

static bool read_file(Reader *r, const char *key, bool may_be_unbuilt, RtFile *ret)
{
	const char *name;
	int64_t bytes;
	const AxcJsonValue *object = axc_json_get(r->root, key);
	if (!rt_json_is(object, AXC_JSON_OBJECT))
		return bad(r, key, "wanted an object");
	if (!read_string(r, object, "file", &name) || !sibling(r, key, name, &ret->path))
		return false;
	if (may_be_unbuilt && rt_json_is(axc_json_get(object, "hash"), AXC_JSON_NULL) &&
	    rt_json_is(axc_json_get(object, "bytes"), AXC_JSON_NULL))
		return true;
	if (!read_int(r, object, "bytes", 0, (int64_t)1 << 40, &bytes) ||
	    !read_hash(r, key, object, &ret->hash))
		return false;
	if ((uint64_t)bytes > SIZE_MAX / 2)
		return bad(r, key, "bytes: more than this machine can address");
	ret->bytes = (size_t)bytes;
	ret->checked = true;
	return true;
}

static bool read_memory(Reader *r)
{
	RtModel *m = r->model;
	int64_t align, cores;
	const AxcJsonValue *pools = axc_json_get(r->root, "workspace_bytes");
	if (!rt_json_is(pools, AXC_JSON_ARRAY) || rt_json_count(pools) != RT_POOLS)
		return bad(r, "workspace_bytes", "wanted a list of 3 numbers");
	for (size_t i = 0; i < RT_POOLS; i++) {
		const AxcJsonValue *value = rt_json_item(pools, i);
		int64_t bytes = rt_json_int(value);
		if (!rt_json_is(value, AXC_JSON_INT) || bytes < 0 || bytes > (int64_t)1 << 40 ||
		    (uint64_t)bytes > SIZE_MAX / 4)
			return bad(r, "workspace_bytes", "wanted numbers of bytes, at most 2^40");
		m->workspace_bytes[i] = (size_t)bytes;
	}
	if (!read_int(r, r->root, "align", 64, 4096, &align) ||
	    !read_int(r, r->root, "cores", 1, RT_MAX_CORES, &cores))
		return false;
	if (align & (align - 1))
		return bad(r, "align", "wanted a power of two");
	m->align = (size_t)align;
	m->cores = (unsigned)cores;
	return true;
}

static bool read_flag(Reader *r, const AxcJsonValue *object, const char *key, bool *ret)
{
	const AxcJsonValue *value = axc_json_get(object, key);
	if (value && !rt_json_is(value, AXC_JSON_BOOL))
		return bad(r, "runtime", "wanted true or false as double_buffer, input_dmabuf and output_dmabuf");
	*ret = rt_json_true(value);
	return true;
}

/* How it is run; a file without these keys is run as all were before they existed. */
static bool read_runtime(Reader *r)
{
	RtModel *m = r->model;
	const AxcJsonValue *mode = axc_json_get(r->root, "multicore_mode"), *runtime = axc_json_get(r->root, "runtime");
	const char *name = mode ? rt_json_string(mode) : "cooperative";
	for (m->mode = RT_MULTIPROCESS; m->mode <= RT_PIPELINE; m->mode++)
		if (name && strcmp(name, rt_mode_name(m->mode)) == 0)
			break;
	if (m->mode > RT_PIPELINE)
		return bad(r, "multicore_mode", "wanted multiprocess, multithread, batch, cooperative or pipeline");
	if (!runtime)
		return true;
	if (!rt_json_is(runtime, AXC_JSON_OBJECT))
		return bad(r, "runtime", "wanted an object");
	const AxcJsonValue *drop = axc_json_get(runtime, "profiling_drop_percentile");
	m->profiling_drop = rt_json_number(drop);
	if (drop && (!rt_json_is_number(drop) || !(m->profiling_drop >= 0 && m->profiling_drop < 1)))
		return bad(r, "runtime", "wanted a number from 0 to below 1 as profiling_drop_percentile");
	return read_flag(r, runtime, "double_buffer", &m->double_buffer) &&
	       read_flag(r, runtime, "input_dmabuf", &m->input_dmabuf) &&
	       read_flag(r, runtime, "output_dmabuf", &m->output_dmabuf);
}

static bool read_entry_points(Reader *r)
{
	const AxcJsonValue *list = axc_json_get(r->root, "entry_points");
	bool *has = r->model->has_io;
	for (size_t i = 0; i < rt_json_count(list); i++) {
		const char *name = rt_json_string(rt_json_item(list, i));
		if (name && strcmp(name, "run_i8") == 0)
			has[AXRX_INT8] = true;
		else if (name && strcmp(name, "run_f32") == 0)
			has[AXRX_FLOAT] = true;
		else
			return bad(r, "entry_points", "wanted run_i8, run_f32");
	}
	return has[AXRX_INT8] || has[AXRX_FLOAT] || bad(r, "entry_points", "wanted a list of at least one");
}

static bool read_tensors(Reader *r, const char *key, RtTensors *ret)
{
	const AxcJsonValue *list = axc_json_get(r->root, key);
	size_t n = rt_json_count(list);
	if (!rt_json_is(list, AXC_JSON_ARRAY) || n > RT_MAX_TENSORS)
		return bad(r, key, "wanted a list of at most 4096 tensors");
	ret->at = calloc(n ? n : 1, sizeof *ret->at);
	if (!ret->at)
		return no_memory(r);
	for (size_t i = 0; i < n; i++) {
		char problem[100], place[40];
		bool ok = rt_parse_tensor(rt_json_item(list, i), &ret->at[i], problem, sizeof problem);
		snprintf(place, sizeof place, "%s[%zu]", key, i);
		if (!ok)
			return bad(r, place, problem);
		if (ret->at[i].ext.bytes > SIZE_MAX / 2 / rt_frames_per_run(r->model))
			return bad(r, place, "shape: with a frame per core larger than this machine can address");
	}
	ret->n = n;
	return true;
}

static bool read_layers(Reader *r)
{
	RtModel *m = r->model;
	const AxcJsonValue *profiling = axc_json_get(r->root, "profiling");
	const AxcJsonValue *list = axc_json_get(r->root, "layers");
	if (!rt_json_is(profiling, AXC_JSON_BOOL))
		return bad(r, "profiling", "wanted true or false");
	size_t n = rt_json_count(list);
	if (!rt_json_is(list, AXC_JSON_ARRAY) || n > RT_MAX_LAYERS)
		return bad(r, "layers", "wanted a list");
	m->profiling = rt_json_true(profiling);
	m->layer_names = calloc(n + 1, sizeof *m->layer_names);
	m->layer_kernels = calloc(n + 1, sizeof *m->layer_kernels);
	if (!m->layer_names || !m->layer_kernels)
		return no_memory(r);
	for (size_t i = 0; i < n; i++) {
		const AxcJsonValue *layer = rt_json_item(list, i);
		m->layer_names[i] = rt_json_string(axc_json_get(layer, "name"));
		m->layer_kernels[i] = rt_json_string(axc_json_get(layer, "kernel"));
		if (!m->layer_names[i] || !m->layer_kernels[i])
			return bad(r, "layers", "wanted objects with name and kernel");
	}
	m->num_layers = n;
	return true;
}

static bool read_properties(Reader *r)
{
	const AxcJsonValue *object = axc_json_get(r->root, "properties");
	if (!rt_json_is(object, AXC_JSON_OBJECT))
		return bad(r, "properties", "wanted an object");
	RtProperties *p = rt_properties_new(r->context);
	if (!p)
		return false;
	r->model->properties = p->object.handle;
	bool ok = true;
	for (uint32_t i = 0; ok && i < object->n; i++) {
		const char *value = rt_json_string(&object->item[i]);
		if (!value)
			ok = bad(r, "properties", "wanted strings");
		else if (!rt_properties_set(p, object->item[i].key, value))
			ok = no_memory(r);
	}
	rt_leave(p);
	return ok;
}

static bool read_model(Reader *r)
{
	RtModel *m = r->model;
	return read_identity(r) && read_features(r) && read_file(r, "kernel", true, &m->kernel) &&
	       read_file(r, "constants", false, &m->constants) && read_memory(r) && read_runtime(r) && read_entry_points(r) &&
	       read_tensors(r, "inputs", &m->tensors[AXRX_INT8][0]) &&
	       read_tensors(r, "outputs", &m->tensors[AXRX_INT8][1]) &&
	       read_tensors(r, "inputs_f32", &m->tensors[AXRX_FLOAT][0]) &&
	       read_tensors(r, "outputs_f32", &m->tensors[AXRX_FLOAT][1]) && read_layers(r) && read_properties(r);
}

/* ---- the file ---- */

/* The whole file, in the arena; NULL: the context's error says why. */
static const AxcJsonValue *parse_file(RtContext *context, const char *path, int fd, AxcArena *arena)
{
	struct stat st;
	AxcDiag d;
	const AxcJsonValue *root = NULL;
	axc_diag_init(&d, arena);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		rt_error(context, AXR_ERROR_RUNTIME_ERROR, "%.300s: not a regular file", path);
		return NULL;
	}
	if (st.st_size > MAX_JSON_BYTES) {
		rt_error(context, AXR_ERROR_VALUE_ERROR, "%.300s: larger than %d MiB", path, MAX_JSON_BYTES >> 20);
		return NULL;
	}
	char *text = axc_alloc(arena, (size_t)st.st_size + 1);
	size_t bytes = 0;
	ssize_t n = 1;
	while (bytes < (size_t)st.st_size && (n = read(fd, text + bytes, (size_t)st.st_size - bytes)) > 0)
		bytes += (size_t)n;
	if (n < 0)
		rt_error(context, AXR_ERROR_RUNTIME_ERROR, "%.300s: %s", path, strerror(errno));
	else if (!axc_json_parse(arena, &d, path, text, bytes, &root))
		rt_error(context, AXR_ERROR_VALUE_ERROR, "%.900s", d.error.message);
	else if (root->kind != AXC_JSON_OBJECT)
		rt_error(context, AXR_ERROR_VALUE_ERROR, "%.300s: wanted a JSON object", path);
	return rt_json_is(root, AXC_JSON_OBJECT) ? root : NULL;
}

/* The arena that holds the file's content, or NULL. */
static AxcArena *load_file(RtContext *context, const char *path, const AxcJsonValue **ret_root)
{
	jmp_buf oom;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would wait for a writer */
	if (fd < 0) {
		rt_error(context, AXR_ERROR_RUNTIME_ERROR, "%.300s: %s", path, strerror(errno));
		return NULL;
	}
	AxcArena *arena = axc_arena_new(&oom);
	if (!arena || setjmp(oom) != 0)
		rt_error(context, AXR_ERROR_RUNTIME_ERROR, "%.300s: no memory for the model", path);
	else
		*ret_root = parse_file(context, path, fd, arena);
	close(fd);
	if (*ret_root)
		return arena;
	axc_arena_free(arena);
	return NULL;
}

static void model_release(RtObject *object)
{
	RtModel *m = (RtModel *)object;
	for (int io = 0; io < 2; io++) {
		free(m->tensors[io][0].at);
		free(m->tensors[io][1].at);
	}
	axr_destroy((const axrObject *)m->properties);
	free(m->layer_names);
	free(m->layer_kernels);
	free(m->kernel.path);
	free(m->constants.path);
	axc_arena_free(m->arena);
}

axrModel *axr_load_model(axrContext *handle, const char *path)
{
	RtContext *context = rt_enter(handle, RT_CONTEXT, "axr_load_model");
	if (!context)
		return NULL;
	axrModel *ret = NULL;
	if (!path) {
		rt_error(context, AXR_ERROR_INVALID_ARGUMENT, "axr_load_model: the path is NULL");
		goto done;
	}
	const AxcJsonValue *root = NULL;
	AxcArena *arena = load_file(context, path, &root);
	if (!arena)
		goto done;
	RtModel *model = rt_new(context, RT_MODEL, sizeof *model, model_release);
	if (!model) {
		axc_arena_free(arena);
		goto done;
	}
	model->arena = arena;
	Reader reader = {context, path, root, model};
	if (read_model(&reader)) {
		ret = (axrModel *)model->object.handle;
		rt_log(context, AXR_LOG_INFO, "loaded model %.100s from %.200s", model->name, path);
	} else {
		rt_drop(model);
	}
	rt_leave(model);
done:
	rt_leave(context);
	return ret;
}

/* ---- questions ---- */

const char *rt_mode_name(RtMode mode)
{
	switch (mode) {
	case RT_MULTIPROCESS:
		return "multiprocess";
	case RT_MULTITHREAD:
		return "multithread";
	case RT_BATCH:
		return "batch";
	case RT_COOPERATIVE:
		return "cooperative";
	case RT_PIPELINE:
		return "pipeline";
	}
	return "?";
}

unsigned rt_frames_per_run(const RtModel *model)
{
	return model->mode == RT_BATCH ? model->cores : 1;
}

axrxIo rt_default_io(const RtModel *model)
{
	return model->has_io[AXRX_INT8] ? AXRX_INT8 : AXRX_FLOAT;
}

static size_t count(axrModel *handle, int output, const char *function)
{
	RtModel *model = rt_enter(handle, RT_MODEL, function);
	size_t n = model ? model->tensors[rt_default_io(model)][output].n : 0;
	rt_leave(model);
	return n;
}

size_t axr_num_model_inputs(axrModel *handle)
{
	return count(handle, 0, "axr_num_model_inputs");
}

size_t axr_num_model_outputs(axrModel *handle)
{
	return count(handle, 1, "axr_num_model_outputs");
}

static axrTensorInfo tensor(axrModel *handle, int output, size_t n, const char *function)
{
	axrTensorInfo info = {0};
	RtModel *model = rt_enter(handle, RT_MODEL, function);
	if (!model)
		return info;
	const RtTensors *tensors = &model->tensors[rt_default_io(model)][output];
	unsigned frames = rt_frames_per_run(model);
	if (n < tensors->n) {
		info = tensors->at[n].info;
		if (info.ndims > 0)
			info.dims[0] *= frames;
		else if (frames > 1)
			info.dims[info.ndims++] = frames;
	} else {
		rt_error(model->object.context, AXR_ERROR_INVALID_ARGUMENT,
		         "%s: there is no tensor %zu, the model has %zu", function, n, tensors->n);
	}
	rt_leave(model);
	return info;
}

axrTensorInfo axr_get_model_input(axrModel *handle, size_t n)
{
	return tensor(handle, 0, n, "axr_get_model_input");
}

axrTensorInfo axr_get_model_output(axrModel *handle, size_t n)
{
	return tensor(handle, 1, n, "axr_get_model_output");
}

axrProperties *axr_get_model_properties(axrModel *handle)
{
	RtModel *model = rt_enter(handle, RT_MODEL, "axr_get_model_properties");
	axrProperties *properties = model ? (axrProperties *)model->properties : NULL;
	rt_leave(model);
	return properties;
}
