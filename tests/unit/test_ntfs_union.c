/* test_ntfs_union.c - an NTFS that was not shut down cleanly: what $Bitmap, the MFT and the log
 * name is used */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/reader.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/ntfs_image.h"
#include "tests/lib/ntfs_log.h"
#include "tests/lib/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE	"a.img"
#define CLUSTER 4096u
#define UNCLEAN "not shut down cleanly"

enum op {
	INIT_RECORD = 2,
	END_OF_RECORD = 4,
	CREATE_ATTR = 5,
	DELETE_ATTR = 6,
	RESIDENT = 7,
	NON_RESIDENT = 8,
	MAPPING_PAIRS = 9,
	SET_BITS = 0x15,
	CLEAR_BITS = 0x16,
	HOT_FIX = 0x17,
};

static char dir[64];

/* ---- the volume, and its map ---- */

static struct fsmap *map_of(struct ntfs_image *img, bool wanted)
{
	struct fsmap_how how = {.ntfs_union = wanted};
	struct fsmap *map = NULL;
	assert_int_equal(fsmap_read(img->dev, &how, &map, NULL), 0);
	fixture_check_map(map);
	return map;
}

static void expect_whole_as(struct ntfs_image *img, bool wanted, const char *reason)
{
	struct fsmap *map = map_of(img, wanted);
	if (map->state != FSMAP_WHOLE || !strstr(map->reason, reason))
		fail_msg("\"%s\" is not in %s \"%s\"", reason, fsmap_state_name(map->state),
			 map->reason);
	fsmap_destroy(map);
}

static void expect_whole(struct ntfs_image *img, const char *reason)
{
	expect_whole_as(img, true, reason);
}

static struct fsmap *expect_union(struct ntfs_image *img)
{
	struct fsmap *map = map_of(img, true);
	if (map->state != FSMAP_UNION)
		fail_msg("%s: %s", fsmap_state_name(map->state), map->reason);
	assert_non_null(strstr(map->reason, FSMAP_NTFS_UNITED));
	assert_true(map->unsettled);
	return map;
}

static bool is_used(const struct fsmap *map, uint64_t cluster, uint64_t n)
{
	return sv_extents_contain(&map->used, cluster * CLUSTER, n * CLUSTER);
}

static bool bit(struct ntfs_image *img, uint64_t cluster)
{
	return *ntfs_image_bitmap(img, cluster) >> cluster % 8 & 1;
}

static void clear_bit(struct ntfs_image *img, uint64_t cluster)
{
	*ntfs_image_bitmap(img, cluster) &= (uint8_t) ~(1u << cluster % 8);
}

/* The first of n free clusters that no rule of the core makes used. */
static uint64_t free_run(struct ntfs_image *img, uint64_t from, uint64_t n)
{
	uint64_t found = 0;
	for (uint64_t i = SV_MAX(from, SV_MIB / CLUSTER); i < img->clusters - SV_MIB / CLUSTER; i++)
		if ((found = bit(img, i) ? 0 : found + 1) == n)
			return i - n + 1;
	fail_msg("no %d clusters are free", (int)n);
	return 0;
}

/* Everything $Bitmap has is used, and so many clusters more, in all. */
static void expect_more(struct ntfs_image *img, const struct fsmap *map, uint64_t more)
{
	uint64_t used = 0;
	for (uint64_t i = SV_MIB / CLUSTER; i < img->clusters - SV_MIB / CLUSTER; i++) {
		bool in_map = is_used(map, i, 1);
		if (bit(img, i))
			assert_true(in_map);
		else
			used += in_map;
	}
	assert_int_equal(used, more);
}

static struct ntfs_image make_small(void)
{
	ntfs_make(dir, IMAGE, 24 * SV_MIB, CLUSTER, 512);
	fixture_must(dir, "head -c 300000 /dev/urandom > file");
	fixture_must(dir, "ntfscp -q %s file file", IMAGE);
	return ntfs_image_of(fixture_load(dir, IMAGE, 512));
}

static void mark_dirty(struct ntfs_image *img, uint16_t flags)
{
	uint8_t *rec = ntfs_image_open(img, 3);
	uint8_t *attr = ntfs_image_attr(img, rec, 0x70, "");
	put_le16(attr + get_le16(attr + 20) + 10, flags);
	ntfs_image_close(img, 3);
}

