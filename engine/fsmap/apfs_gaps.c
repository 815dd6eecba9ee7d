/* apfs_gaps.c - APFS: which files stood in nodes that are lost */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/apfs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

#define GAPS_MAX    ((size_t)1 << 16)
#define ENTRIES_MAX ((size_t)1 << 18)

/* Apple File System Reference, j_drec_hashed_key_t, j_drec_key_t, j_drec_val_t. */
enum {
	NAME_LEN = 8,
	HASHED_NAME = 12,
	PLAIN_NAME = 10,
	HASHED_LEN_MASK = 0x3ff,
	FILE_ID = 0,
	VALUE_SIZE = 18,
};

int apfs_gaps_add(struct apfs_search *s, const struct apfs_span *span)
{
	owners_caution(s->o, "nodes of its trees are lost: which files stood in them is known "
			     "from folders alone");
	if (s->n_gaps == GAPS_MAX)
		return 0;
	if (s->n_gaps == s->gaps_cap) {
		size_t cap = s->gaps_cap ? s->gaps_cap * 2 : 64;
		struct apfs_gap *v = reallocarray(s->gaps, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		s->gaps = v;
		s->gaps_cap = cap;
	}
	s->gaps[s->n_gaps++] = (struct apfs_gap){.view = s->current, .span = *span};
	return 0;
}

static bool starts_behind(const struct apfs_gap *g, size_t view, const struct apfs_key *key)
{
	return g->view != view ? g->view > view : apfs_key_compare(&g->span.first, key) > 0;
}

const struct apfs_gap *apfs_gap_of(const struct apfs_search *s, const struct apfs_key *key)
{
	size_t low = 0, high = s->n_gaps;
	while (low < high) { /* the last that begins at or before the key */
		size_t mid = low + (high - low) / 2;
		if (starts_behind(&s->gaps[mid], s->current, key))
			high = mid;
		else
			low = mid + 1;
	}
	const struct apfs_gap *g = low ? &s->gaps[low - 1] : NULL;
	return g && g->view == s->current && apfs_key_compare(key, &g->span.end) < 0 ? g : NULL;
}

int apfs_gap_lose(struct apfs_search *s, const struct apfs_gap *g, const struct owners_file *file,
		  uint64_t start, uint64_t span)
{
	uint64_t size = s->a.block_size;
	if (g->span.block >= s->a.blocks || !apfs_wants(s, g->span.block, 1))
		return 0;
	return owners_lose(s->o, file, g->span.block * size, size, start, span);
}

/* ---- content ---- */

/* The list of a stream's extents goes on in a gap: one whose begin is left. */
int apfs_gaps_streams(struct apfs_search *s)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < s->n_gaps; i++) {
		const struct apfs_span *g = &s->gaps[i].span;
		bool within = g->end.id == g->first.id && g->end.type == APFS_FILE_EXTENT;
		uint64_t stop = within ? g->end.number : UINT64_MAX;
		if (s->gaps[i].view != s->current || g->first.type != APFS_FILE_EXTENT ||
		    !g->first.number || g->block >= s->a.blocks)
			continue;
		rc = apfs_hit_add(s, &(struct apfs_hit){.stream = g->first.id,
							.kind = FILES_MAP,
							.start = g->first.number,
							.len = stop - g->first.number,
							.at = g->block * s->a.block_size,
							.at_len = s->a.block_size});
	}
	return rc;
}

/* ---- names ---- */

