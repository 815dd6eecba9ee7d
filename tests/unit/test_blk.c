/* test_blk.c - block devices: every backend against a model in memory */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/io/blk.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ODD_SIZE (300 * 1024 + 777)

static void test_file_odd_size(void **state)
{
	(void)state;
	char path[] = "blk-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	struct blk_dev *dev;
	struct sv_err err = {0};
	assert_int_equal(blk_file_open(path, BLK_FILE_CREATE, 0, ODD_SIZE, &dev, &err), 0);
	uint8_t *model = calloc(1, ODD_SIZE);
	uint8_t *buf = aligned_alloc(4096, 1 << 20);
	for (int i = 0; i < 500; i++) {
		size_t off = (size_t)rand() % ODD_SIZE;
		size_t len = (size_t)rand() % (ODD_SIZE - off) + 1;
		if (i % 3 == 0) {
			off -= off % 4096;
			len = ODD_SIZE - off;
		}
		size_t mis = i % 2 ? off % 4096 : (size_t)rand() % 64;
		if (i % 4 < 2) {
			memset(buf + mis, rand(), len);
			memcpy(model + off, buf + mis, len);
			assert_int_equal(blk_pwrite(dev, buf + mis, len, off, &err), 0);
		} else {
			assert_int_equal(blk_pread(dev, buf + mis, len, off, &err), 0);
			assert_memory_equal(buf + mis, model + off, len);
		}
	}
	assert_int_equal(blk_flush(dev, &err), 0);
	assert_int_equal(blk_pread(dev, buf, 2, ODD_SIZE - 1, &err), SV_E_RANGE);
	blk_close(dev);
	unlink(path);
	free(model);
	free(buf);
}

static void test_stack(void **state)
{
	(void)state;
	struct blk_dev *mem, *ro, *over, *win;
	struct sv_err err = {0};
	assert_int_equal(blk_mem_create(NULL, 10000, 512, &mem), 0);
	assert_int_equal(blk_ro_create(mem, &ro), 0);
	assert_int_equal(blk_overlay_create(ro, 512, &over), 0);
	assert_int_equal(blk_window_create(over, 100, 9000, "part", &win, &err), 0);
	assert_int_equal(blk_pwrite(win, "hello", 5, 410, &err), 0);
	char got[5];
	assert_int_equal(blk_pread(over, got, 5, 510, &err), 0);
	assert_memory_equal(got, "hello", 5);
	assert_int_equal(blk_mem_data(mem)[510], 0);
	assert_int_equal(blk_pwrite(ro, "x", 1, 0, NULL), SV_E_READ_ONLY);
	blk_close(win);
	blk_close(over);
	blk_close(ro);
	blk_close(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_odd_size),
		cmocka_unit_test(test_stack),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
