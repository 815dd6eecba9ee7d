/* test_image_hostile.c - small files that would have a reader take much memory */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/image/format.h"
#include "engine/image/image.h"
#include "engine/image/manifest.h"
#include "tests/lib/fixture.h"
#include "tests/lib/sample.h"
#include "tests/lib/scratch.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAME 65536u
#define SIZE  (20 * (uint64_t)FRAME)

/* A sanitizer puts zones around every little object and shadows all of them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DECODE_MIB 1024
#else
#define DECODE_MIB 128
#endif

static char dir[64], image[128];

/* As much JSON as a manifest may have, of one thing again and again: what decoding takes, in MiB.
 */
static long decode_many(const char *thing)
{
	size_t len = strlen(thing), at = 1;
	char *text = malloc(MAX_JSON + 1);
	struct manifest m;
	struct rusage before, after;
	assert_non_null(text);
	text[0] = '[';
	for (; at + len + 1 < MAX_JSON; text[at++] = ',') {
		memcpy(text + at, thing, len);
		at += len;
	}
	text[at - 1] = ']';
	getrusage(RUSAGE_SELF, &before);
	int rc = manifest_decode(text, at, &m);
	getrusage(RUSAGE_SELF, &after);
	free(text);
	assert_int_equal(rc, SV_E_DATA);
	return (after.ru_maxrss - before.ru_maxrss) / 1024;
}

static void test_many_objects(void **state)
{
	(void)state;
	static const char *const things[] = {"{}", "[]", "{\"\":1}", "\"\"", "1"};
	for (size_t i = 0; i < SV_ARRAY(things); i++) {
		/* a child each: the largest so far is what the system counts */
		pid_t pid = fork();
		int status;
		assert_true(pid >= 0);
		if (!pid)
			_exit(decode_many(things[i]) > DECODE_MIB);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status)
			fail_msg("much memory, or no refusal, for %s", things[i]);
	}
}

/* Brackets in names are no structure. */
static void test_brackets_in_text(void **state)
{
	(void)state;
	struct manifest m, again;
	char *text = NULL;
	size_t len;
	assert_int_equal(fixture_run("tests/data/images/zstd", &text, "cat manifest.json"), 0);
	assert_int_equal(manifest_decode(text, strlen(text), &m), 0);
	free(text);
	free(m.info.parts);
	m.info.parts = calloc(4096, sizeof(*m.info.parts));
	m.info.n_parts = 4096;
	assert_non_null(m.info.parts);
	for (size_t i = 0; i < 4096; i++) {
		struct image_part *p = &m.info.parts[i];
		p->number = (int)i + 1;
		snprintf(p->state, sizeof(p->state), "exact");
		memset(p->label, '{', 60);
		memcpy(p->label, "\\\"", 2);
	}
	text = manifest_encode(&m);
	assert_non_null(text);
	len = strlen(text);
	assert_int_equal(manifest_decode(text, len, &again), 0);
	assert_string_equal(again.info.parts[4095].label, m.info.parts[4095].label);
	manifest_clear(&again);
	manifest_clear(&m);
	free(text);
}

/* How many keys and disks helped: images of before do not tell, and less than none is no number. */
static void test_help(void **state)
{
	(void)state;
	static const struct {
		const char *member;
		int rc, unlocked, joined;
		bool needs_key;
	} samples[] = {
		{"", 0, -1, -1, false},
		{"\"unlocked\": 0, \"joined\": 2, ", 0, 0, 2, false},
		{"\"unlocked\": 1, ", 0, 1, -1, true},
		{"\"unlocked\": -1, ", SV_E_DATA, 0, 0, false},
		{"\"joined\": \"1\", ", SV_E_DATA, 0, 0, false},
	};
	for (size_t i = 0; i < SV_ARRAY(samples); i++) {
		struct manifest m;
		char *text = NULL, *again;
		assert_int_equal(fixture_run("tests/data/images/zstd", &text,
					     "sed '0,/\"state\":/s//%s&/' manifest.json",
					     samples[i].member),
				 0);
		assert_int_equal(manifest_decode(text, strlen(text), &m), samples[i].rc);
		free(text);
		if (samples[i].rc)
			continue;
		assert_int_equal(m.info.parts[0].unlocked, samples[i].unlocked);
		assert_int_equal(m.info.parts[0].joined, samples[i].joined);
		assert_int_equal(image_begun_unlocked(&m.info), samples[i].needs_key);
		again = manifest_encode(&m);
		assert_non_null(again);
		assert_int_equal(!strstr(again, "\"unlocked\""), samples[i].unlocked < 0);
		assert_int_equal(!strstr(again, "\"joined\": 2"), samples[i].joined != 2);
		free(again);
		manifest_clear(&m);
	}
}

/* Save the sample without its index, in a manifest with another size of disk and stream. */
static void save_false(struct sample *s, uint64_t disk, uint64_t stream)
{
	sample_make(s, 8, "zstd", FRAME, SIZE);
	sample_save(s, image, 0);
	fixture_must(dir,
		     "rm image/disk.idx && size=$(stat -c %%s image/disk.img.zst) && "
		     "sed -i -e \"s/\\\"size\\\": $size,/\\\"size\\\": %llu,/\" "
		     "-e '0,/\"size\": %llu/s//\"size\": %llu/' image/manifest.json",
		     (unsigned long long)stream, (unsigned long long)SIZE,
		     (unsigned long long)disk);
}

