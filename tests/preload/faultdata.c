/* faultdata.c - the wrapped calls that move or sync data, or ask an open file something */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "faultio.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

static void flip(const struct rule *r, char *buf, uint64_t off, size_t len)
{
	uint64_t at = r->start > off && r->start < off + len ? r->start - off : 0;
	if (len)
		buf[at] ^= 1;
}

/* What is left of a transfer of len bytes. */
static size_t left_of(const struct rule *r, size_t len)
{
	return r && r->what == 'H' ? (len + 1) / 2 : len;
}

static ssize_t after_read(const struct rule *r, void *buf, uint64_t off, ssize_t n)
{
	if (r && r->what == 'F' && n > 0)
		flip(r, buf, off, (size_t)n);
	return n;
}

ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
	ssize_t (*real)(int, void *, size_t, off_t) = next_call("pread");
	const struct rule *r = strike_fd(fd, 'r', (uint64_t)off, len);
	if (fails(r))
		return -1;
	if (r && r->what == 'Z')
		return 0;
	return after_read(r, buf, (uint64_t)off, real(fd, buf, left_of(r, len), off));
}

ssize_t read(int fd, void *buf, size_t len)
{
	ssize_t (*real)(int, void *, size_t) = next_call("read");
	off_t at = lseek(fd, 0, SEEK_CUR);
	uint64_t off = at > 0 ? (uint64_t)at : 0;
	const struct rule *r = fd > 2 ? strike_fd(fd, 'r', off, len) : NULL;
	if (fails(r))
		return -1;
	if (r && r->what == 'Z')
		return 0;
	return after_read(r, buf, off, real(fd, buf, left_of(r, len)));
}

static ssize_t write_flipped(const struct rule *r, int fd, const void *buf, size_t len, off_t off)
{
	ssize_t (*real)(int, const void *, size_t, off_t) = next_call("pwrite");
	char *copy = aligned_alloc(4096, (len + 4095) / 4096 * 4096);
	if (!copy)
		abort();
	memcpy(copy, buf, len);
	flip(r, copy, (uint64_t)off, len);
	ssize_t n = real(fd, copy, len, off);
	free(copy);
	return n;
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	ssize_t (*real)(int, const void *, size_t, off_t) = next_call("pwrite");
	const struct rule *r = strike_fd(fd, 'w', (uint64_t)off, len);
	if (fails(r))
		return -1;
	if (r && r->what == 'Z')
		return 0;
	if (r && r->what == 'F')
		return write_flipped(r, fd, buf, len, off);
	if (r && r->what == 'L' && (uint64_t)off >= r->start) {
		errno = EFBIG;
		return -1;
	}
	if (r && r->what == 'L')
		len = r->start - (uint64_t)off;
	return real(fd, buf, left_of(r, len), off);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	ssize_t (*real)(int, const void *, size_t) = next_call("write");
	off_t at = lseek(fd, 0, SEEK_CUR);
	const struct rule *r = fd > 2 ? strike_fd(fd, 'w', at > 0 ? (uint64_t)at : 0, len) : NULL;
	if (fails(r))
		return -1;
	if (r && r->what == 'Z')
		return 0;
	return real(fd, buf, left_of(r, len));
}

static int fd_call(int fd, const char *name, char op)
{
	int (*real)(int) = next_call(name);
	return fails(strike_fd(fd, op, 0, 0)) ? -1 : real(fd);
}

int fsync(int fd)
{
	return fd_call(fd, "fsync", 's');
}

int fdatasync(int fd)
{
	return fd_call(fd, "fdatasync", 's');
}

int syncfs(int fd)
{
	return fd_call(fd, "syncfs", 's');
}

int sync_file_range(int fd, off64_t off, off64_t len, unsigned int flags)
{
	int (*real)(int, off64_t, off64_t, unsigned int) = next_call("sync_file_range");
	return fails(strike_fd(fd, 'b', 0, 0)) ? -1 : real(fd, off, len, flags);
}

/* The descriptor is gone in any case, as in the kernel. */
int close(int fd)
{
	int (*real)(int) = next_call("close");
	const struct rule *r = fd > 2 ? strike_fd(fd, 'c', 0, 0) : NULL;
	int rc = real(fd);
	return fails(r) ? -1 : rc;
}

int ftruncate(int fd, off_t len)
{
	int (*real)(int, off_t) = next_call("ftruncate");
	return fails(strike_fd(fd, 't', 0, 0)) ? -1 : real(fd, len);
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
	int (*real)(int, int, off_t, off_t) = next_call("fallocate");
	return fails(strike_fd(fd, 't', 0, 0)) ? -1 : real(fd, mode, off, len);
}

int flock(int fd, int how)
{
	int (*real)(int, int) = next_call("flock");
	return fails(strike_fd(fd, 'l', 0, 0)) ? -1 : real(fd, how);
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, void *) = next_call("ioctl");
	va_list ap;
	va_start(ap, request);
	void *arg = va_arg(ap, void *);
	va_end(ap);
	const struct rule *r = strike_fd(fd, 'i', 0, 0);
	if (fails(r))
		return -1;
	int rc = real(fd, request, arg);
	if (r && r->what == 'Z' && request == BLKGETSIZE64)
		memset(arg, 0, sizeof(uint64_t));
	return rc;
}

/* ---- things without a file ---- */

ssize_t getrandom(void *buf, size_t len, unsigned int flags)
{
	ssize_t (*real)(void *, size_t, unsigned int) = next_call("getrandom");
	const struct rule *r = strike_word("getrandom", 'g');
	return fails(r) ? -1 : real(buf, left_of(r, len), flags);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
		next_call("pthread_create");
	const struct rule *r = strike_word("pthread_create", 'p');
	return fails(r) ? r->err : real(thread, attr, start, arg);
}

pid_t fork(void)
{
	pid_t (*real)(void) = next_call("fork");
	return fails(strike_word("fork", 'k')) ? -1 : real();
}

int memfd_create(const char *name, unsigned int flags)
{
	int (*real)(const char *, unsigned int) = next_call("memfd_create");
	return fails(strike_word("memfd_create", 'm')) ? -1 : real(name, flags);
}

int pipe2(int fds[2], int flags)
{
	int (*real)(int *, int) = next_call("pipe2");
	return fails(strike_word("pipe2", 'q')) ? -1 : real(fds, flags);
}

ssize_t pread64(int fd, void *buf, size_t len, off_t off) __attribute__((alias("pread")));
ssize_t pwrite64(int fd, const void *buf, size_t len, off_t off) __attribute__((alias("pwrite")));
int ftruncate64(int fd, off_t len) __attribute__((alias("ftruncate")));
int fallocate64(int fd, int mode, off_t off, off_t len) __attribute__((alias("fallocate")));
