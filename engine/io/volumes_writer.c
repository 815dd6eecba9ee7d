/* volumes_writer.c - append a long stream to numbered files: the calls from outside */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/io_errno.h"
#include "engine/io/volumes_priv.h"
#include "engine/util/bytes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int check_usable(const struct volumes_writer *w, struct sv_err *err)
{
	if (!w->broken && !w->finished)
		return 0;
	return sv_fail(err, SV_E_IO, 0, w->base, "%s takes no more data%s", w->base,
		       w->broken ? " after an error" : ", it is finished");
}

static bool is_full(const struct volumes_writer *w)
{
	return w->buf_off + w->len >= w->limit;
}

static int append_all(struct volumes_writer *w, const uint8_t *p, size_t len, struct sv_err *err)
{
	while (len > 0) {
		int rc = 0;
		if (is_full(w)) {
			rc = volumes_write_out(w, true, err);
			/* EFBIG may have opened the next one already, and its part may be short */
			if (!rc && is_full(w)) {
				rc = volumes_close_last(w, err);
				if (!rc)
					rc = volumes_open_next(w, err);
			}
		} else if (w->len == VOLUMES_BUF_SIZE) {
			rc = volumes_write_out(w, false, err);
		}
		if (rc)
			return rc;
		size_t room = (size_t)SV_MIN((uint64_t)(VOLUMES_BUF_SIZE - w->len),
					     w->limit - (w->buf_off + w->len));
		size_t piece = SV_MIN(room, len);
		memcpy(w->buf + w->len, p, piece);
		w->len += piece;
		p += piece;
		len -= piece;
	}
	return 0;
}

static int reserve_end(struct volumes_writer *w)
{
	if (w->n_ends < w->cap_ends)
		return 0;
	size_t cap = w->cap_ends ? w->cap_ends * 2 : 64;
	uint64_t *ends = reallocarray(w->ends, cap, sizeof(*ends));
	if (!ends)
		return SV_E_NOMEM;
	w->ends = ends;
	w->cap_ends = cap;
	return 0;
}

int volumes_writer_append(struct volumes_writer *w, const void *buf, size_t len, struct sv_err *err)
{
	int rc = check_usable(w, err);
	if (rc || len == 0)
		return rc;
	if (reserve_end(w))
		return sv_fail_nomem(err);
	rc = append_all(w, buf, len, err);
	if (rc) {
		volumes_roll_back(w);
		return rc;
	}
	w->position += len;
	w->ends[w->n_ends++] = w->position;
	return 0;
}

uint64_t volumes_writer_position(const struct volumes_writer *w)
{
	return w->position;
}

uint64_t volumes_writer_synced(const struct volumes_writer *w)
{
	return w->synced;
}

bool volumes_writer_dir_sync_missing(const struct volumes_writer *w)
{
	return w->dir_sync_missing;
}

static int sync_names(struct volumes_writer *w, struct sv_err *err)
{
	if (!w->dir_changed)
		return 0;
	int rc = store_sync_dir(w->dirfd, w->faults, &w->dir_sync_missing, err);
	if (rc)
		w->broken = true;
	else
		w->dir_changed = false;
	return rc;
}

int volumes_writer_sync(struct volumes_writer *w, struct sv_err *err)
{
	int rc = check_usable(w, err);
	if (rc)
		return rc;
	rc = volumes_write_out(w, true, err);
	if (rc) {
		volumes_roll_back(w);
		return rc;
	}
	rc = volumes_sync_last(w, err);
	if (!rc)
		rc = sync_names(w, err);
	if (!rc)
		w->synced = w->position;
	return rc;
}

int volumes_writer_finish(struct volumes_writer *w, struct sv_err *err)
{
	int rc = volumes_writer_sync(w, err);
	if (rc)
		return rc;
	if (w->n == 1) {
		char name[VOLUME_NAME_MAX];
		volumes_name_of(w, 0, name);
		rc = store_rename(w->dirfd, name, w->dirfd, w->base, w->faults, err);
		if (rc)
			return rc;
		w->dir_changed = true;
	}
	w->finished = true;
	rc = volumes_close_last(w, err);
	return rc ? rc : sync_names(w, err);
}

size_t volumes_writer_count(const struct volumes_writer *w)
{
	return w->n;
}

void volumes_writer_info(const struct volumes_writer *w, size_t i, struct volume_info *info)
{
	volumes_name_of(w, i, info->name);
	info->start = w->v[i].start;
	info->size = info->present = w->v[i].size;
	info->missing = false;
}

