/* test_lvm.c - LVM2: the metadata text, physical volumes made by hand, what may be looked into,
 * damage */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/lvm.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/lvm_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLIPS 20000

/* ---- the text ---- */

struct sample {
	const char *text;
	int ret;
};

static const struct sample samples[] = {
	{"", 0},
	{" # nothing\n", 0},
	{"a=1", 0},
	{"a { b { c = [\"x\", 1, -1] } }\nd = []\ne = \"\\\"\\\\\"", 0},
	{"creation_host = \"h\"	# Linux # \"x\"\n", 0},
	{"a", SV_E_DATA},
	{"a {", SV_E_DATA},
	{"a { b = 1", SV_E_DATA},
	{"}", SV_E_DATA},
	{"a = }", SV_E_DATA},
	{"a = \"b", SV_E_DATA},
	{"a = \"b\\", SV_E_DATA},
	{"a = [1, 2", SV_E_DATA},
	{"a = [1 2]", SV_E_DATA},
	{"a = [1,]", SV_E_DATA},
	{"a = [[1]]", SV_E_DATA},
	{"a = 1x", SV_E_DATA},
	{"a = 18446744073709551616", SV_E_DATA},
	{"a = 18446744073709551615", 0},
	{"a { b { c { d { e { f { g { h { } } } } } } } }", 0},
	{"a { b { c { d { e { f { g { h { i { } } } } } } } } }", SV_E_DATA},
};

static void test_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(samples); i++) {
		size_t len = strlen(samples[i].text);
		struct lvm_text t;
		char *exact = malloc(len ? len : 1); /* so that a read too far is found */
		assert_non_null(exact);
		memcpy(exact, samples[i].text, len);
		int ret = lvm_text_parse(&t, exact, len);
		if (ret != samples[i].ret)
			fail_msg("\"%s\": %d", samples[i].text, ret);
		lvm_text_clear(&t);
		free(exact);
	}
}

static void test_tree(void **state)
{
	(void)state;
	static const char text[] =
		"g { n = 7 s = \"x\" l = [\"x\", 3] sub { s = \"x\" } n2 = 1 n2 = 2 }";
	struct lvm_text t;
	uint64_t n = 0;
	assert_int_equal(lvm_text_parse(&t, text, sizeof(text) - 1), 0);
	const struct lvm_node *g = lvm_child(&t, &t.v[0], "g", LVM_SECTION);
	assert_non_null(g);
	assert_true(lvm_number(&t, g, "n", &n) && n == 7);
	assert_false(lvm_number(&t, g, "s", &n));  /* another kind */
	assert_false(lvm_number(&t, g, "n2", &n)); /* twice */
	assert_null(lvm_child(&t, g, "x", LVM_SECTION));
	assert_int_equal(lvm_mentions(&t, g, "x", 1), 3);
	const struct lvm_node *l = lvm_child(&t, g, "l", LVM_LIST);
	assert_true(lvm_value_is(lvm_first(&t, l), "x", 1));
	assert_int_equal(lvm_next(&t, lvm_first(&t, l))->number, 3);
	lvm_text_clear(&t);
}

/* ---- physical volumes ---- */

static struct blk_dev *make(const char *text)
{
	return lvm_image_make(LVM_IMAGE_UUID, text);
}

static struct fsmap *read_map(struct blk_dev *dev)
{
	struct fsmap *map;
	assert_int_equal(fsmap_read_as(dev, &fsmap_lvm_ops, "LVM2_member", &map, NULL), 0);
	fixture_check_map(map);
	return map;
}

struct group {
	const char *name, *text;
	enum fsmap_state state;
	const char *reason;
	uint64_t used; /* MiB; first and last are always */
};

