/* Instances: the network's code and constants loaded, its workspaces and threads. Which of these there are
 * how often is the multicore mode's business:
 *
 *   mode          calls at once   frames per call   threads
 *   multiprocess  1               1                 the caller's (other processes do the same)
 *   multithread   cores           1                 the callers'
 *   batch         1               cores             a pool, a frame each
 *   cooperative   1               1                 a pool, pieces of each step
 *   pipeline      cores           1                 one per stage
 */
#include "base/base.h"
#include "runtime.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

uint64_t rt_now_ns(void *ctx)
{
	struct timespec t;
	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- properties ---- */

typedef struct Options {
	RtContext *context;
	const RtModel *model;
	unsigned cores, sub_devices; /* 0: as compiled */
	axrxIo io;
	bool double_buffer, input_dmabuf, output_dmabuf;
} Options;

static bool option_value_error(Options *o, const char *key, const char *value, const char *wanted)
{
	rt_error(o->context, AXR_ERROR_VALUE_ERROR, "axr_load_model_instance: %s: wanted %s, found '%.100s'", key,
	         wanted, value);
	return false;
}

/* Where a 0 or 1 goes; NULL: the CPU has no such thing, or it is always so. */
static bool find_flag(Options *o, const char *key, bool **ret)
{
	const struct Flag {
		const char *key;
		bool *at;
	} flags[] = {
		{"input_dmabuf", &o->input_dmabuf}, {"output_dmabuf", &o->output_dmabuf}, {"double_buffer", &o->double_buffer},
		{"device_profiling", NULL},         {"host_profiling", NULL},             {"elf_in_ddr", NULL},
	};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		if (strcmp(key, flags[i].key) == 0) {
			*ret = flags[i].at;
			return true;
		}
	}
	return false;
}

static bool read_option(void *ctx, const char *key, const char *value)
{
	Options *o = ctx;
	long long n;
	bool *flag;
	if (strcmp(key, "aipu_cores") == 0 || strcmp(key, "num_sub_devices") == 0) {
		if (!rt_parse_int(value, 0, RT_MAX_CORES, &n))
			return option_value_error(o, key, value, "a number from 0 to 256");
		*(key[0] == 'a' ? &o->cores : &o->sub_devices) = (unsigned)n;
	} else if (strcmp(key, "io") == 0) {
		o->io = strcmp(value, "float") == 0 ? AXRX_FLOAT : AXRX_INT8;
		if (o->io == AXRX_INT8 && strcmp(value, "int8") != 0)
			return option_value_error(o, key, value, "int8 or float");
	} else if (find_flag(o, key, &flag)) {
		if (!rt_parse_int(value, 0, 1, &n))
			return option_value_error(o, key, value, "0 or 1");
		if (flag)
			*flag = n == 1;
	} else {
		rt_log(o->context, AXR_LOG_WARNING, "axr_load_model_instance: unknown property '%.100s' ignored", key);
	}
	return true;
}

/* ---- can this CPU run it ---- */

static bool check_cpu(RtContext *context, const RtModel *m)
{
	if (strcmp(m->arch, rt_cpu_arch()) != 0) {
		rt_error(context, AXR_ERROR_INCOMPATIBLE_DEVICE,
		         "the model was compiled for %.60s (target %.60s), this machine is %s", m->arch, m->target,
		         rt_cpu_arch());
		return false;
	}
	bool amx = false;
	for (size_t i = 0; i < m->num_features; i++) {
		RtFeature state = rt_cpu_feature(m->features[i]);
		amx = amx || strncmp(m->features[i], "amx-", 4) == 0;
		if (state == RT_FEATURE_PRESENT)
			continue;
		rt_error(context, AXR_ERROR_INCOMPATIBLE_DEVICE,
		         state == RT_FEATURE_MISSING
		                 ? "this CPU lacks %.60s, which target %.60s needs"
		                 : "CPU feature %.60s, which target %.60s needs, is unknown to this runtime",
		         m->features[i], m->target);
		return false;
	}
	if (amx && !rt_cpu_permit_amx()) {
		rt_error(context, AXR_ERROR_INCOMPATIBLE_DEVICE, "the operating system refuses the use of AMX");
		return false;
	}
	return true;
}

/* ---- files ---- */

