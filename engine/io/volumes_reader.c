/* volumes_reader.c - read a stream that lies in one file or in numbered files */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/io_errno.h"
#include "engine/io/volumes_priv.h"
#include "engine/util/bytes.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_OPEN 64 /* descriptors kept; more only while more threads read at once */

static int open_reader(int dirfd, const char *base_name, const struct volumes_known *known,
		       struct volumes_reader **reader_ret, struct sv_err *err)
{
	if (strlen(base_name) > VOLUME_BASE_MAX)
		return sv_fail(err, SV_E_NOT_FOUND, ENAMETOOLONG, base_name, "cannot open %s",
			       base_name);
	struct volumes_reader *r = calloc(1, sizeof(*r));
	if (!r)
		return sv_fail_nomem(err);
	pthread_mutex_init(&r->lock, NULL);
	r->dirfd = dirfd;
	snprintf(r->base, sizeof(r->base), "%s", base_name);
	int rc = volumes_find(r, known, err);
	if (rc)
		volumes_reader_destroy(r);
	else
		*reader_ret = r;
	return rc;
}

int volumes_reader_open(int dirfd, const char *base_name, unsigned int flags,
			struct volumes_reader **reader_ret, struct sv_err *err)
{
	int rc = open_reader(dirfd, base_name, NULL, reader_ret, err);
	if (!rc)
		(*reader_ret)->read_once = flags & VOLUMES_READ_ONCE;
	return rc;
}

int volumes_reader_open_known(int dirfd, const char *base_name, const struct volumes_known *known,
			      struct volumes_reader **reader_ret, struct sv_err *err)
{
	return open_reader(dirfd, base_name, known, reader_ret, err);
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
	const struct volume_file *f = &r->f[i];
	volumes_file_name(r, i, info->name);
	info->start = f->start;
	info->size = f->size;
	info->present = f->present;
	info->missing = f->missing;
}

bool volumes_reader_stray(const struct volumes_reader *r, char name[VOLUME_NAME_MAX])
{
	if (*r->stray)
		snprintf(name, VOLUME_NAME_MAX, "%s", r->stray);
	return *r->stray;
}

/* ---- descriptors, shared between threads ---- */

/* Under the lock: close one that nobody uses. */
static void close_one(struct volumes_reader *r)
{
	for (size_t tried = 0; tried < r->n; tried++) {
		struct volume_file *f = &r->f[r->hand];
		r->hand = (r->hand + 1) % r->n;
		if (f->io.fd >= 0 && f->users == 0) {
			dio_close(&f->io);
			r->n_open--;
			return;
		}
	}
}

/* Under the lock: 0 or an errno. */
static int open_one(struct volumes_reader *r, size_t i)
{
	char name[VOLUME_NAME_MAX];
	volumes_file_name(r, i, name);
	if (r->n_open >= MAX_OPEN)
		close_one(r);
	int e = dio_open(&r->f[i].io, r->dirfd, name, O_RDONLY | O_NONBLOCK);
	if (e)
		return e;
	dio_open_direct(&r->f[i].io, r->dirfd, name, false, DIO_ALIGN);
	r->n_open++;
	return 0;
}

static int take_file(struct volumes_reader *r, size_t i, struct sv_err *err)
{
	pthread_mutex_lock(&r->lock);
	int e = r->f[i].io.fd < 0 ? open_one(r, i) : 0;
	if (!e)
		r->f[i].users++;
	pthread_mutex_unlock(&r->lock);
	if (!e)
		return 0;
	char name[VOLUME_NAME_MAX];
	volumes_file_name(r, i, name);
	return sv_fail(err, e == ENOENT ? SV_E_DATA : io_read_code(e), e, name, "cannot open %s",
		       name);
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
	volumes_file_name(r, i, name);
	if (e == 0 && r->f[i].missing)
		return sv_fail(err, SV_E_DATA, 0, name, "%s is missing", name);
	if (e == 0)
		return sv_fail(err, SV_E_DATA, 0, name, "%s ends at %llu, earlier than it should",
			       name, (unsigned long long)off);
	return sv_fail(err, io_read_code(e), e, name, "cannot read %s at offset %llu", name,
		       (unsigned long long)off);
}

static int read_file(struct volumes_reader *r, size_t i, uint8_t *p, size_t len, uint64_t off,
		     struct sv_err *err)
{
	if (!sv_range_ok(off, len, r->f[i].present))
		return fail_read(r, i, SV_MIN(off, r->f[i].present), 0, err);
	int rc = take_file(r, i, err);
	if (rc)
		return rc;
	struct dio *io = &r->f[i].io;
	size_t done = 0;
	while (!rc && done < len) {
		ssize_t n = dio_read_some(io, p + done, len - done, off + done);
		if (n > 0)
			done += (size_t)n;
		else
			rc = fail_read(r, i, off + done, (int)-n, err);
	}
	if (r->read_once)
		posix_fadvise(io->fd, (off_t)off, (off_t)len, POSIX_FADV_DONTNEED);
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

/* Bytes of its part of the stream that a file holds. */
static uint64_t part_present(const struct volume_file *f)
{
	return SV_MIN(f->present, f->size);
}

uint64_t volumes_reader_present(const struct volumes_reader *r)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < r->n; i++)
		sum += part_present(&r->f[i]);
	return sum;
}

uint64_t volumes_reader_next(const struct volumes_reader *r, uint64_t off)
{
	size_t i = file_at(r, off);
	if (off < r->size && off - r->f[i].start < part_present(&r->f[i]))
		return off;
	for (i++; i < r->n; i++)
		if (part_present(&r->f[i]))
			return r->f[i].start;
	return r->size;
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
		posix_fadvise(r->f[i].io.fd, 0, 0, POSIX_FADV_DONTNEED);
		give_file(r, i);
	}
}

void volumes_reader_destroy(struct volumes_reader *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		dio_close(&r->f[i].io);
	pthread_mutex_destroy(&r->lock);
	free(r->f);
	free(r);
}
