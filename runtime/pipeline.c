/* Pipeline mode: the network's steps in consecutive stages, each the work of one thread, so that a core keeps
 * the weights of its stage in its cache while frames pass through. With fewer threads than stages a
 * thread has several neighbouring ones. A frame waits in the queue of the next thread; a stage takes long
 * compared with a wake-up, so queues are plain lists under one lock. */
#include "runtime.h"

#include <stdlib.h>

typedef struct Worker {
	struct RtPipeline *pipeline;
	unsigned begin, end; /* stages */
	RtSlot *first, *last;
	pthread_cond_t ready;
	pthread_t thread;
} Worker;

struct RtPipeline {
	RtInstance *instance;
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool stop;
	unsigned started, num_workers;
	Worker workers[];
};

static void append_locked(Worker *w, RtSlot *slot)
{
	slot->next = NULL;
	if (w->first)
		w->last->next = slot;
	else
		w->first = slot;
	w->last = slot;
	pthread_cond_signal(&w->ready);
}

static void run_stages(const Worker *w, RtSlot *slot)
{
	const RtInstance *in = w->pipeline->instance;
	uint64_t start = rt_now_ns(NULL);
	for (unsigned stage = w->begin; stage < w->end && slot->status == 0; stage++)
		slot->status = in->run_stage(&slot->env, in->constants, slot->workspace, slot->in, slot->out, (int)stage);
	slot->device_ns += rt_now_ns(NULL) - start;
}

static void *worker(void *arg)
{
	Worker *w = arg;
	RtPipeline *p = w->pipeline;
	rt_float_default(); /* a new thread inherits its creator's mode */
	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		RtSlot *slot = w->first;
		if (!slot) {
			pthread_cond_wait(&w->ready, &p->lock);
			continue;
		}
		w->first = slot->next;
		pthread_mutex_unlock(&p->lock);
		run_stages(w, slot);
		pthread_mutex_lock(&p->lock);
		if (w + 1 < p->workers + p->num_workers) {
			append_locked(w + 1, slot);
		} else {
			slot->done = true;
			pthread_cond_broadcast(&p->done);
		}
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

void rt_pipeline_run(RtPipeline *p, RtSlot *slot)
{
	pthread_mutex_lock(&p->lock);
	slot->done = false;
	slot->status = 0;
	slot->device_ns = 0;
	append_locked(&p->workers[0], slot);
	while (!slot->done)
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

RtPipeline *rt_pipeline_new(RtInstance *instance, unsigned threads)
{
	unsigned stages = instance->model->cores;
	RtPipeline *p = calloc(1, sizeof *p + threads * sizeof *p->workers);
	if (!p)
		return NULL;
	p->instance = instance;
	p->num_workers = threads;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->done, NULL);
	for (unsigned i = 0; i < threads; i++) {
		Worker *w = &p->workers[i];
		w->pipeline = p;
		w->begin = stages * i / threads;
		w->end = stages * (i + 1) / threads;
		pthread_cond_init(&w->ready, NULL);
	}
	while (p->started < threads && rt_thread_new(&p->workers[p->started].thread, worker, &p->workers[p->started]))
		p->started++;
	if (p->started == threads)
		return p;
	rt_pipeline_free(p);
	return NULL;
}

void rt_pipeline_free(RtPipeline *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	for (unsigned i = 0; i < p->num_workers; i++)
		pthread_cond_signal(&p->workers[i].ready);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->started; i++)
		pthread_join(p->workers[i].thread, NULL);
	for (unsigned i = 0; i < p->num_workers; i++)
		pthread_cond_destroy(&p->workers[i].ready);
	pthread_cond_destroy(&p->done);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
