/* manners.h - how the kernel treats a disk that fails, changed for a while and put back */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_MANNERS_H
#define SV_DISK_MANNERS_H

#include "engine/disk/disk.h"

/*
 * A kernel that reads a bad sector six times, waits half a minute for each, and takes the disk away
 * after the second, does a failing disk no good. For the time of a rescue: no repeats
 * (scsi_disk/max_retries), a short limit for a command (timeout, 10 s), the disk stays
 * (max_medium_access_timeouts), nothing is read ahead; and a SATA disk gives up a sector after 7 s
 * (erc.h), before the kernel does, who would reset it. The limit for error handling (eh_timeout)
 * stays: made shorter, it only leads to harder resets. Of a partition, and of a volume that lies on
 * one disk (LVM2, LUKS), it is about that disk. Source: the kernel's
 * Documentation/ABI/testing/sysfs-block-device, drivers/scsi/sd.c, drivers/scsi/scsi_error.c.
 *
 * What stood there before is recorded under ROOT/run/salvor/manners first, so that the next start
 * puts back what a kill left.
 */
struct disk_manners;

/* What cannot be set is left as it is; NULL when nothing could be set. */
struct disk_manners *disk_manners_set(const char *root, const struct disk *disk);
/* NULL is fine. */
void disk_manners_release(struct disk_manners *manners);
/* The same for a disk that does not answer now: what was before is left for the next start. */
void disk_manners_leave(struct disk_manners *manners);
/* Put back what dead runs left, on all disks. */
void disk_manners_sweep(const char *root);

#endif
