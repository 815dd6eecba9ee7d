/* test_image_damage.c - images with lost, cut, flipped and foreign files: found, and the rest is
 * read */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/image/image.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"
#include "tests/lib/fixture.h"
#include "tests/lib/sample.h"
#include "tests/lib/scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAME 65536u
#define SIZE  (20 * (uint64_t)FRAME + 1024)

static const char *const stream_of[] = {"disk.img.zst", "disk.img.xz", "disk.img"};
static const char *const codecs[] = {"zstd", "xz", "none"};

static char dir[64], image[128];

static void remove_image(void)
{
	fixture_must(dir, "rm -rf image saved");
}

static void restore_image(void)
{
	fixture_must(dir, "rm -rf image && cp -r saved image");
}

static void save(struct sample *s, uint64_t seed, const char *codec)
{
	remove_image(); /* of a test that failed */
	sample_make(s, seed, codec, FRAME, SIZE);
	sample_save(s, image, 0);
	fixture_must(dir, "cp -r image saved");
}

static int open_file(const char *name)
{
	char path[256];
	int fd = open(scratch_path(path, sizeof(path), image, name), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static uint64_t length_of(const char *name)
{
	char path[256];
	struct stat st;
	assert_int_equal(stat(scratch_path(path, sizeof(path), image, name), &st), 0);
	return (uint64_t)st.st_size;
}

static void flip_bit(const char *name, uint64_t at, unsigned int bit)
{
	uint8_t b;
	int fd = open_file(name);
	assert_int_equal(pread(fd, &b, 1, (off_t)at), 1);
	b ^= (uint8_t)(1u << bit);
	assert_int_equal(pwrite(fd, &b, 1, (off_t)at), 1);
	close(fd);
}

static void overwrite(const char *name, uint64_t at, uint64_t len)
{
	uint8_t rubbish[4096];
	int fd = open_file(name);
	memset(rubbish, 0xA5, sizeof(rubbish));
	for (; len; len -= SV_MIN(len, sizeof(rubbish)), at += sizeof(rubbish))
		assert_true(pwrite(fd, rubbish, (size_t)SV_MIN(len, sizeof(rubbish)), (off_t)at) >
			    0);
	close(fd);
}

static void cut(const char *name, uint64_t len)
{
	int fd = open_file(name);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	close(fd);
}

/* A file as it was saved. */
static void put_back(const char *name)
{
	char from[256], path[256];
	uint8_t buf[65536];
	ssize_t n;
	snprintf(from, sizeof(from), "%s/saved/%s", dir, name);
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(scratch_path(path, sizeof(path), image, name),
		       O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0666);
	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
}

static void take_away(const char *name)
{
	fixture_must(dir, "rm image/%s", name);
}

static void count_file(void *arg, const char *file, uint64_t start, uint64_t len,
		       const char *sentence)
{
	uint64_t *n = arg;
	(void)start;
	(void)len;
	assert_true(*file && *sentence);
	++*n;
}

static uint64_t files_found(struct image_reader *r)
{
	uint64_t n = 0;
	int rc = image_check_files(r, IMAGE_CHECK_ALL, count_file, NULL, &n, NULL);
	assert_int_equal(rc, n ? SV_E_DIFFERS : 0);
	return n;
}

static struct image_reader *must_open(unsigned int flags)
{
	struct image_reader *r = NULL;
	struct sv_err err = {0};
	int rc = image_reader_open(image, flags, &r, &err);
	if (rc)
		fail_msg("%d: %s", rc, err.text);
	return r;
}

/* Damage is told of, and all frames are there. */
static void all_frames_in_spite(const struct sample *s)
{
	struct image_reader *r = must_open(IMAGE_OPEN_SALVAGE);
	assert_non_null(image_reader_damage(r, 0));
	assert_int_equal(image_reader_frames(r), sample_frames(s));
	assert_int_equal(sample_check_frames(s, r), 0);
	image_reader_close(r);
	restore_image();
}

static void test_lost_index(void **state)
{
	(void)state;
	for (size_t c = 0; c < 2; c++) {
		struct sample s;
		save(&s, 70 + c, codecs[c]);
		take_away("disk.idx");
		struct image_reader *r = must_open(0);
		sample_check_info(&s, r);
		assert_int_equal(image_reader_runs(r)->n, 1);
		assert_false(image_reader_has_digests(r));
		assert_int_equal(files_found(r), 1);
		image_reader_close(r);
		all_frames_in_spite(&s);
		remove_image();
		sample_drop(&s);
	}
}

static void test_lost_manifest(void **state)
{
	(void)state;
	for (size_t c = 0; c < 3; c++) {
		struct sample s;
		save(&s, 73 + c, codecs[c]);
		take_away("manifest.json");
		struct image_reader *r = must_open(0);
		sample_check_info(&s, r);
		sample_check_runs(&s, r);
		sample_check_digests(&s, r);
		assert_int_equal(files_found(r), 1);
		image_reader_close(r);
		all_frames_in_spite(&s);
		/* the other files are still checked, by SHA256SUMS */
		take_away("manifest.json");
		flip_bit("report.txt", 1, 3);
		r = must_open(0);
		assert_int_equal(files_found(r), 2);
		image_reader_close(r);
		remove_image();
		sample_drop(&s);
	}
}

/* disk.idx has a copy of the table at the end of the stream. */
static void test_lost_table(void **state)
{
	(void)state;
	for (size_t c = 0; c < 2; c++) {
		struct sample s;
		save(&s, 76 + c, codecs[c]);
		uint64_t len = length_of(stream_of[c]);
		flip_bit(stream_of[c], len - 1, 2);
		all_frames_in_spite(&s);
		cut(stream_of[c], len - 20);
		all_frames_in_spite(&s);
		/* both copies lost: a walk, when it is asked for */
		take_away("disk.idx");
		flip_bit(stream_of[c], len - 1, 2);
		struct image_reader *r = NULL;
		assert_int_equal(image_reader_open(image, 0, &r, NULL), SV_E_DIFFERS);
		all_frames_in_spite(&s);
		remove_image();
		sample_drop(&s);
	}
}

/* Only the stream is left, without its table; zstd still knows which disk. */
static void test_only_frames(void **state)
{
	(void)state;
	for (size_t c = 0; c < 2; c++) {
		struct sample s;
		save(&s, 78 + c, codecs[c]);
		take_away("disk.idx");
		take_away("manifest.json");
		flip_bit(stream_of[c], length_of(stream_of[c]) - 1, 2);
		struct image_reader *r = must_open(IMAGE_OPEN_SALVAGE);
		if (c == 0)
			sample_check_info(&s, r);
		assert_int_equal(image_reader_info(r)->size, SIZE);
		image_reader_close(r);
		all_frames_in_spite(&s);
		remove_image();
		sample_drop(&s);
	}
}

/* Rubbish in the stream takes the frames it touches, and with a table no others. */
static void test_damaged_frames(void **state)
{
	(void)state;
	for (size_t c = 0; c < 2; c++) {
		struct sample s;
		save(&s, 80 + c, codecs[c]);
		uint64_t middle = length_of(stream_of[c]) / 2;
		overwrite(stream_of[c], middle, 30);
		struct image_reader *r = must_open(0);
		uint64_t failed = sample_check_frames(&s, r);
		if (failed < 1 || failed > 3)
			fail_msg("%llu frames are lost", (unsigned long long)failed);
		assert_int_equal(files_found(r), 1);
		image_reader_close(r);
		/* without index and table: those before, and those behind by counting back */
		take_away("disk.idx");
		flip_bit(stream_of[c], length_of(stream_of[c]) - 1, 2);
		r = must_open(IMAGE_OPEN_SALVAGE);
		uint64_t walked = sample_check_frames(&s, r);
		assert_true(walked >= failed && walked <= failed + 3);
		image_reader_close(r);
		remove_image();
		sample_drop(&s);
	}
}

/* A truncated stream: what is whole is read. */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t c = 0; c < 3; c++) {
		struct sample s;
		save(&s, 83 + c, codecs[c]);
		cut(stream_of[c], length_of(stream_of[c]) / 2);
		struct image_reader *r = must_open(0);
		assert_non_null(image_reader_damage(r, 0));
		uint64_t failed = sample_check_frames(&s, r);
		assert_true(failed > 0 && failed < sample_frames(&s));
		image_reader_close(r);
		if (c < 2) {
			take_away("disk.idx");
			r = must_open(IMAGE_OPEN_SALVAGE);
			assert_true(sample_check_frames(&s, r) < sample_frames(&s));
			image_reader_close(r);
		}
		remove_image();
		sample_drop(&s);
	}
}