static int open_checked(RtContext *context, const RtFile *file, const char *what)
{
	struct stat st;
	int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would wait for a writer */
	if (fd < 0 || fstat(fd, &st) != 0) {
		if (errno == ENOENT && !file->checked)
			rt_error(context, AXR_ERROR_RUNTIME_ERROR,
			         "%.300s: not built; make it with: cc -O2 -shared -fPIC kernel_function.c -o %s",
			         file->path, strrchr(file->path, '/') + 1);
		else
			rt_error(context, AXR_ERROR_RUNTIME_ERROR, "%.300s: %s", file->path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		rt_error(context, AXR_ERROR_RUNTIME_ERROR, "%.300s: not a regular file", file->path);
	} else if (file->checked && (uint64_t)st.st_size != file->bytes) {
		rt_error(context, AXR_ERROR_VALUE_ERROR, "%.300s: the %s does not match model.json: %lld bytes, wanted %zu",
		         file->path, what, (long long)st.st_size, file->bytes);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool check_hash(RtContext *context, const RtFile *file, const char *what, const void *data)
{
	uint64_t hash = axc_hash(data, file->bytes);
	if (hash == file->hash)
		return true;
	rt_error(context, AXR_ERROR_VALUE_ERROR,
	         "%.300s: the %s does not match model.json: hash %016llx, wanted %016llx", file->path, what,
	         (unsigned long long)hash, (unsigned long long)file->hash);
	return false;
}

static void *map_checked(RtContext *context, const RtFile *file, const char *what, int fd, size_t *ret_mapped)
{
	int error = 0;
	void *data = rt_map_file(fd, file->bytes, ret_mapped, &error);
	if (!data) {
		rt_error(context, AXR_ERROR_RUNTIME_ERROR, "%.300s: %s", file->path, strerror(error));
		return NULL;
	}
	if (check_hash(context, file, what, data))
		return data;
	munmap(data, *ret_mapped);
	return NULL;
}

static bool load_constants(RtInstance *in, RtContext *context)
{
	const RtFile *file = &in->model->constants;
	int fd = open_checked(context, file, "constants file");
	if (fd < 0)
		return false;
	in->constants = map_checked(context, file, "constants file", fd, &in->constants_mapped);
	close(fd);
	return in->constants != NULL;
}

/* By descriptor: what was checked is what is loaded, whatever its path leads to by now. */
static void *open_library(int fd, int flags, const char *otherwise)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), fd);
	const char *from = access(path, R_OK) == 0 ? path : otherwise;
	return from ? dlopen(from, RTLD_NOW | RTLD_LOCAL | flags) : NULL;
}

/* The dynamic linker loads no file twice: one that was written over while it is loaded must come in as a
 * private copy. */
static void *open_private_copy(RtInstance *in)
{
	struct stat st;
	int copy = memfd_create("axr-kernel", MFD_CLOEXEC), fd = in->library_fd;
	if (copy < 0)
		return NULL;
	in->library_fd = copy;
	bool ok = fstat(fd, &st) == 0;
	for (off_t offset = 0; ok && offset < st.st_size;)
		ok = sendfile(copy, fd, &offset, (size_t)(st.st_size - offset)) > 0;
	close(fd);
	return ok ? open_library(copy, 0, NULL) : NULL;
}

static void load_error(RtContext *context, const RtFile *file)
{
	const char *reason = dlerror(), *colon = reason ? strstr(reason, ": ") : NULL;
	if (colon && strncmp(reason, "/proc/", 6) == 0)
		reason = colon + 2;
	rt_error(context, AXR_ERROR_RUNTIME_ERROR, "%.300s: %.150s", file->path, reason ? reason : "cannot be loaded");
}

static void *find_symbol(RtInstance *in, RtContext *context, const char *suffix)
{
	char symbol[256];
	snprintf(symbol, sizeof symbol, "%s_%s%s", in->model->prefix, in->io == AXRX_INT8 ? "run_i8" : "run_f32", suffix);
	void *address = dlsym(in->library, symbol);
	if (!address)
		rt_error(context, AXR_ERROR_VALUE_ERROR, "%.300s: has no function %.150s", in->model->kernel.path, symbol);
	return address;
}

/* Code that was not emitted by the compiler may lack the numbers. */
static bool matches(const RtInstance *in, RtContext *context)
{
	char symbol[256];
	snprintf(symbol, sizeof symbol, "%s_contract", in->model->prefix);
	const uint64_t *contract = dlsym(in->library, symbol);
	return !contract || rt_match(context, in->model, contract);
}

static bool load_library(RtInstance *in, RtContext *context)
{
	const RtModel *m = in->model;
	const RtFile *file = &m->kernel;
	in->library_fd = open_checked(context, file, "kernel library");
	if (in->library_fd < 0)
		return false;
	if (file->checked) {
		size_t mapped;
		void *data = map_checked(context, file, "kernel library", in->library_fd, &mapped);
		if (!data)
			return false;
		munmap(data, mapped);
	}
	void *loaded = open_library(in->library_fd, RTLD_NOLOAD, file->path);
	in->library = loaded ? open_private_copy(in) : open_library(in->library_fd, 0, file->path);
	if (loaded)
		dlclose(loaded);
	if (!in->library) {
		load_error(context, file);
		return false;
	}
	void *run = find_symbol(in, context, ""), *stage = NULL;
	if (!run || (m->mode == RT_PIPELINE && !(stage = find_symbol(in, context, "_stage"))) || !matches(in, context))
		return false;
	memcpy(&in->run, &run, sizeof in->run);
	memcpy(&in->run_stage, &stage, sizeof in->run_stage);
	int last = (int)m->cores - 1;
	if (!stage || (in->run_stage(NULL, NULL, NULL, NULL, NULL, last) == -1 &&
	               in->run_stage(NULL, NULL, NULL, NULL, NULL, last + 1) == -3))
		return true;
	rt_error(context, AXR_ERROR_VALUE_ERROR,
	         "%.300s: the kernel library does not match model.json: it has not %u pipeline stages", file->path, m->cores);
	return false;
}

