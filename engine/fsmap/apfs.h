/* apfs.h - what the files of the APFS map reader share; private to engine/fsmap/apfs*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_APFS_H
#define SV_FSMAP_APFS_H

#include "engine/fsmap/reader.h"
#include "engine/util/extent.h"

/*
 * On-disk structures: Apple File System Reference (2020), little endian. A container holds volumes
 * that share its blocks; one space manager has the map of them all. Nothing is overwritten: a
 * checkpoint is a superblock in a ring of descriptors, the maps before it in the ring, and the
 * objects these name in a second area. Functions return 0, FSMAP_IS_WHOLE or SV_E_NOMEM like every
 * reader. One thread.
 */

enum apfs_type {
	APFS_SUPERBLOCK = 0x01,
	APFS_TREE = 0x02, /* its root */
	APFS_TREE_NODE = 0x03,
	APFS_SPACEMAN = 0x05,
	APFS_CAB = 0x06,  /* addresses of CIBs */
	APFS_CIB = 0x07,  /* what is known of each chunk of blocks */
	APFS_OMAP = 0x0b, /* where virtual objects are; and what its tree is */
	APFS_CHECKPOINT_MAP = 0x0c,
	APFS_VOLUME = 0x0d,
	/* what trees are */
	APFS_FILES = 0x0e,
	APFS_EXTENTS = 0x0f,
	APFS_SNAPSHOTS = 0x10,
	APFS_SEALED_EXTENTS = 0x1f,
};

/* Offsets in the header of every object. */
enum {
	APFS_O_ID = 8,
	APFS_O_TRANSACTION = 16,
	APFS_O_TYPE = 24,
	APFS_O_SUBTYPE = 28,
	APFS_O_SIZE = 32,
};

/* Offsets in a superblock that more than one file looks at. */
enum {
	APFS_S_DATA_BLOCKS = 108,
	APFS_S_DATA = 120,
	APFS_S_SPACEMAN = 152,
	APFS_S_OMAP = 160,
	APFS_S_MAX_VOLUMES = 180,
	APFS_S_VOLUMES = 184,
	APFS_S_JUMPSTART = 1272,
	APFS_S_KEYS = 1296, /* these: a block, and a number of them */
	APFS_S_MEDIA_KEYS = 1392,
};

#define APFS_MAX_BLOCK 65536u

/* A container being read. */
struct apfs {
	struct fsmap_reader *r;
	uint32_t block_size;
	uint64_t blocks;
	uint64_t ring; /* where the descriptors start, and how many blocks they have */
	uint32_t ring_blocks;
	uint8_t *super;	   /* of the newest checkpoint, one block */
	uint32_t super_at; /* in the ring */
	uint64_t transaction;
	bool unmounted; /* nothing was written after it was unmounted */
	bool unsure;	/* only in a search: a newer checkpoint may be lost */

	uint8_t *spaceman;
	uint32_t spaceman_size; /* bytes */
	uint8_t *block;		/* scratch, one block */
};

/* ---- apfs_object.c ---- */

/* Read a block. */
int apfs_read(struct apfs *a, void *buf, uint64_t block, const char *what);
/* The same, but in a search it may be lost: then *ok is false. */
int apfs_read_maybe(struct apfs *a, void *buf, uint64_t block, const char *what, bool *ok);
/* Its checksum is right, and it is of that type. */
bool apfs_is_object(const uint8_t *object, size_t len, enum apfs_type type);
/* Read an object of one block, which must be one; else whole. */
int apfs_read_object(struct apfs *a, uint8_t *buf, uint64_t block, enum apfs_type type,
		     const char *what);
/* These blocks are used, whatever the map says. */
int apfs_mark_used(struct apfs *a, uint64_t block, uint64_t count);

/* ---- apfs_super.c ---- */

/* Find the newest checkpoint and judge its superblock. */
int apfs_super_read(struct apfs *a);
/* The same where parts of it may be lost. */
int apfs_super_search(struct apfs *a);
/* The extents of what the firmware starts, in its block; their number. */
uint32_t apfs_jumpstart(const struct apfs *a, const uint8_t *block);
struct sv_extent apfs_jumpstart_at(const uint8_t *block, uint32_t i);
/* Find the space manager of that checkpoint and read it. */
int apfs_spaceman_find(struct apfs *a);

/* ---- apfs_spaceman.c ---- */

/* Mark what the space manager calls free. In a search what of it is lost says nothing. */
int apfs_spaceman_map(struct apfs *a);
/* Where it has its own blocks: both in blocks. */
struct sv_extent apfs_spaceman_pool(const struct apfs *a);
struct sv_extent apfs_spaceman_bitmaps(const struct apfs *a);

/* ---- apfs_proof.c ---- */

/* Object maps and trees of extents of all volumes: what they have must not be marked free. */
int apfs_prove(struct apfs *a);

/* ---- apfs_files.c ---- */

struct owners;
int apfs_files_find(struct fsmap_reader *r, struct owners *o);

#endif
