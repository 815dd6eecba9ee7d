/* xfs_files.h - what the parts of the search for owners in XFS share; private to xfs_*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_XFS_FILES_H
#define SV_FSMAP_XFS_FILES_H

#include "engine/fsmap/names.h"
#include "engine/fsmap/xfs.h"

/* Kernel xfs_format.h, struct xfs_dinode. */
enum {
	XFS_I_MAGIC = 0,
	XFS_I_MODE = 2,
	XFS_I_VERSION = 4,
	XFS_I_FORMAT = 5,
	XFS_I_LINKS_V1 = 6,
	XFS_I_LINKS = 16,
	XFS_I_BIG_EXTENTS = 24, /* of the content, with FLAG2_NREXT64 */
	XFS_I_SIZE = 56,
	XFS_I_EXTENTS = 76, /* of the content; of attributes with FLAG2_NREXT64 */
	XFS_I_ATTR_EXTENTS = 80,
	XFS_I_FORK_OFF = 82, /* in units of 8 bytes; 0 = no attributes */
	XFS_I_ATTR_FORMAT = 83,
	XFS_I_FLAGS = 90,
	XFS_I_HEAD = 100, /* here the content's list begins in versions 1 and 2 */
	XFS_I_CRC = 100,
	XFS_I_FLAGS2 = 120,
	XFS_I_NUMBER = 152,
	XFS_I_UUID = 160,
	XFS_I_HEAD_V3 = 176,

	XFS_FLAG_REALTIME = 0x1,
	XFS_FLAG2_NREXT64 = 0x10,

	XFS_FORMAT_LOCAL = 1,
	XFS_FORMAT_EXTENTS = 2,
	XFS_FORMAT_BTREE = 3,

	XFS_MODE_TYPE = 0xf000,
	XFS_MODE_FILE = 0x8000,
	XFS_MODE_DIR = 0x4000,
	XFS_MODE_LINK = 0xa000,
};
#define XFS_INODE_MAGIC 0x494e /* IN */
#define XFS_CHUNK	64     /* inodes one after the other, by one record */
/* Byte of a folder from which on there are no names but what finds them. */
#define XFS_DIR_INDEX (32 * SV_GIB)

/* ---- xfs_inode.c ---- */

/* Where an inode stands; false: nowhere. */
bool xfs_inode_place(const struct xfs_fs *fs, uint64_t inode, uint64_t *at);
/* It is that inode and not damaged; it may be one that was deleted (mode 0). */
bool xfs_inode_ok(const struct xfs_fs *fs, uint64_t inode, const uint8_t *raw);
/* How many names it has. */
uint32_t xfs_inode_links(const uint8_t *raw);
/* Read it; FSMAP_IS_WHOLE when it is lost, damaged or deleted. SV_E_NOMEM. */
int xfs_inode_load(struct xfs_fs *fs, uint64_t inode, uint8_t *raw);

enum xfs_fork { XFS_FORK_CONTENT, XFS_FORK_ATTRS };

struct xfs_fork_place {
	const uint8_t *p; /* in the inode */
	size_t len;
	uint8_t format;
	uint64_t extents;
};
/* false: the inode has none, or says nothing sensible about it (*damaged). */
bool xfs_fork_find(const struct xfs_fs *fs, const uint8_t *raw, enum xfs_fork which,
		   struct xfs_fork_place *fork, bool *damaged);

/* ---- xfs_extents.c ---- */

/* A stretch of a file, in bytes. */
struct xfs_run {
	uint64_t start, at, len; /* of the file, of the volume */
	bool unwritten;		 /* reads as zeros whatever is there */
};

/* 0 or SV_E_NOMEM. */
struct xfs_extents_visit {
	void *arg;
	int (*run)(void *arg, const struct xfs_run *run);
	/* The block at this byte cannot be read: nothing is known of [start, end) of the file. */
	int (*lost)(void *arg, uint64_t at, uint64_t start, uint64_t end);
};

/*
 * Go through the list of extents of an inode (in memory, whole), as far as it can be read. `budget`
 * bounds the blocks of lists over all files: each belongs to one. *damaged: something in it makes
 * no sense and was left out. 0, SV_E_NOMEM.
 */
int xfs_extents_walk(struct xfs_fs *fs, uint64_t inode, const uint8_t *raw, enum xfs_fork which,
		     uint64_t *budget, const struct xfs_extents_visit *visit, bool *damaged);

/* ---- xfs_trees.c ---- */

