/* test_blk.c - block devices: every backend against a model in memory, faults, refusals */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/io/blk.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ODD_SIZE (300 * 1024 + 777)
#define BUF_SIZE (512 * 1024)

struct ctx {
	char dir[64];
	char path[128];
	uint8_t *buf; /* BUF_SIZE bytes, page aligned */
};

static int setup(void **state)
{
	struct ctx *c = calloc(1, sizeof(*c));
	if (!c || !scratch_make(c->dir))
		return -1;
	scratch_path(c->path, sizeof(c->path), c->dir, "disk.img");
	c->buf = aligned_alloc(4096, BUF_SIZE);
	*state = c;
	return c->buf ? 0 : -1;
}

static int teardown(void **state)
{
	struct ctx *c = *state;
	scratch_remove(c->dir);
	free(c->buf);
	free(c);
	return 0;
}

static void fill_random(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)rand();
}

/* A random piece; one in three has ends on a multiple of `align`. */
static void random_piece(size_t size, size_t align, size_t *off, size_t *len)
{
	*off = (size_t)rand() % size;
	size_t most = size - *off;
	*len = (size_t)rand() % (rand() % 2 ? most : most % 5000 + 1) + 1;
	if (rand() % 3)
		return;
	*off -= *off % align;
	*len = (*len + align - 1) / align * align;
	if (*len > size - *off)
		*len = size - *off;
}

/*
 * Random reads and writes against a model. Memory is aligned like the offset (so that the middle
 * of a transfer can go direct), fully, or not at all.
 */
static void exercise(struct ctx *c, struct blk_dev *dev, uint8_t *model, int rounds)
{
	struct sv_err err = {0};
	size_t size = (size_t)dev->size;
	for (int i = 0; i < rounds; i++) {
		size_t off, len;
		random_piece(size, i % 2 ? 512 : 4096, &off, &len);
		const size_t shifts[] = {off % 4096, off % 512, 0, (size_t)rand() % 4096};
		uint8_t *p = c->buf + shifts[rand() % 4];
		if (rand() % 2) {
			fill_random(p, len);
			memcpy(model + off, p, len);
			assert_int_equal(blk_pwrite(dev, p, len, off, &err), 0);
		} else {
			assert_int_equal(blk_pread(dev, p, len, off, &err), 0);
			assert_memory_equal(p, model + off, len);
		}
	}
	assert_int_equal(blk_flush(dev, &err), 0);
	assert_int_equal(err.code, 0);
}

/* The file as somebody else sees it. */
static void check_content(const char *path, const uint8_t *model, size_t size)
{
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	uint8_t *got = malloc(size);
	assert_non_null(got);
	assert_int_equal(fread(got, 1, size, f), size);
	assert_memory_equal(got, model, size);
	free(got);
	fclose(f);
}

static void run_file(struct ctx *c, unsigned int flags)
{
	struct blk_dev *dev;
	struct sv_err err = {0};
	uint8_t *model = calloc(1, ODD_SIZE);
	assert_int_equal(blk_file_open(c->path, BLK_FILE_CREATE | flags, 0, ODD_SIZE, &dev, &err),
			 0);
	assert_int_equal(dev->size, ODD_SIZE);
	assert_int_equal(dev->sector_size, 512);
	assert_true(blk_file_fd(dev) >= 0);
	exercise(c, dev, model, 600);
	check_content(c->path, model, ODD_SIZE);
	blk_close(dev);

	assert_int_equal(blk_file_open(c->path, flags, 4096, 0, &dev, &err), 0);
	assert_false(dev->writable);
	assert_int_equal(dev->sector_size, 4096);
	blk_file_drop_cache(dev);
	assert_int_equal(blk_pread(dev, c->buf, ODD_SIZE, 0, &err), 0);
	assert_memory_equal(c->buf, model, ODD_SIZE);
	blk_close(dev);
	free(model);
}

static void test_file_direct(void **state)
{
	run_file(*state, 0);
}

static void test_file_buffered(void **state)
{
	run_file(*state, BLK_FILE_BUFFERED);
}

