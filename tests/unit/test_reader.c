/* test_reader.c - reads on a thread of their own: how they went, and what happens to one that hangs
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/disk/reader.h"

#include <errno.h>
#include <semaphore.h>
#include <string.h>

#define SIZE 65536u

/* A device whose reads wait until they may go on. */
struct gate {
	struct blk_dev dev;
	sem_t open, closed; /* closed: the device was let go */
	bool hangs;
};

static int gate_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off, struct sv_err *err)
{
	struct gate *g = (struct gate *)dev;
	(void)off;
	(void)err;
	while (g->hangs && sem_wait(&g->open))
		;
	memset(buf, 0x5a, len);
	return 0;
}

static const struct blk_ops gate_ops = {.name = "gate", .pread = gate_pread};

static void gate_init(struct gate *g)
{
	*g = (struct gate){.dev = {.ops = &gate_ops, .name = "gate", .size = SIZE}, .hangs = true};
	assert_int_equal(sem_init(&g->open, 0, 0) | sem_init(&g->closed, 0, 0), 0);
}

static void let_go(void *arg)
{
	struct gate *g = arg;
	sem_post(&g->closed);
}

static void wait_end(struct disk_reader *r, struct disk_read *read)
{
	while (!disk_reader_wait(r, 1000, read))
		;
}

static void good_and_bad(void **state)
{
	(void)state;
	struct blk_dev *mem = NULL, *fault = NULL;
	struct disk_reader *r = NULL;
	struct disk_read read;
	struct gate g;
	gate_init(&g);
	assert_int_equal(blk_mem_create(NULL, SIZE, 512, &mem), 0);
	memset(blk_mem_data(mem) + 512, 7, 512);
	assert_int_equal(blk_fault_create(mem, &fault), 0);
	struct blk_fault_rule bad = {
		.ops = BLK_FAULT_READ, .start = 4096, .len = 512, .sys_errno = ENODATA};
	assert_int_equal(blk_fault_add(fault, &bad), 0);
	assert_int_equal(disk_reader_create(fault, NULL, 8192, &r, NULL), 0);
	for (int i = 0; i < 100; i++) {
		disk_reader_start(r, 512, 512);
		wait_end(r, &read);
		assert_int_equal(read.error, 0);
		assert_int_equal(disk_reader_data(r)[511], 7);
		disk_reader_start(r, 0, 8192);
		wait_end(r, &read);
		assert_int_equal(read.error, ENODATA);
	}
	/* a read that no device was asked for is not about a sector */
	disk_reader_start(r, SIZE, 512);
	wait_end(r, &read);
	assert_int_equal(read.error, EINVAL);
	assert_true(disk_reader_destroy(r, let_go, &g));
	assert_int_equal(sem_trywait(&g.closed), 0);
	assert_true(disk_reader_destroy(NULL, let_go, &g));
	assert_int_equal(sem_trywait(&g.closed), 0);
	blk_close(fault);
	blk_close(mem);
}

static void hangs_and_comes_back(void **state)
{
	(void)state;
	struct disk_reader *r = NULL;
	struct disk_read read;
	struct gate g;
	gate_init(&g);
	assert_int_equal(disk_reader_create(&g.dev, NULL, SIZE, &r, NULL), 0);
	disk_reader_start(r, 0, SIZE);
	assert_false(disk_reader_wait(r, 20, &read));
	assert_false(disk_reader_wait(r, 20, &read));
	sem_post(&g.open);
	wait_end(r, &read);
	assert_int_equal(read.error, 0);
	assert_int_equal(disk_reader_data(r)[SIZE - 1], 0x5a);
	assert_true(disk_reader_destroy(r, let_go, &g));
	assert_int_equal(sem_trywait(&g.closed), 0);
}

static void left_behind(void **state)
{
	(void)state;
	struct disk_reader *r = NULL;
	struct disk_read read;
	struct gate g;
	gate_init(&g);
	assert_int_equal(disk_reader_create(&g.dev, NULL, SIZE, &r, NULL), 0);
	disk_reader_start(r, 0, SIZE);
	assert_false(disk_reader_wait(r, 20, &read));
	/* nobody waits, and the device is the read's until it comes back */
	assert_false(disk_reader_destroy(r, let_go, &g));
	assert_int_equal(sem_trywait(&g.closed), -1);
	sem_post(&g.open);
	while (sem_wait(&g.closed))
		;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_and_bad),
		cmocka_unit_test(hangs_and_comes_back),
		cmocka_unit_test(left_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
