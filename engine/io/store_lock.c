/* store_lock.c - one run at a time in a directory */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/store.h"

#include "engine/io/io_errno.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_NAME     ".salvor-lock"
#define BOOT_ID_LEN   36 /* a UUID as text */
#define LOCK_TEXT_MAX 80

struct store_lock {
	int fd;	   /* of the directory; holds the flock when `file` is false */
	bool file; /* the lock is LOCK_NAME */
};

static int read_text(int dirfd, const char *name, char text[LOCK_TEXT_MAX])
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0)
		return errno;
	ssize_t n = read(fd, text, LOCK_TEXT_MAX - 1);
	int e = n < 0 ? errno : 0;
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return e;
}

/* "BOOT-ID PID\n" of this process. Without a boot id (no /proc) no lock ever looks stale. */
static void own_text(char text[LOCK_TEXT_MAX])
{
	char id[LOCK_TEXT_MAX];
	if (read_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id", id))
		snprintf(id, sizeof(id), "unknown");
	snprintf(text, LOCK_TEXT_MAX, "%.*s %ld\n", BOOT_ID_LEN, id, (long)getpid());
}

/* true when the holder cannot run any more: another boot, or a process that is gone. */
static bool is_stale(const char *text, const char *own)
{
	size_t id_len = strcspn(own, " ");
	if (id_len != BOOT_ID_LEN || strlen(text) <= BOOT_ID_LEN || text[BOOT_ID_LEN] != ' ')
		return false;
	if (strncmp(text, own, BOOT_ID_LEN) != 0)
		return true;
	long pid = strtol(text + BOOT_ID_LEN, NULL, 10);
	return pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

/* 0 or an errno; EEXIST when the lock file is there. */
static int make_lock_file(int dirfd, const char *text)
{
	int fd = openat(dirfd, LOCK_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return errno;
	size_t len = strlen(text);
	ssize_t n = write(fd, text, len);
	int e = n < 0 ? errno : (size_t)n < len ? ENOSPC : fsync(fd) < 0 ? errno : 0;
	close(fd);
	if (e)
		unlinkat(dirfd, LOCK_NAME, 0);
	return e;
}

/*
 * Take a stale lock file away, by renaming it first: if somebody else was quicker and the renamed
 * file is a living lock, it goes back. true when the way is free.
 */
static bool clear_stale(int dirfd, const char *own)
{
	char text[LOCK_TEXT_MAX], aside[64];
	if (read_text(dirfd, LOCK_NAME, text) || !is_stale(text, own))
		return false;
	snprintf(aside, sizeof(aside), LOCK_NAME ".%ld", (long)getpid());
	if (renameat(dirfd, LOCK_NAME, dirfd, aside) < 0)
		return false;
	if (read_text(dirfd, aside, text) || !is_stale(text, own)) {
		renameat(dirfd, aside, dirfd, LOCK_NAME);
		return false;
	}
	unlinkat(dirfd, aside, 0);
	return true;
}

static int lock_by_file(int dirfd, struct sv_err *err)
{
	char own[LOCK_TEXT_MAX];
	own_text(own);
	int e = make_lock_file(dirfd, own);
	if (e == EEXIST && clear_stale(dirfd, own))
		e = make_lock_file(dirfd, own);
	if (e == EEXIST)
		return sv_fail(err, SV_E_LOCKED, 0, LOCK_NAME,
			       "another run works in this directory (its lock is %s)", LOCK_NAME);
	return e ? sv_fail(err, io_code(e), e, LOCK_NAME, "cannot lock the directory") : 0;
}

/* 0, EWOULDBLOCK, or another errno when this filesystem has no flock. */
static int lock_by_flock(int fd, const struct store_faults *faults)
{
	int e = store_fault(faults, STORE_OP_LOCK, ".", NULL);
	while (!e && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EINTR)
			e = errno;
	}
	return e;
}

int store_lock_take(int dirfd, const struct store_faults *faults, struct store_lock **lock_ret,
		    struct sv_err *err)
{
	struct store_lock *lock = calloc(1, sizeof(*lock));
	if (!lock)
		return sv_fail_nomem(err);
	int rc = 0;
	lock->fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock->fd < 0) {
		rc = sv_fail(err, SV_E_IO, errno, "the store", "cannot open the directory to lock");
		goto out;
	}
	int e = lock_by_flock(lock->fd, faults);
	if (e == EWOULDBLOCK) {
		rc = sv_fail(err, SV_E_LOCKED, 0, "the store",
			     "another run works in this directory");
		goto out;
	}
	if (e) {
		rc = lock_by_file(lock->fd, err);
		if (rc)
			goto out;
		lock->file = true;
	}
	*lock_ret = lock;
	return 0;
out:
	if (lock->fd >= 0)
		close(lock->fd);
	free(lock);
	return rc;
}

void store_lock_release(struct store_lock *lock)
{
	if (!lock)
		return;
	if (lock->file)
		unlinkat(lock->fd, LOCK_NAME, 0);
	close(lock->fd);
	free(lock);
}
