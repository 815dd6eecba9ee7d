/* test_xfs_files.c - whose lost bytes are whose on XFS; what is told when what would tell is lost
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/files.h"
#include "engine/fsmap/reader.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/found.h"
#include "tests/lib/noise.h"
#include "tests/lib/scratch.h"
#include "tests/lib/xfs_image.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char dir[64];

/* A volume in memory, and where things are in it. */
struct image {
	struct blk_dev *mem;
	uint8_t *data;
	uint64_t block, group; /* bytes */
	uint32_t inode_size, head;
	unsigned int group_bits, inode_bits;
};

static struct image load(const char *options, const char *size, unsigned int files)
{
	struct image m = {0};
	xfs_image_make(dir, "img", options, size, files);
	m.mem = fixture_load(dir, "img", 512);
	m.data = blk_mem_data(m.mem);
	m.block = get_be32(m.data + 4);
	m.group = get_be32(m.data + 84) * m.block;
	m.inode_size = get_be16(m.data + 104);
	m.head = (get_be16(m.data + 100) & 15) == 5 ? 176 : 100;
	m.group_bits = m.data[124];
	m.inode_bits = m.group_bits + m.data[123];
	return m;
}

static uint64_t inode_number(const char *path)
{
	char *text;
	assert_int_equal(fixture_run(dir, &text, "xfs_db -r -f -c 'path %s' -c inode img", path),
			 0);
	uint64_t number = fixture_number(text, "inode number is");
	free(text);
	return number;
}

static uint64_t inode_at(const struct image *m, uint64_t inode)
{
	return (inode >> m->inode_bits) * m->group +
	       (inode & ((1ull << m->inode_bits) - 1)) * m->inode_size;
}

/* The first extent of a file, as it stands in its inode, and the byte it leads to. */
static uint8_t *extent_of(const struct image *m, uint64_t inode)
{
	uint8_t *raw = m->data + inode_at(m, inode);
	assert_int_equal(raw[5], 2);
	return raw + m->head;
}

static uint64_t block_at(const struct image *m, uint64_t block)
{
	return (block >> m->group_bits) * m->group +
	       (block & ((1ull << m->group_bits) - 1)) * m->block;
}

static uint64_t extent_at(const struct image *m, uint64_t inode)
{
	const uint8_t *e = extent_of(m, inode);
	return block_at(m, (get_be64(e) & 0x1ff) << 43 | get_be64(e + 8) >> 21);
}

static struct fsmap_files *ask(const struct image *m, const struct sv_extent *lost, size_t n)
{
	struct sv_extents list = {0};
	struct fsmap_files *found = NULL;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sv_extents_add(&list, lost[i].start, lost[i].len), 0);
	sv_extents_normalise(&list);
	assert_int_equal(fsmap_files_read_as(m->mem, &fsmap_xfs_ops, "xfs", &list, &found), 0);
	found_promises(found, &list);
	sv_extents_clear(&list);
	return found;
}

/* The loss of the file of that name (or of no name), which has only this one. */
static const struct files_loss *loss_of(const struct fsmap_files *f, const char *path)
{
	for (size_t i = 0; i < f->n_files; i++) {
		const struct files_file *file = &f->files[i];
		if (file->n_paths && !strcmp(file->paths[0], path)) {
			assert_int_equal(file->n, 1);
			return &f->losses[file->first];
		}
	}
	fail_msg("%s was not hit (%zu files, %s%s)", path, f->n_files, f->reason, f->caution);
	return NULL;
}

static void expect(const struct fsmap_files *f, const char *path, enum files_kind kind,
		   uint64_t start, uint64_t len)
{
	const struct files_loss *loss = loss_of(f, path);
	assert_int_equal(loss->kind, kind);
	assert_int_equal(loss->start, start);
	assert_int_equal(loss->len, len);
}

static void done(struct image *m)
{
	blk_close(m->mem);
}

#define V4 "-m crc=0 -b size=1024 -d agcount=1"
#define V5 "-d agcount=1"

/* ---- files ---- */

