/* work.c - the job that runs behind the screens, and the log of the session */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/work.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND 1000000000ull

/* ---- log ---- */

struct work_log {
	pthread_mutex_t lock; /* guards all below */
	char (*lines)[WORK_LOG_TEXT];
	size_t first, n;
};

struct work_log *work_log_create(void)
{
	struct work_log *log = calloc(1, sizeof(*log));
	if (!log)
		return NULL;
	log->lines = calloc(WORK_LOG_LINES, sizeof(*log->lines));
	if (!log->lines) {
		free(log);
		return NULL;
	}
	pthread_mutex_init(&log->lock, NULL);
	return log;
}

void work_log_destroy(struct work_log *log)
{
	if (!log)
		return;
	pthread_mutex_destroy(&log->lock);
	free(log->lines);
	free(log);
}

void work_log_add(struct work_log *log, const char *sentence)
{
	char when[16];
	time_t now = time(NULL);
	struct tm tm;
	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	pthread_mutex_lock(&log->lock);
	size_t i = (log->first + log->n) % WORK_LOG_LINES;
	snprintf(log->lines[i], WORK_LOG_TEXT, "%s  %s", when, sentence);
	if (log->n < WORK_LOG_LINES)
		log->n++;
	else
		log->first = (log->first + 1) % WORK_LOG_LINES;
	pthread_mutex_unlock(&log->lock);
}

size_t work_log_count(struct work_log *log)
{
	pthread_mutex_lock(&log->lock);
	size_t n = log->n;
	pthread_mutex_unlock(&log->lock);
	return n;
}

bool work_log_line(struct work_log *log, size_t i, char out[WORK_LOG_TEXT])
{
	pthread_mutex_lock(&log->lock);
	bool there = i < log->n;
	if (there)
		memcpy(out, log->lines[(log->first + i) % WORK_LOG_LINES], WORK_LOG_TEXT);
	pthread_mutex_unlock(&log->lock);
	return there;
}

/* ---- a job ---- */

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

struct work *work_create(struct work_log *log, const char *what, const char *from, const char *to)
{
	struct work *work = calloc(1, sizeof(*work));
	if (!work)
		return NULL;
	work->log = log;
	snprintf(work->what, sizeof(work->what), "%s", what);
	snprintf(work->from, sizeof(work->from), "%s", from);
	snprintf(work->to, sizeof(work->to), "%s", to);
	work->now.eta_s = UINT64_MAX;
	return work;
}

void work_event(void *arg, const struct sv_event *event)
{
	struct work *work = arg;
	switch (event->kind) {
	case SV_EVENT_START:
		work->resumed_from = event->resumed ? event->resumed_from : 0;
		break;
	case SV_EVENT_WARNING:
		work->warnings++;
		break;
	case SV_EVENT_BAD:
		if (work->bad_areas < WORK_AREAS)
			work->areas[work->bad_areas] = (struct work_area){event->start, event->len};
		work->bad_areas++;
		break;
	case SV_EVENT_DAMAGE:
		work->damages++;
		break;
	case SV_EVENT_REPORT:
		sv_report_keep(event->report);
		sv_report_destroy(work->report);
		work->report = event->report;
		break;
	default:
		break;
	}
	work_log_add(work->log, event->sentence);
}

int work_start(struct work *work, struct sv_job *job, struct sv_err *err)
{
	work->job = job;
	work->began_ns = work->moved_ns = work->sampled_ns = now_ns();
	return sv_job_start(job, err);
}

static void add_sample(struct work *work, uint64_t rate)
{
	if (work->n_samples == WORK_SAMPLES)
		memmove(work->samples, work->samples + 1,
			--work->n_samples * sizeof(work->samples[0]));
	work->samples[work->n_samples++] = rate;
}

/* One sample a second; a new phase begins to count anew. */
static void sample(struct work *work, uint64_t now)
{
	uint64_t bytes = work->now.bytes_done, passed = now - work->sampled_ns;
	if (bytes < work->sampled_bytes)
		work->sampled_bytes = 0;
	if (passed < SECOND)
		return;
	add_sample(work, (uint64_t)((double)(bytes - work->sampled_bytes) * (double)SECOND /
				    (double)passed));
	work->sampled_bytes = bytes;
	work->sampled_ns = now;
}

bool work_poll(struct work *work)
{
	uint64_t now = now_ns();
	struct sv_progress was = work->now;
	if (work->ended)
		return false;
	sv_job_progress(work->job, &work->now);
	if (was.bytes_done != work->now.bytes_done || was.phase != work->now.phase ||
	    was.rescue.reads != work->now.rescue.reads || work->now.rescue.paused)
		work->moved_ns = now;
	sample(work, now);
	if (!work->now.finished)
		return false;
	int rc = sv_job_wait(work->job, &work->err);
	work->code = rc ? sv_exit_code(rc) : 0;
	work->ended = true;
	work->ended_ns = now_ns();
	keys_destroy(work->keys);
	work->keys = NULL;
	return true;
}

void work_stop(struct work *work)
{
	if (!work->ended)
		sv_job_cancel(work->job);
	keys_cancel(work->keys);
	work->stopping = true;
}

void work_pause(struct work *work, bool paused, bool hot)
{
	work->paused = paused;
	work->hot = hot;
	sv_job_pause(work->job, paused || hot);
}

void work_slower(struct work *work)
{
	work->rest = work->rest >= 7 ? 0 : 2 * work->rest + 1;
	sv_job_rest(work->job, work->rest);
}

uint64_t work_seconds(const struct work *work)
{
	return ((work->ended ? work->ended_ns : now_ns()) - work->began_ns) / SECOND;
}

uint64_t work_stalled(const struct work *work)
{
	return work->ended || !work->now.bytes_total ? 0 : (now_ns() - work->moved_ns) / SECOND;
}

uint64_t work_mean(const struct work *work)
{
	double sum = 0;
	for (size_t i = 0; i < work->n_samples; i++)
		sum += (double)work->samples[i];
	return work->n_samples ? (uint64_t)(sum / (double)work->n_samples) : 0;
}

void work_destroy(struct work *work)
{
	if (!work)
		return;
	keys_cancel(work->keys);
	sv_job_destroy(work->job);
	keys_destroy(work->keys);
	sv_report_destroy(work->report);
	free(work);
}
