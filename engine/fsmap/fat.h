/* fat.h - what the parts of the FAT reader share; private to engine/fsmap/fat*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_FAT_H
#define SV_FSMAP_FAT_H

#include "engine/fsmap/reader.h"

/* A volume has one or two copies of the FAT; more than four is nobody's. */
#define FAT_COPIES_MAX 4

/*
 * Geometry and findings. Offsets in bytes from the start of the volume. Clusters are numbered from
 * 2, as on disk; `used` has bit (cluster - 2), one bit for each: at most 32 MiB.
 */
struct fat {
	struct fsmap_reader *r;
	unsigned int bits; /* of an entry: 12, 16, 32 */
	unsigned int copies;
	uint8_t media;
	uint32_t cluster; /* bytes */
	uint64_t fat_start, fat_len;
	uint64_t root_start, root_len; /* the fixed root folder of FAT12 and FAT16 */
	uint32_t root_cluster;	       /* FAT32 */
	uint64_t data_start;
	uint32_t clusters;
	uint8_t *used;
	bool alone;   /* the boot sector is not compared with its copy */
	bool dirty;   /* not unmounted, or an I/O error was noted */
	bool differ;  /* the copies are not alike */
	bool damaged; /* a few links lead nowhere or to free clusters */
};

/* A link is to another cluster when it is in here. */
static inline bool fat_in_range(const struct fat *fat, uint32_t cluster)
{
	return cluster >= 2 && cluster - 2 < fat->clusters;
}

static inline uint64_t fat_cluster_offset(const struct fat *fat, uint32_t cluster)
{
	return fat->data_start + (uint64_t)(cluster - 2) * fat->cluster;
}

static inline void fat_set_used(struct fat *fat, uint32_t cluster)
{
	fat->used[(cluster - 2) / 8] |= (uint8_t)(1u << (cluster - 2) % 8);
}

static inline bool fat_is_used(const struct fat *fat, uint32_t cluster)
{
	return fat->used[(cluster - 2) / 8] >> (cluster - 2) % 8 & 1;
}

/* Geometry from the boot sector (or a copy of it) at that byte of the volume. 0, FSMAP_IS_WHOLE,
 * SV_E_NOMEM. */
int fat_boot_read(struct fat *fat, uint64_t at);

/* Entry `n` of a table whose first byte is `table` (for 12 bits, n even or counted from a pair). */
uint32_t fat_entry(unsigned int bits, const uint8_t *table, uint32_t n);

/* One entry, read from one copy. 0, FSMAP_IS_WHOLE, SV_E_NOMEM. */
int fat_lookup(struct fat *fat, unsigned int copy, uint32_t cluster, uint32_t *value);

/*
 * Look at the root folder and the first entry of folders in it: they stand where the boot sector's
 * geometry says, or it is wrong and the volume whole. A file there without clusters sets `damaged`.
 */
int fat_tree_check(struct fat *fat);

/*
 * Walk all folders and take every live entry's clusters as used where the FAT calls them free.
 * Whole when a folder cannot be read or is not one. Memory: a bit per cluster and 4 MiB.
 */
int fat_tree_walk(struct fat *fat);

/* ---- fat_files.c: who owns lost bytes (owners.h) ---- */
struct owners;
int fat_files_find(struct fsmap_reader *r, struct owners *o);

#endif
