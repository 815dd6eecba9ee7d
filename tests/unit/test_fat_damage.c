/* test_fat_damage.c - FAT volumes that are dirty, damaged or hostile */
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A volume in memory with its geometry as mkfs.fat chose it, and the map of the clean volume. */
struct volume {
	unsigned int bits;
	struct blk_dev *dev;
	uint8_t *data;
	uint64_t fat[2]; /* offsets of both copies */
	uint64_t fat_len;
	uint64_t root; /* FAT12, FAT16: the fixed root folder; FAT32: the root cluster */
	uint64_t data_start, data_end;
	uint32_t cluster, clusters;
	struct fsmap *clean;
};

static char dir[64];
static struct volume fat12, fat16, fat32;

static struct fsmap *read_as_fat(struct blk_dev *dev)
{
	struct fsmap *map = NULL;
	assert_int_equal(fsmap_read_as(dev, &fsmap_fat_ops, "vfat", &map, NULL), 0);
	fixture_check_map(map);
	return map;
}

static void find_geometry(struct volume *v)
{
	const uint8_t *b = v->data;
	uint64_t sector = get_le16(b + 11), total = get_le16(b + 19);
	v->fat_len = (v->bits == 32 ? get_le32(b + 36) : get_le16(b + 22)) * sector;
	v->fat[0] = get_le16(b + 14) * sector;
	v->fat[1] = v->fat[0] + v->fat_len;
	v->root = v->fat[1] + v->fat_len;
	v->data_start = v->root + get_le16(b + 17) * 32;
	v->cluster = (uint32_t)sector * b[13];
	v->clusters = (uint32_t)(((total ? total : get_le32(b + 32)) * sector - v->data_start) /
				 v->cluster);
	v->data_end = v->data_start + (uint64_t)v->clusters * v->cluster;
}

static void load(struct volume *v, unsigned int bits, unsigned int per_cluster, uint64_t size)
{
	v->bits = bits;
	fixture_empty(dir, "img", size);
	/* a large file first and deleted last: what stays lies behind the MiB that is always read
	 */
	fixture_must(dir,
		     "mkfs.fat -F %u -s %u img && mcopy -i img pad ::pad && "
		     "mcopy -s -i img tree/a tree/b tree/c :: && mdel -i img ::pad",
		     bits, per_cluster);
	v->dev = fixture_load(dir, "img", 512);
	v->data = blk_mem_data(v->dev);
	find_geometry(v);
	v->clean = read_as_fat(v->dev);
	assert_int_equal(v->clean->state, FSMAP_EXACT);
	assert_true(sv_extents_total(&v->clean->used) < v->clean->size / 2);
	assert_int_equal(v->clean->used.n, 3);
}

static uint64_t offset_of(const struct volume *v, uint32_t cluster)
{
	return v->data_start + (uint64_t)(cluster - 2) * v->cluster;
}

/* A cluster in the middle, far from what is used and from both ends. */
static uint32_t far_cluster(const struct volume *v)
{
	return v->clusters / 3 * 2;
}

static void set_entry(const struct volume *v, unsigned int copy, uint32_t cluster, uint32_t value)
{
	uint8_t *table = v->data + v->fat[copy];
	if (v->bits == 32) {
		put_le32(table + cluster * 4ULL, value);
	} else if (v->bits == 16) {
		put_le16(table + cluster * 2ULL, (uint16_t)value);
	} else {
		uint8_t *pair = table + cluster + cluster / 2;
		uint16_t old = get_le16(pair);
		put_le16(pair, (uint16_t)(cluster % 2 ? (old & 0x000f) | value << 4
						      : (old & 0xf000) | (value & 0xfff)));
	}
}

static void set_both(const struct volume *v, uint32_t cluster, uint32_t value)
{
	set_entry(v, 0, cluster, value);
	set_entry(v, 1, cluster, value);
}

static void set_dirty(const struct volume *v)
{
	v->data[v->bits == 32 ? 0x41 : 0x25] |= 1;
}

