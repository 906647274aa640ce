/* A run from the command line to the exit code: what is asked for, whether it may have its output
 * directory, and how it ends. */
#include "driver/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

/* ---- ending ---- */

static int exit_code(const AxcRun *run)
{
	if (!run->d.failed)
		return AXC_EXIT_DONE;
	return run->d.error.status == AXC_INITIALIZE_CLI_ERROR ? AXC_EXIT_INITIALIZE : AXC_EXIT_ERROR;
}

static bool write_report(AxcRun *run, AxcDiag *d)
{
	AxcText text = {.arena = run->keep};
	run->report.finished = true;
	run->report.status = run->d.failed ? run->d.error.status : AXC_SUCCEEDED;
	run->report.seconds = axc_run_seconds(run);
	axc_report_compilation(&run->report, &text);
	return axc_write_file(d, axc_outdir_path(&run->out, "compilation_report.json"), text.at, text.n);
}

/* A run that failed leaves no compiled_model/, even if it failed behind it. */
static void withdraw(AxcRun *run)
{
	if (run->published)
		axc_outdir_withdraw(&run->out, "compiled_model");
	run->published = false;
}

static void close_directory(AxcRun *run)
{
	AxcDiag own = run->d;
	own.failed = false;
	axc_outdir_sweep(&run->out);
	if (run->d.failed)
		withdraw(run);
	if (write_report(run, &own))
		return;
	/* one message: that the report cannot be written either tells nothing new about a failed run */
	axc_log(&run->d, run->d.failed ? AXC_DEBUG : AXC_ERROR, "the report: %s", own.error.message);
	if (!run->d.failed)
		run->d = own;
	withdraw(run); /* that may have made room */
	own.failed = false;
	if (!write_report(run, &own))
		axc_log(&run->d, AXC_DEBUG, "the report: %s", own.error.message);
}

/* Everything told, temporary files gone, report written. */
static int finish(AxcRun *run)
{
	run->log.progress = false;
	axc_log_progress(&run->log, "", 0, 0, 0, 0);
	axc_log_errors(&run->log, &run->d);
	if (run->has_out)
		close_directory(run);
	axc_log(&run->d, AXC_DEBUG, "exit code %d", exit_code(run));
	axc_log_close(&run->log);
	return exit_code(run);
}

static int usage_error(AxcRun *run)
{
	AxcText text = {.arena = run->keep};
	axc_log_errors(&run->log, &run->d);
	axc_options_usage(&text);
	fputs(text.at, stderr);
	return AXC_EXIT_INITIALIZE;
}

/* ---- what is asked for ---- */

static void start_log(AxcRun *run)
{
	AxcLevel level = AXC_INFO;
	const char *text = AXC_OPT_TEXT_OF(&run->opt, log_level);
	bool progress = !AXC_OPT(&run->opt, progress)->given || AXC_OPT(&run->opt, progress)->flag;
	if (text && axc_level_parse(text, &level))
		run->log.least_in_file = AXC_MIN(level, AXC_DEBUG);
	run->log.least = AXC_OPT_ON(&run->opt, quiet) ? AXC_ERROR : level;
	run->log.verbose = AXC_OPT_ON(&run->opt, verbose);
	run->log.progress = progress && isatty(2) && run->log.least <= AXC_INFO;
}

static bool has_ending(const char *path, const char *ending)
{
	size_t n = strlen(path), m = strlen(ending);
	return n > m && strcasecmp(path + n - m, ending) == 0;
}

