/* test_image_resume.c - images interrupted anywhere and continued: the result is always whole */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/image/format.h"
#include "engine/image/image.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"
#include "tests/lib/fixture.h"
#include "tests/lib/sample.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAME 65536u
#define SIZE  (20 * (uint64_t)FRAME + 1024)

static char dir[64], image[128], part[128];

static void remove_image(void)
{
	fixture_must(dir, "rm -rf image image.part saved");
}

static void begin(struct sample *s, uint64_t frames, bool suspend)
{
	struct image_writer *w = NULL;
	s->create.path = image;
	s->create.resume = false;
	assert_int_equal(image_writer_create(&s->create, &w, NULL), 0);
	assert_int_equal(image_writer_resumed_from(w), 0);
	assert_int_equal(sample_append(s, w, 0, frames, NULL), 0);
	if (suspend)
		assert_int_equal(image_writer_suspend(w, NULL), 0);
	image_writer_destroy(w);
}

/* Continue what is there and check the result; returns where it was continued. */
static uint64_t go_on(struct sample *s, uint8_t uuid[16])
{
	struct image_writer *w = NULL;
	struct sv_err err = {0};
	s->create.path = image;
	s->create.resume = true;
	s->create.faults = NULL;
	int rc = image_writer_create(&s->create, &w, &err);
	if (rc)
		fail_msg("%d: %s", rc, err.text);
	uint64_t from = image_writer_resumed_from(w);
	if (uuid)
		memcpy(uuid, image_writer_info(w)->set_uuid, 16);
	sample_finish(s, w);
	image_writer_destroy(w);
	sample_check_image(s, image);
	return from;
}

static void test_every_frame(void **state)
{
	(void)state;
	const char *const codecs[] = {"zstd", "xz", "none"};
	for (size_t c = 0; c < SV_ARRAY(codecs); c++) {
		struct sample s;
		sample_make(&s, 20 + c, codecs[c], FRAME, SIZE);
		s.create.volume_size = 30011;
		for (uint64_t k = 0; k <= sample_frames(&s); k += c ? 3 : 1) {
			begin(&s, k, true);
			uint64_t from = go_on(&s, NULL);
			assert_int_equal(from, SV_MIN(k * FRAME, SIZE));
			remove_image();
		}
		sample_drop(&s);
	}
}

static void test_identity_stays(void **state)
{
	(void)state;
	struct sample s;
	struct image_reader *r = NULL;
	uint8_t before[16], after[16];
	sample_make(&s, 30, "zstd", FRAME, SIZE);
	begin(&s, 5, true);
	assert_int_equal(image_reader_open(part, IMAGE_OPEN_SALVAGE, &r, NULL), 0);
	memcpy(before, image_reader_info(r)->set_uuid, 16);
	assert_non_null(image_reader_damage(r, 0)); /* it is unfinished, and says so */
	image_reader_close(r);
	go_on(&s, after);
	assert_memory_equal(before, after, 16);
	remove_image();
	sample_drop(&s);
}

static void test_old_digests(void **state)
{
	(void)state;
	struct sample s;
	struct image_writer *w = NULL;
	struct sv_digest is;
	sample_make(&s, 31, "zstd", FRAME * 2, SIZE);
	begin(&s, 6, true);
	s.create.resume = true;
	assert_int_equal(image_writer_create(&s.create, &w, NULL), 0);
	uint64_t seed = image_writer_info(w)->digest_seed, with = 0;
	for (uint64_t g = 0; g < SIZE / IMAGE_GRANULE; g++) {
		if (!image_writer_old_digest(w, g, &is))
			continue;
		struct sv_digest want = sv_xxh3_128(s.raw + g * IMAGE_GRANULE, IMAGE_GRANULE, seed);
		assert_memory_equal(&is, &want, sizeof(is));
		assert_true(g < 12);
		with++;
	}
	assert_true(with > 0);
	image_writer_destroy(w);
	remove_image();
	sample_drop(&s);
}

static void expect_refused(struct sample *s, const char *why)
{
	struct image_writer *w = NULL;
	struct sv_err err = {0};
	s->create.resume = true;
	assert_int_equal(image_writer_create(&s->create, &w, &err), SV_E_REFUSED);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" is not in \"%s\"", why, err.text);
	assert_int_equal(access(part, F_OK), 0);
}

