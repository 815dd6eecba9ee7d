/* store_lock.c - one run at a time in a directory */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/store.h"

#include "engine/io/io_errno.h"
#include "engine/util/bytes.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LOCK_NAME     ".salvor-lock"
#define BOOT_ID_LEN   36 /* a UUID as text */
#define MACHINE_LEN   16 /* hex digits */
#define LOCK_TEXT_MAX 80

/* statfs(2) f_type of linux/magic.h: a flock there, of a directory, is known to this machine only
 */
#define MAGIC_NFS  0x6969
#define MAGIC_CIFS 0xff534d42
#define MAGIC_SMB2 0xfe534d42
#define MAGIC_FUSE 0x65735546

struct store_lock {
	int fd;	   /* of the directory; holds the flock where there is one */
	bool file; /* LOCK_NAME is ours, too */
};

/* true when other machines may work in the directory. FUSE on a device (ntfs-3g) is a local disk.
 */
static bool is_remote(int fd)
{
	struct statfs fs;
	struct stat st;
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return false;
	switch ((uint32_t)fs.f_type) {
	case MAGIC_NFS:
	case MAGIC_CIFS:
	case MAGIC_SMB2:
		return true;
	case MAGIC_FUSE:
		return major(st.st_dev) == 0;
	default:
		return false;
	}
}

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

/* What stays the same from boot to boot, as a digest: it is nobody's business on the store. */
static void machine_name(char name[MACHINE_LEN + 1])
{
	static const char *const sources[] = {"/sys/class/dmi/id/product_uuid", "/etc/machine-id"};
	char text[LOCK_TEXT_MAX];
	snprintf(name, MACHINE_LEN + 1, "unknown");
	for (size_t i = 0; i < SV_ARRAY(sources); i++)
		if (!read_text(AT_FDCWD, sources[i], text) && strlen(text) > MACHINE_LEN) {
			uint64_t hash = sv_xxh64(text, strlen(text));
			sv_hex(name, &hash, sizeof(hash));
			return;
		}
}

/* "BOOT-ID PID MACHINE\n" of this process. Without a boot id (no /proc) no lock ever looks stale.
 */
static void own_text(char text[LOCK_TEXT_MAX])
{
	char id[LOCK_TEXT_MAX], machine[MACHINE_LEN + 1];
	if (read_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id", id))
		snprintf(id, sizeof(id), "unknown");
	machine_name(machine);
	snprintf(text, LOCK_TEXT_MAX, "%.*s %ld %s\n", BOOT_ID_LEN, id, (long)getpid(), machine);
}

static bool same_machine(const char *text, const char *own)
{
	const char *a = strrchr(text, ' '), *b = strrchr(own, ' ');
	return a && b && !strcmp(a, b) && strcmp(b, " unknown\n") != 0;
}

/*
 * true when the holder cannot run any more: a process that is gone, or another boot; on a remote
 * store another boot may be another machine, which lives, unless the lock says it was this one.
 */
static bool is_stale(const char *text, const char *own, bool remote)
{
	size_t id_len = strcspn(own, " ");
	if (id_len != BOOT_ID_LEN || strlen(text) <= BOOT_ID_LEN || text[BOOT_ID_LEN] != ' ')
		return false;
	if (strncmp(text, own, BOOT_ID_LEN) != 0)
		return !remote || same_machine(text, own);
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
static bool clear_stale(int dirfd, const char *own, bool remote)
{
	char text[LOCK_TEXT_MAX], aside[64];
	if (read_text(dirfd, LOCK_NAME, text) || !is_stale(text, own, remote))
		return false;
	snprintf(aside, sizeof(aside), LOCK_NAME ".%ld", (long)getpid());
	if (renameat(dirfd, LOCK_NAME, dirfd, aside) < 0)
		return false;
	if (read_text(dirfd, aside, text) || !is_stale(text, own, remote)) {
		renameat(dirfd, aside, dirfd, LOCK_NAME);
		return false;
	}
	unlinkat(dirfd, aside, 0);
	return true;
}

static int lock_by_file(int dirfd, bool remote, struct sv_err *err)
{
	char own[LOCK_TEXT_MAX];
	own_text(own);
	int e = make_lock_file(dirfd, own);
	if (e == EEXIST && clear_stale(dirfd, own, remote))
		e = make_lock_file(dirfd, own);
	if (e == EEXIST)
		return sv_fail(err, SV_E_LOCKED, 0, LOCK_NAME,
			       remote ? "another run works in this directory, perhaps on another "
					"machine; if there is none, remove its lock %s"
				      : "another run works in this directory (its lock is %s)",
			       LOCK_NAME);
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
	bool remote = is_remote(lock->fd);
	if (e || remote) {
		rc = lock_by_file(lock->fd, remote, err);
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
