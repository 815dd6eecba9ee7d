/* ext.h - what the files of the ext2/3/4 map reader share; private to engine/fsmap/ext*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_EXT_H
#define SV_FSMAP_EXT_H

#include "engine/fsmap/reader.h"

/*
 * On-disk structures: kernel Documentation/filesystems/ext4/ and fs/ext4/ext4.h, all little
 * endian. Numbers below are in blocks of the filesystem unless they say otherwise; functions return
 * 0, FSMAP_IS_WHOLE or SV_E_NOMEM like every reader. One thread.
 */

enum ext_compat {
	EXT_COMPAT_HAS_JOURNAL = 0x4,
	EXT_COMPAT_SPARSE_SUPER2 = 0x200,
	EXT_COMPAT_KNOWN =
		0x1e3f, /* dir_prealloc imagic has_journal ext_attr resize_inode dir_index
			   sparse_super2 fast_commit stable_inodes orphan_file */
};
enum ext_incompat {
	EXT_INCOMPAT_RECOVER = 0x4,
	EXT_INCOMPAT_META_BG = 0x10,
	EXT_INCOMPAT_64BIT = 0x80,
	EXT_INCOMPAT_MMP = 0x100,
	EXT_INCOMPAT_FLEX_BG = 0x200,
	EXT_INCOMPAT_CSUM_SEED = 0x2000,
	EXT_INCOMPAT_KNOWN = 0x3e7d6, /* filetype recover meta_bg extents 64bit mmp flex_bg ea_inode
					 csum_seed largedir inline_data encrypt casefold */
};
enum ext_ro_compat {
	EXT_RO_SPARSE_SUPER = 0x1,
	EXT_RO_GDT_CSUM = 0x10,
	EXT_RO_BIGALLOC = 0x200,
	EXT_RO_METADATA_CSUM = 0x400,
	EXT_RO_KNOWN = 0x1b77f, /* sparse_super large_file btree_dir huge_file gdt_csum dir_nlink
				   extra_isize quota bigalloc metadata_csum readonly project verity
				   orphan_present */
};

/* A stretch of a file: `count` blocks from `logical` lie at `physical`. */
struct ext_run {
	uint64_t logical, physical, count;
};

/* The blocks of a file without holes, ascending. Zero-initialised; release with ext_file_clear().
 */
struct ext_file {
	struct ext_run *v;
	size_t n, cap;
	uint64_t blocks;
};

/* One block of the filesystem of which the journal holds a copy. */
struct ext_tag {
	uint64_t block;
	uint32_t index; /* of the copy in the journal */
	bool escaped; /* its first four bytes were the journal's magic and are zeros in the copy */
};

/*
 * The journal (jbd2), big endian: kernel include/linux/jbd2.h. Blocks [first, last) are the log, a
 * ring; [last, max) are for fast commits.
 */
struct ext_log {
	struct ext_file file;
	uint32_t first, last, max;
	uint32_t tag_bytes; /* of a tag in a descriptor block */
	uint32_t desc_end;  /* where tags end in a descriptor block, in bytes */
	bool tags_64bit, tags_v3;
	struct ext_tag *tags; /* by block, then index, after ext_log_scan() */
	size_t n, cap;
};

/* One filesystem being read. Set by ext_super_read(), constant afterwards but for the GDT cache. */
struct ext_fs {
	struct fsmap_reader *r;
	uint8_t sb[1024];
	uint32_t compat, incompat, ro_compat;
	uint32_t block_size; /* bytes */
	uint32_t ratio;	     /* blocks per cluster, a power of two; 1 without bigalloc */
	uint64_t blocks;
	uint64_t first_block; /* of group 0: 1 with 1 KiB blocks, else 0 */
	uint32_t blocks_per_group;
	uint64_t groups;
	uint32_t inodes_per_group;
	uint32_t inode_size;	/* bytes */
	uint32_t itable_blocks; /* per group */
	uint32_t desc_size;	/* bytes */
	uint32_t descs_per_block;
	uint64_t gdt_blocks;
	uint32_t reserved_gdt;
	uint64_t first_meta_bg; /* in GDT blocks; ~0 without meta_bg */
	bool csum;		/* metadata_csum: CRC32C everywhere, starting from `seed` */
	uint32_t seed;
	bool dirty; /* not shut down cleanly: needs the journal */

	uint8_t *gdt;	     /* one block of descriptors */
	uint64_t gdt_cached; /* which, ~0 = none */
	uint64_t gdt_copy;   /* the group whose copy of the descriptors is read: 0 */
	struct ext_log log;  /* its tags only when dirty */
};

/* One group descriptor, checked: the blocks lie where the kernel would accept them. */
struct ext_group {
	uint64_t block_bitmap, inode_bitmap, inode_table;
	uint32_t free_clusters;
	bool block_uninit; /* the bitmap block holds nothing; only metadata is used */
	uint32_t bitmap_csum;
	uint32_t inodes; /* that were ever used, from the start of the table */
};

