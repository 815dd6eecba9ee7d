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

void btrfs_key_get(struct btrfs_key *key, const uint8_t *disk)
{
	key->objectid = get_le64(disk);
	key->type = disk[8];
	key->offset = get_le64(disk + 9);
}

int btrfs_key_compare(const struct btrfs_key *a, const struct btrfs_key *b)
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

/* ---- a node from its copies ---- */

#define CACHE_SLOTS 64u

struct btrfs_cache {
	struct btrfs_ref refs[CACHE_SLOTS]; /* generation 0: empty */
	uint8_t nodes[];		    /* CACHE_SLOTS times the size of a node */
};

int btrfs_cache_open(struct btrfs_fs *fs)
{
	fs->cache = calloc(1, sizeof(*fs->cache) + (size_t)CACHE_SLOTS * fs->node_size);
	return fs->cache ? 0 : SV_E_NOMEM;
}

static size_t slot_of(const struct btrfs_fs *fs, const struct btrfs_ref *ref)
{
	return (size_t)(ref->logical / fs->node_size % CACHE_SLOTS);
}

static bool load_cached(const struct btrfs_fs *fs, const struct btrfs_ref *ref, uint8_t *node)
{
	size_t slot = slot_of(fs, ref);
	const struct btrfs_ref *has = fs->cache ? &fs->cache->refs[slot] : NULL;
	if (!has || !has->generation || has->generation != ref->generation ||
	    has->logical != ref->logical || has->level != ref->level)
		return false;
	memcpy(node, fs->cache->nodes + slot * fs->node_size, fs->node_size);
	return true;
}

static void keep_cached(struct btrfs_fs *fs, const struct btrfs_ref *ref, const uint8_t *node)
{
	size_t slot = slot_of(fs, ref);
	if (!fs->cache)
		return;
	fs->cache->refs[slot] = *ref;
	memcpy(fs->cache->nodes + slot * fs->node_size, node, fs->node_size);
}

/* A node of which no copy can be read whole may be whole in their sectors together. */
static int read_sectors(struct btrfs_fs *fs, const struct btrfs_chunk *chunk, uint64_t logical,
			const char *what, uint8_t *node)
{
	uint32_t step = SV_MIN(fsmap_sector_size(fs->r), fs->node_size);
	bool ok = true;
	int ret = 0;
	for (uint32_t at = 0; !ret && ok && at < fs->node_size; at += step) {
		ok = false;
		for (unsigned int i = 0; !ret && !ok && i < chunk->copies; i++)
			ret = fsmap_read_copy(fs->r, node + at, step,
					      chunk->place[i] + (logical - chunk->start) + at, what,
					      &ok);
	}
	return ret || ok ? ret : FSMAP_IS_WHOLE;
}

static int read_copies(struct btrfs_fs *fs, const struct btrfs_chunk *chunk,
		       const struct btrfs_ref *ref, const char *what, uint8_t *node)
{
	bool unread = false;
	int ret = 0;
	for (unsigned int i = 0; !ret && i < chunk->copies; i++) {
		bool ok = false;
		ret = fsmap_read_copy(fs->r, node, fs->node_size,
				      chunk->place[i] + (ref->logical - chunk->start), what, &ok);
		if (!ret && ok && node_ok(fs, node, ref))
			return 0;
		unread = unread || !ok;
	}
	if (!ret && unread && fs->stitch && chunk->copies > 1)
		ret = read_sectors(fs, chunk, ref->logical, what, node);
	else if (!ret)
		ret = FSMAP_IS_WHOLE;
	if (!ret && node_ok(fs, node, ref))
		return 0;
	return ret < 0 ? ret : fsmap_whole(fs->r, "%s is damaged at %" PRIu64, what, ref->logical);
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
	if (fs->node_budget == 0)
		return fsmap_whole(fs->r, "its trees have more nodes than fit the volume");
	fs->node_budget--;
	if (load_cached(fs, ref, node))
		return 0;
	int ret = mark_log_node(fs, chunk, ref->logical);
	if (!ret)
		ret = read_copies(fs, chunk, ref, what, node);
	if (!ret)
		keep_cached(fs, ref, node);
	return ret;
}

/* ---- walks ---- */

/* Keys rise, and are those that the nodes above leave for this one. */
static bool keys_ok(const uint8_t *node, uint32_t unit, const struct btrfs_span *span)
{
	uint32_t n = get_le32(node + NODE_NRITEMS);
	struct btrfs_key key, last = span->first;
	for (uint32_t i = 0; i < n; i++) {
		btrfs_key_get(&key, node + BTRFS_HEADER + (size_t)i * unit);
		int order = btrfs_key_compare(&last, &key);
		if (order > 0 || (order == 0 && i) || btrfs_key_compare(&key, &span->end) >= 0)
			return false;
		last = key;
	}
	return true;
}

