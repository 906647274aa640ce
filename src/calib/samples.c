/* Samples for calibration, reports and verification: opens the source that was asked for and runs a
 * function over its samples on threads.
 *
 * Which samples are used does not depend on threads: a round takes as many candidates as are still
 * missing, in order; the unusable ones among them are made up for by the next round. An error is that of
 * the first failing candidate: candidates are handed out in order, so every earlier one was begun, and
 * what was begun below a failure is finished.
 */
#include "calib/samples.h"

#include <stdlib.h>
#include <time.h>

typedef struct Slot { /* one thread */
	jmp_buf oom;
	bool out_of_memory, busy, locked;
	AxcInputs inputs;
	AxcArena *arena; /* of the sample at hand; kept when it failed, for the error's text */
	AxcDiag d;
	int64_t at;      /* candidate requested, -1: none */
	int64_t current; /* candidate being worked on */
	int64_t failed;  /* candidate that failed, -1: none */
} Slot;

typedef struct Run {
	AxcSamples *s;
	AxcDiag *d; /* of the caller */
	AxcSampleFn *fn;
	void *ctx;
	Slot *slots;
	int64_t end;
	_Atomic int64_t next, failed; /* failed: the lowest failing candidate so far, else INT64_MAX */
	_Atomic int64_t used;
	int64_t total;
	double started, shown;
	bool quiet; /* tells no progress */
} Run;

double axc_samples_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool axc_samples_stopped(const AxcSamples *s, AxcDiag *d)
{
	(void)s;
	return axc_fail(d, "interrupted");
}

void axc_samples_unusable(AxcSamples *s, int64_t i, const char *name, const char *reason)
{
	pthread_mutex_lock(&s->lock);
	s->unusable[i] = true;
	if (s->n_unusable++ == 0 || i < s->first_unusable) {
		s->first_unusable = i;
		snprintf(s->first_reason, sizeof s->first_reason, "'%s' (%s)", name, reason);
	}
	pthread_mutex_unlock(&s->lock);
}

/* ---- opening ---- */

static bool plan_inputs(AxcSamples *s, AxcDiag *d)
{
	s->n_inputs = s->g->inputs.n;
	s->bytes = AXC_NEW_ARRAY(s->arena, size_t, s->n_inputs);
	for (uint32_t i = 0; i < s->n_inputs; i++) {
		const AxcValue *v = &s->g->values.at[s->g->inputs.at[i]];
		int64_t n = axc_shape_static(&v->shape) ? axc_shape_count(&v->shape) : INT64_MAX;
		if (n > INT32_MAX || v->dtype == AXC_DT_NONE)
			return axc_fail(d, "the input '%s' has no shape that can be calibrated: %s",
			                axc_safe_name(d->arena, v->name), axc_shape_text(d->arena, &v->shape));
		s->bytes[i] = (size_t)n * axc_dtype_bytes(v->dtype);
	}
	return true;
}

static void close_samples(AxcSamples *s, bool politely)
{
	if (!s->closed && s->cfg->imageset)
		axc_images_close(s, politely);
	s->closed = true;
}

static void destroy_lock(void *lock)
{
	pthread_mutex_destroy(lock);
}

bool axc_samples_open(AxcArena *arena, AxcDiag *d, const AxcGraph *g, const AxcCalibConfig *cfg,
                      AxcSamples **ret_samples)
{
	AxcSamples *s = AXC_NEW(arena, AxcSamples);
	s->arena = arena;
	s->g = g;
	s->cfg = axc_memdup(arena, cfg, sizeof *cfg);
	s->jobs = cfg->jobs > 0 ? cfg->jobs : axc_cpu_count();
	s->jobs = AXC_MIN(s->jobs, (int)AXC_MAX_WORKERS);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->show_lock, NULL);
	axc_arena_defer(arena, destroy_lock, &s->lock);
	axc_arena_defer(arena, destroy_lock, &s->show_lock);
	if (!plan_inputs(s, d))
		return false;
	bool ok = cfg->imageset ? axc_images_open(s, d) : cfg->data ? axc_arrays_open(s, d) : axc_random_open(s, d);
	if (!ok) {
		close_samples(s, false);
		return false;
	}
	s->jobs = (int)AXC_MIN((int64_t)s->jobs, AXC_MAX(s->limit, 1));
	*ret_samples = s;
	return true;
}

