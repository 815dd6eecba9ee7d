/* reader.c - an open image: frames, run map, digests */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/reader_priv.h"
#include "engine/io/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int reader_say(struct image_reader *r, const char *fmt, ...)
{
	char **list = reallocarray(r->damage, r->n_damage + 1, sizeof(*list));
	if (!list)
		return SV_E_NOMEM;
	r->damage = list;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&list[r->n_damage], fmt, ap);
	va_end(ap);
	if (n < 0)
		return SV_E_NOMEM;
	r->n_damage++;
	return 0;
}

int reader_pread(void *arg, void *buf, size_t len, uint64_t off)
{
	struct sv_err ignored = {0};
	return volumes_reader_pread(arg, buf, len, off, &ignored);
}

void image_reader_close(struct image_reader *r)
{
	if (!r)
		return;
	volumes_reader_destroy(r->stream);
	index_digests_destroy(r->digests);
	if (r->index_fd >= 0)
		close(r->index_fd);
	if (r->dirfd >= 0)
		close(r->dirfd);
	manifest_clear(&r->m);
	frame_table_clear(&r->frames);
	sv_runs_clear(&r->runs);
	for (size_t i = 0; i < r->n_damage; i++)
		free(r->damage[i]);
	free(r->damage);
	free(r->path);
	free(r);
}

const struct image_info *image_reader_info(const struct image_reader *r)
{
	return &r->m.info;
}

const struct sv_runs *image_reader_runs(const struct image_reader *r)
{
	return &r->runs;
}

uint64_t image_reader_frames(const struct image_reader *r)
{
	return r->frames.n;
}

void image_reader_frame_range(const struct image_reader *r, uint64_t n, uint64_t *start,
			      uint64_t *len)
{
	*start = n * r->geometry.frame_size;
	*len = geometry_frame_len(&r->geometry, n);
}

bool image_reader_frame_constant(const struct image_reader *r, uint64_t n)
{
	uint64_t start, len;
	image_reader_frame_range(r, n, &start, &len);
	for (size_t i = sv_runs_seek(&r->runs, start);
	     i < r->runs.n && r->runs.v[i].start < start + len; i++)
		if (r->runs.v[i].kind == SV_RUN_DATA)
			return false;
	return true;
}

size_t image_reader_max_stored(const struct image_reader *r)
{
	return r->max_stored;
}

int reader_store_gone(const struct image_reader *r, int rc, struct sv_err *err)
{
	if (r->dirfd < 0 || !store_gone(r->dirfd))
		return rc;
	if (err)
		memset(err, 0, sizeof(*err)); /* what was found before is no damage */
	return sv_fail(err, SV_E_STORE, 0, r->path, "the store of %s does not answer any more",
		       r->path);
}

struct volumes_window *image_reader_window(struct image_reader *r)
{
	return volumes_window_create(r->stream);
}

int image_reader_read_stored(struct image_reader *r, uint64_t n, void *buf, size_t cap, size_t *len,
			     struct sv_err *err)
{
	return image_reader_next_stored(r, NULL, n, buf, cap, len, err);
}

int image_reader_next_stored(struct image_reader *r, struct volumes_window *window, uint64_t n,
			     void *buf, size_t cap, size_t *len, struct sv_err *err)
{
	const struct frame_entry *e = n < r->frames.n ? &r->frames.v[n] : NULL;
	if (!e || !e->payload)
		return sv_fail(err, SV_E_DIFFERS, 0, r->path, "frame %llu of %s is lost",
			       (unsigned long long)n, r->path);
	uint64_t stored = frame_stored_len(r->codec, e);
	if (stored > cap)
		return sv_fail(err, SV_E_RANGE, 0, r->path, "no room for frame %llu",
			       (unsigned long long)n);
	int rc = window ? volumes_window_pread(window, buf, (size_t)stored, e->offset, err)
			: volumes_reader_pread(r->stream, buf, (size_t)stored, e->offset, err);
	*len = (size_t)stored;
	/* a connection that breaks may look like the end of the file, too */
	if (rc && rc != SV_E_NOMEM)
		rc = reader_store_gone(r, rc, err);
	/* shorter than its tables say: damage, not a failing store */
	return rc == SV_E_RANGE || rc == SV_E_DATA ? sv_err_recode(err, SV_E_DIFFERS) : rc;
}

int image_reader_decode(struct image_reader *r, struct codec_ctx *ctx, uint64_t n,
			const void *stored, size_t stored_len, void *raw, struct sv_err *err)
{
	const struct frame_entry *e = &r->frames.v[n];
	size_t raw_len = (size_t)geometry_frame_len(&r->geometry, n);
	uint32_t sum;
	int rc = r->codec->decompress(ctx, stored, stored_len, raw, raw_len);
	if (!rc && e->has_checksum) {
		/* what the frame carries itself has just been verified */
		if (!r->codec->stored_checksum(stored, stored_len, &sum))
			sum = (uint32_t)sv_xxh64(raw, raw_len);
		rc = sum == e->checksum ? 0 : SV_E_DATA;
	}
	if (rc == SV_E_NOMEM)
		return sv_fail_nomem(err);
	if (rc)
		return sv_fail(err, SV_E_DIFFERS, 0, r->path, "frame %llu of %s is damaged",
			       (unsigned long long)n, r->path);
	return 0;
}

const struct codec_ops *image_reader_codec(const struct image_reader *r)
{
	return r->codec;
}

bool image_reader_digest(struct image_reader *r, uint64_t g, struct sv_digest *digest)
{
	bool has = false;
	uint64_t n = g / (r->geometry.frame_size / IMAGE_GRANULE);
	if (!r->digests || n >= r->frames.n || !r->frames.v[n].record)
		return false;
	int rc = index_digest(r->digests, n, r->frames.v[n].record, g, digest, &has);
	if (image_cannot_tell(rc))
		atomic_store(&r->failed, rc);
	else if (rc)
		atomic_store(&r->digests_lost, true);
	return has;
}

int image_reader_failed(const struct image_reader *r, struct sv_err *err)
{
	int rc = atomic_load(&r->failed);
	if (rc == SV_E_NOMEM)
		return sv_fail_nomem(err);
	return rc ? sv_fail(err, rc, 0, r->path, "cannot read disk.idx of %s any more", r->path)
		  : 0;
}

bool image_reader_has_digests(const struct image_reader *r)
{
	return r->digests && !atomic_load(&r->digests_lost);
}

bool image_reader_digests_lost(const struct image_reader *r)
{
	return atomic_load(&r->digests_lost);
}

const char *image_reader_damage(const struct image_reader *r, size_t i)
{
	return i < r->n_damage ? r->damage[i] : NULL;
}
