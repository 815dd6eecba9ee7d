/* fuzz_fsmap.h - what the fuzz targets of the map readers share */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FUZZ_FSMAP_H
#define TESTS_FUZZ_FSMAP_H

#include "engine/fsmap/reader.h"
#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

/*
 * Input: a sparse volume, as pack.py writes it. le16 size in units of 4 KiB, a byte whose low bits
 * choose the sector size, then pieces of content: le32 place in units of 64 bytes, a byte for
 * their number of such units, and the bytes. What lies outside of the volume is left out.
 */
#define FUZZ_UNIT 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_must(bool ok)
{
	if (!ok)
		abort();
}

/* The volume is never spread out in memory: an input costs what the reader reads of it. */
struct fuzz_volume {
	struct blk_dev dev;
	const uint8_t *pieces;
	size_t len;
};

/* The part of a piece of content that lies in [off, off + len). */
static inline void fuzz_lay(uint8_t *buf, size_t len, uint64_t off, const uint8_t *piece,
			    size_t piece_len, uint64_t at)
{
	uint64_t start = SV_MAX(at, off), end = SV_MIN(at + piece_len, off + len);
	if (start < end)
		memcpy(buf + (start - off), piece + (start - at), (size_t)(end - start));
}

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
		fuzz_must(e->len > 0 && (i == 0 || e->start > end));
		fuzz_must(sv_range_ok(e->start, e->len, map->size));
		end = e->start + e->len;
	}
	fuzz_must(map->state != FSMAP_WHOLE || sv_extents_total(&map->used) == map->size);
	fuzz_must((map->state == FSMAP_EXACT) == (map->reason[0] == '\0'));
}

/* Read the volume in the input by one reader, without the probe. */
static inline int fuzz_reader(const struct fsmap_ops *ops, const char *type, const uint8_t *data,
			      size_t size)
{
	struct fsmap *map = NULL;
	if (size < 3)
		return 0;
	struct fuzz_volume vol = fuzz_volume(data, size);
	fuzz_must(!fsmap_read_as(&vol.dev, ops, type, &map, NULL));
	fuzz_check_map(map);
	fsmap_destroy(map);
	return 0;
}

#endif
