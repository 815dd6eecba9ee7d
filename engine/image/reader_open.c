/* reader_open.c - opening an image: what is whole of its files, put together */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/edges.h"
#include "engine/image/reader_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- manifest ---- */

bool reader_sum_of(const char *sums, const char *name, uint8_t sha256[SV_SHA256_LEN])
{
	char hex[2 * SV_SHA256_LEN + 1];
	size_t name_len = strlen(name);
	for (const char *line = sums; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		size_t len = strcspn(line, "\n");
		if (len != sizeof(hex) - 1 + 2 + name_len ||
		    memcmp(line + sizeof(hex) + 1, name, name_len) != 0)
			continue;
		memcpy(hex, line, sizeof(hex) - 1);
		hex[sizeof(hex) - 1] = '\0';
		return sv_unhex(sha256, SV_SHA256_LEN, hex);
	}
	return false;
}

/* Does SHA256SUMS vouch for these bytes? */
static bool vouched(int dirfd, const char *name, const char *text, size_t len)
{
	uint8_t want[SV_SHA256_LEN], is[SV_SHA256_LEN];
	struct sv_err ignored = {0};
	size_t sums_len;
	char *sums;
	if (store_read_file(dirfd, NAME_SUMS, MAX_JSON, &sums, &sums_len, &ignored))
		return false;
	struct sv_sha256 *sha = sv_sha256_create();
	bool same = false;
	if (sha && reader_sum_of(sums, name, want)) {
		sv_sha256_update(sha, text, len);
		sv_sha256_finish(sha, is);
		same = !memcmp(is, want, sizeof(is));
	}
	sv_sha256_destroy(sha);
	free(sums);
	return same;
}

int reader_load_manifest(int dirfd, struct manifest *m, struct sv_err *err)
{
	struct sv_err why = {0};
	size_t len;
	char *text;
	int rc = store_read_file(dirfd, NAME_MANIFEST, MAX_JSON, &text, &len, &why);
	if (image_cannot_tell(rc) && err)
		*err = why;
	if (rc)
		return rc;
	rc = manifest_decode(text, len, m);
	/* a flipped bit must not pass for a newer version, or for a codec we do not have */
	bool foreign = rc == SV_E_FORMAT || (!rc && !codec_find(m->info.codec));
	if ((!rc && m->role != MANIFEST_FULL) ||
	    (foreign && !vouched(dirfd, NAME_MANIFEST, text, len))) {
		manifest_clear(m);
		rc = SV_E_DATA;
	}
	free(text);
	return rc;
}

int reader_info_of_index(const struct index_head *head, const char *json, size_t json_len,
			 struct manifest *m)
{
	struct image_info *info = &m->info;
	int rc = json ? manifest_decode(json, json_len, m) : SV_E_DATA;
	if (rc == SV_E_NOMEM)
		return rc;
	if (!rc && memcmp(info->set_uuid, head->set_uuid, sizeof(info->set_uuid)) == 0 &&
	    info->size == head->geometry.size && info->frame_size == head->geometry.frame_size &&
	    !strcmp(info->codec, head->codec))
		return 0;
	manifest_clear(m);
	memcpy(info->set_uuid, head->set_uuid, sizeof(info->set_uuid));
	info->digest_seed = head->digest_seed;
	info->size = head->geometry.size;
	info->sector_size = head->sector_size;
	info->frame_size = head->geometry.frame_size;
	info->level = head->level;
	snprintf(info->codec, sizeof(info->codec), "%.15s", head->codec);
	return 0;
}

static int open_manifest(struct image_reader *r, struct sv_err *err)
{
	if (r->lone || r->flags & IMAGE_OPEN_PART)
		return 0;
	int rc = reader_load_manifest(r->dirfd, &r->m, err);
	r->has_manifest = rc == 0;
	if (rc == SV_E_FORMAT)
		return sv_fail(err, rc, 0, r->path, "%s is of a newer format version", r->path);
	if (rc == SV_E_NOT_FOUND)
		return reader_say(r, "%s is missing", NAME_MANIFEST);
	return rc && !image_cannot_tell(rc) ? reader_say(r, "%s is damaged", NAME_MANIFEST) : rc;
}

/* ---- disk.idx ---- */