void axc_samples_close(AxcSamples *s)
{
	close_samples(s, true);
}

int axc_samples_jobs(const AxcSamples *s)
{
	return s->jobs;
}

int64_t axc_samples_count(const AxcSamples *s)
{
	return s->limit;
}

bool axc_samples_random(const AxcSamples *s)
{
	return s->random;
}

int64_t axc_samples_skipped(const AxcSamples *s)
{
	return s->n_unusable;
}

const char *axc_samples_python(const AxcSamples *s)
{
	return s->python;
}

/* ---- one thread ---- */

static void sink(void *ctx, AxcLevel level, const char *text)
{
	Run *run = ctx;
	pthread_mutex_lock(&run->s->show_lock);
	if (run->d->sink)
		run->d->sink(run->d->sink_ctx, level, text);
	pthread_mutex_unlock(&run->s->show_lock);
}

/* The next candidate not known to be unusable, or -1. */
static int64_t take(Run *run)
{
	for (;;) {
		int64_t i = atomic_fetch_add(&run->next, 1);
		if (i >= run->end || i > atomic_load(&run->failed))
			return -1;
		if (!run->s->unusable || !run->s->unusable[i])
			return i;
	}
}

static void note_failure(Run *run, Slot *slot, int64_t i)
{
	i = AXC_MAX(i, 0);
	slot->failed = i;
	int64_t old = atomic_load(&run->failed);
	while (i < old && !atomic_compare_exchange_weak(&run->failed, &old, i))
		continue;
}

void axc_samples_progress(const AxcSamples *s, int64_t done, int64_t total, double started, double *shown)
{
	double now = axc_samples_clock(), elapsed = now - started;
	if (!s->cfg->progress || (now - *shown < 0.1 && done < total))
		return;
	AxcCalibProgress p = {.done = done, .total = total, .seconds_left = -1};
	p.per_second = elapsed > 0 ? (double)done / elapsed : 0;
	if (p.per_second > 0)
		p.seconds_left = (double)(total - done) / p.per_second;
	*shown = now;
	s->cfg->progress(s->cfg->progress_ctx, &p);
}

static void show_progress(Run *run)
{
	AxcSamples *s = run->s;
	int64_t done = atomic_fetch_add(&run->used, 1) + 1;
	if (run->quiet || !s->cfg->progress)
		return;
	pthread_mutex_lock(&s->show_lock);
	done = AXC_MAX(done, atomic_load(&run->used));
	axc_samples_progress(s, done, run->total, run->started, &run->shown);
	pthread_mutex_unlock(&s->show_lock);
}

/* Gets candidate slot->at (and requests the next one), runs fn on it. */
static bool one_sample(Run *run, Slot *slot, int worker)
{
	AxcSamples *s = run->s;
	int64_t i = slot->current = slot->at;
	if (s->cfg->stop && *s->cfg->stop)
		return axc_samples_stopped(s, &slot->d);
	AxcTake got;
	if (s->source->ordered) {
		pthread_mutex_lock(&s->lock);
		slot->locked = true;
		i = slot->current = slot->at = take(run);
		got = i < 0 ? AXC_TAKE_UNUSABLE : s->source->receive(s, &slot->d, worker, i, &slot->inputs);
		slot->locked = false;
		pthread_mutex_unlock(&s->lock);
	} else {
		got = s->source->receive(s, &slot->d, worker, i, &slot->inputs);
		slot->at = got == AXC_TAKE_FAILED ? i : take(run);
		if (got != AXC_TAKE_FAILED && slot->at >= 0 && s->source->request &&
		    !s->source->request(s, &slot->d, worker, slot->at))
			return false;
	}
	if (got != AXC_TAKE_OK)
		return got == AXC_TAKE_UNUSABLE;
	AxcSample sample = {i, s->source->name(s, slot->arena, i), (const void *const *)slot->inputs.at};
	bool ok = run->fn(run->ctx, &sample, worker, &slot->d);
	if (ok)
		show_progress(run);
	return ok;
}

