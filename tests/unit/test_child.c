/* test_child.c - work in a child process: its answer, its end, and what it waits for in vain */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "engine/util/child.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BUSY_S 5 /* of CPU time: longer than a child may sleep */

struct answer {
	uint32_t value;
	uint8_t more[200000]; /* does not fit into a pipe */
};

/* The image counts how often work was begun. */
static unsigned char begin(void)
{
	unsigned char n = 0;
	if (pread(SV_CHILD_IMAGE, &n, 1, 0) != 1)
		_exit(1);
	n++;
	if (pwrite(SV_CHILD_IMAGE, &n, 1, 0) != 1)
		_exit(1);
	return n;
}

static void work_answer(void *arg, void *answer)
{
	struct answer *a = answer;
	(void)arg;
	begin();
	a->value = 7;
	a->more[sizeof(a->more) - 1] = 9;
}

static void work_die(void *arg, void *answer)
{
	(void)arg;
	(void)answer;
	begin();
	_exit(3);
}

/* As one that was forked while another thread held a lock. */
static void work_sleep_once(void *arg, void *answer)
{
	(void)arg;
	while (begin() == 1)
		pause();
	((struct answer *)answer)->value = 8;
}

static void work_compute(void *arg, void *answer)
{
	struct timespec t;
	(void)arg;
	begin();
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	while (t.tv_sec < BUSY_S);
	((struct answer *)answer)->value = 6;
}

static bool at_once(void *arg)
{
	(void)arg;
	return true;
}

/* The answer's value, 0 without an answer; *begun: how often work was begun. */
static uint32_t run(void (*work)(void *arg, void *answer), bool (*cancelled)(void *arg), int want,
		    unsigned char *begun)
{
	static struct answer a;
	struct sv_err err = {0};
	bool answered = false;
	int image = memfd_create("image", MFD_CLOEXEC);
	assert_true(image >= 0);
	assert_int_equal(ftruncate(image, 1), 0);
	const struct sv_child child = {.image = image,
				       .memory = 64 * SV_MIB,
				       .ms = 120000,
				       .work = work,
				       .cancelled = cancelled};
	assert_int_equal(sv_child_run(&child, &a, sizeof(a), &answered, &err), want);
	assert_int_equal(pread(image, begun, 1, 0), 1);
	close(image);
	assert_int_equal(answered, a.value != 0);
	return a.value;
}

static void test_answer(void **state)
{
	unsigned char begun;
	(void)state;
	assert_int_equal(run(work_answer, NULL, 0, &begun), 7);
	assert_int_equal(begun, 1);
}

static void test_death(void **state)
{
	unsigned char begun;
	(void)state;
	assert_int_equal(run(work_die, NULL, 0, &begun), 0);
	assert_int_equal(begun, 1); /* its death is an answer, too */
}

static void test_sleep(void **state)
{
	unsigned char begun;
	(void)state;
	assert_int_equal(run(work_sleep_once, NULL, 0, &begun), 8);
	assert_int_equal(begun, 2);
}

static void test_compute(void **state)
{
	unsigned char begun;
	(void)state;
	assert_int_equal(run(work_compute, NULL, 0, &begun), 6);
	assert_int_equal(begun, 1);
}

static void test_cancel(void **state)
{
	unsigned char begun;
	(void)state;
	assert_int_equal(run(work_sleep_once, at_once, SV_E_STOPPED, &begun), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer), cmocka_unit_test(test_death),
		cmocka_unit_test(test_sleep),  cmocka_unit_test(test_compute),
		cmocka_unit_test(test_cancel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
