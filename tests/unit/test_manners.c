/* test_manners.c - how the kernel treats a failing disk: set for a while, put back, also after a
 * kill
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/disk/manners.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCSI "sys/block/sda/device/scsi_disk/0:0:0:0/"

static char top[64];

static void put(const char *path, const char *text)
{
	char full[512];
	snprintf(full, sizeof(full), "%s/%s", top, path);
	for (char *p = full + strlen(top) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		assert_true(!mkdir(full, 0755) || errno == EEXIST);
		*p = '/';
	}
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void is(const char *path, const char *want)
{
	char full[512], text[64] = "";
	snprintf(full, sizeof(full), "%s/%s", top, path);
	FILE *f = fopen(full, "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(text, want);
}

static void values(const char *retries, const char *medium, const char *timeout, const char *ahead)
{
	is(SCSI "max_retries", retries);
	is(SCSI "max_medium_access_timeouts", medium);
	is("sys/block/sda/device/timeout", timeout);
	is("sys/block/sda/queue/read_ahead_kb", ahead);
}

static int setup(void **state)
{
	(void)state;
	if (!scratch_make(top))
		return -1;
	put("sys/block/sda/diskseq", "7\n");
	put("sys/block/sda/dev", "8:0\n");
	put("sys/block/sda/queue/read_ahead_kb", "128\n");
	put("sys/block/sda/device/timeout", "30\n");
	put(SCSI "max_retries", "5\n");
	put(SCSI "max_medium_access_timeouts", "2\n");
	put("sys/block/nvme0n1/dev", "259:0\n");
	put("sys/block/nvme0n1/queue/read_ahead_kb", "128\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove(top);
	return 0;
}

static const struct disk sda = {.kname = "sda"}, sda1 = {.kname = "sda1", .parent = "sda"},
			 nvme = {.kname = "nvme0n1"}, none = {.kname = "vdx"};

static void set_and_put_back(void **state)
{
	(void)state;
	struct disk_manners *m = disk_manners_set(top, &sda1);
	assert_non_null(m);
	values("0", "1000000", "10", "0");
	/* another rescue from the same disk leaves it alone, and so does a start */
	assert_null(disk_manners_set(top, &sda));
	disk_manners_sweep(top);
	values("0", "1000000", "10", "0");
	disk_manners_release(m);
	values("5", "2", "30", "128");
	disk_manners_release(NULL);
}

static void other_buses(void **state)
{
	(void)state;
	struct disk_manners *m = disk_manners_set(top, &nvme);
	assert_non_null(m);
	is("sys/block/nvme0n1/queue/read_ahead_kb", "0");
	disk_manners_release(m);
	is("sys/block/nvme0n1/queue/read_ahead_kb", "128");
	assert_null(disk_manners_set(top, &none));
}

static void short_timeout_stays(void **state)
{
	(void)state;
	put("sys/block/sda/device/timeout", "5\n");
	struct disk_manners *m = disk_manners_set(top, &sda);
	assert_non_null(m);
	values("0", "1000000", "5", "0");
	disk_manners_release(m);
	values("5", "2", "5", "128");
	put("sys/block/sda/device/timeout", "30\n");
}

static void killed_run(void)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(disk_manners_set(top, &sda) ? 0 : 1);
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	values("0", "1000000", "10", "0");
}

static void after_a_kill(void **state)
{
	(void)state;
	killed_run();
	disk_manners_sweep(top);
	values("5", "2", "30", "128");
	/* or the next rescue meets it */
	killed_run();
	struct disk_manners *m = disk_manners_set(top, &sda);
	assert_non_null(m);
	disk_manners_release(m);
	values("5", "2", "30", "128");
	/* another disk under the same name is left alone, and a record without sense goes */
	killed_run();
	put("sys/block/sda/diskseq", "8\n");
	disk_manners_sweep(top);
	values("0", "1000000", "10", "0");
	put("run/salvor/manners/sda", "rubbish");
	disk_manners_sweep(top);
	char path[200];
	assert_int_equal(
		access(scratch_path(path, sizeof(path), top, "run/salvor/manners/sda"), F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_and_put_back),
		cmocka_unit_test(other_buses),
		cmocka_unit_test(short_timeout_stays),
		cmocka_unit_test(after_a_kill),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
