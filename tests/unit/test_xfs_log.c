/* test_xfs_log.c - maps of XFS by what stands in its log: records written here, as the kernel
 * writes them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "engine/util/crc.h"
#include "tests/lib/fixture.h"
#include "tests/lib/noise.h"
#include "tests/lib/scratch.h"
#include "tests/lib/xfs_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS	 4
#define MAGIC	 0xfeedbabeu
#define AGF	 0x58414746u
#define UNMOUNT	 0x20
#define MAX_DATA ((size_t)256 * 1024)

static char dir[64];
static struct noise n; /* the volume, its log as mkfs.xfs leaves it: a record of unmounting */
static uint8_t *fresh; /* its log */

/* The log being written. */
static uint64_t log_start;
static uint32_t sectors, head, cycle;
static uint64_t ag_bytes;

static void put32(uint8_t *p, uint32_t v)
{
	put_le32(p, __builtin_bswap32(v));
}

static uint8_t *sector(uint32_t i)
{
	return n.data + log_start + (uint64_t)(i % sectors) * 512;
}

static void log_reset(void)
{
	memcpy(n.data + log_start, fresh, (size_t)sectors * 512);
	head = 2;
	cycle = 1;
}

/* Kernel xlog_cksum(): the header as 64 bit kernels have it, further headers that are needed,
 * data. */
static uint32_t checksum(uint32_t at, uint32_t headers, uint32_t len)
{
	uint32_t crc = sv_crc32c(~0u, sector(at), 328);
	for (uint32_t i = 1; i < headers && i * 32768 < len; i++)
		crc = sv_crc32c(crc, sector(at + i), 260);
	for (uint32_t i = 0; i < len / 512; i++)
		crc = sv_crc32c(crc, sector(at + headers + i), 512);
	return ~crc;
}

/* Put cycles in place of first words; behind the log's end it is the next round. */
static void pack(uint32_t at, uint32_t headers, uint32_t len)
{
	for (uint32_t i = 0; i < len / 512; i++) {
		uint8_t *words = i < 64 ? sector(at) + 44 : sector(at + i / 64) + 4;
		memcpy(words + i % 64 * 4, sector(at + headers + i), 4);
	}
	for (uint32_t i = 1; i < headers + len / 512; i++)
		put32(sector(at + i), at + i >= sectors ? cycle + 1 : cycle);
}

/* Append a record; `len` is a multiple of 512. Returns the sector where it stands. */
static uint32_t append(const uint8_t *data, uint32_t len, uint32_t size, uint32_t ops,
		       uint32_t tail)
{
	uint32_t at = head, headers = size > 32768 ? size / 32768 : 1;
	for (uint32_t i = 0; i < headers; i++)
		memset(sector(at + i), 0, 512);
	for (uint32_t i = 0; i < len / 512; i++)
		memcpy(sector(at + headers + i), data + (size_t)i * 512, 512);
	uint8_t *h = sector(at);
	put32(h, MAGIC);
	put32(h + 4, cycle);
	put32(h + 8, 2);
	put32(h + 12, len);
	put32(h + 16, cycle);
	put32(h + 20, at);
	put32(h + 24, tail > at ? cycle - 1 : cycle);
	put32(h + 28, tail);
	put32(h + 40, ops);
	put32(h + 300, 1);
	memcpy(h + 304, n.data + 32, 16);
	put32(h + 320, size);
	pack(at, headers, len);
	put_le32(h + 32, checksum(at, headers, len));
	head = at + headers + len / 512;
	if (head >= sectors) {
		head -= sectors;
		cycle++;
	}
	return at;
}

static uint8_t block[MAX_DATA];

/* A record of `len` bytes that has the AGF of a group in its log, by its own bytes at `off`. */
static uint32_t append_agf(uint32_t group, size_t off, uint32_t len, uint32_t size, uint32_t tail)
{
	memset(block, 0x11, sizeof(block));
	put32(block + off, AGF);
	put32(block + off + 4, 1);
	put32(block + off + 8, group);
	return append(block, len, size, 7, tail);
}

/* The log item of a buffer that is some header of a group: sector 1 is the AGF. */
static uint32_t append_item(uint32_t group, uint32_t which, bool big, uint32_t tail)
{
	uint64_t address = group * ag_bytes / 512 + which;
	memset(block, 0x11, sizeof(block));
	uint8_t *item = block + 700;
	if (big) {
		put_le16(item, 0x3c12);
		put32(item + 8, (uint32_t)(address >> 32));
		put32(item + 12, (uint32_t)address);
	} else {
		put_le16(item, 0x123c);
		put_le64(item + 8, address);
	}
	return append(block, 2048, 32768, 7, tail);
}

