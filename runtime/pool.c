/* Threads behind axk_env.parallel. A call of a layer may take a few microseconds only, so workers spin
 * for a while before they sleep, and an item is claimed with one compare-and-swap.
 *
 * `ticket` holds a generation (upper half) and the next unclaimed item (lower half). A job is published by
 * closing the ticket (item CLOSED, new generation), writing the job's fields, and opening it with
 * another generation. Whoever read fields of one generation and the ticket of another fails the swap. The
 * caller returns when as many items are completed as the job has, so no worker touches a finished job.
 */
#include "runtime.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CLOSED UINT32_MAX
enum { SPINS = 2000, SPINS_BEFORE_YIELD = 200, CACHE_LINE = 64 };

struct RtPool {
	_Alignas(CACHE_LINE) _Atomic uint64_t ticket;
	_Atomic(void *) fn; /* void (*)(void *, int), kept as a pointer so that the load is lock-free */
	_Atomic(void *) arg;
	atomic_int n;
	_Alignas(CACHE_LINE) atomic_int completed;
	_Alignas(CACHE_LINE) _Atomic uint32_t wake; /* futex: changes to wake sleepers */
	atomic_int sleepers;
	atomic_bool stop;
	int spins;
	unsigned workers;
	pthread_t threads[];
};

static _Thread_local bool inside; /* this thread runs an item: nested calls are serial */

static void futex(_Atomic uint32_t *word, int operation, uint32_t value)
{
	syscall(SYS_futex, (uint32_t *)word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Runs items as long as there are unclaimed ones; false: there was none. */
static bool run_items(RtPool *pool)
{
	bool any = false;
	for (;;) {
		uint64_t ticket = atomic_load_explicit(&pool->ticket, memory_order_acquire);
		uint32_t i = (uint32_t)ticket;
		/* acquire: what shows a newer job shows its closed ticket too, and the swap fails */
		if (i >= (uint32_t)atomic_load_explicit(&pool->n, memory_order_acquire) || i == CLOSED)
			return any;
		void *fn = atomic_load_explicit(&pool->fn, memory_order_acquire);
		void *arg = atomic_load_explicit(&pool->arg, memory_order_acquire);
		if (!atomic_compare_exchange_weak_explicit(&pool->ticket, &ticket, ticket + 1,
		                                           memory_order_acq_rel, memory_order_relaxed))
			continue;
		any = true;
		((void (*)(void *, int))fn)(arg, (int)i);
		atomic_fetch_add_explicit(&pool->completed, 1, memory_order_release);
	}
}

static void sleep_until_work(RtPool *pool)
{
	uint32_t wake = atomic_load(&pool->wake);
	atomic_fetch_add(&pool->sleepers, 1);
	uint32_t i = (uint32_t)atomic_load(&pool->ticket);
	bool idle = i == CLOSED || i >= (uint32_t)atomic_load(&pool->n);
	if (idle && !atomic_load(&pool->stop))
		futex(&pool->wake, FUTEX_WAIT, wake);
	atomic_fetch_sub(&pool->sleepers, 1);
}

static void *worker(void *arg)
{
	RtPool *pool = arg;
	rt_float_default(); /* a new thread inherits its creator's mode */
	inside = true;
	int spins = 0;
	while (!atomic_load_explicit(&pool->stop, memory_order_relaxed)) {
		if (run_items(pool)) {
			spins = 0;
		} else if (spins++ < pool->spins) {
			relax();
		} else {
			sleep_until_work(pool);
			spins = 0;
		}
	}
	return NULL;
}

static void wake_sleepers(RtPool *pool)
{
	if (atomic_load(&pool->sleepers) > 0) {
		atomic_fetch_add(&pool->wake, 1);
		futex(&pool->wake, FUTEX_WAKE, INT_MAX);
	}
}

int rt_pool_parallel(void *ctx, void (*fn)(void *arg, int i), void *arg, int n)
{
	RtPool *pool = ctx;
	if (!pool || inside || n <= 1) {
		for (int i = 0; i < n; i++)
			fn(arg, i);
		return 0;
	}
	uint64_t generation = atomic_load_explicit(&pool->ticket, memory_order_relaxed) >> 32;
	atomic_store_explicit(&pool->ticket, (generation + 1) << 32 | CLOSED, memory_order_seq_cst);
	atomic_store_explicit(&pool->fn, (void *)fn, memory_order_release);
	atomic_store_explicit(&pool->arg, arg, memory_order_release);
	atomic_store_explicit(&pool->n, n, memory_order_release);
	atomic_store_explicit(&pool->completed, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->ticket, (generation + 2) << 32, memory_order_seq_cst);
	wake_sleepers(pool);
	inside = true;
	run_items(pool);
	inside = false;
	for (int spins = 0; atomic_load_explicit(&pool->completed, memory_order_acquire) < n; spins++) {
		if (spins < SPINS_BEFORE_YIELD)
			relax();
		else
			sched_yield();
	}
	return 0;
}

bool rt_thread_new(pthread_t *ret_thread, void *(*fn)(void *arg), void *arg)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	bool ok = pthread_create(ret_thread, NULL, fn, arg) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ok;
}

RtPool *rt_pool_new(unsigned threads)
{
	unsigned wanted = threads > 1 ? threads - 1 : 0;
	size_t bytes = sizeof(RtPool) + wanted * sizeof(pthread_t);
	RtPool *pool = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
	if (!pool)
		return NULL;
	*pool = (RtPool){.ticket = CLOSED, .spins = threads <= rt_cpu_count() ? SPINS : 1};
	while (pool->workers < wanted && rt_thread_new(&pool->threads[pool->workers], worker, pool))
		pool->workers++;
	if (pool->workers == 0) {
		free(pool);
		return NULL;
	}
	return pool;
}

void rt_pool_free(RtPool *pool)
{
	if (!pool)
		return;
	atomic_store(&pool->stop, true);
	atomic_fetch_add(&pool->wake, 1);
	futex(&pool->wake, FUTEX_WAKE, INT_MAX);
	for (unsigned i = 0; i < pool->workers; i++)
		pthread_join(pool->threads[i], NULL);
	free(pool);
}
