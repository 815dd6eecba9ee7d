/* test_image.c - images written and read back: codecs, frame sizes, volumes, stock tools, lists */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/image/image.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/sample.h"
#include "tests/lib/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE (3 * SV_MIB + 3 * 512)

static char dir[64], image[128];

static void remove_image(void)
{
	fixture_must(dir, "rm -rf image image.part");
}

static void write_raw(const struct sample *s)
{
	char path[128];
	FILE *f = fopen(scratch_path(path, sizeof(path), dir, "raw"), "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(s->raw, 1, (size_t)s->create.info.size, f), s->create.info.size);
	assert_int_equal(fclose(f), 0);
}

static void stock_tools(const struct sample *s)
{
	const char *codec = s->create.info.codec;
	write_raw(s);
	fixture_must(dir, "cd image && sha256sum --quiet -c SHA256SUMS");
	if (!strcmp(codec, "zstd"))
		fixture_must(dir,
			     "cat image/disk.img.zst* >all.zst && zstd -dc all.zst | cmp - raw "
			     "&& zstd -q -t all.zst && zstd -l all.zst");
	else if (!strcmp(codec, "xz"))
		fixture_must(dir, "cat image/disk.img.xz* >all.xz && xz -dc all.xz | cmp - raw && "
				  "xz -t all.xz && xz -lvv all.xz");
	else
		fixture_must(dir, "cat image/disk.img* | cmp - raw");
}

static void test_round_trips(void **state)
{
	(void)state;
	const char *const codecs[] = {"zstd", "xz", "none"};
	const uint32_t frames[] = {65536, 196608, 1048576, 8388608};
	const uint64_t volumes[] = {0, 50021, 1000000};
	for (size_t c = 0; c < SV_ARRAY(codecs); c++)
		for (size_t f = 0; f < SV_ARRAY(frames); f++) {
			struct sample s;
			sample_make(&s, 1 + c * 10 + f, codecs[c], frames[f], SIZE);
			sample_save(&s, image, volumes[(c + f) % SV_ARRAY(volumes)]);
			sample_check_image(&s, image);
			stock_tools(&s);
			sample_drop(&s);
			remove_image();
		}
}

static void test_many_maps(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 125; seed++) {
		struct sample s;
		uint64_t random = seed;
		uint64_t size = 512 * (1 + sample_random(&random) % 4000);
		sample_make(&s, seed, "zstd", 131072, size);
		sample_save(&s, image, seed % 2 ? 0 : 4099);
		sample_check_image(&s, image);
		sample_drop(&s);
		remove_image();
	}
}

static void test_thousand_volumes(void **state)
{
	(void)state;
	struct sample s;
	sample_make(&s, 5, "none", 65536, 1200 * 1024);
	sample_save(&s, image, 1024);
	sample_check_image(&s, image);
	fixture_must(dir, "test -e image/disk.img.0000 && test -e image/disk.img.1199");
	stock_tools(&s);
	sample_drop(&s);
	remove_image();
}

/* A lone stream tells which disk it is of. */
static void test_lone_stream(void **state)
{
	(void)state;
	struct sample s;
	struct image_reader *r = NULL;
	char path[128];
	sample_make(&s, 7, "zstd", 131072, SIZE);
	sample_save(&s, image, 0);
	fixture_must(dir, "mkdir -p lone && mv image/disk.img.zst lone/some.zst");
	scratch_path(path, sizeof(path), dir, "lone/some.zst");
	assert_int_equal(image_reader_open(path, 0, &r, NULL), 0);
	sample_check_info(&s, r);
	assert_int_equal(sample_check_frames(&s, r), 0);
	assert_int_equal(image_reader_runs(r)->n, 1);
	assert_int_equal(image_reader_runs(r)->v[0].kind, SV_RUN_DATA);
	assert_int_equal(image_reader_info(r)->bytes_bad, sv_runs_total(&s.runs, SV_RUN_BAD));
	assert_false(image_reader_has_digests(r));
	image_reader_close(r);
	sample_drop(&s);
	remove_image();
}

