/* hfsplus_claims.c - HFS+: what all files have must be used, or the allocation file is wrong */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/hfsplus_tree.h"

#include "engine/util/bytes.h"

/* TN1150, "Catalog File", "Attributes File". */
enum {
	/* what a record of the catalog is */
	C_FOLDER = 1,
	C_FILE = 2,
	C_FOLDER_THREAD = 3,
	C_FILE_THREAD = 4,
	C_FILE_SIZE = 248,
	C_DATA = 88, /* its forks */
	C_RESOURCES = 168,

	A_INLINE = 0x10,
	A_FORK = 0x20,
	A_EXTENTS = 0x30,
	A_CONTENT = 8,

	FORK_BLOCKS = 12,
	FORK_RUNS = 16,
	RUNS_SIZE = HFSPLUS_RUNS * 8,
	MANY_CLAIMS = 1 << 20, /* 16 MiB of them */
};

struct claims {
	struct hfsplus *h;
	struct hfsplus_tree tree;
	uint64_t missing, more; /* blocks that no record of a fork has room for, and in others */
};

static int add_run(struct claims *c, uint32_t start, uint32_t count)
{
	struct hfsplus *h = c->h;
	if (!sv_range_ok(start, count, h->blocks))
		return fsmap_whole(h->r, "a file of it would lie outside of the volume");
	if (h->own.n >= MANY_CLAIMS) {
		sv_extents_normalise(&h->own);
		int ret = h->own.n < MANY_CLAIMS / 2 ? 0 : hfsplus_bitmap_check(h);
		if (ret)
			return ret;
	}
	return sv_extents_add(&h->own, start, count);
}

static int add_runs(struct claims *c, const uint8_t *raw, uint64_t *blocks)
{
	int ret = 0;
	*blocks = 0;
	for (size_t i = 0; !ret && i < HFSPLUS_RUNS; i++) {
		uint32_t count = get_be32(raw + 8 * i + 4);
		if (count)
			ret = add_run(c, get_be32(raw + 8 * i), count);
		*blocks += count;
	}
	return ret;
}

static int add_fork(struct claims *c, const uint8_t *raw)
{
	uint64_t all = get_be32(raw + FORK_BLOCKS), here;
	int ret = add_runs(c, raw + FORK_RUNS, &here);
	if (!ret && here > all)
		return hfsplus_tree_damaged(&c->tree);
	c->missing += all - here;
	return ret;
}

static int add_more(struct claims *c, const uint8_t *raw)
{
	uint64_t here;
	int ret = add_runs(c, raw, &here);
	c->more += here;
	return ret;
}

/* ---- one record of each of the trees ---- */

static int see_catalog(void *arg, const uint8_t *record, uint32_t key, const uint8_t *data,
		       uint32_t len)
{
	struct claims *c = arg;
	unsigned int kind = len < 2 ? 0 : get_be16(data);
	(void)record;
	(void)key;
	if (kind == C_FOLDER || kind == C_FOLDER_THREAD || kind == C_FILE_THREAD)
		return 0;
	if (kind != C_FILE || len < C_FILE_SIZE)
		return hfsplus_tree_damaged(&c->tree);
	int ret = add_fork(c, data + C_DATA);
	return ret ? ret : add_fork(c, data + C_RESOURCES);
}

static int see_extents(void *arg, const uint8_t *record, uint32_t key, const uint8_t *data,
		       uint32_t len)
{
	struct claims *c = arg;
	if (key != HFSPLUS_X_KEY || len < RUNS_SIZE)
		return hfsplus_tree_damaged(&c->tree);
	if (get_be32(record + HFSPLUS_X_FILE) < HFSPLUS_FIRST_OF_USERS)
		return 0; /* seen */
	return add_more(c, data);
}

static int see_attribute(void *arg, const uint8_t *record, uint32_t key, const uint8_t *data,
			 uint32_t len)
{
	struct claims *c = arg;
	uint32_t kind = len < 4 ? 0 : get_be32(data);
	(void)record;
	(void)key;
	if (kind == A_INLINE)
		return 0;
	if (kind == A_FORK && len >= A_CONTENT + HFSPLUS_FORK_SIZE)
		return add_fork(c, data + A_CONTENT);
	if (kind == A_EXTENTS && len >= A_CONTENT + RUNS_SIZE)
		return add_more(c, data + A_CONTENT);
	return hfsplus_tree_damaged(&c->tree);
}

int hfsplus_claims_read(struct hfsplus *h)
{
	static const struct {
		enum hfsplus_file which;
		const char *what;
		hfsplus_record_fn *each;
	} trees[] = {
		{HFSPLUS_EXTENTS, "its extents file", see_extents},
		{HFSPLUS_CATALOG, "its catalog", see_catalog},
		{HFSPLUS_ATTRIBUTES, "its attributes file", see_attribute},
	};
	struct claims c = {.h = h};
	int ret = 0;
	for (size_t i = 0; !ret && i < SV_ARRAY(trees); i++) {
		if (trees[i].which == HFSPLUS_ATTRIBUTES && h->forks[HFSPLUS_ATTRIBUTES].len == 0)
			continue;
		ret = hfsplus_tree_open(&c.tree, h, trees[i].which, trees[i].what);
		if (!ret)
			ret = hfsplus_tree_scan(&c.tree, trees[i].each, &c);
	}
	if (!ret && c.missing != c.more)
		ret = fsmap_whole(h->r, "its files and its extents file count different numbers of "
					"blocks");
	return ret;
}
