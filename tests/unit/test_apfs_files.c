/* test_apfs_files.c - whose bytes were lost on APFS: volumes, snapshots, what is encrypted; damage
 * may only make less known */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/files.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/noise.h"
#include "tests/lib/scratch.h"

#include <string.h>
#include <unistd.h>

#define BLOCK 4096u

/* offsets of an object, and of a node */
enum {
	O_ID = 8,
	O_TRANSACTION = 16,
	O_TYPE = 24,
	O_SUBTYPE = 28,
	N_FLAGS = 32,
	N_LEVEL = 34,
	N_COUNT = 36,
	N_TOC = 40,
	N_TOC_LEN = 42,
	N_ENTRIES = 56,
	FILES = 14,
	CIB = 7, /* what is known of chunks: without it what is free of these is not */
};

static char dir[64], top[300];

/* A container, what was lost of it, and what is said of that when nothing else is wrong. */
struct volume {
	struct blk_dev *mem;
	uint8_t *data;
	uint64_t blocks;
	struct sv_extents lost;
	struct fsmap_files *right;
};

static uint8_t *at(const struct volume *v, uint64_t block)
{
	return v->data + block * BLOCK;
}

static uint64_t checksum(const uint8_t *object)
{
	uint64_t m = 0xffffffff, one = 0, two = 0, low;
	for (size_t i = 8; i < BLOCK; i += 4) {
		one = (one + get_le32(object + i)) % m;
		two = (two + one) % m;
	}
	low = m - (one + two) % m;
	return (m - (one + low) % m) << 32 | low;
}

static bool is_object(const uint8_t *block)
{
	return get_le16(block + O_TYPE) && get_le64(block) == checksum(block);
}

static bool is_node(const uint8_t *block)
{
	return is_object(block) && (get_le16(block + O_TYPE) == 2 || get_le16(block + O_TYPE) == 3);
}

static struct fsmap_files *ask(const struct volume *v, const struct sv_extents *lost)
{
	struct fsmap_files *f = NULL;
	assert_int_equal(fsmap_files_read_as(v->mem, &fsmap_apfs_ops, "apfs", lost, &f), 0);
	assert_int_equal(f->in_files + f->in_inner + f->metadata + f->free + f->unknown,
			 sv_extents_total(lost));
	return f;
}

static struct fsmap_files *ask_block(const struct volume *v, uint64_t block)
{
	struct sv_extents lost = {0};
	assert_int_equal(sv_extents_add(&lost, block * BLOCK, BLOCK), 0);
	struct fsmap_files *f = ask(v, &lost);
	sv_extents_clear(&lost);
	return f;
}

/* What is no object is content, or free: some sectors of both are lost, those of the bitmaps not.
 */
static void lose_content(struct volume *v)
{
	for (uint64_t b = 100; b < v->blocks; b += b < 5000 || b > 9000 ? 7 : 1)
		if (!is_object(at(v, b)) && (b < 20900 || b > 22000))
			assert_int_equal(sv_extents_add(&v->lost, b * BLOCK + 512, 1024), 0);
	sv_extents_normalise(&v->lost);
}

static void make(struct volume *v, const char *options)
{
	*v = (struct volume){0};
	fixture_must(dir, "rm -f img && truncate -s 130M img && mkapfs -L label img");
	fixture_must(dir, "%s/tests/lib/apfs-fill.py img --files 30 --pieces 300 %s", top, options);
	v->mem = fixture_load(dir, "img", 512);
	v->data = blk_mem_data(v->mem);
	v->blocks = v->mem->size / BLOCK;
	lose_content(v);
	v->right = ask(v, &v->lost);
}

static void finish(struct volume *v)
{
	fsmap_files_destroy(v->right);
	sv_extents_clear(&v->lost);
	blk_close(v->mem);
}

static const struct files_file *find_file(const struct fsmap_files *f, const char *path)
{
	for (size_t i = 0; i < f->n_files; i++)
		for (size_t k = 0; k < f->files[i].n_paths; k++)
			if (!strcmp(f->files[i].paths[k], path))
				return &f->files[i];
	return NULL;
}

/* The first block of a volume that is such a node, from `from` on; 0: none. */
static uint64_t find_node(const struct volume *v, uint64_t from, uint32_t subtype, int level)
{
	for (uint64_t b = from; b < v->blocks; b++)
		if (is_node(at(v, b)) && get_le32(at(v, b) + O_SUBTYPE) == subtype &&
		    (level < 0 || get_le16(at(v, b) + N_LEVEL) == level))
			return b;
	return 0;
}

/* ---- what damage may do ---- */

static bool same_stream(const char *a, const char *b)
{
	return !a == !b && (!a || !strcmp(a, b));
}