/* ---- making an instance ---- */

static void free_slots(RtInstance *in)
{
	for (size_t i = 0; in->slots && i < (size_t)in->num_calls * in->frames; i++) {
		RtSlot *slot = &in->slots[i];
		for (int k = 0; k < RT_POOLS; k++)
			free(slot->workspace[k]);
		free(slot->layer_ns);
		free(slot->in);
		free(slot->out);
	}
	for (size_t i = 0; in->calls && i < in->num_calls; i++)
		free(in->calls[i].tensors);
	free(in->slots);
	free(in->calls);
	free(in->layer_ns);
}

static void instance_release(RtObject *object)
{
	RtInstance *in = (RtInstance *)object;
	rt_overlap_free(in->overlap); /* a frame may still be running */
	rt_pipeline_free(in->pipeline);
	rt_pool_free(in->pool);
	if (in->library)
		dlclose(in->library);
	if (in->library_fd >= 0)
		close(in->library_fd);
	if (in->constants)
		munmap(in->constants, in->constants_mapped);
	free_slots(in);
	rt_leave(in->connection);
	rt_leave(in->model);
	pthread_mutex_destroy(&in->lock);
	pthread_cond_destroy(&in->freed);
}

static bool allocate_slot(RtInstance *in, RtContext *context, RtSlot *slot)
{
	const RtModel *m = in->model;
	slot->instance = in;
	for (int i = 0; i < RT_POOLS; i++) {
		slot->workspace[i] = rt_workspace(m->workspace_bytes[i], m->align);
		if (!slot->workspace[i]) {
			rt_error(context, AXR_ERROR_RUNTIME_ERROR, "no memory for %u workspaces of %zu bytes",
			         in->num_calls * in->frames, m->workspace_bytes[i]);
			return false;
		}
	}
	slot->in = calloc(m->tensors[in->io][0].n + 1, sizeof *slot->in);
	slot->out = calloc(m->tensors[in->io][1].n + 1, sizeof *slot->out);
	slot->layer_ns = m->profiling ? calloc(m->num_layers + 1, sizeof *slot->layer_ns) : NULL;
	return slot->in && slot->out && (slot->layer_ns || !m->profiling);
}

static bool allocate(RtInstance *in, RtContext *context)
{
	const RtModel *m = in->model;
	size_t slots = (size_t)in->num_calls * in->frames;
	in->slots = calloc(slots, sizeof *in->slots);
	in->calls = calloc(in->num_calls, sizeof *in->calls);
	in->layer_ns = m->profiling ? calloc(m->num_layers + 1, sizeof *in->layer_ns) : NULL;
	bool ok = in->slots && in->calls && (in->layer_ns || !m->profiling);
	for (size_t i = 0; ok && i < slots; i++)
		ok = allocate_slot(in, context, &in->slots[i]);
	for (size_t i = in->num_calls; ok && i-- > 0;) {
		RtCall *call = &in->calls[i];
		call->slots = &in->slots[i * in->frames];
		call->tensors = calloc(m->tensors[in->io][0].n + m->tensors[in->io][1].n + 1, sizeof *call->tensors);
		call->next = in->free_calls;
		in->free_calls = call;
		ok = call->tensors;
	}
	if (!ok && axr_last_error(AXR_OBJECT(context->object.handle)) == AXR_SUCCESS)
		rt_error(context, AXR_ERROR_RUNTIME_ERROR, "no memory for a model instance");
	return ok;
}

/* See the top of this file. */
static void divide_work(RtInstance *in, const Options *o)
{
	const RtModel *m = in->model;
	in->cores = o->cores ? o->cores : o->sub_devices ? o->sub_devices : m->cores;
	in->num_calls = in->frames = 1;
	switch (m->mode) {
	case RT_MULTIPROCESS:
		if (in->cores > 1 && (o->cores || o->sub_devices))
			rt_log(o->context, AXR_LOG_INFO,
			       "multicore_mode multiprocess: this instance uses one core; the other %u are for other processes",
			       in->cores - 1);
		in->cores = 1;
		break;
	case RT_MULTITHREAD:
		in->num_calls = in->cores;
		break;
	case RT_BATCH:
		in->frames = m->cores;
		in->cores = in->cores < m->cores ? in->cores : m->cores;
		break;
	case RT_COOPERATIVE:
		break;
	case RT_PIPELINE:
		in->num_calls = m->cores;
		in->cores = in->cores < m->cores ? in->cores : m->cores;
		break;
	}
}

