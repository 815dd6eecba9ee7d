/* apfs_proof.c - APFS: is what the trees have used by the bitmaps, too? These have no checksum */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/apfs_files.h"

int apfs_proof_check(struct apfs_search *s)
{
	bool any = false;
	int rc = fsmap_frees_any(s->a.r, &s->used, &any);
	s->used.n = 0;
	if (!rc && any)
		rc = fsmap_whole(s->a.r, "its space manager calls free what its volumes use");
	return rc;
}

int apfs_prove(struct apfs *a)
{
	struct apfs_search s = {.a = *a, .current = SIZE_MAX};
	int rc = apfs_volumes_find(&s);
	if (!rc)
		rc = apfs_volumes_rest(&s);
	if (!rc)
		rc = apfs_proof_check(&s);
	apfs_search_clear(&s);
	return rc;
}
