/* test_btrfs.c - maps of Btrfs against its own dump of trees; damage, refused features, several
 * disks */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/reader.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"
#include "tests/lib/fixture.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUPER	   65536u
#define SUPER_SIZE 4096u
#define NODE	   4096u /* of the small images */
#define MIRROR	   (64 * SV_MIB)
#if defined(__SANITIZE_ADDRESS__)
#define FLIPS 1000
#else
#define FLIPS 6000
#endif

/* offsets in a superblock */
enum { GENERATION = 72, LOG_ROOT = 96, NUM_DEVICES = 136, INCOMPAT = 188, CSUM_TYPE = 196 };
/* offsets in a node */
enum { NODE_BYTENR = 48, NODE_GENERATION = 80, NODE_OWNER = 88 };

static char dir[64];
static char *oracle; /* path of oracle.py */

/* What mkfs.btrfs makes; `after` is a command line. */
struct variant {
	const char *options;
	int mib;
	const char *after;
};

static const struct variant variants[] = {
	{"", 128, NULL},
	{"-m single -d single", 128, NULL},
	{"-m dup -d dup", 160, NULL},
	{"-m raid0 -d raid0", 128, NULL},
	{"-M -n 4096", 32, NULL},
	{"-M -n 4096 -m dup -d dup", 48, NULL},
	{"-n 4096", 128, NULL},
	{"-n 65536", 160, NULL},
	{"-s 16384", 160, NULL},
	{"--csum xxhash", 128, NULL},
	{"--csum sha256", 128, NULL},
	{"--csum blake2", 128, NULL},
	{"-O block-group-tree", 128, NULL},
	{"-O ^skinny-metadata,^extref,^no-holes -R ^free-space-tree", 128, NULL},
	{"-R quota", 128, NULL},
	{"-b 120M", 160, NULL},
	{"--shrink", 300, "truncate -s 200M img"},
	{"", 128, "btrfstune -f -m img"},
	{"", 128, "btrfstune -f -S 1 img"},
};

static int make(const struct variant *v, bool full)
{
	fixture_empty(dir, "img", (uint64_t)v->mib * SV_MIB);
	bool shrink = strstr(v->options, "--shrink");
	if (fixture_run(dir, NULL, "mkfs.btrfs -q -f %s %s img", v->options,
			full || shrink ? "-r tree" : ""))
		return -1;
	if (v->after)
		fixture_must(dir, "%s", v->after);
	return 0;
}

/* The map must be the oracle's, range for range. */
static void compare(const struct variant *v)
{
	struct blk_dev *dev = fixture_open(dir, "img", 512);
	struct fsmap *map = fixture_map(dev);
	char *text;
	if (map->state != FSMAP_EXACT)
		fail_msg("%s: %s: %s", v->options, fsmap_state_name(map->state), map->reason);
	assert_int_equal(fixture_run(dir, &text,
				     "python3 '%s' free btrfs img >free && echo \"0 %" PRIu64
				     " free\" >parts && python3 '%s' used %" PRIu64 " parts",
				     oracle, dev->size, oracle, dev->size),
			 0);
	char *line = text;
	for (size_t i = 0; i < map->used.n; i++) {
		uint64_t start = strtoull(line, &line, 10), len = strtoull(line, &line, 10);
		if (map->used.v[i].start != start || map->used.v[i].len != len)
			fail_msg("%s: range %zu is %" PRIu64 "+%" PRIu64 ", the oracle's %" PRIu64
				 "+%" PRIu64,
				 v->options, i, map->used.v[i].start, map->used.v[i].len, start,
				 len);
	}
	assert_int_equal(strspn(line, " \n"), strlen(line));
	assert_true(sv_extents_total(&map->used) < map->size);
	free(text);
	fsmap_destroy(map);
	blk_close(dev);
}

