/* btrfs.c - used-block map of Btrfs: what no extent names is free */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/btrfs.h"

#include <stdlib.h>

/*
 * A device of several: the trees lie on all of them, and which state is the last one the others
 * know. What has been given to chunks is read whole; the rest is free in every state.
 */
static int map_member(struct btrfs_fs *fs)
{
	int ret = btrfs_device_check_newest(fs);
	if (!ret)
		fsmap_union(fs->r, "it is one of several disks of a Btrfs; all areas the "
				   "filesystem has taken on it are read");
	return ret;
}

static int map_alone(struct btrfs_fs *fs)
{
	int ret = btrfs_extents_map(fs);
	if (!ret && fs->log_root.logical)
		fsmap_union(fs->r, "it was not shut down cleanly; what its log will still write is "
				   "included");
	return ret;
}

static int map(struct btrfs_fs *fs)
{
	int ret = btrfs_super_read(fs);
	if (!ret)
		ret = btrfs_chunks_load(fs);
	if (!ret)
		ret = btrfs_device_map(fs);
	if (!ret)
		ret = btrfs_super_mark(fs);
	if (ret)
		return ret;
	/* it has no mark of having been closed */
	fsmap_set_unsettled(fs->r);
	return fs->alone ? map_alone(fs) : map_member(fs);
}

struct btrfs_fs *btrfs_open(struct fsmap_reader *r)
{
	struct btrfs_fs *fs = calloc(1, sizeof(*fs));
	if (!fs)
		return NULL;
	fs->r = r;
	fs->sha = sv_sha256_create();
	if (!fs->sha) {
		free(fs);
		return NULL;
	}
	return fs;
}

void btrfs_close(struct btrfs_fs *fs)
{
	if (!fs)
		return;
	btrfs_chunks_clear(fs);
	sv_sha256_destroy(fs->sha);
	free(fs->cache);
	free(fs);
}

static int read_btrfs(struct fsmap_reader *r)
{
	struct btrfs_fs *fs = btrfs_open(r);
	int ret = fs ? map(fs) : SV_E_NOMEM;
	btrfs_close(fs);
	return ret;
}

const struct fsmap_ops fsmap_btrfs_ops = {
	.name = "btrfs",
	.types = (const char *const[]){"btrfs", NULL},
	.read = read_btrfs,
	.files = btrfs_files_find,
};
