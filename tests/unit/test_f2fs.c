/* test_f2fs.c - maps of F2FS against dump.f2fs and fsck.f2fs; what is refused; damage; nodes to be
 * rolled forward */
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

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 4096u
#define SB    1024u

static char dir[64], top[300];

static const struct {
	const char *options, *size;
	unsigned int files;
} shapes[] = {
	{"", "96M", 100},
	{"-s 2 -z 2", "160M", 200},
	{"-O extra_attr,inode_checksum,sb_checksum,inode_crtime,compression", "128M", 150},
	{"-O encrypt,quota,verity,lost_found", "128M", 150},
	{"-w 4096 -o 10 -l label", "200M", 300},
	{"-i -O extra_attr", "100M", 60},
	{"", "40G", 100},
};

/* Files of many sizes; sload.f2fs ends with 0 also when it does not like the volume. */
static void make(const char *options, const char *size, unsigned int files)
{
	fixture_must(dir, "rm -rf img tree && truncate -s %s img && mkfs.f2fs -q %s img", size,
		     options);
	if (files)
		fixture_must(dir,
			     "mkdir -p tree/sub && for i in $(seq %u); do head -c $((i * i * 7 %% "
			     "90000)) /dev/urandom >tree/sub/f$i; done && sload.f2fs -f tree img",
			     files);
	fixture_must(dir, "fsck.f2fs --dry-run img");
}

static struct fsmap *map_image(const char *options)
{
	return fixture_exact(dir, "img", "f2fs", BLOCK, options);
}

/* Only the used ranges on poison: fsck.f2fs, which reads every node, finds nothing, and dump.f2fs
 * takes the same files out. */
static void restore_on_poison(const struct fsmap *map)
{
	fixture_copy_used(map, dir, "img", "copy");
	fixture_must(dir,
		     "fsck.f2fs --dry-run copy && rm -rf dumped_img dumped_copy && "
		     "for v in img copy; do for i in 5 6 9 31 46; do "
		     "echo y | dump.f2fs -i $i $v; done; mv lost_found dumped_$v; done; "
		     "[ \"$(ls dumped_img | wc -l)\" -ge 3 ] && diff -r dumped_img dumped_copy");
}

static void test_shapes(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(shapes); i++) {
		bool small = !strchr(shapes[i].size, 'G');
		make(shapes[i].options, shapes[i].size, 0);
		struct fsmap *map = map_image(shapes[i].options);
		fixture_same_as_oracle(map, dir, "img", top);
		fsmap_destroy(map);
		make(shapes[i].options, shapes[i].size, shapes[i].files);
		map = map_image(shapes[i].options);
		fixture_same_as_oracle(map, dir, "img", top);
		if (small)
			restore_on_poison(map);
		fsmap_destroy(map);
	}
}

/* ---- one change at a time ---- */

static void load(struct noise *n)
{
	make("-O extra_attr,sb_checksum", "96M", 80);
	noise_load(n, dir, "img", &fsmap_f2fs_ops, "f2fs");
}

static uint64_t area(const struct noise *n, unsigned int i)
{
	return (uint64_t)get_le32(n->data + SB + 76 + 4 * i) * BLOCK;
}

/* Both superblocks with the checksum that belongs to them. */
static void seal_super(struct noise *n)
{
	put_le32(n->data + SB + 3068, sv_crc32_raw(0xf2f52010, n->data + SB, 3068));
	memcpy(n->data + BLOCK + SB, n->data + SB, 3072);
}

/* A block of a checkpoint, likewise. */
static void seal(uint8_t *block)
{
	put_le32(block + 4092, sv_crc32_raw(0xf2f52010, block, 4092));
}

/* The pack that is in force: its first block. */
static uint8_t *pack(const struct noise *n)
{
	uint8_t *first = n->data + area(n, 0), *second = first + 512 * BLOCK;
	return get_le64(second) > get_le64(first) ? second : first;
}

static uint8_t *pack_end(const struct noise *n)
{
	uint8_t *head = pack(n);
	return head + (size_t)(get_le32(head + 136) - 1) * BLOCK;
}