static const struct group groups[] = {
	{"nothing in it", LVS(""), FSMAP_EXACT, "", 2},
	{"no volumes at all", VG_TEXT("2048", PV_TEXT, "") "x = 1", FSMAP_EXACT, "", 2},
	{"unknown content", LVS(LV("a", PLAIN) ONE LINEAR(1, 0, 10, 30) "}"), FSMAP_UNION,
	 "g/a is read whole: no known filesystem", 12},
	{"swap", LVS(LV("a", PLAIN) ONE LINEAR(1, 0, 10, 5) "}"), FSMAP_EXACT, "", 4},
	{"in two pieces",
	 LVS(LV("a", PLAIN) "segment_count = 2 " LINEAR(1, 0, 4, 5) LINEAR(2, 4, 6, 40) "}"),
	 FSMAP_EXACT, "", 4},
	{"the second piece first",
	 LVS(LV("a", PLAIN) "segment_count = 2 " LINEAR(1, 4, 6, 40) LINEAR(2, 0, 4, 5) "}"),
	 FSMAP_UNION, "g/a is read whole: its pieces are not in order", 12},
	{"two volumes",
	 LVS(LV("a", PLAIN) ONE LINEAR(1, 0, 10, 5) "} " LV("b", PLAIN)
		     ONE LINEAR(1, 0, 7, 20) "}"),
	 FSMAP_UNION, "g/b is read whole: no known", 11},
	{"read only", LVS(LV("a", "\"READ\", \"VISIBLE\"") ONE LINEAR(1, 0, 10, 5) "}"),
	 FSMAP_EXACT, "", 4},
	{"hidden", LVS(LV("a", "\"READ\", \"WRITE\"") ONE LINEAR(1, 0, 10, 5) "}"), FSMAP_UNION,
	 "part of other volumes", 12},
	{"locked", LVS(LV("a", PLAIN ", \"LOCKED\"") ONE LINEAR(1, 0, 10, 5) "}"), FSMAP_UNION,
	 "part of other volumes", 12},
	{"with a snapshot",
	 LVS(LV("a", PLAIN) ONE LINEAR(1, 0, 10, 5) "} " LV("cow", PLAIN)
		     ONE LINEAR(1, 0, 3, 20) "} " LV("snapshot0", "\"READ\"") ONE SEG(
			     1, 0, 10, "snapshot", "origin = \"a\" cow_store = \"cow\"") "}"),
	 FSMAP_UNION, "g/a is read whole: it is part of other volumes", 15},
	{"thin pool",
	 LVS(LV("pool", PLAIN) ONE SEG(
		 1, 0, 5, "thin-pool",
		 "metadata = \"pool_m\" pool = \"pool_d\"") "} " LV("pool_d", "\"READ\", \"WRITE\"")
		     ONE LINEAR(1, 0, 5, 5) "} " LV("pool_m", "\"READ\", \"WRITE\"")
			     ONE LINEAR(1, 0, 1, 20) "} " LV("t", PLAIN) ONE SEG(
				     1, 0, 90, "thin", "thin_pool = \"pool\" device_id = 1") "}"),
	 FSMAP_UNION, "pool_d is read whole", 8},
	{"striped over two disks",
	 LVS(LV("a", PLAIN) ONE SEG(1, 0, 10, "striped",
				    "stripe_count = 2 stripe_size = 128 stripes = [\"pv0\", 5, "
				    "\"pv1\", 5]") "}"),
	 FSMAP_UNION, "g/a is read whole: it lies on several disks", 7},
	{"striped", LVS(LV("a", PLAIN) ONE STRIPED(10, 2, 128, 5, 20) "}"), FSMAP_EXACT, "", 4},
	{"called like a type", LVS(LV("striped", PLAIN) ONE LINEAR(1, 0, 10, 5) "}"), FSMAP_EXACT,
	 "", 4},
	{"one part of it striped",
	 LVS(LV("a", PLAIN) "segment_count = 2 " LINEAR(1, 0, 4, 5)
		     SEG(2, 4, 6, "striped",
			 "stripe_count = 3 stripe_size = 8 stripes = [\"pv0\", 20, \"pv0\", 30, "
			 "\"pv0\", 40]") "}"),
	 FSMAP_EXACT, "", 4},
	{"stripes of nothing", LVS(LV("a", PLAIN) ONE STRIPED(10, 2, 0, 5, 20) "}"), FSMAP_UNION,
	 "g/a is read whole: its stripes are of an unusual size", 12},
	{"stripes of three sectors", LVS(LV("a", PLAIN) ONE STRIPED(10, 2, 3, 5, 20) "}"),
	 FSMAP_UNION, "unusual size", 12},
	{"stripes larger than extents", LVS(LV("a", PLAIN) ONE STRIPED(10, 2, 4096, 5, 20) "}"),
	 FSMAP_UNION, "unusual size", 12},
	{"huge stripes", LVS(LV("a", PLAIN) ONE STRIPED(10, 2, 9223372036854775808, 5, 20) "}"),
	 FSMAP_UNION, "unusual size", 12},
	{"fewer stripes than it says", LVS(LV("a", PLAIN) ONE STRIPED(9, 3, 128, 5, 20) "}"),
	 FSMAP_WHOLE, "malformed", 64},
	{"more stripes than it says", LVS(LV("a", PLAIN) ONE STRIPED(10, 1, 128, 5, 20) "}"),
	 FSMAP_WHOLE, "malformed", 64},
	{"an extent without a stripe", LVS(LV("a", PLAIN) ONE STRIPED(9, 2, 128, 5, 20) "}"),
	 FSMAP_WHOLE, "malformed", 64},
	{"stripes one upon the other", LVS(LV("a", PLAIN) ONE STRIPED(10, 2, 128, 5, 9) "}"),
	 FSMAP_WHOLE, "one upon the other", 64},
	{"a stripe beyond the end", LVS(LV("a", PLAIN) ONE STRIPED(10, 2, 128, 5, 58) "}"),
	 FSMAP_WHOLE, "malformed", 64},
	{"on two disks",
	 LVS(LV("a", PLAIN) "segment_count = 2 " LINEAR(1, 0, 10, 5)
		     SEG(2, 10, 10, "striped", "stripe_count = 1 stripes = [\"pv1\", 0]") "}"),
	 FSMAP_UNION, "several disks", 12},
	{"on the other disk",
	 LVS(LV("a", PLAIN)
		     ONE SEG(1, 0, 10, "striped", "stripe_count = 1 stripes = [\"pv1\", 0]") "}"),
	 FSMAP_EXACT, "", 2},
	{"a mirror of disks",
	 LVS(LV("a", PLAIN) ONE SEG(1, 0, 10, "mirror", "mirrors = [\"pv0\", 5, \"pv1\", 9]") "}"),
	 FSMAP_UNION, "g/a is read whole: it is neither linear nor striped", 12},
	{"beyond the end", LVS(LV("a", PLAIN) ONE LINEAR(1, 0, 10, 53) "}"), FSMAP_WHOLE,
	 "malformed", 64},
	{"one upon the other",
	 LVS(LV("a", PLAIN) ONE LINEAR(1, 0, 10, 5) "} " LV("b", PLAIN)
		     ONE LINEAR(1, 0, 2, 14) "}"),
	 FSMAP_WHOLE, "one upon the other", 64},
	{"a disk named elsewhere",
	 LVS(LV("a", PLAIN) ONE SEG(1, 0, 10, "new", "where = \"pv0\"") "}"), FSMAP_WHOLE,
	 "malformed", 64},
	{"a segment missing", LVS(LV("a", PLAIN) "segment_count = 2 " LINEAR(1, 0, 10, 5) "}"),
	 FSMAP_WHOLE, "malformed", 64},
	{"no type",
	 LVS(LV("a", PLAIN) ONE "segment1 { extent_count = 1 stripes = [\"pv0\", 1] } }"),
	 FSMAP_WHOLE, "malformed", 64},
	{"too large", VG_TEXT("2200", PV_TEXT, ""), FSMAP_WHOLE, "larger than its volume", 64},
	{"huge extents", VG_TEXT("9223372036854775807", PV_TEXT, ""), FSMAP_WHOLE, "malformed", 64},
	{"no extents", VG_TEXT("0", PV_TEXT, ""), FSMAP_WHOLE, "malformed", 64},
	{"another disk", VG_TEXT("2048", "physical_volumes { pv0 { id = \"q\" } } ", ""),
	 FSMAP_WHOLE, "does not name it", 64},
	{"missing",
	 VG_TEXT("2048",
		 "physical_volumes { pv0 { id = \"" LVM_IMAGE_UUID
		 "\" flags = [\"MISSING\"] pe_start = "
		 "2048 pe_count = 62 } } ",
		 ""),
	 FSMAP_WHOLE, "missing or unusual", 64},
	{"two groups", LVS("") "h { }", FSMAP_WHOLE, "malformed", 64},
	{"no group", "contents = \"x\"", FSMAP_WHOLE, "malformed", 64},
	{"no text", "}", FSMAP_WHOLE, "malformed", 64},
};

