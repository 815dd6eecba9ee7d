/* exfat.h - what the files of the exFAT map reader share; private to engine/fsmap/exfat*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_EXFAT_H
#define SV_FSMAP_EXFAT_H

#include "engine/fsmap/reader.h"

/*
 * On-disk structures: Microsoft exFAT file system specification (2019), little endian. Clusters are
 * numbered from 2, as on disk; bit arrays have bit (cluster - 2), LSB first. Functions return 0,
 * FSMAP_IS_WHOLE or SV_E_NOMEM like every reader. One thread.
 */

/* A volume being read. */
struct exfat {
	struct fsmap_reader *r;
	uint32_t sector, cluster; /* bytes */
	uint64_t fat_start, heap_start;
	uint32_t clusters;
	uint32_t root_cluster;
	bool dirty;	  /* not unmounted, or a medium's failure was noted */
	uint8_t *used;	  /* the allocation bitmap; what else is used when dirty */
	uint8_t *claimed; /* by files, folders and tables; nothing twice */

	uint8_t *window; /* of the FAT, EXFAT_WINDOW bytes */
	uint64_t window_at;
	uint32_t bitmap_cluster; /* 0 until found in the root folder */
	uint64_t bitmap_len;
};

#define EXFAT_WINDOW ((size_t)64 * 1024)

/* Bytes that lie in clusters of the heap. */
struct exfat_stream {
	uint32_t first;
	uint64_t len;	 /* EXFAT_OPEN: as far as the chain goes */
	bool contiguous; /* one cluster after the other; what the FAT says of them means nothing */
};
#define EXFAT_OPEN (~0ull)

static inline uint64_t exfat_offset(const struct exfat *x, uint32_t cluster)
{
	return x->heap_start + (uint64_t)(cluster - 2) * x->cluster;
}

static inline bool exfat_bit(const uint8_t *bits, uint32_t cluster)
{
	return bits[(cluster - 2) / 8] >> (cluster - 2) % 8 & 1;
}

static inline void exfat_set_bit(uint8_t *bits, uint32_t cluster)
{
	bits[(cluster - 2) / 8] |= (uint8_t)(1u << (cluster - 2) % 8);
}

/* ---- exfat_boot.c ---- */

/* Read and judge the boot region (or the copy of it) at that byte of the volume. */
int exfat_boot_read(struct exfat *x, uint64_t at);

/* ---- exfat_chain.c ---- */

/* Judge the first entries of the FAT. */
int exfat_fat_check(struct exfat *x);

/* Take every cluster as used of which the FAT says anything. */
int exfat_fat_scan(struct exfat *x);

/*
 * Claim the clusters of a stream in order and call `each` (may be NULL) with every one. A cluster
 * outside of the heap or claimed before is whole; so is a chain that is too short, unless dirty.
 */
int exfat_claim(struct exfat *x, const struct exfat_stream *stream, const char *what,
		int (*each)(struct exfat *x, uint32_t cluster, void *arg), void *arg);

/* ---- exfat_tree.c ---- */

/* Claim all that the folders name; finds the allocation bitmap. */
int exfat_tree_walk(struct exfat *x);

/* ---- exfat_files.c: who owns lost bytes (owners.h) ---- */

int exfat_files_find(struct fsmap_reader *r, struct owners *o);

#endif
