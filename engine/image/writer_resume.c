/* writer_resume.c - taking up an image where it was left: the records of disk.idx are the journal
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/writer_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* So much of the end of the stream is decoded again: what a medium that lies about syncs may have
 * lost. */
#define RECHECK_BYTES (64 * SV_MIB)

struct resume {
	struct image_writer *w;
	const struct image_create *create;
	int fd;			       /* disk.idx */
	uint64_t index_len;	       /* its size */
	struct volumes_reader *stream; /* what there is of the stream */
	bool has_head, changed, codec_changed;
	uint64_t plan_end; /* how far the plan was compared */
	size_t plan_at;	   /* run of create->plan that holds plan_end */
	uint64_t stop;	   /* frames from here on are not taken */
	uint64_t keep;	   /* bytes of disk.idx that stay */
};

static int take_head(struct resume *r, const uint8_t *payload, size_t len)
{
	struct image_writer *w = r->w;
	const struct index_head *head = &w->head;
	if (r->has_head)
		return 1;
	if (!index_parse_head(payload, len, &w->head))
		return 1;
	if (head->version != FORMAT_VERSION)
		return SV_E_FORMAT;
	r->has_head = true;
	r->codec_changed = strcmp(head->codec, w->codec->name) != 0 ||
			   head->geometry.frame_size != w->geometry.frame_size;
	r->changed = head->geometry.size != w->geometry.size ||
		     head->sector_size != w->m.info.sector_size ||
		     memcmp(&head->source_digest, &r->create->source_digest,
			    sizeof(head->source_digest)) != 0;
	return r->changed || r->codec_changed;
}

/* The disk must be the one of before; seed, UUID, level and the day it began stay. */
static int take_identity(struct resume *r, const uint8_t *payload, size_t len)
{
	struct manifest old;
	struct image_info *info = &r->w->m.info;
	int rc = manifest_decode((const char *)payload, len, &old);
	if (rc)
		return rc == SV_E_NOMEM ? rc : 1;
	r->changed |= strcmp(old.info.serial, info->serial) != 0 ||
		      strcmp(old.info.model, info->model) != 0 ||
		      strcmp(old.info.wwn, info->wwn) != 0 ||
		      strcmp(old.info.table, info->table) != 0;
	memcpy(info->created, old.info.created, sizeof(info->created));
	memcpy(info->set_uuid, r->w->head.set_uuid, sizeof(info->set_uuid));
	info->digest_seed = r->w->head.digest_seed;
	info->level = old.info.level;
	if (!*info->note)
		memcpy(info->note, old.info.note, sizeof(info->note));
	manifest_clear(&old);
	return r->changed;
}

static int take_plan(struct resume *r, const uint8_t *payload, size_t len)
{
	struct index_runs list;
	const struct sv_runs *plan = r->create->plan;
	if (!index_parse_runs(payload, len, &r->w->geometry, &list) || list.start != r->plan_end)
		return 1;
	for (uint32_t i = 0; i < list.n && !r->changed; i++) {
		uint64_t word = get_le64(list.words + 8 * (size_t)i);
		const struct sv_run *run = r->plan_at < plan->n ? &plan->v[r->plan_at] : NULL;
		r->changed = !run || run->start != r->plan_end || run->len != RUN_LEN(word) ||
			     run->kind != RUN_KIND(word);
		r->plan_end += RUN_LEN(word);
		r->plan_at++;
	}
	return r->changed;
}

static bool ready_for_frames(const struct resume *r)
{
	return r->has_head && r->plan_end == r->w->geometry.size;
}

/* First pass: where the frames are, as long as they follow each other and lie in the stream. */
static int take_frame(struct resume *r, const uint8_t *payload, size_t len, uint64_t at)
{
	struct image_writer *w = r->w;
	struct index_frame f;
	if (!r->stream || !ready_for_frames(r) ||
	    !index_parse_frame(payload, len, &w->geometry, &f))
		return 1;
	bool follows = f.number == w->frames.n &&
		       (f.number == 0 ? f.offset <= MAX_JSON_FRAME + SKIPPABLE_HEADER
				      : f.offset == w->position) &&
		       sv_round_up(f.payload, w->codec->stored_align) == f.stored_len;
	if (!follows || !sv_range_ok(f.offset, f.stored_len, volumes_reader_size(r->stream)))
		return 1;
	if (f.number == 0)
		w->head_len = (uint32_t)f.offset;
	w->position = f.offset + f.stored_len;
	const struct frame_entry e = {.offset = f.offset,
				      .payload = f.payload,
				      .checksum = f.checksum,
				      .record = at,
				      .has_checksum = 1};
	return frame_table_add(&w->frames, &e);
}

