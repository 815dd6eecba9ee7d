/* reader.h - what a map reader of one filesystem implements and may call; private to engine/fsmap
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_READER_H
#define SV_FSMAP_READER_H

#include "engine/fsmap/fsmap.h"

struct fsmap_reader; /* one reading of one volume; made by fsmap_read() */

/* A reader returns 0 (map stands), FSMAP_IS_WHOLE (after fsmap_whole()), or SV_E_NOMEM. */
#define FSMAP_IS_WHOLE 1

/* One filesystem. Registered in the const array of registry.c, ordered; the first whose `types`
 * holds libblkid's name is asked. */
struct fsmap_ops {
	const char *name;
	const char *const *types; /* NULL-terminated libblkid type names */
	int (*read)(struct fsmap_reader *r);
};

extern const struct fsmap_ops fsmap_ext_ops, fsmap_ntfs_ops, fsmap_fat_ops, fsmap_swap_ops;

/* fsmap_read() without the probe: this reader, under this type name. For tests and fuzzers. */
int fsmap_read_as(struct blk_dev *vol, const struct fsmap_ops *ops, const char *type,
		  struct fsmap **map_ret, struct sv_err *err);

/* The reader for a libblkid type name, NULL when there is none. */
const struct fsmap_ops *fsmap_ops_find(const char *type);

/* The volume's size in bytes, sector size, and libblkid's type name. */
uint64_t fsmap_size(const struct fsmap_reader *r);
uint32_t fsmap_sector_size(const struct fsmap_reader *r);
const char *fsmap_type(const struct fsmap_reader *r);

/*
 * Read metadata: records the range (it must be in the finished map) and adds the bytes to the
 * digest. Returns 0; an unreadable or out-of-range block calls fsmap_whole() itself with `what` in
 * the reason and returns FSMAP_IS_WHOLE. SV_E_NOMEM.
 */
int fsmap_read_meta(struct fsmap_reader *r, void *buf, size_t len, uint64_t off, const char *what);

/* The same for bytes that need not be used afterwards (a bitmap's copy in a log, a file's head):
 * only digest, no self-check. */
int fsmap_read_hint(struct fsmap_reader *r, void *buf, size_t len, uint64_t off, const char *what);

/* This range is proven free. Out-of-range is whole. 0, FSMAP_IS_WHOLE or SV_E_NOMEM. */
int fsmap_mark_free(struct fsmap_reader *r, uint64_t off, uint64_t len);

/* This range is used whatever was or will be marked free (wins over fsmap_mark_free, in any order).
 */
int fsmap_mark_used(struct fsmap_reader *r, uint64_t off, uint64_t len);

/* Mark free by a bitmap: bit i (LSB first in each byte) stands for [base + i * unit, + unit); 0 =
 * free. Bits from `first_bit` up to `bits`. */
int fsmap_mark_bitmap(struct fsmap_reader *r, const uint8_t *bitmap, uint64_t first_bit,
		      uint64_t bits, uint64_t base, uint64_t unit);

/* Doubt: the volume is read whole, for this reason. Returns FSMAP_IS_WHOLE. The first reason
 * stands. */
int fsmap_whole(struct fsmap_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The map is a union because of ... (call at most once). */
void fsmap_union(struct fsmap_reader *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void fsmap_set_block_size(struct fsmap_reader *r, uint32_t block_size);
/* This volume holds a suspended system. */
void fsmap_set_hibernated(struct fsmap_reader *r);

#endif