static void test_variants(void **state)
{
	(void)state;
	size_t made = 0;
	for (size_t i = 0; i < SV_ARRAY(variants); i++)
		for (int full = 0; full < 2; full++) {
			if (make(&variants[i], full)) {
				print_message("left out: this mkfs.btrfs does not make \"%s\"\n",
					      variants[i].options);
				continue;
			}
			compare(&variants[i]);
			made++;
		}
	assert_true(made > SV_ARRAY(variants));
}

/* ---- images in memory ---- */

static void seal(uint8_t *block, size_t len)
{
	memset(block, 0, 32);
	put_le32(block, ~sv_crc32c(~0u, block + 32, len - 32));
}

static struct blk_dev *load(const char *options, int mib)
{
	const struct variant v = {options, mib, NULL};
	assert_int_equal(make(&v, true), 0);
	return fixture_load(dir, "img", 512);
}

static struct fsmap *read_map(struct blk_dev *dev)
{
	struct fsmap *map;
	assert_int_equal(fsmap_read_as(dev, &fsmap_btrfs_ops, "btrfs", &map, NULL), 0);
	fixture_check_map(map);
	return map;
}

static void expect(struct blk_dev *dev, enum fsmap_state state, const char *reason)
{
	struct fsmap *map = read_map(dev);
	if (map->state != state || !strstr(map->reason, reason))
		fail_msg("%s, \"%s\" instead of \"%s\"", fsmap_state_name(map->state), map->reason,
			 reason);
	fsmap_destroy(map);
}

struct patch {
	uint32_t off;
	uint64_t value;
	int bytes;
	const char *reason;
};

static const struct patch patches[] = {
	{64, 0, 1, "superblock is missing"},
	{CSUM_TYPE, 4, 2, "checksum type 4"},
	{48, 4096, 8, "belongs to another place"},
	{56, 4, 8, "marked as damaged"},
	{56, 1ull << 33, 8, "marked as damaged"},
	{INCOMPAT, 0x1000 | 1, 8, "zoned"},
	{INCOMPAT, 0x2000 | 1, 8, "extent-tree-v2"},
	{INCOMPAT, 0x4000 | 1, 8, "raid-stripe-tree"},
	{INCOMPAT, 0x20000 | 1, 8, "remap-tree"},
	{INCOMPAT, 1ull << 40 | 1, 8, "(0x10000000000)"},
	{INCOMPAT, 0x8001, 8, "(0x8000)"},
	{INCOMPAT, 0, 8, "older than"},
	{180, 0x10, 8, "read-only compatible features unknown"},
	{172, 1, 8, "uses compatible features"},
	{144, 2048, 4, "block sizes"},
	{144, 8192, 4, "block sizes"},
	{148, 131072, 4, "block sizes"},
	{148, 5000, 4, "block sizes"},
	{201, 0, 8, "replace another disk"},
	{209, 1ull << 40, 8, "larger than its volume"},
	{217, 1, 8, "chunks take"},
	{120, 1, 8, "in use, not 1"},
	{198, 8, 1, "impossibly high"},
	{198, 3, 1, "the root tree is damaged"},
	{GENERATION, 999, 8, "the root tree is damaged"},
	{164, 999, 8, "the chunk tree is damaged"},
	{80, 1 << 20, 8, "the root tree is damaged"},
	{80, 1ull << 50, 8, "outside of all chunks"},
	{88, 1ull << 50, 8, "outside of all chunks"},
	{LOG_ROOT, 1ull << 50, 8, "outside of all chunks"},
	{LOG_ROOT, 1 << 20, 8, "the log is damaged"},
	{NUM_DEVICES, 2, 8, "has 1 disks, not 2"},
	{160, 2049, 4, "list of system chunks is too long"},
	{160, 40, 4, "cut short"},
	{160, 0, 4, "outside of all chunks"},
	{811 + 8, 1, 1, "list of system chunks"},
	{811 + 17 + 24, 4, 8, "list of system chunks"},
	{811 + 17 + 24, 2 | 8 | 0x20, 8, "unknown kind"},
	{811 + 17 + 24, 1 << 12 | 2, 8, "unknown kind"},
	{811 + 17 + 44, 0, 2, "unknown kind"},
	{811 + 17, 0, 8, "malformed"},
	{811 + 17 + 48 + 8, 1ull << 60, 8, "does not fit this disk"},
	{811 + 17 + 48 + 16, 1, 8, "names another disk"},
	{811 + 17 + 16, 999, 8, ""}, /* stripe_len: nobody looks at it */
	{267, 1, 8, "names another disk"},
};

