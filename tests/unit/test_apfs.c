/* test_apfs.c - maps of APFS against sleuthkit and apfsck; checkpoints; what is refused; damage */
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

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 4096u
#define RING  64u /* blocks of checkpoints that mkapfs makes */

static char dir[64], top[300];
static struct noise n; /* the smallest container that mkapfs makes; each test puts back what it
			  changed */

static void make(const char *size)
{
	fixture_must(dir, "rm -f img && truncate -s %s img && mkapfs -L label img", size);
}

static void test_shapes(void **state)
{
	(void)state;
	static const char *const sizes[] = {"513M", "5G", "40G", "600000K"};
	for (size_t i = 0; i < SV_ARRAY(sizes); i++) {
		make(sizes[i]);
		struct fsmap *map = fixture_exact(dir, "img", "apfs", BLOCK, sizes[i]);
		fixture_same_as_oracle(map, dir, "img", top);
		if (i == 0) {
			fixture_copy_used(map, dir, "img", "copy");
			fixture_must(dir, "apfsck -cuw img && apfsck -cuw copy");
		}
		fsmap_destroy(map);
	}
}

/* With files in it, in more than one volume. */
static void test_filled(void **state)
{
	(void)state;
	make("1100M");
	fixture_must(dir, "%s/tests/lib/apfs-fill.py img --volumes 2 --files 60", top);
	struct fsmap *map = fixture_exact(dir, "img", "apfs", BLOCK, "filled");
	fixture_same_as_oracle(map, dir, "img", top);
	fixture_copy_used(map, dir, "img", "copy");
	fixture_must(dir, "apfsck -cuw img && apfsck -cuw copy");
	fsmap_destroy(map);
}

/* ---- one change at a time ---- */

static uint8_t *at(uint64_t block)
{
	return n.data + block * BLOCK;
}

static void seal_all(uint8_t *object, size_t len)
{
	uint64_t m = 0xffffffff, one = 0, two = 0, low;
	for (size_t i = 8; i < len; i += 4) {
		one = (one + get_le32(object + i)) % m;
		two = (two + one) % m;
	}
	low = m - (one + two) % m;
	put_le64(object, (m - (one + low) % m) << 32 | low);
}

static void seal(uint8_t *object)
{
	seal_all(object, BLOCK);
}

static uint8_t *ring(unsigned int i)
{
	return at(get_le64(n.data + 112) + i);
}

/* Where the first checkpoint's map has its space manager; the map's entry. */
static uint8_t *entry(uint8_t *checkpoint_map)
{
	for (uint32_t i = 0; i < get_le32(checkpoint_map + 36); i++)
		if (get_le16(checkpoint_map + 40 + 40 * i) == 5)
			return checkpoint_map + 40 + 40 * i;
	fail_msg("no space manager");
	return NULL;
}

static uint8_t *spaceman(void)
{
	return at(get_le64(entry(ring(0)) + 32));
}

static uint8_t *cib(void)
{
	const uint8_t *m = spaceman();
	return at(get_le64(m + get_le32(m + 48 + 32)));
}

static void test_super(void **state)
{
	(void)state;
	static const struct noise_change first[] = {
		{32, 1, 'x', "superblock is damaged"},
		{24, 1, 2, "superblock is damaged"},
		{36, 4, 5000, "block size is out of range"},
		{36, 4, 2048, "block size is out of range"},
		{36, 4, 131072, "block size is out of range"},
		{40, 8, 1ull << 60, "larger than its volume"},
		{40, 8, 1ull << 30, "larger than its volume"},
		{104, 4, 0x80000040, "not in one piece"},
		{108, 4, 0x80000040, "not in one piece"},
		{104, 4, 0x7fffffff, "outside of the container"},
		{112, 8, 1ull << 40, "outside of the container"},
		{112, 8, 30000, "no valid checkpoint"},
		{16, 8, 7, "no valid checkpoint"},
	};
	static const struct noise_change newest[] = {
		{64, 8, 0x102, "two devices"},
		{64, 8, 0x1, "version is unknown"},
		{64, 8, 0, "version is unknown"},
		{64, 8, 0x12, "unknown to this map (0x10)"},
		{56, 8, 0x4, "unknown to this map (0x4)"},
		{1248, 8, 5, "size was being changed"},
		{40, 8, 1ull << 30, "larger than its volume"},
		{40, 8, 40000, "space manager is damaged"},
		{36, 4, 8192, "do not agree"},
		{112, 8, 2, "do not agree"},
		{104, 4, 32, "do not agree"},
		{120, 8, 1ull << 40, "outside of the container"},
		{1296, 8, 1ull << 40, "outside of the container"},
		{1272, 8, 1ull << 40, "outside of the container"},
		{136, 4, 64, "checkpoint is damaged"},
		{136, 4, 1, "checkpoint is damaged"},
		{140, 4, 1, "checkpoint is damaged"},
		{140, 4, 65, "checkpoint is damaged"},
		{152, 8, 99, "no space manager"},
	};
	noise_refused(&n, n.data, first, SV_ARRAY(first), false, seal);
	noise_refused(&n, ring(1), newest, SV_ARRAY(newest), false, seal);
	static const struct noise_change torn[] = {{300, 1, 99, "no valid checkpoint"}};
	noise_refused(&n, ring(1), torn, 1, false, NULL);
}

