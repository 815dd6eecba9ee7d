/* fat.c - used-block map of FAT12, FAT16 and FAT32 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/reader.h"

static int fat_read(struct fsmap_reader *r)
{
	return fsmap_whole(r, "vfat is read whole");
}

static const char *const fat_types[] = {"vfat", NULL};

const struct fsmap_ops fsmap_fat_ops = {
	.name = "fat",
	.types = fat_types,
	.read = fat_read,
};
