/* try.c - can an image be written there? a small file does what an image does */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"

#include "engine/util/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRY_LEN 65536

/* 0, or an errno with the name of what did not work. */
static int write_new(int dirfd, const char *name, const uint8_t *buf, const char **doing)
{
	*doing = "make a file";
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return errno;
	*doing = "write a file";
	ssize_t n = write(fd, buf, TRY_LEN);
	int e = n < 0 ? errno : n < TRY_LEN ? ENOSPC : fsync(fd) < 0 ? errno : 0;
	if (close(fd) < 0 && !e)
		e = errno;
	return e;
}

static int read_back(int dirfd, const char *name, const uint8_t *want, const char **doing)
{
	uint8_t got[TRY_LEN];
	*doing = "read a file back";
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	ssize_t n = read(fd, got, sizeof(got));
	int e = n < 0 ? errno : n < TRY_LEN || memcmp(got, want, TRY_LEN) ? EIO : 0;
	close(fd);
	return e;
}

/* What a save needs: a folder of its own, a file in it, the final name of the folder. */
static int try_all(int dirfd, const char *part, const char *final, const char **doing)
{
	uint8_t buf[TRY_LEN];
	*doing = "make a folder";
	if (sv_random(buf, sizeof(buf)))
		return EIO;
	if (mkdirat(dirfd, part, 0777) < 0)
		return errno;
	int sub = openat(dirfd, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int e = sub < 0 ? errno : write_new(sub, "test", buf, doing);
	if (!e)
		e = read_back(sub, "test", buf, doing);
	if (!e) {
		*doing = "rename a folder";
		e = renameat(dirfd, part, dirfd, final) < 0 ? errno : 0;
	}
	if (sub >= 0) {
		unlinkat(sub, "test", 0);
		close(sub);
	}
	if (unlinkat(dirfd, e ? part : final, AT_REMOVEDIR) < 0 && !e) {
		*doing = "remove a folder";
		e = errno;
	}
	return e;
}

int share_try_write(struct share *share, struct share_report *report, struct sv_err *err)
{
	char id[17], part[64], final[64];
	uint64_t random = 0;
	const char *doing = "open the folder";
	int dirfd = open(share->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int e = dirfd < 0 ? errno : sv_random(&random, sizeof(random)) ? EIO : 0;
	sv_hex(id, &random, sizeof(random));
	snprintf(part, sizeof(part), "salvor-test-%s.part", id);
	snprintf(final, sizeof(final), "salvor-test-%s", id);
	if (!e)
		e = try_all(dirfd, part, final, &doing);
	if (dirfd >= 0)
		close(dirfd);
	int rc = 0;
	if (e)
		rc = share_fail(share, SHARE_STEP_WRITE, err,
				e == ENOSPC || e == EDQUOT ? SV_E_STORE_FULL : SV_E_STORE, e,
				"cannot %s on %s%s", doing, share->mount_url,
				e == EROFS || e == EACCES || e == EPERM
					? ": give this user the right to write there"
					: "");
	else
		share_pass(share, SHARE_STEP_WRITE, "%s", "a file was written and read back");
	if (report)
		*report = share->report;
	return rc;
}