static void test_map(void **state)
{
	(void)state;
	static const struct noise_change bad[] = {
		{24, 1, 5, "checkpoint is damaged"},	{32, 4, 0, "checkpoint is damaged"},
		{36, 4, 9999, "checkpoint is damaged"}, {36, 4, 0, "no space manager"},
		{16, 8, 9, "checkpoint is damaged"},
	};
	static const struct noise_change where[] = {
		{8, 4, 0, "outside of the container"},
		{8, 4, 4097, "outside of the container"},
		{8, 4, 8192, "space manager is damaged"},
		{32, 8, 1ull << 40, "outside of the container"},
		{32, 8, 65, "space manager is damaged"},
	};
	uint8_t *m = ring(0), keep[BLOCK];
	noise_refused(&n, m, bad, SV_ARRAY(bad), false, seal);
	memcpy(keep, m, BLOCK);
	for (size_t i = 0; i < SV_ARRAY(where); i++) {
		struct noise_change c = where[i];
		c.off += (size_t)(entry(m) - m);
		noise_refused(&n, m, &c, 1, false, seal);
	}
	assert_memory_equal(m, keep, BLOCK);
}

static void test_spaceman(void **state)
{
	(void)state;
	static const char damaged[] = "space manager is damaged";
	static const struct noise_change bad[] = {
		{8, 8, 9, damaged},
		{16, 8, 9, damaged},
		{24, 1, 6, damaged},
		{32, 4, 8192, damaged},
		{36, 4, 4096, damaged},
		{40, 4, 7, damaged},
		{44, 4, 7, damaged},
		{48, 8, 7, damaged},
		{56, 8, 7, damaged},
		{64, 4, 2, damaged},
		{68, 4, 2, damaged},
		{72, 8, 7, "different numbers"},
		{80, 4, 100, damaged},
		{80, 4, 4096, damaged},
		{80, 4, 0xfffffff8, damaged},
		{68, 4, 1, damaged}, /* the block is no CAB */
		{96, 8, 7, "two devices"},
		{112, 4, 1, "two devices"},
		{152, 8, 1ull << 40, "outside of the container"},
		{168, 8, 1ull << 40, "outside of the container"},
	};
	static const struct noise_change info[] = {
		{24, 1, 6, damaged},	  {32, 4, 1, damaged},
		{36, 4, 1, damaged},	  {36, 4, 9999, damaged},
		{40 + 8, 8, 4, damaged},  {40 + 16, 4, 32767, damaged},
		{40 + 20, 4, 1, damaged}, {40 + 24, 8, 1ull << 40, "outside of the container"},
		{40 + 24, 8, 0, damaged}, {72 + 8, 8, 0, damaged},
		{72 + 20, 4, 5, damaged}, {72 + 24, 8, 2, damaged},
	};
	noise_refused(&n, spaceman(), bad, SV_ARRAY(bad), false, seal);
	noise_refused(&n, cib(), info, SV_ARRAY(info), false, seal);
	/* a checksum for each */
	static const struct noise_change torn[] = {{300, 1, 99, "is damaged"}};
	noise_refused(&n, spaceman(), torn, 1, false, NULL);
	noise_refused(&n, cib(), torn, 1, false, NULL);
	noise_refused(&n, ring(0), torn, 1, false, NULL);
	noise_refused(&n, n.data, torn, 1, false, NULL);
}

