/* test_ntfs_union.c - an NTFS that was not shut down cleanly: what $Bitmap, the MFT and the log
 * name is used */
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

/* ---- without a log ---- */

static void test_dirty_flag(void **state)
{
	(void)state;
	struct ntfs_image img = ntfs_union_make(dir);
	struct fsmap *map = ntfs_union_map(&img, true);
	assert_int_equal(map->state, FSMAP_EXACT); /* it changes nothing about a clean one */
	fsmap_destroy(map);
	ntfs_union_mark_dirty(&img, 1);
	ntfs_union_expect_whole_as(&img, false, "marked dirty (" FSMAP_NTFS_HINT);
	map = ntfs_union_expect(&img);
	ntfs_union_expect_more(&img, map, 0);
	fsmap_destroy(map);
	ntfs_union_mark_dirty(&img, 0x4001);
	ntfs_union_expect_whole(&img, "chkdsk");
	blk_close(img.dev);
}

/* The record was written, the bitmap was not. */
static void test_lost_bits(void **state)
{
	(void)state;
	struct ntfs_image img = ntfs_union_make(dir);
	uint64_t lcn;
	ntfs_union_file(&img, &lcn);
	for (uint64_t i = 0; i < 300000 / NTFS_UNION_CLUSTER + 1; i += 1 + i % 3)
		ntfs_union_clear_bit(&img, lcn + i);
	ntfs_union_expect_whole(
		&img, "is marked free"); /* nothing says that it is dirty: it is damaged */
	ntfs_union_mark_dirty(&img, 1);
	struct fsmap *map = ntfs_union_expect(&img);
	assert_true(ntfs_union_is_used(map, lcn, 300000 / NTFS_UNION_CLUSTER + 1));
	fsmap_destroy(map);
	blk_close(img.dev);
}

/* A file that was deleted, and a record of it that says so. */
static void test_freed_record(void **state)
{
	(void)state;
	struct ntfs_image img = ntfs_union_make(dir);
	uint64_t lcn, n = 300000 / NTFS_UNION_CLUSTER + 1;
	uint32_t number = ntfs_union_file(&img, &lcn);
	uint8_t *rec = ntfs_image_open(&img, number);
	put_le16(rec + 22, 0);
	ntfs_image_close(&img, number);
	for (uint64_t i = 0; i < n; i++)
		ntfs_union_clear_bit(&img, lcn + i);
	struct fsmap *map = ntfs_union_map(&img, true);
	assert_int_equal(map->state, FSMAP_EXACT);
	assert_false(ntfs_union_is_used(map, lcn + 1, 1));
	fsmap_destroy(map);
	ntfs_union_mark_dirty(&img, 1);
	map = ntfs_union_expect(&img);
	assert_true(ntfs_union_is_used(map, lcn, n));
	fsmap_destroy(map);
	/* its run list promises nothing */
	rec = ntfs_image_open(&img, number);
	uint8_t *attr = ntfs_image_attr(&img, rec, 0x80, "");
	attr[get_le16(attr + 32)] = 0x99;
	ntfs_image_close(&img, number);
	map = ntfs_union_expect(&img);
	assert_false(ntfs_union_is_used(map, lcn + 1, 1));
	fsmap_destroy(map);
	blk_close(img.dev);
}

static void test_hibernated(void **state)
{
	(void)state;
	ntfs_make(dir, NTFS_UNION_IMAGE, 24 * SV_MIB, NTFS_UNION_CLUSTER, 512);
	fixture_must(dir, "{ printf HIBR; head -c 20000 /dev/zero; } > hiber");
	fixture_must(dir, "ntfscp -q %s hiber hiberfil.sys", NTFS_UNION_IMAGE);
	struct ntfs_image img = ntfs_image_of(fixture_load(dir, NTFS_UNION_IMAGE, 512));
	ntfs_union_mark_dirty(&img, 1);
	ntfs_union_expect_whole(&img, "Windows is hibernated");
	blk_close(img.dev);
}

/* ---- logs ---- */

static void put_runs(struct ntfs_log_maker *m, uint16_t redo, uint16_t undo, const uint8_t *data,
		     uint16_t len)
{
	struct ntfs_log_change c = {.redo_op = redo,
				    .undo_op = undo,
				    .redo = data,
				    .redo_len = redo ? len : 0,
				    .undo = data,
				    .undo_len = undo ? len : 0,
				    .vcn = 10,
				    .lcns = {m->img->mft / NTFS_UNION_CLUSTER + 10},
				    .n_lcns = 1,
				    .attr_off = 0x40};
	ntfs_log_put(m, &c);
}

