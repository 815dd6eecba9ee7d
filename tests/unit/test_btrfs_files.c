/* test_btrfs_files.c - whose bytes were lost on a Btrfs: content, nodes and their copies, hostile
 * trees */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/btrfs.h"
#include "engine/fsmap/files.h"
#include "engine/io/blk.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/scratch.h"

#include <stdlib.h>
#include <string.h>

#define NODE   4096u
#define MIRROR (64 * SV_MIB)
#define UNIT   ((uint64_t)64 * SV_KIB)

/* offsets in a node */
enum {
	NODE_BYTENR = 48,
	NODE_GENERATION = 80,
	NODE_OWNER = 88,
	NODE_NRITEMS = 96,
	NODE_LEVEL = 100
};

static char dir[64];

/* ---- places ---- */

static struct btrfs_chunk chunk_on(uint64_t type, uint16_t stripes, uint16_t sub, uint16_t shares,
				   uint16_t device)
{
	return (struct btrfs_chunk){.start = 5 * SV_GIB,
				    .len = shares * 7 * UNIT,
				    .type = 1 | type,
				    .place = {3 * SV_MIB},
				    .index = {device},
				    .stripes = stripes,
				    .sub = sub,
				    .shares = shares,
				    .stripe_len = 7 * UNIT,
				    .copies = 1,
				    .identity =
					    shares == 1 && !(type & (BTRFS_RAID5 | BTRFS_RAID6))};
}

/* Every byte is on as many disks as it has copies, and every disk knows whose bytes it has. */
static void check_places(uint64_t type, uint16_t stripes, uint16_t sub, uint16_t shares,
			 unsigned int copies)
{
	unsigned int found = 0;
	uint64_t at, run, logical;
	for (uint16_t d = 0; d < stripes; d++) {
		struct btrfs_chunk c = chunk_on(type, stripes, sub, shares, d);
		for (uint64_t off = 0; off < c.len; off += 512) {
			if (!btrfs_place(&c, 0, c.start + off, &at, &run))
				continue;
			found++;
			assert_true(at >= c.place[0] && at < c.place[0] + c.stripe_len);
			assert_true(run > 0 && run <= c.len - off);
			assert_true(btrfs_logical(&c, 0, at - c.place[0], &logical, &run));
			assert_int_equal(logical, c.start + off);
		}
	}
	assert_int_equal(found, copies * shares * 7 * UNIT / 512);
}

static void test_places(void **state)
{
	(void)state;
	check_places(0, 1, 1, 1, 1);
	check_places(BTRFS_RAID1, 2, 1, 1, 2);
	check_places(BTRFS_RAID0, 3, 1, 3, 1);
	check_places(BTRFS_RAID10, 6, 2, 3, 2);
	check_places(BTRFS_RAID5, 4, 1, 3, 1);
	check_places(BTRFS_RAID6, 5, 1, 3, 1);
	/* row 0 of RAID5 has its parity on the last disk, row 1 on the first */
	uint64_t logical, run;
	struct btrfs_chunk first = chunk_on(BTRFS_RAID5, 4, 1, 3, 0);
	struct btrfs_chunk last = chunk_on(BTRFS_RAID5, 4, 1, 3, 3);
	assert_false(btrfs_logical(&last, 0, 5, &logical, &run));
	assert_true(btrfs_logical(&first, 0, 5, &logical, &run));
	assert_false(btrfs_logical(&first, 0, UNIT, &logical, &run));
	assert_true(btrfs_logical(&last, 0, UNIT + 7, &logical, &run));
	assert_int_equal(logical, last.start + 5 * UNIT + 7);
	assert_int_equal(run, UNIT - 7);
}

/* ---- volumes ---- */

static struct blk_dev *make(const char *options)
{
	fixture_empty(dir, "img", 128 * SV_MIB);
	fixture_must(dir, "mkfs.btrfs -q -f -n 4096 %s -r tree img", options);
	return fixture_load(dir, "img", 512);
}

static struct fsmap_files *ask(struct blk_dev *vol, const struct sv_extent *lost, size_t n)
{
	struct sv_extents list = {0};
	struct fsmap_files *found = NULL;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sv_extents_add(&list, lost[i].start, lost[i].len), 0);
	sv_extents_normalise(&list);
	assert_int_equal(fsmap_files_read_as(vol, &fsmap_btrfs_ops, "btrfs", &list, &found), 0);
	assert_int_equal(found->in_files + found->metadata + found->free + found->unknown,
			 sv_extents_total(&list));
	sv_extents_clear(&list);
	return found;
}

/* Where these bytes stand on the volume, from `from` on; SIZE_MAX: nowhere. */
static uint64_t find_bytes(struct blk_dev *vol, const char *text, uint64_t from)
{
	const uint8_t *data = blk_mem_data(vol);
	const uint8_t *at = memmem(data + from, vol->size - from, text, strlen(text));
	return at ? (uint64_t)(at - data) : SIZE_MAX;
}

