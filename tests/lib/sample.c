/* sample.c - small random disks, saved through the image writer and compared through the reader */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/sample.h"

#include "engine/util/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t sample_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* Content of a data run: text, noise, or zeros with a byte here and there. */
static void fill(uint8_t *p, size_t len, uint64_t *seed)
{
	uint64_t kind = sample_random(seed) % 3;
	for (size_t i = 0; i < len; i++) {
		if (kind == 0)
			p[i] = (uint8_t)("the quick brown fox "[sample_random(seed) % 20]);
		else if (kind == 1)
			p[i] = (uint8_t)sample_random(seed);
		else if (i % 512 == 0)
			p[i] = 1;
	}
}

static void make_runs(struct sample *s)
{
	uint64_t size = s->create.info.size, seed = s->seed;
	uint64_t longest = 1 + sample_random(&seed) % 1000;
	while (sv_runs_end(&s->runs) < size) {
		uint64_t at = sv_runs_end(&s->runs);
		uint64_t len = (1 + sample_random(&seed) % longest) * 512;
		len = SV_MIN(len, size - at); /* a macro: no calls inside */
		int kind = (int)(sample_random(&seed) % 5) + SV_RUN_DATA;
		bool planned = kind == SV_RUN_FREE || kind == SV_RUN_ABSENT;
		assert_int_equal(sv_runs_append(&s->runs, len, kind), 0);
		assert_int_equal(sv_runs_append(&s->plan, len, planned ? kind : SV_RUN_READ), 0);
		if (kind == SV_RUN_DATA)
			fill(s->raw + at, (size_t)len, &seed);
	}
}

static void make_parts(struct image_info *info)
{
	info->parts = calloc(2, sizeof(*info->parts));
	assert_non_null(info->parts);
	info->n_parts = 2;
	for (int i = 0; i < 2; i++) {
		struct image_part *p = &info->parts[i];
		p->number = i + 1;
		p->start = info->size / 4 * (uint64_t)i;
		p->size = info->size / 4;
		strcpy(p->fs, i ? "ntfs" : "ext4");
		strcpy(p->state, i ? "whole" : "exact");
		strcpy(p->label, "Caf\xc3\xa9 \xff"); /* not all of it is UTF-8 */
		strcpy(p->reason, i ? "a \"reason\"" : "");
	}
}

void sample_make(struct sample *s, uint64_t seed, const char *codec, uint32_t frame_size,
		 uint64_t size)
{
	struct image_info *info = &s->create.info;
	memset(s, 0, sizeof(*s));
	s->seed = seed;
	s->raw = calloc(1, (size_t)size);
	assert_non_null(s->raw);
	info->size = size;
	info->sector_size = 512;
	info->frame_size = frame_size ? frame_size : codec_find(codec)->default_frame;
	info->level = SV_MIN(codec_find(codec)->default_level, 3);
	snprintf(info->codec, sizeof(info->codec), "%s", codec);
	strcpy(info->serial, "S5Y2NJ0R204821F");
	strcpy(info->model, "A disk\tof\ntests");
	strcpy(info->table, "gpt");
	strcpy(info->tool, "salvor test");
	strcpy(info->created, "2026-11-24T00:00:00Z");
	strcpy(info->note, "a note");
	make_parts(info);
	make_runs(s);
	s->create.plan = &s->plan;
	memset(&s->create.source_digest, 7, sizeof(s->create.source_digest));
	s->create.report_head = "head\n";
}

void sample_drop(struct sample *s)
{
	free(s->raw);
	sv_runs_clear(&s->runs);
	sv_runs_clear(&s->plan);
	image_info_clear(&s->create.info);
}

uint64_t sample_frames(const struct sample *s)
{
	uint64_t frame = s->create.info.frame_size;
	return (s->create.info.size + frame - 1) / frame;
}

static bool granule_has_digest(const struct sample *s, uint64_t g)
{
	uint64_t a = g * IMAGE_GRANULE, b = SV_MIN(a + IMAGE_GRANULE, s->create.info.size);
	for (size_t i = sv_runs_seek(&s->runs, a); i < s->runs.n && s->runs.v[i].start < b; i++)
		if (s->runs.v[i].kind == SV_RUN_DATA || s->runs.v[i].kind == SV_RUN_BAD)
			return true;
	return false;
}

static struct sv_digest digest_of(const struct sample *s, uint64_t g, uint64_t seed)
{
	uint64_t a = g * IMAGE_GRANULE;
	return sv_xxh3_128(s->raw + a, (size_t)SV_MIN(IMAGE_GRANULE, s->create.info.size - a),
			   seed);
}

