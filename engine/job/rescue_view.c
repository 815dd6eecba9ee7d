/* rescue_view.c - the source as the readers of metadata see it: what they touch is rescued by that
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
	struct disk_read read;
	enum attempt how;
	do
		how = rescue_attempt(run, off, len, &read);
	while (how == ATTEMPT_AGAIN);
	if (how == ATTEMPT_END)
		return SV_E_IO;
	enum rmap_status status = how == ATTEMPT_GOOD ? RMAP_DONE
				  : len > run->unit   ? RMAP_UNTRIMMED
						      : RMAP_BAD;
	if (rescue_mark(run, off, len, status)) {
		run->rc = sv_fail_nomem(&run->err);
		return SV_E_IO;
	}
	rescue_show(run);
	if (!run->rc)
		run->rc = rescue_pace(run, read.us, &run->err);
	return how == ATTEMPT_GOOD && !run->rc ? 0 : SV_E_IO;
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
	memcpy(out, disk_reader_data(run->reader) + (pos - from), *n);
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
	v->dev.name =
		run->book.side.source.name; /* the source may be closed and opened meanwhile */
	v->dev.writable = false;
	v->run = run;
	*dev_ret = &v->dev;
	return 0;
}
