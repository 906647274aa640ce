/* Instances: the network's code and constants loaded, its workspace and threads, and running it. */
#include "runtime.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

static uint64_t now_ns(void *ctx)
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
	unsigned threads; /* 0: as compiled */
	axrxIo io;
} Options;

static bool option_value_error(Options *o, const char *key, const char *value, const char *wanted)
{
	rt_error(o->context, AXR_ERROR_VALUE_ERROR, "axr_load_model_instance: %s: wanted %s, found '%.100s'", key,
	         wanted, value);
	return false;
}

static bool read_option(void *ctx, const char *key, const char *value)
{
	static const char *const flags[] = {"input_dmabuf",     "output_dmabuf", "device_profiling",
	                                    "host_profiling",   "double_buffer", "elf_in_ddr"};
	Options *o = ctx;
	long long n;
	if (strcmp(key, "aipu_cores") == 0 || strcmp(key, "num_sub_devices") == 0) {
		if (!rt_parse_int(value, 0, RT_MAX_CORES, &n))
			return option_value_error(o, key, value, "a number from 0 to 256");
		if (key[0] == 'a')
			o->threads = (unsigned)n;
		return true;
	}
	if (strcmp(key, "io") == 0) {
		bool is_float = strcmp(value, "float") == 0;
		if (!is_float && strcmp(value, "int8") != 0)
			return option_value_error(o, key, value, "int8 or float");
		o->io = is_float ? AXRX_FLOAT : AXRX_INT8;
		return true;
	}
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		if (strcmp(key, flags[i]) == 0)
			return rt_parse_int(value, 0, 1, &n) || option_value_error(o, key, value, "0 or 1");
	}
	rt_log(o->context, AXR_LOG_WARNING, "axr_load_model_instance: unknown property '%.100s' ignored", key);
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
	int fd = open(file->path, O_RDONLY | O_CLOEXEC);
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
	uint64_t hash = rt_hash(data, file->bytes);
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

/* The dynamic linker knows libraries by path: one that was replaced on disk while its predecessor is
 * still loaded must come in under another name, that of a private copy. */
