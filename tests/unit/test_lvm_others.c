/* test_lvm_others.c - LVM2 groups of several disks: what is free on one, read with the help of the
 * others, and whatever is wrong with those */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/reader.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/lvm_image.h"

#include <errno.h>
#include <string.h>

#define OVER_BOTH(stripes, size, a, b)                                                             \
	SEG(1, 0, 10, "striped",                                                                   \
	    "stripe_count = " #stripes " stripe_size = " #size " stripes = [\"pv0\", " #a          \
	    ", \"pv1\", " #b "]")

static const char linear[] = LVM_IMAGE_BOTH;
static const char striped[] = GROUP("", LV("a", PLAIN) ONE OVER_BOTH(2, 128, 5, 5) "}");

/* The disks that can be found; how often they were asked for. */
struct found {
	const char *uuid;
	enum others_found found;
	struct blk_dev *dev;
};
struct machine {
	struct fsmap_others ops;
	struct found v[3];
	unsigned int asked;
};

static int find(void *arg, const char *type, const char *uuid, enum others_found *found,
		struct blk_dev **dev)
{
	struct machine *m = arg;
	assert_string_equal(type, "LVM2_member");
	m->asked++;
	*found = OTHERS_ABSENT;
	for (size_t i = 0; i < SV_ARRAY(m->v); i++)
		if (m->v[i].uuid && !strcmp(m->v[i].uuid, uuid)) {
			*found = m->v[i].found;
			*dev = m->v[i].dev;
		}
	return 0;
}

static struct fsmap *read_map(struct blk_dev *dev, struct machine *m)
{
	struct fsmap *map;
	m->ops = (struct fsmap_others){.find = find, .arg = m};
	const struct fsmap_how how = {.others = &m->ops};
	assert_int_equal(fsmap_read_with(dev, &fsmap_lvm_ops, "LVM2_member", &how, &map, NULL), 0);
	fixture_check_map(map);
	return map;
}

static void expect_used(const struct fsmap *map, const struct sv_extent *want, size_t n)
{
	assert_int_equal(map->state, FSMAP_EXACT);
	assert_int_equal(map->used.n, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(map->used.v[i].start, want[i].start);
		assert_int_equal(map->used.v[i].len, want[i].len);
	}
}

/* One disk of the two, the other beside it. `b`: the map is that of the second. */
static struct fsmap *map_of(const char *text, bool b)
{
	struct blk_dev *dev_a = lvm_image_make(LVM_IMAGE_UUID, text),
		       *dev_b = lvm_image_make(LVM_IMAGE_UUID_B, text);
	struct blk_dev *ro = NULL;
	assert_int_equal(blk_ro_create(b ? dev_a : dev_b, &ro), 0);
	struct machine m = {.v = {{b ? TEXT_A : TEXT_B, OTHERS_FOUND, ro}}};
	struct fsmap *map = read_map(b ? dev_b : dev_a, &m);
	blk_close(ro);
	blk_close(dev_a);
	blk_close(dev_b);
	return map;
}

/* The first MiB of the volume is on A, the last on B, and each map frees its own disk alone. */
static void test_linear(void **state)
{
	(void)state;
	const struct sv_extent a[] = {{0, SV_MIB}, {6 * SV_MIB, SV_MIB}, {63 * SV_MIB, SV_MIB}};
	const struct sv_extent b[] = {{0, SV_MIB}, {26 * SV_MIB, SV_MIB}, {63 * SV_MIB, SV_MIB}};
	struct fsmap *map = map_of(linear, false);
	expect_used(map, a, SV_ARRAY(a));
	assert_non_null(strstr(map->inside, "g lies on "));
	fsmap_destroy(map);
	map = map_of(linear, true);
	expect_used(map, b, SV_ARRAY(b));
	fsmap_destroy(map);
}

static void test_striped(void **state)
{
	(void)state;
	const uint64_t half = SV_MIB / 2;
	const struct sv_extent want[] = {
		{0, SV_MIB}, {6 * SV_MIB, half}, {11 * SV_MIB - half, half}, {63 * SV_MIB, SV_MIB}};
	for (int b = 0; b < 2; b++) {
		struct fsmap *map = map_of(striped, b);
		expect_used(map, want, SV_ARRAY(want));
		fsmap_destroy(map);
	}
}

/* ---- others that do not fit ---- */

struct doubt {
	const char *name;
	enum others_found found;
	bool twin;
	const char *text_a, *text_b; /* NULL: the linear one */
	const char *reason;
	enum fsmap_state state;
};

static const struct doubt doubts[] = {
	{"absent", OTHERS_ABSENT, false, NULL, NULL,
	 "g/a is read whole: the disk with its physical volume " TEXT_B " is not attached",
	 FSMAP_UNION},
	{"twice", OTHERS_TWICE, false, NULL, NULL,
	 "two attached disks say that they are its physical volume " TEXT_B, FSMAP_UNION},
	{"in use", OTHERS_IN_USE, false, NULL, NULL, TEXT_B " is in use for writing", FSMAP_UNION},
	{"a copy of this disk", OTHERS_FOUND, true, NULL, NULL,
	 "two attached disks say that they are its physical volume " TEXT_A, FSMAP_UNION},
	{"another state", OTHERS_FOUND, false, NULL, GROUP("", LINEAR_LV("b")),
	 " has a part of it: its LVM metadata is not the same", FSMAP_UNION},
	{"another seqno", OTHERS_FOUND, false, NULL,
	 "g { id = \"i\" seqno = 4 format = \"lvm2\" flags = [] extent_size = 2048 "
	 "physical_volumes { " PV(0, TEXT_A, "")
		 PV(1, TEXT_B, "") "} logical_volumes { " LINEAR_LV("a") "} }",
	 "is not the same", FSMAP_UNION},
	{"two groups", OTHERS_FOUND, false, NULL, GROUP("", LINEAR_LV("a")) "h { }",
	 "is not the same", FSMAP_UNION},
	{"only other words around", OTHERS_FOUND, false, NULL,
	 GROUP("", LINEAR_LV("a")) "creation_time = 7\n", "", FSMAP_EXACT},
	{"no text", OTHERS_FOUND, false, NULL, "}", "its LVM metadata is malformed", FSMAP_UNION},
	{"missing", OTHERS_FOUND, false, GROUP("\"MISSING\"", LINEAR_LV("a")),
	 GROUP("\"MISSING\"", LINEAR_LV("a")), "missing or unusual", FSMAP_UNION},
	{"volumes one upon the other there", OTHERS_FOUND, false,
	 GROUP("", LINEAR_LV("a") LV("b", PLAIN) ONE ON_B(1, 0, 3, 25) "}"),
	 GROUP("", LINEAR_LV("a") LV("b", PLAIN) ONE ON_B(1, 0, 3, 25) "}"), "one upon the other",
	 FSMAP_WHOLE},
	{"beyond the end there", OTHERS_FOUND, false,
	 GROUP("", LV("a", PLAIN) "segment_count = 2 " LINEAR(1, 0, 4, 5) ON_B(2, 4, 6, 60) "}"),
	 GROUP("", LV("a", PLAIN) "segment_count = 2 " LINEAR(1, 0, 4, 5) ON_B(2, 4, 6, 60) "}"),
	 "malformed", FSMAP_WHOLE},
	{"stripes of nothing", OTHERS_FOUND, false,
	 GROUP("", LV("a", PLAIN) ONE OVER_BOTH(2, 0, 5, 5) "}"),
	 GROUP("", LV("a", PLAIN) ONE OVER_BOTH(2, 0, 5, 5) "}"), "unusual size", FSMAP_UNION},
	{"one stripe too few", OTHERS_FOUND, false,
	 GROUP("", LV("a", PLAIN) ONE OVER_BOTH(1, 128, 5, 5) "}"),
	 GROUP("", LV("a", PLAIN) ONE OVER_BOTH(1, 128, 5, 5) "}"), "malformed", FSMAP_WHOLE},
	{"no such disk in the group", OTHERS_FOUND, false,
	 VG_TEXT("2048", "physical_volumes { " PV(0, TEXT_A, "") "} ", LINEAR_LV("a")), NULL,
	 "something else than disks", FSMAP_UNION},
	{"a name that is none", OTHERS_FOUND, false,
	 VG_TEXT("2048", "physical_volumes { " PV(0, TEXT_A, "") PV(1, "\\033[2J", "") "} ",
		 LINEAR_LV("a")),
	 NULL, "malformed", FSMAP_WHOLE},
};

static void test_doubts(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(doubts); i++) {
		const struct doubt *d = &doubts[i];
		const char *text_b = d->text_b ? d->text_b : linear;
		struct blk_dev *a = lvm_image_make(LVM_IMAGE_UUID, d->text_a ? d->text_a : linear);
		struct blk_dev *b = lvm_image_make(LVM_IMAGE_UUID_B, text_b);
		struct machine m = {.v = {{TEXT_B, d->found, b}}};
		if (d->twin)
			m.v[1] = (struct found){TEXT_A, OTHERS_FOUND, b};
		struct fsmap *map = read_map(a, &m);
		if (map->state != d->state || !strstr(map->reason, d->reason))
			fail_msg("%s: %s, \"%s\"", d->name, fsmap_state_name(map->state),
				 map->reason);
		if (map->state == FSMAP_UNION)
			assert_true(sv_extents_contain(&map->used, 6 * SV_MIB, 4 * SV_MIB));
		fsmap_destroy(map);
		blk_close(a);
		blk_close(b);
	}
}

