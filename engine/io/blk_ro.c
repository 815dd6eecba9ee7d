/* blk_ro.c - a block device without its write operations */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/blk.h"

#include <stdlib.h>

struct ro_dev {
	struct blk_dev dev;
	struct blk_dev *below;
};

static int ro_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off, struct sv_err *err)
{
	return blk_pread(((struct ro_dev *)dev)->below, buf, len, off, err);
}

static void ro_close(struct blk_dev *dev)
{
	free(dev);
}

static const struct blk_ops ro_ops = {
	.name = "read-only",
	.pread = ro_pread,
	.close = ro_close,
};

int blk_ro_create(struct blk_dev *below, struct blk_dev **dev_ret)
{
	struct ro_dev *r = calloc(1, sizeof(*r));
	if (!r)
		return SV_E_NOMEM;
	r->below = below;
	r->dev = *below;
	r->dev.ops = &ro_ops;
	r->dev.writable = false;
	*dev_ret = &r->dev;
	return 0;
}
