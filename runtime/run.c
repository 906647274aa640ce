/* Running an instance: the arguments of a call checked and made addresses, its frames computed as the
 * multicore mode wants, results given out.
 *
 * With double_buffer a call copies its inputs to buffers of the instance while the frame of the call before
 * still runs on a thread of its own, then takes that frame's outputs and starts the new one: the caller
 * prepares the next frame while this one is computed, and gets results one call later. */
#include "runtime.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* ---- arguments ---- */

/* A run's view of the arguments that are file descriptors, to be undone after it. */
typedef struct Mapping {
	void *at;
	size_t bytes;
	int fd;
} Mapping;

typedef struct Run {
	RtInstance *in;
	RtContext *context;
	const char *function;
	Mapping *mappings;
	size_t num_mappings;
	axrxRunInfo *info; /* may be NULL */
} Run;

static bool argument_error(Run *run, const char *kind, size_t n, const char *text)
{
	rt_error(run->context, AXR_ERROR_INVALID_ARGUMENT, "%s: %s %zu: %s", run->function, kind, n, text);
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
	void *at = mmap(NULL, bytes, protection, MAP_SHARED | MAP_POPULATE, a->fd, 0);
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
	size_t bytes = t->ext.bytes * run->in->frames;
	bool dmabuf = output ? run->in->output_dmabuf : run->in->input_dmabuf;
	if (a->offset != 0) {
		argument_error(run, kind, n, "the offset must be 0");
	} else if (a->size != 0 && a->size != bytes) {
		snprintf(text, sizeof text, "%zu bytes, wanted %zu", a->size, bytes);
		argument_error(run, kind, n, text);
	} else if (bytes == 0) {
		return nothing;
	} else if (dmabuf && a->ptr) {
		snprintf(text, sizeof text, "a pointer, but the instance has %s_dmabuf=1: wanted a file descriptor", kind);
		argument_error(run, kind, n, text);
	} else if (a->ptr) {
		if ((uintptr_t)a->ptr % t->ext.element_bytes == 0)
			return a->ptr;
		snprintf(text, sizeof text, "the pointer is not aligned to %zu bytes", t->ext.element_bytes);
		argument_error(run, kind, n, text);
	} else if (a->fd <= 0) {
		argument_error(run, kind, n, "neither a pointer nor a file descriptor");
	} else if (!dmabuf) {
		snprintf(text, sizeof text, "a file descriptor, but the instance has %s_dmabuf=0: wanted a pointer", kind);
		argument_error(run, kind, n, text);
	} else {
		void *at = map_argument(run, a, bytes, output);
		if (at)
			return at;
		argument_error(run, kind, n, "the file descriptor cannot be mapped with the tensor's size");
	}
	return NULL;
}

/* Addresses of the arguments into `ret`. */
static bool collect(Run *run, const axrArgument *args, size_t n, int output, void **ret)
{
	static const char *const kinds[] = {"input", "output"};
	const RtTensors *tensors = &run->in->model->tensors[run->in->io][output];
	if (n != tensors->n || (n > 0 && !args)) {
		rt_error(run->context, AXR_ERROR_INVALID_ARGUMENT, "%s: found %zu %ss%s, wanted %zu", run->function, n,
		         kinds[output], n > 0 && !args ? " (NULL)" : "", tensors->n);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		ret[i] = argument_data(run, &args[i], &tensors->at[i], kinds[output], i, output);
		if (!ret[i])
			return false;
	}
	return true;
}

/* ---- frames ---- */

/* Frame i of a tensor lies behind frame i - 1. */
static void aim(const RtInstance *in, RtCall *call, void *const *inputs, void *const *outputs)
{
	const RtTensors *t = in->model->tensors[in->io];
	for (unsigned i = 0; i < in->frames; i++) {
		for (size_t k = 0; k < t[0].n; k++)
			call->slots[i].in[k] = (char *)inputs[k] + i * t[0].at[k].ext.bytes;
		for (size_t k = 0; k < t[1].n; k++)
			call->slots[i].out[k] = (char *)outputs[k] + i * t[1].at[k].ext.bytes;
	}
}

