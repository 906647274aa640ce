/* Buffers whose misuse is seen: a canary before them, AXK_SLACK readable bytes behind (none behind what may be
 * the caller's own memory), then a page that must not be touched. */
#include "tests/kernels/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096, CANARY = 0xa5 };

void guarded_new(Guarded *g, size_t bytes, size_t align, size_t slack)
{
	size_t body = (bytes + slack + PAGE + align - 1) / PAGE * PAGE + PAGE;
	g->map_bytes = body + PAGE;
	g->map = mmap(NULL, g->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (g->map == MAP_FAILED || mprotect(g->map + body, PAGE, PROT_NONE) != 0) {
		perror("axk-check: mmap");
		exit(2);
	}
	memset(g->map, CANARY, body);
	g->bytes = bytes;
	g->data = g->map + (body - slack - bytes) / align * align;
}

bool guarded_intact(const Guarded *g)
{
	const uint8_t *end = g->map + g->map_bytes - PAGE;
	for (const uint8_t *p = g->map; p < g->data; p++)
		if (*p != CANARY)
			return false;
	for (const uint8_t *p = g->data + g->bytes; p < end; p++)
		if (*p != CANARY)
			return false;
	return true;
}

void guarded_free(Guarded *g)
{
	munmap(g->map, g->map_bytes);
	*g = (Guarded){0};
}
