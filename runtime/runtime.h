/* The objects behind the handles, and what the files of this folder owe each other.
 *
 *   object.c       handles, references, contexts, errors, log        (object.h)
 *   properties.c   key/value objects
 *   device.c       the one device, connections, its configuration
 *   model.c        model.json -> RtModel, checked
 *   tensor.c       tensor descriptions of model.json, and how the API shows them
 *   cpu.c          what this CPU can do; permission for AMX
 *   pool.c         threads behind axk_env.parallel
 *   memory.c       mapped constants, workspace, content hash
 *   instance.c     loading code, what an instance consists of
 *   match.c        whether the code fits model.json
 *   run.c          running it: arguments, frames, results one call later
 *   pipeline.c     the stages of pipeline mode
 */
#ifndef AXR_RUNTIME_H
#define AXR_RUNTIME_H

#include "axruntime/axruntime.h"
#include "axruntime/axruntime_ext.h"
#include "kernel_abi.h"
#include "object.h"

enum {
	RT_MAX_CORES = 256,
	RT_MAX_TENSORS = 4096,
	RT_MAX_LAYERS = 1 << 20,
	RT_MAX_FEATURES = 64,
	RT_SLACK = 64, /* readable bytes behind constants and pools */
	RT_POOLS = 3,
};

/* ---- properties.c ---- */

typedef struct RtProperty {
	char *key, *value;
} RtProperty;

typedef struct RtProperties {
	RtObject object;
	pthread_mutex_t lock;
	RtProperty *at;
	size_t n, cap;
	char *list; /* what axr_list_properties returned last */
} RtProperties;

RtProperties *rt_properties_new(RtContext *context); /* as rt_new */
bool rt_properties_set(RtProperties *properties, const char *key, const char *value);
/* Calls fn for each property until it returns false; under the lock. */
bool rt_properties_each(RtProperties *properties, bool (*fn)(void *ctx, const char *key, const char *value),
                        void *ctx);
/* A decimal integer within [min, max]. */
bool rt_parse_int(const char *text, long long min, long long max, long long *ret);

/* ---- device.c ---- */

typedef struct RtConnection {
	RtObject object;
	size_t sub_devices;
} RtConnection;

/* ---- cpu.c ---- */

unsigned rt_cpu_count(void);
const char *rt_cpu_arch(void);
/* The processor's name for people; false: unknown. */
bool rt_cpu_name(char *ret_name, size_t bytes);
typedef enum RtFeature { RT_FEATURE_PRESENT, RT_FEATURE_MISSING, RT_FEATURE_UNKNOWN } RtFeature;
RtFeature rt_cpu_feature(const char *name);
/* Asks the operating system for the AMX tile state; false: refused. */
bool rt_cpu_permit_amx(void);
/* The network's numbers are defined for the default floating-point mode, whatever the program has set. Sets it
 * for the calling thread; the mode before is to be restored. */
uint64_t rt_float_default(void);
void rt_float_restore(uint64_t mode);

/* ---- pool.c ---- */

typedef struct RtPool RtPool;

/* A pool that runs with `threads` threads, the caller's included; NULL: none could be started or memory. */
RtPool *rt_pool_new(unsigned threads);
void rt_pool_free(RtPool *pool);
/* A thread with all signals blocked: they are the business of the program's own threads. */
bool rt_thread_new(pthread_t *ret_thread, void *(*fn)(void *arg), void *arg);
/* axk_env.parallel; ctx is the pool (NULL: serial). */
int rt_pool_parallel(void *ctx, void (*fn)(void *arg, int i), void *arg, int n);

/* ---- memory.c ---- */

/* Maps a file read-only, with RT_SLACK readable bytes behind it. NULL, and *ret_errno is set. */
void *rt_map_file(int fd, size_t bytes, size_t *ret_mapped, int *ret_errno);
/* Zeroed, aligned, with slack; NULL when memory is short. Freed with free(). */
void *rt_workspace(size_t bytes, size_t align);

/* ---- tensor.c, model.c ---- */

typedef struct RtTensor {
	axrTensorInfo info;
	axrxTensor ext; /* name, dtype and layout point into the JSON document */
} RtTensor;

typedef struct RtTensors {
	RtTensor *at;
	size_t n;
} RtTensors;

typedef struct RtFile {
	char *path;
	size_t bytes;
	uint64_t hash;
	bool checked; /* bytes and hash are known */
} RtFile;

