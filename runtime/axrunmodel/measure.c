/* The frame loop of a lane. Device time is measured by the runtime around the entry point, host time adds
 * the copies of the frame's data here, system time is the wall clock over all. */
#include "axrunmodel.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

volatile int stop_requested;

uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
	while (!stop_requested && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* When there are too many, keeps every second one and takes half as many from now on. */
static void add_sample(Lane *lane, uint64_t call, Sample sample)
{
	if (call % lane->stride)
		return;
	if (lane->num_samples == lane->max_samples) {
		lane->num_samples /= 2;
		for (size_t i = 0; i < lane->num_samples; i++)
			lane->samples[i] = lane->samples[2 * i];
		lane->stride *= 2;
		if (call % lane->stride)
			return;
	}
	lane->samples[lane->num_samples++] = sample;
}

typedef struct Loop {
	Lane *lane;
	const Plan *plan;
	const Frames *f;
	const Limits *limits;
	axrContext *context;
	axrModelInstance *instance;
	Buffers buffers;
	axrxRunInfo info;
	bool counting;      /* the warm-up is over */
	uint64_t last_call; /* double_buffer: whose results are still to come */
	uint64_t last_start, last_load_ns;
} Loop;

/* The results of a call are there: whose inputs were loaded in load_ns, from `start` on. */
static bool take_results(Loop *l, uint64_t call, uint64_t start, uint64_t load_ns, uint64_t run_ns)
{
	const Plan *plan = l->plan;
	Lane *lane = l->lane;
	if (!l->counting)
		return true;
	uint64_t begin = now_ns(), first = call * plan->frames_per_run;
	if (!buffers_store(&l->buffers, l->f, plan, call))
		return false;
	lane->device_ns += l->info.device_ns;
	lane->host_ns += load_ns + run_ns + (now_ns() - begin);
	uint64_t limit = l->limits->frames;
	lane->frames += limit && limit - first < plan->frames_per_run ? limit - first : plan->frames_per_run;
	add_sample(lane, lane->calls, (Sample){start, l->info.device_ns});
	if (lane->profile.rows)
		profile_add(&lane->profile, lane->calls, l->info.layer_ns, plan->frames_per_run);
	lane->calls++;
	return true;
}

static bool failed(Loop *l)
{
	return complain("%s", axr_last_error_string(AXR_OBJECT(l->context)));
}

static bool run_call(Loop *l, uint64_t call)
{
	Buffers *b = &l->buffers;
	uint64_t start = now_ns();
	buffers_load(b, l->f, l->plan, call);
	uint64_t loaded = now_ns();
	if (axrx_run_model_instance(l->instance, b->in_args, b->num_in, b->out_args, b->num_out, &l->info) != AXR_SUCCESS)
		return failed(l);
	uint64_t done = now_ns();
	bool ok = true;
	if (l->info.has_result && l->plan->double_buffer)
		ok = take_results(l, l->last_call, l->last_start, l->last_load_ns, l->info.device_ns);
	else if (l->info.has_result)
		ok = take_results(l, call, start, loaded - start, done - loaded);
	l->last_call = call;
	l->last_start = start;
	l->last_load_ns = loaded - start;
	return ok;
}

/* What the runtime still holds of the last call. */
static bool finish(Loop *l)
{
	if (axrx_finish(l->instance, l->buffers.out_args, l->buffers.num_out, &l->info) != AXR_SUCCESS)
		return failed(l);
	return !l->info.has_result || take_results(l, l->last_call, l->last_start, l->last_load_ns, l->info.device_ns);
}

static bool loop(Loop *l)
{
	const Limits *limits = l->limits;
	Lane *lane = l->lane;
	uint64_t calls = limits->frames / l->plan->frames_per_run + (limits->frames % l->plan->frames_per_run != 0);
	l->counting = true;
	lane->begin_ns = lane->end_ns = now_ns();
	for (uint64_t i = lane->index; !stop_requested && (!limits->frames || i < calls); i += l->plan->lanes) {
		if (limits->period_ns)
			sleep_until(lane->begin_ns + i * l->plan->frames_per_run * limits->period_ns);
		if (!run_call(l, i))
			return false;
		lane->end_ns = now_ns();
		if (lane->end_ns - lane->begin_ns >= limits->ns)
			break;
	}
	if (!finish(l))
		return false;
	lane->end_ns = now_ns();
	lane->interrupted = stop_requested;
	return true;
}

static bool warm_up(Loop *l)
{
	for (int i = 0; i < WARM_UP_FRAMES && !stop_requested; i++) {
		if (!run_call(l, 0))
			return false;
	}
	return finish(l);
}

bool run_lane(Lane *lane, const Plan *plan, const Frames *f, const Limits *limits, axrContext *context,
              axrModelInstance *instance, bool (*start)(void *ctx), void *ctx)
{
	Loop l = {.lane = lane, .plan = plan, .f = f, .limits = limits, .context = context, .instance = instance};
	bool ok = buffers_open(&l.buffers, f, plan);
	if (ok && lane->profile.rows) {
		l.info.num_layers = lane->profile.num_layers;
		l.info.layer_ns = calloc(l.info.num_layers + 1, sizeof *l.info.layer_ns);
		if (!l.info.layer_ns)
			ok = complain("no memory for %zu layers", l.info.num_layers);
	}
	ok = ok && warm_up(&l) && start(ctx) && loop(&l);
	free(l.info.layer_ns);
	buffers_close(&l.buffers);
	return ok;
}
