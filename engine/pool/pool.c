/* pool.c - ordered worker pool with bounded memory */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/pool/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum slot_state {
	SLOT_FREE,    /* the producer may fill it */
	SLOT_READY,   /* a worker may take it */
	SLOT_WORKING, /* a worker has it */
	SLOT_DONE,    /* the consumer may take it */
};

struct slot {
	void *item;	       /* belongs to whoever the state says */
	enum slot_state state; /* under pool.lock */
};

/* A ring: ticket t lives in slot t % n_slots, so order needs no sorting. */
struct pool {
	const struct pool_ops *ops;
	void *arg;
	const atomic_int *stop;
	pthread_mutex_t lock; /* guards everything below but the items */
	/* What each role waits for; the end and a failure wake all of them. One wake-up per change:
	 * an empty disk has hundreds of thousands of items that are hardly any work. */
	pthread_cond_t space; /* the producer: a free slot */
	pthread_cond_t ready; /* the workers: a filled one */
	pthread_cond_t done;  /* the consumer: the next one is done */
	struct slot *slots;
	unsigned int n_slots;
	uint64_t produced; /* tickets filled so far; written by the producer */
	uint64_t taken;	   /* tickets given to workers; written by the workers */
	uint64_t consumed; /* tickets consumed; written by the consumer */
	bool closed;	   /* no more tickets will come */
	int failed;	   /* first error of a worker, the consumer or a stop; every wait looks */
	struct sv_err err; /* its story */
	int ended;	   /* error of produce: the run's, once what came before is consumed */
	struct sv_err end_story; /* both written by the producer, read when it is joined */
};

struct worker {
	struct pool *pool;
	void *ctx;
	pthread_t thread;
};

static void wake_all(struct pool *pool)
{
	pthread_cond_broadcast(&pool->space);
	pthread_cond_broadcast(&pool->ready);
	pthread_cond_broadcast(&pool->done);
}

static void pool_fail(struct pool *pool, int code, const struct sv_err *err)
{
	pthread_mutex_lock(&pool->lock);
	if (!pool->failed) {
		pool->failed = code;
		pool->err = *err;
	}
	pthread_mutex_unlock(&pool->lock);
	wake_all(pool);
}

static bool stop_wanted(const atomic_int *stop)
{
	return stop && atomic_load_explicit(stop, memory_order_relaxed);
}

static struct slot *slot_of(struct pool *pool, uint64_t ticket)
{
	return &pool->slots[ticket % pool->n_slots];
}

/* The slot of the next ticket when it is free; NULL when the pool failed. */
static struct slot *await_space(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	struct slot *slot = slot_of(pool, pool->produced);
	while (!pool->failed && slot->state != SLOT_FREE)
		pthread_cond_wait(&pool->space, &pool->lock);
	bool ok = !pool->failed;
	pthread_mutex_unlock(&pool->lock);
	return ok ? slot : NULL;
}

/* Fill one slot. Returns false when there is nothing more to do, for whatever reason. */
static bool produce_one(struct pool *pool)
{
	struct slot *slot = await_space(pool);
	if (!slot)
		return false;

	if (stop_wanted(pool->stop)) {
		struct sv_err err = {0};
		pool_fail(pool, sv_fail_stopped(&err, ""), &err);
		return false;
	}
	int rc = pool->ops->produce(pool->arg, slot->item, &pool->end_story);
	if (rc < 0)
		pool->ended = rc;
	if (rc != 0)
		return false;

	pthread_mutex_lock(&pool->lock);
	slot->state = SLOT_READY;
	pool->produced++;
	pthread_mutex_unlock(&pool->lock);
	pthread_cond_signal(&pool->ready);
	return true;
}

static void close_pool(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->closed = true;
	pthread_mutex_unlock(&pool->lock);
	wake_all(pool);
}

static void *producer_main(void *arg)
{
	struct pool *pool = arg;
	while (produce_one(pool))
		continue;
	close_pool(pool);
	return NULL;
}

/* The next ready slot for a worker, NULL at the end. */
static struct slot *take_ready(struct pool *pool)
{
	struct slot *slot = NULL;
	pthread_mutex_lock(&pool->lock);
	while (!pool->failed && pool->taken == pool->produced && !pool->closed)
		pthread_cond_wait(&pool->ready, &pool->lock);
	if (!pool->failed && pool->taken < pool->produced) {
		slot = slot_of(pool, pool->taken);
		slot->state = SLOT_WORKING;
		pool->taken++;
	}
	pthread_mutex_unlock(&pool->lock);
	return slot;
}

/* Only the item the consumer waits for is worth waking it. */
static void give_done(struct pool *pool, struct slot *slot)
{
	pthread_mutex_lock(&pool->lock);
	slot->state = SLOT_DONE;
	bool awaited = slot == slot_of(pool, pool->consumed);
	pthread_mutex_unlock(&pool->lock);
	if (awaited)
		pthread_cond_signal(&pool->done);
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct pool *pool = worker->pool;
	struct slot *slot;
	while ((slot = take_ready(pool))) {
		struct sv_err err = {0};
		int rc = pool->ops->work(pool->arg, worker->ctx, slot->item, &err);
		if (rc < 0) {
			pool_fail(pool, rc, &err);
			break;
		}
		give_done(pool, slot);
	}
	return NULL;
}

