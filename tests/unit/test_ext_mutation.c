/* test_ext_mutation.c - damaged ext2/3/4 volumes: whole, or at least nothing lost, never a crash */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/ext_image.h"
#include "tests/lib/noise.h"

#include "engine/fsmap/reader.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES 160
#define SB    1024

enum { CSUM, CSUM_32BIT, UNINIT, PLAIN, BIGALLOC, META_BG, EXT3, MMP, IMAGES };

static const struct {
	const char *name, *options;
	bool csum; /* every bitmap has a checksum */
} kinds[IMAGES] = {
	[CSUM] = {"metadata_csum", "-t ext4 -b 1024 -J size=1", true},
	[CSUM_32BIT] = {"32bit", "-t ext4 -b 1024 -J size=1 -O ^64bit", true},
	[UNINIT] = {"uninit", "-t ext4 -b 1024 -J size=1 -O ^metadata_csum,uninit_bg", false},
	[PLAIN] = {"plain", "-t ext4 -b 1024 -J size=1 -O ^metadata_csum", false},
	[BIGALLOC] = {"bigalloc", "-t ext4 -b 1024 -J size=1 -O bigalloc -C 4096", true},
	[META_BG] = {"meta_bg",
		     "-t ext4 -b 1024 -J size=1 -O meta_bg,^resize_inode -g 1024 -N 1024", true},
	[EXT3] = {"ext3", "-t ext3 -b 1024 -J size=1", false},
	[MMP] = {"mmp", "-t ext4 -b 1024 -J size=1 -O mmp", true},
};

/* One image in memory; `touched` = what the reader reads of it. */
static struct image {
	struct blk_dev *mem;
	uint8_t *data;
	uint64_t size;
	struct sv_extents used, touched;
} images[IMAGES];

static struct fsmap *map_of(struct blk_dev *dev)
{
	struct fsmap *map = NULL;
	struct sv_err err = {0};
	assert_int_equal(fsmap_read_as(dev, &fsmap_ext_ops, "ext4", &map, &err), 0);
	return map;
}

static void load(struct image *im, const char *path)
{
	struct blk_dev *file = NULL;
	struct sv_err err = {0};
	assert_int_equal(blk_file_open(path, BLK_FILE_BUFFERED, 0, 0, &file, &err), 0);
	im->size = file->size;
	assert_int_equal(blk_mem_create(NULL, im->size, 512, &im->mem), 0);
	im->data = blk_mem_data(im->mem);
	assert_int_equal(blk_pread(file, im->data, im->size, 0, &err), 0);
	blk_close(file);
	struct fsmap *map = noise_watch(im->mem, &fsmap_ext_ops, "ext4", &im->touched);
	assert_int_equal(map->state, FSMAP_EXACT);
	assert_int_equal(sv_extents_copy(&im->used, &map->used), 0);
	fsmap_destroy(map);
}

static int setup(void **state)
{
	(void)state;
	char *dir = ext_dir_create();
	char tree[300], image[300], script[300];
	snprintf(tree, sizeof(tree), "%s/tree", dir);
	snprintf(image, sizeof(image), "%s/image", dir);
	snprintf(script, sizeof(script), "%s/remove", dir);
	ext_tree_create(tree, FILES);
	ext_tree_remove_script(script, FILES);
	for (int i = 0; i < IMAGES; i++) {
		ext_must("rm -f '%s'; truncate -s 20M '%s'; mke2fs -q -F %s -d '%s' '%s'", image,
			 image, kinds[i].options, tree, image);
		ext_must("debugfs -w -f '%s' '%s'", script, image);
		load(&images[i], image);
	}
	ext_dir_remove(dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < IMAGES; i++) {
		blk_close(images[i].mem);
		sv_extents_clear(&images[i].used);
		sv_extents_clear(&images[i].touched);
	}
	return 0;
}

/* ---- one change at a time ---- */

static uint8_t *sb(int kind)
{
	return images[kind].data + SB;
}