static void test_groups(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(groups); i++) {
		const struct group *g = &groups[i];
		struct blk_dev *dev = make(g->text);
		struct fsmap *map = read_map(dev);
		if (map->state != g->state || !strstr(map->reason, g->reason) ||
		    sv_extents_total(&map->used) != g->used * SV_MIB)
			fail_msg("%s: %s, \"%s\", %llu bytes used", g->name,
				 fsmap_state_name(map->state), map->reason,
				 (unsigned long long)sv_extents_total(&map->used));
		fsmap_destroy(map);
		blk_close(dev);
	}
}

/* What is used of a striped volume is used in stripes, and what is free in it in one range on each
 * column. */
static void test_stripes(void **state)
{
	(void)state;
	const uint64_t half = SV_MIB / 2;
	const struct sv_extent want[] = {
		{0, SV_MIB},	     {6 * SV_MIB, half},	 {11 * SV_MIB - half, half},
		{21 * SV_MIB, half}, {26 * SV_MIB - half, half}, {63 * SV_MIB, SV_MIB},
	};
	struct blk_dev *dev = make(LVS(LV("a", PLAIN) ONE STRIPED(10, 2, 128, 5, 20) "}"));
	struct fsmap *map = read_map(dev);
	assert_int_equal(map->used.n, SV_ARRAY(want));
	for (size_t i = 0; i < SV_ARRAY(want); i++) {
		assert_int_equal(map->used.v[i].start, want[i].start);
		assert_int_equal(map->used.v[i].len, want[i].len);
	}
	fsmap_destroy(map);
	blk_close(dev);
}

