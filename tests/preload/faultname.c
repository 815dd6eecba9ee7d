/* faultname.c - the wrapped calls that take a name, and those that ask what a file is */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "faultio.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ---- open ---- */

static mode_t mode_of(int flags, va_list ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(ap, int) : 0;
}

int openat(int dirfd, const char *name, int flags, ...)
{
	int (*real)(int, const char *, int, ...) = next_call("openat");
	va_list ap;
	va_start(ap, flags);
	mode_t mode = mode_of(flags, ap);
	va_end(ap);
	return fails(strike_name(dirfd, name, 'o')) ? -1 : real(dirfd, name, flags, mode);
}

int open(const char *name, int flags, ...)
{
	int (*real)(const char *, int, ...) = next_call("open");
	va_list ap;
	va_start(ap, flags);
	mode_t mode = mode_of(flags, ap);
	va_end(ap);
	return fails(strike_name(AT_FDCWD, name, 'o')) ? -1 : real(name, flags, mode);
}

int mkostemp(char *name, int flags)
{
	int (*real)(char *, int) = next_call("mkostemp");
	return fails(strike_name(AT_FDCWD, name, 'o')) ? -1 : real(name, flags);
}

FILE *fopen(const char *name, const char *mode)
{
	FILE *(*real)(const char *, const char *) = next_call("fopen");
	return fails(strike_name(AT_FDCWD, name, 'o')) ? NULL : real(name, mode);
}

/* ---- directories ---- */

DIR *opendir(const char *name)
{
	DIR *(*real)(const char *) = next_call("opendir");
	return fails(strike_name(AT_FDCWD, name, 'D')) ? NULL : real(name);
}

DIR *fdopendir(int fd)
{
	DIR *(*real)(int) = next_call("fdopendir");
	return fails(strike_fd(fd, 'D', 0, 0)) ? NULL : real(fd);
}

struct dirent *readdir(DIR *dir)
{
	struct dirent *(*real)(DIR *) = next_call("readdir");
	return fails(strike_fd(dirfd(dir), 'D', 0, 0)) ? NULL : real(dir);
}

int scandir(const char *name, struct dirent ***list, int (*filter)(const struct dirent *),
	    int (*compare)(const struct dirent **, const struct dirent **))
{
	int (*real)(const char *, struct dirent ***, int (*)(const struct dirent *),
		    int (*)(const struct dirent **, const struct dirent **)) = next_call("scandir");
	return fails(strike_name(AT_FDCWD, name, 'D')) ? -1 : real(name, list, filter, compare);
}

/* ---- what a file is ---- */

/* A size asked for may be 0. */
static int after_stat(const struct rule *r, struct stat *st, int rc)
{
	if (r && r->what == 'Z' && rc == 0)
		st->st_size = 0;
	return rc;
}

int fstat(int fd, struct stat *st)
{
	int (*real)(int, struct stat *) = next_call("fstat");
	const struct rule *r = strike_fd(fd, 'S', 0, 0);
	return fails(r) ? -1 : after_stat(r, st, real(fd, st));
}

int stat(const char *name, struct stat *st)
{
	int (*real)(const char *, struct stat *) = next_call("stat");
	const struct rule *r = strike_name(AT_FDCWD, name, 'S');
	return fails(r) ? -1 : after_stat(r, st, real(name, st));
}

int lstat(const char *name, struct stat *st)
{
	int (*real)(const char *, struct stat *) = next_call("lstat");
	const struct rule *r = strike_name(AT_FDCWD, name, 'S');
	return fails(r) ? -1 : after_stat(r, st, real(name, st));
}

int fstatat(int dirfd, const char *name, struct stat *st, int flags)
{
	int (*real)(int, const char *, struct stat *, int) = next_call("fstatat");
	const struct rule *r = strike_name(dirfd, name, 'S');
	return fails(r) ? -1 : after_stat(r, st, real(dirfd, name, st, flags));
}

