/* record.c - what stands in /run/salvor/shares while a share is mounted, and what is left of it
 * after a kill */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RECORD_PREFIX "share-"

static void shares_dir(const char *root, char dir[SHARE_DIR_MAX])
{
	snprintf(dir, SHARE_DIR_MAX, "%s/run/salvor/shares", root);
}

/* The lock under which records come and go; closing it unlocks. Negative errno. */
static int lock_shares(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	while (fd >= 0 && flock(fd, LOCK_EX))
		if (errno != EINTR) {
			int e = errno;
			close(fd);
			return -e;
		}
	return fd < 0 ? -errno : fd;
}

static void make_parents(const char *root, const char *dir)
{
	char path[SHARE_DIR_MAX];
	snprintf(path, sizeof(path), "%s/run", root);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/run/salvor", root);
	mkdir(path, 0755);
	mkdir(dir, 0700);
}

/* The folder, its lock (held from now on: a living record) and the mount point; 0 or an errno. */
static int make_record(const char *dir, struct share *s)
{
	char path[SHARE_DIR_MAX];
	if (snprintf(s->dir, sizeof(s->dir), "%.400s/" RECORD_PREFIX "XXXXXX", dir) < 0 ||
	    !mkdtemp(s->dir)) {
		int e = errno;
		s->dir[0] = '\0';
		return e;
	}
	snprintf(path, sizeof(path), "%.480s/lock", s->dir);
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (s->lock_fd < 0 || flock(s->lock_fd, LOCK_EX | LOCK_NB))
		return errno;
	snprintf(s->mount_point, sizeof(s->mount_point), "%.480s/mnt", s->dir);
	return mkdir(s->mount_point, 0700) ? errno : 0;
}

int share_record_make(const char *root, struct share *s, struct sv_err *err)
{
	char dir[SHARE_DIR_MAX];
	shares_dir(root, dir);
	make_parents(root, dir);
	int lock = lock_shares(dir);
	int e = lock < 0 ? -lock : make_record(dir, s);
	if (lock >= 0)
		close(lock);
	if (e == EACCES || e == EPERM)
		return sv_fail(err, SV_E_FAILED, 0, dir,
			       "mounting a share needs root: use sudo, or mount it yourself and "
			       "give the folder");
	return e ? sv_fail(err, SV_E_FAILED, e, dir, "cannot make a mount point in %s", dir) : 0;
}

/* MNT_DETACH comes last: it succeeds with files still open, and waits for no server. */
static void unmount(const char *mount_point, bool gone)
{
	if (gone || (umount2(mount_point, UMOUNT_NOFOLLOW) && errno == EBUSY))
		umount2(mount_point, UMOUNT_NOFOLLOW | MNT_DETACH);
}

static void remove_record(const char *dir, bool gone)
{
	static const char *const names[] = {"known_hosts", "lock"};
	char path[SHARE_DIR_MAX + 32];
	snprintf(path, sizeof(path), "%s/mnt", dir);
	unmount(path, gone);
	/* a mount that stays keeps its record, for the next sweep */
	if (rmdir(path) && errno != ENOENT)
		return;
	for (size_t i = 0; i < SV_ARRAY(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

void share_reap(struct share *s)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	bool ended = s->helper <= 0;
	for (int i = 0; i < 250 && !ended; i++) {
		ended = waitpid(s->helper, NULL, WNOHANG) != 0;
		if (!ended)
			nanosleep(&pause, NULL);
	}
	if (!ended) {
		kill(s->helper, SIGKILL);
		waitpid(s->helper, NULL, 0);
	}
	s->helper = 0;
}

void share_record_remove(struct share *s, bool gone)
{
	if (*s->dir)
		remove_record(s->dir, gone);
	share_reap(s);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	s->lock_fd = -1;
	s->dir[0] = '\0';
}

/* A record whose lock can be had, or that died before it had one, belongs to nobody. */
static void sweep_record(const char *dir)
{
	char path[SHARE_DIR_MAX + 16];
	snprintf(path, sizeof(path), "%s/lock", dir);
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 ? errno == ENOENT : !flock(fd, LOCK_EX | LOCK_NB))
		remove_record(dir, true);
	if (fd >= 0)
		close(fd);
}

void share_sweep(const char *root)
{
	char dir[SHARE_DIR_MAX], path[SHARE_DIR_MAX];
	const struct dirent *entry;
	shares_dir(root, dir);
	int lock = lock_shares(dir);
	if (lock < 0)
		return;
	DIR *list = opendir(dir);
	while (list && (entry = readdir(list)))
		if (!strncmp(entry->d_name, RECORD_PREFIX, strlen(RECORD_PREFIX)) &&
		    snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) < (int)sizeof(path))
			sweep_record(path);
	if (list)
		closedir(list);
	close(lock);
}
