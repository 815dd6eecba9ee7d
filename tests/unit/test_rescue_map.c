/* test_rescue_map.c - states of bytes against a plain array, and mapfiles: ddrescue's, broken ones
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/rescue/mapfile.h"
#include "engine/util/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 700

/* ---- the map ---- */

static void check_blocks(const struct rmap *map, const uint8_t model[SIZE])
{
	uint64_t pos = 0, total[RMAP_STATUSES] = {0};
	size_t runs[RMAP_STATUSES] = {0};
	for (size_t i = 0; i < rmap_count(map); i++) {
		struct rmap_block b = rmap_block(map, i);
		assert_true(b.start == pos && b.len > 0);
		assert_true(i == 0 || rmap_block(map, i - 1).status != b.status);
		for (; pos < b.start + b.len; pos++)
			assert_int_equal(model[pos], b.status);
		total[b.status] += b.len;
		runs[b.status]++;
	}
	assert_true(pos == SIZE);
	for (int s = 0; s < RMAP_STATUSES; s++) {
		assert_true(rmap_total(map, (enum rmap_status)s) == total[s]);
		assert_int_equal(rmap_runs(map, (enum rmap_status)s), runs[s]);
	}
}

static void check_find(const struct rmap *map, const uint8_t model[SIZE])
{
	uint64_t pos = (uint64_t)(rand() % (SIZE + 10));
	unsigned int mask = (unsigned int)rand() % 32;
	struct rmap_block b;
	uint64_t next = pos, prev = SV_MIN(pos, (uint64_t)SIZE);
	while (next < SIZE && !(mask & RMAP_MASK(model[next])))
		next++;
	while (prev > 0 && !(mask & RMAP_MASK(model[prev - 1])))
		prev--;
	assert_int_equal(rmap_next(map, pos, mask, &b), next < SIZE);
	if (next < SIZE)
		assert_true(b.start <= next && next < b.start + b.len);
	assert_int_equal(rmap_prev(map, pos, mask, &b), prev > 0);
	if (prev > 0)
		assert_true(b.start < prev && prev <= b.start + b.len);
	if (pos < SIZE)
		assert_int_equal(rmap_at(map, pos).status, model[pos]);
}

static void like_an_array(void **state)
{
	(void)state;
	for (unsigned int seed = 0; seed < 40; seed++) {
		struct rmap *map = NULL;
		uint8_t model[SIZE] = {0};
		srand(seed);
		assert_int_equal(rmap_create(SIZE, &map), 0);
		for (int i = 0; i < 400; i++) {
			uint64_t start = (uint64_t)rand() % SIZE;
			uint64_t len = (uint64_t)rand() % (seed % 2 ? 4 : SIZE - start);
			len = SV_MIN(len, SIZE - start);
			enum rmap_status s = (enum rmap_status)(rand() % RMAP_STATUSES);
			assert_int_equal(rmap_set(map, start, len, s), 0);
			memset(model + start, s, len);
			check_blocks(map, model);
			check_find(map, model);
		}
		assert_int_equal(rmap_set(map, SIZE - 1, 2, RMAP_DONE), SV_E_RANGE);
		assert_int_equal(rmap_set(map, UINT64_MAX, 2, RMAP_DONE), SV_E_RANGE);
		rmap_destroy(map);
	}
}

/* ---- reading ---- */

static int parse(const char *text, uint64_t size, uint32_t unit, struct rmap **map)
{
	struct mapfile_head head;
	struct sv_err err = {0};
	*map = NULL;
	int rc = mapfile_parse("the.map", text, strlen(text), size, unit, map, &head, &err);
	assert_int_equal(rc, err.code);
	assert_true(!rc || strstr(err.text, "the.map"));
	return rc;
}

/* As GNU ddrescue 1.27 wrote it. */
static const char of_ddrescue[] = "# Mapfile. Created by GNU ddrescue version 1.27\n"
				  "# Command line: ddrescue -d /dev/sdb disk.raw disk.map\n"
				  "# Start time:   2026-11-26 05:47:40\n"
				  "# Current time: 2026-11-26 05:47:40\n"
				  "# Copying non-tried blocks... Pass 1 (forwards)\n"
				  "# current_pos  current_status  current_pass\n"
				  "0x00010400     ?               2\n"
				  "#      pos        size  status\n"
				  "0x00000000  0x00000400  -\n"
				  "0x00000400  0x00001000  +\n"
				  "0x00001400  0x00000200  *\n"
				  "0x00001600  0x00000200  /\n"
				  "0x00001800  0x0000E800  ?\n";

static void reads_ddrescue(void **state)
{
	(void)state;
	struct rmap *map = NULL;
	struct mapfile_head head;
	struct sv_err err = {0};
	assert_int_equal(mapfile_parse("m", of_ddrescue, strlen(of_ddrescue), 0x10000, 512, &map,
				       &head, &err),
			 0);
	assert_true(head.pos == 0x10400 && head.status == '?' && head.pass == 2);
	assert_int_equal(rmap_count(map), 5);
	assert_int_equal(rmap_at(map, 0).status, RMAP_BAD);
	assert_int_equal(rmap_at(map, 0x400).status, RMAP_DONE);
	assert_int_equal(rmap_at(map, 0x1400).status, RMAP_UNTRIMMED);
	assert_int_equal(rmap_at(map, 0x1600).status, RMAP_UNSCRAPED);
	assert_int_equal(rmap_at(map, 0xffff).status, RMAP_UNTRIED);
	rmap_destroy(map);
}

