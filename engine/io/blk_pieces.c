/* blk_pieces.c - pieces of a block device, one after the other, as a device of its own */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/blk.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

struct stretch {
	uint64_t at; /* in this device */
	struct blk_piece piece;
};

struct pieces_dev {
	struct blk_dev dev;
	struct blk_dev *below;
	struct stretch *v; /* ascending by `at`, gapless */
	size_t n;
	char name[];
};

/* The stretch that holds `off`. */
static size_t find(const struct pieces_dev *p, uint64_t off)
{
	size_t low = 0, high = p->n;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (p->v[mid].at <= off)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static int pieces_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
			struct sv_err *err)
{
	const struct pieces_dev *p = (struct pieces_dev *)dev;
	uint8_t *out = buf;
	int rc = 0;
	for (size_t i = find(p, off); !rc && len > 0; i++) {
		const struct stretch *s = &p->v[i];
		uint64_t skip = off - s->at;
		size_t n = (size_t)SV_MIN(len, s->piece.len - skip);
		rc = blk_pread(p->below, out, n, s->piece.start + skip, err);
		out += n;
		off += n;
		len -= n;
	}
	return rc;
}

static void pieces_close(struct blk_dev *dev)
{
	free(((struct pieces_dev *)dev)->v);
	free(dev);
}

static const struct blk_ops pieces_ops = {
	.name = "pieces",
	.pread = pieces_pread,
	.close = pieces_close,
};

static int take(struct pieces_dev *p, const struct blk_piece *pieces, size_t n, struct sv_err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!pieces[i].len ||
		    !sv_range_ok(pieces[i].start, pieces[i].len, p->below->size) ||
		    pieces[i].len > UINT64_MAX - p->dev.size)
			return sv_fail(err, SV_E_RANGE, 0, p->name,
				       "a piece of %s does not lie inside %s", p->name,
				       p->below->name);
		p->v[p->n++] = (struct stretch){p->dev.size, pieces[i]};
		p->dev.size += pieces[i].len;
	}
	return 0;
}

int blk_pieces_create(struct blk_dev *below, const struct blk_piece *pieces, size_t n,
		      const char *name, struct blk_dev **dev_ret, struct sv_err *err)
{
	size_t name_len = strlen(name) + 1;
	struct pieces_dev *p = calloc(1, sizeof(*p) + name_len);
	if (!p)
		return sv_fail_nomem(err);
	memcpy(p->name, name, name_len);
	p->below = below;
	p->dev.ops = &pieces_ops;
	p->dev.name = p->name;
	p->dev.sector_size = below->sector_size;
	p->v = calloc(n + 1, sizeof(*p->v));
	int rc = p->v ? take(p, pieces, n, err) : sv_fail_nomem(err);
	if (rc)
		pieces_close(&p->dev);
	else
		*dev_ret = &p->dev;
	return rc;
}
