/* test_guard.c - the rules around sources and targets, attacked on real loop devices */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/disk/disk.h"
#include "engine/util/bytes.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIZE (8 * SV_MIB)

static char dir[64];

/* A loop device and its descriptor, which keeps it alive. */
struct loop {
	int fd;
	char node[32];
};

static bool flag_of(const struct loop *l)
{
	int flag = -1;
	assert_int_equal(ioctl(l->fd, BLKROGET, &flag), 0);
	return flag;
}

static void set_flag(const struct loop *l, int flag)
{
	assert_int_equal(ioctl(l->fd, BLKROSET, &flag), 0);
}

static struct loop loop_new(void)
{
	struct loop l;
	l.fd = scratch_loop(dir, SIZE, 512, l.node);
	assert_true(l.fd >= 0);
	return l;
}

static struct disk look(const struct loop *l)
{
	struct disk d;
	struct sv_err err = {0};
	if (disk_find("", l->node, &d, &err))
		fail_msg("%s", err.text);
	return d;
}

static int source(const struct loop *l, struct disk_guard **g, struct sv_err *err)
{
	struct disk d = look(l);
	memset(err, 0, sizeof(*err));
	return disk_guard_source("", &d, "", g, err);
}

static void source_refused(const struct loop *l, const char *why)
{
	struct disk_guard *g;
	struct sv_err err;
	int rc = source(l, &g, &err);
	disk_guard_release(g); /* or the device would keep the flag */
	assert_int_equal(rc, SV_E_REFUSED);
	assert_null(g);
	assert_non_null(strstr(err.text, why));
	assert_false(flag_of(l));
}

static void source_allowed(const struct loop *l)
{
	struct disk_guard *g;
	struct sv_err err;
	if (source(l, &g, &err))
		fail_msg("%s", err.text);
	assert_true(flag_of(l));
	disk_guard_release(g);
}

static int target(const struct loop *l, struct disk_identity *id, struct sv_err *err)
{
	struct disk d = look(l);
	memset(err, 0, sizeof(*err));
	return disk_check_target("", &d, NULL, "", NULL, id, err);
}

static void target_refused(const struct loop *l, const char *why)
{
	struct disk_identity id;
	struct sv_err err;
	assert_int_equal(target(l, &id, &err), SV_E_REFUSED);
	if (!strstr(err.text, why))
		fail_msg("'%s' lacks '%s'", err.text, why);
}

static void run(const char *fmt, const char *node)
{
	char cmd[200];
	snprintf(cmd, sizeof(cmd), fmt, node);
	assert_int_equal(system(cmd), 0);
}

