/* f2fs_names.c - F2FS: the names of files that were hit: from the folders their inodes name, or all
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs_files.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * An inode names the folder it is in (i_pino) and the name it has there, for recovery; but after it
 * was linked, or put in the place of another one, these are of before. So the folder is only where
 * to look first, and names are those of folders: where they are less than a file has, all folders
 * are read.
 */

#define DEPTH_MAX 1024

struct namer {
	struct f2fs_finder *f;
	struct names *names;
	struct f2fs_dir dir;
	struct names_dirs dirs;
	struct names_dirs met; /* of them, that a folder lists */
	uint32_t *found;       /* names of each file that was hit */
	bool all;
};

/* ---- where to look ---- */

/* A folder and all above it. */
static int add_folders(struct namer *n, uint32_t id)
{
	int rc = 0;
	for (int depth = 0; !rc && depth < DEPTH_MAX; depth++) {
		rc = names_dirs_add(&n->dirs, id);
		if (rc || id == n->f->f.root)
			break;
		rc = f2fs_inode_load(n->f, id, &n->f->inode);
		if (!rc)
			id = get_le32(n->f->inode.raw + F2FS_I_PARENT);
	}
	return SV_MIN(rc, 0);
}

static int add_candidates(struct namer *n)
{
	uint32_t last = 0;
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < owners_count(n->f->o); i++) {
		uint32_t id = (uint32_t)owners_id(n->f->o, i);
		rc = f2fs_inode_load(n->f, id, &n->f->inode);
		if (rc)
			continue;
		uint32_t parent = get_le32(n->f->inode.raw + F2FS_I_PARENT);
		if (f2fs_type(&n->f->inode) == F2FS_MODE_DIR)
			rc = names_dirs_add(&n->dirs, id);
		if (!rc && id != n->f->f.root && parent != last)
			rc = add_folders(n, parent);
		last = parent;
	}
	names_dirs_sort(&n->dirs);
	return SV_MIN(rc, 0);
}

/* ---- whether that is enough ---- */

static int count_entry(void *arg, uint32_t inode, const char *name, size_t len, bool folder)
{
	struct namer *n = arg;
	size_t file = owners_find(n->f->o, inode);
	(void)name;
	(void)len;
	(void)folder;
	if (file != SIZE_MAX)
		n->found[file]++;
	return names_dirs_hold(&n->dirs, inode) ? names_dirs_add(&n->met, inode) : 0;
}

static int read_candidates(struct namer *n)
{
	int rc = 0;
	n->dir.entry = count_entry;
	for (size_t i = 0; !rc && i < n->dirs.n && !owners_stopped(n->f->o); i++)
		rc = f2fs_dir_read(&n->dir, (uint32_t)n->dirs.ids[i]);
	names_dirs_sort(&n->met);
	return rc;
}

/* One that is missing is explained where its folder lost entries, and it was never elsewhere. */
static int is_missing(struct namer *n, size_t i, bool *missing)
{
	const uint8_t *raw = n->f->inode.raw;
	uint32_t id = (uint32_t)owners_id(n->f->o, i);
	*missing = !n->found[i];
	if (id == n->f->f.root)
		return *missing = false, 0;
	int rc = f2fs_inode_load(n->f, id, &n->f->inode);
	if (rc)
		return SV_MIN(rc, 0);
	if (f2fs_type(&n->f->inode) != F2FS_MODE_DIR)
		*missing = n->found[i] < get_le32(raw + F2FS_I_LINKS);
	if (get_le32(raw + F2FS_I_LINKS) == 1 && !(raw[F2FS_I_ADVISE] & F2FS_ADVISE_LOST_PARENT) &&
	    owners_find(n->f->o, get_le32(raw + F2FS_I_PARENT)) != SIZE_MAX)
		*missing = false;
	return 0;
}

static int judge(struct namer *n)
{
	int rc = 0;
	for (size_t i = 0; !rc && !n->all && i < owners_count(n->f->o); i++)
		rc = is_missing(n, i, &n->all);
	for (size_t i = 0; !n->all && i < n->dirs.n; i++)
		n->all =
			n->dirs.ids[i] != n->f->f.root && !names_dirs_hold(&n->met, n->dirs.ids[i]);
	return rc;
}

/* ---- all folders ---- */

static int add_folder(struct f2fs_finder *f, uint32_t id, const struct f2fs_entry *entry, void *arg)
{
	struct namer *n = arg;
	if (owners_stopped(f->o))
		return 1;
	if (entry->inode != id)
		return 0;
	int rc = f2fs_node_read(f, id, entry, &f->node);
	if (rc || f2fs_type(&f->node) != F2FS_MODE_DIR)
		return SV_MIN(rc, 0);
	return names_dirs_add(&n->dirs, id);
}

static int choose_folders(struct namer *n)
{
	int rc = add_candidates(n);
	n->found = calloc(owners_count(n->f->o) + 1, sizeof(*n->found));
	if (!n->found)
		return SV_E_NOMEM;
	if (!rc)
		rc = read_candidates(n);
	if (!rc)
		rc = judge(n);
	if (!rc && n->all)
		rc = f2fs_nat_walk(n->f, add_folder, n);
	names_dirs_sort(&n->dirs);
	return rc;
}

/* ---- names ---- */

/* What is encrypted is told by its number. */
static int name_entry(void *arg, uint32_t inode, const char *name, size_t len, bool folder)
{
	struct namer *n = arg;
	char number[16];
	if (name)
		return names_entry(n->names, inode, name, len, folder);
	int chars = snprintf(number, sizeof(number), "?%" PRIu32, inode);
	return names_entry(n->names, inode, number, (size_t)chars, folder);
}

static int read_dir(void *arg, struct names *names, uint64_t dir)
{
	struct namer *n = arg;
	n->names = names;
	return f2fs_dir_read(&n->dir, (uint32_t)dir);
}

static void restart(void *arg)
{
	struct namer *n = arg;
	n->f->budget = f2fs_blocks(&n->f->f.main);
}

static int find_size(void *arg, uint64_t id, uint64_t *size)
{
	struct namer *n = arg;
	int rc = f2fs_inode_load(n->f, (uint32_t)id, &n->f->inode);
	*size = rc ? 0 : get_le64(n->f->inode.raw + F2FS_I_SIZE);
	return SV_MIN(rc, 0);
}

static int find(struct namer *n)
{
	struct names names = {.o = n->f->o,
			      .dirs = &n->dirs,
			      .root = n->f->f.root,
			      .arg = n,
			      .restart = restart,
			      .read = read_dir,
			      .size = find_size};
	restart(n);
	int rc = choose_folders(n);
	n->dir.entry = name_entry;
	return rc ? rc : names_find(&names);
}

int f2fs_names_find(struct f2fs_finder *f)
{
	struct namer *n = calloc(1, sizeof(*n));
	if (!n)
		return SV_E_NOMEM;
	n->f = f;
	n->dir.f = f;
	n->dir.arg = n;
	int rc = owners_count(f->o) ? find(n) : 0;
	names_dirs_clear(&n->dirs);
	names_dirs_clear(&n->met);
	free(n->found);
	free(n);
	return rc;
}