/* The record and the first cluster of the only file. */
static uint32_t file_record(struct ntfs_image *img, uint64_t *lcn)
{
	for (uint32_t n = 64; n < 80; n++) {
		uint8_t *rec = img->data + img->mft + (uint64_t)n * img->record;
		if (memcmp(rec, "FILE", 4) != 0 || !(get_le16(rec + 22) & 1))
			continue;
		*lcn = ntfs_image_lcn(img, n, 0x80, "");
		return n;
	}
	fail_msg("there is no file");
	return 0;
}

/* ---- without a log ---- */

static void test_dirty_flag(void **state)
{
	(void)state;
	struct ntfs_image img = make_small();
	struct fsmap *map = map_of(&img, true);
	assert_int_equal(map->state, FSMAP_EXACT); /* it changes nothing about a clean one */
	fsmap_destroy(map);
	mark_dirty(&img, 1);
	expect_whole_as(&img, false, "marked dirty (" FSMAP_NTFS_HINT);
	map = expect_union(&img);
	expect_more(&img, map, 0);
	fsmap_destroy(map);
	mark_dirty(&img, 0x4001);
	expect_whole(&img, "chkdsk");
	blk_close(img.dev);
}

/* The record was written, the bitmap was not. */
static void test_lost_bits(void **state)
{
	(void)state;
	struct ntfs_image img = make_small();
	uint64_t lcn;
	file_record(&img, &lcn);
	for (uint64_t i = 0; i < 300000 / CLUSTER + 1; i += 1 + i % 3)
		clear_bit(&img, lcn + i);
	expect_whole(&img, "is marked free"); /* nothing says that it is dirty: it is damaged */
	mark_dirty(&img, 1);
	struct fsmap *map = expect_union(&img);
	assert_true(is_used(map, lcn, 300000 / CLUSTER + 1));
	fsmap_destroy(map);
	blk_close(img.dev);
}

/* A file that was deleted, and a record of it that says so. */
static void test_freed_record(void **state)
{
	(void)state;
	struct ntfs_image img = make_small();
	uint64_t lcn, n = 300000 / CLUSTER + 1;
	uint32_t number = file_record(&img, &lcn);
	uint8_t *rec = ntfs_image_open(&img, number);
	put_le16(rec + 22, 0);
	ntfs_image_close(&img, number);
	for (uint64_t i = 0; i < n; i++)
		clear_bit(&img, lcn + i);
	struct fsmap *map = map_of(&img, true);
	assert_int_equal(map->state, FSMAP_EXACT);
	assert_false(is_used(map, lcn + 1, 1));
	fsmap_destroy(map);
	mark_dirty(&img, 1);
	map = expect_union(&img);
	assert_true(is_used(map, lcn, n));
	fsmap_destroy(map);
	/* its run list promises nothing */
	rec = ntfs_image_open(&img, number);
	uint8_t *attr = ntfs_image_attr(&img, rec, 0x80, "");
	attr[get_le16(attr + 32)] = 0x99;
	ntfs_image_close(&img, number);
	map = expect_union(&img);
	assert_false(is_used(map, lcn + 1, 1));
	fsmap_destroy(map);
	blk_close(img.dev);
}

static void test_hibernated(void **state)
{
	(void)state;
	ntfs_make(dir, IMAGE, 24 * SV_MIB, CLUSTER, 512);
	fixture_must(dir, "{ printf HIBR; head -c 20000 /dev/zero; } > hiber");
	fixture_must(dir, "ntfscp -q %s hiber hiberfil.sys", IMAGE);
	struct ntfs_image img = ntfs_image_of(fixture_load(dir, IMAGE, 512));
	mark_dirty(&img, 1);
	expect_whole(&img, "Windows is hibernated");
	blk_close(img.dev);
}

/* ---- logs ---- */

static uint64_t bitmap_lcn(struct ntfs_image *img)
{
	return ntfs_image_lcn(img, 6, 0x80, "");
}

/* Bits [first, first + n) of $Bitmap; undo_op is the other way round. */
static uint64_t put_bits(struct ntfs_log_maker *m, uint16_t redo, uint16_t undo, uint64_t first,
			 uint32_t n)
{
	uint8_t range[8];
	uint64_t vcn = first / 8 / CLUSTER;
	put_le32(range, (uint32_t)(first - vcn * CLUSTER * 8));
	put_le32(range + 4, n);
	struct ntfs_log_change c = {
		.redo_op = redo,
		.undo_op = undo,
		.redo = range,
		.redo_len = redo ? 8 : 0,
		.undo = range,
		.undo_len = undo ? 8 : 0,
		.vcn = vcn,
		.lcns = {bitmap_lcn(m->img) + vcn},
		.n_lcns = 1,
	};
	return ntfs_log_put(m, &c);
}