static void seal_super(int kind)
{
	if (get_le32(sb(kind) + 0x64) & 0x400)
		put_le32(sb(kind) + 0x3fc, sv_crc32c(~0u, sb(kind), 0x3fc));
}

static void expect_whole(int kind, const char *reason)
{
	struct fsmap *map = map_of(images[kind].mem);
	if (map->state != FSMAP_WHOLE || !strstr(map->reason, reason))
		fail_msg("%s: %s: \"%s\" instead of \"%s\"", kinds[kind].name,
			 fsmap_state_name(map->state), map->reason, reason);
	assert_int_equal(sv_extents_total(&map->used), images[kind].size);
	fsmap_destroy(map);
}

/* Change `len` bytes of the superblock to a number, seal it again, expect whole, put it back. */
static void super_change(int kind, size_t off, size_t len, uint32_t value, const char *reason)
{
	uint8_t keep[1024], le[4];
	memcpy(keep, sb(kind), sizeof(keep));
	put_le32(le, value);
	memcpy(sb(kind) + off, le, len);
	seal_super(kind);
	expect_whole(kind, reason);
	memcpy(sb(kind), keep, sizeof(keep));
}

static void features(void **state)
{
	(void)state;
	static const struct {
		size_t off;
		uint32_t bit;
	} bad[] = {
		{0x5c, 0x40},	{0x5c, 0x80},	 {0x5c, 0x100},	  {0x5c, 0x80000000}, {0x60, 0x1},
		{0x60, 0x8},	{0x60, 0x1000},	 {0x60, 0x40000}, {0x64, 0x80},	      {0x64, 0x800},
		{0x64, 0x4000}, {0x64, 0x20000}, {0x60, 0x20},	  {0x60, 0x800},
	};
	for (size_t i = 0; i < SV_ARRAY(bad); i++)
		for (int kind = 0; kind < IMAGES; kind++)
			super_change(kind, bad[i].off, 4,
				     get_le32(sb(kind) + bad[i].off) | bad[i].bit, "features");
	super_change(CSUM, 0x4c, 4, 2, "revision");
	super_change(CSUM, 0x4c, 4, 0, "revision");
	super_change(CSUM, 0x175, 1, 2, "checksum type");
	super_change(PLAIN, 0x60, 4, get_le32(sb(PLAIN) + 0x60) | 0x2000, "seed");
}

static void states(void **state)
{
	(void)state;
	for (int kind = 0; kind < IMAGES; kind++) {
		super_change(kind, 0x3a, 2, 0, "not shut down cleanly");
		super_change(kind, 0x3a, 2, 3, "having errors");
		super_change(kind, 0x3a, 2, 2, "having errors");
		super_change(kind, 0x3a, 2, 0x21, "unusual");
		super_change(kind, 0x38, 2, 0, "magic");
	}
}

static void geometry(void **state)
{
	(void)state;
	static const struct {
		size_t off, len;
		uint32_t value;
		const char *reason;
	} bad[] = {
		{0x18, 4, 7, "block size"},
		{0x18, 4, 0xffffffff, "block size"},
		{0x04, 4, 0x7fffffff, "larger than its volume"},
		{0x04, 4, 20481, "larger than its volume"},
		{0x04, 4, 1, ""},
		{0x04, 4, 0, ""},
		{0x14, 4, 2, "first data block"},
		{0x20, 4, 0, "blocks per group"},
		{0x20, 4, 8193 * 8, "blocks per group"},
		{0x20, 4, 8, ""},
		{0x28, 4, 0, "inodes per group"},
		{0x28, 4, 0xffffffff, "inodes per group"},
		{0x58, 2, 0, "inode size"},
		{0x58, 2, 200, "inode size"},
		{0x58, 2, 4096, "inode size"},
		{0xfe, 2, 0, "descriptor size"},
		{0xfe, 2, 32, "descriptor size"},
		{0xfe, 2, 2048, "descriptor size"},
		{0xce, 2, 0xffff, "reserved descriptor"},
		{0x150, 4, 0xffffffff, "larger than its volume"},
		{0xe0, 4, 0xffffffff, "does not exist"},
		{0xe0, 4, 2, "not that of a file"},
	};
	for (size_t i = 0; i < SV_ARRAY(bad); i++)
		super_change(CSUM, bad[i].off, bad[i].len, bad[i].value, bad[i].reason);
	super_change(META_BG, 0x104, 4, 99, "first meta group");
	super_change(BIGALLOC, 0x1c, 4, 31, "cluster size");
	super_change(BIGALLOC, 0x1c, 4, 0xfffffffe, "cluster size");
	super_change(BIGALLOC, 0x24, 4, 4096, "disagree");
}

