/* rescue_watch.c - a rescue as other threads see it and steer it: its map in cells, pause and rest
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include <time.h>

/* How long a request may go unseen. */
#define NAP_NS 20000000u
/* A hanging read is no reason to rest for minutes. */
#define REST_MOST_NS 10000000000ull

/* ---- the map: changed by the job's thread, under the lock; read by it without ---- */

void rescue_share(struct rescue_run *run, struct rescue_shared *shared)
{
	run->shared = shared;
	pthread_mutex_lock(&shared->lock);
	shared->map = run->book.map;
	pthread_mutex_unlock(&shared->lock);
}

int rescue_mark(struct rescue_run *run, uint64_t off, uint64_t len, enum rmap_status status)
{
	pthread_mutex_lock(&run->shared->lock);
	int rc = rmap_set(run->book.map, off, len, status);
	pthread_mutex_unlock(&run->shared->lock);
	return rc;
}

bool rescue_next(struct rescue_run *run, struct passes_read *read, int *rc)
{
	pthread_mutex_lock(&run->shared->lock);
	bool more = passes_next(run->passes, read, rc);
	pthread_mutex_unlock(&run->shared->lock);
	return more && !*rc;
}

int rescue_result(struct rescue_run *run, const struct passes_read *read, uint32_t good,
		  uint64_t us)
{
	pthread_mutex_lock(&run->shared->lock);
	int rc = passes_result(run->passes, read, good, us);
	pthread_mutex_unlock(&run->shared->lock);
	return rc;
}

/* The start of part i of n; no product is larger than len, or n squared. */
static uint64_t edge(uint64_t len, size_t i, size_t n)
{
	return len / n * i + len % n * i / n;
}

static void count(struct sv_rescue_cell *cell, enum rmap_status status, uint64_t bytes)
{
	switch (status) {
	case RMAP_UNTRIED:
		cell->untried += bytes;
		break;
	case RMAP_UNTRIMMED:
	case RMAP_UNSCRAPED:
		cell->failed += bytes;
		break;
	case RMAP_BAD:
		cell->bad += bytes;
		break;
	case RMAP_DONE:
		cell->rescued += bytes;
		break;
	}
}

static void fill(const struct rmap *map, uint64_t start, uint64_t len, struct sv_rescue_cell *cells,
		 size_t n)
{
	struct rmap_block b = {0};
	uint64_t pos = start;
	for (size_t i = 0; i < n; i++) {
		uint64_t end = start + edge(len, i + 1, n), until;
		for (; pos < end; pos = until) {
			if (pos >= b.start + b.len)
				b = rmap_at(map, pos);
			until = SV_MIN(b.start + b.len, end);
			count(&cells[i], b.status, until - pos);
		}
	}
}

bool rescue_cells(struct rescue_shared *shared, uint64_t start, uint64_t len,
		  struct sv_rescue_cell *cells, size_t n)
{
	pthread_mutex_lock(&shared->lock);
	const struct rmap *map = shared->map;
	bool there = map && len && sv_range_ok(start, len, rmap_size(map));
	if (there)
		fill(map, start, len, cells, n);
	pthread_mutex_unlock(&shared->lock);
	return there;
}

void rescue_begins(struct rescue_run *run, uint64_t off)
{
	run->pos = off;
	pthread_mutex_lock(&run->job->lock);
	run->job->progress.rescue.pos = off;
	pthread_mutex_unlock(&run->job->lock);
}

void rescue_note(struct rescue_run *run, bool good, uint64_t us)
{
	if (good) {
		run->good_ns = sv_now_ns();
		return;
	}
	run->failed_us += us;
	run->n_failed++;
}

/* ---- pause and rest ---- */

static bool stopped(const struct rescue_run *run)
{
	return atomic_load(&run->job->stop);
}

static void nap(uint64_t ns)
{
	const struct timespec t = {0, (long)SV_MIN(ns, NAP_NS)};
	nanosleep(&t, NULL);
}

static void say_paused(struct rescue_run *run, bool paused)
{
	pthread_mutex_lock(&run->job->lock);
	run->job->progress.rescue.paused = paused;
	pthread_mutex_unlock(&run->job->lock);
}

/* Somebody may pull the plug now: the map is on its medium. */
static int stand_still(struct rescue_run *run, struct sv_err *err)
{
	int rc = rescue_save(run, err);
	if (rc)
		return rc;
	say_paused(run, true);
	while (atomic_load(&run->job->paused) && !stopped(run))
		nap(NAP_NS);
	say_paused(run, false);
	return 0;
}

int rescue_pace(struct rescue_run *run, uint64_t read_us, struct sv_err *err)
{
	uint64_t rest = read_us * 1000 * atomic_load(&run->job->rest);
	uint64_t until = sv_now_ns() + SV_MIN(rest, REST_MOST_NS), now;
	while (rest && !stopped(run) && !atomic_load(&run->job->paused) &&
	       (now = sv_now_ns()) < until)
		nap(until - now);
	return atomic_load(&run->job->paused) && !stopped(run) ? stand_still(run, err) : 0;
}
