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
	BB_CRC = 52,
	HEADER_V4 = 16,
	HEADER_V5 = 56,
	RECORD = 8, /* of leaves, and keys of nodes */
	POINTER = 4,
};
#define NO_BLOCK 0xffffffffu

static const uint32_t magics[2][2] = {
	/* [version 5?][kind] */
	{0x41425442, 0x41425443}, /* ABTB ABTC */
	{0x41423342, 0x41423343}, /* AB3B AB3C */
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

static uint32_t header_len(const struct xfs_fs *fs)
{
	return fs->v5 ? HEADER_V5 : HEADER_V4;
}

static uint32_t max_records(const struct xfs_fs *fs, uint32_t level)
{
	return (fs->block_size - header_len(fs)) / (level ? RECORD + POINTER : RECORD);
}

static int damaged(struct walk *w)
{
	return fsmap_whole(w->fs->r, "the free-space tree of group %" PRIu32 " is damaged",
			   w->ag->number);
}

/* What makes a block of version 5 this one. */
static bool identity_ok(const struct walk *w, uint64_t off)
{
	const uint8_t *block = w->fs->block;
	return get_be64(block + BB_ADDRESS) == off / 512 &&
	       memcmp(block + BB_UUID, w->fs->uuid, sizeof(w->fs->uuid)) == 0 &&
	       get_be32(block + BB_OWNER) == w->ag->number;
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
	uint32_t records = get_be16(fs->block + BB_RECORDS);
	if (fs->v5 && !xfs_crc_ok(fs->block, fs->block_size, BB_CRC))
		return fsmap_whole(fs->r,
				   "the free-space tree of group %" PRIu32
				   " has a wrong checksum at %" PRIu64,
				   w->ag->number, off);
	if (get_be32(fs->block + BB_MAGIC) != magics[fs->v5][w->kind] ||
	    get_be16(fs->block + BB_LEVEL) != level || records > max_records(fs, level) ||
	    (records == 0 && w->ag->levels[w->kind] > 1) || (fs->v5 && !identity_ok(w, off)))
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
		block = get_be32(fs->block + header_len(fs) +
				 (size_t)RECORD * max_records(fs, level));
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
	for (uint32_t i = 0, n = get_be16(data + BB_RECORDS); !ret && i < n; i++)
		ret = take_record(w, data + header_len(w->fs) + (size_t)RECORD * i);
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