static void other_forms(void **state)
{
	(void)state;
	struct rmap *map;
	/* an old log without a pass; decimal, octal, hexadecimal; comments; gaps around */
	assert_int_equal(
		parse("\n # x\n  0 +\n\n512\t01000 + # good\n0x400 512 -", 4096, 512, &map), 0);
	assert_int_equal(rmap_count(map), 4);
	assert_true(rmap_at(map, 512).len == 512 && rmap_at(map, 1024).status == RMAP_BAD);
	rmap_destroy(map);
	/* cut at the end of the source; a map as long as its blocks; nothing tried yet */
	assert_int_equal(parse("0 ? 1\n0 512 +\n512 99999 /\n", 1024, 512, &map), 0);
	assert_true(rmap_at(map, 512).len == 512 && rmap_size(map) == 1024);
	rmap_destroy(map);
	assert_int_equal(parse("0 ? 1\n0 512 +\n512 99999 /\n", 0, 1, &map), 0);
	assert_true(rmap_size(map) == 512 + 99999);
	rmap_destroy(map);
	assert_int_equal(parse("0 ? 1\n0 0 ?\n", 1024, 512, &map), 0);
	assert_true(rmap_total(map, RMAP_UNTRIED) == 1024);
	rmap_destroy(map);
}

static void joins_sectors(void **state)
{
	(void)state;
	struct rmap *map;
	assert_int_equal(
		parse("0 ? 1\n0 512 +\n512 512 -\n1024 3072 +\n4096 3000 +\n", 9000, 4096, &map),
		0);
	assert_int_equal(rmap_count(map), 2);
	assert_true(rmap_block(map, 0).len == 4096 && rmap_block(map, 0).status == RMAP_BAD);
	assert_int_equal(rmap_block(map, 1).status, RMAP_UNTRIED);
	rmap_destroy(map);
}

static void refuses(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"# nothing\n",
		"0\n",
		"0 x 1\n0 512 +\n",
		"0 ?? 1\n0 512 +\n",
		"-1 ? 1\n0 512 +\n",
		"0 ? 0\n0 512 +\n",
		"0 ? 1 1\n0 512 +\n",
		"0 ? 1\n0 512\n",
		"0 ? 1\n0 512 x\n",
		"0 ? 1\n0 512 F\n",
		"0 ? 1\n0 512 + +\n",
		"0 ? 1\n512 0 +\n",
		"0 ? 1\n0 0x +\n",
		"0 ? 1\n0 -512 +\n",
		"0 ? 1\n0 +512 +\n",
		"0 ? 1\n0 12a +\n",
		"0 ? 1\n0 512 +\n1024 512 +\n",
		"0 ? 1\n0 512 +\n0 512 +\n",
		"0 ? 1\n0 0x7fffffffffffffff +\n0x7fffffffffffffff 1 ?\n",
		"0 ? 1\n0 99999999999999999999999 +\n",
		"0 ? 1\n0 1025 +\n",
		"0 ? 1\n0 1024 +\n1024 512 ?\n",
		"0 ? 1\n0000000000000000000000000000000000000000000000000 512 +\n",
	};
	struct rmap *map;
	for (size_t i = 0; i < SV_ARRAY(bad); i++)
		assert_int_equal(parse(bad[i], 1024, 512, &map), SV_E_DATA);
	struct mapfile_head head;
	struct sv_err err = {0};
	static const char nul[] = "0 ? 1\n0\0 512 +\n";
	assert_int_equal(mapfile_parse("m", nul, sizeof(nul) - 1, 1024, 512, &map, &head, &err),
			 SV_E_DATA);
	assert_int_equal(parse("0 ? 1\n", 0, 1, &map), SV_E_DATA);
}

/* ---- writing ---- */

static void writes_what_it_reads(void **state)
{
	(void)state;
	for (unsigned int seed = 0; seed < 50; seed++) {
		struct rmap *map = NULL, *again = NULL;
		struct mapfile_head head = {seed, "?*/-+"[seed % 5], 1 + (int)seed}, got;
		struct sv_err err = {0};
		size_t len = 0;
		srand(seed);
		assert_int_equal(rmap_create(1ull << 42, &map), 0);
		for (unsigned int i = 0; i < seed * 4; i++)
			assert_int_equal(rmap_set(map, (uint64_t)rand() << 9, 512u << rand() % 20,
						  (enum rmap_status)(rand() % RMAP_STATUSES)),
					 0);
		char long_name[400];
		memset(long_name, 'x', sizeof(long_name));
		long_name[sizeof(long_name) - 1] = '\0';
		struct mapfile_notes notes = {"salvor rescue \n/dev/sdb", "now", long_name, NULL};
		char *text = mapfile_format(map, &head, &notes, &len);
		assert_non_null(text);
		for (const char *line = text, *nl; (nl = strchr(line, '\n')); line = nl + 1)
			assert_true(nl - line <= 127);
		assert_int_equal(
			mapfile_parse("m", text, len, rmap_size(map), 512, &again, &got, &err), 0);
		assert_true(got.pos == head.pos && got.status == head.status &&
			    got.pass == head.pass && rmap_count(again) == rmap_count(map));
		for (size_t i = 0; i < rmap_count(map); i++) {
			struct rmap_block a = rmap_block(map, i), b = rmap_block(again, i);
			assert_true(a.start == b.start && a.len == b.len && a.status == b.status);
		}
		free(text);
		rmap_destroy(map);
		rmap_destroy(again);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_an_array), cmocka_unit_test(reads_ddrescue),
		cmocka_unit_test(other_forms),	 cmocka_unit_test(joins_sectors),
		cmocka_unit_test(refuses),	 cmocka_unit_test(writes_what_it_reads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