static void test_superblock(void **state)
{
	(void)state;
	struct blk_dev *dev = load("-M -n 4096 -m single -d single", 32);
	uint8_t *sb = blk_mem_data(dev) + SUPER, old[SUPER_SIZE];
	memcpy(old, sb, sizeof(old));
	for (size_t i = 0; i < SV_ARRAY(patches); i++) {
		const struct patch *p = &patches[i];
		for (int k = 0; k < p->bytes; k++)
			sb[p->off + k] = (uint8_t)(p->value >> 8 * k);
		seal(sb, SUPER_SIZE);
		expect(dev, *p->reason ? FSMAP_WHOLE : FSMAP_EXACT, p->reason);
		memcpy(sb, old, sizeof(old));
	}
	sb[2000] ^= 1; /* not sealed */
	expect(dev, FSMAP_WHOLE, "superblock has a wrong checksum");
	blk_close(dev);
}

/* A newer copy is a doubt; an older, a damaged and a foreign one are not. */
static void test_mirror(void **state)
{
	(void)state;
	struct blk_dev *dev = load("-n 4096", 128);
	uint8_t *mirror = blk_mem_data(dev) + MIRROR;
	uint64_t generation = get_le64(mirror + GENERATION);
	expect(dev, FSMAP_EXACT, "");
	put_le64(mirror + GENERATION, generation - 1);
	seal(mirror, SUPER_SIZE);
	expect(dev, FSMAP_EXACT, "");
	put_le64(mirror + GENERATION, generation + 1);
	expect(dev, FSMAP_EXACT, "");
	seal(mirror, SUPER_SIZE);
	expect(dev, FSMAP_WHOLE, "is newer than the first one");
	mirror[32] ^= 1;
	seal(mirror, SUPER_SIZE);
	expect(dev, FSMAP_EXACT, "");
	blk_close(dev);
}

/* Places of the nodes of a tree that the superblock's state may use, newest generation only. */
static size_t find_nodes(struct blk_dev *dev, uint64_t owner, uint64_t *places, size_t max)
{
	const uint8_t *data = blk_mem_data(dev), *fsid = data + SUPER + 32;
	uint64_t newest = 0;
	size_t n = 0;
	for (uint64_t at = SV_MIB; at + NODE <= dev->size; at += NODE) {
		const uint8_t *node = data + at;
		if (memcmp(node + 32, fsid, 16) != 0 || memcmp(node + 64, "_BHRfS_M", 8) == 0 ||
		    (owner && get_le64(node + NODE_OWNER) != owner))
			continue;
		if (owner && get_le64(node + NODE_GENERATION) > newest) {
			newest = get_le64(node + NODE_GENERATION);
			n = 0;
		}
		if (n < max && (!owner || get_le64(node + NODE_GENERATION) == newest))
			places[n++] = at;
	}
	return n;
}

