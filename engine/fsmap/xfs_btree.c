/* xfs_btree.c - XFS: the trees of free space in an allocation group, walked leaf by leaf */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <string.h>

/* Kernel xfs_format.h, struct xfs_btree_block with short pointers, and xfs_alloc_rec. */
enum {
	BB_MAGIC = 0,
	BB_LEVEL = 4,
	BB_RECORDS = 6,
	BB_LEFT = 8,
	BB_RIGHT = 12,
	BB_ADDRESS = 16, /* from here on version 5: in sectors of 512 bytes */
	BB_UUID = 32,
	BB_OWNER = 48,
	HEADER_V4 = 16,
	HEADER_V5 = 56,
	RECORD = 8, /* of leaves, and keys of nodes, where space is free */
	POINTER = 4,
};
#define NO_BLOCK 0xffffffffu

/* What is in the leaves, and what leads to it; two keys where records overlap. */
static const struct {
	uint32_t magic[2]; /* [version 5?]; 0: only the other has it */
	uint8_t record, key;
} shapes[XFS_TREES] = {
	[XFS_BY_BLOCK] = {{0x41425442, 0x41423342}, RECORD, RECORD}, /* ABTB AB3B */
	[XFS_BY_COUNT] = {{0x41425443, 0x41423343}, RECORD, RECORD}, /* ABTC AB3C */
	[XFS_OWNERS] = {{0, 0x524d4233}, 24, 2 * 20},		     /* RMB3 */
	[XFS_SHARED] = {{0, 0x52334643}, 12, 4},		     /* R3FC */
	[XFS_INODES] = {{0x49414254, 0x49414233}, 16, 4},	     /* IABT IAB3 */
	[XFS_FREE_INODES] = {{0, 0x46494233}, 16, 4},		     /* FIB3 */
};

struct walk {
	struct xfs_fs *fs;
	const struct xfs_ag *ag;
	enum xfs_tree_kind kind;
	struct xfs_found *found;
	uint64_t end;	     /* by block: of the last range */
	uint32_t start, len; /* of the last range */
	uint32_t reserve_at; /* first kept block that may lie in the next range */
};

uint32_t xfs_block_header(const struct xfs_fs *fs)
{
	return fs->v5 ? HEADER_V5 : HEADER_V4;
}

uint32_t xfs_record_len(enum xfs_tree_kind kind)
{
	return shapes[kind].record;
}

uint32_t xfs_key_len(enum xfs_tree_kind kind)
{
	return shapes[kind].key;
}

uint32_t xfs_block_room(const struct xfs_fs *fs, enum xfs_tree_kind kind, uint32_t level)
{
	uint32_t one = level ? shapes[kind].key + POINTER : shapes[kind].record;
	return (fs->block_size - xfs_block_header(fs)) / one;
}

uint32_t xfs_block_records(const uint8_t *block)
{
	return get_be16(block + BB_RECORDS);
}

static int damaged(struct walk *w)
{
	return fsmap_whole(w->fs->r, "the free-space tree of group %" PRIu32 " is damaged",
			   w->ag->number);
}

/* What makes a block of version 5 this one. */
static bool identity_ok(const struct xfs_fs *fs, const struct xfs_ag *ag, const uint8_t *block,
			uint64_t off)
{
	return get_be64(block + BB_ADDRESS) == off / 512 &&
	       memcmp(block + BB_UUID, fs->uuid, sizeof(fs->uuid)) == 0 &&
	       get_be32(block + BB_OWNER) == ag->number;
}

bool xfs_block_ok(const struct xfs_fs *fs, const struct xfs_ag *ag, enum xfs_tree_kind kind,
		  const uint8_t *block, uint64_t off, uint32_t level)
{
	uint32_t records = xfs_block_records(block);
	return get_be32(block + BB_MAGIC) == shapes[kind].magic[fs->v5] &&
	       get_be16(block + BB_LEVEL) == level && records <= xfs_block_room(fs, kind, level) &&
	       (records > 0 || ag->levels[kind] == 1) &&
	       (!fs->v5 || identity_ok(fs, ag, block, off));
}

