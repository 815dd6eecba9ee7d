/* test_ntfs_shadow.c - shadow copies on NTFS: what they hold of free clusters is kept; records that
 * are damaged */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/files.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/noise.h"
#include "tests/lib/ntfs_image.h"
#include "tests/lib/scratch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_AT 0x1e00
#define BLOCK	  16384u
#define DATA	  128u /* of a block, where its own begins */
#define BITS	  ((BLOCK - DATA) * 8)
#define PIECES	  2 /* blocks of a bitmap at most */
#define RECORDS	  ((1 + 3 * PIECES) * BLOCK)

enum {
	HEADER = 1,
	CATALOG = 2,
	BITMAP = 6,
};

static char dir[64];

/* Where the records lie: in a file, one after the other. */
struct places {
	int fd;
	uint64_t size, catalog, bitmap;
};

static void write_at(const struct places *p, const void *bytes, size_t len, uint64_t at)
{
	assert_int_equal(pwrite(p->fd, bytes, len, (off_t)at), len);
}

static void put_block(const struct places *p, uint8_t *block, uint32_t kind, uint64_t at,
		      uint64_t next)
{
	static const uint8_t id[16] = {0x6b, 0x87, 0x08, 0x38, 0x76, 0xc1, 0x48, 0x4e,
				       0xb7, 0xae, 0x04, 0x04, 0x6e, 0x6c, 0xc7, 0x52};
	memcpy(block, id, 16);
	put_le32(block + 16, 1);
	put_le32(block + 20, kind);
	put_le64(block + 32, at);
	put_le64(block + 40, next);
	write_at(p, block, kind == HEADER ? 512 : BLOCK, at);
}

static void put_entry(uint8_t *entry, uint64_t type, uint64_t first, char id)
{
	put_le64(entry, type);
	put_le64(entry + 8, first);
	memset(entry + 16, id, 16);
}

/* The bitmap that has these blocks in use; it follows the ones before. */
static uint64_t put_bitmap(struct places *p, const uint64_t *used, size_t n)
{
	uint8_t block[BLOCK];
	uint64_t first = p->bitmap, blocks = (p->size + BLOCK - 1) / BLOCK, last;
	for (uint64_t base = 0; base < blocks; base += BITS) {
		memset(block, 0xff, sizeof(block));
		memset(block, 0, DATA);
		for (size_t i = 0; i < n; i++)
			if (used[i] >= base && used[i] - base < BITS)
				block[DATA + (used[i] - base) / 8] &=
					(uint8_t) ~(1 << (used[i] - base) % 8);
		last = p->bitmap;
		p->bitmap += BLOCK;
		put_block(p, block, BITMAP, last, base + BITS < blocks ? p->bitmap : 0);
	}
	return first;
}

/* Blocks that nothing uses now: behind the log, which lies in the middle. */
static uint64_t block_of(const struct places *p, unsigned int i)
{
	return p->size / BLOCK / 16 * (11 + i) + 3;
}

/* A volume with two shadow copies: the bitmaps of the first, the second, and of the one before the
 * second have one block each. */
