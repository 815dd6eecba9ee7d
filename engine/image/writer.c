/* writer.c - an image in the making: opening, appending, stopping so that it can be resumed */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/writer_priv.h"

#include "engine/util/rate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What may be lost to a power cut. */
#define SYNC_BYTES   (64 * SV_MIB)
#define SYNC_NS	     (5 * UINT64_C(1000000000))
#define SYNC_RECORDS ((size_t)(4 * SV_MIB))

/* Past so many runs the merged map no longer tells zeros from data; the frame records still do. */
#define COARSE_RUNS (MAX_RUNS / 2)

int writer_store_error(int rc, struct sv_err *err)
{
	int code = rc == SV_E_NOSPC					  ? SV_E_STORE_FULL
		   : rc == SV_E_IO || rc == SV_E_DATA || rc == SV_E_RANGE ? SV_E_STORE
									  : rc;
	if (rc == SV_E_NOMEM)
		sv_fail_nomem(err);
	if (err && err->code == rc)
		sv_err_recode(err, code);
	return code;
}

/* ---- opening ---- */

static bool split_path(struct image_writer *w, const char *path)
{
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	char *copy = strndup(path, len);
	char *slash = copy ? strrchr(copy, '/') : NULL;
	w->name = copy ? strdup(slash ? slash + 1 : copy) : NULL;
	if (slash)
		slash[slash == copy ? 1 : 0] = '\0';
	w->parent = slash ? copy : strdup(".");
	if (!slash)
		free(copy);
	if (!w->name || !w->parent || asprintf(&w->part_name, "%s" PART_SUFFIX, w->name) < 0)
		return false;
	return asprintf(&w->part, "%.*s" PART_SUFFIX, (int)len, path) >= 0;
}

static int fail_part(const struct image_writer *w, int e, const char *what, struct sv_err *err)
{
	return sv_fail(err, e == ENOSPC || e == EDQUOT ? SV_E_NOSPC : SV_E_IO, e, w->part,
		       "cannot %s %s", what, w->part);
}