/* How cores share work: multicore_mode of the compiler. */
typedef enum RtMode { RT_MULTIPROCESS, RT_MULTITHREAD, RT_BATCH, RT_COOPERATIVE, RT_PIPELINE } RtMode;

struct AxcArena;
struct AxcJsonValue;

typedef struct RtModel {
	RtObject object;
	struct AxcArena *arena; /* keeps the strings */
	const char *name, *prefix, *target, *arch;
	const char *features[RT_MAX_FEATURES];
	size_t num_features;
	RtFile kernel, constants;
	size_t workspace_bytes[RT_POOLS];
	size_t align;
	unsigned cores;
	RtMode mode;
	/* as compiled: what holds when a property is not given */
	bool double_buffer, input_dmabuf, output_dmabuf;
	double profiling_drop;
	bool has_io[2];         /* by axrxIo */
	RtTensors tensors[2][2]; /* by axrxIo, then inputs, outputs */
	bool profiling;
	const char **layer_names, **layer_kernels;
	size_t num_layers;
	uintptr_t properties; /* handle of its properties object */
} RtModel;

/* Frames of one call of the API, which lie behind each other on the first axis of its tensors. */
unsigned rt_frames_per_run(const RtModel *model);
const char *rt_mode_name(RtMode mode);
/* The entry point that axr_* functions describe and run: int8 where there is one. */
axrxIo rt_default_io(const RtModel *model);
/* One tensor of model.json; false: `problem` says what is wrong, without the tensor's place. */
bool rt_parse_tensor(const struct AxcJsonValue *json, RtTensor *ret, char *problem, size_t problem_bytes);

/* ---- instance.c ---- */

/* What a frame needs while it is computed. */
typedef struct RtSlot {
	struct RtInstance *instance;
	void *workspace[RT_POOLS];
	const void **in;
	void **out;
	axk_env env;
	uint64_t *layer_ns; /* of this frame; NULL without profiling */
	uint64_t device_ns;
	int status;
	struct RtSlot *next; /* pipeline.c: waiting behind this one */
	bool done;
} RtSlot;

/* A call of axr_run_model_instance in progress: its frames, and where its tensors lie. */
typedef struct RtCall {
	RtSlot *slots; /* frames of them */
	void **tensors; /* inputs, then outputs */
	uint64_t device_ns;
	struct RtCall *next; /* free ones */
} RtCall;

typedef struct RtPipeline RtPipeline;
typedef struct RtOverlap RtOverlap;

typedef struct RtInstance {
	RtObject object;
	RtModel *model;
	RtConnection *connection;
	axrxIo io;
	bool input_dmabuf, output_dmabuf;
	unsigned cores; /* threads that compute */
	void *library;
	int library_fd; /* -1, or what it was loaded from: open, so that no other has this number */
	axk_run_fn *run;
	axk_stage_fn *run_stage; /* pipeline mode */
	void *constants;
	size_t constants_mapped;
	RtPool *pool;
	RtPipeline *pipeline;
	RtOverlap *overlap; /* double_buffer */
	RtSlot *slots;
	RtCall *calls;
	unsigned num_calls, frames; /* calls at once, frames per call: num_calls * frames slots */
	/* of the fields below */
	pthread_mutex_t lock;
	pthread_cond_t freed;
	RtCall *free_calls;
	uint64_t *layer_ns; /* sums of the frames whose results were given out */
	uint64_t device_ns; /* of the last call */
} RtInstance;

uint64_t rt_now_ns(void *ctx);

/* ---- match.c ---- */

/* The numbers that the library carries against model.json; false: AXR_ERROR_VALUE_ERROR says which differ. */
bool rt_match(RtContext *context, const RtModel *model, const uint64_t *contract);

/* ---- run.c ---- */

/* The thread and the buffers behind double_buffer; NULL: no memory or no thread. */
RtOverlap *rt_overlap_new(RtInstance *instance);
void rt_overlap_free(RtOverlap *overlap);
size_t rt_overlap_bytes(const RtInstance *instance);

/* ---- pipeline.c ---- */

/* `threads` threads that share the stages; NULL: they could not be started. */
RtPipeline *rt_pipeline_new(RtInstance *instance, unsigned threads);
void rt_pipeline_free(RtPipeline *pipeline);
/* Sends a frame through all stages and waits for it. */
void rt_pipeline_run(RtPipeline *pipeline, RtSlot *slot);

#endif
