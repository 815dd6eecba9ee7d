/* others.c - other volumes than the one that is mapped: found, and looked at through a reader */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/reader_priv.h"

#include <stdio.h>

bool fsmap_has_others(const struct fsmap_reader *r)
{
	return r->around.how.others;
}

int fsmap_find_other(struct fsmap_reader *r, const char *type, const char *uuid,
		     enum others_found *found, struct blk_dev **dev_ret)
{
	const struct fsmap_others *others = r->around.how.others;
	*found = OTHERS_ABSENT;
	return others ? others->find(others->arg, type, uuid, found, dev_ret) : 0;
}

void fsmap_join(struct fsmap_reader *r)
{
	r->map->joined++;
}

void fsmap_miss(struct fsmap_reader *r, const char *why)
{
	if (!*r->map->apart)
		snprintf(r->map->apart, sizeof(r->map->apart), "%s", why);
}

int fsmap_look_at(struct fsmap_reader *r, struct blk_dev *dev, fsmap_look look, void *arg,
		  char *why, size_t len)
{
	struct fsmap map = {.size = dev->size};
	struct fsmap_reader other = {.vol = dev, .map = &map, .searching = true};
	int rc = look(&other, arg);
	fsmap_digest_add(r->map, map.meta_digest.b, sizeof(map.meta_digest.b), 0);
	if (rc == FSMAP_IS_WHOLE)
		snprintf(why, len, "%s", map.reason);
	sv_extents_clear(&other.free);
	sv_extents_clear(&other.used);
	return rc;
}
