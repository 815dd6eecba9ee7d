/* btrfs_files.c - Btrfs: all trees once, and who owns the bytes that were lost */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/btrfs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

#define ROOTS_MAX ((size_t)1 << 20)

/* Kernel fs/btrfs/fs.h, BTRFS_DEVICE_RANGE_RESERVED. */
#define RESERVED SV_MIB

static const char *tree_name(uint64_t id)
{
	static const char *const names[] = {NULL,
					    "the root tree",
					    "the extent tree",
					    "the chunk tree",
					    "the device tree",
					    NULL,
					    NULL,
					    "the checksum tree",
					    "the quota tree",
					    "the UUID tree",
					    "the free space tree",
					    "the tree of block groups"};
	return id < SV_ARRAY(names) && names[id] ? names[id] : "a tree of its own";
}

/* ---- trees without files ---- */

struct walk {
	struct btrfs_search *s;
	uint64_t id;
	const char *what;
};

/* Only where nodes lie is asked, and the nodes above tell that. */
static int enter_other(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg, bool *skip)
{
	struct walk *w = arg;
	*skip = owners_stopped(w->s->o) || !span->ref.level;
	if (w->id == BTRFS_CSUM_TREE && btrfs_is_gone(w->s, span->ref.logical, fs->node_size))
		owners_caution(w->s->o, "checksums are lost: Linux refuses to read what they were "
					"of, though it may be whole");
	return btrfs_claim_meta(w->s, span->ref.logical, fs->node_size, w->what);
}

static int take_nothing(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
			uint32_t len, void *arg)
{
	(void)fs;
	(void)key;
	(void)data;
	(void)len;
	(void)arg;
	return 0;
}

static int lost_other(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg)
{
	(void)fs;
	(void)span;
	(void)arg;
	return 0;
}

static int walk_other(struct btrfs_search *s, uint64_t id, const struct btrfs_ref *ref)
{
	struct walk w = {.s = s, .id = id, .what = tree_name(id)};
	const struct btrfs_visit visit = {.what = w.what,
					  .enter = enter_other,
					  .item = take_nothing,
					  .lost = lost_other,
					  .arg = &w};
	return btrfs_tree_visit(s->fs, ref, &visit);
}

/* ---- the root tree ---- */

