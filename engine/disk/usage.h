/* usage.h - who uses a block device right now: mounts, swap, holders, loop devices */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_USAGE_H
#define SV_DISK_USAGE_H

#include "engine/disk/sysfs.h"

struct usage_mount {
	uint64_t id;
	unsigned int major, minor;
	bool rw;		  /* the superblock's, whatever this mount point allows */
	char source[SYSFS_KNAME]; /* kernel name behind the named source; "" when it is none */
	char where[160];
};

/* A snapshot of /proc/self/mountinfo and /proc/swaps. */
struct usage;
struct usage *usage_create(const char *root); /* NULL when out of memory */
void usage_destroy(struct usage *usage);

const struct usage_mount *usage_mount_of_id(const struct usage *usage, uint64_t id);
/* The last mount at a mount point; NULL when nothing is mounted there. */
const struct usage_mount *usage_mount_at(const struct usage *usage, const char *where);

/* Why one device (a disk's own node or a partition) is in use; "" when it is not. */
struct use {
	char text[240];
	bool live; /* something may write to it */
};
/* Adds to `use`: a reason that is live replaces one that is not, else the first stays. `subject`:
 * the device the user asked about; other devices are named in the text. */
void usage_of(const struct usage *usage, const char *kname, const char *subject, struct use *use);

#endif
