/* test_ext_journal.c - maps of ext4 volumes that were not shut down: the journal's copies count */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/ext_image.h"

#include "engine/fsmap/reader.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES	   120
#define GROUPS	   5
#define BS	   1024
#define SIZE	   (40 * SV_MIB)
#define JBD2_MAGIC 0xc03b3998u

static char *dir;

/* Journals as debugfs writes them: every format of tags, and the journal's features that make it.
 * Version 2 and 3 checksums exist only beside metadata_csum. */
static const struct format {
	const char *name, *mkfs, *open;
	uint32_t incompat;
} formats[] = {
	{"32bit", "-O ^64bit,^metadata_csum", "jo", 0},
	{"64bit", "-O 64bit,^metadata_csum", "jo", 2},
	{"32bit-v1", "-O ^64bit,^metadata_csum", "jo -c", 0},
	{"64bit-v1", "-O 64bit,^metadata_csum", "jo -c", 2},
	{"uninit", "-O ^64bit,^metadata_csum,uninit_bg", "jo", 0},
	{"32bit-csum", "-O ^64bit,metadata_csum", "jo", 0},
	{"64bit-csum", "-O 64bit,metadata_csum", "jo", 2},
	{"32bit-csum-v2", "-O ^64bit,metadata_csum", "jo -c -v 2", 8},
	{"64bit-csum-v2", "-O 64bit,metadata_csum", "jo -c -v 2", 0xa},
	{"32bit-csum-v3", "-O ^64bit,metadata_csum", "jo -c -v 3", 0x10},
	{"64bit-csum-v3", "-O 64bit,metadata_csum", "jo -c -v 3", 0x12},
};

/* ---- an image in memory ---- */

struct image {
	struct blk_dev *mem;
	uint8_t *data;
	uint64_t bitmap[GROUPS]; /* block of each group's block bitmap */
	uint64_t journal;	 /* its first block; it lies in one piece */
	uint32_t maxlen;
};

