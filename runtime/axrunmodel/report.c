/* What axrunmodel prints: text for people or one JSON object. */
#include "axrunmodel.h"

#include <jansson.h>
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

static json_t *outputs_json(const Frames *f)
{
	json_t *list = json_array();
	for (size_t i = 0; i < f->num_out; i++) {
		const Output *out = &f->out[i];
		json_t *shape = json_array();
		for (size_t d = 0; d < out->tensor.ndims; d++)
			json_array_append_new(shape, json_integer((json_int_t)out->tensor.dims[d]));
		char *path = out->path ? realpath(out->path, NULL) : NULL; /* absolute, to be opened from anywhere */
		json_t *file = path ? json_string(path) : json_null();
		free(path);
		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:s}", "name", out->tensor.name, "file", file,
		                                      "shape", shape, "dtype", out->tensor.dtype));
	}
	return list;
}

static json_t *profile_json(const Measure *m, axrModel *model)
{
	json_t *list = json_array();
	for (size_t i = 0; i < m->num_layers; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:f}", "name", axrx_layer_name(model, i), "kernel",
		                                      axrx_layer_kernel(model, i), "us", m->layer_us[i]));
	return list;
}

bool report_json(const Measure *m, const Frames *f, const Plan *plan, axrModel *model)
{
	const axrxModelInfo *info = &plan->model;
	Latency l = latency(m);
	json_t *root = json_pack(
		"{s:s, s:s, s:s, s:i, s:s, s:i, s:b, s:b, s:b, s:I, s:f, s:f, s:f, s:f, s:{s:f, s:f, s:f}, s:I, s:I, s:I, s:o}",
		"model", info->name, "target", info->target, "io", f->io == AXRX_INT8 ? "int8" : "float", "cores",
		(int)plan->cores, "multicore_mode", info->multicore_mode, "frames_per_run", (int)plan->frames_per_run,
		"double_buffer", plan->double_buffer, "input_dmabuf", plan->input_dmabuf, "output_dmabuf",
		plan->output_dmabuf, "frames", (json_int_t)m->frames, "seconds", m->seconds, "device_fps",
		per_second(m->frames, m->device_seconds), "host_fps", per_second(m->frames, m->host_seconds), "system_fps",
		per_second(m->frames, m->seconds), "latency_ms", "min", l.min, "median", l.median, "p99", l.p99,
		"workspace_bytes", (json_int_t)m->workspace_bytes, "buffer_bytes", (json_int_t)m->buffer_bytes,
		"const_bytes", (json_int_t)info->const_bytes, "outputs", outputs_json(f));
	if (m->layer_us) {
		json_object_set_new(root, "layers", profile_json(m, model));
		json_object_set_new(root, "profile", json_pack("{s:I, s:f}", "samples", (json_int_t)m->profile_samples, "drop",
		                                               info->profiling_drop_percentile));
	}
	bool ok = root && json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0;
	putchar('\n');
	json_decref(root);
	return ok || complain("cannot write the report");
}
