/* fuzz_files.h - a folder of files that a fuzz target fills anew for every input */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FUZZ_FILES_H
#define TESTS_FUZZ_FILES_H

#include "tests/fuzz/fuzz.h"
#include "tests/lib/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One folder for the whole run, under $TMPDIR; gone when the run ends in good order. */
static char fuzz_top[64];

static void fuzz_top_remove(void)
{
	scratch_remove(fuzz_top);
}

static inline const char *fuzz_top_make(void)
{
	if (!*fuzz_top) {
		must(scratch_make(fuzz_top));
		must(!atexit(fuzz_top_remove));
	}
	return fuzz_top;
}

/* The descriptor of a new or old folder in it. */
static inline int fuzz_folder(const char *name)
{
	char path[400];
	scratch_path(path, sizeof(path), fuzz_top_make(), name);
	must(!mkdir(path, 0755) || errno == EEXIST);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd >= 0);
	return fd;
}

/* Remove the files in a folder. */
static inline void fuzz_empty(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);
	const struct dirent *e;
	must(dir);
	while ((e = readdir(dir)))
		if (*e->d_name != '.')
			must(!unlinkat(dirfd, e->d_name, 0));
	closedir(dir);
}

/* Make a file hold exactly these bytes. */
static inline void fuzz_put(int dirfd, const char *name, const void *data, size_t len)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	must(fd >= 0);
	must(write(fd, data, len) == (ssize_t)len);
	close(fd);
}

#endif
