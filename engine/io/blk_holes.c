/* blk_holes.c - a block device of which some ranges are lost: they read as zeros, or not at all */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/blk.h"

#include "engine/util/bytes.h"
#include "engine/util/extent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct holes_dev {
	struct blk_dev dev;
	struct blk_dev *below;
	const struct sv_extents *lost;
	bool zeros;
};

static int holes_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off, struct sv_err *err)
{
	const struct holes_dev *h = (struct holes_dev *)dev;
	uint64_t end = off + len;
	size_t first = sv_extents_seek(h->lost, off);
	bool hit = first < h->lost->n && h->lost->v[first].start < end;
	if (hit && !h->zeros)
		return sv_fail(err, SV_E_IO, EIO, dev->name, "%s is lost at offset %llu", dev->name,
			       (unsigned long long)SV_MAX(h->lost->v[first].start, off));
	int rc = blk_pread(h->below, buf, len, off, err);
	for (size_t i = first; !rc && i < h->lost->n && h->lost->v[i].start < end; i++) {
		uint64_t start = SV_MAX(h->lost->v[i].start, off);
		uint64_t stop = SV_MIN(h->lost->v[i].start + h->lost->v[i].len, end);
		memset((uint8_t *)buf + (start - off), 0, (size_t)(stop - start));
	}
	return rc;
}

static void holes_close(struct blk_dev *dev)
{
	free(dev);
}

static const struct blk_ops holes_ops = {
	.name = "holes", .pread = holes_pread, .close = holes_close};

int blk_holes_create(struct blk_dev *below, const struct sv_extents *lost, bool zeros,
		     struct blk_dev **dev_ret)
{
	struct holes_dev *h = calloc(1, sizeof(*h));
	if (!h)
		return SV_E_NOMEM;
	h->dev = *below;
	h->dev.ops = &holes_ops;
	h->dev.writable = false;
	h->below = below;
	h->lost = lost;
	h->zeros = zeros;
	*dev_ret = &h->dev;
	return 0;
}
