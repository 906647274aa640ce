/* One Python child process running tools/imageworker.py, and the channel to it.
 *
 * The child's descriptor 0 is a socket, the channel: first the program itself, then frames (see the
 * Python file). Its stdout and stderr are one pipe, a log that we drain while we wait. It leads a process
 * group of its own, which dies with us: by end of file, by PR_SET_PDEATHSIG, by the arena's cleanup.
 * No shell, no temporary file.
 */
#include "calib/samples.h"

#include "base/json.h"
#include "base/json_read.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int axc_worker_start_seconds = 180, axc_worker_image_seconds = 60;

extern const unsigned char axc_imageworker_py[];
extern const size_t axc_imageworker_py_bytes;
extern char **environ;

enum { REPLY_BYTES = 256 * 1024, LOG_BYTES = 16 * 1024, SOCKET_BYTES = 1024 * 1024 };

/* Takes the channel off descriptor 0, reads the program from it, runs it. */
static const char bootstrap[] =
	"import os, sys\n"
	"if sys.path and not sys.path[0]: del sys.path[0]\n"
	"channel = os.dup(0)\n"
	"null = os.open(os.devnull, os.O_RDONLY); os.dup2(null, 0); os.close(null)\n"
	"def take(n):\n"
	"    data = b''\n"
	"    while len(data) < n:\n"
	"        part = os.read(channel, n - len(data))\n"
	"        if not part: os._exit(0)\n"
	"        data += part\n"
	"    return data\n"
	"exec(compile(take(int.from_bytes(take(4), 'little')), 'imageworker.py', 'exec'),\n"
	"     {'channel': channel, '__name__': 'imageworker'})\n";

struct AxcWorker {
	pid_t pid;
	int channel, log; /* -1: closed */
	bool ended, reaped;
	int status; /* as of waitpid */
	const char *python;
	double deadline; /* of the request under way */
	size_t log_n, log_shown;
	char log_text[LOG_BYTES + 1]; /* the last of what it printed */
};

typedef enum Io { IO_OK, IO_CLOSED, IO_LATE, IO_STOPPED } Io;

static double now_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- life of the process ---- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool reap(AxcWorker *w, double seconds)
{
	for (double until = now_seconds() + seconds;;) {
		pid_t got = waitpid(w->pid, &w->status, WNOHANG);
		if (got == w->pid || (got < 0 && errno != EINTR))
			return w->reaped = true;
		if (now_seconds() >= until)
			return false;
		nanosleep(&(struct timespec){0, 2000000}, NULL);
	}
}

void axc_worker_end(AxcWorker *w, bool politely)
{
	if (!w || w->ended)
		return;
	w->ended = true;
	close_fd(&w->channel);
	if (politely && w->pid > 0)
		reap(w, 1.0);
	close_fd(&w->log);
	if (w->pid <= 0)
		return;
	kill(-w->pid, SIGKILL); /* also whatever the transform started */
	if (!w->reaped) {
		kill(w->pid, SIGKILL);
		while (waitpid(w->pid, &w->status, 0) < 0 && errno == EINTR)
			continue;
	}
}

static void end_now(void *worker)
{
	axc_worker_end(worker, false);
}

/* The environment, with fixed hashing and one thread per numeric library unless the user says so. */
static char **child_environment(AxcArena *arena)
{
	static const char *const extra[] = {"PYTHONHASHSEED=0", "OMP_NUM_THREADS=1",
	                                    "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1"};
	size_t n = 0, used = 0;
	while (environ[n])
		n++;
	char **env = AXC_NEW_ARRAY(arena, char *, n + AXC_COUNT(extra) + 1);
	for (size_t i = 0; i < n; i++)
		env[used++] = environ[i];
	for (size_t i = 0; i < AXC_COUNT(extra); i++) {
		char *name = axc_strndup(arena, extra[i], strcspn(extra[i], "="));
		if (!getenv(name))
			env[used++] = axc_strdup(arena, extra[i]);
	}
	return env;
}

