/* guard.c - a disk that is read: refused while others write to it, then read-only in the kernel */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/disk_int.h"
#include "engine/disk/readonly.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct disk_guard {
	char *root;
	struct ro_hold *v;
	size_t n;
	bool nomem, missing;
};

/* A guard that cannot be set is no reason not to read: it is one wall of several, and it is told.
 */
static bool hold_one(void *ctx, const char *kname)
{
	struct disk_guard *g = ctx;
	struct ro_hold *v = realloc(g->v, (g->n + 1) * sizeof(*v));
	if (!v) {
		g->nomem = true;
		return false;
	}
	g->v = v;
	if (ro_hold(g->root, kname, &v[g->n]))
		g->n++;
	else
		g->missing = true;
	return true;
}

int disk_guard_source(const char *root, const struct disk *disk, const char *store_kname,
		      struct disk_guard **guard_ret, struct sv_err *err)
{
	struct disk now;
	*guard_ret = NULL;
	root = root ? root : "";
	int rc = disk_refresh(root, disk->kname, &now, err);
	if (rc)
		return rc;
	if (now.live)
		return sv_fail(err, SV_E_REFUSED, 0, now.path,
			       "%s is %s: its content would change while it is read", now.path,
			       now.in_use);
	struct disk_guard *g = calloc(1, sizeof(*g));
	if (!g || !(g->root = strdup(root))) {
		free(g);
		return sv_fail_nomem(err);
	}
	if (!disk_holds(&now, store_kname ? store_kname : "")) {
		/* partitions first: a disk's flag shows as theirs */
		if (!now.partition)
			disk_each_partition(root, now.kname, hold_one, g);
		if (!g->nomem)
			hold_one(g, now.kname);
	}
	if (g->nomem) {
		disk_guard_release(g);
		return sv_fail_nomem(err);
	}
	*guard_ret = g;
	return 0;
}

bool disk_guard_missing(const struct disk_guard *g)
{
	return g && g->missing;
}

void disk_guard_release(struct disk_guard *g)
{
	if (!g)
		return;
	while (g->n)
		ro_release(g->root, &g->v[--g->n]);
	free(g->v);
	free(g->root);
	free(g);
}

void disk_guard_sweep(const char *root)
{
	ro_sweep(root ? root : "");
}
