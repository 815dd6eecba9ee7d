/* test_ntfs_mutation.c - hostile NTFS: run lists, a $Bitmap in pieces, seeded byte flips */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/ntfs.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/ntfs_image.h"
#include "tests/lib/scratch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE "a.img"
#if defined(__SANITIZE_ADDRESS__)
#define FLIPS 800 /* every one costs twenty times as much there; the fuzzer does more */
#else
#define FLIPS 6000
#endif

static char dir[64];

/* ---- run lists ---- */

struct list {
	uint8_t bytes[24];
	size_t len;
	int last; /* 0 = ends well, -1 = refused */
	size_t n;
	struct ntfs_run runs[3];
};

static const struct list lists[] = {
	{{0}, 1, 0, 0, {{0}}},
	{{0x11, 5, 100, 0}, 4, 0, 1, {{0, 100, 5}}},
	{{0x21, 5, 0xe8, 0x03, 0x11, 2, 0xff, 0}, 8, 0, 2, {{0, 1000, 5}, {5, 999, 2}}},
	{{0x11, 5, 100, 0x01, 7, 0x11, 1, 3, 0},
	 9,
	 0,
	 3,
	 {{0, 100, 5}, {5, NTFS_HOLE, 7}, {12, 103, 1}}},
	{{0x12, 0x80, 0x00, 10, 0}, 5, 0, 1, {{0, 10, 128}}},
	{{0x88, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 18, 0, 1, {{0, 1, 1}}},
	{{0}, 0, -1, 0, {{0}}},					     /* nothing at all */
	{{0x11, 5, 100}, 3, -1, 1, {{0, 100, 5}}},		     /* no end */
	{{0x11, 5}, 2, -1, 0, {{0}}},				     /* cut */
	{{0x10, 5, 0}, 3, -1, 0, {{0}}},			     /* no length */
	{{0x11, 0, 5, 0}, 4, -1, 0, {{0}}},			     /* length 0 */
	{{0x11, 0x80, 5, 0}, 4, -1, 0, {{0}}},			     /* negative length */
	{{0x11, 5, 0xff, 0}, 4, -1, 0, {{0}}},			     /* before the volume */
	{{0x21, 1, 0x10, 0x27, 0}, 5, -1, 0, {{0}}},		     /* cluster 10000 of 10000 */
	{{0x21, 2, 0x0f, 0x27, 0}, 5, -1, 0, {{0}}},		     /* across the end */
	{{0x19, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 0}, 12, -1, 0, {{0}}}, /* nine bytes of length */
	{{0x91, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12, -1, 0, {{0}}}, /* nine bytes of place */
	{{0x08, 255, 255, 255, 255, 255, 255, 255, 127, 0x01, 1, 0}, /* more than 2^63 clusters */
	 12,
	 -1,
	 1,
	 {{0, NTFS_HOLE, INT64_MAX}}},
	{{0x81, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0x81, 1, 255, 255, 255, 255, 255, 255, 255, 127, 0},
	 21,
	 -1,
	 1,
	 {{0, 1, 1}}}, /* past 2^63 by a delta */
};

static void test_run_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(lists); i++) {
		const struct list *l = &lists[i];
		uint8_t *exact =
			malloc(l->len + 1); /* so that a sanitizer sees every step too far */
		uint8_t *start = exact + 1;
		memcpy(start, l->bytes, l->len);
		struct ntfs_attr a = {.value = start, .value_len = l->len};
		struct ntfs_run_iter it;
		struct ntfs_run run;
		int more;
		size_t n = 0;
		ntfs_runs_start(&it, &a);
		while ((more = ntfs_runs_next(&it, 10000, &run)) == 1) {
			if (n == l->n)
				fail_msg("list %zu: too many runs", i);
			assert_memory_equal(&run, &l->runs[n], sizeof(run));
			n++;
		}
		if (more != l->last || n != l->n)
			fail_msg("list %zu: %zu runs, then %d", i, n, more);
		free(exact);
	}
}

/* ---- a $Bitmap in pieces, over an attribute list and extension records ---- */

/* One DATA attribute; up to two runs of one cluster each. */
struct piece {
	uint32_t record;
	uint64_t lowest;
	uint64_t lcn[2];
	size_t n;
};

#define BITMAP_CLUSTERS 6  /* 12 MiB in clusters of 512 bytes */
#define EXTENSION	20 /* formatted, reserved, not in use */
#define FREE_PLACE	20000

