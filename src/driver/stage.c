/* One stage of a run: what an error in it means, how long it took, how much memory it needed, and the
 * report's copy on disk brought up to date before it begins. */
#include "driver/run.h"

#include <stdlib.h>

static double seconds_between(const struct timespec *a, const struct timespec *b)
{
	return (double)(b->tv_sec - a->tv_sec) + (double)(b->tv_nsec - a->tv_nsec) * 1e-9;
}

double axc_run_seconds(const AxcRun *run)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return seconds_between(&run->started, &now);
}

/* The highest resident size since the last reset (proc(5): clear_refs, VmHWM). */
static void reset_peak(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "we");
	if (f) {
		fputs("5", f);
		fclose(f);
	}
}

static uint64_t peak_bytes(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long kib = 0;
	char line[256];
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "VmHWM: %llu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * 1024;
}

bool axc_run_journal(void *ctx)
{
	AxcRun *run = ctx;
	if (!run->has_out)
		return true;
	AxcText text = {.arena = run->keep};
	run->report.finished = false;
	run->report.status = run->d.failed ? run->d.error.status : run->d.stage_status;
	run->report.seconds = axc_run_seconds(run);
	axc_report_compilation(&run->report, &text);
	return axc_write_file(&run->d, axc_outdir_path(&run->out, "compilation_report.json"), text.at, text.n);
}

bool axc_stage(AxcRun *run, const char *name, AxcStatus status, bool (*fn)(AxcRun *run))
{
	run->d.stage = name;
	run->d.stage_status = status;
	axc_log(&run->d, AXC_DEBUG, "stage %s", name);
	if (!axc_run_journal(run))
		return false;
	double start = axc_run_seconds(run);
	double start_ms = axc_pass_now_ms();
	axc_map_forget(run->arena); /* weights of a file count for the stages that read them */
	reset_peak();
	bool ok = fn(run);
	run->trace.arena = run->keep;
	axc_pass_trace_add(&run->trace, name, "compile", start_ms, axc_pass_now_ms());
	if (!ok && !run->d.failed)
		axc_fail(&run->d, "the stage %s failed without saying why", name);
	AxcReportStage s = {name, axc_run_seconds(run) - start, peak_bytes()};
	AXC_PUSH(run->keep, &run->report.stages, s);
	axc_log(&run->d, AXC_DEBUG, "stage %s: %.3f s, %.1f MB at most", name, s.seconds,
	        (double)s.peak_bytes / 1e6);
	return ok;
}

void axc_run_note(AxcRun *run, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const char *text = axc_vformat(run->keep, format, args);
	va_end(args);
	AXC_PUSH(run->keep, &run->report.notes, text);
	axc_log(&run->d, AXC_INFO, "%s", text);
}

/* ---- dumps ---- */

bool axc_run_dumps(const AxcRun *run, const char *stage)
{
	const char *which = AXC_OPT_TEXT_OF(&run->opt, dump_after);
	return which && run->has_out && (strcmp(which, "all") == 0 || strcmp(which, stage) == 0);
}

bool axc_run_dump_text(AxcRun *run, const char *stage, const AxcText *text)
{
	const char *name = axc_format(run->keep, "dumps/%s.txt", stage);
	return axc_make_dir(&run->d, axc_outdir_path(&run->out, "dumps")) &&
	       axc_outdir_write(&run->out, &run->d, name, text->at, text->n, false);
}

bool axc_run_dump_graph(AxcRun *run, const char *stage, const AxcGraph *g)
{
	AxcText text = {.arena = run->arena}, blob = {.arena = run->arena};
	if (!axc_run_dumps(run, stage))
		return true;
	axc_graph_print(g, &text, &blob);
	return axc_run_dump_text(run, stage, &text) &&
	       (!blob.n || axc_outdir_write(&run->out, &run->d, axc_format(run->keep, "dumps/%s.bin", stage), blob.at,
	                                    blob.n, false));
}