static bool start_threads(RtInstance *in, const Options *o)
{
	RtMode mode = in->model->mode;
	if ((mode == RT_COOPERATIVE || mode == RT_BATCH) && in->cores > 1) {
		in->pool = rt_pool_new(in->cores);
		if (!in->pool)
			rt_log(o->context, AXR_LOG_WARNING, "no threads could be started; the instance runs on one core");
	}
	for (size_t i = 0; i < (size_t)in->num_calls * in->frames; i++)
		in->slots[i].env = (axk_env){rt_pool_parallel, rt_now_ns, mode == RT_COOPERATIVE ? in->pool : NULL,
		                             in->slots[i].layer_ns};
	bool pipeline = mode == RT_PIPELINE && in->model->cores > 1, overlap = o->double_buffer && in->num_calls == 1;
	if (o->double_buffer && !overlap)
		rt_log(o->context, AXR_LOG_WARNING,
		       "multicore_mode %s: double_buffer has no effect, several calls overlap by themselves",
		       rt_mode_name(mode));
	if (pipeline)
		in->pipeline = rt_pipeline_new(in, in->cores);
	if (overlap)
		in->overlap = rt_overlap_new(in);
	if ((!pipeline || in->pipeline) && (!overlap || in->overlap))
		return true;
	rt_error(o->context, AXR_ERROR_RUNTIME_ERROR, "no memory or no threads for %s",
	         overlap ? "double_buffer" : "the stages of the pipeline");
	return false;
}

static bool read_options(Options *o, axrProperties *handle)
{
	if (handle) {
		RtProperties *p = rt_also(o->context, handle, RT_PROPERTIES, "axr_load_model_instance");
		if (!p)
			return false;
		bool ok = rt_properties_each(p, read_option, o);
		rt_leave(p);
		if (!ok)
			return false;
	}
	if (o->model->has_io[o->io])
		return true;
	rt_error(o->context, AXR_ERROR_INVALID_ARGUMENT, "the model has no %s entry point",
	         o->io == AXRX_FLOAT ? "float" : "int8");
	return false;
}

/* Takes over the references to connection and model; the instance's own is the caller's. */
static RtInstance *new_instance(RtConnection *connection, RtModel *model, const Options *o)
{
	RtInstance *in = rt_new(o->context, RT_INSTANCE, sizeof *in, instance_release);
	if (!in) {
		rt_leave(connection);
		rt_leave(model);
		return NULL;
	}
	pthread_mutex_init(&in->lock, NULL);
	pthread_cond_init(&in->freed, NULL);
	in->connection = connection;
	in->model = model;
	in->io = o->io;
	in->input_dmabuf = o->input_dmabuf;
	in->output_dmabuf = o->output_dmabuf;
	in->library_fd = -1;
	divide_work(in, o);
	if (check_cpu(o->context, model) && load_constants(in, o->context) && load_library(in, o->context) &&
	    allocate(in, o->context) && start_threads(in, o))
		return in;
	rt_drop(in);
	rt_leave(in);
	return NULL;
}

axrModelInstance *axr_load_model_instance(axrConnection *connection_handle, axrModel *model_handle,
                                          axrProperties *properties)
{
	RtConnection *connection = rt_enter(connection_handle, RT_CONNECTION, "axr_load_model_instance");
	if (!connection)
		return NULL;
	RtContext *context = connection->object.context;
	rt_ref(context);
	axrModelInstance *ret = NULL;
	RtModel *model = rt_also(context, model_handle, RT_MODEL, "axr_load_model_instance");
	Options options = {.context = context, .model = model};
	if (model) {
		options.io = rt_default_io(model);
		options.input_dmabuf = model->input_dmabuf;
		options.output_dmabuf = model->output_dmabuf;
	}
	if (model && read_options(&options, properties)) {
		RtInstance *in = new_instance(connection, model, &options);
		if (in) {
			ret = (axrModelInstance *)in->object.handle;
			rt_log(context, AXR_LOG_INFO, "instance of %.100s: target %.60s, %s input and output, %s on %u core%s",
			       model->name, model->target, in->io == AXRX_INT8 ? "int8" : "float", rt_mode_name(model->mode),
			       in->cores, in->cores == 1 ? "" : "s");
			rt_leave(in);
		}
	} else {
		rt_leave(model);
		rt_leave(connection);
	}
	rt_leave(context);
	return ret;
}