static void run_loop(struct ctx *c, uint32_t sector_size)
{
	const size_t size = 384 * 1024;
	char path[32];
	int hold = scratch_loop(c->dir, size, sector_size, path);
	if (hold < 0)
		skip();
	struct blk_dev *dev, *second;
	struct sv_err err = {0};
	assert_int_equal(blk_file_open(path, BLK_FILE_WRITE | BLK_FILE_EXCL, 0, 0, &dev, &err), 0);
	assert_int_equal(dev->size, size);
	assert_int_equal(dev->sector_size, sector_size);
	assert_int_equal(blk_file_open(path, BLK_FILE_EXCL, 0, 0, &second, &err), SV_E_IO);
	assert_int_equal(err.sys_errno, EBUSY);

	uint8_t *model = calloc(1, size);
	exercise(c, dev, model, 600);
	blk_file_drop_cache(dev);
	assert_int_equal(blk_pread(dev, c->buf, size, 0, NULL), 0);
	assert_memory_equal(c->buf, model, size);
	check_content(path, model, size);

	/* a loop device over a filesystem with holes answers discarded areas with zeros */
	assert_int_equal(blk_discard(dev, 5000, 100000, NULL), 0);
	assert_int_equal(blk_pread(dev, c->buf, size, 0, NULL), 0);
	assert_memory_equal(c->buf, model, 5000);
	assert_memory_equal(c->buf + 105000, model + 105000, size - 105000);
	blk_close(dev);
	free(model);
	close(hold);
}

static void test_loop_512(void **state)
{
	run_loop(*state, 512);
}

static void test_loop_4096(void **state)
{
	run_loop(*state, 4096);
}

static void test_file_refusals(void **state)
{
	struct ctx *c = *state;
	struct blk_dev *dev = NULL;
	struct sv_err err = {0};
	assert_int_equal(blk_file_open(c->path, 0, 0, 0, &dev, &err), SV_E_NOT_FOUND);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_string_equal(err.object, c->path);

	assert_int_equal(blk_file_open(c->dir, 0, 0, 0, &dev, NULL), SV_E_REFUSED);
	assert_int_equal(mkfifo(c->path, 0600), 0);
	assert_int_equal(blk_file_open(c->path, 0, 0, 0, &dev, NULL), SV_E_REFUSED);

	err = (struct sv_err){0};
	assert_int_equal(blk_file_open(c->path, BLK_FILE_CREATE, 0, 100, &dev, &err), SV_E_IO);
	assert_int_equal(err.sys_errno, EEXIST);
	unlink(c->path);

	assert_int_equal(blk_file_open(c->path, BLK_FILE_CREATE, 0, UINT64_MAX, &dev, NULL),
			 SV_E_NOSPC);
	assert_int_equal(access(c->path, F_OK), -1);
	assert_null(dev);
}

static void test_ranges(void **state)
{
	struct ctx *c = *state;
	struct blk_dev *dev;
	struct sv_err err = {0};
	assert_int_equal(blk_file_open(c->path, BLK_FILE_CREATE, 0, 8192, &dev, NULL), 0);
	assert_int_equal(blk_pread(dev, c->buf, 2, 8191, &err), SV_E_RANGE);
	assert_int_equal(err.code, SV_E_RANGE);
	assert_int_equal(blk_pread(dev, c->buf, 1, UINT64_MAX, NULL), SV_E_RANGE);
	assert_int_equal(blk_pwrite(dev, c->buf, 8193, 0, NULL), SV_E_RANGE);
	assert_int_equal(blk_pwrite(dev, c->buf, 16, UINT64_MAX - 7, NULL), SV_E_RANGE);
	assert_int_equal(blk_discard(dev, 8192, 1, NULL), SV_E_RANGE);
	assert_int_equal(blk_pread(dev, c->buf, 0, 8192, NULL), 0);
	blk_close(dev);

	assert_int_equal(blk_file_open(c->path, 0, 0, 0, &dev, NULL), 0);
	assert_int_equal(blk_pwrite(dev, c->buf, 1, 0, NULL), SV_E_READ_ONLY);
	assert_int_equal(blk_discard(dev, 0, 1, NULL), SV_E_READ_ONLY);
	blk_close(dev);
	blk_close(NULL);
}

