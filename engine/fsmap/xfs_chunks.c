/* xfs_chunks.c - XFS: all inodes of a group: by their tree, or by looking at every block */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs_files.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Kernel xfs_format.h, struct xfs_inobt_rec. */
enum {
	REC_START = 0,
	REC_HOLES = 4, /* only where chunks may have holes: a bit for HOLE inodes */
	REC_FREE = 8,
	REC_LEN = 16,
	HOLE = 4,
};

static uint64_t group_bytes(const struct xfs_finder *f)
{
	return (uint64_t)f->ag.blocks * f->fs->block_size;
}

/* The number of what stands at this byte of the group. */
static uint64_t number_at(const struct xfs_finder *f, uint64_t off)
{
	return (uint64_t)f->ag.number << f->fs->inode_bits | off / f->fs->inode_size;
}

/* ---- by the tree ---- */

static int lose_inode(struct xfs_finder *f, uint64_t inode, uint64_t at, bool used)
{
	struct owners_file file = {.id = inode, .kind = FILES_RECORD};
	const char *own = used ? xfs_own_name(f->fs, inode) : "an unused inode";
	if (own)
		return owners_metadata(f->o, at, f->fs->inode_size, own);
	return owners_lose(f->o, &file, at, f->fs->inode_size, 0, 0);
}

static int look_at_inode(struct xfs_finder *f, uint64_t inode, const uint8_t *raw)
{
	if (xfs_inode_ok(f->fs, inode, raw))
		return get_be16(raw + XFS_I_MODE) ? xfs_owned_take(f, inode, raw) : 0;
	owners_caution(f->o, "inode %" PRIu64 " is damaged: what it owns is not known", inode);
	return 0;
}

static int single_inode(struct xfs_finder *f, uint64_t off, bool used)
{
	uint64_t at = f->ag.start + off;
	if (owners_touch(f->o, at, f->fs->inode_size))
		return lose_inode(f, number_at(f, off), at, used);
	if (!used)
		return 0;
	int rc = fsmap_read_hint(f->fs->r, f->raw, f->fs->inode_size, at, "an inode");
	if (rc > 0)
		owners_caution(f->o, "inodes cannot be read");
	return rc ? SV_MIN(rc, 0) : look_at_inode(f, number_at(f, off), f->raw);
}

/* The inodes from this byte of the group on: at once, or where some are lost one by one. */
static int take_chunk(struct xfs_finder *f, uint64_t off, uint16_t holes, uint64_t unused)
{
	size_t size = f->fs->inode_size, len = size * XFS_CHUNK;
	uint64_t at = f->ag.start + off;
	int rc = owners_touch(f->o, at, len)
			 ? FSMAP_IS_WHOLE
			 : fsmap_read_hint(f->fs->r, f->piece, len, at, "inodes");
	bool whole = !rc;
	for (size_t i = 0; rc >= 0 && i < XFS_CHUNK && !owners_stopped(f->o); i++) {
		bool used = !(unused >> i & 1);
		if (holes >> i / HOLE & 1 || (whole && !used))
			continue;
		rc = whole ? look_at_inode(f, number_at(f, off + i * size), f->piece + i * size)
			   : single_inode(f, off + i * size, used);
	}
	return SV_MIN(rc, 0);
}

static int take_record(struct xfs_finder *f, const uint8_t *rec)
{
	uint64_t off = (uint64_t)get_be32(rec + REC_START) * f->fs->inode_size;
	uint64_t len = (uint64_t)XFS_CHUNK * f->fs->inode_size;
	if (off < f->next || !sv_range_ok(off, len, group_bytes(f))) {
		owners_caution(f->o, "the tree of inodes of group %" PRIu32 " is damaged",
			       f->ag.number);
		return 0;
	}
	f->next = off + len;
	return take_chunk(f, off, f->fs->sparse ? get_be16(rec + REC_HOLES) : 0,
			  get_be64(rec + REC_FREE));
}

static int on_leaf(void *arg, const uint8_t *records, uint32_t n)
{
	struct xfs_finder *f = arg;
	int rc = 0;
	for (uint32_t i = 0; !rc && i < n && !owners_stopped(f->o); i++)
		rc = take_record(f, records + (size_t)i * REC_LEN);
	return rc;
}

static int on_block(void *arg, uint64_t at)
{
	struct xfs_finder *f = arg;
	return owners_metadata(f->o, at, f->fs->block_size, "a tree of inodes");
}

/* ---- by looking at every block ---- */

static int note_unused(void *arg, const uint8_t *records, uint32_t n)
{
	struct xfs_finder *f = arg;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t start = get_be32(records + (size_t)i * 8);
		uint32_t len = get_be32(records + (size_t)i * 8 + 4);
		if (len > f->unused_left || !sv_range_ok(start, len, f->ag.blocks))
			continue;
		f->unused_left -= len;
		for (uint32_t b = start; b < start + len; b++)
			f->unused[b / 8] |= (uint8_t)(1u << b % 8);
	}
	return 0;
}

