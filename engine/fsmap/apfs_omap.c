/* apfs_omap.c - APFS: where virtual objects are at one moment */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/apfs_tree.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

#define PLACES_MAX ((size_t)3 << 19) /* 24 MiB: nodes of some million files */

/* Apple File System Reference, omap_phys_t, omap_val_t. */
enum {
	M_TREE = 48,
	V_FLAGS = 0,
	V_SIZE = 4,
	V_BLOCK = 8,
	DELETED = 1,
	ENCRYPTED = 4,
	KEY_SIZE = 16,
	VALUE_SIZE = 16,
};

struct load {
	struct apfs *a;
	struct apfs_omap *m;
};

static int add_place(struct apfs_omap *m, uint64_t oid, uint64_t block)
{
	if (m->n && m->v[m->n - 1].oid == oid) {
		m->v[m->n - 1].block = block;
		return 0;
	}
	m->full = m->full || m->n == PLACES_MAX;
	if (m->full)
		return 0;
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap + m->cap / 2 : 256;
		struct apfs_place *v = reallocarray(m->v, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		m->v = v;
		m->cap = cap;
	}
	m->v[m->n++] = (struct apfs_place){oid, block};
	return 0;
}

/* Transactions of one object ascend: the last that is old enough counts. */
static int take_record(void *arg, const struct apfs_record *r)
{
	struct load *l = arg;
	uint32_t flags = get_le32(r->value + V_FLAGS);
	uint64_t block = get_le64(r->value + V_BLOCK);
	if (r->key.number > l->m->transaction)
		return 0;
	if (flags & DELETED || get_le32(r->value + V_SIZE) != l->a->block_size)
		block = APFS_NOWHERE;
	if (flags & ENCRYPTED)
		l->m->encrypted = true;
	return add_place(l->m, r->key.id, block);
}

static int enter(void *arg, const struct apfs_span *span, bool *skip)
{
	struct load *l = arg;
	return l->m->enter ? l->m->enter(l->m->arg, span, skip) : 0;
}

static int lost(void *arg, const struct apfs_span *span, bool damaged)
{
	struct load *l = arg;
	return l->m->lost ? l->m->lost(l->m->arg, span, damaged) : 0;
}

/* The block that names the tree. */
static int read_head(struct load *l, uint64_t block, uint64_t *root)
{
	struct apfs *a = l->a;
	struct apfs_span head = {.oid = block, .block = block, .level = -1};
	bool skip = false, ok = false;
	int rc = enter(l, &head, &skip);
	if (!rc && block < a->blocks)
		rc = apfs_read_maybe(a, a->block, block, "an object map", &ok);
	if (rc)
		return rc;
	*root = get_le64(a->block + M_TREE);
	if (ok && apfs_is_object(a->block, a->block_size, APFS_OMAP) &&
	    get_le64(a->block + APFS_O_ID) == block)
		return 0;
	*root = APFS_NOWHERE;
	return lost(l, &head, ok || block >= a->blocks);
}

int apfs_omap_load(struct apfs *a, struct apfs_omap *m, uint64_t block)
{
	struct load l = {.a = a, .m = m};
	struct apfs_tree t = {.a = a,
			      .what = "an object map",
			      .subtype = APFS_OMAP,
			      .fixed_key = KEY_SIZE,
			      .fixed_value = VALUE_SIZE,
			      .newest = a->transaction};
	const struct apfs_visit v = {
		.record = take_record, .enter = enter, .lost = lost, .arg = &l};
	m->n = 0;
	m->encrypted = m->full = false;
	int rc = read_head(&l, block, &t.root);
	return rc || t.root == APFS_NOWHERE ? rc : apfs_tree_visit(&t, &v);
}

uint64_t apfs_omap_find(const struct apfs_omap *m, uint64_t oid)
{
	size_t low = 0, high = m->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (m->v[mid].oid < oid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < m->n && m->v[low].oid == oid ? m->v[low].block : APFS_NOWHERE;
}

void apfs_omap_clear(struct apfs_omap *m)
{
	free(m->v);
	m->v = NULL;
	m->n = m->cap = 0;
}
