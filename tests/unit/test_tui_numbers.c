/* test_tui_numbers.c - what is chosen is what was seen or heard, also when the list has changed */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tui/face.h"
#include "tui/numbers.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- numbers ---- */

static void a_number_stays(void **state)
{
	struct numbers numbers = {0};
	char text[16];
	(void)state;
	assert_int_equal(numbers_give(&numbers, "/dev/sda1"), 0);
	assert_int_equal(numbers_give(&numbers, "/dev/sdb1"), 1);
	assert_int_equal(numbers_give(&numbers, "/dev/sda1"), 0);
	for (int i = 2; i < NUMBERS_MAX; i++) {
		snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(numbers_give(&numbers, text), i);
	}
	assert_int_equal(numbers_give(&numbers, "one more"), -1);
	assert_int_equal(numbers_give(&numbers, "/dev/sdb1"), 1);
	numbers_clear(&numbers);
	assert_int_equal(numbers_give(&numbers, "/dev/sdb1"), 0);
	numbers_clear(&numbers);
}

/* ---- plain mode ---- */

struct talk {
	struct face *face;
	struct face_view view;
	int in, saved_in, saved_out;
};

/* The face reads what is written to t->in, and speaks to nobody. */
static void talk_begin(struct talk *t)
{
	int ends[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_true(null >= 0 && !pipe2(ends, O_CLOEXEC));
	fflush(stdout);
	*t = (struct talk){.in = ends[1], .saved_in = dup(0), .saved_out = dup(1)};
	dup2(ends[0], 0);
	dup2(null, 1);
	close(ends[0]);
	close(null);
	t->face = face_plain_create(-1);
	assert_non_null(t->face);
}

static void talk_end(struct talk *t)
{
	t->face->ops->destroy(t->face);
	dup2(t->saved_in, 0);
	dup2(t->saved_out, 1);
	close(t->saved_in);
	close(t->saved_out);
	close(t->in);
}

/* What a line comes to while `page` is shown. */
static struct face_event answer(struct talk *t, const struct page *page, const char *line)
{
	struct face_event event = {.kind = FACE_RESIZE};
	assert_int_equal(write(t->in, line, strlen(line)), (ssize_t)strlen(line));
	while (event.kind == FACE_RESIZE) {
		event = (struct face_event){0};
		t->face->ops->show(t->face, page, &t->view, false);
		t->face->ops->wait(t->face, page, &t->view, 1000, &event);
	}
	return event;
}

static void fill(struct page *page, const int *ids, size_t n)
{
	*page = (struct page){0};
	page_title(page, "Disks");
	for (size_t i = 0; i < n; i++)
		page_item(page, ids[i], 0, NULL, "disk %d", ids[i]);
}

static void the_answer_is_to_what_was_said(void **state)
{
	static const int before[] = {10, 30}, after[] = {10, 20, 30}, gone[] = {10, 20};
	struct page page;
	struct talk t;
	(void)state;
	talk_begin(&t);
	fill(&page, before, 2);
	t.face->ops->show(t.face, &page, &t.view, true);
	page_clear(&page);
	/* another one has come in between, and nothing was said of it */
	fill(&page, after, 3);
	struct face_event event = answer(&t, &page, "2\n");
	assert_int_equal(event.kind, FACE_CHOOSE);
	assert_int_equal(event.id, 30);
	/* it is said again */
	t.face->ops->show(t.face, &page, &t.view, true);
	event = answer(&t, &page, "2\n");
	assert_int_equal(event.id, 20);
	page_clear(&page);
	/* what is no more there cannot be chosen, and nothing else is instead */
	fill(&page, gone, 2);
	event = answer(&t, &page, "3\n");
	assert_int_equal(event.kind, FACE_REQUEST);
	assert_int_equal(event.request, REQ_NONE);
	page_clear(&page);
	talk_end(&t);
}

/* Where only sentences of the progress are said, it is what there is now. */
static void progress_has_no_list(void **state)
{
	static const int before[] = {10, 20};
	struct page page;
	struct talk t;
	(void)state;
	talk_begin(&t);
	fill(&page, before, 2);
	t.face->ops->show(t.face, &page, &t.view, true);
	page_clear(&page);
	page_text(&page, STYLE_STRONG, "It runs");
	page_gauge(&page, 100);
	page_item(&page, 40, 0, NULL, "Stop");
	t.face->ops->show(t.face, &page, &t.view, true);
	struct face_event event = answer(&t, &page, "1\n");
	assert_int_equal(event.kind, FACE_CHOOSE);
	assert_int_equal(event.id, 40);
	page_clear(&page);
	talk_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_stays),
		cmocka_unit_test(the_answer_is_to_what_was_said),
		cmocka_unit_test(progress_has_no_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
