/* test_ntfs_union_hostile.c - logs of NTFS that are not understood, or damaged */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/ntfs_union.h"
#include "tests/lib/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char dir[64];

static void expect_refused(struct ntfs_image *img, const struct ntfs_log_change *c,
			   const char *reason)
{
	struct ntfs_log_maker m;
	ntfs_log_begin(&m, img, 2, 0);
	ntfs_union_put_other(&m, 0, 0);
	ntfs_log_put(&m, c);
	ntfs_log_end(&m);
	ntfs_union_expect_whole(img, reason);
}

static void test_operations(void **state)
{
	(void)state;
	struct ntfs_image img = ntfs_union_make(dir);
	uint64_t bitmap = ntfs_union_bitmap(&img);
	uint8_t data[256], bad[0x50];
	uint16_t len = ntfs_union_build_record(data, 900, 1);
	ntfs_union_build_attr(bad, 900, 1);
	bad[0x40] = 0x99;
	const struct {
		struct ntfs_log_change c;
		const char *reason;
	} cases[] = {
		{{.redo_op = 0x26}, "an operation that is not known"},
		{{.undo_op = 0x100}, "an operation that is not known"},
		{{.redo_op = HOT_FIX}, "an operation that is not known"},
		{{.redo_op = SET_BITS, .lcns = {bitmap}, .n_lcns = 1}, "does not say which bits"},
		{{.redo_op = SET_BITS, .redo = data, .redo_len = 4}, "does not say which bits"},
		{{.redo_op = SET_BITS, .redo = data, .redo_len = 8, .vcn = UINT64_MAX / 2},
		 "outside of the volume"},
		{{.redo_op = RESIDENT, .lcns = {0, img.clusters}, .n_lcns = 2},
		 "outside of the volume"},
		{{.redo_op = NON_RESIDENT, .lcns = {5, bitmap}, .n_lcns = 2}, "its own files"},
		{{.redo_op = MAPPING_PAIRS, .vcn = 1, .block = 4}, "its own files"},
		{{.undo_op = CREATE_ATTR, .block = 4}, "its own files"},
		{{.redo_op = INIT_RECORD, .redo = data, .redo_len = 8, .vcn = 20},
		 "an MFT record that is damaged"},
		{{.redo_op = INIT_RECORD, .redo = bad, .redo_len = 0x50, .vcn = 20},
		 "an MFT record that is damaged"},
		{{.redo_op = CREATE_ATTR, .redo = data, .redo_len = len, .vcn = 20},
		 "an attribute that is damaged"},
		{{.redo_op = CREATE_ATTR, .redo = bad, .redo_len = 0x50, .vcn = 20},
		 "a run list that is damaged"},
	};
	for (size_t i = 0; i < SV_ARRAY(cases); i++)
		expect_refused(&img, &cases[i].c, cases[i].reason);
	blk_close(img.dev);
}

/* One field of both restart pages. */
static void test_restart(void **state)
{
	(void)state;
	static const struct {
		size_t at, len;
		uint64_t value;
		const char *reason;
	} cases[] = {
		{0x1a, 2, 2, "of a kind"},	 {0x1c, 2, 1, "of a kind"},
		{0x14, 4, 8192, "of a kind"},	 {0x10, 4, 512, "damaged"},
		{0x38, 2, 2, "of a kind"},	 {0x3c, 2, 1, "of a kind"},
		{0x40, 4, 9, "of a kind"},	 {0x46, 2, 4000, "of a kind"},
		{0x48, 8, 1 << 30, "of a kind"}, {0x54, 2, 8, "of a kind"},
		{0x56, 2, 8, "of a kind"},	 {0x8c, 4, 6, "of a kind"},
		{0x70, 8, 0, "no checkpoint"},	 {0x30, 8, 1, "no checkpoint"},
		{0x90, 2, 'X', "of a kind"},	 {0x30, 8, UINT64_MAX, "a gap"},
	};
	struct ntfs_image img = ntfs_union_make(dir);
	struct ntfs_log_maker m;
	for (size_t i = 0; i < SV_ARRAY(cases); i++) {
		ntfs_log_begin(&m, &img, 2, 0);
		ntfs_union_put_other(&m, 0, 0);
		m.oldest = 0;
		ntfs_union_put_other(&m, 0, 0);
		if (cases[i].at == 0x70)
			m.oldest = 0; /* nor does the client know another one */
		ntfs_log_end(&m);
		for (size_t page = 0; page < 2; page++) {
			uint8_t *p = m.log + page * NTFS_LOG_PAGE, value[8];
			put_le64(value, cases[i].value);
			ntfs_fixup_undo(p, NTFS_LOG_PAGE);
			memcpy(p + cases[i].at, value, cases[i].len);
			ntfs_fixup_do(p, NTFS_LOG_PAGE);
		}
		ntfs_union_expect_whole(&img, cases[i].reason);
	}
	blk_close(img.dev);
}

/* Whatever is done to the log, $Bitmap stands in the map. */
static void test_noise(void **state)
{
	(void)state;
	struct ntfs_image img = ntfs_union_make(dir);
	struct ntfs_log_maker m;
	uint64_t a = ntfs_union_free_run(&img, 0, 40), seed = 7;
	size_t stood = 0;
	ntfs_log_begin(&m, &img, 2, 0);
	for (uint64_t i = 0; i < 200; i++)
		ntfs_union_put_bits(&m, SET_BITS, CLEAR_BITS, a + i % 40, 1);
	ntfs_log_end(&m);
	uint64_t used = m.first + 6 * NTFS_LOG_PAGE;
	for (int i = 0; i < 1500; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint64_t at = (seed >> 33) % used;
		uint8_t old = m.log[at];
		m.log[at] ^= (uint8_t)(1u << (seed >> 29) % 8);
		struct fsmap *map = ntfs_union_map(&img, true);
		stood += map->state == FSMAP_UNION;
		for (uint64_t c = 0; c < img.clusters; c++)
			assert_true(!ntfs_union_bit(&img, c) || ntfs_union_is_used(map, c, 1));
		fsmap_destroy(map);
		m.log[at] = old;
	}
	printf("%zu of 1500 maps stood\n", stood);
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
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
