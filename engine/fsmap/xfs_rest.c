/* xfs_rest.c - XFS: lost bytes that are no file's: trees, kept blocks, what is free */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

struct rest {
	struct xfs_finder *f;
	struct sv_extents list, left_over; /* what has no owner; and after all other trees */
	bool trusted;			   /* the group's trees are not older than its log */
	const char *what;		   /* of the tree being walked */
	bool gap;			   /* some of it could not be read */
	uint64_t left;			   /* blocks that may still be free */
};

static int on_block(void *arg, uint64_t at)
{
	const struct rest *r = arg;
	return owners_metadata(r->f->o, at, r->f->fs->block_size, r->what);
}

static int on_gap(void *arg, uint64_t first, uint64_t end)
{
	struct rest *r = arg;
	(void)first;
	(void)end;
	r->gap = true;
	return 0;
}

/* Only what of it is asked for. */
static int free_bytes(struct rest *r, uint64_t at, uint64_t len)
{
	size_t i = sv_extents_seek(&r->list, at);
	int rc = 0;
	for (; !rc && i < r->list.n && r->list.v[i].start < at + len; i++) {
		uint64_t start = SV_MAX(r->list.v[i].start, at);
		uint64_t end = SV_MIN(r->list.v[i].start + r->list.v[i].len, at + len);
		rc = owners_free(r->f->o, start, end - start);
	}
	return rc;
}

static int on_free(void *arg, const uint8_t *records, uint32_t n)
{
	struct rest *r = arg;
	const struct xfs_ag *ag = &r->f->ag;
	uint64_t bs = r->f->fs->block_size;
	int rc = 0;
	for (uint32_t i = 0; !rc && i < n; i++) {
		uint32_t start = get_be32(records + (size_t)i * 8);
		uint32_t len = get_be32(records + (size_t)i * 8 + 4);
		if (len > r->left || !sv_range_ok(start, len, ag->blocks))
			continue;
		r->left -= len;
		rc = free_bytes(r, ag->start + start * bs, len * bs);
	}
	return rc;
}

static int on_owners(void *arg, const uint8_t *records, uint32_t n)
{
	const struct rest *r = arg;
	return xfs_rmap_take(r->f, &r->left_over, records, n);
}

/* `leaf`: what to do with its records; NULL: they are not read. */
static int walk(struct rest *r, enum xfs_tree_kind kind, const char *what,
		int (*leaf)(void *arg, const uint8_t *records, uint32_t n))
{
	const struct xfs_tree_visit visit = {
		.arg = r, .block = on_block, .leaf = leaf, .lost = on_gap};
	r->what = what;
	r->gap = false;
	r->left = r->f->ag.blocks;
	return xfs_trees_visit(r->f->fs, &r->f->ag, kind, &visit);
}

static int take_kept(struct rest *r)
{
	struct xfs_finder *f = r->f;
	int rc = xfs_agfl_read(f->fs, &f->ag);
	for (uint32_t i = 0; !rc && i < f->ag.reserve_n; i++)
		rc = owners_metadata(f->o,
				     f->ag.start + (uint64_t)f->ag.reserve[i] * f->fs->block_size,
				     f->fs->block_size, "a block kept for the trees");
	free(f->ag.reserve);
	f->ag.reserve = NULL;
	return SV_MIN(rc, 0);
}

/* The tree by size says the same as the one by place: it is asked where that has a gap. */
static int take_space(struct rest *r)
{
	int rc = walk(r, XFS_BY_BLOCK, "a tree of free space", r->trusted ? on_free : NULL);
	bool gap = r->gap;
	return rc ? rc
		  : walk(r, XFS_BY_COUNT, "a tree of free space",
			 r->trusted && gap ? on_free : NULL);
}

/* Last of all: it knows what the inodes and trees that are lost would say. */
static int take_owners(struct rest *r)
{
	int rc = walk(r, XFS_OWNERS, "a tree of owners", NULL);
	if (!rc && r->trusted)
		rc = owners_rest(r->f->o, &r->left_over);
	if (!rc && r->left_over.n)
		rc = walk(r, XFS_OWNERS, "a tree of owners", on_owners);
	sv_extents_clear(&r->left_over);
	return rc;
}

static int take_group(struct rest *r)
{
	struct xfs_finder *f = r->f;
	r->trusted = f->trusted || (f->fs->touched && !xfs_is_touched(f->fs, f->ag.number));
	int rc = xfs_agi_read(f->fs, &f->ag);
	if (!rc)
		rc = walk(r, XFS_FREE_INODES, "a tree of inodes", NULL);
	if (rc >= 0)
		rc = xfs_agf_read(f->fs, &f->ag);
	if (rc)
		return SV_MIN(rc, 0);
	rc = take_kept(r);
	if (!rc)
		rc = take_space(r);
	if (!rc)
		rc = walk(r, XFS_SHARED, "a tree of shared blocks", NULL);
	return rc || !f->ag.levels[XFS_OWNERS] ? rc : take_owners(r);
}

int xfs_rest_take(struct xfs_finder *f)
{
	struct rest r = {.f = f};
	int rc = owners_rest(f->o, &r.list);
	for (uint32_t ag = 0; !rc && ag < f->fs->ags && !owners_stopped(f->o); ag++) {
		f->ag = xfs_ag_at(f->fs, ag);
		size_t i = sv_extents_seek(&r.list, f->ag.start);
		if (i < r.list.n &&
		    r.list.v[i].start < f->ag.start + (uint64_t)f->ag.blocks * f->fs->block_size)
			rc = take_group(&r);
	}
	sv_extents_clear(&r.list);
	return rc;
}
