/* ext_inode.c - ext2/3/4: where the blocks of an inode lie (extent tree or block map) */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ext.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Kernel fs/ext4/ext4.h struct ext4_inode, fs/ext4/ext4_extents.h. */
enum {
	I_MODE = 0x00,
	I_SIZE_LO = 0x04,
	I_FLAGS = 0x20,
	I_BLOCK = 0x28,
	I_GENERATION = 0x64,
	I_SIZE_HI = 0x6c,
	I_CSUM_LO = 0x7c,
	I_EXTRA_SIZE = 0x80,
	I_CSUM_HI = 0x82,

	I_BLOCK_LEN = 60,
	I_DIRECT = 12, /* block numbers before the three indirect ones */
	FLAG_EXTENTS = 0x80000,
	FLAG_INLINE = 0x10000000,

	EH_MAGIC = 0xf30a,
	EH_LEN = 12, /* of a node's header, and of each entry */
	MAX_DEPTH = 5,
	MAX_INIT_LEN = 0x8000, /* longer = unwritten, by the excess */
	MAX_RUNS = 1 << 20,
};

void ext_file_clear(struct ext_file *file)
{
	free(file->v);
	*file = (struct ext_file){0};
}

uint64_t ext_file_block(const struct ext_file *file, uint64_t logical, uint64_t *left)
{
	size_t lo = 0, hi = file->n;
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;
		if (file->v[mid].logical <= logical)
			lo = mid;
		else
			hi = mid;
	}
	const struct ext_run *run = &file->v[lo];
	uint64_t skip = logical - run->logical;
	if (left)
		*left = run->count - skip;
	return run->physical + skip;
}

/* One file being walked. */
struct walk {
	struct ext_fs *fs;
	struct ext_file *file;
	const char *what;
	uint32_t csum_seed; /* of this inode */
	uint64_t next;	    /* logical block expected next: the file has no holes */
};

static int damaged(struct walk *w, const char *why)
{
	return fsmap_whole(w->fs->r, "the block list of %s %s", w->what, why);
}

static int grow(struct ext_file *file)
{
	if (file->n < file->cap)
		return 0;
	size_t cap = file->cap ? file->cap * 2 : 16;
	struct ext_run *v = realloc(file->v, cap * sizeof(*v));
	if (!v)
		return SV_E_NOMEM;
	file->v = v;
	file->cap = cap;
	return 0;
}

static int add_run(struct walk *w, uint64_t logical, uint64_t physical, uint64_t count)
{
	struct ext_fs *fs = w->fs;
	struct ext_file *file = w->file;
	if (logical != w->next || !count)
		return damaged(w, "has holes");
	if (physical <= fs->first_block || physical >= fs->blocks || count > fs->blocks - physical)
		return damaged(w, "leaves the filesystem");
	if (file->n == MAX_RUNS)
		return damaged(w, "is too long");
	w->next += count;
	struct ext_run *last = file->n ? &file->v[file->n - 1] : NULL;
	if (last && last->physical + last->count == physical) {
		last->count += count;
		return 0;
	}
	int ret = grow(file);
	if (ret)
		return ret;
	file->v[file->n++] = (struct ext_run){logical, physical, count};
	return 0;
}

static int add_leaf(struct walk *w, const uint8_t *entry)
{
	uint32_t len = get_le16(entry + 4);
	if (len > MAX_INIT_LEN)
		len -= MAX_INIT_LEN;
	uint64_t physical = get_le32(entry + 8) | (uint64_t)get_le16(entry + 6) << 32;
	return add_run(w, get_le32(entry), physical, len);
}

/* `space` bytes hold the node; children one level down. The tree may point anywhere, but every node
 * must continue where the last one ended, so it cannot loop. */
static int check_node(struct walk *w, const uint8_t *node, size_t space, int depth)
{
	uint32_t entries = get_le16(node + 2), max = get_le16(node + 4);
	if (get_le16(node) != EH_MAGIC || get_le16(node + 6) != depth)
		return damaged(w, "is damaged");
	if (entries == 0 || entries > max || (max + 1) * EH_LEN > space)
		return damaged(w, "is damaged");
	return 0;
}

bool ext_node_csum_ok(const struct ext_fs *fs, uint32_t seed, const uint8_t *node)
{
	if (!fs->csum)
		return true;
	size_t tail = (get_le16(node + 4) + 1u) * EH_LEN;
	if (tail + 4 > fs->block_size)
		return false;
	return sv_crc32c(seed, node, tail) == get_le32(node + tail);
}

static int walk_node(struct walk *w, const uint8_t *node, int depth);

static int walk_child(struct walk *w, const uint8_t *entry, int depth)
{
	uint64_t block = get_le32(entry + 4) | (uint64_t)get_le16(entry + 8) << 32;
	if (get_le32(entry) != w->next)
		return damaged(w, "has holes");
	uint8_t *node = malloc(w->fs->block_size);
	if (!node)
		return SV_E_NOMEM;
	int ret = ext_read_block(w->fs, node, block, w->what);
	if (!ret)
		ret = check_node(w, node, w->fs->block_size, depth);
	if (!ret && !ext_node_csum_ok(w->fs, w->csum_seed, node))
		ret = damaged(w, "has a wrong checksum");
	if (!ret)
		ret = walk_node(w, node, depth);
	free(node);
	return ret;
}