/* The offset of a name in the root folder or a folder's cluster. */
static uint8_t *find_name(const struct volume *v, uint64_t folder, const char *name)
{
	for (uint8_t *e = v->data + folder; e < v->data + folder + 2048; e += 32)
		if (memcmp(e, name, 11) == 0)
			return e;
	fail_msg("%s is not there", name);
	return NULL;
}

static uint32_t first_cluster(const uint8_t *entry)
{
	return get_le16(entry + 26) | (uint32_t)get_le16(entry + 20) << 16;
}

static bool all_used(const struct fsmap *map, const struct volume *v, uint32_t cluster)
{
	return sv_extents_contain(&map->used, offset_of(v, cluster), v->cluster);
}

static bool all_free(const struct fsmap *map, const struct volume *v, uint32_t cluster)
{
	for (uint64_t i = 0; i < v->cluster; i += 512)
		if (sv_extents_contain(&map->used, offset_of(v, cluster) + i, 1))
			return false;
	return true;
}

/* What the clean volume uses up to the last cluster is used here as well. */
static void expect_superset(const struct fsmap *map, const struct volume *v)
{
	for (size_t i = 0; i < v->clean->used.n; i++) {
		struct sv_extent e = v->clean->used.v[i];
		if (e.start >= v->data_end)
			continue;
		e.len = SV_MIN(e.len, v->data_end - e.start);
		if (!sv_extents_contain(&map->used, e.start, e.len))
			fail_msg("FAT%u: [%llu, +%llu) is no longer used", v->bits,
				 (unsigned long long)e.start, (unsigned long long)e.len);
	}
}

static struct fsmap *expect_union(const struct volume *v, const char *reason)
{
	struct fsmap *map = read_as_fat(v->dev);
	if (map->state != FSMAP_UNION || !strstr(map->reason, reason))
		fail_msg("FAT%u: %s, \"%s\"", v->bits, fsmap_state_name(map->state), map->reason);
	expect_superset(map, v);
	return map;
}

static void expect_whole(struct blk_dev *dev, const char *reason)
{
	struct fsmap *map = read_as_fat(dev);
	if (map->state != FSMAP_WHOLE || !strstr(map->reason, reason))
		fail_msg("%s, \"%s\"", fsmap_state_name(map->state), map->reason);
	fsmap_destroy(map);
}

/* Run something on each of the three volumes and put their content back afterwards. */
static void on_each(void (*test)(struct volume *))
{
	struct volume *const all[] = {&fat12, &fat16, &fat32};
	for (size_t i = 0; i < SV_ARRAY(all); i++) {
		uint8_t *saved = malloc(all[i]->dev->size);
		assert_non_null(saved);
		memcpy(saved, all[i]->data, all[i]->dev->size);
		test(all[i]);
		memcpy(all[i]->data, saved, all[i]->dev->size);
		free(saved);
	}
}

/* ---- dirty ---- */

static void dirty_mark(struct volume *v)
{
	set_dirty(v);
	struct fsmap *map = expect_union(v, "not shut down cleanly");
	assert_int_equal(sv_extents_total(&map->used), sv_extents_total(&v->clean->used));
	fsmap_destroy(map);
}

static void test_dirty_mark(void **state)
{
	(void)state;
	on_each(dirty_mark);
}

/* "Not unmounted" and "had an I/O error" in the second entry of either copy. */
static void dirty_entry(struct volume *v)
{
	static const uint32_t marks16[] = {0x7fff, 0xbfff}, marks32[] = {0x07ffffff, 0x0bffffff};
	for (int i = 0; i < 4 && v->bits != 12; i++) {
		set_both(v, 1, 0x0fffffff);
		set_entry(v, (unsigned int)i / 2, 1,
			  v->bits == 32 ? marks32[i % 2] : marks16[i % 2]);
		fsmap_destroy(expect_union(v, "not shut down cleanly"));
	}
}

