/* Which Python runs the transform: the first of the active virtual environment's python3, the python3
 * on PATH and /usr/bin/python3 that can import numpy, the reader and the transform file itself. Trying
 * one is starting a worker with it, so the one that works is already the first worker.
 */
#include "calib/samples.h"

#include <stdlib.h>
#include <unistd.h>

const char *axc_python_package(const char *module)
{
	static const char *const table[][2] = {
		{"numpy", "python3-numpy"},     {"PIL", "python3-pil"},
		{"cv2", "python3-opencv"},      {"torch", "python3-torch"},
		{"torchvision", "python3-torchvision"}, {"scipy", "python3-scipy"},
		{"skimage", "python3-skimage"}, {"sklearn", "python3-sklearn"},
		{"pandas", "python3-pandas"},   {"imageio", "python3-imageio"},
		{"matplotlib", "python3-matplotlib"}, {"yaml", "python3-yaml"},
		{"tqdm", "python3-tqdm"},       {"h5py", "python3-h5py"},
		{"onnx", "python3-onnx"},       {"requests", "python3-requests"},
	};
	for (size_t i = 0; module && i < AXC_COUNT(table); i++)
		if (strcmp(table[i][0], module) == 0)
			return table[i][1];
	return NULL;
}

/* The first executable of this name on PATH, absolute; NULL if none. */
static const char *on_path(AxcArena *arena, const char *name)
{
	const char *path = getenv("PATH");
	for (const char *p = path ? path : "/usr/local/bin:/usr/bin:/bin"; *p;) {
		size_t n = strcspn(p, ":");
		const char *dir = n ? axc_strndup(arena, p, n) : ".";
		const char *file = axc_path_absolute(arena, axc_path_join(arena, dir, name));
		if (access(file, X_OK) == 0)
			return file;
		p += n + (p[n] == ':');
	}
	return NULL;
}

typedef struct Candidates {
	const char *at[3];
	uint32_t n;
} Candidates;

static void add(Candidates *c, const char *python)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (!python || strcmp(c->at[i], python) == 0)
			return;
	if (python && access(python, X_OK) == 0)
		c->at[c->n++] = python;
}

static Candidates candidates(const AxcSamples *s)
{
	Candidates c = {0};
	const char *given = s->cfg->python, *venv = getenv("VIRTUAL_ENV");
	if (given && given[0]) {
		c.at[c.n++] = strchr(given, '/') ? axc_path_absolute(s->arena, given)
		                                 : on_path(s->arena, given);
		c.n = c.at[0] != NULL;
		return c;
	}
	if (venv && venv[0])
		add(&c, axc_path_absolute(s->arena, axc_path_join(s->arena, venv, "bin/python3")));
	add(&c, on_path(s->arena, "python3"));
	add(&c, "/usr/bin/python3");
	return c;
}

static bool none_fits(AxcSamples *s, AxcDiag *d, const Candidates *c, const char *why, const char *packages)
{
	if (c->n == 0) {
		if (s->cfg->python)
			axc_fail(d, "the Python interpreter '%s' was not found",
			         axc_safe_name(d->arena, s->cfg->python));
		else
			axc_fail(d, "no python3 was found, and calibration images are read by one");
		return axc_diag_hint(d, "install python3, python3-numpy and python3-pil, or give --python PATH");
	}
	axc_fail(d, c->n == 1 ? "the Python interpreter cannot run the calibration: %s"
	                      : "no Python interpreter can run the calibration: %s", why);
	if (packages[0])
		return axc_diag_hint(d, "install %s (Debian packages for /usr/bin/python3), or name an "
		                     "interpreter that has the modules with --python", packages);
	return axc_diag_hint(d, "install the missing module for one of them, or name an interpreter that "
	                     "has it with --python");
}

static bool choose(AxcSamples *s, AxcDiag *d)
{
	Candidates c = candidates(s);
	AxcText why = {.arena = d->arena}, packages = {.arena = d->arena};
	axc_text_str(&why, "");
	axc_text_str(&packages, "");
	for (uint32_t i = 0; i < c.n; i++) {
		AxcWorkerHello hello;
		if (!axc_worker_start(s, d, c.at[i], &s->workers[0]) ||
		    !axc_worker_greet(s->workers[0], s, d, &hello))
			return false;
		if (hello.ready) {
			s->python = c.at[i];
			return true;
		}
		axc_worker_end(s->workers[0], true);
		const char *reason = hello.missing ? hello.missing : hello.broken;
		const char *package = hello.missing ? axc_python_package(hello.module) : NULL;
		axc_log(d, AXC_DEBUG, "%s cannot run the calibration: %s", c.at[i], reason);
		axc_text_f(&why, "%s%s: %s", i ? "; " : "", axc_safe_name(d->arena, c.at[i]), reason);
		if (package)
			axc_text_f(&why, " (package %s)", package);
		if (package && !strstr(packages.at, package))
			axc_text_f(&packages, "%s%s", packages.n ? ", " : "", package);
	}
	return none_fits(s, d, &c, why.at, packages.at);
}

bool axc_python_start(AxcSamples *s, AxcDiag *d)
{
	if (!choose(s, d))
		return false;
	for (int i = 1; i < s->jobs; i++)
		if (!axc_worker_start(s, d, s->python, &s->workers[i]))
			return false;
	for (int i = 1; i < s->jobs; i++) {
		AxcWorkerHello hello;
		if (!axc_worker_greet(s->workers[i], s, d, &hello))
			return false;
		if (!hello.ready)
			return axc_fail(d, "Python worker %d of %d did not start: %s", i + 1, s->jobs,
			                hello.missing ? hello.missing : hello.broken);
	}
	axc_log(d, AXC_INFO, "calibration images are read by %s (%d worker%s)",
	        axc_safe_name(d->arena, s->python), s->jobs, s->jobs == 1 ? "" : "s");
	return true;
}
