/* test_f2fs_files.c - whose lost bytes are whose on F2FS, and what they are called */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "tests/lib/f2fs_image.h"
#include "tests/lib/scratch.h"

#include <stdio.h>
#include <string.h>

#define BLOCK 4096ull
#define SB    1024u

static char dir[64];

/* ---- files ---- */

/* How many addresses the inode has. */
static uint64_t addresses_in(const uint8_t *raw, enum f2fs_kind kind)
{
	uint64_t extra = raw[3] & 0x20 ? get_le16(raw + 360) / 4 : 0;
	uint64_t xattr = kind == F2FS_EXTRA ? get_le16(raw + 362) : raw[3] & 1 ? 50 : 0;
	return 923 - extra - xattr;
}

static void test_kinds(void **state)
{
	(void)state;
	for (enum f2fs_kind kind = 0; kind < F2FS_KINDS; kind++) {
		struct f2fs_image m = f2fs_load(dir, kind);
		uint32_t large = f2fs_inode_of(dir, "large"), hit = f2fs_inode_of(dir, "f50"),
			 sub = f2fs_inode_of(dir, "sub");
		uint64_t inode = f2fs_node_at(&m, large),
			 indirect = f2fs_below(&m, inode + 4052, 2);
		uint64_t first = addresses_in(m.data + inode, kind);
		f2fs_expect_one(&m, f2fs_content_at(&m, hit, 2) + 100, 50, "/sub/f50",
				FILES_CONTENT, 8292, 50);
		f2fs_expect_one(&m, f2fs_content_at(&m, hit, 12), 512, "/sub/f50", FILES_CONTENT,
				49152, 512);
		f2fs_expect_one(&m, f2fs_content_at(&m, hit, 12) + 1024, 512, "/sub/f50",
				FILES_SLACK, 50176, 0);
		f2fs_expect_one(&m, f2fs_node_at(&m, hit) + 8, 4, "/sub/f50", FILES_RECORD, 0, 0);
		f2fs_expect_one(&m, f2fs_node_at(&m, f2fs_inode_of(dir, "f1")) + 900, 4, "/sub/f1",
				FILES_RECORD, 0, 0);
		f2fs_expect_one(&m, f2fs_content_at(&m, sub, 0) + 100, 1, "/sub", FILES_ENTRIES,
				100, 1);
		f2fs_expect_one(&m, f2fs_node_at(&m, f2fs_inode_of(dir, "below")), 1,
				"/deep/a/b/below", FILES_RECORD, 0, 0);
		f2fs_expect_one(&m, f2fs_node_at(&m, 3), 1, "/", FILES_RECORD, 0, 0);
		/* first direct node, indirect node, first direct one below that */
		f2fs_expect_one(&m, f2fs_below(&m, inode + 4052, 0), 9, "/large", FILES_MAP,
				first * BLOCK, 1018 * BLOCK);
		f2fs_expect_one(&m, indirect, 9, "/large", FILES_MAP, (first + 2036) * BLOCK,
				13 * SV_MIB - (first + 2036) * BLOCK);
		f2fs_expect_one(&m, get_le32(m.data + f2fs_below(&m, indirect, 0) + 28) * BLOCK + 3,
				5, "/large", FILES_CONTENT, (first + 2036 + 7) * BLOCK + 3, 5);
		f2fs_done(&m);
	}
}

/* What is below a node that is lost, or an inode, cannot be told. */
static void test_hidden(void **state)
{
	struct f2fs_image m = f2fs_load(dir, F2FS_EXTRA);
	uint32_t hit = f2fs_inode_of(dir, "f50");
	uint64_t direct = f2fs_below(&m, f2fs_node_at(&m, f2fs_inode_of(dir, "large")) + 4052, 0);
	const struct sv_extent lost[] = {{f2fs_node_at(&m, hit), 512},
					 {f2fs_content_at(&m, hit, 0), 512},
					 {get_le32(m.data + direct + 40) * BLOCK, 512},
					 {direct + 3584, 512}};
	(void)state;
	struct fsmap_files *f = f2fs_ask(&m, lost, SV_ARRAY(lost));
	assert_int_equal(f->n_files, 2);
	assert_int_equal(f->unknown, 1024);
	assert_int_equal(f2fs_file_of(f, "/sub/f50")->n, 1);
	assert_int_equal(f2fs_file_of(f, "/large")->n, 1);
	assert_string_equal(f->caution, "");
	fsmap_files_destroy(f);
	f2fs_done(&m);
}