/* Between fork and exec: system calls only. */
static _Noreturn void become_python(const char *python, char **env, pid_t parent, int channel, int log)
{
	static char cb[] = "-B", cx[] = "-X", cf[] = "faulthandler", cc[] = "-c", code[sizeof bootstrap];
	memcpy(code, bootstrap, sizeof bootstrap);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(channel, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(126);
#ifdef SYS_close_range
	syscall(SYS_close_range, 3u, ~0u, 0u);
#endif
	char *argv[] = {(char *)(uintptr_t)python, cb, cx, cf, cc, code, NULL};
	execve(python, argv, env);
	_exit(127);
}

/* Moves a descriptor above those that the child's dup2 writes. */
static int raise_fd(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	close(fd);
	return high;
}

static bool spawn(AxcSamples *s, AxcDiag *d, AxcWorker *w)
{
	char **env = child_environment(s->arena);
	int sv[2] = {-1, -1}, log[2] = {-1, -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) != 0 ||
	    pipe2(log, O_CLOEXEC | O_NONBLOCK) != 0) {
		close_fd(&sv[0]);
		close_fd(&sv[1]);
		return axc_fail(d, "cannot start a Python worker: %s", strerror(errno));
	}
	w->channel = sv[0];
	w->log = log[0];
	int child_channel = raise_fd(sv[1]), child_log = raise_fd(log[1]);
	fcntl(w->channel, F_SETFL, O_NONBLOCK);
	fcntl(child_log, F_SETFL, fcntl(child_log, F_GETFL) & ~O_NONBLOCK);
	int size = SOCKET_BYTES;
	setsockopt(child_channel, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	pid_t parent = getpid();
	w->pid = child_channel < 0 || child_log < 0 ? -1 : fork();
	if (w->pid == 0)
		become_python(w->python, env, parent, child_channel, child_log);
	int error = errno;
	close_fd(&child_channel);
	close_fd(&child_log);
	if (w->pid < 0)
		return axc_fail(d, "cannot start a Python worker: %s", strerror(error));
	setpgid(w->pid, w->pid); /* as the child does: whoever comes first */
	return true;
}

/* ---- the log ---- */

/* What the child printed becomes text that a terminal can show. */
static void log_add(AxcWorker *w, const char *data, size_t n)
{
	if (n > LOG_BYTES / 2) {
		data += n - LOG_BYTES / 2;
		n = LOG_BYTES / 2;
	}
	if (w->log_n + n > LOG_BYTES) {
		size_t drop = w->log_n + n - LOG_BYTES;
		memmove(w->log_text, w->log_text + drop, w->log_n - drop);
		w->log_n -= drop;
		w->log_shown -= AXC_MIN(drop, w->log_shown);
	}
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)data[i];
		w->log_text[w->log_n++] = (c < 0x20 && c != '\n' && c != '\t') || c >= 0x7f ? '?' : (char)c;
	}
	w->log_text[w->log_n] = 0;
}

static void drain_log(AxcWorker *w, AxcDiag *d)
{
	char buf[4096];
	ssize_t n;
	while (w->log >= 0 && (n = read(w->log, buf, sizeof buf)) != -1) {
		if (n == 0)
			close_fd(&w->log);
		else
			log_add(w, buf, (size_t)n);
	}
	for (char *end; (end = memchr(w->log_text + w->log_shown, '\n', w->log_n - w->log_shown));) {
		char *line = w->log_text + w->log_shown;
		axc_log(d, AXC_DEBUG, "python %ld: %.*s", (long)w->pid, (int)(end - line), line);
		w->log_shown = (size_t)(end + 1 - w->log_text);
	}
}

/* ---- the channel ---- */

/* Waits until the channel can be read or written. */
static Io wait_channel(AxcWorker *w, AxcSamples *s, AxcDiag *d, short events, double deadline)
{
	for (;;) {
		struct pollfd p[2] = {{w->channel, events, 0}, {w->log, POLLIN, 0}};
		int n = poll(p, 2, w->log >= 0 ? 100 : 10);
		drain_log(w, d);
		if (n > 0 && p[0].revents)
			return IO_OK;
		if (s->cfg->stop && *s->cfg->stop)
			return IO_STOPPED;
		if (now_seconds() > deadline)
			return IO_LATE;
	}
}

