/* What every other folder stands on: arenas, growing arrays, text buffers, checked sizes, files,
 * and the diagnostics that a user finally reads. Knows nothing of networks.
 *
 * Memory: one AxcArena per compile (and one per worker thread). Allocation never returns NULL: when
 * memory runs out the arena jumps to its recovery point, set once by whoever made the arena (the
 * driver's stage runner, a test's main, a thread's entry). Whatever is not plain memory (an open
 * file, a mapping, a child process, a library object) registers a cleanup with the arena, so a jump
 * leaks nothing. Functions therefore need no "free on error" paths for arena memory.
 *
 * Errors: functions that can fail return bool (true = done) and have filled the AxcDiag they were
 * given: `return axc_fail(d, "…")`. One sentence, the value found and the value wanted in it, then
 * axc_diag_node / _shapes / _hint add the rest. Libraries never print and never exit.
 */
#ifndef AXC_BASE_H
#define AXC_BASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define AXC_PRINTF(a, b) __attribute__((format(printf, a, b)))
#define AXC_CHECKED __attribute__((warn_unused_result))
#define AXC_COUNT(a) (sizeof(a) / sizeof(*(a)))
#define AXC_MIN(a, b) ((a) < (b) ? (a) : (b))
#define AXC_MAX(a, b) ((a) > (b) ? (a) : (b))

/* ---- status: how a run ended (names and meanings: docs/artifacts.md) ---- */

typedef enum AxcStatus {
	AXC_SUCCEEDED,
	AXC_INITIALIZE_CLI_ERROR,
	AXC_ONNX_GRAPH_CLEANER_ERROR,
	AXC_QTOOLS_ERROR,
	AXC_GRAPH_EXPORTER_ERROR,
	AXC_TVM_FRONTEND_ERROR,
	AXC_TOP_LEVEL_QUANTIZE_ERROR,
	AXC_LOWER_FRONTEND_ERROR,
	AXC_FRONTEND_TO_MIDEND_ERROR,
	AXC_LOWER_MIDEND_ERROR,
	AXC_MIDEND_TO_TIR_ERROR,
	AXC_LOWER_TIR_ERROR,
	AXC_TIR_TO_RUNTIME_ERROR,
	AXC_TOP_LEVEL_LOWER_ERROR,
	AXC_STATUS_COUNT
} AxcStatus;

const char *axc_status_name(AxcStatus status);

/* ---- arena (arena.c) ---- */

typedef struct AxcArena AxcArena;

/* A new arena, or NULL when not even that fits. `oom` may be NULL (then running out aborts). */
AxcArena *axc_arena_new(jmp_buf *oom);
/* Runs the cleanups, newest first, and frees everything. NULL is fine. */
void axc_arena_free(AxcArena *arena);
/* An arena for what one step needs only: runs out of memory as its parent does, and goes with it at the latest.
 * Only the thread that uses the parent may make and free it. */
AxcArena *axc_arena_child(AxcArena *parent);
void axc_arena_child_free(AxcArena *child);
/* Zeroed, aligned to 64 bytes when bytes >= 64, else to 16. Never NULL; bytes may be 0. */
void *axc_alloc(AxcArena *arena, size_t bytes);
/* count * size with the overflow check (an overflow counts as out of memory). */
void *axc_alloc_array(AxcArena *arena, size_t count, size_t size);
/* An allocation of that many bytes goes back early if it is large (over 16 KiB); smaller ones stay. */
void axc_free_large(AxcArena *arena, void *at, size_t bytes);
char *axc_strdup(AxcArena *arena, const char *text);
char *axc_strndup(AxcArena *arena, const char *text, size_t bytes);
char *axc_format(AxcArena *arena, const char *format, ...) AXC_PRINTF(2, 3);
char *axc_vformat(AxcArena *arena, const char *format, va_list args);
void *axc_memdup(AxcArena *arena, const void *data, size_t bytes);
/* fn(ptr) runs when the arena is freed. */
void axc_arena_defer(AxcArena *arena, void (*fn)(void *), void *ptr);
/* visit(ptr, ctx) for everything that waits for this fn, newest first. */
void axc_arena_each_deferred(const AxcArena *arena, void (*fn)(void *), void (*visit)(void *ptr, void *ctx), void *ctx);
/* Bytes held now and the most ever held. */
size_t axc_arena_bytes(const AxcArena *arena);
size_t axc_arena_peak_bytes(const AxcArena *arena);
/* What an allocation failure does; for libraries whose own allocator failed (protobuf-c, libzip). */
_Noreturn void axc_out_of_memory(AxcArena *arena);

