/* test_pool.c - order, bounded memory, first error, stop: the pool against its serial twin */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/pool/pool.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ITEMS 200

enum stage { AT_PRODUCE, AT_WORK, AT_CONSUME };

struct run {
	int next;
	int fail_at; /* ticket, -1 = never */
	enum stage fail_in;
	int stop_at;
	atomic_int stop;
	atomic_int items, workers; /* alive */
	int most_items;
	int consumed;
	int order[ITEMS];
};

struct item {
	struct run *run;
	int ticket;
	int value;
};

static void *item_create(void *arg)
{
	struct run *run = arg;
	struct item *item = calloc(1, sizeof(*item));
	item->run = run;
	run->most_items = atomic_fetch_add(&run->items, 1) + 1;
	return item;
}

static void item_destroy(void *p)
{
	struct item *item = p;
	atomic_fetch_sub(&item->run->items, 1);
	free(item);
}

static void *worker_create(void *arg)
{
	struct run *run = arg;
	atomic_fetch_add(&run->workers, 1);
	return run;
}

static void worker_destroy(void *arg, void *worker)
{
	assert_ptr_equal(arg, worker);
	atomic_fetch_sub(&((struct run *)worker)->workers, 1);
}

static int maybe_fail(struct run *run, int ticket, enum stage stage, struct sv_err *err)
{
	if (run->fail_at == ticket && run->fail_in == stage)
		return sv_fail(err, SV_E_IO, 0, "x", "ticket %d", ticket);
	return 0;
}

static int produce(void *arg, void *p, struct sv_err *err)
{
	struct run *run = arg;
	struct item *item = p;
	if (run->next == ITEMS)
		return POOL_END;
	item->ticket = run->next++;
	return maybe_fail(run, item->ticket, AT_PRODUCE, err);
}

static int work(void *arg, void *worker, void *p, struct sv_err *err)
{
	struct run *run = arg;
	struct item *item = p;
	assert_ptr_equal(worker, run);
	if (item->ticket % 7 == 0) /* some take longer, so that results would come out of order */
		usleep(500);
	item->value = item->ticket * 3;
	return maybe_fail(run, item->ticket, AT_WORK, err);
}

static int consume(void *arg, void *p, struct sv_err *err)
{
	struct run *run = arg;
	struct item *item = p;
	run->order[run->consumed++] = item->value;
	if (run->consumed == run->stop_at)
		atomic_store(&run->stop, 1);
	return maybe_fail(run, item->ticket, AT_CONSUME, err);
}

static const struct pool_ops ops = {
	.item_create = item_create,
	.item_destroy = item_destroy,
	.worker_create = worker_create,
	.worker_destroy = worker_destroy,
	.produce = produce,
	.work = work,
	.consume = consume,
};

static int run_with(struct run *run, unsigned int threads, struct sv_err *err)
{
	int rc = threads ? pool_run(&ops, run, threads, &run->stop, err)
			 : pool_run_serial(&ops, run, &run->stop, err);
	assert_int_equal(run->items, 0);
	assert_int_equal(run->workers, 0);
	assert_int_equal(run->most_items, threads ? 2 * threads + 2 : 1);
	return rc;
}

static void same_order(void **state)
{
	(void)state;
	for (unsigned int threads = 0; threads <= 8; threads++) {
		struct run run = {.fail_at = -1};
		struct sv_err err = {0};
		assert_int_equal(run_with(&run, threads, &err), 0);
		assert_int_equal(run.consumed, ITEMS);
		for (int i = 0; i < ITEMS; i++)
			assert_int_equal(run.order[i], i * 3);
	}
}

/* a failure at any stage and any fill of the ring ends the run, with its own story; an alarm guards
 * against a hang */
static void first_error_ends(void **state)
{
	(void)state;
	alarm(120);
	for (unsigned int threads = 0; threads <= 4; threads++)
		for (int at = 0; at < 24; at++)
			for (int stage = AT_PRODUCE; stage <= AT_CONSUME; stage++) {
				struct run run = {.fail_at = at, .fail_in = (enum stage)stage};
				struct sv_err err = {0};
				char text[32];
				assert_int_equal(run_with(&run, threads, &err), SV_E_IO);
				snprintf(text, sizeof(text), "ticket %d", at);
				assert_string_equal(err.text, text);
				/* nothing that was read before a bad place is lost */
				if (stage == AT_PRODUCE)
					assert_int_equal(run.consumed, at);
				assert_true(run.consumed <= at + 1);
			}
	alarm(0);
}

static void stop_ends(void **state)
{
	(void)state;
	for (unsigned int threads = 0; threads <= 4; threads++) {
		struct run run = {.fail_at = -1, .stop_at = 5};
		struct sv_err err = {0};
		assert_int_equal(run_with(&run, threads, &err), SV_E_STOPPED);
		assert_true(run.consumed >= 5 && run.consumed < ITEMS);
		for (int i = 0; i < run.consumed; i++)
			assert_int_equal(run.order[i], i * 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_order),
		cmocka_unit_test(first_error_ends),
		cmocka_unit_test(stop_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
