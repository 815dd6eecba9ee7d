/* walk.c - one walker over the frames of an image, many sinks */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/walk.h"

#include "engine/io/volumes.h"

#include <stdlib.h>
#include <string.h>

/* An empty disk has hundreds of thousands of frames of zeros, which are hardly any work: up to so
 * many go through the pipeline as one item, ... */
#define FRAMES_OF_ZEROS 256
/* ... unless they take room (codec none): comparing them is work then. */
#define SMALL_ZEROS 65536

struct item {
	uint64_t number; /* of the first */
	unsigned int frames;
	size_t len; /* of the first, and of each */
	bool constant;
	bool known; /* nothing is to be done with it */
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
	const atomic_int *stop;
	uint8_t *zeros;	  /* the stored form of a whole frame of zeros */
	size_t zeros_len; /* 0: there is none, or none that is small */
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

static bool wanted(const struct walk *walk, uint64_t number)
{
	return !walk->sink->wants || walk->sink->wants(walk->arg, number);
}

static size_t frame_len(const struct walk *walk, uint64_t number)
{
	uint64_t start, len;
	image_reader_frame_range(walk->reader, number, &start, &len);
	return (size_t)len;
}

static int read_stored(struct walk *walk, uint64_t number, struct item *item, struct sv_err *err)
{
	return image_reader_next_stored(walk->reader, walk->window, number, item->stored,
					image_reader_max_stored(walk->reader), &item->stored_len,
					err);
}

/* What is stored of the item is that of a whole frame of zeros, byte for byte: it need not be
 * decoded. */
static bool holds_zeros(const struct walk *walk, const struct item *item)
{
	return walk->zeros_len && walk->zeros_len == item->stored_len &&
	       !memcmp(walk->zeros, item->stored, walk->zeros_len);
}

/* Whether frame `number`, the next one, is as the item is: constant, and stored as zeros if that is
 * to be known. What is not, and what cannot be read, is left to an item of its own. */
static bool is_more_zeros(struct walk *walk, struct item *item, uint64_t number)
{
	if (number >= image_reader_frames(walk->reader) || !wanted(walk, number) ||
	    !image_reader_frame_constant(walk->reader, number) ||
	    frame_len(walk, number) != item->len)
		return false;
	return !walk->sink->check_constant ||
	       (!read_stored(walk, number, item, NULL) && holds_zeros(walk, item));
}

static void take_zeros(struct walk *walk, struct item *item)
{
	size_t stored_len = item->stored_len;
	while (item->frames < FRAMES_OF_ZEROS && is_more_zeros(walk, item, walk->next)) {
		item->frames++;
		walk->next++;
	}
	item->stored_len = stored_len;
}

static int produce(void *arg, void *p, struct sv_err *err)
{
	struct walk *walk = arg;
	struct item *item = p;
	uint64_t frames = image_reader_frames(walk->reader);
	while (walk->next < frames && !wanted(walk, walk->next))
		walk->next++;
	if (walk->next >= frames)
		return POOL_END;
	item->number = walk->next++;
	item->frames = 1;
	item->len = frame_len(walk, item->number);
	item->constant = image_reader_frame_constant(walk->reader, item->number);
	item->damage = NULL;
	item->stored_len = 0;
	item->known = item->constant && !walk->sink->check_constant;
	if (!item->known) {
		struct sv_err why = {0};
		int rc = read_stored(walk, item->number, item, &why);
		if (image_cannot_tell(rc)) {
			if (err)
				*err = why;
			return rc;
		}
		if (rc)
			item->damage = "its stored bytes cannot be read";
		item->known = rc || (item->constant && holds_zeros(walk, item) &&
				     item->len == image_reader_info(walk->reader)->frame_size);
	}
	if (item->known && !item->damage)
		take_zeros(walk, item);
	return 0;
}

/* The bytes of a granule must be what the run map and the digest say. */
static bool granule_whole(const struct walk *walk, const struct item *item, uint64_t start,
			  uint64_t a, uint64_t b)
{
	const struct sv_runs *runs = image_reader_runs(walk->reader);
	const uint8_t *raw = item->raw + (a - start);
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
		    !sv_is_zero(item->raw + (from - start), (size_t)(to - from)))
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
	uint64_t start, len;
	image_reader_frame_range(walk->reader, item->number, &start, &len);
	for (uint64_t a = start; a < start + len && !item->damage; a += IMAGE_GRANULE)
		if (!granule_whole(walk, item, start, a, SV_MIN(a + IMAGE_GRANULE, start + len)))
			item->damage = "its content does not match the index";
	return image_reader_failed(walk->reader, err);
}

/* Those which holds_zeros() does not know: the last, shorter one, and what is not small. */
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
	if (item->known || (item->constant && is_zero_frame(walk, worker, item)))
		return 0;
	return decode(walk, worker, item, err);
}

static int consume(void *arg, void *p, struct sv_err *err)
{
	struct walk *walk = arg;
	const struct item *item = p;
	int rc = 0;
	for (unsigned int i = 0; !rc && i < item->frames; i++) {
		struct walk_frame frame = {
			.number = item->number + i,
			.raw = item->raw,
			.constant = item->constant,
			.damage = item->damage,
			.stored_len = item->stored_len,
		};
		uint64_t len;
		image_reader_frame_range(walk->reader, frame.number, &frame.start, &len);
		frame.len = (size_t)len;
		rc = i && atomic_load(walk->stop) ? sv_fail_stopped(err, "")
						  : walk->sink->frame(walk->arg, &frame, err);
	}
	return rc;
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

static int know_zeros(struct walk *walk)
{
	const struct codec_ops *codec = image_reader_codec(walk->reader);
	size_t frame_size = image_reader_info(walk->reader)->frame_size;
	struct codec_ctx *ctx = codec->create(codec->default_level);
	walk->zeros = malloc(SMALL_ZEROS);
	bool ok = ctx && walk->zeros;
	if (ok)
		walk->zeros_len = codec->zero_frame(ctx, frame_size, walk->zeros, SMALL_ZEROS);
	codec->destroy(ctx);
	return ok ? 0 : SV_E_NOMEM;
}

int walk_frames(struct sv_job *job, struct image_reader *reader, const struct walk_sink *sink,
		void *arg, unsigned int threads, struct sv_err *err)
{
	struct walk walk = {.reader = reader, .sink = sink, .arg = arg, .stop = &job->stop};
	walk.window = image_reader_window(reader);
	int rc = walk.window && !know_zeros(&walk)
			 ? job_pipeline(job, &walk_ops, &walk, threads, err)
			 : sv_fail_nomem(err);
	volumes_window_destroy(walk.window);
	free(walk.zeros);
	return rc;
}
