/* hfsplus_claim.c - HFS+: blocks that files claim, and what speaks against it */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/hfsplus_files.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	BITS_PIECE = 512,     /* bytes of the allocation file, looked at for one claim */
	PIECES_MAX = 1 << 20, /* of forks in the extents file: 24 MiB */
	CLAIMS_MAX = 1 << 20, /* 16 MiB of them */
};

/* ---- one run of a file ---- */

/* Blocks of the volume's own files are no other file's. */
static bool is_own(const struct hfsplus *h, const struct hfsplus_run *run)
{
	size_t i = sv_extents_seek(&h->own, run->start);
	return i < h->own.n && h->own.v[i].start < (uint64_t)run->start + run->count;
}

/* What a file has is used: this many blocks of it are looked at where bytes are lost. */
static int is_free(struct hfsplus_finder *f, uint64_t block, uint64_t end, bool *free)
{
	uint8_t bits[BITS_PIECE], copy[BITS_PIECE];
	uint64_t at = block / 8, bytes = (f->h->blocks + 7ull) / 8;
	size_t len = (size_t)SV_MIN(BITS_PIECE, bytes - at);
	int rc = hfsplus_bitmap_bits(f->h, bits, copy, len, at);
	end = SV_MIN(end, (at + len) * 8);
	for (; !rc && !*free && block < end; block++)
		*free = !(bits[block / 8 - at] >> block % 8 & 1);
	return SV_MIN(rc, 0);
}

/* Which of the two is wrong cannot be told, so neither is believed. */
static int ask_bitmap(struct hfsplus_finder *f, uint64_t at, uint64_t end, bool *wrong)
{
	const struct hfsplus *h = f->h;
	struct sv_extent p;
	int rc = 0;
	while (!rc && f->trusted && sv_extents_next(owners_lost(f->o), &at, end, &p))
		rc = is_free(f, (p.start - h->start) / h->block_size,
			     (p.start + p.len - 1 - h->start) / h->block_size + 1, wrong);
	f->trusted = f->trusted && !*wrong;
	return rc;
}

static int note_claim(struct hfsplus_finder *f, uint64_t at, uint64_t end)
{
	struct sv_extent p;
	int rc = 0;
	while (!rc && sv_extents_next(owners_lost(f->o), &at, end, &p)) {
		if (f->claimed.n >= CLAIMS_MAX)
			sv_extents_normalise(&f->claimed);
		if (f->claimed.n >= CLAIMS_MAX)
			return 0;
		f->claims += p.len;
		rc = sv_extents_add(&f->claimed, p.start, p.len);
	}
	return rc;
}

int hfsplus_claim(struct hfsplus_finder *f, const struct owners_file *file,
		  const struct hfsplus_run *run, uint64_t pos, uint64_t size)
{
	uint64_t at = f->h->start + (uint64_t)run->start * f->h->block_size;
	uint64_t len = (uint64_t)run->count * f->h->block_size;
	bool outside = !sv_range_ok(run->start, run->count, f->h->blocks);
	bool wrong = outside || is_own(f->h, run);
	int rc = 0;
	if (!outside && !owners_touch(f->o, at, len))
		return 0;
	if (!wrong)
		rc = ask_bitmap(f, at, at + len, &wrong);
	if (wrong)
		owners_caution(f->o, "the list of blocks of file %" PRIu64 " is damaged", file->id);
	if (rc || wrong)
		return rc;
	rc = note_claim(f, at, at + len);
	if (!rc && file->kind == FILES_ATTRS)
		return owners_lose(f->o, file, at, len, 0, 0);
	return rc ? rc : owners_run(f->o, file, at, len, pos, size);
}

void hfsplus_claims_judge(struct hfsplus_finder *f)
{
	sv_extents_normalise(&f->claimed);
	if (f->claims > sv_extents_total(&f->claimed))
		owners_caution(f->o, "files are damaged: several of them claim the same blocks");
}

/* ---- the extents file ---- */

