/* mdraid.h - what the files of the reader of Linux software RAID share; private to
 * engine/fsmap/mdraid*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_MDRAID_H
#define SV_FSMAP_MDRAID_H

#include "engine/fsmap/reader.h"

/*
 * On-disk structures: kernel include/uapi/linux/raid/md_p.h, and what drivers/md/md.c demands of
 * them (super_90_load, super_1_load). Functions return 0, FSMAP_IS_WHOLE or SV_E_NOMEM like every
 * reader. One thread.
 *
 * Which members are looked into. A member is stored as it is, so the map of what it shows by itself
 * is the right one, as long as an array that is put together again shows nothing else. That holds
 * for a RAID1 member that is active and in an array that was stopped, or left alone, while all its
 * disks were the same. It does not hold, and the member is read whole, when:
 * - the array is not clean, or its first synchronisation has not ended. The other disks may have
 *   newer metadata, which then govern; they may name blocks that are free here, and md may read
 *   those from here, because it takes that part to be the same (before the mark of the
 *   synchronisation, or in chunks that the bitmap has for clean);
 * - the member is being rebuilt, is a spare, has failed, or has a list of bad sectors: what it
 *   shows is not what the array shows;
 * - the array is being reshaped, has a journal, belongs to a cluster, or has features we do not
 *   know;
 * - it has a bitmap, and what is inside may not be closed. A member that fell out of an array comes
 *   back by its bitmap, and nothing on it tells that it fell out: only what was written since is
 *   copied to it, and what was written before, but not yet named by any metadata, is not. Without a
 *   bitmap, all of it is copied.
 * What must hold: disks of one array are put together again as they were saved, or one of them
 * alone; one that is older than the others is added anew (mdadm --add after --zero-superblock).
 * Free areas of members may differ after a restore, which a check of the array counts.
 */

#define MD_AREAS 2

struct md_super {
	const char *version; /* of the metadata: "0.90", "1.2" */
	int32_t level;
	uint32_t disk, disks; /* which one this is, from 0, and how many the array has */
	/* in bytes of the volume: the superblock's place, and the data's; how much of it the array
	 * uses, and how much it could */
	uint64_t place, data, size, room;
	bool bitmap; /* on this volume */
	struct {
		uint64_t start, len; /* at least so long */
	} areas[MD_AREAS];	     /* other areas of the array: bitmap, list of bad blocks */
	size_t n_areas;
};

/* Find the superblock and check it; whole unless it is that of a RAID1 member as above, but for
 * what is inside. */
int md_super_read(struct fsmap_reader *r, struct md_super *md);

#endif