static void append_unmount(uint32_t tail)
{
	memset(block, 0, sizeof(block));
	block[8] = 0xaa;
	block[9] = UNMOUNT;
	append(block, 512, 32768, 1, tail);
}

/* Exactly the groups in the mask are whole, the others as they were. */
static void expect_groups(unsigned int mask, const char *reason)
{
	struct sv_extents want = {0}, extra = {0};
	struct fsmap *map = noise_map(&n);
	if (map->state != FSMAP_UNION || strcmp(map->reason, reason) != 0)
		fail_msg("%s: \"%s\" instead of \"%s\"", fsmap_state_name(map->state), map->reason,
			 reason);
	for (unsigned int i = 0; i < GROUPS; i++)
		if (mask >> i & 1)
			assert_int_equal(sv_extents_add(&extra, i * ag_bytes, ag_bytes), 0);
	assert_int_equal(sv_extents_union(&want, &n.used, &extra), 0);
	assert_int_equal(map->used.n, want.n);
	assert_memory_equal(map->used.v, want.v, want.n * sizeof(*want.v));
	sv_extents_clear(&want);
	sv_extents_clear(&extra);
	fsmap_destroy(map);
}

#define UNCLEAN "it was not shut down cleanly"

static void expect_exact(void)
{
	struct fsmap *map = noise_map(&n);
	assert_int_equal(map->state, FSMAP_EXACT);
	assert_memory_equal(map->used.v, n.used.v, n.used.n * sizeof(*n.used.v));
	fsmap_destroy(map);
}

static void test_unmounted(void **state)
{
	(void)state;
	log_reset();
	expect_exact();
	uint32_t tail = append_agf(1, 0, 4096, 32768, 2);
	append_unmount(tail);
	expect_exact();
	log_reset();
	memset(block, 0, sizeof(block));
	block[9] = UNMOUNT;
	append(block, 512, 32768, 2, 2); /* a record of unmounting holds nothing else */
	expect_groups(0, UNCLEAN ", but its log changes no free space");
	log_reset();
	sector(1)[9] = 0; /* the flag of mkfs.xfs's record, which has no checksum */
	noise_expect_whole(&n, "cannot be followed");
}

static void test_touched(void **state)
{
	(void)state;
	log_reset();
	memset(block, 0x11, sizeof(block));
	append(block, 1024, 32768, 3, 2);
	expect_groups(0, UNCLEAN ", but its log changes no free space");
	append_agf(2, 0, 512, 32768, 2); /* its first word lies in the header */
	expect_groups(4, UNCLEAN ": group 2 of 4 is read whole");
	append_agf(0, 1024, 2048, 32768, 2);
	expect_groups(5, UNCLEAN ": groups 0 and 2 of 4 are read whole");
	append_agf(9, 4, 2048, 32768, 2); /* there is no such group */
	expect_groups(5, UNCLEAN ": groups 0 and 2 of 4 are read whole");
	append_agf(1, 2036, 2048, 32768, 2);
	expect_groups(7, UNCLEAN ": groups 0, 1 and 2 of 4 are read whole");
	append_agf(3, 512, 1024, 32768, 2);
	noise_expect_whole(&n, "all its groups");
}

static void test_items(void **state)
{
	(void)state;
	log_reset();
	append_item(1, 2, false, 2); /* the inodes' header */
	append_item(2, 0, false, 2);
	append_item(77, 1, false, 2);
	expect_groups(0, UNCLEAN ", but its log changes no free space");
	append_item(1, 1, false, 2);
	expect_groups(2, UNCLEAN ": group 1 of 4 is read whole");
	append_item(3, 1, true, 2);
	expect_groups(10, UNCLEAN ": groups 1 and 3 of 4 are read whole");
}

/* What was written to its place already does not count. */
static void test_tail(void **state)
{
	(void)state;
	log_reset();
	append_agf(1, 0, 4096, 32768, 2);
	uint32_t tail = append_agf(3, 0, 4096, 32768, 2);
	append_agf(3, 8, 4096, 32768, tail);
	expect_groups(8, UNCLEAN ": group 3 of 4 is read whole");
}