static Io put(AxcWorker *w, AxcSamples *s, AxcDiag *d, const void *data, size_t n, double deadline)
{
	for (const char *p = data; n;) {
		ssize_t done = send(w->channel, p, n, MSG_NOSIGNAL);
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		} else if (errno == EAGAIN) {
			Io io = wait_channel(w, s, d, POLLOUT, deadline);
			if (io != IO_OK)
				return io;
		} else if (errno != EINTR) {
			return IO_CLOSED;
		}
	}
	return IO_OK;
}

static Io get(AxcWorker *w, AxcSamples *s, AxcDiag *d, void *data, size_t n, double deadline)
{
	for (char *p = data; n;) {
		ssize_t done = recv(w->channel, p, n, 0);
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		} else if (done == 0 || (errno != EAGAIN && errno != EINTR)) {
			return IO_CLOSED;
		} else {
			Io io = wait_channel(w, s, d, POLLIN, deadline);
			if (io != IO_OK)
				return io;
		}
	}
	return IO_OK;
}

static void put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static Io put_frame(AxcWorker *w, AxcSamples *s, AxcDiag *d, const void *data, size_t n, double deadline)
{
	uint8_t head[4];
	put_u32(head, (uint32_t)n);
	Io io = put(w, s, d, head, sizeof head, deadline);
	return io == IO_OK ? put(w, s, d, data, n, deadline) : io;
}

/* One JSON reply; IO_CLOSED also for one that is too long or no JSON (then the worker is not ours). */
static Io get_reply(AxcWorker *w, AxcSamples *s, AxcDiag *d, const AxcJsonValue **ret)
{
	uint8_t head[4];
	Io io = get(w, s, d, head, sizeof head, w->deadline);
	if (io != IO_OK)
		return io;
	size_t n = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
	if (n > REPLY_BYTES)
		return IO_CLOSED;
	char *text = axc_alloc(d->arena, n + 1);
	io = get(w, s, d, text, n, now_seconds() + axc_worker_image_seconds);
	if (io != IO_OK)
		return io;
	AxcDiag own;
	axc_diag_init(&own, d->arena);
	return axc_json_parse(d->arena, &own, "reply", text, n, ret) ? IO_OK : IO_CLOSED;
}

/* ---- what went wrong, in words ---- */

/* How the process ended: "was killed by signal 11 (Segmentation fault)", "exited with status 1". */
static const char *ending(AxcWorker *w, AxcDiag *d)
{
	bool gone = reap(w, 2.0);
	drain_log(w, d);
	if (!gone) {
		axc_worker_end(w, false);
		return "closed its channel";
	}
	axc_worker_end(w, false);
	if (WIFSIGNALED(w->status))
		return axc_format(d->arena, "was killed by signal %d (%s)", WTERMSIG(w->status),
		                  strsignal(WTERMSIG(w->status)));
	if (WEXITSTATUS(w->status) == 127)
		return "could not be executed";
	return axc_format(d->arena, "exited with status %d", WEXITSTATUS(w->status));
}

static bool fail_io(AxcWorker *w, AxcSamples *s, AxcDiag *d, Io io, const char *doing, int seconds)
{
	if (io == IO_STOPPED) {
		axc_worker_end(w, false);
		return axc_samples_stopped(s, d);
	}
	if (io == IO_LATE) {
		drain_log(w, d);
		axc_worker_end(w, false);
		axc_fail(d, "the Python worker took longer than %d seconds %s", seconds, doing);
	} else {
		const char *how = ending(w, d);
		axc_fail(d, "the Python worker %s %s", how, doing);
	}
	if (w->log_n)
		axc_diag_traceback(d, w->log_text);
	return false;
}

