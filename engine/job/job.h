/* job.h - a long task on its own thread: progress, events, cancel; private to engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_JOB_H
#define SV_JOB_JOB_H

#include "engine/pool/pool.h"
#include "engine/salvor.h"
#include "engine/util/rate.h"

#include <pthread.h>

/* One kind of job. `state` is the kind's own struct with copies of the parameters, made by its
 * sv_job_create_*(). */
struct job_ops {
	int (*run)(struct sv_job *job, void *state, struct sv_err *err);
	void (*destroy)(void *state);
	/* sv_job_rescue_cells(); any thread; NULL = there is no map */
	bool (*cells)(void *state, uint64_t start, uint64_t len, struct sv_rescue_cell *cells,
		      size_t n);
};

struct sv_job {
	const struct job_ops *ops;
	void *state;
	sv_event_fn fn; /* called on the job's thread only */
	void *fn_arg;
	pthread_t thread;
	bool started, joined; /* the owner's */
	atomic_int stop;      /* set by anyone, looked at by all threads of the job */
	atomic_bool paused;   /* likewise; only a rescue looks at it, and at rest */
	atomic_uint rest;
	pthread_mutex_t lock; /* guards progress to good_ns */
	struct sv_progress progress;
	struct sv_rate rate;
	uint64_t good_ns;  /* of a rescue: when the last read that went well ended; 0: no rescue */
	int result;	   /* written by the job's thread before it ends, read after the join */
	struct sv_err err; /* likewise */
};

/* Takes `state` over, also when it fails. */
int job_create(const struct job_ops *ops, void *state, sv_event_fn fn, void *arg,
	       struct sv_job **job_ret, struct sv_err *err);

/* ---- called by the kinds, from any of the job's threads ---- */

void job_phase(struct sv_job *job, enum sv_phase phase, uint64_t bytes_total);
void job_advance(struct sv_job *job, uint64_t bytes, uint64_t stored);
void job_bad(struct sv_job *job, uint64_t bytes);

/* ---- from the job's thread only ---- */

void job_event(struct sv_job *job, const struct sv_event *event);
void job_say(struct sv_job *job, enum sv_event_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Run a pipeline with the wanted number of threads (0 = as many as processors, SV_THREADS_SERIAL =
 * the serial twin). */
int job_pipeline(struct sv_job *job, const struct pool_ops *ops, void *arg, unsigned int threads,
		 struct sv_err *err);

/* Copy a string parameter, NULL stays NULL; false when out of memory. */
bool job_copy_string(char **dst, const char *src);

/* Deep copies of the map parameters. */
int job_copy_map_params(struct sv_map_params *dst, const struct sv_map_params *src);
void job_free_map_params(struct sv_map_params *params);

#endif