#define AXC_NEW(arena, T) ((T *)axc_alloc((arena), sizeof(T)))
#define AXC_NEW_ARRAY(arena, T, n) ((T *)axc_alloc_array((arena), (n), sizeof(T)))

/* ---- growing arrays: any struct with {T *at; uint32_t n, cap;} ---- */

#define AXC_ARRAY(T) \
	struct { \
		T *at; \
		uint32_t n, cap; \
	}
#define AXC_PUSH(arena, array, value) \
	do { \
		if ((array)->n == (array)->cap) \
			(array)->at = axc_grow((arena), (array)->at, (array)->n, &(array)->cap, \
			                       sizeof(*(array)->at)); \
		(array)->at[(array)->n++] = (value); \
	} while (0)
void *axc_grow(AxcArena *arena, void *at, uint32_t n, uint32_t *cap, size_t size);

/* ---- hash map from strings to uint32 (map.c); 0 means absent ---- */

typedef struct AxcMap {
	AxcArena *arena;
	const char **keys;
	uint32_t *values;
	uint32_t cap, n;
} AxcMap;

uint32_t axc_map_get(const AxcMap *map, const char *key);
/* The key's memory must live as long as the map. Overwrites. */
void axc_map_put(AxcMap *map, AxcArena *arena, const char *key, uint32_t value);

/* ---- text buffer (text.c) ---- */

typedef struct AxcText {
	AxcArena *arena;
	char *at; /* always NUL-terminated once something was added */
	size_t n, cap;
} AxcText;

/* What `at` was before may be gone afterwards. */
void axc_text_add(AxcText *text, const char *data, size_t bytes);
void axc_text_str(AxcText *text, const char *string);
void axc_text_f(AxcText *text, const char *format, ...) AXC_PRINTF(2, 3);
/* Shortest decimal that reads back to the same float / double; "nan", "inf", "-inf"; never a decimal comma. */
void axc_text_float(AxcText *text, float value);
void axc_text_double(AxcText *text, double value);
/* name with everything but [A-Za-z0-9_.:/-] as \xNN, cut at 200 characters: for C, HTML, terminals. */
const char *axc_safe_name(AxcArena *arena, const char *name);
/* Locale-free strtod over the whole string; false if anything is left over. */
AXC_CHECKED bool axc_parse_double(const char *text, double *ret_value);
AXC_CHECKED bool axc_parse_int64(const char *text, int64_t *ret_value);
/* The candidate closest to `text` by edit distance if close enough to suggest, else NULL. */
const char *axc_closest(const char *text, const char *const *candidates, size_t n);

/* ---- checked arithmetic: false on overflow ---- */

static inline bool axc_mul_size(size_t a, size_t b, size_t *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}
static inline bool axc_add_size(size_t a, size_t b, size_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}
static inline size_t axc_align_up(size_t n, size_t align)
{
	return (n + align - 1) / align * align;
}

/* ---- diagnostics (diag.c) ---- */

typedef enum AxcLevel { AXC_TRACE, AXC_DEBUG, AXC_INFO, AXC_WARNING, AXC_ERROR } AxcLevel;

typedef struct AxcError {
	AxcStatus status;
	const char *message; /* one human sentence */
	const char *node;    /* ONNX node name as in the file, or NULL */
	const char *op;      /* its operator, or NULL */
	const char *found;   /* shapes or values, or NULL */
	const char *wanted;
	const char *hint;    /* what to try, or NULL */
	const char *traceback; /* of the user's Python, or NULL */
	const char *file; /* line in the compiler, shown with -v */
	int line;
} AxcError;

typedef struct AxcDiag {
	AxcArena *arena;
	AxcStatus stage_status; /* what an error means in the running stage */
	const char *stage;      /* "import", "clean", … */
	bool failed;
	AxcError error; /* the first error of the run; later ones are logged only */
	AXC_ARRAY(AxcError) more;           /* further errors, where all are collected (--check) */
	AXC_ARRAY(const char *) warnings;   /* each once; also in the reports */
	/* Called for every message; the driver prints and writes the log. NULL: dropped. */
	void (*sink)(void *ctx, AxcLevel level, const char *text);
	void *sink_ctx;
} AxcDiag;

