/* disk_int.h - what the files about disks share */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_DISK_INT_H
#define SV_DISK_DISK_INT_H

#include "engine/disk/disk.h"
#include "engine/disk/usage.h"

/* Identity of a disk or partition as sysfs has it now; use is not filled. false: no such device. */
bool disk_load(const char *root, const char *kname, struct disk *disk_ret);
/* Fill in_use and live of a loaded device, its partitions and (for a partition) its disk's node. */
void disk_load_use(const char *root, const struct usage *usage, struct disk *disk);
/* Both. SV_E_NOMEM, SV_E_NOT_FOUND. */
int disk_refresh(const char *root, const char *kname, struct disk *disk_ret, struct sv_err *err);

/* Call back with the kernel name of every partition of a disk. */
void disk_each_partition(const char *root, const char *kname, sysfs_each each, void *ctx);

/*
 * The kernel name that the live system left in ROOT/run/salvor/WHAT, as it runs from memory and its
 * mounts no longer tell: "boot-medium", or "live-system", the loop device of its own squashfs. ""
 * when it left none, or one that is no block device.
 */
void disk_recorded(const char *root, const char *what, char kname[SYSFS_KNAME]);
/* true when the device, or the disk it lies on, is the one this system was started from */
bool disk_is_boot_medium(const char *root, const struct disk *disk);

#endif