/* PATH.part, made or found. *existed tells which. */
static int open_part(struct image_writer *w, const struct image_create *create, bool *existed,
		     struct sv_err *err)
{
	struct stat st;
	w->parent_fd = open(w->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->parent_fd < 0)
		return sv_fail(err,
			       errno == ENOENT || errno == ENOTDIR ? SV_E_NOT_FOUND : SV_E_STORE,
			       errno, w->parent, "cannot open the store %s", w->parent);
	if (!*w->name || !fstatat(w->parent_fd, w->name, &st, AT_SYMLINK_NOFOLLOW))
		return sv_fail(err, SV_E_REFUSED, 0, create->path, "%s exists already",
			       create->path);
	int e = mkdirat(w->parent_fd, w->part_name, 0777) ? errno : 0;
	*existed = e == EEXIST;
	if (e && !*existed)
		return fail_part(w, e, "make", err);
	if (*existed && !create->resume)
		return sv_fail(err, SV_E_REFUSED, 0, w->part,
			       "%s is an unfinished image: continue it with --resume or remove it",
			       w->part);
	w->dirfd =
		openat(w->parent_fd, w->part_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (w->dirfd < 0)
		return fail_part(w, errno, "open", err);
	return store_lock_take(w->dirfd, w->faults, &w->lock, err);
}

/* Remove what an image consists of. */
static void remove_files(struct image_writer *w)
{
	static const char *const side[] = {NAME_INDEX, NAME_MANIFEST, NAME_SUMS, NAME_README,
					   NAME_REPORT};
	int fd = openat(w->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	if (!dir && fd >= 0)
		close(fd);
	while (dir && (entry = readdir(dir))) {
		bool ours = !strncmp(entry->d_name, NAME_STREAM, strlen(NAME_STREAM));
		for (size_t i = 0; i < SV_ARRAY(side); i++)
			ours |= !strcmp(entry->d_name, side[i]);
		if (ours)
			unlinkat(w->dirfd, entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

/* Bytes a stream may take: what is read, hardly compressible, and the table and zero frames. */
static uint64_t most_bytes(const struct image_writer *w, const struct sv_runs *plan)
{
	uint64_t used = sv_runs_total(plan, SV_RUN_READ), frames = geometry_frames(&w->geometry);
	if (w->codec->stored_align == 1 && !w->codec->measure)
		return w->geometry.size;
	return used + used / 64 + w->geometry.size / 16384 + frames * 64 + 4 * SV_MIB;
}

static int choose_volumes(struct image_writer *w, const struct image_create *create,
			  struct sv_err *err)
{
	struct store_space space;
	w->head.volume_size = create->volume_size;
	if (!create->volume_size) {
		int rc = store_space(w->dirfd, &space, err);
		if (rc)
			return rc;
		if (space.file_limit && space.file_limit < most_bytes(w, create->plan))
			w->head.volume_size = SV_MIN(FAT_VOLUME_SIZE, space.file_limit);
	}
	w->head.volume_digits = volumes_digits(most_bytes(w, create->plan), w->head.volume_size);
	return 0;
}

static int make_identity(struct image_writer *w, const struct image_create *create,
			 struct sv_err *err)
{
	struct image_info *info = &w->m.info;
	if (sv_random(info->set_uuid, sizeof(info->set_uuid)) ||
	    sv_random(&info->digest_seed, sizeof(info->digest_seed)))
		return sv_fail(err, SV_E_FAILED, 0, w->part, "the system gives no random bytes");
	info->set_uuid[6] = (uint8_t)((info->set_uuid[6] & 0x0F) | 0x40); /* RFC 4122, version 4 */
	info->set_uuid[8] = (uint8_t)((info->set_uuid[8] & 0x3F) | 0x80);
	w->head = (struct index_head){.version = FORMAT_VERSION,
				      .digest_seed = info->digest_seed,
				      .geometry = w->geometry,
				      .sector_size = info->sector_size,
				      .level = info->level,
				      .source_digest = create->source_digest};
	memcpy(w->head.set_uuid, info->set_uuid, sizeof(w->head.set_uuid));
	snprintf(w->head.codec, sizeof(w->head.codec), "%s", w->codec->name);
	return choose_volumes(w, create, err);
}

void writer_volumes(const struct image_writer *w, struct volumes_create *create)
{
	*create = (struct volumes_create){.dirfd = w->dirfd,
					  .base_name = w->m.stream,
					  .volume_size = w->head.volume_size,
					  .digits = w->head.volume_digits,
					  .faults = w->faults};
}

/* What stands before the first frame: zstd has the identity there, xz its header. */
static int write_head(struct image_writer *w, const char *json, struct sv_err *err)
{
	uint8_t head[SV_MAX(CODEC_HEAD_MAX, SKIPPABLE_HEADER)];
	size_t len = 0, json_len = 0;
	if (w->codec->stream_head) {
		len = w->codec->stream_head(head);
	} else if (w->codec->measure) {
		len = SKIPPABLE_HEADER;
		json_len = strlen(json);
		put_le32(head, SKIPPABLE_MAGIC);
		put_le32(head + 4, (uint32_t)json_len);
	}
	int rc = len ? volumes_writer_append(w->stream, head, len, err) : 0;
	if (!rc && json_len)
		rc = volumes_writer_append(w->stream, json, json_len, err);
	w->head_len = (uint32_t)(len + json_len);
	w->position = w->head_len;
	return rc;
}

static int start_afresh(struct image_writer *w, const struct image_create *create,
			struct sv_err *err)
{
	struct volumes_create volumes;
	remove_files(w);
	int rc = make_identity(w, create, err);
	if (rc)
		return rc;
	w->m.role = MANIFEST_IDENTITY;
	char *json = manifest_encode(&w->m);
	if (!json)
		return sv_fail_nomem(err);
	writer_volumes(w, &volumes);
	rc = volumes_writer_create(&volumes, &w->stream, err);
	if (!rc)
		rc = write_head(w, json, err);
	if (!rc)
		rc = index_writer_create(w->dirfd, 0, w->faults, &w->index, err);
	if (!rc && (index_put_head(w->index, &w->head) || index_put_identity(w->index, json)))
		rc = sv_fail_nomem(err);
	if (!rc)
		rc = index_put_runs(w->index, RECORD_PLAN, create->plan, err);
	if (!rc)
		rc = writer_sync(w, err);
	if (!rc)
		rc = store_sync_dir(w->dirfd, w->faults, &w->dir_sync_missing, err);
	if (!rc)
		rc = store_sync_dir(w->parent_fd, w->faults, &w->dir_sync_missing, err);
	free(json);
	return rc;
}

static int check_create(struct image_writer *w, const struct image_create *create,
			struct sv_err *err)
{
	const struct image_info *info = &create->info;
	w->codec = codec_find(info->codec);
	w->geometry = (struct geometry){info->size, info->frame_size};
	bool kinds = true;
	for (size_t i = 0; i < create->plan->n; i++) {
		int kind = create->plan->v[i].kind;
		kinds &= kind == SV_RUN_READ || kind == SV_RUN_FREE || kind == SV_RUN_ABSENT;
	}
	if (!w->codec || !geometry_ok(&w->geometry) || !kinds ||
	    sv_runs_end(create->plan) != info->size || create->plan->n > MAX_RUNS)
		return sv_fail(err, SV_E_USAGE, 0, create->path,
			       "a disk of %llu bytes cannot be saved in frames of %u bytes",
			       (unsigned long long)info->size, info->frame_size);
	snprintf(w->m.stream, sizeof(w->m.stream), NAME_STREAM "%s", w->codec->extension);
	w->report_head = create->report_head ? strdup(create->report_head) : NULL;
	if (image_info_copy(&w->m.info, info) || !split_path(w, create->path))
		return sv_fail_nomem(err);
	struct image_info *own = &w->m.info;
	own->bytes_data = own->bytes_zero = own->bytes_free = 0;
	own->bytes_bad = own->bytes_absent = own->bytes_stored = 0;
	own->verdict[0] = own->finished[0] = '\0';
	own->verified = false;
	return 0;
}

int image_writer_create(const struct image_create *create, struct image_writer **writer_ret,
			struct sv_err *err)
{
	bool existed = false, resumed = false;
	struct image_writer *w = calloc(1, sizeof(*w));
	if (!w)
		return sv_fail_nomem(err);
	w->parent_fd = w->dirfd = w->old_fd = -1;
	w->faults = create->faults;
	int rc = check_create(w, create, err);
	if (!rc)
		rc = open_part(w, create, &existed, err);
	if (!rc && existed) {
		w->landed = true; /* never remove what was found */
		rc = writer_resume(w, create, &resumed, err);
	}
	if (!rc && !resumed) {
		w->landed = false;
		rc = start_afresh(w, create, err);
	}
	w->synced_ns = sv_now_ns();
	if (!rc) {
		*writer_ret = w;
		return 0;
	}
	image_writer_destroy(w);
	return writer_store_error(rc, err);
}

const struct image_info *image_writer_info(const struct image_writer *w)
{
	return &w->m.info;
}

uint64_t image_writer_resumed_from(const struct image_writer *w)
{
	return SV_MIN(w->resumed_frames * w->geometry.frame_size, w->geometry.size);
}

uint64_t image_writer_safe(const struct image_writer *w)
{
	uint64_t frames = SV_MAX(w->safe_frames, w->resumed_frames);
	return SV_MIN(frames * w->geometry.frame_size, w->geometry.size);
}

bool image_writer_old_digest(const struct image_writer *w, uint64_t granule,
			     struct sv_digest *digest)
{
	uint64_t frame = granule / (w->geometry.frame_size / IMAGE_GRANULE);
	bool has = false;
	if (frame >= w->resumed_frames || !w->old)
		return false;
	return !index_digest(w->old, frame, w->frames.v[frame].record, granule, digest, &has) &&
	       has;
}

/* ---- appending ---- */

int writer_count_runs(struct image_writer *w, const struct sv_run *runs, size_t n)
{
	struct image_info *info = &w->m.info;
	uint64_t *const bytes[] = {[SV_RUN_DATA] = &info->bytes_data,
				   [SV_RUN_ZERO] = &info->bytes_zero,
				   [SV_RUN_FREE] = &info->bytes_free,
				   [SV_RUN_BAD] = &info->bytes_bad,
				   [SV_RUN_ABSENT] = &info->bytes_absent};
	int rc = 0;
	for (size_t i = 0; !rc && i < n; i++) {
		int kind = runs[i].kind;
		*bytes[kind] += runs[i].len;
		if (kind == SV_RUN_ZERO && w->runs.n > COARSE_RUNS)
			kind = SV_RUN_DATA;
		rc = sv_runs_append(&w->runs, runs[i].len, kind);
	}
	return rc;
}

/* The caller's part of the contract. */
static bool frame_sound(const struct image_writer *w, const struct image_frame *f)
{
	uint64_t pos = f->number * w->geometry.frame_size;
	uint64_t end = pos + geometry_frame_len(&w->geometry, f->number);
	for (size_t i = 0; i < f->n_runs; i++) {
		const struct sv_run *r = &f->runs[i];
		if (r->start != pos || r->len == 0 || r->len > end - pos || r->kind < SV_RUN_DATA ||
		    r->kind > SV_RUN_ABSENT)
			return false;
		pos += r->len;
	}
	return pos == end && f->stored_len > 0 && f->stored_len <= UINT32_MAX &&
	       f->n_digests == index_granules(f->runs, f->n_runs);
}

static int add_pending(struct image_writer *w, uint64_t stream_end, uint64_t record)
{
	if (w->n_pending == w->cap_pending) {
		size_t cap = w->cap_pending ? w->cap_pending * 2 : 64;
		struct pending *p = reallocarray(w->pending, cap, sizeof(*p));
		if (!p)
			return SV_E_NOMEM;
		w->pending = p;
		w->cap_pending = cap;
	}
	w->pending[w->n_pending++] = (struct pending){stream_end, record};
	return 0;
}

static int append(struct image_writer *w, const struct image_frame *f, struct sv_err *err)
{
	size_t payload =
		w->codec->payload ? w->codec->payload(f->stored, f->stored_len) : f->stored_len;
	if (!payload || sv_round_up(payload, w->codec->stored_align) != f->stored_len)
		return sv_fail(err, SV_E_FAILED, 0, w->part, "frame %llu is not one of %s",
			       (unsigned long long)f->number, w->codec->name);
	uint64_t record = index_writer_position(w->index);
	struct frame_entry entry = {.offset = w->position,
				    .payload = (uint32_t)payload,
				    .checksum = f->checksum,
				    .record = record,
				    .has_checksum = 1};
	int rc = volumes_writer_append(w->stream, f->stored, f->stored_len, err);
	if (rc)
		return rc;
	if (add_pending(w, w->position + f->stored_len, record) ||
	    index_put_frame(w->index, f, w->position, entry.payload) ||
	    frame_table_add(&w->frames, &entry) || writer_count_runs(w, f->runs, f->n_runs))
		return sv_fail_nomem(err);
	w->position += f->stored_len;
	w->unsynced += f->n_digests * IMAGE_GRANULE;
	w->next++;
	return 0;
}

static bool sync_due(const struct image_writer *w)
{
	return w->unsynced >= SYNC_BYTES || index_writer_queued(w->index) >= SYNC_RECORDS ||
	       sv_now_ns() - w->synced_ns >= SYNC_NS;
}

int image_writer_append(struct image_writer *w, const struct image_frame *frame, struct sv_err *err)
{
	if (w->failed || w->stream_finished || frame->number != w->next ||
	    frame->number >= geometry_frames(&w->geometry) || !frame_sound(w, frame))
		return sv_fail(err, SV_E_FAILED, 0, w->part,
			       "frame %llu does not fit into the image",
			       (unsigned long long)frame->number);
	int rc = append(w, frame, err);
	if (!rc && sync_due(w))
		rc = writer_sync(w, err);
	w->failed = rc != 0;
	return writer_store_error(rc, err);
}

/* ---- stopping ---- */

/* Write the records of frames that are safe in the stream, and no others. */
static int sync_records(struct image_writer *w, struct sv_err *err)
{
	uint64_t safe = volumes_writer_synced(w->stream);
	size_t n = 0;
	while (n < w->n_pending && w->pending[n].stream_end <= safe)
		n++;
	size_t dropped = w->n_pending - n;
	if (dropped)
		index_writer_forget(w->index, w->pending[n].record);
	w->n_pending = 0;
	w->unsynced = 0;
	int rc = index_writer_sync(w->index, err);
	w->landed |= !rc && n > 0;
	if (!rc)
		w->safe_frames = w->frames.n - dropped;
	w->synced_ns = sv_now_ns();
	return rc;
}

int writer_sync(struct image_writer *w, struct sv_err *err)
{
	int rc = volumes_writer_sync(w->stream, err);
	w->dir_sync_missing |= volumes_writer_dir_sync_missing(w->stream);
	return rc ? rc : sync_records(w, err);
}

int image_writer_suspend(struct image_writer *w, struct sv_err *err)
{
	if (!w->stream || !w->index || w->finished)
		return 0;
	w->failed = true;
	int rc = w->stream_finished ? 0 : volumes_writer_sync(w->stream, err);
	int rc_records = w->stream_finished ? 0 : sync_records(w, err);
	return writer_store_error(rc ? rc : rc_records, err);
}

void image_writer_destroy(struct image_writer *w)
{
	if (!w)
		return;
	volumes_writer_destroy(w->stream);
	index_writer_destroy(w->index);
	index_digests_destroy(w->old);
	if (w->old_fd >= 0)
		close(w->old_fd);
	bool remove = w->dirfd >= 0 && w->lock && !w->committed && !w->landed;
	if (remove)
		remove_files(w);
	store_lock_release(w->lock);
	if (remove)
		unlinkat(w->parent_fd, w->part_name, AT_REMOVEDIR);
	if (w->dirfd >= 0)
		close(w->dirfd);
	if (w->parent_fd >= 0)
		close(w->parent_fd);
	manifest_clear(&w->m);
	frame_table_clear(&w->frames);
	sv_runs_clear(&w->runs);
	free(w->pending);
	free(w->report_head);
	free(w->parent);
	free(w->name);
	free(w->part_name);
	free(w->part);
	free(w);
}
