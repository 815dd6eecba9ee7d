/* xfs_owned.c - XFS: what an inode owns: its content, its folder's names, its attributes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs_files.h"

#include "engine/util/bytes.h"

#include <inttypes.h>

/* Kernel xfs_format.h, struct xfs_dsb. */
enum {
	SB_RT_BITMAP = 64,
	SB_RT_SUMMARY = 72,
	SB_USER_QUOTA = 160,
	SB_GROUP_QUOTA = 168,
	SB_PROJECT_QUOTA = 232,
};

/* The inode at hand. */
struct owned {
	struct xfs_finder *f;
	struct owners_file file;
	uint64_t size;
	uint16_t type;
	const char *own; /* the filesystem's: what it is; NULL = a file */
};

const char *xfs_own_name(const struct xfs_fs *fs, uint64_t inode)
{
	if (inode == get_be64(fs->sb + SB_RT_BITMAP) || inode == get_be64(fs->sb + SB_RT_SUMMARY))
		return "the realtime section's map";
	if (inode == get_be64(fs->sb + SB_USER_QUOTA) ||
	    inode == get_be64(fs->sb + SB_GROUP_QUOTA) ||
	    (fs->v5 && inode == get_be64(fs->sb + SB_PROJECT_QUOTA)))
		return "quotas";
	return NULL;
}

static int on_run(void *arg, const struct xfs_run *run)
{
	const struct owned *w = arg;
	struct owners *o = w->f->o;
	if (w->own)
		return owners_metadata(o, run->at, run->len, w->own);
	if (w->type == XFS_MODE_LINK) /* its blocks have checksums: all or nothing */
		return owners_lose(o, &w->file, run->at, run->len, 0, w->size);
	if (w->type == XFS_MODE_DIR && run->start >= XFS_DIR_INDEX)
		return owners_lose(o, &w->file, run->at, run->len, 0, 0);
	/* what was never written reads as zeros, unless the log says that it was */
	uint64_t size = run->unwritten && w->f->trusted ? 0 : w->size;
	return owners_run(o, &w->file, run->at, run->len, run->start, size);
}

static int on_lost_list(void *arg, uint64_t at, uint64_t start, uint64_t end)
{
	const struct owned *w = arg;
	struct owners_file file = {.id = w->file.id, .kind = FILES_MAP};
	uint64_t bs = w->f->fs->block_size;
	uint64_t from = SV_MIN(start, w->size), to = SV_MIN(end, w->size);
	if (w->own)
		return owners_metadata(w->f->o, at, bs, w->own);
	return owners_lose(w->f->o, &file, at, bs, from, to > from ? to - from : 0);
}

static int on_attribute(void *arg, const struct xfs_run *run)
{
	const struct owned *w = arg;
	struct owners_file file = {.id = w->file.id, .kind = FILES_ATTRS};
	if (w->own)
		return owners_metadata(w->f->o, run->at, run->len, w->own);
	return owners_lose(w->f->o, &file, run->at, run->len, 0, 0);
}

static int on_lost_attributes(void *arg, uint64_t at, uint64_t start, uint64_t end)
{
	const struct owned *w = arg;
	(void)start;
	(void)end;
	return on_attribute(arg, &(struct xfs_run){.at = at, .len = w->f->fs->block_size});
}

/* On the realtime device, which is not looked at, or in the inode itself. */
static bool has_blocks(const struct owned *w, const uint8_t *raw)
{
	if (w->type == XFS_MODE_FILE)
		return !(get_be16(raw + XFS_I_FLAGS) & XFS_FLAG_REALTIME);
	return w->type == XFS_MODE_DIR || w->type == XFS_MODE_LINK;
}

static int take_extents(struct owned *w, const uint8_t *raw)
{
	const struct xfs_extents_visit content = {.arg = w, .run = on_run, .lost = on_lost_list};
	const struct xfs_extents_visit attrs = {
		.arg = w, .run = on_attribute, .lost = on_lost_attributes};
	struct xfs_finder *f = w->f;
	bool bad = false, bad_attrs = false;
	int rc = 0;
	if (has_blocks(w, raw))
		rc = xfs_extents_walk(f->fs, w->file.id, raw, XFS_FORK_CONTENT, &f->budget,
				      &content, &bad);
	if (!rc)
		rc = xfs_extents_walk(f->fs, w->file.id, raw, XFS_FORK_ATTRS, &f->budget, &attrs,
				      &bad_attrs);
	if (bad || bad_attrs)
		owners_caution(f->o, "the list of extents of inode %" PRIu64 " is damaged",
			       w->file.id);
	return rc;
}

int xfs_owned_take(struct xfs_finder *f, uint64_t inode, const uint8_t *raw)
{
	uint16_t type = get_be16(raw + XFS_I_MODE) & XFS_MODE_TYPE;
	bool folder = type == XFS_MODE_DIR;
	struct owned w = {
		.f = f,
		.file = {.id = inode, .kind = folder ? FILES_ENTRIES : FILES_CONTENT},
		.size = get_be64(raw + XFS_I_SIZE),
		.type = type,
		.own = xfs_own_name(f->fs, inode),
	};
	if (!w.own && !xfs_inode_links(raw))
		w.own = "a file that was deleted while it was open";
	int rc = folder && !w.own ? names_dirs_add(&f->dirs, inode) : 0;
	return rc ? rc : take_extents(&w, raw);
}
