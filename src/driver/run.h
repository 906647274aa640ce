/* One run of the compiler, from the command line to the exit code.
 *
 *   main_compile.c   main
 *   run.c            options, configuration, output directory; how a run ends
 *   unused.c         options and properties that a run does not look at
 *   supervise.c      the work happens in a child process; the parent stays to handle signals and crashes
 *   stage.c          one stage: status, time, memory, the report's copy on disk
 *   pipeline.c       all stages in order, on one screen
 *   stages_*.c       what each stage calls
 */
#ifndef AXC_DRIVER_RUN_H
#define AXC_DRIVER_RUN_H

#include "calib/calib.h"
#include "driver/log.h"
#include "driver/options.h"
#include "driver/outdir.h"
#include "emit/emit.h"
#include "onnx/onnx.h"
#include "passes/passes.h"
#include "plan/plan.h"
#include "quant/model.h"
#include "quant/quant.h"

#include <signal.h>
#include <time.h>

enum {
	AXC_EXIT_DONE = 0,
	AXC_EXIT_ERROR = 1,
	AXC_EXIT_INITIALIZE = 2,
	AXC_EXIT_UNREPORTED = 70, /* of the child: it could not write its report; the parent does */
};

typedef enum AxcMode { AXC_MODE_BOTH, AXC_MODE_QUANTIZE_ONLY, AXC_MODE_LOWER_ONLY, AXC_MODE_CHECK } AxcMode;

typedef struct AxcRun {
	jmp_buf oom;
	AxcArena *keep;  /* options, messages, reports: lives until the process ends */
	AxcArena *arena; /* graphs, ranges, programs */
	AxcDiag d;
	AxcLog log;
	AxcOptions opt;
	AxcConfig cfg; /* as recorded in conf.json, but for `host` */
	AxcRunReport report;
	AxcOutDir out;
	bool has_out;
	bool published; /* compiled_model/ is there and is this run's */
	AxcMode mode;
	const char *input; /* absolute */
	struct timespec started;
	int jobs;
	bool signals_held;
	sigset_t held_signals, former_signals;

	/* what the stages made */
	AxcOnnxInfo info;
	AxcGraph *graph;     /* clean */
	AxcGraph *quantized; /* as read back from quantized_model/ */
	const char *model_files[AXC_MODEL_FILES]; /* of the manifest that is the input */
	bool read_back;      /* that happened before quantized_model/ got its name */
	AxcCalibConfig calib;
	AxcSamples *samples; /* open, or NULL */
	int n_verify;        /* kept for --verify */
	void ***verify_inputs; /* [sample][input] */
	AxcRanges *ranges;
	const AxcTarget *target;
	const char *cc_path; /* NULL: nothing is built */
	AxcProgram *program;
	AxcPassTrace trace;
	AxcVerify verify;
	const char *compiled_temp; /* .compiled_model.tmp-PID while it is being written */
} AxcRun;

/* The whole program; returns the exit code. */
int axc_compile_main(int argc, char **argv);

/* From here on SIGINT and its like wait for axc_supervise: what the run has begun in its output directory is ended
 * properly. May be called again. */
void axc_hold_signals(AxcRun *run);
/* Runs `work` in a child process. SIGINT, SIGTERM, SIGHUP, SIGQUIT end it with all its workers, remove temporary files,
 * complete the report: 128 + signal. A crash is reported likewise. */
int axc_supervise(AxcRun *run, int (*work)(AxcRun *run));

/* The stages (pipeline.c). False: d.error says why. */
bool axc_pipeline(AxcRun *run);
/* Warns of options and properties that this run will not look at (unused.c). */
void axc_run_warn_unused(AxcRun *run, bool has_directory);
/* Runs one of them. */
bool axc_stage(AxcRun *run, const char *name, AxcStatus status, bool (*fn)(AxcRun *run));
/* Writes compilation_report.json as things stand. */
bool axc_run_journal(void *run);
double axc_run_seconds(const AxcRun *run);
/* A fact for people: log at INFO, and in the report's notes. */
void axc_run_note(AxcRun *run, const char *format, ...) AXC_PRINTF(2, 3);
/* --dump-after=`stage` (or all) was given. */
bool axc_run_dumps(const AxcRun *run, const char *stage);
AXC_CHECKED bool axc_run_dump_graph(AxcRun *run, const char *stage, const AxcGraph *g);
AXC_CHECKED bool axc_run_dump_text(AxcRun *run, const char *stage, const AxcText *text);

/* ---- stages_start.c: the input, its import, what is checked before anything costs time ---- */

bool axc_stage_start(AxcRun *run);   /* the input file exists; cli_args.json, conf.json */
bool axc_stage_import(AxcRun *run);
bool axc_stage_clean(AxcRun *run);
bool axc_stage_check(AxcRun *run);   /* every node can be compiled */
bool axc_stage_find_cc(AxcRun *run);
bool axc_stage_replace(AxcRun *run); /* input_model/; the earlier run's files go */

/* ---- stages_quantize.c: the quantize half ---- */

AxcQuantConfig axc_run_quant_config(const AxcRun *run);
AxcSplit axc_run_split(const AxcRun *run);
bool axc_stage_calibrate(AxcRun *run);
bool axc_stage_quantize(AxcRun *run);
bool axc_stage_export(AxcRun *run); /* quantized_model/ */

/* ---- stages_lower.c: the lower half ---- */

bool axc_stage_frontend(AxcRun *run); /* quantized_model/ read back */
bool axc_stage_midend(AxcRun *run);
bool axc_stage_plan(AxcRun *run);
bool axc_stage_emit(AxcRun *run);
bool axc_stage_verify(AxcRun *run);
bool axc_stage_publish(AxcRun *run); /* compiled_model/ */

/* ---- check.c: --check ---- */

bool axc_stage_describe(AxcRun *run);     /* the network, operator by operator, on stdout */
bool axc_stage_try_quantize(AxcRun *run); /* without calibration */
bool axc_stage_verdict(AxcRun *run);

/* Property quantization_debug (debug_dump.c); needs the samples. */
AXC_CHECKED bool axc_run_quantization_debug(AxcRun *run);
/* model_debug_save_dir is new or empty, where it will be used. */
AXC_CHECKED bool axc_run_check_debug_dir(AxcRun *run);
/* error_artifact.zip of a failed run, before its arena goes (error_artifact.c). */
void axc_run_error_artifact(AxcRun *run);

/* ---- samples.c: data for calibration and verification ---- */

/* The options and properties as calib wants them. */
AxcCalibConfig axc_run_calib_config(AxcRun *run);
/* Opens the samples of `g`'s inputs. */
AXC_CHECKED bool axc_run_open_samples(AxcRun *run, const AxcGraph *g);
/* Keeps copies of the first samples for --verify. */
AXC_CHECKED bool axc_run_keep_samples(AxcRun *run, const AxcGraph *g);

#endif
