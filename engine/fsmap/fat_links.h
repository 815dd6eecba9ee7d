/* fat_links.h - FAT and exFAT: chains of clusters on a volume of which parts are lost; private to
 * fat_*.c and exfat_*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_FAT_LINKS_H
#define SV_FSMAP_FAT_LINKS_H

#include "engine/fsmap/owners.h"

/* Of the FAT so much is read, and lost, at once. */
#define FAT_PAGE 512u

/*
 * Geometry, filled in by the reader, then fat_links_open(). Offsets in bytes of the volume.
 * Clusters are numbered from 2, as on disk. Everything returns 0 or SV_E_NOMEM unless it says
 * otherwise. One thread.
 */
struct fat_links {
	struct fsmap_reader *r;
	struct owners *o;
	unsigned int bits; /* of an entry: 12, 16, 32 */
	bool exfat;	   /* all 32 bits count */
	unsigned int copies;
	uint64_t fat_start, fat_len; /* of the first copy; of each */
	uint32_t clusters;
	uint32_t cluster; /* bytes */
	uint64_t data_start;
	/* filled by fat_links_open() */
	uint8_t *pages;
	uint64_t *tags;	 /* which page is where */
	uint64_t budget; /* links that may still be followed */
};

int fat_links_open(struct fat_links *l);
void fat_links_close(struct fat_links *l);

static inline bool fat_links_hold(const struct fat_links *l, uint32_t cluster)
{
	return cluster >= 2 && cluster - 2 < l->clusters;
}

static inline uint64_t fat_links_offset(const struct fat_links *l, uint32_t cluster)
{
	return l->data_start + (uint64_t)(cluster - 2) * l->cluster;
}

/* What the FAT says of a cluster, by the first copy that has it; 1 = all have lost it. */
int fat_links_get(struct fat_links *l, uint32_t cluster, uint32_t *value);

/* The cluster after this one, 0 at the end of the chain. What is behind a lost link is lost, too:
 * of the content from `start` to `size`. */
int fat_links_follow(struct fat_links *l, const struct owners_file *file, uint32_t *cluster,
		     uint64_t start, uint64_t size);

/* All clusters of a file whose first is in the volume: of its `len` bytes the first `size` are
 * content. */
int fat_links_file(struct fat_links *l, const struct owners_file *file, uint32_t cluster,
		   uint64_t len, uint64_t size);

/* Of what nobody owns, the clusters that is_free(arg) calls unused are free. */
int fat_links_find_free(struct fat_links *l,
			int (*is_free)(void *arg, uint32_t cluster, bool *unused), void *arg);

#endif