/* Headers for more than 32 KiB. */
static void test_long_records(void **state)
{
	(void)state;
	log_reset();
	append_agf(1, 70 * 512, 40960, 65536, 2);
	expect_groups(2, UNCLEAN ": group 1 of 4 is read whole");
	append_agf(2, 511 * 512, 262144, 262144, 2);
	expect_groups(6, UNCLEAN ": groups 1 and 2 of 4 are read whole");
	append_agf(0, 0, 4096, 262144, 2);
	expect_groups(7, UNCLEAN ": groups 0, 1 and 2 of 4 are read whole");
}

/* Round the log; the last record is at its end and at its start, in data and in headers. */
static void test_round(void **state)
{
	(void)state;
	for (uint32_t step = 3; step < 12; step++) {
		uint32_t tail = 2;
		log_reset();
		while (cycle == 1) {
			uint32_t left = sectors - head;
			uint32_t len = left > 600	 ? 512 * 500
				       : left > step + 8 ? 512 * (left - step - 8)
							 : 512 * 30;
			tail = append_agf(1, 0, len, 262144, tail);
		}
		append_agf(2, 512 * 4, 512 * 9, 262144, tail);
		expect_groups(6, UNCLEAN ": groups 1 and 2 of 4 are read whole");
		append_unmount(head);
		expect_exact();
	}
}

/* One thing wrong with the last of three records, or with the one before. */
static void test_broken(void **state)
{
	(void)state;
	static const struct {
		size_t off;
		uint32_t value;
	} bad[] = {
		{0, 0xfeedbabf}, {4, 9},   {8, 3},	     {12, 0},  {12, 1 << 20}, {16, 2},
		{20, 9},	 {28, 3},  {28, 0xffffffff}, {24, 7},  {32, 0},	      {32, 1},
		{44, 5},	 {304, 5}, {320, 1 << 30},   {320, 0},
	};
	for (size_t i = 0; i < SV_ARRAY(bad); i++)
		for (int which = 1; which < 3; which++) {
			uint32_t at[3];
			log_reset();
			for (int r = 0; r < 3; r++)
				at[r] = append_agf(1, 0, 65536, 262144, r ? at[0] : 2);
			expect_groups(2, UNCLEAN ": group 1 of 4 is read whole");
			put32(sector(at[which]) + bad[i].off, bad[i].value);
			noise_expect_whole(&n, "its log ");
		}
}

/* Behind the head something of another round; nothing at all. */
static void test_disorder(void **state)
{
	(void)state;
	log_reset();
	append_agf(1, 0, 4096, 32768, 2);
	put32(sector(head + 3), 1);
	noise_expect_whole(&n, "no clear end");
	put32(sector(head + 3), 7);
	noise_expect_whole(&n, "no clear end");
	log_reset();
	memset(n.data + log_start, 0, (size_t)sectors * 512);
	noise_expect_whole(&n, "no clear end");
}

/* Damage to a volume that was not shut down. */
static void test_noise(void **state)
{
	(void)state;
	struct noise dirty = n;
	log_reset();
	append_agf(1, 0, 4096, 32768, 2);
	append_item(3, 1, false, 2);
	struct fsmap *map = noise_map(&n);
	dirty.used = map->used;
	noise_run(&dirty, 400, 1, 5);
	noise_run(&dirty, 200, 8, 6);
	fsmap_destroy(map);
}

static int setup(void **state)
{
	(void)state;
	if (!scratch_make(dir))
		return -1;
	xfs_image_make(dir, "img", "-d agcount=4 -l agnum=0,size=8m", "64M", 300);
	xfs_image_fragment(dir, "img");
	noise_load(&n, dir, "img", &fsmap_xfs_ops, "xfs");
	ag_bytes = get_be32(n.data + 84) * 4096ull;
	log_start = get_be64(n.data + 48) * 4096;
	sectors = get_be32(n.data + 96) * 8;
	fresh = malloc((size_t)sectors * 512);
	if (!fresh)
		return -1;
	memcpy(fresh, n.data + log_start, (size_t)sectors * 512);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(fresh);
	noise_free(&n);
	scratch_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unmounted),    cmocka_unit_test(test_touched),
		cmocka_unit_test(test_items),	     cmocka_unit_test(test_tail),
		cmocka_unit_test(test_long_records), cmocka_unit_test(test_round),
		cmocka_unit_test(test_broken),	     cmocka_unit_test(test_disorder),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests_name("xfs_log", tests, setup, teardown);
}
