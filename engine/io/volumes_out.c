/* volumes_out.c - the files, the buffer and the cutting back of the stream writer */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/io_errno.h"
#include "engine/io/volumes_priv.h"
#include "engine/util/bytes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct volume *last_volume(struct volumes_writer *w)
{
	return &w->v[w->n - 1];
}

void volumes_name_of(const struct volumes_writer *w, size_t i, char name[VOLUME_NAME_MAX])
{
	if (w->finished && w->n == 1)
		snprintf(name, VOLUME_NAME_MAX, "%s", w->base);
	else
		volume_name(name, w->base, w->digits, i);
}

static int fail_volume(const struct volumes_writer *w, size_t i, const char *verb, int e,
		       struct sv_err *err)
{
	char name[VOLUME_NAME_MAX];
	volumes_name_of(w, i, name);
	return sv_fail(err, io_code(e), e, name, "cannot %s %s", verb, name);
}

static int fault_of(const struct volumes_writer *w, size_t i, enum store_op op, size_t *len)
{
	char name[VOLUME_NAME_MAX];
	volumes_name_of(w, i, name);
	return store_fault(w->faults, op, name, len);
}

/* ---- opening, syncing and closing the last volume ---- */

static int open_file(struct volumes_writer *w, size_t i, int flags, struct sv_err *err)
{
	char name[VOLUME_NAME_MAX];
	volumes_name_of(w, i, name);
	int e = store_fault(w->faults, STORE_OP_OPEN, name, NULL);
	if (!e)
		e = dio_open(&w->io, w->dirfd, name, O_RDWR | O_NOFOLLOW | flags);
	if (e == EEXIST)
		return sv_fail(err, SV_E_REFUSED, e, name, "%s is already there", name);
	if (e)
		return fail_volume(w, i, "open", e, err);
	if (!store_fault(w->faults, STORE_OP_DIRECT, name, NULL))
		dio_open_direct(&w->io, w->dirfd, name, true, DIO_ALIGN);
	w->behind_len = 0;
	return 0;
}

/* Room for one more, so that a file once made is never forgotten. */
int volumes_reserve(struct volumes_writer *w)
{
	if (w->n < w->cap)
		return 0;
	size_t cap = w->cap ? w->cap * 2 : 8;
	struct volume *v = reallocarray(w->v, cap, sizeof(*v));
	if (!v)
		return SV_E_NOMEM;
	w->v = v;
	w->cap = cap;
	return 0;
}

/* Open the volume after the last; what the buffer holds that is not clean is its beginning. */
int volumes_open_next(struct volumes_writer *w, struct sv_err *err)
{
	if (w->n >= w->max_volumes)
		return sv_fail(err, SV_E_NOSPC, EFBIG, w->base, "%s needs more than %zu volumes",
			       w->base, w->max_volumes);
	if (volumes_reserve(w))
		return sv_fail_nomem(err);
	int rc = open_file(w, w->n, O_CREAT | O_EXCL, err);
	if (rc)
		return rc;
	uint64_t start = w->n ? last_volume(w)->start + last_volume(w)->size : 0;
	w->v[w->n++] = (struct volume){.start = start};
	w->dir_changed = true;
	memmove(w->buf, w->buf + w->clean, w->len - w->clean);
	w->len -= w->clean;
	w->clean = 0;
	w->buf_off = 0;
	uint8_t unused[SV_SHA256_LEN];
	sv_sha256_finish(w->sha, unused);
	w->hashed = 0;
	return 0;
}

/* After an fsync that failed nobody knows which pages are on the medium: the writer ends there. */
int volumes_sync_last(struct volumes_writer *w, struct sv_err *err)
{
	int e = fault_of(w, w->n - 1, STORE_OP_SYNC, NULL);
	while (!e && fsync(w->io.fd) < 0)
		e = errno == EINTR ? 0 : errno;
	if (!e)
		return 0;
	w->broken = true;
	return fail_volume(w, w->n - 1, "sync", e, err);
}

int volumes_close_last(struct volumes_writer *w, struct sv_err *err)
{
	int rc = volumes_sync_last(w, err);
	if (rc)
		return rc;
	posix_fadvise(w->io.fd, 0, 0, POSIX_FADV_DONTNEED);
	dio_close(&w->io);
	struct volume *v = last_volume(w);
	v->digest_known = w->hashed == v->size;
	if (v->digest_known)
		sv_sha256_finish(w->sha, v->digest);
	w->hashed = NOT_HASHED;
	return 0;
}

/* ---- from the buffer to the files ---- */

/* One write call's worth of buf[clean, upto). 0 or an errno. */
static int write_some(struct volumes_writer *w, size_t upto)
{
	size_t from = w->clean;
	if (dio_is_direct(&w->io) && sv_round_down(from, DIO_ALIGN) + DIO_ALIGN <= upto)
		from = (size_t)sv_round_down(from, DIO_ALIGN); /* the block at the end, anew */
	size_t piece = upto - from;
	int e = fault_of(w, w->n - 1, STORE_OP_WRITE, &piece);
	if (e)
		return e;
	ssize_t n = dio_write_some(&w->io, w->buf + from, piece, w->buf_off + from);
	if (n <= 0)
		return n < 0 ? (int)-n : EIO;
	size_t end = from + (size_t)n;
	if (end <= w->clean) { /* no step forward: go on without the old part of the block */
		atomic_store(&w->io.direct_ok, false);
		return 0;
	}
	if (w->hashed == w->buf_off + w->clean) {
		sv_sha256_update(w->sha, w->buf + w->clean, end - w->clean);
		w->hashed += end - w->clean;
	}
	w->clean = end;
	last_volume(w)->size = w->buf_off + end;
	return 0;
}