/* Any difference of the source is refused, and what is there stays. */
static void test_changed_source(void **state)
{
	(void)state;
	struct sample s;
	sample_make(&s, 32, "zstd", FRAME, SIZE);
	begin(&s, 7, true);
	s.create.source_digest.b[3] ^= 1;
	expect_refused(&s, "changed");
	s.create.source_digest.b[3] ^= 1;
	s.create.info.serial[0] ^= 1;
	expect_refused(&s, "changed");
	s.create.info.serial[0] ^= 1;
	s.plan.v[0].kind = s.plan.v[0].kind == SV_RUN_FREE ? SV_RUN_ABSENT : SV_RUN_FREE;
	expect_refused(&s, "changed");
	s.plan.v[0].kind = s.runs.v[0].kind == SV_RUN_FREE || s.runs.v[0].kind == SV_RUN_ABSENT
				   ? s.runs.v[0].kind
				   : SV_RUN_READ;
	s.create.info.frame_size = 2 * FRAME;
	expect_refused(&s, "frames");
	s.create.info.frame_size = FRAME;
	strcpy(s.create.info.codec, "xz");
	s.create.info.codec[2] = '\0';
	struct image_writer *w = NULL;
	assert_int_not_equal(image_writer_create(&s.create, &w, NULL), 0);
	assert_int_equal(access(part, F_OK), 0);
	strcpy(s.create.info.codec, "zstd");
	assert_int_equal(go_on(&s, NULL), 7 * FRAME);
	remove_image();
	sample_drop(&s);
}

/* An image whose stream is finished but not its side files. */
static void test_after_finish(void **state)
{
	(void)state;
	struct sample s;
	for (int c = 0; c < 2; c++) {
		struct image_writer *w = NULL;
		sample_make(&s, 33, c ? "xz" : "zstd", FRAME, SIZE);
		s.create.path = image;
		s.create.resume = false;
		assert_int_equal(image_writer_create(&s.create, &w, NULL), 0);
		assert_int_equal(sample_append(&s, w, 0, sample_frames(&s), NULL), 0);
		assert_int_equal(image_writer_finish_stream(w, NULL), 0);
		image_writer_destroy(w);
		assert_int_equal(go_on(&s, NULL), SIZE);
		remove_image();
		sample_drop(&s);
	}
}

/* ---- faults of the store ---- */

struct fault {
	uint64_t countdown; /* operations that pass */
	int errnum;
	bool shorter; /* writes are cut to odd lengths */
	bool hit;
	uint64_t seed;
	char name[64]; /* of what failed first */
};

static int check_fault(void *arg, enum store_op op, const char *name, size_t *len)
{
	struct fault *f = arg;
	if (op == STORE_OP_WRITE && f->shorter && len && *len > 1)
		*len = 1 + sample_random(&f->seed) % (*len - 1);
	if (op == STORE_OP_LOCK)
		return 0;
	if (f->countdown > 0) {
		f->countdown--;
		return 0;
	}
	if (!f->hit)
		snprintf(f->name, sizeof(f->name), "%d %s", (int)op, name);
	f->hit = true;
	return f->errnum;
}

/* A save until the store fails; 0 when it did not. */
static int save_until_failure(struct sample *s, struct fault *f)
{
	const struct store_faults faults = {check_fault, f};
	struct image_writer *w = NULL;
	s->create.path = image;
	s->create.resume = false;
	s->create.faults = &faults;
	int rc = image_writer_create(&s->create, &w, NULL);
	if (rc)
		return rc;
	rc = sample_append(s, w, 0, sample_frames(s), NULL);
	if (rc)
		image_writer_suspend(w, NULL);
	if (!rc)
		rc = image_writer_finish_stream(w, NULL);
	if (!rc)
		rc = image_writer_commit(w, true, "tail\n", NULL);
	image_writer_destroy(w);
	s->create.faults = NULL;
	return rc;
}

/* Every operation fails once, for ever after: no wrong image, and what landed is continued. */
static void run_faults(int errnum, bool shorter)
{
	struct sample s;
	uint64_t last = 0;
	sample_make(&s, 40, "zstd", FRAME, SIZE);
	s.create.volume_size = 100003;
	for (uint64_t n = 0;; n++) {
		struct fault f = {.countdown = n, .errnum = errnum, .shorter = shorter, .seed = n};
		int rc = save_until_failure(&s, &f);
		if (!rc && !f.hit)
			break;
		if (rc) {
			if (rc != SV_E_STORE && rc != SV_E_STORE_FULL)
				fail_msg("operation %llu: %d", (unsigned long long)n, rc);
			if ((rc == SV_E_STORE_FULL) != (errnum == ENOSPC))
				fail_msg("operation %llu: %d, %s", (unsigned long long)n, rc,
					 f.name);
			assert_int_equal(access(image, F_OK), -1);
			last = go_on(&s, NULL);
		} else {
			sample_check_image(&s, image); /* failed after the rename: all the same */
		}
		remove_image();
	}
	assert_int_equal(last, SIZE);
	sample_check_image(&s, image);
	remove_image();
	sample_drop(&s);
}

static void test_store_faults(void **state)
{
	(void)state;
	run_faults(EIO, false);
	run_faults(ENOSPC, true);
}

/* ---- what a power cut leaves ---- */