/* A record about nothing in particular. */
static uint64_t put_other(struct ntfs_log_maker *m, uint64_t lcn, uint32_t pad)
{
	struct ntfs_log_change c = {.redo_op = RESIDENT,
				    .undo_op = RESIDENT,
				    .redo = "12345678",
				    .redo_len = 8,
				    .vcn = 10,
				    .lcns = {lcn},
				    .n_lcns = 1,
				    .pad = pad};
	return ntfs_log_put(m, &c);
}

/* One attribute, not resident, of `n` clusters at `lcn`. */
static uint16_t build_attr(uint8_t *p, uint64_t lcn, uint32_t n)
{
	memset(p, 0, 0x50);
	put_le32(p, 0x80);
	put_le32(p + 4, 0x50);
	p[8] = 1;
	put_le64(p + 0x18, n - 1);
	put_le16(p + 0x20, 0x40);
	p[0x40] = 0x44;
	put_le32(p + 0x41, n);
	put_le32(p + 0x45, (uint32_t)lcn);
	return 0x50;
}

static uint16_t build_record(uint8_t *p, uint64_t lcn, uint32_t n)
{
	memset(p, 0, 0x38);
	memcpy(p, "FILE", 4);
	put_le16(p + 0x14, 0x38);
	put_le16(p + 0x16, 1);
	uint16_t len = (uint16_t)(0x38 + build_attr(p + 0x38, lcn, n));
	put_le32(p + len, 0xffffffff);
	put_le32(p + 0x18, len + 8u);
	put_le32(p + len + 4, 0);
	return (uint16_t)(len + 8);
}

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
				    .lcns = {m->img->mft / CLUSTER + 10},
				    .n_lcns = 1,
				    .attr_off = 0x40};
	ntfs_log_put(m, &c);
}

static void test_set_bits(void **state)
{
	(void)state;
	struct ntfs_image img = make_small();
	struct ntfs_log_maker m;
	for (unsigned int major = 1; major <= 2; major++) {
		uint64_t a = free_run(&img, 0, 40), b = free_run(&img, a + 50, 40);
		uint64_t c = free_run(&img, b + 50, 40);
		ntfs_log_begin(&m, &img, major, 0);
		put_bits(&m, SET_BITS, CLEAR_BITS, a, 7);
		put_bits(&m, CLEAR_BITS, SET_BITS, b, 3);
		put_bits(&m, CLEAR_BITS, 1, c, 1); /* what undoes a record cannot be undone */
		put_other(&m, c + 5, 0);
		ntfs_log_end(&m);
		expect_whole_as(&img, false, UNCLEAN);
		struct fsmap *map = expect_union(&img);
		assert_true(is_used(map, a, 7) && is_used(map, b, 3) && is_used(map, c, 1));
		assert_true(is_used(map, c + 5, 1)); /* what a record writes to */
		expect_more(&img, map, 7 + 3 + 1 + 1);
		fsmap_destroy(map);
	}
	blk_close(img.dev);
}

static void test_runs(void **state)
{
	(void)state;
	struct ntfs_image img = make_small();
	struct ntfs_log_maker m;
	uint8_t data[256];
	uint64_t a = free_run(&img, 0, 60);
	ntfs_log_begin(&m, &img, 2, 0);
	put_runs(&m, CREATE_ATTR, DELETE_ATTR, data, build_attr(data, a, 2));
	put_runs(&m, DELETE_ATTR, CREATE_ATTR, data, build_attr(data, a + 10, 3));
	put_runs(&m, INIT_RECORD, 0, data, build_record(data, a + 20, 4));
	put_runs(&m, END_OF_RECORD, 0, data, build_attr(data, a + 30, 5));
	build_attr(data, a + 40, 6);
	put_runs(&m, MAPPING_PAIRS, 0, data + 0x40, 10);
	build_attr(data, a + 50, 1);
	put_runs(&m, MAPPING_PAIRS, MAPPING_PAIRS, data + 0x40, 10);
	ntfs_log_end(&m);
	struct fsmap *map = expect_union(&img);
	for (uint32_t i = 0; i < 5; i++)
		assert_true(is_used(map, a + 10 * i, 2 + i));
	assert_true(is_used(map, a + 50, 1));
	expect_more(&img, map, 2 + 3 + 4 + 5 + 6 + 1);
	fsmap_destroy(map);
	blk_close(img.dev);
}

