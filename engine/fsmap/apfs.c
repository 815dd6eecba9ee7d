/* apfs.c - used-block map of APFS */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/apfs.h"

#include <stdlib.h>

static int read_apfs(struct fsmap_reader *r)
{
	struct apfs a = {.r = r};
	int ret = apfs_super_read(&a);
	if (!ret)
		ret = apfs_spaceman_find(&a);
	if (!ret)
		ret = apfs_spaceman_map(&a);
	if (!ret)
		ret = apfs_prove(&a);
	if (!ret && !a.unmounted)
		fsmap_union(r, "it was not unmounted; its newest checkpoint is taken");
	free(a.super);
	free(a.spaceman);
	free(a.block);
	return ret;
}

const struct fsmap_ops fsmap_apfs_ops = {
	.name = "apfs",
	.types = (const char *const[]){"apfs", NULL},
	.read = read_apfs,
	.files = apfs_files_find,
};