static void cut_runs(const struct sample *s, uint64_t start, uint64_t end, struct sv_runs *out)
{
	for (size_t i = sv_runs_seek(&s->runs, start); i < s->runs.n && s->runs.v[i].start < end;
	     i++) {
		uint64_t a = SV_MAX(s->runs.v[i].start, start);
		uint64_t b = SV_MIN(s->runs.v[i].start + s->runs.v[i].len, end);
		assert_int_equal(sv_runs_append(out, b - a, s->runs.v[i].kind), 0);
	}
	for (size_t i = 0; i < out->n; i++)
		out->v[i].start += start;
}

static int append_one(const struct sample *s, struct image_writer *w, struct codec_ctx *ctx,
		      uint64_t n, struct sv_err *err)
{
	const struct codec_ops *codec = codec_find(s->create.info.codec);
	uint64_t start = n * s->create.info.frame_size;
	size_t len = (size_t)SV_MIN(s->create.info.frame_size, s->create.info.size - start);
	size_t cap = codec->bound(s->create.info.frame_size), stored_len = 0;
	uint8_t *stored = malloc(cap);
	struct sv_runs runs = {0};
	struct sv_digest *digests = calloc(len / IMAGE_GRANULE + 1, sizeof(*digests));
	size_t n_digests = 0;
	assert_non_null(stored);
	assert_non_null(digests);
	cut_runs(s, start, start + len, &runs);
	for (uint64_t g = start / IMAGE_GRANULE; g * IMAGE_GRANULE < start + len; g++)
		if (granule_has_digest(s, g))
			digests[n_digests++] = digest_of(s, g, image_writer_info(w)->digest_seed);
	if (sv_is_zero(s->raw + start, len))
		stored_len = codec->zero_frame(ctx, len, stored, cap);
	else
		assert_int_equal(
			codec->compress(ctx, s->raw + start, len, stored, cap, &stored_len), 0);
	assert_true(stored_len > 0);
	const struct image_frame frame = {.number = n,
					  .stored = stored,
					  .stored_len = stored_len,
					  .checksum = (uint32_t)sv_xxh64(s->raw + start, len),
					  .runs = runs.v,
					  .n_runs = runs.n,
					  .digests = digests,
					  .n_digests = n_digests};
	int rc = image_writer_append(w, &frame, err);
	sv_runs_clear(&runs);
	free(digests);
	free(stored);
	return rc;
}

int sample_append(const struct sample *s, struct image_writer *w, uint64_t from, uint64_t to,
		  struct sv_err *err)
{
	const struct codec_ops *codec = codec_find(s->create.info.codec);
	struct codec_ctx *ctx = codec->create(s->create.info.level);
	int rc = 0;
	assert_non_null(ctx);
	for (uint64_t n = from; !rc && n < to; n++)
		rc = append_one(s, w, ctx, n, err);
	codec->destroy(ctx);
	return rc;
}

static void must(int rc, const struct sv_err *err)
{
	if (rc)
		fail_msg("%d: %s", rc, err->text);
}

void sample_finish(const struct sample *s, struct image_writer *w)
{
	struct sv_err err = {0};
	uint64_t at = image_writer_resumed_from(w), frame = s->create.info.frame_size;
	must(sample_append(s, w, (at + frame - 1) / frame, sample_frames(s), &err), &err);
	must(image_writer_finish_stream(w, &err), &err);
	must(image_writer_commit(w, true, "tail\n", &err), &err);
}

void sample_save(struct sample *s, const char *path, uint64_t volume_size)
{
	struct image_writer *w = NULL;
	struct sv_err err = {0};
	s->create.path = path;
	s->create.volume_size = volume_size;
	must(image_writer_create(&s->create, &w, &err), &err);
	sample_finish(s, w);
	image_writer_destroy(w);
}

void sample_check_info(const struct sample *s, const struct image_reader *r)
{
	const struct image_info *want = &s->create.info, *is = image_reader_info(r);
	assert_int_equal(is->size, want->size);
	assert_int_equal(is->frame_size, want->frame_size);
	assert_int_equal(is->sector_size, want->sector_size);
	assert_string_equal(is->codec, want->codec);
	assert_int_equal(is->level, want->level);
	assert_string_equal(is->serial, want->serial);
	assert_string_equal(is->model, want->model);
	assert_string_equal(is->note, want->note);
	assert_int_equal(is->n_parts, 2);
	assert_int_equal(is->parts[1].start, want->parts[1].start);
	assert_string_equal(is->parts[1].reason, want->parts[1].reason);
	assert_string_equal(is->parts[0].label, "Caf\xc3\xa9 ?");
}

