/* test_hfsplus_journal.c - journals of HFS+ that were not replayed, or that are empty */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/hfsplus_image.h"
#include "tests/lib/noise.h"
#include "tests/lib/scratch.h"

#include <stdio.h>
#include <string.h>

#define HEADER 1024u

static char dir[64];

#define RING_HEADER 512u
#define LIST	    4096u

/* How the writing machine has its numbers. */
struct journal {
	uint8_t *start;
	uint64_t size;
	bool little;
};

static void put(const struct journal *j, uint8_t *p, size_t len, uint64_t value)
{
	for (size_t i = 0; i < len; i++)
		p[j->little ? i : len - 1 - i] = (uint8_t)(value >> 8 * i);
}

static void seal(const struct journal *j, uint8_t *p, size_t len, size_t at)
{
	uint32_t sum = 0;
	put(j, p + at, 4, 0);
	for (size_t i = 0; i < len; i++)
		sum = sum << 8 ^ (sum + p[i]);
	put(j, p + at, 4, ~sum);
}

static struct journal find_journal(const struct noise *n)
{
	uint64_t block = get_be32(n->data + HEADER + 40);
	const uint8_t *info = n->data + get_be32(n->data + HEADER + 12) * block;
	return (struct journal){n->data + get_be64(info + 36), get_be64(info + 44), true};
}

static void put_header(const struct journal *j, uint64_t begin, uint64_t end)
{
	memset(j->start, 0, RING_HEADER);
	put(j, j->start, 4, 0x4a4e4c78);
	put(j, j->start + 4, 4, 0x12345678);
	put(j, j->start + 8, 8, begin);
	put(j, j->start + 16, 8, end);
	put(j, j->start + 24, 8, j->size);
	put(j, j->start + 32, 4, LIST);
	put(j, j->start + 40, 4, RING_HEADER);
	seal(j, j->start, 44, 36);
}

static uint64_t put_bytes(const struct journal *j, uint64_t pos, const uint8_t *p, size_t len)
{
	while (len--) {
		j->start[pos++] = *p++;
		if (pos == j->size)
			pos = RING_HEADER;
	}
	return pos;
}

/* A list of up to two blocks at home[i] (in units of 512 bytes; ~0: not to be written); where it
 * ends. */
static uint64_t put_list(const struct journal *j, uint64_t pos, unsigned int count,
			 const uint64_t *home, const uint8_t *const *content, uint32_t len)
{
	uint8_t head[LIST] = {0};
	put(j, head, 2, LIST / 16 - 1);
	put(j, head + 2, 2, count + 1);
	put(j, head + 4, 4, LIST + (uint64_t)count * len);
	for (unsigned int i = 0; i < count; i++) {
		put(j, head + 32 + 16 * i, 8, home[i]);
		put(j, head + 32 + 16 * i + 8, 4, len);
	}
	seal(j, head, 32, 8);
	pos = put_bytes(j, pos, head, LIST);
	for (unsigned int i = 0; i < count; i++)
		pos = put_bytes(j, pos, content[i], len);
	return pos;
}

static uint64_t put_one(const struct journal *j, uint64_t pos, uint64_t home,
			const uint8_t *content, uint32_t len)
{
	return put_list(j, pos, 1, &home, &content, len);
}

static void load_journal(struct noise *n, struct journal *j, bool little)
{
	hfsplus_image_load(n, dir, "--files tree --x --journal 65536");
	*j = find_journal(n);
	j->little = little;
	put_header(j, 512, 512);
}

static void set_unmounted(const struct noise *n, bool unmounted)
{
	n->data[HEADER + 6] = unmounted ? 0x21 : 0x20;
}

static bool is_used(const struct fsmap *map, uint64_t block)
{
	return sv_extents_contain(&map->used, block * 4096, 4096);
}

static void expect(const struct noise *n, enum fsmap_state state, const char *reason, uint64_t used,
		   uint64_t free)
{
	struct fsmap *map = noise_map(n);
	if (map->state != state || !strstr(map->reason, reason))
		fail_msg("%s: \"%s\" instead of \"%s\"", fsmap_state_name(map->state), map->reason,
			 reason);
	assert_true(!used || is_used(map, used));
	assert_false(free && is_used(map, free));
	fsmap_destroy(map);
}