/* What is free has old inodes that are none any more. As far as that can be told. */
static int load_unused(struct xfs_finder *f)
{
	const struct xfs_tree_visit visit = {.arg = f, .leaf = note_unused};
	if (f->unused)
		return 0;
	f->unused_left = f->ag.blocks;
	f->unused = calloc(f->ag.blocks / 8 + 1, 1);
	if (!f->unused)
		return SV_E_NOMEM;
	struct xfs_ag ag = f->ag;
	int rc = xfs_agf_read(f->fs, &ag);
	if (rc || !f->trusted)
		return SV_MIN(rc, 0);
	return xfs_trees_visit(f->fs, &ag, XFS_BY_BLOCK, &visit);
}

/* Without checksums there is nothing but what makes sense. */
static bool is_inode(const struct xfs_finder *f, uint64_t inode, const uint8_t *raw)
{
	uint16_t type = get_be16(raw + XFS_I_MODE) & XFS_MODE_TYPE;
	return get_be16(raw + XFS_I_MAGIC) == XFS_INODE_MAGIC &&
	       (type == XFS_MODE_FILE || type == XFS_MODE_DIR || type == XFS_MODE_LINK) &&
	       raw[XFS_I_FORMAT] >= XFS_FORMAT_LOCAL && raw[XFS_I_FORMAT] <= XFS_FORMAT_BTREE &&
	       xfs_inode_links(raw) && xfs_inode_ok(f->fs, inode, raw);
}

static int find_in(struct xfs_finder *f, const uint8_t *buf, uint64_t off, size_t len)
{
	size_t size = f->fs->inode_size;
	int rc = 0;
	for (size_t i = 0; !rc && i + size <= len; i += size)
		if (off + i >= f->next && is_inode(f, number_at(f, off + i), buf + i))
			rc = xfs_owned_take(f, number_at(f, off + i), buf + i);
	return rc;
}

/* As much as there is at once, else in smaller pieces down to a single inode. */
static int search_bytes(struct xfs_finder *f, uint64_t off, size_t len)
{
	const size_t steps[] = {f->fs->block_size, f->fs->inode_size};
	uint64_t at = f->ag.start + off;
	int rc = owners_touch(f->o, at, len)
			 ? FSMAP_IS_WHOLE
			 : fsmap_read_hint(f->fs->r, f->piece, len, at, "blocks");
	if (rc <= 0)
		return rc ? rc : find_in(f, f->piece, off, len);
	for (size_t k = 0; k < SV_ARRAY(steps); k++) {
		if (len <= steps[k])
			continue;
		rc = 0;
		for (size_t i = 0; !rc && i < len; i += steps[k])
			rc = search_bytes(f, off + i, SV_MIN(len - i, steps[k]));
		return rc;
	}
	return 0;
}

static bool is_unused(const struct xfs_finder *f, uint64_t block)
{
	return f->unused[block / 8] >> block % 8 & 1;
}

/* Blocks of the group; never the headers. */
static int search_blocks(struct xfs_finder *f, uint64_t first, uint64_t end)
{
	uint64_t bs = f->fs->block_size, most = SV_MAX(XFS_PIECE / bs, 1);
	int rc = 0;
	for (uint64_t b = first, n; !rc && b < end && !owners_stopped(f->o); b += n) {
		for (n = 0; n < most && b + n < end && !is_unused(f, b + n);)
			n++;
		if (n)
			rc = search_bytes(f, b * bs, (size_t)(n * bs));
		else
			n = 1;
	}
	return rc;
}

/* Inodes [first, end) of the group; the first block is all headers. */
static int search(void *arg, uint64_t first, uint64_t end)
{
	struct xfs_finder *f = arg;
	uint64_t size = f->fs->inode_size, bs = f->fs->block_size;
	uint64_t stop = SV_MIN(end * size, group_bytes(f));
	uint64_t headers = sv_round_up((uint64_t)XFS_AG_SECTORS * f->fs->sector_size, bs);
	owners_caution(f->o,
		       "the tree of inodes of group %" PRIu32
		       " is lost: files in it were searched for, but some may be missing",
		       f->ag.number);
	f->next = SV_MAX(SV_MAX(first * size, f->next), headers);
	if (f->next >= stop)
		return 0;
	int rc = sv_extents_add(&f->blind, f->ag.start + f->next, stop - f->next);
	if (!rc)
		rc = load_unused(f);
	if (!rc)
		rc = search_blocks(f, f->next / bs, (stop + bs - 1) / bs);
	f->next = stop;
	return rc;
}

int xfs_chunks_walk(struct xfs_finder *f)
{
	const struct xfs_tree_visit visit = {
		.arg = f, .block = on_block, .leaf = on_leaf, .lost = search};
	f->next = 0;
	int rc = xfs_agi_read(f->fs, &f->ag);
	if (rc > 0 || (!rc && !f->ag.levels[XFS_INODES]))
		rc = search(f, 0, 1ull << 32);
	else if (!rc)
		rc = xfs_trees_visit(f->fs, &f->ag, XFS_INODES, &visit);
	free(f->unused);
	f->unused = NULL;
	return rc;
}
