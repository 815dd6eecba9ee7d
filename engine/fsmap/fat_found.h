/* fat_found.h - FAT and exFAT: folders still to be read, and the files and folders that were hit;
 * private to fat_*.c and exfat_*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_FAT_FOUND_H
#define SV_FSMAP_FAT_FOUND_H

#include "engine/fsmap/owners.h"

/* The root folder has no entry of its own. */
#define FAT_ROOT_ID 0u

/* A folder. */
struct fat_folder {
	uint64_t id;	  /* where its own entry stands, in units of an entry's size */
	uint32_t cluster; /* its first */
	bool contiguous;  /* exFAT: one cluster after the other */
	uint64_t len;	  /* exFAT: bytes */
};

struct fat_hit {
	uint64_t id, parent, size;
	char *name; /* owned; NULL = a folder */
};

/* Everything returns 0 or SV_E_NOMEM. Zero-initialised; fat_found_open(), at the end
 * fat_found_close(). */
struct fat_found {
	struct owners *o;
	uint8_t *seen; /* bit (cluster - 2): begins a folder */
	struct fat_folder *todo;
	size_t n, cap;
	struct fat_hit *hits;
	size_t n_hits, hits_cap;
	struct folders folders;
	struct fat_folder dir; /* the one being read */
	bool dir_hit;	       /* and it was hit itself: set by who reads it */
};

int fat_found_open(struct fat_found *f, struct owners *o, uint32_t clusters);
void fat_found_close(struct fat_found *f);

/* Met in the folder being read: a folder, its first cluster inside of the volume. */
int fat_found_folder(struct fat_found *f, const struct fat_folder *folder, const char *name);
/* Met there: a file that was hit. */
int fat_found_file(struct fat_found *f, uint64_t id, uint64_t size, const char *name);

/* read(arg) for the root and every folder that is met, which is then f->dir. */
int fat_found_walk(struct fat_found *f, const struct fat_folder *root, int (*read)(void *arg),
		   void *arg);

/* After owners_seal(): the paths of what was hit. */
int fat_found_name(struct fat_found *f);

#endif
