/* rescue_finish.c - how a rescue ends: what is missing on the copy, and what is said of it */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include <stdio.h>

/* What of the areas was not read, one range after the other. */
static bool next_missing(const struct rescue_run *run, uint64_t *pos, struct sv_extent *missing)
{
	const struct sv_extents *last = &run->areas[run->n_areas - 1];
	struct rmap_block b;
	unsigned int mask = ~RMAP_MASK(RMAP_DONE);
	for (; rmap_next(run->book.map, *pos, mask, &b); *pos = b.start + b.len) {
		uint64_t start = SV_MAX(b.start, *pos);
		size_t i = sv_extents_seek(last, start);
		if (i == last->n)
			return false;
		start = SV_MAX(start, last->v[i].start);
		uint64_t end = SV_MIN(b.start + b.len, last->v[i].start + last->v[i].len);
		if (start >= end)
			continue;
		*missing = (struct sv_extent){start, end - start};
		*pos = end;
		return true;
	}
	return false;
}

/* What a target had there before must not pass for the source's. */
static int blank_missing(struct rescue_run *run, struct sv_err *err)
{
	struct sv_extent m;
	uint64_t pos = 0;
	int rc = 0;
	if (run->book.side.made)
		return 0;
	while (!rc && next_missing(run, &pos, &m))
		rc = rescue_zero(run, m.start, m.len, err);
	return rc;
}

static int verdict(struct rescue_run *run, struct sv_err *err)
{
	struct sv_extents all = {0};
	struct sv_extent m;
	uint64_t pos = 0;
	char text[160];
	int rc = 0;
	while (!rc && next_missing(run, &pos, &m))
		rc = sv_extents_add(&all, m.start, m.len);
	for (size_t i = 0; !rc && i < all.n; i++) {
		snprintf(text, sizeof(text), "bytes %llu to %llu were not read",
			 (unsigned long long)all.v[i].start,
			 (unsigned long long)(all.v[i].start + all.v[i].len - 1));
		job_event(run->job, &(struct sv_event){.kind = SV_EVENT_BAD,
						       .sentence = text,
						       .object = run->book.side.source.name,
						       .start = all.v[i].start,
						       .len = all.v[i].len});
	}
	uint64_t bytes = sv_extents_total(&all);
	size_t n = all.n;
	sv_extents_clear(&all);
	if (rc)
		return sv_fail_nomem(err);
	if (!bytes)
		return 0;
	return sv_fail(err, SV_E_UNREADABLE, 0, run->book.side.source.name,
		       "%llu bytes of %s in %zu %s not read; on the copy they are zeros",
		       (unsigned long long)bytes, run->book.side.source.name, n,
		       n == 1 ? "area were" : "areas were");
}

int rescue_finish(struct rescue_run *run, struct sv_err *err)
{
	job_phase(run->job, SV_PHASE_FINISH, 0);
	int rc = blank_missing(run, err);
	if (!rc)
		rc = rescue_save(run, err);
	if (!rc && run->target.is_device)
		disk_reread_table(run->target.base);
	if (rc)
		return rc;
	rc = verdict(run, err);
	if (rc == SV_E_UNREADABLE)
		rescue_report(run);
	return rc;
}

int rescue_keep(struct rescue_run *run, int rc, struct sv_err *err)
{
	struct sv_err why = {0};
	int saved = rescue_save(run, &why);
	if (!rc && saved) {
		*err = why;
		return saved;
	}
	if (rc)
		return rc;
	return sv_fail(err, SV_E_STOPPED, 0, run->book.path,
		       "stopped; the same command goes on from there");
}
