/* test_others.c - volumes over several disks in files: the other partition, the others that are
 * named */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/salvor.h"
#include "tests/lib/lvm_image.h"
#include "tests/lib/scratch.h"
#include "tests/lib/table_disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PART (65 * SV_MIB) /* where the second partition begins */

static char dir[64], file_a[128], file_b[128], file_both[128], twin[128], link_b[128];

static void put(const char *path, const char *uuid, uint64_t at)
{
	struct blk_dev *dev = lvm_image_make(uuid, LVM_IMAGE_BOTH);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, blk_mem_data(dev), dev->size, (off_t)at), dev->size);
	close(fd);
	blk_close(dev);
}

static int set_up(void **state)
{
	(void)state;
	if (!scratch_make(dir))
		return -1;
	scratch_path(file_a, sizeof(file_a), dir, "a");
	scratch_path(file_b, sizeof(file_b), dir, "b");
	scratch_path(file_both, sizeof(file_both), dir, "both");
	scratch_path(twin, sizeof(twin), dir, "twin");
	scratch_path(link_b, sizeof(link_b), dir, "link");
	put(file_a, LVM_IMAGE_UUID, 0);
	put(file_b, LVM_IMAGE_UUID_B, 0);
	put(twin, LVM_IMAGE_UUID_B, 0);
	assert_int_equal(symlink(file_b, link_b), 0);
	put(file_both, LVM_IMAGE_UUID, SV_MIB);
	put(file_both, LVM_IMAGE_UUID_B, PART);
	return table_sh("truncate -s 130M %s && sgdisk -a 2048 -n 1:2048:+64M -n 2:0:+64M %s "
			">/dev/null 2>&1",
			file_both, file_both);
}

static int tear_down(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

static int read_map(const char *source, const char *const *with, size_t n, struct sv_map **map)
{
	const struct sv_map_params params = {
		.root = "", .source = source, .with = with, .n_with = n};
	struct sv_err err = {0};
	return sv_map_read(&params, map, &err);
}

struct sample {
	const char *with[3];
	const char *state, *reason;
	uint64_t mib;
};

/* What is asked for by several names is there once; the source may be among it. */
static void test_named(void **state)
{
	(void)state;
	const struct sample samples[] = {
		{{NULL},
		 "union",
		 "the disk with its physical volume " TEXT_B " is not attached",
		 6},
		{{file_a}, "union", "is not attached", 6},
		{{file_b}, "exact", "", 3},
		{{file_a, file_b}, "exact", "", 3},
		{{file_b, link_b, file_b}, "exact", "", 3},
		{{file_b, twin},
		 "union",
		 "two attached disks say that they are its physical volume " TEXT_B,
		 6},
		{{file_b, file_both}, "union", "two attached disks say that they are", 6},
	};
	for (size_t i = 0; i < SV_ARRAY(samples); i++) {
		const struct sample *s = &samples[i];
		struct sv_map *map;
		size_t n = 0;
		while (n < SV_ARRAY(s->with) && s->with[n])
			n++;
		assert_int_equal(read_map(file_a, s->with, n, &map), 0);
		assert_int_equal(map->n_parts, 1);
		if (strcmp(map->parts[0].state, s->state) != 0 ||
		    !strstr(map->parts[0].reason, s->reason) || map->used != s->mib * SV_MIB)
			fail_msg("%zu: %s, \"%s\", %llu bytes", i, map->parts[0].state,
				 map->parts[0].reason, (unsigned long long)map->used);
		sv_map_destroy(map);
	}
}

/* The other disk is another partition of the same one. */
static void test_partitions(void **state)
{
	(void)state;
	struct sv_map *map;
	assert_int_equal(read_map(file_both, NULL, 0, &map), 0);
	assert_int_equal(map->n_parts, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(map->parts[i].state, "exact");
		assert_int_equal(map->parts[i].used, 3 * SV_MIB);
		assert_non_null(strstr(map->parts[i].inside, "g lies on"));
	}
	sv_map_destroy(map);
}

static void test_refused(void **state)
{
	(void)state;
	struct sv_map *map;
	const char *const nothing[] = {"/nowhere/at/all"}, *const folder[] = {dir};
	assert_int_equal(read_map(file_a, nothing, 1, &map), SV_E_NOT_FOUND);
	assert_int_equal(read_map(file_a, folder, 1, &map), SV_E_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_partitions),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
