/* test_fsmap.c - the core of the map readers, and the probe */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/reader.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE (16 * SV_MIB)

static char dir[64];

static struct blk_dev *blank(void)
{
	struct blk_dev *dev = NULL;
	assert_int_equal(blk_mem_create(NULL, SIZE, 512, &dev), 0);
	return dev;
}

/* Run one reader over a blank volume. */
static struct fsmap *run(struct blk_dev *vol, int (*read)(struct fsmap_reader *))
{
	struct fsmap_ops ops = {.name = "test", .read = read};
	struct fsmap *map = NULL;
	assert_int_equal(fsmap_read_as(vol, &ops, "test", &map, NULL), 0);
	fixture_check_map(map);
	return map;
}

static struct fsmap *run_blank(int (*read)(struct fsmap_reader *))
{
	struct blk_dev *vol = blank();
	struct fsmap *map = run(vol, read);
	blk_close(vol);
	return map;
}

static void expect_used(const struct fsmap *map, const struct sv_extent *want, size_t n)
{
	assert_int_equal(map->used.n, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(map->used.v[i].start, want[i].start);
		assert_int_equal(map->used.v[i].len, want[i].len);
	}
}

static void expect_whole(struct fsmap *map, const char *reason)
{
	assert_int_equal(map->state, FSMAP_WHOLE);
	if (!strstr(map->reason, reason))
		fail_msg("\"%s\" is not in \"%s\"", reason, map->reason);
	fsmap_destroy(map);
}

static int marks_all(struct fsmap_reader *r)
{
	return fsmap_mark_free(r, 0, fsmap_size(r));
}

static void test_both_ends_are_always_read(void **state)
{
	(void)state;
	struct fsmap *map = run_blank(marks_all);
	const struct sv_extent want[] = {{0, SV_MIB}, {SIZE - SV_MIB, SV_MIB}};
	assert_int_equal(map->state, FSMAP_EXACT);
	expect_used(map, want, 2);
	fsmap_destroy(map);
}

static int marks_nothing(struct fsmap_reader *r)
{
	(void)r;
	return 0;
}

static void test_nothing_proven_is_all_used(void **state)
{
	(void)state;
	struct fsmap *map = run_blank(marks_nothing);
	const struct sv_extent want[] = {{0, SIZE}};
	expect_used(map, want, 1);
	fsmap_destroy(map);
}

static int marks_in_disorder(struct fsmap_reader *r)
{
	int rc = fsmap_mark_used(r, 5 * SV_MIB, 100);
	if (!rc)
		rc = fsmap_mark_free(r, 8 * SV_MIB, SV_MIB);
	if (!rc)
		rc = fsmap_mark_free(r, 4 * SV_MIB, 5 * SV_MIB);
	if (!rc)
		rc = fsmap_mark_used(r, 8 * SV_MIB, 512);
	fsmap_union(r, "a test");
	return rc;
}

static void test_used_wins_in_any_order(void **state)
{
	(void)state;
	struct fsmap *map = run_blank(marks_in_disorder);
	const struct sv_extent want[] = {
		{0, 4 * SV_MIB},
		{5 * SV_MIB, 100},
		{8 * SV_MIB, 512},
		{9 * SV_MIB, SIZE - 9 * SV_MIB},
	};
	assert_int_equal(map->state, FSMAP_UNION);
	assert_string_equal(map->reason, "a test");
	expect_used(map, want, 4);
	fsmap_destroy(map);
}

static int marks_a_bitmap(struct fsmap_reader *r)
{
	/* bits 0..7 used, 8..15 free, 16 used, 17..23 free, the rest used; the first ten do not
	 * count */
	const uint8_t bitmap[] = {0xff, 0x00, 0x01, 0xff, 0x0f};
	return fsmap_mark_bitmap(r, bitmap, 10, 36, 2 * SV_MIB, 4096);
}

static void test_bitmap(void **state)
{
	(void)state;
	struct fsmap *map = run_blank(marks_a_bitmap);
	const uint64_t base = 2 * SV_MIB;
	const struct sv_extent want[] = {
		{0, base + 10 * 4096},
		{base + 16 * 4096, 4096},
		{base + 24 * 4096, SIZE - base - 24 * 4096},
	};
	expect_used(map, want, 3);
	fsmap_destroy(map);
}

/* Every bitmap of two bytes and every window in it, against bits looked at one by one. */
static const uint8_t *some_bitmap;
static uint64_t first_bit, end_bit;