/* Of two copies one may be damaged or unreadable; of both neither. */
static void test_copies(void **state)
{
	(void)state;
	uint64_t places[64];
	struct blk_dev *dev = load("-n 4096", 128), *fault = NULL;
	struct fsmap *good = read_map(dev);
	assert_int_equal(good->state, FSMAP_EXACT);
	size_t n = find_nodes(dev, 2, places, SV_ARRAY(places));
	assert_true(n >= 2 && n % 2 == 0);
	uint8_t *data = blk_mem_data(dev);
	for (size_t i = 0; i < n / 2; i++)
		data[places[i] + 200] ^= 1;
	struct fsmap *map = read_map(dev);
	assert_int_equal(map->state, FSMAP_EXACT);
	assert_int_equal(sv_extents_total(&map->used), sv_extents_total(&good->used));
	const struct blk_fault_rule rule = {
		.ops = BLK_FAULT_READ, .start = places[n - 1], .len = 512, .sys_errno = EIO};
	assert_int_equal(blk_fault_create(dev, &fault), 0);
	assert_int_equal(blk_fault_add(fault, &rule), 0);
	expect(fault, FSMAP_WHOLE, "the extent tree is damaged");
	data[places[n / 2 - 1] + 200] ^= 1;
	expect(fault, FSMAP_EXACT, "");
	data[places[n / 2 - 1] + 200] ^= 1;
	data[places[n - 1] + 200] ^= 1;
	expect(dev, FSMAP_WHOLE, "the extent tree is damaged");
	fsmap_destroy(map);
	fsmap_destroy(good);
	blk_close(fault);
	blk_close(dev);
}

/* A cut-off device. */
static void test_truncated(void **state)
{
	(void)state;
	struct blk_dev *dev = load("-M -n 4096 -m single -d single", 32), *window = NULL;
	assert_int_equal(blk_window_create(dev, 0, dev->size - 4096, "cut", &window, NULL), 0);
	expect(window, FSMAP_WHOLE, "larger than its volume");
	blk_close(window);
	assert_int_equal(blk_window_create(dev, 0, 66000, "cut", &window, NULL), 0);
	expect(window, FSMAP_WHOLE, "outside of the volume");
	blk_close(window);
	blk_close(dev);
}

/* Each of two disks: what is given to chunks is read, the rest is free. */
static void test_two_disks(void **state)
{
	(void)state;
	static const char *const profiles[] = {"-m raid1 -d raid0", "-m raid1 -d raid1",
					       "-m raid1 -d single", "-m raid0 -d single"};
	for (size_t i = 0; i < SV_ARRAY(profiles); i++)
		for (int k = 1; k <= 2; k++) {
			fixture_must(dir,
				     "rm -f one two && truncate -s 200M one two && "
				     "mkfs.btrfs -q -f -n 4096 %s one two && mv %s img",
				     profiles[i], k == 1 ? "one" : "two");
			struct blk_dev *dev = fixture_load(dir, "img", 512);
			uint64_t taken = get_le64(blk_mem_data(dev) + SUPER + 217);
			struct fsmap *map = read_map(dev);
			if (map->state == FSMAP_WHOLE) {
				assert_non_null(strstr(map->reason, "on another disk"));
				assert_int_equal(i, 3);
			} else {
				assert_int_equal(map->state, FSMAP_UNION);
				assert_non_null(strstr(map->reason, "several disks"));
				uint64_t used = sv_extents_total(&map->used);
				assert_in_range(used, taken + SV_MIB, taken + 3 * SV_MIB);
			}
			fsmap_destroy(map);
			blk_close(dev);
		}
}

/* A node of the chunk tree that is newer than this disk's superblock. */
static void test_newer_elsewhere(void **state)
{
	(void)state;
	uint64_t places[64];
	fixture_must(dir, "rm -f one two && truncate -s 200M one two && "
			  "mkfs.btrfs -q -f -n 4096 -m raid1 -d single one two");
	struct blk_dev *dev = fixture_load(dir, "one", 512);
	assert_true(find_nodes(dev, 3, places, SV_ARRAY(places)) > 0);
	uint8_t *data = blk_mem_data(dev), *node = data + places[0] + NODE;
	expect(dev, FSMAP_UNION, "several disks");
	memcpy(node, data + places[0], NODE);
	put_le64(node + NODE_BYTENR, get_le64(node + NODE_BYTENR) + NODE);
	put_le64(node + NODE_GENERATION, get_le64(data + SUPER + GENERATION) + 1);
	seal(node, NODE);
	expect(dev, FSMAP_WHOLE, "a newer state");
	blk_close(dev);
}

