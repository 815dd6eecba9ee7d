/* ext_tree.c - ext2/3/4: all stretches of a file, also of one with holes or with a list in pieces
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ext_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

/* Kernel fs/ext4/ext4_extents.h; the classic map as in fs/ext4/inode.c. */
enum {
	EH_MAGIC = 0xf30a,
	EH_LEN = 12,
	MAX_DEPTH = 5,
	MAX_INIT_LEN = 0x8000,
	DIRECT = 12,
};

struct walk {
	struct ext_fs *fs;
	const struct ext_visit *visit;
	uint32_t seed;
	uint64_t *budget;	/* blocks of lists that may still be read */
	struct ext_run pending; /* neighbours are joined before they are told */
	bool damaged;
};

static int flush_run(struct walk *w)
{
	struct ext_run run = w->pending;
	w->pending.count = 0;
	return run.count ? w->visit->run(w->visit->arg, &run) : 0;
}

static int add_run(struct walk *w, uint64_t logical, uint64_t physical, uint64_t count)
{
	struct ext_run *p = &w->pending;
	if (!count || physical <= w->fs->first_block || physical >= w->fs->blocks ||
	    count > w->fs->blocks - physical) {
		w->damaged = true;
		return 0;
	}
	if (p->count && p->logical + p->count == logical && p->physical + p->count == physical) {
		p->count += count;
		return 0;
	}
	int rc = flush_run(w);
	*p = (struct ext_run){logical, physical, count};
	return rc;
}

/* A block of the list, for [logical, end) of the file; NULL in *node_ret when it is of no use. */
static int read_node(struct walk *w, uint64_t block, uint64_t logical, uint64_t end,
		     uint8_t **node_ret)
{
	*node_ret = NULL;
	if (block <= w->fs->first_block || block >= w->fs->blocks || !*w->budget) {
		w->damaged = true;
		return 0;
	}
	--*w->budget;
	uint8_t *node = malloc(w->fs->block_size);
	if (!node)
		return SV_E_NOMEM;
	int rc = fsmap_read_hint(w->fs->r, node, w->fs->block_size, block * w->fs->block_size,
				 "a list of blocks");
	if (!rc) {
		*node_ret = node;
		return 0;
	}
	free(node);
	return rc < 0 ? rc : w->visit->lost(w->visit->arg, block, logical, end);
}

static bool node_ok(const uint8_t *node, size_t space, int depth)
{
	uint32_t entries = get_le16(node + 2), max = get_le16(node + 4);
	return get_le16(node) == EH_MAGIC && get_le16(node + 6) == depth && entries <= max &&
	       (max + 1) * EH_LEN <= space;
}

static int walk_node(struct walk *w, const uint8_t *node, int depth, uint64_t end);

static int walk_child(struct walk *w, const uint8_t *entry, int depth, uint64_t end)
{
	uint64_t block = get_le32(entry + 4) | (uint64_t)get_le16(entry + 8) << 32;
	uint8_t *node;
	int rc = read_node(w, block, get_le32(entry), end, &node);
	if (node &&
	    (!node_ok(node, w->fs->block_size, depth) || !ext_node_csum_ok(w->fs, w->seed, node)))
		w->damaged = true;
	else if (node)
		rc = walk_node(w, node, depth, end);
	free(node);
	return rc;
}

static int add_leaf(struct walk *w, const uint8_t *entry)
{
	uint32_t len = get_le16(entry + 4);
	uint64_t physical = get_le32(entry + 8) | (uint64_t)get_le16(entry + 6) << 32;
	return add_run(w, get_le32(entry), physical, len > MAX_INIT_LEN ? len - MAX_INIT_LEN : len);
}

/* Recursion no deeper than MAX_DEPTH. The node has been checked; it is about what lies before
 * `end`. */
static int walk_node(struct walk *w, const uint8_t *node, int depth, uint64_t end)
{
	uint32_t entries = get_le16(node + 2);
	int rc = 0;
	for (uint32_t i = 1; !rc && i <= entries; i++) {
		const uint8_t *entry = node + (size_t)i * EH_LEN;
		uint64_t next = i < entries ? get_le32(entry + EH_LEN) : end;
		rc = depth ? walk_child(w, entry, depth - 1, next) : add_leaf(w, entry);
	}
	return rc;
}

static int walk_extents(struct walk *w, const uint8_t *root)
{
	int depth = get_le16(root + 6);
	if (depth <= MAX_DEPTH && node_ok(root, EXT_I_BLOCK_LEN, depth))
		return walk_node(w, root, depth, UINT32_MAX);
	w->damaged = true;
	return 0;
}

/* `level` lists above the data. */
static int walk_indirect(struct walk *w, uint64_t block, uint64_t logical, int level)
{
	uint64_t n = w->fs->block_size / 4, span = 1;
	uint8_t *list;
	if (!block)
		return 0;
	if (level == 0)
		return add_run(w, logical, block, 1);
	for (int i = 1; i < level; i++)
		span *= n;
	int rc = read_node(w, block, logical, logical + span * n, &list);
	for (uint64_t i = 0; list && !rc && i < n; i++)
		rc = walk_indirect(w, get_le32(list + i * 4), logical + i * span, level - 1);
	free(list);
	return rc;
}

static int walk_map(struct walk *w, const uint8_t *map)
{
	uint64_t n = w->fs->block_size / 4, logical = 0, span = 1;
	int rc = 0;
	for (int i = 0; !rc && i < DIRECT + 3; i++) {
		int level = i < DIRECT ? 0 : i - DIRECT + 1;
		span = level ? span * n : 1;
		rc = walk_indirect(w, get_le32(map + (size_t)i * 4), logical, level);
		logical += span;
	}
	return rc;
}

int ext_tree_walk(struct ext_fs *fs, uint32_t inode, const uint8_t *raw, uint64_t *budget,
		  const struct ext_visit *visit, bool *damaged)
{
	struct walk w = {
		.fs = fs, .visit = visit, .seed = ext_inode_seed(fs, inode, raw), .budget = budget};
	const uint8_t *list = raw + EXT_I_BLOCK;
	bool extents = get_le32(raw + EXT_I_FLAGS) & EXT_FLAG_EXTENTS;
	int rc = extents ? walk_extents(&w, list) : walk_map(&w, list);
	if (!rc)
		rc = flush_run(&w);
	*damaged = w.damaged;
	return rc;
}
