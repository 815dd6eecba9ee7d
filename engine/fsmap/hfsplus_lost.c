/* hfsplus_lost.c - HFS+: whose notes stood in the parts of the trees that are lost? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/hfsplus_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

#define IDS_MAX ((size_t)1 << 22) /* 16 MiB of them */

/* ---- numbers ---- */

int hfsplus_ids_add(struct hfsplus_ids *ids, uint32_t id)
{
	if (ids->n == IDS_MAX)
		return 0;
	if (ids->n == ids->cap) {
		size_t cap = ids->cap ? ids->cap * 2 : 1024;
		uint32_t *v = reallocarray(ids->v, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		ids->v = v;
		ids->cap = cap;
	}
	ids->v[ids->n++] = id;
	return 0;
}

static int by_number(const void *pa, const void *pb)
{
	const uint32_t *a = pa, *b = pb;
	return (*a > *b) - (*a < *b);
}

void hfsplus_ids_sort(struct hfsplus_ids *ids)
{
	if (ids->n)
		qsort(ids->v, ids->n, sizeof(*ids->v), by_number);
}

bool hfsplus_ids_hold(const struct hfsplus_ids *ids, uint32_t id)
{
	return ids->n && bsearch(&id, ids->v, ids->n, sizeof(id), by_number);
}

/* What is only in the first of two lists stays there. */
static void subtract(struct hfsplus_ids *ids, const struct hfsplus_ids *others)
{
	size_t out = 0, k = 0;
	for (size_t i = 0; i < ids->n; i++) {
		while (k < others->n && others->v[k] < ids->v[i])
			k++;
		if (k == others->n || others->v[k] != ids->v[i])
			ids->v[out++] = ids->v[i];
	}
	ids->n = out;
}

/* ---- records of the catalog ---- */

/* TN1150 has a table of letters that differ in case alone; here that is known of the Latin ones.
 * Where it matters, a record is looked for in the leaf beside its own, and is not said to be lost.
 */
static uint32_t fold(const struct hfsplus_name *name, uint32_t i, bool exact)
{
	uint32_t c = get_be16(name->text + 2 * i);
	if (exact)
		return c;
	return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c ? c : UINT16_MAX;
}

struct wanted {
	struct hfsplus_name name;
	bool exact;
};

static int compare_names(const void *key, const uint8_t *record)
{
	const struct wanted *w = key;
	struct hfsplus_name name;
	if (!hfsplus_name_of(record, get_be16(record), &name))
		return 1;
	if (name.parent != w->name.parent)
		return name.parent > w->name.parent ? 1 : -1;
	for (uint32_t i = 0; i < name.chars && i < w->name.chars; i++) {
		uint32_t a = fold(&name, i, w->exact), b = fold(&w->name, i, w->exact);
		if (a != b)
			return a > b ? 1 : -1;
	}
	return (name.chars > w->name.chars) - (name.chars < w->name.chars);
}

/* Of a folder only what is said of itself is lost: what is in it has its number. */
static int see_thread(void *arg, const uint8_t *record, uint32_t key, const uint8_t *data,
		      uint32_t len)
{
	struct hfsplus_finder *f = arg;
	struct hfsplus_name name;
	struct wanted w = {.exact = f->catalog.tree.exact};
	unsigned int kind = len < 2 ? 0 : get_be16(data);
	bool folder = kind == HFSPLUS_C_FOLDER_THREAD, hit = false;
	uint32_t leaf;
	if ((kind != HFSPLUS_C_FILE_THREAD && !folder) || !hfsplus_name_of(record, key, &name) ||
	    !hfsplus_thread_name(data, len, &w.name) || !hfsplus_ids_hold(&f->threads, name.parent))
		return 0;
	struct owners_file file = {.id = name.parent, .kind = folder ? FILES_ATTRS : FILES_RECORD};
	int rc = hfsplus_nodes_seek(&f->catalog, compare_names, &w, &leaf);
	if (!rc && leaf)
		rc = hfsplus_nodes_lose(&f->catalog, leaf, &file, 0, 0, &hit);
	return rc;
}

int hfsplus_lost_find(struct hfsplus_finder *f)
{
	if (f->records.n == IDS_MAX || f->threads.n == IDS_MAX)
		return 0; /* the caution on the catalog stands */
	hfsplus_ids_sort(&f->records);
	hfsplus_ids_sort(&f->threads);
	subtract(&f->threads, &f->records);
	return f->threads.n ? hfsplus_nodes_walk(&f->catalog, see_thread, f) : 0;
}

/* ---- attributes ---- */

static int compare_attributes(const void *key, const uint8_t *record)
{
	const uint32_t *id = key;
	uint32_t other = get_be16(record) < 12 ? UINT32_MAX : get_be32(record + 4);
	return other > *id ? 1 : -1;
}

int hfsplus_lost_attributes(struct hfsplus_finder *f, uint32_t id)
{
	const struct owners_file file = {.id = id, .kind = FILES_ATTRS};
	uint32_t leaf;
	bool hit;
	if (!f->attributes.hit || f->attributed.n == IDS_MAX ||
	    hfsplus_ids_hold(&f->attributed, id))
		return 0;
	int rc = hfsplus_nodes_seek(&f->attributes, compare_attributes, &id, &leaf);
	return rc || !leaf ? rc : hfsplus_nodes_lose(&f->attributes, leaf, &file, 0, 0, &hit);
}

/* ---- the extents file ---- */

static int compare_pieces(const void *key, const uint8_t *record)
{
	const struct hfsplus_piece *p = key;
	if (get_be16(record) != HFSPLUS_X_KEY)
		return 1;
	uint32_t id = get_be32(record + HFSPLUS_X_FILE), first = get_be32(record + HFSPLUS_X_START);
	if (id != p->id)
		return id > p->id ? 1 : -1;
	if (record[HFSPLUS_X_FORK] != p->fork)
		return record[HFSPLUS_X_FORK] > p->fork ? 1 : -1;
	return (first > p->first) - (first < p->first);
}

int hfsplus_lost_map(struct hfsplus_finder *f, const struct hfsplus_piece *hole,
		     const struct owners_file *file, uint64_t size)
{
	const struct owners_file map = {.id = file->id, .kind = FILES_MAP, .stream = file->stream};
	uint64_t start = (uint64_t)hole->first * f->h->block_size;
	uint64_t end = start + (uint64_t)hole->count * f->h->block_size;
	uint32_t leaf;
	bool hit;
	start = SV_MIN(start, size);
	end = SV_MIN(end, size);
	int rc = hfsplus_nodes_seek(&f->extents, compare_pieces, hole, &leaf);
	return rc || !leaf ? rc
			   : hfsplus_nodes_lose(&f->extents, leaf, &map, start, end - start, &hit);
}
