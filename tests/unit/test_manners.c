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
#define SATA "sys/devices/pci0/ata1/host0/target0:0:0/0:0:0:0/block/sdb"

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
	put("sys/block/sda/sda1/partition", "1\n");
	put("sys/block/sda/sda1/dev", "8:1\n");
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

/* A volume repeats nothing; the kernel does, for the disk that it lies on. */
static void volumes(void **state)
{
	(void)state;
	static const struct disk lv = {.kname = "dm-1"}, wide = {.kname = "dm-2"};
	put("sys/block/dm-0/slaves/sda1/partition", "1\n");
	put("sys/block/dm-1/slaves/dm-0/dev", "253:0\n");
	put("sys/block/dm-2/slaves/sda1/partition", "1\n");
	put("sys/block/dm-2/slaves/sdb1/partition", "1\n");
	struct disk_manners *m = disk_manners_set(top, &lv);
	assert_non_null(m);
	values("0", "1000000", "10", "0");
	disk_manners_release(m);
	values("5", "2", "30", "128");
	/* on several disks */
	assert_null(disk_manners_set(top, &wide));
	values("5", "2", "30", "128");
}

/* ---- a SATA disk and its own patience, by a smartctl of our own ---- */

static const struct disk sdb = {.kname = "sdb", .path = "/dev/sdb", .transport = "sata"};

/* It keeps the limits that it is given in a file, and tells them as smartctl does. */
#define SMARTCTL                                                                                   \
	"cd $FAKE_SMARTCTL\n"                                                                      \
	"set -- $(tail -n 1 calls)\n"                                                              \
	"case $3 in scterc,*) echo $3 | tr , ' ' | sed 's/scterc //' >limits ;; esac\n"            \
	"read -r r w <limits\n"                                                                    \
	"one() { [ $1 = 0 ] && echo '{\"enabled\":false}' || "                                     \
	"echo \"{\\\"enabled\\\":true,\\\"deciseconds\\\":$1}\"; }\n"                              \
	"echo \"{\\\"ata_sct_erc\\\":{\\\"read\\\":$(one $r),\\\"write\\\":$(one $w)}}\"\n"

static void patience(void **state)
{
	(void)state;
	char path[4096], *here = realpath("tests/lib/smartctl", NULL), cmd[512];
	assert_non_null(here);
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", here);
	free(here);
	assert_int_equal(setenv("PATH", path, 1) | setenv("FAKE_SMARTCTL", top, 1), 0);
	put(SATA "/diskseq", "9\n");
	put(SATA "/dev", "8:16\n");
	put(SATA "/queue/read_ahead_kb", "0\n");
	snprintf(cmd, sizeof(cmd), "ln -sfn ../../" SATA " %s/sys/block/sdb", top);
	assert_int_equal(system(cmd), 0);
	put("sdb.script", SMARTCTL);
	/* as long as it likes, or longer than we wait: shorter, and put back */
	put("limits", "0 0\n");
	struct disk_manners *m = disk_manners_set(top, &sdb);
	assert_non_null(m);
	is("limits", "70 0");
	disk_manners_release(m);
	is("limits", "0 0");
	/* also after a kill, or when it was left because it did not answer */
	put("limits", "200 150\n");
	m = disk_manners_set(top, &sdb);
	assert_non_null(m);
	is("limits", "70 150");
	disk_manners_leave(m);
	is("limits", "70 150");
	disk_manners_sweep(top);
	is("limits", "200 150");
	/* one that gives up sooner stays as it is; so there is nothing to do */
	put("limits", "50 70\n");
	assert_null(disk_manners_set(top, &sdb));
	is("limits", "50 70");
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

/* What cannot be put back at the end is put back by the next start. */
static void put_back_later(void **state)
{
	char queue[200], away[200];
	(void)state;
	scratch_path(queue, sizeof(queue), top, "sys/block/sda/queue");
	scratch_path(away, sizeof(away), top, "sys/block/sda/away");
	struct disk_manners *m = disk_manners_set(top, &sda);
	assert_non_null(m);
	assert_int_equal(rename(queue, away), 0);
	disk_manners_release(m);
	assert_int_equal(rename(away, queue), 0);
	values("5", "2", "30", "0");
	disk_manners_sweep(top);
	values("5", "2", "30", "128");
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
		cmocka_unit_test(set_and_put_back),    cmocka_unit_test(volumes),
		cmocka_unit_test(other_buses),	       cmocka_unit_test(put_back_later),
		cmocka_unit_test(short_timeout_stays), cmocka_unit_test(patience),
		cmocka_unit_test(after_a_kill),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
