/* blk_file.c - a block device node or a regular file */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/blk.h"

#include "engine/io/io_errno.h"
#include "engine/util/bytes.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_ALIGN 4096u       /* direct transfers of regular files */
#define MAX_PIECE  (64u << 20) /* one system call */

struct file_dev {
	struct blk_dev dev;
	int fd;		       /* buffered; also for ioctls */
	int direct_fd;	       /* -1 when there is none */
	atomic_bool direct_ok; /* cleared for good by the first transfer that is refused */
	bool is_block;
	uint32_t align; /* of offset, length and memory of direct transfers */
	char name[];
};

static int fail_at(const struct file_dev *f, const char *verb, size_t len, uint64_t off, int e,
		   struct sv_err *err)
{
	return sv_fail(err, io_code(e), e, f->name, "cannot %s %zu bytes at offset %llu of %s",
		       verb, len, (unsigned long long)off, f->name);
}

/*
 * How much of a transfer the next call takes, and through which descriptor. A misaligned head and
 * tail are buffered and the middle is direct, when memory and offset are misaligned alike; else all
 * of it is buffered.
 */
static size_t next_piece(struct file_dev *f, const void *buf, size_t len, uint64_t off, int *fd)
{
	size_t piece = SV_MIN(len, (size_t)MAX_PIECE);
	*fd = f->fd;
	if (!atomic_load_explicit(&f->direct_ok, memory_order_relaxed))
		return piece;
	uint32_t off_mis = (uint32_t)(off % f->align);
	if ((uint32_t)((uintptr_t)buf % f->align) != off_mis)
		return piece;
	if (off_mis)
		return SV_MIN(len, (size_t)(f->align - off_mis));
	if (len < f->align)
		return piece;
	*fd = f->direct_fd;
	return (size_t)sv_round_down(piece, f->align);
}

/* After a failed call: true when it is worth another try, because of a signal or because direct
 * transfers are refused and end here. */
static bool try_again(struct file_dev *f, int fd, int e)
{
	if (e == EINTR)
		return true;
	if (e != EINVAL || fd != f->direct_fd)
		return false;
	atomic_store(&f->direct_ok, false);
	return true;
}

