/* volumes_reader.c - read a stream that lies in one file or in numbered files */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/io_errno.h"
#include "engine/io/volumes_priv.h"
#include "engine/util/bytes.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_OPEN 64 /* descriptors kept; more only while more threads read at once */

struct file {
	uint64_t start, size;
	int fd;		    /* -1 = closed; under the lock */
	unsigned int users; /* reads going on; under the lock */
};

struct volumes_reader {
	int dirfd;
	char base[VOLUME_NAME_MAX];
	unsigned int digits; /* 0 = one file named `base` */
	bool read_once;
	struct file *f;
	size_t n;
	uint64_t size;
	pthread_mutex_t lock;
	size_t n_open, hand; /* hand: where the search for one to close goes on; under the lock */
};

unsigned int volumes_digits(uint64_t bytes, uint64_t volume_size)
{
	uint64_t volumes = volume_size ? bytes / volume_size + (bytes % volume_size != 0) : 1;
	unsigned int digits = 3;
	for (uint64_t most = 1000; volumes > most && digits < VOLUME_DIGITS_MAX; most *= 10)
		digits++;
	return digits;
}

void volume_name(char out[VOLUME_NAME_MAX], const char *base, unsigned int digits, size_t number)
{
	snprintf(out, VOLUME_NAME_MAX, "%.*s.%0*zu", VOLUME_BASE_MAX, base, (int)digits, number);
}

static void name_of(const struct volumes_reader *r, size_t i, char name[VOLUME_NAME_MAX])
{
	if (r->digits)
		volume_name(name, r->base, r->digits, i);
	else
		snprintf(name, VOLUME_NAME_MAX, "%s", r->base);
}

/* ---- which files are there ---- */

struct scan {
	size_t count;	     /* volumes seen */
	size_t highest;	     /* largest number among them */
	unsigned int digits; /* of the first one seen */
	bool mixed;	     /* another number of digits was seen too */
};

/* The number in BASE.NNN; false when the name is another one. */
static bool parse_name(const char *name, const char *base, size_t *number, unsigned int *digits)
{
	size_t base_len = strlen(base);
	if (strncmp(name, base, base_len) != 0 || name[base_len] != '.')
		return false;
	const char *p = name + base_len + 1;
	size_t n = strspn(p, "0123456789");
	if (n < 3 || n > VOLUME_DIGITS_MAX || p[n])
		return false;
	*digits = (unsigned int)n;
	*number = (size_t)strtoul(p, NULL, 10);
	return true;
}

static int scan_names(const struct volumes_reader *r, struct scan *scan, struct sv_err *err)
{
	int fd = openat(r->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int e = errno;
		if (fd >= 0)
			close(fd);
		return sv_fail(err, SV_E_IO, e, r->base, "cannot look for %s", r->base);
	}
	const struct dirent *entry;
	while ((entry = readdir(dir))) {
		size_t number;
		unsigned int digits;
		if (!parse_name(entry->d_name, r->base, &number, &digits))
			continue;
		if (scan->count++ == 0)
			scan->digits = digits;
		scan->mixed |= digits != scan->digits;
		scan->highest = SV_MAX(scan->highest, number);
	}
	closedir(dir);
	return 0;
}

/* Size of the next file, whose number is r->n. SV_E_NOT_FOUND without a sentence. */
static int add_file(struct volumes_reader *r, struct sv_err *err)
{
	char name[VOLUME_NAME_MAX];
	struct stat st;
	name_of(r, r->n, name);
	if (fstatat(r->dirfd, name, &st, 0) < 0) {
		if (errno == ENOENT)
			return SV_E_NOT_FOUND;
		return sv_fail(err, SV_E_IO, errno, name, "cannot look at %s", name);
	}
	uint64_t end;
	if (!S_ISREG(st.st_mode) || !sv_add_ok(r->size, (uint64_t)st.st_size, &end))
		return sv_fail(err, SV_E_DATA, 0, name, "%s is not a regular file", name);
	r->f[r->n++] = (struct file){.start = r->size, .size = (uint64_t)st.st_size, .fd = -1};
	r->size = end;
	return 0;
}

static int make_room(struct volumes_reader *r, size_t n, struct sv_err *err)
{
	free(r->f);
	r->f = calloc(n, sizeof(*r->f));
	return r->f ? 0 : sv_fail_nomem(err);
}

static int find_numbered(struct volumes_reader *r, struct sv_err *err)
{
	struct scan scan = {0};
	int rc = scan_names(r, &scan, err);
	if (rc)
		return rc;
	if (scan.count == 0)
		return sv_fail(err, SV_E_NOT_FOUND, 0, r->base, "there is no %s here", r->base);
	if (scan.mixed)
		return sv_fail(err, SV_E_DATA, 0, r->base,
			       "the volumes of %s have numbers of different length", r->base);
	r->digits = scan.digits;
	rc = make_room(r, scan.count, err);
	/* Names are unique, so a gap shows as a number below the count that is not there. */
	while (!rc && r->n < scan.count) {
		rc = add_file(r, err);
		if (rc == SV_E_NOT_FOUND) {
			char name[VOLUME_NAME_MAX];
			name_of(r, r->n, name);
			return sv_fail(err, SV_E_DATA, 0, name,
				       "%s is missing, the volumes go on to number %zu", name,
				       scan.highest);
		}
	}
	return rc;
}