/* Only a root may be empty; every other node begins with the key its parent has for it. */
static int check_node(struct btrfs_fs *fs, const struct btrfs_visit *v,
		      const struct btrfs_span *span, const uint8_t *node, const uint8_t *first_key)
{
	bool empty = get_le32(node + NODE_NRITEMS) == 0;
	if (!first_key ? empty && node[NODE_LEVEL]
		       : empty || memcmp(node + BTRFS_HEADER, first_key, KEY_LEN) != 0)
		return fsmap_whole(fs->r, "the nodes of %s contradict each other", v->what);
	if (!keys_ok(node, span->ref.level ? PTR_LEN : ITEM_LEN, span))
		return fsmap_whole(fs->r, "%s is not in order", v->what);
	return 0;
}

static int check_items(struct btrfs_fs *fs, const struct btrfs_visit *v, const uint8_t *node)
{
	uint32_t n = get_le32(node + NODE_NRITEMS), room = fs->node_size - BTRFS_HEADER;
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *item = node + BTRFS_HEADER + (size_t)i * ITEM_LEN;
		uint32_t off = get_le32(item + KEY_LEN), len = get_le32(item + KEY_LEN + 4);
		if (off < n * ITEM_LEN || !sv_range_ok(off, len, room))
			return fsmap_whole(fs->r, "an item of %s lies outside of its node",
					   v->what);
	}
	return 0;
}

static int visit_leaf(struct btrfs_fs *fs, const struct btrfs_visit *v, const uint8_t *node)
{
	uint32_t n = get_le32(node + NODE_NRITEMS);
	int ret = 0;
	for (uint32_t i = 0; !ret && i < n; i++) {
		const uint8_t *item = node + BTRFS_HEADER + (size_t)i * ITEM_LEN;
		struct btrfs_key key;
		btrfs_key_get(&key, item);
		ret = v->item(fs, &key, node + BTRFS_HEADER + get_le32(item + KEY_LEN),
			      get_le32(item + KEY_LEN + 4), v->arg);
	}
	return ret;
}

static int visit_node(struct btrfs_fs *fs, const struct btrfs_visit *v,
		      const struct btrfs_span *span, const uint8_t *first_key);

/* Levels fall with every step, so the recursion ends after BTRFS_LEVELS of them. */
static int visit_pointers(struct btrfs_fs *fs, const struct btrfs_visit *v,
			  const struct btrfs_span *span, const uint8_t *node)
{
	uint32_t n = get_le32(node + NODE_NRITEMS);
	int ret = 0;
	for (uint32_t i = 0; !ret && i < n; i++) {
		const uint8_t *ptr = node + BTRFS_HEADER + (size_t)i * PTR_LEN;
		struct btrfs_span child = {.ref = {get_le64(ptr + KEY_LEN),
						   get_le64(ptr + KEY_LEN + 8),
						   (uint8_t)(span->ref.level - 1)},
					   .end = span->end};
		btrfs_key_get(&child.first, ptr);
		if (i + 1 < n)
			btrfs_key_get(&child.end, ptr + PTR_LEN);
		ret = visit_node(fs, v, &child, ptr);
	}
	return ret;
}

/* Read and check it: what stands in it will be taken, or nothing of it. */
static int load_node(struct btrfs_fs *fs, const struct btrfs_visit *v,
		     const struct btrfs_span *span, const uint8_t *first_key, uint8_t *node)
{
	int ret = btrfs_node_read(fs, &span->ref, v->what, node);
	if (!ret)
		ret = check_node(fs, v, span, node, first_key);
	if (!ret && !span->ref.level)
		ret = check_items(fs, v, node);
	return ret;
}

/* `first_key`: what the parent says, NULL at the root. */
static int visit_node(struct btrfs_fs *fs, const struct btrfs_visit *v,
		      const struct btrfs_span *span, const uint8_t *first_key)
{
	bool skip = false;
	int ret = v->enter ? v->enter(fs, span, v->arg, &skip) : 0;
	if (ret || skip)
		return ret;
	uint8_t *node = malloc(fs->node_size);
	if (!node)
		return SV_E_NOMEM;
	ret = load_node(fs, v, span, first_key, node);
	if (ret > 0 && v->lost)
		ret = v->lost(fs, span, v->arg);
	else if (!ret)
		ret = span->ref.level ? visit_pointers(fs, v, span, node) : visit_leaf(fs, v, node);
	free(node);
	return !ret && v->leave ? v->leave(fs, span, v->arg) : ret;
}

int btrfs_tree_visit(struct btrfs_fs *fs, const struct btrfs_ref *root, const struct btrfs_visit *v)
{
	const struct btrfs_span all = {.ref = *root, .end = {UINT64_MAX, UINT8_MAX, UINT64_MAX}};
	return visit_node(fs, v, &all, NULL);
}

int btrfs_tree_walk(struct btrfs_fs *fs, const struct btrfs_ref *root, const char *what,
		    btrfs_item_fn *item, void *arg)
{
	return btrfs_tree_visit(fs, root,
				&(struct btrfs_visit){.what = what, .item = item, .arg = arg});
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