/* Many pages, records over several of them, past the end of the log, after a page that was closed
 * early. */
static void test_round(void **state)
{
	(void)state;
	struct ntfs_image img = make_small();
	struct ntfs_log_maker m;
	for (unsigned int major = 1; major <= 2; major++) {
		uint64_t a = free_run(&img, 0, 400), pages, n = 0;
		ntfs_log_begin(&m, &img, major, 0);
		pages = (m.size - m.first) / NTFS_LOG_PAGE;
		ntfs_log_begin(&m, &img, major, pages - 5);
		for (uint32_t i = 0; i < 400; i += 4, n++) {
			put_bits(&m, SET_BITS, CLEAR_BITS, a + i, 1);
			put_other(&m, 0, i % 3 ? i % 160 : 0);
			if (i % 60 == 20)
				put_other(&m, 0, i * 40);
			if (i % 60 == 0)
				ntfs_log_turn(&m);
		}
		assert_int_equal(m.round, 6);
		ntfs_log_end(&m);
		struct fsmap *map = expect_union(&img);
		expect_more(&img, map, n);
		fsmap_destroy(map);
	}
	blk_close(img.dev);
}

/* Records of the round before count as well, as far as they are there. */
static void test_older(void **state)
{
	(void)state;
	struct ntfs_image img = make_small();
	struct ntfs_log_maker m;
	uint64_t a = free_run(&img, 0, 40);
	ntfs_log_begin(&m, &img, 2, 0);
	put_bits(&m, SET_BITS, 0, a, 2);
	m.oldest = 0;
	put_bits(&m, SET_BITS, 0, a + 10, 2);
	ntfs_log_end(&m);
	struct fsmap *map = expect_union(&img);
	expect_more(&img, map, 4);
	fsmap_destroy(map);
	blk_close(img.dev);
}

/* The last pages may be there as copies only. */
static void test_copies(void **state)
{
	(void)state;
	struct ntfs_image img = make_small();
	struct ntfs_log_maker m;
	for (unsigned int major = 1; major <= 2; major++) {
		uint64_t a = free_run(&img, 0, 40);
		ntfs_log_begin(&m, &img, major, 3);
		put_bits(&m, SET_BITS, 0, a, 2);
		uint64_t middle = put_other(&m, 0, 5000);
		uint64_t last = put_bits(&m, SET_BITS, 0, a + 10, 2);
		ntfs_log_end(&m);
		ntfs_log_to_copy(&m, last, major == 1 ? 1 : 20, major == 1 ? 0xff : 0x11);
		struct fsmap *map = expect_union(&img);
		expect_more(&img, map, 4);
		fsmap_destroy(map);
		ntfs_log_to_copy(&m, middle, 0, 0);
		map = expect_union(&img);
		expect_more(&img, map, 4);
		fsmap_destroy(map);
		memset(m.log + (2 + (major == 1 ? 1 : 20)) * NTFS_LOG_PAGE, 0, NTFS_LOG_PAGE);
		expect_whole(&img, "its log has a gap");
	}
	blk_close(img.dev);
}

/* Three pages of records, of which the second one is lost; then the last one. */
static void test_gaps(void **state)
{
	(void)state;
	struct ntfs_image img = make_small();
	struct ntfs_log_maker m;
	uint64_t a = free_run(&img, 0, 40);
	for (int page = 0; page < 3; page++)
		for (int how = 0; how < 3; how++) {
			uint64_t lsn[3];
			ntfs_log_begin(&m, &img, 1 + (unsigned int)how % 2, 0);
			for (int i = 0; i < 3; i++, ntfs_log_turn(&m))
				lsn[i] = put_bits(&m, SET_BITS, 0, a + (uint64_t)i, 1);
			ntfs_log_end(&m);
			uint8_t *p = ntfs_log_page_of(&m, lsn[page]);
			if (how == 0)
				memset(p, 0xff, NTFS_LOG_PAGE);
			else if (how == 1)
				p[1023]++; /* torn */
			else
				put_le64(ntfs_log_record_of(&m, lsn[page]), lsn[page] + 1);
			expect_whole(&img, "its log has a gap");
		}
	blk_close(img.dev);
}

