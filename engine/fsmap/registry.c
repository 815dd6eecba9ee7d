/* registry.c - the map readers there are, in the order they are asked */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/reader.h"

#include "engine/util/bytes.h"

#include <string.h>

static const struct fsmap_ops *const registry[] = {
	&fsmap_ext_ops,
	&fsmap_ntfs_ops,
	&fsmap_fat_ops,
	&fsmap_swap_ops,
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
