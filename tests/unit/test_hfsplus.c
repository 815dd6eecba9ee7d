/* test_hfsplus.c - maps of HFS+ against sleuthkit; what is refused; damage */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/hfsplus_image.h"
#include "tests/lib/noise.h"
#include "tests/lib/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER 1024u

static char dir[64], top[300];

static const struct {
	const char *options;
	uint64_t size;
	uint32_t block;
} shapes[] = {
	{"", 24 * SV_MIB, 4096},
	{"--files tree", 24 * SV_MIB, 4096},
	{"--files tree --scatter", 24 * SV_MIB, 4096},
	{"--files tree --scatter --block 512 --pieces 12", 24 * SV_MIB, 512},
	{"--files tree --block 1024 --pieces 8 --x", 16 * SV_MIB, 1024},
	{"--files tree --x --journal 1048576", 24 * SV_MIB, 4096},
	{"--files tree --block 32768 --journal 524288", 40 * SV_MIB, 32768},
	{"--files tree --tail 3584", 24 * SV_MIB, 4096},
	{"--files tree --tail 2560", 24 * SV_MIB + 512, 4096},
	{"--files tree --fill 99999999", 16 * SV_MIB, 4096},
	{"--files tree --block 512", 2 * SV_GIB, 512},
};

static void check(const char *name)
{
	fixture_must(dir, "python3 '%s/tests/lib/hfsplus-check.py' %s", top, name);
}

/* Only the used ranges on poison: every block that anything is made of is there. */
static void restore_on_poison(const struct fsmap *map)
{
	fixture_copy_used(map, dir, "img", "copy");
	check("copy");
	fixture_must(dir, "rm -rf dumped && mkdir dumped && tsk_recover -a -f hfs copy dumped && "
			  "rm -rf dumped/'$'* && diff -r tree dumped");
}

static void test_shapes(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(shapes); i++) {
		const char *options = shapes[i].options;
		hfsplus_image_make(dir, options, shapes[i].size);
		struct fsmap *map = fixture_exact(dir, "img", "hfsplus", shapes[i].block, options);
		if (shapes[i].block <= 8192) /* libblkid looks for it at a block's start */
			assert_string_equal(map->label, "t-hfsplus");
		if (shapes[i].size < SV_GIB)
			fixture_same_as_oracle(map, dir, "img", top);
		else /* several pieces of the allocation file */
			assert_true(sv_extents_total(&map->used) < 16 * SV_MIB);
		if (shapes[i].size < SV_GIB && !strstr(options, "fill") && *options)
			restore_on_poison(map);
		fsmap_destroy(map);
	}
}

/* Nothing around the volume is ever free; what is free inside of it is. */
static void test_wrapper(void **state)
{
	(void)state;
	hfsplus_image_make(dir, "--wrapper --files tree", 24 * SV_MIB);
	struct fsmap *map = fixture_exact(dir, "img", "hfsplus", 4096, "wrapper");
	uint64_t inner = 4 * 512 + 8 * 4096;
	fixture_copy_used(map, dir, "img", "copy");
	check("copy");
	assert_true(sv_extents_total(&map->used) < 8 * SV_MIB);
	for (size_t i = 1; i < map->used.n; i++)
		assert_int_equal((map->used.v[i].start - inner) % 4096,
				 i + 1 < map->used.n ? 0 : (map->size - SV_MIB - inner) % 4096);
	fsmap_destroy(map);
}

/* ---- one change at a time ---- */

/* The first byte of a file whose fork stands there in the header. */
static uint8_t *fork_at(const struct noise *n, size_t off)
{
	uint64_t block = get_be32(n->data + HEADER + off + 16);
	return n->data + block * get_be32(n->data + HEADER + 40);
}

static void test_header(void **state)
{
	(void)state;
	static const struct noise_change bad[] = {
		{0, 2, 0x482c, "header is damaged"},
		{0, 2, 0x4858, "header is damaged"}, /* HFSX of another version */
		{2, 2, 5, "header is damaged"},
		{4, 4, 0x0, "not unmounted, and has no journal"},
		{4, 4, 0x900, "marked as in use"},
		{4, 4, 0x800, "marked as in use"},
		{4, 4, 0x4100, "marked as damaged"},
		{4, 4, 0x101, "unknown to this map (0x1)"},
		{4, 4, 0x10100, "unknown to this map (0x10000)"},
		{40, 4, 3000, "block size is out of range"},
		{40, 4, 256, "block size is out of range"},
		{40, 4, 0x80000000, "larger than its volume"},
		{44, 4, 0, "larger than its volume"},
		{44, 4, 0x7fffffff, "larger than its volume"},
		{44, 4, 3000, "headers do not agree"},
		{48, 4, 1, "different numbers of free blocks"},
		{112 + 4, 4, 100, "allocation file is too short"},
		{112 + 0, 4, 1, "longer than its blocks"},
		{112 + 12, 4, 0x7fffffff, "longer than its blocks"},
		{112 + 12, 4, 2, "not complete"},
		{112 + 16, 4, 0xfffffff0, "outside of the volume"},
		{112 + 16, 4, 0, "calls blocks of files free"},
		{112 + 20, 4, 9, "outside of the volume"},
		{112 + 36, 4, 1, "has a gap"},
		{192 + 16, 4, 1500, "extents file is damaged"},
		{272 + 16, 4, 2500, "catalog is damaged"},
	};
	struct noise n;
	hfsplus_image_load(&n, dir, "--files tree");
	noise_refused(&n, n.data + HEADER, bad, SV_ARRAY(bad), true, NULL);
	uint8_t *other = n.data + n.mem->size - 1024;
	other[3] ^= 1;
	noise_expect_whole(&n, "other header is damaged");
	other[3] ^= 1;
	other[43] ^= 1;
	noise_expect_whole(&n, "headers do not agree");
	noise_free(&n);
}