static void test_journal_state(void **state)
{
	(void)state;
	static const struct noise_change info[] = {
		{0, 4, 3, "on another device"},
		{0, 4, 0, "place unknown"},
		{0, 4, 9, "place unknown"},
		{40, 4, 0x7fffffff, "outside of the volume"},
		{44, 4, 1, "outside of the volume"},
		{48, 4, 100, "outside of the volume"},
		{50, 2, 0x1000, "journal is damaged"},
	};
	struct noise n;
	struct journal j;
	load_journal(&n, &j, true);
	expect(&n, FSMAP_EXACT, "", 0, 1500);
	noise_refused(&n, n.data + get_be32(n.data + HEADER + 12) * 4096ull, info, SV_ARRAY(info),
		      true, NULL);
	for (size_t i = 0; i < 44; i++) { /* all of it is under the checksum */
		j.start[i] ^= 4;
		noise_expect_whole(&n, "journal is damaged");
		j.start[i] ^= 4;
	}
	put_header(&j, 512, 100);
	noise_expect_whole(&n, "journal is damaged");
	put_header(&j, 65537, 512);
	noise_expect_whole(&n, "journal is damaged");
	put_header(&j, 65536, 512); /* the same place */
	expect(&n, FSMAP_EXACT, "", 0, 1500);
	set_unmounted(&n, false);
	expect(&n, FSMAP_UNION, "journal is empty", 0, 1500);
	n.data[HEADER + 8] = '1';
	noise_expect_whole(&n, "does not write its journal");
	set_unmounted(&n, true);
	expect(&n, FSMAP_EXACT, "", 0, 1500);
	n.data[get_be32(n.data + HEADER + 12) * 4096ull + 3] = 5; /* to be made */
	expect(&n, FSMAP_EXACT, "", 0, 1500);
	set_unmounted(&n, false);
	n.data[HEADER + 8] = 'H';
	noise_expect_whole(&n, "never made");
	noise_free(&n);
}

/* A copy of the bitmap that has those two blocks, and nothing else, as used. */
static void two_used(uint8_t copy[4096], uint64_t a, uint64_t b)
{
	memset(copy, 0, 4096);
	copy[a / 8] |= (uint8_t)(0x80 >> a % 8);
	copy[b / 8] |= (uint8_t)(0x80 >> b % 8);
}

/* Transactions from all over the ring, by machines of both kinds. */
static void replay(bool little, uint64_t begin)
{
	struct noise n;
	struct journal j;
	uint8_t first[4096], second[4096], past[4096], other[4096] = {1};
	load_journal(&n, &j, little);
	uint64_t bitmap = get_be32(n.data + HEADER + 112 + 16) * 8ull;
	const uint64_t home[] = {1600ull * 8, bitmap}, dead[] = {~0ull, bitmap};
	two_used(first, 1000, 1001);
	two_used(second, 1500, 1501);
	two_used(past, 1700, 1701);
	uint64_t end = put_list(&j, begin, 2, home, (const uint8_t *const[]){other, first}, 4096);
	end = put_list(&j, end, 2, dead, (const uint8_t *const[]){past, second}, 4096);
	put_header(&j, begin, end);
	for (int unmounted = 0; unmounted < 2; unmounted++) {
		set_unmounted(&n, unmounted);
		expect(&n, FSMAP_UNION, "not replayed", 1000, 999);
		expect(&n, FSMAP_UNION, "not replayed", 1001, 1002);
		expect(&n, FSMAP_UNION, "not replayed", 1500, 1700);
	}
	/* one that the header does not know of yet */
	put_one(&j, end, home[1], past, 4096);
	expect(&n, FSMAP_UNION, "not replayed", 1700, 1699);
	/* a list in the middle that is none */
	uint64_t list = begin + LIST + 2 * 4096;
	j.start[list < j.size ? list : list - j.size + RING_HEADER] ^= 1;
	noise_expect_whole(&n, "journal is damaged");
	noise_free(&n);
}