static void run_slot(void *slots, int i)
{
	RtSlot *slot = (RtSlot *)slots + i;
	const RtInstance *in = slot->instance;
	uint64_t mode = rt_float_default(), start = rt_now_ns(NULL);
	slot->status = in->run(&slot->env, in->constants, slot->workspace, slot->in, slot->out);
	slot->device_ns = rt_now_ns(NULL) - start;
	rt_float_restore(mode);
}

static void execute(RtInstance *in, RtCall *call)
{
	for (unsigned i = 0; i < in->frames && in->model->profiling; i++)
		memset(call->slots[i].layer_ns, 0, in->model->num_layers * sizeof *call->slots[i].layer_ns);
	if (in->frames > 1) {
		uint64_t start = rt_now_ns(NULL);
		rt_pool_parallel(in->pool, run_slot, call->slots, (int)in->frames);
		call->device_ns = rt_now_ns(NULL) - start;
		return;
	}
	if (in->pipeline)
		rt_pipeline_run(in->pipeline, call->slots);
	else
		run_slot(call->slots, 0);
	call->device_ns = call->slots->device_ns;
}

/* Times are counted, and told, when the results of a call are given out. */
static axrResult deliver(Run *run, const RtCall *call)
{
	RtInstance *in = run->in;
	size_t layers = in->model->profiling ? in->model->num_layers : 0;
	int status = 0;
	pthread_mutex_lock(&in->lock);
	in->device_ns = call->device_ns;
	for (unsigned i = 0; i < in->frames; i++) {
		status = status ? status : call->slots[i].status;
		for (size_t k = 0; k < layers; k++)
			in->layer_ns[k] += call->slots[i].layer_ns[k];
	}
	pthread_mutex_unlock(&in->lock);
	if (run->info) {
		run->info->has_result = 1;
		run->info->device_ns = call->device_ns;
		for (size_t k = 0; k < layers && k < run->info->num_layers; k++) {
			run->info->layer_ns[k] = 0;
			for (unsigned i = 0; i < in->frames; i++)
				run->info->layer_ns[k] += call->slots[i].layer_ns[k];
		}
	}
	if (status == 0)
		return AXR_SUCCESS;
	return rt_error(run->context, AXR_ERROR_INTERNAL_ERROR, "the network's code returned error %d", status);
}

static RtCall *take_call(RtInstance *in)
{
	pthread_mutex_lock(&in->lock);
	while (!in->free_calls)
		pthread_cond_wait(&in->freed, &in->lock);
	RtCall *call = in->free_calls;
	in->free_calls = call->next;
	pthread_mutex_unlock(&in->lock);
	return call;
}

static void give_call(RtInstance *in, RtCall *call)
{
	pthread_mutex_lock(&in->lock);
	call->next = in->free_calls;
	in->free_calls = call;
	pthread_cond_signal(&in->freed);
	pthread_mutex_unlock(&in->lock);
}

static axrResult run_now(Run *run, const axrArgument *inputs, size_t num_inputs, const axrArgument *outputs,
                         size_t num_outputs)
{
	RtInstance *in = run->in;
	RtCall *call = take_call(in);
	void **ins = call->tensors, **outs = ins + in->model->tensors[in->io][0].n;
	axrResult result = AXR_ERROR_INVALID_ARGUMENT;
	if (collect(run, inputs, num_inputs, 0, ins) && collect(run, outputs, num_outputs, 1, outs)) {
		aim(in, call, ins, outs);
		execute(in, call);
		result = deliver(run, call);
	}
	give_call(in, call);
	return result;
}

/* ---- results one call later ---- */

typedef enum State { NOTHING, RUNNING, FINISHED } State;

