/* test_ntfs.c - the map of NTFS against ntfscat, ntfsinfo and sleuthkit, and what makes it whole */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/fsmap.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/ntfs_image.h"
#include "tests/lib/scratch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGE "a.img"

static char dir[64];

/* ---- clean volumes ---- */

/* The free bytes of cluster `i`: the first and last MiB of the volume are always used. */
static uint64_t free_part(uint64_t i, uint32_t cluster, uint64_t size)
{
	uint64_t start = SV_MAX(i * cluster, SV_MIB);
	uint64_t end = SV_MIN((i + 1) * cluster, size - SV_MIB);
	return end > start ? end - start : 0;
}

/* Every cluster, bit by bit: free where the bitmap says so, and nothing else. */
static void expect_bitmap(const struct fsmap *map, const uint8_t *bits, uint32_t cluster,
			  uint64_t clusters)
{
	uint64_t unused = 0;
	for (uint64_t i = 0; i < clusters; i++) {
		uint64_t part = free_part(i, cluster, map->size);
		if (bits[i / 8] >> (i % 8) & 1)
			assert_true(sv_extents_contain(&map->used, i * cluster, cluster));
		else
			unused += part;
	}
	assert_int_equal(map->size - sv_extents_total(&map->used), unused);
}

static void expect_sleuthkit(const uint8_t *bits, uint32_t cluster, uint64_t clusters)
{
	uint64_t units;
	uint32_t unit;
	uint8_t *theirs = fixture_blkls(dir, IMAGE, "ntfs", &units, &unit);
	assert_int_equal(unit, cluster);
	assert_int_equal(units, clusters);
	assert_memory_equal(theirs, bits, clusters / 8);
	free(theirs);
}

/* The map of the image is exact and is that of the other tools. */
static void expect_exact(uint32_t sector)
{
	uint32_t cluster;
	uint64_t clusters;
	uint8_t *bits = ntfs_oracle(dir, IMAGE, &cluster, &clusters);
	struct blk_dev *vol = fixture_open(dir, IMAGE, sector);
	struct fsmap *map = fixture_map(vol);
	if (map->state != FSMAP_EXACT)
		fail_msg("%s", map->reason);
	assert_string_equal(map->fs, "ntfs");
	assert_string_equal(map->label, "test");
	assert_int_equal(map->block_size, cluster);
	assert_false(map->hibernated);
	expect_bitmap(map, bits, cluster, clusters);
	if (cluster <= 65536) /* sleuthkit knows no larger ones */
		expect_sleuthkit(bits, cluster, clusters);
	fsmap_destroy(map);
	blk_close(vol);
	free(bits);
}

static const struct {
	uint32_t cluster, sector;
} shapes[] = {
	{512, 512}, {4096, 512}, {65536, 512}, {2097152, 512}, {4096, 4096}, {65536, 4096},
};

static void test_empty(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(shapes); i++) {
		ntfs_make(dir, IMAGE, 24 * SV_MIB + 3 * 4096, shapes[i].cluster, shapes[i].sector);
		expect_exact(shapes[i].sector);
	}
}

static void test_copied(void **state)
{
	(void)state;
	ntfs_make(dir, IMAGE, 16 * SV_MIB, 4096, 512);
	fixture_must(dir, "head -c 3000000 /dev/urandom > large");
	for (int i = 0; i < 4; i++)
		fixture_must(dir, "ntfscp -q %s large copy%d", IMAGE, i);
	expect_exact(512);
	/* the rest of the volume */
	assert_int_not_equal(fixture_run(dir, NULL, "ntfscp -q %s large copy6", IMAGE), 0);
	expect_exact(512);
}

static void test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(shapes); i++) {
		ntfs_make(dir, IMAGE, 48 * SV_MIB + 512, shapes[i].cluster, shapes[i].sector);
		if (!ntfs_fill(dir, IMAGE, ntfs_script_files))
			skip();
		expect_exact(shapes[i].sector);
	}
}