static struct places make(uint64_t size)
{
	uint8_t header[512] = {0}, catalog[BLOCK] = {0};
	char path[256], *text;
	ntfs_make(dir, "img", size, 4096, 512);
	fixture_must(dir, "head -c %u /dev/zero >zeros && ntfscp -f -q img zeros records", RECORDS);
	assert_int_equal(fixture_run(dir, &text,
				     "istat img $(ifind -n /records img) | "
				     "sed -n '/init_size/{n;p}'"),
			 0);
	uint64_t at = strtoull(text, NULL, 10) * 4096;
	free(text);
	assert_true(at > 0);
	struct places p = {.size = size - 512, .catalog = at, .bitmap = at + BLOCK};
	p.fd = open(scratch_path(path, sizeof(path), dir, "img"), O_RDWR | O_CLOEXEC);
	assert_true(p.fd >= 0);
	put_entry(catalog + DATA, 2, p.size, 'a');
	put_entry(catalog + DATA + 128, 1, 0, 'x');
	put_entry(catalog + DATA + 256, 2, p.size, 'b');
	uint8_t *a = catalog + DATA + 384, *b = catalog + DATA + 512;
	put_entry(a, 3, 0, 'a');
	put_entry(b, 3, 0, 'b');
	put_le64(a + 48, put_bitmap(&p, (uint64_t[]){block_of(&p, 0)}, 1));
	put_le64(b + 48, put_bitmap(&p, (uint64_t[]){block_of(&p, 1), block_of(&p, 3)}, 2));
	put_le64(b + 72, put_bitmap(&p, (uint64_t[]){block_of(&p, 2)}, 1));
	put_block(&p, catalog, CATALOG, p.catalog, 0);
	put_le64(header + 48, p.catalog);
	put_block(&p, header, HEADER, HEADER_AT, 0);
	return p;
}

static void expect_kept(const struct places *p, const struct fsmap *map)
{
	assert_int_equal(map->state, FSMAP_EXACT);
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t at = block_of(p, i) * BLOCK;
		assert_true(sv_extents_contain(&map->used, at, BLOCK));
		assert_false(sv_extents_contain(&map->used, at - 1, 1));
		assert_false(sv_extents_contain(&map->used, at + BLOCK, 1));
	}
}

static void test_kept(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {16 * SV_MIB, 3 * SV_GIB + 12288};
	for (size_t i = 0; i < SV_ARRAY(sizes); i++) {
		struct places p = make(sizes[i]);
		struct blk_dev *dev = fixture_open(dir, "img", 512);
		struct fsmap *map = fixture_map(dev);
		expect_kept(&p, map);
		fsmap_destroy(map);
		blk_close(dev);
		close(p.fd);
	}
}

/* A volume on which a shadow copy was, and none is: the header stays. */
static void test_none(void **state)
{
	(void)state;
	struct places p = make(16 * SV_MIB);
	write_at(&p, (uint8_t[8]){0}, 8, HEADER_AT + 48);
	struct fsmap *map = fixture_exact(dir, "img", "ntfs", 4096, "without a catalog");
	assert_false(sv_extents_contain(&map->used, block_of(&p, 0) * BLOCK, 1));
	fsmap_destroy(map);
	close(p.fd);
}

/* ---- damage ---- */

static void test_refused(void **state)
{
	(void)state;
	static const char damaged[] = "records of its shadow copies are damaged";
	static const char other[] = "of a version that is not known";
	struct places p = make(16 * SV_MIB);
	uint64_t c = p.catalog, bitmap = p.bitmap - BLOCK, past = p.size;
	const struct noise_change bad[] = {
		{HEADER_AT + 16, 4, 3, other},
		{HEADER_AT + 16, 4, 0, other},
		{HEADER_AT + 20, 4, 2, damaged},
		{HEADER_AT + 32, 8, 512, damaged},
		{HEADER_AT + 48, 8, c + 512, damaged},
		{HEADER_AT + 48, 8, past, damaged},
		{HEADER_AT + 48, 8, UINT64_MAX - 511, damaged},
		{HEADER_AT + 80, 4, 1, "kept on another volume"},
		{c, 4, 0, damaged},
		{c + 16, 4, 9, other},
		{c + 20, 4, 6, damaged},
		{c + 32, 8, c + 4096, damaged},
		{c + 40, 8, c, damaged}, /* its own successor */
		{c + DATA, 8, 4, damaged},
		{c + DATA, 8, 0, damaged},	 /* a store of no copy */
		{c + DATA + 384, 8, 1, damaged}, /* a copy without a store */
		{c + DATA + 8, 8, 0, damaged},
		{c + DATA + 256 + 16, 8, 'a', damaged},
		{c + DATA + 384 + 16, 8, 0, damaged},
		{c + DATA + 384 + 48, 8, 0, damaged},
		{c + DATA + 384 + 48, 8, 512, damaged},
		{c + DATA + 384 + 48, 8, bitmap, damaged}, /* that of the other one */
		{c + DATA + 512 + 72, 8, past, damaged},
		{bitmap, 4, 0, damaged},
		{bitmap + 20, 4, 3, damaged},
		{bitmap + 32, 8, 0, damaged},
	};
	struct noise n;
	noise_load(&n, dir, "img", &fsmap_ntfs_ops, "ntfs");
	noise_refused(&n, n.data, bad, SV_ARRAY(bad), false, NULL);
	noise_free(&n);
	close(p.fd);
}

