/* test_util.c - extent lists, run maps, sizes, checksums, errors */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "engine/util/crc.h"
#include "engine/util/err.h"
#include "engine/util/extent.h"
#include "engine/util/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPACE 256

static void fill(uint8_t *map, const struct sv_extents *list)
{
	memset(map, 0, SPACE);
	for (size_t i = 0; i < list->n; i++)
		memset(map + list->v[i].start, 1, list->v[i].len);
}

static void random_list(struct sv_extents *list)
{
	int n = rand() % 12;
	for (int i = 0; i < n; i++) {
		uint64_t start = (uint64_t)(rand() % (SPACE - 20));
		assert_int_equal(sv_extents_add(list, start, (uint64_t)(rand() % 20)), 0);
	}
	sv_extents_normalise(list);
}

static void check_normal(const struct sv_extents *list)
{
	for (size_t i = 0; i < list->n; i++) {
		assert_true(list->v[i].len > 0);
		if (i > 0)
			assert_true(list->v[i - 1].start + list->v[i - 1].len < list->v[i].start);
	}
}

/* every set operation against the same operation on a map of bytes */
static void set_operations(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 2000; round++) {
		struct sv_extents a = {0}, b = {0}, sub = {0}, both = {0}, any = {0}, inv = {0};
		uint8_t ma[SPACE], mb[SPACE], m[SPACE];
		random_list(&a);
		random_list(&b);
		check_normal(&a);
		fill(ma, &a);
		fill(mb, &b);
		assert_int_equal(sv_extents_subtract(&sub, &a, &b), 0);
		assert_int_equal(sv_extents_intersect(&both, &a, &b), 0);
		assert_int_equal(sv_extents_union(&any, &a, &b), 0);
		assert_int_equal(sv_extents_invert(&inv, &a, SPACE), 0);
		check_normal(&sub);
		check_normal(&both);
		check_normal(&any);
		check_normal(&inv);
		uint64_t total = 0;
		for (int i = 0; i < SPACE; i++)
			total += ma[i];
		assert_int_equal(sv_extents_total(&a), total);
		fill(m, &sub);
		for (int i = 0; i < SPACE; i++)
			assert_int_equal(m[i], ma[i] && !mb[i]);
		fill(m, &both);
		for (int i = 0; i < SPACE; i++)
			assert_int_equal(m[i], ma[i] && mb[i]);
		fill(m, &any);
		for (int i = 0; i < SPACE; i++)
			assert_int_equal(m[i], ma[i] || mb[i]);
		fill(m, &inv);
		for (int i = 0; i < SPACE; i++)
			assert_int_equal(m[i], !ma[i]);
		sv_extents_clear(&a);
		sv_extents_clear(&b);
		sv_extents_clear(&sub);
		sv_extents_clear(&both);
		sv_extents_clear(&any);
		sv_extents_clear(&inv);
	}
}

static void contain_and_remove(void **state)
{
	(void)state;
	struct sv_extents a = {0};
	assert_int_equal(sv_extents_add(&a, 100, 50), 0);
	assert_int_equal(sv_extents_add(&a, 10, 20), 0);
	sv_extents_normalise(&a);
	assert_true(sv_extents_contain(&a, 10, 20));
	assert_false(sv_extents_contain(&a, 10, 21));
	assert_false(sv_extents_contain(&a, 9, 2));
	assert_true(sv_extents_contain(&a, 149, 1));
	assert_int_equal(sv_extents_remove(&a, 15, 100), 0);
	assert_int_equal(a.n, 2);
	assert_int_equal(a.v[0].len, 5);
	assert_int_equal(a.v[1].start, 115);
	assert_int_equal(sv_extents_add(&a, UINT64_MAX, 2), SV_E_RANGE);
	sv_extents_clear(&a);
}

