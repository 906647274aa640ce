/* The work happens in a child, in a process group of its own together with the Python workers and the C
 * compiler. The parent waits. So a signal ends everything at once at any moment, without any stage
 * having to look for it, and a crash or the kernel's out-of-memory killer still leaves a report. */
#include "driver/run.h"

#include "report/patch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const int ends[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};

/* Ignored here, but back to its default in a program that the child executes. */
static void ignore(int signal_number)
{
	(void)signal_number;
}

/* Shared with the child, which sets it when its work came to its end: a library that --verify loads may end the process
 * with any exit status. */
static volatile int *reported;

static _Noreturn void run_child(AxcRun *run, int (*work)(AxcRun *run), pid_t parent, const sigset_t *old)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(AXC_EXIT_UNREPORTED);
	const struct sigaction nothing = {.sa_handler = ignore, .sa_flags = SA_RESTART};
	for (size_t i = 0; i < AXC_COUNT(ends); i++)
		if (sigismember(&run->held_signals, ends[i]))
			sigaction(ends[i], &nothing, NULL);
	signal(SIGTTOU, SIG_IGN); /* a background group may write to the terminal */
	signal(SIGPIPE, SIG_IGN); /* a worker that died is an error, not a signal */
	sigprocmask(SIG_SETMASK, old, NULL);
	int code = work(run);
	axc_arena_free(run->keep);
	*reported = 1;
	exit(code);
}

/* Waits for the child's end; returns the signal that the parent got, or 0. */
static int wait_for(pid_t child, const sigset_t *set, int *ret_status)
{
	for (;;) {
		int got = sigwaitinfo(set, NULL);
		if (got == SIGCHLD) {
			if (waitpid(child, ret_status, WNOHANG) == child)
				return 0;
		} else if (got == SIGTSTP) {
			kill(-child, SIGSTOP);
			kill(getpid(), SIGSTOP);
			kill(-child, SIGCONT);
		} else if (got > 0) {
			kill(-child, SIGKILL);
			while (waitpid(child, ret_status, 0) < 0 && errno == EINTR)
				;
			return got;
		}
	}
}

static const char *name_of(int number)
{
	return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : number == SIGQUIT ? "SIGQUIT" : "SIGHUP";
}

static const char *what_happened(AxcRun *run, int interrupted, int status, const char **ret_hint)
{
	*ret_hint = NULL;
	if (interrupted)
		return axc_format(run->keep, "interrupted by %s", name_of(interrupted));
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		return "the compiler used up the processor time it may have (ulimit -t)";
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		*ret_hint = "this is what happens when the system's memory runs out";
		return "the compiler was killed";
	}
	if (WIFSIGNALED(status)) {
		*ret_hint = "this is a bug in the compiler; please report it with the model";
		return axc_format(run->keep, "the compiler crashed with signal %d (%s)", WTERMSIG(status),
		                  strsignal(WTERMSIG(status)));
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) != AXC_EXIT_UNREPORTED) {
		*ret_hint = "a library that it loaded may have ended it: check the properties cc and cflags";
		return axc_format(run->keep, "the compiler ended before its time, with exit status %d", WEXITSTATUS(status));
	}
	return "the compiler ended without a report: out of memory, or the disk is full";
}

/* The child ended between publishing it and its report. */
static bool lists_compiled_model(const AxcJsonValue *root)
{
	const AxcJsonValue *files = axc_json_get(root, "files");
	for (uint32_t i = 0; files && files->kind == AXC_JSON_ARRAY && i < files->n; i++) {
		const AxcJsonValue *path = axc_json_get(&files->item[i], "path");
		if (path && path->kind == AXC_JSON_STRING && strncmp(path->string, "compiled_model/", 15) == 0)
			return true;
	}
	return false;
}

/* The report as the child left it, completed with how it ended. */
static void complete_report(AxcRun *run, const char *message, const char *hint)
{
	AxcDiag quiet;
	AxcText text = {.arena = run->keep};
	const AxcJsonValue *root;
	const char *path = axc_outdir_path(&run->out, "compilation_report.json");
	axc_diag_init(&quiet, run->keep);
	if (!axc_json_load(run->keep, &quiet, "report", path, AXC_REPORT_MAX_BYTES, &root))
		return;
	if (lists_compiled_model(root))
		axc_outdir_withdraw(&run->out, "compiled_model");
	AxcReportEnd end = {message, hint, axc_run_seconds(run), NULL, NULL};
	axc_report_patch(root, &end, &text);
	if (!axc_write_file(&quiet, path, text.at, text.n))
		axc_log(&run->d, AXC_ERROR, "%s", quiet.error.message);
	run->log.file = fopen(axc_outdir_path(&run->out, "compilation_log.txt"), "ae");
	axc_log(&run->d, AXC_ERROR, "%s: %s in the stage %s%s%s", end.status, message, end.stage,
	        hint ? "\nhint: " : "", hint ? hint : "");
	axc_log_close(&run->log);
}

static int after_child(AxcRun *run, int interrupted, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) != AXC_EXIT_UNREPORTED && *reported)
		return WEXITSTATUS(status);
	const char *hint;
	const char *message = what_happened(run, interrupted, status, &hint);
	if (run->log.progress)
		fputs("\n", stderr);
	if (run->has_out) {
		axc_outdir_sweep(&run->out);
		complete_report(run, message, hint);
	} else {
		axc_log(&run->d, AXC_ERROR, "%s%s%s", message, hint ? "\nhint: " : "", hint ? hint : "");
	}
	return interrupted ? 128 + interrupted : AXC_EXIT_ERROR;
}

void axc_hold_signals(AxcRun *run)
{
	struct sigaction now;
	sigset_t *set = &run->held_signals;
	if (run->signals_held)
		return;
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGTSTP);
	for (size_t i = 0; i < AXC_COUNT(ends); i++) /* what was ignored, as by nohup or in a script's background, stays so */
		if (sigaction(ends[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(set, ends[i]);
	sigprocmask(SIG_BLOCK, set, &run->former_signals);
	run->signals_held = true;
}

int axc_supervise(AxcRun *run, int (*work)(AxcRun *run))
{
	int status = 0;
	pid_t parent = getpid();
	axc_hold_signals(run);
	signal(SIGCHLD, SIG_DFL);
	fflush(NULL);
	void *page = mmap(NULL, sizeof *reported, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	reported = page;
	pid_t child = page == MAP_FAILED ? -1 : fork();
	if (child == 0)
		run_child(run, work, parent, &run->former_signals);
	if (child < 0) {
		sigprocmask(SIG_SETMASK, &run->former_signals, NULL);
		return work(run);
	}
	setpgid(child, child);
	int interrupted = wait_for(child, &run->held_signals, &status);
	int code = after_child(run, interrupted, status);
	fflush(NULL);
	_exit(code); /* exit handlers have run in the child */
}