/* What a snapshot has as well may be told of that one. */
static bool same_inode(uint64_t a, uint64_t b)
{
	return a << 24 == b << 24;
}

static bool was_told(const struct fsmap_files *right, const struct files_loss *loss)
{
	for (size_t i = 0; i < right->n_losses; i++) {
		const struct files_loss *r = &right->losses[i];
		if (same_inode(r->id, loss->id) && r->kind == loss->kind &&
		    same_stream(r->stream, loss->stream) && loss->at >= r->at &&
		    loss->at + loss->at_len <= r->at + r->at_len &&
		    loss->at - loss->start == r->at - r->start)
			return true;
	}
	return false;
}

static bool was_free(const struct fsmap_files *right, const struct files_area *area)
{
	for (size_t i = 0; i < right->n_areas; i++)
		if (right->areas[i].kind == FILES_AREA_FREE &&
		    area->start >= right->areas[i].start &&
		    area->start + area->len <= right->areas[i].start + right->areas[i].len)
			return true;
	return false;
}

/* Nothing is said that was not said before, and where less is, there is a word on it. */
static void expect_less(const struct volume *v, struct fsmap_files *f, uint64_t block)
{
	for (size_t i = 0; i < f->n_losses; i++)
		if ((f->losses[i].kind == FILES_CONTENT || f->losses[i].kind == FILES_SLACK) &&
		    !was_told(v->right, &f->losses[i]))
			fail_msg("block %llu: byte %llu is said to be of file %llu",
				 (unsigned long long)block, (unsigned long long)f->losses[i].at,
				 (unsigned long long)f->losses[i].id);
	for (size_t i = 0; i < f->n_areas; i++)
		if (f->areas[i].kind == FILES_AREA_FREE && !was_free(v->right, &f->areas[i]))
			fail_msg("block %llu: byte %llu is said to be free",
				 (unsigned long long)block, (unsigned long long)f->areas[i].start);
	for (size_t i = 0; i < f->n_files; i++)
		for (size_t k = 0; k < f->files[i].n_paths; k++)
			if (!strstr(f->files[i].paths[k], "/?") &&
			    !strstr(f->files[i].paths[k], "@before/") &&
			    f->losses[f->files[i].first].kind == FILES_CONTENT)
				assert_non_null(find_file(v->right, f->files[i].paths[k]));
	bool less = f->in_files < v->right->in_files ||
		    (f->free < v->right->free && get_le16(at(v, block) + O_TYPE) != CIB);
	if (less && !*f->caution)
		assert_true(*f->reason);
	fsmap_files_destroy(f);
}

/* ---- what is right ---- */

static void test_right(void **state)
{
	(void)state;
	struct volume v;
	make(&v, "");
	assert_string_equal(v.right->reason, "");
	assert_string_equal(v.right->caution, "");
	assert_int_equal(v.right->unknown, 0);
	assert_true(v.right->n_files > 20 && v.right->free > 0 && v.right->in_files > 0);
	const struct files_file *many =
		find_file(v.right, "/label/\303\211tage sp\303\251cial/many pieces");
	assert_non_null(many);
	assert_int_equal(many->n_paths, 3);
	assert_int_equal(many->size, 300 * BLOCK);
	assert_non_null(find_file(v.right, "/label/\303\211tage sp\303\251cial/holes"));
	finish(&v);
}

/* What a snapshot alone has, is its; what both have is the volume's. */
static void test_snapshot(void **state)
{
	(void)state;
	struct volume v;
	size_t kept = 0, live = 0;
	make(&v, "--snapshot");
	assert_string_equal(v.right->caution, "");
	for (size_t i = 0; i < v.right->n_files; i++) {
		const struct files_file *f = &v.right->files[i];
		assert_true(f->n_paths > 0);
		bool old = !strncmp(f->paths[0], "/label@before/", 14);
		assert_int_equal(old, f->id >> 40);
		kept += old;
		live += !old;
	}
	assert_true(kept > 3 && live > 20);
	assert_int_equal(v.right->unknown, 0);
	finish(&v);
}

/* Content, and the tree of files, cannot be read, but whose they are is known. */
static void test_encrypted(void **state)
{
	(void)state;
	struct volume v;
	make(&v, "--encrypt 0");
	assert_int_equal(v.right->n_files, 0);
	assert_int_equal(v.right->n_inner, 1);
	assert_string_equal(v.right->inner[0].name, "label");
	assert_non_null(strstr(v.right->inner[0].files->reason, "encrypted"));
	assert_true(v.right->inner[0].lost > 0 && v.right->free > 0);
	assert_int_equal(v.right->unknown,
			 v.right->inner[0].lost + v.right->unknown - v.right->inner[0].lost);
	assert_true(v.right->unknown >= v.right->inner[0].lost);
	finish(&v);
}

