/* Arena: chunks of 64 KiB for small things, a block of its own for anything larger, a list of
 * cleanups. Released whole. With AddressSanitizer all that was not asked for is poisoned, with a gap between
 * neighbours: otherwise it would see nothing of what runs over inside a chunk. */
#include "base/base.h"
#include "base/fault.h"

#include <stdlib.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define AXC_ASAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define AXC_ASAN 1
#endif
#ifdef AXC_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(at, bytes) __asan_poison_memory_region(at, bytes)
#define UNPOISON(at, bytes) __asan_unpoison_memory_region(at, bytes)
enum { GAP_BYTES = 16 };
#else
#define POISON(at, bytes) ((void)(at), (void)(bytes))
#define UNPOISON(at, bytes) ((void)(at), (void)(bytes))
enum { GAP_BYTES = 0 };
#endif

enum { CHUNK_BYTES = 64 * 1024 };

typedef struct Block {
	struct Block *next;
	size_t bytes;
} Block;

typedef struct Cleanup {
	struct Cleanup *next;
	void (*fn)(void *);
	void *ptr;
} Cleanup;

struct AxcArena {
	Block *blocks;
	Cleanup *cleanups;
	char *at, *end; /* free part of the current chunk */
	size_t held, peak;
	jmp_buf *oom;
	struct AxcArena **in_parent; /* of a child: what the parent frees */
};

AxcArena *axc_arena_new(jmp_buf *oom)
{
	AxcArena *arena = calloc(1, sizeof *arena);
	if (arena)
		arena->oom = oom;
	return arena;
}

void axc_arena_free(AxcArena *arena)
{
	if (!arena)
		return;
	while (arena->cleanups) {
		Cleanup *c = arena->cleanups;
		arena->cleanups = c->next;
		c->fn(c->ptr);
	}
	while (arena->blocks) {
		Block *b = arena->blocks;
		arena->blocks = b->next;
		free(b);
	}
	free(arena);
}

static void free_child(void *held)
{
	axc_arena_free(*(AxcArena **)held);
}

AxcArena *axc_arena_child(AxcArena *parent)
{
	AxcArena **held = AXC_NEW(parent, AxcArena *);
	axc_arena_defer(parent, free_child, held);
	*held = axc_fault_calloc(sizeof **held);
	if (!*held)
		axc_out_of_memory(parent);
	(*held)->oom = parent->oom;
	(*held)->in_parent = held;
	return *held;
}

void axc_arena_child_free(AxcArena *child)
{
	*child->in_parent = NULL;
	axc_arena_free(child);
}

_Noreturn void axc_out_of_memory(AxcArena *arena)
{
	if (arena->oom)
		longjmp(*arena->oom, 1);
	abort();
}

static char *new_block(AxcArena *arena, size_t bytes)
{
	size_t total;
	if (!axc_add_size(bytes, 64 + 64, &total))
		axc_out_of_memory(arena);
	Block *b = axc_fault_calloc(total);
	if (!b)
		axc_out_of_memory(arena);
	b->next = arena->blocks;
	b->bytes = total;
	arena->blocks = b;
	arena->held += total;
	arena->peak = AXC_MAX(arena->peak, arena->held);
	char *at = (char *)axc_align_up((size_t)(b + 1), 64), *end = (char *)b + total;
	POISON(at + bytes, (size_t)(end - at) - bytes);
	return at;
}

void *axc_alloc(AxcArena *arena, size_t bytes)
{
	size_t align = bytes >= 64 ? 64 : 16;
#ifdef AXC_FAULT /* every allocation can be the one that needs a new block */
	if (axc_fault_now())
		axc_out_of_memory(arena);
#endif
	if (bytes > CHUNK_BYTES / 4)
		return new_block(arena, bytes);
	char *p = (char *)axc_align_up((size_t)arena->at, align);
	if (!arena->at || p > arena->end || (size_t)(arena->end - p) < bytes) {
		p = new_block(arena, CHUNK_BYTES);
		arena->end = p + CHUNK_BYTES;
		POISON(p, CHUNK_BYTES);
	}
	UNPOISON(p, bytes);
	arena->at = p + bytes + GAP_BYTES;
	return p;
}

/* Gives a block of its own back early: what a growing text leaves behind. */
void axc_free_large(AxcArena *arena, void *at, size_t bytes)
{
	if (bytes <= CHUNK_BYTES / 4)
		return;
	for (Block **b = &arena->blocks; *b; b = &(*b)->next) {
		if ((char *)axc_align_up((size_t)(*b + 1), 64) != at)
			continue;
		Block *found = *b;
		*b = found->next;
		arena->held -= found->bytes;
		free(found);
		return;
	}
}

void *axc_alloc_array(AxcArena *arena, size_t count, size_t size)
{
	size_t bytes;
	if (!axc_mul_size(count, size, &bytes))
		axc_out_of_memory(arena);
	return axc_alloc(arena, bytes);
}

void *axc_memdup(AxcArena *arena, const void *data, size_t bytes)
{
	void *p = axc_alloc(arena, bytes);
	if (bytes)
		memcpy(p, data, bytes);
	return p;
}

char *axc_strndup(AxcArena *arena, const char *text, size_t bytes)
{
	char *p = axc_alloc(arena, bytes + 1);
	if (bytes)
		memcpy(p, text, bytes);
	return p;
}

char *axc_strdup(AxcArena *arena, const char *text)
{
	return axc_strndup(arena, text, strlen(text));
}

char *axc_vformat(AxcArena *arena, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0)
		return axc_strdup(arena, "(unprintable)");
	char *p = axc_alloc(arena, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, format, args);
	return p;
}

char *axc_format(AxcArena *arena, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *p = axc_vformat(arena, format, args);
	va_end(args);
	return p;
}

void axc_arena_defer(AxcArena *arena, void (*fn)(void *), void *ptr)
{
	Cleanup *c = AXC_NEW(arena, Cleanup);
	*c = (Cleanup){arena->cleanups, fn, ptr};
	arena->cleanups = c;
}

void axc_arena_each_deferred(const AxcArena *arena, void (*fn)(void *), void (*visit)(void *ptr, void *ctx), void *ctx)
{
	for (const Cleanup *c = arena->cleanups; c; c = c->next)
		if (c->fn == fn)
			visit(c->ptr, ctx);
}

size_t axc_arena_bytes(const AxcArena *arena)
{
	return arena->held;
}

size_t axc_arena_peak_bytes(const AxcArena *arena)
{
	return arena->peak;
}

void *axc_grow(AxcArena *arena, void *at, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t want = *cap ? *cap * 2 : 8;
	if (want <= *cap)
		axc_out_of_memory(arena);
	void *p = axc_alloc_array(arena, want, size);
	if (n)
		memcpy(p, at, (size_t)n * size);
	*cap = want;
	return p;
}
