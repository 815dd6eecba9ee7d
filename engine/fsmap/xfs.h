/* xfs.h - what the files of the XFS map reader share; private to engine/fsmap/xfs*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_XFS_H
#define SV_FSMAP_XFS_H

#include "engine/fsmap/reader.h"

/*
 * On-disk structures: kernel fs/xfs/libxfs/xfs_format.h and xfs_log_format.h, big endian but for
 * CRCs and what log items hold. An allocation group (AG) is a stretch of the volume with free-space
 * trees of its own. Functions return 0, FSMAP_IS_WHOLE or SV_E_NOMEM like every reader. One thread.
 */

/* One filesystem being read. Set by xfs_super_read(), constant afterwards but for the findings. */
struct xfs_fs {
	struct fsmap_reader *r;
	uint8_t sb[512];
	bool v5;	      /* CRCs and identities everywhere */
	uint8_t uuid[16];     /* that metadata blocks carry */
	uint32_t block_size;  /* bytes */
	uint32_t sector_size; /* bytes, of its own headers; may be larger than the device's */
	uint64_t blocks;
	uint32_t ag_blocks; /* of every AG but the last, which may be shorter */
	uint32_t ags;
	uint64_t log_start;   /* byte */
	uint32_t log_sectors; /* of 512 bytes, whatever the device's are */
	bool log_v2;

	/* For whoever looks for the owners of lost bytes (xfs_files.h). */
	bool partly;	     /* what is lost or damaged is no end: set by the caller */
	bool ftype;	     /* entries of folders say what they name */
	bool sparse;	     /* chunks of inodes may have holes */
	uint32_t inode_size; /* bytes; 0: its inodes cannot be found */
	uint32_t group_bits; /* of a block's address: its place in the group */
	uint32_t inode_bits; /* of an inode's number: its place in the group */
	uint32_t dir_block;  /* bytes of a folder that belong together */

	bool dirty;	  /* its log has to be replayed */
	uint8_t *touched; /* a bit per AG: the log changes its free space; NULL when clean */
	uint32_t touched_n;
	uint64_t free_blocks; /* counted: free, kept for the trees, and in them */
	uint8_t *block;	      /* scratch, one block */
};

/* The same free ranges stand in two trees; those of inodes are named by another header (AGI). */
enum xfs_tree_kind {
	XFS_BY_BLOCK,
	XFS_BY_COUNT,
	XFS_OWNERS,
	XFS_SHARED,
	XFS_INODES,
	XFS_FREE_INODES,
	XFS_TREES
};

/* What the AG's headers say of it (AGF, AGI); numbers are blocks of the AG. */
struct xfs_ag {
	uint32_t number;
	uint64_t start; /* byte of the volume */
	uint32_t blocks;
	uint32_t root[XFS_TREES], levels[XFS_TREES]; /* 0 levels: it has none */
	uint32_t free, longest;
	uint32_t first, last, count; /* of the kept blocks: in the AGFL, a ring */
	uint32_t *reserve;	     /* blocks kept for the trees (AGFL), ascending */
	uint32_t reserve_n;
};

/* What a tree holds, all of it. `mix` is a sum over the records that does not depend on their
 * order. */
struct xfs_found {
	uint64_t records, free, mix;
	uint32_t longest;
};

static inline bool xfs_is_touched(const struct xfs_fs *fs, uint32_t ag)
{
	return fs->touched && fs->touched[ag / 8] >> ag % 8 & 1;
}

/* The CRC32C at `at` in `buf` is that of the whole buffer. */
bool xfs_crc_ok(const uint8_t *buf, size_t len, size_t at);
/* And at `uuid` is the filesystem's. Version 4 has neither: always true. */
bool xfs_sealed(const struct xfs_fs *fs, const uint8_t *buf, size_t len, size_t crc, size_t uuid);

/* ---- xfs_super.c ---- */