/* A device that shrinks under us is a lost device, not an endless loop. */
static void test_device_lost(void **state)
{
	struct ctx *c = *state;
	struct blk_dev *dev;
	for (unsigned int flags = 0; flags <= BLK_FILE_BUFFERED; flags += BLK_FILE_BUFFERED) {
		struct sv_err err = {0};
		assert_int_equal(
			blk_file_open(c->path, BLK_FILE_CREATE | flags, 0, 65536, &dev, NULL), 0);
		assert_int_equal(truncate(c->path, 10000), 0);
		assert_int_equal(blk_pread(dev, c->buf, 10000, 0, NULL), 0);
		assert_int_equal(blk_pread(dev, c->buf, 65536, 0, &err), SV_E_IO);
		assert_int_equal(err.sys_errno, ENODEV);
		blk_close(dev);
		unlink(c->path);
	}
}

static void test_file_discard(void **state)
{
	struct ctx *c = *state;
	struct blk_dev *dev;
	struct stat before, after;
	assert_int_equal(blk_file_open(c->path, BLK_FILE_CREATE, 0, 262144, &dev, NULL), 0);
	memset(c->buf, 0xA5, 262144);
	assert_int_equal(blk_pwrite(dev, c->buf, 262144, 0, NULL), 0);
	assert_int_equal(blk_flush(dev, NULL), 0);
	assert_int_equal(stat(c->path, &before), 0);
	assert_int_equal(blk_discard(dev, 65536, 131072, NULL), 0);
	assert_int_equal(blk_flush(dev, NULL), 0);
	assert_int_equal(stat(c->path, &after), 0);
	assert_int_equal(after.st_size, 262144);
	assert_int_equal(before.st_blocks - after.st_blocks, 131072 / 512);
	blk_close(dev);
}

static void test_no_space(void **state)
{
	struct ctx *c = *state;
	if (!scratch_tmpfs(c->dir, 256 * 1024))
		skip();
	struct blk_dev *dev;
	struct sv_err err = {0};
	assert_int_equal(blk_file_open(c->path, BLK_FILE_CREATE, 0, 8 << 20, &dev, NULL), 0);
	memset(c->buf, 0xA5, BUF_SIZE);
	assert_int_equal(blk_pwrite(dev, c->buf, 65536, 0, &err), 0);
	assert_int_equal(blk_pwrite(dev, c->buf, BUF_SIZE, 1 << 20, &err), SV_E_NOSPC);
	assert_int_equal(err.sys_errno, ENOSPC);
	blk_close(dev);
}

static void test_memory(void **state)
{
	struct ctx *c = *state;
	struct blk_dev *dev;
	uint8_t *model = malloc(ODD_SIZE);
	fill_random(model, ODD_SIZE);
	assert_int_equal(blk_mem_create(model, ODD_SIZE, 4096, &dev), 0);
	assert_int_equal(dev->sector_size, 4096);
	exercise(c, dev, model, 300);
	assert_memory_equal(blk_mem_data(dev), model, ODD_SIZE);
	assert_int_equal(blk_file_fd(dev), -1);
	blk_close(dev);
	free(model);
	assert_int_equal(blk_mem_create(NULL, UINT64_MAX, 512, &dev), SV_E_NOMEM);
}

static void test_windows(void **state)
{
	struct ctx *c = *state;
	struct blk_dev *mem, *outer, *inner, *none = NULL;
	struct sv_err err = {0};
	char name[] = "inner";
	assert_int_equal(blk_mem_create(NULL, 100000, 512, &mem), 0);
	memset(blk_mem_data(mem), 0xA5, 100000);
	assert_int_equal(blk_window_create(mem, 1000, 90000, "outer", &outer, &err), 0);
	assert_int_equal(blk_window_create(outer, 333, 50001, name, &inner, &err), 0);
	name[0] = 'X'; /* the window has its own copy */
	assert_string_equal(inner->name, "inner");
	assert_int_equal(blk_window_create(outer, 333, 89668, "out", &none, &err), SV_E_RANGE);
	assert_int_equal(blk_window_create(outer, UINT64_MAX, 2, "out", &none, NULL), SV_E_RANGE);
	assert_null(none);

	uint8_t *model = malloc(50001);
	memset(model, 0xA5, 50001);
	exercise(c, inner, model, 300);
	assert_memory_equal(blk_mem_data(mem) + 1333, model, 50001);
	for (size_t i = 0; i < 1333; i++)
		assert_int_equal(blk_mem_data(mem)[i], 0xA5);
	for (size_t i = 1333 + 50001; i < 100000; i++)
		assert_int_equal(blk_mem_data(mem)[i], 0xA5);
	assert_int_equal(blk_pread(inner, c->buf, 2, 50000, NULL), SV_E_RANGE);
	free(model);
	blk_close(inner);
	blk_close(outer);
	blk_close(mem);
}