void axc_diag_init(AxcDiag *d, AxcArena *arena);
/* Records an error under the running stage's status; always false. */
#define axc_fail(d, ...) axc_fail_at((d), (d)->stage_status, __FILE__, __LINE__, __VA_ARGS__)
#define axc_fail_as(d, status, ...) axc_fail_at((d), (status), __FILE__, __LINE__, __VA_ARGS__)
bool axc_fail_at(AxcDiag *d, AxcStatus status, const char *file, int line, const char *format, ...)
	AXC_PRINTF(5, 6);
/* Add to the error recorded last; always false, so they chain: `return axc_diag_hint(d, "…")`. */
bool axc_diag_node(AxcDiag *d, const char *node, const char *op);
bool axc_diag_shapes(AxcDiag *d, const char *found, const char *wanted);
bool axc_diag_hint(AxcDiag *d, const char *format, ...) AXC_PRINTF(2, 3);
bool axc_diag_traceback(AxcDiag *d, const char *text);
void axc_warn(AxcDiag *d, const char *format, ...) AXC_PRINTF(2, 3);
void axc_log(AxcDiag *d, AxcLevel level, const char *format, ...) AXC_PRINTF(3, 4);

/* ---- files (file.c): every write, fsync and rename of the compiler goes through here ---- */

/* Maps a file read-only until the arena is freed; an empty file gives a valid pointer and 0 bytes.
 * `what` names it in messages ("model", "configuration"). Refuses directories, FIFOs, > max_bytes. */
AXC_CHECKED bool axc_map_file(AxcArena *arena, AxcDiag *d, const char *what, const char *path,
                              size_t max_bytes, const uint8_t **ret_data, size_t *ret_bytes);
/* Writes PATH through PATH.tmp-PID, fsync, rename; on failure nothing is left behind. */
AXC_CHECKED bool axc_write_file(AxcDiag *d, const char *path, const void *data, size_t bytes);
typedef struct AxcPiece {
	const void *data;
	size_t bytes;
} AxcPiece;
/* The same for content that lies in several places. */
AXC_CHECKED bool axc_write_pieces(AxcDiag *d, const char *path, const AxcPiece *pieces, int n);
/* The arena's mapped files take no memory until they are read again. */
void axc_map_forget(const AxcArena *arena);
/* The bytes lie in a mapped file of the arena. Such bytes alone may be given to axc_map_drop: these take no
 * memory until they are read again. */
bool axc_map_has(const AxcArena *arena, const void *data, size_t bytes);
void axc_map_drop(const void *data, size_t bytes);
/* A copy through `to`.tmp-PID, fsync, rename, in small pieces; `what` names the source in messages. */
AXC_CHECKED bool axc_copy_file(AxcDiag *d, const char *what, const char *from, const char *to);
AXC_CHECKED bool axc_make_dir(AxcDiag *d, const char *path); /* with parents; existing is fine */
AXC_CHECKED bool axc_rename(AxcDiag *d, const char *from, const char *to);
bool axc_remove_tree(const char *path); /* false if something is left; a missing path is fine */
bool axc_exists(const char *path);
const char *axc_path_join(AxcArena *arena, const char *dir, const char *name);
const char *axc_path_dir(AxcArena *arena, const char *path);
const char *axc_path_base(const char *path);
const char *axc_path_absolute(AxcArena *arena, const char *path);

/* Stable 64-bit content hash (FNV-1a over 8-byte words, finalised), for artifact lists and .bin checks. */
uint64_t axc_hash(const void *data, size_t bytes);

/* ---- parallel loop (parallel.c): fn(ctx, i, worker) for i in 0..n-1 on up to `jobs` threads ---- */

/* Results must not depend on the order. Worker numbers are 0..jobs-1. Runs serially if threads fail to start. */
void axc_parallel(int jobs, int64_t n, void (*fn)(void *ctx, int64_t i, int worker), void *ctx);
/* Cores this process may use: affinity and cgroup quota respected, at least 1. */
int axc_cpu_count(void);

#endif