/* The slot of the next ticket when it is done; NULL at the end and when the pool failed. */
static struct slot *await_done(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	struct slot *slot = slot_of(pool, pool->consumed);
	while (!pool->failed && slot->state != SLOT_DONE &&
	       !(pool->closed && pool->consumed == pool->produced))
		pthread_cond_wait(&pool->done, &pool->lock);
	bool ok = !pool->failed && slot->state == SLOT_DONE;
	pthread_mutex_unlock(&pool->lock);
	return ok ? slot : NULL;
}

static void give_free(struct pool *pool, struct slot *slot)
{
	pthread_mutex_lock(&pool->lock);
	slot->state = SLOT_FREE;
	pool->consumed++;
	pthread_mutex_unlock(&pool->lock);
	pthread_cond_signal(&pool->space);
}

static void consume_all(struct pool *pool)
{
	struct slot *slot;
	while ((slot = await_done(pool))) {
		struct sv_err err = {0};
		int rc = pool->ops->consume(pool->arg, slot->item, &err);
		if (rc < 0) {
			pool_fail(pool, rc, &err);
			return;
		}
		give_free(pool, slot);
	}
}

static int create_items(struct pool *pool)
{
	pool->slots = calloc(pool->n_slots, sizeof(*pool->slots));
	if (!pool->slots)
		return SV_E_NOMEM;
	for (unsigned int i = 0; i < pool->n_slots; i++) {
		pool->slots[i].item = pool->ops->item_create(pool->arg);
		if (!pool->slots[i].item)
			return SV_E_NOMEM;
	}
	return 0;
}

static int create_workers(struct pool *pool, struct worker *workers, unsigned int threads)
{
	for (unsigned int i = 0; i < threads; i++) {
		workers[i].pool = pool;
		workers[i].ctx = pool->ops->worker_create(pool->arg);
		if (!workers[i].ctx)
			return SV_E_NOMEM;
	}
	return 0;
}

/* Start everything, consume, wait for everything. A thread that cannot be started is a failure like
 * any other. */
static void run_threads(struct pool *pool, struct worker *workers, unsigned int threads)
{
	static const char text[] = "cannot start a thread";
	struct sv_err err = {0};
	unsigned int started = 0;
	pthread_t producer;
	int rc = pthread_create(&producer, NULL, producer_main, pool);
	bool have_producer = rc == 0;
	if (have_producer)
		pthread_setname_np(producer, "sv-read");
	for (; rc == 0 && started < threads; started++) {
		rc = pthread_create(&workers[started].thread, NULL, worker_main, &workers[started]);
		if (rc)
			break;
		pthread_setname_np(workers[started].thread, "sv-work");
	}
	if (rc)
		pool_fail(pool, sv_fail(&err, SV_E_FAILED, rc, "thread", text), &err);
	else
		consume_all(pool);
	if (have_producer)
		pthread_join(producer, NULL);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
}

static void destroy_parts(struct pool *pool, struct worker *workers, unsigned int threads)
{
	for (unsigned int i = 0; workers && i < threads; i++)
		if (workers[i].ctx)
			pool->ops->worker_destroy(pool->arg, workers[i].ctx);
	for (unsigned int i = 0; pool->slots && i < pool->n_slots; i++)
		if (pool->slots[i].item)
			pool->ops->item_destroy(pool->slots[i].item);
	free(workers);
	free(pool->slots);
	pthread_cond_destroy(&pool->space);
	pthread_cond_destroy(&pool->ready);
	pthread_cond_destroy(&pool->done);
	pthread_mutex_destroy(&pool->lock);
}

int pool_run(const struct pool_ops *ops, void *arg, unsigned int threads, const atomic_int *stop,
	     struct sv_err *err)
{
	struct pool pool = {.ops = ops, .arg = arg, .stop = stop, .n_slots = 2 * threads + 2};
	pthread_mutex_init(&pool.lock, NULL);
	pthread_cond_init(&pool.space, NULL);
	pthread_cond_init(&pool.ready, NULL);
	pthread_cond_init(&pool.done, NULL);
	struct worker *workers = calloc(threads, sizeof(*workers));
	int rc = workers ? create_items(&pool) : SV_E_NOMEM;
	if (!rc)
		rc = create_workers(&pool, workers, threads);
	if (rc) {
		sv_fail_nomem(err);
	} else {
		run_threads(&pool, workers, threads);
		rc = pool.failed ? pool.failed : pool.ended;
		if (rc && err && !err->code)
			*err = pool.failed ? pool.err : pool.end_story;
	}
	destroy_parts(&pool, workers, threads);
	return rc;
}
