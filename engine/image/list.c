/* list.c - the images in a store */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/reader_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_IMAGES 65536u

static bool ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);
	return n > k && !strcmp(s + n - k, suffix);
}

/* The description in the index, where there is no manifest (yet). */
static bool read_index(int dirfd, struct index_head *head, struct manifest *m)
{
	struct stat st;
	char *json = NULL;
	size_t len = 0;
	int fd = openat(dirfd, NAME_INDEX, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool ok = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) &&
		  !index_load_identity(index_pread, &fd, (uint64_t)st.st_size, head, &json, &len) &&
		  !reader_info_of_index(head, json, len, m);
	free(json);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* true when the directory looks like an image at all. */
static bool look(int store, const char *name, struct image_list_entry *e)
{
	struct index_head head;
	struct manifest m = {0};
	int dirfd = openat(store, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return false;
	bool is_image =
		!faccessat(dirfd, NAME_MANIFEST, F_OK, 0) || !faccessat(dirfd, NAME_INDEX, F_OK, 0);
	memset(e, 0, sizeof(*e));
	if (is_image) {
		memcpy(e->name, name, strnlen(name, sizeof(e->name) - 1));
		e->unfinished = ends_with(name, PART_SUFFIX);
		e->readable = !reader_load_manifest(dirfd, &m) || read_index(dirfd, &head, &m);
		if (e->readable) {
			e->info = m.info; /* with its partitions */
			memset(&m.info, 0, sizeof(m.info));
		}
	}
	manifest_clear(&m);
	close(dirfd);
	return is_image;
}

int image_begun(const char *part, struct image_info *info, uint64_t *volume_size)
{
	struct index_head head;
	struct manifest m = {0};
	int dirfd = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return SV_E_NOT_FOUND;
	bool found = read_index(dirfd, &head, &m);
	close(dirfd);
	if (!found)
		return SV_E_NOT_FOUND;
	*volume_size = head.volume_size;
	*info = m.info;
	memset(&m.info, 0, sizeof(m.info));
	manifest_clear(&m);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct image_list_entry *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static int collect(DIR *dir, struct image_list_entry **list, size_t *n)
{
	const struct dirent *d;
	while (*n < MAX_IMAGES && (d = readdir(dir))) {
		struct image_list_entry e;
		if (d->d_name[0] == '.' || !look(dirfd(dir), d->d_name, &e))
			continue;
		struct image_list_entry *more = reallocarray(*list, *n + 1, sizeof(e));
		if (!more) {
			image_info_clear(&e.info);
			return SV_E_NOMEM;
		}
		*list = more;
		(*list)[(*n)++] = e;
	}
	return 0;
}

int image_list(const char *store, struct image_list_entry **list_ret, size_t *n_ret,
	       struct sv_err *err)
{
	struct image_list_entry *list = NULL;
	size_t n = 0;
	DIR *dir = opendir(store);
	if (!dir)
		return sv_fail(err,
			       errno == ENOENT || errno == ENOTDIR ? SV_E_NOT_FOUND : SV_E_STORE,
			       errno, store, "cannot open the store %s", store);
	int rc = collect(dir, &list, &n);
	closedir(dir);
	if (rc) {
		image_list_free(list, n);
		return sv_fail_nomem(err);
	}
	if (n)
		qsort(list, n, sizeof(*list), by_name);
	*list_ret = list;
	*n_ret = n;
	return 0;
}

void image_list_free(struct image_list_entry *list, size_t n)
{
	for (size_t i = 0; list && i < n; i++)
		image_info_clear(&list[i].info);
	free(list);
}