int volumes_writer_sha256(struct volumes_writer *w, size_t i, uint8_t digest[SV_SHA256_LEN],
			  struct sv_err *err)
{
	struct volume *v = &w->v[i];
	if (!v->digest_known) {
		char name[VOLUME_NAME_MAX];
		volumes_name_of(w, i, name);
		int rc = store_sha256_written(w->dirfd, name, v->size, v->digest, err);
		if (rc)
			return rc;
		v->digest_known = w->finished;
	}
	memcpy(digest, v->digest, SV_SHA256_LEN);
	return 0;
}

static int writer_new(const struct volumes_create *create, struct volumes_writer **writer_ret,
		      struct sv_err *err)
{
	if (strlen(create->base_name) > VOLUME_BASE_MAX || create->digits < 1 ||
	    create->digits > VOLUME_DIGITS_MAX)
		return sv_fail(err, SV_E_USAGE, 0, create->base_name,
			       "%s cannot be the name of a stream", create->base_name);
	struct volumes_writer *w = calloc(1, sizeof(*w));
	if (!w)
		return sv_fail_nomem(err);
	w->io.fd = w->io.direct_fd = -1;
	w->dirfd = create->dirfd;
	snprintf(w->base, sizeof(w->base), "%s", create->base_name);
	w->limit = create->volume_size ? create->volume_size : UINT64_MAX;
	w->digits = create->digits;
	w->max_volumes = 1;
	for (unsigned int i = 0; i < create->digits; i++)
		w->max_volumes *= 10;
	w->faults = create->faults;
	w->sha = sv_sha256_create();
	w->buf = aligned_alloc(DIO_ALIGN, VOLUMES_BUF_SIZE);
	if (!w->sha || !w->buf) {
		volumes_writer_destroy(w);
		return sv_fail_nomem(err);
	}
	*writer_ret = w;
	return 0;
}

static bool exists(const struct volumes_writer *w, const char *name, uint64_t *size)
{
	struct stat st;
	if (fstatat(w->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	*size = (uint64_t)st.st_size;
	return true;
}

int volumes_writer_create(const struct volumes_create *create, struct volumes_writer **writer_ret,
			  struct sv_err *err)
{
	struct volumes_writer *w;
	uint64_t size;
	int rc = writer_new(create, &w, err);
	if (rc)
		return rc;
	if (exists(w, w->base, &size))
		rc = sv_fail(err, SV_E_REFUSED, EEXIST, w->base, "%s is already there", w->base);
	if (!rc)
		rc = volumes_open_next(w, err);
	if (rc) {
		volumes_writer_destroy(w);
		return rc;
	}
	*writer_ret = w;
	return 0;
}

/* Learn of the volumes that are there; a finished single one gets its number back. */
static int find_volumes(struct volumes_writer *w, uint64_t *total, struct sv_err *err)
{
	char name[VOLUME_NAME_MAX];
	uint64_t size;
	*total = 0;
	volumes_name_of(w, 0, name);
	if (!exists(w, name, &size) && exists(w, w->base, &size)) {
		int rc = store_rename(w->dirfd, w->base, w->dirfd, name, w->faults, err);
		if (rc)
			return rc;
		w->dir_changed = true;
	}
	while (exists(w, name, &size)) {
		if (!sv_add_ok(*total, size, total))
			return sv_fail(err, SV_E_DATA, 0, name, "%s is too long", name);
		if (volumes_reserve(w))
			return sv_fail_nomem(err);
		w->v[w->n++] = (struct volume){.start = *total - size, .size = size};
		volumes_name_of(w, w->n, name);
	}
	return 0;
}

int volumes_writer_resume(const struct volumes_create *create, uint64_t position,
			  struct volumes_writer **writer_ret, struct sv_err *err)
{
	struct volumes_writer *w;
	uint64_t total;
	int rc = writer_new(create, &w, err);
	if (rc)
		return rc;
	rc = find_volumes(w, &total, err);
	if (rc)
		goto out;
	if (total < position) {
		rc = sv_fail(err, SV_E_DATA, 0, w->base,
			     "%s has %llu bytes in %zu volumes, but %llu were stored", w->base,
			     (unsigned long long)total, w->n, (unsigned long long)position);
		goto out;
	}
	w->hashed = NOT_HASHED;
	rc = w->n ? volumes_cut_to(w, position, err) : volumes_open_next(w, err);
	if (rc)
		goto out;
	*writer_ret = w;
	return 0;
out:
	volumes_writer_destroy(w);
	return rc;
}

void volumes_writer_destroy(struct volumes_writer *w)
{
	if (!w)
		return;
	dio_close(&w->io);
	sv_sha256_destroy(w->sha);
	free(w->buf);
	free(w->ends);
	free(w->v);
	free(w);
}
