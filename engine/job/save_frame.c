/* save_frame.c - frames of a save: read from the source, classified and compressed, given to the
 * writer */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/gather.h"
#include "engine/job/save.h"

#include <stdlib.h>
#include <string.h>

/* Raw buffers are aligned for O_DIRECT. */
#define RAW_ALIGN 4096u

static void *frame_create(void *arg)
{
	const struct save_run *run = arg;
	struct save_frame *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->raw = aligned_alloc(RAW_ALIGN, sv_round_up(run->frame_size, RAW_ALIGN));
	f->stored = malloc(run->codec->bound(run->frame_size));
	f->digests = calloc(run->frame_size / IMAGE_GRANULE + 1, sizeof(*f->digests));
	if (f->raw && f->stored && f->digests)
		return f;
	save_pool_ops.item_destroy(f);
	return NULL;
}

static void frame_destroy(void *item)
{
	struct save_frame *f = item;
	free(f->raw);
	free(f->stored);
	free(f->digests);
	sv_extents_clear(&f->bad);
	sv_runs_clear(&f->runs);
	free(f);
}

int save_read_range(struct save_run *run, uint64_t start, size_t len, uint8_t *buf,
		    struct sv_extents *bad, struct sv_err *err)
{
	const struct gather what = {
		.dev = run->source.dev, .runs = &run->map->plan, .kinds = 1u << SV_RUN_READ};
	return gather_read(&what, start, len, buf, bad, err);
}

static uint64_t bytes_to_read(const struct sv_runs *plan, uint64_t start, uint64_t end)
{
	uint64_t sum = 0;
	for (size_t i = sv_runs_seek(plan, start); i < plan->n && plan->v[i].start < end; i++)
		if (plan->v[i].kind == SV_RUN_READ)
			sum += SV_MIN(plan->v[i].start + plan->v[i].len, end) -
			       SV_MAX(plan->v[i].start, start);
	return sum;
}

static int frame_produce(void *arg, void *item, struct sv_err *err)
{
	struct save_run *run = arg;
	struct save_frame *f = item;
	bool skip = run->params.on_error == SV_ON_ERROR_SKIP;
	f->number = run->next;
	f->start = run->next * run->frame_size;
	if (f->start >= run->map->size)
		return POOL_END;
	run->next++;
	f->len = (size_t)SV_MIN(run->frame_size, run->map->size - f->start);
	sv_extents_clear(&f->bad);
	f->bytes_read = bytes_to_read(&run->map->plan, f->start, f->start + f->len);
	f->empty = f->bytes_read == 0;
	if (f->empty)
		return 0;
	return save_read_range(run, f->start, f->len, f->raw, skip ? &f->bad : NULL, err);
}

/* Append the kinds of [a, b), which was to be read: bad where it failed, else zero or data. */
static int append_read(struct save_frame *f, uint64_t a, uint64_t b, bool zero)
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

static bool holds_content(const struct sv_runs *runs, uint64_t from, uint64_t to)
{
	for (size_t i = sv_runs_seek(runs, from); i < runs->n && runs->v[i].start < to; i++)
		if (runs->v[i].kind == SV_RUN_DATA || runs->v[i].kind == SV_RUN_BAD)
			return true;
	return false;
}

/* Kinds and digest of one granule [a, b) of the disk. */
static int classify_granule(const struct save_run *run, struct save_frame *f, uint64_t a,
			    uint64_t b)
{
	const struct sv_runs *plan = &run->map->plan;
	const uint8_t *raw = f->raw + (a - f->start);
	bool zero = f->empty || sv_is_zero(raw, (size_t)(b - a));
	int rc = 0;
	for (size_t i = sv_runs_seek(plan, a); !rc && i < plan->n && plan->v[i].start < b; i++) {
		uint64_t from = SV_MAX(plan->v[i].start, a);
		uint64_t to = SV_MIN(plan->v[i].start + plan->v[i].len, b);
		if (plan->v[i].kind == SV_RUN_READ)
			rc = append_read(f, from, to, zero);
		else
			rc = sv_runs_append(&f->runs, to - from, plan->v[i].kind);
	}
	if (!rc && !f->empty && holds_content(&f->runs, a - f->start, b - f->start))
		f->digests[f->n_digests++] = sv_xxh3_128(raw, (size_t)(b - a), run->digest_seed);
	return rc;
}

