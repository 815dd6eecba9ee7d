/* writer_finish.c - the end of an image: tables, footer, side files, the final name */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/edges.h"
#include "engine/image/sidefiles.h"
#include "engine/image/writer_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void now_rfc3339(char *out, size_t cap)
{
	time_t now = time(NULL);
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* What is known when the last frame has landed. */
static int fill_result(struct image_writer *w)
{
	struct image_info *info = &w->m.info;
	w->m.bad_areas = 0;
	sv_extents_clear(&w->m.bad);
	for (size_t i = 0; i < w->runs.n; i++) {
		const struct sv_run *r = &w->runs.v[i];
		if (r->kind != SV_RUN_BAD)
			continue;
		if (w->m.bad_areas++ < MANIFEST_BAD_AREAS &&
		    sv_extents_add(&w->m.bad, r->start, r->len))
			return SV_E_NOMEM;
	}
	now_rfc3339(info->finished, sizeof(info->finished));
	info->bytes_stored = w->position;
	snprintf(info->verdict, sizeof(info->verdict), "%s",
		 info->bytes_bad ? "bad-areas" : "complete");
	return 0;
}

/* ---- the end of the stream ---- */

struct emit {
	struct volumes_writer *stream;
	struct sv_err *err;
};

static int emit(void *arg, const void *buf, size_t len)
{
	struct emit *e = arg;
	return volumes_writer_append(e->stream, buf, len, e->err);
}

static int write_zstd_end(struct image_writer *w, struct sv_err *err)
{
	uint8_t head[SKIPPABLE_HEADER];
	struct emit e = {w->stream, err};
	w->m.role = MANIFEST_RESULT;
	char *json = manifest_encode(&w->m);
	if (!json)
		return SV_E_NOMEM;
	size_t len = strlen(json);
	put_le32(head, SKIPPABLE_MAGIC);
	put_le32(head + 4, (uint32_t)len);
	int rc = emit(&e, head, sizeof(head));
	if (!rc)
		rc = emit(&e, json, len);
	if (!rc)
		rc = seektable_write(&w->frames, &w->geometry, w->head_len,
				     (uint32_t)(len + sizeof(head)), emit, &e);
	free(json);
	return rc;
}

static void sizes_of(void *arg, uint64_t i, uint64_t *payload, uint64_t *raw)
{
	const struct image_writer *w = arg;
	*payload = w->frames.v[i].payload;
	*raw = geometry_frame_len(&w->geometry, i);
}

static int write_stream_end(struct image_writer *w, struct sv_err *err)
{
	void *tail = NULL;
	size_t len = 0;
	int rc = 0;
	if (w->codec->stream_tail) {
		rc = w->codec->stream_tail(sizes_of, w, w->frames.n, &tail, &len);
		if (!rc)
			rc = volumes_writer_append(w->stream, tail, len, err);
		free(tail);
	} else if (w->codec->measure) {
		rc = write_zstd_end(w, err);
	}
	if (!rc)
		rc = volumes_writer_finish(w->stream, err);
	w->stream_finished = rc == 0;
	return rc;
}

static int stored_edges(struct image_writer *w, uint32_t *crc, struct sv_err *err)
{
	struct volumes_reader *stream = NULL;
	int rc = volumes_reader_open(w->dirfd, w->m.stream, 0, &stream, err);
	if (!rc)
		rc = edges_crc(stream, w->codec, &w->frames, crc);
	volumes_reader_destroy(stream);
	if (rc && rc != SV_E_NOMEM)
		sv_fail(err, rc, 0, w->part, "the stream of %s cannot be read back", w->part);
	return rc;
}

static int write_index_end(struct image_writer *w, struct sv_err *err)
{
	const struct image_info *info = &w->m.info;
	struct index_foot foot = {.frames = w->frames.n,
				  .stream_len = info->bytes_stored,
				  .runs_at = index_writer_position(w->index),
				  .n_runs = w->runs.n,
				  .bytes = {info->bytes_data, info->bytes_zero, info->bytes_free,
					    info->bytes_bad, info->bytes_absent}};
	int rc = stored_edges(w, &foot.edges, err);
	if (!rc)
		rc = index_put_runs(w->index, RECORD_RUNS, &w->runs, err);
	foot.table_at = index_writer_position(w->index);
	if (!rc)
		rc = index_put_table(w->index, &w->frames, &w->geometry, err);
	if (!rc)
		rc = index_put_foot(w->index, &foot);
	return rc ? rc : index_writer_sync(w->index, err);
}

int image_writer_finish_stream(struct image_writer *w, struct sv_err *err)
{
	if (w->failed || w->next != geometry_frames(&w->geometry))
		return sv_fail(err, SV_E_FAILED, 0, w->part,
			       "only %llu of %llu frames are in the image",
			       (unsigned long long)w->next,
			       (unsigned long long)geometry_frames(&w->geometry));
	int rc = writer_sync(w, err);
	if (!rc)
		rc = fill_result(w);
	if (!rc)
		rc = write_stream_end(w, err);
	if (!rc) {
		w->m.info.bytes_stored = volumes_writer_position(w->stream);
		rc = write_index_end(w, err);
	}
	w->finished = rc == 0;
	w->failed = rc != 0;
	return writer_store_error(rc, err);
}

/* ---- side files ---- */

static int add_stored(struct image_writer *w, struct sv_err *err)
{
	uint8_t digest[SV_SHA256_LEN];
	uint64_t index_size = index_writer_position(w->index);
	int rc = 0;
	for (size_t i = 0; !rc && i < volumes_writer_count(w->stream); i++) {
		struct volume_info volume;
		volumes_writer_info(w->stream, i, &volume);
		rc = volumes_writer_sha256(w->stream, i, digest, err);
		if (!rc)
			rc = manifest_add_file(&w->m, volume.name, volume.size, digest);
	}
	if (!rc)
		rc = store_sha256_written(w->dirfd, NAME_INDEX, index_size, digest, err);
	return rc ? rc : manifest_add_file(&w->m, NAME_INDEX, index_size, digest);
}

static int sha256_of(const char *text, uint8_t digest[SV_SHA256_LEN])
{
	struct sv_sha256 *sha = sv_sha256_create();
	if (!sha)
		return SV_E_NOMEM;
	sv_sha256_update(sha, text, strlen(text));
	sv_sha256_finish(sha, digest);
	sv_sha256_destroy(sha);
	return 0;
}

/* Digest of a text that is written later into the manifest. */
static int add_text(struct image_writer *w, const char *name, const char *text)
{
	uint8_t digest[SV_SHA256_LEN];
	int rc = text ? sha256_of(text, digest) : SV_E_NOMEM;
	return rc ? rc : manifest_add_file(&w->m, name, strlen(text), digest);
}

static int write_text(struct image_writer *w, const char *name, const char *text,
		      struct sv_err *err)
{
	return store_write_file(w->dirfd, name, text, strlen(text), w->faults, &w->dir_sync_missing,
				err);
}

static int write_side_files(struct image_writer *w, const char *report_tail, struct sv_err *err)
{
	uint8_t digest[SV_SHA256_LEN];
	char *json = NULL, *sums = NULL;
	int rc = add_stored(w, err);
	const struct report report = {w->report_head, report_tail, image_writer_resumed_from(w),
				      w->dir_sync_missing};
	char *readme = sidefile_readme(&w->m, volumes_writer_count(w->stream));
	char *text = sidefile_report(&w->m, &report);
	if (!rc)
		rc = add_text(w, NAME_README, readme);
	if (!rc)
		rc = add_text(w, NAME_REPORT, text);
	if (!rc) {
		w->m.role = MANIFEST_FULL;
		json = manifest_encode(&w->m);
		rc = json ? sha256_of(json, digest) : SV_E_NOMEM;
	}
	if (!rc) {
		sums = sidefile_sums(&w->m, digest);
		rc = sums ? write_text(w, NAME_MANIFEST, json, err) : SV_E_NOMEM;
	}
	if (!rc)
		rc = write_text(w, NAME_README, readme, err);
	if (!rc)
		rc = write_text(w, NAME_REPORT, text, err);
	if (!rc)
		rc = write_text(w, NAME_SUMS, sums, err);
	free(readme);
	free(text);
	free(json);
	free(sums);
	return rc;
}

/* Close all that is open in the directory: some stores rename no other. */
static void close_all(struct image_writer *w)
{
	volumes_writer_destroy(w->stream);
	w->stream = NULL;
	index_writer_destroy(w->index);
	w->index = NULL;
	index_digests_destroy(w->old);
	w->old = NULL;
	if (w->old_fd >= 0)
		close(w->old_fd);
	w->old_fd = -1;
	store_lock_release(w->lock);
	w->lock = NULL;
	close(w->dirfd);
	w->dirfd = -1;
}

int image_writer_commit(struct image_writer *w, bool verified, const char *report_tail,
			struct sv_err *err)
{
	struct sv_err ignored = {0};
	if (!w->finished || w->committed)
		return sv_fail(err, SV_E_FAILED, 0, w->part, "the image is not finished");
	w->m.info.verified = verified;
	free(w->m.files);
	w->m.files = NULL;
	w->m.n_files = 0;
	int rc = write_side_files(w, report_tail, err);
	if (!rc)
		rc = store_sync_all(w->dirfd, err);
	if (rc)
		return writer_store_error(rc, err);
	close_all(w);
	rc = store_rename(w->parent_fd, w->part_name, w->parent_fd, w->name, w->faults, err);
	if (rc)
		return writer_store_error(rc, err);
	w->committed = true;
	/* all content is safe already; a store that cannot sync the name is no failure any more */
	(void)store_sync_dir(w->parent_fd, w->faults, &w->dir_sync_missing, &ignored);
	(void)store_sync_all(w->parent_fd, &ignored);
	return 0;
}