struct RtOverlap {
	RtInstance *instance;
	pthread_mutex_t order; /* one call after the other */
	void **args;           /* the caller's tensors of the call at hand */
	void **sets[2];        /* ours: inputs, then outputs */
	int set;               /* for the next call */
	pthread_mutex_t lock;  /* of the fields below */
	pthread_cond_t changed;
	State state;
	bool stop;
	pthread_t thread;
};

static void *run_frames(void *arg)
{
	RtOverlap *o = arg;
	pthread_mutex_lock(&o->lock);
	while (!o->stop) {
		if (o->state != RUNNING) {
			pthread_cond_wait(&o->changed, &o->lock);
			continue;
		}
		pthread_mutex_unlock(&o->lock);
		execute(o->instance, o->instance->calls);
		pthread_mutex_lock(&o->lock);
		o->state = FINISHED;
		pthread_cond_broadcast(&o->changed);
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

static void set_state(RtOverlap *o, State state)
{
	pthread_mutex_lock(&o->lock);
	o->state = state;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
}

/* Waits for the frame that is running; false: there is none. */
static bool wait_for_frame(RtOverlap *o)
{
	pthread_mutex_lock(&o->lock);
	while (o->state == RUNNING)
		pthread_cond_wait(&o->changed, &o->lock);
	bool finished = o->state == FINISHED;
	pthread_mutex_unlock(&o->lock);
	return finished;
}

static void copy_tensors(const RtInstance *in, int output, void *const *to, void *const *from)
{
	const RtTensors *t = &in->model->tensors[in->io][output];
	for (size_t i = 0; i < t->n; i++)
		memcpy(to[i], from[i], t->at[i].ext.bytes * in->frames);
}

/* Without inputs: only the results that are still to come. */
static axrResult run_overlapped(Run *run, const axrArgument *inputs, size_t num_inputs, const axrArgument *outputs,
                                size_t num_outputs, bool finish)
{
	RtInstance *in = run->in;
	RtOverlap *o = in->overlap;
	size_t n_in = in->model->tensors[in->io][0].n;
	axrResult result = AXR_ERROR_INVALID_ARGUMENT;
	pthread_mutex_lock(&o->order);
	if ((finish || collect(run, inputs, num_inputs, 0, o->args)) &&
	    collect(run, outputs, num_outputs, 1, o->args + n_in)) {
		void **next = o->sets[o->set], **last = o->sets[!o->set];
		result = AXR_SUCCESS;
		if (!finish)
			copy_tensors(in, 0, next, o->args);
		if (wait_for_frame(o)) {
			copy_tensors(in, 1, o->args + n_in, last + n_in);
			result = deliver(run, in->calls);
		}
		if (!finish) {
			aim(in, in->calls, next, next + n_in);
			o->set = !o->set;
		}
		set_state(o, finish ? NOTHING : RUNNING);
	}
	pthread_mutex_unlock(&o->order);
	return result;
}

static bool allocate_sets(RtOverlap *o)
{
	const RtInstance *in = o->instance;
	const RtTensors *t = in->model->tensors[in->io];
	size_t n = t[0].n + t[1].n;
	o->args = calloc(n + 1, sizeof *o->args);
	o->sets[0] = calloc(n + 1, sizeof *o->args);
	o->sets[1] = calloc(n + 1, sizeof *o->args);
	bool ok = o->args && o->sets[0] && o->sets[1];
	for (size_t i = 0; ok && i < 2 * n; i++) {
		size_t k = i / 2;
		const RtTensor *tensor = k < t[0].n ? &t[0].at[k] : &t[1].at[k - t[0].n];
		o->sets[i % 2][k] = rt_workspace(tensor->ext.bytes * in->frames, in->model->align);
		ok = o->sets[i % 2][k] != NULL;
	}
	return ok;
}

static void free_overlap(RtOverlap *o)
{
	const RtTensors *t = o->instance->model->tensors[o->instance->io];
	for (int s = 0; s < 2; s++) {
		for (size_t i = 0; o->sets[s] && i < t[0].n + t[1].n; i++)
			free(o->sets[s][i]);
		free(o->sets[s]);
	}
	free(o->args);
	pthread_mutex_destroy(&o->order);
	pthread_mutex_destroy(&o->lock);
	pthread_cond_destroy(&o->changed);
	free(o);
}

RtOverlap *rt_overlap_new(RtInstance *instance)
{
	RtOverlap *o = calloc(1, sizeof *o);
	if (!o)
		return NULL;
	o->instance = instance;
	pthread_mutex_init(&o->order, NULL);
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->changed, NULL);
	if (allocate_sets(o) && rt_thread_new(&o->thread, run_frames, o))
		return o;
	free_overlap(o);
	return NULL;
}

void rt_overlap_free(RtOverlap *o)
{
	if (!o)
		return;
	wait_for_frame(o);
	pthread_mutex_lock(&o->lock);
	o->stop = true;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
	pthread_join(o->thread, NULL);
	free_overlap(o);
}

size_t rt_overlap_bytes(const RtInstance *in)
{
	size_t bytes = 0;
	for (int k = 0; k < 2 && in->overlap; k++) {
		const RtTensors *t = &in->model->tensors[in->io][k];
		for (size_t i = 0; i < t->n; i++)
			bytes += 2 * t->at[i].ext.bytes * in->frames;
	}
	return bytes;
}

/* ---- the API ---- */

/* The instance, if it can be run. */
static RtInstance *enter(axrModelInstance *handle, Run *run, axrResult *ret_result)
{
	RtInstance *in = rt_enter(handle, RT_INSTANCE, run->function);
	*ret_result = AXR_ERROR_INVALID_ARGUMENT;
	if (!in)
		return NULL;
	run->in = in;
	run->context = in->object.context;
	if (run->info)
		run->info->has_result = 0;
	if (rt_alive(in->connection))
		return in;
	*ret_result = rt_error(run->context, AXR_ERROR_CONNECTION_ERROR, "%s: the instance's connection was destroyed",
	                       run->function);
	rt_leave(in);
	return NULL;
}

static axrResult run_call(const char *function, axrModelInstance *handle, const axrArgument *inputs,
                          size_t num_inputs, const axrArgument *outputs, size_t num_outputs, axrxRunInfo *info)
{
	Run run = {.function = function, .info = info};
	axrResult result;
	RtInstance *in = enter(handle, &run, &result);
	if (!in)
		return result;
	result = in->overlap ? run_overlapped(&run, inputs, num_inputs, outputs, num_outputs, false)
	                     : run_now(&run, inputs, num_inputs, outputs, num_outputs);
	unmap_arguments(&run);
	rt_leave(in);
	return result;
}

axrResult axr_run_model_instance(axrModelInstance *instance, axrArgument *inputs, size_t num_inputs,
                                 axrArgument *outputs, size_t num_outputs)
{
	return run_call("axr_run_model_instance", instance, inputs, num_inputs, outputs, num_outputs, NULL);
}

axrResult axrx_run_model_instance(axrModelInstance *instance, const axrArgument *inputs, size_t num_inputs,
                                  const axrArgument *outputs, size_t num_outputs, axrxRunInfo *ret_info)
{
	return run_call("axrx_run_model_instance", instance, inputs, num_inputs, outputs, num_outputs, ret_info);
}

axrResult axrx_finish(axrModelInstance *handle, const axrArgument *outputs, size_t num_outputs,
                      axrxRunInfo *ret_info)
{
	Run run = {.function = "axrx_finish", .info = ret_info};
	axrResult result;
	RtInstance *in = enter(handle, &run, &result);
	if (!in)
		return result;
	result = in->overlap ? run_overlapped(&run, NULL, 0, outputs, num_outputs, true) : AXR_SUCCESS;
	unmap_arguments(&run);
	rt_leave(in);
	return result;
}
