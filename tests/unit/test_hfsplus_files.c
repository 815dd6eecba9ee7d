/* test_hfsplus_files.c - whose lost bytes are whose on HFS+; what is told when what would tell is
 * lost or damaged */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/files.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/found.h"
#include "tests/lib/hfsplus_image.h"
#include "tests/lib/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER	   1024u
#define EXTENTS	   192u
#define CATALOG	   272u
#define ATTRIBUTES 352u
#define NODE	   8192u

static char dir[64];

struct image {
	struct blk_dev *mem;
	uint8_t *data;	      /* of the HFS+ volume */
	uint64_t base, block; /* where that begins */
};

static struct image load(const char *options)
{
	struct image m = {0};
	hfsplus_image_make(dir, options, 16 * SV_MIB);
	m.mem = fixture_load(dir, "img", 512);
	m.base = strstr(options, "wrapper") ? 4 * 512 + 8 * 4096 : 0;
	m.data = (uint8_t *)blk_mem_data(m.mem) + m.base;
	m.block = get_be32(m.data + HEADER + 40);
	return m;
}

static void done(struct image *m)
{
	blk_close(m->mem);
}

/* Where a file begins whose fork stands there in the header; it is in one piece. */
static uint64_t tree_at(const struct image *m, size_t fork)
{
	return get_be32(m->data + HEADER + fork + 16) * m->block;
}

static uint64_t tree_len(const struct image *m, size_t fork)
{
	return get_be64(m->data + HEADER + fork);
}

/* Behind all trees there are files. */
static uint64_t trees_end(const struct image *m)
{
	static const size_t forks[] = {EXTENTS, CATALOG, ATTRIBUTES};
	uint64_t end = 0;
	for (size_t i = 0; i < SV_ARRAY(forks); i++)
		end = SV_MAX(end, tree_at(m, forks[i]) + tree_len(m, forks[i]));
	return end;
}

/* The data of the record of a file in the catalog, by sleuthkit's number of that name. */
static uint64_t record_at(const struct image *m, const char *path, uint32_t *id)
{
	char *text;
	assert_int_equal(fixture_run(dir, &text, "fls -f hfs -rp img | grep '\t%s$'", path), 0);
	*id = (uint32_t)strtoul(text + 4, NULL, 10);
	free(text);
	uint64_t at = tree_at(m, CATALOG), end = at + tree_len(m, CATALOG);
	for (; at < end; at += 2)
		if (get_be16(m->data + at) == 2 && get_be32(m->data + at + 8) == *id &&
		    get_be32(m->data + at + 4) == 0 && get_be16(m->data + at + 42) >> 12 == 8)
			return at;
	fail_msg("no record of %s (%u)", path, *id);
	return 0;
}

static uint64_t content_at(const struct image *m, const char *path)
{
	uint32_t id;
	return get_be32(m->data + record_at(m, path, &id) + 88 + 16) * m->block;
}

static struct fsmap_files *ask_list(const struct image *m, struct sv_extents *list)
{
	struct fsmap_files *found = NULL;
	sv_extents_normalise(list);
	assert_int_equal(fsmap_files_read_as(m->mem, &fsmap_hfsplus_ops, "hfsplus", list, &found),
			 0);
	found_promises(found, list);
	return found;
}

static struct fsmap_files *ask(const struct image *m, const struct sv_extent *lost, size_t n)
{
	struct sv_extents list = {0};
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sv_extents_add(&list, lost[i].start, lost[i].len), 0);
	struct fsmap_files *found = ask_list(m, &list);
	sv_extents_clear(&list);
	return found;
}

static const struct files_file *file_of(const struct fsmap_files *f, const char *path)
{
	for (size_t i = 0; i < f->n_files; i++)
		for (size_t k = 0; k < f->files[i].n_paths; k++)
			if (!strcmp(f->files[i].paths[k], path))
				return &f->files[i];
	fail_msg("%s was not hit (%zu files, %s%s)", path, f->n_files, f->reason, f->caution);
	return NULL;
}