static const char *path_of(const char *name)
{
	static char path[4][300];
	static int turn;
	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static void make_image(const char *options)
{
	const char *image = path_of("image");
	ext_must("rm -f '%s'; truncate -s %lluK '%s'; "
		 "mke2fs -q -F -t ext4 -b 1024 -J size=2 %s -d '%s' '%s'",
		 image, SIZE / SV_KIB, image, options, path_of("tree"), image);
}

static uint64_t bmap(int logical)
{
	char cmd[600];
	uint64_t block = 0;
	snprintf(cmd, sizeof(cmd), "debugfs -R 'bmap <8> %d' '%s' 2>/dev/null", logical,
		 path_of("image"));
	FILE *f = popen(cmd, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%" SCNu64, &block), 1);
	assert_int_equal(pclose(f), 0);
	return block;
}

static void load(struct image *im)
{
	struct blk_dev *file = NULL;
	struct sv_err err = {0};
	assert_int_equal(blk_file_open(path_of("image"), BLK_FILE_BUFFERED, 0, 0, &file, &err), 0);
	assert_int_equal(blk_mem_create(NULL, file->size, 512, &im->mem), 0);
	im->data = blk_mem_data(im->mem);
	assert_int_equal(blk_pread(file, im->data, file->size, 0, &err), 0);
	blk_close(file);
	const uint8_t *sb = im->data + 1024;
	size_t desc_size = get_le32(sb + 0x60) & 0x80 ? get_le16(sb + 0xfe) : 32;
	for (size_t g = 0; g < GROUPS; g++)
		im->bitmap[g] = get_le32(im->data + 2048 + g * desc_size);
	im->journal = bmap(0);
	im->maxlen = get_be32(im->data + im->journal * BS + 0x10);
	assert_int_equal(bmap((int)im->maxlen - 1), im->journal + im->maxlen - 1);
}

static uint8_t *block_of(struct image *im, uint64_t block)
{
	return im->data + block * BS;
}

static uint8_t *log_block(struct image *im, uint32_t index)
{
	return block_of(im, im->journal + index);
}

static struct fsmap *map_of(struct image *im)
{
	struct fsmap *map = NULL;
	struct sv_err err = {0};
	assert_int_equal(fsmap_read_as(im->mem, &fsmap_ext_ops, "ext4", &map, &err), 0);
	return map;
}

static void seal_super(struct image *im)
{
	uint8_t *sb = im->data + 1024;
	if (get_le32(sb + 0x64) & 0x400)
		put_le32(sb + 0x3fc, sv_crc32c(~0u, sb, 0x3fc));
}

static void set_recover(struct image *im)
{
	put_le32(im->data + 1024 + 0x60, get_le32(im->data + 1024 + 0x60) | 4);
	seal_super(im);
}

static void put_be32(uint8_t *p, uint32_t v)
{
	put_le32(p, __builtin_bswap32(v));
}

static void seal_journal(struct image *im)
{
	uint8_t *js = log_block(im, 0);
	put_be32(js + 0xfc, 0);
	put_be32(js + 0xfc, sv_crc32c(~0u, js, 1024));
}

static void expect_whole(struct image *im, const char *reason)
{
	struct fsmap *map = map_of(im);
	if (map->state != FSMAP_WHOLE || !strstr(map->reason, reason))
		fail_msg("%s: \"%s\" instead of \"%s\"", fsmap_state_name(map->state), map->reason,
			 reason);
	fsmap_destroy(map);
}

/* The used set must be what dumpe2fs says of the file, and `more` (partly new), and nothing else.
 */
static void expect_union(struct image *im, const char *name, const struct sv_extents *more)
{
	struct sv_extents raw = {0}, want = {0}, news = {0};
	struct fsmap *map = map_of(im);
	if (map->state != FSMAP_UNION)
		fail_msg("%s: %s: %s", name, fsmap_state_name(map->state), map->reason);
	assert_non_null(strstr(map->reason, "not shut down cleanly"));
	ext_oracle_used(path_of("image"), map->size, &raw);
	assert_int_equal(sv_extents_union(&want, &raw, more), 0);
	assert_int_equal(sv_extents_subtract(&news, more, &raw), 0);
	assert_true(!more->n == !news.n);
	for (size_t i = 0; i < want.n || i < map->used.n; i++) {
		struct sv_extent a = i < want.n ? want.v[i] : (struct sv_extent){0};
		struct sv_extent b = i < map->used.n ? map->used.v[i] : (struct sv_extent){0};
		if (a.start != b.start || a.len != b.len)
			fail_msg("%s: used range %zu is %" PRIu64 "+%" PRIu64 ", not %" PRIu64
				 "+%" PRIu64,
				 name, i, b.start, b.len, a.start, a.len);
	}
	sv_extents_clear(&raw);
	sv_extents_clear(&want);
	sv_extents_clear(&news);
	fsmap_destroy(map);
}

/* ---- journals written by debugfs ---- */

/* Set bits [first, first + n) of a bitmap of group `group`, and say so in `more`. */
static void set_bits(uint8_t *bitmap, unsigned int group, unsigned int first, unsigned int n,
		     struct sv_extents *more)
{
	for (unsigned int bit = first; bit < first + n; bit++)
		bitmap[bit / 8] |= (uint8_t)(1 << bit % 8);
	uint64_t block = 1 + group * 8192ull + first;
	assert_int_equal(sv_extents_add(more, block * BS, (uint64_t)n * BS), 0);
}

/* All set bits of a bitmap of group `group`. */
static void add_bits(const uint8_t *bitmap, unsigned int group, struct sv_extents *more)
{
	for (unsigned int bit = 0; bit < 8192 && 1 + group * 8192ull + bit < SIZE / BS; bit++)
		if (bitmap[bit / 8] >> bit % 8 & 1)
			assert_int_equal(sv_extents_add(more, (1 + group * 8192ull + bit) * BS, BS),
					 0);
	sv_extents_normalise(more);
}

static void write_blocks(const char *name, const uint8_t *blocks, size_t n)
{
	FILE *f = fopen(path_of(name), "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(blocks, BS, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/*
 * Transaction 1: two blocks of noise and a bitmap of group 1. 2: descriptors and a bitmap of group
 * 4, whose first blocks are free, that begins with the journal's magic. 3: 180 blocks, over several
 * descriptor blocks, the last of them another bitmap of group 1. 4: a revoke of the last.
 */
static void write_journal(const struct format *format, struct image *im, struct sv_extents *more)
{
	static uint8_t tx[180][BS];
	uint64_t seed = 5;
	for (size_t i = 0; i < sizeof(tx); i += 8)
		put_le64(tx[0] + i, ext_random(&seed));
	memcpy(tx[2], block_of(im, im->bitmap[1]), BS);
	set_bits(tx[2], 1, 7000, 9, more);
	set_bits(tx[2], 1, 8000, 1, more);
	write_blocks("tx1", tx[0], 3);
	memcpy(tx[0], block_of(im, 2), BS);
	memcpy(tx[1], block_of(im, im->bitmap[4]), BS);
	assert_int_equal(get_le32(tx[1]), 0);
	put_be32(tx[1], JBD2_MAGIC);
	set_bits(tx[1], 4, 5000, 300, more);
	add_bits(tx[1], 4, more);
	write_blocks("tx2", tx[0], 2);
	memcpy(tx[179], block_of(im, im->bitmap[1]), BS);
	set_bits(tx[179], 1, 6000, 17, more);
	write_blocks("tx3", tx[0], 180);

	FILE *f = fopen(path_of("script"), "w");
	assert_non_null(f);
	fprintf(f, "%s\njw -b 20000,20001,%" PRIu64 " %s\n", format->open, im->bitmap[1],
		path_of("tx1"));
	fprintf(f, "jw -b 2,%" PRIu64 " %s\njw -b ", im->bitmap[4], path_of("tx2"));
	for (int i = 0; i < 179; i++)
		fprintf(f, "%d,", 20100 + i);
	fprintf(f, "%" PRIu64 " %s\njw -r %" PRIu64 "\njc\n", im->bitmap[1], path_of("tx3"),
		im->bitmap[1]);
	assert_int_equal(fclose(f), 0);
	ext_must("debugfs -w -f '%s' '%s'", path_of("script"), path_of("image"));
}

/* What e2fsprogs itself makes of the volume by replaying must be in the map. */
static void check_replay(struct image *im, const char *name)
{
	struct sv_extents after = {0}, lost = {0};
	struct fsmap *map = map_of(im);
	ext_must("cp --sparse=always '%s' '%s' && printf 'jo\\njr\\njc\\n' >'%s' && "
		 "debugfs -w -f '%s' '%s'",
		 path_of("image"), path_of("replayed"), path_of("script"), path_of("script"),
		 path_of("replayed"));
	ext_oracle_used(path_of("replayed"), map->size, &after);
	assert_int_equal(sv_extents_subtract(&lost, &after, &map->used), 0);
	if (lost.n)
		fail_msg("%s: %" PRIu64 "+%" PRIu64 " is used after the replay", name,
			 lost.v[0].start, lost.v[0].len);
	sv_extents_clear(&after);
	fsmap_destroy(map);
}

static void tag_formats(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(formats); i++) {
		struct image im;
		struct sv_extents more = {0};
		make_image(formats[i].mkfs);
		load(&im);
		write_journal(&formats[i], &im, &more);
		blk_close(im.mem);
		load(&im);
		assert_int_equal(get_be32(log_block(&im, 0) + 0x28) & 0x1a, formats[i].incompat);
		sv_extents_normalise(&more);
		expect_union(&im, formats[i].name, &more);
		if (!strstr(formats[i].name, "csum"))
			check_replay(&im, formats[i].name);
		sv_extents_clear(&more);
		blk_close(im.mem);
	}
}

/* ---- journals made by hand ---- */

/* A descriptor block (no 64bit, no checksums) with one tag, and its copy after it in the ring. */
static void put_copy(struct image *im, uint32_t index, uint32_t copy_index, uint64_t block,
		     const uint8_t *copy)
{
	uint8_t *desc = log_block(im, index);
	memset(desc, 0, BS);
	put_be32(desc, JBD2_MAGIC);
	put_be32(desc + 4, 1);
	put_be32(desc + 8, 1);
	put_be32(desc + 12, (uint32_t)block);
	put_be32(desc + 16, 8); /* last tag, an UUID follows */
	memcpy(log_block(im, copy_index), copy, BS);
}

static void plain_image(struct image *im)
{
	make_image("-O ^64bit,^metadata_csum");
	load(im);
	set_recover(im);
}

static void ring(void **state)
{
	(void)state;
	struct image im;
	struct sv_extents more = {0}, none = {0};
	uint8_t copy[BS];
	plain_image(&im);
	expect_union(&im, "empty log", &none);
	memcpy(copy, block_of(&im, im.bitmap[2]), BS);
	set_bits(copy, 2, 4000, 20, &more);
	put_copy(&im, im.maxlen - 1, 1, im.bitmap[2], copy); /* over the end */
	expect_union(&im, "wrapped", &more);
	sv_extents_clear(&more);
	blk_close(im.mem);
}

/* start without RECOVER is dirty, too */
static void start_only(void **state)
{
	(void)state;
	struct image im;
	struct sv_extents none = {0};
	make_image("-O ^64bit,^metadata_csum");
	load(&im);
	put_be32(log_block(&im, 0) + 0x1c, 1);
	expect_union(&im, "start", &none);
	blk_close(im.mem);
}

static void limits(void **state)
{
	(void)state;
	static const struct {
		uint32_t off, value;
		const char *reason;
	} bad[] = {
		{0x00, 0, "no superblock"},	    {0x04, 1, "no superblock"},
		{0x28, 0x40, "unknown features"},   {0x2c, 1, "unknown features"},
		{0x28, 0x18, "two versions"},	    {0x28, 0x10, "wrong checksum"},
		{0x0c, 4096, "out of range"},	    {0x10, 4096, "out of range"},
		{0x10, 0xffffffff, "out of range"}, {0x14, 0, "out of range"},
		{0x14, 4096, "out of range"},	    {0x20, 5, "stopped by an error"},
	};
	struct image im;
	uint8_t keep[BS];
	plain_image(&im);
	memcpy(keep, log_block(&im, 0), BS);
	for (size_t i = 0; i < SV_ARRAY(bad); i++) {
		put_be32(log_block(&im, 0) + bad[i].off, bad[i].value);
		expect_whole(&im, bad[i].reason);
		memcpy(log_block(&im, 0), keep, BS);
	}
	put_copy(&im, 5, 6, SIZE / BS, keep);
	expect_whole(&im, "outside the filesystem");
	put_copy(&im, 5, 6, 0x7fffffff, keep);
	expect_whole(&im, "outside the filesystem");
	put_le16(im.data + 1024 + 0x3a, 0); /* not valid: somebody wrote without the journal */
	expect_whole(&im, "its journal does not cover");
	put_le16(im.data + 1024 + 0x3a, 1);
	put_le32(im.data + 1024 + 0xe0, 0);
	expect_whole(&im, "another device");
	put_le32(im.data + 1024 + 0x5c, get_le32(im.data + 1024 + 0x5c) & ~4u);
	expect_whole(&im, "no journal");
	blk_close(im.mem);
}

/* copies of superblock and descriptors */
static void layout(void **state)
{
	(void)state;
	struct image im;
	struct sv_extents none = {0};
	uint8_t copy[BS];
	plain_image(&im);
	memcpy(copy, block_of(&im, 1), BS);
	put_copy(&im, 5, 6, 1, copy);
	expect_union(&im, "same superblock", &none);
	put_le32(copy + 4, SIZE / BS + 8192);
	put_copy(&im, 5, 6, 1, copy);
	expect_whole(&im, "changes its layout");
	memcpy(copy, block_of(&im, 1), BS);
	put_le32(copy + 0x60, get_le32(copy + 0x60) | 0x10);
	put_copy(&im, 5, 6, 1, copy);
	expect_whole(&im, "changes its layout");
	memcpy(copy, block_of(&im, 2), BS);
	put_copy(&im, 5, 6, 2, copy);
	expect_union(&im, "same descriptors", &none);
	put_le32(copy + 32, get_le32(copy + 32) + 1);
	put_copy(&im, 5, 6, 2, copy);
	expect_whole(&im, "moves the tables of group 1");
	put_le32(copy + 32, SIZE / BS);
	put_copy(&im, 5, 6, 2, copy);
	expect_whole(&im, "out of place");
	blk_close(im.mem);
}

/* A bitmap on its place whose checksum is wrong: fine only when the journal has it. */
static void stale_checksum(void **state)
{
	(void)state;
	struct image im;
	struct sv_extents more = {0};
	uint8_t copy[BS];
	make_image("-O ^64bit,metadata_csum");
	load(&im);
	set_recover(&im);
	uint8_t *bitmap = block_of(&im, im.bitmap[0]);
	memcpy(copy, bitmap, BS);
	unsigned int bit = 8191;
	while (bit && bitmap[bit / 8] >> bit % 8 & 1)
		bit--;
	set_bits(bitmap, 0, bit, 1, &more);
	expect_whole(&im, "bitmap of group 0 has a wrong checksum");
	put_copy(&im, 5, 6, im.bitmap[0], copy);
	expect_union(&im, "stale checksum", &more);
	sv_extents_clear(&more);
	blk_close(im.mem);
}

/* ---- fast commits ---- */

static uint8_t *put_tl(uint8_t *at, uint16_t tag, uint16_t len)
{
	put_le16(at, tag);
	put_le16(at + 2, len);
	memset(at + 4, 0, len);
	return at + 4;
}

static void put_extent(uint8_t *at, uint64_t block, uint16_t len)
{
	put_le16(at + 4, len);
	put_le16(at + 6, (uint16_t)(block >> 32));
	put_le32(at + 8, (uint32_t)block);
}

/* HEAD, ADD_RANGE, INODE (root with one extent), PAD; then, in the next block, DEL_RANGE, TAIL. */
static void put_fast_commit(struct image *im, uint32_t index)
{
	uint8_t *at = log_block(im, index), *root;
	memset(at, 0, (size_t)2 * BS);
	at = put_tl(at, 9, 8) + 8;
	at = put_tl(at, 1, 16);
	put_extent(at + 4, 20000, 0x8000 + 7); /* unwritten */
	at = put_tl(at + 16, 6, 4 + 160);
	put_le32(at + 4 + 0x20, 0x80000);
	root = at + 4 + 0x28;
	put_le16(root, 0xf30a);
	put_le16(root + 2, 1);
	put_extent(root + 12, 20100, 3);
	at = put_tl(at + 164, 1, 16);
	put_extent(at + 4, 20200, 1);
	put_tl(at + 16, 7, 20);
	at = put_tl(log_block(im, index + 1), 2, 12);
	put_tl(at + 12, 8, 8);
}

static uint32_t fast_image(struct image *im)
{
	make_image("-O fast_commit,^64bit,^metadata_csum");
	load(im);
	set_recover(im);
	uint8_t *js = log_block(im, 0);
	put_be32(js + 0x28, get_be32(js + 0x28) | 0x20);
	put_be32(js + 0x54, 0); /* 256 */
	seal_journal(im);
	return im->maxlen - 256;
}

static void fast_commits(void **state)
{
	(void)state;
	struct image im;
	struct sv_extents more = {0}, none = {0};
	uint32_t fc = fast_image(&im);
	expect_union(&im, "no fast commit", &none);
	put_fast_commit(&im, fc + 1);
	put_fast_commit(&im, im.maxlen - 2);
	sv_extents_add(&more, 20000 * BS, 7 * BS);
	sv_extents_add(&more, 20100 * BS, 3 * BS);
	sv_extents_add(&more, 20200 * BS, BS);
	expect_union(&im, "fast commit", &more);
	uint8_t *block = log_block(&im, fc + 1);
	put_le32(block + 4, 1); /* features of HEAD */
	expect_whole(&im, "fast commits cannot be understood");
	put_fast_commit(&im, fc + 1);
	put_le16(block + 12, 77);
	expect_whole(&im, "fast commits cannot be understood");
	put_fast_commit(&im, fc + 1);
	put_le16(block + 12 + 2, 2000);
	expect_whole(&im, "fast commits cannot be understood");
	put_fast_commit(&im, fc + 1);
	put_le32(block + 16 + 4 + 8, SIZE / BS - 3);
	expect_whole(&im, "outside the filesystem");
	sv_extents_clear(&more);
	blk_close(im.mem);
}

/* ---- noise in log and fast commits: never less than the volume's own bitmaps ---- */

static void noise(void **state)
{
	(void)state;
	struct image im;
	uint64_t seed = 99;
	uint32_t fc = fast_image(&im);
	uint8_t copy[BS];
	struct fsmap *raw = map_of(&im);
	memcpy(copy, block_of(&im, im.bitmap[2]), BS);
	for (int round = 0; round < 600; round++) {
		for (uint32_t i = 1; i < 9; i += 2)
			put_copy(&im, i, i + 1, im.bitmap[i / 2 % 3], copy);
		put_fast_commit(&im, fc + 1);
		for (int n = 0; n < 4; n++) {
			uint32_t index = ext_random(&seed) % 2
						 ? 1 + (uint32_t)(ext_random(&seed) % 8)
						 : fc + 1;
			log_block(&im, index)[ext_random(&seed) % 64] = (uint8_t)ext_random(&seed);
		}
		struct fsmap *map = map_of(&im);
		struct sv_extents lost = {0};
		assert_int_equal(sv_extents_subtract(&lost, &raw->used, &map->used), 0);
		assert_int_equal(lost.n, 0);
		fsmap_destroy(map);
	}
	fsmap_destroy(raw);
	blk_close(im.mem);
}

static int setup(void **state)
{
	(void)state;
	dir = ext_dir_create();
	ext_tree_create(path_of("tree"), FILES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ext_dir_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tag_formats),	cmocka_unit_test(ring),
		cmocka_unit_test(start_only),	cmocka_unit_test(limits),
		cmocka_unit_test(layout),	cmocka_unit_test(stale_checksum),
		cmocka_unit_test(fast_commits), cmocka_unit_test(noise),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
