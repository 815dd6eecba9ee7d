/* ext_files.h - what the parts of the search for owners in ext2/3/4 share; private to ext_*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_EXT_FILES_H
#define SV_FSMAP_EXT_FILES_H

#include "engine/fsmap/ext.h"
#include "engine/fsmap/names.h"

/* Kernel fs/ext4/ext4.h struct ext4_inode. */
enum {
	EXT_I_MODE = 0x00,
	EXT_I_SIZE_LO = 0x04,
	EXT_I_LINKS = 0x1a,
	EXT_I_FLAGS = 0x20,
	EXT_I_BLOCK = 0x28,
	EXT_I_ACL_LO = 0x68,
	EXT_I_SIZE_HI = 0x6c,
	EXT_I_ACL_HI = 0x76,
	EXT_I_EXTRA_SIZE = 0x80,

	EXT_I_BLOCK_LEN = 60,
	EXT_FLAG_EXTENTS = 0x80000,
	EXT_FLAG_INLINE = 0x10000000,
	EXT_ROOT_INODE = 2,
};

/* Called for an inode's list of blocks; 0 or SV_E_NOMEM. */
struct ext_visit {
	void *arg;
	int (*run)(void *arg, const struct ext_run *run);
	/* A block of the list cannot be read: nothing is known of [logical, end) of the file. */
	int (*lost)(void *arg, uint64_t block, uint64_t logical, uint64_t end);
};

/*
 * Go through the list of blocks of an inode (in memory, whole), as far as it can be read. `budget`
 * bounds the blocks of lists over all files: each belongs to one file, so there are no more of them
 * than blocks. *damaged: something in it makes no sense and was left out. 0, SV_E_NOMEM.
 */
int ext_tree_walk(struct ext_fs *fs, uint32_t inode, const uint8_t *raw, uint64_t *budget,
		  const struct ext_visit *visit, bool *damaged);

/* ---- ext_names.c ---- */

/* Give the files that were hit their names. 0, SV_E_NOMEM. */
int ext_names_find(struct ext_fs *fs, struct owners *o, struct names_dirs *dirs, uint64_t *budget);

/* A group's descriptor, from the copy in group 1 where the volume's own is lost. */
int ext_group_find(struct ext_fs *fs, uint64_t group, struct ext_group *desc);

/* An inode from its table; FSMAP_IS_WHOLE when it is lost or damaged. */
int ext_inode_load(struct ext_fs *fs, uint32_t inode, uint8_t *raw);

#endif