/* Recursion no deeper than MAX_DEPTH. The node has been checked. */
static int walk_node(struct walk *w, const uint8_t *node, int depth)
{
	int ret = 0;
	uint32_t entries = get_le16(node + 2);
	for (uint32_t i = 1; !ret && i <= entries; i++) {
		const uint8_t *entry = node + (size_t)i * EH_LEN;
		ret = depth ? walk_child(w, entry, depth - 1) : add_leaf(w, entry);
	}
	return ret;
}

static int walk_extents(struct walk *w, const uint8_t *root)
{
	int depth = get_le16(root + 6);
	if (depth > MAX_DEPTH)
		return damaged(w, "is damaged");
	int ret = check_node(w, root, I_BLOCK_LEN, depth);
	return ret ? ret : walk_node(w, root, depth);
}

/* The classic map: a block of block numbers, `level` blocks above the data. */
static int walk_indirect(struct walk *w, uint64_t block, int level)
{
	if (level == 0)
		return add_run(w, w->next, block, 1);
	if (block <= w->fs->first_block)
		return damaged(w, "has holes");
	uint8_t *list = malloc(w->fs->block_size);
	if (!list)
		return SV_E_NOMEM;
	int ret = ext_read_block(w->fs, list, block, w->what);
	uint32_t n = w->fs->block_size / 4;
	for (uint32_t i = 0; !ret && i < n && w->next < w->file->blocks; i++)
		ret = walk_indirect(w, get_le32(list + (size_t)i * 4), level - 1);
	free(list);
	return ret;
}

static int walk_map(struct walk *w, const uint8_t *map)
{
	int ret = 0;
	for (int i = 0; !ret && i < I_DIRECT + 3 && w->next < w->file->blocks; i++)
		ret = walk_indirect(w, get_le32(map + (size_t)i * 4),
				    i < I_DIRECT ? 0 : i - I_DIRECT + 1);
	return ret;
}

/* Kernel ext4_inode_csum(): the whole inode with its checksum fields as zeros. */
bool ext_inode_csum_ok(const struct ext_fs *fs, uint32_t seed, uint8_t *raw)
{
	if (!fs->csum)
		return true;
	bool high = fs->inode_size > 128 && get_le16(raw + I_EXTRA_SIZE) >= 4;
	uint32_t said = get_le16(raw + I_CSUM_LO);
	put_le16(raw + I_CSUM_LO, 0);
	if (high) {
		said |= (uint32_t)get_le16(raw + I_CSUM_HI) << 16;
		put_le16(raw + I_CSUM_HI, 0);
	}
	uint32_t crc = sv_crc32c(seed, raw, fs->inode_size);
	return said == (high ? crc : crc & 0xffff);
}

uint32_t ext_inode_seed(const struct ext_fs *fs, uint32_t inode, const uint8_t *raw)
{
	uint8_t le_inode[4];
	put_le32(le_inode, inode);
	return sv_crc32c(sv_crc32c(fs->seed, le_inode, 4), raw + I_GENERATION, 4);
}

static int walk_inode(struct walk *w, uint32_t inode, uint8_t *raw)
{
	w->csum_seed = ext_inode_seed(w->fs, inode, raw);
	if (!ext_inode_csum_ok(w->fs, w->csum_seed, raw))
		return fsmap_whole(w->fs->r, "the inode of %s has a wrong checksum", w->what);
	uint32_t flags = get_le32(raw + I_FLAGS);
	if ((get_le16(raw + I_MODE) & 0xf000) != 0x8000 || flags & FLAG_INLINE)
		return fsmap_whole(w->fs->r, "the inode of %s is not that of a file", w->what);
	uint64_t size = get_le32(raw + I_SIZE_LO) | (uint64_t)get_le32(raw + I_SIZE_HI) << 32;
	w->file->blocks = size / w->fs->block_size;
	if (!w->file->blocks || w->file->blocks > w->fs->blocks)
		return fsmap_whole(w->fs->r, "the size of %s is out of range", w->what);
	int ret =
		flags & FLAG_EXTENTS ? walk_extents(w, raw + I_BLOCK) : walk_map(w, raw + I_BLOCK);
	if (!ret && w->next < w->file->blocks)
		ret = damaged(w, "is too short");
	return ret;
}

int ext_file_read(struct ext_fs *fs, uint32_t inode, const char *what, struct ext_file *file)
{
	struct walk w = {.fs = fs, .file = file, .what = what};
	struct ext_group group;
	uint64_t g = (inode - 1) / fs->inodes_per_group;
	uint64_t index = (inode - 1) % fs->inodes_per_group;
	if (!inode || g >= fs->groups)
		return fsmap_whole(fs->r, "the inode of %s does not exist", what);
	int ret = ext_group_load(fs, g, &group);
	if (ret)
		return ret;
	uint8_t *raw = malloc(fs->inode_size);
	if (!raw)
		return SV_E_NOMEM;
	ret = fsmap_read_meta(fs->r, raw, fs->inode_size,
			      group.inode_table * fs->block_size + index * fs->inode_size, what);
	if (!ret)
		ret = walk_inode(&w, inode, raw);
	free(raw);
	return ret;
}