/* 0 or SV_E_NOMEM; NULL where it does not matter. */
struct xfs_tree_visit {
	void *arg;
	int (*block)(void *arg, uint64_t at); /* each of the tree, by its byte */
	int (*leaf)(void *arg, const uint8_t *records, uint32_t n); /* NULL: they are not read */
	/* A block is lost or damaged: nothing is known of records from `first` to before `end`. */
	int (*lost)(void *arg, uint64_t first, uint64_t end);
};

/* Walk any tree of an AG as far as it can be read. 0, SV_E_NOMEM. */
int xfs_trees_visit(struct xfs_fs *fs, const struct xfs_ag *ag, enum xfs_tree_kind kind,
		    const struct xfs_tree_visit *visit);

/* The AG's header of inodes; FSMAP_IS_WHOLE when it is lost or damaged. SV_E_NOMEM. */
int xfs_agi_read(struct xfs_fs *fs, struct xfs_ag *ag);

/* ---- xfs_files.c ---- */

struct xfs_finder {
	struct xfs_fs *fs;
	struct owners *o;
	struct names_dirs dirs;
	uint64_t root;
	uint64_t budget;  /* blocks of lists and folders that may still be read */
	bool trusted;	  /* the log has nothing that is not in its place */
	struct xfs_ag ag; /* at hand */
	uint64_t next;	  /* byte of the volume: chunks ascend */
	uint8_t *piece;	  /* XFS_PIECE bytes */
	uint8_t *raw;	  /* an inode */
	uint8_t *unused;  /* while blocks are searched for inodes: a bit for each that is free */
	uint64_t unused_left;	 /* of them, that may still be */
	struct sv_extents blind; /* normal: where no tree tells of inodes */
	uint64_t claims_left;	 /* that the trees of owners may still make */
};
#define XFS_CLAIMS_MAX ((uint64_t)1 << 20)
#define XFS_PIECE      ((size_t)128 * 1024) /* a chunk of the largest inodes */

/* Who owns the lost bytes of the volume (struct fsmap_ops). */
int xfs_files_find(struct fsmap_reader *r, struct owners *o);

/* What the filesystem keeps for itself; NULL = a file. */
const char *xfs_own_name(const struct xfs_fs *fs, uint64_t inode);

/* ---- xfs_chunks.c ---- */

/* All inodes of f->ag, by its tree, and where that is lost by looking at every block. */
int xfs_chunks_walk(struct xfs_finder *f);

/* ---- xfs_owned.c ---- */

/* What an inode (checked) owns. */
int xfs_owned_take(struct xfs_finder *f, uint64_t inode, const uint8_t *raw);

/* ---- xfs_rest.c ---- */

/* What nobody claimed: trees, kept blocks, free space. */
int xfs_rest_take(struct xfs_finder *f);

/* ---- xfs_rmap.c ---- */

/* Records of f->ag's tree of owners, for what is in `rest`. f->dirs is sorted. */
int xfs_rmap_take(struct xfs_finder *f, const struct sv_extents *rest, const uint8_t *records,
		  uint32_t n);

/* ---- xfs_dir.c ---- */

struct xfs_dir_entry {
	uint64_t inode;
	const char *name;
	size_t len;
	bool folder;
};

struct xfs_dir {
	struct xfs_fs *fs;
	struct owners *o;
	uint64_t *budget;
	void *arg;
	/* Each entry that can be read, also ".."; not ".". 0 or SV_E_NOMEM. */
	int (*entry)(void *arg, const struct xfs_dir_entry *entry);

	/* private */
	uint8_t *raw, *block;
	bool *lost;	    /* per sector of the block */
	uint64_t inode, at; /* of the block: byte of the folder */
};
int xfs_dir_open(struct xfs_dir *d);
void xfs_dir_close(struct xfs_dir *d);
/* Read a folder as far as it can be read. 0, SV_E_NOMEM. */
int xfs_dir_read(struct xfs_dir *d, uint64_t inode);

/* ---- xfs_names.c ---- */

/* Inodes that are lost, and known only because a folder names them. Before all losses are known. */
int xfs_names_lost(struct xfs_finder *f);
/* Give the files that were hit their names. 0, SV_E_NOMEM. */
int xfs_names_find(struct xfs_finder *f);

/* ---- xfs_copies.c ---- */

/* The superblock, or a copy of it. FSMAP_IS_WHOLE when none is found; SV_E_NOMEM. */
int xfs_copies_find(struct xfs_fs *fs, const struct owners *o);

#endif