static int add_piece(struct hfsplus_finder *f, const struct hfsplus_piece *piece)
{
	const struct hfsplus *h = f->h;
	if (!f->extents.hit &&
	    !owners_touch(f->o, h->start + (uint64_t)piece->start * h->block_size,
			  (uint64_t)piece->count * h->block_size))
		return 0;
	if (f->n_pieces == PIECES_MAX) {
		owners_caution(f->o, "files lie in more pieces than can be followed");
		return 0;
	}
	if (f->n_pieces == f->cap_pieces) {
		size_t cap = f->cap_pieces ? 2 * f->cap_pieces : 256;
		struct hfsplus_piece *v = reallocarray(f->pieces, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		f->pieces = v;
		f->cap_pieces = cap;
	}
	f->pieces[f->n_pieces++] = *piece;
	return 0;
}

static int see_extents(void *arg, const uint8_t *record, uint32_t key, const uint8_t *data,
		       uint32_t len)
{
	struct hfsplus_finder *f = arg;
	int rc = 0;
	if (key != HFSPLUS_X_KEY || len < HFSPLUS_RUNS_SIZE) {
		f->extents.damaged = true;
		return 0;
	}
	struct hfsplus_piece piece = {
		.id = get_be32(record + HFSPLUS_X_FILE),
		.first = get_be32(record + HFSPLUS_X_START),
		.fork = record[HFSPLUS_X_FORK],
	};
	if (piece.id < HFSPLUS_FIRST_OF_USERS) /* seen */
		return 0;
	for (uint32_t i = 0; !rc && i < HFSPLUS_RUNS; i++) {
		piece.start = get_be32(data + i * HFSPLUS_RUN_SIZE);
		piece.count = get_be32(data + i * HFSPLUS_RUN_SIZE + 4);
		if (!piece.count || piece.first > UINT32_MAX - piece.count)
			break;
		rc = add_piece(f, &piece);
		f->more += piece.count;
		piece.first += piece.count;
	}
	return rc;
}

static int compare_forks(const struct hfsplus_piece *a, const struct hfsplus_piece *b)
{
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return (a->fork > b->fork) - (a->fork < b->fork);
}

static int by_place(const void *pa, const void *pb)
{
	const struct hfsplus_piece *a = pa, *b = pb;
	int forks = compare_forks(a, b);
	return forks ? forks : (a->first > b->first) - (a->first < b->first);
}

int hfsplus_pieces_read(struct hfsplus_finder *f)
{
	int rc = hfsplus_nodes_walk(&f->extents, see_extents, f);
	if (f->n_pieces)
		qsort(f->pieces, f->n_pieces, sizeof(*f->pieces), by_place);
	return rc;
}

/* The first of a fork's pieces. */
static size_t find_pieces(const struct hfsplus_finder *f, const struct hfsplus_piece *of)
{
	size_t low = 0, high = f->n_pieces;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare_forks(&f->pieces[mid], of) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* ---- forks ---- */

static struct owners_file file_of(uint32_t id, uint8_t fork)
{
	return (struct owners_file){.id = id,
				    .kind = FILES_CONTENT,
				    .stream = fork == HFSPLUS_FORK_RESOURCES ? "rsrc" : NULL};
}

/* A stretch of the fork that no record tells of: only where the extents file has a hole, too. */
static int take_hole(struct hfsplus_finder *f, const struct owners_file *file,
		     const struct hfsplus_piece *hole, uint64_t size)
{
	return f->extents.hit && hole->count ? hfsplus_lost_map(f, hole, file, size) : 0;
}

/* What the extents file has of a fork, from that block on up to `blocks`. */
static int claim_more(struct hfsplus_finder *f, struct hfsplus_piece hole, uint32_t blocks,
		      uint64_t size)
{
	const struct owners_file file = file_of(hole.id, hole.fork);
	uint32_t inside = hole.first;
	int rc = 0;
	for (size_t i = find_pieces(f, &hole); !rc && i < f->n_pieces; i++) {
		struct hfsplus_piece *p = &f->pieces[i];
		const struct hfsplus_run run = {p->start, p->count};
		if (compare_forks(p, &hole))
			break;
		p->used = true;
		if (p->first < inside || p->first + p->count > blocks) {
			f->extents.damaged = true;
			continue;
		}
		hole.count = p->first > hole.first ? p->first - hole.first : 0;
		rc = take_hole(f, &file, &hole, size);
		if (!rc)
			rc = hfsplus_claim(f, &file, &run, (uint64_t)p->first * f->h->block_size,
					   size);
		hole.first = p->first + p->count;
	}
	hole.count = blocks > hole.first ? blocks - hole.first : 0;
	return rc ? rc : take_hole(f, &file, &hole, size);
}

int hfsplus_claim_fork(struct hfsplus_finder *f, uint32_t id, uint8_t fork, const uint8_t *raw)
{
	const struct owners_file file = file_of(id, fork);
	uint64_t size = get_be64(raw + HFSPLUS_F_LEN);
	uint32_t blocks = get_be32(raw + HFSPLUS_F_BLOCKS), have = 0;
	int rc = 0;
	for (uint32_t i = 0; !rc && i < HFSPLUS_RUNS; i++) {
		const uint8_t *p = raw + HFSPLUS_F_RUNS + i * HFSPLUS_RUN_SIZE;
		const struct hfsplus_run run = {get_be32(p), get_be32(p + 4)};
		if (!run.count)
			break;
		if (run.count > blocks - have) {
			owners_caution(f->o, "the list of blocks of file %" PRIu32 " is damaged",
				       id);
			return 0;
		}
		rc = hfsplus_claim(f, &file, &run, (uint64_t)have * f->h->block_size, size);
		have += run.count;
	}
	f->missing += blocks - have;
	struct hfsplus_piece rest = {.id = id, .fork = fork, .first = have};
	return rc || have == blocks ? rc : claim_more(f, rest, blocks, size);
}

int hfsplus_claim_left(struct hfsplus_finder *f)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < f->n_pieces; i++) {
		const struct hfsplus_piece *p = &f->pieces[i];
		const struct owners_file file = file_of(p->id, p->fork);
		const struct hfsplus_run run = {p->start, p->count};
		if (!p->used)
			rc = hfsplus_claim(f, &file, &run, (uint64_t)p->first * f->h->block_size,
					   UINT64_MAX);
	}
	return rc;
}
