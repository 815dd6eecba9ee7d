/* test_swap.c - maps of swap areas and suspended systems */
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

#include <stdlib.h>
#include <string.h>

#define SIZE (16 * SV_MIB)

static char dir[64];

static struct blk_dev *make_swap(uint32_t page, uint64_t size)
{
	fixture_empty(dir, "img", size);
	fixture_must(dir, "mkswap -f -p %u img", page);
	return fixture_load(dir, "img", 512);
}

static void expect_whole(struct blk_dev *vol, bool hibernated, const char *reason)
{
	struct fsmap *map = fixture_map(vol);
	assert_int_equal(map->state, FSMAP_WHOLE);
	assert_int_equal(map->hibernated, hibernated);
	if (!strstr(map->reason, reason))
		fail_msg("\"%s\" is not in \"%s\"", reason, map->reason);
	fsmap_destroy(map);
}

/* The same without the probe, which refuses some of these areas before the reader sees them. */
static void expect_whole_reader(struct blk_dev *vol, bool hibernated, const char *reason)
{
	struct fsmap *map = NULL;
	assert_int_equal(fsmap_read_as(vol, &fsmap_swap_ops, "swap", &map, NULL), 0);
	fixture_check_map(map);
	assert_int_equal(map->state, FSMAP_WHOLE);
	assert_int_equal(map->hibernated, hibernated);
	if (!strstr(map->reason, reason))
		fail_msg("\"%s\" is not in \"%s\"", reason, map->reason);
	fsmap_destroy(map);
}

static void test_every_page_size(void **state)
{
	(void)state;
	for (uint32_t page = 4096; page <= 65536; page *= 2) {
		struct blk_dev *vol = make_swap(page, SIZE);
		struct fsmap *map = fixture_map(vol);
		assert_int_equal(map->state, FSMAP_EXACT);
		assert_string_equal(map->fs, "swap");
		assert_int_equal(map->block_size, page);
		assert_false(map->hibernated);
		assert_int_equal(sv_extents_total(&map->used), 2 * SV_MIB);
		fsmap_destroy(map);
		blk_close(vol);
	}
}

/* What lies behind the area is not swap's. */
static void test_volume_larger_than_area(void **state)
{
	(void)state;
	struct blk_dev *vol = make_swap(4096, SIZE);
	blk_close(vol);
	fixture_must(dir, "truncate -s +5M img");
	vol = fixture_load(dir, "img", 512);
	struct fsmap *map = fixture_map(vol);
	assert_int_equal(map->state, FSMAP_EXACT);
	assert_int_equal(sv_extents_total(&map->used), 6 * SV_MIB);
	assert_true(sv_extents_contain(&map->used, SIZE, 5 * SV_MIB));
	fsmap_destroy(map);
	blk_close(vol);
}

static void test_area_larger_than_volume(void **state)
{
	(void)state;
	struct blk_dev *vol = make_swap(4096, SIZE), *part = NULL;
	assert_int_equal(blk_window_create(vol, 0, SIZE - 4096, "part", &part, NULL), 0);
	expect_whole(part, false, "does not fit the volume");
	blk_close(part);
	blk_close(vol);
}

/* A suspended system is taken whole and says so, wherever its mark stands. */
static void test_suspended(void **state)
{
	(void)state;
	static const char *const marks[] = {"S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001"};
	for (uint32_t page = 4096; page <= 65536; page *= 2) {
		for (size_t i = 0; i < SV_ARRAY(marks); i++) {
			struct blk_dev *vol = make_swap(page, SIZE);
			memcpy(blk_mem_data(vol) + page - 10, marks[i], strlen(marks[i]));
			expect_whole(vol, true, "a suspended system");
			blk_close(vol);
		}
	}
}

static void test_tuxonice(void **state)
{
	(void)state;
	static const uint8_t mark[] = {0xed, 0xc3, 0x02, 0xe9, 0x98, 0x56, 0xe5, 0x0c};
	struct blk_dev *vol = make_swap(4096, SIZE);
	memcpy(blk_mem_data(vol), mark, sizeof(mark));
	expect_whole_reader(vol, true, "a suspended system");
	blk_close(vol);
}