static void test_replay(void **state)
{
	(void)state;
	replay(true, 512);
	replay(false, 512);
	replay(true, 65536 - 512); /* heads and blocks go round the end */
	replay(true, 65536 - LIST - 6144);
	replay(false, 65536 - 2 * LIST - 8192);
}

/* The bitmap's home is looked for in copies of all sizes, and a change of geometry. */
static void test_copies(void **state)
{
	(void)state;
	struct noise n;
	struct journal j;
	uint8_t copy[8192] = {0}, head[4096];
	load_journal(&n, &j, true);
	uint64_t bitmap = get_be32(n.data + HEADER + 112 + 16) * 8ull;

	set_unmounted(&n, false);
	memcpy(copy, n.data, 4096); /* stands before the bitmap */
	two_used(copy + 4096, 1400, 1401);
	put_header(&j, 512, put_one(&j, 512, bitmap - 8, copy, 8192));
	expect(&n, FSMAP_UNION, "not replayed", 1400, 1399);
	put_header(&j, 512, put_one(&j, 512, bitmap, copy + 4096, 512));
	expect(&n, FSMAP_UNION, "not replayed", 1401, 1402);
	put_header(&j, 512, put_one(&j, 512, 1ull << 60, copy, 512));
	noise_expect_whole(&n, "journal is damaged");

	memcpy(head, n.data, sizeof(head));
	put_header(&j, 512, put_one(&j, 512, 0, head, 4096));
	expect(&n, FSMAP_UNION, "not replayed", 0, 1400);
	static const size_t geometry[] = {41, 47, 112 + 7, 112 + 19, 112 + 79};
	for (size_t i = 0; i < SV_ARRAY(geometry); i++) {
		head[HEADER + geometry[i]] ^= 1;
		put_one(&j, 512, 0, head, 4096);
		noise_expect_whole(&n, "size was being changed");
		head[HEADER + geometry[i]] ^= 1;
	}
	put_header(&j, 512, put_one(&j, 512, 0, head, 1040));
	noise_expect_whole(&n, "journal is damaged");
	noise_free(&n);
}

/* A list that is not what it says it is: in the header's part whole, behind it the end. */
static void test_lists(void **state)
{
	(void)state;
	static const struct {
		size_t off, len;
		uint32_t value;
	} bad[] = {
		{0, 2, 1},    {2, 2, 0},	  {2, 2, 300},	       {4, 4, 0},
		{4, 4, LIST}, {4, 4, 0x7fffffff}, {40, 4, 0x7fffffff},
	};
	struct noise n;
	struct journal j;
	uint8_t copy[4096];
	load_journal(&n, &j, true);
	uint64_t home = get_be32(n.data + HEADER + 112 + 16) * 8ull;
	two_used(copy, 1400, 1401);
	for (size_t i = 0; i < SV_ARRAY(bad); i++) {
		uint64_t end = put_one(&j, 512, home, copy, 4096);
		uint64_t past = put_one(&j, end, home, copy, 4096);
		put(&j, j.start + 512 + bad[i].off, bad[i].len, bad[i].value);
		seal(&j, j.start + 512, 32, 8);
		put_header(&j, 512, end);
		noise_expect_whole(&n, "journal is damaged");
		put_header(&j, 512, past);
		noise_expect_whole(&n, "journal is damaged");
	}
	noise_free(&n);
}

static void test_pending(void **state)
{
	(void)state;
	struct noise n;
	hfsplus_image_load(&n, dir, "--files tree --journal 65536 --pending");
	noise_run(&n, 300, 1, 11);
	noise_unreadable(&n);
	noise_free(&n);
}

static int setup(void **state)
{
	(void)state;
	if (!scratch_make(dir))
		return -1;
	hfsplus_image_tree(dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal_state), cmocka_unit_test(test_replay),
		cmocka_unit_test(test_copies),	      cmocka_unit_test(test_lists),
		cmocka_unit_test(test_pending),
	};
	return cmocka_run_group_tests_name("hfsplus journal", tests, setup, teardown);
}