static int add_root(struct btrfs_search *s, const struct btrfs_root *root)
{
	if (s->n_roots == ROOTS_MAX) {
		s->all_files = false;
		owners_caution(s->o, "more subvolumes than can be looked into");
		return 0;
	}
	if (s->n_roots == s->roots_cap) {
		size_t cap = s->roots_cap ? s->roots_cap * 2 : 64;
		struct btrfs_root *v = reallocarray(s->roots, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		s->roots = v;
		s->roots_cap = cap;
	}
	s->roots[s->n_roots++] = *root;
	return 0;
}

/* A subvolume that is being deleted has no files any more. */
static int take_root(struct btrfs_search *s, const struct btrfs_key *key, const uint8_t *data,
		     uint32_t len)
{
	struct btrfs_root root = {.id = key->objectid};
	bool alive;
	int rc = btrfs_root_item(s->fs, data, len, &root.ref, &alive);
	if (rc > 0) {
		s->all_files = false;
		owners_caution(s->o, "the root of a tree is damaged");
	}
	if (rc || (btrfs_is_file_tree(root.id) && !alive))
		return SV_MIN(rc, 0);
	return add_root(s, &root);
}

/* The free space cache of older systems is kept in files of the root tree. */
static int take_cache(struct btrfs_search *s, const uint8_t *data, uint32_t len)
{
	uint64_t end;
	if (len < BTRFS_FILE_LEN || data[BTRFS_FILE_TYPE] == BTRFS_FILE_INLINE ||
	    !sv_add_ok(get_le64(data + BTRFS_FILE_DISK_BYTENR),
		       get_le64(data + BTRFS_FILE_DISK_LEN), &end))
		return 0;
	return btrfs_claim_meta(s, get_le64(data + BTRFS_FILE_DISK_BYTENR),
				get_le64(data + BTRFS_FILE_DISK_LEN), "the free space cache");
}

static int take_root_item(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
			  uint32_t len, void *arg)
{
	struct walk *w = arg;
	(void)fs;
	if (key->type == BTRFS_EXTENT_DATA)
		return take_cache(w->s, data, len);
	return key->type == BTRFS_ROOT_ITEM ? take_root(w->s, key, data, len) : 0;
}

static int enter_root(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg, bool *skip)
{
	struct walk *w = arg;
	(void)skip;
	return btrfs_claim_meta(w->s, span->ref.logical, fs->node_size, w->what);
}

static int lost_root(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg)
{
	struct walk *w = arg;
	(void)fs;
	(void)span;
	w->s->all_files = false;
	owners_caution(w->s->o, "roots of its trees are lost: subvolumes may be missing");
	return 0;
}

static int walk_roots(struct btrfs_search *s)
{
	struct walk w = {.s = s, .id = BTRFS_ROOT_TREE, .what = tree_name(BTRFS_ROOT_TREE)};
	const struct btrfs_visit visit = {.what = w.what,
					  .enter = enter_root,
					  .item = take_root_item,
					  .lost = lost_root,
					  .arg = &w};
	return btrfs_tree_visit(s->fs, &s->fs->root, &visit);
}

/* ---- the log ---- */

static void lose_log(struct btrfs_search *s)
{
	s->all_files = s->all_log = false;
	owners_caution(s->o, "what was written last, in its log, is lost in part");
}

static int take_log_item(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
			 uint32_t len, void *arg)
{
	struct walk *w = arg;
	struct btrfs_root *root = btrfs_root_find(w->s, key->offset);
	struct btrfs_ref ref = {0};
	bool alive;
	int rc = key->type == BTRFS_ROOT_ITEM && key->objectid == BTRFS_LOG_TREE && root
			 ? btrfs_root_item(fs, data, len, &ref, &alive)
			 : FSMAP_IS_WHOLE;
	if (rc > 0)
		lose_log(w->s);
	else if (!rc)
		root->log = ref;
	return SV_MIN(rc, 0);
}

static int lost_log(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg)
{
	struct walk *w = arg;
	(void)fs;
	(void)span;
	lose_log(w->s);
	return 0;
}

static int walk_log(struct btrfs_search *s)
{
	struct walk w = {.s = s, .what = "the log"};
	const struct btrfs_visit visit = {.what = w.what,
					  .enter = enter_root,
					  .item = take_log_item,
					  .lost = lost_log,
					  .arg = &w};
	if (!s->fs->log_root.logical)
		return 0;
	int rc = btrfs_tree_visit(s->fs, &s->fs->log_root, &visit);
	owners_caution(s->o, "it was not shut down cleanly: names may be those before its log");
	return rc;
}

/* ---- the filesystem ---- */

static int claim_fixed(struct btrfs_search *s)
{
	uint64_t reserved = SV_MIN(RESERVED, s->fs->dev_size), at;
	int rc = 0;
	for (size_t i = 0; !rc && i < BTRFS_SUPERS; i++) {
		at = btrfs_super_at(s->fs, i);
		if (at)
			rc = owners_metadata(s->o, at, BTRFS_SUPER_SIZE, "a superblock");
	}
	return rc ? rc : owners_metadata(s->o, 0, reserved, "room for a boot loader");
}

static int walk_trees(struct btrfs_search *s)
{
	int rc = walk_other(s, BTRFS_CHUNK_TREE, &s->fs->chunk_root);
	if (!rc)
		rc = walk_roots(s);
	if (!rc)
		rc = walk_log(s);
	for (size_t i = 0; !rc && i < s->n_roots && !owners_stopped(s->o); i++)
		rc = btrfs_is_file_tree(s->roots[i].id)
			     ? btrfs_content_find(s, i)
			     : walk_other(s, s->roots[i].id, &s->roots[i].ref);
	if (!rc)
		rc = btrfs_gaps_find(s);
	return rc ? rc : btrfs_claim_spare(s);
}

static int prepare(struct btrfs_search *s)
{
	struct btrfs_fs *fs = s->fs;
	fs->stitch = true;
	int rc = btrfs_super_search(fs);
	if (!rc)
		rc = btrfs_cache_open(fs);
	if (!rc)
		rc = btrfs_chunks_search(fs, &s->all_chunks);
	if (rc)
		return rc;
	/* keys bound each walk; there may be many, and items are looked up one by one */
	fs->node_budget = UINT64_MAX;
	s->all_files = s->all_log = true;
	if (!s->all_chunks)
		owners_caution(s->o, "the chunk tree is lost in part: owners may be missing");
	if (!fs->alone)
		owners_caution(s->o, "it is one of several disks of a Btrfs: the others may have "
				     "what is lost here, and what tells of it");
	return btrfs_claim_open(s);
}

static int find_owners(struct btrfs_search *s)
{
	int rc = prepare(s);
	if (!rc)
		rc = claim_fixed(s);
	if (!rc)
		rc = walk_trees(s);
	if (!rc)
		rc = btrfs_free_find(s);
	if (!rc)
		rc = owners_seal(s->o);
	return rc ? rc : btrfs_names_find(s);
}

int btrfs_files_find(struct fsmap_reader *r, struct owners *o)
{
	struct btrfs_search s = {.fs = btrfs_open(r), .o = o};
	int rc = s.fs ? find_owners(&s) : SV_E_NOMEM;
	for (size_t i = 0; i < s.n_entries; i++)
		free(s.entries[i].name);
	free(s.entries);
	free(s.gaps);
	free(s.roots);
	if (s.fs)
		btrfs_nodes_clear(&s, &s.clean);
	btrfs_claim_close(&s);
	btrfs_close(s.fs);
	return rc;
}