/* Left over from another page size: the suspended system must not be taken for old swap. */
static void test_two_page_sizes(void **state)
{
	(void)state;
	struct blk_dev *vol = make_swap(4096, SIZE);
	memcpy(blk_mem_data(vol) + 65536 - 10, "SWAPSPACE2", 10);
	expect_whole_reader(vol, false, "more than one page size");
	memcpy(blk_mem_data(vol) + 65536 - 10, "S1SUSPEND", 10);
	expect_whole_reader(vol, true, "a suspended system");
	blk_close(vol);
}

static void test_version_0(void **state)
{
	(void)state;
	struct blk_dev *vol = make_swap(4096, SIZE);
	memcpy(blk_mem_data(vol) + 4086, "SWAP-SPACE", 10);
	expect_whole(vol, false, "version 0");
	blk_close(vol);
}

static void test_damaged_header(void **state)
{
	(void)state;
	struct blk_dev *vol = make_swap(4096, SIZE);
	uint8_t *head = blk_mem_data(vol);
	put_le32(head + 1024, 2);
	expect_whole_reader(vol, false, "version 2");
	put_le32(head + 1024, 1);
	put_le32(head + 1028, 0);
	expect_whole_reader(vol, false, "does not fit");
	put_le32(head + 1028, UINT32_MAX);
	expect_whole_reader(vol, false, "does not fit");
	put_le32(head + 1028, SIZE / 4096 - 1);
	put_le32(head + 1032, 638); /* 637 fit */
	expect_whole_reader(vol, false, "bad pages");
	put_le32(head + 1032, 0);
	memset(head + 4086, 0, 10);
	expect_whole_reader(vol, false, "signature is missing");
	blk_close(vol);
}

static void test_bad_pages(void **state)
{
	(void)state;
	struct blk_dev *vol = make_swap(4096, SIZE);
	put_le32(blk_mem_data(vol) + 1032, 637);
	struct fsmap *map = fixture_map(vol);
	assert_int_equal(map->state, FSMAP_EXACT);
	fsmap_destroy(map);
	blk_close(vol);
}

static void test_too_small(void **state)
{
	(void)state;
	struct blk_dev *vol = NULL;
	for (uint64_t size = 0; size <= 4096; size += 512) {
		assert_int_equal(blk_mem_create(NULL, size, 512, &vol), 0);
		expect_whole_reader(vol, false, size < 4096 ? "too small" : "missing");
		blk_close(vol);
	}
}

/* Rubbish in the header: whole, or the map of a swap area that fits. */
static void test_random_headers(void **state)
{
	(void)state;
	struct blk_dev *vol = make_swap(4096, SIZE);
	uint8_t *head = blk_mem_data(vol), good[4096];
	memcpy(good, head, sizeof(good));
	srand(7);
	for (int round = 0; round < 3000; round++) {
		for (int n = rand() % 4 + 1; n > 0; n--) {
			int at = rand() % 3 ? 1024 + rand() % 12 : rand() % 4096;
			head[at] = (uint8_t)rand();
		}
		struct fsmap *map = NULL;
		assert_int_equal(fsmap_read_as(vol, &fsmap_swap_ops, "swap", &map, NULL), 0);
		fixture_check_map(map);
		if (map->state == FSMAP_EXACT)
			assert_true(((uint64_t)get_le32(head + 1028) + 1) * 4096 <= SIZE);
		fsmap_destroy(map);
		memcpy(head, good, sizeof(good));
	}
	blk_close(vol);
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
		cmocka_unit_test(test_every_page_size),
		cmocka_unit_test(test_volume_larger_than_area),
		cmocka_unit_test(test_area_larger_than_volume),
		cmocka_unit_test(test_suspended),
		cmocka_unit_test(test_tuxonice),
		cmocka_unit_test(test_two_page_sizes),
		cmocka_unit_test(test_version_0),
		cmocka_unit_test(test_damaged_header),
		cmocka_unit_test(test_bad_pages),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_random_headers),
	};
	return cmocka_run_group_tests_name("swap", tests, setup, teardown);
}
