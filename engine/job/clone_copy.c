/* clone_copy.c - the frames of a clone: read, digested and written; then read back from the target
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/check.h"
#include "engine/job/clone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
	struct frame frame;
	uint64_t digest;
};

/* 0 for zeros, whatever they were: read, bad or never looked at. */
static uint64_t digest_of(const uint8_t *raw, size_t len)
{
	uint64_t digest;
	if (sv_is_zero(raw, len))
		return 0;
	struct sv_digest full = sv_xxh3_128(raw, len, 0);
	memcpy(&digest, &full, sizeof(digest));
	return digest ? digest : 1;
}

/* What lies between the held ends. */
static uint64_t middle_start(const struct clone_run *run)
{
	return run->sink.held[0].start + run->sink.held[0].len;
}

static uint64_t middle_end(const struct clone_run *run)
{
	return run->sink.held[1].start;
}

/* ---- there ---- */

static void *item_create(void *arg)
{
	const struct clone_run *run = arg;
	struct item *item = calloc(1, sizeof(*item));
	if (item && frame_init(&item->frame, run->frames.frame_size) == 0)
		return item;
	free(item);
	return NULL;
}

static void item_destroy(void *p)
{
	struct item *item = p;
	frame_clear(&item->frame);
	free(item);
}

static void *no_worker_create(void *arg)
{
	return arg;
}

static void no_worker_destroy(void *arg, void *worker)
{
	(void)arg;
	(void)worker;
}

static int produce(void *arg, void *p, struct sv_err *err)
{
	struct clone_run *run = arg;
	const struct sv_runs *plan = &run->map->plan;
	uint64_t size = run->frames.frame_size;
	while (run->next * size < run->map->size &&
	       !sv_runs_touch(plan, run->kinds, run->next * size, (run->next + 1) * size))
		run->next++;
	return frame_read(&run->frames, run->next++, &((struct item *)p)->frame, err);
}

static int work(void *arg, void *worker, void *p, struct sv_err *err)
{
	const struct clone_run *run = arg;
	struct item *item = p;
	const struct frame *f = &item->frame;
	uint64_t a = SV_MAX(f->start, middle_start(run));
	uint64_t b = SV_MIN(f->start + f->len, middle_end(run));
	(void)worker;
	item->digest = 0;
	if (run->sink.verify && !f->empty && a < b)
		item->digest = digest_of(f->raw + (a - f->start), (size_t)(b - a));
	return frame_sort(&run->frames, &item->frame) ? sv_fail_nomem(err) : 0;
}

static int consume(void *arg, void *p, struct sv_err *err)
{
	struct clone_run *run = arg;
	const struct item *item = p;
	const struct frame *f = &item->frame;
	uint64_t end = f->start + f->len;
	int rc = sink_put(&run->sink, &f->runs, f->start, f->len, f->empty ? NULL : f->raw, err);
	if (rc)
		return rc;
	run->digests[f->start / run->frames.frame_size] = item->digest;
	run->bad_bytes += frame_tell_bad(run->job, run->map->source, f);
	job_advance(run->job, sv_runs_within(&run->map->plan, run->kinds, f->start, end), 0);
	return 0;
}

static const struct pool_ops copy_ops = {
	.item_create = item_create,
	.item_destroy = item_destroy,
	.worker_create = no_worker_create,
	.worker_destroy = no_worker_destroy,
	.produce = produce,
	.work = work,
	.consume = consume,
};

int clone_copy(struct clone_run *run, struct sv_err *err)
{
	size_t size = CLONE_FRAME;
	while (run->map->size / size >= CLONE_FRAMES)
		size *= 2;
	run->frames = (struct frames){.dev = run->source.dev,
				      .plan = &run->map->plan,
				      .frame_size = size,
				      .skip_bad = run->params->on_error == SV_ON_ERROR_SKIP};
	run->digests = calloc(run->map->size / size + 1, sizeof(*run->digests));
	if (!run->digests)
		return sv_fail_nomem(err);
	/* the plan does not know yet what is data, zeros or bad */
	run->kinds = 1u << SV_RUN_READ | (sink_wanted(&run->sink) & 1u << SV_RUN_FREE);
	job_phase(run->job, SV_PHASE_COPY,
		  sv_runs_within(&run->map->plan, run->kinds, 0, run->map->size));
	return job_pipeline(run->job, &copy_ops, run, run->params->threads, err);
}

/* ---- and back ---- */

static int compare(const void *arg, struct check_piece *piece)
{
	const struct clone_run *run = arg;
	uint64_t want = run->digests[piece->start / run->frames.frame_size];
	if (piece->lost.n || digest_of(piece->dev, piece->len) == want)
		return 0;
	return sv_extents_add(&piece->diff, piece->start, piece->len);
}

static void say(void *arg, uint64_t start, uint64_t len, const char *what)
{
	const struct clone_run *run = arg;
	char where[CHECK_PLACE] = CHECK_OUTSIDE;
	for (size_t i = 0; i < run->map->n_parts; i++) {
		const struct sv_map_part *part = &run->map->parts[i];
		if (!part->extended && start >= part->start && start - part->start < part->size)
			check_place(where, part->number);
	}
	check_say(run->job, where, start, len, what);
}

int clone_check(struct clone_run *run, struct sv_err *err)
{
	static const struct check_ref ref = {.name = "the source", .compare = compare, .say = say};
	const struct check_device what = {
		.dev = run->sink.target.dev,
		.runs = &run->map->plan,
		.kinds = 1u << SV_RUN_READ | (sink_written(&run->sink) & 1u << SV_RUN_FREE),
		.start = middle_start(run),
		.len = middle_end(run) - middle_start(run),
		.dev_off = middle_start(run),
		.piece = run->frames.frame_size,
		.ref = &ref,
		.arg = run,
	};
	return check_device(run->job, &what, run->params->threads, err);
}
