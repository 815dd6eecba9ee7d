/* rescue_save.c - what a rescue tells: to its map, and to who looks at it */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#define SAVE_S	  20u
#define SECOND_NS 1000000000ull

static const char *phase_text(const struct rescue_run *run)
{
	static const char *const texts[] = {
		[PASSES_FORWARD] = "Copying non-tried blocks... Pass 1 (forwards)",
		[PASSES_EDGES] = "Copying non-tried blocks... Pass 2 (backwards)",
		[PASSES_PROBE] = "Copying non-tried blocks... Pass 3 (forwards)",
		[PASSES_SWEEP] = "Copying non-tried blocks... Pass 5 (forwards)",
		[PASSES_TRIM] = "Trimming failed blocks... (forwards)",
		[PASSES_SCRAPE] = "Scraping failed blocks... (forwards)",
		[PASSES_RETRY] = "Retrying bad sectors...",
		[PASSES_END] = "Finished",
	};
	return texts[run->passes ? passes_stage(run->passes) : PASSES_FORWARD];
}

/* Where another tool would go on: it looks at the blocks, as we do. */
static struct mapfile_head head_of(const struct rescue_run *run)
{
	struct mapfile_head head = {0, '?', 1};
	enum passes_stage stage = run->passes ? passes_stage(run->passes) : PASSES_FORWARD;
	head.status = "????*/-+"[stage];
	if (stage == PASSES_SWEEP)
		head.pass = 5;
	if (stage == PASSES_RETRY)
		head.pass = (int)SV_MIN(passes_retry(run->passes), (uint32_t)INT32_MAX);
	return head;
}

static uint64_t slow_bytes(const struct rescue_run *run)
{
	return run->slow_before + (run->passes ? passes_slow_bytes(run->passes) : 0);
}

static void tell_side(const struct rescue_run *run, struct book_side *side)
{
	side->domain = run->params->domain;
	if (!run->passes)
		return;
	side->slow_bytes = slow_bytes(run);
	side->finished = passes_stage(run->passes) == PASSES_END;
	side->done = run->done;
	side->total = run->total;
}

/* What came since the last save may be on the target or not. */
static int forget_unflushed(struct rescue_run *run)
{
	int rc = 0;
	for (size_t i = 0; i < run->unflushed.n && !rc; i++)
		rc = rescue_mark(run, run->unflushed.v[i].start, run->unflushed.v[i].len,
				 RMAP_UNTRIED);
	return rc;
}

int rescue_save(struct rescue_run *run, struct sv_err *err)
{
	struct mapfile_head head = head_of(run);
	uint64_t now = sv_now_ns();
	if (run->flush_failed)
		return SV_E_TARGET;
	run->flush_failed = run->target.dev && blk_flush(run->target.dev, err);
	if (run->flush_failed && forget_unflushed(run))
		return sv_err_recode(err, SV_E_TARGET);
	run->book.side.seconds += (now - run->began_ns) / SECOND_NS;
	run->began_ns = now - (now - run->began_ns) % SECOND_NS;
	tell_side(run, &run->book.side);
	struct sv_err why = {0};
	int rc = book_save(&run->book, &head, phase_text(run), &why);
	run->saved_ns = sv_now_ns();
	if (run->flush_failed)
		return sv_err_recode(err, SV_E_TARGET);
	if (rc)
		*err = why;
	else
		sv_extents_clear(&run->unflushed);
	return rc;
}

bool rescue_save_is_due(const struct rescue_run *run)
{
	uint32_t every = run->params->save_every_s ? run->params->save_every_s : SAVE_S;
	return every == SV_RESCUE_SAVE_ALWAYS || sv_now_ns() - run->saved_ns >= every * SECOND_NS;
}

void rescue_show(struct rescue_run *run)
{
	static const char *const names[] = {
		[PASSES_FORWARD] = "copy", [PASSES_EDGES] = "edges",  [PASSES_PROBE] = "probe",
		[PASSES_SWEEP] = "sweep",  [PASSES_TRIM] = "trim",    [PASSES_SCRAPE] = "scrape",
		[PASSES_RETRY] = "retry",  [PASSES_END] = "finished",
	};
	const struct rmap *map = run->book.map;
	struct sv_rescue_state now = {
		.pass = run->passes ? names[passes_stage(run->passes)] : "metadata",
		.rescued = rmap_total(map, RMAP_DONE),
		.untried = rmap_total(map, RMAP_UNTRIED),
		.failed = rmap_total(map, RMAP_UNTRIMMED) + rmap_total(map, RMAP_UNSCRAPED),
		.bad = rmap_total(map, RMAP_BAD),
		.bad_areas = rmap_runs(map, RMAP_BAD),
		.slow = slow_bytes(run),
		.reads = run->book.side.reads,
		.failed_reads = run->book.side.failed_reads,
		.failed_ms = run->n_failed ? run->failed_us / run->n_failed / 1000 : 0,
		.size = rmap_size(map),
		.pos = run->pos,
		.waits = run->waits,
		.last_errno = run->last_errno,
	};
	if (now.waits)
		now.wait_s = (sv_now_ns() - run->waits_since_ns) / SECOND_NS;
	pthread_mutex_lock(&run->job->lock);
	run->job->good_ns = run->good_ns;
	run->job->progress.bytes_done = run->done;
	run->job->progress.bad_bytes = now.failed + now.bad;
	run->job->progress.rescue = now;
	pthread_mutex_unlock(&run->job->lock);
}
