/* xfs_names.c - XFS: the names of files that were hit, from the folders */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

static bool is_dots(const struct xfs_dir_entry *entry)
{
	return entry->len == 2 && entry->name[0] == '.' && entry->name[1] == '.';
}

/* ---- inodes that only a folder knows ---- */

struct lost {
	struct xfs_finder *f;
	struct names_dirs found; /* each once; no folders need be among them */
};

/* It stood where no tree tells of inodes, and its bytes are lost. */
static int note_lost(void *arg, const struct xfs_dir_entry *entry)
{
	struct lost *l = arg;
	uint64_t at, size = l->f->fs->inode_size;
	if (is_dots(entry) || !xfs_inode_place(l->f->fs, entry->inode, &at) ||
	    !sv_extents_contain(&l->f->blind, at, size) || !owners_touch(l->f->o, at, size))
		return 0;
	return names_dirs_add(&l->found, entry->inode);
}

static int claim_lost(struct lost *l)
{
	uint64_t at, size = l->f->fs->inode_size;
	int rc = 0;
	names_dirs_sort(&l->found);
	for (size_t i = 0; !rc && i < l->found.n; i++) {
		struct owners_file file = {.id = l->found.ids[i], .kind = FILES_RECORD};
		if (xfs_inode_place(l->f->fs, file.id, &at))
			rc = owners_lose(l->f->o, &file, at, size, 0, 0);
	}
	return rc;
}

int xfs_names_lost(struct xfs_finder *f)
{
	struct lost l = {.f = f};
	struct xfs_dir dir = {
		.fs = f->fs, .o = f->o, .budget = &f->budget, .arg = &l, .entry = note_lost};
	sv_extents_normalise(&f->blind);
	names_dirs_sort(&f->dirs);
	if (!f->blind.n)
		return 0;
	int rc = xfs_dir_open(&dir);
	for (size_t i = 0; !rc && i < f->dirs.n && !owners_stopped(f->o); i++)
		rc = xfs_dir_read(&dir, f->dirs.ids[i]);
	if (!rc)
		rc = claim_lost(&l);
	names_dirs_clear(&l.found);
	xfs_dir_close(&dir);
	return rc;
}

/* ---- names ---- */

struct namer {
	struct xfs_finder *f;
	struct names *names;
	struct xfs_dir dir;
};

/* The root is above itself: copies of the superblock do not always name it. */
static int take_entry(void *arg, const struct xfs_dir_entry *entry)
{
	struct namer *n = arg;
	if (!is_dots(entry))
		return names_entry(n->names, entry->inode, entry->name, entry->len, entry->folder);
	if (entry->inode == n->dir.inode && !names_dirs_hold(&n->f->dirs, n->names->root))
		n->names->root = entry->inode;
	return 0;
}

static int read_dir(void *arg, struct names *names, uint64_t dir)
{
	struct namer *n = arg;
	n->names = names;
	return xfs_dir_read(&n->dir, dir);
}

static void restart(void *arg)
{
	struct namer *n = arg;
	n->f->budget = n->f->fs->blocks;
}

static int find_size(void *arg, uint64_t id, uint64_t *size)
{
	struct namer *n = arg;
	int rc = xfs_inode_load(n->f->fs, id, n->dir.raw);
	*size = rc ? 0 : get_be64(n->dir.raw + XFS_I_SIZE);
	return SV_MIN(rc, 0);
}

int xfs_names_find(struct xfs_finder *f)
{
	struct namer n = {.f = f, .dir = {.fs = f->fs, .o = f->o, .budget = &f->budget}};
	struct names names = {.o = f->o,
			      .dirs = &f->dirs,
			      .root = f->root,
			      .arg = &n,
			      .restart = restart,
			      .read = read_dir,
			      .size = find_size};
	n.dir.arg = &n;
	n.dir.entry = take_entry;
	int rc = xfs_dir_open(&n.dir);
	if (!rc)
		rc = names_find(&names);
	xfs_dir_close(&n.dir);
	return rc;
}
