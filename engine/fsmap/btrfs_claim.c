/* btrfs_claim.c - Btrfs: lost areas as logical addresses, and their owners back on the volume */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/btrfs_files.h"

#include "engine/util/bytes.h"

#include <string.h>

/* Pieces that chunks divide lost areas into: more than any disk has. */
#define PIECES_MAX ((size_t)1 << 21)

#define COPY "one of two copies of files' content"

/* ---- from places to logical addresses ---- */

/* Lost bytes of chunks with one copy here, and of each copy of those with two. */
struct sides {
	struct sv_extents single, copy[BTRFS_COPIES];
};

static int split_piece(struct btrfs_search *s, const struct btrfs_chunk *c, unsigned int copy,
		       const struct sv_extent *piece, struct sv_extents *dst)
{
	uint64_t at = piece->start, end = at + piece->len, logical, run;
	int rc = 0;
	for (; !rc && at < end && dst->n < PIECES_MAX; at += run) {
		bool data = btrfs_logical(c, copy, at - c->place[copy], &logical, &run);
		run = SV_MIN(run, end - at);
		rc = data ? sv_extents_add(dst, logical, run)
			  : owners_metadata(s->o, at, run, "parity");
	}
	if (dst->n >= PIECES_MAX)
		owners_caution(s->o, "more is lost than can be followed");
	return rc;
}

int btrfs_claim_split(struct btrfs_search *s, const struct sv_extents *places,
		      const struct btrfs_chunk *c, unsigned int copy, struct sv_extents *dst)
{
	uint64_t pos = c->place[copy], end = pos + c->stripe_len;
	struct sv_extent piece;
	int rc = 0;
	while (!rc && sv_extents_next(places, &pos, end, &piece))
		rc = split_piece(s, c, copy, &piece, dst);
	return rc;
}

static int split_chunks(struct btrfs_search *s, struct sides *sides)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < s->fs->chunks.n; i++) {
		const struct btrfs_chunk *c = &s->fs->chunks.v[i];
		bool twice = c->identity && c->copies == BTRFS_COPIES;
		for (unsigned int k = 0; !rc && k < c->copies; k++)
			rc = btrfs_claim_split(s, owners_lost(s->o), c, k,
					       twice ? &sides->copy[k] : &sides->single);
	}
	sv_extents_normalise(&sides->single);
	sv_extents_normalise(&sides->copy[0]);
	sv_extents_normalise(&sides->copy[1]);
	return rc;
}

int btrfs_claim_open(struct btrfs_search *s)
{
	struct sides sides = {0};
	struct sv_extents both = {0}, any = {0};
	int rc = split_chunks(s, &sides);
	if (!rc)
		rc = sv_extents_intersect(&both, &sides.copy[0], &sides.copy[1]);
	if (!rc)
		rc = sv_extents_union(&any, &sides.copy[0], &sides.copy[1]);
	if (!rc)
		rc = sv_extents_union(&s->gone, &sides.single, &both);
	if (!rc)
		rc = sv_extents_union(&s->hurt, &sides.single, &any);
	if (!rc)
		rc = sv_extents_subtract(&s->half, &s->hurt, &s->gone);
	sv_extents_clear(&both);
	sv_extents_clear(&any);
	sv_extents_clear(&sides.single);
	sv_extents_clear(&sides.copy[0]);
	sv_extents_clear(&sides.copy[1]);
	return rc;
}

void btrfs_claim_close(struct btrfs_search *s)
{
	sv_extents_clear(&s->hurt);
	sv_extents_clear(&s->gone);
	sv_extents_clear(&s->half);
	sv_extents_clear(&s->spare);
}

static bool touches(const struct sv_extents *list, uint64_t logical, uint64_t len)
{
	struct sv_extent part;
	return sv_extents_next(list, &logical, logical + len, &part);
}

bool btrfs_is_hurt(const struct btrfs_search *s, uint64_t logical, uint64_t len)
{
	return touches(&s->hurt, logical, len);
}

bool btrfs_is_gone(const struct btrfs_search *s, uint64_t logical, uint64_t len)
{
	return touches(&s->gone, logical, len);
}

/* ---- and back ---- */

struct claim {
	struct btrfs_search *s;
	const struct owners_file *file;
	uint64_t logical, start, span, size;
	const char *what;
};

/* Bytes from `logical` on, which stripe number `copy` of the chunk has at `at`. */
typedef int part_fn(struct claim *c, unsigned int copy, uint64_t logical, uint64_t at,
		    uint64_t len);

static int parts_of_chunk(struct claim *c, const struct btrfs_chunk *chunk, uint64_t logical,
			  uint64_t end, part_fn *fn)
{
	uint64_t at, run;
	int rc = 0;
	for (unsigned int k = 0; !rc && k < chunk->copies; k++)
		for (uint64_t pos = logical; !rc && pos < end; pos += run) {
			bool here = btrfs_place(chunk, k, pos, &at, &run);
			run = SV_MIN(run, end - pos);
			rc = here ? fn(c, k, pos, at, run) : 0;
		}
	return rc;
}