static int first_pass(void *arg, uint32_t type, const uint8_t *payload, size_t len, uint64_t at)
{
	struct resume *r = arg;
	if (type == RECORD_HEAD)
		return take_head(r, payload, len);
	if (!r->has_head)
		return 1;
	if (type == RECORD_IDENTITY)
		return take_identity(r, payload, len);
	if (type == RECORD_PLAN)
		return take_plan(r, payload, len);
	return type == RECORD_FRAME ? take_frame(r, payload, len, at) : 1;
}

/* Second pass: map and counts of the frames that are kept. */
static int second_pass(void *arg, uint32_t type, const uint8_t *payload, size_t len, uint64_t at)
{
	struct resume *r = arg;
	struct image_writer *w = r->w;
	struct index_frame f;
	if (type != RECORD_FRAME)
		return 0;
	/* a record that means nothing stands behind those the first pass took */
	if (!index_parse_frame(payload, len, &w->geometry, &f) || f.number >= r->stop)
		return 1;
	uint64_t pos = f.number * w->geometry.frame_size;
	int rc = 0;
	for (uint32_t i = 0; !rc && i < f.n_runs; i++) {
		uint64_t word = get_le64(f.runs + 8 * (size_t)i);
		const struct sv_run run = {pos, RUN_LEN(word), RUN_KIND(word)};
		rc = writer_count_runs(w, &run, 1);
		pos += run.len;
	}
	r->keep = at + sizeof(struct disk_record) + len;
	return rc;
}

static int scan(struct resume *r, index_record_fn fn, struct sv_err *err)
{
	uint64_t damage;
	int rc = index_scan(index_pread, &r->fd, 0, r->index_len, true, fn, r, &damage);
	if (rc == SV_E_IO || rc == SV_E_DATA)
		return sv_fail(err, SV_E_IO, 0, NAME_INDEX, "cannot read %s of %s", NAME_INDEX,
			       r->w->part);
	return rc > 0 ? 0 : rc;
}

static bool frame_decodes(struct resume *r, struct codec_ctx *ctx, uint64_t n, uint8_t *stored,
			  uint8_t *raw)
{
	const struct image_writer *w = r->w;
	const struct frame_entry *e = &w->frames.v[n];
	struct sv_err ignored = {0};
	size_t len = (size_t)frame_stored_len(w->codec, e);
	size_t raw_len = (size_t)geometry_frame_len(&w->geometry, n);
	return !volumes_reader_pread(r->stream, stored, len, e->offset, &ignored) &&
	       !w->codec->decompress(ctx, stored, len, raw, raw_len) &&
	       (uint32_t)sv_xxh64(raw, raw_len) == e->checksum;
}

/* The first of the last frames that does not decode, or how many there are. */
static int recheck(struct resume *r, uint64_t *stop)
{
	const struct image_writer *w = r->w;
	uint64_t n = w->frames.n, back = RECHECK_BYTES / w->geometry.frame_size + 1;
	struct codec_ctx *ctx = w->codec->create(w->codec->default_level);
	uint8_t *raw = malloc(w->geometry.frame_size), *stored = NULL;
	size_t cap = 1;
	for (uint64_t i = n > back ? n - back : 0; i < n; i++)
		cap = SV_MAX(cap, (size_t)frame_stored_len(w->codec, &w->frames.v[i]));
	stored = malloc(cap);
	int rc = ctx && raw && stored ? 0 : SV_E_NOMEM;
	*stop = n;
	for (uint64_t i = n > back ? n - back : 0; !rc && i < *stop; i++)
		if (!frame_decodes(r, ctx, i, stored, raw))
			*stop = i;
	free(stored);
	free(raw);
	w->codec->destroy(ctx);
	return rc;
}

