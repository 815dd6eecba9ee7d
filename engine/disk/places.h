/* places.h - where an image can lie: the filesystems of this machine that are mounted, and mounting
 * one more */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_PLACES_H
#define SV_DISK_PLACES_H

#include "engine/disk/disk.h"

/* A mounted filesystem that files can be put on. Plain data. */
struct place {
	char path[256];	     /* where it is mounted */
	char source[256];    /* the device or share behind it, as the kernel names it */
	char fs[32];	     /* type, as the kernel names it */
	char kname[64];	     /* of the disk or partition it lies on; "" on a share */
	uint64_t size, free; /* bytes; free is what an ordinary user gets */
	bool read_only, network;
};

struct place_list {
	struct place *v; /* local ones first, then by free space, most first */
	size_t n;
};

/*
 * Each filesystem once, by its shortest mount point; memory, system and squashed ones are left out.
 * A share whose server does not answer makes this wait: call it where that does no harm.
 * SV_E_NOMEM, SV_E_FAILED when the table of mounts cannot be read.
 */
int places_list(const char *root, struct place_list *list, struct sv_err *err);
void places_clear(struct place_list *list);

/* What is written to that open folder is in memory, and gone with the power: tmpfs, ramfs, the root
 * of the live system. */
bool places_in_memory(int fd);

/*
 * Mount a partition (or a filesystem on a bare disk) for images, below /run/salvor/places, never
 * executing or trusting what lies on it; `write`: for images that are made, else a journal may be
 * replayed all the same. Already mounted there is fine: then *fresh_ret is false. path_ret: where.
 * Refused (SV_E_REFUSED) when it is in use; SV_E_LOCKED while it is being mounted by someone else;
 * SV_E_STORE when the kernel or a helper refuses, with its reason, and for `write` when it can only
 * be read; it is not mounted then.
 */
int places_mount(const char *root, const char *node, bool write, char path_ret[256],
		 bool *fresh_ret, struct sv_err *err);
/*
 * The same for a disk whose files are looked at: not a byte of it changes, so that what only its
 * journal knows is not seen. It is read-only in the kernel as long as the guard is held
 * (disk_guard_release() when it is not mounted any more). NULL in *guard_ret: it was mounted
 * before, read-only; mounted in another way it is refused.
 */
int places_browse(const char *root, const char *node, char path_ret[256],
		  struct disk_guard **guard_ret, struct sv_err *err);
/* Take one of them away again, or all; what is busy stays, and is false. */
bool places_unmount(const char *path);
void places_unmount_all(const char *root);

#endif
