/* blk_segments.c - a volume in segments, linear or striped over places of other devices */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/blk.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

struct segments_dev {
	struct blk_dev dev;
	const struct blk_segment *v;
	uint64_t *at; /* where each begins; ascending, gapless */
	size_t n;
	char name[];
};

/* One column is one stripe. */
static uint64_t stripe_of(const struct blk_segment *s)
{
	return s->n == 1 ? s->len : s->stripe;
}

/* How many of the first `x` bytes are on the column. */
static uint64_t before(const struct blk_segment *s, uint64_t x, size_t column)
{
	uint64_t stripe = stripe_of(s), row = stripe * s->n;
	uint64_t rest = x % row, skip = stripe * column;
	return x / row * stripe + (rest <= skip ? 0 : SV_MIN(rest - skip, stripe));
}

bool blk_segment_on(const struct blk_segment *s, uint64_t start, uint64_t len, size_t column,
		    struct blk_piece *piece)
{
	uint64_t low = before(s, start, column), high = before(s, start + len, column);
	*piece = (struct blk_piece){s->columns[column].start + low, high - low};
	return low < high;
}

uint64_t blk_segment_at(const struct blk_segment *s, size_t column, uint64_t y, uint64_t *len)
{
	uint64_t stripe = stripe_of(s), skip = y % stripe;
	*len = stripe - skip;
	return (y / stripe * s->n + column) * stripe + skip;
}

static int read_segment(const struct blk_segment *s, uint8_t *out, size_t len, uint64_t x,
			struct sv_err *err)
{
	uint64_t stripe = stripe_of(s);
	int rc = 0;
	while (!rc && len > 0) {
		uint64_t number = x / stripe, skip = x % stripe;
		const struct blk_column *c = &s->columns[number % s->n];
		size_t n = (size_t)SV_MIN(len, stripe - skip);
		rc = blk_pread(c->below, out, n, c->start + number / s->n * stripe + skip, err);
		out += n;
		x += n;
		len -= n;
	}
	return rc;
}

/* The segment that holds `off`. */
static size_t find(const struct segments_dev *d, uint64_t off)
{
	size_t low = 0, high = d->n;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (d->at[mid] <= off)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static int segments_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
			  struct sv_err *err)
{
	const struct segments_dev *d = (struct segments_dev *)dev;
	uint8_t *out = buf;
	int rc = 0;
	for (size_t i = find(d, off); !rc && len > 0; i++) {
		uint64_t skip = off - d->at[i];
		size_t n = (size_t)SV_MIN(len, d->v[i].len - skip);
		rc = read_segment(&d->v[i], out, n, skip, err);
		out += n;
		off += n;
		len -= n;
	}
	return rc;
}

static void segments_close(struct blk_dev *dev)
{
	free(((struct segments_dev *)dev)->at);
	free(dev);
}

static const struct blk_ops segments_ops = {
	.name = "segments",
	.pread = segments_pread,
	.close = segments_close,
};

static bool fits(const struct blk_segment *s)
{
	if (!s->len || !s->n || s->len % s->n)
		return false;
	if (s->n > 1 && (!s->stripe || s->len / s->n % s->stripe))
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (!sv_range_ok(s->columns[i].start, s->len / s->n, s->columns[i].below->size))
			return false;
	return true;
}

static int take(struct segments_dev *d, struct sv_err *err)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct blk_segment *s = &d->v[i];
		d->at[i] = d->dev.size;
		if (!fits(s) || !sv_add_ok(d->dev.size, s->len, &d->dev.size))
			return sv_fail(err, SV_E_RANGE, 0, d->name,
				       "a segment of %s does not lie where it should", d->name);
		for (size_t k = 0; k < s->n; k++)
			d->dev.sector_size =
				SV_MAX(d->dev.sector_size, s->columns[k].below->sector_size);
	}
	return 0;
}

int blk_segments_create(const struct blk_segment *segments, size_t n, const char *name,
			struct blk_dev **dev_ret, struct sv_err *err)
{
	size_t name_len = strlen(name) + 1;
	struct segments_dev *d = calloc(1, sizeof(*d) + name_len);
	if (!d)
		return sv_fail_nomem(err);
	memcpy(d->name, name, name_len);
	d->v = segments;
	d->n = n;
	d->dev.ops = &segments_ops;
	d->dev.name = d->name;
	d->at = calloc(n + 1, sizeof(*d->at));
	int rc = d->at ? take(d, err) : sv_fail_nomem(err);
	if (rc)
		segments_close(&d->dev);
	else
		*dev_ret = &d->dev;
	return rc;
}