static const char one_swap[] = LVS(LV("a", PLAIN) ONE LINEAR(1, 0, 10, 5) "}");

static void expect(struct blk_dev *dev, enum fsmap_state want, const char *reason)
{
	struct fsmap *map = read_map(dev);
	if (map->state != want || !strstr(map->reason, reason))
		fail_msg("%s, \"%s\" instead of \"%s\"", fsmap_state_name(map->state), map->reason,
			 reason);
	fsmap_destroy(map);
	blk_close(dev);
}

static void test_areas(void **state)
{
	(void)state;
	struct blk_dev *dev = make(one_swap);
	uint8_t *disk = blk_mem_data(dev);
	lvm_image_area(disk, LVM_IMAGE_MDA, one_swap,
		       LVM_IMAGE_MDA_SIZE - 100); /* around the end of the ring */
	expect(dev, FSMAP_EXACT, "");

	dev = make(one_swap);
	blk_mem_data(dev)[LVM_IMAGE_MDA + 512 + 70] ^= 1;
	expect(dev, FSMAP_WHOLE, "metadata has a wrong checksum");

	dev = make(one_swap);
	blk_mem_data(dev)[LVM_IMAGE_MDA + 300] ^= 1;
	expect(dev, FSMAP_WHOLE, "header of its LVM metadata has a wrong checksum");

	dev = make(one_swap);
	put_le64(blk_mem_data(dev) + LVM_IMAGE_MDA + 64, 4096); /* a text that is not valid yet */
	lvm_image_seal_area(blk_mem_data(dev) + LVM_IMAGE_MDA);
	expect(dev, FSMAP_WHOLE, "was being changed");

	dev = make(one_swap);
	put_le32(blk_mem_data(dev) + LVM_IMAGE_MDA + 60, 1);
	lvm_image_seal_area(blk_mem_data(dev) + LVM_IMAGE_MDA);
	expect(dev, FSMAP_WHOLE, "on other disks");

	dev = make(one_swap);
	put_le64(blk_mem_data(dev) + LVM_IMAGE_MDA + 40, 0);
	lvm_image_seal_area(blk_mem_data(dev) + LVM_IMAGE_MDA);
	expect(dev, FSMAP_WHOLE, "no volume group");

	dev = make(one_swap);
	put_le64(blk_mem_data(dev) + LVM_IMAGE_MDA + 48, LVM_IMAGE_MDA_SIZE);
	lvm_image_seal_area(blk_mem_data(dev) + LVM_IMAGE_MDA);
	expect(dev, FSMAP_WHOLE, "out of place");
}

static void test_second_area(void **state)
{
	(void)state;
	for (int same = 0; same < 2; same++) {
		struct blk_dev *dev = make(one_swap);
		uint8_t *disk = blk_mem_data(dev);
		put_le64(disk + 512 + 120, 512 * 1024);
		put_le64(disk + 512 + 128, LVM_IMAGE_MDA_SIZE);
		lvm_image_area(disk, 512 * 1024, same ? one_swap : LVS(""), 1024);
		lvm_image_seal_label(disk);
		expect(dev, same ? FSMAP_EXACT : FSMAP_WHOLE,
		       same ? "" : "copies of its LVM metadata differ");
	}
}