static bool next_sample(Run *run, Slot *slot, int worker)
{
	const AxcSource *source = run->s->source;
	if (!slot->busy && !source->ordered) {
		slot->busy = true;
		slot->at = slot->current = take(run);
		if (slot->at >= 0 && source->request &&
		    !source->request(run->s, &slot->d, worker, slot->at))
			return false;
	}
	return (slot->at < 0 && !source->ordered) || one_sample(run, slot, worker);
}

/* One sample in an arena of its own; false: this thread is done. */
static bool guarded_sample(Run *run, Slot *slot, int worker)
{
	if (setjmp(slot->oom) || !(slot->arena = axc_arena_new(&slot->oom))) {
		if (slot->locked)
			pthread_mutex_unlock(&run->s->lock);
		slot->out_of_memory = true;
		note_failure(run, slot, slot->at);
		return false;
	}
	axc_diag_init(&slot->d, slot->arena);
	slot->d.stage = run->d->stage;
	slot->d.stage_status = run->d->stage_status;
	slot->d.sink = sink;
	slot->d.sink_ctx = run;
	if (!next_sample(run, slot, worker)) {
		note_failure(run, slot, slot->current);
		return false;
	}
	axc_arena_free(slot->arena);
	slot->arena = NULL;
	return slot->at >= 0;
}

static void thread_main(void *ctx, int64_t i, int worker)
{
	(void)worker;
	Run *run = ctx;
	Slot *slot = &run->slots[i];
	while (guarded_sample(run, slot, (int)i))
		continue;
}

/* ---- a run ---- */

static void free_slots(Slot *slots, int jobs)
{
	for (int i = 0; i < jobs; i++) {
		axc_arena_free(slots[i].arena);
		slots[i].arena = NULL;
	}
}

/* With the arena of the samples: memory may have run out in the middle of a round. */
static void free_slots_later(void *samples)
{
	AxcSamples *s = samples;
	if (s->slots)
		free_slots(s->slots, s->jobs);
}

/* The error of the first failing candidate becomes the caller's. */
static void copy_error(AxcDiag *d, const AxcDiag *from)
{
	const AxcError *e = &from->error;
	axc_fail_at(d, e->status, e->file, e->line, "%s", e->message);
	axc_diag_node(d, e->node, e->op);
	axc_diag_shapes(d, e->found, e->wanted);
	if (e->hint)
		axc_diag_hint(d, "%s", e->hint);
	if (e->traceback)
		axc_diag_traceback(d, e->traceback);
}

static bool one_round(Run *run, AxcDiag *d, int jobs, int64_t first, int64_t n)
{
	for (int i = 0; i < jobs; i++) {
		AxcInputs inputs = run->slots[i].inputs;
		run->slots[i] = (Slot){.inputs = inputs, .at = -1, .failed = -1};
	}
	run->end = first + n;
	atomic_store(&run->next, first);
	axc_parallel(jobs, jobs, thread_main, run);
	Slot *failed = NULL;
	bool oom = false;
	for (int i = 0; i < jobs; i++) {
		Slot *slot = &run->slots[i];
		oom = oom || slot->out_of_memory;
		if (slot->failed >= 0 && (!failed || slot->failed < failed->failed))
			failed = slot;
	}
	if (failed && !oom)
		copy_error(d, &failed->d);
	free_slots(run->slots, jobs);
	if (failed)
		close_samples(run->s, false);
	if (oom)
		axc_out_of_memory(run->s->arena);
	return !failed;
}

/* Made once: a run needs them all again. */
static Slot *slots_of(AxcSamples *s)
{
	if (s->slots)
		return s->slots;
	Slot *slots = AXC_NEW_ARRAY(s->arena, Slot, (size_t)s->jobs);
	for (int i = 0; i < s->jobs; i++) {
		slots[i].inputs.at = AXC_NEW_ARRAY(s->arena, void *, s->n_inputs);
		for (uint32_t k = 0; k < s->n_inputs; k++)
			slots[i].inputs.at[k] = axc_alloc(s->arena, s->bytes[k] + AXK_SLACK + 64);
	}
	axc_arena_defer(s->arena, free_slots_later, s);
	return s->slots = slots;
}

