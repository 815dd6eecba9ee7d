/* btrfs_extent.c - Btrfs: what extents name is used, and what the log names */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/btrfs.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	/* references to extents, which follow their extent: EXTENT_OWNER_REF to SHARED_DATA_REF */
	REF_FIRST = 172,
	REF_LAST = 184,
	REF_V0 = 180,

	GROUP_USED = 0, /* struct btrfs_block_group_item */
	GROUP_FLAGS = 16,
	GROUP_LEN = 24,
};

/* Where the walk over the extent tree is: everything before `at` is decided. */
struct cursor {
	size_t chunk; /* index; fs->chunks.n at the end */
	uint64_t at;  /* in that chunk */
};

/* ---- roots ---- */

/* Every tree's root must be readable, and by that be found in the map. */
static int check_root(struct btrfs_fs *fs, const struct btrfs_ref *ref)
{
	uint8_t *node = malloc(fs->node_size);
	if (!node)
		return SV_E_NOMEM;
	int ret = btrfs_node_read(fs, ref, "the root of a tree", node);
	free(node);
	return ret;
}

static int take_root(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
		     uint32_t len, void *arg)
{
	struct btrfs_ref ref;
	bool alive;
	(void)arg;
	if (key->type != BTRFS_ROOT_ITEM)
		return 0;
	int ret = btrfs_root_item(fs, data, len, &ref, &alive);
	if (ret)
		return ret;
	if (key->objectid == BTRFS_EXTENT_TREE)
		fs->extent_root = ref;
	if (key->objectid == BTRFS_DEVICE_TREE)
		fs->device_root = ref;
	if (key->objectid == BTRFS_GROUP_TREE)
		fs->group_root = ref;
	return alive ? check_root(fs, &ref) : 0;
}

static int load_roots(struct btrfs_fs *fs)
{
	int ret = btrfs_tree_walk(fs, &fs->root, "the root tree", take_root, NULL);
	if (ret)
		return ret;
	if (!fs->extent_root.logical || !fs->device_root.logical)
		return fsmap_whole(fs->r, "it has no extent tree or no device tree");
	if (fs->group_tree && !fs->group_root.logical)
		return fsmap_whole(fs->r, "it has no tree of block groups");
	return 0;
}

/* ---- extents ---- */

static int free_between(struct btrfs_fs *fs, const struct btrfs_chunk *c, uint64_t from,
			uint64_t to)
{
	int ret = 0;
	for (unsigned int i = 0; !ret && from < to && i < c->copies; i++)
		ret = fsmap_mark_free(fs->r, c->place[i] + (from - c->start), to - from);
	return ret;
}

static void enter(const struct btrfs_fs *fs, struct cursor *cur, size_t chunk)
{
	cur->chunk = chunk;
	cur->at = chunk < fs->chunks.n ? fs->chunks.v[chunk].start : UINT64_MAX;
}

/* What is left of the chunks before `logical` is free. */
static int leave_chunks(struct btrfs_fs *fs, struct cursor *cur, uint64_t logical)
{
	int ret = 0;
	while (!ret && cur->chunk < fs->chunks.n) {
		const struct btrfs_chunk *c = &fs->chunks.v[cur->chunk];
		if (logical < c->start + c->len)
			break;
		ret = free_between(fs, c, cur->at, c->start + c->len);
		enter(fs, cur, cur->chunk + 1);
	}
	return ret;
}

static int take_extent(struct btrfs_fs *fs, struct cursor *cur, uint64_t start, uint64_t len)
{
	if (!len || start % fs->sector_size || len % fs->sector_size)
		return fsmap_whole(fs->r, "the extent at %" PRIu64 " is malformed", start);
	int ret = leave_chunks(fs, cur, start);
	if (ret)
		return ret;
	struct btrfs_chunk *c = btrfs_chunk_find(fs, start, len);
	if (!c || c != &fs->chunks.v[cur->chunk])
		return fsmap_whole(fs->r, "the extent at %" PRIu64 " lies in no chunk", start);
	if (start < cur->at)
		return fsmap_whole(fs->r, "extents overlap at %" PRIu64, start);
	ret = free_between(fs, c, cur->at, start);
	cur->at = start + len;
	c->used += len;
	return ret;
}

static int take_group(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
		      uint32_t len)
{
	struct btrfs_chunk *c = btrfs_chunk_find(fs, key->objectid, key->offset);
	if (len < GROUP_LEN || !c || c->start != key->objectid || c->len != key->offset ||
	    c->type != get_le64(data + GROUP_FLAGS) || c->has_group)
		return fsmap_whole(fs->r, "the block group at %" PRIu64 " is not that of its chunk",
				   key->objectid);
	c->has_group = true;
	c->group_used = get_le64(data + GROUP_USED);
	return 0;
}

