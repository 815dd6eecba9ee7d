/* f2fs.c - used-block map of F2FS */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs_files.h"

#include <stdlib.h>

static int read_f2fs(struct fsmap_reader *r)
{
	struct f2fs f = {.r = r};
	int ret = f2fs_super_read(&f);
	if (!ret)
		ret = f2fs_cp_read(&f);
	if (!ret)
		ret = f2fs_sit_map(&f);
	if (!ret && !f.clean)
		ret = f2fs_roll_forward(&f);
	if (!ret && !f.clean)
		fsmap_union(r, "it was not shut down cleanly; what was synced after its last "
			       "checkpoint is used, too");
	free(f.head);
	free(f.sit_which);
	return ret;
}

const struct fsmap_ops fsmap_f2fs_ops = {
	.name = "f2fs",
	.types = (const char *const[]){"f2fs", NULL},
	.read = read_f2fs,
	.files = f2fs_files_find,
};
