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

int ext_dirs_add(struct ext_dirs *dirs, uint32_t inode)
{
	if (dirs->n == dirs->cap) {
		size_t cap = dirs->cap ? dirs->cap * 2 : 256;
		uint32_t *v = reallocarray(dirs->inodes, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		dirs->inodes = v;
		dirs->cap = cap;
	}
	dirs->inodes[dirs->n++] = inode;
	return 0;
}

void ext_dirs_clear(struct ext_dirs *dirs)
{
	free(dirs->inodes);
	free(dirs->parents);
	*dirs = (struct ext_dirs){0};
}

static size_t find_dir(const struct ext_dirs *dirs, uint32_t inode)
{
	size_t low = 0, high = dirs->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (dirs->inodes[mid] < inode)
			low = mid + 1;
		else
			high = mid;
	}
	return low < dirs->n && dirs->inodes[low] == inode ? low : SIZE_MAX;
}

/* A name of a file that was hit, as long as the paths of folders are not known. */
struct link {
	size_t file;
	uint32_t parent;
	char *name;
};

struct namer {
	struct ext_fs *fs;
	struct owners *o;
	struct ext_dirs *dirs;
	uint64_t *budget;
	uint8_t *block, *raw;
	uint8_t *wanted; /* per folder: 1 its name is needed, 2 names in it are */
	struct link *links;
	size_t n, cap;
	struct folders folders;
	uint32_t dir; /* being read */
	int (*entry)(struct namer *n, uint32_t inode, const char *name, size_t len);
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
	owners_caution(n->o, "folder %" PRIu32 " is damaged: names in it may be missing", n->dir);
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
			rc = n->entry(n, inode, name, name_len);
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
	for (uint64_t i = 0; i < run->count && !owners_stopped(n->o); i++) {
		uint64_t at = (run->physical + i) * bs;
		int rc = owners_touch(n->o, at, bs)
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

static int read_dir(struct namer *n, uint32_t inode)
{
	const struct ext_visit visit = {.arg = n, .run = on_run, .lost = on_lost_list};
	bool damaged;
	n->dir = inode;
	int rc = ext_inode_load(n->fs, inode, n->raw);
	if (rc)
		return SV_MIN(rc, 0);
	if (get_le32(n->raw + EXT_I_FLAGS) & EXT_FLAG_INLINE)
		return read_inline(n);
	return ext_tree_walk(n->fs, inode, n->raw, n->budget, &visit, &damaged);
}

/* ---- first: where are the names of what was hit, and which folder is in which ---- */

static int add_link(struct namer *n, size_t file, const char *name, size_t len)
{
	if (n->n == n->cap) {
		size_t cap = n->cap ? n->cap * 2 : 64;
		struct link *v = reallocarray(n->links, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		n->links = v;
		n->cap = cap;
	}
	struct link link = {.file = file, .parent = n->dir, .name = strndup(name, len)};
	if (!link.name)
		return SV_E_NOMEM;
	n->links[n->n++] = link;
	return 0;
}

static int note_entry(struct namer *n, uint32_t inode, const char *name, size_t len)
{
	size_t dir = find_dir(n->dirs, inode), file = owners_find(n->o, inode);
	if (dir != SIZE_MAX && !n->dirs->parents[dir])
		n->dirs->parents[dir] = n->dir;
	return file == SIZE_MAX ? 0 : add_link(n, file, name, len);
}

/* ---- then: the names of the folders above ---- */

static void want_above(struct namer *n, uint32_t inode)
{
	for (;;) {
		size_t i = find_dir(n->dirs, inode);
		if (i == SIZE_MAX || n->wanted[i] & 1 || inode == EXT_ROOT_INODE)
			return;
		n->wanted[i] |= 1;
		inode = n->dirs->parents[i];
		i = find_dir(n->dirs, inode);
		if (i != SIZE_MAX)
			n->wanted[i] |= 2;
	}
}

static int note_folder(struct namer *n, uint32_t inode, const char *name, size_t len)
{
	size_t i = find_dir(n->dirs, inode);
	if (i == SIZE_MAX || !(n->wanted[i] & 1) || n->dirs->parents[i] != n->dir)
		return 0;
	n->wanted[i] &= (uint8_t)~1; /* once */
	return folders_add(&n->folders, inode, n->dir, name, len);
}

static int read_dirs(struct namer *n, uint8_t only)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < n->dirs->n && !owners_stopped(n->o); i++)
		if (!only || n->wanted[i] & only)
			rc = read_dir(n, n->dirs->inodes[i]);
	return rc;
}

static int name_links(struct namer *n)
{
	int rc = 0;
	folders_sort(&n->folders);
	for (size_t i = 0; !rc && i < n->n; i++) {
		const struct link *l = &n->links[i];
		char *path = folders_path(&n->folders, l->parent, l->name, strlen(l->name));
		rc = path ? owners_name(n->o, l->file, path) : SV_E_NOMEM;
	}
	return rc;
}

/* Sizes, and the root, which has no name in any folder. */
static int describe(struct namer *n)
{
	for (size_t i = 0; i < owners_count(n->o); i++) {
		uint64_t id = owners_id(n->o, i);
		int rc = ext_inode_load(n->fs, (uint32_t)id, n->raw);
		if (rc < 0)
			return rc;
		uint64_t size = get_le32(n->raw + EXT_I_SIZE_LO) |
				(uint64_t)get_le32(n->raw + EXT_I_SIZE_HI) << 32;
		bool folder = find_dir(n->dirs, (uint32_t)id) != SIZE_MAX;
		owners_describe(n->o, i, rc ? 0 : size, folder);
		char *root = id == EXT_ROOT_INODE ? strdup("/") : NULL;
		if (id == EXT_ROOT_INODE && (!root || owners_name(n->o, i, root)))
			return SV_E_NOMEM;
	}
	return 0;
}

static int find_names(struct namer *n)
{
	n->entry = note_entry;
	int rc = read_dirs(n, 0);
	for (size_t i = 0; i < n->n; i++)
		want_above(n, n->links[i].parent);
	n->entry = note_folder;
	*n->budget = n->fs->blocks;
	if (!rc)
		rc = read_dirs(n, 2);
	if (!rc)
		rc = name_links(n);
	return rc ? rc : describe(n);
}

int ext_names_find(struct ext_fs *fs, struct owners *o, struct ext_dirs *dirs, uint64_t *budget)
{
	struct namer n = {.fs = fs,
			  .o = o,
			  .dirs = dirs,
			  .budget = budget,
			  .folders = {.root = EXT_ROOT_INODE}};
	n.block = malloc(fs->block_size);
	n.raw = malloc(fs->inode_size);
	n.wanted = calloc(dirs->n + 1, 1);
	dirs->parents = calloc(dirs->n + 1, sizeof(*dirs->parents));
	int rc = SV_E_NOMEM;
	if (n.block && n.raw && n.wanted && dirs->parents)
		rc = owners_count(o) ? find_names(&n) : 0;
	for (size_t i = 0; i < n.n; i++)
		free(n.links[i].name);
	free(n.links);
	folders_clear(&n.folders);
	free(n.wanted);
	free(n.block);
	free(n.raw);
	return rc;
}
