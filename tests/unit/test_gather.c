/* test_gather.c - reading chosen ranges of a failing device: content, holes, bad sectors to the
 * sector, a lost device */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/job/gather.h"
#include "engine/util/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE	  (512 * 1024)
#define SECTORS	  (SIZE / 512)
#define BUF_START 70000u
#define BUF_LEN	  300000u

struct fixture {
	struct blk_dev *mem, *dev;
	struct sv_runs runs;
	uint8_t kind[SIZE]; /* of every byte */
	uint8_t bad[SECTORS];
};

static void random_runs(struct fixture *f)
{
	for (uint64_t pos = 0; pos < SIZE;) {
		uint64_t wish = 512 * (uint64_t)(1 + rand() % (rand() % 4 ? 8 : 300));
		uint64_t len = SV_MIN(wish, SIZE - pos);
		int kind = rand() % 2 ? SV_RUN_READ : SV_RUN_FREE;
		assert_int_equal(sv_runs_append(&f->runs, len, kind), 0);
		memset(f->kind + pos, kind, len);
		pos += len;
	}
}

static void random_bad(struct fixture *f)
{
	for (int i = 0; i < 6; i++) {
		uint64_t sector = (uint64_t)(rand() % SECTORS);
		struct blk_fault_rule rule = {
			.ops = BLK_FAULT_READ, .start = sector * 512, .len = 512, .sys_errno = EIO};
		f->bad[sector] = 1;
		assert_int_equal(blk_fault_add(f->dev, &rule), 0);
	}
}

static void setup(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(blk_mem_create(NULL, SIZE, 512, &f->mem), 0);
	for (size_t i = 0; i < SIZE; i++)
		blk_mem_data(f->mem)[i] = (uint8_t)(1 + rand() % 255);
	assert_int_equal(blk_fault_create(f->mem, &f->dev), 0);
	random_runs(f);
}

static void teardown(struct fixture *f)
{
	blk_close(f->dev);
	blk_close(f->mem);
	sv_runs_clear(&f->runs);
}

static void exact(void **state)
{
	(void)state;
	static uint8_t buf[BUF_LEN];
	for (int round = 0; round < 300; round++) {
		struct fixture *f = malloc(sizeof(*f));
		struct sv_extents bad = {0};
		struct sv_err err = {0};
		srand((unsigned int)round);
		setup(f);
		random_bad(f);
		struct gather g = {.dev = f->dev, .runs = &f->runs, .kinds = 1u << SV_RUN_READ};
		memset(buf, 0xa5, sizeof(buf));
		assert_int_equal(gather_read(&g, BUF_START, BUF_LEN, buf, &bad, &err), 0);
		sv_extents_normalise(&bad);
		for (uint64_t pos = BUF_START; pos < BUF_START + BUF_LEN; pos++) {
			bool lost = f->kind[pos] == SV_RUN_READ && f->bad[pos / 512];
			bool here = f->kind[pos] == SV_RUN_READ && !lost;
			assert_int_equal(buf[pos - BUF_START],
					 here ? blk_mem_data(f->mem)[pos] : 0);
			if (sv_extents_contain(&bad, pos, 1) != lost)
				fail_msg("round %d: byte %llu is %s", round,
					 (unsigned long long)pos, lost ? "lost" : "fine");
		}
		sv_extents_clear(&bad);
		teardown(f);
		free(f);
	}
}

/* the stream's position and the device's differ: a partition onto another place */
static void shifted(void **state)
{
	(void)state;
	struct fixture *f = malloc(sizeof(*f));
	uint8_t buf[4096];
	srand(7);
	setup(f);
	struct gather g = {.dev = f->dev,
			   .runs = &f->runs,
			   .kinds = 1u << SV_RUN_READ | 1u << SV_RUN_FREE,
			   .stream_off = 8192,
			   .dev_off = 1024};
	assert_int_equal(gather_read(&g, 16384, sizeof(buf), buf, NULL, NULL), 0);
	assert_memory_equal(buf, blk_mem_data(f->mem) + 16384 - 8192 + 1024, sizeof(buf));
	teardown(f);
	free(f);
}

static void first_bad_is_the_error(void **state)
{
	(void)state;
	struct fixture *f = malloc(sizeof(*f));
	static uint8_t buf[SIZE];
	struct sv_err err = {0};
	struct sv_extents bad = {0};
	srand(9);
	setup(f);
	struct blk_fault_rule rule = {
		.ops = BLK_FAULT_READ, .start = 100 * 512, .len = 512, .sys_errno = EIO};
	assert_int_equal(blk_fault_add(f->dev, &rule), 0);
	struct gather g = {
		.dev = f->dev, .runs = &f->runs, .kinds = 1u << SV_RUN_READ | 1u << SV_RUN_FREE};
	assert_int_equal(gather_read(&g, 0, SIZE, buf, NULL, &err), SV_E_SOURCE);
	assert_int_equal(err.sys_errno, EIO);
	assert_non_null(strstr(err.text, "cannot read 512 bytes at byte 51200"));

	/* a device that is gone is no bad area, whatever the caller would bear */
	struct blk_fault_rule gone = {.ops = BLK_FAULT_READ,
				      .start = 200 * 512,
				      .len = 0,
				      .skip = 0,
				      .sys_errno = ENODEV};
	gone.len = SIZE - gone.start;
	assert_int_equal(blk_fault_add(f->dev, &gone), 0);
	memset(&err, 0, sizeof(err));
	assert_int_equal(gather_read(&g, 0, SIZE, buf, &bad, &err), SV_E_SOURCE);
	assert_non_null(strstr(err.text, "does not answer"));
	sv_extents_clear(&bad);
	teardown(f);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact),
		cmocka_unit_test(shifted),
		cmocka_unit_test(first_bad_is_the_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