/* Names are those of folders, whatever the inode says. */
static void test_names(void **state)
{
	struct f2fs_image m = f2fs_load(dir, F2FS_PLAIN);
	uint32_t hit = f2fs_inode_of(dir, "f50"), sub = f2fs_inode_of(dir, "sub");
	uint8_t *raw = m.data + f2fs_node_at(&m, hit), *folder = m.data + f2fs_node_at(&m, sub);
	uint64_t at = f2fs_content_at(&m, hit, 0);
	const struct sv_extent lost = {f2fs_content_at(&m, f2fs_inode_of(dir, "large"), 0), 512};
	char number[40];
	(void)state;
	struct fsmap_files *f = f2fs_ask(&m, &lost, 1);
	assert_ptr_equal(f2fs_file_of(f, "/sub/twin"), f2fs_file_of(f, "/large"));
	fsmap_files_destroy(f);

	raw[92] = 'x';
	f2fs_expect_one(&m, at, 512, "/sub/f50", FILES_CONTENT, 0, 512);
	put_le32(raw + 84, 3); /* its folder: the root, itself, none */
	f2fs_expect_one(&m, at, 512, "/sub/f50", FILES_CONTENT, 0, 512);
	put_le32(raw + 84, hit);
	f2fs_expect_one(&m, at, 512, "/sub/f50", FILES_CONTENT, 0, 512);
	put_le32(raw + 84, 0xfffffff0);
	f2fs_expect_one(&m, at, 512, "/sub/f50", FILES_CONTENT, 0, 512);
	put_le32(folder + 84, sub); /* folders in a ring */
	f2fs_expect_one(&m, at, 512, "/sub/f50", FILES_CONTENT, 0, 512);
	put_le32(folder + 84, 3);
	folder[2] |= 4; /* encrypted */
	snprintf(number, sizeof(number), "/sub/?%u", hit);
	f2fs_expect_one(&m, at, 512, number, FILES_CONTENT, 0, 512);
	f2fs_done(&m);
}

/* A folder that has itself above: no path, and an end. */
static void test_ring(void **state)
{
	struct f2fs_image m = f2fs_load(dir, F2FS_PLAIN);
	uint64_t top = f2fs_content_at(&m, 3, 0),
		 a = f2fs_content_at(&m, f2fs_inode_of(dir, "a"), 0);
	uint32_t below_at = f2fs_inode_of(dir, "below"), deep = f2fs_inode_of(dir, "deep");
	const struct sv_extent lost = {f2fs_content_at(&m, below_at, 0), 512};
	(void)state;
	for (int i = 0; i < 214; i++) {
		uint8_t *in_root = m.data + top + 30 + i * 11, *in_a = m.data + a + 30 + i * 11;
		if (get_le32(in_root + 4) == deep)
			put_le32(in_root + 4, 0);
		if (get_le32(in_a + 4) == f2fs_inode_of(dir, "b"))
			put_le32(m.data + a + 30 + 214 * 8 + 4, deep), in_a[0] ^= 1;
	}
	struct fsmap_files *f = f2fs_ask(&m, &lost, 1);
	assert_int_equal(f->n_files, 1);
	assert_int_equal(f->files[0].id, below_at);
	assert_non_null(strstr(f->files[0].paths[0], "/?"));
	fsmap_files_destroy(f);
	f2fs_done(&m);
}

/* With one block of a compressed cluster all of it is lost. */
static void test_compressed(void **state)
{
	struct f2fs_image m = f2fs_load(dir, F2FS_PACKED);
	uint32_t hit = f2fs_inode_of(dir, "f50");
	uint8_t *raw = m.data + f2fs_node_at(&m, hit);
	const struct sv_extent lost[] = {{f2fs_content_at(&m, hit, 5), 512},
					 {f2fs_content_at(&m, hit, 6), 512},
					 {f2fs_content_at(&m, hit, 9), 512}};
	(void)state;
	assert_true(get_le16(raw + 360) == 36);
	put_le32(raw + 80, get_le32(raw + 80) | 4);
	raw[393] = 2;
	put_le32(f2fs_address_of(&m, hit, 4), 0xfffffffe);
	struct fsmap_files *f = f2fs_ask(&m, lost, 3);
	const struct files_file *file = f2fs_file_of(f, "/sub/f50");
	assert_int_equal(file->n, 3);
	const struct files_loss *loss = &f->losses[file->first];
	assert_true(loss[0].start == 16384 && loss[0].len == 16384);
	assert_true(loss[1].start == 9 * BLOCK && loss[1].len == 512);
	assert_int_equal(loss[2].len, 0);
	fsmap_files_destroy(f);
	raw[393] = 9;
	f2fs_expect_area(&m, lost[0].start, FILES_AREA_UNKNOWN, true);
	f2fs_done(&m);
}

