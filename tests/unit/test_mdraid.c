/* test_mdraid.c - disks of Linux software RAIDs: mirrors looked into, all that is refused, damage
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/reader.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/noise.h"
#include "tests/lib/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE (64 * SV_MIB)
#define ROOM (SIZE - 2 * SV_MIB) /* ends 2 MiB before the volume, or at its end */
#define TYPE "linux_raid_member"

static char dir[64], top[300];

/* ---- superblocks ---- */

struct shape {
	const char *version, *fields;
	uint64_t data, size, room, place;
};

static const struct shape shapes[] = {
	{"1.2", "", 2 * SV_MIB, 60 * SV_MIB, 62 * SV_MIB, 4096},
	{"1.2", "bitmap=1", 2 * SV_MIB, 60 * SV_MIB, 61 * SV_MIB, 4096},
	{"1.1", "", 2 * SV_MIB, 60 * SV_MIB, 62 * SV_MIB, 0},
	{"1.0", "", 0, 60 * SV_MIB, ROOM, SIZE - 8192},
	{"1.0", "bitmap=1", 0, 60 * SV_MIB, ROOM, SIZE - 8192},
	{"0.90", "", 0, 60 * SV_MIB, SIZE - 65536, SIZE - 65536},
	{"0.90", "bitmap=1", 0, 60 * SV_MIB, SIZE - 65536, SIZE - 65536},
	{"0.90", "big=1", 0, 60 * SV_MIB, SIZE - 65536, SIZE - 65536},
};

/* A member in the file img around what is in the file fs, or around nothing (NULL). */
static void make(const struct shape *s, const char *fs, const char *fields)
{
	fixture_must(dir, "rm -f img && truncate -s %llu img", (unsigned long long)SIZE);
	if (fs)
		fixture_must(dir, "dd if=%s of=img bs=1M seek=%llu conv=notrunc,sparse", fs,
			     (unsigned long long)(s->data / SV_MIB));
	fixture_must(dir, "%s/tests/lib/mdraid.py img %s %llu %llu %llu %s %s", top, s->version,
		     (unsigned long long)s->data, (unsigned long long)s->size,
		     (unsigned long long)s->room, s->fields, fields);
}

/* All that is used but what the map of the content has for free, and the room that is left. */
static void expect_shifted(const struct shape *s, const struct fsmap *map,
			   const struct fsmap *inner)
{
	struct sv_extents want = {0}, free_inside = {0}, unused = {0}, ends = {0}, really = {0};
	assert_int_equal(sv_extents_invert(&free_inside, &inner->used, s->size), 0);
	for (size_t i = 0; i < free_inside.n; i++)
		assert_int_equal(sv_extents_add(&unused, s->data + free_inside.v[i].start,
						free_inside.v[i].len),
				 0);
	assert_int_equal(sv_extents_add(&unused, s->data + s->size, s->room - s->size), 0);
	sv_extents_normalise(&unused);
	assert_int_equal(sv_extents_add(&ends, 0, SV_MIB), 0);
	assert_int_equal(sv_extents_add(&ends, SIZE - SV_MIB, SV_MIB), 0);
	assert_int_equal(sv_extents_subtract(&really, &unused, &ends), 0);
	assert_int_equal(sv_extents_invert(&want, &really, SIZE), 0);
	assert_int_equal(want.n, map->used.n);
	assert_memory_equal(want.v, map->used.v, want.n * sizeof(*want.v));
	sv_extents_clear(&want);
	sv_extents_clear(&free_inside);
	sv_extents_clear(&unused);
	sv_extents_clear(&ends);
	sv_extents_clear(&really);
}

static void test_mirrors(void **state)
{
	(void)state;
	char about[160];
	fixture_must(dir, "truncate -s 60M fs && mke2fs -q -t ext4 fs");
	struct fsmap *inner = fixture_exact(dir, "fs", "ext4", 1024, "ext4 alone");
	for (size_t i = 0; i < SV_ARRAY(shapes); i++) {
		const struct shape *s = &shapes[i];
		make(s, "fs", "");
		struct fsmap *map = fixture_exact(dir, "img", TYPE, 0, s->version);
		snprintf(about, sizeof(about), "RAID1 member 1 of 2, metadata %s: ext4 inside",
			 s->version);
		assert_string_equal(map->inside, about);
		expect_shifted(s, map, inner);
		fsmap_destroy(map);
	}
	fsmap_destroy(inner);
}

/* ---- what is refused ---- */

static void expect(const char *what, enum fsmap_state want, const char *reason)
{
	struct blk_dev *dev = fixture_open(dir, "img", 512);
	struct fsmap *map;
	assert_int_equal(fsmap_read_as(dev, &fsmap_mdraid_ops, TYPE, &map, NULL), 0);
	fixture_check_map(map);
	if (map->state != want || !strstr(map->reason, reason))
		fail_msg("%s: %s, \"%s\" instead of \"%s\"", what, fsmap_state_name(map->state),
			 map->reason, reason);
	fsmap_destroy(map);
	blk_close(dev);
}

