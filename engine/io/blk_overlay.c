/* blk_overlay.c - pieces in memory laid over a device that is never written */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/blk.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

/* One unit of the device, by its number; data NULL = an empty slot of the hash table. */
struct piece {
	uint64_t number;
	uint8_t *data;
};

struct overlay_dev {
	struct blk_dev dev;
	struct blk_dev *below;
	uint32_t unit;
	struct piece *slots; /* open addressing, `cap` a power of two, at most half full */
	size_t cap, n;
};

/* The slot that holds a number, or the empty one where it belongs. */
static struct piece *find_slot(const struct overlay_dev *o, uint64_t number)
{
	size_t i = (size_t)(number * 0x9e3779b97f4a7c15ULL >> 20) & (o->cap - 1);
	while (o->slots[i].data && o->slots[i].number != number)
		i = (i + 1) & (o->cap - 1);
	return &o->slots[i];
}

static const uint8_t *find_piece(const struct overlay_dev *o, uint64_t number)
{
	return o->n ? find_slot(o, number)->data : NULL;
}

static int grow(struct overlay_dev *o)
{
	if (o->n * 2 < o->cap)
		return 0;
	size_t old_cap = o->cap;
	struct piece *old = o->slots;
	size_t cap = old_cap ? old_cap * 2 : 64;
	struct piece *slots = calloc(cap, sizeof(*slots));
	if (!slots)
		return SV_E_NOMEM;
	o->slots = slots;
	o->cap = cap;
	for (size_t i = 0; i < old_cap; i++)
		if (old[i].data)
			*find_slot(o, old[i].number) = old[i];
	free(old);
	return 0;
}

/* The last unit of a device may be short. */
static size_t unit_len(const struct overlay_dev *o, uint64_t number)
{
	uint64_t left = o->dev.size - number * o->unit;
	return (size_t)SV_MIN((uint64_t)o->unit, left);
}

/* A piece to write `len` bytes into; filled from below unless it will be written whole. */
static int make_piece(struct overlay_dev *o, uint64_t number, size_t len, uint8_t **data,
		      struct sv_err *err)
{
	if (grow(o))
		return sv_fail_nomem(err);
	struct piece *slot = find_slot(o, number);
	if (!slot->data) {
		uint8_t *fresh = malloc(o->unit);
		if (!fresh)
			return sv_fail_nomem(err);
		size_t whole = unit_len(o, number);
		int rc =
			len == whole ? 0 : blk_pread(o->below, fresh, whole, number * o->unit, err);
		if (rc) {
			free(fresh);
			return rc;
		}
		*slot = (struct piece){number, fresh};
		o->n++;
	}
	*data = slot->data;
	return 0;
}

/* How many of `len` bytes from `off` on have no piece over them. */
static size_t bare_len(const struct overlay_dev *o, uint64_t off, size_t len)
{
	size_t bare = 0;
	while (bare < len && !find_piece(o, (off + bare) / o->unit))
		bare += (size_t)SV_MIN(o->unit - (off + bare) % o->unit, (uint64_t)(len - bare));
	return bare;
}

static int overlay_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
			 struct sv_err *err)
{
	const struct overlay_dev *o = (struct overlay_dev *)dev;
	uint8_t *p = buf;
	while (len > 0) {
		size_t n = bare_len(o, off, len);
		if (n > 0) {
			int rc = blk_pread(o->below, p, n, off, err);
			if (rc)
				return rc;
		} else {
			size_t skip = (size_t)(off % o->unit);
			n = SV_MIN(o->unit - skip, len);
			memcpy(p, find_piece(o, off / o->unit) + skip, n);
		}
		p += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int overlay_pwrite(struct blk_dev *dev, const void *buf, size_t len, uint64_t off,
			  struct sv_err *err)
{
	struct overlay_dev *o = (struct overlay_dev *)dev;
	const uint8_t *p = buf;
	while (len > 0) {
		size_t skip = (size_t)(off % o->unit);
		size_t n = SV_MIN(o->unit - skip, len);
		uint8_t *data = NULL;
		int rc = make_piece(o, off / o->unit, n, &data, err);
		if (rc)
			return rc;
		memcpy(data + skip, p, n);
		p += n;
		off += n;
		len -= n;
	}
	return 0;
}

static void overlay_close(struct blk_dev *dev)
{
	struct overlay_dev *o = (struct overlay_dev *)dev;
	for (size_t i = 0; i < o->cap; i++)
		free(o->slots[i].data);
	free(o->slots);
	free(o);
}

static const struct blk_ops overlay_ops = {
	.name = "overlay",
	.pread = overlay_pread,
	.pwrite = overlay_pwrite,
	.close = overlay_close,
};

int blk_overlay_create(struct blk_dev *below, uint32_t unit, struct blk_dev **dev_ret)
{
	struct overlay_dev *o = calloc(1, sizeof(*o));
	if (!o)
		return SV_E_NOMEM;
	o->below = below;
	o->unit = unit ? unit : below->sector_size;
	o->dev = *below;
	o->dev.ops = &overlay_ops;
	o->dev.writable = true;
	*dev_ret = &o->dev;
	return 0;
}