static void counts(void **state)
{
	(void)state;
	for (int kind = 0; kind < IMAGES; kind++) {
		super_change(kind, 0x0c, 4, get_le32(sb(kind) + 0x0c) + 4,
			     "as its superblock says");
		sb(kind)[0x88] ^= 1; /* not sealed again */
		if (kinds[kind].csum)
			expect_whole(kind, "superblock has a wrong checksum");
		sb(kind)[0x88] ^= 1;
	}
	uint8_t *desc = images[PLAIN].data + 2048; /* group 0 */
	desc[0x0c] ^= 1;
	expect_whole(PLAIN, "free clusters");
	desc[0x0c] ^= 1;
	images[CSUM].data[2048 + 0x0c] ^= 1;
	expect_whole(CSUM, "descriptor of group 0 has a wrong checksum");
	images[CSUM].data[2048 + 0x0c] ^= 1;
	images[UNINIT].data[2048 + 0x0c] ^= 1;
	expect_whole(UNINIT, "descriptor of group 0 has a wrong checksum");
	images[UNINIT].data[2048 + 0x0c] ^= 1;
}

/* every bit of a bitmap, set or not */
static void bitmap_bits(void **state)
{
	(void)state;
	for (int kind = 0; kind < IMAGES; kind++) {
		uint8_t *data = images[kind].data;
		uint64_t at = get_le32(data + 2048) * 1024ull;
		for (int bit = 0; bit < 1024; bit += 3) {
			data[at + (size_t)bit / 8] ^= (uint8_t)(1 << bit % 8);
			expect_whole(kind, kinds[kind].csum
						   ? "bitmap of group 0 has a wrong checksum"
						   : "free clusters");
			data[at + (size_t)bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void tables(void **state)
{
	(void)state;
	uint8_t *desc = images[PLAIN].data + 2048, keep[64];
	memcpy(keep, desc, sizeof(keep));
	for (size_t off = 0; off <= 8; off += 4) {
		put_le32(desc + off, 20480);
		expect_whole(PLAIN, "out of place");
		put_le32(desc + off, 0);
		expect_whole(PLAIN, "out of place");
		memcpy(desc, keep, sizeof(keep));
	}
	put_le32(desc + 0x20, 1); /* high half */
	expect_whole(PLAIN, "out of place");
	memcpy(desc, keep, sizeof(keep));
}

static void mmp(void **state)
{
	(void)state;
	uint64_t block = get_le64(sb(MMP) + 0x168);
	uint8_t *data = images[MMP].data + block * 1024, keep[1024];
	memcpy(keep, data, sizeof(keep));
	put_le32(data + 4, 0x12345);
	expect_whole(MMP, "wrong checksum");
	put_le32(data + 0x3fc, sv_crc32c(sv_crc32c(~0u, sb(MMP) + 0x68, 16), data, 0x3fc));
	expect_whole(MMP, "in use");
	memcpy(data, keep, sizeof(keep));
	data[0] ^= 1;
	expect_whole(MMP, "damaged");
	memcpy(data, keep, sizeof(keep));
	super_change(MMP, 0x168, 4, 0x7fffffff, "out of range");
}

/* every block the reader needs, unreadable once; and a volume that ends early */
static void unreadable(void **state)
{
	(void)state;
	const struct sv_extents *touched = &images[CSUM].touched;
	for (size_t i = 0; i < touched->n; i++) {
		struct blk_dev *fault = NULL;
		struct blk_fault_rule rule = {.ops = BLK_FAULT_READ,
					      .start = touched->v[i].start,
					      .len = touched->v[i].len,
					      .sys_errno = EIO};
		assert_int_equal(blk_fault_create(images[CSUM].mem, &fault), 0);
		assert_int_equal(blk_fault_add(fault, &rule), 0);
		struct fsmap *map = map_of(fault);
		assert_int_equal(map->state, FSMAP_WHOLE);
		assert_non_null(strstr(map->reason, "cannot be read"));
		fsmap_destroy(map);
		blk_close(fault);
	}
	for (uint64_t size = 0; size < images[CSUM].size; size += 510 * 1024) {
		struct blk_dev *part = NULL;
		struct sv_err err = {0};
		assert_int_equal(blk_window_create(images[CSUM].mem, 0, size, "short", &part, &err),
				 0);
		struct fsmap *map = map_of(part);
		assert_int_equal(map->state, FSMAP_WHOLE);
		fsmap_destroy(map);
		blk_close(part);
	}
}

/* ---- noise ---- */

static bool in_bitmap(int kind, uint64_t off)
{
	const uint8_t *s = sb(kind);
	size_t desc_size = get_le32(s + 0x60) & 0x80 ? get_le16(s + 0xfe) : 32;
	uint32_t groups = (get_le32(s + 4) - 2) / get_le32(s + 0x20) + 1;
	for (uint32_t g = 0; g < groups; g++)
		if (off / 1024 == get_le32(images[kind].data + 2048 + g * desc_size))
			return true;
	return false;
}

static uint64_t random_place(int kind, uint64_t *seed)
{
	const struct sv_extents *t = &images[kind].touched;
	const struct sv_extent *e = &t->v[ext_random(seed) % t->n];
	return e->start + ext_random(seed) % e->len;
}

/* Change 1..max bytes; without checksums only what counts can find: single bits of bitmaps. */
static void noise(int kind, int rounds, int max, uint64_t seed)
{
	struct image *im = &images[kind];
	for (int round = 0; round < rounds; round++) {
		uint64_t at[8];
		uint8_t was[8];
		int n = 1 + (int)(ext_random(&seed) % (uint64_t)max);
		for (int i = 0; i < n; i++) {
			at[i] = random_place(kind, &seed);
			was[i] = im->data[at[i]];
			uint8_t flip = (uint8_t)(1 + ext_random(&seed) % 255);
			if (!kinds[kind].csum && in_bitmap(kind, at[i]))
				flip = (uint8_t)(1 << flip % 8);
			im->data[at[i]] ^= flip;
		}
		struct fsmap *map = map_of(im->mem);
		struct sv_extents lost = {0};
		assert_int_equal(sv_extents_subtract(&lost, &im->used, &map->used), 0);
		if (lost.n)
			fail_msg("%s: byte %" PRIu64 " (%d changed): %s, but %" PRIu64 "+%" PRIu64
				 " is free",
				 kinds[kind].name, at[0], n, fsmap_state_name(map->state),
				 lost.v[0].start, lost.v[0].len);
		sv_extents_clear(&lost);
		fsmap_destroy(map);
		while (n--)
			im->data[at[n]] = was[n];
	}
}

static void random_noise(void **state)
{
	(void)state;
	for (int kind = 0; kind < IMAGES; kind++) {
		noise(kind, 3000, 1, 7 + (uint64_t)kind);
		if (kinds[kind].csum)
			noise(kind, 1000, 8, 77 + (uint64_t)kind);
		struct fsmap *map = map_of(images[kind].mem); /* all put back? */
		assert_int_equal(map->state, FSMAP_EXACT);
		fsmap_destroy(map);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features),	cmocka_unit_test(states),
		cmocka_unit_test(geometry),	cmocka_unit_test(counts),
		cmocka_unit_test(bitmap_bits),	cmocka_unit_test(tables),
		cmocka_unit_test(mmp),		cmocka_unit_test(unreadable),
		cmocka_unit_test(random_noise),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