static void expect(const struct fsmap_files *f, const char *path, enum files_kind kind,
		   uint64_t start, uint64_t len)
{
	const struct files_loss *loss = &f->losses[file_of(f, path)->first];
	assert_int_equal(loss->kind, kind);
	assert_int_equal(loss->start, start);
	assert_int_equal(loss->len, len);
}

/* ---- whose ---- */

/* Bytes of the volume and of the file in the host's folder are the same, where the report says. */
static void compare_loss(const struct image *m, const char *path, const struct files_loss *loss)
{
	char name[400], buf[512];
	snprintf(name, sizeof(name), "%s/tree%s", dir, path);
	FILE *in = fopen(name, "rb");
	assert_non_null(in);
	assert_true(loss->len <= sizeof(buf));
	assert_int_equal(fseek(in, (long)loss->start, SEEK_SET), 0);
	assert_int_equal(fread(buf, 1, loss->len, in), loss->len);
	assert_memory_equal(buf, m->data + loss->at - m->base, loss->len);
	fclose(in);
}

/* A sector of every third is lost. */
static void test_content(void **state)
{
	static const char *const options[] = {
		"--files tree", "--files tree --scatter --rich --large",
		"--files tree --scatter --block 1024 --x --rich", "--files tree --wrapper --rich"};
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(options); i++) {
		struct image m = load(options[i]);
		struct sv_extents lost = {0};
		unsigned int seen = 0;
		for (uint64_t at = m.base + trees_end(&m); at + 512 <= m.mem->size - SV_MIB;
		     at += 3 * 512)
			assert_int_equal(sv_extents_add(&lost, at, 512), 0);
		struct fsmap_files *f = ask_list(&m, &lost);
		assert_string_equal(f->reason, "");
		assert_string_equal(f->caution, "");
		assert_int_equal(f->unknown, 0);
		for (size_t k = 0; k < f->n_files; k++) {
			const struct files_file *file = &f->files[k];
			assert_true(file->n_paths > 0);
			for (size_t n = file->first; n < file->first + file->n; n++)
				if (!strncmp(file->paths[0], "/Sub/", 5) && ++seen)
					compare_loss(&m, file->paths[0], &f->losses[n]);
		}
		assert_true(seen > 50);
		sv_extents_clear(&lost);
		fsmap_files_destroy(f);
		done(&m);
	}
}

static void test_streams_and_links(void **state)
{
	struct image m = load("--files tree --scatter --rich --large");
	/* sleuthkit does not know attributes with blocks of their own */
	uint64_t leaf = tree_at(&m, ATTRIBUTES) + 4096, fork = 0, record = 0;
	(void)state;
	for (uint64_t at = leaf; !fork && at < leaf + 8 * 4096; at += 2)
		if (get_be32(m.data + at) == 0x20 && get_be64(m.data + at + 8) == 100000)
			fork = at + 8;
	for (uint64_t at = tree_at(&m, CATALOG); !record && at < tree_at(&m, CATALOG) + 16 * NODE;
	     at += 2)
		if (get_be16(m.data + at) == 2 && get_be64(m.data + at + 168) == 90000)
			record = at;
	assert_true(fork && record);
	const struct sv_extent lost[] = {
		{get_be32(m.data + fork + 16) * m.block, 512},
		{get_be32(m.data + record + 168 + 16) * m.block + 512, 512},
		{content_at(&m, ".*Private Data/iNode.*"), 512},
	};
	struct fsmap_files *f = ask(&m, lost, 3);
	assert_int_equal(f->n_files, 2);
	const struct files_file *file = file_of(f, "/with resources");
	assert_int_equal(file->n, 2);
	assert_int_equal(f->losses[file->first].kind, FILES_CONTENT);
	assert_string_equal(f->losses[file->first].stream, "rsrc");
	assert_int_equal(f->losses[file->first].start, 512);
	assert_int_equal(f->losses[file->first + 1].kind, FILES_ATTRS);
	assert_ptr_equal(file_of(f, "/first name 0"), file_of(f, "/Second name 0"));
	assert_int_equal(file_of(f, "/first name 0")->n_paths, 2);
	fsmap_files_destroy(f);

	const struct sv_extent inside = {content_at(&m, "linked folder/in a folder.*"), 512};
	f = ask(&m, &inside, 1);
	assert_int_equal(f->n_files, 1);
	assert_int_equal(strncmp(f->files[0].paths[0], "/.HFS", 5) != 0, 1);
	assert_non_null(strstr(f->files[0].paths[0], "folder/in a folder with two names"));
	fsmap_files_destroy(f);
	const struct sv_extent slash = {content_at(&m, "this:that.*"), 512};
	f = ask(&m, &slash, 1);
	expect(f, "/this:that: u\xcc\x88", FILES_CONTENT, 0, 512);
	fsmap_files_destroy(f);
	done(&m);
}

