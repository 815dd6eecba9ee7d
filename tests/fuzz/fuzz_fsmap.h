/* fuzz_fsmap.h - what the fuzz targets of the map readers share */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FUZZ_FSMAP_H
#define TESTS_FUZZ_FSMAP_H

#include "tests/fuzz/fuzz.h"

#include "engine/fsmap/reader.h"
#include "engine/util/bytes.h"

#include <errno.h>
#include <string.h>

/*
 * Input: a sparse volume, as pack.py writes it. le16 size in units of 4 KiB, a byte whose low bits
 * choose the sector size, then pieces of content: le32 place in units of 64 bytes, a byte for
 * their number of such units, and the bytes. What lies outside of the volume is left out.
 */
#define FUZZ_UNIT 64
#define FUZZ_BAD  0x40 /* in the third byte: the first piece cannot be read */

/* The volume is never spread out in memory: an input costs what the reader reads of it. */
struct fuzz_volume {
	struct blk_dev dev;
	const uint8_t *pieces;
	size_t len;
};

static inline int fuzz_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
			     struct sv_err *err)
{
	struct fuzz_volume *v = (struct fuzz_volume *)dev;
	(void)err;
	memset(buf, 0, len);
	for (size_t pos = 0; pos + 5 < v->len;) {
		const uint8_t *head = v->pieces + pos;
		size_t n = SV_MIN((size_t)head[4] * FUZZ_UNIT, v->len - pos - 5);
		fuzz_lay(buf, len, off, head + 5, n, (uint64_t)get_le32(head) * FUZZ_UNIT);
		pos += 5 + n;
	}
	return 0;
}

static inline void fuzz_close(struct blk_dev *dev)
{
	(void)dev;
}

static const struct blk_ops fuzz_ops = {.name = "fuzz", .pread = fuzz_pread, .close = fuzz_close};

static inline struct fuzz_volume fuzz_volume(const uint8_t *data, size_t size)
{
	return (struct fuzz_volume){
		.dev = {.ops = &fuzz_ops,
			.name = "fuzz",
			.size = get_le16(data) * 4096ULL,
			.sector_size = 512u << data[2] % 4},
		.pieces = data + 3,
		.len = size - 3,
	};
}

/* What fsmap.h promises for any content. */
static inline void fuzz_check_map(const struct fsmap *map)
{
	uint64_t end = 0;
	for (size_t i = 0; i < map->used.n; i++) {
		const struct sv_extent *e = &map->used.v[i];
		must(e->len > 0 && (i == 0 || e->start > end));
		must(sv_range_ok(e->start, e->len, map->size));
		end = e->start + e->len;
	}
	must(memchr(map->label, 0, sizeof(map->label)) && memchr(map->uuid, 0, sizeof(map->uuid)));
	must(map->state != FSMAP_WHOLE || sv_extents_total(&map->used) == map->size);
	must((map->state == FSMAP_EXACT) == (map->reason[0] == '\0'));
}

/* The volume, or what stands before it to make reads fail. */
static inline struct blk_dev *fuzz_open(struct fuzz_volume *vol, const uint8_t *data)
{
	struct blk_dev *dev = &vol->dev;
	if (data[2] & FUZZ_BAD && vol->len > 5) {
		const struct blk_fault_rule rule = {.ops = BLK_FAULT_READ,
						    .start = (uint64_t)get_le32(data + 3) *
							     FUZZ_UNIT,
						    .len = FUZZ_UNIT,
						    .sys_errno = EIO};
		must(!blk_fault_create(&vol->dev, &dev) && !blk_fault_add(dev, &rule));
	}
	return dev;
}

/* Read the map of the volume in the input by one reader, or by whichever the probe gives (NULL).
 * `io`: how the volume is read. */
static inline int fuzz_map(const struct blk_ops *io, const struct fsmap_ops *ops, const char *type,
			   const uint8_t *data, size_t size)
{
	struct fsmap *map = NULL;
	if (size < 3)
		return -1;
	struct fuzz_volume vol = fuzz_volume(data, size);
	vol.dev.ops = io;
	struct blk_dev *dev = fuzz_open(&vol, data);
	must(!(ops ? fsmap_read_as(dev, ops, type, &map, NULL)
		   : fsmap_read(dev, NULL, &map, NULL)));
	fuzz_check_map(map);
	fsmap_destroy(map);
	blk_close(dev);
	return 0;
}

static inline int fuzz_reader(const struct fsmap_ops *ops, const char *type, const uint8_t *data,
			      size_t size)
{
	return fuzz_map(&fuzz_ops, ops, type, data, size);
}

#endif