static int add_entry(struct apfs_search *s, const struct apfs_entry *entry)
{
	if (s->n_entries == ENTRIES_MAX) {
		owners_caution(s->o, "more files are lost than can be listed");
		return 0;
	}
	if (s->n_entries == s->entries_cap) {
		size_t cap = s->entries_cap ? s->entries_cap * 2 : 64;
		struct apfs_entry *v = reallocarray(s->entries, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		s->entries = v;
		s->entries_cap = cap;
	}
	s->entries[s->n_entries++] = *entry;
	return 0;
}

int apfs_gaps_name(struct apfs_search *s, const struct apfs_record *r)
{
	bool hashed = apfs_view_tree(s).hashed;
	size_t from = hashed ? HASHED_NAME : PLAIN_NAME, len = get_le16(r->raw + NAME_LEN);
	struct apfs_key inode = {.type = APFS_INODE};
	struct apfs_entry e;
	if (r->len < VALUE_SIZE)
		return 0;
	inode.id = get_le64(r->value + FILE_ID);
	len = SV_MIN(hashed ? len & HASHED_LEN_MASK : len, r->raw_len - from);
	if (!apfs_gap_of(s, &inode) || !apfs_id(s->current, inode.id, &e.id) ||
	    !apfs_id(s->current, r->key.id, &e.parent))
		return 0;
	e.name = strndup((const char *)r->raw + from, len);
	int rc = e.name ? add_entry(s, &e) : SV_E_NOMEM;
	if (rc || !s->n_entries || s->entries[s->n_entries - 1].name != e.name)
		free(e.name);
	return rc;
}

/* ---- files ---- */

static int lose(struct apfs_search *s, const struct apfs_gap *g, uint64_t inode,
		enum files_kind kind)
{
	struct owners_file file = {.kind = kind};
	return apfs_id(s->current, inode, &file.id) ? apfs_gap_lose(s, g, &file, 0, 0) : 0;
}

/* Whether it goes on to where a folder has its names. */
static bool reaches_entries(const struct apfs_span *g)
{
	return g->end.id != g->first.id || g->end.type >= APFS_ENTRY;
}

/* The inode whose records begin before the gap, or with it. */
static int lose_first(struct apfs_search *s, const struct apfs_gap *g)
{
	const struct apfs_key *first = &g->span.first;
	struct apfs_inode inode;
	if (g->span.level < 0) /* all of the tree */
		return lose(s, g, APFS_ROOT_DIR, FILES_RECORD);
	if (first->type == APFS_INODE)
		return lose(s, g, first->id, FILES_RECORD);
	if (first->type == APFS_ENTRY)
		return first->id < APFS_ROOT_DIR ? 0 : lose(s, g, first->id, FILES_ENTRIES);
	if (first->type != APFS_XATTR)
		return 0;
	int rc = lose(s, g, first->id, FILES_ATTRS);
	if (!rc && reaches_entries(&g->span))
		rc = apfs_inode_find(s, first->id, &inode);
	else
		return rc;
	return rc || !inode.folder ? rc : lose(s, g, first->id, FILES_ENTRIES);
}

/* The one whose records go on behind it: where these are an inode's, that was in it. */
static int lose_last(struct apfs_search *s, const struct apfs_gap *g)
{
	const struct apfs_key *end = &g->span.end;
	bool inodes = end->type == APFS_XATTR || end->type == APFS_SIBLING ||
		      (end->type == APFS_ENTRY && end->id >= APFS_ROOT_DIR);
	if (end->id == g->span.first.id || !inodes)
		return 0;
	return lose(s, g, end->id, FILES_RECORD);
}

/* What lose_first() and lose_last() have told. */
static bool is_told(const struct apfs_gap *g, uint64_t inode)
{
	const struct apfs_key *first = &g->span.first, *end = &g->span.end;
	if (g->span.level < 0 && inode == APFS_ROOT_DIR)
		return true;
	return (inode == first->id && first->type == APFS_INODE) ||
	       (inode == end->id &&
		(end->type == APFS_XATTR || end->type == APFS_SIBLING || end->type == APFS_ENTRY));
}

/* Those between: as far as folders still name them. */
static int lose_named(struct apfs_search *s)
{
	uint64_t last = 0;
	int rc = 0;
	for (size_t i = 0; !rc && i < s->n_entries; i++) {
		struct apfs_key key = {.type = APFS_INODE};
		const struct apfs_entry *e = &s->entries[i];
		if (apfs_id_split(e->id, &key.id) != s->current || e->id == last)
			continue;
		const struct apfs_gap *g = apfs_gap_of(s, &key);
		if (g && !is_told(g, key.id))
			rc = lose(s, g, key.id, FILES_RECORD);
		last = e->id;
	}
	return rc;
}

static int by_id(const void *pa, const void *pb)
{
	const struct apfs_entry *a = pa, *b = pb;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return (a->parent > b->parent) - (a->parent < b->parent);
}

int apfs_gaps_find(struct apfs_search *s)
{
	int rc = 0;
	if (s->n_entries)
		qsort(s->entries, s->n_entries, sizeof(*s->entries), by_id);
	for (size_t i = 0; !rc && i < s->n_gaps; i++) {
		const struct apfs_gap *g = &s->gaps[i];
		if (g->view != s->current)
			continue;
		rc = lose_first(s, g);
		if (!rc)
			rc = lose_last(s, g);
	}
	return rc ? rc : lose_named(s);
}