static bool same_image(const struct image_reader *r, const struct index *ix)
{
	const struct image_info *info = &r->m.info;
	return !memcmp(info->set_uuid, ix->head.set_uuid, sizeof(info->set_uuid)) &&
	       info->digest_seed == ix->head.digest_seed && info->size == ix->head.geometry.size &&
	       info->frame_size == ix->head.geometry.frame_size &&
	       info->sector_size == ix->head.sector_size && !strcmp(info->codec, ix->head.codec);
}

static int say_index_damage(struct image_reader *r, const struct index *ix)
{
	if (!ix->damaged)
		return 0;
	if (!ix->has_foot)
		return reader_say(r, "%s has no end: it was cut, or the image is unfinished",
				  NAME_INDEX);
	return reader_say(r, "%s is damaged at byte %llu", NAME_INDEX,
			  (unsigned long long)ix->damage_at);
}

/* The head of the index as the manifest has it. */
static void spare_head(const struct image_reader *r, struct index_head *head)
{
	const struct image_info *info = &r->m.info;
	memset(head, 0, sizeof(*head));
	head->version = FORMAT_VERSION;
	memcpy(head->set_uuid, info->set_uuid, sizeof(head->set_uuid));
	head->digest_seed = info->digest_seed;
	head->geometry = (struct geometry){info->size, info->frame_size};
	head->sector_size = info->sector_size;
	head->level = info->level;
	memcpy(head->codec, info->codec, sizeof(info->codec));
}

/* Does an index whose head is lost say elsewhere that it is of this image? */
static bool identity_fits(const struct image_reader *r, const struct index *ix)
{
	struct manifest m;
	if (!ix->identity || manifest_decode(ix->identity, ix->identity_len, &m))
		return false;
	bool fits = !memcmp(m.info.set_uuid, r->m.info.set_uuid, sizeof(m.info.set_uuid)) &&
		    m.info.digest_seed == r->m.info.digest_seed;
	manifest_clear(&m);
	return fits;
}

static int fail_index(const struct image_reader *r, int e, struct sv_err *err)
{
	int rc = store_read_code(e);
	if (image_cannot_tell(rc))
		sv_fail(err, rc, e, r->path, "cannot open %s of %s", NAME_INDEX, r->path);
	return rc;
}

