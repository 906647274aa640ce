/* Messages: to the terminal from the level asked for, to compilation_log.txt from DEBUG. A progress line
 * on a terminal. The only place besides main that writes to stderr.
 */
#ifndef AXC_DRIVER_LOG_H
#define AXC_DRIVER_LOG_H

#include "base/base.h"

typedef struct AxcLog {
	AxcArena *arena;
	FILE *file;     /* compilation_log.txt once the directory is ours */
	AxcText early;  /* what came before */
	AxcLevel least; /* shown on the terminal */
	AxcLevel least_in_file;
	bool progress;  /* a progress line may be shown */
	bool bar_shown;
	bool verbose;
} AxcLog;

void axc_log_init(AxcLog *log, AxcArena *arena);
/* The sink of AxcDiag. */
void axc_log_message(void *log, AxcLevel level, const char *text);
/* Opens (appends to) the log file and writes what came before. Failure to write a log is no error. */
void axc_log_open(AxcLog *log, const char *path);
void axc_log_close(AxcLog *log);
/* What `done` of `total` is, on one line that the next message replaces; total 0 removes it. */
void axc_log_progress(AxcLog *log, const char *what, int64_t done, int64_t total, double per_second,
                      double seconds_left);
/* The run's errors, for people: message, node, shapes, hint, traceback. */
void axc_log_errors(AxcLog *log, const AxcDiag *d);
/* Control characters as \xNN; newlines and tabs stay. */
const char *axc_printable(AxcArena *arena, const char *text);
bool axc_level_parse(const char *name, AxcLevel *ret_level);

#endif