static void test_dirty_entry(void **state)
{
	(void)state;
	on_each(dirty_entry);
}

/* A file that was written but whose links never reached the FAT. */
static void file_without_links(struct volume *v)
{
	uint32_t far = far_cluster(v);
	uint8_t *folder = find_name(v, v->root, "A          ");
	uint8_t *entry = find_name(v, offset_of(v, first_cluster(folder)), "FILE1   BIN");
	set_dirty(v);
	put_le16(entry + 26, (uint16_t)far);
	put_le16(entry + 20, v->bits == 32 ? (uint16_t)(far >> 16) : 0);
	put_le32(entry + 28, 3 * v->cluster - 1);
	struct fsmap *map = expect_union(v, "not shut down cleanly");
	for (uint32_t i = 0; i < 3; i++)
		assert_true(all_used(map, v, far + i));
	assert_true(all_free(map, v, far + 3));
	assert_true(all_free(map, v, far - 1));
	fsmap_destroy(map);
}

static void test_file_without_links(void **state)
{
	(void)state;
	on_each(file_without_links);
}

/* Folders that lead in a circle, in their entries and in their chains. */
static void folder_circle(struct volume *v)
{
	uint8_t *a = find_name(v, v->root, "A          ");
	uint32_t cluster = first_cluster(a);
	uint8_t *deep = find_name(v, offset_of(v, cluster), "DEEP       ");
	set_dirty(v);
	put_le16(deep + 26, (uint16_t)cluster);
	put_le16(deep + 20, v->bits == 32 ? (uint16_t)(cluster >> 16) : 0);
	set_both(v, cluster, cluster);
	for (uint64_t at = 0; at < v->cluster; at += 32) /* no end mark: the chain is followed */
		if (v->data[offset_of(v, cluster) + at] == 0)
			v->data[offset_of(v, cluster) + at] = 0xe5;
	fsmap_destroy(expect_union(v, "not shut down cleanly"));
}

static void test_folder_circle(void **state)
{
	(void)state;
	on_each(folder_circle);
}

static void unreadable_folder(struct volume *v)
{
	struct blk_dev *faulty = NULL;
	uint32_t b = first_cluster(find_name(v, v->root, "B          "));
	const struct blk_fault_rule rule = {
		.ops = BLK_FAULT_READ, .start = offset_of(v, b), .len = 512, .sys_errno = EIO};
	set_dirty(v);
	assert_int_equal(blk_fault_create(v->dev, &faulty), 0);
	assert_int_equal(blk_fault_add(faulty, &rule), 0);
	expect_whole(faulty, "a folder at");
	blk_close(faulty);
}

static void test_unreadable_folder(void **state)
{
	(void)state;
	on_each(unreadable_folder);
}

static void folder_is_none(struct volume *v)
{
	uint32_t a = first_cluster(find_name(v, v->root, "A          "));
	uint32_t deep = first_cluster(find_name(v, offset_of(v, a), "DEEP       "));
	set_dirty(v);
	memset(v->data + offset_of(v, deep), 0xa5, v->cluster);
	expect_whole(v->dev, "is damaged");
}

static void test_folder_is_none(void **state)
{
	(void)state;
	on_each(folder_is_none);
}

/* ---- damaged, and not marked as dirty ---- */

static void copies_differ(struct volume *v)
{
	uint32_t far = far_cluster(v);
	set_entry(v, 1, far, 0x0fffffff);
	struct fsmap *map = expect_union(v, "copies of the FAT differ");
	assert_true(all_used(map, v, far));
	assert_true(all_free(map, v, far + 1));
	fsmap_destroy(map);
	set_entry(v, 1, far, 0);
	set_entry(v, 0, far, 0x0fffffff);
	map = expect_union(v, "copies of the FAT differ");
	assert_true(all_used(map, v, far));
	fsmap_destroy(map);
}

static void test_copies_differ(void **state)
{
	(void)state;
	on_each(copies_differ);
}

