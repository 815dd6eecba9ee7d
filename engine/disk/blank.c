/* blank.c - is there nothing on a disk? Its ends and places spread over it are looked at */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/disk.h"
#include "engine/util/bytes.h"

#include <stdio.h>
#include <stdlib.h>

#define ENDS   (4 * SV_MIB) /* tables, superblocks and their copies stand there */
#define PIECE  (64 * SV_KIB)
#define PLACES 256

/* What was read as zeros so far. */
struct look {
	struct blk_dev *dev;
	uint8_t *buf; /* PIECE bytes */
	bool blank;
};

static int look_at(struct look *look, uint64_t start, uint64_t end, struct sv_err *err)
{
	int rc = 0;
	for (uint64_t pos = start; !rc && look->blank && pos < end; pos += PIECE) {
		size_t len = (size_t)SV_MIN(PIECE, end - pos);
		rc = blk_pread(look->dev, look->buf, len, pos, err);
		if (!rc)
			look->blank = sv_is_zero(look->buf, len);
	}
	return rc;
}

int disk_is_blank(struct blk_dev *dev, bool *blank_ret, struct sv_err *err)
{
	struct look look = {.dev = dev, .buf = malloc(PIECE), .blank = true};
	uint64_t size = dev->size, step = size / PLACES, end = SV_MIN(size, ENDS);
	*blank_ret = false;
	if (!look.buf)
		return sv_fail_nomem(err);
	int rc = look_at(&look, 0, end, err);
	for (uint64_t pos = end; !rc && pos + PIECE <= size && step >= PIECE; pos += step) {
		uint64_t at = sv_round_down(pos, PIECE);
		rc = look_at(&look, at, at + PIECE, err);
	}
	/* a small disk is read whole */
	uint64_t last = step < PIECE ? end : size - SV_MIN(size, ENDS);
	if (!rc)
		rc = look_at(&look, last, size, err);
	*blank_ret = !rc && look.blank;
	free(look.buf);
	return rc;
}

int disk_look_blank(const char *root, const struct disk *disk, bool *blank_ret, struct sv_err *err)
{
	char path[sizeof(disk->path) + 1024];
	struct blk_dev *dev = NULL;
	*blank_ret = false;
	snprintf(path, sizeof(path), "%s%s", root ? root : "", disk->path);
	int rc = blk_file_open(path, 0, 0, 0, &dev, err);
	if (!rc)
		rc = disk_is_blank(dev, blank_ret, err);
	blk_close(dev);
	return rc == SV_E_IO || rc == SV_E_NOT_FOUND ? sv_err_recode(err, SV_E_SOURCE) : rc;
}