/* A label of another name than was asked for, one that is broken, a disk that is too small, one
 * that cannot be read. */
static void test_bad_disks(void **state)
{
	(void)state;
	static const char *const reasons[] = {"its LVM metadata is not the same",
					      "its LVM label has a wrong checksum",
					      "larger than its volume", "cannot be read"};
	for (size_t i = 0; i < SV_ARRAY(reasons); i++) {
		struct blk_dev *a = lvm_image_make(LVM_IMAGE_UUID, linear);
		struct blk_dev *b = lvm_image_make(i ? LVM_IMAGE_UUID_B : LVM_IMAGE_UUID, linear),
			       *other = NULL;
		const struct blk_fault_rule rule = {.ops = BLK_FAULT_READ,
						    .start = LVM_IMAGE_MDA,
						    .len = 512,
						    .sys_errno = EIO};
		if (i == 1)
			blk_mem_data(b)[512 + 60] ^= 1;
		if (i == 2)
			assert_int_equal(
				blk_window_create(b, 0, 50 * SV_MIB, "small", &other, NULL), 0);
		if (i == 3)
			assert_false(blk_fault_create(b, &other) || blk_fault_add(other, &rule));
		struct machine m = {.v = {{TEXT_B, OTHERS_FOUND, other ? other : b}}};
		struct fsmap *map = read_map(a, &m);
		if (map->state != FSMAP_UNION || !strstr(map->reason, reasons[i]))
			fail_msg("%s: \"%s\"", reasons[i], map->reason);
		fsmap_destroy(map);
		blk_close(other);
		blk_close(a);
		blk_close(b);
	}
}