static uint64_t length_of(const char *name)
{
	char path[256];
	struct stat st;
	assert_int_equal(stat(scratch_path(path, sizeof(path), part, name), &st), 0);
	return (uint64_t)st.st_size;
}

static void cut(const char *name, uint64_t len)
{
	char path[256];
	assert_int_equal(truncate(scratch_path(path, sizeof(path), part, name), (off_t)len), 0);
}

static void flip(const char *name, uint64_t at)
{
	char path[256];
	uint8_t b;
	int fd = open(scratch_path(path, sizeof(path), part, name), O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &b, 1, (off_t)at), 1);
	b ^= 0x10;
	assert_int_equal(pwrite(fd, &b, 1, (off_t)at), 1);
	close(fd);
}

/* Either file cut anywhere, or a bit flipped in its end: whatever was whole is continued. */
static void test_torn_files(void **state)
{
	(void)state;
	struct sample s;
	uint64_t random = 50;
	sample_make(&s, 50, "zstd", FRAME, SIZE);
	begin(&s, 9, true);
	fixture_must(dir, "cp -r image.part saved");
	const char *const names[] = {"disk.idx", "disk.img.zst.000"};
	for (int i = 0; i < 120; i++) {
		const char *name = names[i % 2];
		uint64_t len = length_of(name);
		uint64_t at = sample_random(&random) % len;
		if (i % 4 < 2)
			cut(name, at);
		else
			flip(name, at);
		uint64_t from = go_on(&s, NULL);
		assert_true(from <= 9 * FRAME);
		fixture_must(dir, "rm -rf image image.part && cp -r saved image.part");
	}
	/* one without the other */
	fixture_must(dir, "rm image.part/disk.idx");
	assert_int_equal(go_on(&s, NULL), 0);
	fixture_must(dir, "rm -rf image image.part && cp -r saved image.part && rm "
			  "image.part/disk.img.zst.000");
	assert_int_equal(go_on(&s, NULL), 0);
	remove_image();
	sample_drop(&s);
}

/* Change a byte of the payload of the nth frame record, and its checksum with it. */
static void spoil_frame(unsigned int n, size_t at)
{
	char path[256];
	size_t len = (size_t)length_of("disk.idx");
	uint8_t *p = malloc(len);
	int fd = open(scratch_path(path, sizeof(path), part, "disk.idx"), O_RDWR | O_CLOEXEC);
	assert_non_null(p);
	assert_int_equal(pread(fd, p, len, 0), len);
	for (size_t pos = 0; pos < len;) {
		struct disk_record *r = (struct disk_record *)(p + pos);
		size_t payload = get_le32(r->len);
		if (get_le32(r->type) == RECORD_FRAME && n-- == 0) {
			p[pos + sizeof(*r) + at] ^= 0x10;
			put_le32(r->crc, ~sv_crc32c(~0u, r + 1, payload));
			put_le32(r->head_crc, ~sv_crc32c(~0u, r, 12));
		}
		pos += sizeof(*r) + payload;
	}
	assert_int_equal(pwrite(fd, p, len, 0), len);
	close(fd);
	free(p);
}

/* A record whose checksum is right and whose content is nonsense ends what is continued. */
static void test_false_record(void **state)
{
	(void)state;
	struct sample s;
	sample_make(&s, 70, "zstd", FRAME, SIZE);
	for (size_t at = 0; at < sizeof(struct disk_frame) - 4; at++) {
		begin(&s, 9, true);
		spoil_frame(5, at);
		uint64_t from = go_on(&s, NULL);
		assert_true(from == 5 * FRAME || from == 9 * FRAME);
		remove_image();
	}
	sample_drop(&s);
}

/* The process ends without a word in the middle of everything. */
static void test_dropped(void **state)
{
	(void)state;
	struct sample s;
	sample_make(&s, 60, "zstd", FRAME, SIZE);
	for (uint64_t k = 1; k <= sample_frames(&s); k += 4) {
		begin(&s, k, false);
		if (access(part, F_OK) == 0)
			assert_true(go_on(&s, NULL) <= k * FRAME);
		remove_image();
	}
	sample_drop(&s);
}

static int make_dir(void **state)
{
	(void)state;
	if (!scratch_make(dir))
		return -1;
	(void)scratch_tmpfs(dir, 512 * SV_MIB); /* only for speed: many syncs */
	scratch_path(image, sizeof(image), dir, "image");
	scratch_path(part, sizeof(part), dir, "image.part");
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
		cmocka_unit_test(test_every_frame),  cmocka_unit_test(test_identity_stays),
		cmocka_unit_test(test_old_digests),  cmocka_unit_test(test_changed_source),
		cmocka_unit_test(test_after_finish), cmocka_unit_test(test_store_faults),
		cmocka_unit_test(test_torn_files),   cmocka_unit_test(test_false_record),
		cmocka_unit_test(test_dropped),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
