/* Building the shared object: the user's C compiler, started without a shell. */
#include "emit/emit.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MAX_FLAGS = 256, MAX_OUTPUT = 16 * 1024 };

static bool is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static const char *on_path(AxcArena *arena, const char *name)
{
	const char *path = getenv("PATH");
	if (strchr(name, '/'))
		return is_program(name) ? name : NULL;
	while (path && *path) {
		size_t n = strcspn(path, ":");
		const char *file = axc_path_join(arena, n ? axc_strndup(arena, path, n) : ".", name);
		if (is_program(file))
			return file;
		path += n + (path[n] == ':');
	}
	return NULL;
}

bool axc_find_cc(AxcArena *arena, AxcDiag *d, const char *cc, const char **ret_path)
{
	static const char *const usual[] = {"cc", "gcc", "clang"};
	*ret_path = NULL;
	if (cc && *cc) {
		*ret_path = on_path(arena, cc);
		if (*ret_path)
			return true;
		axc_fail_as(d, AXC_TIR_TO_RUNTIME_ERROR, "the C compiler '%s' (property cc) was not found",
		            axc_safe_name(arena, cc));
		return axc_diag_hint(d, "install it, change the property, or use --set build_kernel=false to get the C file only");
	}
	for (size_t i = 0; i < AXC_COUNT(usual) && !*ret_path; i++)
		*ret_path = on_path(arena, usual[i]);
	if (*ret_path)
		return true;
	axc_fail_as(d, AXC_TIR_TO_RUNTIME_ERROR, "no C compiler on PATH (looked for cc, gcc, clang)");
	return axc_diag_hint(d, "install gcc, name one with --set cc=PATH, or use --set build_kernel=false to get the C file only");
}

/* Reads what the compiler says, at most MAX_OUTPUT of it, until it closes its end. */
static void collect(int fd, AxcText *out)
{
	char buf[4096];
	for (;;) {
		ssize_t n = read(fd, buf, sizeof buf);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		if (out->n < MAX_OUTPUT)
			axc_text_add(out, buf, (size_t)n);
	}
}

static bool run(AxcDiag *d, const char *const *argv, AxcText *output, int *ret_status)
{
	int fds[2];
	pid_t pid;
	if (pipe2(fds, O_CLOEXEC) != 0)
		return axc_fail_as(d, AXC_TIR_TO_RUNTIME_ERROR, "cannot make a pipe: %s", strerror(errno));
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 2);
	int error = posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (error) {
		close(fds[0]);
		return axc_fail_as(d, AXC_TIR_TO_RUNTIME_ERROR, "cannot start '%s': %s", argv[0], strerror(error));
	}
	collect(fds[0], output);
	close(fds[0]);
	while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
		;
	return true;
}

/* The first bytes of an ELF file up to the machine; false: it is none. */
static bool elf_head(const char *path, unsigned char head[20])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && read(fd, head, 20) == 20 && memcmp(head, ELFMAG, SELFMAG) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

bool axc_so_is_for_this_machine(const char *path)
{
	unsigned char a[20], b[20];
	return !elf_head("/proc/self/exe", a) || !elf_head(path, b) ||
	       (a[EI_CLASS] == b[EI_CLASS] && a[EI_DATA] == b[EI_DATA] && memcmp(a + 18, b + 18, 2) == 0);
}

/* A compiler that ends well without having made a library was told to do something else. */
static bool check_library(AxcDiag *d, const char *cc_path, const char *object)
{
	unsigned char head[20];
	bool little = elf_head(object, head) && head[EI_DATA] == ELFDATA2LSB;
	if (axc_exists(object) && elf_head(object, head) && head[little ? 16 : 17] == ET_DYN)
		return true;
	axc_fail_as(d, AXC_TIR_TO_RUNTIME_ERROR, "the C compiler '%s' ended without an error but made no shared library of "
	            "kernel_function.c", axc_safe_name(d->arena, cc_path));
	return axc_diag_hint(d, "check the properties cc and cflags; --set build_kernel=false leaves the C file for you to build");
}

bool axc_build_so(AxcArena *arena, AxcDiag *d, const char *cc_path, const char *cflags,
                  const AxcTarget *target, const char *dir)
{
	(void)target;
	const char *argv[MAX_FLAGS + 16];
	const char *source = axc_path_join(arena, axc_path_absolute(arena, dir), "kernel_function.c");
	const char *object = axc_path_join(arena, axc_path_absolute(arena, dir), "kernel_function.so");
	int n = 0;
	argv[n++] = cc_path;
	argv[n++] = "-O2";
	argv[n++] = "-fPIC";
	argv[n++] = "-shared";
	for (const char *at = cflags ? cflags : ""; *at;) {
		size_t k = strcspn(at, " \t\n");
		if (k && n >= MAX_FLAGS)
			return axc_fail_as(d, AXC_TIR_TO_RUNTIME_ERROR, "property cflags has more than %d flags", MAX_FLAGS);
		if (k)
			argv[n++] = axc_strndup(arena, at, k);
		at += k;
		at += *at != 0;
	}
	argv[n++] = "-o";
	argv[n++] = object;
	argv[n++] = source;
	argv[n] = NULL;
	AxcText output = {.arena = arena};
	int status = 0;
	axc_text_str(&output, "");
	if (!run(d, argv, &output, &status))
		return false;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return check_library(d, cc_path, object);
	axc_log(d, AXC_DEBUG, "the C compiler said:\n%s", output.at);
	output.at[AXC_MIN(output.n, (size_t)1500)] = 0;
	axc_fail_as(d, AXC_TIR_TO_RUNTIME_ERROR, "the C compiler '%s' failed on kernel_function.c: %s", cc_path, output.at);
	return axc_diag_hint(d, "check the properties cc and cflags; --set build_kernel=false leaves the C file for you to build");
}
