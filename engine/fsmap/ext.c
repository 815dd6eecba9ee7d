/* ext.c - used-block map of ext2, ext3 and ext4 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ext.h"

#include <stdlib.h>

static int map(struct ext_fs *fs)
{
	int ret = ext_super_read(fs);
	if (ret)
		return ret;
	fs->gdt = malloc(fs->block_size);
	if (!fs->gdt)
		return SV_E_NOMEM;
	ret = ext_journal_check(fs);
	if (!ret && fs->dirty)
		ret = ext_log_scan(fs);
	if (!ret && fs->dirty)
		ret = ext_fc_scan(fs);
	if (!ret)
		ret = ext_groups_map(fs);
	if (!ret && fs->dirty)
		fsmap_union(fs->r, "it was not shut down cleanly; what its journal may still write "
				   "is included");
	return ret;
}

static int read_ext(struct fsmap_reader *r)
{
	struct ext_fs *fs = calloc(1, sizeof(*fs));
	if (!fs)
		return SV_E_NOMEM;
	fs->r = r;
	fs->gdt_cached = ~0ull;
	int ret = map(fs);
	ext_journal_clear(fs);
	free(fs->gdt);
	free(fs);
	return ret;
}

const struct fsmap_ops fsmap_ext_ops = {
	.name = "ext",
	.types = (const char *const[]){"ext2", "ext3", "ext4", "ext4dev", NULL},
	.read = read_ext,
	.files = ext_files_find,
};
