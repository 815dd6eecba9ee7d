/* test_tui_rescue.c - the page of a rescue: time left as a range, the map as large as there is room
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/salvor.h"
#include "tui/eta.h"
#include "tui/layout.h"

#include <string.h>

#define GB 1000000000ull
#define MB 1000000ull

static const char *text_of(struct eta_facts facts)
{
	static char out[ETA_TEXT];
	return eta_text(&facts, out);
}

static void a_range(void **state)
{
	(void)state;
	struct eta_range r = eta_range(&(struct eta_facts){
		.left = 360 * GB, .now = 100 * MB, .mean = 50 * MB, .sector = 512});
	assert_true(r.least == 3600 && r.most == 7200);
	/* 1 MB in failed reads: 2000 sectors, 2 s each */
	r = eta_range(&(struct eta_facts){.left = 2 * MB,
					  .failed = 1 * MB,
					  .now = 1 * MB,
					  .mean = 1 * MB,
					  .sector = 500,
					  .failed_ms = 2000});
	assert_true(r.least == 2 && r.most == 3907);
	r = eta_range(&(struct eta_facts){.left = GB});
	assert_true(r.least == UINT64_MAX && r.most == UINT64_MAX);
	/* it stands at the moment; nothing overflows */
	r = eta_range(&(struct eta_facts){.left = 10 * MB, .mean = 1 * MB});
	assert_true(r.least == 10 && r.most == 10);
	r = eta_range(&(struct eta_facts){
		.left = UINT64_MAX, .failed = UINT64_MAX, .now = 1, .failed_ms = UINT64_MAX});
	assert_true(r.most != UINT64_MAX && r.most > 1ull << 60);
}

static void in_words(void **state)
{
	(void)state;
	assert_string_equal(text_of((struct eta_facts){.left = GB}), "?");
	assert_string_equal(
		text_of((struct eta_facts){.left = 60 * MB, .now = 1 * MB, .mean = 1 * MB}),
		"1:00");
	assert_string_equal(
		text_of((struct eta_facts){.left = 60 * MB, .now = 2 * MB, .mean = 1 * MB}),
		"0:30 to 1:00");
	assert_string_equal(text_of((struct eta_facts){.left = 60 * MB,
						       .failed = 60 * MB,
						       .now = 1 * MB,
						       .mean = 1 * MB,
						       .sector = 512,
						       .failed_ms = 3000}),
			    "1:00 to some days");
	assert_string_equal(text_of((struct eta_facts){.left = 1000 * GB, .now = 1 * MB}),
			    "11 days or more");
}

static size_t count(const struct layout *layout, enum line_kind kind)
{
	size_t n = 0;
	for (size_t i = 0; i < layout->n; i++)
		n += layout->lines[i].kind == kind;
	return n;
}

static void a_map_takes_the_room(void **state)
{
	static const struct {
		size_t height, rows;
	} cases[] = {{3, 5}, {20, 17}, {8, 5}, {9, 6}, {100, 20}};
	uint8_t cells[10] = {CELL_BAD};
	struct page page = {0};
	struct layout layout;
	(void)state;
	page_text(&page, STYLE_NORMAL, "one line");
	page_map(&page, cells, SV_ARRAY(cells), 1000);
	page_text(&page, STYLE_NORMAL, "another");
	assert_int_equal(page.blocks[1].n, 10);
	assert_int_equal(page.blocks[1].cells[0], CELL_BAD);
	for (size_t i = 0; i < SV_ARRAY(cases); i++) {
		layout_make(&layout, &page, 79, cases[i].height);
		assert_int_equal(count(&layout, LINE_MAP), cases[i].rows);
		assert_int_equal(count(&layout, LINE_LEGEND), 1);
		assert_int_equal(layout.lines[1].rows, cases[i].rows);
		layout_clear(&layout);
	}
	page_clear(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range),
		cmocka_unit_test(in_words),
		cmocka_unit_test(a_map_takes_the_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
