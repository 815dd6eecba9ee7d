/* f2fs.h - what the files of the F2FS map reader share; private to engine/fsmap/f2fs*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_F2FS_H
#define SV_FSMAP_F2FS_H

#include "engine/fsmap/reader.h"

/*
 * On-disk structures: Linux include/linux/f2fs_fs.h and
 * fs/f2fs/{super,checkpoint,segment,recovery}.c (6.1), little endian. A block address counts blocks
 * of F2FS_BLOCK bytes from the start of the volume. Functions return 0, FSMAP_IS_WHOLE or
 * SV_E_NOMEM like every reader. One thread.
 */

#define F2FS_BLOCK	   4096u
#define F2FS_SEGMENT	   512u /* blocks, of a log2 of F2FS_SEGMENT_SHIFT */
#define F2FS_SEGMENT_SHIFT 9u
#define F2FS_MAGIC	   0xf2f52010u /* and what every CRC-32 starts with */

/* Where the areas start, in blocks, and how many segments each has. */
struct f2fs_area {
	uint64_t start;
	uint32_t segments;
};

#define F2FS_QUOTAS 3

/* A volume being read. */
struct f2fs {
	struct fsmap_reader *r;
	struct f2fs_area cp, sit, nat, ssa, main;
	uint32_t cp_payload; /* blocks of the bitmaps that have no room in a checkpoint's first */

	/* ---- the checkpoint ---- */
	uint64_t pack;	    /* the block where it starts */
	uint8_t *head;	    /* its first block */
	uint8_t *sit_which; /* a bit for each block of the SIT, highest first: 1 = the second copy
			     */
	uint64_t version;   /* as the nodes written after it have it, and those bits of it that
			       they have */
	uint64_t version_mask;
	bool clean; /* unmounted: nothing was written after it */

	/* ---- where owners are searched for: f2fs_files.h ---- */
	uint32_t features, root, quotas[F2FS_QUOTAS], seed; /* seed: of the checksums of inodes */
	uint8_t *nat_which;				    /* likewise, for the table of nodes */
	bool doubt;					    /* what is called free may be in use */
	struct sv_extents *hit; /* what was lost and may be in use; NULL in a map */
};

/* Segment information, of one segment of the main area. */
#define F2FS_SIT_ENTRY	 74u
#define F2FS_SIT_JOURNAL 6u

static inline uint64_t f2fs_offset(uint64_t block)
{
	return block * F2FS_BLOCK;
}

static inline uint64_t f2fs_blocks(const struct f2fs_area *area)
{
	return (uint64_t)area->segments << F2FS_SEGMENT_SHIFT;
}

static inline bool f2fs_in_main(const struct f2fs *f, uint64_t block)
{
	return block >= f->main.start && block - f->main.start < f2fs_blocks(&f->main);
}

/* ---- f2fs_super.c ---- */

/* Read and judge the superblocks. */
int f2fs_super_read(struct f2fs *f);
/* The same in a search: either of them will do. */
int f2fs_super_find(struct f2fs *f);

/* ---- f2fs_cp.c ---- */

/* Find the checkpoint that a mount would take. */
int f2fs_cp_read(struct f2fs *f);
/* Whether a block of a checkpoint is whole, and how many blocks it says that there are of it; 0 =
 * it is not. */
uint32_t f2fs_cp_sealed(const uint8_t *block);
/* Read what belongs to f->head, which was found in f->pack. */
int f2fs_cp_take(struct f2fs *f);
/* How many blocks of the main area and how many nodes of them it counts. */
uint64_t f2fs_cp_blocks(const struct f2fs *f);
uint32_t f2fs_cp_nodes(const struct f2fs *f);
/* The newest entries of the SIT, which the checkpoint holds itself: {segment, entry} each, *n of
 * F2FS_SIT_JOURNAL at the most. */
#define F2FS_JOURNAL_ENTRY (4u + F2FS_SIT_ENTRY)
int f2fs_cp_journal(struct f2fs *f, uint8_t journal[F2FS_SIT_JOURNAL * F2FS_JOURNAL_ENTRY],
		    unsigned int *n);
/* The same of the table of nodes: {node, entry} each. */
#define F2FS_NAT_ENTRY	 9u
#define F2FS_NAT_JOURNAL 38u
#define F2FS_NAT_CHANGE	 (4u + F2FS_NAT_ENTRY)
int f2fs_cp_nat_journal(struct f2fs *f, uint8_t journal[F2FS_NAT_JOURNAL * F2FS_NAT_CHANGE],
			unsigned int *n);
/* The first block that was written after the checkpoint, if any was. */
uint64_t f2fs_cp_next_node(const struct f2fs *f);

/* The log that writes into a segment, from F2FS_NODE_LOGS on one of nodes, and of how many of its
 * blocks the checkpoint has the summaries itself. -1: none does. */
#define F2FS_NODE_LOGS 3
int f2fs_cp_log(const struct f2fs *f, uint32_t segment, uint32_t *known);
/* Where that of the i-th block of it stands: *at in bytes. false: nowhere. */
bool f2fs_cp_summary(const struct f2fs *f, int log, uint32_t i, uint64_t *at);

/* ---- f2fs_sit.c ---- */

/* Mark what the segment information calls free. In a search what of it is lost is no reason to end,
 * and *f->hit is what of the lost bytes may be in use. */
int f2fs_sit_map(struct f2fs *f);

/* ---- f2fs_roll.c ---- */

/* Mark what a mount would roll forward as used: nodes synced since the checkpoint, and all they
 * point to. */
int f2fs_roll_forward(struct f2fs *f);

#endif