/* A volume of an image opens the image. */
static void test_named_volume(void **state)
{
	(void)state;
	struct sample s;
	struct image_reader *r = NULL;
	char path[128];
	sample_make(&s, 8, "zstd", 131072, SIZE);
	sample_save(&s, image, 100000);
	scratch_path(path, sizeof(path), dir, "image/disk.img.zst.000");
	assert_int_equal(image_reader_open(path, 0, &r, NULL), 0);
	assert_null(image_reader_damage(r, 0));
	sample_check_runs(&s, r);
	image_reader_close(r);
	sample_drop(&s);
	remove_image();
}

static void test_refusals(void **state)
{
	(void)state;
	struct sample s;
	struct image_writer *w = NULL, *other = NULL;
	struct image_reader *r = NULL;
	struct sv_err err = {0};
	char path[128];
	sample_make(&s, 9, "zstd", 131072, SIZE);
	s.create.path = image;
	assert_int_equal(image_writer_create(&s.create, &w, NULL), 0);
	/* in use */
	s.create.resume = true;
	assert_int_equal(image_writer_create(&s.create, &other, &err), SV_E_LOCKED);
	/* unfinished: not without being told */
	s.create.resume = false;
	assert_int_equal(image_writer_create(&s.create, &other, NULL), SV_E_REFUSED);
	assert_int_equal(sample_append(&s, w, 0, 3, NULL), 0);
	/* frames come in order, whole, and all of them */
	assert_int_not_equal(sample_append(&s, w, 4, 5, NULL), 0);
	assert_int_not_equal(image_writer_finish_stream(w, NULL), 0);
	image_writer_destroy(w);
	remove_image();
	/* there already */
	sample_save(&s, image, 0);
	assert_int_equal(image_writer_create(&s.create, &w, NULL), SV_E_REFUSED);
	assert_int_equal(access(scratch_path(path, sizeof(path), dir, "image.part"), F_OK), -1);
	remove_image();
	/* no store, no image */
	s.create.path = "/nonexistent/store/image";
	assert_int_equal(image_writer_create(&s.create, &w, NULL), SV_E_NOT_FOUND);
	assert_int_equal(image_reader_open("/nonexistent", 0, &r, NULL), SV_E_NOT_FOUND);
	assert_int_equal(image_reader_open(dir, 0, &r, NULL), SV_E_NOT_FOUND);
	s.create.path = image;
	s.create.info.frame_size = 1000;
	assert_int_equal(image_writer_create(&s.create, &w, NULL), SV_E_USAGE);
	sample_drop(&s);
}

/* Nothing landed: nothing is left. */
static void test_nothing_left(void **state)
{
	(void)state;
	struct sample s;
	struct image_writer *w = NULL;
	char path[128];
	sample_make(&s, 10, "zstd", 131072, SIZE);
	s.create.path = image;
	assert_int_equal(image_writer_create(&s.create, &w, NULL), 0);
	assert_int_equal(image_writer_suspend(w, NULL), 0);
	image_writer_destroy(w);
	assert_int_equal(access(scratch_path(path, sizeof(path), dir, "image.part"), F_OK), -1);
	sample_drop(&s);
}

static void test_verify_before_commit(void **state)
{
	(void)state;
	struct sample s;
	struct image_writer *w = NULL;
	struct image_reader *r = NULL;
	char path[128];
	sample_make(&s, 11, "xz", 131072, SIZE);
	s.create.path = image;
	assert_int_equal(image_writer_create(&s.create, &w, NULL), 0);
	assert_int_equal(sample_append(&s, w, 0, sample_frames(&s), NULL), 0);
	assert_int_equal(image_writer_finish_stream(w, NULL), 0);
	scratch_path(path, sizeof(path), dir, "image.part");
	assert_int_equal(image_reader_open(path, IMAGE_OPEN_PART, &r, NULL), 0);
	assert_null(image_reader_damage(r, 0));
	sample_check_info(&s, r);
	sample_check_runs(&s, r);
	sample_check_digests(&s, r);
	assert_int_equal(sample_check_frames(&s, r), 0);
	image_reader_close(r);
	assert_int_equal(image_writer_commit(w, true, NULL, NULL), 0);
	image_writer_destroy(w);
	sample_check_image(&s, image);
	sample_drop(&s);
	remove_image();
}

