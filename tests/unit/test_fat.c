/* test_fat.c - maps of FAT12, FAT16 and FAT32 against fsck.fat and sleuthkit */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/scratch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char dir[64];

struct shape {
	unsigned int bits;
	unsigned int sector;
	unsigned int per_cluster;
	uint64_t size;
	unsigned int files; /* of the fragmented volume, half of which are deleted */
	unsigned int file_size;
};

static const struct shape shapes[] = {
	{12, 512, 8, 8 * SV_MIB, 160, 40000},	  {12, 4096, 1, 12 * SV_MIB, 160, 60000},
	{16, 512, 4, 24 * SV_MIB, 200, 100000},	  {16, 4096, 1, 40 * SV_MIB, 200, 150000},
	{32, 512, 1, 40 * SV_MIB, 200, 150000},	  {16, 1024, 2, 24 * SV_MIB, 100, 100000},
	{32, 4096, 1, 280 * SV_MIB, 100, 500000},
};

static void make_empty(const struct shape *s)
{
	fixture_empty(dir, "img", s->size);
	fixture_must(dir, "mkfs.fat -F %u -S %u -s %u img", s->bits, s->sector, s->per_cluster);
}

/* Files of various sizes in two folders; every second one deleted, then one large one in the gaps.
 */
static void make_fragmented(const struct shape *s)
{
	make_empty(s);
	fixture_must(
		dir,
		"rm -rf tree && mkdir -p tree/one tree/two/deep && "
		"head -c $((%u * 2)) /dev/urandom >pool && "
		"for i in $(seq %u); do "
		"case $((i %% 3)) in 0) d=one;; 1) d=two;; *) d=two/deep;; esac; "
		"tail -c +$((i * 7)) pool | head -c $((%u - i * 50)) >tree/$d/file-$i.bin; done",
		s->file_size, s->files, s->file_size);
	fixture_must(dir, "mcopy -s -i img tree/one tree/two ::");
	fixture_must(dir, "cd tree && find . -name '*[02468].bin' | tee ../gone | "
			  "sed 's/^\\./::/' | xargs mdel -i ../img && xargs rm <../gone");
	fixture_must(dir,
		     "cat tree/*/*.bin | head -c %u >tree/large.bin && "
		     "mcopy -i img tree/large.bin ::large.bin",
		     s->files * s->file_size / 5);
}

/* "img: 3 files, 27/2041 clusters" */
static void fsck_counts(uint64_t *used, uint64_t *total)
{
	char *text;
	int status = fixture_run(dir, &text, "fsck.fat -nv img");
	const char *line = strstr(text, "img: ");
	if (status || !line ||
	    sscanf(line, "img: %*u files, %" SCNu64 "/%" SCNu64, used, total) != 2)
		fail_msg("fsck.fat: exit %d: %s", status, text);
	free(text);
}

static void make_full(const struct shape *s)
{
	uint64_t used, total;
	make_empty(s);
	fsck_counts(&used, &total);
	fixture_must(dir, "truncate -s %" PRIu64 " fill && mcopy -i img fill ::fill.bin && rm fill",
		     (total - used) * s->sector * s->per_cluster);
	fsck_counts(&used, &total);
	assert_int_equal(used, total);
}

/* The first sector of cluster 2 and the sector after the last cluster, as sleuthkit sees them. */
static void cluster_area(const struct shape *s, uint64_t *first, uint64_t *end)
{
	char *text;
	assert_int_equal(fixture_run(dir, &text, "fsstat -f fat%u img", s->bits), 0);
	const char *line = strstr(text, "Cluster Area: ");
	assert_non_null(line);
	assert_int_equal(sscanf(line, "Cluster Area: %" SCNu64 " - %" SCNu64, first, end), 2);
	(*end)++;
	free(text);
}

static bool bit(const uint8_t *bits, uint64_t i)
{
	return bits[i / 8] >> (i % 8) & 1;
}

/*
 * Sector by sector: used is what sleuthkit calls allocated, everything outside of the clusters, and
 * the MiB at both ends; nothing else. Its count of clusters is fsck.fat's.
 */
static void compare(const struct shape *s, const struct fsmap *map)
{
	char type[8];
	uint64_t units, first, end, fsck_used, fsck_total, allocated = 0;
	uint32_t unit;
	snprintf(type, sizeof(type), "fat%u", s->bits);
	uint8_t *theirs = fixture_blkls(dir, "img", type, &units, &unit);
	assert_int_equal(unit, s->sector);
	assert_int_equal(units, s->size / unit);
	uint8_t *ours = fixture_bitmap(map, unit, units);
	uint64_t edge = SV_MIB / unit;
	cluster_area(s, &first, &end);
	for (uint64_t i = 0; i < units; i++) {
		bool always = i < edge || i >= units - edge || i < first || i >= end;
		if (bit(ours, i) != (bit(theirs, i) || always))
			fail_msg("sector %" PRIu64 " of %" PRIu64 ": ours %d, sleuthkit %d", i,
				 units, bit(ours, i), bit(theirs, i));
		allocated += i >= first && i < end && bit(theirs, i);
	}
	fsck_counts(&fsck_used, &fsck_total);
	assert_int_equal(allocated, fsck_used * s->per_cluster);
	assert_int_equal(end - first, fsck_total * s->per_cluster);
	free(ours);
	free(theirs);
}

