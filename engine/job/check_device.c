/* check_device.c - reading back a device: is it what the image says? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/check.h"

#include "engine/job/gather.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of a device compared in one go; a multiple of the granule. */
#define PIECE	       ((size_t)(2 * SV_MIB))
#define PIECE_GRANULES (PIECE / IMAGE_GRANULE)

struct piece {
	uint64_t start;
	size_t len;
	uint8_t *dev;			 /* the device's bytes, masked */
	uint8_t *image;			 /* the stream's bytes, where digests do not serve */
	bool by_bytes;			 /* compare dev with image instead of digests */
	bool has_digest[PIECE_GRANULES]; /* of the granules in it; none: it is all zeros */
	struct sv_digest digest[PIECE_GRANULES];
	struct sv_extents lost; /* unreadable on the device */
	struct sv_extents bad;	/* unreadable in the image */
	struct sv_extents diff; /* result */
};

/* The producer owns next and blk; the rest is constant. */
struct device_check {
	struct sv_job *job;
	struct image_reader *reader;
	const struct check_device *what;
	struct gather gather;
	struct blk_dev *blk; /* the image as a disk */
	uint64_t next;
	uint64_t different, unreadable; /* the consumer's: bytes */
};

static void piece_destroy(void *p)
{
	struct piece *piece = p;
	free(piece->dev);
	free(piece->image);
	sv_extents_clear(&piece->lost);
	sv_extents_clear(&piece->bad);
	sv_extents_clear(&piece->diff);
	free(piece);
}