static void test_wrong_index(void **state)
{
	(void)state;
	struct sample s, other;
	sample_make(&other, 87, "zstd", FRAME, SIZE);
	sample_save(&other, image, 0);
	fixture_must(dir, "mv image/disk.idx other.idx && rm -r image");
	save(&s, 88, "zstd");
	fixture_must(dir, "cp other.idx image/disk.idx");
	struct image_reader *r = must_open(0);
	assert_non_null(strstr(image_reader_damage(r, 0), "another image"));
	assert_int_equal(sample_check_frames(&s, r), 0);
	assert_int_equal(files_found(r), 1);
	image_reader_close(r);
	remove_image();
	fixture_must(dir, "rm other.idx");
	sample_drop(&s);
	sample_drop(&other);
}

#define VOLUME 10007u

/* How many frames of the image as it was saved touch stored bytes [from, to). */
static uint64_t frames_touching(uint64_t from, uint64_t to)
{
	char saved[256];
	uint8_t head[8];
	uint8_t *buf = malloc(2 * FRAME);
	struct image_reader *r = NULL;
	uint64_t count = 0;
	size_t len;
	scratch_path(saved, sizeof(saved), dir, "saved");
	assert_int_equal(image_reader_open(saved, 0, &r, NULL), 0);
	int fd = open_file("disk.img.zst.000");
	assert_int_equal(pread(fd, head, sizeof(head), 0), sizeof(head));
	close(fd);
	uint64_t at = 8 + get_le32(head + 4);
	for (uint64_t n = 0; n < image_reader_frames(r); n++, at += len) {
		assert_int_equal(image_reader_read_stored(r, n, buf, 2 * FRAME, &len, NULL), 0);
		count += at < to && at + len > from;
	}
	image_reader_close(r);
	free(buf);
	return count;
}

