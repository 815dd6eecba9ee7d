/* apfs_names.c - APFS: the names of files that were hit, from their own records */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/apfs_files.h"

#include "engine/util/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Apple File System Reference, j_sibling_val_t. */
enum {
	PARENT = 0,
	NAME_LEN = 8,
	NAME = 10,
};

#define TOP 0 /* the folder in which the volumes are */

struct namer {
	struct apfs_search *s;
	struct owners_links links;
	struct folders folders;
};

/* ---- ids ---- */

bool apfs_id(size_t view, uint64_t inode, uint64_t *id)
{
	uint64_t marked = inode & APFS_MARK ? APFS_MARKED : 0;
	inode &= ~APFS_MARK;
	*id = (uint64_t)view << APFS_VIEW_BITS | marked | inode;
	return inode < APFS_MARKED;
}

size_t apfs_id_split(uint64_t id, uint64_t *inode)
{
	uint64_t number = id & ((1ull << APFS_VIEW_BITS) - 1);
	*inode = number & APFS_MARKED ? (number & ~APFS_MARKED) | APFS_MARK : number;
	return (size_t)(id >> APFS_VIEW_BITS);
}

/* ---- an inode's records ---- */

/* A name as it is met: in the folder of that id. */
typedef int name_fn(void *arg, uint64_t parent, const char *name, size_t len);

struct reading {
	struct apfs_search *s;
	struct apfs_inode inode;
	bool linked; /* it has records of its names */
	name_fn *name;
	void *arg;
};

static int take_link(struct reading *r, const struct apfs_record *record)
{
	const uint8_t *v = record->value;
	uint64_t parent;
	if (record->len < NAME || get_le16(v + NAME_LEN) > record->len - NAME || !r->name ||
	    !apfs_id(r->s->current, get_le64(v + PARENT), &parent))
		return 0;
	r->linked = true;
	return r->name(r->arg, parent, (const char *)v + NAME,
		       strnlen((const char *)v + NAME, get_le16(v + NAME_LEN)));
}

static int take_record(void *arg, const struct apfs_record *record)
{
	struct reading *r = arg;
	if (record->key.type == APFS_SIBLING)
		return take_link(r, record);
	if (record->key.type == APFS_INODE)
		apfs_inode_parse(record, &r->inode);
	return 0;
}

static int read_inode(struct reading *r, uint64_t number)
{
	const struct apfs_tree t = apfs_view_tree(r->s);
	const struct apfs_visit v = {.record = take_record,
				     .arg = r,
				     .first = {.id = number, .type = APFS_INODE},
				     .end = {.id = number, .type = APFS_SIBLING + 1}};
	return apfs_tree_visit(&t, &v);
}

int apfs_inode_find(struct apfs_search *s, uint64_t number, struct apfs_inode *inode)
{
	struct reading r = {.s = s};
	int rc = read_inode(&r, number);
	*inode = r.inode;
	return rc;
}

/* From folders, where these records are lost. */
static int read_entries(struct apfs_search *s, uint64_t id, name_fn *name, void *arg)
{
	size_t low = 0, high = s->n_entries;
	int rc = 0;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->entries[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	for (; !rc && low < s->n_entries && s->entries[low].id == id; low++)
		rc = name(arg, s->entries[low].parent, s->entries[low].name,
			  strlen(s->entries[low].name));
	return rc;
}

/* A volume is a folder of its name, a snapshot one of both names. */
static int name_volume(struct apfs_search *s, size_t view, name_fn *name, void *arg)
{
	const struct apfs_view *v = &s->views[view];
	char text[600];
	const char *of = s->volumes[v->volume].name;
	snprintf(text, sizeof(text), v->snapshot ? "%s@%.255s" : "%s", *of ? of : "Untitled",
		 v->snapshot);
	return name(arg, TOP, text, strlen(text));
}

/* All names of what has this id; *inode: what else is known of it. */
static int read_names(struct apfs_search *s, uint64_t id, name_fn *name, void *arg,
		      struct apfs_inode *inode)
{
	struct reading r = {.s = s, .name = name, .arg = arg};
	uint64_t number, parent;
	size_t view = apfs_id_split(id, &number);
	if (view >= s->n_views)
		return 0;
	int rc = apfs_view_open(s, view);
	if (!rc)
		rc = read_inode(&r, number);
	*inode = r.inode;
	if (!rc && number <= APFS_ROOT_DIR)
		return name_volume(s, view, name, arg);
	if (!rc && !r.linked && r.inode.found && *r.inode.name &&
	    apfs_id(view, r.inode.parent, &parent))
		rc = name(arg, parent, r.inode.name, strlen(r.inode.name));
	return rc ? rc : read_entries(s, id, name, arg);
}

/* ---- files ---- */

struct one {
	struct namer *n;
	size_t file;
};

static int add_name(void *arg, uint64_t parent, const char *name, size_t len)
{
	struct one *one = arg;
	return links_add(&one->n->links, one->file, parent, name, len);
}

static int name_file(struct namer *n, size_t i)
{
	struct one one = {n, i};
	struct apfs_inode inode = {0};
	int rc = read_names(n->s, owners_id(n->s->o, i), add_name, &one, &inode);
	owners_describe(n->s->o, i, inode.shown, inode.folder);
	return rc;
}

/* ---- folders above ---- */

struct place {
	uint64_t parent;
	char *name;
};

static int take_place(void *arg, uint64_t parent, const char *name, size_t len)
{
	struct place *p = arg;
	if (p->name)
		return 0;
	p->parent = parent;
	p->name = strndup(name, len);
	return p->name ? 0 : SV_E_NOMEM;
}

static int find_folder(void *arg, uint64_t id, uint64_t *parent, char **name)
{
	struct namer *n = arg;
	struct apfs_inode inode;
	struct place p = {0};
	int rc = read_names(n->s, id, take_place, &p, &inode);
	*parent = p.parent;
	*name = p.name;
	return rc;
}

int apfs_names_find(struct apfs_search *s)
{
	struct namer n = {.s = s, .folders = {.root = TOP}};
	int rc = 0;
	for (size_t i = 0; !rc && i < owners_count(s->o) && !owners_stopped(s->o); i++)
		rc = name_file(&n, i);
	if (!rc)
		rc = links_climb(&n.links, &n.folders, find_folder, &n);
	if (!rc)
		rc = links_name(&n.links, &n.folders, s->o);
	links_clear(&n.links);
	folders_clear(&n.folders);
	return rc;
}