/* A copy of only the used ranges, on poison, is the same filesystem with the same files. */
static void restore_on_poison(const struct fsmap *map)
{
	fixture_copy_used(map, dir, "img", "copy");
	fixture_must(dir, "fsck.fat -n copy && rm -rf out && mkdir out && "
			  "mcopy -s -i copy '::*' out && diff -r tree out && rm -rf out copy");
}

static struct fsmap *map_image(const struct shape *s)
{
	struct blk_dev *vol = fixture_open(dir, "img", s->sector);
	struct fsmap *map = fixture_map(vol);
	blk_close(vol);
	if (map->state != FSMAP_EXACT)
		fail_msg("FAT%u of %u byte sectors: %s", s->bits, s->sector, map->reason);
	assert_string_equal(map->fs, "vfat");
	assert_int_equal(map->block_size, s->sector * s->per_cluster);
	return map;
}

static void test_empty(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(shapes); i++) {
		make_empty(&shapes[i]);
		struct fsmap *map = map_image(&shapes[i]);
		compare(&shapes[i], map);
		assert_true(sv_extents_total(&map->used) < map->size / 2);
		fsmap_destroy(map);
	}
}

static void test_full(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(shapes); i++) {
		make_full(&shapes[i]);
		struct fsmap *map = map_image(&shapes[i]);
		compare(&shapes[i], map);
		assert_int_equal(sv_extents_total(&map->used), map->size);
		fsmap_destroy(map);
	}
}

static void test_fragmented(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(shapes); i++) {
		make_fragmented(&shapes[i]);
		struct fsmap *map = map_image(&shapes[i]);
		compare(&shapes[i], map);
		assert_true(map->used.n > 4);
		restore_on_poison(map);
		fsmap_destroy(map);
	}
}

/* One to four copies of the FAT (fsck.fat reads at most two), and a volume that ends before the
 * partition does. */
static void test_odd_layouts(void **state)
{
	(void)state;
	struct shape s = {16, 512, 4, 24 * SV_MIB, 100, 50000};
	for (unsigned int copies = 1; copies <= 4; copies++) {
		fixture_empty(dir, "img", s.size);
		fixture_must(dir, "mkfs.fat -F 16 -s 4 -f %u -R 7 -r 256 img", copies);
		struct fsmap *map = map_image(&s);
		if (copies <= 2)
			compare(&s, map);
		else
			assert_int_equal(sv_extents_total(&map->used), 2 * SV_MIB);
		fsmap_destroy(map);
	}
	fixture_must(dir, "truncate -s +9M img");
	struct fsmap *map = map_image(&s);
	assert_true(sv_extents_contain(&map->used, s.size, 9 * SV_MIB));
	fsmap_destroy(map);
}

/* A FAT of many pieces, in a sparse file. What is used outside of both ends is the FATs. */
static void test_large(void **state)
{
	(void)state;
	const struct shape s = {32, 512, 64, 100 * SV_GIB, 0, 0};
	uint64_t first, end, used, total;
	make_empty(&s);
	fixture_must(dir, "echo last >tail && mcopy -i img tail ::");
	struct fsmap *map = map_image(&s);
	cluster_area(&s, &first, &end);
	fsck_counts(&used, &total);
	assert_int_equal(used, 2);
	assert_true(total > 3000000);
	assert_int_equal(sv_extents_total(&map->used), (first + used * 64) * 512 + SV_MIB);
	fsmap_destroy(map);
}

/* Clusters one below and at the limits of the types; fsck.fat and sleuthkit decide by count too. */
static void test_limits_of_the_types(void **state)
{
	(void)state;
	static const struct {
		unsigned int bits;
		uint64_t sectors;
	} edges[] = {{12, 8000}, {12, 8192}, {16, 8320}, {16, 9024}};
	for (size_t i = 0; i < SV_ARRAY(edges); i++) {
		struct shape s = {edges[i].bits, 512, 2, edges[i].sectors * 512, 0, 0};
		make_empty(&s);
		struct fsmap *map = map_image(&s);
		compare(&s, map);
		fsmap_destroy(map);
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
		cmocka_unit_test(test_empty),	   cmocka_unit_test(test_full),
		cmocka_unit_test(test_fragmented), cmocka_unit_test(test_odd_layouts),
		cmocka_unit_test(test_large),	   cmocka_unit_test(test_limits_of_the_types),
	};
	return cmocka_run_group_tests_name("fat", tests, setup, teardown);
}
