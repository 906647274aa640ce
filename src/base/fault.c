/* Fault injection: with AXC_FAULT the environment variable AXC_FAULT_AT=k makes the k-th guarded
 * operation (allocation, write, fsync, rename) fail, and AXC_FAULT_COUNT=FILE receives how many there
 * were. AXC_FAULT_NAME=NAME makes one kind of decision go wrong always: for statuses that a correct compiler
 * has no cause for. Without AXC_FAULT these are the plain functions. */
#include "base/fault.h"

#include <stdlib.h>

#ifdef AXC_FAULT
#include <stdatomic.h>

static atomic_long fault_seen;

static void fault_report(void)
{
	const char *path = getenv("AXC_FAULT_COUNT");
	FILE *f = path ? fopen(path, "w") : NULL;
	if (f) {
		fprintf(f, "%ld\n", atomic_load(&fault_seen));
		fclose(f);
	}
}

bool axc_fault_now(void)
{
	static long at = -1;
	if (at < 0) {
		const char *text = getenv("AXC_FAULT_AT");
		at = text ? atol(text) : 0;
		atexit(fault_report);
	}
	long k = atomic_fetch_add(&fault_seen, 1) + 1;
	return at > 0 && k == at;
}

bool axc_fault_named(const char *name)
{
	const char *wanted = getenv("AXC_FAULT_NAME");
	return wanted && strcmp(wanted, name) == 0;
}
#else
bool axc_fault_named(const char *name)
{
	(void)name;
	return false;
}

bool axc_fault_now(void)
{
	return false;
}
#endif

void *axc_fault_malloc(size_t bytes)
{
	return axc_fault_now() ? NULL : malloc(bytes);
}

void *axc_fault_calloc(size_t bytes)
{
	return axc_fault_now() ? NULL : calloc(1, bytes);
}