static bool choose_mode(AxcRun *run)
{
	const char *mode = AXC_CFG_TEXT(&run->cfg, compiler_mode);
	bool manifest = has_ending(run->input, ".json");
	bool asked = AXC_OPT(&run->opt, quantize_only)->given;
	bool only = asked ? AXC_OPT_ON(&run->opt, quantize_only) : strcmp(mode, "quantize_only") == 0;
	if (!manifest && !has_ending(run->input, ".onnx")) {
		axc_fail(&run->d, "the input '%s' is neither an .onnx file nor a quantized_model_manifest.json",
		         axc_safe_name(run->keep, run->input));
		return axc_diag_hint(&run->d, "an ONNX model's file name ends with .onnx");
	}
	if (manifest && only) {
		axc_fail(&run->d, "the input '%s' is quantized already; %s wants an .onnx file",
		         axc_safe_name(run->keep, run->input), asked ? "--quantize-only" : "compiler_mode quantize_only");
		return axc_diag_hint(&run->d, "--no-quantize-only takes precedence over what --conf and --cli-args say");
	}
	if (!manifest && strcmp(mode, "lower_only") == 0)
		return axc_fail(&run->d, "compiler_mode lower_only wants a quantized_model_manifest.json as input, "
		                "found '%s'", axc_safe_name(run->keep, run->input));
	if (manifest && AXC_OPT_ON(&run->opt, check))
		return axc_fail(&run->d, "--check wants an .onnx file as input, found '%s'",
		                axc_safe_name(run->keep, run->input));
	run->mode = AXC_OPT_ON(&run->opt, check) ? AXC_MODE_CHECK : manifest ? AXC_MODE_LOWER_ONLY :
	            only ? AXC_MODE_QUANTIZE_ONLY : AXC_MODE_BOTH;
	static const char *const names[] = {"quantize_and_lower", "quantize_only", "lower_only", "check"};
	run->report.mode = names[run->mode];
	return true;
}

static bool find_target(AxcRun *run)
{
	run->target = axc_target_find(AXC_CFG_TEXT(&run->cfg, target));
	return run->target || axc_fail(&run->d, "there is no target '%s'",
	                               axc_safe_name(run->keep, AXC_CFG_TEXT(&run->cfg, target)));
}

/* Properties graph_cleaner_dump_…_onnx: a file name in the output directory. */
static bool check_dump_name(AxcRun *run, AxcPropId property)
{
	const char *name = run->cfg.at[property].text, *full = AXC_CFG_TEXT(&run->cfg, graph_cleaner_dump_full_opt_onnx);
	if (run->cfg.at[property].null || !name)
		return true;
	if (!*name || strchr(name, '/') || axc_outdir_is_artifact(name) || name[0] == '.')
		return axc_fail(&run->d, "the property %s must be a file name that nothing else has, found '%s'",
		                axc_property(property)->name, axc_safe_name(run->keep, name));
	if (property == AXC_P_graph_cleaner_dump_core_onnx && full && strcmp(name, full) == 0)
		return axc_fail(&run->d, "the properties graph_cleaner_dump_core_onnx and graph_cleaner_dump_full_opt_onnx are "
		                "both '%s'", axc_safe_name(run->keep, name));
	return true;
}

/* Options that contradict each other, the configuration, the kind of input. */
static bool settle(AxcRun *run)
{
	const AxcOptions *o = &run->opt;
	if (!axc_options_config(run->keep, &run->d, o, &run->cfg) || !find_target(run) || !choose_mode(run))
		return false;
	if (AXC_OPT(o, imageset)->given && AXC_OPT(o, calibration_data)->given)
		return axc_fail(&run->d, "--imageset and --calibration-data exclude each other");
	axc_run_warn_unused(run, AXC_OPT(o, output)->given || !AXC_CFG_NULL(&run->cfg, output_dir));
	if (!check_dump_name(run, AXC_P_graph_cleaner_dump_full_opt_onnx) ||
	    !check_dump_name(run, AXC_P_graph_cleaner_dump_core_onnx) || !axc_run_check_debug_dir(run))
		return false;
	run->jobs = AXC_OPT(o, jobs)->given ? (int)AXC_OPT(o, jobs)->integer : axc_cpu_count();
	axc_config_warn(&run->d, &run->cfg);
	return true;
}

/* ---- the output directory ---- */