/* Features of version 5, in fs->sb. */
enum {
	XFS_SB_RO_COMPAT = 212,
	XFS_SB_INCOMPAT = 216,
	XFS_RO_FINOBT = 0x1,
	XFS_RO_RMAPBT = 0x2,
	XFS_RO_REFLINK = 0x4,
	XFS_INCOMPAT_SPARSE = 0x2,
	XFS_INCOMPAT_NEEDS_REPAIR = 0x10,
};
bool xfs_has(const struct xfs_fs *fs, size_t word, uint32_t bit);

/* Read and judge the superblock. */
int xfs_super_read(struct xfs_fs *fs);
/* The same of its copy at this byte, which is the start of another AG. */
int xfs_super_read_at(struct xfs_fs *fs, uint64_t at);

/* Judge the superblock's copy at the start of another AG (version 4, which has no CRCs). */
int xfs_super_check_copy(struct xfs_fs *fs, const uint8_t *copy, uint32_t ag);

/* When all AGs of a clean filesystem are counted: does the superblock's count agree? */
int xfs_super_check_free(struct xfs_fs *fs);

/* ---- xfs_log.c ---- */

/* Read the whole log. Sets fs->dirty, and then fs->touched; a log that cannot be followed from its
 * tail to its head is whole. */
int xfs_log_check(struct xfs_fs *fs);

/* ---- xfs_record.c: the records of a log that has to be replayed ---- */

/*
 * Follow the records from the sector `tail` (where the record's cycle is `cycle`) to `head`: their
 * checksums are right, and AGs whose header is in them are touched.
 */
int xfs_records_scan(struct xfs_fs *fs, uint32_t tail, uint32_t cycle, uint32_t head);

/* Judge the header of a record that stands at `sector`, and its checksum where it has one. `buf`
 * (XFS_RECORD_MAX bytes) gets the record; sectors of its header and of all of it. */
#define XFS_RECORD_MAX ((size_t)264 * 1024)
int xfs_record_read(struct xfs_fs *fs, uint32_t sector, uint8_t *buf, uint32_t *header,
		    uint32_t *total);

/* Offsets in a record's header. */
enum {
	XFS_REC_CYCLE = 4,
	XFS_REC_LSN = 16, /* cycle, then sector */
	XFS_REC_TAIL_LSN = 24,
	XFS_REC_CRC = 32,
	XFS_REC_OPS = 40,
};
#define XFS_REC_MAGIC 0xfeedbabeu

/* ---- xfs_ag.c ---- */

/* The headers of an AG are its first four sectors. */
enum { XFS_AGF = 1, XFS_AGI, XFS_AGFL, XFS_AG_SECTORS };

/* Which AG it is, and how large. */
struct xfs_ag xfs_ag_at(const struct xfs_fs *fs, uint32_t number);
/* Read and judge the header of free space, then the kept blocks (`reserve`, owned by the caller).
 */
int xfs_agf_read(struct xfs_fs *fs, struct xfs_ag *ag);
int xfs_agfl_read(struct xfs_fs *fs, struct xfs_ag *ag);

/* Map every AG that is not touched. */
int xfs_ags_map(struct xfs_fs *fs);

/* ---- xfs_btree.c ---- */

/* A block of any tree of an AG, without its CRC: what it should be. Only a tree of one block may be
 * empty. */
bool xfs_block_ok(const struct xfs_fs *fs, const struct xfs_ag *ag, enum xfs_tree_kind kind,
		  const uint8_t *block, uint64_t off, uint32_t level);
/* Where its records begin (or its keys), how many there are and may be; bytes of one. */
uint32_t xfs_block_header(const struct xfs_fs *fs);
uint32_t xfs_block_records(const uint8_t *block);
uint32_t xfs_block_room(const struct xfs_fs *fs, enum xfs_tree_kind kind, uint32_t level);
uint32_t xfs_record_len(enum xfs_tree_kind kind);
uint32_t xfs_key_len(enum xfs_tree_kind kind);
#define XFS_MAX_LEVELS 9 /* kernel XFS_BTREE_MAXLEVELS */
#define XFS_BLOCK_CRC  52

/* Walk all records of one of the AG's free-space trees; by block, they are marked free. */
int xfs_tree_walk(struct xfs_fs *fs, const struct xfs_ag *ag, enum xfs_tree_kind kind,
		  struct xfs_found *found);

#endif