static int setup(void **state)
{
	char node[32];
	(void)state;
	if (!scratch_make(dir))
		return -1;
	/* mounts and records of this test are nobody else's */
	mkdir("/run/salvor", 0755);
	if (geteuid() == 0 &&
	    (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	     mount("none", "/run/salvor", "tmpfs", 0, NULL)))
		return -1;
	int fd = scratch_loop(dir, SIZE, 512, node);
	if (fd < 0) {
		scratch_remove(dir);
		exit(77);
	}
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

/* ---- use ---- */

static void mounted(void **state)
{
	(void)state;
	struct loop l = loop_new();
	char mnt[80];
	run("mkfs.ext2 -q %s", l.node);
	scratch_path(mnt, sizeof(mnt), dir, "mnt");
	mkdir(mnt, 0700);
	assert_int_equal(mount(l.node, mnt, "ext2", 0, NULL), 0);
	source_refused(&l, mnt);
	target_refused(&l, mnt);
	assert_int_equal(mount(NULL, mnt, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	source_allowed(&l);
	target_refused(&l, mnt);
	/* a read-only look at a filesystem that is written to all the same */
	assert_int_equal(mount(NULL, mnt, NULL, MS_REMOUNT, NULL), 0);
	assert_int_equal(mount(NULL, mnt, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
	source_refused(&l, mnt);
	assert_int_equal(umount(mnt), 0);
	source_allowed(&l);
	close(l.fd);
}

static void swap_active(void **state)
{
	(void)state;
	struct loop l = loop_new();
	run("mkswap %s >/dev/null 2>&1", l.node);
	if (swapon(l.node, 0)) {
		print_message("swapon: %s\n", strerror(errno));
		close(l.fd);
		skip();
	}
	source_refused(&l, "swap");
	target_refused(&l, "swap");
	assert_int_equal(swapoff(l.node), 0);
	source_allowed(&l);
	close(l.fd);
}

/* A loop device over a loop device. The upper one's number; -1 when it cannot be had. */
static int stack(const struct loop *below, bool ro, struct loop *upper)
{
	char cmd[160];
	snprintf(cmd, sizeof(cmd), "losetup -f --show %s %s", ro ? "-r" : "", below->node);
	FILE *p = popen(cmd, "r");
	memset(upper, 0, sizeof(*upper));
	if (fgets(upper->node, sizeof(upper->node), p))
		upper->node[strcspn(upper->node, "\n")] = '\0';
	pclose(p);
	upper->fd = open(upper->node, O_RDONLY | O_CLOEXEC);
	if (upper->fd >= 0 && !ro)
		set_flag(upper, 0); /* it keeps the flag of the file it had before */
	return upper->fd;
}

/* Detach it. Somebody else who has it open for a moment delays that. */
static void unstack(struct loop *upper)
{
	char path[80];
	struct timespec ms = {.tv_nsec = 1000000};
	snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", upper->node + 5);
	assert_int_equal(ioctl(upper->fd, LOOP_CLR_FD), 0);
	close(upper->fd);
	for (int i = 0; i < 5000 && !access(path, F_OK); i++)
		nanosleep(&ms, NULL);
}

static void held(void **state)
{
	(void)state;
	struct loop l = loop_new(), upper;
	assert_true(stack(&l, false, &upper) >= 0);
	source_refused(&l, "held by loop");
	target_refused(&l, "held by loop");
	source_allowed(&upper);
	unstack(&upper);
	assert_true(stack(&l, true, &upper) >= 0);
	source_allowed(&l);
	target_refused(&l, "held by loop");
	unstack(&upper);
	close(l.fd);
}

static void exclusive_opener(void **state)
{
	(void)state;
	struct loop l = loop_new();
	int fd = open(l.node, O_RDONLY | O_EXCL);
	assert_true(fd >= 0);
	target_refused(&l, "in use");
	close(fd);
	close(l.fd);
}

/* ---- target ---- */

static void source_and_store(void **state)
{
	(void)state;
	struct loop l = loop_new();
	struct disk d = look(&l);
	struct disk_identity id;
	struct sv_err err = {0};
	char confirm[128];
	assert_int_equal(disk_check_target("", &d, &d, "", NULL, &id, &err), SV_E_REFUSED);
	assert_non_null(strstr(err.text, "is the source"));
	memset(&err, 0, sizeof(err));
	assert_int_equal(disk_check_target("", &d, NULL, d.kname, NULL, &id, &err), SV_E_REFUSED);
	assert_non_null(strstr(err.text, "the image lies on"));
	assert_int_equal(disk_check_target("", &d, NULL, "", "8388609", &id, NULL), SV_E_REFUSED);
	assert_int_equal(disk_check_target("", &d, NULL, "", "", &id, NULL), SV_E_REFUSED);
	disk_confirm_id(&d, confirm, sizeof(confirm));
	assert_string_equal(confirm, "8388608");
	assert_int_equal(disk_check_target("", &d, NULL, "", confirm, &id, NULL), 0);
	/* another appearance of the same name */
	d.diskseq++;
	assert_int_equal(disk_check_target("", &d, NULL, "", confirm, &id, NULL), SV_E_REFUSED);
	close(l.fd);
}

static void opened(void **state)
{
	(void)state;
	struct loop l = loop_new();
	struct disk_identity id;
	struct blk_dev *dev;
	struct sv_err err;
	assert_int_equal(target(&l, &id, &err), 0);
	assert_int_equal(disk_open_target("", &id, &dev, &err), 0);
	assert_true(dev->writable);
	assert_int_equal(dev->size, SIZE);
	assert_int_equal(blk_pwrite(dev, "hello", 5, 100, &err), 0);
	assert_int_equal(blk_flush(dev, &err), 0);
	target_refused(&l, "in use"); /* two targets at once */
	blk_close(dev);
	char back[5];
	assert_int_equal(pread(l.fd, back, 5, 100), 5);
	assert_memory_equal(back, "hello", 5);
	close(l.fd);
}

static int reopen(const struct disk_identity *id)
{
	struct blk_dev *dev;
	struct sv_err err = {0};
	int rc = disk_open_target("", id, &dev, &err);
	assert_true(rc ? !dev && *err.text : !!dev);
	blk_close(dev);
	return rc;
}

/* between the check and the opening */
static void content_changed(void **state)
{
	(void)state;
	static const uint64_t places[] = {0, SV_MIB - 1, SIZE - SV_MIB, SIZE - 1};
	struct loop l = loop_new();
	struct disk_identity id;
	struct sv_err err;
	for (size_t i = 0; i < SV_ARRAY(places); i++) {
		char letter = (char)('a' + i);
		assert_int_equal(target(&l, &id, &err), 0);
		assert_int_equal(reopen(&id), 0);
		int fd = open(l.node, O_WRONLY);
		assert_int_equal(pwrite(fd, &letter, 1, (off_t)places[i]), 1);
		close(fd);
		assert_int_equal(reopen(&id), SV_E_REFUSED);
	}
	close(l.fd);
}

/* Give the loop device another file of the same size and content. */
static int replace_file(struct loop *l)
{
	struct loop_config config = {.block_size = 512};
	char path[100];
	scratch_path(path, sizeof(path), dir, "other");
	int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(file >= 0 && !ftruncate(file, SIZE));
	config.fd = (uint32_t)file;
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	int rc = ioctl(l->fd, LOOP_CLR_FD);
	close(l->fd);
	l->fd = open(l->node, O_RDWR | O_CLOEXEC);
	/* the old one goes with its last opener */
	rc = rc ? rc : ioctl(l->fd, LOOP_CONFIGURE, &config);
	close(file);
	unlink(path);
	return rc;
}

static void disk_swapped(void **state)
{
	(void)state;
	struct loop l = loop_new();
	struct disk_identity id;
	struct sv_err err;
	assert_int_equal(target(&l, &id, &err), 0);
	assert_int_equal(replace_file(&l), 0);
	struct disk now = look(&l);
	assert_int_equal(now.size, id.disk.size);
	assert_int_not_equal(now.diskseq, id.disk.diskseq);
	assert_int_equal(reopen(&id), SV_E_REFUSED);
	/* the very same disk again, chosen again */
	assert_int_equal(target(&l, &id, &err), 0);
	assert_int_equal(reopen(&id), 0);
	close(l.fd);
}

static void write_protection(void **state)
{
	(void)state;
	struct loop l = loop_new(), ro;
	struct disk_identity id;
	struct sv_err err;
	set_flag(&l, 1);
	assert_int_equal(target(&l, &id, &err), 0);
	assert_true(flag_of(&l)); /* looking changes nothing */
	assert_int_equal(reopen(&id), 0);
	assert_false(flag_of(&l));
	assert_true(stack(&l, true, &ro) >= 0); /* a switch that no ioctl can move */
	assert_int_equal(target(&ro, &id, &err),
			 SV_E_REFUSED); /* known before anything is opened */
	assert_non_null(strstr(err.text, "write-protected"));
	unstack(&ro);
	close(l.fd);
}

/* what salvor.nowrite of the live system locked stays locked */
static void locked_disks(void **state)
{
	(void)state;
	struct loop l = loop_new();
	struct disk_identity id;
	struct sv_err err;
	assert_int_equal(target(&l, &id, &err), 0);
	set_flag(&l, 1);
	close(open("/run/salvor/nowrite", O_WRONLY | O_CREAT, 0644));
	assert_int_equal(reopen(&id), SV_E_REFUSED);
	assert_int_equal(target(&l, &id, &err), SV_E_REFUSED);
	assert_non_null(strstr(err.text, "salvor.nowrite"));
	assert_true(flag_of(&l));
	set_flag(&l, 0); /* as blockdev --setrw does */
	assert_int_equal(target(&l, &id, &err), 0);
	assert_int_equal(reopen(&id), 0);
	assert_int_equal(unlink("/run/salvor/nowrite"), 0);
	close(l.fd);
}

static void boot_medium(void **state)
{
	(void)state;
	struct loop l = loop_new();
	assert_int_equal(mkdir("/run/salvor/medium", 0755), 0);
	run("mkfs.ext2 -q %s", l.node);
	assert_int_equal(mount(l.node, "/run/salvor/medium", "ext2", MS_RDONLY, NULL), 0);
	target_refused(&l, "started from");
	source_allowed(&l);
	assert_int_equal(umount("/run/salvor/medium"), 0);
	assert_int_equal(rmdir("/run/salvor/medium"), 0);
	close(l.fd);
}

/* ---- read-only flag ---- */

static void flag_comes_back(void **state)
{
	(void)state;
	struct loop l = loop_new();
	struct disk_guard *g, *g2;
	struct sv_err err;
	assert_int_equal(source(&l, &g, &err), 0);
	assert_true(flag_of(&l));
	int fd = open(l.node, O_WRONLY); /* some drivers refuse here, others at the write */
	assert_true(fd < 0 || pwrite(fd, "x", 1, 0) < 0);
	if (fd >= 0)
		close(fd);
	target_refused(&l, "being read by another run");
	assert_int_equal(source(&l, &g2, &err), 0);
	disk_guard_release(g); /* the first of two */
	assert_true(flag_of(&l));
	disk_guard_sweep("");
	assert_true(flag_of(&l));
	disk_guard_release(g2);
	assert_false(flag_of(&l));

	set_flag(&l, 1); /* what was read-only stays so */
	assert_int_equal(source(&l, &g, &err), 0);
	disk_guard_release(g);
	assert_true(flag_of(&l));
	set_flag(&l, 0);

	/* the store lies there: no guard, but no refusal either */
	struct disk d = look(&l);
	assert_int_equal(disk_guard_source("", &d, d.kname, &g, &err), 0);
	assert_false(flag_of(&l));
	disk_guard_release(g);
	disk_guard_release(NULL);
	close(l.fd);
}

/* A process that guards the disk and never comes to an end. */
static pid_t guarding_child(const struct loop *l)
{
	int fds[2];
	char byte;
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (!pid) {
		struct disk_guard *g;
		struct disk d;
		close(fds[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!disk_find("", l->node, &d, NULL) && !disk_guard_source("", &d, "", &g, NULL) &&
		    write(fds[1], "x", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	return pid;
}

static void kill_child(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A child that was forked while the guard was held has its lock, too, for as long as it lives. */
static void child_of_reader(void **state)
{
	(void)state;
	struct loop l = loop_new();
	struct disk_guard *g;
	struct sv_err err;
	assert_int_equal(source(&l, &g, &err), 0);
	pid_t pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	disk_guard_release(g);
	assert_false(flag_of(&l));
	kill_child(pid);
	close(l.fd);
}

static void killed_reader(void **state)
{
	(void)state;
	struct loop l = loop_new();
	struct disk_guard *g;
	struct sv_err err;
	pid_t pid = guarding_child(&l);
	assert_true(flag_of(&l));
	disk_guard_sweep(""); /* it lives */
	assert_true(flag_of(&l));
	kill_child(pid);
	assert_true(flag_of(&l));
	disk_guard_sweep("");
	assert_false(flag_of(&l));

	/* one killed, one alive: the flag goes with the living one */
	pid = guarding_child(&l);
	assert_int_equal(source(&l, &g, &err), 0);
	kill_child(pid);
	disk_guard_sweep("");
	assert_true(flag_of(&l));
	disk_guard_release(g);
	assert_false(flag_of(&l));

	/* the next reader takes over what the dead one knew */
	kill_child(guarding_child(&l));
	assert_int_equal(source(&l, &g, &err), 0);
	assert_true(flag_of(&l));
	disk_guard_release(g);
	assert_false(flag_of(&l));

	/* the next writer too */
	struct disk_identity id;
	kill_child(guarding_child(&l));
	assert_int_equal(target(&l, &id, &err), 0);
	assert_false(flag_of(&l));

	/* a loop device keeps the flag when its file goes */
	kill_child(guarding_child(&l));
	assert_int_equal(replace_file(&l), 0);
	assert_true(flag_of(&l));
	disk_guard_sweep("");
	assert_false(flag_of(&l));
	close(l.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounted),
		cmocka_unit_test(swap_active),
		cmocka_unit_test(held),
		cmocka_unit_test(exclusive_opener),
		cmocka_unit_test(source_and_store),
		cmocka_unit_test(opened),
		cmocka_unit_test(content_changed),
		cmocka_unit_test(disk_swapped),
		cmocka_unit_test(write_protection),
		cmocka_unit_test(locked_disks),
		cmocka_unit_test(boot_medium),
		cmocka_unit_test(flag_comes_back),
		cmocka_unit_test(child_of_reader),
		cmocka_unit_test(killed_reader),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
