/* test_xfs.c - maps of XFS against xfs_db and xfs_repair; what is refused; damage */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/noise.h"
#include "tests/lib/scratch.h"
#include "tests/lib/xfs_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char dir[64];

/* Versions, sizes of blocks and sectors, every tree and feature that mkfs.xfs knows. */
static const struct {
	const char *options, *size;
	uint32_t block;
} shapes[] = {
	{"", "40M", 4096},
	{"-b size=1024 -m rmapbt=1,reflink=1 -i nrext64=1,sparse=1", "64M", 1024},
	{"-b size=2048 -m finobt=0,reflink=0,bigtime=0,inobtcount=0 -d agcount=1", "40M", 2048},
	{"-b size=16384 -d agcount=2", "64M", 16384},
	{"-s size=4096 -m rmapbt=1 -d agcount=3", "64M", 4096},
	{"-d agcount=7 -l su=32k,size=8m", "128M", 4096},
	{"-m crc=0 -b size=512", "40M", 512},
	{"-m crc=0 -n ftype=1 -d agcount=5 -l agnum=2", "96M", 4096},
	{"-m crc=0 -b size=1024 -l version=1,lazy-count=0 -i attr=1", "40M", 1024},
};

static struct fsmap *map_image(const char *options, uint32_t block)
{
	return fixture_exact(dir, "img", "xfs", block, options);
}

static void same_as_oracle(const struct fsmap *map)
{
	struct sv_extents used = {0};
	xfs_image_used(dir, "img", &used);
	assert_int_equal(map->used.n, used.n);
	assert_memory_equal(map->used.v, used.v, used.n * sizeof(*used.v));
	sv_extents_clear(&used);
}

/* Only the used ranges on poison: xfs_repair finds nothing, and the content of files is the same to
 * it. */
static void restore_on_poison(const struct fsmap *map)
{
	fixture_copy_used(map, dir, "img", "copy");
	fixture_must(dir, "xfs_repair -n -f -o force_geometry copy && rm copy");
}

static void test_empty(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(shapes); i += 3) {
		xfs_image_make(dir, "img", shapes[i].options, shapes[i].size, 0);
		struct fsmap *map = map_image(shapes[i].options, shapes[i].block);
		same_as_oracle(map);
		fsmap_destroy(map);
	}
}

static void test_fragmented(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(shapes); i++) {
		xfs_image_make(dir, "img", shapes[i].options, shapes[i].size, 300);
		xfs_image_fragment(dir, "img");
		struct fsmap *map = map_image(shapes[i].options, shapes[i].block);
		same_as_oracle(map);
		assert_true(map->used.n > 20);
		restore_on_poison(map);
		fsmap_destroy(map);
	}
}

/* Trees of more than one level, and of more than one node. */
static void test_tall_trees(void **state)
{
	(void)state;
	char *text;
	xfs_image_make(dir, "img", "-m crc=0 -b size=512 -d agcount=1", "40M", 4500);
	xfs_image_fragment(dir, "img");
	assert_int_equal(fixture_run(dir, &text, "xfs_db -r -f -c 'agf 0' -c 'p bnolevel' img"), 0);
	assert_true(fixture_number(text, "bnolevel") >= 3);
	free(text);
	struct fsmap *map = map_image("tall", 512);
	same_as_oracle(map);
	fsmap_destroy(map);
}

/* The filesystem ends before its volume does. */
static void test_tail(void **state)
{
	(void)state;
	xfs_image_make(dir, "img", "", "40M", 0);
	fixture_must(dir, "truncate -s +9M img");
	struct fsmap *map = map_image("tail", 4096);
	assert_true(sv_extents_contain(&map->used, 40 * SV_MIB, 9 * SV_MIB));
	assert_true(sv_extents_total(&map->used) < map->size);
	fsmap_destroy(map);
}

static void test_other_devices(void **state)
{
	(void)state;
	struct noise n = {.ops = &fsmap_xfs_ops, .type = "xfs"};
	fixture_empty(dir, "img", 40 * SV_MIB);
	fixture_empty(dir, "other", 40 * SV_MIB);
	fixture_must(dir, "mkfs.xfs -q -f --unsupported -l logdev=other,size=8m img");
	n.mem = fixture_load(dir, "img", 512);
	noise_expect_whole(&n, "its log is on another device");
	blk_close(n.mem);
	fixture_must(dir, "mkfs.xfs -q -f --unsupported -r rtdev=other img");
	n.mem = fixture_load(dir, "img", 512);
	noise_expect_whole(&n, "realtime section");
	blk_close(n.mem);
}