static void test_label(void **state)
{
	(void)state;
	struct blk_dev *dev = make(one_swap);
	blk_mem_data(dev)[512 + 40] ^= 1;
	expect(dev, FSMAP_WHOLE, "label has a wrong checksum");

	dev = make(one_swap);
	blk_mem_data(dev)[512] = 'X';
	expect(dev, FSMAP_WHOLE, "label is missing");

	dev = make(one_swap);
	put_le64(blk_mem_data(dev) + 512 + 8, 2);
	expect(dev, FSMAP_WHOLE, "label is missing");

	dev = make(one_swap);
	memcpy(blk_mem_data(dev) + 1024, blk_mem_data(dev) + 512, 512);
	put_le64(blk_mem_data(dev) + 1024 + 8, 2);
	expect(dev, FSMAP_WHOLE, "more than one LVM label");

	dev = make(one_swap);
	put_le32(blk_mem_data(dev) + 512 + 20, 500);
	lvm_image_seal_label(blk_mem_data(dev));
	expect(dev, FSMAP_WHOLE, "out of place");
}

/* A suspended system in a volume makes everything here doubtful, and everything around it. */
static void test_suspended(void **state)
{
	(void)state;
	struct blk_dev *dev = make(LVS(LV("b", PLAIN) ONE LINEAR(1, 0, 3, 40) "} " LV("a", PLAIN)
					       ONE LINEAR(1, 0, 10, 5) "}"));
	memcpy(blk_mem_data(dev) + 6 * SV_MIB + 4086, "S1SUSPEND\0", 10);
	struct fsmap *map = read_map(dev);
	assert_int_equal(map->state, FSMAP_WHOLE);
	assert_true(map->hibernated);
	assert_non_null(strstr(map->reason, "g/a: it holds a suspended system"));
	fsmap_destroy(map);
	blk_close(dev);
}

/* A physical volume in a logical volume in a physical volume ... ends. */
static void test_nested(void **state)
{
	(void)state;
	static const char text[] = LVS(LV("a", PLAIN) ONE LINEAR(1, 0, 2, 0) "}");
	struct blk_dev *dev = make(text);
	uint8_t *disk = blk_mem_data(dev);
	/* the volume begins at 1 MiB and claims to hold another 64 MiB: larger than it is */
	memcpy(disk + SV_MIB, disk, 512 * 1024);
	expect(dev, FSMAP_UNION, "g/a is read whole: its LVM metadata says that it is larger");
}

/* ---- seeded damage of a text whose checksum is right: never a crash ---- */

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static void test_flips(void **state)
{
	(void)state;
	static const char text[] = LVS(LV("a", PLAIN) "segment_count = 2 " LINEAR(
		1, 0, 4, 5) LINEAR(2, 4, 6, 40) "} " LV("b", PLAIN) ONE LINEAR(1, 0, 7, 20) "}");
	static const char letters[] = "{}[]=\",# 0123456789pvx-\\";
	size_t counts[2] = {0};
	struct blk_dev *dev = make(text);
	uint64_t seed = 7;
	for (int i = 0; i < FLIPS; i++) {
		char bent[sizeof(text)];
		memcpy(bent, text, sizeof(text));
		for (uint64_t n = 1 + next_random(&seed) % 2; n > 0; n--)
			bent[next_random(&seed) % (sizeof(text) - 1)] =
				letters[next_random(&seed) % (sizeof(letters) - 1)];
		lvm_image_area(blk_mem_data(dev), LVM_IMAGE_MDA, bent, 512);
		struct fsmap *map = read_map(dev);
		counts[map->state == FSMAP_WHOLE]++;
		fsmap_destroy(map);
	}
	print_message("%zu maps stood, %zu were whole\n", counts[0], counts[1]);
	assert_true(counts[0] > FLIPS / 100 && counts[1] > FLIPS / 10);
	blk_close(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),   cmocka_unit_test(test_tree),
		cmocka_unit_test(test_groups), cmocka_unit_test(test_stripes),
		cmocka_unit_test(test_areas),  cmocka_unit_test(test_second_area),
		cmocka_unit_test(test_label),  cmocka_unit_test(test_suspended),
		cmocka_unit_test(test_nested), cmocka_unit_test(test_flips),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
