/* exfat_boot.c - exFAT: the boot region, judged */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/exfat.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Specification sections 3.1 and 3.4. */
enum {
	BOOT_NAME = 3,
	BOOT_ZEROS = 11, /* where FAT has its parameters */
	BOOT_SECTORS = 72,
	BOOT_FAT_START = 80, /* this and the next in sectors */
	BOOT_FAT_LEN = 84,
	BOOT_HEAP_START = 88,
	BOOT_CLUSTERS = 92,
	BOOT_ROOT = 96,
	BOOT_REVISION = 104,
	BOOT_FLAGS = 106,
	BOOT_SECTOR_SHIFT = 108,
	BOOT_CLUSTER_SHIFT = 109,
	BOOT_FATS = 110,
	BOOT_PERCENT = 112,
	BOOT_SIGNATURE = 510,

	FLAG_ACTIVE_FAT = 1,
	FLAG_DIRTY = 2,
	FLAG_MEDIA_FAILURE = 4,

	CHECKED_SECTORS = 11, /* and the next holds their checksum */
	REGION_SECTORS = 12,
	FIRST_FAT_SECTOR = 24, /* behind both boot regions */
	MIN_SECTOR_SHIFT = 9,
	MAX_SECTOR_SHIFT = 12,
	MAX_CLUSTER_SHIFT = 25, /* 32 MiB */
};
/* 32 MiB for each of two bit arrays. */
#define CLUSTERS_MAX ((uint32_t)1 << 28)

/* Flags and percentage change while the volume is in use, so they are left out. */
static uint32_t checksum(const uint8_t *region, size_t len)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < len; i++)
		if (i != BOOT_FLAGS && i != BOOT_FLAGS + 1 && i != BOOT_PERCENT)
			sum = (sum << 31 | sum >> 1) + region[i];
	return sum;
}

/* `start`: of the region. */
static int check_checksum(struct exfat *x, uint64_t start)
{
	size_t len = (size_t)x->sector * REGION_SECTORS, at = (size_t)x->sector * CHECKED_SECTORS;
	uint8_t *region = malloc(len);
	if (!region)
		return SV_E_NOMEM;
	int ret = fsmap_read_meta(x->r, region, len, start, "the boot region");
	uint32_t sum = ret ? 0 : checksum(region, at);
	for (size_t i = at; !ret && i < len; i += 4)
		if (get_le32(region + i) != sum)
			ret = fsmap_whole(x->r, "its boot region has a wrong checksum");
	free(region);
	return ret;
}

static int check_basics(struct exfat *x, const uint8_t *boot)
{
	unsigned int sector = boot[BOOT_SECTOR_SHIFT], cluster = boot[BOOT_CLUSTER_SHIFT];
	if (memcmp(boot + BOOT_NAME, "EXFAT   ", 8) != 0 ||
	    get_le16(boot + BOOT_SIGNATURE) != 0xaa55 ||
	    !sv_is_zero(boot + BOOT_ZEROS, 64 - BOOT_ZEROS))
		return fsmap_whole(x->r, "its boot sector is damaged");
	if (boot[BOOT_REVISION + 1] != 1)
		return fsmap_whole(x->r, "its revision %u.%02u is unknown", boot[BOOT_REVISION + 1],
				   boot[BOOT_REVISION]);
	if (sector < MIN_SECTOR_SHIFT || sector > MAX_SECTOR_SHIFT ||
	    sector + cluster > MAX_CLUSTER_SHIFT)
		return fsmap_whole(x->r, "its cluster size is out of range");
	if (boot[BOOT_FATS] == 2)
		return fsmap_whole(x->r, "it has two FATs (TexFAT), which this map does not know");
	if (boot[BOOT_FATS] != 1)
		return fsmap_whole(x->r, "%u FATs are not exFAT's", boot[BOOT_FATS]);
	x->sector = 1u << sector;
	x->cluster = x->sector << cluster;
	fsmap_set_block_size(x->r, x->cluster);
	return 0;
}

/* 32-bit counts of sectors of at most 4096 bytes: no sum but the volume's length can overflow. */
static int check_geometry(struct exfat *x, const uint8_t *boot)
{
	uint64_t bytes, fat_end;
	uint64_t fat = get_le32(boot + BOOT_FAT_START), fat_len = get_le32(boot + BOOT_FAT_LEN);
	uint64_t heap = get_le32(boot + BOOT_HEAP_START);
	x->clusters = get_le32(boot + BOOT_CLUSTERS);
	x->root_cluster = get_le32(boot + BOOT_ROOT);
	x->fat_start = fat * x->sector;
	x->heap_start = heap * x->sector;
	fat_end = x->fat_start + fat_len * x->sector;
	if (!sv_mul_ok(get_le64(boot + BOOT_SECTORS), x->sector, &bytes) ||
	    bytes > fsmap_size(x->r))
		return fsmap_whole(x->r, "it claims to be larger than its volume");
	if (fat < FIRST_FAT_SECTOR || fat_end > x->heap_start ||
	    fat_len * x->sector < ((uint64_t)x->clusters + 2) * 4)
		return fsmap_whole(x->r, "its FAT is out of place");
	if (x->clusters == 0 || x->heap_start > bytes ||
	    (bytes - x->heap_start) / x->cluster < x->clusters)
		return fsmap_whole(x->r, "its clusters do not fit its size");
	if (x->clusters > CLUSTERS_MAX)
		return fsmap_whole(x->r, "it has too many clusters for this map");
	if (x->root_cluster < 2 || x->root_cluster - 2 >= x->clusters)
		return fsmap_whole(x->r, "its root folder would lie outside of the volume");
	return 0;
}

int exfat_boot_read(struct exfat *x, uint64_t at)
{
	uint8_t boot[512];
	int ret = fsmap_read_meta(x->r, boot, sizeof(boot), at, "the boot sector");
	if (!ret)
		ret = check_basics(x, boot);
	if (!ret)
		ret = check_checksum(x, at);
	if (!ret)
		ret = check_geometry(x, boot);
	if (ret)
		return ret;
	unsigned int flags = get_le16(boot + BOOT_FLAGS);
	if (flags & FLAG_ACTIVE_FAT)
		return fsmap_whole(x->r, "its active FAT does not exist");
	x->dirty = flags & (FLAG_DIRTY | FLAG_MEDIA_FAILURE);
	return 0;
}