static int load_index(struct image_reader *r, struct index *ix, struct sv_err *err)
{
	struct stat st;
	struct index_head head;
	spare_head(r, &head);
	r->index_fd = openat(r->dirfd, NAME_INDEX, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (r->index_fd < 0 || fstat(r->index_fd, &st))
		return fail_index(r, errno, err);
	if (!S_ISREG(st.st_mode))
		return SV_E_DATA;
	int rc = index_load(index_pread, &r->index_fd, (uint64_t)st.st_size,
			    r->has_manifest ? &head : NULL, ix);
	if (!rc && ix->headless && !identity_fits(r, ix)) {
		index_clear(ix);
		rc = SV_E_DATA;
	}
	return rc;
}

/* Afterwards ix is either empty or about this image. */
static int open_index(struct image_reader *r, struct index *ix, struct sv_err *err)
{
	if (r->lone)
		return 0;
	int rc = load_index(r, ix, err);
	if (image_cannot_tell(rc))
		return rc;
	if (rc == SV_E_FORMAT)
		return sv_fail(err, rc, 0, r->path, "%s is of a newer format version", r->path);
	if (rc == SV_E_NOT_FOUND)
		return reader_say(r, "%s is missing", NAME_INDEX);
	if (rc)
		return reader_say(r, "%s is damaged", NAME_INDEX);
	if (r->has_manifest && !same_image(r, ix)) {
		index_clear(ix);
		return reader_say(r, "%s belongs to another image", NAME_INDEX);
	}
	rc = say_index_damage(r, ix);
	if (!rc && !r->has_manifest) {
		rc = reader_info_of_index(&ix->head, ix->identity, ix->identity_len, &r->m);
		r->m.info.bytes_stored = ix->has_foot ? ix->foot.stream_len : 0;
	}
	return rc;
}

/* ---- all together ---- */

static int take_runs(struct image_reader *r, struct index *ix)
{
	if (sv_runs_end(&ix->runs) == r->geometry.size) {
		r->runs = ix->runs;
		memset(&ix->runs, 0, sizeof(ix->runs));
		return 0;
	}
	return sv_runs_append(&r->runs, r->geometry.size, SV_RUN_DATA);
}

static void find_max_stored(struct image_reader *r)
{
	uint64_t limit = r->codec->bound(r->geometry.frame_size) + 64;
	for (uint64_t i = 0; i < r->frames.n; i++) {
		struct frame_entry *e = &r->frames.v[i];
		uint64_t stored = frame_stored_len(r->codec, e);
		if (stored > limit)
			e->payload = 0; /* no frame is as long: lost */
		else
			r->max_stored = SV_MAX(r->max_stored, (size_t)stored);
	}
}

/* What no frame's checksum covers. */
static int check_edges(struct image_reader *r, const struct index *ix)
{
	uint32_t crc;
	if (!ix->has_foot)
		return 0;
	int rc = edges_crc(r->stream, r->codec, &r->frames, &crc);
	if (image_cannot_tell(rc))
		return rc;
	if (rc || crc != ix->foot.edges)
		return reader_say(r, "%s is damaged before its first or behind its last frame",
				  r->base);
	return 0;
}

static int open_all(struct image_reader *r, struct index *ix, struct sv_err *err)
{
	int rc = open_manifest(r, err);
	if (!rc)
		rc = open_index(r, ix, err);
	if (!rc)
		rc = reader_open_stream(r, ix, err);
	if (rc)
		return rc;
	r->geometry = (struct geometry){r->m.info.size, r->m.info.frame_size};
	rc = reader_find_frames(r, ix, err);
	if (!rc)
		rc = check_edges(r, ix);
	if (!rc)
		rc = take_runs(r, ix);
	if (!rc && ix->digests_whole)
		rc = index_digests_create(r->index_fd, &r->geometry, &r->digests);
	if (!rc)
		find_max_stored(r);
	return rc;
}

/* A directory, or the name of a stream in one. */
static int open_path(struct image_reader *r, const char *path, struct sv_err *err)
{
	struct stat st;
	if (stat(path, &st))
		return sv_fail(err, errno == ENOENT || errno == ENOTDIR ? SV_E_NOT_FOUND : SV_E_IO,
			       errno, path, "cannot open the image %s", path);
	r->lone = S_ISREG(st.st_mode);
	if (!r->lone && !S_ISDIR(st.st_mode))
		return sv_fail(err, SV_E_FORMAT, 0, path, "%s is no image", path);
	char *dir = strdup(path), *slash = dir ? strrchr(dir, '/') : NULL;
	if (!dir)
		return SV_E_NOMEM;
	if (r->lone) {
		snprintf(r->base, sizeof(r->base), "%s", slash ? slash + 1 : dir);
		char *dot = strrchr(r->base, '.');
		if (dot && strlen(dot) > 3 && strspn(dot + 1, "0123456789") == strlen(dot + 1))
			*dot = '\0';
		if (slash)
			slash[slash == dir ? 1 : 0] = '\0';
	}
	r->dirfd = open(r->lone && !slash ? "." : dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int errnum = errno;
	free(dir);
	if (r->dirfd < 0)
		return sv_fail(err, SV_E_IO, errnum, path, "cannot open %s", path);
	if (r->lone && !strncmp(r->base, NAME_STREAM, strlen(NAME_STREAM)) &&
	    (!faccessat(r->dirfd, NAME_INDEX, F_OK, 0) ||
	     !faccessat(r->dirfd, NAME_MANIFEST, F_OK, 0)))
		r->lone = false;
	return 0;
}

int image_reader_open(const char *path, unsigned int flags, struct image_reader **reader_ret,
		      struct sv_err *err)
{
	struct index ix = {0};
	struct image_reader *r = calloc(1, sizeof(*r));
	if (!r)
		return sv_fail_nomem(err);
	r->dirfd = r->index_fd = -1;
	r->flags = flags;
	r->path = strdup(path);
	int rc = r->path ? open_path(r, path, err) : SV_E_NOMEM;
	if (!rc)
		rc = open_all(r, &ix, err);
	index_clear(&ix);
	if (rc || image_reader_damage(r, 0))
		rc = reader_store_gone(r, rc, err);
	if (!rc) {
		*reader_ret = r;
		return 0;
	}
	image_reader_close(r);
	if (rc == SV_E_NOMEM)
		return sv_fail_nomem(err);
	if (rc == SV_E_STORE)
		sv_fail(err, rc, 0, path, "the store of %s failed while it was read", path);
	return rc == SV_E_IO ? sv_err_recode(err, SV_E_STORE) : rc;
}