static void test_content_and_record(void **state)
{
	static const char *const options[] = {V4, V5, "-b size=512 -m crc=0 -n ftype=1",
					      "-b size=1024 -i nrext64=1 -m rmapbt=1"};
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(options); i++) {
		struct image m = load(options[i], "40M", 60);
		uint64_t hit = inode_number("/sub/f50"), gone = inode_number("/sub/f20");
		const struct sv_extent lost[] = {{extent_at(&m, hit) + 100, 50},
						 {inode_at(&m, gone) + 8, 4}};
		struct fsmap_files *f = ask(&m, lost, 2);
		assert_int_equal(f->n_files, 2);
		expect(f, "/sub/f50", FILES_CONTENT, 100, 50);
		expect(f, "/sub/f20", FILES_RECORD, 0, 0);
		assert_int_equal(loss_of(f, "/sub/f20")->id, gone);
		assert_string_equal(f->caution, "");
		fsmap_files_destroy(f);
		done(&m);
	}
}

/* Version 4 has no checksums, so an inode may be changed at will. */
static void test_unwritten_and_shared(void **state)
{
	struct image m = load(V4, "40M", 60);
	uint64_t hit = inode_number("/sub/f50"), twin = inode_number("/sub/f51");
	const struct sv_extent lost[] = {{extent_at(&m, hit), 512}};
	(void)state;
	memcpy(extent_of(&m, twin), extent_of(&m, hit), 16);
	struct fsmap_files *f = ask(&m, lost, 1);
	expect(f, "/sub/f50", FILES_CONTENT, 0, 512);
	expect(f, "/sub/f51", FILES_CONTENT, 0, 512);
	assert_int_equal(f->in_files, 512);
	fsmap_files_destroy(f);

	*extent_of(&m, hit) |= 0x80;
	f = ask(&m, lost, 1);
	expect(f, "/sub/f50", FILES_SLACK, 0, 0);
	expect(f, "/sub/f51", FILES_CONTENT, 0, 512);
	fsmap_files_destroy(f);
	done(&m);
}

static void put_be64(uint8_t *p, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(value >> (56 - 8 * i));
}

static void put_words(uint8_t *p, uint32_t a, uint16_t b, uint16_t c)
{
	put_be64(p, (uint64_t)a << 32 | (uint32_t)b << 16 | c);
}

/* The list of a file's extents moves into a block of its own, in free space; its byte. */
static uint64_t grow_list(const struct image *m, uint64_t inode, uint16_t levels)
{
	const uint8_t *free = m->data + get_be32(m->data + 512 + 16) * m->block + 16;
	uint64_t block = get_be32(free) + get_be32(free + 4) - 1u;
	uint8_t *raw = m->data + inode_at(m, inode), *leaf = m->data + block * m->block;
	uint8_t *root = raw + m->head;
	size_t room = (m->inode_size - m->head - 4) / 16;
	assert_int_equal(raw[82], 0); /* no attributes */
	memset(leaf, 0, m->block);
	put_words(leaf, 0x424d4150, levels, 1);
	memset(leaf + 8, 0xff, 16);
	memcpy(leaf + 24, root, 16);
	raw[5] = 3;
	memset(root, 0, m->inode_size - m->head);
	put_words(root, (uint32_t)(levels + 1) << 16 | 1, 0, 0);
	put_be64(root + 4 + room * 8, block);
	return block * m->block;
}

static void test_lists(void **state)
{
	struct image m = load(V4, "40M", 60);
	uint64_t inode = inode_number("/sub/f50"), content = extent_at(&m, inode);
	uint64_t leaf = grow_list(&m, inode, 0);
	const struct sv_extent lost[] = {{content + 1024, 512}, {leaf + 700, 100}};
	(void)state;
	struct fsmap_files *f = ask(&m, lost, 1);
	expect(f, "/sub/f50", FILES_CONTENT, 1024, 512);
	fsmap_files_destroy(f);
	f = ask(&m, lost, 2);
	expect(f, "/sub/f50", FILES_MAP, 0, 4851);
	assert_int_equal(f->unknown, 512);
	fsmap_files_destroy(f);

	/* one that has itself below */
	memset(m.data + leaf + 24, 0, 1000);
	put_words(m.data + leaf, 0x424d4150, 5, 1);
	put_be64(m.data + leaf + 24 + 1000 / 16 * 8, leaf / m.block);
	m.data[inode_at(&m, inode) + m.head + 1] = 6;
	f = ask(&m, lost, 1);
	assert_int_equal(f->n_files, 0);
	assert_non_null(strstr(f->caution, "list of extents"));
	fsmap_files_destroy(f);
	done(&m);
}