static void run_overlay(struct ctx *c, uint32_t unit)
{
	struct blk_dev *mem, *ro, *over;
	uint8_t *below = malloc(ODD_SIZE), *model = malloc(ODD_SIZE);
	fill_random(below, ODD_SIZE);
	memcpy(model, below, ODD_SIZE);
	assert_int_equal(blk_mem_create(below, ODD_SIZE, 512, &mem), 0);
	assert_int_equal(blk_ro_create(mem, &ro), 0);
	assert_int_equal(blk_overlay_create(ro, unit, &over), 0);
	assert_true(over->writable);
	exercise(c, over, model, 60);
	assert_int_equal(blk_pread(over, c->buf, ODD_SIZE, 0, NULL), 0);
	assert_memory_equal(c->buf, model, ODD_SIZE);
	assert_memory_equal(blk_mem_data(mem), below, ODD_SIZE);
	assert_int_equal(blk_pwrite(ro, below, 1, 0, NULL), SV_E_READ_ONLY);
	blk_close(over);
	blk_close(ro);
	blk_close(mem);
	free(below);
	free(model);
}

static void test_overlay(void **state)
{
	run_overlay(*state, 512);
	run_overlay(*state, 4096);
	run_overlay(*state, 1000);
	run_overlay(*state, 1 << 20); /* one short unit is the whole device */
}

/* What a whole piece hides need not be readable; half a piece needs its other half. */
static void test_overlay_over_bad(void **state)
{
	struct ctx *c = *state;
	struct blk_dev *mem, *fault, *over;
	struct sv_err err = {0};
	assert_int_equal(blk_mem_create(NULL, 65536, 512, &mem), 0);
	assert_int_equal(blk_fault_create(mem, &fault), 0);
	const struct blk_fault_rule bad = {
		.ops = BLK_FAULT_READ, .start = 4096, .len = 4096, .sys_errno = EIO};
	assert_int_equal(blk_fault_add(fault, &bad), 0);
	assert_int_equal(blk_overlay_create(fault, 4096, &over), 0);
	memset(c->buf, 7, 8192);
	assert_int_equal(blk_pread(over, c->buf, 8192, 0, NULL), SV_E_IO);
	assert_int_equal(blk_pwrite(over, c->buf, 100, 5000, &err), SV_E_IO);
	assert_int_equal(blk_pwrite(over, c->buf, 4096, 4096, NULL), 0);
	assert_int_equal(blk_pread(over, c->buf, 65536, 0, NULL), 0);
	assert_int_equal(blk_fault_seen(fault, BLK_FAULT_WRITE), 0);
	blk_close(over);
	blk_close(fault);
	blk_close(mem);
}

struct fault_ctx {
	struct blk_dev *mem, *fault;
	uint8_t buf[8192];
};