static uint64_t reference(const uint8_t *rec, uint64_t number)
{
	return number | (uint64_t)get_le16(rec + 16) << 48;
}

static uint32_t put_runs(uint8_t *p, const struct piece *piece)
{
	uint8_t *start = p;
	int64_t last = 0;
	for (size_t i = 0; i < piece->n; i++) {
		*p++ = 0x41;
		*p++ = 1;
		put_le32(p, (uint32_t)((int64_t)piece->lcn[i] - last));
		last = (int64_t)piece->lcn[i];
		p += 4;
	}
	*p++ = 0;
	return (uint32_t)(p - start);
}

/* A non-resident attribute; returns its length. */
static uint32_t put_attr(uint8_t *p, uint32_t type, uint16_t instance, const struct piece *piece,
			 uint64_t alloc, uint64_t size)
{
	memset(p, 0, 96);
	put_le32(p, type);
	p[8] = 1;
	put_le16(p + 10, 64);
	put_le16(p + 14, instance);
	put_le64(p + 16, piece->lowest);
	put_le64(p + 24, piece->lowest + piece->n - 1);
	put_le16(p + 32, 64);
	if (piece->lowest == 0) {
		put_le64(p + 40, alloc);
		put_le64(p + 48, size);
		put_le64(p + 56, size);
	}
	uint32_t len = (uint32_t)sv_round_up(64 + put_runs(p + 64, piece), 8);
	put_le32(p + 4, len);
	return len;
}

static uint32_t put_entry(uint8_t *p, uint32_t type, uint64_t lowest, uint64_t ref,
			  uint16_t instance)
{
	memset(p, 0, 32);
	put_le32(p, type);
	put_le16(p + 4, 32);
	p[7] = 26;
	put_le64(p + 8, lowest);
	put_le64(p + 16, ref);
	put_le16(p + 24, instance);
	return 32;
}

static void end_record(uint8_t *rec, uint8_t *p)
{
	put_le32(p, 0xffffffff);
	put_le32(p + 4, 0);
	put_le32(rec + 24, (uint32_t)(p + 8 - rec));
}

static void put_extension(struct ntfs_image *img, uint64_t base, const struct piece *piece)
{
	uint8_t *rec = ntfs_image_open(img, piece->record);
	put_le16(rec + 22, 1);
	put_le64(rec + 32, base);
	uint8_t *p = rec + get_le16(rec + 20);
	end_record(rec, p + put_attr(p, 0x80, 0, piece, 0, 0));
	ntfs_image_close(img, piece->record);
}

/* The list of the old attributes of an open record, with the pieces in place of its DATA. */
static uint32_t build_list(struct ntfs_image *img, const uint8_t *rec, const struct piece *pieces,
			   size_t n, uint8_t *list)
{
	uint32_t len = 0, pos = get_le16(rec + 20);
	for (; get_le32(rec + pos) != 0x80; pos += get_le32(rec + pos + 4))
		len += put_entry(list + len, get_le32(rec + pos), 0, reference(rec, 6),
				 get_le16(rec + pos + 14));
	for (size_t i = 0; i < n; i++) {
		const uint8_t *other = img->data + img->mft + pieces[i].record * img->record;
		len += put_entry(list + len, 0x80, pieces[i].lowest,
				 reference(other, pieces[i].record),
				 i ? 0 : get_le16(rec + pos + 14));
	}
	return len;
}

static uint32_t put_list(struct ntfs_image *img, uint8_t *p, const uint8_t *list, uint32_t len,
			 uint64_t home)
{
	if (home) {
		struct piece place = {.lcn = {home}, .n = 1};
		memcpy(img->data + home * img->cluster, list, len);
		return put_attr(p, 0x20, 30, &place, img->cluster, len);
	}
	memset(p, 0, 24);
	put_le32(p, 0x20);
	put_le32(p + 4, (uint32_t)sv_round_up(24 + len, 8));
	put_le16(p + 14, 30);
	put_le32(p + 16, len);
	put_le16(p + 20, 24);
	memcpy(p + 24, list, len);
	return (uint32_t)sv_round_up(24 + len, 8);
}

/*
 * Rewrite record 6 so that its DATA is these pieces, the first in record 6 itself. `home`: the
 * cluster of the attribute list, 0 = resident.
 */
