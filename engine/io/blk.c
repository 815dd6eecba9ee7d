/* blk.c - the checked entry points of every block device */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/blk.h"

#include "engine/util/bytes.h"

static int check_range(const struct blk_dev *dev, uint64_t off, uint64_t len, struct sv_err *err)
{
	if (sv_range_ok(off, len, dev->size))
		return 0;
	return sv_fail(err, SV_E_RANGE, 0, dev->name,
		       "%llu bytes at offset %llu lie outside %s, which has %llu bytes",
		       (unsigned long long)len, (unsigned long long)off, dev->name,
		       (unsigned long long)dev->size);
}

static int check_writable(const struct blk_dev *dev, struct sv_err *err)
{
	if (dev->writable)
		return 0;
	return sv_fail(err, SV_E_READ_ONLY, 0, dev->name, "%s is open for reading only", dev->name);
}

int blk_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off, struct sv_err *err)
{
	int rc = check_range(dev, off, len, err);
	if (rc || len == 0)
		return rc;
	return dev->ops->pread(dev, buf, len, off, err);
}

int blk_pwrite(struct blk_dev *dev, const void *buf, size_t len, uint64_t off, struct sv_err *err)
{
	int rc = check_writable(dev, err);
	if (!rc)
		rc = check_range(dev, off, len, err);
	if (rc || len == 0)
		return rc;
	return dev->ops->pwrite(dev, buf, len, off, err);
}

int blk_discard(struct blk_dev *dev, uint64_t off, uint64_t len, struct sv_err *err)
{
	int rc = check_writable(dev, err);
	if (!rc)
		rc = check_range(dev, off, len, err);
	if (rc || len == 0 || !dev->ops->discard)
		return rc;
	return dev->ops->discard(dev, off, len, err);
}

int blk_flush(struct blk_dev *dev, struct sv_err *err)
{
	return dev->ops->flush ? dev->ops->flush(dev, err) : 0;
}

void blk_close(struct blk_dev *dev)
{
	if (dev)
		dev->ops->close(dev);
}