/* ---- what would tell is lost ---- */

static void test_record(void **state)
{
	struct image m = load("--files tree --scatter");
	uint32_t id, gone;
	uint64_t hit = content_at(&m, "Sub/f58"), record = record_at(&m, "Sub/f50", &gone);
	const struct sv_extent lost[] = {
		{record + 8, 4}, {hit, 512}, {content_at(&m, "Sub/f50"), 512}};
	(void)state;
	(void)record_at(&m, "Sub/f58", &id);
	struct fsmap_files *f = ask(&m, lost, 3);
	expect(f, "/Sub/f50", FILES_RECORD, 0, 0);
	expect(f, "/Sub/f58", FILES_CONTENT, 0, 512);
	assert_int_equal(file_of(f, "/Sub/f50")->id, gone);
	assert_true(f->n_files < 8); /* of the node only what is in that sector */
	assert_int_equal(f->unknown, 512);
	assert_non_null(strstr(f->caution, "catalog is lost in part"));
	fsmap_files_destroy(f);

	/* the whole leaf: all that is in it, where the thread is elsewhere */
	uint64_t tree = tree_at(&m, CATALOG), leaf = tree + (record - tree) / NODE * NODE;
	const struct sv_extent whole = {leaf, NODE};
	f = ask(&m, &whole, 1);
	assert_true(f->n_files > 5);
	expect(f, "/Sub/f50", FILES_RECORD, 0, 0);
	assert_int_equal(f->in_files, NODE);
	fsmap_files_destroy(f);

	/* a folder keeps what is in it */
	const struct sv_extent all = {tree + NODE, 2 * NODE};
	f = ask(&m, &all, 1);
	assert_int_equal(f->unknown, 0);
	fsmap_files_destroy(f);

	/* without its first node the tree tells nothing, but the rest is told */
	const struct sv_extent first[] = {{tree, 512}, {hit, 512}, {m.mem->size - 8192 - 512, 512}};
	f = ask(&m, first, 3);
	assert_int_equal(f->metadata, 512);
	assert_int_equal(f->unknown, 512);
	assert_int_equal(f->free, 512);
	assert_true(*f->caution);
	fsmap_files_destroy(f);
	done(&m);
}

static void test_extents(void **state)
{
	struct image m = load("--files tree --scatter --block 512");
	uint64_t leaf = tree_at(&m, EXTENTS) + 4096, first = content_at(&m, "Sub/deep/large");
	const struct sv_extent lost[] = {{leaf, 4096 * 60}, {first, 512}};
	uint32_t id, blocks = 0;
	uint64_t record = record_at(&m, "Sub/deep/large", &id);
	(void)state;
	for (size_t i = 0; i < 8; i++)
		blocks += get_be32(m.data + record + 88 + 16 + 8 * i + 4);
	struct fsmap_files *f = ask(&m, lost, 2);
	const struct files_file *file = file_of(f, "/Sub/deep/large");
	expect(f, "/Sub/deep/large", FILES_CONTENT, 0, 512);
	const struct files_loss *map = &f->losses[file->first + 1];
	assert_int_equal(map->kind, FILES_MAP);
	assert_int_equal(map->start, blocks * 512);
	assert_int_equal(map->start + map->len, 70000);
	assert_true(*f->caution);
	fsmap_files_destroy(f);
	done(&m);
}