static void test_folder(void **state)
{
	static const char *const options[] = {V4, V5};
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(options); i++) {
		struct image m = load(options[i], "40M", 300);
		uint64_t names = extent_at(&m, inode_number("/sub"));
		uint64_t hit = extent_at(&m, inode_number("/sub/f5"));
		const struct sv_extent lost[] = {{hit, 100}, {names + 512, 10}, {names + 4, 1}};
		struct fsmap_files *f = ask(&m, lost, 2); /* its name stands in the first sector */
		expect(f, "/sub/f5", FILES_CONTENT, 0, 100);
		expect(f, "/sub", FILES_ENTRIES, 512, 10);
		fsmap_files_destroy(f);
		f = ask(&m, lost, 3);
		assert_int_equal(f->n_files, 2);
		assert_string_equal(f->files[0].paths[0], "/sub");
		assert_true(f->files[0].folder && f->files[0].n == 2);
		assert_int_equal(f->files[1].n_paths, 0);
		fsmap_files_destroy(f);
		done(&m);
	}
}

/* ---- the filesystem's own ---- */

static uint32_t field(const struct image *m, uint64_t sector, size_t off)
{
	return get_be32(m->data + sector * 512 + off);
}

static void expect_metadata(const struct image *m, uint64_t at, const char *what)
{
	const struct sv_extent lost[] = {{at, 8}};
	struct fsmap_files *f = ask(m, lost, 1);
	if (f->n_areas != 1 || f->areas[0].kind != FILES_AREA_METADATA)
		fail_msg("%s is not found at %" PRIu64, what, at);
	assert_string_equal(f->areas[0].what, what);
	fsmap_files_destroy(f);
}

static void test_metadata(void **state)
{
	struct image m = load("-d agcount=2 -m rmapbt=1,reflink=1", "64M", 60);
	(void)state;
	uint32_t kept = get_be32(m.data + 3 * 512 + 36 + (size_t)field(&m, 1, 40) * 4);
	uint64_t chunk = inode_at(&m, inode_number("/"));
	expect_metadata(&m, 0, "a superblock");
	expect_metadata(&m, 1024, "the headers of a group");
	expect_metadata(&m, m.group + 4000, "the headers of a group");
	expect_metadata(&m, field(&m, 1, 16) * m.block, "a tree of free space");
	expect_metadata(&m, field(&m, 1, 20) * m.block, "a tree of free space");
	expect_metadata(&m, field(&m, 1, 24) * m.block, "a tree of owners");
	expect_metadata(&m, field(&m, 1, 88) * m.block, "a tree of shared blocks");
	expect_metadata(&m, field(&m, 2, 20) * m.block, "a tree of inodes");
	expect_metadata(&m, field(&m, 2, 328) * m.block, "a tree of inodes");
	expect_metadata(&m, kept * m.block, "a block kept for the trees");
	expect_metadata(&m, block_at(&m, get_be64(m.data + 48)) + 30000, "the log");
	/* the last of the chunk that begins with the root; the files are in the other group */
	expect_metadata(&m, chunk + 63ull * m.inode_size, "an unused inode");
	done(&m);
}

/* The tree of inodes is lost: they are searched for, and folders know those that are lost. */
static void test_no_tree_of_inodes(void **state)
{
	static const char *const options[] = {V4, V5, "-b size=16384 -d agcount=1"};
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(options); i++) {
		struct image m = load(options[i], "64M", 60);
		uint64_t gone = inode_number("/sub/f20");
		struct sv_extent lost[] = {{1024, 4},
					   {inode_at(&m, gone), 256},
					   {extent_at(&m, inode_number("/sub/f50")), 512}};
		for (int k = 0; k < 2; k++) {
			struct fsmap_files *f = ask(&m, lost, 3);
			assert_int_equal(f->n_files, 2);
			expect(f, "/sub/f20", FILES_RECORD, 0, 0);
			expect(f, "/sub/f50", FILES_CONTENT, 0, 512);
			assert_non_null(strstr(f->caution, "tree of inodes of group 0"));
			fsmap_files_destroy(f);
			lost[0] = (struct sv_extent){field(&m, 2, 20) * m.block + 600, 1};
		}
		done(&m);
	}
}

/* The tree of owners knows what an inode that is lost would say. */
static void test_tree_of_owners(void **state)
{
	struct image m = load(V5 " -m rmapbt=1", "40M", 60);
	uint64_t hit = inode_number("/sub/f50");
	const struct sv_extent lost[] = {
		{inode_at(&m, hit), 8}, {extent_at(&m, hit) + 4096, 100}, {m.block, 8}};
	(void)state;
	for (size_t n = 2; n <= 3; n++) {
		struct fsmap_files *f = ask(&m, lost, n);
		assert_int_equal(f->n_files, 1);
		assert_string_equal(f->files[0].paths[0], "/sub/f50");
		assert_int_equal(f->n_losses, 2);
		assert_int_equal(f->losses[0].kind, FILES_CONTENT);
		assert_int_equal(f->losses[0].start, 4096);
		assert_int_equal(f->losses[1].kind, FILES_RECORD);
		assert_int_equal(f->unknown, 0);
		fsmap_files_destroy(f);
	}
	done(&m);
}

