/* hfsplus_files.c - HFS+: who owns the bytes that were lost: what is the volume's own, what is free
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/hfsplus_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

#define BITS_PIECE 512u /* bytes of the allocation file, read at once */

/* ---- what is the volume's own ---- */

static int own_bytes(struct hfsplus_finder *f, uint64_t at, uint64_t len, const char *what)
{
	return owners_metadata(f->o, f->h->start + at, len, what);
}

static int take_forks(struct hfsplus_finder *f)
{
	static const char *const names[HFSPLUS_FORKS] = {
		[HFSPLUS_EXTENTS] = "the extents file",
		[HFSPLUS_CATALOG] = "the catalog",
		[HFSPLUS_BAD] = "blocks that are marked as bad",
		[HFSPLUS_ALLOCATION] = "the allocation file",
		[HFSPLUS_STARTUP] = "the startup file",
		[HFSPLUS_ATTRIBUTES] = "the attributes file",
	};
	uint64_t bs = f->h->block_size;
	int rc = 0;
	for (size_t i = 0; i < HFSPLUS_FORKS; i++)
		for (size_t k = 0; !rc && k < f->h->forks[i].n; k++)
			rc = own_bytes(f, f->h->forks[i].runs[k].start * bs,
				       f->h->forks[i].runs[k].count * bs, names[i]);
	return rc;
}

/* The other header stands before the end of the partition, or of the blocks; where it is lost, in
 * the first of the two that is. */
static int take_ends(struct hfsplus_finder *f)
{
	const struct hfsplus *h = f->h;
	uint64_t bs = h->block_size, end = h->blocks * bs, other = h->other_at;
	int rc = own_bytes(f, 0, sv_round_up(HFSPLUS_HEADER_AT + sizeof(h->header), bs),
			   "the boot area and the header");
	if (!other && owners_touch(f->o, h->start + h->size - HFSPLUS_HEADER_AT, 512))
		other = h->size - HFSPLUS_HEADER_AT;
	else if (!other)
		other = end - HFSPLUS_HEADER_AT;
	if (!rc)
		rc = own_bytes(f, sv_round_down(other, bs), sv_round_up(HFSPLUS_HEADER_AT, bs),
			       "the other header");
	return rc ? rc : own_bytes(f, end, h->size - end, "the end, behind the last block");
}

static int take_journal(struct hfsplus_finder *f)
{
	const struct hfsplus *h = f->h;
	uint64_t at = (uint64_t)get_be32(h->header + HFSPLUS_H_JOURNAL_BLOCK) * h->block_size;
	int rc = 0;
	if (!h->journaled || !sv_range_ok(at, h->block_size, h->size))
		return 0;
	rc = own_bytes(f, at, h->block_size, "what tells of the journal");
	if (!rc && sv_range_ok(h->journal.start, h->journal.size, h->size))
		rc = own_bytes(f, h->journal.start, h->journal.size, "the journal");
	return rc;
}

/* What is around it belongs to the HFS volume. */
static int take_wrapper(struct hfsplus_finder *f)
{
	uint64_t end = f->h->start + f->h->size;
	int rc = owners_metadata(f->o, 0, f->h->start, "the HFS volume around it");
	return rc ? rc
		  : owners_metadata(f->o, end, fsmap_size(f->h->r) - end,
				    "the HFS volume around it");
}

static int take_own(struct hfsplus_finder *f)
{
	int (*const steps[])(struct hfsplus_finder *) = {take_forks, take_ends, take_journal,
							 take_wrapper};
	int rc = 0;
	for (size_t i = 0; !rc && i < SV_ARRAY(steps); i++)
		rc = steps[i](f);
	return rc;
}

/* ---- whether the allocation file can be believed ---- */

/* What was not replayed: the copies of the allocation file are all that is taken from it. */
static int follow(struct hfsplus_finder *f)
{
	struct hfsplus *h = f->h;
	const struct hfsplus_fork *allocation = &h->forks[HFSPLUS_ALLOCATION];
	owners_caution(f->o, "it was not unmounted: what its journal still holds is not in this "
			     "list");
	if (!h->journaled || !h->by_journal || h->start || allocation->have != allocation->blocks)
		return FSMAP_IS_WHOLE;
	return hfsplus_journal_follow(h);
}

static int judge_state(struct hfsplus_finder *f)
{
	struct hfsplus *h = f->h;
	h->clean = h->unmounted;
	int rc = h->journaled ? hfsplus_journal_read(h) : 0;
	if (h->by_other)
		owners_caution(f->o, "its header is lost: what is free is not known");
	else if (h->doubtful)
		owners_caution(f->o, "it is marked as damaged or in use: names or owners may be "
				     "those of before");
	else if (rc > 0)
		owners_caution(f->o, "its journal cannot be read: names or owners may be those of "
				     "before");
	else if (!rc && !h->clean)
		rc = follow(f);
	f->trusted = !rc && !h->by_other && !h->doubtful;
	return SV_MIN(rc, 0);
}

