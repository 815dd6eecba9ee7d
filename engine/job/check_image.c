/* check_image.c - an image as what a device is compared with: digests, or bytes where they do not
 * serve */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/check.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of a device compared in one go; a multiple of the granule. */
#define PIECE	       ((size_t)(2 * SV_MIB))
#define PIECE_GRANULES (PIECE / IMAGE_GRANULE)

/* What belongs to one piece. */
struct own {
	uint8_t *image;			 /* the stream's bytes, where digests do not serve */
	bool by_bytes;			 /* compare with image instead of digests */
	bool has_digest[PIECE_GRANULES]; /* of the granules in it; none: it is all zeros */
	struct sv_digest digest[PIECE_GRANULES];
	struct sv_extents bad; /* unreadable in the image */
};

/* The reading thread owns blk; the rest is constant. */
struct image_ref {
	struct sv_job *job;
	struct image_reader *reader;
	const struct check_image *what;
	struct blk_dev *blk; /* the image as a disk */
};

static void own_destroy(void *p)
{
	struct own *own = p;
	free(own->image);
	sv_extents_clear(&own->bad);
	free(own);
}

static void *own_create(void *arg)
{
	(void)arg;
	struct own *own = calloc(1, sizeof(*own));
	if (!own)
		return NULL;
	own->image = aligned_alloc(4096, PIECE);
	if (own->image)
		return own;
	own_destroy(own);
	return NULL;
}

static bool touches(const struct sv_extents *list, uint64_t start, uint64_t end)
{
	size_t i = list ? sv_extents_seek(list, start) : 0;
	return list && i < list->n && list->v[i].start < end;
}

static void mask_skip(const struct image_ref *c, struct check_piece *piece)
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
static bool needs_bytes(const struct image_ref *c, const struct check_piece *piece)
{
	uint64_t end = piece->start + piece->len;
	bool whole = piece->start % IMAGE_GRANULE == 0 &&
		     (end % IMAGE_GRANULE == 0 || end == image_reader_info(c->reader)->size);
	return !whole || !image_reader_has_digests(c->reader) ||
	       touches(c->what->skip, piece->start, end);
}

/* false: some are lost, and what has none is not for that all zeros. */
static bool fetch_digests(const struct image_ref *c, struct check_piece *piece)
{
	struct own *own = piece->own;
	uint64_t first = piece->start / IMAGE_GRANULE;
	uint64_t n = sv_round_up(piece->len, IMAGE_GRANULE) / IMAGE_GRANULE;
	for (uint64_t i = 0; i < n; i++)
		own->has_digest[i] = image_reader_digest(c->reader, first + i, &own->digest[i]);
	return image_reader_has_digests(c->reader);
}

/* Where the next range that is left out begins at or behind pos; *end: where it ends. */
static uint64_t next_skip(const struct image_ref *c, uint64_t pos, uint64_t *end)
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
static int read_image(const struct image_ref *c, struct check_piece *piece, struct sv_err *err)
{
	struct own *own = piece->own;
	uint64_t end = piece->start + piece->len, skip_end;
	int rc = 0;
	memset(own->image, 0, piece->len);
	for (uint64_t pos = piece->start; !rc && pos < end;) {
		uint64_t to = SV_MIN(next_skip(c, pos, &skip_end), end);
		if (to == pos) {
			pos = skip_end;
			continue;
		}
		to = SV_MIN(to, sv_round_down(pos, IMAGE_GRANULE) + IMAGE_GRANULE);
		struct sv_err why = {0};
		rc = blk_pread(c->blk, own->image + (pos - piece->start), (size_t)(to - pos), pos,
			       &why);
		if (rc == SV_E_DIFFERS)
			rc = sv_extents_add(&own->bad, pos, to - pos) ? sv_fail_nomem(err) : 0;
		else if (rc && err)
			*err = why;
		pos = to;
	}
	return rc;
}

static int fetch(void *arg, struct check_piece *piece, struct sv_err *err)
{
	struct image_ref *c = arg;
	struct own *own = piece->own;
	sv_extents_clear(&own->bad);
	own->by_bytes = needs_bytes(c, piece) || !fetch_digests(c, piece);
	int rc = image_reader_failed(c->reader, err);
	if (!rc && own->by_bytes) {
		rc = read_image(c, piece, err);
		mask_skip(c, piece);
	}
	return rc;
}

static bool granule_equal(const struct image_ref *c, const struct check_piece *piece, size_t off,
			  size_t len)
{
	const struct own *own = piece->own;
	const uint8_t *dev = piece->dev + off;
	size_t i = off / IMAGE_GRANULE;
	if (own->by_bytes)
		return !memcmp(dev, own->image + off, len);
	if (!own->has_digest[i])
		return sv_is_zero(dev, len);
	struct sv_digest is = sv_xxh3_128(dev, len, image_reader_info(c->reader)->digest_seed);
	return !memcmp(&is, &own->digest[i], sizeof(is));
}

static int compare(const void *arg, struct check_piece *piece)
{
	const struct image_ref *c = arg;
	const struct sv_extents *bad = &((const struct own *)piece->own)->bad;
	int rc = 0;
	for (size_t off = 0; !rc && off < piece->len;) {
		size_t len = SV_MIN(piece->len - off,
				    (size_t)(IMAGE_GRANULE - (piece->start + off) % IMAGE_GRANULE));
		if (!touches(&piece->lost, piece->start + off, piece->start + off + len) &&
		    !granule_equal(c, piece, off, len))
			rc = sv_extents_add(&piece->diff, piece->start + off, len);
		off += len;
	}
	for (size_t i = 0; !rc && i < bad->n; i++)
		rc = sv_extents_add(&piece->diff, bad->v[i].start, bad->v[i].len);
	return rc;
}

static void say(void *arg, uint64_t start, uint64_t len, const char *what)
{
	const struct image_ref *c = arg;
	check_say_damage(c->job, image_reader_info(c->reader), start, len, what);
}

static const struct check_ref image_ref = {
	.name = "the image",
	.create = own_create,
	.destroy = own_destroy,
	.fetch = fetch,
	.compare = compare,
	.say = say,
};

int check_against_image(struct sv_job *job, struct image_reader *reader,
			const struct check_image *what, unsigned int threads, struct sv_err *err)
{
	struct image_ref c = {.job = job, .reader = reader, .what = what};
	struct check_device device = {
		.dev = what->dev,
		.runs = image_reader_runs(reader),
		.kinds = 1u << SV_RUN_DATA | 1u << SV_RUN_ZERO,
		.start = what->start,
		.len = what->len,
		.piece = PIECE,
		.ref = &image_ref,
		.arg = &c,
	};
	if (what->bad_are_zero)
		device.kinds |= 1u << SV_RUN_BAD;
	if (what->free_are_zero)
		device.kinds |= 1u << SV_RUN_FREE;
	int rc = image_blk_create(reader, &c.blk, err);
	if (!rc)
		rc = check_device(job, &device, threads, err);
	blk_close(c.blk);
	return rc;
}