/* How many attribute lists a file has according to ntfsinfo. */
static bool has_list(const char *which)
{
	char *text;
	if (fixture_run(dir, &text, "ntfsinfo %s %s", which, IMAGE))
		fail_msg("ntfsinfo: %s", text);
	bool found = strstr(text, "$ATTRIBUTE_LIST");
	free(text);
	return found;
}

static void make_pieces(uint32_t cluster, uint64_t size)
{
	char script[1024];
	ntfs_make(dir, IMAGE, size, cluster, 512);
	snprintf(script, sizeof(script), "BYTES=%" PRIu32 "\n%s", SV_MAX(cluster, 1024),
		 ntfs_script_pieces);
	if (!ntfs_fill(dir, IMAGE, script))
		skip();
	assert_true(has_list("-F pieces"));
}

static void test_pieces(void **state)
{
	(void)state;
	make_pieces(512, 8 * SV_MIB);
	expect_exact(512);
	make_pieces(4096, 16 * SV_MIB);
	expect_exact(512);
}

static void make_fragmented_mft(void)
{
	ntfs_make(dir, IMAGE, 12 * SV_MIB, 512, 512);
	if (!ntfs_fill(dir, IMAGE, ntfs_script_mft))
		skip();
	assert_true(has_list("-i 0"));
}

static void test_fragmented_mft(void **state)
{
	(void)state;
	make_fragmented_mft();
	expect_exact(512);
}

/* Everything outside of the map is poison now: nobody may miss it. */
static void poison(const char *name)
{
	struct blk_dev *vol = fixture_open(dir, IMAGE, 512);
	struct fsmap *map = fixture_map(vol);
	blk_close(vol);
	assert_int_equal(map->state, FSMAP_EXACT);
	fixture_copy_used(map, dir, IMAGE, name);
	fsmap_destroy(map);
}

static const char sums[] = "find . -type f -print0 | sort -z | xargs -0 sha256sum > ../%s\n";

static void test_poison(void **state)
{
	(void)state;
	char script[256];
	make_fragmented_mft();
	poison("poisoned.img");
	snprintf(script, sizeof(script), sums, "before");
	assert_true(ntfs_fill(dir, IMAGE, script));
	snprintf(script, sizeof(script), sums, "after");
	assert_true(ntfs_fill(dir, "poisoned.img", script));
	fixture_must(dir, "test $(wc -l < before) -gt 1000 && cmp before after");
	fixture_must(dir, "ntfsfix -n poisoned.img");
}

static void test_smaller_than_partition(void **state)
{
	(void)state;
	ntfs_make(dir, IMAGE, 16 * SV_MIB, 4096, 512);
	fixture_must(dir, "truncate -s 24M %s", IMAGE);
	struct blk_dev *vol = fixture_open(dir, IMAGE, 512);
	struct fsmap *map = fixture_map(vol);
	assert_int_equal(map->state, FSMAP_EXACT);
	/* from the last cluster's end on, the backup boot sector with it */
	uint64_t last = 16 * SV_MIB - 4096;
	assert_true(sv_extents_contain(&map->used, last, map->size - last));
	fsmap_destroy(map);
	blk_close(vol);
}

/* ---- whole, and why ---- */

static struct ntfs_image load_image(void)
{
	return ntfs_image_of(fixture_load(dir, IMAGE, 512));
}

static void check(struct ntfs_image *img, const char *reason, bool hibernated)
{
	struct fsmap *map = fixture_map(img->dev);
	assert_int_equal(map->state, reason ? FSMAP_WHOLE : FSMAP_EXACT);
	if (reason && !strstr(map->reason, reason))
		fail_msg("\"%s\" is not in \"%s\"", reason, map->reason);
	assert_int_equal(map->hibernated, hibernated);
	fsmap_destroy(map);
}

static void expect_whole(struct ntfs_image *img, const char *reason)
{
	check(img, reason, false);
}