static void *open_private_copy(RtInstance *in, int fd)
{
	struct stat st;
	char path[64];
	int copy = memfd_create("axr-kernel", MFD_CLOEXEC);
	if (copy < 0 || fstat(fd, &st) != 0)
		return NULL;
	in->library_fd = copy;
	for (off_t offset = 0; offset < st.st_size;) {
		if (sendfile(copy, fd, &offset, (size_t)(st.st_size - offset)) <= 0)
			return NULL;
	}
	snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), copy);
	return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static bool load_library(RtInstance *in, RtContext *context)
{
	const RtModel *m = in->model;
	const RtFile *file = &m->kernel;
	int fd = open_checked(context, file, "kernel library");
	if (fd < 0)
		return false;
	if (file->checked) {
		size_t mapped;
		void *data = map_checked(context, file, "kernel library", fd, &mapped);
		if (!data) {
			close(fd);
			return false;
		}
		munmap(data, mapped);
	}
	void *loaded = dlopen(file->path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
	if (loaded) {
		in->library = open_private_copy(in, fd);
		dlclose(loaded);
	} else {
		in->library = dlopen(file->path, RTLD_NOW | RTLD_LOCAL);
	}
	close(fd);
	if (!in->library) {
		const char *reason = dlerror();
		rt_error(context, AXR_ERROR_RUNTIME_ERROR, "%.300s: %.150s", file->path,
		         reason ? reason : "cannot be loaded");
		return false;
	}
	char symbol[256];
	snprintf(symbol, sizeof symbol, "%s_%s", m->prefix, in->io == AXRX_INT8 ? "run_i8" : "run_f32");
	void *address = dlsym(in->library, symbol);
	if (!address) {
		rt_error(context, AXR_ERROR_VALUE_ERROR, "%.300s: has no function %.150s", file->path, symbol);
		return false;
	}
	memcpy(&in->run, &address, sizeof in->run);
	return true;
}

/* ---- making an instance ---- */

static void instance_release(RtObject *object)
{
	RtInstance *in = (RtInstance *)object;
	rt_pool_free(in->pool);
	if (in->library)
		dlclose(in->library);
	if (in->library_fd >= 0)
		close(in->library_fd);
	if (in->constants)
		munmap(in->constants, in->constants_mapped);
	for (int i = 0; i < RT_POOLS; i++)
		free(in->workspace[i]);
	free(in->layer_ns);
	free(in->in);
	free(in->out);
	rt_leave(in->connection);
	rt_leave(in->model);
	pthread_mutex_destroy(&in->lock);
}

static bool allocate(RtInstance *in, RtContext *context)
{
	const RtModel *m = in->model;
	for (int i = 0; i < RT_POOLS; i++) {
		in->workspace[i] = rt_workspace(m->workspace_bytes[i], m->align);
		if (!in->workspace[i]) {
			rt_error(context, AXR_ERROR_RUNTIME_ERROR, "no memory for a workspace of %zu bytes",
			         m->workspace_bytes[i]);
			return false;
		}
	}
	in->in = calloc(m->tensors[in->io][0].n + 1, sizeof *in->in);
	in->out = calloc(m->tensors[in->io][1].n + 1, sizeof *in->out);
	in->layer_ns = m->profiling ? calloc(m->num_layers + 1, sizeof *in->layer_ns) : NULL;
	if (!in->in || !in->out || (m->profiling && !in->layer_ns)) {
		rt_error(context, AXR_ERROR_RUNTIME_ERROR, "no memory for a model instance");
		return false;
	}
	return true;
}

static void start_threads(RtInstance *in, RtContext *context, unsigned threads)
{
	if (threads == 0)
		threads = in->model->cores;
	in->pool = threads > 1 ? rt_pool_new(threads) : NULL;
	if (threads > 1 && !in->pool)
		rt_log(context, AXR_LOG_WARNING, "no threads could be started; the instance runs on one core");
	in->env = (axk_env){rt_pool_parallel, now_ns, in->pool, in->layer_ns};
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

/* Takes over the references to connection and model. */
static RtInstance *new_instance(RtConnection *connection, RtModel *model, const Options *o)
{
	RtInstance *in = rt_new(o->context, RT_INSTANCE, sizeof *in, instance_release);
	if (!in) {
		rt_leave(connection);
		rt_leave(model);
		return NULL;
	}
	pthread_mutex_init(&in->lock, NULL);
	in->connection = connection;
	in->model = model;
	in->io = o->io;
	in->library_fd = -1;
	if (!check_cpu(o->context, model) || !load_constants(in, o->context) || !load_library(in, o->context) ||
	    !allocate(in, o->context)) {
		rt_drop(in);
		return NULL;
	}
	start_threads(in, o->context, o->threads);
	return in;
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
	Options options = {context, model, 0, model ? rt_default_io(model) : AXRX_INT8};
	if (model && read_options(&options, properties)) {
		RtInstance *in = new_instance(connection, model, &options);
		if (in) {
			ret = (axrModelInstance *)in->object.handle;
			rt_log(context, AXR_LOG_INFO, "instance of %.100s: target %.60s, %s input and output",
			       model->name, model->target, in->io == AXRX_INT8 ? "int8" : "float");
		}
	} else {
		rt_leave(model);
		rt_leave(connection);
	}
	rt_leave(context);
	return ret;
}

/* ---- running ---- */

/* A run's view of the arguments that are file descriptors, to be undone after it. */
typedef struct Mapping {
	void *at;
	size_t bytes;
	int fd;
} Mapping;

typedef struct Run {
	RtInstance *in;
	RtContext *context;
	Mapping *mappings;
	size_t num_mappings;
} Run;

static bool argument_error(Run *run, const char *kind, size_t n, const char *text)
{
	rt_error(run->context, AXR_ERROR_INVALID_ARGUMENT, "axr_run_model_instance: %s %zu: %s", kind, n, text);
	return false;
}

static void sync_dmabuf(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = {.flags = flags | DMA_BUF_SYNC_RW};
	while (ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) == -1 && errno == EINTR) /* other files: ENOTTY, fine */
		;
}

static void *map_argument(Run *run, const axrArgument *a, size_t bytes, bool output)
{
	struct stat st;
	if (fstat(a->fd, &st) != 0)
		return NULL;
	/* behind the end of a regular file there is nothing but a signal */
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < bytes)
		return NULL;
	if (!run->mappings) {
		const RtTensors *t = run->in->model->tensors[run->in->io];
		run->mappings = calloc(t[0].n + t[1].n, sizeof *run->mappings);
		if (!run->mappings)
			return NULL;
	}
	int protection = output ? PROT_READ | PROT_WRITE : PROT_READ;
	void *at = mmap(NULL, bytes, protection, MAP_SHARED, a->fd, 0);
	if (at == MAP_FAILED)
		return NULL;
	sync_dmabuf(a->fd, DMA_BUF_SYNC_START);
	run->mappings[run->num_mappings++] = (Mapping){at, bytes, a->fd};
	return at;
}