static bool damage_names(const struct image_reader *r, const char *name)
{
	for (size_t i = 0; image_reader_damage(r, i); i++)
		if (strstr(image_reader_damage(r, i), name))
			return true;
	return false;
}

/* Without volume n, or with half of it: the frames in it are lost, all others are read. */
static void without_volume(const struct sample *s, uint64_t n, uint64_t volumes, bool half,
			   const char *side)
{
	char name[32];
	snprintf(name, sizeof(name), "disk.img.zst.%03u", (unsigned int)n);
	uint64_t start = n * VOLUME + (half ? length_of(name) / 2 : 0);
	uint64_t want = frames_touching(start, n * VOLUME + length_of(name));
	if (half)
		cut(name, length_of(name) / 2);
	else
		take_away(name);
	if (*side)
		fixture_must(dir, "cd image && rm %s", side);
	struct image_reader *r = must_open(IMAGE_OPEN_SALVAGE);
	uint64_t failed = sample_check_frames(s, r);
	/* the end alone tells nothing of what is missing before it; a header cut off costs its
	 * frame */
	if (failed < want || failed > want + (strlen(side) > 14 ? 1 : 0))
		fail_msg("volume %u of %u (half: %d, without %s): %u frames instead of %u are lost",
			 (unsigned int)n, (unsigned int)volumes, half, side, (unsigned int)failed,
			 (unsigned int)want);
	if (!*side || (n + 1 < volumes && !half))
		assert_true(damage_names(r, name));
	assert_non_null(image_reader_damage(r, 0));
	assert_true(*side || files_found(r) > 0);
	image_reader_close(r);
	restore_image();
}