/* Read a block of the tree into fs->block. Only a tree of one block may be empty. */
static int read_block(struct walk *w, uint32_t number, uint32_t level)
{
	struct xfs_fs *fs = w->fs;
	uint64_t off = w->ag->start + (uint64_t)number * fs->block_size;
	if (number >= w->ag->blocks)
		return damaged(w);
	int ret = fsmap_read_meta(fs->r, fs->block, fs->block_size, off, "a free-space tree");
	if (ret)
		return ret;
	if (fs->v5 && !xfs_crc_ok(fs->block, fs->block_size, XFS_BLOCK_CRC))
		return fsmap_whole(fs->r,
				   "the free-space tree of group %" PRIu32
				   " has a wrong checksum at %" PRIu64,
				   w->ag->number, off);
	if (!xfs_block_ok(fs, w->ag, w->kind, fs->block, off, level))
		return damaged(w);
	return 0;
}

/* To the first leaf. */
static int descend(struct walk *w, uint32_t *leaf)
{
	const struct xfs_fs *fs = w->fs;
	uint32_t block = w->ag->root[w->kind];
	for (uint32_t level = w->ag->levels[w->kind] - 1; level > 0; level--) {
		int ret = read_block(w, block, level);
		if (ret)
			return ret;
		if (get_be32(fs->block + BB_LEFT) != NO_BLOCK)
			return damaged(w);
		block = get_be32(fs->block + xfs_block_header(fs) +
				 (size_t)RECORD * xfs_block_room(fs, w->kind, level));
	}
	*leaf = block;
	return 0;
}

/* Spreads a record over 64 bits (the finaliser of SplitMix64), so that sums of different sets
 * differ. */
static uint64_t mix(uint32_t start, uint32_t len)
{
	uint64_t x = (uint64_t)start << 32 | len;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* Ascending and never touching, which also ends every loop. */
static bool in_order(const struct walk *w, uint32_t start, uint32_t len)
{
	if (w->found->records == 0)
		return true;
	if (w->kind == XFS_BY_BLOCK)
		return start > w->end;
	return len > w->len || (len == w->len && start > w->start);
}

/* The range is free: no header lies in it, nor a block that is kept for the trees. */
static int free_range(struct walk *w, uint32_t start, uint32_t len)
{
	const struct xfs_fs *fs = w->fs;
	const struct xfs_ag *ag = w->ag;
	while (w->reserve_at < ag->reserve_n && ag->reserve[w->reserve_at] < start)
		w->reserve_at++;
	if ((uint64_t)start * fs->block_size < 4ull * fs->sector_size ||
	    (w->reserve_at < ag->reserve_n && ag->reserve[w->reserve_at] - start < len))
		return damaged(w);
	return fsmap_mark_free(fs->r, ag->start + (uint64_t)start * fs->block_size,
			       (uint64_t)len * fs->block_size);
}

static int take_record(struct walk *w, const uint8_t *record)
{
	uint32_t start = get_be32(record), len = get_be32(record + 4);
	if (len == 0 || !sv_range_ok(start, len, w->ag->blocks) || !in_order(w, start, len))
		return damaged(w);
	w->start = start;
	w->len = len;
	w->end = (uint64_t)start + len;
	w->found->records++;
	w->found->free += len;
	w->found->mix += mix(start, len);
	w->found->longest = SV_MAX(w->found->longest, len);
	return w->kind == XFS_BY_BLOCK ? free_range(w, start, len) : 0;
}

/* One leaf's records; *left and *right: its neighbours. */
static int take_leaf(struct walk *w, uint32_t block, uint32_t *left, uint32_t *right)
{
	const uint8_t *data = w->fs->block;
	int ret = read_block(w, block, 0);
	if (ret)
		return ret;
	*left = get_be32(data + BB_LEFT);
	*right = get_be32(data + BB_RIGHT);
	for (uint32_t i = 0, n = xfs_block_records(data); !ret && i < n; i++)
		ret = take_record(w, data + xfs_block_header(w->fs) + (size_t)RECORD * i);
	return ret;
}

int xfs_tree_walk(struct xfs_fs *fs, const struct xfs_ag *ag, enum xfs_tree_kind kind,
		  struct xfs_found *found)
{
	struct walk w = {.fs = fs, .ag = ag, .kind = kind, .found = found};
	uint32_t block = NO_BLOCK, left, right, before = NO_BLOCK;
	int ret = descend(&w, &block);
	for (; !ret && block != NO_BLOCK; before = block, block = right) {
		ret = take_leaf(&w, block, &left, &right);
		if (!ret && (left != before || right == block))
			ret = damaged(&w);
	}
	return ret;
}