static void unmap_arguments(Run *run)
{
	for (size_t i = 0; i < run->num_mappings; i++) {
		sync_dmabuf(run->mappings[i].fd, DMA_BUF_SYNC_END);
		munmap(run->mappings[i].at, run->mappings[i].bytes);
	}
	free(run->mappings);
}

static void *argument_data(Run *run, const axrArgument *a, const RtTensor *t, const char *kind, size_t n, bool output)
{
	static _Alignas(64) char nothing[64]; /* what a tensor without elements points to */
	char text[100];
	if (a->offset != 0) {
		argument_error(run, kind, n, "the offset must be 0");
	} else if (a->size != 0 && a->size != t->ext.bytes) {
		snprintf(text, sizeof text, "%zu bytes, wanted %zu", a->size, t->ext.bytes);
		argument_error(run, kind, n, text);
	} else if (t->ext.bytes == 0) {
		return nothing;
	} else if (a->ptr) {
		if ((uintptr_t)a->ptr % t->ext.element_bytes == 0)
			return a->ptr;
		snprintf(text, sizeof text, "the pointer is not aligned to %zu bytes", t->ext.element_bytes);
		argument_error(run, kind, n, text);
	} else if (a->fd <= 0) {
		argument_error(run, kind, n, "neither a pointer nor a file descriptor");
	} else {
		void *at = map_argument(run, a, t->ext.bytes, output);
		if (at)
			return at;
		argument_error(run, kind, n, "the file descriptor cannot be mapped with the tensor's size");
	}
	return NULL;
}

static bool collect(Run *run, axrArgument *args, size_t n, int output)
{
	static const char *const kinds[] = {"input", "output"};
	const RtTensors *tensors = &run->in->model->tensors[run->in->io][output];
	if (n != tensors->n || (n > 0 && !args)) {
		rt_error(run->context, AXR_ERROR_INVALID_ARGUMENT, "axr_run_model_instance: found %zu %ss%s, wanted %zu", n,
		         kinds[output], n > 0 && !args ? " (NULL)" : "", tensors->n);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		void *data = argument_data(run, &args[i], &tensors->at[i], kinds[output], i, output);
		if (!data)
			return false;
		if (output)
			run->in->out[i] = data;
		else
			run->in->in[i] = data;
	}
	return true;
}

/* The network's numbers are defined for the default floating-point mode, whatever the caller has set. */
static int run_code(RtInstance *in)
{
#if defined(__x86_64__)
	unsigned mode = _mm_getcsr();
	_mm_setcsr(0x1f80); /* round to nearest, no flushing of subnormals, exceptions masked */
#elif defined(__aarch64__)
	uint64_t mode;
	__asm__ volatile("mrs %0, fpcr" : "=r"(mode));
	__asm__ volatile("msr fpcr, %0" ::"r"((uint64_t)0));
#endif
	uint64_t start = now_ns(NULL);
	int status = in->run(&in->env, in->constants, in->workspace, in->in, in->out);
	atomic_store_explicit(&in->device_ns, now_ns(NULL) - start, memory_order_relaxed);
#if defined(__x86_64__)
	_mm_setcsr(mode);
#elif defined(__aarch64__)
	__asm__ volatile("msr fpcr, %0" ::"r"(mode));
#endif
	return status;
}

axrResult axr_run_model_instance(axrModelInstance *handle, axrArgument *inputs, size_t num_inputs,
                                 axrArgument *outputs, size_t num_outputs)
{
	RtInstance *in = rt_enter(handle, RT_INSTANCE, "axr_run_model_instance");
	if (!in)
		return AXR_ERROR_INVALID_ARGUMENT;
	axrResult result = AXR_ERROR_INVALID_ARGUMENT;
	Run run = {.in = in, .context = in->object.context};
	if (!rt_alive(in->connection)) {
		result = rt_error(run.context, AXR_ERROR_CONNECTION_ERROR,
		                  "axr_run_model_instance: the instance's connection was destroyed");
		rt_leave(in);
		return result;
	}
	pthread_mutex_lock(&in->lock);
	if (collect(&run, inputs, num_inputs, 0) && collect(&run, outputs, num_outputs, 1)) {
		int status = run_code(in);
		result = AXR_SUCCESS;
		if (status != 0)
			result = rt_error(run.context, AXR_ERROR_INTERNAL_ERROR,
			                  "the network's code returned error %d", status);
	}
	pthread_mutex_unlock(&in->lock);
	unmap_arguments(&run);
	rt_leave(in);
	return result;
}