/* The oldest record that is needed is not there. */
static void test_no_oldest(void **state)
{
	(void)state;
	struct ntfs_image img = make_small();
	struct ntfs_log_maker m;
	ntfs_log_begin(&m, &img, 2, 0);
	put_other(&m, 0, 0);
	put_other(&m, 0, 0);
	m.oldest++;
	ntfs_log_end(&m);
	expect_whole(&img, "its log has a gap");
	blk_close(img.dev);
}

/* What was written after the restart pages need not be there, but for what follows it. */
static void test_torn_end(void **state)
{
	(void)state;
	struct ntfs_image img = make_small();
	struct ntfs_log_maker m;
	uint64_t a = free_run(&img, 0, 40);
	ntfs_log_begin(&m, &img, 2, 0);
	m.current = put_bits(&m, SET_BITS, 0, a, 1);
	ntfs_log_turn(&m);
	put_bits(&m, SET_BITS, 0, a + 1, 1);
	uint64_t last = put_other(&m, 0, 4000);
	ntfs_log_end(&m);
	struct fsmap *map = expect_union(&img);
	expect_more(&img, map, 2);
	fsmap_destroy(map);
	memset(ntfs_log_page_of(&m, last) + NTFS_LOG_PAGE, 0xff, NTFS_LOG_PAGE);
	map = expect_union(&img);
	expect_more(&img, map, 2);
	fsmap_destroy(map);
	memset(ntfs_log_page_of(&m, last), 0xff, NTFS_LOG_PAGE);
	map = expect_union(&img);
	expect_more(&img, map, 1);
	fsmap_destroy(map);
	blk_close(img.dev);
}

/* ---- what is not understood ---- */

static void expect_refused(struct ntfs_image *img, const struct ntfs_log_change *c,
			   const char *reason)
{
	struct ntfs_log_maker m;
	ntfs_log_begin(&m, img, 2, 0);
	put_other(&m, 0, 0);
	ntfs_log_put(&m, c);
	ntfs_log_end(&m);
	expect_whole(img, reason);
}

static void test_operations(void **state)
{
	(void)state;
	struct ntfs_image img = make_small();
	uint64_t bitmap = bitmap_lcn(&img);
	uint8_t data[256], bad[0x50];
	uint16_t len = build_record(data, 900, 1);
	build_attr(bad, 900, 1);
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
	struct ntfs_image img = make_small();
	struct ntfs_log_maker m;
	for (size_t i = 0; i < SV_ARRAY(cases); i++) {
		ntfs_log_begin(&m, &img, 2, 0);
		put_other(&m, 0, 0);
		m.oldest = 0;
		put_other(&m, 0, 0);
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
		expect_whole(&img, cases[i].reason);
	}
	blk_close(img.dev);
}

/* Whatever is done to the log, $Bitmap stands in the map. */
static void test_noise(void **state)
{
	(void)state;
	struct ntfs_image img = make_small();
	struct ntfs_log_maker m;
	uint64_t a = free_run(&img, 0, 40), seed = 7;
	size_t stood = 0;
	ntfs_log_begin(&m, &img, 2, 0);
	for (uint64_t i = 0; i < 200; i++)
		put_bits(&m, SET_BITS, CLEAR_BITS, a + i % 40, 1);
	ntfs_log_end(&m);
	uint64_t used = m.first + 6 * NTFS_LOG_PAGE;
	for (int i = 0; i < 1500; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint64_t at = (seed >> 33) % used;
		uint8_t old = m.log[at];
		m.log[at] ^= (uint8_t)(1u << (seed >> 29) % 8);
		struct fsmap *map = map_of(&img, true);
		stood += map->state == FSMAP_UNION;
		for (uint64_t c = 0; c < img.clusters; c++)
			assert_true(!bit(&img, c) || is_used(map, c, 1));
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
		cmocka_unit_test(test_dirty_flag),   cmocka_unit_test(test_lost_bits),
		cmocka_unit_test(test_freed_record), cmocka_unit_test(test_hibernated),
		cmocka_unit_test(test_set_bits),     cmocka_unit_test(test_runs),
		cmocka_unit_test(test_round),	     cmocka_unit_test(test_older),
		cmocka_unit_test(test_copies),	     cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_torn_end),     cmocka_unit_test(test_no_oldest),
		cmocka_unit_test(test_operations),   cmocka_unit_test(test_restart),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
