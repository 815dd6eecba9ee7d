/* hfsplus_bitmap.c - HFS+: the allocation file: which blocks are free? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/hfsplus.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

#define PIECE  ((size_t)256 * 1024)
#define SECTOR 512u

/* A piece of the file, and of a copy of it in the journal; lowest bit first. */
struct piece {
	uint64_t at; /* byte of the file */
	size_t len;
	uint8_t *bits, *copy;
	uint64_t first, n; /* blocks */
};

/* Used is what either has as used. */
static int add_copies(struct hfsplus *h, struct piece *p)
{
	int ret = 0;
	for (size_t i = 0; !ret && i < h->journal.n; i++) {
		const struct hfsplus_copy *c = &h->journal.copies[i];
		uint64_t low = SV_MAX(c->at, p->at), high = SV_MIN(c->at + c->len, p->at + p->len);
		if (low >= high)
			continue;
		size_t n = (size_t)(high - low);
		ret = hfsplus_journal_bytes(h, p->copy, n, c->pos, low - c->at);
		for (size_t k = 0; !ret && k < n; k++)
			p->bits[low - p->at + k] |= p->copy[k];
	}
	return ret;
}

static bool all_used(const struct piece *p, uint64_t block, uint64_t end)
{
	for (; block < end; block++)
		if (!(p->bits[(block - p->first) / 8] >> (block - p->first) % 8 & 1))
			return false;
	return true;
}

/* What the volume and its files are made of must be used, or the file is wrong. */
static int check_own(struct hfsplus *h, const struct piece *p)
{
	for (size_t i = sv_extents_seek(&h->own, p->first); i < h->own.n; i++) {
		const struct sv_extent *e = &h->own.v[i];
		if (e->start >= p->first + p->n)
			break;
		if (!all_used(p, SV_MAX(e->start, p->first),
			      SV_MIN(e->start + e->len, p->first + p->n)))
			return fsmap_whole(h->r, "its allocation file calls blocks of files free");
	}
	return 0;
}

static uint64_t count_free(const struct piece *p)
{
	uint64_t used = 0;
	for (size_t i = 0; i < p->n / 8; i++)
		used += (unsigned int)__builtin_popcount(p->bits[i]);
	for (uint64_t i = sv_round_down(p->n, 8); i < p->n; i++)
		used += p->bits[i / 8] >> i % 8 & 1;
	return p->n - used;
}

/* Read a piece, as a replay would leave it. */
static int read_piece(struct hfsplus *h, struct piece *p)
{
	int ret = hfsplus_fork_read(h, &h->forks[HFSPLUS_ALLOCATION], p->bits, p->len, p->at,
				    "the allocation file");
	if (!ret)
		ret = add_copies(h, p);
	for (size_t i = 0; !ret && i < p->len; i++)
		p->bits[i] = sv_reverse_bits(p->bits[i]);
	return ret;
}

static void set_piece(const struct hfsplus *h, struct piece *p, uint64_t at, uint64_t len)
{
	p->at = at;
	p->len = (size_t)len;
	p->first = at * 8;
	p->n = SV_MIN(p->len * 8ull, h->blocks - p->first);
}

static int mark_piece(struct hfsplus *h, const struct piece *p, uint64_t *free_blocks)
{
	*free_blocks += count_free(p);
	return fsmap_mark_bitmap(h->r, p->bits, 0, p->n, h->start + p->first * h->block_size,
				 h->block_size);
}

/* `free_blocks`: count and mark them; NULL: not yet. */
static int go_through(struct hfsplus *h, uint64_t *free_blocks)
{
	struct piece p = {.bits = malloc(PIECE), .copy = malloc(PIECE)};
	uint64_t bytes = (h->blocks + 7ull) / 8;
	int ret = p.bits && p.copy ? 0 : SV_E_NOMEM;
	sv_extents_normalise(&h->own);
	for (uint64_t at = 0; !ret && at < bytes; at += PIECE) {
		set_piece(h, &p, at, SV_MIN(PIECE, bytes - at));
		ret = read_piece(h, &p);
		if (!ret)
			ret = check_own(h, &p);
		if (!ret && free_blocks)
			ret = mark_piece(h, &p, free_blocks);
	}
	sv_extents_clear(&h->own);
	free(p.bits);
	free(p.copy);
	return ret;
}

int hfsplus_bitmap_check(struct hfsplus *h)
{
	return go_through(h, NULL);
}

int hfsplus_bitmap_map(struct hfsplus *h)
{
	uint64_t free_blocks = 0;
	int ret = go_through(h, &free_blocks);
	/* the header is written when it is unmounted */
	if (!ret && h->clean && free_blocks != h->free_blocks)
		ret = fsmap_whole(h->r,
				  "its allocation file and its header count different numbers "
				  "of free blocks");
	return ret;
}

/* ---- where a part of it may be lost ---- */

int hfsplus_bitmap_bits(struct hfsplus *h, uint8_t *bits, uint8_t *copy, size_t len, uint64_t at)
{
	struct piece p = {.at = at, .len = len, .bits = bits, .copy = copy};
	return read_piece(h, &p);
}

int hfsplus_bitmap_judge(struct hfsplus *h, bool *good)
{
	uint8_t bits[SECTOR], copy[SECTOR];
	struct piece p = {.bits = bits, .copy = copy};
	uint64_t bytes = (h->blocks + 7ull) / 8, free_blocks = 0, blind = 0;
	sv_extents_normalise(&h->own);
	*good = true;
	for (uint64_t at = 0; *good && at < bytes; at += SECTOR) {
		set_piece(h, &p, at, SV_MIN(SECTOR, bytes - at));
		int ret = read_piece(h, &p);
		if (ret < 0)
			return ret;
		*good = ret || !check_own(h, &p);
		*(ret ? &blind : &free_blocks) += ret ? p.n : count_free(&p);
	}
	/* the header is written when it is unmounted */
	*good = *good && (!h->clean ||
			  (free_blocks <= h->free_blocks && free_blocks + blind >= h->free_blocks));
	return 0;
}
