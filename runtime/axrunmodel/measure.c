/* The frame loop. Device time is measured by the runtime around the entry point, host time here with the
 * copies of the frame's data, system time by the wall clock over all. */
#include "axrunmodel.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
	while (!stop && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* When there are too many, keeps every second one and takes half as many from now on. */
static void add_sample(Measure *m, uint64_t frame, Sample sample)
{
	if (frame % m->stride)
		return;
	if (m->num_samples == MAX_SAMPLES) {
		m->num_samples /= 2;
		for (size_t i = 0; i < m->num_samples; i++)
			m->samples[i] = m->samples[2 * i];
		m->stride *= 2;
		if (frame % m->stride)
			return;
	}
	m->samples[m->num_samples++] = sample;
}

static bool run_frame(Frames *f, axrContext *context, axrModelInstance *instance, uint64_t frame)
{
	frames_load(f, frame);
	if (axr_run_model_instance(instance, f->in_args, f->num_in, f->out_args, f->num_out) == AXR_SUCCESS)
		return true;
	return complain("%s", axr_last_error_string(AXR_OBJECT(context)));
}

static bool loop(Measure *m, Frames *f, const Options *o, axrContext *context, axrModelInstance *instance,
                 uint64_t max_frames)
{
	bool store = o->output_dir != NULL;
	uint64_t max_ns = max_frames ? UINT64_MAX : (uint64_t)(o->seconds * 1e9);
	uint64_t period = o->throttle_fps > 0 ? (uint64_t)(1e9 / o->throttle_fps) : 0;
	uint64_t device = 0, host = 0, first = now_ns(), end = first;
	if (max_frames && o->seconds_given)
		max_ns = (uint64_t)(o->seconds * 1e9);
	for (uint64_t i = 0; !stop && (!max_frames || i < max_frames); i++) {
		if (period)
			sleep_until(first + i * period);
		uint64_t start = now_ns();
		if (!run_frame(f, context, instance, i))
			return false;
		if (store && i < f->distinct && !frames_store(f))
			return false;
		end = now_ns();
		uint64_t ns = axrx_device_ns(instance);
		device += ns;
		host += end - start;
		m->frames++;
		add_sample(m, i, (Sample){start - first, ns});
		if (end - first >= max_ns)
			break;
	}
	m->seconds = (double)(end - first) * 1e-9;
	m->device_seconds = (double)device * 1e-9;
	m->host_seconds = (double)host * 1e-9;
	return true;
}

bool measure(Measure *m, Frames *f, const Options *o, axrContext *context, axrModelInstance *instance)
{
	uint64_t max_frames = o->frames;
	if (max_frames == 0 && !o->seconds_given && o->num_inputs > 0)
		max_frames = f->distinct;
	uint64_t written = max_frames && max_frames < f->distinct ? max_frames : f->distinct;
	m->stride = 1;
	m->samples = malloc(MAX_SAMPLES * sizeof *m->samples);
	if (!m->samples)
		return complain("no memory for the measurements");
	if (o->output_dir && !frames_create_outputs(f, o, written))
		return false;
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	for (int i = 0; i < WARM_UP_FRAMES && !stop; i++) {
		if (!run_frame(f, context, instance, 0))
			return false;
	}
	axrx_reset_layer_ns(instance);
	if (!loop(m, f, o, context, instance, max_frames))
		return false;
	/* time ran out before every frame had its turn: the files would be short */
	if (!stop && o->output_dir && m->frames < written)
		return complain("--seconds: only %llu of %llu frames were run, no output was written",
		                (unsigned long long)m->frames, (unsigned long long)written);
	m->interrupted = stop;
	return true;
}
