/* rescue_io.c - the reads and writes of a rescue, and what a failed read may mean */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include <errno.h>

/* So much is left to the kernel before it is told to begin. */
#define WRITE_BACK (8 * SV_MIB)

/* What a disk answers for a sector it cannot read; anything else is about the disk itself. */
static bool is_bad_read(int e)
{
	return e == EIO || e == ENODATA || e == EILSEQ || e == EREMOTEIO || e == ETIMEDOUT;
}

void rescue_end(struct rescue_run *run, enum sv_error code, const struct sv_err *why)
{
	if (run->rc)
		return;
	run->err = *why;
	run->rc = sv_err_recode(&run->err, code);
}

/* ---- failures that may have been the disk's farewell ---- */

static void suspect(struct rescue_run *run, uint64_t off, uint32_t len)
{
	if (run->n_suspects < RESCUE_SUSPECTS)
		run->suspects[run->n_suspects++] =
			(struct suspect){off, len, rmap_at(run->book.map, off).status};
}

static void undo_suspects(struct rescue_run *run)
{
	while (run->n_suspects) {
		const struct suspect *s = &run->suspects[--run->n_suspects];
		rescue_mark(run, s->off, s->len, s->before);
	}
}

/* What was read before must still be readable. */
static bool still_there(struct rescue_run *run, struct disk_read *read)
{
	uint64_t off;
	for (unsigned int i = 0; i < RESCUE_PLACES; i++) {
		if (!rescue_known_place(run, i, &off))
			continue;
		uint32_t len = (uint32_t)SV_MIN(run->unit, run->book.side.source.size - off);
		if (!rescue_read(run, off, len, read))
			return false;
		if (!read->error)
			return true;
	}
	sv_fail(&read->why, SV_E_SOURCE, read->error, run->source.dev->name,
		"%s does not answer any more: not even what could be read before",
		run->source.dev->name);
	return false;
}

/*
 * The disk went away: failures just before may be its doing, and are forgotten. But where it goes
 * away for the second time it is the place that does it: that counts as failed, or nobody would
 * ever get past it.
 */
static enum attempt lost(struct rescue_run *run, uint64_t off, uint32_t len,
			 const struct sv_err *why)
{
	struct suspect first =
		run->n_suspects ? run->suspects[0] : (struct suspect){.off = off, .len = len};
	undo_suspects(run);
	if (run->lost && run->lost_at == first.off)
		rescue_mark(run, first.off, first.len,
			    first.len > run->unit ? RMAP_UNTRIMMED : RMAP_BAD);
	run->lost = true;
	run->lost_at = first.off;
	return rescue_wait_for_disk(run, why) ? ATTEMPT_AGAIN : ATTEMPT_END;
}

/* It failed, or the disk did: which of them? */
static enum attempt judge(struct rescue_run *run, uint64_t off, uint32_t len)
{
	struct disk_read test;
	if (!still_there(run, &test))
		return atomic_load(&run->job->stop) ? ATTEMPT_END : lost(run, off, len, &test.why);
	if (run->n_suspects == RESCUE_SUSPECTS)
		run->n_suspects = 0;
	return ATTEMPT_BAD;
}

/* After 4 failures in a row, after 8, 16 ... */
static bool judge_is_due(const struct rescue_run *run)
{
	return run->any_good && run->n_suspects >= 4 && sv_is_pow2(run->n_suspects);
}

enum attempt rescue_farewell(struct rescue_run *run)
{
	if (!run->any_good || !run->n_suspects)
		return ATTEMPT_GOOD;
	enum attempt how = judge(run, run->suspects[0].off, run->suspects[0].len);
	if (how != ATTEMPT_BAD)
		return how;
	run->n_suspects = 0;
	return ATTEMPT_GOOD;
}

/* ---- one read ---- */

static enum attempt write_target(struct rescue_run *run, uint64_t off, uint32_t len)
{
	struct sv_err why = {0};
	const uint8_t *data = disk_reader_data(run->reader);
	if (sv_extents_add(&run->unflushed, off, len)) {
		sv_fail_nomem(&run->err);
		run->rc = SV_E_NOMEM;
		return ATTEMPT_END;
	}
	/* a file that we made has zeros everywhere, and stays sparse */
	if (run->book.side.made && sv_is_zero(data, len))
		return ATTEMPT_GOOD;
	if (blk_pwrite(run->target.dev, data, len, off, &why)) {
		rescue_end(run, SV_E_TARGET, &why);
		return ATTEMPT_END;
	}
	run->cached += len;
	if (run->cached >= WRITE_BACK) {
		blk_file_start_writes(run->target.base);
		run->cached = 0;
	}
	return ATTEMPT_GOOD;
}

enum attempt rescue_attempt(struct rescue_run *run, uint64_t off, uint32_t len,
			    struct disk_read *read)
{
	rescue_begins(run, off);
	if (!rescue_read(run, off, len, read))
		return ATTEMPT_END;
	rescue_note(run, !read->error, read->us);
	run->book.side.reads++;
	if (!read->error) {
		run->n_suspects = 0;
		run->any_good = true;
		run->last_good = off;
		return write_target(run, off, len);
	}
	if (!is_bad_read(read->error))
		return lost(run, off, len, &read->why);
	run->book.side.failed_reads++;
	suspect(run, off, len);
	return judge_is_due(run) ? judge(run, off, len) : ATTEMPT_BAD;
}
