/* test_owners.c - what a search for the owners of lost bytes keeps: losses, areas, names, paths */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/owners.h"
#include "engine/io/blk.h"
#include "engine/util/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE (1 * SV_MIB)

static const char *const types[] = {"toy", NULL};

/* What a toy reader finds, with these bytes of a blank volume lost. */
static struct fsmap_files *ask(int (*files)(struct fsmap_reader *, struct owners *),
			       const struct sv_extent *lost, size_t n)
{
	const struct fsmap_ops ops = {.name = "toy", .types = types, .files = files};
	struct sv_extents list = {0};
	struct blk_dev *vol = NULL;
	struct fsmap_files *found = NULL;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sv_extents_add(&list, lost[i].start, lost[i].len), 0);
	assert_int_equal(blk_mem_create(NULL, SIZE, 512, &vol), 0);
	assert_int_equal(fsmap_files_read_as(vol, &ops, types[0], &list, &found), 0);
	assert_int_equal(found->in_files + found->metadata + found->free + found->unknown,
			 sv_extents_total(&list));
	blk_close(vol);
	sv_extents_clear(&list);
	return found;
}

static void expect_loss(const struct fsmap_files *f, size_t i, enum files_kind kind, uint64_t start,
			uint64_t len, uint64_t at, uint64_t at_len)
{
	assert_true(i < f->n_losses);
	const struct files_loss *loss = &f->losses[i];
	assert_int_equal(loss->kind, kind);
	assert_int_equal(loss->start, start);
	assert_int_equal(loss->len, len);
	assert_int_equal(loss->at, at);
	assert_int_equal(loss->at_len, at_len);
}

static void expect_area(const struct fsmap_files *f, size_t i, enum files_area_kind kind,
			uint64_t start, uint64_t len)
{
	assert_true(i < f->n_areas);
	assert_int_equal(f->areas[i].kind, kind);
	assert_int_equal(f->areas[i].start, start);
	assert_int_equal(f->areas[i].len, len);
}

/* ---- losses ---- */

/* A file of 10000 bytes in two runs that follow each other, in three clusters of 4096. */
static int two_runs(struct fsmap_reader *r, struct owners *o)
{
	const struct owners_file file = {.id = 7, .kind = FILES_CONTENT};
	(void)r;
	assert_false(owners_touch(o, 0, 8000));
	assert_true(owners_touch(o, 0, SIZE));
	int rc = owners_run(o, &file, 8192, 4096, 0, 10000);
	return rc ? rc : owners_run(o, &file, 12288, 8192, 4096, 10000);
}

static void test_neighbours_are_one(void **state)
{
	(void)state;
	const struct sv_extent lost[] = {{12000, 1000}};
	struct fsmap_files *f = ask(two_runs, lost, 1);
	assert_int_equal(f->n_losses, 1);
	expect_loss(f, 0, FILES_CONTENT, 3808, 1000, 12000, 1000);
	assert_int_equal(f->in_files, 1000);
	assert_int_equal(f->n_files, 1);
	assert_int_equal(f->files[0].id, 7);
	fsmap_files_destroy(f);
}

/* Bytes 10000 to 12287 of the last cluster are slack. */
static void test_slack(void **state)
{
	(void)state;
	const struct sv_extent lost[] = {{18000, 2480}, {40000, 512}};
	struct fsmap_files *f = ask(two_runs, lost, 2);
	assert_int_equal(f->n_losses, 2);
	expect_loss(f, 0, FILES_CONTENT, 9808, 192, 18000, 192);
	expect_loss(f, 1, FILES_SLACK, 10000, 0, 18192, 2288);
	assert_int_equal(f->n_areas, 1);
	expect_area(f, 0, FILES_AREA_UNKNOWN, 40000, 512);
	fsmap_files_destroy(f);
}