static void test_set_bits(void **state)
{
	(void)state;
	struct ntfs_image img = ntfs_union_make(dir);
	struct ntfs_log_maker m;
	for (unsigned int major = 1; major <= 2; major++) {
		uint64_t a = ntfs_union_free_run(&img, 0, 40),
			 b = ntfs_union_free_run(&img, a + 50, 40);
		uint64_t c = ntfs_union_free_run(&img, b + 50, 40);
		ntfs_log_begin(&m, &img, major, 0);
		ntfs_union_put_bits(&m, SET_BITS, CLEAR_BITS, a, 7);
		ntfs_union_put_bits(&m, CLEAR_BITS, SET_BITS, b, 3);
		ntfs_union_put_bits(&m, CLEAR_BITS, 1, c,
				    1); /* what undoes a record cannot be undone */
		ntfs_union_put_other(&m, c + 5, 0);
		ntfs_log_end(&m);
		ntfs_union_expect_whole_as(&img, false, NTFS_UNION_UNCLEAN);
		struct fsmap *map = ntfs_union_expect(&img);
		assert_true(ntfs_union_is_used(map, a, 7) && ntfs_union_is_used(map, b, 3) &&
			    ntfs_union_is_used(map, c, 1));
		assert_true(ntfs_union_is_used(map, c + 5, 1)); /* what a record writes to */
		ntfs_union_expect_more(&img, map, 7 + 3 + 1 + 1);
		fsmap_destroy(map);
	}
	blk_close(img.dev);
}

static void test_runs(void **state)
{
	(void)state;
	struct ntfs_image img = ntfs_union_make(dir);
	struct ntfs_log_maker m;
	uint8_t data[256];
	uint64_t a = ntfs_union_free_run(&img, 0, 60);
	ntfs_log_begin(&m, &img, 2, 0);
	put_runs(&m, CREATE_ATTR, DELETE_ATTR, data, ntfs_union_build_attr(data, a, 2));
	put_runs(&m, DELETE_ATTR, CREATE_ATTR, data, ntfs_union_build_attr(data, a + 10, 3));
	put_runs(&m, INIT_RECORD, 0, data, ntfs_union_build_record(data, a + 20, 4));
	put_runs(&m, END_OF_RECORD, 0, data, ntfs_union_build_attr(data, a + 30, 5));
	ntfs_union_build_attr(data, a + 40, 6);
	put_runs(&m, MAPPING_PAIRS, 0, data + 0x40, 10);
	ntfs_union_build_attr(data, a + 50, 1);
	put_runs(&m, MAPPING_PAIRS, MAPPING_PAIRS, data + 0x40, 10);
	ntfs_log_end(&m);
	struct fsmap *map = ntfs_union_expect(&img);
	for (uint32_t i = 0; i < 5; i++)
		assert_true(ntfs_union_is_used(map, a + 10 * i, 2 + i));
	assert_true(ntfs_union_is_used(map, a + 50, 1));
	ntfs_union_expect_more(&img, map, 2 + 3 + 4 + 5 + 6 + 1);
	fsmap_destroy(map);
	blk_close(img.dev);
}

/* Many pages, records over several of them, past the end of the log, after a page that was closed
 * early. */
static void test_round(void **state)
{
	(void)state;
	struct ntfs_image img = ntfs_union_make(dir);
	struct ntfs_log_maker m;
	for (unsigned int major = 1; major <= 2; major++) {
		uint64_t a = ntfs_union_free_run(&img, 0, 400), pages, n = 0;
		ntfs_log_begin(&m, &img, major, 0);
		pages = (m.size - m.first) / NTFS_LOG_PAGE;
		ntfs_log_begin(&m, &img, major, pages - 5);
		for (uint32_t i = 0; i < 400; i += 4, n++) {
			ntfs_union_put_bits(&m, SET_BITS, CLEAR_BITS, a + i, 1);
			ntfs_union_put_other(&m, 0, i % 3 ? i % 160 : 0);
			if (i % 60 == 20)
				ntfs_union_put_other(&m, 0, i * 40);
			if (i % 60 == 0)
				ntfs_log_turn(&m);
		}
		assert_int_equal(m.round, 6);
		ntfs_log_end(&m);
		struct fsmap *map = ntfs_union_expect(&img);
		ntfs_union_expect_more(&img, map, n);
		fsmap_destroy(map);
	}
	blk_close(img.dev);
}

/* Records of the round before count as well, as far as they are there. */
static void test_older(void **state)
{
	(void)state;
	struct ntfs_image img = ntfs_union_make(dir);
	struct ntfs_log_maker m;
	uint64_t a = ntfs_union_free_run(&img, 0, 40);
	ntfs_log_begin(&m, &img, 2, 0);
	ntfs_union_put_bits(&m, SET_BITS, 0, a, 2);
	m.oldest = 0;
	ntfs_union_put_bits(&m, SET_BITS, 0, a + 10, 2);
	ntfs_log_end(&m);
	struct fsmap *map = ntfs_union_expect(&img);
	ntfs_union_expect_more(&img, map, 4);
	fsmap_destroy(map);
	blk_close(img.dev);
}