int statx(int dirfd, const char *name, int flags, unsigned int mask, struct statx *st)
{
	int (*real)(int, const char *, int, unsigned int, struct statx *) = next_call("statx");
	return fails(strike_name(dirfd, name, 'S')) ? -1 : real(dirfd, name, flags, mask, st);
}

int fstatfs(int fd, struct statfs *st)
{
	int (*real)(int, struct statfs *) = next_call("fstatfs");
	return fails(strike_fd(fd, 'f', 0, 0)) ? -1 : real(fd, st);
}

int fstatvfs(int fd, struct statvfs *st)
{
	int (*real)(int, struct statvfs *) = next_call("fstatvfs");
	return fails(strike_fd(fd, 'f', 0, 0)) ? -1 : real(fd, st);
}

int statvfs(const char *name, struct statvfs *st)
{
	int (*real)(const char *, struct statvfs *) = next_call("statvfs");
	return fails(strike_name(AT_FDCWD, name, 'f')) ? -1 : real(name, st);
}

/* ---- mounts, by where they are ---- */

int mount(const char *source, const char *target, const char *type, unsigned long flags,
	  const void *data)
{
	int (*real)(const char *, const char *, const char *, unsigned long, const void *) =
		next_call("mount");
	return fails(strike_name(AT_FDCWD, target, 'M')) ? -1
							 : real(source, target, type, flags, data);
}

int umount(const char *target)
{
	int (*real)(const char *) = next_call("umount");
	return fails(strike_name(AT_FDCWD, target, 'M')) ? -1 : real(target);
}

int umount2(const char *target, int flags)
{
	int (*real)(const char *, int) = next_call("umount2");
	return fails(strike_name(AT_FDCWD, target, 'M')) ? -1 : real(target, flags);
}

/* ---- names changed ---- */

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	int (*real)(int, const char *, int, const char *, unsigned int) = next_call("renameat2");
	return fails(strike_name(from_dir, from, 'n')) ? -1
						       : real(from_dir, from, to_dir, to, flags);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	int (*real)(int, const char *, int, const char *) = next_call("renameat");
	return fails(strike_name(from_dir, from, 'n')) ? -1 : real(from_dir, from, to_dir, to);
}

int unlinkat(int dirfd, const char *name, int flags)
{
	int (*real)(int, const char *, int) = next_call("unlinkat");
	return fails(strike_name(dirfd, name, 'u')) ? -1 : real(dirfd, name, flags);
}

int unlink(const char *name)
{
	int (*real)(const char *) = next_call("unlink");
	return fails(strike_name(AT_FDCWD, name, 'u')) ? -1 : real(name);
}

int mkdirat(int dirfd, const char *name, mode_t mode)
{
	int (*real)(int, const char *, mode_t) = next_call("mkdirat");
	return fails(strike_name(dirfd, name, 'd')) ? -1 : real(dirfd, name, mode);
}

int mkdir(const char *name, mode_t mode)
{
	int (*real)(const char *, mode_t) = next_call("mkdir");
	return fails(strike_name(AT_FDCWD, name, 'd')) ? -1 : real(name, mode);
}

/* the names that programs with large files call */
#define ALSO(name, other)                                                                          \
	extern __typeof__(name) name##_too __asm__(other) __attribute__((alias(#name), copy(name)))

ALSO(open, "open64");
ALSO(openat, "openat64");
ALSO(mkostemp, "mkostemp64");
ALSO(fopen, "fopen64");
ALSO(readdir, "readdir64");
ALSO(scandir, "scandir64");
ALSO(fstat, "fstat64");
ALSO(stat, "stat64");
ALSO(lstat, "lstat64");
ALSO(fstatat, "fstatat64");
ALSO(fstatfs, "fstatfs64");
ALSO(fstatvfs, "fstatvfs64");
ALSO(statvfs, "statvfs64");
