/* hfsplus.c - used-block map of HFS+ and HFSX */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/hfsplus.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

int hfsplus_read(struct hfsplus *h, void *buf, size_t len, uint64_t off, const char *what)
{
	if (!sv_range_ok(off, len, h->size))
		return fsmap_whole(h->r, "%s would lie outside of the volume", what);
	return fsmap_read_meta(h->r, buf, len, h->start + off, what);
}

int hfsplus_must_use(struct hfsplus *h, uint64_t off, uint64_t len)
{
	uint64_t first = off / h->block_size;
	uint64_t end = SV_MIN((off + len + h->block_size - 1) / h->block_size, h->blocks);
	return first < end ? sv_extents_add(&h->own, first, end - first) : 0;
}

/* What was not replayed is only known where everything was written by way of the journal. */
static int check_state(struct hfsplus *h)
{
	if (h->unmounted || (h->journaled && h->by_journal))
		return 0;
	if (h->journaled)
		return fsmap_whole(h->r, "it was not unmounted by a system that does not write its "
					 "journal");
	return fsmap_whole(h->r, "it was not unmounted, and has no journal");
}

static int read_trees(struct hfsplus *h)
{
	int ret = hfsplus_extents_read(h);
	return ret ? ret : hfsplus_claims_read(h);
}

/* The allocation file is only ever longer or elsewhere after the volume's size was changed; where
 * it is in the extents file is not looked up while that may be out of date. */
static int follow_journal(struct hfsplus *h)
{
	const struct hfsplus_fork *allocation = &h->forks[HFSPLUS_ALLOCATION];
	if (allocation->have != allocation->blocks)
		return fsmap_whole(h->r, "its journal was not replayed, and its allocation file is "
					 "in many pieces");
	if (h->start != 0)
		return fsmap_whole(h->r, "its journal was not replayed, and it lies inside of an "
					 "HFS volume");
	return hfsplus_journal_follow(h);
}

static void name_state(struct hfsplus *h)
{
	if (h->clean)
		return;
	if (h->journal.begin == h->journal.end)
		fsmap_union(h->r, "it was not unmounted, but its journal is empty");
	else
		fsmap_union(h->r, "its journal was not replayed; all that its copies of the "
				  "allocation file have is used, too");
}

static int map(struct hfsplus *h)
{
	int ret = hfsplus_header_read(h);
	if (!ret)
		ret = check_state(h);
	h->clean = h->unmounted;
	if (!ret && h->journaled)
		ret = hfsplus_journal_read(h);
	if (!ret)
		ret = h->clean ? read_trees(h) : follow_journal(h);
	if (!ret)
		ret = hfsplus_bitmap_map(h);
	if (!ret)
		name_state(h);
	return ret;
}

void hfsplus_clear(struct hfsplus *h)
{
	for (size_t i = 0; i < HFSPLUS_FORKS; i++)
		free(h->forks[i].runs);
	free(h->journal.head);
	free(h->journal.copies);
	sv_extents_clear(&h->own);
}

static int read_hfsplus(struct fsmap_reader *r)
{
	struct hfsplus h = {.r = r};
	int ret = map(&h);
	hfsplus_clear(&h);
	return ret;
}

const struct fsmap_ops fsmap_hfsplus_ops = {
	.name = "hfsplus",
	.types = (const char *const[]){"hfsplus", NULL},
	.read = read_hfsplus,
	.files = hfsplus_files_find,
};