/* ---- seeded damage, with checksums that are right: never a crash, never a byte lost ---- */

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static bool covers(const struct sv_extents *all, const struct sv_extents *part)
{
	for (size_t i = 0; i < part->n; i++)
		if (!sv_extents_contain(all, part->v[i].start, part->v[i].len))
			return false;
	return true;
}

static void flip_once(struct blk_dev *dev, const struct fsmap *good, uint64_t place, uint64_t seed,
		      size_t counts[2])
{
	uint8_t *node = blk_mem_data(dev) + place, old[NODE];
	memcpy(old, node, NODE);
	/* most of a node is empty: its head, the first items and the last data matter */
	static const struct sv_extent parts[] = {{0, 101}, {101, 400}, {NODE - 600, 600}};
	for (uint64_t flips = 1 + next_random(&seed) % 3; flips > 0; flips--) {
		const struct sv_extent *part = &parts[next_random(&seed) % 3];
		uint8_t *at = node + part->start + next_random(&seed) % part->len;
		*at ^= next_random(&seed) % 2 ? (uint8_t)(1u << next_random(&seed) % 8)
					      : (uint8_t)next_random(&seed);
	}
	if (next_random(&seed) % 8)
		seal(node, NODE);
	struct fsmap *map = read_map(dev);
	if (!covers(&map->used, &good->used))
		fail_msg("a byte in use is free (node %" PRIu64 ", seed %" PRIu64 ")", place, seed);
	counts[map->state == FSMAP_WHOLE]++;
	fsmap_destroy(map);
	memcpy(node, old, NODE);
}

/* Only the nodes that the reader looks at: without a right checksum they make the volume whole. */
static size_t find_read_nodes(struct blk_dev *dev, uint64_t *places, size_t max)
{
	size_t n = find_nodes(dev, 0, places, max), kept = 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t *byte = blk_mem_data(dev) + places[i] + 200;
		*byte ^= 1;
		struct fsmap *map = read_map(dev);
		if (map->state == FSMAP_WHOLE)
			places[kept++] = places[i];
		fsmap_destroy(map);
		*byte ^= 1;
	}
	return kept;
}

static void test_flips(void **state)
{
	(void)state;
	static uint64_t places[4096];
	struct blk_dev *dev = load("-M -n 4096 -m single -d single", 32);
	struct fsmap *good = read_map(dev);
	assert_int_equal(good->state, FSMAP_EXACT);
	size_t n = find_read_nodes(dev, places, SV_ARRAY(places) - 1), counts[2] = {0};
	places[n++] = SUPER;
	for (uint64_t i = 0; i < FLIPS; i++)
		flip_once(dev, good, places[i % n], 1000000 + i, counts);
	print_message("%zu nodes, %zu maps stood, %zu were whole\n", n, counts[0], counts[1]);
	assert_true(counts[0] > FLIPS / 100 && counts[1] > FLIPS / 10);
	fsmap_destroy(good);
	blk_close(dev);
}

static int set_up(void **state)
{
	(void)state;
	oracle = realpath("tests/lib/oracle.py", NULL);
	if (!oracle || !scratch_make(dir))
		return -1;
	fixture_must(dir, "mkdir -p tree/one/two && for i in $(seq 300); do "
			  "head -c $((i * 97 %% 9000)) /dev/urandom >tree/one/two/file-$i; done && "
			  "head -c 3000000 /dev/urandom >tree/large && cp tree/large tree/one && "
			  "truncate -s 3M tree/hole");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(oracle);
	scratch_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_variants),	cmocka_unit_test(test_superblock),
		cmocka_unit_test(test_mirror),		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_truncated),	cmocka_unit_test(test_two_disks),
		cmocka_unit_test(test_newer_elsewhere), cmocka_unit_test(test_flips),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