static int take_extent_item(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
			    uint32_t len, void *arg)
{
	switch (key->type) {
	case BTRFS_EXTENT_ITEM:
		return take_extent(fs, arg, key->objectid, key->offset);
	case BTRFS_METADATA_ITEM:
		return take_extent(fs, arg, key->objectid, fs->node_size);
	case BTRFS_BLOCK_GROUP_ITEM:
		return fs->group_tree ? fsmap_whole(fs->r, "it has block groups in two trees")
				      : take_group(fs, key, data, len);
	default:
		break;
	}
	if (key->type >= REF_FIRST && key->type <= REF_LAST && key->type != REF_V0)
		return 0;
	return fsmap_whole(fs->r, "the extent tree has items of the unknown type %u", key->type);
}

static int take_group_item(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
			   uint32_t len, void *arg)
{
	(void)arg;
	if (key->type != BTRFS_BLOCK_GROUP_ITEM)
		return fsmap_whole(fs->r,
				   "the tree of block groups has items of the unknown type "
				   "%u",
				   key->type);
	return take_group(fs, key, data, len);
}

/* What is found must be what block groups and superblock say. */
static int check_sums(struct btrfs_fs *fs)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < fs->chunks.n; i++) {
		const struct btrfs_chunk *c = &fs->chunks.v[i];
		if (!c->has_group)
			return fsmap_whole(fs->r, "the chunk at %" PRIu64 " has no block group",
					   c->start);
		if (c->used != c->group_used)
			return fsmap_whole(fs->r,
					   "the chunk at %" PRIu64 " has %" PRIu64
					   " bytes in use, not %" PRIu64 " as it says",
					   c->start, c->used, c->group_used);
		sum += c->used;
	}
	if (sum != fs->bytes_used)
		return fsmap_whole(fs->r,
				   "it has %" PRIu64 " bytes in use, not %" PRIu64
				   " as its superblock says",
				   sum, fs->bytes_used);
	return 0;
}

static int map_extents(struct btrfs_fs *fs)
{
	struct cursor cur;
	enter(fs, &cur, 0);
	int ret = btrfs_tree_walk(fs, &fs->extent_root, "the extent tree", take_extent_item, &cur);
	if (!ret)
		ret = leave_chunks(fs, &cur, UINT64_MAX);
	if (!ret && fs->group_tree)
		ret = btrfs_tree_walk(fs, &fs->group_root, "the tree of block groups",
				      take_group_item, NULL);
	return ret ? ret : check_sums(fs);
}

/* ---- the log: kernel fs/btrfs/tree-log.c; neither its nodes nor its data are in the extent tree
 * ---- */

static int mark_logged(struct btrfs_fs *fs, uint64_t start, uint64_t len)
{
	const struct btrfs_chunk *c = btrfs_chunk_find(fs, start, len);
	if (!c || !len)
		return fsmap_whole(fs->r, "its log names data outside of all chunks, at %" PRIu64,
				   start);
	int ret = 0;
	for (unsigned int i = 0; !ret && i < c->copies; i++)
		ret = fsmap_mark_used(fs->r, c->place[i] + (start - c->start), len);
	return ret;
}

static int take_logged(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
		       uint32_t len, void *arg)
{
	(void)arg;
	if (key->type != BTRFS_EXTENT_DATA)
		return 0;
	if (len <= BTRFS_FILE_TYPE || data[BTRFS_FILE_TYPE] > BTRFS_FILE_PREALLOC)
		return fsmap_whole(fs->r, "its log has extents of an unknown kind");
	if (data[BTRFS_FILE_TYPE] == BTRFS_FILE_INLINE)
		return 0;
	if (len < BTRFS_FILE_LEN)
		return fsmap_whole(fs->r, "an extent in its log is cut short");
	uint64_t start = get_le64(data + BTRFS_FILE_DISK_BYTENR);
	return start ? mark_logged(fs, start, get_le64(data + BTRFS_FILE_DISK_LEN))
		     : 0; /* 0: a hole */
}

static int take_log_root(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
			 uint32_t len, void *arg)
{
	struct btrfs_ref ref;
	bool alive;
	if (key->type != BTRFS_ROOT_ITEM || key->objectid != BTRFS_LOG_TREE)
		return fsmap_whole(fs->r, "its log has items of an unknown kind");
	int ret = btrfs_root_item(fs, data, len, &ref, &alive);
	return ret ? ret : btrfs_tree_walk(fs, &ref, "the log of a tree", take_logged, arg);
}

static int map_log(struct btrfs_fs *fs)
{
	fs->in_log = true;
	return btrfs_tree_walk(fs, &fs->log_root, "the log", take_log_root, NULL);
}

int btrfs_extents_map(struct btrfs_fs *fs)
{
	int ret = load_roots(fs);
	if (!ret)
		ret = btrfs_device_check(fs);
	if (!ret)
		ret = map_extents(fs);
	if (!ret && fs->log_root.logical)
		ret = map_log(fs);
	return ret;
}
