/* registry.c - the map readers there are, in the order they are asked */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/reader.h"

#include "engine/util/bytes.h"

#include <string.h>

static const struct fsmap_ops *const registry[] = {
	&fsmap_ext_ops,	 &fsmap_ntfs_ops,    &fsmap_fat_ops,   &fsmap_swap_ops,	  &fsmap_btrfs_ops,
	&fsmap_lvm_ops,	 &fsmap_luks_ops,    &fsmap_bitlk_ops, &fsmap_exfat_ops,  &fsmap_xfs_ops,
	&fsmap_f2fs_ops, &fsmap_hfsplus_ops, &fsmap_apfs_ops,  &fsmap_mdraid_ops,
};

static bool has_type(const struct fsmap_ops *ops, const char *type)
{
	for (const char *const *t = ops->types; *t; t++)
		if (strcmp(*t, type) == 0)
			return true;
	return false;
}

const struct fsmap_ops *fsmap_ops_find(const char *type)
{
	for (size_t i = 0; i < SV_ARRAY(registry); i++)
		if (has_type(registry[i], type))
			return registry[i];
	return NULL;
}

const struct fsmap_ops *fsmap_ops_at(size_t i)
{
	return i < SV_ARRAY(registry) ? registry[i] : NULL;
}