/* ---- the filesystem's own, and what is free ---- */

static void test_own(void **state)
{
	struct f2fs_image m = f2fs_load(dir, F2FS_EXTRA);
	static const char *const what[] = {"the checkpoints", "the segment information",
					   "the table of nodes", "the summaries of segments"};
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		const struct sv_extent lost = {f2fs_area(&m, i) + 5000, 100};
		struct fsmap_files *f = f2fs_ask(&m, &lost, 1);
		assert_int_equal(f->metadata, 100);
		assert_string_equal(f->areas[0].what, what[i]);
		fsmap_files_destroy(f);
	}
	f2fs_done(&m);
}

/* Where a block is marked as unused that a file has, the numbers do not match: nothing is free. */
static void test_free_space(void **state)
{
	struct f2fs_image m = f2fs_load(dir, F2FS_PLAIN);
	uint64_t used = f2fs_content_at(&m, f2fs_inode_of(dir, "f50"), 0);
	uint64_t main = f2fs_area(&m, 4), segment = (used - main) / BLOCK / 512;
	uint64_t half = get_le32(m.data + SB + 56) / 2 * 512 * BLOCK;
	(void)state;
	uint64_t free_at = main + (get_le32(m.data + SB + 68) * 512ull - 3) * BLOCK;
	f2fs_expect_area(&m, free_at, FILES_AREA_FREE, false);
	for (int copy = 0; copy < 2; copy++) {
		uint8_t *e = m.data + f2fs_area(&m, 1) + (copy ? half : 0) + segment * 74;
		uint64_t bit = (used - main) / BLOCK % 512;
		e[2 + bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
		put_le16(e, get_le16(e) - 1);
	}
	const struct sv_extent lost[] = {{used, 512}, {free_at, 512}};
	struct fsmap_files *f = f2fs_ask(&m, lost, 2);
	assert_int_equal(f->free, 0);
	assert_true(*f->caution);
	fsmap_files_destroy(f);
	f2fs_done(&m);
}

static void test_copies(void **state)
{
	struct f2fs_image m = f2fs_load(dir, F2FS_EXTRA);
	uint32_t hit = f2fs_inode_of(dir, "f50");
	uint64_t at = f2fs_content_at(&m, hit, 0), cp = f2fs_area(&m, 0);
	const struct {
		struct sv_extent lost;
		bool caution;
	} bad[] = {
		{{0, 4096}, false},
		{{4096, 4096}, false},
		{{cp, 4096}, false},
		{{cp + 7 * BLOCK, 4096}, true},
		{{cp, 512 * BLOCK}, true},
		{{cp + 512 * BLOCK, 4096}, false},
		{{cp + 512 * BLOCK, 512 * BLOCK}, true},
	};
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(bad); i++) {
		const struct sv_extent lost[] = {{at, 512}, bad[i].lost};
		struct fsmap_files *f = f2fs_ask(&m, lost, 2);
		assert_string_equal(f->reason, "");
		f2fs_expect(f, "/sub/f50", FILES_CONTENT, 0, 512);
		if ((*f->caution != '\0') != bad[i].caution)
			fail_msg("%zu: %s", i, f->caution);
		fsmap_files_destroy(f);
	}
	const struct sv_extent none[] = {{cp, 1024 * BLOCK}};
	struct fsmap_files *f = f2fs_ask(&m, none, 1);
	assert_true(*f->reason && f->n_files == 0 && f->free == 0);
	fsmap_files_destroy(f);
	f2fs_done(&m);
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
		cmocka_unit_test(test_kinds),	   cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_names),	   cmocka_unit_test(test_ring),
		cmocka_unit_test(test_compressed), cmocka_unit_test(test_own),
		cmocka_unit_test(test_free_space), cmocka_unit_test(test_copies),
	};
	return cmocka_run_group_tests_name("f2fs_files", tests, setup, teardown);
}
