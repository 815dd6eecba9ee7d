/* image_blk.c - an image seen as a read-only block device */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/image.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

/* Decoded frames kept: so many, but of the largest ones as few as take so much memory. */
#define SLOTS	    4u
#define SLOTS_BYTES (64 * SV_MIB)

struct slot {
	uint64_t number;
	uint64_t used; /* 0 = empty */
	uint8_t *raw;
};

struct image_dev {
	struct blk_dev dev;
	struct image_reader *r;
	struct codec_ctx *ctx;
	uint8_t *stored;
	uint64_t clock;
	struct slot slots[SLOTS];
	size_t n_slots; /* in use */
};

static int decode(struct image_dev *d, struct slot *s, uint64_t n, struct sv_err *err)
{
	size_t len = 0;
	if (!s->raw)
		s->raw = malloc(image_reader_info(d->r)->frame_size);
	if (!s->raw)
		return sv_fail_nomem(err);
	s->used = 0; /* whatever fails, it holds nothing whole */
	int rc = image_reader_read_stored(d->r, n, d->stored, image_reader_max_stored(d->r), &len,
					  err);
	if (!rc)
		rc = image_reader_decode(d->r, d->ctx, n, d->stored, len, s->raw, err);
	if (!rc) {
		s->number = n;
		s->used = ++d->clock;
	}
	return rc;
}

static int find_frame(struct image_dev *d, uint64_t n, const uint8_t **raw, struct sv_err *err)
{
	struct slot *oldest = &d->slots[0];
	for (size_t i = 0; i < d->n_slots; i++) {
		struct slot *s = &d->slots[i];
		if (s->used && s->number == n) {
			s->used = ++d->clock;
			*raw = s->raw;
			return 0;
		}
		if (s->used < oldest->used)
			oldest = s;
	}
	int rc = decode(d, oldest, n, err);
	*raw = oldest->raw;
	return rc;
}

static int image_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off, struct sv_err *err)
{
	struct image_dev *d = (struct image_dev *)dev;
	uint32_t frame_size = image_reader_info(d->r)->frame_size;
	uint8_t *out = buf;
	while (len > 0) {
		uint64_t n = off / frame_size, at = off % frame_size;
		size_t piece = (size_t)SV_MIN(len, frame_size - at);
		const uint8_t *raw = NULL;
		int rc = 0;
		if (image_reader_frame_constant(d->r, n))
			memset(out, 0, piece);
		else
			rc = find_frame(d, n, &raw, err);
		if (rc)
			return rc == SV_E_IO ? sv_err_recode(err, SV_E_STORE) : rc;
		if (raw)
			memcpy(out, raw + at, piece);
		out += piece;
		off += piece;
		len -= piece;
	}
	return 0;
}

static void image_close(struct blk_dev *dev)
{
	struct image_dev *d = (struct image_dev *)dev;
	if (d->ctx)
		image_reader_codec(d->r)->destroy(d->ctx);
	for (size_t i = 0; i < SLOTS; i++)
		free(d->slots[i].raw);
	free(d->stored);
	free(d);
}

static const struct blk_ops image_blk_ops = {
	.name = "image", .pread = image_pread, .close = image_close};

int image_blk_create(struct image_reader *r, struct blk_dev **dev_ret, struct sv_err *err)
{
	struct image_dev *d = calloc(1, sizeof(*d));
	if (!d)
		return sv_fail_nomem(err);
	d->r = r;
	d->dev = (struct blk_dev){.ops = &image_blk_ops,
				  .name = "image",
				  .size = image_reader_info(r)->size,
				  .sector_size = image_reader_info(r)->sector_size};
	d->ctx = image_reader_codec(r)->create(image_reader_codec(r)->default_level);
	d->stored = malloc(image_reader_max_stored(r) + 1);
	d->n_slots =
		(size_t)SV_MAX(1, SV_MIN(SLOTS, SLOTS_BYTES / image_reader_info(r)->frame_size));
	if (!d->ctx || !d->stored) {
		image_close(&d->dev);
		return sv_fail_nomem(err);
	}
	*dev_ret = &d->dev;
	return 0;
}
