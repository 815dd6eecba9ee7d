/* ntfs_union.c - a small NTFS that was not shut down cleanly, for tests */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/ntfs_union.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"

#include <string.h>

struct fsmap *ntfs_union_map(struct ntfs_image *img, bool wanted)
{
	struct fsmap_how how = {.ntfs_union = wanted};
	struct fsmap *map = NULL;
	assert_int_equal(fsmap_read(img->dev, &how, &map, NULL), 0);
	fixture_check_map(map);
	return map;
}

void ntfs_union_expect_whole_as(struct ntfs_image *img, bool wanted, const char *reason)
{
	struct fsmap *map = ntfs_union_map(img, wanted);
	if (map->state != FSMAP_WHOLE || !strstr(map->reason, reason))
		fail_msg("\"%s\" is not in %s \"%s\"", reason, fsmap_state_name(map->state),
			 map->reason);
	fsmap_destroy(map);
}

void ntfs_union_expect_whole(struct ntfs_image *img, const char *reason)
{
	ntfs_union_expect_whole_as(img, true, reason);
}

struct fsmap *ntfs_union_expect(struct ntfs_image *img)
{
	struct fsmap *map = ntfs_union_map(img, true);
	if (map->state != FSMAP_UNION)
		fail_msg("%s: %s", fsmap_state_name(map->state), map->reason);
	assert_non_null(strstr(map->reason, FSMAP_NTFS_UNITED));
	assert_true(map->unsettled);
	return map;
}

bool ntfs_union_is_used(const struct fsmap *map, uint64_t cluster, uint64_t n)
{
	return sv_extents_contain(&map->used, cluster * NTFS_UNION_CLUSTER, n * NTFS_UNION_CLUSTER);
}

bool ntfs_union_bit(struct ntfs_image *img, uint64_t cluster)
{
	return *ntfs_image_bitmap(img, cluster) >> cluster % 8 & 1;
}

void ntfs_union_clear_bit(struct ntfs_image *img, uint64_t cluster)
{
	*ntfs_image_bitmap(img, cluster) &= (uint8_t) ~(1u << cluster % 8);
}

uint64_t ntfs_union_free_run(struct ntfs_image *img, uint64_t from, uint64_t n)
{
	uint64_t found = 0;
	for (uint64_t i = SV_MAX(from, SV_MIB / NTFS_UNION_CLUSTER);
	     i < img->clusters - SV_MIB / NTFS_UNION_CLUSTER; i++)
		if ((found = ntfs_union_bit(img, i) ? 0 : found + 1) == n)
			return i - n + 1;
	fail_msg("no %d clusters are free", (int)n);
	return 0;
}

void ntfs_union_expect_more(struct ntfs_image *img, const struct fsmap *map, uint64_t more)
{
	uint64_t used = 0;
	for (uint64_t i = SV_MIB / NTFS_UNION_CLUSTER;
	     i < img->clusters - SV_MIB / NTFS_UNION_CLUSTER; i++) {
		bool in_map = ntfs_union_is_used(map, i, 1);
		if (ntfs_union_bit(img, i))
			assert_true(in_map);
		else
			used += in_map;
	}
	assert_int_equal(used, more);
}

struct ntfs_image ntfs_union_make(const char *dir)
{
	ntfs_make(dir, NTFS_UNION_IMAGE, 24 * SV_MIB, NTFS_UNION_CLUSTER, 512);
	fixture_must(dir, "head -c 300000 /dev/urandom > file");
	fixture_must(dir, "ntfscp -q %s file file", NTFS_UNION_IMAGE);
	return ntfs_image_of(fixture_load(dir, NTFS_UNION_IMAGE, 512));
}

void ntfs_union_mark_dirty(struct ntfs_image *img, uint16_t flags)
{
	uint8_t *rec = ntfs_image_open(img, 3);
	uint8_t *attr = ntfs_image_attr(img, rec, 0x70, "");
	put_le16(attr + get_le16(attr + 20) + 10, flags);
	ntfs_image_close(img, 3);
}

uint32_t ntfs_union_file(struct ntfs_image *img, uint64_t *lcn)
{
	for (uint32_t n = 64; n < 80; n++) {
		uint8_t *rec = img->data + img->mft + (uint64_t)n * img->record;
		if (memcmp(rec, "FILE", 4) != 0 || !(get_le16(rec + 22) & 1))
			continue;
		*lcn = ntfs_image_lcn(img, n, 0x80, "");
		return n;
	}
	fail_msg("there is no file");
	return 0;
}

uint64_t ntfs_union_bitmap(struct ntfs_image *img)
{
	return ntfs_image_lcn(img, 6, 0x80, "");
}

uint64_t ntfs_union_put_bits(struct ntfs_log_maker *m, uint16_t redo, uint16_t undo, uint64_t first,
			     uint32_t n)
{
	uint8_t range[8];
	uint64_t vcn = first / 8 / NTFS_UNION_CLUSTER;
	put_le32(range, (uint32_t)(first - vcn * NTFS_UNION_CLUSTER * 8));
	put_le32(range + 4, n);
	struct ntfs_log_change c = {
		.redo_op = redo,
		.undo_op = undo,
		.redo = range,
		.redo_len = redo ? 8 : 0,
		.undo = range,
		.undo_len = undo ? 8 : 0,
		.vcn = vcn,
		.lcns = {ntfs_union_bitmap(m->img) + vcn},
		.n_lcns = 1,
	};
	return ntfs_log_put(m, &c);
}

uint64_t ntfs_union_put_other(struct ntfs_log_maker *m, uint64_t lcn, uint32_t pad)
{
	struct ntfs_log_change c = {.redo_op = RESIDENT,
				    .undo_op = RESIDENT,
				    .redo = "12345678",
				    .redo_len = 8,
				    .vcn = 10,
				    .lcns = {lcn},
				    .n_lcns = 1,
				    .pad = pad};
	return ntfs_log_put(m, &c);
}

uint16_t ntfs_union_build_attr(uint8_t *p, uint64_t lcn, uint32_t n)
{
	memset(p, 0, 0x50);
	put_le32(p, 0x80);
	put_le32(p + 4, 0x50);
	p[8] = 1;
	put_le64(p + 0x18, n - 1);
	put_le16(p + 0x20, 0x40);
	p[0x40] = 0x44;
	put_le32(p + 0x41, n);
	put_le32(p + 0x45, (uint32_t)lcn);
	return 0x50;
}

uint16_t ntfs_union_build_record(uint8_t *p, uint64_t lcn, uint32_t n)
{
	memset(p, 0, 0x38);
	memcpy(p, "FILE", 4);
	put_le16(p + 0x14, 0x38);
	put_le16(p + 0x16, 1);
	uint16_t len = (uint16_t)(0x38 + ntfs_union_build_attr(p + 0x38, lcn, n));
	put_le32(p + len, 0xffffffff);
	put_le32(p + 0x18, len + 8u);
	put_le32(p + len + 4, 0);
	return (uint16_t)(len + 8);
}
