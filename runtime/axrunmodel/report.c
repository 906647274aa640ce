/* What axrunmodel prints: text for people or one JSON object. */
#include "axrunmodel.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum { CHART_ROWS = 20, CHART_COLUMNS = 60 };

static double per_second(uint64_t frames, double seconds)
{
	return seconds > 0 ? (double)frames / seconds : 0;
}

typedef struct Latency {
	double min, median, p99; /* ms */
} Latency;

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Sorted device times; NULL when there are none. Freed by the caller. */
static uint64_t *sorted_times(const Measure *m)
{
	uint64_t *times = m->num_samples ? malloc(m->num_samples * sizeof *times) : NULL;
	for (size_t i = 0; times && i < m->num_samples; i++)
		times[i] = m->samples[i].device_ns;
	if (times)
		qsort(times, m->num_samples, sizeof *times, compare);
	return times;
}

static Latency latency(const Measure *m)
{
	Latency l = {0};
	uint64_t *times = sorted_times(m);
	size_t n = m->num_samples;
	if (times) {
		l.min = (double)times[0] * 1e-6;
		l.median = ((double)times[(n - 1) / 2] + (double)times[n / 2]) * 0.5e-6;
		l.p99 = (double)times[(n * 99 + 99) / 100 - 1] * 1e-6;
	}
	free(times);
	return l;
}

/* Names come from hostile files: nothing but plain characters reaches the terminal. */
static void print_name(const char *name, int width)
{
	int n = 0;
	for (; *name && n < 200; name++) {
		unsigned char c = (unsigned char)*name;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		             strchr("_.:/-", c);
		n += plain ? printf("%c", c) : printf("\\x%02x", c);
	}
	printf("%*s", n < width ? width - n : 0, "");
}

static void print_row(const char *label, double value, double max)
{
	int n = max > 0 ? (int)(value / max * CHART_COLUMNS + 0.5) : 0;
	printf("%s |", label);
	for (int i = 0; i < n; i++)
		putchar('#');
	printf(" %.6g\n", value);
}

/* Distribution of the single frames' speed (1 / device time). */
static void print_histogram(const Measure *m)
{
	uint64_t *times = sorted_times(m);
	if (!times)
		return;
	double low = 1e9 / (double)(times[m->num_samples - 1] + 1), high = 1e9 / (double)(times[0] + 1);
	double width = (high - low) / CHART_ROWS, counts[CHART_ROWS] = {0}, max = 0;
	for (size_t i = 0; i < m->num_samples; i++) {
		double fps = 1e9 / (double)(times[i] + 1);
		int row = width > 0 ? (int)((fps - low) / width) : 0;
		row = row < 0 ? 0 : row >= CHART_ROWS ? CHART_ROWS - 1 : row;
		counts[row] += (double)m->stride;
	}
	for (int i = 0; i < CHART_ROWS; i++)
		max = counts[i] > max ? counts[i] : max;
	printf("\nframes by device FPS\n");
	for (int i = 0; i < CHART_ROWS; i++) {
		char label[32];
		snprintf(label, sizeof label, "%12.1f", low + width * i);
		print_row(label, counts[i], max);
	}
	free(times);
}

/* System FPS in slices of the run. */
static void print_bar_chart(const Measure *m)
{
	double slice = m->seconds / CHART_ROWS, counts[CHART_ROWS] = {0}, max = 0;
	if (!(slice > 0))
		return;
	for (size_t i = 0; i < m->num_samples; i++) {
		int row = (int)((double)m->samples[i].start_ns * 1e-9 / slice);
		counts[row >= CHART_ROWS ? CHART_ROWS - 1 : row] += (double)m->stride;
	}
	for (int i = 0; i < CHART_ROWS; i++)
		max = counts[i] > max ? counts[i] : max;
	printf("\nsystem FPS over time (seconds)\n");
	for (int i = 0; i < CHART_ROWS; i++) {
		char label[32];
		snprintf(label, sizeof label, "%8.3f", slice * i);
		print_row(label, counts[i] / slice, max / slice);
	}
}

static void print_profile(const Measure *m, const Plan *plan, axrModel *model)
{
	double total = 0, drop = plan->model.profiling_drop_percentile;
	for (size_t i = 0; i < m->num_layers; i++)
		total += m->layer_us[i];
	printf("\nper layer, mean of %zu samples without %.4g %% at either end (profiling_drop_percentile %.4g)\n",
	       m->profile_samples, drop * 50, drop);
	printf("%10s %6s  %-36s %s\n", "us/frame", "%", "layer", "kernel");
	for (size_t i = 0; i < m->num_layers; i++) {
		double us = m->layer_us[i];
		printf("%10.2f %6.2f  ", us, total > 0 ? us / total * 100 : 0);
		print_name(axrx_layer_name(model, i), 36);
		putchar(' ');
		print_name(axrx_layer_kernel(model, i), 0);
		putchar('\n');
	}
}

static void print_work(const Plan *plan)
{
	if (plan->cores == 1)
		return;
	printf("multicore mode %s", plan->model.multicore_mode);
	if (plan->lanes > 1)
		printf(": %u %s", plan->lanes, plan->processes ? "processes" : "threads that bring frames");
	if (plan->frames_per_run > 1)
		printf(": %u frames per call", plan->frames_per_run);
	putchar('\n');
}

