/* lvm.c - used-block map of an LVM2 physical volume, and of the volumes inside */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/lvm.h"

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

const struct fsmap_ops fsmap_lvm_ops = {
	.name = "lvm",
	.types = (const char *const[]){"LVM2_member", NULL},
	.read = read_lvm,
	.container = true,
};