static const struct files_file *find_file(const struct fsmap_files *f, const char *path)
{
	for (size_t i = 0; i < f->n_files; i++)
		for (size_t k = 0; k < f->files[i].n_paths; k++)
			if (!strcmp(f->files[i].paths[k], path))
				return &f->files[i];
	return NULL;
}

/* Is it free space by now? */
static bool is_unused(struct blk_dev *vol, uint64_t place)
{
	const struct sv_extent lost = {place, NODE};
	struct fsmap_files *f = ask(vol, &lost, 1);
	bool unused = f->free == NODE;
	fsmap_files_destroy(f);
	return unused;
}

/* Places of the leaves of the tree of files, in all their copies: those of its newest generation.
 */
static size_t find_leaves(struct blk_dev *vol, uint64_t *places, size_t max)
{
	const uint8_t *data = blk_mem_data(vol), *fsid = data + BTRFS_SUPER_OFFSET + 32;
	uint64_t newest = 0;
	size_t n = 0;
	for (uint64_t at = SV_MIB; at + NODE <= vol->size; at += NODE) {
		const uint8_t *node = data + at;
		if (memcmp(node + 32, fsid, 16) != 0 || get_le64(node + NODE_OWNER) != 5 ||
		    node[NODE_LEVEL] || get_le64(node + NODE_GENERATION) < newest)
			continue;
		if (get_le64(node + NODE_GENERATION) > newest)
			n = 0;
		newest = get_le64(node + NODE_GENERATION);
		if (n < max)
			places[n++] = at;
	}
	size_t used = 0;
	for (size_t i = 0; i < n; i++)
		if (!is_unused(vol, places[i]))
			places[used++] = places[i];
	return used;
}

/* A leaf with items of more than one inode. */
static uint64_t find_wide(struct blk_dev *vol, const uint64_t *places, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint8_t *node = blk_mem_data(vol) + places[i], *items = node + BTRFS_HEADER;
		uint32_t last = get_le32(node + NODE_NRITEMS) - 1;
		if (get_le64(items) != get_le64(items + (size_t)25 * last))
			return places[i];
	}
	fail_msg("all leaves are of one inode each");
	return 0;
}

/* The other copy of a node. */
static uint64_t find_twin(struct blk_dev *vol, const uint64_t *places, size_t n, uint64_t first)
{
	const uint8_t *data = blk_mem_data(vol);
	for (size_t i = 0; i < n; i++)
		if (places[i] != first && !memcmp(data + places[i], data + first, NODE))
			return places[i];
	fail_msg("the node at %llu has no copy", (unsigned long long)first);
	return 0;
}

static void test_content(void **state)
{
	(void)state;
	struct blk_dev *vol = make("-m single -d single");
	uint64_t at = find_bytes(vol, "the second half of a letter", 0);
	assert_true(at != SIZE_MAX);
	const struct sv_extent lost = {sv_round_down(at, 512), 512};
	struct fsmap_files *f = ask(vol, &lost, 1);
	assert_string_equal(f->reason, "");
	assert_string_equal(f->caution, "");
	assert_int_equal(f->n_files, 1);
	const struct files_file *letter = find_file(f, "/home/me/letter");
	assert_non_null(letter);
	assert_int_equal(letter->size, 20027);
	assert_int_equal(letter->n, 2);
	assert_int_equal(f->losses[0].kind, FILES_CONTENT);
	assert_int_equal(f->losses[0].start, sv_round_down(20000, 512));
	assert_int_equal(f->losses[0].len, 20027 - sv_round_down(20000, 512));
	assert_int_equal(f->losses[1].kind, FILES_SLACK);
	fsmap_files_destroy(f);
	blk_close(vol);
}

/* Of two copies of a node one is enough, and so is one of each of its sectors. */
static void test_copies(void **state)
{
	(void)state;
	uint64_t places[256];
	struct blk_dev *vol = make("-m dup -d single");
	size_t n = find_leaves(vol, places, SV_ARRAY(places));
	uint64_t first = find_wide(vol, places, n), second = find_twin(vol, places, n, first);
	const struct sv_extent one = {first, NODE}, halves[] = {{first, 512}, {second + 512, 3584}},
			       both[] = {{first + 1024, 512}, {second + 1024, 512}};
	struct fsmap_files *f = ask(vol, &one, 1);
	assert_int_equal(f->n_files, 0);
	assert_int_equal(f->metadata, NODE);
	assert_string_equal(f->caution, "");
	fsmap_files_destroy(f);
	f = ask(vol, halves, 2);
	assert_int_equal(f->n_files, 0);
	assert_int_equal(f->metadata, NODE);
	assert_string_equal(f->caution, "");
	fsmap_files_destroy(f);
	f = ask(vol, both, 2);
	assert_true(f->n_files > 0);
	assert_int_equal(f->in_files, 512);
	assert_int_equal(f->metadata, 512);
	assert_non_null(strstr(f->caution, "known from folders alone"));
	fsmap_files_destroy(f);
	blk_close(vol);
}