/* Buffered bytes must not fill the page cache: start their write-back, wait for the piece before,
 * and let that go. The wait takes write-back errors out of the descriptor, so they count here. */
static int write_behind(struct volumes_writer *w, uint64_t off, uint64_t len, struct sv_err *err)
{
	int fd = w->io.fd, e = 0;
	sync_file_range(fd, (off_t)off, (off_t)len, SYNC_FILE_RANGE_WRITE);
	if (w->behind_len) {
		off_t b_off = (off_t)w->behind_off, b_len = (off_t)w->behind_len;
		if (sync_file_range(fd, b_off, b_len,
				    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					    SYNC_FILE_RANGE_WAIT_AFTER) < 0)
			e = errno;
		posix_fadvise(fd, b_off, b_len, POSIX_FADV_DONTNEED);
	}
	w->behind_off = off;
	w->behind_len = len;
	if (e != EIO && e != ENOSPC && e != EDQUOT)
		return 0;
	w->broken = true;
	return fail_volume(w, w->n - 1, "write", e, err);
}

static void note_progress(struct volumes_writer *w)
{
	uint64_t written = last_volume(w)->start + last_volume(w)->size;
	size_t done = 0;
	while (done < w->n_ends && w->ends[done] <= written)
		w->safe_end = w->ends[done++];
	if (done == 0)
		return;
	memmove(w->ends, w->ends + done, (w->n_ends - done) * sizeof(w->ends[0]));
	w->n_ends -= done;
}

/* Keep only what a later write needs: what is not in the file, and the block it begins in. */
static void shift_buffer(struct volumes_writer *w)
{
	size_t drop = w->clean;
	if (dio_is_direct(&w->io))
		drop = (size_t)sv_round_down(drop, DIO_ALIGN);
	memmove(w->buf, w->buf + drop, w->len - drop);
	w->buf_off += drop;
	w->len -= drop;
	w->clean -= drop;
}

/* Write the buffer out; without `tail` up to the last whole block. Goes on in the next volume when
 * this one may grow no further. */
int volumes_write_out(struct volumes_writer *w, bool tail, struct sv_err *err)
{
	uint64_t before = w->buf_off + w->clean;
	size_t volume = w->n;
	for (;;) {
		size_t upto = w->len;
		if (!tail && dio_is_direct(&w->io))
			upto = (size_t)sv_round_down(upto, DIO_ALIGN);
		if (w->clean >= upto)
			break;
		int e = write_some(w, upto);
		if (e == EFBIG && last_volume(w)->size > 0) {
			int rc = volumes_close_last(w, err);
			if (!rc)
				rc = volumes_open_next(w, err);
			if (rc)
				return rc;
		} else if (e) {
			return fail_volume(w, w->n - 1, "write", e, err);
		}
	}
	note_progress(w);
	if (w->n != volume)
		before = 0;
	uint64_t after = w->buf_off + w->clean;
	shift_buffer(w);
	if (dio_is_direct(&w->io) || after == before)
		return 0;
	return write_behind(w, before, after - before, err);
}

/* ---- cutting back ---- */

static int remove_volumes(struct volumes_writer *w, size_t keep, struct sv_err *err)
{
	while (w->n > keep) {
		char name[VOLUME_NAME_MAX];
		volumes_name_of(w, w->n - 1, name);
		if (unlinkat(w->dirfd, name, 0) < 0 && errno != ENOENT)
			return fail_volume(w, w->n - 1, "remove", errno, err);
		w->n--;
		w->dir_changed = true;
		w->hashed = NOT_HASHED;
	}
	return 0;
}

/* Read what the last block of the last volume holds into the buffer. */
static int load_tail(struct volumes_writer *w, struct sv_err *err)
{
	uint64_t size = last_volume(w)->size;
	w->buf_off = dio_is_direct(&w->io) ? sv_round_down(size, DIO_ALIGN) : size;
	w->len = w->clean = (size_t)(size - w->buf_off);
	size_t got = 0;
	while (got < w->len) {
		ssize_t n = pread(w->io.fd, w->buf + got, w->len - got, (off_t)(w->buf_off + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail_volume(w, w->n - 1, "read", n < 0 ? errno : ENODATA, err);
		got += (size_t)n;
	}
	return 0;
}

static void restart_hash(struct volumes_writer *w, uint64_t size)
{
	uint8_t unused[SV_SHA256_LEN];
	if (w->hashed == size && size > 0)
		return;
	sv_sha256_finish(w->sha, unused);
	w->hashed = size == 0 ? 0 : NOT_HASHED;
}

/* Make the stream end at `target`, which lies inside it: later volumes go, the one that holds the
 * last byte is cut and becomes the one that grows. */
int volumes_cut_to(struct volumes_writer *w, uint64_t target, struct sv_err *err)
{
	dio_close(&w->io);
	size_t keep = 0;
	while (w->v[keep].start + w->v[keep].size < target)
		keep++;
	int rc = remove_volumes(w, keep + 1, err);
	if (!rc)
		rc = open_file(w, keep, 0, err);
	if (rc)
		return rc;
	struct volume *v = last_volume(w);
	v->size = target - v->start;
	v->digest_known = false;
	int e = fault_of(w, keep, STORE_OP_TRUNCATE, NULL);
	if (!e && ftruncate(w->io.fd, (off_t)v->size) < 0)
		e = errno;
	if (e)
		return fail_volume(w, keep, "cut", e, err);
	restart_hash(w, v->size);
	w->n_ends = 0;
	w->position = w->safe_end = target;
	return load_tail(w, err);
}

/* After a failed write: back to the end of the last append that is wholly in the files. */
void volumes_roll_back(struct volumes_writer *w)
{
	if (w->broken)
		return;
	note_progress(w);
	if (volumes_cut_to(w, w->safe_end, NULL))
		w->broken = true;
}
