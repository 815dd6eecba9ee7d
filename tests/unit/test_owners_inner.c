/* test_owners_inner.c - volumes inside of others: which of their bytes are those that were lost */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/owners.h"
#include "engine/io/blk.h"
#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

#define SIZE (8 * SV_MIB)

static const char *const types[] = {"toy", NULL};

/* What a toy container finds, with these bytes of a volume lost that holds nothing known. */
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
	assert_int_equal(found->in_files, 0);
	assert_int_equal(found->in_inner + found->metadata + found->free + found->unknown,
			 sv_extents_total(&list));
	blk_close(vol);
	sv_extents_clear(&list);
	return found;
}

/* The i-th volume inside has lost just this, and nobody knows whose it was. */
static void expect_inner(const struct fsmap_files *f, size_t i, const char *name, uint64_t size,
			 const struct sv_extent *lost, size_t n)
{
	assert_true(i < f->n_inner);
	const struct files_inner *in = &f->inner[i];
	uint64_t sum = 0;
	assert_string_equal(in->name, name);
	assert_int_equal(in->size, size);
	assert_string_not_equal(in->files->reason, "");
	assert_int_equal(in->files->n_areas, n);
	for (size_t k = 0; k < n; k++) {
		assert_int_equal(in->files->areas[k].start, lost[k].start);
		assert_int_equal(in->files->areas[k].len, lost[k].len);
		sum += lost[k].len;
	}
	assert_int_equal(in->lost, sum);
}

/* ---- pieces ---- */

static int two_pieces(struct fsmap_reader *r, struct owners *o)
{
	const struct blk_column columns[] = {{fsmap_device(r), 6 * SV_MIB},
					     {fsmap_device(r), 2 * SV_MIB}};
	const struct blk_segment segments[] = {{.len = SV_MIB, .columns = &columns[0], .n = 1},
					       {.len = 2 * SV_MIB, .columns = &columns[1], .n = 1}};
	assert_ptr_equal(fsmap_owners(r), o);
	return fsmap_read_inner(r, "g/a", segments, SV_ARRAY(segments));
}

static void test_pieces(void **state)
{
	/* around the ends of both pieces, and in the middle of the second */
	static const struct sv_extent lost[] = {{2 * SV_MIB - 512, 1024},
						{3 * SV_MIB, 4096},
						{4 * SV_MIB - 512, 1024},
						{7 * SV_MIB - 1024, 2048}};
	static const struct sv_extent inner[] = {
		{SV_MIB - 1024, 1024 + 512}, {2 * SV_MIB, 4096}, {3 * SV_MIB - 512, 512}};
	(void)state;
	struct fsmap_files *f = ask(two_pieces, lost, SV_ARRAY(lost));
	assert_int_equal(f->n_inner, 1);
	expect_inner(f, 0, "g/a", 3 * SV_MIB, inner, SV_ARRAY(inner));
	assert_int_equal(f->in_inner, 512 + 4096 + 512 + 1024);
	assert_int_equal(f->unknown, 512 + 512 + 1024);
	fsmap_files_destroy(f);
}

static void test_whole_volume_lost(void **state)
{
	static const struct sv_extent lost[] = {{0, SIZE}}, inner[] = {{0, 3 * SV_MIB}};
	(void)state;
	struct fsmap_files *f = ask(two_pieces, lost, 1);
	assert_string_equal(f->inner[0].files->reason, "what it holds is lost");
	assert_int_equal(f->inner[0].lost, inner[0].len);
	assert_int_equal(f->in_inner, inner[0].len);
	fsmap_files_destroy(f);
}

static void test_not_hit(void **state)
{
	static const struct sv_extent lost[] = {{SV_MIB, 512}};
	(void)state;
	struct fsmap_files *f = ask(two_pieces, lost, 1);
	assert_int_equal(f->n_inner, 0);
	assert_int_equal(f->unknown, 512);
	fsmap_files_destroy(f);
}

static int beyond_the_end(struct fsmap_reader *r, struct owners *o)
{
	const struct blk_column column = {fsmap_device(r), SIZE - 512};
	const struct blk_segment segment = {.len = 1024, .columns = &column, .n = 1};
	(void)o;
	return fsmap_read_inner(r, "g/a", &segment, 1);
}

static void test_beyond_the_end(void **state)
{
	static const struct sv_extent lost[] = {{SIZE - 512, 512}};
	(void)state;
	struct fsmap_files *f = ask(beyond_the_end, lost, 1);
	assert_string_equal(f->reason, "g/a lies outside of its volume");
	assert_int_equal(f->unknown, 512);
	fsmap_files_destroy(f);
}

/* Stripes of 4096 bytes, in turn on two places here and one on another disk. */
static int stripes(struct fsmap_reader *r, struct owners *o)
{
	struct blk_dev *other = NULL;
	assert_int_equal(blk_mem_create(NULL, SIZE, 512, &other), 0);
	const struct blk_column columns[] = {
		{fsmap_device(r), 4 * SV_MIB}, {other, 0}, {fsmap_device(r), SV_MIB}};
	const struct blk_segment segment = {
		.len = 3 * SV_MIB, .stripe = 4096, .columns = columns, .n = 3};
	(void)o;
	int rc = fsmap_read_inner(r, "g/a", &segment, 1);
	blk_close(other);
	return rc;
}