struct refused {
	size_t shape;
	const char *fields, *reason;
};

static const struct refused refused[] = {
	{0, "level=-1", "a linear RAID member is read whole"},
	{0, "level=0", "a RAID0 member is read whole"},
	{0, "level=4", "a RAID4 member"},
	{0, "level=5", "a RAID5 member"},
	{0, "level=6", "a RAID6 member"},
	{0, "level=10", "a RAID10 member"},
	{0, "level=-4", "unknown level, -4"},
	{0, "level=7", "unknown level, 7"},
	{0, "resync=0", "not stopped cleanly or is still being synchronised"},
	{0, "resync=4096", "not stopped cleanly"},
	{0, "features=2", "being rebuilt"},
	{0, "features=4", "being reshaped"},
	{0, "features=8", "list of bad sectors"},
	{0, "features=18", "being rebuilt"},
	{0, "features=32", "being reshaped"},
	{0, "features=64", "being reshaped"},
	{0, "features=128", "being rebuilt"},
	{0, "features=257", "cluster"},
	{0, "features=512", "journal"},
	{0, "features=1024", "journal"},
	{0, "features=4096", "feature that is not known"},
	{0, "features=0x80000000", "feature that is not known"},
	{0, "role=0xffff", "spare"},
	{0, "role=0xfffe", "marked it as failed"},
	{0, "role=0xfffd", "journal of a RAID"},
	{0, "role=2", "malformed"},
	{0, "disks=0", "malformed"},
	{0, "size=0", "malformed"},
	{0, "size=126977", "larger than its volume"},
	{0, "size=0x4000000000000000", "malformed"},
	{3, "size=126977", "larger than its volume"},
	{5, "level=0", "a RAID0 member"},
	{5, "minor=91", "being reshaped"},
	{5, "minor=92", "unknown version"},
	{5, "state=0", "not stopped cleanly"},
	{5, "state=3", "a fault that is not known"},
	{5, "state=33", "not known"},
	{5, "role=7", "has failed"},
	{5, "role=2", "is being rebuilt"},
	{5, "role=0", "spare"},
	{5, "disks=0", "malformed"},
	{7, "level=5", "a RAID5 member"},
	{7, "state=0", "not stopped cleanly"},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(refused); i++) {
		make(&shapes[refused[i].shape], NULL, refused[i].fields);
		expect(refused[i].fields, FSMAP_WHOLE, refused[i].reason);
	}
}

/* Places that no mdadm chooses. */
static void test_places(void **state)
{
	(void)state;
	static const struct {
		struct shape shape;
		const char *reason;
	} odd[] = {
		{{"1.2", "", 4096, 60 * SV_MIB, 60 * SV_MIB, 0}, "malformed"},
		{{"1.2", "", 0, 60 * SV_MIB, 60 * SV_MIB, 0}, "malformed"},
		{{"1.1", "", 0, 60 * SV_MIB, 60 * SV_MIB, 0}, "malformed"},
		{{"1.2", "bitmap=1", 8192, 60 * SV_MIB, 60 * SV_MIB, 0}, "malformed"},
		{{"1.2", "", 2 * SV_MIB, 60 * SV_MIB, 62 * SV_MIB + 512, 0}, "larger than"},
		{{"1.2", "", 65 * SV_MIB, 1 * SV_MIB, 1 * SV_MIB, 0}, "larger than"},
		{{"1.0", "", 0, 60 * SV_MIB, SIZE - 8192 + 512, 0}, "larger than"},
		{{"0.90", "", 0, SIZE - 65536 + 1024, 0, 0}, "larger than"},
	};
	for (size_t i = 0; i < SV_ARRAY(odd); i++) {
		make(&odd[i].shape, NULL, "");
		expect("an odd place", FSMAP_WHOLE, odd[i].reason);
	}
}

/* The array's own areas within the room that is left: all of that is kept. */
static void test_area_in_rest(void **state)
{
	(void)state;
	const struct shape s = {"1.0", "bitmap=1", 0, 60 * SV_MIB, SIZE - 12288, 0};
	fixture_must(dir, "truncate -s 60M swap && mkswap swap");
	make(&s, "swap", "");
	struct fsmap *map = fixture_exact(dir, "img", TYPE, 0, "an area in the rest");
	assert_int_equal(sv_extents_total(&map->used), (1 + 1 + 4) * SV_MIB);
	fsmap_destroy(map);
}

/* ---- a bit wrong, and what else may stand there ---- */

