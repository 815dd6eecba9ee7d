/* fuzz_resume.c - hostile unfinished images, taken up by a writer */
/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Input: as in fuzz_image.h. The source that is saved is the one which the records of disk.idx tell
 * of, so that they are believed; the target's own flags make it another one.
 */
#include "tests/fuzz/fuzz_image.h"

#include "engine/image/manifest.h"

enum { OTHER_DIGEST = 1, OTHER_SERIAL = 2, OTHER_PLAN = 4, OTHER_CODEC = 8 };

/* What is decoded again is as small as a fuzzer can afford. */
#define MAX_RAW	   (2u << 20)
#define MAX_FUZZED 4096 /* frames */

struct source {
	struct image_create create;
	struct sv_runs plan;
	bool has_head;
	struct geometry geometry;
};

static int learn_head(struct source *s, const uint8_t *payload, size_t len)
{
	struct index_head head;
	struct image_info *info = &s->create.info;
	if (s->has_head || !index_parse_head(payload, len, &head))
		return 1;
	s->has_head = true;
	s->geometry = head.geometry;
	s->create.source_digest = head.source_digest;
	s->create.volume_size = head.volume_size;
	info->size = head.geometry.size;
	info->frame_size = head.geometry.frame_size;
	info->sector_size = head.sector_size;
	info->level = head.level;
	snprintf(info->codec, sizeof(info->codec), "%.15s", head.codec);
	return 0;
}

static int learn_identity(struct source *s, const uint8_t *payload, size_t len)
{
	struct manifest m;
	struct image_info *info = &s->create.info;
	if (manifest_decode((const char *)payload, len, &m))
		return 1;
	memcpy(info->serial, m.info.serial, sizeof(info->serial));
	memcpy(info->model, m.info.model, sizeof(info->model));
	memcpy(info->wwn, m.info.wwn, sizeof(info->wwn));
	memcpy(info->table, m.info.table, sizeof(info->table));
	manifest_clear(&m);
	return 0;
}

static int learn(void *arg, uint32_t type, const uint8_t *payload, size_t len, uint64_t at)
{
	struct source *s = arg;
	struct index_runs list;
	(void)at;
	if (type == RECORD_HEAD)
		return learn_head(s, payload, len);
	if (!s->has_head)
		return 1;
	if (type == RECORD_IDENTITY)
		return learn_identity(s, payload, len);
	if (type != RECORD_PLAN || !index_parse_runs(payload, len, &s->geometry, &list))
		return 1;
	for (uint32_t i = 0; i < list.n; i++) {
		uint64_t word = get_le64(list.words + 8 * (size_t)i);
		must(!sv_runs_append(&s->plan, RUN_LEN(word), RUN_KIND(word)));
	}
	return 0;
}

static void change(struct source *s, unsigned int flags)
{
	struct image_info *info = &s->create.info;
	if (flags & OTHER_DIGEST)
		s->create.source_digest.b[0] ^= 1;
	if (flags & OTHER_SERIAL)
		info->serial[0] ^= 1;
	if (flags & OTHER_PLAN && s->plan.n)
		s->plan.v[0].kind = SV_RUN_FREE;
	if (flags & OTHER_CODEC)
		strcpy(info->codec, strcmp(info->codec, "xz") ? "xz" : "zstd");
}

/* The source as the index has it; false when there is none that a fuzzer could afford. */
static bool source_of(struct source *s, int dirfd, unsigned int flags)
{
	struct stat st;
	uint64_t damage;
	memset(s, 0, sizeof(*s));
	int fd = openat(dirfd, NAME_INDEX, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	must(!fstat(fd, &st));
	must(index_scan(index_pread, &fd, 0, (uint64_t)st.st_size, true, learn, s, &damage) >= 0);
	close(fd);
	if (!s->has_head || s->geometry.frame_size > MAX_RAW ||
	    geometry_frames(&s->geometry) > MAX_FUZZED)
		return false;
	change(s, flags);
	uint64_t end = sv_runs_end(&s->plan);
	if (end < s->geometry.size)
		must(!sv_runs_append(&s->plan, s->geometry.size - end, SV_RUN_READ));
	s->create.plan = &s->plan;
	return true;
}

static void take_up(struct source *s)
{
	char path[128];
	struct image_writer *w = NULL;
	struct sv_err err = {0};
	s->create.path = scratch_path(path, sizeof(path), fuzz_top, "image");
	s->create.resume = true;
	int rc = image_writer_create(&s->create, &w, &err);
	must(rc <= 0 && (!rc || (*err.text && err.code == rc)));
	if (rc)
		return;
	uint64_t from = image_writer_resumed_from(w);
	must(from <= s->geometry.size);
	for (uint64_t g = 0; g < SV_MIN(from / IMAGE_GRANULE, 16); g++) {
		struct sv_digest digest;
		(void)image_writer_old_digest(w, g, &digest);
	}
	must(!image_writer_suspend(w, &err));
	image_writer_destroy(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_image image;
	struct source source;
	if (!fuzz_image_take(&image, data, size))
		return -1;
	int dirfd = fuzz_folder("image" PART_SUFFIX);
	fuzz_empty(dirfd);
	fuzz_image_put(&image, dirfd);
	if (source_of(&source, dirfd, image.own))
		take_up(&source);
	sv_runs_clear(&source.plan);
	close(dirfd);
	return 0;
}
