/* btrfs_tree.c - Btrfs: nodes, verified, and walks over all items of a tree */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/btrfs.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Kernel include/uapi/linux/btrfs_tree.h: struct btrfs_header, btrfs_item, btrfs_key_ptr,
 * btrfs_root_item. */
enum {
	NODE_FSID = 32,
	NODE_BYTENR = 48,
	NODE_GENERATION = 80,
	NODE_NRITEMS = 96,
	NODE_LEVEL = 100,

	KEY_LEN = 17,
	ITEM_LEN = 25, /* key, le32 offset from the header's end, le32 length */
	PTR_LEN = 33,  /* key, le64 address, le64 generation */

	ROOT_GENERATION = 160,
	ROOT_BYTENR = 176,
	ROOT_REFS = 216,
	ROOT_LEVEL = 238,
	ROOT_MIN_LEN = 239, /* older kernels wrote no more */
};

/* A walk over one tree. */
struct walk {
	struct btrfs_fs *fs;
	const char *what;
	btrfs_item_fn *item;
	void *arg;
	struct btrfs_key last; /* of the last item, once there was one */
	bool begun;
};

void btrfs_key_get(struct btrfs_key *key, const uint8_t *disk)
{
	key->objectid = get_le64(disk);
	key->type = disk[8];
	key->offset = get_le64(disk + 9);
}

static int key_compare(const struct btrfs_key *a, const struct btrfs_key *b)
{
	if (a->objectid != b->objectid)
		return a->objectid < b->objectid ? -1 : 1;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return a->offset == b->offset ? 0 : a->offset < b->offset ? -1 : 1;
}

bool btrfs_node_is_ours(struct btrfs_fs *fs, const uint8_t *node, uint64_t logical)
{
	return get_le64(node + NODE_BYTENR) == logical &&
	       memcmp(node + NODE_FSID, fs->node_fsid, 16) == 0 &&
	       btrfs_csum_ok(fs, node, fs->node_size);
}

static bool node_ok(struct btrfs_fs *fs, const uint8_t *node, const struct btrfs_ref *ref)
{
	uint32_t unit = ref->level ? PTR_LEN : ITEM_LEN;
	return btrfs_node_is_ours(fs, node, ref->logical) &&
	       get_le64(node + NODE_GENERATION) == ref->generation &&
	       node[NODE_LEVEL] == ref->level &&
	       get_le32(node + NODE_NRITEMS) <= (fs->node_size - BTRFS_HEADER) / unit;
}

static int mark_log_node(struct btrfs_fs *fs, const struct btrfs_chunk *chunk, uint64_t logical)
{
	int ret = 0;
	for (unsigned int i = 0; !ret && fs->in_log && i < chunk->copies; i++)
		ret = fsmap_mark_used(fs->r, chunk->place[i] + (logical - chunk->start),
				      fs->node_size);
	return ret;
}

int btrfs_node_read(struct btrfs_fs *fs, const struct btrfs_ref *ref, const char *what,
		    uint8_t *node)
{
	const struct btrfs_chunk *chunk = btrfs_chunk_find(fs, ref->logical, fs->node_size);
	if (!chunk)
		return fsmap_whole(fs->r, "%s would lie outside of all chunks, at %" PRIu64, what,
				   ref->logical);
	if (!chunk->identity || !chunk->copies)
		return fsmap_whole(fs->r, "%s lies on another disk", what);
	if (fs->node_budget-- == 0)
		return fsmap_whole(fs->r, "its trees have more nodes than fit the volume");
	int ret = mark_log_node(fs, chunk, ref->logical);
	for (unsigned int i = 0; !ret && i < chunk->copies; i++) {
		bool ok = false;
		ret = fsmap_read_copy(fs->r, node, fs->node_size,
				      chunk->place[i] + (ref->logical - chunk->start), what, &ok);
		if (!ret && ok && node_ok(fs, node, ref))
			return 0;
	}
	return ret ? ret : fsmap_whole(fs->r, "%s is damaged at %" PRIu64, what, ref->logical);
}