static void test_bits(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(shapes); i++) {
		make(&shapes[i], NULL, "");
		struct blk_dev *dev = fixture_load(dir, "img", 512);
		uint8_t *super = blk_mem_data(dev) + shapes[i].place;
		for (size_t bit = 0; bit < (size_t)512 * 8; bit++) {
			struct fsmap *map;
			super[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(fsmap_read_as(dev, &fsmap_mdraid_ops, TYPE, &map, NULL),
					 0);
			if (map->state != FSMAP_WHOLE || strstr(map->reason, "inside"))
				fail_msg("%s: bit %zu of byte %zu: %s", shapes[i].version, bit % 8,
					 bit / 8, map->reason);
			fsmap_destroy(map);
			super[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		blk_close(dev);
	}
}

static void test_others(void **state)
{
	(void)state;
	fixture_must(dir, "truncate -s 60M swap && mkswap swap");
	make(&shapes[0], "swap", "");
	fixture_must(dir, "%s/tests/lib/mdraid.py img 0.90 0 60000000 0", top);
	expect("an old superblock", FSMAP_WHOLE, "more than one RAID superblock");

	make(&shapes[0], "swap", "");
	fixture_must(dir, "dd if=swap of=img bs=1 count=3072 skip=1024 seek=1024 conv=notrunc");
	expect("swap once, and in the RAID", FSMAP_WHOLE, "signatures of swap, too");

	make(&shapes[3], "swap", "");
	expect("swap in the same place", FSMAP_EXACT, "");

	make(&shapes[0], NULL, "");
	expect("nothing inside", FSMAP_WHOLE, "the volume inside is read whole: no known");

	make(&shapes[5], "swap", "");
	fixture_must(dir, "truncate -s 128K img");
	expect("too small", FSMAP_WHOLE, "too small");

	fixture_must(dir, "rm img && truncate -s 8M img");
	expect("nothing", FSMAP_WHOLE, "superblock is missing");
}

static void test_suspended(void **state)
{
	(void)state;
	fixture_must(dir, "truncate -s 60M swap && mkswap swap && "
			  "printf 'S1SUSPEND\\0' | dd of=swap bs=1 seek=4086 conv=notrunc");
	make(&shapes[0], "swap", "");
	struct blk_dev *dev = fixture_load(dir, "img", 512);
	struct fsmap *map = fixture_map(dev);
	assert_true(map->hibernated);
	assert_int_equal(map->state, FSMAP_WHOLE);
	fsmap_destroy(map);
	blk_close(dev);
}

/* With a bitmap it must be known that what is inside was closed. */
static void test_settled(void **state)
{
	(void)state;
	static const struct shape without = {"1.2", "", 2 * SV_MIB, 60 * SV_MIB, 62 * SV_MIB, 0},
				  with = {"1.2",       "bitmap=1",  2 * SV_MIB,
					  60 * SV_MIB, 62 * SV_MIB, 0};
	fixture_must(dir, "rm -f fs && truncate -s 60M fs && mke2fs -q -t ext4 fs && "
			  "debugfs -w -R 'feature needs_recovery' fs");
	make(&without, "fs", "");
	expect("not closed, no bitmap", FSMAP_UNION, "the ext4 inside: ");
	make(&with, "fs", "");
	expect("not closed, a bitmap", FSMAP_WHOLE, "the RAID1 has a bitmap");

	fixture_must(dir, "rm -f fs && truncate -s 60M fs && mkfs.btrfs -q -M fs");
	make(&without, "fs", "");
	expect("Btrfs, no bitmap", FSMAP_EXACT, "");
	make(&with, "fs", "");
	expect("Btrfs, a bitmap", FSMAP_WHOLE, "the RAID1 has a bitmap");
}

static void test_noise(void **state)
{
	(void)state;
	static const size_t some[] = {1, 5};
	fixture_must(dir, "rm -f fs && truncate -s 60M fs && mke2fs -q -t ext4 fs");
	for (size_t i = 0; i < SV_ARRAY(some); i++) {
		struct noise n;
		make(&shapes[some[i]], "fs", "");
		noise_load(&n, dir, "img", &fsmap_mdraid_ops, TYPE);
		noise_run(&n, 100, 1, 3);
		noise_run(&n, 50, 8, 5);
		noise_free(&n);
	}
}

static int setup(void **state)
{
	(void)state;
	return getcwd(top, sizeof(top)) && scratch_make(dir) ? 0 : -1;
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
		cmocka_unit_test(test_mirrors),	  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_places),	  cmocka_unit_test(test_area_in_rest),
		cmocka_unit_test(test_bits),	  cmocka_unit_test(test_others),
		cmocka_unit_test(test_suspended), cmocka_unit_test(test_settled),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests_name("mdraid", tests, setup, teardown);
}