/* Each bit that is used is missed when it is gone. */
static void test_bits(void **state)
{
	(void)state;
	uint8_t *bits = at(get_le64(cib() + 40 + 24));
	unsigned int found = 0;
	for (size_t i = 0; i < 32768; i += i < 500 ? 1 : 13) {
		bits[i / 8] ^= (uint8_t)(1u << i % 8);
		noise_expect_whole(&n, "space manager is damaged");
		bits[i / 8] ^= (uint8_t)(1u << i % 8);
		found++;
	}
	assert_true(found > 1000);
}

static void expect(enum fsmap_state state)
{
	struct fsmap *map = noise_map(&n);
	if (map->state != state)
		fail_msg("%s: %s", fsmap_state_name(map->state), map->reason);
	assert_int_equal(map->used.n, n.used.n);
	assert_memory_equal(map->used.v, n.used.v, n.used.n * sizeof(*n.used.v));
	fsmap_destroy(map);
}

/* The next checkpoint, with its map at ring(index); its space manager at a block of the data
 * area. */
static void add_checkpoint(unsigned int index, uint64_t transaction, uint64_t block)
{
	uint8_t *m = ring(index), *s = ring((index + 1) % RING);
	memcpy(at(block), spaceman(), BLOCK);
	put_le64(at(block) + 16, transaction);
	seal(at(block));
	memmove(m, ring(0), BLOCK); /* before it is overwritten, where the ring ends */
	put_le64(m + 16, transaction);
	put_le64(entry(m) + 32, block);
	seal(m);
	memmove(s, ring(1), BLOCK);
	put_le32(s + 136, index);
	put_le64(s + 16, transaction);
	seal(s);
}

static void test_checkpoints(void **state)
{
	(void)state;
	uint8_t keep[BLOCK], first[BLOCK];
	uint64_t data = get_le64(n.data + 120);
	expect(FSMAP_EXACT);
	add_checkpoint(2, 2, data + 10);
	expect(FSMAP_UNION);
	memcpy(keep, ring(1), BLOCK);
	ring(1)[40] ^= 1; /* nobody looks at the old one */
	expect(FSMAP_UNION);
	memcpy(ring(1), keep, BLOCK);
	add_checkpoint(4, 3, data + 20);
	ring(5)[1000] ^= 1; /* it was never completed */
	expect(FSMAP_UNION);
	ring(5)[1000] ^= 1;
	memcpy(keep, at(data + 20), BLOCK);
	at(data + 20)[1000] ^= 1;
	noise_expect_whole(&n, "space manager is damaged");
	memcpy(at(data + 20), keep, BLOCK);
	/* unmounted */
	memcpy(first, n.data, BLOCK);
	memcpy(n.data, ring(5), BLOCK);
	expect(FSMAP_EXACT);
	/* round the end of the ring */
	memcpy(keep, ring(0), BLOCK);
	add_checkpoint(RING - 1, 4, data + 30);
	expect(FSMAP_UNION);
	memcpy(ring(0), keep, BLOCK);
	for (unsigned int i = 2; i < RING; i++)
		memset(ring(i), 0, BLOCK);
	memcpy(n.data, first, BLOCK);
	expect(FSMAP_EXACT);
}

/* Containers of many TiB have one more level: a block with the addresses of those that tell of the
 * chunks. */
static void test_cab(void **state)
{
	(void)state;
	static const struct noise_change bad[] = {
		{24, 1, 7, "space manager is damaged"},
		{32, 4, 1, "space manager is damaged"},
		{36, 4, 0, "space manager is damaged"},
		{36, 4, 2, "space manager is damaged"},
		{40, 8, 1ull << 40, "outside of the container"},
		{40, 8, 5, "space manager is damaged"},
	};
	uint8_t *m = spaceman(), keep[BLOCK];
	uint64_t pool = get_le64(m + 176), info = (uint64_t)(cib() - n.data) / BLOCK;
	uint8_t *cab = at(pool + 9);
	memcpy(keep, m, BLOCK);
	memcpy(cab, at(info), 32);
	put_le32(cab + 24, 0x40000006);
	put_le64(cab + 8, pool + 9);
	put_le32(cab + 36, 1);
	put_le64(cab + 40, info);
	seal(cab);
	put_le32(m + 68, 1);
	put_le64(m + get_le32(m + 80), pool + 9);
	seal(m);
	expect(FSMAP_EXACT);
	noise_refused(&n, cab, bad, SV_ARRAY(bad), false, seal);
	memcpy(m, keep, BLOCK);
	memset(cab, 0, BLOCK);
	expect(FSMAP_EXACT);
}