static void test_list(void **state)
{
	(void)state;
	struct sample s;
	struct image_writer *w = NULL;
	struct image_list_entry *list = NULL;
	size_t n = 0;
	sample_make(&s, 12, "xz", 131072, SIZE);
	sample_save(&s, image, 0);
	char path[128];
	s.create.path = scratch_path(path, sizeof(path), dir, "next");
	assert_int_equal(image_writer_create(&s.create, &w, NULL), 0);
	assert_int_equal(sample_append(&s, w, 0, 16, NULL), 0);
	assert_int_equal(image_writer_suspend(w, NULL), 0);
	image_writer_destroy(w);
	fixture_must(dir, "mkdir -p broken other && echo nonsense >broken/manifest.json");
	assert_int_equal(image_list(dir, &list, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_string_equal(list[0].name, "broken");
	assert_false(list[0].readable);
	assert_string_equal(list[1].name, "image");
	assert_true(list[1].readable);
	assert_false(list[1].unfinished);
	assert_string_equal(list[1].info.serial, s.create.info.serial);
	assert_string_equal(list[2].name, "next.part");
	assert_true(list[2].unfinished && list[2].readable);
	assert_string_equal(list[2].info.serial, s.create.info.serial);
	assert_string_equal(list[2].info.verdict, "");
	assert_int_equal(list[1].to_read, 0);
	uint64_t total = 0, done = 0;
	for (size_t i = 0; i < s.plan.n; i++)
		if (s.plan.v[i].kind == SV_RUN_READ) {
			total += s.plan.v[i].len;
			if (s.plan.v[i].start < 16 * 131072)
				done += SV_MIN(s.plan.v[i].len, 16 * 131072 - s.plan.v[i].start);
		}
	assert_int_equal(list[2].to_read, total);
	assert_int_equal(list[2].done, done);
	assert_true(done && done < total);
	image_list_free(list, n);
	assert_int_equal(image_list_unfinished(dir, &list, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].name, "next.part");
	assert_int_equal(list[0].done, done);
	image_list_free(list, n);
	fixture_must(dir, "rm -rf broken other next.part");
	sample_drop(&s);
	remove_image();
}

/* The commands of README.txt do what they say. */
static void test_readme(void **state)
{
	(void)state;
	struct sample s;
	sample_make(&s, 13, "zstd", 131072, SIZE);
	for (int volumes = 0; volumes < 2; volumes++) {
		sample_save(&s, image, volumes ? 100000 : 0);
		write_raw(&s);
		fixture_must(dir, "cd image && grep '> /dev/sdX && sync' README.txt | sed "
				  "'s|/dev/sdX|../out|' >../cmd && sh ../cmd && cmp ../raw ../out");
		fixture_must(dir,
			     "cd image && grep -A1 'dd of=/dev/sdXN' README.txt | sed "
			     "'s|/dev/sdXN|../part|' >../cmd && sh ../cmd && head -c %llu "
			     "../raw | cmp - ../part",
			     (unsigned long long)s.create.info.parts[0].size);
		fixture_must(dir,
			     "grep -q -- '-o /dev/sdX' image/README.txt && rm -f out part cmd");
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
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_many_maps),
		cmocka_unit_test(test_thousand_volumes),
		cmocka_unit_test(test_lone_stream),
		cmocka_unit_test(test_named_volume),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_nothing_left),
		cmocka_unit_test(test_verify_before_commit),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_readme),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
