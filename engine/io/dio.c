/* dio.c - transfers through a direct and a buffered descriptor of one file */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/dio.h"

#include "engine/util/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_PIECE (64u << 20) /* one system call */

static int open_again(int dirfd, const char *name, int flags)
{
	int fd;
	do
		fd = openat(dirfd, name, flags | O_CLOEXEC, 0666);
	while (fd < 0 && errno == EINTR);
	return fd;
}

int dio_open(struct dio *d, int dirfd, const char *name, int flags)
{
	d->direct_fd = -1;
	d->align = DIO_ALIGN;
	atomic_store(&d->direct_ok, false);
	d->fd = open_again(dirfd, name, flags);
	return d->fd < 0 ? errno : 0;
}

void dio_open_direct(struct dio *d, int dirfd, const char *name, bool writable, uint32_t align)
{
	int fd = open_again(dirfd, name, O_DIRECT | (writable ? O_RDWR : O_RDONLY));
	struct stat first, again;
	if (fd < 0)
		return;
	/* The name may have come to mean another file in between. */
	if (fstat(d->fd, &first) < 0 || fstat(fd, &again) < 0 || again.st_dev != first.st_dev ||
	    again.st_ino != first.st_ino || again.st_rdev != first.st_rdev) {
		close(fd);
		return;
	}
	d->direct_fd = fd;
	d->align = align;
	atomic_store(&d->direct_ok, true);
}

void dio_close(struct dio *d)
{
	if (d->direct_fd >= 0)
		close(d->direct_fd);
	if (d->fd >= 0)
		close(d->fd);
	d->fd = d->direct_fd = -1;
	atomic_store(&d->direct_ok, false);
}

/* How much of a transfer the next call takes, and through which descriptor. */
static size_t next_piece(struct dio *d, const void *buf, size_t len, uint64_t off, int *fd)
{
	size_t piece = SV_MIN(len, (size_t)MAX_PIECE);
	*fd = d->fd;
	if (!dio_is_direct(d))
		return piece;
	uint32_t off_mis = (uint32_t)(off % d->align);
	if ((uint32_t)((uintptr_t)buf % d->align) != off_mis)
		return piece;
	if (off_mis)
		return SV_MIN(len, (size_t)(d->align - off_mis));
	if (len < d->align)
		return piece;
	*fd = d->direct_fd;
	return (size_t)sv_round_down(piece, d->align);
}

/* After a failed call: true when it is worth another try, because of a signal or because direct
 * transfers are refused and end here. */
static bool try_again(struct dio *d, int fd, int e)
{
	if (e == EINTR)
		return true;
	if (e != EINVAL || fd != d->direct_fd)
		return false;
	atomic_store(&d->direct_ok, false);
	return true;
}

ssize_t dio_read_some(struct dio *d, void *buf, size_t len, uint64_t off)
{
	for (;;) {
		int fd;
		size_t piece = next_piece(d, buf, len, off, &fd);
		ssize_t n = pread(fd, buf, piece, (off_t)off);
		if (n >= 0)
			return n;
		if (!try_again(d, fd, errno))
			return -errno;
	}
}

ssize_t dio_write_some(struct dio *d, const void *buf, size_t len, uint64_t off)
{
	for (;;) {
		int fd;
		size_t piece = next_piece(d, buf, len, off, &fd);
		ssize_t n = pwrite(fd, buf, piece, (off_t)off);
		if (n >= 0)
			return n;
		if (!try_again(d, fd, errno))
			return -errno;
	}
}
