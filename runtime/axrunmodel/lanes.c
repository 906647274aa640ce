/* Lanes: as many as the model's multicore mode lets run frames on their own.
 *
 *   multiprocess        a process per core, each with an instance of its own
 *   multithread         a thread per core, all with the same instance
 *   pipeline            a thread per stage, so that every stage has a frame
 *   batch, cooperative  one
 *
 * What a lane measures lies in memory that processes share. The lanes warm up, wait for each other, and begin. */
#include "axrunmodel.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct Shared {
	atomic_uint ready;
	atomic_bool failed;
	Lane lanes[];
} Shared;

typedef struct Run {
	Shared *shared;
	size_t shared_bytes;
	const Plan *plan;
	Frames *f;
	Limits limits;
	axrContext *context;
	axrModel *model;
} Run;

/* ---- the plan ---- */

static bool chosen(int option, int compiled)
{
	return option >= 0 ? option : compiled;
}

bool make_plan(Plan *plan, const Options *o, axrModel *model)
{
	*plan = (Plan){.lanes = 1};
	if (axrx_get_model_info(model, &plan->model) != AXR_SUCCESS)
		return complain("%s", axr_last_error_string(AXR_OBJECT(model)));
	const char *mode = plan->model.multicore_mode;
	plan->cores = o->cores ? o->cores : plan->model.cores;
	plan->frames_per_run = plan->model.frames_per_run;
	plan->processes = strcmp(mode, "multiprocess") == 0;
	bool pipeline = strcmp(mode, "pipeline") == 0, threads = strcmp(mode, "multithread") == 0;
	if (plan->processes || threads)
		plan->lanes = plan->cores;
	else if (pipeline)
		plan->lanes = plan->model.cores;
	if (strcmp(mode, "cooperative") != 0 && !plan->processes && !threads && plan->cores > plan->model.cores)
		plan->cores = plan->model.cores; /* there are no more stages or frames than that */
	/* several calls at once overlap by themselves */
	plan->double_buffer = chosen(o->double_buffer, plan->model.double_buffer) && !threads && !pipeline;
	if (o->double_buffer == 1 && !plan->double_buffer)
		complain("note: --double-buffer has no effect in multicore mode %s, its calls overlap by themselves", mode);
	plan->input_dmabuf = chosen(o->input_dmabuf, plan->model.input_dmabuf);
	plan->output_dmabuf = chosen(o->output_dmabuf, plan->model.output_dmabuf);
	return true;
}

static axrModelInstance *load_instance(const Run *run)
{
	char properties[160];
	const Plan *plan = run->plan;
	unsigned cores = plan->processes ? 1 : plan->cores;
	axrConnection *connection = axr_device_connect(run->context, NULL, cores, NULL);
	if (!connection)
		return NULL;
	snprintf(properties, sizeof properties, "aipu_cores=%u;io=%s;double_buffer=%d;input_dmabuf=%d;output_dmabuf=%d",
	         cores, run->f->io == AXRX_FLOAT ? "float" : "int8", plan->double_buffer, plan->input_dmabuf,
	         plan->output_dmabuf);
	axrProperties *p = axr_create_properties(run->context, properties);
	return p ? axr_load_model_instance(connection, run->model, p) : NULL;
}

/* ---- one lane ---- */

static void pause_shortly(void)
{
	nanosleep(&(struct timespec){0, 200000}, NULL);
}

/* Waits until all lanes are warm; false: one failed. */
static bool wait_for_all(void *ctx)
{
	const Run *run = ctx;
	atomic_fetch_add(&run->shared->ready, 1);
	while (atomic_load(&run->shared->ready) < run->plan->lanes && !atomic_load(&run->shared->failed) && !stop_requested)
		pause_shortly();
	return !atomic_load(&run->shared->failed);
}

static void lane_with(const Run *run, Lane *lane, axrModelInstance *instance)
{
	axrxInstanceInfo info;
	lane->ok = axrx_get_instance_info(instance, &info) == AXR_SUCCESS &&
	           run_lane(lane, run->plan, run->f, &run->limits, run->context, instance, wait_for_all, (void *)run);
	lane->workspace_bytes = info.workspace_bytes;
	lane->buffer_bytes = info.buffer_bytes;
	if (!lane->ok)
		atomic_store(&run->shared->failed, true);
}

/* ---- lanes that are threads ---- */