static int file_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off, struct sv_err *err)
{
	struct file_dev *f = (struct file_dev *)dev;
	uint8_t *p = buf;
	while (len > 0) {
		int fd;
		size_t piece = next_piece(f, p, len, off, &fd);
		ssize_t n = pread(fd, p, piece, (off_t)off);
		if (n < 0 && try_again(f, fd, errno))
			continue;
		if (n <= 0) /* no byte inside the size: the device went away */
			return fail_at(f, "read", len, off, n < 0 ? errno : ENODEV, err);
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int file_pwrite(struct blk_dev *dev, const void *buf, size_t len, uint64_t off,
		       struct sv_err *err)
{
	struct file_dev *f = (struct file_dev *)dev;
	const uint8_t *p = buf;
	while (len > 0) {
		int fd;
		size_t piece = next_piece(f, p, len, off, &fd);
		ssize_t n = pwrite(fd, p, piece, (off_t)off);
		if (n < 0 && try_again(f, fd, errno))
			continue;
		if (n <= 0)
			return fail_at(f, "write", len, off, n < 0 ? errno : ENODEV, err);
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* What a device or filesystem answers that has no discard. EREMOTEIO: a SCSI disk that refused. */
static bool no_discard(int e)
{
	return e == EOPNOTSUPP || e == EINVAL || e == ENOTTY || e == ENOSYS || e == EREMOTEIO;
}

static int file_discard(struct blk_dev *dev, uint64_t off, uint64_t len, struct sv_err *err)
{
	struct file_dev *f = (struct file_dev *)dev;
	uint64_t start = off, end = off + len;
	if (f->is_block) { /* only whole sectors can go */
		start = sv_round_up(off, f->align);
		end = sv_round_down(end, f->align);
		if (start >= end)
			return 0;
	}
	uint64_t range[2] = {start, end - start};
	int rc;
	do
		rc = f->is_block ? ioctl(f->fd, BLKDISCARD, range)
				 : fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					     (off_t)range[0], (off_t)range[1]);
	while (rc < 0 && errno == EINTR);
	if (rc == 0 || no_discard(errno))
		return 0;
	return sv_fail(err, io_code(errno), errno, f->name,
		       "cannot discard %llu bytes at offset %llu of %s", (unsigned long long)len,
		       (unsigned long long)off, f->name);
}

/* The size never changes after opening, so the data is all there is to sync. Write-back errors of
 * both descriptors' pages show on the one they went through. */
static int file_flush(struct blk_dev *dev, struct sv_err *err)
{
	struct file_dev *f = (struct file_dev *)dev;
	int rc;
	do
		rc = fdatasync(f->fd);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return sv_fail(err, io_code(errno), errno, f->name, "cannot flush %s", f->name);
	return 0;
}

static void file_close(struct blk_dev *dev)
{
	struct file_dev *f = (struct file_dev *)dev;
	if (f->direct_fd >= 0)
		close(f->direct_fd);
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

static const struct blk_ops file_ops = {
	.name = "file",
	.pread = file_pread,
	.pwrite = file_pwrite,
	.discard = file_discard,
	.flush = file_flush,
	.close = file_close,
};

static int open_fd(const char *path, int flags)
{
	int fd;
	do
		fd = open(path, flags, 0666);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* The kind is asked before opening: opening a FIFO would wait for its other end. */
static int check_kind(const struct file_dev *f, const struct stat *st, struct sv_err *err)
{
	if (S_ISBLK(st->st_mode) || S_ISREG(st->st_mode))
		return 0;
	return sv_fail(err, SV_E_REFUSED, 0, f->name,
		       "%s is neither a block device nor a regular file", f->name);
}

static int fail_open(const struct file_dev *f, int e, struct sv_err *err)
{
	enum sv_error code = e == ENOENT || e == ENOTDIR ? SV_E_NOT_FOUND : io_code(e);
	return sv_fail(err, code, e, f->name, "cannot open %s", f->name);
}

static int open_buffered(struct file_dev *f, unsigned int flags, struct stat *st,
			 struct sv_err *err)
{
	int oflags = O_CLOEXEC | (f->dev.writable ? O_RDWR : O_RDONLY);
	if (flags & BLK_FILE_CREATE) {
		oflags |= O_CREAT | O_EXCL;
	} else {
		if (stat(f->name, st) < 0)
			return fail_open(f, errno, err);
		int rc = check_kind(f, st, err);
		if (rc)
			return rc;
		if (flags & BLK_FILE_EXCL && S_ISBLK(st->st_mode))
			oflags |= O_EXCL;
	}
	f->fd = open_fd(f->name, oflags);
	if (f->fd < 0 || fstat(f->fd, st) < 0)
		return fail_open(f, errno, err);
	return check_kind(f, st, err);
}

/* A second descriptor for direct transfers; without one everything is buffered. */
static void open_direct(struct file_dev *f, const struct stat *st)
{
	int fd = open_fd(f->name, O_CLOEXEC | O_DIRECT | (f->dev.writable ? O_RDWR : O_RDONLY));
	struct stat again;
	if (fd < 0)
		return;
	if (fstat(fd, &again) < 0 || again.st_dev != st->st_dev || again.st_ino != st->st_ino ||
	    again.st_rdev != st->st_rdev) {
		close(fd);
		return;
	}
	f->direct_fd = fd;
	atomic_store(&f->direct_ok, true);
}

static int measure_block(struct file_dev *f, uint32_t sector_size, struct sv_err *err)
{
	int logical = 0;
	if (ioctl(f->fd, BLKGETSIZE64, &f->dev.size) < 0 || ioctl(f->fd, BLKSSZGET, &logical) < 0)
		return sv_fail(err, SV_E_IO, errno, f->name, "cannot ask %s for its size", f->name);
	f->align = logical > 0 ? (uint32_t)logical : 512;
	f->dev.sector_size = sector_size ? sector_size : f->align;
	return 0;
}

static int measure_file(struct file_dev *f, unsigned int flags, uint32_t sector_size,
			uint64_t create_size, const struct stat *st, struct sv_err *err)
{
	f->align = FILE_ALIGN;
	f->dev.sector_size = sector_size ? sector_size : 512;
	f->dev.size = (uint64_t)st->st_size;
	if (!(flags & BLK_FILE_CREATE))
		return 0;
	f->dev.size = create_size;
	if (create_size <= INT64_MAX && ftruncate(f->fd, (off_t)create_size) == 0)
		return 0;
	int e = create_size <= INT64_MAX ? errno : EFBIG;
	unlink(f->name);
	return sv_fail(err, io_code(e), e, f->name, "cannot make %s %llu bytes long", f->name,
		       (unsigned long long)create_size);
}

int blk_file_open(const char *path, unsigned int flags, uint32_t sector_size, uint64_t create_size,
		  struct blk_dev **dev_ret, struct sv_err *err)
{
	size_t name_len = strlen(path) + 1;
	struct file_dev *f = calloc(1, sizeof(*f) + name_len);
	if (!f)
		return sv_fail_nomem(err);
	memcpy(f->name, path, name_len);
	f->fd = f->direct_fd = -1;
	f->dev.ops = &file_ops;
	f->dev.name = f->name;
	f->dev.writable = flags & (BLK_FILE_WRITE | BLK_FILE_CREATE);

	struct stat st;
	int rc = open_buffered(f, flags, &st, err);
	if (rc)
		goto out;
	f->is_block = S_ISBLK(st.st_mode);
	rc = f->is_block ? measure_block(f, sector_size, err)
			 : measure_file(f, flags, sector_size, create_size, &st, err);
	if (rc)
		goto out;
	/* Readahead would drag neighbours of a request into a failing device's reads. */
	posix_fadvise(f->fd, 0, 0, POSIX_FADV_RANDOM);
	if (!(flags & BLK_FILE_BUFFERED))
		open_direct(f, &st);
	*dev_ret = &f->dev;
	return 0;
out:
	file_close(&f->dev);
	return rc;
}

int blk_file_fd(const struct blk_dev *dev)
{
	return dev->ops == &file_ops ? ((const struct file_dev *)dev)->fd : -1;
}

void blk_file_drop_cache(struct blk_dev *dev)
{
	if (dev->ops != &file_ops)
		return;
	const struct file_dev *f = (struct file_dev *)dev;
	fdatasync(f->fd);
	posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
	if (f->is_block)
		ioctl(f->fd, BLKFLSBUF, 0);
}
