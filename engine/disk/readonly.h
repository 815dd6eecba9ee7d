/* readonly.h - the kernel's read-only flag of a device, set for a while and put back whatever
 * happens */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_READONLY_H
#define SV_DISK_READONLY_H

#include "engine/disk/sysfs.h"

/*
 * A record in ROOT/run/salvor/ro/ for every device and reader: "KNAME.XXXXXX", holding the flag as
 * it was before the first reader. The reader keeps a lock on its record (flock), which dies with
 * it; so a record without a lock is what a kill left. The last reader of a device puts the flag
 * back.
 */
struct ro_hold {
	char kname[SYSFS_KNAME];
	char record[SYSFS_PATH + 80];
	int fd; /* of the record, locked; -1 when nothing is held */
};

/* Set the flag. false when that is not possible (no rights, no /run): then nothing is held. */
bool ro_hold(const char *root, const char *kname, struct ro_hold *hold);
void ro_release(const char *root, struct ro_hold *hold);

/* Put back what dead readers left, on all devices. */
void ro_sweep(const char *root);
/* true when a living reader holds the device */
bool ro_is_held(const char *root, const char *kname);

/* The flag of an open device; set returns false when the kernel refuses. */
bool ro_get(int fd);
bool ro_set(int fd, bool on);

#endif
