/* btrfs_lookup.c - Btrfs: single items, inodes and trees by their numbers; sets of nodes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/btrfs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

/* Kernel include/uapi/linux/btrfs_tree.h, struct btrfs_inode_item. */
enum {
	INODE_SIZE = 16,
	INODE_MODE = 52,
	INODE_FLAGS = 64,
	INODE_LEN = 160,

	FLAG_NODATASUM = 1,
	MODE_TYPE = 0xf000,
	MODE_DIR = 0x4000,
};

#define TREE_BITS (64 - BTRFS_INODE_BITS)

/* ---- trees and ids ---- */

bool btrfs_is_file_tree(uint64_t id)
{
	return id == BTRFS_FS_TREE || (id >= BTRFS_FIRST_INODE && id <= BTRFS_LAST_FREE);
}

struct btrfs_root *btrfs_root_find(const struct btrfs_search *s, uint64_t id)
{
	size_t low = 0, high = s->n_roots;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->roots[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n_roots && s->roots[low].id == id ? &s->roots[low] : NULL;
}

bool btrfs_id(const struct btrfs_search *s, size_t tree, uint64_t inode, uint64_t *id)
{
	uint64_t above = s->roots[tree].id;
	if (above == BTRFS_FS_TREE)
		above = 0;
	if (above >> TREE_BITS || inode >> BTRFS_INODE_BITS)
		return false;
	*id = above << BTRFS_INODE_BITS | inode;
	return true;
}

struct btrfs_root *btrfs_id_split(const struct btrfs_search *s, uint64_t id, uint64_t *inode)
{
	uint64_t tree = id >> BTRFS_INODE_BITS;
	*inode = id & ((1ull << BTRFS_INODE_BITS) - 1);
	return btrfs_root_find(s, tree ? tree : BTRFS_FS_TREE);
}

/* ---- items ---- */

static int skip_outside(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg, bool *skip)
{
	const struct btrfs_range *r = arg;
	(void)fs;
	*skip = btrfs_key_compare(&span->end, &r->first) <= 0 ||
		btrfs_key_compare(&span->first, &r->end) >= 0;
	return 0;
}

static int take_inside(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
		       uint32_t len, void *arg)
{
	const struct btrfs_range *r = arg;
	if (btrfs_key_compare(key, &r->first) < 0 || btrfs_key_compare(key, &r->end) >= 0)
		return 0;
	return r->item(fs, key, data, len, r->arg);
}

/* What is lost was told by the pass over all of the tree. */
static int pass_over(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg)
{
	(void)fs;
	(void)span;
	(void)arg;
	return 0;
}

int btrfs_range_visit(struct btrfs_search *s, const struct btrfs_ref *root,
		      const struct btrfs_range *range)
{
	const struct btrfs_visit visit = {.what = "a tree of files",
					  .enter = skip_outside,
					  .item = take_inside,
					  .lost = pass_over,
					  .arg = (void *)range};
	return root->logical ? btrfs_tree_visit(s->fs, root, &visit) : 0;
}

static int take_inode(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
		      uint32_t len, void *arg)
{
	struct btrfs_inode *inode = arg;
	(void)fs;
	(void)key;
	if (len < INODE_LEN)
		return 0;
	inode->found = true;
	inode->size = SV_MAX(inode->size, get_le64(data + INODE_SIZE));
	inode->folder = (get_le32(data + INODE_MODE) & MODE_TYPE) == MODE_DIR;
	inode->nosum = get_le64(data + INODE_FLAGS) & FLAG_NODATASUM;
	return 0;
}

int btrfs_inode_find(struct btrfs_search *s, size_t tree, uint64_t number)
{
	const struct btrfs_range range = {.first = {number, BTRFS_INODE_ITEM, 0},
					  .end = {number, BTRFS_INODE_ITEM, 1},
					  .item = take_inode,
					  .arg = &s->inode};
	if (s->inode.number == number && s->inode.tree == tree)
		return 0;
	s->inode = (struct btrfs_inode){.tree = tree, .number = number};
	int rc = btrfs_range_visit(s, &s->roots[tree].ref, &range);
	return rc ? rc : btrfs_range_visit(s, &s->roots[tree].log, &range);
}

/* ---- sets of nodes ---- */

static uint8_t *find_bit(const struct btrfs_search *s, const struct btrfs_nodes *nodes,
			 const struct btrfs_chunk *c, uint64_t logical, uint8_t *bit)
{
	uint64_t i = (logical - c->start) / s->fs->node_size;
	uint8_t *bits = nodes->bits ? nodes->bits[c - s->fs->chunks.v] : NULL;
	*bit = (uint8_t)(1u << i % 8);
	return bits ? &bits[i / 8] : NULL;
}

bool btrfs_nodes_has(const struct btrfs_search *s, const struct btrfs_nodes *nodes,
		     uint64_t logical)
{
	const struct btrfs_chunk *c = btrfs_chunk_find(s->fs, logical, s->fs->node_size);
	uint8_t bit, *byte = c ? find_bit(s, nodes, c, logical, &bit) : NULL;
	return byte && *byte & bit;
}

int btrfs_nodes_add(struct btrfs_search *s, struct btrfs_nodes *nodes, uint64_t logical)
{
	struct btrfs_fs *fs = s->fs;
	const struct btrfs_chunk *c = btrfs_chunk_find(fs, logical, fs->node_size);
	uint8_t bit, *byte;
	if (!c || (logical - c->start) % fs->node_size)
		return 0;
	if (!nodes->bits) {
		nodes->room = fsmap_size(fs->r) / fs->node_size + SV_MIB;
		nodes->bits = calloc(fs->chunks.n, sizeof(*nodes->bits));
		if (!nodes->bits)
			return SV_E_NOMEM;
	}
	byte = find_bit(s, nodes, c, logical, &bit);
	uint64_t bytes = c->len / fs->node_size / 8 + 1;
	if (!byte && bytes <= nodes->room) {
		nodes->room -= bytes;
		nodes->bits[c - fs->chunks.v] = calloc(bytes, 1);
		byte = find_bit(s, nodes, c, logical, &bit);
		if (!byte)
			return SV_E_NOMEM;
	}
	if (byte)
		*byte |= bit;
	return 0;
}

void btrfs_nodes_clear(struct btrfs_search *s, struct btrfs_nodes *nodes)
{
	for (size_t i = 0; nodes->bits && i < s->fs->chunks.n; i++)
		free(nodes->bits[i]);
	free(nodes->bits);
	*nodes = (struct btrfs_nodes){0};
}
