/* test_f2fs_hostile.c - whose lost bytes are whose on F2FS when what tells is lost or wrong */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "tests/lib/f2fs_image.h"
#include "tests/lib/noise.h"
#include "tests/lib/scratch.h"

#include <string.h>

#define BLOCK 4096ull
#define SB    1024u

static char dir[64];

/* ---- when what tells is lost or wrong ---- */

/* All nodes are asked where no summary tells. */
static void test_summaries(void **state)
{
	struct f2fs_image m = f2fs_load(dir, F2FS_EXTRA);
	uint64_t inode = f2fs_node_at(&m, f2fs_inode_of(dir, "large")),
		 direct = f2fs_below(&m, inode + 4052, 0);
	uint64_t at = get_le32(m.data + direct + 40) * BLOCK, sum = f2fs_summary_at(&m, at);
	const struct sv_extent lost[] = {{at, 512}, {sum / 512 * 512, 1024}};
	uint64_t first = 0;
	uint8_t keep[7];
	(void)state;
	assert_true(get_le16(m.data + sum + 5) == 10);
	for (size_t n = 1; n <= 2; n++) {
		struct fsmap_files *f = f2fs_ask(&m, lost, n);
		const struct files_loss *loss = &f->losses[f2fs_file_of(f, "/large")->first];
		first = n == 1 ? loss->start : first;
		assert_true(f->n_files == 1 && loss->len == 512 && loss->start == first);
		assert_string_equal(f->caution, "");
		fsmap_files_destroy(f);
	}
	memcpy(keep, m.data + sum, sizeof(keep));
	for (size_t i = 0; i < 7; i++) { /* but its version, byte 4 */
		m.data[sum + i] ^= 1;
		f2fs_expect_one(&m, at, 512, "/large", FILES_CONTENT, first, 512);
		m.data[sum + i] = keep[i];
	}
	m.data[f2fs_area(&m, 3) + (at - f2fs_area(&m, 4)) / BLOCK / 512 * BLOCK + 4091] ^=
		1; /* of nodes */
	f2fs_expect_one(&m, at, 512, "/large", FILES_CONTENT, first, 512);
	f2fs_done(&m);
}

static void test_table(void **state)
{
	struct f2fs_image m = f2fs_load(dir, F2FS_PLAIN);
	uint32_t hit = f2fs_inode_of(dir, "f50"), other = f2fs_inode_of(dir, "f51");
	uint64_t content = f2fs_content_at(&m, hit, 0), inode = f2fs_node_at(&m, hit);
	uint8_t *e = f2fs_table_entry(&m, hit), keep[9];
	(void)state;
	memcpy(keep, e, sizeof(keep));
	const struct sv_extent lost[] = {{content, 512}, {(uint64_t)(e - m.data) / 512 * 512, 512}};
	struct fsmap_files *f = f2fs_ask(&m, lost, 2);
	assert_true(f->unknown == 512 && f->metadata == 512 && f->n_files == 0);
	assert_non_null(strstr(f->caution, "table of nodes"));
	fsmap_files_destroy(f);

	static const uint32_t blocks[] = {1, 0x7fffffff, 0xffffffff, 0};
	for (size_t i = 0; i < SV_ARRAY(blocks); i++) {
		put_le32(e + 5, i == 3 ? (uint32_t)(f2fs_node_at(&m, other) / BLOCK) : blocks[i]);
		f2fs_expect_area(&m, content, FILES_AREA_UNKNOWN, true);
		f2fs_expect_area(&m, inode, FILES_AREA_UNKNOWN, i == 3);
	}
	memcpy(e, keep, sizeof(keep));
	put_le32(e + 1, other);
	f2fs_expect_area(&m, content, FILES_AREA_UNKNOWN, true);
	f2fs_expect_area(&m, inode, FILES_AREA_UNKNOWN, false);
	put_le32(e + 1, 0xffffffff);
	f2fs_expect_area(&m, inode, FILES_AREA_UNKNOWN, false);
	f2fs_done(&m);
}