/* Python's text, bounded and printable. */
static const char *text_of(AxcArena *arena, const AxcJsonValue *reply, const char *key)
{
	const AxcJsonValue *v = axc_json_get(reply, key);
	if (!v || v->kind != AXC_JSON_STRING || !v->string[0])
		return NULL;
	char *text = axc_strdup(arena, v->string);
	for (char *p = text; *p; p++)
		if (((unsigned char)*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
			*p = '?';
	return text;
}

static bool fail_reply(AxcDiag *d, const AxcJsonValue *reply, const char *name)
{
	const char *error = text_of(d->arena, reply, "error"), *hint = text_of(d->arena, reply, "hint");
	const char *traceback = text_of(d->arena, reply, "traceback");
	const char *module = text_of(d->arena, reply, "module");
	error = error ? error : "the Python worker sent a reply that is no answer";
	if (name)
		axc_fail(d, "image '%s': %s", name, error);
	else
		axc_fail(d, "%s", error);
	axc_diag_shapes(d, text_of(d->arena, reply, "found"), text_of(d->arena, reply, "wanted"));
	if (traceback)
		axc_diag_traceback(d, traceback);
	if (hint)
		axc_diag_hint(d, "%s", hint);
	else if (module && axc_python_package(module))
		axc_diag_hint(d, "install %s, or name another interpreter with --python",
		              axc_python_package(module));
	return false;
}

/* ---- start ---- */

static const char *hex(AxcArena *arena, const char *text)
{
	AxcText t = {.arena = arena};
	axc_text_str(&t, "");
	for (const char *p = text; *p; p++)
		axc_text_f(&t, "%02x", (unsigned char)*p);
	return t.at;
}

static const char *numpy_dtype(AxcDType dtype)
{
	return dtype == AXC_BOOL ? "bool" : axc_dtype_name(dtype);
}

static const char *configuration(AxcSamples *s, const char *file, const char *function)
{
	static const char *const colors[] = {"RGB", "BGR", "GRAY"};
	AxcText t = {.arena = s->arena};
	AxcJsonOut j = axc_json(&t);
	axc_json_object(&j, NULL);
	axc_json_str(&j, "transform", hex(s->arena, file));
	axc_json_str(&j, "function", function);
	axc_json_str(&j, "reader", s->cfg->reader == AXC_READER_PIL ? "PIL" : "OPENCV");
	axc_json_str(&j, "color", colors[s->cfg->color]);
	axc_json_str(&j, "layout", s->cfg->layout == AXC_LAYOUT_NCHW ? "NCHW" : "NHWC");
	axc_json_uint(&j, "seed", s->cfg->has_seed ? s->cfg->seed : 0);
	axc_json_array(&j, "inputs");
	for (uint32_t i = 0; i < s->n_inputs; i++) {
		const AxcValue *v = &s->g->values.at[s->g->inputs.at[i]];
		axc_json_object_row(&j, NULL);
		axc_json_str(&j, "name", axc_safe_name(s->arena, v->name));
		axc_json_str(&j, "dtype", numpy_dtype(v->dtype));
		axc_json_ints(&j, "shape", v->shape.dim, (size_t)v->shape.rank);
		axc_json_end(&j);
	}
	axc_json_end(&j);
	axc_json_end(&j);
	return t.at;
}

/* FILE[:FUNC]; a file name may contain colons, so the longest one that exists counts. */
static void split_transform(AxcArena *arena, const char *text, const char **ret_file, const char **ret_function)
{
	*ret_function = "get_preprocess_transform";
	*ret_file = "";
	if (!text)
		return;
	const char *colon = strrchr(text, ':');
	*ret_file = axc_path_absolute(arena, text);
	if (colon && !strchr(colon, '/') && !axc_exists(text)) {
		*ret_file = axc_path_absolute(arena, axc_strndup(arena, text, (size_t)(colon - text)));
		if (colon[1])
			*ret_function = colon + 1;
	}
}

bool axc_worker_start(AxcSamples *s, AxcDiag *d, const char *python, AxcWorker **ret_worker)
{
	const char *file, *function;
	split_transform(s->arena, s->cfg->transform, &file, &function);
	struct stat st = {.st_mode = S_IFREG};
	if (s->cfg->transform && (access(file, R_OK) != 0 || stat(file, &st) != 0 || !S_ISREG(st.st_mode))) {
		axc_fail(d, "cannot read the transform '%s': %s", axc_safe_name(d->arena, file),
		         S_ISREG(st.st_mode) ? strerror(errno) : "not a regular file");
		return axc_diag_hint(d, "--transform takes FILE or FILE:FUNCTION");
	}
	AxcWorker *w = AXC_NEW(s->arena, AxcWorker);
	*w = (AxcWorker){.channel = -1, .log = -1, .python = python};
	axc_arena_defer(s->arena, end_now, w);
	if (!spawn(s, d, w))
		return false;
	w->deadline = now_seconds() + axc_worker_start_seconds;
	const char *config = configuration(s, file, function);
	Io io = put_frame(w, s, d, axc_imageworker_py, axc_imageworker_py_bytes, w->deadline);
	if (io == IO_OK)
		io = put_frame(w, s, d, config, strlen(config), w->deadline);
	*ret_worker = w;
	if (io == IO_STOPPED)
		return fail_io(w, s, d, io, "", 0);
	return true; /* a worker that is gone already is found when it is greeted */
}

bool axc_worker_greet(AxcWorker *w, AxcSamples *s, AxcDiag *d, AxcWorkerHello *ret)
{
	const AxcJsonValue *reply = NULL;
	*ret = (AxcWorkerHello){0};
	Io io = get_reply(w, s, d, &reply);
	if (io == IO_LATE || io == IO_STOPPED)
		return fail_io(w, s, d, io, "to start and to import the transform", axc_worker_start_seconds);
	if (io == IO_CLOSED) {
		const char *how = ending(w, d);
		size_t end = w->log_n;
		while (end && w->log_text[end - 1] == '\n')
			w->log_text[--end] = 0;
		const char *last = strrchr(w->log_text, '\n');
		last = last ? last + 1 : w->log_text;
		ret->broken = axc_format(d->arena, *last ? "it %s: %.300s" : "it %s", how, last);
		return true;
	}
	const char *ready = text_of(d->arena, reply, "ready");
	ret->missing = text_of(d->arena, reply, "missing");
	ret->module = text_of(d->arena, reply, "module");
	if (ready) {
		axc_log(d, AXC_DEBUG, "%s: %s", w->python, ready);
		ret->ready = true;
		return true;
	}
	return ret->missing ? true : fail_reply(d, reply, NULL);
}

/* ---- pictures ---- */

bool axc_worker_request(AxcWorker *w, AxcSamples *s, AxcDiag *d, int64_t i, const char *path)
{
	size_t n = strlen(path);
	uint8_t *frame = axc_alloc(d->arena, n + 8);
	for (int k = 0; k < 8; k++)
		frame[k] = (uint8_t)((uint64_t)i >> 8 * k);
	memcpy(frame + 8, path, n);
	w->deadline = now_seconds() + axc_worker_image_seconds;
	Io io = put_frame(w, s, d, frame, n + 8, w->deadline);
	if (io == IO_OK || io == IO_CLOSED)
		return true; /* a closed channel is reported when the reply is awaited, with its image */
	return fail_io(w, s, d, io, "to take the next image", axc_worker_image_seconds);
}

AxcWorkerReply axc_worker_receive(AxcWorker *w, AxcSamples *s, AxcDiag *d, const char *name,
                                  const AxcInputs *into)
{
	const AxcJsonValue *reply = NULL;
	AxcWorkerReply r = {.take = AXC_TAKE_FAILED};
	Io io = get_reply(w, s, d, &reply);
	bool ok = io == IO_OK && axc_json_get(reply, "ok");
	for (uint32_t i = 0; ok && io == IO_OK && i < s->n_inputs; i++)
		io = get(w, s, d, into->at[i], s->bytes[i], now_seconds() + axc_worker_image_seconds);
	if (io != IO_OK) {
		fail_io(w, s, d, io, axc_format(d->arena, "on image '%s'", name), axc_worker_image_seconds);
		return r;
	}
	r.unusable = text_of(d->arena, reply, "unreadable");
	if (r.unusable) {
		r.take = AXC_TAKE_UNUSABLE;
		return r;
	}
	if (!ok) {
		fail_reply(d, reply, name);
		return r;
	}
	const AxcJsonValue *warnings = axc_json_get(reply, "warnings");
	if (warnings && warnings->kind == AXC_JSON_ARRAY && warnings->n)
		r.warning = warnings->item[0].kind == AXC_JSON_STRING ? warnings->item[0].string : NULL;
	r.take = AXC_TAKE_OK;
	return r;
}
