/* blk_window.c - a part of a block device as a device of its own */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/blk.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

struct window_dev {
	struct blk_dev dev;
	struct blk_dev *below;
	uint64_t start;
	char name[];
};

static int window_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
			struct sv_err *err)
{
	const struct window_dev *w = (struct window_dev *)dev;
	return blk_pread(w->below, buf, len, w->start + off, err);
}

static int window_pwrite(struct blk_dev *dev, const void *buf, size_t len, uint64_t off,
			 struct sv_err *err)
{
	const struct window_dev *w = (struct window_dev *)dev;
	return blk_pwrite(w->below, buf, len, w->start + off, err);
}

static int window_discard(struct blk_dev *dev, uint64_t off, uint64_t len, struct sv_err *err)
{
	const struct window_dev *w = (struct window_dev *)dev;
	return blk_discard(w->below, w->start + off, len, err);
}

static int window_flush(struct blk_dev *dev, struct sv_err *err)
{
	return blk_flush(((struct window_dev *)dev)->below, err);
}

static void window_close(struct blk_dev *dev)
{
	free(dev);
}

static const struct blk_ops window_ops = {
	.name = "window",
	.pread = window_pread,
	.pwrite = window_pwrite,
	.discard = window_discard,
	.flush = window_flush,
	.close = window_close,
};

int blk_window_create(struct blk_dev *below, uint64_t start, uint64_t size, const char *name,
		      struct blk_dev **dev_ret, struct sv_err *err)
{
	if (!sv_range_ok(start, size, below->size))
		return sv_fail(err, SV_E_RANGE, 0, name,
			       "%s (%llu bytes at offset %llu) does not lie inside %s", name,
			       (unsigned long long)size, (unsigned long long)start, below->name);
	size_t name_len = strlen(name) + 1;
	struct window_dev *w = calloc(1, sizeof(*w) + name_len);
	if (!w)
		return sv_fail_nomem(err);
	memcpy(w->name, name, name_len);
	w->below = below;
	w->start = start;
	w->dev = (struct blk_dev){
		.ops = &window_ops,
		.name = w->name,
		.size = size,
		.sector_size = below->sector_size,
		.writable = below->writable,
	};
	*dev_ret = &w->dev;
	return 0;
}