/* A number in a node that is wrong: nobody else is named. */
static void test_nodes(void **state)
{
	struct f2fs_image m = f2fs_load(dir, F2FS_PLAIN);
	uint32_t large = f2fs_inode_of(dir, "large"), hit = f2fs_inode_of(dir, "f50"),
		 other = f2fs_inode_of(dir, "f51");
	uint64_t inode = f2fs_node_at(&m, large), direct = f2fs_below(&m, inode + 4052, 0);
	uint64_t at = get_le32(m.data + direct + 40) * BLOCK, own = f2fs_content_at(&m, hit, 0);
	const struct {
		uint64_t where;
		uint32_t value;
		uint64_t at;
		bool caution;
	} bad[] = {
		{direct + 4072, hit, at, true},	    /* another node */
		{direct + 4076, hit, at, true},	    /* of another inode */
		{direct + 4080, 2 << 3, at, false}, /* in another place */
		{direct + 4080, 3 << 3, at, false},
		{direct + 4080, 0xfffffff8, at, false},
		{direct + 40, 0, at, false},
		{direct + 40, (uint32_t)(own / BLOCK), at, false}, /* what another one has */
		{inode + 4052, hit, at, false},			   /* to another node */
		{inode + 12, 0, at, false},			   /* deleted */
		{inode, 0x21a4, at, false},			   /* a device */
		{f2fs_node_at(&m, hit) + 4072, other, own, true},
		{f2fs_node_at(&m, hit) + 4076, other, own, true},
		{f2fs_node_at(&m, hit) + 4080, 8, own, true},
		{f2fs_node_at(&m, hit) + 360, 0, own, false},
		{f2fs_node_at(&m, hit) + 3, 0x02000000, own, false}, /* inline, with addresses */
		{f2fs_node_at(&m, hit) + 3, 0x20000000, own, true},  /* sizes that are too large */
	};
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(bad); i++) {
		uint8_t keep[8];
		memcpy(keep, m.data + bad[i].where, 8);
		put_le32(m.data + bad[i].where, bad[i].value);
		if (bad[i].value == 0x02000000 || bad[i].value == 0x20000000)
			m.data[bad[i].where] = (uint8_t)(bad[i].value >> 24);
		if (bad[i].value == 0x20000000)
			put_le32(m.data + f2fs_node_at(&m, hit) + 360, 0xffff);
		f2fs_expect_area(&m, bad[i].at, FILES_AREA_UNKNOWN, bad[i].caution);
		memcpy(m.data + bad[i].where, keep, 8);
	}
	f2fs_done(&m);
}

/* Checksums of inodes count. */
static void test_inode_checksum(void **state)
{
	struct f2fs_image m = f2fs_load(dir, F2FS_EXTRA);
	uint32_t hit = f2fs_inode_of(dir, "f50");
	(void)state;
	m.data[f2fs_node_at(&m, hit) + 33] ^= 1; /* a time */
	f2fs_expect_area(&m, f2fs_content_at(&m, hit, 0), FILES_AREA_UNKNOWN, true);
	f2fs_done(&m);
}

/* Lists that lead back into themselves end. */
static void test_loops(void **state)
{
	struct f2fs_image m = f2fs_load(dir, F2FS_PLAIN);
	uint32_t sub = f2fs_inode_of(dir, "sub");
	uint64_t inode = f2fs_node_at(&m, f2fs_inode_of(dir, "large")),
		 indirect = f2fs_below(&m, inode + 4052, 2);
	uint32_t id = get_le32(m.data + inode + 4052 + 8);
	uint64_t lost = f2fs_node_at(&m, get_le32(m.data + inode + 4052 + 4));
	(void)state;
	for (int i = 0; i < 1018; i++)
		put_le32(m.data + indirect + i * 4, id);
	put_le32(m.data + inode + 4052 + 4, id);
	put_le32(m.data + inode + 4052 + 12, id);
	put_le32(m.data + inode + 4052 + 16, id);
	f2fs_expect_area(&m, lost, FILES_AREA_UNKNOWN, true);
	for (int i = 0; i < 5; i++)
		put_le32(m.data + f2fs_node_at(&m, sub) + 4052 + i * 4, id);
	const struct sv_extent hit = {f2fs_content_at(&m, f2fs_inode_of(dir, "f50"), 0), 512};
	struct fsmap_files *f = f2fs_ask(&m, &hit, 1);
	f2fs_expect(f, "/sub/f50", FILES_CONTENT, 0, 512);
	fsmap_files_destroy(f);
	f2fs_done(&m);
}

