/* frame.c - one piece of a source: read, then sorted into data, zeros, bad and free */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/frame.h"

#include "engine/job/gather.h"

#include <stdlib.h>

/* Raw buffers are aligned for O_DIRECT. */
#define RAW_ALIGN 4096u

int frame_init(struct frame *f, size_t frame_size)
{
	f->raw = aligned_alloc(RAW_ALIGN, sv_round_up(frame_size, RAW_ALIGN));
	return f->raw ? 0 : SV_E_NOMEM;
}

void frame_clear(struct frame *f)
{
	free(f->raw);
	sv_extents_clear(&f->bad);
	sv_runs_clear(&f->runs);
}

int frame_read(const struct frames *frames, uint64_t number, struct frame *f, struct sv_err *err)
{
	const struct gather what = {
		.dev = frames->dev, .runs = frames->plan, .kinds = 1u << SV_RUN_READ};
	uint64_t size = sv_runs_end(frames->plan);
	f->start = number * frames->frame_size;
	if (f->start >= size)
		return POOL_END;
	f->len = (size_t)SV_MIN(frames->frame_size, size - f->start);
	sv_extents_clear(&f->bad);
	f->bytes_read =
		sv_runs_within(frames->plan, 1u << SV_RUN_READ, f->start, f->start + f->len);
	f->empty = f->bytes_read == 0;
	if (f->empty)
		return 0;
	return gather_read(&what, f->start, f->len, f->raw, frames->skip_bad ? &f->bad : NULL, err);
}

/* Append the kinds of [a, b), which was to be read: bad where it failed, else zero or data. */
static int append_read(struct frame *f, uint64_t a, uint64_t b, bool zero)
{
	int rc = 0;
	while (!rc && a < b) {
		size_t i = sv_extents_seek(&f->bad, a);
		uint64_t bad_start = i < f->bad.n ? SV_MAX(f->bad.v[i].start, a) : b;
		uint64_t good_end = SV_MIN(bad_start, b);
		rc = sv_runs_append(&f->runs, good_end - a, zero ? SV_RUN_ZERO : SV_RUN_DATA);
		a = good_end;
		if (!rc && a < b) {
			uint64_t bad_end = SV_MIN(f->bad.v[i].start + f->bad.v[i].len, b);
			rc = sv_runs_append(&f->runs, bad_end - a, SV_RUN_BAD);
			a = bad_end;
		}
	}
	return rc;
}

/* The kinds of one granule [a, b) of the source. */
static int sort_granule(const struct frames *frames, struct frame *f, uint64_t a, uint64_t b)
{
	const struct sv_runs *plan = frames->plan;
	bool zero = f->empty || sv_is_zero(f->raw + (a - f->start), (size_t)(b - a));
	int rc = 0;
	for (size_t i = sv_runs_seek(plan, a); !rc && i < plan->n && plan->v[i].start < b; i++) {
		uint64_t from = SV_MAX(plan->v[i].start, a);
		uint64_t to = SV_MIN(plan->v[i].start + plan->v[i].len, b);
		if (plan->v[i].kind == SV_RUN_READ)
			rc = append_read(f, from, to, zero);
		else
			rc = sv_runs_append(&f->runs, to - from, plan->v[i].kind);
	}
	return rc;
}

int frame_sort(const struct frames *frames, struct frame *f)
{
	uint64_t end = f->start + f->len;
	int rc = 0;
	f->runs.n = 0;
	sv_extents_normalise(&f->bad);
	for (uint64_t a = f->start; !rc && a < end; a += IMAGE_GRANULE)
		rc = sort_granule(frames, f, a, SV_MIN(a + IMAGE_GRANULE, end));
	/* run maps begin at 0: made relative, handed on absolute */
	for (size_t i = 0; i < f->runs.n; i++)
		f->runs.v[i].start += f->start;
	return rc;
}

uint64_t frame_tell_bad(struct sv_job *job, const char *source, const struct frame *f)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < f->bad.n; i++) {
		struct sv_event event = {.kind = SV_EVENT_BAD,
					 .sentence = "an area could not be read",
					 .object = source,
					 .start = f->bad.v[i].start,
					 .len = f->bad.v[i].len};
		bytes += event.len;
		job_bad(job, event.len);
		job_event(job, &event);
	}
	return bytes;
}
