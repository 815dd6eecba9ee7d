/* exfat_chain.c - exFAT: which clusters a file has, by the FAT or one after the other */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/exfat.h"

#include "engine/util/bytes.h"

#include <inttypes.h>

/* Specification section 4.1. */
#define ENTRY_MEDIA 0xfffffff8u
#define ENTRY_END   0xffffffffu

/* Entries up to the window's end are at *entry; the window is moved when needed. */
static int fat_entry(struct exfat *x, uint32_t cluster, const uint8_t **entry)
{
	uint64_t at = sv_round_down((uint64_t)cluster * 4, EXFAT_WINDOW);
	if (at != x->window_at) {
		uint64_t left = ((uint64_t)x->clusters + 2) * 4 - at;
		x->window_at = ~0ull;
		int ret = fsmap_read_meta(x->r, x->window, (size_t)SV_MIN(left, EXFAT_WINDOW),
					  x->fat_start + at, "the FAT");
		if (ret)
			return ret;
		x->window_at = at;
	}
	*entry = x->window + ((uint64_t)cluster * 4 - at);
	return 0;
}

int exfat_fat_check(struct exfat *x)
{
	const uint8_t *entry;
	int ret = fat_entry(x, 0, &entry);
	if (!ret && (get_le32(entry) != ENTRY_MEDIA || get_le32(entry + 4) != ENTRY_END))
		ret = fsmap_whole(x->r, "its FAT does not begin with its marks");
	return ret;
}

int exfat_fat_scan(struct exfat *x)
{
	const uint8_t *entry;
	for (uint32_t cluster = 2; cluster - 2 < x->clusters; cluster++) {
		int ret = fat_entry(x, cluster, &entry);
		if (ret)
			return ret;
		if (get_le32(entry))
			exfat_set_bit(x->used, cluster);
	}
	return 0;
}

static bool in_heap(const struct exfat *x, uint32_t cluster)
{
	return cluster >= 2 && cluster - 2 < x->clusters;
}

static int claim_one(struct exfat *x, uint32_t cluster, const char *what)
{
	if (!in_heap(x, cluster))
		return fsmap_whole(x->r, "%s would lie outside of the volume", what);
	if (exfat_bit(x->claimed, cluster))
		return fsmap_whole(x->r, "%s has a cluster that something else has, too", what);
	exfat_set_bit(x->claimed, cluster);
	return 0;
}

/* *next is ENTRY_END where the chain ends. Entries not yet written end it in a dirty volume. */
static int next_cluster(struct exfat *x, const struct exfat_stream *s, uint32_t cluster,
			uint32_t *next)
{
	const uint8_t *entry;
	*next = cluster + 1;
	if (s->contiguous)
		return 0;
	int ret = fat_entry(x, cluster, &entry);
	if (ret)
		return ret;
	*next = get_le32(entry);
	if (*next == 0 && x->dirty)
		*next = ENTRY_END;
	return 0;
}

int exfat_claim(struct exfat *x, const struct exfat_stream *stream, const char *what,
		int (*each)(struct exfat *x, uint32_t cluster, void *arg), void *arg)
{
	uint64_t left = EXFAT_OPEN;
	uint32_t cluster = stream->first;
	if (stream->len != EXFAT_OPEN)
		left = stream->len / x->cluster + (stream->len % x->cluster != 0);
	for (; left > 0 && cluster != ENTRY_END; left--) {
		int ret = claim_one(x, cluster, what);
		if (!ret && each)
			ret = each(x, cluster, arg);
		if (!ret && left > 1)
			ret = next_cluster(x, stream, cluster, &cluster);
		if (ret)
			return ret;
	}
	if (left > 0 && stream->len != EXFAT_OPEN && !x->dirty)
		return fsmap_whole(x->r, "%s has fewer clusters than its size needs", what);
	return 0;
}