/* What the frame itself carries need not be computed again. */
static uint32_t raw_checksum(const struct save_run *run, const struct save_frame *f)
{
	uint32_t checksum;
	if (run->codec->stored_checksum(f->stored, f->stored_len, &checksum))
		return checksum;
	return (uint32_t)sv_xxh64(f->raw, f->len);
}

static int compress_frame(const struct save_run *run, struct codec_ctx *ctx, struct save_frame *f)
{
	size_t cap = run->codec->bound(run->frame_size);
	if (f->empty || sv_is_zero(f->raw, f->len)) {
		f->stored_len = run->codec->zero_frame(ctx, f->len, f->stored, cap);
		f->checksum =
			f->len == run->frame_size ? run->zero_checksum : run->zero_checksum_last;
		return f->stored_len ? 0 : SV_E_FAILED;
	}
	int rc = run->codec->compress(ctx, f->raw, f->len, f->stored, cap, &f->stored_len);
	if (!rc)
		f->checksum = raw_checksum(run, f);
	return rc;
}

static int frame_work(void *arg, void *worker, void *item, struct sv_err *err)
{
	const struct save_run *run = arg;
	struct save_frame *f = item;
	int rc = 0;
	f->runs.n = 0;
	f->n_digests = 0;
	sv_extents_normalise(&f->bad);
	uint64_t end = f->start + f->len;
	for (uint64_t a = f->start; !rc && a < end; a += IMAGE_GRANULE)
		rc = classify_granule(run, f, a, SV_MIN(a + IMAGE_GRANULE, end));
	for (size_t i = 0; i < f->runs.n; i++)
		f->runs.v[i].start += f->start;
	if (!rc)
		rc = compress_frame(run, worker, f);
	if (rc == SV_E_NOMEM)
		return sv_fail_nomem(err);
	if (rc)
		return sv_fail(err, SV_E_FAILED, 0, run->codec->name,
			       "%s cannot compress frame %llu", run->codec->name,
			       (unsigned long long)f->number);
	return 0;
}

static void report_bad(struct save_run *run, const struct save_frame *f)
{
	for (size_t i = 0; i < f->bad.n; i++) {
		struct sv_event event = {.kind = SV_EVENT_BAD,
					 .sentence = "an area could not be read",
					 .object = run->map->source,
					 .start = f->bad.v[i].start,
					 .len = f->bad.v[i].len};
		run->bad_bytes += event.len;
		run->bad_areas++;
		job_bad(run->job, event.len);
		job_event(run->job, &event);
	}
}

static int frame_consume(void *arg, void *item, struct sv_err *err)
{
	struct save_run *run = arg;
	const struct save_frame *f = item;
	const struct image_frame frame = {
		.number = f->number,
		.stored = f->stored,
		.stored_len = f->stored_len,
		.checksum = f->checksum,
		.runs = f->runs.v,
		.n_runs = f->runs.n,
		.digests = f->digests,
		.n_digests = f->n_digests,
	};
	int rc = image_writer_append(run->writer, &frame, err);
	if (rc)
		return rc;
	report_bad(run, f);
	job_advance(run->job, f->bytes_read, f->stored_len);
	return 0;
}

static void *worker_create(void *arg)
{
	const struct save_run *run = arg;
	return run->codec->create(run->level);
}

static void worker_destroy(void *arg, void *worker)
{
	const struct save_run *run = arg;
	run->codec->destroy(worker);
}

const struct pool_ops save_pool_ops = {
	.item_create = frame_create,
	.item_destroy = frame_destroy,
	.worker_create = worker_create,
	.worker_destroy = worker_destroy,
	.produce = frame_produce,
	.work = frame_work,
	.consume = frame_consume,
};