static void test_headers(void **state)
{
	static const char *const options[] = {"--files tree", "--files tree --wrapper",
					      "--files tree --tail 3584"};
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(options); i++) {
		struct image m = load(options[i]);
		uint64_t end = m.mem->size - (i == 1 ? 64 * 4096 - m.base : i == 2 ? 4096 : 0);
		struct sv_extent lost[] = {{m.base + 1024, 512}, {m.mem->size / 2, 512}};
		struct fsmap_files *f = ask(&m, lost, 2);
		assert_string_equal(f->reason, "");
		assert_non_null(strstr(f->caution, "header is lost"));
		assert_int_equal(f->metadata, 512);
		assert_int_equal(f->unknown, 512);
		fsmap_files_destroy(f);
		lost[0].start = end - 1024;
		f = ask(&m, lost, 2);
		assert_string_equal(f->caution, "");
		assert_int_equal(f->metadata, 512);
		assert_int_equal(f->free, 512);
		fsmap_files_destroy(f);
		lost[1].start = m.base + 1024;
		f = ask(&m, lost, 2);
		assert_true(*f->reason);
		fsmap_files_destroy(f);
		done(&m);
	}
	struct image m = load("--files tree");
	const struct sv_extent lost = {m.mem->size / 2, 512};
	m.data[HEADER + 42] ^= 0x18;
	struct fsmap_files *f = ask(&m, &lost, 1);
	assert_non_null(strstr(f->reason, "headers do not agree"));
	fsmap_files_destroy(f);
	done(&m);
}

static void test_state(void **state)
{
	struct image m = load("--files tree --journal 65536");
	uint64_t journal = get_be64(m.data + get_be32(m.data + HEADER + 12) * m.block + 36);
	const struct sv_extent lost[] = {
		{m.mem->size / 2, 512}, {journal + 8192, 512}, {journal, 512}};
	(void)state;
	for (size_t n = 1; n <= 3; n++) {
		struct fsmap_files *f = ask(&m, lost, n);
		assert_int_equal(f->free, n < 3 ? 512 : 0);
		assert_int_equal(f->metadata, (n - 1) * 512);
		assert_int_equal(*f->caution != '\0', n == 3);
		fsmap_files_destroy(f);
	}
	done(&m);
	/* of the last free blocks its journal has as used */
	m = load("--files tree --journal 65536 --pending");
	const struct sv_extent last[] = {{m.mem->size / 2, 512}, {m.mem->size - 3 * 4096, 512}};
	struct fsmap_files *f = ask(&m, last, 2);
	assert_int_equal(f->free, 512);
	assert_int_equal(f->unknown, 512);
	assert_non_null(strstr(f->caution, "not unmounted"));
	fsmap_files_destroy(f);
	done(&m);
}

/* ---- damage ---- */

/* Who has each lost sector: a file's number, 0 = free, 1 = the volume, 2 = nobody knows. */
struct truth {
	uint64_t *who;
	size_t n;
};

static uint64_t owner_at(const struct fsmap_files *f, uint64_t at, bool *several)
{
	uint64_t who = 2;
	for (size_t i = 0; i < f->n_losses; i++) {
		const struct files_loss *l = &f->losses[i];
		if (at < l->at || at >= l->at + l->at_len)
			continue;
		*several = *several || (who != 2 && who != l->id);
		who = l->id;
	}
	for (size_t i = 0; i < f->n_areas; i++)
		if (at >= f->areas[i].start && at < f->areas[i].start + f->areas[i].len)
			who = f->areas[i].kind == FILES_AREA_FREE	? 0
			      : f->areas[i].kind == FILES_AREA_METADATA ? 1
									: 2;
	return who;
}

static struct truth tell(const struct image *m, struct sv_extents *lost)
{
	struct fsmap_files *f = ask_list(m, lost);
	struct truth t = {.who = calloc(lost->n, sizeof(*t.who)), .n = lost->n};
	bool several = false;
	assert_string_equal(f->caution, "");
	for (size_t i = 0; i < lost->n; i++)
		t.who[i] = owner_at(f, lost->v[i].start, &several);
	assert_false(several);
	fsmap_files_destroy(f);
	return t;
}