/* Continue both files behind the last frame that is kept. */
static int reopen(struct resume *r, struct sv_err *err)
{
	struct image_writer *w = r->w;
	struct volumes_create volumes;
	writer_volumes(w, &volumes);
	int rc = volumes_writer_resume(&volumes, w->position, &w->stream, err);
	if (!rc)
		rc = index_writer_create(w->dirfd, r->keep, w->faults, &w->index, err);
	return rc;
}

/* What is kept is known: is the source still what it was? */
static int ask(struct resume *r, struct sv_err *err)
{
	struct image_writer *w = r->w;
	const struct frame_entry *last = &w->frames.v[r->stop - 1];
	w->frames.n = w->next = w->resumed_frames = r->stop;
	w->position = last->offset + frame_stored_len(w->codec, last);
	int rc = index_digests_create(r->fd, &w->geometry, &w->old);
	if (rc)
		return rc;
	w->old_fd = r->fd;
	r->fd = -1;
	return r->create->check ? r->create->check(r->create->check_arg, w, err) : 0;
}

/* 1: there is no index. Without a stream r->stream stays NULL. */
static int open_files(struct resume *r, struct sv_err *err)
{
	struct stat st;
	struct sv_err why = {0};
	r->fd = openat(r->w->dirfd, NAME_INDEX, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (r->fd < 0 && errno == ENOENT)
		return 1;
	if (r->fd < 0 || fstat(r->fd, &st))
		return sv_fail(err, SV_E_IO, errno, NAME_INDEX, "cannot open %s of %s", NAME_INDEX,
			       r->w->part);
	r->index_len = (uint64_t)st.st_size;
	int rc = volumes_reader_open(r->w->dirfd, r->w->m.stream, 0, &r->stream, &why);
	if (rc == SV_E_DATA)
		return sv_fail(err, SV_E_REFUSED, 0, r->w->part,
			       "%s cannot be continued, start afresh: %s", r->w->part, why.text);
	if (rc == SV_E_NOT_FOUND)
		return 0; /* no frame will be found in it */
	if (rc && err)
		*err = why;
	return rc;
}

static int refuse(const struct resume *r, struct sv_err *err)
{
	const struct image_writer *w = r->w;
	if (r->codec_changed)
		return sv_fail(err, SV_E_REFUSED, 0, w->part,
			       "%s was begun with codec %s and frames of %u bytes: continue it "
			       "with the same",
			       w->part, w->head.codec, w->head.geometry.frame_size);
	return sv_fail(err, SV_E_REFUSED, 0, w->m.info.source,
		       "the source has changed since, start afresh");
}

static int resume(struct resume *r, bool *resumed, struct sv_err *err)
{
	int rc = open_files(r, err);
	if (rc)
		return rc > 0 ? 0 : rc;
	rc = scan(r, first_pass, err);
	if (rc == SV_E_FORMAT)
		return sv_fail(err, rc, 0, r->w->part, "%s was begun by a newer version",
			       r->w->part);
	if (!rc && (r->changed || r->codec_changed))
		return refuse(r, err);
	if (!rc && r->w->frames.n == 0)
		return 0;
	if (!rc)
		rc = recheck(r, &r->stop);
	if (!rc && r->stop == 0)
		return 0;
	if (!rc)
		rc = scan(r, second_pass, err);
	if (!rc)
		rc = ask(r, err);
	if (!rc)
		rc = reopen(r, err);
	*resumed = rc == 0;
	return rc;
}

int writer_resume(struct image_writer *w, const struct image_create *create, bool *resumed,
		  struct sv_err *err)
{
	struct resume r = {.w = w, .create = create, .fd = -1};
	*resumed = false;
	int rc = resume(&r, resumed, err);
	volumes_reader_destroy(r.stream);
	if (r.fd >= 0)
		close(r.fd);
	if (!rc && !*resumed) {
		w->frames.n = 0;
		memset(&w->head, 0, sizeof(w->head));
	}
	return rc;
}