void report_text(const Measure *m, const Frames *f, const Options *o, const Plan *plan, axrModel *model)
{
	const axrxModelInfo *info = &plan->model;
	Latency l = latency(m);
	print_name(info->name, 0);
	printf(": target ");
	print_name(info->target, 0);
	printf(", %s input and output, %u core%s\n", f->io == AXRX_INT8 ? "int8" : "float", plan->cores,
	       plan->cores == 1 ? "" : "s");
	print_work(plan);
	printf("%llu frames in %.3f s; workspace %zu bytes, constants %zu bytes", (unsigned long long)m->frames,
	       m->seconds, m->workspace_bytes, info->const_bytes);
	if (m->buffer_bytes)
		printf(", double buffers %zu bytes", m->buffer_bytes);
	printf("\nlatency%s: min %.4f ms, median %.4f ms, 99 %% below %.4f ms\n",
	       plan->frames_per_run > 1 ? " of a call" : "", l.min, l.median, l.p99);
	printf("Device FPS: %.1f\n", per_second(m->frames, m->device_seconds));
	printf("Host FPS: %.1f\n", per_second(m->frames, m->host_seconds));
	printf("System FPS: %.1f\n", per_second(m->frames, m->seconds));
	for (size_t i = 0; i < f->num_out && f->out[i].path && !m->interrupted; i++)
		printf("wrote %s\n", f->out[i].path);
	if (m->layer_us)
		print_profile(m, plan, model);
	if (o->histogram)
		print_histogram(m);
	if (o->bar_chart)
		print_bar_chart(m);
}

/* ---- as JSON ---- */

static void outputs_json(AxcJsonOut *j, const Frames *f)
{
	axc_json_array(j, "outputs");
	for (size_t i = 0; i < f->num_out; i++) {
		const Output *out = &f->out[i];
		char *path = out->path ? realpath(out->path, NULL) : NULL; /* absolute, to be opened from anywhere */
		axc_json_object(j, NULL);
		axc_json_str(j, "name", out->tensor.name);
		axc_json_str(j, "file", path);
		axc_json_row(j, "shape");
		for (size_t d = 0; d < out->tensor.ndims; d++)
			axc_json_uint(j, NULL, out->tensor.dims[d]);
		axc_json_end(j);
		axc_json_str(j, "dtype", out->tensor.dtype);
		axc_json_end(j);
		free(path);
	}
	axc_json_end(j);
}

static void profile_json(AxcJsonOut *j, const Measure *m, axrModel *model, double drop)
{
	axc_json_array(j, "layers");
	for (size_t i = 0; i < m->num_layers; i++) {
		axc_json_object_row(j, NULL);
		axc_json_str(j, "name", axrx_layer_name(model, i));
		axc_json_str(j, "kernel", axrx_layer_kernel(model, i));
		axc_json_double(j, "us", m->layer_us[i]);
		axc_json_end(j);
	}
	axc_json_end(j);
	axc_json_object(j, "profile");
	axc_json_uint(j, "samples", m->profile_samples);
	axc_json_double(j, "drop", drop);
	axc_json_end(j);
}

static void plan_json(AxcJsonOut *j, const Plan *plan, axrxIo io)
{
	axc_json_str(j, "model", plan->model.name);
	axc_json_str(j, "target", plan->model.target);
	axc_json_str(j, "io", io == AXRX_INT8 ? "int8" : "float");
	axc_json_uint(j, "cores", plan->cores);
	axc_json_str(j, "multicore_mode", plan->model.multicore_mode);
	axc_json_uint(j, "frames_per_run", plan->frames_per_run);
	axc_json_bool(j, "double_buffer", plan->double_buffer);
	axc_json_bool(j, "input_dmabuf", plan->input_dmabuf);
	axc_json_bool(j, "output_dmabuf", plan->output_dmabuf);
}

static void measure_json(AxcJsonOut *j, const Measure *m, const axrxModelInfo *info)
{
	Latency l = latency(m);
	axc_json_uint(j, "frames", m->frames);
	axc_json_double(j, "seconds", m->seconds);
	axc_json_double(j, "device_fps", per_second(m->frames, m->device_seconds));
	axc_json_double(j, "host_fps", per_second(m->frames, m->host_seconds));
	axc_json_double(j, "system_fps", per_second(m->frames, m->seconds));
	axc_json_object(j, "latency_ms");
	axc_json_double(j, "min", l.min);
	axc_json_double(j, "median", l.median);
	axc_json_double(j, "p99", l.p99);
	axc_json_end(j);
	axc_json_uint(j, "workspace_bytes", m->workspace_bytes);
	axc_json_uint(j, "buffer_bytes", m->buffer_bytes);
	axc_json_uint(j, "const_bytes", info->const_bytes);
}

static bool write_json(AxcArena *arena, const Measure *m, const Frames *f, const Plan *plan, axrModel *model)
{
	AxcText text = {.arena = arena};
	AxcJsonOut j = axc_json(&text);
	axc_json_object(&j, NULL);
	plan_json(&j, plan, f->io);
	measure_json(&j, m, &plan->model);
	outputs_json(&j, f);
	if (m->layer_us)
		profile_json(&j, m, model, plan->model.profiling_drop_percentile);
	axc_json_end(&j);
	return fwrite(text.at, 1, text.n, stdout) == text.n && fflush(stdout) == 0;
}

bool report_json(const Measure *m, const Frames *f, const Plan *plan, axrModel *model)
{
	jmp_buf oom;
	AxcArena *arena = axc_arena_new(&oom);
	bool ok = arena && setjmp(oom) == 0 && write_json(arena, m, f, plan, model);
	axc_arena_free(arena);
	return ok || complain("cannot write the report");
}
