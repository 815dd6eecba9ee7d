/* rescue_io.c - the reads and writes of a rescue, a disk that goes away, and the view of readers */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* So much is left to the kernel before it is told to begin. */
#define WRITE_BACK (8 * SV_MIB)

/* What a disk answers for a sector it cannot read; anything else is about the disk itself. */
static bool is_bad_read(int e)
{
	return e == EIO || e == ENODATA || e == EILSEQ || e == EREMOTEIO || e == ETIMEDOUT;
}

static enum attempt end_run(struct rescue_run *run, enum sv_error code, const struct sv_err *why)
{
	if (!run->rc) {
		run->err = *why;
		run->rc = sv_err_recode(&run->err, code);
	}
	return ATTEMPT_END;
}

static void suspect(struct rescue_run *run, uint64_t off, uint32_t len)
{
	if (run->n_suspects < RESCUE_SUSPECTS)
		run->suspects[run->n_suspects++] =
			(struct suspect){off, len, rmap_at(run->book.map, off).status};
}

/* The disk went away: failures just before may be its doing. */
static void undo_suspects(struct rescue_run *run)
{
	while (run->n_suspects) {
		const struct suspect *s = &run->suspects[--run->n_suspects];
		rmap_set(run->book.map, s->off, s->len, s->before);
	}
}

static enum attempt write_target(struct rescue_run *run, uint64_t off, uint32_t len)
{
	struct sv_err why = {0};
	/* a file that we made has zeros everywhere, and stays sparse */
	if (run->book.made && sv_is_zero(run->buf, len))
		return ATTEMPT_GOOD;
	if (blk_pwrite(run->target.dev, run->buf, len, off, &why))
		return end_run(run, SV_E_TARGET, &why);
	run->cached += len;
	if (run->cached >= WRITE_BACK) {
		blk_file_start_writes(run->target.base);
		run->cached = 0;
	}
	return ATTEMPT_GOOD;
}

enum attempt rescue_attempt(struct rescue_run *run, uint64_t off, uint32_t len, uint64_t *us)
{
	struct sv_err why = {0};
	uint64_t then = sv_now_ns();
	int rc = blk_pread(run->source.dev, run->buf, len, off, &why);
	*us = (sv_now_ns() - then) / 1000;
	run->book.reads++;
	if (!rc) {
		run->n_suspects = 0;
		run->any_good = true;
		run->last_good = off;
		return write_target(run, off, len);
	}
	if (!is_bad_read(why.sys_errno)) {
		undo_suspects(run);
		return end_run(run, SV_E_SOURCE, &why);
	}
	run->book.failed_reads++;
	suspect(run, off, len);
	return ATTEMPT_BAD;
}

bool rescue_still_there(struct rescue_run *run)
{
	struct sv_err why = {0};
	unsigned int n = run->n_suspects;
	/* after 4 failures in a row, after 8, 16 ...: what was read before must still be readable
	 */
	if (!run->any_good || n < 4 || !sv_is_pow2(n))
		return true;
	uint32_t len = (uint32_t)SV_MIN(run->unit, run->source.dev->size - run->last_good);
	if (!blk_pread(run->source.dev, run->buf, len, run->last_good, &why)) {
		run->n_suspects = n == RESCUE_SUSPECTS ? 0 : n;
		return true;
	}
	undo_suspects(run);
	struct sv_err story = {0};
	sv_fail(&story, SV_E_SOURCE, why.sys_errno, run->source.dev->name,
		"%s does not answer any more: not even what could be read before",
		run->source.dev->name);
	end_run(run, SV_E_SOURCE, &story);
	return false;
}

int rescue_zero(struct rescue_run *run, uint64_t start, uint64_t len, struct sv_err *err)
{
	uint64_t end = start + len;
	memset(run->buf, 0, PASSES_CLUSTER);
	for (uint64_t pos = start; pos < end;) {
		size_t n = (size_t)SV_MIN(end - pos, PASSES_CLUSTER - pos % PASSES_CLUSTER);
		int rc = blk_pwrite(run->target.dev, run->buf, n, pos, err);
		if (rc)
			return sv_err_recode(err, SV_E_TARGET);
		pos += n;
	}
	return 0;
}

/* ---- the view ---- */

struct view {
	struct blk_dev dev;
	struct rescue_run *run;
};

static int view_fail(const struct view *v, uint64_t off, struct sv_err *err)
{
	return sv_fail(err, SV_E_IO, EIO, v->dev.name, "cannot read %s at offset %llu", v->dev.name,
		       (unsigned long long)off);
}

/* Rescue [off, off + len), a part of one block of the map and of one cluster. */
static int view_rescue(struct rescue_run *run, uint64_t off, uint32_t len)
{
	uint64_t us;
	enum attempt how = rescue_attempt(run, off, len, &us);
	if (how == ATTEMPT_END)
		return SV_E_IO;
	enum rmap_status status = how == ATTEMPT_GOOD ? RMAP_DONE
				  : len > run->unit   ? RMAP_UNTRIMMED
						      : RMAP_BAD;
	if (rmap_set(run->book.map, off, len, status)) {
		run->rc = sv_fail_nomem(&run->err);
		return SV_E_IO;
	}
	return how == ATTEMPT_GOOD ? 0 : SV_E_IO;
}

/* The bytes at pos, up to the end of their block, cluster and request; *n of them. */
static int view_piece(struct view *v, uint8_t *out, uint64_t pos, uint64_t end, size_t *n,
		      struct sv_err *err)
{
	struct rescue_run *run = v->run;
	struct rmap_block b = rmap_at(run->book.map, pos);
	uint64_t from = SV_MAX(sv_round_down(pos, run->unit), b.start);
	uint64_t to = SV_MIN(sv_round_up(end, run->unit), b.start + b.len);
	to = SV_MIN(to, sv_round_down(pos, PASSES_CLUSTER) + PASSES_CLUSTER);
	*n = (size_t)(SV_MIN(to, end) - pos);
	if (b.status == RMAP_DONE)
		return blk_pread(run->target.dev, out, *n, pos, err);
	if (b.status != RMAP_UNTRIED || run->rc || atomic_load(&run->job->stop) ||
	    view_rescue(run, from, (uint32_t)(to - from)))
		return view_fail(v, pos, err);
	memcpy(out, run->buf + (pos - from), *n);
	return 0;
}

static int view_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off, struct sv_err *err)
{
	struct view *v = (struct view *)dev;
	uint64_t end = off + len, pos = off;
	if (sv_extents_add(&v->run->touched, off, len))
		return sv_fail_nomem(err);
	while (pos < end) {
		size_t n = 0;
		int rc = view_piece(v, (uint8_t *)buf + (pos - off), pos, end, &n, err);
		if (rc)
			return rc;
		pos += n;
	}
	return 0;
}

static void view_close(struct blk_dev *dev)
{
	free(dev);
}

static const struct blk_ops view_ops = {.name = "rescue", .pread = view_pread, .close = view_close};

int rescue_view_create(struct rescue_run *run, struct blk_dev **dev_ret)
{
	struct view *v = calloc(1, sizeof(*v));
	if (!v)
		return SV_E_NOMEM;
	v->dev = *run->source.dev;
	v->dev.ops = &view_ops;
	v->dev.writable = false;
	v->run = run;
	*dev_ret = &v->dev;
	return 0;
}
