/* rescue_passes.c - the passes of a rescue, read by read */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

static unsigned int stages_of(unsigned int passes)
{
	return (passes & SV_PASS_COPY ? PASSES_DO_COPY : 0) |
	       (passes & SV_PASS_TRIM ? PASSES_DO(PASSES_TRIM) : 0) |
	       (passes & SV_PASS_SCRAPE ? PASSES_DO(PASSES_SCRAPE) : 0) |
	       (passes & SV_PASS_RETRY ? PASSES_DO(PASSES_RETRY) : 0);
}

static uint64_t slow_us(uint32_t ms)
{
	return ms == SV_RESCUE_NEVER_SLOW ? PASSES_NEVER_SLOW : (uint64_t)ms * 1000;
}

/* A machine that has what the map has: at first, and after the disk was away. */
static int begin(struct rescue_run *run)
{
	uint32_t retries = run->params->retries;
	if (run->passes) {
		uint32_t done = passes_retry(run->passes);
		run->slow_before += passes_slow_bytes(run->passes);
		run->retries_done += done ? done - 1 : 0;
	}
	if (retries != PASSES_RETRY_EVER)
		retries -= SV_MIN(retries, run->retries_done);
	struct passes_params params = {
		.unit = run->unit,
		.slow_us = slow_us(run->params->slow_ms),
		.retries = retries,
		.stages = stages_of(run->params->passes),
		.areas = run->areas,
		.n_areas = run->n_areas,
	};
	passes_destroy(run->passes);
	run->passes = NULL;
	return passes_create(&params, run->book.map, &run->passes);
}

/* The disk was away: what is left to be done is another list. */
static bool begin_again(struct rescue_run *run, int *rc)
{
	*rc = begin(run);
	return !*rc;
}

/* One read and what follows from it; false: the run ends. */
static bool step(struct rescue_run *run, int *rc, struct sv_err *err)
{
	struct passes_read next;
	struct disk_read read;
	if (!rescue_next(run, &next, rc))
		return !*rc && rescue_farewell(run) == ATTEMPT_AGAIN && begin_again(run, rc);
	enum attempt how = rescue_attempt(run, next.off, next.len, &read);
	if (how == ATTEMPT_END)
		return false;
	if (how == ATTEMPT_AGAIN)
		return begin_again(run, rc);
	uint32_t good = how == ATTEMPT_GOOD ? next.len : 0;
	*rc = rescue_result(run, &next, good, read.us);
	if (!*rc && read.bad != UINT64_MAX)
		*rc = passes_hint(run->passes, read.bad);
	run->done += good;
	if (*rc)
		return false;
	rescue_show(run);
	if (rescue_save_is_due(run))
		*rc = rescue_save(run, err);
	if (!*rc)
		*rc = rescue_pace(run, read.us, err);
	return !*rc;
}

int rescue_passes(struct rescue_run *run, struct sv_err *err)
{
	int rc = begin(run);
	job_phase(run->job, SV_PHASE_COPY, run->total);
	rescue_show(run);
	while (!rc && !atomic_load(&run->job->stop) && step(run, &rc, err))
		;
	if (!rc && run->rc) {
		rc = run->rc;
		*err = run->err;
	}
	return rc == SV_E_NOMEM ? sv_fail_nomem(err) : rc;
}
