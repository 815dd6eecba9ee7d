/* apfs_volumes.c - APFS: the volumes of a container and their snapshots, and what is theirs */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/apfs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

#define VIEWS_MAX 4096u

/* Apple File System Reference, apfs_superblock_t. */
enum {
	V_MAGIC = 32,
	V_FEATURES = 56, /* incompatible ones */
	V_ROOT_TYPE = 116,
	V_OMAP = 128,
	V_ROOT = 136,
	V_EXTENTS = 144,
	V_SNAPSHOTS = 152,
	V_FLAGS = 264,
	V_NAME = 704,
	V_SEALED_EXTENTS = 1032,

	MAGIC = 0x42535041, /* "APSB" */
	CASE_INSENSITIVE = 0x1,
	NORMALIZED = 0x8,
	SEALED = 0x20,
	KNOWN = 0x3f,
	UNENCRYPTED = 0x1, /* of V_FLAGS */
	MAX_VOLUMES = 100,

	/* j_snap_metadata_val_t */
	S_EXTENTS = 0,
	S_SUPER = 8,
	S_NAME_LEN = 48,
	S_NAME = 50,

	/* j_phys_ext_val_t, and fext_tree_val_t: the length is first */
	E_LEN = 0,
	E_SIZE = 20,
	SEALED_BLOCK = 8,
	SEALED_KEY = 16,
};

#define EXTENT_LEN	(~0ull >> 4)
#define FILE_EXTENT_LEN (~0ull >> 8)

/* ---- superblocks of volumes ---- */

static const char *judge(const struct apfs_volume *v)
{
	if (!(v->flags & UNENCRYPTED))
		return "it is encrypted (FileVault)";
	if (v->features & SEALED)
		return "it is a sealed system volume";
	if (v->features & ~(uint64_t)KNOWN)
		return "it uses features unknown to this search";
	return v->root_type == APFS_TREE ? NULL : "its tree of files is of an unknown kind";
}

static void parse_volume(struct apfs_volume *v, const uint8_t *b)
{
	v->features = get_le64(b + V_FEATURES);
	v->root_type = get_le32(b + V_ROOT_TYPE);
	v->omap = get_le64(b + V_OMAP);
	v->root = get_le64(b + V_ROOT);
	v->extents = get_le64(b + V_EXTENTS);
	v->snapshots = get_le64(b + V_SNAPSHOTS);
	v->flags = get_le64(b + V_FLAGS);
	v->sealed_extents = v->features & SEALED ? get_le64(b + V_SEALED_EXTENTS) : 0;
	memcpy(v->name, b + V_NAME, sizeof(v->name) - 1);
	for (char *slash = v->name; (slash = strchr(slash, '/'));)
		*slash = ':';
	v->untold = judge(v);
}

/* a->block becomes it where that is true. */
static int read_super(struct apfs_search *s, uint64_t oid, uint64_t block, bool *ok)
{
	struct apfs *a = &s->a;
	*ok = false;
	if (block >= a->blocks)
		return 0;
	int rc = apfs_claim(s, block, 1, "a volume's superblock");
	if (!rc)
		rc = apfs_read_maybe(a, a->block, block, "a volume's superblock", ok);
	*ok = !rc && *ok && apfs_is_object(a->block, a->block_size, APFS_VOLUME) &&
	      get_le64(a->block + APFS_O_ID) == oid &&
	      get_le64(a->block + APFS_O_TRANSACTION) <= a->transaction &&
	      get_le32(a->block + V_MAGIC) == MAGIC;
	return rc;
}

