/* scratch.c - places for unit tests: a directory, a loop device, a tiny filesystem */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

bool scratch_make(char path[64])
{
	const char *base = getenv("TMPDIR");
	if (snprintf(path, 64, "%s/salvor-unit-XXXXXX", base ? base : "/tmp") >= 64)
		return false;
	return mkdtemp(path) != NULL;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

void scratch_remove(const char *path)
{
	umount2(path, MNT_DETACH);
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

const char *scratch_path(char *out, size_t size, const char *dir, const char *name)
{
	snprintf(out, size, "%s/%s", dir, name);
	return out;
}

static int configure_loop(int control, int backing, uint32_t sector_size, char path[32])
{
	struct loop_config config = {
		.fd = (uint32_t)backing,
		.block_size = sector_size,
		.info = {.lo_flags = LO_FLAGS_AUTOCLEAR},
	};
	/* Somebody else may take the free device between the two calls. */
	for (int attempt = 0; attempt < 20; attempt++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);
		if (n < 0)
			return -1;
		snprintf(path, 32, "/dev/loop%d", n);
		int fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return -1;
		/* the soft read-only flag of an earlier user outlives its file */
		int writable = 0;
		if (ioctl(fd, LOOP_CONFIGURE, &config) == 0 && ioctl(fd, BLKROSET, &writable) == 0)
			return fd;
		close(fd);
		if (errno != EBUSY)
			return -1;
	}
	return -1;
}

int scratch_loop(const char *dir, uint64_t size, uint32_t sector_size, char path[32])
{
	char file[128];
	scratch_path(file, sizeof(file), dir, "loop.img");
	int backing = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int fd = -1;
	if (backing >= 0 && control >= 0 && ftruncate(backing, (off_t)size) == 0)
		fd = configure_loop(control, backing, sector_size, path);
	if (fd < 0)
		printf("no loop device of %u byte sectors: %s\n", sector_size, strerror(errno));
	if (backing >= 0)
		close(backing);
	if (control >= 0)
		close(control);
	unlink(file);
	return fd;
}

bool scratch_tmpfs(const char *dir, uint64_t bytes)
{
	char options[48];
	snprintf(options, sizeof(options), "size=%llu", (unsigned long long)bytes);
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("tmpfs", dir, "tmpfs", 0, options) == 0)
		return true;
	printf("no tmpfs: %s\n", strerror(errno));
	return false;
}
