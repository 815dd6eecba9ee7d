/* xfs_files.c - XFS: who owns the bytes that were lost: group by group, then what nobody claimed */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

#define SB_ROOT 56 /* kernel xfs_format.h, struct xfs_dsb */

/* What is not said of any file: the headers of groups, the log, what lies behind the last group. */
static int take_fixed(struct xfs_finder *f)
{
	struct xfs_fs *fs = f->fs;
	uint64_t len = sv_round_up((uint64_t)XFS_AG_SECTORS * fs->sector_size, fs->block_size);
	int rc = owners_metadata(f->o, fs->log_start, (uint64_t)fs->log_sectors * 512, "the log");
	for (uint32_t i = 0; !rc && i < fs->ags; i++) {
		uint64_t at = xfs_ag_at(fs, i).start;
		rc = owners_metadata(f->o, at, fs->sector_size, "a superblock");
		if (!rc)
			rc = owners_metadata(f->o, at + fs->sector_size, len - fs->sector_size,
					     "the headers of a group");
	}
	return rc;
}

/* After a crash what is free and what was written is known only with the log. */
static int judge_state(struct xfs_finder *f)
{
	struct xfs_fs *fs = f->fs;
	int rc = fs->log_sectors ? xfs_log_check(fs) : FSMAP_IS_WHOLE;
	f->trusted = !rc && !fs->dirty;
	if (rc > 0)
		owners_caution(f->o, "its log cannot be followed: it may not have been shut down "
				     "cleanly");
	else if (fs->dirty)
		owners_caution(f->o,
			       "it was not shut down cleanly: what its log still holds is not "
			       "in this list");
	if (rc) {
		free(fs->touched);
		fs->touched = NULL;
	}
	if (xfs_has(fs, XFS_SB_INCOMPAT, XFS_INCOMPAT_NEEDS_REPAIR))
		owners_caution(f->o, "it is marked as needing repair");
	return SV_MIN(rc, 0);
}

static int prepare(struct xfs_finder *f)
{
	f->fs->block = malloc(f->fs->block_size);
	f->piece = malloc(XFS_PIECE);
	f->raw = malloc(f->fs->inode_size);
	f->budget = f->fs->blocks;
	f->claims_left = XFS_CLAIMS_MAX;
	f->root = get_be64(f->fs->sb + SB_ROOT);
	return f->fs->block && f->piece && f->raw ? 0 : SV_E_NOMEM;
}

static int walk_groups(struct xfs_finder *f)
{
	int rc = 0;
	for (uint32_t i = 0; !rc && i < f->fs->ags && !owners_stopped(f->o); i++) {
		f->ag = xfs_ag_at(f->fs, i);
		rc = xfs_chunks_walk(f);
	}
	f->budget = f->fs->blocks;
	return rc ? rc : xfs_names_lost(f);
}

static int find_owners(struct xfs_finder *f)
{
	int rc = xfs_copies_find(f->fs, f->o);
	if (rc)
		return rc;
	if (!f->fs->inode_size)
		return fsmap_whole(f->fs->r, "its size of inodes is out of range");
	rc = prepare(f);
	if (!rc)
		rc = judge_state(f);
	if (!rc)
		rc = take_fixed(f);
	if (!rc)
		rc = walk_groups(f);
	if (!rc)
		rc = xfs_rest_take(f);
	if (!rc)
		rc = owners_seal(f->o);
	return rc ? rc : xfs_names_find(f);
}

int xfs_files_find(struct fsmap_reader *r, struct owners *o)
{
	struct xfs_fs *fs = calloc(1, sizeof(*fs));
	struct xfs_finder f = {.fs = fs, .o = o};
	if (!fs)
		return SV_E_NOMEM;
	fs->r = r;
	fs->partly = true;
	int rc = find_owners(&f);
	names_dirs_clear(&f.dirs);
	sv_extents_clear(&f.blind);
	free(f.piece);
	free(f.raw);
	free(fs->touched);
	free(fs->block);
	free(fs);
	return rc;
}