void sample_check_runs(const struct sample *s, const struct image_reader *r)
{
	const struct sv_runs *runs = image_reader_runs(r);
	assert_int_equal(runs->n, s->runs.n);
	for (size_t i = 0; i < runs->n; i++) {
		assert_int_equal(runs->v[i].start, s->runs.v[i].start);
		assert_int_equal(runs->v[i].len, s->runs.v[i].len);
		assert_int_equal(runs->v[i].kind, s->runs.v[i].kind);
	}
}

void sample_check_digests(const struct sample *s, struct image_reader *r)
{
	uint64_t granules = (s->create.info.size + IMAGE_GRANULE - 1) / IMAGE_GRANULE;
	assert_true(image_reader_has_digests(r));
	for (uint64_t g = 0; g < granules; g++) {
		struct sv_digest is, want = digest_of(s, g, image_reader_info(r)->digest_seed);
		bool has = image_reader_digest(r, g, &is);
		assert_int_equal(has, granule_has_digest(s, g));
		if (has)
			assert_memory_equal(&is, &want, sizeof(is));
	}
}

uint64_t sample_check_frames(const struct sample *s, struct image_reader *r)
{
	const struct codec_ops *codec = image_reader_codec(r);
	struct codec_ctx *ctx = codec->create(codec->default_level);
	uint8_t *stored = malloc(image_reader_max_stored(r) + 1);
	uint8_t *raw = malloc(image_reader_info(r)->frame_size);
	uint64_t failed = 0;
	assert_non_null(ctx);
	assert_non_null(stored);
	assert_non_null(raw);
	for (uint64_t n = 0; n < image_reader_frames(r); n++) {
		uint64_t start, len;
		size_t got = 0;
		struct sv_err err = {0};
		image_reader_frame_range(r, n, &start, &len);
		int rc = image_reader_read_stored(r, n, stored, image_reader_max_stored(r), &got,
						  &err);
		if (!rc)
			rc = image_reader_decode(r, ctx, n, stored, got, raw, &err);
		if (rc)
			assert_int_equal(rc, SV_E_DIFFERS);
		else if (!sv_range_ok(start, len, s->create.info.size))
			fail_msg("frame %llu lies outside", (unsigned long long)n);
		else
			assert_memory_equal(raw, s->raw + start, len);
		failed += rc != 0;
	}
	codec->destroy(ctx);
	free(stored);
	free(raw);
	return failed;
}

static void no_difference(void *arg, const char *file, uint64_t start, uint64_t len,
			  const char *sentence)
{
	(void)arg;
	(void)start;
	(void)len;
	fail_msg("%s: %s", file, sentence);
}

static void check_device(const struct sample *s, struct image_reader *r)
{
	struct blk_dev *dev = NULL;
	uint64_t seed = s->seed;
	uint8_t buf[3000];
	assert_int_equal(image_blk_create(r, &dev, NULL), 0);
	assert_int_equal(dev->size, s->create.info.size);
	for (int i = 0; i < 200; i++) {
		size_t len = 1 + sample_random(&seed) % sizeof(buf);
		uint64_t off = sample_random(&seed) % (s->create.info.size - len + 1);
		assert_int_equal(blk_pread(dev, buf, len, off, NULL), 0);
		assert_memory_equal(buf, s->raw + off, len);
	}
	assert_int_equal(blk_pread(dev, buf, 2, dev->size - 1, NULL), SV_E_RANGE);
	blk_close(dev);
}

void sample_check_image(const struct sample *s, const char *path)
{
	struct image_reader *r = NULL;
	struct sv_err err = {0};
	must(image_reader_open(path, 0, &r, &err), &err);
	if (image_reader_damage(r, 0))
		fail_msg("%s", image_reader_damage(r, 0));
	sample_check_info(s, r);
	sample_check_runs(s, r);
	sample_check_digests(s, r);
	assert_int_equal(image_reader_frames(r), sample_frames(s));
	assert_int_equal(sample_check_frames(s, r), 0);
	must(image_check_files(r, IMAGE_CHECK_ALL, no_difference, NULL, NULL, &err), &err);
	check_device(s, r);
	const struct image_info *info = image_reader_info(r);
	assert_int_equal(info->bytes_data, sv_runs_total(&s->runs, SV_RUN_DATA));
	assert_int_equal(info->bytes_bad, sv_runs_total(&s->runs, SV_RUN_BAD));
	assert_string_equal(info->verdict, info->bytes_bad ? "bad-areas" : "complete");
	assert_true(info->verified);
	image_reader_close(r);
}