/* A disk of 2^27 frames, in a stream of a few that claims to be long enough. */
static void test_more_frames_than_bytes(void **state)
{
	(void)state;
	struct sample s;
	struct image_reader *r = NULL;
	struct sv_err err = {0};
	save_false(&s, MAX_FRAMES * FRAME, 1ULL << 40);
	assert_int_equal(image_reader_open(image, IMAGE_OPEN_SALVAGE, &r, &err), SV_E_DIFFERS);
	assert_non_null(strstr(err.text, "where its frames are is not known"));
	fixture_must(dir, "rm -rf image");
	sample_drop(&s);
}

/* A manifest that claims a stream of 2^60 bytes: what is there is found, and soon. */
static void test_long_hole(void **state)
{
	(void)state;
	struct sample s;
	struct image_reader *r = NULL;
	/* seconds of CPU time, and then the process is ended */
	const struct rlimit soon = {60, 90};
	assert_int_equal(setrlimit(RLIMIT_CPU, &soon), 0);
	for (int log = 32; log <= 60; log += 28) {
		save_false(&s, SIZE, 1ULL << log);
		assert_int_equal(image_reader_open(image, IMAGE_OPEN_SALVAGE, &r, NULL), 0);
		assert_int_equal(sample_check_frames(&s, r), 0);
		image_reader_close(r);
		fixture_must(dir, "rm -rf image");
		sample_drop(&s);
	}
}

/* An image of zeros that were read, in the largest frames. */
static void save_large_frames(unsigned int frames)
{
	struct sv_runs plan = {0};
	struct image_writer *w = NULL;
	struct image_create create = {.path = image, .plan = &plan};
	size_t digests = MAX_FRAME_SIZE / IMAGE_GRANULE;
	uint8_t *raw = calloc(1, MAX_FRAME_SIZE);
	const struct codec_ops *codec = codec_find("zstd");
	struct codec_ctx *ctx = codec->create(1);
	size_t cap = codec->bound(MAX_FRAME_SIZE);
	uint8_t *stored = malloc(cap);
	struct sv_digest *sums = calloc(digests, sizeof(*sums));
	struct image_frame f = {.stored = stored,
				.checksum = (uint32_t)sv_xxh64(raw, MAX_FRAME_SIZE),
				.digests = sums,
				.n_digests = digests,
				.n_runs = 1};
	create.info = (struct image_info){.size = (uint64_t)frames * MAX_FRAME_SIZE,
					  .sector_size = 512,
					  .codec = "zstd",
					  .level = 1,
					  .frame_size = MAX_FRAME_SIZE,
					  .table = "none"};
	assert_int_equal(sv_runs_append(&plan, create.info.size, SV_RUN_READ), 0);
	assert_int_equal(codec->compress(ctx, raw, MAX_FRAME_SIZE, stored, cap, &f.stored_len), 0);
	assert_int_equal(image_writer_create(&create, &w, NULL), 0);
	for (f.number = 0; f.number < frames; f.number++) {
		const struct sv_run run = {f.number * MAX_FRAME_SIZE, MAX_FRAME_SIZE, SV_RUN_DATA};
		f.runs = &run;
		assert_int_equal(image_writer_append(w, &f, NULL), 0);
	}
	assert_int_equal(image_writer_finish_stream(w, NULL), 0);
	assert_int_equal(image_writer_commit(w, false, NULL, NULL), 0);
	image_writer_destroy(w);
	sv_runs_clear(&plan);
	codec->destroy(ctx);
	free(sums);
	free(stored);
	free(raw);
}

static void test_large_frames(void **state)
{
	(void)state;
	struct image_reader *r = NULL;
	struct blk_dev *dev = NULL;
	uint8_t b[512];
	save_large_frames(3);
	assert_int_equal(image_reader_open(image, 0, &r, NULL), 0);
	assert_int_equal(image_blk_create(r, &dev, NULL), 0);
	size_t before = mallinfo2().hblkhd;
	for (uint64_t n = 0; n < 3; n++)
		assert_int_equal(blk_pread(dev, b, sizeof(b), n * MAX_FRAME_SIZE, NULL), 0);
	assert_in_range(mallinfo2().hblkhd - before, 0, MAX_FRAME_SIZE + 32 * SV_MIB);
	blk_close(dev);
	image_reader_close(r);
	fixture_must(dir, "rm -rf image");
}

static int make_dir(void **state)
{
	(void)state;
	if (!scratch_make(dir))
		return -1;
	scratch_path(image, sizeof(image), dir, "image");
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_objects), cmocka_unit_test(test_brackets_in_text),
		cmocka_unit_test(test_help),	     cmocka_unit_test(test_more_frames_than_bytes),
		cmocka_unit_test(test_long_hole),    cmocka_unit_test(test_large_frames),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
