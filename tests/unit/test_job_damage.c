/* test_job_damage.c - verify and restore over images harmed in any file: never a success */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/salvor.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/sample.h"
#include "tests/lib/scratch.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAME 65536u
#define SIZE  (12 * (uint64_t)FRAME + 1024)

static char dir[64], image[128], target[128];

static int restore(void)
{
	const struct sv_restore_params params = {
		.root = dir, .image = image, .target = target, .threads = 1, .verify = true};
	struct sv_job *job = NULL;
	unlink(target);
	assert_int_equal(sv_job_create_restore(&params, NULL, NULL, &job, NULL), 0);
	assert_int_equal(sv_job_start(job, NULL), 0);
	int rc = sv_job_wait(job, NULL);
	sv_job_destroy(job);
	return rc;
}

static int verify(void)
{
	const struct sv_verify_params params = {.root = dir, .image = image, .threads = 1};
	struct sv_job *job = NULL;
	assert_int_equal(sv_job_create_verify(&params, NULL, NULL, &job, NULL), 0);
	assert_int_equal(sv_job_start(job, NULL), 0);
	int rc = sv_job_wait(job, NULL);
	sv_job_destroy(job);
	return rc;
}

enum blow { FLIP, ZERO, CUT, APPEND, SWAP, REMOVE, N_BLOWS };
static const char *const blow_names[] = {"a bit flipped",    "zeros",	  "cut",
					 "rubbish appended", "exchanged", "removed"};

/* true when the file is another one now */
static bool strike(const char *name, enum blow blow, uint64_t *random)
{
	char path[256];
	struct stat st;
	scratch_path(path, sizeof(path), image, name);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0 && !fstat(fd, &st) && st.st_size > 64);
	size_t len = (size_t)st.st_size;
	uint8_t *was = malloc(len), *is = malloc(len);
	assert_int_equal(pread(fd, was, len, 0), len);
	memcpy(is, was, len);
	uint64_t at = sample_random(random) % (len - 32),
		 other = sample_random(random) % (len - 32);
	if (blow == FLIP)
		is[at] ^= (uint8_t)(1u << sample_random(random) % 8);
	else if (blow == ZERO)
		memset(is + at, 0, 32);
	if (blow == SWAP) {
		memcpy(is + at, was + other, 32);
		memcpy(is + other, was + at, 32);
	}
	assert_int_equal(pwrite(fd, is, len, 0), len);
	bool changed = memcmp(was, is, len) != 0 || blow >= CUT;
	if (blow == SWAP)
		changed = memcmp(was, is, len) != 0;
	if (blow == CUT)
		assert_int_equal(ftruncate(fd, (off_t)at), 0);
	else if (blow == APPEND)
		assert_int_equal(pwrite(fd, "rubbish", 7, (off_t)len), 7);
	else if (blow == REMOVE)
		unlink(path);
	close(fd);
	free(was);
	free(is);
	return changed;
}

/* Every frame that is whole came back: what differs are whole frames. */
static void check_target(const struct sample *s, const char *what)
{
	int fd = open(target, O_RDONLY | O_CLOEXEC);
	uint8_t *raw = malloc(SIZE);
	if (fd < 0 || pread(fd, raw, SIZE, 0) != (ssize_t)SIZE)
		fail_msg("%s: nothing was restored", what);
	uint64_t lost = 0;
	for (uint64_t n = 0; n * FRAME < SIZE; n++)
		lost += memcmp(raw + n * FRAME, s->raw + n * FRAME,
			       (size_t)SV_MIN(FRAME, SIZE - n * FRAME)) != 0;
	if (lost > 2)
		fail_msg("%s: %u frames are lost", what, (unsigned int)lost);
	close(fd);
	free(raw);
}

/* Blows to one file of an image of one codec. */
static void blows(const struct sample *s, const char *name, uint64_t *random)
{
	for (int i = 0; i < 4 * N_BLOWS; i++) {
		enum blow blow = (enum blow)(i % N_BLOWS);
		char what[128];
		snprintf(what, sizeof(what), "%s %s: %s (%d)", s->create.info.codec, name,
			 blow_names[blow], i);
		fixture_must(dir, "rm -rf image && cp -r saved image");
		if (!strike(name, blow, random))
			continue;
		int rc = verify();
		if (rc != SV_E_DIFFERS)
			fail_msg("%s: verify says %d", what, rc);
		rc = restore();
		if (rc != SV_E_DIFFERS)
			fail_msg("%s: restore says %d", what, rc);
		bool stream = !strncmp(name, "disk.img", 8);
		if (!stream || (blow != CUT && blow != REMOVE))
			check_target(s, what);
	}
}

static void run_codec(const char *codec, const char *stream, uint64_t volume_size)
{
	const char *const names[] = {stream,	   "disk.idx",	 "manifest.json",
				     "SHA256SUMS", "README.txt", "report.txt"};
	struct sample s;
	uint64_t random = 7;
	sample_make(&s, 60, codec, FRAME, SIZE);
	fixture_must(dir, "rm -rf image saved");
	sample_save(&s, image, volume_size);
	fixture_must(dir, "mv image saved && cp -r saved image");
	int whole = sv_runs_total(&s.runs, SV_RUN_BAD) ? SV_E_UNREADABLE : 0;
	assert_int_equal(verify(), whole);
	assert_int_equal(restore(), whole);
	for (size_t i = 0; i < SV_ARRAY(names); i++)
		blows(&s, names[i], &random);
	sample_drop(&s);
}

static void test_zstd(void **state)
{
	(void)state;
	run_codec("zstd", "disk.img.zst", 0);
}

static void test_volumes(void **state)
{
	(void)state;
	run_codec("zstd", "disk.img.zst.001", 50021);
}

static void test_xz(void **state)
{
	(void)state;
	run_codec("xz", "disk.img.xz", 0);
}

/* Frames without checksums of their own: with the index they lose the only one they have. */
static void test_none(void **state)
{
	(void)state;
	run_codec("none", "disk.img", 0);
}

static void test_none_and_index(void **state)
{
	(void)state;
	struct sample s;
	uint64_t random = 8;
	sample_make(&s, 61, "none", FRAME, SIZE);
	fixture_must(dir, "rm -rf image saved");
	sample_save(&s, image, 0);
	fixture_must(dir, "mv image saved");
	for (int i = 0; i < 60; i++) {
		fixture_must(dir, "rm -rf image && cp -r saved image");
		strike("disk.img", FLIP, &random);
		strike("disk.idx", (enum blow)(i % N_BLOWS), &random);
		assert_int_equal(verify(), SV_E_DIFFERS);
		assert_int_equal(restore(), SV_E_DIFFERS);
	}
	sample_drop(&s);
}

static int make_dir(void **state)
{
	(void)state;
	if (!scratch_make(dir))
		return -1;
	(void)scratch_tmpfs(dir, 256 * SV_MIB); /* only for speed: many syncs */
	scratch_path(image, sizeof(image), dir, "image");
	scratch_path(target, sizeof(target), dir, "target");
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
		cmocka_unit_test(test_zstd),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_xz),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_none_and_index),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