static void test_super(void **state)
{
	(void)state;
	static const struct {
		size_t off, len;
		uint32_t value;
		const char *reason;
	} bad[] = {
		{0, 1, 'x', "superblock is damaged"},
		{4, 2, 2, "version 2"},
		{16, 4, 14, "4096 bytes"},
		{20, 4, 8, "512 blocks"},
		{32, 4, 100, "wrong checksum"},
		{36, 4, 0x7fffffff, "larger than its volume"},
		{48, 4, 1, "areas are out of place"},
		{52, 4, 4, "areas are out of place"},
		{56, 4, 3, "areas are out of place"},
		{68, 4, 0, "areas are out of place"},
		{68, 4, 0xffffffff, "areas are out of place"},
		{76, 4, 1, "areas are out of place"},
		{92, 4, 0xfffffff0, "areas are out of place"},
		{1664, 4, 600, "would not fit its segment"},
		{2180, 2, 0x802, "zoned"},
		{2180, 2, 0x4800, "read only"},
		{2180, 2, 0x8800, "features unknown to this map (0x8000)"},
		{2201 + 68, 1, '/', "several devices"},
		{2794, 1, 1, "errors are noted"},
	};
	struct noise n;
	uint8_t keep[3072], le[4];
	load(&n);
	memcpy(keep, n.data + SB, sizeof(keep));
	for (size_t i = 0; i < SV_ARRAY(bad); i++) {
		put_le32(le, bad[i].value);
		memcpy(n.data + SB + bad[i].off, le, bad[i].len);
		noise_expect_whole(&n, "");
		seal_super(&n);
		noise_expect_whole(&n, bad[i].reason);
		memcpy(n.data + SB, keep, sizeof(keep));
		seal_super(&n);
	}
	n.data[BLOCK + SB + 48] ^= 1;
	noise_expect_whole(&n, "do not agree");
	noise_free(&n);
}

static void test_checkpoint(void **state)
{
	(void)state;
	static const struct {
		size_t off, len;
		uint32_t value;
		const char *reason;
	} bad[] = {
		{132, 1, 0x8d, "needing a check"},
		{132, 1, 0x95, "needing a check"},
		{133, 1, 0x11, "switched off"},
		{133, 1, 0x21, "switched off"},
		{133, 1, 0x41, "size was being changed"},
		{156, 4, 63, "does not fit its segment"},
		{144, 4, 1, "different numbers of blocks"},
		{16, 4, 1, "different numbers of blocks"},
	};
	struct noise n;
	uint8_t keep[BLOCK], le[4];
	load(&n);
	uint8_t *head = pack(&n), *first = n.data + area(&n, 0);
	uint8_t *other = head == first ? first + 512 * BLOCK : first;
	memcpy(keep, head, BLOCK);
	memset(other, 0, BLOCK); /* an older one would be taken */
	for (size_t i = 0; i < SV_ARRAY(bad); i++) {
		put_le32(le, bad[i].value);
		memcpy(head + bad[i].off, le, bad[i].len);
		noise_expect_whole(&n, "no valid checkpoint");
		seal(head);
		noise_expect_whole(&n, bad[i].reason);
		memcpy(head, keep, BLOCK);
	}
	put_le32(head + 136, 600);
	seal(head);
	noise_expect_whole(&n, "no valid checkpoint");
	memcpy(head, keep, BLOCK);
	pack_end(&n)[0] ^= 1;
	noise_expect_whole(&n, "no valid checkpoint");
	noise_free(&n);
}

