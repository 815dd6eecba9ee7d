/* others.h - the other volumes that a map may look at: of the same disk, of disks that are attached
 * or named; private to engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_OTHERS_H
#define SV_JOB_OTHERS_H

#include "engine/job/source.h"

#include "engine/disk/layout.h"
#include "engine/fsmap/others.h"

/*
 * Partitions of the source and what `with` names, and, where the source says so, all disks that
 * are attached. What is named is opened at once; the rest is looked at when the first volume is
 * asked for, which may wake disks, and takes as long as the slowest of them. All is opened for
 * reading alone; what cannot be read is not there. One thread.
 */
struct others;

/* `source` and `layout` (of source->dev) must outlive it. SV_E_NOT_FOUND and SV_E_SOURCE for what
 * is named and cannot be opened, SV_E_NOMEM. */
int others_create(const struct sv_map_params *params, const struct source *source,
		  const struct layout *layout, struct others **others_ret, struct sv_err *err);
/* NULL is fine. */
void others_destroy(struct others *o);

/* For the map of the source's volume at `start`, which is no other of itself; until the next call.
 */
const struct fsmap_others *others_of(struct others *o, uint64_t start);

#endif