/* ---- one change at a time ---- */

/* Fields of the superblock, and what the map says to their change. */
static const struct {
	size_t off, len;
	uint32_t value;
	const char *reason;
} changes[] = {
	{0, 4, 0x58465343, "no magic number"},
	{4, 4, 1000, "block size"},
	{4, 4, 1 << 17, "block size"},
	{4, 4, 8192, "block size"},
	{102, 2, 256, "sector size"},
	{102, 2, 8192, "sector size"},
	{100, 2, 0xb4a3, "version 3"},
	{100, 2, 0xb4a6, "version 6"},
	{126, 1, 1, "not made completely"},
	{12, 4, 0x7fffffff, "larger than its volume"},
	{8, 4, 0xffffffff, "larger than its volume"},
	{88, 4, 0, "groups do not fit"},
	{88, 4, 9, "groups do not fit"},
	{88, 4, 0xffffffff, "groups do not fit"},
	{84, 4, 63, "groups do not fit"},
	{124, 1, 40, "group size"},
	{124, 1, 20, "group size"},
	{48, 8, 0, "log is on another device"},
	{20, 4, 7, "realtime section"},
	{96, 4, 0, "log is out of place"},
	{96, 4, 0xffffffff, "log is out of place"},
	{52, 4, 0x7fffff00, "log is out of place"},
	{200, 4, 0x1000, "unknown"},
	{208, 4, 1, "compatible"},
	{212, 4, 0x10, "read-only compatible"},
	{216, 4, 0x11, "needing repair"},
	{216, 4, 0x101, "metadata folder"},
	{216, 4, 0x301, "zoned"},
	{216, 4, 0x801, "incompatible"},
	{220, 4, 2, "log features"},
	{148, 4, 5, "its superblock says"},
	{32, 4, 0x12345678, "its log"},
};

static void put_be(uint8_t *p, uint32_t value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(len - 1 - i < 4 ? value >> 8 * (len - 1 - i) : 0);
}

static void test_superblock(void **state)
{
	(void)state;
	struct noise n;
	uint8_t keep[512];
	xfs_image_make(dir, "img", "-d agcount=4", "64M", 20);
	noise_load(&n, dir, "img", &fsmap_xfs_ops, "xfs");
	memcpy(keep, n.data, sizeof(keep));
	for (size_t i = 0; i < SV_ARRAY(changes); i++) {
		put_be(n.data + changes[i].off, changes[i].value, changes[i].len);
		noise_expect_whole(
			&n, changes[i].len == 2 && changes[i].off == 100 ? changes[i].reason : "");
		xfs_image_seal(n.data, 512, 224);
		noise_expect_whole(&n, changes[i].reason);
		memcpy(n.data, keep, sizeof(keep));
	}
	n.data[300] ^= 1;
	noise_expect_whole(&n, "superblock has a wrong checksum");
	noise_free(&n);
}

/* Headers and trees with right checksums and wrong content; `at` is where they are. */
static void change_sealed(struct noise *n, uint64_t at, size_t len, size_t crc, size_t off,
			  uint32_t value, const char *reason)
{
	uint8_t keep[4096];
	assert_true(len <= sizeof(keep));
	memcpy(keep, n->data + at, len);
	n->data[at + off] ^= 1;
	noise_expect_whole(n, "");
	memcpy(n->data + at, keep, len);
	put_be(n->data + at + off, value, 4);
	xfs_image_seal(n->data + at, len, crc);
	noise_expect_whole(n, reason);
	memcpy(n->data + at, keep, len);
}

