/* btrfs_names.c - Btrfs: the names of files that were hit, from their own items */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/btrfs_files.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Kernel include/uapi/linux/btrfs_tree.h: struct btrfs_inode_ref {le64 index, le16 length},
 * btrfs_inode_extref {le64 folder, le64 index, le16 length}, btrfs_root_ref {le64 folder, le64
 * sequence, le16 length}; the name follows. */
enum {
	REF_NAME_LEN = 8,
	REF_NAME = 10,
	FAR_NAME_LEN = 16,
	FAR_NAME = 18,
};

#define ROOT_ID BTRFS_FIRST_INODE /* of the volume's own root folder */

struct namer {
	struct btrfs_search *s;
	struct owners_links links;
	struct folders folders;
};

/* A name as it is met: of inode number `inode` of the tree, in a folder of the same tree. */
typedef int name_fn(void *arg, uint64_t parent, const uint8_t *name, size_t len);

struct reading {
	struct btrfs_search *s;
	size_t tree;
	name_fn *name;
	void *arg;
};

/* ---- names in an inode's items ---- */

static int take_one(const struct reading *r, uint64_t folder, const uint8_t *name, size_t len)
{
	uint64_t parent;
	return btrfs_id(r->s, r->tree, folder, &parent) ? r->name(r->arg, parent, name, len) : 0;
}

static int take_refs(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
		     uint32_t len, void *arg)
{
	bool far = key->type == BTRFS_INODE_EXTREF;
	uint32_t head = far ? FAR_NAME : REF_NAME, all;
	int rc = 0;
	(void)fs;
	if (!far && key->type != BTRFS_INODE_REF)
		return 0;
	for (; !rc && len >= head; data += all, len -= all) {
		uint32_t name = get_le16(data + (far ? FAR_NAME_LEN : REF_NAME_LEN));
		all = head + name;
		if (all > len)
			break;
		rc = take_one(arg, far ? get_le64(data) : key->offset, data + head, name);
	}
	return rc;
}

static int read_refs(struct btrfs_search *s, size_t tree, uint64_t inode, name_fn *name, void *arg)
{
	struct reading r = {.s = s, .tree = tree, .name = name, .arg = arg};
	const struct btrfs_range range = {.first = {inode, BTRFS_INODE_REF, 0},
					  .end = {inode, BTRFS_INODE_EXTREF + 1, 0},
					  .item = take_refs,
					  .arg = &r};
	int rc = btrfs_range_visit(s, &s->roots[tree].ref, &range);
	return rc ? rc : btrfs_range_visit(s, &s->roots[tree].log, &range);
}

/* The same from folders, where these items are lost. */
static int read_entries(struct btrfs_search *s, uint64_t id, name_fn *name, void *arg)
{
	int rc = 0;
	for (size_t i = btrfs_entry_find(s, id); !rc && i < s->n_entries && s->entries[i].id == id;
	     i++)
		rc = name(arg, s->entries[i].parent, (const uint8_t *)s->entries[i].name,
			  strlen(s->entries[i].name));
	return rc;
}

/* ---- names of subvolumes ---- */

struct above {
	struct btrfs_search *s;
	name_fn *name;
	void *arg;
};

static int take_backref(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
			uint32_t len, void *arg)
{
	struct above *a = arg;
	const struct btrfs_root *root = btrfs_root_find(a->s, key->offset);
	uint64_t parent;
	(void)fs;
	if (len < FAR_NAME || get_le16(data + FAR_NAME_LEN) > len - FAR_NAME || !root ||
	    !btrfs_id(a->s, (size_t)(root - a->s->roots), get_le64(data), &parent))
		return 0;
	return a->name(a->arg, parent, data + FAR_NAME, get_le16(data + FAR_NAME_LEN));
}

static int read_backrefs(struct btrfs_search *s, uint64_t subvolume, name_fn *name, void *arg)
{
	struct above a = {.s = s, .name = name, .arg = arg};
	const struct btrfs_range range = {.first = {subvolume, BTRFS_ROOT_BACKREF, 0},
					  .end = {subvolume, BTRFS_ROOT_BACKREF + 1, 0},
					  .item = take_backref,
					  .arg = &a};
	return btrfs_range_visit(s, &s->fs->root, &range);
}

/* All names of what has this id. */
static int read_names(struct btrfs_search *s, uint64_t id, name_fn *name, void *arg)
{
	uint64_t inode;
	const struct btrfs_root *root = btrfs_id_split(s, id, &inode);
	if (!root)
		return 0;
	if (inode == BTRFS_FIRST_INODE)
		return read_backrefs(s, root->id, name, arg);
	int rc = read_refs(s, (size_t)(root - s->roots), inode, name, arg);
	return rc ? rc : read_entries(s, id, name, arg);
}

/* ---- files ---- */

struct one {
	struct namer *n;
	size_t file;
};

static int take_link(void *arg, uint64_t parent, const uint8_t *name, size_t len)
{
	struct one *one = arg;
	return links_add(&one->n->links, one->file, parent, (const char *)name, len);
}

static int name_file(struct namer *n, size_t i)
{
	struct btrfs_search *s = n->s;
	struct one one = {n, i};
	uint64_t inode, id = owners_id(s->o, i);
	const struct btrfs_root *root = btrfs_id_split(s, id, &inode);
	if (!root)
		return 0;
	int rc = btrfs_inode_find(s, (size_t)(root - s->roots), inode);
	if (rc)
		return rc;
	owners_describe(s->o, i, s->inode.size, s->inode.folder);
	return id == ROOT_ID ? links_add(&n->links, i, ROOT_ID, "", 0)
			     : read_names(s, id, take_link, &one);
}

/* ---- folders above ---- */

struct place {
	uint64_t parent;
	char *name;
};

static int take_place(void *arg, uint64_t parent, const uint8_t *name, size_t len)
{
	struct place *p = arg;
	if (p->name)
		return 0;
	p->parent = parent;
	p->name = strndup((const char *)name, len);
	return p->name ? 0 : SV_E_NOMEM;
}

static int find_folder(void *arg, uint64_t id, uint64_t *parent, char **name)
{
	struct namer *n = arg;
	struct place p = {0};
	int rc = read_names(n->s, id, take_place, &p);
	*parent = p.parent;
	*name = p.name;
	return rc;
}

int btrfs_names_find(struct btrfs_search *s)
{
	struct namer n = {.s = s, .folders = {.root = ROOT_ID}};
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