/* Nothing that is used is free, and no other file has it unless a word is said. */
static bool judge(const struct image *m, struct sv_extents *lost, const struct truth *t,
		  uint64_t at)
{
	struct fsmap_files *f = ask_list(m, lost);
	bool quiet = !*f->caution && !*f->reason;
	for (size_t i = 0; i < t->n; i++) {
		bool several = false;
		uint64_t who = owner_at(f, lost->v[i].start, &several);
		if ((who == 0 && t->who[i] != 0) || (several && quiet) ||
		    (quiet && who != 2 && who != t->who[i]))
			fail_msg("byte %lu changed: sector %lu is of %lu, not of %lu (%s)",
				 (unsigned long)at, (unsigned long)lost->v[i].start,
				 (unsigned long)who, (unsigned long)t->who[i], f->caution);
	}
	fsmap_files_destroy(f);
	return quiet;
}

/* Sectors of all kinds are lost, none that tells anything; then one byte after the other of what
 * does tell is changed. */
static void test_damage(void **state)
{
	struct image m = load("--files tree --scatter --block 1024 --rich");
	struct sv_extents lost = {0};
	uint64_t seed = 3;
	unsigned int noticed = 0;
	const struct sv_extent told[] = {
		{HEADER, 512},
		{get_be32(m.data + HEADER + 112 + 16) * m.block, 2048},
		{tree_at(&m, EXTENTS), 4 * 4096},
		{tree_at(&m, CATALOG), 8 * NODE},
		{tree_at(&m, ATTRIBUTES), 4 * 4096},
	};
	(void)state;
	for (uint64_t at = trees_end(&m) + 512; at < m.mem->size - 4096; at += 9 * 512)
		assert_int_equal(sv_extents_add(&lost, at, 512), 0);
	struct truth t = tell(&m, &lost);
	for (int round = 0; round < 3000; round++) {
		const struct sv_extent *in = &told[noise_random(&seed) % SV_ARRAY(told)];
		uint64_t at = in->start + noise_random(&seed) % in->len;
		uint8_t old = m.data[at];
		m.data[at] ^= (uint8_t)(1u << noise_random(&seed) % 8);
		noticed += !judge(&m, &lost, &t, at);
		m.data[at] = old;
	}
	assert_true(noticed > 500);
	free(t.who);
	sv_extents_clear(&lost);
	done(&m);
}

/* Anything at once, also where it is lost: everything stays accounted for. */
static void test_noise(void **state)
{
	static const char *const options[] = {"--files tree --scatter --rich --large",
					      "--files tree --journal 65536 --pending --x",
					      "--files tree --wrapper --rich"};
	uint64_t seed = 5;
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(options); i++) {
		struct image m = load(options[i]);
		for (int round = 0; round < 200; round++) {
			struct sv_extent lost[6];
			for (size_t k = 0; k < SV_ARRAY(lost); k++) {
				uint64_t most = k % 2 ? m.mem->size : SV_MIB;
				lost[k].start = noise_random(&seed) % most / 512 * 512;
				lost[k].len = SV_MIN(m.mem->size - lost[k].start,
						     (noise_random(&seed) % 20 + 1) * 512);
			}
			for (int k = 0; k < 4; k++)
				m.data[noise_random(&seed) % SV_MIB] ^=
					(uint8_t)noise_random(&seed);
			fsmap_files_destroy(ask(&m, lost, SV_ARRAY(lost)));
			if (round % 20 == 19) {
				done(&m);
				m = load(options[i]);
			}
		}
		done(&m);
	}
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
		cmocka_unit_test(test_content), cmocka_unit_test(test_streams_and_links),
		cmocka_unit_test(test_record),	cmocka_unit_test(test_extents),
		cmocka_unit_test(test_headers), cmocka_unit_test(test_state),
		cmocka_unit_test(test_damage),	cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests_name("hfsplus_files", tests, setup, teardown);
}
