/* test_exfat.c - maps of exFAT against sleuthkit and fsck.exfat; what is refused; damage */
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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64], top[300];

static const struct {
	const char *options, *size;
	uint32_t cluster;
	unsigned int files;
} shapes[] = {
	{"-c 4096", "16M", 4096, 200},
	{"-c 512", "8M", 512, 200},
	{"-c 32768", "32M", 32768, 80},
	{"-c 4096 -b 1M", "20M", 4096, 100},
	{"-c 65536 --pack-bitmap", "40M", 65536, 40},
};

/* Whole clusters of 4 KiB everywhere in the tests below. */
static void make(const char *options, const char *size, unsigned int files, const char *full)
{
	fixture_must(dir,
		     "rm -rf img tree && mkdir tree && truncate -s %s img && mkfs.exfat %s img",
		     size, options);
	if (files)
		fixture_must(dir,
			     "'%s/tests/lib/exfat-fill.py' img tree %u %s && fsck.exfat -n img",
			     top, files, full);
}

static struct fsmap *map_image(const char *options, uint32_t cluster)
{
	return fixture_exact(dir, "img", "exfat", cluster, options);
}

/* Only the used ranges on poison: the same files, and fsck.exfat finds nothing. */
static void restore_on_poison(const struct fsmap *map)
{
	fixture_must(dir, "rm -rf out");
	fixture_copy_used(map, dir, "img", "copy");
	fixture_must(dir,
		     "fsck.exfat -n copy && '%s/tests/lib/exfat-fill.py' copy dump out && "
		     "diff -r tree out && rm -r copy out",
		     top);
}

static void test_shapes(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(shapes); i++) {
		make(shapes[i].options, shapes[i].size, 0, "");
		struct fsmap *map = map_image(shapes[i].options, shapes[i].cluster);
		fixture_same_as_oracle(map, dir, "img", top);
		fsmap_destroy(map);
		make(shapes[i].options, shapes[i].size, shapes[i].files, "");
		map = map_image(shapes[i].options, shapes[i].cluster);
		fixture_same_as_oracle(map, dir, "img", top);
		assert_true(map->used.n > 10);
		restore_on_poison(map);
		fsmap_destroy(map);
	}
}

static void test_full(void **state)
{
	(void)state;
	make("-c 4096", "6M", 60, "full");
	struct fsmap *map = map_image("full", 4096);
	fixture_same_as_oracle(map, dir, "img", top);
	assert_int_equal(sv_extents_total(&map->used), map->size);
	restore_on_poison(map);
	fsmap_destroy(map);
}

/* ---- one change at a time, in a volume of 4 KiB clusters ---- */

static uint64_t heap, fat;

static uint8_t *cluster_of(struct noise *n, uint32_t cluster)
{
	return n->data + heap + (uint64_t)(cluster - 2) * 4096;
}

static void load(struct noise *n)
{
	make("-c 4096", "8M", 60, "");
	noise_load(n, dir, "img", &fsmap_exfat_ops, "exfat");
	fat = get_le32(n->data + 80) * 512ull;
	heap = get_le32(n->data + 88) * 512ull;
}

/* The boot region's checksum put right. */
static void seal(struct noise *n)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < 11 * 512; i++)
		if (i != 106 && i != 107 && i != 112)
			sum = (sum << 31 | sum >> 1) + n->data[i];
	for (size_t i = 11 * 512; i < 12 * 512; i += 4)
		put_le32(n->data + i, sum);
}

static void test_boot(void **state)
{
	(void)state;
	static const struct {
		size_t off, len;
		uint32_t value;
		const char *reason;
	} bad[] = {
		{3, 1, 'e', "boot sector is damaged"},
		{20, 1, 1, "boot sector is damaged"},
		{510, 1, 0, "boot sector is damaged"},
		{105, 1, 2, "revision 2.00"},
		{108, 1, 8, "cluster size"},
		{108, 1, 13, "cluster size"},
		{109, 1, 17, "cluster size"},
		{110, 1, 2, "TexFAT"},
		{110, 1, 0, "0 FATs"},
		{72, 4, 0x7fffffff, "larger than its volume"},
		{76, 4, 0xffffffff, "larger than its volume"},
		{80, 4, 12, "FAT is out of place"},
		{84, 4, 1, "FAT is out of place"},
		{84, 4, 0xffffffff, "FAT is out of place"},
		{88, 4, 0xfffffff0, "clusters do not fit"},
		{92, 4, 0, "clusters do not fit"},
		{92, 4, 4000, ""},
		{96, 4, 1, "root folder"},
		{96, 4, 0xffffffff, "root folder"},
		{106, 1, 1, "active FAT"},
	};
	struct noise n;
	uint8_t keep[512], le[4];
	load(&n);
	memcpy(keep, n.data, sizeof(keep));
	for (size_t i = 0; i < SV_ARRAY(bad); i++) {
		put_le32(le, bad[i].value);
		memcpy(n.data + bad[i].off, le, bad[i].len);
		noise_expect_whole(&n, "");
		seal(&n);
		noise_expect_whole(&n, bad[i].reason);
		memcpy(n.data, keep, sizeof(keep));
		seal(&n);
	}
	n.data[5000] ^= 1;
	noise_expect_whole(&n, "boot region has a wrong checksum");
	noise_free(&n);
}

/* The entry of a type in a folder's first cluster. */
static uint8_t *find_entry(struct noise *n, uint32_t folder, uint8_t type)
{
	for (uint8_t *e = cluster_of(n, folder);; e += 32)
		if (*e == type)
			return e;
}

