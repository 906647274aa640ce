/* What the files of this folder share: a source of samples, and the Python worker.
 *
 *   samples.c  opens a source, runs a function over its samples on threads
 *   images.c   finds the pictures, hands them to workers          python.c  chooses the interpreter
 *   worker.c   one child process and the channel to it            (tools/imageworker.py is the other end)
 *   arrays.c   .npy and .npz                                      random.c  seeded normal numbers
 */
#ifndef AXC_CALIB_SAMPLES_H
#define AXC_CALIB_SAMPLES_H

#include "calib/calib.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

enum { AXC_MAX_WORKERS = 16 };

/* Buffers for all graph inputs, one block; each is 64-byte aligned and has AXK_SLACK bytes behind it. */
typedef struct AxcInputs {
	void **at;
} AxcInputs;

typedef enum AxcTake { AXC_TAKE_OK, AXC_TAKE_UNUSABLE, AXC_TAKE_FAILED } AxcTake;

/* One way to get samples. Candidates are 0..n-1; `worker` is the thread's number. */
typedef struct AxcSource {
	/* Starts getting candidate i (a worker may read ahead by one). May be NULL. */
	bool (*request)(AxcSamples *s, AxcDiag *d, int worker, int64_t i);
	/* Fills the buffers with candidate i, the one requested. */
	AxcTake (*receive)(AxcSamples *s, AxcDiag *d, int worker, int64_t i, const AxcInputs *into);
	const char *(*name)(const AxcSamples *s, AxcArena *arena, int64_t i);
	bool ordered; /* receive must be called in order of i: done under the lock */
} AxcSource;

typedef struct AxcWorker AxcWorker;

struct AxcSamples {
	AxcArena *arena;
	const AxcGraph *g;
	const AxcCalibConfig *cfg;
	const AxcSource *source;
	int jobs;
	bool random, closed;
	int64_t n;     /* candidates */
	int64_t limit; /* most that are used */
	uint32_t n_inputs;
	size_t *bytes; /* of each input */
	bool *unusable; /* per candidate, met so far; NULL where all are usable */
	int64_t n_unusable, n_warned; /* how many; of how many the user was told */
	int64_t first_unusable;       /* the first one, and what was wrong with it */
	char first_reason[512];
	char late_warning[512]; /* of a thread, for the main thread to give */
	struct Slot *slots; /* per thread: samples.c */
	int64_t read_i, read_candidate; /* where axc_samples_read is */
	/* images */
	const char *const *paths; /* relative to cfg->imageset */
	AxcWorker *workers[AXC_MAX_WORKERS];
	const char *python;
	/* arrays: see arrays.c */
	void *arrays;
	pthread_mutex_t lock;      /* of the threads of a run: counts, ordered sources */
	pthread_mutex_t show_lock; /* messages and progress; never taken before `lock` */
};

/* The run was interrupted: an error that says so. Always false. */
bool axc_samples_stopped(const AxcSamples *s, AxcDiag *d);
/* Candidate i cannot be used; thread-safe. */
void axc_samples_unusable(AxcSamples *s, int64_t i, const char *name, const char *reason);

/* ---- images.c ---- */
AXC_CHECKED bool axc_images_open(AxcSamples *s, AxcDiag *d);
/* closedir(*(DIR **)held), once. */
void axc_close_dir(void *held);
void axc_images_close(AxcSamples *s, bool politely);

/* ---- python.c ---- */
/* Chooses the interpreter by starting s->workers[0] with it; then starts the others. */
AXC_CHECKED bool axc_python_start(AxcSamples *s, AxcDiag *d);

/* ---- worker.c ---- */
typedef struct AxcWorkerReply {
	AxcTake take;
	const char *unusable; /* why */
	const char *warning;  /* the axes were permuted */
} AxcWorkerReply;
typedef struct AxcWorkerHello {
	bool ready;
	const char *missing; /* an ImportError: try another interpreter */
	const char *module;  /* which module */
	const char *broken;  /* the interpreter itself does not work: why */
} AxcWorkerHello;

/* Seconds a worker may take; unit tests shorten them. */
extern int axc_worker_start_seconds, axc_worker_image_seconds;

/* Starts python and sends program and configuration. The process ends with the arena at the latest. */
AXC_CHECKED bool axc_worker_start(AxcSamples *s, AxcDiag *d, const char *python, AxcWorker **ret_worker);
/* Waits for its first reply. False: an error that no other interpreter would mend (or stopped). */
AXC_CHECKED bool axc_worker_greet(AxcWorker *w, AxcSamples *s, AxcDiag *d, AxcWorkerHello *ret);
AXC_CHECKED bool axc_worker_request(AxcWorker *w, AxcSamples *s, AxcDiag *d, int64_t i, const char *path);
AxcWorkerReply axc_worker_receive(AxcWorker *w, AxcSamples *s, AxcDiag *d, const char *name,
                                  const AxcInputs *into);
/* Ends the process: politely (end of file, a second) or at once; its whole process group. */
void axc_worker_end(AxcWorker *w, bool politely);
/* Debian's package for a Python module, or NULL. */
const char *axc_python_package(const char *module);

/* ---- arrays.c, random.c ---- */
AXC_CHECKED bool axc_arrays_open(AxcSamples *s, AxcDiag *d);
AXC_CHECKED bool axc_random_open(AxcSamples *s, AxcDiag *d);

/* The generator behind shuffling and random data: splitmix64 (public domain, S. Vigna), 64 bits a call. */
static inline uint64_t axc_random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}
/* n normal (0, 1) numbers: the same bits on every machine. */
void axc_random_normal(uint64_t *state, float *out, int64_t n);

#endif