/* Each leaf in turn: what was in it is named by the folders, in the others. */
static void test_lost_leaves(void **state)
{
	(void)state;
	uint64_t places[256];
	size_t named = 0, records = 0;
	struct blk_dev *vol = make("-m single -d single");
	size_t n = find_leaves(vol, places, SV_ARRAY(places));
	for (size_t i = 0; i < n; i++) {
		const struct sv_extent lost = {places[i] + 512, 512};
		struct fsmap_files *f = ask(vol, &lost, 1);
		assert_string_equal(f->reason, "");
		/* a leaf may have no more than a name that the folder has, too */
		assert_true(f->n_files > 0 || f->metadata == 512);
		for (size_t k = 0; k < f->n_files; k++)
			named += f->files[k].n_paths > 0;
		for (size_t k = 0; k < f->n_losses; k++)
			records += f->losses[k].kind == FILES_RECORD;
		fsmap_files_destroy(f);
	}
	assert_true(named > n && records > n);
	blk_close(vol);
}

static void test_superblock(void **state)
{
	(void)state;
	struct blk_dev *vol = make("");
	const struct sv_extent first = {0, SV_MIB}, all[] = {{0, SV_MIB}, {MIRROR, 512}};
	struct fsmap_files *f = ask(vol, &first, 1);
	assert_string_equal(f->reason, "");
	assert_int_equal(f->metadata, SV_MIB);
	fsmap_files_destroy(f);
	f = ask(vol, all, 2);
	assert_non_null(strstr(f->reason, "superblock"));
	assert_int_equal(f->unknown, SV_MIB + 512);
	fsmap_files_destroy(f);
	blk_close(vol);
}

/* All of the volume but what was found out to be needed. */
static void test_unused(void **state)
{
	(void)state;
	struct blk_dev *vol = make("-m dup -d dup");
	struct fsmap *map = NULL;
	struct sv_extents unused = {0};
	assert_int_equal(fsmap_read_as(vol, &fsmap_btrfs_ops, "btrfs", &map, NULL), 0);
	assert_int_equal(map->state, FSMAP_EXACT);
	assert_int_equal(sv_extents_invert(&unused, &map->used, map->size), 0);
	struct fsmap_files *f = ask(vol, unused.v, unused.n);
	assert_int_equal(f->n_files, 0);
	assert_int_equal(f->free, sv_extents_total(&unused));
	fsmap_files_destroy(f);
	sv_extents_clear(&unused);
	fsmap_destroy(map);
	blk_close(vol);
}

/* Every second copy of the content: nothing is lost. */
static void test_second_copy(void **state)
{
	(void)state;
	struct blk_dev *vol = make("-m dup -d dup");
	uint64_t one = find_bytes(vol, "the second half of a letter", 0);
	uint64_t two = find_bytes(vol, "the second half of a letter", one + 1);
	assert_true(two != SIZE_MAX);
	const struct sv_extent both[] = {{sv_round_down(one, 512), 512},
					 {sv_round_down(two, 512), 512}};
	for (int i = 0; i < 2; i++) {
		struct fsmap_files *f = ask(vol, &both[i], 1);
		assert_int_equal(f->n_files, 0);
		assert_int_equal(f->metadata, 512);
		fsmap_files_destroy(f);
	}
	struct fsmap_files *f = ask(vol, both, 2);
	assert_int_equal(f->n_files, 1);
	assert_non_null(find_file(f, "/home/me/letter"));
	assert_int_equal(f->in_files + f->metadata, 1024);
	assert_int_equal(f->in_files, 512);
	fsmap_files_destroy(f);
	blk_close(vol);
}

static int set_up(void **state)
{
	(void)state;
	if (!scratch_make(dir))
		return -1;
	fixture_must(dir, "mkdir -p tree/home/me tree/more && "
			  "{ head -c 20000 /dev/zero | tr '\\0' - && "
			  "printf 'the second half of a letter'; } >tree/home/me/letter && "
			  "for i in $(seq 300); do head -c $((i * 97 %% 9000)) /dev/urandom "
			  ">tree/more/file-$i; done");
	return 0;
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
		cmocka_unit_test(test_places),	    cmocka_unit_test(test_content),
		cmocka_unit_test(test_copies),	    cmocka_unit_test(test_lost_leaves),
		cmocka_unit_test(test_superblock),  cmocka_unit_test(test_unused),
		cmocka_unit_test(test_second_copy),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