typedef struct ThreadLane {
	const Run *run;
	Lane *lane;
	axrModelInstance *instance;
	pthread_t thread;
} ThreadLane;

static void *thread_lane(void *arg)
{
	ThreadLane *t = arg;
	lane_with(t->run, t->lane, t->instance);
	return NULL;
}

static bool run_threads(const Run *run)
{
	unsigned n = run->plan->lanes, started = 0;
	ThreadLane *threads = calloc(n, sizeof *threads);
	axrModelInstance *instance = threads ? load_instance(run) : NULL;
	if (!instance) {
		complain("%s", threads ? axr_last_error_string(AXR_OBJECT(run->context)) : "no memory");
		free(threads);
		return false;
	}
	for (unsigned i = 0; i < n; i++)
		threads[i] = (ThreadLane){run, &run->shared->lanes[i], instance, 0};
	while (started + 1 < n && pthread_create(&threads[started].thread, NULL, thread_lane, &threads[started]) == 0)
		started++;
	bool ok = started + 1 == n || complain("cannot start %u threads", n);
	if (ok)
		thread_lane(&threads[n - 1]);
	else
		atomic_store(&run->shared->failed, true);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i].thread, NULL);
	free(threads);
	return ok;
}

/* ---- lanes that are processes ---- */

static void process_lane(const Run *run, Lane *lane, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	axrModelInstance *instance = load_instance(run);
	if (instance)
		lane_with(run, lane, instance);
	else if (!atomic_exchange(&run->shared->failed, true)) /* the others say the same */
		complain("%s", axr_last_error_string(AXR_OBJECT(run->context)));
	_exit(lane->ok ? 0 : 1);
}

/* Waits for the processes; one that died tells the others by `failed`. */
static bool wait_for_processes(const Run *run, pid_t *pids, unsigned n)
{
	bool ok = true, told = false;
	for (unsigned left = n; left > 0;) {
		int status;
		for (unsigned i = 0; stop_requested && !told && i < n; i++)
			kill(pids[i], SIGTERM);
		told = told || stop_requested;
		pid_t pid = waitpid(-1, &status, WNOHANG); /* a signal that came just before would not end a wait */
		if (pid == 0)
			pause_shortly();
		if (pid == 0 || (pid < 0 && errno == EINTR))
			continue;
		if (pid < 0)
			return complain("waitpid: %s", strerror(errno));
		left--;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue;
		ok = false;
		atomic_store(&run->shared->failed, true);
		if (WIFSIGNALED(status))
			complain("a process was ended by signal %d", WTERMSIG(status));
	}
	return ok;
}

static bool run_processes(const Run *run)
{
	unsigned n = run->plan->lanes, started = 0;
	pid_t *pids = calloc(n, sizeof *pids), parent = getpid();
	if (!pids)
		return complain("no memory");
	fflush(NULL);
	for (; started < n; started++) {
		pids[started] = fork();
		if (pids[started] < 0)
			break;
		if (pids[started] == 0)
			process_lane(run, &run->shared->lanes[started], parent);
	}
	bool ok = started == n;
	if (!ok) {
		complain("cannot start %u processes: %s", n, strerror(errno));
		atomic_store(&run->shared->failed, true);
	}
	ok = wait_for_processes(run, pids, started) && ok;
	free(pids);
	return ok;
}

/* ---- all of them ---- */