static void test_nothing_lost_there(void **state)
{
	(void)state;
	const struct sv_extent lost[] = {{500000, 512}, {8000, 100}};
	struct fsmap_files *f = ask(two_runs, lost + 1, 1);
	assert_int_equal(f->n_losses + f->n_files, 0);
	assert_int_equal(f->unknown, 100);
	fsmap_files_destroy(f);
}

/* The block that says where a span of 1 MB lies. */
static int lost_map(struct fsmap_reader *r, struct owners *o)
{
	const struct owners_file file = {.id = 9, .kind = FILES_MAP};
	(void)r;
	return owners_lose(o, &file, 4096, 1024, 2000000, 1000000);
}

static void test_span_counts_once(void **state)
{
	(void)state;
	const struct sv_extent lost[] = {{4096, 200}, {4800, 320}};
	struct fsmap_files *f = ask(lost_map, lost, 2);
	assert_int_equal(f->n_losses, 2);
	expect_loss(f, 0, FILES_MAP, 2000000, 1000000, 4096, 200);
	expect_loss(f, 1, FILES_MAP, 3000000, 0, 4800, 320);
	fsmap_files_destroy(f);
}

/* ---- areas ---- */

/* Metadata that overlap, a file in the middle of it, and a free area that a file claims too. */
static int disputed(struct fsmap_reader *r, struct owners *o)
{
	const struct owners_file file = {.id = 3, .kind = FILES_CONTENT};
	struct sv_extents rest = {0};
	(void)r;
	int rc = owners_metadata(o, 10000, 1000, "a table");
	if (!rc)
		rc = owners_metadata(o, 10500, 1000, "a map");
	if (!rc)
		rc = owners_run(o, &file, 10800, 100, 0, 100);
	if (!rc)
		rc = owners_rest(o, &rest);
	assert_int_equal(rest.n, 1);
	assert_int_equal(rest.v[0].start, 11500);
	if (!rc)
		rc = owners_free(o, 10000, 1700);
	sv_extents_clear(&rest);
	return rc;
}

static void test_each_byte_once(void **state)
{
	(void)state;
	const struct sv_extent lost[] = {{10000, 2000}};
	struct fsmap_files *f = ask(disputed, lost, 1);
	assert_int_equal(f->n_areas, 5);
	expect_area(f, 0, FILES_AREA_METADATA, 10000, 800);
	expect_area(f, 1, FILES_AREA_METADATA, 10900, 100);
	expect_area(f, 2, FILES_AREA_METADATA, 11000, 500);
	assert_string_equal(f->areas[1].what, "a table");
	assert_string_equal(f->areas[2].what, "a map");
	expect_area(f, 3, FILES_AREA_FREE, 11500, 200);
	expect_area(f, 4, FILES_AREA_UNKNOWN, 11700, 300);
	assert_int_equal(f->in_files, 100);
	assert_int_equal(f->metadata, 1400);
	fsmap_files_destroy(f);
}

/* ---- names ---- */

static int named(struct fsmap_reader *r, struct owners *o)
{
	const struct owners_file letter = {.id = 20, .kind = FILES_CONTENT};
	const struct owners_file stream = {.id = 20, .kind = FILES_CONTENT, .stream = "notes"};
	const struct owners_file nameless = {.id = 5, .kind = FILES_RECORD};
	char number[24];
	(void)r;
	int rc = owners_run(o, &stream, 6000, 100, 0, 100);
	if (!rc)
		rc = owners_run(o, &letter, 5000, 1000, 0, 1000);
	if (!rc)
		rc = owners_lose(o, &nameless, 7000, 256, 0, 0);
	owners_caution(o, "the %s stands", "first");
	owners_caution(o, "the second does not");
	if (!rc)
		rc = owners_seal(o);
	assert_int_equal(owners_count(o), 2);
	assert_int_equal(owners_find(o, 6), SIZE_MAX);
	size_t at = owners_find(o, 20);
	assert_int_equal(owners_id(o, at), 20);
	for (int i = 0; !rc && i < 40; i++) {
		snprintf(number, sizeof(number), "/name%02d", i / 2);
		rc = owners_name(o, at, strdup(number));
	}
	owners_describe(o, at, 600, false);
	return rc;
}