static void seal_set(uint8_t *set)
{
	uint16_t sum = 0;
	for (size_t i = 0; i < 32u * (1 + set[1]); i++)
		if (i != 2 && i != 3)
			sum = (uint16_t)((uint16_t)(sum << 15 | sum >> 1) + set[i]);
	put_le16(set + 2, sum);
}

static void set_change(struct noise *n, uint8_t *set, size_t off, size_t len, uint32_t value,
		       const char *reason)
{
	uint8_t keep[32 * 19], le[4];
	size_t size = 32u * (1 + set[1]);
	memcpy(keep, set, size);
	put_le32(le, value);
	memcpy(set + off, le, len);
	noise_expect_whole(n, "");
	seal_set(set);
	noise_expect_whole(n, reason);
	memcpy(set, keep, size);
}

static void test_folders(void **state)
{
	(void)state;
	struct noise n;
	load(&n);
	uint32_t root = get_le32(n.data + 96);
	uint8_t *bitmap = find_entry(&n, root, 0x81), *upcase = find_entry(&n, root, 0x82);
	uint8_t *folder = find_entry(&n, root, 0x85);
	uint32_t inside = get_le32(folder + 52);
	uint8_t *file = find_entry(&n, inside, 0x85), keep[32];
	while (!get_le32(file + 52) || file[0] != 0x85)
		file += 32;
	set_change(&n, folder, 52, 4, 1, "outside of the volume");
	set_change(&n, folder, 52, 4, root, "something else has");
	set_change(&n, folder, 56, 4, 0, "folder is damaged");
	set_change(&n, folder, 60, 4, 9, "folder is damaged");
	set_change(&n, folder, 1, 1, 1, "folder is damaged");
	set_change(&n, folder, 32, 1, 0xc1, "folder is damaged");
	set_change(&n, folder, 64, 1, 0x41, "folder is damaged");
	set_change(&n, folder, 0, 1, 0xc0, "folder is damaged");
	set_change(&n, folder, 0, 1, 0x86, "unknown type 0x86");
	set_change(&n, file, 52, 4, get_le32(n.data + 92) + 2, "outside of the volume");
	set_change(&n, file, 52, 4, inside, "something else has");
	set_change(&n, file, 60, 4, 1, "");
	memcpy(keep, bitmap, 32);
	bitmap[1] = 1;
	noise_expect_whole(&n, "TexFAT");
	bitmap[1] = 0;
	bitmap[24] ^= 1;
	noise_expect_whole(&n, "does not fit its clusters");
	bitmap[24] ^= 1;
	put_le32(bitmap + 20, 0);
	noise_expect_whole(&n, "no allocation bitmap");
	memcpy(bitmap, keep, 32);
	memcpy(keep, upcase, 32);
	memcpy(upcase, bitmap, 32);
	noise_expect_whole(&n, "two allocation bitmaps");
	memcpy(upcase, keep, 32);
	put_le32(n.data + fat + 4 * root, root);
	noise_expect_whole(&n, "something else has");
	put_le32(n.data + fat + 4 * root, 0xffffffff);
	n.data[fat] ^= 8;
	noise_expect_whole(&n, "begin with its marks");
	n.data[fat] ^= 8;
	noise_free(&n);
}

/* A used cluster that the bitmap calls free is found, whoever has it. */
static void test_bitmap(void **state)
{
	(void)state;
	struct noise n;
	load(&n);
	uint32_t clusters = get_le32(n.data + 92);
	uint8_t *bits = cluster_of(&n, get_le32(find_entry(&n, get_le32(n.data + 96), 0x81) + 20));
	unsigned int found = 0;
	for (uint32_t i = 0; i < clusters; i++)
		if (bits[i / 8] >> i % 8 & 1) {
			bits[i / 8] ^= (uint8_t)(1u << i % 8);
			noise_expect_whole(&n, "");
			bits[i / 8] ^= (uint8_t)(1u << i % 8);
			found++;
		}
	assert_true(found > 100);
	noise_free(&n);
}

/* While it is mounted, what a folder and the FAT say counts beside the bitmap. */
static void test_dirty(void **state)
{
	(void)state;
	struct noise n;
	load(&n);
	uint8_t *bits = cluster_of(&n, get_le32(find_entry(&n, get_le32(n.data + 96), 0x81) + 20));
	n.data[106] |= 2;
	struct fsmap *map = noise_map(&n);
	assert_int_equal(map->state, FSMAP_UNION);
	assert_non_null(strstr(map->reason, "not shut down cleanly"));
	assert_true(sv_extents_total(&map->used) > sv_extents_total(&n.used)); /* old chains */
	fsmap_destroy(map);
	memset(bits + 2, 0, 100); /* as if it had not been written yet */
	map = noise_map(&n);
	struct sv_extents lost = {0};
	assert_int_equal(map->state, FSMAP_UNION);
	assert_int_equal(sv_extents_subtract(&lost, &n.used, &map->used), 0);
	assert_int_equal(lost.n, 0);
	fsmap_destroy(map);
	noise_run(&n, 400, 1, 3);
	noise_free(&n);
}

static void test_noise(void **state)
{
	(void)state;
	struct noise n;
	load(&n);
	noise_run(&n, 800, 1, 11);
	noise_run(&n, 300, 8, 77);
	noise_unreadable(&n);
	noise_truncated(&n, 509 * SV_KIB);
	struct fsmap *map = noise_map(&n);
	assert_int_equal(map->state, FSMAP_EXACT);
	fsmap_destroy(map);
	noise_free(&n);
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
		cmocka_unit_test(test_shapes), cmocka_unit_test(test_full),
		cmocka_unit_test(test_boot),   cmocka_unit_test(test_folders),
		cmocka_unit_test(test_bitmap), cmocka_unit_test(test_dirty),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests_name("exfat", tests, setup, teardown);
}