static void fault_begin(struct fault_ctx *f, const struct blk_fault_rule *rules, size_t n)
{
	assert_int_equal(blk_mem_create(NULL, 65536, 512, &f->mem), 0);
	assert_int_equal(blk_fault_create(f->mem, &f->fault), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(blk_fault_add(f->fault, &rules[i]), 0);
	memset(f->buf, 0x5A, sizeof(f->buf));
}

static void fault_end(struct fault_ctx *f)
{
	blk_close(f->fault);
	blk_close(f->mem);
}

static void test_fault_skip_count_range(void **state)
{
	(void)state;
	const struct blk_fault_rule rule = {.ops = BLK_FAULT_READ,
					    .start = 1000,
					    .len = 100,
					    .skip = 2,
					    .count = 3,
					    .sys_errno = ENXIO};
	struct fault_ctx f;
	struct sv_err err = {0};
	fault_begin(&f, &rule, 1);
	for (int i = 0; i < 8; i++) {
		bool fails = i >= 2 && i < 5;
		assert_int_equal(blk_pread(f.fault, f.buf, 10, 990, NULL), 0);
		assert_int_equal(blk_pread(f.fault, f.buf, 10, 1100, NULL), 0);
		assert_int_equal(blk_pwrite(f.fault, f.buf, 10, 1050, NULL), 0);
		assert_int_equal(blk_pread(f.fault, f.buf, 11, i % 2 ? 990 : 1099, &err),
				 fails ? SV_E_IO : 0);
	}
	assert_int_equal(err.sys_errno, ENXIO);
	assert_int_equal(blk_fault_seen(f.fault, BLK_FAULT_READ), 24);
	assert_int_equal(blk_fault_seen(f.fault, BLK_FAULT_READ | BLK_FAULT_WRITE), 32);
	fault_end(&f);
}

static void test_fault_write(void **state)
{
	(void)state;
	const struct blk_fault_rule rules[] = {
		{.ops = BLK_FAULT_WRITE, .count = 1, .sys_errno = ENOSPC, .half = true},
		{.ops = BLK_FAULT_WRITE, .count = 1, .sys_errno = EIO},
		{.ops = BLK_FAULT_FLUSH | BLK_FAULT_DISCARD, .skip = 1, .sys_errno = EIO},
	};
	struct fault_ctx f;
	fault_begin(&f, rules, 3);
	const uint8_t *data = blk_mem_data(f.mem);
	assert_int_equal(blk_pwrite(f.fault, f.buf, 8192, 4096, NULL), SV_E_NOSPC);
	assert_int_equal(data[4096 + 4095], 0x5A);
	assert_int_equal(data[4096 + 4096], 0);
	assert_int_equal(blk_pwrite(f.fault, f.buf, 8192, 20000, NULL), SV_E_IO);
	assert_int_equal(data[20000], 0);
	assert_int_equal(blk_pwrite(f.fault, f.buf, 8192, 20000, NULL), 0);
	assert_int_equal(data[28191], 0x5A);
	assert_int_equal(blk_flush(f.fault, NULL), 0);
	assert_int_equal(blk_flush(f.fault, NULL), SV_E_IO);
	assert_int_equal(blk_discard(f.fault, 0, 512, NULL), SV_E_IO);
	fault_end(&f);
}

static void test_fault_flip(void **state)
{
	(void)state;
	const struct blk_fault_rule rules[] = {
		{.ops = BLK_FAULT_WRITE, .start = 100, .count = 1, .flip = true},
		{.ops = BLK_FAULT_WRITE, .start = 5000, .count = 1, .flip = true},
		{.ops = BLK_FAULT_READ, .start = 30000, .flip = true},
	};
	struct fault_ctx f;
	fault_begin(&f, rules, 3);
	const uint8_t *data = blk_mem_data(f.mem);
	assert_int_equal(blk_pwrite(f.fault, f.buf, 8192, 0, NULL), 0);
	int differ = 0;
	for (int i = 0; i < 8192; i++)
		differ += data[i] != f.buf[i];
	assert_int_equal(differ, 2);
	assert_int_equal(__builtin_popcount(data[100] ^ 0x5A), 1);
	assert_int_equal(__builtin_popcount(data[5000] ^ 0x5A), 1);
	assert_int_equal(f.buf[100], 0x5A); /* the caller's buffer stays as it was */

	assert_int_equal(blk_pread(f.fault, f.buf, 100, 29950, NULL), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(__builtin_popcount(f.buf[i]), i == 50);
	assert_int_equal(data[30000], 0);
	fault_end(&f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file_direct),
		TEST(test_file_buffered),
		TEST(test_loop_512),
		TEST(test_loop_4096),
		TEST(test_file_refusals),
		TEST(test_ranges),
		TEST(test_device_lost),
		TEST(test_file_discard),
		TEST(test_no_space),
		TEST(test_memory),
		TEST(test_windows),
		TEST(test_overlay),
		TEST(test_overlay_over_bad),
		cmocka_unit_test(test_fault_skip_count_range),
		cmocka_unit_test(test_fault_write),
		cmocka_unit_test(test_fault_flip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