static int marks_some_bitmap(struct fsmap_reader *r)
{
	return fsmap_mark_bitmap(r, some_bitmap, first_bit, end_bit, 2 * SV_MIB, 1);
}

static void test_bitmap_against_single_bits(void **state)
{
	(void)state;
	struct blk_dev *vol = blank();
	for (unsigned int value = 0; value < 65536; value += 37) {
		uint8_t bitmap[3] = {(uint8_t)value, (uint8_t)(value >> 8), 0};
		some_bitmap = bitmap;
		first_bit = value % 7;
		end_bit = 24 - value % 11;
		struct fsmap *map = run(vol, marks_some_bitmap);
		for (uint64_t bit = 0; bit < 24; bit++) {
			bool used = (bitmap[bit / 8] >> (bit % 8) & 1) || bit < first_bit ||
				    bit >= end_bit;
			assert_int_equal(sv_extents_contain(&map->used, 2 * SV_MIB + bit, 1), used);
		}
		fsmap_destroy(map);
	}
	blk_close(vol);
}

static int frees_its_metadata(struct fsmap_reader *r)
{
	uint8_t block[512];
	int rc = fsmap_read_meta(r, block, sizeof(block), 6 * SV_MIB, "a block");
	return rc ? rc : fsmap_mark_free(r, 4 * SV_MIB, 4 * SV_MIB);
}

static int frees_its_hint(struct fsmap_reader *r)
{
	uint8_t block[512];
	int rc = fsmap_read_hint(r, block, sizeof(block), 6 * SV_MIB, "a block");
	return rc ? rc : fsmap_mark_free(r, 4 * SV_MIB, 4 * SV_MIB);
}

static void test_self_check(void **state)
{
	(void)state;
	expect_whole(run_blank(frees_its_metadata), "its own metadata at 6291456 is free");
	struct fsmap *map = run_blank(frees_its_hint);
	assert_int_equal(map->state, FSMAP_EXACT);
	assert_int_equal(sv_extents_total(&map->used), SIZE - 4 * SV_MIB);
	fsmap_destroy(map);
}

static int frees_too_far(struct fsmap_reader *r)
{
	return fsmap_mark_free(r, SIZE - 512, 1024);
}

static int frees_around(struct fsmap_reader *r)
{
	return fsmap_mark_free(r, UINT64_MAX - 511, 1024);
}

static int uses_too_far(struct fsmap_reader *r)
{
	return fsmap_mark_used(r, SIZE, 1);
}

static int overflows(struct fsmap_reader *r)
{
	uint8_t zero = 0;
	return fsmap_mark_bitmap(r, &zero, 0, 8, 0, UINT64_MAX / 4);
}

static int reads_too_far(struct fsmap_reader *r)
{
	uint8_t block[512];
	return fsmap_read_meta(r, block, sizeof(block), SIZE, "the block");
}

/* A reader that forgets its doubt must not get a map with holes. */
static int forgets(struct fsmap_reader *r)
{
	fsmap_whole(r, "the first reason");
	fsmap_whole(r, "the second");
	return fsmap_mark_free(r, 2 * SV_MIB, SV_MIB);
}

static int fails_strangely(struct fsmap_reader *r)
{
	(void)r;
	return SV_E_DATA;
}

static void test_doubts(void **state)
{
	(void)state;
	expect_whole(run_blank(frees_too_far), "beyond the end of the volume");
	expect_whole(run_blank(frees_around), "beyond the end of the volume");
	expect_whole(run_blank(uses_too_far), "beyond the end of the volume");
	expect_whole(run_blank(overflows), "beyond");
	expect_whole(run_blank(reads_too_far), "the block would lie outside of the volume");
	expect_whole(run_blank(forgets), "the first reason");
	expect_whole(run_blank(fails_strangely), "could not be read");
}

static void test_unreadable_metadata(void **state)
{
	(void)state;
	struct blk_dev *vol = blank(), *faulty = NULL;
	const struct blk_fault_rule rule = {
		.ops = BLK_FAULT_READ, .start = 6 * SV_MIB, .len = 1, .sys_errno = EIO};
	assert_int_equal(blk_fault_create(vol, &faulty), 0);
	assert_int_equal(blk_fault_add(faulty, &rule), 0);
	expect_whole(run(faulty, frees_its_metadata), "a block at 6291456 cannot be read");
	blk_close(faulty);
	blk_close(vol);
}