static void bad_cluster(struct volume *v)
{
	uint32_t far = far_cluster(v);
	set_both(v, far, 0x0ffffff7);
	struct fsmap *map = read_as_fat(v->dev);
	assert_int_equal(map->state, FSMAP_EXACT);
	assert_true(all_used(map, v, far));
	assert_true(all_free(map, v, far + 1));
	fsmap_destroy(map);
}

static void test_bad_cluster(void **state)
{
	(void)state;
	on_each(bad_cluster);
}

static void link_to_free(struct volume *v)
{
	uint32_t far = far_cluster(v);
	set_both(v, far, far + 9);
	struct fsmap *map = expect_union(v, "chains in the FAT are damaged");
	assert_true(all_used(map, v, far) && all_used(map, v, far + 9));
	assert_true(all_free(map, v, far + 8));
	fsmap_destroy(map);
}

static void test_link_to_free(void **state)
{
	(void)state;
	on_each(link_to_free);
}

/* One link in a hundred leads nowhere: this is no FAT, or not for this geometry. */
static void links_to_nowhere(struct volume *v)
{
	for (uint32_t i = 0; i < v->clusters / 100; i++)
		set_both(v, far_cluster(v) + i, v->bits == 12 ? 0xfe0 : v->clusters + 100);
	expect_whole(v->dev, "lead nowhere");
}

static void test_links_to_nowhere(void **state)
{
	(void)state;
	on_each(links_to_nowhere);
}

static void truncated(struct volume *v)
{
	struct blk_dev *part = NULL;
	for (uint64_t cut = 512; cut <= v->dev->size; cut = cut * 3 + 512) {
		assert_int_equal(
			blk_window_create(v->dev, 0, v->dev->size - cut, "part", &part, NULL), 0);
		expect_whole(part, "");
		blk_close(part);
	}
}

static void test_truncated(void **state)
{
	(void)state;
	on_each(truncated);
}

/* Every field that moves the data area: the folders are then not where they should be. */
static void wrong_geometry(struct volume *v)
{
	static const struct {
		unsigned int at, len;
		uint32_t value;
	} changes[] = {
		{0x0b, 2, 1024},  {0x0b, 2, 0},	    {0x0b, 2, 513},   {0x0d, 1, 0},
		{0x0d, 1, 3},	  {0x0d, 1, 1},	    {0x0d, 1, 128},   {0x0e, 2, 0},
		{0x0e, 2, 2},	  {0x0e, 2, 65535}, {0x10, 1, 0},     {0x10, 1, 1},
		{0x10, 1, 3},	  {0x10, 1, 255},   {0x11, 2, 16},    {0x11, 2, 256},
		{0x11, 2, 1024},  {0x11, 2, 17},    {0x11, 2, 65535}, {0x13, 2, 50},
		{0x15, 1, 0xf0},  {0x15, 1, 0},	    {0x16, 2, 1},     {0x16, 2, 200},
		{0x16, 2, 65535}, {0x20, 4, ~0u},   {0x24, 4, ~0u},
	};
	for (size_t i = 0; i < SV_ARRAY(changes); i++) {
		uint8_t *field = v->data + changes[i].at, saved[4];
		memcpy(saved, field, 4);
		for (unsigned int b = 0; b < changes[i].len; b++)
			field[b] = (uint8_t)(changes[i].value >> 8 * b);
		struct fsmap *map = read_as_fat(v->dev);
		if (map->state != FSMAP_WHOLE)
			expect_superset(map, v);
		fsmap_destroy(map);
		memcpy(field, saved, 4);
	}
}

static void test_wrong_geometry(void **state)
{
	(void)state;
	on_each(wrong_geometry);
}

static void test_second_boot_sector(void **state)
{
	(void)state;
	uint8_t *spc = fat32.data + 0x0d;
	*spc *= 2;
	expect_whole(fat32.dev, "");
	*spc /= 2;
	fat32.data[6 * 512 + 0x0e]++;
	expect_whole(fat32.dev, "boot sectors differ");
	fat32.data[6 * 512 + 0x0e]--;
}

