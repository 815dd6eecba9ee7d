/* rescue_list.c - which rescues were begun: the side files of a folder */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_folder(const char *folder, struct sv_err *err)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	return sv_fail(err, errno == ENOENT || errno == ENOTDIR ? SV_E_NOT_FOUND : SV_E_STORE,
		       errno, folder, "cannot open the folder %s", folder);
}

/* NAME is the mapfile's, which must be there, too. */
static int look(int dirfd, const char *name, struct sv_rescue_entry *entry, struct sv_err *err)
{
	char side_name[sizeof(entry->name) + sizeof(BOOK_SIDE_SUFFIX)];
	struct book_side side;
	if (strlen(name) >= sizeof(entry->name) || faccessat(dirfd, name, F_OK, 0))
		return sv_fail(err, SV_E_NOT_FOUND, 0, name, "there is no map %s", name);
	snprintf(side_name, sizeof(side_name), "%s" BOOK_SIDE_SUFFIX, name);
	int rc = book_read_side(dirfd, side_name, &side, err);
	if (rc)
		return rc;
	*entry = (struct sv_rescue_entry){
		.source = side.source,
		.target = side.target,
		.domain = side.domain,
		.finished = side.finished,
		.done = side.done,
		.total = side.total,
	};
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	return 0;
}

int sv_rescue_look(const char *mapfile, struct sv_rescue_entry *entry, struct sv_err *err)
{
	const char *slash = strrchr(mapfile, '/');
	char *folder = slash ? strndup(mapfile, (size_t)(slash - mapfile) + 1) : strdup(".");
	if (!folder)
		return sv_fail_nomem(err);
	int fd = open_folder(folder, err);
	free(folder);
	if (fd < 0)
		return fd;
	int rc = look(fd, slash ? slash + 1 : mapfile, entry, err);
	close(fd);
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct sv_rescue_entry *)a)->name,
		      ((const struct sv_rescue_entry *)b)->name);
}

/* "disk.map" of "disk.map.salvor.json"; false: no side file. */
static bool map_name(const char *side_name, char *out, size_t cap)
{
	size_t len = strlen(side_name), tail = strlen(BOOK_SIDE_SUFFIX);
	if (len <= tail || len - tail >= cap || strcmp(side_name + len - tail, BOOK_SIDE_SUFFIX))
		return false;
	snprintf(out, cap, "%.*s", (int)(len - tail), side_name);
	return true;
}

static int collect(int dirfd, DIR *dir, struct sv_rescue_entry **list, size_t *n)
{
	const struct dirent *d;
	while ((d = readdir(dir))) {
		struct sv_rescue_entry entry;
		struct sv_err ignored = {0};
		char name[sizeof(entry.name)];
		if (!map_name(d->d_name, name, sizeof(name)) || look(dirfd, name, &entry, &ignored))
			continue;
		struct sv_rescue_entry *grown = reallocarray(*list, *n + 1, sizeof(*grown));
		if (!grown)
			return SV_E_NOMEM;
		*list = grown;
		grown[(*n)++] = entry;
	}
	return 0;
}

int sv_rescue_list(const char *folder, struct sv_rescue_entry **list_ret, size_t *n_ret,
		   struct sv_err *err)
{
	*list_ret = NULL;
	*n_ret = 0;
	int fd = open_folder(folder, err);
	if (fd < 0)
		return fd;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return sv_fail_nomem(err);
	}
	int rc = collect(fd, dir, list_ret, n_ret);
	closedir(dir);
	if (rc) {
		free(*list_ret);
		*list_ret = NULL;
		*n_ret = 0;
		return sv_fail_nomem(err);
	}
	if (*n_ret)
		qsort(*list_ret, *n_ret, sizeof(**list_ret), by_name);
	return 0;
}