static bool claim(AxcRun *run, const char *path, bool only_new)
{
	axc_hold_signals(run);
	AxcClaim c = {.path = path, .input = run->input, .overwrite = AXC_OPT_ON(&run->opt, overwrite),
	              .remove_output_dir = AXC_CFG_BOOL(&run->cfg, remove_output_dir), .only_new = only_new};
	if (!axc_outdir_claim(run->keep, &run->d, &c, &run->report.files, &run->report.earlier, &run->out))
		return false;
	run->has_out = true;
	const char *dumps[] = {AXC_CFG_TEXT(&run->cfg, graph_cleaner_dump_core_onnx),
	                       AXC_CFG_TEXT(&run->cfg, graph_cleaner_dump_full_opt_onnx)};
	for (size_t i = 0; i < AXC_COUNT(dumps); i++)
		if (dumps[i])
			AXC_PUSH(run->keep, &run->out.listed, dumps[i]);
	run->out.journal = axc_run_journal;
	run->out.journal_ctx = run;
	axc_outdir_sweep(&run->out);
	axc_outdir_list(&run->out, "compilation_report.json", 0, 0, true);
	axc_outdir_list(&run->out, "compilation_log.txt", 0, 0, true);
	if (!axc_run_journal(run)) {
		run->has_out = false;
		return false;
	}
	axc_log_open(&run->log, axc_outdir_path(&run->out, "compilation_log.txt"));
	return true;
}

/* A wrong configuration is told in the report too, where -o names a new directory: an earlier run's stays as it is. */
static int settle_failed(AxcRun *run)
{
	AxcDiag first = run->d;
	const char *path = AXC_OPT_TEXT_OF(&run->opt, output);
	axc_config_defaults(&run->cfg);
	run->d.failed = false;
	bool claimed = path && run->input && claim(run, path, true);
	first.warnings = run->d.warnings;
	run->d = first;
	(void)claimed;
	return finish(run);
}

/* ---- --generate-config ---- */

static int generate_config(AxcRun *run)
{
	AxcConfig cfg;
	AxcText text = {.arena = run->keep};
	const uint8_t *old;
	size_t old_bytes;
	const char *dir = AXC_OPT(&run->opt, generate_config)->text;
	const char *path = axc_path_join(run->keep, dir, "default_conf.json");
	axc_config_defaults(&cfg);
	axc_config_print(&cfg, &text);
	for (AxcOptionId id = 0; id < AXC_O_COUNT; id++) {
		const AxcOption *o = axc_option(id);
		if ((run->opt.at[id].given || (id == AXC_O_set && run->opt.set.n)) && id != AXC_O_generate_config && id != AXC_O_overwrite &&
		    strcmp(o->group, "Messages") != 0)
			axc_warn(&run->d, "--generate-config writes the defaults: %s is not used", axc_option_name(run->keep, o));
	}
	bool ok = axc_make_dir(&run->d, dir);
	bool same = false;
	if (ok && axc_exists(path) && !AXC_OPT_ON(&run->opt, overwrite)) {
		ok = axc_map_file(run->keep, &run->d, "configuration", path, AXC_CONFIG_MAX_BYTES, &old, &old_bytes);
		same = ok && old_bytes == text.n && memcmp(old, text.at, text.n) == 0;
		if (ok && !same) {
			ok = axc_fail(&run->d, "'%s' exists and differs from the defaults",
			              axc_safe_name(run->keep, path));
			axc_diag_hint(&run->d, "--overwrite replaces it");
		}
	}
	if (ok && !same)
		ok = axc_write_file(&run->d, path, text.at, text.n);
	if (ok)
		axc_log(&run->d, AXC_INFO, "wrote %s", axc_safe_name(run->keep, path));
	axc_log_errors(&run->log, &run->d);
	return ok ? AXC_EXIT_DONE : AXC_EXIT_INITIALIZE;
}

/* ---- the work, in the child process ---- */

/* pass_dependency_graph.json, also of a run that failed. */
static void write_trace(AxcRun *run)
{
	AxcText text = {.arena = run->keep};
	axc_pass_trace_json(&run->trace, &text);
	if (!axc_outdir_write(&run->out, &run->d, "pass_dependency_graph.json", text.at, text.n, true))
		axc_warn(&run->d, "pass_dependency_graph.json could not be written");
}