static bool none_usable(const AxcSamples *s, AxcDiag *d)
{
	axc_fail(d, "no readable image in '%s': %lld file%s tried, the first is %s",
	         axc_safe_name(d->arena, s->cfg->imageset), (long long)s->n_unusable,
	         s->n_unusable == 1 ? "" : "s", s->first_reason);
	return axc_diag_hint(d, "give a directory of images to --imageset%s",
	                     s->cfg->reader == AXC_READER_PIL ? ", or read them with --imreader-backend OPENCV"
	                                                      : ", or read them with --imreader-backend PIL");
}

static void warn_late(AxcSamples *s, AxcDiag *d)
{
	if (s->late_warning[0])
		axc_warn(d, "%s", s->late_warning);
	s->late_warning[0] = 0;
	if (s->n_unusable > s->n_warned)
		axc_warn(d, "skipped %lld file%s of the image set that %s no readable image%s, the first is %s",
		         (long long)s->n_unusable, s->n_unusable == 1 ? "" : "s",
		         s->n_unusable == 1 ? "is" : "are", s->n_unusable == 1 ? "" : "s", s->first_reason);
	s->n_warned = s->n_unusable;
}

bool axc_samples_run(AxcSamples *s, AxcDiag *d, int64_t want, int jobs, AxcSampleFn *fn, void *ctx,
                     int64_t *ret_used)
{
	jobs = jobs > 0 ? AXC_MIN(jobs, s->jobs) : s->jobs;
	want = want > 0 ? AXC_MIN(want, s->limit) : s->limit;
	jobs = (int)AXC_MAX(1, AXC_MIN((int64_t)jobs, want));
	if (s->closed)
		return axc_fail(d, "the calibration samples were closed before they were read");
	Run run = {.s = s, .d = d, .fn = fn, .ctx = ctx, .total = want, .started = axc_samples_clock()};
	run.slots = slots_of(s);
	atomic_init(&run.failed, INT64_MAX);
	bool ok = true;
	for (int64_t first = 0; ok && first < s->n;) {
		int64_t n = AXC_MIN(want - atomic_load(&run.used), s->n - first);
		if (n == 0)
			break;
		ok = one_round(&run, d, jobs, first, n);
		first += n;
	}
	if (!ok)
		return false;
	warn_late(s, d);
	if (atomic_load(&run.used) == 0)
		return none_usable(s, d);
	if (ret_used)
		*ret_used = atomic_load(&run.used);
	return true;
}

typedef struct Copy {
	const AxcSamples *s;
	void *const *to;
} Copy;

static bool copy_sample(void *ctx, const AxcSample *sample, int worker, AxcDiag *d)
{
	(void)worker;
	(void)d;
	const Copy *copy = ctx;
	for (uint32_t k = 0; k < copy->s->n_inputs; k++)
		memcpy(copy->to[k], sample->inputs[k], copy->s->bytes[k]);
	return true;
}

bool axc_samples_read(AxcSamples *s, AxcDiag *d, int64_t i, void *const *inputs)
{
	Copy copy = {s, inputs};
	if (s->closed)
		return axc_fail(d, "the calibration samples were closed before they were read");
	if (i < s->read_i)
		s->read_i = s->read_candidate = 0;
	while (s->read_candidate < s->n) {
		Run run = {.s = s, .d = d, .fn = copy_sample, .ctx = &copy, .slots = slots_of(s), .total = 1, .quiet = true};
		atomic_init(&run.failed, INT64_MAX);
		if (!one_round(&run, d, 1, s->read_candidate, 1))
			return false;
		s->read_candidate++;
		if (atomic_load(&run.used) && s->read_i++ == i)
			return true;
	}
	if (s->read_i == 0)
		return none_usable(s, d);
	return axc_fail(d, "sample %lld was asked for, and there are %lld", (long long)i, (long long)s->read_i);
}
