/* xfs_extents.c - XFS: all stretches of a file or of its attributes, by a list or a tree of it */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

/* Kernel xfs_format.h: xfs_bmbt_rec, xfs_bmdr_block (the root, in the inode), xfs_btree_block with
 * long pointers. */
enum {
	RECORD = 16,
	KEY = 8, /* as long as a pointer */
	ROOT_LEVEL = 0,
	ROOT_RECORDS = 2,
	ROOT_HEADER = 4,
	BB_LEVEL = 4,
	BB_RECORDS = 6,
	BB_ADDRESS = 24, /* from here on version 5: in sectors of 512 bytes */
	BB_UUID = 40,
	BB_OWNER = 56,
	BB_CRC = 64,
	HEADER_V4 = 24,
	HEADER_V5 = 72,
};
#define MAGIC_V4 0x424d4150u /* BMAP */
#define MAGIC_V5 0x424d4133u /* BMA3 */
#define FILE_MAX (1ull << 63)

struct walk {
	struct xfs_fs *fs;
	const struct xfs_extents_visit *visit;
	uint64_t inode;
	uint64_t *budget;
	uint64_t next; /* block of the file from which on the next extent may stand */
	bool damaged;
};

/* The byte of the volume of blocks that lie in one group. */
static bool blocks_place(const struct xfs_fs *fs, uint64_t block, uint64_t count, uint64_t *at)
{
	uint64_t group = block >> fs->group_bits, first = block & ((1ull << fs->group_bits) - 1);
	if (group >= fs->ags)
		return false;
	struct xfs_ag ag = xfs_ag_at(fs, (uint32_t)group);
	*at = ag.start + first * fs->block_size;
	return sv_range_ok(first, count, ag.blocks);
}

static uint64_t file_bytes(const struct xfs_fs *fs, uint64_t block)
{
	return block < FILE_MAX / fs->block_size ? block * fs->block_size : FILE_MAX;
}

static int take_record(struct walk *w, const uint8_t *record)
{
	uint64_t high = get_be64(record), low = get_be64(record + 8), at;
	uint64_t block = (high & 0x1ff) << 43 | low >> 21, count = low & 0x1fffff;
	uint64_t start = (high & ~(1ull << 63)) >> 9;
	if (!count || start < w->next || start + count > FILE_MAX / w->fs->block_size ||
	    !blocks_place(w->fs, block, count, &at)) {
		w->damaged = true;
		return 0;
	}
	w->next = start + count;
	const struct xfs_run run = {.start = start * w->fs->block_size,
				    .at = at,
				    .len = count * w->fs->block_size,
				    .unwritten = high >> 63};
	return w->visit->run(w->visit->arg, &run);
}

static int take_records(struct walk *w, const uint8_t *records, uint64_t n)
{
	int rc = 0;
	for (uint64_t i = 0; !rc && i < n; i++)
		rc = take_record(w, records + i * RECORD);
	return rc;
}

static bool node_ok(const struct walk *w, const uint8_t *node, uint64_t at, uint32_t level)
{
	const struct xfs_fs *fs = w->fs;
	size_t header = fs->v5 ? HEADER_V5 : HEADER_V4;
	if (get_be32(node) != (fs->v5 ? MAGIC_V5 : MAGIC_V4) ||
	    get_be16(node + BB_LEVEL) != level ||
	    get_be16(node + BB_RECORDS) > (fs->block_size - header) / RECORD)
		return false;
	return !fs->v5 ||
	       (get_be64(node + BB_ADDRESS) == at / 512 && get_be64(node + BB_OWNER) == w->inode &&
		xfs_sealed(fs, node, fs->block_size, BB_CRC, BB_UUID));
}

static int walk_children(struct walk *w, const uint8_t *keys, const uint8_t *pointers, uint32_t n,
			 uint32_t level, uint64_t first, uint64_t end);

/* A block of the tree, for blocks [first, end) of the file. Recursion no deeper than the levels. */
static int walk_block(struct walk *w, uint64_t block, uint32_t level, uint64_t first, uint64_t end)
{
	struct xfs_fs *fs = w->fs;
	size_t header = fs->v5 ? HEADER_V5 : HEADER_V4, room = (fs->block_size - header) / RECORD;
	uint64_t at;
	if (!*w->budget || !blocks_place(fs, block, 1, &at)) {
		w->damaged = true;
		return 0;
	}
	--*w->budget;
	uint8_t *node = malloc(fs->block_size);
	if (!node)
		return SV_E_NOMEM;
	int rc = fsmap_read_hint(fs->r, node, fs->block_size, at, "a list of extents");
	if (rc > 0)
		rc = w->visit->lost(w->visit->arg, at, file_bytes(fs, first), file_bytes(fs, end));
	else if (!rc && !node_ok(w, node, at, level))
		w->damaged = true;
	else if (!rc && level)
		rc = walk_children(w, node + header, node + header + room * KEY,
				   get_be16(node + BB_RECORDS), level - 1, first, end);
	else if (!rc)
		rc = take_records(w, node + header, get_be16(node + BB_RECORDS));
	free(node);
	return rc;
}

static int walk_children(struct walk *w, const uint8_t *keys, const uint8_t *pointers, uint32_t n,
			 uint32_t level, uint64_t first, uint64_t end)
{
	int rc = 0;
	for (uint32_t i = 0; !rc && i < n; i++) {
		uint64_t from = i ? get_be64(keys + (size_t)i * KEY) : first;
		uint64_t to = i + 1 < n ? get_be64(keys + (size_t)(i + 1) * KEY) : end;
		rc = walk_block(w, get_be64(pointers + (size_t)i * KEY), level, from, to);
	}
	return rc;
}

static int walk_root(struct walk *w, const struct xfs_fork_place *fork)
{
	uint32_t level = get_be16(fork->p + ROOT_LEVEL), n = get_be16(fork->p + ROOT_RECORDS);
	size_t room = fork->len < ROOT_HEADER ? 0 : (fork->len - ROOT_HEADER) / (2 * KEY);
	const uint8_t *keys = fork->p + ROOT_HEADER;
	if (level < 1 || level >= XFS_MAX_LEVELS || n < 1 || n > room) {
		w->damaged = true;
		return 0;
	}
	return walk_children(w, keys, keys + room * KEY, n, level - 1, 0, FILE_MAX);
}

int xfs_extents_walk(struct xfs_fs *fs, uint64_t inode, const uint8_t *raw, enum xfs_fork which,
		     uint64_t *budget, const struct xfs_extents_visit *visit, bool *damaged)
{
	struct walk w = {.fs = fs, .visit = visit, .inode = inode, .budget = budget};
	struct xfs_fork_place fork;
	int rc = 0;
	if (!xfs_fork_find(fs, raw, which, &fork, &w.damaged)) {
		*damaged = w.damaged;
		return 0;
	}
	if (fork.format == XFS_FORMAT_EXTENTS && fork.extents <= fork.len / RECORD)
		rc = take_records(&w, fork.p, fork.extents);
	else if (fork.format == XFS_FORMAT_BTREE)
		rc = walk_root(&w, &fork);
	else
		w.damaged = fork.format != XFS_FORMAT_LOCAL;
	*damaged = w.damaged;
	return rc;
}