/* ---- ext_super.c ---- */

#define EXT_SUPER_OFFSET 1024 /* of the superblock in the volume */

/* Read and judge the superblock and the MMP block. Sets fs->dirty. */
int ext_super_read(struct ext_fs *fs);

/* Only how the filesystem is laid out, whatever its state, from the superblock (or a copy of it) at
 * that byte of the volume. */
int ext_super_layout(struct ext_fs *fs, uint64_t offset);

/* Judge a copy, found in the journal, of the block that holds the superblock: one that would lay
 * the filesystem out anew, or make it larger than the volume, is whole. */
int ext_super_check_copy(struct ext_fs *fs, const uint8_t *copy);

/* ---- ext_groups.c ---- */

/* First block and number of blocks of a group. */
uint64_t ext_group_first(const struct ext_fs *fs, uint64_t group);
uint64_t ext_group_blocks(const struct ext_fs *fs, uint64_t group);

/* Where the i-th block of group descriptors lies (the primary copy). */
uint64_t ext_gdt_block(const struct ext_fs *fs, uint64_t i);

/* Blocks of group descriptors if the filesystem grew to the end of the volume. */
uint64_t ext_gdt_blocks_grown(const struct ext_fs *fs);

/* Read a group's descriptor from its place on the volume. */
int ext_group_load(struct ext_fs *fs, uint64_t group, struct ext_group *desc);

/* How many blocks at the start of a group hold superblock and descriptors. */
uint64_t ext_group_base(const struct ext_fs *fs, uint64_t group);

/* A group's bitmap as it counts: with what a dirty filesystem's log (if it was scanned) adds.
 * `buf`: two blocks, the first gets the bitmap. */
int ext_group_bitmap(struct ext_fs *fs, uint64_t group, const struct ext_group *desc, uint8_t *buf);

/* Judge a copy, found in the journal, of the i-th block of group descriptors: tables that are not
 * where the volume's own descriptors have them are whole. */
int ext_gdt_check_copy(struct ext_fs *fs, uint64_t i, const uint8_t *copy);

/* Map every group. */
int ext_groups_map(struct ext_fs *fs);

/* Blocks [first, first + count) as used; in units of clusters. */
int ext_mark_used(struct ext_fs *fs, uint64_t first, uint64_t count);

/* Read one block of metadata. */
int ext_read_block(struct ext_fs *fs, void *buf, uint64_t block, const char *what);

/* ---- ext_inode.c ---- */

/* Find all blocks of an inode's data (extent tree or block map). A hole, a loop, a bad checksum or
 * a block outside the filesystem is whole. */
int ext_file_read(struct ext_fs *fs, uint32_t inode, const char *what, struct ext_file *file);
void ext_file_clear(struct ext_file *file);

/* Where block `logical` of the file lies; `left` (may be NULL) gets how many blocks follow it in
 * one piece, itself included. logical < file->blocks. */
uint64_t ext_file_block(const struct ext_file *file, uint64_t logical, uint64_t *left);

/* ---- ext_journal.c ---- */

/* Read and judge the journal's superblock; sets fs->log, and fs->dirty when there is something to
 * replay. */
int ext_journal_check(struct ext_fs *fs);
void ext_journal_clear(struct ext_fs *fs);

/* Read `count` blocks of the journal that lie in one piece. */
int ext_journal_read(struct ext_fs *fs, uint32_t index, uint32_t count, void *buf);

/* ---- ext_log.c: what a dirty filesystem's log holds ---- */

/*
 * Find every copy of a block in the log, whichever transaction wrote it: what is more than needed
 * only makes the map larger, so neither commits nor revokes matter. Copies of the superblock or of
 * descriptors that would change the layout are whole.
 */
int ext_log_scan(struct ext_fs *fs);

/* true when the log holds a copy of this block. */
bool ext_log_has(const struct ext_fs *fs, uint64_t block);

/* OR all copies of this block into `bitmap`; `copy` is a block of scratch memory. */
int ext_log_merge(struct ext_fs *fs, uint64_t block, uint8_t *bitmap, uint8_t *copy);

/* ---- ext_inode.c, also for whoever reads inodes by itself ---- */

/* The seed of an inode's own checksums. */
uint32_t ext_inode_seed(const struct ext_fs *fs, uint32_t inode, const uint8_t *raw);
bool ext_inode_csum_ok(const struct ext_fs *fs, uint32_t seed, uint8_t *raw);
/* Of a node of an extent tree outside of the inode; the node's header must have been checked. */
bool ext_node_csum_ok(const struct ext_fs *fs, uint32_t seed, const uint8_t *node);

/* ---- ext_files.c: who owns lost bytes (owners.h) ---- */
int ext_files_find(struct fsmap_reader *r, struct owners *o);

/* ---- ext_fc.c ---- */

/* Everything that fast commits name is used. */
int ext_fc_scan(struct ext_fs *fs);

#endif
