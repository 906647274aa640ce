/* A parallel loop over a shared counter, and how many cores there are to use. */
#include "base/base.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { MAX_JOBS = 256 };

typedef struct Loop {
	void (*fn)(void *ctx, int64_t i, int worker);
	void *ctx;
	int64_t n;
	_Atomic int64_t next;
	atomic_int workers;
} Loop;

static void *run_loop(void *arg)
{
	Loop *loop = arg;
	int worker = atomic_fetch_add(&loop->workers, 1);
	for (;;) {
		int64_t i = atomic_fetch_add(&loop->next, 1);
		if (i >= loop->n)
			return NULL;
		loop->fn(loop->ctx, i, worker);
	}
}

void axc_parallel(int jobs, int64_t n, void (*fn)(void *ctx, int64_t i, int worker), void *ctx)
{
	Loop loop = {.fn = fn, .ctx = ctx, .n = n};
	pthread_t threads[MAX_JOBS];
	int started = 0;
	jobs = (int)AXC_MIN((int64_t)AXC_MIN(jobs, MAX_JOBS), n);
	/* signals go to the main thread alone */
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	while (started < jobs - 1 && pthread_create(&threads[started], NULL, run_loop, &loop) == 0)
		started++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	run_loop(&loop);
	while (started > 0)
		pthread_join(threads[--started], NULL);
}

static int cgroup_cores(void)
{
	FILE *f = fopen("/sys/fs/cgroup/cpu.max", "r");
	if (!f)
		return MAX_JOBS;
	long quota = 0, period = 0;
	int got = fscanf(f, "%ld %ld", &quota, &period);
	fclose(f);
	if (got != 2 || quota <= 0 || period <= 0)
		return MAX_JOBS;
	return (int)AXC_MAX(1, AXC_MIN((quota + period - 1) / period, MAX_JOBS));
}

int axc_cpu_count(void)
{
	cpu_set_t set;
	int n = 1;
	if (sched_getaffinity(0, sizeof set, &set) == 0)
		n = CPU_COUNT(&set);
	n = AXC_MIN(n, cgroup_cores());
	return AXC_MAX(1, AXC_MIN(n, MAX_JOBS));
}