static void test_stripes(void **state)
{
	/* the end of a stripe and the next one of that place; two stripes; the last sector */
	static const struct sv_extent lost[] = {{SV_MIB - 512, 1024},
						{2 * SV_MIB - 512, 1024},
						{4 * SV_MIB + 4096 - 512, 1024},
						{4 * SV_MIB + 8192, 8192}};
	static const struct sv_extent inner[] = {{4096 - 512, 512}, {8192, 512},
						 {12288, 512},	    {6 * 4096, 4096},
						 {9 * 4096, 4096},  {3 * SV_MIB - 512, 512}};
	(void)state;
	struct fsmap_files *f = ask(stripes, lost, SV_ARRAY(lost));
	expect_inner(f, 0, "g/a", 3 * SV_MIB, inner, SV_ARRAY(inner));
	assert_int_equal(f->unknown, 512 + 512);
	fsmap_files_destroy(f);
}

/* ---- decrypted ---- */

static const uint8_t zeros[BLK_CRYPT_KEY_MAX];

static int decrypt(struct fsmap_reader *r, uint32_t sector, struct fsmap_decrypted how)
{
	const struct blk_crypt_params crypt = {
		.cipher = "aes-xts-plain64", .key = zeros, .key_len = 32, .sector_size = sector};
	how.title = "LUKS2";
	how.crypt = &crypt;
	return fsmap_read_decrypted(r, &how);
}

static int large_sectors(struct fsmap_reader *r, struct owners *o)
{
	static const struct sv_extents none;
	(void)o;
	return decrypt(r, 4096,
		       (struct fsmap_decrypted){.data = {SV_MIB, 4 * SV_MIB}, .blank = &none});
}

/* With one byte of a sector all of it is lost. */
static void test_sectors(void **state)
{
	static const struct sv_extent lost[] = {{SV_MIB - 512, 1024},
						{SV_MIB + 12288 + 512, 512},
						{SV_MIB + 12288 + 3584, 1024},
						{5 * SV_MIB - 512, 1024}};
	static const struct sv_extent inner[] = {
		{0, 4096}, {12288, 8192}, {4 * SV_MIB - 4096, 4096}};
	(void)state;
	struct fsmap_files *f = ask(large_sectors, lost, SV_ARRAY(lost));
	expect_inner(f, 0, "LUKS2", 4 * SV_MIB, inner, SV_ARRAY(inner));
	assert_int_equal(f->in_inner, 512 + 512 + 1024 + 512);
	fsmap_files_destroy(f);
}

/* As BitLocker has it: the first sectors stand elsewhere, where the volume inside has nothing. */
static int moved(struct fsmap_reader *r, struct owners *o)
{
	static const struct blk_piece order[] = {{4 * SV_MIB, 8192}, {8192, SIZE - 8192}};
	static struct sv_extent own[] = {{SV_MIB, 65536}, {4 * SV_MIB, 8192}};
	static const struct sv_extents blank = {.v = own, .n = SV_ARRAY(own)};
	(void)o;
	return decrypt(
		r, 512,
		(struct fsmap_decrypted){
			.data = {0, SIZE}, .order = order, .n = SV_ARRAY(order), .blank = &blank});
}

static void test_moved(void **state)
{
	static const struct sv_extent lost[] = {{1024, 512},
						{8192 + 512, 512},
						{SV_MIB - 512, 1024},
						{SV_MIB + 65536 - 512, 1024},
						{4 * SV_MIB - 512, 1536},
						{4 * SV_MIB + 8192 - 512, 1024}};
	static const struct sv_extent inner[] = {{0, 1024},
						 {8192 - 512, 512},
						 {8192 + 512, 512},
						 {SV_MIB - 512, 512},
						 {SV_MIB + 65536, 512},
						 {4 * SV_MIB - 512, 512},
						 {4 * SV_MIB + 8192, 512}};
	(void)state;
	struct fsmap_files *f = ask(moved, lost, SV_ARRAY(lost));
	expect_inner(f, 0, "LUKS2", SIZE, inner, SV_ARRAY(inner));
	/* the first sectors, and two ends of what is BitLocker's own */
	assert_int_equal(f->unknown, 512 + 512 + 512);
	fsmap_files_destroy(f);
}

/* ---- what cannot be put together ---- */

static int untold(struct fsmap_reader *r, struct owners *o)
{
	static struct sv_extent at[] = {{SV_MIB, SV_MIB}};
	static const struct sv_extents where = {.v = at, .n = 1};
	int rc = owners_untold(o, "g/not hit", &(struct sv_extents){0}, "it is odd");
	if (!rc)
		rc = owners_untold(o, "g/odd", &where, "it is odd");
	if (!rc)
		rc = owners_metadata(o, 0, 4096, "its head");
	if (!rc)
		rc = fsmap_mark_free(r, 2 * SV_MIB, SV_MIB);
	return rc ? rc : fsmap_tell_free(r);
}

static void test_untold(void **state)
{
	static const struct sv_extent lost[] = {
		{512, 512}, {2 * SV_MIB - 1024, 1536}, {3 * SV_MIB, 512}};
	(void)state;
	struct fsmap_files *f = ask(untold, lost, SV_ARRAY(lost));
	assert_int_equal(f->n_inner, 1);
	assert_string_equal(f->inner[0].name, "g/odd");
	assert_int_equal(f->inner[0].lost, 1024);
	assert_string_equal(f->inner[0].files->reason, "it is odd");
	assert_int_equal(f->inner[0].files->unknown, 0);
	assert_int_equal(f->metadata, 512);
	assert_int_equal(f->free, 512);
	assert_int_equal(f->unknown, 1024 + 512);
	fsmap_files_destroy(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),	       cmocka_unit_test(test_whole_volume_lost),
		cmocka_unit_test(test_not_hit),	       cmocka_unit_test(test_stripes),
		cmocka_unit_test(test_beyond_the_end), cmocka_unit_test(test_sectors),
		cmocka_unit_test(test_moved),	       cmocka_unit_test(test_untold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
