/* store.c - the directory an image lives in: small files, free space, syncing */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/store.h"

#include "engine/io/io_errno.h"
#include "engine/util/bytes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

int store_fault(const struct store_faults *faults, enum store_op op, const char *name, size_t *len)
{
	size_t none = 0;
	return faults ? faults->check(faults->arg, op, name, len ? len : &none) : 0;
}

static int fail_file(const char *verb, const char *name, int e, struct sv_err *err)
{
	enum sv_error code = e == ENOENT ? SV_E_NOT_FOUND : io_code(e);
	return sv_fail(err, code, e, name, "cannot %s %s", verb, name);
}

int store_read_code(int sys_errno)
{
	return io_read_code(sys_errno);
}

static int fail_reading(const char *verb, const char *name, int e, struct sv_err *err)
{
	return sv_fail(err, store_read_code(e), e, name, "cannot %s %s", verb, name);
}

static int open_file(int dirfd, const char *name, int flags)
{
	int fd;
	do
		fd = openat(dirfd, name, flags | O_CLOEXEC, 0666);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* 0 or an errno. */
static int write_all(int fd, const char *name, const uint8_t *p, size_t len,
		     const struct store_faults *faults)
{
	while (len > 0) {
		size_t piece = len;
		int e = store_fault(faults, STORE_OP_WRITE, name, &piece);
		if (e)
			return e;
		ssize_t n = write(fd, p, piece);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Write and sync a new file; 0 or an errno. */
static int fill_new(int dirfd, const char *name, const void *content, size_t len,
		    const struct store_faults *faults)
{
	int e = store_fault(faults, STORE_OP_OPEN, name, NULL);
	if (e)
		return e;
	int fd = open_file(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
	if (fd < 0)
		return errno;
	e = write_all(fd, name, content, len, faults);
	if (!e)
		e = store_fault(faults, STORE_OP_SYNC, name, NULL);
	if (!e && fsync(fd) < 0)
		e = errno;
	if (close(fd) < 0 && !e && errno != EINTR)
		e = errno;
	return e;
}

int store_write_file(int dirfd, const char *name, const void *content, size_t len,
		     const struct store_faults *faults, bool *dir_sync_missing, struct sv_err *err)
{
	char tmp[256];
	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.tmp", name) >= sizeof(tmp))
		return sv_fail(err, SV_E_IO, ENAMETOOLONG, name, "cannot write %s", name);
	int e = fill_new(dirfd, tmp, content, len, faults);
	if (!e)
		e = store_fault(faults, STORE_OP_RENAME, name, NULL);
	if (!e && renameat(dirfd, tmp, dirfd, name) < 0)
		e = errno;
	if (e) {
		unlinkat(dirfd, tmp, 0);
		return fail_file("write", name, e, err);
	}
	return store_sync_dir(dirfd, faults, dir_sync_missing, err);
}

/* 0 or an errno; *got is less than len at the end of the file only. */
static int read_up_to(int fd, uint8_t *p, size_t len, size_t *got)
{
	*got = 0;
	while (*got < len) {
		ssize_t n = read(fd, p + *got, len - *got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return 0;
}

/* O_NONBLOCK: a FIFO of that name must not hold us up. */
static int open_regular(int dirfd, const char *name, struct stat *st, struct sv_err *err)
{
	int fd = open_file(dirfd, name, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fail_reading("open", name, errno, err);
	int e = fstat(fd, st) < 0 ? errno : 0;
	if (!e && S_ISREG(st->st_mode))
		return fd;
	close(fd);
	if (e)
		return fail_reading("look at", name, e, err);
	return sv_fail(err, SV_E_DATA, 0, name, "%s is not a regular file", name);
}

int store_read_file(int dirfd, const char *name, size_t limit, char **content, size_t *len,
		    struct sv_err *err)
{
	struct stat st;
	int fd = open_regular(dirfd, name, &st, err);
	if (fd < 0)
		return fd;
	int rc = 0;
	char *text = NULL;
	if ((uint64_t)st.st_size > limit) {
		rc = sv_fail(err, SV_E_DATA, 0, name, "%s has %llu bytes, more than the %zu it may",
			     name, (unsigned long long)st.st_size, limit);
		goto out;
	}
	text = malloc((size_t)st.st_size + 1);
	if (!text) {
		rc = sv_fail_nomem(err);
		goto out;
	}
	int e = read_up_to(fd, (uint8_t *)text, (size_t)st.st_size, len);
	if (e) {
		rc = fail_reading("read", name, e, err);
		goto out;
	}
	text[*len] = '\0';
	*content = text;
	text = NULL;
out:
	free(text);
	close(fd);
	return rc;
}

#define HASH_PIECE (1u << 20)

static int hash_fd(int fd, const char *name, struct sv_sha256 *sha, uint8_t *buf, uint64_t *size,
		   struct sv_err *err)
{
	*size = 0;
	size_t got;
	do {
		int e = read_up_to(fd, buf, HASH_PIECE, &got);
		if (e)
			return fail_reading("read", name, e, err);
		sv_sha256_update(sha, buf, got);
		posix_fadvise(fd, (off_t)*size, (off_t)got, POSIX_FADV_DONTNEED);
		*size += got;
	} while (got == HASH_PIECE);
	return 0;
}

int store_sha256(int dirfd, const char *name, uint8_t digest[SV_SHA256_LEN], uint64_t *size,
		 struct sv_err *err)
{
	struct stat st;
	int fd = open_regular(dirfd, name, &st, err);
	if (fd < 0)
		return fd;
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	struct sv_sha256 *sha = sv_sha256_create();
	uint8_t *buf = malloc(HASH_PIECE);
	int rc = sha && buf ? hash_fd(fd, name, sha, buf, size, err) : sv_fail_nomem(err);
	if (!rc)
		sv_sha256_finish(sha, digest);
	free(buf);
	sv_sha256_destroy(sha);
	close(fd);
	return rc;
}

int store_sha256_written(int dirfd, const char *name, uint64_t written,
			 uint8_t digest[SV_SHA256_LEN], struct sv_err *err)
{
	uint64_t size = 0;
	int rc = store_sha256(dirfd, name, digest, &size, err);
	if (!rc && size != written)
		rc = sv_fail(err, SV_E_DATA, 0, name, "%s has %llu bytes, but %llu were written",
			     name, (unsigned long long)size, (unsigned long long)written);
	return rc;
}

/* A descriptor of the directory that can be synced and locked whatever dirfd was opened for. */
static int sync_dir(int dirfd)
{
	int fd = open_file(dirfd, ".", O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return errno;
	int e = fsync(fd) < 0 ? errno : 0;
	close(fd);
	return e;
}

int store_sync_dir(int dirfd, const struct store_faults *faults, bool *dir_sync_missing,
		   struct sv_err *err)
{
	int e = store_fault(faults, STORE_OP_SYNC, ".", NULL);
	if (!e)
		e = sync_dir(dirfd);
	if (e == EINVAL || e == ENOTSUP) {
		if (dir_sync_missing)
			*dir_sync_missing = true;
		return 0;
	}
	return e ? fail_file("sync", "the directory", e, err) : 0;
}

int store_sync_all(int dirfd, struct sv_err *err)
{
	int fd = open_file(dirfd, ".", O_RDONLY | O_DIRECTORY);
	int e = fd < 0 || syncfs(fd) < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	return e ? fail_file("sync", "the filesystem of the store", e, err) : 0;
}

/* Filesystems without RENAME_NOREPLACE answer EINVAL: there the check comes before. */
static int rename_new(int from_dirfd, const char *from, int to_dirfd, const char *to)
{
	if (renameat2(from_dirfd, from, to_dirfd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	struct stat st;
	if (fstatat(to_dirfd, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return EEXIST;
	return renameat(from_dirfd, from, to_dirfd, to) < 0 ? errno : 0;
}

int store_rename(int from_dirfd, const char *from, int to_dirfd, const char *to,
		 const struct store_faults *faults, struct sv_err *err)
{
	int e = store_fault(faults, STORE_OP_RENAME, to, NULL);
	if (!e)
		e = rename_new(from_dirfd, from, to_dirfd, to);
	if (!e)
		return 0;
	enum sv_error code = e == ENOENT ? SV_E_NOT_FOUND : e == EEXIST ? SV_E_REFUSED : io_code(e);
	return sv_fail(err, code, e, to, "cannot rename %s to %s", from, to);
}

struct fs_kind {
	uint32_t magic; /* statfs(2) f_type; linux/magic.h and the filesystems' own headers */
	const char *name;
	uint64_t file_limit;
};

static const struct fs_kind fs_kinds[] = {
	{0x4d44, "vfat", UINT32_MAX}, {0x2011bab0, "exfat", 0},	  {0xef53, "ext4", 0},
	{0x58465342, "xfs", 0},	      {0x9123683e, "btrfs", 0},	  {0x7366746e, "ntfs3", 0},
	{0x5346544e, "ntfs", 0},      {0x65735546, "fuse", 0},	  {0x6969, "nfs", 0},
	{0xff534d42, "cifs", 0},      {0xfe534d42, "smb2", 0},	  {0x01021994, "tmpfs", 0},
	{0x858458f6, "ramfs", 0},     {0x794c7630, "overlay", 0}, {0xf2f52010, "f2fs", 0},
	{0x15013346, "udf", 0},	      {0x9660, "iso9660", 0},	  {0x73717368, "squashfs", 0},
	{0x2fc12fc1, "zfs", 0},	      {0x482b, "hfsplus", 0},
};

bool store_gone(int dirfd)
{
	struct statvfs vfs;
	int rc;
	do
		rc = fstatvfs(dirfd, &vfs);
	while (rc < 0 && errno == EINTR);
	return rc < 0 && errno != EACCES && errno != EPERM && errno != ENOSYS;
}

int store_space(int dirfd, struct store_space *space, struct sv_err *err)
{
	struct statvfs vfs;
	struct statfs fs;
	if (fstatvfs(dirfd, &vfs) < 0 || fstatfs(dirfd, &fs) < 0)
		return fail_file("ask for the free space of", "the store", errno, err);
	*space = (struct store_space){.fs_name = "unknown"};
	if (!sv_mul_ok(vfs.f_bavail, vfs.f_frsize, &space->free_bytes))
		space->free_bytes = UINT64_MAX;
	for (size_t i = 0; i < SV_ARRAY(fs_kinds); i++)
		if ((uint32_t)fs.f_type == fs_kinds[i].magic) {
			space->fs_name = fs_kinds[i].name;
			space->file_limit = fs_kinds[i].file_limit;
		}
	return 0;
}