static void test_headers(void **state)
{
	(void)state;
	struct noise n;
	xfs_image_make(dir, "img", "-d agcount=4", "64M", 20);
	noise_load(&n, dir, "img", &fsmap_xfs_ops, "xfs");
	uint64_t ag = get_be32(n.data + 84) * 4096ull, agf = 2 * ag + 512, agfl = 2 * ag + 1536;
	uint32_t free = get_be32(n.data + agf + 52);
	static const struct {
		size_t off;
		uint32_t value;
		const char *reason;
	} bad[] = {
		{0, 0x58414747, "the header of group 2"},
		{4, 2, "the header of group 2"},
		{8, 1, "the header of group 2"},
		{12, 4095, "the header of group 2"},
		{16, 4096, "the header of group 2"},
		{20, 0xffffffff, "the header of group 2"},
		{28, 0, "the header of group 2"},
		{32, 10, "the header of group 2"},
		{52, 4097, "the header of group 2"},
		{64, 1, "the header of group 2"},
		{16, 3, "damaged"},
		{28, 2, "damaged"},
		{40, 119, "list of kept blocks"},
		{48, 120, "list of kept blocks"},
		{44, 1, "list of kept blocks"},
		{56, 1, "free blocks instead of"},
		{60, 9, "its superblock says"},
	};
	for (size_t i = 0; i < SV_ARRAY(bad); i++)
		change_sealed(&n, agf, 512, 216, bad[i].off, bad[i].value, bad[i].reason);
	change_sealed(&n, agf, 512, 216, 52, free + 1, "free blocks instead of");
	change_sealed(&n, agfl, 512, 32, 0, 1, "list of kept blocks");
	change_sealed(&n, agfl, 512, 32, 4, 1, "list of kept blocks");
	uint32_t first = get_be32(n.data + agf + 40);
	change_sealed(&n, agfl, 512, 32, 36 + 4 * first, 4096, "list of kept blocks");
	change_sealed(&n, agfl, 512, 32, 36 + 4 * first, 4000, "tree of group 2 is damaged");
	noise_free(&n);
}

static void test_trees(void **state)
{
	(void)state;
	struct noise n;
	xfs_image_make(dir, "img", "-d agcount=2", "64M", 200);
	xfs_image_fragment(dir, "img");
	noise_load(&n, dir, "img", &fsmap_xfs_ops, "xfs");
	uint64_t ag = get_be32(n.data + 84) * 4096ull;
	if (get_be16(n.data + get_be32(n.data + 528) * 4096ull + 6) > 20)
		ag = 0; /* the files lie in the first group */
	uint64_t by_block = ag + get_be32(n.data + ag + 528) * 4096ull;
	uint64_t by_count = ag + get_be32(n.data + ag + 532) * 4096ull;
	assert_true(get_be16(n.data + by_block + 6) > 20);
	uint32_t start = get_be32(n.data + by_block + 56), len = get_be32(n.data + by_block + 60);
	static const struct {
		size_t off;
		uint32_t value;
	} bad[] = {
		{0, 0x41423343},  {4, 0x00010020},  {4, 0x00000300}, {8, 9},	     {12, 9},
		{12, 0xfffffff0}, {20, 99},	    {32, 99},	     {48, 1u << 31}, {60, 0},
		{60, 0xffffffff}, {56, 0xfffffff0}, {56, 0},	     {56, 0x2000},   {68, 0x3fff},
	};
	for (size_t i = 0; i < SV_ARRAY(bad); i++)
		change_sealed(&n, by_block, 4096, 52, bad[i].off, bad[i].value,
			      "the free-space tree of group");
	change_sealed(&n, by_block, 4096, 52, 4, 0, "differ");
	change_sealed(&n, by_block, 4096, 52, 56, start - 1, "");
	change_sealed(&n, by_block, 4096, 52, 60, len + 1, "");
	change_sealed(&n, by_count, 4096, 52, 60, 0, "damaged");
	change_sealed(&n, by_count, 4096, 52, 56, start + 100, "");
	noise_free(&n);
}

/* Version 4 has no checksums: only both trees, counts and copies find what is wrong. */
static void test_noise(void **state)
{
	(void)state;
	static const char *const options[] = {"-d agcount=2", "-m crc=0 -d agcount=2",
					      "-m crc=0 -b size=512 -d agcount=1"};
	for (size_t i = 0; i < SV_ARRAY(options); i++) {
		struct noise n;
		xfs_image_make(dir, "img", options[i], "32M", 150);
		xfs_image_fragment(dir, "img");
		noise_load(&n, dir, "img", &fsmap_xfs_ops, "xfs");
		noise_run(&n, 200, 1, 11 + i);
		noise_run(&n, 100, 8, 77 + i);
		noise_unreadable(&n);
		noise_truncated(&n, 1021 * SV_KIB);
		struct fsmap *map = noise_map(&n);
		assert_int_equal(map->state, FSMAP_EXACT);
		fsmap_destroy(map);
		noise_free(&n);
	}
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
		cmocka_unit_test(test_empty),	      cmocka_unit_test(test_fragmented),
		cmocka_unit_test(test_tall_trees),    cmocka_unit_test(test_tail),
		cmocka_unit_test(test_other_devices), cmocka_unit_test(test_superblock),
		cmocka_unit_test(test_headers),	      cmocka_unit_test(test_trees),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests_name("xfs", tests, setup, teardown);
}