static void expect_clean(struct ntfs_image *img)
{
	check(img, NULL, false);
}

static void make_small(void)
{
	ntfs_make(dir, IMAGE, 12 * SV_MIB, 4096, 512);
	fixture_must(dir, "head -c 300000 /dev/urandom > file");
	fixture_must(dir, "ntfscp -q %s file file", IMAGE);
}

static void set_volume(struct ntfs_image *img, uint8_t major, uint8_t minor, uint16_t flags)
{
	uint8_t *rec = ntfs_image_open(img, 3);
	uint8_t *attr = ntfs_image_attr(img, rec, 0x70, "");
	uint8_t *value = attr + get_le16(attr + 20);
	value[8] = major;
	value[9] = minor;
	put_le16(value + 10, flags);
	ntfs_image_close(img, 3);
}

static void test_volume(void **state)
{
	(void)state;
	make_small();
	struct ntfs_image img = load_image();
	expect_clean(&img);
	set_volume(&img, 3, 1, 0x0001);
	expect_whole(&img, "marked dirty");
	set_volume(&img, 3, 1, 0x4000);
	expect_whole(&img, "chkdsk");
	set_volume(&img, 9, 0, 0);
	expect_whole(&img, "version 9.0");
	set_volume(&img, 3, 1, 0x8080); /* chkdsk changed something once; a flag of Windows 10 */
	expect_clean(&img);
	blk_close(img.dev);
}

enum { LOG_CLEAN = 2, LOG_NO_CLIENT = 0xffff };

/* A restart page as Windows writes them, one log client. */
static void put_restart(uint8_t *page, uint64_t lsn, uint16_t in_use, uint16_t flags,
			uint16_t major)
{
	memset(page, 0, 4096);
	memcpy(page, "RSTR", 4);
	put_le16(page + 4, 0x1e);
	put_le16(page + 6, 9);
	put_le32(page + 0x10, 4096);
	put_le32(page + 0x14, 4096);
	put_le16(page + 0x18, 0x30);
	put_le16(page + 0x1a, 1);
	put_le16(page + 0x1c, major);
	put_le16(page + 0x1e, 7); /* the fixups' value */
	put_le64(page + 0x30, lsn);
	put_le16(page + 0x38, 1);
	put_le16(page + 0x3a, 0xffff);
	put_le16(page + 0x3c, in_use);
	put_le16(page + 0x3e, flags);
	ntfs_fixup_do(page, 4096);
}

static uint8_t *log_of(struct ntfs_image *img)
{
	return img->data + ntfs_image_lcn(img, 2, 0x80, "") * img->cluster;
}

static void test_log(void **state)
{
	(void)state;
	make_small();
	struct ntfs_image img = load_image();
	uint8_t *log = log_of(&img);
	const char *unclean = "not shut down cleanly";

	log[100000] = 0; /* a record that the restart pages no longer point to */
	expect_whole(&img, "lost its restart pages");
	put_restart(log, 500, 0, LOG_CLEAN, 1);
	expect_whole(&img, "log is damaged"); /* no second page */
	put_restart(log + 4096, 490, 0, LOG_CLEAN, 1);
	expect_clean(&img);
	put_restart(log + 4096, 490, 0, 0, 1); /* older */
	expect_clean(&img);
	put_restart(log + 4096, 510, 0, 0, 1); /* newer */
	expect_whole(&img, unclean);
	put_restart(log, 500, 0, 0, 2);
	put_restart(log + 4096, 490, 0, LOG_CLEAN, 2);
	expect_whole(&img, unclean);
	put_restart(log, 490, 0, 0, 1); /* both of an age */
	expect_whole(&img, unclean);
	put_restart(log, 500, LOG_NO_CLIENT, 0, 2);
	expect_clean(&img);
	log[1022]++; /* torn */
	expect_whole(&img, "log is damaged");
	put_restart(log, 500, 0, LOG_CLEAN, 3);
	expect_whole(&img, "log is damaged");
	memcpy(log, "CHKD", 4);
	expect_whole(&img, "chkdsk");
	put_restart(log, 500, 0, LOG_CLEAN, 1);
	memcpy(log + 4096, "CHKD", 4);
	expect_whole(&img, "chkdsk");
	memset(log, 0, 8192);
	expect_whole(&img, "log is damaged");
	blk_close(img.dev);
}

