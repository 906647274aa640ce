/* Texts without what is private to the user, for error_artifact.zip: paths become base names, the user's
 * Python leaves exception types, line numbers and base names, a picture's name its ending.
 *
 * Directories and files that the run knows (axc_reduce_know) are found wherever they stand, also with blanks in
 * them and in the spelling of axc_safe_name. Any other word that begins with '/' is a path when its first
 * component is a directory of this machine's root: so node names such as /model.22/Concat stay.
 */
#ifndef AXC_DRIVER_REDUCE_H
#define AXC_DRIVER_REDUCE_H

#include "base/base.h"

typedef struct AxcKnownPath {
	const char *path;
	bool home;   /* shown as ~ */
	bool output; /* artifacts in it keep their path from there on */
	bool pictures; /* of files in it only the ending is shown */
} AxcKnownPath;

typedef struct AxcReduce {
	AxcArena *arena;
	AXC_ARRAY(AxcKnownPath) known;
} AxcReduce;

/* NULL and paths that are not absolute are passed over. */
void axc_reduce_know(AxcReduce *r, AxcKnownPath known);
/* A message or a log. NULL stays NULL. */
const char *axc_reduce_text(const AxcReduce *r, const char *text);
/* A value that is a path. */
const char *axc_reduce_path(const AxcReduce *r, const char *path);
/* What Python said: of each frame File "BASE", line N, in F; of exceptions the type. NULL: nothing of that. */
const char *axc_reduce_traceback(const AxcReduce *r, const char *text);

#endif