static int add_view(struct apfs_search *s, const struct apfs_view *view)
{
	if (s->n_views == VIEWS_MAX)
		return s->o ? fsmap_doubt(s->a.r, "more snapshots than can be looked into") : 0;
	if (s->n_views == s->views_cap) {
		size_t cap = s->views_cap ? s->views_cap * 2 : 16;
		struct apfs_view *v = reallocarray(s->views, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		s->views = v;
		s->views_cap = cap;
	}
	s->views[s->n_views++] = *view;
	return 0;
}

static int take_volume(struct apfs_search *s, uint64_t oid, uint64_t block)
{
	struct apfs_volume *v = &s->volumes[s->n_volumes];
	bool ok;
	int rc = read_super(s, oid, block, &ok);
	if (rc)
		return rc;
	if (!ok)
		return apfs_doubt(
			s, &(struct apfs_span){.block = block},
			"the superblock of a volume is lost: the names of its files are, too");
	parse_volume(v, s->a.block);
	const struct apfs_view view = {.volume = s->n_volumes++,
				       .transaction = s->a.transaction,
				       .root = v->root,
				       .extents = v->extents};
	return add_view(s, &view);
}

/* ---- object maps ---- */

static int enter_container(void *arg, const struct apfs_span *span, bool *skip)
{
	(void)skip;
	return apfs_claim(arg, span->block, 1, "the container's object map");
}

static int enter_map(void *arg, const struct apfs_span *span, bool *skip)
{
	(void)skip;
	return apfs_claim(arg, span->block, 1, "an object map");
}

static int lost_map(void *arg, const struct apfs_span *span, bool damaged)
{
	struct apfs_search *s = arg;
	return apfs_doubt(s, span, "an object map is %s: files may be missing",
			  damaged ? "damaged" : "lost in part");
}

static int load_volumes(struct apfs_search *s)
{
	const uint8_t *oids = s->a.super + APFS_S_VOLUMES;
	s->map.transaction = s->a.transaction;
	s->map.enter = enter_container;
	s->map.lost = lost_map;
	s->map.arg = s;
	s->volumes = calloc(MAX_VOLUMES, sizeof(*s->volumes));
	int rc = s->volumes ? apfs_omap_load(&s->a, &s->map, get_le64(s->a.super + APFS_S_OMAP))
			    : SV_E_NOMEM;
	for (size_t i = 0; !rc && i < MAX_VOLUMES; i++) {
		uint64_t oid = get_le64(oids + i * 8);
		if (oid)
			rc = take_volume(s, oid, apfs_omap_find(&s->map, oid));
	}
	s->map.enter = enter_map;
	return rc;
}

int apfs_view_open(struct apfs_search *s, size_t view)
{
	const struct apfs_view *v = &s->views[view];
	if (s->current == view)
		return 0;
	s->current = view;
	s->map.transaction = v->transaction;
	int rc = apfs_omap_load(&s->a, &s->map, s->volumes[v->volume].omap);
	if (s->map.full && s->o)
		owners_caution(s->o, "it has more files than can be looked into");
	return rc;
}

struct apfs_tree apfs_view_tree(struct apfs_search *s)
{
	const struct apfs_view *v = &s->views[s->current];
	uint64_t features = s->volumes[v->volume].features;
	return (struct apfs_tree){.a = &s->a,
				  .what = "a tree of files",
				  .subtype = APFS_FILES,
				  .hashed = features & (CASE_INSENSITIVE | NORMALIZED),
				  .map = &s->map,
				  .root = v->root,
				  .newest = v->transaction};
}

/* ---- snapshots ---- */

struct snapshots {
	struct apfs_search *s;
	size_t volume;
};

/* A snapshot has a copy of the superblock. */
static int take_snapshot(void *arg, const struct apfs_record *r)
{
	struct snapshots *w = arg;
	struct apfs_search *s = w->s;
	struct apfs_view view = {.volume = w->volume, .transaction = r->key.id};
	bool ok;
	if (r->key.type != APFS_SNAP_METADATA || r->len < S_NAME ||
	    get_le16(r->value + S_NAME_LEN) > r->len - S_NAME)
		return 0;
	uint64_t super = get_le64(r->value + S_SUPER);
	int rc = read_super(s, super, super, &ok);
	if (rc)
		return rc;
	view.root = ok ? get_le64(s->a.block + V_ROOT) : s->volumes[w->volume].root;
	view.extents = get_le64(r->value + S_EXTENTS);
	view.snapshot = strndup((const char *)r->value + S_NAME, get_le16(r->value + S_NAME_LEN));
	rc = view.snapshot ? add_view(s, &view) : SV_E_NOMEM;
	if (!s->n_views || s->views[s->n_views - 1].snapshot != view.snapshot)
		free(view.snapshot);
	return rc;
}

static int enter_snapshots(void *arg, const struct apfs_span *span, bool *skip)
{
	struct snapshots *w = arg;
	(void)skip;
	return apfs_claim(w->s, span->block, 1, "a list of snapshots");
}

static int lost_snapshots(void *arg, const struct apfs_span *span, bool damaged)
{
	struct snapshots *w = arg;
	return apfs_doubt(w->s, span,
			  "a list of snapshots is %s: what only they have may be missing",
			  damaged ? "damaged" : "lost");
}

int apfs_volumes_find(struct apfs_search *s)
{
	int rc = load_volumes(s);
	for (size_t i = 0; !rc && i < s->n_volumes; i++) {
		struct snapshots w = {.s = s, .volume = i};
		const struct apfs_visit v = {.record = take_snapshot,
					     .enter = enter_snapshots,
					     .lost = lost_snapshots,
					     .arg = &w};
		const struct apfs_tree t = {.a = &s->a,
					    .what = "a list of snapshots",
					    .subtype = APFS_SNAPSHOTS,
					    .root = s->volumes[i].snapshots,
					    .newest = s->a.transaction};
		rc = t.root ? apfs_tree_visit(&t, &v) : 0;
	}
	return rc;
}

/* ---- what is in use ---- */

struct extents {
	struct apfs_search *s;
	bool sealed;		 /* how its records look */
	bool keep;		 /* gather what was lost of them */
	struct sv_extents where; /* bytes */
};

static int take_extent(void *arg, const struct apfs_record *r)
{
	struct extents *e = arg;
	struct apfs *a = &e->s->a;
	uint64_t at = r->key.id, n;
	if (!e->sealed && r->len < E_SIZE)
		return 0;
	n = get_le64(r->value + E_LEN) & EXTENT_LEN;
	if (e->sealed) {
		at = get_le64(r->value + SEALED_BLOCK);
		n = (n & FILE_EXTENT_LEN) / a->block_size;
	}
	if (!at || !sv_range_ok(at, n, a->blocks) || !apfs_is_asked(e->s, at, n))
		return 0;
	int rc = apfs_use(e->s, at, n);
	if (!rc && e->keep)
		rc = sv_extents_add(&e->where, at * a->block_size, n * a->block_size);
	return SV_MIN(rc, 0);
}

static int enter_extents(void *arg, const struct apfs_span *span, bool *skip)
{
	struct extents *e = arg;
	(void)skip;
	return apfs_claim(e->s, span->block, 1, "a tree of extents");
}

static int lost_extents(void *arg, const struct apfs_span *span, bool damaged)
{
	struct extents *e = arg;
	(void)damaged;
	return e->s->o ? 0 : apfs_doubt(e->s, span, "a tree of extents is damaged");
}

static int walk_extents(struct extents *e, uint64_t root, bool sealed)
{
	const struct apfs_visit v = {
		.record = take_extent, .enter = enter_extents, .lost = lost_extents, .arg = e};
	const struct apfs_tree t = {.a = &e->s->a,
				    .what = "a tree of extents",
				    .subtype = sealed ? APFS_SEALED_EXTENTS : APFS_EXTENTS,
				    .fixed_key = sealed ? SEALED_KEY : 0,
				    .fixed_value = sealed ? SEALED_KEY : 0,
				    .root = root,
				    .newest = e->s->a.transaction};
	e->sealed = sealed;
	return root ? apfs_tree_visit(&t, &v) : 0;
}

/* Of what cannot be looked into the blocks are known all the same. */
static int take_nodes(struct apfs_search *s, size_t view)
{
	int rc = apfs_view_open(s, view);
	for (size_t i = 0; !rc && i < s->map.n; i++)
		rc = apfs_claim(s, s->map.v[i].block, 1, "a tree of files");
	return rc;
}

int apfs_volumes_rest(struct apfs_search *s)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < s->n_volumes; i++) {
		const struct apfs_volume *v = &s->volumes[i];
		struct extents e = {.s = s, .keep = v->untold};
		for (size_t k = 0; !rc && k < s->n_views; k++) {
			if (s->views[k].volume != i)
				continue;
			rc = walk_extents(&e, s->views[k].extents, false);
			if (!rc && (v->untold || !s->o))
				rc = take_nodes(s, k);
		}
		if (!rc && s->o)
			rc = walk_extents(&e, v->sealed_extents, true);
		sv_extents_normalise(&e.where);
		if (!rc && s->o && v->untold)
			rc = owners_untold(s->o, v->name, &e.where, v->untold);
		sv_extents_clear(&e.where);
	}
	return rc;
}