static void rewrite_bitmap(struct ntfs_image *img, const struct piece *pieces, size_t n,
			   uint64_t home)
{
	uint8_t old[4096], list[1024];
	uint8_t *rec = ntfs_image_open(img, 6), *p = rec + get_le16(rec + 20);
	memcpy(old, rec, img->record);
	uint32_t list_len = build_list(img, rec, pieces, n, list);
	bool listed = false;
	for (uint32_t pos = get_le16(old + 20); get_le32(old + pos) != 0xffffffff;
	     pos += get_le32(old + pos + 4)) {
		const uint8_t *attr = old + pos;
		if (!listed && get_le32(attr) > 0x20) {
			p += put_list(img, p, list, list_len, home);
			listed = true;
		}
		if (get_le32(attr) == 0x80) {
			p += put_attr(p, 0x80, get_le16(attr + 14), &pieces[0], get_le64(attr + 40),
				      get_le64(attr + 48));
			continue;
		}
		memcpy(p, attr, get_le32(attr + 4));
		p += get_le32(attr + 4);
	}
	end_record(rec, p);
	for (size_t i = 1; i < n; i++)
		put_extension(img, reference(rec, 6), &pieces[i]);
	ntfs_image_close(img, 6);
}

static struct ntfs_image load_image(void)
{
	return ntfs_image_of(fixture_load(dir, IMAGE, 512));
}

static void make_small(void)
{
	ntfs_make(dir, IMAGE, 12 * SV_MIB, 512, 512);
	fixture_must(dir, "head -c 300000 /dev/urandom > file");
	fixture_must(dir, "ntfscp -q %s file file", IMAGE);
}

/*
 * VCN 0, 1 stay where they are, the others move to free clusters, last first. `pieces` has room for
 * three.
 */
static struct ntfs_image split_image(struct piece *pieces, bool list_outside)
{
	make_small();
	struct ntfs_image img = load_image();
	uint64_t from = ntfs_image_lcn(&img, 6, 0x80, ""), to = FREE_PLACE;
	for (uint64_t i = 0; i < 5; i++) {
		uint8_t *bit = ntfs_image_bitmap(&img, to + i);
		assert_int_equal(*bit >> ((to + i) % 8) & 1, 0);
		*bit |= (uint8_t)(1u << (to + i) % 8);
	}
	for (uint64_t i = 2; i < BITMAP_CLUSTERS; i++)
		memcpy(img.data + (to + 5 - i) * 512, img.data + (from + i) * 512, 512);
	pieces[0] = (struct piece){6, 0, {from, from + 1}, 2};
	pieces[1] = (struct piece){EXTENSION, 2, {to + 3, to + 2}, 2};
	pieces[2] = (struct piece){EXTENSION + 1, 4, {to + 1, to}, 2};
	rewrite_bitmap(&img, pieces, 3, list_outside ? to + 4 : 0);
	/* where it was, everything is free now */
	memset(img.data + (from + 2) * 512, 0, 4 * 512);
	return img;
}

static void store(const struct ntfs_image *img)
{
	char path[256];
	FILE *f = fopen(scratch_path(path, sizeof(path), dir, IMAGE), "w");
	assert_non_null(f);
	assert_int_equal(fwrite(img->data, 1, img->dev->size, f), img->dev->size);
	assert_int_equal(fclose(f), 0);
}

static void test_bitmap_in_pieces(void **state)
{
	(void)state;
	for (int outside = 0; outside < 2; outside++) {
		struct piece pieces[3];
		uint32_t cluster;
		uint64_t clusters, unused = 0;
		struct ntfs_image img = split_image(pieces, outside);
		store(&img);
		uint8_t *bits = ntfs_oracle(dir, IMAGE, &cluster, &clusters);
		struct fsmap *map = fixture_map(img.dev);
		if (map->state != FSMAP_EXACT)
			fail_msg("%s", map->reason);
		for (uint64_t i = 0; i < clusters; i++)
			if (bits[i / 8] >> (i % 8) & 1)
				assert_true(sv_extents_contain(&map->used, i * 512, 512));
		/* 24575 clusters and the backup boot sector: the last MiB begins at 22528 */
		for (uint64_t i = 2048; i < 22528; i++)
			unused += !(bits[i / 8] >> (i % 8) & 1);
		assert_int_equal(map->size - sv_extents_total(&map->used), unused * 512);
		free(bits);
		fsmap_destroy(map);
		blk_close(img.dev);
	}
}

static void expect_whole(struct ntfs_image *img, const char *reason)
{
	struct fsmap *map = fixture_map(img->dev);
	if (map->state != FSMAP_WHOLE || !strstr(map->reason, reason))
		fail_msg("\"%s\" is not in \"%s\"", reason, map->reason);
	fsmap_destroy(map);
	blk_close(img->dev);
}