/* All places of [logical, logical + len) on this device. */
static int each_part(struct claim *c, uint64_t logical, uint64_t len, part_fn *fn)
{
	uint64_t end = logical + len, stop;
	int rc = 0;
	for (; !rc && logical < end; logical = stop) {
		const struct btrfs_chunk *chunk = btrfs_chunk_find(c->s->fs, logical, 1);
		if (!chunk)
			break;
		stop = SV_MIN(end, chunk->start + chunk->len);
		rc = parts_of_chunk(c, chunk, logical, stop, fn);
	}
	return rc;
}

/* The same for what of it is in the list. */
static int each_listed(struct claim *c, const struct sv_extents *list,
		       const struct sv_extent *logical, part_fn *fn)
{
	uint64_t pos = logical->start, end = pos + logical->len;
	struct sv_extent piece;
	int rc = 0;
	while (!rc && sv_extents_next(list, &pos, end, &piece))
		rc = each_part(c, piece.start, piece.len, fn);
	return rc;
}

static int part_meta(struct claim *c, unsigned int copy, uint64_t logical, uint64_t at,
		     uint64_t len)
{
	(void)copy;
	(void)logical;
	return owners_metadata(c->s->o, at, len, c->what);
}

int btrfs_claim_meta(struct btrfs_search *s, uint64_t logical, uint64_t len, const char *what)
{
	struct claim c = {.s = s, .what = what};
	return each_listed(&c, &s->hurt, &(struct sv_extent){logical, len}, part_meta);
}

static int part_unused(struct claim *c, unsigned int copy, uint64_t logical, uint64_t at,
		       uint64_t len)
{
	(void)copy;
	(void)logical;
	return owners_free(c->s->o, at, len);
}

int btrfs_claim_unused(struct btrfs_search *s, uint64_t logical, uint64_t len)
{
	struct claim c = {.s = s};
	return each_listed(&c, &s->hurt, &(struct sv_extent){logical, len}, part_unused);
}

static int part_run(struct claim *c, unsigned int copy, uint64_t logical, uint64_t at, uint64_t len)
{
	(void)copy;
	c->s->events++;
	return owners_run(c->s->o, c->file, at, len, c->start + (logical - c->logical), c->size);
}

/* Both copies are lost: the file loses these bytes once. */
static int part_gone(struct claim *c, unsigned int copy, uint64_t logical, uint64_t at,
		     uint64_t len)
{
	return copy ? owners_metadata(c->s->o, at, len, COPY) : part_run(c, copy, logical, at, len);
}

static int part_packed(struct claim *c, unsigned int copy, uint64_t logical, uint64_t at,
		       uint64_t len)
{
	(void)logical;
	if (copy)
		return owners_metadata(c->s->o, at, len, COPY);
	uint64_t span = c->span;
	c->s->events++;
	c->span = 0; /* lost with the first byte of it */
	return owners_lose(c->s->o, c->file, at, len, c->start, span);
}

/* The other copy is whole. Many files may share the extent. */
static int note_spare(struct btrfs_search *s, const struct sv_extent *logical)
{
	uint64_t pos = logical->start, end = pos + logical->len;
	struct sv_extent piece;
	int rc = 0;
	while (!rc && sv_extents_next(&s->half, &pos, end, &piece))
		rc = sv_extents_add(&s->spare, piece.start, piece.len);
	if (s->spare.n > s->spare_limit) {
		sv_extents_normalise(&s->spare);
		s->spare_limit = 2 * s->spare.n + 4096;
	}
	return rc;
}

int btrfs_claim_content(struct btrfs_search *s, const struct owners_file *file, bool nosum,
			const struct sv_extent *logical, uint64_t start, uint64_t size)
{
	struct claim c = {
		.s = s, .file = file, .logical = logical->start, .start = start, .size = size};
	int rc = each_listed(&c, &s->gone, logical, part_gone);
	if (rc)
		return rc;
	return nosum ? each_listed(&c, &s->half, logical, part_run) : note_spare(s, logical);
}

int btrfs_claim_packed(struct btrfs_search *s, const struct owners_file *file,
		       const struct sv_extent *logical, uint64_t start, uint64_t span)
{
	struct claim c = {.s = s, .file = file, .start = start, .span = span};
	int rc = each_listed(&c, &s->gone, logical, part_packed);
	return rc ? rc : note_spare(s, logical);
}

int btrfs_claim_node(struct btrfs_search *s, const struct owners_file *file, uint64_t logical,
		     uint64_t start, uint64_t span)
{
	const struct btrfs_chunk *c = btrfs_chunk_find(s->fs, logical, s->fs->node_size);
	uint64_t at, run;
	for (unsigned int k = 0; c && k < c->copies; k++)
		if (btrfs_place(c, k, logical, &at, &run) &&
		    owners_touch(s->o, at, SV_MIN(run, s->fs->node_size)))
			return owners_lose(s->o, file, at, SV_MIN(run, s->fs->node_size), start,
					   span);
	return 0;
}

int btrfs_claim_spare(struct btrfs_search *s)
{
	struct claim c = {.s = s, .what = COPY};
	int rc = 0;
	sv_extents_normalise(&s->spare);
	for (size_t i = 0; !rc && i < s->spare.n; i++)
		rc = each_part(&c, s->spare.v[i].start, s->spare.v[i].len, part_meta);
	return rc;
}