/* In between them the space manager has more than one block. */
static void test_long_spaceman(void **state)
{
	(void)state;
	uint64_t block = get_le64(n.data + 120) + 40;
	uint8_t *m = at(block), keep[BLOCK];
	memcpy(keep, ring(0), BLOCK);
	memcpy(m, spaceman(), BLOCK);
	put_le64(m + 5000, get_le64(m + get_le32(m + 80)));
	put_le32(m + 80, 5000);
	seal_all(m, 2 * BLOCK);
	put_le64(entry(ring(0)) + 32, block);
	put_le32(entry(ring(0)) + 8, 2 * BLOCK);
	seal(ring(0));
	expect(FSMAP_EXACT);
	m[BLOCK + 3000] ^= 1;
	noise_expect_whole(&n, "space manager is damaged");
	memset(m, 0, 2 * BLOCK);
	memcpy(ring(0), keep, BLOCK);
	expect(FSMAP_EXACT);
}

/* What has areas of its own is used, even where the bitmap has it free. */
static void test_areas(void **state)
{
	(void)state;
	uint8_t keep[BLOCK];
	uint64_t far = get_le64(n.data + 40) - 5000; /* free */
	memcpy(keep, ring(1), BLOCK);
	put_le64(ring(1) + 1296, far);
	put_le64(ring(1) + 1304, 2);
	put_le64(ring(1) + 1392, far + 10);
	put_le64(ring(1) + 1400, 1);
	seal(ring(1));
	struct fsmap *map = noise_map(&n);
	assert_int_equal(map->state, FSMAP_EXACT);
	assert_true(sv_extents_contain(&map->used, far * BLOCK, 2 * BLOCK));
	assert_true(sv_extents_contain(&map->used, (far + 10) * BLOCK, BLOCK));
	assert_false(sv_extents_contain(&map->used, (far + 11) * BLOCK, 1));
	fsmap_destroy(map);
	/* the jumpstart itself is read: it must be in the map */
	put_le64(ring(1) + 1272, far + 20);
	put_le32(at(far + 20) + 44, 1);
	seal(ring(1));
	noise_expect_whole(&n, "its own metadata");
	put_le64(ring(1) + 1272, get_le64(n.data + 120) + 40); /* a block of the data area */
	seal(ring(1));
	uint8_t *jump = at(get_le64(n.data + 120) + 40);
	put_le32(jump + 44, 1);
	put_le64(jump + 176, far + 30);
	put_le64(jump + 184, 3);
	map = noise_map(&n);
	assert_int_equal(map->state, FSMAP_EXACT);
	assert_true(sv_extents_contain(&map->used, (far + 30) * BLOCK, 3 * BLOCK));
	fsmap_destroy(map);
	put_le32(jump + 44, 9999);
	noise_expect_whole(&n, "starts its system is damaged");
	memset(jump, 0, BLOCK);
	memset(at(far + 20), 0, BLOCK);
	memcpy(ring(1), keep, BLOCK);
	expect(FSMAP_EXACT);
}

static void test_noise(void **state)
{
	(void)state;
	noise_run(&n, 400, 1, 11);
	noise_run(&n, 200, 8, 77);
	noise_unreadable(&n);
	noise_truncated(&n, 40 * SV_MIB + 4096);
}

static int setup(void **state)
{
	(void)state;
	if (!getcwd(top, sizeof(top)) || !scratch_make(dir))
		return -1;
	make("513M");
	noise_load(&n, dir, "img", &fsmap_apfs_ops, "apfs");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	noise_free(&n);
	scratch_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),	      cmocka_unit_test(test_filled),
		cmocka_unit_test(test_super),	      cmocka_unit_test(test_map),
		cmocka_unit_test(test_spaceman),      cmocka_unit_test(test_bits),
		cmocka_unit_test(test_checkpoints),   cmocka_unit_test(test_cab),
		cmocka_unit_test(test_long_spaceman), cmocka_unit_test(test_areas),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests_name("apfs", tests, setup, teardown);
}