/* The last pages may be there as copies only. */
static void test_copies(void **state)
{
	(void)state;
	struct ntfs_image img = ntfs_union_make(dir);
	struct ntfs_log_maker m;
	for (unsigned int major = 1; major <= 2; major++) {
		uint64_t a = ntfs_union_free_run(&img, 0, 40);
		ntfs_log_begin(&m, &img, major, 3);
		ntfs_union_put_bits(&m, SET_BITS, 0, a, 2);
		uint64_t middle = ntfs_union_put_other(&m, 0, 5000);
		uint64_t last = ntfs_union_put_bits(&m, SET_BITS, 0, a + 10, 2);
		ntfs_log_end(&m);
		ntfs_log_to_copy(&m, last, major == 1 ? 1 : 20, major == 1 ? 0xff : 0x11);
		struct fsmap *map = ntfs_union_expect(&img);
		ntfs_union_expect_more(&img, map, 4);
		fsmap_destroy(map);
		ntfs_log_to_copy(&m, middle, 0, 0);
		map = ntfs_union_expect(&img);
		ntfs_union_expect_more(&img, map, 4);
		fsmap_destroy(map);
		memset(m.log + (2 + (major == 1 ? 1 : 20)) * NTFS_LOG_PAGE, 0, NTFS_LOG_PAGE);
		ntfs_union_expect_whole(&img, "its log has a gap");
	}
	blk_close(img.dev);
}

/* Three pages of records, of which the second one is lost; then the last one. */
static void test_gaps(void **state)
{
	(void)state;
	struct ntfs_image img = ntfs_union_make(dir);
	struct ntfs_log_maker m;
	uint64_t a = ntfs_union_free_run(&img, 0, 40);
	for (int page = 0; page < 3; page++)
		for (int how = 0; how < 3; how++) {
			uint64_t lsn[3];
			ntfs_log_begin(&m, &img, 1 + (unsigned int)how % 2, 0);
			for (int i = 0; i < 3; i++, ntfs_log_turn(&m))
				lsn[i] = ntfs_union_put_bits(&m, SET_BITS, 0, a + (uint64_t)i, 1);
			ntfs_log_end(&m);
			uint8_t *p = ntfs_log_page_of(&m, lsn[page]);
			if (how == 0)
				memset(p, 0xff, NTFS_LOG_PAGE);
			else if (how == 1)
				p[1023]++; /* torn */
			else
				put_le64(ntfs_log_record_of(&m, lsn[page]), lsn[page] + 1);
			ntfs_union_expect_whole(&img, "its log has a gap");
		}
	blk_close(img.dev);
}

/* The oldest record that is needed is not there. */
static void test_no_oldest(void **state)
{
	(void)state;
	struct ntfs_image img = ntfs_union_make(dir);
	struct ntfs_log_maker m;
	ntfs_log_begin(&m, &img, 2, 0);
	ntfs_union_put_other(&m, 0, 0);
	ntfs_union_put_other(&m, 0, 0);
	m.oldest++;
	ntfs_log_end(&m);
	ntfs_union_expect_whole(&img, "its log has a gap");
	blk_close(img.dev);
}

/* What was written after the restart pages need not be there, but for what follows it. */
static void test_torn_end(void **state)
{
	(void)state;
	struct ntfs_image img = ntfs_union_make(dir);
	struct ntfs_log_maker m;
	uint64_t a = ntfs_union_free_run(&img, 0, 40);
	ntfs_log_begin(&m, &img, 2, 0);
	m.current = ntfs_union_put_bits(&m, SET_BITS, 0, a, 1);
	ntfs_log_turn(&m);
	ntfs_union_put_bits(&m, SET_BITS, 0, a + 1, 1);
	uint64_t last = ntfs_union_put_other(&m, 0, 4000);
	ntfs_log_end(&m);
	struct fsmap *map = ntfs_union_expect(&img);
	ntfs_union_expect_more(&img, map, 2);
	fsmap_destroy(map);
	memset(ntfs_log_page_of(&m, last) + NTFS_LOG_PAGE, 0xff, NTFS_LOG_PAGE);
	map = ntfs_union_expect(&img);
	ntfs_union_expect_more(&img, map, 2);
	fsmap_destroy(map);
	memset(ntfs_log_page_of(&m, last), 0xff, NTFS_LOG_PAGE);
	map = ntfs_union_expect(&img);
	ntfs_union_expect_more(&img, map, 1);
	fsmap_destroy(map);
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
		cmocka_unit_test(test_dirty_flag),   cmocka_unit_test(test_lost_bits),
		cmocka_unit_test(test_freed_record), cmocka_unit_test(test_hibernated),
		cmocka_unit_test(test_set_bits),     cmocka_unit_test(test_runs),
		cmocka_unit_test(test_round),	     cmocka_unit_test(test_older),
		cmocka_unit_test(test_copies),	     cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_torn_end),     cmocka_unit_test(test_no_oldest),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