static int check_order(struct walk *w, const struct btrfs_key *key)
{
	if (w->begun && key_compare(&w->last, key) >= 0)
		return fsmap_whole(w->fs->r, "%s is not in order", w->what);
	w->last = *key;
	w->begun = true;
	return 0;
}

static int walk_leaf(struct walk *w, const uint8_t *node)
{
	uint32_t n = get_le32(node + NODE_NRITEMS), room = w->fs->node_size - BTRFS_HEADER;
	int ret = 0;
	for (uint32_t i = 0; !ret && i < n; i++) {
		const uint8_t *item = node + BTRFS_HEADER + i * ITEM_LEN;
		uint32_t off = get_le32(item + KEY_LEN), len = get_le32(item + KEY_LEN + 4);
		struct btrfs_key key;
		btrfs_key_get(&key, item);
		if (off < n * ITEM_LEN || !sv_range_ok(off, len, room))
			return fsmap_whole(w->fs->r, "an item of %s lies outside of its node",
					   w->what);
		ret = check_order(w, &key);
		if (!ret)
			ret = w->item(w->fs, &key, node + BTRFS_HEADER + off, len, w->arg);
	}
	return ret;
}

static int walk_node(struct walk *w, const struct btrfs_ref *ref, const uint8_t *first_key);

/* Levels fall with every step, so the recursion ends after BTRFS_LEVELS of them. */
static int walk_pointers(struct walk *w, const uint8_t *node, uint8_t level)
{
	uint32_t n = get_le32(node + NODE_NRITEMS);
	int ret = 0;
	for (uint32_t i = 0; !ret && i < n; i++) {
		const uint8_t *ptr = node + BTRFS_HEADER + i * PTR_LEN;
		struct btrfs_ref child = {get_le64(ptr + KEY_LEN), get_le64(ptr + KEY_LEN + 8),
					  (uint8_t)(level - 1)};
		ret = walk_node(w, &child, ptr);
	}
	return ret;
}

/* Only a root may be empty; every other node begins with the key its parent has for it. */
static int check_first(struct walk *w, const uint8_t *node, const uint8_t *first_key)
{
	bool empty = get_le32(node + NODE_NRITEMS) == 0;
	if (!first_key ? empty && node[NODE_LEVEL]
		       : empty || memcmp(node + BTRFS_HEADER, first_key, KEY_LEN) != 0)
		return fsmap_whole(w->fs->r, "the nodes of %s contradict each other", w->what);
	return 0;
}

/* `first_key`: what the parent says, NULL at the root. */
static int walk_node(struct walk *w, const struct btrfs_ref *ref, const uint8_t *first_key)
{
	uint8_t *node = malloc(w->fs->node_size);
	if (!node)
		return SV_E_NOMEM;
	int ret = btrfs_node_read(w->fs, ref, w->what, node);
	if (!ret)
		ret = check_first(w, node, first_key);
	if (!ret)
		ret = ref->level ? walk_pointers(w, node, ref->level) : walk_leaf(w, node);
	free(node);
	return ret;
}

int btrfs_tree_walk(struct btrfs_fs *fs, const struct btrfs_ref *root, const char *what,
		    btrfs_item_fn *item, void *arg)
{
	struct walk w = {.fs = fs, .what = what, .item = item, .arg = arg};
	return walk_node(&w, root, NULL);
}

int btrfs_root_item(struct btrfs_fs *fs, const uint8_t *data, uint32_t len, struct btrfs_ref *ref,
		    bool *alive)
{
	if (len < ROOT_MIN_LEN || data[ROOT_LEVEL] >= BTRFS_LEVELS)
		return fsmap_whole(fs->r, "the root of a tree is malformed");
	ref->logical = get_le64(data + ROOT_BYTENR);
	ref->generation = get_le64(data + ROOT_GENERATION);
	ref->level = data[ROOT_LEVEL];
	*alive = get_le32(data + ROOT_REFS) != 0;
	return 0;
}
