/* apfs_tree.c - APFS: going through a tree, whose nodes are believed only when all in them is right
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/apfs_tree.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

/* Apple File System Reference, btree_node_phys_t. */
enum {
	N_FLAGS = 32,
	N_LEVEL = 34,
	N_COUNT = 36,
	N_TOC = 40, /* where the places of records are, and how many bytes */
	N_TOC_LEN = 42,
	N_DATA = 56,
	FOOTER = 40, /* of a root: btree_info_t */

	IS_ROOT = 1,
	IS_LEAF = 2,
	IS_FIXED = 4,
	FLAGS = IS_ROOT | IS_LEAF | IS_FIXED,

	KEY_TYPE_SHIFT = 60,
	NAME_HASH = 8,
	LONG_KEY = 16, /* with a number of 64 bits */
	FILE_INFO = 13,
};

#define SMALL_BUDGET 4096u /* of nodes with some records */

struct walk {
	const struct apfs_tree *t;
	const struct apfs_visit *v;
	uint64_t budget;		 /* nodes that may still be read */
	uint8_t *nodes[APFS_LEVELS + 1]; /* by depth */
};

/* A node that was read. */
struct node {
	const uint8_t *block;
	uint16_t flags, level;
	uint32_t count, keys, end; /* records; where keys begin, where values end */
};

int apfs_key_compare(const struct apfs_key *a, const struct apfs_key *b)
{
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return (a->number > b->number) - (a->number < b->number);
}

/* Keys of names may be equal but for the name. */
static bool is_named(const struct apfs_key *key)
{
	return key->type == APFS_XATTR || key->type >= APFS_ENTRY;
}

static bool follows(const struct apfs_key *before, const struct apfs_key *key)
{
	int order = apfs_key_compare(before, key);
	return order < 0 || (!order && is_named(key));
}

/* ---- a node ---- */

static bool parse_file_key(const struct apfs_tree *t, struct apfs_record *r)
{
	uint64_t head = get_le64(r->raw);
	r->key = (struct apfs_key){.id = head << 4 >> 4, .type = (uint8_t)(head >> KEY_TYPE_SHIFT)};
	switch (r->key.type) {
	case APFS_SIBLING:
	case APFS_FILE_EXTENT:
	case FILE_INFO:
		r->key.number = r->raw_len == LONG_KEY ? get_le64(r->raw + 8) : 0;
		return r->raw_len == LONG_KEY;
	case APFS_ENTRY:
		if (r->raw_len < NAME_HASH + (t->hashed ? 5 : 3))
			return false;
		r->key.number = t->hashed ? get_le32(r->raw + NAME_HASH) : 0;
		return true;
	case APFS_XATTR:
		return r->raw_len > 10;
	default:
		return r->key.type != 0;
	}
}

static bool parse_key(const struct apfs_tree *t, struct apfs_record *r)
{
	if (!t->fixed_key)
		return r->raw_len >= 8 && parse_file_key(t, r);
	r->key = (struct apfs_key){.id = get_le64(r->raw),
				   .number = r->raw_len == LONG_KEY ? get_le64(r->raw + 8) : 0};
	return true;
}

/* Record i; false: it would lie outside of the node. */
static bool get_record(const struct apfs_tree *t, const struct node *n, uint32_t i,
		       struct apfs_record *r)
{
	const uint8_t *at = n->block + N_DATA + get_le16(n->block + N_TOC);
	uint32_t key, value;
	if (t->fixed_key) {
		at += (size_t)i * 4;
		key = get_le16(at);
		value = get_le16(at + 2);
		r->raw_len = t->fixed_key;
		r->len = n->level ? 8 : t->fixed_value;
	} else {
		at += (size_t)i * 8;
		key = get_le16(at);
		r->raw_len = get_le16(at + 2);
		value = get_le16(at + 4);
		r->len = get_le16(at + 6);
	}
	if (n->keys + key + r->raw_len > n->end || value > n->end - n->keys || r->len > value ||
	    (n->level && r->len != 8))
		return false;
	r->raw = n->block + n->keys + key;
	r->value = n->block + n->end - value;
	return parse_key(t, r);
}

static bool check_head(const struct walk *w, const struct apfs_span *span, struct node *n)
{
	const struct apfs_tree *t = w->t;
	const uint8_t *b = n->block;
	bool root = span->level < 0;
	n->flags = get_le16(b + N_FLAGS);
	n->level = get_le16(b + N_LEVEL);
	n->count = get_le32(b + N_COUNT);
	n->keys = N_DATA + get_le16(b + N_TOC) + get_le16(b + N_TOC_LEN);
	n->end = t->a->block_size - (root ? FOOTER : 0);
	return apfs_is_object(b, t->a->block_size, root ? APFS_TREE : APFS_TREE_NODE) &&
	       get_le64(b + APFS_O_ID) == span->oid && get_le32(b + APFS_O_SUBTYPE) == t->subtype &&
	       get_le64(b + APFS_O_TRANSACTION) <= t->newest && !(n->flags & ~FLAGS) &&
	       root == (bool)(n->flags & IS_ROOT) && !n->level == (bool)(n->flags & IS_LEAF) &&
	       (bool)t->fixed_key == (bool)(n->flags & IS_FIXED) &&
	       (root ? n->level < APFS_LEVELS : n->level == span->level) && n->keys <= n->end &&
	       n->count <= get_le16(b + N_TOC_LEN) / (t->fixed_key ? 4u : 8u);
}