/* Rewrite with other pieces than those that are right. */
static void expect_refused(const struct piece *pieces, size_t n, const char *reason)
{
	make_small();
	struct ntfs_image img = load_image();
	rewrite_bitmap(&img, pieces, n, 0);
	expect_whole(&img, reason);
}

static void test_pieces_that_do_not_fit(void **state)
{
	struct piece p[3], bad[3];
	(void)state;
	struct ntfs_image img = split_image(p, false);
	blk_close(img.dev);

	expect_refused(p, 2, "has an end missing");
	memcpy(bad, p, sizeof(p));
	bad[2].lowest = 5; /* a gap */
	expect_refused(bad, 3, "do not fit together");
	bad[2].lowest = 3; /* an overlap */
	expect_refused(bad, 3, "do not fit together");
	memcpy(bad, p, sizeof(p));
	bad[1] = p[2];
	bad[2] = p[1]; /* out of order */
	expect_refused(bad, 3, "do not fit together");
	memcpy(bad, p, sizeof(p));
	bad[2].lcn[1] = 24575; /* outside */
	expect_refused(bad, 3, "run list of $Bitmap is damaged");
}

static void test_extensions_that_do_not_fit(void **state)
{
	struct piece p[3];
	uint8_t *rec;
	(void)state;

	struct ntfs_image img = split_image(p, false);
	rec = ntfs_image_open(&img, EXTENSION);
	put_le64(rec + 32, 7); /* extends another */
	ntfs_image_close(&img, EXTENSION);
	expect_whole(&img, "does not extend $Bitmap");

	img = split_image(p, false);
	rec = ntfs_image_open(&img, EXTENSION);
	put_le16(rec + 22, 0);
	ntfs_image_close(&img, EXTENSION);
	expect_whole(&img, "record 20 is damaged");

	img = split_image(p, false);
	img.data[img.mft + 21 * img.record + 510] ^= 1; /* torn */
	expect_whole(&img, "record 21 is damaged");

	img = split_image(p, true);
	img.data[(FREE_PLACE + 4) * 512 + 32 + 4] = 0; /* an entry without end */
	expect_whole(&img, "attribute list of $Bitmap is damaged");

	img = split_image(p, true);
	uint8_t *entry = img.data + (FREE_PLACE + 4) * 512;
	while (get_le32(entry) != 0x80)
		entry += 32;
	put_le32(entry + 32 + 16, 0xffffff); /* a record past the $MFT */
	expect_whole(&img, "outside of $MFT");

	img = split_image(p, true);
	rec = ntfs_image_open(&img, 6);
	put_le64(ntfs_image_attr(&img, rec, 0x20, "") + 48, 1u << 30);
	ntfs_image_close(&img, 6);
	expect_whole(&img, "contradict each other");
}

/* ---- the fields of records and of the boot sector ---- */

static void test_boot(void **state)
{
	static const struct {
		uint32_t off;
		uint8_t value;
		const char *reason;
	} cases[] = {
		{0x2b, 1, "larger than its volume"},
		{0x2f, 0x80, "larger than its volume"},
		{0x33, 1, "would lie outside"},
		{0x40, 0x80, "MFT records of"},
		{0x40, 3, "MFT records of"},
		{0x40, 0xfe, "MFT records of"},
		{0x0d, 3, "clusters of"},
		{0x0d, 0x81, "clusters of"},
		{0x0d, 0xf3, "clusters of"},
		{0x0b, 1, "sectors of"},
		{0x0c, 0x20, "sectors of"},
		{0x03, 'M', "not that of NTFS"},
	};
	(void)state;
	make_small();
	struct ntfs_image img = load_image();
	for (size_t i = 0; i < SV_ARRAY(cases); i++) {
		struct fsmap *map;
		uint8_t *field = img.data + cases[i].off, old = *field;
		*field = cases[i].value;
		assert_int_equal(fsmap_read_as(img.dev, &fsmap_ntfs_ops, "ntfs", &map, NULL), 0);
		fixture_check_map(map);
		if (map->state != FSMAP_WHOLE || !strstr(map->reason, cases[i].reason))
			fail_msg("case %zu: \"%s\"", i, map->reason);
		fsmap_destroy(map);
		*field = old;
	}
	blk_close(img.dev);
}

static void test_core_record_not_in_use(void **state)
{
	(void)state;
	make_small();
	struct ntfs_image img = load_image();
	uint8_t *rec = ntfs_image_open(&img, 7);
	put_le16(rec + 22, 0);
	ntfs_image_close(&img, 7);
	expect_whole(&img, "record 7 is not in use");
}

