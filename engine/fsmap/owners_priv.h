/* owners_priv.h - one search for the owners of lost bytes; shared by owners*.c only */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_OWNERS_PRIV_H
#define SV_FSMAP_OWNERS_PRIV_H

#include "engine/fsmap/owners.h"
#include "engine/fsmap/reader_priv.h"
#include "engine/util/bytes.h"

struct owners {
	const struct sv_extents *lost;
	const atomic_int *stop;
	struct fsmap_files *out;
	size_t losses_cap, areas_cap;
	struct fsmap_around around;
	struct blk_dev *zeros;	 /* the volume, with zeros where it was lost */
	struct sv_extents owned; /* lost, and a file's, or of a volume inside */
	struct sv_extents free;	 /* proven */
};

/* What of [start, start + len) lies before the end of the content. */
static inline uint64_t owners_before_end(uint64_t start, uint64_t len, uint64_t size)
{
	return start < size ? SV_MIN(len, size - start) : 0;
}

/* Probe a volume, and search in it; `o` says for what, and is used up. SV_E_STOPPED, SV_E_NOMEM. */
int owners_search(struct owners *o, struct blk_dev *vol, struct fsmap_files **files_ret,
		  struct sv_err *err);

/* What nobody claimed: free where that is proven, else not known. Then the areas are in order and
 * counted. SV_E_NOMEM. */
int owners_sort_rest(struct owners *o);
/* The files by their paths, those without a name last; owners_find() is over. */
void owners_order(struct owners *o);

#endif
