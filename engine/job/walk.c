/* walk.c - one walker over the frames of an image, many sinks */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/walk.h"

#include "engine/io/volumes.h"

#include <stdlib.h>
#include <string.h>

struct item {
	uint64_t number, start;
	size_t len;
	bool constant;
	uint8_t *raw;
	uint8_t *stored;
	size_t stored_len;
	const char *damage;
};

/* The producer owns next and window; the rest is constant. */
struct walk {
	struct image_reader *reader;
	struct volumes_window *window;
	const struct walk_sink *sink;
	void *arg;
	uint64_t next;
};

static void item_destroy(void *p)
{
	struct item *item = p;
	free(item->raw);
	free(item->stored);
	free(item);
}

static void *item_create(void *arg)
{
	const struct walk *walk = arg;
	struct item *item = calloc(1, sizeof(*item));
	if (!item)
		return NULL;
	item->raw =
		aligned_alloc(4096, sv_round_up(image_reader_info(walk->reader)->frame_size, 4096));
	item->stored = malloc(image_reader_max_stored(walk->reader) + 1);
	if (item->raw && item->stored)
		return item;
	item_destroy(item);
	return NULL;
}

static void *worker_create(void *arg)
{
	const struct walk *walk = arg;
	const struct codec_ops *codec = image_reader_codec(walk->reader);
	return codec->create(codec->default_level);
}

static void worker_destroy(void *arg, void *worker)
{
	const struct walk *walk = arg;
	image_reader_codec(walk->reader)->destroy(worker);
}

static int produce(void *arg, void *p, struct sv_err *err)
{
	struct walk *walk = arg;
	struct item *item = p;
	uint64_t frames = image_reader_frames(walk->reader), len;
	while (walk->next < frames && walk->sink->wants &&
	       !walk->sink->wants(walk->arg, walk->next))
		walk->next++;
	if (walk->next >= frames)
		return POOL_END;
	item->number = walk->next++;
	image_reader_frame_range(walk->reader, item->number, &item->start, &len);
	item->len = (size_t)len;
	item->constant = image_reader_frame_constant(walk->reader, item->number);
	item->damage = NULL;
	item->stored_len = 0;
	if (item->constant && !walk->sink->check_constant)
		return 0;
	struct sv_err why = {0};
	int rc = image_reader_next_stored(walk->reader, walk->window, item->number, item->stored,
					  image_reader_max_stored(walk->reader), &item->stored_len,
					  &why);
	if (image_cannot_tell(rc)) {
		if (err)
			*err = why;
		return rc;
	}
	if (rc)
		item->damage = "its stored bytes cannot be read";
	return 0;
}

/* The bytes of a granule must be what the run map and the digest say. */
static bool granule_whole(const struct walk *walk, const struct item *item, uint64_t a, uint64_t b)
{
	const struct sv_runs *runs = image_reader_runs(walk->reader);
	const uint8_t *raw = item->raw + (a - item->start);
	struct sv_digest digest;
	if (a % IMAGE_GRANULE == 0 &&
	    image_reader_digest(walk->reader, a / IMAGE_GRANULE, &digest)) {
		struct sv_digest is = sv_xxh3_128(raw, (size_t)(b - a),
						  image_reader_info(walk->reader)->digest_seed);
		if (memcmp(&is, &digest, sizeof(is)))
			return false;
	}
	for (size_t i = sv_runs_seek(runs, a); i < runs->n && runs->v[i].start < b; i++) {
		uint64_t from = SV_MAX(runs->v[i].start, a);
		uint64_t to = SV_MIN(runs->v[i].start + runs->v[i].len, b);
		if (runs->v[i].kind != SV_RUN_DATA &&
		    !sv_is_zero(item->raw + (from - item->start), (size_t)(to - from)))
			return false;
	}
	return true;
}

static int decode(const struct walk *walk, void *worker, struct item *item, struct sv_err *err)
{
	struct sv_err why = {0};
	int rc = image_reader_decode(walk->reader, worker, item->number, item->stored,
				     item->stored_len, item->raw, &why);
	if (rc == SV_E_NOMEM)
		return sv_fail_nomem(err);
	if (rc) {
		item->damage = "its content does not match its checksum";
		return 0;
	}
	uint64_t end = item->start + item->len;
	for (uint64_t a = item->start; a < end && !item->damage; a += IMAGE_GRANULE)
		if (!granule_whole(walk, item, a, SV_MIN(a + IMAGE_GRANULE, end)))
			item->damage = "its content does not match the index";
	return image_reader_failed(walk->reader, err);
}

/* A constant frame is known byte for byte: no need to decode it. */
static bool is_zero_frame(const struct walk *walk, void *worker, const struct item *item)
{
	size_t len = image_reader_codec(walk->reader)
			     ->zero_frame(worker, item->len, item->raw, item->len);
	return len && len == item->stored_len && !memcmp(item->raw, item->stored, len);
}

static int work(void *arg, void *worker, void *p, struct sv_err *err)
{
	const struct walk *walk = arg;
	struct item *item = p;
	if (item->damage || (item->constant && !walk->sink->check_constant))
		return 0;
	if (item->constant && is_zero_frame(walk, worker, item))
		return 0;
	return decode(walk, worker, item, err);
}

static int consume(void *arg, void *p, struct sv_err *err)
{
	struct walk *walk = arg;
	const struct item *item = p;
	const struct walk_frame frame = {
		.number = item->number,
		.start = item->start,
		.len = item->len,
		.raw = item->raw,
		.constant = item->constant,
		.damage = item->damage,
		.stored_len = item->stored_len,
	};
	return walk->sink->frame(walk->arg, &frame, err);
}

static const struct pool_ops walk_ops = {
	.item_create = item_create,
	.item_destroy = item_destroy,
	.worker_create = worker_create,
	.worker_destroy = worker_destroy,
	.produce = produce,
	.work = work,
	.consume = consume,
};

int walk_frames(struct sv_job *job, struct image_reader *reader, const struct walk_sink *sink,
		void *arg, unsigned int threads, struct sv_err *err)
{
	struct walk walk = {.reader = reader, .sink = sink, .arg = arg};
	walk.window = image_reader_window(reader);
	int rc = walk.window ? job_pipeline(job, &walk_ops, &walk, threads, err)
			     : sv_fail_nomem(err);
	volumes_window_destroy(walk.window);
	return rc;
}