/* More free ranges than are held: the map only grows, and memory stays bounded. */
static int frees_every_other_byte(struct fsmap_reader *r)
{
	int rc = fsmap_mark_free(r, 12 * SV_MIB, 64 * SV_KIB);
	for (uint64_t i = 0; !rc && i < 5 * SV_MIB; i++)
		rc = fsmap_mark_free(r, SV_MIB + 2 * i, 1);
	return rc;
}

static int uses_every_other_byte(struct fsmap_reader *r)
{
	int rc = fsmap_mark_free(r, SV_MIB, 14 * SV_MIB);
	for (uint64_t i = 0; !rc && i < 5 * SV_MIB; i++)
		rc = fsmap_mark_used(r, SV_MIB + 2 * i, 1);
	return rc;
}

static void test_very_many_ranges(void **state)
{
	(void)state;
	struct fsmap *map = run_blank(frees_every_other_byte);
	assert_int_equal(map->state, FSMAP_EXACT);
	assert_false(sv_extents_contain(&map->used, 12 * SV_MIB, 1));
	for (uint64_t i = 0; i < 5 * SV_MIB; i++)
		assert_true(sv_extents_contain(&map->used, SV_MIB + 2 * i + 1, 1));
	fsmap_destroy(map);
	map = run_blank(uses_every_other_byte);
	for (uint64_t i = 0; i < 5 * SV_MIB; i++)
		assert_true(sv_extents_contain(&map->used, SV_MIB + 2 * i, 1));
	assert_false(sv_extents_contain(&map->used, 13 * SV_MIB, 1));
	fsmap_destroy(map);
}

static void test_digest_covers_every_read(void **state)
{
	(void)state;
	struct blk_dev *vol = blank();
	struct fsmap *before = run(vol, frees_its_hint), *same = run(vol, frees_its_hint);
	blk_mem_data(vol)[6 * SV_MIB + 100] ^= 1;
	struct fsmap *after = run(vol, frees_its_hint);
	struct fsmap *none = run(vol, marks_all);
	assert_memory_equal(&before->meta_digest, &same->meta_digest, sizeof(same->meta_digest));
	assert_memory_not_equal(&before->meta_digest, &after->meta_digest,
				sizeof(after->meta_digest));
	assert_memory_not_equal(&before->meta_digest, &none->meta_digest,
				sizeof(none->meta_digest));
	fsmap_destroy(before);
	fsmap_destroy(same);
	fsmap_destroy(after);
	fsmap_destroy(none);
	blk_close(vol);
}

/* ---- what libblkid sees ---- */

static struct fsmap *map_made(uint64_t size, const char *command)
{
	fixture_empty(dir, "img", size);
	fixture_must(dir, "%s", command);
	struct blk_dev *vol = fixture_load(dir, "img", 512);
	struct fsmap *map = fixture_map(vol);
	blk_close(vol);
	return map;
}

static void test_blank_volume(void **state)
{
	(void)state;
	struct blk_dev *vol = blank(), *none = NULL;
	struct fsmap *map = fixture_map(vol);
	assert_string_equal(map->fs, "");
	expect_whole(map, "no known filesystem");
	assert_int_equal(blk_mem_create(NULL, 0, 512, &none), 0);
	expect_whole(fixture_map(none), "no known filesystem");
	blk_close(none);
	blk_close(vol);
}

static void test_type_label_uuid(void **state)
{
	(void)state;
	struct fsmap *map = map_made(16 * SV_MIB, "mkfs.fat -F 16 -i 1234abcd -n SALVOR img");
	assert_string_equal(map->fs, "vfat");
	assert_string_equal(map->label, "SALVOR");
	assert_string_equal(map->uuid, "1234-ABCD");
	fsmap_destroy(map);
	map = map_made(8 * SV_MIB, "mkswap -L pages -U 01234567-89ab-cdef-0123-456789abcdef img");
	assert_string_equal(map->fs, "swap");
	assert_string_equal(map->label, "pages");
	assert_string_equal(map->uuid, "01234567-89ab-cdef-0123-456789abcdef");
	fsmap_destroy(map);
}