/* A bit that is wrong in the header or the catalog: whole, or as it was. */
static void test_bits(void **state)
{
	(void)state;
	struct places p = make(16 * SV_MIB);
	struct noise n;
	int whole = 0;
	noise_load(&n, dir, "img", &fsmap_ntfs_ops, "ntfs");
	for (unsigned int bit = 0; bit < (DATA + DATA + 640) * 8; bit++) {
		uint64_t at = bit / 8;
		uint8_t *byte = &n.data[at < DATA ? HEADER_AT + at : p.catalog + at - DATA];
		*byte ^= 1u << bit % 8;
		struct fsmap *map = noise_map(&n);
		/* one of its own identifier: nothing says that there is one */
		if (map->state != FSMAP_WHOLE && at >= 16)
			expect_kept(&p, map);
		whole += map->state == FSMAP_WHOLE;
		fsmap_destroy(map);
		*byte ^= 1u << bit % 8;
	}
	assert_in_range(whole, 1000, (DATA + DATA + 640) * 8);
	noise_free(&n);
	close(p.fd);
}

/* The last block of the first bitmap says that it goes on nowhere before its end. */
static void test_short_bitmap(void **state)
{
	(void)state;
	struct places p = make(3 * SV_GIB);
	write_at(&p, (uint8_t[8]){0}, 8, p.bitmap - PIECES * BLOCK + 40);
	struct blk_dev *dev = fixture_open(dir, "img", 512);
	struct fsmap *map = fixture_map(dev);
	assert_int_equal(map->state, FSMAP_WHOLE);
	assert_non_null(strstr(map->reason, "shadow copies are damaged"));
	fsmap_destroy(map);
	blk_close(dev);
	close(p.fd);
}

/* ---- whose lost bytes are ---- */

static void expect_owner(struct blk_dev *dev, uint64_t at, enum files_area_kind kind)
{
	struct sv_extents lost = {0};
	struct fsmap_files *found = NULL;
	assert_int_equal(sv_extents_add(&lost, at, 512), 0);
	assert_int_equal(fsmap_files_read_as(dev, &fsmap_ntfs_ops, "ntfs", &lost, &found), 0);
	assert_int_equal(found->n_areas, 1);
	assert_int_equal(found->areas[0].kind, kind);
	fsmap_files_destroy(found);
	sv_extents_clear(&lost);
}

static void test_owners(void **state)
{
	(void)state;
	struct places p = make(16 * SV_MIB);
	struct blk_dev *dev = fixture_load(dir, "img", 512);
	uint64_t kept = block_of(&p, 2) * BLOCK;
	expect_owner(dev, kept + 1024, FILES_AREA_METADATA);
	expect_owner(dev, kept + BLOCK, FILES_AREA_FREE);
	memset(blk_mem_data(dev) + p.catalog, 0, 512);
	expect_owner(dev, kept + BLOCK, FILES_AREA_UNKNOWN);
	blk_close(dev);
	close(p.fd);
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
		cmocka_unit_test(test_kept),	     cmocka_unit_test(test_none),
		cmocka_unit_test(test_refused),	     cmocka_unit_test(test_bits),
		cmocka_unit_test(test_short_bitmap), cmocka_unit_test(test_owners),
	};
	return cmocka_run_group_tests_name("ntfs_shadow", tests, setup, teardown);
}