/* ---- seeded damage: never a crash, never a byte lost ---- */

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

/* The parts of the volume that the reader looks at. */
static size_t metadata(struct ntfs_image *img, uint64_t records, struct sv_extent *parts)
{
	parts[0] = (struct sv_extent){0, 128};
	parts[1] = (struct sv_extent){img->mft, records * img->record};
	parts[2] = (struct sv_extent){ntfs_image_lcn(img, 6, 0x80, "") * img->cluster,
				      (img->clusters + 7) / 8};
	parts[3] = (struct sv_extent){ntfs_image_lcn(img, 2, 0x80, "") * img->cluster, 8192};
	parts[4] = (struct sv_extent){ntfs_image_lcn(img, 0, 0xb0, "") * img->cluster, 64};
	return 5;
}

static bool covers(const struct sv_extents *all, const struct sv_extents *part)
{
	for (size_t i = 0; i < part->n; i++)
		if (!sv_extents_contain(all, part->v[i].start, part->v[i].len))
			return false;
	return true;
}

static void flip_once(struct ntfs_image *img, const struct fsmap *good, uint64_t seed,
		      size_t counts[2])
{
	struct {
		uint8_t *at, old;
	} undo[8];
	struct sv_extent parts[5];
	struct fsmap *map;
	size_t n = metadata(img, 40, parts), flips = 1 + next_random(&seed) % 8;
	for (size_t i = 0; i < flips; i++) {
		const struct sv_extent *part = &parts[next_random(&seed) % n];
		undo[i].at = img->data + part->start + next_random(&seed) % part->len;
		undo[i].old = *undo[i].at;
		*undo[i].at ^= next_random(&seed) % 2 ? (uint8_t)(1u << next_random(&seed) % 8)
						      : (uint8_t)next_random(&seed);
	}
	assert_int_equal(fsmap_read_as(img->dev, &fsmap_ntfs_ops, "ntfs", &map, NULL), 0);
	fixture_check_map(map);
	if (!covers(&map->used, &good->used))
		fail_msg("a byte in use is free");
	counts[map->state == FSMAP_WHOLE]++;
	fsmap_destroy(map);
	while (flips-- > 0)
		*undo[flips].at = undo[flips].old;
}

static void flip_many(struct ntfs_image *img, uint64_t seed)
{
	size_t counts[2] = {0};
	struct fsmap *good = fixture_map(img->dev);
	assert_int_equal(good->state, FSMAP_EXACT);
	for (uint64_t i = 0; i < FLIPS; i++)
		flip_once(img, good, seed + i, counts);
	printf("%zu maps stood, %zu were whole\n", counts[0], counts[1]);
	assert_true(counts[0] > FLIPS / 100 && counts[1] > FLIPS / 10);
	fsmap_destroy(good);
	blk_close(img->dev);
}

static void test_flips(void **state)
{
	(void)state;
	make_small();
	struct ntfs_image img = load_image();
	flip_many(&img, 1000000);
}

static void test_flips_in_pieces(void **state)
{
	struct piece pieces[3];
	(void)state;
	struct ntfs_image img = split_image(pieces, true);
	flip_many(&img, 2000000);
}

/* Noise in place of whole structures. */
static void test_noise(void **state)
{
	uint64_t seed = 3;
	(void)state;
	make_small();
	for (int i = 0; i < 40; i++) {
		struct ntfs_image img = load_image();
		struct sv_extent parts[5];
		size_t n = metadata(&img, 40, parts);
		const struct sv_extent *part = &parts[next_random(&seed) % n];
		for (uint64_t k = next_random(&seed) % part->len; k < part->len; k++)
			if (part->start || k > 10)
				img.data[part->start + k] = (uint8_t)next_random(&seed);
		struct fsmap *map;
		assert_int_equal(fsmap_read_as(img.dev, &fsmap_ntfs_ops, "ntfs", &map, NULL), 0);
		fixture_check_map(map);
		fsmap_destroy(map);
		blk_close(img.dev);
	}
}

static int set_up(void **state)
{
	(void)state;
	return scratch_make(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_lists),
		cmocka_unit_test(test_bitmap_in_pieces),
		cmocka_unit_test(test_pieces_that_do_not_fit),
		cmocka_unit_test(test_extensions_that_do_not_fit),
		cmocka_unit_test(test_boot),
		cmocka_unit_test(test_core_record_not_in_use),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_flips_in_pieces),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