/* ---- one change anywhere ---- */

/* Whatever is said of bytes after a change was said before it, or nothing is. */
static void no_more_than(const struct fsmap_files *now, const struct fsmap_files *before)
{
	for (size_t i = 0; i < now->n_losses; i++) {
		const struct files_loss *a = &now->losses[i];
		bool known = false;
		for (size_t k = 0; !known && k < before->n_losses; k++) {
			const struct files_loss *b = &before->losses[k];
			known = a->id == b->id && a->kind == b->kind && a->at >= b->at &&
				a->at + a->at_len <= b->at + b->at_len;
		}
		if (!known)
			fail_msg("byte %zu is of %zu now (%s)", (size_t)a->at, (size_t)a->id,
				 now->caution);
	}
	for (size_t i = 0; i < now->n_areas; i++) {
		const struct files_area *a = &now->areas[i];
		bool known = a->kind == FILES_AREA_UNKNOWN;
		for (size_t k = 0; !known && k < before->n_areas; k++) {
			const struct files_area *b = &before->areas[k];
			known = a->kind == b->kind && a->start >= b->start &&
				a->start + a->len <= b->start + b->len;
		}
		if (!known)
			fail_msg("byte %zu is %s now", (size_t)a->start, files_area_name(a->kind));
	}
}

/* A byte of what tells: the superblock, a checkpoint, segments, the table, summaries, nodes. */
static uint64_t somewhere(const struct f2fs_image *m, uint64_t *seed)
{
	uint64_t x = noise_random(seed), y = noise_random(seed);
	uint32_t segments = get_le32(m->data + SB + 68);
	switch (x % 7) {
	case 0:
		return SB + y % 2800;
	case 1:
		return f2fs_area(m, 0) + (x & 64 ? 512 * BLOCK : 0) + y % (9 * BLOCK);
	case 2:
		return f2fs_area(m, 1) + y % (segments * 74);
	case 3:
		return f2fs_area(m, 2) + y % (130 * 9);
	case 4:
		return f2fs_area(m, 3) + y % (segments * BLOCK);
	default:
		return m->node[x / 7 % m->n].block * BLOCK + y % BLOCK;
	}
}

static void test_noise(void **state)
{
	struct f2fs_image m = f2fs_load(dir, F2FS_EXTRA);
	struct sv_extent lost[60];
	uint64_t seed = 9;
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(lost); i++) {
		uint64_t node = m.node[2 + noise_random(&seed) % (m.n - 2)].block;
		uint64_t at =
			f2fs_area(&m, 4) + noise_random(&seed) % (m.mem->size - f2fs_area(&m, 4));
		lost[i] = (struct sv_extent){i % 6 ? at / 512 * 512 : node * BLOCK, 512};
	}
	struct fsmap_files *before = f2fs_ask(&m, lost, SV_ARRAY(lost));
	assert_true(before->n_files > 5 && before->free > 5000 && before->in_files > 5000);
	for (int round = 0; round < 1500; round++) {
		uint64_t at = somewhere(&m, &seed);
		uint8_t bit = (uint8_t)(1u << noise_random(&seed) % 8);
		m.data[at] ^= bit;
		struct fsmap_files *now = f2fs_ask(&m, lost, SV_ARRAY(lost));
		no_more_than(now, before);
		fsmap_files_destroy(now);
		m.data[at] ^= bit;
	}
	fsmap_files_destroy(before);
	f2fs_done(&m);
}

static int setup(void **state)
{
	(void)state;
	return scratch_make(dir) ? 0 : -1;
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
		cmocka_unit_test(test_summaries), cmocka_unit_test(test_table),
		cmocka_unit_test(test_nodes),	  cmocka_unit_test(test_inode_checksum),
		cmocka_unit_test(test_loops),	  cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests_name("f2fs_hostile", tests, setup, teardown);
}