/* Where nothing of the group lies on several disks, none is asked for; else each but once. */
static void test_asked(void **state)
{
	(void)state;
	static const char *const texts[] = {
		GROUP("", LV("a", PLAIN) ONE LINEAR(1, 0, 10, 5) "} " LV("b", PLAIN)
				  ONE ON_B(1, 0, 3, 25) "}"),
		GROUP("", LINEAR_LV("a") LV("b", PLAIN) "segment_count = 2 " LINEAR(1, 0, 4, 30)
				  ON_B(2, 4, 6, 40) "}"),
	};
	for (size_t i = 0; i < SV_ARRAY(texts); i++) {
		struct blk_dev *a = lvm_image_make(LVM_IMAGE_UUID, texts[i]);
		struct machine m = {.ops = {0}};
		fsmap_destroy(read_map(a, &m));
		assert_int_equal(m.asked, i * 2); /* its twin, and the other */
		blk_close(a);
	}
}

/* What is read of the other disk is in the digest that a resumed save compares. */
static void test_digest(void **state)
{
	(void)state;
	struct sv_digest digests[2];
	for (int i = 0; i < 2; i++) {
		struct blk_dev *a = lvm_image_make(LVM_IMAGE_UUID, linear);
		struct blk_dev *b = lvm_image_make(LVM_IMAGE_UUID_B, linear);
		struct machine m = {.v = {{TEXT_A, OTHERS_FOUND, a}}};
		blk_mem_data(a)[6 * SV_MIB + 1036] = (uint8_t)i; /* the UUID of the swap area */
		struct fsmap *map = read_map(b, &m);
		assert_int_equal(map->state, FSMAP_EXACT);
		digests[i] = map->meta_digest;
		fsmap_destroy(map);
		blk_close(a);
		blk_close(b);
	}
	assert_memory_not_equal(&digests[0], &digests[1], sizeof(digests[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linear), cmocka_unit_test(test_striped),
		cmocka_unit_test(test_doubts), cmocka_unit_test(test_bad_disks),
		cmocka_unit_test(test_asked),  cmocka_unit_test(test_digest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
