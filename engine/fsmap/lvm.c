/* lvm.c - used-block map of an LVM2 physical volume, and of the volumes inside */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/lvm.h"
#include "engine/fsmap/owners.h"

#include <stdlib.h>

static int read_lvm(struct fsmap_reader *r)
{
	struct lvm_pv pv = {.r = r};
	struct lvm_text text = {0};
	int ret = lvm_label_read(&pv);
	if (!ret)
		ret = lvm_text_parse(&text, pv.text, pv.len);
	if (ret == SV_E_DATA)
		ret = fsmap_whole(r, "its LVM metadata is malformed");
	if (!ret)
		ret = lvm_map(&pv, &text);
	lvm_text_clear(&text);
	free(pv.text);
	return ret;
}

/* The volumes inside are searched where they would be mapped. */
static int lvm_files(struct fsmap_reader *r, struct owners *o)
{
	int ret = read_lvm(r);
	(void)o;
	return ret ? ret : fsmap_tell_free(r);
}

const struct fsmap_ops fsmap_lvm_ops = {
	.name = "lvm",
	.types = (const char *const[]){"LVM2_member", NULL},
	.read = read_lvm,
	.files = lvm_files,
	.container = true,
};