static void test_length_of_the_fat(void **state)
{
	(void)state;
	uint8_t *field = fat16.data + 0x16;
	uint16_t len = get_le16(field);
	put_le16(field, len - 1);
	expect_whole(fat16.dev, "too short");
	put_le16(field, len * 2);
	expect_whole(fat16.dev, "too long");
	put_le16(field, len);
}

/* ---- random damage: one to three bytes of the boot sector, the FATs and the folders ---- */

static uint64_t random_place(const struct volume *v)
{
	switch (rand() % 4) {
	case 0:
		return (uint64_t)rand() % 96;
	case 1: /* where the links of this volume's files are */
		return v->fat[rand() % 2] + (uint64_t)rand() % 256;
	case 2:
		return (uint64_t)rand() % v->data_start;
	default:
		return v->root + (uint64_t)rand() % (4 * v->cluster + 2048);
	}
}

static void random_damage(struct volume *v)
{
	size_t wholes = 0;
	for (int round = 0; round < 1500; round++) {
		uint64_t at[3];
		uint8_t saved[3];
		int n = rand() % 3 + 1;
		for (int i = 0; i < n; i++) {
			at[i] = random_place(v);
			saved[i] = v->data[at[i]];
			v->data[at[i]] =
				(uint8_t)(rand() % 2 ? rand() : saved[i] ^ 1 << rand() % 8);
		}
		struct fsmap *map = read_as_fat(v->dev);
		if (map->state == FSMAP_WHOLE)
			wholes++;
		else
			expect_superset(map, v);
		fsmap_destroy(map);
		for (int i = n; i-- > 0;)
			v->data[at[i]] = saved[i];
	}
	assert_true(wholes > 0 && wholes < 1500);
}

static void test_random_damage(void **state)
{
	(void)state;
	srand(20);
	on_each(random_damage);
}

static void random_damage_when_dirty(struct volume *v)
{
	set_dirty(v);
	random_damage(v);
}

static void test_random_damage_when_dirty(void **state)
{
	(void)state;
	srand(21);
	on_each(random_damage_when_dirty);
}

static int setup(void **state)
{
	(void)state;
	if (!scratch_make(dir))
		return -1;
	fixture_must(dir,
		     "mkdir -p tree/a/deep tree/b tree/c && head -c 9000 /dev/urandom >pool && "
		     "truncate -s 1300K pad && "
		     "for d in a a/deep b c; do for i in 1 2 3; do "
		     "cp pool tree/$d/file$i.bin; done; done");
	load(&fat12, 12, 4, 6 * SV_MIB);
	load(&fat16, 16, 2, 10 * SV_MIB);
	load(&fat32, 32, 1, 36 * SV_MIB);
	fat32.root = offset_of(&fat32, get_le32(fat32.data + 0x2c));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	struct volume *const all[] = {&fat12, &fat16, &fat32};
	for (size_t i = 0; i < SV_ARRAY(all); i++) {
		fsmap_destroy(all[i]->clean);
		blk_close(all[i]->dev);
	}
	scratch_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dirty_mark),
		cmocka_unit_test(test_dirty_entry),
		cmocka_unit_test(test_file_without_links),
		cmocka_unit_test(test_folder_circle),
		cmocka_unit_test(test_unreadable_folder),
		cmocka_unit_test(test_folder_is_none),
		cmocka_unit_test(test_copies_differ),
		cmocka_unit_test(test_bad_cluster),
		cmocka_unit_test(test_link_to_free),
		cmocka_unit_test(test_links_to_nowhere),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_wrong_geometry),
		cmocka_unit_test(test_second_boot_sector),
		cmocka_unit_test(test_length_of_the_fat),
		cmocka_unit_test(test_random_damage),
		cmocka_unit_test(test_random_damage_when_dirty),
	};
	return cmocka_run_group_tests_name("fat damage", tests, setup, teardown);
}