/* The bitmap of the first chunk. */
static uint8_t *bitmap(const struct volume *v)
{
	for (uint64_t b = 20000; b < v->blocks; b++)
		if (is_object(at(v, b)) && get_le16(at(v, b) + O_TYPE) == CIB)
			return at(v, get_le64(at(v, b) + 40 + 24));
	fail_msg("no bitmap");
	return NULL;
}

static void flip(const struct volume *v, uint64_t block)
{
	bitmap(v)[block / 8] ^= (uint8_t)(1 << block % 8);
}

/* The first block from `from` on of that state. */
static uint64_t find_block(const struct volume *v, uint64_t from, bool used)
{
	while ((bitmap(v)[from / 8] >> from % 8 & 1) != used)
		from++;
	return from;
}

/* A bitmap has no checksum. Where it calls free what a tree names, the tree is believed. */
static void test_bitmap(void **state)
{
	(void)state;
	static const char *const options[] = {"", "--encrypt 0"};
	for (size_t i = 0; i < SV_ARRAY(options); i++) {
		struct volume v;
		make(&v, options[i]);
		uint64_t used = find_block(&v, 6000, true), unused = find_block(&v, 25000, false);
		flip(&v, used);
		flip(&v, unused);
		struct fsmap_files *f = ask(&v, &v.lost);
		assert_non_null(strstr(f->caution, "do not agree"));
		assert_int_equal(f->free, 0);
		expect_less(&v, f, used);
		finish(&v);
	}
}

static void expect_map(const struct volume *v, const char *reason)
{
	struct fsmap *map = fixture_map(v->mem);
	if (reason && !strstr(map->reason, reason))
		fail_msg("%s: %s", fsmap_state_name(map->state), map->reason);
	assert_int_equal(map->state, reason ? FSMAP_WHOLE : FSMAP_EXACT);
	fsmap_destroy(map);
}

static void expect_torn(const struct volume *v, uint64_t block, const char *reason)
{
	at(v, block)[2000] ^= 4;
	expect_map(v, reason);
	at(v, block)[2000] ^= 4;
	expect_map(v, NULL);
}

/* A map stands only where its bitmaps have what the trees have. */
static void test_proof(void **state)
{
	(void)state;
	static const char *const options[] = {"", "--encrypt 0", "--snapshot"};
	for (size_t i = 0; i < SV_ARRAY(options); i++) {
		struct volume v;
		make(&v, options[i]);
		uint64_t unused = find_block(&v, 25000, false);
		expect_map(&v, NULL);
		flip(&v, unused);
		for (uint64_t b = 5990; b < 20008; b += b < 8000 ? 83 : b < 19990 ? 11000 : 1) {
			uint64_t used = find_block(&v, b, true);
			flip(&v, used);
			expect_map(&v, used < 20000 ? "what its volumes use" : "");
			flip(&v, used);
		}
		flip(&v, unused);
		expect_torn(&v, find_node(&v, 20002, 15, -1), "tree of extents is damaged");
		expect_torn(&v, find_node(&v, 20003, 11, -1), "object map is damaged");
		expect_torn(&v, 20002, "superblock of a volume is lost");
		finish(&v);
	}
}

/* ---- damage ---- */

static void test_lost_blocks(void **state)
{
	(void)state;
	struct volume v;
	size_t objects = 0, records = 0;
	make(&v, "--snapshot");
	for (uint64_t b = 0; b < v.blocks; b++) {
		if (!is_object(at(&v, b)))
			continue;
		struct fsmap_files *f = ask_block(&v, b);
		assert_int_equal(f->free, 0);
		for (size_t i = 0; i < f->n_losses; i++)
			records += f->losses[i].kind == FILES_RECORD;
		for (size_t i = 0; i < f->n_losses; i++)
			assert_true(f->losses[i].kind != FILES_CONTENT);
		fsmap_files_destroy(f);
		struct sv_extents lost = {0};
		assert_int_equal(sv_extents_copy(&lost, &v.lost), 0);
		assert_int_equal(sv_extents_add(&lost, b * BLOCK + 1024, 512), 0);
		sv_extents_normalise(&lost);
		expect_less(&v, ask(&v, &lost), b);
		sv_extents_clear(&lost);
		objects++;
	}
	assert_true(objects > 30 && records > 20);
	finish(&v);
}

/* Bits that flip, which a checksum tells. */
static void test_torn(void **state)
{
	(void)state;
	struct volume v;
	uint64_t random = 5;
	make(&v, "--snapshot");
	for (uint64_t b = 0; b < v.blocks; b++) {
		if (!is_object(at(&v, b)))
			continue;
		for (int i = 0; i < 2; i++) {
			uint8_t *byte = at(&v, b) + noise_random(&random) % BLOCK;
			uint8_t bit = (uint8_t)(1u << noise_random(&random) % 8);
			*byte ^= bit;
			expect_less(&v, ask(&v, &v.lost), b);
			*byte ^= bit;
		}
	}
	finish(&v);
}