static bool share_memory(Run *run, bool profile)
{
	unsigned n = run->plan->lanes;
	size_t layers = profile ? run->plan->model.num_layers : 0, samples = MAX_SAMPLES / n;
	size_t head = (sizeof(Shared) + n * sizeof(Lane) + 63) / 64 * 64;
	size_t each = (samples * sizeof(Sample) + profile_bytes(layers, n) + 63) / 64 * 64;
	run->shared_bytes = head + n * each;
	void *at = mmap(NULL, run->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return complain("no memory for the measurements");
	run->shared = at;
	for (unsigned i = 0; i < n; i++) {
		char *memory = (char *)at + head + i * each;
		run->shared->lanes[i] = (Lane){.index = i, .samples = (Sample *)(void *)memory, .max_samples = samples, .stride = 1};
		if (layers)
			profile_init(&run->shared->lanes[i].profile, memory + samples * sizeof(Sample), layers, n);
	}
	return true;
}

static bool merge_profiles(Measure *m, const Run *run)
{
	const Profile *profiles[256];
	unsigned n = run->plan->lanes;
	for (unsigned i = 0; i < n; i++)
		profiles[i] = &run->shared->lanes[i].profile;
	m->num_layers = run->plan->model.num_layers;
	m->layer_us = calloc(m->num_layers + 1, sizeof *m->layer_us);
	if (!m->layer_us)
		return complain("no memory for %zu layers", m->num_layers);
	return profile_means(profiles, n, run->plan->model.profiling_drop_percentile, m->layer_us, &m->profile_samples);
}

static bool merge(Measure *m, const Run *run)
{
	unsigned n = run->plan->lanes;
	uint64_t begin = UINT64_MAX, end = 0;
	size_t samples = 0;
	m->stride = 1;
	for (unsigned i = 0; i < n; i++) {
		const Lane *lane = &run->shared->lanes[i];
		m->frames += lane->frames;
		m->device_seconds += (double)lane->device_ns * 1e-9 / n;
		m->host_seconds += (double)lane->host_ns * 1e-9 / n;
		m->interrupted = m->interrupted || lane->interrupted;
		m->stride = lane->stride > m->stride ? lane->stride : m->stride;
		if (i == 0 || run->plan->processes) { /* threads share the instance */
			m->buffer_bytes += lane->buffer_bytes;
			m->workspace_bytes += lane->workspace_bytes;
		}
		samples += lane->num_samples;
		begin = lane->begin_ns < begin ? lane->begin_ns : begin;
		end = lane->end_ns > end ? lane->end_ns : end;
	}
	m->seconds = (double)(end - begin) * 1e-9;
	m->samples = malloc((samples + 1) * sizeof *m->samples);
	if (!m->samples)
		return complain("no memory for the measurements");
	for (unsigned i = 0; i < n; i++) {
		const Lane *lane = &run->shared->lanes[i];
		for (size_t k = 0; k < lane->num_samples; k++) {
			if (k * lane->stride % m->stride == 0)
				m->samples[m->num_samples++] = (Sample){lane->samples[k].start_ns - begin, lane->samples[k].device_ns};
		}
	}
	return true;
}

/* Time ran out before every frame had its turn: the files would be short. */
static bool all_written(const Run *run)
{
	const Plan *plan = run->plan;
	uint64_t calls = (run->f->written + plan->frames_per_run - 1) / plan->frames_per_run;
	for (unsigned i = 0; i < plan->lanes && !stop_requested; i++) {
		uint64_t wanted = calls > i ? (calls - i - 1) / plan->lanes + 1 : 0;
		if (run->shared->lanes[i].calls < wanted)
			return complain("--seconds: not all of the %llu frames were run, no output was written",
			                (unsigned long long)run->f->written);
	}
	return true;
}

static void on_signal(int number)
{
	(void)number;
	stop_requested = 1;
}

static bool prepare(Run *run, const Options *o)
{
	Frames *f = run->f;
	run->limits = (Limits){.frames = o->frames, .ns = UINT64_MAX};
	if (o->frames == 0 && !o->seconds_given && o->num_inputs > 0)
		run->limits.frames = f->distinct;
	if (!run->limits.frames || o->seconds_given)
		run->limits.ns = (uint64_t)(o->seconds * 1e9);
	run->limits.period_ns = o->throttle_fps > 0 ? (uint64_t)(1e9 / o->throttle_fps) : 0;
	uint64_t frames = run->limits.frames;
	if (o->output_dir && !frames_create_outputs(f, o, frames && frames < f->distinct ? frames : f->distinct))
		return false;
	bool profile = o->profile && run->plan->model.profiling;
	if (o->profile && !profile)
		complain("note: the kernel was built without profiling, so there are no times per layer");
	return share_memory(run, profile);
}

bool measure(Measure *m, Frames *f, const Options *o, const Plan *plan, axrContext *context, axrModel *model)
{
	Run run = {.plan = plan, .f = f, .context = context, .model = model};
	if (!prepare(&run, o))
		return false;
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	bool ok = plan->processes && plan->lanes > 1 ? run_processes(&run) : run_threads(&run);
	for (unsigned i = 0; i < plan->lanes; i++)
		ok = ok && run.shared->lanes[i].ok;
	ok = ok && all_written(&run) && merge(m, &run);
	if (ok && run.shared->lanes[0].profile.rows)
		ok = merge_profiles(m, &run);
	munmap(run.shared, run.shared_bytes);
	return ok;
}

void measure_release(Measure *m)
{
	free(m->samples);
	free(m->layer_us);
}
