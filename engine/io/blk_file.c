/* blk_file.c - a block device node or a regular file */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/blk.h"

#include "engine/io/dio.h"
#include "engine/io/io_errno.h"
#include "engine/util/bytes.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct file_dev {
	struct blk_dev dev;
	struct dio io;
	bool is_block;
	uint32_t sector; /* a block device's own */
	char name[];
};

static int fail_at(const struct file_dev *f, const char *verb, size_t len, uint64_t off, int e,
		   struct sv_err *err)
{
	return sv_fail(err, io_code(e), e, f->name, "cannot %s %zu bytes at offset %llu of %s",
		       verb, len, (unsigned long long)off, f->name);
}

static int file_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off, struct sv_err *err)
{
	struct file_dev *f = (struct file_dev *)dev;
	uint8_t *p = buf;
	while (len > 0) {
		ssize_t n = dio_read_some(&f->io, p, len, off);
		if (n <= 0) /* no byte inside the size: the device went away */
			return fail_at(f, "read", len, off, n < 0 ? (int)-n : ENODEV, err);
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
		ssize_t n = dio_write_some(&f->io, p, len, off);
		if (n <= 0)
			return fail_at(f, "write", len, off, n < 0 ? (int)-n : ENODEV, err);
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
		start = sv_round_up(off, f->sector);
		end = sv_round_down(end, f->sector);
		if (start >= end)
			return 0;
	}
	uint64_t range[2] = {start, end - start};
	int rc;
	do
		rc = f->is_block ? ioctl(f->io.fd, BLKDISCARD, range)
				 : fallocate(f->io.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
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
		rc = fdatasync(f->io.fd);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return sv_fail(err, io_code(errno), errno, f->name, "cannot flush %s", f->name);
	return 0;
}

static void file_close(struct blk_dev *dev)
{
	struct file_dev *f = (struct file_dev *)dev;
	dio_close(&f->io);
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
	int oflags = f->dev.writable ? O_RDWR : O_RDONLY;
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
	int e = dio_open(&f->io, AT_FDCWD, f->name, oflags);
	if (e || fstat(f->io.fd, st) < 0)
		return fail_open(f, e ? e : errno, err);
	return check_kind(f, st, err);
}

static int measure_block(struct file_dev *f, uint32_t sector_size, struct sv_err *err)
{
	int logical = 0;
	if (ioctl(f->io.fd, BLKGETSIZE64, &f->dev.size) < 0 ||
	    ioctl(f->io.fd, BLKSSZGET, &logical) < 0)
		return sv_fail(err, SV_E_IO, errno, f->name, "cannot ask %s for its size", f->name);
	f->sector = logical > 0 ? (uint32_t)logical : 512;
	f->dev.sector_size = sector_size ? sector_size : f->sector;
	return 0;
}

static int measure_file(struct file_dev *f, unsigned int flags, uint32_t sector_size,
			uint64_t create_size, const struct stat *st, struct sv_err *err)
{
	f->dev.sector_size = sector_size ? sector_size : 512;
	f->dev.size = (uint64_t)st->st_size;
	if (!(flags & BLK_FILE_CREATE))
		return 0;
	f->dev.size = create_size;
	if (create_size <= INT64_MAX && ftruncate(f->io.fd, (off_t)create_size) == 0)
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
	f->io.fd = f->io.direct_fd = -1;
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
	posix_fadvise(f->io.fd, 0, 0, POSIX_FADV_RANDOM);
	if (!(flags & BLK_FILE_BUFFERED))
		dio_open_direct(&f->io, AT_FDCWD, f->name, f->dev.writable,
				f->is_block ? f->sector : DIO_ALIGN);
	*dev_ret = &f->dev;
	return 0;
out:
	file_close(&f->dev);
	return rc;
}

int blk_file_fd(const struct blk_dev *dev)
{
	return dev->ops == &file_ops ? ((const struct file_dev *)dev)->io.fd : -1;
}

void blk_file_buffered(struct blk_dev *dev)
{
	if (dev->ops == &file_ops)
		atomic_store(&((struct file_dev *)dev)->io.direct_ok, false);
}

void blk_file_start_writes(struct blk_dev *dev)
{
	if (dev->ops == &file_ops)
		sync_file_range(((struct file_dev *)dev)->io.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

void blk_file_drop_cache(struct blk_dev *dev)
{
	if (dev->ops != &file_ops)
		return;
	const struct file_dev *f = (struct file_dev *)dev;
	fdatasync(f->io.fd);
	posix_fadvise(f->io.fd, 0, 0, POSIX_FADV_DONTNEED);
	if (f->is_block)
		ioctl(f->io.fd, BLKFLSBUF, 0);
}