static void put_hiberfil(const char *head, const char *name)
{
	fixture_must(dir, "{ printf '%s'; head -c 20000 /dev/zero; } > hiber", head);
	fixture_must(dir, "ntfscp -q %s hiber %s", IMAGE, name);
}

static void test_hiberfil(void **state)
{
	static const char *const asleep[] = {"hibr", "HIBR", "RSTR"};
	static const char *const awake[] = {"wake", "WAKE", ""};
	const char *reason = "Windows is hibernated";
	struct ntfs_image img;
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		make_small();
		put_hiberfil(i < 3 ? asleep[i] : awake[i - 3],
			     i % 2 ? "hiberfil.sys" : "HiberFil.SYS");
		img = load_image();
		check(&img, i < 3 ? reason : NULL, i < 3);
		blk_close(img.dev);
	}
	put_hiberfil("JUNK", "hiberfil.sys");
	img = load_image();
	expect_whole(&img, "hiberfil.sys begins with something unknown");
	blk_close(img.dev);

	/* the reason that counts more, and the flag, also on a dirty and damaged volume */
	put_hiberfil("hibr", "hiberfil.sys");
	img = load_image();
	set_volume(&img, 3, 1, 1);
	memset(log_of(&img), 0, 8192);
	img.data[img.mft + 4 * img.record] ^= 1;
	check(&img, reason, true);
	blk_close(img.dev);
}

/* One in a folder, and one that was deleted, say nothing. */
static void test_hiberfil_elsewhere(void **state)
{
	(void)state;
	make_small();
	if (!ntfs_fill(dir, IMAGE,
		       "mkdir d; printf 'hibr%09000d' 0 > d/hiberfil.sys\n"
		       "printf 'hibr%09000d' 0 > hiberfil.sys; rm hiberfil.sys\n"))
		skip();
	expect_exact(512);
}

static void test_record0(void **state)
{
	(void)state;
	make_small();
	struct ntfs_image img = load_image();
	struct fsmap *good = fixture_map(img.dev);
	img.data[img.mft + 1022] ^= 1;
	struct fsmap *mirrored = fixture_map(img.dev);
	assert_int_equal(mirrored->state, FSMAP_EXACT);
	assert_int_equal(mirrored->used.n, good->used.n);
	assert_memory_equal(mirrored->used.v, good->used.v, good->used.n * sizeof(*good->used.v));
	fsmap_destroy(good);
	fsmap_destroy(mirrored);
	img.data[img.mirror + 510] ^= 1;
	expect_whole(&img, "record 0 of $MFT and its mirror are damaged");
	blk_close(img.dev);
}