/* Nodes that contradict themselves are not believed, whatever their checksum says. */
static void test_sealed(void **state)
{
	(void)state;
	static const struct noise_change bad[] = {
		{O_ID, 8, 12345, NULL},
		{O_TRANSACTION, 8, 99, NULL},
		{O_TYPE, 1, 5, NULL},
		{O_SUBTYPE, 4, 9, NULL},
		{N_FLAGS, 2, 8, NULL},
		{N_LEVEL, 2, 9, NULL},
		{N_LEVEL, 2, 65535, NULL},
		{N_COUNT, 4, 9999, NULL},
		{N_TOC, 2, 4090, NULL},
		{N_TOC_LEN, 2, 65535, NULL},
		{N_TOC_LEN, 2, 0, NULL},
		{N_ENTRIES, 2, 65000, NULL},
		{N_ENTRIES + 2, 2, 65000, NULL},
	};
	struct volume v;
	uint8_t keep[BLOCK];
	size_t changed = 0;
	make(&v, "");
	for (uint64_t b = 0; b < v.blocks; b++) {
		if (!is_node(at(&v, b)) || !get_le32(at(&v, b) + N_COUNT))
			continue;
		memcpy(keep, at(&v, b), BLOCK);
		for (size_t i = 0; i < SV_ARRAY(bad); i++) {
			for (size_t k = 0; k < bad[i].len; k++)
				at(&v, b)[bad[i].off + k] = (uint8_t)(bad[i].value >> 8 * k);
			put_le64(at(&v, b), checksum(at(&v, b)));
			struct fsmap_files *f = ask(&v, &v.lost);
			changed += *f->caution || *f->reason;
			if (get_le32(keep + O_SUBTYPE) == FILES)
				assert_non_null(strstr(f->caution, "damaged"));
			expect_less(&v, f, b);
			memcpy(at(&v, b), keep, BLOCK);
		}
	}
	assert_true(changed > 100);
	finish(&v);
}

/* A tree in a ring, and one that names a node twice. */
static void test_rings(void **state)
{
	(void)state;
	struct volume v;
	uint8_t keep[BLOCK];
	make(&v, "");
	uint64_t root = find_node(&v, 20005, FILES, -1);
	uint8_t *node = at(&v, root);
	assert_int_equal(get_le16(node + N_LEVEL), 1);
	memcpy(keep, node, BLOCK);
	uint32_t end = BLOCK - 40;
	uint8_t *first = node + end - get_le16(node + N_ENTRIES + 4);
	uint8_t *second = node + end - get_le16(node + N_ENTRIES + 8 + 4);
	memcpy(second, first, 8); /* the keys say that it is not there */
	put_le64(node, checksum(node));
	struct fsmap_files *f = ask(&v, &v.lost);
	assert_non_null(strstr(f->caution, "damaged"));
	expect_less(&v, f, root);
	put_le64(second, get_le64(node + O_ID)); /* itself */
	put_le64(node, checksum(node));
	f = ask(&v, &v.lost);
	assert_non_null(strstr(f->caution, "damaged"));
	expect_less(&v, f, root);
	memcpy(node, keep, BLOCK);
	finish(&v);
}

/* Anything may be told of what has right checksums, but nothing breaks. */
static void test_noise(void **state)
{
	(void)state;
	struct volume v;
	uint64_t random = 77;
	make(&v, "--snapshot");
	for (int i = 0; i < 300; i++) {
		uint64_t b = noise_random(&random) % v.blocks;
		while (!is_object(at(&v, b)))
			b = (b + 1) % v.blocks;
		uint8_t keep[BLOCK];
		memcpy(keep, at(&v, b), BLOCK);
		for (int k = 0; k < 4; k++)
			at(&v, b)[noise_random(&random) % (k % 2 ? BLOCK : 400)] =
				(uint8_t)noise_random(&random);
		put_le64(at(&v, b), checksum(at(&v, b)));
		fsmap_files_destroy(ask(&v, &v.lost));
		memcpy(at(&v, b), keep, BLOCK);
	}
	finish(&v);
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
		cmocka_unit_test(test_right),	  cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_encrypted), cmocka_unit_test(test_bitmap),
		cmocka_unit_test(test_proof),	  cmocka_unit_test(test_lost_blocks),
		cmocka_unit_test(test_torn),	  cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_rings),	  cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests_name("apfs-files", tests, setup, teardown);
}