/* Each bit of what is valid is missed when it is gone. */
static void test_segments(void **state)
{
	(void)state;
	struct noise n;
	load(&n);
	uint8_t *head = pack(&n);
	unsigned int found = 0;
	for (size_t i = 0; i < 55; i++) {
		bool second = head[192] >> 7;
		uint64_t half = (uint64_t)get_le32(n.data + SB + 56) / 2 * 512 * BLOCK;
		uint8_t *e = n.data + area(&n, 1) + (second ? half : 0) + i * 74;
		for (size_t bit = 0; bit < 512; bit++) {
			if (!(e[2 + bit / 8] >> (7 - bit % 8) & 1))
				continue;
			e[2 + bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			struct fsmap *map = noise_map(&n);
			if (map->state != FSMAP_EXACT) /* else the journal has a newer one */
				found++;
			assert_true(map->state == FSMAP_WHOLE || map->used.n == n.used.n);
			fsmap_destroy(map);
			e[2 + bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		}
	}
	assert_true(found > 50);
	noise_free(&n);
}

/* ---- not unmounted ---- */

/* A node as it is synced: its version, and the next one. */
static void make_node(struct noise *n, uint64_t block, uint64_t version, uint32_t next)
{
	uint8_t *node = n->data + block * BLOCK;
	memset(node, 0xff, BLOCK); /* numbers that are no addresses */
	put_le32(node + 4072, 77);
	put_le32(node + 4076, 77);
	put_le64(node + 4084, version);
	put_le32(node + 4092, next);
}

static bool is_used(const struct fsmap *map, uint64_t block)
{
	return sv_extents_contain(&map->used, block * BLOCK, BLOCK);
}

static void test_roll_forward(void **state)
{
	(void)state;
	struct noise n;
	load(&n);
	uint8_t *head = pack(&n), *end = pack_end(&n);
	uint64_t main = area(&n, 4) / BLOCK;
	uint64_t next = main + get_le32(head + 36 + 4) * 512ull + get_le16(head + 68 + 2);
	uint64_t far = n.used.v[n.used.n - 1].start / BLOCK - 300; /* free, as the next two are */
	/* neither unmounted nor with the nodes' checksum of the checkpoint; the summaries stay
	 * where they are */
	head[132] = (uint8_t)((head[132] & ~1u) | 0x20);
	seal(head);
	end[132] = head[132];
	seal(end);
	struct fsmap *map = noise_map(&n);
	assert_int_equal(map->state, FSMAP_UNION);
	assert_non_null(strstr(map->reason, "not shut down cleanly"));
	assert_false(is_used(map, next) || is_used(map, far));
	fsmap_destroy(map);

	uint64_t version = get_le64(head);
	if (head[132] & 0x40)
		version |= (uint64_t)get_le32(head + 4092) << 32;
	make_node(&n, next, version, (uint32_t)far);
	put_le32(n.data + next * BLOCK + 360 + 36, (uint32_t)(far + 1));
	make_node(&n, far, version, (uint32_t)(far + 4));
	put_le32(n.data + far * BLOCK + 4076, 78); /* no inode: addresses from the start */
	put_le32(n.data + far * BLOCK, (uint32_t)(far + 2));
	make_node(&n, far + 4, version + 1, (uint32_t)(far + 5));
	map = noise_map(&n);
	assert_int_equal(map->state, FSMAP_UNION);
	assert_true(is_used(map, next) && is_used(map, far) && is_used(map, far + 1) &&
		    is_used(map, far + 2));
	assert_false(is_used(map, far + 3) || is_used(map, far + 4));
	fsmap_destroy(map);

	/* a mount refuses nodes that go round in circles */
	put_le32(n.data + far * BLOCK + 4092, (uint32_t)next);
	noise_expect_whole(&n, "do not end");
	put_le32(n.data + far * BLOCK + 4092, (uint32_t)far);
	noise_expect_whole(&n, "do not end");
	noise_free(&n);
}

static void test_noise(void **state)
{
	(void)state;
	struct noise n;
	load(&n);
	noise_run(&n, 400, 1, 11);
	noise_run(&n, 200, 8, 77);
	noise_unreadable(&n);
	noise_truncated(&n, 4093 * SV_KIB);
	noise_free(&n);
}

static int setup(void **state)
{
	(void)state;
	return getcwd(top, sizeof(top)) && scratch_make(dir) ? 0 : -1;
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
		cmocka_unit_test(test_shapes),	     cmocka_unit_test(test_super),
		cmocka_unit_test(test_checkpoint),   cmocka_unit_test(test_segments),
		cmocka_unit_test(test_roll_forward), cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests_name("f2fs", tests, setup, teardown);
}
