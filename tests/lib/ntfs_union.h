/* ntfs_union.h - a small NTFS that was not shut down cleanly, for tests: its map, and records of
 * its log */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_NTFS_UNION_H
#define TESTS_NTFS_UNION_H

#include "engine/fsmap/reader.h"
#include "tests/lib/ntfs_image.h"
#include "tests/lib/ntfs_log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NTFS_UNION_IMAGE   "a.img"
#define NTFS_UNION_CLUSTER 4096u
#define NTFS_UNION_UNCLEAN "not shut down cleanly"

/* Operations of the log, as fs/ntfs3/fslog.c of Linux numbers them. */
enum ntfs_union_op {
	INIT_RECORD = 2,
	END_OF_RECORD = 4,
	CREATE_ATTR = 5,
	DELETE_ATTR = 6,
	RESIDENT = 7,
	NON_RESIDENT = 8,
	MAPPING_PAIRS = 9,
	SET_BITS = 0x15,
	CLEAR_BITS = 0x16,
	HOT_FIX = 0x17,
};

/* Everything here asserts. Clusters are counted from the start of the volume. */

/* 24 MiB in `dir`, with one file. */
struct ntfs_image ntfs_union_make(const char *dir);
void ntfs_union_mark_dirty(struct ntfs_image *img, uint16_t flags);
/* The record of the file, and its first cluster. */
uint32_t ntfs_union_file(struct ntfs_image *img, uint64_t *lcn);

/* Its bit in $Bitmap. */
bool ntfs_union_bit(struct ntfs_image *img, uint64_t cluster);
void ntfs_union_clear_bit(struct ntfs_image *img, uint64_t cluster);
/* The first of n free clusters that no rule of the core makes used. */
uint64_t ntfs_union_free_run(struct ntfs_image *img, uint64_t from, uint64_t n);
/* Where $Bitmap is. */
uint64_t ntfs_union_bitmap(struct ntfs_image *img);

/* ---- the map; destroy with fsmap_destroy() ---- */

/* `wanted`: with the switch. */
struct fsmap *ntfs_union_map(struct ntfs_image *img, bool wanted);
struct fsmap *ntfs_union_expect(struct ntfs_image *img);
/* Whole, and the reason has that in it; the second one with the switch. */
void ntfs_union_expect_whole_as(struct ntfs_image *img, bool wanted, const char *reason);
void ntfs_union_expect_whole(struct ntfs_image *img, const char *reason);
bool ntfs_union_is_used(const struct fsmap *map, uint64_t cluster, uint64_t n);
/* Everything $Bitmap has is used, and so many clusters more, in all. */
void ntfs_union_expect_more(struct ntfs_image *img, const struct fsmap *map, uint64_t more);

/* ---- records; their LSNs, or their lengths ---- */

/* Bits [first, first + n) of $Bitmap; `undo` is the other way round. */
uint64_t ntfs_union_put_bits(struct ntfs_log_maker *m, uint16_t redo, uint16_t undo, uint64_t first,
			     uint32_t n);
/* About nothing in particular. */
uint64_t ntfs_union_put_other(struct ntfs_log_maker *m, uint64_t lcn, uint32_t pad);
/* One attribute, not resident, of `n` clusters at `lcn`; and a record of the MFT with it. */
uint16_t ntfs_union_build_attr(uint8_t *p, uint64_t lcn, uint32_t n);
uint16_t ntfs_union_build_record(uint8_t *p, uint64_t lcn, uint32_t n);

#endif