/* Fields of the non-resident DATA of a record, each of which alone must be refused. */
static void test_stream_fields(void **state)
{
	static const struct {
		uint32_t record, field;
		uint64_t value;
		const char *reason;
	} cases[] = {
		{6, 56, 100, "$Bitmap is too short"},
		{6, 48, 1u << 20, "sizes of $Bitmap contradict"},
		{6, 24, 5, "run list of $Bitmap is damaged"},
		{6, 16, 1, "$Bitmap is not where it should be"},
		{2, 56, 100, "log is too short"},
		{1, 24, 9, "run list of MFT record 1 is damaged"},
	};
	(void)state;
	make_small();
	for (size_t i = 0; i < SV_ARRAY(cases); i++) {
		struct ntfs_image img = load_image();
		uint8_t *rec = ntfs_image_open(&img, cases[i].record);
		put_le64(ntfs_image_attr(&img, rec, 0x80, "") + cases[i].field, cases[i].value);
		ntfs_image_close(&img, cases[i].record);
		expect_whole(&img, cases[i].reason);
		blk_close(img.dev);
	}
	struct ntfs_image img = load_image();
	uint8_t *rec = ntfs_image_open(&img, 6);
	put_le16(ntfs_image_attr(&img, rec, 0x80, "") + 12, 0x8000);
	ntfs_image_close(&img, 6);
	expect_whole(&img, "sparse");
	rec = ntfs_image_open(&img, 6);
	uint8_t *attr = ntfs_image_attr(&img, rec, 0x80, "");
	put_le16(attr + 12, 0);
	attr[get_le16(attr + 32)] &= 15; /* a run without a place */
	ntfs_image_close(&img, 6);
	expect_whole(&img, "$Bitmap has a hole");
	blk_close(img.dev);
}

/* Whatever cluster in use loses its bit: it is noticed. */
static void test_lost_bits(void **state)
{
	(void)state;
	uint32_t cluster;
	uint64_t clusters, seed = 1;
	make_pieces(4096, 16 * SV_MIB);
	uint8_t *bits = ntfs_oracle(dir, IMAGE, &cluster, &clusters);
	struct ntfs_image img = load_image();
	for (int i = 0; i < 300; i++) {
		uint64_t n = (seed = seed * 6364136223846793005u + 1442695040888963407u) >> 33;
		n = i < 8 ? (uint64_t)i : n % clusters;
		if (!(bits[n / 8] >> (n % 8) & 1))
			continue;
		*ntfs_image_bitmap(&img, n) ^= (uint8_t)(1u << n % 8);
		expect_whole(&img, "but is marked free");
		*ntfs_image_bitmap(&img, n) ^= (uint8_t)(1u << n % 8);
	}
	expect_clean(&img);
	free(bits);
	blk_close(img.dev);
}

static void test_truncated(void **state)
{
	(void)state;
	make_small();
	for (uint64_t size = 12 * SV_MIB - 1024; size > SV_MIB; size -= 1700000) {
		fixture_must(dir, "truncate -s %" PRIu64 " %s", size, IMAGE);
		struct ntfs_image img = load_image();
		struct fsmap *map = fixture_map(img.dev);
		assert_int_equal(map->state, FSMAP_WHOLE);
		fsmap_destroy(map);
		blk_close(img.dev);
	}
}

static void test_unreadable(void **state)
{
	(void)state;
	make_small();
	struct ntfs_image img = load_image();
	uint64_t places[] = {0, img.mft, img.mft + 8 * img.record,
			     ntfs_image_lcn(&img, 6, 0x80, "") * img.cluster,
			     ntfs_image_lcn(&img, 2, 0x80, "") * img.cluster};
	for (size_t i = 0; i < SV_ARRAY(places); i++) {
		struct blk_dev *faulty;
		assert_int_equal(blk_fault_create(img.dev, &faulty), 0);
		struct blk_fault_rule rule = {
			.ops = BLK_FAULT_READ, .start = places[i], .len = 512, .sys_errno = 5};
		assert_int_equal(blk_fault_add(faulty, &rule), 0);
		struct fsmap *map = fixture_map(faulty);
		assert_int_equal(map->state, FSMAP_WHOLE);
		fsmap_destroy(map);
		blk_close(faulty);
	}
	blk_close(img.dev);
}

static int set_up(void **state)
{
	(void)state;
	return scratch_make(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_copied),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_fragmented_mft),
		cmocka_unit_test(test_poison),
		cmocka_unit_test(test_smaller_than_partition),
		cmocka_unit_test(test_volume),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_hiberfil),
		cmocka_unit_test(test_hiberfil_elsewhere),
		cmocka_unit_test(test_record0),
		cmocka_unit_test(test_stream_fields),
		cmocka_unit_test(test_lost_bits),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_unreadable),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
