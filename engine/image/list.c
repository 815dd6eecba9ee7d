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

static int open_index(int dirfd, int *fd, uint64_t *size)
{
	struct stat st;
	*fd = openat(dirfd, NAME_INDEX, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0 || fstat(*fd, &st))
		return store_read_code(errno);
	*size = (uint64_t)st.st_size;
	return S_ISREG(st.st_mode) ? 0 : SV_E_DATA;
}

/* The description in the index, where there is no manifest (yet). 0, or some error. */
static int read_index(int dirfd, struct index_head *head, struct manifest *m)
{
	char *json = NULL;
	size_t len = 0;
	uint64_t size;
	int fd, rc = open_index(dirfd, &fd, &size);
	if (!rc)
		rc = index_load_identity(index_pread, &fd, size, head, &json, &len);
	if (!rc)
		rc = reader_info_of_index(head, json, len, m);
	free(json);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* How far an unfinished one got. An index that cannot be read to its end counts as far as it can.
 */
static void read_progress(int dirfd, struct image_list_entry *e)
{
	uint64_t size;
	int fd;
	if (!open_index(dirfd, &fd, &size))
		index_load_progress(index_pread, &fd, size, &e->done, &e->to_read);
	if (fd >= 0)
		close(fd);
}

/* 0, SV_E_NOT_FOUND: it is no image; what image_cannot_tell(). */
static int find_image(int dirfd)
{
	static const char *const marks[] = {NAME_MANIFEST, NAME_INDEX};
	for (size_t i = 0; i < SV_ARRAY(marks); i++) {
		if (faccessat(dirfd, marks[i], F_OK, 0) == 0)
			return 0;
		if (image_cannot_tell(store_read_code(errno)))
			return store_read_code(errno);
	}
	return SV_E_NOT_FOUND;
}

/* A folder one may not look into is not listed, but one that cannot be opened for another reason
 * may be an image. SV_E_NOT_FOUND: it is none. */
static int open_folder(int store, const char *name, int *dirfd)
{
	*dirfd = openat(store, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dirfd >= 0)
		return 0;
	bool other = errno == ENOTDIR || errno == ENOENT || errno == EACCES || errno == ELOOP;
	return other ? SV_E_NOT_FOUND : errno == ENOMEM ? SV_E_NOMEM : SV_E_STORE;
}

static int look(int store, const char *name, struct image_list_entry *e, struct sv_err *err)
{
	struct index_head head;
	struct manifest m = {0};
	int dirfd;
	int rc = open_folder(store, name, &dirfd);
	if (!rc)
		rc = find_image(dirfd);
	if (!rc) {
		memset(e, 0, sizeof(*e));
		memcpy(e->name, name, strnlen(name, sizeof(e->name) - 1));
		e->unfinished = ends_with(name, PART_SUFFIX);
		struct sv_err why = {0};
		int found = reader_load_manifest(dirfd, &m, &why);
		if (found && !image_cannot_tell(found))
			found = read_index(dirfd, &head, &m);
		e->readable = !found;
		/* somebody else's image is there all the same */
		if (image_cannot_tell(found) && why.sys_errno != EACCES)
			rc = found;
	}
	if (!rc && e->readable) {
		e->info = m.info; /* with its partitions */
		memset(&m.info, 0, sizeof(m.info));
	}
	if (!rc && e->unfinished)
		read_progress(dirfd, e);
	manifest_clear(&m);
	if (dirfd >= 0)
		close(dirfd);
	if (rc == SV_E_STORE)
		sv_fail(err, rc, 0, name, "cannot read %s in the store any more", name);
	return rc;
}

int image_begun(const char *part, struct image_info *info, uint64_t *volume_size)
{
	struct index_head head;
	struct manifest m = {0};
	int dirfd = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return SV_E_NOT_FOUND;
	int rc = read_index(dirfd, &head, &m);
	close(dirfd);
	if (rc)
		return rc == SV_E_NOMEM ? rc : SV_E_NOT_FOUND;
	*volume_size = head.volume_size;
	*info = m.info;
	memset(&m.info, 0, sizeof(m.info));
	manifest_clear(&m);
	return 0;
}

/* Where an image of before does not tell: such a map needs a key. */
static bool needed_key(const struct image_part *p)
{
	bool encrypted = !strcmp(p->fs, "crypto_LUKS") || !strcmp(p->fs, "BitLocker");
	return encrypted && (!strcmp(p->state, "exact") || !strcmp(p->state, "union"));
}

bool image_begun_unlocked(const struct image_info *info)
{
	bool unlocked = false;
	for (size_t i = 0; i < info->n_parts; i++) {
		const struct image_part *p = &info->parts[i];
		unlocked |= p->unlocked < 0 ? needed_key(p) : p->unlocked > 0;
	}
	return unlocked;
}

static int by_name(const void *a, const void *b)
{
	const struct image_list_entry *x = a, *y = b;
	return strcmp(x->name, y->name);
}

/* The next name that may be an image; NULL at the end (*rc 0) and after an error. */
static const char *next_name(DIR *dir, const char *store, bool unfinished, int *rc,
			     struct sv_err *err)
{
	const struct dirent *d;
	do {
		errno = 0;
		d = readdir(dir);
	} while (d && (d->d_name[0] == '.' || (unfinished && !ends_with(d->d_name, PART_SUFFIX))));
	if (!d && errno)
		*rc = sv_fail(err, SV_E_STORE, errno, store, "cannot read the folder %s", store);
	return d ? d->d_name : NULL;
}

static int collect(DIR *dir, const char *store, bool unfinished, struct image_list_entry **list,
		   size_t *n, struct sv_err *err)
{
	const char *name;
	int rc = 0;
	while (*n < MAX_IMAGES && (name = next_name(dir, store, unfinished, &rc, err))) {
		struct image_list_entry e;
		rc = look(dirfd(dir), name, &e, err);
		if (rc == SV_E_NOT_FOUND) {
			rc = 0;
			continue;
		}
		if (rc)
			break;
		struct image_list_entry *more = reallocarray(*list, *n + 1, sizeof(e));
		if (!more) {
			image_info_clear(&e.info);
			return SV_E_NOMEM;
		}
		*list = more;
		(*list)[(*n)++] = e;
	}
	return rc;
}

static int list_store(const char *store, bool unfinished, struct image_list_entry **list_ret,
		      size_t *n_ret, struct sv_err *err)
{
	struct image_list_entry *list = NULL;
	size_t n = 0;
	DIR *dir = opendir(store);
	if (!dir && errno == ENOMEM)
		return sv_fail_nomem(err);
	if (!dir)
		return sv_fail(err,
			       errno == ENOENT || errno == ENOTDIR ? SV_E_NOT_FOUND : SV_E_STORE,
			       errno, store, "cannot open the store %s", store);
	int rc = collect(dir, store, unfinished, &list, &n, err);
	closedir(dir);
	if (rc) {
		image_list_free(list, n);
		return rc == SV_E_NOMEM ? sv_fail_nomem(err) : rc;
	}
	if (n)
		qsort(list, n, sizeof(*list), by_name);
	*list_ret = list;
	*n_ret = n;
	return 0;
}

int image_list(const char *store, struct image_list_entry **list_ret, size_t *n_ret,
	       struct sv_err *err)
{
	return list_store(store, false, list_ret, n_ret, err);
}

int image_list_unfinished(const char *store, struct image_list_entry **list_ret, size_t *n_ret,
			  struct sv_err *err)
{
	return list_store(store, true, list_ret, n_ret, err);
}

void image_list_free(struct image_list_entry *list, size_t n)
{
	for (size_t i = 0; list && i < n; i++)
		image_info_clear(&list[i].info);
	free(list);
}
