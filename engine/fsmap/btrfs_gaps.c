/* btrfs_gaps.c - Btrfs: which files stood in nodes of which no copy is left */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/btrfs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

#define GAPS_MAX    ((size_t)1 << 16)
#define ENTRIES_MAX ((size_t)1 << 20)

/* Kernel include/uapi/linux/btrfs_tree.h, struct btrfs_dir_item: key of what it names, le64, le16
 * length of data, le16 length of the name, u8 type. */
enum {
	ENTRY_DATA_LEN = 25,
	ENTRY_NAME_LEN = 27,
	ENTRY_HEAD = 30,
};

int btrfs_gaps_add(struct btrfs_search *s, size_t tree, const struct btrfs_span *span)
{
	if (s->n_gaps == GAPS_MAX) {
		owners_caution(s->o, "more of its trees is lost than can be followed");
		return 0;
	}
	if (s->n_gaps == s->gaps_cap) {
		size_t cap = s->gaps_cap ? s->gaps_cap * 2 : 64;
		struct btrfs_gap *v = reallocarray(s->gaps, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		s->gaps = v;
		s->gaps_cap = cap;
	}
	s->gaps[s->n_gaps++] = (struct btrfs_gap){.tree = tree, .span = *span};
	return 0;
}

/* ---- the inodes at both ends ---- */

/* Any more than one inode's own list of extents. */
static bool is_wide(const struct btrfs_gap *g)
{
	return g->span.first.objectid != g->span.end.objectid;
}

static int lose(struct btrfs_search *s, const struct btrfs_gap *g, uint64_t inode,
		enum files_kind kind, uint64_t start, uint64_t span)
{
	struct owners_file file = {.kind = kind};
	if (inode < BTRFS_FIRST_INODE || !btrfs_id(s, g->tree, inode, &file.id))
		return 0;
	return btrfs_claim_node(s, &file, g->span.ref.logical, start, span);
}

/* Extents of the file from the gap's first key on. */
static int lose_extents(struct btrfs_search *s, const struct btrfs_gap *g)
{
	const struct btrfs_key *first = &g->span.first, *end = &g->span.end;
	uint64_t start = first->type == BTRFS_EXTENT_DATA ? first->offset : 0;
	uint64_t stop = !is_wide(g) && end->type == BTRFS_EXTENT_DATA ? end->offset : UINT64_MAX;
	stop = SV_MIN(stop, s->inode.size);
	if (first->type > BTRFS_EXTENT_DATA || start >= stop)
		return 0;
	return lose(s, g, first->objectid, FILES_MAP, start, stop - start);
}

/* The inode whose items begin before the gap, or with it. */
static int lose_first(struct btrfs_search *s, const struct btrfs_gap *g)
{
	const struct btrfs_key *first = &g->span.first;
	if (first->objectid < BTRFS_FIRST_INODE) /* all of the tree */
		return lose(s, g, BTRFS_FIRST_INODE, FILES_RECORD, 0, 0);
	int rc = btrfs_inode_find(s, g->tree, first->objectid);
	if (rc)
		return rc;
	if (first->type == BTRFS_INODE_ITEM || !s->inode.found)
		return lose(s, g, first->objectid, FILES_RECORD, 0, 0);
	if (first->type == BTRFS_XATTR_ITEM)
		rc = lose(s, g, first->objectid, FILES_ATTRS, 0, 0);
	if (rc || !s->inode.folder)
		return rc ? rc : lose_extents(s, g);
	return first->type <= BTRFS_DIR_INDEX ? lose(s, g, first->objectid, FILES_ENTRIES, 0, 0)
					      : 0;
}

/* The one whose items go on behind it: the first of them is its inode. */
static int lose_last(struct btrfs_search *s, const struct btrfs_gap *g)
{
	const struct btrfs_key *end = &g->span.end;
	if (!is_wide(g) || end->objectid > BTRFS_LAST_FREE || end->type <= BTRFS_INODE_ITEM)
		return 0;
	return lose(s, g, end->objectid, FILES_RECORD, 0, 0);
}

/* ---- those between: as far as folders still name them ---- */

static const struct btrfs_gap *gap_of(const struct btrfs_search *s, size_t tree, uint64_t inode)
{
	size_t low = 0, high = s->n_gaps;
	while (low < high) { /* the last that begins at or before the inode */
		size_t mid = low + (high - low) / 2;
		const struct btrfs_gap *g = &s->gaps[mid];
		if (g->tree < tree || (g->tree == tree && g->span.first.objectid <= inode))
			low = mid + 1;
		else
			high = mid;
	}
	const struct btrfs_gap *g = low ? &s->gaps[low - 1] : NULL;
	return g && g->tree == tree && inode <= g->span.end.objectid ? g : NULL;
}

/* A pass over the folders of one tree. */
struct pass {
	struct btrfs_search *s;
	size_t tree;
	struct sv_extents inodes;      /* in a gap of any tree */
	struct btrfs_nodes dull;       /* below these nothing names any of them */
	uint64_t met;		       /* names of them so far */
	uint64_t before[BTRFS_LEVELS]; /* the same when the node of that level was entered */
};

static int add_entry(struct btrfs_search *s, uint64_t id, uint64_t parent, const uint8_t *name,
		     size_t len)
{
	if (s->n_entries == ENTRIES_MAX) {
		owners_caution(s->o, "more files are lost than can be listed");
		return 0;
	}
	if (s->n_entries == s->entries_cap) {
		size_t cap = s->entries_cap ? s->entries_cap * 2 : 64;
		struct btrfs_entry *v = reallocarray(s->entries, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		s->entries = v;
		s->entries_cap = cap;
	}
	struct btrfs_entry e = {id, parent, strndup((const char *)name, len)};
	if (!e.name)
		return SV_E_NOMEM;
	s->entries[s->n_entries++] = e;
	return 0;
}

static int take_name(struct pass *p, uint64_t dir, uint64_t inode, const uint8_t *name, size_t len)
{
	uint64_t id, parent;
	if (!sv_extents_contain(&p->inodes, inode, 1))
		return 0;
	p->met++;
	if (!gap_of(p->s, p->tree, inode) || !btrfs_id(p->s, p->tree, inode, &id) ||
	    !btrfs_id(p->s, p->tree, dir, &parent))
		return 0;
	return add_entry(p->s, id, parent, name, len);
}

/* Names with the same hash share an item. */
static int take_item(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
		     uint32_t len, void *arg)
{
	struct pass *p = arg;
	int rc = 0;
	(void)fs;
	if (key->type != BTRFS_DIR_ITEM && key->type != BTRFS_DIR_INDEX)
		return 0;
	while (!rc && len >= ENTRY_HEAD) {
		struct btrfs_key names;
		uint32_t name = get_le16(data + ENTRY_NAME_LEN);
		uint32_t all = ENTRY_HEAD + name + get_le16(data + ENTRY_DATA_LEN);
		if (all > len)
			break;
		btrfs_key_get(&names, data);
		if (names.type == BTRFS_INODE_ITEM)
			rc = take_name(p, key->objectid, names.objectid, data + ENTRY_HEAD, name);
		data += all;
		len -= all;
	}
	return rc;
}

static int enter(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg, bool *skip)
{
	struct pass *p = arg;
	(void)fs;
	p->before[span->ref.level] = p->met;
	*skip = owners_stopped(p->s->o) || btrfs_nodes_has(p->s, &p->dull, span->ref.logical);
	return 0;
}

static int leave(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg)
{
	struct pass *p = arg;
	(void)fs;
	return p->met == p->before[span->ref.level]
		       ? btrfs_nodes_add(p->s, &p->dull, span->ref.logical)
		       : 0;
}

static int pass_over(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg)
{
	(void)fs;
	(void)span;
	(void)arg;
	return 0;
}

static int read_folders(struct pass *p)
{
	const struct btrfs_visit visit = {.what = "a tree of files",
					  .enter = enter,
					  .leave = leave,
					  .item = take_item,
					  .lost = pass_over,
					  .arg = p};
	struct btrfs_search *s = p->s;
	size_t done = SIZE_MAX;
	int rc = 0;
	for (size_t i = 0; !rc && i < s->n_gaps; i++) {
		p->tree = s->gaps[i].tree;
		if (p->tree != done)
			rc = btrfs_tree_visit(s->fs, &s->roots[p->tree].ref, &visit);
		done = p->tree;
	}
	return rc;
}

static int by_id(const void *pa, const void *pb)
{
	const struct btrfs_entry *a = pa, *b = pb;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return (a->parent > b->parent) - (a->parent < b->parent);
}

size_t btrfs_entry_find(const struct btrfs_search *s, uint64_t id)
{
	size_t low = 0, high = s->n_entries;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->entries[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n_entries && s->entries[low].id == id ? low : s->n_entries;
}

/* All of these inodes' items were in the gap. */
static int lose_between(struct btrfs_search *s)
{
	uint64_t last = 0, inode;
	int rc = 0;
	if (s->n_entries)
		qsort(s->entries, s->n_entries, sizeof(*s->entries), by_id);
	for (size_t i = 0; !rc && i < s->n_entries; i++) {
		uint64_t id = s->entries[i].id;
		const struct btrfs_root *root = btrfs_id_split(s, id, &inode);
		const struct btrfs_gap *g =
			root ? gap_of(s, (size_t)(root - s->roots), inode) : NULL;
		if (id != last && g && inode > g->span.first.objectid &&
		    inode < g->span.end.objectid)
			rc = lose(s, g, inode, FILES_RECORD, 0, 0);
		last = id;
	}
	return rc;
}

static int find_between(struct btrfs_search *s)
{
	struct pass p = {.s = s};
	uint64_t end = 1ull << BTRFS_INODE_BITS;
	int rc = 0;
	for (size_t i = 0; !rc && i < s->n_gaps; i++) {
		uint64_t first = s->gaps[i].span.first.objectid;
		uint64_t last = SV_MIN(s->gaps[i].span.end.objectid, end);
		if (first <= last)
			rc = sv_extents_add(&p.inodes, first, last - first + 1);
	}
	sv_extents_normalise(&p.inodes);
	if (!rc)
		rc = read_folders(&p);
	if (!rc)
		rc = lose_between(s);
	sv_extents_clear(&p.inodes);
	btrfs_nodes_clear(s, &p.dull);
	return rc;
}

int btrfs_gaps_find(struct btrfs_search *s)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < s->n_gaps; i++) {
		rc = lose_first(s, &s->gaps[i]);
		if (!rc)
			rc = lose_last(s, &s->gaps[i]);
		if (is_wide(&s->gaps[i]))
			owners_caution(s->o, "nodes of its trees are lost: which files stood in "
					     "them is known from folders alone");
	}
	return rc || !s->n_gaps ? rc : find_between(s);
}