static int work(AxcRun *run)
{
	volatile int code;
	volatile bool again = false;
	if (setjmp(run->oom)) {
		if (again)
			_exit(AXC_EXIT_UNREPORTED);
		again = true;
		axc_arena_free(run->arena);
		run->arena = NULL;
		axc_fail(&run->d, "out of memory");
		axc_diag_hint(&run->d, "fewer --jobs need less memory");
		return finish(run);
	}
	run->arena = axc_arena_new(&run->oom);
	if (!run->arena)
		axc_out_of_memory(run->keep);
	bool ok = axc_pipeline(run);
	if (ok)
		run->d.stage = "done";
	if (AXC_CFG_BOOL(&run->cfg, trace_tvm_passes) && run->has_out)
		write_trace(run);
	if (!ok && AXC_CFG_BOOL(&run->cfg, save_error_artifact) && run->has_out)
		axc_run_error_artifact(run);
	axc_arena_free(run->arena);
	run->arena = NULL;
	code = finish(run);
	return code;
}

static int compile(AxcRun *run)
{
	const char *path = AXC_OPT_TEXT_OF(&run->opt, output);
	if (!AXC_OPT(&run->opt, input)->given) {
		axc_fail(&run->d, "no input: -i FILE is missing");
		return usage_error(run);
	}
	run->input = AXC_OPT(&run->opt, input)->text;
	if (!settle(run))
		return settle_failed(run);
	if (!path && !AXC_CFG_NULL(&run->cfg, output_dir))
		path = AXC_CFG_TEXT(&run->cfg, output_dir);
	if (!path && run->mode != AXC_MODE_CHECK) {
		axc_fail(&run->d, "no output directory: -o DIR is missing");
		return usage_error(run);
	}
	if (path && !claim(run, path, false))
		return finish(run);
	return axc_supervise(run, work);
}

static int dispatch(AxcRun *run, int argc, char **argv)
{
	if (!axc_options_parse(run->keep, &run->d, argc, argv, &run->opt))
		return usage_error(run);
	start_log(run);
	if (AXC_OPT_ON(&run->opt, help)) {
		AxcText text = {.arena = run->keep};
		axc_options_help(&text);
		fputs(text.at, stdout);
		return fflush(stdout) == 0 ? AXC_EXIT_DONE : AXC_EXIT_ERROR;
	}
	if (AXC_OPT_ON(&run->opt, version)) {
		puts("axcompile " AXC_VERSION);
		return fflush(stdout) == 0 ? AXC_EXIT_DONE : AXC_EXIT_ERROR;
	}
	if (AXC_OPT(&run->opt, generate_config)->given)
		return generate_config(run);
	if (AXC_OPT(&run->opt, cli_args)->given) {
		if (!axc_options_load(run->keep, &run->d, AXC_OPT(&run->opt, cli_args)->text, &run->opt))
			return finish(run);
		start_log(run);
	}
	return compile(run);
}

/* A descriptor that was closed must not become that of an artifact, with messages in it. Reading the one and writing
 * the others still fail as they would have. */
static void keep_standard_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

int axc_compile_main(int argc, char **argv)
{
	static AxcRun run;
	char started[40];
	time_t now = time(NULL);
	struct tm tm;
	keep_standard_descriptors();
	signal(SIGXFSZ, SIG_IGN); /* a file over the limit is a write that fails */
	if (setjmp(run.oom)) {
		fputs("error: INITIALIZE_CLI_ERROR: out of memory\n", stderr);
		return AXC_EXIT_INITIALIZE;
	}
	run.keep = axc_arena_new(&run.oom);
	if (!run.keep)
		longjmp(run.oom, 1);
	clock_gettime(CLOCK_MONOTONIC, &run.started);
	gmtime_r(&now, &tm);
	strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", &tm);
	run.report.started = started;
	axc_diag_init(&run.d, run.keep);
	axc_log_init(&run.log, run.keep);
	run.d.sink = axc_log_message;
	run.d.sink_ctx = &run.log;
	run.report.d = &run.d;
	run.report.mode = "quantize_and_lower";
	int code = dispatch(&run, argc, argv);
	axc_arena_free(run.keep);
	return code;
}
