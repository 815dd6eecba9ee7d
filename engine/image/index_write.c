/* index_write.c - disk.idx as it is written: records are queued until the stream is safe */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/index.h"

#include "engine/util/crc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Runs and tables go to the file in pieces of this size. */
#define FLUSH_AT ((size_t)SV_MIB)

struct index_writer {
	int fd;
	const struct store_faults *faults;
	uint64_t written; /* bytes in the file */
	uint8_t *queue;
	size_t queued, cap;
};

static int fail_io(struct sv_err *err, int errnum, const char *what)
{
	bool full = errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG;
	return sv_fail(err, full ? SV_E_NOSPC : SV_E_IO, errnum, NAME_INDEX, "cannot %s %s", what,
		       NAME_INDEX);
}

static int open_index(int dirfd, uint64_t keep, const struct store_faults *faults,
		      struct sv_err *err)
{
	int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW | (keep ? 0 : O_CREAT);
	int errnum = store_fault(faults, STORE_OP_OPEN, NAME_INDEX, NULL);
	int fd = errnum ? -1 : openat(dirfd, NAME_INDEX, flags, 0666);
	if (fd < 0)
		return fail_io(err, errnum ? errnum : errno, "open");
	errnum = store_fault(faults, STORE_OP_TRUNCATE, NAME_INDEX, NULL);
	if (errnum || ftruncate(fd, (off_t)keep)) {
		int rc = fail_io(err, errnum ? errnum : errno, "cut");
		close(fd);
		return rc;
	}
	return fd;
}

int index_writer_create(int dirfd, uint64_t keep, const struct store_faults *faults,
			struct index_writer **writer_ret, struct sv_err *err)
{
	struct index_writer *w = calloc(1, sizeof(*w));
	if (!w)
		return sv_fail_nomem(err);
	int fd = open_index(dirfd, keep, faults, err);
	if (fd < 0) {
		free(w);
		return fd;
	}
	w->fd = fd;
	w->faults = faults;
	w->written = keep;
	*writer_ret = w;
	return 0;
}

void index_writer_destroy(struct index_writer *w)
{
	if (!w)
		return;
	close(w->fd);
	free(w->queue);
	free(w);
}

uint64_t index_writer_position(const struct index_writer *w)
{
	return w->written + w->queued;
}

size_t index_writer_queued(const struct index_writer *w)
{
	return w->queued;
}

void index_writer_forget(struct index_writer *w, uint64_t position)
{
	if (position >= w->written && position - w->written < w->queued)
		w->queued = (size_t)(position - w->written);
}

/* Room for a record of that payload; its header is made by seal() when the payload stands. */
static uint8_t *reserve(struct index_writer *w, size_t payload)
{
	size_t need = w->queued + sizeof(struct disk_record) + payload;
	if (need > w->cap) {
		size_t cap = SV_MAX(need, w->cap * 2);
		uint8_t *queue = realloc(w->queue, cap);
		if (!queue)
			return NULL;
		w->queue = queue;
		w->cap = cap;
	}
	uint8_t *p = w->queue + w->queued + sizeof(struct disk_record);
	memset(p, 0, payload);
	return p;
}

static void seal(struct index_writer *w, uint32_t type, size_t payload)
{
	struct disk_record *r = (struct disk_record *)(w->queue + w->queued);
	put_le32(r->type, type);
	put_le32(r->len, (uint32_t)payload);
	put_le32(r->crc, ~sv_crc32c(~0u, r + 1, payload));
	put_le32(r->head_crc, ~sv_crc32c(~0u, r, 12));
	w->queued += sizeof(*r) + payload;
}

int index_put_head(struct index_writer *w, const struct index_head *head)
{
	struct disk_head *p = (struct disk_head *)reserve(w, sizeof(*p));
	if (!p)
		return SV_E_NOMEM;
	put_le32(p->version, FORMAT_VERSION);
	put_le32(p->sector_size, head->sector_size);
	memcpy(p->set_uuid, head->set_uuid, sizeof(p->set_uuid));
	put_le64(p->digest_seed, head->digest_seed);
	put_le64(p->disk_size, head->geometry.size);
	put_le32(p->frame_size, head->geometry.frame_size);
	put_le32(p->granule, IMAGE_GRANULE);
	memcpy(p->codec, head->codec, strnlen(head->codec, sizeof(p->codec)));
	memcpy(p->source_digest, head->source_digest.b, sizeof(p->source_digest));
	put_le64(p->volume_size, head->volume_size);
	put_le32(p->volume_digits, head->volume_digits);
	put_le32(p->level, (uint32_t)head->level);
	seal(w, RECORD_HEAD, sizeof(*p));
	return 0;
}

int index_put_identity(struct index_writer *w, const char *json)
{
	size_t len = strlen(json);
	uint8_t *p = reserve(w, len);
	if (!p)
		return SV_E_NOMEM;
	memcpy(p, json, len);
	seal(w, RECORD_IDENTITY, len);
	return 0;
}