static void run_maps(void **state)
{
	(void)state;
	struct sv_runs runs = {0};
	struct sv_extents read = {0};
	assert_int_equal(sv_runs_append(&runs, 10, SV_RUN_DATA), 0);
	assert_int_equal(sv_runs_append(&runs, 5, SV_RUN_DATA), 0);
	assert_int_equal(sv_runs_append(&runs, 7, SV_RUN_FREE), 0);
	assert_int_equal(sv_runs_append(&runs, 3, SV_RUN_BAD), 0);
	assert_int_equal(runs.n, 3);
	assert_int_equal(sv_runs_end(&runs), 25);
	assert_int_equal(sv_runs_seek(&runs, 14), 0);
	assert_int_equal(sv_runs_seek(&runs, 15), 1);
	assert_int_equal(sv_runs_seek(&runs, 25), 3);
	assert_int_equal(sv_runs_total(&runs, SV_RUN_DATA), 15);
	assert_int_equal(sv_runs_within(&runs, 1u << SV_RUN_DATA, 0, 25), 15);
	assert_int_equal(sv_runs_within(&runs, 1u << SV_RUN_DATA | 1u << SV_RUN_BAD, 14, 24), 3);
	assert_int_equal(sv_runs_within(&runs, 1u << SV_RUN_FREE, 23, 100), 0);
	assert_true(sv_runs_touch(&runs, 1u << SV_RUN_FREE, 14, 16));
	assert_false(sv_runs_touch(&runs, 1u << SV_RUN_FREE, 14, 15));
	assert_false(sv_runs_touch(&runs, 1u << SV_RUN_FREE, 16, 16));
	assert_false(sv_runs_touch(&runs, 1u << SV_RUN_FREE, 25, 30));
	assert_int_equal(sv_runs_select(&read, &runs, 1u << SV_RUN_FREE | 1u << SV_RUN_BAD), 0);
	assert_int_equal(read.n, 1);
	assert_int_equal(read.v[0].len, 10);
	sv_extents_clear(&read);
	sv_runs_clear(&runs);
}

static void sizes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"0", 0},	    {"512", 512}, {"64K", 65536}, {"4GiB", 4 * SV_GIB},
		    {"1M", SV_MIB}, {"7B", 7}};
	static const char *const bad[] = {
		"", "K", "1X", "1KB2", "-1", "1 K", "99999999999999999999", "99999999999T", "1Ki"};
	uint64_t bytes;
	for (size_t i = 0; i < SV_ARRAY(good); i++) {
		assert_true(sv_parse_size(good[i].text, &bytes));
		assert_int_equal(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < SV_ARRAY(bad); i++)
		assert_false(sv_parse_size(bad[i], &bytes));
}

static void checksums(void **state)
{
	(void)state;
	const char *check = "123456789";
	char buf[4096];
	assert_int_equal(sv_crc32(check, 9), 0xcbf43926);
	assert_int_equal(~sv_crc32c(~0u, check, 9), 0xe3069283);
	assert_int_equal(sv_crc16(0, check, 9), 0xbb3d);
	memset(buf, 0, sizeof(buf));
	assert_true(sv_is_zero(buf, sizeof(buf)));
	buf[4095] = 1;
	assert_false(sv_is_zero(buf, sizeof(buf)));
	buf[4095] = 0;
	buf[0] = 1;
	assert_false(sv_is_zero(buf, sizeof(buf)));
}

static void first_error_wins(void **state)
{
	(void)state;
	struct sv_err err = {0};
	assert_int_equal(sv_fail(&err, SV_E_IO, EIO, "/dev/x", "cannot read %s", "/dev/x"),
			 SV_E_IO);
	assert_int_equal(sv_fail(&err, SV_E_TARGET, 0, "other", "later"), SV_E_TARGET);
	assert_string_equal(err.text, "cannot read /dev/x: Input/output error");
	assert_string_equal(err.object, "/dev/x");
	assert_int_equal(sv_exit_code(SV_E_STORE_FULL), 7);
	assert_int_equal(sv_exit_code(SV_E_NOMEM), 1);
	assert_int_equal(sv_exit_code(SV_E_STOPPED), 20);
}

static void documents(void **state)
{
	static const char text[] = "{\"a\":[1,\"\\u00e4\"],\"b\":null}";
	bool no_memory;
	(void)state;
	json_t *o = sv_json_parse(text, strlen(text), 0, &no_memory);
	assert_non_null(o);
	assert_false(no_memory);
	char *again = sv_json_text(o, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	assert_string_equal(again, "{\"a\":[1,\"\\u00E4\"],\"b\":null}");
	free(again);
	json_decref(o);
	assert_null(sv_json_text(NULL, 0));
	assert_null(sv_json_parse(text, strlen(text) - 1, 0, &no_memory));
	assert_false(no_memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_operations), cmocka_unit_test(contain_and_remove),
		cmocka_unit_test(run_maps),	  cmocka_unit_test(sizes),
		cmocka_unit_test(checksums),	  cmocka_unit_test(first_error_wins),
		cmocka_unit_test(documents),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
