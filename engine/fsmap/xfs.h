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

	bool dirty;	  /* its log has to be replayed */
	uint8_t *touched; /* a bit per AG: the log changes its free space; NULL when clean */
	uint32_t touched_n;
	uint64_t free_blocks; /* counted: free, kept for the trees, and in them */
	uint8_t *block;	      /* scratch, one block */
};

/* What the AG's header says of it (AGF); numbers are blocks of the AG. */
struct xfs_ag {
	uint32_t number;
	uint64_t start; /* byte of the volume */
	uint32_t blocks;
	uint32_t root[2], levels[2]; /* by enum xfs_tree_kind */
	uint32_t free, longest;
	uint32_t *reserve; /* blocks kept for the trees (AGFL), ascending */
	uint32_t reserve_n;
};

/* The same free ranges stand in two trees. */
enum xfs_tree_kind { XFS_BY_BLOCK, XFS_BY_COUNT };

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

/* ---- xfs_super.c ---- */

/* Read and judge the superblock. */
int xfs_super_read(struct xfs_fs *fs);

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

/* Map every AG that is not touched. */
int xfs_ags_map(struct xfs_fs *fs);

/* ---- xfs_btree.c ---- */

/* Walk all records of one of the AG's free-space trees; by block, they are marked free. */
int xfs_tree_walk(struct xfs_fs *fs, const struct xfs_ag *ag, enum xfs_tree_kind kind,
		  struct xfs_found *found);

#endif