/* The root folder behind two large FATs, and the MFT in the middle: outside of the usual places. */
static void test_label_far_inside(void **state)
{
	(void)state;
	struct fsmap *map = map_made(600 * SV_MIB, "mkfs.fat -F 32 -s 1 img && "
						   "mlabel -i img ::FARAWAY");
	assert_string_equal(map->label, "FARAWAY");
	fsmap_destroy(map);
	map = map_made(600 * SV_MIB, "mkfs.fat -F 32 -s 1 -R 32 -n OTHER img && "
				     "printf 'NO NAME    ' | dd of=img bs=1 seek=71 conv=notrunc");
	assert_string_equal(map->label, "OTHER");
	fsmap_destroy(map);
	map = map_made(64 * SV_MIB, "mkfs.ntfs -F -q -L 'Windows disk' img");
	assert_string_equal(map->fs, "ntfs");
	assert_string_equal(map->label, "Windows disk");
	fsmap_destroy(map);
}

static void test_two_types_at_once(void **state)
{
	(void)state;
	struct fsmap *map =
		map_made(16 * SV_MIB, "mkfs.fat -F 16 img && "
				      "mkswap img 2>&1 && mkfs.fat -F 16 -C other 16384 && "
				      "dd if=other of=img bs=512 count=1 conv=notrunc");
	expect_whole(map, "signatures of more than one type");
}

static void test_known_but_no_reader(void **state)
{
	(void)state;
	/* SquashFS: magic and version are all that is asked for */
	struct fsmap *map =
		map_made(8 * SV_MIB, "printf 'hsqs' | dd of=img bs=1 conv=notrunc && printf "
				     "'\\004' | dd of=img bs=1 seek=28 conv=notrunc");
	assert_string_equal(map->fs, "squashfs");
	expect_whole(map, "Salvor has no map of SquashFS: everything is read");
}

/* Whatever this libblkid knows has a reader, or a name that people know. */
static void test_type_names(void **state)
{
	(void)state;
	char *out, *rest, *type;
	assert_int_equal(fixture_run(dir, &out, "blkid -k"), 0);
	for (type = strtok_r(out, "\n", &rest); type; type = strtok_r(NULL, "\n", &rest))
		if (!fsmap_ops_find(type) && fsmap_type_name(type) == type)
			fail_msg("%s has no reader and no name", type);
	free(out);
	assert_string_equal(fsmap_type_name("zfs_member"), "ZFS");
	assert_string_equal(fsmap_type_name("ext4"), "ext4");
	assert_string_equal(fsmap_type_name(""), "");
	assert_true(fsmap_type_is_member("zfs_member") &&
		    fsmap_type_is_member("linux_raid_member"));
	assert_false(fsmap_type_is_member("LVM2_member") || fsmap_type_is_member("") ||
		     fsmap_type_is_member("ext4"));
}

static void test_unreadable_start(void **state)
{
	(void)state;
	struct blk_dev *vol = blank(), *faulty = NULL;
	const struct blk_fault_rule rule = {.ops = BLK_FAULT_READ, .sys_errno = EIO};
	assert_int_equal(blk_fault_create(vol, &faulty), 0);
	assert_int_equal(blk_fault_add(faulty, &rule), 0);
	expect_whole(fixture_map(faulty), "could not be read");
	blk_close(faulty);
	blk_close(vol);
}

static void test_state_names(void **state)
{
	(void)state;
	assert_string_equal(fsmap_state_name(FSMAP_EXACT), "exact");
	assert_string_equal(fsmap_state_name(FSMAP_UNION), "union");
	assert_string_equal(fsmap_state_name(FSMAP_WHOLE), "whole");
	fsmap_destroy(NULL);
}

static int setup(void **state)
{
	(void)state;
	return scratch_make(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ends_are_always_read),
		cmocka_unit_test(test_nothing_proven_is_all_used),
		cmocka_unit_test(test_used_wins_in_any_order),
		cmocka_unit_test(test_bitmap),
		cmocka_unit_test(test_bitmap_against_single_bits),
		cmocka_unit_test(test_self_check),
		cmocka_unit_test(test_doubts),
		cmocka_unit_test(test_unreadable_metadata),
		cmocka_unit_test(test_very_many_ranges),
		cmocka_unit_test(test_digest_covers_every_read),
		cmocka_unit_test(test_blank_volume),
		cmocka_unit_test(test_type_label_uuid),
		cmocka_unit_test(test_label_far_inside),
		cmocka_unit_test(test_two_types_at_once),
		cmocka_unit_test(test_known_but_no_reader),
		cmocka_unit_test(test_type_names),
		cmocka_unit_test(test_unreadable_start),
		cmocka_unit_test(test_state_names),
	};
	return cmocka_run_group_tests_name("fsmap", tests, setup, teardown);
}
