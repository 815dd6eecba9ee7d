/* ext_names.c - ext2/3/4: the names of files that were hit, from the folders */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ext_files.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Kernel fs/ext4/ext4.h struct ext4_dir_entry_2; fs/ext4/xattr.h for what is inline. */
enum {
	DE_INODE = 0,
	DE_REC_LEN = 4,
	DE_NAME_LEN = 6,
	DE_NAME = 8,

	INODE_OLD = 128,
	INLINE_PARENT = 4, /* bytes of the parent's number before the entries in the inode */
	XATTR_ENTRY = 16,
	XATTR_SYSTEM = 7,
};
#define XATTR_MAGIC 0xea020000u

struct namer {
	struct ext_fs *fs;
	struct names *names;
	uint64_t *budget;
	uint8_t *block, *raw;
	uint32_t dir; /* being read */
};

int ext_group_find(struct ext_fs *fs, uint64_t group, struct ext_group *desc)
{
	int rc = ext_group_load(fs, group, desc);
	if (rc <= 0 || group / fs->descs_per_block >= fs->first_meta_bg || fs->groups < 2)
		return rc;
	fs->gdt_copy = 1;
	fs->gdt_cached = ~0ull;
	rc = ext_group_load(fs, group, desc);
	fs->gdt_copy = 0;
	fs->gdt_cached = ~0ull;
	return rc;
}

int ext_inode_load(struct ext_fs *fs, uint32_t inode, uint8_t *raw)
{
	struct ext_group desc;
	uint64_t group = (inode - 1) / fs->inodes_per_group;
	uint64_t index = (inode - 1) % fs->inodes_per_group;
	if (!inode || group >= fs->groups)
		return FSMAP_IS_WHOLE;
	int rc = ext_group_find(fs, group, &desc);
	if (rc)
		return rc;
	return fsmap_read_hint(fs->r, raw, fs->inode_size,
			       desc.inode_table * fs->block_size + index * fs->inode_size,
			       "an inode");
}

/* ---- the entries of a folder ---- */

static void caution(struct namer *n)
{
	owners_caution(n->names->o, "folder %" PRIu32 " is damaged: names in it may be missing",
		       n->dir);
}

static bool is_dots(const char *name, size_t len)
{
	return (len == 1 || len == 2) && !memcmp(name, "..", len);
}

/* Records of 64 KiB do not fit 16 bits. */
static size_t record_len(const uint8_t *e, size_t left)
{
	size_t len = get_le16(e + DE_REC_LEN);
	return len == 0xffff || len == 0 ? SV_MIN(left, (size_t)65536) : len;
}

static int read_entries(struct namer *n, const uint8_t *buf, size_t size)
{
	int rc = 0;
	for (size_t pos = 0; !rc && size - pos >= DE_NAME;) {
		const uint8_t *e = buf + pos;
		size_t len = record_len(e, size - pos), name_len = e[DE_NAME_LEN];
		if (len < DE_NAME || len > size - pos || name_len + DE_NAME > len) {
			caution(n);
			return 0;
		}
		uint32_t inode = get_le32(e + DE_INODE);
		const char *name = (const char *)e + DE_NAME;
		if (inode && name_len && !is_dots(name, name_len))
			rc = names_entry(n->names, inode, name, name_len, false);
		pos += len;
	}
	return rc;
}

/* What does not fit beside the block list stands in an attribute of the inode, "system.data". */
static int read_inline_rest(struct namer *n)
{
	size_t size = n->fs->inode_size, pos = INODE_OLD;
	if (size <= INODE_OLD + 4)
		return 0;
	pos += get_le16(n->raw + EXT_I_EXTRA_SIZE);
	if (pos + 4 > size || get_le32(n->raw + pos) != XATTR_MAGIC)
		return 0;
	const uint8_t *first = n->raw + pos + 4;
	size_t room = size - pos - 4;
	for (pos = 0; pos + XATTR_ENTRY <= room && get_le32(first + pos);) {
		const uint8_t *e = first + pos;
		size_t off = get_le16(e + 2), len = get_le32(e + 8);
		if (pos + XATTR_ENTRY + e[0] > room)
			return 0;
		if (e[1] == XATTR_SYSTEM && e[0] == 4 && !memcmp(e + XATTR_ENTRY, "data", 4))
			return sv_range_ok(off, len, room) ? read_entries(n, first + off, len) : 0;
		pos += sv_round_up(XATTR_ENTRY + e[0], 4);
	}
	return 0;
}

static int read_inline(struct namer *n)
{
	int rc = read_entries(n, n->raw + EXT_I_BLOCK + INLINE_PARENT,
			      EXT_I_BLOCK_LEN - INLINE_PARENT);
	return rc ? rc : read_inline_rest(n);
}

static int on_run(void *arg, const struct ext_run *run)
{
	struct namer *n = arg;
	uint64_t bs = n->fs->block_size;
	for (uint64_t i = 0; i < run->count && !owners_stopped(n->names->o); i++) {
		uint64_t at = (run->physical + i) * bs;
		int rc = owners_touch(n->names->o, at, bs)
				 ? FSMAP_IS_WHOLE
				 : fsmap_read_hint(n->fs->r, n->block, bs, at, "a folder");
		if (!rc)
			rc = read_entries(n, n->block, bs);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* That the list is lost has been noted when the inodes were read. */
static int on_lost_list(void *arg, uint64_t block, uint64_t logical, uint64_t end)
{
	(void)arg;
	(void)block;
	(void)logical;
	(void)end;
	return 0;
}

static int read_dir(void *arg, struct names *names, uint64_t dir)
{
	struct namer *n = arg;
	const struct ext_visit visit = {.arg = n, .run = on_run, .lost = on_lost_list};
	bool damaged;
	n->names = names;
	n->dir = (uint32_t)dir;
	int rc = ext_inode_load(n->fs, n->dir, n->raw);
	if (rc)
		return SV_MIN(rc, 0);
	if (get_le32(n->raw + EXT_I_FLAGS) & EXT_FLAG_INLINE)
		return read_inline(n);
	return ext_tree_walk(n->fs, n->dir, n->raw, n->budget, &visit, &damaged);
}

static void restart(void *arg)
{
	struct namer *n = arg;
	*n->budget = n->fs->blocks;
}

static int find_size(void *arg, uint64_t id, uint64_t *size)
{
	struct namer *n = arg;
	int rc = ext_inode_load(n->fs, (uint32_t)id, n->raw);
	*size = rc ? 0
		   : get_le32(n->raw + EXT_I_SIZE_LO) | (uint64_t)get_le32(n->raw + EXT_I_SIZE_HI)
								<< 32;
	return SV_MIN(rc, 0);
}

int ext_names_find(struct ext_fs *fs, struct owners *o, struct names_dirs *dirs, uint64_t *budget)
{
	struct namer n = {.fs = fs, .budget = budget};
	struct names names = {.o = o,
			      .dirs = dirs,
			      .root = EXT_ROOT_INODE,
			      .arg = &n,
			      .restart = restart,
			      .read = read_dir,
			      .size = find_size};
	n.block = malloc(fs->block_size);
	n.raw = malloc(fs->inode_size);
	names_dirs_sort(dirs);
	int rc = n.block && n.raw ? names_find(&names) : SV_E_NOMEM;
	free(n.block);
	free(n.raw);
	return rc;
}