static void test_extents(void **state)
{
	(void)state;
	static const struct noise_change header[] = {
		{8, 1, 0xff, "extents file is damaged"},
		{14 + 10, 4, 9999, "extents file is damaged"},
		{14 + 18, 2, 256, "extents file is damaged"},
		{14 + 18, 2, 6000, "extents file is damaged"},
		{14 + 22, 4, 0x7fffffff, "extents file is damaged"},
		{14 + 38, 4, 0, "extents file is damaged"},
		{14 + 10, 4, 0, "not complete"}, /* the allocation file has records */
	};
	static const struct noise_change leaf[] = {
		{4, 4, 1, "extents file is damaged"},
		{8, 1, 0, "extents file is damaged"},
		{10, 2, 99, "extents file is damaged"},
		{10, 2, 0, "not complete"},
		{4094, 2, 16, "extents file is damaged"},
		{14, 2, 12, "extents file is damaged"},
		{14 + 2, 1, 0xff, "extents file is damaged"},
		{14 + 4, 4, 3, "extents file is damaged"},
		{14 + 4, 4, 9, "extents file is damaged"},
		{14 + 4, 4, 7, "extents file is damaged"},
		{14 + 4, 4, 99, "not complete"},
		{14 + 8, 4, 1, "extents file is damaged"},
		{14 + 12, 4, 0x7fffffff, "outside of the volume"},
		{14 + 16, 4, 0, "has a gap"},
		{14 + 16, 4, 99, "outside of the volume"},
	};
	struct noise n;
	hfsplus_image_load(&n, dir, "--files tree --scatter --block 512 --pieces 12");
	uint8_t *tree = fork_at(&n, 192);
	noise_refused(&n, tree, header, SV_ARRAY(header), true, NULL);
	noise_refused(&n, tree + 4096, leaf, SV_ARRAY(leaf), true, NULL);
	noise_free(&n);
}

/* Each bit that is used is missed when it is gone, also where another one is there instead. */
static void test_bits(void **state)
{
	(void)state;
	struct noise n;
	hfsplus_image_load(&n, dir, "--files tree --scatter --journal 65536");
	uint8_t *bits = fork_at(&n, 112), *spare = bits + 3000 / 8;
	unsigned int found = 0;
	assert_int_equal(*spare, 0);
	for (size_t i = 0; i < 1500; i++) {
		uint8_t mask = (uint8_t)(0x80 >> i % 8);
		bool used = bits[i / 8] & mask;
		bits[i / 8] ^= mask;
		noise_expect_whole(&n, "");
		*spare = 0x80;
		if (used)
			noise_expect_whole(&n, "calls blocks of files free");
		*spare = 0;
		bits[i / 8] ^= mask;
		found += used;
	}
	assert_true(found > 50);
	noise_free(&n);
}

static void test_noise(void **state)
{
	(void)state;
	static const char *const options[] = {
		"--files tree --journal 65536",
		"--files tree --scatter --block 512 --pieces 12",
		"--files tree --wrapper",
	};
	struct noise n;
	for (size_t i = 0; i < SV_ARRAY(options); i++) {
		hfsplus_image_load(&n, dir, options[i]);
		noise_run(&n, 300, 1, 11);
		noise_run(&n, 150, 8, 77);
		noise_unreadable(&n);
		if (i < 2) /* a wrapper may end early */
			noise_truncated(&n, 1021 * SV_KIB);
		noise_free(&n);
	}
}

static int setup(void **state)
{
	(void)state;
	if (!getcwd(top, sizeof(top)) || !scratch_make(dir))
		return -1;
	hfsplus_image_tree(dir);
	return 0;
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
		cmocka_unit_test(test_shapes), cmocka_unit_test(test_wrapper),
		cmocka_unit_test(test_header), cmocka_unit_test(test_extents),
		cmocka_unit_test(test_bits),

		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests_name("hfsplus", tests, setup, teardown);
}