/* A chunk with holes: what is there may be anything else. */
static void test_holes(void **state)
{
	struct image m = load(V5, "40M", 60);
	uint64_t tree = field(&m, 2, 20) * m.block;
	uint8_t *rec = m.data + tree + 56;
	uint64_t chunk = (uint64_t)get_be32(rec) * m.inode_size;
	const struct sv_extent lost[] = {{chunk + 40ull * m.inode_size, 512},
					 {chunk + 20ull * m.inode_size, 512}};
	(void)state;
	rec[4] = 0xff; /* inodes 32 to 63 */
	rec[5] = 0;
	xfs_image_seal(m.data + tree, m.block, 52);
	struct fsmap_files *f = ask(&m, lost, 2);
	assert_int_equal(f->unknown, 512);
	assert_int_equal(f->in_files, 512);
	fsmap_files_destroy(f);
	done(&m);
}

static void test_free_space(void **state)
{
	struct image m = load(V5, "64M", 60);
	uint64_t by_block = field(&m, 1, 16) * m.block, by_count = field(&m, 1, 20) * m.block;
	uint64_t start = get_be32(m.data + by_block + 56) * m.block;
	uint64_t log = block_at(&m, get_be64(m.data + 48));
	const struct sv_extent lost[] = {{start + 4096, 512}, {by_block, 1}, {by_count + 9, 1}};
	const struct sv_extent in_log[] = {{start, 512}, {log + SV_MIB, 512}, {log, 512}};
	(void)state;
	for (size_t n = 1; n <= 3; n++) {
		struct fsmap_files *f = ask(&m, lost, n);
		assert_int_equal(f->free, n < 3 ? 512 : 0);
		assert_int_equal(f->unknown, n < 3 ? 0 : 512);
		fsmap_files_destroy(f);
	}
	/* what of the log is lost matters only where it ends */
	for (size_t n = 1; n <= 3; n++) {
		struct fsmap_files *f = ask(&m, in_log, n);
		assert_int_equal(f->free, n < 3 ? 512 : 0);
		assert_int_equal(*f->caution != '\0', n == 3);
		fsmap_files_destroy(f);
	}
	done(&m);
}

/* By the other headers, by the usual size of groups, by looking for it. */
static void test_superblock(void **state)
{
	static const struct {
		const char *options;
		uint64_t len;
	} lost[] = {{"-d agcount=3", 512}, {"-d agcount=4", 4096}, {"-d agcount=3", 65536}};
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(lost); i++) {
		struct image m = load(lost[i].options, "96M", 60);
		const struct sv_extent head = {0, lost[i].len};
		struct fsmap_files *f = ask(&m, &head, 1);
		assert_string_equal(f->reason, "");
		assert_true(f->metadata >= 512);
		fsmap_files_destroy(f);
		done(&m);
	}
}

/* What is damaged and not lost must not do harm, and everything stays accounted for. */
static void test_noise(void **state)
{
	static const char *const options[] = {V4, V5};
	uint64_t seed = 5;
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct image m = load(options[i], "40M", 150);
		for (int round = 0; round < 150; round++) {
			struct sv_extent lost[6];
			for (size_t k = 0; k < SV_ARRAY(lost); k++) {
				uint64_t most = k % 2 ? m.mem->size : 400 * m.block;
				lost[k].start = noise_random(&seed) % most / 512 * 512;
				lost[k].len = SV_MIN(m.mem->size - lost[k].start,
						     (noise_random(&seed) % 20 + 1) * 512);
			}
			for (int k = 0; k < 4; k++)
				m.data[noise_random(&seed) % (100 * m.block)] ^=
					(uint8_t)noise_random(&seed);
			fsmap_files_destroy(ask(&m, lost, SV_ARRAY(lost)));
		}
		done(&m);
	}
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
		cmocka_unit_test(test_content_and_record),
		cmocka_unit_test(test_unwritten_and_shared),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_no_tree_of_inodes),
		cmocka_unit_test(test_tree_of_owners),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_free_space),
		cmocka_unit_test(test_superblock),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
