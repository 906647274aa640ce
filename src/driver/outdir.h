/* The output directory: who owns it, what may be written there, what an earlier run left.
 *
 * A run owns the directory from axc_outdir_claim on: it holds a lock (flock) that ends with the process.
 * Everything appears whole: a sub-directory is written as .NAME.tmp-PID and renamed, a file likewise.
 * Before anything appears under its final name it is listed in compilation_report.json (the `journal`
 * callback writes it), so that a run killed at any moment leaves no file that a later --overwrite does
 * not know. The directory's owner removes only what such a list names.
 */
#ifndef AXC_DRIVER_OUTDIR_H
#define AXC_DRIVER_OUTDIR_H

#include "report/report.h"

typedef AXC_ARRAY(const char *) AxcNames;

typedef struct AxcOutDir {
	AxcArena *arena;
	const char *path;  /* absolute */
	int fd;            /* of the directory; holds the lock */
	bool in_place;     /* the input is this directory's own quantized_model_manifest.json */
	AxcReportFiles *files;   /* of this run (in the report) */
	AxcReportFiles *earlier; /* of earlier runs, still there (in the report) */
	AxcNames listed; /* all that the earlier report has, there or not, and what this run will be told to write */
	bool (*journal)(void *ctx); /* writes the report; false when it cannot */
	void *journal_ctx;
} AxcOutDir;

typedef struct AxcClaim {
	const char *path;
	const char *input;      /* of the run; NULL: none */
	bool overwrite;
	bool remove_output_dir; /* as overwrite, but every file there must be known */
	bool only_new; /* nothing of an earlier run is touched */
} AxcClaim;

/* Creates, locks and judges the directory. Refused: INITIALIZE_CLI_ERROR, nothing was written. */
AXC_CHECKED bool axc_outdir_claim(AxcArena *arena, AxcDiag *d, const AxcClaim *claim, AxcReportFiles *files,
                                  AxcReportFiles *earlier, AxcOutDir *ret);
/* Removes the earlier run's files (with in_place: not its quantized_model/ and input_model/). */
AXC_CHECKED bool axc_outdir_clear(AxcOutDir *out, AxcDiag *d);
/* Path of a file or directory in it. */
const char *axc_outdir_path(const AxcOutDir *out, const char *name);
/* Writes a file of this run. `varies`: its content differs between equal runs. */
AXC_CHECKED bool axc_outdir_write(AxcOutDir *out, AxcDiag *d, const char *name, const void *data, size_t bytes,
                                  bool varies);
/* Lists a file of this run that is written by other means (the log, the report). */
void axc_outdir_list(AxcOutDir *out, const char *name, uint64_t bytes, uint64_t hash, bool varies);
/* The same for a file that is there now: size and hash are read from it. */
AXC_CHECKED bool axc_outdir_measure(AxcOutDir *out, AxcDiag *d, const char *name);
/* An empty directory .NAME.tmp-PID; its path. */
AXC_CHECKED bool axc_outdir_temp(AxcOutDir *out, AxcDiag *d, const char *name, const char **ret_path);
/* Lists what is in .NAME.tmp-PID and renames it to NAME. */
AXC_CHECKED bool axc_outdir_publish(AxcOutDir *out, AxcDiag *d, const char *name);
/* Removes a published directory of this run again. */
void axc_outdir_withdraw(AxcOutDir *out, const char *name);
/* Removes temporary files of this and of killed runs. Takes no memory. */
void axc_outdir_sweep(const AxcOutDir *out);

/* ---- outdir_earlier.c ---- */

enum { AXC_REPORT_MAX_BYTES = 64 << 20, AXC_PATH_DEPTH = 64 };

typedef struct AxcEarlier {
	bool exists;    /* a compilation_report.json of ours is there */
	bool succeeded;
	const char *mode;
} AxcEarlier;

/* What the report in the directory says; a missing or foreign one leaves ret->exists false. */
void axc_earlier_read(AxcOutDir *out, AxcEarlier *ret);
/* A top-level name that is ours: an artifact's final name. */
bool axc_outdir_is_artifact(const char *name);
/* .NAME.tmp-N or NAME.tmp-N of an artifact, of a file that `listed` has, or of a text or binary in dumps/. */
bool axc_outdir_is_temp(const AxcOutDir *out, const char *path);
/* The entries of a directory, sorted; no link is followed. */
bool axc_outdir_names(AxcArena *arena, int dir_fd, const char *path, AxcNames *ret);
/* Calls fn with every file below `dir` (relative path, no directories; links are files), sorted by name.
 * Stops at false. */
bool axc_outdir_walk(AxcArena *arena, int dir_fd, const char *dir, bool (*fn)(void *ctx, const char *path),
                     void *ctx);
/* Is a file of the earlier run listed under this path? */
bool axc_earlier_has(const AxcOutDir *out, const char *path);

#endif