static int judge_bitmap(struct hfsplus_finder *f)
{
	bool good = true;
	int rc = f->trusted ? hfsplus_bitmap_judge(f->h, &good) : 0;
	if (!good)
		owners_caution(f->o, "its allocation file is damaged: what is free is not known");
	f->trusted = f->trusted && good;
	sv_extents_normalise(&f->h->own);
	return rc;
}

/* ---- what is free ---- */

/* Clear bits of [first, end) blocks, all in the bits of `buf`, which begin at `base`. */
static int free_blocks(struct hfsplus_finder *f, const struct sv_extent *piece, const uint8_t *buf,
		       uint64_t base, uint64_t first, uint64_t end)
{
	uint64_t bs = f->h->block_size;
	int rc = 0;
	for (uint64_t b = first; !rc && b < end; b++) {
		uint64_t start = SV_MAX(f->h->start + b * bs, piece->start);
		uint64_t stop = SV_MIN(f->h->start + (b + 1) * bs, piece->start + piece->len);
		if (!(buf[(b - base) / 8] >> (b - base) % 8 & 1))
			rc = owners_free(f->o, start, stop - start);
	}
	return rc;
}

static int free_piece(struct hfsplus_finder *f, const struct sv_extent *piece)
{
	const struct hfsplus *h = f->h;
	uint8_t bits[BITS_PIECE], copy[BITS_PIECE];
	uint64_t step = 8ull * BITS_PIECE, bytes = (h->blocks + 7ull) / 8, next;
	if (piece->start < h->start)
		return 0; /* in the wrapper, which has an owner */
	uint64_t b = (piece->start - h->start) / h->block_size;
	uint64_t end =
		SV_MIN((piece->start + piece->len - 1 - h->start) / h->block_size + 1, h->blocks);
	int rc = 0;
	for (; rc >= 0 && b < end; b = next) {
		uint64_t base = sv_round_down(b, step), at = base / 8;
		next = SV_MIN(base + step, end);
		rc = hfsplus_bitmap_bits(f->h, bits, copy, (size_t)SV_MIN(bytes - at, BITS_PIECE),
					 at);
		if (!rc)
			rc = free_blocks(f, piece, bits, base, b, next);
	}
	return SV_MIN(rc, 0);
}

static int find_free(struct hfsplus_finder *f)
{
	struct sv_extents rest = {0};
	int rc = owners_rest(f->o, &rest);
	for (size_t i = 0; !rc && i < rest.n; i++)
		rc = free_piece(f, &rest.v[i]);
	sv_extents_clear(&rest);
	return rc;
}

/* ---- the volume ---- */

static int open_trees(struct hfsplus_finder *f)
{
	struct hfsplus *h = f->h;
	f->extents.order = hfsplus_order_extents;
	f->attributes.order = hfsplus_order_attributes;
	f->catalog.order = hfsplus_order_catalog;
	int rc = hfsplus_extents_read(h);
	for (size_t i = 0; rc > 0 && i < HFSPLUS_FORKS; i++)
		if (h->forks[i].have != h->forks[i].blocks)
			owners_caution(f->o, "its extents file is lost or damaged: where its own "
					     "files lie is not known as a whole");
	if (rc >= 0)
		rc = hfsplus_nodes_open(&f->extents, h, f->o, HFSPLUS_EXTENTS, "its extents file");
	if (!rc && h->forks[HFSPLUS_ATTRIBUTES].len)
		rc = hfsplus_nodes_open(&f->attributes, h, f->o, HFSPLUS_ATTRIBUTES,
					"its attributes file");
	return rc ? rc : hfsplus_nodes_open(&f->catalog, h, f->o, HFSPLUS_CATALOG, "its catalog");
}

static int find_owners(struct hfsplus_finder *f)
{
	int rc = hfsplus_header_find(f->h);
	if (!rc)
		rc = open_trees(f);
	if (!rc)
		rc = judge_state(f);
	if (!rc)
		rc = judge_bitmap(f);
	if (!rc)
		rc = take_own(f);
	if (!rc)
		rc = hfsplus_records_read(f);
	if (!rc && f->trusted)
		rc = find_free(f);
	if (!rc)
		rc = owners_seal(f->o);
	return rc ? rc : hfsplus_names_find(f);
}

int hfsplus_files_find(struct fsmap_reader *r, struct owners *o)
{
	struct hfsplus h = {.r = r};
	struct hfsplus_finder f = {.h = &h, .o = o};
	int rc = find_owners(&f);
	hfsplus_nodes_close(&f.catalog);
	hfsplus_nodes_close(&f.extents);
	hfsplus_nodes_close(&f.attributes);
	names_dirs_clear(&f.dirs);
	sv_extents_clear(&f.claimed);
	free(f.pieces);
	free(f.records.v);
	free(f.threads.v);
	free(f.attributed.v);
	hfsplus_clear(&h);
	return rc;
}
