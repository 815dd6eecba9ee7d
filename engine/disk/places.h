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

enum places_mode {
	PLACES_READ,   /* for images that are read: a journal may be replayed */
	PLACES_WRITE,  /* for images that are made */
	PLACES_BROWSE, /* a disk whose files are looked at: not a byte of it changes, so that what
			  only its journal knows is not seen */
};

/*
 * Mount a partition (or a filesystem on a bare disk) for files, below /run/salvor/places, never
 * executing or trusting what lies on it. Already mounted there is fine, but for PLACES_BROWSE,
 * which refuses what is mounted in another way. path_ret: where. Refused (SV_E_REFUSED) when it is
 * in use; SV_E_STORE when the kernel or a helper refuses, with its reason.
 */
int places_mount(const char *root, const char *node, enum places_mode mode, char path_ret[256],
		 struct sv_err *err);
/* Take all of them away again; what is busy stays. */
void places_unmount_all(const char *root);

#endif