static void test_missing_volumes(void **state)
{
	(void)state;
	static const char *const sides[] = {"", "disk.idx", "manifest.json",
					    "disk.idx manifest.json"};
	struct sample s;
	remove_image();
	sample_make(&s, 89, "zstd", FRAME, SIZE);
	sample_save(&s, image, VOLUME);
	fixture_must(dir, "cp -r image saved");
	uint64_t volumes = 0;
	char name[32];
	struct image_reader *r = must_open(0);
	uint64_t stored = image_reader_info(r)->bytes_stored;
	image_reader_close(r);
	volumes = stored / VOLUME + (stored % VOLUME != 0);
	assert_true(volumes > 4);
	for (size_t k = 0; k < SV_ARRAY(sides); k++)
		for (uint64_t n = 0; n < volumes; n++) {
			without_volume(&s, n, volumes, false, sides[k]);
			if (k == 0 || k == 2)
				without_volume(&s, n, volumes, true, sides[k]);
		}
	/* one that does not belong there is damage too */
	snprintf(name, sizeof(name), "disk.img.zst.%03u", (unsigned int)volumes);
	fixture_must(dir, "echo rubbish >image/%s", name);
	r = must_open(IMAGE_OPEN_SALVAGE);
	assert_true(damage_names(r, name));
	assert_int_equal(sample_check_frames(&s, r), 0);
	image_reader_close(r);
	remove_image();
	sample_drop(&s);
}

/* Record damage costs that record; the map is put together from plan and outcomes. */
static void test_damaged_index(void **state)
{
	(void)state;
	struct sample s;
	uint64_t random = 90;
	save(&s, 90, "zstd");
	for (int i = 0; i < 60; i++) {
		uint64_t at = sample_random(&random) % length_of("disk.idx");
		overwrite("disk.idx", at, 1 + sample_random(&random) % 200);
		struct image_reader *r = must_open(IMAGE_OPEN_SALVAGE);
		sample_check_info(&s, r);
		assert_int_equal(sample_check_frames(&s, r), 0);
		assert_int_equal(sv_runs_end(image_reader_runs(r)), SIZE);
		assert_int_equal(files_found(r), 1);
		/* no byte of data passes for anything else */
		for (size_t k = 0; k < s.runs.n; k++)
			for (uint64_t p = s.runs.v[k].start;
			     s.runs.v[k].kind == SV_RUN_DATA &&
			     p < s.runs.v[k].start + s.runs.v[k].len;
			     p += 512)
				assert_int_equal(image_reader_runs(r)
							 ->v[sv_runs_seek(image_reader_runs(r), p)]
							 .kind,
						 SV_RUN_DATA);
		image_reader_close(r);
		put_back("disk.idx");
	}
	remove_image();
	sample_drop(&s);
}

/* A newer version is 13 only while it is intact. */
static void test_newer_version(void **state)
{
	(void)state;
	struct sample s;
	struct image_reader *r = NULL;
	save(&s, 91, "zstd");
	fixture_must(dir, "sed -i 's/\"version\": 1/\"version\": 2/' image/manifest.json");
	r = must_open(0); /* SHA256SUMS does not fit: damage */
	assert_true(files_found(r) > 0);
	image_reader_close(r);
	fixture_must(dir, "cd image && sha256sum disk.img.zst disk.idx README.txt report.txt "
			  "manifest.json >SHA256SUMS");
	assert_int_equal(image_reader_open(image, 0, &r, NULL), SV_E_FORMAT);
	restore_image();
	/* the same with the name of the codec */
	fixture_must(dir,
		     "sed -i 's/\"codec\": \"zstd\"/\"codec\": \"zstf\"/' image/manifest.json");
	r = must_open(0);
	assert_true(files_found(r) > 0);
	assert_int_equal(sample_check_frames(&s, r), 0);
	image_reader_close(r);
	fixture_must(dir, "cd image && sha256sum disk.img.zst disk.idx README.txt report.txt "
			  "manifest.json >SHA256SUMS");
	assert_int_equal(image_reader_open(image, 0, &r, NULL), SV_E_FORMAT);
	restore_image();
	/* the head of disk.idx: version, payload and header checksums */
	uint8_t head[16 + 128];
	int fd = open_file("disk.idx");
	assert_int_equal(pread(fd, head, sizeof(head), 0), sizeof(head));
	put_le32(head + 16, 2);
	put_le32(head + 8, ~sv_crc32c(~0u, head + 16, 128));
	put_le32(head + 12, ~sv_crc32c(~0u, head, 12));
	assert_int_equal(pwrite(fd, head, sizeof(head), 0), sizeof(head));
	close(fd);
	assert_int_equal(image_reader_open(image, 0, &r, NULL), SV_E_FORMAT);
	remove_image();
	sample_drop(&s);
}