static void test_names(void **state)
{
	(void)state;
	const struct sv_extent lost[] = {{5000, 2256}};
	struct fsmap_files *f = ask(named, lost, 1);
	assert_int_equal(f->n_files, 2);
	assert_int_equal(f->files[0].id, 20); /* those without a name last */
	assert_int_equal(f->files[0].n_paths, 16);
	assert_string_equal(f->files[0].paths[0], "/name00");
	assert_string_equal(f->files[0].paths[15], "/name15");
	assert_int_equal(f->files[0].n, 2);
	/* the size was learnt later: what lies behind it is not lost */
	expect_loss(f, f->files[0].first, FILES_CONTENT, 0, 600, 5000, 1000);
	expect_loss(f, f->files[0].first + 1, FILES_CONTENT, 0, 100, 6000, 100);
	assert_string_equal(f->losses[f->files[0].first + 1].stream, "notes");
	assert_int_equal(f->files[1].id, 5);
	assert_string_equal(f->caution, "the first stands");
	fsmap_files_destroy(f);
}

/* ---- folders ---- */

static void expect_path(const struct folders *list, uint64_t parent, const char *want)
{
	char *path = folders_path(list, parent, "x", 1);
	assert_string_equal(path, want);
	free(path);
}

static void test_paths(void **state)
{
	struct folders list = {.root = 2};
	(void)state;
	assert_int_equal(folders_add(&list, 30, 12, "me and more", 2), 0);
	assert_int_equal(folders_add(&list, 12, 2, "home", 4), 0);
	assert_int_equal(folders_add(&list, 13, 12, NULL, 0), 0);
	assert_int_equal(folders_add(&list, 40, 41, "ring", 4), 0);
	assert_int_equal(folders_add(&list, 41, 40, "gnir", 4), 0);
	folders_sort(&list);
	expect_path(&list, 2, "/x");
	expect_path(&list, 30, "/home/me/x");
	expect_path(&list, 13, "/?13/x");
	expect_path(&list, 99, "/?99/x");
	char *ring = folders_path(&list, 40, "x", 1);
	assert_true(ring[0] == '/' && ring[1] == '?');
	free(ring);
	folders_clear(&list);
	assert_null(folders_find(&list, 12));
}

static void test_path_too_long(void **state)
{
	struct folders list = {.root = 1};
	char name[4000];
	(void)state;
	memset(name, 'n', sizeof(name));
	for (uint64_t id = 2; id < 60; id++)
		assert_int_equal(folders_add(&list, id, id - 1, name, sizeof(name)), 0);
	folders_sort(&list);
	char *path = folders_path(&list, 59, "x", 1);
	assert_int_equal(strncmp(path, "/.../", 5), 0);
	assert_true(strlen(path) < 64 << 10);
	free(path);
	folders_clear(&list);
}

static void expect_utf8(const char *utf16, size_t chars, const char *want)
{
	char *text = owners_utf8((const uint8_t *)utf16, chars);
	assert_string_equal(text, want);
	free(text);
}

static void test_utf8(void **state)
{
	(void)state;
	expect_utf8("a\0\xe4\0\xac\x20", 3, "aä€");
	expect_utf8("\x3d\xd8\x00\xde", 2, "😀");
	/* halves alone, a NUL and what would look like a folder */
	expect_utf8("\x3d\xd8", 1, "\xef\xbf\xbd");
	expect_utf8("\x00\xde/\0\0\0", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	expect_utf8("", 0, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_neighbours_are_one),
		cmocka_unit_test(test_slack),
		cmocka_unit_test(test_nothing_lost_there),
		cmocka_unit_test(test_span_counts_once),
		cmocka_unit_test(test_each_byte_once),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_path_too_long),
		cmocka_unit_test(test_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