int volumes_reader_open(int dirfd, const char *base_name, unsigned int flags,
			struct volumes_reader **reader_ret, struct sv_err *err)
{
	struct volumes_reader *r = calloc(1, sizeof(*r));
	if (!r)
		return sv_fail_nomem(err);
	pthread_mutex_init(&r->lock, NULL);
	r->dirfd = dirfd;
	r->read_once = flags & VOLUMES_READ_ONCE;
	int rc = 0;
	if (strlen(base_name) > VOLUME_BASE_MAX) {
		rc = sv_fail(err, SV_E_NOT_FOUND, ENAMETOOLONG, base_name, "cannot open %s",
			     base_name);
		goto out;
	}
	snprintf(r->base, sizeof(r->base), "%s", base_name);
	rc = make_room(r, 1, err);
	if (!rc)
		rc = add_file(r, err);
	if (rc == SV_E_NOT_FOUND)
		rc = find_numbered(r, err);
	if (rc)
		goto out;
	*reader_ret = r;
	return 0;
out:
	volumes_reader_destroy(r);
	return rc;
}

uint64_t volumes_reader_size(const struct volumes_reader *r)
{
	return r->size;
}

size_t volumes_reader_count(const struct volumes_reader *r)
{
	return r->n;
}

void volumes_reader_info(const struct volumes_reader *r, size_t i, struct volume_info *info)
{
	name_of(r, i, info->name);
	info->start = r->f[i].start;
	info->size = r->f[i].size;
}

/* ---- descriptors, shared between threads ---- */

/* Under the lock: close one that nobody uses. */
static void close_one(struct volumes_reader *r)
{
	for (size_t tried = 0; tried < r->n; tried++) {
		struct file *f = &r->f[r->hand];
		r->hand = (r->hand + 1) % r->n;
		if (f->fd >= 0 && f->users == 0) {
			close(f->fd);
			f->fd = -1;
			r->n_open--;
			return;
		}
	}
}

/* Under the lock: 0 or an errno. */
static int open_one(struct volumes_reader *r, size_t i)
{
	char name[VOLUME_NAME_MAX];
	name_of(r, i, name);
	if (r->n_open >= MAX_OPEN)
		close_one(r);
	r->f[i].fd = openat(r->dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (r->f[i].fd < 0)
		return errno;
	r->n_open++;
	return 0;
}

static int take_file(struct volumes_reader *r, size_t i, struct sv_err *err)
{
	pthread_mutex_lock(&r->lock);
	int e = r->f[i].fd < 0 ? open_one(r, i) : 0;
	if (!e)
		r->f[i].users++;
	pthread_mutex_unlock(&r->lock);
	if (!e)
		return 0;
	char name[VOLUME_NAME_MAX];
	name_of(r, i, name);
	return sv_fail(err, e == ENOENT ? SV_E_DATA : SV_E_IO, e, name, "cannot open %s", name);
}

static void give_file(struct volumes_reader *r, size_t i)
{
	pthread_mutex_lock(&r->lock);
	r->f[i].users--;
	pthread_mutex_unlock(&r->lock);
}

/* ---- reading ---- */

static int fail_read(const struct volumes_reader *r, size_t i, uint64_t off, int e,
		     struct sv_err *err)
{
	char name[VOLUME_NAME_MAX];
	name_of(r, i, name);
	if (e == 0)
		return sv_fail(err, SV_E_DATA, 0, name, "%s ends at %llu, earlier than before",
			       name, (unsigned long long)off);
	return sv_fail(err, SV_E_IO, e, name, "cannot read %s at offset %llu", name,
		       (unsigned long long)off);
}

static int read_file(struct volumes_reader *r, size_t i, uint8_t *p, size_t len, uint64_t off,
		     struct sv_err *err)
{
	int rc = take_file(r, i, err);
	if (rc)
		return rc;
	int fd = r->f[i].fd; /* stays open while we are a user */
	size_t done = 0;
	while (!rc && done < len) {
		ssize_t n = pread(fd, p + done, len - done, (off_t)(off + done));
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			rc = fail_read(r, i, off + done, n < 0 ? errno : 0, err);
	}
	if (r->read_once)
		posix_fadvise(fd, (off_t)off, (off_t)len, POSIX_FADV_DONTNEED);
	give_file(r, i);
	return rc;
}

/* Index of the file that holds a byte of the stream. */
static size_t file_at(const struct volumes_reader *r, uint64_t off)
{
	size_t low = 0, high = r->n;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (r->f[mid].start <= off)
			low = mid;
		else
			high = mid;
	}
	return low;
}

int volumes_reader_pread(struct volumes_reader *r, void *buf, size_t len, uint64_t off,
			 struct sv_err *err)
{
	if (!sv_range_ok(off, len, r->size))
		return sv_fail(err, SV_E_RANGE, 0, r->base,
			       "%zu bytes at offset %llu lie outside %s, which has %llu bytes", len,
			       (unsigned long long)off, r->base, (unsigned long long)r->size);
	uint8_t *p = buf;
	for (size_t i = len ? file_at(r, off) : 0; len > 0; i++) {
		uint64_t skip = off - r->f[i].start;
		size_t piece = (size_t)SV_MIN((uint64_t)len, r->f[i].size - skip);
		int rc = piece ? read_file(r, i, p, piece, skip, err) : 0;
		if (rc)
			return rc;
		p += piece;
		off += piece;
		len -= piece;
	}
	return 0;
}

void volumes_reader_drop_cache(struct volumes_reader *r)
{
	for (size_t i = 0; i < r->n; i++) {
		if (take_file(r, i, NULL))
			continue;
		posix_fadvise(r->f[i].fd, 0, 0, POSIX_FADV_DONTNEED);
		give_file(r, i);
	}
}

void volumes_reader_destroy(struct volumes_reader *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		if (r->f[i].fd >= 0)
			close(r->f[i].fd);
	pthread_mutex_destroy(&r->lock);
	free(r->f);
	free(r);
}
