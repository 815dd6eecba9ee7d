/* save_frame.c - frames of a save: read from the source, classified and compressed, given to the
 * writer */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/save.h"

#include <stdlib.h>
#include <string.h>

static void *frame_create(void *arg)
{
	const struct save_run *run = arg;
	struct save_frame *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->stored = malloc(run->codec->bound(run->frame_size));
	f->digests = calloc(run->frame_size / IMAGE_GRANULE + 1, sizeof(*f->digests));
	if (frame_init(&f->frame, run->frame_size) == 0 && f->stored && f->digests)
		return f;
	save_pool_ops.item_destroy(f);
	return NULL;
}

static void frame_destroy(void *item)
{
	struct save_frame *f = item;
	free(f->stored);
	free(f->digests);
	frame_clear(&f->frame);
	free(f);
}

static int frame_produce(void *arg, void *item, struct sv_err *err)
{
	struct save_run *run = arg;
	struct save_frame *f = item;
	int rc = frame_read(&run->frames, run->next, &f->frame, err);
	f->number = run->next++;
	return rc;
}

/* Digests of the granules that hold any data or bad byte. */
static void digest_granules(const struct save_run *run, struct save_frame *save)
{
	const struct frame *f = &save->frame;
	uint64_t end = f->start + f->len;
	save->n_digests = 0;
	for (uint64_t a = f->start; !f->empty && a < end; a += IMAGE_GRANULE) {
		uint64_t b = SV_MIN(a + IMAGE_GRANULE, end);
		if (sv_runs_touch(&f->runs, 1u << SV_RUN_DATA | 1u << SV_RUN_BAD, a, b))
			save->digests[save->n_digests++] = sv_xxh3_128(
				f->raw + (a - f->start), (size_t)(b - a), run->digest_seed);
	}
}

/* What the frame itself carries need not be computed again. */
static uint32_t raw_checksum(const struct save_run *run, const struct save_frame *f)
{
	uint32_t checksum;
	if (run->codec->stored_checksum(f->stored, f->stored_len, &checksum))
		return checksum;
	return (uint32_t)sv_xxh64(f->frame.raw, f->frame.len);
}

static int compress_frame(const struct save_run *run, struct codec_ctx *ctx, struct save_frame *f)
{
	size_t cap = run->codec->bound(run->frame_size), len = f->frame.len;
	if (f->frame.empty || sv_is_zero(f->frame.raw, len)) {
		f->stored_len = run->codec->zero_frame(ctx, len, f->stored, cap);
		f->checksum = len == run->frame_size ? run->zero_checksum : run->zero_checksum_last;
		return f->stored_len ? 0 : SV_E_FAILED;
	}
	int rc = run->codec->compress(ctx, f->frame.raw, len, f->stored, cap, &f->stored_len);
	if (!rc)
		f->checksum = raw_checksum(run, f);
	return rc;
}

static int frame_work(void *arg, void *worker, void *item, struct sv_err *err)
{
	const struct save_run *run = arg;
	struct save_frame *f = item;
	int rc = frame_sort(&run->frames, &f->frame);
	if (!rc) {
		digest_granules(run, f);
		rc = compress_frame(run, worker, f);
	}
	if (rc == SV_E_NOMEM)
		return sv_fail_nomem(err);
	if (rc)
		return sv_fail(err, SV_E_FAILED, 0, run->codec->name,
			       "%s cannot compress frame %llu", run->codec->name,
			       (unsigned long long)f->number);
	return 0;
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
		.runs = f->frame.runs.v,
		.n_runs = f->frame.runs.n,
		.digests = f->digests,
		.n_digests = f->n_digests,
	};
	int rc = image_writer_append(run->writer, &frame, err);
	if (rc)
		return rc;
	run->bad_bytes += frame_tell_bad(run->job, run->map->source, &f->frame);
	run->bad_areas += f->frame.bad.n;
	job_advance(run->job, f->frame.bytes_read, f->stored_len);
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