int index_put_frame(struct index_writer *w, const struct image_frame *frame, uint64_t offset,
		    uint32_t payload)
{
	size_t len = sizeof(struct disk_frame) + 8 * frame->n_runs + 16 * frame->n_digests;
	if (len > MAX_RECORD)
		return SV_E_DATA;
	struct disk_frame *p = (struct disk_frame *)reserve(w, len);
	if (!p)
		return SV_E_NOMEM;
	put_le64(p->number, frame->number);
	put_le64(p->offset, offset);
	put_le32(p->stored_len, (uint32_t)frame->stored_len);
	put_le32(p->payload_len, payload);
	put_le32(p->checksum, frame->checksum);
	put_le32(p->n_runs, (uint32_t)frame->n_runs);
	put_le32(p->n_digests, (uint32_t)frame->n_digests);
	uint8_t *word = (uint8_t *)(p + 1);
	for (size_t i = 0; i < frame->n_runs; i++, word += 8)
		put_le64(word, RUN_WORD(frame->runs[i].len, frame->runs[i].kind));
	if (frame->n_digests)
		memcpy(word, frame->digests, 16 * frame->n_digests);
	seal(w, RECORD_FRAME, len);
	return 0;
}

static int write_queue(struct index_writer *w, struct sv_err *err)
{
	size_t done = 0;
	while (done < w->queued) {
		size_t len = w->queued - done;
		int errnum = store_fault(w->faults, STORE_OP_WRITE, NAME_INDEX, &len);
		ssize_t n =
			errnum ? -1
			       : pwrite(w->fd, w->queue + done, len, (off_t)(w->written + done));
		if (n < 0 && !errnum && errno == EINTR)
			continue;
		if (n <= 0)
			return fail_io(err, errnum ? errnum : n ? errno : EIO, "write");
		done += (size_t)n;
	}
	w->written += w->queued;
	w->queued = 0;
	return 0;
}

int index_writer_sync(struct index_writer *w, struct sv_err *err)
{
	int rc = write_queue(w, err);
	if (rc)
		return rc;
	int errnum = store_fault(w->faults, STORE_OP_SYNC, NAME_INDEX, NULL);
	if (errnum || fsync(w->fd))
		return fail_io(err, errnum ? errnum : errno, "sync");
	return 0;
}

int index_put_runs(struct index_writer *w, uint32_t type, const struct sv_runs *runs,
		   struct sv_err *err)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < runs->n;) {
		size_t n = SV_MIN(RUNS_PER_RECORD, runs->n - i),
		       len = sizeof(struct disk_runs) + 8 * n;
		struct disk_runs *p = (struct disk_runs *)reserve(w, len);
		if (!p)
			return sv_fail_nomem(err);
		put_le64(p->start, runs->v[i].start);
		put_le32(p->n, (uint32_t)n);
		for (uint8_t *word = (uint8_t *)(p + 1); n; n--, i++, word += 8)
			put_le64(word, RUN_WORD(runs->v[i].len, runs->v[i].kind));
		seal(w, type, len);
		if (w->queued > FLUSH_AT)
			rc = write_queue(w, err);
	}
	return rc;
}

int index_put_table(struct index_writer *w, const struct frame_table *t, const struct geometry *g,
		    struct sv_err *err)
{
	int rc = 0;
	for (uint64_t i = 0; !rc && i < t->n;) {
		size_t n = (size_t)SV_MIN(ENTRIES_PER_RECORD, t->n - i);
		size_t len = sizeof(struct disk_table) + n * sizeof(struct disk_seek_entry);
		struct disk_table *p = (struct disk_table *)reserve(w, len);
		if (!p)
			return sv_fail_nomem(err);
		put_le64(p->first, i);
		put_le64(p->offset, t->v[i].offset);
		put_le32(p->n, (uint32_t)n);
		for (struct disk_seek_entry *e = (struct disk_seek_entry *)(p + 1); n;
		     n--, i++, e++) {
			put_le32(e->stored_len, t->v[i].payload);
			put_le32(e->raw_len, (uint32_t)geometry_frame_len(g, i));
			put_le32(e->checksum, t->v[i].checksum);
		}
		seal(w, RECORD_TABLE, len);
		if (w->queued > FLUSH_AT)
			rc = write_queue(w, err);
	}
	return rc;
}

int index_put_foot(struct index_writer *w, const struct index_foot *foot)
{
	struct disk_foot *p = (struct disk_foot *)reserve(w, sizeof(*p));
	if (!p)
		return SV_E_NOMEM;
	put_le64(p->frames, foot->frames);
	put_le64(p->stream_len, foot->stream_len);
	put_le64(p->runs_at, foot->runs_at);
	put_le64(p->table_at, foot->table_at);
	put_le64(p->n_runs, foot->n_runs);
	for (size_t i = 0; i < SV_ARRAY(foot->bytes); i++)
		put_le64(p->bytes[i], foot->bytes[i]);
	put_le32(p->edges, foot->edges);
	seal(w, RECORD_FOOT, sizeof(*p));
	return 0;
}