static void *piece_create(void *arg)
{
	(void)arg;
	struct piece *piece = calloc(1, sizeof(*piece));
	if (!piece)
		return NULL;
	piece->dev = aligned_alloc(4096, PIECE);
	piece->image = aligned_alloc(4096, PIECE);
	if (piece->dev && piece->image)
		return piece;
	piece_destroy(piece);
	return NULL;
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

static bool touches_wanted(const struct gather *g, uint64_t start, uint64_t end)
{
	for (size_t i = sv_runs_seek(g->runs, start); i < g->runs->n && g->runs->v[i].start < end;
	     i++)
		if (g->kinds & 1u << g->runs->v[i].kind)
			return true;
	return false;
}

static bool touches(const struct sv_extents *list, uint64_t start, uint64_t end)
{
	size_t i = list ? sv_extents_seek(list, start) : 0;
	return list && i < list->n && list->v[i].start < end;
}

static void mask_skip(const struct device_check *c, struct piece *piece)
{
	const struct sv_extents *skip = c->what->skip;
	uint64_t end = piece->start + piece->len;
	for (size_t i = skip ? sv_extents_seek(skip, piece->start) : 0;
	     skip && i < skip->n && skip->v[i].start < end; i++) {
		uint64_t a = SV_MAX(skip->v[i].start, piece->start);
		uint64_t b = SV_MIN(skip->v[i].start + skip->v[i].len, end);
		memset(piece->dev + (a - piece->start), 0, (size_t)(b - a));
	}
}

/* Digests serve for whole granules that nothing is left out of. */
static bool needs_bytes(const struct device_check *c, const struct piece *piece)
{
	uint64_t end = piece->start + piece->len;
	bool whole = piece->start % IMAGE_GRANULE == 0 &&
		     (end % IMAGE_GRANULE == 0 || end == image_reader_info(c->reader)->size);
	return !whole || !image_reader_has_digests(c->reader) ||
	       touches(c->what->skip, piece->start, end);
}

/* false: some are lost, and what has none is not for that all zeros. */
static bool fetch_digests(const struct device_check *c, struct piece *piece)
{
	uint64_t first = piece->start / IMAGE_GRANULE;
	uint64_t n = sv_round_up(piece->len, IMAGE_GRANULE) / IMAGE_GRANULE;
	for (uint64_t i = 0; i < n; i++)
		piece->has_digest[i] = image_reader_digest(c->reader, first + i, &piece->digest[i]);
	return image_reader_has_digests(c->reader);
}

/* Where the next range that is left out begins at or behind pos; *end: where it ends. */
static uint64_t next_skip(const struct device_check *c, uint64_t pos, uint64_t *end)
{
	const struct sv_extents *skip = c->what->skip;
	size_t i = skip ? sv_extents_seek(skip, pos) : 0;
	*end = UINT64_MAX;
	if (!skip || i >= skip->n)
		return UINT64_MAX;
	*end = skip->v[i].start + skip->v[i].len;
	return SV_MAX(skip->v[i].start, pos);
}

/* The image's bytes but for what is left out, which may be lost. Anything else that is lost by now
 * counts as unreadable. */
static int read_image(const struct device_check *c, struct piece *piece, struct sv_err *err)
{
	uint64_t end = piece->start + piece->len, skip_end;
	int rc = 0;
	memset(piece->image, 0, piece->len);
	for (uint64_t pos = piece->start; !rc && pos < end;) {
		uint64_t to = SV_MIN(next_skip(c, pos, &skip_end), end);
		if (to == pos) {
			pos = skip_end;
			continue;
		}
		to = SV_MIN(to, sv_round_down(pos, IMAGE_GRANULE) + IMAGE_GRANULE);
		struct sv_err why = {0};
		rc = blk_pread(c->blk, piece->image + (pos - piece->start), (size_t)(to - pos), pos,
			       &why);
		if (rc == SV_E_DIFFERS)
			rc = sv_extents_add(&piece->bad, pos, to - pos) ? sv_fail_nomem(err) : 0;
		else if (rc && err)
			*err = why;
		pos = to;
	}
	return rc;
}

static int piece_produce(void *arg, void *p, struct sv_err *err)
{
	struct device_check *c = arg;
	struct piece *piece = p;
	uint64_t end = c->what->start + c->what->len;
	/* pieces end at multiples of PIECE of the stream, so that granules are whole */
	for (;; c->next += piece->len) {
		piece->start = c->next;
		if (piece->start >= end)
			return POOL_END;
		piece->len = (size_t)SV_MIN(PIECE - piece->start % PIECE, end - piece->start);
		if (touches_wanted(&c->gather, piece->start, piece->start + piece->len))
			break;
	}
	c->next += piece->len;
	sv_extents_clear(&piece->bad);
	sv_extents_clear(&piece->lost);
	int rc = gather_read(&c->gather, piece->start, piece->len, piece->dev, &piece->lost, err);
	piece->by_bytes = needs_bytes(c, piece) || !fetch_digests(c, piece);
	if (!rc)
		rc = image_reader_failed(c->reader, err);
	if (!rc && piece->by_bytes) {
		rc = read_image(c, piece, err);
		mask_skip(c, piece);
	}
	return rc;
}

static bool granule_equal(const struct device_check *c, const struct piece *piece, size_t off,
			  size_t len)
{
	const uint8_t *dev = piece->dev + off;
	size_t i = off / IMAGE_GRANULE;
	if (piece->by_bytes)
		return !memcmp(dev, piece->image + off, len);
	if (!piece->has_digest[i])
		return sv_is_zero(dev, len);
	struct sv_digest is = sv_xxh3_128(dev, len, image_reader_info(c->reader)->digest_seed);
	return !memcmp(&is, &piece->digest[i], sizeof(is));
}

static int piece_work(void *arg, void *worker, void *p, struct sv_err *err)
{
	const struct device_check *c = arg;
	struct piece *piece = p;
	int rc = 0;
	(void)worker;
	sv_extents_clear(&piece->diff);
	sv_extents_normalise(&piece->lost);
	for (size_t off = 0; !rc && off < piece->len;) {
		size_t len = SV_MIN(piece->len - off,
				    (size_t)(IMAGE_GRANULE - (piece->start + off) % IMAGE_GRANULE));
		if (!touches(&piece->lost, piece->start + off, piece->start + off + len) &&
		    !granule_equal(c, piece, off, len))
			rc = sv_extents_add(&piece->diff, piece->start + off, len);
		off += len;
	}
	for (size_t i = 0; !rc && i < piece->bad.n; i++)
		rc = sv_extents_add(&piece->diff, piece->bad.v[i].start, piece->bad.v[i].len);
	sv_extents_normalise(&piece->diff);
	return rc ? sv_fail_nomem(err) : 0;
}

static uint64_t say_all(const struct device_check *c, const struct sv_extents *list,
			const char *what)
{
	for (size_t i = 0; i < list->n; i++)
		check_say_damage(c->job, image_reader_info(c->reader), list->v[i].start,
				 list->v[i].len, what);
	return sv_extents_total(list);
}

static int piece_consume(void *arg, void *p, struct sv_err *err)
{
	struct device_check *c = arg;
	const struct piece *piece = p;
	(void)err;
	c->different += say_all(c, &piece->diff, "the device differs from the image");
	c->unreadable += say_all(c, &piece->lost, "the device cannot be read");
	job_advance(c->job, piece->len, 0);
	return 0;
}

static const struct pool_ops device_ops = {
	.item_create = piece_create,
	.item_destroy = piece_destroy,
	.worker_create = no_worker_create,
	.worker_destroy = no_worker_destroy,
	.produce = piece_produce,
	.work = piece_work,
	.consume = piece_consume,
};

static uint64_t bytes_to_compare(const struct gather *g, uint64_t start, uint64_t end)
{
	uint64_t sum = 0;
	for (uint64_t pos = start; pos < end;) {
		uint64_t next = SV_MIN(pos - pos % PIECE + PIECE, end);
		sum += touches_wanted(g, pos, next) ? next - pos : 0;
		pos = next;
	}
	return sum;
}

int check_device(struct sv_job *job, struct image_reader *reader, const struct check_device *what,
		 unsigned int threads, struct sv_err *err)
{
	struct device_check c = {.job = job, .reader = reader, .what = what, .next = what->start};
	c.gather = (struct gather){.dev = what->dev,
				   .runs = image_reader_runs(reader),
				   .kinds = 1u << SV_RUN_DATA | 1u << SV_RUN_ZERO,
				   .stream_off = what->start,
				   .dev_off = what->dev_off};
	if (what->bad_are_zero)
		c.gather.kinds |= 1u << SV_RUN_BAD;
	if (what->free_are_zero)
		c.gather.kinds |= 1u << SV_RUN_FREE;
	job_phase(job, SV_PHASE_VERIFY,
		  bytes_to_compare(&c.gather, what->start, what->start + what->len));
	int rc = image_blk_create(reader, &c.blk, err);
	if (!rc)
		rc = job_pipeline(job, &device_ops, &c, threads, err);
	blk_close(c.blk);
	if (!rc && c.different)
		rc = sv_fail(err, what->code, 0, what->dev->name,
			     "%s differs from the image in areas of %llu bytes", what->dev->name,
			     (unsigned long long)c.different);
	else if (!rc && c.unreadable)
		rc = sv_fail(err, SV_E_SOURCE, 0, what->dev->name,
			     "%llu bytes of %s cannot be read", (unsigned long long)c.unreadable,
			     what->dev->name);
	return rc;
}
