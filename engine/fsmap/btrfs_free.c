/* btrfs_free.c - Btrfs: what of the lost areas is free, by chunks and by the extent tree */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/btrfs_files.h"

#include "engine/util/bytes.h"

/* Kernel include/uapi/linux/btrfs_tree.h, struct btrfs_extent_item. */
enum {
	EXTENT_FLAGS = 16,
	EXTENT_LEN = 24,
	FLAG_TREE_BLOCK = 2,
};

#define EXTENT_MAX (128 * SV_MIB) /* no extent is longer: BTRFS_MAX_EXTENT_SIZE */

struct pass {
	struct btrfs_search *s;
	struct sv_extents wanted; /* logical: what has no owner so far */
	bool known;		  /* everything before `at` was looked at */
	uint64_t at;
};

/* ---- outside of chunks ---- */

static int free_outside(struct btrfs_search *s, const struct sv_extents *rest)
{
	struct sv_extents stripes = {0}, gaps = {0}, unused = {0};
	int rc = s->all_chunks ? btrfs_device_stripes(s->fs, &stripes) : FSMAP_IS_WHOLE;
	if (!rc)
		rc = sv_extents_invert(&gaps, &stripes, s->fs->dev_size);
	if (!rc)
		rc = sv_extents_intersect(&unused, rest, &gaps);
	for (size_t i = 0; !rc && i < unused.n; i++)
		rc = owners_free(s->o, unused.v[i].start, unused.v[i].len);
	sv_extents_clear(&stripes);
	sv_extents_clear(&gaps);
	sv_extents_clear(&unused);
	return SV_MIN(rc, 0);
}

/* ---- inside ---- */

static bool is_wanted(const struct pass *p, uint64_t from, uint64_t to)
{
	struct sv_extent part;
	return from < to && sv_extents_next(&p->wanted, &from, to, &part);
}

static int free_wanted(struct pass *p, uint64_t from, uint64_t to)
{
	struct sv_extent part;
	int rc = 0;
	while (!rc && from < to && sv_extents_next(&p->wanted, &from, to, &part))
		rc = btrfs_claim_unused(p->s, part.start, part.len);
	return rc;
}

/* Up to here there is no extent but those that were met. */
static int reach(struct pass *p, uint64_t logical)
{
	int rc = p->known ? free_wanted(p, p->at, logical) : 0;
	p->at = SV_MAX(p->at, logical);
	return rc;
}

/* References follow their extent, perhaps in the next node: it may reach behind this one. */
static bool may_hold(const struct pass *p, const struct btrfs_span *span)
{
	uint64_t end = span->end.objectid;
	bool cut = span->end.type > BTRFS_METADATA_ITEM && span->end.type != BTRFS_BLOCK_GROUP_ITEM;
	if (!sv_add_ok(end, cut ? EXTENT_MAX : 1, &end))
		end = UINT64_MAX;
	return is_wanted(p, span->first.objectid, end);
}

static int enter(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg, bool *skip)
{
	struct pass *p = arg;
	(void)fs;
	int rc = reach(p, span->first.objectid);
	*skip = owners_stopped(p->s->o) || !may_hold(p, span);
	if (*skip)
		p->known = false;
	return rc;
}

static int lost(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg)
{
	struct pass *p = arg;
	(void)fs;
	(void)span;
	p->known = false;
	return 0;
}

/* Content that no file refers to any more is kept because of another part of its extent. */
static int take_extent(struct pass *p, uint64_t start, uint64_t len, bool tree_block)
{
	uint64_t end;
	int rc = reach(p, start);
	if (rc || !sv_add_ok(start, len, &end))
		return rc;
	p->known = true;
	p->at = SV_MAX(p->at, end);
	if (tree_block)
		return btrfs_claim_meta(p->s, start, len, "a tree");
	return p->s->all_files && p->s->all_log ? free_wanted(p, start, end) : 0;
}

static int take_item(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
		     uint32_t len, void *arg)
{
	if (key->type == BTRFS_METADATA_ITEM)
		return take_extent(arg, key->objectid, fs->node_size, true);
	if (key->type != BTRFS_EXTENT_ITEM)
		return 0;
	bool tree_block = len < EXTENT_LEN || get_le64(data + EXTENT_FLAGS) & FLAG_TREE_BLOCK;
	return take_extent(arg, key->objectid, key->offset, tree_block);
}

/* What the log has taken is not in the extent tree. */
static int free_inside(struct pass *p)
{
	struct btrfs_search *s = p->s;
	const struct btrfs_root *root = btrfs_root_find(s, BTRFS_EXTENT_TREE);
	const struct btrfs_visit visit = {.what = "the extent tree",
					  .enter = enter,
					  .item = take_item,
					  .lost = lost,
					  .arg = p};
	if (!root || !s->all_log)
		return 0;
	p->known = true;
	int rc = btrfs_tree_visit(s->fs, &root->ref, &visit);
	return rc || !p->known ? rc : reach(p, UINT64_MAX);
}

/* ---- both ---- */

int btrfs_free_find(struct btrfs_search *s)
{
	struct pass p = {.s = s};
	struct sv_extents rest = {0};
	int rc = owners_rest(s->o, &rest);
	if (!rc)
		rc = free_outside(s, &rest);
	for (size_t i = 0; !rc && i < s->fs->chunks.n; i++)
		for (unsigned int k = 0; !rc && k < s->fs->chunks.v[i].copies; k++)
			rc = btrfs_claim_split(s, &rest, &s->fs->chunks.v[i], k, &p.wanted);
	sv_extents_normalise(&p.wanted);
	if (!rc && p.wanted.n)
		rc = free_inside(&p);
	sv_extents_clear(&rest);
	sv_extents_clear(&p.wanted);
	return rc;
}