/* Every flipped bit of every file is found by the files' digests, and nothing crashes or gives
 * other bytes. */
static void test_every_file(void **state)
{
	(void)state;
	uint64_t random = 92;
	for (size_t c = 0; c < 3; c++) {
		struct sample s;
		save(&s, 92 + c, codecs[c]);
		const char *const names[] = {stream_of[c], "disk.idx",	 "manifest.json",
					     "SHA256SUMS", "README.txt", "report.txt"};
		for (int i = 0; i < 600; i++) {
			const char *name = names[i % 6];
			uint64_t at = sample_random(&random) % length_of(name);
			unsigned int bit = (unsigned int)sample_random(&random) % 8;
			flip_bit(name, at, bit);
			struct image_reader *r = must_open(IMAGE_OPEN_SALVAGE);
			if (files_found(r) == 0)
				fail_msg("%s: bit %u of byte %llu is not found", name, bit,
					 (unsigned long long)at);
			if (i % 6 < 2 && i % 18 < 6) /* all of it, a third of the time */
				(void)sample_check_frames(&s, r);
			image_reader_close(r);
			flip_bit(name, at, bit);
		}
		remove_image();
		sample_drop(&s);
	}
}

/* Many bytes at once, cuts and swaps: opening and decoding end, and give the right bytes or none.
 */
static void test_mutations(void **state)
{
	(void)state;
	uint64_t random = 95;
	for (size_t c = 0; c < 3; c++) {
		struct sample s;
		save(&s, 95 + c, codecs[c]);
		const char *const names[] = {stream_of[c], "disk.idx", "manifest.json"};
		for (int i = 0; i < 250; i++) {
			struct image_reader *r = NULL;
			for (uint64_t k = 1 + sample_random(&random) % 3; k; k--) {
				const char *name = names[sample_random(&random) % 3];
				uint64_t len = length_of(name);
				uint64_t at = len ? sample_random(&random) % len : 0;
				if (sample_random(&random) % 8 == 0)
					cut(name, at);
				else if (len)
					overwrite(name, at, 1 + sample_random(&random) % 64);
			}
			if (!image_reader_open(image, IMAGE_OPEN_SALVAGE, &r, NULL)) {
				struct sv_digest digest;
				uint64_t found = files_found(r);
				/* plain frames whose checksums are lost as well look right: only
				 * the file's digest tells */
				bool tells = c < 2 || !image_reader_damage(r, 0);
				assert_true(found || !image_reader_damage(r, 0));
				if (tells && image_reader_info(r)->size == SIZE &&
				    image_reader_info(r)->frame_size == FRAME)
					(void)sample_check_frames(&s, r);
				for (uint64_t g = 0; g < 40; g++)
					(void)image_reader_digest(r, g, &digest);
			}
			image_reader_close(r);
			for (size_t k = 0; k < 3; k++)
				put_back(names[k]);
		}
		remove_image();
		sample_drop(&s);
	}
}

static int make_dir(void **state)
{
	(void)state;
	if (!scratch_make(dir))
		return -1;
	(void)scratch_tmpfs(dir, 512 * SV_MIB); /* only for speed: many syncs */
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
		cmocka_unit_test(test_lost_index),     cmocka_unit_test(test_lost_manifest),
		cmocka_unit_test(test_lost_table),     cmocka_unit_test(test_only_frames),
		cmocka_unit_test(test_damaged_frames), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_wrong_index),    cmocka_unit_test(test_missing_volumes),
		cmocka_unit_test(test_damaged_index),  cmocka_unit_test(test_newer_version),
		cmocka_unit_test(test_every_file),     cmocka_unit_test(test_mutations),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