/* Every record is inside, and in order. */
static bool check_node(const struct walk *w, const struct apfs_span *span, struct node *n)
{
	struct apfs_key last = {0};
	struct apfs_record r;
	if (!check_head(w, span, n))
		return false;
	for (uint32_t i = 0; i < n->count; i++) {
		if (!get_record(w->t, n, i, &r) || apfs_key_compare(&span->first, &r.key) > 0 ||
		    !follows(&r.key, &span->end) || (i && !follows(&last, &r.key)))
			return false;
		last = r.key;
	}
	return true;
}

/* ---- the walk ---- */

static int read_node(struct walk *w, const struct apfs_span *span, int depth, struct node *n,
		     bool *ok, bool *damaged)
{
	struct apfs *a = w->t->a;
	uint8_t **buf = &w->nodes[depth];
	*ok = false;
	*damaged = span->block != APFS_NOWHERE && (span->block >= a->blocks || !w->budget);
	if (span->block >= a->blocks || !w->budget)
		return 0;
	w->budget--;
	if (!*buf && !(*buf = malloc(a->block_size)))
		return SV_E_NOMEM;
	int rc = apfs_read_maybe(a, *buf, span->block, w->t->what, ok);
	n->block = *buf;
	*damaged = !rc && *ok && !check_node(w, span, n);
	*ok = *ok && !*damaged;
	return rc;
}

static bool is_all(const struct apfs_visit *v)
{
	return !v->end.id && !v->end.type;
}

static int walk_node(struct walk *w, const struct apfs_span *span, int depth);

static int walk_leaf(struct walk *w, const struct node *n)
{
	const struct apfs_visit *v = w->v;
	struct apfs_record r;
	int rc = 0;
	for (uint32_t i = 0; !rc && i < n->count; i++) {
		get_record(w->t, n, i, &r);
		if (is_all(v) || (apfs_key_compare(&r.key, &v->first) >= 0 &&
				  apfs_key_compare(&r.key, &v->end) < 0))
			rc = v->record(v->arg, &r);
	}
	return rc;
}

/* The child that record i of an index points to. */
static struct apfs_span get_child(struct walk *w, const struct node *n, uint32_t i,
				  const struct apfs_span *above)
{
	struct apfs_record r, next;
	struct apfs_span s = {.level = n->level - 1, .end = above->end};
	get_record(w->t, n, i, &r);
	s.first = r.key;
	if (i + 1 < n->count && get_record(w->t, n, i + 1, &next))
		s.end = next.key;
	s.oid = get_le64(r.value);
	s.block = w->t->map ? apfs_omap_find(w->t->map, s.oid) : s.oid;
	return s;
}

static int walk_index(struct walk *w, const struct apfs_span *span, const struct node *n, int depth)
{
	const struct apfs_visit *v = w->v;
	int rc = 0;
	for (uint32_t i = 0; !rc && i < n->count; i++) {
		struct apfs_span s = get_child(w, n, i, span);
		if (is_all(v) || (apfs_key_compare(&s.end, &v->first) >= 0 &&
				  apfs_key_compare(&s.first, &v->end) < 0))
			rc = walk_node(w, &s, depth + 1);
	}
	return rc;
}

static int walk_node(struct walk *w, const struct apfs_span *span, int depth)
{
	const struct apfs_visit *v = w->v;
	bool skip = false, ok, damaged;
	struct node n;
	int rc = v->enter && span->block != APFS_NOWHERE ? v->enter(v->arg, span, &skip) : 0;
	if (rc || skip)
		return rc;
	rc = read_node(w, span, depth, &n, &ok, &damaged);
	if (rc)
		return rc;
	if (!ok)
		return v->lost ? v->lost(v->arg, span, damaged) : 0;
	return n.level ? walk_index(w, span, &n, depth) : walk_leaf(w, &n);
}

/* An object map has each node once, and in other trees no key comes twice; but keys of names may.
 */
int apfs_tree_visit(const struct apfs_tree *t, const struct apfs_visit *v)
{
	struct walk w = {.t = t, .v = v, .budget = t->map ? t->map->n : t->a->blocks};
	struct apfs_span root = {.oid = t->root, .level = -1};
	if (!is_all(v) || t->subtype == APFS_SNAPSHOTS)
		w.budget = SV_MIN(w.budget, SMALL_BUDGET);
	root.block = t->map ? apfs_omap_find(t->map, t->root) : t->root;
	root.end = (struct apfs_key){UINT64_MAX, UINT8_MAX, UINT64_MAX};
	int rc = walk_node(&w, &root, 0);
	for (size_t i = 0; i < SV_ARRAY(w.nodes); i++)
		free(w.nodes[i]);
	return rc;
}
