/* job.c - a long task on its own thread: progress, events, cancel */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/job.h"

#include "engine/disk/manners.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More workers than this only cost memory: the codec is the limit long before. */
#define MAX_THREADS 64u

int job_create(const struct job_ops *ops, void *state, sv_event_fn fn, void *arg,
	       struct sv_job **job_ret, struct sv_err *err)
{
	struct sv_job *job = calloc(1, sizeof(*job));
	if (!job || pthread_mutex_init(&job->lock, NULL)) {
		free(job);
		ops->destroy(state);
		return sv_fail_nomem(err);
	}
	job->ops = ops;
	job->state = state;
	job->fn = fn;
	job->fn_arg = arg;
	job->progress.eta_s = UINT64_MAX;
	*job_ret = job;
	return 0;
}

static void *job_main(void *arg)
{
	struct sv_job *job = arg;
	job->result = job->ops->run(job, job->state, &job->err);
	if (job->result == SV_E_NOMEM)
		sv_fail_nomem(&job->err);
	pthread_mutex_lock(&job->lock);
	job->progress.finished = true;
	pthread_mutex_unlock(&job->lock);
	return NULL;
}

int sv_job_start(struct sv_job *job, struct sv_err *err)
{
	sigset_t all, old;
	/* signals are the face's business: none may land on a thread of the engine */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = pthread_create(&job->thread, NULL, job_main, job);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		return sv_fail(err, SV_E_FAILED, rc, "thread", "cannot start a thread");
	pthread_setname_np(job->thread, "sv-job");
	job->started = true;
	return 0;
}

void sv_job_progress(struct sv_job *job, struct sv_progress *progress_ret)
{
	pthread_mutex_lock(&job->lock);
	struct sv_progress *p = &job->progress;
	sv_rate_sample(&job->rate, sv_now_ns(), p->bytes_done);
	p->bytes_per_s = (uint64_t)job->rate.bytes_per_s;
	p->eta_s =
		sv_rate_eta_s(&job->rate, p->bytes_total - SV_MIN(p->bytes_done, p->bytes_total));
	p->rescue.good_ms = job->good_ns ? (sv_now_ns() - job->good_ns) / 1000000 : 0;
	*progress_ret = *p;
	pthread_mutex_unlock(&job->lock);
}

void sv_job_cancel(struct sv_job *job)
{
	atomic_store(&job->stop, 1);
}

void sv_job_pause(struct sv_job *job, bool on)
{
	atomic_store(&job->paused, on);
}

void sv_job_rest(struct sv_job *job, unsigned int times)
{
	atomic_store(&job->rest, SV_MIN(times, SV_REST_MOST));
}

bool sv_job_rescue_cells(struct sv_job *job, uint64_t start, uint64_t len,
			 struct sv_rescue_cell *cells, size_t n)
{
	memset(cells, 0, n * sizeof(*cells));
	return job->ops->cells && job->ops->cells(job->state, start, len, cells, n);
}

int sv_job_wait(struct sv_job *job, struct sv_err *err)
{
	if (!job->started)
		return sv_fail(err, SV_E_FAILED, 0, "job", "the job was not started");
	if (!job->joined)
		pthread_join(job->thread, NULL);
	job->joined = true;
	if (job->result && err && !err->code)
		*err = job->err;
	return job->result;
}

void sv_job_destroy(struct sv_job *job)
{
	if (!job)
		return;
	if (job->started && !job->joined) {
		sv_job_cancel(job);
		pthread_join(job->thread, NULL);
	}
	job->ops->destroy(job->state);
	pthread_mutex_destroy(&job->lock);
	free(job);
}

void job_phase(struct sv_job *job, enum sv_phase phase, uint64_t bytes_total)
{
	pthread_mutex_lock(&job->lock);
	job->progress.phase = phase;
	job->progress.bytes_done = 0;
	job->progress.bytes_total = bytes_total;
	job->rate = (struct sv_rate){0};
	pthread_mutex_unlock(&job->lock);
}

void job_advance(struct sv_job *job, uint64_t bytes, uint64_t stored)
{
	pthread_mutex_lock(&job->lock);
	job->progress.bytes_done += bytes;
	job->progress.bytes_stored += stored;
	pthread_mutex_unlock(&job->lock);
}

void job_bad(struct sv_job *job, uint64_t bytes)
{
	pthread_mutex_lock(&job->lock);
	job->progress.bad_bytes += bytes;
	pthread_mutex_unlock(&job->lock);
}

void job_event(struct sv_job *job, const struct sv_event *event)
{
	if (job->fn)
		job->fn(job->fn_arg, event);
}

void job_say(struct sv_job *job, enum sv_event_kind kind, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	job_event(job, &(struct sv_event){.kind = kind, .sentence = text});
}

int job_pipeline(struct sv_job *job, const struct pool_ops *ops, void *arg, unsigned int threads,
		 struct sv_err *err)
{
	if (threads == SV_THREADS_SERIAL)
		return pool_run_serial(ops, arg, &job->stop, err);
	if (threads == 0) {
		long online = sysconf(_SC_NPROCESSORS_ONLN);
		threads = online > 0 ? (unsigned int)online : 1;
	}
	return pool_run(ops, arg, SV_MIN(threads, MAX_THREADS), &job->stop, err);
}

bool job_copy_string(char **dst, const char *src)
{
	*dst = src ? strdup(src) : NULL;
	return !src || *dst;
}

int job_copy_map_params(struct sv_map_params *dst, const struct sv_map_params *src)
{
	char *root = NULL, *source = NULL;
	int *partitions = NULL;
	bool ok = job_copy_string(&root, src->root ? src->root : "") &&
		  job_copy_string(&source, src->source);
	if (ok && src->n_partitions) {
		partitions = reallocarray(NULL, src->n_partitions, sizeof(*partitions));
		ok = partitions != NULL;
	}
	if (ok && src->n_partitions)
		memcpy(partitions, src->partitions, src->n_partitions * sizeof(*partitions));
	*dst = *src;
	dst->root = root;
	dst->source = source;
	dst->partitions = partitions;
	return ok ? 0 : SV_E_NOMEM;
}

void job_free_map_params(struct sv_map_params *params)
{
	free((char *)params->root);
	free((char *)params->source);
	free((int *)params->partitions);
	memset(params, 0, sizeof(*params));
}

const char *sv_version(void)
{
	return SALVOR_VERSION;
}

void sv_init(const char *root)
{
	disk_guard_sweep(root ? root : "");
	disk_manners_sweep(root ? root : "");
	share_sweep(root ? root : "");
}
